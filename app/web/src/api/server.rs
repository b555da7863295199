//! What every server function needs from its request. Server only.

use std::collections::HashMap;

use axum::{
    extract::Query,
    http::{
        HeaderMap, Method, StatusCode,
        header::{ACCEPT, ACCEPT_LANGUAGE, COOKIE, REFERER},
        request::Parts,
    },
};
use cjhirashi_chat::{ArtifactError, ChatError};
use cjhirashi_domain::{ErrorCode, audit::Action, settings::Language, user::SignedIn};
use cjhirashi_models::ModelError;
use cjhirashi_storage::{Done, SessionToken, StorageError};
use cjhirashi_sync::DocumentError;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

use super::Failure;
use crate::{
    Services,
    served::{Words, words_of},
    texts::Texts,
};

/// The services of this process.
pub(crate) fn services() -> Result<Services, Failure> {
    use_context::<Services>().ok_or_else(|| {
        tracing::error!("no services in the context of a request: the router does not provide them");
        fail(ErrorCode::Internal)
    })
}

/// Who is asking, if anybody is signed in.
pub(crate) fn request_session() -> Option<SignedIn> {
    use_context::<SignedIn>().or_else(|| use_context::<Parts>()?.extensions.get::<SignedIn>().cloned())
}

/// Who is asking, or [`ErrorCode::Unauthorized`].
pub(crate) fn signed_in() -> Result<SignedIn, Failure> {
    request_session().ok_or_else(|| fail(ErrorCode::Unauthorized))
}

/// An administrator who is asking, or [`ErrorCode::Forbidden`].
pub(crate) fn admin() -> Result<SignedIn, Failure> {
    let who = signed_in()?;
    if who.viewer().is_admin() { Ok(who) } else { Err(fail(ErrorCode::Forbidden)) }
}

/// A failure, with its status on the response.
///
/// A form without script is redirected back with the failure in the address; a status would stop that.
pub(crate) fn fail(code: ErrorCode) -> Failure {
    if !is_plain_form()
        && let Some(response) = use_context::<ResponseOptions>()
        && let Ok(status) = StatusCode::from_u16(code.status())
    {
        response.set_status(status);
    }
    Failure::told(code, language())
}

/// After a command: a form without script goes to `path`; the program stays where it is. Whether it was such a form.
pub(crate) fn forward(path: &str) -> bool {
    let plain = is_plain_form();
    if plain {
        leptos_axum::redirect(path);
    }
    plain
}

/// The path of the page where the form stood, without its first slash, with what its address says after it.
fn came_from() -> Option<String> {
    let from = use_context::<Parts>().and_then(|parts| header(&parts, |headers| headers.get(REFERER)))?;
    from.split_once("://")?.1.split_once('/').map(|(_, path)| path.to_owned())
}

/// The same, back to the page where the form stood if that is below `home`, else to `other`.
pub(crate) fn forward_within(home: &str, other: &str) {
    let within = came_from().is_some_and(|path| path.split(['?', '#', '/']).next() == home.strip_prefix('/'));
    forward(if within { home } else { other });
}

/// The same, back to the chat, or the part of the library, where the form stood.
pub(crate) fn forward_back() {
    forward_back_told(None);
}

/// The same, and the library tells what was done with how many chats.
pub(crate) fn forward_back_told(done: Option<(&str, u64)>) {
    forward(&back(came_from().as_deref(), done));
}

/// What the address of a page says of what was done last, or went wrong.
const TOLD: [&str; 11] =
    ["done", "chats", "saved", "imported", "known", "damaged", "empty", "error", "about", "__err", "__path"];

/// The way back to a chat or the library, without what was told there before.
fn back(from: Option<&str>, done: Option<(&str, u64)>) -> String {
    let from = from.and_then(|from| from.split('#').next()).unwrap_or_default();
    let (path, query) = from.split_once('?').unwrap_or((from, ""));
    let (path, query) = if path == "chats" || path.starts_with("chat/") { (path, query) } else { ("chats", "") };
    let lasts = |pair: &&str| !pair.is_empty() && !TOLD.contains(&pair.split('=').next().unwrap_or_default());
    let mut query: Vec<String> = query.split('&').filter(lasts).map(str::to_owned).collect();
    if let Some((what, chats)) = done.filter(|_| path == "chats") {
        query.extend([format!("done={what}"), format!("chats={chats}")]);
    }
    if query.is_empty() { format!("/{path}") } else { format!("/{path}?{}", query.join("&")) }
}

/// The words of whoever asks.
pub(crate) fn texts(who: &SignedIn) -> &'static Texts {
    Texts::of(who.settings.language)
}

/// The same that only the server says.
pub(crate) fn words(who: &SignedIn) -> &'static Words {
    words_of(who.settings.language)
}

/// What the address of a page says after its path.
pub(crate) struct Asked(HashMap<String, String>);

impl Asked {
    /// Reads it, with or without its question mark; what cannot be read says nothing.
    pub(crate) fn read(query: &str) -> Self {
        let uri = format!("/?{}", query.trim_start_matches('?')).parse().ok();
        let read = uri.and_then(|uri| Query::<HashMap<String, String>>::try_from_uri(&uri).ok());
        Self(read.map(|Query(values)| values).unwrap_or_default())
    }

    /// One of its values.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Which page of a list, from 1.
    pub(crate) fn page(&self) -> u32 {
        self.get("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1)
    }
}

/// The token of the browser that asks.
pub(crate) fn session_token() -> Option<SessionToken> {
    use_context::<Parts>()?.extensions.get::<SessionToken>().copied()
}

/// The client's address, as the router found it.
#[derive(Debug, Clone)]
pub struct ClientIp(pub String);

/// Writes down what somebody did.
pub(crate) async fn note(
    services: &Services,
    who: &SignedIn,
    action: Action,
    subject: Option<&str>,
    detail: Option<&str>,
) -> Result<(), Failure> {
    let address = use_context::<Parts>().and_then(|parts| parts.extensions.get::<ClientIp>().cloned());
    let address = address.as_ref().map(|ClientIp(address)| address.as_str());
    services.store.note(&Done { actor: Some(&who.user.id), action, subject, detail, address }).await?;
    Ok(())
}

fn is_plain_form() -> bool {
    use_context::<Parts>().is_some_and(|parts| {
        parts.method == Method::POST
            && parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|v| v.contains("text/html"))
    })
}

fn header(parts: &Parts, read: impl FnOnce(&HeaderMap) -> Option<&axum::http::HeaderValue>) -> Option<String> {
    read(&parts.headers)?.to_str().ok().map(str::to_owned)
}

/// The language that the browser asks for; Spanish when it speaks neither.
pub(crate) fn language_of_request() -> Language {
    use_context::<Parts>()
        .and_then(|parts| header(&parts, |headers| headers.get(ACCEPT_LANGUAGE)))
        .and_then(|wanted| wanted.split(',').find_map(|tag| Language::parse(tag.split(';').next()?.trim())))
        .unwrap_or_default()
}

/// Minutes east of UTC, as the browser noted in a cookie; 0 until it has.
pub(crate) fn utc_offset_of_request() -> i32 {
    use_context::<Parts>()
        .and_then(|parts| header(&parts, |headers| headers.get(COOKIE)))
        .and_then(|cookies| {
            cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("utc_offset=")?.parse::<i32>().ok())
        })
        .filter(|minutes| (-14 * 60..=14 * 60).contains(minutes))
        .unwrap_or_default()
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 16);
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

fn log_if_internal(code: ErrorCode, error: &dyn std::fmt::Display) {
    if code.status() >= 500 {
        tracing::error!(error.code = code.as_str(), error = %error, "a page could not be served");
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        log_if_internal(error.code(), &error);
        fail(error.code())
    }
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Self {
        log_if_internal(error.code(), &error);
        let detail = if let ChatError::Model(error) = &error { said(error) } else { None };
        Self { detail, ..fail(error.code()) }
    }
}

impl From<ArtifactError> for Failure {
    fn from(error: ArtifactError) -> Self {
        let code = error.code();
        log_if_internal(code, &error);
        fail(code)
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        log_if_internal(error.code(), &error);
        Self { detail: said(&error), ..fail(error.code()) }
    }
}

/// The language of who is asking.
pub(crate) fn language() -> Language {
    request_session().map_or_else(language_of_request, |who| who.settings.language)
}

/// What a provider said, told as its own words in the language of who is asking.
fn said(error: &ModelError) -> Option<String> {
    error.said().map(|words| Texts::of(language()).server_says(words))
}

impl From<DocumentError> for Failure {
    fn from(error: DocumentError) -> Self {
        log_if_internal(error.code(), &error);
        fail(error.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_keeps_what_was_looked_for_and_tells_only_what_was_done_last() {
        let from = Some("chats?q=luz%20azul&done=pin&chats=3&page=2&__err=x&error=y&about=z#chosen");
        assert_eq!(back(from, None), "/chats?q=luz%20azul&page=2");
        assert_eq!(back(from, Some(("archive", 2))), "/chats?q=luz%20azul&page=2&done=archive&chats=2");
        assert_eq!(back(Some("chats?saved=1"), None), "/chats");
        assert_eq!(back(Some("chat/abc?branch=1"), Some(("archive", 1))), "/chat/abc?branch=1");
        for elsewhere in [None, Some(""), Some("documents?q=1"), Some("/evil.example/chats"), Some("chatsx?q=1")] {
            assert_eq!(back(elsewhere, Some(("move", 1))), "/chats?done=move&chats=1", "{elsewhere:?}");
        }
    }

    #[test]
    fn html_in_a_text_field_is_shown_as_text() {
        assert_eq!(
            escape("<script>alert('\"&')</script>"),
            "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;"
        );
    }
}

//! Sessions of browsers: the cookie, and `tower-sessions`' session behind it.
//!
//! `tower-sessions` would write its id of 128 bits into the cookie. Ours carries 256, so the cookie is read and written
//! here, and the store looks a session up by all of them.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue,
        header::{COOKIE, SET_COOKIE, USER_AGENT},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use cjhirashi_domain::ErrorCode;
use cjhirashi_storage::{PgSessionStore, SessionToken};
use time::Duration;
use tower_sessions::{Expiry, Session, session::Error};

use super::error::ApiError;
use crate::AppState;

/// A session ends this long after the last day it was used.
pub(crate) const IDLE: Duration = Duration::days(30);

/// Puts a [`Session`] into the request; afterwards keeps what changed of it.
pub(crate) async fn carry(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let name = cookie_name(&state.config.app_url);
    let cookie = cookie(request.headers(), &name);
    let (was_there, presented) = (cookie.is_some(), cookie.and_then(SessionToken::parse));
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let store = Arc::new(PgSessionStore::new(state.store.clone(), presented, agent));
    let id = presented.map(|token| token.id());
    let session = Session::new(id, Arc::clone(&store), Some(Expiry::OnInactivity(IDLE)));
    request.extensions_mut().insert(session.clone());
    if let Some(presented) = presented {
        request.extensions_mut().insert(presented);
    }
    let mut response = next.run(request).await;
    let secure = state.config.app_url.starts_with("https://");
    let cookie = if session.is_empty().await {
        was_there.then(|| set_cookie(&name, "", Duration::ZERO, secure))
    } else if session.is_modified() && !response.status().is_server_error() {
        if let Err(error) = session.save().await {
            return unavailable(error).into_response();
        }
        session.id().map(|id| set_cookie(&name, &store.token(id).to_cookie(), IDLE, secure))
    } else {
        None
    };
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What a failure of a session is to whoever asked.
pub(crate) fn unavailable(error: Error) -> ApiError {
    tracing::error!(%error, "A session could not be read or written");
    ApiError::new(ErrorCode::DatabaseUnavailable)
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Scripts cannot read it and other sites cannot send it along. Lax, not Strict: a link from elsewhere, and a provider's
/// redirect, must find the session.
fn set_cookie(name: &str, value: &str, age: Duration, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", age.whole_seconds())
}

/// The prefix makes browsers refuse the cookie from anywhere but this very host, over HTTPS. Without that the port is in
/// the name: cookies know none, and a second instance on this machine would sign people out of the first.
fn cookie_name(app_url: &str) -> String {
    let Some(host) = app_url.strip_prefix("http://") else { return "__Host-cjhirashi".to_owned() };
    match host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())) {
        Some((_, port)) => format!("cjhirashi-{port}"),
        None => "cjhirashi".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_instances_on_one_machine_do_not_share_a_cookie() {
        assert_eq!(cookie_name("http://127.0.0.1:3000"), "cjhirashi-3000");
        assert_eq!(cookie_name("http://[::1]:3001"), "cjhirashi-3001");
        assert_eq!(cookie_name("http://chat.example.org"), "cjhirashi");
        assert_eq!(cookie_name("https://chat.example.org:8443"), "__Host-cjhirashi");
    }

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("cjhirashi-30001=no; other=x"));
        headers.append(COOKIE, HeaderValue::from_static("cjhirashi-3000=yes"));
        assert_eq!(cookie(&headers, "cjhirashi-3000"), Some("yes"));
        assert_eq!(cookie(&headers, "cjhirashi"), None);
    }

    #[test]
    fn over_https_the_cookie_is_for_https_alone() {
        assert_eq!(
            set_cookie("__Host-cjhirashi", "a", IDLE, true),
            "__Host-cjhirashi=a; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure"
        );
        assert!(!set_cookie("cjhirashi", "a", IDLE, false).contains("Secure"));
    }
}

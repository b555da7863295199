//! Who is here: one-time links, signing out.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Uri,
        header::{SET_COOKIE, USER_AGENT},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use cjhirashi_domain::{ErrorCode, Viewer, audit::Action, id::UserId, user::SignedIn};
use cjhirashi_storage::{Done, PgSessionStore};
use cjhirashi_web::ClientIp;
use serde::Deserialize;
use tower_sessions::{Expiry, Session};

use super::{
    address::{self, ClientAddress},
    body::ApiQuery,
    error::{ApiError, ApiResult, language_of},
    session::{IDLE, cookie, unavailable},
};
use crate::AppState;

/// The day a session was last used; changing it moves the session's end, at most once a day.
const DAY: &str = "day";

/// Puts [`SignedIn`] into the request when its session belongs to somebody.
pub(crate) async fn identify(
    State(state): State<AppState>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    match who(&state, &session).await {
        Ok(Some(who)) => {
            let address = address::of(request.extensions(), request.headers(), &state.config.trusted_proxies);
            if let Some(address) = address {
                request.extensions_mut().insert(ClientIp(address.to_string()));
            }
            request.extensions_mut().insert(who);
        }
        Ok(None) => {}
        Err(error) => return error.into_response(),
    }
    next.run(request).await
}

async fn who(state: &AppState, session: &Session) -> ApiResult<Option<SignedIn>> {
    let Some(id) = session.get::<UserId>(PgSessionStore::USER_ID).await.map_err(unavailable)? else {
        return Ok(None);
    };
    let who = state.store.load_signed_in(&id).await?;
    let today = state.store.now().seconds() / 86_400;
    if who.is_some() && session.get::<i64>(DAY).await.map_err(unavailable)? != Some(today) {
        session.insert(DAY, today).await.map_err(unavailable)?;
    }
    Ok(who)
}

/// Somebody who is signed in, or [`ErrorCode::Unauthorized`].
#[derive(Debug)]
pub(crate) struct Person(pub(crate) SignedIn);

impl Person {
    pub(crate) fn viewer(&self) -> Viewer {
        self.0.viewer()
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Person {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<SignedIn>().cloned().map(Self))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        parts.extensions.get::<SignedIn>().cloned().map(Self).ok_or(ApiError::new(ErrorCode::Unauthorized))
    }
}

#[derive(Deserialize)]
pub(crate) struct Link {
    #[serde(default)]
    token: String,
}

/// Remembers which page somebody wanted who is not signed in. The link they will sign in with comes from elsewhere, so
/// it cannot say.
const WANTED: &str = "cjhirashi-wanted";

/// Sends whoever is not signed in to the one page there is for them.
pub(crate) fn show_the_door(wanted: &Uri) -> Response {
    let door = Redirect::to("/sign-in");
    match local_path(wanted.path_and_query().map_or("/", |path| path.as_str())) {
        "/" => door.into_response(),
        path if path.len() > 1_000 || path.contains([';', ',', '"']) => door.into_response(),
        path => ([(SET_COOKIE, wanted_cookie(path, 3_600))], door).into_response(),
    }
}

fn wanted_cookie(path: &str, seconds: u32) -> String {
    format!("{WANTED}={path}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax")
}

fn wanted(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, WANTED)
}

/// `GET /sign-in/link?token=…`: uses the link up and starts a session.
pub(crate) async fn redeem_link(
    State(state): State<AppState>,
    session: Session,
    method: Method,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    ApiQuery(link): ApiQuery<Link>,
) -> ApiResult<Response> {
    // A look at the headers alone, as link previews take it, must not use the link up.
    if method == Method::HEAD {
        return Ok(Redirect::to("/sign-in").into_response());
    }
    let Some(user) = state.store.redeem_sign_in_link(&link.token).await? else {
        return Ok(Redirect::to(&format!("/sign-in?error={}", ErrorCode::LinkExpired.as_str())).into_response());
    };
    state.store.note_sign_in(&user, "link", address.as_deref(), agent_of(&headers)).await?;
    enter(&state, &session, &user, &headers).await
}

/// What the browser says it is.
pub(crate) fn agent_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(USER_AGENT)?.to_str().ok()
}

/// Starts somebody's session, and sends them to the page they wanted.
pub(crate) async fn enter(
    state: &AppState,
    session: &Session,
    user: &UserId,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    // A new id: one that somebody planted before the sign-in is worth nothing after it.
    session.cycle_id().await.map_err(unavailable)?;
    session.insert(PgSessionStore::USER_ID, user).await.map_err(unavailable)?;
    session.set_expiry(Some(Expiry::OnInactivity(IDLE)));
    if let Some(language) = language_of(headers) {
        state.store.begin_settings(user, language).await?;
    }
    tracing::info!(user.id = %user, "signed in");
    Ok(match wanted(headers) {
        Some(path) => ([(SET_COOKIE, wanted_cookie("", 0))], Redirect::to(local_path(path))).into_response(),
        None => Redirect::to("/").into_response(),
    })
}

/// `POST /sign-out`: ends the session, here and in the database.
pub(crate) async fn sign_out(
    State(state): State<AppState>,
    person: Option<Person>,
    ClientAddress(address): ClientAddress,
    session: Session,
) -> ApiResult<Response> {
    session.flush().await.map_err(unavailable)?;
    if let Some(Person(who)) = person {
        let (actor, address) = (Some(&who.user.id), address.as_deref());
        let done = Done { actor, action: Action::SignedOut, subject: None, detail: None, address };
        state.store.note(&done).await?;
    }
    // Pages that the browser keeps for its back button, and what was being written, are nobody's any more.
    let forget = [(HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\", \"storage\""))];
    Ok((forget, Redirect::to("/sign-in")).into_response())
}

/// Only a path of ours: neither `//host` nor `/\host`, which browsers read as another site.
pub(crate) fn local_path(path: &str) -> &str {
    let plain = path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if path.starts_with('/') && !path.starts_with("//") && plain { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE;

    use super::*;

    #[test]
    fn the_page_somebody_wanted_is_remembered_until_they_are_signed_in() {
        let cookie = |uri: &str| show_the_door(&uri.parse().unwrap()).headers().get(SET_COOKIE).cloned();
        let set = cookie("/chat/1?x=2").unwrap();
        let mut headers = HeaderMap::new();
        let sent = set.to_str().unwrap().split(';').next().unwrap();
        headers.insert(COOKIE, format!("a=b; {sent}").parse().unwrap());
        assert_eq!(wanted(&headers), Some("/chat/1?x=2"));
        assert_eq!((cookie("/"), cookie("/a;b"), cookie("//evil.example")), (None, None, None));
    }

    #[test]
    fn after_signing_in_nobody_is_sent_to_another_site() {
        assert_eq!(local_path("/chat/1?x=2"), "/chat/1?x=2");
        for elsewhere in ["", "chat", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "/\t/evil"]
        {
            assert_eq!(local_path(elsewhere), "/", "{elsewhere:?}");
        }
    }
}

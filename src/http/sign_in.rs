//! Who is here: sessions of browsers, one-time links, signing out.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{
        HeaderMap, Method, Uri,
        header::{COOKIE, SET_COOKIE, USER_AGENT},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use cjhirashi_domain::{ErrorCode, Viewer, id::UserId, user::SignedIn};
use cjhirashi_storage::PgSessionStore;
use serde::Deserialize;
use time::Duration;
use tower_sessions::{Expiry, Session, SessionManagerLayer, cookie::SameSite};

use super::{
    body::ApiQuery,
    error::{ApiError, ApiResult},
};
use crate::AppState;

/// A session ends this long after the last day it was used.
const IDLE: Duration = Duration::days(30);
/// The day a session was last used; changing it moves the session's end, at most once a day.
const DAY: &str = "day";

/// Sessions in PostgreSQL, by a cookie that scripts cannot read and other sites cannot send along.
pub(crate) fn sessions(state: &AppState) -> SessionManagerLayer<PgSessionStore> {
    let secure = state.config.app_url.starts_with("https://");
    SessionManagerLayer::new(PgSessionStore::new(state.store.clone()))
        .with_name(cookie_name(&state.config.app_url))
        .with_http_only(true)
        .with_secure(secure)
        // Lax, not Strict: a link from elsewhere, and a provider's redirect, must find the session.
        .with_same_site(SameSite::Lax)
        .with_expiry(Expiry::OnInactivity(IDLE))
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

/// Puts [`SignedIn`] into the request when its session belongs to somebody.
pub(crate) async fn identify(
    State(state): State<AppState>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    match who(&state, &session).await {
        Ok(Some(who)) => {
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

fn unavailable(error: tower_sessions::session::Error) -> ApiError {
    tracing::error!(%error, "A session could not be read or written");
    ApiError::new(ErrorCode::DatabaseUnavailable)
}

/// Somebody who is signed in, or [`ErrorCode::Unauthorized`].
#[derive(Debug)]
pub(crate) struct Person(pub(crate) SignedIn);

impl Person {
    pub(crate) fn viewer(&self) -> Viewer {
        self.0.viewer()
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
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(WANTED)?.strip_prefix('='))
}

/// `GET /sign-in/link?token=…`: uses the link up and starts a session.
pub(crate) async fn redeem_link(
    State(state): State<AppState>,
    session: Session,
    method: Method,
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
    // A new id: one that somebody planted before the sign-in is worth nothing after it.
    session.cycle_id().await.map_err(unavailable)?;
    session.insert(PgSessionStore::USER_ID, &user).await.map_err(unavailable)?;
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let agent: String = agent.chars().take(300).collect();
    session.insert(PgSessionStore::USER_AGENT, agent).await.map_err(unavailable)?;
    tracing::info!(user.id = %user, "Signed in by link");
    Ok(match wanted(&headers) {
        Some(path) => ([(SET_COOKIE, wanted_cookie("", 0))], Redirect::to(local_path(path))).into_response(),
        None => Redirect::to("/").into_response(),
    })
}

/// `POST /sign-out`: ends the session, here and in the database.
pub(crate) async fn sign_out(session: Session) -> ApiResult<Redirect> {
    session.flush().await.map_err(unavailable)?;
    Ok(Redirect::to("/sign-in"))
}

/// Only a path of ours: neither `//host` nor `/\host`, which browsers read as another site.
pub(crate) fn local_path(path: &str) -> &str {
    let plain = path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if path.starts_with('/') && !path.starts_with("//") && plain { path } else { "/" }
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

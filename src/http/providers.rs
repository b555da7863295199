//! Signing in at a provider: the way there, and back.

use axum::{
    Extension, Form,
    extract::{Path, Query, State},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use cjhirashi_domain::{ErrorCode, audit::Action, id::UserId};
use cjhirashi_identity::{BEGUN_LASTS, Begun, IdentityError, Returned, SignInError};
use cjhirashi_storage::{Done, Entrance, PgSessionStore, Refusal};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tower_sessions::{Expiry, Session};

use super::{
    address::ClientAddress,
    error::{ApiError, ApiResult, language_of},
    pages::PageState,
    session::unavailable,
    sign_in::{Person, agent_of, enter},
};
use crate::AppState;

/// Sign-ins that were begun in this browser, in its session.
const BEGUN: &str = "begun";
/// The most of them: somebody may have opened several tabs.
const MOST_BEGUN: usize = 5;

/// A sign-in that was begun, and who wants another way in by it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct BegunHere {
    #[serde(flatten)]
    begun: Begun,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    linking: Option<UserId>,
}

/// What the button says.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// Whoever is signed in wants another way in.
    #[serde(default)]
    link: bool,
}

/// `POST /sign-in/{provider}`: sends the browser there.
pub(crate) async fn begin(
    State(state): State<AppState>,
    session: Session,
    person: Option<Person>,
    Extension(pages): Extension<PageState>,
    headers: HeaderMap,
    Path(provider): Path<String>,
    Form(wanted): Form<Wanted>,
) -> ApiResult<Response> {
    let person_language = person.as_ref().map(|person| person.0.settings.language);
    let linking = person.filter(|_| wanted.link).map(|person| person.0.user.id);
    let home = home(linking.is_some());
    let (url, begun) = match state.sign_in.begin(&provider).await {
        Ok(begun) => begun,
        Err(IdentityError::Unknown) => return Err(ApiError::new(ErrorCode::NotFound)),
        Err(error) => return Ok(problem(home, code_of(&provider, &error))),
    };
    let mut waiting: Vec<BegunHere> = waiting(&session).await?;
    waiting.push(BegunHere { begun, linking });
    let surplus = waiting.len().saturating_sub(MOST_BEGUN);
    waiting.drain(..surplus);
    session.insert(BEGUN, &waiting).await.map_err(unavailable)?;
    if session.get::<UserId>(PgSessionStore::USER_ID).await.map_err(unavailable)?.is_none() {
        keep_nobodys(&session);
    }
    let name = state.sign_in.providers().find(|(id, _)| *id == provider).map_or(provider.as_str(), |(_, name)| name);
    let language = person_language.or_else(|| language_of(&headers)).unwrap_or_default();
    Ok(Html(cjhirashi_web::onward(language, pages.assets(), name, &url)).into_response())
}

/// Nobody's session is kept no longer than what it is for.
fn keep_nobodys(session: &Session) {
    let lasts = time::Duration::seconds(BEGUN_LASTS.as_secs().cast_signed());
    session.set_expiry(Some(Expiry::OnInactivity(lasts)));
}

/// Those that may still be ended.
async fn waiting(session: &Session) -> ApiResult<Vec<BegunHere>> {
    let mut waiting: Vec<BegunHere> = session.get(BEGUN).await.map_err(unavailable)?.unwrap_or_default();
    waiting.retain(|here| !here.begun.is_over());
    Ok(waiting)
}

/// `GET /sign-in/{provider}/callback`: the browser comes back. Whatever happens, the state was good this once.
pub(crate) async fn end(
    State(state): State<AppState>,
    session: Session,
    person: Option<Person>,
    ClientAddress(address): ClientAddress,
    Path(provider): Path<String>,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> ApiResult<Response> {
    let mut waiting = waiting(&session).await?;
    let found = waiting.iter().position(|here| {
        here.begun.provider == provider && returned.state.as_deref() == Some(here.begun.state.as_str())
    });
    let Some(here) = found.map(|at| waiting.swap_remove(at)) else {
        return Ok(problem(home(person.is_some()), ErrorCode::SignInExpired));
    };
    session.insert(BEGUN, &waiting).await.map_err(unavailable)?;
    if person.is_none() {
        keep_nobodys(&session);
    }
    // Kept at once: of two browsers' tabs that come back with the same state, the second finds it used.
    session.save().await.map_err(unavailable)?;
    let home = home(here.linking.is_some());
    let now = person.map(|person| person.0.user.id);
    if here.linking.is_some() && here.linking != now {
        return Ok(problem(home, ErrorCode::SignInExpired));
    }
    let entrance = match state.sign_in.finish(&here.begun, returned, here.linking.as_ref()).await {
        Ok(entrance) => entrance,
        Err(SignInError::Identity(error)) => return Ok(problem(home, code_of(&provider, &error))),
        Err(SignInError::Storage(error)) => return Err(error.into()),
    };
    let note = async |actor: Option<&UserId>, action, detail: &str| {
        let done = Done { actor, action, subject: None, detail: Some(detail), address: address.as_deref() };
        state.store.note(&done).await
    };
    match entrance {
        Entrance::In { user, new } => {
            session.remove::<Vec<BegunHere>>(BEGUN).await.map_err(unavailable)?;
            let detail = match new {
                Some(role) => format!("{provider} · {}", role.as_str()),
                None => provider,
            };
            state.store.note_sign_in(&user, &detail, address.as_deref(), agent_of(&headers)).await?;
            enter(&state, &session, &user, &headers).await
        }
        Entrance::Linked => {
            note(now.as_ref(), Action::AccountLinked, &provider).await?;
            Ok(Redirect::to("/account?done=linked").into_response())
        }
        Entrance::Refused(refusal) => {
            note(now.as_ref(), Action::SignInRefused, &format!("{provider}: {refusal:?}")).await?;
            Ok(problem(home, refused(refusal)))
        }
    }
}

/// Where somebody is told what went wrong: at the door, or where they wanted another way in.
const fn home(linking: bool) -> &'static str {
    if linking { "/account" } else { "/sign-in" }
}

fn problem(home: &str, code: ErrorCode) -> Response {
    Redirect::to(&format!("{home}?error={}", code.as_str())).into_response()
}

fn code_of(provider: &str, error: &IdentityError) -> ErrorCode {
    match error {
        IdentityError::Denied => ErrorCode::SignInDenied,
        IdentityError::Expired => ErrorCode::SignInExpired,
        IdentityError::Unavailable(_) => {
            tracing::warn!(provider, %error, "a provider cannot be asked");
            ErrorCode::SignInUnavailable
        }
        IdentityError::Unknown | IdentityError::Refused(_) | IdentityError::Untrusted(_) => {
            tracing::error!(provider, %error, "a sign-in failed");
            ErrorCode::SignInFailed
        }
    }
}

const fn refused(refusal: Refusal) -> ErrorCode {
    match refusal {
        Refusal::Disabled => ErrorCode::PersonDisabled,
        Refusal::NotInvited => ErrorCode::NotInvited,
        Refusal::AddressTaken => ErrorCode::AddressTaken,
        Refusal::AccountTaken => ErrorCode::AccountTaken,
        Refusal::NoAddress => ErrorCode::NoVerifiedAddress,
    }
}

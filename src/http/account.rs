//! What the forms of `/account` do that no server function can: a key that is shown once, all data in one file, and the
//! end.

use std::time::Duration;

use axum::{
    Extension, Form,
    body::Body,
    extract::{Request, State},
    http::{Method, Uri, request::Parts},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use cjhirashi_domain::{ErrorCode, api_key::Scope, audit::Action, text::KeyName};
use cjhirashi_storage::{Belongings, Done};
use cjhirashi_web::MadeKey;
use serde::Deserialize;
use tokio::time::Instant;
use tower_sessions::Session;

use super::{address::ClientAddress, error::ApiResult, pages::PageState, sign_in::Person};
use crate::AppState;

/// The most days of a key that expires.
const MOST_DAYS: i64 = 3_650;
/// How long whoever deletes an account waits for the last vectors and files to go.
const REMOVED_WITHIN: Duration = Duration::from_secs(10);

/// What the form says of a new key.
#[derive(Debug, Deserialize)]
pub(crate) struct NewKey {
    name: String,
    scope: String,
    /// 0: it does not expire.
    days: i64,
}

/// Back to the page, at its top: there it says why.
fn refused(code: ErrorCode) -> Response {
    Redirect::to(&format!("/account?error={}", code.as_str())).into_response()
}

/// `POST /account`: makes a key, and shows the page with it. No redirect, as a key has no place in an address; and the same
/// address as the page, which the program in the browser goes by.
pub(crate) async fn create_key(
    State(state): State<AppState>,
    Extension(pages): Extension<PageState>,
    Person(who): Person,
    ClientAddress(address): ClientAddress,
    mut parts: Parts,
    Form(new): Form<NewKey>,
) -> ApiResult<Response> {
    let (Ok(name), Some(scope), 0..=MOST_DAYS) = (KeyName::parse(&new.name), Scope::parse(&new.scope), new.days) else {
        return Ok(refused(ErrorCode::KeyInvalid));
    };
    let until = (new.days > 0).then(|| state.store.now().plus_millis(new.days * 86_400_000));
    let (key, secret) = state.store.create_api_key(&who.user.id, &name, scope, until).await?;
    let done = Done {
        actor: Some(&who.user.id),
        action: Action::KeyCreated,
        subject: Some(key.id.as_str()),
        detail: Some(scope.as_str()),
        address: address.as_deref(),
    };
    state.store.note(&done).await?;
    parts.method = Method::GET;
    parts.uri = Uri::from_static("/account");
    parts.extensions.insert(MadeKey { name: key.name, secret });
    Ok(pages.render(Request::from_parts(parts, Body::empty())).await)
}

/// What the form says that ends an account.
#[derive(Debug, Deserialize)]
pub(crate) struct Confirmed {
    /// The person's own address, typed.
    address: String,
}

/// `POST /account/delete`: everything that is this person's goes, and a receipt counts it.
pub(crate) async fn delete(
    State(state): State<AppState>,
    Extension(pages): Extension<PageState>,
    Person(who): Person,
    ClientAddress(address): ClientAddress,
    session: Session,
    Form(confirmed): Form<Confirmed>,
) -> ApiResult<Response> {
    let id = &who.user.id;
    if !confirmed.address.trim().eq_ignore_ascii_case(&who.user.email) {
        return Ok(refused(ErrorCode::NotConfirmed));
    }
    let Some(before) = state.store.delete_person(&who.viewer(), address.as_deref()).await? else {
        return Ok(refused(ErrorCode::LastOwner));
    };
    // It is done; whatever happens now, the receipt is due.
    let _ = session.flush().await;
    let deadline = Instant::now() + REMOVED_WITHIN;
    let mut after = state.store.count_belongings(id).await.unwrap_or(before);
    while after != Belongings::default() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(200)).await;
        after = state.store.count_belongings(id).await.unwrap_or(after);
    }
    tracing::info!(user.id = %id, before = %before, after = %after, "an account was deleted");
    let html = cjhirashi_web::receipt(who.settings.language, pages.assets(), &before, &after);
    Ok(Html(html).into_response())
}

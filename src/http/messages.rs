//! The way to one message, from wherever it was found.

use axum::{extract::State, response::Redirect};
use cjhirashi_domain::{ErrorCode, id::MessageId};

use super::{
    body::ApiId,
    error::{ApiError, ApiResult},
    sign_in::Person,
};
use crate::AppState;

/// `GET /messages/{id}`: leads to the message in its chat, far enough back. Where another branch is shown it turns to the one
/// that has the message, which is no more than a look at it.
pub(crate) async fn find(
    State(state): State<AppState>,
    person: Person,
    ApiId(id): ApiId<MessageId>,
) -> ApiResult<Redirect> {
    let found = state.store.show_message(&person.viewer(), &id).await?;
    let (chat, shown) = found.ok_or_else(|| ApiError::new(ErrorCode::ChatNotFound))?;
    // With what was said before it.
    Ok(Redirect::to(&format!("/chat/{chat}?shown={}#{id}", shown + 2)))
}

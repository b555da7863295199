//! Chats: list, read, create, delete.

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{HeaderMap, Response, StatusCode},
    response::IntoResponse as _,
};
use cjhirashi_domain::{ErrorCode, Timestamp, id::ChatId, text::ChatTitle};
use cjhirashi_storage::{ChatCursor, KeyHolder, Listed, Part};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    auth::{Caller, Writer, key},
    shapes::{ChatBody, ChatWithMessagesBody, ChatsBody, MessageBody},
};
use crate::{
    AppState,
    http::{
        body::{ApiId, ApiJson, ApiQuery},
        chat_cache::ChatCache,
        error::{ApiError, ApiResult, ErrorBody},
    },
};

/// The title of a chat that was made without one.
const UNTITLED: &str = "Chat";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChatsQuery {
    /// 1 to 200; 50 by default.
    limit: Option<i64>,
    /// `next` of the page before.
    before: Option<String>,
}

/// Lists the key's owner's chats.
#[utoipa::path(
    get, path = "/chats", tag = "chats", params(ChatsQuery),
    responses(
        (status = 200, body = ChatsBody),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
    )
)]
pub(super) async fn list_chats(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    ApiQuery(query): ApiQuery<ChatsQuery>,
) -> ApiResult<Json<ChatsBody>> {
    let limit = query.limit.unwrap_or(50).clamp(1, 200);
    let before = query.before.as_deref().map(parse_cursor).transpose()?;
    let mut chats = state.store.list_chats(&viewer.user_id, Listed::All, limit + 1, before.as_ref()).await?;
    let more = i64::try_from(chats.len()).is_ok_and(|found| found > limit);
    if more {
        chats.pop();
    }
    let next = chats.last().filter(|_| more).map(|chat| format!("{}-{}", chat.updated_at.0, chat.id));
    Ok(Json(ChatsBody { chats: chats.into_iter().map(ChatBody::from).collect(), next }))
}

/// `<milliseconds>-<id>`.
fn parse_cursor(text: &str) -> ApiResult<ChatCursor> {
    text.split_once('-')
        .and_then(|(time, id)| {
            Some(ChatCursor { updated_at: Timestamp(time.parse().ok()?), id: ChatId::parse(id).ok()? })
        })
        .ok_or_else(|| ApiError::invalid("before is the value of next of the page before"))
}

/// A chat to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewChatBody {
    /// 1 to 200 characters.
    #[serde(default)]
    title: Option<String>,
}

/// Makes an empty chat.
#[utoipa::path(
    post, path = "/chats", tag = "chats", request_body = NewChatBody,
    responses(
        (status = 201, body = ChatWithMessagesBody),
        (status = 400, description = "The request cannot be read", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 422, description = "The title is not valid", body = ErrorBody),
    )
)]
pub(super) async fn create_chat(
    State(state): State<AppState>,
    Writer(viewer): Writer,
    ApiJson(body): ApiJson<NewChatBody>,
) -> ApiResult<(StatusCode, Json<ChatWithMessagesBody>)> {
    let title = ChatTitle::parse(body.title.as_deref().unwrap_or(UNTITLED))
        .map_err(|_| ApiError::new(ErrorCode::ChatTitleInvalid))?;
    let chat = state.store.create_chat(&viewer, &title).await?;
    Ok((StatusCode::CREATED, Json(ChatWithMessagesBody { chat: chat.into(), messages: Vec::new() })))
}

/// One chat with its messages.
///
/// Read often, changed rarely: one short query says who asks and which revision they may see; the bytes are remembered.
#[utoipa::path(
    get, path = "/chats/{id}", tag = "chats", params(("id" = String, Path)),
    responses(
        (status = 200, body = ChatWithMessagesBody),
        (status = 304, description = "Unchanged since the revision in If-None-Match"),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, or not the caller's", body = ErrorBody),
    )
)]
pub(super) async fn get_chat(
    State(state): State<AppState>,
    Extension(cache): Extension<ChatCache>,
    headers: HeaderMap,
    id: ApiResult<ApiId<ChatId>>,
) -> ApiResult<Response<Body>> {
    let key = key(&headers)?;
    let not_found = ApiError::new(ErrorCode::ChatNotFound);
    let Ok(ApiId(id)) = id else {
        // Whoever has no key does not learn what an id looks like either.
        let caller = state.store.authenticate_api_key(key).await?;
        return Err(caller.map_or(ApiError::new(ErrorCode::InvalidKey), |_| not_found));
    };
    let Some((KeyHolder { viewer, .. }, revision)) = state.store.authenticate_api_key_for_chat(key, &id).await? else {
        return Err(ApiError::new(ErrorCode::InvalidKey));
    };
    let Some(revision) = revision else { return Err(not_found) };
    if let Some(cached) = cache.get(&id, revision) {
        return Ok(cached.respond(&headers));
    }
    let Some(page) = state.store.open_chat(&viewer, &id, Part::Whole).await? else { return Err(not_found) };
    // While an answer is written its text grows, and the revision does not.
    let passing = page.summary.answering;
    let body = ChatWithMessagesBody {
        chat: page.summary.into(),
        messages: page.messages.into_iter().map(MessageBody::from).collect(),
    };
    if passing {
        return Ok(Json(body).into_response());
    }
    let json = serde_json::to_vec(&body).map_err(|error| {
        tracing::error!(%error, chat.id = %id, "A chat could not be written as JSON");
        ApiError::new(ErrorCode::Internal)
    })?;
    // The page's own revision: it may be newer than the one asked for a moment ago.
    Ok(cache.put(&id, page.revision, json).respond(&headers))
}

/// Deletes a chat with its messages.
#[utoipa::path(
    delete, path = "/chats/{id}", tag = "chats", params(("id" = String, Path)),
    responses(
        (status = 204, description = "Gone"),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, or not the caller's", body = ErrorBody),
    )
)]
pub(super) async fn delete_chat(
    State(state): State<AppState>,
    Writer(viewer): Writer,
    ApiId(id): ApiId<ChatId>,
) -> ApiResult<StatusCode> {
    if state.store.delete_chat(&viewer, &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::new(ErrorCode::ChatNotFound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_other_text_is_refused() {
        let cursor = parse_cursor("1735725600000-clc1-x").unwrap();
        assert_eq!((cursor.updated_at.0, cursor.id.as_str()), (1_735_725_600_000, "clc1-x"));
        for bad in ["", "-", "x-y", "1-", "1-a b"] {
            assert!(parse_cursor(bad).is_err(), "{bad}");
        }
    }
}

//! Images that people ask about: kept before their question is sent, shown to their owner and to whoever has the link of a
//! chat that shows them.

use axum::{
    Json,
    extract::{Path, Request, State},
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use cjhirashi_chat::{MAX_IMAGE_BYTES, image_turn};
use cjhirashi_domain::{ErrorCode, id::ImageId};
use cjhirashi_storage::StoredImage;
use serde::Serialize;

use super::{
    body::ApiId,
    error::{ApiError, ApiResult},
    sign_in::Person,
    transfer::file_of,
};
use crate::AppState;

/// An image that was kept.
#[derive(Serialize)]
pub(crate) struct Kept {
    /// What names it in a question.
    image: ImageId,
    /// Pixels.
    width: i32,
    /// Pixels.
    height: i32,
}

/// `POST /images`: one file in the field `file`; answers with what names it in a question.
pub(crate) async fn add(State(state): State<AppState>, person: Person, request: Request) -> ApiResult<Json<Kept>> {
    let _turn = image_turn().ok_or_else(|| ApiError::new(ErrorCode::TooMany))?;
    let too_large = |error: ApiError| match error.code {
        ErrorCode::BodyTooLarge => ApiError::new(ErrorCode::ImageInvalid),
        _ => error,
    };
    let (_, file) = file_of(request, MAX_IMAGE_BYTES).await.map_err(too_large)?;
    let image = state.chat.add_image(&person.viewer(), file.into()).await?;
    Ok(Json(Kept { image: image.id, width: image.width, height: image.height }))
}

/// `GET /images/{id}`.
pub(crate) async fn show(
    State(state): State<AppState>,
    person: Person,
    ApiId(id): ApiId<ImageId>,
) -> ApiResult<Response> {
    let image = state.store.open_image(&person.viewer(), &id).await?;
    // Under one id there is ever one picture; a browser may show it for five minutes more than its question lasts.
    shown(image, HeaderValue::from_static("private, max-age=300"))
}

/// `GET /share/{token}/images/{id}`.
pub(crate) async fn show_shared(
    State(state): State<AppState>,
    Path((token, id)): Path<(String, String)>,
) -> ApiResult<Response> {
    let id = ImageId::parse(id).map_err(|_| ApiError::new(ErrorCode::ImageNotFound))?;
    let image = state.store.open_shared_image(&token, &id).await?;
    shown(image, HeaderValue::from_static("private, no-store"))
}

fn shown(image: Option<StoredImage>, cached: HeaderValue) -> ApiResult<Response> {
    let image = image.ok_or_else(|| ApiError::new(ErrorCode::ImageNotFound))?;
    let media_type = match image.media_type.as_str() {
        "image/png" => "image/png",
        _ => "image/jpeg",
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CACHE_CONTROL, cached),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
    ];
    Ok((headers, image.content).into_response())
}

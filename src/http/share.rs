//! `GET /share/{token}`: a chat that its owner shares, for whoever has the link.

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, header::CACHE_CONTROL},
    response::{Html, IntoResponse as _, Response},
};
use cjhirashi_domain::ErrorCode;

use super::{
    error::{ApiError, ApiResult, language_of},
    pages::PageState,
    sign_in::Person,
};
use crate::AppState;

/// Shows it to anybody; no search engine keeps it.
pub(crate) async fn show(
    State(state): State<AppState>,
    person: Option<Person>,
    Extension(pages): Extension<PageState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (snapshot, since) = state.store.open_share(&token).await?.ok_or(ApiError::new(ErrorCode::ShareNotFound))?;
    let language = person.as_ref().map(|person| person.0.settings.language).or_else(|| language_of(&headers));
    let (now, member) = (state.store.now(), person.is_some());
    let assets = pages.assets().clone();
    let html = cjhirashi_markdown::aside(move || {
        cjhirashi_web::shared(language.unwrap_or_default(), &assets, &token, snapshot, since, now, member)
    });
    let headers = [
        (CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
        // The address is the key.
        (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")),
    ];
    Ok((headers, Html(html.await)).into_response())
}

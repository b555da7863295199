//! Original files, as they came.

use axum::{
    extract::{Request, State},
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use cjhirashi_domain::{ErrorCode, Viewer, id::DocumentId};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use super::{
    body::ApiId,
    error::{ApiError, ApiResult},
    sign_in::Person,
};
use crate::AppState;

/// `GET /documents/{id}/file`.
pub(crate) async fn download(
    State(state): State<AppState>,
    person: Person,
    ApiId(id): ApiId<DocumentId>,
    request: Request,
) -> ApiResult<Response> {
    original(&state, &person.viewer(), &id, request).await
}

/// The file of a document, to be saved, never shown: it is somebody's HTML for all we know.
pub(super) async fn original(
    state: &AppState,
    viewer: &Viewer,
    id: &DocumentId,
    request: Request,
) -> ApiResult<Response> {
    let not_found = ApiError::new(ErrorCode::DocumentNotFound);
    let Some((file, path)) = state.documents.original(viewer, id).await? else { return Err(not_found) };
    // Ranges and dates are the service's work.
    let served = ServeFile::new(&path).oneshot(request).await;
    let mut response = match served {
        Ok(response) if response.status() != 404 => response.into_response(),
        _ => {
            tracing::error!(document.id = %id, "The file of a document is missing");
            return Err(ApiError::new(ErrorCode::DocumentFileMissing));
        }
    };
    let headers = response.headers_mut();
    let mime_type = HeaderValue::from_str(&file.mime_type);
    headers.insert(CONTENT_TYPE, mime_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    if let Ok(disposition) = HeaderValue::from_str(&disposition(&file.file_name)) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    Ok(response)
}

/// The name twice: plain for old readers, and in full by RFC 6266 and RFC 8187.
pub(super) fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' { c } else { '_' })
        .collect();
    let mut full = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            full.push(char::from(byte));
        } else {
            full.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{full}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_leave_its_header() {
        let header = disposition("año \"1\"\r\nX: y.pdf");
        assert_eq!(
            header,
            "attachment; filename=\"a_o _1___X: y.pdf\"; filename*=UTF-8''a%C3%B1o%20%221%22%0D%0AX%3A%20y.pdf"
        );
        assert!(HeaderValue::from_str(&header).is_ok());
    }
}

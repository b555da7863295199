//! Whose key a call carries.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use cjhirashi_domain::{ErrorCode, Viewer};

use crate::{
    AppState,
    http::error::{ApiError, ApiResult},
};

/// The owner of the key in `Authorization: Bearer <key>`.
#[derive(Debug)]
pub(super) struct Caller(pub(super) Viewer);

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        let viewer = state.store.authenticate_api_key(key(&parts.headers)?).await?;
        viewer.map(Self).ok_or(ApiError::new(ErrorCode::InvalidKey))
    }
}

/// The key itself.
pub(super) fn key(headers: &HeaderMap) -> ApiResult<&str> {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim())
        .ok_or(ApiError::new(ErrorCode::InvalidKey))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_whatever_the_case_of_its_scheme_and_nothing_else_is_a_key() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            key(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer cjh_1"), Ok("cjh_1".to_owned()));
        assert_eq!(read("bearer  cjh_1"), Ok("cjh_1".to_owned()));
        for bad in ["", "cjh_1", "Basic cjh_1", "Bearer"] {
            assert_eq!(read(bad), Err(ApiError::new(ErrorCode::InvalidKey)), "{bad}");
        }
        assert!(key(&HeaderMap::new()).is_err());
    }
}

//! Whose key a call carries.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use cjhirashi_domain::{ErrorCode, Viewer, api_key::Scope};
use cjhirashi_storage::KeyHolder;

use crate::{
    AppState,
    http::error::{ApiError, ApiResult},
};

/// The owner of the key in `Authorization: Bearer <key>`, whatever the key is for: enough for calls that change nothing.
/// Where the key is not for administration, its owner is no administrator.
#[derive(Debug)]
pub(super) struct Caller(pub(super) Viewer);

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        Ok(Self(holder(parts, state).await?.viewer))
    }
}

/// The same of a key that is for changing things, too.
#[derive(Debug)]
pub(super) struct Writer(pub(super) Viewer);

impl FromRequestParts<AppState> for Writer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        let holder = holder(parts, state).await?;
        if holder.scope < Scope::Write {
            return Err(ApiError::new(ErrorCode::KeyScope));
        }
        Ok(Self(holder.viewer))
    }
}

async fn holder(parts: &Parts, state: &AppState) -> ApiResult<KeyHolder> {
    let holder = state.store.authenticate_api_key(key(&parts.headers)?).await?;
    holder.ok_or(ApiError::new(ErrorCode::InvalidKey))
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

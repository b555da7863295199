//! Failures of the calls that OpenAI's clients make, as OpenAI tells them: its shape, its statuses, and its codes where it
//! has one for what happened; else ours. Clients choose by them what to raise, and whether to try again.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse as _, Response},
};
use cjhirashi_domain::{ErrorCode, settings::Language};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;

/// OpenAI's clients obey it, whatever the status.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A failure of a call that OpenAI has, too.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenAiErrorBody {
    error: OpenAiErrorFields,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenAiErrorFields {
    /// What happened and what to do.
    message: String,
    /// `invalid_request_error`, `requests` (too many) or `server_error`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The field of the request that is at fault.
    #[schema(example = "temperature")]
    param: Option<String>,
    /// OpenAI's where it has one, else `area:what` as in other calls.
    #[schema(example = "invalid_value")]
    code: &'static str,
}

/// Whether a path is of a call that OpenAI has, too.
pub(crate) fn speaks(path: &str) -> bool {
    let call = path.strip_prefix("/api/v1/").unwrap_or_default();
    call == "chat/completions" || call == "models" || call.starts_with("models/")
}

/// The failure in words.
pub(crate) fn body(error: &ApiError, language: Language) -> OpenAiErrorBody {
    let kind = match status(error.code) {
        StatusCode::TOO_MANY_REQUESTS => "requests",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    };
    let param = error.param.clone().or_else(|| param(error.code).map(str::to_owned));
    let code = code(error.code, param.is_some());
    OpenAiErrorBody { error: OpenAiErrorFields { message: error.message(language), kind, param, code } }
}

/// The failure as an answer.
pub(crate) fn response(error: &ApiError, language: Language) -> Response {
    let mut response = (status(error.code), Json(body(error, language))).into_response();
    if is_final(error.code) {
        response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response
}

/// OpenAI says 400 where we say 422, and tells as its own what a provider behind us tells.
fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::ProviderRateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::ContextTooLong => StatusCode::BAD_REQUEST,
        _ if code.status() == 422 => StatusCode::BAD_REQUEST,
        _ => StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

const fn param(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::ModelNotFound => Some("model"),
        ErrorCode::ContextTooLong | ErrorCode::MessageEmpty | ErrorCode::MessageTooLong => Some("messages"),
        _ => None,
    }
}

const fn code(code: ErrorCode, names_field: bool) -> &'static str {
    match code {
        ErrorCode::InvalidKey => "invalid_api_key",
        ErrorCode::ModelNotFound => "model_not_found",
        ErrorCode::TooMany | ErrorCode::ProviderRateLimited => "rate_limit_exceeded",
        ErrorCode::ContextTooLong => "context_length_exceeded",
        ErrorCode::MessageTooLong => "string_above_max_length",
        ErrorCode::Unsupported => "unsupported_parameter",
        ErrorCode::InvalidRequest | ErrorCode::MessageEmpty if names_field => "invalid_value",
        _ => code.as_str(),
    }
}

/// What is not a matter of time although its status sounds like it.
const fn is_final(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::ProviderUnauthorized
            | ErrorCode::ProviderRefused
            | ErrorCode::TokensUsedUp
            | ErrorCode::IndexRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: &ApiError) -> serde_json::Value {
        serde_json::to_value(body(error, Language::En)).unwrap()["error"].take()
    }

    #[test]
    fn only_calls_that_openai_has_are_answered_like_this() {
        assert!(["chat/completions", "models", "models/x:y"].iter().all(|call| speaks(&format!("/api/v1/{call}"))));
        assert!(["/api/v1/chats", "/api/v1/search", "/models", "/chat/completions"].iter().all(|path| !speaks(path)));
    }

    #[test]
    fn a_failure_has_openai_s_status_type_code_and_the_field_at_fault() {
        let error = told(&ApiError::invalid("0 to 2").about("temperature"));
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!((&error["code"], &error["param"]), (&"invalid_value".into(), &"temperature".into()));
        assert!(error["message"].as_str().is_some_and(|words| words.ends_with("(0 to 2)")), "{error}");
        for (ours, status, code) in [
            (ErrorCode::InvalidKey, 401, "invalid_api_key"),
            (ErrorCode::ModelNotFound, 404, "model_not_found"),
            (ErrorCode::ProviderRateLimited, 429, "rate_limit_exceeded"),
            (ErrorCode::ContextTooLong, 400, "context_length_exceeded"),
            (ErrorCode::MessageEmpty, 400, "invalid_value"),
            (ErrorCode::ProviderUnavailable, 502, "models:unavailable"),
            (ErrorCode::BodyTooLarge, 413, "http:body_too_large"),
        ] {
            let error = ApiError::new(ours);
            assert_eq!(response(&error, Language::En).status().as_u16(), status, "{ours:?}");
            assert_eq!(told(&error)["code"], code);
        }
    }

    #[test]
    fn what_would_fail_again_is_not_to_be_tried_again() {
        let header = |code| response(&ApiError::new(code), Language::En).headers().get(SHOULD_RETRY).cloned();
        assert_eq!(header(ErrorCode::ProviderUnauthorized), Some(HeaderValue::from_static("false")));
        assert_eq!(header(ErrorCode::ProviderUnavailable), None);
    }
}

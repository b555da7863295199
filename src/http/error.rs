//! One shape for every failure: `{"error": {"code": "documents:not_found", "message": …}}`, with the code's own status.
//! OpenAI's clients get it in theirs (see [`openai`]).
//!
//! The cause is logged once, here, when it is ours; it is never sent.

use std::any::Any;

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER},
    },
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use cjhirashi_chat::ChatError;
use cjhirashi_domain::{ErrorCode, settings::Language};
use cjhirashi_models::ModelError;
use cjhirashi_retrieval::RetrievalError;
use cjhirashi_storage::StorageError;
use cjhirashi_sync::DocumentError;
use serde::Serialize;
use utoipa::ToSchema;

use super::openai;

/// A request that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: ErrorCode,
    /// More words for the one who wrote the request, without secrets and without causes of ours.
    pub(crate) detail: Option<String>,
    /// The field of the request that is at fault; told where OpenAI's clients look for it.
    pub(crate) param: Option<String>,
    /// Seconds until it is worth trying again, where a provider says.
    pub(crate) retry_after: Option<u64>,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// A failure, as every call answers it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    pub(crate) error: ErrorFields,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorFields {
    /// Stable, `area:what`.
    #[schema(example = "documents:not_found")]
    pub(crate) code: &'static str,
    /// What happened and what to do.
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) const fn new(code: ErrorCode) -> Self {
        Self { code, detail: None, param: None, retry_after: None }
    }

    /// A request that cannot be read, with what is wrong with it.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::new(ErrorCode::InvalidRequest) }
    }

    /// The same, with the field that is at fault.
    pub(crate) fn about(self, param: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    /// What happened and what to do, in the reader's language; details are for developers and stay as they are.
    pub(crate) fn message(&self, language: Language) -> String {
        let words = self.code.message(language);
        match &self.detail {
            Some(detail) => format!("{words} ({detail})"),
            None => words.to_owned(),
        }
    }

    pub(crate) fn body(&self, language: Language) -> ErrorBody {
        ErrorBody { error: ErrorFields { code: self.code.as_str(), message: self.message(language) } }
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn from_cause(code: ErrorCode, detail: Option<String>, cause: &dyn std::error::Error) -> Self {
        if code.status() >= 500 {
            tracing::error!(error.code = code.as_str(), error = %cause, "A request failed");
        }
        Self { detail: detail.map(|detail| detail.chars().take(500).collect()), ..Self::new(code) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body(Language::En))).into_response();
        if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(self.retry_after.unwrap_or(5)));
        }
        if self.code == ErrorCode::InvalidKey {
            response.headers_mut().insert("www-authenticate", HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        Self::from_cause(error.code(), None, &error)
    }
}

impl From<ChatError> for ApiError {
    fn from(error: ChatError) -> Self {
        match &error {
            ChatError::Model(cause) => Self {
                retry_after: cause.retry_after().map(|wait| wait.as_secs() + 1),
                ..Self::from_cause(error.code(), error.detail(), &error)
            },
            ChatError::Conversation { .. } => {
                Self::from_cause(error.code(), Some(error.to_string()), &error).about("messages")
            }
            _ => Self::from_cause(error.code(), error.detail(), &error),
        }
    }
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> Self {
        Self::from_cause(error.code(), error.detail(), &error)
    }
}

impl From<RetrievalError> for ApiError {
    fn from(error: RetrievalError) -> Self {
        Self::from_cause(error.code(), None, &error)
    }
}

impl From<DocumentError> for ApiError {
    fn from(error: DocumentError) -> Self {
        let detail = match &error {
            DocumentError::Invalid(detail) => Some(detail.clone()),
            _ => None,
        };
        Self::from_cause(error.code(), detail, &error)
    }
}

/// Says a failure in the language that the reader asks for (English when they ask for none), as a page when a browser
/// navigates, and as OpenAI does to its clients.
pub(crate) async fn speak(request: Request, next: Next) -> Response {
    let language = language_of(request.headers());
    let navigates = accepts_html(request.headers())
        && (request.method() == Method::GET || (request.method() == Method::POST && is_form(request.headers())));
    let for_openai = openai::speaks(request.uri().path());
    let response = next.run(request).await;
    let Some(error) = response.extensions().get::<ApiError>() else { return response };
    let language = language.unwrap_or(Language::En);
    let said = if for_openai {
        openai::response(error, language)
    } else if navigates {
        (response.status(), page(error, language)).into_response()
    } else if language == Language::En {
        return response;
    } else {
        (response.status(), Json(error.body(language))).into_response()
    };
    let (mut parts, _) = response.into_parts();
    let (said, body) = said.into_parts();
    parts.status = said.status;
    parts.headers.remove("content-length");
    parts.headers.extend(said.headers);
    parts.headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.as_str()));
    Response::from_parts(parts, body)
}

/// A page that needs nothing: it is shown when the pages themselves cannot be made.
fn page(error: &ApiError, language: Language) -> Html<String> {
    let missing = error.code.status() == 404;
    let (heading, home) = match language {
        Language::Es => (if missing { "Aquí no hay nada" } else { "Esto no ha funcionado" }, "Volver al inicio"),
        Language::En => (if missing { "There is nothing here" } else { "This did not work" }, "Back to the start"),
    };
    // Details may repeat what was sent, so a page shows the code's own words only.
    Html(format!(
        "<!DOCTYPE html><html lang=\"{lang}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{status} · Cjhirashi</title><link rel=\"stylesheet\" href=\"/pkg/cjhirashi.css\"></head>\
         <body><main class=\"plain\"><div class=\"sheet stack\"><h1>{heading}</h1><p>{message}</p>\
         <p><a class=\"button primary\" href=\"/\">{home}</a></p><p class=\"faint\"><code>{status} · {code}</code></p></div></main></body></html>",
        lang = language.as_str(),
        status = error.code.status(),
        message = error.code.message(language),
        code = error.code.as_str(),
    ))
}

/// The first language asked for that we speak.
pub(crate) fn language_of(headers: &HeaderMap) -> Option<Language> {
    let wanted = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
    wanted.split(',').find_map(|tag| Language::parse(tag.split(';').next().unwrap_or_default().trim()))
}

/// Whether the sender wants a page: a browser that navigates, or a form without script.
pub(crate) fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// Whether a form was sent, as browsers send forms.
fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ["application/x-www-form-urlencoded", "multipart/form-data"].iter().any(|form| content_type.starts_with(form))
}

/// The address exists, the method does not.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed)
}

/// A handler panicked: a defect of ours, which must not take the connection along.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response<Body> {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no words");
    tracing::error!(panic = words, "A handler panicked");
    ApiError::new(ErrorCode::Internal).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::to_bytes, routing::any};
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(headers: &[(&str, &str)]) -> (StatusCode, String) {
        ask_by(Method::GET, headers).await
    }

    async fn ask_by(method: Method, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let app = Router::new()
            .route("/", any(|| async { ApiError::new(ErrorCode::DocumentNotFound) }))
            .layer(axum::middleware::from_fn(speak));
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        (status, String::from_utf8(to_bytes(response.into_body(), 10_000).await.unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_program_gets_the_code_its_status_and_english_words() {
        let (status, body) = ask(&[("accept", "application/json")]).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"]["code"], "documents:not_found");
        assert_eq!(body["error"]["message"], ErrorCode::DocumentNotFound.message(Language::En));
    }

    #[tokio::test]
    async fn who_asks_in_spanish_is_answered_in_spanish() {
        let (_, body) = ask(&[("accept-language", "de-DE, es-MX;q=0.8, en;q=0.5")]).await;
        assert!(body.contains(ErrorCode::DocumentNotFound.message(Language::Es)), "{body}");
    }

    #[tokio::test]
    async fn a_browser_that_navigates_gets_a_page() {
        let (status, body) = ask(&[("accept", "text/html,*/*"), ("accept-language", "es")]).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body.starts_with("<!DOCTYPE html><html lang=\"es\">"), "{body}");
    }

    #[tokio::test]
    async fn a_form_that_is_sent_without_script_gets_a_page_and_a_program_that_posts_gets_none() {
        let html = ("accept", "text/html,*/*");
        for form in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let (_, body) = ask_by(Method::POST, &[html, ("content-type", form)]).await;
            assert!(body.starts_with("<!DOCTYPE html>"), "{form}: {body}");
        }
        let (_, body) = ask_by(Method::POST, &[html, ("content-type", "application/json")]).await;
        assert!(body.starts_with('{'), "{body}");
    }

    #[test]
    fn a_storage_failure_tells_nothing_of_its_cause() {
        let error = ApiError::from(StorageError::Constraint("users_email_key".to_owned()));
        assert_eq!(error, ApiError::new(ErrorCode::Internal));
    }
}

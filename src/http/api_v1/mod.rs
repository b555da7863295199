//! The public API, version 1: stable, described by itself at `/api/v1/openapi.json`, used with a key.
//!
//! To add a call: a handler with `#[utoipa::path]` in the file of its area, its shapes in [`shapes`], its line in
//! [`routes`].

mod artifacts;
mod auth;
mod chats;
mod completions;
mod documents;
mod models;
mod search;
mod shapes;

use axum::{Json, Router, extract::DefaultBodyLimit, routing::get};
use cjhirashi_domain::ErrorCode;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, Ref, RefOr, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{chat_cache::ChatCache, error::ApiError, openai};
use crate::AppState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cjhirashi",
        description = "Documents, search, answers with sources, and chats. Make a key in the settings or with \
                       `cjhirashi api-key create`, and send it as `Authorization: Bearer <key>`. Failures look like \
                       `{\"error\": {\"code\": \"documents:not_found\", \"message\": \"…\"}}`; those of `/chat/completions` \
                       and `/models` have OpenAI's shape, codes and statuses.",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&Keys),
    security(("key" = []))
)]
struct Description;

/// How a call says who makes it.
struct Keys;

impl Modify for Keys {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        api.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// Every call.
fn calls() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(documents::add_document, documents::list_documents))
        .routes(routes!(documents::get_document, documents::change_document, documents::delete_document))
        .routes(routes!(documents::add_document_version))
        .routes(routes!(documents::retry_documents))
        .routes(routes!(documents::retry_document))
        .routes(routes!(documents::cancel_document))
        .routes(routes!(documents::list_document_events))
        .routes(routes!(documents::get_document_file))
        .routes(routes!(artifacts::list_artifacts, artifacts::create_artifact))
        .routes(routes!(artifacts::get_artifact, artifacts::change_artifact, artifacts::delete_artifact))
        .routes(routes!(artifacts::list_artifact_versions))
        .routes(routes!(artifacts::export_artifact))
        .routes(routes!(search::search))
        .routes(routes!(models::list_models))
        .routes(routes!(models::get_model))
        .routes(routes!(completions::complete))
        .routes(routes!(chats::list_chats, chats::create_chat))
        .routes(routes!(chats::get_chat, chats::delete_chat))
}

/// Any call may be refused to a key that comes too often, and one that changes something to a key for reading.
fn describe_what_all_may_answer(api: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut api.paths.paths {
        let shape = if openai::speaks(&format!("/api/v1{path}")) { "OpenAiErrorBody" } else { "ErrorBody" };
        let refused = |words: &str| {
            let body = Content::new(Some(Ref::from_schema_name(shape)));
            RefOr::T(ResponseBuilder::new().description(words).content("application/json", body).build())
        };
        let reading = item.get.iter_mut();
        let changing = item.post.iter_mut().chain(&mut item.patch).chain(&mut item.delete);
        for (call, changes) in reading.map(|call| (call, false)).chain(changing.map(|call| (call, true))) {
            let answers = &mut call.responses.responses;
            let too_often = || refused("Asked too often: wait as long as Retry-After says");
            answers.entry("429".to_owned()).or_insert_with(too_often);
            if changes {
                answers.entry("403".to_owned()).or_insert_with(|| refused("The key is not for this"));
            }
        }
    }
}

/// Every call, as `METHOD /api/v1/path`.
pub(super) fn addresses() -> Vec<String> {
    let (_, api) = calls().split_for_parts();
    let json = serde_json::to_value(&api.paths).unwrap_or_default();
    let calls = json.as_object().into_iter().flatten().flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, _)| format!("{} /api/v1{path}", method.to_uppercase()))
    });
    calls.collect()
}

pub(super) fn routes() -> Router<AppState> {
    let (router, mut api) = calls().split_for_parts();
    describe_what_all_may_answer(&mut api);
    // The router is nested; its description names whole addresses.
    api.paths.paths =
        std::mem::take(&mut api.paths.paths).into_iter().map(|(path, item)| (format!("/api/v1{path}"), item)).collect();
    router
        // Older clients of OpenAI send the slash of a name as it is.
        .route("/models/{model}/{*rest}", get(models::get_model))
        .route("/openapi.json", get(move || async move { Json(api) }))
        .fallback(|| async { ApiError::new(ErrorCode::NotFound) })
        .method_not_allowed_fallback(super::error::method_not_allowed)
        // Bodies are bounded where they are read.
        .layer(DefaultBodyLimit::disable())
        .layer(axum::Extension(ChatCache::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_the_design_is_described() {
        let (_, api) = calls().split_for_parts();
        let described: Vec<&str> = api.paths.paths.keys().map(String::as_str).collect();
        assert_eq!(
            described,
            [
                "/artifacts",
                "/artifacts/{id}",
                "/artifacts/{id}/export/{format}",
                "/artifacts/{id}/versions",
                "/chat/completions",
                "/chats",
                "/chats/{id}",
                "/documents",
                "/documents/retry",
                "/documents/{id}",
                "/documents/{id}/cancel",
                "/documents/{id}/events",
                "/documents/{id}/file",
                "/documents/{id}/retry",
                "/documents/{id}/versions",
                "/models",
                "/models/{model}",
                "/search"
            ]
        );
        let json = serde_json::to_value(&api).unwrap();
        assert!(json["components"]["securitySchemes"]["key"].is_object());
        for path in described {
            for (method, call) in json["paths"][path].as_object().unwrap() {
                assert!(call["responses"].as_object().is_some_and(|responses| responses.len() > 1), "{method} {path}");
            }
        }
    }
}

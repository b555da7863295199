//! Documents: add, list, look at, change, delete; their versions and their history.

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use cjhirashi_domain::{
    ErrorCode, Viewer,
    document::Source,
    id::DocumentId,
    settings::Language,
    text::{InvalidText, QueryText, Tag},
};
use cjhirashi_sync::{DocumentFilter, DocumentScope, NewText};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    auth::{Caller, Writer},
    shapes::{DocumentBody, DocumentEventBody, DocumentEventsBody, DocumentsBody},
};
use crate::{
    AppState,
    http::{
        body::{ApiId, ApiQuery, parse_json, read},
        error::{ApiError, ApiResult, ErrorBody, language_of},
        files,
        uploads::{AcceptedDocument, Outcome, add_files, add_version, parse_public, read_form, visibility},
    },
};

/// The most bytes of a document sent as JSON.
const TEXT_BYTES: usize = 20 << 20;
/// The most bytes of a change, with every label there may be.
const CHANGE_BYTES: usize = 64 << 10;
/// Events of a document that are listed.
const EVENTS: i64 = 200;

/// A text to be added.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewDocumentBody {
    title: String,
    content: String,
    /// `text/plain`, `text/markdown` or `text/html`.
    #[serde(default)]
    mime_type: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    /// `private` or `public`; public ones are for administrators to add.
    #[serde(default)]
    #[schema(example = "private")]
    visibility: Option<String>,
    /// Keys of its own, which go beside its vectors: texts, numbers, yes or no, lists of texts; at most 64, 8 KB in all.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<serde_json::Value>,
    /// Where it came from, an http or https address.
    #[serde(default)]
    source_url: Option<String>,
}

/// Files to be added.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form for openapi.json")]
pub(super) struct NewDocumentForm {
    /// Text, Markdown, HTML, PDF or DOCX, at most 50 MB; may be repeated.
    #[schema(value_type = String, format = Binary)]
    file: String,
    title: Option<String>,
    /// Separated by commas; may be repeated.
    tags: Option<String>,
    visibility: Option<String>,
    /// Keys of its own, as JSON.
    metadata: Option<String>,
    source_url: Option<String>,
}

/// Adds a document.
///
/// The answer means that it is kept; it can be found as soon as its status is `indexed`. Several files in one form are
/// answered with `{documents, errors}`.
#[utoipa::path(
    post, path = "/documents", tag = "documents",
    request_body(content(
        (NewDocumentBody = "application/json"),
        (NewDocumentForm = "multipart/form-data"),
    )),
    responses(
        (status = 202, description = "Kept, and to be indexed", body = AcceptedDocument),
        (status = 400, description = "The request cannot be read", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "Public documents are for administrators", body = ErrorBody),
        (status = 413, description = "Too large", body = ErrorBody),
        (status = 415, description = "A kind of file that cannot be read", body = ErrorBody),
        (status = 422, description = "A field or the file is not valid", body = ErrorBody),
    )
)]
pub(super) async fn add_document(
    State(state): State<AppState>,
    Writer(viewer): Writer,
    request: Request,
) -> ApiResult<Response> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        let language = language_of(request.headers()).unwrap_or(Language::En);
        let form = read_form(&state.documents, request).await?;
        let several = form.files.len() > 1;
        let mut outcome = add_files(&state.documents, &viewer, form, Source::Api, language).await?;
        return if several { Ok((outcome.status(), Json(outcome)).into_response()) } else { one(&mut outcome) };
    }
    let (parts, body) = request.into_parts();
    let new: NewDocumentBody = parse_json(&read(&parts.headers, body, TEXT_BYTES).await?)?;
    let public = parse_public(new.visibility.as_deref().unwrap_or_default())?;
    let new = NewText {
        title: new.title,
        content: new.content,
        mime_type: new.mime_type,
        source: Source::Api,
        source_url: new.source_url,
        tags: new.tags.unwrap_or_default(),
        metadata: new.metadata,
        visibility: visibility(&viewer, public),
    };
    let document = state.documents.add_text(&viewer, new).await?;
    Ok((StatusCode::ACCEPTED, Json(AcceptedDocument::from(document))).into_response())
}

/// The answer to a form with one file: the document itself, or the failure itself.
fn one(outcome: &mut Outcome) -> ApiResult<Response> {
    match (outcome.documents.pop(), outcome.errors.pop()) {
        (Some(document), _) => Ok((StatusCode::ACCEPTED, Json(document)).into_response()),
        (None, Some(refused)) => Err(refused.error),
        (None, None) => Err(ApiError::new(ErrorCode::InvalidRequest)),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DocumentsQuery {
    /// `all` (the default), `own` or `public`.
    scope: Option<String>,
    /// Words in the title or in a label.
    query: Option<String>,
    /// Only with this label.
    tag: Option<String>,
    /// From 1.
    page: Option<u32>,
    /// 1 to 200; 50 by default.
    page_size: Option<u32>,
}

/// A text of a query, read; one of nothing but spaces and control characters is none.
fn given<T>(
    name: &str,
    text: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, InvalidText>,
) -> ApiResult<Option<T>> {
    match text.as_deref().map(parse).transpose() {
        Ok(parsed) => Ok(parsed),
        Err(InvalidText::Empty) => Ok(None),
        Err(error) => Err(ApiError::invalid(format!("{name}: {error}"))),
    }
}

/// Lists the documents that the key's owner may read.
#[utoipa::path(
    get, path = "/documents", tag = "documents", params(DocumentsQuery),
    responses(
        (status = 200, body = DocumentsBody),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
    )
)]
pub(super) async fn list_documents(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    ApiQuery(query): ApiQuery<DocumentsQuery>,
) -> ApiResult<Json<DocumentsBody>> {
    let scope = match query.scope.as_deref() {
        None | Some("all") => DocumentScope::All,
        Some("own") => DocumentScope::Own,
        Some("public") => DocumentScope::Public,
        Some(_) => return Err(ApiError::invalid("scope is all, own or public")),
    };
    let filter = DocumentFilter {
        scope,
        query: given("query", query.query, QueryText::parse)?,
        tag: given("tag", query.tag, Tag::parse)?,
        page: query.page.unwrap_or(1).max(1),
        page_size: query.page_size.unwrap_or(50).clamp(1, 200),
        ..DocumentFilter::default()
    };
    let list = state.documents.list(&viewer, &filter).await?;
    Ok(Json(DocumentsBody {
        documents: list.documents.into_iter().map(DocumentBody::from).collect(),
        total: list.total,
        page: filter.page,
        page_size: filter.page_size,
    }))
}

/// One document and where it stands.
#[utoipa::path(
    get, path = "/documents/{id}", tag = "documents", params(("id" = String, Path)),
    responses(
        (status = 200, body = DocumentBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, or not readable", body = ErrorBody),
    )
)]
pub(super) async fn get_document(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    ApiId(id): ApiId<DocumentId>,
) -> ApiResult<Json<DocumentBody>> {
    Ok(Json(whole(&state, &viewer, &id).await?))
}

/// A document with what lists leave out.
async fn whole(state: &AppState, viewer: &Viewer, id: &DocumentId) -> ApiResult<DocumentBody> {
    let (document, metadata) =
        futures::try_join!(state.documents.get(viewer, id), state.documents.metadata(viewer, id))?;
    let document = document.ok_or(ApiError::new(ErrorCode::DocumentNotFound))?;
    Ok(DocumentBody::from(document).with_metadata(metadata))
}

/// Deletes a document. From then on no answer and no search shows it.
#[utoipa::path(
    delete, path = "/documents/{id}", tag = "documents", params(("id" = String, Path)),
    responses(
        (status = 204, description = "Gone"),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, or not the caller's to delete", body = ErrorBody),
    )
)]
pub(super) async fn delete_document(
    State(state): State<AppState>,
    Writer(viewer): Writer,
    ApiId(id): ApiId<DocumentId>,
) -> ApiResult<StatusCode> {
    state.documents.delete(&viewer, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What of a document is to be changed; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct DocumentChangeBody {
    #[serde(default)]
    title: Option<String>,
    /// All of its labels from now on.
    #[serde(default)]
    tags: Option<Vec<String>>,
    /// All of its own keys from now on.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<serde_json::Value>,
    /// `private` or `public`; only administrators share a document and take it back.
    #[serde(default)]
    #[schema(example = "public")]
    visibility: Option<String>,
}

/// Changes a document's title, labels, or whom it is shared with. In force for every search when it is answered.
#[utoipa::path(
    patch, path = "/documents/{id}", tag = "documents", params(("id" = String, Path)),
    request_body = DocumentChangeBody,
    responses(
        (status = 200, body = DocumentBody),
        (status = 400, description = "The request cannot be read", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "Sharing is for administrators", body = ErrorBody),
        (status = 404, description = "Not there, or not the caller's to change", body = ErrorBody),
        (status = 422, description = "A field is not valid", body = ErrorBody),
    )
)]
pub(super) async fn change_document(
    State(state): State<AppState>,
    Writer(viewer): Writer,
    ApiId(id): ApiId<DocumentId>,
    request: Request,
) -> ApiResult<Json<DocumentBody>> {
    let (parts, body) = request.into_parts();
    let change: DocumentChangeBody = parse_json(&read(&parts.headers, body, CHANGE_BYTES).await?)?;
    let visibility = match change.visibility.as_deref() {
        Some(text) => Some(visibility(&viewer, parse_public(text)?)),
        None => None,
    };
    let DocumentChangeBody { title, tags, metadata, .. } = change;
    let (title, tags) = (title.as_deref(), tags.as_deref());
    state.documents.change(&viewer, &id, title, tags, metadata.as_ref(), visibility.as_ref()).await?;
    Ok(Json(whole(&state, &viewer, &id).await?))
}

/// A version that was kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionBody {
    #[schema(value_type = String)]
    id: DocumentId,
    /// The number of the version, which answers as soon as it is complete.
    version: i32,
}

/// A document's next version.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form for openapi.json")]
pub(super) struct NewVersionForm {
    /// One file.
    #[schema(value_type = String, format = Binary)]
    file: String,
}

/// Adds a document's next version. The one that answers goes on answering until the new one is complete.
#[utoipa::path(
    post, path = "/documents/{id}/versions", tag = "documents", params(("id" = String, Path)),
    request_body(content = NewVersionForm, content_type = "multipart/form-data"),
    responses(
        (status = 202, description = "Kept, and to be indexed", body = VersionBody),
        (status = 400, description = "No form with a file", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, or not the caller's to change", body = ErrorBody),
        (status = 413, description = "Too large", body = ErrorBody),
        (status = 415, description = "A kind of file that cannot be read", body = ErrorBody),
        (status = 422, description = "The form or the file is not valid", body = ErrorBody),
    )
)]
pub(super) async fn add_document_version(
    State(state): State<AppState>,
    Writer(viewer): Writer,
    ApiId(id): ApiId<DocumentId>,
    request: Request,
) -> ApiResult<(StatusCode, Json<VersionBody>)> {
    let form = read_form(&state.documents, request).await?;
    let version = add_version(&state.documents, &viewer, &id, form).await?;
    Ok((StatusCode::ACCEPTED, Json(VersionBody { id, version })))
}

/// How many documents something was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RetriedBody {
    retried: u64,
}

/// Tries every failed document again that the key's owner may change.
#[utoipa::path(
    post, path = "/documents/retry", tag = "documents",
    responses(
        (status = 202, description = "They will be tried", body = RetriedBody),
        (status = 401, description = "No valid key", body = ErrorBody),
    )
)]
pub(super) async fn retry_documents(
    State(state): State<AppState>,
    Writer(viewer): Writer,
) -> ApiResult<(StatusCode, Json<RetriedBody>)> {
    let retried = state.documents.retry_all(&viewer).await?;
    Ok((StatusCode::ACCEPTED, Json(RetriedBody { retried })))
}

/// Tries a document again that failed.
#[utoipa::path(
    post, path = "/documents/{id}/retry", tag = "documents", params(("id" = String, Path)),
    responses(
        (status = 202, description = "It will be tried"),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, not failed, or not the caller's to change", body = ErrorBody),
    )
)]
pub(super) async fn retry_document(
    State(state): State<AppState>,
    Writer(viewer): Writer,
    ApiId(id): ApiId<DocumentId>,
) -> ApiResult<StatusCode> {
    state.documents.retry(&viewer, &id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Takes back what does not answer yet.
///
/// Of a document that answers, its new version goes, in work or given up, and the document is again what it was before. For
/// one of which nothing answers, the attempts to index it end; it can be tried again.
#[utoipa::path(
    post, path = "/documents/{id}/cancel", tag = "documents", params(("id" = String, Path)),
    responses(
        (status = 204, description = "Taken back, or no more attempts"),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, nothing to take back, or not the caller's to change", body = ErrorBody),
    )
)]
pub(super) async fn cancel_document(
    State(state): State<AppState>,
    Writer(viewer): Writer,
    ApiId(id): ApiId<DocumentId>,
) -> ApiResult<StatusCode> {
    state.documents.cancel(&viewer, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The file of the version that answers, as it came. Ranges are served.
#[utoipa::path(
    get, path = "/documents/{id}/file", tag = "documents", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The file, with its name and media type", content_type = "application/octet-stream"),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, without a file, or not readable", body = ErrorBody),
    )
)]
pub(super) async fn get_document_file(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    ApiId(id): ApiId<DocumentId>,
    request: Request,
) -> ApiResult<Response> {
    files::original(&state, &viewer, &id, request).await
}

/// What happened to a document, newest first; at most 200 events.
#[utoipa::path(
    get, path = "/documents/{id}/events", tag = "documents", params(("id" = String, Path)),
    responses(
        (status = 200, body = DocumentEventsBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, or not readable", body = ErrorBody),
    )
)]
pub(super) async fn list_document_events(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    ApiId(id): ApiId<DocumentId>,
) -> ApiResult<Json<DocumentEventsBody>> {
    if state.documents.get(&viewer, &id).await?.is_none() {
        return Err(ApiError::new(ErrorCode::DocumentNotFound));
    }
    let events = state.documents.events(&viewer, &id, EVENTS).await?;
    Ok(Json(DocumentEventsBody { events: events.into_iter().map(DocumentEventBody::from).collect() }))
}

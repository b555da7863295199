//! Artifacts: list, read, make, change on top of the version that was seen, give out, delete.

use axum::{
    Json,
    extract::{Path, RawQuery, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use cjhirashi_artifacts::{Editor, MAX_BYTES, kind};
use cjhirashi_chat::{Change, Draft, Opened, Saved};
use cjhirashi_domain::{
    ErrorCode,
    artifact::{Artifact, ArtifactVersion, ArtifactsWanted, Author},
    id::{ArtifactId, ChatId},
    settings::Language,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    auth::{Caller, Writer},
    shapes::moment,
};
use crate::{
    AppState,
    http::{
        artifacts::{MOST_LISTED, exported},
        body::{ApiId, ApiQuery, parse_json, read},
        error::{ApiError, ApiResult, ErrorBody},
    },
};

/// A content in JSON, where every character may be six.
const BODY_BYTES: usize = MAX_BYTES * 3;
/// Artifacts of one answer, at most.
const PAGE: u32 = 200;

/// An artifact at its newest version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ArtifactBody {
    id: String,
    /// `code`, `json`, `html`, `markdown`, `diagram`, `image`, `latex` or `table`.
    #[schema(example = "table")]
    r#type: String,
    title: String,
    language: Option<String>,
    #[schema(value_type = Object)]
    metadata: serde_json::Value,
    version: i32,
    size_bytes: i64,
    chat_id: Option<String>,
    message_id: Option<String>,
    tags: Vec<String>,
    created_at: String,
    updated_at: String,
}

impl From<Artifact> for ArtifactBody {
    fn from(artifact: Artifact) -> Self {
        Self {
            id: artifact.id.into_string(),
            r#type: artifact.kind,
            title: artifact.title,
            language: artifact.language,
            metadata: artifact.metadata,
            version: artifact.version,
            size_bytes: artifact.size_bytes,
            chat_id: artifact.chat_id.map(ChatId::into_string),
            message_id: artifact.message_id.map(|id| id.to_string()),
            tags: artifact.tags,
            created_at: moment(artifact.created_at),
            updated_at: moment(artifact.updated_at),
        }
    }
}

/// A part of the artifacts, the last changed first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ArtifactsBody {
    artifacts: Vec<ArtifactBody>,
    total: i64,
}

/// An artifact with what it holds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenedBody {
    #[serde(flatten)]
    artifact: ArtifactBody,
    /// Which version `content` is.
    content_version: i32,
    /// The text; of an image its caption. Its file is given out as `export/original`.
    content: String,
}

/// A version of an artifact.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionBody {
    version: i32,
    title: String,
    /// `model` or `person`.
    author: &'static str,
    model: Option<String>,
    restored_from: Option<i32>,
    size_bytes: i64,
    created_at: String,
}

impl From<ArtifactVersion> for VersionBody {
    fn from(version: ArtifactVersion) -> Self {
        Self {
            version: version.version,
            title: version.title,
            author: Author::as_str(version.author),
            model: version.model,
            restored_from: version.restored_from,
            size_bytes: version.size_bytes,
            created_at: moment(version.created_at),
        }
    }
}

/// All versions, the newest first; at most 500.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionsBody {
    versions: Vec<VersionBody>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Words in title and text.
    #[serde(default)]
    q: String,
    /// Of one type.
    #[serde(default)]
    r#type: Option<String>,
    /// With this label.
    #[serde(default)]
    tag: Option<String>,
    /// Of one chat.
    #[serde(default)]
    chat_id: Option<String>,
    /// 1 to 200, 50 when absent.
    #[serde(default)]
    limit: Option<u32>,
    #[serde(default)]
    offset: Option<u32>,
}

/// Lists one's artifacts.
#[utoipa::path(
    get, path = "/artifacts", tag = "artifacts", params(ListQuery),
    responses(
        (status = 200, description = "A part of them", body = ArtifactsBody),
        (status = 400, description = "The request cannot be read", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
    )
)]
pub(super) async fn list_artifacts(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Json<ArtifactsBody>> {
    let limit = query.limit.unwrap_or(50);
    if !(1..=PAGE).contains(&limit) {
        return Err(ApiError::invalid("limit must be 1 to 200").about("limit"));
    }
    let chat = query.chat_id.map(ChatId::parse).transpose().map_err(|_| ApiError::new(ErrorCode::ChatNotFound))?;
    let wanted = ArtifactsWanted {
        words: query.q.chars().take(500).collect(),
        kind: query.r#type,
        tag: query.tag,
        chat,
        ..ArtifactsWanted::default()
    };
    let offset = i64::from(query.offset.unwrap_or_default());
    let (found, total) = state.store.list_artifacts(&viewer, &wanted, offset, i64::from(limit)).await?;
    Ok(Json(ArtifactsBody { artifacts: found.into_iter().map(|listed| listed.artifact.into()).collect(), total }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VersionQuery {
    /// The newest when absent.
    #[serde(default)]
    version: Option<i32>,
}

fn opened(opened: Opened) -> OpenedBody {
    OpenedBody { content_version: opened.stored.version, artifact: opened.stored.artifact.into(), content: opened.text }
}

/// An artifact with what it holds, at a version.
#[utoipa::path(
    get, path = "/artifacts/{id}", tag = "artifacts", params(("id" = String, Path), VersionQuery),
    responses(
        (status = 200, description = "The artifact", body = OpenedBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, or not the caller's", body = ErrorBody),
    )
)]
pub(super) async fn get_artifact(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    ApiId(id): ApiId<ArtifactId>,
    ApiQuery(query): ApiQuery<VersionQuery>,
) -> ApiResult<Json<OpenedBody>> {
    Ok(Json(opened(state.artifacts.open(&viewer, &id, query.version).await?)))
}

/// The versions of an artifact.
#[utoipa::path(
    get, path = "/artifacts/{id}/versions", tag = "artifacts", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The versions", body = VersionsBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, or not the caller's", body = ErrorBody),
    )
)]
pub(super) async fn list_artifact_versions(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    ApiId(id): ApiId<ArtifactId>,
) -> ApiResult<Json<VersionsBody>> {
    let versions = state.store.list_artifact_versions(&viewer, &id, MOST_LISTED).await?;
    if versions.is_empty() {
        return Err(ApiError::new(ErrorCode::ArtifactNotFound));
    }
    Ok(Json(VersionsBody { versions: versions.into_iter().map(Into::into).collect() }))
}

/// An artifact to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewArtifactBody {
    /// Recognised when absent; images are uploaded in the browser.
    #[serde(default)]
    r#type: Option<String>,
    title: String,
    content: String,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: serde_json::Value,
    #[serde(default)]
    tags: Vec<String>,
}

/// Makes an artifact.
#[utoipa::path(
    post, path = "/artifacts", tag = "artifacts", request_body = NewArtifactBody,
    responses(
        (status = 201, description = "Made, as version 1", body = OpenedBody),
        (status = 400, description = "The request cannot be read", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 409, description = "As many are kept as may be", body = ErrorBody),
        (status = 413, description = "Too large", body = ErrorBody),
        (status = 415, description = "No type of artifact is like this", body = ErrorBody),
        (status = 422, description = "A field is not valid", body = ErrorBody),
    )
)]
pub(super) async fn create_artifact(
    State(state): State<AppState>,
    Writer(viewer): Writer,
    request: Request,
) -> ApiResult<Response> {
    let (parts, body) = request.into_parts();
    let new: NewArtifactBody = parse_json(&read(&parts.headers, body, BODY_BYTES).await?)?;
    if new.r#type.as_deref().and_then(kind).is_some_and(|kind| kind.editor(&new.content) == Editor::File) {
        return Err(ApiError::new(ErrorCode::ArtifactUnsupported));
    }
    let tags = cjhirashi_sync::parse_tags(&new.tags)?;
    let draft = Draft {
        kind: new.r#type,
        title: new.title,
        content: new.content.into_bytes(),
        language: new.language,
        metadata: new.metadata,
        tags,
        ..Draft::default()
    };
    let id = state.artifacts.create(&viewer, draft, Language::En).await?;
    let made = opened(state.artifacts.open(&viewer, &id, None).await?);
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// What is to be changed; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ChangeArtifactBody {
    /// The version that the change stands on: the newest, or nothing is changed.
    version: i32,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<serde_json::Value>,
}

/// Makes a new version of an artifact.
#[utoipa::path(
    patch, path = "/artifacts/{id}", tag = "artifacts", params(("id" = String, Path)), request_body = ChangeArtifactBody,
    responses(
        (status = 200, description = "The new version", body = OpenedBody),
        (status = 400, description = "The request cannot be read", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, or not the caller's", body = ErrorBody),
        (status = 409, description = "The version is not the newest any more", body = ErrorBody),
        (status = 413, description = "Too large", body = ErrorBody),
        (status = 422, description = "A field is not valid", body = ErrorBody),
    )
)]
pub(super) async fn change_artifact(
    State(state): State<AppState>,
    Writer(viewer): Writer,
    ApiId(id): ApiId<ArtifactId>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult<Json<OpenedBody>> {
    let change: ChangeArtifactBody = parse_json(&read(&headers, request.into_body(), BODY_BYTES).await?)?;
    let base = change.version;
    let change = Change {
        text: change.content,
        title: change.title,
        language: change.language,
        metadata: change.metadata,
        ..Change::default()
    };
    match state.artifacts.save(&viewer, &id, base, change, Language::En).await? {
        Saved::Done(_) => Ok(Json(opened(state.artifacts.open(&viewer, &id, None).await?))),
        Saved::Moved { version, .. } => Err(ApiError {
            detail: Some(format!("the newest version is {version}")),
            ..ApiError::new(ErrorCode::ArtifactMoved)
        }),
    }
}

/// Deletes an artifact with all its versions.
#[utoipa::path(
    delete, path = "/artifacts/{id}", tag = "artifacts", params(("id" = String, Path)),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, or not the caller's", body = ErrorBody),
    )
)]
pub(super) async fn delete_artifact(
    State(state): State<AppState>,
    Writer(viewer): Writer,
    ApiId(id): ApiId<ArtifactId>,
) -> ApiResult<StatusCode> {
    state.artifacts.delete(&viewer, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An artifact as a file: `csv`, `xlsx`, `md`, `docx`, `json`, `html`, `svg`, `tex`, `original` and others, by its type.
#[utoipa::path(
    get, path = "/artifacts/{id}/export/{format}", tag = "artifacts",
    params(("id" = String, Path), ("format" = String, Path), VersionQuery),
    responses(
        (status = 200, description = "The file, with its name and media type", content_type = "application/octet-stream"),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "Not there, not the caller's, or not a form of its type", body = ErrorBody),
        (status = 422, description = "The content has to be mended first", body = ErrorBody),
    )
)]
pub(super) async fn export_artifact(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    Path((id, format)): Path<(String, String)>,
    ApiQuery(query): ApiQuery<VersionQuery>,
    RawQuery(raw): RawQuery,
) -> ApiResult<Response> {
    let id = ArtifactId::parse(id).map_err(|_| ApiError::new(ErrorCode::ArtifactNotFound))?;
    let opened = state.artifacts.open(&viewer, &id, query.version).await?;
    let pairs = crate::http::artifacts::form_pairs(raw.unwrap_or_default().as_bytes());
    exported(opened, format, pairs, Language::En).await
}

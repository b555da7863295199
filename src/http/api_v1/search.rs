//! Search without an answer.

use axum::{Json, extract::State};
use cjhirashi_domain::{
    ErrorCode,
    search::{SearchMode, SearchTimings},
    text::QueryText,
};
use cjhirashi_retrieval::SearchQuery;
use cjhirashi_sync::parse_tags;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use crate::{
    AppState,
    http::{
        body::ApiJson,
        error::{ApiError, ApiResult, ErrorBody},
    },
};

/// A search.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SearchBody {
    /// 1 to 2,000 characters.
    query: String,
    /// The most passages, 1 to 50; 5 by default.
    #[serde(default)]
    top_k: Option<i64>,
    /// Only passages at least this relevant, 0 to 1; 0 by default.
    #[serde(default)]
    min_score: Option<f64>,
    /// Only documents with one of these labels.
    #[serde(default)]
    tags: Option<Vec<String>>,
    /// `hybrid` (the default), `dense` or `text`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mode: Option<SearchMode>,
}

/// What was found, best first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SearchAnswer {
    results: Vec<ResultBody>,
    timings_ms: TimingsBody,
    /// Documents that were searched.
    searched_documents: i64,
    /// Set when embeddings could not be compared and full text answered alone.
    degraded: bool,
}

/// A passage.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ResultBody {
    document_id: String,
    chunk_id: String,
    title: String,
    text: String,
    /// Relevance, 0 to 1, calibrated per embedding model.
    score: f64,
    /// First character in the document's text.
    start: i32,
    /// One after the last.
    end: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<i32>,
}

/// Milliseconds of each stage.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TimingsBody {
    /// Embedding the query.
    embed: f64,
    /// Asking the vector index.
    vector: f64,
    /// PostgreSQL full text.
    text: f64,
    /// Text, title and access.
    join: f64,
    total: f64,
}

impl From<SearchTimings> for TimingsBody {
    fn from(timings: SearchTimings) -> Self {
        let SearchTimings { embed, vector, text, join, total } = timings;
        Self { embed, vector, text, join, total }
    }
}

/// Searches the documents that the key's owner may read.
#[utoipa::path(
    post, path = "/search", tag = "search", request_body = SearchBody,
    responses(
        (status = 200, body = SearchAnswer),
        (status = 400, description = "The request cannot be read", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 422, description = "The query is empty or too long, or a label is not valid", body = ErrorBody),
    )
)]
pub(super) async fn search(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    ApiJson(body): ApiJson<SearchBody>,
) -> ApiResult<Json<SearchAnswer>> {
    let text = QueryText::parse(&body.query).map_err(|_| ApiError::new(ErrorCode::QueryInvalid))?;
    let query = SearchQuery {
        text: text.into_string(),
        top_k: usize::try_from(body.top_k.unwrap_or(5).clamp(1, 50)).unwrap_or(5),
        min_score: body.min_score.filter(|score| score.is_finite()).unwrap_or(0.0).clamp(0.0, 1.0),
        tags: parse_tags(&body.tags.unwrap_or_default())?,
        mode: body.mode.unwrap_or_default(),
    };
    let outcome = state.retriever.search(&viewer, query).await?;
    Ok(Json(SearchAnswer {
        results: outcome
            .passages
            .into_iter()
            .map(|passage| ResultBody {
                document_id: passage.document_id.into_string(),
                chunk_id: passage.chunk_id.into_string(),
                title: passage.title,
                text: passage.text,
                score: passage.score,
                start: passage.start,
                end: passage.end,
                page: passage.page,
            })
            .collect(),
        timings_ms: outcome.timings.into(),
        searched_documents: outcome.searched_documents,
        degraded: outcome.degraded,
    }))
}

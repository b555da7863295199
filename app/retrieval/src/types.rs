//! What is asked and what comes back.

use cjhirashi_domain::{
    ErrorCode,
    chat::BestMatch,
    id::DocumentId,
    search::{Passage, SearchMode, SearchTimings},
};
use cjhirashi_models::ModelError;
use cjhirashi_storage::StorageError;
use cjhirashi_vectors::IndexError;
use serde::{Deserialize, Serialize};

/// A search on behalf of somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchQuery {
    /// The question. Only its first 2,000 characters are searched for.
    pub text: String,
    /// The most passages, brought inside 1 to 50.
    pub top_k: usize,
    /// Relevance below which a passage is not returned, 0 to 1.
    pub min_score: f64,
    /// Only documents with one of these labels; empty: all.
    pub tags: Vec<String>,
    /// Which of the two ways of finding is used.
    pub mode: SearchMode,
}

impl SearchQuery {
    /// A search with the product's defaults: five passages of relevance 0.5 at least, found both ways.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), top_k: 5, min_score: 0.5, tags: Vec::new(), mode: SearchMode::Hybrid }
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchOutcome {
    /// Passages of at least the asked relevance, best first.
    pub passages: Vec<Passage>,
    /// The best candidate, also when it was below the threshold.
    pub best: Option<BestMatch>,
    /// Documents that could be searched.
    pub searched_documents: i64,
    /// Where the time went.
    pub timings: SearchTimings,
    /// Set when the question's meaning could not be compared with all passages (embedding model or vector index
    /// unavailable, the index still loading or far behind): for some of them full text answered alone.
    pub degraded: bool,
    /// Every candidate and what became of it.
    pub trace: RetrievalTrace,
}

/// "Why this answer": stored with the message as JSON.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RetrievalTrace {
    /// What was searched for.
    pub query: String,
    /// The question's language as recognised, ISO 639-1.
    pub language: Option<String>,
    /// Which ways of finding were asked for.
    pub mode: SearchMode,
    /// Embedding model.
    pub model: String,
    /// Vector index.
    pub index: String,
    /// The stems that full text looked for, rarest first.
    pub terms: Vec<TraceTerm>,
    /// Relevance below which a passage was not used.
    pub min_score: f64,
    /// The most passages wanted.
    pub top_k: usize,
    /// Candidates, best first; at most 50.
    pub candidates: Vec<TraceCandidate>,
    /// Keys that an index returned and PostgreSQL did not know, or not for this reader: stale entries.
    pub stale: usize,
    /// What went wrong on the way, in words for an administrator.
    pub problems: Vec<String>,
    /// Where the time went.
    pub timings: SearchTimings,
}

/// A word of the question as full text sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceTerm {
    /// The word, folded.
    pub word: String,
    /// How much it says, from its rarity.
    pub weight: f64,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceCandidate {
    /// Its document.
    pub document_id: DocumentId,
    /// The document's version.
    pub version: i32,
    /// The chunk's place.
    pub seq: i32,
    /// The chunk's language.
    pub language: Option<String>,
    /// Place in the vector index's answer, from 1.
    pub dense_rank: Option<usize>,
    /// Cosine, as the index gave it.
    pub cosine: Option<f32>,
    /// The cosine of its nearest sentence, where none was relevant enough as a whole.
    #[serde(default)]
    pub sentence: Option<f32>,
    /// Place in full text's answer, from 1.
    pub text_rank: Option<usize>,
    /// Share of the question's words, weighed by their rarity, that the passage holds, 0 to 1.
    pub coverage: f64,
    /// Sum of the reciprocal ranks.
    pub fused: f64,
    /// Calibrated relevance, 0 to 1.
    pub score: f64,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Given to the model.
    Used,
    /// Less relevant than asked for.
    BelowThreshold,
    /// Relevant, but others were more so.
    BeyondTopK,
    /// Says what a better passage, of this document or another, already says.
    Duplicate,
}

/// A search could not be done at all.
#[derive(Debug, thiserror::Error)]
pub enum RetrievalError {
    /// Nothing to search for.
    #[error("the search is empty")]
    EmptyQuery,
    /// PostgreSQL did not answer: without it nothing can be shown.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Only embeddings were asked for, and the model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Only embeddings were asked for, and the index cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl RetrievalError {
    /// The public code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::EmptyQuery => ErrorCode::QueryInvalid,
            Self::Storage(error) => error.code(),
            Self::Model(error) => error.code(),
            Self::Index(error) => error.code(),
        }
    }
}

//! Search over documents, as the API and the pages speak it.

use serde::{Deserialize, Serialize};

use crate::id::{ChunkId, DocumentId};

/// Which of the two ways of finding is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchMode {
    /// Both; the passages of either are ordered by one relevance.
    #[default]
    Hybrid,
    /// Embeddings alone.
    Dense,
    /// Full text alone.
    Text,
}

/// A piece of a document that answers a question. Text and access come from PostgreSQL at answer time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// Its document.
    pub document_id: DocumentId,
    /// Its chunk.
    pub chunk_id: ChunkId,
    /// The document's version.
    pub version: i32,
    /// The chunk's place in that version, from 0.
    pub seq: i32,
    /// The document's title.
    pub title: String,
    /// The passage.
    pub text: String,
    /// Relevance, 0 to 1, calibrated per embedding model.
    pub score: f64,
    /// First character in the document's text.
    pub start: i32,
    /// One after the last.
    pub end: i32,
    /// Page, for paged documents.
    pub page: Option<i32>,
}

/// Milliseconds of each stage of one search.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SearchTimings {
    /// Embedding the question.
    pub embed: f64,
    /// Asking the vector index.
    pub vector: f64,
    /// PostgreSQL full text.
    pub text: f64,
    /// Text, title and access from PostgreSQL.
    pub join: f64,
    /// All of it.
    pub total: f64,
}

//! Documents and their chunks.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    access::Visibility,
    id::{ChunkId, DocumentId},
};

/// Where a document stands on its way into search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentStatus {
    /// Accepted; a job will take it.
    Queued,
    /// A job reads it; see [`Stage`].
    Processing,
    /// Searchable.
    Indexed,
    /// Given up; `error` says why and what to do.
    Failed,
}

impl DocumentStatus {
    /// All there are, in the order in which a document passes through them.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Processing, Self::Indexed, Self::Failed];

    /// The word stored in the database and shown in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Indexed => "indexed",
            Self::Failed => "failed",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether it will become another one by itself.
    #[must_use]
    pub const fn moves(self) -> bool {
        matches!(self, Self::Queued | Self::Processing)
    }
}

/// What a job is doing with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Reading the file.
    Extracting,
    /// Computing embeddings.
    Embedding,
    /// Writing to the vector index.
    Indexing,
}

impl Stage {
    /// The word stored in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Extracting => "extracting",
            Self::Embedding => "embedding",
            Self::Indexing => "indexing",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Extracting, Self::Embedding, Self::Indexing].into_iter().find(|stage| stage.as_str() == text)
    }
}

/// How a document came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A file from the browser.
    Upload,
    /// A page.
    Url,
    /// The public API.
    Api,
    /// The instance itself.
    System,
}

impl Source {
    /// The ADR's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Url => "url",
            Self::Api => "api",
            Self::System => "system",
        }
    }

    /// Reads the ADR's word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Upload, Self::Url, Self::Api, Self::System].into_iter().find(|source| source.as_str() == text)
    }
}

/// A document as lists and its page show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Its id.
    pub id: DocumentId,
    /// Whose it is.
    pub visibility: Visibility,
    /// Its name.
    pub title: String,
    /// How it came.
    pub source: Source,
    /// From where, for pages.
    pub source_url: Option<String>,
    /// Its media type, as recognised.
    pub mime_type: Option<String>,
    /// Bytes of the original file.
    pub size_bytes: Option<i64>,
    /// Where it stands.
    pub status: DocumentStatus,
    /// What is being done, while processing.
    pub stage: Option<Stage>,
    /// Share of that done, 0 to 1.
    pub progress: f32,
    /// Why it failed.
    pub error: Option<DocumentError>,
    /// Searchable chunks of the current version.
    pub chunk_count: i32,
    /// The current version, from 1.
    pub version: i32,
    /// Labels.
    pub tags: Vec<String>,
    /// Language detected, ISO 639-1.
    pub language: Option<String>,
    /// Came from the ADR's application and has no text here yet.
    pub adopted: bool,
    /// When it came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Document {
    /// Whether trying again may help: adopted documents have nothing that could be read once more.
    #[must_use]
    pub fn may_be_retried(&self) -> bool {
        self.status == DocumentStatus::Failed && !self.adopted
    }
}

/// Why a document failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentError {
    /// A code of [`crate::ErrorCode`], as text.
    pub code: String,
    /// More words for the one who wants to know, without secrets.
    pub detail: Option<String>,
    /// What the code says, in the reader's language: on its way to a page, and never stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

/// A piece of a document: what is embedded, found and cited. Offsets count characters (Unicode scalar values).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Its id in PostgreSQL.
    pub id: ChunkId,
    /// Its place in the version, from 0.
    pub seq: i32,
    /// Its text: the document's text from `start` to `end`.
    pub text: String,
    /// First character in the document's text.
    pub start: i32,
    /// One after its last character.
    pub end: i32,
    /// The page it begins on, from 1, for paged documents.
    pub page: Option<i32>,
}

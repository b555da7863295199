//! The trait, and what goes in and out.

use std::{fmt, str::FromStr, sync::Arc};

use async_trait::async_trait;
use cjhirashi_domain::{
    ErrorCode, Timestamp, Viewer,
    access::Visibility,
    document::Source,
    id::{DocumentId, UserId},
};

use crate::CustomMetadata;

/// The name of a vector: `document#version#seq`. Deterministic, so that every write can be repeated, and with the
/// document first, so that an index that lists by prefix finds all of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkKey {
    /// The document.
    pub document_id: DocumentId,
    /// Its version, from 1.
    pub version: i32,
    /// The chunk's place in that version, from 0.
    pub seq: i32,
}

impl fmt::Display for ChunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}", self.document_id, self.version, self.seq)
    }
}

/// A vector's name that we did not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a vector is named document#version#seq")]
pub struct InvalidChunkKey;

impl FromStr for ChunkKey {
    type Err = InvalidChunkKey;

    fn from_str(text: &str) -> Result<Self, InvalidChunkKey> {
        let mut parts = text.split('#');
        let (Some(document), Some(version), Some(seq), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidChunkKey);
        };
        Ok(Self {
            document_id: DocumentId::parse(document).map_err(|_| InvalidChunkKey)?,
            version: version.parse().map_err(|_| InvalidChunkKey)?,
            seq: seq.parse().map_err(|_| InvalidChunkKey)?,
        })
    }
}

/// What an index may know of a document, for filtering and for people who look into it. The same for all chunks of a
/// version, hence shared.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentMetadata {
    /// Who may find it.
    pub visibility: Visibility,
    /// Its title.
    pub title: String,
    /// How it came.
    pub source: Source,
    /// From where, for pages.
    pub source_url: Option<String>,
    /// When it came.
    pub created_at: Timestamp,
    /// Its labels.
    pub tags: Vec<String>,
    /// Its own keys.
    pub custom: CustomMetadata,
}

/// One chunk on its way into an index.
#[derive(Debug, Clone)]
pub struct VectorRecord {
    /// Its name.
    pub key: ChunkKey,
    /// `chunks.ordinal`.
    pub ordinal: i64,
    /// The embedding: as many finite numbers as the index has dimensions, not all zero. Any length; indexes compare by
    /// cosine.
    pub values: Vec<f32>,
    /// The chunk's language, ISO 639-1.
    pub language: Option<String>,
    /// The passage, for an index that [keeps texts](VectorIndex::keeps_text); otherwise leave it out.
    pub text: Option<String>,
    /// Its document.
    pub document: Arc<DocumentMetadata>,
}

/// Which chunks may be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFilter {
    /// Whose private documents are included; public ones always are.
    pub reader: UserId,
    /// Only these documents, at most 10,000. `None`: all that the reader may see. PostgreSQL makes this list, for tags
    /// for example, so that it is never older than the question.
    pub documents: Option<Vec<DocumentId>>,
}

impl IndexFilter {
    /// All that somebody may see.
    #[must_use]
    pub fn of(viewer: &Viewer) -> Self {
        Self { reader: viewer.user_id.clone(), documents: None }
    }
}

/// A question to an index.
#[derive(Debug, Clone)]
pub struct IndexQuery {
    /// The question's embedding.
    pub vector: Vec<f32>,
    /// The most matches, 1 to 10,000.
    pub top_k: usize,
    /// Which chunks may be found.
    pub filter: IndexFilter,
}

/// One chunk found.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// Its name.
    pub key: ChunkKey,
    /// Cosine of question and chunk, -1 to 1.
    pub score: f32,
}

/// When a write is seen by queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// As soon as `upsert` returns, in this process.
    Immediate,
    /// Some time later: chunks that are not acknowledged have to be scored from PostgreSQL.
    Eventual,
}

/// An index has accepted a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// The write's place in the log of the index: an [`Answer`] whose position is not smaller includes it. `None` where
    /// the index keeps no log or did not tell.
    pub position: Option<u64>,
}

impl Written {
    /// Nothing had to be written: every answer includes it.
    pub const NOTHING: Self = Self { position: Some(0) };

    /// One write made of two: seen when both are, and not known when it is not known of one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { position: self.position.zip(other.position).map(|(one, two)| one.max(two)) }
    }
}

/// What an index found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// The nearest chunks, best first.
    pub matches: Vec<Match>,
    /// How far in its log the index had come; see [`Written::position`].
    pub position: Option<u64>,
}

/// How full an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexStats {
    /// Vectors that can be found. May lag behind in a remote index.
    pub vectors: u64,
    /// Bytes of memory in this process.
    pub memory_bytes: u64,
    /// Set while vectors are still being brought in after a start: answers are right but may miss chunks.
    pub loading: bool,
}

/// An index did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A vector has the wrong number of numbers: made by another model than the index is for.
    #[error("a vector has {actual} numbers, the index {expected}; was the embedding model changed?")]
    Dimension {
        /// What the index has.
        expected: usize,
        /// What came.
        actual: usize,
    },
    /// A vector holds NaN or infinity, or only zeros: it has no direction.
    #[error("the vector of {key} has no direction (not a number, infinite, or all zeros)")]
    NoDirection {
        /// Which; `query` for a question's.
        key: String,
    },
    /// The folder or file cannot be used.
    #[error("the vector index cannot use {path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The index cannot be reached or is limiting us; the same call may succeed later.
    #[error("the vector index {index} does not answer: {detail}")]
    Unavailable {
        /// Which.
        index: &'static str,
        /// In its words.
        detail: String,
        /// How long it asks to wait.
        retry_after: Option<std::time::Duration>,
    },
    /// A setting, or what it names at the service, is not right: the same call succeeds once somebody has mended it.
    #[error("the vector index {index} cannot be used: {detail}")]
    Misconfigured {
        /// Which.
        index: &'static str,
        /// What is wrong, and the way out.
        detail: String,
    },
    /// A chunk, with what is kept beside it, is larger than the index takes.
    #[error("{key} is too large for the vector index: {bytes} bytes, of {limit}")]
    TooLarge {
        /// Which.
        key: String,
        /// Its bytes.
        bytes: usize,
        /// The most bytes.
        limit: usize,
    },
    /// The index refused; the same call will not succeed later.
    #[error("the vector index {index} refuses: {detail}")]
    Refused {
        /// Which.
        index: &'static str,
        /// In its words.
        detail: String,
    },
}

impl IndexError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Misconfigured { .. } | Self::Io { .. })
    }

    /// The public code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable { .. } | Self::Misconfigured { .. } | Self::Io { .. } => ErrorCode::IndexUnavailable,
            Self::Dimension { .. } | Self::NoDirection { .. } | Self::TooLarge { .. } | Self::Refused { .. } => {
                ErrorCode::IndexRefused
            }
        }
    }
}

/// An index of chunk vectors by cosine.
///
/// All writes can be repeated: an upsert of a key replaces it, a delete of an unknown key is done.
#[async_trait]
pub trait VectorIndex: Send + Sync + fmt::Debug {
    /// A word for logs, metrics and pages: `embedded`, `pinecone`.
    fn name(&self) -> &'static str;

    /// The embedding model whose vectors it holds, `provider:model@dimension`.
    fn model(&self) -> &str;

    /// Numbers per vector.
    fn dimension(&self) -> usize;

    /// When writes are seen.
    fn consistency(&self) -> Consistency;

    /// Whether [`VectorRecord::text`] is wanted.
    fn keeps_text(&self) -> bool {
        false
    }

    /// Writes chunks, any number; the index cuts batches as it needs them.
    ///
    /// # Errors
    /// [`IndexError`]; none, some or all may have been written, so repeat all.
    async fn upsert(&self, records: Vec<VectorRecord>) -> Result<Written, IndexError>;

    /// Removes chunks.
    ///
    /// # Errors
    /// [`IndexError`].
    async fn delete(&self, keys: &[ChunkKey]) -> Result<Written, IndexError>;

    /// Removes every chunk of a document, except those of one version where given.
    ///
    /// # Errors
    /// [`IndexError`].
    async fn delete_document(&self, document: &DocumentId, keep_version: Option<i32>) -> Result<Written, IndexError>;

    /// The nearest chunks, best first.
    ///
    /// # Errors
    /// [`IndexError`].
    async fn query(&self, query: IndexQuery) -> Result<Answer, IndexError>;

    /// Names in ascending order of their text, of one document or of all, after a name; for reconciliation.
    ///
    /// # Errors
    /// [`IndexError`].
    async fn list(
        &self,
        document: Option<&DocumentId>,
        after: Option<&ChunkKey>,
        limit: usize,
    ) -> Result<Vec<ChunkKey>, IndexError>;

    /// How full it is.
    ///
    /// # Errors
    /// [`IndexError`].
    async fn stats(&self) -> Result<IndexStats, IndexError>;

    /// Removes everything that it holds, for good: its model's vectors and what was made to hold them.
    ///
    /// # Errors
    /// [`IndexError`].
    async fn clear(&self) -> Result<(), IndexError>;

    /// Writes what is only in memory to disk, where there is something to write. Called now and then and at the end.
    ///
    /// # Errors
    /// [`IndexError::Io`].
    async fn checkpoint(&self) -> Result<(), IndexError> {
        Ok(())
    }
}

/// Checks that a vector from outside has the right length and a direction; gives its largest number, without its sign.
pub(crate) fn check_vector(values: &[f32], dimension: usize, name: impl FnOnce() -> String) -> Result<f32, IndexError> {
    if values.len() != dimension {
        return Err(IndexError::Dimension { expected: dimension, actual: values.len() });
    }
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    // `max` passes over NaN, so each number is looked at.
    if !values.iter().all(|value| value.is_finite()) || largest < 1e-8 {
        return Err(IndexError::NoDirection { key: name() });
    }
    Ok(largest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_chunk_key_reads_what_it_writes() {
        let text = "01jd0000000000000000000000#3#17";
        let key: ChunkKey = text.parse().unwrap();
        assert_eq!((key.version, key.seq), (3, 17));
        assert_eq!(key.to_string(), text);
    }

    fn any_key() -> impl Strategy<Value = ChunkKey> {
        ("[0-9a-z]{1,26}", 1..i32::MAX, 0..i32::MAX).prop_map(|(document, version, seq)| ChunkKey {
            document_id: DocumentId::parse(document).unwrap(),
            version,
            seq,
        })
    }

    proptest! {
        #[test]
        fn every_key_reads_what_it_writes_and_no_two_have_one_name(a in any_key(), b in any_key()) {
            prop_assert_eq!(a.to_string().parse(), Ok(a.clone()));
            prop_assert_eq!(a.to_string() == b.to_string(), a == b);
        }

        #[test]
        fn a_document_and_a_version_are_found_by_the_beginning_of_a_name_and_nothing_else_is(
            a in any_key(), b in any_key(), same in any::<bool>(),
        ) {
            let b = if same { ChunkKey { document_id: a.document_id.clone(), ..b } } else { b };
            let name = b.to_string();
            prop_assert_eq!(name.starts_with(&format!("{}#", a.document_id)), a.document_id == b.document_id);
            let of_the_version = a.document_id == b.document_id && a.version == b.version;
            prop_assert_eq!(name.starts_with(&format!("{}#{}#", a.document_id, a.version)), of_the_version);
        }

        #[test]
        fn no_text_makes_reading_a_name_panic(text in ".{0,60}") {
            if let Ok(key) = text.parse::<ChunkKey>() {
                prop_assert_eq!(key.to_string().parse(), Ok(key));
            }
        }
    }

    #[test]
    fn a_name_that_we_did_not_write_is_refused() {
        for bad in ["", "a", "a#1", "a#1#2#3", "a#x#0", "#1#2", "a b#1#2"] {
            assert_eq!(bad.parse::<ChunkKey>(), Err(InvalidChunkKey), "{bad}");
        }
    }
}

//! Two databases, one truth: which vector index answers, and what comparing it with PostgreSQL found.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, document::DocumentError};

/// A kind of vector index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexKind {
    /// In the process, a cache under the data folder.
    Embedded,
    /// Pinecone's service.
    Pinecone,
    /// A Qdrant server.
    Qdrant,
    /// A PostgreSQL with the `vector` extension.
    Pgvector,
}

impl IndexKind {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Embedded, Self::Pinecone, Self::Qdrant, Self::Pgvector];

    /// The stored word, also on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Pinecone => "pinecone",
            Self::Qdrant => "qdrant",
            Self::Pgvector => "pgvector",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether every process has one of its own, which it keeps equal to PostgreSQL by itself.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, Self::Embedded)
    }
}

impl std::fmt::Display for IndexKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind of index with the vectors of one embedding model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IndexName {
    /// Which kind.
    pub kind: IndexKind,
    /// Whose vectors: `provider:model@dimension`.
    pub model: String,
}

impl IndexName {
    /// How many numbers a vector of its model has; 1 where the model's name does not say it, which fits none.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.model.rsplit_once('@').and_then(|(_, dimension)| dimension.parse().ok()).unwrap_or(1)
    }
}

impl std::fmt::Display for IndexName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.kind, self.model)
    }
}

/// What an index is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexState {
    /// It answers.
    Active,
    /// It is being filled beside the one that answers.
    Building,
    /// It answered before, and can again.
    Previous,
}

impl IndexState {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Building => "building",
            Self::Previous => "previous",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Building, Self::Previous].into_iter().find(|state| state.as_str() == text)
    }
}

/// What the building of an index is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuildPhase {
    /// Chunks get embeddings of its model.
    Embedding,
    /// Embeddings are copied into it.
    Copying,
    /// It is compared with PostgreSQL.
    Comparing,
}

impl BuildPhase {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::Copying => "copying",
            Self::Comparing => "comparing",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Embedding, Self::Copying, Self::Comparing].into_iter().find(|phase| phase.as_str() == text)
    }
}

/// One index that is known, and how far its building is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexRow {
    /// Which.
    pub name: IndexName,
    /// What it is to us.
    pub state: IndexState,
    /// What its building is at, or was at last.
    pub phase: BuildPhase,
    /// Chunks done in that phase.
    pub copied: i64,
    /// So many of which earlier runs did, which were killed or failed.
    pub begun_with: i64,
    /// Chunks there are to do in that phase.
    pub total: i64,
    /// When that phase began, in the present run.
    pub started_at: Timestamp,
    /// When it last began to answer.
    pub activated_at: Option<Timestamp>,
    /// Somebody began to empty it: what it holds is not known.
    pub cleared: bool,
}

/// How fast a building goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Chunks a second, since the present run began.
    pub per_second: f64,
    /// Seconds that the rest of the phase takes at that rate.
    pub seconds_left: f64,
}

impl IndexRow {
    /// How fast its building goes on; `None` before the present run has done anything.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people needs no more than a few digits")]
    pub fn pace(&self, now: Timestamp) -> Option<Pace> {
        let done = self.copied - self.begun_with;
        let seconds = (now.0 - self.started_at.0).max(1) as f64 / 1000.0;
        (done > 0).then(|| {
            let per_second = done as f64 / seconds;
            Pace { per_second, seconds_left: (self.total - self.copied).max(0) as f64 / per_second }
        })
    }
}

/// One side of a comparison: how many vectors, and a hash of their names that does not depend on their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Vectors.
    pub vectors: u64,
    /// 128 bits, hexadecimal.
    pub hash: String,
}

/// What comparing PostgreSQL with the vector index found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconciliationReport {
    /// What should be there.
    pub database: Side,
    /// What is there: after the repair, if there was one.
    pub index: Side,
    /// Vectors that were not there.
    pub missing: u64,
    /// Vectors that should not be there.
    pub orphans: u64,
    /// Documents of which the index holds all vectors, but has not acknowledged the latest change.
    #[serde(default)]
    pub stale: u64,
    /// Documents that were repaired.
    pub repaired: u64,
    /// Documents that still differ, and that no job is at work on.
    pub unrepaired: u64,
    /// Documents that were being indexed or deleted meanwhile and were left to their jobs.
    pub in_work: u64,
    /// Why it could not be finished.
    pub error: Option<DocumentError>,
}

impl ReconciliationReport {
    /// Both sides are equal but for what jobs are at work on.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.error.is_none() && self.unrepaired == 0
    }
}

/// A comparison that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// Which one.
    pub id: i64,
    /// Of which index.
    pub index: IndexName,
    /// Nothing was repaired, only looked at.
    pub dry_run: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent while it runs, or when its process died.
    pub ended_at: Option<Timestamp>,
    /// What it found.
    pub report: Option<ReconciliationReport>,
}

/// One line of a document's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentEvent {
    /// Of which version.
    pub version: i32,
    /// What happened.
    pub event: DocumentEventKind,
    /// In which attempt of its job, from 1; 0 where no job was at work.
    pub attempt: i32,
    /// Why, where something went wrong.
    pub error: Option<DocumentError>,
    /// When.
    pub at: Timestamp,
}

/// What happens to a document on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentEventKind {
    /// A version was uploaded.
    Added,
    /// A job took it.
    Started,
    /// Its text and chunks are stored.
    Extracted,
    /// Its chunks are embedded; it answers.
    Embedded,
    /// The vector index has acknowledged all of it.
    Indexed,
    /// A run failed; it will be tried again.
    Waiting,
    /// It was given up.
    Failed,
    /// A person asked to try again.
    Retried,
    /// A person ended the attempts.
    Cancelled,
    /// A person took a version back that did not answer yet.
    Discarded,
    /// Its title changed.
    Renamed,
    /// Its labels or its own keys changed.
    Changed,
    /// It was shared with everybody.
    Shared,
    /// It became somebody's own again.
    Unshared,
    /// The index was made to agree again.
    Repaired,
    /// Its text and vectors were taken over from the index of the ADR's application.
    Adopted,
}

impl DocumentEventKind {
    const ALL: [Self; 16] = [
        Self::Added,
        Self::Started,
        Self::Extracted,
        Self::Embedded,
        Self::Indexed,
        Self::Waiting,
        Self::Failed,
        Self::Retried,
        Self::Cancelled,
        Self::Discarded,
        Self::Renamed,
        Self::Changed,
        Self::Shared,
        Self::Unshared,
        Self::Repaired,
        Self::Adopted,
    ];

    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Started => "started",
            Self::Extracted => "extracted",
            Self::Embedded => "embedded",
            Self::Indexed => "indexed",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Retried => "retried",
            Self::Cancelled => "cancelled",
            Self::Discarded => "discarded",
            Self::Renamed => "renamed",
            Self::Changed => "changed",
            Self::Shared => "shared",
            Self::Unshared => "unshared",
            Self::Repaired => "repaired",
            Self::Adopted => "adopted",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

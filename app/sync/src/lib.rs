//! From a document somebody adds to chunks that can be found, and back: what PostgreSQL says, the vector index follows.
//!
//! [`DocumentService`] is what pages and the API call: every change is committed together with the job that carries it
//! on. [`Worker`] runs those jobs. Three rules hold everywhere:
//!
//! 1. **Every step can be repeated.** A run looks at what is there and does what is missing, so a kill at any moment
//!    costs at most the batch in hand; texts that were embedded before are not embedded again.
//! 2. **Every write names its claim.** A run that lost its job, or whose document was deleted meanwhile, writes nothing
//!    more: what is deleted stays deleted. Deleting and indexing one document never happen at the same time.
//! 3. **No database connection is held** while a file is read, a model is asked or an index is written.
//!
//! This crate contains no SQL and decides nothing about how a file is read, a text embedded or a vector stored.
//!
//! To add a job: a variant of `storage::JobKind`, a module with its handler, its arm in `worker.rs`.

mod adopt;
mod delete;
mod engines;
mod error;
mod export;
mod index;
mod overview;
mod reconcile;
mod records;
mod reindex;
mod repair;
mod service;
mod worker;

pub use adopt::{
    AdoptError, AdoptOptions, AdoptionReport, Named, OldIndex, Problem, Removal, adopt, remove_old_vectors,
    wait_until_indexed,
};
pub use engines::{EngineFollower, IndexFactory, OpenIndex, choose_index, wanted_index};
pub use error::DocumentError;
pub use overview::{SyncOverview, SyncService, build_index};
pub use reconcile::reconcile;
pub use service::{DocumentService, MAX_FILE_BYTES, MAX_TAGS, NewDocument, NewText, parse_tags};
pub use worker::{Worker, WorkerContext, WorkerHandle, WorkerOptions};

// What the service takes and gives, so that callers need not know where it is defined.
pub use cjhirashi_storage::{
    BlobWriter, DeadJob, DocumentFilter, DocumentList, DocumentPart, DocumentScope, JobFilter, JobKind, JobsOfKind,
    OriginalFile, StoredBlob, Twin,
};
pub use cjhirashi_vectors::IndexStats;

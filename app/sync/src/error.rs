//! What can go wrong, for the one who asks and for the job that works.

use std::time::Duration;

use cjhirashi_domain::{ErrorCode, document};
use cjhirashi_ingest::IngestError;
use cjhirashi_models::ModelError;
use cjhirashi_storage::{AddDocumentError, BlobError, ReleaseError, StorageError};
use cjhirashi_vectors::IndexError;

/// How long a job waits for somebody who mends a setting of the vector index, before it looks again.
const MENDED_AFTER: Duration = Duration::from_secs(60);

/// A document could not be added, changed or read.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// There is none that the person may see or change.
    #[error("no such document")]
    NotFound,
    /// The person may not do this: the knowledge base is for admins to change.
    #[error("not allowed")]
    Forbidden,
    /// A field is not right; which, in words for a developer.
    #[error("the document is not valid: {0}")]
    Invalid(String),
    /// The file is not one that can be read.
    #[error(transparent)]
    File(#[from] IngestError),
    /// The disk, or the limit of bytes.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A vector index.
    #[error(transparent)]
    Index(IndexError),
    /// This process lacks its settings.
    #[error("this server is not configured for {0}")]
    IndexNotConfigured(String),
    /// One is being built already.
    #[error("another index is being built; wait until it is done, or stop it at /admin/sync")]
    IndexBusy,
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl DocumentError {
    /// The public code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::DocumentNotFound,
            Self::Forbidden => ErrorCode::Forbidden,
            Self::Invalid(_) => ErrorCode::DocumentInvalid,
            Self::File(error) => error.code(),
            Self::Blob(BlobError::TooLarge { .. }) => ErrorCode::DocumentTooLarge,
            Self::Blob(BlobError::Io(_)) => ErrorCode::Internal,
            Self::Index(error) => error.code(),
            Self::IndexNotConfigured(_) => ErrorCode::IndexNotConfigured,
            Self::IndexBusy => ErrorCode::IndexBusy,
            Self::Storage(error) => error.code(),
        }
    }
}

impl From<AddDocumentError> for DocumentError {
    fn from(error: AddDocumentError) -> Self {
        match error {
            AddDocumentError::Storage(error) => Self::Storage(error),
            AddDocumentError::Blob(error) => Self::Blob(error),
        }
    }
}

/// Why a run did not end well.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    /// For the document.
    pub(crate) error: document::DocumentError,
    /// What to do about it.
    pub(crate) remedy: Remedy,
}

/// What to do about a run that failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Remedy {
    /// Nothing: it would fail again.
    GiveUp,
    /// Try again with growing pauses, a limited number of times.
    TryAgain {
        /// The shortest pause that makes sense, where somebody told.
        after: Option<Duration>,
    },
    /// We were asked to wait; that is no failure and does not count.
    Wait {
        /// How long.
        after: Duration,
    },
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, detail: Option<String>, remedy: Remedy) -> Self {
        let detail = detail.map(|detail| detail.chars().take(300).collect());
        Self { error: document::DocumentError { code: code.as_str().to_owned(), detail, words: None }, remedy }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        tracing::warn!(%error, "a job could not read or write the database");
        // No detail: what a database says is for the log.
        Self::new(error.code(), None, Remedy::TryAgain { after: None })
    }
}

impl From<ReleaseError> for Failure {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::Storage(error) => error.into(),
            ReleaseError::Blob(error) => {
                tracing::warn!(%error, "a file could not be removed");
                Self::new(ErrorCode::Internal, None, Remedy::TryAgain { after: None })
            }
        }
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Self {
        let detail = match &error {
            IngestError::Broken { detail } | IngestError::TooComplex { detail } => Some(detail.clone()),
            IngestError::Unsupported { found } => Some(found.clone()),
            IngestError::Unavailable { detail } => {
                tracing::warn!(detail, "a file could not be read");
                None
            }
            _ => None,
        };
        let remedy = if error.is_permanent() { Remedy::GiveUp } else { Remedy::TryAgain { after: None } };
        Self::new(error.code(), detail, remedy)
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        let remedy = match &error {
            ModelError::RateLimited { retry_after, .. } => {
                Remedy::Wait { after: retry_after.unwrap_or(Duration::from_secs(30)) }
            }
            // It is being fetched, or somebody has to bring it: however long that takes, no document is given up for it.
            ModelError::LocalModelMissing { .. } => Remedy::Wait { after: MENDED_AFTER },
            // About these very texts: the same texts would be refused again.
            ModelError::Refused { .. } | ModelError::ContextTooLong { .. } => Remedy::GiveUp,
            // The rest may pass by itself or when somebody mends the configuration.
            _ => Remedy::TryAgain { after: error.retry_after() },
        };
        Self::new(error.code(), error.detail(), remedy)
    }
}

/// One of the two databases did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SideError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl From<SideError> for Failure {
    fn from(error: SideError) -> Self {
        match error {
            SideError::Storage(error) => error.into(),
            SideError::Index(error) => error.into(),
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        let remedy = match &error {
            IndexError::Unavailable { retry_after: Some(after), .. } => Remedy::Wait { after: *after },
            // Until somebody has mended it, however long that takes.
            IndexError::Misconfigured { .. } => Remedy::Wait { after: MENDED_AFTER },
            _ if error.is_transient() => Remedy::TryAgain { after: None },
            _ => Remedy::GiveUp,
        };
        tracing::warn!(%error, "the vector index could not be written");
        Self::new(error.code(), Some(error.to_string()), remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_document_is_given_up_for_a_model_that_is_still_to_come() {
        let failure = Failure::from(ModelError::LocalModelMissing { path: "model.bin".into() });
        assert!(matches!(failure.remedy, Remedy::Wait { .. }), "{failure:?}");
    }
}

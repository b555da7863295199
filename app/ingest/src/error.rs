//! Why a file could not be read.

use cjhirashi_domain::ErrorCode;
use serde::{Deserialize, Serialize};

/// Why a file could not be read. All but [`IngestError::Unavailable`] lie in the file: trying again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum IngestError {
    /// No bytes, or nothing but white space.
    #[error("the file is empty")]
    Empty,
    /// More bytes than allowed.
    #[error("the file is larger than {max_bytes} bytes")]
    TooLarge {
        /// Bytes allowed.
        max_bytes: u64,
    },
    /// A kind of file that is not read.
    #[error("not a kind of file that can be read: {found}")]
    Unsupported {
        /// What it seems to be.
        found: String,
    },
    /// Damaged.
    #[error("the file is damaged: {detail}")]
    Broken {
        /// What the parser said.
        detail: String,
    },
    /// Needs a password.
    #[error("the file is protected by a password")]
    Encrypted,
    /// Readable, but without a word: scanned pages, mostly.
    #[error("the file holds no text ({pages} pages)")]
    NoText {
        /// Pages seen; 0 for kinds without pages.
        pages: usize,
    },
    /// Unpacks to more than allowed.
    #[error("the file expands to more than {max_bytes} bytes")]
    Bomb {
        /// Bytes allowed.
        max_bytes: u64,
    },
    /// Took more time or memory than allowed.
    #[error("reading the file takes too much: {detail}")]
    TooComplex {
        /// Which limit was reached.
        detail: String,
    },
    /// The reader itself could not run: no memory for a process, a file that cannot be opened. Worth another try.
    #[error("the reader could not run: {detail}")]
    Unavailable {
        /// Why.
        detail: String,
    },
}

impl IngestError {
    /// The public code, with its HTTP status and words.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Empty => ErrorCode::DocumentEmpty,
            Self::TooLarge { .. } => ErrorCode::DocumentTooLarge,
            Self::Unsupported { .. } => ErrorCode::DocumentUnsupported,
            Self::Broken { .. } => ErrorCode::DocumentBroken,
            Self::Encrypted => ErrorCode::DocumentEncrypted,
            Self::NoText { .. } => ErrorCode::DocumentNoText,
            Self::Bomb { .. } => ErrorCode::DocumentBomb,
            Self::TooComplex { .. } => ErrorCode::DocumentTooSlow,
            Self::Unavailable { .. } => ErrorCode::Internal,
        }
    }

    /// Whether the same file will fail again.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        !matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn broken(detail: impl std::fmt::Display) -> Self {
        Self::Broken { detail: cut(&detail.to_string()) }
    }

    pub(crate) fn unavailable(detail: impl std::fmt::Display) -> Self {
        Self::Unavailable { detail: cut(&detail.to_string()) }
    }
}

/// A parser's message may quote the file; 200 characters are enough to recognise it.
pub(crate) fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

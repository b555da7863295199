//! Why a file, or a conversation in it, cannot be read.

use crate::lenient::MOST;

/// Why nothing of a file can be read. All of it lies in the file: trying again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Another kind of file, or another program's.
    #[error("this is no export of ChatGPT, Open WebUI or Cjhirashi")]
    NotAnExport,
    /// An archive that is damaged or locked.
    #[error("the archive cannot be read: {detail}")]
    Broken {
        /// What the reader of archives said.
        detail: String,
    },
    /// Unpacks to more than allowed, or holds more files.
    #[error("the archive expands to more than {max_bytes} bytes, or holds more than {max_files} files")]
    Bomb {
        /// Bytes allowed.
        max_bytes: u64,
        /// Files allowed.
        max_files: usize,
    },
    /// Our own export, in a version that this one does not know.
    #[error("this file was written by a newer Cjhirashi (version {version} of its format)")]
    TooNew {
        /// The file's version.
        version: u64,
    },
}

/// Why one conversation of a file cannot be read; those beside it can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("conversation {number} ({}): {detail}", title.as_deref().unwrap_or("…"))]
pub struct DamagedConversation {
    /// Its place in the file, from 1.
    pub number: usize,
    /// Its title, where that can be read: one line, at most 200 characters.
    pub title: Option<String>,
    /// What is wrong with it: one line, at most 200 characters.
    pub detail: String,
}

/// Why a reader cannot read a conversation.
#[derive(Debug)]
pub(crate) struct Unread(pub(crate) String);

impl Unread {
    pub(crate) fn messages() -> Self {
        Self(format!("its messages cannot be read, or are more than {MOST}"))
    }
}

impl From<serde_json::Error> for Unread {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

//! Original files, by the SHA-256 of their content.

use std::path::PathBuf;

/// The SHA-256 of a file, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobKey(pub String);

/// A file could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk refused.
    #[error("a file could not be stored or read: {0}")]
    Io(#[from] std::io::Error),
}

/// A folder of files named by their content.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
}

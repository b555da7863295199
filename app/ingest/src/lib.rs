//! A file becomes text with offsets, and text becomes chunks.
//!
//! What comes in is untrusted: files lie about their type, break off, expand without end or hang their parser. So
//! [`recognise`] looks at the bytes before the name, every reader is bounded by [`Limits`], and formats with a real
//! parser behind them (HTML, PDF, DOCX) are read in a child process that can be killed ([`Sandbox`]). This crate
//! knows nothing of databases, people or models.
//!
//! To read another format: a variant of [`Kind`] and its bytes in `recognise.rs`; a module with
//! `fn read(bytes, limits) -> Result<Extracted, IngestError>` called by [`extract`]; its bad inputs as tests in
//! `tests/bad_input.rs`.

mod assemble;
mod chunk;
mod docx;
mod error;
mod extracted;
mod html;
mod language;
mod pdf;
mod recognise;
mod sandbox;
mod text;

pub use assemble::{assemble, clean_text};
pub use chunk::{ChunkDraft, ChunkOptions, chunk};
pub use error::IngestError;
pub use extracted::{Extracted, Limits, PageStart};
pub use recognise::{Kind, recognise, wants_whole};
pub use sandbox::{Sandbox, run_extract_child};

/// Reads a file of a known kind, in this thread and this process: call it through [`Sandbox`] for files of others.
///
/// # Errors
/// [`IngestError`] when the file is empty, larger than `limits`, damaged, locked, or holds no text.
pub fn extract(kind: Kind, bytes: &[u8], limits: &Limits) -> Result<Extracted, IngestError> {
    if bytes.is_empty() {
        return Err(IngestError::Empty);
    }
    if bytes.len() as u64 > limits.max_file_bytes {
        return Err(IngestError::TooLarge { max_bytes: limits.max_file_bytes });
    }
    match kind {
        Kind::Text | Kind::Markdown => text::read(kind, bytes, limits),
        Kind::Html => html::read(bytes, limits),
        Kind::Pdf => pdf::read(bytes, limits),
        Kind::Docx => docx::read(bytes, limits),
    }
}

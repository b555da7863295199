//! What a reader gives, and what it may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{IngestError, Kind, language::detect_language, text};

/// What was read from a file. Its title is not among it: those inside of files are often a template's or an older
/// document's, nothing tells them from right ones, and a person looks for the name that they gave. `text` has `\n` line ends, no NUL and no control characters but `\n` and `\t`, and is in
/// Unicode normal form C; headings of HTML and DOCX are lines that begin with `#` as in Markdown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Extracted {
    /// All of it, pages one after the other. Offsets everywhere count its characters (Unicode scalar values).
    pub text: String,
    /// Where each page begins; empty for kinds without pages. Pages without text are there, too.
    pub pages: Vec<PageStart>,
    /// ISO 639-1, when it could be told.
    pub language: Option<String>,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageStart {
    /// From 1.
    pub page: i32,
    /// Its first character in the text.
    pub start: i32,
}

impl Extracted {
    /// Cleans and measures what a reader found.
    pub(crate) fn finish(kind: Kind, raw: &str, limits: &Limits) -> Result<Self, IngestError> {
        let text = text::clean(raw);
        if text.trim().is_empty() {
            return Err(match kind {
                Kind::Text | Kind::Markdown => IngestError::Empty,
                Kind::Html | Kind::Pdf | Kind::Docx => IngestError::NoText { pages: 0 },
            });
        }
        if text.len() as u64 > limits.max_text_bytes {
            return Err(IngestError::Bomb { max_bytes: limits.max_text_bytes });
        }
        let language = detect_language(&text);
        Ok(Self { text, pages: Vec::new(), language })
    }
}

/// What reading one file may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of the file: 50 MB.
    pub max_file_bytes: u64,
    /// Bytes of text that may come out: 64 MiB.
    pub max_text_bytes: u64,
    /// Bytes that one part of an archive may unpack to: 128 MiB.
    pub max_unpacked_bytes: u64,
    /// Pages: 10,000.
    pub max_pages: usize,
    /// Time on the wall: 120 s. Enforced by [`crate::Sandbox`].
    pub wall_clock: Duration,
    /// Processor time: 60 s. Enforced by [`crate::Sandbox`].
    pub cpu: Duration,
    /// Address space of the child: 2 GiB. Enforced by [`crate::Sandbox`].
    pub max_memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 50_000_000,
            max_text_bytes: 64 << 20,
            max_unpacked_bytes: 128 << 20,
            max_pages: 10_000,
            wall_clock: Duration::from_secs(120),
            cpu: Duration::from_secs(60),
            max_memory_bytes: 2 << 30,
        }
    }
}

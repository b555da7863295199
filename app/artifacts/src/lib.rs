//! Artifacts: what a model or a person makes beside the text of a chat, in eight kinds.
//!
//! Pure: no database, no HTTP, no clock. [`Kind`] is everything that differs between kinds: how one is recognised, checked,
//! shown, edited and exported. What is written in an artifact is a stranger's: every kind's HTML is safe by construction,
//! and whatever could run runs only in the sandboxed frame whose page [`Kind::frame`] gives.
//!
//! To add a kind: its file in `kinds/`, and its line in [`KINDS`].

mod card;
mod diff;
mod kinds;
pub mod protocol;

use cjhirashi_domain::settings::Language;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use card::{card, growing};
pub use diff::difference;
pub use kinds::{
    KINDS,
    image::{Accepted, accept as accept_image},
    table::from_markdown as table_from_markdown,
};

/// The most bytes of an artifact's content, and of an image's file.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What an artifact holds at one version.
#[derive(Debug, Clone, PartialEq)]
pub struct Content<'a> {
    /// The text; of an image its caption, because the picture itself is [`Content::file`].
    pub text: &'a str,
    /// The programming language, where the kind has one.
    pub language: Option<&'a str>,
    /// What [`Kind::metadata`] has let through.
    pub metadata: &'a Value,
    /// The bytes, of kinds that are files.
    pub file: Option<&'a [u8]>,
    /// How it is called.
    pub title: &'a str,
}

/// Where an artifact is shown.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// What makes ids on the page its own: letters, digits and hyphens.
    pub id: &'a str,
    /// The reader's language.
    pub language: Language,
    /// The address below which its parts are: `{base}/part?version=3&…`, `{base}/content?version=3`,
    /// `{base}/frame?version=3`, `{base}/export/{format}?version=3`.
    pub base: &'a str,
    /// Which version is shown.
    pub version: i32,
}

/// Something wrong in a content. It is shown, and keeps nobody from saving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// From 1, where it can be told.
    pub line: Option<u32>,
    /// Characters from 1, where it can be told.
    pub column: Option<u32>,
    /// What it is and what to do, in the reader's language.
    pub words: String,
}

/// How a kind is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Editor {
    /// Its text, and the view beside it renewed while one writes.
    Text,
    /// The cells of a table.
    Cells,
    /// A file is put in its place; words about it are written.
    File,
}

/// How the text of a kind is known elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// What a file of it ends with.
    pub extension: &'static str,
    /// Its media type, without a charset.
    pub media_type: &'static str,
    /// The word after a fence in Markdown; empty where that is the programming language of each.
    pub fence: &'static str,
}

/// How a form is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As a file to be saved.
    File,
    /// As a page that is shown, to be printed.
    Page,
    /// Made in the browser from what is shown there, because only it has fonts; the server does not know it.
    InBrowser,
}

/// A form in which a kind leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// As addresses name it: `csv`.
    pub id: &'static str,
    /// How it is had.
    pub way: Way,
    es: &'static str,
    en: &'static str,
}

impl Format {
    /// A file whose form has the same name in every language.
    const fn file(id: &'static str, label: &'static str) -> Self {
        Self { id, way: Way::File, es: label, en: label }
    }

    /// Any other.
    const fn new(id: &'static str, way: Way, es: &'static str, en: &'static str) -> Self {
        Self { id, way, es, en }
    }

    /// As people know it.
    #[must_use]
    pub const fn label(&self, language: Language) -> &'static str {
        match language {
            Language::Es => self.es,
            Language::En => self.en,
        }
    }
}

/// A file to be given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its media type, with the charset of text.
    pub media_type: String,
    /// What its name ends with, without the dot.
    pub extension: String,
}

/// A content could not be given out in a form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The kind has no such form.
    #[error("no such form")]
    NoSuchFormat,
    /// What is wrong in the content has to be mended first.
    #[error("{}", .0.words)]
    Content(Problem),
    /// The asked size or part cannot be had.
    #[error("bad options")]
    BadOptions,
}

/// What may become an artifact.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found<'a> {
    /// A file's name.
    pub file_name: Option<&'a str>,
    /// The language of a fenced block.
    pub language: Option<&'a str>,
    /// The beginning of the content, at least its first 4 KiB.
    pub head: &'a [u8],
}

/// A piece of an artifact that is loaded when it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Safe HTML.
    Html(String),
    /// JSON.
    Json(String),
}

/// Everything that differs between kinds.
pub trait Kind: Sync + std::fmt::Debug {
    /// As the column `type` has it: `code`.
    fn name(&self) -> &'static str;

    /// As people call one of it.
    fn label(&self, language: Language) -> &'static str;

    /// One line for a model: what the kind is for and what its content is.
    fn instructions(&self) -> &'static str;

    /// What models call it besides its name, in small letters.
    fn aliases(&self) -> &'static [&'static str] {
        &[]
    }

    /// How its text is known elsewhere.
    fn source(&self) -> Source;

    /// The text that an empty one begins with.
    fn blank(&self) -> &'static str {
        ""
    }

    /// How surely this is one of the kind, from 0 (it is not) to 100. [`recognise`] takes the surest.
    fn recognise(&self, found: &Found<'_>) -> u8;

    /// The metadata as it is kept: what is known and valid, everything else left out; what can be told from the content
    /// (sides of an image, columns of a table) is filled in.
    ///
    /// # Errors
    /// When what is given is wrong and cannot be left out.
    fn metadata(&self, content: &Content<'_>, language: Language) -> Result<Value, Problem>;

    /// What is wrong in the content, at most 20 problems; empty when it is right.
    fn problems(&self, content: &Content<'_>, language: Language) -> Vec<Problem>;

    /// The view, as safe HTML; bounded however large the content is: more is loaded by [`Kind::part`].
    fn view(&self, content: &Content<'_>, place: Place<'_>) -> String;

    /// A piece of the view. `query` are the address's parameters, decoded. `None` when there is no such piece.
    fn part(&self, content: &Content<'_>, place: Place<'_>, query: &[(&str, &str)]) -> Option<Part> {
        let _ = (content, place, query);
        None
    }

    /// The whole HTML document that runs in a sandboxed frame of an origin of its own, without network.
    fn frame(&self, content: &Content<'_>) -> Option<String> {
        let _ = content;
        None
    }

    /// How a content with this text is edited.
    fn editor(&self, text: &str) -> Editor {
        let _ = text;
        Editor::Text
    }

    /// Applies edits that are no text ([`Editor::Cells`]), and gives the new text.
    ///
    /// # Errors
    /// When they do not fit the content; nothing is applied then.
    fn apply(&self, content: &Content<'_>, edits: &Value, language: Language) -> Result<String, Problem> {
        let _ = (content, edits);
        Err(Problem { line: None, column: None, words: kinds::words::no_such_edit(language).to_owned() })
    }

    /// The forms in which a content with this text leaves, the plainest first.
    fn formats(&self, text: &str) -> &'static [Format];

    /// The file of a form. `query` as for [`Kind::part`].
    ///
    /// # Errors
    /// [`ExportError`].
    fn export(
        &self,
        content: &Content<'_>,
        format: &str,
        query: &[(&str, &str)],
        language: Language,
    ) -> Result<Exported, ExportError>;
}

/// What is of no other kind is shown as this one.
pub const PLAINEST: &str = "code";

/// The kind of a name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

/// The kind that a file or a block most surely is: code where nothing else fits, nothing where it is no text and no picture.
#[must_use]
pub fn recognise(found: &Found<'_>) -> Option<&'static dyn Kind> {
    let (sure, kind) = KINDS.iter().map(|kind| (kind.recognise(found), *kind)).max_by_key(|(sure, _)| *sure)?;
    (sure > 0).then_some(kind)
}

//! Markdown to HTML that is safe to show.
//!
//! What a model writes is hostile: a document it read may have told it what to write. So the writer knows which
//! elements and attributes it makes, and everything else is text: raw HTML is shown, not obeyed; links lead only to
//! `http`, `https` and `mailto`; pictures become links, because a picture's address can carry a secret out the moment
//! it is shown; ids and classes are our own. LaTeX becomes MathML and diagrams become SVG on the server, and both
//! are checked once more against a list of elements. Nothing here runs in the browser.
//!
//! To add a Markdown extension: its event in `html`, with a test in `tests` that tries to break out of it.

mod blocks;
mod code;
mod diagram;
mod extracts;
mod html;
mod links;
mod marks;
mod math;
mod notes;
#[cfg(test)]
mod tests;
mod words;

use std::{
    hash::BuildHasher,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

use cjhirashi_domain::{
    chat::{Citation, Verdict},
    passage::TextRange,
    settings::Language,
};
use quick_cache::{Weighter, sync::Cache};

pub use blocks::BlockRenderer;
pub use code::{knows as knows_language, lines as code_lines};
pub use diagram::{COLOURS as DIAGRAM_COLOURS, DiagramProblem, Drawing, diagram, diagram_file};
pub use extracts::{Extract, extracts};
pub use html::escape;
pub use links::safe_address;
pub use marks::{Mark, marks};
pub use math::{FormulaError, FormulaReason, MAX_FORMULA, formula};
use notes::Numbers;

/// Bytes of rendered HTML kept, so that a long chat is not rendered at every visit.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// Two keyed hashes of source and citations: what a stranger writes cannot be made to collide.
type Key = (u64, u64);

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<str>> for Bytes {
    fn weight(&self, _: &Key, html: &Arc<str>) -> u64 {
        html.len() as u64 + 64
    }
}

static RENDERED: LazyLock<Cache<Key, Arc<str>, Bytes>> =
    LazyLock::new(|| Cache::with_weighter(2_000, CACHE_BYTES, Bytes));

static HASHERS: LazyLock<[std::hash::RandomState; 2]> =
    LazyLock::new(|| [std::hash::RandomState::new(), std::hash::RandomState::new()]);

/// Where a text is shown.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// What makes the ids of this text its own on the page: the message's id, or any word of letters, digits and hyphens
    /// that no other text on the page has.
    pub id: &'a str,
    /// The reader's language: for words that are ours, such as the names of marks that are read out.
    pub language: Language,
    /// Where marks lead.
    pub sources: Sources<'a>,
}

/// Where the marks of a text lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sources<'a> {
    /// To the documents, which their reader may read.
    #[default]
    Documents,
    /// To what stands on the same page: see [`Sources::id`].
    OnPage(&'a str),
}

impl Sources<'_> {
    /// What a page calls the passage of a citation, or in it the words that one of its uses stands on. `of` tells the
    /// texts of the page apart.
    #[must_use]
    pub fn id(of: &str, citation: &Citation, quote: Option<TextRange>) -> String {
        let n = citation.n;
        quote.map_or_else(
            || format!("{of}-source-{n}"),
            |quote| format!("{of}-source-{n}-{}-{}", quote.start, quote.end),
        )
    }
}

impl<'a> Place<'a> {
    /// A place whose marks lead to the documents.
    #[must_use]
    pub const fn new(id: &'a str, language: Language) -> Self {
        Self { id, language, sources: Sources::Documents }
    }
}

/// Turns Markdown into safe HTML. `[n]` becomes a link to the passage of citation `n`.
#[must_use]
pub fn render(source: &str, citations: &[Citation], place: Place<'_>) -> String {
    render_shared(source, citations, place).as_ref().to_owned()
}

/// [`render`] without a copy: the same text is rendered once and shared, within 8 MB.
#[must_use]
pub fn render_shared(source: &str, citations: &[Citation], place: Place<'_>) -> Arc<str> {
    let key = HASHERS.each_ref().map(|hasher| {
        let cited = citations.iter().map(|c| {
            let title = c.source.as_ref().map(|source| source.title.as_str());
            let place =
                |verdict: Verdict, quote: Option<TextRange>| (verdict.as_str(), quote.map(|q| (q.start, q.end)));
            let uses: Vec<_> = c.uses.iter().map(|used| (used.at, place(used.verdict, used.quote))).collect();
            (c.n, c.document_id.as_str(), c.start, c.end, place(c.verdict, c.quote), uses, title, c.replaced.as_deref())
        });
        hasher.hash_one((source, cited.collect::<Vec<_>>(), place.id, place.language.as_str(), place.sources))
    });
    let key = (key[0], key[1]);
    if let Some(html) = RENDERED.get(&key) {
        return html;
    }
    let mut lasting = true;
    let write = || {
        let written = html::write(source, citations, html::State::Saved, place, &mut Numbers::default());
        lasting = written.lasting;
        written.html
    };
    let html: Arc<str> = guarded(source, write).into();
    if lasting {
        RENDERED.insert(key, Arc::clone(&html));
    }
    html
}

/// What was rendered before, or what is rendered now; what fails is tried again the next time.
fn remembered<E>(what: impl std::hash::Hash, render: impl FnOnce() -> Result<String, E>) -> Result<String, E> {
    let key = HASHERS.each_ref().map(|hasher| hasher.hash_one(&what));
    let key = (key[0], key[1]);
    if let Some(html) = RENDERED.get(&key) {
        return Ok(html.as_ref().to_owned());
    }
    let html = render()?;
    RENDERED.insert(key, html.as_str().into());
    Ok(html)
}

/// Does the rendering of many texts, a whole chat's, away from the threads that serve requests.
pub async fn aside<T: Send + 'static>(render: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(render).await {
        Ok(rendered) => rendered,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and whoever waits with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// The libraries below are not ours, and the text is a stranger's: if one of them panics, the reader gets the text.
fn guarded(source: &str, write: impl FnOnce() -> String) -> String {
    catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|_| {
        tracing::error!(markdown.bytes = source.len(), "Markdown could not be rendered; it is shown as text");
        let mut out = String::with_capacity(source.len() + 16);
        out.push_str("<pre>");
        html::escape(source, &mut out);
        out.push_str("</pre>");
        out
    })
}

//! Markdown while it is being written: block by block, so that a reader's page changes only at its end.

use std::{
    hash::BuildHasher,
    panic::{AssertUnwindSafe, catch_unwind},
};

use cjhirashi_domain::{chat::Citation, settings::Language};
use pulldown_cmark::{Event, Parser};

use super::{
    HASHERS, Place, guarded,
    html::{self, State},
    math,
    notes::Numbers,
};

/// Renders a growing text. Blocks (paragraphs, lists, fences, tables) are numbered from 0; all but the last few are
/// final, and only what changed is rendered and given out again.
///
/// Footnotes have the numbers they will keep and stand where they were written; a fence becomes a diagram once it is
/// closed. What one block cannot know of another (a reference defined further down) is right once the whole text is
/// rendered by [`super::render`].
#[derive(Debug, Default)]
pub struct BlockRenderer {
    id: String,
    language: Language,
    citations: Vec<Citation>,
    /// Text from the first block that may still change.
    tail: String,
    /// Blocks before `tail`.
    settled: u32,
    /// What those blocks have numbered.
    numbers: Numbers,
    /// The blocks of `tail` as they were given out last.
    given: Vec<Given>,
    /// The last of them, where more words may follow its own.
    open: Option<Open>,
    /// `tail` may hold the fence of a diagram.
    may_draw: bool,
    /// How long the text is, in bytes.
    bytes: usize,
}

/// A block that a reader has.
#[derive(Debug)]
struct Given {
    /// Of its text and of the numbers it began with.
    hash: u64,
    /// The numbers after it.
    numbers: Numbers,
}

/// A block that ends in running text: words that follow change nothing else of it, so they need no parser.
#[derive(Debug)]
struct Open {
    /// Where it begins, and where the text that it was made of ends, in `tail`.
    start: usize,
    end: usize,
    /// As it was given out.
    html: String,
    /// Where its last words end.
    grows_at: usize,
}

impl Open {
    /// Takes up the words behind its text; `false` where they may be more than words.
    fn grow(&mut self, tail: &str) -> bool {
        let before = &tail[..self.end];
        let had = before.strip_suffix(' ').unwrap_or(before);
        let last = had.rsplit([' ', '\n']).next().unwrap_or_default();
        // A space at its end is not in the HTML.
        let (from, to) = (had.len(), tail.trim_end_matches(' ').len().max(had.len()));
        let grows = !last.is_empty() && are_words(last, &tail[from..]) && self.html[..self.grows_at].ends_with(last);
        if !grows {
            return false;
        }
        self.html.insert_str(self.grows_at, &tail[from..to]);
        self.grows_at += to - from;
        self.end = tail.len();
        true
    }
}

/// Whether words that follow a word are nothing but words to Markdown: letters, digits, single spaces, and what ends a
/// sentence behind a letter. (Behind a digit it may begin a list, before a letter it may be a part of an address.)
fn are_words(last: &str, added: &str) -> bool {
    let mut before = ' ';
    for c in last.chars().chain(added.chars()) {
        let follows = match c {
            ' ' => before != ' ',
            '.' | ',' | ';' | ':' | '!' | '?' => before.is_alphabetic(),
            _ => c.is_alphanumeric() && (before == ' ' || before.is_alphanumeric()),
        };
        if !follows {
            return false;
        }
        before = c;
    }
    true
}

/// Whether a text may hold the word that makes a fence a diagram.
fn names_diagram(text: &[u8]) -> bool {
    text.windows(DIAGRAM.len()).any(|window| window.eq_ignore_ascii_case(DIAGRAM))
}

const DIAGRAM: &[u8] = b"mermaid";

impl BlockRenderer {
    /// Nothing written yet, to be shown at a place.
    #[must_use]
    pub fn new(place: Place<'_>) -> Self {
        Self { id: place.id.to_owned(), language: place.language, ..Self::default() }
    }

    /// The citations that `[n]` may name from now on.
    pub fn set_citations(&mut self, citations: Vec<Citation>) {
        self.citations = citations;
        self.given.clear();
        self.open = None;
    }

    /// More text.
    pub fn push(&mut self, delta: &str) {
        self.bytes += delta.len();
        let from = self.tail.len().saturating_sub(DIAGRAM.len());
        self.tail.push_str(delta);
        self.may_draw |= names_diagram(&self.tail.as_bytes()[from..]);
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes
    }

    /// Blocks that were given out so far.
    #[must_use]
    pub fn blocks(&self) -> u32 {
        self.number(self.given.len())
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Bytes that may be rendered again at a change: what a call of [`Self::changes`] costs grows with it, unless only words
    /// came.
    #[must_use]
    pub const fn open_bytes(&self) -> usize {
        self.tail.len()
    }

    /// Whether an open block may become a diagram, which takes longer than words.
    #[must_use]
    pub const fn may_draw(&self) -> bool {
        self.may_draw
    }

    /// Blocks that look different since the last call, by number, as safe HTML. A block that ceased to be (the text
    /// after it made both one) is given as empty.
    pub fn changes(&mut self) -> Vec<(u32, String)> {
        if let Some(grown) = self.grown() {
            return vec![grown];
        }
        let starts = block_starts(&self.tail);
        let ends = starts.iter().skip(1).copied().chain([self.tail.len()]);
        let mut changed = Vec::new();
        let mut given = Vec::with_capacity(starts.len());
        let mut numbers = self.numbers.clone();
        // Only the last block is of use here: what others end with is whole.
        let mut last = self.open.take().filter(|_| self.given.len() == starts.len());
        let mut open = None;
        for (at, (start, end)) in starts.iter().copied().zip(ends).enumerate() {
            let source = &self.tail[start..end];
            let hash = HASHERS[0].hash_one((source, &numbers));
            match self.given.get(at).filter(|given| given.hash == hash) {
                Some(same) => {
                    numbers = same.numbers.clone();
                    open = last.take_if(|_| at + 1 == starts.len());
                }
                None => {
                    let place = Place::new(&self.id, self.language);
                    let mut grows_at = None;
                    let write = || {
                        let written = html::write(source, &self.citations, State::Live, place, &mut numbers);
                        grows_at = written.grows_at;
                        written.html
                    };
                    let html = guarded(source, write);
                    open = grows_at.map(|grows_at| Open { start, end, html: html.clone(), grows_at });
                    changed.push((self.number(at), html));
                }
            }
            given.push(Given { hash, numbers: numbers.clone() });
        }
        for gone in given.len()..self.given.len() {
            changed.push((self.number(gone), String::new()));
        }
        // A block is final once the first line of the next one is whole: until then "``" may become a fence or stay
        // a paragraph's words.
        let settled =
            starts.iter().skip(1).rposition(|start| self.tail[*start..].contains('\n')).map_or(0, |at| at + 1);
        if let Some(cut) = starts.get(settled).copied().filter(|_| settled > 0) {
            self.tail.drain(..cut);
            self.may_draw = names_diagram(self.tail.as_bytes());
            open = open.map(|open| Open { start: open.start - cut, end: open.end - cut, ..open });
            if let Some(last) = given.drain(..settled).next_back() {
                self.numbers = last.numbers;
            }
            self.settled = self.number(settled);
        }
        self.given = given;
        self.open = open;
        changed
    }

    /// The last block, where only words were added to it since.
    fn grown(&mut self) -> Option<(u32, String)> {
        let open = self.open.as_mut().filter(|open| open.end < self.tail.len())?;
        if !open.grow(&self.tail) {
            return None;
        }
        let (last, before) = self.given.split_last_mut()?;
        let numbers = before.last().map_or(&self.numbers, |given| &given.numbers);
        last.hash = HASHERS[0].hash_one((&self.tail[open.start..], numbers));
        let html = open.html.clone();
        Some((self.number(self.given.len() - 1), html))
    }

    /// The next change reads all that is open.
    #[cfg(test)]
    pub(crate) fn distrust_words(&mut self) {
        self.open = None;
    }

    fn number(&self, at: usize) -> u32 {
        self.settled.saturating_add(u32::try_from(at).unwrap_or(u32::MAX))
    }
}

/// The offsets at which blocks begin, each at the start of its line. The parser is not ours: where it panics, all is one
/// block.
fn block_starts(text: &str) -> Vec<usize> {
    catch_unwind(AssertUnwindSafe(|| parsed_starts(text))).unwrap_or_else(|_| vec![0])
}

fn parsed_starts(text: &str) -> Vec<usize> {
    let source = math::brackets_to_dollars(text);
    let mut starts: Vec<usize> = Vec::new();
    let mut depth = 0usize;
    for (event, range) in Parser::new_ext(&source, html::options()).into_offset_iter() {
        let begins = depth == 0;
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if begins {
            // The line, because the indentation of code is not in its range but belongs to it.
            let start = source[..range.start].rfind('\n').map_or(0, |at| at + 1);
            if starts.last().is_none_or(|last| *last < start) {
                starts.push(start);
            }
        }
    }
    starts
}

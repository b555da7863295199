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
    }

    /// More text.
    pub fn push(&mut self, delta: &str) {
        self.bytes += delta.len();
        self.tail.push_str(delta);
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

    /// Bytes that are rendered again at every change: what a call of [`Self::changes`] costs grows with it.
    #[must_use]
    pub const fn open_bytes(&self) -> usize {
        self.tail.len()
    }

    /// Whether an open block may become a diagram, which takes longer than words.
    #[must_use]
    pub fn may_draw(&self) -> bool {
        const WORD: &[u8] = b"mermaid";
        self.tail.as_bytes().windows(WORD.len()).any(|window| window.eq_ignore_ascii_case(WORD))
    }

    /// Blocks that look different since the last call, by number, as safe HTML. A block that ceased to be (the text
    /// after it made both one) is given as empty.
    pub fn changes(&mut self) -> Vec<(u32, String)> {
        let starts = block_starts(&self.tail);
        let ends = starts.iter().skip(1).copied().chain([self.tail.len()]);
        let mut changed = Vec::new();
        let mut given = Vec::with_capacity(starts.len());
        let mut numbers = self.numbers.clone();
        for (at, (start, end)) in starts.iter().copied().zip(ends).enumerate() {
            let source = &self.tail[start..end];
            let hash = HASHERS[0].hash_one((source, &numbers));
            match self.given.get(at).filter(|given| given.hash == hash) {
                Some(same) => numbers = same.numbers.clone(),
                None => {
                    let place = Place { id: &self.id, language: self.language };
                    let write = || html::write(source, &self.citations, State::Live, place, &mut numbers).html;
                    let html = guarded(source, write);
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
            if let Some(last) = given.drain(..settled).next_back() {
                self.numbers = last.numbers;
            }
            self.settled = self.number(settled);
        }
        self.given = given;
        changed
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

//! Footnotes: a small number in the text, the note below it, and the ways between both.
//!
//! While a text is being written its blocks are rendered one by one, and a note comes long after the words it belongs
//! to. So numbers are given in the order in which notes are named, and are carried from block to block.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{Place, html::escape};
use crate::words;

/// Notes beyond this stay as they were written.
const MAX_NOTES: usize = 300;
/// A note that is named again and again has so many ways back.
const MAX_BACK: u32 = 9;
/// The longest name of a note, in bytes.
const MAX_LABEL: usize = 100;

/// The program leaves such a link to the browser, which then moves the focus, too.
const NATIVE: &str = "rel=\"external\"";

/// What is numbered through a whole text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Numbers {
    notes: Vec<Note>,
    /// Diagrams so far.
    pub(crate) diagrams: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Note {
    /// As it is compared: names differ in more than capitals.
    label: String,
    /// How often the text has named it.
    named: u32,
}

impl Numbers {
    /// The number of a note, from 1: the next free one for a new name.
    fn of(&mut self, label: &str) -> Option<usize> {
        let label = label.to_lowercase();
        if let Some(at) = self.notes.iter().position(|note| note.label == label) {
            return Some(at + 1);
        }
        (self.notes.len() < MAX_NOTES && label.len() <= MAX_LABEL).then(|| {
            self.notes.push(Note { label, named: 0 });
            self.notes.len()
        })
    }

    fn named(&self, number: usize) -> u32 {
        number.checked_sub(1).and_then(|at| self.notes.get(at)).map_or(0, |note| note.named)
    }
}

/// The footnotes of what is being rendered.
pub(crate) struct Notes<'a> {
    place: Place<'a>,
    pub(crate) numbers: &'a mut Numbers,
    /// Notes whose text is being written, each with what was written before it.
    open: Vec<(usize, String)>,
    /// Notes that wait for the end of the text.
    kept: BTreeMap<usize, String>,
}

impl<'a> Notes<'a> {
    pub(crate) const fn new(place: Place<'a>, numbers: &'a mut Numbers) -> Self {
        Self { place, numbers, open: Vec::new(), kept: BTreeMap::new() }
    }

    /// Writes the number that stands for a note in the text; not where there are too many.
    pub(crate) fn refer(&mut self, label: &str, out: &mut String) -> bool {
        let Some(number) = self.numbers.of(label) else { return false };
        let note = &mut self.numbers.notes[number - 1];
        note.named = note.named.saturating_add(1);
        let named = note.named;
        out.push_str("<sup class=\"footnote-ref\"><a");
        if named <= MAX_BACK {
            self.attribute("id=\"", "fnref", number, named, out);
        }
        self.attribute("href=\"#", "fn", number, 1, out);
        let label = words::footnote(self.place.language);
        let _ = write!(out, " {NATIVE} role=\"doc-noteref\" aria-label=\"{label} {number}\">{number}</a></sup>");
        true
    }

    /// What is written from now on is the note's text, until [`Self::end`].
    pub(crate) fn begin(&mut self, label: &str, out: &mut String) -> bool {
        let Some(number) = self.numbers.of(label) else { return false };
        self.open.push((number, std::mem::take(out)));
        true
    }

    /// The note's text is whole. It is kept for [`Self::rest`], where the text is whole, too; otherwise it stands where
    /// it was written.
    pub(crate) fn end(&mut self, keep: bool, out: &mut String) {
        let Some((number, before)) = self.open.pop() else { return };
        let text = std::mem::replace(out, before);
        if keep {
            self.kept.entry(number).or_insert(text);
        } else {
            self.list([(number, text)], out);
        }
    }

    /// The notes that were kept, in the order of their numbers.
    pub(crate) fn rest(&mut self, out: &mut String) {
        let kept = std::mem::take(&mut self.kept);
        if !kept.is_empty() {
            self.list(kept, out);
        }
    }

    fn list(&self, notes: impl IntoIterator<Item = (usize, String)>, out: &mut String) {
        let label = words::footnotes(self.place.language);
        let _ = write!(out, "<div class=\"footnotes\" role=\"group\" aria-label=\"{label}\">\n<ol>\n");
        for (number, text) in notes {
            out.push_str("<li");
            self.attribute("id=\"", "fn", number, 1, out);
            let _ = write!(out, " value=\"{number}\">");
            // The way back belongs to the note's last words.
            let (text, end) = text.strip_suffix("</p>\n").map_or((text.as_str(), ""), |text| (text, "</p>\n"));
            out.push_str(text);
            for time in 1..=self.numbers.named(number).min(MAX_BACK) {
                out.push_str(" <a class=\"footnote-back\"");
                self.attribute("href=\"#", "fnref", number, time, out);
                let again = if time > 1 { format!(" ({time})") } else { String::new() };
                let label = words::back_to_text(self.place.language);
                let _ = write!(out, " {NATIVE} role=\"doc-backlink\" aria-label=\"{label}{again}\">↩</a>");
            }
            out.push_str(end);
            out.push_str("</li>\n");
        }
        out.push_str("</ol></div>\n");
    }

    /// ` id="fn-…-2"`: two messages on one page must not have the same ids.
    fn attribute(&self, open: &str, kind: &str, number: usize, time: u32, out: &mut String) {
        let _ = write!(out, " {open}{kind}-");
        escape(self.place.id, out);
        let _ = write!(out, "-{number}");
        if time > 1 {
            let _ = write!(out, "-{time}");
        }
        out.push('"');
    }
}

/// The name in the `[^name]` that a text begins with, and how many bytes that is.
pub(crate) fn written(text: &str) -> Option<(&str, usize)> {
    let (label, _) = text.strip_prefix("[^")?.split_once(']')?;
    let names = !label.is_empty()
        && label.len() <= MAX_LABEL
        && !label.contains(|c: char| c.is_whitespace() || c.is_control() || c == '[' || c == '^');
    names.then_some((label, label.len() + "[^]".len()))
}

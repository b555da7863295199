//! What differs between two texts, by word.

use std::{
    collections::HashMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::escape;
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use crate::kinds::{text::show_hidden_signs, words};

/// So much of each text is compared, in bytes.
const MAX_TEXT: usize = 4 * 1024 * 1024;
/// So many lines of each are compared: what comparing takes in memory grows with them.
const MAX_LINES: usize = 200_000;
/// Lines that are shown.
const MAX_ROWS: usize = 3_000;
/// The length at which nothing more is shown, in bytes.
const MAX_HTML: usize = 1024 * 1024;
/// Lines that did not change are shown around those that did.
const CONTEXT: usize = 3;
/// Comparing may take so long; what is left then is compared roughly.
const PATIENCE: Duration = Duration::from_millis(600);
/// Comparing the lines may take so much of it.
const FOR_LINES: Duration = Duration::from_millis(400);
/// Blocks of lines that are longer are not compared by word, in bytes of both sides.
const MAX_BLOCK: usize = 512 * 1024;
/// In a long line so many bytes are shown on each side of a change.
const AROUND: usize = 120;
/// A line is long from so many bytes on.
const LONG: usize = 1_000;
/// One word that is longer is cut, in bytes.
const MAX_WORD: usize = 2_000;

/// What differs between two texts, as safe HTML: lines that were taken away with `−` and `<del>` around their words, lines
/// that came with `+` and `<ins>`; lines that stayed are folded. Bounded in time and length; where it was cut or is rough,
/// the HTML says so.
#[must_use]
pub fn difference(old: &str, new: &str, language: Language) -> String {
    let mut page =
        Page { html: String::from("<div class=\"difference\">"), rows: 0, full: false, rough: false, language };
    if old == new {
        let _ = write!(page.html, "<p class=\"skipped\">{}</p></div>", words::no_difference(language));
        return page.html;
    }
    let whole = old.len() <= MAX_TEXT && new.len() <= MAX_TEXT;
    page.compare(&old[..old.floor_char_boundary(MAX_TEXT)], &new[..new.floor_char_boundary(MAX_TEXT)]);
    if page.full || !whole {
        let _ = write!(page.html, "<p class=\"skipped cut\">{}</p>", words::difference_cut(language));
    }
    if page.rough {
        let _ = write!(page.html, "<p class=\"skipped rough\">{}</p>", words::difference_coarse(language));
    }
    page.html.push_str("</div>");
    page.html
}

struct Page {
    html: String,
    rows: usize,
    /// Nothing more fits.
    full: bool,
    /// There was no time to compare everything.
    rough: bool,
    language: Language,
}

/// Texts as numbers, equal ones the same: comparing those is cheap however long the texts are.
struct Numbers<'a>(HashMap<&'a str, u32>);

impl<'a> Numbers<'a> {
    fn of(&mut self, texts: &[&'a str]) -> Vec<u32> {
        texts
            .iter()
            .map(|text| {
                let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
                *self.0.entry(text).or_insert(next)
            })
            .collect()
    }
}

/// Which side of a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Same,
    Removed,
    Added,
}

/// What changed between two lists; what is equal at both ends is not looked at.
fn compared(old: &[&str], new: &[&str], deadline: Instant) -> Vec<DiffOp> {
    let mut numbers = Numbers(HashMap::new());
    let (old, new) = (numbers.of(old), numbers.of(new));
    capture_diff_slices_deadline(Algorithm::Myers, &old, &new, Some(deadline))
}

/// The lines of a text, and whether it has more of them than are compared.
fn lines(text: &str) -> (Vec<&str>, bool) {
    let mut lines = text.split_inclusive('\n');
    (lines.by_ref().take(MAX_LINES).collect(), lines.next().is_some())
}

impl Page {
    fn compare(&mut self, old: &str, new: &str) {
        let begun = Instant::now();
        let deadline = begun + PATIENCE;
        let ((old, old_goes_on), (new, new_goes_on)) = (lines(old), lines(new));
        let ops = compared(&old, &new, begun + FOR_LINES);
        self.rough |= begun.elapsed() >= FOR_LINES;
        let last = ops.len().saturating_sub(1);
        for (at, op) in ops.iter().enumerate() {
            if self.full {
                return;
            }
            let (before, after) = (op.old_range(), op.new_range());
            match op {
                DiffOp::Equal { .. } => self.same(&old[before], at == 0, at == last),
                DiffOp::Delete { .. } => self.whole(&old[before], Side::Removed),
                DiffOp::Insert { .. } => self.whole(&new[after], Side::Added),
                DiffOp::Replace { .. } => self.replaced(&old[before], &new[after], deadline),
            }
        }
        self.full |= old_goes_on || new_goes_on;
    }

    /// Lines that stayed.
    fn same(&mut self, lines: &[&str], first: bool, last: bool) {
        let (head, tail) = (if first { 0 } else { CONTEXT }, if last { 0 } else { CONTEXT });
        // Folding one line saves nothing.
        if lines.len() <= head + tail + 1 {
            for line in lines {
                self.row(Side::Same, &[(false, line)]);
            }
            return;
        }
        for line in &lines[..head] {
            self.row(Side::Same, &[(false, line)]);
        }
        let folded = words::lines_folded(lines.len() - head - tail, self.language);
        let _ = write!(self.html, "<div class=\"skipped\">{folded}</div>");
        for line in &lines[lines.len() - tail..] {
            self.row(Side::Same, &[(false, line)]);
        }
    }

    /// Lines that came or went as a whole.
    fn whole(&mut self, lines: &[&str], side: Side) {
        for line in lines {
            self.row(side, &[(true, line.strip_suffix('\n').unwrap_or(line))]);
        }
    }

    /// Lines that became others: compared by word, where there is time.
    fn replaced(&mut self, old: &[&str], new: &[&str], deadline: Instant) {
        let size: usize = old.iter().chain(new).map(|line| line.len()).sum();
        if size > MAX_BLOCK || Instant::now() >= deadline {
            self.rough = true;
            self.whole(old, Side::Removed);
            self.whole(new, Side::Added);
            return;
        }
        let (mut old_refs, mut new_refs) = (Vec::new(), Vec::new());
        old.iter().for_each(|line| tokens(line, &mut old_refs));
        new.iter().for_each(|line| tokens(line, &mut new_refs));
        let (mut old_changed, mut new_changed) = (vec![false; old_refs.len()], vec![false; new_refs.len()]);
        let ops = compared(&old_refs, &new_refs, deadline);
        let mut same = 0;
        for op in &ops {
            if matches!(op, DiffOp::Equal { .. }) {
                same += old_refs[op.old_range()].iter().filter(|word| word.chars().any(char::is_alphanumeric)).count();
            } else {
                old_changed[op.old_range()].fill(true);
                new_changed[op.new_range()].fill(true);
            }
        }
        self.rough |= Instant::now() >= deadline;
        // Where hardly a word stayed, islands of same words in another text say nothing.
        let words = old_refs.iter().filter(|word| word.chars().any(char::is_alphanumeric)).count();
        if same * 5 < words {
            old_changed.fill(true);
            new_changed.fill(true);
        }
        self.words(&old_refs, &old_changed, Side::Removed);
        self.words(&new_refs, &new_changed, Side::Added);
    }

    /// Words in lines.
    fn words(&mut self, words: &[&str], changed: &[bool], side: Side) {
        let mut row: Vec<(bool, &str)> = Vec::new();
        for (word, changed) in words.iter().zip(changed) {
            let changed = *changed;
            if *word == "\n" {
                if changed && !row.iter().any(|(changed, _)| *changed) {
                    // A line's end is what changed.
                    row.push((true, "⏎"));
                }
                self.row(side, &row);
                row.clear();
            } else {
                row.push((changed, word));
            }
        }
        if !row.is_empty() {
            self.row(side, &row);
        }
    }

    /// One line: its parts, and whether each changed.
    fn row(&mut self, side: Side, parts: &[(bool, &str)]) {
        if self.rows >= MAX_ROWS || self.html.len() >= MAX_HTML {
            self.full = true;
            return;
        }
        self.rows += 1;
        let (class, sign, label, element) = match side {
            Side::Same => ("same", "\u{2007}", "", ""),
            Side::Removed => ("removed", "−", words::removed(self.language), "del"),
            Side::Added => ("added", "+", words::added(self.language), "ins"),
        };
        let _ = write!(self.html, "<div class=\"line {class}\"><span class=\"sign\"");
        if label.is_empty() {
            self.html.push_str(" aria-hidden=\"true\"");
        } else {
            let _ = write!(self.html, " role=\"img\" aria-label=\"{label}\"");
        }
        let _ = write!(self.html, ">{sign} </span>");
        let length: usize = parts.iter().map(|(_, text)| text.len()).sum();
        let mut inside = String::with_capacity(length + 32);
        let mut at = 0;
        while at < parts.len() {
            let changed = parts[at].0;
            let end = parts[at..].iter().position(|(other, _)| *other != changed).map_or(parts.len(), |next| at + next);
            let text: String = parts[at..end].iter().map(|(_, text)| *text).collect();
            if changed && !element.is_empty() {
                let _ = write!(inside, "<{element}>");
                shortened(&text.replace('\r', "␍"), MAX_WORD, MAX_WORD, &mut inside);
                let _ = write!(inside, "</{element}>");
            } else if length > LONG {
                shortened(text.trim_end_matches('\n'), AROUND, AROUND, &mut inside);
            } else {
                escape(text.trim_end_matches('\n'), &mut inside);
            }
            at = end;
        }
        self.html.push_str(&show_hidden_signs(inside));
        self.html.push_str("</div>");
    }
}

/// Both ends of a long text.
fn shortened(text: &str, head: usize, tail: usize, out: &mut String) {
    if text.len() <= head + tail + 16 {
        return escape(text, out);
    }
    escape(&text[..text.floor_char_boundary(head)], out);
    out.push_str("<span class=\"skipped\"> ⋯ </span>");
    escape(&text[text.ceil_char_boundary(text.len() - tail)..], out);
}

/// The words of a line, what is between them, and single signs.
fn tokens<'a>(line: &'a str, out: &mut Vec<&'a str>) {
    #[derive(PartialEq, Eq, Clone, Copy)]
    enum Class {
        Word,
        Blank,
        Alone,
    }
    let class = |c: char| {
        if c == '\n' || c == '\r' {
            Class::Alone
        } else if c.is_whitespace() {
            Class::Blank
        } else if (c.is_alphanumeric() && u32::from(c) < 0x2e80) || c == '_' {
            // Chinese and Japanese have no blanks between words: there every sign is one.
            Class::Word
        } else {
            Class::Alone
        }
    };
    let mut begin = 0;
    let mut before: Option<Class> = None;
    for (here, c) in line.char_indices() {
        let now = class(c);
        // Signs that stand over the one before stay with it.
        let joins = matches!(u32::from(c), 0x300..=0x36f | 0x200d | 0xfe00..=0xfe0f);
        if here > 0 && !joins && (before != Some(now) || now == Class::Alone) {
            out.push(&line[begin..here]);
            begin = here;
        }
        if !joins {
            before = Some(now);
        }
    }
    if begin < line.len() {
        out.push(&line[begin..]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(html: &str) -> Vec<&str> {
        html.split("<div class=\"").skip(2).map(|row| row.trim_end_matches("</div>")).collect()
    }

    #[test]
    fn the_word_that_changed_is_marked_on_both_sides() {
        let html = difference("uno\ndos tres\n", "uno\ndos cuatro\n", Language::Es);
        assert!(html.contains("dos <del>tres</del>"), "{html}");
        assert!(html.contains("dos <ins>cuatro</ins>"), "{html}");
        assert!(html.contains("aria-label=\"quitado\">− "), "{html}");
        assert!(html.contains("aria-label=\"añadido\">+ "), "{html}");
    }

    #[test]
    fn same_texts_are_said_to_be_the_same() {
        assert!(difference("a\n", "a\n", Language::En).contains("Both versions are the same."));
        assert!(difference("", "", Language::Es).contains("iguales"));
    }

    #[test]
    fn lines_far_from_a_change_are_folded_and_three_are_left() {
        let old: String = (1..=50).map(|n| format!("line {n}\n")).collect();
        let new = old.replace("line 25\n", "line twenty-five\n");
        let html = difference(&old, &new, Language::En);
        assert!(html.contains("… 21 lines …") && html.contains("… 22 lines …"), "{html}");
        assert_eq!(html.matches("class=\"line same\"").count(), 6);
        assert_eq!(rows(&html).len(), 6 + 2 + 2);
    }

    #[test]
    fn an_end_of_line_that_came_is_seen() {
        let html = difference("a", "a\n", Language::En);
        assert!(html.contains("<ins>⏎</ins>"), "{html}");
        let html = difference("a\n", "a\r\n", Language::En);
        assert!(html.contains("<ins>␍</ins>"), "{html}");
    }

    #[test]
    fn what_the_texts_hold_stays_text() {
        let html = difference("<script>alert(1)</script>", "</div><img src=x onerror=alert(1)>\u{202e}", Language::En);
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert!(html.contains("U+202E") && !html.contains('\u{202e}'), "{html}");
        assert_eq!(html.matches("<div").count(), html.matches("</div>").count());
    }

    #[test]
    fn a_change_in_a_very_long_line_is_shown_with_what_is_around_it() {
        let long = "word ".repeat(10_000);
        let html = difference(&format!("{long}one {long}"), &format!("{long}two {long}"), Language::En);
        assert!(html.contains("<del>one</del>") && html.contains("<ins>two</ins>"), "{}", &html[..2_000]);
        assert!(html.len() < 4_000, "{}", html.len());
    }

    #[test]
    fn texts_of_sixteen_megabytes_are_cut_and_the_page_says_so() {
        let old: String = (0..1_500_000).map(|n| format!("line {n}\n")).collect();
        let new: String = (0..1_500_000).map(|n| format!("other {}\n", n * 7)).collect();
        let html = difference(&old, &new, Language::Es);
        assert!(html.len() < MAX_HTML + 16 * 1024, "{}", html.len());
        assert!(html.contains(words::difference_cut(Language::Es)));
        assert!(html.matches("<div class=\"line").count() <= MAX_ROWS);
        let one = "x".repeat(16 * 1024 * 1024);
        assert!(difference(&one, "", Language::Es).len() < 16 * 1024);
    }

    proptest! {
        #[test]
        fn what_is_shown_of_each_side_is_that_side(old in "[ab <\n]{0,40}", new in "[ab <\n]{0,40}") {
            let html = difference(&old, &new, Language::En);
            prop_assert_eq!(html.matches("<div").count(), html.matches("</div>").count());
            prop_assert_eq!(html.matches("<ins>").count(), html.matches("</ins>").count());
            prop_assert!(!html.contains("<<"));
        }
    }
}

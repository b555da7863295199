//! What kinds that are texts have in common.

use std::time::Duration;

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::{code_lines, escape};

use super::words;
use crate::{Exported, Found, Problem};

/// The most problems that are told.
pub(crate) const MAX_PROBLEMS: usize = 20;
/// A line shows so many bytes.
const MAX_LINE: usize = 10_000;
/// So many bytes of a text are shown as lines at once.
const MAX_SHOWN: usize = 1024 * 1024;
/// Colouring the lines that are shown at once may take so long; the rest stays plain.
const COLOURING: Duration = Duration::from_millis(if cfg!(test) { 30_000 } else { 120 });

/// The lower-case extension of a file's name.
pub(crate) fn extension(name: &str) -> String {
    name.rsplit_once('.').map_or_else(String::new, |(_, extension)| extension.to_ascii_lowercase())
}

/// Whether the beginning of a file is text.
pub(crate) fn is_text(head: &[u8]) -> bool {
    if head.contains(&0) {
        return false;
    }
    // A letter may be cut at the end.
    std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none() && error.valid_up_to() > 0, |_| true)
}

/// The first 4 KiB as text.
pub(crate) fn head<'a>(found: &Found<'a>) -> std::borrow::Cow<'a, str> {
    String::from_utf8_lossy(&found.head[..found.head.len().min(4_096)])
}

/// A file of text.
pub(crate) fn file(text: impl Into<String>, media_type: &str, extension: &str) -> Exported {
    Exported {
        bytes: text.into().into_bytes(),
        media_type: format!("{media_type}; charset=utf-8"),
        extension: extension.to_owned(),
    }
}

/// Line and column of a byte, both from 1; columns are characters.
pub(crate) fn position(text: &str, at: usize) -> (u32, u32) {
    let at = text.floor_char_boundary(at.min(text.len()));
    let before = &text[..at];
    let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1;
    let start = memchr::memrchr(b'\n', before.as_bytes()).map_or(0, |end| end + 1);
    let column = before[start..].chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// A problem at a byte of the text.
pub(crate) fn problem_at(text: &str, at: usize, words: impl Into<String>) -> Problem {
    let (line, column) = position(text, at);
    Problem { line: Some(line), column: Some(column), words: words.into() }
}

/// A problem of the whole.
pub(crate) fn problem(words: impl Into<String>) -> Problem {
    Problem { line: None, column: None, words: words.into() }
}

/// Signs that turn the direction of what follows: what is read is not what runs.
const fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first places of such signs.
pub(crate) fn hidden_signs(text: &str, most: usize, language: Language) -> Vec<Problem> {
    memchr::memchr_iter(0xe2, text.as_bytes())
        .filter_map(|at| text[at..].chars().next().filter(|c| turns(*c)).map(|c| (at, c)))
        .take(most)
        .map(|(at, c)| problem_at(text, at, words::hidden_sign(c, language)))
        .collect()
}

/// Puts their names in the place of signs that turn the direction, in HTML whose attributes have none.
pub(crate) fn show_hidden_signs(html: String) -> String {
    if !html.contains(turns) {
        return html;
    }
    let mut out = String::with_capacity(html.len() + 64);
    for c in html.chars() {
        if turns(c) {
            out.push_str(&format!("<span class=\"hidden-sign\">U+{:04X}</span>", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// How many lines a text has.
pub(crate) fn line_count(text: &str) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).count() + usize::from(!text.is_empty() && !text.ends_with('\n'))
}

/// Lines from one on, counted from 0, as `<li>`s, and how many they are: fewer than asked for where they are long.
pub(crate) fn list_items(
    text: &str,
    coloured: &str,
    from: usize,
    count: usize,
    wrong: Option<u32>,
    language: Language,
) -> (String, usize) {
    // The beginning of the first line, without going through what is before it sign by sign.
    let start = match from.checked_sub(1) {
        None => 0,
        Some(nth) => memchr::memchr_iter(b'\n', text.as_bytes()).nth(nth).map_or(text.len(), |end| end + 1),
    };
    let (mut room, mut fit, mut end) = (MAX_SHOWN, 0, start);
    let mut lengths = Vec::new();
    for line in text[start..].split_inclusive('\n').take(count) {
        let shown = line.len().min(MAX_LINE);
        if shown > room && fit > 0 {
            break;
        }
        room = room.saturating_sub(shown);
        end += line.len();
        lengths.push(line.len());
        fit += 1;
    }
    let shown = &text[start..end];
    let lines = if lengths.iter().any(|length| *length > MAX_LINE) {
        let mut cut = String::new();
        for line in shown.split_inclusive('\n') {
            cut.push_str(&line[..line.floor_char_boundary(MAX_LINE)]);
            cut.push_str(if line.len() > MAX_LINE { "\n" } else { "" });
        }
        code_lines(&cut, coloured, 0, fit, COLOURING)
    } else {
        // The grammar gets some lines before those that are shown, and none behind them.
        code_lines(&text[..end], coloured, from, fit, COLOURING)
    };
    let mut html = String::with_capacity(lines.iter().map(|line| line.len() + 9).sum());
    for (at, (line, source)) in lines.into_iter().zip(shown.split_inclusive('\n')).enumerate() {
        open_item(from + at, wrong, &mut html);
        html.push_str(&show_hidden_signs(line));
        if source.len() > MAX_LINE {
            let rest = source[source.floor_char_boundary(MAX_LINE)..].trim_end_matches(['\n', '\r']).chars().count();
            html.push_str("<span class=\"cut\">");
            html.push_str(&words::line_goes_on(rest, language));
            html.push_str("</span>");
        }
        html.push_str("</li>");
    }
    (html, fit)
}

fn open_item(at: usize, wrong: Option<u32>, html: &mut String) {
    let is_wrong = wrong.and_then(|line| usize::try_from(line).ok()) == Some(at + 1);
    html.push_str(if is_wrong { "<li class=\"wrong\">" } else { "<li>" });
}

/// A parameter of an address.
pub(crate) fn parameter<'a>(query: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    query.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

/// Text made safe.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise;

    #[test]
    fn every_text_is_taken_for_what_it_most_surely_is() {
        let of = |file_name, language, head: &str| {
            recognise(&Found { file_name, language, head: head.as_bytes() }).map(crate::Kind::name)
        };
        for (file_name, language, head, kind) in [
            (Some("a.rs"), None, "fn main() {}", "code"),
            (Some("Makefile"), None, "all:\n\techo", "code"),
            (Some("notes"), None, "hola", "code"),
            (Some("a.json"), None, "{", "json"),
            (Some("a.md"), None, "x", "markdown"),
            (Some("a.html"), None, "x", "html"),
            (Some("a.tex"), None, "x", "latex"),
            (Some("a.csv"), None, "a,b\n1,2\n", "table"),
            (Some("a.mmd"), None, "graph TD\nA-->B\n", "diagram"),
            (None, Some("python"), "print(1)", "code"),
            (None, Some("json"), "{}", "json"),
            (None, Some("mermaid"), "graph TD\nA-->B\n", "diagram"),
            (None, Some("latex"), "x", "latex"),
            (None, None, "{\"a\": 1}", "json"),
            (None, None, "<!doctype html><p>x", "html"),
            (None, None, "# Uno\n\n## Dos\n\n- a\n- b\n", "markdown"),
            (None, None, "\\begin{align}a&=b\\end{align}", "latex"),
            (None, None, "flowchart TD\n  A --> B\n", "diagram"),
            (None, None, "hola", "code"),
        ] {
            assert_eq!(of(file_name, language, head), Some(kind), "{file_name:?} {language:?} {head}");
        }
        assert_eq!(
            recognise(&Found { file_name: Some("a.bin"), language: None, head: &[0, 1, 2] }).map(crate::Kind::name),
            None
        );
    }

    #[test]
    fn a_place_is_told_in_lines_and_characters() {
        assert_eq!(position("añb\nñx", 0), (1, 1));
        assert_eq!(position("añb\nñx", 3), (1, 3));
        assert_eq!(position("añb\nñx", 7), (2, 2));
        assert_eq!(position("añb", 99), (1, 4));
        assert_eq!(position("ñ", 1), (1, 1));
    }

    #[test]
    fn a_letter_that_is_cut_at_the_end_is_text_all_the_same() {
        assert!(is_text(&"año".as_bytes()[..2]) && is_text(b"") && is_text("ñ".as_bytes()));
        assert!(!is_text(&[0xff, 0xd8, 0xff]) && !is_text(&[b'a', 0, b'b']));
    }
}

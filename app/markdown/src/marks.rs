//! Where a text cites: one reader for the page, the check of citations, and the history that a model is told.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

use cjhirashi_domain::chat::citation_mark;
use pulldown_cmark::{Event, LinkType, Parser, Tag, TagEnd, TextMergeWithOffset};

use super::{html, math};

/// A citation mark in running text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The sources it names, as written.
    pub numbers: Vec<i32>,
    /// Its bytes in the text.
    pub range: Range<usize>,
}

/// Every mark of a Markdown text, in order: none in code, in links, in formulas, or behind a backslash.
#[must_use]
pub fn marks(text: &str) -> Vec<Mark> {
    // The parser is not ours, and the text is a stranger's.
    catch_unwind(AssertUnwindSafe(|| read(text))).unwrap_or_else(|_| {
        tracing::error!(markdown.bytes = text.len(), "Markdown could not be read; its citations are not known");
        Vec::new()
    })
}

fn read(text: &str) -> Vec<Mark> {
    // Offsets stay as they are in the text.
    let source = math::brackets_to_dollars(text);
    let mut marks = Vec::new();
    let (mut in_code, mut links) = (false, 0_usize);
    for (event, range) in TextMergeWithOffset::new(Parser::new_ext(&source, html::options()).into_offset_iter()) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Start(Tag::Link { link_type, id, .. }) => {
                marks.extend(referring(&source, link_type, &id, &range).filter(|_| links == 0));
                links += 1;
            }
            Event::Start(Tag::Image { .. }) => links += 1,
            Event::End(TagEnd::Link | TagEnd::Image) => links = links.saturating_sub(1),
            Event::Text(_) if !in_code && links == 0 => marks.extend(marks_in(&source, range)),
            _ => {}
        }
    }
    marks
}

/// The marks in a stretch of a text that is nothing but running text.
pub(crate) fn marks_in(source: &str, range: Range<usize>) -> impl Iterator<Item = Mark> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        while let Some(next) = source[at..range.end].find(['[', '【']) {
            at += next;
            let begin = at;
            match citation_mark(&source[at..range.end]).filter(|_| !is_escaped(source, at)) {
                Some((numbers, length)) => {
                    at += length;
                    return Some(Mark { numbers, range: begin..at });
                }
                None => at += source[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        None
    })
}

/// The mark that a link is whose reference is a number: "[1]: https://elsewhere" must not take a citation's place.
pub(crate) fn referring(source: &str, link_type: LinkType, id: &str, range: &Range<usize>) -> Option<Mark> {
    let own = match link_type {
        LinkType::Reference => source[range.clone()].rfind('[').unwrap_or(0),
        LinkType::Collapsed | LinkType::Shortcut => 0,
        _ => return None,
    };
    Some(Mark { numbers: vec![id.trim().parse().ok()?], range: range.start + own..range.end })
}

/// Whether a backslash makes a bracket a plain character.
pub(crate) fn is_escaped(source: &str, at: usize) -> bool {
    matches!(source.as_bytes()[at], b'[' | b']')
        && source[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<Vec<i32>> {
        let marks = marks(text);
        for mark in &marks {
            assert!(text[mark.range.clone()].contains(&mark.numbers[0].to_string()), "{text}: {mark:?}");
        }
        marks.into_iter().map(|mark| mark.numbers).collect()
    }

    #[test]
    fn marks_are_read_in_every_way_of_writing_them() {
        assert_eq!(
            numbers("uno [1, 3] y 【2】, tres[^4]. [5][6]\n\n> [7]\n\n| a [8] |\n|---|\n| **b** [9] |"),
            [vec![1, 3], vec![2], vec![4], vec![5], vec![6], vec![7], vec![8], vec![9]]
        );
        assert_eq!(numbers("a [x] [0] [-1] [12345678901] [1] b"), [vec![1]]);
        assert_eq!(numbers("as in [1]\n\n[1]: https://elsewhere.example"), [vec![1]]);
    }

    #[test]
    fn indices_links_and_escaped_brackets_are_no_marks() {
        for text in [
            "```\na[1]\n```",
            "    a[1]",
            "`a[1]`",
            "[see [1]](https://a.example)",
            "![1](https://a.example)",
            "[1](https://a.example)",
            "\\[1\\] and \\[2]",
            "$a[1]$",
            "[^1]\n\n[^1]: a note",
        ] {
            assert!(marks(text).is_empty(), "{text}: {:?}", marks(text));
        }
        assert_eq!(numbers("\\\\[1]"), [vec![1]]);
    }
}

//! The first table of a Markdown text, as CSV.

use std::borrow::Cow;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{
    edits::write_line,
    reading::{MAX_COLUMNS, MAX_ROWS},
};

/// Turns the first pipe table of a Markdown text into CSV with commas; `None` where there is none. Marks in the cells go,
/// their words stay; `<br>` becomes a line break.
#[must_use]
pub fn from_markdown(text: &str) -> Option<String> {
    let mut out = Vec::new();
    let (mut cells, mut cell): (Vec<String>, Option<String>) = (Vec::new(), None);
    let (mut inside, mut rows) = (false, 0);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::Table(columns)) => {
                (columns.len() <= MAX_COLUMNS).then_some(())?;
                inside = true;
            }
            _ if !inside => {}
            Event::Start(Tag::TableCell) => cell = Some(String::new()),
            Event::End(TagEnd::TableCell) => cells.extend(cell.take()),
            Event::End(TagEnd::TableHead | TagEnd::TableRow) => {
                rows += 1;
                (rows <= MAX_ROWS + 1).then_some(())?;
                write_line(cells.drain(..).map(Cow::Owned), b',', "\n", &mut out)?;
            }
            Event::End(TagEnd::Table) => return String::from_utf8(out).ok(),
            Event::Text(text) | Event::Code(text) => {
                if let Some(cell) = &mut cell {
                    cell.push_str(&text);
                }
            }
            Event::InlineHtml(html) => {
                if let Some(cell) = &mut cell {
                    let is_break = ["<br>", "<br/>", "<br />"].contains(&html.to_ascii_lowercase().as_str());
                    cell.push_str(if is_break { "\n" } else { &html });
                }
            }
            Event::SoftBreak | Event::HardBreak => cell.iter_mut().for_each(|cell| cell.push(' ')),
            _ => {}
        }
    }
    None
}

/// Whether a text begins as a pipe table, and nothing stands before it.
pub(super) fn is_one(head: &str) -> bool {
    let mut lines = head.trim_start().lines();
    let (Some(names), Some(rule)) = (lines.next(), lines.next()) else { return false };
    let rule = rule.trim();
    names.contains('|')
        && rule.contains('|')
        && rule.contains('-')
        && rule.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t'))
        && lines.filter(|line| !line.trim().is_empty()).all(|line| line.contains('|'))
}

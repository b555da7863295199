//! What of a text can stand alone: its code and its tables.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::{code, html};

/// The most that is taken out of one text.
const MOST: usize = 20;

/// A block that can stand alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extract {
    /// Code of a language, which may be empty.
    Code {
        /// The first word after the fence.
        language: String,
        /// The code.
        text: String,
    },
    /// A table, as it was written.
    Table(String),
}

/// The code blocks and tables of a Markdown text, in order; at most 20.
#[must_use]
pub fn extracts(text: &str) -> Vec<Extract> {
    // The parser is not ours, and the text is a stranger's.
    catch_unwind(AssertUnwindSafe(|| read(text))).unwrap_or_default()
}

fn read(text: &str) -> Vec<Extract> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for (event, range) in Parser::new_ext(text, html::options()).into_offset_iter() {
        if found.len() == MOST {
            break;
        }
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match &kind {
                    CodeBlockKind::Fenced(info) => code::language(info).to_owned(),
                    CodeBlockKind::Indented => String::new(),
                };
                open = Some((language, String::new()));
            }
            Event::Text(words) => {
                if let Some((_, text)) = &mut open {
                    text.push_str(&words);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((language, text)) = open.take().filter(|(_, text)| !text.trim().is_empty()) {
                    found.push(Extract::Code { language, text });
                }
            }
            Event::Start(Tag::Table(_)) => found.push(Extract::Table(text[range].to_owned())),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_tables_stand_alone_in_their_order() {
        let found = extracts("a\n\n```rust,ignore\nfn a() {}\n```\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```\n\n```\n");
        assert_eq!(
            found,
            [
                Extract::Code { language: "rust".to_owned(), text: "fn a() {}\n".to_owned() },
                Extract::Table("| x | y |\n|---|---|\n| 1 | 2 |\n".to_owned())
            ]
        );
    }
}

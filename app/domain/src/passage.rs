//! Places in documents: passages, what is quoted of them, and the addresses of both.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Some of a document's text: the characters from `start` on, before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextRange {
    /// The first character.
    pub start: i32,
    /// One after the last.
    pub end: i32,
}

impl TextRange {
    /// A range of at least one character; `None` when it is none.
    #[must_use]
    pub fn new(start: i32, end: i32) -> Option<Self> {
        (0 <= start && start < end).then_some(Self { start, end })
    }

    /// What of it lies in another range.
    #[must_use]
    pub fn within(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }
}

/// Where a citation leads: a document's page with a passage marked, and in it the words that are quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassageAddress {
    /// The document's id, as it stands in addresses.
    pub document: String,
    /// The passage.
    pub passage: TextRange,
    /// The quoted words, where they were found.
    pub quote: Option<TextRange>,
}

impl PassageAddress {
    /// Reads an address that [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(address: &str) -> Option<Self> {
        let (document, query) = address.strip_prefix("/documents/")?.split_once('?')?;
        let query = query.split('#').next()?;
        let number =
            |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
        let range = |start, end| TextRange::new(number(start)?, number(end)?);
        Some(Self {
            document: document.to_owned(),
            passage: range("start", "end")?,
            quote: range("quote_start", "quote_end"),
        })
    }
}

impl fmt::Display for PassageAddress {
    /// Its fragment names the element to scroll to: the quoted words, else the passage.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { document, passage, quote } = self;
        write!(f, "/documents/{document}?start={}&end={}", passage.start, passage.end)?;
        match quote {
            Some(quote) => write!(f, "&quote_start={}&quote_end={}#quote", quote.start, quote.end),
            None => write!(f, "#passage"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written() {
        let passage = TextRange { start: 10, end: 90 };
        for quote in [None, TextRange::new(20, 30)] {
            let address = PassageAddress { document: "abc".to_owned(), passage, quote };
            assert_eq!(PassageAddress::parse(&address.to_string()), Some(address));
        }
    }

    #[test]
    fn an_address_without_a_passage_is_none() {
        for text in
            ["", "/documents/a", "/documents/a?start=1", "/documents/a?start=5&end=5", "/documents/a?start=-3&end=5"]
        {
            assert_eq!(PassageAddress::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_range_keeps_what_lies_inside_another() {
        let passage = TextRange { start: 10, end: 20 };
        assert_eq!(TextRange { start: 5, end: 12 }.within(passage), TextRange::new(10, 12));
        assert_eq!(TextRange { start: 20, end: 25 }.within(passage), None);
    }
}

//! Questions that are kept to be asked again: each has a name, to be called by `/name`, and may have gaps, `{{gap}}`, that
//! are filled in when it is asked.

use serde::{Deserialize, Serialize};

use crate::{
    id::PromptId,
    text::{InvalidText, MessageText},
};

/// A question that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Its id.
    pub id: PromptId,
    /// What it is called by.
    pub name: PromptName,
    /// The question, with its gaps.
    pub content: String,
    /// Everybody can ask it, and administrators change it.
    pub shared: bool,
}

/// What a kept question is called by: lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PromptName(String);

impl PromptName {
    /// The most characters it may have.
    pub const MAX: usize = 40;

    /// Makes a name out of what was typed: in lower case, a hyphen between words, nothing else.
    ///
    /// # Errors
    /// [`InvalidText`] when nothing is left or it is longer than [`Self::MAX`].
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let mut name = String::with_capacity(text.len());
        for c in text.trim().trim_start_matches('/').chars() {
            if c.is_alphanumeric() {
                name.extend(c.to_lowercase());
            } else if !name.is_empty() && !name.ends_with('-') {
                name.push('-');
            }
        }
        name.truncate(name.trim_end_matches('-').len());
        match name.chars().count() {
            0 => Err(InvalidText::Empty),
            actual if actual > Self::MAX => Err(InvalidText::TooLong { actual, max: Self::MAX }),
            _ => Ok(Self(name)),
        }
    }

    /// The name, without a slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The most characters of a gap's name; what is longer is no gap.
const GAP: usize = 60;

/// A piece of a kept question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Words(&'a str),
    Gap(&'a str),
}

fn pieces(content: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = content;
    let mut searched = 0;
    while let Some(at) = rest[searched..].find("{{").map(|at| searched + at) {
        let inside = rest[at + 2..].split_once("}}").map(|(inside, _)| inside);
        let is_gap = |inside: &&str| {
            !inside.trim().is_empty() && inside.chars().count() <= GAP && !inside.contains(['{', '}', '\n'])
        };
        match inside.filter(is_gap) {
            Some(inside) => {
                pieces.push(Piece::Words(&rest[..at]));
                pieces.push(Piece::Gap(inside.trim()));
                rest = &rest[at + 2 + inside.len() + 2..];
                searched = 0;
            }
            // "{{{" may still begin one brace further on.
            None => searched = at + 1,
        }
    }
    pieces.push(Piece::Words(rest));
    pieces
}

/// The names of the gaps of a kept question, each once, in their order.
#[must_use]
pub fn gaps(content: &str) -> Vec<&str> {
    let mut gaps = Vec::new();
    for piece in pieces(content) {
        if let Piece::Gap(name) = piece
            && !gaps.contains(&name)
        {
            gaps.push(name);
        }
    }
    gaps
}

/// The question with its gaps filled in: `value` tells what goes into the gap of a name. What goes in is not looked
/// through for gaps again.
///
/// # Errors
/// [`InvalidText`] when it is no question then.
pub fn fill<'a>(content: &'a str, value: impl Fn(&str) -> &'a str) -> Result<MessageText, InvalidText> {
    let mut filled = String::new();
    for piece in pieces(content) {
        filled.push_str(match piece {
            Piece::Words(words) => words,
            Piece::Gap(name) => value(name).trim(),
        });
        // A small text may have thousands of gaps, and what goes into each may be long: no more than can be a question.
        if filled.len() > 4 * MessageText::MAX {
            break;
        }
    }
    MessageText::parse(&filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_out_of_what_was_typed() {
        for (typed, name) in [
            ("/Resumir", "resumir"),
            (" Traducción al inglés ", "traducción-al-inglés"),
            ("a -- b!", "a-b"),
            ("ß2", "ß2"),
        ] {
            assert_eq!(PromptName::parse(typed).unwrap().as_str(), name, "{typed:?}");
        }
        assert_eq!(PromptName::parse(" /! "), Err(InvalidText::Empty));
        assert!(PromptName::parse(&"a".repeat(41)).is_err());
    }

    #[test]
    fn gaps_are_found_once_each_and_only_where_they_are_some() {
        assert_eq!(gaps("Traduce {{texto}} al {{ idioma }}: {{texto}}"), ["texto", "idioma"]);
        assert_eq!(gaps("{{}} {{ }} {{a\nb}} {x} {{a{b}} {{open"), Vec::<&str>::new());
        assert_eq!(gaps("{{{x}}} {{y}}"), ["x", "y"]);
        assert_eq!(gaps(&format!("{{{{{}}}}}", "ñ".repeat(61))), Vec::<&str>::new());
    }

    #[test]
    fn what_is_filled_in_is_not_filled_in_again() {
        let filled = fill("{{a}} y {{b}} y {{a}}", |name| if name == "a" { "{{b}}" } else { " B " }).unwrap();
        assert_eq!(filled.as_str(), "{{b}} y B y {{b}}");
        assert_eq!(fill("{{a}}", |_| " "), Err(InvalidText::Empty));
        let (many, long) = ("{{a}}".repeat(4_000), "x".repeat(300_000));
        let refused = fill(&many, |_| &long);
        assert!(matches!(refused, Err(InvalidText::TooLong { actual, .. }) if actual <= 700_000), "{refused:?}");
    }
}

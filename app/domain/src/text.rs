//! Bounded texts: what a person typed, cleaned and measured once.

use serde::{Deserialize, Serialize};

/// A text from outside does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing is left after trimming.
    #[error("the text is empty")]
    Empty,
    /// Longer than the field allows.
    #[error("the text has {actual} characters, {max} are allowed")]
    TooLong {
        /// Characters counted.
        actual: usize,
        /// Characters allowed.
        max: usize,
    },
}

/// PostgreSQL refuses NUL in text, and control characters have no place in a title or a question.
fn clean(text: &str, keep_lines: bool) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\t' if keep_lines => Some(c),
            '\n' | '\t' | '\r' if !keep_lines => Some(' '),
            c if c.is_control() => None,
            c => Some(c),
        })
        .collect::<String>()
        .trim()
        .to_owned()
}

fn bounded(text: String, max: usize) -> Result<String, InvalidText> {
    if text.is_empty() {
        return Err(InvalidText::Empty);
    }
    let actual = text.chars().count();
    if actual > max { Err(InvalidText::TooLong { actual, max }) } else { Ok(text) }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: max $max:expr, lines $lines:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The most characters it may have.
            pub const MAX: usize = $max;

            /// Drops control characters, trims, and measures.
            ///
            /// # Errors
            /// [`InvalidText`] when nothing is left or it is longer than [`Self::MAX`].
            pub fn parse(text: &str) -> Result<Self, InvalidText> {
                bounded(clean(text, $lines), Self::MAX).map(Self)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, taken out.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }
    )+};
}

texts! {
    /// The name of a chat, on one line.
    ChatTitle: max 200, lines false;
    /// The name of a document, on one line.
    DocumentTitle: max 300, lines false;
    /// What a person asks, in at most 100,000 characters (about 25,000 tokens).
    MessageText: max 100_000, lines true;
    /// A search, in at most 2,000 characters.
    QueryText: max 2_000, lines false;
    /// A label on a document.
    Tag: max 50, lines false;
    /// The name of an API key.
    KeyName: max 100, lines false;
}

impl ChatTitle {
    /// A title out of any text: cleaned, and cut where it is too long; a dot when nothing is left.
    #[must_use]
    pub fn shortened(text: &str) -> Self {
        let text: String = clean(text, false).chars().take(Self::MAX).collect();
        Self(if text.trim().is_empty() { "·".to_owned() } else { text })
    }

    /// A title made from the first question: its first line, cut at a word near 60 characters.
    #[must_use]
    pub fn from_question(question: &MessageText) -> Self {
        let line = question.as_str().lines().next().unwrap_or_default().trim();
        if line.chars().count() <= 60 {
            return Self(line.to_owned());
        }
        let cut: String = line.chars().take(60).collect();
        let at = cut.rfind(char::is_whitespace).filter(|&at| at > 30).unwrap_or(cut.len());
        Self(format!("{}…", cut[..at].trim_end()))
    }
}

/// A lower-case letter without its accent, as the search sees it: ñ is a letter of its own.
#[must_use]
pub const fn unaccented(c: char) -> char {
    match c {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ý' | 'ÿ' => 'y',
        'ç' => 'c',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_of_the_largest_size_is_taken_and_one_more_is_refused() {
        assert!(MessageText::parse(&"ñ".repeat(MessageText::MAX)).is_ok());
        assert_eq!(
            MessageText::parse(&"ñ".repeat(MessageText::MAX + 1)),
            Err(InvalidText::TooLong { actual: MessageText::MAX + 1, max: MessageText::MAX })
        );
    }

    #[test]
    fn nul_bytes_and_control_characters_are_dropped() {
        assert_eq!(ChatTitle::parse("a\0b\u{7}\nc").map(ChatTitle::into_string), Ok("ab c".to_owned()));
    }

    #[test]
    fn only_white_space_is_empty() {
        assert_eq!(MessageText::parse(" \n\t "), Err(InvalidText::Empty));
    }

    #[test]
    fn a_long_question_gives_a_title_cut_at_a_word() {
        let question = MessageText::parse(&"palabra ".repeat(20)).unwrap_or_else(|e| panic!("{e}"));
        let title = ChatTitle::from_question(&question).into_string();
        assert!(title.ends_with("palabra…"), "{title}");
        assert!(title.chars().count() <= 61);
    }
}

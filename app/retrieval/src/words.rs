//! Texts as words that can be compared, whatever their case, accents and punctuation.

use std::ops::Range;

use cjhirashi_domain::text::unaccented;

/// A word in lower case without accents, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// In characters.
    pub(crate) place: Range<usize>,
}

/// The first words of a text, at most `limit`.
pub(crate) fn words(text: &str, limit: usize) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut start = 0;
    // The space behind the end closes the last word.
    for (at, c) in text.chars().chain([' ']).enumerate() {
        if c.is_alphanumeric() {
            if word.is_empty() {
                start = at;
            }
            word.extend(c.to_lowercase().map(unaccented));
        } else if !word.is_empty() {
            words.push(Word { text: std::mem::take(&mut word), place: start..at });
            if words.len() >= limit {
                break;
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_where_its_characters_do() {
        let found = words("¡Ñandú, 23 días!", 10);
        let told: Vec<_> = found.iter().map(|word| (word.text.as_str(), word.place.clone())).collect();
        assert_eq!(told, [("ñandu", 1..6), ("23", 8..10), ("dias", 11..15)]);
        assert_eq!(words("uno dos tres", 2).len(), 2);
    }
}

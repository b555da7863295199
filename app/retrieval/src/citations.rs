//! Whether the words of an answer stand in the passage it names, and where.

use std::ops::Range;

use cjhirashi_domain::chat::{Verdict, citation_mark};

use crate::alignment::{common_in_order, sentence_sharing_most, sentences, stands_in};
use crate::words::{Word, words};

/// Words of a sentence that are looked at.
const MAX_WORDS: usize = 400;
/// Words of a passage that are looked at.
const MAX_PASSAGE_WORDS: usize = 6_000;
/// A quotation of fewer words is a term in quotation marks, not a quotation.
const MIN_QUOTED_WORDS: usize = 3;

/// A passage, cut into words once for any number of checks.
#[derive(Debug, Clone)]
pub struct CitedPassage {
    words: Vec<String>,
    /// Where each word stands, in characters.
    places: Vec<Range<usize>>,
    /// Its sentences, in words.
    sentences: Vec<Range<usize>>,
}

/// What checking a sentence against a passage showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// How well it stands up.
    pub verdict: Verdict,
    /// The characters of the passage that it stands on: the quoted words, or what comes closest to them. `None` when it
    /// was not found.
    pub place: Option<Range<usize>>,
}

impl CitedPassage {
    /// Cuts a passage into words.
    #[must_use]
    pub fn new(passage: &str) -> Self {
        let cut = words(passage, MAX_PASSAGE_WORDS);
        let sentences = sentences(passage, &cut);
        let (words, places) = cut.into_iter().map(|Word { text, place }| (text, place)).unzip();
        Self { words, places, sentences }
    }

    /// Checks a sentence of an answer, or a quotation taken out of one, against the passage that it cites.
    ///
    /// Spans in quotation marks («…», “…”, "…") have to stand in the passage word for word, whatever the case, accents,
    /// punctuation and line breaks; an ellipsis inside stands for left-out words. A sentence without quotation marks
    /// that stands in the passage as it is counts as quoted. Otherwise [`Verdict::Weak`] means: most of the quoted words
    /// are there in their order, or, without a quotation, most words of the sentence and all its numbers are.
    ///
    /// The place is that of the first quotation; of a sentence in its own words, the passage's sentence that shares most
    /// with it.
    #[must_use]
    pub fn check(&self, sentence: &str) -> Checked {
        let passage = self.words.as_slice();
        let whole = plain_words(sentence);
        if whole.is_empty() || passage.is_empty() {
            return Checked { verdict: Verdict::NotFound, place: None };
        }
        let quotes: Vec<Vec<Vec<String>>> = quoted_spans(sentence)
            .into_iter()
            .map(|span| parts(&span))
            .filter(|parts| parts.iter().map(Vec::len).sum::<usize>() >= MIN_QUOTED_WORDS)
            .collect();
        if quotes.is_empty() {
            return match stands_in(std::slice::from_ref(&whole), passage) {
                Some(found) => self.found(Verdict::Verified, found),
                None => self.in_own_words(&whole),
            };
        }
        let literal: Option<Vec<_>> = quotes.iter().map(|quote| stands_in(quote, passage)).collect();
        if let Some(first) = literal.and_then(|found| found.into_iter().next()) {
            return self.found(Verdict::Verified, first);
        }
        let nearly: Option<Vec<_>> = quotes
            .iter()
            .map(|quote| {
                let quote: Vec<String> = quote.iter().flatten().cloned().collect();
                let (common, place) = common_in_order(&quote, passage);
                (common * 10 >= quote.len() * 7).then_some(place)
            })
            .collect();
        match nearly.and_then(|found| found.into_iter().next()) {
            Some(first) => self.found(Verdict::Weak, first),
            None => Checked { verdict: Verdict::NotFound, place: None },
        }
    }

    /// A sentence in its own words: most of the long ones and every number have to be in the passage.
    fn in_own_words(&self, sentence: &[String]) -> Checked {
        let passage: std::collections::HashSet<&str> = self.words.iter().map(String::as_str).collect();
        let number = |word: &&String| word.chars().any(|c| c.is_ascii_digit());
        let missing = sentence.iter().filter(number).any(|word| !passage.contains(word.as_str()));
        let long: Vec<&String> = sentence.iter().filter(|word| word.chars().count() > 3 || number(word)).collect();
        let counted: Vec<&String> = if long.is_empty() { sentence.iter().collect() } else { long };
        let shared = counted.iter().filter(|word| passage.contains(word.as_str())).count();
        if missing || shared * 2 < counted.len() {
            return Checked { verdict: Verdict::NotFound, place: None };
        }
        match sentence_sharing_most(&counted, &self.words, &self.sentences) {
            Some(found) => self.found(Verdict::Weak, found),
            None => Checked { verdict: Verdict::Weak, place: None },
        }
    }

    /// A verdict with its place, told in words.
    fn found(&self, verdict: Verdict, words: Range<usize>) -> Checked {
        let place = self.places.get(words).and_then(|places| Some(places.first()?.start..places.last()?.end));
        Checked { verdict, place }
    }
}

/// The words of what an answer says.
fn plain_words(text: &str) -> Vec<String> {
    words(&without_marks(text), MAX_WORDS).into_iter().map(|word| word.text).collect()
}

/// Drops citation marks like `[3]`, whose number is not part of what is said.
fn without_marks(sentence: &str) -> String {
    let mut out = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(open) = rest.find(['[', '【']) {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        match citation_mark(rest) {
            Some((_, length)) => {
                out.push(' ');
                rest = &rest[length..];
            }
            None => {
                let bracket = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..bracket]);
                rest = &rest[bracket..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// What stands between quotation marks.
fn quoted_spans(sentence: &str) -> Vec<String> {
    let mut spans = Vec::new();
    let mut open: Option<(char, String)> = None;
    for c in sentence.chars() {
        match &mut open {
            Some((close, span)) if c == *close => {
                spans.push(std::mem::take(span));
                open = None;
            }
            Some((_, span)) => span.push(c),
            None => {
                let close = match c {
                    '«' => '»',
                    '“' => '”',
                    '„' => '“',
                    '"' => '"',
                    _ => continue,
                };
                open = Some((close, String::new()));
            }
        }
    }
    spans
}

/// The pieces of a quotation between its ellipses.
fn parts(span: &str) -> Vec<Vec<String>> {
    span.replace("...", "…").split('…').map(plain_words).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_quote(sentence: &str, passage: &str) -> Verdict {
        CitedPassage::new(passage).check(sentence).verdict
    }

    /// The words of the passage that a sentence stands on.
    fn place_of(sentence: &str) -> Option<String> {
        let place = CitedPassage::new(PASSAGE).check(sentence).place?;
        Some(PASSAGE.chars().skip(place.start).take(place.len()).collect())
    }

    const PASSAGE: &str = "Artículo 4. Las vacaciones anuales son de 23 días\nlaborables, y se piden con dos semanas \
                           de antelación. No se pueden acumular de un año a otro.";

    #[test]
    fn a_quotation_that_stands_there_is_verified_whatever_its_accents_case_and_breaks() {
        for quote in [
            "Según el documento, «Las vacaciones anuales son de 23 días laborables» [1].",
            "“LAS VACACIONES ANUALES SON DE 23 DIAS LABORABLES” [1]",
            "\"vacaciones anuales … con dos semanas de antelación\"",
            "\"vacaciones anuales ... antelación. No se pueden acumular\"",
            "Las vacaciones anuales son de 23 días laborables [2, 3].",
        ] {
            assert_eq!(check_quote(quote, PASSAGE), Verdict::Verified, "{quote}");
        }
    }

    #[test]
    fn a_quotation_that_was_changed_a_little_is_weak() {
        let quote = "«Las vacaciones anuales son de 23 días naturales, y se piden con dos semanas de antelación»";
        assert_eq!(check_quote(quote, PASSAGE), Verdict::Weak);
    }

    #[test]
    fn an_invented_quotation_is_not_found() {
        for quote in ["«Los lunes se cierra a las tres de la tarde» [1]", "«otro año un de acumular pueden se No»"]
        {
            assert_eq!(check_quote(quote, PASSAGE), Verdict::NotFound, "{quote}");
        }
    }

    #[test]
    fn a_sentence_in_own_words_is_weak_and_with_a_wrong_number_not_found() {
        assert_eq!(check_quote("Tienes 23 días de vacaciones laborables al año [1].", PASSAGE), Verdict::Weak);
        assert_eq!(check_quote("Tienes 25 días de vacaciones laborables al año [1].", PASSAGE), Verdict::NotFound);
    }

    #[test]
    fn nothing_is_not_found() {
        assert_eq!(check_quote("", PASSAGE), Verdict::NotFound);
        assert_eq!(check_quote("[1]", PASSAGE), Verdict::NotFound);
        assert_eq!(check_quote("algo", ""), Verdict::NotFound);
    }

    #[test]
    fn a_quotation_has_its_place_in_the_passage() {
        for (sentence, place) in [
            ("Dice «son de 23 DIAS laborables» [1].", "son de 23 días\nlaborables"),
            (
                "\"vacaciones anuales … semanas de antelación\"",
                &PASSAGE[PASSAGE.find("vaca").unwrap()..PASSAGE.find(". No").unwrap()],
            ),
            ("«se piden con tres semanas de antelación»", "se piden con dos semanas de antelación"),
            (
                "Hay que avisar con dos semanas de antelación si se piden",
                "Las vacaciones anuales son de 23 días\nlaborables, y se piden con dos semanas de antelación",
            ),
            ("De un año a otro no se pueden acumular", "No se pueden acumular de un año a otro"),
        ] {
            assert_eq!(place_of(sentence).as_deref(), Some(place), "{sentence}");
        }
        assert_eq!(place_of("«Los lunes se cierra a las tres de la tarde»"), None);
    }

    proptest! {
        #[test]
        fn every_run_of_words_of_a_passage_is_verified(start in 0usize..20, length in 3usize..8) {
            let all: Vec<&str> = PASSAGE.split_whitespace().collect();
            let span = all[start.min(all.len() - 8)..][..length].join(" ");
            let quote = format!("«{span}»");
            prop_assert_eq!(check_quote(&quote, PASSAGE), Verdict::Verified);
            let place = place_of(&quote).unwrap_or_default();
            prop_assert_eq!(place.split_whitespace().collect::<Vec<_>>().join(" "), span.trim_end_matches(['.', ',']));
        }

        #[test]
        fn no_text_makes_it_panic(quote in ".{0,300}", passage in ".{0,300}") {
            let checked = CitedPassage::new(&passage).check(&quote);
            let length = passage.chars().count();
            prop_assert!(checked.place.is_none_or(|place| place.start < place.end && place.end <= length));
        }
    }
}

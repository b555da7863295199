//! Whether the words of an answer stand in the passage it names.

use cjhirashi_domain::{
    chat::{Verdict, citation_mark},
    text::unaccented,
};

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
}

impl CitedPassage {
    /// Cuts a passage into words.
    #[must_use]
    pub fn new(passage: &str) -> Self {
        Self { words: words(passage, MAX_PASSAGE_WORDS) }
    }

    /// Checks a sentence of an answer, or a quotation taken out of one, against the passage that it cites.
    ///
    /// Spans in quotation marks («…», “…”, "…") have to stand in the passage word for word, whatever the case, accents,
    /// punctuation and line breaks; an ellipsis inside stands for left-out words. A sentence without quotation marks
    /// that stands in the passage as it is counts as quoted. Otherwise [`Verdict::Weak`] means: most of the quoted words
    /// are there in their order, or, without a quotation, most words of the sentence and all its numbers are.
    #[must_use]
    pub fn check(&self, sentence: &str) -> Verdict {
        let passage = self.words.as_slice();
        let whole = words(&without_marks(sentence), MAX_WORDS);
        if whole.is_empty() || passage.is_empty() {
            return Verdict::NotFound;
        }
        let quotes: Vec<Vec<Vec<String>>> = quoted_spans(sentence)
            .into_iter()
            .map(|span| parts(&span))
            .filter(|parts| parts.iter().map(Vec::len).sum::<usize>() >= MIN_QUOTED_WORDS)
            .collect();
        if quotes.is_empty() {
            return if stands_in(std::slice::from_ref(&whole), passage) {
                Verdict::Verified
            } else {
                shares_words(&whole, passage)
            };
        }
        if quotes.iter().all(|quote| stands_in(quote, passage)) {
            return Verdict::Verified;
        }
        let nearly = quotes.iter().all(|quote| {
            let quote: Vec<String> = quote.iter().flatten().cloned().collect();
            common_in_order(&quote, passage) * 10 >= quote.len() * 7
        });
        if nearly { Verdict::Weak } else { Verdict::NotFound }
    }
}

fn words(text: &str, limit: usize) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(limit)
        .map(|word| word.chars().flat_map(char::to_lowercase).map(unaccented).collect())
        .collect()
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
    span.replace("...", "…")
        .split('…')
        .map(|part| words(&without_marks(part), MAX_WORDS))
        .filter(|part| !part.is_empty())
        .collect()
}

/// Whether all parts stand in the passage, one after the other.
fn stands_in(parts: &[Vec<String>], passage: &[String]) -> bool {
    let mut from = 0;
    parts.iter().all(|part| {
        let found = passage[from..].windows(part.len()).position(|window| window == part.as_slice());
        found.is_some_and(|at| {
            from += at + part.len();
            true
        })
    })
}

/// The most words of a quotation that stand in the passage in the same order, within a stretch not much longer than the
/// quotation: words scattered over a page are no quotation.
fn common_in_order(quote: &[String], passage: &[String]) -> usize {
    let stretch = quote.len() + quote.len() / 2 + 4;
    let starts = (0..passage.len()).step_by((stretch / 2).max(1));
    starts
        .map(|start| {
            let window = &passage[start..passage.len().min(start + stretch)];
            // The length of the longest common subsequence, one row at a time.
            let mut row = vec![0usize; window.len() + 1];
            for word in quote {
                let mut diagonal = 0;
                for (column, other) in window.iter().enumerate() {
                    let above = row[column + 1];
                    row[column + 1] = if word == other { diagonal + 1 } else { above.max(row[column]) };
                    diagonal = above;
                }
            }
            row[window.len()]
        })
        .max()
        .unwrap_or(0)
}

/// A sentence in its own words: most of the long ones and every number have to be in the passage.
fn shares_words(sentence: &[String], passage: &[String]) -> Verdict {
    let passage: std::collections::HashSet<&str> = passage.iter().map(String::as_str).collect();
    let number = |word: &&String| word.chars().any(|c| c.is_ascii_digit());
    if sentence.iter().filter(number).any(|word| !passage.contains(word.as_str())) {
        return Verdict::NotFound;
    }
    let long: Vec<&String> = sentence.iter().filter(|word| word.chars().count() > 3 || number(word)).collect();
    let counted = if long.is_empty() { sentence.iter().collect() } else { long };
    let shared = counted.iter().filter(|word| passage.contains(word.as_str())).count();
    if shared * 2 >= counted.len() { Verdict::Weak } else { Verdict::NotFound }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_quote(sentence: &str, passage: &str) -> Verdict {
        CitedPassage::new(passage).check(sentence)
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

    proptest! {
        #[test]
        fn every_run_of_words_of_a_passage_is_verified(start in 0usize..20, length in 3usize..8) {
            let all: Vec<&str> = PASSAGE.split_whitespace().collect();
            let span = all[start.min(all.len() - 8)..][..length].join(" ");
            let quote = format!("«{span}»");
            prop_assert_eq!(check_quote(&quote, PASSAGE), Verdict::Verified);
        }

        #[test]
        fn no_text_makes_it_panic(quote in ".{0,300}", passage in ".{0,300}") {
            let _ = check_quote(&quote, &passage);
        }
    }
}

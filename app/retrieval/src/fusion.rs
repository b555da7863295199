//! Reciprocal rank fusion, weighed by language.
//!
//! Measured on parallel documentation in Spanish and English with the local model: within a language, fusing words with
//! embeddings finds more than either; across languages the words mislead, because only names and numbers are the same.

/// The usual constant: how quickly a lower rank stops counting.
const K: f64 = 60.0;

/// What the words' rank counts when question and passage are in different languages.
const ACROSS_LANGUAGES: f64 = 0.25;

/// The sum of reciprocal ranks (from 1) of a candidate, 0 to 1: 1 is first in both.
pub(crate) fn fused(dense_rank: Option<usize>, text_rank: Option<usize>, same_language: bool) -> f64 {
    let part = |rank: Option<usize>| rank.map_or(0.0, |rank| (K + 1.0) / (K + rank as f64));
    let text_weight = if same_language { 1.0 } else { ACROSS_LANGUAGES };
    (part(dense_rank) + text_weight * part(text_rank)) / 2.0
}

/// Whether words of a question may be expected in a passage: unknown languages count as the same.
pub(crate) fn same_language(question: Option<&str>, passage: Option<&str>) -> bool {
    match (question, passage) {
        (Some(question), Some(passage)) => question == passage,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_both_is_one_and_nowhere_is_zero() {
        assert!((fused(Some(1), Some(1), true) - 1.0).abs() < 1e-9);
        assert_eq!(fused(None, None, true), 0.0);
    }

    #[test]
    fn words_across_languages_do_not_outdo_meaning() {
        let by_words_alone = fused(None, Some(1), false);
        let by_meaning_at_thirty = fused(Some(30), None, false);
        assert!(by_words_alone < by_meaning_at_thirty);
        assert!(fused(None, Some(1), true) > by_meaning_at_thirty);
    }
}

//! One number from 0 to 1: how likely a passage is of use for a question.
//!
//! The embedding model's calibrated cosine is moved by what the words say. The share of the question's words (weighed by
//! rarity) that stand in the passage is evidence for it within a language, their absence evidence against; across
//! languages absence says nothing. The constants were fitted; docs/decisions/ has the numbers.

/// How far the words move the log-odds within a language, from none of them to all.
const WITHIN: f64 = 3.0;
/// The coverage that moves nothing: below it words are missing that should be there.
const NEUTRAL: f64 = 0.35;
/// The same across languages, where only names and numbers can be expected.
const ACROSS: f64 = 1.5;
const NEUTRAL_ACROSS: f64 = 0.1;
/// Words alone, without any embedding: the log-odds at full coverage, and at none.
const WORDS_ALONE: (f64, f64) = (2.0, -5.0);

fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `calibrated` is [`cjhirashi_models::Embedder::calibrate`] of the cosine, `None` where there is no embedding;
/// `coverage` the weighed share of the question's words in the passage, `None` when the question has no words.
pub(crate) fn relevance(calibrated: Option<f64>, coverage: Option<f64>, same_language: bool) -> f64 {
    match (calibrated, coverage) {
        (Some(calibrated), Some(coverage)) => {
            let moved =
                if same_language { WITHIN * (coverage - NEUTRAL) } else { ACROSS * (coverage - NEUTRAL_ACROSS) };
            logistic(logit(calibrated) + moved)
        }
        (Some(calibrated), None) => calibrated,
        (None, Some(coverage)) => {
            let (full, none) = WORDS_ALONE;
            logistic(none + (full - none) * coverage)
        }
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_found_raise_and_words_missing_lower_the_relevance_within_a_language() {
        let with = relevance(Some(0.5), Some(1.0), true);
        let without = relevance(Some(0.5), Some(0.0), true);
        assert!(with > 0.8 && without < 0.3);
        assert!(relevance(Some(0.5), Some(0.0), false) > 0.45, "across languages, missing words say next to nothing");
    }

    #[test]
    fn relevance_stays_between_0_and_1_at_the_ends() {
        for calibrated in [None, Some(0.0), Some(1.0)] {
            for coverage in [None, Some(0.0), Some(1.0)] {
                assert!((0.0..=1.0).contains(&relevance(calibrated, coverage, true)));
            }
        }
    }
}

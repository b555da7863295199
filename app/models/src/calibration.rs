//! What a cosine means, per embedding model.
//!
//! Models use different parts of the scale: what e5 gives to two texts that have nothing to do with each other, 0.80, is
//! more than OpenAI's models give to a question and its answer. A logistic curve puts each model's own scale on
//! one from 0 to 1: `middle` is the cosine at which a passage is as likely to be of use as not, and a `width` to either
//! side of it is the way from 0.27 to 0.73.

/// The curve of one model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Calibration {
    Logistic {
        middle: f64,
        width: f64,
    },
    /// Nothing is known of the model: the cosine itself, without its negative half.
    None,
}

impl Calibration {
    /// By the provider's name for the model.
    pub(crate) fn of(model: &str) -> Self {
        // multilingual-e5-small: measured on 22 questions in Spanish and English over short passages (right passages
        // 0.853 on average, wrong ones 0.806, the highest wrong one 0.858) and on 600 headings over pages of
        // documentation (right 0.876, the best of a question about another world 0.805). The two overlap, so the curve
        // is an aid to ranking with words, not a proof; docs/decisions/0005-relevance.md.
        // The others: from their makers' and users' published figures, not measured here; a threshold on them should be
        // set by an evaluation on one's own documents.
        const KNOWN: &[(&str, f64, f64)] = &[
            ("multilingual-e5", 0.838, 0.012),
            ("text-embedding-3-small", 0.34, 0.07),
            ("text-embedding-3-large", 0.36, 0.07),
            ("text-embedding-ada-002", 0.78, 0.02),
            ("gemini-embedding", 0.62, 0.05),
            ("embed-v4", 0.34, 0.08),
            ("embed-multilingual-v3", 0.42, 0.07),
            ("embed-multilingual-light-v3", 0.42, 0.07),
            ("embed-english", 0.40, 0.07),
        ];
        KNOWN
            .iter()
            .find(|(name, ..)| model.starts_with(name))
            .map_or(Self::None, |&(_, middle, width)| Self::Logistic { middle, width })
    }

    pub(crate) fn apply(self, cosine: f32) -> f64 {
        let cosine = f64::from(cosine);
        if !cosine.is_finite() {
            return 0.0;
        }
        match self {
            Self::Logistic { middle, width } => 1.0 / (1.0 + (-(cosine - middle) / width).exp()),
            Self::None => cosine.clamp(0.0, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibrated_scores_rise_with_the_cosine_and_stay_between_0_and_1() {
        for model in ["multilingual-e5-small", "text-embedding-3-small", "gemini-embedding-001", "embed-v4.0", "other"]
        {
            let calibration = Calibration::of(model);
            let scores: Vec<f64> = (-100..=100).map(|n| calibration.apply(n as f32 / 100.0)).collect();
            assert!(scores.windows(2).all(|pair| pair[0] <= pair[1]), "{model}");
            assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{model}");
        }
        assert_eq!(Calibration::None.apply(f32::NAN), 0.0);
    }

    #[test]
    fn the_compressed_scores_of_e5_are_spread() {
        let e5 = Calibration::of("multilingual-e5-small");
        assert!(e5.apply(0.853) > 0.75 && e5.apply(0.806) < 0.2);
    }
}

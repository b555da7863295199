//! What is known of embedding models: what a cosine of theirs means, and which words they want in front of a text.
//!
//! Models use different parts of the scale: what e5 gives to two texts that have nothing to do with each other, 0.80, is
//! more than OpenAI's models give to a question and its answer. A logistic curve puts each model's own scale on
//! one from 0 to 1: `middle` is the cosine at which a passage is as likely to be of use as not, and a `width` to either
//! side of it is the way from 0.27 to 0.73.

use crate::InputKind;

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
        Known::of(model)
            .and_then(|known| known.curve)
            .map_or(Self::None, |(middle, width)| Self::Logistic { middle, width })
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

/// What a text needs in front so that a model that is reached without a field for it knows what it is for.
pub(crate) fn prefix(model: &str, kind: InputKind) -> &'static str {
    let (query, passage) = Known::of(model).map_or(PLAIN, |known| known.prefixes);
    match kind {
        InputKind::Query => query,
        InputKind::Passage | InputKind::Sentence => passage,
    }
}

/// One model, or a family whose names begin alike.
struct Known {
    name: &'static str,
    /// Middle and width; `None` where nobody has published enough to put one.
    curve: Option<(f64, f64)>,
    /// Before a question and before a passage.
    prefixes: (&'static str, &'static str),
}

impl Known {
    /// Providers and servers put a maker before the name (`intfloat/multilingual-e5-small`), a tag behind it
    /// (`nomic-embed-text:latest`), or, as LM Studio does, `text-embedding-` in front.
    fn of(model: &str) -> Option<&'static Self> {
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        let name = name.split(':').next().unwrap_or_default();
        let find = |name: &str| KNOWN.iter().find(|known| name.starts_with(known.name));
        find(name).or_else(|| find(name.strip_prefix("text-embedding-")?))
    }
}

const fn known(name: &'static str, curve: Option<(f64, f64)>, prefixes: (&'static str, &'static str)) -> Known {
    Known { name, curve, prefixes }
}

const PLAIN: (&str, &str) = ("", "");
const E5: (&str, &str) = ("query: ", "passage: ");
const SEARCHING: (&str, &str) = ("Represent this sentence for searching relevant passages: ", "");
const INSTRUCTED: (&str, &str) =
    ("Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ", "");

/// The first whose name a model's begins with counts, so exact names stand before their families.
///
/// multilingual-e5-small: measured on 22 questions in Spanish and English over short passages (right passages 0.853 on
/// average, wrong ones 0.806, the highest wrong one 0.858) and on 600 headings over pages of documentation (right 0.876,
/// the best of a question about another world 0.805). The two overlap, so the curve is an aid to ranking with words, not a
/// proof; docs/decisions/0005-relevance.md. The other curves: from their makers' and users' published figures, not
/// measured here; a threshold on them should be set by an evaluation on one's own documents. Prefixes: from the makers'
/// model cards.
const KNOWN: &[Known] = &[
    known("multilingual-e5-small", Some((0.838, 0.012)), E5),
    known("multilingual-e5-large-instruct", None, INSTRUCTED),
    known("multilingual-e5", None, E5),
    known("e5-", None, E5),
    known("text-embedding-3-small", Some((0.34, 0.07)), PLAIN),
    known("text-embedding-3-large", Some((0.36, 0.07)), PLAIN),
    known("text-embedding-ada-002", Some((0.78, 0.02)), PLAIN),
    known("gemini-embedding-001", Some((0.62, 0.05)), PLAIN),
    known("embed-v4", Some((0.34, 0.08)), PLAIN),
    known("embed-multilingual-v3", Some((0.42, 0.07)), PLAIN),
    known("embed-multilingual-light-v3", Some((0.42, 0.07)), PLAIN),
    known("embed-english", Some((0.40, 0.07)), PLAIN),
    known("nomic-embed-text", None, ("search_query: ", "search_document: ")),
    known("bge-m3", None, PLAIN),
    known("bge-small-en", None, SEARCHING),
    known("bge-base-en", None, SEARCHING),
    known("bge-large-en", None, SEARCHING),
    known("mxbai-embed-large", None, SEARCHING),
    known("embeddinggemma", None, ("task: search result | query: ", "title: none | text: ")),
    known("qwen3-embedding", None, INSTRUCTED),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_every_name_it_is_given_and_no_other_model_by_it() {
        let small = Calibration::of("text-embedding-3-small");
        assert_ne!(small, Calibration::None);
        for name in ["openai/text-embedding-3-small", "OpenAI/Text-Embedding-3-Small"] {
            assert_eq!(Calibration::of(name), small, "{name}");
        }
        let e5 = Calibration::of("multilingual-e5-small");
        for name in
            ["intfloat/multilingual-e5-small", "text-embedding-multilingual-e5-small", "multilingual-e5-small:q8"]
        {
            assert_eq!(Calibration::of(name), e5, "{name}");
            assert_eq!(prefix(name, InputKind::Query), "query: ");
            assert_eq!(prefix(name, InputKind::Sentence), "passage: ");
        }
        for name in ["multilingual-e5-large", "gemini-embedding-2", "nomic-embed-text:latest", "bge-m3", "something"] {
            assert_eq!(Calibration::of(name), Calibration::None, "{name}");
        }
        assert_eq!(prefix("nomic-embed-text:latest", InputKind::Passage), "search_document: ");
        assert_eq!(prefix("text-embedding-nomic-embed-text-v1.5", InputKind::Query), "search_query: ");
        assert_eq!(prefix("something", InputKind::Query), "");
    }

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

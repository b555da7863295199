//! Reciprocal rank fusion: which candidates are read, and which of two equally relevant ones comes first. The order of an
//! answer's passages is [`crate::relevance`]'s; docs/decisions/0005-relevance.md has the measurements.

/// The usual constant: how quickly a lower rank stops counting.
const K: f64 = 60.0;

/// The sum of reciprocal ranks (from 1) of a candidate, 0 to 1: 1 is first in both.
pub(crate) fn fused(dense_rank: Option<usize>, text_rank: Option<usize>) -> f64 {
    let part = |rank: Option<usize>| rank.map_or(0.0, |rank| (K + 1.0) / (K + rank as f64));
    (part(dense_rank) + part(text_rank)) / 2.0
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
        assert!((fused(Some(1), Some(1)) - 1.0).abs() < 1e-9);
        assert_eq!(fused(None, None), 0.0);
        assert!(fused(Some(3), Some(2)) > fused(Some(1), None));
    }
}

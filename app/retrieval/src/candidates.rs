//! What may answer a question: found by meaning, by words, or scored one by one; put together and ordered.

use std::collections::{HashMap, HashSet};

use cjhirashi_storage::{ChunkPlace, StoredVector, TextTerm};
use cjhirashi_vectors::{ChunkKey, Match};

use crate::fusion::fused;

/// Ranks of one candidate.
#[derive(Default, Clone, Copy)]
pub(crate) struct Ranks {
    pub(crate) dense: Option<usize>,
    pub(crate) cosine: Option<f32>,
    pub(crate) text: Option<usize>,
}

/// Vectors from PostgreSQL, scored one by one, best first.
pub(crate) fn scored(question: &[f32], vectors: Vec<StoredVector>, top_k: usize) -> Vec<Match> {
    let matches = vectors
        .into_iter()
        .filter_map(|vector| Some(Match { key: key_of(&vector.place), score: cosine(question, &vector.values)? }));
    merge_exact(Vec::new(), matches.collect(), top_k)
}

/// What the index found and what was scored one by one, each passage once, best first. An exact score counts.
pub(crate) fn merge_exact(matches: Vec<Match>, exact: Vec<Match>, top_k: usize) -> Vec<Match> {
    let known: HashSet<ChunkKey> = exact.iter().map(|found| found.key.clone()).collect();
    let mut all = exact;
    all.extend(matches.into_iter().filter(|found| !known.contains(&found.key)));
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.key.cmp(&b.key)));
    all.truncate(top_k);
    all
}

pub(crate) fn key_of(place: &ChunkPlace) -> ChunkKey {
    ChunkKey { document_id: place.document_id.clone(), version: place.version, seq: place.seq }
}

/// The candidates of both ways, the most promising first, cut to what is read; and their ranks.
pub(crate) fn merge(
    matches: &[Match],
    hits: &[ChunkPlace],
    limit: usize,
) -> (Vec<ChunkPlace>, HashMap<ChunkPlace, Ranks>) {
    let mut ranks: HashMap<ChunkPlace, Ranks> = HashMap::with_capacity(matches.len() + hits.len());
    for (rank, found) in (1..).zip(matches) {
        let key = found.key.clone();
        let place = ChunkPlace { document_id: key.document_id, version: key.version, seq: key.seq };
        ranks.insert(place, Ranks { dense: Some(rank), cosine: Some(found.score), text: None });
    }
    for (rank, place) in (1..).zip(hits) {
        ranks.entry(place.clone()).or_default().text = Some(rank);
    }
    let mut places: Vec<(f64, ChunkPlace)> =
        ranks.iter().map(|(place, ranks)| (fused(ranks.dense, ranks.text), place.clone())).collect();
    places.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    places.truncate(limit);
    (places.into_iter().map(|(_, place)| place).collect(), ranks)
}

/// The share of the question's words, weighed by rarity, that a passage has.
pub(crate) fn coverage(terms: &[TextTerm], has: &[bool]) -> Option<f64> {
    let all: f64 = terms.iter().map(|term| term.weight).sum();
    let found: f64 = terms.iter().zip(has).filter(|(_, has)| **has).map(|(term, _)| term.weight).sum();
    (all > 0.0).then(|| found / all)
}

/// Cosine of two vectors of the same length; `None` otherwise, or where one has no direction.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
    if a.len() != b.len() {
        return None;
    }
    let (mut dot, mut aa, mut bb) = (0.0f64, 0.0f64, 0.0f64);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        dot += a * b;
        aa += a * a;
        bb += b * b;
    }
    let cosine = dot / (aa * bb).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "a cosine needs no more precision")]
    cosine.is_finite().then_some(cosine.clamp(-1.0, 1.0) as f32)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cjhirashi_domain::id::DocumentId;
    use proptest::prelude::*;

    use super::*;

    fn place(seq: i32) -> ChunkPlace {
        ChunkPlace { document_id: DocumentId::parse("d").unwrap(), version: 1, seq }
    }

    #[test]
    fn a_candidate_of_both_ways_comes_before_one_of_either() {
        let matches: Vec<Match> = (0..3).map(|seq| Match { key: key_of(&place(seq)), score: 0.9 }).collect();
        let hits = [place(2), place(7)];
        let (places, ranks) = merge(&matches, &hits, 10);
        assert_eq!(places[0], place(2));
        assert_eq!(places.len(), 4);
        assert_eq!((ranks[&place(2)].dense, ranks[&place(2)].text), (Some(3), Some(1)));
        assert_eq!(ranks[&place(7)].cosine, None);
    }

    #[test]
    fn coverage_weighs_words_by_their_rarity() {
        let term = |weight| TextTerm { stems: vec!["x".to_owned()], weight, chunks: 1.0 };
        assert_eq!(coverage(&[term(3.0), term(1.0)], &[true, false]), Some(0.75));
        assert_eq!(coverage(&[], &[]), None);
    }

    fn any_place() -> impl Strategy<Value = ChunkPlace> {
        ("[ab]", 1..3, 0..6).prop_map(|(document, version, seq)| {
            let document_id = DocumentId::parse(document).unwrap();
            ChunkPlace { document_id, version, seq }
        })
    }

    /// Passages with their scores, each once; few scores, so that many are equal.
    fn any_matches() -> impl Strategy<Value = BTreeMap<ChunkKey, f32>> {
        let score = prop_oneof![(-4i8..=4).prop_map(|score| f32::from(score) / 4.0), -1.0f32..=1.0];
        prop::collection::btree_map(any_place().prop_map(|place| key_of(&place)), score, 0..24)
    }

    /// Best first, by looking at all of them.
    fn best(all: &BTreeMap<ChunkKey, f32>, top_k: usize) -> Vec<Match> {
        let mut found: Vec<Match> = all.iter().map(|(key, &score)| Match { key: key.clone(), score }).collect();
        // A stable sort of what comes in the order of its keys.
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(top_k);
        found
    }

    proptest! {
        #[test]
        fn each_passage_comes_once_with_its_exact_score_where_there_is_one_and_no_better_one_is_left_out(
            index in any_matches(), exact in any_matches(), top_k in 0usize..30,
        ) {
            let mut all = index.clone();
            all.extend(exact.clone());
            let merged = merge_exact(best(&index, 100), best(&exact, 100), top_k);
            prop_assert_eq!(merged, best(&all, top_k));
        }

        #[test]
        fn the_order_in_which_they_come_does_not_count(
            (index, mixed) in any_matches().prop_map(|all| best(&all, 100)).prop_flat_map(|all| {
                (Just(all.clone()), Just(all).prop_shuffle())
            }),
            exact in any_matches(),
            top_k in 0usize..30,
        ) {
            let mut backwards = best(&exact, 100);
            backwards.reverse();
            prop_assert_eq!(merge_exact(index, best(&exact, 100), top_k), merge_exact(mixed, backwards, top_k));
        }

        #[test]
        fn the_best_are_the_same_whatever_the_index_does_not_show_yet(
            all in any_matches(),
            unseen in prop::collection::btree_set(any_place().prop_map(|place| key_of(&place)), 0..12),
            old in any_matches(),
            top_k in 1usize..30,
        ) {
            let apart = |seen: bool| {
                let some = all.iter().filter(|(key, _)| unseen.contains(*key) != seen);
                some.map(|(key, score)| (key.clone(), *score)).collect::<BTreeMap<_, _>>()
            };
            // Of what was written anew it may still show what was there before.
            let mut shown = apart(true);
            shown.extend(old.into_iter().filter(|(key, _)| unseen.contains(key) && all.contains_key(key)));
            // It ranks what it shows; those of before may take the places of others, hence it is asked for more.
            let asked = top_k + unseen.len();
            let merged = merge_exact(best(&shown, asked), best(&apart(false), asked), top_k);
            prop_assert_eq!(merged, best(&all, top_k));
        }

        #[test]
        fn vectors_are_scored_by_their_cosine_and_those_without_direction_left_out(
            question in prop::collection::vec(-1.0f32..1.0, 4),
            vectors in prop::collection::btree_map(any_place(), prop::collection::vec(-1.0f32..1.0, 3..6), 0..16),
            nothing in any_place(),
            top_k in 0usize..20,
        ) {
            let mut vectors = vectors;
            vectors.insert(nothing, vec![0.0; 4]);
            let all = vectors
                .iter()
                .filter_map(|(place, values)| Some((key_of(place), cosine(&question, values)?)))
                .collect();
            let stored = vectors
                .into_iter()
                .map(|(place, values)| StoredVector { place, ordinal: 0, owner: None, values })
                .collect();
            let found = scored(&question, stored, top_k);
            prop_assert!(found.iter().all(|found| (-1.0..=1.0).contains(&found.score)));
            prop_assert_eq!(found, best(&all, top_k));
        }

        #[test]
        fn candidates_of_both_ways_are_read_once_and_the_most_promising_of_them(
            matches in any_matches(),
            hits in prop::collection::btree_set(any_place(), 0..24).prop_map(Vec::from_iter).prop_shuffle(),
            limit in 0usize..40,
        ) {
            let matches = best(&matches, 100);
            let (places, ranks) = merge(&matches, &hits, limit);
            let once: HashSet<&ChunkPlace> = places.iter().collect();
            prop_assert_eq!((once.len(), places.len()), (places.len(), limit.min(ranks.len())));
            for (rank, found) in (1..).zip(&matches) {
                let ranks = ranks.iter().find(|(place, _)| key_of(place) == found.key).unwrap().1;
                prop_assert_eq!((ranks.dense, ranks.cosine), (Some(rank), Some(found.score)));
            }
            for (rank, place) in (1..).zip(&hits) {
                prop_assert_eq!(ranks[place].text, Some(rank));
            }
            let promise = |place: &ChunkPlace| fused(ranks[place].dense, ranks[place].text);
            prop_assert!(places.is_sorted_by(|a, b| promise(a) >= promise(b)));
            let least = places.last().map_or(1.0, promise);
            prop_assert!(limit == 0 || ranks.keys().all(|place| once.contains(place) || promise(place) <= least));
        }
    }

    #[test]
    fn the_cosine_of_vectors_without_direction_is_none() {
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), None);
        assert_eq!(cosine(&[1.0], &[1.0, 0.0]), None);
        assert_eq!(cosine(&[2.0, 0.0], &[3.0, 0.0]), Some(1.0));
    }
}

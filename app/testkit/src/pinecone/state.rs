//! What the server holds: indexes, their namespaces, and the log of each, which queries follow some time later.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use serde_json::{Map, Value};

/// A vector as it is held.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its numbers, in single precision as Pinecone keeps them.
    pub values: Vec<f32>,
    /// What is kept beside it.
    pub metadata: Map<String, Value>,
}

/// One write.
#[derive(Debug)]
pub(super) enum Change {
    Put(Vec<(String, Stored)>),
    Remove(Vec<String>),
    Clear,
}

struct Pending {
    position: u64,
    since: Instant,
    change: Change,
}

/// A part of an index.
#[derive(Default)]
pub(super) struct Namespace {
    seen: BTreeMap<String, Stored>,
    pending: VecDeque<Pending>,
    /// The place of the last write in the log.
    written: u64,
    /// How far in the log readers have come.
    position: u64,
}

impl Namespace {
    /// Accepts a write; gives its place in the log.
    pub(super) fn accept(&mut self, change: Change) -> u64 {
        // Places have gaps: they count what happens in all of the service.
        self.written += 3;
        self.pending.push_back(Pending { position: self.written, since: Instant::now(), change });
        self.written
    }

    /// Lets readers see what was written at least so long ago.
    pub(super) fn settle(&mut self, delay: Duration) {
        while let Some(next) = self.pending.pop_front_if(|next| next.since.elapsed() >= delay) {
            match next.change {
                Change::Put(vectors) => self.seen.extend(vectors),
                Change::Remove(ids) => ids.iter().for_each(|id| drop(self.seen.remove(id))),
                Change::Clear => self.seen.clear(),
            }
            self.position = next.position;
        }
    }

    /// What readers see.
    pub(super) const fn seen(&self) -> &BTreeMap<String, Stored> {
        &self.seen
    }

    /// How far in the log readers have come.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }
}

/// How vectors are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Cosine,
    Dotproduct,
    Euclidean,
}

impl Metric {
    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Cosine, Self::Dotproduct, Self::Euclidean].into_iter().find(|metric| metric.as_str() == text)
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Dotproduct => "dotproduct",
            Self::Euclidean => "euclidean",
        }
    }

    /// The exact score of two vectors of the same length.
    pub(super) fn score(self, a: &[f32], b: &[f32]) -> f64 {
        let sum =
            |of: fn(f64, f64) -> f64| -> f64 { a.iter().zip(b).map(|(a, b)| of(f64::from(*a), f64::from(*b))).sum() };
        match self {
            Self::Dotproduct => sum(|a, b| a * b),
            Self::Cosine => sum(|a, b| a * b) / (sum(|a, _| a * a) * sum(|_, b| b * b)).sqrt(),
            Self::Euclidean => sum(|a, b| (a - b) * (a - b)),
        }
    }

    /// Whether a larger score is nearer.
    pub(super) const fn larger_is_nearer(self) -> bool {
        !matches!(self, Self::Euclidean)
    }
}

/// An index.
pub(super) struct Index {
    pub(super) dimension: usize,
    pub(super) metric: Metric,
    pub(super) deployment: Value,
    pub(super) protected: bool,
    pub(super) tags: Value,
    pub(super) made: Instant,
    /// The last part of its address, which an index of the same name made later does not share.
    pub(super) host: String,
    pub(super) namespaces: BTreeMap<String, Namespace>,
}

/// Everything.
#[derive(Default)]
pub(super) struct State {
    pub(super) indexes: BTreeMap<String, Index>,
    pub(super) made: u64,
}

impl State {
    /// The index whose data is at an address.
    pub(super) fn at(&mut self, host: &str) -> Option<&mut Index> {
        self.indexes.values_mut().find(|index| index.host == host)
    }

    /// Lets all readers see what was written at least so long ago.
    pub(super) fn settle(&mut self, delay: Duration) {
        let namespaces = self.indexes.values_mut().flat_map(|index| index.namespaces.values_mut());
        namespaces.for_each(|namespace| namespace.settle(delay));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_follow_the_log_in_order() {
        let mut namespace = Namespace::default();
        let stored = |n| Stored { values: vec![n], metadata: Map::new() };
        let first = namespace.accept(Change::Put(vec![("a".to_owned(), stored(1.0)), ("b".to_owned(), stored(2.0))]));
        let second = namespace.accept(Change::Remove(vec!["a".to_owned()]));
        namespace.settle(Duration::from_secs(60));
        assert!(namespace.seen().is_empty() && namespace.position() < first && first < second);
        namespace.settle(Duration::ZERO);
        assert_eq!(namespace.seen().keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(namespace.position(), second);
    }

    #[test]
    fn scores_are_exact() {
        let (a, b) = (&[3.0, 4.0], &[4.0, 3.0]);
        assert!((Metric::Cosine.score(a, b) - 0.96).abs() < 1e-12);
        assert!((Metric::Dotproduct.score(a, b) - 24.0).abs() < 1e-12);
        assert!((Metric::Euclidean.score(a, b) - 2.0).abs() < 1e-12);
    }
}

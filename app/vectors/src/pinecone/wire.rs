//! What goes to the data plane and comes back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::api;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryBody<'a> {
    pub(super) namespace: &'a str,
    pub(super) vector: &'a [f32],
    pub(super) top_k: usize,
    pub(super) filter: &'a Value,
    // Text and title come from PostgreSQL.
    pub(super) include_metadata: bool,
    pub(super) include_values: bool,
}

#[derive(Serialize)]
pub(super) struct DeleteBody<'a> {
    pub(super) ids: &'a [String],
    pub(super) namespace: &'a str,
}

/// What an answer says it cost.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Usage {
    // A whole number today; prices have known quarters of one.
    read_units: f64,
}

impl Usage {
    /// Read units, rounded up.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    pub(super) fn units(&self) -> u64 {
        self.read_units.ceil() as u64
    }
}

#[derive(Deserialize)]
pub(super) struct QueryReply {
    #[serde(default)]
    pub(super) matches: Vec<ScoredId>,
    #[serde(default)]
    pub(super) usage: Usage,
}

#[derive(Deserialize)]
pub(super) struct ScoredId {
    pub(super) id: String,
    #[serde(default)]
    pub(super) score: f32,
}

#[derive(Deserialize)]
pub(super) struct ListReply {
    #[serde(default)]
    pub(super) vectors: Vec<ListedId>,
    pub(super) pagination: Option<Pagination>,
    #[serde(default)]
    pub(super) usage: Usage,
}

#[derive(Deserialize)]
pub(super) struct ListedId {
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct Pagination {
    // Some servers send it empty at the end.
    next: Option<String>,
}

impl Pagination {
    /// The token of the next page, if there is one.
    pub(super) fn token(self) -> Option<String> {
        self.next.filter(|token| !token.is_empty())
    }
}

/// One page of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Names of vectors, ascending by bytes, ours or not.
    pub ids: Vec<String>,
    /// What to ask for the next page with; `None` at the end.
    pub next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct FetchReply {
    #[serde(default)]
    pub(super) vectors: BTreeMap<String, FetchedVector>,
    #[serde(default)]
    pub(super) usage: Usage,
}

/// A vector as the index holds it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FetchedVector {
    /// Its numbers.
    #[serde(default)]
    pub values: Vec<f32>,
    /// What is kept beside it.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatsReply {
    #[serde(default)]
    namespaces: BTreeMap<String, NamespaceStats>,
    #[serde(default)]
    total_vector_count: u64,
    dimension: Option<usize>,
    metric: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamespaceStats {
    #[serde(default)]
    vector_count: u64,
}

/// How many vectors an index holds. Counts lag behind writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexCounts {
    /// By namespace.
    pub namespaces: BTreeMap<String, u64>,
    /// In all.
    pub total: u64,
    /// Numbers per vector, where it is told.
    pub dimension: Option<usize>,
    /// How vectors are compared, where it is told.
    pub metric: Option<String>,
}

impl From<StatsReply> for IndexCounts {
    fn from(reply: StatsReply) -> Self {
        Self {
            namespaces: reply.namespaces.into_iter().map(|(name, stats)| (name, stats.vector_count)).collect(),
            total: reply.total_vector_count,
            dimension: reply.dimension,
            metric: reply.metric,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct NamespacesReply {
    #[serde(default)]
    pub(super) namespaces: Vec<NamespaceCount>,
    pub(super) pagination: Option<Pagination>,
}

/// A namespace of an index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NamespaceCount {
    /// Its name.
    pub name: String,
    /// Vectors in it, or a little behind.
    #[serde(rename = "record_count", default, deserialize_with = "api::count")]
    pub records: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_with_what_may_be_missing_and_what_nobody_knows_yet() {
        let reply: QueryReply = serde_json::from_value(json!({
            "results": [], "matches": [{"id": "a#1#0", "score": 0.5, "values": [], "new": 1}], "namespace": "n",
            "usage": {"readUnits": 5, "egressBytes": 120}
        }))
        .unwrap();
        assert_eq!((reply.matches[0].id.as_str(), reply.matches[0].score, reply.usage.units()), ("a#1#0", 0.5, 5));
        let reply: QueryReply = serde_json::from_value(json!({"usage": {"readUnits": 0.25}})).unwrap();
        assert!(reply.matches.is_empty() && reply.usage.units() == 1);
        for end in [json!({}), json!({"pagination": null}), json!({"pagination": {"next": ""}})] {
            let reply: ListReply = serde_json::from_value(end).unwrap();
            assert!(reply.pagination.and_then(Pagination::token).is_none());
        }
    }
}

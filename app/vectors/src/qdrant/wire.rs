//! Qdrant's JSON, as far as it is spoken here.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The envelope of every success.
#[derive(Deserialize)]
pub(super) struct Reply<T> {
    pub(super) result: T,
}

/// The envelope of a refusal.
#[derive(Deserialize)]
pub(super) struct Failure {
    pub(super) status: FailureStatus,
}

#[derive(Deserialize)]
pub(super) struct FailureStatus {
    pub(super) error: String,
}

/// Which points.
#[derive(Debug, Default, Serialize)]
pub(super) struct Filter<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) must: Vec<Condition<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) must_not: Vec<Condition<'a>>,
    /// One of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) should: Vec<Condition<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Condition<'a> {
    Field {
        key: &'static str,
        #[serde(rename = "match")]
        matches: Matches<'a>,
    },
    Nested(Filter<'a>),
}

impl<'a> Condition<'a> {
    pub(super) fn is(key: &'static str, value: impl Into<Value<'a>>) -> Self {
        Self::Field { key, matches: Matches::Value(value.into()) }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Matches<'a> {
    Value(Value<'a>),
    Any(Vec<&'a str>),
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Integer(i64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<i32> for Value<'_> {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// What a delete takes.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Selection<'a> {
    Points { points: Vec<Uuid> },
    Filter { filter: Filter<'a> },
}

#[derive(Serialize)]
pub(super) struct Query<'a> {
    pub(super) query: &'a [f32],
    pub(super) filter: Filter<'a>,
    pub(super) limit: usize,
    pub(super) with_payload: [&'static str; 1],
}

#[derive(Serialize)]
pub(super) struct Scroll<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<Filter<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order_by: Option<OrderBy>,
    pub(super) limit: usize,
    pub(super) with_payload: [&'static str; 1],
    pub(super) with_vector: bool,
}

#[derive(Serialize)]
pub(super) struct OrderBy {
    pub(super) key: &'static str,
    pub(super) direction: &'static str,
    /// Included.
    pub(super) start_from: i64,
}

#[derive(Serialize)]
pub(super) struct Get<'a> {
    pub(super) ids: &'a [Uuid],
    pub(super) with_payload: bool,
    pub(super) with_vector: bool,
}

#[derive(Serialize)]
pub(super) struct CountAll {
    pub(super) exact: bool,
}

#[derive(Deserialize)]
pub(super) struct Points {
    pub(super) points: Vec<Scored>,
}

#[derive(Deserialize)]
pub(super) struct Scored {
    pub(super) score: f32,
    pub(super) payload: Option<Payload>,
}

/// A page of a scroll.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) points: Vec<Record>,
    /// From where the next page begins; a scroll that is ordered by something else has none.
    pub(super) next_page_offset: Option<Uuid>,
}

#[derive(Deserialize)]
pub(super) struct Record {
    pub(super) id: Uuid,
    pub(super) payload: Option<Payload>,
    /// What it was ordered by.
    pub(super) order_value: Option<i64>,
}

/// The part of a payload that is read again.
#[derive(Deserialize)]
pub(super) struct Payload {
    #[serde(default)]
    pub(super) key: String,
}

#[derive(Deserialize)]
pub(super) struct Count {
    pub(super) count: u64,
}

/// What a write says.
#[derive(Deserialize)]
pub(super) struct Update {}

/// A collection's description, as far as it is compared.
#[derive(Deserialize)]
pub(super) struct Collection {
    pub(super) config: Config,
    /// Its payload indexes by field.
    pub(super) payload_schema: std::collections::HashMap<String, serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Config {
    pub(super) params: Params,
}

#[derive(Deserialize)]
pub(super) struct Params {
    pub(super) vectors: Vectors,
    pub(super) replication_factor: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Vectors {
    Single {
        size: usize,
        distance: String,
    },
    /// Several with names, or none: not ours.
    Other(serde::de::IgnoredAny),
}

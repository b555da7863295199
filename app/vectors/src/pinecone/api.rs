//! Everything that depends on the version of Pinecone's API: its name, how an index is created and described, and the
//! types that changed their form.
//!
//! The vectors API is called classic in 2026-07: an index of it is a schema with the reserved field `_values`. Answers of
//! older versions, whose descriptions carry dimension and metric at the top, are read too.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{IndexSpec, PineconeError};

/// Sent with every request.
pub(super) const VERSION: &str = "2026-07";
/// The header that carries it.
pub(super) const VERSION_HEADER: &str = "x-pinecone-api-version";
/// The header that carries the key.
pub(super) const KEY_HEADER: &str = "api-key";

/// How vectors are compared, by the scores of [`crate::Match`].
pub(super) const METRIC: &str = "cosine";

/// Headers with the place of a write in the log of its namespace, best first.
pub(super) const WRITTEN_HEADERS: &[&str] = &["x-pinecone-request-lsn", "x-pinecone-lsn-committed"];
/// Headers with how far in the log a query has seen, best first.
pub(super) const SEEN_HEADERS: &[&str] = &["x-pinecone-max-indexed-lsn", "x-pinecone-lsn-reconciled"];
/// Headers with what Pinecone's support asks for, best first.
pub(super) const REQUEST_ID_HEADERS: &[&str] = &["x-pinecone-request-id", "x-request-id"];

/// The body that creates an index.
pub(super) fn creation(spec: &IndexSpec) -> Value {
    json!({
        "name": spec.name.as_str(),
        "schema": {"fields": {"_values": {
            "type": "dense_vector",
            "dimension": spec.dimension,
            "metric": METRIC,
        }}},
        "deployment": {
            "deployment_type": "managed",
            "cloud": spec.deployment.cloud,
            "region": spec.deployment.region,
        },
    })
}

/// An index as Pinecone describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDescription {
    /// Where its data is.
    pub host: String,
    /// Whether it takes requests.
    pub ready: bool,
    /// `Initializing`, `Ready`, `Terminating` and others.
    pub state: String,
    /// Numbers per vector; `None` for an index that holds none of this kind.
    pub dimension: Option<usize>,
    /// How vectors are compared: `cosine`, `dotproduct`, `euclidean`.
    pub metric: Option<String>,
}

#[derive(Deserialize)]
struct IndexModel {
    host: String,
    status: Status,
    schema: Option<Schema>,
    dimension: Option<usize>,
    metric: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    ready: bool,
    state: String,
}

#[derive(Deserialize)]
struct Schema {
    #[serde(default)]
    fields: Fields,
}

#[derive(Deserialize, Default)]
struct Fields {
    // The only one looked at: others may be of kinds nobody knows yet.
    #[serde(rename = "_values")]
    values: Option<DenseField>,
}

#[derive(Deserialize)]
struct DenseField {
    dimension: Option<usize>,
    metric: Option<String>,
}

/// Reads the description of an index, of this version or an older one.
pub(super) fn description(body: &[u8]) -> Result<IndexDescription, PineconeError> {
    let model: IndexModel = serde_json::from_slice(body)
        .map_err(|error| PineconeError::Unexpected { detail: format!("an index described otherwise: {error}") })?;
    let field = model.schema.and_then(|schema| schema.fields.values);
    let (dimension, metric) = field.map_or((None, None), |field| (field.dimension, field.metric));
    Ok(IndexDescription {
        host: model.host,
        ready: model.status.ready,
        state: model.status.state,
        dimension: dimension.or(model.dimension),
        metric: metric.or(model.metric),
    })
}

/// A count that is an integer up to version 2026-04 and a decimal text since.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Count {
        Number(u64),
        Text(String),
    }
    match Count::deserialize(deserializer)? {
        Count::Number(number) => Ok(number),
        Count::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(json: &Value) -> Result<IndexDescription, PineconeError> {
        description(json.to_string().as_bytes())
    }

    #[test]
    fn descriptions_of_both_versions_are_read() {
        let new = json!({
            "name": "x", "host": "x-1.svc.pinecone.io", "status": {"ready": true, "state": "Ready"},
            "deployment": {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"},
            "schema": {"fields": {
                "_values": {"type": "dense_vector", "dimension": 1536, "metric": "cosine"},
                "_sparse_values": {"type": "sparse_vector"}, "title": {"anything": true}
            }},
            "deletion_protection": "disabled", "tags": null
        });
        let old = json!({
            "name": "x", "host": "x-1.svc.pinecone.io", "status": {"ready": true, "state": "Ready"},
            "dimension": 1536, "metric": "cosine", "spec": {"serverless": {"cloud": "aws", "region": "us-east-1"}}
        });
        let expected = IndexDescription {
            host: "x-1.svc.pinecone.io".to_owned(),
            ready: true,
            state: "Ready".to_owned(),
            dimension: Some(1536),
            metric: Some("cosine".to_owned()),
        };
        assert_eq!(described(&new), Ok(expected.clone()));
        assert_eq!(described(&old), Ok(expected));
    }

    #[test]
    fn an_index_of_another_kind_has_no_dimension() {
        let documents = json!({
            "host": "h", "status": {"ready": true, "state": "Ready"},
            "schema": {"fields": {"embedding": {"type": "dense_vector", "dimension": 8, "metric": "cosine"}}}
        });
        assert_eq!(described(&documents).map(|index| index.dimension), Ok(None));
        assert!(matches!(described(&json!({"name": "x"})), Err(PineconeError::Unexpected { .. })));
    }

    #[test]
    fn counts_are_read_as_number_and_as_text() {
        #[derive(Deserialize)]
        struct Counted {
            #[serde(deserialize_with = "count")]
            n: u64,
        }
        let read = |json: Value| serde_json::from_value::<Counted>(json).map(|counted| counted.n).ok();
        assert_eq!(read(json!({"n": 7})), Some(7));
        assert_eq!(read(json!({"n": "18446744073709551615"})), Some(u64::MAX));
        for wrong in [json!({"n": "many"}), json!({"n": -1}), json!({"n": null})] {
            assert_eq!(read(wrong), None);
        }
    }
}

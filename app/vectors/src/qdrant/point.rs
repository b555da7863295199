//! Chunks as points: names, payload, batches and filters.

use bytes::Bytes;
use cjhirashi_domain::access::Visibility;
use serde::Serialize;
use uuid::Uuid;

use super::{
    NAME,
    wire::{Condition, Filter, Matches},
};
use crate::{ChunkKey, CustomMetadata, IndexError, IndexFilter, VectorRecord, vector::unit};

// Fields of the payload that are searched.
pub(super) const KEY: &str = "key";
pub(super) const DOCUMENT: &str = "document_id";
pub(super) const VERSION: &str = "version";
pub(super) const ORDER: &str = "order";
pub(super) const USER: &str = "user_id";
pub(super) const VISIBILITY: &str = "visibility";
pub(super) const PUBLIC: &str = "public";

/// Points of one request.
const POINTS: usize = 1_000;
/// Bytes of one request; Qdrant takes 32 MiB unless it is told otherwise.
const BYTES: usize = 8 << 20;

/// The namespace of our names (a random one).
const NAMESPACE: Uuid = Uuid::from_u128(0x8d5c_5b5e_33a1_4c0f_9a0b_6a1d_2f6c_9b57);

/// A chunk's point.
pub(super) fn id(key: &ChunkKey) -> Uuid {
    Uuid::new_v5(&NAMESPACE, key.to_string().as_bytes())
}

/// The first eight characters of a key as a number, so that the numbers of two keys are never in the other order than
/// the keys. It stays below 2^53, which Qdrant's ranges, being floats, hold exactly.
pub(super) fn order(key: &str) -> i64 {
    // All that a key can hold, in the order of the bytes; 0 is the end of a shorter key.
    const ALPHABET: &[u8; 65] = b"#-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    let mut bytes = key.bytes();
    (0..8).fold(0, |number, _| {
        let digit =
            bytes.next().and_then(|byte| ALPHABET.iter().position(|known| *known == byte)).map_or(0, |at| at + 1);
        number * (ALPHABET.len() as i64 + 1) + digit as i64
    })
}

#[derive(Serialize)]
struct Point<'a> {
    id: Uuid,
    vector: Vec<f32>,
    payload: Payload<'a>,
}

/// Absent rather than null.
#[derive(Serialize)]
struct Payload<'a> {
    key: &'a str,
    document_id: &'a str,
    version: i32,
    order: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility: Option<&'static str>,
    // The rest is for people who look into the collection.
    title: &'a str,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_url: Option<&'a str>,
    /// Unix seconds.
    created_at: i64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "CustomMetadata::is_empty")]
    custom: &'a CustomMetadata,
}

/// Checks all records, then writes the requests' bodies.
pub(super) fn batches(records: &[VectorRecord], dimension: usize) -> Result<Vec<Bytes>, IndexError> {
    const START: &[u8] = b"{\"points\":[";
    const END: &[u8] = b"]}";
    let points = records.iter().map(|record| point(record, dimension)).collect::<Result<Vec<_>, _>>()?;
    let mut bodies = Vec::new();
    let mut body: Vec<u8> = Vec::new();
    let mut count = 0;
    for point in points {
        if count == POINTS || (count > 0 && body.len() + point.len() + END.len() + 1 > BYTES) {
            body.extend_from_slice(END);
            bodies.push(Bytes::from(std::mem::take(&mut body)));
            count = 0;
        }
        body.extend_from_slice(if count == 0 { START } else { b"," });
        body.extend_from_slice(&point);
        count += 1;
    }
    if count > 0 {
        body.extend_from_slice(END);
        bodies.push(Bytes::from(body));
    }
    Ok(bodies)
}

fn point(record: &VectorRecord, dimension: usize) -> Result<Vec<u8>, IndexError> {
    let key = record.key.to_string();
    let document = &record.document;
    let (user_id, visibility) = match &document.visibility {
        Visibility::Private(owner) => (Some(owner.as_str()), None),
        Visibility::Public => (None, Some(PUBLIC)),
    };
    let point = Point {
        id: id(&record.key),
        vector: unit(&record.values, dimension, || key.clone())?,
        payload: Payload {
            key: &key,
            document_id: record.key.document_id.as_str(),
            version: record.key.version,
            order: order(&key),
            user_id,
            visibility,
            title: &document.title,
            source: document.source.as_str(),
            source_url: document.source_url.as_deref(),
            created_at: document.created_at.0.div_euclid(1_000),
            tags: &document.tags,
            language: record.language.as_deref(),
            custom: &document.custom,
        },
    };
    serde_json::to_vec(&point).map_err(|error| IndexError::Refused { index: NAME, detail: format!("{key}: {error}") })
}

/// What the reader may see, and of that the documents asked for.
pub(super) fn readable(filter: &IndexFilter) -> Filter<'_> {
    let seen = Filter {
        should: vec![Condition::is(VISIBILITY, PUBLIC), Condition::is(USER, filter.reader.as_str())],
        ..Filter::default()
    };
    let among = filter.documents.as_ref().map(|documents| Condition::Field {
        key: DOCUMENT,
        matches: Matches::Any(documents.iter().map(AsRef::as_ref).collect()),
    });
    Filter { must: [Some(Condition::Nested(seen)), among].into_iter().flatten().collect(), ..Filter::default() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cjhirashi_domain::{Timestamp, document::Source, id::DocumentId};
    use proptest::prelude::*;

    use super::*;
    use crate::DocumentMetadata;

    fn key(document: &str, version: i32, seq: i32) -> ChunkKey {
        ChunkKey { document_id: DocumentId::parse(document).unwrap(), version, seq }
    }

    fn record(seq: i32, title: &str) -> VectorRecord {
        VectorRecord {
            key: key("d", 1, seq),
            ordinal: 1,
            values: vec![3.0, 4.0],
            language: None,
            text: None,
            document: Arc::new(DocumentMetadata {
                visibility: Visibility::Public,
                title: title.to_owned(),
                source: Source::Upload,
                source_url: None,
                created_at: Timestamp(1_790_000_000_999),
                tags: Vec::new(),
                custom: CustomMetadata::default(),
            }),
        }
    }

    #[test]
    fn a_chunk_always_has_the_same_point() {
        assert_eq!(id(&key("a", 1, 0)), id(&key("a", 1, 0)));
        assert_eq!(id(&key("a", 1, 0)).get_version_num(), 5);
        assert_ne!(id(&key("a", 1, 0)), id(&key("a", 1, 1)));
    }

    #[test]
    fn batches_hold_every_point_once_and_keep_their_bounds() {
        let long = "x".repeat(100_000);
        let records: Vec<_> = (0..2_500).map(|seq| record(seq, if seq < 200 { &long } else { "short" })).collect();
        let bodies = batches(&records, 2).unwrap();
        let mut keys = Vec::new();
        for body in &bodies {
            assert!(body.len() <= BYTES, "{}", body.len());
            let body: serde_json::Value = serde_json::from_slice(body).unwrap();
            let points = body["points"].as_array().unwrap();
            assert!((1..=POINTS).contains(&points.len()));
            keys.extend(points.iter().map(|point| point["payload"]["key"].as_str().unwrap().to_owned()));
        }
        assert_eq!(keys, records.iter().map(|record| record.key.to_string()).collect::<Vec<_>>());
        assert!(batches(&[], 2).unwrap().is_empty());
    }

    #[test]
    fn a_point_holds_a_unit_vector_and_no_null() {
        let point: serde_json::Value = serde_json::from_slice(&point(&record(7, "T"), 2).unwrap()).unwrap();
        let expected = serde_json::json!({
            "key": "d#1#7", "document_id": "d", "version": 1, "order": order("d#1#7"), "visibility": "public",
            "title": "T", "source": "upload", "created_at": 1_790_000_000
        });
        assert_eq!(point["payload"], expected);
        assert_eq!(point["vector"], serde_json::json!([0.6, 0.8]));
    }

    #[test]
    fn the_largest_number_is_held_exactly_by_a_float() {
        assert!(order("zzzzzzzzzz") < 1 << 53);
    }

    proptest! {
        #[test]
        fn numbers_are_in_the_order_of_the_keys(a in "[0-9A-Za-z_-]{1,12}#[0-9]{1,3}#[0-9]{1,3}", b in "[0-9A-Za-z_-]{1,12}#[0-9]{1,3}#[0-9]{1,3}") {
            let (smaller, larger) = if a <= b { (a, b) } else { (b, a) };
            prop_assert!(order(&smaller) <= order(&larger));
        }
    }
}

//! Collections and their points, in memory.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Refusal, filter::fits};

/// All collections by name.
#[derive(Default)]
pub(super) struct Store {
    collections: BTreeMap<String, Collection>,
}

/// Points in the order of their ids. UUIDs of one spelling are in the order of their text.
pub(super) struct Collection {
    params: Value,
    size: usize,
    indexes: BTreeMap<String, Value>,
    points: BTreeMap<String, Point>,
    writes: u64,
}

struct Point {
    /// Of length 1.
    vector: Vec<f32>,
    payload: Value,
    version: u64,
}

impl Store {
    pub(super) fn names(&self) -> Vec<String> {
        self.collections.keys().cloned().collect()
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Result<&mut Collection, Refusal> {
        let missing = || Refusal::new(StatusCode::NOT_FOUND, format!("Not found: Collection `{name}` doesn't exist!"));
        self.collections.get_mut(name).ok_or_else(missing)
    }

    pub(super) fn create(&mut self, name: &str, body: &Value) -> Result<Value, Refusal> {
        if self.collections.contains_key(name) {
            let error = format!("Wrong input: Collection `{name}` already exists!");
            return Err(Refusal::new(StatusCode::CONFLICT, error));
        }
        let size = body["vectors"]["size"].as_u64().and_then(|size| usize::try_from(size).ok());
        let size = size.ok_or_else(|| Refusal::wrong_input("the tests' server knows one vector without a name"))?;
        let params = json!({
            "vectors": body["vectors"],
            "shard_number": 1,
            "replication_factor": body["replication_factor"].as_u64().unwrap_or(1),
            "write_consistency_factor": 1,
            "on_disk_payload": body["on_disk_payload"].as_bool().unwrap_or(true),
        });
        let (indexes, points) = (BTreeMap::new(), BTreeMap::new());
        self.collections.insert(name.to_owned(), Collection { params, size, indexes, points, writes: 0 });
        Ok(json!(true))
    }

    pub(super) fn delete(&mut self, name: &str) -> bool {
        self.collections.remove(name).is_some()
    }

    pub(super) fn describe(&mut self, name: &str) -> Result<Value, Refusal> {
        let collection = self.get_mut(name)?;
        let schema: Map<String, Value> = collection
            .indexes
            .iter()
            .map(|(field, schema)| {
                let mut info = json!({"data_type": schema["type"], "points": collection.points.len()});
                if schema.as_object().is_some_and(|schema| schema.len() > 1) {
                    info["params"] = schema.clone();
                }
                (field.clone(), info)
            })
            .collect();
        Ok(json!({
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": 0,
            "points_count": collection.points.len(),
            "segments_count": 1,
            "config": {
                "params": collection.params,
                "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000, "max_indexing_threads": 0,
                    "on_disk": false},
                "optimizer_config": {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1_000,
                    "default_segment_number": 0, "max_segment_size": null, "memmap_threshold": null,
                    "indexing_threshold": 10_000, "flush_interval_sec": 5, "max_optimization_threads": null},
                "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
                "quantization_config": null,
            },
            "payload_schema": schema,
        }))
    }
}

impl Collection {
    pub(super) fn index(&mut self, body: &Value) -> Result<Value, Refusal> {
        let field = body["field_name"].as_str().unwrap_or_default().to_owned();
        let schema = match &body["field_schema"] {
            Value::String(kind) => json!({"type": kind}),
            Value::Null => return Err(Refusal::wrong_input("the tests' server guesses no schema")),
            schema => schema.clone(),
        };
        self.indexes.insert(field, schema);
        Ok(self.written())
    }

    pub(super) fn upsert(&mut self, body: &Value) -> Result<Value, Refusal> {
        let points =
            body["points"].as_array().ok_or_else(|| Refusal::wrong_input("the tests' server knows no batches"))?;
        let mut taken = Vec::new();
        for point in points {
            let vector = self.vector(&point["vector"])?;
            let payload = if point["payload"].is_null() { json!({}) } else { point["payload"].clone() };
            taken.push((uuid(&point["id"])?, Point { vector, payload, version: self.writes }));
        }
        self.points.extend(taken);
        Ok(self.written())
    }

    pub(super) fn delete(&mut self, body: &Value) -> Result<Value, Refusal> {
        if let Some(ids) = body["points"].as_array() {
            for id in ids {
                self.points.remove(&uuid(id)?);
            }
        } else {
            let ids: Vec<String> = self.selected(&body["filter"])?.into_iter().map(|(id, _)| id.clone()).collect();
            ids.iter().for_each(|id| drop(self.points.remove(id)));
        }
        Ok(self.written())
    }

    pub(super) fn get(&self, body: &Value) -> Result<Value, Refusal> {
        let mut found = Vec::new();
        for id in body["ids"].as_array().into_iter().flatten() {
            let id = uuid(id)?;
            if let Some(point) = self.points.get(&id) {
                found.push(record(&id, point, body, true));
            }
        }
        Ok(json!(found))
    }

    pub(super) fn query(&self, body: &Value) -> Result<Value, Refusal> {
        let question = self.vector(&body["query"])?;
        let mut scored: Vec<(f32, &String, &Point)> = self
            .selected(&body["filter"])?
            .into_iter()
            .map(|(id, point)| (point.vector.iter().zip(&question).map(|(a, b)| a * b).sum(), id, point))
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.truncate(limit(body));
        let points: Vec<Value> = scored
            .into_iter()
            .map(|(score, id, point)| {
                let mut found = record(id, point, body, false);
                found["score"] = json!(score);
                found["version"] = json!(point.version);
                found
            })
            .collect();
        Ok(json!({"points": points}))
    }

    pub(super) fn scroll(&self, body: &Value) -> Result<Value, Refusal> {
        let selected = self.selected(&body["filter"])?;
        let limit = limit(body);
        let order_by = &body["order_by"];
        let Some(key) = order_by.as_str().or_else(|| order_by["key"].as_str()) else {
            let offset = if body["offset"].is_null() { String::new() } else { uuid(&body["offset"])? };
            let mut rest = selected.into_iter().filter(|(id, _)| **id >= offset);
            let points: Vec<Value> =
                rest.by_ref().take(limit).map(|(id, point)| record(id, point, body, true)).collect();
            return Ok(json!({"points": points, "next_page_offset": rest.next().map(|(id, _)| id)}));
        };
        if !body["offset"].is_null() {
            return Err(Refusal::wrong_input("Cannot use an `offset` when using `order_by`."));
        }
        let index = self.indexes.get(key);
        if !index.is_some_and(|index| index["type"] == "integer" && index["range"] != json!(false)) {
            let error = format!("No range index for `order_by` key: `{key}`. Please create one to use `order_by`.");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, format!("Bad request: {error}")));
        }
        if order_by["direction"] == "desc" {
            return Err(Refusal::wrong_input("the tests' server orders upwards"));
        }
        let from = order_by["start_from"].as_f64().unwrap_or(f64::MIN);
        let mut ordered: Vec<(i64, &String, &Point)> = selected
            .into_iter()
            .filter_map(|(id, point)| Some((point.payload[key].as_i64()?, id, point)))
            // A range of Qdrant's is one of floats.
            .filter(|(value, _, _)| *value as f64 >= from)
            .collect();
        ordered.sort_by_key(|(value, _, _)| *value);
        let points: Vec<Value> = ordered
            .into_iter()
            .take(limit)
            .map(|(value, id, point)| {
                let mut found = record(id, point, body, true);
                found["order_value"] = json!(value);
                found
            })
            .collect();
        Ok(json!({"points": points, "next_page_offset": null}))
    }

    pub(super) fn count(&self, body: &Value) -> Result<Value, Refusal> {
        Ok(json!({"count": self.selected(&body["filter"])?.len()}))
    }

    fn selected(&self, filter: &Value) -> Result<Vec<(&String, &Point)>, Refusal> {
        let mut selected = Vec::new();
        for (id, point) in &self.points {
            if fits(filter, id, &point.payload)? {
                selected.push((id, point));
            }
        }
        Ok(selected)
    }

    /// A vector of length 1, as Qdrant keeps it for the cosine.
    fn vector(&self, given: &Value) -> Result<Vec<f32>, Refusal> {
        let numbers: Option<Vec<f32>> =
            given.as_array().and_then(|numbers| numbers.iter().map(|number| Some(number.as_f64()? as f32)).collect());
        let numbers = numbers.ok_or_else(|| Refusal::wrong_input("the tests' server knows only a plain vector"))?;
        if numbers.len() != self.size {
            let error = format!("Vector dimension error: expected dim: {}, got {}", self.size, numbers.len());
            return Err(Refusal::wrong_input(error));
        }
        let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
        Ok(numbers.into_iter().map(|number| if length > 0.0 { number / length } else { number }).collect())
    }

    fn written(&mut self) -> Value {
        self.writes += 1;
        json!({"operation_id": self.writes, "status": "completed"})
    }
}

fn limit(body: &Value) -> usize {
    body["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(10)
}

/// An id: a UUID in its usual spelling.
fn uuid(id: &Value) -> Result<String, Refusal> {
    let text = id.as_str().unwrap_or_default();
    let fits = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        });
    if fits { Ok(text.to_owned()) } else { Err(Refusal::wrong_input(format!("{id} is no UUID"))) }
}

/// A point as an answer shows it: `with_payload` is true, false, or the members wanted.
fn record(id: &str, point: &Point, body: &Value, payload_unless_told: bool) -> Value {
    let payload = match &body["with_payload"] {
        Value::Bool(true) => point.payload.clone(),
        Value::Bool(false) => Value::Null,
        Value::Array(members) => {
            let members = members.iter().filter_map(Value::as_str);
            members.filter_map(|name| Some((name.to_owned(), point.payload.get(name)?.clone()))).collect()
        }
        _ if payload_unless_told => point.payload.clone(),
        _ => Value::Null,
    };
    let mut record = json!({"id": id});
    if !payload.is_null() {
        record["payload"] = payload;
    }
    if body["with_vector"] == json!(true) {
        record["vector"] = json!(point.vector);
    }
    record
}

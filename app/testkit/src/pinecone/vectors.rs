//! The data plane of one index.

use serde_json::{Map, Value, json};

use super::{
    Reply,
    filter::admits,
    state::{Change, Index, Namespace, Stored},
};

/// The most bytes of a request.
const REQUEST_BYTES: usize = 2 << 20;
/// The most bytes of a vector's metadata.
const METADATA_BYTES: usize = 40 << 10;
/// Names on one page.
const PAGE: usize = 100;

/// An error with one of gRPC's codes.
fn refuse(status: u16, code: u8, message: &str) -> Reply {
    Reply::error(status, json!({"code": code, "message": message, "details": []}))
}

/// The refusal of a request that does not keep to the description.
pub(super) fn invalid(message: &str) -> Reply {
    refuse(400, 3, message)
}

/// The error of the data plane for a status, in the words of a plan.
pub(super) fn fault(status: u16) -> Reply {
    let code = match status {
        404 => 5,
        403 => 7,
        429 => 8,
        500 => 13,
        503 => 14,
        _ => 2,
    };
    refuse(status, code, "the plan says no")
}

/// There is no index at this address.
pub(super) fn gone() -> Reply {
    refuse(404, 5, "Index not found")
}

/// A request of the data plane that keeps to the description.
pub(super) struct Asked<'a> {
    pub(super) operation: &'a str,
    pub(super) named: Option<&'a str>,
    pub(super) query: &'a [(String, String)],
    pub(super) body: &'a Value,
    pub(super) bytes: usize,
}

impl Asked<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The namespace of the body or the address; both names of the default one are one.
    fn namespace(&self) -> String {
        let name = self.body.get("namespace").and_then(Value::as_str).or_else(|| self.parameter("namespace"));
        name.filter(|name| !name.is_empty()).unwrap_or("__default__").to_owned()
    }
}

/// Answers an operation of the data plane.
pub(super) fn answer(index: &mut Index, asked: &Asked<'_>) -> Reply {
    if asked.bytes > REQUEST_BYTES {
        return refuse(
            400,
            11,
            &format!(
                "Error, message length too large: found {} bytes, the limit is: {REQUEST_BYTES} bytes",
                asked.bytes
            ),
        );
    }
    let answered = match asked.operation {
        "upsertVectors" => upsert(index, asked),
        "queryVectors" => query(index, asked),
        "deleteVectors" => delete(index, asked),
        "updateVector" => update(index, asked),
        "fetchVectors" => Ok(fetch(index, asked)),
        "listVectors" => Ok(list(index, asked)),
        "describeIndexStats" => Ok(stats(index)),
        "listNamespacesOperation" => Ok(list_namespaces(index, asked)),
        "describeNamespace" => match index.namespaces.get(asked.named.unwrap_or_default()) {
            Some(namespace) => Ok(Reply::ok(200, described(asked.named.unwrap_or_default(), namespace.seen().len()))),
            None => Ok(refuse(404, 5, "Namespace not found")),
        },
        "deleteNamespace" => match index.namespaces.remove(asked.named.unwrap_or_default()) {
            Some(_) => Ok(Reply::ok(200, json!({}))),
            None => Ok(refuse(404, 5, "Namespace not found")),
        },
        other => Ok(refuse(501, 12, &format!("this double has no {other}"))),
    };
    answered.unwrap_or_else(|error: anyhow::Error| invalid(&error.to_string()))
}

fn numbers(value: &Value) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "kept in single precision")]
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).map(|number| number as f32).collect()
}

fn check_values(index: &Index, values: &[f32]) -> anyhow::Result<()> {
    anyhow::ensure!(
        values.len() == index.dimension,
        "Vector dimension {} does not match the dimension of the index {}",
        values.len(),
        index.dimension
    );
    anyhow::ensure!(
        values.iter().any(|value| value.abs() >= 1e-8),
        "Dense vectors must contain at least one non-zero value."
    );
    Ok(())
}

fn check_metadata(metadata: &Map<String, Value>) -> anyhow::Result<()> {
    let bytes = serde_json::to_vec(metadata)?.len();
    anyhow::ensure!(
        bytes <= METADATA_BYTES,
        "Metadata size is {bytes} bytes, which exceeds the limit of {METADATA_BYTES} bytes per vector"
    );
    anyhow::ensure!(metadata.keys().all(|key| !key.starts_with('$')), "Metadata keys cannot start with $");
    Ok(())
}

fn upsert(index: &mut Index, asked: &Asked<'_>) -> anyhow::Result<Reply> {
    let mut vectors = Vec::new();
    for vector in asked.body["vectors"].as_array().into_iter().flatten() {
        let values = numbers(&vector["values"]);
        check_values(index, &values)?;
        let metadata = vector["metadata"].as_object().cloned().unwrap_or_default();
        check_metadata(&metadata)?;
        vectors.push((vector["id"].as_str().unwrap_or_default().to_owned(), Stored { values, metadata }));
    }
    let count = vectors.len();
    let position = index.namespaces.entry(asked.namespace()).or_default().accept(Change::Put(vectors));
    Ok(Reply::ok(200, json!({"upsertedCount": count})).written(position))
}

fn query(index: &mut Index, asked: &Asked<'_>) -> anyhow::Result<Reply> {
    let name = asked.namespace();
    let metric = index.metric;
    let namespace = index.namespaces.get(&name);
    let vector = match asked.body["id"].as_str() {
        Some(id) => namespace.and_then(|namespace| Some(namespace.seen().get(id)?.values.clone())).unwrap_or_default(),
        None => numbers(&asked.body["vector"]),
    };
    if asked.body["id"].is_null() {
        check_values(index, &vector)?;
    }
    let (everything, filter) = (json!({}), &asked.body["filter"]);
    let filter = if filter.is_null() { &everything } else { filter };
    // Refused even where there is nothing to filter.
    admits(filter, &Map::new())?;
    let mut found = Vec::new();
    for (id, stored) in namespace.iter().flat_map(|namespace| namespace.seen()) {
        if !vector.is_empty() && admits(filter, &stored.metadata)? {
            found.push((metric.score(&vector, &stored.values), id, stored));
        }
    }
    found.sort_by(|(a, id_a, _), (b, id_b, _)| {
        let nearer = if metric.larger_is_nearer() { b.total_cmp(a) } else { a.total_cmp(b) };
        nearer.then_with(|| id_a.cmp(id_b))
    });
    found.truncate(asked.body["topK"].as_u64().and_then(|k| usize::try_from(k).ok()).unwrap_or(1));
    let matches: Vec<Value> = found
        .into_iter()
        .map(|(score, id, stored)| {
            let mut one = json!({"id": id, "score": score, "values": []});
            if asked.body["includeValues"] == true {
                one["values"] = json!(stored.values);
            }
            if asked.body["includeMetadata"] == true {
                one["metadata"] = json!(stored.metadata);
            }
            one
        })
        .collect();
    let units = 1 + namespace.map_or(0, |namespace| namespace.seen().len()) / 1000;
    let position = namespace.map(Namespace::position);
    let body = json!({
        "matches": matches, "namespace": name, "usage": {"readUnits": units, "egressBytes": 100 * matches.len()}
    });
    let reply = Reply::ok(200, body);
    Ok(match position {
        Some(position) => reply.seen(position),
        None => reply,
    })
}

fn delete(index: &mut Index, asked: &Asked<'_>) -> anyhow::Result<Reply> {
    let body = asked.body;
    let ways = usize::from(body.get("ids").is_some())
        + usize::from(body.get("filter").is_some())
        + usize::from(body["deleteAll"] == true);
    anyhow::ensure!(ways == 1, "exactly one of ids, filter and deleteAll is needed");
    // A client may not take this for a failure; it is what the service has been seen to do.
    let Some(namespace) = index.namespaces.get_mut(&asked.namespace()) else {
        return Ok(refuse(404, 5, "Namespace not found"));
    };
    let change = if body["deleteAll"] == true {
        Change::Clear
    } else if let Some(filter) = body.get("filter") {
        let mut ids = Vec::new();
        for (id, stored) in namespace.seen() {
            if admits(filter, &stored.metadata)? {
                ids.push(id.clone());
            }
        }
        Change::Remove(ids)
    } else {
        let ids = body["ids"].as_array().into_iter().flatten();
        Change::Remove(ids.filter_map(Value::as_str).map(str::to_owned).collect())
    };
    let position = namespace.accept(change);
    Ok(Reply::ok(200, json!({})).written(position))
}

fn update(index: &mut Index, asked: &Asked<'_>) -> anyhow::Result<Reply> {
    let Some(id) = asked.body["id"].as_str() else {
        return Ok(refuse(501, 12, "this double updates by id alone"));
    };
    let values = asked.body.get("values").map(numbers);
    if let Some(values) = &values {
        check_values(index, values)?;
    }
    let Some(namespace) = index.namespaces.get_mut(&asked.namespace()) else {
        return Ok(refuse(404, 5, "Namespace not found"));
    };
    let Some(mut stored) = namespace.seen().get(id).cloned() else {
        return Ok(Reply::ok(200, json!({})));
    };
    if let Some(values) = values {
        stored.values = values;
    }
    stored.metadata.extend(asked.body["setMetadata"].as_object().cloned().unwrap_or_default());
    check_metadata(&stored.metadata)?;
    let position = namespace.accept(Change::Put(vec![(id.to_owned(), stored)]));
    Ok(Reply::ok(200, json!({})).written(position))
}

fn fetch(index: &Index, asked: &Asked<'_>) -> Reply {
    let name = asked.namespace();
    let ids = asked.query.iter().filter(|(parameter, _)| parameter == "ids").map(|(_, id)| id);
    let seen = index.namespaces.get(&name).map(Namespace::seen);
    let vectors: Map<String, Value> = ids
        .filter_map(|id| {
            let stored = seen?.get(id)?;
            Some((id.clone(), json!({"id": id, "values": stored.values, "metadata": stored.metadata})))
        })
        .collect();
    let units = vectors.len().div_ceil(10).max(1);
    Reply::ok(200, json!({"vectors": vectors, "namespace": name, "usage": {"readUnits": units}}))
}

/// The token of a page says after which name it begins, in a form that nobody should rely on.
fn list(index: &Index, asked: &Asked<'_>) -> Reply {
    let name = asked.namespace();
    let limit = asked.parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE);
    let prefix = asked.parameter("prefix").unwrap_or_default();
    let after = match asked.parameter("paginationToken") {
        None => None,
        Some(token) => match hidden(token) {
            Some(after) => Some(after),
            None => return invalid("Invalid pagination token"),
        },
    };
    let ids: Vec<&String> = index
        .namespaces
        .get(&name)
        .into_iter()
        .flat_map(|namespace| namespace.seen().keys())
        .filter(|id| id.starts_with(prefix) && after.as_ref().is_none_or(|after| *id > after))
        .take(limit + 1)
        .collect();
    let vectors: Vec<Value> = ids.iter().take(limit).map(|id| json!({"id": id})).collect();
    let mut body = json!({"vectors": vectors, "namespace": name, "usage": {"readUnits": 1}});
    if let (true, Some(last)) = (ids.len() > limit, ids.get(limit.saturating_sub(1))) {
        body["pagination"] = json!({"next": token(last)});
    }
    Reply::ok(200, body)
}

fn token(after: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(json!({"skip_past": after}).to_string())
}

fn hidden(token: &str) -> Option<String> {
    use base64::Engine as _;
    let json = base64::engine::general_purpose::STANDARD.decode(token).ok()?;
    Some(serde_json::from_slice::<Value>(&json).ok()?["skip_past"].as_str()?.to_owned())
}

fn stats(index: &Index) -> Reply {
    let counts: Vec<(&String, usize)> =
        index.namespaces.iter().map(|(name, namespace)| (name, namespace.seen().len())).collect();
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let namespaces: Map<String, Value> =
        counts.into_iter().map(|(name, count)| (name.clone(), json!({"vectorCount": count}))).collect();
    Reply::ok(
        200,
        json!({
            "namespaces": namespaces, "dimension": index.dimension, "indexFullness": 0.0, "totalVectorCount": total,
            "metric": index.metric.as_str(), "vectorType": "dense"
        }),
    )
}

fn described(name: &str, count: usize) -> Value {
    json!({"name": name, "record_count": count.to_string()})
}

fn list_namespaces(index: &Index, asked: &Asked<'_>) -> Reply {
    let limit = asked.parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE);
    let prefix = asked.parameter("prefix").unwrap_or_default();
    let after = asked.parameter("paginationToken").and_then(hidden);
    let fitting = index.namespaces.iter().filter(|(name, _)| name.starts_with(prefix));
    let total = fitting.clone().count();
    let page: Vec<(&String, usize)> = fitting
        .filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after))
        .map(|(name, namespace)| (name, namespace.seen().len()))
        .take(limit + 1)
        .collect();
    let namespaces: Vec<Value> = page.iter().take(limit).map(|(name, count)| described(name, *count)).collect();
    let mut body = json!({"namespaces": namespaces, "total_count": total});
    if let (true, Some((last, _))) = (page.len() > limit, page.get(limit.saturating_sub(1))) {
        body["pagination"] = json!({"next": token(last)});
    }
    Reply::ok(200, body)
}

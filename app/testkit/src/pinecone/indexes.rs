//! The control plane.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Reply, Shared,
    state::{Index, Metric},
};

/// Answers an operation of the control plane.
pub(super) fn answer(shared: &Shared, operation: &str, name: Option<&str>, body: &Value) -> Reply {
    match operation {
        "list_indexes" => list(shared),
        "create_index" => create(shared, body),
        "describe_index" => with(shared, name, |name, index| Reply::ok(200, model(shared, name, index))),
        "configure_index" => with(shared, name, |name, index| {
            if let Some(protection) = body.get("deletion_protection") {
                index.protected = protection == "enabled";
            }
            if let Some(tags) = body.get("tags") {
                index.tags = tags.clone();
            }
            Reply::ok(200, model(shared, name, index))
        }),
        "delete_index" => delete(shared, name.unwrap_or_default()),
        other => refuse(501, "UNKNOWN", &format!("this double has no {other}")),
    }
}

fn refuse(status: u16, code: &str, message: &str) -> Reply {
    Reply::error(status, json!({"status": status, "error": {"code": code, "message": message}}))
}

/// The error of the control plane for a status, in the words of a plan.
pub(super) fn fault(status: u16) -> Reply {
    let code = match status {
        400 => "INVALID_ARGUMENT",
        403 => "FORBIDDEN",
        404 => "NOT_FOUND",
        409 => "ALREADY_EXISTS",
        429 => "RESOURCE_EXHAUSTED",
        503 => "SERVICE_UNAVAILABLE",
        500..=599 => "INTERNAL",
        _ => "UNKNOWN",
    };
    refuse(status, code, "the plan says no")
}

/// The refusal of a request that does not keep to the description.
pub(super) fn invalid(message: &str) -> Reply {
    refuse(400, "INVALID_ARGUMENT", message)
}

fn with(shared: &Shared, name: Option<&str>, work: impl FnOnce(&str, &mut Index) -> Reply) -> Reply {
    let name = name.unwrap_or_default();
    match shared.state.lock().indexes.get_mut(name) {
        Some(index) => work(name, index),
        None => refuse(404, "NOT_FOUND", &format!("Index {name} not found")),
    }
}

fn list(shared: &Shared) -> Reply {
    let state = shared.state.lock();
    let all: Vec<Value> = state.indexes.iter().map(|(name, index)| model(shared, name, index)).collect();
    Reply::ok(200, json!({"indexes": all}))
}

fn create(shared: &Shared, body: &Value) -> Reply {
    let name = body["name"].as_str().unwrap_or_default();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(allowed) || name.starts_with('-') || name.ends_with('-') {
        return invalid("Name must consist of lower case alphanumeric characters or '-'");
    }
    let field = &body["schema"]["fields"]["_values"];
    let (Some(dimension), Some(metric)) =
        (field["dimension"].as_u64(), field["metric"].as_str().and_then(Metric::parse))
    else {
        return invalid("this double holds indexes of one dense vector, whose field is _values");
    };
    let usual = json!({"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"});
    let deployment = body.get("deployment").cloned().unwrap_or(usual);
    if deployment["region"].as_str().is_some_and(|region| !region.contains('-')) {
        return refuse(404, "NOT_FOUND", "Resource cloud: aws region: not found");
    }
    let mut state = shared.state.lock();
    if state.indexes.contains_key(name) {
        return refuse(409, "ALREADY_EXISTS", "Resource  already exists");
    }
    state.made += 1;
    let index = Index {
        dimension: usize::try_from(dimension).unwrap_or(usize::MAX),
        metric,
        deployment,
        protected: body["deletion_protection"] == "enabled",
        tags: body["tags"].clone(),
        made: Instant::now(),
        host: format!("{name}-{}", state.made),
        namespaces: BTreeMap::new(),
    };
    let answer = model(shared, name, &index);
    state.indexes.insert(name.to_owned(), index);
    Reply::ok(201, answer)
}

fn delete(shared: &Shared, name: &str) -> Reply {
    let mut state = shared.state.lock();
    match state.indexes.get(name) {
        None => refuse(404, "NOT_FOUND", &format!("Index {name} not found")),
        Some(index) if index.protected => refuse(
            403,
            "FORBIDDEN",
            "Deletion protection is enabled for this index. Disable deletion protection before retrying.",
        ),
        Some(_) => {
            state.indexes.remove(name);
            Reply::ok(202, Value::Null)
        }
    }
}

fn model(shared: &Shared, name: &str, index: &Index) -> Value {
    let wait = Duration::from_millis(shared.plan.lock().plan().ready_after_ms);
    let ready = index.made.elapsed() >= wait;
    json!({
        "name": name,
        // With its scheme: there is no TLS on loopback.
        "host": format!("http://{}/hosts/{}", shared.address, index.host),
        "status": {"ready": ready, "state": if ready { "Ready" } else { "Initializing" }},
        "deployment": index.deployment,
        "schema": {"fields": {
            "_values": {"type": "dense_vector", "dimension": index.dimension, "metric": index.metric.as_str()},
            "_sparse_values": {"type": "sparse_vector"},
        }},
        "read_capacity": {"mode": "OnDemand", "status": {"state": "Ready"}},
        "deletion_protection": if index.protected { "enabled" } else { "disabled" },
        "tags": index.tags,
    })
}

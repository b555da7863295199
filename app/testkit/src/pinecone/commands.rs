//! Commands over HTTP, for tests in other languages and for people.

use std::{collections::BTreeMap, time::Duration};

use axum::{body::Body, http::Response};
use serde_json::{Value, json};

use super::{
    Reply, Shared,
    plan::{Plan, Running},
    requests::response,
};

pub(super) fn commanded(shared: &Shared, method: &str, command: &str, body: &[u8]) -> Response<Body> {
    let done = || Reply::ok(204, Value::Null);
    let reply = match (method, command) {
        ("PUT", "plan") => match serde_json::from_slice::<Plan>(body) {
            Ok(plan) => {
                *shared.plan.lock() = Running::new(plan);
                done()
            }
            Err(error) => Reply::error(400, json!({"error": error.to_string()})),
        },
        ("POST", "show") => {
            shared.state.lock().settle(Duration::ZERO);
            done()
        }
        ("GET", "state") => {
            shared.settle();
            let state = shared.state.lock();
            let indexes: BTreeMap<&String, BTreeMap<&String, usize>> = state
                .indexes
                .iter()
                .map(|(name, index)| {
                    let counts = index.namespaces.iter().map(|(name, namespace)| (name, namespace.seen().len()));
                    (name, counts.collect())
                })
                .collect();
            let (counts, violations) = (shared.counts.lock(), shared.violations.lock());
            Reply::ok(200, json!({"requests": *counts, "violations": *violations, "indexes": indexes}))
        }
        ("DELETE", command) if command.starts_with("indexes/") => {
            shared.state.lock().indexes.remove(&command["indexes/".len()..]);
            done()
        }
        _ => Reply::error(404, json!({"error": "there is no such command"})),
    };
    response(shared, reply)
}

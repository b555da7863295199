//! From a request to its answer: which operation, what the plan says, whether it keeps to the description.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts},
};

use super::{
    PineconeRequest, Plane, Reply, Shared,
    commands::commanded,
    contract, indexes,
    plan::{FaultKind, Positions},
    serve::Outcome,
    vectors,
};

/// Requests that are remembered.
const REMEMBERED: usize = 500;
/// The most bytes of a body that are read; what Pinecone refuses is less.
const BODY_BYTES: usize = 64 << 20;

/// Answers a request, or does not.
pub(super) async fn handle(shared: Arc<Shared>, request: Request<Body>) -> Outcome {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES).await else { return Outcome::Reset };
    let path = head.uri.path().to_owned();
    if let Some(command) = path.strip_prefix("/control/") {
        return Outcome::Answer(commanded(&shared, head.method.as_str(), command, &body));
    }
    let (plane, host, path) = match path.strip_prefix("/hosts/").and_then(|rest| rest.split_once('/')) {
        Some((host, rest)) => (Plane::Data, host.to_owned(), format!("/{rest}")),
        None => (Plane::Control, String::new(), path),
    };
    let query = parameters(head.uri.query().unwrap_or_default());
    let found = contract::of(plane).ok().and_then(|contract| contract.find(head.method.as_str(), &path));
    let operation = found.as_ref().map(|(operation, _)| operation.id.clone()).unwrap_or_default();
    note(&shared, &head, &operation, &path, &query, &body);

    let (fault, latency, key) = {
        let mut running = shared.plan.lock();
        let fault = running.draw(&operation);
        (fault, running.plan().latency_ms, running.plan().key.clone())
    };
    let slower = if let Some(FaultKind::Slow(ms)) = fault { ms } else { 0 };
    tokio::time::sleep(Duration::from_millis(latency + slower)).await;
    if fault == Some(FaultKind::Reset) {
        return Outcome::Reset;
    }
    let planned = fault.and_then(|fault| planned(plane, fault));
    let given = head.headers.get("api-key").and_then(|key| key.to_str().ok());
    let reply = if let Some(reply) = planned {
        reply
    } else if given.is_none_or(|given| key.is_some_and(|key| key != given)) {
        Reply::plain(401, "Unauthorized")
    } else {
        match found {
            None => Reply::plain(404, "Not Found"),
            Some((operation, named)) => {
                let named = named.as_deref().map(decoded);
                let asked = Checked { plane, host: &host, operation, named: named.as_deref(), query: &query };
                asked.answer(&shared, &head, &body)
            }
        }
    };
    if fault == Some(FaultKind::LostAcknowledgement) {
        return Outcome::Reset;
    }
    Outcome::Answer(response(&shared, reply))
}

/// The answer that a plan gives without looking at the request.
fn planned(plane: Plane, fault: FaultKind) -> Option<Reply> {
    let of = |status| if plane == Plane::Control { indexes::fault(status) } else { vectors::fault(status) };
    match fault {
        FaultKind::RateLimited { retry_after } => Some(Reply { retry_after, ..of(429) }),
        FaultKind::MonthUsedUp => Some(Reply::plain(
            429,
            "Request failed. You've reached your write unit limit for the current month (2000000). To continue writing \
             data, upgrade your plan.",
        )),
        FaultKind::Status(status) => Some(of(status)),
        FaultKind::Page(status) => Some(Reply::plain(status, "<html><body><h1>Bad Gateway</h1></body></html>")),
        FaultKind::Unauthorized => Some(Reply::plain(401, "Unauthorized")),
        FaultKind::Garbage => Some(Reply::plain(200, "{\"matches\": [")),
        FaultKind::Reset | FaultKind::LostAcknowledgement | FaultKind::Slow(_) => None,
    }
}

/// A request whose operation is known.
struct Checked<'a> {
    plane: Plane,
    host: &'a str,
    operation: &'a contract::Operation,
    named: Option<&'a str>,
    query: &'a [(String, String)],
}

impl Checked<'_> {
    fn answer(&self, shared: &Shared, head: &Parts, body: &[u8]) -> Reply {
        let id = self.operation.id.as_str();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let json = header("content-type").split(';').next() == Some("application/json");
        let version = header("x-pinecone-api-version");
        let checked = if version == contract::VERSION {
            self.operation.check_request(self.query, json, body)
        } else {
            Err(anyhow::anyhow!("X-Pinecone-Api-Version is {version:?}, not {}", contract::VERSION))
        };
        let value = match checked {
            Ok(value) => value,
            Err(error) => {
                let words = format!("{error:#}");
                shared.violations.lock().push(format!("{id}: {words}"));
                return if self.plane == Plane::Control { indexes::invalid(&words) } else { vectors::invalid(&words) };
            }
        };
        shared.settle();
        let reply = match self.plane {
            Plane::Control => indexes::answer(shared, id, self.named, &value),
            Plane::Data => match shared.state.lock().at(self.host) {
                None => vectors::gone(),
                Some(index) => {
                    let (named, query) = (self.named, self.query);
                    let asked = vectors::Asked { operation: id, named, query, body: &value, bytes: body.len() };
                    vectors::answer(index, &asked)
                }
            },
        };
        if let Err(error) = self.operation.check_answer(reply.status, &reply.body) {
            shared.violations.lock().push(format!("the answer of {id}: {error:#}"));
        }
        reply
    }
}

pub(super) fn response(shared: &Shared, reply: Reply) -> Response<Body> {
    let mut response = Response::new(match reply.text {
        Some(text) => Body::from(text),
        None if reply.body.is_null() => Body::empty(),
        None => Body::from(reply.body.to_string()),
    });
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let positions = shared.plan.lock().plan().positions;
    let (written, seen) = match positions {
        Positions::Current => ("x-pinecone-request-lsn", "x-pinecone-max-indexed-lsn"),
        Positions::Former => ("x-pinecone-lsn-committed", "x-pinecone-lsn-reconciled"),
        Positions::Untold => ("", ""),
    };
    let kind = if reply.text.is_some() { "text/plain" } else { "application/json" };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(kind));
    headers.insert("x-pinecone-request-id", rand::random::<u32>().into());
    if let Some(seconds) = reply.retry_after {
        headers.insert("retry-after", seconds.into());
    }
    for (name, position) in [(written, reply.written), (seen, reply.seen)] {
        if let (false, Some(position)) = (name.is_empty(), position) {
            headers.insert(name, position.into());
        }
    }
    response
}

fn note(shared: &Shared, head: &Parts, operation: &str, path: &str, query: &[(String, String)], body: &[u8]) {
    *shared.counts.lock().entry(operation.to_owned()).or_default() += 1;
    let mut requests = shared.requests.lock();
    if requests.len() >= REMEMBERED {
        requests.pop_front();
    }
    requests.push_back(PineconeRequest {
        operation: operation.to_owned(),
        method: head.method.to_string(),
        path: path.to_owned(),
        query: query.to_vec(),
        headers: head.headers.clone(),
        body: serde_json::from_slice(body).unwrap_or_default(),
    });
}

/// Parameters of an address, decoded.
fn parameters(query: &str) -> Vec<(String, String)> {
    // Only the query counts.
    let url = reqwest::Url::parse(&format!("http://localhost/?{query}"));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

/// A part of a path, decoded.
fn decoded(part: &str) -> String {
    // The same encoding, but for `+`, which in a path is itself.
    let query = format!("part={}", part.replace('+', "%2B"));
    parameters(&query).into_iter().next().map(|(_, value)| value).unwrap_or_default()
}

//! Pinecone on loopback, as faulty as a test wants it.
//!
//! It keeps vectors in memory, compares them exactly, and holds every request to the closed description of the API in
//! `spec/pinecone`: an unknown member is refused with 400 and noted among the [violations](FaultyPinecone::violations).
//! Its own answers are held to it too. A write has a place in the log of its namespace and is seen by readers some time
//! later, or when told. A [`Plan`] says what goes wrong.
//!
//! The control plane is at the base address; the data of an index at `/hosts/…` under it, as describing the index tells.
//! `PUT /control/plan`, `POST /control/show`, `DELETE /control/indexes/NAME` and `GET /control/state` command it over
//! HTTP.
//!
//! To add an operation: its description in `spec/pinecone`, its answer in `indexes.rs` or `vectors.rs`.

mod contract;
mod filter;
mod indexes;
mod plan;
mod serve;
mod state;
mod vectors;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    body::Body,
    http::{HeaderMap, Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts},
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

pub use plan::{Chance, Fault, FaultKind, Plan, Positions};
use serve::Outcome;
use state::State;
pub use state::Stored;

/// Requests that are remembered.
const REMEMBERED: usize = 500;
/// The most bytes of a body that are read; what Pinecone refuses is less.
const BODY_BYTES: usize = 64 << 20;

/// Half of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plane {
    /// Indexes.
    Control,
    /// Vectors.
    Data,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct PineconeRequest {
    /// The operation's name in the description, empty for none.
    pub operation: String,
    /// The method.
    pub method: String,
    /// The path, below the index's address.
    pub path: String,
    /// Parameters in their order, decoded.
    pub query: Vec<(String, String)>,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, null where there was none.
    pub body: Value,
}

/// What is answered.
#[derive(Debug, Clone)]
struct Reply {
    status: u16,
    body: Value,
    written: Option<u64>,
    seen: Option<u64>,
    /// Sent in place of the body.
    text: Option<&'static str>,
    retry_after: Option<u64>,
}

impl Reply {
    const fn ok(status: u16, body: Value) -> Self {
        Self { status, body, written: None, seen: None, text: None, retry_after: None }
    }

    const fn error(status: u16, body: Value) -> Self {
        Self::ok(status, body)
    }

    fn plain(status: u16, text: &'static str) -> Self {
        Self { text: Some(text), ..Self::ok(status, Value::Null) }
    }

    fn written(self, position: u64) -> Self {
        Self { written: Some(position), ..self }
    }

    fn seen(self, position: u64) -> Self {
        Self { seen: Some(position), ..self }
    }
}

struct Shared {
    address: SocketAddr,
    plan: Mutex<plan::Running>,
    state: Mutex<State>,
    requests: Mutex<VecDeque<PineconeRequest>>,
    counts: Mutex<BTreeMap<String, u64>>,
    violations: Mutex<Vec<String>>,
}

/// A running server; it stops when dropped.
pub struct FaultyPinecone {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for FaultyPinecone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyPinecone").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

impl FaultyPinecone {
    /// Starts on a free port of loopback; all is well.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts on an address of loopback.
    ///
    /// # Errors
    /// When the address is not on loopback or taken, or the description cannot be read.
    pub async fn start_on(address: SocketAddr) -> anyhow::Result<Self> {
        anyhow::ensure!(address.ip().is_loopback(), "a test double listens on loopback only");
        contract::of(Plane::Control)?;
        contract::of(Plane::Data)?;
        let listener = TcpListener::bind(address).await.context("the faulty Pinecone's port")?;
        let shared = Arc::new(Shared {
            address: listener.local_addr()?,
            plan: Mutex::new(plan::Running::new(Plan::default())),
            state: Mutex::default(),
            requests: Mutex::default(),
            counts: Mutex::default(),
            violations: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            match serve::serve(listener, move |request| handle(Arc::clone(&serving), request)).await {}
        });
        Ok(Self { shared, task })
    }

    /// The control plane's address: `http://127.0.0.1:port`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Environment of a server that keeps its vectors here.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        [("PINECONE_API_KEY", "faulty-key".to_owned()), ("PINECONE_CONTROL_URL", self.base_url())]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    /// What it does from now on.
    pub fn set(&self, plan: Plan) {
        *self.shared.plan.lock() = plan::Running::new(plan);
    }

    /// Lets readers see every write so far.
    pub fn show_writes(&self) {
        self.shared.state.lock().settle(Duration::ZERO);
    }

    /// Deletes an index behind everybody's back, protected or not.
    pub fn delete_index(&self, name: &str) {
        self.shared.state.lock().indexes.remove(name);
    }

    /// What readers see in a namespace.
    #[must_use]
    pub fn vectors(&self, index: &str, namespace: &str) -> BTreeMap<String, Stored> {
        settle(&self.shared);
        let state = self.shared.state.lock();
        let namespace = state.indexes.get(index).and_then(|index| index.namespaces.get(namespace));
        namespace.map(|namespace| namespace.seen().clone()).unwrap_or_default()
    }

    /// The last requests, at most 500.
    #[must_use]
    pub fn requests(&self) -> Vec<PineconeRequest> {
        self.shared.requests.lock().iter().cloned().collect()
    }

    /// Requests so far by operation, those that failed too.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.shared.counts.lock().clone()
    }

    /// Requests so far of one operation.
    #[must_use]
    pub fn count(&self, operation: &str) -> u64 {
        self.shared.counts.lock().get(operation).copied().unwrap_or(0)
    }

    /// Requests, and answers, that did not keep to the description.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.violations.lock().clone()
    }
}

impl Drop for FaultyPinecone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Lets readers see what the plan lets them see by now.
fn settle(shared: &Shared) {
    let (held, delay) = {
        let running = shared.plan.lock();
        (running.plan().hold_writes, Duration::from_millis(running.plan().visible_after_ms))
    };
    if !held {
        shared.state.lock().settle(delay);
    }
}

async fn handle(shared: Arc<Shared>, request: Request<Body>) -> Outcome {
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
        settle(shared);
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

fn response(shared: &Shared, reply: Reply) -> Response<Body> {
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

// Commands over HTTP, for tests in other languages and for people --------------------------------------------------------

fn commanded(shared: &Shared, method: &str, command: &str, body: &[u8]) -> Response<Body> {
    let done = || Reply::ok(204, Value::Null);
    let reply = match (method, command) {
        ("PUT", "plan") => match serde_json::from_slice::<Plan>(body) {
            Ok(plan) => {
                *shared.plan.lock() = plan::Running::new(plan);
                done()
            }
            Err(error) => Reply::error(400, json!({"error": error.to_string()})),
        },
        ("POST", "show") => {
            shared.state.lock().settle(Duration::ZERO);
            done()
        }
        ("GET", "state") => {
            settle(shared);
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

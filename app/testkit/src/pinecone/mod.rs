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

mod commands;
mod contract;
mod filter;
mod indexes;
mod plan;
mod requests;
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
use axum::http::HeaderMap;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

pub use plan::{Chance, Fault, FaultKind, Plan, Positions};
use state::State;
pub use state::Stored;

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

impl Shared {
    /// Lets readers see what the plan lets them see by now.
    fn settle(&self) {
        let (held, delay) = {
            let running = self.plan.lock();
            (running.plan().hold_writes, Duration::from_millis(running.plan().visible_after_ms))
        };
        if !held {
            self.state.lock().settle(delay);
        }
    }
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
            match serve::serve(listener, move |request| requests::handle(Arc::clone(&serving), request)).await {}
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

    /// Writes vectors behind everybody's back, as another application would have. Where there is no such index, nothing.
    pub fn put(&self, index: &str, namespace: &str, vectors: Vec<(String, Stored)>) {
        self.change(index, namespace, state::Change::Put(vectors));
    }

    /// Removes vectors behind everybody's back.
    pub fn remove(&self, index: &str, namespace: &str, ids: &[&str]) {
        self.change(index, namespace, state::Change::Remove(ids.iter().map(ToString::to_string).collect()));
    }

    fn change(&self, index: &str, namespace: &str, change: state::Change) {
        if let Some(index) = self.shared.state.lock().indexes.get_mut(index) {
            let namespace = index.namespaces.entry(namespace.to_owned()).or_default();
            namespace.accept(change);
            namespace.settle(Duration::ZERO);
        }
    }

    /// What readers see in a namespace.
    #[must_use]
    pub fn vectors(&self, index: &str, namespace: &str) -> BTreeMap<String, Stored> {
        self.shared.settle();
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

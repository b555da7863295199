//! A Qdrant on loopback, as far as our client needs it: no package of a registry holds the real server.
//!
//! Real HTTP, vectors in memory, exact cosine. Each request is checked against the closed schemas cut out of Qdrant's own
//! OpenAPI file (`spec/qdrant.json`, made by `scripts/qdrant-spec`), and so is each answer: a request with a member that
//! Qdrant does not know is refused, and an answer that Qdrant would not give is a panic. On demand it fails; see
//! [`Fault`].
//!
//! To add a call: its line in `scripts/qdrant-spec`, its arm in [`Shared::answer`], its work in `store.rs`.

mod filter;
mod spec;
mod store;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use self::{spec::Spec, store::Store};

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Refused with a status, and the seconds of `Retry-After`.
    Status(u16, Option<u64>),
    /// The connection breaks before anything was done.
    Reset,
    /// Done, but the connection breaks before the answer.
    LostAnswer,
    /// Answers late.
    Slow(Duration),
}

/// A refusal of the server, in Qdrant's words.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    error: String,
}

impl Refusal {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into() }
    }

    fn wrong_input(error: impl AsRef<str>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Wrong input: {}", error.as_ref()))
    }
}

#[derive(Default)]
struct Shared {
    store: Mutex<Store>,
    spec: Spec,
    faults: Mutex<VecDeque<Fault>>,
    key: Option<String>,
    requests: AtomicUsize,
    largest: AtomicUsize,
}

/// A running server; it stops when dropped.
pub struct FakeQdrant {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for FakeQdrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeQdrant").field("address", &self.address).finish_non_exhaustive()
    }
}

impl FakeQdrant {
    /// Starts on a free port of loopback; with a key, only requests that carry it are answered.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(key: Option<&str>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("the fake Qdrant's port")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { key: key.map(str::to_owned), ..Shared::default() });
        // Qdrant's own limit.
        let app = Router::new().fallback(answer).layer(DefaultBodyLimit::max(32 << 20)).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, shared, task })
    }

    /// Where it listens: `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happens to the next requests, one each.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults.lock().extend(faults);
    }

    /// Requests so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Bytes of the largest request so far.
    #[must_use]
    pub fn largest_request(&self) -> usize {
        self.shared.largest.load(Ordering::Relaxed)
    }

    /// The names of the collections.
    #[must_use]
    pub fn collections(&self) -> Vec<String> {
        self.shared.store.lock().names()
    }

    /// A collection goes, as if somebody else had deleted it.
    pub fn drop_collection(&self, name: &str) {
        self.shared.store.lock().delete(name);
    }
}

impl Drop for FakeQdrant {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    shared.largest.fetch_max(body.len(), Ordering::Relaxed);
    if let Some(key) = &shared.key {
        let words = match headers.get("api-key") {
            Some(given) if given.as_bytes() == key.as_bytes() => None,
            Some(_) => Some("Invalid API key or JWT"),
            None => Some("Must provide an API key or an Authorization bearer token"),
        };
        if let Some(words) = words {
            return (StatusCode::UNAUTHORIZED, words).into_response();
        }
    }
    let fault = shared.faults.lock().pop_front();
    match fault {
        None => shared.respond(&method, &uri, &body),
        Some(Fault::Slow(time)) => {
            tokio::time::sleep(time).await;
            shared.respond(&method, &uri, &body)
        }
        Some(Fault::Reset) => broken(),
        Some(Fault::LostAnswer) => {
            let _ = shared.respond(&method, &uri, &body);
            broken()
        }
        Some(Fault::Status(status, retry_after)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = refusal(&Refusal::new(status, "Service internal error: as the test wants it"));
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }
}

/// An answer that ends in the middle, with its connection.
fn broken() -> Response {
    let cut = futures::stream::iter([Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset))]);
    Response::new(Body::from_stream(cut))
}

fn refusal(refusal: &Refusal) -> Response {
    let body = json!({"status": {"error": refusal.error}, "time": 0.000_1});
    (refusal.status, axum::Json(body)).into_response()
}

impl Shared {
    fn respond(&self, method: &Method, uri: &Uri, body: &[u8]) -> Response {
        match self.answer(method, uri, body) {
            Ok(body) => axum::Json(body).into_response(),
            Err(refused) => refusal(&refused),
        }
    }

    /// Checks a request, does what it says, and checks the answer.
    fn answer(&self, method: &Method, uri: &Uri, body: &[u8]) -> Result<Value, Refusal> {
        let not_found = || Refusal::new(StatusCode::NOT_FOUND, "");
        let mut parts = uri.path().splitn(4, '/').skip(1);
        let (Some("collections"), Some(name), rest) = (parts.next(), parts.next(), parts.next()) else {
            return Err(not_found());
        };
        let rest = rest.unwrap_or_default();
        let slash = if rest.is_empty() { "" } else { "/" };
        let call = self.spec.call(method.as_str(), &format!("/collections/{{collection_name}}{slash}{rest}"));
        let call = call.ok_or_else(not_found)?;
        call.check_query(uri.query().unwrap_or_default())?;
        let body = call.check_request(body)?;
        let mut store = self.store.lock();
        let result = match (method.as_str(), rest) {
            ("GET", "") => store.describe(name)?,
            ("PUT", "") => store.create(name, &body)?,
            ("DELETE", "") => json!(store.delete(name)),
            ("PUT", "index") => store.get_mut(name)?.index(&body)?,
            ("PUT", "points") => store.get_mut(name)?.upsert(&body)?,
            ("POST", "points") => store.get_mut(name)?.get(&body)?,
            ("POST", "points/delete") => store.get_mut(name)?.delete(&body)?,
            ("POST", "points/query") => store.get_mut(name)?.query(&body)?,
            ("POST", "points/scroll") => store.get_mut(name)?.scroll(&body)?,
            ("POST", "points/count") => store.get_mut(name)?.count(&body)?,
            _ => return Err(not_found()),
        };
        let answer = json!({"result": result, "status": "ok", "time": 0.000_1});
        call.check_answer(&answer);
        Ok(answer)
    }
}

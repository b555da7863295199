//! A model provider on loopback that says what a test wants, when the test wants it.
//!
//! It speaks the wire formats of OpenAI (chat, embeddings, list of models), Ollama (under `/ollama`), Anthropic
//! (messages), Gemini (streamGenerateContent, batchEmbedContents) and Cohere (v2/embed), so that the product's real clients run against
//! it. A [`Script`] sets the answer, its pace, where it waits and where it breaks. Embeddings are counts of hashed
//! words: deterministic, free of cost, and near for texts that share words.
//!
//! To add a provider: its answer and its stream in `wire.rs`, its route in [`router`].

mod embedding;
mod script;
mod wire;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use futures::Stream;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub use embedding::embed;
pub use script::{Answer, Break, Script};
use wire::Provider;

/// The dimension of embeddings when a request names none.
pub const DIMENSION: usize = 256;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Path, without the query.
    pub path: String,
    /// The body.
    pub body: Value,
    /// What stood in the header that carries the key, without `Bearer `.
    pub key: Option<String>,
}

struct Shared {
    began: Instant,
    script: Mutex<Script>,
    requests: Mutex<Vec<Recorded>>,
    /// How many pieces of a held answer may pass; raised by [`ScriptedModels::release`].
    gate: watch::Sender<u64>,
    open: AtomicUsize,
    abandoned: AtomicUsize,
    pieces: AtomicUsize,
}

/// A running server; it stops when dropped.
pub struct ScriptedModels {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for ScriptedModels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedModels").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ScriptedModels {
    /// Starts on a free port of loopback.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts on an address of loopback.
    ///
    /// # Errors
    /// When the address is not on loopback or taken.
    pub async fn start_on(address: SocketAddr) -> anyhow::Result<Self> {
        anyhow::ensure!(address.ip().is_loopback(), "a test double listens on loopback only");
        let listener = TcpListener::bind(address).await.context("the scripted model server's port")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            began: Instant::now(),
            script: Mutex::default(),
            requests: Mutex::default(),
            gate: watch::Sender::new(0),
            open: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
            pieces: AtomicUsize::new(0),
        });
        let app = router(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, shared, task })
    }

    /// Where it listens: `http://127.0.0.1:port`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Since it was started: what [`Answer::Clock`] tells.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// Environment of a server that chats and embeds with this one as an OpenAI-compatible provider.
    #[must_use]
    pub fn openai_env(&self) -> Vec<(String, String)> {
        self.env("OPENAI", "/v1", "openai:scripted-chat", &format!("openai:scripted-embedding@{DIMENSION}"))
    }

    /// Environment of a server that chats and embeds with this one as Gemini.
    #[must_use]
    pub fn gemini_env(&self) -> Vec<(String, String)> {
        self.env("GEMINI", "/v1beta", "gemini:gemini-scripted", "gemini:gemini-embedding-001@768")
    }

    /// Environment of a server that chats with this one as Anthropic and embeds with it as Cohere.
    #[must_use]
    pub fn anthropic_and_cohere_env(&self) -> Vec<(String, String)> {
        let mut env = self.env("ANTHROPIC", "/v1", "anthropic:claude-scripted", "");
        env.extend(self.cohere_env());
        env
    }

    /// Environment of a server that chats with this one as Ollama and embeds with it as Cohere.
    #[must_use]
    pub fn ollama_and_cohere_env(&self) -> Vec<(String, String)> {
        let mut env = self.env("OLLAMA", "/ollama", "ollama:llama-scripted:3b", "");
        env.retain(|(name, _)| name != "OLLAMA_API_KEY");
        env.extend(self.cohere_env());
        env
    }

    /// Environment of a server that embeds with this one as Cohere and has no chat model.
    #[must_use]
    pub fn cohere_env(&self) -> Vec<(String, String)> {
        [
            ("COHERE_BASE_URL", self.base_url()),
            ("COHERE_API_KEY", "scripted-key".to_owned()),
            ("EMBEDDINGS", "cohere:embed-v4.0@1024".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn env(&self, provider: &str, path: &str, chat: &str, embeddings: &str) -> Vec<(String, String)> {
        [
            (format!("{provider}_BASE_URL"), format!("{}{path}", self.base_url())),
            (format!("{provider}_API_KEY"), "scripted-key".to_owned()),
            ("CHAT_MODEL".to_owned(), chat.to_owned()),
            // A script is for the answer that a test asks for.
            ("TITLE_MODEL".to_owned(), "off".to_owned()),
            ("EMBEDDINGS".to_owned(), embeddings.to_owned()),
        ]
        .into()
    }

    /// What it does from now on.
    pub fn set(&self, script: Script) {
        *self.shared.script.lock() = script;
    }

    /// Lets every answer held by [`Script::hold_after`] go on.
    pub fn release(&self) {
        self.shared.gate.send_modify(|gate| *gate += 1);
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests.lock().clone()
    }

    /// Answers being streamed right now.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Answers whose reader went away before the end.
    #[must_use]
    pub fn abandoned_streams(&self) -> usize {
        self.shared.abandoned.load(Ordering::SeqCst)
    }
}

impl Drop for ScriptedModels {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/models", get(list_openai))
        .route("/v1/chat/completions", post(chat_openai))
        .route("/v1/embeddings", post(embed_openai))
        .route("/ollama/v1/models", get(list_openai))
        .route("/ollama/v1/chat/completions", post(chat_ollama))
        .route("/v1/messages", post(chat_anthropic))
        .route("/v1beta/models", get(list_gemini))
        .route("/v1beta/models/{call}", post(gemini))
        .route("/v2/embed", post(embed_cohere))
        .route("/control/script", put(set_script))
        .route("/control/release", post(release))
        .route("/control/state", get(report))
        .layer(axum::extract::DefaultBodyLimit::max(64 << 20))
        .with_state(shared)
}

// Control over HTTP, for tests in other languages ---------------------------------------------------------------------

async fn set_script(State(shared): State<Arc<Shared>>, Json(script): Json<Script>) -> StatusCode {
    *shared.script.lock() = script;
    StatusCode::NO_CONTENT
}

async fn release(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.gate.send_modify(|gate| *gate += 1);
    StatusCode::NO_CONTENT
}

async fn report(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let requests = shared.requests.lock();
    Json(json!({
        "requests": requests.len(),
        "last_body": requests.last().map(|request| &request.body),
        "open_streams": shared.open.load(Ordering::SeqCst),
        "abandoned_streams": shared.abandoned.load(Ordering::SeqCst),
        "pieces_sent": shared.pieces.load(Ordering::SeqCst),
    }))
}

// Providers --------------------------------------------------------------------------------------------------------------

/// Notes a request, and answers in the script's stead when the script says no.
fn admit(
    shared: &Shared,
    provider: Provider,
    path: &str,
    headers: &HeaderMap,
    body: &Value,
    embedding: bool,
) -> Result<Script, Box<Response>> {
    let key = key_of(headers);
    shared.requests.lock().push(Recorded { path: path.to_owned(), body: body.clone(), key: key.clone() });
    let script = {
        let mut script = shared.script.lock();
        let current = script.clone();
        // A failure that is told to end after some times ends.
        if let Some(left) = &mut script.failures {
            *left = left.saturating_sub(1);
        }
        current
    };
    if let Some(wanted) = &script.key
        && key.as_deref() != Some(wanted)
    {
        let (status, body) = provider.bad_key();
        return Err(Box::new(refuse(status, body, None)));
    }
    let status = if embedding { script.embedding_status } else { script.chat_status };
    if let Some(status) = status
        && script.failures != Some(0)
    {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return Err(Box::new(refuse(status, provider.error(status, "the script says no"), script.retry_after)));
    }
    Ok(script)
}

/// Whichever header carries it.
fn key_of(headers: &HeaderMap) -> Option<String> {
    ["authorization", "x-goog-api-key", "x-api-key"].iter().find_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        Some(value.strip_prefix("Bearer ").unwrap_or(value).to_owned())
    })
}

fn refuse(status: StatusCode, body: Value, retry_after: Option<u64>) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

async fn list_openai(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let script = shared.script.lock().clone();
    if script.key.is_some() && script.key != key_of(&headers) {
        let (status, body) = Provider::OpenAi.bad_key();
        return refuse(status, body, None);
    }
    let models = script.models;
    let data: Vec<Value> = models
        .iter()
        .map(|id| json!({"id": id, "object": "model", "type": "model", "display_name": id, "created": 1, "created_at": "2026-01-01T00:00:00Z", "owned_by": "scripted", "max_model_len": script.context}))
        .collect();
    Json(json!({"object": "list", "data": data, "has_more": false})).into_response()
}

async fn list_gemini(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let models = shared.script.lock().models.clone();
    let models: Vec<Value> = models
        .iter()
        .map(|id| json!({"name": format!("models/{id}"), "displayName": id, "supportedGenerationMethods": ["generateContent", "countTokens"]}))
        .collect();
    Json(json!({"models": models}))
}

async fn chat_openai(State(shared): State<Arc<Shared>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    chat(shared, Provider::OpenAi, "/v1/chat/completions", &headers, &body).await
}

async fn chat_ollama(State(shared): State<Arc<Shared>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    chat(shared, Provider::Ollama, "/ollama/v1/chat/completions", &headers, &body).await
}

async fn chat_anthropic(State(shared): State<Arc<Shared>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    chat(shared, Provider::Anthropic, "/v1/messages", &headers, &body).await
}

async fn gemini(
    State(shared): State<Arc<Shared>>,
    Path(call): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let path = format!("/v1beta/models/{call}");
    match call.rsplit_once(':').map(|(_, action)| action) {
        Some("streamGenerateContent") => {
            let mut body = body;
            body["stream"] = json!(true);
            chat(shared, Provider::Gemini, &path, &headers, &body).await
        }
        Some("generateContent") => chat(shared, Provider::Gemini, &path, &headers, &body).await,
        Some("batchEmbedContents") => {
            let script = match admit(&shared, Provider::Gemini, &path, &headers, &body, true) {
                Ok(script) => script,
                Err(refusal) => return *refusal,
            };
            tokio::time::sleep(Duration::from_millis(script.embedding_delay_ms)).await;
            let vectors: Vec<Value> = body["requests"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|request| {
                    let text = request["content"]["parts"][0]["text"].as_str().unwrap_or_default();
                    let dimension = request["outputDimensionality"].as_u64().unwrap_or(3072) as usize;
                    // Shortened vectors of the real model are not of unit length either.
                    let values: Vec<f32> = embed(text, dimension).iter().map(|value| value * 0.4).collect();
                    json!({"values": values})
                })
                .collect();
            Json(json!({"embeddings": vectors})).into_response()
        }
        _ => refuse(StatusCode::NOT_FOUND, Provider::Gemini.error(StatusCode::NOT_FOUND, "no such call"), None),
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

async fn embed_openai(State(shared): State<Arc<Shared>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let script = match admit(&shared, Provider::OpenAi, "/v1/embeddings", &headers, &body, true) {
        Ok(script) => script,
        Err(refusal) => return *refusal,
    };
    let texts = texts(&body["input"]);
    if texts.is_empty() || texts.len() > 2048 || texts.iter().any(|text| text.is_empty()) {
        let status = StatusCode::BAD_REQUEST;
        return refuse(status, Provider::OpenAi.error(status, "input must hold 1 to 2048 texts, none empty"), None);
    }
    tokio::time::sleep(Duration::from_millis(script.embedding_delay_ms)).await;
    let dimension = body["dimensions"].as_u64().map_or(DIMENSION, |dimension| dimension as usize);
    let base64 = body["encoding_format"] == "base64";
    let tokens: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = embed(text, dimension);
            let embedding = if base64 { json!(embedding::base64(&vector)) } else { json!(vector) };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Json(json!({"object": "list", "model": body["model"], "data": data, "usage": usage})).into_response()
}

async fn embed_cohere(State(shared): State<Arc<Shared>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let script = match admit(&shared, Provider::Cohere, "/v2/embed", &headers, &body, true) {
        Ok(script) => script,
        Err(refusal) => return *refusal,
    };
    let texts = texts(&body["texts"]);
    let status = StatusCode::BAD_REQUEST;
    if texts.len() > 96 {
        return refuse(status, Provider::Cohere.error(status, "at most 96 texts"), None);
    }
    if body["input_type"].as_str().is_none() {
        return refuse(status, Provider::Cohere.error(status, "input_type is required"), None);
    }
    tokio::time::sleep(Duration::from_millis(script.embedding_delay_ms)).await;
    let dimension = body["output_dimension"].as_u64().unwrap_or(1536) as usize;
    let vectors: Vec<Vec<f32>> = texts.iter().map(|text| embed(text, dimension)).collect();
    let tokens: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
    Json(json!({
        "id": "scripted", "texts": texts, "embeddings": {"float": vectors},
        "meta": {"billed_units": {"input_tokens": tokens}},
    }))
    .into_response()
}

/// Counts an answer as open, and as abandoned when it is dropped before its end.
struct Watched {
    shared: Arc<Shared>,
    ended: bool,
}

impl Watched {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self { shared: Arc::clone(shared), ended: false }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Ordering::SeqCst);
        if !self.ended {
            self.shared.abandoned.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn chat(shared: Arc<Shared>, provider: Provider, path: &str, headers: &HeaderMap, body: &Value) -> Response {
    let script = match admit(&shared, provider, path, headers, body, false) {
        Ok(script) => script,
        Err(refusal) => return *refusal,
    };
    let answer = script.answer.text(body);
    let model = body["model"].as_str().unwrap_or("scripted").to_owned();
    let prompt_tokens = body.to_string().split_whitespace().count();
    tokio::time::sleep(Duration::from_millis(script.first_delay_ms)).await;
    if body["stream"].as_bool() != Some(true) {
        return Json(provider.whole(&model, &answer, prompt_tokens)).into_response();
    }
    let pieces = script.pieces(&answer);
    let stream = speak(shared, provider, script, model, pieces, prompt_tokens);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (HeaderName::from_static("cache-control"), HeaderValue::from_static("no-cache")),
    ];
    (headers, Body::from_stream(stream)).into_response()
}

/// The answer as server-sent events, at the script's pace; an error in it breaks the connection.
fn speak(
    shared: Arc<Shared>,
    provider: Provider,
    script: Script,
    model: String,
    pieces: Vec<String>,
    prompt_tokens: usize,
) -> impl Stream<Item = io::Result<String>> {
    async_stream::stream! {
        let mut watched = Watched::new(&shared);
        let mut gate = shared.gate.subscribe();
        let opened = *gate.borrow_and_update();
        for event in provider.begin(&model, prompt_tokens) {
            yield Ok(event);
        }
        for thought in script.thinks.iter().flat_map(|thinks| thinks.split_inclusive(' ')) {
            if let Some(thought) = provider.thought(&model, thought) {
                yield Ok(thought);
            }
        }
        let count = pieces.len();
        let began = Instant::now();
        for (index, piece) in pieces.into_iter().enumerate() {
            if script.hold_after == Some(index) {
                let _ = gate.wait_for(|released| *released > opened).await;
            }
            if script.break_after == Some(index) {
                // What was said before must be on its way: a cut takes with it what is still buffered.
                tokio::time::sleep(Duration::from_millis(100)).await;
                match script.break_how {
                    Break::Cut => {
                        watched.ended = true;
                        yield Err(io::Error::from(io::ErrorKind::ConnectionReset));
                        return;
                    }
                    Break::Hang => std::future::pending::<()>().await,
                    Break::End => {
                        watched.ended = true;
                        return;
                    }
                    Break::Garbage => yield Ok("data: {\"choices\": [{\"delta\": \n\n".to_owned()),
                }
            }
            if index > 0 && script.pace_ms > 0 {
                // By the clock: a pause that lasts a little longer each time would be a slower model.
                let due = began + Duration::from_millis(script.pace_ms) * u32::try_from(index).unwrap_or(u32::MAX);
                if script.hold_after.is_none() {
                    tokio::time::sleep_until(due.into()).await;
                } else {
                    tokio::time::sleep(Duration::from_millis(script.pace_ms)).await;
                }
            }
            let piece = if matches!(script.answer, Answer::Clock(_)) {
                format!("t{} ", shared.began.elapsed().as_micros())
            } else {
                piece
            };
            shared.pieces.fetch_add(1, Ordering::SeqCst);
            yield Ok(provider.piece(&model, &piece));
        }
        for event in provider.end(&model, prompt_tokens, count, script.cut) {
            yield Ok(event);
        }
        watched.ended = true;
    }
}

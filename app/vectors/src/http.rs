//! What the remote indexes' HTTP has in common: one client, bounded bodies, and waiting before another try.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rand::RngExt as _;
use reqwest::{
    Client, Method, Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
    redirect,
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::IndexError;

/// The most of an answer that is read: 10,000 matches with their payload are a tenth of it.
const ANSWER_BYTES: usize = 64 << 20;

/// Tries of one call, with the first.
const TRIES: u32 = 4;
/// No wait begins that would end later than this after the first try: whoever has longer is a job, and waits itself.
const PATIENCE: Duration = Duration::from_secs(10);
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// A server and how to talk to it.
#[derive(Clone)]
pub(crate) struct Remote {
    client: Client,
    /// The index, for errors.
    index: &'static str,
    base: String,
}

/// One call. Every call may be repeated: writes of an index replace what they wrote before.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// From the base on, with a slash at its start.
    pub(crate) path: &'a str,
    /// JSON.
    pub(crate) body: Option<Bytes>,
    /// For one try.
    pub(crate) limit: Duration,
}

/// An answer that is final, a success or not.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Remote {
    /// A client that sends `headers` with every call; mark secrets in them as sensitive. The address is an http or https
    /// address, may have a path, and comes from `variable`.
    pub(crate) fn new(
        index: &'static str,
        variable: &str,
        address: &str,
        headers: HeaderMap,
    ) -> Result<Self, IndexError> {
        let refused = |why: &str| IndexError::Refused {
            index,
            detail: format!("{variable} {why}; write an address like https://index.example.org:6333"),
        };
        // The address is not repeated: it may hold a password.
        let url = Url::parse(address.trim()).map_err(|error| refused(&format!("cannot be read ({error})")))?;
        let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else {
            return Err(refused("is no http address"));
        };
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(refused("has a user, a ? or a # in it"));
        }
        let mut builder = Client::builder()
            .user_agent(concat!("cjhirashi/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(Duration::from_secs(5))
            // A redirect could carry a key to another host.
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(8)
            .tcp_nodelay(true);
        let loopback = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if loopback || host == "localhost" {
            // A proxy must not see servers on this machine.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| refused(&format!("cannot be used ({error})")))?;
        Ok(Self { client, index, base: url.as_str().trim_end_matches('/').to_owned() })
    }

    /// Calls until there is a final answer, or patience ends.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Reply, IndexError> {
        let started = Instant::now();
        let mut wait = SHORTEST_WAIT;
        let mut tries = 1;
        loop {
            let (detail, retry_after) = match self.try_once(call).await {
                Ok(answer) if !passes(answer.status()) => {
                    let status = answer.status();
                    match self.body(answer).await {
                        Ok(body) => return Ok(Reply { status, body }),
                        Err(error) => (error, None),
                    }
                }
                Ok(answer) => {
                    let (status, retry_after) = (answer.status(), retry_after(answer.headers()));
                    let words = self.body(answer).await.map(|body| words(&body)).unwrap_or_default();
                    (format!("{status}: {words}"), retry_after)
                }
                Err(error) => (error, None),
            };
            // Decorrelated jitter: callers that failed together do not come back together.
            wait = rand::rng().random_range(SHORTEST_WAIT..wait * 3).min(LONGEST_WAIT);
            let pause = retry_after.unwrap_or(wait);
            if tries >= TRIES || started.elapsed() + pause > PATIENCE {
                return Err(IndexError::Unavailable { index: self.index, detail, retry_after });
            }
            tracing::info!(
                vectors.index = self.index,
                reason = %detail,
                wait_ms = pause.as_millis() as u64,
                tries,
                "a call of the vector index is tried again"
            );
            tokio::time::sleep(pause).await;
            tries += 1;
        }
    }

    async fn try_once(&self, call: &Call<'_>) -> Result<Response, String> {
        let mut request =
            self.client.request(call.method.clone(), format!("{}{}", self.base, call.path)).timeout(call.limit);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        request.send().await.map_err(|error| unreachable(&error))
    }

    async fn body(&self, mut answer: Response) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        while let Some(bytes) = answer.chunk().await.map_err(|error| unreachable(&error))? {
            if body.len() + bytes.len() > ANSWER_BYTES {
                return Err(format!("an answer of more than {ANSWER_BYTES} bytes"));
            }
            body.extend_from_slice(&bytes);
        }
        Ok(body)
    }

    /// Reads a successful answer.
    pub(crate) fn parse<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, IndexError> {
        serde_json::from_slice(&reply.body)
            .map_err(|error| self.refused(format!("its answer is not understood: {error}")))
    }

    pub(crate) fn refused(&self, detail: impl Into<String>) -> IndexError {
        IndexError::Refused { index: self.index, detail: detail.into() }
    }
}

/// Whether the same call may succeed later.
fn passes(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT || status.is_server_error()
}

fn unreachable(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    if error.is_connect() {
        return "no connection to it".to_owned();
    }
    // The innermost cause says most, and the outer ones hold the address.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The start of a body that is no JSON we know, for people.
pub(crate) fn words(body: &[u8]) -> String {
    const LONGEST: usize = 300;
    let text = String::from_utf8_lossy(body);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// `Retry-After` in seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => Some(httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).unwrap_or_default()),
    }
}

//! One call over HTTP.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use cjhirashi_outbound::{BodyError, Clients, Secret, innermost, read_body};
use reqwest::{
    Method, Response, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};

use super::{
    PineconeError,
    api::{KEY_HEADER, REQUEST_ID_HEADERS, SEEN_HEADERS, VERSION, VERSION_HEADER, WRITTEN_HEADERS},
};
use crate::retry::{Patience, Pauses};

/// The most bytes of an answer: a query's is at most 4 MB, and fetches are cut to less.
const ANSWER_BYTES: usize = 16 << 20;
/// The most bytes of an error's body.
const ERROR_BYTES: usize = 64 << 10;

/// What is asked. Every one of them can be repeated: none does more when it is done twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    CreateIndex,
    DescribeIndex,
    DeleteIndex,
    Upsert,
    Query,
    Fetch,
    List,
    Delete,
    Stats,
    ListNamespaces,
    DeleteNamespace,
}

impl Operation {
    /// A word for metrics and logs.
    const fn name(self) -> &'static str {
        match self {
            Self::CreateIndex => "create_index",
            Self::DescribeIndex => "describe_index",
            Self::DeleteIndex => "delete_index",
            Self::Upsert => "upsert",
            Self::Query => "query",
            Self::Fetch => "fetch",
            Self::List => "list",
            Self::Delete => "delete",
            Self::Stats => "stats",
            Self::ListNamespaces => "list_namespaces",
            Self::DeleteNamespace => "delete_namespace",
        }
    }

    const fn method(self) -> Method {
        match self {
            Self::CreateIndex | Self::Upsert | Self::Query | Self::Delete | Self::Stats => Method::POST,
            Self::DescribeIndex | Self::Fetch | Self::List | Self::ListNamespaces => Method::GET,
            Self::DeleteIndex | Self::DeleteNamespace => Method::DELETE,
        }
    }

    const fn patience(self) -> Patience {
        if matches!(self, Self::Query) { Patience::ASKED } else { Patience::JOB }
    }
}

/// A call to be made.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) url: Url,
    /// JSON.
    pub(super) body: Option<Bytes>,
}

/// A success.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) body: Vec<u8>,
    /// A write's place in the log of its namespace.
    pub(super) written: Option<u64>,
    /// How far in the log a query has seen.
    pub(super) seen: Option<u64>,
}

impl Reply {
    /// Reads the body.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, PineconeError> {
        serde_json::from_slice(&self.body).map_err(|error| PineconeError::Unexpected { detail: error.to_string() })
    }
}

/// Calls Pinecone. The key neither prints nor is logged.
#[derive(Debug)]
pub(super) struct Client {
    clients: Clients,
    key: Secret,
    header: HeaderValue,
    read_units: AtomicU64,
}

impl Client {
    pub(super) fn new(key: Secret) -> Result<Self, PineconeError> {
        let mut header = HeaderValue::from_str(key.reveal())
            .map_err(|_| PineconeError::Setting("PINECONE_API_KEY holds characters that no key has".to_owned()))?;
        header.set_sensitive(true);
        let clients = Clients::new(Patience::JOB.one)
            .map_err(|error| PineconeError::Setting(format!("the HTTP client cannot be made: {error}")))?;
        Ok(Self { clients, key, header, read_units: AtomicU64::new(0) })
    }

    /// Read units since the start, as the answers told.
    pub(super) fn read_units(&self) -> u64 {
        self.read_units.load(Ordering::Relaxed)
    }

    /// Counts what an answer says it cost.
    pub(super) fn used(&self, operation: Operation, units: u64) {
        self.read_units.fetch_add(units, Ordering::Relaxed);
        metrics::counter!("cjhirashi_pinecone_read_units_total", "operation" => operation.name()).increment(units);
    }

    /// Calls until it works, fails for good, or patience ends; then the last error is returned.
    pub(super) async fn call(&self, call: &Call) -> Result<Reply, PineconeError> {
        let patience = call.operation.patience();
        let operation = call.operation.name();
        let began = Instant::now();
        let mut pauses = Pauses::new();
        let mut tries = 0;
        loop {
            tries += 1;
            let left = patience.limit.saturating_sub(began.elapsed());
            let error = match self.once(call, patience.one.min(left)).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let pause = pauses.next(error.retry_after(), &mut rand::rng());
            if !error.is_worth_another_try() || tries >= patience.tries || began.elapsed() + pause >= patience.limit {
                return Err(error);
            }
            metrics::counter!("cjhirashi_pinecone_retries_total", "operation" => operation).increment(1);
            tracing::debug!(operation, tries, wait_ms = pause.as_millis(), "A call of Pinecone is tried again.");
            tokio::time::sleep(pause).await;
        }
    }

    /// One try, measured.
    async fn once(&self, call: &Call, limit: Duration) -> Result<Reply, PineconeError> {
        let began = Instant::now();
        let mut request_id = None;
        let result = match timeout(limit, self.exchange(call, &mut request_id)).await {
            Ok(result) => result,
            Err(_) => {
                Err(PineconeError::Unreachable { detail: format!("no answer within {:.1} s", limit.as_secs_f64()) })
            }
        };
        let (operation, elapsed) = (call.operation.name(), began.elapsed());
        let outcome = result.as_ref().map_or_else(PineconeError::kind, |_| "ok");
        metrics::histogram!("cjhirashi_pinecone_call_duration_seconds", "operation" => operation, "outcome" => outcome)
            .record(elapsed.as_secs_f64());
        let (id, duration_ms) = (request_id.as_deref().unwrap_or_default(), elapsed.as_secs_f64() * 1e3);
        match &result {
            // Asked whether something is there, or told to make what is there: no failures.
            Ok(_) | Err(PineconeError::NotFound { .. } | PineconeError::AlreadyExists { .. }) => {
                tracing::debug!(operation, outcome, request.id = id, duration_ms, "Called Pinecone.");
            }
            Err(error) => tracing::info!(operation, %error, request.id = id, duration_ms, "A call of Pinecone failed."),
        }
        result
    }

    async fn exchange(&self, call: &Call, request_id: &mut Option<String>) -> Result<Reply, PineconeError> {
        let mut request = self
            .clients
            .for_url(call.url.as_str())
            .request(call.operation.method(), call.url.clone())
            .header(HeaderName::from_static(KEY_HEADER), self.header.clone())
            .header(HeaderName::from_static(VERSION_HEADER), VERSION);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        *request_id = first(&headers, REQUEST_ID_HEADERS).map(|id| id.chars().take(100).collect());
        if !status.is_success() {
            // An error whose body breaks off is still that error.
            let body = self.body(answer, ERROR_BYTES).await.unwrap_or_default();
            let clean = |words: &str| self.key.removed_from(words);
            return Err(PineconeError::of(status, &headers, &String::from_utf8_lossy(&body), clean));
        }
        let position = |names| first(&headers, names).and_then(|text| text.parse().ok());
        let (written, seen) = (position(WRITTEN_HEADERS), position(SEEN_HEADERS));
        let body = self.body(answer, ANSWER_BYTES).await?;
        Ok(Reply { body, written, seen })
    }

    async fn body(&self, answer: Response, limit: usize) -> Result<Vec<u8>, PineconeError> {
        read_body(answer, limit).await.map_err(|error| match error {
            BodyError::Broken(error) => self.unreachable(&error),
            BodyError::TooLong => PineconeError::Unexpected { detail: format!("an answer of more than {limit} bytes") },
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> PineconeError {
        PineconeError::Unreachable { detail: self.key.removed_from(&innermost(error)) }
    }
}

/// The first of these headers that is there.
fn first<'a>(headers: &'a HeaderMap, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| headers.get(*name)?.to_str().ok()).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_not_printed() {
        let client = Client::new(Secret::from("pcsk_secret")).unwrap();
        assert!(!format!("{client:?}").contains("pcsk_secret"));
        let error = Client::new(Secret::from("pcsk_\u{1}secret")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn positions_are_read_from_the_best_header_there_is() {
        let mut headers = HeaderMap::new();
        headers.insert("x-pinecone-lsn-committed", "7".parse().unwrap());
        assert_eq!(first(&headers, WRITTEN_HEADERS), Some("7"));
        headers.insert("x-pinecone-request-lsn", "9".parse().unwrap());
        assert_eq!(first(&headers, WRITTEN_HEADERS), Some("9"));
        assert_eq!(first(&headers, SEEN_HEADERS), None);
    }
}

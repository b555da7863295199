//! Calling an index over HTTP: an address that was checked, a key that is not printed, and other tries after a wait.

use bytes::Bytes;
use cjhirashi_outbound::{BodyError, Clients, Secret, innermost, read_body, retry_after, shorten};
use reqwest::{
    Client, Method, Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::{
    IndexError,
    retry::{Patience, Pauses},
};

/// The most of an answer that is read: 10,000 matches with their payload are a tenth of it.
const ANSWER_BYTES: usize = 64 << 20;

/// A server and how to talk to it.
#[derive(Clone)]
pub(crate) struct Remote {
    client: Client,
    /// The index, for errors.
    index: &'static str,
    base: String,
    key: Option<Key>,
}

#[derive(Clone)]
struct Key {
    header: HeaderName,
    value: HeaderValue,
    secret: Secret,
}

/// One call. Every call may be repeated: writes of an index replace what they wrote before.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// From the base on, with a slash at its start.
    pub(crate) path: &'a str,
    /// JSON.
    pub(crate) body: Option<Bytes>,
    pub(crate) patience: Patience,
}

/// An answer that is final, a success or not.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Remote {
    /// The address is an http or https address, may have a path, and comes from `variable`.
    pub(crate) fn new(index: &'static str, variable: &str, address: &str) -> Result<Self, IndexError> {
        // The address is not repeated: it may hold a password.
        let refused = |why: &str| IndexError::Refused {
            index,
            detail: format!("{variable} {why}; write an address like https://index.example.org:6333"),
        };
        let url = Url::parse(address.trim()).map_err(|error| refused(&format!("cannot be read ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(refused("is no http address"));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(refused("has a user, a ? or a # in it"));
        }
        let clients = Clients::new(Patience::JOB.one).map_err(|error| refused(&format!("cannot be used ({error})")))?;
        Ok(Self {
            client: clients.for_url(url.as_str()).clone(),
            index,
            base: url.as_str().trim_end_matches('/').to_owned(),
            key: None,
        })
    }

    /// Sends a key, which comes from `variable`, in a header of every call.
    pub(crate) fn with_key(mut self, variable: &str, header: HeaderName, secret: Secret) -> Result<Self, IndexError> {
        let mut value = HeaderValue::from_str(secret.reveal())
            .map_err(|_| self.refused(format!("{variable} has a character that no key has; copy it again")))?;
        value.set_sensitive(true);
        self.key = Some(Key { header, value, secret });
        Ok(self)
    }

    /// Calls until there is a final answer, or patience ends.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Reply, IndexError> {
        let began = Instant::now();
        let mut pauses = Pauses::new();
        let mut tries = 0;
        loop {
            tries += 1;
            let (detail, retry_after) = match self.try_once(call).await {
                Ok(answer) if !passes(answer.status()) => {
                    let status = answer.status();
                    match body(answer).await {
                        Ok(body) => return Ok(Reply { status, body }),
                        Err(error) => (error, None),
                    }
                }
                Ok(answer) => {
                    let (status, retry_after) = (answer.status(), retry_after(answer.headers()));
                    let words = body(answer).await.map(|body| self.words(&body)).unwrap_or_default();
                    (format!("{status}: {words}"), retry_after)
                }
                Err(error) => (error, None),
            };
            let Patience { tries: most, limit, .. } = call.patience;
            let pause = pauses.next(retry_after, &mut rand::rng());
            if tries >= most || began.elapsed() + pause >= limit {
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
        }
    }

    async fn try_once(&self, call: &Call<'_>) -> Result<Response, String> {
        let mut request =
            self.client.request(call.method.clone(), format!("{}{}", self.base, call.path)).timeout(call.patience.one);
        if let Some(key) = &self.key {
            request = request.header(&key.header, &key.value);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        request.send().await.map_err(|error| innermost(&error))
    }

    /// Reads a successful answer.
    pub(crate) fn parse<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, IndexError> {
        serde_json::from_slice(&reply.body)
            .map_err(|error| self.refused(format!("its answer is not understood: {error}")))
    }

    /// The server's words on one line, without the key, which a server may echo.
    pub(crate) fn words(&self, said: &[u8]) -> String {
        let said = shorten(&String::from_utf8_lossy(said));
        self.key.as_ref().map_or_else(|| said.clone(), |key| key.secret.removed_from(&said))
    }

    pub(crate) fn refused(&self, detail: impl Into<String>) -> IndexError {
        IndexError::Refused { index: self.index, detail: detail.into() }
    }
}

/// Whether the same call may succeed later.
fn passes(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT || status.is_server_error()
}

async fn body(answer: Response) -> Result<Vec<u8>, String> {
    read_body(answer, ANSWER_BYTES).await.map_err(|error| match error {
        BodyError::Broken(error) => innermost(&error),
        BodyError::TooLong => format!("an answer of more than {ANSWER_BYTES} bytes"),
    })
}

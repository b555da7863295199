//! What all providers' HTTP has in common: errors read from what comes back, and waiting before another try.

use std::{future::Future, time::Duration};

use cjhirashi_outbound::{BodyError, read_body, retry_after, shorten};
use rand::RngExt;
use reqwest::{Response, StatusCode, Url, header::HeaderMap};
use serde_json::Value;
use tokio::time::Instant;

pub(crate) use cjhirashi_outbound::Clients;

use crate::{ModelError, Outage, Secret};

/// The most of an error's body that is read.
const ERROR_BYTES: usize = 64 * 1024;
/// A server that says nothing for this long is gone. Long, because a model on a plain processor may read a prompt for
/// minutes before its first word.
const SILENCE: Duration = Duration::from_secs(300);

/// The clients that all providers share.
pub(crate) fn clients() -> Result<Clients, ModelError> {
    Clients::new(SILENCE).map_err(|error| ModelError::Unavailable {
        provider: "HTTP".to_owned(),
        cause: Outage::Other,
        detail: format!("the client cannot be made: {error}"),
    })
}

/// A base URL as entered, checked and without a slash at its end.
pub(crate) fn base_url(text: &str, variable: &'static str) -> Result<String, ModelError> {
    let invalid = |reason: &str| ModelError::InvalidSetting {
        variable,
        reason: format!("{reason}; write an address like https://api.example.com/v1"),
    };
    let url = Url::parse(text.trim()).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(invalid("it is no http address"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it has a ? or a # in it"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// [`base_url`] of what was entered, or the usual one.
pub(crate) fn base_url_or(entered: Option<&str>, usual: &str, variable: &'static str) -> Result<String, ModelError> {
    entered.map_or_else(|| Ok(usual.to_owned()), |text| base_url(text, variable))
}

/// Who is called and with what, so that errors name the one and never hold the other.
#[derive(Clone)]
pub(crate) struct Caller {
    /// For people and metrics.
    pub(crate) provider: String,
    /// The model as the provider calls it.
    pub(crate) model: String,
    pub(crate) key: Option<Secret>,
}

impl Caller {
    /// Reads an answer's head: an error unless its status says success.
    pub(crate) async fn accept(&self, answer: Result<Response, reqwest::Error>) -> Result<Response, ModelError> {
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = self.body(answer, ERROR_BYTES).await.unwrap_or_default();
        Err(self.refusal(status, &headers, &String::from_utf8_lossy(&body)))
    }

    /// Reads a whole body of at most `limit` bytes.
    pub(crate) async fn body(&self, answer: Response, limit: usize) -> Result<Vec<u8>, ModelError> {
        read_body(answer, limit).await.map_err(|error| match error {
            BodyError::Broken(error) => self.unreachable(&error),
            BodyError::TooLong => self.unexpected(format!("an answer of more than {limit} bytes")),
        })
    }

    pub(crate) fn unexpected(&self, detail: impl AsRef<str>) -> ModelError {
        ModelError::UnexpectedAnswer { provider: self.provider.clone(), detail: self.clean(detail.as_ref()) }
    }

    pub(crate) fn interrupted(&self, detail: impl AsRef<str>) -> ModelError {
        ModelError::Interrupted { provider: self.provider.clone(), detail: self.clean(detail.as_ref()) }
    }

    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> ModelError {
        // The innermost cause says most, and the outer ones hold the address.
        let mut innermost: &dyn std::error::Error = error;
        let mut all = String::new();
        while let Some(inner) = innermost.source() {
            innermost = inner;
            all.push_str(&inner.to_string().to_ascii_lowercase());
            all.push('\n');
        }
        // Neither the resolver's nor the encryption's error is a type that could be asked.
        let says = |words: &[&str]| words.iter().any(|word| all.contains(word));
        let cause = if error.is_timeout() {
            Outage::Silence
        } else if error.is_connect() && says(&["dns error", "lookup address"]) {
            Outage::UnknownHost
        } else if error.is_connect() && says(&["certificate", "corrupt message", "handshake", "tls", "ssl"]) {
            Outage::Encryption
        } else if error.is_connect() {
            Outage::NoConnection
        } else {
            Outage::Other
        };
        let detail = match cause {
            Outage::Silence => "it did not answer in time".to_owned(),
            Outage::NoConnection => "no connection to it".to_owned(),
            _ => innermost.to_string(),
        };
        ModelError::Unavailable { provider: self.provider.clone(), cause, detail: self.clean(&detail) }
    }

    /// What an error's status, headers and body mean.
    pub(crate) fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &str) -> ModelError {
        let json = serde_json::from_str::<Value>(body).ok();
        let said = json.as_ref().and_then(message_of);
        let detail = match said {
            Some(words) => self.clean(&words),
            // Pages of proxies and web servers help nobody.
            None if body.trim_start().starts_with('<') || body.trim().is_empty() => {
                status.canonical_reason().unwrap_or_default().to_owned()
            }
            None => self.clean(body),
        };
        let provider = self.provider.clone();
        let lower = body.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        match status.as_u16() {
            401 | 403 | 498 => ModelError::Unauthorized { provider, detail },
            // Gemini answers 400 to a wrong key.
            400 if says(&["api_key_invalid", "api key not valid"]) => ModelError::Unauthorized { provider, detail },
            404 => ModelError::UnknownModel { model: self.model.clone(), detail: Some(detail) },
            // Not a rate but an empty account: waiting does not help.
            429 if says(&["insufficient_quota"]) => ModelError::Refused { provider, status: 429, detail },
            429 => ModelError::RateLimited {
                provider,
                retry_after: retry_after(headers).or_else(|| json.as_ref().and_then(retry_delay)),
                detail,
            },
            400 | 413 | 422
                if says(&[
                    "context_length_exceeded",
                    "exceed_context_size",
                    "context length",
                    "context window",
                    "prompt is too long",
                    "input token count",
                    "too many tokens",
                ]) =>
            {
                ModelError::ContextTooLong { provider, detail }
            }
            code @ (408 | 500 | 502..=504 | 520..=529) => {
                ModelError::Unavailable { provider, cause: Outage::Status(code), detail }
            }
            code => ModelError::Refused { provider, status: code, detail },
        }
    }

    /// An error told inside an answer or a stream that had begun well.
    pub(crate) fn told(&self, error: &Value) -> ModelError {
        let words = message_of(error).unwrap_or_else(|| error.to_string());
        let status = error
            .get("code")
            .or_else(|| error.get("status_code"))
            .or_else(|| error.pointer("/error/code"))
            .and_then(Value::as_u64)
            .and_then(|code| u16::try_from(code).ok())
            .and_then(|code| StatusCode::from_u16(code).ok())
            .filter(|code| code.is_client_error() || code.is_server_error());
        let kind = error.pointer("/error/type").or_else(|| error.get("type")).and_then(Value::as_str).unwrap_or("");
        match (status, kind) {
            (Some(status), _) => self.refusal(status, &HeaderMap::new(), &error.to_string()),
            (None, "overloaded_error" | "api_error" | "server_error") => {
                // As those providers answer with before a stream begins.
                let cause = Outage::Status(500);
                ModelError::Unavailable { provider: self.provider.clone(), cause, detail: self.clean(&words) }
            }
            (None, "rate_limit_error" | "rate_limit_exceeded") => ModelError::RateLimited {
                provider: self.provider.clone(),
                retry_after: None,
                detail: self.clean(&words),
            },
            (None, _) => ModelError::Refused { provider: self.provider.clone(), status: 0, detail: self.clean(&words) },
        }
    }

    /// A provider's words, short and without the key, which some servers echo.
    pub(crate) fn clean(&self, words: &str) -> String {
        self.key.as_ref().map_or_else(|| shorten(words), |key| shorten(&key.removed_from(words)))
    }
}

/// The words of an error in any of the shapes seen: `{"error": {"message"}}`, `{"error": "…"}`, `{"message"}`,
/// `{"detail"}`, and each of them inside a list.
fn message_of(json: &Value) -> Option<String> {
    match json {
        Value::String(words) => Some(words.clone()),
        Value::Array(items) => items.first().and_then(message_of),
        Value::Object(fields) => ["error", "message", "detail"].iter().find_map(|name| message_of(fields.get(*name)?)),
        _ => None,
    }
}

/// Gemini's `retryDelay: "17s"` among an error's details.
fn retry_delay(json: &Value) -> Option<Duration> {
    let json = json.as_array().and_then(|items| items.first()).unwrap_or(json);
    let details = json.pointer("/error/details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

/// How often, and for how long in all, something is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) tries: u32,
    /// No wait begins that would end after this.
    pub(crate) limit: Duration,
    /// The first wait, where the provider names none; doubled each time, and cut by chance to spread callers.
    pub(crate) first_wait: Duration,
}

impl Patience {
    /// Nobody is watching: documents can wait for a rate limit of a minute.
    pub(crate) const BACKGROUND: Self =
        Self { tries: 6, limit: Duration::from_secs(75), first_wait: Duration::from_millis(500) };
    /// Somebody is watching.
    pub(crate) const FOREGROUND: Self =
        Self { tries: 3, limit: Duration::from_secs(8), first_wait: Duration::from_millis(300) };

    /// Calls until it works, fails for good, or patience ends; then the last error is returned.
    pub(crate) async fn run<T, F, Fut>(&self, mut call: F) -> Result<T, ModelError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, ModelError>>,
    {
        let started = Instant::now();
        let mut wait = self.first_wait;
        let mut tries = 1;
        loop {
            let error = match call().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let pause = error.retry_after().unwrap_or_else(|| wait.mul_f64(rand::rng().random_range(0.5..1.0)));
            if !error.is_transient() || tries >= self.tries || started.elapsed() + pause > self.limit {
                return Err(error);
            }
            tracing::info!(error = %error, wait_ms = pause.as_millis() as u64, tries, "a model call is tried again");
            tokio::time::sleep(pause).await;
            wait *= 2;
            tries += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller { provider: "Test".to_owned(), model: "m".to_owned(), key: Some(Secret::from("sk-secret")) }
    }

    fn refusal(status: u16, body: &str) -> ModelError {
        caller().refusal(StatusCode::from_u16(status).expect("a status"), &HeaderMap::new(), body)
    }

    #[test]
    fn refusals_of_each_provider_are_told_apart() {
        assert!(matches!(refusal(401, "{}"), ModelError::Unauthorized { .. }));
        assert!(matches!(refusal(498, r#"{"id":"x","message":"invalid api token"}"#), ModelError::Unauthorized { .. }));
        let gemini = r#"[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT",
            "details":[{"reason":"API_KEY_INVALID"}]}}]"#;
        assert!(
            matches!(refusal(400, gemini), ModelError::Unauthorized { detail, .. } if detail == "API key not valid.")
        );
        let unknown = r#"{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}"#;
        assert!(
            matches!(refusal(404, unknown), ModelError::UnknownModel { detail: Some(words), .. } if words.contains("models/x"))
        );
        let long = r#"{"error":{"message":"This model's maximum context length is 8192 tokens","code":"context_length_exceeded"}}"#;
        assert!(matches!(refusal(400, long), ModelError::ContextTooLong { .. }));
        assert!(matches!(refusal(429, r#"{"error":{"code":"insufficient_quota"}}"#), ModelError::Refused { .. }));
        assert!(matches!(refusal(529, "{}"), ModelError::Unavailable { .. }));
        assert!(matches!(refusal(418, "short and stout"), ModelError::Refused { status: 418, .. }));
        assert_eq!(refusal(502, "<html><h1>Bad</h1>").detail().as_deref(), Some("Bad Gateway"));
    }

    #[test]
    fn a_key_that_a_server_echoes_is_not_repeated() {
        let error = refusal(401, r#"{"error":{"message":"Incorrect key sk-secret"}}"#);
        assert_eq!(error.detail().as_deref(), Some("Incorrect key ***"));
        assert!(!format!("{error} {error:?} {:?}", caller().key).contains("sk-secret"));
    }

    #[test]
    fn the_wait_in_an_error_of_gemini_is_read() {
        let gemini = serde_json::json!({"error": {"details": [{"@type": "…RetryInfo", "retryDelay": "17.5s"}]}});
        assert_eq!(retry_delay(&gemini), Some(Duration::from_millis(17_500)));
    }

    #[test]
    fn an_address_is_checked_and_loses_its_last_slash() {
        assert_eq!(base_url(" https://x.example/v1/ ", "X").as_deref(), Ok("https://x.example/v1"));
        for wrong in ["", "x.example/v1", "ftp://x.example", "https://x.example/v1?key=1"] {
            assert!(base_url(wrong, "X").is_err(), "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_longer_than_the_patience_is_not_begun() {
        let patience = Patience { tries: 9, limit: Duration::from_secs(10), first_wait: Duration::from_secs(1) };
        let started = Instant::now();
        let mut calls = 0;
        let result: Result<(), _> =
            patience
                .run(|| {
                    calls += 1;
                    let retry_after = Some(Duration::from_secs(4));
                    async move {
                        Err(ModelError::RateLimited { provider: String::new(), retry_after, detail: String::new() })
                    }
                })
                .await;
        assert_eq!(result.map_err(|error| error.retry_after()), Err(Some(Duration::from_secs(4))));
        assert_eq!((calls, started.elapsed().as_secs()), (3, 8));
    }
}

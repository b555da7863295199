//! What can go wrong between us and Pinecone, read from whatever comes back: JSON of two shapes, plain text of a
//! gateway, or a page of a proxy.

use std::time::Duration;

use cjhirashi_outbound::shorten;
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;

use crate::IndexError;

/// The longest wait that is passed on: whatever a server says, a job looks again within the hour.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// How long a job waits after a refusal for its rate that names no time.
const RATE_WAIT: Duration = Duration::from_secs(10);

/// Why Pinecone did not do what was asked. Texts never hold the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PineconeError {
    /// 401, or 403 where it is about the key. Never tried again.
    #[error("Pinecone does not accept the key ({status}: {detail}); check PINECONE_API_KEY")]
    Unauthorized {
        /// 401 or 403.
        status: u16,
        /// Pinecone's words.
        detail: String,
    },
    /// 429 for the moment.
    #[error("Pinecone limits the rate: {detail}")]
    RateLimited {
        /// Pinecone's words.
        detail: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// 429 for the rest of the month: trying again within seconds does not help.
    #[error(
        "this month's units of the Pinecone plan are used up ({detail}); upgrade the plan at app.pinecone.io, or wait \
         for the next month"
    )]
    QuotaUsedUp {
        /// Pinecone's words.
        detail: String,
    },
    /// Nobody is there, or nobody answered in time.
    #[error("Pinecone does not answer: {detail}")]
    Unreachable {
        /// What happened.
        detail: String,
    },
    /// 5xx and 408.
    #[error("Pinecone cannot answer now: {detail}")]
    Unavailable {
        /// What happened.
        detail: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// 404.
    #[error("Pinecone does not know what was asked for: {detail}")]
    NotFound {
        /// Pinecone's words.
        detail: String,
    },
    /// 409: there is one of that name.
    #[error("Pinecone has it already: {detail}")]
    AlreadyExists {
        /// Pinecone's words.
        detail: String,
    },
    /// Any other refusal; the same call will be refused again.
    #[error("Pinecone refuses ({status}): {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Pinecone's words.
        detail: String,
    },
    /// A success that is not what it should be.
    #[error("Pinecone answered with something unexpected: {detail}")]
    Unexpected {
        /// What.
        detail: String,
    },
    /// One vector that no request may hold.
    #[error("the vector {id} is too large: {bytes} bytes, of {limit} in one request")]
    TooLarge {
        /// Its name.
        id: String,
        /// Its bytes in a request.
        bytes: usize,
        /// The most bytes of a request.
        limit: usize,
    },
    /// The index is not there.
    #[error("there is no Pinecone index \"{index}\"; make it with: cjhirashi init-index")]
    NoIndex {
        /// Its name.
        index: String,
    },
    /// The index is not for the vectors of the embedding model.
    #[error(
        "the Pinecone index {index:?} holds {holds}, but {model} makes vectors of {dimension} numbers, compared by \
         cosine; name another index in PINECONE_INDEX (and in PINECONE_HOST, where it is set) and make it with \
         \"cjhirashi init-index\", copy into it with \"cjhirashi reindex\", or set EMBEDDINGS to a model that fits"
    )]
    Mismatch {
        /// The index, or where it is.
        index: String,
        /// What it holds, in words.
        holds: String,
        /// The embedding model.
        model: String,
        /// Its numbers per vector.
        dimension: usize,
    },
    /// The index is not ready in the time given, or never will be.
    #[error("the Pinecone index \"{index}\" is not ready: it is {state} after {} s", waited.as_secs())]
    NotReady {
        /// The index.
        index: String,
        /// Pinecone's word for its state.
        state: String,
        /// How long was waited.
        waited: Duration,
    },
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
}

impl PineconeError {
    /// What an error's status, headers and body mean; `clean` takes the key out of words.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap, body: &str, clean: impl Fn(&str) -> String) -> Self {
        let said = serde_json::from_str::<Value>(body).ok().as_ref().and_then(message_of);
        let detail = match said {
            Some(words) => shorten(&clean(&words)),
            // Pages of proxies help nobody.
            None if body.trim_start().starts_with('<') || body.trim().is_empty() => {
                status.canonical_reason().unwrap_or("no reason given").to_owned()
            }
            None => shorten(&clean(body)),
        };
        let lower = detail.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let retry_after = cjhirashi_outbound::retry_after(headers).map(|wait| wait.min(LONGEST_WAIT));
        match status.as_u16() {
            // Also full plans and protected indexes are forbidden, and no other key helps there.
            403 if says(&["quota", "upgrade", "reached the max", "protection"]) => {
                Self::Refused { status: 403, detail }
            }
            status @ (401 | 403) => Self::Unauthorized { status, detail },
            404 => Self::NotFound { detail },
            409 => Self::AlreadyExists { detail },
            429 if says(&["month", "upgrade your plan"]) => Self::QuotaUsedUp { detail },
            429 => Self::RateLimited { detail, retry_after },
            408 | 500..=599 => Self::Unavailable { detail: format!("{detail} ({})", status.as_u16()), retry_after },
            status => Self::Refused { status, detail },
        }
    }

    /// Whether the same call may succeed within seconds.
    pub(super) const fn is_worth_another_try(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. } | Self::Unreachable { .. } | Self::Unavailable { .. } | Self::Unauthorized { .. }
        )
    }

    /// How long Pinecone asks to wait.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// A word for metrics.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => "unauthorized",
            Self::RateLimited { .. } => "rate_limited",
            Self::QuotaUsedUp { .. } => "quota",
            Self::Unreachable { .. } => "unreachable",
            Self::Unavailable { .. } => "unavailable",
            Self::NotFound { .. } | Self::NoIndex { .. } => "not_found",
            Self::AlreadyExists { .. } => "already_exists",
            Self::Unexpected { .. } => "unexpected",
            Self::Refused { .. }
            | Self::TooLarge { .. }
            | Self::Mismatch { .. }
            | Self::NotReady { .. }
            | Self::Setting(_) => "refused",
        }
    }
}

impl From<PineconeError> for IndexError {
    fn from(error: PineconeError) -> Self {
        const INDEX: &str = "pinecone";
        let detail = error.to_string();
        match error {
            PineconeError::RateLimited { retry_after, .. } => {
                Self::Unavailable { index: INDEX, detail, retry_after: Some(retry_after.unwrap_or(RATE_WAIT)) }
            }
            PineconeError::QuotaUsedUp { .. } => {
                Self::Unavailable { index: INDEX, detail, retry_after: Some(LONGEST_WAIT) }
            }
            PineconeError::Unavailable { retry_after, .. } => Self::Unavailable { index: INDEX, detail, retry_after },
            PineconeError::Unreachable { .. } | PineconeError::NotReady { .. } | PineconeError::Unexpected { .. } => {
                Self::Unavailable { index: INDEX, detail, retry_after: None }
            }
            PineconeError::Unauthorized { .. }
            | PineconeError::NoIndex { .. }
            | PineconeError::NotFound { .. }
            | PineconeError::Mismatch { .. }
            | PineconeError::Setting(_) => Self::Misconfigured { index: INDEX, detail },
            PineconeError::AlreadyExists { .. } | PineconeError::Refused { .. } => {
                Self::Refused { index: INDEX, detail }
            }
            PineconeError::TooLarge { id, bytes, limit } => Self::TooLarge { key: id, bytes, limit },
        }
    }
}

/// The words of an error: `{"status", "error": {"code", "message"}}` of indexes, `{"code", "message", "details"}` of
/// vectors, or a text as JSON.
fn message_of(json: &Value) -> Option<String> {
    match json {
        Value::String(words) => Some(words.clone()),
        Value::Object(fields) => ["error", "message"].iter().find_map(|name| message_of(fields.get(*name)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> PineconeError {
        PineconeError::of(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body, str::to_owned)
    }

    #[test]
    fn words_are_found_in_every_shape() {
        let shapes = [
            r#"{"status":400,"error":{"code":"INVALID_ARGUMENT","message":"no"}}"#,
            r#"{"code":3,"message":"no","details":[]}"#,
            r#""no""#,
            "no\n",
        ];
        for body in shapes {
            assert_eq!(of(400, body), PineconeError::Refused { status: 400, detail: "no".to_owned() }, "{body}");
        }
        let page = of(400, "<html><body>no</body></html>");
        assert_eq!(page, PineconeError::Refused { status: 400, detail: "Bad Request".to_owned() });
    }

    #[test]
    fn a_wrong_key_names_the_variable_and_a_full_plan_does_not() {
        for (status, body) in [(401, "Unauthorized"), (403, "Forbidden"), (403, r#"{"code":7,"message":"denied"}"#)] {
            let error = of(status, body);
            assert!(matches!(error, PineconeError::Unauthorized { .. }) && !error.is_worth_another_try(), "{error}");
            assert!(error.to_string().contains("PINECONE_API_KEY"));
        }
        for words in [
            "Deletion protection is enabled for this index.",
            "Request failed. You've reached the max serverless indexes allowed in project x (5). To add more, upgrade.",
        ] {
            assert!(matches!(of(403, words), PineconeError::Refused { status: 403, .. }), "{words}");
        }
    }

    #[test]
    fn a_used_up_month_is_told_from_a_busy_second() {
        let month = "Request failed. You've reached your write unit limit for the current month (2000000).";
        let error = of(429, month);
        assert!(matches!(error, PineconeError::QuotaUsedUp { .. }) && !error.is_worth_another_try());
        assert!(error.to_string().contains("upgrade the plan"));
        assert!(matches!(IndexError::from(error), IndexError::Unavailable { retry_after: Some(LONGEST_WAIT), .. }));
        let busy = of(429, r#"{"code":8,"message":"Too many requests","details":[]}"#);
        assert!(matches!(busy, PineconeError::RateLimited { .. }) && busy.is_worth_another_try());
        assert!(matches!(IndexError::from(busy), IndexError::Unavailable { retry_after: Some(RATE_WAIT), .. }));
    }

    #[test]
    fn an_absurd_wait_is_capped() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "1e9".parse().unwrap());
        let error = PineconeError::of(StatusCode::TOO_MANY_REQUESTS, &headers, "", str::to_owned);
        assert_eq!(error.retry_after(), Some(LONGEST_WAIT));
    }

    #[test]
    fn what_may_pass_is_transient_for_the_job_queue_and_what_cannot_is_not() {
        for (status, transient) in
            [(500, true), (503, true), (408, true), (401, true), (404, true), (400, false), (413, false)]
        {
            assert_eq!(IndexError::from(of(status, "")).is_transient(), transient, "{status}");
        }
    }
}

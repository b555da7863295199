//! What the API sends: stable names, whatever the domain calls things. Times are RFC 3339 in UTC, scores 0 to 1,
//! offsets count characters (Unicode scalar values), durations are milliseconds.

use cjhirashi_domain::{
    Timestamp,
    access::Visibility,
    chat::{ChatSummary, Citation, CitationUse, Message},
    document::Document,
    sync::DocumentEvent,
};
use serde::Serialize;
use time::{OffsetDateTime, macros::format_description};
use utoipa::ToSchema;

/// A moment as RFC 3339, to the millisecond.
pub(super) fn moment(time: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.0) * 1_000_000)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}

/// A document.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DocumentBody {
    id: String,
    title: String,
    /// `queued`, `processing`, `indexed` or `failed`; `not_adopted` for a document of the ADR's application whose text is
    /// not here yet.
    #[schema(example = "indexed")]
    status: &'static str,
    /// Whether it can be found.
    indexed: bool,
    /// What is being done, while processing: `extracting`, `embedding` or `indexing`.
    stage: Option<&'static str>,
    /// How much of that is done, 0 to 1.
    progress: f32,
    /// Passages that can be found.
    chunk_count: i32,
    version: i32,
    /// Why it cannot be found.
    error: Option<FailureBody>,
    tags: Vec<String>,
    /// Its own keys, where one document was asked for and it has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<serde_json::Value>,
    /// `private` or `public`.
    visibility: &'static str,
    source: &'static str,
    source_url: Option<String>,
    mime_type: Option<String>,
    size_bytes: Option<i64>,
    /// As detected, ISO 639-1.
    language: Option<String>,
    created_at: String,
    updated_at: String,
}

/// Why something failed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FailureBody {
    /// Stable, `area:what`.
    code: String,
    /// What happened and what to do.
    message: String,
}

impl FailureBody {
    fn new(code: String, detail: Option<String>) -> Self {
        let words = cjhirashi_domain::ErrorCode::parse(&code)
            .map(|code| code.message(cjhirashi_domain::settings::Language::En).to_owned());
        let message = match (words, detail) {
            (Some(words), Some(detail)) => format!("{words} ({detail})"),
            (Some(words), None) => words,
            (None, detail) => detail.unwrap_or_default(),
        };
        Self { code, message }
    }
}

/// What happened to a document, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DocumentEventsBody {
    pub(super) events: Vec<DocumentEventBody>,
}

/// One thing that happened to a document.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DocumentEventBody {
    /// `added`, `started`, `extracted`, `embedded` (it answers from here on), `indexed`, `waiting`, `failed`, `retried`,
    /// `cancelled`, `discarded`, `renamed`, `changed` (its labels or own keys), `shared`, `unshared`, `repaired` or `adopted`.
    #[schema(example = "indexed")]
    event: &'static str,
    /// To which version; 0 for the document itself.
    version: i32,
    /// In which attempt of its job, from 1; 0 where no job was at work.
    attempt: i32,
    /// Why it failed.
    error: Option<FailureBody>,
    at: String,
}

impl From<DocumentEvent> for DocumentEventBody {
    fn from(event: DocumentEvent) -> Self {
        Self {
            event: event.event.as_str(),
            version: event.version,
            attempt: event.attempt,
            error: event.error.map(|error| FailureBody::new(error.code, error.detail)),
            at: moment(event.at),
        }
    }
}

impl DocumentBody {
    pub(super) fn with_metadata(self, metadata: Option<serde_json::Value>) -> Self {
        Self { metadata, ..self }
    }
}

impl From<Document> for DocumentBody {
    fn from(document: Document) -> Self {
        Self {
            id: document.id.into_string(),
            title: document.title,
            status: if document.adopted { "not_adopted" } else { document.status.as_str() },
            indexed: document.version > 0,
            stage: document.stage.map(cjhirashi_domain::document::Stage::as_str),
            progress: document.progress,
            chunk_count: if document.adopted { 0 } else { document.chunk_count },
            version: document.version,
            error: document.error.map(|error| FailureBody::new(error.code, error.detail)),
            tags: document.tags,
            metadata: None,
            visibility: match document.visibility {
                Visibility::Private(_) => "private",
                Visibility::Public => "public",
            },
            source: document.source.as_str(),
            source_url: document.source_url,
            mime_type: document.mime_type,
            size_bytes: document.size_bytes,
            language: document.language,
            created_at: moment(document.created_at),
            updated_at: moment(document.updated_at),
        }
    }
}

/// Documents, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DocumentsBody {
    pub(super) documents: Vec<DocumentBody>,
    /// On all pages.
    pub(super) total: i64,
    /// This page, from 1.
    pub(super) page: u32,
    /// Documents a page.
    pub(super) page_size: u32,
}

/// A chat, as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChatBody {
    id: String,
    title: String,
    created_at: String,
    /// When anything in it last changed.
    updated_at: String,
    /// Whether an answer is being written right now.
    answering: bool,
}

impl From<ChatSummary> for ChatBody {
    fn from(chat: ChatSummary) -> Self {
        Self {
            id: chat.id.into_string(),
            title: chat.title,
            created_at: moment(chat.created_at),
            updated_at: moment(chat.updated_at),
            answering: chat.answering,
        }
    }
}

/// Chats, the one that changed last first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChatsBody {
    pub(super) chats: Vec<ChatBody>,
    /// Send it as `before` to get the next page; null at the end.
    pub(super) next: Option<String>,
}

/// A chat with its messages, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChatWithMessagesBody {
    #[serde(flatten)]
    pub(super) chat: ChatBody,
    pub(super) messages: Vec<MessageBody>,
}

/// One turn of a chat.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageBody {
    id: String,
    parent_id: Option<String>,
    /// `user`, `assistant` or `system`.
    role: &'static str,
    /// Markdown.
    content: String,
    /// `complete`, `streaming`, `stopped`, `failed` or `interrupted`.
    status: &'static str,
    error: Option<FailureBody>,
    /// Which model wrote it.
    model: Option<String>,
    /// Of prompt and answer together, where the provider tells.
    tokens_used: Option<i32>,
    /// From the question to the answer's last token.
    latency_ms: Option<i32>,
    citations: Vec<CitationBody>,
    created_at: String,
}

impl From<Message> for MessageBody {
    fn from(message: Message) -> Self {
        Self {
            id: message.id.into_string(),
            parent_id: message.parent_id.map(cjhirashi_domain::id::MessageId::into_string),
            role: message.role.as_str(),
            content: message.content,
            status: message.status.as_str(),
            error: message.error.map(|error| FailureBody::new(error.code, error.detail)),
            model: message.model,
            tokens_used: message.tokens_used,
            latency_ms: message.latency_ms,
            citations: message.citations.into_iter().map(CitationBody::from).collect(),
            created_at: moment(message.created_at),
        }
    }
}

/// One source of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CitationBody {
    /// Its number in the text, `[n]`.
    n: i32,
    document_id: String,
    version: i32,
    /// The passage's place in that version, from 0.
    seq: i32,
    /// First character of the passage in the document's text.
    start: i32,
    /// One after its last.
    end: i32,
    /// First character of the words in the passage that the answer stands on, those of its best use; null when none were
    /// found.
    quote_start: Option<i32>,
    /// One after their last.
    quote_end: Option<i32>,
    /// The page that these words begin on, else the passage; null in documents without pages.
    page: Option<i32>,
    /// Relevance.
    score: f64,
    /// `verified`, `weak` or `not_found`: whether what the answer says stands in the passage; that of its weakest use.
    verdict: &'static str,
    /// The places of the answer that name it, in their order: the first 50. Empty where they were not
    /// kept: for such an answer `quote_start` and `quote_end` hold for each of its marks.
    uses: Vec<CitationUseBody>,
    /// The document's title; null when it was deleted, replaced or is no longer shared.
    title: Option<String>,
    /// The passage; null like `title`.
    text: Option<String>,
}

/// One mark of an answer, and what it stands on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CitationUseBody {
    /// First character of the mark in the answer's text.
    at: i32,
    /// `verified`, `weak` or `not_found`: whether the words beside the mark stand in the passage.
    verdict: &'static str,
    /// First character of the words in the passage that they stand on; null when none were found.
    quote_start: Option<i32>,
    /// One after their last.
    quote_end: Option<i32>,
}

impl From<CitationUse> for CitationUseBody {
    fn from(used: CitationUse) -> Self {
        let (quote_start, quote_end) = used.quote.map(|quote| (quote.start, quote.end)).unzip();
        Self { at: used.at, verdict: used.verdict.as_str(), quote_start, quote_end }
    }
}

impl From<Citation> for CitationBody {
    fn from(citation: Citation) -> Self {
        let (title, text) = citation.source.map(|source| (source.title, source.text)).unzip();
        Self {
            n: citation.n,
            document_id: citation.document_id.into_string(),
            version: citation.version,
            seq: citation.seq,
            start: citation.start,
            end: citation.end,
            quote_start: citation.quote.map(|quote| quote.start),
            quote_end: citation.quote.map(|quote| quote.end),
            page: citation.page,
            score: citation.score,
            verdict: citation.verdict.as_str(),
            uses: citation.uses.into_iter().map(CitationUseBody::from).collect(),
            title,
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_keeps_its_milliseconds() {
        assert_eq!(moment(Timestamp(1_735_725_600_007)), "2025-01-01T10:00:00.007Z");
    }

    #[test]
    fn a_failure_says_what_to_do_and_what_the_provider_said() {
        let failure = FailureBody::new("models:rate_limited".to_owned(), Some("quota".to_owned()));
        assert!(failure.message.ends_with("(quota)") && failure.message.starts_with("The model's provider"));
        assert_eq!(FailureBody::new("old:code".to_owned(), Some("x".to_owned())).message, "x");
    }
}

//! Conversations, their messages and the sources of an answer.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    artifact::MessageArtifact,
    id::{ChatId, DocumentId, FolderId, GenerationId, ImageId, MessageId},
    passage::{PassageAddress, TextRange},
    spending::Tokens,
};

/// A conversation as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatSummary {
    /// Its id.
    pub id: ChatId,
    /// Its name.
    pub title: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When anything in it last changed.
    pub updated_at: Timestamp,
    /// Whether an answer is being written right now.
    pub answering: bool,
}

/// Where a chat is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filing {
    /// Above the others in the list.
    pub pinned: bool,
    /// Out of the list.
    pub archived: bool,
    /// In which folder.
    pub folder: Option<FolderId>,
    /// Its labels.
    pub tags: Vec<String>,
    /// In no list, and deleted a day after it last changed.
    pub temporary: bool,
}

/// Chats that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Its id.
    pub id: FolderId,
    /// Its name; one of a kind for its owner.
    pub name: String,
    /// What a model is told in each of its chats.
    pub instructions: String,
    /// Its chats search documents with one of these labels; all documents when there are none.
    pub document_tags: Vec<String>,
    /// Chats in it that are not archived.
    pub chats: i64,
}

/// The link of a chat that its owner shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Whoever has it may read the snapshot.
    pub token: String,
    /// Since when the snapshot is as it is.
    pub updated_at: Timestamp,
}

/// A chat as it was when it was shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name.
    pub title: String,
    /// What was said, oldest first.
    pub messages: Vec<SharedMessage>,
}

/// A message of a shared chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedMessage {
    /// Who speaks; no instructions.
    pub role: MessageRole,
    /// Markdown.
    pub content: String,
    /// Which model wrote it.
    pub model: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The sources of an answer: where they are, and never what they say, so that nothing outlives its document.
    #[serde(deserialize_with = "those_that_are_known")]
    pub sources: Vec<Citation>,
    /// The images of a question: copies that are the link's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<MessageImage>,
    /// How an answer ended; what was shared before that was kept counts as whole.
    #[serde(default = "whole")]
    pub status: MessageStatus,
}

/// Earlier versions froze titles and passages; of those nothing is shown.
fn those_that_are_known<'de, D: serde::Deserializer<'de>>(sources: D) -> Result<Vec<Citation>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Source {
        Known(Citation),
        Frozen(serde::de::IgnoredAny),
    }
    let sources = Vec::<Source>::deserialize(sources)?;
    Ok(sources
        .into_iter()
        .filter_map(|source| if let Source::Known(known) = source { Some(known) } else { None })
        .collect())
}

const fn whole() -> MessageStatus {
    MessageStatus::Complete
}

/// A question that waits until the answer before it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMessage {
    /// Its id, and the question's once it is asked.
    pub id: MessageId,
    /// The question.
    pub content: String,
    /// The answer before it was not completed: it is asked when somebody wants it.
    #[serde(default)]
    pub held: bool,
}

/// Which chats are wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Words in their titles or messages; `"…"` for words in a row, `-` before a word that must not be there, `or`.
    pub words: String,
    /// In this folder.
    pub folder: Option<FolderId>,
    /// With this label.
    pub tag: Option<String>,
    /// Last changed before this.
    pub before: Option<Timestamp>,
    /// Last changed at this moment or later.
    pub after: Option<Timestamp>,
    /// Those in the archive instead of the others.
    pub archived: bool,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageRole {
    /// The person.
    User,
    /// The model.
    Assistant,
    /// Instructions; kept from adopted chats, never shown as speech.
    System,
}

impl MessageRole {
    /// The word stored in the database and shown in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Assistant, Self::System].into_iter().find(|role| role.as_str() == text)
    }
}

/// Where an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// Whole.
    Complete,
    /// A generation is writing it.
    Streaming,
    /// The person stopped it; the text so far is kept.
    Stopped,
    /// The provider failed; the text so far is kept and `error` says why.
    Failed,
    /// The process that wrote it died; the text so far is kept.
    Interrupted,
}

impl MessageStatus {
    /// The word stored in the database and shown in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Streaming => "streaming",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Complete, Self::Streaming, Self::Stopped, Self::Failed, Self::Interrupted]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// One turn of a conversation, as stored: `content` is Markdown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The message it follows.
    pub parent_id: Option<MessageId>,
    /// Who speaks.
    pub role: MessageRole,
    /// Markdown.
    pub content: String,
    /// Where it stands.
    pub status: MessageStatus,
    /// Why it failed, or what a whole one lacks: a code of [`crate::ErrorCode`], with the provider's words if they help.
    pub error: Option<MessageError>,
    /// Which model wrote it.
    pub model: Option<String>,
    /// Tokens of prompt and answer together, where the provider tells.
    pub tokens_used: Option<i32>,
    /// What its model was told and said, where the provider counts.
    #[serde(default)]
    pub tokens: Option<Tokens>,
    /// US dollars, where its model had a price.
    #[serde(default)]
    pub cost: Option<f64>,
    /// Whether its model thought aloud.
    #[serde(default)]
    pub thought: bool,
    /// Older messages that its model was not told.
    #[serde(default)]
    pub left_out: i32,
    /// The conversation up to here, in percent of what its model is told at most.
    #[serde(default)]
    pub memory_used: Option<i16>,
    /// What a model is told instead of everything up to here.
    #[serde(default)]
    pub summary: Option<String>,
    /// Milliseconds from the question's commit to the answer's last token.
    pub latency_ms: Option<i32>,
    /// What was searched and how well it fitted; answers with retrieval only.
    pub retrieval: Option<RetrievalSummary>,
    /// The sources, by number.
    pub citations: Vec<Citation>,
    /// The run that writes it, while it runs.
    pub generation_id: Option<GenerationId>,
    /// The messages in whose place it stands, itself among them, oldest first; empty when it stands alone.
    #[serde(default)]
    pub siblings: Vec<MessageId>,
    /// What its reader thinks of an answer.
    #[serde(default)]
    pub rating: Option<Rating>,
    /// And why, in the words they chose.
    #[serde(default)]
    pub rating_reason: Option<String>,
    /// The images that a question is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<MessageImage>,
    /// What an answer made of artifacts, in the order of its text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<MessageArtifact>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An image that a question is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageImage {
    /// Its id.
    pub id: ImageId,
    /// Pixels.
    pub width: i32,
    /// Pixels.
    pub height: i32,
}

impl MessageImage {
    /// So many a question has at most.
    pub const MOST: usize = 8;
}

impl Message {
    /// A question that was just asked.
    #[must_use]
    pub fn asked(id: MessageId, content: String, at: Timestamp) -> Self {
        Self {
            id,
            parent_id: None,
            role: MessageRole::User,
            content,
            status: MessageStatus::Complete,
            error: None,
            model: None,
            tokens_used: None,
            tokens: None,
            cost: None,
            thought: false,
            left_out: 0,
            memory_used: None,
            summary: None,
            latency_ms: None,
            retrieval: None,
            citations: Vec::new(),
            generation_id: None,
            siblings: Vec::new(),
            rating: None,
            rating_reason: None,
            images: Vec::new(),
            artifacts: Vec::new(),
            created_at: at,
        }
    }

    /// An answer that has just begun.
    #[must_use]
    pub fn begun(id: MessageId, generation: GenerationId, at: Timestamp) -> Self {
        Self {
            role: MessageRole::Assistant,
            status: MessageStatus::Streaming,
            generation_id: Some(generation),
            ..Self::asked(id, String::new(), at)
        }
    }
}

/// What a reader thinks of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// It helped.
    Good,
    /// It did not.
    Bad,
}

impl Rating {
    /// Characters of what somebody says beside it.
    const MAX_REASON: usize = 1_000;

    /// What somebody says beside it, within its bound; `None` where that is nothing.
    #[must_use]
    pub fn reason(said: &str) -> Option<String> {
        let said: String = said.chars().filter(|c| !c.is_control() || *c == '\n').take(Self::MAX_REASON).collect();
        Some(said.trim().to_owned()).filter(|said| !said.is_empty())
    }

    /// The stored number.
    #[must_use]
    pub const fn as_i16(self) -> i16 {
        match self {
            Self::Good => 1,
            Self::Bad => -1,
        }
    }

    /// Reads the stored number.
    #[must_use]
    pub fn parse(number: i16) -> Option<Self> {
        [Self::Good, Self::Bad].into_iter().find(|rating| rating.as_i16() == number)
    }
}

/// Why an answer failed, or was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageError {
    /// A code of [`crate::ErrorCode`], as text.
    pub code: String,
    /// What the provider said, cut to 300 characters, without secrets.
    pub detail: Option<String>,
}

/// What a person sees of a retrieval without opening "Why this answer".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrievalSummary {
    /// Documents the person could search.
    pub searched_documents: i64,
    /// Passages given to the model.
    pub passages: i32,
    /// The best match, also when it was below the threshold.
    pub best: Option<BestMatch>,
    /// The threshold used, 0 to 1.
    pub min_score: f64,
    /// Set when the vector index could not be asked and text search answered alone.
    pub degraded: bool,
}

/// The best candidate of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestMatch {
    /// Its document.
    pub document_id: DocumentId,
    /// The document's title. Not stored with an answer, but read from the document whenever it is shown.
    #[serde(default)]
    pub title: String,
    /// Relevance, 0 to 1, calibrated per embedding model.
    pub score: f64,
}

/// One source of an answer: a passage, and what of it was found word for word.
///
/// Title and access are read from PostgreSQL whenever it is shown, so a deleted document's citation has no text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Citation {
    /// The number in the text, `[n]`, from 1.
    pub n: i32,
    /// The document.
    pub document_id: DocumentId,
    /// Its version when it was cited.
    pub version: i32,
    /// The chunk's place in that version, from 0.
    pub seq: i32,
    /// First character of the passage in the document's text.
    pub start: i32,
    /// One after its last character.
    pub end: i32,
    /// The words in it that the answer stands on, as far as they were found: those of the use that they bear out best.
    #[serde(default)]
    pub quote: Option<TextRange>,
    /// The page that these words begin on, else the passage, for paged documents.
    pub page: Option<i32>,
    /// Relevance, 0 to 1.
    pub score: f64,
    /// Whether the words beside its marks stand in the passage: what is true of the weakest.
    pub verdict: Verdict,
    /// Each place of the answer that names it, in their order, as far as they were checked: the first fifty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<CitationUse>,
    /// What is there now: `None` when the document was deleted, replaced or is no longer shared.
    pub source: Option<CitationSource>,
    /// The document's title, where a newer version of it has taken the place of the cited one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<String>,
}

impl Citation {
    /// Where it leads: to the words that its best use stands on.
    #[must_use]
    pub fn address(&self) -> PassageAddress {
        self.address_of(self.quote)
    }

    /// Where a use of it leads that stands on these words.
    #[must_use]
    pub fn address_of(&self, quote: Option<TextRange>) -> PassageAddress {
        PassageAddress {
            document: self.document_id.to_string(),
            passage: TextRange { start: self.start, end: self.end },
            quote,
        }
    }
}

/// One mark of an answer, and what it stands on: two quotations of one passage lead to two places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CitationUse {
    /// The first character of the mark in the answer's text.
    pub at: i32,
    /// Whether the words beside it stand in the passage.
    pub verdict: Verdict,
    /// The words of the passage, as far as they were found, by their characters in the document's text.
    pub quote: Option<TextRange>,
}

/// Reads a citation mark at the beginning of a text: `[3]`, `[1, 2]`, `[^3]` or `【3】`. Gives its numbers, from 1, and its
/// length in bytes.
#[must_use]
pub fn citation_mark(text: &str) -> Option<(Vec<i32>, usize)> {
    let (open, close) = match text.chars().next()? {
        '[' => ('[', ']'),
        '【' => ('【', '】'),
        _ => return None,
    };
    let end = text.char_indices().take(32).find(|(_, c)| *c == close)?.0;
    let number = |part: &str| {
        let digits = part.trim().trim_start_matches('^');
        let number = if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None };
        number.filter(|n| *n > 0)
    };
    let numbers = text[open.len_utf8()..end].split(',').map(number).collect::<Option<_>>()?;
    Some((numbers, end + close.len_utf8()))
}

/// The part of a citation that is only shown while the document is there and readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CitationSource {
    /// The document's title.
    pub title: String,
    /// The passage.
    pub text: String,
}

/// How well a quote stands up against the stored text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The quoted words stand in the passage.
    Verified,
    /// Most of the words do, or nothing was quoted and the sentence shares its words with the passage.
    Weak,
    /// They do not.
    NotFound,
}

impl Verdict {
    /// The word stored in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Weak => "weak",
            Self::NotFound => "not_found",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Verified, Self::Weak, Self::NotFound].into_iter().find(|verdict| verdict.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_gives_its_numbers_and_its_length() {
        assert_eq!(citation_mark("[1, 2] and"), Some((vec![1, 2], 6)));
        assert_eq!(citation_mark("【3】"), Some((vec![3], 7)));
        assert_eq!(citation_mark("[^4]"), Some((vec![4], 4)));
        for text in ["", "1]", "[]", "[0]", "[-1]", "[+1]", "[a]", "[1", "[99999999999]", "[1,]"] {
            assert_eq!(citation_mark(text), None, "{text}");
        }
    }
}

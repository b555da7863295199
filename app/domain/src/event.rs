//! What a running generation tells.
//!
//! [`GenerationEvent`] is what is stored, in order, and is the truth; [`StreamEvent`] is what one reader's event
//! stream is told, with Markdown already turned into safe HTML, so that the browser needs no parser.

use serde::{Deserialize, Serialize};

use crate::{
    chat::{Citation, MessageError, MessageStatus, RetrievalSummary},
    id::{ChatId, MessageId},
};

/// What the server is doing before the first word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum AnswerStage {
    /// Searching a number of documents.
    Searching {
        /// How many the person can search.
        documents: i64,
    },
    /// The model has the question.
    Asking {
        /// Which model.
        model: String,
    },
    /// It thinks aloud.
    Thinking,
    /// Words are coming.
    Writing,
}

/// One stored event of a generation; its sequence number is the row's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GenerationEvent {
    /// A stage began.
    Stage(AnswerStage),
    /// Passages were found: the citations that `[n]` may name.
    Sources {
        /// All of them, in the order of their numbers.
        citations: Vec<Citation>,
        /// What was searched.
        retrieval: RetrievalSummary,
    },
    /// What the model thinks aloud, following what it thought before; no part of the answer.
    Reasoning {
        /// The words.
        delta: String,
    },
    /// Markdown that follows what came before.
    Text {
        /// The words.
        delta: String,
    },
    /// The end; nothing follows.
    End {
        /// How it ended.
        status: MessageStatus,
        /// Why, when it failed.
        error: Option<MessageError>,
    },
}

/// A chat of the reader's was changed, in this tab or elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatNotice {
    /// Which; `None` when some may have been missed.
    pub chat: Option<ChatId>,
    /// Another number when the questions that wait in it have changed.
    pub queue: i32,
    /// The last message of its shown branch, when one was chosen.
    pub leaf: Option<MessageId>,
}

/// One event of a reader's stream. `block` events replace the block of that index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StreamEvent {
    /// A stage began.
    Stage(AnswerStage),
    /// The block of this index now looks like this.
    Block {
        /// From 0.
        index: u32,
        /// Safe HTML.
        html: String,
    },
    /// The part of this index of what the model thinks aloud now looks like this.
    Thought {
        /// From 0.
        index: u32,
        /// Safe HTML.
        html: String,
    },
    /// The end: load the message to see it whole.
    End {
        /// How it ended.
        status: MessageStatus,
    },
}

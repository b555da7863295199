//! What a chat model is to the rest of the product.

use std::sync::Arc;

use async_trait::async_trait;
use cjhirashi_domain::chat::MessageRole;
use futures::stream::BoxStream;
use serde_json::{Map, Value};

use crate::ModelError;

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatTurn {
    /// Who speaks. Turns of [`MessageRole::System`] are joined to the instructions, neighbours of one side to one turn.
    pub role: MessageRole,
    /// What they say.
    pub content: String,
    /// The images that they speak about; a person's turns alone.
    pub images: Vec<ChatImage>,
}

impl ChatTurn {
    /// A turn of words alone.
    #[must_use]
    pub const fn of(role: MessageRole, content: String) -> Self {
        Self { role, content, images: Vec::new() }
    }
}

/// An image as providers take it.
#[derive(Clone, PartialEq, Eq)]
pub struct ChatImage {
    /// `image/png`, for example.
    pub media_type: String,
    /// Its bytes in Base64.
    pub base64: Arc<str>,
}

impl std::fmt::Debug for ChatImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} characters", self.media_type, self.base64.len())
    }
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatRequest {
    /// Instructions before the conversation.
    pub system: Option<String>,
    /// The conversation, oldest first, ending with a person's turn.
    pub messages: Vec<ChatTurn>,
    /// Sampling temperature, 0 to 2; the provider's own default when absent.
    pub temperature: Option<f64>,
    /// The most tokens of the answer; the provider's own default when absent.
    pub max_tokens: Option<u32>,
    /// Sequences before which the answer ends. A provider may not take them, so whoever asks has to look for them, too.
    pub stop: Vec<String>,
    /// More fields of OpenAI's protocol, told as they are to providers that speak it. To others they mean nothing, except
    /// [`RESPONSE_FORMAT`]: a model that cannot be told it refuses.
    pub fields: Map<String, Value>,
}

/// The field of [`ChatRequest::fields`] that says what shape the answer has.
pub const RESPONSE_FORMAT: &str = "response_format";

impl ChatRequest {
    /// The instructions, with the turns that are instructions too, and the conversation in turns that alternate: what
    /// every provider takes. The templates of many local models refuse two turns of one side in a row, and instructions
    /// anywhere but at the beginning.
    pub(crate) fn parts(&self) -> (Option<String>, Vec<ChatTurn>) {
        let mut system = self.system.clone().unwrap_or_default();
        let mut turns: Vec<ChatTurn> = Vec::with_capacity(self.messages.len());
        for turn in &self.messages {
            let joined = match turns.last_mut() {
                _ if turn.role == MessageRole::System => &mut system,
                Some(last) if last.role == turn.role => {
                    last.images.extend_from_slice(&turn.images);
                    &mut last.content
                }
                _ => {
                    turns.push(turn.clone());
                    continue;
                }
            };
            if !joined.is_empty() {
                joined.push_str("\n\n");
            }
            joined.push_str(&turn.content);
        }
        ((!system.is_empty()).then_some(system), turns)
    }
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// It had said everything.
    Stop,
    /// `max_tokens` or the context was used up.
    Length,
    /// The provider's filter cut it.
    Filtered,
    /// Anything else.
    Other,
}

/// One piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatDelta {
    /// Text that follows what came before.
    Text(String),
    /// Thinking aloud; never part of the answer.
    Reasoning(String),
    /// Tokens, as far as the provider counts them; comes at most once, last or next to last.
    Usage {
        /// Of the question with everything around it.
        prompt: u64,
        /// Of the answer, thinking included.
        completion: u64,
    },
    /// The end of the answer. A stream that ends without it ends with an error.
    Finish(FinishReason),
}

/// The pieces of one answer. Dropping it breaks the connection, which stops the provider's work.
pub type ChatStream = BoxStream<'static, Result<ChatDelta, ModelError>>;

/// A model that answers.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// `provider:name`.
    fn id(&self) -> &str;

    /// Asks. Returns once the provider has accepted the request, so that refusals come as the call's own error;
    /// what fails later comes in the stream, as its last item.
    ///
    /// # Errors
    /// See [`ModelError`]. Short waits that a provider asks for, and single failures to connect, are already
    /// tried again inside.
    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_joined_and_turns_alternate() {
        let turn = |role, content: &str| ChatTurn::of(role, content.to_owned());
        let request = ChatRequest {
            system: Some("ours".to_owned()),
            messages: vec![
                turn(MessageRole::System, "theirs"),
                turn(MessageRole::User, "a"),
                turn(MessageRole::System, "more"),
                turn(MessageRole::User, "b"),
                turn(MessageRole::Assistant, "c"),
                turn(MessageRole::User, "d"),
            ],
            ..ChatRequest::default()
        };
        let (system, turns) = request.parts();
        assert_eq!(system.as_deref(), Some("ours\n\ntheirs\n\nmore"));
        assert_eq!(
            turns,
            [turn(MessageRole::User, "a\n\nb"), turn(MessageRole::Assistant, "c"), turn(MessageRole::User, "d")]
        );
        assert_eq!(ChatRequest::default().parts(), (None, Vec::new()));
    }
}

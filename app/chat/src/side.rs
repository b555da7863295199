//! Questions that a person did not ask: a model names a chat, or sums up what no longer fits into its memory. They are
//! asked beside the answers, and are the person's to pay like these.

use std::time::Duration;

use cjhirashi_domain::{chat::MessageRole, id::UserId, spending::Tokens, text::InvalidText};
use cjhirashi_models::{ChatDelta, ChatRequest, ChatTurn, ModelError};
use cjhirashi_storage::StorageError;
use futures::StreamExt as _;

use crate::service::Shared;

/// Who is asked, and on whose account.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) user: &'a UserId,
    /// `provider:name`.
    pub(crate) model: &'a str,
}

/// What is asked, and how much of an answer is waited for.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) instructions: &'static str,
    /// Quoted to the model, which is told to obey nothing in it.
    pub(crate) material: String,
    pub(crate) max_tokens: u32,
    /// Bytes of the answer that are read.
    pub(crate) most: usize,
    /// Nobody waits for the answer, but a server that stops does.
    pub(crate) patience: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the model said nothing that can be used: {0}")]
    Useless(#[from] InvalidText),
    #[error("the model took too long")]
    Late,
}

impl Side<'_> {
    /// What the model says; what it took is noted.
    pub(crate) async fn ask(self, question: Question) -> Result<String, Failure> {
        let Question { instructions, material, max_tokens, most, patience } = question;
        let request = ChatRequest {
            system: Some(instructions.to_owned()),
            messages: vec![ChatTurn::of(MessageRole::User, material)],
            temperature: Some(0.2),
            max_tokens: Some(max_tokens),
            ..ChatRequest::default()
        };
        tokio::time::timeout(patience, self.listen(request, most)).await.map_err(|_| Failure::Late)?
    }

    async fn listen(self, request: ChatRequest, most: usize) -> Result<String, Failure> {
        let mut stream = self.shared.models.chat(self.model)?.stream(request).await?;
        let mut text = String::new();
        while let Some(delta) = stream.next().await {
            match delta? {
                ChatDelta::Text(words) => text.push_str(&words),
                ChatDelta::Usage { prompt, completion } => self.spent(0, tokens(prompt, completion)).await,
                ChatDelta::Reasoning(_) | ChatDelta::Finish(_) => {}
            }
            if text.len() > most {
                break;
            }
        }
        Ok(text)
    }

    /// Notes what a model took beside the answers of chats: `answers` of them, or none.
    pub(crate) async fn spent(self, answers: i64, tokens: Tokens) {
        let Self { shared, user, model } = self;
        let price = shared.models.known_of(model).1;
        if let Err(error) = shared.store.note_spending(user, model, answers, tokens, price).await {
            tracing::warn!(%error, %model, "what a model took could not be noted");
        }
    }
}

/// Tokens as a provider counts them.
pub(crate) fn tokens(prompt: u64, completion: u64) -> Tokens {
    let count = |tokens| i32::try_from(tokens).unwrap_or(i32::MAX);
    Tokens { prompt: count(prompt), completion: count(completion) }
}

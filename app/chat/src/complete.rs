//! Answers that are not kept: what the OpenAI-compatible API asks for. They belong to their request; dropping the
//! stream leaves the provider.

use std::sync::Arc;

use cjhirashi_domain::{
    Timestamp, Viewer,
    chat::{Citation, CitationSource, MessageRole, RetrievalSummary},
    id::GenerationId,
    text::{InvalidText, MessageText},
};
use cjhirashi_models::{ChatDelta, ChatTurn, FinishReason};
use futures::{StreamExt as _, stream::BoxStream};

use crate::{
    ChatError, ChatService, EXTRACTIVE,
    cited::MadeOf,
    prompt,
    retrieved::{Retrieved, Wanted, retrieve},
    run::{self, Ask, MAX_ANSWER},
    side::{self, Side},
    stop::StopAt,
};

/// The most turns of a conversation that is sent whole.
const MAX_MESSAGES: usize = 500;

/// A conversation to be answered once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CompletionRequest {
    /// `provider:name`; the caller's own default when absent.
    pub model: Option<String>,
    /// The conversation, ending with a turn of the user; only instructions may follow it.
    pub messages: Vec<ChatTurn>,
    /// 0 to 2; the caller's setting when absent.
    pub temperature: Option<f64>,
    /// The caller's setting when absent.
    pub max_tokens: Option<u32>,
    /// Sequences before which the answer ends.
    pub stop: Vec<String>,
    /// See [`cjhirashi_models::ChatRequest::fields`].
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Whether and how documents are searched. Absent: not searched, except for the extractive answerer, which has
    /// nothing else to say.
    pub retrieval: Option<RetrievalOptions>,
}

/// How documents are searched for an answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RetrievalOptions {
    /// Whether at all.
    pub enabled: bool,
    /// 1 to 20 passages; the caller's setting when absent.
    pub top_k: Option<i32>,
    /// 0 to 1; the caller's setting when absent.
    pub min_score: Option<f64>,
    /// Only documents with one of these labels; empty: all.
    pub tags: Vec<String>,
}

/// An answer that has begun.
pub struct Completion {
    /// A name for it; nothing is kept under it.
    pub id: GenerationId,
    /// Which model answers.
    pub model: String,
    /// When it began.
    pub created_at: Timestamp,
    /// Every passage given to the model, by number, not yet judged.
    pub citations: Vec<Citation>,
    /// What was searched.
    pub retrieval: Option<RetrievalSummary>,
    /// The answer.
    pub stream: CompletionStream,
}

/// The pieces of a completion; ends with [`CompletionEvent::End`] or an error.
pub type CompletionStream = BoxStream<'static, Result<CompletionEvent, ChatError>>;

/// One piece of a completion.
#[derive(Debug, Clone, PartialEq)]
pub enum CompletionEvent {
    /// Markdown that follows what came before.
    Text(String),
    /// The end.
    End {
        /// The passages that the text cites, each judged.
        citations: Vec<Citation>,
        /// Tokens of the prompt, where the provider tells.
        prompt_tokens: Option<u64>,
        /// Tokens of the answer, where the provider tells.
        completion_tokens: Option<u64>,
        /// Why the model stopped.
        finish: FinishReason,
    },
}

impl ChatService {
    /// Answers a conversation without keeping anything. Returns once the provider accepted the question.
    ///
    /// # Errors
    /// [`ChatError::Conversation`] and [`ChatError::Text`] for what cannot be asked, [`ChatError::Model`],
    /// [`ChatError::Retrieval`], [`ChatError::Closing`].
    pub async fn complete(&self, viewer: &Viewer, request: CompletionRequest) -> Result<Completion, ChatError> {
        if self.shared.draining.load(std::sync::atomic::Ordering::Acquire) {
            return Err(ChatError::Closing);
        }
        let turns = conversation(request.messages)?;
        let settings = self.shared.store.get_settings(&viewer.user_id).await?;
        let model = match request.model.as_deref().map(str::trim) {
            None | Some("" | "default") => self.shared.models.resolve_to_ask(&settings.default_model).await.id,
            Some(EXTRACTIVE) => EXTRACTIVE.to_owned(),
            // By its own name, so that the answer says who gave it; one that nobody knows is refused when it is asked.
            Some(model) => match self.shared.models.chat(model) {
                Ok(known) => known.id().to_owned(),
                Err(_) => model.to_owned(),
            },
        };
        let asked_about = turns.iter().rev().find(|turn| turn.role == MessageRole::User);
        if asked_about.is_some_and(|turn| !turn.images.is_empty()) && self.shared.models.sees(&model) == Some(false) {
            return Err(ChatError::Blind);
        }
        let options = request
            .retrieval
            .unwrap_or(RetrievalOptions { enabled: model == EXTRACTIVE, ..RetrievalOptions::default() });
        let retrieved = if options.enabled {
            let wanted = Wanted {
                text: prompt::search_text(turns.iter().map(|turn| (turn.role, turn.content.as_str()))),
                top_k: options.top_k.unwrap_or(settings.rag_top_k).clamp(1, 20),
                min_score: options
                    .min_score
                    .filter(|score| score.is_finite())
                    .unwrap_or(settings.rag_min_score)
                    .clamp(0.0, 1.0),
                tags: options.tags,
            };
            let documents = self.shared.store.search_scope(viewer, &wanted.tags).await?.documents;
            retrieve(&self.shared, viewer, wanted, documents).await?
        } else {
            None
        };
        let ask = Ask {
            artifacts: None,
            model: &model,
            language: retrieved.as_ref().and_then(|found| found.language).unwrap_or(settings.language),
            temperature: request.temperature.or(Some(settings.temperature)),
            max_tokens: request.max_tokens.or_else(|| u32::try_from(settings.max_tokens).ok()),
            instructions: "",
            stop: &request.stop,
            fields: Some(&request.fields),
        };
        let mut deltas = run::ask_model(&self.shared, turns, ask, retrieved.as_ref()).await?;
        let now = self.shared.store.now();
        let provider = model.clone();
        let citations = retrieved.as_ref().map(with_sources).unwrap_or_default();
        let retrieval = retrieved.as_ref().map(|found| found.summary.clone());
        let closed = self.shared.closed.clone();
        let store = self.shared.store.clone();
        let (shared, user) = (Arc::clone(&self.shared), viewer.user_id.clone());
        let mut stop = StopAt::new(request.stop);
        let stream = async_stream::stream! {
            let mut text = String::new();
            let (mut prompt_tokens, mut completion_tokens) = (None, None);
            let mut finish = FinishReason::Other;
            let mut failed = None;
            loop {
                let delta = tokio::select! {
                    delta = deltas.next() => delta,
                    () = closed.cancelled() => {
                        yield Err(ChatError::Closing);
                        return;
                    }
                };
                match delta {
                    None => break,
                    Some(Ok(ChatDelta::Text(delta))) => {
                        let (delta, ended) = stop.push(&delta);
                        text.push_str(&delta);
                        if !delta.is_empty() {
                            yield Ok(CompletionEvent::Text(delta));
                        }
                        if ended {
                            finish = FinishReason::Stop;
                            break;
                        }
                        if text.len() > MAX_ANSWER {
                            finish = FinishReason::Length;
                            break;
                        }
                    }
                    Some(Ok(ChatDelta::Reasoning(_))) => {}
                    Some(Ok(ChatDelta::Usage { prompt, completion })) => {
                        (prompt_tokens, completion_tokens) = (Some(prompt), Some(completion));
                        let side = Side { shared: &shared, user: &user, model: &provider };
                        side.spent(1, side::tokens(prompt, completion)).await;
                    }
                    Some(Ok(ChatDelta::Finish(reason))) => finish = reason,
                    Some(Err(error)) => {
                        tracing::warn!(%error, model = %provider, "a completion was not completed");
                        failed = Some(error);
                        break;
                    }
                }
            }
            // Of a provider that was left before its end nothing more is wanted.
            drop(deltas);
            let rest = stop.rest();
            if !rest.is_empty() {
                text.push_str(&rest);
                yield Ok(CompletionEvent::Text(rest));
            }
            if let Some(error) = failed {
                yield Err(ChatError::Model(error));
                return;
            }
            let citations = match &retrieved {
                Some(found) => {
                    let named = with_sources(found);
                    let source = |n: i32| named.iter().find(|c| c.n == n).and_then(|c| c.source.clone());
                    let judged = found.cited_in(&store, &text, MadeOf::Words).await;
                    judged.into_iter().map(|c| Citation { source: source(c.n), ..c }).collect()
                }
                None => Vec::new(),
            };
            yield Ok(CompletionEvent::End {
                citations,
                prompt_tokens,
                completion_tokens,
                finish,
            });
        };
        Ok(Completion {
            id: GenerationId::new(now, self.shared.store.random()),
            model,
            created_at: now,
            citations,
            retrieval,
            stream: stream.boxed(),
        })
    }
}

/// Checks what came from outside as a chat's own messages are checked.
fn conversation(messages: Vec<ChatTurn>) -> Result<Vec<ChatTurn>, ChatError> {
    let question = messages.iter().rposition(|turn| turn.role != MessageRole::System);
    let question = question.filter(|at| messages.get(*at).is_some_and(|turn| turn.role == MessageRole::User));
    let Some(question) = question.filter(|_| messages.len() <= MAX_MESSAGES) else {
        return Err(ChatError::Conversation { max: MAX_MESSAGES });
    };
    messages
        .into_iter()
        .enumerate()
        .filter(|(at, turn)| *at == question || !turn.images.is_empty() || !turn.content.trim().is_empty())
        .map(|(_, turn)| {
            // An image may be the whole question.
            let content = match MessageText::parse(&turn.content) {
                Err(InvalidText::Empty) if !turn.images.is_empty() => String::new(),
                text => text?.into_string(),
            };
            Ok(ChatTurn { content, ..turn })
        })
        .collect()
}

/// The citations with title and passage: this answer is not kept, so nothing can outlive its document.
fn with_sources(found: &Retrieved) -> Vec<Citation> {
    found
        .citations
        .iter()
        .zip(&found.passages)
        .map(|(citation, passage)| Citation {
            source: Some(CitationSource { title: passage.title.clone(), text: passage.text.clone() }),
            ..citation.clone()
        })
        .collect()
}

//! Chat with OpenAI and everything that speaks like it: Ollama, llama.cpp, vLLM, LM Studio, OpenRouter and many more.
//!
//! `genai` (0.7.2), which asks the other providers, is not used here: its reader of this format cannot tell a stream that was
//! cut from one of a server that sends no `[DONE]`, and warns in the log about every first chunk. Both matter with
//! the servers people run themselves.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::StreamExt;
use parking_lot::Mutex;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Endpoint;
use crate::{
    ChatDelta, ChatImage, ChatModel, ChatRequest, ChatStream, FinishReason, ModelError,
    http::{Caller, Clients, Patience},
    sse::Decoder,
};

/// After the last piece of an answer, usage and `[DONE]` follow at once, or never.
const TAIL: Duration = Duration::from_secs(5);
/// The largest answer of a server that does not stream.
const WHOLE_BYTES: usize = 16 * 1024 * 1024;

pub(crate) struct OpenAiChat {
    id: String,
    endpoint: Endpoint,
    caller: Caller,
    clients: Clients,
    dialect: Arc<Mutex<Dialect>>,
}

/// What this model of this server accepts. Learned from its refusals and kept, so that only the first question pays.
#[derive(Debug, Clone, Copy)]
struct Dialect {
    temperature: bool,
    stream_options: bool,
    /// Models that think refuse it.
    stop: bool,
    /// `max_completion_tokens`, which newer models of OpenAI insist on, or `max_tokens`, which everybody else knows.
    completion_tokens: bool,
}

impl OpenAiChat {
    pub(crate) fn new(id: String, name: &str, endpoint: Endpoint, clients: Clients) -> Self {
        let dialect =
            Dialect { temperature: true, stream_options: true, stop: true, completion_tokens: endpoint.is_openai() };
        Self { id, caller: endpoint.caller(name), endpoint, clients, dialect: Arc::new(Mutex::new(dialect)) }
    }

    fn body(&self, request: &ChatRequest, dialect: Dialect) -> Value {
        let (system, turns) = request.parts();
        let mut messages = Vec::with_capacity(turns.len() + 1);
        if let Some(system) = system {
            messages.push(json!({"role": "system", "content": system}));
        }
        for turn in turns {
            let content = match turn.images.as_slice() {
                // Not every server takes parts.
                [] => json!(turn.content),
                images => {
                    let url = |image: &ChatImage| format!("data:{};base64,{}", image.media_type, image.base64);
                    let images =
                        images.iter().map(|image| json!({"type": "image_url", "image_url": {"url": url(image)}}));
                    std::iter::once(json!({"type": "text", "text": turn.content})).chain(images).collect()
                }
            };
            messages.push(json!({"role": turn.role.as_str(), "content": content}));
        }
        let mut body = json!({"model": self.caller.model, "messages": messages, "stream": true});
        if dialect.stream_options {
            body["stream_options"] = json!({"include_usage": true});
        }
        if let Some(temperature) = request.temperature.filter(|_| dialect.temperature) {
            body["temperature"] = json!(temperature);
        }
        if let Some(max_tokens) = request.max_tokens {
            let name = if dialect.completion_tokens { "max_completion_tokens" } else { "max_tokens" };
            body[name] = json!(max_tokens);
        }
        if dialect.stop && !request.stop.is_empty() {
            body["stop"] = json!(request.stop);
        }
        for (name, value) in &request.fields {
            body[name] = value.clone();
        }
        body
    }

    /// Sends, and learns from refusals that name a field.
    async fn send(&self, request: &ChatRequest) -> Result<reqwest::Response, ModelError> {
        let url = format!("{}/chat/completions", self.endpoint.base_url);
        loop {
            let dialect = *self.dialect.lock();
            let mut call = self.clients.for_url(&url).post(&url).json(&self.body(request, dialect));
            if let Some(key) = &self.endpoint.key {
                call = call.bearer_auth(key.reveal());
            }
            let error = match self.caller.accept(call.send().await).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let ModelError::Refused { status: 400 | 422, detail, .. } = &error else { return Err(error) };
            match dialect.without(detail, request) {
                Some(simpler) => *self.dialect.lock() = simpler,
                None => return Err(error),
            }
        }
    }
}

impl Dialect {
    /// The dialect without what a refusal names, when that was in the request. Each step removes something, so the loop
    /// that calls this ends.
    fn without(self, refusal: &str, request: &ChatRequest) -> Option<Self> {
        if self.stream_options && refusal.contains("stream_options") {
            Some(Self { stream_options: false, ..self })
        } else if !self.completion_tokens && request.max_tokens.is_some() && refusal.contains("max_completion_tokens") {
            Some(Self { completion_tokens: true, ..self })
        } else if self.temperature && request.temperature.is_some() && refusal.contains("temperature") {
            Some(Self { temperature: false, ..self })
        } else if self.stop && !request.stop.is_empty() && refusal.contains("stop") {
            Some(Self { stop: false, ..self })
        } else {
            None
        }
    }
}

#[async_trait]
impl ChatModel for OpenAiChat {
    fn id(&self) -> &str {
        &self.id
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let answer = Patience::FOREGROUND.run(|| self.send(&request)).await?;
        let streams = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_none_or(|kind| !kind.starts_with("application/json"));
        let caller = self.caller.clone();
        if streams { Ok(read_stream(answer, caller)) } else { read_whole(answer, caller).await }
    }
}

/// What has been seen of an answer.
#[derive(Default)]
struct Reader {
    finish: Option<FinishReason>,
    usage: Option<(u64, u64)>,
    done: bool,
}

impl Reader {
    /// Reads the data of one event.
    fn read(&mut self, data: &str, caller: &Caller) -> Result<[Option<ChatDelta>; 2], ModelError> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok([None, None]);
        }
        let chunk: Chunk = serde_json::from_str(data)
            .map_err(|error| caller.unexpected(format!("a chunk that is no JSON: {error}")))?;
        if let Some(error) = chunk.error {
            return Err(caller.told(&error));
        }
        if let Some(usage) = chunk.usage {
            self.usage = Some((usage.prompt_tokens.unwrap_or(0), usage.completion_tokens.unwrap_or(0)));
        }
        let Some(choice) = chunk.choices.unwrap_or_default().into_iter().next() else { return Ok([None, None]) };
        if let Some(reason) = choice.finish_reason {
            self.finish = Some(match reason.as_str() {
                "stop" | "eos" | "end_turn" => FinishReason::Stop,
                "length" | "max_tokens" => FinishReason::Length,
                "content_filter" => FinishReason::Filtered,
                _ => FinishReason::Other,
            });
        }
        let delta = choice.delta.or(choice.message).unwrap_or_default();
        let reasoning = delta.reasoning_content.or(delta.reasoning).and_then(Words::into_text);
        let text = delta.content.and_then(Words::into_text);
        Ok([reasoning.map(ChatDelta::Reasoning), text.map(ChatDelta::Text)])
    }

    /// What ends the answer, once nothing more comes.
    fn end(self, caller: &Caller) -> Result<[Option<ChatDelta>; 2], ModelError> {
        // `[DONE]` alone is an end too: some servers give no reason.
        let finish = match self.finish {
            Some(reason) => reason,
            None if self.done => FinishReason::Stop,
            None => return Err(caller.interrupted("the connection closed before the answer was whole")),
        };
        let usage = self.usage.map(|(prompt, completion)| ChatDelta::Usage { prompt, completion });
        Ok([usage, Some(ChatDelta::Finish(finish))])
    }
}

fn read_stream(answer: reqwest::Response, caller: Caller) -> ChatStream {
    let stream = async_stream::stream! {
        let mut bytes = answer.bytes_stream();
        let mut decoder = Decoder::default();
        let mut reader = Reader::default();
        let mut events = Vec::new();
        while !reader.done {
            let next = if reader.finish.is_some() {
                // Some servers hold the connection open when all is said.
                tokio::time::timeout(TAIL, bytes.next()).await.unwrap_or(None)
            } else {
                bytes.next().await
            };
            match next {
                Some(Ok(chunk)) => {
                    if decoder.feed(&chunk, |event| events.push(event)).is_err() {
                        yield Err(caller.unexpected("a line of more than 4 MB"));
                        return;
                    }
                }
                Some(Err(_)) if reader.finish.is_some() => break,
                Some(Err(error)) => {
                    let detail = caller.unreachable(&error).detail().unwrap_or_default();
                    yield Err(caller.interrupted(detail));
                    return;
                }
                None => {
                    events.extend(std::mem::take(&mut decoder).finish());
                    if events.is_empty() {
                        break;
                    }
                }
            }
            for event in events.drain(..) {
                match reader.read(&event, &caller) {
                    Ok(deltas) => {
                        for delta in deltas.into_iter().flatten() {
                            yield Ok(delta);
                        }
                    }
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                }
            }
        }
        match reader.end(&caller) {
            Ok(deltas) => {
                for delta in deltas.into_iter().flatten() {
                    yield Ok(delta);
                }
            }
            Err(error) => yield Err(error),
        }
    };
    stream.boxed()
}

/// A server that answers at once although it was asked to stream, or says 200 and then tells an error.
async fn read_whole(answer: reqwest::Response, caller: Caller) -> Result<ChatStream, ModelError> {
    let body = caller.body(answer, WHOLE_BYTES).await?;
    let mut reader = Reader::default();
    let deltas = reader.read(&String::from_utf8_lossy(&body), &caller)?;
    if deltas.iter().all(Option::is_none) && reader.finish.is_none() {
        return Err(caller.unexpected("JSON without an answer in it"));
    }
    reader.done = true;
    let end = reader.end(&caller)?;
    Ok(futures::stream::iter(deltas.into_iter().chain(end).flatten().map(Ok)).boxed())
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    message: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize, Default)]
struct Delta {
    content: Option<Words>,
    reasoning_content: Option<Words>,
    reasoning: Option<Words>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

/// Text, or Mistral's list of typed parts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    Text(String),
    Parts(Vec<Part>),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

impl Words {
    fn into_text(self) -> Option<String> {
        let text = match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
            Self::Other(_) => return None,
        };
        (!text.is_empty()).then_some(text)
    }
}

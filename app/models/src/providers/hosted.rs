//! Chat with Gemini and Anthropic, through `genai`.

use std::sync::Arc;

use async_trait::async_trait;
use cjhirashi_domain::chat::MessageRole;
use futures::StreamExt;
use genai::{
    Client, ModelIden, ServiceTarget,
    adapter::AdapterKind,
    chat::{ChatMessage, ChatOptions, ChatStreamEvent, ContentPart, MessageContent, StopReason},
    resolver::{AuthData, Endpoint as Address},
};
use parking_lot::Mutex;
use reqwest::header::HeaderMap;

use super::{Endpoint, Provider};
use crate::{
    ChatDelta, ChatModel, ChatRequest, ChatStream, FinishReason, ModelError, RESPONSE_FORMAT,
    http::{Caller, Clients, Patience},
};

pub(crate) struct HostedChat {
    id: String,
    caller: Caller,
    client: Client,
    target: ServiceTarget,
    /// Models that think refuse a temperature; learned from their refusal.
    temperature: Arc<Mutex<bool>>,
    highest_temperature: f64,
}

impl HostedChat {
    pub(crate) fn new(id: String, name: &str, endpoint: &Endpoint, clients: &Clients) -> Result<Self, ModelError> {
        let (adapter, highest_temperature) = match endpoint.provider {
            Provider::Anthropic => (AdapterKind::Anthropic, 1.0),
            _ => (AdapterKind::Gemini, 2.0),
        };
        let caller = endpoint.caller(name);
        let key = endpoint.key.as_ref().ok_or(ModelError::NotConfigured {
            provider: endpoint.provider.title(),
            variable: endpoint.provider.variable(),
        })?;
        let client = Client::builder()
            .with_reqwest(clients.for_url(&endpoint.base_url).clone())
            .build()
            .map_err(|error| caller.unexpected(error.to_string()))?;
        let target = ServiceTarget {
            // genai appends paths to the address as it is.
            endpoint: Address::from_owned(format!("{}/", endpoint.base_url)),
            auth: AuthData::from_single(key.reveal()),
            model: ModelIden::new(adapter, name),
        };
        Ok(Self { id, caller, client, target, temperature: Arc::new(Mutex::new(true)), highest_temperature })
    }

    /// Asks and waits for the provider's first word, because genai sends nothing before it is read from and reports
    /// refusals in the stream.
    async fn open(&self, request: &ChatRequest) -> Result<(ChatStreamEvent, genai::chat::ChatStream), ModelError> {
        loop {
            let with_temperature = *self.temperature.lock();
            let mut options = ChatOptions::default().with_capture_usage(true);
            if let Some(temperature) = request.temperature.filter(|_| with_temperature) {
                options = options.with_temperature(temperature.min(self.highest_temperature));
            }
            if let Some(max_tokens) = request.max_tokens {
                options = options.with_max_tokens(max_tokens);
            }
            // Anthropic refuses sequences of nothing but white space.
            let stop: Vec<String> = request.stop.iter().filter(|text| !text.trim().is_empty()).cloned().collect();
            if !stop.is_empty() {
                options = options.with_stop_sequences(stop);
            }
            let (system, turns) = request.parts();
            let messages: Vec<ChatMessage> = turns
                .into_iter()
                .map(|turn| match turn.role {
                    MessageRole::Assistant => ChatMessage::assistant(turn.content),
                    MessageRole::User | MessageRole::System => {
                        let images = turn
                            .images
                            .into_iter()
                            .map(|image| ContentPart::from_binary_base64(image.media_type, image.base64, None));
                        let parts = std::iter::once(ContentPart::from_text(turn.content)).chain(images);
                        ChatMessage::user(MessageContent::from_parts(parts.collect::<Vec<_>>()))
                    }
                })
                .collect();
            let mut asked = genai::chat::ChatRequest::new(messages);
            if let Some(system) = system {
                asked = asked.with_system(system);
            }
            let first = match self.client.exec_chat_stream(self.target.clone(), asked, Some(&options)).await {
                Ok(answer) => first_event(answer.stream).await,
                Err(error) => Err(error),
            };
            let error = match first {
                Ok(Some(opened)) => return Ok(opened),
                Ok(None) => self.caller.interrupted("the connection closed before the answer began"),
                Err(error) => self.error(error),
            };
            match &error {
                ModelError::Refused { status: 400, detail, .. }
                    if with_temperature && request.temperature.is_some() && detail.contains("temperature") =>
                {
                    *self.temperature.lock() = false;
                }
                _ => return Err(error),
            }
        }
    }

    fn error(&self, error: genai::Error) -> ModelError {
        convert(&self.caller, error)
    }
}

/// The first event that says something.
async fn first_event(
    mut stream: genai::chat::ChatStream,
) -> Result<Option<(ChatStreamEvent, genai::chat::ChatStream)>, genai::Error> {
    while let Some(event) = stream.next().await {
        match event? {
            ChatStreamEvent::Start | ChatStreamEvent::Heartbeat => {}
            event => return Ok(Some((event, stream))),
        }
    }
    Ok(None)
}

/// An error of genai in our words. It wraps refusals of the server in its stream's error.
fn convert(caller: &Caller, error: genai::Error) -> ModelError {
    match &error {
        genai::Error::WebStream { error: cause, .. } => match cause.downcast_ref::<genai::Error>() {
            Some(genai::Error::HttpError { status, headers, body, .. }) => caller.refusal(*status, headers, body),
            _ => match cause.downcast_ref::<reqwest::Error>() {
                Some(error) => caller.unreachable(error),
                None => caller.interrupted(cause.to_string()),
            },
        },
        genai::Error::HttpError { status, headers, body, .. } => caller.refusal(*status, headers, body),
        genai::Error::WebModelCall {
            webc_error: genai::webc::Error::ResponseFailedStatus { status, body, headers },
            ..
        } => caller.refusal(*status, headers, body),
        genai::Error::WebModelCall { webc_error: genai::webc::Error::Reqwest(error), .. } => caller.unreachable(error),
        // What genai makes of an answer of Gemini that has no candidates: the question was filtered.
        genai::Error::ChatResponse { body, .. }
            if body.get("error").is_none() && body.get("finishReason").is_some() =>
        {
            ModelError::Refused {
                provider: caller.provider.clone(),
                status: 0,
                detail: "the provider's content filter refused the question".to_owned(),
            }
        }
        genai::Error::ChatResponse { body, .. } => caller.told(body),
        genai::Error::StreamParse { serde_error, .. } => {
            caller.unexpected(format!("a chunk that is no JSON: {serde_error}"))
        }
        other => match other.status() {
            Some(status) => caller.refusal(status, other.headers().unwrap_or(&HeaderMap::new()), &other.to_string()),
            None => caller.unexpected(other.to_string()),
        },
    }
}

#[async_trait]
impl ChatModel for HostedChat {
    fn id(&self) -> &str {
        &self.id
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        if request.fields.contains_key(RESPONSE_FORMAT) {
            return Err(ModelError::no_format(&self.caller.provider));
        }
        let (first, rest) = Patience::FOREGROUND.run(|| self.open(&request)).await?;
        let caller = self.caller.clone();
        let stream = async_stream::stream! {
            let mut events = futures::stream::iter([Ok(first)]).chain(rest);
            while let Some(event) = events.next().await {
                match event {
                    Ok(ChatStreamEvent::Chunk(chunk)) if !chunk.content.is_empty() => {
                        yield Ok(ChatDelta::Text(chunk.content));
                    }
                    Ok(ChatStreamEvent::ReasoningChunk(chunk)) if !chunk.content.is_empty() => {
                        yield Ok(ChatDelta::Reasoning(chunk.content));
                    }
                    Ok(ChatStreamEvent::End(end)) => {
                        // genai ends every stream in order; only the provider's reason tells a whole one from a cut one.
                        let Some(reason) = end.captured_stop_reason else { break };
                        if let Some(usage) = end.captured_usage {
                            let tokens = |count: Option<i32>| u64::try_from(count.unwrap_or(0)).unwrap_or(0);
                            yield Ok(ChatDelta::Usage {
                                prompt: tokens(usage.prompt_tokens),
                                completion: tokens(usage.completion_tokens),
                            });
                        }
                        yield Ok(ChatDelta::Finish(match reason {
                            StopReason::Completed(_) | StopReason::StopSequence(_) => FinishReason::Stop,
                            StopReason::MaxTokens(_) => FinishReason::Length,
                            StopReason::ContentFilter(_) => FinishReason::Filtered,
                            StopReason::ToolCall(_) | StopReason::Other(_) => FinishReason::Other,
                        }));
                        return;
                    }
                    Ok(_) => {}
                    Err(error) => {
                        let error = match convert(&caller, error) {
                            ModelError::Unavailable { detail, .. } => caller.interrupted(detail),
                            error => error,
                        };
                        yield Err(error);
                        return;
                    }
                }
            }
            yield Err(caller.interrupted("the connection closed before the answer was whole"));
        };
        Ok(stream.boxed())
    }
}

//! Answers, as OpenAI's clients ask for them; with sources, for those that look for them.

use std::convert::Infallible;

use axum::{
    Json,
    extract::State,
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use cjhirashi_chat::{Completion, CompletionEvent, CompletionRequest, RetrievalOptions};
use cjhirashi_domain::{chat::MessageRole, settings::Language};
use cjhirashi_models::{ChatTurn, FinishReason};
use cjhirashi_sync::parse_tags;
use futures::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{auth::Caller, shapes::CitationBody};
use crate::{
    AppState,
    http::{
        body::ApiJson,
        error::{ApiError, ApiResult, ErrorBody},
        events,
    },
};

/// A conversation to be answered. Fields of OpenAI's API that are not named here are accepted and have no effect.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CompletionBody {
    /// `provider:name`, `extractive`, or `default`.
    #[serde(default)]
    model: Option<String>,
    /// Ending with a message of the user.
    messages: Vec<TurnBody>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    /// 0 to 2.
    #[serde(default)]
    temperature: Option<f64>,
    #[serde(default)]
    max_tokens: Option<u32>,
    /// The newer name of `max_tokens`.
    #[serde(default)]
    max_completion_tokens: Option<u32>,
    /// Search documents first, and give the passages to the model.
    #[serde(default)]
    retrieval: Option<RetrievalBody>,
}

/// What a stream tells besides the text.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// One message.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct TurnBody {
    /// `system` (or `developer`), `user` or `assistant`.
    role: String,
    /// Text, or OpenAI's list of parts, of which the texts are read.
    #[serde(default)]
    content: ContentBody,
}

/// What a message says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum ContentBody {
    Text(String),
    Parts(Vec<PartBody>),
    Nothing(()),
}

impl Default for ContentBody {
    fn default() -> Self {
        Self::Nothing(())
    }
}

/// A part of a message.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct PartBody {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
}

/// How documents are searched for the answer.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RetrievalBody {
    #[serde(default)]
    enabled: bool,
    /// 1 to 20; the key's owner's setting by default.
    #[serde(default)]
    top_k: Option<i32>,
    /// 0 to 1; the key's owner's setting by default.
    #[serde(default)]
    min_score: Option<f64>,
    /// Only documents with one of these labels.
    #[serde(default)]
    tags: Vec<String>,
}

/// An answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CompletionAnswer {
    id: String,
    #[schema(example = "chat.completion")]
    object: &'static str,
    /// Unix seconds.
    created: i64,
    model: String,
    choices: Vec<ChoiceBody>,
    usage: Option<UsageBody>,
    /// The sources that the answer names as `[n]`.
    citations: Vec<CitationBody>,
    /// What was searched, when documents were.
    retrieval: Option<RetrievalAnswer>,
}

/// The one choice.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChoiceBody {
    index: u32,
    message: AnswerBody,
    finish_reason: &'static str,
}

/// What the model says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnswerBody {
    role: &'static str,
    content: String,
}

/// Tokens, as far as the provider tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct UsageBody {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

/// What was searched.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RetrievalAnswer {
    /// Documents searched.
    searched_documents: i64,
    /// Passages given to the model.
    passages: i32,
    /// Relevance of the best match, also when it was below `min_score`.
    best_score: Option<f64>,
    min_score: f64,
    degraded: bool,
}

impl UsageBody {
    fn new(prompt: Option<u64>, completion: Option<u64>) -> Option<Self> {
        if prompt.is_none() && completion.is_none() {
            return None;
        }
        let (prompt_tokens, completion_tokens) = (prompt.unwrap_or(0), completion.unwrap_or(0));
        Some(Self { prompt_tokens, completion_tokens, total_tokens: prompt_tokens.saturating_add(completion_tokens) })
    }
}

fn turn(turn: TurnBody) -> ApiResult<ChatTurn> {
    let role = match turn.role.as_str() {
        "user" => MessageRole::User,
        "assistant" => MessageRole::Assistant,
        "system" | "developer" => MessageRole::System,
        _ => return Err(ApiError::invalid("a role is system, user or assistant")),
    };
    let content = match turn.content {
        ContentBody::Text(text) => text,
        ContentBody::Nothing(()) => String::new(),
        ContentBody::Parts(parts) => {
            if let Some(part) = parts.iter().find(|part| part.kind != "text") {
                return Err(ApiError::invalid(format!("parts of type {} are not supported", part.kind)));
            }
            parts.into_iter().filter_map(|part| part.text).collect::<Vec<_>>().join("\n")
        }
    };
    Ok(ChatTurn { role, content })
}

const fn reason(finish: FinishReason) -> &'static str {
    match finish {
        FinishReason::Stop | FinishReason::Other => "stop",
        FinishReason::Length => "length",
        FinishReason::Filtered => "content_filter",
    }
}

/// Answers a conversation. Nothing is kept.
#[utoipa::path(
    post, path = "/chat/completions", tag = "answers", request_body = CompletionBody,
    responses(
        (status = 200, description = "With `stream`: OpenAI's chunks as server-sent events, the last one with `citations`",
         content((CompletionAnswer = "application/json"), (String = "text/event-stream"))),
        (status = 400, description = "The request cannot be read", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 404, description = "No such model", body = ErrorBody),
        (status = 422, description = "A message is empty or too long, or a label is not valid", body = ErrorBody),
        (status = 502, description = "The model's provider failed", body = ErrorBody),
    )
)]
pub(super) async fn complete(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    ApiJson(body): ApiJson<CompletionBody>,
) -> ApiResult<Response> {
    let usage_wanted = body.stream_options.is_some_and(|options| options.include_usage);
    let request = CompletionRequest {
        model: body.model,
        messages: body.messages.into_iter().map(turn).collect::<ApiResult<_>>()?,
        temperature: body.temperature.filter(|value| value.is_finite()).map(|value| value.clamp(0.0, 2.0)),
        max_tokens: body.max_completion_tokens.or(body.max_tokens),
        retrieval: body.retrieval.map(options).transpose()?,
    };
    let completion = state.chat.complete(&viewer, request).await?;
    if body.stream {
        let chunks = chunks(completion, usage_wanted).map(|data| Ok::<_, Infallible>(Event::default().data(data)));
        return Ok(events::stream(Sse::new(chunks).keep_alive(KeepAlive::default())));
    }
    whole(completion).await.map(|answer| Json(answer).into_response())
}

fn options(retrieval: RetrievalBody) -> ApiResult<RetrievalOptions> {
    let RetrievalBody { enabled, top_k, min_score, tags } = retrieval;
    Ok(RetrievalOptions { enabled, top_k, min_score, tags: parse_tags(&tags)? })
}

async fn whole(mut completion: Completion) -> ApiResult<CompletionAnswer> {
    let mut content = String::new();
    let mut end = (Vec::new(), None, "stop");
    while let Some(event) = completion.stream.next().await {
        match event? {
            CompletionEvent::Text(text) => content.push_str(&text),
            CompletionEvent::End { citations, prompt_tokens, completion_tokens, finish } => {
                end = (citations, UsageBody::new(prompt_tokens, completion_tokens), reason(finish));
            }
        }
    }
    let (citations, usage, finish_reason) = end;
    Ok(CompletionAnswer {
        id: format!("chatcmpl-{}", completion.id),
        object: "chat.completion",
        created: completion.created_at.seconds(),
        model: completion.model,
        choices: vec![ChoiceBody { index: 0, message: AnswerBody { role: "assistant", content }, finish_reason }],
        usage,
        citations: citations.into_iter().map(CitationBody::from).collect(),
        retrieval: completion.retrieval.map(|retrieval| RetrievalAnswer {
            searched_documents: retrieval.searched_documents,
            passages: retrieval.passages,
            best_score: retrieval.best.map(|best| best.score),
            min_score: retrieval.min_score,
            degraded: retrieval.degraded,
        }),
    })
}

/// The data of each event of a stream, in OpenAI's shape, `[DONE]` last.
fn chunks(mut completion: Completion, usage_wanted: bool) -> impl Stream<Item = String> + Send {
    let base = json!({
        "id": format!("chatcmpl-{}", completion.id),
        "object": "chat.completion.chunk",
        "created": completion.created_at.seconds(),
        "model": completion.model,
    });
    let chunk = move |more: Value| {
        let mut chunk = base.clone();
        if let (Value::Object(chunk), Value::Object(more)) = (&mut chunk, more) {
            chunk.extend(more);
        }
        chunk.to_string()
    };
    let choice = |delta: Value, finish: Option<&str>| json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
    async_stream::stream! {
        yield chunk(json!({ "choices": choice(json!({ "role": "assistant", "content": "" }), None) }));
        while let Some(event) = completion.stream.next().await {
            match event {
                Ok(CompletionEvent::Text(text)) => {
                    yield chunk(json!({ "choices": choice(json!({ "content": text }), None) }));
                }
                Ok(CompletionEvent::End { citations, prompt_tokens, completion_tokens, finish }) => {
                    let citations: Vec<CitationBody> = citations.into_iter().map(CitationBody::from).collect();
                    let last = choice(json!({}), Some(reason(finish)));
                    yield chunk(json!({ "choices": last, "citations": citations }));
                    if usage_wanted {
                        let usage = UsageBody::new(prompt_tokens, completion_tokens);
                        yield chunk(json!({ "choices": [], "usage": usage }));
                    }
                }
                Err(error) => {
                    // The status was sent long ago; clients read the failure from the stream.
                    yield json!(ApiError::from(error).body(Language::En)).to_string();
                }
            }
        }
        yield "[DONE]".to_owned();
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::{Timestamp, id::GenerationId};
    use futures::stream;

    use super::*;

    fn completion(events: Vec<CompletionEvent>) -> Completion {
        Completion {
            id: GenerationId::parse("g1").unwrap(),
            model: "openai:gpt".to_owned(),
            created_at: Timestamp(1_735_725_600_000),
            citations: Vec::new(),
            retrieval: None,
            stream: stream::iter(events.into_iter().map(Ok)).boxed(),
        }
    }

    fn answer() -> Vec<CompletionEvent> {
        vec![
            CompletionEvent::Text("Ho".to_owned()),
            CompletionEvent::Text("la".to_owned()),
            CompletionEvent::End {
                citations: Vec::new(),
                prompt_tokens: Some(3),
                completion_tokens: Some(2),
                finish: FinishReason::Length,
            },
        ]
    }

    #[tokio::test]
    async fn a_stream_begins_with_the_role_and_ends_with_reason_usage_and_done() {
        let chunks: Vec<String> = chunks(completion(answer()), true).collect().await;
        let json = |at: usize| serde_json::from_str::<Value>(&chunks[at]).unwrap();
        assert_eq!(chunks.len(), 6);
        assert_eq!(json(0)["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(json(1)["choices"][0]["delta"]["content"], "Ho");
        assert_eq!(json(1)["object"], "chat.completion.chunk");
        assert_eq!(json(3)["choices"][0]["finish_reason"], "length");
        assert_eq!(json(4)["usage"]["total_tokens"], 5);
        assert_eq!(chunks[5], "[DONE]");
    }

    #[tokio::test]
    async fn without_streaming_the_pieces_are_joined() {
        let answer = whole(completion(answer())).await.unwrap();
        assert_eq!(answer.choices[0].message.content, "Hola");
        assert_eq!(answer.choices[0].finish_reason, "length");
        assert_eq!(answer.usage.unwrap().total_tokens, 5);
    }

    #[test]
    fn parts_of_text_are_joined_and_pictures_are_refused_by_name() {
        let read = |json: Value| turn(serde_json::from_value(json).unwrap());
        let parts = json!({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]});
        assert_eq!(read(parts).unwrap().content, "a\nb");
        let picture = json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]});
        assert!(read(picture).unwrap_err().detail.unwrap().contains("image_url"));
        assert_eq!(read(json!({"role": "developer", "content": null})).unwrap().role, MessageRole::System);
        assert!(read(json!({"role": "wizard", "content": "x"})).is_err());
    }
}

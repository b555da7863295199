//! Answers, as OpenAI's clients ask for them; with sources, for those that look for them.

mod request;

use std::convert::Infallible;

use axum::{
    Json,
    extract::State,
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use cjhirashi_chat::{ChatError, Completion, CompletionEvent};
use cjhirashi_domain::{chat::RetrievalSummary, settings::Language};
use cjhirashi_models::{FinishReason, ModelError};
use futures::{Stream, StreamExt as _};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use self::request::CompletionBody;
use super::{auth::Caller, shapes::CitationBody};
use crate::{
    AppState,
    http::{
        body::{ApiJson, CONVERSATION_BYTES},
        error::{ApiError, ApiResult},
        events,
        openai::{self, OpenAiErrorBody},
    },
};

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
    /// `stop`, `length` or `content_filter`.
    finish_reason: &'static str,
    /// Always null.
    logprobs: Option<String>,
}

/// What the model says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnswerBody {
    role: &'static str,
    content: String,
    /// Always null.
    refusal: Option<String>,
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

impl From<RetrievalSummary> for RetrievalAnswer {
    fn from(retrieval: RetrievalSummary) -> Self {
        Self {
            searched_documents: retrieval.searched_documents,
            passages: retrieval.passages,
            best_score: retrieval.best.map(|best| best.score),
            min_score: retrieval.min_score,
            degraded: retrieval.degraded,
        }
    }
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
        (status = 200, description = "With `stream`: OpenAI's chunks as server-sent events, the last one with \
                                      `citations` and `retrieval`; a failure is an event with `error`",
         content((CompletionAnswer = "application/json"), (String = "text/event-stream"))),
        (status = 400, description = "The request cannot be read, asks for what is not done here, or does not fit into the \
                                      model", body = OpenAiErrorBody),
        (status = 401, description = "No valid key", body = OpenAiErrorBody),
        (status = 404, description = "No such model", body = OpenAiErrorBody),
        (status = 413, description = "The request has more than 1 MB", body = OpenAiErrorBody),
        (status = 429, description = "Asked too often here or at the provider: wait as long as Retry-After says",
         body = OpenAiErrorBody),
        (status = 502, description = "The model's provider failed", body = OpenAiErrorBody),
    )
)]
pub(super) async fn complete(
    State(state): State<AppState>,
    Caller(viewer): Caller,
    ApiJson(body): ApiJson<CompletionBody, CONVERSATION_BYTES>,
) -> ApiResult<Response> {
    let streamed = body.stream.unwrap_or(false);
    let usage_wanted = body.stream_options.as_ref().is_some_and(|options| options.include_usage.unwrap_or(false));
    let completion = state.chat.complete(&viewer, body.read()?).await.map_err(not_begun)?;
    if streamed {
        let chunks = chunks(completion, usage_wanted).map(|data| Ok::<_, Infallible>(Event::default().data(data)));
        return Ok(events::stream(Sse::new(chunks).keep_alive(KeepAlive::default())));
    }
    whole(completion).await.map(|answer| Json(answer).into_response())
}

/// What a provider refuses of a request's own fields is told to whoever wrote them.
fn not_begun(error: ChatError) -> ApiError {
    match &error {
        ChatError::Model(ModelError::Refused { status: 400 | 422, detail, .. }) => {
            let refused = ApiError::invalid(detail);
            match request::named_in(detail) {
                Some(field) => refused.about(field),
                None => refused,
            }
        }
        _ => error.into(),
    }
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
    let message = AnswerBody { role: "assistant", content, refusal: None };
    Ok(CompletionAnswer {
        id: format!("chatcmpl-{}", completion.id),
        object: "chat.completion",
        created: completion.created_at.seconds(),
        model: completion.model,
        choices: vec![ChoiceBody { index: 0, message, finish_reason, logprobs: None }],
        usage,
        citations: citations.into_iter().map(CitationBody::from).collect(),
        retrieval: completion.retrieval.map(RetrievalAnswer::from),
    })
}

/// The data of each event of a stream, in OpenAI's shape, `[DONE]` last.
fn chunks(mut completion: Completion, usage_wanted: bool) -> impl Stream<Item = String> + Send {
    let mut base = json!({
        "id": format!("chatcmpl-{}", completion.id),
        "object": "chat.completion.chunk",
        "created": completion.created_at.seconds(),
        "model": completion.model,
    });
    if usage_wanted {
        // Of every piece but the last.
        base["usage"] = Value::Null;
    }
    let retrieval = completion.retrieval.take().map(RetrievalAnswer::from);
    let chunk = move |more: Value| {
        let mut chunk = base.clone();
        if let (Value::Object(chunk), Value::Object(more)) = (&mut chunk, more) {
            chunk.extend(more);
        }
        chunk.to_string()
    };
    let choice = |delta: Value, finish: Option<&str>| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
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
                    yield chunk(json!({ "choices": last, "citations": citations, "retrieval": retrieval }));
                    if usage_wanted && let Some(usage) = UsageBody::new(prompt_tokens, completion_tokens) {
                        yield chunk(json!({ "choices": [], "usage": usage }));
                    }
                }
                Err(error) => {
                    // The status was sent long ago; clients read the failure from the stream.
                    yield json!(openai::body(&ApiError::from(error), Language::En)).to_string();
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
}

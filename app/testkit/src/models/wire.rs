//! How each provider says the same thing. Shapes: the providers' references and SDKs of November 2026.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// A provider's way of speaking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    OpenAi,
    Anthropic,
    Gemini,
    Cohere,
    /// As it speaks like OpenAI: it names itself in every piece and needs no key.
    Ollama,
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn event(name: &str, value: &Value) -> String {
    format!("event: {name}\ndata: {value}\n\n")
}

impl Provider {
    /// A refusal.
    pub(crate) fn error(self, status: StatusCode, message: &str) -> Value {
        match self {
            Self::OpenAi | Self::Ollama => {
                json!({"error": {"message": message, "type": "scripted", "param": null, "code": null}})
            }
            Self::Anthropic => {
                let kind = match status.as_u16() {
                    401 => "authentication_error",
                    429 => "rate_limit_error",
                    529 => "overloaded_error",
                    400..=499 => "invalid_request_error",
                    _ => "api_error",
                };
                json!({"type": "error", "error": {"type": kind, "message": message}})
            }
            Self::Gemini => {
                let name = match status.as_u16() {
                    400 => "INVALID_ARGUMENT",
                    404 => "NOT_FOUND",
                    429 => "RESOURCE_EXHAUSTED",
                    503 => "UNAVAILABLE",
                    _ => "INTERNAL",
                };
                json!({"error": {"code": status.as_u16(), "message": message, "status": name}})
            }
            Self::Cohere => json!({"id": "scripted", "message": message}),
        }
    }

    /// A refusal of the key; Gemini calls it a bad argument.
    pub(crate) fn bad_key(self) -> (StatusCode, Value) {
        match self {
            Self::Gemini => {
                let mut body = self.error(StatusCode::BAD_REQUEST, "API key not valid. Please pass a valid API key.");
                body["error"]["details"] =
                    json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
                (StatusCode::BAD_REQUEST, body)
            }
            _ => (StatusCode::UNAUTHORIZED, self.error(StatusCode::UNAUTHORIZED, "invalid api key")),
        }
    }

    /// An answer that is not streamed.
    pub(crate) fn whole(self, model: &str, answer: &str, prompt: usize) -> Value {
        let completion = answer.split_whitespace().count();
        match self {
            Self::OpenAi | Self::Cohere | Self::Ollama => json!({
                "id": "scripted", "object": "chat.completion", "created": 1, "model": model,
                "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
            }),
            Self::Anthropic => json!({
                "id": "scripted", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
                "content": [{"type": "text", "text": answer}],
                "usage": {"input_tokens": prompt, "output_tokens": completion},
            }),
            Self::Gemini => gemini(answer, prompt, completion, Some("STOP")),
        }
    }

    /// What comes before the first piece.
    pub(crate) fn begin(self, model: &str, prompt: usize) -> Vec<String> {
        match self {
            Self::OpenAi | Self::Cohere => {
                vec![data(&openai(model, &json!({"role": "assistant", "content": ""}), None))]
            }
            Self::Anthropic => vec![
                event(
                    "message_start",
                    &json!({"type": "message_start", "message": {
                    "id": "scripted", "type": "message", "role": "assistant", "model": model, "content": [],
                    "stop_reason": null, "usage": {"input_tokens": prompt, "output_tokens": 1}}}),
                ),
                event(
                    "content_block_start",
                    &json!({"type": "content_block_start", "index": 0,
                    "content_block": {"type": "text", "text": ""}}),
                ),
                event("ping", &json!({"type": "ping"})),
            ],
            Self::Gemini | Self::Ollama => Vec::new(),
        }
    }

    /// What is thought aloud.
    pub(crate) fn thought(self, model: &str, text: &str) -> Option<String> {
        match self {
            Self::OpenAi | Self::Cohere => Some(data(&openai(model, &json!({"reasoning_content": text}), None))),
            Self::Ollama => {
                Some(data(&openai(model, &json!({"role": "assistant", "content": "", "reasoning": text}), None)))
            }
            Self::Gemini => {
                let mut chunk = gemini(text, 0, 0, None);
                chunk["candidates"][0]["content"]["parts"][0]["thought"] = json!(true);
                Some(data(&chunk))
            }
            Self::Anthropic => None,
        }
    }

    /// One piece of the answer.
    pub(crate) fn piece(self, model: &str, piece: &str) -> String {
        match self {
            Self::OpenAi | Self::Cohere => data(&openai(model, &json!({"content": piece}), None)),
            Self::Ollama => data(&ollama(model, piece, None)),
            Self::Anthropic => event(
                "content_block_delta",
                &json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": piece}}),
            ),
            Self::Gemini => data(&gemini(piece, 0, 0, None)),
        }
    }

    /// The end, with the count of tokens; `cut` when the limit of tokens ended it.
    pub(crate) fn end(self, model: &str, prompt: usize, completion: usize, cut: bool) -> Vec<String> {
        match self {
            Self::OpenAi | Self::Cohere | Self::Ollama => {
                let reason = if cut { "length" } else { "stop" };
                vec![
                    data(&match self {
                        Self::Ollama => ollama(model, "", Some(reason)),
                        _ => openai(model, &json!({}), Some(reason)),
                    }),
                    data(&json!({
                        "id": "scripted", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [],
                        "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
                    })),
                    "data: [DONE]\n\n".to_owned(),
                ]
            }
            Self::Anthropic => vec![
                event("content_block_stop", &json!({"type": "content_block_stop", "index": 0})),
                event(
                    "message_delta",
                    &json!({"type": "message_delta",
                    "delta": {"stop_reason": if cut { "max_tokens" } else { "end_turn" }, "stop_sequence": null}, "usage": {"output_tokens": completion}}),
                ),
                event("message_stop", &json!({"type": "message_stop"})),
            ],
            Self::Gemini => {
                vec![data(&gemini("", prompt, completion, Some(if cut { "MAX_TOKENS" } else { "STOP" })))]
            }
        }
    }
}

fn openai(model: &str, delta: &Value, finish: Option<&str>) -> Value {
    json!({
        "id": "scripted", "object": "chat.completion.chunk", "created": 1, "model": model, "usage": null,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    })
}

fn ollama(model: &str, text: &str, finish: Option<&str>) -> Value {
    let mut out = openai(model, &json!({"role": "assistant", "content": text}), finish);
    out["system_fingerprint"] = json!("fp_ollama");
    out
}

fn gemini(text: &str, prompt: usize, completion: usize, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": [{"text": text}]}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    let mut out = json!({"candidates": [candidate], "modelVersion": "scripted", "responseId": "scripted"});
    if finish.is_some() {
        out["usageMetadata"] = json!({"promptTokenCount": prompt, "candidatesTokenCount": completion,
            "totalTokenCount": prompt + completion});
    }
    out
}

//! The wire formats of Cohere v2, Gemini, and OpenAI with everything that speaks like it.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::remote::{Call, Limits, Wire};
use crate::{InputKind, calibration::prefix};

/// `POST /v2/embed`.
pub(super) struct Cohere;

impl Wire for Cohere {
    const PREFIX: &'static str = "cohere";
    const TITLE: &'static str = "Cohere";
    // 96 texts a request; what is longer than the model's window it cuts itself.
    const LIMITS: Limits = Limits { texts: 96, bytes: 1_000_000, text_bytes: 200_000 };

    fn request(&self, call: &Call<'_>) -> (String, Value) {
        let input_type = match call.kind {
            InputKind::Query => "search_query",
            InputKind::Passage | InputKind::Sentence => "search_document",
        };
        let mut body = json!({
            "model": call.model,
            "input_type": input_type,
            "texts": call.texts,
            "embedding_types": ["float"],
            "truncate": "END",
        });
        // Only models from embed-v4 on can be asked for a dimension.
        if call.model.starts_with("embed-v") {
            body["output_dimension"] = json!(call.dimension);
        }
        ("/v2/embed".to_owned(), body)
    }

    fn sign(&self, call: reqwest::RequestBuilder, key: &str) -> reqwest::RequestBuilder {
        call.bearer_auth(key)
    }

    fn answer(&self, body: &[u8]) -> Result<(Vec<Vec<f32>>, Option<u64>), String> {
        #[derive(Deserialize)]
        struct Answer {
            embeddings: ByType,
            meta: Option<Meta>,
        }
        #[derive(Deserialize)]
        struct ByType {
            float: Vec<Vec<f32>>,
        }
        #[derive(Deserialize)]
        struct Meta {
            billed_units: Option<Billed>,
        }
        #[derive(Deserialize)]
        struct Billed {
            input_tokens: Option<f64>,
        }
        let answer: Answer = read(body)?;
        let tokens = answer.meta.and_then(|meta| meta.billed_units?.input_tokens).map(|tokens| tokens as u64);
        Ok((answer.embeddings.float, tokens))
    }
}

/// `POST /models/{model}:batchEmbedContents`.
pub(super) struct Gemini;

impl Wire for Gemini {
    const PREFIX: &'static str = "gemini";
    const TITLE: &'static str = "Gemini";
    // 100 texts a request; what is longer than the model's window it cuts itself.
    const LIMITS: Limits = Limits { texts: 100, bytes: 1_000_000, text_bytes: 100_000 };

    fn request(&self, call: &Call<'_>) -> (String, Value) {
        let model = format!("models/{}", call.model);
        let requests: Vec<Value> = call
            .texts
            .iter()
            .map(|text| {
                // From gemini-embedding-2 on the task stands in the text instead of in a field.
                let mut request = if call.model.starts_with("gemini-embedding-2") {
                    let text = match call.kind {
                        InputKind::Query => format!("task: search result | query: {text}"),
                        InputKind::Passage | InputKind::Sentence => format!("title: none | text: {text}"),
                    };
                    json!({"content": {"parts": [{"text": text}]}})
                } else {
                    let task = match call.kind {
                        InputKind::Query => "RETRIEVAL_QUERY",
                        InputKind::Passage | InputKind::Sentence => "RETRIEVAL_DOCUMENT",
                    };
                    json!({"content": {"parts": [{"text": text}]}, "taskType": task})
                };
                request["model"] = json!(model);
                request["outputDimensionality"] = json!(call.dimension);
                request
            })
            .collect();
        (format!("/{model}:batchEmbedContents"), json!({"requests": requests}))
    }

    fn sign(&self, call: reqwest::RequestBuilder, key: &str) -> reqwest::RequestBuilder {
        call.header("x-goog-api-key", key)
    }

    fn answer(&self, body: &[u8]) -> Result<(Vec<Vec<f32>>, Option<u64>), String> {
        #[derive(Deserialize)]
        struct Answer {
            embeddings: Vec<Embedding>,
        }
        #[derive(Deserialize)]
        struct Embedding {
            values: Vec<f32>,
        }
        let answer: Answer = read(body)?;
        // This API tells no usage.
        Ok((answer.embeddings.into_iter().map(|embedding| embedding.values).collect(), None))
    }
}

/// `POST /embeddings`.
pub(super) struct OpenAi;

impl Wire for OpenAi {
    const PREFIX: &'static str = "openai";
    const TITLE: &'static str = "OpenAI";
    // 2,048 texts and 300,000 tokens a request, 8,192 tokens a text. Servers of one's own often take less at once.
    const LIMITS: Limits = Limits { texts: 256, bytes: 300_000, text_bytes: 8_191 };

    fn request(&self, call: &Call<'_>) -> (String, Value) {
        // This wire has no field for what a text is for; models that need to know are told in the text.
        let prefix = prefix(call.model, call.kind);
        let texts: Vec<String> = call.texts.iter().map(|text| format!("{prefix}{text}")).collect();
        // base64 is a third of the bytes of decimal digits and no work to read; servers that do not know it send
        // digits, which are read too.
        let mut body = json!({"model": call.model, "input": texts, "encoding_format": "base64"});
        // Other models refuse the field, or ignore it.
        if call.model.starts_with("text-embedding-3") {
            body["dimensions"] = json!(call.dimension);
        }
        ("/embeddings".to_owned(), body)
    }

    fn sign(&self, call: reqwest::RequestBuilder, key: &str) -> reqwest::RequestBuilder {
        call.bearer_auth(key)
    }

    fn answer(&self, body: &[u8]) -> Result<(Vec<Vec<f32>>, Option<u64>), String> {
        #[derive(Deserialize)]
        struct Answer {
            data: Vec<Item>,
            usage: Option<Usage>,
        }
        #[derive(Deserialize)]
        struct Item {
            index: Option<usize>,
            embedding: Values,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Values {
            Base64(String),
            Digits(Vec<f32>),
        }
        #[derive(Deserialize)]
        struct Usage {
            prompt_tokens: Option<u64>,
            total_tokens: Option<u64>,
        }
        let mut answer: Answer = read(body)?;
        // The order is told, not promised. The sort is stable, so answers without indices stay as they are.
        answer.data.sort_by_key(|item| item.index.unwrap_or(0));
        let vectors = answer
            .data
            .into_iter()
            .map(|item| match item.embedding {
                Values::Digits(values) => Ok(values),
                Values::Base64(text) => {
                    let bytes = BASE64_STANDARD.decode(text).map_err(|_| "a vector that is no base64".to_owned())?;
                    Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
                }
            })
            .collect::<Result<_, String>>()?;
        Ok((vectors, answer.usage.and_then(|usage| usage.prompt_tokens.or(usage.total_tokens))))
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("no embeddings: {error}"))
}

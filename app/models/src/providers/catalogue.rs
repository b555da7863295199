//! Which models a provider has.

use std::time::Duration;

use serde_json::Value;

use super::{Endpoint, Provider};
use crate::{ModelError, Price, http::Clients};

/// The largest list that is read.
const LIST_BYTES: usize = 8 * 1024 * 1024;
/// The most models of one provider that are kept.
const MAX_MODELS: usize = 500;
/// Words in names of models that do not chat.
const OTHER_TRADES: &[&str] = &[
    "embed",
    // Families of embedding models whose names do not say so.
    "minilm",
    "bge",
    "gte-",
    "e5-",
    "nomic",
    "paraphrase",
    "whisper",
    "tts",
    "dall-e",
    "image",
    "moderation",
    "audio",
    "realtime",
    "transcribe",
    "davinci",
    "babbage",
    "sora",
    "veo",
    "imagen",
    "rerank",
    "aqa",
];

/// A model as its provider lists it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Offer {
    pub(crate) name: String,
    /// Tokens that it takes at once, question and answer together.
    pub(crate) context: Option<u32>,
    pub(crate) price: Option<Price>,
    /// Whether it takes images, where the list tells.
    pub(crate) sees: Option<bool>,
}

/// The models that can chat, as the provider lists them, by name.
pub(crate) async fn fetch(endpoint: &Endpoint, clients: &Clients, timeout: Duration) -> Result<Vec<Offer>, ModelError> {
    let caller = endpoint.caller("");
    let url = match endpoint.provider {
        Provider::Gemini => format!("{}/models?pageSize=1000", endpoint.base_url),
        Provider::Anthropic => format!("{}/models?limit=1000", endpoint.base_url),
        Provider::OpenAi | Provider::Ollama | Provider::Connected => format!("{}/models", endpoint.base_url),
    };
    let mut call = clients.for_url(&url).get(&url).timeout(timeout);
    if let Some(key) = &endpoint.key {
        call = match endpoint.provider {
            Provider::Gemini => call.header("x-goog-api-key", key.reveal()),
            Provider::Anthropic => call.header("x-api-key", key.reveal()).header("anthropic-version", "2023-06-01"),
            Provider::OpenAi | Provider::Ollama | Provider::Connected => call.bearer_auth(key.reveal()),
        };
    }
    let answer = caller.accept(call.send().await).await?;
    let body = caller.body(answer, LIST_BYTES).await?;
    let list: Value =
        serde_json::from_slice(&body).map_err(|error| caller.unexpected(format!("no list of models: {error}")))?;
    // `{"data": [{"id"}]}` as OpenAI and Anthropic have it, `{"models": [{"name"}]}` as Gemini has it.
    let Some(models) = list["data"].as_array().or_else(|| list["models"].as_array()) else {
        return Err(caller.unexpected("no list of models"));
    };
    let mut offers: Vec<Offer> = models.iter().filter_map(offer).take(MAX_MODELS).collect();
    offers.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    offers.dedup_by(|a, b| a.name == b.name);
    Ok(offers)
}

/// Reads an entry of a list; `None` for what does not chat.
fn offer(entry: &Value) -> Option<Offer> {
    if let Some(methods) = entry["supportedGenerationMethods"].as_array()
        && !methods.iter().any(|method| method == "generateContent")
    {
        return None;
    }
    let name = entry["id"].as_str().or_else(|| entry["name"].as_str())?;
    let name = name.strip_prefix("models/").unwrap_or(name);
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.len() > 200 || OTHER_TRADES.iter().any(|word| lower.contains(word)) {
        return None;
    }
    let context = CONTEXT.iter().find_map(|path| entry.pointer(path)?.as_u64());
    Some(Offer {
        name: name.to_owned(),
        context: context.and_then(|tokens| u32::try_from(tokens).ok()),
        price: price(entry),
        sees: SEES.iter().find_map(|path| Some(entry.pointer(path)?.as_array()?.iter().any(|kind| kind == "image"))),
    })
}

/// Where servers tell which kinds of content a model takes.
const SEES: &[&str] = &[
    // OpenRouter
    "/architecture/input_modalities",
    // Mistral's and others' form of it
    "/input_modalities",
];

/// Where servers tell how much a model takes at once: what it was started with before what it was made for.
const CONTEXT: &[&str] = &[
    // llama.cpp
    "/meta/n_ctx",
    "/meta/n_ctx_train",
    // vLLM
    "/max_model_len",
    // LM Studio
    "/loaded_context_length",
    "/max_context_length",
    // OpenRouter
    "/context_length",
    // Groq
    "/context_window",
    // Gemini
    "/inputTokenLimit",
    // Anthropic
    "/max_input_tokens",
];

/// OpenRouter tells dollars for one token, as text.
fn price(entry: &Value) -> Option<Price> {
    let dollars = |name: &str| {
        let told = &entry["pricing"][name];
        let price = told.as_str().and_then(|text| text.parse().ok()).or_else(|| told.as_f64())?;
        (0.0..1.0).contains(&price).then_some(price * 1e6)
    };
    Some(Price { input: dollars("prompt")?, output: dollars("completion")? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_lists_tell_of_a_model_is_read_and_the_rest_is_left() {
        let read = |entry: Value| offer(&entry).map(|offer| (offer.name, offer.context, offer.price));
        let sees = |kinds: Value| offer(&json!({"id": "m", "architecture": {"input_modalities": kinds}})).unwrap().sees;
        assert_eq!(
            [sees(json!(["text", "image"])), sees(json!(["text"])), sees(json!("?"))],
            [Some(true), Some(false), None]
        );
        let router = json!({"id": "a/b", "context_length": 131_072, "pricing": {"prompt": "0.0000005", "completion": "0.000002"}});
        assert_eq!(read(router), Some(("a/b".to_owned(), Some(131_072), Some(Price { input: 0.5, output: 2.0 }))));
        let gemini = json!({"name": "models/gemini-x", "inputTokenLimit": 1_048_576, "supportedGenerationMethods": ["generateContent"]});
        assert_eq!(read(gemini), Some(("gemini-x".to_owned(), Some(1_048_576), None)));
        let llama = json!({"id": "qwen", "meta": {"n_ctx_train": 40_960, "n_ctx": 4_096}});
        assert_eq!(read(llama), Some(("qwen".to_owned(), Some(4_096), None)));
        for other in [
            json!({"id": "text-embedding-3-small"}),
            json!({"name": "models/x", "supportedGenerationMethods": ["embedContent"]}),
            json!({"id": ""}),
            json!("x"),
        ] {
            assert_eq!(read(other.clone()), None, "{other}");
        }
        // Nonsense about a model is no reason to lose it.
        let odd = json!({"id": "m", "context_length": "much", "pricing": {"prompt": "-1", "completion": null}});
        assert_eq!(read(odd), Some(("m".to_owned(), None, None)));
    }
}

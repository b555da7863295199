//! Which models a provider has.

use std::time::Duration;

use serde::Deserialize;

use super::{Endpoint, Provider};
use crate::{ModelError, http::Clients};

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

/// Names of the models that can chat, as the provider lists them.
pub(crate) async fn fetch(
    endpoint: &Endpoint,
    clients: &Clients,
    timeout: Duration,
) -> Result<Vec<String>, ModelError> {
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
    let list: List =
        serde_json::from_slice(&body).map_err(|error| caller.unexpected(format!("no list of models: {error}")))?;
    let Some(models) = list.data.or(list.models) else { return Err(caller.unexpected("no list of models")) };
    let mut names: Vec<String> = models
        .into_iter()
        .filter(|model| {
            model.supported_generation_methods.as_ref().is_none_or(|can| can.iter().any(|can| can == "generateContent"))
        })
        .filter_map(|model| model.id.or(model.name))
        .map(|name| name.strip_prefix("models/").unwrap_or(&name).to_owned())
        .filter(|name| !name.is_empty() && name.len() <= 200)
        .filter(|name| !OTHER_TRADES.iter().any(|word| name.to_ascii_lowercase().contains(word)))
        .take(MAX_MODELS)
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// `{"data": [{"id"}]}` as OpenAI and Anthropic have it, `{"models": [{"name"}]}` as Gemini has it.
#[derive(Deserialize)]
struct List {
    data: Option<Vec<Entry>>,
    models: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: Option<String>,
    name: Option<String>,
    supported_generation_methods: Option<Vec<String>>,
}

//! Embedding models: one in this process, three families behind HTTP.

pub(crate) mod local;
mod remote;
mod wire;

use std::sync::Arc;

use crate::{
    Embedder, EmbeddingChoice, ModelError, ModelsConfig, Secret,
    http::{Clients, base_url_or},
};

/// The embedder that the configuration names.
pub(crate) fn from_config(config: &ModelsConfig, clients: &Clients) -> Result<Arc<dyn Embedder>, ModelError> {
    let needs =
        |key: &Option<Secret>, provider, variable| key.clone().ok_or(ModelError::NotConfigured { provider, variable });
    let embedder: Arc<dyn Embedder> = match &config.embeddings {
        EmbeddingChoice::Local => Arc::new(local::LocalEmbedder::new(&config.model_dir)),
        EmbeddingChoice::Cohere { model, dimension } => {
            let key = needs(&config.cohere_api_key, "Cohere", "COHERE_API_KEY")?;
            let address = base_url_or(config.cohere_base_url.as_deref(), "https://api.cohere.com", "COHERE_BASE_URL")?;
            Arc::new(remote::Remote::new(wire::Cohere, model, *dimension, address, Some(key), clients))
        }
        EmbeddingChoice::Gemini { model, dimension } => {
            let key = needs(&config.gemini_api_key, "Gemini", "GEMINI_API_KEY")?;
            let address = base_url_or(config.gemini_base_url.as_deref(), crate::registry::GEMINI, "GEMINI_BASE_URL")?;
            Arc::new(remote::Remote::new(wire::Gemini, model, *dimension, address, Some(key), clients))
        }
        EmbeddingChoice::OpenAi { model, dimension } => {
            // Servers of one's own need no key; OpenAI does.
            if config.openai_base_url.is_none() {
                needs(&config.openai_api_key, "OpenAI", "OPENAI_API_KEY")?;
            }
            let address = base_url_or(config.openai_base_url.as_deref(), crate::registry::OPENAI, "OPENAI_BASE_URL")?;
            Arc::new(remote::Remote::new(
                wire::OpenAi,
                model,
                *dimension,
                address,
                config.openai_api_key.clone(),
                clients,
            ))
        }
    };
    Ok(embedder)
}

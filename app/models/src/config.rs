//! What the environment and an admin say about models.

use std::{path::PathBuf, str::FromStr};

use cjhirashi_outbound::Secret;

use crate::ModelError;

/// Which model embeds: `EMBEDDINGS`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EmbeddingChoice {
    /// multilingual-e5-small in this process.
    #[default]
    Local,
    /// Cohere's v2 API.
    Cohere {
        /// For example `embed-v4.0`.
        model: String,
        /// Numbers per vector.
        dimension: usize,
    },
    /// Gemini's API.
    Gemini {
        /// For example `gemini-embedding-001`.
        model: String,
        /// Numbers per vector.
        dimension: usize,
    },
    /// OpenAI's API or any that speaks it (`OPENAI_BASE_URL`).
    OpenAi {
        /// For example `text-embedding-3-small`.
        model: String,
        /// Numbers per vector.
        dimension: usize,
    },
}

impl FromStr for EmbeddingChoice {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        let invalid = |reason: &str| ModelError::InvalidSetting {
            variable: "EMBEDDINGS",
            reason: format!(
                "\"{text}\" {reason}; write \"local\", \"cohere:embed-v4.0@1536\", \
                 \"gemini:gemini-embedding-001@1536\" or \"openai:text-embedding-3-small@1536\""
            ),
        };
        let text_ = text.trim();
        if text_.is_empty() || text_ == "local" {
            return Ok(Self::Local);
        }
        let (provider, rest) = text_.split_once(':').ok_or_else(|| invalid("names no provider"))?;
        let (model, dimension) = match rest.rsplit_once('@') {
            Some((model, digits)) => {
                let dimension = digits.parse::<usize>().map_err(|_| invalid("has a dimension that is no number"))?;
                if !(1..=16_384).contains(&dimension) {
                    return Err(invalid("has a dimension outside 1 to 16384"));
                }
                (model, Some(dimension))
            }
            None => (rest, None),
        };
        if model.is_empty() {
            return Err(invalid("names no model"));
        }
        let dimension = dimension
            .or_else(|| known_dimension(provider, model))
            .ok_or_else(|| invalid("needs the model's dimension after an @"))?;
        let model = model.to_owned();
        match provider {
            "cohere" => Ok(Self::Cohere { model, dimension }),
            "gemini" => Ok(Self::Gemini { model, dimension }),
            "openai" => Ok(Self::OpenAi { model, dimension }),
            _ => Err(invalid("names a provider we do not know")),
        }
    }
}

/// The dimension a model gives when none is asked for, as the providers' references say (November 2026).
fn known_dimension(provider: &str, model: &str) -> Option<usize> {
    match (provider, model) {
        ("cohere", "embed-v4.0") => Some(1536),
        ("cohere", "embed-multilingual-v3.0" | "embed-english-v3.0") => Some(1024),
        ("cohere", "embed-multilingual-light-v3.0" | "embed-english-light-v3.0") => Some(384),
        ("gemini", "gemini-embedding-001" | "gemini-embedding-2") => Some(3072),
        ("openai", "text-embedding-3-small" | "text-embedding-ada-002") => Some(1536),
        ("openai", "text-embedding-3-large") => Some(3072),
        _ => None,
    }
}

/// An OpenAI-compatible server that an admin entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Up to and including `/v1`, for example `https://openrouter.ai/api/v1`.
    pub base_url: String,
    /// Sent as a bearer token; servers on the own machine need none.
    pub api_key: Option<Secret>,
    /// The model of it that answers when nobody chose another; the first it lists when absent.
    pub model: Option<String>,
}

/// Everything the registry is made from.
#[derive(Debug, Clone, Default)]
pub struct ModelsConfig {
    /// Folder of local models (`MODEL_DIR`).
    pub model_dir: PathBuf,
    /// Which model embeds (`EMBEDDINGS`).
    pub embeddings: EmbeddingChoice,
    /// Which model answers when nobody chose another (`CHAT_MODEL`), as `provider:name`.
    pub chat_model: Option<String>,
    /// `COHERE_API_KEY`.
    pub cohere_api_key: Option<Secret>,
    /// `GEMINI_API_KEY`.
    pub gemini_api_key: Option<Secret>,
    /// `OPENAI_API_KEY`.
    pub openai_api_key: Option<Secret>,
    /// `ANTHROPIC_API_KEY`.
    pub anthropic_api_key: Option<Secret>,
    /// `OPENAI_BASE_URL`, up to and including `/v1`; OpenAI's own when absent.
    pub openai_base_url: Option<String>,
    /// Cohere's address; its own when absent.
    pub cohere_base_url: Option<String>,
    /// Gemini's address, up to and including `/v1beta`; its own when absent.
    pub gemini_base_url: Option<String>,
    /// Anthropic's address, up to and including `/v1`; its own when absent.
    pub anthropic_base_url: Option<String>,
    /// Ollama's address; `http://127.0.0.1:11434` when absent.
    pub ollama_base_url: Option<String>,
    /// Whether usual ports on loopback are asked for a model server.
    pub look_on_loopback: bool,
}

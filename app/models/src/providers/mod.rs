//! The providers of chat models: how each is named, reached and asked.

pub(crate) mod catalogue;
pub(crate) mod hosted;
pub(crate) mod openai;

use crate::{Secret, http::Caller};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Provider {
    Gemini,
    OpenAi,
    Anthropic,
    Ollama,
    /// The connection that an admin entered.
    Connected,
}

impl Provider {
    /// In the order in which pages list them.
    pub(crate) const ALL: [Self; 5] = [Self::Connected, Self::Gemini, Self::OpenAi, Self::Anthropic, Self::Ollama];

    /// The part of an id before the colon.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::Connected => "connected",
        }
    }

    /// For people.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Gemini => "Gemini",
            Self::OpenAi => "OpenAI",
            Self::Anthropic => "Anthropic",
            Self::Ollama => "Ollama",
            Self::Connected => "Connected server",
        }
    }

    /// What has to be set for it.
    pub(crate) const fn variable(self) -> &'static str {
        match self {
            Self::Gemini => "GEMINI_API_KEY",
            Self::OpenAi => "OPENAI_API_KEY or OPENAI_BASE_URL",
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::Ollama => "OLLAMA_BASE_URL",
            Self::Connected => "a connection in the settings",
        }
    }

    /// Takes `provider:name` apart. Names of local models hold colons too (`llama3.2:3b`), so only known providers count.
    pub(crate) fn split(id: &str) -> (Option<Self>, &str) {
        match id.split_once(':') {
            Some((prefix, name)) => match Self::ALL.into_iter().find(|provider| provider.prefix() == prefix) {
                Some(provider) => (Some(provider), name),
                None => (None, id),
            },
            None => (None, id),
        }
    }

    /// Whose a name is, from its looks. Adopted chats and settings hold names without providers.
    pub(crate) fn guess(name: &str) -> Option<Self> {
        let begins = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
        if begins(&["gemini-", "gemma-"]) {
            Some(Self::Gemini)
        } else if begins(&["claude-"]) {
            Some(Self::Anthropic)
        } else if begins(&["gpt-", "chatgpt-", "o1", "o3", "o4"]) {
            Some(Self::OpenAi)
        } else {
            None
        }
    }
}

/// Where a provider is, and with which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) provider: Provider,
    /// Without a slash at its end.
    pub(crate) base_url: String,
    pub(crate) key: Option<Secret>,
}

impl Endpoint {
    pub(crate) fn caller(&self, model: &str) -> Caller {
        let provider = match self.provider {
            // Whoever stands behind OPENAI_BASE_URL or a connection is best named by its address.
            Provider::Connected | Provider::OpenAi if !self.is_openai() => reqwest::Url::parse(&self.base_url)
                .ok()
                .and_then(|url| {
                    let host = url.host_str()?.to_owned();
                    Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
                })
                .unwrap_or_else(|| self.provider.title().to_owned()),
            _ => self.provider.title().to_owned(),
        };
        Caller { provider, model: model.to_owned(), key: self.key.clone() }
    }

    /// Whether this is OpenAI itself and not a server that speaks like it.
    pub(crate) fn is_openai(&self) -> bool {
        self.base_url.starts_with("https://api.openai.com/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_apart_and_colons_of_local_names_kept() {
        assert_eq!(Provider::split("gemini:gemini-3.5-flash"), (Some(Provider::Gemini), "gemini-3.5-flash"));
        assert_eq!(Provider::split("ollama:llama3.2:3b"), (Some(Provider::Ollama), "llama3.2:3b"));
        assert_eq!(Provider::split("llama3.2:3b"), (None, "llama3.2:3b"));
        assert_eq!(Provider::guess("gpt-5.4-mini"), Some(Provider::OpenAi));
        assert_eq!(Provider::guess("llama3.2"), None);
    }
}

//! What can go wrong between us and a model.

use std::{path::PathBuf, time::Duration};

use cjhirashi_domain::ErrorCode;
use cjhirashi_outbound::shorten;

use crate::RESPONSE_FORMAT;

/// Why a model could not be used. Texts never hold a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No provider, or not this one, knows the model.
    #[error("no provider knows the model \"{model}\"")]
    UnknownModel {
        /// As it was asked for.
        model: String,
        /// The provider's words.
        detail: Option<String>,
    },
    /// The provider is known but has no key or address.
    #[error("{provider} is not configured: set {variable}")]
    NotConfigured {
        /// Which.
        provider: &'static str,
        /// The environment variable that is missing.
        variable: &'static str,
    },
    /// A setting cannot be used as it is.
    #[error("{variable} is not valid: {reason}")]
    InvalidSetting {
        /// Which environment variable or field.
        variable: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The provider does not accept the key.
    #[error("{provider} refuses the key: {detail}")]
    Unauthorized {
        /// Which.
        provider: String,
        /// The provider's words.
        detail: String,
    },
    /// The provider asks to wait.
    #[error("{provider} limits the rate: {detail}")]
    RateLimited {
        /// Which.
        provider: String,
        /// How long, where it tells.
        retry_after: Option<Duration>,
        /// The provider's words.
        detail: String,
    },
    /// The prompt does not fit into the model.
    #[error("the conversation does not fit into the model of {provider}: {detail}")]
    ContextTooLong {
        /// Which.
        provider: String,
        /// The provider's words.
        detail: String,
    },
    /// The provider refuses the request itself; trying again does not help.
    #[error("{provider} refuses the request ({status}): {detail}")]
    Refused {
        /// Which.
        provider: String,
        /// Its HTTP status, 0 when it answered 200 with an error inside.
        status: u16,
        /// The provider's words.
        detail: String,
    },
    /// The provider cannot be reached, is broken or overloaded.
    #[error("{provider} does not answer: {detail}")]
    Unavailable {
        /// Which.
        provider: String,
        /// As far as it is known.
        cause: Outage,
        /// What happened.
        detail: String,
    },
    /// The stream ended before the answer did.
    #[error("{provider} broke off: {detail}")]
    Interrupted {
        /// Which.
        provider: String,
        /// What happened.
        detail: String,
    },
    /// The provider answered with something that is not an answer.
    #[error("{provider} answered with something unexpected: {detail}")]
    UnexpectedAnswer {
        /// Which.
        provider: String,
        /// What.
        detail: String,
    },
    /// A model has to be chosen before a server can be used.
    #[error("the server needs the name of a model; it lists {}", if models.is_empty() { "none that chats".to_owned() } else { some_of(models) })]
    ModelNotChosen {
        /// Those that it lists.
        models: Vec<String>,
    },
    /// The file of the local embedding model is not there.
    #[error("the local embedding model is not at {}; fetch it with `make models`, or restart with access to the network", path.display())]
    LocalModelMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The local embedding model cannot be used.
    #[error("the local embedding model cannot be used: {detail}")]
    LocalModel {
        /// Why.
        detail: String,
    },
    /// The local embedding model could not be fetched.
    #[error("the local embedding model could not be fetched: {detail}")]
    Fetch {
        /// Why.
        detail: String,
    },
}

/// The most names of a list that are told.
const NAMED: usize = 20;

/// Names, the first few of many: "a, b, …".
#[must_use]
pub fn some_of(names: &[String]) -> String {
    let more = if names.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", names.get(..NAMED).unwrap_or(names).join(", "))
}

/// Why a provider does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// No machine has this name.
    UnknownHost,
    /// Nothing listens there, or the way to it is closed.
    NoConnection,
    /// The encrypted connection could not be made.
    Encryption,
    /// It did not answer in time.
    Silence,
    /// It answered with this HTTP status.
    Status(u16),
    /// Something else; the detail says what, in words for the log.
    Other,
}

impl ModelError {
    /// The refusal of a model that cannot be told what shape its answer has.
    #[must_use]
    pub fn no_format(provider: &str) -> Self {
        let detail = format!("{RESPONSE_FORMAT} is not supported with this model");
        Self::Refused { provider: provider.to_owned(), status: 400, detail }
    }

    /// The public code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownModel { .. } | Self::NotConfigured { .. } => ErrorCode::ModelNotFound,
            Self::InvalidSetting { .. } | Self::ModelNotChosen { .. } => ErrorCode::SettingInvalid,
            Self::Unauthorized { .. } => ErrorCode::ProviderUnauthorized,
            Self::RateLimited { .. } => ErrorCode::ProviderRateLimited,
            Self::ContextTooLong { .. } => ErrorCode::ContextTooLong,
            Self::Refused { .. } => ErrorCode::ProviderRefused,
            Self::Unavailable { .. } | Self::UnexpectedAnswer { .. } => ErrorCode::ProviderUnavailable,
            Self::Interrupted { .. } => ErrorCode::ProviderBrokeOff,
            Self::LocalModelMissing { .. } | Self::LocalModel { .. } | Self::Fetch { .. } => {
                ErrorCode::EmbeddingUnavailable
            }
        }
    }

    /// What helps a person beyond the code's own words: what the provider said, or what is missing. At most 300
    /// characters.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::UnknownModel { detail, .. } => detail.clone(),
            Self::Unauthorized { detail, .. }
            | Self::RateLimited { detail, .. }
            | Self::ContextTooLong { detail, .. }
            | Self::Refused { detail, .. }
            | Self::Unavailable { detail, .. }
            | Self::Interrupted { detail, .. }
            | Self::UnexpectedAnswer { detail, .. } => (!detail.is_empty()).then(|| detail.clone()),
            Self::NotConfigured { .. }
            | Self::InvalidSetting { .. }
            | Self::ModelNotChosen { .. }
            | Self::LocalModelMissing { .. }
            | Self::LocalModel { .. }
            | Self::Fetch { .. } => Some(shorten(&self.to_string())),
        }
    }

    /// The provider's own words, which a page may quote in whatever language it is; [`ModelError::detail`] has ours, too.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        match self {
            Self::UnknownModel { detail, .. } => detail.as_deref(),
            Self::Unauthorized { detail, .. }
            | Self::RateLimited { detail, .. }
            | Self::ContextTooLong { detail, .. }
            | Self::Refused { detail, .. }
            | Self::Unavailable { detail, cause: Outage::Status(_), .. } => Some(detail.as_str()),
            _ => None,
        }
        .filter(|words| !words.is_empty())
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unavailable { .. }
                | Self::Interrupted { .. }
                | Self::UnexpectedAnswer { .. }
                | Self::LocalModelMissing { .. }
                | Self::Fetch { .. }
        )
    }

    /// How long the provider asks to wait.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

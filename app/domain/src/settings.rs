//! A person's settings: the ADR's `UserSettings`, each with its bounds.

use serde::{Deserialize, Serialize};

use crate::{id::DocumentId, keys::Shortcuts};

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Spanish.
    #[default]
    Es,
    /// English.
    En,
}

impl Language {
    /// ISO 639-1.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es => "es",
            Self::En => "en",
        }
    }

    /// Reads a language tag by its first part; `None` for languages the interface does not speak.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        match tag.split(['-', '_']).next()?.to_ascii_lowercase().as_str() {
            "es" => Some(Self::Es),
            "en" => Some(Self::En),
            _ => None,
        }
    }
}

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::System, Self::Light, Self::Dark].into_iter().find(|theme| theme.as_str() == text)
    }
}

/// Colours of code. The ADR's default name was `vs-dark`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum CodeTheme {
    /// Follows the page's theme.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Dark on every page.
    #[serde(rename = "vs-dark")]
    VsDark,
    /// Light on every page.
    #[serde(rename = "vs-light")]
    VsLight,
}

impl CodeTheme {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::VsDark => "vs-dark",
            Self::VsLight => "vs-light",
        }
    }

    /// Reads the stored word; names of other themes fall back to [`CodeTheme::Auto`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        [Self::Auto, Self::VsDark, Self::VsLight].into_iter().find(|theme| theme.as_str() == text).unwrap_or_default()
    }
}

/// A person's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserSettings {
    /// Model that answers, as `provider:name`; empty means the instance's default.
    pub default_model: String,
    /// Sampling temperature, 0 to 2.
    pub temperature: f64,
    /// The most tokens of one answer, 1 to 200,000.
    pub max_tokens: i32,
    /// Theme of the pages.
    pub theme: Theme,
    /// Language of the pages.
    pub language: Language,
    /// Colours of code.
    pub code_theme: CodeTheme,
    /// Whether questions search the documents.
    pub rag_enabled: bool,
    /// Passages given to the model, 1 to 20.
    pub rag_top_k: i32,
    /// Relevance below which a passage is not used, 0 to 1, calibrated per embedding model.
    pub rag_min_score: f64,
    /// Whether mail may be sent.
    pub email_notifications: bool,
    /// Keys that do something on every page.
    #[serde(default)]
    pub shortcuts: Shortcuts,
}

impl Default for UserSettings {
    fn default() -> Self {
        Self {
            default_model: String::new(),
            temperature: 0.7,
            max_tokens: 4096,
            theme: Theme::System,
            language: Language::Es,
            code_theme: CodeTheme::Auto,
            rag_enabled: true,
            rag_top_k: 5,
            rag_min_score: 0.5,
            email_notifications: true,
            shortcuts: Shortcuts::default(),
        }
    }
}

impl UserSettings {
    /// The settings with every number inside its bounds.
    #[must_use]
    pub fn clamped(mut self) -> Self {
        let finite = |value: f64, low: f64, high: f64, other: f64| {
            if value.is_finite() { value.clamp(low, high) } else { other }
        };
        self.temperature = finite(self.temperature, 0.0, 2.0, 0.7);
        self.max_tokens = self.max_tokens.clamp(1, 200_000);
        self.rag_top_k = self.rag_top_k.clamp(1, 20);
        self.rag_min_score = finite(self.rag_min_score, 0.0, 1.0, 0.5);
        self
    }
}

/// What is chosen for one chat; what is absent is as in its person's settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Choices {
    /// Model that answers, as `provider:name`.
    pub model: Option<String>,
    /// Sampling temperature, 0 to 2.
    pub temperature: Option<f64>,
    /// The most tokens of one answer, 1 to 200,000.
    pub max_tokens: Option<i32>,
    /// Whether questions search the documents.
    pub rag_enabled: Option<bool>,
    /// Questions search these documents alone; all of them when there are none.
    pub documents: Vec<DocumentId>,
}

impl Choices {
    /// The settings that count in the chat.
    #[must_use]
    pub fn over(&self, settings: UserSettings) -> UserSettings {
        UserSettings {
            default_model: self.model.clone().unwrap_or(settings.default_model),
            temperature: self.temperature.unwrap_or(settings.temperature),
            max_tokens: self.max_tokens.unwrap_or(settings.max_tokens),
            rag_enabled: self.rag_enabled.unwrap_or(settings.rag_enabled),
            ..settings
        }
        .clamped()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_their_bounds_are_brought_inside() {
        let settings = UserSettings {
            temperature: f64::NAN,
            max_tokens: 0,
            rag_top_k: 900,
            rag_min_score: -1.0,
            ..UserSettings::default()
        }
        .clamped();
        assert_eq!(
            (settings.temperature, settings.max_tokens, settings.rag_top_k, settings.rag_min_score),
            (0.7, 1, 20, 0.0)
        );
    }

    #[test]
    fn a_browser_that_speaks_mexican_spanish_gets_spanish() {
        assert_eq!(Language::parse("es-MX"), Some(Language::Es));
        assert_eq!(Language::parse("de"), None);
    }
}

//! What a server function answers when it could not do its work.

use cjhirashi_domain::{ErrorCode, settings::Language};
use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
use serde::{Deserialize, Serialize};

use crate::texts::{Texts, said};

/// A failure as the pages see it: a code and its words, never a cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which; `None` when the server could not be reached at all.
    pub code: Option<ErrorCode>,
    /// What the code says, in the language of who asked. The server tells it, so that no browser loads the words of every
    /// code in every language; empty in a failure of the browser's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
    /// More words, from the provider for example.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure as the server tells it.
    #[cfg(feature = "ssr")]
    #[must_use]
    pub fn told(code: ErrorCode, language: Language) -> Self {
        Self { words: code.message(language).to_owned(), ..Self::of_page(Some(code)) }
    }

    /// A failure that a page finds by itself: of a page that is not there, or a server that cannot be reached.
    pub(crate) const fn of_page(code: Option<ErrorCode>) -> Self {
        Self { code, words: String::new(), detail: None }
    }

    /// What happened and what to do.
    pub(crate) fn message(&self, texts: &'static Texts) -> &str {
        match self.code {
            _ if !self.words.is_empty() => &self.words,
            None => texts.unreachable,
            Some(ErrorCode::Forbidden) => texts.said(said!(Forbidden)),
            Some(ErrorCode::DocumentNotFound) => texts.said(said!(DocumentNotFound)),
            Some(_) => texts.said(said!(Internal)),
        }
    }

    /// Whether asking again would be answered the same: not so when the server was not reached, was asked too often, or
    /// had a trouble of its own, which a restart or whoever looks after it ends.
    pub(crate) fn is_final(&self) -> bool {
        self.code.is_some_and(|code| code.status() < 429)
    }

    /// Whether signing in would help.
    pub(crate) fn needs_sign_in(&self) -> bool {
        self.code == Some(ErrorCode::Unauthorized)
    }
}

impl FromServerFnError for Failure {
    type Encoder = JsonEncoding;

    /// What went wrong around a server function. The server says so when it could not read the arguments, the browser when
    /// it reached nobody or could not read the answer.
    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            #[cfg(feature = "ssr")]
            ServerFnErrorErr::Args(_)
            | ServerFnErrorErr::MissingArg(_)
            | ServerFnErrorErr::UnsupportedRequestMethod(_)
            | ServerFnErrorErr::Deserialization(_) => super::server::fail(ErrorCode::InvalidRequest),
            ServerFnErrorErr::Request(_) => Self::of_page(None),
            _ => Self::of_page(Some(ErrorCode::Internal)),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.map_or(Texts::of(Language::En).unreachable, ErrorCode::as_str))
    }
}

impl std::error::Error for Failure {}

//! What a server function answers when it could not do its work.

use cjhirashi_domain::{ErrorCode, settings::Language};
use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
use serde::{Deserialize, Serialize};

use crate::texts::Texts;

/// A failure as the pages see it: a code, never a cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which; `None` when the server could not be reached at all.
    pub code: Option<ErrorCode>,
    /// More words, from the provider for example.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure without further words.
    #[must_use]
    pub const fn new(code: ErrorCode) -> Self {
        Self { code: Some(code), detail: None }
    }

    /// What happened and what to do.
    pub(crate) fn message(&self, texts: &Texts) -> &'static str {
        self.code.map_or(texts.unreachable, |code| code.message(texts.language))
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
            ServerFnErrorErr::Request(_) => Self { code: None, detail: None },
            _ => Self::new(ErrorCode::Internal),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.map_or(Texts::of(Language::En).unreachable, ErrorCode::as_str))
    }
}

impl std::error::Error for Failure {}

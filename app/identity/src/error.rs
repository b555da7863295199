//! Why somebody did not come in.

use cjhirashi_outbound::shorten;
use oauth2::{RequestTokenError, basic::BasicErrorResponse};

use crate::http::HttpError;

/// A sign-in that did not end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No provider of that name is on.
    #[error("no such provider is configured")]
    Unknown,
    /// The person said no, or the provider did for them.
    #[error("the provider was not allowed to tell who it is")]
    Denied,
    /// It was begun in another browser, too long ago, or ended already.
    #[error("the sign-in was not begun in this browser, has ended, or is older than ten minutes")]
    Expired,
    /// The provider refuses what we sent; in its words.
    #[error("the provider refuses: {0}")]
    Refused(String),
    /// It cannot be reached, or answers nothing of use.
    #[error("the provider does not answer: {0}")]
    Unavailable(String),
    /// What it says is not proven.
    #[error("what the provider says is not proven: {0}")]
    Untrusted(String),
}

/// What a provider's `error` in the address means.
pub(crate) fn told(error: &str, description: Option<&str>) -> IdentityError {
    match error {
        "access_denied" | "login_required" | "interaction_required" | "consent_required" => IdentityError::Denied,
        "server_error" | "temporarily_unavailable" => IdentityError::Unavailable(words(error, description)),
        _ => IdentityError::Refused(words(error, description)),
    }
}

fn words(error: &str, description: Option<&str>) -> String {
    shorten(&description.map_or_else(|| error.to_owned(), |description| format!("{error}: {description}")))
}

/// What became of exchanging a code or a token.
pub(crate) fn of_exchange(error: RequestTokenError<HttpError, BasicErrorResponse>) -> IdentityError {
    match error {
        RequestTokenError::ServerResponse(answer) => refused(&answer),
        RequestTokenError::Request(error) => IdentityError::Unavailable(error.to_string()),
        // GitHub tells what is wrong with status 200.
        RequestTokenError::Parse(error, body) => serde_json::from_slice(&body).map_or_else(
            |_| IdentityError::Unavailable(shorten(&format!("its answer is none: {error}"))),
            |answer| refused(&answer),
        ),
        RequestTokenError::Other(other) => IdentityError::Unavailable(shorten(&other)),
    }
}

fn refused(answer: &BasicErrorResponse) -> IdentityError {
    match answer.error().as_ref() {
        // A code is good once, and for a minute or so.
        "invalid_grant" | "bad_verification_code" => IdentityError::Expired,
        error => IdentityError::Refused(words(error, answer.error_description().map(String::as_str))),
    }
}

//! Tokens and money.

use serde::{Deserialize, Serialize};

/// What a model costs: US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Of what it is told.
    pub input: f64,
    /// Of what it says, thinking included.
    pub output: f64,
}

/// What an answer took, where its provider counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Of everything the model was told.
    pub prompt: i32,
    /// Of the answer, thinking included.
    pub completion: i32,
}

impl Tokens {
    /// Both together.
    #[must_use]
    pub const fn total(self) -> i32 {
        self.prompt.saturating_add(self.completion)
    }
}

/// What somebody spent on a model in a month.
#[derive(Debug, Clone, PartialEq)]
pub struct Spending {
    /// `2026-11`.
    pub month: String,
    /// Whose: their address.
    pub person: String,
    /// `provider:name`.
    pub model: String,
    /// Answers.
    pub answers: i64,
    /// Tokens that the model was told.
    pub prompt_tokens: i64,
    /// Tokens that it said.
    pub completion_tokens: i64,
    /// US dollars, of the answers that had a price.
    pub cost: f64,
    /// Answers without a price.
    pub unpriced: i64,
}

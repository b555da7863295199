//! Artifacts: what a model or a person makes beside the text of a chat, with all its versions.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    id::{ArtifactId, ChatId, MessageId},
    text::InvalidText,
};

/// The title of an artifact: one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactTitle(String);

impl ArtifactTitle {
    /// The most characters it may have.
    pub const MAX: usize = 200;

    /// Takes one line of 1 to [`Self::MAX`] characters; control characters become spaces.
    ///
    /// # Errors
    /// [`InvalidText`].
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match text.chars().count() {
            0 => Err(InvalidText::Empty),
            actual if actual > Self::MAX => Err(InvalidText::TooLong { actual, max: Self::MAX }),
            _ => Ok(Self(text)),
        }
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who made a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// A model, in an answer.
    Model,
    /// A person.
    Person,
}

impl Author {
    /// As the database has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Person => "person",
        }
    }

    /// Reads [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "model" => Some(Self::Model),
            "person" => Some(Self::Person),
            _ => None,
        }
    }
}

/// An artifact at its newest version, as a list shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its id.
    pub id: ArtifactId,
    /// The name of its kind: `code`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What people call it.
    pub title: String,
    /// The programming language, where its kind has one.
    pub language: Option<String>,
    /// What else is known of it, by its kind.
    pub metadata: serde_json::Value,
    /// The newest version, from 1.
    pub version: i32,
    /// Bytes of its content.
    pub size_bytes: i64,
    /// The chat it was made in, while that is there.
    pub chat_id: Option<ChatId>,
    /// What that chat is called.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chat_title: Option<String>,
    /// The message it was made in, while that is there.
    pub message_id: Option<MessageId>,
    /// Labels.
    pub tags: Vec<String>,
    /// Whether a link leads to it.
    pub shared: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its newest version was made.
    pub updated_at: Timestamp,
}

/// A version, as a history lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArtifactVersion {
    /// From 1.
    pub version: i32,
    /// What it was called.
    pub title: String,
    /// Who made it.
    pub author: Author,
    /// Which model, if one did.
    pub model: Option<String>,
    /// The message that it comes from, while that is there.
    pub message_id: Option<MessageId>,
    /// The chat of that message.
    pub chat_id: Option<ChatId>,
    /// The older version that it brought back.
    pub restored_from: Option<i32>,
    /// Bytes of its content.
    pub size_bytes: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a message made of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageArtifact {
    /// Its place among those of the message, from 0.
    pub n: i32,
    /// The artifact; `None` once it is deleted, or when nothing came of it.
    pub id: Option<ArtifactId>,
    /// The version that it became.
    pub version: Option<i32>,
    /// What it is called now.
    #[serde(default)]
    pub title: Option<String>,
    /// The name of its kind.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Why a change was not applied: a code of the protocol's errors.
    pub problem: Option<String>,
}

/// What is wanted of the library of artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArtifactsWanted {
    /// Words in title and text; empty: all.
    pub words: String,
    /// Of one kind.
    pub kind: Option<String>,
    /// With this label.
    pub tag: Option<String>,
    /// Of one chat.
    pub chat: Option<ChatId>,
    /// Changed before this.
    pub before: Option<Timestamp>,
    /// Changed at this or after it.
    pub after: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_with_words() {
        assert_eq!(ArtifactTitle::parse(" a\nb ").unwrap().as_str(), "a b");
        assert!(ArtifactTitle::parse(" \n ").is_err());
        assert!(ArtifactTitle::parse(&"x".repeat(201)).is_err());
    }
}

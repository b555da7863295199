//! Identifiers: text, opaque, time-ordered when new.
//!
//! The ADR's application made cuids; they stay valid. New ids are 26 characters of Crockford's base 32 (lower case):
//! 48 bits of milliseconds, then 80 random bits, so that the primary key's index grows at one end.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An id came from outside and is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 letters, digits, '-' or '_'")]
pub struct InvalidId;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Writes a new id from the clock (milliseconds since the epoch) and 80 random bits.
#[must_use]
pub fn compose(now: crate::Timestamp, random: u128) -> String {
    let millis = u128::try_from(now.0.max(0)).unwrap_or(0) & ((1 << 48) - 1);
    let value = (millis << 80) | (random & ((1 << 80) - 1));
    (0..26).rev().map(|digit| char::from(ALPHABET[((value >> (digit * 5)) & 31) as usize])).collect()
}

fn check(text: &str) -> Result<(), InvalidId> {
    let fits =
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { Ok(()) } else { Err(InvalidId) }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes an id that came from outside: 1 to 64 ASCII letters, digits, `-` or `_`.
            ///
            /// # Errors
            /// [`InvalidId`] for anything else.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// A new id; see [`compose`].
            #[must_use]
            pub fn new(now: crate::Timestamp, random: u128) -> Self {
                Self(compose(now, random))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The id's text, taken out.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// A person.
    UserId,
    /// A row of `sessions`; never the token.
    SessionId,
    /// Somebody's account at a provider.
    AccountId,
    /// A conversation.
    ChatId,
    /// Chats that belong together.
    FolderId,
    /// A question that is kept to be asked again.
    PromptId,
    /// One turn of a conversation.
    MessageId,
    /// An image that is asked about.
    ImageId,
    /// One run of a model for one answer.
    GenerationId,
    /// A document, through all its versions.
    DocumentId,
    /// One chunk of one version: `<document>#<version>#<seq>` in the vector index, a plain id in PostgreSQL.
    ChunkId,
    /// A key of the public API; never the key itself.
    ApiKeyId,
    /// A mail to somebody.
    MailId,
    /// Anything a model or a person made beside the text.
    ArtifactId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn a_new_id_has_26_characters_and_parses() {
        let id = compose(Timestamp(1_790_000_000_000), u128::MAX);
        assert_eq!(id.len(), 26);
        assert!(ChatId::parse(id).is_ok());
    }

    #[test]
    fn a_later_id_sorts_after_an_earlier_one_whatever_the_random_bits() {
        assert!(compose(Timestamp(1), u128::MAX) < compose(Timestamp(2), 0));
    }

    #[test]
    fn a_cuid_of_the_old_application_stays_valid() {
        assert!(UserId::parse("clh3x2k5w0000qzrm9f8c1a2b").is_ok());
    }

    #[test]
    fn text_that_could_leave_a_path_or_a_query_is_no_id() {
        for bad in ["", "../x", "a b", "a'b", "ñ", "a\0b"] {
            assert_eq!(ChatId::parse(bad), Err(InvalidId), "{bad:?}");
        }
        assert!(ChatId::parse("a".repeat(65)).is_err());
    }
}

//! Keys.

use std::fmt;

/// A key. It prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The key itself, for a header or for sealing it away.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Words of a server without the key, which some servers echo.
    #[must_use]
    pub fn removed_from(&self, words: &str) -> String {
        // What is shorter is no key, and would be found in ordinary words.
        if self.0.len() >= 4 { words.replace(&self.0, "***") } else { words.to_owned() }
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(text.into().trim().to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_neither_printed_nor_repeated() {
        let key = Secret::from(" sk-secret\n");
        assert_eq!(key.reveal(), "sk-secret");
        assert_eq!(format!("{key:?}"), "***");
        assert_eq!(key.removed_from("wrong key sk-secret"), "wrong key ***");
        assert_eq!(Secret::from("a").removed_from("a wrong key"), "a wrong key");
    }
}

//! A document's own keys: the ADR's `Document.metadata`, as far as an index can hold them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// The most keys of one document.
const KEYS: usize = 64;
/// The most bytes of one key.
const KEY_BYTES: usize = 128;
/// The most bytes of all of them, as JSON.
const ALL_BYTES: usize = 8 * 1024;
/// Integers beyond this lose digits in an index that keeps numbers as 64-bit floats.
const EXACT: u64 = 1 << 53;
/// Keys that say something else on every vector.
pub(crate) const RESERVED: &[&str] = &[
    "documentId",
    "chunkIndex",
    "text",
    "title",
    "source",
    "sourceUrl",
    "userId",
    "visibility",
    "createdAt",
    "tags",
    "language",
];

/// A value that indexes can filter by.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum CustomValue {
    /// A text.
    Text(String),
    /// A number, exact up to 2^53.
    Number(serde_json::Number),
    /// Yes or no.
    Flag(bool),
    /// Texts.
    List(Vec<String>),
}

/// At most 64 keys of a document's own, 8 KB in all.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct CustomMetadata(BTreeMap<String, CustomValue>);

/// Why a document's own keys cannot go into an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCustomMetadata {
    /// No JSON object.
    #[error("a document's own metadata is a JSON object")]
    NoObject,
    /// Too much.
    #[error("a document has at most 64 keys of its own, 8 KB in all")]
    TooMuch,
    /// A key.
    #[error(
        "the key {0:?} cannot be used: it is empty, begins with $, is longer than 128 bytes, or names something else"
    )]
    Key(String),
    /// A value.
    #[error("the value of {0:?} cannot be used: it is no text, number, yes or no, or list of texts")]
    Value(String),
    /// An integer.
    #[error("the value of {0:?} cannot be used: integers beyond 2^53 lose digits; write it as a text")]
    Inexact(String),
}

impl CustomMetadata {
    /// Reads a JSON object. Keys whose value is `null` are left out: indexes know no null.
    ///
    /// # Errors
    /// [`InvalidCustomMetadata`], naming the key.
    pub fn parse(json: &Value) -> Result<Self, InvalidCustomMetadata> {
        let object = match json {
            Value::Null => return Ok(Self::default()),
            Value::Object(object) => object,
            _ => return Err(InvalidCustomMetadata::NoObject),
        };
        let mut keys = BTreeMap::new();
        for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            if key.is_empty() || key.len() > KEY_BYTES || key.starts_with('$') || RESERVED.contains(&key.as_str()) {
                return Err(InvalidCustomMetadata::Key(key.chars().take(KEY_BYTES).collect()));
            }
            keys.insert(key.clone(), parse_value(key, value)?);
        }
        let bytes = serde_json::to_vec(&keys).map_or(usize::MAX, |json| json.len());
        if keys.len() > KEYS || bytes > ALL_BYTES {
            return Err(InvalidCustomMetadata::TooMuch);
        }
        Ok(Self(keys))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn parse_value(key: &str, value: &Value) -> Result<CustomValue, InvalidCustomMetadata> {
    let wrong = || InvalidCustomMetadata::Value(key.to_owned());
    match value {
        Value::String(text) => Ok(CustomValue::Text(text.clone())),
        Value::Bool(flag) => Ok(CustomValue::Flag(*flag)),
        Value::Number(number) => {
            let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if whole.is_some_and(|whole| whole > EXACT) {
                return Err(InvalidCustomMetadata::Inexact(key.to_owned()));
            }
            Ok(CustomValue::Number(number.clone()))
        }
        Value::Array(items) => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong));
            Ok(CustomValue::List(texts.collect::<Result<_, _>>()?))
        }
        Value::Null | Value::Object(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(json: Value) -> InvalidCustomMetadata {
        CustomMetadata::parse(&json).unwrap_err()
    }

    #[test]
    fn what_an_index_can_hold_is_kept_and_nulls_are_left_out() {
        let kept = json!({"author": "Ana", "pages": 12, "share": 0.5, "draft": false, "areas": ["hr", "it"]});
        let mut given = kept.clone();
        given["reviewer"] = Value::Null;
        let custom = CustomMetadata::parse(&given).unwrap();
        assert_eq!(serde_json::to_value(&custom).unwrap(), kept);
        assert!(CustomMetadata::parse(&Value::Null).unwrap().is_empty());
    }

    #[test]
    fn what_no_index_holds_is_refused_by_name() {
        let value = |key: &str| InvalidCustomMetadata::Value(key.to_owned());
        assert_eq!(refused(json!({"nested": {"a": 1}})), value("nested"));
        assert_eq!(refused(json!({"numbers": [1, 2]})), value("numbers"));
        assert_eq!(refused(json!({"mixed": ["a", null]})), value("mixed"));
        assert_eq!(refused(json!([1])), InvalidCustomMetadata::NoObject);
        for key in ["", "$in", "text", "userId"] {
            assert_eq!(refused(json!({key: "x"})), InvalidCustomMetadata::Key(key.to_owned()));
        }
    }

    #[test]
    fn integers_are_exact_or_refused() {
        assert!(
            CustomMetadata::parse(&json!({"n": 9_007_199_254_740_992_u64, "m": -9_007_199_254_740_992_i64})).is_ok()
        );
        for number in [json!(9_007_199_254_740_993_u64), json!(-9_007_199_254_740_993_i64), json!(u64::MAX)] {
            assert_eq!(refused(json!({"n": number})), InvalidCustomMetadata::Inexact("n".to_owned()));
        }
    }

    #[test]
    fn there_are_bounds() {
        let many: serde_json::Map<_, _> = (0..65).map(|n| (format!("k{n}"), json!(n))).collect();
        assert_eq!(refused(Value::Object(many)), InvalidCustomMetadata::TooMuch);
        assert_eq!(refused(json!({"long": "x".repeat(9_000)})), InvalidCustomMetadata::TooMuch);
    }
}

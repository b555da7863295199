//! Reading what may be anything.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use cjhirashi_domain::Timestamp;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// A field that may hold something else: then it is left out, and what is beside it is read.
#[derive(Debug)]
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).ok()))
    }
}

impl<T: Default> Maybe<T> {
    /// What was read, or nothing of it.
    pub(crate) fn or_none(self) -> T {
        self.0.unwrap_or_default()
    }
}

/// A string. Half of a surrogate pair, which JavaScript leaves where it cuts an emoji, is no reason to refuse the rest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl de::Visitor<'_> for Bytes {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
            }
        }

        // As bytes, since only then serde_json takes half pairs.
        deserializer.deserialize_bytes(Bytes)
    }
}

impl Maybe<Text> {
    /// The string, unless there is none or it is empty.
    pub(crate) fn text(self) -> Option<String> {
        self.0.map(|text| text.0).filter(|text| !text.is_empty())
    }

    /// The string, empty if there is none.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", |text| &text.0)
    }
}

/// Items of a list, or members of an object, of one conversation. One with more is none that people made, and two bytes of
/// JSON must not become hundreds.
pub(crate) const MOST: usize = 200_000;

/// A list that is refused as a whole when it has more than [`MOST`] items.
#[derive(Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Maybe<List<T>> {
    /// What was read of a list, or nothing.
    pub(crate) fn items(self) -> Vec<T> {
        self.0.map_or_else(Vec::new, |list| list.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Items<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MOST} items")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    if list.len() == MOST {
                        return Err(de::Error::invalid_length(MOST + 1, &self));
                    }
                    list.push(item);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// The members of an object, none of them read yet. It is refused as a whole when it has more than [`MOST`].
#[derive(Debug)]
pub(crate) struct Members<'a>(pub(crate) BTreeMap<String, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Raw;

        impl<'de> de::Visitor<'de> for Raw {
            type Value = BTreeMap<String, &'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object of at most {MOST} members")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((key, value)) = members.next_entry()? {
                    map.insert(key, value);
                    if map.len() > MOST {
                        return Err(de::Error::invalid_length(map.len(), &self));
                    }
                }
                Ok(map)
            }
        }

        deserializer.deserialize_map(Raw).map(Members)
    }
}

/// Stands for a time that a file does not tell. [`crate::Conversation::tidied`] finds another in its place.
pub(crate) const UNTOLD: Timestamp = Timestamp(0);

/// Seconds since the epoch; milliseconds, which Open WebUI mixes in, where they would be seconds after the year 5000.
pub(crate) fn moment(seconds: &Maybe<f64>) -> Timestamp {
    let Some(seconds) = seconds.0 else { return UNTOLD };
    let millis = if seconds.abs() < 1e11 { seconds * 1000.0 } else { seconds };
    Timestamp(millis.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Option<String> {
        serde_json::from_str::<Maybe<Text>>(json).unwrap().text()
    }

    #[test]
    fn half_an_emoji_is_replaced_and_the_rest_is_read() {
        assert_eq!(text(r#""aé\n\ud83d\ude00""#).as_deref(), Some("aé\n😀"));
        assert!(text(r#""cut \ud83d""#).is_some_and(|text| text.starts_with("cut \u{fffd}")));
        assert_eq!(text(r#""""#), None);
        assert_eq!(text("[104, 105]"), None);
    }

    #[test]
    fn more_items_than_people_make_are_refused_before_they_take_memory() {
        let list = |n: usize| serde_json::from_str::<Maybe<List<u8>>>(&format!("[{}1]", "1,".repeat(n - 1))).unwrap();
        assert_eq!(list(MOST).0.map(|list| list.0.len()), Some(MOST));
        assert!(list(MOST + 1).0.is_none());
    }

    #[test]
    fn times_are_seconds_or_milliseconds() {
        assert_eq!(moment(&Maybe(Some(1_700_000_000.5))), Timestamp(1_700_000_000_500));
        assert_eq!(moment(&Maybe(Some(1_700_000_000_500.0))), Timestamp(1_700_000_000_500));
        assert_eq!(moment(&Maybe(Some(f64::NAN))), UNTOLD);
        assert_eq!(moment(&Maybe(None)), UNTOLD);
    }
}

//! Whose export a text is: what it holds decides.

use serde::Deserialize;
use serde_json::{from_str, value::RawValue};

use crate::{
    Source,
    error::{ImportError, Unread},
    items::Items,
    lenient::{Maybe, Text},
    own::{FORMAT, VERSION},
};

/// The conversations in a text, and whose they are if they all are ours.
pub(crate) fn conversations(text: &str) -> Result<(Items, bool), ImportError> {
    let start = text.len() - text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
    match text.as_bytes().get(start) {
        Some(b'[') => Ok((Items::from(start + 1), false)),
        Some(b'{') => Ok(match our_chats(text, start + 1)? {
            Some(chats) => (Items::from(chats), true),
            None => (Items::from(start), false),
        }),
        _ => Err(ImportError::NotAnExport),
    }
}

/// Where the list of `chats` begins in a file of ours. The members are looked through, not parsed: a file that is damaged
/// within its chats has them all the same.
fn our_chats(text: &str, start: usize) -> Result<Option<usize>, ImportError> {
    let mut members = Items::from(start);
    let (mut ours, mut version, mut chats) = (false, 0, None);
    while let Some(range) = members.next(text) {
        let end = range.end;
        let member = &text[range];
        let value = |key| Some(member.strip_prefix(key)?.trim_start().strip_prefix(':')?.trim_start());
        if let Some(format) = value(r#""format""#) {
            ours = from_str::<Text>(format).is_ok_and(|format| format.0 == FORMAT);
        } else if let Some(number) = value(r#""version""#) {
            version = from_str(number).unwrap_or(0);
        } else if let Some(list) = value(r#""chats""#).filter(|list| list.starts_with('[')) {
            chats = Some(end - list.len() + 1);
        }
    }
    match (ours, version) {
        (false, _) => Ok(None),
        (true, version) if version > VERSION => Err(ImportError::TooNew { version }),
        // Without a list it has no chats.
        (true, _) => Ok(Some(chats.unwrap_or(text.len()))),
    }
}

/// What tells the formats apart. Each is read as what it should be later on.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Marks<'a> {
    #[serde(borrow)]
    mapping: Maybe<&'a RawValue>,
    #[serde(borrow)]
    chat: Maybe<&'a RawValue>,
    #[serde(borrow)]
    history: Maybe<&'a RawValue>,
}

/// Whose conversation it is, if it is one of another program's.
pub(crate) fn source(item: &str) -> Result<Source, Unread> {
    let unknown = || Unread("it is no conversation of ChatGPT or Open WebUI".to_owned());
    if !item.starts_with('{') {
        return Err(unknown());
    }
    let marks: Marks<'_> = from_str(item)?;
    let object = |mark: Maybe<&RawValue>| mark.0.is_some_and(|raw| raw.get().starts_with('{'));
    if object(marks.mapping) {
        Ok(Source::ChatGpt)
    } else if object(marks.chat) || object(marks.history) {
        Ok(Source::OpenWebUi)
    } else {
        Err(unknown())
    }
}

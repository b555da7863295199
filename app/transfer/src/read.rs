//! A file's bytes become conversations.

use std::borrow::Cow;

use cjhirashi_domain::{Timestamp, settings::Language, text::ChatTitle};
use serde::Deserialize;

use crate::{
    Conversation, DamagedConversation, ImportError, Source,
    archive::Archive,
    chatgpt,
    conversation::line,
    error::Unread,
    items::Items,
    lenient::{Maybe, Text},
    openwebui, own, recognise,
};

/// Bytes of one conversation's JSON: 64 MiB. Pictures may lie in it; its words are a few MB at most.
const MAX_CHAT_BYTES: usize = 64 << 20;

/// Bytes that an archive's conversations may unpack to: 400 MiB. One file of it is in memory at a time.
const MAX_UNPACKED_BYTES: u64 = 400 << 20;

/// Begins to read a file, which the caller has bounded: ChatGPT's export (the zip, or `conversations.json` out of it), Open
/// WebUI's (a list of chats, or one), or our own. Notes in place of what cannot be brought along are in `language`. No
/// time lies more than a day after `now`, and what has none gets the nearest that is known.
///
/// # Errors
/// [`ImportError`] when nothing of it can be read. An empty list is a file without conversations.
pub fn read(bytes: &[u8], language: Language, now: Timestamp) -> Result<Conversations<'_>, ImportError> {
    let mut archive = if Archive::is_one(bytes) { Some(Archive::open(bytes, MAX_UNPACKED_BYTES)?) } else { None };
    let text = match archive.as_mut().and_then(Archive::next) {
        Some(unpacked) => Cow::Owned(unpacked?),
        None => String::from_utf8_lossy(bytes),
    };
    let (items, ours) = recognise::conversations(&text)?;
    // A list of something else is not reported item by item.
    let mut others = items;
    let mut found = std::iter::from_fn(|| others.next(&text)).map(|range| recognise::source(&text[range]).is_ok());
    let recognised = ours || found.next().is_none_or(|first| first || found.any(|known| known));
    if !recognised {
        return Err(ImportError::NotAnExport);
    }
    Ok(Conversations { archive, text, items, ours, number: 0, language, now })
}

/// The conversations of a file, in its order, each read when it is asked for.
pub struct Conversations<'a> {
    archive: Option<Archive<'a>>,
    text: Cow<'a, str>,
    items: Items,
    ours: bool,
    number: usize,
    language: Language,
    now: Timestamp,
}

impl std::fmt::Debug for Conversations<'_> {
    /// Without what people said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversations").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Iterator for Conversations<'_> {
    type Item = Result<Conversation, DamagedConversation>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(range) = self.items.next(&self.text) {
                self.number += 1;
                return Some(self.read(&self.text[range]));
            }
            // What was read is let go before more is unpacked.
            self.text = Cow::Borrowed("");
            let file = self.archive.as_mut()?.next()?;
            match file.and_then(|text| Ok((recognise::conversations(&text)?, text))) {
                Ok(((items, ours), text)) => (self.items, self.ours, self.text) = (items, ours, text.into()),
                Err(error) => {
                    self.number += 1;
                    let detail = line(&error.to_string(), 200);
                    return Some(Err(DamagedConversation { number: self.number, title: None, detail }));
                }
            }
        }
    }
}

impl Conversations<'_> {
    fn read(&self, item: &str) -> Result<Conversation, DamagedConversation> {
        let draft = if item.len() > MAX_CHAT_BYTES {
            Err(Unread(format!("it is larger than {MAX_CHAT_BYTES} bytes")))
        } else {
            let source = if self.ours { Ok(Source::Cjhirashi) } else { recognise::source(item) };
            source.and_then(|source| match source {
                Source::ChatGpt => chatgpt::read(item, self.language),
                Source::OpenWebUi => openwebui::read(item, self.language),
                Source::Cjhirashi => own::read(item),
            })
        };
        draft.map(|draft| draft.tidied(self.language, self.now)).map_err(|Unread(detail)| DamagedConversation {
            number: self.number,
            title: title_of(item),
            detail: line(&detail, 200),
        })
    }
}

/// The title of a conversation that is otherwise no use.
fn title_of(item: &str) -> Option<String> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Titled {
        title: Maybe<Text>,
    }
    let titled: Titled = serde_json::from_str(item).ok()?;
    Some(line(&titled.title.text()?, ChatTitle::MAX)).filter(|title| !title.is_empty())
}

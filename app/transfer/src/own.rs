//! Our own files: all of a conversation as JSON, written one conversation at a time.

use std::io::{self, Write};

use cjhirashi_domain::{
    Timestamp,
    chat::{MessageRole, MessageStatus, Rating},
};
use serde::Deserialize;
use serde_json::{from_str, value::RawValue};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    CitedSource, Conversation, ImportedMessage, Kept, KeptImage, Source,
    conversation::{MAX_CITATIONS, iso},
    error::Unread,
    lenient::{List, Maybe, Text, UNTOLD},
    tree::{self, Placed},
};

/// What `format` says.
pub(crate) const FORMAT: &str = "cjhirashi-chats";
/// The version that is written, and the newest that is read.
pub(crate) const VERSION: u64 = 1;

/// Writes conversations as `{"format": "cjhirashi-chats", "version": 1, "exported_at": …, "chats": […]}`: [`Export::begin`],
/// [`Export::chat`] for each, [`Export::end`]. Nothing is held back, so that memory holds one conversation.
#[derive(Debug)]
#[must_use = "a file without its end is broken"]
pub struct Export<W> {
    out: W,
    first: bool,
}

impl<W: Write> Export<W> {
    /// Writes what stands before the first conversation.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn begin(mut out: W, exported_at: Timestamp) -> io::Result<Self> {
        let at = iso(exported_at);
        write!(out, r#"{{"format":"{FORMAT}","version":{VERSION},"exported_at":"{at}","chats":["#)?;
        Ok(Self { out, first: true })
    }

    /// Writes a conversation.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn chat(&mut self, conversation: &Conversation) -> io::Result<()> {
        self.out.write_all(if self.first { b"\n" } else { b",\n" })?;
        self.first = false;
        serde_json::to_writer(&mut self.out, conversation).map_err(io::Error::from)
    }

    /// The writer, to take out what was written so far.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes what stands behind the last conversation, and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn end(mut self) -> io::Result<W> {
        self.out.write_all(b"\n]}\n")?;
        Ok(self.out)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawChat<'a> {
    source: Maybe<Source>,
    source_id: Maybe<Text>,
    title: Maybe<Text>,
    created_at: Maybe<Text>,
    updated_at: Maybe<Text>,
    archived: Maybe<bool>,
    pinned: Maybe<bool>,
    tags: Maybe<List<Maybe<Text>>>,
    current: Maybe<usize>,
    #[serde(borrow)]
    messages: Maybe<List<&'a RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawMessage {
    source_id: Maybe<Text>,
    parent: Maybe<usize>,
    role: Maybe<MessageRole>,
    content: Maybe<Text>,
    model: Maybe<Text>,
    created_at: Maybe<Text>,
    citations: Maybe<List<Maybe<RawSource>>>,
    status: Maybe<MessageStatus>,
    rating: Maybe<Rating>,
    rating_reason: Maybe<Text>,
    images: Maybe<List<Maybe<RawImage>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawImage {
    width: Maybe<i32>,
    height: Maybe<i32>,
    data: Maybe<Text>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawSource {
    n: Maybe<i32>,
    title: Maybe<Text>,
    quote: Maybe<Text>,
    url: Maybe<Text>,
}

/// Reads one conversation.
pub(crate) fn read(text: &str) -> Result<Conversation, Unread> {
    let chat: RawChat<'_> = from_str(text)?;
    let List(raw) = chat.messages.0.ok_or_else(Unread::messages)?;
    let placed = raw.into_iter().map(|raw| from_str::<RawMessage>(raw.get()).unwrap_or_default().placed()).collect();
    let (messages, current) = tree::hang(placed, chat.current.0);
    Ok(Conversation {
        source: chat.source.0.unwrap_or(Source::Cjhirashi),
        source_id: chat.source_id.text().unwrap_or_default(),
        title: chat.title.text().unwrap_or_default(),
        created_at: moment(chat.created_at),
        updated_at: moment(chat.updated_at),
        archived: chat.archived.or_none(),
        pinned: chat.pinned.or_none(),
        tags: chat.tags.items().into_iter().filter_map(Maybe::text).collect(),
        current,
        messages,
    })
}

impl RawMessage {
    /// Nobody knows whose words they are that have no role; an answer without words is one that failed.
    fn placed(self) -> Placed {
        let sources = self.citations.items().into_iter().filter_map(|source| source.0?.cited());
        let mut citations: Vec<_> = sources.take(MAX_CITATIONS).collect();
        // It was collected within the longer list that was read.
        citations.shrink_to_fit();
        let image = |image: RawImage| KeptImage {
            width: image.width.or_none(),
            height: image.height.or_none(),
            data: image.data.text(),
        };
        let kept = Kept {
            status: self.status.0,
            rating: self.rating.0,
            rating_reason: self.rating_reason.text(),
            images: self.images.items().into_iter().filter_map(|found| found.0.map(image)).collect(),
        };
        let message = self.role.0.map(|role| ImportedMessage {
            source_id: self.source_id.text().unwrap_or_default(),
            parent: None,
            role,
            content: self.content.text().unwrap_or_default(),
            model: self.model.text(),
            created_at: moment(self.created_at),
            citations,
            kept,
        });
        Placed { parent: self.parent.0, message }
    }
}

impl RawSource {
    fn cited(self) -> Option<CitedSource> {
        let title = self.title.text().unwrap_or_default();
        Some(CitedSource { n: self.n.0?, title, quote: self.quote.text(), url: self.url.text() })
    }
}

/// ISO 8601, to the millisecond.
fn moment(text: Maybe<Text>) -> Timestamp {
    let moment = text.text().and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok());
    let millis = moment.and_then(|moment| i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).ok());
    millis.map_or(UNTOLD, Timestamp)
}

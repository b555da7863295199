//! A conversation outside of the database, and the bounds that it keeps to.

use cjhirashi_domain::{
    Timestamp,
    chat::{MessageImage, MessageRole, MessageStatus, Rating},
    settings::Language,
    text::{ChatTitle, DocumentTitle, InvalidText, MessageText, QueryText, Tag},
};
use serde::{Deserialize, Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::markdown::open_fence;

/// Characters of an id, or of a model's name.
const NAME: usize = 200;
/// Characters of an address.
const URL: usize = 2_000;
/// Labels of one conversation.
const MAX_TAGS: usize = 50;
/// Sources of one answer.
pub(crate) const MAX_CITATIONS: usize = 200;
/// 2000-01-01: no program wrote a chat before.
const EARLIEST: Timestamp = Timestamp(946_684_800_000);
/// Clocks differ; milliseconds.
const DAY: i64 = 86_400_000;

/// The program that a conversation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// OpenAI's ChatGPT.
    ChatGpt,
    /// Open WebUI.
    OpenWebUi,
    /// This program.
    Cjhirashi,
}

impl Source {
    /// Its name, as people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatGpt => "ChatGPT",
            Self::OpenWebUi => "Open WebUI",
            Self::Cjhirashi => "Cjhirashi",
        }
    }
}

/// A conversation. One that [`crate::read`] gives keeps to what its fields say; one to be written should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conversation {
    /// Where it comes from.
    pub source: Source,
    /// Its id there, at most 200 characters; empty where the file has none.
    pub source_id: String,
    /// One line of 1 to 200 characters.
    pub title: String,
    /// When it was begun: from 2000 until a day from now, else its first message's time.
    #[serde(serialize_with = "as_iso")]
    pub created_at: Timestamp,
    /// When it last changed, not before `created_at`.
    #[serde(serialize_with = "as_iso")]
    pub updated_at: Timestamp,
    /// Whether it was put away.
    pub archived: bool,
    /// Whether it was pinned.
    pub pinned: bool,
    /// At most 50 labels of one line and 50 characters, none twice.
    pub tags: Vec<String>,
    /// The last message of the branch that was shown, as a place in `messages`.
    pub current: Option<usize>,
    /// Its messages, each behind the one that it follows.
    pub messages: Vec<ImportedMessage>,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedMessage {
    /// Its id there, at most 200 characters; empty where the file has none.
    pub source_id: String,
    /// The message it follows, as a place in the conversation's `messages`, always smaller than its own.
    pub parent: Option<usize>,
    /// Who speaks.
    pub role: MessageRole,
    /// Markdown of at most 100,000 characters, without control characters but `\n` and `\t`. Longer ones end in a note.
    pub content: String,
    /// Which model wrote it: one line, at most 200 characters.
    pub model: Option<String>,
    /// When it was made, not before the message that it follows.
    #[serde(serialize_with = "as_iso")]
    pub created_at: Timestamp,
    /// The sources of an answer, at most 200; only our own files have them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<CitedSource>,
    /// What only our own files tell, to be read by people and programs; it is not brought in again.
    #[serde(flatten)]
    pub kept: Kept,
}

/// What is kept of a message beside its words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// How an answer ended that is not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<MessageStatus>,
    /// What its reader thinks of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
    /// And why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating_reason: Option<String>,
    /// The images that a question is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<KeptImage>,
}

/// An image of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptImage {
    /// In pixels.
    pub width: i32,
    /// In pixels.
    pub height: i32,
    /// The file as a `data:` address; absent where the chat has more of them than a file should hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// A source of an answer, as it was when it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CitedSource {
    /// The number in the text, `[n]`, from 1.
    pub n: i32,
    /// The document's title: one line, at most 300 characters.
    pub title: String,
    /// The words that the answer stands on: one line, at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// Where it is: an address of HTTP, at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Conversation {
    /// Brings a draft within its bounds: what every conversation that is read keeps to, whatever its file held. `now` is
    /// the latest that its times can be, and the last resort for those that are untold.
    pub(crate) fn tidied(mut self, language: Language, now: Timestamp) -> Self {
        let told = |at: Timestamp| (EARLIEST..=now.plus_millis(DAY)).contains(&at).then_some(at);
        let first = || self.messages.iter().filter_map(|message| told(message.created_at)).min();
        self.created_at =
            told(self.created_at).or_else(first).or_else(|| told(self.updated_at)).unwrap_or(now.max(EARLIEST));
        let mut times: Vec<Timestamp> = Vec::with_capacity(self.messages.len());
        for (at, message) in self.messages.iter_mut().enumerate() {
            message.parent = message.parent.filter(|parent| *parent < at);
            let parent = message.parent.map(|parent| times[parent]);
            let time = told(message.created_at).or(parent).unwrap_or(self.created_at);
            message.created_at = parent.map_or(time, |parent| time.max(parent));
            times.push(message.created_at);
            message.tidy(language);
        }
        let latest = times.into_iter().max().unwrap_or(self.created_at);
        self.updated_at = told(self.updated_at).unwrap_or(latest).max(self.created_at);
        self.current = self.current.filter(|current| *current < self.messages.len());
        self.source_id = line(&self.source_id, NAME);
        self.title = line(&self.title, ChatTitle::MAX);
        if self.title.is_empty() {
            self.title = self.first_words().unwrap_or_else(|| self.source.as_str().to_owned());
        }
        let tags = std::mem::take(&mut self.tags);
        for tag in tags.iter().map(|tag| line(tag, Tag::MAX)).filter(|tag| !tag.is_empty()) {
            if self.tags.len() < MAX_TAGS && !self.tags.contains(&tag) {
                self.tags.push(tag);
            }
        }
        self
    }

    /// A title out of the first question.
    fn first_words(&self) -> Option<String> {
        let asked = self.messages.iter().find(|message| message.role == MessageRole::User)?;
        let title = ChatTitle::from_question(&MessageText::parse(&asked.content).ok()?).into_string();
        Some(line(&title, ChatTitle::MAX)).filter(|title| !title.is_empty())
    }
}

impl ImportedMessage {
    fn tidy(&mut self, language: Language) {
        self.source_id = line(&self.source_id, NAME);
        self.content = bounded(&self.content, language);
        self.model = self.model.take().map(|model| line(&model, NAME)).filter(|model| !model.is_empty());
        self.citations.retain(|citation| citation.n > 0);
        self.citations.truncate(MAX_CITATIONS);
        for citation in &mut self.citations {
            citation.title = line(&citation.title, DocumentTitle::MAX);
            let quote = citation.quote.take().map(|quote| line(&quote, QueryText::MAX));
            citation.quote = quote.filter(|quote| !quote.is_empty());
            citation.url = citation.url.take().filter(|url| is_web_address(url));
        }
        // What is being written elsewhere is not written here.
        let answer = self.role == MessageRole::Assistant;
        let ended =
            |status: &MessageStatus| answer && !matches!(status, MessageStatus::Complete | MessageStatus::Streaming);
        self.kept.status = self.kept.status.filter(ended);
        self.kept.rating = self.kept.rating.filter(|_| answer);
        let reason = self.kept.rating_reason.take().filter(|_| self.kept.rating.is_some());
        self.kept.rating_reason = reason.and_then(|reason| Rating::reason(&reason));
        if self.role != MessageRole::User {
            self.kept.images.clear();
        }
        self.kept.images.truncate(MessageImage::MOST);
    }
}

/// Whether it leads to the web and nowhere else, and cannot leave a link.
pub(crate) fn is_web_address(url: &str) -> bool {
    let web = url.starts_with("https://") || url.starts_with("http://");
    web && url.len() <= URL && !url.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\\".contains(c))
}

/// One line without control characters, cut with an ellipsis.
pub(crate) fn line(text: &str, max: usize) -> String {
    let visible = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !c.is_control());
    let text = visible.collect::<String>();
    let text = text.trim();
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => format!("{}…", text.chars().take(max - 1).collect::<String>().trim_end()),
    }
}

/// A message as the domain bounds it. One that is longer loses its end, and says so.
fn bounded(content: &str, language: Language) -> String {
    match MessageText::parse(content) {
        Ok(text) => text.into_string(),
        Err(InvalidText::Empty) => String::new(),
        Err(InvalidText::TooLong { .. }) => {
            let text = content.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect::<String>();
            // Room for the note and for the end of a block of code.
            let mut text = text.trim().chars().take(MessageText::MAX - 200).collect::<String>();
            if let Some(fence) = open_fence(&text).filter(|fence| fence.len() < 100) {
                text = format!("{text}\n{fence}");
            }
            let note = match language {
                Language::Es => "[Recortado al importar: el mensaje era más largo.]",
                Language::En => "[Cut when it was imported: the message was longer.]",
            };
            format!("{text}\n\n{note}")
        }
    }
}

/// What stands in place of a picture.
pub(crate) const fn picture(language: Language) -> &'static str {
    match language {
        Language::Es => "[Imagen]",
        Language::En => "[Picture]",
    }
}

/// A moment as ISO 8601 in UTC, to the millisecond; the epoch for one outside of the years 0 to 9999.
pub(crate) fn iso(at: Timestamp) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}

fn as_iso<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&iso(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_loses_its_breaks_and_is_cut_with_an_ellipsis() {
        assert_eq!(line(" a\n\tb\0\u{7}c ", 10), "a  bc");
        assert_eq!(line("ñandú azul", 6), "ñandú…");
        assert_eq!(line("ñandú", 5), "ñandú");
    }

    #[test]
    fn a_message_that_is_too_long_is_cut_outside_of_its_code_and_says_so() {
        let long = format!("```rust\n{}", "let ñ = 1;\n".repeat(20_000));
        let cut = bounded(&long, Language::En);
        assert!(cut.chars().count() <= MessageText::MAX);
        assert!(cut.ends_with("\n```\n\n[Cut when it was imported: the message was longer.]"), "{}", &cut[99_000..]);
        assert_eq!(bounded(&cut, Language::Es), cut);
    }

    #[test]
    fn only_addresses_of_the_web_are_kept() {
        assert!(is_web_address("https://example.com/a?b=(c)"));
        for url in ["javascript:alert(1)", "http://a b", "https://a>b", "//a", "", "data:text/html,x"] {
            assert!(!is_web_address(url), "{url}");
        }
    }

    #[test]
    fn moments_are_written_as_iso_8601_whatever_they_are() {
        assert_eq!(iso(Timestamp(1_700_000_000_500)), "2023-11-14T22:13:20.5Z");
        assert_eq!(iso(Timestamp(i64::MAX)), iso(Timestamp(0)));
    }
}

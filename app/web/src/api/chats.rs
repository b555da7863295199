//! Chats: list, open, ask, stop, retry, rename, delete.

use cjhirashi_domain::{
    Timestamp,
    chat::{ChatSummary, MessageError, MessageRole, MessageStatus, RetrievalSummary, Verdict},
    event::StreamEvent,
    id::{ChatId, GenerationId, MessageId},
};
use leptos::server;
use serde::{Deserialize, Serialize};

use super::{Failure, WithoutHtml};

/// A part of the list of chats, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChatsView {
    pub(crate) chats: Vec<ChatSummary>,
    pub(crate) more: bool,
    pub(crate) now: Timestamp,
}

/// A chat as its page shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChatView {
    pub(crate) id: ChatId,
    pub(crate) title: String,
    pub(crate) messages: Vec<MessageView>,
    pub(crate) now: Timestamp,
}

/// A message with its Markdown already turned into safe HTML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MessageView {
    pub(crate) id: MessageId,
    pub(crate) role: MessageRole,
    /// Safe HTML.
    pub(crate) html: String,
    /// Long enough to be folded.
    pub(crate) long: bool,
    /// A whole answer that shows nothing. The HTML does not tell: it does not travel beside a page that has it.
    pub(crate) empty: bool,
    pub(crate) status: MessageStatus,
    pub(crate) error: Option<MessageError>,
    pub(crate) model: Option<String>,
    pub(crate) tokens_used: Option<i32>,
    pub(crate) latency_ms: Option<i32>,
    pub(crate) retrieval: Option<RetrievalSummary>,
    pub(crate) sources: Vec<SourceView>,
    pub(crate) generation_id: Option<GenerationId>,
    /// What an answer that has just begun has told so far. Every message of a chat travels: those without it say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) told: Option<Beginning>,
    pub(crate) created_at: Timestamp,
}

/// The beginning of an answer's events, and the number to follow the rest from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beginning {
    pub(crate) events: Vec<StreamEvent>,
    pub(crate) last: i64,
}

/// One source of an answer. The passage itself is loaded when somebody looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SourceView {
    pub(crate) n: i32,
    /// The address of the document with the passage highlighted.
    pub(crate) href: String,
    /// Where the quoted words begin, else the passage; in documents with pages.
    pub(crate) page: Option<i32>,
    pub(crate) score: f64,
    pub(crate) verdict: Verdict,
    /// `None` when the document is gone.
    pub(crate) title: Option<String>,
}

/// What a question started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SentView {
    pub(crate) chat: ChatSummary,
    pub(crate) question: MessageView,
    pub(crate) answer: MessageView,
    pub(crate) now: Timestamp,
}

/// What a retry started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RetriedView {
    pub(crate) answer: MessageId,
    pub(crate) generation: GenerationId,
}

impl WithoutHtml for ChatView {
    fn without_html(&self) -> Self {
        let messages = self.messages.iter().map(MessageView::light).collect();
        Self { id: self.id.clone(), title: self.title.clone(), messages, now: self.now }
    }
}

impl MessageView {
    /// Everything but the HTML.
    fn light(&self) -> Self {
        Self {
            id: self.id.clone(),
            role: self.role,
            html: String::new(),
            long: self.long,
            empty: self.empty,
            status: self.status,
            error: self.error.clone(),
            model: self.model.clone(),
            tokens_used: self.tokens_used,
            latency_ms: self.latency_ms,
            retrieval: self.retrieval.clone(),
            sources: self.sources.clone(),
            generation_id: self.generation_id.clone(),
            told: None,
            created_at: self.created_at,
        }
    }

    /// An answer that has just begun.
    pub(crate) fn begun(id: MessageId, generation: GenerationId, now: Timestamp) -> Self {
        Self {
            id,
            role: MessageRole::Assistant,
            html: String::new(),
            long: false,
            empty: false,
            status: MessageStatus::Streaming,
            error: None,
            model: None,
            tokens_used: None,
            latency_ms: None,
            retrieval: None,
            sources: Vec::new(),
            generation_id: Some(generation),
            told: None,
            created_at: now,
        }
    }
}

#[cfg(feature = "ssr")]
mod server_side {
    use cjhirashi_domain::chat::{Citation, Message, MessageRole, MessageStatus};

    use super::{MessageView, SourceView};
    use crate::api::server::escape;

    /// Whether a question is folded.
    pub(super) fn is_long(text: &str) -> bool {
        text.len() > 1_200 || text.lines().count() > 12
    }

    impl From<&Citation> for SourceView {
        fn from(citation: &Citation) -> Self {
            Self {
                n: citation.n,
                href: citation.address().to_string(),
                page: citation.page,
                score: citation.score,
                verdict: citation.verdict,
                title: citation.source.as_ref().map(|source| source.title.clone()),
            }
        }
    }

    impl From<Message> for MessageView {
        fn from(message: Message) -> Self {
            let html = match message.role {
                MessageRole::Assistant => cjhirashi_chat::markdown::render(&message.content, &message.citations),
                MessageRole::User | MessageRole::System => escape(&message.content),
            };
            let long = message.role == MessageRole::User && is_long(&message.content);
            Self {
                empty: html.trim().is_empty() && message.status == MessageStatus::Complete,
                html,
                long,
                sources: message.citations.iter().map(SourceView::from).collect(),
                id: message.id,
                role: message.role,
                status: message.status,
                error: message.error,
                model: message.model,
                tokens_used: message.tokens_used,
                latency_ms: message.latency_ms,
                retrieval: message.retrieval,
                generation_id: message.generation_id,
                told: None,
                created_at: message.created_at,
            }
        }
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use cjhirashi_domain::chat::Message;

    use super::*;

    fn answer(content: &str, status: MessageStatus) -> MessageView {
        let id = MessageId::parse("a").unwrap();
        let at = Timestamp(0);
        MessageView::from(Message {
            id,
            parent_id: None,
            role: MessageRole::Assistant,
            content: content.to_owned(),
            status,
            error: None,
            model: None,
            tokens_used: None,
            latency_ms: None,
            retrieval: None,
            citations: Vec::new(),
            generation_id: None,
            created_at: at,
        })
    }

    #[test]
    fn an_answer_that_shows_nothing_says_so_also_without_its_html() {
        for nothing in ["", "  \n", "[1]: https://example.org"] {
            let view = answer(nothing, MessageStatus::Complete);
            assert!(view.empty && view.light().empty, "{nothing:?}");
        }
        assert!(!answer("", MessageStatus::Stopped).empty);
        let view = answer("Hola", MessageStatus::Complete);
        assert!(!view.empty && !view.light().empty && view.light().html.is_empty());
    }
}

/// Chats in one answer of the list.
#[cfg(feature = "ssr")]
const CHATS: usize = 60;

/// The person's chats, newest first; `before` and `before_id` name the last one already known.
#[server(prefix = "/fn", endpoint = "list_chats")]
pub(crate) async fn list_chats(before: Option<i64>, before_id: Option<String>) -> Result<ChatsView, Failure> {
    use super::server::{services, signed_in};
    use cjhirashi_storage::ChatCursor;
    let (who, services) = (signed_in()?, services()?);
    let cursor = match (before, before_id.map(ChatId::parse)) {
        (Some(millis), Some(Ok(id))) => Some(ChatCursor { updated_at: Timestamp(millis), id }),
        _ => None,
    };
    let limit = i64::try_from(CHATS + 1).unwrap_or(i64::MAX);
    let mut chats = services.store.list_chats(&who.user.id, limit, cursor.as_ref()).await?;
    let more = chats.len() > CHATS;
    chats.truncate(CHATS);
    Ok(ChatsView { chats, more, now: services.store.now() })
}

/// The person's chats whose titles have these words, newest first, at most as many as a part of the list.
#[server(prefix = "/fn", endpoint = "search_chats")]
pub(crate) async fn search_chats(words: String) -> Result<ChatsView, Failure> {
    use super::server::{services, signed_in};
    use crate::texts::says;
    use cjhirashi_storage::ChatCursor;
    let (who, services) = (signed_in()?, services()?);
    let words: String = words.chars().take(200).collect();
    let (mut chats, mut cursor) = (Vec::new(), None);
    // Somebody with tens of thousands of chats finds the newest of them.
    for _ in 0..20 {
        let part = services.store.list_chats(&who.user.id, 1_000, cursor.as_ref()).await?;
        cursor = part.last().map(|last| ChatCursor { updated_at: last.updated_at, id: last.id.clone() });
        let last = part.len() < 1_000;
        chats.extend(part.into_iter().filter(|chat| says(&chat.title, &words)));
        if last || chats.len() >= CHATS {
            break;
        }
    }
    chats.truncate(CHATS);
    Ok(ChatsView { chats, more: false, now: services.store.now() })
}

/// A chat with its messages.
#[server(prefix = "/fn", endpoint = "load_chat")]
pub(crate) async fn load_chat(id: String) -> Result<ChatView, Failure> {
    use super::server::{fail, services, signed_in};
    use cjhirashi_chat::markdown::aside;
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = ChatId::parse(id).map_err(|_| fail(ErrorCode::ChatNotFound))?;
    let page = services.store.open_chat(&who.viewer(), &id).await?.ok_or_else(|| fail(ErrorCode::ChatNotFound))?;
    let title = page.summary.title;
    let messages = page.messages;
    let messages = aside(move || messages.into_iter().map(MessageView::from).collect()).await;
    Ok(ChatView { id, title, messages, now: services.store.now() })
}

/// One message, when its answer has ended.
#[server(prefix = "/fn", endpoint = "load_message")]
pub(crate) async fn load_message(chat: String, message: String) -> Result<MessageView, Failure> {
    use super::server::{fail, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let chat = ChatId::parse(chat).map_err(|_| fail(ErrorCode::ChatNotFound))?;
    let messages =
        services.store.list_messages(&who.viewer(), &chat).await?.ok_or_else(|| fail(ErrorCode::ChatNotFound))?;
    let found = messages.into_iter().find(|candidate| candidate.id.as_str() == message);
    let found = found.ok_or_else(|| fail(ErrorCode::ChatNotFound))?;
    Ok(cjhirashi_chat::markdown::aside(move || MessageView::from(found)).await)
}

/// So long a reply to a question waits for the answer's first words, to bring them along: a second request would show
/// them later.
#[cfg(feature = "ssr")]
const FIRST_WORDS: std::time::Duration = std::time::Duration::from_millis(60);

/// Asks; without `chat` a new one begins. The same `message_id` twice asks once.
#[server(prefix = "/fn", endpoint = "send_message")]
pub(crate) async fn send_message(
    text: String,
    #[server(default)] chat: String,
    #[server(default)] message_id: String,
) -> Result<SentView, Failure> {
    use super::server::{escape, fail, forward, services, signed_in};
    use cjhirashi_chat::{ChatError, SendMessage};
    use cjhirashi_domain::{ErrorCode, text::MessageText};
    let (who, services) = (signed_in()?, services()?);
    let chat = match chat.as_str() {
        "" => None,
        id => Some(ChatId::parse(id).map_err(|_| fail(ErrorCode::ChatNotFound))?),
    };
    let text = MessageText::parse(&text).map_err(ChatError::from)?;
    let long = server_side::is_long(text.as_str());
    let html = escape(text.as_str());
    let message = SendMessage { chat, text, message_id: MessageId::parse(message_id).ok() };
    let sent = services.chat.send(&who.viewer(), message).await?;
    // Only a retry has no question of its own.
    let asked = sent.user_message.ok_or_else(|| fail(ErrorCode::Internal))?;
    // A form without script reads nothing of the reply, so it waits for nothing.
    let told = if forward(&format!("/chat/{}", sent.chat.id)) {
        None
    } else {
        let told = services.chat.first_events(&who.viewer(), &sent.generation, FIRST_WORDS).await.unwrap_or_default();
        let last = told.last().map_or(0, |(seq, _)| *seq);
        Some(Beginning { events: told.into_iter().map(|(_, event)| event).collect(), last })
    };
    let now = services.store.now();
    let question = MessageView {
        role: MessageRole::User,
        status: MessageStatus::Complete,
        html,
        long,
        generation_id: None,
        ..MessageView::begun(asked, sent.generation.clone(), now)
    };
    let answer = MessageView { told, ..MessageView::begun(sent.assistant_message, sent.generation, now) };
    Ok(SentView { chat: sent.chat, question, answer, now })
}

/// Writes an answer again that failed, was stopped or was interrupted.
#[server(prefix = "/fn", endpoint = "retry_answer")]
pub(crate) async fn retry_answer(message: String) -> Result<RetriedView, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let message = MessageId::parse(message).map_err(|_| fail(ErrorCode::ChatNotFound))?;
    let sent = services.chat.retry(&who.viewer(), &message).await?;
    forward(&format!("/chat/{}", sent.chat.id));
    Ok(RetriedView { answer: sent.assistant_message, generation: sent.generation })
}

/// Stops an answer that is being written; its text so far is kept.
#[server(prefix = "/fn", endpoint = "stop_answer")]
pub(crate) async fn stop_answer(generation: String) -> Result<(), Failure> {
    use super::server::{fail, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let generation = GenerationId::parse(generation).map_err(|_| fail(ErrorCode::GenerationNotFound))?;
    Ok(services.chat.stop(&who.viewer(), &generation).await?)
}

/// Gives a chat another title.
#[server(prefix = "/fn", endpoint = "rename_chat")]
pub(crate) async fn rename_chat(id: String, title: String) -> Result<String, Failure> {
    use super::server::{fail, services, signed_in};
    use cjhirashi_domain::{ErrorCode, text::ChatTitle};
    let (who, services) = (signed_in()?, services()?);
    let id = ChatId::parse(id).map_err(|_| fail(ErrorCode::ChatNotFound))?;
    let title = ChatTitle::parse(&title).map_err(|_| fail(ErrorCode::ChatTitleInvalid))?;
    if services.store.rename_chat(&who.viewer(), &id, &title).await? {
        Ok(title.into_string())
    } else {
        Err(fail(ErrorCode::ChatNotFound))
    }
}

/// Deletes a chat with its messages.
#[server(prefix = "/fn", endpoint = "delete_chat")]
pub(crate) async fn delete_chat(id: String) -> Result<(), Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = ChatId::parse(id).map_err(|_| fail(ErrorCode::ChatNotFound))?;
    if services.store.delete_chat(&who.viewer(), &id).await? {
        forward("/");
        Ok(())
    } else {
        Err(fail(ErrorCode::ChatNotFound))
    }
}

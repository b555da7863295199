//! Chats: list, open, ask, stop, retry, rename, delete.

#[cfg(feature = "ssr")]
use cjhirashi_domain::chat::Message;
use cjhirashi_domain::{
    Timestamp,
    chat::{ChatSummary, MessageRole, MessageStatus},
    event::StreamEvent,
    id::{ChatId, GenerationId, MessageId},
};
use leptos::server;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::choices;
use super::{Failure, WithoutHtml, choices::Chosen, conversation::Acted};
#[cfg(feature = "ssr")]
use crate::texts::Texts;

/// A part of the list of chats, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChatsView {
    /// Above the others; with the first part of the list.
    #[serde(default)]
    pub(crate) pinned: Vec<ChatSummary>,
    pub(crate) chats: Vec<ChatSummary>,
    pub(crate) more: bool,
    pub(crate) now: Timestamp,
}

/// A chat as its page shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChatView {
    pub(crate) id: ChatId,
    pub(crate) title: String,
    /// In no list, and deleted a day after it last changed.
    pub(crate) temporary: bool,
    /// Which model answers in it, in words, when it has one of its own.
    pub(crate) model: Option<String>,
    /// What can be done with it: safe HTML.
    pub(crate) menu: String,
    /// The end of the branch that is shown.
    pub(crate) messages: Vec<MessageView>,
    /// Messages of the branch before these.
    pub(crate) earlier: usize,
    /// Questions that wait: safe HTML.
    pub(crate) queue: String,
    /// Another number when they have changed.
    pub(crate) queue_changes: i32,
    pub(crate) now: Timestamp,
}

/// So many messages are shown of a chat, and so many more at a time.
pub(crate) const SHOWN: usize = 60;

/// A message as its page shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MessageView {
    pub(crate) id: MessageId,
    pub(crate) role: MessageRole,
    pub(crate) status: MessageStatus,
    /// The inside of its article, made by the server: safe HTML. Of an answer that is being written, its text so far.
    pub(crate) html: String,
    /// Another number when it looks different.
    pub(crate) look: u32,
    pub(crate) generation_id: Option<GenerationId>,
    /// The conversation up to here, in percent of what a model is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<i16>,
    /// What an answer that has just begun has told so far. Every message of a chat travels: those without it say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) told: Option<Beginning>,
}

/// The beginning of an answer's events, and the number to follow the rest from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beginning {
    pub(crate) events: Vec<StreamEvent>,
    pub(crate) last: i64,
}

/// What a question started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SentView {
    pub(crate) chat: ChatSummary,
    /// As in [`ChatView`], of a chat that this question began.
    pub(crate) model: Option<String>,
    /// The same.
    pub(crate) menu: String,
    pub(crate) question: MessageView,
    pub(crate) answer: MessageView,
    pub(crate) now: Timestamp,
}

impl WithoutHtml for ChatView {
    fn without_html(&self) -> Self {
        let messages = self.messages.iter().map(MessageView::light).collect();
        let (id, title) = (self.id.clone(), self.title.clone());
        let (temporary, earlier, queue_changes, now) = (self.temporary, self.earlier, self.queue_changes, self.now);
        // What waits goes away in the page: it has to know what is there.
        let (menu, queue) = (String::new(), self.queue.clone());
        let model = self.model.clone();
        Self { id, title, temporary, model, menu, messages, earlier, queue, queue_changes, now }
    }
}

impl MessageView {
    /// Everything but the HTML.
    fn light(&self) -> Self {
        Self { html: String::new(), told: None, ..self.clone() }
    }
}

#[cfg(feature = "ssr")]
impl MessageView {
    /// A message as it is shown now.
    fn of(message: Message, texts: &'static Texts, now: Timestamp) -> Self {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let html = crate::served::message(texts, &message, now);
        let Message { id, role, status, generation_id, memory_used: memory, .. } = message;
        // How long ago it was is no other look, and what is being written shows itself.
        let (before, after) = html.rsplit_once("<time").unwrap_or((html.as_str(), ""));
        let after = after.split_once("</time>").map_or(after, |(_, after)| after);
        let mut look = DefaultHasher::new();
        if status != MessageStatus::Streaming {
            (before, after).hash(&mut look);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a part of the hash tells two looks apart")]
        let look = look.finish() as u32;
        Self { id, role, status, html, look, generation_id, memory, told: None }
    }

    /// Many of them, away from the threads that serve requests when there is much to render.
    async fn all(messages: Vec<Message>, texts: &'static Texts, now: Timestamp) -> Vec<Self> {
        let shown = move || messages.into_iter().map(|message| Self::of(message, texts, now)).collect();
        cjhirashi_markdown::aside(shown).await
    }
}

/// Chats in one answer of the list.
#[cfg(feature = "ssr")]
const CHATS: usize = 60;

/// The person's chats, newest first; `before` and `before_id` name the last one already known.
#[server(prefix = "/fn", endpoint = "list_chats")]
pub(crate) async fn list_chats(before: Option<i64>, before_id: Option<String>) -> Result<ChatsView, Failure> {
    use super::server::{services, signed_in};
    use cjhirashi_storage::{ChatCursor, Listed};
    let (who, services) = (signed_in()?, services()?);
    let cursor = match (before, before_id.map(ChatId::parse)) {
        (Some(millis), Some(Ok(id))) => Some(ChatCursor { updated_at: Timestamp(millis), id }),
        _ => None,
    };
    let limit = i64::try_from(CHATS + 1).unwrap_or(i64::MAX);
    let store = &services.store;
    let mut chats = store.list_chats(&who.user.id, Listed::Unpinned, limit, cursor.as_ref()).await?;
    let pinned = if cursor.is_none() { store.list_pinned(&who.user.id).await? } else { Vec::new() };
    let more = chats.len() > CHATS;
    chats.truncate(CHATS);
    Ok(ChatsView { pinned, chats, more, now: store.now() })
}

/// The person's chats with these words in title or messages, newest first, at most as many as a part of the list.
#[server(prefix = "/fn", endpoint = "search_chats")]
pub(crate) async fn search_chats(words: String) -> Result<ChatsView, Failure> {
    use super::server::{services, signed_in};
    use cjhirashi_domain::chat::Wanted;
    let (who, services) = (signed_in()?, services()?);
    let words: String = words.chars().filter(|c| !c.is_control()).take(200).collect();
    let limit = i64::try_from(CHATS).unwrap_or(i64::MAX);
    let wanted = Wanted { words, ..Wanted::default() };
    let found = services.store.find_chats(&who.user.id, &wanted, 0, limit, false).await?;
    let chats = found.chats.into_iter().map(|listed| listed.chat).collect();
    Ok(ChatsView { pinned: Vec::new(), chats, more: false, now: services.store.now() })
}

/// A chat with so many messages at the end of its shown branch; 0 for as many as a page has.
#[server(prefix = "/fn", endpoint = "load_chat")]
pub(crate) async fn load_chat(id: String, #[server(default)] shown: usize) -> Result<ChatView, Failure> {
    use super::server::{fail, services, signed_in, texts};
    use cjhirashi_domain::ErrorCode;
    use cjhirashi_storage::Part;
    let (who, services) = (signed_in()?, services()?);
    let gone = || fail(ErrorCode::ChatNotFound);
    let id = ChatId::parse(id).map_err(|_| gone())?;
    let part = Part::Last(if shown == 0 { SHOWN } else { shown });
    let (viewer, store) = (who.viewer(), &services.store);
    let (page, folders, share, spent) = futures::try_join!(
        store.open_chat(&viewer, &id, part),
        store.list_folders(&who.user.id),
        store.share_of(&viewer, &id),
        store.spent_in(&viewer, &id),
    )?;
    let page = page.ok_or_else(gone)?;
    let now = services.store.now();
    let messages = MessageView::all(page.messages, texts(&who), now).await;
    let link = share.map(|share| format!("{}/share/{}", services.instance.app_url, share.token));
    let menu = crate::served::chat_menu(texts(&who), &page.summary, &page.filing, &folders, link, spent);
    let queue = crate::served::queue(texts(&who), id.as_str(), &page.queue);
    let model = page.choices.model.map(|model| texts(&who).model_label(&services.models.resolve(&model).id));
    let (title, temporary, earlier) = (page.summary.title, page.filing.temporary, page.earlier);
    Ok(ChatView { id, title, temporary, model, menu, messages, earlier, queue, queue_changes: page.queue_changes, now })
}

/// One message, when its answer has ended.
#[server(prefix = "/fn", endpoint = "load_message")]
pub(crate) async fn load_message(message: String) -> Result<MessageView, Failure> {
    use super::server::{fail, services, signed_in, texts};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let gone = || fail(ErrorCode::ChatNotFound);
    let message = MessageId::parse(message).map_err(|_| gone())?;
    let (_, found) = services.store.open_message(&who.viewer(), &message).await?.ok_or_else(gone)?;
    MessageView::all(vec![found], texts(&who), services.store.now()).await.pop().ok_or_else(gone)
}

/// So long a reply to a question waits for the answer's first words, to bring them along: a second request would show
/// them later.
#[cfg(feature = "ssr")]
const FIRST_WORDS: std::time::Duration = std::time::Duration::from_millis(60);

/// Asks; without `chat` a new one begins. The same `message_id` twice asks once. Asked `instead_of` a question, it stands
/// beside that. `None` while another answer is being written: then the question waits until that has ended.
#[server(prefix = "/fn", endpoint = "send_message")]
pub(crate) async fn send_message(
    text: String,
    #[server(default)] chat: String,
    #[server(default)] message_id: String,
    #[server(default)] instead_of: String,
    #[server(default)] temporary: bool,
    #[server(default)] chosen: Chosen,
    #[server(default)] images: Vec<String>,
) -> Result<Option<SentView>, Failure> {
    use super::server::{fail, forward, services, signed_in, texts};
    use cjhirashi_chat::{Accepted, ChatError, SendMessage};
    use cjhirashi_domain::{
        ErrorCode,
        chat::Filing,
        id::{FolderId, ImageId},
        settings::Choices,
        text::MessageText,
    };
    let (who, services) = (signed_in()?, services()?);
    let chat = match chat.as_str() {
        "" => None,
        id => Some(ChatId::parse(id).map_err(|_| fail(ErrorCode::ChatNotFound))?),
    };
    let text = MessageText::parse(&text).map_err(ChatError::from)?;
    let begins = chat.is_none();
    let question = text.as_str().to_owned();
    let instead_of = match instead_of.as_str() {
        "" => None,
        id => Some(MessageId::parse(id).map_err(|_| fail(ErrorCode::ChatNotFound))?),
    };
    let folder = FolderId::parse(chosen.folder.as_str()).ok().filter(|_| begins);
    // A chat that has begun has its own choices.
    let choices =
        if begins { choices::read(&services.store, &who.viewer(), chosen).await? } else { Choices::default() };
    let model = choices.model.as_ref().map(|model| texts(&who).model_label(&services.models.resolve(model).id));
    let message_id = MessageId::parse(message_id).ok();
    let images: Result<Vec<_>, _> = images.into_iter().map(ImageId::parse).collect();
    let images = images.map_err(|_| fail(ErrorCode::ImageNotFound))?;
    let with_images = !images.is_empty() || instead_of.is_some();
    let message = SendMessage { chat, instead_of, text, images, temporary, folder, choices, message_id };
    let sent = match services.chat.send_or_queue(&who.viewer(), message).await? {
        Accepted::Asked(sent) => sent,
        Accepted::Waits(chat) => {
            forward(&format!("/chat/{chat}"));
            return Ok(None);
        }
    };
    // Only a retry has no question of its own.
    let asked = sent.user_message.ok_or_else(|| fail(ErrorCode::Internal))?;
    // A form without script reads nothing of the reply, so it waits for nothing.
    let told = if forward(&format!("/chat/{}", sent.chat.id)) {
        None
    } else {
        let (viewer, language) = (who.viewer(), who.settings.language);
        let told = services.chat.first_events(&viewer, &sent.generation, FIRST_WORDS, language).await;
        let told = told.unwrap_or_default();
        let last = told.last().map_or(0, |(seq, _)| *seq);
        Some(Beginning { events: told.into_iter().map(|(_, event)| event).collect(), last })
    };
    let now = services.store.now();
    let question = match if with_images {
        services.store.open_message(&who.viewer(), &asked).await.ok().flatten()
    } else {
        None
    } {
        Some((_, question)) => question,
        None => Message::asked(asked, question, now),
    };
    let answer = Message::begun(sent.assistant_message, sent.generation, now);
    let t = texts(&who);
    let answer = MessageView { told, ..MessageView::of(answer, t, now) };
    // A chat that has just begun is in no folder yet; the menu is made anew with the chat.
    let filing = Filing { temporary, ..Filing::default() };
    let menu =
        if begins { crate::served::chat_menu(t, &sent.chat, &filing, &[], None, (0, None)) } else { String::new() };
    Ok(Some(SentView { chat: sent.chat, model, menu, question: MessageView::of(question, t, now), answer, now }))
}

/// Answers once more where an answer failed, was stopped or was interrupted; what it said stays.
#[server(prefix = "/fn", endpoint = "retry_answer")]
pub(crate) async fn retry_answer(message: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let message = MessageId::parse(message).map_err(|_| fail(ErrorCode::ChatNotFound))?;
    let sent = services.chat.retry(&who.viewer(), &message).await?;
    forward(&format!("/chat/{}", sent.chat.id));
    Ok(Acted::default())
}

/// Stops an answer that is being written; its text so far is kept.
#[server(prefix = "/fn", endpoint = "stop_answer")]
pub(crate) async fn stop_answer(generation: String) -> Result<Acted, Failure> {
    use super::server::{fail, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let generation = GenerationId::parse(generation).map_err(|_| fail(ErrorCode::GenerationNotFound))?;
    services.chat.stop(&who.viewer(), &generation).await?;
    Ok(Acted::default())
}

/// Gives a chat another title.
#[server(prefix = "/fn", endpoint = "rename_chat")]
pub(crate) async fn rename_chat(id: String, title: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::{ErrorCode, text::ChatTitle};
    let (who, services) = (signed_in()?, services()?);
    let id = ChatId::parse(id).map_err(|_| fail(ErrorCode::ChatNotFound))?;
    let title = ChatTitle::parse(&title).map_err(|_| fail(ErrorCode::ChatTitleInvalid))?;
    if services.store.rename_chat(&who.viewer(), &id, &title).await? {
        forward(&format!("/chat/{id}"));
        Ok(Acted::default())
    } else {
        Err(fail(ErrorCode::ChatNotFound))
    }
}

/// Deletes a chat with its messages.
#[server(prefix = "/fn", endpoint = "delete_chat")]
pub(crate) async fn delete_chat(id: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in, texts};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = ChatId::parse(id).map_err(|_| fail(ErrorCode::ChatNotFound))?;
    if services.store.delete_chat(&who.viewer(), &id).await? {
        forward("/");
        Ok(Acted { go: Some("/".to_owned()), say: Some(texts(&who).deleted.to_owned()), ..Acted::default() })
    } else {
        Err(fail(ErrorCode::ChatNotFound))
    }
}

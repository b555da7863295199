//! What gives a conversation its shape: branches, other answers, copies, deletions, ratings.
//!
//! These are called by the forms of the page alone: `state::acts` sends any of them and shows what came of it; without
//! script they lead back to the chat.

use leptos::server;
use serde::{Deserialize, Serialize};

use super::{Failure, Served, session::ModelView};

/// What a command came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acted {
    /// The page to go to; the same one, as it is now, when absent.
    pub(crate) go: Option<String>,
    /// What to say of it.
    pub(crate) say: Option<String>,
    /// An attribute of the document's root, and its value.
    #[serde(default)]
    pub(crate) root: Option<(String, String)>,
    /// A part of the page, and its HTML.
    #[serde(default)]
    pub(crate) part: Option<(String, String)>,
    /// Another model answers now.
    #[serde(default)]
    pub(crate) model: Option<ModelView>,
    /// The page is to be loaded again.
    #[serde(default)]
    pub(crate) anew: bool,
}

/// Shows the newest branch through a message.
#[server(prefix = "/fn", endpoint = "show_branch")]
pub(crate) async fn show_branch(message: String) -> Result<Acted, Failure> {
    use super::server::{forward, services, signed_in};
    let (who, services) = (signed_in()?, services()?);
    let chat = services.store.show_branch(&who.viewer(), &server_side::id(message)?).await?;
    forward(&server_side::address(chat)?);
    Ok(Acted::default())
}

/// Asks for another answer to the same question; of one's own model when `model` is empty.
#[server(prefix = "/fn", endpoint = "answer_again")]
pub(crate) async fn answer_again(message: String, #[server(default)] model: String) -> Result<Acted, Failure> {
    use super::server::{forward, services, signed_in};
    let (who, services) = (signed_in()?, services()?);
    let model = Some(model.trim()).filter(|model| !model.is_empty() && model.len() <= 200);
    let sent = services.chat.answer_again(&who.viewer(), &server_side::id(message)?, model).await?;
    forward(&format!("/chat/{}", sent.chat.id));
    Ok(Acted::default())
}

/// Gives a question that waits other words, or takes it out when there are none.
#[server(prefix = "/fn", endpoint = "change_queued")]
pub(crate) async fn change_queued(message: String, #[server(default)] text: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_chat::ChatError;
    use cjhirashi_domain::{ErrorCode, text::MessageText};
    let (who, services) = (signed_in()?, services()?);
    let text = if text.is_empty() { None } else { Some(MessageText::parse(&text).map_err(ChatError::from)?) };
    let message = server_side::id(message)?;
    let chat = services.store.change_queued(&who.viewer(), &message, text.as_ref()).await?;
    let chat = chat.ok_or_else(|| fail(ErrorCode::AlreadyAsked))?;
    forward(&format!("/chat/{chat}"));
    Ok(Acted::default())
}

/// Asks the question that has waited longest.
#[server(prefix = "/fn", endpoint = "ask_next")]
pub(crate) async fn ask_next(chat: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::{ErrorCode, id::ChatId};
    let (who, services) = (signed_in()?, services()?);
    let gone = || fail(ErrorCode::ChatNotFound);
    let chat = ChatId::parse(chat).map_err(|_| gone())?;
    services.store.chat_revision(&who.viewer(), &chat).await?.ok_or_else(gone)?;
    services.chat.ask_next(who.viewer(), chat.clone()).await?;
    forward(&format!("/chat/{chat}"));
    Ok(Acted::default())
}

/// Deletes a question with its answers, or one answer.
#[server(prefix = "/fn", endpoint = "delete_message")]
pub(crate) async fn delete_message(message: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward_back, services, signed_in, texts};
    use cjhirashi_domain::ErrorCode;
    use cjhirashi_storage::MessageDeletion;
    let (who, services) = (signed_in()?, services()?);
    match services.store.delete_message(&who.viewer(), &server_side::id(message)?).await? {
        MessageDeletion::Done => {
            forward_back();
            Ok(Acted { say: Some(texts(&who).deleted.to_owned()), ..Acted::default() })
        }
        MessageDeletion::Busy => Err(fail(ErrorCode::ChatBusy)),
        MessageDeletion::NotFound => Err(fail(ErrorCode::ChatNotFound)),
    }
}

/// Copies a chat, or its shown branch up to `until`, and leads to the copy.
#[server(prefix = "/fn", endpoint = "fork_chat")]
pub(crate) async fn fork_chat(chat: String, #[server(default)] until: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in, words};
    use cjhirashi_domain::{ErrorCode, id::ChatId, text::ChatTitle};
    let (who, services) = (signed_in()?, services()?);
    let gone = || fail(ErrorCode::ChatNotFound);
    let chat = ChatId::parse(chat).map_err(|_| gone())?;
    let until = if until.is_empty() { None } else { Some(server_side::id(until)?) };
    let title = |title: &str| ChatTitle::shortened(&words(&who).copy_of(title));
    let copy = services.store.fork_chat(&who.viewer(), &chat, until.as_ref(), title).await?.ok_or_else(gone)?;
    let address = format!("/chat/{}", copy.id);
    forward(&address);
    Ok(Acted { go: Some(address), ..Acted::default() })
}

/// Shares a chat as it is now by a link, or brings what its link leads to up to date.
#[server(prefix = "/fn", endpoint = "share_chat")]
pub(crate) async fn share_chat(chat: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward_back, services, signed_in, words};
    use cjhirashi_domain::{ErrorCode, id::ChatId};
    let (who, services) = (signed_in()?, services()?);
    let gone = || fail(ErrorCode::ChatNotFound);
    let chat = ChatId::parse(chat).map_err(|_| gone())?;
    services.store.share_chat(&who.viewer(), &chat).await?.ok_or_else(gone)?;
    forward_back();
    Ok(Acted { say: Some(words(&who).shared_now.to_owned()), ..Acted::default() })
}

/// Revokes the link of a chat.
#[server(prefix = "/fn", endpoint = "unshare_chat")]
pub(crate) async fn unshare_chat(chat: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward_back, services, signed_in, words};
    use cjhirashi_domain::{ErrorCode, id::ChatId};
    let (who, services) = (signed_in()?, services()?);
    let gone = || fail(ErrorCode::ChatNotFound);
    let chat = ChatId::parse(chat).map_err(|_| gone())?;
    if !services.store.unshare_chat(&who.viewer(), &chat).await? {
        return Err(gone());
    }
    forward_back();
    Ok(Acted { say: Some(words(&who).unshared_now.to_owned()), ..Acted::default() })
}

/// Goes on with a copy of a shared chat.
#[server(prefix = "/fn", endpoint = "copy_shared")]
pub(crate) async fn copy_shared(token: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in, words};
    use cjhirashi_domain::{ErrorCode, chat::MessageStatus, text::ChatTitle};
    use cjhirashi_storage::{IncomingChat, IncomingMessage};
    let (who, services) = (signed_in()?, services()?);
    let gone = || fail(ErrorCode::ChatNotFound);
    let (snapshot, _) = services.store.open_share(&token).await?.ok_or_else(gone)?;
    let now = services.store.now();
    let messages = snapshot.messages.into_iter().enumerate().map(|(place, message)| IncomingMessage {
        parent: place.checked_sub(1),
        model: message.model,
        // Why it failed there is told nowhere here.
        status: match message.status {
            MessageStatus::Failed => MessageStatus::Interrupted,
            other => other,
        },
        images: message.images.into_iter().map(|image| image.id).collect(),
        ..IncomingMessage::new(message.role, message.content, message.created_at)
    });
    let messages: Vec<_> = messages.collect();
    let copy = IncomingChat {
        origin: None,
        title: ChatTitle::shortened(&words(&who).copy_of(&snapshot.title)),
        created_at: now,
        updated_at: now,
        archived: false,
        pinned: false,
        tags: Vec::new(),
        current: messages.len().checked_sub(1),
        messages,
    };
    let chat = services.store.import_chat(&who.user.id, &copy, Some(&token)).await?.ok_or_else(gone)?;
    let address = format!("/chat/{chat}");
    forward(&address);
    Ok(Acted { go: Some(address), ..Acted::default() })
}

/// Keeps what somebody thinks of an answer: `good`, `bad`, or nothing any more; why, and more of it in their `own` words.
#[server(prefix = "/fn", endpoint = "rate_answer")]
pub(crate) async fn rate_answer(
    message: String,
    #[server(default)] rating: String,
    #[server(default)] reason: String,
    #[server(default)] own: String,
) -> Result<Acted, Failure> {
    use super::server::{fail, forward_back, services, signed_in, words};
    use cjhirashi_domain::{ErrorCode, chat::Rating};
    let (who, services) = (signed_in()?, services()?);
    let rating = match rating.as_str() {
        "good" => Some(Rating::Good),
        "bad" => Some(Rating::Bad),
        "" => None,
        _ => return Err(fail(ErrorCode::InvalidRequest)),
    };
    let reason = rating.and_then(|_| Rating::reason(&format!("{reason}\n{own}")));
    if !services.store.rate_message(&who.viewer(), &server_side::id(message)?, rating, reason.as_deref()).await? {
        return Err(fail(ErrorCode::ChatNotFound));
    }
    forward_back();
    Ok(Acted { say: rating.map(|_| words(&who).thanks.to_owned()), ..Acted::default() })
}

/// The menu of a message: what is seldom done with it. Of the kind `thoughts`, what its model thought aloud.
#[server(prefix = "/fn", endpoint = "message_menu")]
pub(crate) async fn message_menu(message: String, #[server(default)] kind: String) -> Result<Served, Failure> {
    use super::server::{fail, services, signed_in, texts};
    use crate::served;
    use cjhirashi_domain::{ErrorCode, chat::MessageRole};
    let (who, services) = (signed_in()?, services()?);
    let id = server_side::id(message)?;
    if kind == "thoughts" {
        let thoughts = services.store.reasoning_of(&who.viewer(), &id).await?;
        let thoughts = thoughts.ok_or_else(|| fail(ErrorCode::ChatNotFound))?;
        let (name, language) = (format!("{id}-t"), texts(&who).language);
        let render = move || {
            let place = cjhirashi_markdown::Place::new(&name, language);
            cjhirashi_markdown::render(&thoughts, &[], place)
        };
        return Ok(Served { html: cjhirashi_markdown::aside(render).await, moves: false });
    }
    let found = services.store.open_message(&who.viewer(), &id).await?;
    let (chat, message) = found.ok_or_else(|| fail(ErrorCode::ChatNotFound))?;
    let t = texts(&who);
    let html = match kind.as_str() {
        "bad" => served::bad_answer(t, &message),
        _ if message.role == MessageRole::User => served::question_menu(t, &chat, &message),
        _ => served::answer_menu(t, &chat, &message, services.models.list().await),
    };
    Ok(Served { html, moves: false })
}

#[cfg(feature = "ssr")]
mod server_side {
    use cjhirashi_domain::{
        ErrorCode,
        id::{ChatId, MessageId},
    };

    use super::Failure;
    use crate::api::server::fail;

    /// A message's id; what is none is no message.
    pub(super) fn id(text: String) -> Result<MessageId, Failure> {
        MessageId::parse(text).map_err(|_| fail(ErrorCode::ChatNotFound))
    }

    pub(super) fn address(chat: Option<ChatId>) -> Result<String, Failure> {
        chat.map(|chat| format!("/chat/{chat}")).ok_or_else(|| fail(ErrorCode::ChatNotFound))
    }
}

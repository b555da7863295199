//! The open chat, and the list of chats beside it.

use std::{sync::Arc, time::Duration};

use cjhirashi_domain::{
    chat::{MessageError, MessageStatus, Verdict},
    id::{ChatId, GenerationId},
    passage::PassageAddress,
};
use leptos::{prelude::*, task::spawn_local};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::{Notices, browser, use_texts};
use crate::{
    api::{
        Failure, Loaded,
        chats::{ChatView, ChatsView, MessageView, list_chats, retry_answer, send_message, stop_answer},
        load,
    },
    texts::Texts,
};

/// After a question was sent, the list of chats is asked for so much later.
const LIST_WAITS: Duration = Duration::from_millis(60);

/// Goes to another page, from event handlers too, which know no context.
#[derive(Clone, Copy)]
pub(crate) struct Go(StoredValue<Arc<dyn Fn(&str) + Send + Sync>>);

impl Go {
    /// To be made inside the router.
    pub(crate) fn new() -> Self {
        let navigate = use_navigate();
        Self(StoredValue::new(Arc::new(move |path: &str| navigate(path, NavigateOptions::default()))))
    }

    pub(crate) fn to(&self, path: &str) {
        if let Some(go) = self.0.try_get_value() {
            go(path);
        }
    }
}

/// The list of chats, shared by the side bar and the palette; and a chat that is handed from the page where it was
/// begun to its own page, so that the first answer appears without asking for the chat again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chats {
    pub(crate) first: Loaded<ChatsView>,
    pub(crate) older: RwSignal<Vec<cjhirashi_domain::chat::ChatSummary>>,
    pub(crate) more: RwSignal<Option<bool>>,
    handed: RwSignal<Option<ChatView>>,
}

impl Chats {
    pub(crate) fn new() -> Self {
        Self {
            first: load(|| (), |()| list_chats(None, None)),
            older: RwSignal::new(Vec::new()),
            more: RwSignal::new(None),
            handed: RwSignal::new(None),
        }
    }

    /// Asks again: something in the list changed. Who had looked further back keeps what they saw: chats that the newest
    /// part has no room for any more are older ones now.
    pub(crate) fn refresh(&self) {
        if let Some(Ok(view)) = self.first.get_untracked() {
            self.older.update(|older| {
                if !older.is_empty() {
                    older.retain(|chat| view.chats.iter().all(|known| known.id != chat.id));
                    older.splice(..0, view.chats);
                }
            });
        }
        self.first.refetch();
    }

    /// Whether every chat there is is in the list.
    pub(crate) fn all_known(&self) -> bool {
        let first = self.first.with_untracked(|view| matches!(view, Some(Ok(view)) if !view.more));
        first || self.more.get_untracked() == Some(false)
    }

    /// Asks again without a chat that is gone.
    pub(crate) fn forget(&self, id: &str) {
        self.refresh();
        self.older.update(|older| older.retain(|chat| chat.id.as_str() != id));
    }

    pub(crate) fn hand_over(&self, chat: ChatView) {
        self.handed.set(Some(chat));
    }

    /// The chat that was handed over, if it is this one.
    pub(crate) fn take_over(&self, id: &str) -> Option<ChatView> {
        self.handed.try_update_untracked(|handed| handed.take_if(|chat| chat.id.as_str() == id)).flatten()
    }
}

/// A passage that somebody looks at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PassageAt {
    pub(crate) address: PassageAddress,
    pub(crate) n: i32,
    /// Known once the answer is whole.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) score: Option<f64>,
}

impl PassageAt {
    /// Reads the address of a citation's mark.
    pub(crate) fn from_mark(mark: &web_sys::Element) -> Option<Self> {
        Some(Self {
            address: PassageAddress::parse(&mark.get_attribute("href")?)?,
            n: mark.get_attribute("data-n").and_then(|n| n.parse().ok()).unwrap_or_default(),
            verdict: mark.get_attribute("data-verdict").and_then(|verdict| Verdict::parse(&verdict)),
            score: None,
        })
    }
}

/// Under which name the browser keeps what is typed in a chat; a chat that has not begun has no id.
pub(crate) fn draft_key(chat: &str) -> String {
    format!("draft:{chat}")
}

/// The open chat.
#[derive(Clone, Copy)]
pub(crate) struct ChatState {
    pub(crate) id: StoredValue<Option<ChatId>>,
    pub(crate) title: RwSignal<String>,
    pub(crate) messages: RwSignal<Vec<MessageView>>,
    /// A question on its way to the server.
    pub(crate) pending: RwSignal<Option<String>>,
    /// What the last command came to, if it failed.
    pub(crate) failure: RwSignal<Option<Failure>>,
    /// Stop was asked for and the answer has not ended yet.
    pub(crate) stopping: RwSignal<bool>,
    /// The passage in the panel.
    pub(crate) passage: RwSignal<Option<PassageAt>>,
    /// Text that the composer should take up.
    pub(crate) draft: RwSignal<Option<String>>,
    /// Whether the end of the conversation is in view.
    pub(crate) at_end: RwSignal<bool>,
    /// In the browser alone, see `Uploads::queue`.
    opener: Option<StoredValue<Option<web_sys::Element>, LocalStorage>>,
    chats: Option<Chats>,
    go: Option<Go>,
    notices: Option<Notices>,
    texts: &'static Texts,
}

impl ChatState {
    pub(crate) fn new(chat: Option<ChatView>) -> Self {
        let (id, title, messages) =
            chat.map_or((None, String::new(), Vec::new()), |chat| (Some(chat.id), chat.title, chat.messages));
        Self {
            id: StoredValue::new(id),
            title: RwSignal::new(title),
            messages: RwSignal::new(messages),
            pending: RwSignal::new(None),
            failure: RwSignal::new(None),
            stopping: RwSignal::new(false),
            passage: RwSignal::new(None),
            draft: RwSignal::new(None),
            at_end: RwSignal::new(true),
            opener: cfg!(feature = "hydrate").then(|| StoredValue::new_local(None)),
            chats: use_context(),
            go: use_context(),
            notices: use_context(),
            texts: use_texts(),
        }
    }

    /// The answer that is being written.
    pub(crate) fn generation(&self) -> Option<GenerationId> {
        self.messages.with(|messages| {
            messages
                .iter()
                .rev()
                .find(|message| message.status == MessageStatus::Streaming)
                .and_then(|message| message.generation_id.clone())
        })
    }

    /// The same, from an event handler.
    pub(crate) fn generation_untracked(&self) -> Option<GenerationId> {
        untrack(|| self.generation())
    }

    /// Whether a question can not be sent now.
    pub(crate) fn busy(&self) -> bool {
        self.pending.with(Option::is_some) || self.generation().is_some()
    }

    /// Sends a question: shown at once, replaced by what the server kept.
    pub(crate) fn send(self, text: String) {
        if text.trim().is_empty() || untrack(|| self.busy()) {
            return;
        }
        self.failure.set(None);
        self.pending.set(Some(text.clone()));
        self.at_end.set(true);
        let chat = self.id.with_value(|id| id.as_ref().map(ToString::to_string)).unwrap_or_default();
        let begun = chat.is_empty();
        let message = browser::new_id();
        spawn_local(async move {
            let mut sent = send_message(text.clone(), chat.clone(), message.clone()).await;
            // Unreachable may mean that the answer was lost on the way: the same id asks once.
            if matches!(&sent, Err(failure) if failure.code.is_none()) {
                sent = send_message(text.clone(), chat.clone(), message).await;
            }
            match sent {
                Ok(sent) => {
                    let key = draft_key(&chat);
                    // Unless something else is being typed by now.
                    if browser::recall(&key).as_deref() == Some(&*text) {
                        browser::remember(&key, "");
                    }
                    // Whoever left the page meanwhile stays where they are.
                    let here = self.pending.try_with_untracked(|_| ()).is_some();
                    if here
                        && begun
                        && let Some(chats) = self.chats
                    {
                        chats.hand_over(ChatView {
                            id: sent.chat.id.clone(),
                            title: sent.chat.title,
                            messages: vec![sent.question, sent.answer],
                            now: sent.now,
                        });
                        if let Some(go) = self.go {
                            go.to(&format!("/chat/{}", sent.chat.id));
                        }
                    } else if here {
                        self.messages.update(|messages| messages.extend([sent.question, sent.answer]));
                        self.pending.set(None);
                    }
                    // The list can wait; the answer's first words are to be painted now.
                    if let Some(chats) = self.chats {
                        set_timeout(move || chats.refresh(), LIST_WAITS);
                    }
                }
                Err(failure) => {
                    self.pending.set(None);
                    self.failure.set(Some(failure));
                    self.draft.set(Some(text));
                }
            }
        });
    }

    /// Stops the answer that is being written.
    pub(crate) fn stop(self) {
        let Some(generation) = self.generation_untracked() else { return };
        self.stopping.set(true);
        spawn_local(async move {
            if let Err(failure) = stop_answer(generation.into_string()).await {
                self.stopping.set(false);
                self.say_failure(&failure);
            }
        });
    }

    /// Writes an answer again.
    pub(crate) fn retry(self, message: String) {
        self.failure.set(None);
        spawn_local(async move {
            match retry_answer(message.clone()).await {
                Ok(retried) => self.messages.update(|messages| {
                    if let Some(old) = messages.iter_mut().find(|old| old.id.as_str() == message) {
                        *old = MessageView::begun(retried.answer, retried.generation, old.created_at);
                    }
                }),
                Err(failure) => self.failure.set(Some(failure)),
            }
        });
    }

    /// An answer has ended: shows it as it was kept.
    pub(crate) fn replace(&self, message: MessageView) {
        self.stopping.set(false);
        self.messages.update(|messages| {
            if let Some(old) = messages.iter_mut().find(|old| old.id == message.id) {
                *old = message;
            }
        });
        if let Some(chats) = self.chats {
            chats.refresh();
        }
    }

    /// The answer that is being written cannot be had any more: says why in its place, so that the page waits no longer.
    pub(crate) fn give_up(&self, message: &str, failure: &Failure) {
        let old =
            self.messages.with_untracked(|messages| messages.iter().find(|old| old.id.as_str() == message).cloned());
        let (Some(old), Some(code)) = (old, failure.code) else { return };
        self.replace(MessageView {
            status: MessageStatus::Interrupted,
            error: Some(MessageError { code: code.as_str().to_owned(), detail: failure.detail.clone() }),
            generation_id: None,
            ..old
        });
    }

    /// Opens a passage in the panel; closing it brings the focus back to the mark.
    pub(crate) fn open(&self, passage: PassageAt, mark: web_sys::Element) {
        if let Some(opener) = self.opener {
            opener.set_value(Some(mark));
        }
        self.passage.set(Some(passage));
    }

    pub(crate) fn close_passage(&self) {
        self.passage.set(None);
        let mark = self.opener.and_then(|opener| opener.try_update_value(Option::take)).flatten();
        if let Some(mark) = mark.and_then(|mark| wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlElement>(mark).ok()) {
            let _ = mark.focus();
        }
    }

    pub(crate) fn say(&self, words: &str) {
        if let Some(notices) = self.notices {
            notices.say(words);
        }
    }

    pub(crate) fn say_failure(&self, failure: &Failure) {
        if let Some(notices) = self.notices {
            notices.fail(failure.message(self.texts));
        }
    }
}

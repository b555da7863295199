//! The open chat, and the list of chats beside it.

use std::{sync::Arc, time::Duration};

use cjhirashi_domain::{
    ErrorCode,
    chat::{MessageRole, MessageStatus, Verdict},
    event::ChatNotice,
    id::{ChatId, GenerationId, MessageId},
    passage::PassageAddress,
};
use leptos::{prelude::*, task::spawn_local};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::{Images, Notices, acts, browser, follow_chats, use_texts};
use crate::{
    api::{
        Failure, Loaded,
        chats::{ChatView, ChatsView, MessageView, SHOWN, list_chats, load_chat, send_message},
        choices::Chosen,
        conversation::Acted,
        load,
    },
    texts::Texts,
};

/// A question that is longer on its way is shown meanwhile.
const MOMENT: Duration = Duration::from_millis(50);

/// A chat with more messages shows its last [`SHOWN`] again when the next question is asked.
const MOST_SHOWN: usize = SHOWN + 20;

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
    /// The names of the newest chats. Read by pages instead of `first`: a page inside a `Suspense` that reads a resource
    /// is hidden whenever that is asked for again, with everything that is typed in it.
    pub(crate) titles: RwSignal<Vec<(ChatId, String)>>,
    handed: RwSignal<Option<ChatView>>,
    /// What was last heard of a change, in this tab or elsewhere.
    pub(crate) heard: RwSignal<ChatNotice>,
}

/// Changes that come together are looked at together.
const GATHER: Duration = Duration::from_millis(150);

impl Chats {
    pub(crate) fn new() -> Self {
        let titles = RwSignal::new(Vec::new());
        let first = move |()| async move {
            let list = list_chats(None, None).await;
            if let Ok(view) = &list {
                let known = view.pinned.iter().chain(&view.chats).map(|chat| (chat.id.clone(), chat.title.clone()));
                titles.try_set(known.collect());
            }
            list
        };
        Self {
            first: load(|| (), first),
            titles,
            older: RwSignal::new(Vec::new()),
            more: RwSignal::new(None),
            handed: RwSignal::new(None),
            heard: RwSignal::new(ChatNotice::default()),
        }
    }

    /// Hears of what is changed elsewhere from now on. Browser only.
    pub(crate) fn listen(self) {
        let waiting = StoredValue::new(false);
        follow_chats(move |notice| {
            self.heard.try_set(notice);
            let waits = waiting.try_update_value(|waiting| std::mem::replace(waiting, true));
            if waits == Some(false) {
                let look = move || {
                    if waiting.try_set_value(false).is_none() {
                        self.refresh();
                    }
                };
                set_timeout(look, GATHER);
            }
        });
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

/// Under which name the browser keeps the id and the words of a question that may not have arrived.
const LOST: &str = "lost";

/// What was typed while a chat began is typed in it.
fn move_draft(from: &str, to: &str) {
    if let Some(typed) = browser::recall(&draft_key(from)) {
        browser::remember(&draft_key(to), &typed);
        browser::remember(&draft_key(from), "");
    }
}

/// The open chat.
#[derive(Clone, Copy)]
pub(crate) struct ChatState {
    pub(crate) id: StoredValue<Option<ChatId>>,
    pub(crate) title: RwSignal<String>,
    pub(crate) menu: RwSignal<String>,
    /// Which model answers in it, in words, when it has one of its own.
    pub(crate) model: RwSignal<Option<String>>,
    /// In no list, and deleted a day after it last changed; of a chat that has not begun, whether it will be.
    pub(crate) temporary: RwSignal<bool>,
    pub(crate) messages: RwSignal<Vec<MessageView>>,
    /// Messages of the shown branch before these.
    pub(crate) earlier: RwSignal<usize>,
    /// Questions that wait, and the number of their last change.
    pub(crate) queue: RwSignal<(String, i32)>,
    /// The question that the next one is asked instead of.
    pub(crate) instead_of: RwSignal<Option<MessageId>>,
    /// A question on its way to the server.
    pub(crate) pending: RwSignal<Option<String>>,
    /// It has been for a moment, and is shown: what is answered at once is painted once, with the answer's first words.
    pub(crate) slow: RwSignal<bool>,
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
    /// While the chat is being asked for: whether it has to be once more, and for so many messages more.
    loading: StoredValue<Option<Option<usize>>>,
    /// In the browser alone, see `Uploads::queue`.
    opener: Option<StoredValue<Option<web_sys::Element>, LocalStorage>>,
    chats: Option<Chats>,
    go: Option<Go>,
    notices: Option<Notices>,
    images: Option<Images>,
    texts: &'static Texts,
}

impl ChatState {
    pub(crate) fn new(chat: Option<ChatView>) -> Self {
        let temporary = chat.as_ref().is_some_and(|chat| chat.temporary);
        let model = chat.as_ref().and_then(|chat| chat.model.clone());
        let queue = chat.as_ref().map(|chat| (chat.queue.clone(), chat.queue_changes)).unwrap_or_default();
        let (id, title, menu, messages, earlier) = chat
            .map_or((None, String::new(), String::new(), Vec::new(), 0), |chat| {
                (Some(chat.id), chat.title, chat.menu, chat.messages, chat.earlier)
            });
        Self {
            id: StoredValue::new(id),
            title: RwSignal::new(title),
            menu: RwSignal::new(menu),
            model: RwSignal::new(model),
            temporary: RwSignal::new(temporary),
            messages: RwSignal::new(messages),
            earlier: RwSignal::new(earlier),
            queue: RwSignal::new(queue),
            instead_of: RwSignal::new(None),
            pending: RwSignal::new(None),
            slow: RwSignal::new(false),
            failure: RwSignal::new(None),
            stopping: RwSignal::new(false),
            passage: RwSignal::new(None),
            draft: RwSignal::new(None),
            at_end: RwSignal::new(true),
            loading: StoredValue::new(None),
            opener: cfg!(feature = "hydrate").then(|| StoredValue::new_local(None)),
            chats: use_context(),
            go: use_context(),
            notices: use_context(),
            images: use_context(),
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

    /// Sends a question: shown at once, replaced by what the server kept. While an answer is being written it joins those
    /// that wait.
    pub(crate) fn send(self, text: String, chosen: Chosen, images: Vec<String>) {
        if text.trim().is_empty() || self.pending.with_untracked(Option::is_some) {
            return;
        }
        let chat = self.id.with_value(|id| id.as_ref().map(ToString::to_string)).unwrap_or_default();
        let begun = chat.is_empty();
        // Of which it is not known whether the server has it: sent again as it is, it asks once.
        let lost = browser::recall(LOST).unwrap_or_default();
        browser::remember(LOST, "");
        let new = browser::new_id();
        let message = lost.strip_suffix(&*text).filter(|id| id.len() == new.len()).map_or(new, str::to_owned);
        let (instead_of, temporary) = (self.instead_of.get_untracked(), self.temporary.get_untracked());
        let shown = self.generation_untracked().is_none().then(|| text.clone());
        // The request leaves before anything of the page is made anew.
        spawn_local(async move {
            let other = instead_of.as_ref().map(ToString::to_string).unwrap_or_default();
            let mut again = true;
            let sent = loop {
                let (text, to, id, other) = (text.clone(), chat.clone(), message.clone(), other.clone());
                let sent = send_message(text, to, id, other, temporary, chosen.clone(), images.clone()).await;
                // Unreachable may mean that the answer was lost on the way: the same id asks once.
                let lost = matches!(&sent, Err(failure) if failure.code.is_none());
                if !std::mem::take(&mut again) || !lost {
                    break sent;
                }
            };
            match sent {
                Ok(None) => {
                    self.forget_draft(&chat, &text);
                    self.pending.try_set(None);
                    self.reload();
                }
                Ok(Some(sent)) => {
                    self.forget_draft(&chat, &text);
                    // Whoever left the page meanwhile stays where they are.
                    let here = self.pending.try_with_untracked(|_| ()).is_some();
                    if here
                        && begun
                        && let Some(chats) = self.chats
                    {
                        move_draft(&chat, sent.chat.id.as_str());
                        chats.hand_over(ChatView {
                            id: sent.chat.id.clone(),
                            title: sent.chat.title,
                            temporary,
                            model: sent.model,
                            menu: sent.menu,
                            messages: vec![sent.question, sent.answer],
                            earlier: 0,
                            queue: String::new(),
                            queue_changes: 0,
                            now: sent.now,
                        });
                        if let Some(go) = self.go {
                            go.to(&format!("/chat/{}", sent.chat.id));
                        }
                    } else if here {
                        self.messages.update(|messages| {
                            let at = messages.iter().position(|old| Some(&old.id) == instead_of.as_ref());
                            messages.truncate(at.unwrap_or(messages.len()));
                            messages.extend([sent.question, sent.answer]);
                            // Who talks all day needs no more memory than who has just come.
                            if messages.len() > MOST_SHOWN {
                                let gone = messages.len() - SHOWN;
                                messages.drain(..gone);
                                self.earlier.update(|earlier| *earlier += gone);
                            }
                        });
                        self.pending.set(None);
                        if instead_of.is_some() {
                            self.instead_of.set(None);
                            self.reload();
                        }
                    }
                    // The list can wait; the answer's first words are to be painted now.
                    if let Some(chats) = self.chats {
                        set_timeout(move || chats.refresh(), LIST_WAITS);
                    }
                }
                Err(failure) => {
                    if let Some(unsent) = self.images {
                        if failure.code == Some(ErrorCode::ImageNotFound) {
                            // What is gone cannot be sent next time either.
                            unsent.keep();
                        } else if instead_of.is_some() {
                            unsent.change(images);
                        } else {
                            unsent.put_back(images);
                        }
                    }
                    self.pending.set(None);
                    if failure.code.is_none() {
                        browser::remember(LOST, &(message + &text));
                    }
                    self.failure.set(Some(failure));
                    self.draft.set(Some(text));
                }
            }
        });
        self.failure.set(None);
        if shown.is_some() {
            self.slow.set(false);
            self.pending.set(shown);
            self.at_end.set(true);
            set_timeout(move || _ = self.slow.try_set(true), MOMENT);
        }
    }

    /// Forgets what was asked once the server has it, unless something else is being typed by now.
    fn forget_draft(&self, chat: &str, text: &str) {
        let key = draft_key(chat);
        if browser::recall(&key).as_deref() == Some(text) {
            browser::remember(&key, "");
        }
        if let Some(unsent) = self.images {
            unsent.keep();
        }
    }

    /// Shows the chat as it is by now: something in it was changed. Changes that come while it is asked for are shown by
    /// asking once more.
    pub(crate) fn reload(self) {
        self.load(0);
    }

    /// Shows more of what was said before.
    pub(crate) fn load_earlier(self) {
        self.load(SHOWN);
    }

    /// Asks for as much as is shown, and so many messages more.
    fn load(self, more: usize) {
        let Some(id) = self.id.try_with_value(|id| id.as_ref().map(ToString::to_string)).flatten() else { return };
        let at_once = self.loading.try_update_value(|loading| {
            *loading = Some(loading.map(|again| again.unwrap_or_default().max(more)));
            *loading == Some(None)
        });
        if at_once != Some(true) {
            return;
        }
        let shown = (self.messages.with_untracked(Vec::len) + more).max(SHOWN);
        spawn_local(async move {
            let loaded = load_chat(id, shown).await;
            // Its page may have been left meanwhile.
            let Some(again) = self.loading.try_update_value(|loading| loading.take().flatten()) else { return };
            match loaded {
                Ok(chat) => {
                    self.title.set(chat.title);
                    self.menu.set(chat.menu);
                    self.model.set(chat.model);
                    self.earlier.set(chat.earlier);
                    self.messages.set(chat.messages);
                    // Not while somebody changes one.
                    if !browser::editing_queue() {
                        self.queue.set((chat.queue, chat.queue_changes));
                    }
                    if let Some(chats) = self.chats {
                        chats.refresh();
                    }
                }
                Err(failure) => self.say_failure(&failure),
            }
            if let Some(more) = again {
                self.load(more);
            }
        });
    }

    /// The last question of the shown branch.
    pub(crate) fn last_question(&self) -> Option<MessageId> {
        self.messages.with_untracked(|messages| {
            messages.iter().rev().find(|message| message.role == MessageRole::User).map(|message| message.id.clone())
        })
    }

    /// Takes a question up into the composer, to be asked differently in its place.
    pub(crate) fn edit(self, question: MessageId, text: String) {
        // What it was about comes along, to be kept or taken out.
        if let Some(images) = self.images {
            images.change(browser::sources(&format!("[id={:?}] .images img", question.as_str())));
        }
        self.instead_of.set(Some(question));
        self.draft.set(Some(text));
    }

    /// Shows what a command in one of the page's forms came to.
    pub(crate) fn acted(self, acted: Result<Acted, Failure>) {
        match acted {
            Ok(acted) => {
                // What went wrong before went well now.
                if let Some(notices) = self.notices {
                    notices.forgive();
                }
                if let Some(words) = acted.say {
                    self.say(&words);
                }
                match acted.go {
                    Some(path) => self.leave(&path),
                    None => self.reload(),
                }
            }
            Err(failure) => self.say_failure(&failure),
        }
    }

    /// Leaves for another page: there is a new chat, or this one is gone.
    pub(crate) fn leave(&self, path: &str) {
        let own = self.id.with_value(|id| id.as_ref().map(ToString::to_string)).unwrap_or_default();
        if let Some(chats) = self.chats {
            if path == "/" { chats.forget(&own) } else { chats.refresh() }
        }
        if let Some(go) = self.go {
            go.to(path);
        }
    }

    /// Stops the answer that is being written.
    pub(crate) fn stop(self) {
        let Some(generation) = self.generation_untracked() else { return };
        self.stopping.set(true);
        spawn_local(async move {
            if let Err(failure) = acts::command("stop_answer", "generation", generation.as_str()).await {
                self.stopping.set(false);
                self.say_failure(&failure);
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
        // The next question is asked now, or held; and the chat's menu tells what was spent.
        self.reload();
    }

    /// The answer that is being written cannot be had any more: says why, and the page waits no longer.
    pub(crate) fn give_up(&self, message: &str, failure: &Failure) {
        let old =
            self.messages.with_untracked(|messages| messages.iter().find(|old| old.id.as_str() == message).cloned());
        let Some(old) = old else { return };
        self.failure.set(Some(failure.clone()));
        self.replace(MessageView { status: MessageStatus::Interrupted, generation_id: None, ..old });
    }

    /// Opens a passage in the panel; closing it brings the focus back to the mark.
    pub(crate) fn open(&self, passage: PassageAt, mark: web_sys::Element) {
        if let Some(opener) = self.opener {
            opener.set_value(Some(mark));
        }
        self.passage.set(Some(passage));
    }

    /// Whether this passage is open.
    pub(crate) fn shows(&self, address: &PassageAddress) -> bool {
        let open = self.passage.try_get_untracked().flatten();
        open.is_some_and(|open| open.address == *address)
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

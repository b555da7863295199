//! The conversation: title, messages or the first visit, composer, and the passage beside it.

use cjhirashi_domain::Timestamp;
use leptos::{ev, prelude::*, server_fn::ServerFn, task::spawn_local};
use leptos_meta::Title;

use super::{
    FormProblem, Icon,
    composer::{Composer, to_end},
    frame::DrawerButton,
    icon,
    message::MessageItem,
    panel::{PassagePanel, Preview},
    welcome::Welcome,
};
use crate::components::Whole as _;
use crate::{
    api::chats::{ChatView, DeleteChat, RenameChat, delete_chat, rename_chat},
    state::{ChatState, Chats, Go, browser, use_session, use_texts},
};

/// A chat, or the page where one begins.
#[component]
pub(crate) fn Conversation(chat: Option<ChatView>) -> impl IntoView {
    let t = use_texts();
    let now = chat.as_ref().map_or_else(|| use_session().map_or(Timestamp(0), |session| session.now), |chat| chat.now);
    let begun = chat.is_some();
    let state = ChatState::new(chat);
    keys(state);

    let empty = move || !begun && state.pending.with(Option::is_none);
    // The server writes the document's head last, when no arena of signals is active any more: even asking whether a
    // signal is still there would end the request. There it is the title as it was. In the browser it is asked for once
    // more on the way from one chat to another, when the first one's signals are gone.
    let at_first = state.title.get_untracked();
    let tab = move || {
        let known = if cfg!(feature = "ssr") { None } else { state.title.try_get() };
        let title = known.unwrap_or_else(|| at_first.clone());
        t.tab(if title.is_empty() { t.new_chat } else { &title })
    };
    let scrolled = move |event: ev::Event| {
        let body: web_sys::Element = event_target(&event);
        let at_end = body.scroll_top() > -80;
        if state.at_end.get_untracked() != at_end {
            state.at_end.set(at_end);
        }
    };
    view! {
        <Title text=tab />
        <div class="stage" class:with-panel=move || state.passage.with(Option::is_some)>
            <main class="page" id="content" tabindex="-1">
                <header class="topbar">
                    <DrawerButton />
                    {begun
                        .then(|| {
                            view! {
                                <h1 title=move || state.title.get()>{move || state.title.get()}</h1>
                                <span class="spread"></span>
                                <ChatMenu state=state />
                            }
                        })}
                </header>
                <FormProblem />
                <div class="body from-end" id="conversation" tabindex="0" aria-label=t.conversation role="region" on:scroll=scrolled>
                    <div>
                        {move || empty().then(|| view! { <Welcome state=state /> })}
                        <div class="messages" hidden=empty>
                            <For
                                each=move || state.messages.get()
                                key=|m| format!("{}{}{:?}", m.id, m.status.as_str(), m.generation_id)
                                children=move |message| view! { <MessageItem state=state message=message now=now /> }.whole()
                            />
                            {move || state.pending.get().map(|text| view! { <Pending text=text /> })}
                        </div>
                    </div>
                </div>
                <Composer state=state />
            </main>
            <PassagePanel state=state />
            <Preview state=state />
        </div>
    }
    .whole()
}

/// A question on its way.
#[component]
fn Pending(text: String) -> impl IntoView {
    let t = use_texts();
    view! {
        <article class="message question" aria-label=t.you_asked>
            <div class="said">{text}</div>
        </article>
        <p class="stage-line" role="status">
            {t.preparing}
        </p>
    }
    .whole()
}

/// Rename and delete. Both are forms, so they work without script too.
#[component]
fn ChatMenu(state: ChatState) -> impl IntoView {
    let t = use_texts();
    let id = StoredValue::new(state.id.with_value(|id| id.as_ref().map(ToString::to_string)).unwrap_or_default());
    let (chats, go) = (use_context::<Chats>(), use_context::<Go>());
    let rename = move |event: ev::SubmitEvent| {
        let Some(form) = browser::take_form(&event) else { return };
        let title = browser::field(&form, "title");
        browser::close_menus(None);
        spawn_local(async move {
            match rename_chat(id.get_value(), title).await {
                Ok(title) => {
                    state.title.set(title);
                    if let Some(chats) = chats {
                        chats.refresh();
                    }
                }
                Err(failure) => state.say_failure(&failure),
            }
        });
    };
    let delete = move |event: ev::SubmitEvent| {
        event.prevent_default();
        spawn_local(async move {
            let id = id.get_value();
            match delete_chat(id.clone()).await {
                Ok(()) => {
                    state.say(t.deleted);
                    if let Some(chats) = chats {
                        chats.forget(&id);
                    }
                    if let Some(go) = go {
                        go.to("/");
                    }
                }
                Err(failure) => state.say_failure(&failure),
            }
        });
    };
    view! {
        <details class="menu">
            <summary aria-label=t.chat_options title=t.chat_options>
                {icon(Icon::More)}
            </summary>
            <div class="menu-items wide stack">
                <form class="stack" method="post" action=RenameChat::url() on:submit=rename>
                    <input type="hidden" name="id" value=id.get_value() />
                    <label>
                        <span>{t.title}</span>
                        <input class="input" name="title" required maxlength="200" value=move || state.title.get() />
                    </label>
                    <button class="button plain-line" type="submit">
                        {t.rename}
                    </button>
                </form>
                <form class="stack danger-zone" method="post" action=DeleteChat::url() on:submit=delete>
                    <input type="hidden" name="id" value=id.get_value() />
                    <p class="faint">{t.delete_chat_line}</p>
                    <button class="button danger plain-line" type="submit">
                        {icon(Icon::Trash)}
                        {t.delete_now}
                    </button>
                </form>
            </div>
        </details>
    }
    .whole()
}

/// Esc closes the panel, or stops the answer.
fn keys(state: ChatState) {
    let handle = window_event_listener(ev::keydown, move |event| {
        if event.key() != "Escape" || event.default_prevented() || browser::in_dialog() {
            return;
        }
        if state.passage.with_untracked(Option::is_some) {
            state.close_passage();
        } else if state.generation_untracked().is_some() {
            state.stop();
        }
    });
    on_cleanup(move || handle.remove());
    // A question from the palette or a page before begins at the end.
    Effect::new(move |_| {
        if state.pending.with(Option::is_some) {
            to_end(state);
        }
    });
}

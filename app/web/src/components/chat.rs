//! The conversation: title, messages or the first visit, composer, and the passage beside it.

use cjhirashi_domain::event::ChatNotice;
use leptos::{ev, prelude::*};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::{
    FormProblem, Icon,
    composer::{Composer, to_end},
    frame::DrawerButton,
    icon,
    message::{MessageItem, clicked},
    panel::{PassagePanel, Preview},
    welcome::Welcome,
};
use crate::components::Whole as _;
use crate::{
    api::chats::{ChatView, SHOWN},
    state::{ChatState, Chats, acts, browser, use_texts},
};

/// A chat, or the page where one begins.
#[component]
pub(crate) fn Conversation(chat: Option<ChatView>) -> impl IntoView {
    let t = use_texts();
    let begun = chat.is_some();
    let state = ChatState::new(chat);
    keys(state);
    hear(state);

    let on_its_way = move || state.pending.get().filter(|_| state.slow.get());
    let empty = move || !begun && on_its_way().is_none();
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
            <main class="page" id="content" tabindex="-1" on:submit=move |event| acts::send(&event, move |acted| state.acted(acted))>
                <header class="topbar">
                    <DrawerButton />
                    {begun
                        .then(|| {
                            view! {
                                <h1 title=move || state.title.get()>{move || state.title.get()}</h1>
                                {state
                                    .temporary
                                    .get_untracked()
                                    .then(|| view! { <span class="badge" title=t.temporary_line>{t.temporary}</span> })}
                                <span class="spread"></span>
                                <ChatMenu state=state />
                            }
                        })}
                    {(!begun).then(|| view! { <Temporary state=state /> })}
                </header>
                <FormProblem />
                <div class="body from-end" class:fresh=empty id="conversation" tabindex="0" aria-label=t.conversation role="region" on:scroll=scrolled>
                    <div>
                        {move || empty().then(|| view! { <Welcome state=state /> })}
                        <div
                            class="messages"
                            hidden=empty
                            on:click=move |event| clicked(state, &event)
                        >
                            <Earlier state=state />
                            <For
                                each=move || state.messages.get()
                                key=|m| (m.id.to_string(), m.look, m.generation_id.is_some())
                                children=move |message| view! { <MessageItem state=state message=message /> }.whole()
                            />
                            {move || on_its_way().map(|text| view! { <Pending text=text /> })}
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

/// Whether the chat that begins here is to be kept.
#[component]
fn Temporary(state: ChatState) -> impl IntoView {
    let t = use_texts();
    let query = use_query_map();
    let wanted = Memo::new(move |_| query.with(|query| query.get("temporary").is_some()));
    state.temporary.set(wanted.get_untracked());
    Effect::new(move |_| state.temporary.set(wanted.get()));
    let folder = move || query.with(|query| query.get("folder"));
    view! {
        // The chat that begins is put there.
        <input type="hidden" name="chosen[folder]" form="composer" value=folder />
        <span class="temporary-line" hidden=move || !wanted.get()>{t.temporary_line}</span>
        <span class="spread"></span>
        <a
            class="button plain-line"
            href=move || if wanted.get() { "/" } else { "/?temporary=1" }
            title=t.temporary_line
            aria-current=move || wanted.get().then_some("true")
        >
            {move || if wanted.get() { t.keep_chat } else { t.temporary_chat }}
        </a>
    }
    .whole()
}

/// The way to what was said before.
#[component]
fn Earlier(state: ChatState) -> impl IntoView {
    let t = use_texts();
    let link = move || {
        let earlier = Some(state.earlier.get()).filter(|earlier| *earlier > 0)?;
        let shown = state.messages.with_untracked(Vec::len) + SHOWN;
        let more = move |event: ev::MouseEvent| {
            event.prevent_default();
            state.load_earlier();
        };
        Some(view! {
            <a class="button plain-line earlier" href=format!("?shown={shown}") rel="external" on:click=more>
                {icon(Icon::Up)}
                {t.earlier_messages(earlier)}
            </a>
        })
    };
    link.whole()
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

/// What can be done with the chat. Forms, so they work without script too.
#[component]
fn ChatMenu(state: ChatState) -> impl IntoView {
    let t = use_texts();
    view! {
        <details class="menu">
            <summary aria-label=t.chat_options title=t.chat_options>
                {icon(Icon::More)}
            </summary>
            <div class="menu-items wide stack" inner_html=move || state.menu.get()></div>
        </details>
    }
    .whole()
}

/// What is asked or chosen in another tab, or on another device, is shown here too; and another title.
fn hear(state: ChatState) {
    let Some(chats) = use_context::<Chats>() else { return };
    Effect::new(move |before: Option<()>| {
        let ChatNotice { chat, leaf, queue } = chats.heard.get();
        if before.is_none() {
            return;
        }
        let own = state.id.with_value(Clone::clone);
        let missed = chat.is_none() && untrack(|| state.generation()).is_none();
        let other = leaf.is_some() && leaf != state.messages.with_untracked(|m| m.last().map(|m| m.id.clone()));
        let queue = queue != state.queue.with_untracked(|(_, changes)| *changes);
        let sending = state.pending.with_untracked(Option::is_some);
        if own.is_some() && !sending && (missed || chat == own && (other || queue)) {
            state.reload();
        }
    });
    Effect::new(move |_| {
        let own = state.id.with_value(Clone::clone);
        let title = chats
            .titles
            .with(|titles| titles.iter().find(|(id, _)| Some(id) == own.as_ref()).map(|(_, title)| title.clone()));
        if let Some(title) = title.filter(|title| state.title.with_untracked(|known| known != title)) {
            state.title.set(title);
        }
    });
}

/// Esc closes the panel, or stops the answer.
fn keys(state: ChatState) {
    let handle = window_event_listener(ev::keydown, move |event| {
        if event.key() != "Escape" || event.default_prevented() || browser::in_dialog() {
            return;
        }
        if let Ok(Some(editor)) = document().query_selector(".queue details[open]") {
            let _ = editor.remove_attribute("open");
        } else if state.passage.with_untracked(Option::is_some) {
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

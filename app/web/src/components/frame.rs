//! The frame around every page: side bar, drawer on small screens, notices, palette.

use std::time::Duration;

use cjhirashi_domain::{chat::ChatSummary, keys::Keys};
use leptos::{ev, prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use super::{
    DropAnywhere, FormProblem, Icon, brand,
    dates::local_day,
    icon,
    palette::{KeyList, Palette},
};
use crate::components::{Children, Piece, Whole as _};
use crate::{
    api::{artifacts::ARTIFACTS, chats::list_chats, library::CHATS, prompts::PROMPTS},
    state::{Chats, Go, Images, Notices, Session, Uploads, browser, use_session, use_texts},
    texts::Texts,
};

/// Everything around a page of somebody who is signed in.
#[component]
pub(crate) fn Frame(session: Session, children: Children) -> impl IntoView {
    let t = use_texts();
    provide_context(session);
    provide_context(Go::new());
    let notices = Notices::new();
    provide_context(notices);
    let images = Images::new(notices, t);
    provide_context(images);
    provide_context(Uploads::new(images, t));
    let chats = Chats::new();
    provide_context(chats);
    Effect::new(move |_| chats.listen());
    let (palette, key_list) = (RwSignal::new(false), RwSignal::new(false));
    everywhere(palette, key_list);
    view! {
        <a class="skip" href="#content" rel="external">
            {t.skip}
        </a>
        <input type="checkbox" id="drawer" class="drawer-box sr-only" aria-label=t.menu />
        <div class="frame">
            <SideBar palette=palette />
            <label for="drawer" class="drawer-veil" aria-hidden="true"></label>
            {children.show()}
        </div>
        <Palette open=palette key_list=key_list />
        <KeyList open=key_list />
        <DropAnywhere />
        <NoticeList />
    }
    .whole()
}

/// Opens the drawer on small screens.
#[component]
pub(crate) fn DrawerButton() -> impl IntoView {
    view! {
        <label for="drawer" class="button icon-only drawer-button" title=use_texts().menu>
            {icon(Icon::Menu)}
            <span class="sr-only">{use_texts().menu}</span>
        </label>
    }
    .whole()
}

/// An ordinary page: a bar, then a column.
#[component]
pub(crate) fn Page(#[prop(into)] title: String, #[prop(optional)] narrow: bool, children: Children) -> impl IntoView {
    let t = use_texts();
    view! {
        <Title text=t.tab(&title) />
        <div class="stage">
            <main class="page" id="content" tabindex="-1">
                <header class="topbar">
                    <DrawerButton />
                </header>
                <div class="body">
                    <FormProblem />
                    <div class="column" class:narrow=narrow>
                        {children.show()}
                    </div>
                </div>
            </main>
        </div>
    }
    .whole()
}

#[component]
fn SideBar(palette: RwSignal<bool>) -> impl IntoView {
    let t = use_texts();
    let path = use_location().pathname;
    let current = move |own: &'static str| move || path.with(|path| path.starts_with(own)).then_some("page");
    let session = use_session();
    let admin = session.as_ref().is_some_and(Session::is_admin);
    let search_keys = session.map(|session| session.settings.shortcuts.search.as_str().to_owned());
    view! {
        <nav class="side" aria-label=t.main_navigation>
            <div class="side-head">
                <a class="brand" href="/">
                    {brand("icon large brand-mark")}
                    "Cjhirashi"
                </a>
                <a class="side-row" href="/" aria-current=move || path.with(|path| path == "/").then_some("page")>
                    {icon(Icon::Plus)}
                    {t.new_chat}
                </a>
                <button class="side-row with-script" type="button" on:click=move |_| palette.set(true)>
                    {icon(Icon::Search)}
                    {t.search}
                    <kbd>{search_keys}</kbd>
                </button>
                <a class="side-row" href=CHATS aria-current=current(CHATS)>
                    {icon(Icon::Chat)}
                    {t.chats}
                </a>
                <a class="side-row" href="/documents" aria-current=current("/documents")>
                    {icon(Icon::Documents)}
                    {t.documents}
                </a>
                <a class="side-row" href=ARTIFACTS aria-current=current(ARTIFACTS)>
                    {icon(Icon::Artifact)}
                    {t.artifacts}
                </a>
                <a class="side-row" href=PROMPTS aria-current=current(PROMPTS)>
                    {icon(Icon::Edit)}
                    {t.prompts}
                </a>
                {admin
                    .then(|| {
                        view! {
                            <a class="side-row" href="/admin" aria-current=current("/admin")>
                                {icon(Icon::People)}
                                {t.administration}
                            </a>
                        }
                    })}
            </div>
            <ChatList />
            <AccountMenu />
        </nav>
    }
    .whole()
}

/// The chats by date.
#[component]
fn ChatList() -> impl IntoView {
    let t = use_texts();
    let Some(chats) = use_context::<Chats>() else { return ().whole() };
    let offset = use_session().map(|session| session.utc_offset).unwrap_or_default();
    let list = move || {
        Suspend::new(async move {
            match chats.first.await {
                Ok(view) => {
                    let (more, now, first, pinned) = (view.more, view.now, view.chats, view.pinned);
                    let last = first.last().cloned();
                    let rows = move || {
                        let focused = if cfg!(feature = "ssr") { None } else { browser::focused_link(".side-chats") };
                        let rows =
                            chats.older.with(|older| groups(t, first.iter().chain(beyond(&first, older)), now, offset));
                        // The rows are made anew: the one that had the focus gets it back.
                        if let Some(href) = focused {
                            request_animation_frame(move || browser::focus_link(".side-chats", &href));
                        }
                        rows
                    };
                    view! { {pins(t, pinned)} {rows} {more.then(|| view! { <More chats=chats last=last /> })} }.whole()
                }
                Err(_) => view! { <p>{t.chats_failed}</p> }.whole(),
            }
        })
    };
    // An answer elsewhere ends without telling this page; the chat that is open tells by itself.
    let path = use_location().pathname;
    Effect::new(move |_| {
        let written = chats.first.with(|view| {
            let Some(Ok(view)) = view else { return false };
            path.with(|path| {
                view.chats.iter().any(|chat| chat.answering && path.strip_prefix("/chat/") != Some(chat.id.as_str()))
            })
        });
        if written && let Ok(timer) = set_timeout_with_handle(move || chats.refresh(), Duration::from_secs(3)) {
            on_cleanup(move || timer.clear());
        }
    });
    view! {
        <div class="side-chats" role="region" aria-label=t.your_chats tabindex="0">
            <Transition>{list.whole()}</Transition>
        </div>
    }
    .whole()
}

/// The chats that are kept above the others.
fn pins(t: &'static Texts, chats: Vec<ChatSummary>) -> Option<Piece> {
    let rows = chats.into_iter().map(|chat| view! { <ChatRow chat=chat /> }.whole()).collect_view();
    (!rows.is_empty()).then(|| section(t.pinned_chats, rows))
}

fn section(heading: &'static str, rows: Vec<Piece>) -> Piece {
    view! {
        <section>
            <h2>{heading}</h2>
            <ul class="chat-rows">{rows}</ul>
        </section>
    }
    .whole()
}

/// What was loaded of the older chats and is still older than the newest part, which may have changed since.
fn beyond<'a>(first: &[ChatSummary], older: &'a [ChatSummary]) -> impl Iterator<Item = &'a ChatSummary> {
    older.iter().filter(move |chat| {
        first.last().is_some_and(|last| chat.updated_at <= last.updated_at)
            && first.iter().all(|known| known.id != chat.id)
    })
}

/// The chats under their dates.
fn groups<'a>(
    t: &'static Texts,
    chats: impl Iterator<Item = &'a ChatSummary>,
    now: cjhirashi_domain::Timestamp,
    offset: i32,
) -> Piece {
    let today = local_day(now, offset);
    let mut groups: Vec<(&'static str, Vec<Piece>)> = Vec::new();
    for chat in chats {
        let heading = match today - local_day(chat.updated_at, offset) {
            ..=0 => t.today,
            1 => t.yesterday,
            2..=7 => t.last_week,
            8..=30 => t.last_month,
            _ => t.older,
        };
        let row = view! { <ChatRow chat=chat.clone() /> }.whole();
        match groups.last_mut() {
            Some((last, rows)) if *last == heading => rows.push(row),
            _ => groups.push((heading, vec![row])),
        }
    }
    if groups.is_empty() {
        return view! { <p>{t.no_chats}</p> }.whole();
    }
    groups.into_iter().map(|(heading, rows)| section(heading, rows)).collect_view().whole()
}

#[component]
fn ChatRow(chat: ChatSummary) -> impl IntoView {
    let t = use_texts();
    let path = use_location().pathname;
    let href = format!("/chat/{}", chat.id);
    let current = {
        let href = href.clone();
        move || path.with(|path| *path == href).then_some("page")
    };
    view! {
        <li class="side-chat">
            <a class="side-row" href=href aria-current=current title=chat.title.clone()>
                <span>{chat.title.clone()}</span>
                {chat.answering.then(|| view! { <i class="writing" role="img" aria-label=t.being_written></i> })}
            </a>
        </li>
    }
    .whole()
}

#[component]
fn More(chats: Chats, last: Option<ChatSummary>) -> impl IntoView {
    let t = use_texts();
    let load = move |_| {
        let before = chats.older.with_untracked(|older| older.last().cloned()).or_else(|| last.clone());
        let Some(before) = before else { return };
        spawn_local(async move {
            if let Ok(view) = list_chats(Some(before.updated_at.0), Some(before.id.to_string())).await {
                chats.more.set(Some(view.more));
                chats.older.update(|older| older.extend(view.chats));
            }
        });
    };
    view! {
        <button
            class="side-row with-script"
            type="button"
            hidden=move || chats.more.get() == Some(false)
            on:click=load
        >
            {t.more_chats}
        </button>
    }
    .whole()
}

#[component]
fn AccountMenu() -> impl IntoView {
    let t = use_texts();
    let Some(session) = use_session() else { return ().whole() };
    let name = session.user.name.clone().unwrap_or_else(|| session.user.email.clone());
    let initial: String = name.chars().take(1).collect();
    let role = t.role_name(session.user.role);
    view! {
        <div class="side-foot">
            <details class="menu account">
                <summary class="side-row" aria-label=t.account>
                    <span class="avatar" aria-hidden="true">
                        {initial}
                    </span>
                    <span class="who">{name} <small>{role}</small></span>
                </summary>
                <div class="menu-items up">
                    <a href="/account">{icon(Icon::Key)} {t.account}</a>
                    <a href="/settings">{icon(Icon::Gear)} {t.settings}</a>
                    <form method="post" action="/sign-out">
                        <button type="submit">{icon(Icon::Leave)} {t.sign_out}</button>
                    </form>
                </div>
            </details>
        </div>
    }
    .whole()
}

/// Notices in the corner.
#[component]
fn NoticeList() -> impl IntoView {
    let t = use_texts();
    let Some(notices) = use_context::<Notices>() else { return ().whole() };
    let path = use_location().pathname;
    let above = move || path.with(|path| path == "/" || path.starts_with("/chat/"));
    view! {
        <div class="notices" class:above=above role="status" aria-live="polite">
            <For
                each=move || notices.list.get()
                key=|notice| notice.id
                children=move |notice| {
                    view! {
                        <div class="notice" class:bad=notice.bad>
                            <span>{notice.text}</span>
                            <button
                                class="button icon-only"
                                type="button"
                                aria-label=t.close
                                on:click=move |_| notices.dismiss(notice.id)
                            >
                                {icon(Icon::Close)}
                            </button>
                        </div>
                    }
                        .whole()
                }
            />
            <Offline />
        </div>
    }
    .whole()
}

/// Says when the connection is gone.
#[component]
fn Offline() -> impl IntoView {
    let t = use_texts();
    let offline = RwSignal::new(false);
    let gone = window_event_listener(ev::offline, move |_| offline.set(true));
    let back = window_event_listener(ev::online, move |_| offline.set(false));
    on_cleanup(move || {
        gone.remove();
        back.remove();
    });
    view! {
        <div class="notice bad" hidden=move || !offline.get()>
            <span>{t.offline}</span>
        </div>
    }
    .whole()
}

/// Keys and clicks that mean the same on every page.
fn everywhere(palette: RwSignal<bool>, key_list: RwSignal<bool>) {
    let go = use_context::<Go>();
    let shortcuts = use_session().map(|session| session.settings.shortcuts.clone()).unwrap_or_default();
    let keys = window_event_listener(ev::keydown, move |event| {
        let command = event.ctrl_key() || event.meta_key();
        let typing = browser::closest(&event, "input, textarea, select, [contenteditable]").is_some();
        let pressed = Keys::pressed(command, event.alt_key(), event.shift_key(), &event.key());
        // Otherwise it is a sign that is typed.
        let free = !typing || command || event.alt_key() || event.key().len() > 1;
        let [search, new_chat, list] = shortcuts.to_texts();
        match pressed.as_str() {
            keys if free && keys == search => {
                event.prevent_default();
                palette.set(true);
            }
            keys if free && keys == new_chat => {
                event.prevent_default();
                if let Some(go) = go {
                    go.to("/");
                }
            }
            keys if free && keys == list => {
                event.prevent_default();
                key_list.set(true);
            }
            // A dialog closes by itself. What stands in the page comes after what floats over it: see `Conversation`.
            "ESCAPE" if !browser::in_dialog() && browser::close_topmost() => event.prevent_default(),
            _ => {}
        }
    });
    let t = use_texts();
    let language = t.language.as_str();
    let clicks = window_event_listener(ev::click, move |event| {
        // A click inside a menu leaves it open, unless it leads somewhere else.
        let inside = browser::closest(&event, "details.menu").filter(|_| browser::closest(&event, "a[href]").is_none());
        browser::close_menus(inside.as_ref());
        if inside.is_some() {
            request_animation_frame(browser::place_menus);
        }
        if browser::closest(&event, ".side a").is_some() {
            browser::close_drawer();
        }
    });
    let hover = window_event_listener(ev::mouseover, move |event| {
        // The exact time in the reader's own zone, told when somebody wants to know.
        if let Some(time) = browser::closest(&event, "time[datetime]")
            && let Some(exact) = time.get_attribute("datetime").and_then(|iso| browser::local_time(&iso, language))
        {
            let _ = time.set_attribute("title", &exact);
        }
    });
    on_cleanup(move || {
        keys.remove();
        clicks.remove();
        hover.remove();
    });
    Effect::new(move |_| browser::note_utc_offset());
}

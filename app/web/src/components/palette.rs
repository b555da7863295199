//! Search and commands (Ctrl K), and the list of keys (?).

use std::time::Duration;

use leptos::{ev, html, prelude::*, task::spawn_local};
use web_sys::HtmlDialogElement;

use super::{Icon, icon};
use crate::components::Whole as _;
use crate::{
    api::chats::search_chats,
    state::{Chats, Go, browser, use_session, use_texts},
    texts::says,
};

/// Something the palette offers.
#[derive(Clone, PartialEq)]
struct Offer {
    label: String,
    kind: &'static str,
    mark: Icon,
    /// Where it goes; empty for the list of keys.
    href: String,
}

/// Shows a dialog while a signal says so.
fn bind(dialog: NodeRef<html::Dialog>, open: RwSignal<bool>) {
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        let dialog: &HtmlDialogElement = &dialog;
        if open.get() {
            if !dialog.open() {
                let _ = dialog.show_modal();
            }
        } else if dialog.open() {
            dialog.close();
        }
    });
}

/// A click on the veil closes.
fn outside(event: &ev::MouseEvent, open: RwSignal<bool>) {
    if browser::closest(event, ".dialog-inside").is_none() {
        open.set(false);
    }
}

/// Search over chats and commands.
#[component]
pub(crate) fn Palette(open: RwSignal<bool>, key_list: RwSignal<bool>) -> impl IntoView {
    let t = use_texts();
    let dialog = NodeRef::<html::Dialog>::new();
    bind(dialog, open);
    let typed = RwSignal::new(String::new());
    let chosen = RwSignal::new(0_usize);
    let (chats, go) = (use_context::<Chats>(), use_context::<Go>());
    let admin = use_session().is_some_and(|session| session.is_admin());
    // Chats that are not in the list beside: asked for when somebody stops typing.
    let found = RwSignal::new(Vec::new());
    Effect::new(move |_| {
        let words = typed.get();
        if words.trim().is_empty() || chats.is_none_or(|chats| chats.all_known()) {
            return found.set(Vec::new());
        }
        let ask = move || {
            spawn_local(async move {
                if let Ok(view) = search_chats(words.clone()).await
                    && typed.with_untracked(|typed| *typed == words)
                {
                    found.set(view.chats);
                }
            });
        };
        if let Ok(timer) = set_timeout_with_handle(ask, Duration::from_millis(200)) {
            on_cleanup(move || timer.clear());
        }
    });
    let offers = Memo::new(move |_| {
        if !open.get() {
            return Vec::new();
        }
        let command = |label: &str, mark: Icon, href: &str| Offer {
            label: label.to_owned(),
            kind: t.command,
            mark,
            href: href.to_owned(),
        };
        let mut offers = vec![
            command(t.new_chat, Icon::Plus, "/"),
            command(t.documents, Icon::Documents, "/documents"),
            command(t.prompts, Icon::Edit, crate::api::prompts::PROMPTS),
            command(t.settings, Icon::Gear, "/settings"),
            command(t.connect_model, Icon::Key, "/settings#connection"),
        ];
        if admin {
            offers.push(command(t.administration, Icon::People, "/admin"));
        }
        offers.push(command(t.keyboard, Icon::Info, ""));
        if let Some(chats) = chats {
            let chat = |chat: &cjhirashi_domain::chat::ChatSummary| Offer {
                label: chat.title.clone(),
                kind: t.chat,
                mark: Icon::Chat,
                href: format!("/chat/{}", chat.id),
            };
            if let Some(Ok(view)) = chats.first.get() {
                offers.extend(view.pinned.iter().chain(&view.chats).map(chat));
            }
            for more in [chats.older, found] {
                more.with(|more| {
                    for offer in more.iter().map(chat) {
                        if !offers.contains(&offer) {
                            offers.push(offer);
                        }
                    }
                });
            }
        }
        let typed = typed.get();
        offers.retain(|offer| says(&offer.label, &typed));
        offers.truncate(60);
        // Messages are searched by the page of chats, which shows them.
        if let Some(words) = Some(typed.trim()).filter(|words| !words.is_empty()) {
            let words = js_sys::encode_uri_component(words).as_string().unwrap_or_default();
            offers.push(command(t.search_messages, Icon::Search, &format!("/chats?q={words}")));
        }
        offers
    });
    let close = move || {
        open.set(false);
        typed.set(String::new());
        chosen.set(0);
    };
    let take = move |index: usize| {
        let Some(offer) = offers.with_untracked(|offers| offers.get(index).cloned()) else { return };
        close();
        if offer.href.is_empty() {
            key_list.set(true);
        } else if let Some(go) = go {
            go.to(&offer.href);
        }
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let count = offers.with_untracked(Vec::len);
        match event.key().as_str() {
            "ArrowDown" => {
                event.prevent_default();
                chosen.update(|chosen| *chosen = (*chosen + 1).min(count.saturating_sub(1)));
            }
            "ArrowUp" => {
                event.prevent_default();
                chosen.update(|chosen| *chosen = chosen.saturating_sub(1));
            }
            "Enter" => {
                event.prevent_default();
                take(chosen.get_untracked());
            }
            _ => return,
        }
        reveal_option(chosen.get_untracked());
    };
    let rows = move || {
        offers
            .get()
            .into_iter()
            .enumerate()
            .map(|(index, offer)| {
                view! {
                    <li
                        role="option"
                        id=format!("offer-{index}")
                        aria-selected=move || if chosen.get() == index { "true" } else { "false" }
                        on:click=move |_| take(index)
                    >
                        {icon(offer.mark)}
                        <span>{offer.label}</span>
                        <small>{offer.kind}</small>
                    </li>
                }
                .whole()
            })
            .collect_view()
    };
    view! {
        <dialog
            class="dialog palette"
            node_ref=dialog
            aria-label=t.palette
            on:close=move |_| close()
            on:click=move |event| outside(&event, open)
        >
            <input
                class="dialog-inside"
                type="search"
                role="combobox"
                aria-expanded="true"
                aria-controls="offers"
                aria-activedescendant=move || format!("offer-{}", chosen.get())
                aria-label=t.palette
                placeholder=t.palette_hint
                autocomplete="off"
                prop:value=typed
                on:input=move |event| {
                    typed.set(event_target_value(&event));
                    chosen.set(0);
                }
                on:keydown=on_key
            />
            <ul class="dialog-inside" id="offers" role="listbox" aria-label=t.palette>
                {rows}
            </ul>
        </dialog>
    }
    .whole()
}

fn reveal_option(index: usize) {
    if let Some(option) = document().get_element_by_id(&format!("offer-{index}")) {
        browser::reveal_near(&option);
    }
}

/// Every key there is.
#[component]
pub(crate) fn KeyList(open: RwSignal<bool>) -> impl IntoView {
    let t = use_texts();
    let dialog = NodeRef::<html::Dialog>::new();
    bind(dialog, open);
    let own = use_session().map(|session| session.settings.shortcuts.clone()).unwrap_or_default();
    let [search, new_chat, list] = own.to_texts();
    let rows = [
        (t.key_search, search),
        (t.new_chat, new_chat),
        (t.key_send, "Enter"),
        (t.key_line, "Shift Enter"),
        (t.key_edit, "↑"),
        (t.key_stop, "Esc"),
        (t.key_prompts, "/"),
        (t.key_help, list),
    ]
    .into_iter()
    .map(|(words, key)| view! { <dt>{words}</dt><dd><kbd>{key.to_owned()}</kbd></dd> })
    .collect_view();
    view! {
        <dialog
            class="dialog"
            node_ref=dialog
            aria-labelledby="keys-title"
            on:close=move |_| open.set(false)
            on:click=move |event| outside(&event, open)
        >
            <header class="dialog-inside">
                <h2 id="keys-title">{t.keyboard}</h2>
                <button class="button icon-only" type="button" aria-label=t.close on:click=move |_| open.set(false)>
                    {icon(Icon::Close)}
                </button>
            </header>
            <div class="dialog-body dialog-inside">
                <dl class="keys">{rows}</dl>
                <p>
                    <a href="/settings#keys" on:click=move |_| open.set(false)>
                        {t.change_keys}
                    </a>
                </p>
            </div>
        </dialog>
    }
    .whole()
}

//! Commands in the page's own forms and menus: sent as they are, so that each needs no program of its own.

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::JsCast as _;
use web_sys::{HtmlFormElement, SubmitEvent};

use super::{ChatState, browser};
use crate::api::{Failure, Served, conversation::Acted};

/// Whether a form is one of these.
const ACTS: &str = "form[data-act]";

/// Sends a form that is marked so; then the chat shows what came of it.
pub(crate) fn send(state: ChatState, event: &SubmitEvent) {
    let Some(form) = browser::closest(event, ACTS).and_then(|form| form.dyn_into::<HtmlFormElement>().ok()) else {
        return;
    };
    event.prevent_default();
    let Ok(fields) = web_sys::FormData::new_with_form(&form) else { return };
    let Ok(fields) = web_sys::UrlSearchParams::new_with_str_sequence_sequence(&fields) else { return };
    browser::close_menus(None);
    spawn_local(async move {
        match asked::<Acted>(&form.action(), &fields).await {
            Ok(acted) => {
                // A waiting question that was changed is shown as it is now.
                if let Ok(Some(editor)) = form.closest(".queue details") {
                    let _ = editor.remove_attribute("open");
                }
                // What a menu shows may have changed: it is asked for again.
                if let Ok(Some(items)) = form.closest("[data-menu] > .menu-items") {
                    items.set_inner_html("");
                }
                if let Some(words) = acted.say {
                    state.say(&words);
                }
                match acted.go {
                    Some(path) => state.leave(&path),
                    None => state.reload(),
                }
            }
            Err(failure) => state.say_failure(&failure),
        }
    });
}

/// Fills a menu that is opened for the first time: its `data-menu` says what to ask for.
pub(crate) fn fill_menu(event: &web_sys::Event) {
    let Some(menu) = browser::closest(event, "details[data-menu]") else { return };
    let Some(question) = menu.get_attribute("data-menu") else { return };
    let Ok(Some(items)) = menu.query_selector(".menu-items") else { return };
    if items.first_element_child().is_some() || browser::closest(event, "summary").is_none() {
        return;
    }
    let (what, question) = question.split_once('?').unwrap_or((&question, ""));
    let action = format!("{}/{what}", crate::api::PREFIX);
    let Ok(question) = web_sys::UrlSearchParams::new_with_str(question) else { return };
    spawn_local(async move {
        if let Ok(Served { html, .. }) = asked(&action, &question).await {
            items.set_inner_html(&html);
            request_animation_frame(browser::place_menus);
        }
    });
}

async fn asked<T: serde::de::DeserializeOwned>(action: &str, fields: &web_sys::UrlSearchParams) -> Result<T, Failure> {
    let unreachable = Failure { code: None, detail: None };
    let Some((ok, text)) = browser::post(action, fields).await else { return Err(unreachable) };
    if ok {
        serde_json::from_slice(text.as_bytes()).map_err(|_| unreachable)
    } else {
        Err(serde_json::from_slice(text.as_bytes()).unwrap_or(unreachable))
    }
}

//! What `/` opens where questions are written: the kept questions, one of which takes the place of what was typed, and its
//! gaps one after the other.

use leptos::{ev, prelude::*, task::spawn_local};
use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement, HtmlTextAreaElement};

use super::{Icon, icon};
use crate::{
    components::Whole as _,
    state::{acts, browser, use_texts},
};

/// The list over the field. The server makes it when it is wanted for the first time; the browser shows and hides.
#[derive(Clone, Copy)]
pub(crate) struct Picker {
    html: RwSignal<String>,
    pub(crate) open: RwSignal<bool>,
    /// The text in the field has a gap.
    gap: RwSignal<bool>,
}

impl Picker {
    pub(crate) fn new() -> Self {
        Self { html: RwSignal::new(String::new()), open: RwSignal::new(false), gap: RwSignal::new(false) }
    }

    /// Something was typed.
    pub(crate) fn typed(self, field: &HtmlTextAreaElement) {
        let text = field.value();
        self.gap.set(text.contains("{{") && text.contains("}}"));
        let call = text.starts_with('/') && !text.contains(char::is_whitespace);
        self.open.set(call);
        if !call {
            return choose(None);
        }
        if self.html.with_untracked(String::is_empty) {
            spawn_local(async move {
                if let Some(menu) = acts::served("prompt_menu").await {
                    self.html.try_set(menu);
                }
            });
        }
        let words = text[1..].to_lowercase();
        request_animation_frame(move || narrow(&words));
    }

    /// A key in the field, before anybody else: whether it was for the list or for a gap.
    pub(crate) fn key(self, event: &ev::KeyboardEvent, field: &HtmlTextAreaElement) -> bool {
        let key = event.key();
        if self.open.get_untracked() {
            match key.as_str() {
                "Escape" => {
                    self.open.set(false);
                    choose(None);
                }
                "ArrowDown" => step(1),
                "ArrowUp" => step(-1),
                "Enter" | "Tab" if !event.shift_key() => match chosen() {
                    Some(option) => self.take(&option, field),
                    // Nothing has that name: it is a question like any other.
                    None => return false,
                },
                _ => return false,
            }
            return true;
        }
        key == "Tab" && !event.shift_key() && self.gap.get_untracked() && select_gap(field, false)
    }

    /// Puts a kept question into the field.
    fn take(self, option: &Element, field: &HtmlTextAreaElement) {
        field.set_value(&option.get_attribute("data-text").unwrap_or_default());
        self.open.set(false);
        let _ = field.focus();
        let _ = field.set_selection_range(0, 0);
        // As if it had been typed: the draft is kept.
        if let Ok(input) = web_sys::Event::new("input") {
            let _ = field.dispatch_event(&input);
        }
        select_gap(field, true);
    }
}

/// The options that match what was typed.
fn options() -> Vec<HtmlElement> {
    let Ok(found) = document().query_selector_all("#prompt-list > :not([hidden])") else { return Vec::new() };
    (0..found.length()).filter_map(|at| found.item(at)?.dyn_into().ok()).collect()
}

fn chosen() -> Option<Element> {
    document().query_selector("#prompt-list > [aria-selected=true]").ok()?
}

/// Hides what does not match, and chooses the first that does.
fn narrow(words: &str) {
    let Ok(all) = document().query_selector_all("#prompt-list > li") else { return };
    for item in (0..all.length()).filter_map(|at| all.item(at)?.dyn_into::<HtmlElement>().ok()) {
        let name = item.first_element_child().and_then(|name| name.text_content()).unwrap_or_default();
        item.set_hidden(!name.contains(words));
    }
    choose(options().first());
}

fn step(by: i32) {
    let options = options();
    let Ok(count) = i32::try_from(options.len()) else { return };
    let at = options.iter().position(|option| option.get_attribute("aria-selected").as_deref() == Some("true"));
    let at = at.and_then(|at| i32::try_from(at).ok()).unwrap_or(-1);
    if count > 0 {
        let next = usize::try_from((at + by).rem_euclid(count)).unwrap_or_default();
        choose(options.get(next));
    }
}

fn choose(option: Option<&HtmlElement>) {
    if let Some(before) = chosen() {
        let _ = before.set_attribute("aria-selected", "false");
    }
    let Some(field) = document().get_element_by_id("question") else { return };
    let Some(option) = option else {
        let _ = field.remove_attribute("aria-activedescendant");
        return;
    };
    let _ = option.set_attribute("aria-selected", "true");
    let _ = field.set_attribute("aria-activedescendant", &option.id());
    browser::reveal_near(option);
}

/// Selects the next gap after the cursor, `around` the end also the first one; whether there was any. Tab does not go
/// around: it has to lead out of the field.
fn select_gap(field: &HtmlTextAreaElement, around: bool) -> bool {
    // As the browser counts: in UTF-16.
    let text = js_sys::JsString::from(field.value());
    let cursor = field.selection_end().ok().flatten().and_then(|at| i32::try_from(at).ok()).unwrap_or_default();
    let gap = |from: i32| {
        let start = u32::try_from(text.index_of("{{", from)).ok()?;
        let end = u32::try_from(text.index_of("}}", i32::try_from(start).ok()?)).ok()?;
        Some((start, end + 2))
    };
    let Some((start, end)) = gap(cursor).or_else(|| gap(0).filter(|_| around)) else { return false };
    field.set_selection_range(start, end).is_ok()
}

/// The list, and the way to the next gap for those who have no Tab key.
pub(crate) fn picker(picker: Picker, field: NodeRef<leptos::html::Textarea>) -> super::Piece {
    let t = use_texts();
    let pick = move |event: ev::MouseEvent| {
        if let Some(option) = browser::closest(&event, "[role=option]")
            && let Some(field) = field.get_untracked()
        {
            picker.take(&option, &field);
        }
    };
    let next = move |_| {
        if let Some(field) = field.get_untracked() {
            let _ = field.focus();
            select_gap(&field, true);
        }
    };
    // The list comes after what was typed.
    Effect::new(move |_| {
        if picker.html.with(|html| !html.is_empty())
            && let Some(field) = field.get_untracked()
        {
            picker.typed(&field);
        }
    });
    view! {
        <div
            class="picker"
            hidden=move || !picker.open.get()
            inner_html=move || picker.html.get()
            on:mousedown=|event| event.prevent_default()
            on:click=pick
        ></div>
        <button class="button plain-line next-gap" type="button" hidden=move || !picker.gap.get() on:click=next>
            {icon(Icon::Right)}
            {t.next_gap}
        </button>
    }
    .whole()
}

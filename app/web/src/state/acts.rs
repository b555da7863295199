//! Commands in the page's own forms and menus: sent as they are, so that each needs no program of its own.

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::JsCast as _;
use web_sys::{Element, Event, FormData, HtmlElement, HtmlFormElement, HtmlInputElement, SubmitEvent, UrlSearchParams};

use super::{Session, browser, use_texts};
use crate::api::{Failure, Served, conversation::Acted};

/// The form around what an event is about, if it is marked so.
fn form_of(event: &Event, marked: &str) -> Option<HtmlFormElement> {
    browser::closest(event, marked)?.dyn_into().ok()
}

fn fields_of(form: &HtmlFormElement) -> Option<UrlSearchParams> {
    let fields = FormData::new_with_form(form).ok()?;
    UrlSearchParams::new_with_str_sequence_sequence(&fields).ok()
}

fn part_of(form: &HtmlFormElement, selector: &str) -> Option<HtmlElement> {
    form.query_selector(selector).ok()??.dyn_into().ok()
}

/// Sends a form that is marked with `data-act`, and tells what came of it. While it is on its way its button says so. A menu
/// that it stands in closes when it is done, and stays, with what was typed, when it is not. A form that has a place for
/// what went wrong says it there, and `told` hears nothing of that.
pub(crate) fn send(event: &SubmitEvent, told: impl FnOnce(Result<Acted, Failure>) + 'static) {
    let Some(form) = form_of(event, "form[data-act]") else { return };
    event.prevent_default();
    let Some(fields) = fields_of(&form) else { return };
    let problem = part_of(&form, "[data-problem]");
    if let Some(problem) = &problem {
        problem.set_hidden(true);
    }
    let busy = part_of(&form, "button[data-busy]");
    let words = busy.as_ref().and_then(|button| {
        let words = button.text_content();
        let _ = button.set_attribute("disabled", "");
        button.set_text_content(button.get_attribute("data-busy").as_deref());
        words
    });
    let t = use_texts();
    spawn_local(async move {
        let acted = asked::<Acted>(&form.action(), &fields).await;
        if let Some(button) = busy {
            let _ = button.remove_attribute("disabled");
            button.set_text_content(words.as_deref());
        }
        match (acted, problem) {
            (Err(failure), Some(problem)) => {
                let texts = problem.last_element_child();
                if let Some(words) = texts.as_ref().and_then(Element::first_element_child) {
                    words.set_text_content(Some(failure.message(t)));
                }
                if let Some(detail) = texts.as_ref().and_then(Element::last_element_child) {
                    detail.set_text_content(failure.detail.as_deref());
                }
                problem.set_hidden(false);
            }
            (acted, _) => {
                if acted.is_ok() {
                    browser::close_menus(None);
                    // A waiting question that was changed is shown as it is now.
                    if let Ok(Some(editor)) = form.closest(".queue details") {
                        let _ = editor.remove_attribute("open");
                    }
                    // What a menu shows may have changed: it is asked for again.
                    if let Ok(Some(items)) = form.closest("[data-menu] > .menu-items") {
                        items.set_inner_html("");
                    }
                }
                told(acted);
            }
        }
    });
}

/// Saves a form that is marked with `data-save`, because its control was changed: one request at a time, so that none
/// overtakes another, and after it what was chosen last. Beside the control it says that it is saved, or why not. The last
/// value is sent also when the page is left meanwhile.
pub(crate) fn save(event: &Event, session: Option<Session>) {
    const SENDING: &str = "data-sending";
    let Some(form) = form_of(event, "form[data-save]") else { return };
    if event.type_() == "submit" {
        event.prevent_default();
    }
    say_saved(&form, &Outcome::Unknown);
    if form.has_attribute(SENDING) {
        let _ = form.set_attribute(SENDING, "again");
        return;
    }
    let t = use_texts();
    spawn_local(async move {
        loop {
            let Some(fields) = fields_of(&form) else { return };
            let _ = form.set_attribute(SENDING, "");
            let saved = asked::<Acted>(&form.action(), &fields).await;
            if form.get_attribute(SENDING).as_deref() == Some("again") {
                continue;
            }
            let _ = form.remove_attribute(SENDING);
            return match saved {
                Ok(acted) => {
                    say_saved(&form, &Outcome::Saved);
                    apply(&acted, session.as_ref());
                }
                Err(failure) => say_saved(&form, &Outcome::Refused(failure.message(t))),
            };
        }
    });
}

/// What saving a form came to.
#[derive(PartialEq)]
enum Outcome<'a> {
    /// It is on its way.
    Unknown,
    Saved,
    /// With the reason.
    Refused(&'a str),
}

/// Says in a form what saving it came to.
fn say_saved(form: &HtmlFormElement, outcome: &Outcome<'_>) {
    if let (Some(good), Some(bad)) = (part_of(form, ".saved"), part_of(form, ".saved.bad")) {
        let why = if let Outcome::Refused(why) = outcome { Some(*why) } else { None };
        good.set_hidden(*outcome != Outcome::Saved);
        bad.set_text_content(why);
        bad.set_hidden(why.is_none());
    }
}

/// What a command changes in the page around its form.
pub(crate) fn apply(acted: &Acted, session: Option<&Session>) {
    if let Some((name, value)) = &acted.root {
        browser::set_root(name, value);
    }
    if let Some((id, html)) = &acted.part
        && let Some(part) = document().get_element_by_id(id)
    {
        part.set_inner_html(html);
    }
    if let (Some(session), Some(model)) = (session, &acted.model) {
        session.set_model(model.clone());
    }
    // Every word of the page changes.
    if acted.anew {
        let _ = window().location().reload();
    }
}

/// A number on a line says beside it what it is.
pub(crate) fn tell_number(event: &Event) {
    let Some(line) = browser::closest(event, "input[data-unit]") else { return };
    let line: &HtmlInputElement = line.unchecked_ref();
    let unit = line.get_attribute("data-unit").unwrap_or_default();
    let value = line.value();
    let tenths = line.step().contains('.').then(|| value.parse::<f64>().ok()).flatten();
    let words = tenths.map_or(value, |value| use_texts().decimal(value)) + &unit;
    let _ = line.set_attribute("aria-valuetext", &words);
    if let Some(output) = line.next_element_sibling() {
        output.set_text_content(Some(&words));
    }
}

/// Fills a menu that is opened for the first time: its `data-menu` says what to ask for.
pub(crate) fn fill_menu(event: &Event) {
    let Some(menu) = browser::closest(event, "details[data-menu]") else { return };
    let Some(question) = menu.get_attribute("data-menu") else { return };
    let Ok(Some(items)) = menu.query_selector(".menu-items") else { return };
    if items.first_element_child().is_some() || browser::closest(event, "summary").is_none() {
        return;
    }
    spawn_local(async move {
        if let Some(html) = served(&question).await {
            items.set_inner_html(&html);
            request_animation_frame(browser::place_menus);
        }
    });
}

/// A part of a page that the server makes: the name of its function, with what it is asked after a `?`.
pub(crate) async fn served(question: &str) -> Option<String> {
    let (what, question) = question.split_once('?').unwrap_or((question, ""));
    let question = UrlSearchParams::new_with_str(question).ok()?;
    let action = format!("{}/{what}", crate::api::PREFIX);
    asked::<Served>(&action, &question).await.ok().map(|part| part.html)
}

/// Does what a server function of this name does with one thing.
pub(crate) async fn command(name: &str, field: &str, value: &str) -> Result<Acted, Failure> {
    let fields = UrlSearchParams::new().map_err(|_| Failure::of_page(None))?;
    fields.append(field, value);
    asked(&format!("{}/{name}", crate::api::PREFIX), &fields).await
}

async fn asked<T: serde::de::DeserializeOwned>(action: &str, fields: &UrlSearchParams) -> Result<T, Failure> {
    let unreachable = Failure::of_page(None);
    let Some((ok, text)) = browser::post(action, fields).await else { return Err(unreachable) };
    if ok {
        serde_json::from_slice(text.as_bytes()).map_err(|_| unreachable)
    } else {
        Err(serde_json::from_slice(text.as_bytes()).unwrap_or(unreachable))
    }
}

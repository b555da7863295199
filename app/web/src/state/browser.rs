//! Doors to the browser: small, and each tolerant of a browser that has not got what it asks for.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, FormData, HtmlElement, HtmlFormElement, SubmitEvent};

/// Takes over a form's sending; the fields it had.
pub(crate) fn take_form(event: &SubmitEvent) -> Option<FormData> {
    event.prevent_default();
    let form: HtmlFormElement = event.target()?.dyn_into().ok()?;
    FormData::new_with_form(&form).ok()
}

/// A field as text; empty when there is none.
pub(crate) fn field(form: &FormData, name: &str) -> String {
    form.get(name).as_string().unwrap_or_default()
}

/// Milliseconds since the epoch, by the browser's clock.
pub(crate) fn clock() -> f64 {
    js_sys::Date::now()
}

/// A new id for a message, so that sending twice asks once.
pub(crate) fn new_id() -> String {
    let mut random: u128 = 0;
    for _ in 0..3 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a random number below 2^32")]
        let part = (js_sys::Math::random() * 4_294_967_296.0) as u32;
        random = (random << 32) | u128::from(part);
    }
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds fit")]
    let now = cjhirashi_domain::Timestamp(clock() as i64);
    cjhirashi_domain::id::compose(now, random)
}

/// Minutes east of UTC.
pub(crate) fn utc_offset() -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "minutes of a day")]
    let minutes = -js_sys::Date::new_0().get_timezone_offset() as i32;
    minutes
}

/// A moment as this browser's user writes it.
pub(crate) fn local_time(iso: &str, language: &str) -> Option<String> {
    let date = js_sys::Date::new(&JsValue::from_str(iso));
    date.to_locale_string(language, &JsValue::UNDEFINED).as_string().filter(|text| !text.contains("Invalid"))
}

/// Notes the browser's offset from UTC for the next page, so that the server can tell today from yesterday.
pub(crate) fn note_utc_offset() {
    set_cookie(&format!("utc_offset={}; path=/; max-age=31536000; samesite=lax", utc_offset()));
}

fn set_cookie(cookie: &str) {
    // `document.cookie` through reflection: web-sys has it on HtmlDocument only, which costs a class of its own.
    let _ = js_sys::Reflect::set(&document(), &"cookie".into(), &cookie.into());
}

/// Sends fields to an address: whether it went well, and the answer's text. `None` when nobody answered.
pub(crate) async fn post(address: &str, fields: &JsValue) -> Option<(bool, String)> {
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_body(fields);
    let sent = wasm_bindgen_futures::JsFuture::from(window().fetch_with_str_and_init(address, &init)).await.ok()?;
    let response = sent.unchecked_into::<web_sys::Response>();
    let text = wasm_bindgen_futures::JsFuture::from(response.text().ok()?).await.ok()?;
    Some((response.ok(), text.as_string()?))
}

/// The text that an element shows.
pub(crate) fn shown_text(element: &Element) -> String {
    element.dyn_ref::<HtmlElement>().map(HtmlElement::inner_text).unwrap_or_default()
}

/// Whether there is such an element.
pub(crate) fn exists(selector: &str) -> bool {
    document().query_selector(selector).is_ok_and(|found| found.is_some())
}

/// The addresses of images.
pub(crate) fn sources(selector: &str) -> Vec<String> {
    let Ok(found) = document().query_selector_all(selector) else { return Vec::new() };
    let image = |at| found.item(at).and_then(|image| image.unchecked_into::<Element>().get_attribute("src"));
    (0..found.length()).filter_map(image).collect()
}

/// Brings an element into view.
pub(crate) fn reveal(id: &str) {
    if let Some(element) = document().get_element_by_id(id) {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Center);
        element.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

/// Brings an element of a list into view, by as little as it takes.
pub(crate) fn reveal_near(element: &Element) {
    let near = web_sys::ScrollIntoViewOptions::new();
    near.set_block(web_sys::ScrollLogicalPosition::Nearest);
    element.scroll_into_view_with_scroll_into_view_options(&near);
}

/// Does as if somebody had clicked there.
pub(crate) fn click(selector: &str) {
    if let Ok(Some(element)) = document().query_selector(selector) {
        element.unchecked_ref::<HtmlElement>().click();
    }
}

/// Puts the focus on an element.
pub(crate) fn focus(id: &str) {
    if let Some(element) = document().get_element_by_id(id).and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Whatever has the focus and a name gets it back when the page around it was made anew.
pub(crate) fn keep_focus() {
    if cfg!(feature = "ssr") {
        return;
    }
    if let Some(id) = document().active_element().map(|element| element.id()).filter(|id| !id.is_empty()) {
        request_animation_frame(move || focus(&id));
    }
}

/// Sends the form of a field that was changed.
pub(crate) fn send_form(event: web_sys::Event) {
    let field: Element = event_target(&event);
    let form = field.closest("form").ok().flatten().and_then(|form| form.dyn_into::<HtmlFormElement>().ok());
    if let Some(form) = form {
        let _ = form.request_submit();
    }
}

/// Whether the screen, or what points at it, is of a kind.
pub(crate) fn matches(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|query| query.matches())
}

/// Where the link leads that has the focus, if it is one of these.
pub(crate) fn focused_link(inside: &str) -> Option<String> {
    document().active_element()?.closest(&format!("{inside} a")).ok()??.get_attribute("href")
}

/// Puts the focus on the link that leads there.
pub(crate) fn focus_link(inside: &str, href: &str) {
    if let Ok(Some(link)) = document().query_selector(&format!("{inside} a[href={href:?}]")) {
        let _ = link.unchecked_ref::<HtmlElement>().focus();
    }
}

/// Sets or removes an attribute of the document's root.
pub(crate) fn set_root(name: &str, value: &str) {
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute(name, value);
    }
}

/// An attribute of the document's root.
pub(crate) fn root(name: &str) -> Option<String> {
    document().document_element()?.get_attribute(name)
}

/// Keeps a text until the tab is closed; an empty one is removed.
pub(crate) fn remember(key: &str, text: &str) {
    if let Ok(Some(storage)) = window().session_storage() {
        let _ = if text.is_empty() { storage.remove_item(key) } else { storage.set_item(key, text) };
    }
}

/// A text that was kept.
pub(crate) fn recall(key: &str) -> Option<String> {
    window().session_storage().ok()??.get_item(key).ok()?
}

/// Whether the event's target is, or is inside, something that matches.
pub(crate) fn closest(event: &web_sys::Event, selector: &str) -> Option<Element> {
    event.target()?.dyn_into::<Element>().ok()?.closest(selector).ok()?
}

/// Whether a waiting question is being changed.
pub(crate) fn editing_queue() -> bool {
    let field = document().query_selector(".queue details[open] textarea").ok().flatten();
    let field = field.and_then(|field| field.dyn_into::<web_sys::HtmlTextAreaElement>().ok());
    field.is_some_and(|field| field.default_value().is_ok_and(|first| first != field.value()))
}

/// Whether a dialog is open over the page.
pub(crate) fn in_dialog() -> bool {
    document().query_selector("dialog[open]").is_ok_and(|dialog| dialog.is_some())
}

/// Closes open menus, except the one that `inside` is in; the one that was closed.
pub(crate) fn close_menus(inside: Option<&Element>) -> Option<Element> {
    let open = document().query_selector_all("details.menu[open]").ok()?;
    let mut closed = None;
    for index in 0..open.length() {
        let Some(menu) = open.item(index).and_then(|node| node.dyn_into::<Element>().ok()) else { continue };
        if inside.is_none_or(|inside| !menu.contains(Some(inside))) {
            let _ = menu.remove_attribute("open");
            closed = Some(menu);
        }
    }
    closed
}

/// Lets open menus open upwards where there is no room below and more above: a menu may stand in the last row.
pub(crate) fn place_menus() {
    let Ok(open) = document().query_selector_all("details.menu[open] > .menu-items:not(.up)") else { return };
    for index in 0..open.length() {
        let Some(items) = open.item(index).and_then(|node| node.dyn_into::<Element>().ok()) else { continue };
        let (Some(menu), Ok(body)) = (items.parent_element(), items.closest(".body")) else { continue };
        let _ = items.class_list().remove_1("above");
        let height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(f64::MAX);
        let (top, bottom) = body.map_or((0.0, height), |body| {
            let bounds = body.get_bounding_client_rect();
            (bounds.top(), bounds.bottom().min(height))
        });
        let (opener, bounds) = (menu.get_bounding_client_rect(), items.get_bounding_client_rect());
        if bounds.bottom() > bottom && opener.top() - top > bottom - opener.bottom() {
            let _ = items.class_list().add_1("above");
        }
    }
}

/// Closes the side bar's drawer; whether it was open. On large screens its box is not shown, and means nothing.
pub(crate) fn close_drawer() -> bool {
    let Some(drawer) = document().get_element_by_id("drawer") else { return false };
    let drawer: &web_sys::HtmlInputElement = drawer.unchecked_ref();
    let open = drawer.checked();
    drawer.set_checked(false);
    open
}

/// Esc closes what floats over the page, one thing at a time, and gives the focus back to what had opened it; whether
/// there was anything.
pub(crate) fn close_topmost() -> bool {
    if let Some(menu) = close_menus(None) {
        if let Ok(Some(opener)) = menu.query_selector("summary") {
            let _ = opener.unchecked_ref::<HtmlElement>().focus();
        }
        return true;
    }
    let open = close_drawer();
    if open {
        focus("drawer");
    }
    open
}

/// A number that no call before has returned; never 0.
pub(crate) fn turn() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static TURN: AtomicU32 = AtomicU32::new(1);
    TURN.fetch_add(1, Ordering::Relaxed).max(1)
}

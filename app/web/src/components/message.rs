//! One turn of the conversation: the server makes what is inside, the program what can be done with it.

use cjhirashi_domain::chat::{MessageRole, MessageStatus, Verdict};
use leptos::{html, prelude::*};
use web_sys::MouseEvent;

use super::{answer::LiveAnswer, panel};
use crate::components::Whole as _;
use crate::{
    api::chats::MessageView,
    state::{ChatState, acts, browser, use_texts},
};

/// A turn: question, answer, or an answer that is being written.
#[component]
pub(crate) fn MessageItem(state: ChatState, message: MessageView) -> impl IntoView {
    let t = use_texts();
    let question = message.role == MessageRole::User;
    match (message.role, message.status) {
        (MessageRole::Assistant, MessageStatus::Streaming) => {
            return view! { <LiveAnswer state=state message=message /> }.whole();
        }
        // Instructions of adopted chats are kept and never shown as speech.
        (MessageRole::System, _) => return ().whole(),
        _ => {}
    }
    let article = NodeRef::<html::Article>::new();
    // Buttons in code blocks have no words until the program gives them some: without it they could do nothing. Marks
    // of sources have a number only: what checking them showed is seen, and has to be heard, too.
    Effect::new(move |_| {
        let Some(article) = article.get() else { return };
        each(&article, ".prose button[data-copy][hidden]", |button| {
            button.set_text_content(Some(t.copy));
            let _ = button.remove_attribute("hidden");
        });
        each(&article, ".prose a.cite", |mark| {
            let number = mark.get_attribute("data-n").unwrap_or_default();
            let verdict = mark.get_attribute("data-verdict").and_then(|verdict| Verdict::parse(&verdict));
            let words = verdict.map(|verdict| t.verdict(verdict).0).unwrap_or_default();
            let _ = mark.set_attribute("aria-label", &format!("{} {number}, {words}", t.source));
        });
    });
    view! {
        <article
            class="message"
            class:question=question
            class:answer=!question
            aria-label=if question { t.you_asked } else { t.the_answer }
            id=message.id.to_string()
            node_ref=article
            inner_html=message.html
        ></article>
    }
    .whole()
}

/// A click anywhere in the conversation.
pub(crate) fn clicked(state: ChatState, event: &MouseEvent) {
    panel::open_from_click(state, event);
    acts::fill_menu(event);
    let Some(button) = browser::closest(event, "button[data-do]") else { return };
    let Some(article) = browser::closest(event, "article") else { return };
    let part = |selector| article.query_selector(selector).ok().flatten();
    match button.get_attribute("data-do").as_deref() {
        Some("unfold") => {
            if let Some(said) = part(".said") {
                let _ = said.class_list().remove_1("long");
            }
            button.remove();
        }
        Some("edit") => {
            let id = cjhirashi_domain::id::MessageId::parse(article.id()).ok();
            if let (Some(said), Some(id)) = (part(".said"), id) {
                state.edit(id, browser::shown_text(&said));
            }
        }
        _ => {}
    }
}

/// Does something to every element that matches.
fn each(body: &web_sys::Element, selector: &str, act: impl Fn(&web_sys::Element)) {
    let Ok(found) = body.query_selector_all(selector) else { return };
    for index in 0..found.length() {
        if let Some(element) = found.item(index) {
            act(wasm_bindgen::JsCast::unchecked_ref(&element));
        }
    }
}

//! An answer while it is being written.

use std::time::Duration;

use cjhirashi_domain::{
    chat::MessageStatus,
    event::{AnswerStage, StreamEvent},
};
use leptos::{prelude::*, task::spawn_local};

use super::panel;
use crate::components::Whole as _;
use crate::{
    api::{
        Failure,
        chats::{MessageView, load_message},
    },
    state::{ChatState, Told, follow_generation, use_texts},
};

/// Without script the page loads itself again until the answer is whole. A constant, not a literal: the macro copies
/// elements of literals alone into the page as they are, and `inner_html` would be an attribute nobody knows.
const REFRESH: &str = "<meta http-equiv=\"refresh\" content=\"1\">";

/// One block of the answer: its place, and its safe HTML, which may be told again while the block grows.
type Block = (u32, RwSignal<String>);

/// Shows the stage in words, then the text as it comes, with a caret at its end. Without script the page reloads
/// itself every second until the answer is whole.
#[component]
pub(crate) fn LiveAnswer(state: ChatState, message: MessageView) -> impl IntoView {
    let t = use_texts();
    let blocks = RwSignal::new(Vec::<Block>::new());
    let stage = RwSignal::new(None::<AnswerStage>);
    let broken = RwSignal::new(false);
    let generation = message.generation_id.clone();
    let id = StoredValue::new(message.id.to_string());

    Effect::new(move |_| {
        let Some(generation) = &generation else { return settle(state, id) };
        follow_generation(generation, move |told| match told {
            Told::Event(StreamEvent::Stage(new)) => {
                stage.try_set(Some(new));
            }
            Told::Event(StreamEvent::Block { index, html }) => put(blocks, index, html),
            Told::Event(StreamEvent::End { .. }) => {}
            Told::Broken => {
                broken.try_set(true);
                // The stream may be refused because the answer is whole by now.
                look(state, id);
            }
            Told::Open => {
                broken.try_set(false);
            }
            Told::Over => settle(state, id),
        });
    });

    let has_text = move || blocks.with(|blocks| !blocks.is_empty());
    let words = move || {
        if broken.get() {
            t.connecting_again.to_owned()
        } else if state.stopping.get() {
            t.stopping.to_owned()
        } else {
            stage.with(|stage| stage.as_ref().map_or_else(|| t.preparing.to_owned(), |stage| t.stage(stage)))
        }
    };
    let quiet = move || has_text() && !broken.get() && !state.stopping.get();
    let so_far = StoredValue::new(message.html);
    let no_sources = StoredValue::new(Vec::new());
    view! {
        <article
            class="message answer live"
            aria-label=t.the_answer
            aria-busy="true"
            on:click=move |event| panel::open_from_click(state, &event, no_sources)
        >
            <div class="prose" hidden=has_text inner_html=so_far.get_value()></div>
            <div class="prose">
                <For
                    each=move || blocks.get()
                    key=|block| block.0
                    children=move |(_, html)| view! { <div class="block" inner_html=move || html.get()></div> }.whole()
                />
            </div>
            <p class="stage-line" class:still=broken class:sr-only=quiet role="status">
                {words}
            </p>
            <noscript inner_html=REFRESH></noscript>
        </article>
    }
    .whole()
}

/// Sets or adds a block, in order.
fn put(blocks: RwSignal<Vec<Block>>, index: u32, html: String) {
    let known =
        blocks.try_with_untracked(|blocks| blocks.iter().find(|block| block.0 == index).map(|block| block.1)).flatten();
    if let Some(block) = known {
        block.try_set(html);
    } else {
        blocks.try_update(|blocks| {
            let at = blocks.partition_point(|block| block.0 < index);
            blocks.insert(at, (index, RwSignal::new(html)));
        });
    }
}

/// Loads the answer once, and shows it if it is no longer being written.
fn look(state: ChatState, id: StoredValue<String>) {
    spawn_local(async move {
        if let Some(Ok(message)) = load(state, id).await
            && message.status != MessageStatus::Streaming
        {
            state.replace(message);
        }
    });
}

/// The answer as it was kept; `None` when its page is gone.
async fn load(state: ChatState, id: StoredValue<String>) -> Option<Result<MessageView, Failure>> {
    let message = id.try_get_value()?;
    let chat = state.id.try_with_value(|id| id.as_ref().map(ToString::to_string))??;
    let loaded = load_message(chat, message).await;
    id.try_get_value().map(|_| loaded)
}

/// Loads the answer as it was kept; asks again until it is no longer being written.
fn settle(state: ChatState, id: StoredValue<String>) {
    spawn_local(async move {
        match load(state, id).await {
            None => {}
            Some(Ok(message)) if message.status != MessageStatus::Streaming => state.replace(message),
            Some(Err(failure)) if failure.code.is_some() => state.say_failure(&failure),
            _ => set_timeout(move || settle(state, id), Duration::from_millis(800)),
        }
    });
}

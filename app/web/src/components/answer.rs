//! An answer while it is being written.

use std::time::Duration;

use cjhirashi_domain::{
    chat::MessageStatus,
    event::{AnswerStage, StreamEvent},
};
use leptos::{prelude::*, task::spawn_local};

use crate::components::{Piece, Whole as _};
use crate::{
    api::chats::{Beginning, MessageView, load_message},
    state::{ChatState, Told, browser, follow_generation, use_texts},
};

/// The wait before an answer is asked for again, and the longest one, in ms.
const FIRST: u32 = 800;
const LONGEST: u32 = 10_000;

/// One block of the answer: its place, and its safe HTML, which may be told again while the block grows.
type Block = (u32, RwSignal<String>);

/// Shows the stage in words, then the text as it comes, with a caret at its end. Without script the page loads itself again
/// until the answer is whole, and another address holds still for whoever writes meanwhile.
#[component]
pub(crate) fn LiveAnswer(state: ChatState, message: MessageView) -> impl IntoView {
    let t = use_texts();
    let blocks = RwSignal::new(Vec::<Block>::new());
    let thoughts = RwSignal::new(Vec::<Block>::new());
    let stage = RwSignal::new(None::<AnswerStage>);
    let broken = RwSignal::new(false);
    let generation = message.generation_id.clone();
    let id = StoredValue::new(message.id.to_string());

    let take = move |event| match event {
        StreamEvent::Stage(new) => {
            stage.try_set(Some(new));
        }
        StreamEvent::Block { index, html } => put(blocks, index, html),
        StreamEvent::Thought { index, html } => put(thoughts, index, html),
        StreamEvent::End { .. } => {}
    };
    let Beginning { events, last } = message.told.unwrap_or_default();
    let over = events.iter().any(|event| matches!(event, StreamEvent::End { .. }));
    events.into_iter().for_each(take);

    Effect::new(move |_| {
        let Some(generation) = generation.as_ref().filter(|_| !over) else { return settle(state, id, Some(FIRST)) };
        follow_generation(generation, last, move |told| match told {
            Told::Event(event) => take(event),
            Told::Broken => {
                broken.try_set(true);
                // The stream may be refused because the answer is whole by now.
                settle(state, id, None);
            }
            Told::Open { .. } => {
                broken.try_set(false);
            }
            Told::Over => settle(state, id, Some(FIRST)),
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
    view! {
        <article
            class="message answer live"
            aria-label=t.the_answer
            aria-busy="true"
        >
            <details class="aside" hidden=move || thoughts.with(Vec::is_empty)>
                <summary>{t.thoughts}</summary>
                {prose(thoughts)}
            </details>
            <div class="prose" hidden=has_text inner_html=so_far.get_value()></div>
            {prose(blocks)}
            <p class="stage-line" class:still=broken class:sr-only=quiet role="status">
                {words}
            </p>
            <noscript inner_html=without_script(state)></noscript>
        </article>
    }
    .whole()
}

/// What stands at the end of an answer that is being written where there is no script. The program in the browser does not
/// know it: there, nobody reads it.
#[cfg(feature = "ssr")]
fn without_script(state: ChatState) -> String {
    let still = leptos_router::hooks::use_query_map().with_untracked(|query| query.get("write").is_some());
    let chat = state.id.with_value(|id| id.as_ref().map(ToString::to_string)).unwrap_or_default();
    crate::served::without_script(use_texts(), &chat, still)
}
#[cfg(not(feature = "ssr"))]
const fn without_script(_: ChatState) -> String {
    String::new()
}

/// Blocks as they come.
fn prose(blocks: RwSignal<Vec<Block>>) -> Piece {
    view! {
        <div class="prose">
            <For
                each=move || blocks.get()
                key=|block| block.0
                children=move |(_, html)| view! { <div class="block" inner_html=move || html.get()></div> }.whole()
            />
        </div>
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

/// Loads the answer as it was kept, and shows it unless it is still being written. With a wait in ms it is then asked
/// for again, more and more rarely while the server is away. When the answer cannot be had any more (signed out, or the
/// chat is gone) the page says why instead of waiting for ever.
fn settle(state: ChatState, id: StoredValue<String>, wait: Option<u32>) {
    spawn_local(async move {
        let Some(message) = id.try_get_value() else { return };
        let loaded = load_message(message.clone()).await;
        // Its page may have been left meanwhile.
        if id.try_get_value().is_none() {
            return;
        }
        let next = match loaded {
            Ok(ended) if ended.status != MessageStatus::Streaming => {
                // Whoever reads what the model thinks goes on reading.
                let reads = browser::exists(".live details[open]");
                state.replace(ended);
                if reads {
                    request_animation_frame(move || {
                        browser::click(&format!("[id={message:?}] [data-menu*=thoughts] summary"))
                    });
                }
                return;
            }
            Ok(_) => FIRST,
            Err(failure) if failure.is_final() => return state.give_up(&message, &failure),
            Err(_) => LONGEST,
        };
        if let Some(wait) = wait {
            let next = Some(wait.saturating_mul(2).min(next));
            set_timeout(move || settle(state, id, next), Duration::from_millis(wait.into()));
        }
    });
}

//! Questions that wait until the answer before them has ended.

use cjhirashi_domain::chat::QueuedMessage;
use leptos::{prelude::*, server_fn::ServerFn};

use super::{hidden, words::Words};
use crate::{
    api::{
        conversation::{AskNext, ChangeQueued},
        server::escape,
    },
    components::{Icon, Piece, Whole as _, icon},
    texts::Texts,
};

/// The waiting questions of a chat, each of which can be changed and taken out; nothing when there are none.
pub(crate) fn queue(t: &'static Texts, chat: &str, queue: &[QueuedMessage]) -> String {
    if queue.is_empty() {
        return String::new();
    }
    let w = Words::of(t.language);
    let held = queue.iter().any(|message| message.held);
    let ask = held.then(|| {
        view! {
            <form method="post" action=AskNext::url() data-act="">
                {hidden(vec![("chat", chat.to_owned())])}
                <button class="button plain-line" type="submit">
                    {icon(Icon::Send)}
                    {w.ask_now}
                </button>
            </form>
        }
    });
    let items = queue.iter().map(|message| item(t, w, message)).collect_view();
    view! {
        <section class="queue" aria-label=w.waiting_questions>
            <div class="queue-line">
                {icon(if held { Icon::Alert } else { Icon::Clock })} <p>{if held { w.queue_held } else { w.queue_waits }}</p> {ask}
            </div>
            <ol>{items}</ol>
        </section>
    }
    .to_html()
}

fn item(t: &'static Texts, w: &'static Words, message: &QueuedMessage) -> Piece {
    let id = message.id.to_string();
    let mut first: String = message.content.lines().next().unwrap_or_default().chars().take(200).collect();
    if first.len() < message.content.len() {
        first.push_str(" …");
    }
    view! {
        <li>
            <details>
                <summary>
                    <span>{first}</span>
                    {icon(Icon::Edit)}
                </summary>
                <form method="post" action=ChangeQueued::url() data-act="">
                    {hidden(vec![("message", id.clone())])}
                    <textarea
                        class="input"
                        name="text"
                        required
                        rows="3"
                        aria-label=w.waiting_question
                        inner_html=format!("\n{}", escape(&message.content))
                    ></textarea>
                    <button class="button plain-line" type="submit">
                        {t.save}
                    </button>
                </form>
            </details>
            <form method="post" action=ChangeQueued::url() data-act="">
                {hidden(vec![("message", id)])}
                <button class="button icon-only" type="submit" aria-label=w.take_out title=w.take_out>
                    {icon(Icon::Close)}
                </button>
            </form>
        </li>
    }
    .whole()
}

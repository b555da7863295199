//! A shared chat: a page of its own, without a program, for whoever has the link.

use cjhirashi_chat::render_answer;
use cjhirashi_domain::{
    Timestamp,
    chat::{MessageRole, MessageStatus, SharedMessage, Snapshot},
    settings::Language,
};
use cjhirashi_markdown::Place;
use leptos::{prelude::*, server_fn::ServerFn};

use super::{
    ago,
    alone::document,
    hidden,
    message::{heading, images},
    words::Words,
};
use crate::{
    Assets,
    api::conversation::CopyShared,
    components::{Icon, Piece, Whole as _, brand, icon},
    texts::Texts,
};

/// The whole document. `member`: whoever reads it has an account here and can go on with a copy.
#[must_use]
pub fn shared(
    language: Language,
    assets: &Assets,
    token: &str,
    snapshot: Snapshot,
    since: Timestamp,
    now: Timestamp,
    member: bool,
) -> String {
    let (t, w) = (Texts::of(language), Words::of(language));
    let title = snapshot.title;
    let path = format!("/share/{token}/images");
    let messages = snapshot.messages.into_iter().zip(1..);
    let messages = messages.map(|(message, number)| turn(t, message, number, &path)).collect_view();
    let copy = member.then(|| {
        view! {
            <form method="post" action=CopyShared::url()>
                {hidden(vec![("token", token.to_owned())])}
                <button class="button primary" type="submit">
                    {icon(Icon::Branch)}
                    {w.continue_as_copy}
                </button>
            </form>
        }
    });
    let body = view! {
        <main class="shared" id="content">
            <header>
                {brand("icon brand-mark")} <h1>{title.clone()}</h1>
                <p class="faint">{w.shared_line} " " {ago(t, now, since)}</p>
            </header>
            <div class="messages">{messages}</div>
            <footer>{copy}</footer>
        </main>
    }
    .whole();
    document(language, assets, &t.tab(&title), None, body)
}

fn turn(t: &'static Texts, message: SharedMessage, number: usize, path: &str) -> Piece {
    let w = Words::of(t.language);
    let id = format!("m{number}");
    let place = Place { id: &id, language: t.language };
    if message.role == MessageRole::User {
        return view! {
            <article class="message question" aria-label=t.you_asked>
                {heading(t.you_asked)}
                {images(t, &message.images, path)}
                <div class="said">{message.content}</div>
            </article>
        }
        .whole();
    }
    let sources = message
        .sources
        .into_iter()
        .map(|source| {
            view! {
                <li>
                    <span class="cite">{source.n}</span>
                    <details>
                        <summary>
                            {source.title}
                            {source.page.map(|page| view! { <span class="where">{t.page_short(page)}</span> })}
                        </summary>
                        <blockquote>{source.passage}</blockquote>
                    </details>
                </li>
            }
        })
        .collect_view();
    let sources = (!sources.is_empty()).then(|| {
        view! {
            <section class="sources" aria-label=w.sources>
                <h3>{w.sources}</h3>
                <ul class="source-list">{sources}</ul>
            </section>
        }
    });
    view! {
        <article class="message answer" aria-label=t.the_answer>
            {heading(t.the_answer)}
            <div class="prose" inner_html=render_answer(&message.content, &[], &[], place)></div>
            {(message.status != MessageStatus::Complete).then(|| view! { <p class="faint">{w.not_whole}</p> })}
            {sources}
            <p class="faint facts">{message.model.map(|model| t.model_label(&model))}</p>
        </article>
    }
    .whole()
}

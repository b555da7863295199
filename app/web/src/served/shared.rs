//! A shared chat: a page of its own, without a program, for whoever has the link.

use cjhirashi_chat::render_answer;
use cjhirashi_domain::{
    Timestamp,
    chat::{Citation, CitationSource, MessageRole, MessageStatus, SharedMessage, Snapshot},
    passage::TextRange,
    settings::Language,
};
use cjhirashi_markdown::{Place, Sources};
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
    let place = Place { sources: Sources::OnPage(&id), ..Place::new(&id, t.language) };
    let prose = render_answer(&message.content, &message.sources, &[], place);
    let sources = message.sources.iter().map(|citation| source(t, &id, citation)).collect_view();
    let sources = (!message.sources.is_empty()).then(|| {
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
            <div class="prose" inner_html=prose></div>
            {(message.status != MessageStatus::Complete).then(|| view! { <p class="faint">{w.not_whole}</p> })}
            {sources}
            <p class="faint facts">{message.model.map(|model| t.model_label(&model))}</p>
        </article>
    }
    .whole()
}

/// A source with its passage, to which the marks of the answer lead.
fn source(t: &'static Texts, message: &str, citation: &Citation) -> Piece {
    let w = Words::of(t.language);
    let Some(CitationSource { title, text }) = &citation.source else {
        return view! {
            <li>
                <span class="cite gone">{citation.n}</span>
                <span class="gone">{w.source_gone}</span>
            </li>
        }
        .whole();
    };
    let (label, line) = t.verdict(citation.verdict);
    view! {
        <li>
            <span class="cite">{citation.n}</span>
            <details>
                <summary>
                    {title.clone()} " "
                    {citation.page.map(|page| view! { <span class="where">{t.page_short(page)}</span> })} " "
                    <span class=format!("verdict {}", citation.verdict.as_str()) title=line>
                        {label}
                    </span>
                </summary>
                <blockquote id=Sources::id(message, citation, None)>{quoted(message, citation, text)}</blockquote>
            </details>
        </li>
    }
    .whole()
}

/// A passage with the words marked in it that the answer stands on, each as what a mark leads to.
fn quoted(message: &str, citation: &Citation, passage: &str) -> Piece {
    let whole = TextRange { start: citation.start, end: citation.end };
    let uses = citation.uses.iter().filter_map(|used| used.quote).chain(citation.quote);
    let mut quotes: Vec<TextRange> = uses.filter(|quote| quote.within(whole) == Some(*quote)).collect();
    quotes.sort_unstable_by_key(|quote| (quote.start, quote.end));
    quotes.dedup();
    let mut chars = passage.chars();
    let mut at = whole.start;
    let mut take = |until: i32| -> String {
        let count = usize::try_from(until.saturating_sub(at)).unwrap_or(0);
        at = at.max(until);
        chars.by_ref().take(count).collect()
    };
    let mut pieces = Vec::with_capacity(quotes.len() * 2 + 1);
    for quote in quotes {
        pieces.extend(Some(take(quote.start)).filter(|words| !words.is_empty()).map(String::whole));
        // Of two that overlap the second has what is left of it.
        let id = Sources::id(message, citation, Some(quote));
        pieces.push(view! { <mark class="quote" id=id>{take(quote.end)}</mark> }.whole());
    }
    pieces.extend(Some(chars.collect::<String>()).filter(|words| !words.is_empty()).map(String::whole));
    pieces.collect_view().whole()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_use_of_a_passage_has_its_own_words_in_it() {
        let range = |(start, end): (i32, i32)| serde_json::json!({ "start": start, "end": end });
        let of = |uses: &[(i32, i32)]| {
            let uses: Vec<_> = uses
                .iter()
                .map(|quote| serde_json::json!({ "at": 0, "verdict": "verified", "quote": range(*quote) }))
                .collect();
            let citation: Citation = serde_json::from_value(serde_json::json!({
                "n": 1, "document_id": "d", "version": 1, "seq": 0, "start": 10, "end": 22, "page": null, "score": 0.9,
                "verdict": "verified", "uses": uses, "source": null,
            }))
            .unwrap();
            quoted("m1", &citation, "uno dos ñres").to_html()
        };
        let mark = |id: &str, words: &str| format!("<mark id=\"m1-source-1-{id}\" class=\"quote\">{words}</mark>");
        let bare = |html: String| html.replace("<!>", "");
        assert_eq!(bare(of(&[(18, 22), (10, 13)])), format!("{} dos {}", mark("10-13", "uno"), mark("18-22", "ñres")));
        assert_eq!(bare(of(&[(10, 17), (14, 22)])), format!("{}{}", mark("10-17", "uno dos"), mark("14-22", " ñres")));
        assert_eq!(bare(of(&[(5, 13), (20, 30)])), "uno dos ñres", "what is not in the passage is none of it");
    }
}

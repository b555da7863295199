//! One turn of the conversation, whole: a question, or an answer with its sources.

use cjhirashi_domain::{
    Timestamp,
    chat::{MessageRole, MessageStatus, RetrievalSummary, Verdict},
};
use leptos::server_fn::ServerFn;
use leptos::{html, prelude::*};

use super::{Ago, Icon, answer::LiveAnswer, icon, panel};
use crate::components::Whole as _;
use crate::{
    api::{
        EXTRACTIVE,
        chats::{MessageView, RetryAnswer, SourceView},
    },
    state::{ChatState, browser, use_texts},
};

/// A turn: question, answer, or an answer that is being written.
#[component]
pub(crate) fn MessageItem(state: ChatState, message: MessageView, now: Timestamp) -> impl IntoView {
    match (message.role, message.status) {
        (MessageRole::User, _) => view! { <Question state=state message=message /> }.whole(),
        (MessageRole::Assistant, MessageStatus::Streaming) => {
            view! { <LiveAnswer state=state message=message /> }.whole()
        }
        (MessageRole::Assistant, _) => view! { <Answer state=state message=message now=now /> }.whole(),
        // Instructions of adopted chats are kept and never shown as speech.
        (MessageRole::System, _) => ().whole(),
    }
}

#[component]
fn Question(state: ChatState, message: MessageView) -> impl IntoView {
    let t = use_texts();
    let said = NodeRef::<html::Div>::new();
    let open = RwSignal::new(!message.long);
    let long = message.long;
    let edit = move |_| {
        if let Some(element) = said.get_untracked() {
            state.draft.set(Some(browser::shown_text(&element)));
        }
    };
    view! {
        <article class="message question" aria-label=t.you_asked>
            <div class="said" class:long=long class:open=open node_ref=said inner_html=message.html></div>
            <div class="message-tools with-script">
                {long
                    .then(|| {
                        view! {
                            <button
                                class="button"
                                type="button"
                                hidden=move || open.get()
                                on:click=move |_| open.set(true)
                            >
                                {t.show_all}
                            </button>
                        }
                    })}
                <button class="button icon-only" type="button" title=t.edit_question aria-label=t.edit_question on:click=edit>
                    {icon(Icon::Edit)}
                </button>
            </div>
        </article>
    }
    .whole()
}

#[component]
fn Answer(state: ChatState, message: MessageView, now: Timestamp) -> impl IntoView {
    let t = use_texts();
    let body = NodeRef::<html::Div>::new();
    // Buttons in code blocks have no words until the program gives them some: without it they could do nothing. Marks
    // of sources have a number only: what checking them showed is seen, and has to be heard, too.
    Effect::new(move |_| {
        let Some(body) = body.get() else { return };
        each(&body, "button[data-copy][hidden]", |button| {
            button.set_text_content(Some(t.copy));
            let _ = button.remove_attribute("hidden");
        });
        each(&body, "a.cite", |mark| {
            let number = mark.get_attribute("data-n").unwrap_or_default();
            let verdict = mark.get_attribute("data-verdict").and_then(|verdict| Verdict::parse(&verdict));
            let words = verdict.map(|verdict| t.verdict(verdict).0).unwrap_or_default();
            let _ = mark.set_attribute("aria-label", &format!("{} {number}, {words}", t.source));
        });
    });
    let whole = message.status == MessageStatus::Complete && message.error.is_none();
    let unfinished = (!whole).then(|| {
        let (words, detail) = match &message.error {
            Some(error) => (t.error(&error.code), error.detail.as_deref().map(|words| t.server_says(words))),
            None => (t.unfinished(message.status), None),
        };
        let id = message.id.to_string();
        let retry = {
            let id = id.clone();
            move |event: web_sys::SubmitEvent| {
                event.prevent_default();
                state.retry(id.clone());
            }
        };
        let stopped = matches!(message.status, MessageStatus::Stopped | MessageStatus::Complete);
        view! {
            <div class="callout" class:error=!stopped role=(!stopped).then_some("alert")>
                {icon(if stopped { Icon::Info } else { Icon::Alert })}
                <div>
                    {words}
                    {detail.map(|detail| view! { <small>{detail}</small> })}
                </div>
                <form method="post" action=RetryAnswer::url() on:submit=retry>
                    <input type="hidden" name="message" value=id />
                    <button class="button plain-line" type="submit">
                        {icon(Icon::Retry)}
                        {t.retry}
                    </button>
                </form>
            </div>
        }
    });
    let copy = move |_| {
        if let Some(body) = body.get_untracked() {
            browser::copy_text(&browser::shown_text(&body), move |done| {
                state.say(if done { t.copied } else { t.not_copied });
            });
        }
    };
    let mut facts = Vec::new();
    if let Some(model) = &message.model {
        facts.push(t.model_label(model));
    }
    if let Some(tokens) = message.tokens_used.filter(|_| message.model.as_deref() != Some(EXTRACTIVE)) {
        facts.push(t.tokens(tokens));
    }
    if let Some(latency) = message.latency_ms {
        facts.push(t.seconds(latency));
    }
    let sources = StoredValue::new(message.sources.clone());
    let open = move |event: web_sys::MouseEvent| panel::open_from_click(state, &event, sources);
    view! {
        <article class="message answer" aria-label=t.the_answer on:click=open>
            {message.empty.then(|| view! { <p class="faint">{t.empty_answer}</p> })}
            <div class="prose" node_ref=body inner_html=message.html></div>
            {unfinished}
            {message.retrieval.map(|retrieval| view! { <Searched retrieval=retrieval /> })}
            <Sources sources=message.sources />
            <div class="message-tools">
                <button
                    class="button icon-only with-script"
                    type="button"
                    title=t.copy
                    aria-label=t.copy
                    on:click=copy
                >
                    {icon(Icon::Copy)}
                </button>
                <span class="facts">{facts.join(" · ")} " · " <Ago at=message.created_at now=now /></span>
            </div>
        </article>
    }
    .whole()
}

/// What was searched; where nothing fitted, what came closest.
#[component]
fn Searched(retrieval: RetrievalSummary) -> impl IntoView {
    let t = use_texts();
    let closest = (retrieval.passages == 0).then_some(retrieval.best).flatten().map(|best| {
        let numbers = format!(" ({} < {})", t.percent(best.score), t.percent(retrieval.min_score));
        view! {
            ". " {t.nothing_relevant} " " {t.best_was} " "
            <a href=format!("/documents/{}", best.document_id)>{best.title}</a> {numbers}
        }
    });
    view! {
        <p class="searched">
            {icon(Icon::Search)}
            <span>
                {t.searched(retrieval.searched_documents, retrieval.passages)} {closest}
                {retrieval.degraded.then(|| format!(". {}", t.searched_weaker))}
            </span>
        </p>
    }
    .whole()
}

/// The sources below an answer, with what checking their quotes showed.
#[component]
fn Sources(sources: Vec<SourceView>) -> impl IntoView {
    if sources.is_empty() {
        return ().whole();
    }
    let t = use_texts();
    let rows = sources
        .into_iter()
        .map(|source| {
            let href = source.href;
            let (label, line) = t.verdict(source.verdict);
            let mark = match source.verdict {
                Verdict::Verified => Icon::Check,
                Verdict::Weak => Icon::Half,
                Verdict::NotFound => Icon::Alert,
            };
            let class = format!("verdict {}", source.verdict.as_str());
            match source.title {
                Some(title) => view! {
                    <li>
                        <a
                            class="cite"
                            href=href.clone()
                            data-n=source.n
                            data-verdict=source.verdict.as_str()
                            aria-label=format!("{} {}", t.source, source.n)
                        >
                            {source.n}
                        </a>
                        <a href=href>{title}</a>
                        {source.page.map(|page| view! { <span class="where">{t.page_short(page)}</span> })}
                        <span class=class title=line>
                            {icon(mark)}
                            {label}
                        </span>
                    </li>
                }
                .whole(),
                None => view! {
                    <li>
                        <span class="cite">{source.n}</span>
                        <span class="gone">{t.source_gone}</span>
                    </li>
                }
                .whole(),
            }
        })
        .collect_view();
    view! {
        <section class="sources" aria-label=t.sources>
            <h3>{t.sources}</h3>
            <ul class="source-list">{rows}</ul>
        </section>
    }
    .whole()
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

//! `/documents/{id}`: what a document is, its text with the cited passage, and its chunks.

use std::time::Duration;

use cjhirashi_domain::{
    access::Visibility,
    document::{Chunk, DocumentStatus},
};
use leptos::{ev, prelude::*, server_fn::ServerFn, task::spawn_local};
use leptos_router::hooks::{use_params_map, use_query_map};

use crate::components::Whole as _;
use crate::{
    api::{
        Shown,
        documents::{
            DeleteDocument, DocumentView, RetryDocument, SaveTags, delete_document, load_document, retry_document,
            save_tags,
        },
        load,
    },
    components::{Ago, Icon, Page, Problem, Skeleton, StateOf, icon},
    state::{Go, Notices, browser, use_texts},
};

/// What the address asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    id: String,
    chunks: bool,
    part: i64,
    start: i64,
    end: i64,
}

/// A document.
#[component]
pub(crate) fn DocumentPage() -> impl IntoView {
    let t = use_texts();
    let (params, query) = (use_params_map(), use_query_map());
    let asked = Memo::new(move |_| {
        let id = params.with(|params| params.get("id").unwrap_or_default());
        query.with(|query| {
            let number = |name: &str| query.get(name).and_then(|value| value.parse().ok()).unwrap_or(-1);
            Asked {
                id,
                chunks: query.get("view").as_deref() == Some("chunks"),
                part: number("part"),
                start: number("start"),
                end: number("end"),
            }
        })
    });
    let again = RwSignal::new(0_u32);
    let document = load(
        move || (asked.get(), again.get()),
        |(asked, _)| async move {
            let view = if asked.chunks { "chunks" } else { "text" };
            load_document(asked.id, view.to_owned(), asked.part, asked.start, asked.end).await.map(Shown)
        },
    );
    view! {
            <Transition fallback=move || {
                view! {
                    <Page title=t.documents>
    {view! {
                        <Skeleton />
    }.whole()}
                    </Page>
                }
            }>
                {move || Suspend::new(async move {
                    match document.await {
                        // Whoever left the page before it came has no use for it, and nothing of the page is there any more.
                        Ok(Shown(view)) => match asked.try_get_untracked() {
                            Some(asked) => view! { <Opened view=view asked=asked again=again /> }.whole(),
                            None => view! { <Skeleton /> }.whole(),
                        },
                        Err(failure) => {
                            view! {
                                <Page title=t.documents>
    {view! {
                                    <Problem failure=failure />
    }.whole()}
                                </Page>
                            }
                                .whole()
                        }
                    }
                })}
            </Transition>
        }
    .whole()
}

#[component]
fn Opened(view: DocumentView, asked: Asked, again: RwSignal<u32>) -> impl IntoView {
    let t = use_texts();
    let document = view.document.clone();
    let path = format!("/documents/{}", document.id);
    let moving = matches!(document.status, DocumentStatus::Queued | DocumentStatus::Processing);
    let highlighted = asked.start >= 0;
    // Runs again with every new view: asks again while the document is being read, and shows the passage.
    Effect::new(move |_| {
        if moving {
            let timer =
                set_timeout_with_handle(move || again.update(|again| *again += 1), Duration::from_millis(1_500));
            if let Ok(timer) = timer {
                on_cleanup(move || timer.clear());
            }
        }
        if highlighted {
            request_animation_frame(|| browser::reveal("passage"));
        }
    });
    let mut facts: Vec<String> = Vec::new();
    facts.push(if document.visibility == Visibility::Public { t.public } else { t.private }.to_owned());
    facts.extend(document.mime_type.clone());
    facts.extend(document.size_bytes.map(|bytes| t.bytes(bytes)));
    if document.chunk_count > 0 {
        facts.push(t.count_chunks(i64::from(document.chunk_count)));
    }
    facts.extend(document.language.as_deref().map(|code| t.language_name(code)));
    let facts = facts.into_iter().map(|fact| view! { <span>{fact}</span> }).collect_view();
    let text_link = path.clone();
    let chunks_link = format!("{path}?view=chunks");
    let body = if asked.chunks {
        view! { <Chunks chunks=view.chunks path=path.clone() /> }.whole()
    } else if document.adopted && view.html.is_none() {
        view! { <div class="callout">{icon(Icon::Info)} <div>{t.adopted_line}</div></div> }.whole()
    } else {
        match view.html {
            Some(html) => view! { <div class="prose document-text" inner_html=html></div> }.whole(),
            None => view! { <p class="empty">{t.document_not_ready}</p> }.whole(),
        }
    };
    let tags = document.tags.join(", ");
    view! {
            <Page title=document.title.clone()>
    {view! {
                <header class="page-head">
                    <h1>{document.title.clone()}</h1>
                    <a class="button plain-line" href=format!("{path}/file") rel="external" download>
                        {icon(Icon::Download)}
                        {t.download}
                    </a>
                    {view.may_change.then(|| view! { <Remove id=document.id.to_string() /> })}
                    <div class="facts-line">{facts} <Ago at=document.updated_at now=view.now /></div>
                    {(document.status != DocumentStatus::Indexed)
                        .then(|| {
                            view! {
                                <div class="facts-line">
                                    <StateOf document=document.clone() />
                                    {(view.may_change && document.status == DocumentStatus::Failed && !document.adopted)
                                        .then(|| view! { <Retry id=document.id.to_string() again=again /> })}
                                </div>
                            }
                        })}
                    {if view.may_change {
                        view! { <Tags id=document.id.to_string() tags=tags /> }.whole()
                    } else {
                        (!tags.is_empty()).then(|| view! { <p>{t.tags} ": " {tags.clone()}</p> }).whole()
                    }}
                </header>
                <nav class="tabs" aria-label=t.text>
                    <a href=text_link aria-current=(!asked.chunks).then_some("page")>
                        {t.text}
                    </a>
                    <a href=chunks_link aria-current=asked.chunks.then_some("page")>
                        {t.fragments}
                    </a>
                </nav>
                {body}
                <Parts path=path part=view.part parts=view.parts chunks=asked.chunks />
    }.whole()}
            </Page>
        }
    .whole()
}

#[component]
fn Chunks(chunks: Vec<Chunk>, path: String) -> impl IntoView {
    let t = use_texts();
    if chunks.is_empty() {
        return view! { <p class="empty">{t.no_chunks}</p> }.whole();
    }
    let rows = chunks
        .into_iter()
        .map(|chunk| {
            let href = format!("{path}?start={}&end={}#passage", chunk.start, chunk.end);
            view! {
                <li>
                    <header>
                        <a href=href>{format!("#{}", chunk.seq + 1)}</a>
                        <span>{t.number(i64::from(chunk.start))} "–" {t.number(i64::from(chunk.end))}</span>
                        {chunk.page.map(|page| view! { <span>{t.page(page)}</span> })}
                    </header>
                    <p>{chunk.text}</p>
                </li>
            }
            .whole()
        })
        .collect_view();
    view! { <ol class="chunks">{rows}</ol> }.whole()
}

#[component]
fn Parts(path: String, part: i64, parts: i64, chunks: bool) -> impl IntoView {
    let t = use_texts();
    if parts <= 1 {
        return ().whole();
    }
    let link = move |part: i64| {
        let view = if chunks { "view=chunks&" } else { "" };
        format!("{path}?{view}part={part}")
    };
    view! {
        <nav class="pager" aria-label=t.text>
            {(part > 1).then(|| view! { <a class="button plain-line" href=link(part - 1)>{t.previous}</a> })}
            <span>{t.part(part, parts)}</span>
            {(part < parts).then(|| view! { <a class="button plain-line" href=link(part + 1)>{t.next}</a> })}
        </nav>
    }
    .whole()
}

#[component]
fn Remove(id: String) -> impl IntoView {
    let t = use_texts();
    let (go, notices) = (use_context::<Go>(), use_context::<Notices>());
    let submit = {
        let id = id.clone();
        move |event: ev::SubmitEvent| {
            event.prevent_default();
            let id = id.clone();
            spawn_local(async move {
                match (delete_document(id).await, notices) {
                    (Ok(()), _) => {
                        if let Some(notices) = notices {
                            notices.say(t.deleted);
                        }
                        if let Some(go) = go {
                            go.to("/documents");
                        }
                    }
                    (Err(failure), Some(notices)) => notices.fail(failure.message(t)),
                    (Err(_), None) => {}
                }
            });
        }
    };
    view! {
        <details class="menu">
            <summary class="boxed" aria-label=t.delete title=t.delete>
                {icon(Icon::Trash)}
            </summary>
            <form class="menu-items wide stack" method="post" action=DeleteDocument::url() on:submit=submit>
                <input type="hidden" name="id" value=id />
                <p>{t.delete_document_line}</p>
                <button class="button danger plain-line" type="submit">
                    {t.delete_now}
                </button>
            </form>
        </details>
    }
    .whole()
}

#[component]
fn Retry(id: String, again: RwSignal<u32>) -> impl IntoView {
    let t = use_texts();
    let notices = use_context::<Notices>();
    let submit = {
        let id = id.clone();
        move |event: ev::SubmitEvent| {
            event.prevent_default();
            let id = id.clone();
            spawn_local(async move {
                if let (Err(failure), Some(notices)) = (retry_document(id).await, notices) {
                    notices.fail(failure.message(t));
                }
                again.update(|again| *again += 1);
            });
        }
    };
    view! {
        <form method="post" action=RetryDocument::url() on:submit=submit>
            <input type="hidden" name="id" value=id />
            <button class="button plain-line" type="submit">
                {icon(Icon::Retry)}
                {t.retry}
            </button>
        </form>
    }
    .whole()
}

#[component]
fn Tags(id: String, tags: String) -> impl IntoView {
    let t = use_texts();
    let saved = RwSignal::new(None::<Result<(), &'static str>>);
    let submit = move |event: ev::SubmitEvent| {
        let Some(form) = browser::take_form(&event) else { return };
        let (id, tags) = (browser::field(&form, "id"), browser::field(&form, "tags"));
        spawn_local(async move {
            saved.set(Some(save_tags(id, tags).await.map_err(|failure| failure.message(t))));
        });
    };
    let shown = move || {
        saved.get().map(|saved| match saved {
            Ok(()) => view! { <span class="saved" role="status">{icon(Icon::Check)} {t.saved}</span> }.whole(),
            Err(words) => view! { <span class="saved bad" role="alert">{words}</span> }.whole(),
        })
    };
    view! {
        <form class="tags-form" method="post" action=SaveTags::url() on:submit=submit>
            <input type="hidden" name="id" value=id />
            <input
                class="input"
                name="tags"
                value=tags
                placeholder=format!("{} ({})", t.tags, t.tags_hint.to_lowercase())
                aria-label=t.tags
                maxlength="1000"
            />
            <button class="button plain-line" type="submit">
                {t.save}
            </button>
            {shown}
        </form>
    }
    .whole()
}

//! `/documents/{id}`: what a document is, its text with the cited passage, its chunks, and its history.

use std::time::Duration;

use cjhirashi_domain::{
    ErrorCode,
    access::Visibility,
    document::{Document, DocumentStatus},
    passage::TextRange,
};
use leptos::{ev, prelude::*, server_fn::ServerFn, task::spawn_local};
use leptos_router::hooks::{use_params_map, use_query_map};

use crate::components::Whole as _;
use crate::{
    api::{
        Failure, Shown,
        documents::{
            DeleteDocument, DocumentTab, DocumentView, PartAsked, RetryDocument, SaveTags, document_states,
            load_document,
        },
        load,
    },
    components::{Ago, DeleteMenu, Icon, Page, Problem, Skeleton, StateOf, icon, pager},
    state::{Go, Notices, acts, browser, use_texts},
};

/// A document, and what of it.
type Asked = (String, PartAsked);

/// A document.
#[component]
pub(crate) fn DocumentPage() -> impl IntoView {
    let t = use_texts();
    let (params, query) = (use_params_map(), use_query_map());
    let asked = Memo::new(move |_| {
        let id = params.with(|params| params.get("id").unwrap_or_default());
        query.with(|query| {
            let number = |name: &str| query.get(name)?.parse::<i32>().ok();
            let range = |start, end| TextRange::new(number(start)?, number(end)?);
            let asked = PartAsked {
                tab: query
                    .get("view")
                    .and_then(|view| DocumentTab::ALL.into_iter().find(|tab| tab.as_str() == view))
                    .unwrap_or(DocumentTab::Text),
                part: query.get("part").and_then(|part| part.parse().ok()),
                passage: range("start", "end"),
                quote: range("quote_start", "quote_end"),
            };
            (id, asked)
        })
    });
    let document = load(move || asked.get(), |(id, asked)| async move { load_document(id, asked).await.map(Shown) });
    let problem = move |failure| {
        view! {
            <Page title=t.documents>
                <Problem failure=failure />
            </Page>
        }
        .whole()
    };
    let list = move || {
        Suspend::new(async move {
            match document.await {
                // Whoever left the page before it came has no use for it, and nothing of the page is there any more.
                Ok(Shown(view)) => match asked.try_get_untracked() {
                    Some(asked) => view! { <Opened view=view asked=asked /> }.whole(),
                    None => view! { <Skeleton /> }.whole(),
                },
                Err(failure) => problem(failure),
            }
        })
    };
    view! {
        <Transition fallback=move || {
            view! {
                <Page title=t.documents>
                    <Skeleton />
                </Page>
            }
        }>{list.whole()}</Transition>
    }
    .whole()
}

/// A page that shows a document, and what of it moves: whoever types tags meanwhile is not disturbed.
#[derive(Clone, Copy)]
struct Watched {
    asked: StoredValue<Asked>,
    /// As the server knows it now.
    document: RwSignal<Document>,
    /// As the page shows it: loaded once more when the document is ready.
    view: RwSignal<DocumentView>,
    /// Why it can no longer be shown.
    gone: RwSignal<Option<Failure>>,
}

impl Watched {
    /// Asks where the document stands, until it is ready or has failed.
    fn follow(self) {
        set_timeout(move || spawn_local(self.ask()), Duration::from_millis(1_500));
    }

    async fn ask(self) {
        let Some((path, asked)) = self.asked.try_get_value() else { return };
        let id = self.document.try_with_untracked(|document| document.id.clone());
        let Some(id) = id else { return };
        let failure = match document_states(vec![id]).await.map(|mut found| found.pop()) {
            Ok(Some(document)) => {
                let moves = document.status.moves();
                self.document.try_set(document);
                if moves {
                    return self.follow_if_shown();
                }
                match load_document(path, asked).await {
                    Ok(view) => {
                        self.view.try_set(view);
                        return;
                    }
                    Err(failure) => failure,
                }
            }
            // Deleted elsewhere meanwhile.
            Ok(None) => Failure::of_page(Some(ErrorCode::DocumentNotFound)),
            Err(failure) => failure,
        };
        if failure.is_final() {
            self.gone.try_set(Some(failure));
        } else {
            self.follow_if_shown();
        }
    }

    fn follow_if_shown(self) {
        if self.asked.try_get_value().is_some() {
            self.follow();
        }
    }
}

#[component]
fn Opened(view: DocumentView, asked: Asked) -> impl IntoView {
    let t = use_texts();
    let document = view.document.clone();
    let (now, may_change, title) = (view.now, view.may_change, document.title.clone());
    let path = StoredValue::new(format!("/documents/{}", document.id));
    let (id, tags) = (document.id.to_string(), document.tags.join(", "));
    let tab = asked.1.tab;
    let highlighted = asked.1.passage.map(|_| if asked.1.quote.is_some() { "quote" } else { "passage" });
    let watched = Watched {
        asked: StoredValue::new(asked),
        document: RwSignal::new(document.clone()),
        view: RwSignal::new(view),
        gone: RwSignal::new(None),
    };
    // The passage, or what of it is quoted, is shown once, as soon as there is a text that it stands in.
    Effect::new(move |shown: Option<bool>| {
        let ready = watched.view.with(|view| view.html.is_some());
        if let Some(id) = highlighted.filter(|_| ready && shown != Some(true)) {
            request_animation_frame(move || browser::reveal(id));
        }
        ready
    });
    let moves = document.status.moves();
    Effect::new(move |_| {
        if moves {
            watched.follow();
        }
    });
    let facts = move || {
        watched.view.with(|view| {
            let document = &view.document;
            let mut facts: Vec<String> = Vec::new();
            facts.push(if document.visibility == Visibility::Public { t.public } else { t.private }.to_owned());
            facts.extend(document.mime_type.as_deref().map(|kind| t.kind(kind)));
            facts.extend(document.size_bytes.map(|bytes| t.bytes(bytes)));
            if document.chunk_count > 0 && !document.adopted {
                facts.push(t.count_chunks(i64::from(document.chunk_count)));
            }
            facts.extend(document.language.as_deref().map(|code| t.language_name(code)));
            facts.into_iter().map(|fact| view! { <span>{fact}</span> }).collect_view().whole()
        })
    };
    let state = move || {
        let document = watched.document.get();
        (document.status != DocumentStatus::Indexed).then(|| {
            let again = may_change && document.may_be_retried();
            view! {
                <div class="facts-line">
                    <StateOf document=document />
                    {again.then(|| view! { <Retry watched=watched /> })}
                </div>
            }
            .whole()
        })
    };
    let body = move || {
        let view = watched.view.get();
        let path = path.get_value();
        let parts = pager(view.part, view.parts, t.text, |part| format!("{path}?view={}&part={part}", tab.as_str()));
        if let Some(failure) = watched.gone.get() {
            return view! { <Problem failure=failure /> }.whole();
        }
        let body = match view.html {
            Some(html) => {
                let class = if tab == DocumentTab::Text { "prose document-text" } else { "served" };
                view! { <div class=class inner_html=html></div> }.whole()
            }
            // Its state above says all there is to say.
            None if view.document.adopted => ().whole(),
            None => {
                let failed = watched.document.with(|document| document.status == DocumentStatus::Failed);
                let words = if failed { t.document_without_text } else { t.document_not_ready };
                view! { <p class="empty">{words}</p> }.whole()
            }
        };
        view! { {body} {parts} }.whole()
    };
    let path = path.get_value();
    let tabs = DocumentTab::ALL
        .into_iter()
        .zip([t.text, t.fragments, t.history])
        .map(|(each, label)| {
            let view = each.as_str();
            let href = if view.is_empty() { path.clone() } else { format!("{path}?view={view}") };
            view! {
                <a href=href aria-current=(each == tab).then_some("page")>
                    {label}
                </a>
            }
        })
        .collect_view();
    // What was taken over from the index of the ADR's application has none.
    let has_file = document.size_bytes.is_some();
    view! {
        <Page title=title.clone()>
            <header class="page-head">
                <h1>{title}</h1>
                {has_file
                    .then(|| {
                        view! {
                            <a class="button plain-line" href=format!("{path}/file") rel="external" download>
                                {icon(Icon::Download)}
                                {t.download}
                            </a>
                        }
                        .whole()
                    })}
                {may_change.then(|| view! { <Remove id=id.clone() /> })}
                <div class="facts-line">{facts} <Ago at=document.updated_at now=now /></div>
                {state}
                {if may_change {
                    view! { <Tags id=id tags=tags /> }.whole()
                } else {
                    (!tags.is_empty()).then(|| view! { <p>{t.tags} ": " {tags}</p> }).whole()
                }}
            </header>
            <nav class="tabs" aria-label=t.text>
                {tabs}
            </nav>
            {body}
        </Page>
    }
    .whole()
}

#[component]
fn Remove(id: String) -> impl IntoView {
    let t = use_texts();
    let (go, notices) = (use_context::<Go>(), use_context::<Notices>());
    let remove = {
        let id = id.clone();
        move || {
            let id = id.clone();
            spawn_local(async move {
                match (acts::command("delete_document", "id", &id).await, notices) {
                    (Ok(_), _) => {
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
        <DeleteMenu
            action=DeleteDocument::url()
            id=id
            label=t.delete.to_owned()
            line=t.delete_document_line
            boxed=true
            sure=Box::new(remove)
        />
    }
    .whole()
}

#[component]
fn Retry(watched: Watched) -> impl IntoView {
    let t = use_texts();
    let notices = use_context::<Notices>();
    let id = watched.document.with_untracked(|document| document.id.to_string());
    let submit = {
        let id = id.clone();
        move |event: ev::SubmitEvent| {
            event.prevent_default();
            let id = id.clone();
            spawn_local(async move {
                if let (Err(failure), Some(notices)) = (acts::command("retry_document", "id", &id).await, notices) {
                    notices.fail(failure.message(t));
                }
                watched.ask().await;
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
    view! {
        <form
            class="tags-form"
            method="post"
            action=SaveTags::url()
            data-save=""
            on:submit=|event| acts::save(&event, None)
        >
            <input type="hidden" name="id" value=id />
            <input
                class="input"
                name="tags"
                value=tags
                placeholder=format!("{} ({})", t.tags, t.tags_hint)
                aria-label=t.tags
                maxlength="1000"
            />
            <button class="button plain-line" type="submit">
                {t.save}
            </button>
            <span role="status">
                <span class="saved" hidden>
                    {icon(Icon::Check)}
                    {t.saved}
                </span>
                <span class="saved bad" hidden></span>
            </span>
        </form>
    }
    .whole()
}

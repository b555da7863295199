//! Documents in a table that is also a drop zone: each row its state as words and a bar, and what to do about errors.

use std::time::Duration;

use cjhirashi_domain::{
    Timestamp,
    document::{Document, DocumentStatus},
};
use leptos::{ev, prelude::*, server_fn::ServerFn, task::spawn_local};
use leptos_router::hooks::use_query_map;

use super::{Ago, DropZone, Icon, UploadList, icon};
use crate::components::Whole as _;
use crate::{
    api::{
        Failure,
        documents::{
            DeleteDocument, DocumentsView, PAGE_SIZE, RetryDocument, delete_document, list_documents, retry_document,
        },
    },
    state::{Notices, Uploads, browser, use_texts},
};

/// A document's state: an icon, words, and a bar while something moves.
#[component]
pub(crate) fn StateOf(document: Document) -> impl IntoView {
    let t = use_texts();
    let (class, mark) = match document.status {
        DocumentStatus::Indexed => ("state indexed", Some(Icon::Check)),
        DocumentStatus::Failed => ("state failed", Some(Icon::Alert)),
        DocumentStatus::Queued | DocumentStatus::Processing => ("state working", None),
    };
    let moving = document.status == DocumentStatus::Processing;
    let share = f64::from(document.progress.clamp(0.0, 1.0));
    let percent = (moving && share > 0.0).then(|| format!(" {}", t.percent(share)));
    view! {
        <span class=class>{mark.map(icon)} {t.document_state(&document)} {percent}</span>
        {moving
            .then(|| {
                view! {
                    <span class="bar" aria-hidden="true">
                        <i style=format!("inline-size:{:.0}%", share * 100.0)></i>
                    </span>
                }
            })}
        {document
            .error
            .map(|error| {
                view! {
                    <p class="problem">
                        {t.error(&error.code)} {error.detail.map(|detail| view! { <small>{detail}</small> })}
                    </p>
                }
            })}
    }
    .whole()
}

/// Which documents, and where: the path that the filters keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shelf {
    pub(crate) path: &'static str,
    /// `own` or `public`; asked of the server.
    pub(crate) scope: &'static str,
    /// Whether documents can be added and changed here.
    pub(crate) may_change: bool,
}

/// Search, page and rows. `first` is what the server found for the address as it is.
#[component]
pub(crate) fn DocumentList(shelf: Shelf, first: DocumentsView) -> impl IntoView {
    let t = use_texts();
    let query = use_query_map();
    let asked = query.with_untracked(|query| query.get("q").unwrap_or_default());
    let page =
        query.with_untracked(|query| query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1_u32).max(1));
    let now = first.now;
    let rows = RwSignal::new(first.documents);
    let total = RwSignal::new(first.total);
    let reload = {
        let asked = StoredValue::new(asked.clone());
        move || {
            spawn_local(async move {
                let Some(asked) = asked.try_get_value() else { return };
                if let Ok(view) = list_documents(shelf.scope.to_owned(), asked, page).await {
                    rows.try_set(view.documents);
                    total.try_set(view.total);
                }
            });
        }
    };
    follow(rows, reload);

    let scope_param = (shelf.path == "/documents" && shelf.scope == "public").then_some("public");
    let link = {
        let asked = asked.clone();
        move |to: u32| {
            let mut query = leptos_router::params::ParamsMap::new();
            for (name, value) in [("scope", scope_param.unwrap_or_default()), ("q", &asked)] {
                if !value.is_empty() {
                    query.insert(name, value.to_owned());
                }
            }
            if to > 1 {
                query.insert("page", to.to_string());
            }
            format!("{}{}", shelf.path, query.to_query_string())
        }
    };
    let pages = move || {
        u32::try_from(total.get().div_euclid(i64::from(PAGE_SIZE)) + i64::from(total.get() % i64::from(PAGE_SIZE) > 0))
            .unwrap_or(1)
    };
    let filtered = !asked.is_empty();
    let empty = move || rows.with(Vec::is_empty);
    let nothing = {
        let clear = shelf.path.to_owned();
        move || {
            empty().then(|| {
                view! {
                    <div class="empty">
                        {icon(if filtered { Icon::Search } else { Icon::Documents })}
                        <h2>{if filtered { t.no_match } else { t.no_documents }}</h2>
                        {if filtered {
                            view! {
                                <a class="button plain-line" href=clear.clone()>
                                    {t.clear_search}
                                </a>
                            }
                                .whole()
                        } else {
                            view! {
                                <p>{if shelf.may_change { t.no_documents_line } else { t.no_public_documents_line }}</p>
                            }
                                .whole()
                        }}
                    </div>
                }
                .whole()
            })
        }
    };
    let pager = move || {
        let pages = pages();
        (pages > 1).then(|| {
            view! {
                <nav class="pager" aria-label=t.documents>
                    {(page > 1).then(|| view! { <a class="button plain-line" href=link(page - 1)>{t.previous}</a> })}
                    <span>{t.part(i64::from(page), i64::from(pages))}</span>
                    {(page < pages).then(|| view! { <a class="button plain-line" href=link(page + 1)>{t.next}</a> })}
                </nav>
            }
            .whole()
        })
    };
    view! {
        {shelf.may_change.then(|| view! { <DropZone public=shelf.scope == "public" /> })}
        <UploadList />
        <div class="filters">
            <form method="get" action=shelf.path role="search">
                {scope_param.map(|scope| view! { <input type="hidden" name="scope" value=scope /> })}
                <div class="search-field">
                    {icon(Icon::Search)}
                    <input
                        class="input"
                        type="search"
                        name="q"
                        value=asked
                        placeholder=t.find_document
                        aria-label=t.find_document
                        maxlength="200"
                    />
                </div>
            </form>
            <span class="count">{move || t.count_documents(total.get())}</span>
        </div>
        <div class="table-wrap" hidden=empty>
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">{t.title}</th>
                        <th scope="col">{t.state}</th>
                        <th scope="col" class="right">{t.size}</th>
                        <th scope="col" class="right">{t.changed}</th>
                        <th scope="col"><span class="sr-only">{t.actions}</span></th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || rows.get()
                        key=|d| format!("{}{}{}{:?}{}", d.id, d.updated_at.0, d.status.as_str(), d.stage, d.progress)
                        children=move |document| {
                            view! { <Row document=document now=now may_change=shelf.may_change reload=reload /> }.whole()
                        }
                    />
                </tbody>
            </table>
        </div>
        {nothing}
        {pager}
    }
    .whole()
}

/// Asks again while something moves, and when an upload changed something.
fn follow(rows: RwSignal<Vec<Document>>, reload: impl Fn() + Copy + 'static) {
    let uploads = use_context::<Uploads>();
    Effect::new(move |before: Option<u32>| {
        let changed = uploads.map(|uploads| uploads.changed.get()).unwrap_or_default();
        if before.is_some_and(|before| before != changed) {
            reload();
        }
        changed
    });
    let moving = Memo::new(move |_| {
        rows.with(|rows| {
            rows.iter().any(|row| matches!(row.status, DocumentStatus::Queued | DocumentStatus::Processing))
        })
    });
    Effect::new(move |timer: Option<Option<IntervalHandle>>| {
        if let Some(Some(timer)) = timer {
            timer.clear();
        }
        moving.get().then(|| set_interval_with_handle(reload, Duration::from_millis(1_500)).ok()).flatten().inspect(
            |timer| {
                let timer = *timer;
                on_cleanup(move || timer.clear());
            },
        )
    });
}

#[component]
fn Row(
    document: Document,
    now: Timestamp,
    may_change: bool,
    reload: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let t = use_texts();
    let notices = use_context::<Notices>();
    let id = StoredValue::new(document.id.to_string());
    let retry = (may_change && document.status == DocumentStatus::Failed && !document.adopted).then(|| {
        let submit = move |event: ev::SubmitEvent| {
            event.prevent_default();
            spawn_local(async move {
                if let Err(failure) = retry_document(id.get_value()).await {
                    say(notices, &failure, t);
                }
                reload();
            });
        };
        view! {
            <form method="post" action=RetryDocument::url() on:submit=submit>
                <input type="hidden" name="id" value=id.get_value() />
                <button class="button icon-only" type="submit" title=t.retry aria-label=t.retry>
                    {icon(Icon::Retry)}
                </button>
            </form>
        }
    });
    let remove = may_change.then(|| {
        let submit = move |event: ev::SubmitEvent| {
            event.prevent_default();
            browser::close_menus(None);
            spawn_local(async move {
                match delete_document(id.get_value()).await {
                    Ok(()) => {
                        if let Some(notices) = notices {
                            notices.say(t.deleted);
                        }
                    }
                    Err(failure) => say(notices, &failure, t),
                }
                reload();
            });
        };
        let label = format!("{}: {}", t.delete, document.title);
        view! {
            <details class="menu">
                <summary aria-label=label title=t.delete>
                    {icon(Icon::Trash)}
                </summary>
                <form class="menu-items wide stack" method="post" action=DeleteDocument::url() on:submit=submit>
                    <input type="hidden" name="id" value=id.get_value() />
                    <p>{t.delete_document_line}</p>
                    <button class="button danger plain-line" type="submit">
                        {t.delete_now}
                    </button>
                </form>
            </details>
        }
    });
    let tags = (!document.tags.is_empty()).then(|| {
        view! { <div class="tags">{document.tags.iter().map(|tag| view! { <span>{tag.clone()}</span> }).collect_view()}</div> }
    });
    let chunks = (document.chunk_count > 0).then(|| format!(" · {}", t.count_chunks(i64::from(document.chunk_count))));
    view! {
        <tr>
            <td class="main">
                <a href=format!("/documents/{}", document.id)>{document.title.clone()}</a>
                {tags}
            </td>
            <td>
                <StateOf document=document.clone() />
                <span class="faint nowrap">{chunks.filter(|_| document.status == DocumentStatus::Indexed)}</span>
            </td>
            <td class="right optional">{document.size_bytes.map(|bytes| t.bytes(bytes))}</td>
            <td class="right optional">
                <Ago at=document.updated_at now=now />
            </td>
            <td class="actions">
                <div>{retry} {remove}</div>
            </td>
        </tr>
    }
    .whole()
}

fn say(notices: Option<Notices>, failure: &Failure, texts: &crate::texts::Texts) {
    if let Some(notices) = notices {
        notices.fail(failure.message(texts));
    }
}

//! Documents in a table that is also a drop zone: each row its state as words and a bar, and what to do about errors.

use std::time::Duration;

use cjhirashi_domain::{
    Timestamp,
    document::{Document, DocumentStatus},
};
use leptos::{ev, prelude::*, server_fn::ServerFn, task::spawn_local};
use leptos_router::hooks::use_query_map;

use super::{Ago, DeleteMenu, DropZone, Icon, UploadList, icon};
use crate::components::Whole as _;
use crate::{
    api::{
        Failure,
        documents::{
            DeleteDocument, DocumentsView, PAGE_SIZE, RetryDocument, delete_document, list_documents, retry_document,
        },
    },
    state::{Go, Notices, Uploads, browser, use_texts},
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

/// A list on its page.
#[derive(Clone, Copy)]
struct Listed {
    shelf: Shelf,
    /// What was searched for, and the page, from 1: as the address says.
    words: StoredValue<String>,
    page: u32,
    rows: RwSignal<Vec<Document>>,
    /// Documents on all pages.
    total: RwSignal<i64>,
    /// How often the rows were asked for since they were last complete.
    asked: StoredValue<u32>,
}

impl Listed {
    /// The address of the same list with other words or another page.
    fn link(&self, words: &str, page: u32) -> String {
        let mut query = leptos_router::params::ParamsMap::new();
        for (name, value) in [("scope", self.scope_in_address()), ("q", words)] {
            if !value.is_empty() {
                query.insert(name, value.to_owned());
            }
        }
        if page > 1 {
            query.insert("page", page.to_string());
        }
        format!("{}{}", self.shelf.path, query.to_query_string())
    }

    fn page_link(&self, page: u32) -> String {
        self.words.with_value(|words| self.link(words, page))
    }

    fn scope_in_address(&self) -> &'static str {
        if self.shelf.path == "/documents" && self.shelf.scope == "public" { "public" } else { "" }
    }

    fn pages(&self) -> u32 {
        let size = i64::from(PAGE_SIZE);
        u32::try_from((self.total.get() + size - 1).div_euclid(size)).unwrap_or(1)
    }

    /// Asks for the rows again. While an answer is awaited, that is noted, and asked once more after it.
    fn reload(self) {
        if self.asked.try_update_value(|asked| std::mem::replace(asked, *asked + 1)) != Some(0) {
            return;
        }
        spawn_local(async move {
            while let (Some(words), Some(before)) = (self.words.try_get_value(), self.asked.try_get_value()) {
                if let Ok(view) = list_documents(self.shelf.scope.to_owned(), words, self.page).await {
                    self.total.try_set(view.total);
                    self.rows.try_set(view.documents);
                }
                let again = self.asked.try_update_value(|asked| {
                    let again = *asked != before;
                    *asked = u32::from(again);
                    again
                });
                if again != Some(true) {
                    return;
                }
            }
        });
    }

    /// Asks again while something moves, and when an upload changed something.
    fn follow(self) {
        let uploads = use_context::<Uploads>();
        Effect::new(move |before: Option<u32>| {
            let changed = uploads.map(|uploads| uploads.changed.get()).unwrap_or_default();
            if before.is_some_and(|before| before != changed) {
                self.reload();
            }
            changed
        });
        let moving = Memo::new(move |_| {
            // Files that were just sent are followed by whoever sent them, who tells of every change.
            self.rows.with(|rows| rows.iter().any(|row| row.status.moves()))
                && !uploads.is_some_and(|uploads| uploads.polling.get())
        });
        Effect::new(move |_| {
            if moving.get()
                && let Ok(timer) = set_interval_with_handle(move || self.reload(), Duration::from_millis(1_500))
            {
                on_cleanup(move || timer.clear());
            }
        });
    }
}

/// Search, page and rows. `first` is what the server found for the address as it is.
#[component]
pub(crate) fn DocumentList(shelf: Shelf, first: DocumentsView) -> impl IntoView {
    let t = use_texts();
    let go = use_context::<Go>();
    let (words, page) = use_query_map().with_untracked(|query| {
        (
            query.get("q").unwrap_or_default(),
            query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1_u32).max(1),
        )
    });
    let now = first.now;
    let filtered = !words.is_empty();
    let list = Listed {
        shelf,
        words: StoredValue::new(words.clone()),
        page,
        rows: RwSignal::new(first.documents),
        total: RwSignal::new(first.total),
        asked: StoredValue::new(0),
    };
    list.follow();
    let empty = move || list.rows.with(Vec::is_empty);
    // The last document of the last page was deleted.
    Effect::new(move |_| {
        if empty()
            && list.total.get() > 0
            && let Some(go) = go
        {
            go.to(&list.page_link(list.pages()));
        }
    });
    // Without leaving the page: files may be on their way.
    let search = move |event: ev::SubmitEvent| {
        if let (Some(form), Some(go)) = (browser::take_form(&event), go) {
            go.to(&list.link(&browser::field(&form, "q"), 1));
        }
    };
    let nothing = move || {
        empty().then(|| {
            view! {
                <div class="empty">
                    {icon(if filtered { Icon::Search } else { Icon::Documents })}
                    <h2>{if filtered { t.no_match } else { t.no_documents }}</h2>
                    {if filtered {
                        view! {
                            <a class="button plain-line" href=list.link("", 1)>
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
    };
    let pager = move || {
        let pages = list.pages();
        (pages > 1).then(|| {
            view! {
                <nav class="pager" aria-label=t.documents>
                    {(page > 1)
                        .then(|| view! { <a class="button plain-line" href=list.page_link(page - 1)>{t.previous}</a> })}
                    <span>{t.part(i64::from(page), i64::from(pages))}</span>
                    {(page < pages)
                        .then(|| view! { <a class="button plain-line" href=list.page_link(page + 1)>{t.next}</a> })}
                </nav>
            }
            .whole()
        })
    };
    let scope = list.scope_in_address();
    view! {
        {shelf.may_change.then(|| view! { <DropZone public=shelf.scope == "public" /> })}
        <UploadList />
        <div class="filters" hidden=move || empty() && !filtered>
            <form method="get" action=shelf.path role="search" on:submit=search>
                {(!scope.is_empty()).then(|| view! { <input type="hidden" name="scope" value=scope /> })}
                <div class="search-field">
                    {icon(Icon::Search)}
                    <input
                        class="input"
                        type="search"
                        name="q"
                        value=words
                        placeholder=t.find_document
                        aria-label=t.find_document
                        maxlength="200"
                    />
                </div>
            </form>
            <span class="count">{move || t.count_documents(list.total.get())}</span>
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
                        each=move || list.rows.get()
                        key=|document| document.id.clone()
                        children=move |document| view! { <Row document=document now=now list=list /> }.whole()
                    />
                </tbody>
            </table>
        </div>
        {nothing}
        {pager}
    }
    .whole()
}

/// A row stays while its document is in the list, so that what is open in it stays open; its state moves.
#[component]
fn Row(document: Document, now: Timestamp, list: Listed) -> impl IntoView {
    let t = use_texts();
    let notices = use_context::<Notices>();
    let may_change = list.shelf.may_change;
    let id = StoredValue::new(document.id.to_string());
    let document = StoredValue::new(document);
    // As it is now; as it was last, while the row is about to go.
    let current = Memo::new(move |before: Option<&Document>| {
        let found = list.rows.with(|rows| id.with_value(|id| rows.iter().find(|row| row.id.as_str() == *id).cloned()));
        found.or_else(|| before.cloned()).unwrap_or_else(|| document.get_value())
    });
    let retry = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let id = id.get_value();
        spawn_local(async move {
            if let Err(failure) = retry_document(id).await {
                say(notices, &failure, t);
            }
            list.reload();
        });
    };
    let state = move || {
        let document = current.get();
        let chunks = (document.status == DocumentStatus::Indexed && document.chunk_count > 0)
            .then(|| format!(" · {}", t.count_chunks(i64::from(document.chunk_count))));
        view! {
            <StateOf document=document />
            <span class="faint nowrap">{chunks}</span>
        }
        .whole()
    };
    let again = move || {
        (may_change && current.with(Document::may_be_retried)).then(|| {
            view! {
                <form method="post" action=RetryDocument::url() on:submit=retry>
                    <input type="hidden" name="id" value=id.get_value() />
                    <button class="button icon-only" type="submit" title=t.retry aria-label=t.retry>
                        {icon(Icon::Retry)}
                    </button>
                </form>
            }
            .whole()
        })
    };
    let remove = move || {
        let id = id.get_value();
        spawn_local(async move {
            match delete_document(id).await {
                Ok(()) => {
                    if let Some(notices) = notices {
                        notices.say(t.deleted);
                    }
                }
                Err(failure) => say(notices, &failure, t),
            }
            list.reload();
        });
    };
    let document = document.get_value();
    let tags = (!document.tags.is_empty()).then(|| {
        let tags = document.tags.into_iter().map(|tag| view! { <span>{tag}</span> }).collect_view();
        view! { <div class="tags">{tags}</div> }
    });
    view! {
        <tr>
            <td class="main">
                <a href=format!("/documents/{}", document.id)>{document.title.clone()}</a>
                {tags}
            </td>
            <td>{state}</td>
            <td class="right optional">{document.size_bytes.map(|bytes| t.bytes(bytes))}</td>
            <td class="right optional">
                <Ago at=document.updated_at now=now />
            </td>
            <td class="actions">
                <div>
                    {again}
                    {may_change
                        .then(|| {
                            view! {
                                <DeleteMenu
                                    action=DeleteDocument::url()
                                    id=id.get_value()
                                    label=format!("{}: {}", t.delete, document.title)
                                    line=t.delete_document_line
                                    sure=Box::new(remove)
                                />
                            }
                        })}
                </div>
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

//! Documents in a table that is also a drop zone: each row its state as words and a bar, and what to do about errors.

use std::time::Duration;

use cjhirashi_domain::{
    Timestamp,
    document::{Document, DocumentStatus},
    order::{DocumentColumn, DocumentState, Order},
};
use leptos::{ev, prelude::*, server_fn::ServerFn, task::spawn_local};
use leptos_router::hooks::use_query_map;

use super::{
    Ago, DeleteMenu, DropZone, Heading, Icon, Piece, UploadList, filter_button, icon, pager, pages, search_field,
    sort_choice, sort_heads,
};
use crate::components::Whole as _;
use crate::{
    api::{
        Failure,
        documents::{DeleteDocument, DocumentsView, ListAsked, PAGE_SIZE, RetryDocument, list_documents},
    },
    state::{Go, Notices, Uploads, acts, browser, use_texts},
};

/// A document's state: an icon, words, and a bar while something moves.
#[component]
pub(crate) fn StateOf(document: Document) -> impl IntoView {
    let t = use_texts();
    let (class, mark) = match document.status {
        // Nothing is broken: its text is still elsewhere.
        DocumentStatus::Failed if document.adopted => ("state", None),
        DocumentStatus::Indexed => ("state indexed", Some(Icon::Check)),
        DocumentStatus::Failed => ("state failed", Some(Icon::Alert)),
        DocumentStatus::Queued | DocumentStatus::Processing => ("state working", None),
    };
    let moving = document.status == DocumentStatus::Processing;
    let share = f64::from(document.progress.clamp(0.0, 1.0));
    let reason = if document.adopted { "faint" } else { "problem" };
    let answers = document.version > 0 && document.status != DocumentStatus::Indexed;
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
        {answers.then(|| view! { <p class="faint">{t.still_answers}</p> })}
        {document
            .error
            .map(|error| {
                view! {
                    <p class=reason>
                        {error.words}
                        {error.detail.map(|detail| view! { <small>{t.technical} ": " {detail}</small> })}
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
    /// As the address says.
    asked: StoredValue<ListAsked>,
    rows: RwSignal<Vec<Document>>,
    /// Documents on all pages.
    total: RwSignal<i64>,
    /// How often the rows were asked for since they were last complete.
    loads: StoredValue<u32>,
}

impl Listed {
    /// The address of the same list, but for something.
    fn link(&self, change: impl FnOnce(&mut ListAsked)) -> String {
        let mut asked = self.asked.get_value();
        asked.page = 1;
        change(&mut asked);
        asked.address(self.shelf.path, self.scope_in_address())
    }

    fn page_link(&self, page: u32) -> String {
        self.link(|asked| asked.page = page)
    }

    fn scope_in_address(&self) -> &'static str {
        if self.shelf.path == "/documents" && self.shelf.scope == "public" { "public" } else { "" }
    }

    fn pages(&self) -> u32 {
        pages(self.total.get(), PAGE_SIZE)
    }

    /// Asks for the rows again. While an answer is awaited, that is noted, and asked once more after it.
    fn reload(self) {
        if self.loads.try_update_value(|loads| std::mem::replace(loads, *loads + 1)) != Some(0) {
            return;
        }
        spawn_local(async move {
            while let (Some(asked), Some(before)) = (self.asked.try_get_value(), self.loads.try_get_value()) {
                if let Ok(view) = list_documents(self.shelf.scope.to_owned(), asked).await {
                    self.total.try_set(view.total);
                    self.rows.try_set(view.documents);
                }
                let again = self.loads.try_update_value(|loads| {
                    let again = *loads != before;
                    *loads = u32::from(again);
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

/// Filters, rows and pages. `first` is what the server found for the address as it is.
#[component]
pub(crate) fn DocumentList(shelf: Shelf, first: DocumentsView) -> impl IntoView {
    let t = use_texts();
    let go = use_context::<Go>();
    let asked = use_query_map().with_untracked(ListAsked::read);
    let (now, page, order, filtered) = (first.now, asked.page, asked.order, asked.is_filtered());
    let list = Listed {
        shelf,
        asked: StoredValue::new(asked),
        rows: RwSignal::new(first.documents),
        total: RwSignal::new(first.total),
        loads: StoredValue::new(0),
    };
    list.follow();
    browser::keep_focus();
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
    let nothing = move || {
        empty().then(|| {
            view! {
                <div class="empty">
                    {icon(if filtered { Icon::Search } else { Icon::Documents })}
                    <h2>{if filtered { t.no_match } else { t.no_documents }}</h2>
                    {if filtered {
                        let everything = list.link(|asked| {
                            (asked.words, asked.tag, asked.state) = (String::new(), String::new(), None);
                        });
                        view! {
                            <a class="button plain-line" href=everything>
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
    let headings = [
        Heading { column: DocumentColumn::Title, label: t.title, class: "" },
        Heading { column: DocumentColumn::State, label: t.state, class: "" },
        Heading { column: DocumentColumn::Size, label: t.size, class: "right" },
        Heading { column: DocumentColumn::Changed, label: t.changed, class: "right" },
    ];
    let heads = sort_heads(&headings, order, |order| list.link(|asked| asked.order = Some(order)));
    let sort = sort_choice(&headings, order, t.newest_first);
    view! {
        {shelf.may_change.then(|| view! { <DropZone public=shelf.scope == "public" /> })}
        <UploadList />
        <div class="filters" hidden=move || empty() && !filtered>
            <Filters list=list sort=sort />
            <span class="count">{move || t.count_documents(list.total.get())}</span>
        </div>
        <div class="table-wrap" hidden=empty>
            <table class="table">
                <thead>
                    <tr>{heads} <th scope="col"><span class="sr-only">{t.actions}</span></th></tr>
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
        {move || pager(page, list.pages(), t.documents, |page| list.page_link(page))}
    }
    .whole()
}

/// Which documents are shown: words, where they stand, and the label that was chosen in a row.
#[component]
fn Filters(list: Listed, sort: Piece) -> impl IntoView {
    let t = use_texts();
    let go = use_context::<Go>();
    let ListAsked { words, tag, state, .. } = list.asked.get_value();
    // Without leaving the page: files may be on their way.
    let search = move |event: ev::SubmitEvent| {
        if let (Some(form), Some(go)) = (browser::take_form(&event), go) {
            go.to(&list.link(|asked| {
                asked.words = browser::field(&form, "q");
                asked.state = DocumentState::parse(&browser::field(&form, "state"));
                asked.order = Order::parse(&browser::field(&form, "sort"));
            }));
        }
    };
    let states = DocumentState::ALL
        .into_iter()
        .map(|choice| {
            let chosen = state == Some(choice);
            view! { <option value=choice.as_str() selected=chosen>{t.documents_that_are(choice)}</option> }
        })
        .collect_view();
    let hidden = |name: &'static str, value: String| {
        (!value.is_empty()).then(|| view! { <input type="hidden" name=name value=value /> })
    };
    let chip = (!tag.is_empty()).then(|| {
        let without = list.link(|asked| asked.tag = String::new());
        let words = format!("{} {}: {tag}", t.remove_filter, t.tag);
        view! {
            <a class="chip" href=without aria-label=words>
                {t.tag} ": " {tag.clone()} {icon(Icon::Close)}
            </a>
        }
    });
    view! {
        <form method="get" action=list.shelf.path role="search" on:submit=search>
            {hidden("scope", list.scope_in_address().to_owned())} {hidden("tag", tag.clone())}
            {search_field(words, t.find_document)}
            <select class="select" name="state" id="list-state" aria-label=t.state on:change=browser::send_form>
                <option value="">{t.all_states}</option>
                {states}
            </select>
            {sort}
            {filter_button()}
        </form>
        {chip}
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
            if let Err(failure) = acts::command("retry_document", "id", &id).await {
                say(notices, &failure, t);
            }
            list.reload();
        });
    };
    let state = move || {
        let document = current.get();
        let chunks = (document.status == DocumentStatus::Indexed && document.chunk_count > 0)
            .then(|| t.count_chunks(i64::from(document.chunk_count)));
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
            match acts::command("delete_document", "id", &id).await {
                Ok(_) => {
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
        let tag = |tag: String| {
            let href = list.link(|asked| asked.tag.clone_from(&tag));
            view! { <a href=href>{tag}</a> }
        };
        let tags = document.tags.into_iter().map(tag).collect_view();
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

fn say(notices: Option<Notices>, failure: &Failure, texts: &'static crate::texts::Texts) {
    if let Some(notices) = notices {
        notices.fail(failure.message(texts));
    }
}

//! `/chats`: every chat, found by what was said in it, and kept in order.

use cjhirashi_domain::{
    Timestamp,
    chat::{Folder, Wanted},
};
use cjhirashi_storage::{LibraryPage, ListedChat, MARK_END, MARK_START};
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_router::params::ParamsMap;

use super::{ago, dangerous, hidden, saved, words::Words};
use crate::{
    api::library::{ArrangeChats, CHATS, CreateFolder, DeleteFolder, SaveFolder},
    api::server::escape,
    components::{Icon, Piece, Whole as _, icon, pager, search_field},
    state::PageLanguage,
    texts::Texts,
};

/// The form that the boxes of the rows belong to.
const CHOSEN: &str = "chosen";

/// What the page shows.
pub(crate) struct Library {
    /// As it was typed.
    pub(crate) typed: String,
    /// What was understood.
    pub(crate) wanted: Wanted,
    pub(crate) page: u32,
    pub(crate) pages: u32,
    pub(crate) found: LibraryPage,
    pub(crate) folders: Vec<Folder>,
    /// Labels, with the number of chats.
    pub(crate) tags: Vec<(String, i64)>,
    /// A filter that could not be understood.
    pub(crate) misread: Option<String>,
    /// What was just commanded, or brought in, in words.
    pub(crate) done: Option<String>,
    pub(crate) now: Timestamp,
}

impl Library {
    /// The address of another part of it.
    fn address(&self, folder: Option<&str>, tag: Option<&str>, archived: bool, page: u32) -> String {
        let mut query = ParamsMap::new();
        let mut set = |name: &'static str, value: &str| {
            if !value.is_empty() {
                query.insert(name, value.to_owned());
            }
        };
        set("q", &self.typed);
        set("folder", folder.unwrap_or_default());
        set("tag", tag.unwrap_or_default());
        set("archived", if archived { "1" } else { "" });
        set("page", &if page > 1 { page.to_string() } else { String::new() });
        format!("{CHATS}{}", query.to_query_string())
    }

    fn folder(&self) -> Option<&Folder> {
        self.folders.iter().find(|folder| Some(&folder.id) == self.wanted.folder.as_ref())
    }
}

/// The page's HTML.
pub(crate) fn library(t: &'static Texts, view: Library) -> String {
    let w = Words::of(t.language);
    // What lists share speaks the reader's language.
    provide_context(PageLanguage(t.language));
    let rows = view.found.chats.iter().map(|chat| row(t, chat, &view)).collect_view();
    let empty = view.found.chats.is_empty();
    let searched = !view.typed.trim().is_empty();
    // In a folder one begins a chat in it.
    let begin = view.folder().map_or_else(|| "/".to_owned(), |folder| format!("/?folder={}", folder.id));
    let begin_here = view.folder().filter(|_| !empty).map(|_| {
        view! {
            <a class="button plain-line" href=begin.clone()>
                {icon(Icon::Plus)}
                {t.new_chat}
            </a>
        }
    });
    let nothing = empty.then(|| {
        let words = if searched { w.no_chat_found } else { w.no_chats_here };
        view! {
            <div class="empty">
                {icon(if searched { Icon::Search } else { Icon::Chat })} <h2>{words}</h2>
                {if searched {
                    view! { <a class="button plain-line" href=CHATS>{t.clear_search}</a> }.whole()
                } else {
                    view! { <a class="button plain-line" href=begin.clone()>{t.new_chat}</a> }.whole()
                }}
            </div>
        }
    });
    let (folder, tag) = (view.wanted.folder.as_ref().map(ToString::to_string), view.wanted.tag.clone());
    let archived = view.wanted.archived;
    let pages =
        pager(view.page, view.pages, t.chats, |page| view.address(folder.as_deref(), tag.as_deref(), archived, page));
    view! {
        <header class="page-head">
            <h1>{view.folder().map_or(t.chats.to_owned(), |folder| folder.name.clone())}</h1>
            <p>{w.chats_line}</p>
            {begin_here}
        </header>
        <div class="columns">
            {sections(t, &view)}
            <section>
                {saved(view.done.clone())}
                <div class="filters">
                    <form method="get" action=CHATS role="search">
                        {search_field(view.typed.clone(), w.search_in_chats)}
                        {view.folder().map(|folder| folder.id.to_string()).map(|id| view! { <input type="hidden" name="folder" value=id /> })}
                        {archived.then(|| view! { <input type="hidden" name="archived" value="1" /> })}
                        <button class="button plain-line" type="submit">
                            {t.filter}
                        </button>
                    </form>
                    <span class="count">{w.count_chats(t, view.found.total)}</span>
                </div>
                {view.misread.as_ref().map(|filter| view! { <p class="callout error" role="alert">{w.misread(filter)}</p> })}
                <p class="faint hint">{w.search_hint}</p>
                {(!empty).then(|| every(t, &view))}
                <ul class="library" hidden=empty>
                    {rows}
                </ul>
                {(!empty).then(|| bulk(t, &view))}
                {nothing}
                {pages}
                {match view.folder() {
                    Some(folder) => folder_form(t, folder),
                    None => in_and_out(t),
                }}
            </section>
        </div>
    }
    .to_html()
}

/// All, the archive, folders and labels.
fn sections(t: &'static Texts, view: &Library) -> Piece {
    let w = Words::of(t.language);
    let item = |href: String, mark: Icon, words: String, count: Option<i64>, current: bool| {
        view! {
            <li>
                <a href=href aria-current=current.then_some("page")>
                    {icon(mark)}
                    <span>{words}</span>
                    {count.map(|count| view! { <small>{count}</small> })}
                </a>
            </li>
        }
        .whole()
    };
    let (folder, tag, archived) = (view.wanted.folder.clone(), view.wanted.tag.clone(), view.wanted.archived);
    let plain = folder.is_none() && tag.is_none();
    let folders = view
        .folders
        .iter()
        .map(|other| {
            let id = other.id.to_string();
            let current = folder.as_ref() == Some(&other.id);
            item(view.address(Some(&id), None, false, 1), Icon::Folder, other.name.clone(), Some(other.chats), current)
        })
        .collect_view();
    let tags = view
        .tags
        .iter()
        .map(|(other, count)| {
            let current = tag.as_ref() == Some(other);
            item(view.address(None, Some(other), false, 1), Icon::Tag, other.clone(), Some(*count), current)
        })
        .collect_view();
    view! {
        <nav aria-label=t.chats>
            <ul>
                {item(view.address(None, None, false, 1), Icon::Chat, w.all_chats.to_owned(), None, plain && !archived)}
                {item(view.address(None, None, true, 1), Icon::Archive, w.archive.to_owned(), None, plain && archived)}
                {folders}
                {tags}
            </ul>
            <form class="new-folder" method="post" action=CreateFolder::url()>
                <input class="input" name="name" required maxlength="80" placeholder=w.new_folder aria-label=w.new_folder />
                <button class="button icon-only" type="submit" aria-label=w.create_folder title=w.create_folder>
                    {icon(Icon::Plus)}
                </button>
            </form>
        </nav>
    }
    .whole()
}

/// One box for all chats of the page.
fn every(t: &'static Texts, view: &Library) -> Piece {
    let all = view.found.chats.iter().map(|listed| listed.chat.id.as_str()).collect::<Vec<_>>().join(",");
    let w = Words::of(t.language);
    view! {
        <p class="every">
            <label>
                <input type="checkbox" form=CHOSEN name="every" value=all />
                {w.every_chat}
            </label>
            // The router would change the address alone; the browser moves the focus, too.
            <a href=format!("#{CHOSEN}") rel="external">
                {w.with_chosen}
            </a>
        </p>
    }
    .whole()
}

/// What can be done with the chosen chats, seen once there are any. The boxes stand in the rows and belong to this form.
fn bulk(t: &'static Texts, view: &Library) -> Piece {
    let w = Words::of(t.language);
    let archive = if view.wanted.archived { ("unarchive", w.unarchive) } else { ("archive", w.archive_verb) };
    view! {
        <form class="bulk" id=CHOSEN tabindex="-1" method="post" action=ArrangeChats::url() aria-label=w.with_chosen>
            // Enter in one of the fields presses the form's first button: nothing is to be done by that.
            <button class="sr-only" type="submit" name="what" value="nothing" tabindex="-1" aria-hidden="true"></button>
            <button class="button plain-line" type="submit" name="what" value=archive.0>
                {icon(Icon::Archive)}
                {archive.1}
            </button>
            <button class="button plain-line" type="submit" name="what" value="pin">
                {icon(Icon::Pin)}
                {w.pin}
            </button>
            <details class="menu">
                <summary class="button plain-line">{icon(Icon::Folder)} {w.move_to_folder}</summary>
                <div class="menu-items wide stack above">
                    <label>
                        <span>{w.folder}</span>
                        <input class="input" name="folder" maxlength="80" list="folders" />
                    </label>
                    <button class="button plain-line" type="submit" name="what" value="move">
                        {w.move_verb}
                    </button>
                </div>
            </details>
            <details class="menu">
                <summary class="button plain-line">{icon(Icon::Tag)} {w.label_verb}</summary>
                <div class="menu-items wide stack above">
                    <label>
                        <span>{t.tags}</span>
                        <input class="input" name="tags" maxlength="400" />
                    </label>
                    <button class="button plain-line" type="submit" name="what" value="label">
                        {w.label_verb}
                    </button>
                </div>
            </details>
            <details class="menu">
                <summary class="button plain-line">{icon(Icon::Trash)} {t.delete}</summary>
                <div class="menu-items wide stack above">
                    <p>{w.delete_chosen_line}</p>
                    <button class="button danger plain-line" type="submit" name="what" value="delete">
                        {t.delete_now}
                    </button>
                </div>
            </details>
            <datalist id="folders">
                {view.folders.iter().map(|folder| view! { <option value=folder.name.clone()></option> }).collect_view()}
            </datalist>
        </form>
    }
    .whole()
}

fn row(t: &'static Texts, listed: &ListedChat, view: &Library) -> Piece {
    let w = Words::of(t.language);
    let chat = &listed.chat;
    let id = chat.id.to_string();
    let folder = listed.filing.folder.as_ref().and_then(|id| view.folders.iter().find(|folder| folder.id == *id));
    let folder = folder.filter(|folder| view.wanted.folder.as_ref() != Some(&folder.id)).map(|folder| {
        view! { <span class="badge">{icon(Icon::Folder)} {folder.name.clone()}</span> }
    });
    let tags = listed.filing.tags.iter().map(|tag| view! { <span class="badge">{tag.clone()}</span> }).collect_view();
    let found = listed.found.as_ref().map(|found| {
        let address = format!("/messages/{}", found.message);
        view! { <p class="snippet"><a href=address rel="external">{marked(&found.snippet)}</a></p> }
    });
    view! {
        <li>
            <input type="checkbox" form=CHOSEN name="ids[]" value=id.clone() aria-label=chat.title.clone() />
            <div>
                <a href=format!("/chat/{id}")>{chat.title.clone()}</a>
                {found}
                <p class="faint">
                    {listed.filing.pinned.then(|| view! { <span class="badge">{icon(Icon::Pin)} {w.pinned}</span> })}
                    {folder} {tags} {ago(t, view.now, chat.updated_at)}
                </p>
            </div>
        </li>
    }
    .whole()
}

/// A snippet with the words that were looked for.
pub(super) fn marked(snippet: &str) -> Piece {
    let mut pieces = Vec::new();
    for (at, piece) in snippet.split(MARK_START).enumerate() {
        match piece.split_once(MARK_END).filter(|_| at > 0) {
            Some((word, after)) => {
                pieces.push(view! { <mark>{word.to_owned()}</mark> }.whole());
                pieces.push(after.to_owned().whole());
            }
            None => pieces.push(piece.replace(MARK_END, "").whole()),
        }
    }
    pieces.collect_view().whole()
}

/// Chats of other programs come in; one's own go out.
fn in_and_out(t: &'static Texts) -> Piece {
    let w = Words::of(t.language);
    view! {
        <section class="served">
            <header>
                <div>
                    <h2>{w.import_export}</h2>
                    <p class="faint">{w.import_line}</p>
                </div>
                <a class="button plain-line" href="/chats/export" rel="external" download="">
                    {icon(Icon::Download)}
                    {w.export_all}
                </a>
            </header>
            <form class="line" method="post" action="/chats/import" enctype="multipart/form-data">
                <input class="input" type="file" name="file" required accept=".json,.zip" aria-label=w.import_file />
                <button class="button plain-line" type="submit">
                    {icon(Icon::Upload)}
                    {w.import_verb}
                </button>
            </form>
        </section>
    }
    .whole()
}

/// A folder's own: its name, what its chats tell the model, and which documents they search.
fn folder_form(t: &'static Texts, folder: &Folder) -> Piece {
    let w = Words::of(t.language);
    let id = folder.id.to_string();
    view! {
        <section class="served">
            <header>
                <div>
                    <h2>{w.folder}</h2>
                    <p class="faint">{w.folder_line}</p>
                </div>
                {dangerous(DeleteFolder::url(), vec![("id", id.clone())], Icon::Trash, w.delete_folder, w.delete_folder_line)}
            </header>
            <form class="stack" method="post" action=SaveFolder::url()>
                {hidden(vec![("id", id)])}
                <label>
                    <span>{t.name}</span>
                    <input class="input" name="name" required maxlength="80" value=folder.name.clone() />
                </label>
                <label>
                    <span>{w.folder_instructions}</span>
                    // The text of this element alone is not escaped by `view!`.
                    <textarea
                        class="input"
                        name="instructions"
                        rows="5"
                        maxlength="8000"
                        inner_html=escape(&folder.instructions)
                    ></textarea>
                </label>
                <label>
                    <span>{w.folder_documents}</span>
                    <input class="input" name="document_tags" maxlength="400" value=folder.document_tags.join(", ") />
                </label>
                <div>
                    <button class="button primary" type="submit">
                        {t.save}
                    </button>
                </div>
            </form>
        </section>
    }
    .whole()
}

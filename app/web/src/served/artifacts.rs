//! Artifacts: the library of them, and the workshop where one is looked at, edited, compared and given out. The workshop's
//! script (`public/workshop`) is loaded only where one is; without it everything here can be read and downloaded.

use cjhirashi_artifacts::{Editor, KINDS, Place, Problem, Way, kind};
use cjhirashi_chat::Opened;
use cjhirashi_domain::{
    Timestamp,
    artifact::{ArtifactVersion, ArtifactsWanted, Author},
    id::ArtifactId,
    settings::Language,
};
use cjhirashi_storage::ListedArtifact;
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_router::params::ParamsMap;

use super::{ago, alone::document, dangerous, hidden, library::marked, saved, words::Words};
use crate::{
    Assets,
    api::artifacts::{
        ARTIFACTS, DeleteArtifact, KeepAsDocument, LabelArtifact, NewArtifact, ShareArtifact, UnshareArtifact,
    },
    components::{Icon, Piece, Whole as _, brand, icon, pager, search_field},
    state::PageLanguage,
    texts::Texts,
};

/// The sheet of the workshop; the others need it not.
const SHEET: &str = "/workshop/workshop.css";

/// What the library shows.
pub(crate) struct Shelf {
    pub(crate) typed: String,
    /// Days as they were chosen, `2026-11-30`.
    pub(crate) after: String,
    pub(crate) before: String,
    pub(crate) wanted: ArtifactsWanted,
    /// What the chat is called whose artifacts alone are shown.
    pub(crate) chat_title: Option<String>,
    pub(crate) found: Vec<ListedArtifact>,
    pub(crate) total: i64,
    pub(crate) page: u32,
    pub(crate) pages: u32,
    pub(crate) tags: Vec<String>,
    pub(crate) done: Option<&'static str>,
    pub(crate) now: Timestamp,
}

impl Shelf {
    fn address(&self, page: u32) -> String {
        let mut query = ParamsMap::new();
        let chat = self.wanted.chat.as_ref().map(ToString::to_string).unwrap_or_default();
        let wanted = [
            ("after", self.after.as_str()),
            ("before", self.before.as_str()),
            ("q", self.typed.as_str()),
            ("kind", self.wanted.kind.as_deref().unwrap_or_default()),
            ("tag", self.wanted.tag.as_deref().unwrap_or_default()),
            ("chat", &chat),
        ];
        for (name, value) in wanted.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.insert(name, value.to_owned());
        }
        if page > 1 {
            query.insert("page", page.to_string());
        }
        format!("{ARTIFACTS}{}", query.to_query_string())
    }
}

/// The library's HTML.
pub(crate) fn artifacts(t: &'static Texts, shelf: Shelf) -> String {
    let w = Words::of(t.language);
    provide_context(PageLanguage(t.language));
    let searched = !shelf.typed.trim().is_empty()
        || shelf.wanted.kind.is_some()
        || shelf.wanted.tag.is_some()
        || shelf.wanted.chat.is_some()
        || shelf.wanted.after.is_some()
        || shelf.wanted.before.is_some();
    let rows = shelf.found.iter().map(|listed| row(t, listed, shelf.now)).collect_view();
    let nothing = shelf.found.is_empty().then(|| {
        view! {
            <div class="empty">
                {icon(if searched { Icon::Search } else { Icon::Artifact })}
                <h2>{if searched { w.no_artifact_found } else { w.no_artifacts }}</h2>
                {(!searched).then(|| view! { <p>{w.no_artifacts_line}</p> })}
                {searched.then(|| view! { <a class="button plain-line" href=ARTIFACTS>{t.clear_search}</a> })}
            </div>
        }
    });
    let kinds = KINDS
        .iter()
        .map(|kind| {
            let chosen = shelf.wanted.kind.as_deref() == Some(kind.name());
            view! { <option value=kind.name() selected=chosen>{kind.label(t.language)}</option> }
        })
        .collect_view();
    let tags = (!shelf.tags.is_empty()).then(|| {
        let options = shelf
            .tags
            .iter()
            .map(|tag| {
                let chosen = shelf.wanted.tag.as_ref() == Some(tag);
                view! { <option value=tag.clone() selected=chosen>{tag.clone()}</option> }
            })
            .collect_view();
        view! {
            <select class="select" name="tag" aria-label=t.tags>
                <option value="">{w.every_label}</option>
                {options}
            </select>
        }
    });
    let chat = shelf.wanted.chat.clone().map(|id| {
        view! {
            <input type="hidden" name="chat" value=id.to_string() />
            <span class="badge">{icon(Icon::Chat)} {shelf.chat_title.clone()}</span>
        }
    });
    let pages = pager(shelf.page, shelf.pages, t.artifacts, |page| shelf.address(page));
    view! {
        <header class="page-head">
            <h1>{t.artifacts}</h1>
            <p>{w.artifacts_line}</p>
        </header>
        {saved(shelf.done)}
        {make_one(t, shelf.total == 0 && !searched)}
        <div class="filters">
            <form method="get" action=ARTIFACTS role="search">
                {search_field(shelf.typed.clone(), w.search_in_artifacts)}
                <select class="select" name="kind" aria-label=w.kind_of_artifact>
                    <option value="">{w.every_kind}</option>
                    {kinds}
                </select>
                {tags}
                <label class="day">
                    <span class="faint">{w.changed_after}</span>
                    <input class="input" type="date" name="after" value=shelf.after.clone() />
                </label>
                <label class="day">
                    <span class="faint">{w.changed_before}</span>
                    <input class="input" type="date" name="before" value=shelf.before.clone() />
                </label>
                {chat}
                <button class="button plain-line" type="submit">
                    {t.filter}
                </button>
            </form>
            <span class="count">{w.count_artifacts(t, shelf.total)}</span>
        </div>
        <ul class="artifact-list" hidden=shelf.found.is_empty()>
            {rows}
        </ul>
        {nothing}
        {pages}
    }
    .whole()
    .to_html()
}

/// A new one, empty or from a file.
fn make_one(t: &'static Texts, open: bool) -> Piece {
    let w = Words::of(t.language);
    let kinds = KINDS
        .iter()
        .filter(|kind| kind.editor(kind.blank()) != Editor::File)
        .map(|kind| view! { <option value=kind.name()>{kind.label(t.language)}</option> })
        .collect_view();
    view! {
        <details class="sheet new-artifact" open=open>
            <summary>{icon(Icon::Plus)} {w.new_artifact}</summary>
            <div class="new-artifact-ways">
                <form class="stack" method="post" action=NewArtifact::url()>
                    <label>
                        <span>{w.artifact_title}</span>
                        <input class="input" name="title" required maxlength="200" autocomplete="off" />
                    </label>
                    <label>
                        <span>{w.kind_of_artifact}</span>
                        <select class="select" name="kind">
                            {kinds}
                        </select>
                    </label>
                    <div>
                        <button class="button primary" type="submit">
                            {w.make_artifact}
                        </button>
                    </div>
                </form>
                <form class="stack" method="post" action=ARTIFACTS enctype="multipart/form-data">
                    <label>
                        <span>{w.artifact_from_file}</span>
                        <input class="input" type="file" name="file" required />
                        <small class="faint">{w.artifact_file_line}</small>
                    </label>
                    <div>
                        <button class="button plain-line" type="submit">
                            {icon(Icon::Upload)}
                            {w.make_from_file}
                        </button>
                    </div>
                </form>
            </div>
        </details>
    }
    .whole()
}

fn row(t: &'static Texts, listed: &ListedArtifact, now: Timestamp) -> Piece {
    let w = Words::of(t.language);
    let artifact = &listed.artifact;
    let label = kind(&artifact.kind).map_or("", |kind| kind.label(t.language));
    let chat = artifact.chat_id.as_ref().zip(artifact.chat_title.clone()).map(|(id, title)| {
        view! { <a href=format!("/chat/{id}")>{title}</a> }
    });
    let tags = artifact
        .tags
        .iter()
        .map(|tag| {
            let mut query = ParamsMap::new();
            query.insert("tag", tag.clone());
            view! { <a href=format!("{ARTIFACTS}{}", query.to_query_string())>{tag.clone()}</a> }
        })
        .collect_view();
    let snippet = listed.snippet.as_ref().map(|snippet| view! { <p class="snippet">{marked(snippet)}</p> });
    view! {
        <li>
            {icon(Icon::Artifact)}
            <a class="artifact-title" href=format!("{ARTIFACTS}/{}", artifact.id)>
                {artifact.title.clone()}
            </a>
            <span class="badge">{label}</span>
            <span class="artifact-about">
                {chat} <span class="tags">{tags}</span>
                {artifact.shared.then(|| view! { <span class="badge">{icon(Icon::Link)} {w.shared_badge}</span> })}
            </span>
            {ago(t, now, artifact.updated_at)}
            <span class="size">{t.bytes(artifact.size_bytes)}</span>
            {snippet}
        </li>
    }
    .whole()
}

/// The workshop of one version. `owner`: whoever looks may change it.
#[must_use]
pub fn workshop(language: Language, opened: &Opened, base: &str, owner: bool) -> String {
    opened_workshop(Texts::of(language), opened, base, owner, false).to_html()
}

fn opened_workshop(t: &'static Texts, opened: &Opened, base: &str, owner: bool, alone: bool) -> Piece {
    let w = Words::of(t.language);
    let stored = &opened.stored;
    let (content, version) = (opened.content(), stored.version);
    let place = Place { id: stored.artifact.id.as_str(), language: t.language, base, version };
    let editor = match opened.kind.editor(content.text) {
        Editor::Text => "text",
        Editor::Cells => "cells",
        Editor::File => "file",
    };
    let problems = opened.kind.problems(&content, t.language);
    let view = opened.kind.view(&content, place);
    let page = format!("{base}?version={version}");
    let changing = owner.then(|| {
        view! {
            <button type="button" class="button primary with-script" data-do="save" hidden>
                {t.save}
            </button>
            <button type="button" class="button plain-line with-script" data-do="cancel" hidden>
                {w.cancel_edit}
            </button>
            {tool("undo", Icon::Undo, w.undo, true)}
            {tool("edit", Icon::Edit, w.edit_artifact, false)}
            {tool("ask", Icon::Chat, w.ask_for_change, alone)}
            {tool("history", Icon::Clock, w.artifact_versions, false)}
        }
    });
    view! {
        <link rel="stylesheet" href=SHEET />
        <cj-workshop
            class="workshop"
            data-id=stored.artifact.id.to_string()
            data-base=base.to_owned()
            data-version=version.to_string()
            data-latest=if owner { stored.artifact.version } else { version }.to_string()
            data-kind=opened.kind.name()
            data-editor=editor
            data-language=stored.language.clone()
            data-title=stored.title.clone()
            data-metadata=owner.then(|| stored.metadata.to_string())
            data-owner=owner.then_some("")
        >
            <header class="workshop-head">
                <h2 class="workshop-title">{stored.title.clone()}</h2>
                <span class="badge">{opened.kind.label(t.language)}</span>
                <div class="workshop-tools">
                    {changing} {tool("copy", Icon::Copy, t.copy, editor == "file")} {exports(t, opened, base, version)}
                    {(!alone)
                        .then(|| {
                            view! {
                                <a class="button icon-only" href=page aria-label=w.own_page title=w.own_page>
                                    {icon(Icon::Link)}
                                </a>
                            }
                        })} {tool("full", Icon::Full, w.full_screen, false)} {tool("close", Icon::Close, t.close, alone)}
                </div>
            </header>
            <p class="workshop-state" role="status" aria-live="polite">
                {(owner && version < stored.artifact.version)
                    .then(|| {
                        view! {
                            <span>{w.old_version(version, stored.artifact.version)}</span>
                            " "
                            <a href=base.to_owned()>{w.see_newest}</a>
                        }
                    })}
            </p>
            <ul class="workshop-problems">{problems.iter().map(|problem| told(w, problem)).collect_view()}</ul>
            <div class="workshop-body">
                <div class="workshop-edit" hidden></div>
                <div class="workshop-view" inner_html=view></div>
            </div>
            <div class="workshop-side" hidden></div>
        </cj-workshop>
    }
    .whole()
}

fn tool(act: &'static str, mark: Icon, label: &'static str, hidden: bool) -> Piece {
    view! {
        <button type="button" class="button icon-only with-script" data-do=act aria-label=label title=label hidden=hidden>
            {icon(mark)}
        </button>
    }
    .whole()
}

fn told(w: &'static Words, problem: &Problem) -> Piece {
    let place = match (problem.line, problem.column) {
        (Some(line), Some(column)) => w.line_and_column(line, column),
        (Some(line), None) => w.line(line),
        _ => String::new(),
    };
    let words = format!("{place}{}", problem.words);
    match problem.line {
        Some(line) => view! {
            <li>
                <button type="button" class="link" data-line=line.to_string() data-column=problem.column.map(|at| at.to_string())>
                    {words}
                </button>
            </li>
        }
        .whole(),
        None => view! { <li>{words}</li> }.whole(),
    }
}

/// The forms in which it leaves.
fn exports(t: &'static Texts, opened: &Opened, base: &str, version: i32) -> Piece {
    let w = Words::of(t.language);
    let items = opened
        .kind
        .formats(&opened.text)
        .iter()
        .map(|format| {
            let label = format.label(t.language);
            let address = format!("{base}/export/{}?version={version}", format.id);
            match format.way {
                Way::File => view! { <a href=address rel="external" download="">{label}</a> }.whole(),
                Way::Page => view! { <a href=address target="_blank" rel="external noopener">{label}</a> }.whole(),
                Way::InBrowser => view! {
                    <button type="button" class="with-script" data-export=format.id>
                        {label}
                    </button>
                }
                .whole(),
            }
        })
        .collect_view();
    view! {
        <details class="menu">
            <summary class="button icon-only" aria-label=w.export_artifact title=w.export_artifact>
                {icon(Icon::Download)}
            </summary>
            <div class="menu-items">{items}</div>
        </details>
    }
    .whole()
}

/// The page of one artifact: its workshop, and below what is said about it.
pub(crate) fn artifact_page(
    t: &'static Texts,
    opened: &Opened,
    versions: &[ArtifactVersion],
    link: Option<String>,
    done: Option<&'static str>,
    now: Timestamp,
) -> String {
    let w = Words::of(t.language);
    let artifact = &opened.stored.artifact;
    let id = artifact.id.to_string();
    let base = format!("{ARTIFACTS}/{id}");
    let fields = || vec![("id", id.clone())];
    let chat = artifact.chat_id.as_ref().zip(artifact.chat_title.clone()).map(|(chat, title)| {
        let place = artifact.message_id.as_ref().map(|message| format!("#m-{message}")).unwrap_or_default();
        view! {
            <p class="faint">
                {w.made_in} " " <a href=format!("/chat/{chat}{place}")>{title}</a>
            </p>
        }
    });
    let is_text = opened.kind.editor(&opened.text) != Editor::File;
    let link = match link {
        Some(link) => view! {
            <div class="line">
                <input class="input" readonly value=link.clone() aria-label=w.artifact_link />
                <button class="button plain-line with-script" type="button" data-copy="">
                    <code hidden>{link}</code>
                    {icon(Icon::Copy)}
                    <span>{t.copy}</span>
                </button>
                <form method="post" action=ShareArtifact::url()>
                    {hidden(fields())}
                    <button class="button plain-line" type="submit">
                        {w.share_again}
                    </button>
                </form>
                <form method="post" action=UnshareArtifact::url()>
                    {hidden(fields())}
                    <button class="button plain-line" type="submit">
                        {w.revoke_link}
                    </button>
                </form>
            </div>
        }
        .whole(),
        None => view! {
            <form method="post" action=ShareArtifact::url()>
                {hidden(fields())}
                <button class="button plain-line" type="submit">
                    {icon(Icon::Link)}
                    {w.share_by_link}
                </button>
            </form>
        }
        .whole(),
    };
    // The workshop's own list needs its script.
    let history =
        format!("<h2>{}</h2>{}", w.artifact_versions, artifact_history(t.language, &artifact.id, versions, now));
    let keep = is_text.then(|| {
        view! {
            <form method="post" action=KeepAsDocument::url()>
                {hidden(fields())}
                <button class="button plain-line" type="submit">
                    {icon(Icon::Documents)}
                    {w.put_into_documents}
                </button>
            </form>
        }
    });
    view! {
        <p class="artifact-back">
            <a href=ARTIFACTS>{icon(Icon::Left)} {t.artifacts}</a>
        </p>
        <h1 class="sr-only">{opened.stored.title.clone()}</h1>
        {saved(done)}
        <div class="artifact-page">{opened_workshop(t, opened, &base, true, true)}</div>
        {chat}
        <noscript inner_html=history></noscript>
        <section class="served">
            <header>
                <div>
                    <h2>{w.about_artifact}</h2>
                    <p class="faint">{w.share_artifact_line}</p>
                </div>
                {dangerous(DeleteArtifact::url(), fields(), Icon::Trash, t.delete, w.delete_artifact_line)}
            </header>
            <form class="line" method="post" action=LabelArtifact::url()>
                {hidden(fields())}
                <input
                    class="input"
                    name="tags"
                    maxlength="400"
                    value=artifact.tags.join(", ")
                    placeholder=w.labels_example
                    aria-label=t.tags
                />
                <button class="button plain-line" type="submit">
                    {t.save}
                </button>
            </form>
            {link}
            {keep}
        </section>
    }
    .whole()
    .to_html()
}

/// The versions of an artifact, the newest first.
#[must_use]
pub fn artifact_history(language: Language, id: &ArtifactId, versions: &[ArtifactVersion], now: Timestamp) -> String {
    let (t, w) = (Texts::of(language), Words::of(language));
    let rows = versions
        .iter()
        .map(|version| {
            let who = match (version.restored_from, version.author, &version.model) {
                (Some(from), ..) => w.restored_from(from),
                (None, Author::Model, Some(model)) => t.model_label(model),
                (None, Author::Model, None) => w.a_model.to_owned(),
                (None, Author::Person, _) => w.you_wrote_it.to_owned(),
            };
            let message = version.chat_id.as_ref().zip(version.message_id.as_ref()).map(|(chat, message)| {
                view! { " · " <a href=format!("/chat/{chat}#m-{message}")>{w.from_an_answer}</a> }
            });
            view! {
                <li data-version=version.version.to_string()>
                    <a href=format!("{ARTIFACTS}/{id}?version={}", version.version)>{w.version(version.version)}</a>
                    " "
                    <span class="faint">{who} " · " {ago(t, now, version.created_at)} " · " {t.bytes(version.size_bytes)} {message}</span>
                </li>
            }
        })
        .collect_view();
    view! { <ol class="versions">{rows}</ol> }.whole().to_html()
}

/// What a link leads to: a page of its own.
#[must_use]
pub fn shared_artifact(language: Language, assets: &Assets, opened: &Opened, base: &str) -> String {
    let (t, w) = (Texts::of(language), Words::of(language));
    let title = opened.stored.title.clone();
    let body = view! {
        <main class="shared artifact-page" id="content">
            <header>
                {brand("icon brand-mark")} <h1>{title.clone()}</h1> <p class="faint">{w.shared_artifact_line}</p>
            </header>
            {opened_workshop(t, opened, base, false, true)}
            <script type="module" src="/workshop/workshop.js"></script>
        </main>
    }
    .whole();
    document(language, assets, &t.tab(&title), None, body)
}

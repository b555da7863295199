//! Parts of pages whose HTML the server makes alone: the program in the browser only puts it into its place.
//!
//! For what is looked at seldom and needs no program: its links and forms are plain ones, and its words do not travel in
//! the program. Everything is written with `view!`, so that what people and models wrote is escaped.

mod account;
mod alone;
mod artifacts;
mod audit;
mod chat;
mod choices;
mod chunks;
mod history;
mod library;
mod message;
mod models;
mod people;
mod prompts;
mod queue;
mod settings;
mod shared;
mod sign_in;
mod sync;
mod words;

use cjhirashi_domain::{Timestamp, document::DocumentError};
use leptos::prelude::*;

pub(crate) use account::{Account, account};
pub use alone::{onward, receipt};
pub(crate) use artifacts::{Shelf, artifact_page, artifacts};
pub use artifacts::{artifact_history, shared_artifact, workshop};
pub(crate) use audit::audit;
pub(crate) use chat::chat_menu;
pub(crate) use choices::{ChoicesView, choices};
pub(crate) use chunks::chunks;
pub(crate) use history::history;
pub(crate) use library::{Library, library};
pub(crate) use message::{answer_menu, bad_answer, message, question_menu, without_script};
pub(crate) use models::{Offer, models};
pub(crate) use people::{Invitations, people};
pub(crate) use prompts::{prompt_menu, prompts};
pub(crate) use queue::queue;
pub(crate) use settings::{SettingsView, answering, settings};
pub use shared::shared;
pub(crate) use sign_in::sign_in;
pub(crate) use sync::sync;

use crate::{
    api::served::ServedPage,
    components::{Icon, Piece, Whole as _, admin_sections, icon, iso},
    texts::Texts,
};

pub(crate) use words::{Words, words_of};

/// A page of the administration: its sections at the left, the one that is open, and what it shows.
pub(crate) fn admin_page(texts: &'static Texts, current: &str, body: String, moves: bool) -> ServedPage {
    let t = texts;
    let html = view! {
        <header class="page-head">
            <h1>{t.administration}</h1>
            <p>{t.admin_line}</p>
        </header>
        <div class="columns">
            {admin_sections(t, current)} <section inner_html=body></section>
        </div>
    };
    ServedPage { title: t.administration.to_owned(), html: html.to_html(), moves }
}

/// A part of a page: its heading, a line, what can be done, and what it shows.
fn section(title: &'static str, line: Option<&'static str>, actions: Piece, body: Piece) -> Piece {
    named_section(None, title, line, actions, body)
}

/// The same with a name that addresses lead to.
fn named_section(
    id: Option<&'static str>,
    title: &'static str,
    line: Option<&'static str>,
    actions: Piece,
    body: Piece,
) -> Piece {
    view! {
        <section class="served" id=id>
            <header>
                <div>
                    <h2>{title}</h2>
                    {line.map(|line| view! { <p class="faint">{line}</p> })}
                </div>
                {actions}
            </header>
            {body}
        </section>
    }
    .whole()
}

fn nothing(words: &'static str) -> Piece {
    view! { <p class="faint">{words}</p> }.whole()
}

/// Rows that need no headings.
fn table(rows: impl IntoView + 'static) -> Piece {
    view! {
        <div class="table-wrap">
            <table class="table">
                <tbody>{rows.into_view()}</tbody>
            </table>
        </div>
    }
    .whole()
}

/// What was just commanded, once.
fn saved(words: Option<impl Into<String>>) -> Option<Piece> {
    words.map(|words| {
        let words: String = words.into();
        view! {
            <p class="saved" role="status">
                {icon(Icon::Check)}
                {words}
            </p>
        }
        .whole()
    })
}

/// A moment: how long ago, and exactly on hovering.
fn ago(texts: &'static Texts, now: Timestamp, then: Timestamp) -> Piece {
    let iso = iso(then);
    let exact = format!("{} UTC", iso.trim_end_matches('Z').replace('T', " "));
    view! {
        <time datetime=iso title=exact class="nowrap">
            {texts.ago(now, then)}
        </time>
    }
    .whole()
}

/// Why something failed, in words, with what is known of it for those who can use it.
fn reason(texts: &'static Texts, error: &DocumentError) -> Piece {
    let detail = error.detail.clone();
    view! {
        <p class="problem">
            {texts.error(&error.code)} {detail.map(|detail| view! { <small>{texts.technical} ": " {detail}</small> })}
        </p>
    }
    .whole()
}

/// What a form says to its server function without asking.
fn hidden(fields: Vec<(&'static str, String)>) -> Piece {
    fields
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view()
        .whole()
}

/// A form that is one button, with what it says to its server function.
fn command(action: &'static str, fields: Vec<(&'static str, String)>, mark: Icon, label: &'static str) -> Piece {
    view! {
        <form method="post" action=action>
            {hidden(fields)}
            <button class="button plain-line" type="submit">
                {icon(mark)}
                {label}
            </button>
        </form>
    }
    .whole()
}

/// The same for what cannot be undone: the button opens what will be gone, and a second one does it.
fn dangerous(
    action: &'static str,
    fields: Vec<(&'static str, String)>,
    mark: Icon,
    label: &'static str,
    line: &'static str,
) -> Piece {
    view! {
        <details class="menu">
            <summary class="button plain-line">{icon(mark)} {label}</summary>
            <form class="menu-items wide stack" method="post" action=action>
                {hidden(fields)}
                <p>{line}</p>
                <button class="button danger plain-line" type="submit">
                    {label}
                </button>
            </form>
        </details>
    }
    .whole()
}

/// Where the browser says why a form's command failed, beside its fields.
fn problem() -> Piece {
    view! {
        <div class="callout error" role="alert" data-problem="" hidden>
            {icon(Icon::Alert)}
            <div>
                <span></span>
                " "
                <small></small>
            </div>
        </div>
    }
    .whole()
}

//! Parts of pages whose HTML the server makes alone: the program in the browser only puts it into its place.
//!
//! For what is looked at seldom and needs no program: its links and forms are plain ones, and its words do not travel in
//! the program. Everything is written with `view!`, so that what people and models wrote is escaped.

mod chunks;
mod history;
mod people;
mod sync;
mod words;

use cjhirashi_domain::{Timestamp, document::DocumentError};
use leptos::prelude::*;

pub(crate) use chunks::chunks;
pub(crate) use history::history;
pub(crate) use people::people;
pub(crate) use sync::sync;

use crate::{
    components::{Icon, Piece, Whole as _, icon, iso},
    texts::Texts,
};

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

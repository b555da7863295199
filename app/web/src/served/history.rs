//! What can be done with a document beyond its tags, and what happened to it.

use cjhirashi_domain::{
    Timestamp, Viewer,
    access::Visibility,
    document::{Document, DocumentStatus},
    sync::{DocumentEvent, DocumentEventKind},
};
use leptos::{prelude::*, server_fn::ServerFn};

use super::{ago, command, dangerous, reason, words::Words};
use crate::{
    api::documents::{CancelDocument, RenameDocument, SaveMetadata, ShareDocument},
    components::{Icon, Piece, Whole as _, icon},
    texts::Texts,
};

/// The HTML of the page's part; `metadata` are the document's own keys.
pub(crate) fn history(
    texts: &'static Texts,
    viewer: &Viewer,
    document: &Document,
    metadata: Option<&serde_json::Value>,
    events: Vec<DocumentEvent>,
    now: Timestamp,
) -> String {
    let w = Words::of(texts.language);
    let may_change = viewer.may_change(&document.visibility);
    let came_or_went =
        events.iter().find(|event| matches!(event.event, DocumentEventKind::Added | DocumentEventKind::Discarded));
    let has_newer =
        came_or_went.is_some_and(|event| event.event == DocumentEventKind::Added && event.version > document.version);
    let actions = may_change.then(|| actions(w, viewer, document, metadata, has_newer));
    let log = if events.is_empty() {
        view! { <p class="faint">{w.no_events}</p> }.whole()
    } else {
        log(texts, w, events, now)
    };
    view! { {actions} {log} }.to_html()
}

/// `has_newer`: there is a version that does not answer yet.
fn actions(
    w: &'static Words,
    viewer: &Viewer,
    document: &Document,
    metadata: Option<&serde_json::Value>,
    has_newer: bool,
) -> Piece {
    let id = document.id.to_string();
    let share = viewer.may_change(&Visibility::Public).then(|| {
        let (label, wanted) = match document.visibility {
            Visibility::Public => (w.unshare, "private"),
            Visibility::Private(_) => (w.share, "public"),
        };
        let fields = vec![("id", id.clone()), ("visibility", wanted.to_owned())];
        command(ShareDocument::url(), fields, Icon::People, label)
    });
    // What answers already is done but for the index.
    let fields = vec![("id", id.clone())];
    let cancel = (has_newer && document.status != DocumentStatus::Indexed).then(|| match document.version {
        0 if document.status.moves() => command(CancelDocument::url(), fields, Icon::Stop, w.cancel),
        0 => ().whole(),
        _ => dangerous(CancelDocument::url(), fields, Icon::Trash, w.discard, w.discard_line),
    });
    let own_keys = metadata.map(ToString::to_string).filter(|keys| keys != "{}").unwrap_or_default();
    view! {
        <div class="served-actions">
            <form method="post" action=RenameDocument::url() class="line">
                <input type="hidden" name="id" value=id.clone() />
                <label for="document-title">{w.title}</label>
                <input
                    class="input"
                    id="document-title"
                    name="title"
                    value=document.title.clone()
                    maxlength="200"
                    required
                />
                <button class="button plain-line" type="submit">
                    {w.save}
                </button>
            </form>
            <form method="post" action=format!("/documents/{id}/versions") enctype="multipart/form-data" class="line">
                <label for="document-file">{w.new_version}</label>
                <input class="input" type="file" id="document-file" name="file" required aria-describedby="version-line" />
                <button class="button plain-line" type="submit">
                    {icon(Icon::Upload)}
                    {w.upload}
                </button>
                <span class="faint" id="version-line">
                    {w.new_version_line}
                </span>
            </form>
            <form method="post" action=SaveMetadata::url() class="line">
                <input type="hidden" name="id" value=id.clone() />
                <label for="document-keys">{w.own_keys}</label>
                <input
                    class="input mono"
                    id="document-keys"
                    name="metadata"
                    value=own_keys
                    placeholder="{\"departamento\": \"ventas\"}"
                    maxlength="10000"
                    spellcheck="false"
                    autocomplete="off"
                    aria-describedby="keys-line"
                />
                <button class="button plain-line" type="submit">
                    {w.save}
                </button>
                <span class="faint" id="keys-line">
                    {w.own_keys_line}
                </span>
            </form>
            <div class="line">{share} {cancel}</div>
        </div>
    }
    .whole()
}

fn log(texts: &'static Texts, w: &'static Words, events: Vec<DocumentEvent>, now: Timestamp) -> Piece {
    let rows = events
        .into_iter()
        .map(|event| {
            let attempt = (event.attempt > 1).then(|| w.attempt(event.attempt));
            view! {
                <tr>
                    <td class="main">
                        {w.event(event.event)} {attempt.map(|attempt| view! { <span class="faint">" · " {attempt}</span> })}
                        {event.error.map(|error| reason(texts, &error))}
                    </td>
                    <td class="right" data-label=w.version>
                        {(event.version > 0).then(|| texts.number(i64::from(event.version)))}
                    </td>
                    <td class="right" data-label=w.when>
                        {ago(texts, now, event.at)}
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-wrap">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">{w.event}</th>
                        <th scope="col" class="right">
                            {w.version}
                        </th>
                        <th scope="col" class="right">
                            {w.when}
                        </th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .whole()
}

//! `/admin/audit`: what was done, the last first.

use cjhirashi_domain::{Timestamp, audit::AuditEntry};
use leptos::prelude::*;

use super::{ago, nothing, table, words::Words};
use crate::{
    components::{Piece, Whole as _},
    texts::Texts,
};

/// The page's HTML; `page` from 1, `more` when there is another one.
pub(crate) fn audit(texts: &'static Texts, entries: Vec<AuditEntry>, page: u32, more: bool, now: Timestamp) -> String {
    let w = Words::of(texts.language);
    let lines = lines(texts, w, entries, true, now);
    let newer = (page > 1).then(|| {
        view! {
            <a class="button plain-line" href=format!("/admin/audit?page={}", page - 1)>
                {w.newer}
            </a>
        }
    });
    let older = more.then(|| {
        view! {
            <a class="button plain-line" href=format!("/admin/audit?page={}", page + 1)>
                {w.older}
            </a>
        }
    });
    view! {
        <section class="served">
            <header>
                <div>
                    <h2>{w.audit}</h2>
                    <p class="faint">{w.audit_line}</p>
                </div>
            </header>
            {lines}
            <div class="line">{newer} {older}</div>
        </section>
    }
    .whole()
    .to_html()
}

/// The lines as a table; with whose they are where they are everybody's.
pub(super) fn lines(
    texts: &'static Texts,
    w: &'static Words,
    entries: Vec<AuditEntry>,
    everybodys: bool,
    now: Timestamp,
) -> Piece {
    if entries.is_empty() {
        return nothing(w.no_events);
    }
    let rows = entries
        .into_iter()
        .map(|entry| {
            // Whom or what, as far as people can read it; an id only where it is all there is.
            let id = entry.subject.filter(|subject| everybodys && entry.detail.is_none() || subject.contains('@'));
            let subject = entry.subject_email.or(id).filter(|subject| entry.actor_email.as_ref() != Some(subject));
            let actor = entry
                .actor_email
                .or_else(|| entry.actor.map(|actor| actor.to_string()))
                .unwrap_or_else(|| w.nobody_known.to_owned());
            let detail = entry.detail.map(|detail| w.detail(texts, &detail));
            let detail = [subject, detail].into_iter().flatten().collect::<Vec<_>>().join(" · ");
            view! {
                <tr>
                    <td class="main">
                        {w.action(entry.action)}
                        {(!detail.is_empty()).then(|| view! { <div class="faint">{detail}</div> })}
                    </td>
                    {everybodys.then(|| view! { <td data-label=w.who>{actor}</td> })}
                    <td class="faint" data-label=w.from>
                        {entry.address}
                    </td>
                    <td class="right" data-label=w.when>
                        {ago(texts, now, entry.at)}
                    </td>
                </tr>
            }
        })
        .collect_view();
    table(rows)
}

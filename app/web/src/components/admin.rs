//! The sections of the administration.

use leptos::prelude::*;

use crate::{
    api::{
        admin::{AUDIT, PEOPLE},
        models::MODELS,
        sync::SYNC,
    },
    components::{Icon, Piece, Whole as _, icon},
    texts::Texts,
};

/// The list of sections, at the left of each; `current` is the address of the one that is open.
pub(crate) fn admin_sections(t: &'static Texts, current: &str) -> Piece {
    let sections = [
        ("/admin", Icon::Documents, t.knowledge_base),
        (PEOPLE, Icon::People, t.people),
        (MODELS, Icon::Chat, t.models),
        (SYNC, Icon::Retry, t.two_databases),
        (AUDIT, Icon::Documents, t.audit),
    ];
    let items = sections
        .into_iter()
        .map(|(href, mark, words)| {
            view! {
                <li>
                    <a href=href aria-current=(href == current).then_some("page")>
                        {icon(mark)}
                        {words}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav aria-label=t.administration>
            <ul>{items}</ul>
        </nav>
    }
    .whole()
}

//! `/admin/people`: everybody who has an account.

use cjhirashi_domain::{
    Timestamp,
    order::PersonColumn,
    user::{Role, UserSummary},
};
use cjhirashi_storage::PeopleList;
use leptos::prelude::*;

use super::ago;
use crate::{
    api::admin::{PAGE_SIZE, PEOPLE, PeopleAsked},
    components::{Heading, Icon, Piece, Whole as _, icon, pager, pages, search_field, sort_choice, sort_heads},
    state::PageLanguage,
    texts::Texts,
};

/// The page's HTML.
pub(crate) fn people(texts: &'static Texts, asked: &PeopleAsked, list: PeopleList, now: Timestamp) -> String {
    // What lists share speaks the reader's language.
    provide_context(PageLanguage(texts.language));
    let t = texts;
    let headings = [
        Heading { column: PersonColumn::Name, label: t.person, class: "" },
        Heading { column: PersonColumn::Role, label: t.role, class: "" },
        Heading { column: PersonColumn::Chats, label: t.chats, class: "right" },
        Heading { column: PersonColumn::Documents, label: t.documents, class: "right" },
        Heading { column: PersonColumn::Seen, label: t.last_seen, class: "right" },
    ];
    let heads = sort_heads(&headings, asked.order, |order| {
        PeopleAsked { order: Some(order), page: 1, ..asked.clone() }.address()
    });
    let sort = sort_choice(&headings, asked.order, t.oldest_account_first);
    let empty = list.people.is_empty();
    let nothing = empty.then(|| {
        let everybody = PeopleAsked { words: String::new(), page: 1, ..asked.clone() }.address();
        view! {
            <div class="empty">
                {icon(Icon::Search)}
                <h2>{t.no_person}</h2>
                <a class="button plain-line" href=everybody>
                    {t.clear_search}
                </a>
            </div>
        }
    });
    let rows = list.people.into_iter().map(|person| person_row(t, person, now)).collect_view();
    view! {
        <div class="filters">
            <form method="get" action=PEOPLE role="search">
                {search_field(asked.words.clone(), t.find_person)}
                {sort}
                <button class="button plain-line" type="submit">
                    {t.filter}
                </button>
            </form>
            <span class="count">{t.count_people(list.total)}</span>
        </div>
        <div class="table-wrap" hidden=empty>
            <table class="table">
                <thead>
                    <tr>{heads}</tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {nothing}
        {pager(asked.page, pages(list.total, PAGE_SIZE), t.people, |page| {
            PeopleAsked { page, ..asked.clone() }.address()
        })}
    }
    .to_html()
}

fn person_row(t: &'static Texts, person: UserSummary, now: Timestamp) -> Piece {
    let role = match person.user.role {
        Role::User => t.role_user,
        Role::Admin => t.role_admin,
        Role::Owner => t.role_owner,
    };
    let name = person.user.name.clone().unwrap_or_else(|| person.user.email.clone());
    let email = person.user.name.is_some().then_some(person.user.email);
    view! {
        <tr>
            <td class="main">{name} {email.map(|email| view! { <div class="faint">{email}</div> })}</td>
            <td>{role}</td>
            <td class="right optional" data-label=t.chats>
                {t.number(person.chats)}
            </td>
            <td class="right optional" data-label=t.documents>
                {t.number(person.documents)}
            </td>
            <td class="right" data-label=t.last_seen>
                {match person.last_seen_at {
                    Some(at) => ago(t, now, at),
                    None => t.never.whole(),
                }}
            </td>
        </tr>
    }
    .whole()
}

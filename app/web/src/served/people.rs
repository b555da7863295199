//! `/admin/people`: everybody who has an account.

use std::collections::HashMap;

use cjhirashi_domain::{
    Timestamp, Viewer,
    order::PersonColumn,
    user::{Invitation, Role, UserSummary},
};
use cjhirashi_storage::{Delivery, PeopleList};
use leptos::{prelude::*, server_fn::ServerFn};

use super::{ago, command, dangerous, nothing, saved, section, table, words::Words};
use crate::{
    api::admin::{Invite, PAGE_SIZE, PEOPLE, PeopleAsked, PeopleDone, RevokeInvitation, SetDisabled, SetRole},
    components::{Heading, Icon, Piece, Whole as _, icon, pager, pages, search_field, sort_choice, sort_heads},
    state::PageLanguage,
    texts::Texts,
};

/// Who is invited, and what inviting somebody does here.
pub(crate) struct Invitations {
    pub(crate) waiting: Vec<Invitation>,
    /// Where the mails to them stand, by address.
    pub(crate) delivered: HashMap<String, Delivery>,
    /// Whether anybody can sign in at a provider.
    pub(crate) providers: bool,
    /// Whether mail is sent.
    pub(crate) mail: bool,
}

/// The page's HTML.
pub(crate) fn people(
    texts: &'static Texts,
    viewer: &Viewer,
    asked: &PeopleAsked,
    list: PeopleList,
    invitations: Invitations,
    done: Option<PeopleDone>,
    now: Timestamp,
) -> String {
    let w = Words::of(texts.language);
    let done = saved(done.map(|done| w.people_done(done)));
    let invitations = invited(texts, w, viewer, invitations, now);
    // What lists share speaks the reader's language.
    provide_context(PageLanguage(texts.language));
    let t = texts;
    let headings = [
        Heading { column: PersonColumn::Name, label: w.person, class: "" },
        Heading { column: PersonColumn::Role, label: t.role, class: "" },
        Heading { column: PersonColumn::Chats, label: t.chats, class: "right" },
        Heading { column: PersonColumn::Documents, label: t.documents, class: "right" },
        Heading { column: PersonColumn::Seen, label: w.last_seen, class: "right" },
    ];
    let heads = sort_heads(&headings, asked.order, |order| {
        PeopleAsked { order: Some(order), page: 1, ..asked.clone() }.address()
    });
    let sort = sort_choice(&headings, asked.order, w.oldest_account_first);
    let empty = list.people.is_empty();
    let nothing = empty.then(|| {
        let everybody = PeopleAsked { words: String::new(), page: 1, ..asked.clone() }.address();
        view! {
            <div class="empty">
                {icon(Icon::Search)}
                <h2>{w.no_person}</h2>
                <a class="button plain-line" href=everybody>
                    {t.clear_search}
                </a>
            </div>
        }
    });
    let rows = list.people.into_iter().map(|person| person_row(t, w, viewer, person, now)).collect_view();
    view! {
        {done}
        <div class="filters">
            <form method="get" action=PEOPLE role="search">
                {search_field(asked.words.clone(), w.find_person)}
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
                    <tr>
                        {heads}
                        <th scope="col">
                            <span class="sr-only">{w.actions}</span>
                        </th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {nothing}
        {pager(asked.page, pages(list.total, PAGE_SIZE), t.people, |page| {
            PeopleAsked { page, ..asked.clone() }.address()
        })}
        {invitations}
    }
    .to_html()
}

fn role_options(t: &'static Texts, viewer: &Viewer, current: Role) -> Piece {
    [Role::User, Role::Admin, Role::Owner]
        .into_iter()
        .filter(|role| viewer.may_give(*role))
        .map(|role| view! { <option value=role.as_str() selected=role == current>{t.role_name(role)}</option> })
        .collect_view()
        .whole()
}

/// Who may come in, and how somebody is invited.
fn invited(
    t: &'static Texts,
    w: &'static Words,
    viewer: &Viewer,
    Invitations { waiting, delivered, providers, mail }: Invitations,
    now: Timestamp,
) -> Piece {
    let rows = waiting
        .into_iter()
        .map(|invitation| {
            let revoke = viewer.may_give(invitation.role).then(|| {
                let fields = vec![("email", invitation.email.clone())];
                command(RevokeInvitation::url(), fields, Icon::Trash, w.revoke_invitation)
            });
            let delivery = delivered.get(&invitation.email).map(|delivery| format!(" · {}", w.delivery(*delivery)));
            view! {
                <tr>
                    <td class="main">
                        {invitation.email.clone()}
                        <div class="faint">
                            {t.role_name(invitation.role)} " · " {w.until(t, now, invitation.expires_at)} {delivery}
                        </div>
                    </td>
                    <td class="right" data-label=w.when>
                        {ago(t, now, invitation.created_at)}
                    </td>
                    <td class="actions">
                        <div>{revoke}</div>
                    </td>
                </tr>
            }
        })
        .collect::<Vec<_>>();
    let table = if rows.is_empty() { nothing(w.no_invitations) } else { table(rows) };
    let form = view! {
        <form method="post" action=Invite::url() class="line">
            <input
                class="input"
                type="email"
                name="email"
                required
                maxlength="254"
                placeholder="nombre@example.org"
                aria-label=w.address
            />
            <select class="select" name="role" aria-label=t.role>
                {role_options(t, viewer, Role::User)}
            </select>
            <button class="button plain-line" type="submit">
                {icon(Icon::Plus)}
                {w.invite}
            </button>
        </form>
    };
    let line = match (providers, mail) {
        (false, _) => w.no_providers,
        (true, false) => w.invitations_line,
        (true, true) => w.invitations_mailed_line,
    };
    section(w.invitations, Some(line), ().whole(), view! { {form} {table} }.whole())
}

fn person_row(t: &'static Texts, w: &'static Words, viewer: &Viewer, person: UserSummary, now: Timestamp) -> Piece {
    let role = t.role_name(person.user.role);
    let id = person.user.id.to_string();
    let manages = viewer.may_manage(&person.user.id, person.user.role);
    let change_role = (manages && viewer.role == Role::Owner).then(|| {
        view! {
            <form method="post" action=SetRole::url() class="line">
                <input type="hidden" name="id" value=id.clone() />
                <select class="select" name="role" aria-label=t.role>
                    {role_options(t, viewer, person.user.role)}
                </select>
                <button class="button plain-line" type="submit">
                    {w.save}
                </button>
            </form>
        }
    });
    let door = manages.then(|| {
        if person.disabled {
            let fields = vec![("id", id.clone()), ("disabled", "false".to_owned())];
            command(SetDisabled::url(), fields, Icon::Check, w.enable)
        } else {
            let fields = vec![("id", id.clone()), ("disabled", "true".to_owned())];
            dangerous(SetDisabled::url(), fields, Icon::Stop, w.disable, w.disable_line)
        }
    });
    let out = person.disabled.then(|| view! { <span class="state failed">{icon(Icon::Alert)} {w.disabled}</span> });
    let name = person.user.name.clone().unwrap_or_else(|| person.user.email.clone());
    let email = person.user.name.is_some().then_some(person.user.email);
    view! {
        <tr>
            <td class="main">{name} {email.map(|email| view! { <div class="faint">{email}</div> })} {out}</td>
            <td>
                {match change_role {
                    Some(form) => form.whole(),
                    None => role.whole(),
                }}
            </td>
            <td class="right optional" data-label=t.chats>
                {t.number(person.chats)}
            </td>
            <td class="right optional" data-label=t.documents>
                {t.number(person.documents)}
            </td>
            <td class="right" data-label=w.last_seen>
                {match person.last_seen_at {
                    Some(at) => ago(t, now, at),
                    None => w.never.whole(),
                }}
            </td>
            <td class="actions">
                <div>{door}</div>
            </td>
        </tr>
    }
    .whole()
}

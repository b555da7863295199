//! `/admin`: the knowledge base, the people, and the two databases.

use std::time::Duration;

use cjhirashi_domain::{
    Timestamp,
    order::{Order, PersonColumn},
    user::{Role, UserSummary},
};
use leptos::{ev, prelude::*};
use leptos_router::hooks::use_query_map;

use crate::components::{Children, Whole as _};
use crate::{
    api::{
        Failure, Shown,
        admin::{PAGE_SIZE, PEOPLE, PeopleAsked, PeopleView, list_people},
        documents::{ListAsked, list_documents},
        load,
        sync::{SYNC, sync_overview},
    },
    components::{
        Ago, DocumentList, Heading, Icon, Page, Problem, Shelf, Skeleton, filter_button, icon, pager, pages,
        search_field, sort_choice, sort_heads,
    },
    state::{Go, browser, use_session, use_texts},
};

/// The frame of both: a list of sections at the left.
#[component]
fn Sections(current: &'static str, children: Children) -> impl IntoView {
    let t = use_texts();
    let item = move |href: &'static str, mark: Icon, words: &'static str| {
        view! {
            <li>
                <a href=href aria-current=(href == current).then_some("page")>
                    {icon(mark)}
                    {words}
                </a>
            </li>
        }
    };
    let allowed = use_session().is_some_and(|session| session.is_admin());
    #[cfg(feature = "ssr")]
    if !allowed {
        crate::api::server::fail(cjhirashi_domain::ErrorCode::Forbidden);
    }
    view! {
        <Page title=t.administration>
            <header class="page-head">
                <h1>{t.administration}</h1>
                <p>{t.admin_line}</p>
            </header>
            {if allowed {
                view! {
                    <div class="columns">
                        <nav aria-label=t.administration>
                            <ul>
                                {item("/admin", Icon::Documents, t.knowledge_base)}
                                {item(PEOPLE, Icon::People, t.people)}
                                {item(SYNC, Icon::Retry, t.two_databases)}
                            </ul>
                        </nav>
                        <section>{children.show()}</section>
                    </div>
                }
                    .whole()
            } else {
                view! { <Problem failure=Failure::new(cjhirashi_domain::ErrorCode::Forbidden) /> }.whole()
            }}
        </Page>
    }
    .whole()
}

/// The documents of everybody.
#[component]
pub(crate) fn AdminPage() -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| query.with(ListAsked::read));
    let documents = load(move || asked.get(), |asked| list_documents("public".to_owned(), asked));
    view! {
        <Sections current="/admin">
            <Transition fallback=|| view! { <Skeleton /> }>
                {move || Suspend::new(async move {
                    match documents.await {
                        Ok(view) => {
                            let shelf = Shelf { path: "/admin", scope: "public", may_change: true };
                            view! { <DocumentList shelf=shelf first=view /> }.whole()
                        }
                        Err(failure) => view! { <Problem failure=failure /> }.whole(),
                    }
                })}
            </Transition>
        </Sections>
    }
    .whole()
}

/// Everybody who has an account.
#[component]
pub(crate) fn PeoplePage() -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| query.with(PeopleAsked::read));
    let people = load(move || asked.get(), list_people);
    view! {
        <Sections current=PEOPLE>
            <Transition fallback=|| view! { <Skeleton /> }>
                {move || Suspend::new(async move {
                    match people.await {
                        Ok(view) => view! { <People view=view /> }.whole(),
                        Err(failure) => view! { <Problem failure=failure /> }.whole(),
                    }
                })}
            </Transition>
        </Sections>
    }
    .whole()
}

fn look_again(looks: RwSignal<u32>) {
    let look = move || {
        if browser::exists("#synchronisation :focus") {
            look_again(looks);
        } else {
            looks.try_update(|looks| *looks += 1);
        }
    };
    set_timeout(look, Duration::from_secs(2));
}

/// How the two databases stand. While something moves it is looked at again and again, unless somebody is at one of its
/// buttons.
#[component]
pub(crate) fn SyncPage() -> impl IntoView {
    let looks = RwSignal::new(0_u32);
    let overview = load(move || looks.get(), |_| async { sync_overview().await.map(Shown) });
    view! {
        <Sections current=SYNC>
            <Transition fallback=|| view! { <Skeleton /> }>
                {move || Suspend::new(async move {
                    match overview.await {
                        Ok(Shown(view)) => {
                            Effect::new(move |_| {
                                if view.moves {
                                    look_again(looks);
                                }
                            });
                            view! { <div id="synchronisation" inner_html=view.html></div> }.whole()
                        }
                        Err(failure) => view! { <Problem failure=failure /> }.whole(),
                    }
                })}
            </Transition>
        </Sections>
    }
    .whole()
}

#[component]
fn People(view: PeopleView) -> impl IntoView {
    let t = use_texts();
    let asked = use_query_map().with_untracked(PeopleAsked::read);
    browser::keep_focus();
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
    let go = use_context::<Go>();
    let search = move |event: ev::SubmitEvent| {
        if let (Some(form), Some(go)) = (browser::take_form(&event), go) {
            let order = Order::parse(&browser::field(&form, "sort"));
            go.to(&PeopleAsked { words: browser::field(&form, "q"), order, page: 1 }.address());
        }
    };
    let empty = view.people.is_empty();
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
    let now = view.now;
    let rows = view.people.into_iter().map(|person| view! { <PersonRow person=person now=now /> }).collect_view();
    view! {
        <div class="filters">
            <form method="get" action=PEOPLE role="search" on:submit=search>
                {search_field(asked.words.clone(), t.find_person)}
                {sort}
                {filter_button()}
            </form>
            <span class="count">{t.count_people(view.total)}</span>
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
        {pager(asked.page, pages(view.total, PAGE_SIZE), t.people, |page| {
            PeopleAsked { page, ..asked.clone() }.address()
        })}
    }
    .whole()
}

#[component]
fn PersonRow(person: UserSummary, now: Timestamp) -> impl IntoView {
    let t = use_texts();
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
                    Some(at) => view! { <Ago at=at now=now /> }.whole(),
                    None => t.never.whole(),
                }}
            </td>
        </tr>
    }
    .whole()
}

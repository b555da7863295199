//! `/admin`: the knowledge base and the people.

use cjhirashi_domain::user::Role;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::components::{Children, Whole as _};
use crate::{
    api::{
        Failure,
        admin::{PeopleView, list_people},
        documents::list_documents,
        load,
    },
    components::{Ago, DocumentList, Icon, Page, Problem, Shelf, Skeleton, icon},
    state::{use_session, use_texts},
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
                                {item("/admin/people", Icon::People, t.people)}
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
    let asked = Memo::new(move |_| {
        query.with(|query| {
            (query.get("q").unwrap_or_default(), query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1))
        })
    });
    let documents = load(move || asked.get(), |(words, page)| list_documents("public".to_owned(), words, page));
    view! {
        <Sections current="/admin">
            <Suspense fallback=|| view! { <Skeleton /> }>
                {move || Suspend::new(async move {
                    match documents.await {
                        Ok(view) => {
                            let shelf = Shelf { path: "/admin", scope: "public", may_change: true };
                            view! { <DocumentList shelf=shelf first=view /> }.whole()
                        }
                        Err(failure) => view! { <Problem failure=failure /> }.whole(),
                    }
                })}
            </Suspense>
        </Sections>
    }
    .whole()
}

/// Everybody who has an account.
#[component]
pub(crate) fn PeoplePage() -> impl IntoView {
    let people = load(|| (), |()| list_people());
    view! {
        <Sections current="/admin/people">
            <Suspense fallback=|| view! { <Skeleton /> }>
                {move || Suspend::new(async move {
                    match people.await {
                        Ok(view) => view! { <People view=view /> }.whole(),
                        Err(failure) => view! { <Problem failure=failure /> }.whole(),
                    }
                })}
            </Suspense>
        </Sections>
    }
    .whole()
}

#[component]
fn People(view: PeopleView) -> impl IntoView {
    let t = use_texts();
    let now = view.now;
    let rows = view
        .people
        .into_iter()
        .map(|person| {
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
                    <td class="right optional" data-label=t.chats>{t.number(person.chats)}</td>
                    <td class="right optional" data-label=t.documents>{t.number(person.documents)}</td>
                    <td class="right" data-label=t.last_seen>
                        {match person.last_seen_at {
                            Some(at) => view! { <Ago at=at now=now /> }.whole(),
                            None => t.never.whole(),
                        }}
                    </td>
                </tr>
            }
            .whole()
        })
        .collect_view();
    view! {
        <div class="table-wrap">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">{t.person}</th>
                        <th scope="col">{t.role}</th>
                        <th scope="col" class="right">{t.chats}</th>
                        <th scope="col" class="right">{t.documents}</th>
                        <th scope="col" class="right">{t.last_seen}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .whole()
}

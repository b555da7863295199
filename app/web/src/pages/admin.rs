//! `/admin`: the knowledge base, the people, and the two databases.

use std::time::Duration;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::components::{Children, Whole as _};
use crate::{
    api::{
        Failure, Shown,
        admin::{PEOPLE, PeopleAsked, list_people},
        documents::{ListAsked, list_documents},
        load,
        sync::{SYNC, sync_overview},
    },
    components::{DocumentList, Icon, Page, Problem, Shelf, Skeleton, icon},
    state::{browser, use_session, use_texts},
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
    let people = load(move || asked.get(), |asked| async { list_people(asked).await.map(Shown) });
    view! {
        <Sections current=PEOPLE>
            <Transition fallback=|| view! { <Skeleton /> }>
                {move || Suspend::new(async move {
                    match people.await {
                        Ok(Shown(view)) => {
                            browser::keep_focus();
                            view! { <div inner_html=view.html></div> }.whole()
                        }
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

//! `/admin`: the knowledge base. The other sections are made by the server alone.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::components::{Children, Whole as _};
use crate::{
    api::{
        Failure,
        documents::{ListAsked, list_documents},
        load,
    },
    components::{DocumentList, Page, Problem, Shelf, Skeleton, admin_sections},
    state::{use_session, use_texts},
};

/// The frame: a list of sections at the left.
#[component]
fn Sections(children: Children) -> impl IntoView {
    let t = use_texts();
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
                        {admin_sections(t, "/admin")}
                        <section>{children.show()}</section>
                    </div>
                }
                    .whole()
            } else {
                view! { <Problem failure=Failure::of_page(Some(cjhirashi_domain::ErrorCode::Forbidden)) /> }.whole()
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
        <Sections>
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

//! `/documents`: a person's own, and the knowledge base.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::components::Whole as _;
use crate::{
    api::{
        documents::{ListAsked, list_documents},
        load,
    },
    components::{DocumentList, Page, Problem, Shelf, Skeleton},
    state::use_texts,
};

/// The list, by scope, words and page of the address.
#[component]
pub(crate) fn DocumentsPage() -> impl IntoView {
    let t = use_texts();
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| {
            let scope = if query.get("scope").as_deref() == Some("public") { "public" } else { "own" };
            (scope, ListAsked::read(query))
        })
    });
    let documents = load(move || asked.get(), |(scope, asked)| list_documents(scope.to_owned(), asked));
    let current = move |scope: &'static str| move || (asked.get().0 == scope).then_some("page");
    view! {
        <Page title=t.documents>
            <header class="page-head">
                <h1>{t.documents}</h1>
                <nav class="tabs" aria-label=t.documents>
                    <a href="/documents" aria-current=current("own")>
                        {t.my_documents}
                    </a>
                    <a href="/documents?scope=public" aria-current=current("public")>
                        {t.knowledge_base}
                    </a>
                </nav>
                <p>{t.documents_line}</p>
            </header>
            <Transition fallback=|| view! { <Skeleton /> }>
                {move || {
                    // Read here: by the time the documents come, the page may have been left.
                    let (scope, _) = asked.get_untracked();
                    Suspend::new(async move {
                        match documents.await {
                            Ok(view) => {
                                let shelf = Shelf { path: "/documents", scope, may_change: scope == "own" };
                                view! { <DocumentList shelf=shelf first=view /> }.whole()
                            }
                            Err(failure) => view! { <Problem failure=failure /> }.whole(),
                        }
                    })
                }}
            </Transition>
        </Page>
    }
    .whole()
}

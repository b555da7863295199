//! No page has this address.

use cjhirashi_domain::ErrorCode;
use leptos::prelude::*;

use crate::components::Whole as _;
use crate::{
    api::Failure,
    components::{Page, Problem},
    state::use_texts,
};

/// Says so, with the status 404.
#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::api::server::fail(ErrorCode::NotFound);
    view! {
        <Page title=use_texts().page_not_found>
            <Problem failure=Failure::of_page(Some(ErrorCode::NotFound)) />
        </Page>
    }
    .whole()
}

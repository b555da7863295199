//! `/sign-in`: how to get in. Nothing to type: links work once, and there are no passwords.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::Whole as _;
use crate::{
    components::{Icon, brand, icon},
    state::use_texts,
};

/// What to do, and why the last link did not work if one was tried (`?error=` a code).
#[component]
pub(crate) fn SignInPage() -> impl IntoView {
    let t = use_texts();
    let error = use_query_map().with_untracked(|query| query.get("error"));
    let problem = error.map(|code| {
        view! {
            <div class="callout error" role="alert">
                {icon(Icon::Alert)}
                <div>{t.error(&code)}</div>
            </div>
        }
    });
    view! {
        <Title text=t.tab(t.sign_in) />
        <main class="plain" id="content">
            <div class="sheet stack">
                {brand("icon brand-mark sign-in-mark")}
                <h1>{t.sign_in}</h1>
                {problem}
                <p>{t.sign_in_line}</p>
                <p>{t.sign_in_new}</p>
                <pre class="command">
                    <code>"cjhirashi sign-in-link"</code>
                </pre>
                <p class="faint">{t.sign_in_why}</p>
            </div>
        </main>
    }
    .whole()
}

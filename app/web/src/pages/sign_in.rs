//! `/sign-in`: how to get in. Nothing to type: links work once, and there are no passwords.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::Whole as _;
use crate::{
    components::{Icon, icon},
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
                <svg viewBox="0 0 32 32" class="icon brand-mark sign-in-mark" aria-hidden="true">
                    <path d="M6 7.5C9 6 13 6 16 8.5c3-2.5 7-2.5 10-1v16c-3-1.5-7-1.5-10 1-3-2.5-7-2.5-10-1zM16 8.5v16M20 14.5l1.6 1.6 3-3.2" />
                </svg>
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

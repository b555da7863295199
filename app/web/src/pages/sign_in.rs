//! `/sign-in`: how to get in. Nothing to type: there are no passwords.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::Whole as _;
use crate::{
    api::{Shown, load, served::sign_in_ways},
    components::{Icon, Problem, brand, icon},
    state::use_texts,
};

/// The ways in, and why the last one did not work if one was tried (`?error=` a code).
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
    let ways = load(|| (), |()| async { sign_in_ways().await.map(Shown) });
    view! {
        <Title text=t.tab(t.sign_in) />
        <main class="plain" id="content">
            <div class="sheet stack">
                {brand("icon brand-mark sign-in-mark")}
                <h1>{t.sign_in}</h1>
                {problem}
                <Transition>
                    {move || Suspend::new(async move {
                        match ways.await {
                            Ok(Shown(ways)) => view! { <div class="stack" inner_html=ways.html></div> }.whole(),
                            Err(failure) => view! { <Problem failure=failure /> }.whole(),
                        }
                    })}
                </Transition>
            </div>
        </main>
    }
    .whole()
}

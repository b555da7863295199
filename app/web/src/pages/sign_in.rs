//! `/sign-in`: how to get in. Nothing to type: there are no passwords.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::Whole as _;
use crate::{
    api::{Failure, Shown, load, served::sign_in_ways},
    components::{Problem, brand, error_callout, use_failure_of_address},
    state::use_texts,
};

/// The ways in, and why the last one did not work if one was tried (`?error=` a code).
#[component]
pub(crate) fn SignInPage() -> impl IntoView {
    let t = use_texts();
    let problem = use_failure_of_address().map(|failure| error_callout(Failure { detail: None, ..failure }, t));
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

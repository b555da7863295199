//! `/sign-in`: a button for each provider; without any, how the server's own link is had.

use cjhirashi_domain::settings::Language;
use leptos::prelude::*;

use super::words::Words;
use crate::components::Whole as _;

/// The ways in.
pub(crate) fn sign_in(language: Language, providers: &[(&'static str, String)]) -> String {
    let w = Words::of(language);
    if providers.is_empty() {
        return view! {
            <p>{w.link_line}</p>
            <p>{w.link_used}</p>
            <pre class="command">
                <code>"cjhirashi sign-in-link"</code>
            </pre>
            <p class="faint">{w.link_why}</p>
        }
        .to_html();
    }
    let buttons = providers
        .iter()
        .map(|(id, name)| {
            view! {
                <form method="post" action=format!("/sign-in/{id}")>
                    <button class="button primary wide" type="submit">
                        {w.sign_in_with(name)}
                    </button>
                </form>
            }
        })
        .collect_view();
    view! {
        {buttons}
        <p class="faint">{w.no_passwords}</p>
    }
    .whole()
    .to_html()
}

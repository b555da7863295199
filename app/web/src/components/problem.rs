//! What is shown when something is missing, broken, or on its way.

use cjhirashi_domain::ErrorCode;
use leptos::prelude::*;

use super::{Icon, icon};
use crate::components::{Piece, Whole as _};
use crate::{
    api::{Failure, InPage},
    state::use_texts,
    texts::Texts,
};

/// A failure in the place where its content would be: what happened, and one thing to do.
#[component]
pub(crate) fn Problem(failure: Failure) -> impl IntoView {
    let t = use_texts();
    let missing = failure.code.is_some_and(|code| code.status() == 404);
    let (href, action) = if failure.needs_sign_in() {
        ("/sign-in", t.sign_in)
    } else if missing {
        ("/", t.go_home)
    } else {
        ("", t.reload)
    };
    let words = if failure.code == Some(ErrorCode::NotFound) { t.page_not_found_line } else { failure.message(t) };
    let words = words.to_owned();
    view! {
        <div class="empty" role="alert">
            {icon(if missing { Icon::Search } else { Icon::Alert })}
            <h1>{if missing { t.page_not_found } else { t.failed_heading }}</h1>
            <p>{words}</p>
            {failure.detail.map(|detail| view! { <p class="faint">{detail}</p> })}
            <a class="button primary" href=href rel="external">
                {action}
            </a>
        </div>
    }
    .whole()
}

/// What failed, beside what it belongs to.
pub(crate) fn error_callout(failure: Failure, texts: &'static Texts) -> Piece {
    let words = failure.message(texts).to_owned();
    view! {
        <div class="callout error" role="alert">
            {icon(Icon::Alert)}
            <div>{words} {failure.detail.map(|detail| view! { <small>{detail}</small> })}</div>
        </div>
    }
    .whole()
}

/// The failure of a form that was sent without script: it comes back in the address.
#[component]
pub(crate) fn FormProblem() -> impl IntoView {
    let t = use_texts();
    use_failure_of_address()
        .map(|failure| {
            view! {
                <div class="column narrow">{error_callout(failure, t)}</div>
            }
        })
        .whole()
}

/// What the address of the page says went wrong. The same in the browser, which is told by the server: it does not know
/// the words, and its own forms have their answers without a detour.
pub(crate) fn use_failure_of_address() -> Option<Failure> {
    SharedValue::<Option<Failure>, InPage>::new_with_encoding(failure_of_address).into_inner()
}

fn failure_of_address() -> Option<Failure> {
    #[cfg(feature = "ssr")]
    return leptos_router::hooks::use_query_map().with_untracked(|query| {
        // Of an address that anybody may have written, the code is taken and not its words.
        let said = |code| Failure::told(code, use_texts().language);
        if let Some(error) = query.get("__err") {
            let failure = leptos::server_fn::error::ServerFnUrlError::<Failure>::decode_err(&error);
            let detail = failure.detail.map(|detail| detail.chars().take(600).collect());
            return Some(Failure { detail, ..said(failure.code.unwrap_or(ErrorCode::Internal)) });
        }
        // From addresses that are no server function: a code, and what it is about.
        let code = ErrorCode::parse(&query.get("error")?)?;
        Some(Failure { detail: query.get("about").map(|about| about.chars().take(300).collect()), ..said(code) })
    });
    #[cfg(not(feature = "ssr"))]
    None
}

/// A page that is being loaded.
#[component]
pub(crate) fn Skeleton() -> impl IntoView {
    view! {
        <div class="empty" aria-busy="true">
            <p>{use_texts().loading}</p>
        </div>
    }
    .whole()
}

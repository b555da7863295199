//! Deleting is asked for twice: a button opens the question, a second one does it.

use leptos::{ev, prelude::*};

use super::{Icon, icon};
use crate::components::Whole as _;
use crate::state::{browser, use_texts};

/// What deletes, once that is sure.
pub(crate) type Sure = Box<dyn Fn() + Send + Sync>;

/// The button and its question. A form, so that it works without script too.
#[component]
pub(crate) fn DeleteMenu(
    /// Where the form goes without script.
    action: &'static str,
    id: String,
    /// What it is, for whoever does not see where the button stands.
    label: String,
    /// What will be gone.
    line: &'static str,
    /// Stands among other buttons and looks like them.
    #[prop(optional)]
    boxed: bool,
    sure: Sure,
) -> impl IntoView {
    let t = use_texts();
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        browser::close_menus(None);
        sure();
    };
    view! {
        <details class="menu">
            <summary class:boxed=boxed aria-label=label title=t.delete>
                {icon(Icon::Trash)}
            </summary>
            <form class="menu-items wide stack" method="post" action=action on:submit=submit>
                <input type="hidden" name="id" value=id />
                <p>{line}</p>
                <button class="button danger plain-line" type="submit">
                    {t.delete_now}
                </button>
            </form>
        </details>
    }
    .whole()
}

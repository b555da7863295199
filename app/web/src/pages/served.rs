//! A page that the server makes alone: its links and forms are plain ones.

use std::time::Duration;

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::components::Whole as _;
use crate::{
    api::{Shown, load, served::serve_page},
    components::{Page, Problem, Skeleton},
    state::browser,
};

fn look_again(looks: RwSignal<u32>) {
    let look = move || {
        if browser::exists("#served :focus, #served [open]") {
            look_again(looks);
        } else {
            looks.try_update(|looks| *looks += 1);
        }
    };
    set_timeout(look, Duration::from_secs(2));
}

/// Whatever the server has for this address. While something moves it is looked at again and again, unless somebody is at
/// one of its buttons.
#[component]
pub(crate) fn ServedPage() -> impl IntoView {
    let location = use_location();
    let looks = RwSignal::new(0_u32);
    let section = |path: &str| path.split('/').nth(1).map(str::to_owned);
    let own = section(&location.pathname.get_untracked());
    let asked = Memo::new(move |before: Option<&(String, String)>| {
        let (path, query) = (location.pathname.get(), location.search.get());
        // On the way to another page this one is still there for a moment.
        before.filter(|_| section(&path) != own).cloned().unwrap_or((path, query))
    });
    let page = load(
        move || (asked.get(), looks.get()),
        |((path, query), _)| async { serve_page(path, query).await.map(Shown) },
    );
    let shown = move || {
        Suspend::new(async move {
            match page.await {
                Ok(Shown(view)) => {
                    browser::keep_focus();
                    Effect::new(move |_| {
                        if view.moves {
                            look_again(looks);
                        }
                    });
                    view! {
                        <Page title=view.title>
                            <div id="served" inner_html=view.html></div>
                        </Page>
                    }
                    .whole()
                }
                Err(failure) => view! {
                    <Page title="">
                        <Problem failure=failure />
                    </Page>
                }
                .whole(),
            }
        })
    };
    view! {
        <Transition fallback=|| {
            view! {
                <Page title="">
                    <Skeleton />
                </Page>
            }
        }>{shown}</Transition>
    }
    .whole()
}

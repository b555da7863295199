//! A page that the server makes alone: its links and forms are plain ones, or do their work where they stand ([`acts`]).

use std::time::Duration;

use leptos::{ev, prelude::*};
use leptos_router::hooks::use_location;

use crate::components::Whole as _;
use crate::{
    api::{Shown, load, served::serve_page},
    components::{Page, Problem, Skeleton},
    state::{Go, Notices, acts, browser, use_session, use_texts},
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
    let (session, notices, go) = (use_session(), use_context::<Notices>(), use_context::<Go>());
    let changed = {
        let session = session.clone();
        move |event: ev::Event| acts::save(&event, session.clone())
    };
    let submitted = move |event: ev::SubmitEvent| {
        acts::save(&event, session.clone());
        let (t, session) = (use_texts(), session.clone());
        acts::send(&event, move |acted| match acted {
            Ok(acted) => {
                acts::apply(&acted, session.as_ref());
                if let (Some(notices), Some(words)) = (notices, acted.say) {
                    notices.say(words);
                }
                match (go, acted.go) {
                    (Some(go), Some(path)) => go.to(&path),
                    _ => {
                        looks.try_update(|looks| *looks += 1);
                    }
                }
            }
            Err(failure) => {
                if let Some(notices) = notices {
                    notices.fail(failure.message(t));
                }
            }
        });
    };
    // The part of the address that names a section comes before there are sections; it leads there once, and not again
    // whenever the page is made anew.
    let (hash, led_to) = (location.hash, StoredValue::new(String::new()));
    let shown = move || {
        let (changed, submitted) = (changed.clone(), submitted.clone());
        Suspend::new(async move {
            match page.await {
                Ok(Shown(view)) => {
                    browser::keep_focus();
                    Effect::new(move |_| {
                        let section = hash.get().trim_start_matches('#').to_owned();
                        if led_to.try_update_value(|before| {
                            *before != section && {
                                before.clone_from(&section);
                                !section.is_empty()
                            }
                        }) == Some(true)
                        {
                            request_animation_frame(move || browser::reveal(&section));
                        }
                        if view.moves {
                            look_again(looks);
                        }
                    });
                    view! {
                        <Page title=view.title>
                            <div
                                id="served"
                                inner_html=view.html
                                on:change=changed
                                on:submit=submitted
                                on:input=|event| acts::tell_number(&event)
                            ></div>
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

//! `/` and `/chat/{id}`.

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use crate::components::Whole as _;
use crate::{
    api::{Shown, chats::load_chat, load},
    components::{Conversation, Page, Problem, Skeleton},
    state::{Chats, use_session, use_texts},
};

/// The start: a chat that has not begun.
#[component]
pub(crate) fn NewChatPage() -> impl IntoView {
    use_session().map(|_| view! { <Conversation chat=None /> }).whole()
}

/// A chat.
#[component]
pub(crate) fn ChatPage() -> impl IntoView {
    let t = use_texts();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    // Without script an address shows more of a long chat.
    let shown = use_query_map().with_untracked(|query| query.get("shown").and_then(|shown| shown.parse().ok()));
    let chats = use_context::<Chats>();
    let chat = load(
        move || id.get(),
        move |id| async move {
            match chats.and_then(|chats| chats.take_over(&id)) {
                Some(chat) => Ok(Shown(chat)),
                None => load_chat(id, shown.unwrap_or_default()).await.map(Shown),
            }
        },
    );
    view! {
        <Suspense fallback=move || {
            view! {
                <Page title=t.chat>
                    <Skeleton />
                </Page>
            }
        }>
            {move || Suspend::new(async move {
                match chat.await {
                    Ok(Shown(chat)) => view! { <Conversation chat=Some(chat) /> }.whole(),
                    Err(failure) => {
                        view! {
                            <Page title=t.chat>
                                <Problem failure=failure />
                            </Page>
                        }
                            .whole()
                    }
                }
            })}
        </Suspense>
    }
    .whole()
}

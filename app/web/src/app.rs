//! The body of every page: who is here, which page, and the frame around it.

use cjhirashi_domain::settings::Language;
use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};
use serde::{Deserialize, Serialize};

use crate::components::Whole as _;
use crate::{
    api::{
        InPage,
        session::{SessionView, load_session},
    },
    components::Frame,
    pages::{AdminPage, ChatPage, DocumentPage, DocumentsPage, NewChatPage, NotFoundPage, ServedPage, SignInPage},
    state::{PageLanguage, Session, browser},
};

/// What the server tells the browser before anything else.
#[derive(Clone, Serialize, Deserialize)]
struct Start {
    session: Option<SessionView>,
    language: Language,
}

fn start() -> Start {
    let session = load_session();
    #[cfg(feature = "ssr")]
    let language =
        session.as_ref().map_or_else(crate::api::server::language_of_request, |session| session.settings.language);
    #[cfg(not(feature = "ssr"))]
    let language = Language::default();
    Start { session, language }
}

/// The body of the document.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let Start { session, language } = SharedValue::<Start, InPage>::new_with_encoding(start).into_inner();
    provide_context(PageLanguage(language));
    // Tests, and whoever automates the page, wait for this before they click.
    Effect::new(|_| browser::set_root("data-hydrated", ""));
    // Nobody here: one page, without the frame. The routes stay the same, so that every address is known.
    let session = session.map(Session::new);
    view! {
        <Router>
            {match session {
                Some(session) => view! { <Frame session=session><Pages /></Frame> }.whole(),
                None => view! { <Pages /> }.whole(),
            }}
        </Router>
    }
}

/// Everything is in the page when it is sent: it can be read without script.
#[component]
fn Pages() -> impl IntoView {
    let mode = SsrMode::Async;
    view! {
        <FlatRoutes fallback=|| view! { <NotFoundPage /> }.whole()>
            <Route path=path!("/") view=NewChatPage ssr=mode.clone() />
            <Route path=path!("/chat/:id") view=ChatPage ssr=mode.clone() />
            <Route path=path!("/chats") view=ServedPage ssr=mode.clone() />
            <Route path=path!("/prompts") view=ServedPage ssr=mode.clone() />
            <Route path=path!("/artifacts") view=ServedPage ssr=mode.clone() />
            <Route path=path!("/artifacts/:id") view=ServedPage ssr=mode.clone() />
            <Route path=path!("/documents") view=DocumentsPage ssr=mode.clone() />
            <Route path=path!("/documents/:id") view=DocumentPage ssr=mode.clone() />
            <Route path=path!("/settings") view=ServedPage ssr=mode.clone() />
            <Route path=path!("/admin") view=AdminPage ssr=mode.clone() />
            <Route path=path!("/admin/:page") view=ServedPage ssr=mode.clone() />
            <Route path=path!("/account") view=ServedPage ssr=mode.clone() />
            <Route path=path!("/sign-in") view=SignInPage ssr=mode />
        </FlatRoutes>
    }
    .whole()
}

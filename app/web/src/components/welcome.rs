//! The first visit: what this is, three ways to begin, and where documents go.

use leptos::{prelude::*, server_fn::ServerFn};

use super::{DropZone, FileChooser, Icon, icon};
use crate::components::{Piece, Whole as _};
use crate::{
    api::{EXTRACTIVE, chats::SendMessage, documents::newest_subjects, load},
    state::{ChatState, Uploads, use_session, use_texts},
};

/// What stands in the place of a conversation that has not begun.
#[component]
pub(crate) fn Welcome(state: ChatState) -> impl IntoView {
    let t = use_texts();
    let session = use_session();
    let admin = session.as_ref().is_some_and(crate::state::Session::is_admin);
    let extractive = session.is_some_and(|session| untrack(|| session.answering()).id == EXTRACTIVE);
    let begin = if extractive {
        view! { <WithoutModel state=state admin=admin /> }.whole()
    } else {
        view! {
            <ul class="examples with-script" aria-label=t.examples>
                {[t.example_1, t.example_2, t.example_3].map(|text| example(state, text.to_owned())).collect_view()}
            </ul>
        }
        .whole()
    };
    view! {
        <section class="welcome">
            <h1>{t.welcome}</h1>
            <p>{t.welcome_line}</p>
            {begin}
            <DropZone public=false />
        </section>
    }
    .whole()
}

/// Without a model answers are extracts: only questions about what is there lead on, and documents, and a model.
#[component]
fn WithoutModel(state: ChatState, admin: bool) -> impl IntoView {
    let t = use_texts();
    let changed = use_context::<Uploads>().map(|uploads| uploads.changed);
    // Files that are dropped here can be asked about as soon as they are ready.
    let titles = load(move || changed.map(|changed| changed.get()).unwrap_or_default(), |_| newest_subjects());
    let questions = move || {
        Suspend::new(async move {
            let titles = titles.await.unwrap_or_default();
            let words = if titles.is_empty() { t.begin_with_document } else { t.attach };
            // Three ways are enough; the drop zone is there for documents, too.
            let upload = (titles.len() + usize::from(admin) < 3).then(|| upload(words));
            let questions = titles.into_iter().map(|title| example(state, t.what_does_it_say(&title))).collect_view();
            view! {
                {questions}
                {upload}
            }
            .whole()
        })
    };
    let connect = admin.then(|| {
        view! {
            <li>
                <a href="/settings#connection">
                    {icon(Icon::Key)}
                    {t.connect_for_answers}
                </a>
            </li>
        }
    });
    view! {
        <ul class="examples" aria-label=t.ways_to_begin>
            <Transition>{questions.whole()}</Transition>
            {connect}
        </ul>
    }
    .whole()
}

/// Opens the browser's chooser; without script, the page with the form.
fn upload(words: &'static str) -> Piece {
    view! {
        <li>
            <label class="with-script">
                <FileChooser public=false label=words />
                {icon(Icon::Upload)}
                {words}
            </label>
            <a class="without-script" href="/documents">
                {icon(Icon::Upload)}
                {words}
            </a>
        </li>
    }
    .whole()
}

/// A question that stands in the field at a click; without script it is sent.
fn example(state: ChatState, text: String) -> Piece {
    let field = text.clone();
    let shown = text.clone();
    let take_up = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        state.draft.set(Some(text.clone()));
    };
    view! {
        <li>
            <form method="post" action=SendMessage::url() on:submit=take_up>
                <input type="hidden" name="chat" value="" />
                <input type="hidden" name="text" value=field />
                <button type="submit">{shown}</button>
            </form>
        </li>
    }
    .whole()
}

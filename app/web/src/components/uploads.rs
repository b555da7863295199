//! Where files are dropped, and how far they are.

use leptos::{ev, prelude::*};

use super::{Icon, documents::StateOf, icon};
use crate::components::Whole as _;
use crate::state::{Upload, UploadState, Uploads, use_texts};

/// The kinds of file that can be read, for the browser's chooser.
const ACCEPT: &str = ".txt,.md,.markdown,.html,.htm,.pdf,.docx,text/*";

/// The kinds of image that can be asked about.
const IMAGES: &str = "image/png,image/jpeg,image/webp,image/gif";

/// Opens the browser's chooser; what is chosen is on its way at once. To stand in a label that looks like a button.
#[component]
pub(crate) fn FileChooser(
    public: bool,
    label: &'static str,
    /// Images can be asked about here.
    #[prop(optional)]
    images: bool,
) -> impl IntoView {
    let uploads = use_context::<Uploads>();
    let choose = move |event: ev::Event| {
        let input: web_sys::HtmlInputElement = event_target(&event);
        if let (Some(files), Some(uploads)) = (input.files(), uploads) {
            uploads.add(&files, public);
        }
        input.set_value("");
    };
    let accept = if images { format!("{ACCEPT},{IMAGES}") } else { ACCEPT.to_owned() };
    view! { <input type="file" multiple accept=accept aria-label=label on:change=choose /> }.whole()
}

/// A place for documents: drop, or choose. Without script it is a form.
#[component]
pub(crate) fn DropZone(public: bool) -> impl IntoView {
    let t = use_texts();
    view! {
        <div class="dropzone" data-public=public.then_some("true")>
            {icon(Icon::Upload)}
            <div>
                <strong>{t.drop_heading}</strong>
                {if public { t.drop_public_line } else { t.drop_line }}
            </div>
            <label class="button plain-line with-script">
                <FileChooser public=public label=t.choose_files />
                {t.choose_files}
            </label>
            <form class="without-script" method="post" action="/uploads" enctype="multipart/form-data">
                <input type="hidden" name="visibility" value=if public { "public" } else { "private" } />
                <input type="file" name="file" multiple required accept=ACCEPT aria-label=t.choose_files />
                <button class="button plain-line" type="submit">
                    {t.upload}
                </button>
            </form>
        </div>
    }
    .whole()
}

/// Files on their way, each with its state; nothing while there are none.
#[component]
pub(crate) fn UploadList() -> impl IntoView {
    let t = use_texts();
    let Some(uploads) = use_context::<Uploads>() else { return ().whole() };
    let any = Memo::new(move |_| uploads.list.with(|list| !list.is_empty()));
    let sum = move || {
        let (done, all) = uploads.progress();
        t.files_done(done, all)
    };
    (move || {
        any.get().then(|| {
            view! {
                <section class="uploads" aria-label=t.uploads>
                    <div class="sum" role="status">
                        <span>{sum}</span>
                        <button
                            class="button icon-only push"
                            type="button"
                            aria-label=t.clear_list
                            title=t.clear_list
                            on:click=move |_| uploads.clear()
                        >
                            {icon(Icon::Close)}
                        </button>
                    </div>
                    <ul class="upload-list">
                        <For
                            each=move || shown(uploads)
                            key=|upload| upload.id
                            children=move |upload| view! { <UploadRow upload=upload /> }.whole()
                        />
                    </ul>
                </section>
            }
            .whole()
        })
    })
    .whole()
}

/// Of very many files those that move or were refused come first, and no more than can be read.
fn shown(uploads: Uploads) -> Vec<Upload> {
    let mut list = uploads.list.get();
    if list.len() > 30 {
        list.sort_by_key(|upload| {
            upload.state.with(|state| match state {
                UploadState::Refused(_) => 0,
                UploadState::Sending(_) => 1,
                UploadState::Accepted(..) if !state.is_final() => 2,
                UploadState::Waiting => 3,
                UploadState::Accepted(..) => 4,
            })
        });
        list.truncate(30);
    }
    list
}

#[component]
fn UploadRow(upload: Upload) -> impl IntoView {
    let t = use_texts();
    let state = move || match upload.state.get() {
        UploadState::Waiting => view! { <span class="state">{t.waiting}</span> }.whole(),
        UploadState::Sending(share) => view! {
            <span class="state working">{t.uploading} " " {t.percent(share)}</span>
            <span class="bar" aria-hidden="true">
                <i style=format!("inline-size:{:.0}%", share * 100.0)></i>
            </span>
        }
        .whole(),
        UploadState::Accepted(_, Some(document)) => view! { <StateOf document=*document /> }.whole(),
        UploadState::Accepted(_, None) => view! { <span class="state working">{t.queued}</span> }.whole(),
        UploadState::Refused(words) => view! { <p class="problem" role="alert">{words}</p> }.whole(),
    };
    let same = move || {
        upload.same_as.get().map(|same| {
            view! {
                <p class="hint">
                    {t.same_file} " " <a href=format!("/documents/{}", same.id)>{same.title}</a> ". " {t.both_kept}
                </p>
            }
        })
    };
    view! {
        <li>
            <span class="name">{upload.name.get_value()}</span>
            {state}
            {same}
        </li>
    }
    .whole()
}

/// Files may be dropped anywhere. The page says so while they are over it.
#[component]
pub(crate) fn DropAnywhere() -> impl IntoView {
    let t = use_texts();
    let over = RwSignal::new(false);
    let uploads = use_context::<Uploads>();
    let carries_files =
        |event: &ev::DragEvent| event.data_transfer().is_some_and(|data| data.types().includes(&"Files".into(), 0));
    let enter = window_event_listener(ev::dragover, move |event| {
        if carries_files(&event) {
            event.prevent_default();
            // Told many times a second: what is shown already must not appear again.
            if !over.get_untracked() {
                over.set(true);
            }
        }
    });
    let leave = window_event_listener(ev::dragleave, move |event| {
        // Leaving one element for another is no leaving; leaving the window has no related target.
        if event.related_target().is_none() && over.get_untracked() {
            over.set(false);
        }
    });
    let drop = window_event_listener(ev::drop, move |event| {
        if !carries_files(&event) {
            return;
        }
        event.prevent_default();
        over.set(false);
        let public = document().query_selector(".dropzone[data-public]").ok().flatten().is_some();
        if let (Some(files), Some(uploads)) = (event.data_transfer().and_then(|data| data.files()), uploads) {
            uploads.add(&files, public);
        }
    });
    // A page that is left takes with it what has not been sent.
    let leaving = window_event_listener_untyped("beforeunload", move |event| {
        if uploads.is_some_and(|uploads| uploads.busy()) {
            event.prevent_default();
        }
    });
    on_cleanup(move || {
        enter.remove();
        leave.remove();
        drop.remove();
        leaving.remove();
    });
    move || {
        over.get().then(|| {
            let public = document().query_selector(".dropzone[data-public]").ok().flatten().is_some();
            view! {
                <div class="drop-here">
                    {t.drop_to_upload} <small>{if public { t.drop_public_line } else { t.drop_line }}</small>
                </div>
            }
            .whole()
        })
    }
}

//! Files on their way: sent three at a time, each with its progress, then followed until they can be searched.

use std::{collections::VecDeque, time::Duration};

use cjhirashi_domain::{
    document::{Document, DocumentStatus},
    id::DocumentId,
};
use leptos::{prelude::*, task::spawn_local};
use serde::Deserialize;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{File, FileList, FormData, ProgressEvent, XmlHttpRequest};

use super::{Images, browser};
use crate::{
    api::documents::document_states,
    texts::{Texts, said},
};

/// Files sent at the same time.
const AT_ONCE: usize = 3;
/// The server's limit for one file; larger ones are refused before they travel.
const MAX_BYTES: f64 = 50.0 * 1024.0 * 1024.0;
/// How often the states of accepted documents are asked for.
const POLL: Duration = Duration::from_millis(900);
/// How long a list in which all went well can still be read.
const FOLD: Duration = Duration::from_secs(6);

/// Where one file is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum UploadState {
    Waiting,
    /// Share sent, 0 to 1.
    Sending(f64),
    /// Accepted; the document as it was last seen, once it was.
    Accepted(DocumentId, Option<Box<Document>>),
    /// Refused: what to do.
    Refused(String),
}

impl UploadState {
    /// Nothing more will happen.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Waiting | Self::Sending(_) => false,
            Self::Accepted(_, document) => document.as_ref().is_some_and(|document| !document.status.moves()),
            Self::Refused(_) => true,
        }
    }
}

/// One file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upload {
    pub(crate) id: u32,
    pub(crate) name: StoredValue<String>,
    pub(crate) state: RwSignal<UploadState>,
    /// A document that was there before with the very same file.
    pub(crate) same_as: RwSignal<Option<SameFile>>,
}

impl Upload {
    /// Somebody should look at it: it failed, or was there before.
    fn needs_eyes(&self) -> bool {
        self.same_as.with_untracked(Option::is_some)
            || self.state.with_untracked(|state| match state {
                UploadState::Refused(_) => true,
                UploadState::Accepted(_, document) => {
                    document.as_ref().is_some_and(|document| document.status == DocumentStatus::Failed)
                }
                UploadState::Waiting | UploadState::Sending(_) => false,
            })
    }
}

/// A document with the same file as one that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct SameFile {
    pub(crate) id: DocumentId,
    pub(crate) title: String,
}

/// All files of this page.
#[derive(Clone, Copy)]
pub(crate) struct Uploads {
    /// Where images go that are dropped beside a field for questions.
    images: Images,
    pub(crate) list: RwSignal<Vec<Upload>>,
    /// Grows when a document came or changed, for lists that show documents.
    pub(crate) changed: RwSignal<u32>,
    /// In the browser alone: the server may drop what a page was made of on another thread than made it, which values
    /// that belong to one thread answer with a panic.
    queue: Option<StoredValue<VecDeque<(Upload, File, bool)>, LocalStorage>>,
    /// Whose the signals of each file are: the frame, since files outlive the page they were dropped on. In the browser
    /// alone, where the frame lives as long as the program.
    owner: StoredValue<Option<Owner>>,
    sending: RwSignal<usize>,
    /// Whether accepted documents are being followed.
    pub(crate) polling: RwSignal<bool>,
    next: RwSignal<u32>,
    texts: &'static Texts,
}

/// What the server says to an upload.
#[derive(Default, Deserialize)]
pub(super) struct Answer {
    /// The id of an image that was kept.
    pub(super) image: Option<String>,
    #[serde(default)]
    documents: Vec<AnsweredDocument>,
    #[serde(default)]
    errors: Vec<AnsweredError>,
    /// Why nothing of it was looked at.
    pub(super) error: Option<AnsweredError>,
}

#[derive(Deserialize)]
struct AnsweredDocument {
    id: DocumentId,
    same_as: Option<SameFile>,
}

#[derive(Deserialize)]
pub(super) struct AnsweredError {
    pub(super) message: String,
}

impl Uploads {
    pub(crate) fn new(images: Images, texts: &'static Texts) -> Self {
        Self {
            images,
            list: RwSignal::new(Vec::new()),
            changed: RwSignal::new(0),
            queue: cfg!(feature = "hydrate").then(|| StoredValue::new_local(VecDeque::new())),
            owner: StoredValue::new(if cfg!(feature = "hydrate") { Owner::current() } else { None }),
            sending: RwSignal::new(0),
            polling: RwSignal::new(false),
            next: RwSignal::new(0),
            texts,
        }
    }

    /// Takes files to send; into the knowledge base when `public`.
    pub(crate) fn add(self, files: &FileList, public: bool) {
        let mut new = Vec::new();
        for file in (0..files.length()).filter_map(|index| files.item(index)) {
            if Images::wants(&file) {
                self.images.add(&file);
                continue;
            }
            let id = self.next.get_untracked();
            self.next.set(id + 1);
            let state = if file.size() > MAX_BYTES {
                self.refused(said!(DocumentTooLarge))
            } else if file.size() == 0.0 {
                self.refused(said!(DocumentEmpty))
            } else {
                UploadState::Waiting
            };
            let make = || Upload {
                id,
                name: StoredValue::new(file.name()),
                state: RwSignal::new(state.clone()),
                same_as: RwSignal::new(None),
            };
            let upload = self.owner.with_value(|owner| match owner {
                Some(owner) => owner.with(make),
                None => make(),
            });
            if state == UploadState::Waiting
                && let Some(queue) = self.queue
            {
                queue.update_value(|queue| queue.push_back((upload, file, public)));
            }
            new.push(upload);
        }
        self.list.update(|list| list.extend(new));
        self.pump();
    }

    /// Whether files are on their way, or wait for it.
    pub(crate) fn busy(&self) -> bool {
        self.sending.get_untracked() > 0
    }

    /// How many are done, and how many there are.
    pub(crate) fn progress(&self) -> (usize, usize) {
        self.list
            .with(|list| (list.iter().filter(|upload| upload.state.with(UploadState::is_final)).count(), list.len()))
    }

    /// Forgets what is done.
    pub(crate) fn clear(self) {
        self.list.update(|list| list.retain(|upload| !upload.state.with_untracked(UploadState::is_final)));
    }

    fn pump(self) {
        while self.sending.get_untracked() < AT_ONCE {
            let Some((upload, file, public)) =
                self.queue.and_then(|queue| queue.try_update_value(VecDeque::pop_front)).flatten()
            else {
                return;
            };
            self.sending.update(|sending| *sending += 1);
            if self.send(upload, &file, public).is_none() {
                self.finished(upload, None);
            }
        }
    }

    fn send(self, upload: Upload, file: &File, public: bool) -> Option<()> {
        upload.state.set(UploadState::Sending(0.0));
        let form = FormData::new().ok()?;
        // The text fields first: the server reads the stream in order.
        form.append_with_str("visibility", if public { "public" } else { "private" }).ok()?;
        form.append_with_blob_and_filename("file", file, &file.name()).ok()?;
        let request = XmlHttpRequest::new().ok()?;
        request.open("POST", "/uploads").ok()?;
        request.set_request_header("Accept", "application/json").ok()?;
        let progress = Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| {
            if event.length_computable() && event.total() > 0.0 {
                upload.state.set(UploadState::Sending(event.loaded() / event.total()));
            }
        });
        request.upload().ok()?.set_onprogress(Some(progress.as_ref().unchecked_ref()));
        let done = {
            let request = request.clone();
            // Keeps the listener for progress as long as the request lasts.
            Closure::once_into_js(move |_: ProgressEvent| {
                drop(progress);
                self.finished(upload, Some(&request));
            })
        };
        request.set_onloadend(Some(done.unchecked_ref()));
        request.send_with_opt_form_data(Some(&form)).ok()
    }

    fn finished(self, upload: Upload, request: Option<&XmlHttpRequest>) {
        self.sending.update(|sending| *sending = sending.saturating_sub(1));
        let status = request.and_then(|request| request.status().ok()).unwrap_or_default();
        let text = request.and_then(|request| request.response_text().ok().flatten()).unwrap_or_default();
        let answer = serde_json::from_slice::<Answer>(text.as_bytes()).ok();
        let Answer { documents, errors, error, .. } = answer.unwrap_or_default();
        if let Some(document) = documents.into_iter().next() {
            upload.same_as.set(document.same_as);
            self.accepted(upload, document.id);
        } else {
            let words = errors.into_iter().chain(error).next().map(|error| error.message);
            let unknown = if status == 0 { self.texts.unreachable } else { self.texts.said(said!(Internal)) };
            upload.state.set(UploadState::Refused(words.unwrap_or_else(|| unknown.to_owned())));
        }
        self.pump();
    }

    fn accepted(self, upload: Upload, id: DocumentId) {
        upload.state.set(UploadState::Accepted(id, None));
        if !self.polling.get_untracked() {
            self.polling.set(true);
            self.poll_later();
        }
    }

    fn poll_later(self) {
        set_timeout(move || spawn_local(self.poll()), POLL);
    }

    /// Asks where the accepted documents stand, until all are ready or failed.
    async fn poll(self) {
        let unfinished: Vec<DocumentId> = self.list.with_untracked(|list| {
            list.iter()
                .filter_map(|upload| {
                    upload.state.with_untracked(|state| match state {
                        UploadState::Accepted(id, _) if !state.is_final() => Some(id.clone()),
                        _ => None,
                    })
                })
                .take(100)
                .collect()
        });
        if unfinished.is_empty() {
            self.polling.set(false);
            self.fold_later();
            return;
        }
        if let Ok(documents) = document_states(unfinished.clone()).await {
            for upload in self.list.get_untracked() {
                let id = upload.state.with_untracked(|state| match state {
                    UploadState::Accepted(id, _) if unfinished.contains(id) => Some(id.clone()),
                    _ => None,
                });
                let Some(id) = id else { continue };
                upload.state.set(match documents.iter().find(|document| document.id == id) {
                    Some(document) => UploadState::Accepted(id, Some(Box::new(document.clone()))),
                    // Deleted meanwhile.
                    None => self.refused(said!(DocumentNotFound)),
                });
            }
            self.changed.update(|changed| *changed = changed.wrapping_add(1));
        }
        self.poll_later();
    }

    /// The list goes by itself when all is done and nothing in it needs somebody's eyes, unless somebody is in it.
    fn fold_later(self) {
        set_timeout(
            move || {
                let (done, all) = untrack(|| self.progress());
                if all == 0 || done < all || self.list.with_untracked(|list| list.iter().any(Upload::needs_eyes)) {
                    return;
                }
                if browser::exists(".uploads:is(:hover, :focus-within)") {
                    self.fold_later();
                } else {
                    self.clear();
                }
            },
            FOLD,
        );
    }

    fn refused(&self, words: [&'static str; 2]) -> UploadState {
        UploadState::Refused(self.texts.said(words).to_owned())
    }
}

//! Images that go along with the next question: each is with the server before the question is sent.

use leptos::{prelude::*, task::spawn_local};
use web_sys::{File, FormData};

use super::{Notices, browser, uploads::Answer};
use crate::texts::{Texts, said};

/// Under which name the browser keeps which ones there are.
const KEPT: &str = "images";

/// The server's limit for one file; larger ones are refused before they travel.
const MAX_BYTES: f64 = 20.0 * 1024.0 * 1024.0;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attached {
    pub(crate) key: u32,
    /// Its id there, of letters and digits; `None` while it is on its way.
    pub(crate) id: Option<String>,
}

/// Those of the field where questions are written.
#[derive(Clone, Copy)]
pub(crate) struct Images {
    pub(crate) list: RwSignal<Vec<Attached>>,
    /// Whether they are those of a question that is being changed; meanwhile those of the draft are kept.
    changing: StoredValue<bool>,
    notices: Notices,
    texts: &'static Texts,
}

impl Images {
    pub(crate) fn new(notices: Notices, texts: &'static Texts) -> Self {
        Self { list: RwSignal::new(Vec::new()), changing: StoredValue::new(false), notices, texts }
    }

    /// Whether a file can be asked about here: it is an image, and there is a field for questions.
    pub(crate) fn wants(file: &File) -> bool {
        file.type_().starts_with("image/") && browser::exists("#composer")
    }

    /// Sends an image ahead of its question.
    pub(crate) fn add(self, file: &File) {
        if file.size() > MAX_BYTES {
            return self.notices.fail(self.texts.said(said!(ImageInvalid)));
        }
        if self.list.with_untracked(Vec::len) >= cjhirashi_domain::chat::MessageImage::MOST {
            return self.notices.fail(self.texts.said(said!(ImagesTooMany)));
        }
        let Ok(form) = FormData::new() else { return };
        if form.append_with_blob("file", file).is_err() {
            return;
        }
        let key = browser::turn();
        self.list.update(|list| list.push(Attached { key, id: None }));
        spawn_local(async move {
            let answer = browser::post("/images", &form).await;
            let text = answer.map(|(_, text)| text).unwrap_or_default();
            let Answer { image, error, .. } = serde_json::from_slice(text.as_bytes()).unwrap_or_default();
            let Some(id) = image else {
                self.notices.fail(error.map_or_else(|| self.texts.unreachable.to_owned(), |error| error.message));
                return self.remove(key);
            };
            self.list.update(|list| {
                if let Some(attached) = list.iter_mut().find(|attached| attached.key == key) {
                    attached.id = Some(id);
                }
            });
            self.keep();
        });
    }

    /// Those that there are, as HTML: each with a button that removes it.
    pub(crate) fn html(self, close: &str) -> String {
        let words = self.texts.remove_filter;
        let item = |attached: &Attached| {
            let image = attached.id.as_ref().map_or_else(
                || "<li aria-busy=\"true\">".to_owned(),
                |id| format!("<li><img src=\"/images/{id}\" alt=\"{}\">", self.texts.image),
            );
            let key = attached.key;
            format!(
                "{image}<button class=\"button icon-only\" type=\"button\" value=\"{key}\" aria-label=\"{words}\">{close}</button></li>"
            )
        };
        self.list.with(|list| list.iter().map(item).collect())
    }

    pub(crate) fn remove(self, key: u32) {
        self.list.update(|list| list.retain(|attached| attached.key != key));
        self.keep();
    }

    /// Takes them for a question; `None` while one is still on its way. They are kept until the server has the question, see
    /// [`Self::keep`].
    pub(crate) fn take(self) -> Option<Vec<String>> {
        let ids: Option<Vec<String>> =
            self.list.with_untracked(|list| list.iter().map(|attached| attached.id.clone()).collect());
        let ids = ids?;
        self.list.set(Vec::new());
        Some(ids)
    }

    /// Takes up those of a question that is to be changed, by their addresses or ids, instead of the draft's.
    pub(crate) fn change(self, addresses: Vec<String>) {
        self.changing.set_value(true);
        self.list.set(Vec::new());
        self.put_back(addresses.iter().filter_map(|at| at.rsplit('/').next().map(str::to_owned)).collect());
    }

    /// Keeps the draft's over a reload, as what is typed is.
    pub(crate) fn keep(self) {
        if self.changing.get_value() {
            return;
        }
        let mut kept = String::new();
        self.list.with_untracked(|list| {
            for id in list.iter().filter_map(|attached| attached.id.as_deref()) {
                kept.push_str(id);
                kept.push(',');
            }
        });
        browser::remember(KEPT, &kept);
    }

    /// Takes up the draft's again.
    pub(crate) fn recall(self) {
        if self.changing.try_update_value(std::mem::take) == Some(true) {
            self.list.set(Vec::new());
        }
        if let Some(kept) = browser::recall(KEPT)
            && self.list.with_untracked(Vec::is_empty)
        {
            self.put_back(kept.split_terminator(',').map(str::to_owned).collect());
        }
    }

    /// Puts back what could not be sent.
    pub(crate) fn put_back(self, ids: Vec<String>) {
        let back = ids.into_iter().map(|id| Attached { key: browser::turn(), id: Some(id) });
        self.list.update(|list| list.splice(..0, back).for_each(drop));
        self.keep();
    }
}

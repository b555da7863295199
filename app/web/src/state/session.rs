//! Who is here, and in which language.

use std::{ops::Deref, sync::Arc};

use cjhirashi_domain::settings::Language;
use leptos::prelude::*;

use crate::{
    api::session::{ModelView, SessionView},
    texts::Texts,
};

/// The session of this page; read once, kept until the page is loaded again.
#[derive(Debug, Clone)]
pub(crate) struct Session(Arc<SessionView>, RwSignal<ModelView>);

impl Session {
    pub(crate) fn new(view: SessionView) -> Self {
        let model = RwSignal::new(view.model.clone());
        Self(Arc::new(view), model)
    }

    /// The model that answers; the settings may change it while the page is open.
    pub(crate) fn answering(&self) -> ModelView {
        self.1.get()
    }

    pub(crate) fn set_model(&self, model: ModelView) {
        self.1.set(model);
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.user.role >= cjhirashi_domain::user::Role::Admin
    }
}

impl Deref for Session {
    type Target = SessionView;

    fn deref(&self) -> &SessionView {
        &self.0
    }
}

/// The language of the page, also where nobody is signed in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageLanguage(pub(crate) Language);

/// The session, where somebody is signed in.
pub(crate) fn use_session() -> Option<Session> {
    use_context::<Session>()
}

/// The words of the page's language.
pub(crate) fn use_texts() -> &'static Texts {
    Texts::of(use_context::<PageLanguage>().map_or(Language::Es, |language| language.0))
}

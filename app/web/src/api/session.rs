//! Who is here and what every page says: read once per page load.

use cjhirashi_domain::{Timestamp, settings::UserSettings, user::User};
use serde::{Deserialize, Serialize};

/// What every page knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionView {
    /// The person.
    pub(crate) user: User,
    /// Their settings.
    pub(crate) settings: UserSettings,
    /// The server's time when the page was made.
    pub(crate) now: Timestamp,
    /// Minutes east of UTC.
    pub(crate) utc_offset: i32,
    /// The model that answers.
    pub(crate) model: ModelView,
    /// The program's version.
    pub(crate) version: String,
}

/// The model that answers, and the one that was wanted when that is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModelView {
    /// Which.
    pub(crate) id: String,
    /// Wanted, but retired or not available.
    pub(crate) instead_of: Option<String>,
}

/// The session of the request whose page is being made. Server only; the browser reads what the server wrote.
#[cfg(feature = "ssr")]
pub(crate) fn load_session() -> Option<SessionView> {
    let who = super::server::request_session()?;
    let services = leptos::prelude::use_context::<crate::Services>()?;
    Some(SessionView {
        model: model_view(&services, &who.settings.default_model),
        user: who.user,
        settings: who.settings,
        now: services.store.now(),
        utc_offset: super::server::utc_offset_of_request(),
        version: services.instance.version.to_owned(),
    })
}

/// In the browser there is no session but the one that the page brought.
#[cfg(not(feature = "ssr"))]
pub(crate) fn load_session() -> Option<SessionView> {
    None
}

/// Which model answers a person who wants `wanted`.
#[cfg(feature = "ssr")]
pub(crate) fn model_view(services: &crate::Services, wanted: &str) -> ModelView {
    let resolved = services.models.resolve(wanted);
    ModelView { id: resolved.id, instead_of: resolved.instead_of }
}

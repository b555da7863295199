//! What administrators see beyond their own things.

use cjhirashi_domain::{Timestamp, user::UserSummary};
use leptos::server;
use serde::{Deserialize, Serialize};

use super::Failure;

/// The people of this instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeopleView {
    pub(crate) people: Vec<UserSummary>,
    pub(crate) now: Timestamp,
}

/// Everybody who has an account.
#[server(prefix = "/fn", endpoint = "list_people")]
pub(crate) async fn list_people() -> Result<PeopleView, Failure> {
    use super::server::{admin, services};
    admin()?;
    let services = services()?;
    Ok(PeopleView { people: services.store.list_users().await?, now: services.store.now() })
}

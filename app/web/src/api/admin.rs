//! What administrators see beyond their own things.

use cjhirashi_domain::order::{Order, PersonColumn};
use leptos::server;
use leptos_router::params::ParamsMap;
use serde::{Deserialize, Serialize};

use super::{Failure, Served};

/// The list of people.
pub(crate) const PEOPLE: &str = "/admin/people";
/// People on one page of it.
#[cfg(feature = "ssr")]
pub(crate) const PAGE_SIZE: u32 = 50;

/// What of the list is shown, as its address says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeopleAsked {
    /// Words to search for.
    pub(crate) words: String,
    pub(crate) order: Option<Order<PersonColumn>>,
    /// From 1.
    pub(crate) page: u32,
}

impl PeopleAsked {
    /// Reads an address.
    pub(crate) fn read(query: &ParamsMap) -> Self {
        let text = |name: &str| query.get(name).unwrap_or_default();
        Self { words: text("q"), order: Order::parse(&text("sort")), page: text("page").parse().unwrap_or(1).max(1) }
    }

    /// The address: what [`PeopleAsked::read`] reads.
    #[cfg(feature = "ssr")]
    pub(crate) fn address(&self) -> String {
        super::list_address(PEOPLE, &[("q", &self.words)], self.order, self.page)
    }
}

/// People who have an account.
#[server(prefix = "/fn", endpoint = "list_people", input = leptos::server_fn::codec::Json)]
pub(crate) async fn list_people(asked: PeopleAsked) -> Result<Served, Failure> {
    use super::server::{admin, services};
    use crate::texts::Texts;
    use cjhirashi_domain::text::QueryText;
    use cjhirashi_storage::PeopleFilter;
    let (who, services) = (admin()?, services()?);
    let filter = PeopleFilter {
        query: QueryText::parse(&asked.words.chars().take(200).collect::<String>()).ok(),
        order: asked.order,
        page: asked.page,
        page_size: PAGE_SIZE,
    };
    let list = services.store.list_users(&filter).await?;
    let html = crate::served::people(Texts::of(who.settings.language), &asked, list, services.store.now());
    Ok(Served { html, moves: false })
}

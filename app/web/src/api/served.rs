//! Pages that the server makes alone: one call for all of them.

use leptos::server;
use serde::{Deserialize, Serialize};

use super::{Failure, WithoutHtml};

/// A page that the server made alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServedPage {
    /// What the browser's tab says.
    pub(crate) title: String,
    /// Safe HTML.
    pub(crate) html: String,
    /// It will look different soon by itself.
    pub(crate) moves: bool,
}

impl WithoutHtml for ServedPage {
    fn without_html(&self) -> Self {
        Self { title: self.title.clone(), html: String::new(), moves: self.moves }
    }
}

/// The page at a path, with what the address says after it.
#[server(prefix = "/fn", endpoint = "serve_page", input = leptos::server_fn::codec::Json)]
pub(crate) async fn serve_page(path: String, query: String) -> Result<ServedPage, Failure> {
    use super::{account, admin, artifacts, library, models, prompts, server::fail, settings, sync};
    let query = super::server::Asked::read(&query);
    match path.trim_end_matches('/') {
        account::ACCOUNT => account::page(&query).await,
        artifacts::ARTIFACTS => artifacts::page(&query).await,
        admin::PEOPLE => admin::people_page(&query).await,
        models::MODELS => models::page(&query).await,
        admin::AUDIT => admin::audit_page(&query).await,
        library::CHATS => library::page(&query).await,
        prompts::PROMPTS => prompts::page(&query).await,
        settings::SETTINGS => settings::page(&query).await,
        sync::SYNC => sync::page(&query).await,
        path => match path.strip_prefix(artifacts::ARTIFACTS).and_then(|rest| rest.strip_prefix('/')) {
            Some(id) => artifacts::one(id, &query).await,
            None => Err(fail(cjhirashi_domain::ErrorCode::NotFound)),
        },
    }
}

/// The ways in, for whoever is not signed in.
#[server(prefix = "/fn", endpoint = "sign_in_ways", input = leptos::server_fn::codec::Json)]
pub(crate) async fn sign_in_ways() -> Result<super::Served, Failure> {
    use super::server::{language_of_request, services};
    let services = services()?;
    let providers: Vec<_> = services.sign_in.providers().map(|(id, name)| (id, name.to_owned())).collect();
    let html = crate::served::sign_in(language_of_request(), &providers);
    Ok(super::Served { html, moves: false })
}

//! Server functions, one file per area, and the shapes they send.
//!
//! Each is a public endpoint: it asks who calls, calls a service, and maps the result. Commands take plain strings, so
//! that a form without script can call them too; they then answer with a redirect ([`server::forward`]).

pub(crate) mod account;
pub(crate) mod admin;
pub(crate) mod artifacts;
pub(crate) mod chats;
pub(crate) mod choices;
pub(crate) mod conversation;
pub(crate) mod documents;
mod failure;
pub(crate) mod library;
pub(crate) mod models;
pub(crate) mod prompts;
pub(crate) mod served;
#[cfg(feature = "ssr")]
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod sync;

use cjhirashi_domain::order::{Column, Order};
use leptos_router::params::ParamsMap;

pub use failure::Failure;

/// Where server functions live.
pub const PREFIX: &str = "/fn";

/// The id of the answerer that quotes passages instead of writing.
pub(crate) const EXTRACTIVE: &str = "extractive";

/// How data travels inside a page. The same reader as for answers of server functions: JSON from bytes; the usual
/// codec reads from text, and every type would bring its reader twice.
pub(crate) struct InPage;

impl<T: serde::Serialize> codee::Encoder<T> for InPage {
    type Error = serde_json::Error;
    type Encoded = String;

    fn encode(value: &T) -> Result<String, serde_json::Error> {
        serde_json::to_string(value)
    }
}

impl<T: serde::de::DeserializeOwned> codee::Decoder<T> for InPage {
    type Error = serde_json::Error;
    type Encoded = str;

    fn decode(text: &str) -> Result<T, serde_json::Error> {
        serde_json::from_slice(text.as_bytes())
    }
}

/// The address of a list: what is shown of it, in which order, and which page.
pub(crate) fn list_address<C: Column>(
    path: &str,
    filters: &[(&'static str, &str)],
    order: Option<Order<C>>,
    page: u32,
) -> String {
    let mut query = ParamsMap::new();
    for (name, value) in filters.iter().filter(|(_, value)| !value.is_empty()) {
        query.insert(*name, (*value).to_owned());
    }
    if let Some(order) = order {
        query.insert("sort", order.to_string());
    }
    if page > 1 {
        query.insert("page", page.to_string());
    }
    format!("{path}{}", query.to_query_string())
}

/// What a page is made of, loaded before it is sent.
pub(crate) type Loaded<T> = leptos::prelude::Resource<Result<T, Failure>, InPage>;

/// Loads what a page is made of; again whenever `source` changes.
pub(crate) fn load<S, T, F>(
    source: impl Fn() -> S + Send + Sync + 'static,
    fetch: impl Fn(S) -> F + Send + Sync + 'static,
) -> Loaded<T>
where
    S: PartialEq + Clone + Send + Sync + 'static,
    T: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    leptos::prelude::Resource::new_with_options(source, fetch, true)
}

/// Shown by the server, then taken over by the browser: large HTML is already in the page, so it is left out of the
/// data that travels beside it. Hydration does not write `inner_html`, so nothing is lost.
pub(crate) trait WithoutHtml: Clone {
    /// The same without what the page already shows.
    fn without_html(&self) -> Self;
}

/// A value whose HTML is not sent twice; see [`WithoutHtml`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: WithoutHtml + serde::Serialize> serde::Serialize for Shown<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.without_html().serialize(serializer)
    }
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Shown<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

/// A part of a page that the server made alone.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Served {
    /// Safe HTML.
    pub(crate) html: String,
    /// It will look different soon by itself.
    pub(crate) moves: bool,
}

impl WithoutHtml for Served {
    fn without_html(&self) -> Self {
        Self { html: String::new(), moves: self.moves }
    }
}

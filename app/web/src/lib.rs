//! The pages: Leptos components, their state in the browser, and the server functions they call.
//!
//! Compiled twice. With `ssr` it renders pages and answers server functions inside the server; with `hydrate` it is
//! what the browser runs. Nothing of the server's (SQL, HTTP clients, Markdown) may reach the second build; a test
//! asserts it. A server function is three lines: who is asking, call the service, map the result.
//!
//! For the binary:
//! - [`shell`] is the document, [`App`] its body; render with `leptos_routes_with_context`.
//! - Provide [`Services`] in every context, and put [`SignedIn`] into the request's extensions when somebody is.
//! - Server functions live under [`api::PREFIX`].
//! - Call [`restore_model_connection`] once at start.
//!
//! To add a page: a module in `pages/`, a `Route` in `app.rs`, its words in `texts.rs` (a missing one does not
//! compile). To add a server function: a function in the file of its area under `api/`.

#![recursion_limit = "256"]
#![expect(unreachable_pub, reason = "the component macro makes the properties of every component public")]

pub mod api;
mod app;
mod components;
#[cfg(feature = "ssr")]
mod connection;
#[cfg(feature = "ssr")]
mod connection_problem;
mod pages;
#[cfg(feature = "ssr")]
mod served;
#[cfg(feature = "ssr")]
mod services;
#[cfg(feature = "ssr")]
mod shell;
mod state;
mod texts;

#[cfg(feature = "ssr")]
pub use api::{account::MadeKey, server::ClientIp};
pub use app::App;
pub use cjhirashi_domain::user::SignedIn;
#[cfg(feature = "ssr")]
pub use connection::restore_model_connection;
#[cfg(feature = "ssr")]
pub use served::{artifact_history, onward, receipt, shared, shared_artifact, workshop};
#[cfg(feature = "ssr")]
pub use services::{Assets, Instance, Services};
#[cfg(feature = "ssr")]
pub use shell::shell;

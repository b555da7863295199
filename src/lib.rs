//! The one binary: wiring and plain HTTP, no business rules.
//!
//! A library beside the thin `main.rs`. Where to look:
//!
//! | module | what |
//! |---|---|
//! | [`cli`] | the subcommands, one file each |
//! | [`config`] | every variable, read and checked once |
//! | [`embedded`] | which database: the configured one, or our own under the data folder |
//! | [`pinecone`] | which Pinecone index, where one is configured |
//! | [`state`] | the services, made and connected |
//! | [`lifecycle`] | serve until told to stop, then stop in order |
//! | [`indexes`] | vector indexes and embedding models, opened as configured |
//! | [`model_file`] | the local embedding model, fetched when it is missing |
//! | [`telemetry`] | logs and metrics |
//! | [`http`] | router, layers and handlers |
//!
//! To add a setting: its line in `config::VARIABLES`, a field in [`config::Config`], its row in the README. To add a
//! command: a file in `cli/` and its variant in [`cli::Command`].

pub mod cli;
pub mod config;
mod connections;
pub mod embedded;
pub mod http;
pub mod indexes;
pub mod lifecycle;
pub mod model_file;
pub mod pinecone;
pub mod state;
pub mod telemetry;

pub use state::AppState;

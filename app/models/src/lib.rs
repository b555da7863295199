//! Chat and embedding models: the providers' wire formats, their errors, retired names, and the embedding model that
//! works without any key.
//!
//! The rest of the product knows two traits, [`Embedder`] and [`ChatModel`], and the [`ModelRegistry`] that hands
//! them out. This crate may not touch the database, and nothing in it decides what is asked.
//!
//! To add a chat provider: a variant of `Provider` in `providers`, its way of asking in `providers/`, its line in
//! the registry's list, and a test against a server on loopback that speaks its wire format.
//! To add an embedding provider: its wire format in `embedders/wire.rs`, a variant of [`EmbeddingChoice`], its curve in
//! `calibration`.

mod calibration;
mod chat;
mod config;
mod embedders;
mod embedding;
mod error;
mod http;
pub mod local;
mod loopback;
mod measured;
mod providers;
mod registry;
mod retired;
mod sse;
mod tokens;

pub use chat::{ChatDelta, ChatImage, ChatModel, ChatRequest, ChatStream, ChatTurn, FinishReason, RESPONSE_FORMAT};
pub use cjhirashi_domain::spending::Price;
pub use cjhirashi_outbound::Secret;
pub use config::{Connection, EmbeddingChoice, ModelsConfig};
pub use embedding::{Embedded, Embedder, InputKind, Measure};
pub use error::{ModelError, Outage, some_of};
pub use registry::{EXTRACTIVE, LocalServer, ModelInfo, ModelRegistry, ResolvedModel};

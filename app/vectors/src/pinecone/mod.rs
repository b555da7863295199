//! Pinecone: the index of a service, for many replicas and many vectors.
//!
//! | module | knows |
//! |---|---|
//! | `api` | what depends on the version of Pinecone's API |
//! | `settings` | names, addresses and regions, parsed |
//! | `client`, `retry`, `error` | one call over HTTP: key, time limits, tries, headers, errors, read units |
//! | `control` | indexes: create, describe, wait, delete |
//! | `data`, `wire` | one namespace of an index: upsert, query, fetch, list, delete, count |
//! | `batch` | requests that are small enough |
//! | `metadata` | what is kept beside a vector: the ADR's `PineconeMetadata` |
//! | `listing` | names in order, page by page |
//! | `index` | all of it as a [`crate::VectorIndex`] |
//!
//! Writes are seen some time after they are accepted. Every accepted write has a place in the log of its namespace, and
//! every answer says how far in the log it had seen: [`crate::Written`] and [`crate::Answer`] carry both. Where the
//! service keeps silent about what it drops or rounds, this client refuses: see `metadata`.

mod api;
mod batch;
mod client;
mod control;
mod data;
mod error;
mod index;
mod listing;
mod metadata;
#[cfg(test)]
mod recorded;
mod settings;
mod wire;

pub use api::IndexDescription;
pub use control::{Creation, PineconeControl};
pub use data::PineconeData;
pub use error::PineconeError;
pub use index::{PineconeIndex, PineconeOptions};
pub use settings::{Deployment, Host, IndexName, IndexSpec, InvalidPineconeSetting, Namespace};
pub use wire::{FetchedVector, IndexCounts, ListPage, NamespaceCount};

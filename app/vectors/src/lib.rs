//! Vector indexes: from a question's vector to the nearest chunks.
//!
//! Every index is a [`VectorIndex`]; the rest of the product knows nothing else of it. An index is a **cache of
//! PostgreSQL** and holds no truth: it answers with chunk keys and cosines, and text, title and access are read from
//! PostgreSQL afterwards. It may therefore be behind, empty or gone, and nothing wrong is ever shown. This crate may
//! not touch the database: what an index holds is fed to it.
//!
//! [`EmbeddedIndex`] lives in this process and needs nothing; see its documentation for the way it works.
//! [`pinecone::PineconeIndex`] is a service, shared by many replicas.
//!
//! To add an index: a module with a type that implements [`VectorIndex`], and the conformance suite of
//! `tests/indexes/suite.rs` run over it.

mod custom;
mod embedded;
mod index;
pub mod pinecone;

pub use custom::{CustomMetadata, CustomValue, InvalidCustomMetadata};
pub use embedded::{EmbeddedIndex, EmbeddedOptions, FedVector, Holding, OpenReport};
pub use index::{
    Answer, ChunkKey, Consistency, DocumentMetadata, IndexError, IndexFilter, IndexQuery, IndexStats, InvalidChunkKey,
    Match, VectorIndex, VectorRecord, Written,
};

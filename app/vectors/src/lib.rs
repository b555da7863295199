//! Vector indexes: from a question's vector to the nearest chunks.
//!
//! Every index is a [`VectorIndex`]; the rest of the product knows nothing else of it. An index is a **cache of
//! PostgreSQL** and holds no truth: it answers with chunk keys and cosines, and text, title and access are read from
//! PostgreSQL afterwards. It may therefore be behind, empty or gone, and nothing wrong is ever shown. This crate may
//! not touch the product's tables: what an index holds is fed to it.
//!
//! | index | lives in | for whom |
//! |---|---|---|
//! | [`EmbeddedIndex`] | this process | everybody who starts; needs nothing |
//! | [`PgVectorIndex`] | PostgreSQL with pgvector, in a schema of its own | one database and nothing beside it |
//! | [`QdrantIndex`] | Qdrant, over its REST API | those who run one already |
//! | [`pinecone::PineconeIndex`] | Pinecone, a service | many replicas and nothing to run |
//!
//! To add an index: a module with a type that implements [`VectorIndex`], and the conformance suite of
//! `tests/indexes/suite.rs` run over it.

mod custom;
mod embedded;
mod http;
mod index;
mod pgvector;
pub mod pinecone;
mod qdrant;
mod retry;
mod vector;

pub use custom::{CustomMetadata, CustomValue, InvalidCustomMetadata};
pub use embedded::{EmbeddedIndex, EmbeddedOptions, FedVector, Holding, OpenReport};
pub use index::{
    Answer, ChunkKey, Consistency, DocumentMetadata, IndexError, IndexFilter, IndexQuery, IndexStats, InvalidChunkKey,
    Match, VectorIndex, VectorRecord, Written,
};
pub use pgvector::{PgVectorIndex, PgVectorOptions};
pub use qdrant::{QdrantIndex, QdrantOptions};

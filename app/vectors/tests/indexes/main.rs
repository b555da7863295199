//! Every index against one suite, and each against what only it can meet.

#![expect(clippy::unwrap_used, reason = "a test")]

mod embedded;
mod pgvector;
mod pinecone;
mod qdrant;
mod referee;
mod suite;

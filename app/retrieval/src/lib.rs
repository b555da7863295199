//! A question becomes candidates, candidates become passages, and what an answer quotes is checked.
//!
//! [`Retriever`] searches: embeddings through a vector index and words through PostgreSQL's full text, both at once; a
//! single query then reads text, title and access, so that nothing is shown that may not be shown now. [`CitedPassage`]
//! compares what an answer says with the passage it names. [`Feeder`] keeps the embedded index what PostgreSQL says.
//!
//! This crate decides what is relevant; it may not write to the database, and holds no connection while a model works.
//!
//! To add a way of finding (a reranker, another index): its candidates into `fusion`, its place in [`RetrievalTrace`],
//! and a run of `examples/evaluate.rs` before and after.

mod alignment;
mod candidates;
mod citations;
mod closer;
mod engine;
mod feeder;
mod fusion;
mod question;
mod relevance;
mod retriever;
mod types;
mod words;

pub use citations::{Checked, CitedPassage};
pub use engine::{Engine, EngineCell};
pub use feeder::{Feeder, FeederHandle};
pub use retriever::Retriever;
pub use types::{Fate, RetrievalError, RetrievalTrace, SearchOutcome, SearchQuery, TraceCandidate, TraceTerm};

//! What answers now: a vector index and the embedding model whose vectors it holds. They are exchanged together, while
//! searches run.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use cjhirashi_domain::sync::{IndexKind, IndexName};
use cjhirashi_models::Embedder;
use cjhirashi_vectors::VectorIndex;
use parking_lot::RwLock;

/// No position of the index's log is known.
const UNKNOWN: i64 = -1;

/// An index and the model of its vectors.
pub struct Engine {
    /// Which index it is.
    pub name: IndexName,
    /// The index.
    pub index: Arc<dyn VectorIndex>,
    /// The model that questions are embedded with.
    pub embedder: Arc<dyn Embedder>,
    /// How far queries have seen the log of the index.
    seen: AtomicI64,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine of these two.
    #[must_use]
    pub fn new(kind: IndexKind, index: Arc<dyn VectorIndex>, embedder: Arc<dyn Embedder>) -> Self {
        let name = IndexName { kind, model: embedder.id().to_owned() };
        Self { name, index, embedder, seen: AtomicI64::new(UNKNOWN) }
    }

    /// How far queries have seen the log of the index; `None` where it tells no positions, or was not asked yet.
    #[must_use]
    pub fn seen(&self) -> Option<i64> {
        Some(self.seen.load(Ordering::Relaxed)).filter(|position| *position != UNKNOWN)
    }

    /// A query saw the log up to here. A log never goes back, but answers may overtake each other.
    pub(crate) fn saw(&self, position: u64) {
        self.seen.fetch_max(i64::try_from(position).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

/// The engine that answers now. Cheap to clone; all clones see an exchange.
#[derive(Debug, Clone)]
pub struct EngineCell(Arc<RwLock<Arc<Engine>>>);

impl EngineCell {
    /// A cell with an engine.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(engine))))
    }

    /// The engine that answers now. Whoever begins with one ends with it.
    #[must_use]
    pub fn current(&self) -> Arc<Engine> {
        Arc::clone(&self.0.read())
    }

    /// Lets another one answer from here on.
    pub fn exchange(&self, engine: Engine) {
        *self.0.write() = Arc::new(engine);
    }
}

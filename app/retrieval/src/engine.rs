//! What answers now: a vector index and the embedding model whose vectors it holds. They are exchanged together, while
//! searches run.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use cjhirashi_domain::sync::{IndexKind, IndexName};
use cjhirashi_models::Embedder;
use cjhirashi_vectors::VectorIndex;
use parking_lot::{Mutex, RwLock};

/// The most acknowledged writes that are waited for; beyond that the oldest are not measured.
const WATCHED: usize = 1_000;
/// No position of the index's log is known.
const UNKNOWN: i64 = -1;

/// What a query saw of the log of its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saw {
    /// At least what was known when it began.
    AsMuch,
    /// Less: up to this position.
    Less(i64),
}

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
    /// Writes that the index has acknowledged and no query has seen yet, by their positions.
    unseen: Mutex<VecDeque<(i64, Instant)>>,
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
        Self { name, index, embedder, seen: AtomicI64::new(UNKNOWN), unseen: Mutex::default() }
    }

    /// How far queries have seen the log of the index; `None` where it tells no positions, or was not asked yet.
    #[must_use]
    pub fn seen(&self) -> Option<i64> {
        Some(self.seen.load(Ordering::Relaxed)).filter(|position| *position != UNKNOWN)
    }

    /// The index has acknowledged a write of this process at a position of its log: how long it then takes until a query
    /// sees it is measured.
    pub fn acknowledged(&self, position: i64) {
        if self.seen().is_some_and(|seen| seen >= position) {
            return;
        }
        let mut unseen = self.unseen.lock();
        if unseen.len() == WATCHED {
            unseen.pop_front();
        }
        unseen.push_back((position, Instant::now()));
    }

    /// A query that began when the log was `known` up to some position saw it up to `position`. Answers may overtake each
    /// other; but one that saw less than was known before it began comes from an index that was made anew, or from a part
    /// of the service that is behind, and what it saw is what counts.
    pub(crate) fn saw(&self, position: u64, known: Option<i64>) -> Saw {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        if known.is_some_and(|known| position < known) {
            self.seen.store(position, Ordering::Relaxed);
            return Saw::Less(position);
        }
        if self.seen.fetch_max(position, Ordering::Relaxed) >= position {
            return Saw::AsMuch;
        }
        // Told by the next query after it could be seen: with few questions it looks longer than it was.
        self.unseen.lock().retain(|(written, at)| {
            if *written <= position {
                metrics::histogram!("cjhirashi_freshness_lag_seconds").record(at.elapsed().as_secs_f64());
            }
            *written > position
        });
        Saw::AsMuch
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

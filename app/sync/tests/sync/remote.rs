//! An index in another process, for tests: it goes away, shows writes late, and waits where a test wants it to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;
use cjhirashi_domain::{
    Viewer,
    id::DocumentId,
    search::SearchMode,
    sync::{IndexKind, IndexName},
};
use cjhirashi_models::{Embedder, ModelError};
use cjhirashi_retrieval::{Engine, EngineCell, Retriever, SearchQuery};
use cjhirashi_sync::{IndexFactory, OpenIndex, WorkerContext};
use cjhirashi_vectors::{
    Answer, ChunkKey, Consistency, EmbeddedIndex, EmbeddedOptions, IndexError, IndexQuery, IndexStats, VectorIndex,
    VectorRecord, Written,
};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::support::{Base, DIMENSION, FakeEmbedder, base};

/// An index in another process, as far as anybody can tell: it may be away, and its writes are seen later.
#[derive(Debug)]
pub(crate) struct RemoteIndex {
    pub(crate) inner: EmbeddedIndex,
    pub(crate) away: AtomicBool,
    /// Texts are wanted beside the vectors.
    pub(crate) keeps: AtomicBool,
    /// Queries do not see what was written.
    pub(crate) blind: AtomicBool,
    /// How far they see the log then.
    pub(crate) shown: AtomicU64,
    /// Places in the log, where it tells them.
    pub(crate) written: Mutex<Option<u64>>,
    /// Listings wait here when there is a gate.
    pub(crate) gate: Option<Semaphore>,
    /// So does emptying it, each by itself.
    pub(crate) clearing: Option<Semaphore>,
}

impl RemoteIndex {
    pub(crate) async fn new(base: &Base, name: &str, model: &str) -> Arc<Self> {
        let options =
            EmbeddedOptions { folder: base.folder.path().join(name), model: model.to_owned(), dimension: DIMENSION };
        let (inner, _) = EmbeddedIndex::open(options).await.unwrap();
        let (away, blind) = (AtomicBool::new(false), AtomicBool::new(false));
        let keeps = AtomicBool::new(true);
        let (shown, written) = (AtomicU64::new(0), Mutex::new(None));
        Arc::new(Self { inner, away, keeps, blind, shown, written, gate: None, clearing: None })
    }

    fn here(&self) -> Result<(), IndexError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(IndexError::Unavailable { index: "remote", detail: "away".to_owned(), retry_after: None });
        }
        Ok(())
    }

    pub(crate) fn go_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    pub(crate) async fn names(&self) -> Vec<ChunkKey> {
        self.inner.list(None, None, 100_000).await.unwrap()
    }
}

#[async_trait]
impl VectorIndex for RemoteIndex {
    fn name(&self) -> &'static str {
        "remote"
    }

    fn model(&self) -> &str {
        self.inner.model()
    }

    fn dimension(&self) -> usize {
        self.inner.dimension()
    }

    fn consistency(&self) -> Consistency {
        Consistency::Eventual
    }

    fn keeps_text(&self) -> bool {
        self.keeps.load(Ordering::Relaxed)
    }

    async fn upsert(&self, records: Vec<VectorRecord>) -> Result<Written, IndexError> {
        self.here()?;
        let keeps = self.keeps_text();
        assert!(records.iter().all(|record| record.text.is_some() == keeps), "an index that keeps texts gets them");
        let written = self.inner.upsert(records).await?;
        Ok(match &mut *self.written.lock() {
            Some(position) => {
                *position += 1;
                Written { position: Some(*position) }
            }
            None => written,
        })
    }

    async fn delete(&self, keys: &[ChunkKey]) -> Result<Written, IndexError> {
        self.here()?;
        self.inner.delete(keys).await
    }

    async fn delete_document(&self, document: &DocumentId, keep: Option<i32>) -> Result<Written, IndexError> {
        self.here()?;
        self.inner.delete_document(document, keep).await
    }

    async fn query(&self, query: IndexQuery) -> Result<Answer, IndexError> {
        self.here()?;
        if self.blind.load(Ordering::Relaxed) {
            return Ok(Answer { matches: Vec::new(), position: Some(self.shown.load(Ordering::Relaxed)) });
        }
        self.inner.query(query).await
    }

    async fn list(
        &self,
        document: Option<&DocumentId>,
        after: Option<&ChunkKey>,
        limit: usize,
    ) -> Result<Vec<ChunkKey>, IndexError> {
        self.here()?;
        if let Some(gate) = &self.gate {
            let _open = gate.acquire().await.unwrap();
        }
        self.inner.list(document, after, limit).await
    }

    async fn stats(&self) -> Result<IndexStats, IndexError> {
        self.here()?;
        self.inner.stats().await
    }

    async fn clear(&self) -> Result<(), IndexError> {
        self.here()?;
        if let Some(gate) = &self.clearing {
            gate.acquire().await.unwrap().forget();
        }
        self.inner.clear().await
    }
}

/// Hands out one index and one model, whatever is asked for.
pub(crate) struct OneOfEach {
    pub(crate) index: Arc<RemoteIndex>,
    pub(crate) embedder: Arc<FakeEmbedder>,
}

#[async_trait]
impl IndexFactory for OneOfEach {
    fn kinds(&self) -> Vec<IndexKind> {
        IndexKind::ALL.to_vec()
    }

    fn model(&self) -> String {
        "fake:one@16".to_owned()
    }

    async fn open_index(&self, _: &IndexName) -> Result<OpenIndex, IndexError> {
        Ok(OpenIndex::Remote(Arc::clone(&self.index) as Arc<dyn VectorIndex>))
    }

    fn embedder(&self, _: &str) -> Result<Arc<dyn Embedder>, ModelError> {
        Ok(Arc::clone(&self.embedder) as Arc<dyn Embedder>)
    }
}

/// A base whose index is a remote one.
pub(crate) async fn remote() -> (Base, Arc<RemoteIndex>) {
    remote_of(base().await).await
}

pub(crate) async fn remote_of(mut base: Base) -> (Base, Arc<RemoteIndex>) {
    let index = RemoteIndex::new(&base, "remote", "fake:one@16").await;
    let engine = Engine::new(IndexKind::Qdrant, index.clone(), base.embedder.clone());
    base.context.engine = EngineCell::new(engine);
    (base, index)
}

/// What the owner finds by meaning alone.
pub(crate) async fn found(base: &Base, context: &WorkerContext, words: &str) -> (Vec<DocumentId>, bool) {
    found_by(&base.owner, base, context, words).await
}

/// What somebody finds by meaning alone.
pub(crate) async fn found_by(
    viewer: &Viewer,
    base: &Base,
    context: &WorkerContext,
    words: &str,
) -> (Vec<DocumentId>, bool) {
    let retriever = Retriever::new(base.store.clone(), context.engine.clone());
    let query =
        SearchQuery { text: words.to_owned(), top_k: 50, min_score: -1.0, tags: Vec::new(), mode: SearchMode::Dense };
    let outcome = retriever.search(viewer, query).await.unwrap();
    let mut documents: Vec<DocumentId> = outcome.passages.into_iter().map(|passage| passage.document_id).collect();
    documents.dedup();
    (documents, outcome.degraded)
}

/// Both sides are equal: no vector without a row, no row without a vector.
pub(crate) async fn assert_equal(base: &Base, index: &RemoteIndex) {
    let held: Vec<String> = index.names().await.iter().map(ToString::to_string).collect();
    let mut wanted: Vec<String> = sqlx::query_scalar(
        "SELECT c.document_id || '#' || c.version || '#' || c.seq FROM chunks c JOIN documents d
         ON d.id = c.document_id AND d.version = c.version WHERE d.deleted_at IS NULL",
    )
    .fetch_all(base.store.pool())
    .await
    .unwrap();
    wanted.sort();
    assert_eq!(held, wanted);
}

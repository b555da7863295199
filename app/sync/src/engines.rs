//! Which index answers in this process: what PostgreSQL says, followed while the server runs.
//!
//! `vector_indexes` names one active index, a kind with the vectors of one model. When another becomes active (a
//! re-index has ended, on whatever replica), every process opens it, brings it up to date where it is its own, and
//! exchanges the engine that searches and jobs use. What cannot be opened is an index that answers nothing, with the
//! reason: searches go on by exact scores and words.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use cjhirashi_domain::{
    id::DocumentId,
    sync::{IndexKind, IndexName, IndexState},
};
use cjhirashi_models::{Embedded, Embedder, InputKind, ModelError, Outage};
use cjhirashi_retrieval::{Engine, EngineCell, Feeder, FeederHandle};
use cjhirashi_storage::{StorageError, Store};
use cjhirashi_vectors::{
    Answer, ChunkKey, Consistency, EmbeddedIndex, IndexError, IndexQuery, IndexStats, VectorIndex, VectorRecord,
    Written,
};
use tokio::{sync::watch, task::JoinHandle};

/// Without a notice, what is active is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// An index that could not be opened is tried again this often.
const OPEN_AGAIN: Duration = Duration::from_secs(5);
/// How long to wait after PostgreSQL failed.
const RETRY_AFTER: Duration = Duration::from_secs(3);
/// An index of this process is looked at this often until it has all it needs.
const LOADING: Duration = Duration::from_millis(100);

/// Opens indexes and embedding models by name, as this process is configured.
#[async_trait]
pub trait IndexFactory: Send + Sync {
    /// An index, ready to be used.
    ///
    /// # Errors
    /// [`IndexError`]; `Refused` when this process is not configured for it, with what is missing.
    async fn open_index(&self, name: &IndexName) -> Result<OpenIndex, IndexError>;

    /// The same, perhaps as it was opened less than a minute ago: for many small writes to one that does not answer.
    ///
    /// # Errors
    /// As [`open_index`](Self::open_index).
    async fn reopen_index(&self, name: &IndexName) -> Result<OpenIndex, IndexError> {
        self.open_index(name).await
    }

    /// An embedding model by `provider:model@dimension`.
    ///
    /// # Errors
    /// [`ModelError`], such as a key that is missing.
    fn embedder(&self, model: &str) -> Result<Arc<dyn Embedder>, ModelError>;

    /// The kinds of index that this process is configured for.
    fn kinds(&self) -> Vec<IndexKind>;

    /// Whether pgvector would lie in the database of everything else, which may lack the extension.
    fn shares_database(&self) -> bool {
        false
    }

    /// The embedding model that the configuration names.
    fn model(&self) -> String;
}

/// An index that was opened.
#[derive(Clone)]
pub enum OpenIndex {
    /// In this process: it has to be fed.
    Embedded(Arc<EmbeddedIndex>),
    /// In another one.
    Remote(Arc<dyn VectorIndex>),
    /// In each server, which fills its own; none is needed here.
    Elsewhere(Arc<dyn VectorIndex>),
}

impl OpenIndex {
    /// An index of each server, in a process that answers no questions: what is written to it the servers take in by
    /// themselves.
    #[must_use]
    pub fn elsewhere(name: &IndexName) -> Self {
        Self::Elsewhere(Arc::new(AbsentIndex { name: name.clone(), reason: None }))
    }

    /// The index as everybody uses it.
    #[must_use]
    pub fn index(&self) -> Arc<dyn VectorIndex> {
        match self {
            Self::Embedded(index) => Arc::clone(index) as Arc<dyn VectorIndex>,
            Self::Remote(index) | Self::Elsewhere(index) => Arc::clone(index),
        }
    }
}

/// Follows which index answers.
pub struct EngineFollower {
    cell: EngineCell,
    stop: watch::Sender<bool>,
    task: JoinHandle<Option<FeederHandle>>,
}

impl std::fmt::Debug for EngineFollower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineFollower").field("cell", &self.cell).finish_non_exhaustive()
    }
}

impl EngineFollower {
    /// Opens the index that answers, and follows it from then on. A database without one takes `wanted`; where another
    /// one answers, `wanted` is built beside it and takes over when it is complete.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn start(store: Store, factory: Arc<dyn IndexFactory>, wanted: &IndexName) -> Result<Self, StorageError> {
        let active = store.active_index_or(wanted).await?;
        if active != *wanted && store.build_index(wanted).await? {
            tracing::info!(
                active = %active, wanted = %wanted,
                "the configuration names another index or embedding model: it is built beside the one that answers"
            );
        }
        let Opened { engine, feeder, complete } = open(&store, factory.as_ref(), &active).await;
        let cell = EngineCell::new(engine);
        let (stop, stopped) = watch::channel(false);
        let held = Held { feeder, complete };
        let task = tokio::spawn(follow(store, factory, cell.clone(), held, stopped));
        Ok(Self { cell, stop, task })
    }

    /// What answers now.
    #[must_use]
    pub fn cell(&self) -> EngineCell {
        self.cell.clone()
    }

    /// Ends it and writes what is only in memory.
    pub async fn shutdown(self) {
        let _ = self.stop.send(true);
        match self.task.await {
            Ok(Some(feeder)) => feeder.shutdown().await,
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "what follows the active index ended badly"),
        }
    }
}

/// What was opened: an engine, with what feeds its index; not complete where one of its parts could not be had.
struct Opened {
    engine: Engine,
    feeder: Option<FeederHandle>,
    complete: bool,
}

/// What belongs to the engine that answers.
struct Held {
    feeder: Option<FeederHandle>,
    /// Otherwise it is opened again until it is.
    complete: bool,
}

async fn follow(
    store: Store,
    factory: Arc<dyn IndexFactory>,
    cell: EngineCell,
    mut held: Held,
    mut stopped: watch::Receiver<bool>,
) -> Option<FeederHandle> {
    loop {
        let following = async {
            let mut listener = store.listen_to_indexes().await?;
            loop {
                exchange(&store, factory.as_ref(), &cell, &mut held).await?;
                // Behind a pooler notices are lost.
                let look_after = if held.complete { LOOK_EVERY } else { OPEN_AGAIN };
                if let Ok(heard) = tokio::time::timeout(look_after, listener.next()).await {
                    heard?;
                }
            }
        };
        let ended: Result<(), StorageError> = tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return held.feeder,
            ended = following => ended,
        };
        if let Err(error) = ended {
            tracing::warn!(%error, "which index answers cannot be read; it is tried again");
        }
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return held.feeder,
            () = tokio::time::sleep(RETRY_AFTER) => {}
        }
    }
}

/// Exchanges the engine if another index is active by now.
async fn exchange(
    store: &Store,
    factory: &dyn IndexFactory,
    cell: &EngineCell,
    held: &mut Held,
) -> Result<(), StorageError> {
    let rows = store.list_indexes().await?;
    let Some(active) = rows.into_iter().find(|row| row.state == IndexState::Active) else { return Ok(()) };
    let same = active.name == cell.current().name;
    if same && held.complete {
        return Ok(());
    }
    // The model is asked for first: an index of this process is expensive to open, and no use without it.
    if same && factory.embedder(&active.name.model).is_err() {
        return Ok(());
    }
    let Opened { engine, feeder: new_feeder, complete } = open(store, factory, &active.name).await;
    if same && !complete {
        // Still not to be had.
        return Ok(());
    }
    // Until an index of this process has taken in what it needs, the one before goes on answering.
    while new_feeder.is_some() && engine.index.stats().await.is_ok_and(|stats| stats.loading) {
        tokio::time::sleep(LOADING).await;
    }
    let before = cell.current().name.clone();
    cell.exchange(engine);
    tracing::info!(before = %before, now = %active.name, "another vector index answers");
    let old = std::mem::replace(held, Held { feeder: new_feeder, complete });
    if let Some(old) = old.feeder {
        old.shutdown().await;
    }
    Ok(())
}

/// Opens an index with its model. Does not fail: what cannot be had says why whenever it is asked.
async fn open(store: &Store, factory: &dyn IndexFactory, name: &IndexName) -> Opened {
    let mut complete = true;
    let embedder = factory.embedder(&name.model).unwrap_or_else(|error| {
        complete = false;
        tracing::error!(model = name.model, %error, "the embedding model of the active index cannot be used");
        Arc::new(AbsentModel { id: name.model.clone(), reason: error.to_string() })
    });
    match factory.open_index(name).await {
        Ok(OpenIndex::Embedded(index)) => {
            let feeder = Feeder::new(store.clone(), Arc::clone(&index)).start();
            Opened { engine: Engine::new(name.kind, index, embedder), feeder: Some(feeder), complete }
        }
        Ok(OpenIndex::Remote(index) | OpenIndex::Elsewhere(index)) => {
            Opened { engine: Engine::new(name.kind, index, embedder), feeder: None, complete }
        }
        Err(error) => {
            tracing::error!(index = %name, %error, "the vector index cannot be opened; words and exact scores answer");
            let absent = AbsentIndex { name: name.clone(), reason: Some(error.to_string()) };
            Opened { engine: Engine::new(name.kind, Arc::new(absent), embedder), feeder: None, complete: false }
        }
    }
}

/// Stands for an index that is not in reach: it could not be opened, or each server keeps its own.
#[derive(Debug)]
struct AbsentIndex {
    name: IndexName,
    /// Why it could not be opened. Without one it lies elsewhere, and whoever keeps it fills it: writes are theirs to do.
    reason: Option<String>,
}

impl AbsentIndex {
    fn written<T>(&self, nothing: T) -> Result<T, IndexError> {
        if self.reason.is_none() { Ok(nothing) } else { self.error() }
    }

    fn error<T>(&self) -> Result<T, IndexError> {
        Err(IndexError::Unavailable {
            index: self.name.kind.as_str(),
            detail: self.reason.clone().unwrap_or_else(|| "it is kept by the servers alone".to_owned()),
            retry_after: Some(Duration::from_secs(60)),
        })
    }
}

#[async_trait]
impl VectorIndex for AbsentIndex {
    fn name(&self) -> &'static str {
        self.name.kind.as_str()
    }

    fn model(&self) -> &str {
        &self.name.model
    }

    fn dimension(&self) -> usize {
        self.name.dimension()
    }

    fn consistency(&self) -> Consistency {
        Consistency::Eventual
    }

    async fn upsert(&self, _: Vec<VectorRecord>) -> Result<Written, IndexError> {
        self.written(Written::NOTHING)
    }

    async fn delete(&self, _: &[ChunkKey]) -> Result<Written, IndexError> {
        self.written(Written::NOTHING)
    }

    async fn delete_document(&self, _: &DocumentId, _: Option<i32>) -> Result<Written, IndexError> {
        self.written(Written::NOTHING)
    }

    async fn query(&self, _: IndexQuery) -> Result<Answer, IndexError> {
        self.error()
    }

    async fn list(&self, _: Option<&DocumentId>, _: Option<&ChunkKey>, _: usize) -> Result<Vec<ChunkKey>, IndexError> {
        self.written(Vec::new())
    }

    async fn stats(&self) -> Result<IndexStats, IndexError> {
        self.error()
    }

    async fn clear(&self) -> Result<(), IndexError> {
        self.error()
    }
}

/// Stands for an embedding model that is not configured any more.
struct AbsentModel {
    id: String,
    reason: String,
}

#[async_trait]
impl Embedder for AbsentModel {
    fn id(&self) -> &str {
        &self.id
    }

    fn dimension(&self) -> usize {
        IndexName { kind: IndexKind::Embedded, model: self.id.clone() }.dimension()
    }

    fn batch_size(&self) -> usize {
        1
    }

    async fn embed(&self, _: &[String], _: InputKind) -> Result<Embedded, ModelError> {
        Err(ModelError::Unavailable { provider: self.id.clone(), cause: Outage::Other, detail: self.reason.clone() })
    }

    fn calibrate(&self, cosine: f32) -> f64 {
        f64::from(cosine)
    }
}

/// Which index somebody chose by a re-index; absent: as the configuration says.
const CHOSEN: &str = "vector_index";

/// A choice, and the embedding model that the configuration named then: when that is changed, the change counts.
#[derive(serde::Serialize, serde::Deserialize)]
struct Chosen {
    index: IndexName,
    configured: String,
}

/// The index that should answer: as somebody chose, else as the configuration asks for.
///
/// # Errors
/// [`StorageError`].
pub async fn wanted_index(store: &Store, configured: IndexName) -> Result<IndexName, StorageError> {
    let chosen = store.get_instance_setting(CHOSEN).await?;
    let Some(chosen) = chosen.and_then(|chosen| serde_json::from_value::<Chosen>(chosen).ok()) else {
        return Ok(configured);
    };
    let model = if chosen.configured == configured.model { chosen.index.model } else { configured.model };
    Ok(IndexName { kind: chosen.index.kind, model })
}

/// Remembers that somebody chose an index, while the configuration names this embedding model.
///
/// # Errors
/// [`StorageError`].
pub async fn choose_index(store: &Store, index: &IndexName, configured: &str) -> Result<(), StorageError> {
    let chosen = Chosen { index: index.clone(), configured: configured.to_owned() };
    store.set_instance_setting(CHOSEN, serde_json::to_value(chosen).ok().as_ref()).await
}

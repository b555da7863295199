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
/// How long to wait after PostgreSQL failed.
const RETRY_AFTER: Duration = Duration::from_secs(3);
/// An index of this process is looked at this often until it has all it needs.
const LOADING: Duration = Duration::from_millis(100);

/// Opens indexes and embedding models by name, as this process is configured.
#[async_trait]
pub trait Makers: Send + Sync {
    /// An index, ready to be used.
    ///
    /// # Errors
    /// [`IndexError`]; `Refused` when this process is not configured for it, with what is missing.
    async fn open_index(&self, name: &IndexName, dimension: usize) -> Result<OpenIndex, IndexError>;

    /// An embedding model by `provider:model@dimension`.
    ///
    /// # Errors
    /// [`ModelError`], such as a key that is missing.
    fn embedder(&self, model: &str) -> Result<Arc<dyn Embedder>, ModelError>;

    /// The kinds of index that this process is configured for.
    fn kinds(&self) -> Vec<IndexKind>;

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
}

impl OpenIndex {
    /// The index as everybody uses it.
    #[must_use]
    pub fn index(&self) -> Arc<dyn VectorIndex> {
        match self {
            Self::Embedded(index) => Arc::clone(index) as Arc<dyn VectorIndex>,
            Self::Remote(index) => Arc::clone(index),
        }
    }
}

/// Follows which index answers.
pub struct Engines {
    cell: EngineCell,
    stop: watch::Sender<bool>,
    task: JoinHandle<Option<FeederHandle>>,
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engines").field("cell", &self.cell).finish_non_exhaustive()
    }
}

impl Engines {
    /// Opens the index that answers, and follows it from then on. A database without one takes `wanted`; where another
    /// one answers, `wanted` is built beside it and takes over when it is complete.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn start(store: Store, makers: Arc<dyn Makers>, wanted: &IndexName) -> Result<Self, StorageError> {
        let active = store.active_index_or(wanted).await?;
        if active != *wanted && store.build_index(wanted).await? {
            tracing::info!(
                active = %active, wanted = %wanted,
                "the configuration names another index or embedding model: it is built beside the one that answers"
            );
        }
        let (engine, feeder) = open(&store, makers.as_ref(), &active).await;
        let cell = EngineCell::new(engine);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(follow(store, makers, cell.clone(), feeder, stopped));
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

async fn follow(
    store: Store,
    makers: Arc<dyn Makers>,
    cell: EngineCell,
    mut feeder: Option<FeederHandle>,
    mut stopped: watch::Receiver<bool>,
) -> Option<FeederHandle> {
    loop {
        let following = async {
            let mut listener = store.listen_to_indexes().await?;
            loop {
                exchange(&store, makers.as_ref(), &cell, &mut feeder).await?;
                // Behind a pooler notices are lost.
                if let Ok(heard) = tokio::time::timeout(LOOK_EVERY, listener.next()).await {
                    heard?;
                }
            }
        };
        let ended: Result<(), StorageError> = tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return feeder,
            ended = following => ended,
        };
        if let Err(error) = ended {
            tracing::warn!(%error, "which index answers cannot be read; it is tried again");
        }
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return feeder,
            () = tokio::time::sleep(RETRY_AFTER) => {}
        }
    }
}

/// Exchanges the engine if another index is active by now.
async fn exchange(
    store: &Store,
    makers: &dyn Makers,
    cell: &EngineCell,
    feeder: &mut Option<FeederHandle>,
) -> Result<(), StorageError> {
    let rows = store.list_indexes().await?;
    let Some(active) = rows.into_iter().find(|row| row.state == IndexState::Active) else { return Ok(()) };
    if active.name == cell.current().name {
        return Ok(());
    }
    let (engine, new_feeder) = open(store, makers, &active.name).await;
    // Until an index of this process has taken in what it needs, the one before goes on answering.
    while new_feeder.is_some() && engine.index.stats().await.is_ok_and(|stats| stats.loading) {
        tokio::time::sleep(LOADING).await;
    }
    let before = cell.current().name.clone();
    cell.exchange(engine);
    tracing::info!(before = %before, now = %active.name, "another vector index answers");
    let old = std::mem::replace(feeder, new_feeder);
    if let Some(old) = old {
        old.shutdown().await;
    }
    Ok(())
}

/// Opens an index with its model. Does not fail: what cannot be had says why whenever it is asked.
async fn open(store: &Store, makers: &dyn Makers, name: &IndexName) -> (Engine, Option<FeederHandle>) {
    let embedder = makers.embedder(&name.model).unwrap_or_else(|error| {
        tracing::error!(model = name.model, %error, "the embedding model of the active index cannot be used");
        Arc::new(AbsentModel { id: name.model.clone(), reason: error.to_string() })
    });
    match makers.open_index(name, embedder.dimension()).await {
        Ok(OpenIndex::Embedded(index)) => {
            let feeder = Feeder::new(store.clone(), Arc::clone(&index)).start();
            (Engine::new(name.kind, index, embedder), Some(feeder))
        }
        Ok(OpenIndex::Remote(index)) => (Engine::new(name.kind, index, embedder), None),
        Err(error) => {
            tracing::error!(index = %name, %error, "the vector index cannot be opened; words and exact scores answer");
            let dimension = embedder.dimension();
            let absent = AbsentIndex { name: name.clone(), dimension, reason: error.to_string() };
            (Engine::new(name.kind, Arc::new(absent), embedder), None)
        }
    }
}

/// Stands for an index that could not be opened.
#[derive(Debug)]
struct AbsentIndex {
    name: IndexName,
    dimension: usize,
    reason: String,
}

impl AbsentIndex {
    fn error<T>(&self) -> Result<T, IndexError> {
        Err(IndexError::Unavailable {
            index: self.name.kind.as_str(),
            detail: self.reason.clone(),
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
        self.dimension
    }

    fn consistency(&self) -> Consistency {
        Consistency::Eventual
    }

    async fn upsert(&self, _: Vec<VectorRecord>) -> Result<Written, IndexError> {
        self.error()
    }

    async fn delete(&self, _: &[ChunkKey]) -> Result<Written, IndexError> {
        self.error()
    }

    async fn delete_document(&self, _: &DocumentId, _: Option<i32>) -> Result<Written, IndexError> {
        self.error()
    }

    async fn query(&self, _: IndexQuery) -> Result<Answer, IndexError> {
        self.error()
    }

    async fn list(&self, _: Option<&DocumentId>, _: Option<&ChunkKey>, _: usize) -> Result<Vec<ChunkKey>, IndexError> {
        self.error()
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
        self.id.rsplit_once('@').and_then(|(_, dimension)| dimension.parse().ok()).unwrap_or(1)
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

/// Which kind of index somebody chose by a re-index; absent: as the configuration says.
const CHOSEN_KIND: &str = "vector_index";

/// The kind that somebody chose, if anybody did.
///
/// # Errors
/// [`StorageError`].
pub async fn chosen_kind(store: &Store) -> Result<Option<IndexKind>, StorageError> {
    let chosen = store.get_instance_setting(CHOSEN_KIND).await?;
    Ok(chosen.as_ref().and_then(|kind| IndexKind::parse(kind.as_str()?)))
}

/// Remembers that somebody chose a kind, whatever the configuration says later.
///
/// # Errors
/// [`StorageError`].
pub async fn choose_kind(store: &Store, kind: IndexKind) -> Result<(), StorageError> {
    store.set_instance_setting(CHOSEN_KIND, Some(&kind.as_str().into())).await
}

/// The kind that a configuration asks for, unless somebody chose another: Pinecone with a key, else the embedded one.
#[must_use]
pub fn wanted_kind(chosen: Option<IndexKind>, pinecone: bool) -> IndexKind {
    chosen.unwrap_or(if pinecone { IndexKind::Pinecone } else { IndexKind::Embedded })
}

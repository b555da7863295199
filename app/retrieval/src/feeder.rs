//! Keeps the embedded index what PostgreSQL says, on every replica.
//!
//! What should be there is a list of documents with their answering version, owner and number of chunks; what is there
//! the index tells. The difference is fetched or dropped. That comparison runs at the start (a checkpoint may be old,
//! damaged or missing), whenever PostgreSQL tells that a document changed, after a lost connection, and now and then
//! without a reason. A number of the last chunk seen would not do: ordinals are given before their transactions commit
//! and embeddings come later still, so that what is new may have a lower number than what is known.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use cjhirashi_domain::{access::Visibility, id::DocumentId};
use cjhirashi_storage::{LiveDocument, StorageError, Store, StoredVector};
use cjhirashi_vectors::{ChunkKey, EmbeddedIndex, FedVector, IndexError, VectorIndex as _};
use tokio::{sync::watch, task::JoinHandle};

/// Vectors fetched at once: about 3 MB of 1,536 dimensions.
const PAGE: i64 = 1_000;
/// Documents named in one query.
const DOCUMENTS_AT_ONCE: usize = 200;
/// Without a reason, all is compared this often.
const COMPARE_EVERY: Duration = Duration::from_secs(60);
/// A checkpoint is written this often, if there is something new.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(120);
/// How long to wait after PostgreSQL failed.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Documents whose vectors PostgreSQL does not have complete are asked for again after so many comparisons.
const FORGET_SHORT_AFTER: u32 = 10;

/// Could not go on; it is tried again.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// Feeds one index.
#[derive(Debug)]
pub struct Feeder {
    store: Store,
    index: Arc<EmbeddedIndex>,
    /// Documents that PostgreSQL has fewer vectors of than chunks: an older model's, or none.
    short: HashSet<(DocumentId, i32)>,
    comparisons: u32,
}

/// A running feeder.
#[derive(Debug)]
pub struct FeederHandle {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl FeederHandle {
    /// Ends it and writes the last checkpoint.
    pub async fn shutdown(self) {
        let _ = self.stop.send(true);
        if let Err(error) = self.task.await {
            tracing::error!(error = %error, "The feeder of the vector index ended badly.");
        }
    }
}

impl Feeder {
    /// A feeder for an index.
    #[must_use]
    pub fn new(store: Store, index: Arc<EmbeddedIndex>) -> Self {
        Self { store, index, short: HashSet::new(), comparisons: 0 }
    }

    /// Runs until it is shut down. Until the first comparison is done the index says that it is loading.
    #[must_use]
    pub fn start(mut self) -> FeederHandle {
        let (stop, stopped) = watch::channel(false);
        self.index.set_loading(true);
        let task = tokio::spawn(async move { self.run(stopped).await });
        FeederHandle { stop, task }
    }

    /// Compares all once: what tests and tools step by.
    ///
    /// # Errors
    /// A text that says what failed; what was fetched until then stays.
    pub async fn compare(&mut self) -> Result<(), String> {
        self.compare_all().await.map_err(|error| error.to_string())
    }

    async fn run(&mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => break,
                ended = self.live() => {
                    if let Err(error) = ended {
                        tracing::warn!(error = %error, "The vector index cannot be compared with the database; it is tried again.");
                    }
                }
            }
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(RETRY_AFTER) => {}
            }
        }
        self.checkpoint().await;
    }

    /// One connection's life.
    async fn live(&mut self) -> Result<(), FeedError> {
        // Listening begins before comparing, so that nothing falls between the two.
        let mut listener = self.store.listen_to_documents().await?;
        self.compare_all().await?;
        self.index.set_loading(false);
        self.checkpoint().await;
        let mut compare = tokio::time::interval_at((Instant::now() + COMPARE_EVERY).into(), COMPARE_EVERY);
        let mut checkpoint = tokio::time::interval_at((Instant::now() + CHECKPOINT_EVERY).into(), CHECKPOINT_EVERY);
        loop {
            tokio::select! {
                changed = listener.next() => match changed? {
                    Some(document) => self.refresh(&document).await?,
                    None => self.compare_all().await?,
                },
                _ = compare.tick() => self.compare_all().await?,
                _ = checkpoint.tick() => self.checkpoint().await,
            }
        }
    }

    async fn checkpoint(&self) {
        let began = Instant::now();
        match self.index.checkpoint().await {
            Ok(()) => metrics::histogram!("cjhirashi_vector_checkpoint_duration_seconds")
                .record(began.elapsed().as_secs_f64()),
            // The checkpoint is only there to start faster.
            Err(error) => tracing::warn!(error = %error, "The checkpoint of the vector index was not written."),
        }
    }

    async fn compare_all(&mut self) -> Result<(), FeedError> {
        let began = Instant::now();
        self.comparisons = self.comparisons.wrapping_add(1);
        if self.comparisons.is_multiple_of(FORGET_SHORT_AFTER) {
            self.short.clear();
        }
        // The index is read first: what it holds was in PostgreSQL before, so what PostgreSQL then does not list is gone.
        let mut held: HashMap<DocumentId, Vec<(i32, Option<cjhirashi_domain::id::UserId>, usize)>> = HashMap::new();
        for holding in self.index.holdings() {
            held.entry(holding.document_id).or_default().push((holding.version, holding.owner, holding.chunks));
        }
        let live = self.store.list_live_documents().await?;
        let mut missing: Vec<LiveDocument> = Vec::new();
        for document in live {
            let holdings = held.remove(&document.id).unwrap_or_default();
            if holdings.iter().any(|(version, ..)| outdated(&document, *version)) {
                self.index.delete_document(&document.id, Some(document.version)).await?;
            }
            let complete = holdings.iter().any(|(version, owner, chunks)| {
                *version == document.version && *owner == document.owner && *chunks == document.chunks
            });
            let known_short = self.short.contains(&(document.id.clone(), document.version));
            if document.version > 0 && document.chunks > 0 && !complete && !known_short {
                missing.push(document);
            }
        }
        for document in held.into_keys() {
            self.index.delete_document(&document, None).await?;
        }
        if missing.is_empty() {
            return Ok(());
        }
        let vectors = self.fetch(&missing).await?;
        tracing::info!(
            documents = missing.len(),
            vectors,
            duration_ms = began.elapsed().as_millis(),
            "The vector index took in what it missed."
        );
        Ok(())
    }

    /// Brings the vectors of documents in; remembers those that stay incomplete.
    async fn fetch(&mut self, missing: &[LiveDocument]) -> Result<usize, FeedError> {
        let model = self.index.model().to_owned();
        let mut total = 0;
        let mut came: HashMap<DocumentId, usize> = HashMap::new();
        for group in missing.chunks(DOCUMENTS_AT_ONCE) {
            // All of a very empty index are read in one go, without naming them.
            let all = missing.len() > 2 * DOCUMENTS_AT_ONCE && self.index.holdings().is_empty();
            let ids: Vec<DocumentId> = group.iter().map(|document| document.id.clone()).collect();
            let mut after = 0;
            loop {
                let named = (!all).then_some(ids.as_slice());
                let page = self.store.list_answering_vectors(named, &model, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.ordinal;
                total += page.len();
                for vector in &page {
                    *came.entry(vector.place.document_id.clone()).or_default() += 1;
                }
                self.index.feed(page.into_iter().map(fed).collect()).await?;
            }
            if all {
                break;
            }
        }
        for document in missing {
            if came.get(&document.id).copied().unwrap_or(0) != document.chunks {
                self.short.insert((document.id.clone(), document.version));
            }
        }
        Ok(total)
    }

    /// One document changed.
    async fn refresh(&mut self, id: &DocumentId) -> Result<(), FeedError> {
        let Some(document) = self.store.get_live_document(id).await? else {
            self.index.delete_document(id, None).await?;
            return Ok(());
        };
        let holdings = self.index.holdings_of(id);
        let complete = holdings.iter().any(|holding| {
            holding.version == document.version && holding.owner == document.owner && holding.chunks == document.chunks
        });
        if document.version > 0 && !complete {
            // Whatever was missing: it has just changed.
            self.short.remove(&(document.id.clone(), document.version));
            self.fetch(std::slice::from_ref(&document)).await?;
        }
        if holdings.iter().any(|holding| outdated(&document, holding.version)) {
            self.index.delete_document(id, Some(document.version)).await?;
        }
        Ok(())
    }
}

/// Whether vectors of a version are of no use: an older one's, and any other's that no job is bringing in.
fn outdated(document: &LiveDocument, version: i32) -> bool {
    version < document.version || (document.settled && version != document.version)
}

fn fed(vector: StoredVector) -> FedVector {
    FedVector {
        key: ChunkKey { document_id: vector.place.document_id, version: vector.place.version, seq: vector.place.seq },
        ordinal: vector.ordinal,
        visibility: vector.owner.map_or(Visibility::Public, Visibility::Private),
        values: vector.values,
    }
}

//! The index that needs nothing: in this process, fed from PostgreSQL.
//!
//! Three parts: the **table** holds every vector in half precision with its name and owner; a **graph** (HNSW) over
//! the table's slots finds candidates once the table is too large to be scored one by one; the **file** is a
//! checkpoint of both. Whatever the graph does not cover yet is scored exactly, so an answer never depends on how far
//! the graph has come, and what the graph finds is scored again exactly, so scores never depend on its precision.
//! Small selections (a person with few documents in a large base, a label) are always scored exactly.
//!
//! A thread of its own extends the graph, one insertion at a time, so that searches wait for one insertion at most.

mod file;
mod graph;
mod table;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use async_trait::async_trait;
use cjhirashi_domain::{
    access::Visibility,
    id::{DocumentId, UserId},
};
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::{sync::Semaphore, task::spawn_blocking};

use self::{
    graph::{Graph, quantise},
    table::{Best, Table},
};
use crate::{
    Answer, ChunkKey, Consistency, IndexError, IndexQuery, IndexStats, Match, VectorIndex, VectorRecord, Written,
    vector::unit,
};

/// Numbers that are multiplied one by one before the graph is worth its while: 10,000 vectors of 384, a few
/// milliseconds of one core.
const EXACT_NUMBERS: usize = 4_000_000;

/// A walk through the graph passes by what a selection does not admit, so a small part of a large table is found sooner,
/// and surely, by scoring all of it: up to this part of the slots, and so many numbers (60,000 vectors of 1,536).
const SELECTED_PERCENT: usize = 40;
const SELECTED_NUMBERS: usize = 92_000_000;
/// A search looks at one place more for so many slots: the larger the graph, the more of what is near lies apart.
const SLOTS_PER_PLACE: usize = 2_500;
/// The most places of the graph that a search looks at for a larger selection.
const WIDEST_SEARCH: usize = 1_024;

/// Slots that the builder takes out of the table at once.
const BUILD_BATCH: usize = 64;

/// Where the index lives and whose vectors it holds.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Folder of the checkpoint; made when missing.
    pub folder: PathBuf,
    /// The embedding model, `provider:model@dimension`. A checkpoint of another model is not used.
    pub model: String,
    /// Numbers per vector.
    pub dimension: usize,
}

/// What was found at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReport {
    /// Vectors read from the checkpoint.
    pub loaded: usize,
    /// Why a checkpoint that exists was not used: everything comes from PostgreSQL again.
    pub rebuilding: Option<String>,
}

/// A chunk as the index keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct FedVector {
    /// Its name.
    pub key: ChunkKey,
    /// `chunks.ordinal`.
    pub ordinal: i64,
    /// Who may find it.
    pub visibility: Visibility,
    /// The embedding.
    pub values: Vec<f32>,
}

/// What the index holds of one version of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The document.
    pub document_id: DocumentId,
    /// The version.
    pub version: i32,
    /// Whose it is in the index; `None` is everybody's.
    pub owner: Option<UserId>,
    /// Chunks of it.
    pub chunks: usize,
}

/// See the module.
pub struct EmbeddedIndex {
    shared: Arc<Shared>,
    searches: Semaphore,
    builder: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    options: EmbeddedOptions,
    exact_limit: usize,
    // Locked in this order.
    table: RwLock<Table>,
    graph: RwLock<Option<Graph>>,
    loading: AtomicBool,
    /// Grows, under both locks, whenever slots change their meaning.
    compactions: AtomicU64,
    /// Changes so far, and how many of them the last checkpoint has.
    changes: AtomicU64,
    saved: AtomicU64,
    saving: Mutex<()>,
    /// Set to end the builder; the condition wakes it.
    stop: Mutex<bool>,
    wake: Condvar,
}

impl std::fmt::Debug for EmbeddedIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedIndex").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl EmbeddedIndex {
    /// Reads the checkpoint, if there is one that fits.
    ///
    /// # Errors
    /// [`IndexError::Io`] when the folder cannot be made. A damaged checkpoint is not an error: the report names it.
    pub async fn open(options: EmbeddedOptions) -> Result<(Self, OpenReport), IndexError> {
        let limit = (EXACT_NUMBERS / options.dimension.max(1)).max(1);
        Self::open_with(options, limit).await
    }

    async fn open_with(options: EmbeddedOptions, exact_limit: usize) -> Result<(Self, OpenReport), IndexError> {
        if options.dimension == 0 {
            return Err(IndexError::Dimension { expected: 1, actual: 0 });
        }
        let opened = spawn_blocking(move || {
            std::fs::create_dir_all(&options.folder)
                .map_err(|source| IndexError::Io { path: options.folder.display().to_string(), source })?;
            file::sweep(&options.folder);
            let (table, graph, rebuilding) = match file::load(&options.folder, &options.model, options.dimension) {
                Ok((table, graph)) => (table, graph, None),
                Err(file::NotLoaded::Missing) => (Table::new(options.dimension), None, None),
                Err(file::NotLoaded::Unusable(why)) => (Table::new(options.dimension), None, Some(why)),
            };
            let report = OpenReport { loaded: table.alive(), rebuilding };
            let shared = Arc::new(Shared {
                options,
                exact_limit,
                table: RwLock::new(table),
                graph: RwLock::new(graph),
                loading: AtomicBool::new(false),
                compactions: AtomicU64::new(0),
                changes: AtomicU64::new(0),
                saved: AtomicU64::new(0),
                saving: Mutex::new(()),
                stop: Mutex::new(false),
                wake: Condvar::new(),
            });
            let builder = {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name("vector-graph".to_owned())
                    .spawn(move || shared.build())
                    .map_err(|source| IndexError::Io { path: "a thread".to_owned(), source })?
            };
            let index = Self { shared, searches: Semaphore::new(graph::THREADS), builder: Mutex::new(Some(builder)) };
            Ok((index, report))
        });
        joined(opened.await)?
    }

    /// Says that chunks are being brought in, so that answers may miss some.
    pub fn set_loading(&self, loading: bool) {
        self.shared.loading.store(loading, Ordering::Relaxed);
    }

    /// Takes chunks in, replacing those of the same key.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] and [`IndexError::NoDirection`]; then nothing was taken in.
    pub async fn feed(&self, vectors: Vec<FedVector>) -> Result<(), IndexError> {
        let shared = Arc::clone(&self.shared);
        let task = spawn_blocking(move || {
            let dimension = shared.options.dimension;
            let units = vectors
                .iter()
                .map(|fed| unit(&fed.values, dimension, || fed.key.to_string()))
                .collect::<Result<Vec<_>, _>>()?;
            {
                let mut table = shared.table.write();
                for (fed, unit) in vectors.iter().zip(&units) {
                    table.put(&fed.key, fed.ordinal, &fed.visibility, unit);
                }
            }
            shared.compact();
            shared.changed();
            Ok(())
        });
        joined(task.await)?
    }

    /// What it holds, by document, version and owner.
    #[must_use]
    pub fn holdings(&self) -> Vec<Holding> {
        self.shared.table.read().holdings()
    }

    /// What it holds of one document.
    #[must_use]
    pub fn holdings_of(&self, document: &DocumentId) -> Vec<Holding> {
        self.shared.table.read().holdings_of(document)
    }

    /// Removes entries, on a thread that may wait: making the table smaller copies all of it.
    async fn change(&self, remove: impl FnOnce(&mut Table) -> usize + Send + 'static) -> Result<(), IndexError> {
        let shared = Arc::clone(&self.shared);
        let task = spawn_blocking(move || {
            if remove(&mut shared.table.write()) > 0 {
                shared.compact();
                shared.changed();
            }
        });
        joined(task.await)
    }

    /// Entries that the graph covers, for tests and measurements.
    #[must_use]
    pub fn in_graph(&self) -> usize {
        self.shared.graph.read_recursive().as_ref().map_or(0, Graph::covered)
    }
}

impl Drop for EmbeddedIndex {
    fn drop(&mut self) {
        *self.shared.stop.lock() = true;
        self.shared.wake.notify_all();
        if let Some(builder) = self.builder.lock().take() {
            let _ = builder.join();
        }
    }
}

/// A blocking task either ends or panicked, which is a defect of ours that must not take the server down.
fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Result<T, IndexError> {
    result.map_err(|error| IndexError::Unavailable { index: "embedded", detail: error.to_string(), retry_after: None })
}

/// The slots nearest to a vector that are admitted: what a plain walk meets of them. Where they lie so far from the vector
/// that it meets fewer than `enough`, a walk that looks for them alone finds most of the rest.
fn found_in(
    graph: &Graph,
    vector: &[i8],
    wanted: usize,
    enough: usize,
    admits: impl Fn(u64) -> bool,
) -> Result<Vec<u64>, graph::GraphError> {
    let mut slots = graph.search(vector, wanted, |_| true)?;
    slots.retain(|slot| admits(*slot));
    if slots.len() < enough {
        slots.extend(graph.search(vector, wanted, admits)?);
        slots.sort_unstable();
        slots.dedup();
    }
    Ok(slots)
}

impl Shared {
    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.wake.notify_all();
    }

    /// Drops dead slots when they have become many. The graph begins anew, and is not needed meanwhile.
    fn compact(&self) {
        let mut table = self.table.write();
        if table.wants_compaction() {
            let mut graph = self.graph.write();
            *table = table.compacted();
            *graph = None;
            self.compactions.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn query(&self, query: &[f32], top_k: usize, filter: &crate::IndexFilter) -> Vec<Match> {
        let table = self.table.read();
        let allowed = table.allowed(filter);
        let mut best = Best::new(top_k);
        let mut from = 0;
        let (selected, slots) = (table.count(&allowed), table.len());
        if !self.scores_exactly(selected, slots) {
            // Recursive, so that a waiting builder does not hold up searches.
            let graph = self.graph.read_recursive();
            if let Some(graph) = graph.as_ref().filter(|graph| graph.covered() > self.exact_limit) {
                // Of what it meets only the selected part counts.
                let places = graph::EXPANSION_SEARCH + slots / SLOTS_PER_PLACE;
                let wanted = (top_k * 2).max(places) * slots / selected.max(1);
                let wanted = wanted.clamp(top_k * 2, WIDEST_SEARCH.max(top_k * 2));
                let admits = |slot| table.admits(slot, &allowed);
                match found_in(graph, &quantise(query), wanted, top_k * 2, admits) {
                    Ok(slots) => {
                        table.rescore(query, &slots, &mut best);
                        from = graph.covered();
                    }
                    // Exact scoring answers, only slower.
                    Err(error) => tracing::error!(error = %error, "A search in the graph failed."),
                }
            }
        }
        table.scan(query, &allowed, from, &mut best);
        best.into_sorted()
            .into_iter()
            .filter_map(|scored| {
                let key = table.key_of(scored.slot)?;
                Some(Match { key, score: scored.score.clamp(-1.0, 1.0) })
            })
            .collect()
    }

    /// Whether a selection is scored one by one, although a graph may be there.
    fn scores_exactly(&self, selected: usize, slots: usize) -> bool {
        let small_part =
            selected * 100 <= slots * SELECTED_PERCENT && selected <= SELECTED_NUMBERS / self.options.dimension;
        selected <= self.exact_limit || small_part
    }

    /// The builder's life: sleep until the table has outgrown exact scoring, then extend the graph.
    fn build(&self) {
        loop {
            {
                let mut stop = self.stop.lock();
                if *stop {
                    return;
                }
                if !self.behind() {
                    // Woken by every change; the time is for a wake-up that came between the look and the sleep.
                    self.wake.wait_for(&mut stop, Duration::from_secs(5));
                }
                if *stop {
                    return;
                }
            }
            if self.behind()
                && let Err(error) = self.extend()
            {
                tracing::error!(error = %error, "The graph of the vector index is built anew.");
                *self.graph.write() = None;
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }

    fn behind(&self) -> bool {
        let slots = self.table.read().len();
        slots > self.exact_limit && self.graph.read_recursive().as_ref().map_or(0, Graph::covered) < slots
    }

    /// Takes one batch of slots into the graph.
    fn extend(&self) -> Result<(), graph::GraphError> {
        let (first, batch, compactions) = {
            let table = self.table.read();
            let first = self.graph.read_recursive().as_ref().map_or(0, Graph::covered);
            let mut values = vec![0.0; self.options.dimension];
            let batch: Vec<Option<Vec<i8>>> = (first..table.len().min(first + BUILD_BATCH))
                .map(|slot| {
                    table.is_alive(slot).then(|| {
                        table.read(slot, &mut values);
                        quantise(&values)
                    })
                })
                .collect();
            (first, batch, self.compactions.load(Ordering::Relaxed))
        };
        for (offset, vector) in batch.into_iter().enumerate() {
            let mut graph = self.graph.write();
            if self.compactions.load(Ordering::Relaxed) != compactions {
                return Ok(()); // The slots of this batch are others now.
            }
            let graph = match graph.as_mut() {
                Some(graph) => graph,
                None => graph.insert(Graph::new(self.options.dimension)?),
            };
            if graph.covered() == first + offset {
                graph.push(vector.as_deref())?;
            }
        }
        Ok(())
    }

    fn save(&self) -> Result<(), IndexError> {
        let _one_at_a_time = self.saving.lock();
        let changes = self.changes.load(Ordering::Relaxed);
        if changes == self.saved.load(Ordering::Relaxed) {
            return Ok(());
        }
        let folder = &self.options.folder;
        let failed = |source| IndexError::Io { path: folder.display().to_string(), source };
        let compactions = self.compactions.load(Ordering::Relaxed);
        // The table only grows between two compactions: a graph saved first covers slots that the snapshot has.
        let graph = {
            let graph = self.graph.read_recursive();
            graph.as_ref().map(|graph| file::save_graph(folder, graph)).transpose().map_err(failed)?
        };
        let snapshot = {
            let table = self.table.read();
            if self.compactions.load(Ordering::Relaxed) != compactions {
                return Ok(()); // The graph just saved is of other slots; the next checkpoint writes both.
            }
            table.snapshot()
        };
        file::save_table(folder, &self.options.model, self.options.dimension, &snapshot, graph).map_err(failed)?;
        self.saved.store(changes, Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl VectorIndex for EmbeddedIndex {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn model(&self) -> &str {
        &self.shared.options.model
    }

    fn dimension(&self) -> usize {
        self.shared.options.dimension
    }

    fn consistency(&self) -> Consistency {
        Consistency::Immediate
    }

    async fn upsert(&self, records: Vec<VectorRecord>) -> Result<Written, IndexError> {
        let vectors = records.into_iter().map(|record| FedVector {
            key: record.key,
            ordinal: record.ordinal,
            visibility: record.document.visibility.clone(),
            values: record.values,
        });
        self.feed(vectors.collect()).await?;
        Ok(Written::default())
    }

    async fn delete(&self, keys: &[ChunkKey]) -> Result<Written, IndexError> {
        let keys = keys.to_vec();
        self.change(move |table| keys.iter().filter(|key| table.delete(key)).count()).await?;
        Ok(Written::default())
    }

    async fn delete_document(&self, document: &DocumentId, keep_version: Option<i32>) -> Result<Written, IndexError> {
        let document = document.clone();
        self.change(move |table| table.delete_document(&document, keep_version)).await?;
        Ok(Written::default())
    }

    async fn query(&self, query: IndexQuery) -> Result<Answer, IndexError> {
        let vector = unit(&query.vector, self.dimension(), || "query".to_owned())?;
        let top_k = query.top_k.clamp(1, 10_000);
        // As many searches as the graph has contexts for; the rest wait their turn.
        let Ok(_permit) = self.searches.acquire().await else { return Ok(Answer::default()) };
        let shared = Arc::clone(&self.shared);
        let matches = joined(spawn_blocking(move || shared.query(&vector, top_k, &query.filter)).await)?;
        Ok(Answer { matches, position: None })
    }

    async fn list(
        &self,
        document: Option<&DocumentId>,
        after: Option<&ChunkKey>,
        limit: usize,
    ) -> Result<Vec<ChunkKey>, IndexError> {
        let keys = self.shared.table.read().keys(document);
        let after = after.map(ToString::to_string);
        let mut named: Vec<(String, ChunkKey)> = keys
            .into_iter()
            .map(|key| (key.to_string(), key))
            .filter(|(name, _)| after.as_ref().is_none_or(|after| name > after))
            .collect();
        named.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(named.into_iter().take(limit).map(|(_, key)| key).collect())
    }

    async fn stats(&self) -> Result<IndexStats, IndexError> {
        // While entries are removed the table may be held for a while, which no thread that serves requests waits for.
        let shared = Arc::clone(&self.shared);
        let counted = spawn_blocking(move || {
            let table = shared.table.read();
            let graph = shared.graph.read_recursive();
            IndexStats {
                vectors: table.alive() as u64,
                memory_bytes: (table.memory() + graph.as_ref().map_or(0, Graph::memory)) as u64,
                loading: shared.loading.load(Ordering::Relaxed),
            }
        });
        joined(counted.await)
    }

    async fn clear(&self) -> Result<(), IndexError> {
        let shared = Arc::clone(&self.shared);
        let task = spawn_blocking(move || {
            {
                let mut table = shared.table.write();
                *table = Table::new(shared.options.dimension);
                *shared.graph.write() = None;
                shared.compactions.fetch_add(1, Ordering::Relaxed);
            }
            shared.changed();
            let folder = &shared.options.folder;
            match std::fs::remove_dir_all(folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(IndexError::Io { path: folder.display().to_string(), source: error })
                }
                _ => Ok(()),
            }
        });
        joined(task.await)?
    }

    async fn checkpoint(&self) -> Result<(), IndexError> {
        let shared = Arc::clone(&self.shared);
        joined(spawn_blocking(move || shared.save()).await)?
    }
}

#[cfg(test)]
mod tests;

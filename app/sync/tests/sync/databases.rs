//! Two databases, one truth: an index that goes away, drifts or is replaced.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use cjhirashi_domain::{
    Viewer,
    access::Visibility,
    document::DocumentStatus,
    id::DocumentId,
    search::SearchMode,
    sync::{DocumentEventKind, IndexKind, IndexName, IndexState},
    user::Role,
};
use cjhirashi_models::{Embedder, ModelError, Outage};
use cjhirashi_retrieval::{Engine, EngineCell, Retriever, SearchQuery};
use cjhirashi_storage::JobKind;
use cjhirashi_sync::{IndexFactory, OpenIndex, SyncService, Worker, WorkerContext, WorkerOptions, reconcile};
use cjhirashi_vectors::{
    Answer, ChunkKey, Consistency, EmbeddedIndex, EmbeddedOptions, IndexError, IndexQuery, IndexStats, VectorIndex,
    VectorRecord, Written,
};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::support::{Base, DIMENSION, FakeEmbedder, base, base_with, options, prose};

/// An index in another process, as far as anybody can tell: it may be away, and its writes are seen later.
#[derive(Debug)]
struct RemoteIndex {
    inner: EmbeddedIndex,
    away: AtomicBool,
    /// Texts are wanted beside the vectors.
    keeps: AtomicBool,
    /// Queries do not see what was written.
    blind: AtomicBool,
    /// How far they see the log then.
    shown: AtomicU64,
    /// Places in the log, where it tells them.
    written: Mutex<Option<u64>>,
    /// Listings wait here when there is a gate.
    gate: Option<Semaphore>,
    /// So does emptying it, each by itself.
    clearing: Option<Semaphore>,
}

impl RemoteIndex {
    async fn new(base: &Base, name: &str, model: &str) -> Arc<Self> {
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

    fn go_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    async fn names(&self) -> Vec<ChunkKey> {
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
struct OneOfEach {
    index: Arc<RemoteIndex>,
    embedder: Arc<FakeEmbedder>,
}

#[async_trait]
impl IndexFactory for OneOfEach {
    fn kinds(&self) -> Vec<IndexKind> {
        IndexKind::ALL.to_vec()
    }

    fn model(&self) -> String {
        "fake:one@16".to_owned()
    }

    async fn open_index(&self, _: &IndexName, _: usize) -> Result<OpenIndex, IndexError> {
        Ok(OpenIndex::Remote(Arc::clone(&self.index) as Arc<dyn VectorIndex>))
    }

    fn embedder(&self, _: &str) -> Result<Arc<dyn Embedder>, ModelError> {
        Ok(Arc::clone(&self.embedder) as Arc<dyn Embedder>)
    }
}

/// A base whose index is a remote one.
async fn remote() -> (Base, Arc<RemoteIndex>) {
    remote_of(base().await).await
}

async fn remote_of(mut base: Base) -> (Base, Arc<RemoteIndex>) {
    let index = RemoteIndex::new(&base, "remote", "fake:one@16").await;
    let engine = Engine::new(IndexKind::Qdrant, index.clone(), base.embedder.clone());
    base.context.engine = EngineCell::new(engine);
    (base, index)
}

/// What the owner finds by meaning alone.
async fn found(base: &Base, context: &WorkerContext, words: &str) -> (Vec<DocumentId>, bool) {
    found_by(&base.owner, base, context, words).await
}

/// What somebody finds by meaning alone.
async fn found_by(viewer: &Viewer, base: &Base, context: &WorkerContext, words: &str) -> (Vec<DocumentId>, bool) {
    let retriever = Retriever::new(base.store.clone(), context.engine.clone());
    let query =
        SearchQuery { text: words.to_owned(), top_k: 50, min_score: -1.0, tags: Vec::new(), mode: SearchMode::Dense };
    let outcome = retriever.search(viewer, query).await.unwrap();
    let mut documents: Vec<DocumentId> = outcome.passages.into_iter().map(|passage| passage.document_id).collect();
    documents.dedup();
    (documents, outcome.degraded)
}

/// Both sides are equal: no vector without a row, no row without a vector.
async fn assert_equal(base: &Base, index: &RemoteIndex) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_found_while_the_index_is_away_and_brought_there_when_it_is_back() {
    let (base, index) = remote().await;
    index.go_away(true);
    let id = base.add("Lejos", &prose(2, 9_000)).await.id;
    base.work().await;
    let document = base.get(&id).await.unwrap();
    assert_eq!(document.status, DocumentStatus::Queued);
    assert_eq!(document.error.unwrap().code, "index:unavailable");
    let (documents, degraded) = found(&base, &base.context, "contrato").await;
    assert!(documents.contains(&id) && degraded);

    index.go_away(false);
    // Not acknowledged, hence scored one by one beside what the index finds.
    let (documents, degraded) = found(&base, &base.context, "contrato").await;
    assert!(documents.contains(&id) && !degraded);
    let embedded = base.embedder.embedded();
    sqlx::query("UPDATE jobs SET run_at = now()").execute(base.store.pool()).await.unwrap();
    base.work().await;
    assert_eq!(base.get(&id).await.unwrap().status, DocumentStatus::Indexed);
    assert_eq!(base.embedder.embedded(), embedded, "nothing is embedded twice");
    assert_equal(&base, &index).await;
    let log = base.documents.events(&base.owner, &id, 100).await.unwrap();
    let kinds: Vec<DocumentEventKind> = log.iter().rev().map(|event| event.event).collect();
    use DocumentEventKind::{Added, Embedded, Extracted, Indexed, Started, Waiting};
    assert_eq!(kinds, [Added, Started, Extracted, Embedded, Waiting, Indexed]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_drifted_apart_is_found_both_ways_and_repaired() {
    let (base, index) = remote().await;
    let mut ids = Vec::new();
    for seed in 0..12 {
        ids.push(base.add(&format!("Documento {seed}"), &prose(seed, 4_000)).await.id);
    }
    base.work().await;
    let clean = reconcile(&base.context, false).await.unwrap();
    assert!(clean.is_clean() && clean.missing == 0 && clean.orphans == 0);
    assert_eq!(clean.database, clean.index);
    assert_eq!(clean.database.vectors, index.names().await.len() as u64);

    // A lost one, a document that lost all, a version that is no more, and a document that is no more.
    let names = index.names().await;
    let lost: Vec<ChunkKey> = names.iter().filter(|name| name.document_id == ids[3]).cloned().collect();
    index.inner.delete(&lost).await.unwrap();
    index.inner.delete(&[names[0].clone()]).await.unwrap();
    for (document, version) in [(ids[5].clone(), 7), (DocumentId::parse("nobody").unwrap(), 1)] {
        let record = cjhirashi_vectors::VectorRecord {
            key: ChunkKey { document_id: document, version, seq: 0 },
            ordinal: 999_999,
            values: vec![1.0; DIMENSION],
            language: None,
            text: Some("x".to_owned()),
            document: Arc::new(cjhirashi_vectors::DocumentMetadata {
                visibility: Visibility::Public,
                title: "x".to_owned(),
                source: cjhirashi_domain::document::Source::Api,
                source_url: None,
                created_at: base.store.now(),
                tags: Vec::new(),
                custom: cjhirashi_vectors::CustomMetadata::default(),
            }),
        };
        index.inner.upsert(vec![record]).await.unwrap();
    }
    let looked = reconcile(&base.context, true).await.unwrap();
    assert!(!looked.is_clean());
    assert_eq!((looked.missing, looked.orphans), (lost.len() as u64 + 1, 2));
    assert_ne!(looked.database.hash, looked.index.hash);

    let worker = Worker::start(base.context.clone(), options());
    let embedded = base.embedder.embedded();
    let report = reconcile(&base.context, false).await.unwrap();
    worker.shutdown().await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.repaired, 4);
    assert_eq!(report.database, report.index);
    assert_eq!(base.embedder.embedded(), embedded, "a repair embeds nothing");
    assert_equal(&base, &index).await;
    let kept = base.store.list_reconciliations(10).await.unwrap();
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[0].report.as_ref(), Some(&report));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_does_not_answer_is_reported_and_not_taken_for_empty() {
    let (base, index) = remote().await;
    base.add("Uno", &prose(1, 2_000)).await;
    base.work().await;
    index.go_away(true);
    let report = reconcile(&base.context, false).await.unwrap();
    assert!(!report.is_clean());
    assert_eq!(report.error.unwrap().code, "index:unavailable");
    assert_eq!(report.missing, 0);
}

async fn rebuild(base: &mut Base, name: &IndexName, index: Arc<RemoteIndex>, embedder: Arc<FakeEmbedder>) {
    base.store.active_index_or(&base.context.engine.current().name).await.unwrap();
    base.context.factory = Arc::new(OneOfEach { index, embedder });
    assert!(base.store.build_index(name).await.unwrap());
    base.work().await;
    let rows = base.store.list_indexes().await.unwrap();
    assert_eq!((rows[0].state, &rows[0].name), (IndexState::Active, name), "{rows:?}");
    assert!(rows[1..].iter().all(|row| row.state == IndexState::Previous));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_index_is_filled_from_the_database_without_a_call_to_the_model_and_takes_over() {
    let mut base = base().await;
    for seed in 0..8 {
        base.add(&format!("Documento {seed}"), &prose(seed, 5_000)).await;
    }
    base.work().await;
    let embedded = base.embedder.embedded();
    let index = RemoteIndex::new(&base, "other", "fake:one@16").await;
    let name = IndexName { kind: IndexKind::Qdrant, model: "fake:one@16".to_owned() };
    let embedder = base.embedder.clone();
    rebuild(&mut base, &name, index.clone(), embedder).await;
    assert_eq!(base.embedder.embedded(), embedded);
    assert_equal(&base, &index).await;
    let rows = base.store.list_indexes().await.unwrap();
    forget(&base, &rows[1].name).await;
    assert_eq!(base.store.list_indexes().await.unwrap().len(), 1);
    assert!(base.count("SELECT count(*) FROM embeddings").await > 0, "the model is still needed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_model_is_built_beside_the_first_and_both_keep_their_embeddings() {
    let mut base = base().await;
    for seed in 0..4 {
        base.add(&format!("Documento {seed}"), &prose(seed, 5_000)).await;
    }
    base.work().await;
    let chunks = base.count("SELECT count(*) FROM chunks").await;
    let index = RemoteIndex::new(&base, "other", "fake:two@16").await;
    let name = IndexName { kind: IndexKind::Embedded, model: "fake:two@16".to_owned() };
    let second = Arc::new(FakeEmbedder::new("fake:two@16", 8));
    rebuild(&mut base, &name, index.clone(), second.clone()).await;
    assert_eq!(i64::try_from(second.embedded()).unwrap(), chunks);
    assert_eq!(base.count("SELECT count(*) FROM embeddings").await, 2 * chunks);
    assert_equal(&base, &index).await;
    // Back again: nothing has to be embedded.
    let first = IndexName { kind: IndexKind::Embedded, model: "fake:one@16".to_owned() };
    let (before, embedder) = (base.embedder.embedded(), base.embedder.clone());
    let index = RemoteIndex::new(&base, "back", "fake:one@16").await;
    rebuild(&mut base, &first, index, embedder).await;
    assert_eq!(base.embedder.embedded(), before);
    forget(&base, &name).await;
    let removed = base.store.housekeep(&base.context.blobs).await.unwrap();
    assert_eq!(i64::try_from(removed.embeddings).unwrap(), chunks);
    assert_eq!(base.count("SELECT count(*) FROM embeddings").await, chunks);
}

async fn forget(base: &Base, name: &IndexName) {
    assert!(base.store.take_to_forget(name, Duration::from_secs(60)).await.unwrap());
    base.store.forget_index(name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_asked_for_while_it_is_being_removed_begins_anew_when_it_is_empty() {
    let mut base = base().await;
    for seed in 0..4 {
        base.add(&format!("Documento {seed}"), &prose(seed, 5_000)).await;
    }
    base.work().await;
    let mut index = RemoteIndex::new(&base, "first", "fake:one@16").await;
    Arc::get_mut(&mut index).unwrap().clearing = Some(Semaphore::new(0));
    let name = |kind| IndexName { kind, model: "fake:one@16".to_owned() };
    let (first, second) = (name(IndexKind::Qdrant), name(IndexKind::Pinecone));
    let embedder = base.embedder.clone();
    rebuild(&mut base, &first, index.clone(), embedder.clone()).await;
    let other = RemoteIndex::new(&base, "second", "fake:one@16").await;
    rebuild(&mut base, &second, other, embedder.clone()).await;

    base.context.factory = Arc::new(OneOfEach { index: index.clone(), embedder });
    let sync = SyncService::new(base.store.clone(), base.context.factory.clone());
    let removing = tokio::spawn({
        let (sync, owner, first) = (sync.clone(), base.owner.clone(), first.clone());
        async move { sync.forget(&owner, &first, false).await }
    });
    base.until("the removing to begin", async || {
        base.count("SELECT count(*) FROM vector_indexes WHERE clearing_until > now()").await == 1
    })
    .await;
    assert!(sync.forget(&base.owner, &first, false).await.is_err(), "somebody is at it");
    sync.build(&base.owner, &first).await.unwrap();
    base.work().await;
    let building = "SELECT count(*) FROM vector_indexes WHERE state = 'building' AND copied = 0 AND copied_to = 0";
    assert_eq!(base.count(building).await, 1, "nothing is copied into an index that is being emptied");
    index.clearing.as_ref().unwrap().add_permits(1);
    removing.await.unwrap().unwrap();
    assert!(index.names().await.is_empty());
    base.work().await;
    let rows = base.store.list_indexes().await.unwrap();
    assert_eq!((rows[0].state, &rows[0].name), (IndexState::Active, &first), "{rows:?}");
    assert_equal(&base, &index).await;

    // Whoever empties it dies: it can be asked for all the same, and is not taken for full.
    assert!(base.store.take_to_forget(&second, Duration::ZERO).await.unwrap());
    assert!(base.store.build_index(&second).await.unwrap());
    assert_eq!(base.count(building).await, 1);
    // And removed once more, if nobody asks for it.
    assert!(base.store.stop_building().await.unwrap());
    index.clearing.as_ref().unwrap().add_permits(1);
    sync.forget(&base.owner, &second, false).await.unwrap();
    assert!(base.store.list_indexes().await.unwrap().iter().all(|row| row.name != second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_answers_when_it_is_complete_and_embeds_only_what_changed() {
    let (base, index) = remote().await;
    let first = prose(6, 9_000);
    let id = base.add("Versión", &first).await.id;
    base.work().await;
    let embedded = base.embedder.embedded();
    let mut writer = base.documents.upload().await.unwrap();
    writer.write(format!("{first}\n\nUn párrafo nuevo al final, sobre la devolución.").as_bytes()).await.unwrap();
    let blob = writer.finish().await.unwrap();
    let version = base.documents.add_version(&base.owner, &id, Some("v.txt"), None, &blob).await.unwrap();
    assert_eq!(version, 2);
    assert_eq!(base.get(&id).await.unwrap().version, 1, "the old one answers until the new one is complete");
    assert!(found(&base, &base.context, "contrato").await.0.contains(&id));
    base.work().await;
    let document = base.get(&id).await.unwrap();
    assert_eq!((document.version, document.status), (2, DocumentStatus::Indexed));
    assert!(base.embedder.embedded() - embedded <= 2, "unchanged chunks keep their embeddings");
    assert_equal(&base, &index).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_or_unshared_counts_at_commit_and_the_index_follows() {
    let (base, index) = remote().await;
    let ana = base.person("ana", Role::User).await;
    let id = base.add("Compartido", &prose(8, 2_000)).await.id;
    base.work().await;
    let documents = &base.documents;
    assert!(documents.set_visibility(&ana, &id, &Visibility::Public).await.is_err(), "not hers to share");
    assert!(documents.get(&ana, &id).await.unwrap().is_none());
    documents.set_visibility(&base.owner, &id, &Visibility::Public).await.unwrap();
    assert!(documents.get(&ana, &id).await.unwrap().is_some());
    base.work().await;
    assert_eq!(index.inner.holdings()[0].owner, None);
    let own = Visibility::Private(base.owner.user_id.clone());
    documents.set_visibility(&base.owner, &id, &own).await.unwrap();
    assert!(documents.get(&ana, &id).await.unwrap().is_none());
    base.work().await;
    assert_eq!(index.inner.holdings()[0].owner.as_ref(), Some(&base.owner.user_id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_is_found_by_its_meaning_before_the_index_has_heard_of_it() {
    let (base, index) = remote().await;
    let ana = base.person("ana", Role::User).await;
    let id = base.add("Compartido", &prose(8, 2_000)).await.id;
    base.work().await;
    index.go_away(true);
    base.documents.set_visibility(&base.owner, &id, &Visibility::Public).await.unwrap();
    base.work().await;
    index.go_away(false);
    let (documents, degraded) = found_by(&ana, &base, &base.context, "contrato").await;
    assert_eq!((documents, degraded), (vec![id.clone()], false));
    base.hurry().await;
    base.work().await;
    assert_eq!(index.inner.holdings()[0].owner, None);
    let (documents, _) = found_by(&ana, &base, &base.context, "contrato").await;
    assert_eq!(documents, [id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_while_it_is_indexed_is_shared_in_the_index_too() {
    let gate = Arc::new(Semaphore::new(0));
    let embedder = FakeEmbedder { gate: Some(gate.clone()), ..FakeEmbedder::new("fake:one@16", 8) };
    let (base, index) = remote_of(base_with(embedder).await).await;
    let id = base.add("Compartido", &prose(8, 2_000)).await.id;
    let sharing = async {
        base.until("the run to have begun", async || *base.embedder.calls.lock() > 0).await;
        base.documents.set_visibility(&base.owner, &id, &Visibility::Public).await.unwrap();
        gate.add_permits(100);
    };
    tokio::join!(base.work(), sharing);
    assert_eq!(index.inner.holdings()[0].owner, None);
    assert_eq!(base.get(&id).await.unwrap().status, DocumentStatus::Indexed);
    assert_eq!(base.store.count_jobs_by_kind().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_before_a_version_that_cannot_be_read_is_shared_in_the_index_too() {
    let (base, index) = remote().await;
    let id = base.add("Compartido", &prose(8, 2_000)).await.id;
    base.work().await;
    base.documents.set_visibility(&base.owner, &id, &Visibility::Public).await.unwrap();
    let mut writer = base.documents.upload().await.unwrap();
    writer.write(b" \n ").await.unwrap();
    let blob = writer.finish().await.unwrap();
    base.documents.add_version(&base.owner, &id, Some("v.txt"), None, &blob).await.unwrap();
    base.work().await;
    let document = base.get(&id).await.unwrap();
    assert_eq!((document.status, document.version), (DocumentStatus::Failed, 1));
    assert_eq!(index.inner.holdings()[0].owner, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_is_shared_in_the_index_too_when_the_next_version_is_stopped() {
    let (base, index) = remote().await;
    let id = base.add("Compartido", &prose(8, 2_000)).await.id;
    base.work().await;
    base.documents.set_visibility(&base.owner, &id, &Visibility::Public).await.unwrap();
    let mut writer = base.documents.upload().await.unwrap();
    writer.write(prose(10, 2_000).as_bytes()).await.unwrap();
    let blob = writer.finish().await.unwrap();
    base.documents.add_version(&base.owner, &id, Some("v.txt"), None, &blob).await.unwrap();
    base.documents.cancel(&base.owner, &id).await.unwrap();
    base.work().await;
    assert_eq!(base.get(&id).await.unwrap().version, 1);
    assert_eq!(index.inner.holdings()[0].owner, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_while_another_index_is_built_is_shared_in_that_one_too() {
    let mut base = base().await;
    let id = base.add("Compartido", &prose(8, 2_000)).await.id;
    base.work().await;
    base.store.active_index_or(&base.context.engine.current().name).await.unwrap();
    let mut index = RemoteIndex::new(&base, "other", "fake:one@16").await;
    Arc::get_mut(&mut index).unwrap().gate = Some(Semaphore::new(0));
    base.context.factory = Arc::new(OneOfEach { index: index.clone(), embedder: base.embedder.clone() });
    let name = IndexName { kind: IndexKind::Qdrant, model: "fake:one@16".to_owned() };
    assert!(base.store.build_index(&name).await.unwrap());
    let sharing = async {
        base.until("the copy", async || !index.inner.holdings().is_empty()).await;
        base.documents.set_visibility(&base.owner, &id, &Visibility::Public).await.unwrap();
        base.work().await;
        index.gate.as_ref().unwrap().add_permits(100);
    };
    tokio::join!(base.work(), sharing);
    let rows = base.store.list_indexes().await.unwrap();
    assert_eq!((rows[0].state, &rows[0].name), (IndexState::Active, &name));
    let engine = Engine::new(IndexKind::Qdrant, index.clone(), base.embedder.clone());
    base.context.engine.exchange(engine);
    let ana = base.person("ana", Role::User).await;
    let (documents, _) = found_by(&ana, &base, &base.context, "contrato").await;
    assert_eq!(documents, [id]);
    base.hurry().await;
    base.work().await;
    assert_eq!(index.inner.holdings()[0].owner, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_indexed_while_another_index_takes_over_is_brought_to_that_one() {
    let gate = Arc::new(Semaphore::new(100));
    let embedder = FakeEmbedder { gate: Some(gate.clone()), ..FakeEmbedder::new("fake:one@16", 8) };
    let (mut base, old) = remote_of(base_with(embedder).await).await;
    base.add("Antes", &prose(8, 2_000)).await;
    base.work().await;
    base.store.active_index_or(&base.context.engine.current().name).await.unwrap();
    gate.forget_permits(100);
    base.add("Durante", &prose(9, 2_000)).await;
    let index = RemoteIndex::new(&base, "other", "fake:one@16").await;
    let taking_over = async {
        base.until("the run to have begun", async || *base.embedder.calls.lock() > 1).await;
        let name = IndexName { kind: IndexKind::Pinecone, model: "fake:one@16".to_owned() };
        let mut context = base.context.clone();
        context.factory = Arc::new(OneOfEach { index: index.clone(), embedder: base.embedder.clone() });
        assert!(base.store.build_index(&name).await.unwrap());
        Worker::run_due(&context, &options()).await.unwrap();
        gate.add_permits(100);
    };
    tokio::join!(base.work(), taking_over);
    assert!(!old.names().await.is_empty());
    base.context.engine = EngineCell::new(Engine::new(IndexKind::Pinecone, index.clone(), base.embedder.clone()));
    base.hurry().await;
    base.work().await;
    assert_equal(&base, &index).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_index_has_acknowledged_and_does_not_show_is_found_although_the_run_died_in_between() {
    let (base, index) = remote().await;
    *index.written.lock() = Some(40);
    index.blind.store(true, Ordering::Relaxed);
    let refuse = [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE ON documents FOR EACH ROW WHEN (NEW.status = 'indexed')
         EXECUTE FUNCTION refuse()",
    ];
    for sql in refuse {
        sqlx::query(sql).execute(base.store.pool()).await.unwrap();
    }
    let id = base.add("Tarde", &prose(8, 2_000)).await.id;
    base.work().await;
    assert_eq!(base.count("SELECT count(*) FROM chunks WHERE indexed_at IS NULL").await, 0);
    let found = async || {
        // From the second search on it is known how far the index has come.
        found(&base, &base.context, "contrato").await;
        found(&base, &base.context, "contrato").await.0
    };
    assert_eq!(found().await, std::slice::from_ref(&id));
    sqlx::query("DROP TRIGGER refuse ON documents").execute(base.store.pool()).await.unwrap();
    base.hurry().await;
    base.work().await;
    assert_eq!(base.get(&id).await.unwrap().status, DocumentStatus::Indexed);
    assert_eq!(found().await, [id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_answers_already_cannot_be_stopped_any_more() {
    let (base, index) = remote().await;
    index.go_away(true);
    let id = base.add("Responde", &prose(4, 3_000)).await.id;
    base.work().await;
    assert!(base.documents.cancel(&base.owner, &id).await.is_err());
    index.go_away(false);
    base.hurry().await;
    base.work().await;
    assert_eq!(base.get(&id).await.unwrap().status, DocumentStatus::Indexed);
    assert_equal(&base, &index).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_goes_from_an_index_that_answered_before_as_well() {
    let (mut base, old) = remote().await;
    let id = base.add("Secreto", &prose(4, 3_000)).await.id;
    base.work().await;
    let index = RemoteIndex::new(&base, "other", "fake:one@16").await;
    let name = IndexName { kind: IndexKind::Pinecone, model: "fake:one@16".to_owned() };
    let embedder = base.embedder.clone();
    rebuild(&mut base, &name, index.clone(), embedder.clone()).await;
    base.context.engine = EngineCell::new(Engine::new(IndexKind::Pinecone, index.clone(), embedder.clone()));
    base.context.factory = Arc::new(OneOfEach { index: old.clone(), embedder });
    assert!(!old.names().await.is_empty() && !index.names().await.is_empty());

    old.go_away(true);
    base.documents.delete(&base.owner, &id).await.unwrap();
    base.work().await;
    assert_eq!(base.count("SELECT count(*) FROM documents").await, 1, "its row waits until all vectors are gone");
    old.go_away(false);
    base.hurry().await;
    base.work().await;
    assert_eq!((old.names().await, index.names().await), (Vec::new(), Vec::new()));
    assert_eq!(base.count("SELECT count(*) FROM documents").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_cannot_be_emptied_is_forgotten_only_when_somebody_insists() {
    let (mut base, old) = remote().await;
    base.add("Documento", &prose(4, 3_000)).await;
    base.work().await;
    let before = base.context.engine.current().name.clone();
    let index = RemoteIndex::new(&base, "other", "fake:one@16").await;
    let name = IndexName { kind: IndexKind::Pinecone, model: "fake:one@16".to_owned() };
    let embedder = base.embedder.clone();
    rebuild(&mut base, &name, index, embedder.clone()).await;
    let sync = SyncService::new(base.store.clone(), Arc::new(OneOfEach { index: old.clone(), embedder }));
    old.go_away(true);
    for _ in 0..2 {
        let error = sync.forget(&base.owner, &before, false).await.unwrap_err();
        assert!(error.to_string().contains("away"), "{error}");
        let rows = base.store.list_indexes().await.unwrap();
        assert!(rows.iter().any(|row| row.name == before && row.cleared), "{rows:?}");
    }
    sync.forget(&base.owner, &before, true).await.unwrap();
    assert!(base.store.list_indexes().await.unwrap().iter().all(|row| row.name != before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_the_index_never_heard_of_is_found_by_the_comparison() {
    let (base, _index) = remote().await;
    base.add("Documento", &prose(4, 3_000)).await;
    base.work().await;
    // The job that should have told it was given up and is gone.
    sqlx::query("UPDATE documents SET acknowledged_at = 'infinity'").execute(base.store.pool()).await.unwrap();
    let looked = reconcile(&base.context, true).await.unwrap();
    assert_eq!((looked.stale, looked.unrepaired, looked.is_clean()), (1, 1, false));
    base.store.ask_for(JobKind::Reconcile).await.unwrap();
    base.work().await;
    let last = base.store.list_reconciliations(1).await.unwrap().remove(0).report.unwrap();
    assert_eq!((last.stale, last.repaired, last.unrepaired), (1, 1, 0));
    assert_eq!(base.count("SELECT count(*) FROM documents WHERE acknowledged_at = 'infinity'").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_somebody_emptied_is_noticed_and_filled_again() {
    let (base, index) = remote().await;
    for seed in 0..3 {
        base.add(&format!("Documento {seed}"), &prose(seed, 3_000)).await;
    }
    base.work().await;
    index.inner.clear().await.unwrap();
    base.store.ask_for(JobKind::Housekeeping).await.unwrap();
    base.work().await;
    assert!(!index.names().await.is_empty());
    assert_equal(&base, &index).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_after_an_index_was_made_anew_is_found_though_its_log_begins_again() {
    let (base, index) = remote().await;
    index.blind.store(true, Ordering::Relaxed);
    let log_at = |position| {
        *index.written.lock() = Some(position);
        index.shown.store(position, Ordering::Relaxed);
    };
    log_at(1_000);
    base.add("Antes", &prose(2, 2_000)).await;
    base.work().await;
    // Long ago: what was acknowledged lately is scored in any case.
    sqlx::query("UPDATE documents SET acknowledged_at = now() - interval '1 hour'")
        .execute(base.store.pool())
        .await
        .unwrap();
    log_at(2_000);
    assert_eq!(found(&base, &base.context, "contrato").await.0.len(), 0, "its queries show all there is");
    log_at(3);
    let id = base.add("Después", &prose(4, 2_000)).await.id;
    base.work().await;
    assert!(found(&base, &base.context, "contrato").await.0.contains(&id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_has_not_followed_a_switch_leaves_documents_to_others() {
    let base = base().await;
    let name = IndexName { kind: IndexKind::Qdrant, model: "fake:one@16".to_owned() };
    base.store.active_index_or(&name).await.unwrap();
    let id = base.add("Espera", &prose(4, 2_000)).await.id;
    assert_eq!(base.work().await, 0);
    let document = base.get(&id).await.unwrap();
    assert_eq!((document.status, document.error), (DocumentStatus::Queued, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_index_of_this_process_has_not_taken_in_yet_is_found_by_its_meaning() {
    let base = base().await;
    let id = base.add("Grande", &prose(4, 9_000)).await.id;
    base.work().await;
    base.index.clear().await.unwrap();
    assert!(found(&base, &base.context, "contrato").await.0.is_empty());
    sqlx::query("UPDATE chunks SET indexed_at = NULL").execute(base.store.pool()).await.unwrap();
    assert_eq!(found(&base, &base.context, "contrato").await.0, [id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_that_is_asked_for_during_one_comes_at_once() {
    let (base, _index) = remote().await;
    base.store.ask_for(JobKind::Reconcile).await.unwrap();
    let jobs = base.store.claim_jobs(9, Duration::from_secs(9)).await.unwrap();
    assert_eq!(jobs.len(), 1);
    base.store.ask_for(JobKind::Reconcile).await.unwrap();
    assert!(base.store.repeat_job(&jobs[0], Duration::from_secs(3_600)).await.unwrap());
    assert_eq!(base.count("SELECT count(*) FROM jobs WHERE run_at <= now()").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_stops_stays_stopped_until_they_try_again() {
    let (base, index) = remote().await;
    let (provider, detail) = ("fake".to_owned(), "away".to_owned());
    base.embedder.failures.lock().push_back(ModelError::Unavailable { provider, cause: Outage::Other, detail });
    let id = base.add("Parado", &prose(4, 3_000)).await.id;
    base.work().await;
    base.documents.cancel(&base.owner, &id).await.unwrap();
    assert!(base.documents.cancel(&base.owner, &id).await.is_err(), "it is stopped already");
    base.hurry().await;
    assert_eq!(base.work().await, 0);
    let document = base.get(&id).await.unwrap();
    assert_eq!(
        (document.status, document.error.unwrap().code.as_str()),
        (DocumentStatus::Failed, "documents:cancelled")
    );
    assert_eq!(base.documents.retry_all(&base.owner).await.unwrap(), 1);
    base.work().await;
    assert_eq!(base.get(&id).await.unwrap().status, DocumentStatus::Indexed);
    assert_equal(&base, &index).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_to_a_model_that_is_away_for_long_goes_on_at_the_next_start() {
    let mut base = base().await;
    let id = base.add("Cambio", &prose(32, 6_000)).await.id;
    base.work().await;
    base.store.active_index_or(&base.context.engine.current().name).await.unwrap();
    let index = RemoteIndex::new(&base, "other", "fake:two@16").await;
    let embedder = Arc::new(FakeEmbedder::new("fake:two@16", 8));
    let provider = "fake".to_owned();
    let away = ModelError::Unavailable { provider, cause: Outage::Other, detail: "away".to_owned() };
    embedder.failures.lock().push_back(away);
    base.context.factory = Arc::new(OneOfEach { index: index.clone(), embedder: embedder.clone() });
    let name = IndexName { kind: IndexKind::Embedded, model: "fake:two@16".to_owned() };
    assert!(base.store.build_index(&name).await.unwrap());
    let options = WorkerOptions { max_attempts: 1, ..options() };
    Worker::run_due(&base.context, &options).await.unwrap();
    let dead = base.store.list_dead_jobs(None, 10).await.unwrap();
    assert_eq!((dead.len(), dead[0].error.as_ref().unwrap().code.as_str()), (1, "models:unavailable"));
    assert_eq!(base.get(&id).await.unwrap().status, DocumentStatus::Indexed, "it still answers");

    let worker = Worker::start(base.context.clone(), options);
    base.until("the other model to take over", async || {
        base.count("SELECT count(*) FROM vector_indexes WHERE state = 'active' AND model = 'fake:two@16'").await == 1
    })
    .await;
    worker.shutdown().await;
    assert_eq!(embedder.embedded(), base.embedder.embedded());
    assert_equal(&base, &index).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_keeps_no_texts_hears_whose_a_document_is_all_the_same() {
    let (base, index) = remote().await;
    index.keeps.store(false, Ordering::Relaxed);
    let id = base.add("Compartido", &prose(8, 2_000)).await.id;
    base.work().await;
    assert_eq!(index.inner.holdings()[0].owner.as_ref(), Some(&base.owner.user_id));
    base.documents.set_visibility(&base.owner, &id, &Visibility::Public).await.unwrap();
    base.work().await;
    assert_eq!(index.inner.holdings()[0].owner, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_another_model_is_built_is_found_by_that_model_too() {
    let mut base = base().await;
    base.add("Antes", &prose(2, 3_000)).await;
    base.work().await;
    base.store.active_index_or(&base.context.engine.current().name).await.unwrap();
    let mut index = RemoteIndex::new(&base, "other", "fake:two@16").await;
    Arc::get_mut(&mut index).unwrap().gate = Some(Semaphore::new(0));
    let second = Arc::new(FakeEmbedder::new("fake:two@16", 8));
    base.context.factory = Arc::new(OneOfEach { index: index.clone(), embedder: second.clone() });
    let name = IndexName { kind: IndexKind::Qdrant, model: "fake:two@16".to_owned() };
    assert!(base.store.build_index(&name).await.unwrap());
    let coming = async {
        base.until("the copy", async || !index.inner.holdings().is_empty()).await;
        // The model that answers embeds it, and nobody has asked the other one.
        let id = base.add("Durante", &prose(4, 3_000)).await.id;
        base.work().await;
        index.gate.as_ref().unwrap().add_permits(1_000);
        id
    };
    let (_, id) = tokio::join!(base.work(), coming);
    let rows = base.store.list_indexes().await.unwrap();
    assert_eq!((rows[0].state, &rows[0].name), (IndexState::Active, &name));
    base.context.engine.exchange(Engine::new(IndexKind::Qdrant, index.clone(), second.clone()));
    base.hurry().await;
    base.work().await;
    let chunks = base.count("SELECT count(*) FROM chunks").await;
    assert_eq!(base.count("SELECT count(*) FROM embeddings WHERE model = 'fake:two@16'").await, chunks);
    assert_equal(&base, &index).await;
    assert!(found(&base, &base.context, "contrato").await.0.contains(&id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trouble_that_lasts_is_told_once_in_the_history() {
    let (base, index) = remote().await;
    let id = base.add("Largo", &prose(8, 2_000)).await.id;
    index.go_away(true);
    for _ in 0..4 {
        base.hurry().await;
        base.work().await;
    }
    index.go_away(false);
    base.hurry().await;
    base.work().await;
    let events = base.documents.events(&base.owner, &id, 100).await.unwrap();
    let told = |kind| events.iter().filter(|event| event.event == kind).count();
    assert_eq!((told(DocumentEventKind::Started), told(DocumentEventKind::Waiting)), (1, 1), "{events:?}");
    assert_eq!(told(DocumentEventKind::Indexed), 1);
}

/// Opens an index only after a while.
struct Late {
    index: Arc<RemoteIndex>,
    embedder: Arc<FakeEmbedder>,
    ready: Arc<AtomicBool>,
}

#[async_trait]
impl IndexFactory for Late {
    async fn open_index(&self, _: &IndexName, _: usize) -> Result<OpenIndex, IndexError> {
        if self.ready.load(Ordering::Relaxed) {
            return Ok(OpenIndex::Remote(Arc::clone(&self.index) as Arc<dyn VectorIndex>));
        }
        Err(IndexError::Unavailable { index: "remote", detail: "starting".to_owned(), retry_after: None })
    }

    fn embedder(&self, _: &str) -> Result<Arc<dyn Embedder>, ModelError> {
        Ok(Arc::clone(&self.embedder) as Arc<dyn Embedder>)
    }

    fn kinds(&self) -> Vec<IndexKind> {
        vec![IndexKind::Qdrant]
    }

    fn model(&self) -> String {
        "fake:one@16".to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_away_when_the_server_starts_answers_when_it_is_back() {
    let base = base().await;
    let index = RemoteIndex::new(&base, "late", "fake:one@16").await;
    let ready = Arc::new(AtomicBool::new(false));
    let factory = Late { index, embedder: base.embedder.clone(), ready: ready.clone() };
    let name = IndexName { kind: IndexKind::Qdrant, model: "fake:one@16".to_owned() };
    let engines = cjhirashi_sync::EngineFollower::start(base.store.clone(), Arc::new(factory), &name).await.unwrap();
    let cell = engines.cell();
    assert!(cell.current().index.stats().await.is_err());
    ready.store(true, Ordering::Relaxed);
    base.until("the index", async || cell.current().index.stats().await.is_ok()).await;
    engines.shutdown().await;
}

#[tokio::test]
async fn the_way_back_to_a_model_outlives_a_restart_until_the_configuration_names_another() {
    let base = base().await;
    let name = |kind, model: &str| IndexName { kind, model: model.to_owned() };
    let wanted = async |kind, model| cjhirashi_sync::wanted_index(&base.store, name(kind, model)).await.unwrap();
    assert_eq!(wanted(IndexKind::Embedded, "two@1").await, name(IndexKind::Embedded, "two@1"));
    let back = name(IndexKind::Pinecone, "one@1");
    cjhirashi_sync::choose_index(&base.store, &back, "two@1").await.unwrap();
    assert_eq!(wanted(IndexKind::Embedded, "two@1").await, back);
    assert_eq!(wanted(IndexKind::Embedded, "three@1").await, name(IndexKind::Pinecone, "three@1"));
}

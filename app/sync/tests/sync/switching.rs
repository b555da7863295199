//! Another index takes over, and what becomes of the one before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use cjhirashi_domain::{
    access::Visibility,
    document::DocumentStatus,
    sync::{IndexKind, IndexName, IndexState},
    user::Role,
};
use cjhirashi_models::{Embedder, ModelError, Outage};
use cjhirashi_retrieval::{Engine, EngineCell};
use cjhirashi_sync::{IndexFactory, OpenIndex, SyncService, Worker, WorkerOptions};
use cjhirashi_vectors::{IndexError, VectorIndex};
use tokio::sync::Semaphore;

use crate::{
    remote::{OneOfEach, RemoteIndex, assert_equal, found, found_by, remote, remote_of},
    support::{Base, FakeEmbedder, base, base_with, options, prose},
};

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
    let sync = SyncService::new(base.store.clone(), base.context.engine.clone(), base.context.factory.clone());
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
    let sync = SyncService::new(
        base.store.clone(),
        base.context.engine.clone(),
        Arc::new(OneOfEach { index: old.clone(), embedder }),
    );
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

/// Opens an index only after a while.
struct Late {
    index: Arc<RemoteIndex>,
    embedder: Arc<FakeEmbedder>,
    ready: Arc<AtomicBool>,
}

#[async_trait]
impl IndexFactory for Late {
    async fn open_index(&self, _: &IndexName) -> Result<OpenIndex, IndexError> {
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

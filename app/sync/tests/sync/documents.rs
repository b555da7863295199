//! Documents from the upload to the index and back, on a real PostgreSQL.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::support::{Base, FakeEmbedder, base, base_with, context, options, prose, text};
use cjhirashi_domain::{
    ErrorCode, Viewer,
    access::Visibility,
    document::{DocumentStatus, Stage},
    order::{DocumentState, Order},
    text::{QueryText, Tag},
    user::Role,
};
use cjhirashi_models::{ModelError, Outage};
use cjhirashi_storage::{AppSecret, Held, JobFilter, JobKind, Store, StoreOptions};
use cjhirashi_sync::{DocumentError, DocumentFilter, DocumentScope, NewText, Worker, WorkerOptions};
use tokio::sync::Semaphore;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_cut_embedded_and_indexed_and_every_chunk_is_a_slice_of_its_text() {
    let base = base().await;
    let added = base.add("Condiciones", &prose(2, 20_000)).await;
    assert_eq!((added.status, added.version), (DocumentStatus::Queued, 0));
    assert_eq!(base.work().await, 1);

    let document = base.get(&added.id).await.unwrap();
    assert_eq!((document.status, document.stage, document.version), (DocumentStatus::Indexed, None, 1));
    assert!(document.chunk_count >= 8, "{}", document.chunk_count);
    assert_eq!(document.language.as_deref(), Some("es"));
    assert_eq!(document.size_bytes, added.size_bytes);

    let text = base.documents.part(&base.owner, &added.id, 0, i32::MAX).await.unwrap().unwrap();
    let characters: Vec<char> = text.text.chars().collect();
    assert_eq!(text.length, i32::try_from(characters.len()).unwrap());
    let part = base.documents.part(&base.owner, &added.id, 100, 50).await.unwrap().unwrap();
    assert_eq!((part.from, part.length), (100, text.length));
    assert_eq!(part.text, characters[100..150].iter().collect::<String>());
    let beyond = base.documents.part(&base.owner, &added.id, i32::MAX, i32::MAX).await.unwrap().unwrap();
    assert_eq!(beyond.text, "");
    let chunks = base.documents.chunks(&base.owner, &added.id, 0, 1000).await.unwrap().unwrap();
    assert_eq!(chunks.len(), usize::try_from(document.chunk_count).unwrap());
    for chunk in &chunks {
        let (start, end) = (usize::try_from(chunk.start).unwrap(), usize::try_from(chunk.end).unwrap());
        assert_eq!(chunk.text, characters[start..end].iter().collect::<String>());
    }
    assert_eq!(base.vectors(), chunks.len());
    assert_eq!(base.embedder.embedded(), chunks.len());
    assert_eq!(base.count("SELECT count(*) FROM chunks WHERE indexed_at IS NULL").await, 0);
    assert_eq!(base.store.count_jobs_by_kind().await.unwrap(), []);
}

#[tokio::test]
async fn a_file_that_was_there_before_is_told_to_whoever_may_read_that_one() {
    let base = base().await;
    let (ana, eva) = (base.person("ana", Role::User).await, base.person("eva", Role::User).await);
    let documents = &base.documents;
    let add = async |title: &str, who| {
        // Of two in one millisecond, none was there before the other.
        tokio::time::sleep(Duration::from_millis(2)).await;
        documents.add_text(who, text(title, "Los mismos bytes.", who)).await.unwrap()
    };
    let first = add("Uno", &ana).await;
    let second = add("Dos", &ana).await;
    let of_eva = add("De Eva", &eva).await;
    let other = documents.add_text(&ana, text("Otro", "Otros bytes.", &ana)).await.unwrap();
    let twin = async |who, id| documents.twin(who, id).await.unwrap().map(|twin| (twin.id, twin.title));
    assert_eq!(twin(&ana, &second.id).await, Some((first.id.clone(), "Uno".to_owned())));
    assert_eq!(twin(&ana, &first.id).await, None, "what came later was not there before");
    assert_eq!(twin(&ana, &other.id).await, None);
    assert_eq!(twin(&eva, &of_eva.id).await, None, "other people's documents are told to nobody");
    documents.delete(&ana, &first.id).await.unwrap();
    assert_eq!(twin(&ana, &second.id).await, None, "what was deleted is not there");
}

#[tokio::test]
async fn a_list_is_ordered_by_its_columns_and_shows_those_that_stand_somewhere() {
    let base = base().await;
    for (title, content) in [("ñu", "22"), ("Árbol", "1"), ("bala", "333")] {
        base.add(title, content).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    base.work().await;
    base.add("zorro", "4444").await;
    let list = async |order: &str, state| {
        let filter = DocumentFilter { order: Order::parse(order), state, ..DocumentFilter::default() };
        let list = base.documents.list(&base.owner, &filter).await.unwrap();
        let titles: Vec<_> = list.documents.into_iter().map(|document| document.title).collect();
        (titles.join(" "), list.total)
    };
    assert_eq!(list("", None).await, ("zorro bala Árbol ñu".to_owned(), 4), "the newest first");
    assert_eq!(list("title", None).await.0, "Árbol bala ñu zorro");
    assert_eq!(list("-title", None).await.0, "zorro ñu bala Árbol");
    assert_eq!(list("size", None).await.0, "Árbol ñu bala zorro");
    assert_eq!(list("-size", None).await.0, "zorro bala ñu Árbol");
    assert_eq!(list("state", None).await.0, "zorro bala Árbol ñu", "what is not ready yet comes first");
    assert_eq!(list("-state", None).await.0, "bala Árbol ñu zorro");
    assert_eq!(list("", Some(DocumentState::Working)).await, ("zorro".to_owned(), 1));
    assert_eq!(list("-changed", Some(DocumentState::Ready)).await.1, 3);
    assert_eq!(list("", Some(DocumentState::Failed)).await, (String::new(), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_file_may_be_added_again_and_costs_no_second_embedding() {
    let base = base().await;
    let content = prose(4, 9_000);
    let first = base.add("Uno", &content).await;
    base.work().await;
    let embedded = base.embedder.embedded();
    let second = base.add("Dos", &content).await;
    base.work().await;
    assert_eq!(base.get(&second.id).await.unwrap().status, DocumentStatus::Indexed);
    assert_eq!(base.embedder.embedded(), embedded);
    assert_eq!(base.files(), 1);
    assert_eq!(base.vectors(), embedded * 2);

    base.documents.delete(&base.owner, &first.id).await.unwrap();
    base.work().await;
    assert_eq!((base.files(), base.vectors()), (1, embedded), "the other document still needs the file");
    base.documents.delete(&base.owner, &second.id).await.unwrap();
    base.work().await;
    assert_eq!((base.files(), base.vectors()), (0, 0));
    assert_eq!(base.count("SELECT count(*) FROM documents").await, 0);
    assert_eq!(base.count("SELECT count(*) FROM chunks").await, 0);
    assert_eq!(base.count("SELECT count(*) FROM jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_document_is_gone_at_once_whatever_is_still_to_be_removed() {
    let base = base().await;
    let id = base.add("Secreto", &prose(6, 5_000)).await.id;
    base.work().await;
    base.documents.delete(&base.owner, &id).await.unwrap();
    assert!(base.get(&id).await.is_none());
    assert!(base.documents.part(&base.owner, &id, 0, 10).await.unwrap().is_none());
    assert!(base.documents.chunks(&base.owner, &id, 0, 10).await.unwrap().is_none());
    assert!(base.documents.original(&base.owner, &id).await.unwrap().is_none());
    assert_eq!(base.documents.list(&base.owner, &DocumentFilter::default()).await.unwrap().total, 0);
    let again = base.documents.delete(&base.owner, &id).await;
    assert!(matches!(again, Err(DocumentError::NotFound)));
    assert!(matches!(base.documents.retry(&base.owner, &id).await, Err(DocumentError::NotFound)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_in_hand_does_not_bring_a_deleted_document_back() {
    let gate = Arc::new(Semaphore::new(0));
    let base = base_with(FakeEmbedder { gate: Some(gate.clone()), ..FakeEmbedder::new("fake:one@16", 4) }).await;
    let id = base.add("Fugaz", &prose(8, 30_000)).await.id;
    let worker = Worker::start(base.context.clone(), options());
    base.until("the first call", async || *base.embedder.calls.lock() > 0).await;
    assert_eq!(base.get(&id).await.unwrap().stage, Some(Stage::Embedding));
    base.documents.delete(&base.owner, &id).await.unwrap();
    gate.add_permits(1000);
    base.until("the row to go", async || base.count("SELECT count(*) FROM documents").await == 0).await;
    base.until("the job to go", async || {
        base.count("SELECT count(*) FROM jobs WHERE kind LIKE '%document'").await == 0
    })
    .await;
    worker.shutdown().await;
    assert_eq!(base.count("SELECT count(*) FROM chunks").await, 0);
    assert_eq!((base.vectors(), base.files()), (0, 0));
    assert!(*base.embedder.calls.lock() <= 2, "nothing more was embedded for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_fails_at_once_in_words_and_is_not_tried_again() {
    let base = base().await;
    let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    picture.extend((0..4000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]));
    let error = base.add_file("foto.txt", &picture).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::DocumentUnsupported);
    assert_eq!(base.add_file("nada.txt", b"").await.unwrap_err().code(), ErrorCode::DocumentEmpty);
    let error = base.add_file("grande.txt", &vec![b'a'; 50_000_001]).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::DocumentTooLarge);
    assert_eq!((base.count("SELECT count(*) FROM documents").await, base.files()), (0, 0));

    // Looks like text from its first bytes, and holds nothing.
    let blank = base.add_file("blanco.txt", " \n".repeat(100).as_bytes()).await;
    if let Ok(blank) = blank {
        base.work().await;
        let blank = base.get(&blank.id).await.unwrap();
        assert_eq!(blank.status, DocumentStatus::Failed);
        assert_eq!(blank.error.unwrap().code, ErrorCode::DocumentEmpty.as_str());
        assert_eq!(base.store.count_jobs_by_kind().await.unwrap(), []);
        base.documents.retry(&base.owner, &blank.id).await.unwrap();
        assert_eq!(base.work().await, 1);
        assert_eq!(base.get(&blank.id).await.unwrap().status, DocumentStatus::Failed);
    }
}

fn unavailable() -> ModelError {
    ModelError::Unavailable {
        provider: "fake".to_owned(),
        cause: Outage::NoConnection,
        detail: "no route to host".to_owned(),
    }
}

fn limited() -> ModelError {
    ModelError::RateLimited {
        provider: "fake".to_owned(),
        retry_after: Some(Duration::from_secs(40)),
        detail: "slow down".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_away_is_tried_again_and_in_the_end_the_job_is_a_dead_letter() {
    let base = base().await;
    let id = base.add("Paciencia", &prose(10, 3_000)).await.id;
    let options = WorkerOptions { max_attempts: 3, ..options() };
    base.embedder.failures.lock().extend([limited(), limited(), unavailable(), unavailable(), unavailable()]);

    for round in 0..4 {
        base.hurry().await;
        assert_eq!(Worker::run_due(&base.context, &options).await.unwrap(), 1, "round {round}: one run, then a pause");
        let document = base.get(&id).await.unwrap();
        assert_eq!(document.status, DocumentStatus::Queued);
        let error = document.error.unwrap();
        let code = if round < 2 { ErrorCode::ProviderRateLimited } else { ErrorCode::ProviderUnavailable };
        assert_eq!(error.code, code.as_str());
        let pause = base.count("SELECT extract(epoch FROM run_at - now())::bigint FROM jobs").await;
        assert!(if round < 2 { (39..=50).contains(&pause) } else { (1..=5).contains(&pause) }, "{round}: {pause}");
    }
    base.hurry().await;
    Worker::run_due(&base.context, &options).await.unwrap();
    let document = base.get(&id).await.unwrap();
    assert_eq!(document.status, DocumentStatus::Failed);
    assert_eq!(document.error.unwrap().detail.as_deref(), Some("no route to host"));
    assert_eq!(base.store.count_jobs_by_kind().await.unwrap()[0].dead, 1);
    assert_eq!(base.count("SELECT attempts::bigint FROM jobs").await, 3);

    base.hurry().await;
    assert_eq!(base.work().await, 0, "a dead letter waits for the next start");
    let worker = Worker::start(base.context.clone(), options);
    base.wait_for(&id, DocumentStatus::Indexed).await;
    worker.shutdown().await;
    assert_eq!(base.store.revive_dead_jobs().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_takes_some_jobs_leaves_the_others_and_dead_letters_alone() {
    let base = base().await;
    let dead = base.add("Muerto", &prose(10, 3_000)).await.id;
    base.embedder.failures.lock().push_back(unavailable());
    Worker::run_due(&base.context, &WorkerOptions { max_attempts: 1, ..options() }).await.unwrap();
    let other = base.person("admin", Role::Admin).await;
    let titles = async |viewer: &Viewer| -> Vec<Option<String>> {
        base.store.list_dead_jobs(Some(viewer), 10).await.unwrap().into_iter().map(|job| job.title).collect()
    };
    assert_eq!(titles(&base.owner).await, [Some("Muerto".to_owned())]);
    assert_eq!(titles(&other).await, [None], "what is private is private from admins too");
    let uploaded = base.add("Con archivo", &prose(11, 3_000)).await.id;
    let adopted = base.add("Sin archivo", &prose(12, 3_000)).await.id;
    sqlx::query("UPDATE document_versions SET blob_key = NULL, size_bytes = NULL, text = $2 WHERE document_id = $1")
        .bind(adopted.as_str())
        .bind(prose(12, 3_000))
        .execute(base.store.pool())
        .await
        .unwrap();
    let mut jobs = JobFilter::of([JobKind::RepairDocument, JobKind::Reindex]);
    let worker = Worker::start(base.context.clone(), WorkerOptions { jobs: jobs.clone(), ..options() });
    tokio::time::sleep(Duration::from_millis(400)).await;
    worker.shutdown().await;
    assert_eq!(base.count("SELECT count(*) FROM jobs").await, 3, "nothing that recurs was asked for");
    assert_eq!(base.count("SELECT count(*) FROM jobs WHERE attempts = 0 AND dead_at IS NULL").await, 2);

    jobs = JobFilter { without_file: true, ..JobFilter::of([JobKind::IndexDocument]) };
    let worker = Worker::start(base.context.clone(), WorkerOptions { jobs, ..options() });
    base.until("the one without a file to be taken", async || {
        base.count("SELECT count(*) FROM jobs WHERE dead_at IS NULL").await == 1
    })
    .await;
    worker.shutdown().await;
    assert_eq!(base.get(&uploaded).await.unwrap().status, DocumentStatus::Queued);
    assert_eq!(base.get(&dead).await.unwrap().status, DocumentStatus::Failed);
    assert_eq!(base.store.list_dead_jobs(None, 10).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_here_is_looked_for_again_and_one_that_is_lost_fails_its_document() {
    let base = base().await;
    let id = base.add("Ajeno", &prose(34, 3_000)).await.id;
    let (_, path) = base.documents.original(&base.owner, &id).await.unwrap().unwrap();
    let elsewhere = path.with_extension("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    let options = WorkerOptions { max_attempts: 3, ..options() };
    for attempt in 1..=3 {
        base.hurry().await;
        assert_eq!(Worker::run_due(&base.context, &options).await.unwrap(), 1, "one run, then a pause");
        let document = base.get(&id).await.unwrap();
        assert_eq!(document.error.unwrap().code, ErrorCode::DocumentFileMissing.as_str());
        assert_eq!(base.count("SELECT attempts::bigint FROM jobs").await, attempt);
        if attempt < 3 {
            assert_eq!(document.status, DocumentStatus::Queued);
            let pause = base.count("SELECT extract(epoch FROM run_at - now())::bigint FROM jobs").await;
            assert!((3..=7).contains(&pause), "{attempt}: {pause}");
        } else {
            assert_eq!(document.status, DocumentStatus::Failed);
        }
    }
    assert_eq!(base.store.count_jobs_by_kind().await.unwrap()[0].dead, 1);
    base.hurry().await;
    assert_eq!(Worker::run_due(&base.context, &options).await.unwrap(), 0, "it waits for somebody or the next start");

    // The folder is mounted, and somebody asks again.
    std::fs::rename(&elsewhere, &path).unwrap();
    base.documents.retry(&base.owner, &id).await.unwrap();
    base.work().await;
    let document = base.get(&id).await.unwrap();
    assert_eq!((document.status, document.error), (DocumentStatus::Indexed, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_is_given_nothing_of_a_large_document_before_all_of_it_is_there() {
    let gate = Arc::new(Semaphore::new(2));
    let base = base_with(FakeEmbedder { gate: Some(gate.clone()), ..FakeEmbedder::new("fake:one@16", 2) }).await;
    let id = base.add("Grande", &prose(36, 20_000)).await.id;
    let worker = Worker::start(base.context.clone(), options());
    base.until("two batches", async || base.count("SELECT count(*) FROM embeddings").await == 4).await;
    assert_eq!(base.vectors(), 0);
    gate.add_permits(1000);
    let document = base.wait_for(&id, DocumentStatus::Indexed).await;
    worker.shutdown().await;
    assert_eq!(base.vectors(), usize::try_from(document.chunk_count).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_asked_for_again_while_it_ends_is_due_at_once() {
    let base = base().await;
    base.add("Otra vez", &prose(38, 1_000)).await;
    let job = base.store.claim_jobs(10, Duration::from_secs(60)).await.unwrap().remove(0);
    // As a request that holds the row until the end has begun.
    let mut request = base.store.pool().begin().await.unwrap();
    sqlx::query("UPDATE jobs SET revision = revision + 1").execute(&mut *request).await.unwrap();
    let store = base.store.clone();
    let ending = tokio::spawn(async move { store.finish_job(&job).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    request.commit().await.unwrap();
    assert!(ending.await.unwrap().unwrap());
    assert_eq!(base.count("SELECT count(*) FROM jobs WHERE claim IS NULL AND attempts = 0").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn housekeeping_forgets_the_runs_that_a_kill_cut_off_once_one_ends_well() {
    let base = base().await;
    base.store.schedule(JobKind::Housekeeping, Duration::ZERO).await.unwrap();
    sqlx::query("UPDATE jobs SET attempts = 11, run_at = now()").execute(base.store.pool()).await.unwrap();
    assert_eq!(base.work().await, 1);
    assert_eq!(base.count("SELECT attempts::bigint FROM jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_keeps_the_batches_before_it_and_a_person_can_try_again() {
    let base = base_with(FakeEmbedder::new("fake:one@16", 2)).await;
    let id = base.add("Rechazo", &prose(12, 20_000)).await.id;
    let refused = ModelError::Refused { provider: "fake".to_owned(), status: 400, detail: "bad input".to_owned() };
    base.embedder.failures.lock().push_back(refused);
    base.work().await;
    let document = base.get(&id).await.unwrap();
    assert_eq!(document.status, DocumentStatus::Failed);
    assert_eq!(document.error.unwrap().code, ErrorCode::ProviderRefused.as_str());
    assert_eq!(base.vectors(), 0, "nothing takes the place of what answers");
    base.documents.retry(&base.owner, &id).await.unwrap();
    assert_eq!(base.get(&id).await.unwrap().error, None);
    base.work().await;
    let document = base.get(&id).await.unwrap();
    assert_eq!(document.status, DocumentStatus::Indexed);
    assert_eq!(base.embedder.embedded(), usize::try_from(document.chunk_count).unwrap(), "no text twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_ends_its_process_every_time_is_given_up() {
    let base = base().await;
    let id = base.add("Veneno", &prose(14, 3_000)).await.id;
    for _ in 0..3 {
        let jobs = base.store.claim_jobs(10, Duration::ZERO).await.unwrap();
        assert_eq!(jobs.len(), 1, "its process died, its lease ran out");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let options = WorkerOptions { max_attempts: 3, ..options() };
    Worker::run_due(&base.context, &options).await.unwrap();
    let document = base.get(&id).await.unwrap();
    assert_eq!(document.status, DocumentStatus::Failed);
    assert!(document.error.unwrap().detail.unwrap().contains("stopped 3 times"));
    assert_eq!(base.embedder.embedded(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_slept_through_its_lease_writes_nothing_more() {
    let base = base().await;
    let id = base.add("Sueño", &prose(16, 3_000)).await.id;
    let asleep = base.store.claim_jobs(10, Duration::ZERO).await.unwrap().remove(0);
    assert!(base.store.begin_indexing(&asleep.claim, &id).await.unwrap().is_some());
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(base.work().await, 1, "another worker did it");

    let claim = &asleep.claim;
    let store = &base.store;
    assert!(store.begin_indexing(claim, &id).await.unwrap().is_none());
    assert_eq!(store.add_chunks(claim, &id, 1, &[], "fake:one@16").await.unwrap(), Held::No);
    assert_eq!(store.save_text(claim, &id, 1, "x", None, None).await.unwrap(), Held::No);
    assert_eq!(store.save_embeddings(&asleep, &id, "fake:one@16", &[], false, 0.5).await.unwrap(), Held::No);
    assert_eq!(store.acknowledge_chunks(&asleep, &id, &[], None, 0.5).await.unwrap(), Held::No);
    assert_eq!(store.let_answer(claim, &id, 1).await.unwrap(), Held::No);
    assert_eq!(store.complete_indexing(claim, &id, 1).await.unwrap(), None);
    assert_eq!(store.remove_old_chunks(claim, &id).await.unwrap(), 0);
    let error = cjhirashi_domain::document::DocumentError { code: "x".to_owned(), detail: None, words: None };
    assert_eq!(store.fail_indexing(claim, &id, &error, true).await.unwrap(), None);
    store.clear_chunks(claim, &id, 1).await.unwrap();
    assert!(!store.finish_job(&asleep).await.unwrap());
    assert_eq!(store.extend_leases(std::slice::from_ref(claim), Duration::from_secs(1)).await.unwrap(), []);
    let document = base.get(&id).await.unwrap();
    assert_eq!((document.status, document.chunk_count > 0), (DocumentStatus::Indexed, true));
    assert_eq!(base.vectors(), usize::try_from(document.chunk_count).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_had_to_wait_for_the_person_who_stops_it_does_not_say_that_it_goes_on() {
    let base = base().await;
    let error = cjhirashi_domain::document::DocumentError { code: "x".to_owned(), detail: None, words: None };
    for write in 0..4 {
        let id = base.add("Parado", &prose(16, 3_000)).await.id;
        let job = base.store.claim_jobs(1, Duration::from_secs(60)).await.unwrap().remove(0);
        let mut stopping = base.store.pool().begin().await.unwrap();
        for sql in ["UPDATE documents SET status = 'failed' WHERE id = $1", "DELETE FROM jobs WHERE key = $1"] {
            sqlx::query(sql).bind(id.as_str()).execute(&mut *stopping).await.unwrap();
        }
        let writing = async {
            match write {
                0 => assert!(base.store.begin_indexing(&job.claim, &id).await.unwrap().is_none()),
                1 => assert_eq!(base.store.complete_indexing(&job.claim, &id, 1).await.unwrap(), None),
                2 => assert_eq!(base.store.fail_indexing(&job.claim, &id, &error, false).await.unwrap(), None),
                _ => base.store.pause_indexing(&job.claim, &id).await.unwrap(),
            }
        };
        let stopped = async {
            let waits = "SELECT count(*) FROM pg_stat_activity
                         WHERE datname = current_database() AND wait_event_type = 'Lock'";
            base.until("the write to wait", async || base.count(waits).await == 1).await;
            stopping.commit().await.unwrap();
        };
        tokio::join!(writing, stopped);
        assert_eq!(base.get(&id).await.unwrap().status, DocumentStatus::Failed, "{write}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_loses_its_lease_stops_the_run() {
    let gate = Arc::new(Semaphore::new(0));
    let base = base_with(FakeEmbedder { gate: Some(gate.clone()), ..FakeEmbedder::new("fake:one@16", 4) }).await;
    base.add("Perdido", &prose(18, 3_000)).await;
    let worker = Worker::start(base.context.clone(), options());
    base.until("the first call", async || *base.embedder.calls.lock() > 0).await;
    sqlx::query("UPDATE jobs SET claim = 'somebody else', lease_until = now() + interval '1 hour'")
        .execute(base.store.pool())
        .await
        .unwrap();
    tokio::time::sleep(options().lease).await;
    gate.add_permits(1000);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(base.embedder.embedded(), 0, "the run was ended while it waited for the model");
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_the_documents_and_embed_no_text_twice() {
    let base = base_with(FakeEmbedder { delay: Duration::from_millis(3), ..FakeEmbedder::new("fake:one@16", 4) }).await;
    for seed in 0..30 {
        base.add(&format!("Documento {seed}"), &prose(seed, 6_000)).await;
    }
    let other = Store::connect(StoreOptions::new(&base.database.url, AppSecret::new(*b"another secret of a replica!")))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut second, _) = context(&other, folder.path(), base.embedder.clone()).await;
    second.blobs = base.context.blobs.clone();
    let workers = [Worker::start(base.context.clone(), options()), Worker::start(second, options())];
    base.until("all to be indexed", async || {
        base.count("SELECT count(*) FROM documents WHERE status <> 'indexed'").await == 0
    })
    .await;
    for worker in workers {
        worker.shutdown().await;
    }
    let chunks = base.count("SELECT count(*) FROM chunks").await;
    assert_eq!(i64::try_from(base.embedder.embedded()).unwrap(), chunks);
    assert_eq!(base.count("SELECT count(*) FROM jobs WHERE kind LIKE '%document'").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_puts_back_what_runs_and_the_next_worker_goes_on_from_there() {
    let gate = Arc::new(Semaphore::new(2));
    let base = base_with(FakeEmbedder { gate: Some(gate.clone()), ..FakeEmbedder::new("fake:one@16", 2) }).await;
    let id = base.add("Pausa", &prose(20, 20_000)).await.id;
    let options = WorkerOptions { grace: Duration::from_millis(50), ..options() };
    let worker = Worker::start(base.context.clone(), options.clone());
    base.until("two batches", async || base.embedder.embedded() == 4).await;
    base.until("them to be kept", async || base.count("SELECT count(*) FROM embeddings").await == 4).await;
    assert!(base.get(&id).await.unwrap().progress > 0.0);
    let started = Instant::now();
    worker.shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(base.get(&id).await.unwrap().status, DocumentStatus::Queued);
    assert_eq!(base.count("SELECT attempts::bigint FROM jobs WHERE kind = 'index_document'").await, 0);

    gate.add_permits(1000);
    let worker = Worker::start(base.context.clone(), options);
    let document = base.wait_for(&id, DocumentStatus::Indexed).await;
    worker.shutdown().await;
    assert_eq!(base.embedder.embedded(), usize::try_from(document.chunk_count).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_and_public_documents_are_seen_and_only_the_right_people_change_them() {
    let base = base().await;
    let (ana, eva) = (base.person("ana", Role::User).await, base.person("eva", Role::Admin).await);
    let documents = &base.documents;
    let own = documents.add_text(&ana, text("Árbol de Ana", "Un texto de Ana.", &ana)).await.unwrap();
    let public = NewText {
        visibility: Visibility::Public,
        tags: vec!["Legal".to_owned()],
        ..text("Manual", "Un manual para todos.", &eva)
    };
    assert!(matches!(documents.add_text(&ana, public.clone()).await, Err(DocumentError::Forbidden)));
    let public = documents.add_text(&eva, public).await.unwrap();

    let list = async |viewer, scope, query: Option<&str>, tag: Option<&str>| {
        let filter = DocumentFilter {
            scope,
            query: query.map(|query| QueryText::parse(query).unwrap()),
            tag: tag.map(|tag| Tag::parse(tag).unwrap()),
            ..DocumentFilter::default()
        };
        let list = documents.list(viewer, &filter).await.unwrap();
        (list.documents.into_iter().map(|document| document.title).collect::<Vec<_>>(), list.total)
    };
    let titles = |titles: &[&str]| titles.iter().map(|&title| title.to_owned()).collect::<Vec<_>>();
    assert_eq!(list(&ana, DocumentScope::All, None, None).await, (titles(&["Manual", "Árbol de Ana"]), 2));
    assert_eq!(list(&ana, DocumentScope::Own, Some("arbol"), None).await, (titles(&["Árbol de Ana"]), 1));
    assert_eq!(list(&ana, DocumentScope::All, Some("LEGÁL"), None).await, (titles(&["Manual"]), 1), "by its label");
    assert_eq!(list(&ana, DocumentScope::All, Some("100%_"), None).await, (Vec::new(), 0));
    assert_eq!(list(&ana, DocumentScope::All, None, Some("Legal")).await, (titles(&["Manual"]), 1));
    assert_eq!(list(&eva, DocumentScope::All, None, None).await, (titles(&["Manual"]), 1));
    let page = DocumentFilter { page: 2, page_size: 1, ..DocumentFilter::default() };
    let page = documents.list(&ana, &page).await.unwrap();
    assert_eq!((page.documents[0].id.clone(), page.total), (own.id.clone(), 2));

    assert!(documents.get(&eva, &own.id).await.unwrap().is_none());
    assert!(documents.original(&eva, &own.id).await.unwrap().is_none());
    assert!(matches!(documents.delete(&eva, &own.id).await, Err(DocumentError::NotFound)));
    assert!(matches!(documents.delete(&ana, &public.id).await, Err(DocumentError::NotFound)));
    let tags = ["x".to_owned()];
    assert!(matches!(documents.set_tags(&ana, &public.id, &tags).await, Err(DocumentError::NotFound)));
    documents.set_tags(&eva, &public.id, &tags).await.unwrap();
    assert_eq!(documents.get(&ana, &public.id).await.unwrap().unwrap().tags, tags);
    let (file, path) = documents.original(&ana, &public.id).await.unwrap().unwrap();
    assert_eq!((file.file_name.as_str(), file.mime_type.as_str()), ("Manual", "text/plain"));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "Un manual para todos.");
    let ids = [own.id.clone(), public.id.clone()];
    assert_eq!(documents.states(&ana, &ids).await.unwrap().len(), 2);
    assert_eq!(documents.states(&eva, &ids).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn housekeeping_removes_old_sessions_and_files_that_nobody_refers_to() {
    let base = base().await;
    let id = base.add("Se queda", "Un texto que se queda.").await.id;
    base.work().await;
    let orphan = base.folder.path().join("blobs/ab");
    std::fs::create_dir_all(&orphan).unwrap();
    let orphan = orphan.join("c".repeat(62));
    std::fs::write(&orphan, "huérfano").unwrap();
    std::fs::write(base.folder.path().join("blobs/incoming/left"), "a medias").unwrap();
    let two_days_ago = std::time::SystemTime::now() - Duration::from_secs(2 * 86_400);
    let (_, kept) = base.documents.original(&base.owner, &id).await.unwrap().unwrap();
    for path in [&orphan, &kept, &base.folder.path().join("blobs/incoming/left")] {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(two_days_ago).unwrap();
    }
    sqlx::query(
        "INSERT INTO sessions (id, token_hash, expires_at) VALUES
         ('old', '\\x01', now() - interval '1 second'), ('new', '\\x02', now() + interval '1 hour')",
    )
    .execute(base.store.pool())
    .await
    .unwrap();
    let removed = base.store.housekeep(&base.context.blobs).await.unwrap();
    assert_eq!((removed.sessions, removed.blobs), (1, 1));
    assert!(!orphan.exists() && kept.exists());
    assert_eq!(std::fs::read_dir(base.folder.path().join("blobs/incoming")).unwrap().count(), 0);
}

async fn add_many(base: &Base, count: usize, bytes: usize) {
    for seed in 0..count {
        base.add(&format!("Documento {seed}"), &prose(seed, bytes)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_documents_of_8_kb_are_indexed_in_seconds() {
    let base = base_with(FakeEmbedder::new("fake:one@16", 96)).await;
    let started = Instant::now();
    add_many(&base, 200, 8_000).await;
    let added = started.elapsed();
    let started = Instant::now();
    let worker = Worker::start(base.context.clone(), WorkerOptions::default());
    base.until("all to be indexed", async || {
        base.count("SELECT count(*) FROM documents WHERE status <> 'indexed'").await == 0
    })
    .await;
    let indexed = started.elapsed();
    worker.shutdown().await;
    let chunks = base.count("SELECT count(*) FROM chunks").await;
    eprintln!("200 documents of 8 kB: added in {added:?}, {chunks} chunks indexed in {indexed:?}");
    // The figure that counts is measured on the optimised binary; this guards against a change of its order.
    assert!(indexed < Duration::from_secs(30), "{indexed:?}");
}

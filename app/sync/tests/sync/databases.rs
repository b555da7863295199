//! Two databases, one truth: an index that goes away, lags behind or drifts.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use cjhirashi_domain::{
    access::Visibility,
    document::{Document, DocumentStatus},
    id::DocumentId,
    sync::DocumentEventKind,
    user::Role,
};
use cjhirashi_models::{ModelError, Outage};
use cjhirashi_storage::JobKind;
use cjhirashi_sync::{Worker, reconcile};
use cjhirashi_vectors::{ChunkKey, VectorIndex as _};
use tokio::sync::Semaphore;

use crate::{
    remote::{assert_equal, found, found_by, remote, remote_of},
    support::{DIMENSION, FakeEmbedder, base, base_with, options, prose},
};

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
async fn a_new_version_that_is_taken_back_leaves_the_document_as_it_was() {
    let (base, index) = remote().await;
    let id = base.add("Versiones", &prose(8, 2_000)).await.id;
    base.work().await;
    let before = base.get(&id).await.unwrap();
    let add = async |content: &str, name: &str| {
        let mut writer = base.documents.upload().await.unwrap();
        writer.write(content.as_bytes()).await.unwrap();
        let blob = writer.finish().await.unwrap();
        (base.documents.add_version(&base.owner, &id, Some(name), None, &blob).await.unwrap(), blob.key().clone())
    };
    // One in work, and one that was given up since it cannot be read.
    for (version, content, works) in [(2, prose(10, 2_000), false), (3, " \n ".to_owned(), true)] {
        let (number, file) = add(&content, "v.md").await;
        assert_eq!(number, version, "a number is not used twice");
        if works {
            base.work().await;
            let shown = base.get(&id).await.unwrap();
            assert_eq!((shown.status, shown.version), (DocumentStatus::Failed, 1));
            // What is told of it is what answers.
            assert_eq!((shown.size_bytes, &shown.mime_type), (before.size_bytes, &before.mime_type));
        }
        base.documents.cancel(&base.owner, &id).await.unwrap();
        assert!(base.documents.cancel(&base.owner, &id).await.is_err(), "nothing is left to take back");
        let after = base.get(&id).await.unwrap();
        assert_eq!(Document { updated_at: before.updated_at, ..after }, before);
        assert!(!base.context.blobs.path(&file).exists(), "its file goes");
    }
    let ana = base.person("ana", Role::User).await;
    add("Otra cosa.", "v.txt").await;
    assert!(base.documents.cancel(&ana, &id).await.is_err(), "it is somebody else's");
    base.work().await;
    assert_eq!(base.get(&id).await.unwrap().version, 4);
    assert_equal(&base, &index).await;
    let events = base.documents.events(&base.owner, &id, 100).await.unwrap();
    let discarded: Vec<i32> =
        events.iter().filter(|event| event.event == DocumentEventKind::Discarded).map(|event| event.version).collect();
    assert_eq!(discarded, [3, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_says_so_when_the_index_is_further_behind_than_is_scored_one_by_one() {
    let (base, index) = remote().await;
    index.blind.store(true, Ordering::Relaxed);
    base.add("Poco", &prose(2, 3_000)).await;
    base.work().await;
    let (documents, degraded) = found(&base, &base.context, "contrato").await;
    assert!(!documents.is_empty() && !degraded);
    let many = [
        "INSERT INTO chunks (id, document_id, version, seq, text, start_offset, end_offset, hash, indexed_at)
         SELECT id || n, document_id, version, 1000 + n, text, start_offset, end_offset, hash, indexed_at
         FROM chunks, generate_series(1, 1000) n WHERE seq = 0",
        "INSERT INTO embeddings (ordinal, model, embedding)
         SELECT c.ordinal, e.model, e.embedding FROM chunks c, embeddings e WHERE c.seq > 1000 AND e.ordinal = (
            SELECT ordinal FROM chunks WHERE seq = 0)",
    ];
    for sql in many {
        sqlx::query(sql).execute(base.store.pool()).await.unwrap();
    }
    let (documents, degraded) = found(&base, &base.context, "contrato").await;
    assert!(!documents.is_empty() && degraded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_sharing_from_renaming_and_from_labels() {
    let (base, _index) = remote().await;
    let id = base.add("Uno", "Texto.").await.id;
    let (own, tags) = (Visibility::Private(base.owner.user_id.clone()), vec!["a".to_owned()]);
    base.documents.change(&base.owner, &id, Some("Dos"), Some(&tags), None, Some(&Visibility::Public)).await.unwrap();
    base.documents.set_visibility(&base.owner, &id, &own).await.unwrap();
    let events = base.documents.events(&base.owner, &id, 100).await.unwrap();
    let told: Vec<&str> = events.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(told, ["unshared", "shared", "changed", "renamed", "added"]);
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

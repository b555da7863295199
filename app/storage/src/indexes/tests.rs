//! What an index leaves behind, and how far its building is.

use super::*;
use crate::testing::migrated;

const USED: &str = "fake:used@2";
const FORGOTTEN: &str = "fake:forgotten@2";

async fn run(store: &Store, sql: &'static str) {
    sqlx::query(sql).execute(&store.pool).await.unwrap();
}

async fn embeddings(store: &Store, model: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM embeddings WHERE model = $1")
        .bind(model)
        .fetch_one(&store.pool)
        .await
        .unwrap()
}

/// Ten chunks, each with the embeddings of two models.
async fn two_models(store: &Store) {
    run(store, "INSERT INTO documents (id, title, source, status) VALUES ('d', 'd', 'api', 'indexed')").await;
    run(
        store,
        "INSERT INTO document_versions (document_id, version, mime_type, text) VALUES ('d', 1, 'text/plain', 'x')",
    )
    .await;
    run(
        store,
        "INSERT INTO chunks (id, document_id, version, seq, text, start_offset, end_offset, hash)
         SELECT 'c' || n, 'd', 1, n, 'x', 0, 1, '\\x00' FROM generate_series(0, 9) n",
    )
    .await;
    run(
        store,
        "INSERT INTO embeddings (ordinal, model, embedding)
         SELECT ordinal, model, '\\x00' FROM chunks, (VALUES ('fake:used@2'), ('fake:forgotten@2')) m (model)",
    )
    .await;
}

#[tokio::test]
async fn embeddings_that_a_forgotten_index_left_go_bit_by_bit_and_no_others() {
    let (_database, store, _) = migrated().await;
    two_models(&store).await;
    assert_eq!(store.remove_unneeded_embeddings(9, 5).await.unwrap(), 0, "no index answers yet");
    let used = IndexName { kind: IndexKind::Embedded, model: USED.to_owned() };
    let forgotten = IndexName { kind: IndexKind::Qdrant, model: FORGOTTEN.to_owned() };
    store.active_index_or(&used).await.unwrap();
    assert!(store.build_index(&forgotten).await.unwrap() && store.stop_building().await.unwrap());
    assert_eq!(store.remove_unneeded_embeddings(9, 5).await.unwrap(), 0, "somebody may go back to it");

    assert!(store.take_to_forget(&forgotten, Duration::from_secs(60)).await.unwrap());
    store.forget_index(&forgotten).await.unwrap();
    assert_eq!(embeddings(&store, FORGOTTEN).await, 10, "the request does not wait for that");
    // A round looks at so many, and the next one goes on.
    let mut rounds = Vec::new();
    for _ in 0..5 {
        rounds.push(store.remove_unneeded_embeddings(2, 3).await.unwrap());
    }
    assert_eq!(rounds.iter().sum::<u64>(), 10, "{rounds:?}");
    assert!(rounds.iter().all(|removed| *removed <= 6), "{rounds:?}");
    assert_eq!((embeddings(&store, FORGOTTEN).await, embeddings(&store, USED).await), (0, 10));
}

#[tokio::test]
async fn what_earlier_runs_did_counts_as_done_and_not_as_done_by_this_one() {
    let (_database, store, _) = migrated().await;
    two_models(&store).await;
    run(&store, "UPDATE documents SET version = 1, chunk_count = 10").await;
    run(&store, "DELETE FROM embeddings WHERE model = 'fake:forgotten@2' AND ordinal % 2 = 0").await;
    store.active_index_or(&IndexName { kind: IndexKind::Embedded, model: USED.to_owned() }).await.unwrap();
    let index = IndexName { kind: IndexKind::Qdrant, model: FORGOTTEN.to_owned() };
    assert!(store.build_index(&index).await.unwrap());
    let progress = async || {
        let rows = store.list_indexes().await.unwrap();
        let row = rows.into_iter().find(|row| row.name == index).unwrap();
        let pace = row.pace(Timestamp(row.started_at.0 + 2_000));
        (row.copied, row.total, pace.map(|pace| (pace.per_second, pace.seconds_left)))
    };
    let claim = async || store.claim_jobs(1, Duration::ZERO).await.unwrap().remove(0).claim;

    // Of ten chunks a run that died embedded five.
    let left = store.count_answering_unembedded(FORGOTTEN).await.unwrap();
    let first = claim().await;
    assert!(store.begin_phase(&first, &index, BuildPhase::Embedding, left).await.unwrap());
    assert_eq!(progress().await, (5, 10, None));
    assert!(store.note_building(&first, &index, None, 2).await.unwrap());
    assert_eq!(progress().await, (7, 10, Some((1.0, 3.0))));

    // Six are copied when it dies.
    let all = store.count_answering_chunks().await.unwrap();
    assert!(store.begin_phase(&first, &index, BuildPhase::Copying, all).await.unwrap());
    assert_eq!(progress().await, (0, 10, None));
    let sixth =
        sqlx::query_scalar::<_, i64>("SELECT ordinal FROM chunks WHERE seq = 5").fetch_one(&store.pool).await.unwrap();
    assert!(store.note_building(&first, &index, Some(sixth), 6).await.unwrap());
    assert_eq!(progress().await, (6, 10, Some((3.0, 4.0 / 3.0))));
    let second = claim().await;
    assert!(!store.note_building(&first, &index, Some(sixth), 1).await.unwrap(), "it lost the job");
    assert!(store.begin_phase(&second, &index, BuildPhase::Embedding, 0).await.unwrap());
    assert_eq!(progress().await, (10, 10, None));
    assert!(store.begin_phase(&second, &index, BuildPhase::Copying, all).await.unwrap());
    assert_eq!(progress().await, (6, 10, None));
    assert!(store.note_building(&second, &index, Some(sixth + 2), 2).await.unwrap());
    assert_eq!(progress().await, (8, 10, Some((1.0, 2.0))));
}

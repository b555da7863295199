//! What goes wrong on the way, each fault by itself.

use std::time::{Duration, Instant};

use cjhirashi_domain::access::Visibility;
use cjhirashi_testkit::pinecone::{Fault, FaultKind, Plan, Positions};
use cjhirashi_vectors::{IndexError, IndexQuery, VectorIndex as _, VectorRecord};

use futures::future::join_all;

use super::{DIMENSION, Knowledge};
use crate::suite::{axis, document, key, question, record};

fn one() -> Vec<VectorRecord> {
    vec![record(key("a", 1, 0), axis(DIMENSION, 0), Visibility::Public)]
}

fn asked() -> IndexQuery {
    question(axis(DIMENSION, 0), "ana", None)
}

fn failing(operation: &str, times: u32, kind: FaultKind) -> Plan {
    Plan { faults: vec![Fault::next(operation, times, kind)], ..Plan::default() }
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again_and_changes_nothing() {
    let kinds = [
        FaultKind::Status(500),
        FaultKind::Status(503),
        FaultKind::Page(502),
        FaultKind::RateLimited { retry_after: None },
        FaultKind::Reset,
        FaultKind::LostAcknowledgement,
        FaultKind::Slow(300),
    ];
    join_all(kinds.map(passes)).await;
}

async fn passes(kind: FaultKind) {
    let knowledge = Knowledge::start().await;
    knowledge.set(failing("upsertVectors", 2, kind));
    assert!(knowledge.upsert(one()).await.unwrap().position.is_some(), "{kind:?}");
    let tries = if matches!(kind, FaultKind::Slow(_)) { 1 } else { 3 };
    assert_eq!(knowledge.server.count("upsertVectors"), tries, "{kind:?}");
    assert_eq!(knowledge.names(), ["a#1#0"], "{kind:?}");

    knowledge.set(failing("queryVectors", 1, kind));
    assert_eq!(knowledge.query(asked()).await.unwrap().matches.len(), 1, "{kind:?}");

    knowledge.set(failing("listVectors", 1, kind));
    assert_eq!(knowledge.list(None, None, 10).await.unwrap(), [key("a", 1, 0)], "{kind:?}");

    knowledge.set(failing("describeIndexStats", 1, kind));
    assert_eq!(knowledge.stats().await.unwrap().vectors, 1, "{kind:?}");

    knowledge.set(failing("deleteVectors", 1, kind));
    knowledge.delete_document(&document("a"), None).await.unwrap();
    assert_eq!(knowledge.names(), Vec::<String>::new(), "{kind:?}");
}

#[tokio::test]
async fn what_does_not_pass_is_given_up_in_time_and_left_to_the_job_queue() {
    for (kind, tries) in [(FaultKind::Status(503), 4), (FaultKind::Reset, 4)] {
        let knowledge = Knowledge::start().await;
        knowledge.set(failing("upsertVectors", 99, kind));
        let error = knowledge.upsert(one()).await.unwrap_err();
        assert!(matches!(error, IndexError::Unavailable { index: "pinecone", retry_after: None, .. }), "{error:?}");
        assert_eq!(knowledge.server.count("upsertVectors"), tries);
    }
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_kept() {
    let knowledge = Knowledge::start().await;
    knowledge.set(failing("upsertVectors", 1, FaultKind::RateLimited { retry_after: Some(1) }));
    let began = Instant::now();
    knowledge.upsert(one()).await.unwrap();
    let waited = began.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&waited), "{waited:?}");
    assert_eq!(knowledge.server.count("upsertVectors"), 2);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_passed_on_at_once() {
    let knowledge = Knowledge::start().await;
    knowledge.set(failing("upsertVectors", 9, FaultKind::RateLimited { retry_after: Some(120) }));
    let began = Instant::now();
    let error = knowledge.upsert(one()).await.unwrap_err();
    let IndexError::Unavailable { retry_after, .. } = error else { panic!("{error:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(120)));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(knowledge.server.count("upsertVectors"), 1);
}

#[tokio::test]
async fn a_month_that_is_used_up_is_told_as_such_and_not_tried_again() {
    let knowledge = Knowledge::start().await;
    knowledge.set(failing("upsertVectors", 9, FaultKind::MonthUsedUp));
    let error = knowledge.upsert(one()).await.unwrap_err();
    assert!(error.to_string().contains("month") && error.to_string().contains("upgrade"), "{error}");
    assert!(matches!(error, IndexError::Unavailable { retry_after: Some(wait), .. } if wait.as_secs() == 3600));
    assert_eq!(knowledge.server.count("upsertVectors"), 1);
}

#[tokio::test]
async fn who_asks_waits_three_seconds_at_most() {
    let knowledge = Knowledge::start().await;
    knowledge.upsert(one()).await.unwrap();
    // Both when the index does not answer and when it has to be found first.
    for plan in [
        Plan { faults: vec![Fault::next("queryVectors", 9, FaultKind::Slow(20_000))], ..Plan::default() },
        Plan { latency_ms: 20_000, ..Plan::default() },
    ] {
        knowledge.set(plan);
        let began = Instant::now();
        let error = knowledge.query(asked()).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        let waited = began.elapsed();
        assert!((Duration::from_millis(1900)..Duration::from_secs(6)).contains(&waited), "{waited:?}");
    }
    knowledge.set(Plan::default());
    assert_eq!(knowledge.query(asked()).await.unwrap().matches.len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_none_is_no_empty_answer() {
    let knowledge = Knowledge::start().await;
    knowledge.upsert(one()).await.unwrap();
    knowledge.set(failing("queryVectors", 1, FaultKind::Garbage));
    assert!(matches!(knowledge.query(asked()).await, Err(IndexError::Unavailable { .. })));
}

#[tokio::test]
async fn a_write_is_seen_once_an_answer_has_come_as_far_as_it() {
    for positions in [Positions::Current, Positions::Former] {
        let knowledge = Knowledge::start().await;
        knowledge.set(Plan { hold_writes: true, positions, ..Plan::default() });
        let written = knowledge.upsert(one()).await.unwrap().position.unwrap();
        let before = knowledge.query(asked()).await.unwrap();
        assert!(before.matches.is_empty() && before.position.unwrap() < written, "{before:?}");
        knowledge.server.show_writes();
        let after = knowledge.query(asked()).await.unwrap();
        assert!(after.matches.len() == 1 && after.position.unwrap() >= written, "{after:?}");

        let deleted = knowledge.delete(&[key("a", 1, 0)]).await.unwrap().position.unwrap();
        assert!(deleted > written);
        let before = knowledge.query(asked()).await.unwrap();
        assert!(before.matches.len() == 1 && before.position.unwrap() < deleted, "{before:?}");
        knowledge.server.show_writes();
        let after = knowledge.query(asked()).await.unwrap();
        assert!(after.matches.is_empty() && after.position.unwrap() >= deleted, "{after:?}");
    }
}

#[tokio::test]
async fn where_no_position_is_told_none_is_made_up() {
    let knowledge = Knowledge::start().await;
    knowledge.set(Plan { positions: Positions::Untold, ..Plan::default() });
    assert_eq!(knowledge.upsert(one()).await.unwrap().position, None);
    assert_eq!(knowledge.query(asked()).await.unwrap().position, None);
}

//! Finding, making and comparing the index itself.

use std::time::Duration;

use cjhirashi_domain::access::Visibility;
use cjhirashi_testkit::{
    FaultyPinecone,
    pinecone::{Fault, FaultKind, Plan},
};
use cjhirashi_vectors::{
    IndexError, VectorIndex as _,
    pinecone::{Creation, Deployment, Host, IndexName, IndexSpec, PineconeError, PineconeIndex, PineconeOptions},
};

use super::{DIMENSION, KEY, Knowledge, MODEL, NAME, make, name, options, spec};
use crate::suite::{axis, key, question, record};

#[tokio::test]
async fn creating_twice_is_creating_once() {
    let server = FaultyPinecone::start().await.unwrap();
    let index = PineconeIndex::new(options(&server)).unwrap();
    assert_eq!(index.control().describe(&name()).await.unwrap(), None);
    assert_eq!(index.control().create(&spec(DIMENSION)).await.unwrap(), Creation::Created);
    assert_eq!(index.control().create(&spec(DIMENSION)).await.unwrap(), Creation::Existed);
    let described = index.control().describe(&name()).await.unwrap().unwrap();
    assert_eq!((described.dimension, described.metric.as_deref()), (Some(DIMENSION), Some("cosine")));
    for _ in 0..2 {
        index.control().delete(&name()).await.unwrap();
    }
    assert_eq!(index.control().describe(&name()).await.unwrap(), None);
    assert_eq!(server.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_done() {
    let server = FaultyPinecone::start().await.unwrap();
    server
        .set(Plan { faults: vec![Fault::next("create_index", 1, FaultKind::LostAcknowledgement)], ..Plan::default() });
    let index = PineconeIndex::new(options(&server)).unwrap();
    assert_eq!(index.control().create(&spec(DIMENSION)).await.unwrap(), Creation::Existed);
    assert!(index.control().describe(&name()).await.unwrap().is_some());
}

#[tokio::test]
async fn an_index_is_waited_for_and_not_for_ever() {
    let server = FaultyPinecone::start().await.unwrap();
    server.set(Plan { ready_after_ms: 1500, ..Plan::default() });
    let index = PineconeIndex::new(options(&server)).unwrap();
    let limit = Duration::from_secs(5);
    let missing = index.control().wait_ready(&name(), limit).await;
    assert!(matches!(missing, Err(PineconeError::NoIndex { index }) if index == NAME));
    index.control().create(&spec(DIMENSION)).await.unwrap();
    let early = index.control().wait_ready(&name(), Duration::from_millis(100)).await;
    assert!(matches!(early, Err(PineconeError::NotReady { state, .. }) if state == "Initializing"));
    assert!(index.control().wait_ready(&name(), limit).await.unwrap().ready);
}

#[tokio::test]
async fn what_pinecone_says_against_a_creation_is_told() {
    let server = FaultyPinecone::start().await.unwrap();
    let index = PineconeIndex::new(options(&server)).unwrap();
    let nowhere = IndexSpec { deployment: Deployment::parse("aws", "nowhere").unwrap(), ..spec(DIMENSION) };
    let error = index.control().create(&nowhere).await.unwrap_err();
    assert!(error.to_string().contains("region"), "{error}");
}

#[tokio::test]
async fn an_index_for_another_model_is_refused_before_anything_is_written() {
    let server = FaultyPinecone::start().await.unwrap();
    let index = PineconeIndex::new(options(&server)).unwrap();
    make(&index, 16).await;
    for _ in 0..2 {
        let refused = index.upsert(vec![record(key("a", 1, 0), axis(DIMENSION, 0), Visibility::Public)]).await;
        let Err(IndexError::Misconfigured { detail, .. }) = refused else { panic!("{refused:?}") };
        for part in [NAME, "16 numbers", MODEL, "PINECONE_INDEX", "cjhirashi reindex", "EMBEDDINGS"] {
            assert!(detail.contains(part), "{detail}");
        }
    }
    assert_eq!(server.count("upsertVectors"), 0);
    // Somebody mends it; the same process goes on.
    index.control().delete(&name()).await.unwrap();
    make(&index, DIMENSION).await;
    index.upsert(vec![record(key("a", 1, 0), axis(DIMENSION, 0), Visibility::Public)]).await.unwrap();
}

#[tokio::test]
async fn the_control_plane_is_asked_once_and_not_at_all_where_the_host_is_named() {
    let knowledge = Knowledge::start().await;
    let asked = knowledge.server.count("describe_index");
    for _ in 0..3 {
        knowledge.query(question(axis(DIMENSION, 0), "ana", None)).await.unwrap();
    }
    assert_eq!(knowledge.server.count("describe_index"), asked + 1);

    let host = knowledge.control().describe(&name()).await.unwrap().unwrap().host;
    let asked = knowledge.server.count("describe_index");
    let named = PineconeOptions { host: Some(Host::parse(&host).unwrap()), ..options(&knowledge.server) };
    let index = PineconeIndex::new(named.clone()).unwrap();
    index.query(question(axis(DIMENSION, 0), "ana", None)).await.unwrap();
    // Compared all the same, by what the index itself tells.
    let other = PineconeIndex::new(PineconeOptions { dimension: 4, ..named }).unwrap();
    let refused = other.query(question(axis(4, 0), "ana", None)).await;
    assert!(matches!(refused, Err(IndexError::Misconfigured { .. })), "{refused:?}");
    assert_eq!(knowledge.server.count("describe_index"), asked);
}

#[tokio::test]
async fn an_index_deleted_behind_our_back_is_told_and_found_again_when_it_is_made_anew() {
    let knowledge = Knowledge::start().await;
    let written = vec![record(key("a", 1, 0), axis(DIMENSION, 0), Visibility::Public)];
    knowledge.upsert(written.clone()).await.unwrap();
    knowledge.server.delete_index(NAME);
    for _ in 0..2 {
        let gone = knowledge.query(question(axis(DIMENSION, 0), "ana", None)).await;
        let Err(IndexError::Misconfigured { detail, .. }) = &gone else { panic!("{gone:?}") };
        assert!(detail.contains("cjhirashi init-index"), "{detail}");
        assert!(gone.unwrap_err().is_transient());
    }
    make(&knowledge, DIMENSION).await;
    knowledge.upsert(written).await.unwrap();
    assert_eq!(knowledge.names(), ["a#1#0"]);
}

#[tokio::test]
async fn a_deletion_in_an_index_that_is_gone_is_done() {
    let knowledge = Knowledge::start().await;
    knowledge.upsert(vec![record(key("a", 1, 0), axis(DIMENSION, 0), Visibility::Public)]).await.unwrap();
    knowledge.server.delete_index(NAME);
    knowledge.delete(&[key("a", 1, 0)]).await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_told_once_and_never_shown() {
    let knowledge = Knowledge::start().await;
    for (plan, operation) in [
        (Plan { key: Some("another".to_owned()), ..Plan::default() }, "describe_index"),
        (Plan { faults: vec![Fault::always(FaultKind::Status(403))], ..Plan::default() }, "describe_index"),
        (
            Plan { faults: vec![Fault::next("queryVectors", 9, FaultKind::Unauthorized)], ..Plan::default() },
            "queryVectors",
        ),
    ] {
        knowledge.set(plan);
        let asked = knowledge.server.count(operation);
        let index = PineconeIndex::new(options(&knowledge.server)).unwrap();
        let error = index.query(question(axis(DIMENSION, 0), "ana", None)).await.unwrap_err();
        let words = format!("{error} {error:?} {index:?}");
        assert!(matches!(error, IndexError::Misconfigured { .. }) && words.contains("PINECONE_API_KEY"), "{words}");
        assert!(!words.contains(KEY), "{words}");
        assert_eq!(knowledge.server.count(operation), asked + 1);
    }
}

#[tokio::test]
async fn indexes_of_one_project_do_not_mix() {
    let knowledge = Knowledge::start().await;
    let other = PineconeOptions { index: IndexName::parse("other").unwrap(), ..options(&knowledge.server) };
    let other = PineconeIndex::new(other).unwrap();
    other.control().create(&IndexSpec { name: IndexName::parse("other").unwrap(), ..spec(DIMENSION) }).await.unwrap();
    other.upsert(vec![record(key("a", 1, 0), axis(DIMENSION, 0), Visibility::Public)]).await.unwrap();
    assert!(knowledge.query(question(axis(DIMENSION, 0), "ana", None)).await.unwrap().matches.is_empty());
    assert_eq!(other.stats().await.unwrap().vectors, 1);
}

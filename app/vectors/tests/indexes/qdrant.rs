//! What only the index on Qdrant does: its collection, listing in order, and faults on the way.

use std::{sync::Arc, time::Duration};

use cjhirashi_domain::{
    Timestamp,
    access::Visibility,
    document::Source,
    id::{DocumentId, UserId},
};
use cjhirashi_outbound::Secret;
use cjhirashi_testkit::{FakeQdrant, qdrant::Fault};
use cjhirashi_vectors::{
    ChunkKey, Consistency, CustomMetadata, DocumentMetadata, IndexError, IndexFilter, IndexQuery, QdrantIndex,
    QdrantOptions, VectorIndex, VectorRecord,
};
use serde_json::json;

use crate::suite::{conforms, key};

const MODEL: &str = "test:axes@4";

async fn server() -> FakeQdrant {
    FakeQdrant::start(None).await.unwrap()
}

fn options(server: &FakeQdrant) -> QdrantOptions {
    QdrantOptions::new(server.url(), MODEL, 4)
}

async fn opened(server: &FakeQdrant) -> QdrantIndex {
    QdrantIndex::open(options(server)).await.unwrap()
}

fn record(key: ChunkKey) -> VectorRecord {
    VectorRecord {
        ordinal: 1,
        values: vec![1.0, 0.0, 0.0, 0.0],
        language: Some("es".to_owned()),
        text: None,
        document: Arc::new(DocumentMetadata {
            visibility: Visibility::Public,
            title: "Política de viajes".to_owned(),
            source: Source::Url,
            source_url: Some("https://example.org/viajes".to_owned()),
            created_at: Timestamp(1_790_000_000_000),
            tags: vec!["manual".to_owned()],
            custom: CustomMetadata::parse(&json!({"area": "finanzas"})).unwrap(),
        }),
        key,
    }
}

fn question() -> IndexQuery {
    IndexQuery {
        vector: vec![1.0, 0.0, 0.0, 0.0],
        top_k: 5,
        filter: IndexFilter { reader: UserId::parse("ana").unwrap(), documents: None },
    }
}

/// What somebody has to mend, in words.
fn refusal(error: IndexError) -> String {
    assert!(matches!(error, IndexError::Misconfigured { .. } | IndexError::Refused { .. }), "{error}");
    error.to_string()
}

/// All names, page by page.
async fn listed(index: &QdrantIndex, limit: usize) -> Vec<ChunkKey> {
    let mut all: Vec<ChunkKey> = Vec::new();
    loop {
        let page = index.list(None, all.last(), limit).await.unwrap();
        let ended = page.len() < limit;
        all.extend(page);
        if ended {
            return all;
        }
    }
}

#[tokio::test]
async fn names_are_listed_in_order_however_the_pages_cut_them() {
    let server = server().await;
    let index = opened(&server).await;
    // More chunks of one document than a page of the server; documents whose names begin alike; short names.
    let mut keys: Vec<_> = (0..2_300).map(|seq| key("01jd0000aaaa", 1, seq)).collect();
    keys.extend((0..40).map(|number| key(&format!("01jd0000aaab{number}"), 1, 0)));
    keys.extend((0..30).map(|number| key(&format!("{number:02}"), 2, 1)));
    keys.extend([
        key("a", 1, 0),
        key("A", 1, 0),
        key("_", 1, 0),
        key("-", 1, 0),
        key("01jd0000", 1, 0),
        key("a-b", 1, 0),
    ]);
    index.upsert(keys.iter().cloned().map(record).collect()).await.unwrap();
    let mut expected = keys;
    expected.sort_by_key(ToString::to_string);
    assert_eq!(listed(&index, 700).await, expected);
    assert_eq!(listed(&index, 5_000).await, expected);
    let document = DocumentId::parse("01jd0000aaaa").unwrap();
    let after = key("01jd0000aaaa", 1, 5);
    let page = index.list(Some(&document), Some(&after), 3).await.unwrap();
    assert_eq!(page, [key("01jd0000aaaa", 1, 50), key("01jd0000aaaa", 1, 500), key("01jd0000aaaa", 1, 501)]);
    assert!(index.list(None, None, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_somebody_else_put_there_is_passed_over() {
    let server = server().await;
    let index = opened(&server).await;
    index.upsert(vec![record(key("d", 1, 0))]).await.unwrap();
    let foreign = json!({"points": [
        {"id": "550e8400-e29b-41d4-a716-446655440000", "vector": [1, 0, 0, 0], "payload": {"visibility": "public", "order": 5}},
        {"id": "550e8400-e29b-41d4-a716-446655440001", "vector": [1, 0, 0, 0],
            "payload": {"visibility": "public", "order": 6, "key": "no key of ours"}}
    ]});
    let url = format!("{}/collections/{}/points?wait=true", server.url(), index.collection());
    let answer = reqwest::Client::new().put(url).json(&foreign).send().await.unwrap();
    assert!(answer.status().is_success());
    assert_eq!(index.list(None, None, 10).await.unwrap(), [key("d", 1, 0)]);
    let found = index.query(question()).await.unwrap().matches;
    assert_eq!(found.iter().map(|found| &found.key).collect::<Vec<_>>(), [&key("d", 1, 0)]);
}

#[tokio::test]
async fn what_is_there_is_told_from_what_is_not() {
    let server = server().await;
    let index = opened(&server).await;
    index.upsert(vec![record(key("d", 1, 0))]).await.unwrap();
    let asked = [key("d", 1, 1), key("d", 1, 0), key("e", 1, 0)];
    assert_eq!(index.existing(&asked).await.unwrap(), [key("d", 1, 0)]);
}

#[tokio::test]
async fn many_large_vectors_are_cut_into_requests_that_the_server_takes() {
    let server = server().await;
    let index = QdrantIndex::open(QdrantOptions::new(server.url(), "test:wide@3072", 3_072)).await.unwrap();
    let values: Vec<f32> = (0..3_072).map(|number| (number as f32 + 0.1).sin()).collect();
    let records = (0..600).map(|seq| VectorRecord { values: values.clone(), ..record(key("d", 1, seq)) });
    index.upsert(records.collect()).await.unwrap();
    assert_eq!(index.stats().await.unwrap().vectors, 600);
    assert!((1 << 20..=8 << 20).contains(&server.largest_request()), "{}", server.largest_request());
}

#[tokio::test]
async fn a_collection_is_made_once_and_found_again() {
    let server = server().await;
    let first = opened(&server).await;
    first.upsert(vec![record(key("d", 1, 0))]).await.unwrap();
    let (second, third) =
        tokio::try_join!(QdrantIndex::open(options(&server)), QdrantIndex::open(options(&server))).unwrap();
    assert_eq!(second.stats().await.unwrap().vectors, 1);
    assert_eq!(third.consistency(), Consistency::Immediate);
    assert_eq!(server.collections(), [first.collection()]);
    // Two that start at the same time on an empty server.
    let other = || QdrantIndex::open(QdrantOptions::new(server.url(), "test:other@4", 4));
    tokio::try_join!(other(), other()).unwrap();
    assert_eq!(server.collections().len(), 2);
}

#[tokio::test]
async fn a_collection_with_replicas_shows_its_writes_later() {
    let server = server().await;
    let name = opened(&server).await.collection().to_owned();
    server.drop_collection(&name);
    let body = json!({"vectors": {"size": 4, "distance": "Cosine"}, "replication_factor": 2});
    let url = format!("{}/collections/{name}", server.url());
    assert!(reqwest::Client::new().put(url).json(&body).send().await.unwrap().status().is_success());
    assert_eq!(opened(&server).await.consistency(), Consistency::Eventual);
}

#[tokio::test]
async fn a_collection_of_another_kind_is_refused_with_the_way_out() {
    let server = server().await;
    let name = opened(&server).await.collection().to_owned();
    for (vectors, named) in [
        (json!({"size": 8, "distance": "Cosine"}), "8 numbers"),
        (json!({"size": 4, "distance": "Dot"}), "distance Dot"),
    ] {
        server.drop_collection(&name);
        let url = format!("{}/collections/{name}", server.url());
        let made = reqwest::Client::new().put(url).json(&json!({"vectors": vectors})).send().await.unwrap();
        assert!(made.status().is_success());
        let said = refusal(QdrantIndex::open(options(&server)).await.unwrap_err());
        assert!(said.contains(named) && said.contains("QDRANT_COLLECTION") && said.contains("reindex"), "{said}");
    }
}

#[tokio::test]
async fn faults_that_pass_are_waited_out() {
    let server = server().await;
    let index = opened(&server).await;
    for fault in [
        Fault::Status(429, Some(0)),
        Fault::Status(503, None),
        Fault::Status(500, None),
        Fault::Reset,
        Fault::LostAnswer,
        Fault::Slow(Duration::from_millis(200)),
    ] {
        server.fail([fault.clone(), fault.clone()]);
        index.upsert(vec![record(key("d", 1, 0))]).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(index.stats().await.unwrap().vectors, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn making_the_collection_survives_a_lost_answer() {
    let server = server().await;
    // Asked twice whether it is there, made, and made again.
    server.fail([Fault::Reset, Fault::Slow(Duration::ZERO), Fault::LostAnswer]);
    let index = opened(&server).await;
    index.upsert(vec![record(key("d", 1, 0))]).await.unwrap();
    assert_eq!(index.query(question()).await.unwrap().matches.len(), 1);
}

#[tokio::test]
async fn a_fault_that_stays_is_told_with_the_time_to_wait() {
    let server = server().await;
    let index = opened(&server).await;
    let before = server.requests();
    server.fail([Fault::Status(429, Some(3_600))]);
    match index.query(question()).await.unwrap_err() {
        IndexError::Unavailable { retry_after, .. } => assert_eq!(retry_after, Some(Duration::from_secs(3_600))),
        error => panic!("{error}"),
    }
    // Nobody waits an hour in a call.
    assert_eq!(server.requests(), before + 1);
    server.fail(vec![Fault::Status(503, None); 3]);
    assert!(index.query(question()).await.unwrap_err().is_transient());
    assert_eq!(server.requests(), before + 4);
}

#[tokio::test]
async fn a_wrong_key_is_told_at_once_and_never_repeated() {
    let server = FakeQdrant::start(Some("right-key")).await.unwrap();
    for wrong in [None, Some("hunter2-key")] {
        let before = server.requests();
        let options = QdrantOptions { api_key: wrong.map(Secret::from), ..options(&server) };
        assert!(!format!("{options:?}").contains("hunter2"));
        let said = refusal(QdrantIndex::open(options).await.unwrap_err());
        assert!(said.contains("QDRANT_API_KEY") && !said.contains("hunter2"), "{said}");
        assert_eq!(server.requests(), before + 1);
    }
}

#[tokio::test]
async fn a_collection_removed_behind_our_back_is_named_and_made_anew() {
    let server = server().await;
    let index = opened(&server).await;
    server.drop_collection(index.collection());
    let said = refusal(index.query(question()).await.unwrap_err());
    assert!(said.contains(index.collection()) && said.contains("cjhirashi reconcile"), "{said}");
    assert_eq!(opened(&server).await.stats().await.unwrap().vectors, 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_may_be_there_later() {
    let gone = QdrantOptions::new("http://127.0.0.1:1", MODEL, 4);
    assert!(QdrantIndex::open(gone).await.unwrap_err().is_transient());
    for wrong in ["127.0.0.1:6333", "ftp://example.org", "http://user:hunter2@example.org", "http://example.org/?a=b"] {
        let said = refusal(QdrantIndex::open(QdrantOptions::new(wrong, MODEL, 4)).await.unwrap_err());
        assert!(said.contains("QDRANT_URL") && !said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn the_tests_server_refuses_what_qdrant_does_not_know() {
    let server = server().await;
    let index = opened(&server).await;
    let url = format!("{}/collections/{}/points/scroll", server.url(), index.collection());
    for (body, part) in
        [(json!({"limit": 1, "sort": "id"}), "Format error"), (json!({"order_by": "key"}), "range index")]
    {
        let answer = reqwest::Client::new().post(&url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let said = answer.text().await.unwrap();
        assert!(said.contains(part), "{said}");
    }
}

#[tokio::test]
async fn qdrant_conforms() {
    let server = FakeQdrant::start(Some("the key")).await.unwrap();
    let key = Some(Secret::from("the key"));
    let options = QdrantOptions { api_key: key, ..QdrantOptions::new(server.url(), "test:axes@8", 8) };
    conforms(&QdrantIndex::open(options).await.unwrap()).await;
}

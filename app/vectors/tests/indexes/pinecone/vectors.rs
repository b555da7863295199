//! Requests that are small enough, names in order, and what is kept beside a vector.

use std::sync::Arc;

use cjhirashi_domain::{access::Visibility, id::UserId};
use cjhirashi_testkit::pinecone::{Fault, FaultKind, Plan};
use cjhirashi_vectors::{
    ChunkKey, CustomMetadata, IndexError, VectorIndex as _, VectorRecord, Written, pinecone::Namespace,
};
use serde_json::{Value, json};

use super::{DIMENSION, Knowledge, NAME, NAMESPACE};
use crate::suite::{axis, document, key, question, record};

fn public(key: ChunkKey) -> VectorRecord {
    record(key, axis(DIMENSION, 0), Visibility::Public)
}

fn many(name: &str, count: i32) -> Vec<VectorRecord> {
    (0..count).map(|seq| public(key(name, 1, seq))).collect()
}

/// Writes as another program does.
async fn write(knowledge: &Knowledge, namespace: &str, id: &str, metadata: &Value) {
    let host = knowledge.control().describe(&super::name()).await.unwrap().unwrap().host;
    let vector = json!({"id": id, "values": axis(DIMENSION, 0), "metadata": metadata});
    let answer = knowledge
        .other_program
        .post(format!("{host}/vectors/upsert"))
        .header("api-key", "another")
        .header("x-pinecone-api-version", "2026-07")
        .json(&json!({"namespace": namespace, "vectors": [vector]}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn large_vectors_go_in_requests_of_less_than_two_megabytes() {
    let dimension = 1536;
    let knowledge = Knowledge::of_dimension(dimension).await;
    let records: Vec<VectorRecord> = (0..300)
        .map(|seq| {
            let values = (0..dimension).map(|n| ((n * 37 + seq as usize) as f32).sin() / 3.0).collect();
            let mut record = record(key("a", 1, seq), values, Visibility::Public);
            record.text = Some("Una frase del manual. ".repeat(20));
            record
        })
        .collect();
    let written = knowledge.upsert(records).await.unwrap();
    let found = knowledge.query(question(vec![1.0; dimension], "ana", None)).await.unwrap();
    assert!(found.matches.len() == 10 && found.position >= written.position);
    assert_eq!(knowledge.names().len(), 300);
    let requests: Vec<usize> = knowledge
        .server
        .requests()
        .iter()
        .filter(|request| request.operation == "upsertVectors")
        .map(|request| request.body["vectors"].as_array().unwrap().len())
        .collect();
    assert!(requests.len() > 2 && requests.iter().sum::<usize>() == 300, "{requests:?}");
}

#[tokio::test]
async fn the_last_of_chunks_with_one_key_counts() {
    let knowledge = Knowledge::start().await;
    let (first, last) = (public(key("a", 1, 0)), record(key("a", 1, 0), axis(DIMENSION, 3), Visibility::Public));
    knowledge.upsert(vec![first, public(key("b", 1, 0)), last]).await.unwrap();
    let held = knowledge.server.vectors(NAME, NAMESPACE);
    assert_eq!((held.len(), held["a#1#0"].values.clone()), (2, axis(DIMENSION, 3)));
}

#[tokio::test]
async fn one_bad_chunk_keeps_all_of_them_out() {
    let knowledge = Knowledge::start().await;
    let mut huge = public(key("huge", 1, 0));
    Arc::make_mut(&mut huge.document).title = "x".repeat(50_000);
    let mut nan = public(key("nan", 1, 0));
    nan.values[3] = f32::NAN;
    for bad in [huge, nan] {
        let name = bad.key.to_string();
        let refused = knowledge.upsert(vec![public(key("a", 1, 0)), bad]).await.unwrap_err();
        assert!(refused.to_string().contains(&name) && !refused.is_transient(), "{refused}");
    }
    assert_eq!(knowledge.server.count("upsertVectors"), 0);
}

#[tokio::test]
async fn nothing_to_write_makes_no_request_and_is_seen_by_every_answer() {
    let knowledge = Knowledge::start().await;
    assert_eq!(knowledge.upsert(Vec::new()).await.unwrap(), Written::NOTHING);
    assert_eq!(knowledge.delete(&[]).await.unwrap(), Written::NOTHING);
    assert_eq!(knowledge.delete_document(&document("never"), None).await.unwrap(), Written::NOTHING);
    assert_eq!(knowledge.server.count("upsertVectors") + knowledge.server.count("deleteVectors"), 0);
}

#[tokio::test]
async fn deletions_go_a_thousand_at_a_time_and_need_no_namespace() {
    let knowledge = Knowledge::start().await;
    let keys: Vec<ChunkKey> = (0..2001).map(|seq| key("a", 1, seq)).collect();
    // There is no namespace yet: 404, which is done.
    knowledge.delete(&keys).await.unwrap();
    assert_eq!(knowledge.server.count("deleteVectors"), 3);
    knowledge.upsert(many("a", 2001)).await.unwrap();
    knowledge.delete(&keys[1..]).await.unwrap();
    assert_eq!(knowledge.names(), ["a#1#0"]);
}

#[tokio::test]
async fn all_of_a_document_goes_but_the_version_that_is_kept_and_other_documents() {
    let knowledge = Knowledge::start().await;
    let mut records = many("a", 250);
    records.extend((0..3).map(|seq| public(key("a", 11, seq))));
    records.extend([public(key("ab", 1, 0)), public(key("a-b", 1, 0))]);
    knowledge.upsert(records).await.unwrap();
    knowledge.delete_document(&document("a"), Some(11)).await.unwrap();
    assert_eq!(knowledge.names(), ["a#11#0", "a#11#1", "a#11#2", "a-b#1#0", "ab#1#0"]);
    knowledge.delete_document(&document("a"), None).await.unwrap();
    assert_eq!(knowledge.names(), ["a-b#1#0", "ab#1#0"]);
}

#[tokio::test]
async fn listing_all_names_page_by_page_asks_for_each_page_once() {
    let knowledge = Knowledge::start().await;
    knowledge.upsert(many("a", 1050)).await.unwrap();
    let mut expected: Vec<String> = knowledge.names();
    expected.sort();
    for size in [30, 100, 130, 2000] {
        let before = knowledge.server.count("listVectors");
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = knowledge.list(None, after.as_ref(), size).await.unwrap();
            assert!(page.len() <= size);
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            all.extend(page.iter().map(ToString::to_string));
        }
        assert_eq!(all, expected);
        let asked = knowledge.server.count("listVectors") - before;
        assert_eq!(asked, 11, "in pages of {size}");
    }
}

#[tokio::test]
async fn a_listing_goes_on_after_any_name_and_after_a_token_that_grew_old() {
    let knowledge = Knowledge::start().await;
    knowledge.upsert(many("a", 350)).await.unwrap();
    let names = knowledge.names();
    let after: ChunkKey = names[199].parse().unwrap();
    let text = |keys: Vec<ChunkKey>| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(text(knowledge.list(None, Some(&after), 50).await.unwrap()), names[200..250]);
    // Two listings at once take turns, and both are right.
    let other: ChunkKey = names[9].parse().unwrap();
    assert_eq!(text(knowledge.list(Some(&document("a")), Some(&other), 5).await.unwrap()), names[10..15]);
    let after: ChunkKey = names[249].parse().unwrap();
    assert_eq!(text(knowledge.list(None, Some(&after), 100).await.unwrap()), names[250..350]);
    // A token that is refused.
    let first = knowledge.list(None, None, 100).await.unwrap();
    knowledge.set(Plan { faults: vec![Fault::next("listVectors", 1, FaultKind::Status(400))], ..Plan::default() });
    assert_eq!(text(knowledge.list(None, first.last(), 100).await.unwrap()), names[100..200]);
}

#[tokio::test]
async fn names_that_are_not_ours_are_passed_over_and_can_be_had_raw() {
    let knowledge = Knowledge::start().await;
    let data = knowledge.data().await.unwrap();
    knowledge.upsert(vec![public(key("a", 1, 0))]).await.unwrap();
    // As the ADR's application named them, in the same place.
    write(&knowledge, NAMESPACE, "a-chunk-0", &json!({"visibility": "public", "documentId": "a"})).await;
    let found = knowledge.query(question(axis(DIMENSION, 0), "ana", None)).await.unwrap();
    assert_eq!(found.matches.iter().map(|found| found.key.clone()).collect::<Vec<_>>(), [key("a", 1, 0)]);
    assert_eq!(knowledge.list(None, None, 10).await.unwrap(), [key("a", 1, 0)]);
    let page = data.list("a", None).await.unwrap();
    assert_eq!((page.ids, page.next), (vec!["a#1#0".to_owned(), "a-chunk-0".to_owned()], None));
}

#[tokio::test]
async fn vectors_are_fetched_by_names_in_addresses_of_bounded_length() {
    let knowledge = Knowledge::start().await;
    knowledge.upsert(many("a-document-with-a-rather-long-name", 400)).await.unwrap();
    let mut names = knowledge.names();
    names.push("not#1#there".to_owned());
    let fetched = knowledge.data().await.unwrap().fetch(&names).await.unwrap();
    assert_eq!(fetched.len(), 400);
    assert!(fetched.values().all(|vector| vector.values == axis(DIMENSION, 0)));
    let requests = knowledge.server.requests();
    let lengths: Vec<usize> = requests
        .iter()
        .filter(|request| request.operation == "fetchVectors")
        .map(|request| request.query.iter().map(|(name, value)| name.len() + value.len() + 6).sum())
        .collect();
    assert!(lengths.len() > 3 && lengths.iter().all(|length| *length < 4200), "{lengths:?}");
    for bad in ["", "ñ", &"x".repeat(513)] {
        assert!(knowledge.data().await.unwrap().fetch(&[bad.to_owned()]).await.is_err());
    }
}

#[tokio::test]
async fn what_is_kept_beside_a_vector_is_what_the_adr_has() {
    let knowledge = Knowledge::start().await;
    let mut own = record(key("a", 2, 5), axis(DIMENSION, 0), Visibility::Private(UserId::parse("ana").unwrap()));
    own.text = Some("ñ".repeat(60_000));
    let metadata = Arc::make_mut(&mut own.document);
    metadata.source_url = Some("https://example.org/manual".to_owned());
    metadata.custom = CustomMetadata::parse(&json!({"author": "Ana", "pages": 12, "final": true})).unwrap();
    knowledge.upsert(vec![own, public(key("b", 1, 0))]).await.unwrap();
    let fetched = knowledge.data().await.unwrap().fetch(&["a#2#5".to_owned(), "b#1#0".to_owned()]).await.unwrap();
    let mut own = fetched["a#2#5"].metadata.clone();
    let text = own.remove("text").unwrap();
    let text = text.as_str().unwrap();
    assert!(text.len() > 39_000 && text.chars().all(|c| c == 'ñ'));
    assert_eq!(
        Value::Object(own),
        json!({
            "documentId": "a", "chunkIndex": 5, "title": "El documento a", "source": "upload",
            "sourceUrl": "https://example.org/manual", "userId": "ana", "createdAt": 1_790_000_000,
            "tags": ["manual"], "language": "es", "author": "Ana", "pages": 12, "final": true
        })
    );
    let public = &fetched["b#1#0"].metadata;
    assert_eq!((public.get("visibility"), public.get("userId")), (Some(&json!("public")), None));
}

#[tokio::test]
async fn namespaces_are_apart_and_can_be_listed_and_removed() {
    let knowledge = Knowledge::start().await;
    knowledge.upsert(vec![public(key("a", 1, 0))]).await.unwrap();
    for n in 0..120 {
        write(&knowledge, &format!("old/{n:03}#?"), "z#1#0", &json!({"visibility": "public"})).await;
    }
    assert_eq!(knowledge.stats().await.unwrap().vectors, 1);
    let found = knowledge.query(question(axis(DIMENSION, 0), "ana", None)).await.unwrap().matches;
    assert_eq!(found.len(), 1);
    let data = knowledge.data().await.unwrap();
    let all = data.namespaces().await.unwrap();
    assert_eq!((all.len(), all.iter().map(|namespace| namespace.records).sum::<u64>()), (121, 121));
    for namespace in all.iter().filter(|namespace| namespace.name != NAMESPACE) {
        for _ in 0..2 {
            data.delete_namespace(&Namespace::parse(&namespace.name).unwrap()).await.unwrap();
        }
    }
    let left = data.namespaces().await.unwrap();
    assert_eq!(left.iter().map(|namespace| namespace.name.as_str()).collect::<Vec<_>>(), [NAMESPACE]);
}

#[tokio::test]
async fn a_selection_of_ten_thousand_documents_is_the_largest() {
    let knowledge = Knowledge::start().await;
    knowledge.upsert(vec![public(key("d7", 1, 0)), public(key("other", 1, 0))]).await.unwrap();
    let some = |count| Some((0..count).map(|n| document(&format!("d{n}"))).collect());
    let found = knowledge.query(question(axis(DIMENSION, 0), "ana", some(10_000))).await.unwrap().matches;
    assert_eq!(found.iter().map(|found| found.key.clone()).collect::<Vec<_>>(), [key("d7", 1, 0)]);
    let refused = knowledge.query(question(axis(DIMENSION, 0), "ana", some(10_001))).await;
    assert!(matches!(refused, Err(IndexError::Refused { .. })));
}

#[tokio::test]
async fn read_units_are_added_up() {
    let knowledge = Knowledge::start().await;
    knowledge.upsert(many("a", 25)).await.unwrap();
    assert_eq!(knowledge.read_units(), 0);
    knowledge.query(question(axis(DIMENSION, 0), "ana", None)).await.unwrap();
    knowledge.list(None, None, 50).await.unwrap();
    knowledge.data().await.unwrap().fetch(&knowledge.names()).await.unwrap();
    // One for the query, one for a page of names, one for each ten vectors fetched.
    assert_eq!(knowledge.read_units(), 1 + 1 + 3);
}

#[tokio::test]
async fn a_listing_of_all_goes_on_where_it_was_whatever_is_listed_meanwhile() {
    let knowledge = Knowledge::start().await;
    for name in ["a", "b", "c", "d", "e", "f"] {
        knowledge.upsert(many(name, 100)).await.unwrap();
    }
    let (mut names, mut other) = (Vec::new(), Vec::new());
    let before = knowledge.server.count("listVectors");
    loop {
        let page = knowledge.list(None, names.last(), 100).await.unwrap();
        // A repair, and another comparison that has come less far.
        knowledge.list(Some(&document("c")), None, 100_000).await.unwrap();
        if names.len() >= 200 && other.len() < 300 {
            other.extend(knowledge.list(None, other.last(), 100).await.unwrap());
        }
        let ended = page.len() < 100;
        names.extend(page);
        if ended {
            break;
        }
    }
    assert_eq!((names.len(), other.len()), (600, 300));
    assert!(names.is_sorted_by_key(ToString::to_string) && other == names[..300]);
    // Of all, six pages and three, and each time one or two of the document: no page of all was asked for again.
    let asked = knowledge.server.count("listVectors") - before;
    assert!(asked <= 6 + 3 + 7 * 2, "{asked}");
}

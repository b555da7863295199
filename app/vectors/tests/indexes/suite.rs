//! What every vector index has to do. A new index adds a test that runs [`conforms`] over it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cjhirashi_domain::{
    Timestamp,
    access::Visibility,
    document::Source,
    id::{DocumentId, UserId},
};
use cjhirashi_vectors::{
    ChunkKey, Consistency, CustomMetadata, DocumentMetadata, IndexError, IndexFilter, IndexQuery, Match, VectorIndex,
    VectorRecord,
};

/// The vector that points along one axis, a little towards the next.
pub(crate) fn axis(dimension: usize, number: usize) -> Vec<f32> {
    let mut values = vec![0.0; dimension];
    values[number % dimension] = 1.0;
    values[(number + 1) % dimension] = 0.2;
    values
}

pub(crate) fn document(name: &str) -> DocumentId {
    DocumentId::parse(name).unwrap()
}

pub(crate) fn key(name: &str, version: i32, seq: i32) -> ChunkKey {
    ChunkKey { document_id: document(name), version, seq }
}

pub(crate) fn record(key: ChunkKey, values: Vec<f32>, visibility: Visibility) -> VectorRecord {
    VectorRecord {
        ordinal: i64::from(key.version) * 1_000 + i64::from(key.seq) + 1,
        values,
        language: Some("es".to_owned()),
        text: None,
        document: Arc::new(DocumentMetadata {
            visibility,
            title: format!("El documento {}", key.document_id),
            source: Source::Upload,
            source_url: None,
            created_at: Timestamp(1_790_000_000_000),
            tags: vec!["manual".to_owned()],
            custom: CustomMetadata::default(),
        }),
        key,
    }
}

pub(crate) fn question(vector: Vec<f32>, reader: &str, documents: Option<Vec<DocumentId>>) -> IndexQuery {
    IndexQuery { vector, top_k: 10, filter: IndexFilter { reader: UserId::parse(reader).unwrap(), documents } }
}

/// Asks until the answer is as expected: at once for an index that shows its writes, for a while for one that lags.
pub(crate) async fn eventually(
    index: &dyn VectorIndex,
    query: IndexQuery,
    expected: impl Fn(&[Match]) -> bool,
) -> Vec<Match> {
    let tries = if index.consistency() == Consistency::Immediate { 1 } else { 100 };
    let mut found = Vec::new();
    for _ in 0..tries {
        found = index.query(query.clone()).await.unwrap().matches;
        if expected(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not the expected answer: {found:?}");
}

/// The suite. The index is empty and has at least four dimensions.
pub(crate) async fn conforms(index: &dyn VectorIndex) {
    let n = index.dimension();
    let private = |user: &str| Visibility::Private(UserId::parse(user).unwrap());
    let keys = |found: &[Match]| found.iter().map(|found| found.key.to_string()).collect::<Vec<_>>();

    // Nothing in it, nothing found.
    assert!(index.query(question(axis(n, 0), "ana", None)).await.unwrap().matches.is_empty());

    // What is written is found, nearest first, with its cosine; another person's is not.
    index
        .upsert(vec![
            record(key("a", 1, 0), axis(n, 0), Visibility::Public),
            record(key("a", 1, 1), axis(n, 1), Visibility::Public),
            record(key("b", 1, 0), axis(n, 0), private("ana")),
            record(key("c", 1, 0), axis(n, 0), private("eva")),
        ])
        .await
        .unwrap();
    let found = eventually(index, question(axis(n, 0), "ana", None), |found| found.len() == 3).await;
    assert_eq!(found[2].key, key("a", 1, 1));
    assert!((found[0].score - 1.0).abs() < 0.01 && (found[1].score - 1.0).abs() < 0.01, "{found:?}");
    assert!((found[2].score - 0.2 / 1.04).abs() < 0.01, "{found:?}");
    assert!(!keys(&found).contains(&"c#1#0".to_owned()));

    // A selection of documents narrows, and never widens.
    let some = Some(vec![document("b"), document("c"), document("unknown")]);
    let found = eventually(index, question(axis(n, 0), "ana", some), |found| found.len() == 1).await;
    assert_eq!(keys(&found), ["b#1#0"]);
    assert!(index.query(question(axis(n, 0), "ana", Some(Vec::new()))).await.unwrap().matches.is_empty());

    // The length of a vector does not matter, and a write of the same key replaces.
    let long: Vec<f32> = axis(n, 2).iter().map(|value| value * 40.0).collect();
    for _ in 0..2 {
        index.upsert(vec![record(key("a", 1, 0), long.clone(), Visibility::Public)]).await.unwrap();
    }
    let found = eventually(index, question(axis(n, 2), "ana", None), |found| {
        found.first().is_some_and(|best| best.score > 0.9)
    })
    .await;
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].key, key("a", 1, 0));

    // A new version beside the old, then the old one dropped.
    index.upsert(vec![record(key("a", 2, 0), axis(n, 3), Visibility::Public)]).await.unwrap();
    index.delete_document(&document("a"), Some(2)).await.unwrap();
    eventually(index, question(axis(n, 3), "ana", Some(vec![document("a")])), |found| keys(found) == ["a#2#0"]).await;

    // Names are listed by document and in pages.
    assert_eq!(index.list(Some(&document("a")), None, 10).await.unwrap(), [key("a", 2, 0)]);
    let first = index.list(None, None, 2).await.unwrap();
    assert_eq!(first, [key("a", 2, 0), key("b", 1, 0)]);
    assert_eq!(index.list(None, first.last(), 2).await.unwrap(), [key("c", 1, 0)]);
    assert_eq!(index.stats().await.unwrap().vectors, 3);

    // Deleting is final and can be repeated.
    for _ in 0..2 {
        index.delete(&[key("b", 1, 0), key("never", 1, 0)]).await.unwrap();
        index.delete_document(&document("a"), None).await.unwrap();
    }
    eventually(index, question(axis(n, 0), "ana", None), <[Match]>::is_empty).await;
    eventually(index, question(axis(n, 0), "eva", None), |found| keys(found) == ["c#1#0"]).await;

    // What is no vector of this index is refused.
    let bad = record(key("d", 1, 0), vec![1.0; n + 1], Visibility::Public);
    assert!(matches!(index.upsert(vec![bad]).await, Err(IndexError::Dimension { .. })));
    let bad = record(key("d", 1, 0), vec![0.0; n], Visibility::Public);
    assert!(matches!(index.upsert(vec![bad]).await, Err(IndexError::NoDirection { .. })));
    let mut bad = axis(n, 0);
    bad[2] = f32::NAN;
    assert!(matches!(index.query(question(bad, "ana", None)).await, Err(IndexError::NoDirection { .. })));
    index.checkpoint().await.unwrap();

    // Emptying it is final and can be repeated; an index that must be made anew for it is, by opening it.
    for _ in 0..2 {
        index.clear().await.unwrap();
    }
    let asked = Instant::now();
    while index.list(None, None, 10).await.is_ok_and(|names| !names.is_empty()) {
        assert!(asked.elapsed() < Duration::from_secs(10), "still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

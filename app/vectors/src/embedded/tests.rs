use std::fs;

use cjhirashi_domain::{Timestamp, document::Source};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tempfile::TempDir;

use super::*;
use crate::{CustomMetadata, DocumentMetadata, IndexFilter, vector::dot};

const DIMENSION: usize = 32;

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn options(folder: &TempDir) -> EmbeddedOptions {
    EmbeddedOptions { folder: folder.path().to_owned(), model: "test:model@32".to_owned(), dimension: DIMENSION }
}

fn vector(random: &mut SmallRng) -> Vec<f32> {
    (0..DIMENSION).map(|_| random.random_range(-1.0..1.0f32)).collect()
}

fn record(document: &str, seq: i32, values: Vec<f32>, visibility: Visibility) -> VectorRecord {
    VectorRecord {
        key: ChunkKey { document_id: DocumentId::parse(document).unwrap(), version: 1, seq },
        ordinal: i64::from(seq) + 1,
        values,
        language: None,
        text: None,
        document: Arc::new(DocumentMetadata {
            visibility,
            title: document.to_owned(),
            source: Source::Upload,
            source_url: None,
            created_at: Timestamp(0),
            tags: Vec::new(),
            custom: CustomMetadata::default(),
        }),
    }
}

fn query(vector: Vec<f32>, top_k: usize) -> IndexQuery {
    IndexQuery { vector, top_k, filter: IndexFilter { reader: user("ana"), documents: None } }
}

async fn filled(folder: &TempDir, count: i32, exact_limit: usize) -> (EmbeddedIndex, Vec<Vec<f32>>) {
    let (index, _) = EmbeddedIndex::open_with(options(folder), exact_limit).await.unwrap();
    let mut random = SmallRng::seed_from_u64(7);
    let vectors: Vec<Vec<f32>> = (0..count).map(|_| vector(&mut random)).collect();
    let records = vectors
        .iter()
        .zip(0..)
        .map(|(values, seq)| {
            // Every third entry is another person's.
            let owner = if seq % 3 == 2 { Visibility::Private(user("eva")) } else { Visibility::Public };
            record(&format!("doc{}", seq / 100), seq, values.clone(), owner)
        })
        .collect();
    index.upsert(records).await.unwrap();
    (index, vectors)
}

async fn graph_is_done(index: &EmbeddedIndex, slots: usize) {
    for _ in 0..600 {
        if index.in_graph() >= slots {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the graph covers {} of {slots}", index.in_graph());
}

/// What plain arithmetic finds among the entries that "ana" may see.
fn expected(vectors: &[Vec<f32>], query: &[f32], top_k: usize) -> Vec<i32> {
    let cosine = |a: &[f32], b: &[f32]| dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt());
    let mut all: Vec<(f32, i32)> = vectors
        .iter()
        .zip(0..)
        .filter(|(_, seq)| seq % 3 != 2)
        .map(|(values, seq)| (cosine(query, values), seq))
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().take(top_k).map(|(_, seq)| seq).collect()
}

#[tokio::test]
async fn small_tables_are_scored_exactly_and_without_foreign_entries() {
    let folder = TempDir::new().unwrap();
    let (index, vectors) = filled(&folder, 600, 10_000).await;
    let mut random = SmallRng::seed_from_u64(8);
    for _ in 0..20 {
        let question = vector(&mut random);
        let found: Vec<i32> =
            index.query(query(question.clone(), 10)).await.unwrap().matches.iter().map(|m| m.key.seq).collect();
        assert_eq!(found, expected(&vectors, &question, 10));
    }
    assert_eq!(index.in_graph(), 0);
}

#[tokio::test]
async fn the_graph_finds_nearly_what_exact_scoring_finds_and_nothing_foreign() {
    let folder = TempDir::new().unwrap();
    let (index, vectors) = filled(&folder, 3_000, 500).await;
    graph_is_done(&index, 3_000).await;
    let mut random = SmallRng::seed_from_u64(9);
    let mut hits = 0;
    for _ in 0..50 {
        let question = vector(&mut random);
        let found: Vec<i32> =
            index.query(query(question.clone(), 10)).await.unwrap().matches.iter().map(|m| m.key.seq).collect();
        assert!(found.iter().all(|seq| seq % 3 != 2), "a foreign entry was found");
        hits += expected(&vectors, &question, 10).iter().filter(|seq| found.contains(seq)).count();
    }
    assert!(hits >= 475, "recall at 10 is {hits} of 500");
}

#[tokio::test]
async fn a_large_selection_is_found_although_what_lies_nearest_to_the_question_is_not_in_it() {
    let folder = TempDir::new().unwrap();
    let (index, _) = EmbeddedIndex::open_with(options(&folder), 300).await.unwrap();
    let mut random = SmallRng::seed_from_u64(4);
    let centre = vector(&mut random);
    // Three of five are ana's, all of them away from the question, around which somebody else's lie.
    let records = (0..3_000).map(|seq| {
        let own = vector(&mut random);
        let (owner, side) = if seq % 5 < 3 { ("ana", -1.0) } else { ("eva", 1.0) };
        let values = centre.iter().zip(&own).map(|(centre, own)| side * centre + 0.3 * own).collect();
        record(&format!("doc{}", seq / 100), seq, values, Visibility::Private(user(owner)))
    });
    index.upsert(records.collect()).await.unwrap();
    graph_is_done(&index, 3_000).await;
    let found = index.query(query(centre, 10)).await.unwrap().matches;
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|found| found.key.seq % 5 < 3), "{found:?}");
}

#[tokio::test]
async fn a_selection_of_documents_is_honoured() {
    let folder = TempDir::new().unwrap();
    let (index, _) = filled(&folder, 1_000, 300).await;
    graph_is_done(&index, 1_000).await;
    let mut question = query(vector(&mut SmallRng::seed_from_u64(1)), 1_000);
    question.filter.documents = Some(vec![DocumentId::parse("doc3").unwrap(), DocumentId::parse("unknown").unwrap()]);
    let found = index.query(question).await.unwrap().matches;
    assert_eq!(found.len(), 67);
    assert!(found.iter().all(|found| found.key.document_id.as_str() == "doc3"));
}

#[tokio::test]
async fn bad_vectors_are_refused_before_anything_is_written() {
    let folder = TempDir::new().unwrap();
    let (index, _) = EmbeddedIndex::open(options(&folder)).await.unwrap();
    let good = vec![1.0; DIMENSION];
    let mut with_nan = good.clone();
    with_nan[3] = f32::NAN;
    let mut endless = good.clone();
    endless[0] = f32::INFINITY;
    for bad in [with_nan, endless, vec![0.0; DIMENSION]] {
        let records =
            vec![record("a", 0, good.clone(), Visibility::Public), record("a", 1, bad.clone(), Visibility::Public)];
        assert!(matches!(index.upsert(records).await, Err(IndexError::NoDirection { .. })));
        assert!(matches!(index.query(query(bad, 1)).await, Err(IndexError::NoDirection { .. })));
    }
    assert!(matches!(
        index.upsert(vec![record("a", 0, vec![1.0; 31], Visibility::Public)]).await,
        Err(IndexError::Dimension { expected: 32, actual: 31 })
    ));
    assert_eq!(index.stats().await.unwrap().vectors, 0);
    // Very large and very small numbers have a direction all the same.
    index.upsert(vec![record("a", 0, vec![3e38; DIMENSION], Visibility::Public)]).await.unwrap();
    let found = index.query(query(vec![1e-7; DIMENSION], 5)).await.unwrap().matches;
    assert!((found[0].score - 1.0).abs() < 1e-3, "{found:?}");
}

#[tokio::test]
async fn an_upsert_replaces_and_a_delete_of_the_unknown_is_done() {
    let folder = TempDir::new().unwrap();
    let (index, _) = EmbeddedIndex::open(options(&folder)).await.unwrap();
    let mut random = SmallRng::seed_from_u64(3);
    for _ in 0..5 {
        let values = vector(&mut random);
        index.upsert(vec![record("a", 0, values.clone(), Visibility::Public)]).await.unwrap();
        let found = index.query(query(values, 5)).await.unwrap().matches;
        assert_eq!(found.len(), 1);
        assert!(found[0].score > 0.999);
    }
    let key = ChunkKey { document_id: DocumentId::parse("a").unwrap(), version: 1, seq: 0 };
    for _ in 0..2 {
        index.delete(std::slice::from_ref(&key)).await.unwrap();
        assert!(index.query(query(vector(&mut random), 5)).await.unwrap().matches.is_empty());
    }
    index.delete_document(&DocumentId::parse("never-seen").unwrap(), None).await.unwrap();
}

#[tokio::test]
async fn a_checkpoint_brings_table_and_graph_back() {
    let folder = TempDir::new().unwrap();
    let (index, _) = filled(&folder, 2_500, 500).await;
    graph_is_done(&index, 2_500).await;
    index.delete_document(&DocumentId::parse("doc1").unwrap(), None).await.unwrap();
    let question = query(vector(&mut SmallRng::seed_from_u64(4)), 20);
    let before = index.query(question.clone()).await.unwrap().matches;
    index.checkpoint().await.unwrap();
    drop(index);

    let (index, report) = EmbeddedIndex::open_with(options(&folder), 500).await.unwrap();
    assert_eq!(report, OpenReport { loaded: 2_400, rebuilding: None });
    assert_eq!(index.in_graph(), 2_500);
    assert_eq!(index.query(question).await.unwrap().matches, before);
    // And it can go on growing.
    index.upsert(vec![record("new", 0, vec![1.0; DIMENSION], Visibility::Public)]).await.unwrap();
    graph_is_done(&index, 2_501).await;
    assert_eq!(index.query(query(vec![1.0; DIMENSION], 1)).await.unwrap().matches[0].key.document_id.as_str(), "new");
}

#[tokio::test]
async fn a_damaged_checkpoint_is_named_and_not_used() {
    let folder = TempDir::new().unwrap();
    let (index, _) = filled(&folder, 300, 10_000).await;
    index.checkpoint().await.unwrap();
    drop(index);
    let path = folder.path().join("index.bin");
    let whole = fs::read(&path).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        bytes
    };
    let mut longer = whole.clone();
    longer.push(0);
    let damaged = [
        Vec::new(),
        whole[..7].to_vec(),
        whole[..whole.len() / 2].to_vec(),
        longer,
        flipped(0),
        flipped(9),
        flipped(14),
        flipped(40),
        flipped(whole.len() / 2),
        flipped(whole.len() - 1),
    ];
    for (case, bytes) in damaged.into_iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        let (index, report) = EmbeddedIndex::open(options(&folder)).await.unwrap();
        assert!(report.rebuilding.is_some(), "case {case}");
        assert_eq!(index.stats().await.unwrap().vectors, 0);
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(EmbeddedIndex::open(options(&folder)).await.unwrap().1.loaded, 300);
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_written_is_told_and_harms_nothing() {
    let folder = TempDir::new().unwrap();
    let (index, _) = filled(&folder, 50, 10_000).await;
    // As a full disk does: what is to be written cannot be.
    let place = folder.path().to_owned();
    fs::remove_dir_all(&place).unwrap();
    fs::write(&place, "in the way").unwrap();
    let error = index.checkpoint().await.unwrap_err();
    assert!(matches!(error, IndexError::Io { .. }) && error.is_transient(), "{error}");
    assert!(error.to_string().contains(&place.display().to_string()), "{error}");
    assert_eq!(index.stats().await.unwrap().vectors, 50, "it goes on answering");
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    index.checkpoint().await.unwrap();
    drop(index);
    assert_eq!(EmbeddedIndex::open(options(&folder)).await.unwrap().1.loaded, 50);
}

#[tokio::test]
async fn a_damaged_graph_is_built_anew_beside_an_intact_table() {
    let folder = TempDir::new().unwrap();
    let (index, vectors) = filled(&folder, 1_500, 500).await;
    graph_is_done(&index, 1_500).await;
    index.checkpoint().await.unwrap();
    drop(index);
    let path = folder.path().join("graph.bin");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    let (index, report) = EmbeddedIndex::open_with(options(&folder), 500).await.unwrap();
    assert_eq!((report.loaded, report.rebuilding), (1_500, None));
    let question = vector(&mut SmallRng::seed_from_u64(5));
    let found: Vec<i32> =
        index.query(query(question.clone(), 5)).await.unwrap().matches.iter().map(|m| m.key.seq).collect();
    assert_eq!(found.len(), 5);
    assert!(found.iter().filter(|seq| expected(&vectors, &question, 5).contains(seq)).count() >= 4);
    graph_is_done(&index, 1_500).await;
}

#[tokio::test]
async fn a_checkpoint_of_another_model_is_not_used() {
    let folder = TempDir::new().unwrap();
    let (index, _) = filled(&folder, 10, 10_000).await;
    index.checkpoint().await.unwrap();
    drop(index);
    let other = EmbeddedOptions { model: "test:other@32".to_owned(), ..options(&folder) };
    let (index, report) = EmbeddedIndex::open(other).await.unwrap();
    assert_eq!(report.loaded, 0);
    assert!(report.rebuilding.is_some_and(|why| why.contains("test:model@32")));
    drop(index);
}

#[tokio::test]
async fn many_deletions_compact_the_table_and_answers_stay_right() {
    let folder = TempDir::new().unwrap();
    let (index, vectors) = filled(&folder, 6_000, 1_000).await;
    for document in 0..40 {
        index.delete_document(&DocumentId::parse(format!("doc{document}")).unwrap(), None).await.unwrap();
    }
    assert!(index.shared.table.read().len() < 4_000, "dead slots were dropped");
    assert_eq!(index.stats().await.unwrap().vectors, 2_000);
    let slots = index.shared.table.read().len();
    graph_is_done(&index, slots).await;
    let question = vector(&mut SmallRng::seed_from_u64(6));
    let found: Vec<i32> =
        index.query(query(question.clone(), 10)).await.unwrap().matches.iter().map(|m| m.key.seq).collect();
    let all = expected(&vectors, &question, 6_000);
    let right: Vec<i32> = all.into_iter().filter(|seq| *seq >= 4_000).take(10).collect();
    assert!(found.iter().filter(|seq| right.contains(seq)).count() >= 8, "{found:?} {right:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_and_writes_at_once_do_not_disturb_each_other() {
    let folder = TempDir::new().unwrap();
    let (index, _) = filled(&folder, 1_500, 500).await;
    let index = Arc::new(index);
    let writer = {
        let index = Arc::clone(&index);
        tokio::spawn(async move {
            let mut random = SmallRng::seed_from_u64(11);
            for round in 0..40 {
                let records =
                    (0..50).map(|seq| record(&format!("w{round}"), seq, vector(&mut random), Visibility::Public));
                index.upsert(records.collect()).await.unwrap();
                if round % 4 == 3 {
                    index.delete_document(&DocumentId::parse(format!("w{}", round - 1)).unwrap(), None).await.unwrap();
                }
                if round % 10 == 5 {
                    index.checkpoint().await.unwrap();
                }
            }
        })
    };
    let readers: Vec<_> = (0..20)
        .map(|seed| {
            let index = Arc::clone(&index);
            tokio::spawn(async move {
                let mut random = SmallRng::seed_from_u64(seed);
                for _ in 0..50 {
                    assert_eq!(index.query(query(vector(&mut random), 10)).await.unwrap().matches.len(), 10);
                }
            })
        })
        .collect();
    writer.await.unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
    assert_eq!(index.stats().await.unwrap().vectors, 1_500 + 30 * 50);
}

#[tokio::test]
async fn names_are_listed_in_order_and_in_pages() {
    let folder = TempDir::new().unwrap();
    let (index, _) = filled(&folder, 250, 10_000).await;
    let mut names = Vec::new();
    let mut after: Option<ChunkKey> = None;
    loop {
        let page = index.list(None, after.as_ref(), 60).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        names.extend(page.iter().map(ToString::to_string));
    }
    assert_eq!(names.len(), 250);
    assert!(names.is_sorted());
    assert_eq!(index.list(Some(&DocumentId::parse("doc2").unwrap()), None, 100).await.unwrap().len(), 50);
    let holdings = index.holdings();
    assert_eq!(holdings.iter().map(|holding| holding.chunks).sum::<usize>(), 250);
}

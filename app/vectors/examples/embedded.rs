//! The embedded index at size: `cargo run --release -p cjhirashi-vectors --example embedded [vectors…]`.
//!
//! Vectors of 1,536 numbers around centres, as passages lie around topics, 200 of them each; ten make a document. The same
//! 100 questions are asked without a filter and among 50 %, 20 %, 10 %, 1 % and 0.01 % of the documents, one after the other. Recall is
//! the part of the ten truly nearest that was found. Prints the rows of `make bench`'s table.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a program that ends when something is wrong")]

use std::{
    collections::HashSet,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use cjhirashi_domain::{
    Timestamp,
    access::Visibility,
    document::Source,
    id::{DocumentId, UserId},
};
use cjhirashi_vectors::{
    ChunkKey, CustomMetadata, DocumentMetadata, EmbeddedIndex, EmbeddedOptions, IndexFilter, IndexQuery,
    VectorIndex as _, VectorRecord,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

const DIMENSION: usize = 1_536;
const MODEL: &str = "bench:vectors@1536";
const PER_CENTRE: usize = 200;
const PER_DOCUMENT: usize = 10;
const QUESTIONS: usize = 100;
const TOP_K: usize = 10;
const BATCH: usize = 1_000;
/// One document in so many is asked among.
const FILTERS: [(usize, &str); 6] =
    [(1, "no filter"), (2, "50 %"), (5, "20 %"), (10, "10 %"), (100, "1 %"), (10_000, "0.01 %")];

fn noise(seed: u64) -> Vec<f32> {
    let mut random = SmallRng::seed_from_u64(seed);
    (0..DIMENSION).map(|_| random.random_range(-1.0..1.0f32)).collect()
}

fn unit(mut values: Vec<f32>) -> Vec<f32> {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter_mut().for_each(|value| *value /= length);
    values
}

/// Made anew whenever it is needed: a million of them do not fit beside the index.
fn vector(at: usize, vectors: usize) -> Vec<f32> {
    let centres = (vectors / PER_CENTRE).max(1);
    let centre = noise((at % centres) as u64);
    let own = noise(1 << 40 | at as u64);
    unit(centre.iter().zip(own).map(|(centre, own)| centre + own).collect())
}

fn question(number: usize, vectors: usize) -> Vec<f32> {
    let centres = (vectors / PER_CENTRE).max(1);
    let centre = noise((number * 7919 % centres) as u64);
    let own = noise(1 << 50 | number as u64);
    unit(centre.iter().zip(own).map(|(centre, own)| centre + own).collect())
}

fn key(at: usize) -> ChunkKey {
    let document_id = DocumentId::parse(format!("document{:08}", at / PER_DOCUMENT)).unwrap();
    ChunkKey { document_id, version: 1, seq: i32::try_from(at % PER_DOCUMENT).unwrap() }
}

/// Whether a document is among one in so many, whatever it is about; the first one always is.
fn is_chosen(document: usize, one_in: usize) -> bool {
    ((document as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).is_multiple_of(one_in as u64)
}

/// The best so far, worst last.
#[derive(Clone, Default)]
struct Best(Vec<(f32, usize)>);

impl Best {
    fn offer(&mut self, score: f32, at: usize) {
        if self.0.len() == TOP_K && self.0[TOP_K - 1].0 >= score {
            return;
        }
        let place = self.0.partition_point(|(other, _)| *other > score);
        self.0.insert(place, (score, at));
        self.0.truncate(TOP_K);
    }
}

/// The truly nearest of every question among every part, and those of a share of the vectors.
fn nearest(questions: &[Vec<f32>], vectors: usize) -> Vec<Vec<HashSet<ChunkKey>>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let parts: Vec<Vec<Vec<Best>>> = thread::scope(|scope| {
        let part = |thread: usize| {
            let mut best = vec![vec![Best::default(); FILTERS.len()]; questions.len()];
            for at in (thread..vectors).step_by(threads) {
                let values = vector(at, vectors);
                for (question, best) in questions.iter().zip(&mut best) {
                    let score: f32 = dot(question, &values);
                    for ((one_in, _), best) in FILTERS.iter().zip(best) {
                        if is_chosen(at / PER_DOCUMENT, *one_in) {
                            best.offer(score, at);
                        }
                    }
                }
            }
            best
        };
        let handles: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    (0..questions.len())
        .map(|question| {
            (0..FILTERS.len())
                .map(|filter| {
                    let mut best = Best::default();
                    parts
                        .iter()
                        .flat_map(|part| &part[question][filter].0)
                        .for_each(|(score, at)| best.offer(*score, *at));
                    best.0.into_iter().map(|(_, at)| key(at)).collect()
                })
                .collect()
        })
        .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

fn document() -> Arc<DocumentMetadata> {
    Arc::new(DocumentMetadata {
        visibility: Visibility::Public,
        title: "Measured".to_owned(),
        source: Source::System,
        source_url: None,
        created_at: Timestamp(1_790_000_000_000),
        tags: Vec::new(),
        custom: CustomMetadata::default(),
    })
}

async fn fill(index: &EmbeddedIndex, vectors: usize) {
    let document = document();
    for from in (0..vectors).step_by(BATCH) {
        let records = (from..vectors.min(from + BATCH))
            .map(|at| VectorRecord {
                key: key(at),
                ordinal: i64::try_from(at).unwrap() + 1,
                values: vector(at, vectors),
                language: None,
                text: None,
                document: Arc::clone(&document),
            })
            .collect();
        index.upsert(records).await.unwrap();
    }
}

async fn measure(vectors: usize) {
    let folder = tempfile::tempdir().unwrap();
    let options =
        || EmbeddedOptions { folder: folder.path().to_owned(), model: MODEL.to_owned(), dimension: DIMENSION };
    let began = Instant::now();
    let (index, _) = EmbeddedIndex::open(options()).await.unwrap();
    fill(&index, vectors).await;
    eprintln!("{vectors} vectors are in after {:.1} s", began.elapsed().as_secs_f64());
    // An index that is small enough for exact scores needs no graph.
    let mut covered = (index.in_graph(), Instant::now());
    while covered.0 < vectors && covered.1.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if index.in_graph() != covered.0 {
            covered = (index.in_graph(), Instant::now());
        }
    }
    let built = covered.1.duration_since(began);
    let memory = index.stats().await.unwrap().memory_bytes;
    let graph = if covered.0 == 0 { "exact, no graph" } else { "in the graph" };
    println!("| embedded index of {vectors} × {DIMENSION}: built, {graph} | {:.0} s | a figure |", built.as_secs_f64());
    println!("| its memory | {:.0} MB | a figure |", memory as f64 / 1e6);
    index.checkpoint().await.unwrap();
    drop(index);
    let began = Instant::now();
    let (index, report) = EmbeddedIndex::open(options()).await.unwrap();
    assert!(report.rebuilding.is_none(), "{report:?}");
    println!("| its start from the checkpoint | {:.2} s | a figure |", began.elapsed().as_secs_f64());

    let questions: Vec<Vec<f32>> = (0..QUESTIONS).map(|number| question(number, vectors)).collect();
    let began = Instant::now();
    let nearest = nearest(&questions, vectors);
    eprintln!("the truly nearest took {:.0} s", began.elapsed().as_secs_f64());
    let target = if vectors <= 100_000 { 25 } else { 100 };
    for (which, (one_in, words)) in FILTERS.into_iter().enumerate() {
        let documents = (one_in > 1).then(|| {
            (0..vectors / PER_DOCUMENT)
                .filter(|document| is_chosen(*document, one_in))
                .map(|document| key(document * PER_DOCUMENT).document_id)
                .collect()
        });
        let (mut times, mut found, mut wanted) = (Vec::new(), 0, 0);
        for (question, nearest) in questions.iter().zip(&nearest) {
            let filter = IndexFilter { reader: UserId::parse("reader").unwrap(), documents: documents.clone() };
            let query = IndexQuery { vector: question.clone(), top_k: TOP_K, filter };
            let began = Instant::now();
            let answer = index.query(query).await.unwrap();
            times.push(began.elapsed().as_secs_f64() * 1e3);
            found += answer.matches.iter().filter(|found| nearest[which].contains(&found.key)).count();
            wanted += nearest[which].len();
        }
        times.sort_by(f64::total_cmp);
        println!(
            "| nearest ten of {vectors}, {words} | recall {:.3}, p50 {:.1} ms, p95 {:.1} ms | >= 0.97, p95 < {target} ms |",
            found as f64 / wanted as f64,
            times[QUESTIONS / 2],
            times[QUESTIONS * 95 / 100],
        );
    }
}

#[tokio::main]
async fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    for vectors in if asked.is_empty() { vec![100_000] } else { asked } {
        measure(vectors).await;
    }
}

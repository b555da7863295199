//! The indexes side by side on this machine: `cargo run --release -p cjhirashi-vectors --example compare`.
//!
//! 10,000 vectors of 384 numbers around 500 centres, as passages lie around topics; 500 questions, one after the other,
//! half of them among one document in a hundred. Recall is the part of the ten truly nearest that was
//! found. pgvector is the tests' own (`scripts/fetch-pgvector`) or at PGVECTOR_URL, in an empty database; Qdrant is
//! measured where QDRANT_URL names one.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints a table")]

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use cjhirashi_domain::{
    Timestamp,
    access::Visibility,
    document::Source,
    id::{DocumentId, UserId},
};
use cjhirashi_testkit::{PgVector, TestDb};
use cjhirashi_vectors::{
    ChunkKey, CustomMetadata, DocumentMetadata, EmbeddedIndex, EmbeddedOptions, IndexFilter, IndexQuery, PgVectorIndex,
    PgVectorOptions, QdrantIndex, QdrantOptions, VectorIndex, VectorRecord,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

const VECTORS: usize = 10_000;
const DIMENSION: usize = 384;
const CENTRES: usize = 500;
const QUESTIONS: usize = 500;
const TOP_K: usize = 10;
/// Half of the questions are asked among one document in this many.
const ONE_IN: usize = 100;
const MODEL: &str = "compare:random@384";

struct Corpus {
    vectors: Vec<Vec<f32>>,
    questions: Vec<Vec<f32>>,
    document: Arc<DocumentMetadata>,
}

/// How one half of the questions went.
struct Measured {
    median: Duration,
    p95: Duration,
    recall: f64,
}

impl Corpus {
    fn new() -> Self {
        let mut random = SmallRng::seed_from_u64(7);
        let mut noise = |around: Option<&Vec<f32>>| -> Vec<f32> {
            let values: Vec<f32> = (0..DIMENSION)
                .map(|at| around.map_or(0.0, |centre| centre[at]) + random.random_range(-1.0..1.0f32))
                .collect();
            let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
            values.into_iter().map(|value| value / length * 8.0).collect()
        };
        let centres: Vec<_> = (0..CENTRES).map(|_| noise(None)).collect();
        let vectors = (0..VECTORS).map(|at| noise(Some(&centres[at % CENTRES]))).collect();
        let questions = (0..QUESTIONS).map(|at| noise(Some(&centres[at * 7 % CENTRES]))).collect();
        let document = Arc::new(DocumentMetadata {
            visibility: Visibility::Public,
            title: "Compared".to_owned(),
            source: Source::System,
            source_url: None,
            created_at: Timestamp(1_790_000_000_000),
            tags: Vec::new(),
            custom: CustomMetadata::default(),
        });
        Self { vectors, questions, document }
    }

    /// Ten chunks a document.
    fn key(at: usize) -> ChunkKey {
        let document_id = DocumentId::parse(format!("document{}", at / 10)).unwrap();
        ChunkKey { document_id, version: 1, seq: i32::try_from(at % 10).unwrap() }
    }

    fn records(&self) -> Vec<VectorRecord> {
        let record = |(at, values): (usize, &Vec<f32>)| VectorRecord {
            key: Self::key(at),
            ordinal: i64::try_from(at).unwrap() + 1,
            values: values.clone(),
            language: None,
            text: None,
            document: Arc::clone(&self.document),
        };
        self.vectors.iter().enumerate().map(record).collect()
    }

    /// Documents that a selective question is asked among.
    fn few() -> Vec<DocumentId> {
        (0..VECTORS / 10).step_by(ONE_IN).map(|at| Self::key(at * 10).document_id).collect()
    }

    fn nearest(&self, question: &[f32], few: Option<&HashSet<DocumentId>>) -> HashSet<ChunkKey> {
        let mut scored: Vec<(f32, usize)> = self
            .vectors
            .iter()
            .enumerate()
            .filter(|(at, _)| few.is_none_or(|few| few.contains(&Self::key(*at).document_id)))
            .map(|(at, values)| (values.iter().zip(question).map(|(a, b)| a * b).sum(), at))
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.into_iter().take(TOP_K).map(|(_, at)| Self::key(at)).collect()
    }

    async fn ask(&self, index: &dyn VectorIndex, selective: bool) -> Measured {
        let few: Option<Vec<DocumentId>> = selective.then(Self::few);
        let known = few.as_ref().map(|few| few.iter().cloned().collect());
        let (mut times, mut found) = (Vec::new(), 0);
        for question in self.questions.iter().skip(usize::from(selective)).step_by(2) {
            let filter = IndexFilter { reader: UserId::parse("reader").unwrap(), documents: few.clone() };
            let query = IndexQuery { vector: question.clone(), top_k: TOP_K, filter };
            let began = Instant::now();
            let answer = index.query(query).await.unwrap();
            times.push(began.elapsed());
            let nearest = self.nearest(question, known.as_ref());
            found += answer.matches.iter().filter(|found| nearest.contains(&found.key)).count();
        }
        times.sort();
        let wanted = times.len() * TOP_K;
        Measured {
            median: times[times.len() / 2],
            p95: times[times.len() * 95 / 100],
            recall: found as f64 / wanted as f64,
        }
    }

    async fn fill(&self, index: &dyn VectorIndex) -> Duration {
        let records = self.records();
        let began = Instant::now();
        for batch in records.chunks(500) {
            index.upsert(batch.to_vec()).await.unwrap();
        }
        began.elapsed()
    }

    /// One line of the table.
    async fn measure(&self, name: &str, index: &dyn VectorIndex, build: Option<Duration>) {
        // The first questions open connections and read files.
        self.ask(index, false).await;
        let (all, few) = (self.ask(index, false).await, self.ask(index, true).await);
        let build = build.map_or("as above".to_owned(), |build| format!("{:.1} s", build.as_secs_f64()));
        let cell = |measured: &Measured| {
            let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
            let Measured { median, p95, recall } = measured;
            format!("{:.1} / {:.1} ms | {recall:.3}", milliseconds(*median), milliseconds(*p95))
        };
        println!("| {name} | {build} | {} | {} |", cell(&all), cell(&few));
    }
}

#[tokio::main]
async fn main() {
    let corpus = Corpus::new();
    println!("| index | build | p50 / p95, all | recall@10 | p50 / p95, among 1 % | recall@10 |");
    println!("|---|---|---|---|---|---|");

    let folder = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { folder: folder.path().to_owned(), model: MODEL.to_owned(), dimension: DIMENSION };
    let (index, _) = EmbeddedIndex::open(options).await.unwrap();
    let build = corpus.fill(&index).await;
    corpus.measure("embedded (exact up to here)", &index, Some(build)).await;

    let own = std::env::var("PGVECTOR_URL").ok();
    let db = if own.is_none() { TestDb::with_pgvector(PgVector::Current).await.unwrap() } else { None };
    match own.or_else(|| db.as_ref().map(|db| db.url.clone())) {
        Some(url) => {
            let options = PgVectorOptions::new(url, MODEL, DIMENSION);
            let index = PgVectorIndex::open(options.clone()).await.unwrap();
            let build = corpus.fill(&index).await;
            corpus.measure("pgvector, HNSW", &index, Some(build)).await;
            let exact = PgVectorIndex::open_with(options, VECTORS).await.unwrap();
            corpus.measure("pgvector, one by one", &exact, None).await;
        }
        None => println!("| pgvector | not measured: run scripts/fetch-pgvector or set PGVECTOR_URL | | | | |"),
    }

    match std::env::var("QDRANT_URL") {
        Ok(url) => {
            let api_key = std::env::var("QDRANT_API_KEY").ok().map(Into::into);
            let options = QdrantOptions { api_key, ..QdrantOptions::new(url, MODEL, DIMENSION) };
            let index = QdrantIndex::open(options).await.unwrap();
            let build = corpus.fill(&index).await;
            corpus.measure("Qdrant", &index, Some(build)).await;
        }
        Err(_) => println!("| Qdrant | not measured: set QDRANT_URL | | | | |"),
    }
}

//! How long a search takes without the provider's time, on a real database of made-up text.
//!
//! `cargo run --release -p cjhirashi-retrieval --example bench [chunks…]` prints the rows of `make bench`'s table, and on
//! standard error what is of use for working on search. Calls of the library beside the index; the way through the server
//! adds a millisecond or two. Words are drawn by Zipf's law from 40,000, so that there are very common and very rare ones, as in real text; chunks have 200
//! to 300 words and vectors of 384 numbers. Seven of ten documents are public, two the searcher's, one another's.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its measurements")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use async_trait::async_trait;
use cjhirashi_domain::{Viewer, id::UserId, search::SearchTimings, sync::IndexKind, user::Role};
use cjhirashi_models::{Embedded, Embedder, InputKind, ModelError};
use cjhirashi_retrieval::{Engine, EngineCell, Feeder, Retriever, SearchQuery};
use cjhirashi_storage::{AppSecret, Store, StoreOptions, encode_embedding};
use cjhirashi_testkit::TestDb;
use cjhirashi_vectors::{EmbeddedIndex, EmbeddedOptions, VectorIndex as _};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

const DIMENSION: usize = 384;
const MODEL: &str = "bench:vectors@384";
const VOCABULARY: usize = 40_000;
const CHUNKS_PER_DOCUMENT: usize = 10;
const SEARCHES: usize = 300;
const WARM_UP: usize = 40;

/// Costs nothing: the vector is written in the question's first word.
struct Free;

#[async_trait]
impl Embedder for Free {
    fn id(&self) -> &str {
        MODEL
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn batch_size(&self) -> usize {
        64
    }

    async fn embed(&self, texts: &[String], _: InputKind) -> Result<Embedded, ModelError> {
        let seeds =
            texts.iter().map(|text| text.bytes().fold(7u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte)));
        let vectors = seeds.map(|seed| vector(&mut SmallRng::seed_from_u64(seed), seed % 500)).collect();
        Ok(Embedded { vectors, tokens: None })
    }

    fn calibrate(&self, cosine: f32) -> f64 {
        f64::from(cosine).clamp(0.0, 1.0)
    }
}

/// A vector near the middle of its topic.
fn vector(random: &mut SmallRng, topic: u64) -> Vec<f32> {
    let mut middle = SmallRng::seed_from_u64(topic);
    let raw: Vec<f32> =
        (0..DIMENSION).map(|_| middle.random_range(-1.0..1.0f32) + 1.2 * random.random_range(-1.0..1.0f32)).collect();
    let length = raw.iter().map(|value| value * value).sum::<f32>().sqrt();
    raw.into_iter().map(|value| value / length).collect()
}

/// Pronounceable, so that the stemmers have something to do.
fn word(number: usize) -> String {
    const STOP: [&str; 12] = ["de", "la", "que", "el", "en", "y", "the", "of", "and", "los", "to", "se"];
    const HEAD: [&str; 20] = [
        "ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "zo", "cha", "bre", "cli", "dro",
        "pla", "tru",
    ];
    const TAIL: [&str; 10] = ["cion", "dad", "mente", "ado", "ing", "ness", "able", "r", "s", "x"];
    if let Some(stop) = STOP.get(number) {
        return (*stop).to_owned();
    }
    let tail = TAIL[number % 10];
    format!("{}{}{}{tail}", HEAD[number / 10 % 20], HEAD[number / 200 % 20], HEAD[number / 4000 % 20])
}

/// A word's number by Zipf's law.
fn zipf(random: &mut SmallRng) -> usize {
    let u: f64 = random.random_range(0.0..1.0);
    ((VOCABULARY as f64 + 1.0).powf(u) - 1.0) as usize
}

fn text(random: &mut SmallRng) -> String {
    let count = random.random_range(200..300);
    let words: Vec<String> = (0..count).map(|_| word(zipf(random))).collect();
    words.join(" ")
}

async fn fill(pool: &sqlx::PgPool, from: usize, to: usize) -> anyhow::Result<()> {
    let mut random = SmallRng::seed_from_u64(from as u64);
    for document in from / CHUNKS_PER_DOCUMENT..to / CHUNKS_PER_DOCUMENT {
        let owner = match document % 10 {
            0..=6 => None,
            7 | 8 => Some("bench-me"),
            _ => Some("bench-other"),
        };
        let id = format!("d{document}");
        sqlx::query(
            "INSERT INTO documents (id, user_id, title, source, status, version, chunk_count)
             VALUES ($1, $2, $1, 'api', 'indexed', 1, $3)",
        )
        .bind(&id)
        .bind(owner)
        .bind(CHUNKS_PER_DOCUMENT as i32)
        .execute(pool)
        .await?;
        let topic = random.random_range(0..500);
        let texts: Vec<String> = (0..CHUNKS_PER_DOCUMENT).map(|_| text(&mut random)).collect();
        let vectors: Vec<Vec<u8>> = texts.iter().map(|_| encode_embedding(&vector(&mut random, topic))).collect();
        sqlx::query(
            "WITH chunk AS (
                INSERT INTO chunks (id, document_id, version, seq, text, start_offset, end_offset, language, hash, indexed_at)
                SELECT $1 || '-' || n, $1, 1, n - 1, text, 0, length(text), 'es', sha256(convert_to(text, 'UTF8')), now()
                FROM unnest($2::text[]) WITH ORDINALITY c (text, n)
                RETURNING ordinal, seq
             )
             INSERT INTO embeddings (ordinal, embedding, model)
             SELECT ordinal, ($3::bytea[])[seq + 1], $4 FROM chunk",
        )
        .bind(&id)
        .bind(&texts)
        .bind(&vectors)
        .bind(MODEL)
        .execute(pool)
        .await?;
    }
    Ok(())
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = ((sorted.len() as f64 - 1.0) * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn sorted(of: impl Fn(&SearchTimings) -> f64, all: &[SearchTimings]) -> Vec<f64> {
    let mut values: Vec<f64> = all.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut sizes: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![2_200, 10_000, 100_000];
    }
    sizes.sort_unstable();
    let database = TestDb::new().await?;
    let store = Store::connect(StoreOptions::new(&database.url, AppSecret::new([7; 32]))).await?;
    store.migrate().await?;
    for user in ["bench-me", "bench-other"] {
        sqlx::query("INSERT INTO users (id, email) VALUES ($1, $1 || '@localhost')")
            .bind(user)
            .execute(store.pool())
            .await?;
    }
    let folder = tempfile::tempdir()?;
    let options = EmbeddedOptions { folder: folder.path().to_owned(), model: MODEL.to_owned(), dimension: DIMENSION };
    let (index, _) = EmbeddedIndex::open(options).await?;
    let index = Arc::new(index);
    let mut feeder = Feeder::new(store.clone(), Arc::clone(&index));
    let retriever =
        Retriever::new(store.clone(), EngineCell::new(Engine::new(IndexKind::Embedded, index.clone(), Arc::new(Free))));
    let viewer = Viewer { user_id: UserId::parse("bench-me")?, role: Role::User };

    let mut filled = 0;
    for size in sizes {
        let target = match size {
            0..=2_200 => "< 6 ms",
            2_201..=10_000 => "< 10 ms",
            _ => "< 25 ms",
        };
        let began = Instant::now();
        let middle = filled + (size - filled) / 2 / CHUNKS_PER_DOCUMENT * CHUNKS_PER_DOCUMENT;
        tokio::try_join!(fill(store.pool(), filled, middle), fill(store.pool(), middle, size))?;
        filled = size;
        sqlx::query("VACUUM ANALYZE chunks").execute(store.pool()).await?;
        sqlx::query("ANALYZE documents").execute(store.pool()).await?;
        let filling = began.elapsed();
        let began = Instant::now();
        feeder.compare().await.map_err(anyhow::Error::msg).context("feeding the index")?;
        let feeding = began.elapsed();
        eprintln!(
            "chunks {size}: filled in {:.1} s, fed to the index in {:.2} s",
            filling.as_secs_f64(),
            feeding.as_secs_f64()
        );
        let began = Instant::now();
        let slots = usize::try_from(index.stats().await?.vectors)?;
        if slots * DIMENSION > 4_000_000 {
            while index.in_graph() < slots {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            eprintln!("chunks {size}: graph built in {:.1} s", began.elapsed().as_secs_f64());
        }

        // Another retriever, so that the words are counted anew.
        let retriever = Retriever::new(
            store.clone(),
            EngineCell::new(Engine::new(IndexKind::Embedded, index.clone(), Arc::new(Free))),
        );
        let mut random = SmallRng::seed_from_u64(99);
        let mut timings = Vec::new();
        let mut found = 0;
        for number in 0..WARM_UP + SEARCHES {
            // Two to eight words as frequent as those of the texts, which is harder than a question of rare words.
            let count = random.random_range(2..9);
            let words: Vec<String> = (0..count).map(|_| word(zipf(&mut random))).collect();
            let query = SearchQuery { min_score: 0.0, ..SearchQuery::new(words.join(" ")) };
            let outcome = retriever.search(&viewer, query).await?;
            if number >= WARM_UP {
                found += outcome.passages.len();
                timings.push(outcome.timings);
            }
        }
        let total = sorted(|t| t.total - t.embed, &timings);
        println!(
            "| search at {size} chunks, without the provider's time | p50 {:.1} ms, p95 {:.1} ms | p95 {target} |",
            percentile(&total, 0.5),
            percentile(&total, 0.95)
        );
        for (stage, values) in [
            ("vector", sorted(|t| t.vector, &timings)),
            ("text", sorted(|t| t.text, &timings)),
            ("join", sorted(|t| t.join, &timings)),
        ] {
            eprintln!(
                "search at {size} chunks, {stage}: p50 {:.2}, p95 {:.2}, max {:.2} ms",
                percentile(&values, 0.5),
                percentile(&values, 0.95),
                percentile(&values, 1.0)
            );
        }
        eprintln!("search at {size} chunks: {found} passages found by {SEARCHES} searches");
    }
    let stats = index.stats().await?;
    eprintln!("vector index: {:.0} MB at {} vectors", stats.memory_bytes as f64 / 1e6, stats.vectors);
    drop(retriever);
    Ok(())
}

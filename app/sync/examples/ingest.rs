//! Documents into search, and into another index: `cargo run --release -p cjhirashi-sync --example ingest [documents]`.
//!
//! Texts of about 8 KB through the whole way (file, chunks, embeddings, PostgreSQL, index), with an embedding model of
//! 1,536 numbers that costs nothing, so that what is measured is ours. Then all of it is copied into Pinecone, played by a
//! server on loopback in a process of its own. Prints the rows of `make bench`'s table.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its measurements")]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use async_trait::async_trait;
use cjhirashi_domain::{
    Viewer,
    access::Visibility,
    document::Source,
    sync::{IndexKind, IndexName, IndexState},
    user::Role,
};
use cjhirashi_ingest::{Limits, Sandbox};
use cjhirashi_models::{Embedded, Embedder, InputKind, ModelError, Secret};
use cjhirashi_storage::{AppSecret, Blobs, Store, StoreOptions};
use cjhirashi_sync::{
    DocumentService, EngineFollower, IndexFactory, NewText, OpenIndex, Worker, WorkerContext, WorkerOptions,
};
use cjhirashi_testkit::TestDb;
use cjhirashi_vectors::{
    EmbeddedIndex, EmbeddedOptions, IndexError,
    pinecone::{Deployment, Host, IndexName as PineconeName, IndexSpec, Namespace, PineconeIndex, PineconeOptions},
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

const DIMENSION: usize = 1_536;
const MODEL: &str = "bench:vectors@1536";
const DOCUMENT_BYTES: usize = 8_000;
/// Uploads at the same time.
const CLIENTS: usize = 4;

/// Costs nothing, and gives a text the same vector each time.
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
        96
    }

    async fn embed(&self, texts: &[String], _: InputKind) -> Result<Embedded, ModelError> {
        let vector = |text: &String| {
            let seed = text.bytes().fold(7u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
            let mut random = SmallRng::seed_from_u64(seed);
            (0..DIMENSION).map(|_| random.random_range(-1.0..1.0f32)).collect()
        };
        Ok(Embedded { vectors: texts.iter().map(vector).collect(), tokens: None })
    }

    fn calibrate(&self, cosine: f32) -> f64 {
        f64::from(cosine).clamp(0.0, 1.0)
    }
}

struct Both {
    folder: std::path::PathBuf,
    pinecone: PineconeOptions,
}

#[async_trait]
impl IndexFactory for Both {
    async fn open_index(&self, name: &IndexName) -> Result<OpenIndex, IndexError> {
        if name.kind == IndexKind::Pinecone {
            return Ok(OpenIndex::Remote(Arc::new(PineconeIndex::new(self.pinecone.clone())?)));
        }
        let options =
            EmbeddedOptions { folder: self.folder.clone(), model: name.model.clone(), dimension: name.dimension() };
        Ok(OpenIndex::Embedded(Arc::new(EmbeddedIndex::open(options).await?.0)))
    }

    fn embedder(&self, _: &str) -> Result<Arc<dyn Embedder>, ModelError> {
        Ok(Arc::new(Free))
    }

    fn kinds(&self) -> Vec<IndexKind> {
        vec![IndexKind::Embedded, IndexKind::Pinecone]
    }

    fn model(&self) -> String {
        MODEL.to_owned()
    }
}

/// The server that plays Pinecone, in its own process: its memory is not ours.
struct Played(Child);

impl Drop for Played {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it; where it listens.
fn play_pinecone() -> anyhow::Result<(Played, String)> {
    let program = std::env::current_exe()?
        .parent()
        .and_then(Path::parent)
        .map(|folder| folder.join("faulty-pinecone"))
        .filter(|program| program.exists())
        .context("build it first: cargo build --release --package cjhirashi-testkit --bins")?;
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let out = child.stdout.take().context("its output")?;
    let played = Played(child);
    for line in BufReader::new(out).lines() {
        let line = line?;
        if let Some(at) = line.find("http://") {
            let url = line[at..].split_whitespace().next().unwrap_or_default().to_owned();
            return Ok((played, url));
        }
    }
    anyhow::bail!("it did not say where it listens")
}

fn prose(seed: usize) -> String {
    let mut random = SmallRng::seed_from_u64(seed as u64);
    let mut text = format!("Documento {seed}\n\n");
    while text.len() < DOCUMENT_BYTES {
        for _ in 0..random.random_range(8..20) {
            text.push_str(&format!("palabra{} ", random.random_range(0..20_000)));
        }
        text.push_str(if random.random_range(0..6) == 0 { ".\n\n" } else { ". " });
    }
    text
}

/// The most memory that this process has held, in MB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e3
}

async fn count(store: &Store, sql: &'static str) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar(sql).fetch_one(store.pool()).await?)
}

async fn fill(store: &Store, documents: &DocumentService, owner: &Viewer, how_many: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    let add = async |client: usize| -> anyhow::Result<()> {
        for seed in (client..how_many).step_by(CLIENTS) {
            let text = NewText {
                title: format!("Documento {seed}"),
                content: prose(seed),
                mime_type: None,
                source: Source::Api,
                source_url: None,
                tags: Vec::new(),
                metadata: None,
                visibility: Visibility::Public,
            };
            documents.add_text(owner, text).await?;
            // As fast as they are indexed, or the lag only tells how many were thrown in at once.
            while count(store, "SELECT count(*) FROM jobs WHERE kind = 'index_document'").await? > 24 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    };
    futures::try_join!(add(0), add(1), add(2), add(3))?;
    while count(store, "SELECT count(*) FROM jobs WHERE kind = 'index_document'").await? > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let failed = count(store, "SELECT count(*) FROM documents WHERE status <> 'indexed'").await?;
    anyhow::ensure!(failed == 0, "{failed} documents are not indexed");
    let chunks = count(store, "SELECT count(*) FROM chunks").await?;
    let rate = how_many as f64 / seconds;
    println!(
        "| {how_many} documents of 8 KB, {chunks} chunks of {DIMENSION} numbers, all indexed | {rate:.0} documents a second | a figure |"
    );
    println!("| most memory of the process meanwhile | {:.0} MB | < 1,000 MB |", peak());
    let lag: f64 = sqlx::query_scalar(
        "SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM i.at - a.at)::float8)
         FROM document_events a JOIN document_events i USING (document_id, version)
         WHERE a.event = 'added' AND i.event = 'indexed'",
    )
    .fetch_one(store.pool())
    .await?;
    println!("| lag from commit to acknowledgement, at that rate | p95 {lag:.2} s | < 5 s |");
    Ok(())
}

/// Copies everything into another index.
async fn copy(store: &Store) -> anyhow::Result<()> {
    let name = IndexName { kind: IndexKind::Pinecone, model: MODEL.to_owned() };
    let began = Instant::now();
    anyhow::ensure!(store.build_index(&name).await?, "another index is being built");
    let mut phases: BTreeMap<&str, f64> = BTreeMap::new();
    loop {
        let rows = store.list_indexes().await?;
        let row = rows.into_iter().find(|row| row.name == name).context("the index")?;
        phases.insert(row.phase.as_str(), began.elapsed().as_secs_f64());
        if row.state == IndexState::Active {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let chunks = count(store, "SELECT count(*) FROM chunks").await?;
    let rate = chunks as f64 / seconds;
    eprintln!("phases ended after: {phases:?}");
    println!(
        "| reindex of {chunks} chunks to Pinecone's double, compared and switched | {rate:.0} chunks a second; {:.0} min for 1,000,000 | < 20 min |",
        1e6 / rate / 60.0
    );
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let how_many = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(10_000);
    let (_played, url) = play_pinecone()?;
    let database = TestDb::new().await?;
    let folder = tempfile::tempdir()?;
    let secret = AppSecret::new(*b"a secret that only tests may know");
    let store = Store::connect(StoreOptions::new(&database.url, secret)).await?;
    store.migrate().await?;
    let owner = store.ensure_local_owner().await?;
    let owner = Viewer { user_id: owner.id, role: Role::Owner };
    let blobs = Blobs::open(folder.path().join("blobs")).await?;
    let pinecone = PineconeOptions {
        key: Secret::from("bench".to_owned()),
        index: PineconeName::parse("bench")?,
        namespace: Namespace::parse(MODEL)?,
        control: Host::parse(&url)?,
        host: None,
        model: MODEL.to_owned(),
        dimension: DIMENSION,
    };
    let spec = IndexSpec {
        name: pinecone.index.clone(),
        dimension: DIMENSION,
        deployment: Deployment::parse("aws", "us-east-1")?,
    };
    PineconeIndex::new(pinecone.clone())?.control().create(&spec).await?;
    let factory = Arc::new(Both { folder: folder.path().join("index"), pinecone });
    let first = IndexName { kind: IndexKind::Embedded, model: MODEL.to_owned() };
    let engines = EngineFollower::start(store.clone(), factory.clone(), &first).await?;
    let context = WorkerContext {
        store: store.clone(),
        blobs: blobs.clone(),
        engine: engines.cell(),
        factory,
        exports: folder.path().join("exports"),
        sandbox: Sandbox::new("no-such-program".into(), Limits::default()),
    };
    let worker = Worker::start(context, WorkerOptions::default());
    fill(&store, &DocumentService::new(store.clone(), blobs), &owner, how_many).await?;
    copy(&store).await?;
    worker.shutdown().await;
    engines.shutdown().await;
    store.close().await;
    Ok(())
}

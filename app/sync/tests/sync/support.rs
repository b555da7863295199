//! A whole knowledge base per test: a fresh database, a folder of files, the embedded index, and an embedding model
//! that costs nothing and counts what it is asked.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use cjhirashi_domain::{
    Viewer,
    access::Visibility,
    document::{Document, DocumentStatus, Source},
    id::{DocumentId, UserId},
    sync::{IndexKind, IndexName},
    user::Role,
};
use cjhirashi_ingest::{Limits, Sandbox};
use cjhirashi_models::{Embedded, Embedder, InputKind, Measure, ModelError};
use cjhirashi_retrieval::{Engine, EngineCell};
use cjhirashi_storage::{AppSecret, Blobs, Store, StoreOptions};
use cjhirashi_sync::{DocumentService, IndexFactory, NewDocument, NewText, OpenIndex, WorkerContext, WorkerOptions};
use cjhirashi_testkit::TestDb;
use cjhirashi_vectors::{EmbeddedIndex, EmbeddedOptions, IndexError};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// Numbers per vector.
pub(crate) const DIMENSION: usize = 16;

/// An embedding model that is free, and does what a test says.
pub(crate) struct FakeEmbedder {
    pub(crate) id: String,
    pub(crate) batch: usize,
    /// The most tokens of a passage.
    pub(crate) max_tokens: usize,
    /// How long a call takes.
    pub(crate) delay: Duration,
    /// Calls wait here when there is a gate.
    pub(crate) gate: Option<Arc<Semaphore>>,
    /// What the next calls answer instead.
    pub(crate) failures: Mutex<VecDeque<ModelError>>,
    /// Every text embedded, in order of the answers.
    pub(crate) texts: Mutex<Vec<String>>,
    /// Calls begun.
    pub(crate) calls: Mutex<usize>,
}

impl FakeEmbedder {
    pub(crate) fn new(id: &str, batch: usize) -> Self {
        Self {
            id: id.to_owned(),
            batch,
            max_tokens: 512,
            delay: Duration::ZERO,
            gate: None,
            failures: Mutex::default(),
            texts: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    pub(crate) fn embedded(&self) -> usize {
        self.texts.lock().len()
    }
}

/// A direction that depends on the text alone.
pub(crate) fn vector(text: &str) -> Vec<f32> {
    let mut state = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut values = Vec::with_capacity(DIMENSION);
    for _ in 0..DIMENSION {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        values.push(f32::from(i16::try_from(state % 2001).unwrap() - 1000) / 1000.0);
    }
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter().map(|value| value / length).collect()
}

#[async_trait]
impl Embedder for FakeEmbedder {
    fn id(&self) -> &str {
        &self.id
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn batch_size(&self) -> usize {
        self.batch
    }

    fn measure(&self) -> Measure {
        Measure { max_tokens: self.max_tokens, ..Measure::default() }
    }

    async fn embed(&self, texts: &[String], kind: InputKind) -> Result<Embedded, ModelError> {
        if kind == InputKind::Query {
            return Ok(Embedded { vectors: texts.iter().map(|text| vector(text)).collect(), tokens: None });
        }
        assert!(texts.len() <= self.batch, "a call has at most a batch");
        *self.calls.lock() += 1;
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        tokio::time::sleep(self.delay).await;
        if let Some(error) = self.failures.lock().pop_front() {
            return Err(error);
        }
        self.texts.lock().extend(texts.iter().cloned());
        Ok(Embedded { vectors: texts.iter().map(|text| vector(text)).collect(), tokens: None })
    }

    fn calibrate(&self, cosine: f32) -> f64 {
        f64::from(cosine)
    }
}

/// Everything, for one test.
pub(crate) struct Base {
    pub(crate) store: Store,
    pub(crate) documents: DocumentService,
    pub(crate) context: WorkerContext,
    pub(crate) embedder: Arc<FakeEmbedder>,
    pub(crate) index: Arc<EmbeddedIndex>,
    pub(crate) owner: Viewer,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) database: TestDb,
}

/// A fast model that takes eight texts a call.
pub(crate) async fn base() -> Base {
    base_with(FakeEmbedder::new("fake:one@16", 8)).await
}

pub(crate) async fn base_with(embedder: FakeEmbedder) -> Base {
    let database = TestDb::new().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::connect(StoreOptions::new(&database.url, secret())).await.unwrap();
    store.migrate().await.unwrap();
    let owner = store.ensure_local_owner().await.unwrap();
    let embedder = Arc::new(embedder);
    let (context, index) = context(&store, folder.path(), embedder.clone()).await;
    Base {
        documents: DocumentService::new(store.clone(), context.blobs.clone()),
        owner: Viewer { user_id: owner.id, role: Role::Owner },
        store,
        context,
        embedder,
        index,
        folder,
        database,
    }
}

pub(crate) fn secret() -> AppSecret {
    AppSecret::new(*b"a secret that only tests may know")
}

/// No index is opened and no model found: for tests that stay with the one they have.
pub(crate) struct NoIndexes;

#[async_trait]
impl IndexFactory for NoIndexes {
    fn kinds(&self) -> Vec<IndexKind> {
        IndexKind::ALL.to_vec()
    }

    fn model(&self) -> String {
        "fake:one@16".to_owned()
    }

    async fn open_index(&self, name: &IndexName) -> Result<OpenIndex, IndexError> {
        Err(IndexError::Refused { index: name.kind.as_str(), detail: "not in this test".to_owned() })
    }

    fn embedder(&self, model: &str) -> Result<Arc<dyn Embedder>, ModelError> {
        Err(ModelError::UnknownModel { model: model.to_owned(), detail: None })
    }
}

/// What a worker needs, over a store and a folder.
pub(crate) async fn context(
    store: &Store,
    folder: &std::path::Path,
    embedder: Arc<dyn Embedder>,
) -> (WorkerContext, Arc<EmbeddedIndex>) {
    let options = EmbeddedOptions {
        folder: folder.join("index"),
        model: embedder.id().to_owned(),
        dimension: embedder.dimension(),
    };
    let (index, _) = EmbeddedIndex::open(options).await.unwrap();
    let index = Arc::new(index);
    let context = WorkerContext {
        store: store.clone(),
        blobs: Blobs::open(folder.join("blobs")).await.unwrap(),
        engine: EngineCell::new(Engine::new(IndexKind::Embedded, index.clone(), embedder)),
        factory: Arc::new(NoIndexes),
        exports: folder.join("exports"),
        // Texts are read in this process; no test here needs the child.
        sandbox: Sandbox::new("no-such-program".into(), Limits::default()),
    };
    (context, index)
}

/// Options under which tests do not wait long.
pub(crate) fn options() -> WorkerOptions {
    WorkerOptions { lease: Duration::from_secs(2), poll: Duration::from_millis(100), ..WorkerOptions::default() }
}

/// About `bytes` of text, different for every `seed`, with paragraphs, in Spanish or English.
pub(crate) fn prose(seed: usize, bytes: usize) -> String {
    const SPANISH: &[&str] = &[
        "contrato",
        "plazo",
        "cliente",
        "factura",
        "devolución",
        "garantía",
        "envío",
        "dirección",
        "importe",
        "mensual",
        "anual",
        "servicio",
        "el",
        "la",
        "de",
        "con",
        "para",
        "sin",
        "según",
        "también",
    ];
    const ENGLISH: &[&str] = &[
        "contract", "deadline", "customer", "invoice", "refund", "warranty", "shipping", "address", "amount",
        "monthly", "yearly", "service", "the", "a", "of", "with", "for", "without", "under", "also",
    ];
    let words = if seed.is_multiple_of(2) { SPANISH } else { ENGLISH };
    let mut state = seed as u64 * 7919 + 13;
    let mut text = format!("Documento {seed}\n\n");
    let mut sentence = 0;
    while text.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(words[(state >> 33) as usize % words.len()]);
        sentence += 1;
        text.push_str(match sentence % 60 {
            0 => ".\n\n",
            n if n % 12 == 0 => ". ",
            _ => " ",
        });
    }
    text.push('.');
    text
}

pub(crate) fn text(title: &str, content: &str, owner: &Viewer) -> NewText {
    NewText {
        title: title.to_owned(),
        content: content.to_owned(),
        mime_type: None,
        source: Source::Api,
        source_url: None,
        tags: Vec::new(),
        metadata: None,
        visibility: Visibility::Private(owner.user_id.clone()),
    }
}

impl Base {
    /// Adds a text of the owner.
    pub(crate) async fn add(&self, title: &str, content: &str) -> Document {
        self.documents.add_text(&self.owner, text(title, content, &self.owner)).await.unwrap()
    }

    /// Adds a file of the owner.
    pub(crate) async fn add_file(&self, name: &str, bytes: &[u8]) -> Result<Document, cjhirashi_sync::DocumentError> {
        let mut writer = self.documents.upload().await.unwrap();
        writer.write(bytes).await?;
        let new = NewDocument {
            title: None,
            file_name: Some(name.to_owned()),
            mime_type: None,
            blob: writer.finish().await.unwrap(),
            source: Source::Upload,
            source_url: None,
            tags: Vec::new(),
            metadata: None,
            visibility: Visibility::Private(self.owner.user_id.clone()),
        };
        self.documents.add(&self.owner, new).await
    }

    pub(crate) async fn get(&self, id: &DocumentId) -> Option<Document> {
        self.documents.get(&self.owner, id).await.unwrap()
    }

    /// Somebody else.
    pub(crate) async fn person(&self, name: &str, role: Role) -> Viewer {
        sqlx::query("INSERT INTO users (id, email, role, updated_at) VALUES ($1, $2, $3, now())")
            .bind(name)
            .bind(format!("{name}@example.org"))
            .bind(role.as_str())
            .execute(self.store.pool())
            .await
            .unwrap();
        Viewer { user_id: UserId::parse(name).unwrap(), role }
    }

    /// A number that a query gives.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.store.pool()).await.unwrap()
    }

    /// Runs whatever is due.
    pub(crate) async fn work(&self) -> usize {
        cjhirashi_sync::Worker::run_due(&self.context, &options()).await.unwrap()
    }

    /// Makes every job that waits due now.
    pub(crate) async fn hurry(&self) {
        sqlx::query("UPDATE jobs SET run_at = now() WHERE kind <> 'housekeeping'")
            .execute(self.store.pool())
            .await
            .unwrap();
    }

    /// Waits until a document is where it should be.
    pub(crate) async fn wait_for(&self, id: &DocumentId, status: DocumentStatus) -> Document {
        let started = Instant::now();
        loop {
            let document = self.get(id).await.unwrap();
            if document.status == status {
                return document;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "still {document:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let started = Instant::now();
        while !holds().await {
            assert!(started.elapsed() < Duration::from_secs(30), "waited for {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Files published in the folder.
    pub(crate) fn files(&self) -> usize {
        let mut files = 0;
        for shard in std::fs::read_dir(self.folder.path().join("blobs")).unwrap() {
            let shard = shard.unwrap();
            if shard.file_name() != "incoming" {
                files += std::fs::read_dir(shard.path()).unwrap().count();
            }
        }
        files
    }

    /// Chunks that the vector index holds.
    pub(crate) fn vectors(&self) -> usize {
        self.index.holdings().iter().map(|holding| holding.chunks).sum()
    }
}

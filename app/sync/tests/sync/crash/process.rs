//! A worker in a process of its own, that can be killed.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use cjhirashi_domain::sync::{IndexKind, IndexName};
use cjhirashi_ingest::{Limits, Sandbox};
use cjhirashi_models::{Embedded, Embedder, InputKind, Measure, ModelError, Outage};
use cjhirashi_retrieval::{Engine, EngineCell};
use cjhirashi_storage::{Blobs, Store, StoreOptions};
use cjhirashi_sync::{IndexFactory, OpenIndex, Worker, WorkerContext, WorkerOptions};
use cjhirashi_vectors::{IndexError, VectorIndex, pinecone::PineconeIndex};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    gate::{Gates, Kill, Peer},
    world::{World, pinecone_options},
};
use crate::support::{DIMENSION, FakeEmbedder, secret};

/// What a process says when it is ready to begin.
const READY: &str = "ready to begin";

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Runs the jobs that are due, one after the other, and ends.
    Once,
    /// Runs jobs until it is killed.
    On,
}

/// The model of the parent, asked over a connection.
struct DistantEmbedder {
    id: String,
    batch: usize,
    tokens: usize,
    address: SocketAddr,
}

#[async_trait]
impl Embedder for DistantEmbedder {
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
        Measure { max_tokens: self.tokens, ..Measure::default() }
    }

    async fn embed(&self, texts: &[String], _: InputKind) -> Result<Embedded, ModelError> {
        let away = |error: std::io::Error| ModelError::Unavailable {
            provider: self.id.clone(),
            cause: Outage::Other,
            detail: error.to_string(),
        };
        let mut model = TcpStream::connect(self.address).await.map_err(away)?;
        let mut asked = serde_json::to_vec(texts).unwrap();
        asked.push(b'\n');
        model.write_all(&asked).await.map_err(away)?;
        let mut answer = String::new();
        tokio::io::BufReader::new(model).read_line(&mut answer).await.map_err(away)?;
        let vectors = serde_json::from_str(&answer).map_err(|error| away(error.into()))?;
        Ok(Embedded { vectors, tokens: None })
    }

    fn calibrate(&self, cosine: f32) -> f64 {
        f64::from(cosine)
    }
}

/// Answers processes that ask for embeddings with those of `embedder`, which counts them.
pub(crate) async fn serve_model(listener: tokio::net::TcpListener, embedder: Arc<FakeEmbedder>) {
    while let Ok((process, _)) = listener.accept().await {
        let embedder = Arc::clone(&embedder);
        tokio::spawn(async move {
            let (asked, mut answer) = process.into_split();
            let mut line = String::new();
            if tokio::io::BufReader::new(asked).read_line(&mut line).await.is_err() {
                return;
            }
            let Ok(texts) = serde_json::from_str::<Vec<String>>(&line) else { return };
            let Ok(embedded) = embedder.embed(&texts, InputKind::Passage).await else { return };
            let mut vectors = serde_json::to_vec(&embedded.vectors).unwrap();
            vectors.push(b'\n');
            let _ = answer.write_all(&vectors).await;
        });
    }
}

/// Opens Pinecone's index, whatever is asked for.
struct OneIndex {
    index: Arc<dyn VectorIndex>,
    embedder: Arc<dyn Embedder>,
}

#[async_trait]
impl IndexFactory for OneIndex {
    async fn open_index(&self, _: &IndexName) -> Result<OpenIndex, IndexError> {
        Ok(OpenIndex::Remote(Arc::clone(&self.index)))
    }

    fn embedder(&self, _: &str) -> Result<Arc<dyn Embedder>, ModelError> {
        Ok(Arc::clone(&self.embedder))
    }

    fn kinds(&self) -> Vec<IndexKind> {
        vec![IndexKind::Pinecone]
    }

    fn model(&self) -> String {
        self.embedder.id().to_owned()
    }
}

/// What a worker needs, over Pinecone.
pub(crate) async fn context(
    store: &Store,
    folder: &Path,
    index: Arc<dyn VectorIndex>,
    embedder: Arc<dyn Embedder>,
) -> WorkerContext {
    WorkerContext {
        store: store.clone(),
        blobs: Blobs::open(folder.join("blobs")).await.unwrap(),
        engine: EngineCell::new(Engine::new(IndexKind::Pinecone, Arc::clone(&index), Arc::clone(&embedder))),
        factory: Arc::new(OneIndex { index, embedder }),
        exports: folder.join("exports"),
        sandbox: Sandbox::new("no-such-program".into(), Limits::default()),
    }
}

/// A process with its gates.
pub(crate) struct Process {
    child: Arc<Mutex<Child>>,
    pub(crate) gates: Gates,
    stdin: Option<std::process::ChildStdin>,
    ready: tokio::sync::oneshot::Receiver<()>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts a process that does nothing yet.
    pub(crate) async fn start(world: &World, task: Task, options: &WorkerOptions, kill: Option<Kill>) -> Self {
        let slot: Arc<Mutex<Option<Arc<Mutex<Child>>>>> = Arc::default();
        let victim = Arc::clone(&slot);
        let kill_process = move || {
            if let Some(child) = &*victim.lock() {
                let _ = child.lock().kill();
            }
        };
        let gates = Gates::open(|peer| world.address(peer), kill, kill_process).await;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--ignored", "--nocapture"])
            .env("CRASH_CHILD_TASK", format!("{task:?}"))
            .env("CRASH_CHILD_DATABASE", world.database_url(gates.address(Peer::Database)))
            .env("CRASH_CHILD_INDEX", world.index_url(gates.address(Peer::Index)))
            .env("CRASH_CHILD_MODEL", gates.address(Peer::Model).to_string())
            .env("CRASH_CHILD_FOLDER", world.base.folder.path())
            .env("CRASH_CHILD_BATCH", world.base.embedder.batch.to_string())
            .env("CRASH_CHILD_TOKENS", world.base.embedder.max_tokens.to_string())
            .env("CRASH_CHILD_CONCURRENCY", options.concurrency.to_string())
            .env("CRASH_CHILD_LEASE_MS", options.lease.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stderr = child.stderr.take().unwrap();
        let (tell, ready) = tokio::sync::oneshot::channel();
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                match tell.take_if(|_| line.contains(READY)) {
                    Some(tell) => drop(tell.send(())),
                    None => heard.lock().push(line),
                }
            }
        });
        let child = Arc::new(Mutex::new(child));
        *slot.lock() = Some(Arc::clone(&child));
        Self { child, gates, stdin, ready, said }
    }

    /// Lets it begin; from here on its steps count.
    pub(crate) async fn begin(&mut self) {
        let ready = tokio::time::timeout(Duration::from_secs(60), &mut self.ready).await;
        assert!(matches!(ready, Ok(Ok(()))), "a worker's process did not start: {:?}", self.said.lock());
        self.gates.count();
        self.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }

    /// Whether it was killed, once it has ended; `None` while it runs.
    pub(crate) fn ended(&self) -> Option<bool> {
        let status = self.child.lock().try_wait().unwrap()?;
        let killed = status.signal() == Some(9);
        assert!(killed || status.success(), "a worker's process failed: {:?}", self.said.lock());
        Some(killed)
    }

    /// Waits until it has ended and everybody has noticed. Whether it was killed.
    pub(crate) async fn wait(&self) -> bool {
        let began = Instant::now();
        let killed = loop {
            if let Some(killed) = self.ended() {
                break killed;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "it hangs: {:?} {:?}", self.gates.steps(), self.said);
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        self.gates.settle().await;
        killed
    }

    /// Kills it, wherever it is.
    pub(crate) async fn kill(&self) {
        let _ = self.child.lock().kill();
        self.wait().await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child.lock();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// What the process runs.
pub(crate) async fn run() {
    let var = |name: &str| std::env::var(format!("CRASH_CHILD_{name}"));
    let number = |name: &str| var(name).unwrap().parse::<usize>().unwrap();
    let Ok(task) = var("TASK") else { return };
    let store = Store::connect(StoreOptions::new(var("DATABASE").unwrap(), secret())).await.unwrap();
    let embedder = DistantEmbedder {
        id: super::world::MODEL.to_owned(),
        batch: number("BATCH"),
        tokens: number("TOKENS"),
        address: var("MODEL").unwrap().parse().unwrap(),
    };
    let index = PineconeIndex::new(pinecone_options(&var("INDEX").unwrap())).unwrap();
    let folder = var("FOLDER").unwrap();
    let context = context(&store, folder.as_ref(), Arc::new(index), Arc::new(embedder)).await;
    let options = WorkerOptions {
        concurrency: number("CONCURRENCY"),
        lease: Duration::from_millis(number("LEASE_MS") as u64),
        poll: Duration::from_millis(100),
        ..WorkerOptions::default()
    };
    eprintln!("{READY}");
    let begin = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    if begin.await.unwrap().unwrap() == 0 {
        return;
    }
    if task == "Once" {
        Worker::run_due(&context, &options).await.unwrap();
    } else {
        let _worker = Worker::start(context, options);
        // Ends by itself should the parent have died.
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

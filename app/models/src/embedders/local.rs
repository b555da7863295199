//! multilingual-e5-small in this process.
//!
//! The model is loaded at the first text and let go after some idle minutes, so that an instance that nobody asks holds no
//! weights. Passages are computed on a pool of as many threads as there are processors; questions, and the sentences that
//! an answer compares, are not put behind them but get threads of their own, so that both stay fast while documents
//! are read.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use cjhirashi_e5::{E5, E5Error, Kind, Scratch};
use parking_lot::Mutex;
use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};
use tokio::sync::Semaphore;

use crate::{Embedded, Embedder, InputKind, Measure, ModelError, calibration::Calibration};

const ID: &str = "local:multilingual-e5-small@384";
const DIMENSION: usize = 384;
/// The name of the model's file in `MODEL_DIR`.
pub(crate) const FILE: &str = "e5-small-q4.bin";
/// Two seconds of work on two processors: little is lost when the process dies.
const BATCH: usize = 16;
/// The model is let go after this long without a text.
const IDLE: Duration = Duration::from_secs(600);
/// Questions at once; more wait their turn.
const QUESTIONS: usize = 2;
/// Threads for the sentences of one answer, beside those that read documents.
const SENTENCE_THREADS: usize = 2;
/// More threads than this help nobody on a shared machine.
const MAX_THREADS: usize = 8;

pub(crate) struct LocalEmbedder {
    shared: Arc<Shared>,
    questions: Arc<Semaphore>,
    /// Answers that compare sentences take turns.
    sentences: Arc<Semaphore>,
    /// Batches of passages take turns: two at once would only hold twice the memory.
    passages: Arc<Semaphore>,
    calibration: Calibration,
}

struct Shared {
    path: PathBuf,
    idle: Duration,
    loaded: Mutex<Option<Loaded>>,
}

#[derive(Clone)]
struct Loaded {
    model: Arc<E5>,
    pool: Arc<ThreadPool>,
    used: Instant,
}

/// Set when the future that waits for the work is dropped.
struct Cancelled(Arc<AtomicBool>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl LocalEmbedder {
    pub(crate) fn new(model_dir: &Path) -> Self {
        Self::with_idle(model_dir, IDLE)
    }

    fn with_idle(model_dir: &Path, idle: Duration) -> Self {
        Self {
            shared: Arc::new(Shared { path: model_dir.join(FILE), idle, loaded: Mutex::new(None) }),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            sentences: Arc::new(Semaphore::new(1)),
            passages: Arc::new(Semaphore::new(1)),
            calibration: Calibration::of("multilingual-e5-small"),
        }
    }
}

impl Shared {
    /// The model, loaded now if it is not. Blocks.
    fn get(self: &Arc<Self>, runtime: &tokio::runtime::Handle) -> Result<Loaded, ModelError> {
        let mut loaded = self.loaded.lock();
        if let Some(loaded) = loaded.as_mut() {
            loaded.used = Instant::now();
            return Ok(loaded.clone());
        }
        let started = Instant::now();
        let model = E5::open(&self.path).map_err(|error| match error {
            E5Error::Io(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                ModelError::LocalModelMissing { path: self.path.clone() }
            }
            other => ModelError::LocalModel { detail: other.to_string() },
        })?;
        if model.dimension() != DIMENSION {
            return Err(ModelError::LocalModel {
                detail: format!("it gives {} numbers instead of {DIMENSION}", model.dimension()),
            });
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|n| format!("embed-{n}"))
            .build()
            .map_err(|error| ModelError::LocalModel { detail: error.to_string() })?;
        tracing::info!(duration_ms = started.elapsed().as_millis() as u64, threads, "the embedding model is loaded");
        let fresh = Loaded { model: Arc::new(model), pool: Arc::new(pool), used: Instant::now() };
        *loaded = Some(fresh.clone());
        runtime.spawn(let_go_when_idle(Arc::downgrade(self), self.idle));
        Ok(fresh)
    }
}

/// Waits until the model has not been used for a while, and drops it.
async fn let_go_when_idle(shared: Weak<Shared>, idle: Duration) {
    let mut wait = idle;
    loop {
        tokio::time::sleep(wait).await;
        let Some(shared) = shared.upgrade() else { return };
        let mut loaded = shared.loaded.lock();
        let Some(used) = loaded.as_ref().map(|loaded| loaded.used.elapsed()) else { return };
        if used >= idle {
            *loaded = None;
            tracing::info!("the embedding model is let go until it is needed again");
            return;
        }
        wait = idle - used;
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn id(&self) -> &str {
        ID
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn batch_size(&self) -> usize {
        BATCH
    }

    fn measure(&self) -> Measure {
        // Without the model's file a document is read all the same, and embedded once it is there.
        let loaded = tokio::runtime::Handle::try_current().ok().and_then(|runtime| self.shared.get(&runtime).ok());
        match loaded {
            Some(Loaded { model, .. }) => Measure {
                max_tokens: model.passage_tokens(),
                count: Box::new(move |text| model.tokenizer().count_tokens(text)),
            },
            None => Measure::default(),
        }
    }

    async fn embed(&self, texts: &[String], kind: InputKind) -> Result<Embedded, ModelError> {
        if texts.is_empty() {
            return Ok(Embedded { vectors: Vec::new(), tokens: None });
        }
        let (turns, prefix) = match kind {
            InputKind::Query => (&self.questions, Kind::Query),
            InputKind::Passage => (&self.passages, Kind::Passage),
            InputKind::Sentence => (&self.sentences, Kind::Passage),
        };
        let gone = |error: &dyn std::fmt::Display| ModelError::LocalModel { detail: error.to_string() };
        let turn = Arc::clone(turns).acquire_owned().await.map_err(|error| gone(&error))?;
        let cancelled = Arc::new(AtomicBool::new(false));
        let _guard = Cancelled(Arc::clone(&cancelled));
        let (shared, texts) = (Arc::clone(&self.shared), texts.to_vec());
        let runtime = tokio::runtime::Handle::current();
        let work = move || -> Result<Vec<Vec<f32>>, ModelError> {
            // Held by the work, not by the caller: a dropped caller must not let the next one in beside it.
            let _turn = turn;
            let Loaded { model, pool, .. } = shared.get(&runtime)?;
            let one = |scratch: &mut Scratch, text: &String| -> Result<Vec<f32>, ModelError> {
                if cancelled.load(Ordering::Relaxed) {
                    return Err(ModelError::LocalModel { detail: "nobody waits for it any more".to_owned() });
                }
                model.embed(text, prefix, scratch).map_err(|error| ModelError::LocalModel { detail: error.to_string() })
            };
            let some = |texts: &[String]| -> Result<Vec<Vec<f32>>, ModelError> {
                let mut scratch = Scratch::default();
                texts.iter().map(|text| one(&mut scratch, text)).collect()
            };
            match kind {
                InputKind::Query => some(&texts),
                InputKind::Passage => {
                    pool.install(|| texts.par_iter().with_max_len(1).map_init(Scratch::default, one).collect())
                }
                // The pool's threads take up nothing new before their batch is done.
                InputKind::Sentence => std::thread::scope(|scope| {
                    let some = &some;
                    let parts = texts.chunks(texts.len().div_ceil(SENTENCE_THREADS));
                    let threads: Vec<_> = parts.map(|part| scope.spawn(move || some(part))).collect();
                    let mut vectors = Vec::with_capacity(texts.len());
                    for thread in threads {
                        vectors.extend(thread.join().map_err(|_| gone(&"a thread panicked"))??);
                    }
                    Ok(vectors)
                }),
            }
        };
        let vectors = tokio::task::spawn_blocking(work).await.map_err(|error| gone(&error))??;
        Ok(Embedded { vectors, tokens: None })
    }

    fn calibrate(&self, cosine: f32) -> f64 {
        self.calibration.apply(cosine)
    }

    fn lost_across_languages(&self) -> f32 {
        // Measured: right passages 0.876 within a language and 0.836 across, wrong ones 0.805 and 0.778. Taking 0.025 of
        // the 0.04 back keeps most right ones and nearly no wrong ones; docs/decisions/0005-relevance.md.
        0.025
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_model_is_told_with_the_command_that_fetches_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let embedder = LocalEmbedder::new(folder.path());
        assert_eq!((embedder.id(), embedder.dimension()), (ID, DIMENSION));
        let error = embedder.embed(&["text".to_owned()], InputKind::Query).await.expect_err("no file");
        assert_eq!(error, ModelError::LocalModelMissing { path: folder.path().join(FILE) });
        assert!(error.to_string().contains("make models"));
        assert!(error.is_transient(), "it can be fetched while the server runs");
        let measure = embedder.measure();
        assert_eq!((measure.max_tokens, (measure.count)("dos palabras")), (512, 3), "reading does not wait for it");
    }

    #[tokio::test]
    async fn a_damaged_model_is_an_error_and_no_crash() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE), b"E5S1 and then nothing").expect("a file");
        let embedder = LocalEmbedder::new(folder.path());
        let error = embedder.embed(&["text".to_owned()], InputKind::Passage).await.expect_err("no model");
        assert!(matches!(error, ModelError::LocalModel { .. }), "{error}");
    }
}

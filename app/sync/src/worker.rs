//! Takes jobs, keeps their leases, and decides how a run that failed goes on.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use cjhirashi_domain::{ErrorCode, Timestamp, document::DocumentError, id::DocumentId};
use cjhirashi_ingest::Sandbox;
use cjhirashi_retrieval::EngineCell;
use cjhirashi_storage::{Blobs, Claim, Job, JobFilter, JobKind, Retry, StorageError, Store};
use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;

use crate::{
    IndexFactory,
    delete::delete_document,
    error::{Failure, Remedy},
    export::export_vectors,
    index::index_document,
    reconcile::{notice_losses, reconcile_job},
    records::remove_vectors,
    reindex::reindex,
    repair::{repair_document, update_metadata},
};

/// Pauses between two rounds of housekeeping.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// The longest wait after a job that recurs has failed.
const RECURRING_RETRY: Duration = Duration::from_secs(15 * 60);
/// How often a test's step looks for jobs that its jobs led to.
const STEP: Duration = Duration::from_millis(20);
/// The longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// What jobs work with. Cheap to clone.
#[derive(Clone)]
pub struct WorkerContext {
    /// PostgreSQL.
    pub store: Store,
    /// The files.
    pub blobs: Blobs,
    /// The vector index that answers, with its embedding model.
    pub engine: EngineCell,
    /// Opens another index, and its model.
    pub factory: Arc<dyn IndexFactory>,
    /// Where exports of all embeddings are kept.
    pub exports: PathBuf,
    /// Reads files.
    pub sandbox: Sandbox,
}

impl std::fmt::Debug for WorkerContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerContext").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// How jobs are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerOptions {
    /// Jobs at the same time. Each uses a connection for moments only.
    pub concurrency: usize,
    /// How long a dead process keeps others from its jobs. The lease is extended four times within it.
    pub lease: Duration,
    /// How often to look for jobs without being told: for those whose time comes, whose process died, or of which the
    /// notice was lost (behind a pooler).
    pub poll: Duration,
    /// Runs begun before a job is given up.
    pub max_attempts: i32,
    /// How long a shutdown waits for running jobs to end by themselves.
    pub grace: Duration,
    /// Which jobs are taken. A worker that leaves some to others neither revives dead letters nor asks for what recurs:
    /// that is the business of those who take all.
    pub jobs: JobFilter,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            concurrency: 6,
            lease: Duration::from_secs(8),
            poll: Duration::from_secs(1),
            // Pauses of 2, 4, 8 … 512, 600 seconds: about 40 minutes. The next start tries again.
            max_attempts: 12,
            grace: Duration::from_secs(3),
            jobs: JobFilter::all(),
        }
    }
}

/// Runs jobs until it is shut down. Any number of them, in any number of processes, share the work.
#[derive(Debug)]
pub struct Worker;

/// A running worker. Dropped without a shutdown, its jobs are taken by others when their leases run out.
#[derive(Debug)]
pub struct WorkerHandle {
    stop: CancellationToken,
    main: JoinHandle<()>,
}

impl WorkerHandle {
    /// Takes no more jobs, waits a moment for those that run, puts back the rest, and returns.
    pub async fn shutdown(self) {
        self.stop.cancel();
        if let Err(error) = self.main.await {
            tracing::error!(%error, "the worker did not end well");
        }
    }
}

impl Worker {
    /// Starts to run jobs in the background.
    #[must_use]
    pub fn start(context: WorkerContext, options: WorkerOptions) -> WorkerHandle {
        let stop = CancellationToken::new();
        let main = tokio::spawn(Arc::new(Runner::new(context, options, stop.clone())).run());
        WorkerHandle { stop, main }
    }

    /// Runs the jobs that are due now, and those they lead to meanwhile, and returns how many ran: for tests, which want to
    /// step.
    ///
    /// # Errors
    /// [`StorageError`] when no job can be taken.
    pub async fn run_due(context: &WorkerContext, options: &WorkerOptions) -> Result<usize, StorageError> {
        let runner = Runner::new(context.clone(), options.clone(), CancellationToken::new());
        let (mut ran, mut running) = (0, FuturesUnordered::new());
        loop {
            let jobs = runner.claim(limit(options.concurrency.saturating_sub(running.len()))).await?;
            ran += jobs.len();
            running.extend(jobs.into_iter().map(|job| runner.run_job(job)));
            // A job may wait for others that it asked for.
            if let Ok(None) = tokio::time::timeout(STEP, running.next()).await {
                return Ok(ran);
            }
        }
    }
}

/// How a run ended.
enum Ended {
    /// With its work done, or nothing left to do.
    Done,
    Failed(Failure),
    /// Another worker has the job: nothing of ours counts any more.
    Lost,
    /// The process stops.
    Stopped,
}

struct Runner {
    context: WorkerContext,
    options: WorkerOptions,
    /// No more jobs are taken.
    stop: CancellationToken,
    /// Running jobs end now.
    abort: CancellationToken,
    /// Something may be due.
    wake: Notify,
    /// The jobs in hand; the token ends the run.
    held: parking_lot::Mutex<HashMap<Claim, CancellationToken>>,
}

fn limit(slots: usize) -> i64 {
    i64::try_from(slots).unwrap_or(i64::MAX)
}

impl Runner {
    fn new(context: WorkerContext, options: WorkerOptions, stop: CancellationToken) -> Self {
        Self {
            context,
            options,
            stop,
            abort: CancellationToken::new(),
            wake: Notify::new(),
            held: parking_lot::Mutex::default(),
        }
    }

    async fn run(self: Arc<Self>) {
        let helpers = TaskTracker::new();
        helpers.spawn(Arc::clone(&self).keep_leases());
        helpers.spawn(Arc::clone(&self).listen());
        if !self.options.jobs.is_limited() {
            helpers.spawn(Arc::clone(&self).prepare());
        }

        let jobs = TaskTracker::new();
        self.take_jobs(&jobs).await;
        jobs.close();
        if tokio::time::timeout(self.options.grace, jobs.wait()).await.is_err() {
            tracing::info!(running = jobs.len(), "putting back the jobs that still run");
        }
        self.abort.cancel();
        jobs.wait().await;
        helpers.close();
        helpers.wait().await;
    }

    /// What has to be asked for once, at the start: a start may be what mends the reason of a dead letter.
    async fn prepare(self: Arc<Self>) {
        let store = &self.context.store;
        loop {
            let asked = async {
                let revived = store.revive_dead_jobs().await?;
                let now = store.now();
                store.schedule(JobKind::Housekeeping, Duration::from_secs(60)).await?;
                store.schedule(JobKind::Reconcile, until_night(now)).await?;
                store.schedule(JobKind::ExportVectors, until_sunday_night(now)).await?;
                Ok::<_, StorageError>(revived)
            };
            match asked.await {
                Ok(revived) => {
                    if revived > 0 {
                        tracing::info!(jobs = revived, "jobs that were given up are tried again");
                    }
                    self.wake.notify_one();
                    return;
                }
                Err(error) => tracing::warn!(%error, "jobs cannot be asked for"),
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
        }
    }

    async fn take_jobs(self: &Arc<Self>, tracker: &TaskTracker) {
        let slots = Arc::new(Semaphore::new(self.options.concurrency.max(1)));
        let mut failures = 0_u32;
        loop {
            let permit = tokio::select! {
                () = self.stop.cancelled() => return,
                permit = Arc::clone(&slots).acquire_owned() => permit,
            };
            let Ok(permit) = permit else { return };
            // This slot and all others that are free right now.
            let mut permits = vec![permit];
            while let Ok(permit) = Arc::clone(&slots).try_acquire_owned() {
                permits.push(permit);
            }
            let mut pause = Some(self.options.poll);
            match self.claim(limit(permits.len())).await {
                Ok(jobs) => {
                    failures = 0;
                    if !jobs.is_empty() {
                        pause = None;
                    }
                    for (job, permit) in jobs.into_iter().zip(permits) {
                        let runner = Arc::clone(self);
                        // Held from here on, so that a lease is also extended before the run gets its first turn.
                        let lost = runner.hold(&job.claim);
                        tracker.spawn(async move {
                            runner.run_held(&job, lost).await;
                            drop(permit);
                            runner.wake.notify_one();
                        });
                    }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures == 1 {
                        tracing::warn!(%error, "no jobs can be taken; trying on");
                    }
                    pause = Some(self.options.poll * failures.min(10));
                }
            }
            if let Some(pause) = pause {
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }

    async fn claim(&self, free: i64) -> Result<Vec<Job>, StorageError> {
        let index = &self.context.engine.current().name;
        self.context.store.claim_jobs_of(&self.options.jobs, Some(index), free, self.options.lease).await
    }

    /// Wakes the worker when a job is asked for.
    async fn listen(self: Arc<Self>) {
        loop {
            let listening = async {
                let mut listener = self.context.store.listen_for_jobs().await?;
                // What was asked for before we listened.
                self.wake.notify_one();
                loop {
                    listener.recv().await?;
                    self.wake.notify_one();
                }
            };
            let ended: Result<(), StorageError> = tokio::select! {
                () = self.stop.cancelled() => return,
                ended = listening => ended,
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "notices of jobs cannot be heard; looking for jobs goes on");
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
        }
    }

    /// Extends the leases of the jobs in hand, and ends the runs of those that were lost.
    async fn keep_leases(self: Arc<Self>) {
        let mut extended = Instant::now();
        loop {
            tokio::select! {
                () = self.abort.cancelled() => return,
                () = tokio::time::sleep(self.options.lease / 4) => {}
            }
            let claims: Vec<Claim> = self.held.lock().keys().cloned().collect();
            if claims.is_empty() {
                extended = Instant::now();
                continue;
            }
            let extending = self.context.store.extend_leases(&claims, self.options.lease);
            match tokio::time::timeout(self.options.lease / 2, extending).await {
                Ok(Ok(kept)) => {
                    extended = Instant::now();
                    for claim in claims.iter().filter(|claim| !kept.contains(claim)) {
                        if let Some(lost) = self.held.lock().get(claim) {
                            lost.cancel();
                        }
                    }
                }
                _ if extended.elapsed() > self.options.lease => {
                    tracing::warn!("the leases of running jobs ran out; others will take them");
                    for lost in self.held.lock().values() {
                        lost.cancel();
                    }
                }
                _ => {}
            }
        }
    }

    fn hold(&self, claim: &Claim) -> CancellationToken {
        let lost = CancellationToken::new();
        self.held.lock().insert(claim.clone(), lost.clone());
        lost
    }

    async fn run_job(&self, job: Job) {
        let lost = self.hold(&job.claim);
        self.run_held(&job, lost).await;
    }

    async fn run_held(&self, job: &Job, lost: CancellationToken) {
        let span = tracing::info_span!("job", kind = job.kind.as_str(), key = job.key, attempt = job.attempts);
        async {
            let started = Instant::now();
            let ended = if job.attempts > self.options.max_attempts {
                // Nobody counted these runs as failed: their processes died.
                let detail = format!("the server stopped {} times while it worked on this", job.attempts - 1);
                Ended::Failed(Failure::new(ErrorCode::Internal, Some(detail), Remedy::GiveUp))
            } else {
                let work = AssertUnwindSafe(self.work(job)).catch_unwind();
                tokio::select! {
                    biased;
                    () = lost.cancelled() => Ended::Lost,
                    () = self.abort.cancelled() => Ended::Stopped,
                    ended = work => match ended {
                        Ok(Ok(())) => Ended::Done,
                        Ok(Err(failure)) => Ended::Failed(failure),
                        Err(_) => {
                            tracing::error!("a job panicked");
                            let remedy = Remedy::TryAgain { after: None };
                            Ended::Failed(Failure::new(ErrorCode::Internal, None, remedy))
                        }
                    },
                }
            };
            let outcome = match self.settle(job, ended).await {
                Ok(outcome) => outcome,
                Err(error) => {
                    // The lease runs out, and somebody takes the job and finds its work done or not.
                    tracing::warn!(%error, "the end of a job could not be noted");
                    "unsettled"
                }
            };
            let duration = started.elapsed();
            metrics::histogram!("cjhirashi_job_duration_seconds", "kind" => job.kind.as_str(), "outcome" => outcome)
                .record(duration.as_secs_f64());
            tracing::debug!(outcome, duration_ms = duration.as_millis(), "job ended");
        }
        .instrument(span)
        .await;
        self.held.lock().remove(&job.claim);
    }

    async fn work(&self, job: &Job) -> Result<(), Failure> {
        match job.kind {
            JobKind::IndexDocument => index_document(&self.context, job).await,
            JobKind::DeleteDocument => delete_document(&self.context, job).await,
            JobKind::UpdateMetadata => update_metadata(&self.context, job).await,
            JobKind::RepairDocument => repair_document(&self.context, job).await,
            JobKind::Reconcile => reconcile_job(&self.context).await,
            JobKind::Reindex => reindex(&self.context, job).await,
            JobKind::ExportVectors => export_vectors(&self.context).await,
            JobKind::Housekeeping => {
                let removed = self.context.store.housekeep(&self.context.blobs).await?;
                tracing::debug!(?removed, "housekeeping done");
                Ok(notice_losses(&self.context).await?)
            }
        }
    }

    /// Notes how a run ended; returns a word for the metrics.
    async fn settle(&self, job: &Job, ended: Ended) -> Result<&'static str, StorageError> {
        let store = &self.context.store;
        match ended {
            Ended::Lost => {
                tracing::warn!("a job was lost to another worker");
                Ok("lost")
            }
            Ended::Stopped => {
                if let Some(document) = indexed_document(job) {
                    store.pause_indexing(&job.claim, &document).await?;
                }
                store.retry_job(job, &Retry { after: Duration::ZERO, error: None, counted: false }).await?;
                Ok("stopped")
            }
            Ended::Done if job.kind.recurs() => {
                store.repeat_job(job, next_time(job.kind, store.now())).await?;
                Ok("done")
            }
            Ended::Done => {
                store.finish_job(job).await?;
                Ok("done")
            }
            Ended::Failed(Failure { error, remedy }) => self.settle_failure(job, error, remedy).await,
        }
    }

    async fn settle_failure(
        &self,
        job: &Job,
        error: DocumentError,
        remedy: Remedy,
    ) -> Result<&'static str, StorageError> {
        let store = &self.context.store;
        let retry = match remedy {
            Remedy::Wait { after } => Some(Retry { after: jittered(after), error: None, counted: false }),
            // The next time comes by itself.
            Remedy::TryAgain { .. } | Remedy::GiveUp if job.kind.recurs() => {
                let after = next_time(job.kind, store.now()).min(RECURRING_RETRY);
                Some(Retry { after, error: None, counted: false })
            }
            Remedy::GiveUp => None,
            Remedy::TryAgain { .. } if job.attempts >= self.options.max_attempts => None,
            Remedy::TryAgain { after } => {
                let after = jittered(pause(job.attempts).max(after.unwrap_or_default()));
                Some(Retry { after, error: None, counted: true })
            }
        };
        let document = indexed_document(job);
        if let Some(document) = &document {
            let answering = store.fail_indexing(&job.claim, document, &error, retry.is_none()).await?;
            if let (None, Some(version)) = (&retry, answering)
                // Vectors of the version that will not answer would take the places of those that do.
                && let Err(error) =
                    remove_vectors(store, self.context.engine.current().index.as_ref(), document, Some(version)).await
            {
                tracing::warn!(%error, "vectors of a version that was given up stay in the index for now");
            }
        }
        let detail = error.detail.as_deref().unwrap_or_default();
        match retry {
            Some(retry) => {
                tracing::warn!(error.code, detail, after_ms = retry.after.as_millis(), "a job will be tried again");
                store.retry_job(job, &Retry { error: Some(error), ..retry }).await?;
                Ok("retried")
            }
            // A bad file is its document's error, seen and mended there; there is nothing to start again.
            None if remedy == Remedy::GiveUp && document.is_some() => {
                tracing::info!(error.code, detail, "a document cannot be indexed");
                store.finish_job(job).await?;
                Ok("refused")
            }
            None => {
                tracing::error!(error.code, detail, "a job was given up");
                store.bury_job(job, &error).await?;
                Ok("dead")
            }
        }
    }
}

/// The document of a job that shows its state on it.
fn indexed_document(job: &Job) -> Option<DocumentId> {
    (job.kind == JobKind::IndexDocument).then(|| DocumentId::parse(job.key.clone()).ok()).flatten()
}

/// The hour of the night, UTC, at which the two databases are compared.
const NIGHT_HOUR: i64 = 3;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How long until the next night.
fn until_night(now: Timestamp) -> Duration {
    let since = (now.0 - NIGHT_HOUR * HOUR_MS).rem_euclid(DAY_MS);
    Duration::from_millis((DAY_MS - since).unsigned_abs())
}

/// How long until the next night from Saturday to Sunday, an hour later than the comparison.
fn until_sunday_night(now: Timestamp) -> Duration {
    // The epoch was a Thursday.
    let sunday = 3 * DAY_MS + (NIGHT_HOUR + 1) * HOUR_MS;
    let since = (now.0 - sunday).rem_euclid(7 * DAY_MS);
    Duration::from_millis((7 * DAY_MS - since).unsigned_abs())
}

/// How long until a job that recurs is due again.
fn next_time(kind: JobKind, now: Timestamp) -> Duration {
    match kind {
        JobKind::Reconcile => until_night(now),
        JobKind::ExportVectors => until_sunday_night(now),
        _ => HOUSEKEEPING_INTERVAL,
    }
}

/// The pause after a number of attempts: 2, 4, 8 … seconds.
fn pause(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 16)).unwrap_or(1);
    Duration::from_secs(1 << doublings).min(MAX_PAUSE)
}

/// Between the pause and a quarter more, so that what failed together does not come back together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + rand::random::<f64>() / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nights_come_at_three_and_weeks_end_on_sunday() {
        // Wednesday, 2026-11-25, 22:30 UTC.
        let now = Timestamp(1_795_645_800_000);
        assert_eq!(until_night(now), Duration::from_secs(4 * 3600 + 1800));
        assert_eq!(until_sunday_night(now), Duration::from_secs(3 * 86_400 + 5 * 3600 + 1800));
        // At the hour itself it is the next one.
        let night = Timestamp(now.0 + 4 * HOUR_MS + 1_800_000);
        assert_eq!(until_night(night), Duration::from_secs(86_400));
    }

    #[test]
    fn pauses_double_up_to_ten_minutes() {
        let seconds: Vec<u64> = [0, 1, 2, 9, 10, 11, i32::MAX].map(|attempts| pause(attempts).as_secs()).to_vec();
        assert_eq!(seconds, [2, 2, 4, 512, 600, 600, 600]);
    }
}

//! The job queue: what is still to be done, committed together with the change that asks for it.
//!
//! A job is a row that says which thing must be brought up to date, not what to do with it: whoever runs it looks at
//! the thing first, so that a job may run any number of times. There is at most one row per thing, hence two workers
//! never have the same document in hand.
//!
//! A run holds the row by a *claim* (random, new for each run) and a lease that it must keep extending. A process that
//! dies stops extending; seconds later another worker takes the row. A worker that was only asleep finds that its
//! claim no longer counts: everything a run writes names its claim. Leases are measured by the database's clock, which
//! is the only one that all replicas share. Asking for a job waits for the disk, as all that a person was told is kept;
//! taking and ending one does not (`synchronous_commit` off): what a crash loses of it is done once more. Why not a library: `docs/decisions/0002-job-queue.md`.
//!
//! To add a kind of job: a variant of [`JobKind`], the check constraint in a migration, its handler in `sync`.

use std::time::Duration;

use cjhirashi_domain::{Timestamp, Viewer, document::DocumentError, sync::IndexName};
use sqlx::PgConnection;

use crate::{
    BlobError, BlobKey, Blobs, Result, StorageError, Store,
    connect::from_db,
    notices::{Channel, Listener},
};

/// Embeddings that a round of housekeeping looks at: so many by one statement, so often.
const EMBEDDINGS_AT_ONCE: i64 = 5_000;
const EMBEDDING_PAGES: usize = 100;
/// Files that one query asks about.
const BLOBS_AT_ONCE: usize = 1_000;

/// What kind of work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Bring the newest version of a document into search.
    IndexDocument,
    /// Remove all that is left of a deleted document.
    DeleteDocument,
    /// Tell the vector index a document's new title, labels or owner.
    UpdateMetadata,
    /// Make the vector index agree with PostgreSQL about one document.
    RepairDocument,
    /// Compare all of PostgreSQL with the vector index, and ask for repairs.
    Reconcile,
    /// Fill the vector index that is being built, then let it answer.
    Reindex,
    /// Write all embeddings into a file, to come back from.
    ExportVectors,
    /// Remove what is no longer needed: sessions, events, files, embeddings.
    Housekeeping,
}

impl JobKind {
    /// The stored word, also in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IndexDocument => "index_document",
            Self::DeleteDocument => "delete_document",
            Self::UpdateMetadata => "update_metadata",
            Self::RepairDocument => "repair_document",
            Self::Reconcile => "reconcile",
            Self::Reindex => "reindex",
            Self::ExportVectors => "export_vectors",
            Self::Housekeeping => "housekeeping",
        }
    }

    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::IndexDocument,
        Self::DeleteDocument,
        Self::UpdateMetadata,
        Self::RepairDocument,
        Self::Reconcile,
        Self::Reindex,
        Self::ExportVectors,
        Self::Housekeeping,
    ];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether its key is a document's id.
    #[must_use]
    pub const fn is_of_a_document(self) -> bool {
        matches!(self, Self::IndexDocument | Self::DeleteDocument | Self::UpdateMetadata | Self::RepairDocument)
    }

    /// Whether it reads or writes the index that answers.
    #[must_use]
    pub const fn needs_the_index(self) -> bool {
        self.is_of_a_document() || matches!(self, Self::Reconcile)
    }

    /// Whether it comes back by itself: its row stays when a run has ended.
    #[must_use]
    pub const fn recurs(self) -> bool {
        matches!(self, Self::Housekeeping | Self::Reconcile | Self::ExportVectors)
    }
}

/// Which jobs a worker takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFilter {
    /// Of these kinds.
    pub kinds: Vec<JobKind>,
    /// Only those of documents of which the newest version has no file: whoever takes them needs no folder of files.
    pub without_file: bool,
}

impl JobFilter {
    /// Any job.
    #[must_use]
    pub fn all() -> Self {
        Self::of(JobKind::ALL)
    }

    /// Jobs of some kinds.
    #[must_use]
    pub fn of(kinds: impl Into<Vec<JobKind>>) -> Self {
        Self { kinds: kinds.into(), without_file: false }
    }

    /// Whether some jobs are left to others.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.without_file || JobKind::ALL.iter().any(|kind| !self.kinds.contains(kind))
    }
}

/// The right to write for a job; counts until the lease runs out and somebody else takes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    pub(crate) job: i64,
    pub(crate) token: String,
}

/// A job taken by this process.
#[derive(Debug, Clone)]
pub struct Job {
    /// The right to write for it.
    pub claim: Claim,
    /// What to do.
    pub kind: JobKind,
    /// With what: a document's id.
    pub key: String,
    /// Runs begun, this one included; also those whose process died.
    pub attempts: i32,
    pub(crate) revision: i32,
}

/// How a run that did not end well goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// How long to wait.
    pub after: Duration,
    /// Why; none when nothing was wrong, such as at a shutdown.
    pub error: Option<DocumentError>,
    /// Whether the run counts as an attempt. Being asked to wait is no failure.
    pub counted: bool,
}

/// A job that was given up.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadJob {
    /// Its number.
    pub id: i64,
    /// What was to be done.
    pub kind: JobKind,
    /// With what: a document's id.
    pub key: String,
    /// The document's title, where there is one.
    pub title: Option<String>,
    /// Runs begun.
    pub attempts: i32,
    /// Why the last one failed.
    pub error: Option<DocumentError>,
    /// When it was given up.
    pub at: Timestamp,
}

/// Wakes when somebody, in any process, asks for a job.
#[derive(Debug)]
pub struct JobListener(Listener);

impl JobListener {
    /// Waits for the next job; reconnects by itself.
    ///
    /// # Errors
    /// [`StorageError`] when the connection broke and could not be made again.
    pub async fn recv(&mut self) -> Result<()> {
        // Also when some may have been missed: whoever is woken looks.
        self.0.next().await?;
        Ok(())
    }
}

/// What one round of housekeeping removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Housekeeping {
    /// Sessions past their end.
    pub sessions: u64,
    /// Sign-in links past their end.
    pub sign_in_links: u64,
    /// Lines of the log that are older than a year.
    pub audit: u64,
    /// Events of runs that ended, a day after they were written: the answer itself is in its message.
    pub generation_events: u64,
    /// Files that no document refers to.
    pub blobs: u64,
    /// Embeddings of models that no index has any more.
    pub embeddings: u64,
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn error_json(error: Option<&DocumentError>) -> Option<serde_json::Value> {
    error.and_then(|error| serde_json::to_value(error).ok())
}

/// Asks for a job within the transaction of the change that needs it. A deletion replaces whatever else was asked for
/// the same document, and an indexing what it does anyway; nothing replaces a deletion.
pub(crate) async fn enqueue(connection: &mut PgConnection, kind: JobKind, key: &str) -> Result<()> {
    enqueue_all(connection, kind, &[key.to_owned()]).await
}

/// The same for any number of keys, each of them once, by one statement.
pub(crate) async fn enqueue_all(connection: &mut PgConnection, kind: JobKind, keys: &[String]) -> Result<()> {
    sqlx::query!(
        "WITH job AS (
            -- In one order, so that two that ask for the same never wait for each other.
            INSERT INTO jobs (kind, key) SELECT $1, key FROM unnest($2::text[]) key ORDER BY key
            ON CONFLICT ON CONSTRAINT jobs_key_key DO UPDATE SET
                kind = CASE
                    WHEN jobs.kind = 'delete_document' THEN jobs.kind
                    WHEN jobs.kind = 'index_document' AND excluded.kind <> 'delete_document' THEN jobs.kind
                    ELSE excluded.kind
                END,
                revision = jobs.revision + 1,
                created_at = now(),
                run_at = now(),
                attempts = CASE WHEN jobs.claim IS NULL THEN 0 ELSE jobs.attempts END,
                error = NULL,
                dead_at = NULL
            RETURNING id
        )
        SELECT pg_notify($3, '')::text WHERE EXISTS (SELECT FROM job)",
        kind.as_str(),
        keys,
        Channel::Jobs.name(),
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Listens for new jobs. Behind a pooler that shares sessions nothing is heard; workers therefore also look.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn listen_for_jobs(&self) -> Result<JobListener> {
        Ok(JobListener(self.notices.listen(Channel::Jobs).await?))
    }

    /// Makes sure that there is a job of a kind that [recurs](JobKind::recurs); the first time it is due after `first`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn schedule(&self, kind: JobKind, first: Duration) -> Result<()> {
        sqlx::query!(
            "INSERT INTO jobs (kind, key, run_at) VALUES ($1, $1, now() + $2 * interval '1 millisecond')
             ON CONFLICT ON CONSTRAINT jobs_key_key DO NOTHING",
            kind.as_str(),
            millis(first),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Asks for a job that is about no document, now.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn ask_for(&self, kind: JobKind) -> Result<()> {
        let mut connection = self.pool.acquire().await?;
        enqueue(&mut connection, kind, kind.as_str()).await
    }

    /// Starts every job again that was given up, as a start of a server may be what mends the reason; returns how
    /// many. What could never succeed is none of these: it ended, and its document says why.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn revive_dead_jobs(&self) -> Result<i64> {
        let revived = sqlx::query_scalar!(
            r#"WITH revived AS (
                UPDATE jobs SET dead_at = NULL, attempts = 0, run_at = now() WHERE dead_at IS NOT NULL
                RETURNING kind, key
            ), waiting AS (
                UPDATE documents d SET status = 'queued', stage = NULL, progress = 0, error = NULL, updated_at = now()
                FROM revived
                WHERE d.id = revived.key AND revived.kind = 'index_document' AND d.deleted_at IS NULL
            )
            SELECT count(*) AS "count!" FROM revived"#,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(revived)
    }

    /// Jobs that were given up, the newest first, with the titles of documents that the viewer may read. For admins.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_dead_jobs(&self, viewer: Option<&Viewer>, limit: i64) -> Result<Vec<DeadJob>> {
        let rows = sqlx::query!(
            r#"SELECT j.id, j.kind, j.key, d.title AS "title?", j.attempts, j.error, j.dead_at AS "dead_at!"
               FROM jobs j LEFT JOIN documents d
                   ON d.id = j.key AND d.deleted_at IS NULL AND (d.user_id IS NULL OR d.user_id = $2)
               WHERE j.dead_at IS NOT NULL ORDER BY j.dead_at DESC LIMIT $1"#,
            limit,
            viewer.map(|viewer| viewer.user_id.as_str()),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                Some(DeadJob {
                    id: row.id,
                    kind: JobKind::parse(&row.kind)?,
                    key: row.key,
                    title: row.title,
                    attempts: row.attempts,
                    error: row.error.and_then(|error| serde_json::from_value(error).ok()),
                    at: from_db(row.dead_at),
                })
            })
            .collect())
    }

    /// Starts one job again that was given up; `false` when there is none. For admins.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn replay_dead_job(&self, id: i64) -> Result<bool> {
        let replayed = sqlx::query_scalar!(
            r#"WITH replayed AS (
                UPDATE jobs SET dead_at = NULL, attempts = 0, run_at = now() WHERE id = $1 AND dead_at IS NOT NULL
                RETURNING kind, key
            ), waiting AS (
                UPDATE documents d SET status = 'queued', stage = NULL, progress = 0, error = NULL, updated_at = now()
                FROM replayed
                WHERE d.id = replayed.key AND replayed.kind = 'index_document' AND d.deleted_at IS NULL
                RETURNING d.id, d.version
            ), logged AS (
                INSERT INTO document_events (document_id, version, event) SELECT id, version, 'retried' FROM waiting
            ), told AS (
                SELECT pg_notify($2, '')::text FROM replayed
            )
            SELECT count(*) AS "count!" FROM told"#,
            id,
            Channel::Jobs.name(),
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(replayed > 0)
    }

    /// Takes at most `limit` jobs that are due, the longest waiting first, for `lease`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn claim_jobs(&self, limit: i64, lease: Duration) -> Result<Vec<Job>> {
        self.claim_jobs_of(&JobFilter::all(), None, limit, lease).await
    }

    /// Takes as [`Store::claim_jobs`] does, of some jobs only. Those that need the
    /// index that answers are left to others while that is another than the one this process writes into.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn claim_jobs_of(
        &self,
        which: &JobFilter,
        index: Option<&IndexName>,
        limit: i64,
        lease: Duration,
    ) -> Result<Vec<Job>> {
        let token = format!("{:032x}", self.random());
        let words = |kinds: &[JobKind]| kinds.iter().map(|kind| kind.as_str().to_owned()).collect::<Vec<_>>();
        let kinds = words(&which.kinds);
        let writing = words(&JobKind::ALL.into_iter().filter(|kind| kind.needs_the_index()).collect::<Vec<_>>());
        let rows = sqlx::query!(
            "WITH due AS (
                SELECT id FROM jobs
                WHERE dead_at IS NULL AND run_at <= now() AND (lease_until IS NULL OR lease_until < now())
                  AND kind = ANY($4) -- a newer version's are for newer workers
                  AND (NOT $5 OR (
                      SELECT v.blob_key IS NULL FROM document_versions v
                      WHERE v.document_id = jobs.key ORDER BY v.version DESC LIMIT 1
                  ))
                  AND ($6::text IS NULL OR NOT kind = ANY($8) OR NOT EXISTS (
                      SELECT FROM vector_indexes v WHERE v.state = 'active' AND (v.kind, v.model) <> ($6, $7)
                  ))
                  AND set_config('synchronous_commit', 'off', true) IS NOT NULL
                ORDER BY run_at, id
                LIMIT $1
                FOR UPDATE SKIP LOCKED
            )
            UPDATE jobs SET
                claim = $2, lease_until = now() + $3 * interval '1 millisecond', attempts = jobs.attempts + 1
            FROM due WHERE jobs.id = due.id
            RETURNING jobs.id, jobs.kind, jobs.key, jobs.attempts, jobs.revision",
            limit,
            token,
            millis(lease),
            &kinds,
            which.without_file,
            index.map(|index| index.kind.as_str()),
            index.map(|index| index.model.as_str()),
            &writing,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut jobs = Vec::with_capacity(rows.len());
        for row in rows {
            let kind = JobKind::parse(&row.kind)
                .ok_or_else(|| StorageError::corrupt("jobs", "kind", &row.id.to_string(), &row.kind))?;
            let claim = Claim { job: row.id, token: token.clone() };
            jobs.push(Job { claim, kind, key: row.key, attempts: row.attempts, revision: row.revision });
        }
        jobs.sort_by_key(|job| job.claim.job);
        Ok(jobs)
    }

    /// Extends the leases of claims; returns those that still count.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn extend_leases(&self, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>> {
        let jobs: Vec<i64> = claims.iter().map(|claim| claim.job).collect();
        let tokens: Vec<String> = claims.iter().map(|claim| claim.token.clone()).collect();
        let rows = sqlx::query!(
            r#"UPDATE jobs SET lease_until = now() + $3 * interval '1 millisecond'
               FROM UNNEST($1::bigint[], $2::text[]) AS held (id, claim)
               WHERE jobs.id = held.id AND jobs.claim = held.claim
                 AND set_config('synchronous_commit', 'off', true) IS NOT NULL
               RETURNING jobs.id, jobs.claim AS "claim!""#,
            &jobs,
            &tokens,
            millis(lease),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| Claim { job: row.id, token: row.claim }).collect())
    }

    /// Ends a run that did its work. If the work was asked for again meanwhile, the job stays and is due at once. If a run
    /// that indexed leaves a document of which the vector index has not heard the latest change, telling it is what the
    /// job does next: one row per document means that such a request was answered with the indexing alone. Returns whether
    /// the claim still counted.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn finish_job(&self, job: &Job) -> Result<bool> {
        let ended = sqlx::query_scalar!(
            r#"WITH stale AS (
                UPDATE jobs SET
                    kind = 'update_metadata', claim = NULL, lease_until = NULL, attempts = 0, error = NULL, run_at = now()
                FROM documents d
                WHERE jobs.id = $1 AND jobs.claim = $2 AND jobs.revision = $3 AND jobs.kind = 'index_document'
                  AND d.id = jobs.key AND d.acknowledged_at = 'infinity' AND d.version > 0 AND d.deleted_at IS NULL
                RETURNING jobs.id
            ), ended AS (
                DELETE FROM jobs WHERE id = $1 AND claim = $2 AND revision = $3 AND NOT EXISTS (SELECT FROM stale)
                  AND set_config('synchronous_commit', 'off', true) IS NOT NULL
                RETURNING id
            )
            SELECT EXISTS (SELECT FROM stale UNION ALL SELECT FROM ended) AS "ended!""#,
            job.claim.job,
            job.claim.token,
            job.revision,
        )
        .fetch_one(&self.pool)
        .await?;
        // A statement of its own: it sees the revision of a request that the first one had to wait for.
        Ok(ended || self.repeat_job(job, Duration::ZERO).await?)
    }

    /// Ends a run that did its work of a job that comes back after a while, as if it had never failed. If it was asked for
    /// again meanwhile, it is due at once. Returns whether the claim still counted.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn repeat_job(&self, job: &Job, after: Duration) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE jobs SET claim = NULL, lease_until = NULL, attempts = 0, error = NULL,
                run_at = CASE WHEN revision = $4 THEN now() + $3 * interval '1 millisecond' ELSE now() END
             WHERE id = $1 AND claim = $2",
            job.claim.job,
            job.claim.token,
            millis(after),
            job.revision,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Puts a job back for later. If it was asked for again meanwhile, it is due at once and begins anew. Returns
    /// whether the claim still counted.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn retry_job(&self, job: &Job, retry: &Retry) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE jobs SET
                claim = NULL,
                lease_until = NULL,
                error = CASE WHEN revision = $3 THEN $4::jsonb END,
                attempts = CASE WHEN revision <> $3 THEN 0 WHEN $5 THEN attempts ELSE greatest(attempts - 1, 0) END,
                run_at = CASE WHEN revision = $3 THEN now() + $6 * interval '1 millisecond' ELSE now() END
             WHERE id = $1 AND claim = $2",
            job.claim.job,
            job.claim.token,
            job.revision,
            error_json(retry.error.as_ref()),
            retry.counted,
            millis(retry.after),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Gives a job up: a dead letter that stays until a server starts or it is asked for again. If it was asked for
    /// again meanwhile, it is due at once instead. Returns whether it was given up.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn bury_job(&self, job: &Job, error: &DocumentError) -> Result<bool> {
        let row = sqlx::query!(
            r#"UPDATE jobs SET
                claim = NULL,
                lease_until = NULL,
                error = CASE WHEN revision = $3 THEN $4::jsonb END,
                attempts = CASE WHEN revision = $3 THEN attempts ELSE 0 END,
                run_at = now(),
                dead_at = CASE WHEN revision = $3 THEN now() END
             WHERE id = $1 AND claim = $2
             RETURNING dead_at IS NOT NULL AS "dead!""#,
            job.claim.job,
            job.claim.token,
            job.revision,
            error_json(Some(error)),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.is_some_and(|row| row.dead))
    }

    /// Removes what is no longer needed.
    ///
    /// # Errors
    /// [`StorageError`]; a file that cannot be removed is logged and tried again next time.
    pub async fn housekeep(&self, blobs: &Blobs) -> Result<Housekeeping> {
        let sessions = self.delete_expired_sessions().await?;
        let sign_in_links = self.delete_expired_sign_in_links().await?;
        let audit = self.delete_old_audit().await?;
        self.delete_expired_invitations().await?;
        self.delete_old_temporary_chats().await?;
        self.delete_unsent_images().await?;
        self.delete_old_mails().await?;
        let generation_events = self.delete_old_events().await?;
        let embeddings = self.remove_unneeded_embeddings(EMBEDDING_PAGES, EMBEDDINGS_AT_ONCE).await?;
        let mut removed = 0;
        match blobs.sweep(Duration::from_secs(86_400)).await {
            Ok(keys) => {
                for key in self.unused_blobs(&keys).await? {
                    match self.release_blob(blobs, &key).await {
                        Ok(gone) => removed += u64::from(gone),
                        Err(ReleaseError::Storage(error)) => return Err(error),
                        Err(ReleaseError::Blob(error)) => {
                            tracing::warn!(blob.key = key.as_str(), %error, "an unused file could not be removed");
                        }
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the folder of files could not be swept"),
        }
        Ok(Housekeeping { sessions, sign_in_links, audit, generation_events, blobs: removed, embeddings })
    }

    /// Those of these files that no document and no artifact refers to. [`Store::release_blob`] looks again.
    async fn unused_blobs(&self, keys: &[BlobKey]) -> Result<Vec<BlobKey>> {
        let mut unused = Vec::new();
        for some in keys.chunks(BLOBS_AT_ONCE) {
            let names: Vec<String> = some.iter().map(|key| key.as_str().to_owned()).collect();
            let found = sqlx::query_scalar!(
                r#"SELECT key AS "key!" FROM unnest($1::text[]) key
                   WHERE NOT EXISTS (SELECT FROM document_versions WHERE blob_key = key)
                       AND NOT EXISTS (SELECT FROM artifact_versions WHERE blob_url = 'file:' || key)"#,
                &names,
            )
            .fetch_all(&self.pool)
            .await?;
            unused.extend(found.iter().filter_map(|key| BlobKey::parse(key)));
        }
        Ok(unused)
    }

    /// Removes a file unless a document or an artifact refers to it; returns whether it is gone.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn release_blob(&self, blobs: &Blobs, key: &BlobKey) -> Result<bool, ReleaseError> {
        let mut tx = self.pool.begin().await.map_err(StorageError::from)?;
        lock_blob(&mut tx, key).await?;
        let used = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM document_versions WHERE blob_key = $1)
                   OR EXISTS (SELECT FROM artifact_versions WHERE blob_url = 'file:' || $1) AS "used!""#,
            key.as_str()
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(StorageError::from)?;
        if !used {
            blobs.remove(key).await?;
        }
        tx.commit().await.map_err(StorageError::from)?;
        Ok(!used)
    }
}

/// A file could not be released.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The disk.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// Holds a blob until the end of the transaction: nobody publishes or removes it meanwhile.
pub(crate) async fn lock_blob(connection: &mut PgConnection, key: &BlobKey) -> Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 7221))::text", key.as_str())
        .fetch_one(connection)
        .await?;
    Ok(())
}

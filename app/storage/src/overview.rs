//! How the work on documents stands: for administrators, metrics and the doctor.

use std::time::Duration;

use cjhirashi_domain::document::{DocumentError, DocumentStatus};

use crate::{JobKind, Result, Store};

/// Jobs of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobsOfKind {
    /// Which.
    pub kind: JobKind,
    /// Due, or waiting to be tried again. Jobs that come back by themselves count only once they are due.
    pub waiting: i64,
    /// Being run.
    pub running: i64,
    /// Given up.
    pub dead: i64,
    /// For how long the oldest of those that are due has been waiting for somebody to take it.
    pub oldest: Option<Duration>,
}

impl Store {
    /// Jobs by kind; kinds without any are left out.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError).
    pub async fn count_jobs_by_kind(&self) -> Result<Vec<JobsOfKind>> {
        let rows = sqlx::query!(
            r#"SELECT kind,
                count(*) FILTER (WHERE claim IS NULL AND dead_at IS NULL) AS "waiting!",
                count(*) FILTER (WHERE claim IS NOT NULL) AS "running!",
                count(*) FILTER (WHERE dead_at IS NOT NULL) AS "dead!",
                extract(epoch FROM now() - min(run_at) FILTER (
                    WHERE claim IS NULL AND dead_at IS NULL AND run_at <= now()))::float8 AS oldest
               FROM jobs
               WHERE kind NOT IN ('housekeeping', 'reconcile', 'export_vectors') OR run_at <= now() OR claim IS NOT NULL
               GROUP BY kind ORDER BY kind"#,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                Some(JobsOfKind {
                    kind: JobKind::parse(&row.kind)?,
                    waiting: row.waiting,
                    running: row.running,
                    dead: row.dead,
                    oldest: row.oldest.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
                })
            })
            .collect())
    }

    /// Why a job waits that is of no document, if it failed last.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError).
    pub async fn waits_for(&self, kind: JobKind) -> Result<Option<DocumentError>> {
        let error = sqlx::query_scalar!(
            "SELECT error FROM jobs WHERE key = $1 AND kind = $1 AND claim IS NULL AND dead_at IS NULL",
            kind.as_str()
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(error.flatten().and_then(|error| serde_json::from_value(error).ok()))
    }

    /// From the commit of a document until the index acknowledged it, over the versions indexed within the last day: the
    /// median and the 95th percentile; `None` when there were none.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError).
    pub async fn sync_lag(&self) -> Result<Option<(Duration, Duration)>> {
        let row = sqlx::query!(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY lag) AS p50,
                    percentile_cont(0.95) WITHIN GROUP (ORDER BY lag) AS p95
             FROM (
                SELECT extract(epoch FROM min(i.at) - min(a.at))::float8 AS lag
                FROM document_events i JOIN document_events a USING (document_id, version)
                WHERE i.event = 'indexed' AND a.event = 'added' AND i.at > now() - interval '1 day'
                GROUP BY document_id, version
             ) lags"
        )
        .fetch_one(&self.pool)
        .await?;
        let duration = |seconds: Option<f64>| Duration::try_from_secs_f64(seconds?.max(0.0)).ok();
        Ok(duration(row.p50).zip(duration(row.p95)))
    }

    /// Documents of everybody by status, those that are deleted left out; and how many wait to be adopted.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError).
    pub async fn count_documents_by_status(&self) -> Result<(Vec<(DocumentStatus, i64)>, i64)> {
        let rows = sqlx::query!(
            r#"SELECT status, adopted, count(*) AS "count!" FROM documents WHERE deleted_at IS NULL
               GROUP BY status, adopted"#,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut counts: Vec<(DocumentStatus, i64)> =
            DocumentStatus::ALL.into_iter().map(|status| (status, 0)).collect();
        let mut adopted = 0;
        for row in rows {
            if row.adopted {
                adopted += row.count;
            } else if let Some((_, count)) = counts.iter_mut().find(|(status, _)| status.as_str() == row.status) {
                *count += row.count;
            }
        }
        Ok((counts, adopted))
    }
}

//! What people do with a document that is there: change, delete, try again, stop; and its log.

use cjhirashi_domain::{
    Viewer,
    access::Visibility,
    audit::Action,
    document::DocumentError,
    id::DocumentId,
    sync::{DocumentEvent, DocumentEventKind},
};

use crate::{
    BlobKey, JobKind, Result, Store, adoption,
    connect::{from_db, to_db},
    jobs,
};

/// What is to be changed of a document; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct DocumentChange<'a> {
    /// Its title.
    pub title: Option<&'a str>,
    /// Its labels, all of them.
    pub tags: Option<&'a [String]>,
    /// Its own keys, all of them, a JSON object.
    pub metadata: Option<&'a serde_json::Value>,
    /// Whose it is.
    pub visibility: Option<&'a Visibility>,
}

impl DocumentChange<'_> {
    /// What the document's log says of it.
    fn events(&self) -> Vec<&'static str> {
        let shared = match self.visibility {
            Some(Visibility::Public) => Some(DocumentEventKind::Shared),
            Some(Visibility::Private(_)) => Some(DocumentEventKind::Unshared),
            None => None,
        };
        let renamed = self.title.map(|_| DocumentEventKind::Renamed);
        let changed = (self.tags.is_some() || self.metadata.is_some()).then_some(DocumentEventKind::Changed);
        [renamed, changed, shared].into_iter().flatten().map(DocumentEventKind::as_str).collect()
    }
}

impl Store {
    /// Deletes a document: from the commit on it is in no list, search or answer; a job removes the rest. `false` when
    /// there is none that the viewer may change.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn delete_document(&self, viewer: &Viewer, id: &DocumentId) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query!(
            "WITH deleted AS (
                UPDATE documents SET deleted_at = $4, updated_at = $4
                WHERE id = $2 AND deleted_at IS NULL AND (user_id = $1 OR (user_id IS NULL AND $3))
                RETURNING id
            )
            INSERT INTO audit_log (at, actor, action, subject) SELECT $4, $1, $5, id FROM deleted",
            viewer.user_id.as_str(),
            id.as_str(),
            viewer.is_admin(),
            to_db(self.now()),
            Action::DocumentDeleted.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        adoption::note_deletion(&mut tx, id).await?;
        jobs::enqueue(&mut tx, JobKind::DeleteDocument, id.as_str()).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Tries a document again that failed, or that waits after a failure; `false` when there is none that the viewer may
    /// change, or nothing failed.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn retry_document(&self, viewer: &Viewer, id: &DocumentId) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query!(
            "WITH retried AS (
                UPDATE documents SET status = 'queued', stage = NULL, progress = 0, error = NULL, updated_at = $4
                WHERE id = $2 AND deleted_at IS NULL AND NOT adopted
                  AND (status = 'failed' OR (status = 'queued' AND error IS NOT NULL))
                  AND (user_id = $1 OR (user_id IS NULL AND $3))
                RETURNING id, version
            )
            INSERT INTO document_events (document_id, version, event, at) SELECT id, version, 'retried', $4 FROM retried",
            viewer.user_id.as_str(),
            id.as_str(),
            viewer.is_admin(),
            to_db(self.now()),
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        jobs::enqueue(&mut tx, JobKind::IndexDocument, id.as_str()).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Tries every failed document again that the viewer may change; how many.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn retry_all_documents(&self, viewer: &Viewer, everybodys: bool) -> Result<u64> {
        let mut tx = self.pool.begin().await?;
        let ids = sqlx::query_scalar!(
            "WITH retried AS (
                UPDATE documents SET status = 'queued', stage = NULL, progress = 0, error = NULL, updated_at = $3
                WHERE deleted_at IS NULL AND status = 'failed' AND NOT adopted
                  AND ($4 OR user_id = $1 OR (user_id IS NULL AND $2))
                RETURNING id, version
            ), logged AS (
                INSERT INTO document_events (document_id, version, event, at) SELECT id, version, 'retried', $3 FROM retried
            )
            SELECT id FROM retried",
            viewer.user_id.as_str(),
            viewer.is_admin(),
            to_db(self.now()),
            everybodys && viewer.is_admin(),
        )
        .fetch_all(&mut *tx)
        .await?;
        jobs::enqueue_all(&mut tx, JobKind::IndexDocument, &ids).await?;
        tx.commit().await?;
        Ok(ids.len() as u64)
    }

    /// Changes what is known of a document; `false` when there is none that the viewer may change, or nothing to change.
    /// Searches read all of it from here, so the change counts at once; a job tells the vector index. Until that has
    /// acknowledged the change, `acknowledged_at` is infinite: whoever may read the document by now finds it although the
    /// index would not show it, and no run of another kind that takes the job's place can forget it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn change_document(&self, viewer: &Viewer, id: &DocumentId, change: &DocumentChange<'_>) -> Result<bool> {
        let owner = change.visibility.map(|visibility| match visibility {
            Visibility::Private(owner) => Some(owner.as_str()),
            Visibility::Public => None,
        });
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query!(
            "WITH changed AS (
                UPDATE documents SET
                    title = coalesce($4, title),
                    tags = coalesce($5, tags),
                    metadata = coalesce($9, metadata),
                    user_id = CASE WHEN $6 THEN $7 ELSE user_id END,
                    acknowledged_at = 'infinity',
                    acknowledged_position = NULL,
                    updated_at = $8
                WHERE id = $2 AND deleted_at IS NULL AND (user_id = $1 OR (user_id IS NULL AND $3))
                RETURNING id, version
            )
            INSERT INTO document_events (document_id, version, event, at)
            SELECT id, version, event, $8 FROM changed, unnest($10::text[]) WITH ORDINALITY AS told (event, place)
            ORDER BY place",
            viewer.user_id.as_str(),
            id.as_str(),
            viewer.is_admin(),
            change.title,
            change.tags,
            owner.is_some(),
            owner.flatten(),
            to_db(self.now()),
            change.metadata,
            &change.events() as &[&str],
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        jobs::enqueue(&mut tx, JobKind::UpdateMetadata, id.as_str()).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// A document's own keys, if the viewer may read the document and it has some.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn document_metadata(&self, viewer: &Viewer, id: &DocumentId) -> Result<Option<serde_json::Value>> {
        let metadata = sqlx::query_scalar!(
            "SELECT metadata FROM documents
             WHERE id = $1 AND deleted_at IS NULL AND (user_id = $2 OR user_id IS NULL)",
            id.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(metadata.flatten())
    }

    /// Ends the attempts to index a document of which nothing answers yet: it is shown as failed until it is tried again.
    /// `false` when there is none in work that the viewer may change.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn cancel_document(&self, viewer: &Viewer, id: &DocumentId, error: &DocumentError) -> Result<bool> {
        // The job's row goes, so the run in hand finds at its next write that its claim no longer counts.
        let done = sqlx::query!(
            "WITH cancelled AS (
                UPDATE documents SET status = 'failed', stage = NULL, error = $5, updated_at = $4
                WHERE id = $2 AND deleted_at IS NULL AND status IN ('queued', 'processing') AND version = 0
                  AND (user_id = $1 OR (user_id IS NULL AND $3))
                RETURNING id
            ), dropped AS (
                DELETE FROM jobs USING cancelled WHERE jobs.key = cancelled.id AND jobs.kind = 'index_document'
            )
            INSERT INTO document_events (document_id, version, event, at)
            SELECT c.id, coalesce((SELECT max(v.version) FROM document_versions v WHERE v.document_id = c.id), 1),
                'cancelled', $4
            FROM cancelled c",
            viewer.user_id.as_str(),
            id.as_str(),
            viewer.is_admin(),
            to_db(self.now()),
            serde_json::to_value(error).unwrap_or_default(),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Takes back the versions of a document that do not answer yet, in work or given up: the document is again what it
    /// was before they came. Their files, for [`Store::release_blob`]; `None` when there is no such version of a document
    /// that the viewer may change.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn discard_new_versions(&self, viewer: &Viewer, id: &DocumentId) -> Result<Option<Vec<BlobKey>>> {
        let mut tx = self.pool.begin().await?;
        let rows = sqlx::query!(
            r#"WITH discarded AS (
                UPDATE documents SET status = 'indexed', stage = NULL, progress = 1, error = NULL, updated_at = $4
                WHERE id = $2 AND deleted_at IS NULL AND version > 0 AND status <> 'indexed'
                  AND (user_id = $1 OR (user_id IS NULL AND $3))
                  AND EXISTS (SELECT FROM document_versions v WHERE v.document_id = documents.id AND v.version > documents.version)
                RETURNING id, version, acknowledged_at
            ), dropped AS (
                -- So the run in hand finds at its next write that its claim no longer counts.
                DELETE FROM jobs USING discarded WHERE jobs.key = discarded.id AND jobs.kind = 'index_document'
            ), texts AS (
                DELETE FROM chunks c USING discarded d WHERE c.document_id = d.id AND c.version > d.version
            ), versions AS (
                DELETE FROM document_versions v USING discarded d WHERE v.document_id = d.id AND v.version > d.version
                RETURNING v.version, v.blob_key, d.acknowledged_at
            ), logged AS (
                INSERT INTO document_events (document_id, version, event, at)
                SELECT $2, version, 'discarded', $4 FROM versions
            )
            SELECT blob_key, coalesce(acknowledged_at = 'infinity', false) AS "stale!" FROM versions"#,
            viewer.user_id.as_str(),
            id.as_str(),
            viewer.is_admin(),
            to_db(self.now()),
        )
        .fetch_all(&mut *tx)
        .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        // The index has yet to hear of a change, or may hold vectors of what was taken back.
        let kind = if row.stale { JobKind::UpdateMetadata } else { JobKind::RepairDocument };
        jobs::enqueue(&mut tx, kind, id.as_str()).await?;
        tx.commit().await?;
        Ok(Some(rows.iter().filter_map(|row| BlobKey::parse(row.blob_key.as_deref()?)).collect()))
    }

    /// A document's log, newest first, if the viewer may read the document.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_document_events(
        &self,
        viewer: &Viewer,
        id: &DocumentId,
        limit: i64,
    ) -> Result<Vec<DocumentEvent>> {
        let rows = sqlx::query!(
            "SELECT e.version, e.event, e.attempt, e.error, e.at
             FROM document_events e JOIN documents d ON d.id = e.document_id
             WHERE d.id = $2 AND d.deleted_at IS NULL AND (d.user_id = $1 OR d.user_id IS NULL)
             ORDER BY e.id DESC LIMIT $3",
            viewer.user_id.as_str(),
            id.as_str(),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        // A newer version of the program may have written words that we do not know.
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                Some(DocumentEvent {
                    version: row.version,
                    event: DocumentEventKind::parse(&row.event)?,
                    attempt: row.attempt,
                    error: row.error.and_then(|error| serde_json::from_value(error).ok()),
                    at: from_db(row.at),
                })
            })
            .collect())
    }
}

//! What PostgreSQL says an index should hold, for comparing and repairing; and what comparing found.

use cjhirashi_domain::{
    Timestamp,
    access::Visibility,
    document::Source,
    id::{DocumentId, UserId},
    sync::{DocumentEventKind, IndexKind, IndexName, Reconciliation, ReconciliationReport},
};

use crate::{
    ChunkPlace, Claim, Held, Job, Result, StorageError, Store, chunks::decode_embedding, connect::from_db,
    notices::Channel,
};

/// Reports that are kept.
const KEPT_REPORTS: i64 = 200;

/// A document that answers, with the places of its embedded chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweringDocument {
    /// The document.
    pub id: DocumentId,
    /// The version that answers.
    pub version: i32,
    /// Its chunks, in order.
    pub seqs: Vec<i32>,
    /// A job is at work on it, or waits to be.
    pub in_work: bool,
    /// The index has not acknowledged all of its chunks, or the latest change of its title, labels or owner.
    pub stale: bool,
}

/// Which version of a document answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweringVersion {
    /// Its number; 0 for none.
    pub version: i32,
    /// The index has not heard of the document's latest change of title, labels or owner.
    pub stale: bool,
}

/// What a repair wrote into the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// The position of the index's log after which its queries see it, where it tells one.
    pub position: Option<i64>,
}

/// An answering chunk with all that an index may keep of it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRecord {
    /// Where it stands.
    pub place: ChunkPlace,
    /// Its number.
    pub ordinal: i64,
    /// Its embedding.
    pub values: Vec<f32>,
    /// Its text.
    pub text: String,
    /// Its language.
    pub language: Option<String>,
    /// Whose its document is.
    pub visibility: Visibility,
    /// The document's title.
    pub title: String,
    /// How the document came.
    pub source: Source,
    /// From where.
    pub source_url: Option<String>,
    /// The document's labels.
    pub tags: Vec<String>,
    /// The document's own keys, as they were given.
    pub metadata: Option<serde_json::Value>,
    /// When the document came.
    pub created_at: Timestamp,
}

/// How repairs that were asked for stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repairs {
    /// Not done yet.
    pub waiting: i64,
    /// Given up.
    pub dead: i64,
}

impl Store {
    /// Documents that answer, in the order of their ids by bytes, after one.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_answering_documents(
        &self,
        after: Option<&DocumentId>,
        limit: i64,
    ) -> Result<Vec<AnsweringDocument>> {
        let rows = sqlx::query!(
            r#"SELECT d.id, d.version, EXISTS (SELECT FROM jobs j WHERE j.key = d.id AND j.dead_at IS NULL) AS "in_work!",
                coalesce(d.acknowledged_at = 'infinity', false) OR EXISTS (
                    SELECT FROM chunks c WHERE c.document_id = d.id AND c.version = d.version AND c.indexed_at IS NULL
                ) AS "stale!",
                array(
                    SELECT c.seq FROM chunks c
                    WHERE c.document_id = d.id AND c.version = d.version ORDER BY c.seq
                ) AS "seqs!"
               FROM documents d
               WHERE d.deleted_at IS NULL AND d.version > 0 AND d.id COLLATE "C" > $1
               ORDER BY d.id COLLATE "C" LIMIT $2"#,
            after.map_or("", DocumentId::as_str),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let id = DocumentId::parse(row.id.clone())
                    .map_err(|_| StorageError::corrupt("documents", "id", &row.id, &row.id))?;
                Ok(AnsweringDocument {
                    id,
                    version: row.version,
                    seqs: row.seqs,
                    in_work: row.in_work,
                    stale: row.stale,
                })
            })
            .collect()
    }

    /// The places of all chunks of a document, of every version, also when the document is deleted.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_chunk_places(&self, document: &DocumentId) -> Result<Vec<ChunkPlace>> {
        let rows = sqlx::query!("SELECT version, seq FROM chunks WHERE document_id = $1", document.as_str())
            .fetch_all(&self.pool)
            .await?;
        let place = |version, seq| ChunkPlace { document_id: document.clone(), version, seq };
        Ok(rows.into_iter().map(|row| place(row.version, row.seq)).collect())
    }

    /// Answering chunks with all that an index may keep of them, in the order of their ordinals, after one: of one
    /// document, or of all. Whoever's they are: for filling an index only.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_answering_records(
        &self,
        document: Option<&DocumentId>,
        model: &str,
        after_ordinal: i64,
        limit: i64,
    ) -> Result<Vec<StoredRecord>> {
        let rows = sqlx::query!(
            "SELECT c.document_id, c.version, c.seq, c.ordinal, c.text, c.language, e.embedding,
                d.user_id, d.title, d.source, d.source_url, d.tags, d.metadata, d.created_at
             FROM chunks c JOIN documents d ON d.id = c.document_id
             JOIN embeddings e ON e.ordinal = c.ordinal AND e.model = $1
             WHERE c.ordinal > $2 AND d.deleted_at IS NULL AND d.version = c.version
               AND ($3::text IS NULL OR c.document_id = $3)
             ORDER BY c.ordinal LIMIT $4",
            model,
            after_ordinal,
            document.map(DocumentId::as_str),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let corrupt = |column, value: &str| StorageError::corrupt("documents", column, &row.document_id, value);
                let document_id =
                    DocumentId::parse(row.document_id.clone()).map_err(|_| corrupt("id", &row.document_id))?;
                let visibility = match &row.user_id {
                    None => Visibility::Public,
                    Some(id) => Visibility::Private(UserId::parse(id.clone()).map_err(|_| corrupt("user_id", id))?),
                };
                Ok(StoredRecord {
                    place: ChunkPlace { document_id, version: row.version, seq: row.seq },
                    ordinal: row.ordinal,
                    values: decode_embedding(&row.embedding),
                    text: row.text,
                    language: row.language,
                    visibility,
                    source: Source::parse(&row.source).ok_or_else(|| corrupt("source", &row.source))?,
                    title: row.title,
                    source_url: row.source_url,
                    tags: row.tags,
                    metadata: row.metadata,
                    created_at: from_db(row.created_at),
                })
            })
            .collect()
    }

    /// The version of a document that answers, while a job's claim on it counts: also when the document is gone, since
    /// then nothing may be left of it in an index. `None` when the claim no longer counts.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn answering_version(&self, claim: &Claim, document: &DocumentId) -> Result<Option<AnsweringVersion>> {
        let row = sqlx::query_as!(
            AnsweringVersion,
            r#"SELECT coalesce(d.version, 0) AS "version!", coalesce(d.acknowledged_at = 'infinity', false) AS "stale!"
               FROM jobs j LEFT JOIN documents d ON d.id = j.key AND d.deleted_at IS NULL
               WHERE j.id = $1 AND j.claim = $2 AND j.key = $3"#,
            claim.job,
            claim.token,
            document.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row)
    }

    /// Notes that the vector index has acknowledged all of what answers, after a repair or a change: what was written for
    /// it, `None` for nothing. It does not when the document was asked for again meanwhile: the run may have read what
    /// has changed since, and the job comes at once.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn note_repaired(
        &self,
        job: &Job,
        document: &DocumentId,
        version: i32,
        written: Option<Acknowledged>,
        event: Option<DocumentEventKind>,
    ) -> Result<Held> {
        let done = sqlx::query_scalar!(
            r#"WITH held AS (
                UPDATE documents d SET
                    acknowledged_at =
                        CASE WHEN $8 OR d.acknowledged_at = 'infinity' THEN now() ELSE d.acknowledged_at END,
                    acknowledged_position =
                        CASE WHEN $8 OR d.acknowledged_at = 'infinity' THEN $5::bigint ELSE d.acknowledged_position END
                FROM jobs j
                WHERE j.id = $1 AND j.claim = $2 AND j.revision = $7 AND j.key = d.id AND d.id = $3 AND d.version = $4
                  AND d.deleted_at IS NULL
                RETURNING d.id, j.attempts
            ), acknowledged AS (
                UPDATE chunks c SET indexed_at = now()
                FROM held WHERE c.document_id = held.id AND c.version = $4 AND c.indexed_at IS NULL
            ), logged AS (
                INSERT INTO document_events (document_id, version, event, attempt)
                SELECT id, $4, $6, attempts FROM held WHERE $6::text IS NOT NULL
            )
            SELECT EXISTS (SELECT FROM held) AS "held!""#,
            job.claim.job,
            job.claim.token,
            document.as_str(),
            version,
            written.and_then(|written| written.position),
            event.map(DocumentEventKind::as_str),
            job.revision,
            written.is_some(),
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(if done { Held::Yes } else { Held::No })
    }

    /// Asks for the repair of documents that no job is at work on, or for the job that was given up on one, which does
    /// at least as much; returns for which it asked.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn ask_for_repairs(&self, documents: &[DocumentId]) -> Result<Vec<String>> {
        let ids: Vec<String> = documents.iter().map(|id| id.as_str().to_owned()).collect();
        let asked = sqlx::query_scalar!(
            r#"WITH asked AS (
                INSERT INTO jobs (kind, key) SELECT 'repair_document', id FROM unnest($1::text[]) id
                ON CONFLICT ON CONSTRAINT jobs_key_key DO UPDATE SET dead_at = NULL, attempts = 0, run_at = now()
                    WHERE jobs.dead_at IS NOT NULL
                RETURNING key
            ), told AS (
                SELECT pg_notify($2, '')::text WHERE EXISTS (SELECT FROM asked)
            )
            SELECT key AS "key!" FROM asked LEFT JOIN told ON true"#,
            &ids,
            Channel::Jobs.name(),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(asked)
    }

    /// Those of these documents that a job is at work on, or waits to be.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn documents_in_work(&self, documents: &[DocumentId]) -> Result<Vec<String>> {
        let ids: Vec<String> = documents.iter().map(|id| id.as_str().to_owned()).collect();
        Ok(sqlx::query_scalar!("SELECT key FROM jobs WHERE key = ANY($1) AND dead_at IS NULL", &ids)
            .fetch_all(&self.pool)
            .await?)
    }

    /// How the repairs of these documents stand.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn count_repairs(&self, documents: &[String]) -> Result<Repairs> {
        let row = sqlx::query!(
            r#"SELECT count(*) FILTER (WHERE dead_at IS NULL) AS "waiting!",
                      count(*) FILTER (WHERE dead_at IS NOT NULL) AS "dead!"
               FROM jobs WHERE key = ANY($1) AND kind = 'repair_document'"#,
            documents,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Repairs { waiting: row.waiting, dead: row.dead })
    }

    /// Notes that a comparison begins; its number.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn begin_reconciliation(&self, index: &IndexName, dry_run: bool) -> Result<i64> {
        let id = sqlx::query_scalar!(
            r#"WITH old AS (
                DELETE FROM reconciliations WHERE id <= (SELECT max(id) - $4 FROM reconciliations)
            )
            INSERT INTO reconciliations (kind, model, dry_run) VALUES ($1, $2, $3) RETURNING id"#,
            index.kind.as_str(),
            index.model,
            dry_run,
            KEPT_REPORTS,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(id)
    }

    /// Keeps what a comparison found.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn finish_reconciliation(&self, id: i64, report: &ReconciliationReport) -> Result<()> {
        sqlx::query!(
            "UPDATE reconciliations SET ended_at = now(), report = $2 WHERE id = $1",
            id,
            serde_json::to_value(report).unwrap_or_default(),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Comparisons that were made, the newest first.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_reconciliations(&self, limit: i64) -> Result<Vec<Reconciliation>> {
        let rows = sqlx::query!(
            "SELECT id, kind, model, dry_run, started_at, ended_at, report FROM reconciliations ORDER BY id DESC LIMIT $1",
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                Some(Reconciliation {
                    id: row.id,
                    index: IndexName { kind: IndexKind::parse(&row.kind)?, model: row.model },
                    dry_run: row.dry_run,
                    started_at: from_db(row.started_at),
                    ended_at: row.ended_at.map(from_db),
                    report: row.report.and_then(|report| serde_json::from_value(report).ok()),
                })
            })
            .collect())
    }
}

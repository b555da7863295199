//! Chunks: what indexing writes, step by step. Every write names the claim of the run that makes it and does nothing
//! once that claim no longer counts or the document is gone; every step can be repeated.
//!
//! A statement that had to wait for the document's row sees the row as it is by then, and everything else as it was when
//! the statement began. So those that say how a document stands lock its job too, after it, as whoever changes a document
//! does: a run that a person stopped meanwhile finds the job gone.
//!
//! Because they can, these writes do not wait for the disk (`synchronous_commit` off, for their own transaction): a
//! crash of PostgreSQL may lose the last moments of a run, in order, and the run is repeated from there. What a person
//! was told is kept (an upload, a deletion) is written elsewhere, and waits.

use std::time::Duration;

use cjhirashi_domain::{
    Timestamp,
    access::Visibility,
    document::{DocumentError, Source},
    id::{ChunkId, DocumentId, MailId, UserId},
};
use half::f16;

use crate::{BlobKey, Claim, Job, MailKind, Result, StorageError, Store, connect::from_db, mails::SLOW_DOCUMENT};

/// The newest version of a document, on its way into search.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexTask {
    /// The document.
    pub document_id: DocumentId,
    /// The version to bring in; 0 when there is none (a document of the ADR's application).
    pub version: i32,
    /// The version that answers now; 0 for none.
    pub current_version: i32,
    /// Whose it is.
    pub visibility: Visibility,
    /// Its title.
    pub title: String,
    /// How it came.
    pub source: Source,
    /// From where, for pages.
    pub source_url: Option<String>,
    /// Its labels.
    pub tags: Vec<String>,
    /// Its own keys, as they were given.
    pub metadata: Option<serde_json::Value>,
    /// When it came.
    pub created_at: Timestamp,
    /// The file.
    pub blob: Option<BlobKey>,
    /// The file's name, where it has one.
    pub file_name: Option<String>,
    /// The file's media type, as recognised.
    pub mime_type: String,
    /// Whether its text and all of its chunks are stored already.
    pub extracted: bool,
    /// Whether chunks of this version are stored, all or some.
    pub has_chunks: bool,
}

/// A chunk to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChunk {
    /// Its place, from 0.
    pub seq: i32,
    /// Its text.
    pub text: String,
    /// First character in the document's text.
    pub start: i32,
    /// One after its last.
    pub end: i32,
    /// Its page, from 1, for paged documents.
    pub page: Option<i32>,
    /// Its language, ISO 639-1.
    pub language: Option<String>,
    /// SHA-256 of its text.
    pub hash: [u8; 32],
}

/// A chunk without an embedding of the current model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnembeddedChunk {
    /// Its number.
    pub ordinal: i64,
    /// Its place, from 0.
    pub seq: i32,
    /// Its text.
    pub text: String,
    /// Its language.
    pub language: Option<String>,
}

/// A chunk that the vector index has not acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct UnindexedChunk {
    /// Its number.
    pub ordinal: i64,
    /// Its place, from 0.
    pub seq: i32,
    /// Its text.
    pub text: String,
    /// Its language.
    pub language: Option<String>,
    /// Its embedding.
    pub values: Vec<f32>,
}

/// Whether a run may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Held {
    /// The write was made.
    Yes,
    /// The claim no longer counts or the document was deleted: nothing was written, and nothing more may be.
    No,
}

impl Held {
    fn of(rows: u64) -> Self {
        if rows > 0 { Self::Yes } else { Self::No }
    }
}

/// A vector in half precision, little endian, as it is stored.
#[must_use]
pub fn encode_embedding(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect()
}

/// Reads [`encode_embedding`]'s bytes.
#[must_use]
pub fn decode_embedding(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]]).to_f32()).collect()
}

impl Store {
    /// Begins a run: says so on the document, and what there is to do. `None` when the document is gone or the claim
    /// no longer counts.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn begin_indexing(&self, claim: &Claim, document: &DocumentId) -> Result<Option<IndexTask>> {
        let row = sqlx::query!(
            r#"WITH newest AS (
                SELECT version, blob_key, file_name, mime_type, text IS NOT NULL AS extracted
                FROM document_versions WHERE document_id = $1 ORDER BY version DESC LIMIT 1
            ), begun AS (
                UPDATE documents d SET
                    status = 'processing',
                    stage = CASE WHEN (SELECT extracted FROM newest) THEN 'embedding' ELSE 'extracting' END,
                    progress = 0,
                    error = NULL,
                    -- Of what it does not hold yet the index is told as it is read here.
                    acknowledged_at = CASE
                        WHEN d.version = 0 AND NOT EXISTS (
                            SELECT FROM chunks c WHERE c.document_id = d.id AND c.indexed_at IS NOT NULL
                        ) THEN NULL
                        ELSE d.acknowledged_at
                    END,
                    updated_at = now()
                FROM (
                    SELECT d.id, j.attempts FROM documents d JOIN jobs j ON j.key = d.id
                    WHERE d.id = $1 AND d.deleted_at IS NULL AND NOT d.adopted AND j.id = $2 AND j.claim = $3
                    FOR NO KEY UPDATE OF d FOR SHARE OF j
                ) j
                WHERE d.id = j.id
                  AND set_config('synchronous_commit', 'off', true) IS NOT NULL
                RETURNING d.id, d.user_id, d.title, d.source, d.source_url, d.tags, d.metadata, d.created_at, d.version,
                    j.attempts
            ), logged AS (
                INSERT INTO document_events (document_id, version, event, attempt)
                SELECT b.id, n.version, 'started', b.attempts FROM begun b, newest n
                -- A run after one that failed tells nothing until it ends in another way.
                WHERE 'waiting' IS DISTINCT FROM (
                    SELECT e.event FROM document_events e WHERE e.document_id = b.id ORDER BY e.id DESC LIMIT 1)
            )
            SELECT b.id, b.user_id, b.title, b.source, b.source_url, b.tags, b.metadata, b.created_at,
                b.version AS current_version,
                n.version AS "version?", n.blob_key AS "blob_key?", n.file_name AS "file_name?",
                n.mime_type AS "mime_type?", n.extracted AS "extracted?",
                EXISTS (SELECT 1 FROM chunks c WHERE c.document_id = b.id AND c.version = n.version) AS "has_chunks!"
            FROM begun b LEFT JOIN newest n ON true"#,
            document.as_str(),
            claim.job,
            claim.token,
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let visibility = match row.user_id {
            None => Visibility::Public,
            Some(id) => Visibility::Private(
                UserId::parse(id.clone()).map_err(|_| StorageError::corrupt("documents", "user_id", &row.id, &id))?,
            ),
        };
        let source = Source::parse(&row.source)
            .ok_or_else(|| StorageError::corrupt("documents", "source", &row.id, &row.source))?;
        Ok(Some(IndexTask {
            document_id: document.clone(),
            version: row.version.unwrap_or(0),
            current_version: row.current_version,
            visibility,
            title: row.title,
            source,
            source_url: row.source_url,
            tags: row.tags,
            metadata: row.metadata,
            created_at: from_db(row.created_at),
            blob: row.blob_key.as_deref().and_then(BlobKey::parse),
            file_name: row.file_name,
            mime_type: row.mime_type.unwrap_or_default(),
            extracted: row.extracted.unwrap_or(false),
            has_chunks: row.has_chunks,
        }))
    }

    /// Removes the chunks that a run which died left of a version without its text.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn clear_chunks(&self, claim: &Claim, document: &DocumentId, version: i32) -> Result<()> {
        sqlx::query!(
            "DELETE FROM chunks c USING jobs j
             WHERE c.document_id = $1 AND c.version = $2 AND j.id = $3 AND j.claim = $4 AND j.key = $1",
            document.as_str(),
            version,
            claim.job,
            claim.token,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Stores some chunks of a version. A text that `model` has embedded before, anywhere, brings its embedding.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn add_chunks(
        &self,
        claim: &Claim,
        document: &DocumentId,
        version: i32,
        chunks: &[NewChunk],
        model: &str,
    ) -> Result<Held> {
        let now = self.now();
        let ids: Vec<String> = chunks.iter().map(|_| ChunkId::new(now, self.random()).into_string()).collect();
        let seqs: Vec<i32> = chunks.iter().map(|chunk| chunk.seq).collect();
        let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
        let starts: Vec<i32> = chunks.iter().map(|chunk| chunk.start).collect();
        let ends: Vec<i32> = chunks.iter().map(|chunk| chunk.end).collect();
        let pages: Vec<Option<i32>> = chunks.iter().map(|chunk| chunk.page).collect();
        let languages: Vec<Option<&str>> = chunks.iter().map(|chunk| chunk.language.as_deref()).collect();
        let hashes: Vec<&[u8]> = chunks.iter().map(|chunk| chunk.hash.as_slice()).collect();
        let row = sqlx::query!(
            r#"WITH held AS (
                SELECT 1 FROM jobs j JOIN documents d ON d.id = j.key
                WHERE j.id = $1 AND j.claim = $2 AND d.id = $3 AND d.deleted_at IS NULL
                  AND set_config('synchronous_commit', 'off', true) IS NOT NULL
            ), stored AS (
                INSERT INTO chunks (id, document_id, version, seq, text, start_offset, end_offset, page, language, hash)
                SELECT n.id, $3, $4, n.seq, n.text, n.start_offset, n.end_offset, n.page, n.language, n.hash
                FROM UNNEST($5::text[], $6::int[], $7::text[], $8::int[], $9::int[], $10::int[], $11::text[], $12::bytea[])
                    AS n (id, seq, text, start_offset, end_offset, page, language, hash)
                WHERE EXISTS (SELECT 1 FROM held)
                ON CONFLICT ON CONSTRAINT chunks_document_id_version_seq_key DO NOTHING
                RETURNING ordinal, hash
            ), known AS (
                INSERT INTO embeddings (ordinal, model, embedding)
                SELECT s.ordinal, $13, k.embedding FROM stored s CROSS JOIN LATERAL (
                    SELECT e.embedding FROM chunks c JOIN embeddings e ON e.ordinal = c.ordinal AND e.model = $13
                    WHERE c.hash = s.hash LIMIT 1
                ) k
            )
            SELECT EXISTS (SELECT 1 FROM held) AS "held!""#,
            claim.job,
            claim.token,
            document.as_str(),
            version,
            &ids,
            &seqs,
            &texts as &[&str],
            &starts,
            &ends,
            &pages as &[Option<i32>],
            &languages as &[Option<&str>],
            &hashes as &[&[u8]],
            model,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Held::of(u64::from(row.held)))
    }

    /// Stores the text of a version, after all of its chunks: from here on the file need not be read again.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn save_text(
        &self,
        claim: &Claim,
        document: &DocumentId,
        version: i32,
        text: &str,
        page_starts: Option<&[i32]>,
        language: Option<&str>,
    ) -> Result<Held> {
        let done = sqlx::query!(
            "WITH held AS (
                UPDATE documents d SET stage = 'embedding', progress = 0, language = $7
                FROM jobs j
                WHERE j.id = $1 AND j.claim = $2 AND j.key = d.id AND d.id = $3 AND d.deleted_at IS NULL
                  AND set_config('synchronous_commit', 'off', true) IS NOT NULL
                RETURNING d.id, j.attempts
            ), logged AS (
                INSERT INTO document_events (document_id, version, event, attempt)
                SELECT id, $4, 'extracted', attempts FROM held
            )
            UPDATE document_versions v SET text = $5, page_starts = $6
            FROM held WHERE v.document_id = held.id AND v.version = $4",
            claim.job,
            claim.token,
            document.as_str(),
            version,
            text,
            page_starts,
            language,
        )
        .execute(&self.pool)
        .await?;
        Ok(Held::of(done.rows_affected()))
    }

    /// Chunks of a version that `model` has not embedded, in order.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_unembedded_chunks(
        &self,
        document: &DocumentId,
        version: i32,
        model: &str,
        limit: i64,
    ) -> Result<Vec<UnembeddedChunk>> {
        let rows = sqlx::query_as!(
            UnembeddedChunk,
            "SELECT c.ordinal, c.seq, c.text, c.language FROM chunks c
             WHERE c.document_id = $1 AND c.version = $2
               AND NOT EXISTS (SELECT FROM embeddings e WHERE e.ordinal = c.ordinal AND e.model = $3)
             ORDER BY c.seq LIMIT $4",
            document.as_str(),
            version,
            model,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// Stores embeddings of chunks, by ordinal, and shows how far the document is. `indexed` says whether the vector
    /// index has them already, which counts unless the job was asked for again since the run began.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn save_embeddings(
        &self,
        job: &Job,
        document: &DocumentId,
        model: &str,
        embeddings: &[(i64, Vec<f32>)],
        indexed: bool,
        progress: f32,
    ) -> Result<Held> {
        let ordinals: Vec<i64> = embeddings.iter().map(|(ordinal, _)| *ordinal).collect();
        let vectors: Vec<Vec<u8>> = embeddings.iter().map(|(_, values)| encode_embedding(values)).collect();
        let row = sqlx::query!(
            r#"WITH held AS (
                UPDATE documents d SET stage = 'embedding', progress = $7
                FROM jobs j
                WHERE j.id = $1 AND j.claim = $2 AND j.key = d.id AND d.id = $3 AND d.deleted_at IS NULL
                  AND set_config('synchronous_commit', 'off', true) IS NOT NULL
                RETURNING d.id, j.revision
            ), stored AS (
                -- Not a join with UNNEST: on a table without statistics that reads all of it.
                INSERT INTO embeddings (ordinal, model, embedding)
                SELECT c.ordinal, $6, ($5::bytea[])[array_position($4::bigint[], c.ordinal)] FROM chunks c
                WHERE c.ordinal = ANY($4::bigint[]) AND EXISTS (SELECT 1 FROM held)
                ON CONFLICT (ordinal, model) DO UPDATE SET embedding = excluded.embedding
            ), acknowledged AS (
                UPDATE chunks c SET indexed_at = now()
                WHERE $8 AND c.ordinal = ANY($4::bigint[]) AND EXISTS (SELECT 1 FROM held WHERE revision = $9)
            )
            SELECT EXISTS (SELECT 1 FROM held) AS "held!""#,
            job.claim.job,
            job.claim.token,
            document.as_str(),
            &ordinals,
            &vectors,
            model,
            progress,
            indexed,
            job.revision,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Held::of(u64::from(row.held)))
    }

    /// How many chunks a version has, and how many of them have an embedding of `model`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn count_chunks(&self, document: &DocumentId, version: i32, model: &str) -> Result<(i64, i64)> {
        let row = sqlx::query!(
            r#"SELECT count(*) AS "all!",
                count(e.ordinal) AS "embedded!"
               FROM chunks c LEFT JOIN embeddings e ON e.ordinal = c.ordinal AND e.model = $3
               WHERE c.document_id = $1 AND c.version = $2"#,
            document.as_str(),
            version,
            model,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok((row.all, row.embedded))
    }

    /// Chunks of a version, embedded by `model`, that the vector index has not acknowledged, in order.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_unindexed_chunks(
        &self,
        document: &DocumentId,
        version: i32,
        model: &str,
        limit: i64,
    ) -> Result<Vec<UnindexedChunk>> {
        let rows = sqlx::query!(
            "SELECT c.ordinal, c.seq, c.text, c.language, e.embedding
             FROM chunks c JOIN embeddings e ON e.ordinal = c.ordinal AND e.model = $3
             WHERE c.document_id = $1 AND c.version = $2 AND c.indexed_at IS NULL
             ORDER BY c.seq LIMIT $4",
            document.as_str(),
            version,
            model,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| UnindexedChunk {
                ordinal: row.ordinal,
                seq: row.seq,
                text: row.text,
                language: row.language,
                values: decode_embedding(&row.embedding),
            })
            .collect())
    }

    /// Notes that the vector index has these chunks, and how far the document is. `position` is that of the index's log
    /// after which its queries see them; together with the chunks it is noted, since a run may end right here. It grows
    /// from write to write, so the last one's holds for all.
    ///
    /// It is not noted when the job was asked for again since the run began: what the run wrote may be old by now, or in
    /// an index that no longer answers, and the next run begins at once.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn acknowledge_chunks(
        &self,
        job: &Job,
        document: &DocumentId,
        ordinals: &[i64],
        position: Option<i64>,
        progress: f32,
    ) -> Result<Held> {
        let row = sqlx::query!(
            r#"WITH held AS (
                UPDATE documents d SET
                    stage = 'indexing', progress = $5,
                    acknowledged_at = CASE WHEN d.acknowledged_at = 'infinity' THEN d.acknowledged_at ELSE now() END,
                    acknowledged_position = CASE WHEN d.acknowledged_at = 'infinity' THEN NULL ELSE $6::bigint END
                FROM jobs j
                WHERE j.id = $1 AND j.claim = $2 AND j.revision = $7 AND j.key = d.id AND d.id = $3
                  AND d.deleted_at IS NULL AND set_config('synchronous_commit', 'off', true) IS NOT NULL
                RETURNING d.id
            ), stored AS (
                UPDATE chunks c SET indexed_at = now()
                WHERE c.ordinal = ANY($4::bigint[]) AND EXISTS (SELECT 1 FROM held)
            )
            SELECT EXISTS (SELECT 1 FROM held) AS "held!""#,
            job.claim.job,
            job.claim.token,
            document.as_str(),
            ordinals,
            progress,
            position,
            job.revision,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Held::of(u64::from(row.held)))
    }

    /// Makes a version, all of it embedded, the one that answers: its chunks are found from here on, those that the
    /// vector index does not show yet by scoring them one by one.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn let_answer(&self, claim: &Claim, document: &DocumentId, version: i32) -> Result<Held> {
        let held = sqlx::query_scalar!(
            r#"WITH prior AS (
                SELECT version FROM documents WHERE id = $3
            ), held AS (
                UPDATE documents d SET
                    version = $4, stage = 'indexing', progress = 0, updated_at = now(),
                    chunk_count = (SELECT count(*)::int FROM chunks c WHERE c.document_id = $3 AND c.version = $4)
                FROM jobs j
                WHERE j.id = $1 AND j.claim = $2 AND j.key = d.id AND d.id = $3 AND d.deleted_at IS NULL
                  AND set_config('synchronous_commit', 'off', true) IS NOT NULL
                RETURNING d.id, j.attempts
            ), logged AS (
                INSERT INTO document_events (document_id, version, event, attempt)
                SELECT id, $4, 'embedded', attempts FROM held, prior WHERE prior.version <> $4
            )
            SELECT EXISTS (SELECT FROM held) AS "held!""#,
            claim.job,
            claim.token,
            document.as_str(),
            version,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(if held { Held::Yes } else { Held::No })
    }

    /// Says that the vector index has acknowledged all of a version, which answers from here on if it did not before.
    /// Returns how long ago the document was committed with its job: the lag of the index; `None` when the claim no longer
    /// counts or the document is gone.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn complete_indexing(
        &self,
        claim: &Claim,
        document: &DocumentId,
        version: i32,
    ) -> Result<Option<Duration>> {
        let seconds = sqlx::query_scalar!(
            r#"WITH held AS (
                UPDATE documents d SET
                    version = $4, status = 'indexed', stage = NULL, progress = 1, error = NULL, updated_at = now(),
                    chunk_count = (SELECT count(*)::int FROM chunks c WHERE c.document_id = $3 AND c.version = $4)
                FROM (
                    SELECT d.id, j.attempts, j.created_at FROM documents d JOIN jobs j ON j.key = d.id
                    WHERE d.id = $3 AND d.deleted_at IS NULL AND j.id = $1 AND j.claim = $2
                    FOR NO KEY UPDATE OF d FOR SHARE OF j
                ) j
                WHERE d.id = j.id AND set_config('synchronous_commit', 'off', true) IS NOT NULL
                RETURNING d.id, j.attempts, extract(epoch FROM clock_timestamp() - j.created_at)::float8 AS seconds,
                    -- Of documents that were taken over nobody waits for the end.
                    CASE WHEN coalesce(d.user_id, d.uploaded_by) = d.uploaded_by THEN d.uploaded_by END AS person
            ), logged AS (
                INSERT INTO document_events (document_id, version, event, attempt)
                SELECT id, $4, 'indexed', attempts FROM held
            ), mailed AS (
                INSERT INTO mails (id, kind, cause, user_id, subject)
                SELECT $5, $6, $6 || ':' || id || ':' || $4, person, id FROM held
                WHERE $7 AND seconds > $8 AND takes_mail(person)
                ON CONFLICT ON CONSTRAINT mails_cause_key DO NOTHING
            )
            SELECT greatest(seconds, 0) AS "seconds!" FROM held"#,
            claim.job,
            claim.token,
            document.as_str(),
            version,
            MailId::new(self.now(), self.random()).into_string(),
            MailKind::DocumentReady.as_str(),
            self.sends_mail(),
            SLOW_DOCUMENT,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
    }

    /// Removes chunks of versions before the one that answers.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn remove_old_chunks(&self, claim: &Claim, document: &DocumentId) -> Result<u64> {
        let done = sqlx::query!(
            "DELETE FROM chunks c USING documents d, jobs j
             WHERE j.id = $1 AND j.claim = $2 AND j.key = d.id AND d.id = $3
               AND c.document_id = d.id AND c.version < d.version",
            claim.job,
            claim.token,
            document.as_str(),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// Says on the document that it will be tried again (`last` false) or not, and why. What answered before goes on
    /// answering: returns its version, 0 for none; `None` when the claim no longer counts or the document is gone.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn fail_indexing(
        &self,
        claim: &Claim,
        document: &DocumentId,
        error: &DocumentError,
        last: bool,
    ) -> Result<Option<i32>> {
        let version = sqlx::query_scalar!(
            "WITH failed AS (
                UPDATE documents d SET
                    status = CASE WHEN $5 THEN 'failed' ELSE 'queued' END,
                    stage = NULL, error = $4, updated_at = now()
                FROM (
                    SELECT d.id, j.attempts FROM documents d JOIN jobs j ON j.key = d.id
                    WHERE d.id = $3 AND d.deleted_at IS NULL AND j.id = $1 AND j.claim = $2
                    FOR NO KEY UPDATE OF d FOR SHARE OF j
                ) j
                WHERE d.id = j.id
                RETURNING d.id, d.version, j.attempts, coalesce(d.user_id, d.uploaded_by) AS person
            ), mailed AS (
                -- Once for each version, and for each time that somebody had it tried again.
                INSERT INTO mails (id, kind, cause, user_id, subject)
                SELECT $6, $7, concat_ws(':', $7::text, f.id,
                        (SELECT max(v.version) FROM document_versions v WHERE v.document_id = f.id),
                        (SELECT count(*) FROM document_events e WHERE e.document_id = f.id AND e.event = 'retried')),
                    f.person, f.id
                FROM failed f WHERE $5 AND $8 AND takes_mail(f.person)
                ON CONFLICT ON CONSTRAINT mails_cause_key DO NOTHING
            ), logged AS (
                INSERT INTO document_events (document_id, version, event, attempt, error)
                SELECT f.id, coalesce(max(v.version), 0), CASE WHEN $5 THEN 'failed' ELSE 'waiting' END, f.attempts, $4
                FROM failed f LEFT JOIN document_versions v ON v.document_id = f.id
                -- The same trouble is told once, however long it lasts.
                WHERE $5 OR NOT EXISTS (
                    SELECT FROM (
                        SELECT e.event, e.error FROM document_events e WHERE e.document_id = f.id ORDER BY e.id DESC LIMIT 1
                    ) told WHERE told.event = 'waiting' AND told.error = $4)
                GROUP BY f.id, f.attempts
            )
            SELECT version FROM failed",
            claim.job,
            claim.token,
            document.as_str(),
            serde_json::to_value(error).unwrap_or_default(),
            last,
            MailId::new(self.now(), self.random()).into_string(),
            MailKind::DocumentFailed.as_str(),
            self.sends_mail(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(version)
    }

    /// Says on a document that it waits, without a reason: the server is stopping.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn pause_indexing(&self, claim: &Claim, document: &DocumentId) -> Result<()> {
        sqlx::query!(
            "UPDATE documents d SET status = 'queued', stage = NULL
             FROM (
                SELECT d.id FROM documents d JOIN jobs j ON j.key = d.id
                WHERE d.id = $3 AND d.deleted_at IS NULL AND j.id = $1 AND j.claim = $2
                FOR NO KEY UPDATE OF d FOR SHARE OF j
             ) held
             WHERE d.id = held.id",
            claim.job,
            claim.token,
            document.as_str(),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Removes all that is left of a deleted document; returns its files, for [`Store::release_blob`].
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn purge_document(&self, claim: &Claim, document: &DocumentId) -> Result<Vec<BlobKey>> {
        let mut tx = self.pool.begin().await?;
        let keys = sqlx::query_scalar!(
            r#"SELECT DISTINCT blob_key AS "key!" FROM document_versions WHERE document_id = $1 AND blob_key IS NOT NULL"#,
            document.as_str()
        )
        .fetch_all(&mut *tx)
        .await?;
        let done = sqlx::query!(
            "DELETE FROM documents d USING jobs j
             WHERE d.id = $3 AND d.deleted_at IS NOT NULL AND j.id = $1 AND j.claim = $2 AND j.key = d.id",
            claim.job,
            claim.token,
            document.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        if done.rows_affected() == 0 {
            return Ok(Vec::new());
        }
        Ok(keys.iter().filter_map(|key| BlobKey::parse(key)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedding_reads_back_in_half_precision() {
        let values = [0.5_f32, -0.25, 0.1, 1.0];
        let read = decode_embedding(&encode_embedding(&values));
        assert_eq!(read.len(), 4);
        assert!(values.iter().zip(&read).all(|(a, b)| (a - b).abs() < 1e-3));
    }
}

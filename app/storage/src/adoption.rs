//! Documents of the ADR's application: those whose text is not here yet, and how it comes here.

use std::collections::HashSet;

use cjhirashi_domain::id::{ChunkId, DocumentId};

use sqlx::PgConnection;

use crate::{JobKind, NewChunk, Result, StorageError, Store, chunks::encode_embedding, connect::to_db, jobs};

/// Chunks that one statement stores.
const STORED_AT_ONCE: usize = 200;

/// A document whose text is not here yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedDocument {
    /// Which.
    pub id: DocumentId,
    /// Its title.
    pub title: String,
    /// How many chunks the ADR's application said that it has; 0 where it never said.
    pub chunk_count: i32,
}

/// What was found of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundText<'a> {
    /// All of it.
    pub text: &'a str,
    /// Its language, ISO 639-1.
    pub language: Option<&'a str>,
    /// Its chunks, in order.
    pub chunks: &'a [NewChunk],
    /// Their embeddings, of unit length, and whose they are; `None`: the ordinary job makes them.
    pub embeddings: Option<(&'a str, &'a [Vec<f32>])>,
}

/// A document whose old vectors nobody needs any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupersededDocument {
    /// Which.
    pub id: DocumentId,
    /// Whether the index that answers has acknowledged all of it.
    pub acknowledged: bool,
}

/// Notes, with its deletion, that a document's text is still in the index of the ADR's application, where it came from there.
pub(crate) async fn note_deletion(connection: &mut PgConnection, id: &DocumentId) -> Result<()> {
    sqlx::query!(
        "INSERT INTO deleted_adopted_documents (document_id, deleted_at)
         SELECT d.id, d.deleted_at FROM documents d
         WHERE d.id = $1 AND d.deleted_at IS NOT NULL
           AND (d.adopted OR cardinality(d.adopted_vector_ids) > 0
             OR EXISTS (SELECT FROM document_events e WHERE e.document_id = d.id AND e.event = 'adopted'))
         ON CONFLICT DO NOTHING",
        id.as_str(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn document_id(id: String) -> Result<DocumentId> {
    DocumentId::parse(id.as_str()).map_err(|_| StorageError::corrupt("documents", "id", &id, &id))
}

impl Store {
    /// Documents of the ADR's application whose text is not here yet, in the order of their ids by bytes, after one.
    /// Whoever's they are: for taking them over only.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_adopted_documents(&self, after: Option<&DocumentId>, limit: i64) -> Result<Vec<AdoptedDocument>> {
        let rows = sqlx::query!(
            r#"SELECT id, title, chunk_count FROM documents
               WHERE adopted AND deleted_at IS NULL AND id COLLATE "C" > $1
               ORDER BY id COLLATE "C" LIMIT $2"#,
            after.map_or("", DocumentId::as_str),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| Ok(AdoptedDocument { id: document_id(row.id)?, title: row.title, chunk_count: row.chunk_count }))
            .collect()
    }

    /// How many documents were taken over.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn count_taken_over(&self) -> Result<i64> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM documents d
               WHERE NOT d.adopted AND d.deleted_at IS NULL
                 AND EXISTS (SELECT FROM document_events e WHERE e.document_id = d.id AND e.event = 'adopted')"#,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(count)
    }

    /// Keeps what was found of a document as its next version, which has no file, and asks for its indexing, in one
    /// transaction. `false` when it was uploaded again or deleted meanwhile; nothing is kept then.
    ///
    /// # Errors
    /// [`StorageError`]; nothing is kept then either.
    pub async fn take_over_document(&self, id: &DocumentId, found: &FoundText<'_>) -> Result<bool> {
        let now = self.now();
        let mut tx = self.pool.begin().await?;
        // The document's row is locked first: of two commands at once one finds nothing left to do.
        let document = sqlx::query_scalar!(
            "UPDATE documents SET
                adopted = false, status = 'queued', stage = NULL, progress = 0, error = NULL,
                language = $2, chunk_count = $3, updated_at = $4
             WHERE id = $1 AND adopted AND deleted_at IS NULL
             RETURNING id",
            id.as_str(),
            found.language,
            i32::try_from(found.chunks.len()).unwrap_or(i32::MAX),
            to_db(now),
        )
        .fetch_optional(&mut *tx)
        .await?;
        if document.is_none() {
            return Ok(false);
        }
        let version = sqlx::query_scalar!(
            r#"WITH added AS (
                INSERT INTO document_versions (document_id, version, mime_type, text, created_at)
                SELECT d.id, coalesce((SELECT max(version) FROM document_versions WHERE document_id = d.id), 0) + 1,
                    coalesce(d.mime_type, 'text/plain'), $2, $3
                FROM documents d WHERE d.id = $1
                RETURNING version
            ), logged AS (
                INSERT INTO document_events (document_id, version, event, at) SELECT $1, version, 'adopted', $3 FROM added
            )
            SELECT version AS "version!" FROM added"#,
            id.as_str(),
            found.text,
            to_db(now),
        )
        .fetch_one(&mut *tx)
        .await?;
        let (model, embeddings) = found.embeddings.unzip();
        for (at, chunks) in found.chunks.chunks(STORED_AT_ONCE).enumerate() {
            let vectors: Vec<Vec<u8>> = embeddings
                .into_iter()
                .flat_map(|vectors| vectors.iter().skip(at * STORED_AT_ONCE).take(chunks.len()))
                .map(|values| encode_embedding(values))
                .collect();
            let ids: Vec<String> = chunks.iter().map(|_| ChunkId::new(now, self.random()).into_string()).collect();
            let seqs: Vec<i32> = chunks.iter().map(|chunk| chunk.seq).collect();
            let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
            let starts: Vec<i32> = chunks.iter().map(|chunk| chunk.start).collect();
            let ends: Vec<i32> = chunks.iter().map(|chunk| chunk.end).collect();
            let languages: Vec<Option<&str>> = chunks.iter().map(|chunk| chunk.language.as_deref()).collect();
            let hashes: Vec<&[u8]> = chunks.iter().map(|chunk| chunk.hash.as_slice()).collect();
            sqlx::query!(
                "WITH stored AS (
                    INSERT INTO chunks (id, document_id, version, seq, text, start_offset, end_offset, language, hash)
                    SELECT n.id, $1, $2, n.seq, n.text, n.start_offset, n.end_offset, n.language, n.hash
                    FROM UNNEST($3::text[], $4::int[], $5::text[], $6::int[], $7::int[], $8::text[], $9::bytea[])
                        AS n (id, seq, text, start_offset, end_offset, language, hash)
                    RETURNING ordinal, seq
                )
                INSERT INTO embeddings (ordinal, model, embedding)
                SELECT s.ordinal, $10, ($11::bytea[])[array_position($4::int[], s.seq)] FROM stored s
                WHERE $10::text IS NOT NULL",
                id.as_str(),
                version,
                &ids,
                &seqs,
                &texts as &[&str],
                &starts,
                &ends,
                &languages as &[Option<&str>],
                &hashes as &[&[u8]],
                model,
                &vectors,
            )
            .execute(&mut *tx)
            .await?;
        }
        jobs::enqueue(&mut tx, JobKind::IndexDocument, id.as_str()).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Documents that came from the ADR's application and are indexed here by now, taken over or uploaded again, in the
    /// order of their ids by bytes, after one.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_superseded_documents(
        &self,
        after: Option<&DocumentId>,
        limit: i64,
    ) -> Result<Vec<SupersededDocument>> {
        let rows = sqlx::query!(
            r#"SELECT d.id, d.status = 'indexed' AND d.version > 0 AND NOT EXISTS (
                    SELECT FROM chunks c
                    WHERE c.document_id = d.id AND c.version = d.version AND c.indexed_at IS NULL
                ) AS "acknowledged!"
               FROM documents d
               WHERE NOT d.adopted AND d.deleted_at IS NULL AND d.id COLLATE "C" > $1
                 AND (cardinality(d.adopted_vector_ids) > 0
                    OR EXISTS (SELECT FROM document_events e WHERE e.document_id = d.id AND e.event = 'adopted'))
               ORDER BY d.id COLLATE "C" LIMIT $2"#,
            after.map_or("", DocumentId::as_str),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| Ok(SupersededDocument { id: document_id(row.id)?, acknowledged: row.acknowledged }))
            .collect()
    }

    /// Documents that came from the ADR's application and were deleted here, whose old vectors nobody has removed yet, in
    /// the order of their ids by bytes, after one.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_deleted_adopted_documents(
        &self,
        after: Option<&DocumentId>,
        limit: i64,
    ) -> Result<Vec<DocumentId>> {
        let rows = sqlx::query_scalar!(
            r#"SELECT document_id FROM deleted_adopted_documents
               WHERE document_id COLLATE "C" > $1 ORDER BY document_id COLLATE "C" LIMIT $2"#,
            after.map_or("", DocumentId::as_str),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(document_id).collect()
    }

    /// Notes that the old vectors of a deleted document were removed.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn forget_deleted_adopted_document(&self, id: &DocumentId) -> Result<()> {
        sqlx::query!("DELETE FROM deleted_adopted_documents WHERE document_id = $1", id.as_str())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Those of these documents whose newest version is not indexed.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn unindexed_documents(&self, documents: &[DocumentId]) -> Result<HashSet<String>> {
        let ids: Vec<String> = documents.iter().map(|id| id.as_str().to_owned()).collect();
        let found = sqlx::query_scalar!(
            "SELECT id FROM documents WHERE id = ANY($1) AND deleted_at IS NULL AND status <> 'indexed'",
            &ids,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(found.into_iter().collect())
    }
}

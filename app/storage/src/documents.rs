//! Documents, as people see them. A tombstoned document is in none of these answers.

use cjhirashi_domain::{
    Viewer,
    access::Visibility,
    document::{Chunk, Document, DocumentError, DocumentStatus, Source, Stage},
    id::{ChunkId, DocumentId, UserId},
};
use time::OffsetDateTime;

mod change;
mod list;

pub use change::DocumentChange;
pub use list::{DocumentFilter, DocumentList, DocumentScope};

use crate::{
    BlobError, BlobKey, Blobs, JobKind, Result, StorageError, Store, StoredBlob,
    connect::{from_db, to_db},
    jobs,
};

/// A document to be kept.
#[derive(Debug)]
pub struct NewDocumentRow<'a> {
    /// Its title.
    pub title: &'a str,
    /// Whose it is.
    pub visibility: Visibility,
    /// How it came.
    pub source: Source,
    /// From where, for pages.
    pub source_url: Option<&'a str>,
    /// The file's name.
    pub file_name: Option<&'a str>,
    /// Its media type, as recognised.
    pub mime_type: &'a str,
    /// Its labels.
    pub tags: &'a [String],
    /// Its own keys, a JSON object.
    pub metadata: Option<&'a serde_json::Value>,
    /// The file.
    pub blob: &'a StoredBlob,
}

/// Part of what was read from a document's file. Places count characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPart {
    /// The document's title.
    pub title: String,
    /// The version it is of.
    pub version: i32,
    /// Where the part begins.
    pub from: i32,
    /// The part.
    pub text: String,
    /// How long the whole is.
    pub length: i32,
    /// Where each page of the whole begins, the first page first; empty for documents without pages.
    pub pages: Vec<i32>,
}

/// A document with the same file as another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// Which.
    pub id: DocumentId,
    /// Its title.
    pub title: String,
}

/// The file as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalFile {
    /// Its content.
    pub blob: BlobKey,
    /// Its name; made of the title where it came without one.
    pub file_name: String,
    /// Its media type, as recognised.
    pub mime_type: String,
    /// Bytes.
    pub size: i64,
}

/// A document could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum AddDocumentError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The disk.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl From<sqlx::Error> for AddDocumentError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

struct DocumentRow {
    id: String,
    user_id: Option<String>,
    title: String,
    source: String,
    source_url: Option<String>,
    mime_type: Option<String>,
    size_bytes: Option<i64>,
    status: String,
    stage: Option<String>,
    progress: f32,
    error: Option<serde_json::Value>,
    chunk_count: i32,
    version: i32,
    tags: Vec<String>,
    language: Option<String>,
    adopted: bool,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl TryFrom<DocumentRow> for Document {
    type Error = StorageError;

    fn try_from(row: DocumentRow) -> Result<Self> {
        let corrupt = |column, value: &str| StorageError::corrupt("documents", column, &row.id, value);
        let visibility = match &row.user_id {
            None => Visibility::Public,
            Some(id) => Visibility::Private(UserId::parse(id.clone()).map_err(|_| corrupt("user_id", id))?),
        };
        let stage = match &row.stage {
            None => None,
            Some(stage) => Some(Stage::parse(stage).ok_or_else(|| corrupt("stage", stage))?),
        };
        let error: Option<DocumentError> = match &row.error {
            None => None,
            Some(error) => {
                Some(serde_json::from_value(error.clone()).map_err(|_| corrupt("error", &error.to_string()))?)
            }
        };
        Ok(Self {
            // The ADR's application wrote whatever it liked into `source`; its own four words are all we know.
            source: Source::parse(&row.source).ok_or_else(|| corrupt("source", &row.source))?,
            status: DocumentStatus::parse(&row.status).ok_or_else(|| corrupt("status", &row.status))?,
            id: DocumentId::parse(row.id.clone()).map_err(|_| corrupt("id", &row.id))?,
            visibility,
            title: row.title,
            source_url: row.source_url,
            mime_type: row.mime_type,
            size_bytes: row.size_bytes,
            stage,
            progress: row.progress,
            error,
            chunk_count: row.chunk_count,
            version: row.version,
            tags: row.tags,
            language: row.language,
            adopted: row.adopted,
            created_at: from_db(row.created_at),
            updated_at: from_db(row.updated_at),
        })
    }
}

impl Store {
    /// Keeps a document and asks for its indexing, in one transaction; the file is under its name when it commits.
    ///
    /// # Errors
    /// [`AddDocumentError`]; nothing is kept then.
    pub async fn add_document(
        &self,
        viewer: &Viewer,
        blobs: &Blobs,
        new: &NewDocumentRow<'_>,
    ) -> Result<Document, AddDocumentError> {
        let now = self.now();
        let id = DocumentId::new(now, self.random());
        let owner = match &new.visibility {
            Visibility::Private(owner) => Some(owner.as_str()),
            Visibility::Public => None,
        };
        let size = i64::try_from(new.blob.size()).unwrap_or(i64::MAX);
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "WITH document AS (
                INSERT INTO documents (id, user_id, uploaded_by, title, source, source_url, mime_type, tags, metadata,
                    created_at, updated_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $13, $9, $9)
                RETURNING id
            ), logged AS (
                INSERT INTO document_events (document_id, version, event, at) SELECT id, 1, 'added', $9 FROM document
            )
            INSERT INTO document_versions (document_id, version, blob_key, file_name, size_bytes, mime_type, created_at)
            SELECT id, 1, $10, $11, $12, $7, $9 FROM document",
            id.as_str(),
            owner,
            viewer.user_id.as_str(),
            new.title,
            new.source.as_str(),
            new.source_url,
            new.mime_type,
            new.tags,
            to_db(now),
            new.blob.key().as_str(),
            new.file_name,
            size,
            new.metadata,
        )
        .execute(&mut *tx)
        .await?;
        jobs::enqueue(&mut tx, JobKind::IndexDocument, id.as_str()).await?;
        // The lock comes last and is held for as long as the file takes to get its name, no longer.
        jobs::lock_blob(&mut tx, new.blob.key()).await?;
        blobs.publish(new.blob).await?;
        tx.commit().await?;
        Ok(Document {
            id,
            visibility: new.visibility.clone(),
            title: new.title.to_owned(),
            source: new.source,
            source_url: new.source_url.map(str::to_owned),
            mime_type: Some(new.mime_type.to_owned()),
            size_bytes: Some(size),
            status: DocumentStatus::Queued,
            stage: None,
            progress: 0.0,
            error: None,
            chunk_count: 0,
            version: 0,
            tags: new.tags.to_vec(),
            language: None,
            adopted: false,
            created_at: now,
            updated_at: now,
        })
    }

    /// Keeps a file as a document's next version and asks for its indexing; the version that answers goes on answering
    /// until the new one is complete. Its number; `None` when there is no document that the viewer may change.
    ///
    /// # Errors
    /// [`AddDocumentError`]; nothing is kept then.
    pub async fn add_document_version(
        &self,
        viewer: &Viewer,
        blobs: &Blobs,
        id: &DocumentId,
        file_name: Option<&str>,
        mime_type: &str,
        blob: &StoredBlob,
    ) -> Result<Option<i32>, AddDocumentError> {
        let now = to_db(self.now());
        let size = i64::try_from(blob.size()).unwrap_or(i64::MAX);
        let mut tx = self.pool.begin().await?;
        // The document's row is locked first, so that two uploads at once become two versions.
        let document = sqlx::query_scalar!(
            "UPDATE documents SET
                status = 'queued', stage = NULL, progress = 0, error = NULL, mime_type = $4, adopted = false, updated_at = $5
             WHERE id = $2 AND deleted_at IS NULL AND (user_id = $1 OR (user_id IS NULL AND $3))
             RETURNING id",
            viewer.user_id.as_str(),
            id.as_str(),
            viewer.is_admin(),
            mime_type,
            now,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if document.is_none() {
            return Ok(None);
        }
        let version = sqlx::query_scalar!(
            r#"WITH added AS (
                INSERT INTO document_versions (document_id, version, blob_key, file_name, size_bytes, mime_type, created_at)
                -- One that was taken back keeps its number.
                SELECT $1, greatest(max(version), (SELECT max(version) FROM document_events WHERE document_id = $1), 0) + 1,
                    $2, $3, $4, $5, $6
                FROM document_versions WHERE document_id = $1
                RETURNING version
            ), logged AS (
                INSERT INTO document_events (document_id, version, event, at) SELECT $1, version, 'added', $6 FROM added
            )
            SELECT version AS "version!" FROM added"#,
            id.as_str(),
            blob.key().as_str(),
            file_name,
            size,
            mime_type,
            now,
        )
        .fetch_one(&mut *tx)
        .await?;
        jobs::enqueue(&mut tx, JobKind::IndexDocument, id.as_str()).await?;
        jobs::lock_blob(&mut tx, blob.key()).await?;
        blobs.publish(blob).await?;
        tx.commit().await?;
        Ok(Some(version))
    }

    /// One document, if the viewer may read it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn get_document(&self, viewer: &Viewer, id: &DocumentId) -> Result<Option<Document>> {
        Ok(self.get_documents(viewer, std::slice::from_ref(id)).await?.pop())
    }

    /// Those of some documents that the viewer may read, in no order, with one query.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn get_documents(&self, viewer: &Viewer, ids: &[DocumentId]) -> Result<Vec<Document>> {
        let ids: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let rows = sqlx::query_as!(
            DocumentRow,
            r#"SELECT d.id, d.user_id, d.title, d.source, d.source_url, coalesce(v.mime_type, d.mime_type) AS mime_type,
                v.size_bytes AS "size_bytes?", d.status, d.stage, d.progress, d.error, d.chunk_count, d.version, d.tags, d.language, d.adopted,
                d.created_at, d.updated_at
            FROM documents d
            LEFT JOIN LATERAL (
                -- Of what answers; of what will, where nothing does.
                SELECT size_bytes, mime_type FROM document_versions WHERE document_id = d.id
                ORDER BY version = d.version DESC, version DESC LIMIT 1
            ) v ON true
            WHERE d.id = ANY($2) AND d.deleted_at IS NULL AND (d.user_id = $1 OR d.user_id IS NULL)"#,
            viewer.user_id.as_str(),
            &ids,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Document::try_from).collect()
    }

    /// Some of what was read from the file of the version that answers, or of the one that will, if the viewer may
    /// read it: at most `count` characters from the character `from` on. Only these leave the database.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn get_document_part(
        &self,
        viewer: &Viewer,
        id: &DocumentId,
        from: i32,
        count: i32,
    ) -> Result<Option<DocumentPart>> {
        let (from, count) = (from.max(0), count.max(0));
        let row = sqlx::query!(
            r#"SELECT d.title, v.version, substr(v.text, $3::int + 1, $4) AS "text!", char_length(v.text) AS "length!",
                v.page_starts
               FROM documents d JOIN document_versions v ON v.document_id = d.id
               WHERE d.id = $2 AND d.deleted_at IS NULL AND (d.user_id = $1 OR d.user_id IS NULL)
                 AND v.text IS NOT NULL AND v.version >= d.version
               ORDER BY v.version LIMIT 1"#,
            viewer.user_id.as_str(),
            id.as_str(),
            from.min(i32::MAX - 1),
            count,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| DocumentPart {
            title: row.title,
            version: row.version,
            from,
            text: row.text,
            length: row.length,
            pages: row.page_starts.unwrap_or_default(),
        }))
    }

    /// The oldest document that the viewer may read and that came before this one with the very same file.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_twin(&self, viewer: &Viewer, id: &DocumentId) -> Result<Option<Twin>> {
        let row = sqlx::query!(
            r#"SELECT d.id, d.title
               FROM documents own
               JOIN document_versions file ON file.document_id = own.id
               JOIN document_versions same ON same.blob_key = file.blob_key AND same.document_id <> own.id
               JOIN documents d ON d.id = same.document_id
               WHERE own.id = $2 AND d.deleted_at IS NULL AND (d.user_id = $1 OR d.user_id IS NULL)
                 AND (d.created_at, d.id) < (own.created_at, own.id)
                 AND same.version = (SELECT max(version) FROM document_versions WHERE document_id = d.id)
               ORDER BY d.created_at, d.id LIMIT 1"#,
            viewer.user_id.as_str(),
            id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            let id = DocumentId::parse(row.id.as_str())
                .map_err(|_| StorageError::corrupt("documents", "id", &row.id, &row.id))?;
            Ok(Twin { id, title: row.title })
        })
        .transpose()
    }

    /// Chunks of the version that answers, in order, from a place on; at most `limit`. `None` when there is no such
    /// document for the viewer.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_chunks(
        &self,
        viewer: &Viewer,
        id: &DocumentId,
        from: i32,
        limit: i64,
    ) -> Result<Option<Vec<Chunk>>> {
        let rows = sqlx::query!(
            r#"SELECT c.id AS "id?", c.seq AS "seq?", c.text AS "text?", c.start_offset AS "start?",
                c.end_offset AS "end?", c.page
               FROM documents d
               LEFT JOIN chunks c ON c.document_id = d.id AND c.version = d.version AND c.seq >= $3
               WHERE d.id = $2 AND d.deleted_at IS NULL AND (d.user_id = $1 OR d.user_id IS NULL)
               ORDER BY c.seq LIMIT $4"#,
            viewer.user_id.as_str(),
            id.as_str(),
            from,
            limit.clamp(1, 10_000),
        )
        .fetch_all(&self.pool)
        .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut chunks = Vec::with_capacity(rows.len());
        for row in rows {
            let (Some(id), Some(seq), Some(text), Some(start), Some(end)) =
                (row.id, row.seq, row.text, row.start, row.end)
            else {
                continue;
            };
            let id = ChunkId::parse(id.clone()).map_err(|_| StorageError::corrupt("chunks", "id", &id, &id))?;
            chunks.push(Chunk { id, seq, text, start, end, page: row.page });
        }
        Ok(Some(chunks))
    }

    /// The file of the version of a document that answers, or of the one that will, if the viewer may read it and it has one.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn get_original(&self, viewer: &Viewer, id: &DocumentId) -> Result<Option<OriginalFile>> {
        let row = sqlx::query!(
            r#"SELECT d.title, v.blob_key AS "blob_key!", v.file_name, v.mime_type, v.size_bytes AS "size_bytes!"
               FROM documents d JOIN document_versions v ON v.document_id = d.id
               WHERE d.id = $2 AND d.deleted_at IS NULL AND (d.user_id = $1 OR d.user_id IS NULL)
                 AND v.blob_key IS NOT NULL
               ORDER BY v.version = d.version DESC, v.version DESC LIMIT 1"#,
            viewer.user_id.as_str(),
            id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            let blob = BlobKey::parse(&row.blob_key)
                .ok_or_else(|| StorageError::corrupt("document_versions", "blob_key", id.as_str(), &row.blob_key))?;
            let file_name = row.file_name.unwrap_or(row.title);
            Ok(OriginalFile { blob, file_name, mime_type: row.mime_type, size: row.size_bytes })
        })
        .transpose()
    }
}

//! Rows as an index takes them, and how they leave it again.

use std::sync::Arc;

use cjhirashi_domain::id::DocumentId;
use cjhirashi_ingest::ChunkDraft;
use cjhirashi_storage::{NewChunk, Store, StoredRecord};
use cjhirashi_vectors::{ChunkKey, Consistency, CustomMetadata, DocumentMetadata, VectorIndex, VectorRecord, Written};

use crate::error::SideError;

/// A chunk that was cut, as it is stored.
pub(crate) fn new_chunk(draft: ChunkDraft) -> NewChunk {
    let ChunkDraft { seq, text, start, end, page, language, hash } = draft;
    NewChunk { seq, text, start, end, page, language, hash }
}

/// A stored chunk as an index takes it.
pub(crate) fn record(index: &dyn VectorIndex, stored: StoredRecord) -> VectorRecord {
    let custom = own_keys(&stored.place.document_id, stored.metadata.as_ref());
    VectorRecord {
        key: ChunkKey { document_id: stored.place.document_id, version: stored.place.version, seq: stored.place.seq },
        ordinal: stored.ordinal,
        values: stored.values,
        language: stored.language,
        text: index.keeps_text().then_some(stored.text),
        document: Arc::new(DocumentMetadata {
            visibility: stored.visibility,
            title: stored.title,
            source: stored.source,
            source_url: stored.source_url,
            created_at: stored.created_at,
            tags: stored.tags,
            custom,
        }),
    }
}

/// The place of a write in the log of the index, as PostgreSQL keeps it.
pub(crate) fn log_position(written: Written) -> Option<i64> {
    written.position.and_then(|position| i64::try_from(position).ok())
}

/// A document's own keys, or none where an index cannot hold them: nobody searches by them in vain, since searches read
/// PostgreSQL.
pub(crate) fn own_keys(document: &DocumentId, metadata: Option<&serde_json::Value>) -> CustomMetadata {
    let Some(metadata) = metadata else { return CustomMetadata::default() };
    CustomMetadata::parse(metadata).unwrap_or_else(|error| {
        tracing::warn!(%document, %error, "a document's own metadata is left out of the vector index");
        CustomMetadata::default()
    })
}

/// Removes a document's vectors, except those of one version where given. An index that shows writes late may not list the
/// newest of them, so the names that PostgreSQL knows are removed as well.
pub(crate) async fn remove_vectors(
    store: &Store,
    index: &dyn VectorIndex,
    document: &DocumentId,
    keep_version: Option<i32>,
) -> Result<(), SideError> {
    if index.consistency() == Consistency::Eventual {
        let known: Vec<ChunkKey> = store
            .list_chunk_places(document)
            .await?
            .into_iter()
            .filter(|place| Some(place.version) != keep_version)
            .map(|place| ChunkKey { document_id: place.document_id, version: place.version, seq: place.seq })
            .collect();
        index.delete(&known).await?;
    }
    index.delete_document(document, keep_version).await?;
    Ok(())
}

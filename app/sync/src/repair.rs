//! The index is made to agree about one document: after a comparison found a difference, after its labels, title or owner
//! changed, and after another index began to answer.
//!
//! It runs as the document's job, so nothing else changes the document's vectors meanwhile, and it looks at both sides
//! anew: what asked for it may be old.

use std::collections::HashSet;

use cjhirashi_domain::{id::DocumentId, sync::DocumentEventKind};
use cjhirashi_retrieval::Engine;
use cjhirashi_storage::Job;
use cjhirashi_vectors::{ChunkKey, IndexError, VectorRecord, Written};

use crate::{WorkerContext, error::Failure, index::job_document, records::record};

/// Chunks that go to the index at once.
const BATCH: usize = 500;
/// Names that are listed at once.
const NAMES: usize = 1_000;

/// Which chunks are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Write {
    /// Those that are missing.
    Missing,
    /// All: what is kept beside the vectors has changed.
    All,
}

pub(crate) async fn repair_document(context: &WorkerContext, job: &Job) -> Result<(), Failure> {
    agree(context, job, Write::Missing, DocumentEventKind::Repaired).await
}

pub(crate) async fn update_metadata(context: &WorkerContext, job: &Job) -> Result<(), Failure> {
    let engine = context.engine.current();
    if !engine.index.keeps_text() {
        // Only whose it is counts there, and that follows the database by itself.
        return Ok(());
    }
    agree(context, job, Write::All, DocumentEventKind::Changed).await
}

async fn agree(context: &WorkerContext, job: &Job, write: Write, event: DocumentEventKind) -> Result<(), Failure> {
    let document = job_document(job)?;
    let engine = context.engine.current();
    let Some(version) = context.store.answering_version(&job.claim, &document).await? else { return Ok(()) };
    let (extra, held) = sort_names(&engine, &document, version).await?;
    if !extra.is_empty() {
        engine.index.delete(&extra).await?;
    }
    if version == 0 {
        return Ok(());
    }
    let (mut after, mut written) = (0, Written::NOTHING);
    loop {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let page = context.store.list_answering_records(Some(&document), engine.embedder.id(), after, limit).await?;
        let Some(last) = page.last() else { break };
        after = last.ordinal;
        let records: Vec<VectorRecord> = page
            .into_iter()
            .filter(|record| record.place.version == version)
            .map(|stored| record(engine.index.as_ref(), stored))
            .filter(|record| write == Write::All || !held.contains(&record.key))
            .collect();
        if !records.is_empty() {
            written = written.and(engine.index.upsert(records).await?);
        }
    }
    let position = written.position.and_then(|position| i64::try_from(position).ok());
    // Not held: it was deleted meanwhile, or another version answers; their own jobs see to the rest.
    let _ = context.store.note_repaired(&job.claim, &document, version, position, event).await?;
    Ok(())
}

/// What the index holds of a document: what it should not, and what it should.
async fn sort_names(
    engine: &Engine,
    document: &DocumentId,
    version: i32,
) -> Result<(Vec<ChunkKey>, HashSet<ChunkKey>), IndexError> {
    let (mut extra, mut held) = (Vec::new(), HashSet::new());
    let mut after: Option<ChunkKey> = None;
    loop {
        let names = engine.index.list(Some(document), after.as_ref(), NAMES).await?;
        let last = names.len() < NAMES;
        after = names.last().cloned();
        for name in names {
            if version > 0 && name.version == version {
                held.insert(name);
            } else {
                extra.push(name);
            }
        }
        if last {
            return Ok((extra, held));
        }
    }
}

//! The index is made to agree about one document: after a comparison found a difference, after its labels, title or owner
//! changed, and after another index began to answer.
//!
//! It runs as the document's job, so nothing else changes the document's vectors meanwhile, and it looks at both sides
//! anew: what asked for it may be old.

use std::collections::HashSet;

use cjhirashi_domain::{id::DocumentId, sync::DocumentEventKind};
use cjhirashi_retrieval::Engine;
use cjhirashi_storage::{Acknowledged, AnsweringVersion, Job};
use cjhirashi_vectors::{ChunkKey, IndexError, VectorRecord, Written};

use crate::{
    WorkerContext,
    error::Failure,
    index::{call, job_document},
    records::{log_position, record},
};

/// Chunks that go to the index at once.
const BATCH: usize = 500;
/// Names that are listed at once.
const NAMES: usize = 1_000;

pub(crate) async fn repair_document(context: &WorkerContext, job: &Job) -> Result<(), Failure> {
    reconcile_document(context, job, DocumentEventKind::Repaired).await
}

pub(crate) async fn update_metadata(context: &WorkerContext, job: &Job) -> Result<(), Failure> {
    if !context.engine.current().name.kind.is_local() {
        return reconcile_document(context, job, DocumentEventKind::Changed).await;
    }
    // An index of each process follows the database by itself.
    let document = job_document(job)?;
    if let Some(AnsweringVersion { version, .. }) = context.store.answering_version(&job.claim, &document).await? {
        let _ = context.store.note_repaired(job, &document, version, None, None).await?;
    }
    Ok(())
}

async fn reconcile_document(context: &WorkerContext, job: &Job, event: DocumentEventKind) -> Result<(), Failure> {
    let document = job_document(job)?;
    let engine = context.engine.current();
    let answering = context.store.answering_version(&job.claim, &document).await?;
    let Some(AnsweringVersion { version, stale }) = answering else { return Ok(()) };
    // What is kept beside the vectors has changed: those that are there are written, too.
    let all = stale || event == DocumentEventKind::Changed;
    let (extra, held) = sort_names(&engine, &document, version).await?;
    if !extra.is_empty() {
        engine.index.delete(&extra).await?;
    }
    if version == 0 {
        return Ok(());
    }
    embed_missing(context, &engine, &document, version).await?;
    let (mut after, mut written) = (0, None);
    loop {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let page = context.store.list_answering_records(Some(&document), engine.embedder.id(), after, limit).await?;
        let Some(last) = page.last() else { break };
        after = last.ordinal;
        let records: Vec<VectorRecord> = page
            .into_iter()
            .filter(|record| record.place.version == version)
            .map(|stored| record(engine.index.as_ref(), stored))
            .filter(|record| all || !held.contains(&record.key))
            .collect();
        if !records.is_empty() {
            written = Some(written.unwrap_or(Written::NOTHING).and(engine.index.upsert(records).await?));
        }
    }
    let written = written.map(|written| Acknowledged { position: log_position(written) });
    // Not held: it was deleted or changed meanwhile, or another version answers; what asked for that sees to the rest.
    // A change was noted when it was made, and where nothing differed nothing was repaired.
    let repaired = written.is_some() || !extra.is_empty();
    let noted = (event != DocumentEventKind::Changed && repaired).then_some(event);
    let _ = context.store.note_repaired(job, &document, version, written, noted).await?;
    Ok(())
}

/// Embeds what the engine's model has not embedded: a version that was complete for the model before, for example.
async fn embed_missing(
    context: &WorkerContext,
    engine: &Engine,
    document: &DocumentId,
    version: i32,
) -> Result<(), Failure> {
    let model = engine.embedder.id();
    let window = i64::try_from(engine.embedder.batch_size().max(1)).unwrap_or(i64::MAX);
    loop {
        let chunks = context.store.list_unembedded_chunks(document, version, model, window).await?;
        if chunks.is_empty() {
            return Ok(());
        }
        let (chunks, vectors) = call(engine.embedder.as_ref(), chunks).await?;
        let embeddings: Vec<(i64, Vec<f32>)> = chunks.iter().map(|chunk| chunk.ordinal).zip(vectors).collect();
        context.store.add_embeddings(model, &embeddings).await?;
    }
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

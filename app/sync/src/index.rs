//! One document into search: read the file, cut it, embed what was never embedded, bring the vectors to the index, switch.

use std::{sync::Arc, time::Duration};

use cjhirashi_domain::{ErrorCode, id::DocumentId};
use cjhirashi_ingest::{ChunkOptions, Kind, chunk};
use cjhirashi_models::{Embedder, InputKind, ModelError};
use cjhirashi_retrieval::Engine;
use cjhirashi_storage::{Held, IndexTask, Job, NewChunk, UnembeddedChunk};
use cjhirashi_vectors::{ChunkKey, DocumentMetadata, VectorRecord};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    WorkerContext,
    error::{Failure, Remedy},
    records::{log_position, new_chunk, own_keys, remove_vectors},
};

/// Chunks that are stored by one statement: a fraction of a second, so that nothing waits long for it.
const STORE_BATCH: usize = 200;
/// Chunks that go to the vector index at once.
const INDEX_BATCH: i64 = 500;
/// The shortest pause of a document whose file is not in this server's folder.
const FILE_PAUSE: Duration = Duration::from_secs(5);
/// Calls to the embedding model that one document makes at the same time.
const PARALLEL_CALLS: usize = 2;

/// Returns from the run when there is nothing more to do: another run has the job, or the document was deleted.
macro_rules! hold {
    ($held:expr) => {
        if $held == Held::No {
            return Ok(());
        }
    };
}

/// What one run works with: the engine that answered when it began.
struct Run<'a> {
    context: &'a WorkerContext,
    engine: Arc<Engine>,
    job: &'a Job,
    task: IndexTask,
}

pub(crate) async fn index_document(context: &WorkerContext, job: &Job) -> Result<(), Failure> {
    let claim = &job.claim;
    let document = job_document(job)?;
    let Some(task) = context.store.begin_indexing(claim, &document).await? else { return Ok(()) };
    let run = Run { context, engine: context.engine.current(), job, task };
    let version = run.task.version;
    if !run.task.extracted {
        hold!(read_file(&run).await?);
    }
    hold!(embed(&run).await?);
    hold!(write_vectors(&run).await?);
    // Before it counts as done where it answers already, so that a failure here does not make it done twice. An index of
    // this process may have got all of it without its answering yet, and does not fail.
    let local = run.engine.name.kind.is_local();
    if version > 1 && !local {
        remove_vectors(&context.store, run.engine.index.as_ref(), &document, Some(version)).await?;
    }
    let Some(lag) = context.store.complete_indexing(claim, &document, version).await? else { return Ok(()) };
    metrics::histogram!("cjhirashi_sync_lag_seconds").record(lag.as_secs_f64());
    if version > 1 {
        if local {
            remove_vectors(&context.store, run.engine.index.as_ref(), &document, Some(version)).await?;
        }
        context.store.remove_old_chunks(claim, &document).await?;
    }
    Ok(())
}

/// The document that a job is about.
pub(crate) fn job_document(job: &Job) -> Result<DocumentId, Failure> {
    DocumentId::parse(job.key.clone())
        .map_err(|error| Failure::new(ErrorCode::Internal, Some(error.to_string()), Remedy::GiveUp))
}

/// The file becomes text and chunks.
async fn read_file(run: &Run<'_>) -> Result<Held, Failure> {
    let Run { context, engine, job, task } = run;
    let (Some(blob), Some(kind)) = (&task.blob, Kind::from_mime_type(&task.mime_type)) else {
        return Err(Failure::new(ErrorCode::DocumentUnsupported, Some(task.mime_type.clone()), Remedy::GiveUp));
    };
    let path = context.blobs.path(blob);
    if tokio::fs::try_exists(&path).await.is_ok_and(|there| !there) {
        // It was kept, so it lies at another server, whose turn may come, or the folder is not mounted. Counted all the
        // same: one that is lost would be looked for without end, and its document never be shown as failed.
        let remedy = Remedy::TryAgain { after: Some(FILE_PAUSE) };
        return Err(Failure::new(ErrorCode::DocumentFileMissing, None, remedy));
    }
    let extracted = context.sandbox.extract_file(kind, &path).await?;
    let embedder = Arc::clone(&engine.embedder);
    let (extracted, drafts) = tokio::task::spawn_blocking(move || {
        let measure = embedder.measure();
        let options = ChunkOptions { max_tokens: measure.max_tokens, ..ChunkOptions::default() };
        let drafts = chunk(&extracted, &options, &measure.count);
        (extracted, drafts)
    })
    .await
    .map_err(|error| Failure::new(ErrorCode::Internal, Some(error.to_string()), Remedy::TryAgain { after: None }))?;

    let model = engine.embedder.id();
    if task.has_chunks {
        // Of a run that died before it stored the text; how it cut may not be how we cut.
        context.store.clear_chunks(&job.claim, &task.document_id, task.version).await?;
    }
    let mut drafts = drafts.into_iter().peekable();
    while drafts.peek().is_some() {
        let batch: Vec<NewChunk> = drafts.by_ref().take(STORE_BATCH).map(new_chunk).collect();
        if context.store.add_chunks(&job.claim, &task.document_id, task.version, &batch, model).await? == Held::No {
            return Ok(Held::No);
        }
    }
    let starts: Vec<i32> = extracted.pages.iter().map(|page| page.start).collect();
    let held = context
        .store
        .save_text(
            &job.claim,
            &task.document_id,
            task.version,
            &extracted.text,
            (!starts.is_empty()).then_some(starts.as_slice()),
            extracted.language.as_deref(),
        )
        .await?;
    Ok(held)
}

/// Embeds what the current model has not embedded, batch by batch; each batch is kept as soon as it is there.
///
/// An index in this process gets the vectors at once when one call brings all of them, so that one write can note both.
/// A larger document's come when all are there ([`write_vectors`]): the index knows no version that answers, and vectors
/// of one that does not yet would take the places of those that do.
async fn embed(run: &Run<'_>) -> Result<Held, Failure> {
    let Run { context, engine, job, task } = run;
    let model = engine.embedder.id();
    let size = engine.embedder.batch_size().max(1);
    let window = i64::try_from(size * PARALLEL_CALLS).unwrap_or(i64::MAX);
    let list = || context.store.list_unembedded_chunks(&task.document_id, task.version, model, window);
    let mut chunks = list().await?;
    if chunks.is_empty() {
        return Ok(Held::Yes);
    }
    // Small documents are done in one round; only large ones need to know how far they are.
    let last_round = |chunks: &[UnembeddedChunk]| i64::try_from(chunks.len()).unwrap_or(i64::MAX) < window;
    let (all, mut done) = if last_round(&chunks) {
        (chunks.len(), 0)
    } else {
        let (all, embedded) = context.store.count_chunks(&task.document_id, task.version, model).await?;
        (usize::try_from(all).unwrap_or(0), usize::try_from(embedded).unwrap_or(0))
    };
    let at_once = chunks.len() <= size && engine.name.kind.is_local();
    let metadata = metadata(task);
    loop {
        let last = last_round(&chunks);
        let mut calls = stream::iter(batches(chunks, size))
            .map(|batch| call(engine.embedder.as_ref(), batch))
            .buffer_unordered(PARALLEL_CALLS);
        while let Some((batch, vectors)) = calls.try_next().await? {
            done += batch.len();
            let embeddings: Vec<(i64, Vec<f32>)> = batch.iter().map(|chunk| chunk.ordinal).zip(vectors).collect();
            let mut indexed = false;
            if at_once {
                let records = batch
                    .into_iter()
                    .zip(&embeddings)
                    .map(|(chunk, (_, values))| {
                        let UnembeddedChunk { ordinal, seq, text, language } = chunk;
                        record(run, &metadata, PlacedChunk { ordinal, seq, language, text }, values.clone())
                    })
                    .collect();
                // An index that fails here fails again right afterwards, when the document answers already.
                indexed = engine.index.upsert(records).await.is_ok();
            }
            let progress = share(done, all);
            // What was paid for is kept even if the index is away.
            let saved =
                context.store.save_embeddings(job, &task.document_id, model, &embeddings, indexed, progress).await?;
            if saved == Held::No {
                return Ok(Held::No);
            }
        }
        if last {
            return Ok(Held::Yes);
        }
        chunks = list().await?;
        if chunks.is_empty() {
            return Ok(Held::Yes);
        }
    }
}

fn metadata(task: &IndexTask) -> Arc<DocumentMetadata> {
    Arc::new(DocumentMetadata {
        visibility: task.visibility.clone(),
        title: task.title.clone(),
        source: task.source,
        source_url: task.source_url.clone(),
        created_at: task.created_at,
        tags: task.tags.clone(),
        custom: own_keys(&task.document_id, task.metadata.as_ref()),
    })
}

/// A chunk, without its embedding.
struct PlacedChunk {
    ordinal: i64,
    seq: i32,
    language: Option<String>,
    text: String,
}

fn record(run: &Run<'_>, metadata: &Arc<DocumentMetadata>, chunk: PlacedChunk, values: Vec<f32>) -> VectorRecord {
    VectorRecord {
        key: ChunkKey { document_id: run.task.document_id.clone(), version: run.task.version, seq: chunk.seq },
        ordinal: chunk.ordinal,
        values,
        language: chunk.language,
        text: run.engine.index.keeps_text().then_some(chunk.text),
        document: Arc::clone(metadata),
    }
}

/// Cuts a list into parts of at most `size`.
fn batches<T>(items: Vec<T>, size: usize) -> Vec<Vec<T>> {
    let mut items = items.into_iter().peekable();
    let mut batches = Vec::new();
    while items.peek().is_some() {
        batches.push(items.by_ref().take(size).collect());
    }
    batches
}

/// One call to the embedding model: a vector for each chunk.
pub(crate) async fn call(
    embedder: &dyn Embedder,
    mut batch: Vec<UnembeddedChunk>,
) -> Result<(Vec<UnembeddedChunk>, Vec<Vec<f32>>), Failure> {
    // Taken out for the call and put back: the texts are not copied.
    let texts: Vec<String> = batch.iter_mut().map(|chunk| std::mem::take(&mut chunk.text)).collect();
    let embedded = embedder.embed(&texts, InputKind::Passage).await?;
    if embedded.vectors.len() != batch.len() {
        let error = ModelError::UnexpectedAnswer {
            provider: embedder.id().to_owned(),
            detail: format!("{} vectors for {} texts", embedded.vectors.len(), batch.len()),
        };
        return Err(error.into());
    }
    for (chunk, text) in batch.iter_mut().zip(texts) {
        chunk.text = text;
    }
    Ok((batch, embedded.vectors))
}

/// Brings the vectors that the index has not acknowledged to it: those of documents larger than one call, those that were
/// known before, and those of a run during which the index was away. The version answers before they are written, so
/// that it is found whatever the index does: what it has not acknowledged is scored one by one.
async fn write_vectors(run: &Run<'_>) -> Result<Held, Failure> {
    let Run { context, engine, job, task } = run;
    let metadata = metadata(task);
    let model = engine.embedder.id();
    let mut done = 0;
    loop {
        let chunks = context.store.list_unindexed_chunks(&task.document_id, task.version, model, INDEX_BATCH).await?;
        if chunks.is_empty() {
            return Ok(Held::Yes);
        }
        if done == 0 && context.store.let_answer(&job.claim, &task.document_id, task.version).await? == Held::No {
            return Ok(Held::No);
        }
        let last = i64::try_from(chunks.len()).unwrap_or(i64::MAX) < INDEX_BATCH;
        let ordinals: Vec<i64> = chunks.iter().map(|chunk| chunk.ordinal).collect();
        let records = chunks
            .into_iter()
            .map(|chunk| {
                let found =
                    PlacedChunk { ordinal: chunk.ordinal, seq: chunk.seq, language: chunk.language, text: chunk.text };
                record(run, &metadata, found, chunk.values)
            })
            .collect();
        let written = engine.index.upsert(records).await?;
        done += ordinals.len();
        let progress = if last { 1.0 } else { share(done, done + ordinals.len()) };
        let position = log_position(written);
        let noted = context.store.acknowledge_chunks(job, &task.document_id, &ordinals, position, progress).await?;
        if let Some(position) = position {
            engine.acknowledged(position);
        }
        if noted == Held::No || last {
            return Ok(noted);
        }
    }
}

/// A share from 0 to 1; for a person, so a few digits are enough.
#[expect(clippy::cast_precision_loss, reason = "a progress bar needs no more than a few digits")]
fn share(done: usize, all: usize) -> f32 {
    if all == 0 { 1.0 } else { (done as f32 / all as f32).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_into_parts_that_hold_all_of_it() {
        assert_eq!(batches(vec![1, 2, 3, 4, 5], 2), [vec![1, 2], vec![3, 4], vec![5]]);
        assert!(batches(Vec::<u8>::new(), 3).is_empty());
    }
}

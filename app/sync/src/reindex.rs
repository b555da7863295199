//! Another index takes over: built beside the one that answers, compared with PostgreSQL, then switched to.
//!
//! One way for all cases: another kind of index (a copy from PostgreSQL, no embedding call), another embedding model (what
//! lacks an embedding of it gets one), back to the one before (it only takes in what came since). Every step can be
//! repeated and notes how far it is, so a run that was killed goes on where it was. The index before is kept until
//! somebody removes it.

use std::{collections::HashMap, sync::Arc};

use cjhirashi_domain::{
    ErrorCode, Timestamp,
    sync::{BuildPhase, IndexName},
};
use cjhirashi_models::Embedder;
use cjhirashi_storage::{Job, UnembeddedChunk};
use cjhirashi_vectors::{ChunkKey, VectorIndex, VectorRecord};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    OpenIndex, WorkerContext,
    error::{Failure, Remedy},
    index::call,
    reconcile::compare,
    records::record,
};

/// Chunks read and written at once.
const PAGE: i64 = 500;
/// Pages that are on their way to the index at the same time.
const PARALLEL_WRITES: usize = 4;
/// Calls to the embedding model at the same time.
const PARALLEL_CALLS: usize = 2;
/// Names of one document that are listed at once: more than a document may have.
const NAMES: usize = 100_000;
/// How often the index is compared and made to agree before it is given up for this run.
const ROUNDS: u32 = 8;

/// Fills the index that is being built and lets it answer. Returns early, without an error, when it is no longer wanted.
pub(crate) async fn reindex(context: &WorkerContext, job: &Job) -> Result<(), Failure> {
    let Some((name, copied_to)) = context.store.building_index().await? else { return Ok(()) };
    let embedder = context.factory.embedder(&name.model)?;
    let opened = match context.factory.open_index(&name).await {
        Ok(opened) => opened,
        // Whoever asked for it hears why it cannot be, now and as long as it waits for somebody to mend it.
        Err(error) => return Err(error.into()),
    };
    tracing::info!(index = %name, copied_to, "an index is being built beside the one that answers");
    if !embed(context, job, &name, embedder.as_ref()).await? {
        return Ok(());
    }
    // An index of each process is filled by the process itself when it takes over.
    let mut since = context.store.database_now().await?;
    if let OpenIndex::Remote(index) = opened {
        if !copy(context, job, &name, &index, copied_to).await? {
            return Ok(());
        }
        match settle(context, job, &name, embedder.as_ref(), &index).await? {
            Some(compared_at) => since = compared_at,
            None => return Ok(()),
        }
    } else {
        embed_rest(context, &name, embedder.as_ref(), None).await?;
    }
    // What came in this very moment, the switch asks for.
    if context.store.switch_index(&job.claim, &name, since).await? {
        tracing::info!(index = %name, "the index is complete and answers from now on");
    }
    Ok(())
}

/// Gives every answering chunk an embedding of the model. `false` when the index is no longer wanted.
async fn embed(context: &WorkerContext, job: &Job, name: &IndexName, embedder: &dyn Embedder) -> Result<bool, Failure> {
    let total = context.store.count_answering_unembedded(&name.model).await?;
    if !context.store.begin_phase(&job.claim, name, BuildPhase::Embedding, total).await? {
        return Ok(false);
    }
    embed_rest(context, name, embedder, Some(job)).await
}

/// Embeds every answering chunk that lacks an embedding of the model, also what began to answer meanwhile. As the progress
/// of a job where one is given; `false` when the index is no longer wanted then.
async fn embed_rest(
    context: &WorkerContext,
    name: &IndexName,
    embedder: &dyn Embedder,
    progress_of: Option<&Job>,
) -> Result<bool, Failure> {
    let size = embedder.batch_size().max(1);
    let window = i64::try_from(size * PARALLEL_CALLS).unwrap_or(i64::MAX);
    let mut after = 0;
    loop {
        let chunks = context.store.list_answering_unembedded(&name.model, after, window).await?;
        let Some(last) = chunks.last() else {
            if after == 0 {
                return Ok(true);
            }
            // A version that was made before and began to answer behind us.
            after = 0;
            continue;
        };
        after = last.ordinal;
        let batches: Vec<Vec<UnembeddedChunk>> = chunks.chunks(size).map(<[_]>::to_vec).collect();
        let mut calls = stream::iter(batches).map(|batch| call(embedder, batch)).buffer_unordered(PARALLEL_CALLS);
        while let Some((batch, vectors)) = calls.try_next().await? {
            let embeddings: Vec<(i64, Vec<f32>)> = batch.iter().map(|chunk| chunk.ordinal).zip(vectors).collect();
            context.store.add_embeddings(&name.model, &embeddings).await?;
            let done = i64::try_from(embeddings.len()).unwrap_or(i64::MAX);
            if let Some(job) = progress_of
                && !context.store.note_building(&job.claim, name, None, done).await?
            {
                return Ok(false);
            }
        }
    }
}

/// Copies all embeddings after an ordinal into the index. `false` when it is no longer wanted.
async fn copy(
    context: &WorkerContext,
    job: &Job,
    name: &IndexName,
    index: &Arc<dyn VectorIndex>,
    copied_to: i64,
) -> Result<bool, Failure> {
    let total = context.store.count_answering_chunks().await?;
    if !context.store.begin_phase(&job.claim, name, BuildPhase::Copying, total).await? {
        return Ok(false);
    }
    let pages = stream::try_unfold(copied_to, |after| async move {
        let page = context.store.list_answering_records(None, &name.model, after, PAGE).await?;
        Ok::<_, Failure>(page.last().map(|last| last.ordinal).map(|last| ((last, page), last)))
    });
    let mut writes = pages
        .map_ok(|(last, page)| async move {
            let records: Vec<VectorRecord> = page.into_iter().map(|stored| record(index.as_ref(), stored)).collect();
            let done = records.len();
            index.upsert(records).await?;
            Ok::<_, Failure>((last, done))
        })
        // In order, so that what is noted as copied was copied with all before it.
        .try_buffered(PARALLEL_WRITES)
        .boxed();
    while let Some((last, done)) = writes.try_next().await? {
        let done = i64::try_from(done).unwrap_or(i64::MAX);
        if !context.store.note_building(&job.claim, name, Some(last), done).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the index agree with PostgreSQL: what changed while it was copied. Returns the moment from which on changes may
/// be missing; `None` when it is no longer wanted.
///
/// Nothing else writes into an index that is being built, so it is corrected right here. Documents that a job is at work on
/// are corrected by their jobs after the switch.
async fn settle(
    context: &WorkerContext,
    job: &Job,
    name: &IndexName,
    embedder: &dyn Embedder,
    index: &Arc<dyn VectorIndex>,
) -> Result<Option<Timestamp>, Failure> {
    if !context.store.begin_phase(&job.claim, name, BuildPhase::Comparing, 0).await? {
        return Ok(None);
    }
    for round in 0..ROUNDS {
        let since = context.store.database_now().await?;
        // What began to answer since: nothing else knows yet that it needs this model's embedding.
        embed_rest(context, name, embedder, None).await?;
        let found = compare(&context.store, index.as_ref()).await?;
        if found.differing.is_empty() {
            return Ok(Some(since));
        }
        tracing::info!(
            index = %name, documents = found.differing.len(), missing = found.missing, orphans = found.orphans, round,
            "the index that is being built is made to agree"
        );
        for document in &found.differing {
            let mut after = 0;
            let mut wanted: HashMap<ChunkKey, VectorRecord> = HashMap::new();
            loop {
                let page = context.store.list_answering_records(Some(document), &name.model, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.ordinal;
                wanted.extend(page.into_iter().map(|stored| {
                    let record = record(index.as_ref(), stored);
                    (record.key.clone(), record)
                }));
            }
            let held = index.list(Some(document), None, NAMES).await?;
            let extra: Vec<ChunkKey> = held.iter().filter(|name| !wanted.contains_key(*name)).cloned().collect();
            if !extra.is_empty() {
                index.delete(&extra).await?;
            }
            for name in &held {
                wanted.remove(name);
            }
            if !wanted.is_empty() {
                index.upsert(wanted.into_values().collect()).await?;
            }
        }
        if !context.store.note_building(&job.claim, name, None, 0).await? {
            return Ok(None);
        }
        // A remote index lists what was written a moment later.
        tokio::time::sleep(std::time::Duration::from_secs(u64::from(round))).await;
    }
    let detail = format!("{name} does not agree with the database after {ROUNDS} rounds");
    Err(Failure::new(ErrorCode::Internal, Some(detail), Remedy::TryAgain { after: None }))
}

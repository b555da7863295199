//! What is left of a deleted document goes: vectors first, in every index that holds some, then rows, then files.

use cjhirashi_domain::{id::DocumentId, sync::IndexName};
use cjhirashi_storage::Job;

use crate::{
    OpenIndex, WorkerContext,
    error::{Failure, SideError},
    index::job_document,
    records::remove_vectors,
};

pub(crate) async fn delete_document(context: &WorkerContext, job: &Job) -> Result<(), Failure> {
    let document = job_document(job)?;
    // The rows go last: while they are there, the deletion can be repeated from the beginning.
    let engine = context.engine.current();
    remove_vectors(&context.store, engine.index.as_ref(), &document, None).await?;
    // One that answered before, or is being built, holds its text as well.
    for row in context.store.list_indexes().await? {
        if row.name != engine.name && !row.name.kind.is_local() {
            remove_beside(context, &row.name, &document).await?;
        }
    }
    for blob in context.store.purge_document(&job.claim, &document).await? {
        context.store.release_blob(&context.blobs, &blob).await?;
    }
    Ok(())
}

async fn remove_beside(context: &WorkerContext, name: &IndexName, document: &DocumentId) -> Result<(), SideError> {
    let removed = async {
        match context.factory.reopen_index(name).await? {
            OpenIndex::Remote(index) => remove_vectors(&context.store, index.as_ref(), document, None).await,
            OpenIndex::Embedded(_) | OpenIndex::Elsewhere(_) => Ok(()),
        }
    };
    match removed.await {
        // It cannot be reached from here any more. If it is ever built again, comparing finds what it should not hold.
        Err(SideError::Index(error)) if !error.is_transient() => {
            tracing::warn!(index = %name, %document, %error, "a deleted document's vectors stay in an index that was left");
            Ok(())
        }
        removed => removed,
    }
}

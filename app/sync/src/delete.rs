//! What is left of a deleted document goes: vectors first, then rows, then files.

use cjhirashi_storage::Job;

use crate::{WorkerContext, error::Failure, index::job_document, records::remove_vectors};

pub(crate) async fn delete_document(context: &WorkerContext, job: &Job) -> Result<(), Failure> {
    let document = job_document(job)?;
    // The rows go last: while they are there, the deletion can be repeated from the beginning.
    remove_vectors(&context.store, context.engine.current().index.as_ref(), &document, None).await?;
    for blob in context.store.purge_document(&job.claim, &document).await? {
        context.store.release_blob(&context.blobs, &blob).await?;
    }
    Ok(())
}

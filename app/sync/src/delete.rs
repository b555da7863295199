//! What is left of a deleted document goes: vectors first, then rows, then files.

use cjhirashi_storage::Job;

use crate::{WorkerContext, error::Failure, index::job_document};

pub(crate) async fn delete_document(context: &WorkerContext, job: &Job) -> Result<(), Failure> {
    let document = job_document(job)?;
    // The rows go last: while they are there, the deletion can be repeated from the beginning.
    context.engine.current().index.delete_document(&document, None).await?;
    for blob in context.store.purge_document(&job.claim, &document).await? {
        context.store.release_blob(&context.blobs, &blob).await?;
    }
    Ok(())
}

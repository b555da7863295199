//! What the commands that do a job's work have in common: the services of a worker, beside a server that may be running.

use std::sync::Arc;

use anyhow::Context as _;
use cjhirashi_ingest::{Limits, Sandbox};
use cjhirashi_storage::{Blobs, Store};
use cjhirashi_sync::{Engines, Worker, WorkerContext, WorkerHandle, WorkerOptions};

use crate::{
    config::Config,
    embedded::{self, Use},
    indexes::IndexMakers,
    state,
};

/// A worker and what it works with.
pub(super) struct Work {
    pub(super) store: Store,
    pub(super) context: WorkerContext,
    pub(super) makers: Arc<IndexMakers>,
    engines: Engines,
    worker: WorkerHandle,
}

/// Opens the store and starts a worker, lets `work` run, and stops everything in order.
pub(super) async fn with_worker<T>(
    config: Config,
    work: impl AsyncFnOnce(&Work) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    config.make_data_dir()?;
    let models = config.registry()?;
    let config = Arc::new(config);
    let database = embedded::open(&config, Use::Shared).await.context("the database cannot be started")?;
    // Not the server's folder: two processes would write the same checkpoint.
    let folder = config.index_dir().join(format!("command-{}", std::process::id()));
    let result = async {
        let store = state::open_store(&config, &database.url).await?;
        let makers = Arc::new(IndexMakers::new(Arc::clone(&config), models, &database.url).with_folder(folder.clone()));
        // Follows what answers, and asks for no other: that is the server's business.
        let wanted = makers.wanted(&store).await?;
        let active = store.active_index_or(&wanted).await?;
        let engines = Engines::start(store.clone(), makers.clone(), &active).await?;
        let context = WorkerContext {
            store: store.clone(),
            blobs: Blobs::open(config.blob_dir()).await?,
            engine: engines.cell(),
            makers: makers.clone(),
            exports: config.export_dir(),
            sandbox: Sandbox::new(std::env::current_exe()?, Limits::default()),
        };
        let worker = Worker::start(context.clone(), WorkerOptions::default());
        let running = Work { store, context, makers, engines, worker };
        let result = work(&running).await;
        running.worker.shutdown().await;
        running.engines.shutdown().await;
        running.store.close().await;
        result
    }
    .await;
    // It is this process's alone; what cannot be removed now is swept by nobody and harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
    database.close().await;
    result
}

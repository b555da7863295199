//! What the commands that do a job's work have in common: the services of a worker, beside a server that may be running.

use std::sync::Arc;

use anyhow::Context as _;
use cjhirashi_domain::sync::{IndexName, IndexState};
use cjhirashi_ingest::{Limits, Sandbox};
use cjhirashi_retrieval::{Engine, EngineCell};
use cjhirashi_storage::{Blobs, JobFilter, Store};
use cjhirashi_sync::{EngineFollower, IndexFactory as _, Worker, WorkerContext, WorkerOptions};

use crate::{
    config::Config,
    embedded::{self, Database, Use},
    indexes::ConfiguredIndexes,
    state,
};

/// What a command works with.
pub(super) struct Work {
    pub(super) store: Store,
    pub(super) context: WorkerContext,
    pub(super) factory: Arc<ConfiguredIndexes>,
}

/// Opens the store and starts a worker that takes these jobs, lets `work` run, and stops everything in order. A command
/// names the jobs that its own work leads to: on a machine without the server's files or its keys, every other job would
/// only use up its attempts.
pub(super) async fn with_worker<T>(
    config: Config,
    jobs: JobFilter,
    work: impl AsyncFnOnce(&Work) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    with_database(config, async |config, database| {
        let store = state::open_store(&config, &database.url).await?;
        let factory = factory(&config, database)?;
        // Follows what answers, and asks for no other: that is the server's business.
        let wanted = factory.wanted(&store).await?;
        let active = store.active_index_or(&wanted).await?;
        let engines = EngineFollower::start(store.clone(), factory.clone(), &active).await?;
        let context = context(&config, &store, &factory, engines.cell()).await?;
        let worker = Worker::start(context.clone(), WorkerOptions { jobs, ..WorkerOptions::default() });
        let result = work(&Work { store: store.clone(), context, factory }).await;
        worker.shutdown().await;
        engines.shutdown().await;
        store.close().await;
        result
    })
    .await
}

/// Opens the store as it is and lets `look` run. No job is taken, nothing is asked for, and the schema stays as it is: a
/// database that is not up to date is refused.
pub(super) async fn with_look<T>(
    config: Config,
    look: impl AsyncFnOnce(&Work) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    with_database(config, async |config, database| {
        let store = state::open_store_as_it_is(&config, &database.url).await?;
        let factory = factory(&config, database)?;
        let wanted = factory.wanted(&store).await?;
        let known = store.list_indexes().await?;
        let active = known.into_iter().find(|row| row.state == IndexState::Active).map_or(wanted, |row| row.name);
        let engine = EngineCell::new(open(&factory, &active).await?);
        let context = context(&config, &store, &factory, engine).await?;
        let result = look(&Work { store: store.clone(), context, factory }).await;
        store.close().await;
        result
    })
    .await
}

async fn with_database<T>(
    config: Config,
    work: impl AsyncFnOnce(Arc<Config>, &Database) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    config.make_data_dir()?;
    let database = embedded::open(&config, Use::Shared).await.context("the database cannot be started")?;
    let result = work(Arc::new(config), &database).await;
    database.close().await;
    result
}

fn factory(config: &Arc<Config>, database: &Database) -> anyhow::Result<Arc<ConfiguredIndexes>> {
    let models = config.registry()?;
    Ok(Arc::new(ConfiguredIndexes::new(Arc::clone(config), models, &database.url).without_embedded()))
}

async fn context(
    config: &Config,
    store: &Store,
    factory: &Arc<ConfiguredIndexes>,
    engine: EngineCell,
) -> anyhow::Result<WorkerContext> {
    Ok(WorkerContext {
        store: store.clone(),
        blobs: Blobs::open(config.blob_dir()).await?,
        engine,
        factory: factory.clone(),
        exports: config.export_dir(),
        sandbox: Sandbox::new(std::env::current_exe()?, Limits::default()),
    })
}

/// The index that answers, and its model, without following what becomes of it.
async fn open(factory: &ConfiguredIndexes, name: &IndexName) -> anyhow::Result<Engine> {
    let embedder = factory.embedder(&name.model)?;
    let opened = factory.open_index(name).await?;
    Ok(Engine::new(name.kind, opened.index(), embedder))
}

//! The services: made and connected once at start, reached by every request, stopped in order.

use std::{sync::Arc, time::Duration};

use cjhirashi_chat::{ArtifactService, ChatService};
use cjhirashi_identity::{IdentityError, Providers, SignInService};
use cjhirashi_ingest::{Limits, Sandbox};
use cjhirashi_mail::{MailError, MailWorker, MailWorkerHandle, MailWorkerOptions, Mailer};
use cjhirashi_models::ModelRegistry;
use cjhirashi_retrieval::{EngineCell, Retriever};
use cjhirashi_storage::{BlobError, Blobs, ConnectError, MigrateError, StorageError, Store, StoreOptions};
use cjhirashi_sync::{
    DocumentService, EngineFollower, SyncService, Worker, WorkerContext, WorkerHandle, WorkerOptions,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, ConfigError},
    indexes::ConfiguredIndexes,
};

/// The services behind every route. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The settings this process was started with.
    pub config: Arc<Config>,
    /// PostgreSQL.
    pub store: Store,
    /// Chats and the answers being written.
    pub chat: ChatService,
    /// Documents: add, list, read, delete.
    pub documents: DocumentService,
    /// What was made beside chats.
    pub artifacts: ArtifactService,
    /// The two databases, for administrators.
    pub sync: SyncService,
    /// Sign-in at providers.
    pub sign_in: SignInService,
    /// Search.
    pub retriever: Arc<Retriever>,
    /// The vector index that search and jobs share, with its embedding model.
    pub engine: EngineCell,
    /// What jobs work with, for commands that do a job's work themselves.
    pub work: WorkerContext,
    /// Chat and embedding models.
    pub models: ModelRegistry,
    /// What was counted and measured.
    pub metrics: PrometheusHandle,
    /// Cancelled when the server stops and answers have ended; long-lived streams end then.
    pub shutdown: CancellationToken,
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState").finish_non_exhaustive()
    }
}

/// A service could not be made; the text says which and why.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// A setting.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The database cannot be reached.
    #[error("{0}; check DATABASE_URL, or unset it for a database under DATA_DIR")]
    Connect(#[from] ConnectError),
    /// Its schema cannot be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// Its schema is not up to date, and whoever asked changes nothing.
    #[error(
        "the database's schema is not up to date ({0} migrations are to be applied), and this changes nothing; start the \
         server or run \"cjhirashi migrate\" first"
    )]
    NotUpToDate(usize),
    /// A query failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The folder of files.
    #[error("original files cannot be kept: {0}")]
    Blobs(#[from] BlobError),
    /// What signs people in.
    #[error("sign-in cannot be set up: {0}")]
    Identity(#[from] IdentityError),
    /// What sends mail.
    #[error(
        "mail cannot be sent: {0}; check SMTP_URL and this machine's certificates, or unset SMTP_URL and MAIL_FROM"
    )]
    Mail(#[from] MailError),
    /// The measurements.
    #[error("metrics cannot be collected: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// Our own program, which is started again to read files.
    #[error("the path of this program is not known: {0}")]
    OwnProgram(#[source] std::io::Error),
}

/// Connects to the database and brings its schema up to date.
///
/// # Errors
/// [`SetUpError`].
pub async fn open_store(config: &Config, url: &str) -> Result<Store, SetUpError> {
    let store = connect(config, url).await?;
    let report = store.migrate().await.map_err(|error| match error {
        MigrateError::WrongSecret => config.wrong_secret().into(),
        error => SetUpError::from(error),
    })?;
    if report.applied > 0 || report.adopted {
        tracing::info!(
            migrations.applied = report.applied,
            database.adopted = report.adopted,
            "the schema is up to date"
        );
    }
    Ok(store)
}

/// Connects to a database of which the schema is up to date, and changes nothing in it.
///
/// # Errors
/// [`SetUpError`]; `NotUpToDate` where migrations are to be applied.
pub async fn open_store_as_it_is(config: &Config, url: &str) -> Result<Store, SetUpError> {
    let store = connect(config, url).await?;
    match store.pending_migrations().await? {
        0 => Ok(store),
        pending => Err(SetUpError::NotUpToDate(pending)),
    }
}

async fn connect(config: &Config, url: &str) -> Result<Store, SetUpError> {
    let options = StoreOptions {
        max_connections: config.database_connections,
        secret_before: config.app_secret_old.clone(),
        mail: config.mail.is_some(),
        ..StoreOptions::new(url, config.secret()?)
    };
    Ok(Store::connect(options).await?)
}

/// Starts to send mail, where a server for it is set up.
///
/// # Errors
/// [`MailError`].
pub fn start_mail(config: &Config, store: &Store) -> Result<Option<MailWorkerHandle>, MailError> {
    let Some(mail) = &config.mail else { return Ok(None) };
    let mailer = Arc::new(Mailer::new(mail.clone(), &config.app_url)?);
    Ok(Some(MailWorker::start(store.clone(), mailer, MailWorkerOptions::default())))
}

/// The services and what runs beside requests.
#[derive(Debug)]
pub struct Running {
    /// What the router is made from.
    pub state: AppState,
    worker: WorkerHandle,
    mail: Option<MailWorkerHandle>,
    engines: EngineFollower,
}

impl Running {
    /// Makes all services and starts what runs in the background.
    ///
    /// # Errors
    /// [`SetUpError`]; nothing is left running.
    pub async fn start(config: Arc<Config>, models: ModelRegistry, database_url: &str) -> Result<Self, SetUpError> {
        let metrics = crate::telemetry::start_metrics()?;
        let store = open_store(&config, database_url).await?;
        let blobs = Blobs::open(config.blob_dir()).await?;
        cjhirashi_web::restore_model_connection(&store, &models).await?;
        let factory = Arc::new(ConfiguredIndexes::new(Arc::clone(&config), models.clone(), database_url));
        let wanted = factory.wanted(&store).await?;
        let engines = EngineFollower::start(store.clone(), factory.clone(), &wanted).await?;
        let program = std::env::current_exe().map_err(SetUpError::OwnProgram)?;
        let work = WorkerContext {
            store: store.clone(),
            blobs: blobs.clone(),
            engine: engines.cell(),
            factory: factory.clone(),
            exports: config.export_dir(),
            sandbox: Sandbox::new(program, Limits::default()),
        };
        let worker = Worker::start(work.clone(), WorkerOptions::default());
        let retriever = Arc::new(Retriever::new(store.clone(), engines.cell()));
        let chat = ChatService::new(store.clone(), models.clone(), Arc::clone(&retriever), config.titles.clone());
        chat.start();
        let artifacts = ArtifactService::new(store.clone(), blobs.clone());
        let documents = DocumentService::new(store.clone(), blobs);
        let providers = Providers::new(config.providers.clone())?;
        let sign_in = SignInService::new(store.clone(), providers, config.sign_up.clone(), &config.app_url);
        let sync = SyncService::new(store.clone(), engines.cell(), factory);
        let mail = start_mail(&config, &store)?;
        let state = AppState {
            config,
            store,
            chat,
            documents,
            artifacts,
            sync,
            sign_in,
            retriever,
            engine: engines.cell(),
            work,
            models,
            metrics,
            shutdown: CancellationToken::new(),
        };
        Ok(Self { state, worker, mail, engines })
    }

    /// Lets answers end within `patience`, or interrupts them; then ends event streams and jobs. Requests still pass.
    pub async fn drain(&self, patience: Duration) {
        self.state.chat.drain(patience).await;
        self.state.shutdown.cancel();
    }

    /// Stops what runs in the background and writes what is only in memory. Requests must have ended.
    pub async fn stop(self) {
        // What is being sent gets a moment, beside the jobs.
        let mail = async {
            if let Some(mail) = self.mail {
                mail.shutdown().await;
            }
        };
        tokio::join!(self.worker.shutdown(), mail);
        self.engines.shutdown().await;
        self.state.store.close().await;
    }
}

//! A private PostgreSQL under a folder, for those who have none.
//!
//! Finds PostgreSQL 14 or newer on the machine, or fetches a pinned and checked build into a cache folder; makes a
//! cluster, starts it on a unix socket and a free loopback port, watches it, and stops it. It knows nothing of the
//! product: no table of its.
//!
//! - **Never root.** PostgreSQL refuses to run as root, so a root process hands the cluster to an ordinary user of the
//!   machine (`account.rs`).
//! - **Survives being killed.** The database is a process of its own. When its starter is killed it goes on, and the
//!   next start takes it over if it lets us in; a `postmaster.pid` left by a crash is told from a live one
//!   (`cluster.rs`).
//! - **One owner.** A lock file says which process may stop it; others [join](Postgres::start_or_join) it.
//!
//! To support another place where PostgreSQL gets installed: add it to `PLACES` in `find.rs`. To move to another
//! build: change the table in `fetch.rs`.

mod account;
mod cluster;
mod fetch;
mod find;
mod process;

use std::{
    fs::File,
    io::{Read as _, Seek as _, Write as _},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, task::JoinHandle};

use crate::cluster::{Cluster, Running};

pub use crate::find::{Installation, Version};

/// What to run and where.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The folder for cluster, password, socket and log. Made when missing. When this process is root and no ordinary
    /// user can reach the folder, the files lie under `/var/lib/cjhirashi` and the folder becomes a link to them.
    pub folder: PathBuf,
    /// Where a fetched PostgreSQL is kept, to be shared by several folders.
    pub cache: PathBuf,
    /// The folder of programs to use; `None` looks for the newest one installed.
    pub programs: Option<PathBuf>,
    /// Whether a fetch is allowed when no installed PostgreSQL fits.
    pub fetch: bool,
    /// Whether data must outlive a crash of the machine. `false` is for tests only.
    pub durable: bool,
    /// The most connections the server takes.
    pub max_connections: u16,
}

impl PostgresOptions {
    /// Durable, with fetching, 60 connections.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, cache: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            cache: cache.into(),
            programs: None,
            fetch: true,
            durable: true,
            max_connections: 60,
        }
    }
}

/// PostgreSQL cannot be started. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No PostgreSQL that fits is installed, and none could be fetched.
    #[error("{}", not_found(*.made_by, .reason))]
    NotFound {
        /// The first number of the version that made the data; `None` when there is no data, and any will do.
        made_by: Option<u32>,
        /// Why fetching failed.
        reason: String,
    },
    /// Another process owns the cluster.
    #[error("the database under {folder} is in use by process {owner}; stop that one first, or use another DATA_DIR")]
    InUse {
        /// The cluster's folder.
        folder: PathBuf,
        /// The owner's process id, as far as known.
        owner: String,
    },
    /// As root, the link to files that lie elsewhere is gone, and the files are not.
    #[error(
        "{place} holds a database, and the link to it at {folder} is gone. To begin anew: rm -rf '{place}'. To go on with \
         that database: ln -sfn '{place}' '{folder}'. Then start again"
    )]
    LinkGone {
        /// Where the files lie.
        place: PathBuf,
        /// Where the link was.
        folder: PathBuf,
    },
    /// This process is root and the machine has no user to hand the database to.
    #[error(
        "PostgreSQL must not run as root and this machine has neither a user \"postgres\" nor \"nobody\"; \
         make one (useradd --system postgres), run as an ordinary user, or set DATABASE_URL"
    )]
    NoOrdinaryUser,
    /// A file or folder could not be made, read or given away.
    #[error(
        "{path}: {source}; give this user the right to read and write all of DATA_DIR (it may be another's since a start \
         as root: chown -R), or use another DATA_DIR"
    )]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program of PostgreSQL could not be run at all.
    #[error("{program} could not be run{}: {source}; install PostgreSQL anew, or set DATABASE_URL to a running server", .user.as_ref().map(|user| format!(" as user {user}")).unwrap_or_default())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The user it was to run as, when not ours.
        user: Option<String>,
        /// Why.
        source: std::io::Error,
    },
    /// The cluster could not be made.
    #[error(
        "a database could not be made under {folder}: {output}; mend what it says (room on the disk, rights on the \
         folder) or use another DATA_DIR, then start again"
    )]
    Initialise {
        /// The cluster's folder.
        folder: PathBuf,
        /// What initdb said.
        output: String,
    },
    /// The server ended instead of starting.
    #[error(
        "PostgreSQL did not start; the end of {log} says: {output}. Mend what it says and start again; the data is kept. \
         Or set DATABASE_URL to a running server"
    )]
    Exited {
        /// The whole log.
        log: PathBuf,
        /// Its last lines.
        output: String,
    },
    /// Something works on the data that this program neither started nor is let in by.
    #[error(
        "something works on the database under {data}: {by}. Stop it (pg_ctl stop as the folder's owner, or kill -INT with \
         its number) and start again; the data is kept"
    )]
    Occupied {
        /// The data.
        data: PathBuf,
        /// Which process, and what it says.
        by: String,
    },
    /// The server neither started nor ended.
    #[error(
        "PostgreSQL was not ready after {seconds} s; {log} says what it is at. It may be repairing itself after a power \
         cut: start again in a while"
    )]
    TimedOut {
        /// How long was waited.
        seconds: u64,
        /// The whole log.
        log: PathBuf,
    },
}

fn not_found(made_by: Option<u32>, reason: &str) -> String {
    let minimum = find::MINIMUM_VERSION;
    match made_by {
        None => format!(
            "no PostgreSQL {minimum} or newer is installed, and it could not be fetched: {reason}. Install it (Debian, \
             Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17), or set DATABASE_URL to a running server"
        ),
        // The advice above would bring today's version, which does not read the data of another.
        Some(major) => format!(
            "no PostgreSQL {major} is installed, the version that made the data, and it could not be fetched: {reason}. \
             Install it beside any other (Debian, Ubuntu: apt-get install postgresql-{major}, from apt.postgresql.org \
             where the system has it no more; macOS: brew install postgresql@{major}) and start again. To move the data \
             to a newer version, use pg_upgrade, or pg_dump with the old version and pg_restore with the new one; the \
             README says how"
        ),
    }
}

impl StartError {
    pub(crate) fn files(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Files { path, source }
    }
}

/// How long to wait for another process that is just starting or stopping.
const PATIENCE: Duration = Duration::from_secs(15);

/// A running PostgreSQL.
///
/// [`stop`](Self::stop) it when done; dropped without that, an owned server is asked to stop but not waited for.
#[derive(Debug)]
pub struct Postgres {
    cluster: Arc<Cluster>,
    running: Running,
    owner: Option<Owner>,
}

#[derive(Debug)]
struct Owner {
    /// Held as long as this process may stop the server.
    lock: File,
    stop: watch::Sender<bool>,
    current: watch::Receiver<Option<i32>>,
    supervisor: JoinHandle<()>,
}

impl Postgres {
    /// Starts the server, or takes over one that outlived its killed owner.
    ///
    /// # Errors
    /// [`StartError`]; [`StartError::InUse`] when another live process owns the cluster.
    pub async fn start(options: PostgresOptions) -> Result<Self, StartError> {
        let cluster = Cluster::open(&options)?;
        let Some(lock) = take_lock(&cluster, false).await? else {
            return Err(in_use(&cluster));
        };
        Self::own(cluster, lock, options).await
    }

    /// Like [`start`](Self::start), but when another process owns the server, uses it and leaves it running.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_or_join(options: PostgresOptions) -> Result<Self, StartError> {
        let cluster = Cluster::open(&options)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(lock) = take_lock(&cluster, true).await? {
                return Self::own(cluster, lock, options).await;
            }
            if let Some(running) = cluster.running()?.filter(|running| running.ready) {
                return Ok(Self::guest(cluster, running));
            }
            if Instant::now() > deadline {
                return Err(in_use(&cluster));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The server that runs in this folder, whoever owns it; `None` when none runs. Starts and makes nothing.
    ///
    /// # Errors
    /// [`StartError::Files`].
    pub fn running(options: &PostgresOptions) -> Result<Option<Self>, StartError> {
        if !options.folder.join(cluster::DATA).join("PG_VERSION").exists() {
            return Ok(None);
        }
        let cluster = Cluster::open(options)?;
        Ok(cluster.running()?.filter(|running| running.ready).map(|running| Self::guest(cluster, running)))
    }

    fn guest(cluster: Cluster, running: Running) -> Self {
        Self { cluster: Arc::new(cluster), running, owner: None }
    }

    async fn own(cluster: Cluster, lock: File, options: PostgresOptions) -> Result<Self, StartError> {
        let started = Instant::now();
        let installation = find_or_fetch(&cluster, &options).await?;
        cluster.make(&installation, options.durable).await?;
        let (running, child) = cluster.start(&installation, &options, None).await?;
        tracing::info!(
            postgres.version = %installation.version,
            postgres.bin = %installation.bin.display(),
            postgres.pid = running.pid,
            postgres.port = running.port,
            postgres.adopted = child.is_none(),
            duration_ms = started.elapsed().as_millis() as u64,
            "PostgreSQL is running"
        );
        let cluster = Arc::new(cluster);
        let (stop, stopped) = watch::channel(false);
        let (announce, current) = watch::channel(Some(running.pid));
        let supervisor = tokio::spawn(process::supervise(process::Supervised {
            cluster: Arc::clone(&cluster),
            installation,
            options,
            port: running.port,
            pid: running.pid,
            child,
            stopped,
            announce,
        }));
        Ok(Self { cluster, running, owner: Some(Owner { lock, stop, current, supervisor }) })
    }

    /// The address of a database in it, over the unix socket where there is one, with the password: not for logs.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.cluster.url(&self.running, database)
    }

    /// The address of a database in it over loopback, with the password: not for logs.
    #[must_use]
    pub fn tcp_url(&self, database: &str) -> String {
        self.cluster.tcp_url(&self.running, database)
    }

    /// The name of the database made for the product.
    #[must_use]
    pub fn database(&self) -> &'static str {
        cluster::DATABASE
    }

    /// The server's process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.owner.as_ref().and_then(|owner| *owner.current.borrow()).unwrap_or(self.running.pid)
    }

    /// Whether this process started or took over the server, and so stops it.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.owner.is_some()
    }

    /// Stops the server and waits for it; a joined one is left alone. Open connections are closed by the server.
    pub async fn stop(mut self) {
        let Some(owner) = self.owner.take() else { return };
        let _ = owner.stop.send(true);
        if let Err(error) = owner.supervisor.await {
            tracing::warn!(error = %error, "the watcher of PostgreSQL broke");
        }
        drop(owner.lock);
    }

    /// Leaves the server running and gives up the right to stop it.
    pub fn detach(mut self) {
        if let Some(owner) = self.owner.take() {
            owner.supervisor.abort();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(owner) = self.owner.take() else { return };
        owner.supervisor.abort();
        if let Some(pid) = *owner.current.borrow() {
            process::ask_to_stop(pid);
        }
    }
}

/// Whether this machine could run an embedded server, for `doctor`: what would be used.
///
/// # Errors
/// [`StartError::NotFound`] when nothing is installed and nothing was fetched before; a fetch is not tried.
pub async fn installed(options: &PostgresOptions) -> Result<Installation, StartError> {
    let made_by = cluster::version_of(&options.folder.join(cluster::DATA));
    find::installed(made_by, &options.cache, None).await.ok_or_else(|| StartError::NotFound {
        made_by,
        reason: if is_fetched(made_by) {
            "it was not fetched yet; \"cjhirashi serve\" does that".to_owned()
        } else {
            format!("only {} is fetched", fetch::VERSION)
        },
    })
}

/// Whether the version that is fetched reads data made by another; `None` where there is no data.
#[must_use]
pub fn is_fetched(made_by: Option<u32>) -> bool {
    made_by.is_none_or(|major| major == fetch::VERSION.0)
}

async fn find_or_fetch(cluster: &Cluster, options: &PostgresOptions) -> Result<Installation, StartError> {
    let made_by = cluster.made_by();
    let not_found = |reason: String| StartError::NotFound { made_by, reason };
    if let Some(programs) = &options.programs {
        let found = find::examine(programs.clone(), cluster.account.as_ref()).await;
        return found.ok_or_else(|| not_found(format!("{} holds no PostgreSQL that runs here", programs.display())));
    }
    // Root's own cache is closed to the user the database runs as.
    let cache = match &cluster.account {
        Some(account) if !account.can_reach(&options.cache) => PathBuf::from("/var/cache/cjhirashi"),
        _ => options.cache.clone(),
    };
    if let Some(found) = find::installed(made_by, &cache, cluster.account.as_ref()).await {
        return Ok(found);
    }
    if !options.fetch {
        return Err(not_found("fetching is switched off".to_owned()));
    }
    if !is_fetched(made_by) {
        return Err(not_found(format!("only {} is fetched", fetch::VERSION)));
    }
    cluster::make_way(&cache, cluster.account.as_ref())?;
    let bin = fetch::fetch(&cache).await.map_err(|error| not_found(error.to_string()))?;
    find::examine(bin, cluster.account.as_ref())
        .await
        .ok_or_else(|| not_found("the fetched build does not run on this system".to_owned()))
}

/// Waits a little for an owner that is just going away; `at_once` asks only once.
async fn take_lock(cluster: &Cluster, at_once: bool) -> Result<Option<File>, StartError> {
    let path = cluster.folder.join("lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(StartError::files(&path))?;
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(std::fs::TryLockError::WouldBlock) if at_once || Instant::now() > deadline => return Ok(None),
            Err(std::fs::TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(std::fs::TryLockError::Error(source)) => return Err(StartError::Files { path, source }),
        }
    }
    // For the message that another process shows.
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
    written.map_err(StartError::files(&path))?;
    Ok(Some(file))
}

fn in_use(cluster: &Cluster) -> StartError {
    let mut owner = String::new();
    let _ = File::open(cluster.folder.join("lock")).and_then(|file| file.take(20).read_to_string(&mut owner));
    let owner = if owner.trim().is_empty() { "unknown".to_owned() } else { owner.trim().to_owned() };
    StartError::InUse { folder: cluster.folder.clone(), owner }
}

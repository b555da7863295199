//! A fresh database per test in one real PostgreSQL.
//!
//! The server is the one that `TEST_DATABASE_URL` names, or else one of our own: a cluster under the target folder
//! that all test processes of the machine's user share. The first one makes and starts it; a small watcher stops it a
//! few seconds after the last one has ended, however it ended. Its data is thrown away at every start.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use cjhirashi_postgres::{Postgres, PostgresOptions, StartError};
use sqlx::{Connection as _, Executor as _};
use tokio::sync::OnceCell;

/// An empty database of its own, dropped when the test ends.
#[derive(Debug)]
pub struct TestDb {
    /// `postgres://…` of the empty database; run the migrations yourself.
    pub url: String,
    admin_url: &'static str,
    name: String,
}

/// A version of pgvector that `scripts/fetch-pgvector` brings, with a PostgreSQL of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PgVector {
    /// 0.8.5.
    Current,
    /// 0.6.2: no half precision, no iterative scans.
    Old,
}

impl PgVector {
    const fn version(self) -> &'static str {
        match self {
            Self::Current => "0.8.5",
            Self::Old => "0.6.2",
        }
    }

    /// Where the script put the programs; `None` where it could not.
    fn programs(self) -> Option<PathBuf> {
        let user = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
        [Some(PathBuf::from("/var/cache")), user]
            .into_iter()
            .flatten()
            .map(|cache| cache.join("cjhirashi/pgvector").join(self.version()))
            .find(|folder| folder.join("complete").exists())
            .map(|folder| folder.join("bin"))
    }
}

/// So long a test waits for its database to go away.
const DROPPING: Duration = Duration::from_secs(3);

impl TestDb {
    /// Makes an empty database, starting a server first where none runs.
    pub async fn new() -> anyhow::Result<Self> {
        static SERVER: OnceCell<String> = OnceCell::const_new();
        Self::on(SERVER.get_or_try_init(server).await?).await
    }

    /// Makes an empty database in a PostgreSQL with pgvector, which is not yet created in it. `None`: this machine has
    /// none, `scripts/fetch-pgvector` brings it.
    pub async fn with_pgvector(version: PgVector) -> anyhow::Result<Option<Self>> {
        static SERVERS: [OnceCell<String>; 2] = [const { OnceCell::const_new() }; 2];
        let Some(programs) = version.programs() else { return Ok(None) };
        let admin_url = SERVERS[version as usize]
            .get_or_try_init(|| async {
                let folder = target_folder().join(format!("test-pgvector-{}", version.version()));
                Shared { folder, programs: Some(programs) }.join().await
            })
            .await?;
        Self::on(admin_url).await.map(Some)
    }

    async fn on(admin_url: &'static str) -> anyhow::Result<Self> {
        let name = format!("test_{:032x}", rand::random::<u128>());
        let mut admin = sqlx::PgConnection::connect(admin_url).await.context("connecting to the tests' PostgreSQL")?;
        admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
        admin.close().await?;
        let (address, query) = admin_url.split_once('?').unwrap_or((admin_url, ""));
        let (base, _) = address.rsplit_once('/').context("TEST_DATABASE_URL names a database")?;
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        Ok(Self { url: format!("{base}/{name}{query}"), admin_url, name })
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let (url, name) = (self.admin_url, self.name.clone());
        // A destructor cannot wait, and the test's runtime may be gone: a thread with its own does it.
        let _ = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            // The thread that waits for this one may have a connection half open, which the server waits for up to a minute;
            // then the database stays until the server is thrown away.
            let dropping = async {
                if let Ok(mut admin) = sqlx::PgConnection::connect(url).await {
                    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    let _ = admin.execute(sqlx::AssertSqlSafe(sql)).await;
                }
            };
            let _ = runtime.block_on(async { tokio::time::timeout(DROPPING, dropping).await });
        })
        .join();
    }
}

/// The address of the server's `postgres` database.
async fn server() -> anyhow::Result<String> {
    match std::env::var("TEST_DATABASE_URL") {
        Ok(url) if !url.is_empty() => Ok(url),
        _ => Shared { folder: target_folder().join("test-postgres"), programs: None }.join().await,
    }
}

/// The folder cargo builds into, told by where this program lies: `target/debug/deps/…`.
fn target_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let deps = program.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "deps"));
    let target = deps.and_then(Path::parent).and_then(Path::parent);
    target.map_or_else(|| std::env::temp_dir().join("cjhirashi-tests"), Path::to_owned)
}

/// The cluster that test processes share.
///
/// Nobody holds a lock while they use it; each leaves a file named by its process id, which the watcher looks through.
/// The watcher first says that it stops, then looks once more; a newcomer first leaves its file, then looks whether the
/// watcher stops. So one of the two always sees the other.
struct Shared {
    folder: PathBuf,
    programs: Option<PathBuf>,
}

/// `$1` folder of users, `$2` pid of the server, `$3` what says that it stops, `$4` seconds without users.
const WATCHER: &str = r#"
used() {
    for file in "$users"/*; do
        [ -e "$file" ] || continue
        if kill -0 "${file##*/}" 2>/dev/null; then return 0; fi
        rm -f "$file"
    done
    return 1
}
users=$1 server=$2 stopping=$3 quiet=0
while kill -0 "$server" 2>/dev/null; do
    if used; then quiet=0; else quiet=$((quiet + 1)); fi
    if [ "$quiet" -ge "$4" ]; then
        mkdir "$stopping"
        if used; then
            quiet=0
        else
            kill -INT "$server"
            while kill -0 "$server" 2>/dev/null; do sleep 0.1; done
        fi
        rmdir "$stopping"
    fi
    sleep 1
done
"#;

/// Long enough for the next test program of one `cargo test`.
const QUIET_SECONDS: u32 = 10;

impl Shared {
    fn options(&self) -> PostgresOptions {
        PostgresOptions {
            programs: self.programs.clone(),
            durable: false,
            max_connections: 400,
            ..PostgresOptions::new(self.folder.join("cluster"), self.folder.join("cache"))
        }
    }

    async fn join(&self) -> anyhow::Result<String> {
        let (users, stopping) = (self.folder.join("users"), self.folder.join("stopping"));
        std::fs::create_dir_all(&users).with_context(|| format!("making {}", users.display()))?;
        let options = self.options();
        let lock = self.lock().await?;
        File::create(users.join(std::process::id().to_string()))?;
        let deadline = Instant::now() + Duration::from_secs(60);
        let server = loop {
            let running = Postgres::running(&options)?;
            match (running, stopping.exists()) {
                (Some(server), false) => break server,
                (None, true) => drop(std::fs::remove_dir(&stopping)),
                (Some(_), true) => {
                    anyhow::ensure!(Instant::now() < deadline, "the tests' PostgreSQL neither runs nor stops");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                (None, false) => break self.start(&options, &users, &stopping).await?,
            }
        };
        drop(lock);
        Ok(server.tcp_url("postgres"))
    }

    async fn start(&self, options: &PostgresOptions, users: &Path, stopping: &Path) -> anyhow::Result<Postgres> {
        // Written without fsync, so not to be trusted; and it may be of another version.
        let data = options.folder.join("data");
        if data.exists() {
            std::fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))?;
        }
        let server = match Postgres::start(options.clone()).await {
            // As root; and the target folder was removed, which is how its owner throws things away.
            Err(StartError::LinkGone { place, .. }) => {
                std::fs::remove_dir_all(&place).with_context(|| format!("removing {}", place.display()))?;
                Postgres::start(options.clone()).await
            }
            started => started,
        };
        let server = server.context("starting a PostgreSQL for the tests")?;
        let mut watcher = Command::new("sh");
        watcher.arg("-c").arg(WATCHER).arg("watch-test-postgres");
        watcher.arg(users).arg(server.pid().to_string()).arg(stopping).arg(QUIET_SECONDS.to_string());
        watcher.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C stops the tests; the watcher then still has its work to do.
        std::os::unix::process::CommandExt::process_group(&mut watcher, 0);
        watcher.spawn().context("starting the watcher of the tests' PostgreSQL")?;
        server.detach();
        Postgres::running(options)?.context("the tests' PostgreSQL ended at once")
    }

    /// One process at a time looks and starts.
    async fn lock(&self) -> anyhow::Result<File> {
        let file = File::create(self.folder.join("lock"))?;
        let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await?;
        Ok(locked?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn databases_are_apart_and_go_away() {
        let (a, b) = tokio::try_join!(TestDb::new(), TestDb::new()).unwrap();
        let mut connection = sqlx::PgConnection::connect(&a.url).await.unwrap();
        connection.execute("CREATE TABLE only_here (id int)").await.unwrap();
        let mut other = sqlx::PgConnection::connect(&b.url).await.unwrap();
        assert!(other.execute("SELECT * FROM only_here").await.is_err());
        let url = a.url.clone();
        drop(a);
        assert!(sqlx::PgConnection::connect(&url).await.is_err());
    }
}

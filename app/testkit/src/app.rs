//! The real program, as a person would start it, with a database and a data folder of its own.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use cjhirashi_postgres::{Postgres, PostgresOptions};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::Connection as _;

use crate::TestDb;

/// Which database the program gets.
#[derive(Debug, Default)]
pub enum TestDatabase {
    /// An empty one in the tests' PostgreSQL.
    #[default]
    Fresh,
    /// None: the program brings its own.
    Embedded,
    /// This one, which the caller has prepared.
    Prepared(TestDb),
}

/// How the program is started.
#[derive(Debug, Default)]
pub struct TestAppOptions {
    /// Variables beyond those that [`TestApp`] sets, or in their place; an empty value counts as unset.
    pub env: Vec<(String, String)>,
    /// Its database.
    pub database: TestDatabase,
}

/// A running program. Dropped, it is killed, and so is a database process it may have started; over a database of the
/// tests it has to have done all its jobs by then.
#[derive(Debug)]
pub struct TestApp {
    /// `http://127.0.0.1:PORT`.
    pub base_url: String,
    /// Follows no redirects and keeps no cookies.
    pub client: reqwest::Client,
    /// A key of the owner, `owner@localhost`.
    pub api_key: String,
    /// Its `DATA_DIR`.
    pub data_dir: PathBuf,
    program: PathBuf,
    env: Vec<(String, String)>,
    child: Option<Child>,
    /// Dropped after the program was killed, in this order.
    database: Option<TestDb>,
    folder: tempfile::TempDir,
}

/// A start with recovery and the making of a database, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(40);
/// What is still to be done when a test ends is done within this time, or never.
const QUEUE_LIMIT: Duration = Duration::from_secs(30);

impl TestApp {
    /// Starts `program` (`env!("CARGO_BIN_EXE_cjhirashi")`) and waits until it serves.
    pub async fn spawn(program: impl AsRef<Path>, options: TestAppOptions) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        // As root the database runs as another user, who has to pass through here.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let database = match options.database {
            TestDatabase::Fresh => Some(TestDb::new().await?),
            TestDatabase::Embedded => None,
            TestDatabase::Prepared(database) => Some(database),
        };
        let data_dir = folder.path().join("data");
        let mut env = vec![
            ("DATA_DIR".to_owned(), data_dir.display().to_string()),
            ("LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            // A model server that happens to run on this machine must not change what a test sees.
            ("LOOK_ON_LOOPBACK".to_owned(), "no".to_owned()),
        ];
        if let Some(database) = &database {
            env.push(("DATABASE_URL".to_owned(), database.url.clone()));
        }
        for name in ["PATH", "HOME", "MODEL_DIR", "XDG_CACHE_HOME", "SITE_DIR", "RUST_LOG"] {
            if let Ok(value) = std::env::var(name) {
                env.push((name.to_owned(), value));
            }
        }
        env.extend(options.env);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .no_proxy()
            .build()?;
        let mut app = Self {
            base_url: String::new(),
            client,
            api_key: String::new(),
            data_dir,
            program: program.as_ref().to_owned(),
            env,
            child: None,
            database,
            folder,
        };
        app.start().await?;
        let key = app.command(&["api-key", "create", "--email", "owner@localhost", "--name", "test"]).await?;
        app.api_key = key.trim().to_owned();
        Ok(app)
    }

    /// Starts it again after [`kill9`](Self::kill9) or [`stop`](Self::stop), on the same port, data and database.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            match self.start_once(deadline).await {
                // Its old port may for a moment be the near end of another test's connection.
                Err(error) if error.to_string().contains("is taken") && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                result => return result,
            }
        }
    }

    async fn start_once(&mut self, deadline: Instant) -> anyhow::Result<()> {
        ensure!(self.child.is_none(), "it is already running");
        let (out, log) = (self.folder.path().join("stdout"), self.log_path());
        let log = File::options().create(true).append(true).open(&log)?;
        let said_before = log.metadata()?.len() as usize;
        self.child =
            Some(self.prepare(&["serve"]).stdout(File::create(&out)?).stderr(log).spawn().context("starting it")?);
        loop {
            // Its first lines say where it listens; they are written once it does.
            let said = std::fs::read_to_string(&out)?;
            let address = said.lines().find_map(|line| {
                let start = line.find("http://")?;
                line.get(start..)?.split(['/', ' ']).nth(2).filter(|_| said.ends_with('\n'))
            });
            if let Some(address) = address {
                // For the next start, and for commands that print addresses.
                self.env.push(("LISTEN".to_owned(), address.to_owned()));
                self.base_url = format!("http://{address}");
                return Ok(());
            }
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                self.child = None;
                let log = self.log();
                bail!("it ended with {status} instead of serving:\n{}", log.get(said_before..).unwrap_or(&log));
            }
            ensure!(Instant::now() < deadline, "it does not serve after {START_LIMIT:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kills it as a power cut would.
    pub async fn kill9(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("it is not running")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Kills its own PostgreSQL as a power cut would, all its processes together.
    pub fn kill_database(&self) -> anyhow::Result<()> {
        let postgres = self.database_process().context("it runs no database of its own")?;
        // Children first, as they would otherwise end in order once they miss their parent.
        let children =
            std::fs::read_to_string(format!("/proc/{postgres}/task/{postgres}/children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
        }
        Ok(kill(postgres, Signal::SIGKILL)?)
    }

    /// Kills it hard and starts it again.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.kill9().await?;
        self.start().await
    }

    /// Asks it to stop, as a service manager would, and waits; nothing of it is running afterwards.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.ended().await
    }

    /// Sends it a signal, and waits for nothing.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.pid().context("it is not running")?;
        Ok(kill(Pid::from_raw(i32::try_from(pid)?), signal)?)
    }

    /// Waits until it has ended by itself; nothing of it is running afterwards.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let mut child = self.child.take().context("it is not running")?;
        let deadline = Instant::now() + STOP_LIMIT;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!("it does not stop within {STOP_LIMIT:?}:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        ensure!(self.database_process().is_none(), "it left its PostgreSQL running:\n{}", self.log());
        Ok(status)
    }

    /// Runs another command of the program with the same environment; returns what it prints.
    pub async fn command(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut command = self.prepare(args);
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        ensure!(
            output.status.success(),
            "{args:?} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Signs the owner in; see [`sign_in_as`](Self::sign_in_as).
    pub async fn sign_in(&self) -> anyhow::Result<String> {
        self.sign_in_as("owner@localhost").await
    }

    /// Signs somebody in by a one-time link; returns the `Cookie` header's value.
    pub async fn sign_in_as(&self, email: &str) -> anyhow::Result<String> {
        let said = self.command(&["sign-in-link", "--email", email]).await?;
        let token = said.split_once("token=").context("no link was printed")?.1.trim();
        let answer = self.get(&format!("/sign-in/link?token={token}")).send().await?;
        ensure!(answer.status().is_redirection(), "the sign-in link answers {}", answer.status());
        let cookie = answer.headers().get(reqwest::header::SET_COOKIE).context("no cookie was set")?.to_str()?;
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    }

    /// A GET without any sign-in.
    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.base_url))
    }

    /// A call of the public API with the owner's key; `path` begins with `/api/v1/`.
    pub fn api(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.api_key)
    }

    /// The address of its database: one of the tests', or the one it runs itself.
    pub fn database_url(&self) -> anyhow::Result<String> {
        if let Some(database) = &self.database {
            return Ok(database.url.clone());
        }
        let options = PostgresOptions::new(self.data_dir.join("postgres"), self.folder.path());
        let own = Postgres::running(&options)?.context("it runs no database of its own")?;
        Ok(own.url(own.database()))
    }

    /// The process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// What it has logged, all its starts together.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn prepare(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // Away from the checkout, so that no `.env` of a developer counts.
        command.args(args).env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        // Later ones replace earlier ones.
        for (name, value) in &self.env {
            command.env(name, value);
        }
        command
    }

    /// A PostgreSQL of its own that runs.
    fn database_process(&self) -> Option<Pid> {
        let file = std::fs::read_to_string(self.data_dir.join("postgres/data/postmaster.pid")).ok()?;
        let pid = Pid::from_raw(file.lines().next()?.trim().parse().ok().filter(|pid| *pid > 1)?);
        kill(pid, None).is_ok().then_some(pid)
    }
}

/// The jobs that are still to be done once there was time to do them. Those that were given up are left out, and so is
/// the housekeeping, which always comes again.
async fn jobs_left(url: &str) -> anyhow::Result<Vec<String>> {
    let mut database = sqlx::PgConnection::connect(url).await?;
    let deadline = Instant::now() + QUEUE_LIMIT;
    loop {
        let jobs: Vec<String> = sqlx::query_scalar(
            "SELECT concat_ws(' ', kind, key, 'run', attempts, error) FROM jobs
             WHERE dead_at IS NULL AND kind NOT IN ('housekeeping', 'reconcile', 'export_vectors')",
        )
        .fetch_all(&mut database)
        .await?;
        if jobs.is_empty() || Instant::now() > deadline {
            return Ok(jobs);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let jobs = match &self.database {
            // A destructor cannot wait, and the test's runtime may be gone: a thread with its own does it.
            Some(database) if self.child.is_some() && !std::thread::panicking() => {
                let url = database.url.clone();
                let asked = std::thread::spawn(move || -> anyhow::Result<Vec<String>> {
                    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(jobs_left(&url))
                });
                asked.join().unwrap_or_else(|_| bail!("the queue could not be looked at"))
            }
            _ => Ok(Vec::new()),
        };
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let deadline = Instant::now() + STOP_LIMIT;
        while let Some(pid) = self.database_process() {
            // Immediately: nothing of it is needed any more.
            let _ = kill(pid, Signal::SIGQUIT);
            if Instant::now() > deadline {
                assert!(std::thread::panicking(), "PostgreSQL {pid} does not stop");
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if !std::thread::panicking() {
            assert!(matches!(&jobs, Ok(jobs) if jobs.is_empty()), "jobs are left: {jobs:?}\n{}", self.log());
        }
    }
}

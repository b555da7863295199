//! The folder: how it is laid out, made, and how a server in it is recognised and launched.
//!
//! | in the folder | what |
//! |---|---|
//! | `data/` | PostgreSQL's own files |
//! | `run/` | the unix socket |
//! | `port` | where the server listened last and will again, so that addresses outlive it |
//! | `password` | of the one database user, mode 600 |
//! | `postgres.log` | what the server says |
//! | `lock` | held by the process that may stop the server |

use std::{
    fs::{DirBuilder, File, Permissions},
    io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, PgConnection};
use tokio::{io::AsyncWriteExt as _, process::Child};

use crate::{Installation, PostgresOptions, StartError, account::Account, process};

pub(crate) const DATA: &str = "data";
pub(crate) const USER: &str = "cjhirashi";
pub(crate) const DATABASE: &str = "cjhirashi";

/// The system's limit for a socket's path is 104 bytes on macOS, 108 on Linux; the file's name takes up to 17.
const LONGEST_SOCKET_FOLDER: usize = 85;

/// After a crash the server first replays what it wrote; a large database needs minutes.
const READY_LIMIT: Duration = Duration::from_secs(300);

/// A server answers within this, and one whose connections are all taken by those a killed owner left has one again.
const LOGIN_LIMIT: Duration = Duration::from_secs(5);

const LOG_LIMIT: u64 = 10 << 20;

#[derive(Debug)]
pub(crate) struct Cluster {
    /// Absolute, without links.
    pub(crate) folder: PathBuf,
    pub(crate) account: Option<Account>,
    password: String,
}

/// A server as its pid file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) pid: i32,
    pub(crate) port: u16,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) ready: bool,
}

impl Cluster {
    /// Makes the folder and the password where they are missing.
    pub(crate) fn open(options: &PostgresOptions) -> Result<Self, StartError> {
        let asked = std::path::absolute(&options.folder).map_err(StartError::files(&options.folder))?;
        let account = Account::choose(&asked.join(DATA))?;
        if let Some(account) = &account
            && !asked.exists()
            && !asked.parent().is_some_and(|parent| account.can_reach(parent))
        {
            link_elsewhere(&asked, account)?;
        }
        make_private(&asked, account.as_ref())?;
        let folder = asked.canonicalize().map_err(StartError::files(&asked))?;
        make_private(&folder.join("run"), account.as_ref())?;
        let password = password(&folder.join("password"))?;
        Ok(Self { folder, account, password })
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    fn run(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// The first number of the version that made the data; `None` when there is no data yet.
    pub(crate) fn made_by(&self) -> Option<u32> {
        version_of(&self.data())
    }

    /// Makes the cluster and the product's database in it, or nothing when they exist.
    pub(crate) async fn make(&self, installation: &Installation, durable: bool) -> Result<(), StartError> {
        if self.made_by().is_some() {
            return Ok(());
        }
        // Made under another name and renamed, so that a run that is killed here leaves no half of a cluster.
        let draft = self.folder.join("data.new");
        let secret = self.folder.join("password.new");
        let result = self.initialise(installation, durable, &draft, &secret).await;
        let _ = std::fs::remove_file(&secret);
        result?;
        let data = self.data();
        // An empty folder, as a mounted volume may be, gives way; one with other files does not.
        if data.exists() {
            std::fs::remove_dir(&data).map_err(StartError::files(&data))?;
        }
        std::fs::rename(&draft, &data).map_err(StartError::files(&data))
    }

    async fn initialise(
        &self,
        installation: &Installation,
        durable: bool,
        draft: &Path,
        secret: &Path,
    ) -> Result<(), StartError> {
        tracing::info!(folder = %self.folder.display(), "making a database");
        let _ = std::fs::remove_file(secret);
        let mut file =
            File::options().write(true).create_new(true).mode(0o600).open(secret).map_err(StartError::files(secret))?;
        file.write_all(self.password.as_bytes()).map_err(StartError::files(secret))?;
        drop(file);
        if let Some(account) = &self.account {
            account.give(secret)?;
        }
        let mut output = String::new();
        // Text search folds the case of accented letters by the character type, so it must know UTF-8. Order is by
        // bytes: fast, and the same after an update of the system's libraries.
        for ctype in ["C.UTF-8", "en_US.UTF-8", "C.utf8", "es_ES.UTF-8"] {
            let _ = std::fs::remove_dir_all(draft);
            make_private(draft, self.account.as_ref())?;
            let program = installation.bin.join("initdb");
            let mut command = process::command(&program, self.account.as_ref());
            command.arg("--pgdata").arg(draft).arg("--pwfile").arg(secret);
            command.args([
                "--username",
                USER,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--data-checksums",
            ]);
            command.arg(format!("--lc-ctype={ctype}"));
            if !durable {
                command.arg("--no-sync");
            }
            let done = command.output().await.map_err(|source| self.spawn_error(&program, source))?;
            if done.status.success() {
                return self.create_database(installation, draft, durable).await;
            }
            output = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
            // Only then may another one do; whatever else is wrong stays wrong. Its output names locales in any case.
            if !String::from_utf8_lossy(&done.stderr).contains("invalid locale") {
                break;
            }
        }
        Err(StartError::Initialise { folder: self.folder.clone(), output: last_lines(&output) })
    }

    /// Without a client at hand, the single-user mode creates the database.
    async fn create_database(
        &self,
        installation: &Installation,
        draft: &Path,
        durable: bool,
    ) -> Result<(), StartError> {
        let program = installation.bin.join("postgres");
        let mut command = process::command(&program, self.account.as_ref());
        command.arg("--single").arg("-D").arg(draft);
        if !durable {
            command.args(["-c", "fsync=off"]);
        }
        command.arg("postgres").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| self.spawn_error(&program, source))?;
        if let Some(mut stdin) = child.stdin.take() {
            let sql = format!("CREATE DATABASE {DATABASE};\n");
            let _ = stdin.write_all(sql.as_bytes()).await;
        }
        let done = child.wait_with_output().await.map_err(|source| self.spawn_error(&program, source))?;
        let said = String::from_utf8_lossy(&done.stderr);
        // Single-user mode goes on after a failed statement and ends well.
        if done.status.success() && !said.contains("ERROR") && !said.contains("FATAL") {
            return Ok(());
        }
        Err(StartError::Initialise { folder: self.folder.clone(), output: last_lines(&said) })
    }

    /// The server that runs on this data, if one does. Removes nothing.
    pub(crate) fn running(&self) -> Result<Option<Running>, StartError> {
        let path = self.data().join("postmaster.pid");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StartError::Files { path, source }),
        };
        Ok(parse_pid_file(&text).filter(|running| process::works_in(running.pid, &self.data())))
    }

    /// Takes over the server that runs on this data, or launches one. A given port is kept, so that addresses that
    /// were given out stay right.
    pub(crate) async fn start(
        &self,
        installation: &Installation,
        options: &PostgresOptions,
        port: Option<u16>,
    ) -> Result<(Running, Option<Child>), StartError> {
        match self.adoptable().await? {
            Some(running) if port.is_some_and(|port| port != running.port) => {
                Err(self.occupied(format!("process {} is a server that was started by hand", running.pid)))
            }
            Some(running) => Ok((running, None)),
            None => {
                let (running, child) = self.launch(installation, options, port).await?;
                Ok((running, Some(child)))
            }
        }
    }

    /// A server left by a killed owner, once it is ready and let us in; waits for one that is stopping to be gone, and
    /// clears away a pid file whose number belongs to another process now, which PostgreSQL itself would be stopped by.
    async fn adoptable(&self) -> Result<Option<Running>, StartError> {
        let started = Instant::now();
        while let Some(running) = self.running()? {
            if running.ready {
                match self.log_in(&running).await {
                    Ok(true) => return Ok(Some(running)),
                    Ok(false) => break,
                    Err(_) if started.elapsed() < LOGIN_LIMIT => {}
                    Err(why) => return Err(self.occupied(format!("process {}: {why}", running.pid))),
                }
            } else if started.elapsed() > READY_LIMIT {
                return Err(StartError::TimedOut { seconds: READY_LIMIT.as_secs(), log: self.log() });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let path = self.data().join("postmaster.pid");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut lines = text.lines();
        if lines.next().and_then(|pid| pid.trim().parse().ok()).is_some_and(process::is_taken) {
            // Without the file the new server cannot see what is left of the old one, so that must be gone.
            let memory = lines.nth(5).unwrap_or_default();
            let mut told = false;
            while process::is_held(memory) {
                if started.elapsed() > READY_LIMIT {
                    return Err(self.occupied("processes of an earlier server do not end".to_owned()));
                }
                if !std::mem::replace(&mut told, true) {
                    tracing::info!(folder = %self.folder.display(), "waiting for what a killed PostgreSQL left to end");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            tracing::warn!(path = %path.display(), "removing the pid file of a server that is gone; its number is taken");
            remove_if_there(&path)?;
            // The lock of the socket holds the same number.
            for left in self.run().read_dir().map_err(StartError::files(self.run()))?.flatten() {
                remove_if_there(&left.path())?;
            }
        }
        Ok(None)
    }

    /// Whether a server lets us in with our password and works on our data: only such a one may be stopped by us.
    /// `false` when nobody listens at its address.
    async fn log_in(&self, running: &Running) -> Result<bool, String> {
        let folder = async {
            let mut connection = PgConnection::connect(&self.url(running, "postgres")).await?;
            let folder: String = sqlx::query_scalar("SHOW data_directory").fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok(folder)
        };
        match tokio::time::timeout(LOGIN_LIMIT, folder).await {
            Ok(Ok(folder)) if Path::new(&folder).canonicalize().is_ok_and(|folder| folder == self.data()) => Ok(true),
            Ok(Ok(folder)) => Err(format!("it works on {folder}")),
            Ok(Err(sqlx::Error::Io(error)))
                if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) =>
            {
                Ok(false)
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it does not answer".to_owned()),
        }
    }

    /// The address of a database of a server, over the unix socket where there is one.
    pub(crate) fn url(&self, running: &Running, database: &str) -> String {
        let (password, port) = (&self.password, running.port);
        match &running.socket {
            Some(folder) => {
                format!("postgres://{USER}:{password}@localhost:{port}/{database}?host={}", percent_encoded(folder))
            }
            None => self.tcp_url(running, database),
        }
    }

    /// The address of a database of a server over loopback.
    pub(crate) fn tcp_url(&self, running: &Running, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}?sslmode=disable", self.password, running.port)
    }

    fn occupied(&self, by: String) -> StartError {
        StartError::Occupied { data: self.data(), by }
    }

    /// Starts the server and waits until it takes connections.
    async fn launch(
        &self,
        installation: &Installation,
        options: &PostgresOptions,
        port: Option<u16>,
    ) -> Result<(Running, Child), StartError> {
        let mut wanted = port.or_else(|| self.kept_port());
        let mut attempts = 0;
        loop {
            attempts += 1;
            let chosen = match wanted {
                Some(port) => port,
                None => free_port().map_err(StartError::files("127.0.0.1"))?,
            };
            self.keep_port(chosen)?;
            let logged_before = self.prepare_log()?;
            let child = self.spawn(installation, options, chosen)?;
            match self.wait_until_ready(child, logged_before).await {
                // Somebody else took the port.
                Err(StartError::Exited { output, .. }) if attempts < 10 && output.contains("could not bind") => {
                    wanted = port;
                }
                // Processes of a killed server are still ending.
                Err(StartError::Exited { output, .. }) if attempts < 10 && output.contains("still in use") => {}
                result => return result,
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn kept_port(&self) -> Option<u16> {
        std::fs::read_to_string(self.folder.join("port")).ok()?.trim().parse().ok()
    }

    fn keep_port(&self, port: u16) -> Result<(), StartError> {
        let path = self.folder.join("port");
        if self.kept_port() == Some(port) {
            return Ok(());
        }
        std::fs::write(&path, format!("{port}\n")).map_err(StartError::files(&path))
    }

    fn spawn(&self, installation: &Installation, options: &PostgresOptions, port: u16) -> Result<Child, StartError> {
        let program = installation.bin.join("postgres");
        let log = self.log();
        let file = File::options().append(true).open(&log).map_err(StartError::files(&log))?;
        let copy = file.try_clone().map_err(StartError::files(&log))?;
        let run = self.run();
        let socket =
            if run.as_os_str().len() > LONGEST_SOCKET_FOLDER { String::new() } else { run.display().to_string() };
        let mut command = process::command(&program, self.account.as_ref());
        command.arg("-D").arg(self.data()).stdout(file).stderr(copy);
        let mut set = |name: &str, value: &str| {
            command.arg("-c").arg(format!("{name}={value}"));
        };
        set("listen_addresses", "127.0.0.1");
        set("port", &port.to_string());
        set("unix_socket_directories", &socket);
        set("unix_socket_permissions", "0700");
        set("max_connections", &options.max_connections.to_string());
        set("logging_collector", "off");
        set("log_timezone", "UTC");
        set("timezone", "UTC");
        set("lc_messages", "C");
        // Our queries are short; compiling them costs more than it saves.
        set("jit", "off");
        // The files lie on solid state today.
        set("random_page_cost", "1.1");
        if !options.durable {
            for name in ["fsync", "synchronous_commit", "full_page_writes"] {
                set(name, "off");
            }
        }
        command.spawn().map_err(|source| self.spawn_error(&program, source))
    }

    /// Waits for the word "ready" in the pid file of exactly this process.
    async fn wait_until_ready(&self, mut child: Child, logged_before: u64) -> Result<(Running, Child), StartError> {
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        let mut guard = StopUnlessReady(pid);
        let (started, mut told) = (Instant::now(), false);
        loop {
            if let Ok(Some(_)) = child.try_wait() {
                guard.0 = None;
                return Err(StartError::Exited { log: self.log(), output: self.log_since(logged_before) });
            }
            let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            if let Some(running) = parse_pid_file(&file).filter(|running| running.ready && Some(running.pid) == pid) {
                guard.0 = None;
                return Ok((running, child));
            }
            if started.elapsed() > READY_LIMIT {
                return Err(StartError::TimedOut { seconds: READY_LIMIT.as_secs(), log: self.log() });
            }
            if started.elapsed() > Duration::from_secs(5) && !told {
                told = true;
                tracing::info!(log = %self.log().display(), "PostgreSQL is recovering; this can take minutes");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Makes the log, empties one that has grown, and returns its length.
    fn prepare_log(&self) -> Result<u64, StartError> {
        let path = self.log();
        let file =
            File::options().create(true).append(true).mode(0o600).open(&path).map_err(StartError::files(&path))?;
        let length = file.metadata().map_err(StartError::files(&path))?.len();
        if length > LOG_LIMIT {
            file.set_len(0).map_err(StartError::files(&path))?;
            return Ok(0);
        }
        Ok(length)
    }

    fn log_since(&self, start: u64) -> String {
        let mut text = Vec::new();
        if let Ok(mut file) = File::open(self.log()) {
            let _ = file.seek(SeekFrom::Start(start)).and_then(|_| file.take(64 << 10).read_to_end(&mut text));
        }
        last_lines(&String::from_utf8_lossy(&text))
    }

    fn spawn_error(&self, program: &Path, source: std::io::Error) -> StartError {
        let user = self.account.as_ref().map(|account| account.name.clone());
        StartError::Spawn { program: program.to_owned(), user, source }
    }
}

/// Whoever gives up waiting leaves no server behind.
struct StopUnlessReady(Option<i32>);

impl Drop for StopUnlessReady {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            process::ask_to_stop(pid);
        }
    }
}

/// The first number of the version that made a data folder.
pub(crate) fn version_of(data: &Path) -> Option<u32> {
    std::fs::read_to_string(data.join("PG_VERSION")).ok()?.trim().split('.').next()?.parse().ok()
}

/// See `miscadmin.h` of PostgreSQL: number, data folder, start, port, socket folder, address, memory, state.
fn parse_pid_file(text: &str) -> Option<Running> {
    let mut lines = text.lines().map(str::trim);
    let pid = lines.next()?.parse().ok().filter(|pid| *pid > 0)?;
    let (port, socket) =
        (lines.nth(2).and_then(|port| port.parse().ok()), lines.next().filter(|text| !text.is_empty()));
    let ready = lines.nth(2) == Some("ready");
    // The last lines are written as the start goes on.
    Some(Running { pid, port: port.unwrap_or(0), socket: socket.map(PathBuf::from), ready: ready && port.is_some() })
}

/// A folder that its owner alone may enter.
fn make_private(folder: &Path, account: Option<&Account>) -> Result<(), StartError> {
    if let Ok(meta) = folder.metadata() {
        // One that somebody made for us beforehand, as root.
        return match account {
            Some(account) if meta.uid() != account.uid => account.give(folder),
            _ => Ok(()),
        };
    }
    if let Some(parent) = folder.parent() {
        make_way(parent, account)?;
    }
    DirBuilder::new().mode(0o700).create(folder).map_err(StartError::files(folder))?;
    // The mode above is cut by the umask.
    std::fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(StartError::files(folder))?;
    account.map_or(Ok(()), |account| account.give(folder))
}

/// A folder and those on the way to it. As root, the account must be able to pass through those that are made here,
/// whatever the umask is.
pub(crate) fn make_way(folder: &Path, account: Option<&Account>) -> Result<(), StartError> {
    let folder = std::path::absolute(folder).map_err(StartError::files(folder))?;
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    std::fs::create_dir_all(&folder).map_err(StartError::files(&folder))?;
    if account.is_some() {
        for folder in missing {
            std::fs::set_permissions(folder, Permissions::from_mode(0o711)).map_err(StartError::files(folder))?;
        }
    }
    Ok(())
}

/// As root, below a folder that is closed to others (such as /root): the files lie where the system keeps such data,
/// and a link stands where they were wanted.
fn link_elsewhere(asked: &Path, account: &Account) -> Result<(), StartError> {
    use std::os::unix::ffi::OsStrExt as _;
    let hash = Sha256::digest(asked.as_os_str().as_bytes());
    let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let place = Path::new("/var/lib/cjhirashi").join(name);
    if let Some(parent) = asked.parent() {
        std::fs::create_dir_all(parent).map_err(StartError::files(parent))?;
    }
    // Whoever removed the folder wanted its data gone, or lost the link by accident: not ours to say.
    if place.join(DATA).join("PG_VERSION").exists() {
        return Err(StartError::LinkGone { place, folder: asked.to_owned() });
    }
    make_private(&place, Some(account))?;
    // A link whose target is gone is not seen as existing.
    let _ = std::fs::remove_file(asked);
    std::os::unix::fs::symlink(&place, asked).map_err(StartError::files(asked))?;
    tracing::info!(
        folder = %asked.display(), place = %place.display(), user = %account.name,
        "the user the database runs as cannot reach its folder; the files lie elsewhere, and the folder is a link"
    );
    Ok(())
}

fn password(path: &Path) -> Result<String, StartError> {
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(source) => return Err(StartError::Files { path: path.to_owned(), source }),
    }
    let text = format!("{:032x}", rand::random::<u128>());
    // Written whole under another name: two processes may come here at once, and the first one's counts.
    let draft = path.with_extension(format!("{:08x}", rand::random::<u32>()));
    let mut file =
        File::options().write(true).create_new(true).mode(0o600).open(&draft).map_err(StartError::files(&draft))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(StartError::files(&draft))?;
    let linked = std::fs::hard_link(&draft, path);
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => Ok(text),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let text = std::fs::read_to_string(path).map_err(StartError::files(path))?;
            Ok(text.trim().to_owned())
        }
        Err(source) => Err(StartError::Files { path: path.to_owned(), source }),
    }
}

/// A path as part of a URL's query.
fn percent_encoded(path: &Path) -> String {
    use std::{fmt::Write as _, os::unix::ffi::OsStrExt as _};
    let mut text = String::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => text.push(char::from(*byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

fn remove_if_there(path: &Path) -> Result<(), StartError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(StartError::Files { path: path.to_owned(), source }),
        _ => Ok(()),
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(6)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_spaces_and_accents_fits_into_the_address() {
        assert_eq!(percent_encoded(Path::new("/a b/ñ?&")), "/a%20b/%C3%B1%3F%26");
    }

    #[test]
    fn a_pid_file_is_read_at_every_stage_of_a_start() {
        let whole = "4711\n/d/data\n1732270000\n5433\n/d/run\n127.0.0.1\n  1234  5678\nready   \n";
        let running = parse_pid_file(whole).unwrap();
        assert_eq!((running.pid, running.port, running.ready), (4711, 5433, true));
        assert_eq!(running.socket.as_deref(), Some(Path::new("/d/run")));
        let starting = parse_pid_file("4711\n/d/data\n1732270000\n5433\n\n127.0.0.1\n").unwrap();
        assert_eq!((starting.socket, starting.ready), (None, false));
        assert!(!parse_pid_file(&whole.replace("ready   ", "stopping")).unwrap().ready);
        assert_eq!(parse_pid_file("4711").map(|running| running.ready), Some(false));
        // A server in single-user mode writes a negative number.
        assert_eq!(parse_pid_file("-4711\n"), None);
        assert_eq!(parse_pid_file(""), None);
    }

    #[test]
    fn an_account_may_pass_through_the_folders_that_are_made_for_it_and_no_others_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
        let closed = folder.path().join("closed");
        DirBuilder::new().mode(0o700).create(&closed).unwrap();
        let account = Account { uid: 4_000_001, gid: 4_000_001, name: "somebody".to_owned() };
        make_way(&closed.join("way/to"), Some(&account)).unwrap();
        assert_eq!(["closed", "closed/way", "closed/way/to"].map(mode), [0o700, 0o711, 0o711]);
    }

    #[test]
    fn the_password_is_made_once_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let first = password(&path).unwrap();
        assert_eq!(first.len(), 32);
        assert_eq!(password(&path).unwrap(), first);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

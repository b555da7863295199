//! A real PostgreSQL, started, killed, taken over and stopped. Runs as root and as an ordinary user.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use cjhirashi_postgres::{Postgres, PostgresOptions, StartError};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use sqlx::{Connection as _, PgConnection};

fn options(folder: &Path) -> PostgresOptions {
    PostgresOptions {
        durable: false,
        ..PostgresOptions::new(folder.join("with a space/postgres"), folder.join("cache"))
    }
}

/// A folder that the user the database drops to can reach.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

async fn ask(url: &str, sql: &'static str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar::<_, String>(sql).fetch_one(&mut connection).await.unwrap()
}

async fn gone(pid: i32) {
    for _ in 0..500 {
        // A zombie of ours counts as gone once the runtime has reaped it.
        if kill(Pid::from_raw(pid), None).is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("process {pid} is still there");
}

fn postgres_folder(folder: &Path) -> PathBuf {
    folder.join("with a space/postgres")
}

fn pid_file(folder: &Path) -> PathBuf {
    postgres_folder(folder).join("data/postmaster.pid")
}

/// A process, ended with this value.
struct Process(Child);

impl Process {
    /// One of the user the database runs as, so that PostgreSQL takes its number seriously.
    fn of_the_owner(folder: &Path) -> Self {
        let data = postgres_folder(folder).join("data").metadata().unwrap();
        let mut command = Command::new("/bin/sleep");
        if geteuid().is_root() {
            command.uid(data.uid()).gid(data.gid());
        }
        Self(command.arg("600").current_dir("/").spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Another process gets the number of the server, in every file that tells it.
fn give_number_away(folder: &Path, server: &str, to: i32) {
    let sockets = postgres_folder(folder).join("run").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let locks = sockets.filter(|path| path.extension().is_some_and(|extension| extension == "lock"));
    let files: Vec<PathBuf> = locks.chain([pid_file(folder)]).collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let number = server.lines().next().unwrap();
        let text = std::fs::read_to_string(&file).unwrap_or_else(|_| server.to_owned());
        std::fs::write(&file, text.replacen(number, &to.to_string(), 1)).unwrap();
    }
}

/// What a crash of the machine leaves: all files, and no process.
async fn crash(postgres: Postgres) {
    let pid = postgres.pid();
    postgres.detach();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    gone(pid).await;
}

/// Runs a test of this program by way of another command, which gives it less rights or another umask.
fn again(by: &[&str], program: &Path, test: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(by[0]);
    command.args(&by[1..]).arg(program).args(["--exact", test, "--nocapture"]).current_dir("/");
    let output = command.env("AGAIN", test).envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn is_again(test: &str) -> bool {
    std::env::var_os("AGAIN").is_some_and(|name| name == test)
}

/// Whether this process may change users and give up rights; where not, the test says that it was left out.
fn is_root() -> bool {
    let root = geteuid().is_root() && cfg!(target_os = "linux");
    if !root {
        let _ = writeln!(std::io::stderr(), "\nLEFT OUT: this test needs root on Linux\n");
    }
    root
}

/// Whether this is the run as Docker starts a container: as root, but without the right to look at processes of others.
/// Else makes that run. A small image has no `ps` either.
async fn in_a_container(test: &str, small: bool) -> bool {
    if is_again(test) {
        return true;
    }
    if is_root() {
        let somewhere = PostgresOptions::new("/nowhere", "/nowhere");
        let path = format!("PATH={}", cjhirashi_postgres::installed(&somewhere).await.unwrap().bin.display());
        let mut by = vec!["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"];
        if small {
            by.extend(["env", &path]);
        }
        again(&by, &std::env::current_exe().unwrap(), test, &[]);
    }
    false
}

#[tokio::test]
async fn a_server_starts_keeps_data_and_stops() {
    let folder = folder();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    let url = postgres.url(postgres.database());
    assert_eq!(ask(&url, "SELECT current_database()::text").await, "cjhirashi");
    assert_eq!(ask(&postgres.tcp_url("cjhirashi"), "SELECT current_user::text").await, "cjhirashi");
    // The case of accented letters is folded, and the Spanish stems are there.
    let stems = ask(&url, "SELECT to_tsvector('spanish', 'ÁRBOLES canciones')::text").await;
    assert_eq!(stems, "'arbol':1 'cancion':2");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("CREATE TABLE kept AS SELECT 'yes' AS word").execute(&mut connection).await.unwrap();
    let pid = postgres.pid();
    // An open connection does not hold the stop up.
    postgres.stop().await;
    gone(pid).await;

    let started = Instant::now();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(ask(&postgres.url("cjhirashi"), "SELECT word FROM kept").await, "yes");
    postgres.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_on_loopback() {
    let folder = folder();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    let url = postgres.tcp_url("cjhirashi");
    let (before, after) = url.split_once('@').unwrap();
    let wrong = format!("{}:wrong@{after}", before.rsplit_once(':').unwrap().0);
    assert!(PgConnection::connect(&wrong).await.is_err());
    postgres.stop().await;
}

#[tokio::test]
async fn a_server_that_outlived_its_owner_is_taken_over() {
    let folder = folder();
    let first = Postgres::start(options(folder.path())).await.unwrap();
    let (pid, url) = (first.pid(), first.url("cjhirashi"));
    // What a SIGKILL of the owner leaves: a running server and a free lock.
    first.detach();
    let second = Postgres::start(options(folder.path())).await.unwrap();
    assert_eq!((second.pid(), second.url("cjhirashi")), (pid, url));
    second.stop().await;
    gone(pid).await;
}

#[tokio::test]
async fn a_server_killed_hard_comes_back_at_the_same_address() {
    let folder = folder();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    let (pid, url) = (postgres.pid(), postgres.url("cjhirashi"));
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while PgConnection::connect(&url).await.is_err() {
        assert!(Instant::now() < deadline, "it does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(postgres.pid(), pid);
    postgres.stop().await;
}

#[tokio::test]
async fn a_pid_file_of_a_crash_does_not_stop_a_start_even_when_its_number_is_used_again() {
    let folder = folder();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    let file = folder.path().join("with a space/postgres/data/postmaster.pid");
    let text = std::fs::read_to_string(&file).unwrap();
    let pid = postgres.pid();
    postgres.stop().await;
    gone(pid).await;
    // The number of this very process: alive, ours, and no PostgreSQL.
    std::fs::write(&file, text.replacen(&pid.to_string(), &std::process::id().to_string(), 1)).unwrap();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    assert_eq!(ask(&postgres.url("cjhirashi"), "SELECT 'here'").await, "here");
    postgres.stop().await;
}

#[tokio::test]
async fn a_second_owner_is_refused_and_a_guest_is_welcome() {
    let folder = folder();
    let owner = Postgres::start(options(folder.path())).await.unwrap();
    let error = Postgres::start(options(folder.path())).await.unwrap_err();
    let own = std::process::id().to_string();
    assert!(matches!(&error, StartError::InUse { owner, .. } if *owner == own), "{error}");
    let guest = Postgres::start_or_join(options(folder.path())).await.unwrap();
    assert!(!guest.is_owner());
    guest.stop().await;
    assert_eq!(ask(&owner.url("cjhirashi"), "SELECT 'still here'").await, "still here");
    owner.stop().await;
    assert!(Postgres::running(&options(folder.path())).unwrap().is_none());
    let own = Postgres::start_or_join(options(folder.path())).await.unwrap();
    assert!(own.is_owner());
    own.stop().await;
}

#[tokio::test]
async fn a_start_that_was_killed_while_making_the_cluster_is_made_up_for() {
    let folder = folder();
    let half = folder.path().join("with a space/postgres/data.new");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("PG_VERSION"), "9").unwrap();
    Postgres::start(options(folder.path())).await.unwrap().stop().await;
    assert!(!half.exists());
}

#[tokio::test]
async fn data_of_a_version_that_is_not_there_is_named() {
    let folder = folder();
    let data = folder.path().join("with a space/postgres/data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("PG_VERSION"), "9\n").unwrap();
    let error = Postgres::start(options(folder.path())).await.unwrap_err();
    // Advice that names no version brings today's.
    assert!(error.to_string().contains("apt-get install postgresql-9,"), "{error}");
    assert!(error.to_string().contains("brew install postgresql@9)"), "{error}");
}

#[tokio::test]
async fn the_address_outlives_the_server_unless_its_port_is_taken() {
    let folder = folder();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    let (url, tcp_url) = (postgres.url("cjhirashi"), postgres.tcp_url("cjhirashi"));
    postgres.stop().await;
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    assert_eq!(postgres.url("cjhirashi"), url);
    crash(postgres).await;
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    assert_eq!(postgres.url("cjhirashi"), url);
    postgres.stop().await;

    let port = tcp_url.rsplit_once(':').unwrap().1.split('/').next().unwrap().parse::<u16>().unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    let other = postgres.url("cjhirashi");
    assert_ne!(other, url);
    assert_eq!(ask(&other, "SELECT 'here'").await, "here");
    postgres.stop().await;
    drop(taken);
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    assert_eq!(postgres.url("cjhirashi"), other);
    postgres.stop().await;
}

#[tokio::test]
async fn after_a_crash_a_process_of_the_same_user_with_the_servers_number_is_in_nobodys_way() {
    let folder = folder();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    let (url, text) = (postgres.url("cjhirashi"), std::fs::read_to_string(pid_file(folder.path())).unwrap());
    crash(postgres).await;
    let mut stranger = Process::of_the_owner(folder.path());
    give_number_away(folder.path(), &text, stranger.pid());
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    assert_eq!(postgres.url("cjhirashi"), url);
    postgres.stop().await;
    assert!(stranger.is_alive());
}

#[tokio::test]
async fn a_server_comes_back_although_its_number_was_given_to_another_process() {
    let folder = folder();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    let (pid, url) = (postgres.pid(), postgres.url("cjhirashi"));
    let text = std::fs::read_to_string(pid_file(folder.path())).unwrap();
    let mut stranger = Process::of_the_owner(folder.path());
    // The server looks at the file once a minute only.
    give_number_away(folder.path(), &text, stranger.pid());
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while PgConnection::connect(&url).await.is_err() {
        assert!(Instant::now() < deadline, "it does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    postgres.stop().await;
    assert!(stranger.is_alive());
}

#[tokio::test]
async fn a_server_that_does_not_take_our_password_is_left_alone_and_named() {
    let folder = folder();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    let pid = postgres.pid();
    postgres.detach();
    std::fs::remove_file(postgres_folder(folder.path()).join("password")).unwrap();
    let error = Postgres::start(options(folder.path())).await.unwrap_err();
    assert!(matches!(error, StartError::Occupied { .. }), "{error}");
    assert!(error.to_string().contains(&format!("process {pid}: ")), "{error}");
    assert!(pid_file(folder.path()).exists());
    kill(Pid::from_raw(pid), Signal::SIGINT).unwrap();
    gone(pid).await;
}

#[tokio::test]
async fn in_a_container_a_server_is_taken_over() {
    const NAME: &str = "in_a_container_a_server_is_taken_over";
    if !in_a_container(NAME, true).await {
        return;
    }
    let folder = folder();
    let first = Postgres::start(options(folder.path())).await.unwrap();
    let (pid, url) = (first.pid(), first.url("cjhirashi"));
    assert!(std::fs::read_link(format!("/proc/{pid}/cwd")).is_err(), "the right is still there");
    first.detach();
    assert_eq!(Postgres::running(&options(folder.path())).unwrap().map(|running| running.pid()), Some(pid));
    let second = Postgres::start(options(folder.path())).await.unwrap();
    assert_eq!((second.pid(), second.url("cjhirashi")), (pid, url));
    second.stop().await;
    gone(pid).await;
}

#[tokio::test]
async fn in_a_container_what_is_left_of_a_killed_server_is_waited_for() {
    const NAME: &str = "in_a_container_what_is_left_of_a_killed_server_is_waited_for";
    if !in_a_container(NAME, true).await {
        return;
    }
    let folder = folder();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    let text = std::fs::read_to_string(pid_file(folder.path())).unwrap();
    let mut connection = PgConnection::connect(&postgres.url("cjhirashi")).await.unwrap();
    let child: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
    // A child that does not see its server die, as one at long work.
    kill(Pid::from_raw(child), Signal::SIGSTOP).unwrap();
    crash(postgres).await;
    let stranger = Process::of_the_owner(folder.path());
    give_number_away(folder.path(), &text, stranger.pid());
    let start = tokio::spawn(Postgres::start(options(folder.path())));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let waited = pid_file(folder.path()).exists() && !start.is_finished();
    kill(Pid::from_raw(child), Signal::SIGKILL).unwrap();
    start.await.unwrap().unwrap().stop().await;
    assert!(waited, "the pid file was removed before the child had ended");
}

#[tokio::test]
async fn in_a_container_another_postgresql_is_not_taken_for_ours() {
    const NAME: &str = "in_a_container_another_postgresql_is_not_taken_for_ours";
    if !in_a_container(NAME, false).await {
        return;
    }
    let (ours, others) = (folder(), folder());
    let other = Postgres::start(options(others.path())).await.unwrap();
    let postgres = Postgres::start(options(ours.path())).await.unwrap();
    let text = std::fs::read_to_string(pid_file(ours.path())).unwrap();
    crash(postgres).await;
    give_number_away(ours.path(), &text, other.pid());
    assert!(Postgres::running(&options(ours.path())).unwrap().is_none());
    let postgres = Postgres::start(options(ours.path())).await.unwrap();
    assert_ne!(postgres.pid(), other.pid());
    postgres.stop().await;
    assert_eq!(ask(&other.url("cjhirashi"), "SELECT 'still here'").await, "still here");
    other.stop().await;
}

#[tokio::test]
async fn a_process_of_another_user_is_not_taken_for_ours_whatever_its_name() {
    const NAME: &str = "a_process_of_another_user_is_not_taken_for_ours_whatever_its_name";
    if !is_again(NAME) {
        if is_root() {
            let folder = folder();
            // Where an ordinary user reaches it.
            let (program, postgres) = (folder.path().join("tests"), folder.path().join("postgres"));
            std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
            std::fs::copy("/bin/sh", &postgres).unwrap();
            // It waits for a line that does not come.
            let mut command = Command::new(&postgres);
            command.args(["-c", "read line"]).current_dir("/").stdin(Stdio::piped());
            let mut stranger = Process(command.spawn().unwrap());
            let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
            again(&user, &program, NAME, &[("STRANGER", &stranger.pid().to_string())]);
            assert!(stranger.is_alive());
        }
        return;
    }
    let folder = folder();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    let text = std::fs::read_to_string(pid_file(folder.path())).unwrap();
    crash(postgres).await;
    let stranger: i32 = std::env::var("STRANGER").unwrap().parse().unwrap();
    give_number_away(folder.path(), &text, stranger);
    assert!(Postgres::running(&options(folder.path())).unwrap().is_none());
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    assert_eq!(ask(&postgres.url("cjhirashi"), "SELECT 'here'").await, "here");
    postgres.stop().await;
}

#[tokio::test]
async fn as_root_the_database_reaches_its_folder_whatever_the_umask() {
    const NAME: &str = "as_root_the_database_reaches_its_folder_whatever_the_umask";
    if !is_again(NAME) {
        if is_root() {
            let by = ["sh", "-c", "umask 077; exec \"$@\"", "sh"];
            again(&by, &std::env::current_exe().unwrap(), NAME, &[]);
        }
        return;
    }
    let folder = folder();
    let postgres = Postgres::start(options(folder.path())).await.unwrap();
    assert_eq!(ask(&postgres.url("cjhirashi"), "SELECT 'here'").await, "here");
    postgres.stop().await;
}

#[tokio::test]
async fn as_root_a_database_whose_link_is_gone_does_not_come_back_unasked() {
    /// What lies outside of the test's own folder.
    struct Place(PathBuf);
    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
    if !is_root() {
        return;
    }
    // Closed to the user the database runs as.
    let folder = folder();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    Postgres::start(options(folder.path())).await.unwrap().stop().await;
    let link = postgres_folder(folder.path());
    let place = Place(std::fs::read_link(&link).unwrap());
    std::fs::remove_dir_all(link.parent().unwrap()).unwrap();
    let error = Postgres::start(options(folder.path())).await.unwrap_err();
    assert!(matches!(error, StartError::LinkGone { .. }), "{error}");
    // Its advice is taken as it stands.
    let said = error.to_string();
    let command = |before: &str| {
        let (_, rest) = said.split_once(before).unwrap();
        let command = rest.split_once("'. ").unwrap().0.to_owned() + "'";
        assert!(Command::new("sh").arg("-c").arg(&command).status().unwrap().success(), "{command}");
    };
    command("To go on with that database: ");
    Postgres::start(options(folder.path())).await.unwrap().stop().await;
    assert_eq!(std::fs::read_link(&link).unwrap(), place.0);
    std::fs::remove_file(&link).unwrap();
    command("To begin anew: ");
    Postgres::start(options(folder.path())).await.unwrap().stop().await;
}

#[tokio::test]
async fn what_is_really_wrong_with_the_making_of_a_cluster_is_told() {
    let folder = folder();
    let installed = cjhirashi_postgres::installed(&options(folder.path())).await.unwrap();
    let programs = folder.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    std::os::unix::fs::symlink(installed.bin.join("postgres"), programs.join("postgres")).unwrap();
    // The real one, which fails after it has spoken of locales.
    let initdb =
        format!("#!/bin/sh\nexec '{}' \"$@\" --waldir=/dev/null/wal\n", installed.bin.join("initdb").display());
    std::fs::write(programs.join("initdb"), initdb).unwrap();
    std::fs::set_permissions(programs.join("initdb"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = PostgresOptions { programs: Some(programs), ..options(folder.path()) };
    let error = Postgres::start(options).await.unwrap_err().to_string();
    assert!(error.contains("/dev/null/wal") && !error.contains("invalid locale"), "{error}");
}

//! A real PostgreSQL, started, killed, taken over and stopped. Runs as root and as an ordinary user.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use cjhirashi_postgres::{Postgres, PostgresOptions, StartError};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
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
    use std::os::unix::fs::PermissionsExt as _;
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
    assert!(error.to_string().contains("9 (which made the existing data)"), "{error}");
}

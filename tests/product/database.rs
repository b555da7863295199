//! Databases of other people: over TLS, and behind a pooler that lends connections.

use std::{
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use cjhirashi_postgres::{Postgres, PostgresOptions};
use cjhirashi_testkit::{Script, ScriptedModels, TestApp, TestAppOptions, TestDatabase, TestDb, left_out};
use sqlx::{Connection as _, Executor as _};

use crate::client::{PATIENCE, Product, text_of_blocks};

/// A document goes in, is found, and an answer streams; whatever lies between server and database.
async fn works_over(url: &str) -> Product {
    let models = ScriptedModels::start().await.expect("the scripted models");
    models.set(Script { pace_ms: 5, ..Script::saying("uno dos tres cuatro cinco") });
    let mut all = models.openai_env();
    all.push(("DATABASE_URL".to_owned(), url.to_owned()));
    // The next one over this database has another folder.
    all.push(("APP_SECRET".to_owned(), "0123456789abcdef".repeat(4)));
    let options = TestAppOptions { env: all, database: TestDatabase::Embedded };
    let app = TestApp::spawn(env!("CARGO_BIN_EXE_cjhirashi"), options).await.expect("the product starts");
    let product = Product { app, models };
    let cookie = product.sign_in().await;
    // Several at once, so that connections are used at the same time.
    futures::future::join_all((0..8).map(async |number| {
        let text = format!("El tranvía número {number} sale de la plaza cada doce minutos.");
        product.add_text(&format!("Tranvía {number}"), &text).await
    }))
    .await;
    assert!(!product.search("tranvía plaza").await.is_empty());
    let asked = product.ask(&cookie, None, "cuenta").await;
    let events = product.events(&cookie, &asked.generation, 0).await;
    assert_eq!(text_of_blocks(&events).trim(), "uno dos tres cuatro cinco", "{}", product.app.log());
    product
}

/// A file that only PostgreSQL's user may read.
fn give(path: &Path, like: &Path) {
    let owner = std::fs::metadata(like).expect("PostgreSQL's folder");
    std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid())).expect("an owner");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
}

/// A certificate that nobody but itself has signed, for 127.0.0.1 and localhost.
fn certificate(folder: &Path, name: &str) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"])
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .stderr(Stdio::null())
        .status();
    made.is_ok_and(|status| status.success()).then_some((certificate, key))
}

#[tokio::test]
async fn over_tls_the_servers_certificate_is_checked_as_the_address_says() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let (Some((ours, key)), Some((another, _))) =
        (certificate(folder.path(), "ours"), certificate(folder.path(), "another"))
    else {
        return left_out("TLS to PostgreSQL needs certificates", "install openssl");
    };
    let options = PostgresOptions {
        durable: false,
        ..PostgresOptions::new(folder.path().join("postgres"), folder.path().join("cache"))
    };
    let postgres = Postgres::start(options).await.expect("a PostgreSQL");
    let data = folder.path().join("postgres/data");
    for (from, to) in [(&ours, "server.crt"), (&key, "server.key")] {
        std::fs::copy(from, data.join(to)).expect("a copy");
        give(&data.join(to), &data);
    }
    let mut admin = sqlx::PgConnection::connect(&postgres.url("postgres")).await.expect("a connection");
    for sql in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        admin.execute(sql).await.expect(sql);
    }
    let plain = postgres.tcp_url(postgres.database());
    let with = |query: &str| plain.replace("sslmode=disable", query);
    let trusting = format!("sslmode=verify-full&sslrootcert={}", ours.display());
    // The settings are read again a moment after they were to be.
    let started = Instant::now();
    while let Err(error) = sqlx::PgConnection::connect(&with(&trusting)).await {
        assert!(started.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    for query in ["sslmode=require", &trusting] {
        let product = works_over(&with(query)).await;
        let (all, encrypted): (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE s.ssl) FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)
             WHERE a.application_name = 'cjhirashi'",
        )
        .fetch_one(&mut admin)
        .await
        .expect("counts");
        assert!(all > 0 && encrypted == all, "{encrypted} of {all} connections are encrypted");
        drop(product);
    }
    // Somebody in the middle shows a certificate of their own.
    let wrong = with(&format!("sslmode=verify-full&sslrootcert={}", another.display()));
    let output = crate::start::run(&["serve"], &[("DATABASE_URL", &wrong)]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("certificate") && said.contains("DATABASE_URL"), "{said}");
    postgres.stop().await;
}

/// PgBouncer before one database; it ends with this value.
struct Pooler {
    server: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Pooler {
    /// `None` where it is not installed.
    async fn before(database: &TestDb) -> Option<Self> {
        let places =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
        let program = std::env::var_os("PGBOUNCER").map(PathBuf::from);
        let program = program.or_else(|| places.into_iter().map(PathBuf::from).find(|path| path.is_file()))?;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
        let url = reqwest::Url::parse(&database.url).expect("an address");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        // Fewer connections than the product wants, so that they are really lent. Versions before 1.21, such as Debian
        // 12's, forget prepared statements between transactions, so with them a connection is lent for a session.
        let version = Command::new(&program).arg("--version").output().expect("pgbouncer --version").stdout;
        let version = String::from_utf8_lossy(&version).into_owned();
        let minor = version.split(['.', '\n']).nth(1).and_then(|minor| minor.parse::<u32>().ok()).unwrap_or_default();
        let mode = if minor < 21 {
            eprintln!("\nLEFT OUT: transaction mode needs PgBouncer 1.21 or newer; lent for sessions instead\n");
            "pool_mode = session\ndefault_pool_size = 30"
        } else {
            "pool_mode = transaction\ndefault_pool_size = 4\nmax_prepared_statements = 200"
        };
        let settings = format!(
            "[databases]\napp = host=127.0.0.1 port={} dbname={} user={} password={}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             {mode}\n\
             ignore_startup_parameters = extra_float_digits,options\n",
            url.port().expect("a port"),
            url.path().trim_start_matches('/'),
            url.username(),
            url.password().unwrap_or_default(),
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).expect("a file");
        let mut command = Command::new(program);
        // It does not run as root.
        if nix::unistd::geteuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let server =
            command.arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("pgbouncer");
        let pooler =
            Self { server, url: format!("postgres://app@127.0.0.1:{port}/app?sslmode=disable"), _folder: folder };
        let started = Instant::now();
        while let Err(error) = sqlx::PgConnection::connect(&pooler.url).await {
            let log = std::fs::read_to_string(pooler._folder.path().join("log")).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "{error}\n{log}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Some(pooler)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[tokio::test]
async fn behind_a_pooler_everything_works() {
    let database = TestDb::new().await.expect("a database");
    let Some(pooler) = Pooler::before(&database).await else {
        return left_out("pgbouncer is not installed", "run `make setup-tests`");
    };
    let product = works_over(&pooler.url).await;
    // Nothing stays on a connection that is lent to the next one: no lock, no setting.
    let mut admin = sqlx::PgConnection::connect(&database.url).await.expect("a connection");
    let locks: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .fetch_one(&mut admin)
    .await
    .expect("a count");
    assert_eq!(locks, 0, "a lock stays with the pooler");
    // So a second start does not wait for the first one's lock.
    let mut product = product;
    product.app.restart().await.expect("a second start");
    drop(product);
}

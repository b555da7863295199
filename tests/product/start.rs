//! Starting and stopping as somebody who only types commands does it: nothing configured, and everything that can be
//! configured wrongly.

use std::{path::Path, process::Output, time::Duration};

use cjhirashi_testkit::{ScriptedModels, TestApp, TestAppOptions, TestDatabase};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cjhirashi");

async fn embedded() -> TestApp {
    let options = TestAppOptions { database: TestDatabase::Embedded, ..TestAppOptions::default() };
    TestApp::spawn(PROGRAM, options).await.expect("a start with nothing configured")
}

async fn titles(app: &TestApp) -> Vec<String> {
    let answer = app.api(reqwest::Method::GET, "/api/v1/documents").send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    let documents = answer["documents"].as_array().expect("a list");
    documents.iter().filter_map(|document| document["title"].as_str().map(str::to_owned)).collect()
}

async fn add(app: &TestApp, title: &str) {
    let body = serde_json::json!({ "title": title, "content": "El faro se ve desde el puerto." });
    let answer = app.api(reqwest::Method::POST, "/api/v1/documents").json(&body).send().await.expect("an answer");
    assert_eq!(answer.status(), 202);
}

fn database_process(app: &TestApp) -> Pid {
    let file = std::fs::read_to_string(app.data_dir.join("postgres/data/postmaster.pid")).expect("a pid file");
    Pid::from_raw(file.lines().next().and_then(|line| line.trim().parse().ok()).expect("a number"))
}

#[tokio::test]
async fn nothing_configured_survives_every_kind_of_end() {
    let mut app = embedded().await;
    add(&app, "antes").await;

    // The server alone is killed: its database goes on and is taken over.
    let database = database_process(&app);
    app.restart().await.expect("a start over a running database");
    assert_eq!(database_process(&app), database);
    add(&app, "entre").await;

    // Both are killed: the database recovers.
    app.kill9().await.expect("a kill");
    kill(database, Signal::SIGKILL).expect("a kill of the database");
    app.start().await.expect("a start after a crash");
    assert_eq!(titles(&app).await, ["entre", "antes"]);

    // The database alone is killed: it comes back while the server runs.
    kill(database_process(&app), Signal::SIGKILL).expect("a kill of the database");
    let mut ready = false;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        ready = app.get("/readyz").send().await.is_ok_and(|answer| answer.status().is_success());
        if ready {
            break;
        }
    }
    assert!(ready, "{}", app.log());

    // An orderly stop leaves no process; `stop` asserts it.
    let status = app.stop().await.expect("a stop");
    assert!(status.success(), "{status}\n{}", app.log());

    // Commands work without a server too, and leave none behind.
    let key = app.command(&["api-key", "create", "--email", "ana@example.org", "--name", "k"]).await.expect("a key");
    assert!(key.starts_with("cjh_") && key.lines().count() == 1, "{key}");
    app.start().await.expect("a start after an orderly stop");
    assert_eq!(titles(&app).await, ["entre", "antes"]);
    assert!(app.data_dir.join("secret").exists());
}

#[tokio::test]
async fn a_command_in_another_folder_makes_no_other_instance() {
    let folder = tempfile::tempdir().expect("a folder");
    for args in [&["sign-in-link"][..], &["api-key", "create", "--email", "ana@example.org", "--name", "k"]] {
        let output = run_in(folder.path(), args, &[("APP_URL", "http://127.0.0.1:3000")]).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains("no instance in") && told.contains("DATA_DIR"), "{told}");
    }
    assert!(!folder.path().join("data/postgres").exists());
}

#[tokio::test]
async fn one_data_folder_has_one_server() {
    let app = embedded().await;
    let data = app.data_dir.display().to_string();
    let output = run(&["serve"], &[("DATA_DIR", &data)]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("in use by process {}", app.pid().expect("a process"))), "{said}");
    assert_eq!(app.get("/healthz").send().await.expect("an answer").status(), 200, "the first one goes on");
}

#[tokio::test]
async fn a_taken_port_is_told_at_once_with_the_way_out() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let output = run(&["serve"], &[("LISTEN", &address)]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&address) && said.contains("taken") && said.contains("set LISTEN"), "{said}");
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_told_without_its_password() {
    let port = free_port();
    let url = format!("postgres://me:hunter2@127.0.0.1:{port}/x");
    for command in ["serve", "migrate"] {
        let output = run(&[command], &[("DATABASE_URL", &url)]).await;
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(&format!("127.0.0.1:{port}")) && said.contains("refused"), "{said}");
        assert!(said.contains("DATABASE_URL") && !said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn a_wrong_setting_ends_with_2_and_names_itself() {
    for (name, value) in
        [("LISTEN", "0.0.0.0:3000"), ("EMBEDDINGS", "nonsense"), ("CHAT_MODEL", "nonsense"), ("APP_SECRET", "short")]
    {
        let output = run(&["serve"], &[(name, value)]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&format!("cjhirashi: {name}: ")), "{said}");
    }
}

#[tokio::test]
async fn settings_are_read_from_the_folders_env_file_and_the_environment_comes_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let file = format!("# ours\nDATABASE_URL='postgres://me:a$b c@127.0.0.1:{port}/x'\nexport EMBEDDINGS=nonsense\n");
    std::fs::write(folder.path().join(".env"), file).expect("a file");
    let output = run_in(folder.path(), &["serve"], &[]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("cjhirashi: EMBEDDINGS: "), "{said}");
    let output = run_in(folder.path(), &["serve"], &[("EMBEDDINGS", "local")]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("127.0.0.1:{port}")) && !said.contains("a$b"), "{said}");

    std::fs::write(folder.path().join(".env"), "ANTHROPIC_API_KEY=a secret with spaces\n").expect("a file");
    let output = run_in(folder.path(), &["serve"], &[]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("cjhirashi: .env: ") && !said.contains("secret with"), "{said}");
}

#[tokio::test]
async fn doctor_finds_a_healthy_server_healthy_and_changes_nothing() {
    let models = ScriptedModels::start().await.expect("the scripted models");
    let options = TestAppOptions { env: models.openai_env(), ..TestAppOptions::default() };
    let app = TestApp::spawn(PROGRAM, options).await.expect("a start");
    let mut env: Vec<(String, String)> = models.openai_env();
    env.push(("DATABASE_URL".to_owned(), app.database_url().expect("a database")));
    env.push(("LISTEN".to_owned(), app.base_url.trim_start_matches("http://").to_owned()));
    env.push(("LOOK_ON_LOOPBACK".to_owned(), "no".to_owned()));
    let site = tempfile::tempdir().expect("a folder");
    let mut env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |said: &str, what: &str| {
        let found = said.lines().find(|line| line.split_whitespace().nth(1) == Some(what));
        found.unwrap_or_else(|| panic!("nothing about {what} in\n{said}")).to_owned()
    };

    let healthy = said(&run_in(folder.path(), &["doctor"], &env).await);
    for what in ["settings", "data", "database", "address", "embeddings", "answers", "index", "jobs"] {
        assert!(line(&healthy, what).starts_with("ok"), "{healthy}");
    }
    assert!(line(&healthy, "database").contains("PostgreSQL"), "{healthy}");
    assert!(line(&healthy, "answers").contains("openai:scripted-chat"), "{healthy}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "something was made:\n{healthy}");

    // What is wrong is told, with the way out, and nothing else is called wrong for it.
    let database = format!("postgres://me:hunter2@127.0.0.1:{}/x", free_port());
    env.retain(|(name, _)| *name != "DATABASE_URL" && *name != "LISTEN");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let bare = site.path().display().to_string();
    env.extend([("DATABASE_URL", database.as_str()), ("LISTEN", address.as_str()), ("SITE_DIR", bare.as_str())]);
    let output = run_in(folder.path(), &["doctor"], &env).await;
    let ill = said(&output);
    assert_eq!(output.status.code(), Some(1), "{ill}");
    for (what, mark) in [("database", "FAIL"), ("address", "FAIL"), ("embeddings", "ok"), ("answers", "ok")] {
        assert!(line(&ill, what).starts_with(mark), "{what}: {ill}");
    }
    assert!(line(&ill, "address").contains("set LISTEN") && !ill.contains("hunter2"), "{ill}");

    let output = run_in(folder.path(), &["doctor"], &[("EMBEDDINGS", "nonsense")]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(line(&said(&output), "settings").contains("EMBEDDINGS"), "{}", said(&output));
}

/// Bound and closed again: nobody listens there.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// Runs the program with nothing set but these; the folder it gets is empty.
pub(crate) async fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    run_in(folder.path(), args, env).await
}

async fn run_in(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(args).env_clear().current_dir(folder).stdin(std::process::Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LISTEN", "127.0.0.1:0");
    command.env("HOME", folder).envs(env.iter().copied()).kill_on_drop(true);
    tokio::time::timeout(Duration::from_secs(60), command.output()).await.expect("it ends by itself").expect("it runs")
}

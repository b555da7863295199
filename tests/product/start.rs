//! Starting and stopping as somebody who only types commands does it: nothing configured, and everything that can be
//! configured wrongly.

use std::{process::Output, time::Duration};

use cjhirashi_testkit::{TestApp, TestAppOptions, TestDatabase};
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
    // Bound and closed again: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
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
    for (name, value) in [("LISTEN", "0.0.0.0:3000"), ("EMBEDDINGS", "nonsense"), ("APP_SECRET", "short")] {
        let output = run(&["serve"], &[(name, value)]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&format!("cjhirashi: {name}: ")), "{said}");
    }
}

/// Runs the program with nothing set but these; the folder it gets is empty.
async fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(args).env_clear().current_dir(folder.path()).stdin(std::process::Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LISTEN", "127.0.0.1:0");
    command.env("HOME", folder.path()).envs(env.iter().copied()).kill_on_drop(true);
    tokio::time::timeout(Duration::from_secs(60), command.output()).await.expect("it ends by itself").expect("it runs")
}

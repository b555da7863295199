//! What the product promises in figures, measured on the real binary with free and scripted models, over the PostgreSQL
//! that it brings itself: one that writes to the disk what it acknowledges.
//!
//! Prints rows of `make bench`'s table; judges nothing. The machine is shared with the load generator, so read the
//! ratios. `cargo bench --bench figures -- answers` measures one part alone: `start`, `documents`, `chats`, `answers`,
//! `library` or `sign-in`.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

mod answers;
mod library;
mod sign_in;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use cjhirashi_testkit::{ScriptedModels, TestApp, TestAppOptions, TestDatabase, load};
use reqwest::Method;
use serde_json::json;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cjhirashi");
const LOAD_TIME: Duration = Duration::from_secs(5);
/// How long a server is left alone before its memory is read.
const QUIET: Duration = Duration::from_secs(10);

fn row(work: &str, measured: &str, target: &str) {
    println!("| {work} | {measured} | {target} |");
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
    if wanted("start") {
        sizes();
        start().await?;
    }
    let models = ScriptedModels::start().await?;
    // Nothing was asked of it yet when documents come in, so that memory afterwards is told against an idle server's.
    let app = TestApp::spawn(PROGRAM, options(models.openai_env(), TestDatabase::Embedded)).await?;
    if wanted("documents") {
        ingest(&app).await?;
    }
    if wanted("chats") {
        chats(&app).await?;
    }
    if wanted("answers") {
        for people in [50, 200] {
            answers::at_once(&app, &models, people).await?;
        }
    }
    if wanted("library") {
        library::long_chat(&app).await?;
        library::search(&app).await?;
    }
    drop(app);
    if wanted("sign-in") {
        let app = TestApp::spawn(PROGRAM, options(sign_in::github().await?, TestDatabase::Embedded)).await?;
        sign_in::knowing_who(&app).await?;
        sign_in::at_once(&app).await?;
    }
    Ok(())
}

fn options(env: Vec<(String, String)>, database: TestDatabase) -> TestAppOptions {
    TestAppOptions { env, database }
}

/// What the browser loads, where it was built (`SITE_DIR`).
fn sizes() {
    let site = std::env::var("SITE_DIR").unwrap_or_default();
    let size = std::fs::metadata(format!("{site}/pkg/cjhirashi.wasm.br")).map(|file| file.len());
    let size = size.map_or_else(|_| "not built".to_owned(), |bytes| format!("{:.0} kB", bytes as f64 / 1000.0));
    row("`.wasm`, compressed with Brotli", &size, "< 400 kB");
}

/// From the start of the process to the last byte of the signed-in home, and what an instance with nothing configured
/// needs when nobody uses it.
async fn start() -> anyhow::Result<()> {
    for (database, work, target) in [
        (TestDatabase::Fresh, "start to the signed-in home, database up", "< 1 s"),
        (TestDatabase::Embedded, "start to the signed-in home, embedded, existing folder", "< 5 s"),
    ] {
        let embedded = matches!(database, TestDatabase::Embedded);
        let mut app = TestApp::spawn(PROGRAM, options(Vec::new(), database)).await?;
        let cookie = app.sign_in().await?;
        app.stop().await?;
        let began = Instant::now();
        app.start().await?;
        let home = app.get("/").header("cookie", &cookie).header("accept", "text/html").send().await?;
        anyhow::ensure!(home.status() == 200, "the home answers {}", home.status());
        home.bytes().await?;
        row(work, &format!("{:.2} s", began.elapsed().as_secs_f64()), target);
        if embedded {
            tokio::time::sleep(QUIET).await;
            let memory = megabytes(resident_mb(&app));
            row("idle memory of the server, nothing configured, embedding model not loaded", &memory, "< 60 MB");
        }
        app.stop().await?;
    }
    Ok(())
}

/// Resident memory of the server's process, where the kernel tells it (Linux).
fn resident_mb(app: &TestApp) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", app.pid()?)).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

fn megabytes(value: Option<f64>) -> String {
    value.map_or_else(|| "not told by this system".to_owned(), |value| format!("{value:.0} MB"))
}

/// Processor seconds of the server's process and its ended children so far, in ticks of 10 ms (Linux).
fn processor_seconds(app: &TestApp) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", app.pid()?)).ok()?;
    let (_, after) = stat.rsplit_once(") ")?;
    let ticks = after.split(' ').skip(11).take(4).map(str::parse::<f64>).sum::<Result<f64, _>>().ok()?;
    Some(ticks / 100.0)
}

const QUESTION: &str = "¿Qué dice el manual sobre el arranque?";

/// A chat of `turns` questions and answers, written straight into the database: how it is read is measured.
async fn make_chat(app: &TestApp, turns: usize, answer: &str) -> anyhow::Result<String> {
    let mut database = <sqlx::PgConnection as sqlx::Connection>::connect(&app.database_url()?).await?;
    let user: String =
        sqlx::query_scalar("SELECT id FROM users WHERE email = 'owner@localhost'").fetch_one(&mut database).await?;
    let id = format!("bench{turns}");
    sqlx::query("INSERT INTO chats (id, title, user_id, revision) VALUES ($1, 'Bench', $2, 1)")
        .bind(&id)
        .bind(&user)
        .execute(&mut database)
        .await?;
    for turn in 0..turns {
        for (role, content) in [("user", QUESTION), ("assistant", answer)] {
            sqlx::query(
                "INSERT INTO messages (id, chat_id, role, content, created_at)
                 VALUES ($1, $2, $3, $4, now() + $5 * interval '1 second')",
            )
            .bind(format!("{id}-{turn}-{role}"))
            .bind(&id)
            .bind(role)
            .bind(content)
            .bind((turn * 2 + usize::from(role == "assistant")) as f64)
            .execute(&mut database)
            .await?;
        }
    }
    Ok(id)
}

async fn chats(app: &TestApp) -> anyhow::Result<()> {
    let paragraph = "El arranque se hace en **tres pasos**: primero la base de datos, después el índice y al final el \
                     servidor. Véase `cjhirashi serve`.\n\n- uno\n- dos\n\n```rust\nfn main() { println!(\"hola\"); }\n```\n\n";
    let answer = format!("{}Eso es todo por ahora.", paragraph.repeat(14));
    let markdown = ((answer.len() + QUESTION.len()) * 100 + 500) / 1000;
    let long = make_chat(app, 100, &answer).await?;
    let short = make_chat(app, 1, "Sí.").await?;
    let address: SocketAddr = app.base_url.trim_start_matches("http://").parse()?;
    let bearer = format!("Bearer {}", app.api_key);
    let cookie = app.sign_in().await?;
    let api = [("Authorization", bearer.as_str())];
    let page = [("Cookie", cookie.as_str()), ("Accept", "text/html")];

    for (name, path, headers, connections, target) in [
        ("chat of 200 messages, API", format!("/api/v1/chats/{long}"), &api[..], 1, "> 1,000 req/s, p95 < 20 ms"),
        ("chat of 200 messages, API", format!("/api/v1/chats/{long}"), &api[..], 16, "> 1,000 req/s, p95 < 20 ms"),
        ("chat of 200 messages, page", format!("/chat/{long}"), &page[..], 1, "a figure"),
        ("chat of 200 messages, page", format!("/chat/{long}"), &page[..], 16, "a figure"),
        ("short chat, API", format!("/api/v1/chats/{short}"), &api[..], 16, "> 2,500 req/s"),
        ("short chat, page", format!("/chat/{short}"), &page[..], 16, "a figure"),
    ] {
        load::get(address, &path, headers, connections, Duration::from_secs(1)).await?;
        let load = load::get(address, &path, headers, connections, LOAD_TIME).await?;
        let size = if path.contains(&long) { format!(", {markdown} kB of Markdown") } else { String::new() };
        let plural = if connections == 1 { "" } else { "s" };
        row(
            &format!("{name}{size}, {connections} connection{plural} (body {} kB)", load.body_bytes / 1000),
            &format!("{:.0} req/s, p50 {:.1} ms, p95 {:.1} ms", load.per_second, load.p50_ms, load.p95_ms),
            target,
        );
    }
    Ok(())
}

const SPANISH: &[&str] = &[
    "El manual explica cómo se instala el equipo en la oficina.",
    "Cada empleado dispone de veintitrés días de vacaciones al año.",
    "La factura se envía al departamento de contabilidad antes del día cinco.",
    "Si la pantalla no enciende, compruebe el cable y llame al servicio técnico.",
];
const ENGLISH: &[&str] = &[
    "The handbook explains how the equipment is installed in the office.",
    "Every employee has twenty-three days of holiday a year.",
    "The invoice goes to the accounting department before the fifth day.",
    "If the screen stays dark, check the cable and call the support desk.",
];

async fn ingest(app: &TestApp) -> anyhow::Result<()> {
    tokio::time::sleep(QUIET).await;
    let (before, busy) = (resident_mb(app), processor_seconds(app));
    let documents: Vec<String> = (0..200)
        .map(|number| {
            let sentences = if number % 2 == 0 { SPANISH } else { ENGLISH };
            let mut text = String::new();
            let mut line = 0;
            while text.len() < 8_000 {
                text.push_str(&format!("{} ({number}.{line})\n\n", sentences[line % sentences.len()]));
                line += 1;
            }
            text
        })
        .collect();
    let bytes: usize = documents.iter().map(String::len).sum();
    let began = Instant::now();
    for batch in documents.chunks(8) {
        let sent = batch.iter().map(|content| {
            let body = json!({ "title": "Bench", "content": content, "mime_type": "text/plain" });
            async move {
                let answer = app.api(Method::POST, "/api/v1/documents").json(&body).send().await?;
                answer.error_for_status()
            }
        });
        futures::future::try_join_all(sent).await?;
    }
    let mut database = <sqlx::PgConnection as sqlx::Connection>::connect(&app.database_url()?).await?;
    loop {
        let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM documents WHERE status <> 'indexed'")
            .fetch_one(&mut database)
            .await?;
        if waiting == 0 {
            break;
        }
        anyhow::ensure!(began.elapsed() < Duration::from_secs(120), "{waiting} documents are still not indexed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let elapsed = began.elapsed().as_secs_f64();
    let megabyte = bytes as f64 / 1e6;
    row(&format!("200 text documents of 8 kB ({megabyte:.1} MB), all indexed"), &format!("{elapsed:.2} s"), "< 4 s");
    let processor = processor_seconds(app).zip(busy).map(|(after, before)| (after - before) / megabyte);
    let processor = processor.map_or_else(|| megabytes(None), |seconds| format!("{seconds:.2} s per MB"));
    row("processor time of that, the server's", &processor, "< 1 s per MB");
    tokio::time::sleep(QUIET).await;
    let (before, after) = (megabytes(before), megabytes(resident_mb(app)));
    row("memory ten seconds after that", &format!("{after}; {before} before"), "back to where it was");
    Ok(())
}

//! `make bench`: what the product promises in figures, measured on the real binary with free and scripted models.
//!
//! Prints a table; judges nothing. The machine is shared with the load generator, so read the ratios.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use cjhirashi_testkit::{ScriptedModels, TestApp, TestAppOptions, TestDatabase, load};
use reqwest::Method;
use serde_json::json;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cjhirashi");
const LOAD_TIME: Duration = Duration::from_secs(5);

fn row(work: &str, measured: &str, target: &str) {
    println!("| {work} | {measured} | {target} |");
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!("| work | measured | target |\n|---|---|---|");
    start().await?;
    let models = ScriptedModels::start().await?;
    let app = TestApp::spawn(PROGRAM, options(&models)).await?;
    idle_memory(&app).await?;
    chats(&app).await?;
    ingest(&app).await?;
    Ok(())
}

fn options(models: &ScriptedModels) -> TestAppOptions {
    TestAppOptions { env: models.openai_env(), ..TestAppOptions::default() }
}

async fn start() -> anyhow::Result<()> {
    for (database, work, target) in [
        (TestDatabase::Fresh, "start to first page, database up", "< 1 s"),
        (TestDatabase::Embedded, "start to first page, embedded, existing folder", "< 5 s"),
    ] {
        let mut app = TestApp::spawn(PROGRAM, TestAppOptions { database, ..TestAppOptions::default() }).await?;
        app.stop().await?;
        let began = Instant::now();
        app.start().await?;
        app.get("/sign-in").send().await?.error_for_status()?.bytes().await?;
        row(work, &format!("{:.2} s", began.elapsed().as_secs_f64()), target);
        app.stop().await?;
    }
    Ok(())
}

async fn idle_memory(app: &TestApp) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_secs(3)).await;
    row("idle memory of the server", &format!("{:.0} MB", resident_mb(app)?), "< 60 MB");
    Ok(())
}

/// Resident memory of the server's process, from the kernel.
fn resident_mb(app: &TestApp) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", app.pid().context("it runs")?))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kilobytes / 1024.0)
}

/// Processor seconds of the server's process so far, in ticks of 10 ms.
fn processor_seconds(app: &TestApp) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", app.pid().context("it runs")?))?;
    let (_, after) = stat.rsplit_once(") ").context("stat")?;
    let fields: Vec<&str> = after.split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}

/// A chat of `turns` questions and answers, written straight into the database: how it is read is measured.
async fn make_chat(app: &TestApp, turns: usize, answer: &str) -> anyhow::Result<String> {
    let url = app.database_url().context("a database of its own")?;
    let mut database = <sqlx::PgConnection as sqlx::Connection>::connect(url).await?;
    let user: String =
        sqlx::query_scalar("SELECT id FROM users WHERE email = 'owner@localhost'").fetch_one(&mut database).await?;
    let id = format!("bench{turns}");
    sqlx::query("INSERT INTO chats (id, title, user_id, revision) VALUES ($1, 'Bench', $2, 1)")
        .bind(&id)
        .bind(&user)
        .execute(&mut database)
        .await?;
    for turn in 0..turns {
        for (role, content) in [("user", "¿Qué dice el manual sobre el arranque?"), ("assistant", answer)] {
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
    let long = make_chat(app, 100, &paragraph.repeat(13)).await?;
    let short = make_chat(app, 1, "Sí.").await?;
    let address: SocketAddr = app.base_url.trim_start_matches("http://").parse()?;
    let bearer = format!("Bearer {}", app.api_key);
    let cookie = app.sign_in().await?;
    let api = [("Authorization", bearer.as_str())];
    let page = [("Cookie", cookie.as_str()), ("Accept", "text/html")];

    for (name, path, headers, connections, target) in [
        ("200-message chat, API", format!("/api/v1/chats/{long}"), &api[..], 1, "> 1,000 req/s, p95 < 20 ms"),
        ("200-message chat, API", format!("/api/v1/chats/{long}"), &api[..], 16, "> 1,000 req/s, p95 < 20 ms"),
        ("200-message chat, page", format!("/chat/{long}"), &page[..], 1, "a figure"),
        ("200-message chat, page", format!("/chat/{long}"), &page[..], 16, "a figure"),
        ("short chat, API", format!("/api/v1/chats/{short}"), &api[..], 16, "> 2,500 req/s"),
        ("short chat, page", format!("/chat/{short}"), &page[..], 16, "a figure"),
    ] {
        load::get(address, &path, headers, connections, Duration::from_secs(1)).await?;
        let load = load::get(address, &path, headers, connections, LOAD_TIME).await?;
        row(
            &format!("{name}, {connections} connections ({} kB)", load.body_bytes / 1000),
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
    let before = resident_mb(app)?;
    let busy = processor_seconds(app)?;
    let began = Instant::now();
    let mut bytes = 0;
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
    for batch in documents.chunks(8) {
        let sent = batch.iter().map(|content| {
            bytes += content.len();
            let body = json!({ "title": "Bench", "content": content, "mime_type": "text/plain" });
            async move {
                let answer = app.api(Method::POST, "/api/v1/documents").json(&body).send().await?;
                answer.error_for_status()
            }
        });
        futures::future::try_join_all(sent).await?;
    }
    let url = app.database_url().context("a database of its own")?;
    let mut database = <sqlx::PgConnection as sqlx::Connection>::connect(url).await?;
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
    let processor = (processor_seconds(app)? - busy) / (bytes as f64 / 1e6);
    row("200 text documents of 8 kB, all indexed", &format!("{elapsed:.2} s"), "< 4 s");
    row("processor time of that", &format!("{processor:.2} s per MB"), "< 1 s per MB");
    tokio::time::sleep(Duration::from_secs(10)).await;
    let after = resident_mb(app)?;
    row("memory ten seconds later", &format!("{after:.0} MB, {before:.0} MB before"), "back to where it was");
    Ok(())
}

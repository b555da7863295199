//! Power cuts: whatever was acknowledged is there afterwards, and what was begun is finished or says that it was not.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use cjhirashi_testkit::{Script, ScriptedModels, TestDatabase};
use nix::sys::signal::Signal;
use rand::RngExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Asked, MULTIPART, PATIENCE, Product, form, multipart};

/// How many times the product is killed; more in long runs: `KILLS=200`.
fn kills(usual: usize) -> usize {
    std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    kill_again_and_again(TestDatabase::Fresh, kills(10)).await;
}

/// Its own database has to write to the disk what it acknowledges; the tests' server does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_of_server_and_database_together_loses_nothing_either() {
    kill_again_and_again(TestDatabase::Embedded, kills(5)).await;
}

/// Of an embedded database every second kill takes it along.
async fn kill_again_and_again(database: TestDatabase, rounds: usize) {
    let embedded = matches!(database, TestDatabase::Embedded);
    let models = ScriptedModels::start().await.expect("the scripted models");
    // Slow enough that uploads, embeddings and answers are all under way when the cut comes.
    models.set(Script { pace_ms: 15, embedding_delay_ms: 20, ..Script::saying(&"palabra ".repeat(40)) });
    let env = models.openai_env();
    let mut product = Product::with(models, env, database).await;
    let cookie = product.app.sign_in().await.expect("a session");
    let mut documents: BTreeMap<String, String> = BTreeMap::new();
    let mut questions: Vec<(String, String, String)> = Vec::new();
    for round in 0..rounds {
        let acknowledged = Arc::new(std::sync::Mutex::new((Vec::new(), Vec::new())));
        let work = tokio::spawn(work(
            product.app.client.clone(),
            product.app.base_url.clone(),
            product.app.api_key.clone(),
            cookie.clone(),
            round,
            Arc::clone(&acknowledged),
        ));
        let moment = rand::rng().random_range(5..900);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        product.app.kill9().await.expect("a kill");
        if embedded && round % 2 == 0 {
            product.app.kill_database().expect("a kill of the database");
        }
        work.abort();
        let _ = work.await;
        product.app.start().await.unwrap_or_else(|error| panic!("after a kill at {moment} ms: {error:#}"));
        let (added, asked) = std::mem::take(&mut *acknowledged.lock().expect("a lock"));
        documents.extend(added);
        questions.extend(asked);
        for (id, marker) in &documents {
            let (status, document) = product.api(Method::GET, &format!("/api/v1/documents/{id}"), None).await;
            assert_eq!(status, StatusCode::OK, "{marker} is lost after a kill at {moment} ms: {document}");
        }
        for (chat, question, text) in &questions {
            let message = product.message(chat, question).await;
            assert_eq!(message["content"], text.as_str(), "after a kill at {moment} ms");
        }
    }
    assert!(!documents.is_empty() && !questions.is_empty(), "nothing was acknowledged, so nothing was tested");

    // Everything that was begun ends.
    for (id, marker) in &documents {
        product.indexed(id).await;
        let results = product.search(marker).await;
        assert!(results.iter().any(|result| result["document_id"] == id.as_str()), "{marker} is not found");
    }
    let started = Instant::now();
    let mut database = product.database().await;
    loop {
        let open: i64 = sqlx::query_scalar("SELECT count(*) FROM generations WHERE status = 'streaming'")
            .fetch_one(&mut database)
            .await
            .expect("a count");
        if open == 0 {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{open} answers are still said to be written");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for (chat, _, _) in &questions {
        let chat = product.chat(chat).await;
        for message in chat["messages"].as_array().expect("messages") {
            let status = message["status"].as_str().unwrap_or_default();
            assert!(matches!(status, "complete" | "interrupted"), "{message}");
        }
    }
    let twice: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT 1 FROM chunks c JOIN documents d ON d.id = c.document_id AND d.version = c.version
         GROUP BY c.document_id, c.seq HAVING count(*) > 1) t",
    )
    .fetch_one(&mut database)
    .await
    .expect("a count");
    assert_eq!(twice, 0, "chunks are there twice");
}

type Acknowledged = Arc<std::sync::Mutex<(Vec<(String, String)>, Vec<(String, String, String)>)>>;

/// Uploads and asks until it is cut off, and notes what was acknowledged.
async fn work(client: reqwest::Client, base: String, key: String, cookie: String, round: usize, done: Acknowledged) {
    for step in 0.. {
        let marker = format!("marca{round}x{step}");
        let body = json!({"title": marker, "content": format!("Un texto sobre {marker} y nada más. ").repeat(60)});
        let upload = client.post(format!("{base}/api/v1/documents")).bearer_auth(&key).json(&body).send();
        let text = format!("¿Qué es {marker}?");
        let ask = client
            .post(format!("{base}/fn/send_message"))
            .header("cookie", &cookie)
            .header("origin", &base)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form(&[("text", &text), ("chat", "")]))
            .send();
        let (upload, ask) = tokio::join!(upload, ask);
        // Only a whole answer is an acknowledgement.
        if let Some(answer) = whole(upload).await
            && let Some(id) = answer["id"].as_str()
        {
            done.lock().expect("a lock").0.push((id.to_owned(), marker));
        }
        if let Some(answer) = whole(ask).await
            && let (Some(chat), Some(question)) = (answer["chat"]["id"].as_str(), answer["question"]["id"].as_str())
        {
            done.lock().expect("a lock").1.push((chat.to_owned(), question.to_owned(), text));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn whole(response: reqwest::Result<reqwest::Response>) -> Option<Value> {
    let response = response.ok()?;
    if !response.status().is_success() {
        return None;
    }
    response.json().await.ok()
}

/// The answer once nobody is said to be writing it: a process that died says so to nobody, and is given up after a while.
async fn ended(product: &Product, asked: &Asked) -> Value {
    let started = Instant::now();
    loop {
        let message = product.message(&asked.chat, &asked.answer).await;
        if message["status"] != "streaming" {
            return message;
        }
        assert!(started.elapsed() < Duration::from_secs(45), "{message}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_an_answer_keeps_its_text_and_offers_a_retry() {
    let models = ScriptedModels::start().await.expect("the scripted models");
    let env = models.openai_env();
    let mut product = Product::with(models, env, TestDatabase::Fresh).await;
    product.models.set(Script { hold_after: Some(5), ..Script::saying("uno dos tres cuatro cinco seis siete") });
    let cookie = product.app.sign_in().await.expect("a session");
    let asked = product.ask(&cookie, None, "cuenta").await;
    let mut events = product.follow(&cookie, &asked.generation, 0).await;
    let mut seen = Vec::new();
    while !crate::client::text_of_blocks(&seen).contains("cinco") {
        seen.push(events.next().await.expect("an event"));
    }
    product.app.restart().await.expect("a restart");
    let message = ended(&product, &asked).await;
    assert_eq!(message["status"], "interrupted", "{message}");
    assert!(message["content"].as_str().is_some_and(|text| text.starts_with("uno dos tres cuatro cinco")), "{message}");
    product.models.set(Script::saying("entero"));
    let (status, retried) = product.call(&cookie, "retry_answer", &[("message", &asked.answer)]).await;
    assert_eq!(status, StatusCode::OK, "{retried}");
}

#[tokio::test]
async fn an_index_that_is_lost_is_built_again_from_postgresql() {
    let mut product = Product::start().await;
    let id = product.add_text("Nota", "El telescopio apunta a Saturno.").await;
    let embedded = product.models.requests().iter().filter(|request| request.path == "/v1/embeddings").count();
    product.app.kill9().await.expect("a kill");
    let _ = std::fs::remove_dir_all(product.app.data_dir.join("index"));
    product.app.start().await.expect("a start");
    // Words alone would find it, too; the vectors are what was lost.
    let started = Instant::now();
    let mut questions = 0;
    loop {
        questions += 1;
        let query = json!({"query": "telescopio Saturno", "mode": "dense"});
        let (status, answer) = product.api(Method::POST, "/api/v1/search", Some(query)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        if answer["results"][0]["document_id"] == id.as_str() {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let after = product.models.requests().iter().filter(|request| request.path == "/v1/embeddings").count();
    assert!(after <= embedded + questions, "documents are not embedded again, only the questions");
}

#[tokio::test]
async fn a_stop_ends_in_order_and_a_start_finds_everything() {
    let mut product = Product::start().await;
    let id = product.add_text("Nota", "La llave está bajo el felpudo.").await;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        product.app.signal(signal).expect("a signal");
        let status = product.app.ended().await.expect("an end");
        assert!(status.success(), "{signal}: {status}");
        product.app.start().await.expect("a start");
        assert_eq!(product.search("llave felpudo").await[0]["document_id"], id.as_str());
    }
}

#[tokio::test]
async fn a_stop_lets_an_answer_and_an_upload_end_and_puts_jobs_back() {
    let models = ScriptedModels::start().await.expect("the scripted models");
    let answer = "palabra ".repeat(40);
    models.set(Script { pace_ms: 25, embedding_delay_ms: 300, ..Script::saying(answer.trim()) });
    let env = models.openai_env();
    let mut product = Product::with(models, env, TestDatabase::Fresh).await;
    let cookie = product.app.sign_in().await.expect("a session");
    // A job that is embedding, an answer that has begun, and an upload of which the end is not sent yet.
    let job = product.add_text_without_waiting("Trabajo", &"El horno se apaga a las dos. ".repeat(40)).await;
    let asked = product.ask(&cookie, None, "cuenta").await;
    let mut events = product.follow(&cookie, &asked.generation, 0).await;
    let mut seen = vec![events.next().await.expect("an event")];
    let (pieces, body) = tokio::sync::mpsc::channel::<Vec<u8>>(4);
    let form = multipart(&[("carta.txt".to_owned(), "La carta llegó por la tarde.".into())]);
    let (begin, rest) = form.split_at(form.len() - 40);
    pieces.send(begin.to_vec()).await.expect("room");
    let body = futures::stream::unfold(body, async |mut body| {
        body.recv().await.map(|piece| (Ok::<_, std::io::Error>(piece), body))
    });
    let upload = product.app.api(Method::POST, "/api/v1/documents").header("content-type", MULTIPART);
    let upload = tokio::spawn(upload.body(reqwest::Body::wrap_stream(body)).send());
    tokio::time::sleep(Duration::from_millis(200)).await;

    product.app.signal(Signal::SIGTERM).expect("a signal");
    let began = Instant::now();
    while product
        .app
        .client
        .get(format!("{}/healthz", product.app.base_url))
        .header("connection", "close")
        .send()
        .await
        .is_ok()
    {
        assert!(began.elapsed() < Duration::from_secs(5), "it still takes new connections");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pieces.send(rest.to_vec()).await.expect("room");
    drop(pieces);
    while seen.last().is_some_and(|(_, event)| event["type"] != "end") {
        let event = events.next().await;
        seen.push(event.unwrap_or_else(|| panic!("cut off after {seen:?}\n{}", product.app.log())));
    }
    assert_eq!(seen.last().expect("an end").1["status"], "complete", "{seen:?}");
    let uploaded = upload.await.expect("a task").expect("an answer to the upload");
    assert_eq!(uploaded.status(), StatusCode::ACCEPTED);
    let uploaded: Value = uploaded.json().await.expect("JSON");
    let status = product.app.ended().await.expect("an end");
    assert!(status.success(), "{status}\n{}", product.app.log());
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());

    product.app.start().await.expect("a start");
    let message = product.message(&asked.chat, &asked.answer).await;
    assert_eq!((&message["status"], &message["content"]), (&"complete".into(), &answer.trim().into()), "{message}");
    for id in [job.as_str(), uploaded["id"].as_str().expect("an id")] {
        product.indexed(id).await;
    }
}

#[tokio::test]
async fn a_second_signal_waits_for_no_answer() {
    let mut product = Product::start().await;
    product.models.set(Script { hold_after: Some(3), ..Script::saying("uno dos tres cuatro cinco") });
    let cookie = product.app.sign_in().await.expect("a session");
    let asked = product.ask(&cookie, None, "cuenta").await;
    let mut events = product.follow(&cookie, &asked.generation, 0).await;
    let mut seen = Vec::new();
    while !crate::client::text_of_blocks(&seen).contains("tres") {
        seen.push(events.next().await.expect("an event"));
    }
    product.app.signal(Signal::SIGTERM).expect("a signal");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    product.app.signal(Signal::SIGINT).expect("a second signal");
    let status = product.app.ended().await.expect("an end");
    assert!(status.success(), "{status}\n{}", product.app.log());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}\n{}", began.elapsed(), product.app.log());
    product.app.start().await.expect("a start");
    let message = ended(&product, &asked).await;
    assert_eq!(message["status"], "interrupted", "{message}");
    assert!(message["content"].as_str().is_some_and(|text| text.starts_with("uno dos tres")), "{message}");
}

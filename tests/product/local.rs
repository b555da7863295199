//! Models that run on this machine, with nothing configured and nothing scripted: the embedding model behind the
//! extractive answers, and a real language model behind a real llama.cpp server.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use cjhirashi_testkit::{ScriptedModels, TestDatabase, files, left_out};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::client::{PATIENCE, Product, StreamEvent, id_of, text_of_blocks};

/// The folder that the scripts keep what they fetch in.
fn cache() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = variable("XDG_CACHE_HOME").unwrap_or_else(|| {
        let home = variable("HOME").unwrap_or_default();
        home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" })
    });
    base.join("cjhirashi")
}

/// How many times the text had grown when it was told.
fn steps(events: &[StreamEvent]) -> usize {
    let mut told: Vec<String> = (1..=events.len()).map(|count| text_of_blocks(&events[..count])).collect();
    told.dedup();
    told.len()
}

#[tokio::test]
async fn with_nothing_configured_a_spanish_question_is_answered_from_a_spanish_document() {
    let folder = std::env::var_os("MODEL_DIR").map_or_else(|| cache().join("models"), PathBuf::from);
    let model = folder.join("e5-small-q4.bin");
    if !model.is_file() {
        return left_out(&format!("{} is missing", model.display()), "run `make models`");
    }
    let models = ScriptedModels::start().await.expect("a server that nobody may ask");
    let product = Product::with(models, Vec::new(), TestDatabase::Embedded).await;
    let cookie = product.app.sign_in().await.expect("a session");

    // Dropped onto the page, as people do it.
    let manual = files::pdf(
        "Manual del empleado",
        &[
            "Bienvenida\nEste manual reúne las normas de la casa.\nLéelo con calma durante tu primera semana.",
            "Descanso\nCada trabajador dispone de veintitrés jornadas libres al año, además de los festivos.\nSe solicitan a la persona responsable con dos semanas de antelación.",
            "Material\nLos ordenadores se renuevan cada cuatro años.\nLas averías se comunican al servicio técnico por teléfono.",
        ],
    );
    let recipe = "La tortilla lleva patatas, huevos y cebolla. Se cuaja a fuego lento durante diez minutos.";
    let response = product
        .page_upload(&cookie, &[("manual.pdf".to_owned(), manual), ("tortilla.txt".to_owned(), recipe.into())])
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let accepted: Value = response.json().await.expect("JSON");
    let ids: Vec<String> = accepted["documents"].as_array().expect("documents").iter().map(id_of).collect();
    for id in &ids {
        product.indexed(id).await;
    }
    let manual = &ids[0];

    // Hardly a word of the question stands in the text: only its meaning leads there.
    let asked = product.ask(&cookie, None, "¿Cuántos días de vacaciones me corresponden?").await;
    let events = product.events(&cookie, &asked.generation, 0).await;
    assert_eq!(events.last().expect("an end").1["status"], "complete", "{events:?}");
    assert!(steps(&events) > 1, "the answer came in one piece: {events:?}");
    let message = product.message(&asked.chat, &asked.answer).await;
    let said = message["content"].as_str().expect("text");
    assert!(said.contains("veintitrés jornadas libres") && said.contains("[1]"), "{message}");
    assert_eq!((&message["status"], &message["model"]), (&"complete".into(), &"extractive".into()), "{message}");
    let citation = &message["citations"][0];
    assert_eq!((citation["n"].as_i64(), citation["document_id"].as_str()), (Some(1), Some(manual.as_str())));
    assert_eq!(citation["verdict"], "verified", "{citation}");

    // The citation opens the document at the passage.
    let path = format!("/documents/{manual}?start={}&end={}", citation["start"], citation["end"]);
    let page = product.app.get(&path).header("cookie", &cookie).send().await.expect("a page");
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.expect("HTML");
    assert!(page.contains("id=\"passage\""), "no passage is marked");
    let marked: Vec<&str> =
        page.split("<mark").skip(1).map(|mark| mark.split("</mark>").next().unwrap_or_default()).collect();
    assert!(marked.iter().any(|text| text.contains("veintitrés jornadas libres")), "{marked:?}");

    // About something else the documents say nothing, and neither does the answer.
    let (asked, message) = product.answer(&cookie, None, "¿A qué temperatura se funde el wolframio?").await;
    let said = message["content"].as_str().expect("text");
    assert_eq!(message["status"], "complete", "{message}");
    assert!(said.starts_with("No he encontrado la respuesta en los 2 documentos"), "{said}");
    assert!(said.contains("Lo más cercano está en «"), "{said}");
    assert_eq!(message["citations"].as_array().map(Vec::len), Some(0), "{message}");
    let shown = product.page_message(&cookie, &asked).await;
    let html = shown["html"].as_str().expect("HTML");
    assert!(html.contains("Buscado en 2 documentos · 0 pasajes") && !html.contains("índice"), "{html}");
    assert!(product.models.requests().is_empty(), "nobody was to be asked: {:?}", product.models.requests());
}

/// A llama.cpp server with SmolLM2, as `scripts/fetch-test-model` got them; it ends with this value.
struct Llama {
    server: Child,
    base_url: String,
}

impl Llama {
    /// `None`, with the reason told, where it cannot run.
    async fn start() -> Option<Self> {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            eprintln!("\nLEFT OUT: the ready-made llama.cpp server is for Linux on x86-64\n");
            return None;
        }
        #[cfg(target_arch = "x86_64")]
        if !std::arch::is_x86_feature_detected!("avx512f") {
            eprintln!("\nLEFT OUT: the ready-made llama.cpp server needs a processor with AVX-512\n");
            return None;
        }
        let folder = cache().join("test-model");
        if !folder.join("complete").is_file() {
            left_out(&format!("{} is missing", folder.display()), "run `scripts/fetch-test-model`");
            return None;
        }
        // Another program may take the port between our look and the server's.
        for _ in 0..5 {
            let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
            let mut llama = Self { server: run(&folder, port), base_url: format!("http://127.0.0.1:{port}") };
            match llama.ready().await {
                Ok(()) => return Some(llama),
                Err(status) if signal_of(status) == Some(4) => {
                    eprintln!("\nLEFT OUT: the ready-made llama.cpp server uses instructions this processor lacks\n");
                    return None;
                }
                Err(status) => eprintln!("llama-server ended with {status}"),
            }
        }
        panic!("llama-server does not start");
    }

    async fn ready(&mut self) -> Result<(), std::process::ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.server.try_wait().expect("a child") {
                return Err(status);
            }
            let healthy = reqwest::get(format!("{}/health", self.base_url)).await;
            if healthy.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            assert!(started.elapsed() < PATIENCE, "llama-server is not ready");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// How many tokens of an answer it has written, while it writes one.
    async fn written(&self) -> Option<u64> {
        let slots = reqwest::get(format!("{}/slots", self.base_url)).await.expect("an answer");
        let slots: Value = slots.json().await.expect("JSON");
        let slot = &slots[0];
        assert!(slot["is_processing"].is_boolean(), "{slots}");
        (slot["is_processing"] == true).then(|| slot["next_token"][0]["n_decoded"].as_u64().expect("a count"))
    }
}

/// Every answer has this length: the model would end where it likes, and whoever stops it must come before.
const TOKENS: u64 = 100;
const TOKENS_TO_STOP: u64 = 400;

fn run(folder: &Path, port: u16) -> Child {
    Command::new(folder.join("llama-server"))
        .args(["--model", "SmolLM2-135M-Instruct.Q4_1.gguf", "--alias", "smollm2", "--host", "127.0.0.1"])
        .args(["--port", &port.to_string(), "--ctx-size", "4096", "--threads", "2", "--parallel", "1"])
        .args(["--no-webui", "--device", "none", "--slots", "--ignore-eos"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("llama-server")
}

fn signal_of(status: std::process::ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

impl Drop for Llama {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[tokio::test]
async fn a_real_language_model_behind_llama_cpp_is_streamed_counted_and_stopped() {
    let Some(llama) = Llama::start().await else { return };
    let models = ScriptedModels::start().await.expect("the scripted models");
    // Its answers, and embeddings that cost nothing.
    let mut env = models.cohere_env();
    env.push(("OPENAI_BASE_URL".to_owned(), format!("{}/v1", llama.base_url)));
    env.push(("CHAT_MODEL".to_owned(), "openai:smollm2".to_owned()));
    let product = Product::with(models, env, TestDatabase::Fresh).await;
    let cookie = product.app.sign_in().await.expect("a session");
    let at_most = async |tokens: u64| {
        let fields = [("name", "max_tokens"), ("value", &*tokens.to_string())];
        let (status, answer) = product.call(&cookie, "save_setting", &fields).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    };
    let (status, listed) = product.api(Method::GET, "/api/v1/models", None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(listed["data"].as_array().expect("data").iter().any(|model| model["id"] == "openai:smollm2"), "{listed}");

    at_most(TOKENS).await;
    let asked = product.ask(&cookie, None, "Write three short sentences about the sea.").await;
    let events = product.events(&cookie, &asked.generation, 0).await;
    assert_eq!(events.last().expect("an end").1["status"], "complete", "{events:?}\n{}", product.app.log());
    assert!(steps(&events) > 2, "the answer came in one piece: {events:?}");
    let message = product.message(&asked.chat, &asked.answer).await;
    let said = message["content"].as_str().expect("text");
    assert!(said.split_whitespace().count() > 5, "{message}");
    assert_eq!((&message["status"], &message["model"]), (&"complete".into(), &"openai:smollm2".into()), "{message}");
    // What llama.cpp counted: prompt and answer.
    assert!(message["tokens_used"].as_u64() > Some(TOKENS), "{message}");
    assert!(message["latency_ms"].as_i64() > Some(0), "{message}");

    // Stopped, it writes no more: not here, and not at the server.
    at_most(TOKENS_TO_STOP).await;
    let asked = product.ask(&cookie, None, "Tell a very long story about a lighthouse, with many chapters.").await;
    let mut events = product.follow(&cookie, &asked.generation, 0).await;
    let mut seen = Vec::new();
    while text_of_blocks(&seen).trim().is_empty() {
        seen.push(events.next().await.expect("an event"));
    }
    let (status, answer) = product.call(&cookie, "stop_answer", &[("generation", &asked.generation)]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let rest = product.events(&cookie, &asked.generation, 0).await;
    assert_eq!(rest.last().expect("an end").1["status"], "stopped");
    while let Some(written) = llama.written().await {
        assert!(written < TOKENS_TO_STOP * 3 / 4, "the server goes on writing for nobody");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let message = product.message(&asked.chat, &asked.answer).await;
    assert_eq!(message["status"], "stopped", "{message}");
    assert!(message["content"].as_str().is_some_and(|text| !text.trim().is_empty()), "{message}");
    // And the next question is answered.
    at_most(TOKENS).await;
    let (_, message) = product.answer(&cookie, None, "Say hello.").await;
    assert_eq!(message["status"], "complete", "{message}");
}

//! How somebody connects a better model: one field in the settings, or a server that is found on this machine.

use std::net::SocketAddr;

use cjhirashi_testkit::{Script, ScriptedModels, TestDatabase};
use reqwest::StatusCode;

use crate::client::Product;

/// Ports that model servers on one's own machine usually have, the rarest first; see `app/models/src/loopback.rs`.
const USUAL_PORTS: [u16; 5] = [4891, 1337, 8000, 1234, 8080];

/// Where a connection is ended: on the page as long as there is one.
const CONNECTED: &str = "/fn/remove_connection";

#[tokio::test]
async fn a_server_found_on_this_machine_is_offered_connected_kept_and_removed() {
    let embeddings = ScriptedModels::start().await.expect("the scripted models");
    let mut found = None;
    for port in USUAL_PORTS {
        if let Ok(server) = ScriptedModels::start_on(SocketAddr::from(([127, 0, 0, 1], port))).await {
            found = Some(server);
            break;
        }
    }
    let Some(found) = found else { panic!("other programs listen on all of {USUAL_PORTS:?}") };
    let mut env = embeddings.cohere_env();
    env.push(("LOOK_ON_LOOPBACK".to_owned(), "yes".to_owned()));
    let mut product = Product::with(embeddings, env, TestDatabase::Fresh).await;
    let cookie = product.app.sign_in().await.expect("a session");
    let base_url = format!("{}/v1", found.base_url());

    // Offered, not taken: until somebody says so, nothing is sent there but the question for its models.
    let shown = page(&product, &cookie).await;
    let offer = shown.split("callout accent").skip(1).find(|offer| offer.contains(&base_url));
    let offer = offer.unwrap_or_else(|| panic!("{base_url} is not offered: {shown}"));
    assert!(offer.contains("Encontrado en este equipo") && offer.contains("scripted-chat, scripted-other"), "{offer}");
    assert!(!shown.contains(CONNECTED), "{shown}");
    let (_, message) = product.answer(&cookie, None, "¿Quién responde?").await;
    assert_eq!(message["model"], "extractive", "{message}");

    // From now on it wants a key. One that it refuses, and an address where nobody listens, change nothing.
    found.set(Script { key: Some("la-llave".to_owned()), ..Script::saying("Hola desde al lado.") });
    for (url, key, words) in [
        (base_url.as_str(), "otra", "El servidor no acepta la clave."),
        ("http://127.0.0.1:9/v1", "", "Nadie contesta en ese equipo y puerto."),
        ("no es una dirección", "", "no es una dirección completa"),
        // Which of several models is to answer has to be said, and the refusal names them.
        (base_url.as_str(), "la-llave", "scripted-chat, scripted-other"),
    ] {
        let fields = [("base_url", url), ("api_key", key), ("model", "")];
        let (status, answer) = product.call(&cookie, "save_connection", &fields).await;
        assert!(status.is_client_error() || status.is_server_error(), "{url}: {status} {answer}");
        assert_eq!(answer["code"], "models:not_connected", "{url}: {answer}");
        assert!(answer.to_string().contains(words), "{url}: {answer}");
        assert!(!page(&product, &cookie).await.contains(CONNECTED), "{url} is kept");
    }

    // One field is enough for a server with one model, and a key where it wants one.
    let one =
        Script { models: vec!["scripted-chat".to_owned()], key: Some("la-llave".to_owned()), ..Script::default() };
    found.set(Script { answer: Script::saying("Hola desde al lado.").answer, ..one });
    let fields = [("base_url", base_url.as_str()), ("api_key", "la-llave"), ("model", "")];
    let (status, answer) = product.call(&cookie, "save_connection", &fields).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    for start in 1..=2 {
        let (_, message) = product.answer(&cookie, None, "¿Quién responde ahora?").await;
        assert_eq!(message["status"], "complete", "start {start}: {message}\n{}", product.app.log());
        assert_eq!(message["model"], "connected:scripted-chat", "start {start}: {message}");
        assert_eq!(message["content"], "Hola desde al lado.");
        let shown = page(&product, &cookie).await;
        assert!(shown.contains(CONNECTED) && shown.contains("Guardada; déjala vacía"), "{shown}");
        assert!(!shown.contains("la-llave"), "the key is shown to nobody: {shown}");
        // In its field, and in no offer beside it.
        assert_eq!(shown.matches(&base_url).count(), 1, "what is connected is not offered: {shown}");
        // It survives the server, and its key is nowhere in clear.
        product.app.restart().await.expect("a restart");
    }
    let clear: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM instance_settings t
         WHERE t::text LIKE ANY (ARRAY['%la-llave%', '%' || encode('la-llave', 'hex') || '%'])",
    )
    .fetch_one(&mut product.database().await)
    .await
    .expect("a count");
    assert_eq!(clear, 0, "the key lies in clear");

    // Nobody else may change or see it.
    product.another_person("otra@example.org").await;
    let other = product.app.sign_in_as("otra@example.org").await.expect("a session");
    for (name, fields) in [("save_connection", &fields[..]), ("remove_connection", &[])] {
        let (status, answer) = product.call(&other, name, fields).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{name}: {answer}");
    }
    let theirs = page(&product, &other).await;
    assert!(!theirs.contains(&base_url) && !theirs.contains(CONNECTED), "{theirs}");

    let (status, answer) = product.call(&cookie, "remove_connection", &[]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (_, message) = product.answer(&cookie, None, "¿Y ahora?").await;
    assert_eq!(message["model"], "extractive", "{message}");
    assert!(!page(&product, &cookie).await.contains(CONNECTED));
}

async fn page(product: &Product, cookie: &str) -> String {
    let page = product.app.get("/settings").header("cookie", cookie).send().await.expect("a page");
    assert_eq!(page.status(), StatusCode::OK);
    page.text().await.expect("HTML")
}

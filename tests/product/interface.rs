//! The public API: its description, the OpenAI-compatible part, health and figures.

use cjhirashi_testkit::Script;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::Product;

#[tokio::test]
async fn the_description_lists_every_call_and_every_call_in_it_exists() {
    let product = Product::start().await;
    let (status, description) = product.api(Method::GET, "/api/v1/openapi.json", None).await;
    assert_eq!(status, StatusCode::OK);
    let paths = description["paths"].as_object().expect("paths");
    for (path, methods) in [
        ("/api/v1/documents", &["get", "post"][..]),
        ("/api/v1/documents/{id}", &["get", "delete"]),
        ("/api/v1/search", &["post"]),
        ("/api/v1/models", &["get"]),
        ("/api/v1/chat/completions", &["post"]),
        ("/api/v1/chats", &["get", "post"]),
        ("/api/v1/chats/{id}", &["get", "delete"]),
    ] {
        for method in methods {
            assert!(!paths[path][*method].is_null(), "{method} {path} is not described");
        }
    }
    for (path, operations) in paths {
        for method in operations.as_object().expect("operations").keys().filter(|key| !key.starts_with("param")) {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let address = path.replace("{id}", "nothing");
            let answer = product.app.api(method.clone(), &address).send().await.expect("an answer");
            assert_ne!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            let body: Value = answer.json().await.unwrap_or_default();
            assert_ne!(body["error"]["code"], "http:not_found", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn an_openai_client_finds_models_and_completions_streamed_and_whole() {
    let product = Product::start().await;
    product.models.set(Script::saying("Hola desde lejos."));
    let (status, models) = product.api(Method::GET, "/api/v1/models", None).await;
    assert_eq!((status, models["object"].as_str()), (StatusCode::OK, Some("list")), "{models}");
    let ids: Vec<_> =
        models["data"].as_array().expect("data").iter().filter_map(|model| model["id"].as_str()).collect();
    assert!(ids.contains(&"openai:scripted-chat"), "{ids:?}");

    let body = json!({"model": "openai:scripted-chat", "messages": [{"role": "user", "content": "Saluda"}]});
    let (status, answer) = product.api(Method::POST, "/api/v1/chat/completions", Some(body)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["choices"][0]["message"]["content"], "Hola desde lejos.");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert!(answer["usage"]["total_tokens"].as_i64() > Some(0), "{answer}");

    let body =
        json!({"model": "openai:scripted-chat", "stream": true, "messages": [{"role": "user", "content": "Saluda"}]});
    let response =
        product.app.api(Method::POST, "/api/v1/chat/completions").json(&body).send().await.expect("a stream");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.expect("the stream");
    let mut said = String::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|line| *line != "[DONE]") {
        let chunk: Value = serde_json::from_str(line).expect("JSON");
        said.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
    }
    assert_eq!(said, "Hola desde lejos.");
    assert!(text.trim_end().ends_with("data: [DONE]"), "{text}");
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_how_long_to_wait_and_in_openai_s_shape() {
    let product = Product::start().await;
    let mut refused = None;
    for _ in 0..200 {
        let asked = product.app.api(Method::POST, "/api/v1/chat/completions").json(&json!({"n": 2}));
        let answer = asked.send().await.expect("an answer");
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
    let refused = refused.expect("a limit");
    let wait = refused.headers()["retry-after"].to_str().expect("text").parse::<u64>().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    let error: Value = refused.json().await.expect("JSON");
    assert_eq!((&error["error"]["type"], &error["error"]["param"]), (&json!("requests"), &Value::Null), "{error}");
    // Others may go on.
    let other = product.another_person("eva@example.org").await;
    let (status, _) = product.api_as(&other, Method::POST, "/api/v1/chat/completions", Some(json!({"n": 2}))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_completion_with_retrieval_carries_its_citations() {
    let product = Product::start().await;
    let id = product.add_text("Museo", "El museo cierra los lunes y los festivos.").await;
    let body = json!({
        "model": "openai:scripted-chat",
        "messages": [{"role": "user", "content": "¿Qué días cierra el museo?"}],
        "retrieval": {"enabled": true, "top_k": 3},
    });
    let (status, answer) = product.api(Method::POST, "/api/v1/chat/completions", Some(body)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(answer["choices"][0]["message"]["content"].as_str().is_some_and(|text| text.contains("lunes")), "{answer}");
    assert_eq!(answer["citations"][0]["document_id"], id.as_str(), "{answer}");
}

#[tokio::test]
async fn health_tells_of_its_parts_and_metrics_count_what_happened() {
    let product = Product::start().await;
    product.add_text("Nota", "Una nota para contar.").await;
    product.search("nota").await;
    let cookie = product.app.sign_in().await.expect("a session");
    product.answer(&cookie, None, "¿Qué hay?").await;
    let live = product.app.get("/healthz").send().await.expect("an answer");
    assert_eq!(live.status(), StatusCode::OK);
    let ready = product.app.get("/readyz").send().await.expect("an answer");
    assert_eq!(ready.status(), StatusCode::OK);
    let ready: Value = ready.json().await.expect("JSON");
    assert!(ready.to_string().contains("database"), "{ready}");
    let metrics = product.app.get("/metrics").send().await.expect("an answer").text().await.expect("text");
    // What was measured, by its name and what tells it from others of that name.
    for (name, labels) in [
        (
            "cjhirashi_http_request_duration_seconds",
            &["route=\"/api/v1/search\"", "method=\"POST\"", "status=\"200\""][..],
        ),
        ("cjhirashi_sql_duration_seconds", &[]),
        ("cjhirashi_search_duration_seconds", &["stage=\"vector\""]),
        ("cjhirashi_search_duration_seconds", &["stage=\"text\""]),
        ("cjhirashi_model_duration_seconds", &["provider=\"openai\"", "operation=\"embed_passage\"", "outcome=\"ok\""]),
        ("cjhirashi_model_duration_seconds", &["operation=\"embed_query\""]),
        ("cjhirashi_model_duration_seconds", &["operation=\"chat\""]),
        ("cjhirashi_model_duration_seconds", &["operation=\"first_token\""]),
        ("cjhirashi_job_duration_seconds", &["kind=\"index_document\""]),
        ("cjhirashi_generation_duration_seconds", &[]),
    ] {
        let (count, sum) =
            (figure(&metrics, &format!("{name}_count"), labels), figure(&metrics, &format!("{name}_sum"), labels));
        assert!(count >= Some(1.0) && sum > Some(0.0), "{name} {labels:?}: {count:?} times, {sum:?} s in\n{metrics}");
    }
    assert!(figure(&metrics, "cjhirashi_db_connections", &["state=\"open\""]) >= Some(1.0), "{metrics}");
    assert_eq!(figure(&metrics, "cjhirashi_jobs", &["state=\"dead\""]), Some(0.0), "{metrics}");
}

/// The value of a metric with this very name and these labels.
fn figure(metrics: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let line = metrics
        .lines()
        .find(|line| line.split(['{', ' ']).next() == Some(name) && labels.iter().all(|label| line.contains(label)))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn the_extractive_answerer_answers_when_no_model_is_configured() {
    let models = cjhirashi_testkit::ScriptedModels::start().await.expect("the scripted models");
    // Embeddings of the scripted server, but no chat model at all.
    let env: Vec<_> = models
        .openai_env()
        .into_iter()
        .filter(|(name, _)| name != "CHAT_MODEL")
        .chain([("CHAT_MODEL".to_owned(), "extractive".to_owned())])
        .collect();
    let product = Product::with(models, env, cjhirashi_testkit::TestDatabase::Fresh).await;
    let cookie = product.sign_in().await;
    let id =
        product.add_text("Horario", "La panadería abre a las siete de la mañana. El horno se apaga a las dos.").await;
    let (_, message) = product.answer(&cookie, None, "¿A qué hora abre la panadería?").await;
    assert!(message["content"].as_str().is_some_and(|text| text.contains("siete")), "{message}");
    assert_eq!(message["citations"][0]["document_id"], id.as_str(), "{message}");
    assert!(message["model"].as_str().is_some_and(|model| model.contains("extractive")), "{message}");
    assert!(product.models.requests().iter().all(|request| request.path != "/v1/chat/completions"));
}

//! Two databases, one truth, as people and administrators meet it: Pinecone goes away and comes back, documents get new
//! versions, are shared and taken back, and `/admin/sync` tells how everything stands.

use std::time::Instant;

use cjhirashi_testkit::{
    FaultyPinecone, Script, ScriptedModels, TestDatabase,
    pinecone::{Fault, FaultKind, Plan},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{MULTIPART, PATIENCE, Product, code_of, multipart};

/// The ADR's index, and the embedding model, which names its namespace.
const INDEX: &str = "cjhirashi-knowledge";
const MODEL: &str = "openai:scripted-embedding@256";

/// A product whose vectors lie in Pinecone, in an index that its command has made.
async fn with_pinecone() -> (Product, FaultyPinecone) {
    let server = FaultyPinecone::start().await.expect("Pinecone");
    let models = ScriptedModels::start().await.expect("the scripted models");
    let mut env = models.openai_env();
    env.extend(server.env());
    let product = Product::with(models, env, TestDatabase::Fresh).await;
    product.app.command(&["init-index"]).await.expect("an index");
    (product, server)
}

/// Vectors that Pinecone shows.
fn vectors(server: &FaultyPinecone) -> usize {
    server.vectors(INDEX, MODEL).len()
}

/// Texts that were embedded so far, questions too.
fn embedded(product: &Product) -> usize {
    let calls = product.models.requests().into_iter().filter(|request| request.path.ends_with("/embeddings"));
    calls.map(|request| request.body["input"].as_array().map_or(1, Vec::len)).sum()
}

async fn until(product: &Product, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "waited for {what}\n{}", product.app.log());
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
}

/// A page as its reader's browser asks for it.
async fn page(product: &Product, cookie: &str, path: &str) -> (StatusCode, String) {
    let answer = product.app.get(path).header("cookie", cookie).header("accept", "text/html").send().await;
    let answer = answer.expect("a page");
    (answer.status(), answer.text().await.expect("HTML"))
}

#[tokio::test]
async fn a_chat_goes_on_when_pinecone_is_pulled_away_and_everything_is_there_when_it_is_back() {
    let (product, server) = with_pinecone().await;
    product.add_text("Museo", "El museo cierra los lunes y los festivos.").await;
    until(&product, "the vector in Pinecone", async || vectors(&server) == 1).await;
    let cookie = product.sign_in().await;
    let (asked, answer) = product.answer(&cookie, None, "¿Qué días cierra el museo?").await;
    assert_eq!(answer["citations"][0]["title"], "Museo", "{answer}");
    assert!(server.count("queryVectors") >= 1);

    // Away, in the middle of the chat: what was there answers, and what comes meanwhile, too.
    server.set(Plan { faults: vec![Fault::always(FaultKind::Reset)], ..Plan::default() });
    let (_, answer) = product.answer(&cookie, Some(&asked.chat), "¿Y qué días cierra el museo?").await;
    assert_eq!(answer["citations"][0]["title"], "Museo", "{answer}");
    let new = product.add_text_without_waiting("Faro", "El faro abre los jueves por la tarde.").await;
    until(&product, "the new document", async || {
        product.search("¿cuándo abre el faro?").await.iter().any(|found| found["title"] == "Faro")
    })
    .await;
    let (_, document) = product.api(Method::GET, &format!("/api/v1/documents/{new}"), None).await;
    assert_eq!(document["indexed"], true, "it answers, though the index has not acknowledged it: {document}");
    let (_, html) = page(&product, &cookie, "/admin/sync").await;
    assert!(html.contains("No responde") && !html.contains(">Responde<"), "{html}");

    // Back again.
    server.set(Plan::default());
    until(&product, "the second vector in Pinecone", async || vectors(&server) == 2).await;
    product.indexed(&new).await;
    let said = product.app.command(&["reconcile"]).await.expect("both sides equal");
    assert!(said.contains("missing     0 vectors") && said.contains("unrepaired  0 documents"), "{said}");
    assert_eq!(server.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_deleted_behind_our_back_is_found_repaired_and_told() {
    let (product, server) = with_pinecone().await;
    product.add_text("Museo", "El museo cierra los lunes y los festivos.").await;
    until(&product, "the vector in Pinecone", async || vectors(&server) == 1).await;
    server.delete_index(INDEX);
    // The index is made anew by its command; what it held comes from PostgreSQL, without an embedding call.
    let first = embedded(&product);
    let said = product.app.command(&["init-index"]).await.expect("an index");
    assert!(said.contains("is made"), "{said}");
    let looked = product.app.command(&["reconcile", "--dry-run"]).await.expect_err("they differ").to_string();
    assert!(looked.contains("the database and the vector index differ"), "{looked}");
    let said = product.app.command(&["reconcile"]).await.expect("repaired");
    assert!(said.contains("missing     1 vectors") && said.contains("repaired    1 documents"), "{said}");
    assert_eq!(vectors(&server), 1);
    assert_eq!(embedded(&product), first);

    // Building the one that answers is the same.
    server.delete_index(INDEX);
    product.app.command(&["init-index"]).await.expect("an index");
    let said = product.app.command(&["reindex"]).await.expect("repaired");
    assert!(said.contains("answers already") && said.contains("missing     1 vectors"), "{said}");
    assert_eq!(vectors(&server), 1);

    let cookie = product.sign_in().await;
    let (status, html) = page(&product, &cookie, "/admin/sync").await;
    assert_eq!(status, StatusCode::OK);
    for part in ["Pinecone", "Responde", "Iguales", "Difieren", "No hay nada pendiente."] {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[tokio::test]
async fn the_index_is_switched_from_the_page_while_questions_are_answered() {
    let (product, server) = with_pinecone().await;
    product.add_text("Museo", "El museo cierra los lunes y los festivos.").await;
    let cookie = product.sign_in().await;
    let (_, html) = page(&product, &cookie, "/admin/sync").await;
    assert!(html.contains(&format!("value=\"{MODEL}\"")), "{html}");
    let (status, answer) = product.call(&cookie, "build_index", &[("kind", "embedded"), ("model", MODEL)]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    until(&product, "the switch", async || page(&product, &cookie, "/admin/sync").await.1.contains("Volver a este"))
        .await;
    // Written down first, heard by every server a moment later; then nobody asks Pinecone any more.
    until(&product, "a question that does not ask Pinecone", async || {
        let asked = server.count("queryVectors");
        assert_eq!(product.search("¿qué días cierra el museo?").await[0]["title"], "Museo");
        server.count("queryVectors") == asked
    })
    .await;
    // pgvector is offered where its extension is, and refused with the way out elsewhere.
    let offered = page(&product, &cookie, "/admin/sync").await.1.contains("value=\"pgvector\"");
    if !offered {
        let refused =
            product.app.command(&["reindex", "--to", "pgvector"]).await.expect_err("no extension").to_string();
        assert!(refused.contains("install pgvector there, or set PGVECTOR_URL"), "{refused}");
    }
    // The one before can be removed with all it holds.
    let (status, answer) = product.call(&cookie, "forget_index", &[("kind", "pinecone"), ("model", MODEL)]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(vectors(&server), 0);
    // What this server is not configured for is refused.
    let (status, _) = product.call(&cookie, "build_index", &[("kind", "qdrant"), ("model", MODEL)]).await;
    assert!(status.is_client_error(), "{status}");
}

#[tokio::test]
async fn a_new_version_takes_over_when_it_is_complete_and_the_history_tells_it() {
    let product = Product::start().await;
    let id = product.add_text("Horario", "El museo abre a las nueve.\n\nLa tienda cierra a las seis.").await;
    let first = embedded(&product);
    let upload = async |path: String, content: &str| {
        let response = product
            .app
            .api(Method::POST, &path)
            .header("content-type", MULTIPART)
            .body(multipart(&[("horario.txt".to_owned(), content.as_bytes().to_vec())]))
            .send()
            .await
            .expect("an answer");
        (response.status(), response.json::<Value>().await.expect("JSON"))
    };
    let path = format!("/api/v1/documents/{id}/versions");
    let (status, answer) = upload(path.clone(), "El museo abre a las diez.").await;
    assert_eq!((status, answer["version"].as_i64()), (StatusCode::ACCEPTED, Some(2)), "{answer}");
    until(&product, "the second version", async || {
        let (_, document) = product.api(Method::GET, &format!("/api/v1/documents/{id}"), None).await;
        document["version"] == 2 && document["status"] == "indexed"
    })
    .await;
    let found = product.search("¿a qué hora abre el museo?").await;
    assert!(found[0]["text"].as_str().expect("text").contains("diez"), "{found:?}");
    assert!(!found.iter().any(|found| found["text"].as_str().expect("text").contains("nueve")), "{found:?}");
    // The very same again: a version like any other, and nothing is embedded for it.
    let before = embedded(&product);
    assert!(before > first);
    let (status, _) = upload(path, "El museo abre a las diez.").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    until(&product, "the third version", async || {
        let (_, document) = product.api(Method::GET, &format!("/api/v1/documents/{id}"), None).await;
        document["version"] == 3 && document["status"] == "indexed"
    })
    .await;
    assert_eq!(embedded(&product), before);

    let (_, history) = product.api(Method::GET, &format!("/api/v1/documents/{id}/events"), None).await;
    let told: Vec<(i64, &str)> = history["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| (event["version"].as_i64().expect("a version"), event["event"].as_str().expect("a word")))
        .collect();
    for expected in [(3, "indexed"), (2, "indexed"), (2, "added"), (1, "indexed"), (1, "added")] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
    let cookie = product.sign_in().await;
    let file = product.app.api(Method::GET, &format!("/api/v1/documents/{id}/file")).send().await.expect("the file");
    assert_eq!(
        file.headers()["content-disposition"],
        "attachment; filename=\"horario.txt\"; filename*=UTF-8''horario.txt"
    );
    assert_eq!(file.text().await.expect("text"), "El museo abre a las diez.");
    let (status, html) = page(&product, &cookie, &format!("/documents/{id}?view=history")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("Confirmada por el índice") && html.contains("Subir una versión nueva"), "{html}");
    // By the page's form, which comes back to its page.
    let answer = product
        .app
        .client
        .post(format!("{}/documents/{id}/versions", product.app.base_url))
        .header("cookie", &cookie)
        .header("origin", &product.app.base_url)
        .header("content-type", MULTIPART)
        .body(multipart(&[("horario.txt".to_owned(), "El museo abre a las once.".as_bytes().to_vec())]))
        .send()
        .await
        .expect("an answer");
    assert!(answer.status().is_redirection() || answer.url().path().ends_with(&id), "{answer:?}");
    until(&product, "the fourth version", async || {
        product.search("¿a qué hora abre el museo?").await[0]["text"].as_str().is_some_and(|text| text.contains("once"))
    })
    .await;
    // One that cannot be read is taken back from the page, and the one that answers is what is there.
    let (status, _) = upload(format!("/api/v1/documents/{id}/versions"), " \n ").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let history = format!("/documents/{id}?view=history");
    until(&product, "the failure", async || {
        page(&product, &cookie, &history).await.1.contains("Descartar la versión nueva")
            && product.api(Method::GET, &format!("/api/v1/documents/{id}"), None).await.1["status"] == "failed"
    })
    .await;
    let (_, html) = page(&product, &cookie, &history).await;
    assert!(html.contains("Mientras tanto responde lo que ya había."), "{html}");
    let (status, answer) = product.call(&cookie, "cancel_document", &[("id", &id)]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (_, document) = product.api(Method::GET, &format!("/api/v1/documents/{id}"), None).await;
    assert_eq!((&document["status"], &document["version"]), (&json!("indexed"), &json!(4)), "{document}");
    assert!(!page(&product, &cookie, &history).await.1.contains("Descartar la versión nueva"));
}

#[tokio::test]
async fn what_is_shared_and_taken_back_follows_at_once_and_is_for_administrators() {
    let product = Product::start().await;
    let id = product.add_text("Menú", "El jueves hay lentejas con chorizo.").await;
    let other = product.another_person("otra@example.org").await;
    let found = async || {
        let body = Some(json!({"query": "¿qué hay el jueves?"}));
        let (_, answer) = product.api_as(&other, Method::POST, "/api/v1/search", body).await;
        answer["results"].as_array().expect("results").len()
    };
    let path = format!("/api/v1/documents/{id}");
    assert_eq!(found().await, 0);
    let change = json!({"visibility": "public", "title": "Menú de la semana", "tags": ["cocina"]});
    let (status, document) = product.api(Method::PATCH, &path, Some(change)).await;
    assert_eq!(status, StatusCode::OK, "{document}");
    assert_eq!((document["title"].as_str(), document["tags"][0].as_str()), (Some("Menú de la semana"), Some("cocina")));
    assert_eq!(found().await, 1);
    let (status, _) = product.api_as(&other, Method::PATCH, &path, Some(json!({"visibility": "private"}))).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "not theirs to take");
    let cookie = product.sign_in().await;
    let (status, answer) = product.call(&cookie, "share_document", &[("id", &id), ("visibility", "private")]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(found().await, 0);
    let (status, answer) = product.api_as(&other, Method::PATCH, &path, Some(json!({"title": "mío"}))).await;
    assert_eq!((status, code_of(&answer)), (StatusCode::NOT_FOUND, "documents:not_found"));
    let (status, answer) = product.api(Method::PATCH, &path, Some(json!({"title": " "}))).await;
    assert!(status.is_client_error(), "{answer}");
}

#[tokio::test]
async fn keys_of_a_document_s_own_go_beside_its_vectors_and_come_back() {
    let (product, server) = with_pinecone().await;
    let body = json!({"title": "Acta", "content": "El acta de la junta.", "metadata": {"year": 2026, "team": "legal"}});
    let (status, answer) = product.api(Method::POST, "/api/v1/documents", Some(body)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let id = answer["id"].as_str().expect("an id").to_owned();
    product.indexed(&id).await;
    let held = async |key: &str| {
        let vectors = server.vectors(INDEX, MODEL);
        vectors.values().next().and_then(|stored| stored.metadata.get(key).cloned()).unwrap_or_default()
    };
    until(&product, "the vector in Pinecone", async || vectors(&server) == 1).await;
    assert_eq!((held("year").await.as_f64(), held("team").await), (Some(2026.0), json!("legal")));
    let path = format!("/api/v1/documents/{id}");
    let (_, document) = product.api(Method::GET, &path, None).await;
    assert_eq!(document["metadata"], json!({"year": 2026, "team": "legal"}), "{document}");
    let (status, document) = product.api(Method::PATCH, &path, Some(json!({"metadata": {"team": "board"}}))).await;
    assert_eq!((status, &document["metadata"]), (StatusCode::OK, &json!({"team": "board"})));
    until(&product, "the change in Pinecone", async || held("team").await == json!("board")).await;
    assert_eq!(held("year").await, Value::Null, "what is no key any more is gone there too");
    let cookie = product.sign_in().await;
    let history = format!("/documents/{id}?view=history");
    let (_, html) = page(&product, &cookie, &history).await;
    assert!(html.contains("{&quot;team&quot;:&quot;board&quot;}"), "{html}");
    let keys = [("id", id.as_str()), ("metadata", "{\"team\": \"sales\"}")];
    let (status, answer) = product.call(&cookie, "save_metadata", &keys).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    until(&product, "the change in Pinecone", async || held("team").await == json!("sales")).await;
    let (status, answer) = product.call(&cookie, "save_metadata", &[("id", &id), ("metadata", "{")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    for (bad, word) in
        [(json!({"userId": "me"}), "userId"), (json!({"deep": {"a": 1}}), "deep"), (json!([1]), "object")]
    {
        let (status, answer) = product.api(Method::PATCH, &path, Some(json!({"metadata": bad}))).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|message| message.contains(word)), "{answer}");
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_tried_cancelled_buried_and_replayed() {
    let product = Product::start().await;
    product.models.set(Script { embedding_status: Some(503), ..Script::saying("Hola.") });
    let id = product.add_text_without_waiting("Faro", "El faro abre los jueves por la tarde.").await;
    until(&product, "a failed attempt", async || {
        let (_, history) = product.api(Method::GET, &format!("/api/v1/documents/{id}/events"), None).await;
        history["events"].as_array().is_some_and(|events| events.iter().any(|event| event["event"] == "waiting"))
    })
    .await;
    let (status, _) = product.api(Method::POST, &format!("/api/v1/documents/{id}/cancel"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, document) = product.api(Method::GET, &format!("/api/v1/documents/{id}"), None).await;
    assert_eq!(document["status"], "failed", "{document}");
    let (status, _) = product.api(Method::POST, &format!("/api/v1/documents/{id}/cancel"), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "there is nothing to cancel any more");
    let cookie = product.sign_in().await;
    let (_, html) = page(&product, &cookie, "/admin/sync").await;
    assert!(html.contains("Reintentar los documentos fallidos"), "{html}");
    product.models.set(Script::saying("Hola."));
    let other = product.another_person("otra@example.org").await;
    let (status, answer) = product.api_as(&other, Method::POST, "/api/v1/documents/retry", None).await;
    assert_eq!((status, answer["retried"].as_u64()), (StatusCode::ACCEPTED, Some(0)), "not theirs: {answer}");
    let (status, answer) = product.call(&cookie, "retry_failed", &[]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    product.indexed(&id).await;
}

#[tokio::test]
async fn how_the_databases_stand_is_for_administrators_alone() {
    let product = Product::start().await;
    let anna = product.another_person("ana@example.org").await;
    assert!(!anna.is_empty());
    let cookie = product.app.sign_in_as("ana@example.org").await.expect("a session");
    for (cookie, expected) in [("", StatusCode::UNAUTHORIZED), (cookie.as_str(), StatusCode::FORBIDDEN)] {
        for name in ["compare_now", "replay_all", "stop_building"] {
            let (status, _) = product.call(cookie, name, &[]).await;
            assert_eq!(status, expected, "{name}");
        }
    }
    let (status, html) = page(&product, &cookie, "/admin/sync").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(!html.contains("Índice vectorial"), "{html}");
    let metrics = product.app.get("/metrics").send().await.expect("an answer").text().await.expect("text");
    for name in ["cjhirashi_jobs{", "cjhirashi_documents{", "cjhirashi_oldest_waiting_job_seconds"] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
}

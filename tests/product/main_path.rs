//! The first paragraph of the README: a document goes in, a question is asked, an answer with its source comes out.

use cjhirashi_testkit::{Script, files};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::client::{Product, id_of, text_of_blocks};

const POLICY: &str = "Los clientes pueden devolver cualquier producto dentro de los treinta días siguientes a la compra si conservan el recibo. La garantía cubre los defectos de fabricación durante dos años.";

#[tokio::test]
async fn a_document_goes_in_and_an_answer_comes_out_that_cites_it() {
    let product = Product::start().await;
    let cookie = product.sign_in().await;

    let (status, accepted) =
        product.upload("política.pdf", files::pdf("Política de devoluciones", &[POLICY, "Contraportada"])).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{accepted}");
    let id = id_of(&accepted);
    let document = product.indexed(&id).await;
    assert_eq!((&document["indexed"], &document["version"]), (&json!(true), &json!(1)), "{document}");
    assert!(document["chunk_count"].as_i64() >= Some(1), "{document}");

    let results = product.search("¿cuántos días hay para devolver un producto?").await;
    let first = results.first().expect("a result");
    assert_eq!(first["document_id"], id.as_str());
    let (start, end) = (first["start"].as_u64().expect("start"), first["end"].as_u64().expect("end"));
    assert_eq!(end - start, first["text"].as_str().expect("text").chars().count() as u64);
    assert!(first["score"].as_f64().is_some_and(|score| (0.0..=1.0).contains(&score)), "{first}");

    let asked = product.ask(&cookie, None, "¿Cuántos días tengo para devolver un producto?").await;
    let events = product.events(&cookie, &asked.generation, 0).await;
    let numbers: Vec<i64> = events.iter().map(|(number, _)| *number).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert_eq!(events.last().expect("an end").1["status"], "complete", "{events:?}");
    let said = text_of_blocks(&events);
    assert!(said.contains("treinta días"), "{said}");

    let message = product.message(&asked.chat, &asked.answer).await;
    assert_eq!(
        (message["role"].as_str(), message["status"].as_str()),
        (Some("assistant"), Some("complete")),
        "{message}"
    );
    assert!(message["model"].as_str().is_some_and(|model| model.contains("scripted-chat")), "{message}");
    assert!(message["tokens_used"].as_i64() > Some(0) && message["latency_ms"].as_i64() >= Some(0), "{message}");
    let citation = &message["citations"][0];
    assert_eq!((citation["n"].as_i64(), citation["document_id"].as_str()), (Some(1), Some(id.as_str())), "{message}");
    assert_eq!(citation["verdict"], "verified", "{citation}");
    let place = |name: &str| citation[name].as_i64().expect("a place");
    let quoted = citation["text"].as_str().expect("the passage").chars();
    let quoted = quoted.skip(usize::try_from(place("quote_start") - place("start")).expect("inside the passage"));
    let quoted: String = quoted.take(usize::try_from(place("quote_end") - place("quote_start")).unwrap_or(0)).collect();
    let said = message["content"].as_str().unwrap_or_default();
    assert!(quoted.len() > 20 && said.contains(&quoted), "{quoted} is quoted in {said}");
    let used = &citation["uses"][0];
    let marks = said.chars().skip(usize::try_from(used["at"].as_i64().expect("a place")).unwrap_or(0));
    assert!(marks.collect::<String>().starts_with("[1]"), "{used}");
    assert_eq!((&used["quote_start"], &used["verdict"]), (&citation["quote_start"], &citation["verdict"]), "{used}");

    // A click on the citation opens the document at the passage.
    let (start, end) = (&citation["start"], &citation["end"]);
    let page = product
        .app
        .get(&format!("/documents/{id}?start={start}&end={end}"))
        .header("cookie", &cookie)
        .send()
        .await
        .expect("the document's page");
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.expect("HTML");
    let marked = page.split_once("id=\"passage\"").expect("a marked passage").1;
    assert!(marked.split("</mark>").next().is_some_and(|passage| passage.contains("treinta")), "the passage is marked");
}

#[tokio::test]
async fn every_kind_of_file_is_found_by_its_words() {
    let product = Product::start().await;
    let html = "<html><title>Página</title><body><nav>Inicio</nav><p>El murciélago duerme colgado en la cueva.</p></body></html>";
    for (name, bytes, question) in [
        ("nota.txt", "La clave del almacén está en el cajón verde.".into(), "clave del almacén"),
        ("latin1.txt", b"La reuni\xf3n del martes ser\xe1 en Le\xf3n.".to_vec(), "reunión del martes"),
        ("guía.md", b"# Riego\n\nLos tomates se riegan cada dos tardes.".to_vec(), "riego de tomates"),
        ("página.html", html.into(), "murciélago cueva"),
        (
            "informe.docx",
            files::docx("Informe", "# Ventas\nLas ventas de zapatos crecieron en abril."),
            "ventas de zapatos",
        ),
        ("manual.pdf", files::pdf("Manual", &["La bomba se ceba con agua destilada."]), "cebar la bomba"),
    ] {
        let (status, accepted) = product.upload(name, bytes).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{name}: {accepted}");
        let id = id_of(&accepted);
        product.indexed(&id).await;
        let results = product.search(question).await;
        assert!(results.iter().any(|result| result["document_id"] == id.as_str()), "{name} is not found: {results:?}");
    }
}

#[tokio::test]
async fn when_nothing_passes_the_answer_says_what_the_best_match_was() {
    let product = Product::start().await;
    product.models.set(Script::saying("No lo sé."));
    let cookie = product.app.sign_in().await.expect("a session");
    product.add_text("Recetas", "La tortilla de patatas lleva huevos, patatas y cebolla.").await;
    let (asked, _) = product.answer(&cookie, None, "What is the melting point of tungsten?").await;
    let message = product.page_message(&cookie, &asked).await;
    let html = message["html"].as_str().expect("HTML");
    assert!(html.contains("Buscado en 1 documento · 0 pasajes") && html.contains(">Recetas</a>"), "{html}");
    assert!(!html.contains("class=\"sources\""), "{html}");
}

#[tokio::test]
async fn a_deleted_document_is_gone_from_search_and_answers_at_once() {
    let product = Product::start().await;
    let cookie = product.sign_in().await;
    let id = product.add_text("Secreto", "El código de la caja fuerte es ciruela cuarenta.").await;
    let (asked, message) = product.answer(&cookie, None, "¿Cuál es el código de la caja fuerte?").await;
    assert_eq!(message["citations"][0]["document_id"], id.as_str(), "{message}");

    let (status, _) = product.api(Method::DELETE, &format!("/api/v1/documents/{id}"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    // No waiting here: it is gone at commit, whatever the index still holds.
    assert_eq!(product.search("código de la caja fuerte").await, Vec::<serde_json::Value>::new());
    let (status, _) = product.api(Method::GET, &format!("/api/v1/documents/{id}"), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, message) = product.answer(&cookie, None, "¿Cuál es el código de la caja fuerte?").await;
    assert!(!message["content"].as_str().unwrap_or_default().contains("ciruela"), "{message}");
    let old = product.message(&asked.chat, &asked.answer).await;
    assert!(old["citations"][0]["text"].is_null(), "a citation of a deleted document shows no text: {old}");

    // What was stored of it goes, too.
    let mut database = product.database().await;
    let started = std::time::Instant::now();
    loop {
        let chunks: i64 = sqlx::query_scalar("SELECT count(*) FROM chunks WHERE document_id = $1")
            .bind(&id)
            .fetch_one(&mut database)
            .await
            .expect("a count");
        if chunks == 0 {
            break;
        }
        assert!(started.elapsed() < crate::client::PATIENCE, "{chunks} chunks stay");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_chat_goes_on_is_renamed_and_deleted() {
    let product = Product::start().await;
    product.models.set(Script::saying("Hola, **mundo**.\n\n```rust\nfn main() {}\n```"));
    let cookie = product.sign_in().await;
    let (first, _) = product.answer(&cookie, None, "Saluda, por favor").await;
    let (second, message) = product.answer(&cookie, Some(&first.chat), "¿Y otra vez?").await;
    assert_eq!(first.chat, second.chat);
    assert!(message["content"].as_str().is_some_and(|text| text.contains("```rust")), "{message}");
    let chat = product.chat(&first.chat).await;
    let roles: Vec<_> = chat["messages"].as_array().expect("messages").iter().map(|m| m["role"].as_str()).collect();
    assert_eq!(roles, [Some("user"), Some("assistant"), Some("user"), Some("assistant")]);
    assert_eq!(chat["title"], "Saluda, por favor");
    // The model was told the whole conversation.
    let last =
        product.models.requests().into_iter().rev().find(|r| r.path == "/v1/chat/completions").expect("a request");
    let told = last.body["messages"].to_string();
    assert!(told.contains("Saluda, por favor") && told.contains("¿Y otra vez?"), "{told}");

    let (status, answer) = product.call(&cookie, "rename_chat", &[("id", &first.chat), ("title", "Saludos")]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(product.chat(&first.chat).await["title"], "Saludos");
    let (status, _) = product.api(Method::DELETE, &format!("/api/v1/chats/{}", first.chat), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = product.api(Method::GET, &format!("/api/v1/chats/{}", first.chat), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

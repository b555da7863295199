//! Chats in folders, named by a model, and brought in from elsewhere.

use std::time::{Duration, Instant};

use cjhirashi_testkit::{Script, ScriptedModels, TestDatabase};
use reqwest::{Method, StatusCode};

use crate::client::{MULTIPART, PATIENCE, Product, multipart};

#[tokio::test]
async fn what_a_folder_says_is_told_to_the_model_and_its_labels_choose_the_documents() {
    let product = Product::start().await;
    let cookie = product.sign_in().await;
    // Labels of documents keep their capitals, and those of a folder mean the same ones.
    for (title, tag) in [("Casa", "De Casa"), ("Barco", "Barco")] {
        let body = serde_json::json!({
            "title": title, "content": format!("La garantía del {title} dura dos años."), "tags": [tag]
        });
        let (_, made) = product.api(Method::POST, "/api/v1/documents", Some(body)).await;
        product.indexed(made["id"].as_str().expect("an id")).await;
    }
    product.models.set(Script::saying("Vale."));
    let asked = product.ask(&cookie, None, "hola").await;
    product.events(&cookie, &asked.generation, 0).await;
    let fields = [("ids[]", asked.chat.as_str()), ("what", "move"), ("folder", "Mi casa")];
    let (status, told) = product.call(&cookie, "arrange_chats", &fields).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let (_, made) = product.call(&cookie, "create_folder", &[("name", "mi casa")]).await;
    let folder = made["go"].as_str().and_then(|go| go.split("folder=").nth(1)).expect("its id").to_owned();
    let fields =
        [("id", &*folder), ("name", "Casa"), ("instructions", "Habla en verso."), ("document_tags", "De Casa")];
    let (status, told) = product.call(&cookie, "save_folder", &fields).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    // What was written there is shown in its field as it was written, and is nothing else.
    let (_, other) = product.call(&cookie, "create_folder", &[("name", "otra")]).await;
    let place = other["go"].as_str().expect("its page");
    let other = place.split("folder=").nth(1).expect("its id");
    let fields = [("id", other), ("name", "Otra"), ("instructions", "</textarea><b>a & b</b>")];
    product.call(&cookie, "save_folder", &fields).await;
    let page = product.app.get(place).header("cookie", &cookie).header("accept", "text/html").send().await;
    let html = page.expect("a page").text().await.expect("HTML");
    assert!(html.contains("&lt;/textarea&gt;&lt;b&gt;a &amp; b&lt;/b&gt;"), "{html}");
    let (_, message) = product.answer(&cookie, Some(&asked.chat), "¿Cuánto dura la garantía?").await;
    assert_eq!(message["status"], "complete", "{message}");
    let told = product.models.requests().pop().expect("a request").body.to_string();
    assert!(told.contains("Habla en verso."), "{told}");
    assert!(told.contains("garantía del Casa") && !told.contains("garantía del Barco"), "{told}");
}

#[tokio::test]
async fn a_model_names_a_chat_after_its_first_answer_unless_a_person_did() {
    let models = ScriptedModels::start().await.expect("the scripted models");
    let mut env = models.openai_env();
    env.push(("TITLE_MODEL".to_owned(), "openai:scripted-other".to_owned()));
    let product = Product::with(models, env, TestDatabase::Fresh).await;
    product.models.set(Script::saying("Título: «La garantía del aparato»."));
    let cookie = product.sign_in().await;
    let (asked, _) = product.answer(&cookie, None, "¿Cuánto dura?").await;
    let path = format!("/api/v1/chats/{}", asked.chat);
    let started = Instant::now();
    loop {
        let (_, chat) = product.api(Method::GET, &path, None).await;
        if chat["title"] == "La garantía del aparato" {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{chat}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let request = product.models.requests().pop().expect("a request");
    assert_eq!(request.body["model"], "scripted-other");
    // A second answer asks for no other name.
    let before = product.models.requests().len();
    product.answer(&cookie, Some(&asked.chat), "¿Y después?").await;
    product.call(&cookie, "rename_chat", &[("id", &asked.chat), ("title", "Mío")]).await;
    let chats = product.models.requests().iter().skip(before).filter(|it| it.path.contains("chat")).count();
    assert_eq!(chats, 1);
}

/// Brings a file of conversations in, as the page of chats does.
async fn bring(product: &Product, cookie: &str, content: &[u8]) -> (StatusCode, serde_json::Value) {
    let request = product.app.client.post(format!("{}/chats/import", product.app.base_url));
    let request = request.header("cookie", cookie).header("origin", &product.app.base_url);
    let request = request.header("content-type", MULTIPART).header("accept", "application/json");
    let answer = request.body(multipart(&[("a.json".to_owned(), content.to_vec())])).send().await.expect("an answer");
    let status = answer.status();
    (status, answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_file_that_is_no_export_is_refused_and_a_damaged_conversation_costs_only_itself() {
    let product = Product::start().await;
    let cookie = product.sign_in().await;
    let bring = async |content: &[u8]| bring(&product, &cookie, content).await;
    let (status, told) = bring(b"{}").await;
    assert_eq!((status, &told["error"]["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &"chats:import_invalid".into()));
    let export = br#"[
        {"id": "1", "title": "Uno", "create_time": 1700000000, "current_node": "a", "mapping": {"a": {"id": "a", "parent": null,
         "children": [], "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["hola"]}}}}},
        {"id": "2", "title": "Dos", "mapping": 7}
    ]"#;
    let (status, told) = bring(export).await;
    assert_eq!((status, &told["imported"]), (StatusCode::OK, &1.into()), "{told}");
    let (_, again) = bring(export).await;
    assert_eq!((&again["imported"], &again["known"]), (&0.into(), &1.into()), "{again}");
    let (_, chats) = product.api(Method::GET, "/api/v1/chats", None).await;
    assert_eq!(chats["chats"].as_array().map(Vec::len), Some(1), "{chats}");
}

#[tokio::test]
async fn a_chat_is_taken_along_with_its_images_its_ratings_and_how_its_answers_ended() {
    let product = Product::start().await;
    let cookie = product.sign_in().await;
    product.models.set(Script::saying("Un punto rojo."));
    let image = product.image(&cookie).await;
    let (status, asked) =
        product.call(&cookie, "send_message", &[("text", "¿Qué es?"), ("chat", ""), ("images[]", &image)]).await;
    assert_eq!(status, StatusCode::OK, "{asked}");
    let chat = asked["chat"]["id"].as_str().expect("a chat").to_owned();
    product.events(&cookie, asked["answer"]["generation_id"].as_str().expect("a run"), 0).await;
    let answer = asked["answer"]["id"].as_str().expect("an answer");
    product.call(&cookie, "rate_answer", &[("message", answer), ("rating", "bad"), ("reason", "No es cierto")]).await;
    product.models.set(Script { chat_status: Some(401), ..Script::default() });
    product.answer(&cookie, Some(&chat), "¿Seguro?").await;

    let open = async |address: String| {
        let answer = product.app.get(&address).header("cookie", &cookie).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{address}");
        answer.text().await.expect("a whole answer")
    };
    for address in [format!("/chat/{chat}/export?format=json"), "/chats/export".to_owned()] {
        let file: serde_json::Value = serde_json::from_str(&open(address).await).expect("JSON");
        let messages = &file["chats"][0]["messages"];
        let data = messages[0]["images"][0]["data"].as_str().unwrap_or_default();
        assert!(data.starts_with("data:image/png;base64,iVBOR") && messages[0]["images"][0]["width"] == 1, "{file}");
        assert_eq!((&messages[1]["rating"], &messages[1]["rating_reason"]), (&"bad".into(), &"No es cierto".into()));
        assert!(messages[1]["status"].is_null() && messages[3]["status"] == "failed", "{file}");
    }
    let exported: serde_json::Value =
        serde_json::from_str(&open(format!("/chat/{chat}/export?format=json")).await).expect("JSON");
    let markdown = open(format!("/chat/{chat}/export?format=md")).await;
    assert!(markdown.contains("![Imagen 1][") && markdown.contains("]: <data:image/png;base64,iVBOR"), "{markdown}");

    // Whoever lost it has it back, once.
    product.api(Method::DELETE, &format!("/api/v1/chats/{chat}"), None).await;
    let file = exported.to_string();
    let (_, told) = bring(&product, &cookie, file.as_bytes()).await;
    assert_eq!(told["imported"], 1, "{told}");
    let (_, chats) = product.api(Method::GET, "/api/v1/chats", None).await;
    let back = chats["chats"][0]["id"].as_str().expect("a chat").to_owned();
    let again: serde_json::Value =
        serde_json::from_str(&open(format!("/chat/{back}/export?format=json")).await).expect("JSON");
    let (before, after) = (&exported["chats"][0]["messages"], &again["chats"][0]["messages"]);
    for told in ["content", "images", "rating", "rating_reason", "model"] {
        for at in 0..4 {
            assert_eq!(before[at][told], after[at][told], "{told} of message {at}");
        }
    }
    assert_eq!(after[3]["status"], "interrupted");
    let image = product.app.get(&format!("/chat/{back}")).header("cookie", &cookie).header("accept", "text/html");
    let page = image.send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("/images/"), "the image is shown: {page}");
}

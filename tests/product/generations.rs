//! Answers belong to the server: they can be left, taken up again, followed twice, stopped, and retried.

use std::time::{Duration, Instant};

use cjhirashi_testkit::{Break, Script};
use reqwest::StatusCode;

use crate::client::{PATIENCE, Product, text_of_blocks};

const TEXT: &str = "uno dos tres cuatro cinco seis siete ocho nueve diez";

#[tokio::test]
async fn a_stream_that_is_left_is_taken_up_where_it_was() {
    let product = Product::start().await;
    product.models.set(Script { hold_after: Some(4), ..Script::saying(TEXT) });
    let cookie = product.app.sign_in().await.expect("a session");
    let asked = product.ask(&cookie, None, "cuenta hasta diez").await;

    let mut first = product.follow(&cookie, &asked.generation, 0).await;
    let mut seen = Vec::new();
    loop {
        let event = first.next().await.expect("an event");
        seen.push(event);
        if text_of_blocks(&seen).contains("tres") {
            break;
        }
    }
    drop(first);
    let last = seen.last().expect("an event").0;
    product.models.release();
    let rest = product.events(&cookie, &asked.generation, last).await;
    assert!(rest.iter().all(|(number, _)| *number >= last), "only the open block is told again");
    seen.extend(rest);
    assert_eq!(text_of_blocks(&seen).trim(), TEXT);
    // The whole again, for a tab that opens afterwards.
    let whole = product.events(&cookie, &asked.generation, 0).await;
    assert_eq!(text_of_blocks(&whole).trim(), TEXT);
    assert_eq!(product.message(&asked.chat, &asked.answer).await["content"], TEXT);
}

#[tokio::test]
async fn two_readers_see_the_same() {
    let product = Product::start().await;
    product.models.set(Script { pace_ms: 5, ..Script::saying(TEXT) });
    let cookie = product.app.sign_in().await.expect("a session");
    let asked = product.ask(&cookie, None, "cuenta").await;
    let (one, two) =
        tokio::join!(product.events(&cookie, &asked.generation, 0), product.events(&cookie, &asked.generation, 0),);
    assert_eq!(text_of_blocks(&one).trim(), TEXT);
    assert_eq!(text_of_blocks(&two).trim(), TEXT);
}

#[tokio::test]
async fn stop_reaches_the_provider_and_keeps_the_text_so_far() {
    let product = Product::start().await;
    product.models.set(Script { hold_after: Some(3), ..Script::saying(TEXT) });
    let cookie = product.app.sign_in().await.expect("a session");
    let asked = product.ask(&cookie, None, "cuenta").await;
    let mut events = product.follow(&cookie, &asked.generation, 0).await;
    let mut seen = Vec::new();
    while !text_of_blocks(&seen).contains("tres") {
        seen.push(events.next().await.expect("an event"));
    }
    let (status, answer) = product.call(&cookie, "stop_answer", &[("generation", &asked.generation)]).await;
    assert!(status.is_success(), "{answer}");
    let started = Instant::now();
    while product.models.open_streams() > 0 {
        assert!(started.elapsed() < Duration::from_secs(5), "the provider is still writing");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(product.models.abandoned_streams(), 1);
    let rest = product.events(&cookie, &asked.generation, 0).await;
    assert_eq!(rest.last().expect("an end").1["status"], "stopped");
    let message = product.message(&asked.chat, &asked.answer).await;
    assert_eq!(message["status"], "stopped");
    assert!(message["content"].as_str().is_some_and(|text| text.trim_end().starts_with("uno dos tres")), "{message}");
}

#[tokio::test]
async fn a_chat_writes_one_answer_at_a_time() {
    let product = Product::start().await;
    product.models.set(Script { hold_after: Some(1), ..Script::saying(TEXT) });
    let cookie = product.app.sign_in().await.expect("a session");
    let asked = product.ask(&cookie, None, "cuenta").await;
    let (status, answer) = product.call(&cookie, "send_message", &[("text", "otra"), ("chat", &asked.chat)]).await;
    assert_eq!((status, answer), (StatusCode::OK, serde_json::Value::Null), "it waits");
    let edited = [("text", "mejor"), ("chat", asked.chat.as_str()), ("instead_of", asked.question.as_str())];
    let (status, answer) = product.call(&cookie, "send_message", &edited).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    assert!(answer.to_string().contains("chats:busy"), "{answer}");
    let page = product.app.get(&format!("/chat/{}", asked.chat)).header("cookie", &cookie).send().await;
    let page = page.expect("a page").text().await.expect("HTML");
    assert!(page.contains("otra") && page.contains("Preguntas en espera"), "what waits is shown");
    product.provider_is_writing().await;
    product.models.set(Script::saying("ya"));
    product.models.release();
    product.events(&cookie, &asked.generation, 0).await;
    assert_eq!(product.message(&asked.chat, &asked.answer).await["content"], TEXT);
    let started = std::time::Instant::now();
    loop {
        let chat = product.chat(&asked.chat).await;
        let said: Vec<&str> =
            chat["messages"].as_array().expect("messages").iter().filter_map(|m| m["content"].as_str()).collect();
        if said == ["cuenta", TEXT, "otra", "ya"] {
            break;
        }
        assert!(started.elapsed() < crate::client::PATIENCE, "{chat}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_same_message_sent_twice_is_asked_once() {
    let product = Product::start().await;
    product.models.set(Script::saying("vale"));
    let cookie = product.app.sign_in().await.expect("a session");
    let (first, _) = product.answer(&cookie, None, "empieza").await;
    let fields = [("text", "una sola vez"), ("chat", first.chat.as_str()), ("message_id", "mensaje-del-cliente-1")];
    let (_, one) = product.call(&cookie, "send_message", &fields).await;
    let (status, two) = product.call(&cookie, "send_message", &fields).await;
    assert_eq!(status, StatusCode::OK, "{two}");
    assert_eq!(one["question"]["id"], two["question"]["id"]);
    let chat = product.chat(&first.chat).await;
    let asked =
        chat["messages"].as_array().expect("messages").iter().filter(|m| m["content"] == "una sola vez").count();
    assert_eq!(asked, 1, "{chat}");
}

#[tokio::test]
async fn a_provider_that_fails_is_told_with_what_to_do_and_a_retry_heals_it() {
    let product = Product::start().await;
    let cookie = product.app.sign_in().await.expect("a session");
    let mut chat = None;
    for (script, code) in [
        (Script { chat_status: Some(401), ..Script::default() }, "models:unauthorized"),
        (Script { chat_status: Some(404), ..Script::default() }, "models:not_found"),
        (Script { chat_status: Some(429), retry_after: Some(120), ..Script::default() }, "models:rate_limited"),
        (Script { chat_status: Some(500), ..Script::default() }, "models:unavailable"),
        (Script { break_after: Some(3), ..Script::saying(TEXT) }, "models:broke_off"),
        (Script { break_after: Some(3), break_how: Break::End, ..Script::saying(TEXT) }, "models:broke_off"),
    ] {
        let broken = script.break_after.is_some();
        product.models.set(script);
        let (asked, message) = product.answer(&cookie, chat.as_deref(), "¿hola?").await;
        assert_eq!(
            (message["status"].as_str(), message["error"]["code"].as_str()),
            (Some("failed"), Some(code)),
            "{message}"
        );
        if broken {
            assert!(
                message["content"].as_str().is_some_and(|text| text.starts_with("uno dos tres")),
                "the text so far is kept: {message}"
            );
        }
        chat = Some(asked.chat.clone());
        product.models.set(Script::saying("ya está"));
        let (status, retried) = product.call(&cookie, "retry_answer", &[("message", &asked.answer)]).await;
        assert_eq!(status, StatusCode::OK, "{retried}");
        let started = Instant::now();
        // What broke off keeps its words, and the new answer stands beside it.
        let message = loop {
            let shown = product.chat(&asked.chat).await;
            let message = shown["messages"].as_array().and_then(|all| all.last()).cloned().unwrap_or_default();
            assert_eq!(message["id"] != asked.answer.as_str(), broken, "{message}");
            if message["status"] != "streaming" {
                break message;
            }
            assert!(started.elapsed() < PATIENCE, "{message}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(
            (message["status"].as_str(), message["content"].as_str()),
            (Some("complete"), Some("ya está")),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_question_is_embedded_once_and_not_at_all_where_there_is_nothing_to_search() {
    let product = Product::start().await;
    let cookie = product.app.sign_in().await.expect("a session");
    let embedded = || product.models.requests().iter().filter(|request| request.path == "/v1/embeddings").count();
    product.models.set(Script::saying("El barco zarpa."));
    let before = embedded();
    let (first, _) = product.answer(&cookie, None, "¿A qué hora zarpa el barco de la isla?").await;
    assert_eq!(embedded(), before, "there are no documents");
    product.add_text("Nota", "El barco de la isla zarpa al amanecer.").await;
    for (chat, question) in [
        (None, "¿A qué hora zarpa el barco de la isla?"),
        (Some(first.chat.as_str()), "¿Y qué día de la semana zarpa el barco de la isla grande?"),
        (Some(first.chat.as_str()), "¿Y por qué?"),
    ] {
        let before = embedded();
        product.answer(&cookie, chat, question).await;
        assert_eq!(embedded(), before + 1, "{question}");
    }
}

#[tokio::test]
async fn embeddings_that_fail_for_a_while_delay_a_document_and_search_falls_back_to_words() {
    let product = Product::start().await;
    product.models.set(Script { embedding_status: Some(503), failures: Some(3), ..Script::default() });
    let id = product.add_text_without_waiting("Nota", "El barco zarpa al amanecer.").await;
    product.indexed(&id).await;
    let asked = product.models.requests().iter().filter(|request| request.path == "/v1/embeddings").count();
    assert!(asked >= 4, "it was embedded at request {asked}, and three were to fail");
    product.models.set(Script { embedding_status: Some(503), ..Script::default() });
    let started = Instant::now();
    let results = product.search("barco amanecer").await;
    assert_eq!(results.first().map(|result| result["document_id"].as_str()), Some(Some(id.as_str())), "{results:?}");
    // Somebody waits for a search; no amount of retrying makes up for that.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

//! Ids of others open nothing.

use cjhirashi_testkit::Script;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::client::{Product, code_of, form, id_of};

#[tokio::test]
async fn private_documents_and_chats_of_others_do_not_exist() {
    let product = Product::start().await;
    let cookie = product.app.sign_in().await.expect("a session");
    let other = product.another_person("otra@example.org").await;
    let body = json!({"title": "Diario", "content": "Mi diario secreto habla de un unicornio violeta."});
    let (status, answer) = product.api_as(&other, Method::POST, "/api/v1/documents", Some(body)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let document = id_of(&answer);
    let (status, answer) =
        product.api_as(&other, Method::POST, "/api/v1/chats", Some(json!({"title": "Privado"}))).await;
    assert!(status.is_success(), "{answer}");
    let chat = id_of(&answer);
    // Wait until it could be found.
    let started = std::time::Instant::now();
    loop {
        let (_, found) =
            product.api_as(&other, Method::POST, "/api/v1/search", Some(json!({"query": "unicornio violeta"}))).await;
        if found["results"].as_array().is_some_and(|results| !results.is_empty()) {
            break;
        }
        assert!(started.elapsed() < crate::client::PATIENCE, "{found}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    assert!(product.search("unicornio violeta").await.is_empty(), "not even the owner of the instance");
    for (method, path, code) in [
        (Method::GET, format!("/api/v1/documents/{document}"), "documents:not_found"),
        (Method::DELETE, format!("/api/v1/documents/{document}"), "documents:not_found"),
        (Method::GET, format!("/api/v1/chats/{chat}"), "chats:not_found"),
        (Method::DELETE, format!("/api/v1/chats/{chat}"), "chats:not_found"),
    ] {
        let (status, answer) = product.api(method, &path, None).await;
        assert_eq!((status, code_of(&answer)), (StatusCode::NOT_FOUND, code), "{path}");
    }
    for path in [format!("/documents/{document}"), format!("/documents/{document}/file"), format!("/chat/{chat}")] {
        let page = product.app.get(&path).header("cookie", &cookie).send().await.expect("a page");
        assert_eq!(page.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!page.text().await.expect("HTML").contains("unicornio"));
    }
    for (name, fields) in [
        ("rename_chat", vec![("id", chat.as_str()), ("title", "mío")]),
        ("delete_chat", vec![("id", chat.as_str())]),
        ("send_message", vec![("text", "hola"), ("chat", chat.as_str())]),
        ("load_chat", vec![("id", chat.as_str())]),
    ] {
        let (status, answer) = product.call(&cookie, name, &fields).await;
        assert!(
            status.is_client_error() && answer.to_string().contains("chats:not_found"),
            "{name}: {status} {answer}"
        );
    }
    let (status, _) = product.api_as(&other, Method::GET, &format!("/api/v1/documents/{document}"), None).await;
    assert_eq!(status, StatusCode::OK, "and nothing happened to it");
}

#[tokio::test]
async fn public_documents_are_read_by_all_and_changed_by_admins_alone() {
    let product = Product::start().await;
    let other = product.another_person("otra@example.org").await;
    let public = json!({"title": "Manual", "content": "El comedor abre a las ocho en punto.", "visibility": "public"});
    let (status, answer) = product.api_as(&other, Method::POST, "/api/v1/documents", Some(public.clone())).await;
    assert_eq!((status, code_of(&answer)), (StatusCode::FORBIDDEN, "auth:forbidden"));
    let (status, answer) = product.api(Method::POST, "/api/v1/documents", Some(public)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let id = id_of(&answer);
    product.indexed(&id).await;
    let (status, found) =
        product.api_as(&other, Method::POST, "/api/v1/search", Some(json!({"query": "comedor abre"}))).await;
    assert_eq!((status, found["results"][0]["document_id"].as_str()), (StatusCode::OK, Some(id.as_str())), "{found}");
    let (status, answer) = product.api_as(&other, Method::DELETE, &format!("/api/v1/documents/{id}"), None).await;
    assert_eq!((status, code_of(&answer)), (StatusCode::NOT_FOUND, "documents:not_found"), "not theirs to delete");
    product.indexed(&id).await;
}

#[tokio::test]
async fn events_of_others_and_pages_without_a_session_stay_closed() {
    let product = Product::start().await;
    product.models.set(Script { hold_after: Some(1), ..Script::saying("uno dos tres") });
    let cookie = product.app.sign_in().await.expect("a session");
    let asked = product.ask(&cookie, None, "cuenta").await;
    let path = format!("/events/generations/{}", asked.generation);
    let anonymous = product.app.get(&path).send().await.expect("an answer");
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
    let page = product.app.get(&format!("/chat/{}", asked.chat)).header("accept", "text/html");
    let page = page.send().await.expect("an answer");
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert!(place(&page).starts_with("/sign-in"), "{}", place(&page));
    assert!(!page.text().await.expect("HTML").contains("cuenta"));
    product.provider_is_writing().await;
    product.models.release();
}

#[tokio::test]
async fn an_answer_that_is_being_written_is_told_no_more_to_whoever_is_kept_out() {
    let product = Product::start().await;
    let owner = product.app.sign_in().await.expect("a session");
    product.another_person("eva@example.org").await;
    let eva = product.app.sign_in_as("eva@example.org").await.expect("a session");
    product.models.set(Script { hold_after: Some(1), ..Script::saying("uno dos tres") });
    let asked = product.ask(&eva, None, "cuenta").await;
    let stream = product.app.get(&format!("/events/generations/{}", asked.generation)).header("cookie", &eva);
    let stream = stream.send().await.expect("a stream");
    assert_eq!(stream.status(), StatusCode::OK);
    product.provider_is_writing().await;
    let mut database = product.database().await;
    let id: String = sqlx::query_scalar("SELECT id FROM users WHERE email = 'eva@example.org'")
        .fetch_one(&mut database)
        .await
        .expect("a person");
    let (status, told) = product.call(&owner, "set_disabled", &[("id", &id), ("disabled", "true")]).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let ended = tokio::time::timeout(std::time::Duration::from_secs(15), stream.text()).await;
    assert!(ended.is_ok(), "the stream goes on");
    product.models.release();
}

#[tokio::test]
async fn a_form_sent_from_another_site_changes_nothing() {
    let product = Product::start().await;
    let cookie = product.app.sign_in().await.expect("a session");
    for origin in [Some("https://evil.example"), Some("null")] {
        let mut request = product.app.client.post(format!("{}/fn/send_message", product.app.base_url));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let answer = request
            .header("cookie", &cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form(&[("text", "hola"), ("chat", "")]))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{origin:?}");
    }
    let (_, chats) = product.api(Method::GET, "/api/v1/chats", None).await;
    assert_eq!(chats["chats"].as_array().map(Vec::len), Some(0), "{chats}");
}

#[tokio::test]
async fn a_sign_in_link_works_once() {
    let product = Product::start().await;
    let said = product.app.command(&["sign-in-link"]).await.expect("a link");
    let token = said.split_once("token=").expect("a token").1.trim();
    let path = format!("/sign-in/link?token={token}");
    let first = product.app.get(&path).send().await.expect("an answer");
    assert!(first.headers().contains_key("set-cookie"));
    let cookie = first.headers()["set-cookie"].to_str().expect("text");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let second = product.app.get(&path).send().await.expect("an answer");
    assert!(!second.headers().contains_key("set-cookie"), "a used link starts no session");
    assert_eq!((second.status(), place(&second)), (StatusCode::SEE_OTHER, "/sign-in?error=auth:link_expired"));
}

/// Where an answer sends its reader.
fn place(response: &reqwest::Response) -> &str {
    response.headers().get("location").and_then(|place| place.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn whoever_signs_out_or_is_disabled_is_let_in_no_more() {
    let product = Product::start().await;
    let key = product.another_person("otra@example.org").await;
    let (first, second) = (
        product.app.sign_in_as("otra@example.org").await.expect("a session"),
        product.app.sign_in_as("otra@example.org").await.expect("another session"),
    );
    let home = async |cookie: &str| {
        let request = product.app.get("/").header("cookie", cookie).header("accept", "text/html");
        request.send().await.expect("an answer").status()
    };
    let sign_out = |origin: &str| {
        let request = product.app.client.post(format!("{}/sign-out", product.app.base_url));
        request.header("cookie", &first).header("origin", origin).send()
    };
    assert_eq!(home(&first).await, StatusCode::OK);
    let elsewhere = sign_out("https://evil.example").await.expect("an answer");
    assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN, "another site signs nobody out");
    assert_eq!(home(&first).await, StatusCode::OK);

    let answer = sign_out(&product.app.base_url).await.expect("an answer");
    assert_eq!((answer.status(), place(&answer)), (StatusCode::SEE_OTHER, "/sign-in"));
    assert_eq!(home(&first).await, StatusCode::SEE_OTHER, "the cookie is worth nothing, even if the browser kept it");
    assert_eq!(home(&second).await, StatusCode::OK, "the other session goes on");

    // A session ends by itself, too.
    let third = product.app.sign_in_as("otra@example.org").await.expect("a third session");
    let mut database = product.database().await;
    let expired = sqlx::query(
        "UPDATE sessions SET expires_at = now() - interval '1 second' WHERE expires_at =
                               (SELECT max(expires_at) FROM sessions)",
    );
    expired.execute(&mut database).await.expect("an update");
    assert_eq!((home(&third).await, home(&second).await), (StatusCode::SEE_OTHER, StatusCode::OK));

    // Disabling counts at once, for sessions and keys alike.
    sqlx::query("UPDATE users SET disabled_at = now() WHERE email = 'otra@example.org'")
        .execute(&mut database)
        .await
        .expect("an update");
    assert_eq!(home(&second).await, StatusCode::SEE_OTHER);
    let (status, answer) = product.call(&second, "send_message", &[("text", "hola"), ("chat", "")]).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer}");
    let (status, answer) = product.api_as(&key, Method::GET, "/api/v1/chats", None).await;
    assert_eq!((status, code_of(&answer)), (StatusCode::UNAUTHORIZED, "auth:invalid_key"));
}

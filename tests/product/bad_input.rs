//! Bad input: a clear message, the right status, nothing lost, nothing hung.

use std::time::{Duration, Instant};

use cjhirashi_testkit::{Script, files};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::client::{MULTIPART, PATIENCE, Product, code_of, form, id_of, multipart};

/// A DOCX with a password: what it holds is told far behind its beginning, as large ones have it.
fn encrypted_docx() -> Vec<u8> {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), vec![0; 100_000], name].concat()
}

#[tokio::test]
async fn every_bad_file_says_what_is_wrong_with_it() {
    let product = Product::start().await;
    // Refused at the door, or accepted and then failed with the same code: what matters is that the person is told.
    for (name, bytes, code) in [
        ("vacío.txt", Vec::new(), "documents:empty"),
        ("blanco.txt", b" \n\n\t ".to_vec(), "documents:empty"),
        (
            "foto.png",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0".to_vec(),
            "documents:unsupported_type",
        ),
        ("datos.bin", files::noise(4000), "documents:unsupported_type"),
        ("ruido.pdf", files::noise(4000), "documents:broken_file"),
        ("cortado.pdf", files::broken_pdf(), "documents:broken_file"),
        ("candado.pdf", files::encrypted_pdf(), "documents:encrypted"),
        ("candado.docx", encrypted_docx(), "documents:encrypted"),
        ("escaneado.pdf", files::scanned_pdf(), "documents:no_text"),
        ("bomba.docx", files::docx_bomb(300), "documents:too_large_inside"),
        ("cortado.docx", files::docx("T", "Hola.")[..300].to_vec(), "documents:broken_file"),
        ("fotos.docx", files::archive(&[("foto.jpg", b"x")]), "documents:unsupported_type"),
    ] {
        let (status, answer) = product.upload(name, bytes).await;
        let found = if status == StatusCode::ACCEPTED {
            let document = product.settled(&id_of(&answer)).await;
            assert_eq!(document["status"], "failed", "{name}: {document}");
            document["error"]["code"].as_str().expect("a code").to_owned()
        } else {
            assert!(matches!(status.as_u16(), 413 | 415 | 422), "{name}: {status} {answer}");
            code_of(&answer).to_owned()
        };
        assert_eq!(found, code, "{name}");
    }
    // The server is as well as before.
    let id = product.add_text("Después", "Después de todo, la biblioteca abre los lunes.").await;
    assert_eq!(product.search("biblioteca lunes").await[0]["document_id"], id.as_str());
}

#[tokio::test]
async fn nul_bytes_broken_utf_8_and_a_wrong_extension_lose_nothing_else() {
    let product = Product::start().await;
    for (name, bytes) in [
        ("nul.txt", b"El faro\0 de piedra alumbra\0 la bah\xc3\xada entera.".to_vec()),
        ("roto.txt", b"El faro de piedra \xff\xfe alumbra la bah\xc3\xada y la monta\xc3\xb1a.".to_vec()),
        ("faro.pdf", b"El faro de piedra alumbra la costa.".to_vec()),
        ("faro.txt", files::pdf("Faro", &["El faro de piedra alumbra el puerto."])),
    ] {
        let (status, answer) = product.upload(name, bytes).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{name}: {answer}");
        let id = id_of(&answer);
        product.indexed(&id).await;
        let results = product.search("faro de piedra").await;
        assert!(results.iter().any(|result| result["document_id"] == id.as_str()), "{name}: {results:?}");
    }
}

#[tokio::test]
async fn a_million_labels_are_refused_before_they_are_copied() {
    let product = Product::start().await;
    let mut body = Vec::new();
    for _ in 0..99 {
        let tags = "a,".repeat(30_000);
        body.extend(
            format!("----part--\r\nContent-Disposition: form-data; name=\"tags\"\r\n\r\n{tags}\r\n").into_bytes(),
        );
    }
    body.extend(multipart(&[("nota.txt".to_owned(), b"Hola.".to_vec())]));
    let request = product.app.api(Method::POST, "/api/v1/documents").header("content-type", MULTIPART).body(body);
    let response = request.send().await.expect("an answer");
    let answer: Value = response.json().await.expect("JSON");
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("too many tags")), "{answer}");
}

#[tokio::test]
async fn who_sends_exports_slowly_fills_no_memory_and_others_are_told() {
    let product = Product::start().await;
    let cookie = product.sign_in().await;
    let host = product.app.base_url.split_once("://").expect("an address").1;
    let head = format!(
        "POST /chats/import HTTP/1.1\r\nhost: {host}\r\norigin: {}\r\ncookie: {cookie}\r\naccept: application/json\r\n\
         content-type: {MULTIPART}\r\ncontent-length: 100000000\r\n\r\n----part--\r\n",
        product.app.base_url
    );
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut stream = tokio::net::TcpStream::connect(host).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("the head is sent");
        slow.push(stream);
    }
    let send = async || {
        let request = product.app.client.post(format!("{}/chats/import", product.app.base_url));
        let request = request.header("cookie", &cookie).header("origin", &product.app.base_url);
        let request = request.header("content-type", MULTIPART).header("accept", "application/json");
        let body = multipart(&[("a.json".to_owned(), b"[]".to_vec())]);
        request.body(body).send().await.expect("an answer").status()
    };
    let mut status = send().await;
    for _ in 0..50 {
        if status == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        status = send().await;
    }
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    // Whoever leaves makes room.
    drop(slow);
    for _ in 0..50 {
        if status != StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        status = send().await;
    }
    assert_eq!(status, StatusCode::OK, "an export without a conversation");
}

#[tokio::test]
async fn a_form_with_one_file_is_told_which_field_is_wrong() {
    let product = Product::start().await;
    let title = "a".repeat(301);
    let mut body =
        format!("----part--\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n{title}\r\n").into_bytes();
    body.extend(multipart(&[("nota.txt".to_owned(), b"Hola.".to_vec())]));
    let request = product.app.api(Method::POST, "/api/v1/documents").header("content-type", MULTIPART).body(body);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(code_of(&answer), "documents:invalid");
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("301 characters")), "{answer}");
}

#[tokio::test]
async fn a_file_of_300_mb_is_refused_and_not_kept() {
    let product = Product::start().await;
    let piece = bytes_of(1 << 20);
    let head = "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"grande.txt\"\r\n\r\n";
    let stream = futures_of(head, piece, 300);
    let response = product
        .app
        .api(Method::POST, "/api/v1/documents")
        .header("content-type", "multipart/form-data; boundary=X")
        .body(reqwest::Body::wrap_stream(stream))
        .send()
        .await
        .expect("the server reads on, so that the sender gets to hear why");
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let answer = response.json().await.expect("JSON");
    assert_eq!(code_of(&answer), "documents:too_large");
    let (_, list) = product.api(Method::GET, "/api/v1/documents", None).await;
    assert_eq!(list["documents"].as_array().map(Vec::len), Some(0), "{list}");
    let kept = folder_size(&product.app.data_dir.join("blobs"));
    assert!(kept < 1 << 20, "{kept} bytes stay on disk");
}

fn bytes_of(length: usize) -> Vec<u8> {
    b"lorem ipsum ".iter().copied().cycle().take(length).collect()
}

fn futures_of(
    head: &str,
    piece: Vec<u8>,
    times: usize,
) -> impl futures::Stream<Item = std::io::Result<Vec<u8>>> + use<> {
    use futures::{StreamExt as _, stream};
    let head = stream::once(std::future::ready(Ok(head.as_bytes().to_vec())));
    let tail = stream::once(std::future::ready(Ok(b"\r\n--X--\r\n".to_vec())));
    head.chain(stream::repeat(piece).take(times).map(Ok)).chain(tail)
}

fn folder_size(path: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => folder_size(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

#[tokio::test]
async fn a_message_of_a_megabyte_is_refused_with_what_to_do_instead() {
    let product = Product::start().await;
    let cookie = product.app.sign_in().await.expect("a session");
    for (text, status, code) in [
        ("palabra ".repeat(125_000), StatusCode::UNPROCESSABLE_ENTITY, "messages:too_long"),
        // More than any form of ours can hold.
        ("palabra ".repeat(500_000), StatusCode::PAYLOAD_TOO_LARGE, "http:body_too_large"),
        (" \n ".to_owned(), StatusCode::UNPROCESSABLE_ENTITY, "messages:empty"),
    ] {
        let (found, answer) = product.call(&cookie, "send_message", &[("text", &text), ("chat", "")]).await;
        assert_eq!(found, status, "{answer}");
        assert!(answer.to_string().contains(code), "{answer}");
    }
    let (_, chats) = product.api(Method::GET, "/api/v1/chats", None).await;
    assert_eq!(chats["chats"].as_array().map(Vec::len), Some(0), "{chats}");
}

#[tokio::test]
async fn html_and_script_in_every_text_field_come_back_as_text() {
    let product = Product::start().await;
    let cookie = product.app.sign_in().await.expect("a session");
    let attack = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>";
    product.models.set(Script::saying(&format!("{attack}\n\n[x](javascript:alert(4)) ![y](javascript:alert(5))")));
    let id = product.add_text(attack, &format!("Un texto con {attack} dentro y más palabras para buscar.")).await;
    let tagged =
        json!({"title": "T", "content": "Otro", "tags": ["<script>alert(6)</script>"], "visibility": "public"});
    let (status, answer) = product.api(Method::POST, "/api/v1/documents", Some(tagged)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let (asked, _) = product.answer(&cookie, None, attack).await;
    let (status, answer) = product.call(&cookie, "rename_chat", &[("id", &asked.chat), ("title", attack)]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let key = [("name", "<script>alert(7)</script>"), ("scope", "read"), ("days", "0")];
    let made = product
        .app
        .client
        .post(format!("{}/account", product.app.base_url))
        .header("cookie", &cookie)
        .header("origin", &product.app.base_url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form(&key))
        .send()
        .await
        .expect("a page");
    assert_eq!(made.status(), StatusCode::OK);
    // Every page is there, and shows the words of the attack as words.
    for (path, shown) in [
        ("/".to_owned(), "alert(1)"),
        (format!("/chat/{}", asked.chat), "alert(1)"),
        ("/documents".to_owned(), "alert(1)"),
        (format!("/documents/{id}"), "alert(1)"),
        (format!("/documents/{id}?view=chunks"), "alert(1)"),
        ("/admin".to_owned(), "alert(6)"),
        ("/account".to_owned(), "alert(7)"),
    ] {
        let page = product.app.get(&path).header("cookie", &cookie).send().await.expect("a page");
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        let page = page.text().await.expect("HTML");
        assert!(page.contains(&format!("&lt;script&gt;{shown}")), "{path} does not show {shown}");
        for bad in ["<script>alert", "<img src=x", "<svg/onload", "href=\"javascript:", "src=\"javascript:"] {
            assert!(!page.contains(bad), "{path} holds {bad}");
        }
    }
}

#[tokio::test]
async fn two_thousand_files_in_one_request_all_get_an_answer() {
    let product = Product::start().await;
    let cookie = product.app.sign_in().await.expect("a session");
    let files: Vec<(String, Vec<u8>)> = (0..2_000)
        .map(|number| {
            let words = format!("Archivo {number} sobre el tema {number}.");
            (format!("{number}.txt"), if number % 50 == 0 { Vec::new() } else { words.into_bytes() })
        })
        .collect();
    let began = Instant::now();
    let response = product.page_upload(&cookie, &files).timeout(3 * PATIENCE).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    eprintln!("2,000 files were taken after {:?}", began.elapsed());
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(answer["documents"].as_array().map(Vec::len), Some(1_960), "{answer}");
    let errors = answer["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 40);
    assert!(errors.iter().all(|error| error["code"] == "documents:empty"), "{errors:?}");
    // The server does not care that it has much to do.
    let live = product.app.get("/readyz").send().await.expect("an answer");
    assert_eq!(live.status(), StatusCode::OK);
    let mut database = product.database().await;
    loop {
        let (indexed, failed): (i64, i64) = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE status = 'indexed'), count(*) FILTER (WHERE status = 'failed') FROM documents",
        )
        .fetch_one(&mut database)
        .await
        .expect("counts");
        assert_eq!(failed, 0);
        if indexed == 1_960 {
            break;
        }
        assert!(began.elapsed() < 5 * PATIENCE, "{indexed} of 1,960 are indexed\n{}", product.app.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let results = product.search("tema 1777").await;
    assert!(results.iter().any(|result| result["text"].as_str().is_some_and(|text| text.contains("1777"))));
}

#[tokio::test]
async fn what_is_no_request_is_told_so_in_the_public_shape() {
    let product = Product::start().await;
    let post = |path: &str, body: &'static str| {
        product.app.api(Method::POST, path).header("content-type", "application/json").body(body).send()
    };
    let answer = post("/api/v1/search", "{not json").await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(code_of(&answer.json().await.expect("JSON")), "http:invalid_request");
    for (method, path, body, status, code) in [
        (Method::POST, "/api/v1/search", Some(json!({"query": "  "})), 422, "search:invalid_query"),
        (Method::POST, "/api/v1/search", Some(json!({"query": "a".repeat(2001)})), 422, "search:invalid_query"),
        (Method::POST, "/api/v1/documents", Some(json!({"title": "", "content": "x"})), 422, "documents:invalid"),
        (Method::POST, "/api/v1/documents", Some(json!({"title": "t", "content": ""})), 422, "documents:empty"),
        (Method::GET, "/api/v1/nothing", None, 404, "http:not_found"),
        (Method::PUT, "/api/v1/search", None, 405, "http:method_not_allowed"),
        (Method::GET, "/api/v1/documents/no%20id", None, 404, "documents:not_found"),
        (Method::GET, "/api/v1/chats/%00", None, 404, "chats:not_found"),
    ] {
        let (found, answer) = product.api(method, path, body).await;
        assert_eq!((found.as_u16(), code_of(&answer)), (status, code), "{path}");
    }
    let (status, answer) = product.api_as("wrong", Method::GET, "/api/v1/chats", None).await;
    assert_eq!((status.as_u16(), code_of(&answer)), (401, "auth:invalid_key"));
}

//! What becomes of somebody's data: taken along, and deleted.

use std::io::Read as _;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::client::{Product, form};

async fn delete_account(product: &Product, cookie: &str, address: &str) -> (StatusCode, String) {
    let answer = product
        .app
        .client
        .post(format!("{}/account/delete", product.app.base_url))
        .header("cookie", cookie)
        .header("origin", &product.app.base_url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form(&[("address", address)]))
        .send()
        .await
        .expect("an answer");
    let status = answer.status();
    let place = answer.headers().get("location").and_then(|place| place.to_str().ok()).unwrap_or_default().to_owned();
    (status, format!("{place}{}", answer.text().await.expect("text")))
}

#[tokio::test]
async fn a_person_takes_everything_along_and_goes_with_a_receipt() {
    let product = Product::start().await;
    let key = product.another_person("eva@example.org").await;
    let body = json!({"title": "Diario", "content": "Mi diario habla de un unicornio violeta.", "tags": ["mío"]});
    let (_, answer) = product.api_as(&key, Method::POST, "/api/v1/documents", Some(body)).await;
    let document = answer["id"].as_str().expect("an id").to_owned();
    let cookie = product.app.sign_in_as("eva@example.org").await.expect("a session");
    let asked = product.ask(&cookie, None, "¿De qué habla mi diario?").await;
    product.events(&cookie, &asked.generation, 0).await;
    product.add_text("De la dueña", "Otra cosa.").await;
    let image = product.image(&cookie).await;
    let about = [("text", "¿Qué ves?"), ("chat", &*asked.chat), ("images[]", &image)];
    let (_, seen) = product.call(&cookie, "send_message", &about).await;
    product.events(&cookie, seen["answer"]["generation_id"].as_str().expect("a run"), 0).await;
    product.call(&cookie, "save_prompt", &[("name", "mía"), ("content", "Resume {{algo}}.")]).await;

    let export = product.app.get("/account/export").header("cookie", &cookie).send().await.expect("an answer");
    assert_eq!(export.headers()["content-type"], "application/zip");
    let bytes = match export.bytes().await {
        Ok(bytes) => bytes,
        Err(error) => panic!("{error}\n{}", product.app.log()),
    };
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("a whole zip");
    let mut text = |name: &str| {
        let mut text = String::new();
        zip.by_name(name).expect(name).read_to_string(&mut text).expect("UTF-8");
        text
    };
    assert!(text("profile.json").contains("eva@example.org"));
    assert!(text(&format!("chats/{}.json", asked.chat)).contains("¿De qué habla mi diario?"));
    assert!(text(&format!("documents/{document}.json")).contains("mío"));
    assert!(text(&format!("documents/{document}/Diario")).contains("unicornio"));
    assert!(text("prompts.json").contains("Resume {{algo}}."));
    assert!(text("log.json").contains("data_exported"));
    assert!(!text("api_keys.json").contains(&key), "no key");
    let names: Vec<String> = zip.file_names().map(|name| name.expect("a name").into_owned()).collect();
    assert!(!names.iter().any(|name| name.contains("dueña")), "{names:?}");
    let mut picture = Vec::new();
    let name = format!("chats/{}/{image}.png", asked.chat);
    zip.by_name(&name).expect("the image").read_to_end(&mut picture).expect("its bytes");
    assert!(picture.starts_with(b"\x89PNG"), "{name}");

    // Nothing happens unless the address is typed.
    let (status, told) = delete_account(&product, &cookie, "owner@localhost").await;
    assert!(status.is_redirection() && told.contains("auth:not_confirmed"), "{told}");
    let (status, receipt) = delete_account(&product, &cookie, "Eva@example.org").await;
    assert_eq!(status, StatusCode::OK, "{receipt}");
    for line in ["Chats", "Imágenes", "Plantillas", "Documentos", "Fragmentos con sus vectores"] {
        let row = receipt.split(line).nth(1).unwrap_or_default().split("</tr>").next().unwrap_or_default();
        assert!(row.contains(">1<") && row.contains(">0<"), "{line} in {receipt}");
    }
    let (status, _) = product.api_as(&key, Method::GET, "/api/v1/chats", None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let page = product.app.get("/account").header("cookie", &cookie).header("accept", "text/html").send().await;
    assert_eq!(page.expect("an answer").status(), StatusCode::SEE_OTHER, "nobody any more");
    let owner = product.sign_in().await;
    let log = product.app.get("/admin/audit").header("cookie", &owner).header("accept", "text/html").send().await;
    let log = log.expect("a page").text().await.expect("HTML");
    assert!(log.contains("Eliminó su cuenta") && log.contains("1 documents") && !log.contains("eva@"), "{log}");
    // The last owner stays while others are here, and leaves last.
    product.another_person("leo@example.org").await;
    let (status, told) = delete_account(&product, &owner, "owner@localhost").await;
    assert!(status.is_redirection() && told.contains("auth:last_owner"), "{told}");
}

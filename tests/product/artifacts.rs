//! Artifacts over HTTP: made, read, changed on top of a version, shared, given out; and what keeps a page that somebody
//! wrote inside its frame.

use cjhirashi_testkit::{Script, left_out};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

use crate::client::{MULTIPART, Product, code_of, id_of, multipart};

async fn make(product: &Product, kind: &str, title: &str, content: &str) -> String {
    let body = json!({"type": kind, "title": title, "content": content});
    let (status, made) = product.api(Method::POST, "/api/v1/artifacts", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    id_of(&made)
}

async fn get(product: &Product, cookie: &str, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    let answer = product.app.get(path).header("cookie", cookie).send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("a whole answer").into())
}

async fn post(product: &Product, cookie: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let request = product.app.client.post(format!("{}{path}", product.app.base_url));
    let request = request.header("cookie", cookie).header("origin", &product.app.base_url);
    let answer = request.header("content-type", "application/json").body(body.to_string()).send().await;
    let answer = answer.expect("an answer");
    let status = answer.status();
    (status, answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_program_makes_reads_changes_exports_and_deletes_an_artifact() {
    let product = Product::start().await;
    let id = make(&product, "table", "Ventas", "mes,total\nenero,120\n").await;
    let path = format!("/api/v1/artifacts/{id}");
    let change = json!({"version": 1, "content": "mes,total\nenero,125\n"});
    let (status, changed) = product.api(Method::PATCH, &path, Some(change.clone())).await;
    assert_eq!((status, changed["version"].as_i64()), (StatusCode::OK, Some(2)), "{changed}");
    let (status, refused) = product.api(Method::PATCH, &path, Some(change)).await;
    assert_eq!((status, code_of(&refused)), (StatusCode::CONFLICT, "artifacts:version_conflict"), "{refused}");
    let (_, old) = product.api(Method::GET, &format!("{path}?version=1"), None).await;
    assert_eq!(old["content"], "mes,total\nenero,120\n");
    let (_, versions) = product.api(Method::GET, &format!("{path}/versions"), None).await;
    assert_eq!(versions["versions"].as_array().map(Vec::len), Some(2), "{versions}");
    let (_, listed) = product.api(Method::GET, "/api/v1/artifacts?q=ventas&type=table", None).await;
    assert_eq!((listed["total"].as_i64(), listed["artifacts"][0]["id"].as_str()), (Some(1), Some(&*id)), "{listed}");
    let (status, _) = product.api(Method::GET, &format!("{path}/export/nothing"), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = product.api(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, gone) = product.api(Method::GET, &path, None).await;
    assert_eq!((status, code_of(&gone)), (StatusCode::NOT_FOUND, "artifacts:not_found"));
}

#[tokio::test]
async fn what_is_no_artifact_is_refused_with_what_to_do() {
    let product = Product::start().await;
    let large = "x".repeat(17 << 20);
    let cases = [
        (json!({"type": "poem", "title": "a", "content": "b"}), "artifacts:unsupported"),
        (json!({"type": "image", "title": "a", "content": "b"}), "artifacts:unsupported"),
        (json!({"type": "code", "title": "x".repeat(201), "content": "b"}), "artifacts:invalid"),
        (json!({"type": "code", "title": "a", "content": "b\u{0}c"}), "artifacts:unsupported"),
        (json!({"type": "code", "title": "a", "content": large}), "artifacts:too_large"),
        (json!({"title": 3}), "http:invalid_request"),
    ];
    for (body, code) in cases {
        let (status, refused) = product.api(Method::POST, "/api/v1/artifacts", Some(body)).await;
        assert!(status.is_client_error(), "{code}: {status}");
        assert_eq!(code_of(&refused), code);
    }
}

#[tokio::test]
async fn a_page_runs_in_a_frame_that_reaches_nothing() {
    let product = Product::start().await;
    let cookie = product.sign_in().await;
    let id = make(&product, "html", "Página", "<script>fetch('/api')</script><p>hola</p>").await;
    for path in [format!("/artifacts/{id}/frame"), "/artifacts/frame".to_owned()] {
        let (status, headers, _) = get(&product, &cookie, &path).await;
        assert_eq!(status, StatusCode::OK);
        let policy = headers["content-security-policy"].to_str().expect("text");
        for part in [
            "sandbox allow-scripts;",
            "default-src 'none'",
            "connect-src 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("allow-same-origin") && !policy.contains("allow-top-navigation"), "{policy}");
    }
    // The page around it lets no frame lead elsewhere, and its own scripts are ours alone.
    let (_, headers, page) = get(&product, &cookie, &format!("/artifacts/{id}")).await;
    let policy = headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("frame-src 'self'"), "{policy}");
    let page = String::from_utf8(page).expect("UTF-8");
    assert!(page.contains("sandbox=\"allow-scripts\"") && !page.contains("fetch('/api')"), "{page}");
    // As text it is text.
    let (_, headers, _) = get(&product, &cookie, &format!("/artifacts/{id}/content")).await;
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    let (_, headers, _) = get(&product, &cookie, &format!("/artifacts/{id}/export/html")).await;
    assert!(headers["content-disposition"].to_str().expect("text").starts_with("attachment"));
}

#[tokio::test]
async fn two_tabs_that_save_lose_nothing_and_the_second_sees_the_difference() {
    let product = Product::start().await;
    let cookie = product.sign_in().await;
    let id = make(&product, "markdown", "Informe", "Las ventas bajan.").await;
    let path = format!("/artifacts/{id}");
    let save = |base: i32, text: &str| json!({"base_version": base, "content": text});
    let (status, saved) = post(&product, &cookie, &path, save(1, "Las ventas suben.")).await;
    assert_eq!((status, saved["version"].as_i64()), (StatusCode::OK, Some(2)), "{saved}");
    let (status, moved) = post(&product, &cookie, &path, save(1, "Las ventas siguen igual.")).await;
    assert_eq!((status, moved["version"].as_i64()), (StatusCode::CONFLICT, Some(2)), "{moved}");
    let html = moved["html"].as_str().expect("a difference");
    assert!(html.contains("<ins>") && html.contains("<del>"), "{html}");
    let (status, _) = post(&product, &cookie, &path, save(2, "Las ventas siguen igual.")).await;
    assert_eq!(status, StatusCode::OK);
    let (_, _, difference) = get(&product, &cookie, &format!("{path}/compare?from=1&to=3")).await;
    let difference = String::from_utf8(difference).expect("UTF-8");
    assert!(difference.contains("bajan") && difference.contains("igual"), "{difference}");
    let (status, back) = post(&product, &cookie, &format!("{path}/restore"), json!({"version": 1})).await;
    assert_eq!((status, back["version"].as_i64()), (StatusCode::OK, Some(4)), "{back}");
}

#[tokio::test]
async fn a_link_shows_one_version_to_whoever_has_it_until_it_is_taken_back() {
    let product = Product::start().await;
    let cookie = product.sign_in().await;
    let id = make(&product, "markdown", "Informe", "# Uno\n\nAlgo").await;
    let (status, _) = product.call(&cookie, "share_artifact", &[("id", &id)]).await;
    assert_eq!(status, StatusCode::OK);
    let (_, _, page) = get(&product, &cookie, &format!("/artifacts/{id}")).await;
    let page = String::from_utf8(page).expect("UTF-8");
    let link = page.split("/share/artifact/").nth(1).expect("a link").split('"').next().expect("its end").to_owned();
    post(&product, &cookie, &format!("/artifacts/{id}"), json!({"base_version": 1, "content": "# Dos"})).await;
    let path = format!("/share/artifact/{link}");
    let (status, headers, shared) = get(&product, "", &path).await;
    let shared = String::from_utf8(shared).expect("UTF-8");
    assert_eq!(status, StatusCode::OK);
    assert!(shared.contains("Uno") && !shared.contains("Dos") && !shared.contains("data-do=\"edit\""), "{shared}");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    // A version that was not shared is not to be had by asking for it.
    let (_, _, content) = get(&product, "", &format!("{path}/content?version=2")).await;
    assert_eq!(content, b"# Uno\n\nAlgo");
    product.call(&cookie, "unshare_artifact", &[("id", &id)]).await;
    assert_eq!(get(&product, "", &path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_becomes_an_artifact_of_the_kind_that_it_is() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";
    let product = Product::start().await;
    let cookie = product.sign_in().await;
    let cases: [(&str, &[u8], &str); 6] = [
        ("ventas.csv", b"a,b\n1,2\n", "table"),
        ("main.rs", b"fn main() {}\n", "code"),
        ("datos.json", b"{\"a\": 1}", "json"),
        ("informe.md", b"# Informe\n", "markdown"),
        ("página.html", b"<!DOCTYPE html><p>a", "html"),
        ("rojo.png", PNG, "image"),
    ];
    for (name, bytes, kind) in cases {
        let request = product.app.client.post(format!("{}/artifacts", product.app.base_url));
        let request = request.header("cookie", &cookie).header("origin", &product.app.base_url);
        let request = request.header("content-type", MULTIPART).header("accept", "application/json");
        let answer = request.body(multipart(&[(name.to_owned(), bytes.to_vec())])).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{name}");
        let made: Value = answer.json().await.expect("JSON");
        let (_, artifact) = product.api(Method::GET, &format!("/api/v1/artifacts/{}", id_of(&made)), None).await;
        assert_eq!((artifact["type"].as_str(), artifact["title"].as_str()), (Some(kind), Some(name)), "{artifact}");
    }
    let (_, listed) = product.api(Method::GET, "/api/v1/artifacts?type=image", None).await;
    let id = listed["artifacts"][0]["id"].as_str().expect("an image");
    let (_, headers, bytes) = get(&product, &cookie, &format!("/artifacts/{id}/content")).await;
    assert_eq!((headers["content-type"].to_str().expect("text"), &bytes[1..4]), ("image/png", &b"PNG"[..]));
}

#[tokio::test]
async fn an_answer_and_its_code_and_tables_become_artifacts_and_documents() {
    let product = Product::start().await;
    let cookie = product.sign_in().await;
    product
        .models
        .set(Script::saying("# Ventas\n\n| mes | total |\n|---|---|\n| enero | 3 |\n\n```python\nprint(1)\n```\n"));
    let (asked, _) = product.answer(&cookie, None, "Ventas").await;
    for (part, kind, content) in
        [("0", "markdown", "# Ventas"), ("1", "table", "mes,total\nenero,3"), ("2", "code", "print(1)")]
    {
        let (status, made) =
            product.call(&cookie, "make_artifact", &[("message", &asked.answer), ("part", part)]).await;
        assert_eq!(status, StatusCode::OK, "{made}");
        let id = made["go"].as_str().expect("where to").rsplit('/').next().expect("an id").to_owned();
        let (_, artifact) = product.api(Method::GET, &format!("/api/v1/artifacts/{id}"), None).await;
        assert_eq!(artifact["type"], kind);
        assert!(artifact["content"].as_str().expect("text").starts_with(content), "{artifact}");
        assert_eq!(artifact["chat_id"].as_str(), Some(&*asked.chat));
        if part == "0" {
            let (status, kept) = product.call(&cookie, "keep_as_document", &[("id", &id)]).await;
            assert_eq!(status, StatusCode::OK, "{kept}");
            let document = kept["go"].as_str().expect("where to").rsplit('/').next().expect("an id").to_owned();
            product.indexed(&document).await;
        }
    }
}

/// What a spreadsheet program reads of a file: its cells as CSV, every formula calculated.
fn as_a_spreadsheet_reads_it(program: &std::path::Path, name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, cells) = (folder.path().join(name), folder.path().join("cells.csv"));
    std::fs::write(&file, bytes).expect("a file");
    let ran = std::process::Command::new(program).arg("--recalc").arg(&file).arg(&cells).output().expect("ssconvert");
    assert!(ran.status.success(), "{ran:?}");
    std::fs::read_to_string(&cells).expect("its cells")
}

#[tokio::test]
async fn a_spreadsheet_program_opens_a_table_and_calculates_nothing() {
    let programs = ["/usr/bin/ssconvert", "/opt/homebrew/bin/ssconvert", "/usr/local/bin/ssconvert"];
    let Some(program) = programs.map(std::path::Path::new).into_iter().find(|path| path.is_file()) else {
        return left_out("no spreadsheet program is installed", "run `make setup-tests`");
    };
    let product = Product::start().await;
    let hostile = "mes,total,nota\nenero,120.5,\"año, \"\"bueno\"\"\"\nfebrero,-7,=1+1\nmarzo,3,\"=HYPERLINK(\"\"http://x\"\")\"\n";
    let id = make(&product, "table", "Ventas", hostile).await;
    for (format, name) in [("xlsx", "ventas.xlsx"), ("csv", "ventas.csv")] {
        let request =
            product.app.get(&format!("/api/v1/artifacts/{id}/export/{format}")).bearer_auth(&product.app.api_key);
        let bytes = request.send().await.expect("an answer").bytes().await.expect("a file");
        let read = as_a_spreadsheet_reads_it(program, name, &bytes);
        let cells: Vec<&str> = read.lines().collect();
        assert_eq!(cells.len(), 4, "{format}: {read}");
        assert_eq!(cells[..2], ["mes,total,nota", "enero,120.5,\"año, \"\"bueno\"\"\""], "{format}");
        assert!(cells[2].starts_with("febrero,-7,") && cells[2].ends_with("=1+1"), "{format} was calculated: {read}");
        assert!(cells[3].contains("=HYPERLINK("), "{format} was calculated: {read}");
    }
}

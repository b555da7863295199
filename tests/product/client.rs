//! What the tests share: a running product with its scripted models, and the calls they make again and again.

use std::time::{Duration, Instant};

use cjhirashi_testkit::{ScriptedModels, TestApp, TestAppOptions, TestDatabase};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The longest that a small document, or an answer, may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running product.
pub(crate) struct Product {
    pub(crate) app: TestApp,
    pub(crate) models: ScriptedModels,
}

/// A question that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) chat: String,
    pub(crate) question: String,
    pub(crate) answer: String,
    pub(crate) generation: String,
}

/// One event of a stream: its number and what it says.
pub(crate) type StreamEvent = (i64, Value);

impl Product {
    /// With an OpenAI-compatible provider for chat and embeddings.
    pub(crate) async fn start() -> Self {
        let models = ScriptedModels::start().await.expect("the scripted models");
        let env = models.openai_env();
        Self::with(models, env, TestDatabase::Fresh).await
    }

    /// With this environment and database.
    pub(crate) async fn with(models: ScriptedModels, env: Vec<(String, String)>, database: TestDatabase) -> Self {
        let app = TestApp::spawn(env!("CARGO_BIN_EXE_cjhirashi"), TestAppOptions { env, database })
            .await
            .expect("the product starts");
        Self { app, models }
    }

    pub(crate) async fn api(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        self.api_as(&self.app.api_key, method, path, body).await
    }

    pub(crate) async fn api_as(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.app.client.request(method, format!("{}{path}", self.app.base_url)).bearer_auth(key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status();
        let text = response.text().await.expect("a whole answer");
        let value = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {status} is no JSON ({error}): {text}"))
        };
        (status, value)
    }

    /// Uploads a file by the API.
    pub(crate) async fn upload(&self, name: &str, bytes: Vec<u8>) -> (StatusCode, Value) {
        self.upload_as(&self.app.api_key, name, bytes).await
    }

    pub(crate) async fn upload_as(&self, key: &str, name: &str, bytes: Vec<u8>) -> (StatusCode, Value) {
        let response = self
            .app
            .client
            .post(format!("{}/api/v1/documents", self.app.base_url))
            .bearer_auth(key)
            .header("content-type", MULTIPART)
            .body(multipart(&[(name.to_owned(), bytes)]))
            .send()
            .await
            .expect("an answer to an upload");
        let status = response.status();
        (status, response.json().await.expect("JSON"))
    }

    /// Adds a text by the API and waits until it can be found; its id.
    pub(crate) async fn add_text(&self, title: &str, content: &str) -> String {
        let id = self.add_text_without_waiting(title, content).await;
        self.indexed(&id).await;
        id
    }

    pub(crate) async fn add_text_without_waiting(&self, title: &str, content: &str) -> String {
        let body = json!({"title": title, "content": content});
        let (status, answer) = self.api(Method::POST, "/api/v1/documents", Some(body)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        id_of(&answer)
    }

    /// Waits until a document is indexed.
    pub(crate) async fn indexed(&self, id: &str) -> Value {
        let document = self.settled(id).await;
        assert_eq!(document["status"], "indexed", "{document}\n{}", self.app.log());
        document
    }

    /// Waits until a document is indexed or has failed.
    pub(crate) async fn settled(&self, id: &str) -> Value {
        let started = Instant::now();
        loop {
            let (status, document) = self.api(Method::GET, &format!("/api/v1/documents/{id}"), None).await;
            assert_eq!(status, StatusCode::OK, "{document}");
            if matches!(document["status"].as_str(), Some("indexed" | "failed")) {
                return document;
            }
            assert!(started.elapsed() < PATIENCE, "{document}\n{}", self.app.log());
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// The results of a search.
    pub(crate) async fn search(&self, query: &str) -> Vec<Value> {
        let (status, answer) = self.api(Method::POST, "/api/v1/search", Some(json!({"query": query}))).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["results"].as_array().expect("results").clone()
    }

    /// A session of the owner. Hashed words make low scores, so the threshold is low, too.
    pub(crate) async fn sign_in(&self) -> String {
        let cookie = self.app.sign_in().await.expect("a session");
        let (status, answer) =
            self.call(&cookie, "save_setting", &[("name", "rag_min_score"), ("value", "0.05")]).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        cookie
    }

    /// Calls a server function as the page does.
    pub(crate) async fn call(&self, cookie: &str, name: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let response = self
            .app
            .client
            .post(format!("{}/fn/{name}", self.app.base_url))
            .header("cookie", cookie)
            .header("origin", &self.app.base_url)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form(fields))
            .send()
            .await
            .expect("an answer");
        let status = response.status();
        let text = response.text().await.expect("a whole answer");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// An image of one pixel that somebody is about to ask about, by its id.
    pub(crate) async fn image(&self, cookie: &str) -> String {
        const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";
        let request = self.app.client.post(format!("{}/images", self.app.base_url));
        let request = request.header("cookie", cookie).header("origin", &self.app.base_url);
        let body = multipart(&[("rojo.png".to_owned(), PNG.to_vec())]);
        let answer = request.header("content-type", MULTIPART).body(body).send().await.expect("an answer");
        let kept: Value = answer.json().await.expect("JSON");
        kept["image"].as_str().expect("its id").to_owned()
    }

    /// Asks in a chat, or in a new one.
    pub(crate) async fn ask(&self, cookie: &str, chat: Option<&str>, text: &str) -> Asked {
        let (status, answer) =
            self.call(cookie, "send_message", &[("text", text), ("chat", chat.unwrap_or_default())]).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Asked {
            chat: text(&answer["chat"]["id"]),
            question: text(&answer["question"]["id"]),
            answer: text(&answer["answer"]["id"]),
            generation: text(&answer["answer"]["generation_id"]),
        }
    }

    /// Opens the events of a generation after a number.
    pub(crate) async fn follow(&self, cookie: &str, generation: &str, after: i64) -> Events {
        let response = self
            .app
            .client
            .get(format!("{}/events/generations/{generation}", self.app.base_url))
            .header("cookie", cookie)
            .header("last-event-id", after.to_string())
            .send()
            .await
            .expect("a stream");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(response.headers().get("content-encoding").is_none(), "a compressor would hold words back");
        Events { response, buffer: String::new() }
    }

    /// Every event of a generation until its end. A stream of nothing but signs of life has an end, too.
    pub(crate) async fn events(&self, cookie: &str, generation: &str, after: i64) -> Vec<StreamEvent> {
        let mut events = self.follow(cookie, generation, after).await;
        let mut seen = Vec::new();
        let whole = async {
            while let Some(event) = events.next().await {
                let ended = event.1["type"] == "end";
                seen.push(event);
                if ended {
                    break;
                }
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, whole).await.is_ok();
        assert!(in_time, "the answer does not end: {seen:?}\n{}", self.app.log());
        seen
    }

    /// Waits until the provider is writing an answer: only what has begun can be held, broken or released.
    pub(crate) async fn provider_is_writing(&self) {
        let started = Instant::now();
        while self.models.open_streams() == 0 {
            assert!(started.elapsed() < PATIENCE, "the provider was not asked\n{}", self.app.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A chat by the API.
    pub(crate) async fn chat(&self, id: &str) -> Value {
        let (status, chat) = self.api(Method::GET, &format!("/api/v1/chats/{id}"), None).await;
        assert_eq!(status, StatusCode::OK, "{chat}");
        chat
    }

    /// Asks and waits for the end; the answer as the API gives it.
    pub(crate) async fn answer(&self, cookie: &str, chat: Option<&str>, text: &str) -> (Asked, Value) {
        let asked = self.ask(cookie, chat, text).await;
        self.events(cookie, &asked.generation, 0).await;
        let message = self.message(&asked.chat, &asked.answer).await;
        (asked, message)
    }

    /// One message of a chat.
    pub(crate) async fn message(&self, chat: &str, message: &str) -> Value {
        let chat = self.chat(chat).await;
        let messages = chat["messages"].as_array().unwrap_or_else(|| panic!("{chat}"));
        messages.iter().find(|candidate| candidate["id"] == message).cloned().unwrap_or_else(|| panic!("{chat}"))
    }

    /// One message as its page loads it.
    pub(crate) async fn page_message(&self, cookie: &str, asked: &Asked) -> Value {
        let fields = [("chat", asked.chat.as_str()), ("message", asked.answer.as_str())];
        let (status, message) = self.call(cookie, "load_message", &fields).await;
        assert_eq!(status, StatusCode::OK, "{message}");
        message
    }

    /// A connection to the product's database, to look where no API looks.
    pub(crate) async fn database(&self) -> sqlx::PgConnection {
        use sqlx::Connection as _;
        let url = self.app.database_url().expect("a database");
        sqlx::PgConnection::connect(&url).await.expect("the database")
    }

    /// A request that uploads files as the pages' script does.
    pub(crate) fn page_upload(&self, cookie: &str, files: &[(String, Vec<u8>)]) -> reqwest::RequestBuilder {
        self.app
            .client
            .post(format!("{}/uploads", self.app.base_url))
            .header("cookie", cookie)
            .header("origin", &self.app.base_url)
            .header("accept", "application/json")
            .header("content-type", MULTIPART)
            .body(multipart(files))
    }

    /// Another person with an API key.
    pub(crate) async fn another_person(&self, email: &str) -> String {
        let key = self.app.command(&["api-key", "create", "--email", email, "--name", "test"]).await.expect("a key");
        key.trim().to_owned()
    }
}

/// The content type of [`multipart`].
pub(crate) const MULTIPART: &str = "multipart/form-data; boundary=--part--";

/// Files as a browser sends them.
pub(crate) fn multipart(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in files {
        let head = format!("----part--\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend(head.bytes());
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"----part----\r\n");
    body
}

/// Fields as a browser sends them.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(
                |byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") },
            )
            .collect()
    };
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&")
}

/// The text of what the blocks of a stream say at its end.
pub(crate) fn text_of_blocks(events: &[StreamEvent]) -> String {
    let mut blocks = std::collections::BTreeMap::new();
    for (_, event) in events.iter().filter(|(_, event)| event["type"] == "block") {
        blocks.insert(event["index"].as_u64(), event["html"].as_str().unwrap_or_default().to_owned());
    }
    let html = blocks.into_values().collect::<Vec<_>>().join("\n");
    let mut text = String::new();
    let mut tag = false;
    for c in html.chars() {
        match c {
            '<' => tag = true,
            '>' => tag = false,
            c if !tag => text.push(c),
            _ => {}
        }
    }
    text
}

pub(crate) fn id_of(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
}

/// The code of an error in the public shape.
pub(crate) fn code_of(answer: &Value) -> &str {
    assert!(answer["error"]["message"].as_str().is_some_and(|words| !words.is_empty()), "{answer}");
    answer["error"]["code"].as_str().unwrap_or_else(|| panic!("no code in {answer}"))
}

/// Events as they come.
pub(crate) struct Events {
    response: reqwest::Response,
    buffer: String,
}

impl Events {
    /// The next event, or `None` when the stream has ended or broken.
    pub(crate) async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let (mut id, mut data) = (None, None);
                for line in event.lines() {
                    if let Some(value) = line.strip_prefix("id:") {
                        id = value.trim().parse().ok();
                    } else if let Some(value) = line.strip_prefix("data:") {
                        data = serde_json::from_str(value.trim()).ok();
                    }
                }
                self.buffer = rest.to_owned();
                if let (Some(id), Some(data)) = (id, data) {
                    return Some((id, data));
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event in time");
            match chunk {
                Ok(Some(bytes)) => self.buffer.push_str(std::str::from_utf8(&bytes).expect("UTF-8")),
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

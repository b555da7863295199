//! A walk over every address there is, as everybody who may come: nobody, somebody else, an administrator, the owner, a key
//! for reading, and somebody's browser on another site. An address that is not in the table fails the walk.

use std::collections::BTreeMap;

use cjhirashi_testkit::Script;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{MULTIPART, Product, form, id_of, multipart};

/// Who gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Everybody.
    Open,
    /// Whoever is signed in.
    SignedIn,
    /// Whoever is signed in and whose it is: for others it does not exist.
    Own,
    /// Administrators.
    Admin,
    /// Owners.
    Owner,
    /// Whoever has a key.
    Key,
    /// Whoever has a key that is for writing, too.
    WritingKey,
    /// The same, and whose it is.
    OwnKey,
    OwnWritingKey,
}

/// What is sent along.
#[derive(Debug, Clone)]
pub(crate) enum Sent {
    Nothing,
    Form(Vec<(&'static str, &'static str)>),
    Json(Value),
    File,
}

use Door::{Admin, Key, Open, Own, OwnKey, OwnWritingKey, Owner, SignedIn, WritingKey};
use Sent::{File, Form, Json, Nothing};

fn fields(fields: &[(&'static str, &'static str)]) -> Sent {
    Form(fields.to_vec())
}

/// Every address, who gets in, and what is sent along.
pub(crate) fn table() -> BTreeMap<&'static str, (Door, Sent)> {
    let asked = json!({"words": "", "tag": "", "state": null, "order": null, "page": 1});
    let part = json!({"tab": "Text", "part": null, "passage": null, "quote": null});
    let index = [("kind", "pinecone"), ("model", "none:none@1")];
    BTreeMap::from([
        // Pages
        ("GET /", (SignedIn, Nothing)),
        ("GET /account", (SignedIn, Nothing)),
        ("GET /admin", (Admin, Nothing)),
        ("GET /admin/people", (Admin, Nothing)),
        ("GET /admin/models", (Admin, Nothing)),
        ("GET /admin/sync", (Admin, Nothing)),
        ("GET /admin/audit", (Admin, Nothing)),
        ("GET /chat/{chat}", (Own, Nothing)),
        ("GET /chats", (SignedIn, Nothing)),
        ("GET /documents", (SignedIn, Nothing)),
        ("GET /documents/{document}", (Own, Nothing)),
        ("GET /prompts", (SignedIn, Nothing)),
        ("GET /artifacts", (SignedIn, Nothing)),
        ("GET /artifacts/{artifact}", (Own, Nothing)),
        ("GET /settings", (SignedIn, Nothing)),
        ("GET /sign-in", (Open, Nothing)),
        // What browsers ask for beside them
        ("POST /uploads", (SignedIn, File)),
        ("GET /events/generations/{generation}", (Own, Nothing)),
        ("GET /events/chats", (SignedIn, Nothing)),
        ("POST /images", (SignedIn, File)),
        ("GET /images/{image}", (Own, Nothing)),
        ("GET /share/none", (Open, Nothing)),
        ("GET /share/none/images/none", (Open, Nothing)),
        ("POST /artifacts", (SignedIn, File)),
        ("GET /artifacts/frame", (Open, Nothing)),
        ("POST /artifacts/preview", (SignedIn, Json(json!({"kind": "html", "content": "<p>a"})))),
        ("POST /artifacts/{artifact}", (Own, Json(json!({"base_version": 1, "title": "mío"})))),
        ("POST /artifacts/{artifact}/file", (Own, File)),
        ("POST /artifacts/{artifact}/restore", (Own, Json(json!({"version": 1})))),
        ("GET /artifacts/{artifact}/panel", (Own, Nothing)),
        ("GET /artifacts/{artifact}/history", (Own, Nothing)),
        ("GET /artifacts/{artifact}/compare", (Own, Nothing)),
        ("GET /artifacts/{artifact}/content", (Own, Nothing)),
        ("GET /artifacts/{artifact}/part", (Own, Nothing)),
        ("GET /artifacts/{artifact}/frame", (Own, Nothing)),
        ("GET /artifacts/{artifact}/export/none", (Own, Nothing)),
        ("GET /share/artifact/none", (Open, Nothing)),
        ("GET /share/artifact/none/content", (Open, Nothing)),
        ("GET /share/artifact/none/part", (Open, Nothing)),
        ("GET /share/artifact/none/frame", (Open, Nothing)),
        ("GET /share/artifact/none/export/none", (Open, Nothing)),
        ("POST /fn/new_artifact", (SignedIn, fields(&[("title", "nuevo"), ("kind", "code")]))),
        ("POST /fn/make_artifact", (Own, fields(&[("message", "{message}")]))),
        ("POST /fn/label_artifact", (Own, fields(&[("id", "{artifact}"), ("tags", "a")]))),
        ("POST /fn/share_artifact", (Own, fields(&[("id", "{artifact}")]))),
        ("POST /fn/unshare_artifact", (Own, fields(&[("id", "{artifact}")]))),
        ("POST /fn/keep_as_document", (Own, fields(&[("id", "{artifact}")]))),
        ("POST /fn/delete_artifact", (Own, fields(&[("id", "{artifact}")]))),
        ("POST /fn/share_chat", (Own, fields(&[("chat", "{chat}")]))),
        ("POST /fn/unshare_chat", (Own, fields(&[("chat", "{chat}")]))),
        ("POST /fn/copy_shared", (Own, fields(&[("token", "none")]))),
        ("GET /chats/export", (SignedIn, Nothing)),
        ("POST /chats/import", (SignedIn, File)),
        ("GET /chat/{chat}/export", (Own, Nothing)),
        ("GET /messages/{message}", (Own, Nothing)),
        ("GET /documents/{document}/file", (Own, Nothing)),
        ("POST /documents/{document}/versions", (Own, File)),
        ("GET /sign-in/link", (Open, Nothing)),
        ("POST /sign-in/none", (Open, fields(&[]))),
        ("GET /sign-in/none/callback", (Open, Nothing)),
        ("POST /sign-out", (Open, Nothing)),
        ("POST /account", (SignedIn, fields(&[("name", ""), ("scope", "read"), ("days", "1")]))),
        ("POST /account/delete", (SignedIn, fields(&[("address", "not mine")]))),
        ("GET /account/export", (SignedIn, Nothing)),
        // Server functions
        ("POST /fn/list_chats", (SignedIn, fields(&[]))),
        ("POST /fn/search_chats", (SignedIn, fields(&[("words", "a")]))),
        ("POST /fn/load_chat", (Own, fields(&[("id", "{chat}")]))),
        ("POST /fn/load_message", (Own, fields(&[("message", "{message}")]))),
        ("POST /fn/send_message", (Own, fields(&[("text", "hola"), ("chat", "{chat}")]))),
        ("POST /fn/retry_answer", (Own, fields(&[("message", "{message}")]))),
        ("POST /fn/stop_answer", (Own, fields(&[("generation", "{generation}")]))),
        ("POST /fn/rename_chat", (Own, fields(&[("id", "{chat}"), ("title", "mío")]))),
        ("POST /fn/delete_chat", (Own, fields(&[("id", "{chat}")]))),
        ("POST /fn/arrange_chats", (Own, fields(&[("ids[]", "{chat}"), ("what", "pin")]))),
        ("POST /fn/create_folder", (SignedIn, fields(&[("name", "Casa")]))),
        ("POST /fn/save_folder", (Own, fields(&[("id", "none"), ("name", "Casa")]))),
        ("POST /fn/delete_folder", (Own, fields(&[("id", "none")]))),
        ("POST /fn/save_prompt", (SignedIn, fields(&[("name", "resumir"), ("content", "Resume {{qué}}.")]))),
        ("POST /fn/ask_prompt", (Own, fields(&[("id", "{prompt}"), ("values[]", "esto")]))),
        ("POST /fn/delete_prompt", (Own, fields(&[("id", "{prompt}")]))),
        ("POST /fn/prompt_menu", (SignedIn, fields(&[]))),
        ("POST /fn/message_menu", (Own, fields(&[("message", "{message}")]))),
        ("POST /fn/show_branch", (Own, fields(&[("message", "{message}")]))),
        ("POST /fn/choices_menu", (Own, fields(&[("chat", "{chat}")]))),
        ("POST /fn/choose_for_chat", (Own, fields(&[("chat", "{chat}")]))),
        ("POST /fn/change_queued", (Own, fields(&[("message", "{message}")]))),
        ("POST /fn/ask_next", (Own, fields(&[("chat", "{chat}")]))),
        ("POST /fn/answer_again", (Own, fields(&[("message", "{message}")]))),
        ("POST /fn/fork_chat", (Own, fields(&[("chat", "{chat}")]))),
        ("POST /fn/rate_answer", (Own, fields(&[("message", "{message}"), ("rating", "good")]))),
        ("POST /fn/delete_message", (Own, fields(&[("message", "{message}")]))),
        ("POST /fn/list_documents", (SignedIn, Json(json!({"scope": "own", "asked": asked})))),
        ("POST /fn/newest_subjects", (SignedIn, fields(&[]))),
        ("POST /fn/document_states", (SignedIn, Json(json!({"ids": ["{document}"]})))),
        ("POST /fn/load_document", (Own, Json(json!({"id": "{document}", "asked": part})))),
        (
            "POST /fn/load_passage",
            (Own, Json(json!({"document": "{document}", "passage": {"start": 0, "end": 4}, "quote": null}))),
        ),
        ("POST /fn/delete_document", (Own, fields(&[("id", "{document}")]))),
        ("POST /fn/retry_document", (Own, fields(&[("id", "{document}")]))),
        ("POST /fn/save_tags", (Own, fields(&[("id", "{document}"), ("tags", "a")]))),
        ("POST /fn/rename_document", (Own, fields(&[("id", "{document}"), ("title", "mío")]))),
        ("POST /fn/save_metadata", (Own, fields(&[("id", "{document}"), ("metadata", "{}")]))),
        ("POST /fn/share_document", (Own, fields(&[("id", "{document}"), ("visibility", "private")]))),
        ("POST /fn/cancel_document", (Own, fields(&[("id", "{document}")]))),
        ("POST /fn/save_setting", (SignedIn, fields(&[("name", "theme"), ("value", "dark")]))),
        ("POST /fn/save_connection", (Admin, fields(&[("base_url", "nonsense")]))),
        ("POST /fn/remove_connection", (Admin, fields(&[]))),
        ("POST /fn/serve_page", (Admin, Json(json!({"path": "/admin/people", "query": ""})))),
        ("POST /fn/sign_in_ways", (Open, Json(json!({})))),
        ("POST /fn/unlink_account", (Own, fields(&[("id", "none")]))),
        ("POST /fn/refresh_profile", (Own, fields(&[("id", "none")]))),
        ("POST /fn/end_session", (SignedIn, fields(&[("id", "none")]))),
        ("POST /fn/end_other_sessions", (SignedIn, fields(&[]))),
        ("POST /fn/revoke_key", (Own, fields(&[("id", "{key}")]))),
        ("POST /fn/set_role", (Owner, fields(&[("id", "nobody"), ("role", "user")]))),
        ("POST /fn/set_disabled", (Admin, fields(&[("id", "nobody"), ("disabled", "true")]))),
        ("POST /fn/invite", (Admin, fields(&[("email", "x@example.org"), ("role", "user")]))),
        ("POST /fn/revoke_invitation", (Admin, fields(&[("email", "nobody@example.org")]))),
        ("POST /fn/set_price", (Admin, fields(&[("model", "openai:none")]))),
        ("POST /fn/compare_now", (Admin, fields(&[]))),
        ("POST /fn/replay_job", (Admin, fields(&[("id", "1")]))),
        ("POST /fn/replay_all", (Admin, fields(&[]))),
        ("POST /fn/retry_failed", (Admin, fields(&[]))),
        ("POST /fn/build_index", (Admin, fields(&index))),
        ("POST /fn/stop_building", (Admin, fields(&[]))),
        ("POST /fn/forget_index", (Admin, fields(&index))),
        // Programs
        ("GET /healthz", (Open, Nothing)),
        ("GET /readyz", (Open, Nothing)),
        ("GET /metrics", (Open, Nothing)),
        ("GET /api/v1/openapi.json", (Open, Nothing)),
        ("GET /api/v1/models", (Key, Nothing)),
        ("GET /api/v1/models/{model}", (Key, Nothing)),
        ("POST /api/v1/search", (Key, Json(json!({"query": "hola"})))),
        ("POST /api/v1/chat/completions", (Key, Json(json!({"messages": []})))),
        ("GET /api/v1/chats", (Key, Nothing)),
        ("POST /api/v1/chats", (WritingKey, Json(json!({})))),
        ("GET /api/v1/chats/{chat}", (OwnKey, Nothing)),
        ("DELETE /api/v1/chats/{chat}", (OwnWritingKey, Nothing)),
        ("GET /api/v1/artifacts", (Key, Nothing)),
        ("POST /api/v1/artifacts", (WritingKey, Json(json!({"title": "a", "content": "b", "type": "markdown"})))),
        ("GET /api/v1/artifacts/{artifact}", (OwnKey, Nothing)),
        ("PATCH /api/v1/artifacts/{artifact}", (OwnWritingKey, Json(json!({"version": 1, "title": "mío"})))),
        ("DELETE /api/v1/artifacts/{artifact}", (OwnWritingKey, Nothing)),
        ("GET /api/v1/artifacts/{artifact}/versions", (OwnKey, Nothing)),
        ("GET /api/v1/artifacts/{artifact}/export/none", (OwnKey, Nothing)),
        ("GET /api/v1/documents", (Key, Nothing)),
        ("POST /api/v1/documents", (WritingKey, Json(json!({"title": "a", "content": "b"})))),
        ("POST /api/v1/documents/retry", (WritingKey, Nothing)),
        ("GET /api/v1/documents/{document}", (OwnKey, Nothing)),
        ("PATCH /api/v1/documents/{document}", (OwnWritingKey, Json(json!({"title": "mío"})))),
        ("DELETE /api/v1/documents/{document}", (OwnWritingKey, Nothing)),
        ("POST /api/v1/documents/{document}/cancel", (OwnWritingKey, Nothing)),
        ("GET /api/v1/documents/{document}/events", (OwnKey, Nothing)),
        ("GET /api/v1/documents/{document}/file", (OwnKey, Nothing)),
        ("POST /api/v1/documents/{document}/retry", (OwnWritingKey, Nothing)),
        ("POST /api/v1/documents/{document}/versions", (OwnWritingKey, File)),
    ])
}

/// Parameters of addresses, however they are written, as one word.
fn shape(address: &str) -> String {
    let (method, path) = address.split_once(' ').expect("a method and a path");
    let parts = path.split('/').map(|part| if part.starts_with([':', '{']) || part == "none" { "*" } else { part });
    format!("{method} {}", parts.collect::<Vec<_>>().join("/"))
}

#[test]
fn every_address_is_in_the_table_and_no_other() {
    let known: Vec<String> = table().keys().map(|address| shape(address)).collect();
    for address in cjhirashi::http::addresses() {
        let wanted = shape(&address);
        let section = wanted.strip_suffix("/*").map(|section| format!("{section}/"));
        let covered = known.contains(&wanted)
            // Pages that one address stands for.
            || section.is_some_and(|section| section == "GET /admin/" && known.iter().any(|it| it.starts_with(&section)));
        assert!(covered, "{address} is not in the table: who may go there?");
    }
    let there: Vec<String> = cjhirashi::http::addresses().iter().map(|address| shape(address)).collect();
    for address in known.iter().filter(|address| !address.starts_with("GET /admin/")) {
        assert!(there.contains(address), "{address} is in the table and not served: {there:#?}");
    }
}

/// Who comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visitor {
    Nobody,
    SomebodyElse,
    Administrator,
    TheOwner,
    ReadingKey,
    OtherSite,
}

struct World {
    product: Product,
    cookies: BTreeMap<&'static str, String>,
    keys: BTreeMap<&'static str, String>,
    ids: BTreeMap<&'static str, String>,
}

impl World {
    async fn new() -> Self {
        let product = Product::start().await;
        let owner = product.sign_in().await;
        let eva = product.another_person("eva@example.org").await;
        product.another_person("admin@example.org").await;
        product.app.command(&["grant-admin", "admin@example.org"]).await.expect("an administrator");
        let reading =
            ["api-key", "create", "--email", "owner@localhost", "--name", "r", "--scope", "read", "--days", "9"];
        let reading = product.app.command(&reading).await.expect("a key").trim().to_owned();
        let document = product.add_text("Diario", "Mi diario habla de un unicornio violeta.").await;
        product.models.set(Script { hold_after: Some(1), ..Script::saying("uno dos tres") });
        let asked = product.ask(&owner, None, "cuenta").await;
        let key = key_of(&product, &owner).await;
        let kept = [("name", "diario"), ("content", "¿De qué habla mi diario del unicornio?")];
        let (status, told) = product.call(&owner, "save_prompt", &kept).await;
        assert_eq!(status, StatusCode::OK, "{told}");
        let prompt = id_on(&product, &owner, "/prompts", "/fn/ask_prompt").await;
        let image = product.image(&owner).await;
        let page = json!({"type": "html", "title": "Diario", "content": "<p>Mi unicornio violeta</p>"});
        let (status, artifact) = product.api(Method::POST, "/api/v1/artifacts", Some(page)).await;
        assert_eq!(status, StatusCode::CREATED, "{artifact}");
        let artifact = id_of(&artifact);
        let eva_cookie = product.app.sign_in_as("eva@example.org").await.expect("a session");
        let admin_cookie = product.app.sign_in_as("admin@example.org").await.expect("a session");
        Self {
            cookies: BTreeMap::from([("owner", owner), ("eva", eva_cookie), ("admin", admin_cookie)]),
            keys: BTreeMap::from([("owner", product.app.api_key.clone()), ("eva", eva), ("reading", reading)]),
            ids: BTreeMap::from([
                ("{chat}", asked.chat),
                ("{message}", asked.answer),
                ("{generation}", asked.generation),
                ("{document}", document),
                ("{key}", key),
                ("{prompt}", prompt),
                ("{image}", image),
                ("{artifact}", artifact),
            ]),
            product,
        }
    }

    fn filled(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
    }

    async fn visit(&self, visitor: Visitor, address: &str, sent: &Sent) -> (StatusCode, String) {
        let (method, path) = address.split_once(' ').expect("a method and a path");
        let method: Method = method.parse().expect("a method");
        let program = path.starts_with("/api/");
        let url = format!("{}{}", self.product.app.base_url, self.filled(path));
        let mut request = self.product.app.client.request(method.clone(), url);
        let is_page = method == Method::GET && !program && !path.contains("/events/") && !path.ends_with("/file");
        request = request.header("accept", if is_page { "text/html" } else { "application/json" });
        let (cookie, key) = match visitor {
            Visitor::Nobody => (None, None),
            Visitor::SomebodyElse => (Some("eva"), Some("eva")),
            Visitor::Administrator => (Some("admin"), None),
            Visitor::TheOwner | Visitor::OtherSite => (Some("owner"), Some("owner")),
            Visitor::ReadingKey => (None, Some("reading")),
        };
        if program {
            if let Some(key) = key {
                request = request.bearer_auth(&self.keys[key]);
            }
        } else {
            let origin =
                if visitor == Visitor::OtherSite { "https://evil.example" } else { self.product.app.base_url.as_str() };
            request = request.header("origin", origin);
            if let Some(cookie) = cookie {
                request = request.header("cookie", &self.cookies[cookie]);
            }
        }
        request = match sent {
            Nothing => request,
            File => request
                .header("content-type", MULTIPART)
                .body(multipart(&[("a.txt".to_owned(), b"Otro texto.".to_vec())])),
            Form(fields) => {
                let filled: Vec<(&str, String)> =
                    fields.iter().map(|(name, value)| (*name, self.filled(value))).collect();
                let fields: Vec<(&str, &str)> = filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
                request.header("content-type", "application/x-www-form-urlencoded").body(form(&fields))
            }
            Json(value) => {
                let text = self.filled(&value.to_string());
                request.header("content-type", "application/json").body(text)
            }
        };
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let place =
            answer.headers().get("location").and_then(|place| place.to_str().ok()).unwrap_or_default().to_owned();
        // A stream has no end.
        let body = if path.contains("/events/") && status.is_success() {
            String::new()
        } else {
            answer.text().await.expect("a whole answer")
        };
        assert!(
            status.as_u16() < 500 || status == StatusCode::BAD_GATEWAY,
            "{visitor:?} at {address}: {status} {body}"
        );
        (status, format!("{place} {body}"))
    }
}

/// What is somebody else's: an error, or a form's way back with one.
fn does_not_exist(status: StatusCode, told: &str) -> bool {
    let misread =
        matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::TOO_MANY_REQUESTS);
    (status.is_client_error() && !misread)
        || (status == StatusCode::SEE_OTHER && told.contains("error=documents:not_found"))
}

/// What is there for nobody in this world: no account of a provider, nothing that failed or is in work, and no artifact that
/// is an image, is read in parts, or leaves in a form called "none".
const FOR_NOBODY: [&str; 13] = [
    "POST /artifacts/{artifact}/file",
    "GET /artifacts/{artifact}/part",
    "GET /artifacts/{artifact}/export/none",
    "GET /api/v1/artifacts/{artifact}/export/none",
    "POST /fn/copy_shared",
    "POST /fn/save_folder",
    "POST /fn/delete_folder",
    "POST /fn/unlink_account",
    "POST /fn/refresh_profile",
    "POST /fn/retry_document",
    "POST /fn/cancel_document",
    "POST /api/v1/documents/{document}/retry",
    "POST /api/v1/documents/{document}/cancel",
];

/// A key of the owner's, by its id.
async fn key_of(product: &Product, cookie: &str) -> String {
    id_on(product, cookie, "/account", "/fn/revoke_key").await
}

/// The id in the first form of a page that is sent there.
async fn id_on(product: &Product, cookie: &str, path: &str, action: &str) -> String {
    let page = product.app.get(path).header("cookie", cookie).header("accept", "text/html").send().await;
    let html = page.expect("a page").text().await.expect("HTML");
    let from = html.find(action).expect("a form");
    let id = html[from..].split("name=\"id\" value=\"").nth(1).or_else(|| html[from..].split("value=\"").nth(1));
    id.expect("its id").split('"').next().expect("an id").to_owned()
}

#[tokio::test]
async fn every_address_lets_in_whom_it_should_and_nobody_else() {
    let world = World::new().await;
    // Whoever signs out is nobody from then on.
    let (last, others): (Vec<_>, Vec<_>) = table().into_iter().partition(|(address, _)| *address == "POST /sign-out");
    for (address, (door, sent)) in others.into_iter().chain(last) {
        let program = address.contains(" /api/") || address.ends_with("healthz") || address.ends_with("readyz");
        let is_page = address.starts_with("GET /") && !program;
        // Nobody.
        let (status, told) = world.visit(Visitor::Nobody, address, &sent).await;
        match door {
            Open => assert!(status != StatusCode::UNAUTHORIZED, "{address} is for everybody: {status} {told}"),
            _ if is_page && status == StatusCode::SEE_OTHER => {
                assert!(told.starts_with("/sign-in"), "{address} leads nobody to the door: {told}");
            }
            _ => assert_eq!(status, StatusCode::UNAUTHORIZED, "nobody at {address}: {told}"),
        }
        assert!(!told.contains("unicornio"), "{address} tells nobody's business: {told}");
        // Somebody else.
        let (status, told) = world.visit(Visitor::SomebodyElse, address, &sent).await;
        match door {
            Own | OwnKey | OwnWritingKey => {
                assert!(does_not_exist(status, &told), "somebody else at {address}: {status} {told}");
                assert_ne!(status, StatusCode::UNAUTHORIZED, "{address}");
            }
            Admin | Owner => assert_eq!(status, StatusCode::FORBIDDEN, "somebody else at {address}: {told}"),
            Open | SignedIn | Key | WritingKey => {
                assert!(
                    !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
                    "somebody else at {address}: {status} {told}"
                );
            }
        }
        assert!(!told.contains("unicornio"), "{address} tells somebody else's business: {told}");
        // An administrator, who reads nobody's things either.
        if !program && address != "POST /sign-out" {
            let (status, told) = world.visit(Visitor::Administrator, address, &sent).await;
            let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            assert_eq!(refused, door == Owner, "an administrator at {address}: {status} {told}");
            assert!(!told.contains("unicornio"), "{address} tells an administrator: {told}");
            if door == Own {
                assert!(does_not_exist(status, &told), "an administrator at {address}: {status} {told}");
            }
        }
        // A browser of the owner's on another site.
        if address.starts_with("POST /") && !program {
            let (status, told) = world.visit(Visitor::OtherSite, address, &sent).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "another site at {address}: {told}");
        }
        if program && matches!(door, WritingKey | OwnWritingKey) {
            let (status, told) = world.visit(Visitor::ReadingKey, address, &sent).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "a key for reading at {address}: {told}");
        }
    }
    // After all that the owner has everything.
    for address in ["GET /chat/{chat}", "GET /documents/{document}", "GET /account", "GET /admin/people"] {
        let (status, told) = world.visit(Visitor::TheOwner, address, &Nothing).await;
        assert_eq!(status, StatusCode::OK, "{address}: {told}");
    }
    let (status, _) = world.visit(Visitor::ReadingKey, "GET /api/v1/documents/{document}", &Nothing).await;
    assert_eq!(status, StatusCode::OK);
    // What did not exist for others exists for whose it is, so that nobody was kept out by a mistake in the table; what
    // deletes comes last, and once.
    let own = table().into_iter().filter(|(address, (door, _))| {
        matches!(door, Own | OwnKey | OwnWritingKey) && !FOR_NOBODY.contains(address) && !address.starts_with("DELETE ")
    });
    let (last, others): (Vec<_>, Vec<_>) = own.partition(|(address, _)| address.contains("/delete_"));
    // From the last to the first: messages before their chats.
    for (address, (_, sent)) in others.into_iter().chain(last.into_iter().rev()) {
        let (status, told) = world.visit(Visitor::TheOwner, address, &sent).await;
        let there = !does_not_exist(status, &told) || status == StatusCode::CONFLICT;
        assert!(there, "the owner at {address}: {status} {told}");
    }
    let (status, made) = world.product.api(Method::POST, "/api/v1/chats", Some(json!({"title": "Vive"}))).await;
    assert!(status.is_success() && !id_of(&made).is_empty());
    world.product.models.release();
}

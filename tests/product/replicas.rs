//! Several servers over one database.

use cjhirashi_testkit::{Script, ScriptedModels, TestApp, TestAppOptions, TestDatabase, TestDb};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::client::{Product, text_of_blocks};

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn two_that_start_at_once_on_an_empty_database_serve_the_same_people() {
    let models = ScriptedModels::start().await.expect("the scripted models");
    let database = TestDb::new().await.expect("a database");
    let mut env = models.openai_env();
    env.push(("APP_SECRET".to_owned(), SECRET.to_owned()));
    // People come by one address, whichever of them answers.
    env.push(("APP_URL".to_owned(), "http://localhost".to_owned()));
    let mut second_env = env.clone();
    second_env.push(("DATABASE_URL".to_owned(), database.url.clone()));
    let program = env!("CARGO_BIN_EXE_cjhirashi");
    let (first, second) = tokio::join!(
        TestApp::spawn(program, TestAppOptions { env, database: TestDatabase::Prepared(database) }),
        TestApp::spawn(program, TestAppOptions { env: second_env, database: TestDatabase::Embedded }),
    );
    let (app, second) = (first.expect("the first"), second.expect("the second"));
    let product = Product { app, models };
    let cookie = product.app.sign_in().await.expect("a session");

    // A key, a session and a document of one are those of the other.
    let id = product.add_text("Nota", "La orquesta ensaya los jueves por la tarde.").await;
    let found: serde_json::Value = second
        .client
        .post(format!("{}/api/v1/search", second.base_url))
        .bearer_auth(&product.app.api_key)
        .json(&json!({"query": "¿cuándo ensaya la orquesta?"}))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(found["results"][0]["document_id"], id.as_str(), "{found}");

    // An answer written by one is followed at the other.
    product.models.set(Script { pace_ms: 10, ..Script::saying("uno dos tres cuatro cinco seis") });
    let asked = product.ask(&cookie, None, "cuenta").await;
    let other = Product { app: second, models: ScriptedModels::start().await.expect("more models") };
    let events = other.events(&cookie, &asked.generation, 0).await;
    assert_eq!(text_of_blocks(&events).trim(), "uno dos tres cuatro cinco seis");
    let (status, _) =
        other.api_as(&product.app.api_key, Method::GET, &format!("/api/v1/chats/{}", asked.chat), None).await;
    assert_eq!(status, StatusCode::OK);
}

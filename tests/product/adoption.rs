//! A database that the ADR's application made and filled is taken over whole by the server itself.

use cjhirashi_testkit::{Script, ScriptedModels, TestDatabase, TestDb};
use reqwest::{Method, StatusCode};
use sqlx::{Connection as _, Executor as _};

use crate::client::Product;

/// The schema as Prisma's engine writes it, and somebody's life in all eight tables.
const LIFE: &str = r#"
INSERT INTO "User" (id, email, name, "emailVerified", "createdAt", "updatedAt") VALUES
  ('clh3user0001', 'ana@example.org', 'Ana', '2025-01-02 03:04:05.678', '2025-01-01 10:00:00.123', '2025-02-01 10:00:00');
INSERT INTO "Account" (id, "userId", type, provider, "providerAccountId", access_token, refresh_token, id_token, expires_at) VALUES
  ('clh3acct0001', 'clh3user0001', 'oauth', 'google', '1234567890', 'clear-access-token', 'clear-refresh-token', 'clear-id-token', 1767225600);
INSERT INTO "Session" (id, "sessionToken", "userId", expires) VALUES
  ('clh3sess0001', 'clear-session-token', 'clh3user0001', '2030-01-01 00:00:00');
INSERT INTO "UserSettings" (id, "userId", theme, language, "ragTopK", "updatedAt") VALUES
  ('clh3sett0001', 'clh3user0001', 'dark', 'en', 7, '2025-02-01 10:00:00');
INSERT INTO "Chat" (id, title, "userId", "createdAt", "updatedAt") VALUES
  ('clh3chat0001', 'Planes de viaje', 'clh3user0001', '2025-03-01 10:00:00.5', '2025-03-01 10:05:00');
INSERT INTO "Message" (id, "chatId", role, content, model, "tokensUsed", "latencyMs", "createdAt") VALUES
  ('clh3mess0001', 'clh3chat0001', 'user', '¿Qué ver en Oaxaca?', NULL, NULL, NULL, '2025-03-01 10:01:00.111'),
  ('clh3mess0002', 'clh3chat0001', 'assistant', 'Monte Albán y **Hierve el Agua**.', 'gemini-2.0-flash', 321, 1234, '2025-03-01 10:01:05.222');
INSERT INTO "Artifact" (id, "messageId", "userId", type, title, content, "updatedAt") VALUES
  ('clh3arti0001', 'clh3mess0002', 'clh3user0001', 'code', 'Ruta', 'print(1)', '2025-03-01 10:05:00');
INSERT INTO "Document" (id, "userId", title, source, "vectorIds", indexed, "chunkCount", tags, "updatedAt") VALUES
  ('clh3docu0001', 'clh3user0001', 'Guía vieja', 'upload', '{v1,v2}', true, 2, '{viajes}', '2025-03-01 10:05:00');
"#;

/// A database as the ADR's application left it.
async fn old_database() -> TestDb {
    let database = TestDb::new().await.expect("a database");
    let mut connection = sqlx::PgConnection::connect(&database.url).await.expect("a connection");
    connection.execute(include_str!("../../migrations/0001_adr_002.sql")).await.expect("the ADR's schema");
    connection.execute(LIFE).await.expect("its rows");
    database
}

/// Every row of the old application is there, and none of its tokens lies in clear in any table.
async fn assert_all_is_kept_and_sealed(connection: &mut sqlx::PgConnection) {
    let tables: Vec<String> = sqlx::query_scalar("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(&mut *connection)
        .await
        .expect("tables");
    for table in &tables {
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT count(*) FROM \"{table}\" t WHERE t::text ~ 'clear-(access|refresh|id|session)-token'"
        )))
        .fetch_one(&mut *connection)
        .await
        .expect("a count");
        assert_eq!(found, 0, "a token lies in clear in {table}");
    }
    for (table, id) in [
        ("users", "clh3user0001"),
        ("accounts", "clh3acct0001"),
        ("sessions", "clh3sess0001"),
        ("user_settings", "clh3sett0001"),
        ("chats", "clh3chat0001"),
        ("messages", "clh3mess0001"),
        ("messages", "clh3mess0002"),
        ("artifacts", "clh3arti0001"),
        ("documents", "clh3docu0001"),
    ] {
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE id = $1")))
            .bind(id)
            .fetch_one(&mut *connection)
            .await
            .expect("a count");
        assert_eq!(found, 1, "{id} of {table} is lost");
    }
}

#[tokio::test]
async fn migrate_alone_takes_it_over_once_and_for_all() {
    let database = old_database().await;
    let env = [("DATABASE_URL", database.url.as_str()), ("APP_SECRET", &"0123456789abcdef".repeat(4))];
    // The second run finds nothing to do.
    for run in 1..=2 {
        let output = crate::start::run(&["migrate"], &env).await;
        assert!(output.status.success(), "run {run}: {}", String::from_utf8_lossy(&output.stderr));
        let mut connection = sqlx::PgConnection::connect(&database.url).await.expect("a connection");
        assert_all_is_kept_and_sealed(&mut connection).await;
    }
}

#[tokio::test]
async fn chats_of_the_old_application_are_read_and_continued_and_no_token_stays_in_clear() {
    let database = old_database().await;
    let models = ScriptedModels::start().await.expect("the scripted models");
    models.set(Script::saying("También el mercado."));
    let env = models.openai_env();
    let mut product = Product::with(models, env, TestDatabase::Prepared(database)).await;
    let key = product
        .app
        .command(&["api-key", "create", "--email", "ana@example.org", "--name", "test"])
        .await
        .expect("a key");
    let key = key.trim().to_owned();

    let (status, chat) = product.api_as(&key, Method::GET, "/api/v1/chats/clh3chat0001", None).await;
    assert_eq!((status, chat["title"].as_str()), (StatusCode::OK, Some("Planes de viaje")), "{chat}");
    let messages = chat["messages"].as_array().expect("messages");
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1]["content"], "Monte Albán y **Hierve el Agua**.");
    assert_eq!((messages[1]["tokens_used"].as_i64(), messages[1]["latency_ms"].as_i64()), (Some(321), Some(1234)));

    // Continued, as Ana: a session of hers, made as the server makes it.
    let cookie = product.app.sign_in_as("ana@example.org").await.expect("a session");
    let asked = product.ask(&cookie, Some("clh3chat0001"), "¿Y qué más?").await;
    product.events(&cookie, &asked.generation, 0).await;
    let (_, chat) = product.api_as(&key, Method::GET, "/api/v1/chats/clh3chat0001", None).await;
    assert_eq!(chat["messages"].as_array().map(Vec::len), Some(4), "{chat}");
    let told = product.models.requests().iter().map(|request| request.body.to_string()).collect::<String>();
    assert!(told.contains("Hierve el Agua"), "the model is told the old turns");
    // Its settings hold: the page is in English and dark.
    let page = product.app.get("/").header("cookie", &cookie).send().await.expect("a page").text().await.expect("HTML");
    assert!(page.contains("lang=\"en\"") && page.contains("dark"), "{}", page.chars().take(600).collect::<String>());

    // A second start changes nothing, and nothing is in clear anywhere.
    product.app.restart().await.expect("a restart");
    let (_, again) = product.api_as(&key, Method::GET, "/api/v1/chats/clh3chat0001", None).await;
    assert_eq!(again["messages"], chat["messages"]);
    let mut connection = product.database().await;
    assert_all_is_kept_and_sealed(&mut connection).await;
}

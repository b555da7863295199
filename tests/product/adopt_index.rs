//! From a database and an index of the ADR's application to documents that are found and cited here, by command.

use std::collections::BTreeSet;

use cjhirashi_testkit::{
    FaultyPinecone, ScriptedModels, TestDatabase, TestDb,
    models::{DIMENSION, embed},
    pinecone::Stored,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};

use crate::{client::Product, start::run};

const INDEX: &str = "cjhirashi-knowledge";
const OLD: &str = "__default__";

/// Two documents that are whole and one of which a chunk is lost.
const ROWS: &str = r#"
INSERT INTO "User" (id, email, "updatedAt") VALUES ('clh3user0001', 'ana@example.org', '2025-02-01 10:00:00');
INSERT INTO "Document" (id, "userId", title, source, "vectorIds", indexed, "chunkCount", tags, "updatedAt") VALUES
  ('clh3docu0001', 'clh3user0001', 'Guía de Oaxaca', 'upload', '{clh3docu0001-chunk-0,clh3docu0001-chunk-1}', true, 2, '{viajes}', '2025-03-01 10:05:00'),
  ('clh3docu0002', NULL, 'Horario del faro', 'url', '{clh3docu0002-chunk-0}', true, 1, NULL, '2025-03-01 10:05:00'),
  ('clh3docu0003', 'clh3user0001', 'Incompleto', 'upload', '{}', true, 3, NULL, '2025-03-01 10:05:00');
"#;

const CHUNKS: [(&str, usize, &str); 5] = [
    (
        "clh3docu0001",
        0,
        "Monte Albán, capital de los zapotecas, fue levantada en lo alto de un cerro. Se ve desde todo el valle de Oaxaca.",
    ),
    ("clh3docu0001", 1, "Se ve desde todo el valle de Oaxaca. Hierve el Agua son unas cascadas petrificadas."),
    ("clh3docu0002", 0, "El faro abre de nueve a cinco y cierra los lunes de invierno."),
    ("clh3docu0003", 0, "Primera parte de un documento."),
    ("clh3docu0003", 2, "Tercera parte de un documento."),
];

fn stored(document: &str, number: usize, text: &str) -> (String, Stored) {
    let metadata = json!({
        "documentId": document, "chunkIndex": number, "text": text, "title": "t", "source": "upload",
        "createdAt": 1_740_823_500_000_i64 + number as i64, "tags": ["viajes"], "language": "es",
    });
    let Value::Object(metadata) = metadata else { unreachable!() };
    (format!("{document}-chunk-{number}"), Stored { values: embed(text, DIMENSION), metadata })
}

/// The environment of both, and what the commands run with.
struct Old {
    pinecone: FaultyPinecone,
    env: Vec<(String, String)>,
    url: String,
}

impl Old {
    /// What the command printed, and what it said when it failed, with its exit code.
    async fn adopt(&self, args: &[&str]) -> (Option<i32>, String, String) {
        self.run(&[&["adopt-index"], args].concat()).await
    }

    async fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut env: Vec<(&str, &str)> = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        env.push(("DATABASE_URL", &self.url));
        let output = run(args, &env).await;
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn names(&self, namespace: &str) -> BTreeSet<String> {
        self.pinecone.vectors(INDEX, namespace).into_keys().collect()
    }
}

async fn old_application() -> (Old, ScriptedModels, TestDb) {
    let database = TestDb::new().await.expect("a database");
    let mut connection = sqlx::PgConnection::connect(&database.url).await.expect("a connection");
    connection.execute(include_str!("../../migrations/0001_adr_002.sql")).await.expect("the ADR's schema");
    connection.execute(ROWS).await.expect("its rows");
    let models = ScriptedModels::start().await.expect("the scripted models");
    let pinecone = FaultyPinecone::start().await.expect("a server");
    let mut env = models.openai_env();
    env.extend(pinecone.env());
    env.push(("APP_SECRET".to_owned(), "0123456789abcdef".repeat(4)));
    env.push(("LOOK_ON_LOOPBACK".to_owned(), "no".to_owned()));
    let old = Old { pinecone, env, url: database.url.clone() };
    let (code, _, complained) = old.run(&["init-index"]).await;
    assert_eq!(code, Some(0), "{complained}");
    old.pinecone.put(INDEX, OLD, CHUNKS.iter().map(|(id, number, text)| stored(id, *number, text)).collect());
    (old, models, database)
}

#[tokio::test]
async fn documents_of_the_old_application_are_found_here_after_one_command() {
    let (old, models, database) = old_application().await;

    let (code, _, complained) = old.run(&["migrate"]).await;
    assert_eq!(code, Some(0), "{complained}");
    let (code, said, complained) = old.adopt(&["--dry-run"]).await;
    assert_eq!(code, Some(1), "one is not all there: {said}{complained}");
    assert!(said.contains("2 documents of 3 chunks would be taken over"), "{said}");
    assert_eq!(old.names("openai:scripted-embedding@256"), BTreeSet::new());

    // Until then they wait, and say for what.
    let mut product = Product::with(models, old.env.clone(), TestDatabase::Prepared(database)).await;
    let ana =
        product.app.command(&["api-key", "create", "--email", "ana@example.org", "--name", "t"]).await.expect("a key");
    let ana = ana.trim().to_owned();
    let (status, document) = product.api_as(&ana, Method::GET, "/api/v1/documents/clh3docu0001", None).await;
    assert_eq!((status, document["status"].as_str()), (StatusCode::OK, Some("not_adopted")), "{document}");
    assert!(document["error"]["message"].as_str().is_some_and(|words| words.contains("adopt-index")), "{document}");
    let cookie = product.app.sign_in_as("ana@example.org").await.expect("a session");
    let page = async |product: &Product| {
        let answer = product.app.get("/documents/clh3docu0001").header("cookie", &cookie).send().await.expect("a page");
        answer.text().await.expect("HTML")
    };
    let html = page(&product).await;
    assert!(html.contains("Aún no adoptado") && !html.contains("state failed") && !html.contains("/file"), "{html}");

    // Beside the running server.
    let (code, said, complained) = old.adopt(&[]).await;
    assert_eq!(code, Some(1), "{complained}");
    for part in [
        "2 documents of 3 chunks taken over",
        "clh3docu0003 \"Incompleto\": missing of 3 chunks: 1",
        "indexed     2 of",
    ] {
        assert!(said.contains(part), "{said}{complained}");
    }
    assert!(complained.contains("not every document can be taken over"), "{complained}");
    let (_, document) = product.api_as(&ana, Method::GET, "/api/v1/documents/clh3docu0001", None).await;
    assert_eq!(
        (document["status"].as_str(), document["chunk_count"].as_i64()),
        (Some("indexed"), Some(2)),
        "{document}"
    );
    let search = json!({"query": "¿Qué son las cascadas petrificadas?", "min_score": 0.05});
    let (_, found) = product.api_as(&ana, Method::POST, "/api/v1/search", Some(search)).await;
    assert_eq!(found["results"][0]["document_id"], "clh3docu0001", "{found}");
    assert_eq!(found["results"][0]["text"], CHUNKS[1].2, "{found}");
    let search = json!({"query": "¿Cuándo abre el faro?", "min_score": 0.05});
    let (_, found) = product.api(Method::POST, "/api/v1/search", Some(search)).await;
    assert_eq!(found["results"][0]["document_id"], "clh3docu0002", "everybody's, as it was: {found}");
    let html = page(&product).await;
    let once = "de un cerro. Se ve desde todo el valle de Oaxaca. Hierve el Agua";
    assert!(html.contains(once), "what both chunks say stands there once: {html}");

    // The rest is mended in the old index; then the old vectors go.
    old.pinecone.put(INDEX, OLD, vec![stored("clh3docu0003", 1, "Segunda parte de un documento.")]);
    let (code, said, complained) = old.adopt(&["--remove-old"]).await;
    assert_eq!(code, Some(0), "{said}{complained}");
    for part in
        ["1 documents of 3 chunks taken over", "2 documents taken over before", "removed     6 old vectors of 3"]
    {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(old.names(OLD), BTreeSet::new());
    let (code, said, complained) = old.adopt(&["--remove-old"]).await;
    assert!(code == Some(0) && said.contains("removed     0 old vectors"), "{said}{complained}");
    assert_eq!(old.names("openai:scripted-embedding@256").len(), 6);
    assert_eq!(old.pinecone.violations(), Vec::<String>::new());
    product.app.stop().await.expect("a stop");
}

#[tokio::test]
async fn a_look_migrates_nothing_runs_nothing_and_asks_for_nothing() {
    let (old, models, database) = old_application().await;
    let mut connection = sqlx::PgConnection::connect(&database.url).await.expect("a connection");
    for command in ["adopt-index", "reconcile"] {
        let (code, _, complained) = old.run(&[command, "--dry-run"]).await;
        assert!(code == Some(1) && complained.contains("cjhirashi migrate"), "{command}: {complained}");
    }
    let left: i64 =
        sqlx::query_scalar(r#"SELECT count(*) FROM "Document""#).fetch_one(&mut connection).await.expect("untouched");
    assert_eq!(left, 3);

    let (code, _, complained) = old.run(&["migrate"]).await;
    assert_eq!(code, Some(0), "{complained}");
    let jobs = "INSERT INTO jobs (kind, key, dead_at, attempts) VALUES
        ('delete_document', 'clh3docu0003', NULL, 0), ('housekeeping', 'housekeeping', NULL, 0),
        ('index_document', 'clh3docu0002', now(), 12)";
    connection.execute(jobs).await.expect("jobs");
    let (code, said, complained) = old.adopt(&["--dry-run"]).await;
    assert!(code == Some(1) && said.contains("2 documents of 3 chunks would be taken over"), "{said}{complained}");
    let (code, said, complained) = old.run(&["reconcile", "--dry-run"]).await;
    assert!(code == Some(0) && said.contains("missing     0 vectors"), "{said}{complained}");
    let state: String = sqlx::query_scalar(
        "SELECT string_agg(kind || ' ' || attempts || ' ' || (dead_at IS NOT NULL), ', ' ORDER BY kind)
            || '; ' || (SELECT count(*) FROM vector_indexes) || '; ' || (SELECT count(*) FROM documents) FROM jobs",
    )
    .fetch_one(&mut connection)
    .await
    .expect("the jobs");
    assert_eq!(state, "delete_document 0 false, housekeeping 0 false, index_document 12 true; 0; 3");
    let embedded = models.requests().into_iter().filter(|request| request.path.ends_with("/embeddings")).count();
    assert_eq!(embedded, 1, "to see whose vectors they are");

    // Nor does the command that changes something take what it has no need of.
    old.adopt(&[]).await;
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM jobs WHERE kind = 'delete_document' OR dead_at IS NOT NULL")
            .fetch_one(&mut connection)
            .await
            .expect("the jobs");
    assert_eq!(left, 1, "the deletion waits for the server; what was dead was asked for again");
}

#[tokio::test]
async fn what_is_wrong_is_told_in_one_line() {
    let (mut old, _models, _database) = old_application().await;
    let (code, _, complained) = old.adopt(&["--namespace", "ñ"]).await;
    assert!(code == Some(2) && complained.contains("cannot name a namespace"), "{complained}");
    let (code, _, complained) = old.adopt(&["--index", "elsewhere"]).await;
    assert!(code == Some(1) && complained.contains("there is no Pinecone index \"elsewhere\""), "{complained}");
    let (code, said, _) = old.adopt(&["--namespace", "empty"]).await;
    assert!(code == Some(1) && said.contains("absent      3 documents"), "{said}");
    let (code, said, _) = old.adopt(&["--namespace", "", "--dry-run"]).await;
    assert!(code == Some(1) && said.contains("absent      0 documents"), "both names of the default one: {said}");
    old.env.push(("EMBEDDINGS".to_owned(), "openai:scripted-embedding@64".to_owned()));
    let fresh = TestDb::new().await.expect("a database");
    let mut connection = sqlx::PgConnection::connect(&fresh.url).await.expect("a connection");
    connection.execute(include_str!("../../migrations/0001_adr_002.sql")).await.expect("the ADR's schema");
    connection.execute(ROWS).await.expect("its rows");
    old.url.clone_from(&fresh.url);
    let (code, _, complained) = old.run(&["migrate"]).await;
    assert_eq!(code, Some(0), "{complained}");
    let (code, _, complained) = old.adopt(&["--dry-run"]).await;
    assert_eq!(code, Some(1), "{complained}");
    for part in ["vectors of 256 numbers", "makes vectors of 64", "EMBEDDINGS", "--embed-anew"] {
        assert!(complained.contains(part), "{complained}");
    }
    assert_eq!(complained.lines().count(), 1, "{complained}");
    old.env.push(("PINECONE_API_KEY".to_owned(), String::new()));
    let (code, _, complained) = old.adopt(&[]).await;
    assert!(code == Some(2) && complained.contains("PINECONE_API_KEY: is not set"), "{complained}");
}

//! What only the index on pgvector does: its tables, filters that the graph alone would starve, and what it says when it
//! cannot be had.

use std::sync::Arc;

use cjhirashi_domain::{Timestamp, access::Visibility, document::Source, id::UserId};
use cjhirashi_testkit::{PgVector, TestDb, left_out};
use cjhirashi_vectors::{
    ChunkKey, CustomMetadata, DocumentMetadata, IndexError, IndexFilter, IndexQuery, PgVectorIndex, PgVectorOptions,
    VectorIndex, VectorRecord,
};
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

use crate::suite::{conforms, key};

const MODEL: &str = "test:random@16";
const DIMENSION: usize = 16;

async fn database(version: PgVector) -> Option<TestDb> {
    let db = TestDb::with_pgvector(version).await.unwrap();
    if db.is_none() {
        left_out("there is no PostgreSQL with pgvector", "run `scripts/fetch-pgvector`");
    }
    db
}

fn options(db: &TestDb) -> PgVectorOptions {
    PgVectorOptions::new(&db.url, MODEL, DIMENSION)
}

/// The same numbers for the same seed, between -1 and 1.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

fn record(key: ChunkKey, values: Vec<f32>, visibility: Visibility) -> VectorRecord {
    VectorRecord {
        ordinal: 1,
        values,
        language: Some("es".to_owned()),
        text: None,
        document: Arc::new(DocumentMetadata {
            visibility,
            title: "Política «única» \0 de viajes".to_owned(),
            source: Source::Upload,
            source_url: None,
            created_at: Timestamp(1_790_000_000_123),
            tags: vec!["manual".to_owned()],
            custom: CustomMetadata::parse(&serde_json::json!({"area": "finanzas"})).unwrap(),
        }),
        key,
    }
}

fn question(vector: Vec<f32>, reader: &str, top_k: usize) -> IndexQuery {
    IndexQuery { vector, top_k, filter: IndexFilter { reader: UserId::parse(reader).unwrap(), documents: None } }
}

fn private(user: &str) -> Visibility {
    Visibility::Private(UserId::parse(user).unwrap())
}

/// What somebody has to mend, in words.
fn detail(error: IndexError) -> String {
    assert!(matches!(error, IndexError::Misconfigured { .. } | IndexError::Refused { .. }), "{error}");
    error.to_string()
}

/// Ana's chunks lie where the question does not look; all others are eva's.
async fn fill_with_few_of_ana(index: &PgVectorIndex) {
    let mut records = Vec::new();
    for seq in 0..2_000 {
        let mut values = numbers(seq as u64 + 1, DIMENSION);
        let (document, owner) = if seq % 100 == 0 { ("anas", "ana") } else { ("evas", "eva") };
        values[0] = if owner == "ana" { -4.0 } else { 4.0 };
        records.push(record(key(document, 1, seq), values, private(owner)));
    }
    index.upsert(records).await.unwrap();
}

async fn a_selective_filter_still_finds_all_it_should(version: PgVector) {
    let Some(db) = database(version).await else { return };
    // Every selection counts as large, so the graph is walked.
    let index = PgVectorIndex::open_with(options(&db), 0).await.unwrap();
    fill_with_few_of_ana(&index).await;
    let mut ahead = vec![0.0; DIMENSION];
    ahead[0] = 1.0;
    let found = index.query(question(ahead, "ana", 20)).await.unwrap().matches;
    assert_eq!(found.len(), 20);
    assert!(found.iter().all(|found| found.key.document_id.as_str() == "anas"));
    assert!(found.is_sorted_by(|a, b| a.score >= b.score), "{found:?}");
}

#[tokio::test]
async fn a_filter_that_the_graph_alone_would_starve_still_finds_all() {
    a_selective_filter_still_finds_all_it_should(PgVector::Current).await;
}

#[tokio::test]
async fn without_iterative_scans_too() {
    a_selective_filter_still_finds_all_it_should(PgVector::Old).await;
}

#[tokio::test]
async fn the_graph_finds_what_scoring_one_by_one_finds() {
    let Some(db) = database(PgVector::Current).await else { return };
    let graph = PgVectorIndex::open_with(options(&db), 0).await.unwrap();
    let exact = PgVectorIndex::open_with(options(&db), usize::MAX - 1).await.unwrap();
    let records =
        (0..2_000).map(|seq| record(key("d", 1, seq), numbers(seq as u64 + 1, DIMENSION), Visibility::Public));
    graph.upsert(records.collect()).await.unwrap();
    let mut shared = 0;
    for seed in 0..20 {
        let question = question(numbers(90_000 + seed, DIMENSION), "ana", 10);
        let (by_graph, one_by_one) = tokio::try_join!(graph.query(question.clone()), exact.query(question)).unwrap();
        let names = |found: &[cjhirashi_vectors::Match]| {
            found.iter().map(|found| found.key.clone()).collect::<std::collections::HashSet<_>>()
        };
        shared += names(&by_graph.matches).intersection(&names(&one_by_one.matches)).count();
    }
    assert!(shared >= 190, "{shared} of 200");
}

#[tokio::test]
async fn the_graph_is_walked_for_a_large_selection() {
    let Some(db) = database(PgVector::Current).await else { return };
    let index = PgVectorIndex::open_with(options(&db), 100).await.unwrap();
    let records =
        (0..2_000).map(|seq| record(key("d", 1, seq), numbers(seq as u64 + 1, DIMENSION), Visibility::Public));
    index.upsert(records.collect()).await.unwrap();
    index.query(question(numbers(7, DIMENSION), "ana", 10)).await.unwrap();
    index.close().await;
    let mut connection = PgConnection::connect(&db.url).await.unwrap();
    let sql = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname LIKE '%_nearest'";
    // Statistics are told when a connection ends, or a little later.
    for _ in 0..50 {
        let scans: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        if scans > 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the graph was not used");
}

#[tokio::test]
async fn what_is_there_is_told_from_what_is_not() {
    let Some(db) = database(PgVector::Current).await else { return };
    let index = PgVectorIndex::open(options(&db)).await.unwrap();
    index.upsert(vec![record(key("d", 1, 0), numbers(1, DIMENSION), Visibility::Public)]).await.unwrap();
    let asked = [key("d", 1, 1), key("d", 1, 0), key("e", 1, 0)];
    assert_eq!(index.existing(&asked).await.unwrap(), [key("d", 1, 0)]);
}

#[tokio::test]
async fn more_records_than_a_statement_takes_are_cut_and_the_last_of_a_name_counts() {
    let Some(db) = database(PgVector::Current).await else { return };
    let index = PgVectorIndex::open(options(&db)).await.unwrap();
    let mut records: Vec<_> = (0..1_201)
        .map(|seq| record(key("d", 1, seq), numbers(seq as u64 + 1, DIMENSION), Visibility::Public))
        .collect();
    records.push(record(key("d", 1, 0), numbers(5_000, DIMENSION), private("ana")));
    index.upsert(records).await.unwrap();
    assert_eq!(index.stats().await.unwrap().vectors, 1_201);
    let best = &index.query(question(numbers(5_000, DIMENSION), "ana", 1)).await.unwrap().matches[0];
    assert_eq!(best.key, key("d", 1, 0));
    assert!(best.score > 0.999);
}

#[tokio::test]
async fn rows_say_what_they_are_and_an_equal_write_changes_nothing() {
    let Some(db) = database(PgVector::Current).await else { return };
    let index = PgVectorIndex::open(options(&db)).await.unwrap();
    let write = || index.upsert(vec![record(key("d", 3, 7), numbers(1, DIMENSION), private("ana"))]);
    write().await.unwrap();
    let mut connection = PgConnection::connect(&db.url).await.unwrap();
    let table: String =
        sqlx::query_scalar("SELECT table_name FROM cjhirashi_vectors.models").fetch_one(&mut connection).await.unwrap();
    let sql = format!(
        "SELECT id, document_id, version, seq, user_id, metadata, xmin::text, pg_typeof(embedding)::text \
         FROM cjhirashi_vectors.{table}"
    );
    let row = connection.fetch_one(sqlx::AssertSqlSafe(sql.clone())).await.unwrap();
    assert_eq!(row.get::<String, _>(0), "d#3#7");
    assert_eq!((row.get::<String, _>(1).as_str(), row.get::<i32, _>(2), row.get::<i32, _>(3)), ("d", 3, 7));
    assert_eq!(row.get::<Option<String>, _>(4).as_deref(), Some("ana"));
    let metadata: serde_json::Value = row.get(5);
    let expected = serde_json::json!({
        "title": "Política «única»  de viajes", "source": "upload", "created_at": 1_790_000_000, "tags": ["manual"],
        "language": "es", "custom": {"area": "finanzas"}
    });
    assert_eq!(metadata, expected);
    assert_eq!(row.get::<String, _>(7), "halfvec");
    write().await.unwrap();
    let again = connection.fetch_one(sqlx::AssertSqlSafe(sql)).await.unwrap();
    assert_eq!(again.get::<String, _>(6), row.get::<String, _>(6));
}

#[tokio::test]
async fn several_may_open_it_at_once_and_later_ones_find_what_is_there() {
    let Some(db) = database(PgVector::Current).await else { return };
    let opened = futures::future::join_all((0..4).map(|_| PgVectorIndex::open(options(&db)))).await;
    let indexes: Vec<_> = opened.into_iter().collect::<Result<_, _>>().unwrap();
    indexes[0].upsert(vec![record(key("d", 1, 0), numbers(1, DIMENSION), Visibility::Public)]).await.unwrap();
    let later = PgVectorIndex::open(options(&db)).await.unwrap();
    assert_eq!(later.stats().await.unwrap().vectors, 1);
    // Another model has a table of its own.
    let other = PgVectorIndex::open(PgVectorOptions::new(&db.url, "test:other@4", 4)).await.unwrap();
    assert_eq!(other.stats().await.unwrap().vectors, 0);
}

#[tokio::test]
async fn another_dimension_of_the_same_model_is_refused_with_the_way_out() {
    let Some(db) = database(PgVector::Current).await else { return };
    PgVectorIndex::open(options(&db)).await.unwrap();
    let other = PgVectorOptions::new(&db.url, MODEL, 32);
    let said = detail(PgVectorIndex::open(other.clone()).await.unwrap_err());
    for part in ["16 numbers", "32 are configured", "EMBEDDINGS", "cjhirashi reindex"] {
        assert!(said.contains(part), "{said}");
    }
    // What it says helps.
    let (from, to) = (said.find("DROP TABLE").unwrap(), said.find(") and fill").unwrap());
    let mut connection = PgConnection::connect(&db.url).await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(said[from..to].to_owned())).await.unwrap();
    PgVectorIndex::open(other).await.unwrap();
}

#[tokio::test]
async fn an_extension_in_another_schema_is_used_there() {
    let Some(db) = database(PgVector::Current).await else { return };
    let mut connection = PgConnection::connect(&db.url).await.unwrap();
    connection.execute("CREATE SCHEMA \"Ext s\"; CREATE EXTENSION vector SCHEMA \"Ext s\"").await.unwrap();
    let index = PgVectorIndex::open_with(options(&db), 0).await.unwrap();
    index.upsert(vec![record(key("d", 1, 0), numbers(1, DIMENSION), Visibility::Public)]).await.unwrap();
    assert_eq!(index.query(question(numbers(1, DIMENSION), "ana", 5)).await.unwrap().matches.len(), 1);
}

#[tokio::test]
async fn a_user_without_the_right_learns_who_has_it() {
    let Some(db) = database(PgVector::Current).await else { return };
    let mut connection = PgConnection::connect(&db.url).await.unwrap();
    let name = format!("limited_{}", db.url.rsplit_once("test_").unwrap().1.split('?').next().unwrap());
    let sql = format!("CREATE ROLE {name} LOGIN PASSWORD 'x'");
    connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    let (_, address) = db.url.split_once('@').unwrap();
    let limited =
        |password: &str| PgVectorOptions { url: format!("postgres://{name}:{password}@{address}"), ..options(&db) };
    let without_extension = detail(PgVectorIndex::open(limited("x")).await.unwrap_err());
    connection.execute("CREATE EXTENSION vector").await.unwrap();
    let without_schema = detail(PgVectorIndex::open(limited("x")).await.unwrap_err());
    let wrong_password = detail(PgVectorIndex::open(limited("y")).await.unwrap_err());
    connection.execute(sqlx::AssertSqlSafe(format!("DROP ROLE {name}"))).await.unwrap();
    assert!(without_extension.contains("CREATE EXTENSION vector once"), "{without_extension}");
    assert!(without_schema.contains("GRANT CREATE ON DATABASE"), "{without_schema}");
    assert!(wrong_password.contains("PGVECTOR_URL") && !wrong_password.contains(":y@"), "{wrong_password}");
}

#[tokio::test]
async fn a_server_without_pgvector_says_how_to_get_it() {
    // The tests' own PostgreSQL; on a machine whose PostgreSQL has pgvector there is nothing to see.
    let db = TestDb::new().await.unwrap();
    let mut connection = PgConnection::connect(&db.url).await.unwrap();
    let sql = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')";
    if sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap() {
        assert!(PgVectorIndex::open(options(&db)).await.is_ok());
        return;
    }
    let said = detail(PgVectorIndex::open(options(&db)).await.unwrap_err());
    assert!(said.contains("apt-get install postgresql-") && said.contains("use another index"), "{said}");
}

#[tokio::test]
async fn tables_removed_behind_our_back_are_named_and_made_anew() {
    let Some(db) = database(PgVector::Current).await else { return };
    let index = PgVectorIndex::open(options(&db)).await.unwrap();
    let mut connection = PgConnection::connect(&db.url).await.unwrap();
    connection.execute("DROP SCHEMA cjhirashi_vectors CASCADE").await.unwrap();
    let said = detail(index.query(question(numbers(1, DIMENSION), "ana", 5)).await.unwrap_err());
    assert!(said.contains("cjhirashi reconcile"), "{said}");
    let index = PgVectorIndex::open(options(&db)).await.unwrap();
    assert_eq!(index.stats().await.unwrap().vectors, 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_may_be_there_later() {
    let gone = PgVectorOptions::new("postgres://u:hunter2@127.0.0.1:1/x", MODEL, DIMENSION);
    let error = PgVectorIndex::open(gone.clone()).await.unwrap_err();
    assert!(error.is_transient() && !error.to_string().contains("hunter2"), "{error}");
    assert!(!format!("{gone:?}").contains("hunter2"));
    let wrong = PgVectorOptions { url: "mysql://u:hunter2@x".to_owned(), ..gone };
    let said = detail(PgVectorIndex::open(wrong).await.unwrap_err());
    assert!(said.contains("PGVECTOR_URL") && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn connections_cut_by_the_server_are_replaced() {
    let Some(db) = database(PgVector::Current).await else { return };
    let index = PgVectorIndex::open(options(&db)).await.unwrap();
    index.stats().await.unwrap();
    let mut connection = PgConnection::connect(&db.url).await.unwrap();
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cjhirashi-vectors' \
               AND datname = current_database()";
    connection.execute(sql).await.unwrap();
    assert_eq!(index.stats().await.unwrap().vectors, 0);
}

#[tokio::test]
async fn more_numbers_than_a_graph_takes_are_scored_one_by_one() {
    let Some(db) = database(PgVector::Current).await else { return };
    let index = PgVectorIndex::open_with(PgVectorOptions::new(&db.url, "test:wide@4001", 4_001), 0).await.unwrap();
    index.upsert(vec![record(key("d", 1, 0), numbers(1, 4_001), Visibility::Public)]).await.unwrap();
    let found = index.query(question(numbers(1, 4_001), "ana", 5)).await.unwrap().matches;
    assert!(found.len() == 1 && found[0].score > 0.999, "{found:?}");
}

async fn pgvector_conforms(version: PgVector, exact_limit: usize) {
    let Some(db) = database(version).await else { return };
    let options = PgVectorOptions::new(&db.url, "test:axes@8", 8);
    conforms(&PgVectorIndex::open_with(options, exact_limit).await.unwrap()).await;
}

#[tokio::test]
async fn pgvector_conforms_where_it_scores_one_by_one() {
    pgvector_conforms(PgVector::Current, 1_000).await;
}

#[tokio::test]
async fn pgvector_conforms_where_it_walks_its_graph() {
    pgvector_conforms(PgVector::Current, 0).await;
}

#[tokio::test]
async fn an_old_pgvector_without_half_precision_and_iterative_scans_conforms() {
    pgvector_conforms(PgVector::Old, 0).await;
}

//! The index for those who want one database and nothing beside it: PostgreSQL with the extension pgvector.
//!
//! Everything lies in a schema of its own, `cjhirashi_vectors`, in the same database as the rest or in another: a table
//! `models` that says which table holds which model's vectors, and one table per model with an HNSW graph over it.
//! This is the only part of the crate that speaks SQL. The system of record's checked queries know nothing of these
//! tables, which are made when the index is opened, so the queries here are checked when they run.
//!
//! Small selections are scored one by one and never depend on the graph. Larger ones walk it until enough of what it
//! finds may be seen (`hnsw.iterative_scan`, pgvector 0.8 or newer); where it gives up early, they are scored one by
//! one after all.

mod error;
mod layout;
mod rows;
mod sql;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use cjhirashi_domain::id::DocumentId;
use sqlx::{
    AssertSqlSafe, PgPool, Postgres, Row as _, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
};

use self::{error::refused, layout::Layout, rows::Batch, sql::Statements};
use crate::{
    Answer, ChunkKey, Consistency, IndexError, IndexQuery, IndexStats, Match, VectorIndex, VectorRecord, Written,
    vector::unit,
};

/// The name in logs, metrics and errors.
const NAME: &str = "pgvector";

/// Numbers that are multiplied one by one before the graph is worth its while: 5,000 vectors of 384.
const EXACT_NUMBERS: usize = 2_000_000;

/// What a question, and a write of one batch, may take in the database.
const READ_LIMIT: Duration = Duration::from_secs(10);
const WRITE_LIMIT: Duration = Duration::from_secs(60);

/// Added to what the database may take before a connection counts as lost.
const GRACE: Duration = Duration::from_secs(5);

/// Names per statement of a delete or a look-up.
const NAMES_AT_ONCE: usize = 5_000;

/// How wide the graph is searched: pgvector's own bounds are 1 and 1,000.
const NARROWEST_SEARCH: usize = 100;
const WIDEST_SEARCH: usize = 1_000;

/// Where the index lives and whose vectors it holds.
#[derive(Clone)]
pub struct PgVectorOptions {
    /// A `postgres://` address; may hold a password.
    pub url: String,
    /// The embedding model, `provider:model@dimension`.
    pub model: String,
    /// Numbers per vector.
    pub dimension: usize,
    /// The most connections of this process.
    pub max_connections: u32,
}

impl PgVectorOptions {
    /// Four connections.
    #[must_use]
    pub fn new(url: impl Into<String>, model: impl Into<String>, dimension: usize) -> Self {
        Self { url: url.into(), model: model.into(), dimension, max_connections: 4 }
    }
}

impl std::fmt::Debug for PgVectorOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url: _, model, dimension, max_connections } = self;
        f.debug_struct("PgVectorOptions")
            .field("model", model)
            .field("dimension", dimension)
            .field("max_connections", max_connections)
            .finish_non_exhaustive()
    }
}

/// See the module.
pub struct PgVectorIndex {
    pool: PgPool,
    model: String,
    dimension: usize,
    layout: Layout,
    statements: Statements,
    exact_limit: usize,
}

impl std::fmt::Debug for PgVectorIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { model, layout, .. } = self;
        f.debug_struct("PgVectorIndex").field("model", model).field("layout", layout).finish_non_exhaustive()
    }
}

impl PgVectorIndex {
    /// Connects, and makes extension, schema and table where they are missing.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`] when nobody answers; [`IndexError::Refused`], with the way out, when the extension is
    /// not to be had or the table holds vectors of another dimension.
    pub async fn open(options: PgVectorOptions) -> Result<Self, IndexError> {
        let limit = (EXACT_NUMBERS / options.dimension.max(1)).max(1);
        Self::open_with(options, limit).await
    }

    /// [`open`](Self::open) with the largest selection that is scored one by one; for tests and measurements.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(options: PgVectorOptions, exact_limit: usize) -> Result<Self, IndexError> {
        if options.dimension == 0 {
            return Err(IndexError::Dimension { expected: 1, actual: 0 });
        }
        // The address is not repeated: it may hold a password.
        let unreadable =
            || refused("PGVECTOR_URL is not a PostgreSQL address; write postgres://user:password@host:5432/name");
        if !(options.url.starts_with("postgres://") || options.url.starts_with("postgresql://")) {
            return Err(unreadable());
        }
        let connect: PgConnectOptions = options.url.parse().map_err(|_| unreadable())?;
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections.max(1))
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(connect.application_name("cjhirashi-vectors"))
            .await?;
        let layout = within(WRITE_LIMIT, Layout::open(&pool, &options.model, options.dimension)).await?;
        let statements = Statements::new(&layout, options.dimension);
        Ok(Self { pool, model: options.model, dimension: options.dimension, layout, statements, exact_limit })
    }

    /// Those of the chunks that the index holds, in the order of the question.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn existing(&self, keys: &[ChunkKey]) -> Result<Vec<ChunkKey>, IndexError> {
        let mut found = Vec::new();
        for keys in keys.chunks(NAMES_AT_ONCE) {
            let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
            let held: std::collections::HashSet<String> = within(READ_LIMIT, async {
                let mut transaction = self.begin(Access::Read).await?;
                let query = sqlx::query_scalar(AssertSqlSafe(Arc::clone(&self.statements.existing))).bind(&names);
                let held = query.fetch_all(&mut *transaction).await?;
                transaction.commit().await?;
                Ok(held.into_iter().collect())
            })
            .await?;
            found.extend(keys.iter().zip(&names).filter(|(_, name)| held.contains(*name)).map(|(key, _)| key.clone()));
        }
        Ok(found)
    }

    /// Closes all connections, once those in use have come back.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// One round trip that begins a transaction and sets what holds in it, so that it also works through a pooler.
    async fn begin(&self, access: Access) -> Result<Transaction<'static, Postgres>, IndexError> {
        let (mode, limit) = match access {
            Access::Read | Access::Search { .. } => ("READ ONLY", READ_LIMIT),
            Access::Write => ("READ WRITE", WRITE_LIMIT),
        };
        let mut begin = format!(
            "BEGIN {mode}; SET LOCAL statement_timeout = {}; SET LOCAL search_path = {}",
            limit.as_millis(),
            self.layout.search_path()
        );
        if let Access::Search { top_k } = access {
            // A plan for any number of results would not take the graph.
            begin.push_str("; SET LOCAL plan_cache_mode = force_custom_plan");
            if self.layout.graph {
                let width = (top_k * 2).clamp(NARROWEST_SEARCH, WIDEST_SEARCH);
                // What the graph gives is in order; whether it is asked is decided here, by the count, and not by a
                // plan that would rather sort. Where there is nothing but sorting, PostgreSQL still does.
                begin.push_str(&format!("; SET LOCAL enable_sort = off; SET LOCAL hnsw.ef_search = {width}"));
                if self.layout.iterative {
                    begin.push_str("; SET LOCAL hnsw.iterative_scan = relaxed_order");
                }
            }
        }
        Ok(self.pool.begin_with(AssertSqlSafe(begin)).await?)
    }

    /// Writes in a transaction of its own.
    async fn write<'q, F>(&self, statement: F) -> Result<(), IndexError>
    where
        F: FnOnce() -> sqlx::query::Query<'q, Postgres, sqlx::postgres::PgArguments>,
    {
        within(WRITE_LIMIT, async {
            let mut transaction = self.begin(Access::Write).await?;
            statement().execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    async fn search(&self, vector: &str, top_k: usize, query: &IndexQuery) -> Result<Vec<Match>, IndexError> {
        let reader = query.filter.reader.as_str();
        let documents: Option<Vec<&str>> =
            query.filter.documents.as_ref().map(|documents| documents.iter().map(DocumentId::as_str).collect());
        let search = self.statements.search(documents.is_some());
        let mut transaction = self.begin(Access::Search { top_k }).await?;
        let mut exact = true;
        let mut wanted = top_k;
        if self.layout.graph {
            // One more than are scored one by one: enough to know which it is.
            let bound = (self.exact_limit + 1).max(top_k);
            let mut count =
                sqlx::query_scalar(AssertSqlSafe(Arc::clone(&search.count))).bind(as_bigint(bound)).bind(reader);
            if let Some(documents) = &documents {
                count = count.bind(documents);
            }
            let selected: i64 = count.fetch_one(&mut *transaction).await?;
            let selected = usize::try_from(selected).unwrap_or(0);
            exact = selected <= self.exact_limit;
            wanted = top_k.min(selected);
        }
        let mut found = Vec::new();
        for statement in [&search.graph, &search.exact].into_iter().skip(usize::from(exact)) {
            let mut nearest = sqlx::query(AssertSqlSafe(Arc::clone(statement))).bind(as_bigint(top_k)).bind(reader);
            if let Some(documents) = &documents {
                nearest = nearest.bind(documents);
            }
            found = nearest.bind(vector).fetch_all(&mut *transaction).await?;
            // The graph ends early where little of it may be seen, and may hide a few in the best case.
            if found.len() >= wanted {
                break;
            }
        }
        transaction.commit().await?;
        let mut matches = found.iter().map(as_match).collect::<Result<Vec<_>, _>>()?;
        // What an iterative scan finds is only nearly in order.
        matches.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(matches)
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy)]
enum Access {
    Read,
    Search { top_k: usize },
    Write,
}

/// The database ends what takes too long; this is for one that is not there any more.
async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, IndexError>>) -> Result<T, IndexError> {
    tokio::time::timeout(limit + GRACE, work).await.unwrap_or_else(|_| {
        let detail = format!("no answer in {} s", (limit + GRACE).as_secs());
        Err(IndexError::Unavailable { index: NAME, detail, retry_after: None })
    })
}

fn as_bigint(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn as_key(name: &str) -> Result<ChunkKey, IndexError> {
    name.parse().map_err(|error| refused(format!("a row is named {name:?}: {error}")))
}

fn as_match(row: &PgRow) -> Result<Match, IndexError> {
    let distance: f64 = row.try_get(1)?;
    #[expect(clippy::cast_possible_truncation, reason = "a cosine needs no more than a float")]
    let score = (1.0 - distance).clamp(-1.0, 1.0) as f32;
    Ok(Match { key: as_key(row.try_get(0)?)?, score })
}

#[async_trait]
impl VectorIndex for PgVectorIndex {
    fn name(&self) -> &'static str {
        NAME
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn consistency(&self) -> Consistency {
        Consistency::Immediate
    }

    async fn upsert(&self, records: Vec<VectorRecord>) -> Result<Written, IndexError> {
        for batch in Batch::cut(records, self.dimension)? {
            let statement = Arc::clone(&self.statements.upsert);
            self.write(|| batch.bind(sqlx::query(AssertSqlSafe(statement)))).await?;
        }
        Ok(Written::default())
    }

    async fn delete(&self, keys: &[ChunkKey]) -> Result<Written, IndexError> {
        for keys in keys.chunks(NAMES_AT_ONCE) {
            let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
            let statement = Arc::clone(&self.statements.delete);
            self.write(|| sqlx::query(AssertSqlSafe(statement)).bind(names)).await?;
        }
        Ok(Written::default())
    }

    async fn delete_document(&self, document: &DocumentId, keep_version: Option<i32>) -> Result<Written, IndexError> {
        let statement = Arc::clone(&self.statements.delete_document);
        self.write(|| sqlx::query(AssertSqlSafe(statement)).bind(document.as_str()).bind(keep_version)).await?;
        Ok(Written::default())
    }

    async fn query(&self, query: IndexQuery) -> Result<Answer, IndexError> {
        let vector = rows::literal(&unit(&query.vector, self.dimension, || "query".to_owned())?);
        let top_k = query.top_k.clamp(1, 10_000);
        // A count, the graph and, where that is not enough, all one by one.
        let matches = within(READ_LIMIT * 3, self.search(&vector, top_k, &query)).await?;
        Ok(Answer { matches, position: None })
    }

    async fn list(
        &self,
        document: Option<&DocumentId>,
        after: Option<&ChunkKey>,
        limit: usize,
    ) -> Result<Vec<ChunkKey>, IndexError> {
        within(READ_LIMIT, async {
            let mut transaction = self.begin(Access::Read).await?;
            let after = after.map(ToString::to_string).unwrap_or_default();
            let statement = self.statements.list(document.is_some());
            let mut list = sqlx::query_scalar(AssertSqlSafe(statement)).bind(after).bind(as_bigint(limit));
            if let Some(document) = document {
                list = list.bind(document.as_str());
            }
            let names: Vec<String> = list.fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            names.iter().map(|name| as_key(name)).collect()
        })
        .await
    }

    async fn clear(&self) -> Result<(), IndexError> {
        within(WRITE_LIMIT, async {
            let mut transaction = self.begin(Access::Write).await?;
            self.layout.remove(&mut transaction, &self.model).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    async fn stats(&self) -> Result<IndexStats, IndexError> {
        within(READ_LIMIT, async {
            let mut transaction = self.begin(Access::Read).await?;
            let statement = Arc::clone(&self.statements.size);
            let vectors: i64 = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(IndexStats { vectors: u64::try_from(vectors).unwrap_or(0), memory_bytes: 0, loading: false })
        })
        .await
    }
}

//! Extension, schema and tables: found, or made at the first start.

use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, Row as _};

use super::error::refused;
use crate::IndexError;

/// The schema that holds everything.
const SCHEMA: &str = "cjhirashi_vectors";

/// Processes that open the index at the same time make its tables one after the other. Any number that is ours alone.
const LOCK: i64 = 0x636A_6869_7665_6373;

/// What numbers are kept as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// Two bytes each; pgvector 0.7 or newer.
    Half,
    /// Four bytes each.
    Single,
}

impl Element {
    /// pgvector's type.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Half => "halfvec",
            Self::Single => "vector",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Half, Self::Single].into_iter().find(|element| element.as_str() == text)
    }

    /// The most numbers of a vector that a graph takes.
    const fn graph_limit(self) -> usize {
        match self {
            Self::Half => 4_000,
            Self::Single => 2_000,
        }
    }
}

/// Where the vectors of one model lie.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The table, without its schema.
    pub(super) table: String,
    pub(super) element: Element,
    /// Whether there is an HNSW graph.
    pub(super) graph: bool,
    /// Whether pgvector goes on searching the graph until enough of what it finds passes the filter.
    pub(super) iterative: bool,
    /// The schema of the extension's types and operators, as an identifier.
    extension: String,
}

/// The extension as this database has it.
struct Extension {
    schema: String,
    version: (u32, u32),
}

impl Layout {
    /// Finds or makes everything, in one transaction.
    pub(super) async fn open(pool: &PgPool, model: &str, dimension: usize) -> Result<Self, IndexError> {
        let mut connection = pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
        let extension = extension(&mut transaction).await?;
        let path = format!("SET LOCAL search_path = {SCHEMA}, {}", extension.schema);
        transaction.execute(AssertSqlSafe(path)).await?;
        let table = table_name(model);
        let preferred = if extension.version >= (0, 7) { Element::Half } else { Element::Single };
        let element = match registered(&mut transaction, model).await? {
            Some((held, _)) if held != dimension => {
                return Err(refused(format!(
                    "it holds vectors of {model} with {held} numbers, but {dimension} are configured; set EMBEDDINGS back \
                     to {held}, or throw those away (DROP TABLE {SCHEMA}.{table}; DELETE FROM {SCHEMA}.models WHERE \
                     table_name = '{table}') and fill the index with `cjhirashi reindex`"
                )));
            }
            Some((_, element)) => element,
            None => preferred,
        };
        let layout = Self {
            table,
            element,
            graph: dimension <= element.graph_limit(),
            iterative: extension.version >= (0, 8),
            extension: extension.schema,
        };
        layout.make(&mut transaction, model, dimension).await?;
        transaction.commit().await?;
        if !layout.graph {
            tracing::warn!(
                vectors.dimension = dimension,
                "pgvector's graph takes at most {} numbers per vector: every search scores all vectors one by one",
                element.graph_limit()
            );
        }
        Ok(layout)
    }

    /// For `SET search_path`: our tables, and the extension's types and operators wherever they were put.
    pub(super) fn search_path(&self) -> String {
        format!("{SCHEMA}, {}", self.extension)
    }

    /// Makes what is missing. Asks first, since even `IF NOT EXISTS` wants rights that are only needed once.
    /// Removes the model's table and its entry.
    pub(super) async fn remove(&self, connection: &mut PgConnection, model: &str) -> Result<(), IndexError> {
        let sql = format!("DROP TABLE IF EXISTS {SCHEMA}.{}", self.table);
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
        let sql = "DELETE FROM cjhirashi_vectors.models WHERE model = $1";
        sqlx::query(sql).bind(model).execute(connection).await?;
        Ok(())
    }

    async fn make(&self, connection: &mut PgConnection, model: &str, dimension: usize) -> Result<(), IndexError> {
        let Self { table, element, .. } = self;
        let element = element.as_str();
        if !exists(connection, "models").await? {
            let sql = format!(
                "CREATE SCHEMA IF NOT EXISTS {SCHEMA};
                 CREATE TABLE {SCHEMA}.models (
                     model text PRIMARY KEY,
                     table_name text NOT NULL UNIQUE,
                     dimension integer NOT NULL,
                     element text NOT NULL,
                     created_at timestamptz NOT NULL DEFAULT now()
                 );
                 COMMENT ON SCHEMA {SCHEMA} IS 'Vector index of Cjhirashi: can be dropped and made anew at any time'"
            );
            connection.execute(AssertSqlSafe(sql)).await?;
        }
        if !exists(connection, table).await? {
            // Names are ordered by their bytes, as everywhere else in the product.
            let mut sql = format!(
                "CREATE TABLE {SCHEMA}.{table} (
                     id text COLLATE \"C\" PRIMARY KEY,
                     document_id text COLLATE \"C\" NOT NULL,
                     version integer NOT NULL,
                     seq integer NOT NULL,
                     user_id text COLLATE \"C\",
                     embedding {element}({dimension}) NOT NULL,
                     metadata jsonb NOT NULL
                 );
                 CREATE INDEX {table}_document ON {SCHEMA}.{table} (document_id, id);
                 CREATE INDEX {table}_user ON {SCHEMA}.{table} (user_id)"
            );
            if self.graph {
                sql.push_str(&format!(
                    ";
                     CREATE INDEX {table}_nearest ON {SCHEMA}.{table} USING hnsw (embedding {element}_cosine_ops)"
                ));
            }
            connection.execute(AssertSqlSafe(sql)).await?;
        }
        let sql = "INSERT INTO cjhirashi_vectors.models (model, table_name, dimension, element) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (model) DO NOTHING";
        let dimension = i32::try_from(dimension).map_err(|_| refused("so many numbers per vector cannot be kept"))?;
        sqlx::query(sql).bind(model).bind(table).bind(dimension).bind(element).execute(connection).await?;
        Ok(())
    }
}

/// The name of a model's table: model names hold any character and may be long.
fn table_name(model: &str) -> String {
    let mut name = "vectors_".to_owned();
    for byte in &Sha256::digest(model)[..8] {
        name.push_str(&format!("{byte:02x}"));
    }
    name
}

async fn exists(connection: &mut PgConnection, table: &str) -> Result<bool, IndexError> {
    let sql = "SELECT to_regclass($1) IS NOT NULL";
    Ok(sqlx::query_scalar(sql).bind(format!("{SCHEMA}.{table}")).fetch_one(connection).await?)
}

/// Dimension and element of a model's table.
async fn registered(connection: &mut PgConnection, model: &str) -> Result<Option<(usize, Element)>, IndexError> {
    if !exists(connection, "models").await? {
        return Ok(None);
    }
    let sql = "SELECT dimension, element FROM cjhirashi_vectors.models WHERE model = $1";
    let Some(row) = sqlx::query(sql).bind(model).fetch_optional(connection).await? else { return Ok(None) };
    let (dimension, element): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
    match (usize::try_from(dimension), Element::parse(&element)) {
        (Ok(dimension), Some(element)) => Ok(Some((dimension, element))),
        _ => Err(refused(format!("{SCHEMA}.models says of {model}: {dimension} numbers as {element}"))),
    }
}

/// The extension, created where that is possible.
async fn extension(connection: &mut PgConnection) -> Result<Extension, IndexError> {
    if let Some(extension) = created_extension(connection).await? {
        return Ok(extension);
    }
    let sql = "SELECT current_database(), current_setting('server_version_num')::integer / 10000, \
               EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')";
    let (database, major, available): (String, i32, bool) = sqlx::query_as(sql).fetch_one(&mut *connection).await?;
    if !available {
        return Err(refused(format!(
            "the PostgreSQL server has no pgvector; install it there (Debian, Ubuntu: apt-get install \
             postgresql-{major}-pgvector) or use another index"
        )));
    }
    if let Err(error) = connection.execute("CREATE EXTENSION vector").await {
        let denied = error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42501"));
        if !denied {
            return Err(error.into());
        }
        return Err(refused(format!(
            "the user of PGVECTOR_URL may not create the extension; let a superuser run CREATE EXTENSION vector once in \
             the database {database}, or use another index"
        )));
    }
    created_extension(connection).await?.ok_or_else(|| refused("pgvector was created, but is not there"))
}

async fn created_extension(connection: &mut PgConnection) -> Result<Option<Extension>, IndexError> {
    let sql = "SELECT quote_ident(nspname), extversion FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace \
               WHERE extname = 'vector'";
    let found: Option<(String, String)> = sqlx::query_as(sql).fetch_optional(connection).await?;
    Ok(found.map(|(schema, version)| Extension { schema, version: parse_version(&version) }))
}

/// `0.8.5` as (0, 8). What cannot be read counts as the oldest.
fn parse_version(text: &str) -> (u32, u32) {
    let mut numbers = text.split('.').map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_for_its_model_alone_and_fits() {
        let name = table_name("openai:text-embedding-3-small@1536");
        assert_eq!(name, table_name("openai:text-embedding-3-small@1536"));
        assert_ne!(name, table_name("openai:text-embedding-3-small@512"));
        // PostgreSQL cuts names at 63 bytes, and the indexes' are longer.
        assert!(name.len() < 40 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(parse_version("0.10.0") > parse_version("0.8.5"));
        assert_eq!(parse_version("0.6.2"), (0, 6));
        assert_eq!(parse_version("strange"), (0, 0));
    }
}

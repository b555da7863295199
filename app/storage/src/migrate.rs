//! Migrations: forward only, safe to run twice and by two replicas at once.
//!
//! A database that the ADR's Next.js application made is adopted: its eight tables are what migration 0001 would have
//! made, so 0001 is recorded as applied and 0002 carries the data over. The check, the record and the migrations happen
//! under one lock, the one `sqlx` takes itself.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, migrate::Migrate as _};

use crate::{StorageError, Store};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// The tables of the ADR, as Prisma names them.
const ADR_TABLES: [&str; 8] = ["User", "Account", "Session", "Chat", "Message", "Artifact", "UserSettings", "Document"];
/// The migration that makes them.
const ADR_MIGRATION: i64 = 1;
/// Accounts sealed in one transaction.
const SEAL_BATCH: i64 = 500;

/// The schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A migration failed, or the database was made by a newer version.
    #[error("the database's schema cannot be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Some of the ADR's tables are there and some are not: another application's database, or half a restore.
    #[error(
        "the database holds some tables of the application of ADR-002 but not {}; restore it whole, or use an empty database",
        .0.join(", ")
    )]
    HalfAdopted(Vec<&'static str>),
    /// The database did not answer, or the tokens in it could not be sealed.
    #[error("the database's schema cannot be brought up to date: {0}")]
    Storage(#[from] StorageError),
}

impl From<sqlx::Error> for MigrateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// Whether the tables of the ADR's application were found and taken over.
    pub adopted: bool,
    /// Migrations applied by this run; 0 when the schema was up to date.
    pub applied: usize,
    /// Accounts whose OAuth tokens lay in clear and are encrypted now.
    pub sealed_accounts: usize,
}

impl Store {
    /// Brings the schema up to date, and seals what an adopted database kept in clear.
    ///
    /// Of two processes that call it at once, one waits for the other and finds nothing to do.
    ///
    /// # Errors
    /// [`MigrateError`] with the migration that failed; everything before it stays applied, nothing is half done.
    pub async fn migrate(&self) -> Result<MigrationReport, MigrateError> {
        // A connection of its own: when this future is dropped half way, the lock goes with the connection instead of
        // back into the pool.
        let mut connection = self.pool.acquire().await?.detach();
        // A migration may take longer than what the pool's connections are limited to.
        sqlx::query("SET statement_timeout = 0").execute(&mut connection).await?;
        connection.lock().await?;
        let outcome = self.migrate_locked(&mut connection).await;
        let unlocked = connection.unlock().await;
        let _ = connection.close().await;
        let report = outcome?;
        unlocked?;
        Ok(report)
    }

    async fn migrate_locked(&self, connection: &mut PgConnection) -> Result<MigrationReport, MigrateError> {
        connection.ensure_migrations_table(&MIGRATOR.table_name).await?;
        let before = connection.list_applied_migrations(&MIGRATOR.table_name).await?;
        let adopted = before.is_empty() && adr_tables_are_there(connection).await?;
        if adopted {
            for migration in MIGRATOR.iter().filter(|migration| migration.version == ADR_MIGRATION) {
                connection.skip(&MIGRATOR.table_name, migration).await?;
            }
        }
        // The lock is the session's and counts, so the one that `run` takes inside ours is granted at once.
        MIGRATOR.run(&mut *connection).await?;
        let after = connection.list_applied_migrations(&MIGRATOR.table_name).await?;
        let sealed_accounts = self.seal_account_tokens(connection).await?;
        Ok(MigrationReport { adopted, applied: after.len() - before.len() - usize::from(adopted), sealed_accounts })
    }

    /// Encrypts tokens that lie in clear. Does not depend on which run adopted them, so a run killed half way is
    /// finished by the next.
    async fn seal_account_tokens(&self, connection: &mut PgConnection) -> Result<usize, MigrateError> {
        let mut sealed = 0;
        loop {
            let mut transaction = connection.begin().await?;
            let rows = sqlx::query!(
                "SELECT id, refresh_token_clear, access_token_clear, id_token_clear FROM accounts
                 WHERE refresh_token_clear IS NOT NULL OR access_token_clear IS NOT NULL OR id_token_clear IS NOT NULL
                 ORDER BY id LIMIT $1 FOR UPDATE",
                SEAL_BATCH
            )
            .fetch_all(&mut *transaction)
            .await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                let seal = |column: &str, clear: &Option<String>| {
                    clear
                        .as_ref()
                        .map(|clear| {
                            self.sealer.seal(&token_purpose(&row.id, column), clear.as_bytes(), self.random_nonce())
                        })
                        .transpose()
                        .map(|sealed| sealed.map(|sealed| sealed.0))
                };
                sqlx::query!(
                    "UPDATE accounts SET
                         refresh_token = coalesce($2, refresh_token), refresh_token_clear = NULL,
                         access_token = coalesce($3, access_token), access_token_clear = NULL,
                         id_token = coalesce($4, id_token), id_token_clear = NULL
                     WHERE id = $1",
                    row.id,
                    seal("refresh_token", &row.refresh_token_clear)?,
                    seal("access_token", &row.access_token_clear)?,
                    seal("id_token", &row.id_token_clear)?,
                )
                .execute(&mut *transaction)
                .await?;
            }
            transaction.commit().await?;
            sealed += rows.len();
        }
        if sealed > 0 {
            // An update leaves the old row in the table's file until its space is used again: write the file anew.
            // The tokens are sealed either way, so a role that may not do this is told, not stopped.
            let rewritten = tokio::time::timeout(
                Duration::from_secs(600),
                sqlx::query("VACUUM (FULL) accounts").execute(&mut *connection),
            )
            .await;
            if !matches!(rewritten, Ok(Ok(_))) {
                tracing::warn!(
                    "Old copies of the account tokens may stay in the database's files until they are vacuumed"
                );
            }
        }
        Ok(sealed)
    }
}

/// What a sealed token of an account is for: only the same account and column open it.
pub(crate) fn token_purpose(account: &str, column: &str) -> String {
    format!("accounts:{column}:{account}")
}

/// Whether the ADR's tables are in the schema that new tables go to.
async fn adr_tables_are_there(connection: &mut PgConnection) -> Result<bool, MigrateError> {
    let names: Vec<String> = ADR_TABLES.iter().map(ToString::to_string).collect();
    let found = sqlx::query_scalar!(
        r#"SELECT tablename::text AS "name!" FROM pg_tables
           WHERE schemaname = current_schema() AND tablename = ANY($1)"#,
        &names
    )
    .fetch_all(connection)
    .await?;
    let missing: Vec<_> = ADR_TABLES.into_iter().filter(|table| !found.iter().any(|name| name == table)).collect();
    match missing.len() {
        0 => Ok(true),
        8 => Ok(false),
        _ => Err(MigrateError::HalfAdopted(missing)),
    }
}

//! Migrations: forward only, safe to run twice and by two replicas at once.
//!
//! A database that the ADR's Next.js application made is adopted: its eight tables are what migration 0001 would have
//! made, so 0001 is recorded as applied and 0002 carries the data over. The check, the record, the migrations and the
//! sealing of tokens are one transaction under one lock that ends with it. A lock of the session, as `sqlx` takes it,
//! would be worth nothing behind a pooler: the statements of a session may go to several servers' sessions there, so
//! that two processes hold it, or nobody can let go of it.

use std::{borrow::Cow, time::Duration};

use sqlx::{
    PgConnection, PgTransaction,
    migrate::{Migrate as _, Migrator},
};

use crate::{StorageError, Store};

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// The tables of the ADR, as Prisma names them.
const ADR_TABLES: [&str; 8] = ["User", "Account", "Session", "Chat", "Message", "Artifact", "UserSettings", "Document"];
/// The migration that makes them.
const ADR_MIGRATION: i64 = 1;
/// Accounts sealed at once.
const SEAL_BATCH: i64 = 500;
/// The lock's number: any will do that nobody else takes.
const LOCK: i64 = 0x636a_6869_7261_7368;
/// How often to ask for the lock.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// After so long it is said what is waited for.
const SAY_AFTER: Duration = Duration::from_secs(5);
/// After so long somebody must look.
const GIVE_UP_AFTER: Duration = Duration::from_secs(600);
/// The key in `instance_settings` that stands there while old copies of sealed tokens may lie in the table's file.
const REWRITE: &str = "rewrite_accounts";

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
    /// Its secrets were sealed with another one than this process was given.
    #[error("APP_SECRET is not the one that this database's keys and tokens were encrypted with")]
    WrongSecret,
    /// Another process has been at it for too long.
    #[error(
        "another process has been bringing the database's schema up to date for ten minutes; look for a second server, \
         or for a transaction of \"cjhirashi\" in pg_stat_activity that does not end"
    )]
    Locked,
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
    /// [`MigrateError`] with the migration that failed; then nothing is changed.
    pub async fn migrate(&self) -> Result<MigrationReport, MigrateError> {
        let mut tx = self.lock_schema().await?;
        // Within the transaction only, as a pooler gives the session to others: a migration may take longer than
        // statements are usually given, and "already exists, skipping" is what a second start is expected to find.
        sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *tx).await?;
        sqlx::query("SET LOCAL client_min_messages = warning").execute(&mut *tx).await?;
        let report = self.migrate_locked(&mut tx).await?;
        tx.commit().await?;
        self.rewrite_accounts().await?;
        Ok(report)
    }

    /// How many migrations are still to be applied; changes nothing.
    ///
    /// # Errors
    /// [`MigrateError`], such as a schema of a newer version.
    pub async fn pending_migrations(&self) -> Result<usize, MigrateError> {
        let table = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                SELECT FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1
            ) AS "there!""#,
            MIGRATOR.table_name.as_ref(),
        )
        .fetch_one(&self.pool)
        .await?;
        let known = || MIGRATOR.iter().filter(|migration| !migration.migration_type.is_down_migration());
        if !table {
            return Ok(known().count());
        }
        let applied = self.pool.acquire().await?.list_applied_migrations(&MIGRATOR.table_name).await?;
        if let Some(newer) = applied.iter().find(|applied| known().all(|it| it.version != applied.version)) {
            return Err(sqlx::migrate::MigrateError::VersionMissing(newer.version).into());
        }
        Ok(known().filter(|it| applied.iter().all(|applied| applied.version != it.version)).count())
    }

    /// A transaction that no other process brings the schema up to date beside.
    async fn lock_schema(&self) -> Result<PgTransaction<'static>, MigrateError> {
        let began = tokio::time::Instant::now();
        let mut said = false;
        loop {
            // Asked for rather than waited for: a wait would be without a word, and without an end.
            let mut tx = self.pool.begin().await?;
            let locked = sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "locked!""#, LOCK)
                .fetch_one(&mut *tx)
                .await?;
            if locked {
                return Ok(tx);
            }
            tx.rollback().await?;
            if began.elapsed() > GIVE_UP_AFTER {
                return Err(MigrateError::Locked);
            }
            if !said && began.elapsed() > SAY_AFTER {
                said = true;
                tracing::info!("Another process is bringing the database's schema up to date; waiting for it");
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    async fn migrate_locked(&self, tx: &mut PgTransaction<'_>) -> Result<MigrationReport, MigrateError> {
        tx.ensure_migrations_table(&MIGRATOR.table_name).await?;
        let before = tx.list_applied_migrations(&MIGRATOR.table_name).await?;
        let adopted = before.is_empty() && adr_tables_are_there(tx).await?;
        if adopted {
            for migration in MIGRATOR.iter().filter(|migration| migration.version == ADR_MIGRATION) {
                tx.skip(&MIGRATOR.table_name, migration).await?;
            }
        }
        // Its migrations become savepoints of ours.
        let mut migrator = Migrator { migrations: Cow::Borrowed(&*MIGRATOR.migrations), ..Migrator::DEFAULT };
        migrator.set_locking(false);
        migrator.run(&mut **tx).await?;
        let after = tx.list_applied_migrations(&MIGRATOR.table_name).await?;
        // Before anything is sealed: what two secrets sealed, no process can open.
        if !self.secret_fits(tx).await? {
            return Err(MigrateError::WrongSecret);
        }
        if self.sealer.rotates() {
            let resealed = self.reseal_settings(tx).await? + self.reseal_accounts(tx).await?;
            tracing::info!(values = resealed, "what the secret before had sealed is sealed with the present one");
        }
        let sealed_accounts = self.seal_account_tokens(tx).await?;
        Ok(MigrationReport { adopted, applied: after.len() - before.len() - usize::from(adopted), sealed_accounts })
    }

    /// Encrypts tokens that lie in clear, and notes that their old copies are still to be removed from the disk.
    async fn seal_account_tokens(&self, connection: &mut PgConnection) -> Result<usize, MigrateError> {
        let mut sealed = 0;
        loop {
            let rows = sqlx::query!(
                "SELECT id, refresh_token_clear, access_token_clear, id_token_clear FROM accounts
                 WHERE refresh_token_clear IS NOT NULL OR access_token_clear IS NOT NULL OR id_token_clear IS NOT NULL
                 ORDER BY id LIMIT $1",
                SEAL_BATCH
            )
            .fetch_all(&mut *connection)
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
                .execute(&mut *connection)
                .await?;
            }
            sealed += rows.len();
        }
        if sealed > 0 {
            sqlx::query!(
                "INSERT INTO instance_settings (key, value) VALUES ($1, 'true') ON CONFLICT (key) DO NOTHING",
                REWRITE
            )
            .execute(&mut *connection)
            .await?;
        }
        Ok(sealed)
    }

    /// An update leaves the old row in the table's file until its space is used again: writes the file of the accounts
    /// anew once tokens in it were sealed. Not by a vacuum, which keeps what some older transaction might still read. What a
    /// kill leaves undone is done by the next start.
    async fn rewrite_accounts(&self) -> Result<(), MigrateError> {
        let wanted = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM instance_settings WHERE key = $1) AS "wanted!""#,
            REWRITE
        )
        .fetch_one(&self.pool)
        .await?;
        if !wanted {
            return Ok(());
        }
        // The tokens are sealed either way, so a role that may not do this is told, not stopped.
        let limit = Duration::from_secs(600);
        let rewrite = sqlx::query("ALTER TABLE accounts ALTER COLUMN provider TYPE text USING provider || ''");
        if !matches!(tokio::time::timeout(limit, rewrite.execute(&self.pool)).await, Ok(Ok(_))) {
            tracing::warn!("old copies of the account tokens may stay in the database's files until they are vacuumed");
            return Ok(());
        }
        sqlx::query!("DELETE FROM instance_settings WHERE key = $1", REWRITE).execute(&self.pool).await?;
        Ok(())
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

#[cfg(test)]
mod tests {
    use cjhirashi_domain::{
        ErrorCode, Viewer,
        id::{DocumentId, UserId},
        settings::{CodeTheme, Language, Theme},
        user::Role,
    };
    use cjhirashi_testkit::TestDb;
    use sqlx::{Connection as _, Executor as _};

    use super::*;
    use crate::testing::connect;

    /// What Prisma's engine writes for the ADR's schema.
    const ADR: &str = include_str!("../../../migrations/0001_adr_002.sql");

    /// Rows in all eight tables, as the ADR's application would have left them.
    const ADR_ROWS: &str = r#"
        INSERT INTO "User" (id, email, name, image, "emailVerified", "createdAt", "updatedAt") VALUES
            ('clu1', 'Ana@Example.org', 'Ana', 'https://example.org/ana.png', '2025-01-02 03:04:05.678',
             '2025-01-01 10:00:00.123', '2025-01-02 10:00:00'),
            ('clu2', 'eva@example.org', NULL, NULL, NULL, '2025-02-01 10:00:00', '2025-02-01 10:00:00');
        INSERT INTO "Account" (id, "userId", type, provider, "providerAccountId", refresh_token, access_token, expires_at,
                               token_type, scope, id_token, session_state) VALUES
            ('cla1', 'clu1', 'oauth', 'google', '1001', 'refresh-clear', 'access-clear', 1735700000, 'bearer',
             'openid email', 'id-clear', NULL),
            ('cla2', 'clu2', 'oauth', 'github', '2002', NULL, 'access-clear-2', NULL, 'bearer', NULL, NULL, 'state');
        INSERT INTO "Session" (id, "sessionToken", "userId", expires) VALUES
            ('cls1', 'session-clear', 'clu1', '2035-01-01 00:00:00');
        INSERT INTO "Chat" (id, title, "userId", archived, "createdAt", "updatedAt") VALUES
            ('clc1', 'Primer chat', 'clu1', false, '2025-01-03 10:00:00', '2025-01-03 11:00:00'),
            ('clc2', 'Archivado', 'clu1', true, '2025-01-04 10:00:00', '2025-01-04 11:00:00');
        INSERT INTO "Message" (id, "chatId", role, content, model, "tokensUsed", "latencyMs", "createdAt") VALUES
            ('clm1', 'clc1', 'user', '¿Qué es esto?', NULL, NULL, NULL, '2025-01-03 10:00:00'),
            ('clm2', 'clc1', 'assistant', 'Una **prueba**.', 'gemini-2.0-flash', 42, 900, '2025-01-03 10:00:01');
        INSERT INTO "Artifact" (id, "messageId", "userId", type, title, content, language, metadata, "blobUrl", "blobSize",
                                "createdAt", "updatedAt") VALUES
            ('clf1', 'clm2', 'clu1', 'code', 'Hola', 'fn main() {}', 'rust', '{"lines": 1}', NULL, NULL,
             '2025-01-03 10:00:02', '2025-01-03 10:00:02'),
            ('clf2', NULL, 'clu2', 'image', NULL, '', NULL, NULL, 'https://example.org/blob', 2048,
             '2025-02-03 10:00:02', '2025-02-03 10:00:02');
        INSERT INTO "UserSettings" (id, "userId", "defaultModel", theme, language, "codeTheme", "ragTopK", "updatedAt") VALUES
            ('clg1', 'clu1', 'gemini-2.0-flash', 'dark', 'en', 'vs-dark', 7, '2025-01-02 10:00:00');
        INSERT INTO "Document" (id, "userId", title, source, "sourceUrl", "mimeType", indexed, "vectorIds", "chunkCount", tags,
                                metadata, "createdAt", "updatedAt") VALUES
            ('cld1', 'clu1', 'Manual', 'upload', NULL, 'application/pdf', true, ARRAY['v1', 'v2'], 2, ARRAY['legal'],
             '{"pages": 3}', '2025-01-05 10:00:00', '2025-01-05 10:00:00'),
            ('cld2', NULL, 'Público', 'url', 'https://example.org', NULL, false, NULL, 0, NULL, NULL,
             '2025-01-06 10:00:00', '2025-01-06 10:00:00'),
            ('cld3', 'gone', 'De nadie', 'api', NULL, NULL, true, ARRAY['v3'], 1, ARRAY[]::text[], NULL,
             '2025-01-07 10:00:00', '2025-01-07 10:00:00');
    "#;

    async fn adr_database() -> TestDb {
        let database = TestDb::new().await.unwrap();
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        connection.execute(ADR).await.unwrap();
        connection.execute(ADR_ROWS).await.unwrap();
        connection.close().await.unwrap();
        database
    }

    const REWRITE_WANTED: &str = "instance_settings WHERE key = 'rewrite_accounts'";

    async fn count(store: &Store, table: &'static str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&store.pool)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn an_empty_database_gets_the_schema_and_a_second_run_does_nothing() {
        let database = TestDb::new().await.unwrap();
        let (store, _) = connect(&database).await;
        let migrations = MIGRATOR.iter().count();
        assert_eq!(
            store.migrate().await.unwrap(),
            MigrationReport { adopted: false, applied: migrations, sealed_accounts: 0 }
        );
        assert_eq!(store.migrate().await.unwrap(), MigrationReport { adopted: false, applied: 0, sealed_accounts: 0 });
        assert_eq!(count(&store, "documents").await, 0);
    }

    #[tokio::test]
    async fn two_replicas_that_migrate_an_empty_database_at_once_apply_each_migration_once() {
        let database = TestDb::new().await.unwrap();
        let ((one, _), (two, _)) = tokio::join!(connect(&database), connect(&database));
        let (first, second) = tokio::join!(one.migrate(), two.migrate());
        assert_eq!(first.unwrap().applied + second.unwrap().applied, MIGRATOR.iter().count());
    }

    #[tokio::test]
    async fn a_database_of_the_adrs_application_is_adopted_with_every_row() {
        let database = adr_database().await;
        let (store, _) = connect(&database).await;
        let report = store.migrate().await.unwrap();
        assert_eq!(report, MigrationReport { adopted: true, applied: MIGRATOR.iter().count() - 1, sealed_accounts: 2 });
        for (table, rows) in [
            ("users", 2),
            ("accounts", 2),
            ("sessions", 1),
            ("chats", 2),
            ("messages", 2),
            ("artifacts", 2),
            ("user_settings", 1),
            ("documents", 3),
        ] {
            assert_eq!(count(&store, table).await, rows, "{table}");
        }

        let ana = store.find_user_by_email("ana@example.org").await.unwrap().unwrap();
        assert_eq!(ana.created_at.0, 1_735_725_600_123, "the ADR's times were UTC, to the millisecond");
        let settings = store.get_settings(&ana.id).await.unwrap();
        assert_eq!(
            (settings.theme, settings.language, settings.code_theme, settings.rag_top_k, settings.rag_min_score),
            (Theme::Dark, Language::En, CodeTheme::VsDark, 7, 0.5)
        );
        let message: (String, String, Option<i32>, Option<i32>, String) =
            sqlx::query_as("SELECT content, model, tokens_used, latency_ms, status FROM messages WHERE id = 'clm2'")
                .fetch_one(&store.pool)
                .await
                .unwrap();
        let expected = ("Una **prueba**.".to_owned(), "gemini-2.0-flash".to_owned(), Some(42), Some(900));
        assert_eq!(message, (expected.0, expected.1, expected.2, expected.3, "complete".to_owned()));
        let documents: Vec<(String, bool, String, Option<Vec<String>>, Vec<String>)> =
            sqlx::query_as("SELECT id, adopted, status, adopted_vector_ids, tags FROM documents ORDER BY id")
                .fetch_all(&store.pool)
                .await
                .unwrap();
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(documents[0], ("cld1".into(), true, "failed".into(), Some(texts(&["v1", "v2"])), texts(&["legal"])));
        assert_eq!(documents[1], ("cld2".into(), true, "failed".into(), None, texts(&[])));
        let viewer = Viewer { user_id: ana.id.clone(), role: Role::User };
        let document = store.get_document(&viewer, &DocumentId::parse("cld1").unwrap()).await.unwrap().unwrap();
        assert_eq!(document.error.unwrap().code, ErrorCode::DocumentAdopted.as_str(), "its text is not here");
        let listed = store.list_chats(&ana.id, crate::Listed::All, 10, None).await.unwrap();
        assert_eq!(listed.iter().map(|chat| chat.title.as_str()).collect::<Vec<_>>(), ["Primer chat"]);
        let artifact: (serde_json::Value, Option<String>) =
            sqlx::query_as("SELECT metadata, message_id FROM artifacts WHERE id = 'clf1'")
                .fetch_one(&store.pool)
                .await
                .unwrap();
        assert_eq!(artifact, (serde_json::json!({"lines": 1}), Some("clm2".to_owned())));
        let session: (Vec<u8>, String) =
            sqlx::query_as("SELECT token_hash, user_id FROM sessions").fetch_one(&store.pool).await.unwrap();
        assert_eq!(session, (crate::secrets::hash(b"session-clear").to_vec(), "clu1".to_owned()));
        assert!(store.load_signed_in(&UserId::parse("clu2").unwrap()).await.unwrap().is_some());

        assert_eq!(store.migrate().await.unwrap(), MigrationReport { adopted: false, applied: 0, sealed_accounts: 0 });
    }

    #[tokio::test]
    async fn adopted_tokens_are_nowhere_in_clear_and_can_be_opened() {
        let database = adr_database().await;
        let (store, _) = connect(&database).await;
        store.migrate().await.unwrap();
        for table in ["accounts", "sessions"] {
            let rows: String =
                sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT string_agg(t::text, ' ') FROM {table} t")))
                    .fetch_one(&store.pool)
                    .await
                    .unwrap();
            // `bytea` is shown in hexadecimal, so both ways of writing it are looked for.
            for clear in ["clear", &hex::encode("clear")] {
                assert!(!rows.contains(clear), "{rows}");
            }
            // Neither in rows that are only out of sight: columns that were dropped, and old copies.
            store.pool.execute("CHECKPOINT").await.unwrap();
            let file: Vec<u8> = sqlx::query_scalar("SELECT pg_read_binary_file(pg_relation_filepath($1::regclass))")
                .bind(table)
                .fetch_one(&store.pool)
                .await
                .unwrap();
            assert!(!file.is_empty() && !file.windows(5).any(|bytes| bytes == b"clear"), "{table}");
        }
        assert_eq!(count(&store, REWRITE_WANTED).await, 0, "the rewriting is done with");
        let (refresh, expires): (Vec<u8>, time::OffsetDateTime) =
            sqlx::query_as("SELECT refresh_token, expires_at FROM accounts WHERE id = 'cla1'")
                .fetch_one(&store.pool)
                .await
                .unwrap();
        let opened = store.sealer.open(&token_purpose("cla1", "refresh_token"), &refresh).unwrap();
        assert_eq!(opened, b"refresh-clear");
        assert!(store.sealer.open(&token_purpose("cla2", "refresh_token"), &refresh).is_err());
        assert_eq!(expires.unix_timestamp(), 1_735_700_000);
        let empty: (Option<Vec<u8>>, Option<Vec<u8>>) =
            sqlx::query_as("SELECT refresh_token, id_token FROM accounts WHERE id = 'cla2'")
                .fetch_one(&store.pool)
                .await
                .unwrap();
        assert_eq!(empty, (None, None));
    }

    #[tokio::test]
    async fn a_process_with_another_secret_is_refused_before_it_seals_anything() {
        let database = adr_database().await;
        let (first, _) = connect(&database).await;
        first.migrate().await.unwrap();
        first
            .pool
            .execute("UPDATE accounts SET access_token_clear = 'access-clear-3' WHERE id = 'cla2'")
            .await
            .unwrap();
        let secret = crate::AppSecret::new([9; 32]);
        let other = Store::connect(crate::StoreOptions::new(&database.url, secret)).await.unwrap();
        assert!(matches!(other.migrate().await, Err(MigrateError::WrongSecret)));
        let clear: Option<String> = sqlx::query_scalar("SELECT access_token_clear FROM accounts WHERE id = 'cla2'")
            .fetch_one(&first.pool)
            .await
            .unwrap();
        assert_eq!(clear.as_deref(), Some("access-clear-3"));
        assert_eq!(first.migrate().await.unwrap().sealed_accounts, 1);
    }

    #[tokio::test]
    async fn a_rewriting_that_a_kill_left_undone_is_done_by_the_next_start() {
        let database = adr_database().await;
        let (store, _) = connect(&database).await;
        let mut tx = store.lock_schema().await.unwrap();
        assert_eq!(store.migrate_locked(&mut tx).await.unwrap().sealed_accounts, 2);
        tx.commit().await.unwrap();
        assert_eq!(count(&store, REWRITE_WANTED).await, 1);
        store.migrate().await.unwrap();
        assert_eq!(count(&store, REWRITE_WANTED).await, 0);
    }

    #[tokio::test]
    async fn a_lock_lasts_as_long_as_its_transaction_and_leaves_nothing_on_the_session() {
        let database = TestDb::new().await.unwrap();
        let ((one, _), (two, _)) = tokio::join!(connect(&database), connect(&database));
        let held = one.lock_schema().await.unwrap();
        let mut waiting = Box::pin(two.migrate());
        assert!(tokio::time::timeout(Duration::from_millis(500), &mut waiting).await.is_err());
        drop(held);
        assert_eq!(waiting.await.unwrap().applied, MIGRATOR.iter().count());
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .fetch_one(&two.pool)
        .await
        .unwrap();
        assert_eq!(left, 0);
    }

    #[tokio::test]
    async fn two_replicas_that_adopt_at_once_leave_one_adopted_database() {
        let database = adr_database().await;
        let ((one, _), (two, _)) = tokio::join!(connect(&database), connect(&database));
        let (first, second) = tokio::join!(one.migrate(), two.migrate());
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(first.adopted != second.adopted);
        assert_eq!(first.sealed_accounts + second.sealed_accounts, 2);
        assert_eq!(count(&one, "messages").await, 2);
    }

    #[tokio::test]
    async fn capitals_with_accents_are_folded_in_a_database_without_a_language_too() {
        let (_database, store, _) = crate::testing::migrated().await;
        let folded: String = sqlx::query_scalar(r#"SELECT fold_accents('ÁRBOL Ñandú Çà' COLLATE "C")"#)
            .fetch_one(&store.pool)
            .await
            .unwrap();
        assert_eq!(folded, "arbol ñandu ca");
    }

    #[tokio::test]
    async fn half_of_the_adrs_tables_are_refused_and_left_as_they_are() {
        let database = adr_database().await;
        let (store, _) = connect(&database).await;
        store.pool.execute(r#"DROP TABLE "Artifact""#).await.unwrap();
        let error = store.migrate().await.unwrap_err();
        assert!(matches!(&error, MigrateError::HalfAdopted(missing) if *missing == ["Artifact"]), "{error}");
        assert_eq!(count(&store, "\"Message\"").await, 2);
    }

    #[tokio::test]
    async fn what_is_still_to_be_applied_can_be_asked_without_applying_it() {
        let database = adr_database().await;
        let (store, _) = connect(&database).await;
        assert_eq!(store.pending_migrations().await.unwrap(), MIGRATOR.iter().count());
        assert_eq!(count(&store, "\"Document\"").await, 3, "nothing was renamed");
        assert_eq!(count(&store, "pg_tables WHERE tablename = '_sqlx_migrations'").await, 0);
        store.migrate().await.unwrap();
        assert_eq!(store.pending_migrations().await.unwrap(), 0);
        store.pool.execute("DELETE FROM _sqlx_migrations WHERE version = 3").await.unwrap();
        assert_eq!(store.pending_migrations().await.unwrap(), 1);
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     VALUES (9999, 'from the future', true, '\\x00', 0)";
        store.pool.execute(newer).await.unwrap();
        assert!(store.pending_migrations().await.unwrap_err().to_string().contains("9999"));
    }

    #[tokio::test]
    async fn a_schema_of_a_newer_version_is_refused() {
        let database = TestDb::new().await.unwrap();
        let (store, _) = connect(&database).await;
        store.migrate().await.unwrap();
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     VALUES (9999, 'from the future', true, '\\x00', 0)";
        store.pool.execute(newer).await.unwrap();
        assert!(store.migrate().await.unwrap_err().to_string().contains("9999"));
    }
}

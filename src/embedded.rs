//! Which database: the one `DATABASE_URL` names, or our own under the data folder.

use cjhirashi_postgres::{Postgres, PostgresOptions, StartError};

use crate::config::Config;

/// The database of this process.
#[derive(Debug)]
pub struct Database {
    /// Its address; may hold a password.
    pub url: String,
    /// Our own server, where it is one.
    pub postgres: Option<Postgres>,
}

/// How the embedded server is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// By the one server of a data folder.
    Alone,
    /// By a command that may run beside it.
    Shared,
}

/// Finds the database, starting our own where none is configured.
///
/// # Errors
/// [`StartError`].
pub async fn open(config: &Config, how: Use) -> Result<Database, StartError> {
    if let Some(url) = &config.database_url {
        return Ok(Database { url: url.clone(), postgres: None });
    }
    let postgres = match how {
        Use::Alone => Postgres::start(options(config)).await?,
        Use::Shared => Postgres::start_or_join(options(config)).await?,
    };
    Ok(Database { url: postgres.url(postgres.database()), postgres: Some(postgres) })
}

/// How the embedded server is run.
#[must_use]
pub fn options(config: &Config) -> PostgresOptions {
    let connections = u16::try_from(config.database_connections).unwrap_or(u16::MAX);
    PostgresOptions {
        // Room for commands beside the server, and for somebody who looks with psql.
        max_connections: connections.saturating_add(30),
        ..PostgresOptions::new(config.postgres_dir(), config.tools_dir())
    }
}

impl Database {
    /// Stops our own server, if this process started it.
    pub async fn close(self) {
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
    }
}

//! The pool.

use std::{sync::Arc, time::Duration};

use cjhirashi_domain::Timestamp;
use sqlx::{
    Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use time::OffsetDateTime;

use crate::{AppSecret, Environment, StorageError, SystemEnvironment, notices::Notices, secrets::Sealer};

/// How long a connection may lie idle before it is asked whether it still lives.
const IDLE_BEFORE_TEST: Duration = Duration::from_secs(5);

/// How to reach PostgreSQL.
#[derive(Clone)]
pub struct StoreOptions {
    /// A `postgres://` address.
    pub url: String,
    /// The most connections of this process, 2 at least: one of them hears notices all the time.
    pub max_connections: u32,
    /// What tokens and keys are sealed with.
    pub secret: AppSecret,
    /// What they were sealed with before: it still opens them, and migrations seal them again.
    pub secret_before: Option<AppSecret>,
    /// Whether mail is sent here; without, none is written either.
    pub mail: bool,
    /// Time and randomness.
    pub environment: Arc<dyn Environment>,
}

impl StoreOptions {
    /// Ten connections, the machine's clock.
    #[must_use]
    pub fn new(url: impl Into<String>, secret: AppSecret) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            secret,
            secret_before: None,
            mail: false,
            environment: Arc::new(SystemEnvironment),
        }
    }
}

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not a PostgreSQL address. The address is not repeated: it may hold a password.
    #[error("DATABASE_URL is not a valid PostgreSQL address (postgres://user:password@host:5432/name)")]
    InvalidUrl,
    /// Nobody answers there, or it refuses us.
    #[error("the database at {host} cannot be reached: {source}")]
    Unreachable {
        /// Host and port, without user and password.
        host: String,
        /// Why.
        source: sqlx::Error,
    },
    /// Answers, but holds text in an encoding that cannot hold ours.
    #[error(
        "the database at {host} keeps text as {encoding}, which cannot hold every letter; make one with \
         CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0 and name it in DATABASE_URL"
    )]
    Encoding {
        /// Host and port, without user and password.
        host: String,
        /// Its encoding.
        encoding: String,
    },
    /// Answers, but cannot run our queries.
    #[error("the database at {host} is PostgreSQL {version}, 14 or newer is needed")]
    TooOld {
        /// Host and port, without user and password.
        host: String,
        /// Its version.
        version: String,
    },
}

/// The oldest PostgreSQL whose SQL we speak, as `server_version_num` writes it.
const MINIMUM_VERSION: u32 = 140_000;

/// The system of record. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: PgPool,
    pub(crate) sealer: Sealer,
    pub(crate) notices: Arc<Notices>,
    pub(crate) mail: bool,
    environment: Arc<dyn Environment>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the pool and makes one connection, so that a wrong address is known at start.
    ///
    /// # Errors
    /// [`ConnectError`], in words for the one who starts the server.
    pub async fn connect(options: StoreOptions) -> Result<Self, ConnectError> {
        let connect: PgConnectOptions = options.url.parse().map_err(|_| ConnectError::InvalidUrl)?;
        let host = format!("{}:{}", connect.get_host(), connect.get_port());
        let connect = connect.application_name("cjhirashi");
        let found = first_contact(&connect).await;
        let (version, encoding) = found.map_err(|source| ConnectError::Unreachable { host: host.clone(), source })?;
        if version < MINIMUM_VERSION {
            return Err(ConnectError::TooOld { host, version: version_text(version) });
        }
        if encoding != "UTF8" {
            return Err(ConnectError::Encoding { host, encoding });
        }
        let notices = Arc::new(Notices::new(connect.clone()));
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections.saturating_sub(1).max(1))
            .acquire_timeout(Duration::from_secs(15))
            // A round trip before every query would double the time of the short ones. A connection that lay idle may
            // have been cut by PostgreSQL's restart or a pooler's patience, so that one is asked first.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > IDLE_BEFORE_TEST {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(connect)
            .await
            .map_err(|source| ConnectError::Unreachable { host, source })?;
        let sealer = Sealer::new(&options.secret, options.secret_before.as_ref());
        Ok(Self { pool, sealer, notices, mail: options.mail, environment: options.environment })
    }

    /// The pool, for tests and measurements, which look into tables themselves.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Closes all connections, once those in use have come back.
    pub async fn close(&self) {
        self.notices.close().await;
        self.pool.close().await;
    }

    /// The moment now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.environment.now()
    }

    /// Random bits, fit for ids and secrets.
    #[must_use]
    pub fn random(&self) -> u128 {
        self.environment.random()
    }

    /// One round trip.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when nobody answers.
    pub async fn ping(&self) -> Result<(), StorageError> {
        sqlx::query_scalar!("SELECT 1 AS \"one!\"").fetch_one(&self.pool).await?;
        Ok(())
    }

    /// The server's version, such as `15.18`.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when nobody answers.
    pub async fn server_version(&self) -> Result<String, StorageError> {
        Ok(version_text(version_of(&*self.pool.acquire().await?)))
    }

    /// Connections for queries, open and idle, for metrics.
    #[must_use]
    pub fn pool_state(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }
}

/// How long a database that is just starting is waited for.
const FIRST_CONTACT: Duration = Duration::from_secs(5);

/// Connects once, apart from the pool, which keeps the reason of a failure to itself. Returns the server's version and
/// the database's encoding.
async fn first_contact(options: &PgConnectOptions) -> Result<(u32, String), sqlx::Error> {
    let began = tokio::time::Instant::now();
    let deadline = began + FIRST_CONTACT;
    loop {
        let attempt = tokio::time::timeout_at(deadline, PgConnection::connect_with(options)).await;
        let error = match attempt {
            Ok(Ok(mut connection)) => {
                let version = version_of(&connection);
                let encoding = sqlx::query_scalar("SHOW server_encoding").fetch_one(&mut connection).await?;
                // It was of use; how it ends does not matter.
                let _ = connection.close().await;
                return Ok((version, encoding));
            }
            Ok(Err(error)) => error,
            Err(_) => return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        };
        // Refused, or "the database system is starting up": both pass when it is started together with us.
        let starting = match &error {
            sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
            sqlx::Error::Database(error) => error.code().as_deref() == Some("57P03"),
            _ => false,
        };
        if !starting || began.elapsed() + Duration::from_millis(250) > FIRST_CONTACT {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// As the server told it when the connection was made; a pooler that keeps it to itself is taken at its word.
fn version_of(connection: &PgConnection) -> u32 {
    connection.server_version_num().unwrap_or(MINIMUM_VERSION)
}

fn version_text(version: u32) -> String {
    format!("{}.{}", version / 10_000, version % 10_000)
}

/// PostgreSQL's time as ours.
pub(crate) fn from_db(time: OffsetDateTime) -> Timestamp {
    Timestamp(i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX))
}

/// Our time as PostgreSQL's.
pub(crate) fn to_db(time: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.0) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

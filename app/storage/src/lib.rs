//! PostgreSQL: everything that is kept, and all the SQL there is.
//!
//! One module per aggregate, each an `impl Store` with `verb_noun` methods. A look-up returns `Result<Option<T>>`;
//! private row structs become domain types through `TryFrom`, and data that cannot be read names its table, column
//! and row. Queries are checked at compile time (`query!`, `query_as!`) against the committed `.sqlx` data.
//!
//! This crate decides nothing about *who may*: it takes a [`cjhirashi_domain::Viewer`] and puts the access rule into
//! the query, so that a foreign row is not found rather than found and hidden.
//!
//! To add an aggregate: a migration, a module here, `make sqlx`, and its test against a real database.

mod blobs;
mod connect;
mod environment;
mod error;
mod migrate;
mod secrets;

pub use blobs::{BlobError, BlobKey, Blobs};
pub use connect::{ConnectError, Store, StoreOptions};
pub use environment::{Environment, SystemEnvironment};
pub use error::StorageError;
pub use migrate::{MigrateError, MigrationReport};
pub use secrets::{AppSecret, Sealed};

/// What a query returns.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

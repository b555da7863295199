//! What can go wrong between us and PostgreSQL.

use cjhirashi_domain::ErrorCode;

/// A query did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A text holds what PostgreSQL cannot keep, such as NUL.
    #[error("a text holds characters that cannot be stored")]
    Unstorable,
    /// PostgreSQL cannot be reached, or no connection became free in time.
    #[error("the database does not answer: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A uniqueness or other constraint refused the row; the name is the constraint's.
    #[error("the constraint {0} was violated")]
    Constraint(String),
    /// A stored value is not one this version understands.
    #[error("{table}.{column} of {row} cannot be read: {value}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
        /// What stands there, shortened.
        value: String,
    },
    /// Anything else; a defect of ours.
    #[error("a query failed: {0}")]
    Query(#[source] sqlx::Error),
    /// A secret could not be opened: it was sealed with another `APP_SECRET`.
    #[error("a sealed value cannot be opened; was APP_SECRET changed?")]
    Unsealable,
}

impl StorageError {
    /// A stored value that cannot be read.
    pub(crate) fn corrupt(table: &'static str, column: &'static str, row: &str, value: &str) -> Self {
        Self::Corrupt { table, column, row: row.to_owned(), value: value.chars().take(80).collect() }
    }

    /// The public code for it.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable(_) => ErrorCode::DatabaseUnavailable,
            Self::Unstorable => ErrorCode::InvalidRequest,
            Self::Constraint(_) | Self::Corrupt { .. } | Self::Query(_) | Self::Unsealable => ErrorCode::Internal,
        }
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => {
                Self::Unavailable(error)
            }
            sqlx::Error::Database(database) => match (database.constraint(), database.code().as_deref()) {
                (Some(constraint), _) => Self::Constraint(constraint.to_owned()),
                // Class 57: the server is going down or is not ready; 53300: too many connections.
                // Text that holds NUL: no text that anybody means.
                (None, Some("22021" | "22P05")) => Self::Unstorable,
                (None, Some(code)) if code.starts_with("57P") || code == "53300" => Self::Unavailable(error),
                _ => Self::Query(error),
            },
            _ => Self::Query(error),
        }
    }
}

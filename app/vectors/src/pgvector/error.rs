//! What PostgreSQL's refusals mean.

use super::NAME;
use crate::IndexError;

/// What will not succeed later.
pub(super) fn refused(detail: impl Into<String>) -> IndexError {
    IndexError::Refused { index: NAME, detail: detail.into() }
}

/// What somebody can mend without touching any document.
fn misconfigured(detail: String) -> IndexError {
    IndexError::Misconfigured { index: NAME, detail }
}

fn unavailable(detail: String) -> IndexError {
    IndexError::Unavailable { index: NAME, detail, retry_after: None }
}

/// Whether a refusal passes: the server starts, stops, is short of something, hands over to a standby, or two of us
/// were in each other's way.
fn passes(code: &str) -> bool {
    // Class 08: the connection; 40: rolled back; 53: resources; 57: stopped by an operator or a timeout.
    ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))
        // A lock was not to be had; a server that is only a standby for now.
        || matches!(code, "55P03" | "25006")
}

impl From<sqlx::Error> for IndexError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => unavailable(error.to_string()),
            sqlx::Error::Database(database) => {
                let said = database.message();
                match database.code().as_deref() {
                    Some(code) if passes(code) => unavailable(said.to_owned()),
                    // Undefined table, and schema.
                    Some("42P01" | "3F000") => misconfigured(format!(
                        "{said}: its tables were removed while it runs; restart, which makes them anew, and fill them with \
                         `cjhirashi reconcile`"
                    )),
                    Some("28P01" | "28000") => {
                        misconfigured(format!("{said}; check user and password in PGVECTOR_URL"))
                    }
                    Some("3D000") => misconfigured(format!("{said}; make it, or name another in PGVECTOR_URL")),
                    Some("42501") => misconfigured(format!(
                        "{said}; let the user of PGVECTOR_URL make a schema in this database (GRANT CREATE ON DATABASE …)"
                    )),
                    _ => refused(said),
                }
            }
            _ => refused(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_passes_and_a_defect_does_not() {
        let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(IndexError::from(sqlx::Error::Io(lost)).is_transient());
        assert!(IndexError::from(sqlx::Error::PoolTimedOut).is_transient());
        assert!(!IndexError::from(sqlx::Error::RowNotFound).is_transient());
    }

    #[test]
    fn refusals_that_pass_are_told_by_their_class() {
        for code in ["57P01", "57014", "53300", "40001", "40P01", "08006", "55P03", "25006"] {
            assert!(passes(code), "{code}");
        }
        for code in ["42P01", "42601", "22003", "23505", "28P01", "0A000"] {
            assert!(!passes(code), "{code}");
        }
    }
}

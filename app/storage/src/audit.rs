//! What was done, by whom: written once, never changed, forgotten after a year.

use cjhirashi_domain::{
    audit::{Action, AuditEntry},
    id::UserId,
};
use sqlx::PgConnection;
use time::Duration;

use crate::{
    Result, Store,
    connect::{from_db, to_db},
};

/// How long it is kept.
const KEPT: Duration = Duration::days(365);
/// The most characters of a detail.
const DETAIL: usize = 1_000;

/// Something that was done.
#[derive(Debug, Clone, Copy)]
pub struct Done<'a> {
    /// Who; `None`: nobody who is known, or the command line.
    pub actor: Option<&'a UserId>,
    /// What.
    pub action: Action,
    /// To whom or what, by its id.
    pub subject: Option<&'a str>,
    /// More; no secret and no text of anybody's.
    pub detail: Option<&'a str>,
    /// The client's address.
    pub address: Option<&'a str>,
}

impl Store {
    /// Writes down what was done.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note(&self, done: &Done<'_>) -> Result<()> {
        self.note_with(&mut *self.pool.acquire().await?, done).await
    }

    /// The same within a transaction.
    pub(crate) async fn note_with(&self, connection: &mut PgConnection, done: &Done<'_>) -> Result<()> {
        sqlx::query!(
            "INSERT INTO audit_log (at, actor, action, subject, detail, address) VALUES ($1, $2, $3, $4, $5, $6)",
            to_db(self.now()),
            done.actor.map(UserId::as_str),
            done.action.as_str(),
            done.subject,
            done.detail.map(|detail| detail.chars().take(DETAIL).collect::<String>()),
            done.address,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// What was done, the last first, of one person or of everybody: at most `limit` lines after skipping `skip`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_audit(&self, actor: Option<&UserId>, skip: i64, limit: i64) -> Result<Vec<AuditEntry>> {
        let rows = sqlx::query!(
            r#"SELECT l.at, l.actor, a.email AS "actor_email?", l.action, l.subject, s.email AS "subject_email?", l.detail,
                   l.address
               FROM audit_log l LEFT JOIN users a ON a.id = l.actor LEFT JOIN users s ON s.id = l.subject
               WHERE $1::text IS NULL OR l.actor = $1
               ORDER BY l.id DESC LIMIT $2 OFFSET $3"#,
            actor.map(UserId::as_str),
            limit,
            skip,
        )
        .fetch_all(&self.pool)
        .await?;
        // A newer version of the program may have written words that we do not know.
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                Some(AuditEntry {
                    at: from_db(row.at),
                    actor: row.actor.and_then(|actor| UserId::parse(actor).ok()),
                    actor_email: row.actor_email,
                    action: Action::parse(&row.action)?,
                    subject: row.subject,
                    subject_email: row.subject_email,
                    detail: row.detail,
                    address: row.address,
                })
            })
            .collect())
    }

    /// Forgets what is older than a year; returns how many lines.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn delete_old_audit(&self) -> Result<u64> {
        let before = to_db(self.now()) - KEPT;
        Ok(sqlx::query!("DELETE FROM audit_log WHERE at < $1", before).execute(&self.pool).await?.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::migrated;

    #[tokio::test]
    async fn what_was_done_is_told_the_last_first_and_forgotten_after_a_year() {
        let (_database, store, clock) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap();
        let done = |action, actor| Done { actor, action, subject: None, detail: Some("x"), address: Some("127.0.0.1") };
        store.note(&done(Action::SignedIn, Some(&owner.id))).await.unwrap();
        clock.advance(366 * 86_400_000);
        store.note(&done(Action::KeyCreated, None)).await.unwrap();
        let told = async |actor| {
            let lines = store.list_audit(actor, 0, 10).await.unwrap();
            lines.into_iter().map(|line| (line.action, line.actor_email)).collect::<Vec<_>>()
        };
        let signed_in = (Action::SignedIn, Some(owner.email.clone()));
        assert_eq!(told(None).await, [(Action::KeyCreated, None), signed_in.clone()]);
        assert_eq!(told(Some(&owner.id)).await, [signed_in]);
        assert_eq!(store.delete_old_audit().await.unwrap(), 1);
        assert_eq!(told(None).await, [(Action::KeyCreated, None)]);
    }
}

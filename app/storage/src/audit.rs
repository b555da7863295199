//! What was done, by whom: written once, never changed, forgotten after a year.

use std::net::IpAddr;

use cjhirashi_domain::{
    audit::{Action, AuditEntry},
    id::UserId,
};
use serde_json::json;
use sqlx::PgConnection;
use time::Duration;

use crate::{
    MailKind, Result, Store,
    connect::{from_db, to_db},
    mails::NewMail,
    secrets::hash,
};

/// How long it is kept.
const KEPT: Duration = Duration::days(365);
/// The most characters of a detail.
const DETAIL: usize = 1_000;
/// The most characters of what a browser says it is.
const AGENT: usize = 400;

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

    /// Writes down that somebody signed in, with a browser that says it is `agent`. Where they signed in before, but never
    /// with such a browser from such a network, they get a mail: somebody else may have.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_sign_in(
        &self,
        person: &UserId,
        detail: &str,
        address: Option<&str>,
        agent: Option<&str>,
    ) -> Result<()> {
        let agent = agent.map(|agent| agent.chars().filter(|c| !c.is_control()).take(AGENT).collect::<String>());
        let device = device(address, agent.as_deref());
        let mut tx = self.pool.begin().await?;
        let line = sqlx::query!(
            r#"INSERT INTO audit_log (at, actor, action, detail, address, device) VALUES ($1, $2, $3, $4, $5, $6)
               RETURNING id,
                   EXISTS (SELECT FROM audit_log WHERE actor = $2 AND device IS NOT NULL) AS "before!",
                   EXISTS (SELECT FROM audit_log WHERE actor = $2 AND device = $6) AS "known!""#,
            to_db(self.now()),
            person.as_str(),
            Action::SignedIn.as_str(),
            detail.chars().take(DETAIL).collect::<String>(),
            address,
            device,
        )
        .fetch_one(&mut *tx)
        .await?;
        if line.before && !line.known {
            let id = line.id.to_string();
            let mail = NewMail {
                kind: MailKind::NewDevice,
                cause: &id,
                user: Some(person.as_str()),
                subject: &id,
                data: json!({"agent": agent, "address": address}),
            };
            self.write_mail(&mut tx, mail).await?;
        }
        tx.commit().await?;
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

/// What tells a device from others: the browser, whatever its version, and the network it comes from. Addresses of a
/// network are given anew from day to day, so their last part does not count.
fn device(address: Option<&str>, agent: Option<&str>) -> String {
    let network = match address.and_then(|address| address.parse::<IpAddr>().ok()).map(|address| address.to_canonical())
    {
        Some(IpAddr::V4(address)) => hex::encode(&address.octets()[..3]),
        Some(IpAddr::V6(address)) => hex::encode(&address.octets()[..8]),
        None => String::new(),
    };
    let browser: String = agent.unwrap_or_default().chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect();
    hex::encode(&hash(format!("{network} {browser}").as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::migrated;

    #[test]
    fn a_device_stays_the_same_with_a_newer_browser_and_another_address_of_its_network() {
        let known = device(Some("203.0.113.7"), Some("Firefox/131.0 (X11; Linux)"));
        assert_eq!(device(Some("::ffff:203.0.113.99"), Some("Firefox/132.1 (X11; Linux)")), known);
        for (address, agent) in
            [("203.0.114.7", "Firefox/131.0 (X11; Linux)"), ("203.0.113.7", "Chrome/131.0 (X11; Linux)"), ("", "")]
        {
            assert_ne!(device(Some(address), Some(agent)), known, "{address} {agent}");
        }
    }

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

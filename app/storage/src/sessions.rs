//! Sessions of browsers, through `tower-sessions`. The cookie carries a random id; only its hash is kept.

use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cjhirashi_domain::{
    Timestamp,
    id::{SessionId, UserId},
};
use serde_json::Value;
use time::Duration;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store,
};

use crate::{
    Result, StorageError, Store,
    connect::{from_db, to_db},
    secrets::hash,
};

/// A session ends this long after its sign-in, however often it is used.
pub const SESSION_LASTS: Duration = Duration::days(90);
/// The most characters of what a browser says it is.
const LONGEST_AGENT: usize = 400;

/// What a browser's cookie carries: 256 random bits. `tower-sessions` knows sessions by 128; these are the first half.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionToken {
    id: Id,
    rest: u128,
}

impl SessionToken {
    /// Reads a cookie's value; `None` for anything that is not one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        // Also the last character has one way to be written: two texts are never the same token.
        if URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) != Ok(32) {
            return None;
        }
        let (id, rest) = bytes.split_at(16);
        Some(Self {
            id: Id(i128::from_le_bytes(id.try_into().ok()?)),
            rest: u128::from_le_bytes(rest.try_into().ok()?),
        })
    }

    /// What `tower-sessions` knows the session by.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }

    fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.id.0.to_le_bytes());
        bytes[16..].copy_from_slice(&self.rest.to_le_bytes());
        bytes
    }

    fn hash(&self) -> Vec<u8> {
        hash(&self.bytes()).to_vec()
    }

    /// The cookie's value: 43 characters.
    #[must_use]
    pub fn to_cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// The `sessions` table as `tower-sessions` wants it, for one request.
///
/// One key of a session's data is also a column: [`PgSessionStore::USER_ID`], whose it is; its rows go with the person.
#[derive(Debug, Clone)]
pub struct PgSessionStore {
    store: Store,
    presented: Option<SessionToken>,
    /// The second half of a token that is made for this request.
    fresh: u128,
    agent: Option<String>,
}

impl PgSessionStore {
    /// The signed-in person's id in the session's data.
    pub const USER_ID: &str = "user_id";

    /// Sessions in this store, for a request that came with this token, from a browser that says it is `agent`.
    #[must_use]
    pub fn new(store: Store, presented: Option<SessionToken>, agent: Option<&str>) -> Self {
        let fresh = store.random();
        let agent = agent.map(|agent| agent.chars().take(LONGEST_AGENT).collect());
        Self { store, presented, fresh, agent }
    }

    /// The token of a session: the one that was presented, or the one made for this request.
    #[must_use]
    pub fn token(&self, id: Id) -> SessionToken {
        self.presented.filter(|presented| presented.id == id).unwrap_or(SessionToken { id, rest: self.fresh })
    }

    fn user_and_data(record: &Record) -> session_store::Result<(Option<&str>, Value)> {
        let data = serde_json::to_value(&record.data).map_err(|e| session_store::Error::Encode(e.to_string()))?;
        Ok((record.data.get(Self::USER_ID).and_then(Value::as_str), data))
    }
}

#[async_trait]
impl SessionStore for PgSessionStore {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        // 128 random bits do not meet by chance; the id is drawn again all the same, as the contract asks.
        while self.load(&record.id).await?.is_some() {
            record.id = Id(i128::from_le_bytes(self.store.random().to_le_bytes()));
        }
        let (user, data) = Self::user_and_data(record)?;
        // The id's look-up in `users` keeps a person deleted meanwhile from turning into a failed constraint.
        sqlx::query!(
            "INSERT INTO sessions (id, token_hash, user_id, data, expires_at, created_at, last_used_at, user_agent)
             VALUES ($1, $2, (SELECT u.id FROM users u WHERE u.id = $3), $4, $5, $6, $6, $7)",
            SessionId::new(self.store.now(), self.store.random()).into_string(),
            self.token(record.id).hash(),
            user,
            data,
            record.expiry_date,
            to_db(self.store.now()),
            self.agent,
        )
        .execute(&self.store.pool)
        .await
        .map_err(backend)?;
        Ok(())
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let (user, data) = Self::user_and_data(record)?;
        // Nothing but an update: a request that was under way must not bring back a session that was signed out.
        sqlx::query!(
            "UPDATE sessions SET user_id = (SELECT u.id FROM users u WHERE u.id = $2), data = $3, expires_at = $4,
                last_used_at = $5
             WHERE token_hash = $1",
            self.token(record.id).hash(),
            user,
            data,
            record.expiry_date,
            to_db(self.store.now()),
        )
        .execute(&self.store.pool)
        .await
        .map_err(backend)?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let now = to_db(self.store.now());
        let row = sqlx::query!(
            "SELECT data, expires_at FROM sessions WHERE token_hash = $1 AND expires_at > $2 AND created_at > $3",
            self.token(*id).hash(),
            now,
            now - SESSION_LASTS,
        )
        .fetch_optional(&self.store.pool)
        .await
        .map_err(backend)?;
        row.map(|row| {
            let data: HashMap<String, Value> =
                serde_json::from_value(row.data).map_err(|e| session_store::Error::Decode(e.to_string()))?;
            Ok(Record { id: *id, data, expiry_date: row.expires_at })
        })
        .transpose()
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        sqlx::query!("DELETE FROM sessions WHERE token_hash = $1", self.token(*id).hash())
            .execute(&self.store.pool)
            .await
            .map_err(backend)?;
        Ok(())
    }
}

fn backend(error: sqlx::Error) -> session_store::Error {
    session_store::Error::Backend(crate::StorageError::from(error).to_string())
}

/// A browser that somebody is signed in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The session's id, which is no secret.
    pub id: SessionId,
    /// What the browser said it is.
    pub agent: Option<String>,
    /// When it was signed in.
    pub signed_in_at: Timestamp,
    /// When it was last used, to within a day.
    pub used_at: Timestamp,
    /// It is the one that asks.
    pub current: bool,
}

impl Store {
    /// The browsers that a person is signed in with, the one used last first; at most 100.
    ///
    /// # Errors
    /// When the database does not answer or a row cannot be read.
    pub async fn list_devices(&self, user: &UserId, current: Option<&SessionToken>) -> Result<Vec<Device>> {
        let now = to_db(self.now());
        let rows = sqlx::query!(
            r#"SELECT id, user_agent, created_at, coalesce(last_used_at, created_at) AS "used_at!",
                   coalesce(token_hash = $2, false) AS "current!"
               FROM sessions WHERE user_id = $1 AND expires_at > $3 AND created_at > $4
               ORDER BY coalesce(last_used_at, created_at) DESC, id LIMIT 100"#,
            user.as_str(),
            current.map(SessionToken::hash),
            now,
            now - SESSION_LASTS,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Device {
                    id: SessionId::parse(&*row.id)
                        .map_err(|_| StorageError::corrupt("sessions", "id", &row.id, &row.id))?,
                    agent: row.user_agent,
                    signed_in_at: from_db(row.created_at),
                    used_at: from_db(row.used_at),
                    current: row.current,
                })
            })
            .collect()
    }

    /// Whether a browser is still signed in, as somebody who may be: for what was let in a while ago and still goes on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_signed_in(&self, token: &SessionToken) -> Result<bool> {
        let now = to_db(self.now());
        let there = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                SELECT FROM sessions s JOIN users u ON u.id = s.user_id
                WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.created_at > $3 AND u.disabled_at IS NULL
            ) AS "there!""#,
            token.hash(),
            now,
            now - SESSION_LASTS,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(there)
    }

    /// Signs one of a person's browsers out; `false` when it is not theirs or is signed out already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_session(&self, user: &UserId, id: &SessionId) -> Result<bool> {
        let done = sqlx::query!("DELETE FROM sessions WHERE id = $1 AND user_id = $2", id.as_str(), user.as_str())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Signs a person's browsers out but for one; how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_other_sessions(&self, user: &UserId, but: &SessionToken) -> Result<u64> {
        let done =
            sqlx::query!("DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2", user.as_str(), but.hash(),)
                .execute(&self.pool)
                .await?;
        Ok(done.rows_affected())
    }

    /// Forgets sessions past their time; returns how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn delete_expired_sessions(&self) -> Result<u64> {
        let now = to_db(self.now());
        let done =
            sqlx::query!("DELETE FROM sessions WHERE expires_at < $1 OR created_at < $2", now, now - SESSION_LASTS)
                .execute(&self.pool)
                .await?;
        Ok(done.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::user::{Email, Role};
    use serde_json::json;
    use time::{Duration, OffsetDateTime};

    use super::*;
    use crate::{connect::to_db, testing::migrated};

    fn record(expiry_date: OffsetDateTime, user: &str) -> Record {
        let data = HashMap::from([(PgSessionStore::USER_ID.to_owned(), json!(user))]);
        Record { id: Id::default(), data, expiry_date }
    }

    #[tokio::test]
    async fn a_session_is_loaded_until_its_time_and_its_id_is_not_in_the_database() {
        let (_database, store, clock) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let sessions = PgSessionStore::new(store.clone(), None, Some("a browser"));
        let expiry = (to_db(store.now()) + Duration::hours(1)).replace_nanosecond(0).unwrap();
        let mut record = record(expiry, owner.as_str());
        sessions.create(&mut record).await.unwrap();
        assert_eq!(sessions.load(&record.id).await.unwrap(), Some(record.clone()));
        let row: String =
            sqlx::query_scalar("SELECT sessions::text FROM sessions").fetch_one(&store.pool).await.unwrap();
        assert!(!row.contains(&record.id.to_string()) && row.contains(owner.as_str()), "{row}");
        clock.advance(3_600_000);
        assert_eq!(sessions.load(&record.id).await.unwrap(), None);
        clock.advance(1_000);
        assert_eq!(store.delete_expired_sessions().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_session_is_known_by_all_256_bits_and_ends_after_ninety_days_however_often_it_is_used() {
        let (_database, store, clock) = migrated().await;
        let sessions = PgSessionStore::new(store.clone(), None, None);
        let mut made = record(to_db(store.now()) + Duration::days(365), "gone");
        sessions.create(&mut made).await.unwrap();
        let token = SessionToken::parse(&sessions.token(made.id).to_cookie()).unwrap();
        let later = PgSessionStore::new(store.clone(), Some(token), None);
        assert!(later.load(&made.id).await.unwrap().is_some());
        let guessed = PgSessionStore::new(store.clone(), Some(SessionToken { rest: token.rest ^ 1, ..token }), None);
        assert_eq!(guessed.load(&made.id).await.unwrap(), None, "half of a token is none");
        clock.advance(90 * 86_400_000 + 1_000);
        later.save(&made).await.unwrap();
        assert_eq!(later.load(&made.id).await.unwrap(), None);
        assert_eq!(store.delete_expired_sessions().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_person_sees_and_ends_their_own_sessions_alone() {
        let (_database, store, clock) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let other = store.ensure_user(&Email::parse("ana@example.org").unwrap(), Role::User).await.unwrap().id;
        let mut tokens = Vec::new();
        for (user, agent) in [(&owner, "one"), (&owner, "two"), (&owner, "three"), (&other, "hers")] {
            clock.advance(1_000);
            let sessions = PgSessionStore::new(store.clone(), None, Some(agent));
            let mut made = record(to_db(store.now()) + Duration::days(1), user.as_str());
            sessions.create(&mut made).await.unwrap();
            tokens.push(sessions.token(made.id));
        }
        let devices = store.list_devices(&owner, Some(&tokens[1])).await.unwrap();
        let told: Vec<_> = devices.iter().map(|device| (device.agent.as_deref().unwrap(), device.current)).collect();
        assert_eq!(told, [("three", false), ("two", true), ("one", false)]);
        assert!(!store.end_session(&other, &devices[0].id).await.unwrap(), "not hers to end");
        assert!(store.end_session(&owner, &devices[0].id).await.unwrap());
        assert_eq!(store.end_other_sessions(&owner, &tokens[1]).await.unwrap(), 1);
        assert_eq!(store.list_devices(&owner, None).await.unwrap().len(), 1);
        assert_eq!(store.list_devices(&other, Some(&tokens[3])).await.unwrap().len(), 1);
    }

    #[test]
    fn a_token_is_read_as_it_was_written_and_anything_else_is_none() {
        let token = SessionToken { id: Id(-5), rest: u128::MAX };
        let text = token.to_cookie();
        assert_eq!((text.len(), SessionToken::parse(&text)), (43, Some(token)));
        let last = if text.ends_with('8') { "9" } else { "8" };
        for other in
            ["", "a", &text[1..], &format!("{text}A"), &format!("{}{last}", &text[..42]), &text.replace('_', "/")]
        {
            assert_ne!(SessionToken::parse(other), Some(token), "{other}");
        }
    }

    #[tokio::test]
    async fn saving_again_changes_the_same_session_and_deleting_ends_it() {
        let (_database, store, _) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let sessions = PgSessionStore::new(store.clone(), None, Some("a browser"));
        let mut record = record(OffsetDateTime::now_utc() + Duration::hours(1), owner.as_str());
        sessions.create(&mut record).await.unwrap();
        record.data.insert("day".to_owned(), json!(3));
        sessions.save(&record).await.unwrap();
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions").fetch_one(&store.pool).await.unwrap();
        assert_eq!(count, 1);
        assert_eq!(sessions.load(&record.id).await.unwrap().unwrap().data["day"], json!(3));
        sessions.delete(&record.id).await.unwrap();
        sessions.save(&record).await.unwrap();
        assert_eq!(sessions.load(&record.id).await.unwrap(), None, "a request under way brings nothing back");
    }

    #[tokio::test]
    async fn the_session_of_a_person_deleted_meanwhile_is_kept_as_nobodys() {
        let (_database, store, _) = migrated().await;
        let sessions = PgSessionStore::new(store.clone(), None, Some("a browser"));
        let mut record = record(OffsetDateTime::now_utc() + Duration::hours(1), "gone");
        sessions.create(&mut record).await.unwrap();
        let user: Option<String> =
            sqlx::query_scalar("SELECT user_id FROM sessions").fetch_one(&store.pool).await.unwrap();
        assert_eq!(user, None);
    }
}

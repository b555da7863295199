//! Sessions of browsers, through `tower-sessions`. The cookie carries a random id; only its hash is kept.

use std::collections::HashMap;

use async_trait::async_trait;
use cjhirashi_domain::id::SessionId;
use serde_json::Value;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store,
};

use crate::{Result, Store, connect::to_db, secrets::hash};

/// The `sessions` table as `tower-sessions` wants it.
///
/// One key of a session's data is also a column: [`PgSessionStore::USER_ID`], whose it is; its rows go with the person.
#[derive(Debug, Clone)]
pub struct PgSessionStore(Store);

impl PgSessionStore {
    /// The signed-in person's id in the session's data.
    pub const USER_ID: &str = "user_id";

    /// Sessions in this store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self(store)
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
            record.id = Id(i128::from_le_bytes(self.0.random().to_le_bytes()));
        }
        let (user, data) = Self::user_and_data(record)?;
        // The id's look-up in `users` keeps a person deleted meanwhile from turning into a failed constraint.
        sqlx::query!(
            "INSERT INTO sessions (id, token_hash, user_id, data, expires_at, created_at)
             VALUES ($1, $2, (SELECT u.id FROM users u WHERE u.id = $3), $4, $5, $6)",
            SessionId::new(self.0.now(), self.0.random()).into_string(),
            token_hash(record.id).to_vec(),
            user,
            data,
            record.expiry_date,
            to_db(self.0.now()),
        )
        .execute(&self.0.pool)
        .await
        .map_err(backend)?;
        Ok(())
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let (user, data) = Self::user_and_data(record)?;
        // Nothing but an update: a request that was under way must not bring back a session that was signed out.
        sqlx::query!(
            "UPDATE sessions SET user_id = (SELECT u.id FROM users u WHERE u.id = $2), data = $3, expires_at = $4
             WHERE token_hash = $1",
            token_hash(record.id).to_vec(),
            user,
            data,
            record.expiry_date,
        )
        .execute(&self.0.pool)
        .await
        .map_err(backend)?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let row = sqlx::query!(
            "SELECT data, expires_at FROM sessions WHERE token_hash = $1 AND expires_at > $2",
            token_hash(*id).to_vec(),
            to_db(self.0.now()),
        )
        .fetch_optional(&self.0.pool)
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
        sqlx::query!("DELETE FROM sessions WHERE token_hash = $1", token_hash(*id).to_vec())
            .execute(&self.0.pool)
            .await
            .map_err(backend)?;
        Ok(())
    }
}

fn token_hash(id: Id) -> [u8; 32] {
    hash(&id.0.to_le_bytes())
}

fn backend(error: sqlx::Error) -> session_store::Error {
    session_store::Error::Backend(crate::StorageError::from(error).to_string())
}

impl Store {
    /// Forgets sessions past their time; returns how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn delete_expired_sessions(&self) -> Result<u64> {
        let done =
            sqlx::query!("DELETE FROM sessions WHERE expires_at < $1", to_db(self.now())).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }
}

#[cfg(test)]
mod tests {
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
        let sessions = PgSessionStore::new(store.clone());
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
    async fn saving_again_changes_the_same_session_and_deleting_ends_it() {
        let (_database, store, _) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let sessions = PgSessionStore::new(store.clone());
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
        let sessions = PgSessionStore::new(store.clone());
        let mut record = record(OffsetDateTime::now_utc() + Duration::hours(1), "gone");
        sessions.create(&mut record).await.unwrap();
        let user: Option<String> =
            sqlx::query_scalar("SELECT user_id FROM sessions").fetch_one(&store.pool).await.unwrap();
        assert_eq!(user, None);
    }
}

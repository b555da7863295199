//! Keys of the public API. Only a hash of the key is kept; its first characters tell keys apart.

use cjhirashi_domain::{
    Timestamp, Viewer,
    api_key::ApiKey,
    id::{ApiKeyId, ChatId, UserId},
    text::KeyName,
};
use time::OffsetDateTime;

use crate::{
    Result, StorageError, Store,
    connect::{from_db, to_db},
    secrets::hash,
    users::{parse_role, parse_user_id},
};

/// What every key begins with, so that a leaked one is recognised.
const KEY_START: &str = "cjh_";
/// Characters of a key that are kept to recognise it by.
const PREFIX_LENGTH: usize = 12;
/// Longer texts are no keys of ours and are not even hashed.
const LONGEST_KEY: usize = 128;
/// The last use is noted at most this often.
const USED_EVERY_MS: i64 = 60 * 1000;

struct ApiKeyRow {
    id: String,
    name: String,
    prefix: String,
    created_at: OffsetDateTime,
    last_used_at: Option<OffsetDateTime>,
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StorageError;

    fn try_from(row: ApiKeyRow) -> Result<Self> {
        Ok(Self {
            id: ApiKeyId::parse(&*row.id).map_err(|_| StorageError::corrupt("api_keys", "id", &row.id, &row.id))?,
            name: row.name,
            prefix: row.prefix,
            created_at: from_db(row.created_at),
            last_used_at: row.last_used_at.map(from_db),
        })
    }
}

impl Store {
    /// Makes a key: its row, and the key itself, which is never seen again.
    ///
    /// # Errors
    /// When the database does not answer, or the person is gone.
    pub async fn create_api_key(&self, user: &UserId, name: &KeyName) -> Result<(ApiKey, String)> {
        let secret = format!("{KEY_START}{}", self.random_token());
        let now = self.now();
        let key = ApiKey {
            id: ApiKeyId::new(now, self.random()),
            name: name.as_str().to_owned(),
            prefix: secret.chars().take(PREFIX_LENGTH).collect(),
            created_at: now,
            last_used_at: None,
        };
        sqlx::query!(
            "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
            key.id.as_str(),
            user.as_str(),
            key.name,
            key.prefix,
            hash(secret.as_bytes()).to_vec(),
            to_db(now),
        )
        .execute(&self.pool)
        .await?;
        Ok((key, secret))
    }

    /// Who a key belongs to, in one query; `None` when it is unknown or its owner is disabled.
    ///
    /// # Errors
    /// When the database does not answer or the row cannot be read.
    pub async fn authenticate_api_key(&self, key: &str) -> Result<Option<Viewer>> {
        if !plausible(key) {
            return Ok(None);
        }
        let Some(row) = sqlx::query!(
            "SELECT k.id, k.last_used_at, u.id AS user_id, u.role
             FROM api_keys k JOIN users u ON u.id = k.user_id
             WHERE k.key_hash = $1 AND u.disabled_at IS NULL",
            hash(key.as_bytes()).to_vec()
        )
        .fetch_optional(&self.pool)
        .await?
        else {
            return Ok(None);
        };
        self.note_use_of_key(&row.id, row.last_used_at.map(from_db)).await?;
        Ok(Some(Viewer { role: parse_role(&row.user_id, &row.role)?, user_id: parse_user_id("users", &row.user_id)? }))
    }

    /// [`Store::authenticate_api_key`] and the revision of one of that person's chats in the same query: what a
    /// read answered from a cache costs. The revision is `None` when the chat is not theirs or does not exist.
    ///
    /// # Errors
    /// When the database does not answer or the row cannot be read.
    pub async fn authenticate_api_key_for_chat(
        &self,
        key: &str,
        chat: &ChatId,
    ) -> Result<Option<(Viewer, Option<i64>)>> {
        if !plausible(key) {
            return Ok(None);
        }
        let Some(row) = sqlx::query!(
            r#"SELECT k.id, k.last_used_at, u.id AS user_id, u.role, c.revision AS "revision?"
               FROM api_keys k JOIN users u ON u.id = k.user_id
               LEFT JOIN chats c ON c.id = $2 AND c.user_id = k.user_id
               WHERE k.key_hash = $1 AND u.disabled_at IS NULL"#,
            hash(key.as_bytes()).to_vec(),
            chat.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?
        else {
            return Ok(None);
        };
        self.note_use_of_key(&row.id, row.last_used_at.map(from_db)).await?;
        let viewer =
            Viewer { role: parse_role(&row.user_id, &row.role)?, user_id: parse_user_id("users", &row.user_id)? };
        Ok(Some((viewer, row.revision)))
    }

    async fn note_use_of_key(&self, id: &str, last: Option<Timestamp>) -> Result<()> {
        if last.is_none_or(|last| last.plus_millis(USED_EVERY_MS) <= self.now()) {
            sqlx::query!("UPDATE api_keys SET last_used_at = $2 WHERE id = $1", id, to_db(self.now()))
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }

    /// A person's keys, newest first; at most 100.
    ///
    /// # Errors
    /// When the database does not answer or a row cannot be read.
    pub async fn list_api_keys(&self, user: &UserId) -> Result<Vec<ApiKey>> {
        sqlx::query_as!(
            ApiKeyRow,
            "SELECT id, name, prefix, created_at, last_used_at FROM api_keys WHERE user_id = $1
             ORDER BY created_at DESC, id DESC LIMIT 100",
            user.as_str()
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(ApiKey::try_from)
        .collect()
    }

    /// Revokes one of the viewer's keys; `false` when it is not theirs or not there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_api_key(&self, viewer: &Viewer, id: &ApiKeyId) -> Result<bool> {
        let done =
            sqlx::query!("DELETE FROM api_keys WHERE id = $1 AND user_id = $2", id.as_str(), viewer.user_id.as_str())
                .execute(&self.pool)
                .await?;
        Ok(done.rows_affected() > 0)
    }
}

fn plausible(key: &str) -> bool {
    key.starts_with(KEY_START) && key.len() <= LONGEST_KEY
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::user::{Email, Role};

    use super::*;
    use crate::testing::migrated;

    #[tokio::test]
    async fn a_key_tells_whose_it_is_until_it_is_revoked_by_its_owner() {
        let (_database, store, _) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap();
        let eva = store.ensure_user(&Email::parse("eva@example.org").unwrap(), Role::User).await.unwrap();
        let (key, secret) = store.create_api_key(&owner.id, &KeyName::parse("laptop").unwrap()).await.unwrap();
        assert!(secret.starts_with(&key.prefix) && secret.len() > 40);
        let viewer = store.authenticate_api_key(&secret).await.unwrap().unwrap();
        assert_eq!(viewer, Viewer { user_id: owner.id.clone(), role: Role::Owner });
        let eva = Viewer { user_id: eva.id, role: Role::Admin };
        assert!(!store.delete_api_key(&eva, &key.id).await.unwrap());
        assert!(store.delete_api_key(&viewer, &key.id).await.unwrap());
        assert_eq!(store.authenticate_api_key(&secret).await.unwrap(), None);
    }

    #[tokio::test]
    async fn text_that_is_no_key_of_ours_finds_nobody() {
        let (_database, store, _) = migrated().await;
        for bad in ["", "cjh_", "Bearer x", "cjh_' OR 1=1 --", &format!("cjh_{}", "a".repeat(1_000_000))] {
            assert_eq!(store.authenticate_api_key(bad).await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn the_last_use_is_noted_at_most_once_a_minute() {
        let (_database, store, clock) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let (_, secret) = store.create_api_key(&owner, &KeyName::parse("k").unwrap()).await.unwrap();
        let used = || async { store.list_api_keys(&owner).await.unwrap()[0].last_used_at };
        assert_eq!(used().await, None);
        store.authenticate_api_key(&secret).await.unwrap();
        let first = used().await.unwrap();
        clock.advance(59_000);
        store.authenticate_api_key(&secret).await.unwrap();
        assert_eq!(used().await, Some(first));
        clock.advance(1_000);
        store.authenticate_api_key(&secret).await.unwrap();
        assert_eq!(used().await, Some(first.plus_millis(60_000)));
    }

    #[tokio::test]
    async fn with_a_chat_the_key_gives_its_revision_and_nothing_of_the_chats_of_others() {
        let (_database, store, _) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let eva = store.ensure_user(&Email::parse("eva@example.org").unwrap(), Role::User).await.unwrap().id;
        for (chat, user) in [("mine", &owner), ("hers", &eva)] {
            sqlx::query("INSERT INTO chats (id, title, user_id, revision) VALUES ($1, 't', $2, 7)")
                .bind(chat)
                .bind(user.as_str())
                .execute(&store.pool)
                .await
                .unwrap();
        }
        let (_, secret) = store.create_api_key(&owner, &KeyName::parse("k").unwrap()).await.unwrap();
        let ask = |chat: &str| {
            let chat = ChatId::parse(chat).unwrap();
            let (store, secret) = (store.clone(), secret.clone());
            async move { store.authenticate_api_key_for_chat(&secret, &chat).await.unwrap().map(|(_, revision)| revision) }
        };
        assert_eq!(ask("mine").await, Some(Some(7)));
        assert_eq!(ask("hers").await, Some(None));
        let mine = ChatId::parse("mine").unwrap();
        assert_eq!(store.authenticate_api_key_for_chat("cjh_wrong", &mine).await.unwrap(), None);
    }
}

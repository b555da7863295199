//! Keys of the public API. Only a hash of the key is kept; its first characters tell keys apart.

use cjhirashi_domain::{
    Timestamp, Viewer,
    api_key::{ApiKey, Scope},
    audit::Action,
    id::{ApiKeyId, ChatId, UserId},
    text::KeyName,
};
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    MailKind, Result, StorageError, Store,
    connect::{from_db, to_db},
    mails::NewMail,
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
    scope: String,
    expires_at: Option<OffsetDateTime>,
}

/// Whose key a call carries, with no more rights than the key gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The person; an administrator only where the key says so, too.
    pub viewer: Viewer,
    /// What the key is good for.
    pub scope: Scope,
}

fn holder(user_id: &str, role: &str, key: &str, scope: &str) -> Result<KeyHolder> {
    let scope = Scope::parse(scope).ok_or_else(|| StorageError::corrupt("api_keys", "scope", key, scope))?;
    let viewer = Viewer { role: parse_role(user_id, role)?, user_id: parse_user_id("users", user_id)? };
    let viewer = if scope < Scope::Admin { viewer.without_administration() } else { viewer };
    Ok(KeyHolder { viewer, scope })
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StorageError;

    fn try_from(row: ApiKeyRow) -> Result<Self> {
        Ok(Self {
            id: ApiKeyId::parse(&*row.id).map_err(|_| StorageError::corrupt("api_keys", "id", &row.id, &row.id))?,
            scope: Scope::parse(&row.scope)
                .ok_or_else(|| StorageError::corrupt("api_keys", "scope", &row.id, &row.scope))?,
            expires_at: row.expires_at.map(from_db),
            name: row.name,
            prefix: row.prefix,
            created_at: from_db(row.created_at),
            last_used_at: row.last_used_at.map(from_db),
        })
    }
}

impl Store {
    /// Makes a key that is good until a moment, if one is given: its row, and the key itself, which is never seen again.
    ///
    /// # Errors
    /// When the database does not answer, or the person is gone.
    pub async fn create_api_key(
        &self,
        user: &UserId,
        name: &KeyName,
        scope: Scope,
        expires_at: Option<Timestamp>,
    ) -> Result<(ApiKey, String)> {
        let secret = format!("{KEY_START}{}", self.random_token());
        let now = self.now();
        let key = ApiKey {
            id: ApiKeyId::new(now, self.random()),
            name: name.as_str().to_owned(),
            prefix: secret.chars().take(PREFIX_LENGTH).collect(),
            created_at: now,
            last_used_at: None,
            scope,
            expires_at,
        };
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, created_at, scope, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            key.id.as_str(),
            user.as_str(),
            key.name,
            key.prefix,
            hash(secret.as_bytes()).to_vec(),
            to_db(now),
            scope.as_str(),
            expires_at.map(to_db),
        )
        .execute(&mut *tx)
        .await?;
        // With its name: a key that somebody makes and revokes at once is told all the same.
        let mail = NewMail {
            kind: MailKind::ApiKeyCreated,
            cause: key.id.as_str(),
            user: Some(user.as_str()),
            subject: key.id.as_str(),
            data: json!({"name": key.name, "prefix": key.prefix}),
        };
        self.write_mail(&mut tx, mail).await?;
        tx.commit().await?;
        Ok((key, secret))
    }

    /// Who a key belongs to, in one query; `None` when it is unknown or past its time, or its owner is disabled.
    ///
    /// # Errors
    /// When the database does not answer or the row cannot be read.
    pub async fn authenticate_api_key(&self, key: &str) -> Result<Option<KeyHolder>> {
        if !plausible(key) {
            return Ok(None);
        }
        let Some(row) = sqlx::query!(
            "SELECT k.id, k.last_used_at, k.scope, u.id AS user_id, u.role
             FROM api_keys k JOIN users u ON u.id = k.user_id
             WHERE k.key_hash = $1 AND u.disabled_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)",
            hash(key.as_bytes()).to_vec(),
            to_db(self.now()),
        )
        .fetch_optional(&self.pool)
        .await?
        else {
            return Ok(None);
        };
        self.note_use_of_key(&row.id, &row.user_id, row.last_used_at.map(from_db)).await?;
        holder(&row.user_id, &row.role, &row.id, &row.scope).map(Some)
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
    ) -> Result<Option<(KeyHolder, Option<i64>)>> {
        if !plausible(key) {
            return Ok(None);
        }
        let Some(row) = sqlx::query!(
            r#"SELECT k.id, k.last_used_at, k.scope, u.id AS user_id, u.role, c.revision AS "revision?"
               FROM api_keys k JOIN users u ON u.id = k.user_id
               LEFT JOIN chats c ON c.id = $2 AND c.user_id = k.user_id
               WHERE k.key_hash = $1 AND u.disabled_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $3)"#,
            hash(key.as_bytes()).to_vec(),
            chat.as_str(),
            to_db(self.now()),
        )
        .fetch_optional(&self.pool)
        .await?
        else {
            return Ok(None);
        };
        self.note_use_of_key(&row.id, &row.user_id, row.last_used_at.map(from_db)).await?;
        Ok(Some((holder(&row.user_id, &row.role, &row.id, &row.scope)?, row.revision)))
    }

    async fn note_use_of_key(&self, id: &str, owner: &str, last: Option<Timestamp>) -> Result<()> {
        let now = self.now();
        if last.is_some_and(|last| last.plus_millis(USED_EVERY_MS) > now) {
            return Ok(());
        }
        // Of many calls at once one notes it, and the first of a day is also in the log.
        let day = |at: Timestamp| at.seconds().div_euclid(86_400);
        sqlx::query!(
            "WITH used AS (
                UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND last_used_at IS NOT DISTINCT FROM $3 RETURNING id
            )
            INSERT INTO audit_log (at, actor, action, subject) SELECT $2, $4, $5, id FROM used WHERE $6",
            id,
            to_db(now),
            last.map(to_db),
            owner,
            Action::KeyUsed.as_str(),
            last.is_none_or(|last| day(last) != day(now)),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A person's keys, newest first; at most 100.
    ///
    /// # Errors
    /// When the database does not answer or a row cannot be read.
    pub async fn list_api_keys(&self, user: &UserId) -> Result<Vec<ApiKey>> {
        sqlx::query_as!(
            ApiKeyRow,
            "SELECT id, name, prefix, created_at, last_used_at, scope, expires_at FROM api_keys WHERE user_id = $1
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
        let (key, secret) =
            store.create_api_key(&owner.id, &KeyName::parse("laptop").unwrap(), Scope::Admin, None).await.unwrap();
        assert!(secret.starts_with(&key.prefix) && secret.len() > 40);
        let viewer = store.authenticate_api_key(&secret).await.unwrap().unwrap().viewer;
        assert_eq!(viewer, Viewer { user_id: owner.id.clone(), role: Role::Owner });
        let eva = Viewer { user_id: eva.id, role: Role::Admin };
        assert!(!store.delete_api_key(&eva, &key.id).await.unwrap());
        assert!(store.delete_api_key(&viewer, &key.id).await.unwrap());
        assert_eq!(store.authenticate_api_key(&secret).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_key_gives_what_it_is_for_until_its_time() {
        let (_database, store, clock) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let name = KeyName::parse("k").unwrap();
        for (scope, role) in [(Scope::Read, Role::User), (Scope::Write, Role::User), (Scope::Admin, Role::Owner)] {
            let until = store.now().plus_millis(60_000);
            let (key, secret) = store.create_api_key(&owner, &name, scope, Some(until)).await.unwrap();
            let holder = KeyHolder { viewer: Viewer { user_id: owner.clone(), role }, scope };
            assert_eq!(store.authenticate_api_key(&secret).await.unwrap(), Some(holder.clone()));
            let chat = ChatId::parse("none").unwrap();
            assert_eq!(store.authenticate_api_key_for_chat(&secret, &chat).await.unwrap(), Some((holder, None)));
            assert_eq!(
                store.list_api_keys(&owner).await.unwrap()[0],
                ApiKey { last_used_at: Some(store.now()), ..key }
            );
            clock.advance(60_000);
            assert_eq!(store.authenticate_api_key(&secret).await.unwrap(), None, "past its time");
            assert_eq!(store.authenticate_api_key_for_chat(&secret, &chat).await.unwrap(), None);
        }
        let used = store.list_audit(Some(&owner), 0, 10).await.unwrap();
        assert_eq!(used.len(), 3, "each once a day");
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
        let (_, secret) =
            store.create_api_key(&owner, &KeyName::parse("k").unwrap(), Scope::Admin, None).await.unwrap();
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
        let (_, secret) =
            store.create_api_key(&owner, &KeyName::parse("k").unwrap(), Scope::Admin, None).await.unwrap();
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

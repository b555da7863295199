//! One-time links that sign somebody in. Only a hash of the token is kept.

use cjhirashi_domain::id::UserId;

use crate::{Result, Store, connect::to_db, secrets::hash, users::parse_user_id};

/// Longer texts are no tokens of ours and are not even hashed.
const LONGEST_TOKEN: usize = 128;

impl Store {
    /// A token that signs this person in once, within `ttl_ms` milliseconds.
    ///
    /// # Errors
    /// When the database does not answer, or the person is gone.
    pub async fn create_sign_in_link(&self, user: &UserId, ttl_ms: i64) -> Result<String> {
        let token = self.random_token();
        sqlx::query!(
            "INSERT INTO sign_in_links (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
            hash(token.as_bytes()).to_vec(),
            user.as_str(),
            to_db(self.now()),
            to_db(self.now().plus_millis(ttl_ms)),
        )
        .execute(&self.pool)
        .await?;
        Ok(token)
    }

    /// Uses a token up. `None` when it is unknown, too old, or was used; of two who try at once, one gets in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn redeem_sign_in_link(&self, token: &str) -> Result<Option<UserId>> {
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Ok(None);
        }
        sqlx::query_scalar!(
            "UPDATE sign_in_links l SET used_at = $2 FROM users u
             WHERE l.token_hash = $1 AND l.used_at IS NULL AND l.expires_at > $2
               AND u.id = l.user_id AND u.disabled_at IS NULL
             RETURNING l.user_id",
            hash(token.as_bytes()).to_vec(),
            to_db(self.now()),
        )
        .fetch_optional(&self.pool)
        .await?
        .map(|id: String| parse_user_id("sign_in_links", &id))
        .transpose()
    }

    /// Forgets links a day after their time; returns how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn delete_expired_sign_in_links(&self) -> Result<u64> {
        let before = to_db(self.now().plus_millis(-24 * 60 * 60 * 1000));
        let done = sqlx::query!("DELETE FROM sign_in_links WHERE expires_at < $1", before).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::migrated;

    #[tokio::test]
    async fn a_link_signs_in_once_even_when_two_try_at_once() {
        let (_database, store, _) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let token = store.create_sign_in_link(&owner, 60_000).await.unwrap();
        let (one, two) = tokio::join!(store.redeem_sign_in_link(&token), store.redeem_sign_in_link(&token));
        let mut outcomes = [one.unwrap(), two.unwrap()];
        outcomes.sort();
        assert_eq!(outcomes, [None, Some(owner)]);
    }

    #[tokio::test]
    async fn a_link_is_good_until_its_time_and_not_after_it() {
        let (_database, store, clock) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let token = store.create_sign_in_link(&owner, 60_000).await.unwrap();
        clock.advance(60_000);
        assert_eq!(store.redeem_sign_in_link(&token).await.unwrap(), None);
        assert_eq!(store.redeem_sign_in_link("").await.unwrap(), None);
        assert_eq!(store.redeem_sign_in_link(&"x".repeat(100_000)).await.unwrap(), None);
        assert_eq!(store.delete_expired_sign_in_links().await.unwrap(), 0);
        clock.advance(25 * 60 * 60 * 1000);
        assert_eq!(store.delete_expired_sign_in_links().await.unwrap(), 1);
    }
}

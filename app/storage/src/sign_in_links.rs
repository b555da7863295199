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
    pub async fn delete_expired_sign_in_links(&self) -> Result<u64> {
        let before = to_db(self.now().plus_millis(-24 * 60 * 60 * 1000));
        let done = sqlx::query!("DELETE FROM sign_in_links WHERE expires_at < $1", before).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }
}

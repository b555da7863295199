//! What an administrator chose for everybody: values by key, secrets among them sealed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{Result, StorageError, Store, connect::to_db};

/// Holds nothing, sealed: whoever can open it has the right secret.
const SECRET_CHECK: &str = "secret_check";

impl Store {
    /// The value of a key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn get_instance_setting(&self, key: &str) -> Result<Option<Value>> {
        Ok(sqlx::query_scalar!("SELECT value FROM instance_settings WHERE key = $1", key)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// Sets a key; `None` removes it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn set_instance_setting(&self, key: &str, value: Option<&Value>) -> Result<()> {
        match value {
            Some(value) => {
                sqlx::query!(
                    "INSERT INTO instance_settings (key, value, updated_at) VALUES ($1, $2, $3)
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
                    key,
                    value,
                    to_db(self.now())
                )
                .execute(&self.pool)
                .await?
            }
            None => sqlx::query!("DELETE FROM instance_settings WHERE key = $1", key).execute(&self.pool).await?,
        };
        Ok(())
    }

    /// A secret kept by [`Store::set_secret_setting`].
    ///
    /// # Errors
    /// [`StorageError::Unsealable`] when it was sealed with another `APP_SECRET`, or is no secret.
    pub async fn get_secret_setting(&self, key: &str) -> Result<Option<String>> {
        self.get_instance_setting(key).await?.map(|value| self.unsealed(key, &value)).transpose()
    }

    /// Keeps a secret, encrypted for this key alone; `None` removes it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn set_secret_setting(&self, key: &str, secret: Option<&str>) -> Result<()> {
        let value = secret.map(|secret| self.sealed(key, secret)).transpose()?;
        self.set_instance_setting(key, value.as_ref()).await
    }

    /// Whether this process has the secret that this database's secrets are sealed with. The first one to ask decides
    /// which that is, so callers hold the lock of migrations.
    pub(crate) async fn secret_fits(&self, connection: &mut PgConnection) -> Result<bool> {
        let kept = sqlx::query_scalar!("SELECT value FROM instance_settings WHERE key = $1", SECRET_CHECK)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(value) = kept {
            return Ok(self.unsealed(SECRET_CHECK, &value).is_ok());
        }
        sqlx::query!(
            "INSERT INTO instance_settings (key, value, updated_at) VALUES ($1, $2, $3)
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
            SECRET_CHECK,
            self.sealed(SECRET_CHECK, "")?,
            to_db(self.now())
        )
        .execute(connection)
        .await?;
        Ok(true)
    }

    /// Seals again, with the present secret, what only the one before opens; returns how many values.
    pub(crate) async fn reseal_settings(&self, connection: &mut PgConnection) -> Result<usize> {
        let rows = sqlx::query!("SELECT key, value FROM instance_settings WHERE value ? 'sealed'")
            .fetch_all(&mut *connection)
            .await?;
        let mut resealed = 0;
        for row in rows {
            let sealed = row.value.get("sealed").and_then(Value::as_str).unwrap_or_default();
            let sealed = STANDARD.decode(sealed).map_err(|_| StorageError::Unsealable)?;
            let Some(again) = self.sealer.reseal(&purpose(&row.key), &sealed, self.random_nonce())? else { continue };
            let value = json!({ "sealed": STANDARD.encode(again.0) });
            sqlx::query!("UPDATE instance_settings SET value = $2 WHERE key = $1", row.key, value)
                .execute(&mut *connection)
                .await?;
            resealed += 1;
        }
        Ok(resealed)
    }

    fn sealed(&self, key: &str, clear: &str) -> Result<Value> {
        let sealed = self.sealer.seal(&purpose(key), clear.as_bytes(), self.random_nonce())?;
        Ok(json!({ "sealed": STANDARD.encode(sealed.0) }))
    }

    fn unsealed(&self, key: &str, value: &Value) -> Result<String> {
        let sealed = value.get("sealed").and_then(Value::as_str).ok_or(StorageError::Unsealable)?;
        let sealed = STANDARD.decode(sealed).map_err(|_| StorageError::Unsealable)?;
        let clear = self.sealer.open(&purpose(key), &sealed)?;
        String::from_utf8(clear).map_err(|_| StorageError::Unsealable)
    }

    /// 24 random bytes for one sealing.
    pub(crate) fn random_nonce(&self) -> [u8; 24] {
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(&self.random().to_le_bytes());
        nonce[16..].copy_from_slice(&self.random().to_le_bytes()[..8]);
        nonce
    }

    /// A token nobody can guess: 256 random bits as 43 characters that need no escaping in an address.
    pub(crate) fn random_token(&self) -> String {
        let bytes = [self.random().to_le_bytes(), self.random().to_le_bytes()].concat();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn purpose(key: &str) -> String {
    format!("instance_settings:{key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::migrated;

    #[tokio::test]
    async fn a_secret_is_read_back_and_lies_in_the_database_encrypted() {
        let (_database, store, _) = migrated().await;
        store.set_secret_setting("provider", Some("sk-very-secret")).await.unwrap();
        assert_eq!(store.get_secret_setting("provider").await.unwrap().as_deref(), Some("sk-very-secret"));
        let stored = store.get_instance_setting("provider").await.unwrap().unwrap();
        assert!(!stored.to_string().contains("secret"), "{stored}");
        store.set_instance_setting("other", Some(&stored)).await.unwrap();
        assert!(matches!(store.get_secret_setting("other").await, Err(StorageError::Unsealable)));
        store.set_secret_setting("provider", None).await.unwrap();
        assert_eq!(store.get_secret_setting("provider").await.unwrap(), None);
    }
}

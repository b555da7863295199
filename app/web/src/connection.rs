//! The connection to a model server that an administrator entered: kept sealed, taken up again at start.

use cjhirashi_models::{Connection, ModelRegistry, Secret};
use cjhirashi_storage::{StorageError, Store};
use serde::{Deserialize, Serialize};

const KEY: &str = "model_connection";

#[derive(Serialize, Deserialize)]
struct Kept {
    base_url: String,
    api_key: Option<String>,
    model: Option<String>,
}

/// Keeps a connection, or forgets the one there is.
pub(crate) async fn keep(store: &Store, connection: Option<&Connection>) -> Result<(), StorageError> {
    let kept = connection.map(|connection| Kept {
        base_url: connection.base_url.clone(),
        api_key: connection.api_key.as_ref().map(|key| key.reveal().to_owned()),
        model: connection.model.clone(),
    });
    let text = kept.and_then(|kept| serde_json::to_string(&kept).ok());
    store.set_secret_setting(KEY, text.as_deref()).await
}

/// Takes up the connection that was kept, if any. To be called once at start, after the migrations.
///
/// # Errors
/// When the database does not answer. A connection that cannot be read any more, because `APP_SECRET` changed, is
/// logged and left out: the administrator can enter it again.
pub async fn restore_model_connection(store: &Store, models: &ModelRegistry) -> Result<(), StorageError> {
    let text = match store.get_secret_setting(KEY).await {
        Ok(text) => text,
        Err(StorageError::Unsealable) => {
            tracing::warn!("the connection to a model server cannot be opened; was APP_SECRET changed? Enter it again");
            None
        }
        Err(error) => return Err(error),
    };
    let kept: Option<Kept> = text.and_then(|text| serde_json::from_str(&text).ok());
    if let Some(kept) = kept {
        let connection =
            Connection { base_url: kept.base_url, api_key: kept.api_key.map(Secret::from), model: kept.model };
        if let Err(error) = models.reconfigure(Some(connection)) {
            tracing::warn!(error = %error, "the connection to a model server that was kept cannot be used");
        }
    }
    Ok(())
}

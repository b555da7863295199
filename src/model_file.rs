//! The file of the local embedding model, fetched behind a server that starts without it.

use std::{path::Path, time::Duration};

use cjhirashi_models::{EmbeddingChoice, ModelError, local};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// Waits between tries, the last one again and again; a machine may come up before its network.
const WAITS: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(600)];
/// The log tells this often how far it is.
const TOLD_EVERY: u64 = 10 * 1024 * 1024;

/// Starts to fetch the file when the instance embeds locally and it is missing. Until it is there documents wait in
/// their queue and search goes by words alone; nothing else is held up.
pub fn fetch_when_missing(config: &Config, shutdown: CancellationToken) {
    let folder = config.models.model_dir.clone();
    if config.models.embeddings != EmbeddingChoice::Local || local::is_present(&folder) {
        return;
    }
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = fetch(&folder) => {}
        }
    });
}

async fn fetch(folder: &Path) {
    tracing::info!(folder = %folder.display(), "the local embedding model is missing and is fetched (91 MB)");
    let mut waits = WAITS.into_iter().chain(std::iter::repeat(WAITS[WAITS.len() - 1]));
    loop {
        match once(folder).await {
            Ok(()) => {
                tracing::info!(folder = %folder.display(), "the local embedding model is there");
                return;
            }
            Err(error) => {
                let wait = waits.next().unwrap_or_default();
                tracing::warn!(
                    error = %error,
                    wait_s = wait.as_secs(),
                    "the local embedding model is not there yet; until then search goes by words alone"
                );
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn once(folder: &Path) -> Result<(), ModelError> {
    let mut told = 0;
    local::fetch(folder, |progress| {
        if progress.received >= told + TOLD_EVERY {
            told = progress.received;
            tracing::info!(bytes = progress.received, total = progress.total, "fetching the local embedding model");
        }
    })
    .await
    .map(|_| ())
}

//! Vector indexes and embedding models, opened as this process is configured.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use cjhirashi_domain::sync::{IndexKind, IndexName};
use cjhirashi_models::{Embedder, ModelError, ModelRegistry};
use cjhirashi_storage::{StorageError, Store};
use cjhirashi_sync::{IndexFactory, OpenIndex, wanted_index};
use cjhirashi_vectors::{
    EmbeddedIndex, EmbeddedOptions, IndexError, PgVectorIndex, PgVectorOptions, QdrantIndex, QdrantOptions,
    pinecone::PineconeIndex,
};

use parking_lot::Mutex;

use crate::config::{Config, QdrantConfig};

/// How long an index that was opened for a small write is kept for the next one.
const REUSED: Duration = Duration::from_secs(30);

/// Opens what the configuration names.
pub struct ConfiguredIndexes {
    config: Arc<Config>,
    models: ModelRegistry,
    /// The database of everything else, which pgvector may share.
    database_url: String,
    /// Where embedded indexes are kept; they are the servers' alone where there is none.
    folder: Option<PathBuf>,
    /// The one that was opened last for a small write, and when.
    reused: Mutex<Option<(IndexName, Instant, OpenIndex)>>,
}

impl std::fmt::Debug for ConfiguredIndexes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfiguredIndexes").finish_non_exhaustive()
    }
}

impl ConfiguredIndexes {
    /// Over a configuration.
    #[must_use]
    pub fn new(config: Arc<Config>, models: ModelRegistry, database_url: &str) -> Self {
        let folder = Some(config.index_dir());
        Self { config, models, database_url: database_url.to_owned(), folder, reused: Mutex::default() }
    }

    /// For a process that answers no questions: it keeps no embedded index.
    #[must_use]
    pub fn without_embedded(self) -> Self {
        Self { folder: None, ..self }
    }

    /// The index that the configuration asks for: Pinecone's with a key and the embedded one without, with the configured
    /// embedding model.
    #[must_use]
    pub fn configured(&self) -> IndexName {
        let kind = if self.config.pinecone.key.is_some() { IndexKind::Pinecone } else { IndexKind::Embedded };
        IndexName { kind, model: self.models.embedder().id().to_owned() }
    }

    /// The index that should answer: as somebody chose, else as the configuration asks for.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn wanted(&self, store: &Store) -> Result<IndexName, StorageError> {
        wanted_index(store, self.configured()).await
    }

    /// Each model has a folder of its own: one may be built while another answers.
    fn folder(&self, model: &str) -> Option<PathBuf> {
        let name: String = model.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        self.folder.as_ref().map(|folder| folder.join(name))
    }
}

fn not_configured(kind: IndexKind, variable: &str) -> IndexError {
    IndexError::Misconfigured { index: kind.as_str(), detail: format!("{variable} is not set on this server") }
}

#[async_trait]
impl IndexFactory for ConfiguredIndexes {
    async fn open_index(&self, name: &IndexName) -> Result<OpenIndex, IndexError> {
        let dimension = name.dimension();
        match name.kind {
            IndexKind::Embedded => {
                let Some(folder) = self.folder(&name.model) else {
                    return Ok(OpenIndex::elsewhere(name));
                };
                let options = EmbeddedOptions { folder, model: name.model.clone(), dimension };
                let (index, opened) = EmbeddedIndex::open(options).await?;
                if let Some(reason) = &opened.rebuilding {
                    tracing::warn!(reason, "the vector index is built again from the database");
                }
                Ok(OpenIndex::Embedded(Arc::new(index)))
            }
            IndexKind::Pgvector => {
                let url = self.config.pgvector_url.as_deref().unwrap_or(&self.database_url);
                let options = PgVectorOptions::new(url, &name.model, dimension);
                Ok(OpenIndex::Remote(Arc::new(PgVectorIndex::open(options).await?)))
            }
            IndexKind::Qdrant => {
                let QdrantConfig { url, api_key, collection } = &self.config.qdrant;
                let url = url.clone().ok_or_else(|| not_configured(name.kind, "QDRANT_URL"))?;
                let options = QdrantOptions {
                    url,
                    api_key: api_key.clone(),
                    collection: collection.clone(),
                    model: name.model.clone(),
                    dimension,
                };
                Ok(OpenIndex::Remote(Arc::new(QdrantIndex::open(options).await?)))
            }
            IndexKind::Pinecone => {
                let options = self.config.pinecone.options(&name.model, dimension).map_err(|error| {
                    IndexError::Misconfigured { index: name.kind.as_str(), detail: error.to_string() }
                })?;
                Ok(OpenIndex::Remote(Arc::new(PineconeIndex::new(options)?)))
            }
        }
    }

    async fn reopen_index(&self, name: &IndexName) -> Result<OpenIndex, IndexError> {
        let opened = self
            .reused
            .lock()
            .as_ref()
            .and_then(|(opened, at, index)| (opened == name && at.elapsed() < REUSED).then(|| index.clone()));
        if let Some(index) = opened {
            return Ok(index);
        }
        let index = self.open_index(name).await?;
        *self.reused.lock() = Some((name.clone(), Instant::now(), index.clone()));
        Ok(index)
    }

    fn embedder(&self, model: &str) -> Result<Arc<dyn Embedder>, ModelError> {
        self.models.embedder_of(model)
    }

    fn kinds(&self) -> Vec<IndexKind> {
        let configured = |kind: &IndexKind| match kind {
            IndexKind::Embedded | IndexKind::Pgvector => true,
            IndexKind::Pinecone => self.config.pinecone.key.is_some(),
            IndexKind::Qdrant => self.config.qdrant.url.is_some(),
        };
        IndexKind::ALL.into_iter().filter(configured).collect()
    }

    fn shares_database(&self) -> bool {
        self.config.pgvector_url.as_ref().is_none_or(|url| *url == self.database_url)
    }

    fn model(&self) -> String {
        self.models.embedder().id().to_owned()
    }
}

//! Vector indexes and embedding models, opened as this process is configured.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use cjhirashi_domain::sync::{IndexKind, IndexName};
use cjhirashi_models::{Embedder, ModelError, ModelRegistry};
use cjhirashi_storage::{StorageError, Store};
use cjhirashi_sync::{Makers, OpenIndex, wanted_kind};
use cjhirashi_vectors::{EmbeddedIndex, EmbeddedOptions, IndexError};

use crate::config::Config;

/// Which kind of index somebody chose by a re-index; absent: as the configuration says.
const CHOSEN_KIND: &str = "vector_index";

/// Opens what the configuration names.
pub struct IndexMakers {
    config: Arc<Config>,
    models: ModelRegistry,
}

impl std::fmt::Debug for IndexMakers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexMakers").finish_non_exhaustive()
    }
}

impl IndexMakers {
    /// Over a configuration.
    #[must_use]
    pub fn new(config: Arc<Config>, models: ModelRegistry) -> Self {
        Self { config, models }
    }

    /// The index that should answer: of the kind that somebody chose or that the configuration asks for, with the
    /// configured embedding model.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn wanted(&self, store: &Store) -> Result<IndexName, StorageError> {
        let chosen = store.get_instance_setting(CHOSEN_KIND).await?;
        let chosen = chosen.as_ref().and_then(|kind| IndexKind::parse(kind.as_str()?));
        let kind = wanted_kind(chosen, false);
        Ok(IndexName { kind, model: self.models.embedder().id().to_owned() })
    }

    /// Remembers that somebody chose a kind, whatever the configuration says later.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn choose(&self, store: &Store, kind: IndexKind) -> Result<(), StorageError> {
        store.set_instance_setting(CHOSEN_KIND, Some(&kind.as_str().into())).await
    }

    /// Each model has a folder of its own: one may be built while another answers.
    fn folder(&self, model: &str) -> PathBuf {
        let name: String = model.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        self.config.index_dir().join(name)
    }
}

#[async_trait]
impl Makers for IndexMakers {
    async fn open_index(&self, name: &IndexName, dimension: usize) -> Result<OpenIndex, IndexError> {
        match name.kind {
            IndexKind::Embedded => {
                let options =
                    EmbeddedOptions { folder: self.folder(&name.model), model: name.model.clone(), dimension };
                let (index, opened) = EmbeddedIndex::open(options).await?;
                if let Some(reason) = &opened.rebuilding {
                    tracing::warn!(reason, "the vector index is built again from the database");
                }
                Ok(OpenIndex::Embedded(Arc::new(index)))
            }
            kind => Err(IndexError::Refused {
                index: kind.as_str(),
                detail: "this server is not configured for it".to_owned(),
            }),
        }
    }

    fn embedder(&self, model: &str) -> Result<Arc<dyn Embedder>, ModelError> {
        self.models.embedder_of(model)
    }
}

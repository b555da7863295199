//! What administrators see of the two databases, and what they may command.

use std::{sync::Arc, time::Duration};

use cjhirashi_domain::{
    Viewer,
    document::{self, DocumentStatus},
    sync::{IndexKind, IndexName, IndexRow, IndexState, Reconciliation},
};
use cjhirashi_retrieval::EngineCell;
use cjhirashi_storage::{DeadJob, JobKind, JobsOfKind, StorageError, Store};
use cjhirashi_vectors::{IndexError, IndexStats};

use crate::{DocumentError, IndexFactory, choose_index};

/// Jobs that were given up, and comparisons, that are shown.
const SHOWN: i64 = 50;
const COMPARISONS: i64 = 10;

/// How long somebody who looks waits for the index.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// How long emptying an index may take.
const CLEARED_WITHIN: Duration = Duration::from_secs(60);
/// How long nobody builds an index that somebody is emptying: longer than a request that was given up may still arrive.
const CLEARING: Duration = Duration::from_secs(90);

/// How everything stands.
#[derive(Debug, Clone)]
pub struct SyncOverview {
    /// The indexes that are known: the one that answers, one that is being built, those that answered before.
    pub indexes: Vec<IndexRow>,
    /// What the index holds that answers in this process, or why it does not answer.
    pub held: Result<IndexStats, String>,
    /// Why the building of an index is at rest, where it is.
    pub building_waits_for: Option<document::DocumentError>,
    /// Kinds that could be switched to.
    pub kinds: Vec<IndexKind>,
    /// The embedding model that the configuration names.
    pub model: String,
    /// Jobs by kind; kinds without any are left out.
    pub jobs: Vec<JobsOfKind>,
    /// Documents of everybody by status.
    pub documents: Vec<(DocumentStatus, i64)>,
    /// Documents of the ADR's application whose text is still in its index alone.
    pub to_adopt: i64,
    /// Jobs that were given up, the last first; at most 50.
    pub dead: Vec<DeadJob>,
    /// The last comparisons of both databases, the last first; at most 10.
    pub comparisons: Vec<Reconciliation>,
}

impl SyncOverview {
    /// Whether it will look different soon by itself.
    #[must_use]
    pub fn moves(&self) -> bool {
        self.indexes.iter().any(|row| row.state == IndexState::Building)
            || self.jobs.iter().any(|jobs| jobs.waiting + jobs.running > 0)
    }
}

/// For administrators; everybody else is refused. Cheap to clone.
#[derive(Clone)]
pub struct SyncService {
    store: Store,
    engine: EngineCell,
    factory: Arc<dyn IndexFactory>,
}

impl std::fmt::Debug for SyncService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncService").finish_non_exhaustive()
    }
}

fn admin(viewer: &Viewer) -> Result<(), DocumentError> {
    if viewer.is_admin() { Ok(()) } else { Err(DocumentError::Forbidden) }
}

/// The kinds of index that can be built from here.
async fn kinds(store: &Store, factory: &dyn IndexFactory) -> Result<Vec<IndexKind>, StorageError> {
    let mut kinds = factory.kinds();
    if kinds.contains(&IndexKind::Pgvector) && factory.shares_database() && !store.has_pgvector().await? {
        kinds.retain(|kind| *kind != IndexKind::Pgvector);
    }
    Ok(kinds)
}

/// Asks for an index to be built beside the one that answers, if this process is configured for it.
///
/// # Errors
/// [`DocumentError::IndexNotConfigured`] when it is not, [`DocumentError::IndexBusy`], [`DocumentError::Storage`].
pub async fn build_index(store: &Store, factory: &dyn IndexFactory, index: &IndexName) -> Result<(), DocumentError> {
    if !kinds(store, factory).await?.contains(&index.kind) {
        let way_out = match index.kind {
            IndexKind::Pgvector => "the database has no extension vector; install pgvector there, or set PGVECTOR_URL",
            _ => "its variables are in the README",
        };
        return Err(DocumentError::IndexNotConfigured(format!("{}: {way_out}", index.kind)));
    }
    if let Err(error) = factory.embedder(&index.model) {
        return Err(DocumentError::IndexNotConfigured(format!("{}: {error}", index.model)));
    }
    if !store.build_index(index).await? {
        return Err(DocumentError::IndexBusy);
    }
    tracing::info!(%index, "an index was asked to be built");
    Ok(())
}

impl SyncService {
    /// Over the store, what answers in this process, and what opens indexes.
    #[must_use]
    pub const fn new(store: Store, engine: EngineCell, factory: Arc<dyn IndexFactory>) -> Self {
        Self { store, engine, factory }
    }

    /// How everything stands, in seven queries and one call to the index.
    ///
    /// # Errors
    /// [`DocumentError::Forbidden`], [`DocumentError::Storage`].
    pub async fn overview(&self, viewer: &Viewer) -> Result<SyncOverview, DocumentError> {
        admin(viewer)?;
        let (held, indexes, building_waits_for, kinds, jobs, (documents, to_adopt), dead, comparisons) = futures::try_join!(
            async { Ok(self.held().await) },
            self.store.list_indexes(),
            self.store.waits_for(JobKind::Reindex),
            kinds(&self.store, self.factory.as_ref()),
            self.store.count_jobs_by_kind(),
            self.store.count_documents_by_status(),
            self.store.list_dead_jobs(Some(viewer), SHOWN),
            self.store.list_reconciliations(COMPARISONS),
        )?;
        let model = self.factory.model();
        Ok(SyncOverview {
            indexes,
            held,
            building_waits_for,
            kinds,
            model,
            jobs,
            documents,
            to_adopt,
            dead,
            comparisons,
        })
    }

    async fn held(&self) -> Result<IndexStats, String> {
        let engine = self.engine.current();
        let asked = async {
            match engine.index.stats().await {
                // One that was made anew is found by the second call.
                Err(error) if error.is_transient() => engine.index.stats().await,
                stats => stats,
            }
        };
        match tokio::time::timeout(ANSWERS_WITHIN, asked).await {
            Ok(stats) => stats.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", ANSWERS_WITHIN.as_secs())),
        }
    }

    /// Asks for a comparison of both databases with repair, now.
    ///
    /// # Errors
    /// [`DocumentError::Forbidden`], [`DocumentError::Storage`].
    pub async fn compare(&self, viewer: &Viewer) -> Result<(), DocumentError> {
        admin(viewer)?;
        Ok(self.store.ask_for(JobKind::Reconcile).await?)
    }

    /// Starts a job again that was given up.
    ///
    /// # Errors
    /// [`DocumentError::Forbidden`], [`DocumentError::NotFound`], [`DocumentError::Storage`].
    pub async fn replay(&self, viewer: &Viewer, job: i64) -> Result<(), DocumentError> {
        admin(viewer)?;
        if self.store.replay_dead_job(job).await? { Ok(()) } else { Err(DocumentError::NotFound) }
    }

    /// Starts every job again that was given up; how many.
    ///
    /// # Errors
    /// [`DocumentError::Forbidden`], [`DocumentError::Storage`].
    pub async fn replay_all(&self, viewer: &Viewer) -> Result<i64, DocumentError> {
        admin(viewer)?;
        Ok(self.store.revive_dead_jobs().await?)
    }

    /// Tries everybody's failed documents again; how many.
    ///
    /// # Errors
    /// [`DocumentError::Forbidden`], [`DocumentError::Storage`].
    pub async fn retry_failed(&self, viewer: &Viewer) -> Result<u64, DocumentError> {
        admin(viewer)?;
        Ok(self.store.retry_all_documents(viewer, true).await?)
    }

    /// Asks for an index to be built beside the one that answers, and to take over when it is complete.
    ///
    /// # Errors
    /// [`DocumentError::Forbidden`]; [`DocumentError::Index`] when this server is not configured for it;
    /// [`DocumentError::IndexBusy`]; [`DocumentError::Storage`].
    pub async fn build(&self, viewer: &Viewer, index: &IndexName) -> Result<(), DocumentError> {
        admin(viewer)?;
        build_index(&self.store, self.factory.as_ref(), index).await?;
        Ok(choose_index(&self.store, index, &self.factory.model()).await?)
    }

    /// Ends the building of an index; the one that answers goes on.
    ///
    /// # Errors
    /// [`DocumentError::Forbidden`], [`DocumentError::NotFound`] when none is being built, [`DocumentError::Storage`].
    pub async fn stop_building(&self, viewer: &Viewer) -> Result<(), DocumentError> {
        admin(viewer)?;
        if !self.store.stop_building().await? {
            return Err(DocumentError::NotFound);
        }
        // Or the next start would build it again.
        let active = self.store.list_indexes().await?.into_iter().find(|row| row.state == IndexState::Active);
        match active {
            Some(active) => Ok(choose_index(&self.store, &active.name, &self.factory.model()).await?),
            None => Ok(()),
        }
    }

    /// Empties and removes an index that answered before, with what no other one needs; without emptying it where it
    /// cannot be reached and somebody wants it `anyway`. What it holds is never shown, since every passage is read from
    /// PostgreSQL; but it lies there until it is removed at its service.
    ///
    /// # Errors
    /// [`DocumentError::Forbidden`]; [`DocumentError::NotFound`] when there is no such one, or it is in use or being removed;
    /// [`DocumentError::Index`] when it could not be emptied; [`DocumentError::Storage`].
    pub async fn forget(&self, viewer: &Viewer, index: &IndexName, anyway: bool) -> Result<(), DocumentError> {
        admin(viewer)?;
        // Taken first: whoever asks for it meanwhile, or after a death here, builds it anew, and not before it is empty.
        if !self.store.take_to_forget(index, CLEARING).await? {
            return Err(DocumentError::NotFound);
        }
        if let Err(error) = self.clear(index).await {
            tracing::warn!(%index, %error, anyway, "an index that is no longer used could not be emptied");
            if !anyway {
                self.store.give_up_forgetting(index).await?;
                return Err(DocumentError::Index(error));
            }
        }
        Ok(self.store.forget_index(index).await?)
    }

    async fn clear(&self, index: &IndexName) -> Result<(), IndexError> {
        let cleared = async { self.factory.open_index(index).await?.index().clear().await };
        tokio::time::timeout(CLEARED_WITHIN, cleared).await.unwrap_or_else(|_| {
            let detail = format!("it was not emptied within {} s", CLEARED_WITHIN.as_secs());
            Err(IndexError::Unavailable { index: index.kind.as_str(), detail, retry_after: None })
        })
    }
}

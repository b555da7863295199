//! Pinecone as a [`VectorIndex`].

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use cjhirashi_domain::id::DocumentId;
use cjhirashi_outbound::Secret;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::{sync::Mutex, time::timeout};

use super::{
    Host, IndexName, Namespace, PineconeControl, PineconeData, PineconeError,
    batch::{BatchLimits, Batches, Outgoing},
    client::Client,
    control::compare,
    listing::Listing,
    metadata,
    wire::QueryBody,
};
use crate::{
    Answer, ChunkKey, Consistency, IndexError, IndexQuery, IndexStats, Match, VectorIndex, VectorRecord, Written,
    index::check_vector, retry::Patience,
};

/// Upserts under way at once: enough to fill a connection while the service works, and 8 MB of memory.
const PARALLEL: usize = 4;

/// Which index, and whose vectors it holds.
#[derive(Debug, Clone)]
pub struct PineconeOptions {
    /// A key of the project.
    pub key: Secret,
    /// The index.
    pub index: IndexName,
    /// The part of it that is used; nothing else is touched.
    pub namespace: Namespace,
    /// The control plane, which tells where the index is.
    pub control: Host,
    /// Where the index is, when the control plane is not to be asked.
    pub host: Option<Host>,
    /// The embedding model, `provider:model@dimension`.
    pub model: String,
    /// Numbers per vector.
    pub dimension: usize,
}

/// Where an index is, and what it holds.
struct Located {
    /// The index, or its address.
    name: String,
    host: Host,
    dimension: Option<usize>,
    metric: Option<String>,
}

/// See the module.
///
/// Nothing is called before it is used. The first call finds out where the index is and compares its dimension and metric
/// with the model's; a mismatch is refused by every call until somebody mends it. What was found is kept until a call
/// finds nobody there: then it is asked for again, so that an index which is deleted and made anew is found.
#[derive(Debug)]
pub struct PineconeIndex {
    options: PineconeOptions,
    client: Arc<Client>,
    control: PineconeControl,
    found: Mutex<Option<Host>>,
    listing: Listing,
}

impl PineconeIndex {
    /// The index that the options name; nothing is called yet.
    ///
    /// # Errors
    /// [`PineconeError::Setting`] for a key that cannot be sent.
    pub fn new(options: PineconeOptions) -> Result<Self, PineconeError> {
        let client = Arc::new(Client::new(options.key.clone())?);
        let control = PineconeControl::with_client(Arc::clone(&client), options.control.clone());
        Ok(Self { options, client, control, found: Mutex::default(), listing: Listing::default() })
    }

    /// The control plane, with the same key.
    #[must_use]
    pub const fn control(&self) -> &PineconeControl {
        &self.control
    }

    /// Read units since the start, as the answers told.
    #[must_use]
    pub fn read_units(&self) -> u64 {
        self.client.read_units()
    }

    /// The namespace's data, once the index is found and fits the embedding model.
    ///
    /// # Errors
    /// [`PineconeError::NoIndex`], [`PineconeError::Mismatch`], and what a call may meet.
    pub async fn data(&self) -> Result<PineconeData, PineconeError> {
        // Held while asking: many calls at a start ask once.
        let mut found = self.found.lock().await;
        let host = match &*found {
            Some(host) => host.clone(),
            None => found.insert(self.find().await?).clone(),
        };
        Ok(self.data_at(host))
    }

    fn data_at(&self, host: Host) -> PineconeData {
        PineconeData::new(Arc::clone(&self.client), host, self.options.namespace.clone())
    }

    /// The namespace's data, whichever model made its vectors, and how many numbers each has, where that is told: to take
    /// over what another application wrote. Nothing of it is kept, so each call finds the index anew.
    ///
    /// # Errors
    /// [`PineconeError::NoIndex`], and what a call may meet.
    pub async fn data_of_any_model(&self) -> Result<(PineconeData, Option<usize>), PineconeError> {
        let found = self.locate().await?;
        Ok((self.data_at(found.host), found.dimension))
    }

    async fn find(&self) -> Result<Host, PineconeError> {
        let Located { name, host, dimension, metric } = self.locate().await?;
        compare(&name, dimension, metric.as_deref(), &self.options.model, self.options.dimension)?;
        Ok(host)
    }

    async fn locate(&self) -> Result<Located, PineconeError> {
        let options = &self.options;
        if let Some(host) = &options.host {
            let counts = self.data_at(host.clone()).counts().await?;
            let (name, host) = (host.to_string(), host.clone());
            return Ok(Located { name, host, dimension: counts.dimension, metric: counts.metric });
        }
        let Some(index) = self.control.describe(&options.index).await? else {
            return Err(PineconeError::NoIndex { index: options.index.to_string() });
        };
        let host = Host::parse(&index.host)
            .map_err(|error| PineconeError::Unexpected { detail: format!("the index's address {error}") })?;
        // An index of another kind tells no dimension.
        let dimension = Some(index.dimension.unwrap_or(0));
        Ok(Located { name: options.index.to_string(), host, dimension, metric: index.metric })
    }

    /// Passes a result on. Where nobody was there, the index is looked for again: now, when its address knows nothing of
    /// it, so that the error says whether it is gone or was made anew elsewhere; otherwise by the next call.
    async fn seen<T>(&self, result: Result<T, PineconeError>) -> Result<T, IndexError> {
        match &result {
            Err(PineconeError::NotFound { .. }) => {
                *self.found.lock().await = None;
                self.data().await?;
                return Err(IndexError::Unavailable {
                    index: self.name(),
                    detail: "the index was made anew; the next call finds it".to_owned(),
                    retry_after: None,
                });
            }
            Err(PineconeError::Unreachable { .. }) => *self.found.lock().await = None,
            _ => {}
        }
        Ok(result?)
    }

    async fn send(&self, vectors: Vec<Outgoing>) -> Result<Written, PineconeError> {
        let data = self.data().await?;
        let batches = Batches::new(&self.options.namespace, vectors.into_iter(), BatchLimits::PINECONE);
        stream::iter(batches)
            .map(|body| async { data.upsert(body?).await })
            .buffer_unordered(PARALLEL)
            .try_fold(Written::NOTHING, |all, written| async move { Ok(all.and(written)) })
            .await
    }

    async fn find_nearest(&self, query: &IndexQuery, filter: &serde_json::Value) -> Result<Answer, PineconeError> {
        let body = QueryBody {
            namespace: self.options.namespace.as_str(),
            vector: &query.vector,
            top_k: query.top_k.clamp(1, 10_000),
            filter,
            include_metadata: false,
            include_values: false,
        };
        let (found, position) = self.data().await?.query(&body).await?;
        let matches = found.into_iter().filter_map(|found| match found.id.parse() {
            Ok(key) => Some(Match { key, score: found.score.clamp(-1.0, 1.0) }),
            Err(error) => {
                tracing::debug!(vector.id = %found.id, %error, "A vector in the index is not ours.");
                None
            }
        });
        Ok(Answer { matches: matches.collect(), position })
    }

    /// Removes the namespace, and by their names what a server goes on listing that has no namespaces to remove.
    async fn empty(&self) -> Result<(), PineconeError> {
        let data = self.data().await?;
        data.delete_namespace(&self.options.namespace).await?;
        let (mut names, mut token) = (Vec::new(), None::<String>);
        loop {
            match data.list("", token.as_deref()).await {
                Ok(page) => {
                    names.extend(page.ids);
                    token = page.next;
                }
                Err(PineconeError::NotFound { .. }) => token = None,
                Err(error) => return Err(error),
            }
            if token.is_none() {
                break;
            }
        }
        data.delete(&names).await?;
        Ok(())
    }

    async fn remove(&self, document: &DocumentId, keep_version: Option<i32>) -> Result<Written, PineconeError> {
        let data = self.data().await?;
        let prefix = format!("{document}#");
        let keep = keep_version.map(|version| format!("{prefix}{version}#"));
        let mut names = Vec::new();
        let mut token: Option<String> = None;
        // To the end first: who deletes while listing may lose the thread.
        loop {
            let page = data.list(&prefix, token.as_deref()).await?;
            names.extend(page.ids.into_iter().filter(|id| keep.as_ref().is_none_or(|keep| !id.starts_with(keep))));
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        data.delete(&names).await
    }
}

/// Checks a chunk and makes it ready to be sent.
fn outgoing(record: VectorRecord, dimension: usize) -> Result<Outgoing, IndexError> {
    check_vector(&record.values, dimension, || record.key.to_string())?;
    let metadata = metadata::of(&record)?;
    Ok(Outgoing { id: record.key.to_string(), values: record.values, metadata })
}

#[async_trait]
impl VectorIndex for PineconeIndex {
    fn name(&self) -> &'static str {
        "pinecone"
    }

    fn model(&self) -> &str {
        &self.options.model
    }

    fn dimension(&self) -> usize {
        self.options.dimension
    }

    fn consistency(&self) -> Consistency {
        Consistency::Eventual
    }

    fn keeps_text(&self) -> bool {
        true
    }

    /// All are checked before the first is sent. Of chunks with the same key the last counts, as if they came one by one.
    async fn upsert(&self, records: Vec<VectorRecord>) -> Result<Written, IndexError> {
        let mut places = HashMap::with_capacity(records.len());
        let mut vectors: Vec<Outgoing> = Vec::with_capacity(records.len());
        for record in records {
            let vector = outgoing(record, self.options.dimension)?;
            match places.get(&vector.id) {
                Some(&place) => vectors[place] = vector,
                None => {
                    places.insert(vector.id.clone(), vectors.len());
                    vectors.push(vector);
                }
            }
        }
        if vectors.is_empty() {
            return Ok(Written::NOTHING);
        }
        self.seen(self.send(vectors).await).await
    }

    async fn delete(&self, keys: &[ChunkKey]) -> Result<Written, IndexError> {
        if keys.is_empty() {
            return Ok(Written::NOTHING);
        }
        let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let deleted = async { self.data().await?.delete(&names).await };
        self.seen(deleted.await).await
    }

    /// Finds them by listing, which may not show what was written within the last seconds: who knows the keys of such
    /// chunks deletes them by [`delete`](VectorIndex::delete) too.
    async fn delete_document(&self, document: &DocumentId, keep_version: Option<i32>) -> Result<Written, IndexError> {
        self.seen(self.remove(document, keep_version).await).await
    }

    async fn query(&self, query: IndexQuery) -> Result<Answer, IndexError> {
        check_vector(&query.vector, self.options.dimension, || "query".to_owned())?;
        if query.filter.documents.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Answer::default());
        }
        let filter = metadata::filter(&query.filter)?;
        // Somebody waits: to find the index first, or to wait for a call that does, counts too.
        let limit = Patience::ASKED.limit;
        let found = timeout(limit, self.find_nearest(&query, &filter)).await.unwrap_or_else(|_| {
            Err(PineconeError::Unreachable { detail: format!("no answer within {:.1} s", limit.as_secs_f64()) })
        });
        self.seen(found).await
    }

    async fn list(
        &self,
        document: Option<&DocumentId>,
        after: Option<&ChunkKey>,
        limit: usize,
    ) -> Result<Vec<ChunkKey>, IndexError> {
        let prefix = document.map(|document| format!("{document}#")).unwrap_or_default();
        let listed = async { self.listing.list(&self.data().await?, &prefix, after, limit).await };
        self.seen(listed.await).await
    }

    async fn clear(&self) -> Result<(), IndexError> {
        match self.empty().await {
            // The whole index is gone, and its vectors with it.
            Err(PineconeError::NoIndex { .. }) => Ok(()),
            cleared => self.seen(cleared).await,
        }
    }

    async fn stats(&self) -> Result<IndexStats, IndexError> {
        let counted = async { self.data().await?.counts().await };
        let counts = self.seen(counted.await).await?;
        let vectors = counts.namespaces.get(self.options.namespace.as_str()).copied().unwrap_or(0);
        Ok(IndexStats { vectors, memory_bytes: 0, loading: false })
    }
}

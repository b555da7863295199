//! The index for those who run Qdrant: one collection per model, over its REST API (version 1.12 or newer).
//!
//! A point is named by a UUID, so a chunk's is made of its key (version 5, hence always the same), and the key itself
//! lies in the payload. Writes wait until they are applied (`wait=true`), so on one node a query sees them; where the
//! collection has replicas, one that lags may answer.

mod collection;
mod list;
mod point;
mod wire;

use async_trait::async_trait;
use bytes::Bytes;
use cjhirashi_domain::id::DocumentId;
use cjhirashi_outbound::Secret;
use reqwest::{Method, StatusCode, header::HeaderName};
use serde::{Serialize, de::DeserializeOwned};

use self::wire::{Condition, Count, Filter, Points, Query, Reply, Selection, Update};
use crate::{
    Answer, ChunkKey, Consistency, IndexError, IndexQuery, IndexStats, Match, VectorIndex, VectorRecord, Written,
    http::{Call, Remote},
    retry::Patience,
    vector::unit,
};

/// The name in logs, metrics and errors.
const NAME: &str = "qdrant";

const KEY_HEADER: HeaderName = HeaderName::from_static("api-key");

/// Names per delete or look-up.
const NAMES_AT_ONCE: usize = 1_000;

/// Where the index lives and whose vectors it holds.
#[derive(Debug, Clone)]
pub struct QdrantOptions {
    /// Qdrant's address with scheme and, behind a proxy, path: `http://127.0.0.1:6333`.
    pub url: String,
    /// Sent as `api-key`.
    pub api_key: Option<Secret>,
    /// What the collection's name begins with: 1 to 100 letters, digits, `-` or `_`.
    pub collection: String,
    /// The embedding model, `provider:model@dimension`.
    pub model: String,
    /// Numbers per vector.
    pub dimension: usize,
}

impl QdrantOptions {
    /// Without a key, with the collections' usual prefix.
    #[must_use]
    pub fn new(url: impl Into<String>, model: impl Into<String>, dimension: usize) -> Self {
        Self { url: url.into(), api_key: None, collection: "cjhirashi".to_owned(), model: model.into(), dimension }
    }
}

/// See the module.
pub struct QdrantIndex {
    remote: Remote,
    collection: String,
    model: String,
    dimension: usize,
    consistency: Consistency,
}

impl std::fmt::Debug for QdrantIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QdrantIndex").field("collection", &self.collection).finish_non_exhaustive()
    }
}

impl QdrantIndex {
    /// Finds the collection, or makes it and its payload indexes.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`] when nobody answers; [`IndexError::Refused`], with the way out, when the key is wrong
    /// or the collection is of another dimension or distance.
    pub async fn open(options: QdrantOptions) -> Result<Self, IndexError> {
        if options.dimension == 0 {
            return Err(IndexError::Dimension { expected: 1, actual: 0 });
        }
        let mut remote = Remote::new(NAME, "QDRANT_URL", &options.url)?;
        if let Some(key) = options.api_key {
            remote = remote.with_key("QDRANT_API_KEY", KEY_HEADER, key)?;
        }
        let collection = collection::name(&options.collection, &options.model)?;
        let mut index = Self {
            remote,
            collection,
            model: options.model,
            dimension: options.dimension,
            consistency: Consistency::Immediate,
        };
        index.consistency = index.ensure_collection().await?;
        Ok(index)
    }

    /// The collection's name.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// Those of the chunks that the index holds, in the order of the question.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn existing(&self, keys: &[ChunkKey]) -> Result<Vec<ChunkKey>, IndexError> {
        let mut found = Vec::new();
        for keys in keys.chunks(NAMES_AT_ONCE) {
            let ids: Vec<_> = keys.iter().map(point::id).collect();
            let body = wire::Get { ids: &ids, with_payload: false, with_vector: false };
            let held: Vec<wire::Record> = self.read(Method::POST, "/points", Some(&body)).await?;
            let held: std::collections::HashSet<_> = held.into_iter().map(|record| record.id).collect();
            found.extend(keys.iter().zip(&ids).filter(|(_, id)| held.contains(*id)).map(|(key, _)| key.clone()));
        }
        Ok(found)
    }

    async fn read<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, IndexError> {
        let body = body.map(|body| self.json(body)).transpose()?;
        self.send(method, path, body, Patience::JOB).await
    }

    /// Deletes points; those that are not there are deleted.
    async fn remove(&self, selection: &Selection<'_>) -> Result<(), IndexError> {
        let body = self.json(selection)?;
        let _: Update = self.send(Method::POST, "/points/delete?wait=true", Some(body), Patience::JOB).await?;
        Ok(())
    }

    fn json(&self, body: &impl Serialize) -> Result<Bytes, IndexError> {
        serde_json::to_vec(body).map(Bytes::from).map_err(|error| self.remote.refused(error.to_string()))
    }

    /// Calls something of the collection and takes the answer out of its envelope.
    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        patience: Patience,
    ) -> Result<T, IndexError> {
        let path = format!("/collections/{}{path}", self.collection);
        let reply = self.remote.call(&Call { method, path: &path, body, patience }).await?;
        if reply.status.is_success() {
            return Ok(self.remote.parse::<Reply<T>>(&reply)?.result);
        }
        Err(self.refusal(reply.status, &reply.body))
    }

    /// What a refusal means, in words.
    fn refusal(&self, status: StatusCode, body: &[u8]) -> IndexError {
        let failure = serde_json::from_slice::<wire::Failure>(body);
        let said = self.remote.words(failure.as_ref().map_or(body, |failure| failure.status.error.as_bytes()));
        let collection = &self.collection;
        let detail = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                format!("{said}: QDRANT_API_KEY is missing, wrong, or may not write to the collection {collection}")
            }
            StatusCode::NOT_FOUND => format!(
                "{said}: the collection {collection} was removed while it runs; restart, which makes it anew, and fill it \
                 with `cjhirashi reconcile`"
            ),
            _ => return self.remote.refused(format!("{status}: {said}")),
        };
        IndexError::Misconfigured { index: NAME, detail }
    }
}

#[async_trait]
impl VectorIndex for QdrantIndex {
    fn name(&self) -> &'static str {
        NAME
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn consistency(&self) -> Consistency {
        self.consistency
    }

    async fn upsert(&self, records: Vec<VectorRecord>) -> Result<Written, IndexError> {
        for body in point::batches(&records, self.dimension)? {
            let _: Update = self.send(Method::PUT, "/points?wait=true", Some(body), Patience::JOB).await?;
        }
        Ok(Written::default())
    }

    async fn delete(&self, keys: &[ChunkKey]) -> Result<Written, IndexError> {
        for keys in keys.chunks(NAMES_AT_ONCE) {
            let points = keys.iter().map(point::id).collect();
            self.remove(&Selection::Points { points }).await?;
        }
        Ok(Written::default())
    }

    async fn delete_document(&self, document: &DocumentId, keep_version: Option<i32>) -> Result<Written, IndexError> {
        let filter = Filter {
            must: vec![Condition::is(point::DOCUMENT, document.as_str())],
            must_not: keep_version.map(|version| Condition::is(point::VERSION, version)).into_iter().collect(),
            ..Filter::default()
        };
        self.remove(&Selection::Filter { filter }).await?;
        Ok(Written::default())
    }

    async fn query(&self, query: IndexQuery) -> Result<Answer, IndexError> {
        let vector = unit(&query.vector, self.dimension, || "query".to_owned())?;
        // Qdrant takes no empty list of values, and there is nothing to find.
        if query.filter.documents.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Answer::default());
        }
        let body = Query {
            query: &vector,
            filter: point::readable(&query.filter),
            limit: query.top_k.clamp(1, 10_000),
            with_payload: [point::KEY],
        };
        let body = self.json(&body)?;
        let found: Points = self.send(Method::POST, "/points/query", Some(body), Patience::ASKED).await?;
        // What has no key of ours was put there by somebody else.
        let matches = found.points.into_iter().filter_map(|found| {
            Some(Match { key: found.payload?.key.parse().ok()?, score: found.score.clamp(-1.0, 1.0) })
        });
        Ok(Answer { matches: matches.collect(), position: None })
    }

    async fn list(
        &self,
        document: Option<&DocumentId>,
        after: Option<&ChunkKey>,
        limit: usize,
    ) -> Result<Vec<ChunkKey>, IndexError> {
        self.list_in_order(document, after, limit).await
    }

    async fn clear(&self) -> Result<(), IndexError> {
        self.drop_collection().await
    }

    async fn stats(&self) -> Result<IndexStats, IndexError> {
        let count: Count = self.read(Method::POST, "/points/count", Some(&wire::CountAll { exact: true })).await?;
        Ok(IndexStats { vectors: count.count, memory_bytes: 0, loading: false })
    }
}

//! One namespace of an index.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::Serialize;

use super::{
    FetchedVector, Host, IndexCounts, ListPage, Namespace, NamespaceCount, PineconeError,
    client::{Call, Client, Operation, Reply},
    wire::{
        DeleteBody, FetchReply, ListReply, NamespacesReply, Pagination, QueryBody, QueryReply, ScoredId, StatsReply,
    },
};
use crate::Written;

/// The most names in one request.
const IDS: usize = 1000;
/// The most bytes of an address that fetches vectors; gateways refuse longer ones somewhere beyond 8 KB.
const FETCH_BYTES: usize = 4000;
/// The most names or namespaces on one page.
const PAGE: &str = "100";

/// The data of one namespace of an index, as the service has it: names need not be ours.
#[derive(Debug, Clone)]
pub struct PineconeData {
    client: Arc<Client>,
    host: Host,
    namespace: Namespace,
}

impl PineconeData {
    pub(super) const fn new(client: Arc<Client>, host: Host, namespace: Namespace) -> Self {
        Self { client, host, namespace }
    }

    /// Writes one body of [`super::batch::Batches`].
    pub(super) async fn upsert(&self, body: Bytes) -> Result<Written, PineconeError> {
        let url = self.host.join(&["vectors", "upsert"]);
        let reply = self.client.call(&Call { operation: Operation::Upsert, url, body: Some(body) }).await?;
        Ok(Written { position: reply.written })
    }

    /// The nearest vectors, and how far in the log the index had seen.
    pub(super) async fn query(&self, body: &QueryBody<'_>) -> Result<(Vec<ScoredId>, Option<u64>), PineconeError> {
        let reply = self.post(Operation::Query, &["query"], body).await?;
        let answer: QueryReply = reply.json()?;
        self.client.used(Operation::Query, answer.usage.units());
        Ok((answer.matches, reply.seen))
    }

    /// Removes vectors. What is not there, with or without its namespace, is done.
    ///
    /// # Errors
    /// [`PineconeError`].
    pub async fn delete(&self, ids: &[String]) -> Result<Written, PineconeError> {
        check_ids(ids)?;
        let mut written = Written::NOTHING;
        for ids in ids.chunks(IDS) {
            let body = DeleteBody { ids, namespace: self.namespace.as_str() };
            match self.post(Operation::Delete, &["vectors", "delete"], &body).await {
                Ok(reply) => written = written.and(Written { position: reply.written }),
                Err(PineconeError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// A page of names that begin with a prefix, ascending by bytes: the first, or the one that a page before told of.
    ///
    /// # Errors
    /// [`PineconeError`].
    pub async fn list(&self, prefix: &str, token: Option<&str>) -> Result<ListPage, PineconeError> {
        let mut url = self.host.join(&["vectors", "list"]);
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("namespace", self.namespace.as_str()).append_pair("limit", PAGE);
            if !prefix.is_empty() {
                query.append_pair("prefix", prefix);
            }
            if let Some(token) = token {
                query.append_pair("paginationToken", token);
            }
        }
        let reply: ListReply = self.client.call(&Call { operation: Operation::List, url, body: None }).await?.json()?;
        self.client.used(Operation::List, reply.usage.units());
        let next = next_page(reply.pagination, token)?;
        Ok(ListPage { ids: reply.vectors.into_iter().map(|vector| vector.id).collect(), next })
    }

    /// Vectors by their names; those that are not there are left out.
    ///
    /// # Errors
    /// [`PineconeError`].
    pub async fn fetch(&self, ids: &[String]) -> Result<BTreeMap<String, FetchedVector>, PineconeError> {
        check_ids(ids)?;
        let mut found = BTreeMap::new();
        let mut left = ids;
        while !left.is_empty() {
            let mut url = self.host.join(&["vectors", "fetch"]);
            url.query_pairs_mut().append_pair("namespace", self.namespace.as_str());
            let mut taken = 0;
            // One always fits: a name has at most 512 bytes, and at most three times as many when escaped.
            for id in left.iter().take(IDS) {
                let without = url.query().map(str::to_owned);
                url.query_pairs_mut().append_pair("ids", id);
                if taken > 0 && url.as_str().len() > FETCH_BYTES {
                    url.set_query(without.as_deref());
                    break;
                }
                taken += 1;
            }
            left = &left[taken..];
            let call = Call { operation: Operation::Fetch, url, body: None };
            let reply: FetchReply = self.client.call(&call).await?.json()?;
            self.client.used(Operation::Fetch, reply.usage.units());
            found.extend(reply.vectors);
        }
        Ok(found)
    }

    /// How many vectors the index holds, in all its namespaces.
    ///
    /// # Errors
    /// [`PineconeError`].
    pub async fn counts(&self) -> Result<IndexCounts, PineconeError> {
        // A body is required, an empty object that is.
        let reply = self.post(Operation::Stats, &["describe_index_stats"], &serde_json::Map::new()).await?;
        Ok(reply.json::<StatsReply>()?.into())
    }

    /// All namespaces of the index.
    ///
    /// # Errors
    /// [`PineconeError`].
    pub async fn namespaces(&self) -> Result<Vec<NamespaceCount>, PineconeError> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut url = self.host.join(&["namespaces"]);
            url.query_pairs_mut().append_pair("limit", PAGE);
            if let Some(token) = &token {
                url.query_pairs_mut().append_pair("paginationToken", token);
            }
            let call = Call { operation: Operation::ListNamespaces, url, body: None };
            let reply: NamespacesReply = self.client.call(&call).await?.json()?;
            all.extend(reply.namespaces);
            token = next_page(reply.pagination, token.as_deref())?;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// Removes a namespace of the index with all that is in it. One that is not there is done.
    ///
    /// # Errors
    /// [`PineconeError`].
    pub async fn delete_namespace(&self, namespace: &Namespace) -> Result<(), PineconeError> {
        let url = self.host.join(&["namespaces", namespace.as_str()]);
        match self.client.call(&Call { operation: Operation::DeleteNamespace, url, body: None }).await {
            // 412: it was deleted before, say the comments of Pinecone's own client.
            Ok(_) | Err(PineconeError::NotFound { .. } | PineconeError::Refused { status: 412, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Read units since the start of this client, as the answers told.
    #[must_use]
    pub fn read_units(&self) -> u64 {
        self.client.read_units()
    }

    async fn post(&self, operation: Operation, path: &[&str], body: &impl Serialize) -> Result<Reply, PineconeError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| PineconeError::Setting(format!("a request cannot be written: {error}")))?;
        self.client.call(&Call { operation, url: self.host.join(path), body: Some(body.into()) }).await
    }
}

/// Checks names before anything is sent: 1 to 512 ASCII characters, as Pinecone takes them.
fn check_ids(ids: &[String]) -> Result<(), PineconeError> {
    match ids.iter().find(|id| Namespace::parse(id).is_err()) {
        None => Ok(()),
        Some(id) => Err(PineconeError::Refused {
            status: 400,
            detail: format!(
                "{:?} cannot name a vector: 1 to 512 ASCII characters",
                id.chars().take(80).collect::<String>()
            ),
        }),
    }
}

/// The token of the next page, which must not be the one just used: that would never end.
fn next_page(pagination: Option<Pagination>, token: Option<&str>) -> Result<Option<String>, PineconeError> {
    let next = pagination.and_then(Pagination::token);
    if next.is_some() && next.as_deref() == token {
        return Err(PineconeError::Unexpected { detail: "a page that is its own next page".to_owned() });
    }
    Ok(next)
}

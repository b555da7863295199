//! Indexes themselves.

use std::{sync::Arc, time::Duration};

use cjhirashi_outbound::Secret;
use tokio::time::{Instant, sleep};

use super::{
    Host, IndexDescription, IndexName, IndexSpec, PineconeError, api,
    client::{Call, Client, Operation},
};

/// How often an index that is being made is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a creation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// The index is new.
    Created,
    /// There was one of that name; nothing was changed.
    Existed,
}

/// The control plane: makes, describes and deletes indexes.
#[derive(Debug, Clone)]
pub struct PineconeControl {
    client: Arc<Client>,
    address: Host,
}

impl PineconeControl {
    /// Pinecone's own address.
    pub const ADDRESS: &str = "https://api.pinecone.io";

    /// A control plane with a key of its project.
    ///
    /// # Errors
    /// [`PineconeError::Setting`] for a key that cannot be sent.
    pub fn new(key: Secret, address: Host) -> Result<Self, PineconeError> {
        Ok(Self::with_client(Arc::new(Client::new(key)?), address))
    }

    pub(super) const fn with_client(client: Arc<Client>, address: Host) -> Self {
        Self { client, address }
    }

    /// Makes an index, or finds that there is one of that name: safe to repeat.
    ///
    /// # Errors
    /// [`PineconeError`]; a plan's limit of indexes is [`PineconeError::Refused`] in Pinecone's words.
    pub async fn create(&self, spec: &IndexSpec) -> Result<Creation, PineconeError> {
        let call = Call {
            operation: Operation::CreateIndex,
            url: self.address.join(&["indexes"]),
            body: Some(api::creation(spec).to_string().into()),
        };
        match self.client.call(&call).await {
            Ok(_) => Ok(Creation::Created),
            Err(PineconeError::AlreadyExists { .. }) => Ok(Creation::Existed),
            Err(error) => Err(error),
        }
    }

    /// Describes an index, if there is one of that name.
    ///
    /// # Errors
    /// [`PineconeError`].
    pub async fn describe(&self, name: &IndexName) -> Result<Option<IndexDescription>, PineconeError> {
        let url = self.address.join(&["indexes", name.as_str()]);
        match self.client.call(&Call { operation: Operation::DescribeIndex, url, body: None }).await {
            Ok(reply) => Ok(Some(api::description(&reply.body)?)),
            Err(PineconeError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until an index takes requests.
    ///
    /// # Errors
    /// [`PineconeError::NotReady`] after `limit`, or at once for an index that never will be ready;
    /// [`PineconeError::NoIndex`] when there is none.
    pub async fn wait_ready(&self, name: &IndexName, limit: Duration) -> Result<IndexDescription, PineconeError> {
        let began = Instant::now();
        loop {
            let Some(index) = self.describe(name).await? else {
                return Err(PineconeError::NoIndex { index: name.to_string() });
            };
            if index.ready {
                return Ok(index);
            }
            let hopeless =
                matches!(index.state.as_str(), "InitializationFailed" | "Failed" | "Terminating" | "Disabled");
            if hopeless || began.elapsed() + LOOK_AGAIN > limit {
                let (index, state) = (name.to_string(), index.state);
                return Err(PineconeError::NotReady { index, state, waited: began.elapsed() });
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Deletes an index with all that is in it. One that is not there is done.
    ///
    /// # Errors
    /// [`PineconeError`]; a protected index is [`PineconeError::Refused`].
    pub async fn delete(&self, name: &IndexName) -> Result<(), PineconeError> {
        let url = self.address.join(&["indexes", name.as_str()]);
        match self.client.call(&Call { operation: Operation::DeleteIndex, url, body: None }).await {
            Ok(_) | Err(PineconeError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Refuses an index that cannot hold the vectors of an embedding model. What is not told is not compared.
pub(super) fn compare(
    index: &str,
    dimension: Option<usize>,
    metric: Option<&str>,
    model: &str,
    wanted: usize,
) -> Result<(), PineconeError> {
    let fits =
        dimension.is_none_or(|dimension| dimension == wanted) && metric.is_none_or(|metric| metric == api::METRIC);
    if fits {
        return Ok(());
    }
    let holds = match (dimension, metric) {
        (Some(dimension), Some(metric)) => format!("vectors of {dimension} numbers, compared by {metric}"),
        (Some(dimension), None) => format!("vectors of {dimension} numbers"),
        (None, metric) => format!("vectors compared by {}", metric.unwrap_or("something else")),
    };
    Err(PineconeError::Mismatch { index: index.to_owned(), holds, model: model.to_owned(), dimension: wanted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_is_refused_with_the_way_out() {
        let model = "cohere:embed-v4.0@1536";
        for (dimension, metric) in
            [(Some(1536), Some("cosine")), (Some(1536), None), (None, Some("cosine")), (None, None)]
        {
            assert_eq!(compare("knowledge", dimension, metric, model, 1536), Ok(()));
        }
        for (dimension, metric) in [(Some(1024), Some("cosine")), (Some(1536), Some("euclidean")), (None, Some("x"))] {
            let words = compare("knowledge", dimension, metric, model, 1536).unwrap_err().to_string();
            for part in ["\"knowledge\"", model, "PINECONE_INDEX", "cjhirashi reindex", "EMBEDDINGS"] {
                assert!(words.contains(part), "{words}");
            }
        }
    }
}

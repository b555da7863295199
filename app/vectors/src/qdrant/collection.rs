//! The collection: its name, and how it is found or made.

use reqwest::{Method, StatusCode};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    NAME, QdrantIndex,
    point::{DOCUMENT, ORDER, USER, VERSION, VISIBILITY},
    wire::{Collection, Reply, Vectors},
};
use crate::{Consistency, IndexError, http::Call, retry::Patience};

/// The longest prefix; the rest of a name takes up to 90 characters, and Qdrant takes 255.
const LONGEST_PREFIX: usize = 100;
const LONGEST_MODEL: usize = 80;

/// A collection's name: the prefix, the model for people, and a hash that tells models apart whose letters are the same.
pub(super) fn name(prefix: &str, model: &str) -> Result<String, IndexError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if prefix.is_empty() || prefix.len() > LONGEST_PREFIX || !prefix.bytes().all(fits) {
        let detail = format!("QDRANT_COLLECTION must have 1 to {LONGEST_PREFIX} letters, digits, '-' or '_'");
        return Err(IndexError::Refused { index: NAME, detail });
    }
    let readable: String = model
        .chars()
        .take(LONGEST_MODEL)
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .collect();
    let hash = Sha256::digest(model);
    Ok(format!("{prefix}-{readable}-{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]))
}

impl QdrantIndex {
    /// Finds the collection or makes it, compares it, and makes those of its payload indexes that are missing. Returns
    /// when its writes are seen.
    pub(super) async fn ensure_collection(&self) -> Result<Consistency, IndexError> {
        let found = match self.describe().await? {
            Some(found) => found,
            None => {
                self.create().await?;
                self.describe().await?.ok_or_else(|| {
                    self.remote.refused(format!("the collection {} was made, but is not there", self.collection))
                })?
            }
        };
        let (collection, expected) = (&self.collection, self.dimension);
        match &found.config.params.vectors {
            Vectors::Single { size, distance } if *size == expected && distance == "Cosine" => {}
            Vectors::Single { size, distance } => {
                return Err(self.remote.refused(format!(
                    "the collection {collection} is for {size} numbers and the distance {distance}, needed are {expected} \
                     and Cosine; choose another QDRANT_COLLECTION, set EMBEDDINGS back to {size} numbers, or delete the \
                     collection and fill it with `cjhirashi reindex`"
                )));
            }
            Vectors::Other(_) => {
                return Err(self.remote.refused(format!(
                    "the collection {collection} has no vector, or several, and so is not ours; choose another \
                     QDRANT_COLLECTION"
                )));
            }
        }
        self.index_payload(&found).await?;
        let replicas = found.config.params.replication_factor.unwrap_or(1);
        Ok(if replicas > 1 { Consistency::Eventual } else { Consistency::Immediate })
    }

    async fn describe(&self) -> Result<Option<Collection>, IndexError> {
        let path = format!("/collections/{}", self.collection);
        let reply =
            self.remote.call(&Call { method: Method::GET, path: &path, body: None, patience: Patience::JOB }).await?;
        match reply.status {
            status if status.is_success() => Ok(Some(self.remote.parse::<Reply<_>>(&reply)?.result)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(self.refusal(status, &reply.body)),
        }
    }

    /// Somebody else may have made it meanwhile, or an earlier try whose answer was lost: then it is there.
    async fn create(&self) -> Result<(), IndexError> {
        let body = json!({
            "vectors": {"size": self.dimension, "distance": "Cosine"},
            // Only a key is read of a match; memory is for vectors.
            "on_disk_payload": true,
        });
        let path = format!("/collections/{}", self.collection);
        let call = Call { method: Method::PUT, path: &path, body: Some(self.json(&body)?), patience: Patience::JOB };
        let reply = self.remote.call(&call).await?;
        match reply.status {
            // Versions before 1.14 say 400 of one that exists.
            StatusCode::CONFLICT => Ok(()),
            status if status.is_success() => Ok(()),
            _ if self.describe().await?.is_some() => Ok(()),
            status => Err(self.refusal(status, &reply.body)),
        }
    }

    /// Deletes the collection; one that is not there is deleted.
    pub(super) async fn drop_collection(&self) -> Result<(), IndexError> {
        let path = format!("/collections/{}", self.collection);
        let call = Call { method: Method::DELETE, path: &path, body: None, patience: Patience::JOB };
        let reply = self.remote.call(&call).await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(self.refusal(status, &reply.body)),
        }
    }

    async fn index_payload(&self, found: &Collection) -> Result<(), IndexError> {
        let integer = |lookup: bool, range: bool| json!({"type": "integer", "lookup": lookup, "range": range});
        for (field, schema) in [
            (DOCUMENT, json!("keyword")),
            (USER, json!("keyword")),
            (VISIBILITY, json!("keyword")),
            (VERSION, integer(true, false)),
            (ORDER, integer(true, true)),
        ] {
            if found.payload_schema.contains_key(field) {
                continue;
            }
            let body = self.json(&json!({"field_name": field, "field_schema": schema}))?;
            let _: super::Update = self.send(Method::PUT, "/index?wait=true", Some(body), Patience::JOB).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_named_for_people_and_apart_from_others() {
        let first = name("cjhirashi", "openai:text-embedding-3-small@1536").unwrap();
        assert!(first.starts_with("cjhirashi-openai-text-embedding-3-small-1536-"), "{first}");
        assert_ne!(first, name("cjhirashi", "openai:text.embedding.3.small@1536").unwrap());
        assert!(name("cjhirashi", &"ñ".repeat(500)).unwrap().len() <= 255);
    }

    #[test]
    fn a_prefix_that_is_no_name_is_refused() {
        for bad in ["", "a/b", "a b", &"x".repeat(101)] {
            assert!(name(bad, "m").is_err_and(|error| error.to_string().contains("QDRANT_COLLECTION")), "{bad}");
        }
    }
}

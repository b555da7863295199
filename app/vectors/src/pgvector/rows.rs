//! Records as columns of arrays, in batches that a statement takes well.

use std::{collections::BTreeMap, fmt::Write as _};

use cjhirashi_domain::access::Visibility;
use serde::Serialize;
use sqlx::{Postgres, postgres::PgArguments, query::Query};

use super::error::refused;
use crate::{CustomMetadata, IndexError, VectorRecord, vector::unit};

/// Rows of one statement: few enough that a batch ends well within its time while the graph grows.
const ROWS: usize = 500;
/// Bytes of vectors in one statement.
const BYTES: usize = 4 << 20;

/// One statement's rows, column by column.
#[derive(Debug, Default)]
pub(super) struct Batch {
    ids: Vec<String>,
    documents: Vec<String>,
    versions: Vec<i32>,
    seqs: Vec<i32>,
    owners: Vec<Option<String>>,
    embeddings: Vec<String>,
    metadata: Vec<String>,
    bytes: usize,
}

/// What is kept for people who look into the table; nothing here is read again.
#[derive(Serialize)]
struct Metadata<'a> {
    title: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_url: Option<&'a str>,
    /// Unix seconds.
    created_at: i64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "CustomMetadata::is_empty")]
    custom: &'a CustomMetadata,
}

impl Batch {
    /// Checks all records, then cuts them; of several with one name the last counts. In the order of their names, so
    /// that two writers of the same rows wait for each other instead of both failing.
    pub(super) fn cut(records: Vec<VectorRecord>, dimension: usize) -> Result<Vec<Self>, IndexError> {
        let mut rows = BTreeMap::new();
        for record in records {
            let name = record.key.to_string();
            let embedding = literal(&unit(&record.values, dimension, || name.clone())?);
            rows.insert(name, (record, embedding));
        }
        let mut batches: Vec<Self> = Vec::new();
        for (name, (record, embedding)) in rows {
            let fits = |batch: &&mut Self| batch.ids.len() < ROWS && batch.bytes + embedding.len() <= BYTES;
            match batches.last_mut().filter(fits) {
                Some(batch) => batch.push(name, &record, embedding)?,
                None => {
                    let mut batch = Self::default();
                    batch.push(name, &record, embedding)?;
                    batches.push(batch);
                }
            }
        }
        Ok(batches)
    }

    fn push(&mut self, name: String, record: &VectorRecord, embedding: String) -> Result<(), IndexError> {
        let document = &record.document;
        let metadata = serde_json::to_string(&Metadata {
            title: &document.title,
            source: document.source.as_str(),
            source_url: document.source_url.as_deref(),
            created_at: document.created_at.0.div_euclid(1_000),
            tags: &document.tags,
            language: record.language.as_deref(),
            custom: &document.custom,
        })
        .map_err(|error| refused(format!("the metadata of {name}: {error}")))?;
        self.ids.push(name);
        self.documents.push(record.key.document_id.as_str().to_owned());
        self.versions.push(record.key.version);
        self.seqs.push(record.key.seq);
        self.owners.push(match &document.visibility {
            Visibility::Private(owner) => Some(owner.as_str().to_owned()),
            Visibility::Public => None,
        });
        self.bytes += embedding.len();
        self.embeddings.push(embedding);
        // JSON may hold a zero character, jsonb may not.
        self.metadata.push(metadata.replace("\\u0000", ""));
        Ok(())
    }

    /// In the order of the parameters of [`upsert`](super::sql::Statements::upsert).
    pub(super) fn bind<'q>(self, query: Query<'q, Postgres, PgArguments>) -> Query<'q, Postgres, PgArguments> {
        query
            .bind(self.ids)
            .bind(self.documents)
            .bind(self.versions)
            .bind(self.seqs)
            .bind(self.owners)
            .bind(self.embeddings)
            .bind(self.metadata)
    }
}

/// A vector as pgvector reads it.
pub(super) fn literal(values: &[f32]) -> String {
    let mut text = String::with_capacity(values.len() * 12 + 2);
    text.push('[');
    for (number, value) in values.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{value}");
    }
    text.push(']');
    text
}

//! Every statement, written out once for the table of one model.
//!
//! Names in them are ours (see `layout.rs`); whatever comes from outside is a parameter.

use std::sync::Arc;

use super::layout::Layout;

/// The statements of one table.
pub(super) struct Statements {
    pub(super) upsert: Arc<str>,
    pub(super) delete: Arc<str>,
    pub(super) delete_document: Arc<str>,
    pub(super) existing: Arc<str>,
    pub(super) size: Arc<str>,
    list: [Arc<str>; 2],
    search: [Search; 2],
}

/// The statements of a question. `$1` most rows, `$2` reader, where documents are named `$3` those, and last, but for
/// the count, the question's vector.
pub(super) struct Search {
    /// How many rows may be found, as far as the bound.
    pub(super) count: Arc<str>,
    /// By the graph.
    pub(super) graph: Arc<str>,
    /// One by one.
    pub(super) exact: Arc<str>,
}

impl Statements {
    pub(super) fn new(layout: &Layout, dimension: usize) -> Self {
        let table = &layout.table;
        let vector = format!("{}({dimension})", layout.element.as_str());
        let list =
            |condition: &str| format!("SELECT id FROM {table} WHERE id > $1{condition} ORDER BY id LIMIT $2").into();
        let search = |condition: &str, question: &str| {
            let rows = format!(
                "SELECT id, embedding <=> {question}::{vector} AS distance FROM {table} \
                 WHERE (user_id IS NULL OR user_id = $2){condition}"
            );
            Search {
                count: format!(
                    "SELECT count(*) FROM (SELECT FROM {table} WHERE (user_id IS NULL OR user_id = $2){condition} \
                     LIMIT $1) AS selected"
                )
                .into(),
                graph: format!("{rows} ORDER BY distance LIMIT $1").into(),
                // What is materialised first cannot be ordered by an index.
                exact: format!(
                    "WITH selected AS MATERIALIZED ({rows}) SELECT id, distance FROM selected ORDER BY distance LIMIT $1"
                )
                .into(),
            }
        };
        Self {
            // What is there already is not written again: each new row version would grow the graph.
            upsert: format!(
                "INSERT INTO {table} AS held (id, document_id, version, seq, user_id, embedding, metadata) \
                 SELECT id, document_id, version, seq, user_id, embedding::{vector}, metadata::jsonb \
                 FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::text[], $7::text[]) \
                     AS given (id, document_id, version, seq, user_id, embedding, metadata) \
                 ON CONFLICT (id) DO UPDATE \
                 SET user_id = excluded.user_id, embedding = excluded.embedding, metadata = excluded.metadata \
                 WHERE (held.user_id, held.embedding, held.metadata) \
                     IS DISTINCT FROM (excluded.user_id, excluded.embedding, excluded.metadata)"
            )
            .into(),
            delete: format!("DELETE FROM {table} WHERE id = ANY($1)").into(),
            delete_document: format!("DELETE FROM {table} WHERE document_id = $1 AND version IS DISTINCT FROM $2")
                .into(),
            existing: format!("SELECT id FROM {table} WHERE id = ANY($1)").into(),
            size: format!("SELECT count(*) FROM {table}").into(),
            list: [list(""), list(" AND document_id = $3")],
            search: [search("", "$3"), search(" AND document_id = ANY($3)", "$4")],
        }
    }

    /// Names after one, `$1`, at most `$2`, and where one is named of the document `$3`.
    pub(super) fn list(&self, of_a_document: bool) -> Arc<str> {
        Arc::clone(&self.list[usize::from(of_a_document)])
    }

    pub(super) fn search(&self, among_documents: bool) -> &Search {
        &self.search[usize::from(among_documents)]
    }
}

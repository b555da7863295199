//! Lists of documents: whose, which of them, in which order, page by page.

use cjhirashi_domain::{
    Viewer,
    document::Document,
    order::{Column as _, DocumentColumn, DocumentState, Order},
    text::{QueryText, Tag},
};

use super::DocumentRow;
use crate::{Result, Store};

/// Which documents a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DocumentScope {
    /// The person's own.
    Own,
    /// The knowledge base.
    Public,
    /// Both.
    #[default]
    All,
}

/// Which documents a list shows, and which part of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFilter {
    /// Whose.
    pub scope: DocumentScope,
    /// Words in the title or in a label; case and accents do not matter.
    pub query: Option<QueryText>,
    /// Only with this label.
    pub tag: Option<Tag>,
    /// Only those that stand here.
    pub state: Option<DocumentState>,
    /// By which column; the newest first without one, and where a column says the same of two.
    pub order: Option<Order<DocumentColumn>>,
    /// The page of the list, from 1.
    pub page: u32,
    /// Documents a page, 1 to 200.
    pub page_size: u32,
}

impl Default for DocumentFilter {
    fn default() -> Self {
        Self { scope: DocumentScope::All, query: None, tag: None, state: None, order: None, page: 1, page_size: 50 }
    }
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentList {
    /// This page.
    pub documents: Vec<Document>,
    /// How many there are on all pages.
    pub total: i64,
}

impl Store {
    /// Documents the viewer may read, the newest first. One of the ADR's application whose text is not here yet counts as
    /// one that waits, not as one that failed.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_documents(&self, viewer: &Viewer, filter: &DocumentFilter) -> Result<DocumentList> {
        let own = filter.scope != DocumentScope::Public;
        let public = filter.scope != DocumentScope::Own;
        let query = filter.query.as_ref().map(QueryText::as_str);
        let tag = filter.tag.as_ref().map(Tag::as_str);
        let statuses: Option<Vec<String>> =
            filter.state.map(|state| state.statuses().iter().map(|status| status.as_str().to_owned()).collect());
        let column = filter.order.map(|order| order.by.as_str());
        let descending = filter.order.is_some_and(|order| order.descending);
        let size = i64::from(filter.page_size.clamp(1, 200));
        let skip = i64::from(filter.page.max(1) - 1) * size;
        let rows = sqlx::query_as!(
            DocumentRow,
            r#"SELECT d.id, d.user_id, d.title, d.source, d.source_url, coalesce(v.mime_type, d.mime_type) AS mime_type,
                v.size_bytes AS "size_bytes?", d.status, d.stage, d.progress, d.error, d.chunk_count, d.version, d.tags, d.language, d.adopted,
                d.created_at, d.updated_at
            FROM documents d
            LEFT JOIN LATERAL (
                -- Of what answers; of what will, where nothing does.
                SELECT size_bytes, mime_type FROM document_versions WHERE document_id = d.id
                ORDER BY version = d.version DESC, version DESC LIMIT 1
            ) v ON true
            WHERE d.deleted_at IS NULL
              AND (($2 AND d.user_id = $1) OR ($3 AND d.user_id IS NULL))
              AND ($4::text IS NULL OR position(fold_accents($4) IN fold_accents(d.title)) > 0 OR EXISTS (
                  SELECT FROM unnest(d.tags) tag WHERE position(fold_accents($4) IN fold_accents(tag)) > 0))
              AND ($5::text IS NULL OR $5 = ANY(d.tags))
              AND ($8::text[] IS NULL OR CASE WHEN d.adopted THEN 'queued' ELSE d.status END = ANY($8))
            ORDER BY
                CASE WHEN $9 = 'title' AND NOT $10 THEN sort_key(d.title) END COLLATE "C",
                CASE WHEN $9 = 'title' AND $10 THEN sort_key(d.title) END COLLATE "C" DESC,
                CASE WHEN $10 THEN -1 ELSE 1 END * CASE $9
                    WHEN 'state' THEN array_position('{failed,processing,queued,indexed}', CASE WHEN d.adopted THEN 'queued' ELSE d.status END)
                    WHEN 'size' THEN v.size_bytes
                    WHEN 'changed' THEN (extract(epoch FROM d.updated_at) * 1000)::bigint
                END,
                d.created_at DESC, d.id DESC
            LIMIT $6 OFFSET $7"#,
            viewer.user_id.as_str(),
            own,
            public,
            query,
            tag,
            size,
            skip,
            statuses.as_deref(),
            column,
            descending,
        )
        .fetch_all(&self.pool)
        .await?;
        let fetched = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        // Most lists fit on one page and need no second query.
        let total = if fetched < size && (fetched > 0 || skip == 0) {
            skip + fetched
        } else {
            sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!" FROM documents d
                   WHERE d.deleted_at IS NULL
                     AND (($2 AND d.user_id = $1) OR ($3 AND d.user_id IS NULL))
                     AND ($4::text IS NULL OR position(fold_accents($4) IN fold_accents(d.title)) > 0 OR EXISTS (
                         SELECT FROM unnest(d.tags) tag WHERE position(fold_accents($4) IN fold_accents(tag)) > 0))
                     AND ($5::text IS NULL OR $5 = ANY(d.tags))
                     AND ($6::text[] IS NULL OR CASE WHEN d.adopted THEN 'queued' ELSE d.status END = ANY($6))"#,
                viewer.user_id.as_str(),
                own,
                public,
                query,
                tag,
                statuses.as_deref(),
            )
            .fetch_one(&self.pool)
            .await?
        };
        Ok(DocumentList { documents: rows.into_iter().map(Document::try_from).collect::<Result<_>>()?, total })
    }
}

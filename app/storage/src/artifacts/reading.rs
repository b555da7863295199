//! Artifacts as they are listed, opened and told version by version.

use cjhirashi_domain::{
    Viewer,
    artifact::{Artifact, ArtifactVersion, ArtifactsWanted, Author},
    id::{ArtifactId, ChatId, MessageId},
};
use serde_json::Value;

use super::blob_key;
use crate::{
    BlobKey, Result, StorageError, Store,
    connect::{from_db, to_db},
};

/// Longer tokens are none of ours and are not even looked up.
const LONGEST_TOKEN: usize = 128;

/// A version with what it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenedArtifact {
    /// The artifact at its newest version.
    pub artifact: Artifact,
    /// Which version this is.
    pub version: i32,
    /// The name of its kind then.
    pub kind: String,
    /// What it was called.
    pub title: String,
    /// Its programming language.
    pub language: Option<String>,
    /// What else is known of it.
    pub metadata: Value,
    /// The text; only the beginning of it where `blob` holds the whole.
    pub text: String,
    /// The file: a picture, or a long text.
    pub blob: Option<BlobKey>,
    /// Who made it.
    pub author: Author,
}

/// One of a list, with some of the words that were looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedArtifact {
    /// The artifact.
    pub artifact: Artifact,
    /// Some of its words, marked by [`crate::MARK_START`] and [`crate::MARK_END`].
    pub snippet: Option<String>,
}

struct ArtifactRow {
    id: String,
    kind: String,
    title: String,
    language: Option<String>,
    metadata: Option<Value>,
    version: i32,
    size_bytes: i64,
    chat_id: Option<String>,
    chat_title: Option<String>,
    message_id: Option<String>,
    tags: Vec<String>,
    shared: bool,
    created_at: time::OffsetDateTime,
    updated_at: time::OffsetDateTime,
}

impl TryFrom<ArtifactRow> for Artifact {
    type Error = StorageError;

    fn try_from(row: ArtifactRow) -> Result<Self> {
        let corrupt = |column, value: &str| StorageError::corrupt("artifacts", column, &row.id, value);
        Ok(Self {
            chat_id: row
                .chat_id
                .map(|id| ChatId::parse(id.as_str()).map_err(|_| corrupt("chat_id", &id)))
                .transpose()?,
            message_id: row
                .message_id
                .map(|id| MessageId::parse(id.as_str()).map_err(|_| corrupt("message_id", &id)))
                .transpose()?,
            id: ArtifactId::parse(row.id.as_str()).map_err(|_| corrupt("id", &row.id))?,
            kind: row.kind,
            title: row.title,
            language: row.language,
            metadata: row.metadata.unwrap_or(Value::Null),
            version: row.version,
            size_bytes: row.size_bytes,
            chat_title: row.chat_title,
            tags: row.tags,
            shared: row.shared,
            created_at: from_db(row.created_at),
            updated_at: from_db(row.updated_at),
        })
    }
}

/// A row with an artifact's columns as one.
macro_rules! artifact_row {
    ($row:ident) => {
        ArtifactRow {
            id: $row.id,
            kind: $row.kind,
            title: $row.title,
            language: $row.language,
            metadata: $row.metadata,
            version: $row.version,
            size_bytes: $row.size_bytes,
            chat_id: $row.chat_id,
            chat_title: $row.chat_title,
            message_id: $row.message_id,
            tags: $row.tags,
            shared: $row.shared,
            created_at: $row.created_at,
            updated_at: $row.updated_at,
        }
    };
}

impl Store {
    /// A part of the viewer's artifacts, the last changed first, and how many there are in all. Those of a chat that is not
    /// kept are in no list.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_artifacts(
        &self,
        viewer: &Viewer,
        wanted: &ArtifactsWanted,
        offset: i64,
        limit: i64,
    ) -> Result<(Vec<ListedArtifact>, i64)> {
        let words = wanted.words.trim();
        let rows = sqlx::query!(
            r#"WITH question AS (
                   SELECT websearch_to_tsquery('spanish', fold_accents($2))
                       || websearch_to_tsquery('english', fold_accents($2)) AS query
               ), listed AS (
                   SELECT a.id, a.type AS kind, a.title, a.language, a.metadata, a.version, a.blob_size, a.content, a.chat_id,
                          c.title AS chat_title, a.message_id, a.tags, a.share_token, a.created_at, a.updated_at,
                          count(*) OVER () AS total
                   FROM artifacts a LEFT JOIN chats c ON c.id = a.chat_id CROSS JOIN question q
                   WHERE a.user_id = $1 AND c.temporary IS NOT TRUE
                       AND ($2 = '' OR a.search @@ q.query OR strpos(fold_accents(a.title), fold_accents($2)) > 0
                           OR lower($2) = ANY(a.tags) OR strpos(fold_accents(c.title), fold_accents($2)) > 0)
                       AND ($3::text IS NULL OR a.type = $3)
                       AND ($4::text IS NULL OR $4 = ANY(a.tags))
                       AND ($5::text IS NULL OR a.chat_id = $5)
                       AND ($6::timestamptz IS NULL OR a.updated_at < $6)
                       AND ($7::timestamptz IS NULL OR a.updated_at >= $7)
                   ORDER BY a.updated_at DESC, a.id DESC LIMIT $8 OFFSET $9
               )
               SELECT l.id AS "id!", l.kind AS "kind!", l.title AS "title!", l.language, l.metadata, l.version AS "version!",
                      COALESCE(l.blob_size, octet_length(l.content))::bigint AS "size_bytes!", l.chat_id, l.chat_title AS "chat_title?",
                      l.message_id, l.tags AS "tags!", l.share_token IS NOT NULL AS "shared!", l.created_at AS "created_at!",
                      l.updated_at AS "updated_at!", l.total AS "total!",
                      CASE WHEN $2 <> '' THEN ts_headline('spanish', left(l.content, 20000), q.query,
                          'StartSel=' || $10 || ',StopSel=' || $11 || ',MaxWords=24,MinWords=12,MaxFragments=1') END AS snippet
               FROM listed l CROSS JOIN question q ORDER BY l.updated_at DESC, l.id DESC"#,
            viewer.user_id.as_str(),
            words,
            wanted.kind,
            wanted.tag,
            wanted.chat.as_ref().map(ChatId::as_str),
            wanted.before.map(to_db),
            wanted.after.map(to_db),
            limit,
            offset,
            crate::MARK_START.to_string(),
            crate::MARK_END.to_string(),
        )
        .fetch_all(&self.pool)
        .await?;
        let total = rows.first().map_or(0, |row| row.total);
        let listed = rows.into_iter().map(|row| {
            let artifact = artifact_row!(row);
            Ok(ListedArtifact {
                artifact: artifact.try_into()?,
                snippet: row.snippet.filter(|snippet| snippet.contains(crate::MARK_START)),
            })
        });
        Ok((listed.collect::<Result<_>>()?, total))
    }

    /// The labels that the viewer's artifacts have, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_artifact_tags(&self, viewer: &Viewer) -> Result<Vec<String>> {
        let tags = sqlx::query_scalar!(
            r#"SELECT DISTINCT tag AS "tag!" FROM artifacts, unnest(tags) AS tag WHERE user_id = $1 ORDER BY 1 LIMIT 500"#,
            viewer.user_id.as_str(),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(tags)
    }

    /// An artifact of the viewer's at a version, the newest when absent.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_artifact(
        &self,
        viewer: &Viewer,
        id: &ArtifactId,
        version: Option<i32>,
    ) -> Result<Option<OpenedArtifact>> {
        self.opened(viewer.user_id.as_str(), id.as_str(), version).await
    }

    /// The version that a link leads to. Asks nobody's leave: whoever has the link may read it. Nothing of somebody who was
    /// kept out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_shared_artifact(&self, token: &str) -> Result<Option<OpenedArtifact>> {
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Ok(None);
        }
        let shared = sqlx::query!(
            r#"SELECT a.id, a.user_id, a.share_version FROM artifacts a JOIN users u ON u.id = a.user_id
               WHERE a.share_token = $1 AND u.disabled_at IS NULL"#,
            token,
        )
        .fetch_optional(&self.pool)
        .await?;
        match shared {
            Some(shared) => self.opened(&shared.user_id, &shared.id, shared.share_version).await,
            None => Ok(None),
        }
    }

    /// A version of somebody's artifact, the newest when absent.
    async fn opened(&self, user: &str, id: &str, version: Option<i32>) -> Result<Option<OpenedArtifact>> {
        let row = sqlx::query!(
            r#"SELECT a.id, a.type AS kind, a.title, a.language, a.metadata, a.version,
                      COALESCE(a.blob_size, octet_length(a.content))::bigint AS "size_bytes!", a.chat_id, c.title AS "chat_title?",
                      a.message_id, a.tags, a.share_token IS NOT NULL AS "shared!", a.created_at, a.updated_at,
                      v.version AS shown, v.type AS shown_kind, v.title AS shown_title, v.language AS shown_language, v.metadata AS shown_metadata,
                      v.content, v.blob_url, v.author
               FROM artifacts a JOIN artifact_versions v ON v.artifact_id = a.id AND v.version = COALESCE($3, a.version)
               LEFT JOIN chats c ON c.id = a.chat_id
               WHERE a.user_id = $1 AND a.id = $2"#,
            user,
            id,
            version,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            let author = Author::parse(&row.author)
                .ok_or_else(|| StorageError::corrupt("artifact_versions", "author", &row.id, &row.author))?;
            let artifact = artifact_row!(row);
            Ok(OpenedArtifact {
                artifact: artifact.try_into()?,
                version: row.shown,
                kind: row.shown_kind,
                title: row.shown_title,
                language: row.shown_language,
                metadata: row.shown_metadata.unwrap_or(Value::Null),
                text: row.content,
                blob: blob_key(row.blob_url.as_deref()),
                author,
            })
        })
        .transpose()
    }

    /// The versions of an artifact of the viewer's, the newest first. Empty when there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_artifact_versions(
        &self,
        viewer: &Viewer,
        id: &ArtifactId,
        limit: i64,
    ) -> Result<Vec<ArtifactVersion>> {
        let rows = sqlx::query!(
            r#"SELECT v.version, v.title, v.author, v.model, v.message_id, v.restored_from, m.chat_id AS "chat_id?",
                      COALESCE(v.blob_size, octet_length(v.content))::bigint AS "size_bytes!", v.created_at
               FROM artifact_versions v JOIN artifacts a ON a.id = v.artifact_id LEFT JOIN messages m ON m.id = v.message_id
               WHERE a.id = $1 AND a.user_id = $2 ORDER BY v.version DESC LIMIT $3"#,
            id.as_str(),
            viewer.user_id.as_str(),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        let corrupt = |column, value: &str| StorageError::corrupt("artifact_versions", column, id.as_str(), value);
        rows.into_iter()
            .map(|row| {
                Ok(ArtifactVersion {
                    version: row.version,
                    title: row.title,
                    author: Author::parse(&row.author).ok_or_else(|| corrupt("author", &row.author))?,
                    model: row.model,
                    message_id: row
                        .message_id
                        .map(|id| MessageId::parse(id.as_str()).map_err(|_| corrupt("message_id", &id)))
                        .transpose()?,
                    chat_id: row
                        .chat_id
                        .map(|id| ChatId::parse(id.as_str()).map_err(|_| corrupt("chat_id", &id)))
                        .transpose()?,
                    restored_from: row.restored_from,
                    size_bytes: row.size_bytes,
                    created_at: from_db(row.created_at),
                })
            })
            .collect()
    }
}

//! Artifacts and all their versions: nothing is overwritten, and a save says on which version it stands.

mod answers;
#[cfg(test)]
mod tests;

use cjhirashi_domain::{
    Viewer,
    artifact::{Artifact, ArtifactTitle, ArtifactVersion, ArtifactsWanted, Author},
    id::{ArtifactId, ChatId, MessageId},
};
use serde_json::Value;

pub use answers::{ChatArtifact, Made, MadeArtifact, MadeContent};
pub(crate) use answers::{artifacts_of, copy, store_made};

use crate::{
    BlobError, BlobKey, Blobs, Result, StorageError, Store, StoredBlob,
    connect::{from_db, to_db},
    jobs,
};

/// So many a person has at most.
const MOST: i64 = 20_000;
/// So many versions one has at most.
const MOST_VERSIONS: i32 = 10_000;
/// Longer tokens are none of ours and are not even looked up.
const LONGEST_TOKEN: usize = 128;
/// Texts above so many bytes lie in files.
pub const IN_A_FILE: usize = 1024 * 1024;
/// The characters of such a text that stand in the database, to be found.
const FOUND_BY: usize = 200_000;

/// What a version holds.
#[derive(Debug, Clone, Copy)]
pub struct ArtifactBody<'a> {
    /// What it is called.
    pub title: &'a ArtifactTitle,
    /// The programming language.
    pub language: Option<&'a str>,
    /// What else is known of it.
    pub metadata: &'a Value,
    /// The text; of a picture its caption.
    pub text: &'a str,
    /// The picture, or the text when it is longer than [`IN_A_FILE`].
    pub blob: Option<&'a StoredBlob>,
}

/// An artifact to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewArtifact<'a> {
    /// The name of its kind.
    pub kind: &'a str,
    /// What it holds.
    pub body: ArtifactBody<'a>,
    /// The message that it was made from.
    pub message: Option<&'a MessageId>,
    /// Labels.
    pub tags: &'a [String],
}

/// An artifact could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepArtifactError {
    /// The person has as many as may be.
    #[error("as many artifacts are kept as may be")]
    Full,
    /// No such artifact, or version of it, or message, of the viewer.
    #[error("no such artifact")]
    NotFound,
    /// Somebody made this version meanwhile.
    #[error("version {0} was made meanwhile")]
    Moved(i32),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The disk.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl From<sqlx::Error> for KeepArtifactError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

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

/// The link of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactShare {
    /// The link's secret.
    pub token: String,
    /// The version it leads to.
    pub version: i32,
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

fn blob_url(blob: Option<&StoredBlob>) -> Option<String> {
    blob.map(|blob| format!("file:{}", blob.key().as_str()))
}

/// The key in an address of ours; what the ADR's application kept elsewhere has none.
fn blob_key(url: Option<&str>) -> Option<BlobKey> {
    BlobKey::parse(url?.strip_prefix("file:")?)
}

impl ArtifactBody<'_> {
    /// What stands in the database of a text: all of it, or what it is found by.
    fn column(&self) -> &str {
        if self.text.len() <= IN_A_FILE {
            return self.text;
        }
        self.text.char_indices().nth(FOUND_BY).map_or(self.text, |(at, _)| &self.text[..at])
    }

    fn size(&self) -> Option<i32> {
        self.blob.map(|blob| i32::try_from(blob.size()).unwrap_or(i32::MAX))
    }
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
                       AND ($2 = '' OR a.search @@ q.query OR strpos(fold_accents(a.title), fold_accents($2)) > 0)
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
            let artifact = ArtifactRow {
                id: row.id,
                kind: row.kind,
                title: row.title,
                language: row.language,
                metadata: row.metadata,
                version: row.version,
                size_bytes: row.size_bytes,
                chat_id: row.chat_id,
                chat_title: row.chat_title,
                message_id: row.message_id,
                tags: row.tags,
                shared: row.shared,
                created_at: row.created_at,
                updated_at: row.updated_at,
            };
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
        self.opened(Some(viewer.user_id.as_str()), Some(id.as_str()), None, version).await
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
        self.opened(None, None, Some(token), None).await
    }

    async fn opened(
        &self,
        user: Option<&str>,
        id: Option<&str>,
        token: Option<&str>,
        version: Option<i32>,
    ) -> Result<Option<OpenedArtifact>> {
        let row = sqlx::query!(
            r#"SELECT a.id, a.type AS kind, a.title, a.language, a.metadata, a.version,
                      COALESCE(a.blob_size, octet_length(a.content))::bigint AS "size_bytes!", a.chat_id, c.title AS "chat_title?",
                      a.message_id, a.tags, a.share_token IS NOT NULL AS "shared!", a.created_at, a.updated_at,
                      v.version AS shown, v.type AS shown_kind, v.title AS shown_title, v.language AS shown_language, v.metadata AS shown_metadata,
                      v.content, v.blob_url, v.author
               FROM artifacts a JOIN users u ON u.id = a.user_id
               JOIN artifact_versions v ON v.artifact_id = a.id
                   AND v.version = COALESCE(CASE WHEN $3::text IS NULL THEN $4 ELSE a.share_version END, a.version)
               LEFT JOIN chats c ON c.id = a.chat_id
               WHERE ($3::text IS NULL AND a.user_id = $1 AND a.id = $2)
                   OR ($3 IS NOT NULL AND a.share_token = $3 AND u.disabled_at IS NULL)"#,
            user,
            id,
            token,
            version,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            let author = Author::parse(&row.author)
                .ok_or_else(|| StorageError::corrupt("artifact_versions", "author", &row.id, &row.author))?;
            let artifact = ArtifactRow {
                id: row.id,
                kind: row.kind,
                title: row.title,
                language: row.language,
                metadata: row.metadata,
                version: row.version,
                size_bytes: row.size_bytes,
                chat_id: row.chat_id,
                chat_title: row.chat_title,
                message_id: row.message_id,
                tags: row.tags,
                shared: row.shared,
                created_at: row.created_at,
                updated_at: row.updated_at,
            };
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
    pub async fn list_artifact_versions(&self, viewer: &Viewer, id: &ArtifactId) -> Result<Vec<ArtifactVersion>> {
        let rows = sqlx::query!(
            r#"SELECT v.version, v.title, v.author, v.model, v.message_id, v.restored_from, m.chat_id AS "chat_id?",
                      COALESCE(v.blob_size, octet_length(v.content))::bigint AS "size_bytes!", v.created_at
               FROM artifact_versions v JOIN artifacts a ON a.id = v.artifact_id LEFT JOIN messages m ON m.id = v.message_id
               WHERE a.id = $1 AND a.user_id = $2 ORDER BY v.version DESC LIMIT 20000"#,
            id.as_str(),
            viewer.user_id.as_str(),
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

    /// Keeps an artifact that the viewer made, as its first version; a file is under its name when this returns.
    ///
    /// # Errors
    /// [`KeepArtifactError`]; nothing is kept then.
    pub async fn add_artifact(
        &self,
        viewer: &Viewer,
        blobs: &Blobs,
        new: &NewArtifact<'_>,
    ) -> std::result::Result<ArtifactId, KeepArtifactError> {
        let chat = match new.message {
            Some(message) => Some(self.chat_of(viewer, message).await?.ok_or(KeepArtifactError::NotFound)?),
            None => None,
        };
        let id = ArtifactId::new(self.now(), self.random());
        let body = &new.body;
        let mut tx = self.pool.begin().await?;
        let added = sqlx::query!(
            "INSERT INTO artifacts (id, user_id, message_id, chat_id, type, title, content, language, metadata, blob_url,
                                    blob_size, tags, created_at, updated_at)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13
             WHERE (SELECT count(*) FROM artifacts WHERE user_id = $2) < $14",
            id.as_str(),
            viewer.user_id.as_str(),
            new.message.map(MessageId::as_str),
            chat.as_ref().map(ChatId::as_str),
            new.kind,
            body.title.as_str(),
            body.column(),
            body.language,
            body.metadata,
            blob_url(body.blob),
            body.size(),
            new.tags,
            to_db(self.now()),
            MOST,
        )
        .execute(&mut *tx)
        .await?;
        if added.rows_affected() == 0 {
            return Err(KeepArtifactError::Full);
        }
        note_version(&mut tx, id.as_str(), Author::Person, None, new.message.map(MessageId::as_str), None).await?;
        publish(&mut tx, blobs, body.blob).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Makes a new version of an artifact of the viewer's, on top of `base`. Returns its number.
    ///
    /// # Errors
    /// [`KeepArtifactError::Moved`] when `base` is no longer the newest; [`KeepArtifactError`].
    pub async fn save_artifact(
        &self,
        viewer: &Viewer,
        blobs: &Blobs,
        id: &ArtifactId,
        base: i32,
        body: &ArtifactBody<'_>,
    ) -> std::result::Result<i32, KeepArtifactError> {
        let mut tx = self.pool.begin().await?;
        let newest = lock(&mut tx, viewer, id).await?.ok_or(KeepArtifactError::NotFound)?;
        if newest != base {
            return Err(KeepArtifactError::Moved(newest));
        }
        if newest >= MOST_VERSIONS {
            return Err(KeepArtifactError::Full);
        }
        sqlx::query!(
            "UPDATE artifacts SET title = $2, content = $3, language = $4, metadata = $5, blob_url = $6, blob_size = $7,
                 version = version + 1, updated_at = $8 WHERE id = $1",
            id.as_str(),
            body.title.as_str(),
            body.column(),
            body.language,
            body.metadata,
            blob_url(body.blob),
            body.size(),
            to_db(self.now()),
        )
        .execute(&mut *tx)
        .await?;
        note_version(&mut tx, id.as_str(), Author::Person, None, None, None).await?;
        publish(&mut tx, blobs, body.blob).await?;
        tx.commit().await?;
        Ok(base + 1)
    }

    /// Brings an older version back as the newest one. Returns the new number.
    ///
    /// # Errors
    /// [`KeepArtifactError::NotFound`] or the database's.
    pub async fn restore_artifact(
        &self,
        viewer: &Viewer,
        id: &ArtifactId,
        version: i32,
    ) -> std::result::Result<i32, KeepArtifactError> {
        let mut tx = self.pool.begin().await?;
        let newest = lock(&mut tx, viewer, id).await?.ok_or(KeepArtifactError::NotFound)?;
        let done = sqlx::query!(
            "UPDATE artifacts a SET type = v.type, title = v.title, content = v.content, language = v.language, metadata = v.metadata,
                 blob_url = v.blob_url, blob_size = v.blob_size, version = a.version + 1, updated_at = $3
             FROM artifact_versions v WHERE a.id = $1 AND v.artifact_id = a.id AND v.version = $2",
            id.as_str(),
            version,
            to_db(self.now()),
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(KeepArtifactError::NotFound);
        }
        note_version(&mut tx, id.as_str(), Author::Person, None, None, Some(version)).await?;
        tx.commit().await?;
        Ok(newest + 1)
    }

    /// Gives an artifact of the viewer's these labels. `false` when there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn label_artifact(&self, viewer: &Viewer, id: &ArtifactId, tags: &[String]) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE artifacts SET tags = $3 WHERE id = $1 AND user_id = $2",
            id.as_str(),
            viewer.user_id.as_str(),
            tags,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Deletes an artifact of the viewer's with all its versions. Gives the files that it had, for [`Store::release_blob`];
    /// `None` when there is no such artifact.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_artifact(&self, viewer: &Viewer, id: &ArtifactId) -> Result<Option<Vec<BlobKey>>> {
        let mut tx = self.pool.begin().await?;
        if lock(&mut tx, viewer, id).await?.is_none() {
            return Ok(None);
        }
        let files = sqlx::query_scalar!(
            r#"SELECT DISTINCT blob_url AS "url!" FROM artifact_versions WHERE artifact_id = $1 AND blob_url IS NOT NULL"#,
            id.as_str(),
        )
        .fetch_all(&mut *tx)
        .await?;
        sqlx::query!("DELETE FROM artifacts WHERE id = $1", id.as_str()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(Some(files.iter().filter_map(|url| blob_key(Some(url))).collect()))
    }

    /// Lets a link lead to the newest version of an artifact of the viewer's; a link that there is stays, and leads to this
    /// version from now on. `None` when there is no such artifact.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn share_artifact(&self, viewer: &Viewer, id: &ArtifactId) -> Result<Option<ArtifactShare>> {
        let share = sqlx::query_as!(
            ArtifactShare,
            r#"UPDATE artifacts SET share_token = COALESCE(share_token, $3), share_version = version, shared_at = $4
               WHERE id = $1 AND user_id = $2 RETURNING share_token AS "token!", share_version AS "version!""#,
            id.as_str(),
            viewer.user_id.as_str(),
            self.random_token(),
            to_db(self.now()),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(share)
    }

    /// The link of an artifact of the viewer's, if there is one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn artifact_share(&self, viewer: &Viewer, id: &ArtifactId) -> Result<Option<ArtifactShare>> {
        let share = sqlx::query_as!(
            ArtifactShare,
            r#"SELECT share_token AS "token!", share_version AS "version!" FROM artifacts
               WHERE id = $1 AND user_id = $2 AND share_token IS NOT NULL"#,
            id.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(share)
    }

    /// Takes the link back: from now on it leads to nothing. `false` when there is no such artifact.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unshare_artifact(&self, viewer: &Viewer, id: &ArtifactId) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE artifacts SET share_token = NULL, share_version = NULL, shared_at = NULL
             WHERE id = $1 AND user_id = $2",
            id.as_str(),
            viewer.user_id.as_str(),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}

/// Holds an artifact of the viewer's, and tells its newest version.
async fn lock(tx: &mut sqlx::PgTransaction<'_>, viewer: &Viewer, id: &ArtifactId) -> Result<Option<i32>> {
    let version = sqlx::query_scalar!(
        "SELECT version FROM artifacts WHERE id = $1 AND user_id = $2 FOR UPDATE",
        id.as_str(),
        viewer.user_id.as_str(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(version)
}

/// Writes the artifact as it is now into its versions.
async fn note_version(
    tx: &mut sqlx::PgTransaction<'_>,
    id: &str,
    author: Author,
    model: Option<&str>,
    message: Option<&str>,
    restored_from: Option<i32>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO artifact_versions (artifact_id, version, type, title, content, language, metadata, blob_url, blob_size, author,
                                        model, message_id, restored_from, created_at)
         SELECT id, version, type, title, content, language, metadata, blob_url, blob_size, $2, $3, $4, $5, updated_at
         FROM artifacts WHERE id = $1",
        id,
        author.as_str(),
        model,
        message,
        restored_from,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Puts a file under its name. The lock comes last and is held no longer than that takes.
async fn publish(
    tx: &mut sqlx::PgTransaction<'_>,
    blobs: &Blobs,
    blob: Option<&StoredBlob>,
) -> std::result::Result<(), KeepArtifactError> {
    if let Some(blob) = blob {
        jobs::lock_blob(&mut *tx, blob.key()).await?;
        blobs.publish(blob).await?;
    }
    Ok(())
}

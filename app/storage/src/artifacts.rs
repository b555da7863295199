//! Artifacts and all their versions: nothing is overwritten, and a save says on which version it stands.

mod answers;
mod reading;
mod sharing;
#[cfg(test)]
mod tests;

use cjhirashi_domain::{
    Viewer,
    artifact::{ArtifactTitle, Author},
    id::{ArtifactId, ChatId, MessageId},
};
use serde_json::Value;

pub use answers::{ChatArtifact, Made, MadeArtifact, MadeContent, Texts};
pub(crate) use answers::{artifacts_of, copy, store_made};
pub use reading::{ListedArtifact, OpenedArtifact};
pub use sharing::ArtifactShare;

use crate::{BlobError, BlobKey, Blobs, Result, StorageError, Store, StoredBlob, connect::to_db, jobs};

/// So many a person has at most.
const MOST: i64 = 20_000;
/// So many versions one has at most.
const MOST_VERSIONS: i32 = 10_000;
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

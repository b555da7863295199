//! Artifacts as answers make and change them.

use cjhirashi_domain::{
    artifact::{Author, MessageArtifact},
    id::{ArtifactId, ChatId},
};
use serde_json::Value;
use sqlx::PgTransaction;

use super::note_version;
use crate::{Result, StorageError, Store};

/// The most artifacts of a chat that are looked at.
const MOST: i64 = 1_000;
/// Of so many, the last changed, a model may be told the text.
const MOST_TOLD: i64 = 50;

/// Whose texts are loaded with the artifacts of a chat.
#[derive(Debug, Clone, Copy)]
pub enum Texts<'a> {
    /// Of those of these names, whatever their length: to change them.
    Named(&'a [String]),
    /// Of the last changed that have at most so many bytes: to tell them.
    UpTo(usize),
}

/// An artifact of a chat as a model is told it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatArtifact {
    /// Its id.
    pub id: ArtifactId,
    /// What its model calls it; the id's last characters where a person made it.
    pub identifier: String,
    /// The name of its kind.
    pub kind: String,
    /// What it is called.
    pub title: String,
    /// The programming language.
    pub language: Option<String>,
    /// What else is known of it.
    pub metadata: Value,
    /// The newest version.
    pub version: i32,
    /// Its text; `None` where it lies in a file, or was not asked for.
    pub text: Option<String>,
}

/// What came of an artifact in an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeArtifact {
    /// What is to be stored.
    pub made: Made,
    /// Why nothing came of it: a code of the protocol's errors.
    pub problem: Option<String>,
}

/// What an answer does with an artifact.
#[derive(Debug, Clone, PartialEq)]
pub enum Made {
    /// Nothing; the artifact that was meant, if there is one.
    Nothing(Option<ArtifactId>),
    /// A new one.
    New {
        /// Its id.
        id: ArtifactId,
        /// What the model calls it.
        identifier: String,
        /// The name of its kind.
        kind: String,
        /// What it holds.
        content: MadeContent,
    },
    /// A new version.
    Version {
        /// Of which.
        id: ArtifactId,
        /// The version that it stands on.
        base: i32,
        /// The kind may change with the whole text.
        kind: String,
        /// What it holds.
        content: MadeContent,
    },
}

/// What a version of a model's holds.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeContent {
    /// What it is called.
    pub title: String,
    /// The programming language.
    pub language: Option<String>,
    /// What else is known of it.
    pub metadata: Value,
    /// The text.
    pub text: String,
}

impl Store {
    /// The artifacts that a chat's messages name or that were made in it, the last changed first; with the texts that are
    /// wanted. Asks nobody's leave: for the run that answers in it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn artifacts_in_chat(&self, chat: &ChatId, texts: Texts<'_>) -> Result<Vec<ChatArtifact>> {
        let (names, most) = match texts {
            Texts::Named(names) => (Some(names), None),
            Texts::UpTo(bytes) => (None, Some(i32::try_from(bytes).unwrap_or(i32::MAX))),
        };
        let rows = sqlx::query!(
            r#"WITH here AS (
                   SELECT id FROM artifacts WHERE chat_id = $1
                   UNION
                   SELECT x.artifact_id FROM messages m JOIN message_artifacts x ON x.message_id = m.id
                   WHERE m.chat_id = $1 AND x.artifact_id IS NOT NULL
               ), known AS (
                   SELECT a.id, COALESCE(a.identifier, lower(right(a.id, 8))) AS identifier, a.chat_id = $1 AS own, a.updated_at,
                          row_number() OVER (ORDER BY a.updated_at DESC, a.id) AS place
                   FROM here JOIN artifacts a ON a.id = here.id JOIN chats c ON c.id = $1 AND c.user_id = a.user_id
               )
               SELECT a.id, k.identifier AS "identifier!", a.type AS kind, a.title, a.language, a.metadata, a.version,
                      CASE WHEN a.blob_url IS NULL AND (k.identifier = ANY($3) OR (k.place <= $4 AND octet_length(a.content) <= $5))
                          THEN a.content END AS text
               FROM known k JOIN artifacts a ON a.id = k.id
               ORDER BY k.own DESC NULLS LAST, k.place LIMIT $2"#,
            chat.as_str(),
            MOST,
            names as Option<&[String]>,
            MOST_TOLD,
            most,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(ChatArtifact {
                    id: ArtifactId::parse(row.id.as_str())
                        .map_err(|_| StorageError::corrupt("artifacts", "id", &row.id, &row.id))?,
                    identifier: row.identifier,
                    kind: row.kind,
                    title: row.title,
                    language: row.language,
                    metadata: row.metadata.unwrap_or(Value::Null),
                    version: row.version,
                    text: row.text,
                })
            })
            .collect()
    }
}

/// Stores what an answer made. `false`, and the transaction is of no use any more, when an artifact was changed since.
pub(crate) async fn store_made(
    tx: &mut PgTransaction<'_>,
    message: &str,
    model: &str,
    now: time::OffsetDateTime,
    made: &[MadeArtifact],
) -> Result<bool> {
    sqlx::query!("DELETE FROM message_artifacts WHERE message_id = $1", message).execute(&mut **tx).await?;
    for (made, n) in made.iter().zip(0..) {
        let (id, version) = match &made.made {
            Made::Nothing(id) => (id.as_ref(), None),
            Made::New { id, identifier, kind, content } => {
                let added = sqlx::query!(
                    "INSERT INTO artifacts (id, user_id, message_id, chat_id, identifier, type, title, content, language,
                                            metadata, created_at, updated_at)
                     SELECT $1, c.user_id, m.id, c.id, $3, $4, $5, $6, $7, $8, $9, $9
                     FROM messages m JOIN chats c ON c.id = m.chat_id WHERE m.id = $2
                     ON CONFLICT DO NOTHING",
                    id.as_str(),
                    message,
                    identifier,
                    kind,
                    content.title,
                    content.text,
                    content.language,
                    content.metadata,
                    now,
                )
                .execute(&mut **tx)
                .await?;
                if added.rows_affected() == 0 {
                    return Ok(false);
                }
                note_version(tx, id.as_str(), Author::Model, Some(model), Some(message), None).await?;
                (Some(id), Some(1))
            }
            Made::Version { id, base, kind, content } => {
                let version = sqlx::query_scalar!(
                    "UPDATE artifacts SET type = $3, title = $4, content = $5, language = $6, metadata = $7, blob_url = NULL,
                         blob_size = NULL, version = version + 1, updated_at = $8
                     WHERE id = $1 AND version = $2 RETURNING version",
                    id.as_str(),
                    base,
                    kind,
                    content.title,
                    content.text,
                    content.language,
                    content.metadata,
                    now,
                )
                .fetch_optional(&mut **tx)
                .await?;
                let Some(version) = version else { return Ok(false) };
                note_version(tx, id.as_str(), Author::Model, Some(model), Some(message), None).await?;
                (Some(id), Some(version))
            }
        };
        sqlx::query!(
            // One that was meant may be deleted by now.
            "INSERT INTO message_artifacts (message_id, n, artifact_id, version, problem)
             VALUES ($1, $2, (SELECT id FROM artifacts WHERE id = $3), $4, $5)",
            message,
            n,
            id.map(ArtifactId::as_str),
            version,
            made.problem,
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(true)
}

/// Lets copies of messages show the artifacts that the messages show.
pub(crate) async fn copy(tx: &mut PgTransaction<'_>, old: &[String], new: &[String]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO message_artifacts (message_id, n, artifact_id, version, problem)
         SELECT copy.new, x.n, x.artifact_id, x.version, x.problem
         FROM UNNEST($1::text[], $2::text[]) AS copy (old, new) JOIN message_artifacts x ON x.message_id = copy.old",
        old,
        new,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The artifacts of a message as its row tells them.
pub(crate) fn artifacts_of(message: &str, json: Option<Value>) -> Result<Vec<MessageArtifact>> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_value(json)
        .map_err(|error| StorageError::corrupt("message_artifacts", "artifact_id", message, &error.to_string()))
}

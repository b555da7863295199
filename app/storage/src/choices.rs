//! What is chosen for one chat: who answers in it and how, and which documents its questions search.

use cjhirashi_domain::{
    Viewer,
    id::{ChatId, DocumentId, MessageId},
    settings::Choices,
};

use crate::{Result, StorageError, Store, connect::to_db};

pub(crate) struct ChoicesRow {
    pub(crate) model: Option<String>,
    pub(crate) temperature: Option<f64>,
    pub(crate) max_tokens: Option<i32>,
    pub(crate) rag_enabled: Option<bool>,
    pub(crate) document_ids: Vec<String>,
}

impl From<ChoicesRow> for Choices {
    fn from(row: ChoicesRow) -> Self {
        let ChoicesRow { model, temperature, max_tokens, rag_enabled, document_ids } = row;
        let documents = document_ids.into_iter().filter_map(|id| DocumentId::parse(id).ok()).collect();
        Self { model, temperature, max_tokens, rag_enabled, documents }
    }
}

pub(crate) fn ids(documents: &[DocumentId]) -> Vec<String> {
    documents.iter().map(|id| id.as_str().to_owned()).collect()
}

/// What an answer is told of the place where its chat is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The instructions of its folder.
    pub instructions: String,
    /// What it searches alone: labels of documents, and ids of documents. All documents when there are none.
    pub only: Vec<String>,
}

impl Store {
    /// What is chosen for a chat of the viewer's; nothing when there is no such chat.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn choices_of(&self, viewer: &Viewer, chat: &ChatId) -> Result<Choices> {
        let row = sqlx::query_as!(
            ChoicesRow,
            "SELECT model, temperature, max_tokens, rag_enabled, document_ids FROM chats WHERE id = $1 AND user_id = $2",
            chat.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(Choices::from).unwrap_or_default())
    }

    /// The same, of the chat of a message of the viewer's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn choices_around(&self, viewer: &Viewer, message: &MessageId) -> Result<Choices> {
        let row = sqlx::query_as!(
            ChoicesRow,
            "SELECT c.model, c.temperature, c.max_tokens, c.rag_enabled, c.document_ids
             FROM messages m JOIN chats c ON c.id = m.chat_id WHERE m.id = $1 AND c.user_id = $2",
            message.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(Choices::from).unwrap_or_default())
    }

    /// Chooses for a chat of the viewer's; `false` when there is no such chat.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn choose(&self, viewer: &Viewer, chat: &ChatId, choices: &Choices) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE chats SET model = $3, temperature = $4, max_tokens = $5, rag_enabled = $6, document_ids = $7,
                 updated_at = $8, revision = revision + 1
             WHERE id = $1 AND user_id = $2",
            chat.as_str(),
            viewer.user_id.as_str(),
            choices.model,
            choices.temperature,
            choices.max_tokens,
            choices.rag_enabled,
            &ids(&choices.documents),
            to_db(self.now()),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// What surrounds the chat of an answer. Asks nobody's leave: for the run that answers in it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn surroundings(&self, answer: &MessageId) -> Result<Surroundings> {
        let row = sqlx::query!(
            r#"SELECT COALESCE(f.instructions, '') AS "instructions!",
                      COALESCE(f.document_tags, '{}') || c.document_ids AS "only!"
               FROM messages m JOIN chats c ON c.id = m.chat_id LEFT JOIN folders f ON f.id = c.folder_id
               WHERE m.id = $1"#,
            answer.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Surroundings { instructions: row.instructions, only: row.only }).unwrap_or_default())
    }

    /// The newest documents that the viewer can read, with their titles; at most `limit`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_titles(&self, viewer: &Viewer, limit: i64) -> Result<Vec<(DocumentId, String)>> {
        let rows = sqlx::query!(
            "SELECT id, title FROM documents WHERE deleted_at IS NULL AND version > 0 AND (user_id IS NULL OR user_id = $1)
             ORDER BY updated_at DESC, id LIMIT $2",
            viewer.user_id.as_str(),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let id = DocumentId::parse(row.id.as_str());
                Ok((id.map_err(|_| StorageError::corrupt("documents", "id", &row.id, &row.id))?, row.title))
            })
            .collect()
    }

    /// Titles of documents in their order; `None` for what the viewer cannot read, or is gone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn titles_of(&self, viewer: &Viewer, documents: &[DocumentId]) -> Result<Vec<Option<String>>> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let titles = sqlx::query_scalar!(
            r#"SELECT d.title AS "title?" FROM UNNEST($1::text[]) WITH ORDINALITY AS wanted (id, place)
               LEFT JOIN documents d ON d.id = wanted.id AND d.deleted_at IS NULL AND (d.user_id IS NULL OR d.user_id = $2)
               ORDER BY wanted.place"#,
            &ids(documents),
            viewer.user_id.as_str(),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(titles)
    }

    /// The newest document of this title that the viewer can read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_by_title(&self, viewer: &Viewer, title: &str) -> Result<Option<DocumentId>> {
        let id = sqlx::query_scalar!(
            "SELECT id FROM documents
             WHERE deleted_at IS NULL AND version > 0 AND (user_id IS NULL OR user_id = $1) AND lower(title) = lower($2)
             ORDER BY updated_at DESC LIMIT 1",
            viewer.user_id.as_str(),
            title,
        )
        .fetch_optional(&self.pool)
        .await?;
        id.map(|id| DocumentId::parse(id.as_str()).map_err(|_| StorageError::corrupt("documents", "id", &id, &id)))
            .transpose()
    }
}

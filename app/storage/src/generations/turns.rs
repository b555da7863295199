//! Turns: a question, the place of its answer, and the run that fills it.

use cjhirashi_domain::{
    Timestamp, Viewer,
    chat::ChatSummary,
    id::{ChatId, FolderId, GenerationId, ImageId, MessageId},
    settings::Choices,
    text::{ChatTitle, MessageText},
};

use sqlx::PgTransaction;

use crate::{
    Result, StorageError, Store,
    chats::ChatRow,
    choices::ids,
    connect::{from_db, to_db},
    images::{self, Question},
    messages::read_tree,
};

/// Constraints that a second question at the same moment runs into.
pub(super) const ONE_PER_CHAT: &str = "generations_one_per_chat";
pub(super) const MESSAGE_KEY: &str = "messages_pkey";

/// A question to be stored with the place for its answer.
#[derive(Debug, Clone, Copy)]
pub struct NewTurn<'a> {
    /// Who asks.
    pub viewer: &'a Viewer,
    /// In which chat; a new one when absent.
    pub chat: Option<&'a ChatId>,
    /// The question of that chat beside which this one stands; it follows the shown branch when absent.
    pub instead_of: Option<&'a MessageId>,
    /// The name of a new chat.
    pub title: &'a ChatTitle,
    /// The question.
    pub text: &'a MessageText,
    /// The images that it is about: not sent yet, or those of the question that it is asked instead of, which it gets copies of.
    pub images: &'a [ImageId],
    /// The question's id as the sender chose it, so that sending twice is harmless.
    pub message: Option<&'a MessageId>,
    /// Which model will answer.
    pub model: &'a str,
    /// A new chat is kept in no list, and for a day only.
    pub temporary: bool,
    /// The folder of a new chat; one that is not the viewer's is none.
    pub folder: Option<&'a FolderId>,
    /// What is chosen for a new chat.
    pub choices: &'a Choices,
}

/// A question, the place of its answer, and the run that fills it.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The chat.
    pub chat: ChatSummary,
    /// The question, where the chat has one before the answer.
    pub user_message: Option<MessageId>,
    /// The answer.
    pub assistant_message: MessageId,
    /// The run.
    pub generation: GenerationId,
    /// When the question was committed.
    pub started_at: Timestamp,
    /// Whether the chat's surroundings have something to say: it is in a folder, or searches some documents alone.
    pub narrowed: bool,
}

/// What came of starting a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnOutcome {
    /// Stored; now somebody must run it.
    Started(Turn),
    /// This question was stored before; its run is under way or over.
    Repeated(Turn),
    /// Another answer of the chat is being written, or other questions wait to be asked.
    Busy,
    /// No such chat or message of the viewer.
    NotFound,
    /// One of the images is not there, or was sent before.
    NoImage,
}

struct TurnRow {
    chat_id: String,
    title: String,
    created_at: time::OffsetDateTime,
    updated_at: time::OffsetDateTime,
    answering: bool,
    user_message: Option<String>,
    assistant_message: String,
    generation: String,
    started_at: time::OffsetDateTime,
    narrowed: bool,
}

/// The chat of an answer that is to be written, as its change told it.
struct AnswerChat {
    id: String,
    title: String,
    created_at: time::OffsetDateTime,
    /// The question, where there is one.
    parent_id: Option<String>,
    narrowed: bool,
}

impl AnswerChat {
    /// The turn that begins now.
    fn begin(self, answer: MessageId, generation: GenerationId, now: Timestamp) -> Result<TurnOutcome> {
        let row = TurnRow {
            chat_id: self.id,
            title: self.title,
            created_at: self.created_at,
            updated_at: to_db(now),
            answering: true,
            user_message: self.parent_id,
            assistant_message: answer.into_string(),
            generation: generation.into_string(),
            started_at: to_db(now),
            narrowed: self.narrowed,
        };
        Ok(TurnOutcome::Started(row.try_into()?))
    }
}

impl TryFrom<TurnRow> for Turn {
    type Error = StorageError;

    fn try_from(row: TurnRow) -> Result<Self> {
        let corrupt = |column, value: &str| StorageError::corrupt("generations", column, value, value);
        Ok(Self {
            user_message: row
                .user_message
                .map(|id| MessageId::parse(id.as_str()).map_err(|_| corrupt("parent_id", &id)))
                .transpose()?,
            assistant_message: MessageId::parse(row.assistant_message.as_str())
                .map_err(|_| corrupt("message_id", &row.assistant_message))?,
            generation: GenerationId::parse(row.generation.as_str()).map_err(|_| corrupt("id", &row.generation))?,
            started_at: from_db(row.started_at),
            narrowed: row.narrowed,
            chat: ChatRow {
                id: row.chat_id,
                title: row.title,
                created_at: row.created_at,
                updated_at: row.updated_at,
                answering: row.answering,
            }
            .try_into()?,
        })
    }
}

/// Where a question is put in a chat that is held for it.
pub(super) struct Place {
    chat: ChatSummary,
    parent: Option<String>,
    /// When the chat's newest message was made.
    newest: Option<Timestamp>,
    narrowed: bool,
    /// Whether other questions wait to be asked.
    waits: bool,
}

/// Holds a chat of the viewer's against everybody who would change it, says that it changes, and finds the place of a
/// question: after the end of the shown branch, or where the question stands that it is asked instead of.
pub(super) async fn hold_chat(
    tx: &mut PgTransaction<'_>,
    viewer: &Viewer,
    chat: &ChatId,
    instead_of: Option<&MessageId>,
    now: Timestamp,
) -> Result<Option<Place>> {
    let held = sqlx::query!(
        "UPDATE chats SET updated_at = $3, revision = revision + 1 WHERE id = $1 AND user_id = $2
         RETURNING title, created_at, (folder_id IS NOT NULL OR document_ids <> '{}') AS \"narrowed!\"",
        chat.as_str(),
        viewer.user_id.as_str(),
        to_db(now),
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(held) = held else { return Ok(None) };
    let found = sqlx::query!(
        "SELECT newest.created_at AS \"newest?\",
                CASE WHEN $2::text IS NULL THEN COALESCE(c.leaf_id, newest.id) ELSE other.parent_id END AS parent,
                $2 IS NOT NULL AND other.id IS NULL AS \"nowhere!\",
                EXISTS (SELECT FROM queued_messages q WHERE q.chat_id = c.id) AS \"waits!\"
         FROM chats c
         LEFT JOIN LATERAL (
             SELECT id, created_at FROM messages WHERE chat_id = c.id ORDER BY created_at DESC, id DESC LIMIT 1
         ) newest ON true
         LEFT JOIN messages other ON other.id = $2 AND other.chat_id = c.id AND other.role = 'user'
         WHERE c.id = $1",
        chat.as_str(),
        instead_of.map(MessageId::as_str),
    )
    .fetch_one(&mut **tx)
    .await?;
    if found.nowhere {
        return Ok(None);
    }
    let chat = ChatSummary {
        id: chat.clone(),
        title: held.title,
        created_at: from_db(held.created_at),
        updated_at: now,
        answering: true,
    };
    let (newest, narrowed) = (found.newest.map(from_db), held.narrowed);
    Ok(Some(Place { chat, parent: found.parent, newest, narrowed, waits: found.waits }))
}

impl Store {
    /// Stores a question, the empty answer after it and the run, in one transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start_turn(&self, turn: NewTurn<'_>) -> Result<TurnOutcome> {
        match self.try_start_turn(turn).await {
            Err(StorageError::Constraint(name)) if name == ONE_PER_CHAT || name == MESSAGE_KEY => {}
            Ok(TurnOutcome::Busy) => {}
            other => return other,
        }
        // Asked twice is rare: who asks once does not wait until it is known that they did.
        match turn.message {
            Some(message) if self.message_exists(message).await? => self.find_turn(turn.viewer, message).await,
            _ => Ok(TurnOutcome::Busy),
        }
    }

    async fn try_start_turn(&self, turn: NewTurn<'_>) -> Result<TurnOutcome> {
        let now = self.now();
        let mut tx = self.pool.begin().await?;
        let place = match turn.chat {
            Some(chat) => {
                let place = hold_chat(&mut tx, turn.viewer, chat, turn.instead_of, now).await?;
                let Some(place) = place else { return Ok(TurnOutcome::NotFound) };
                // What was sent before is asked before; an edited question has its own place.
                if place.waits && turn.instead_of.is_none() {
                    return Ok(TurnOutcome::Busy);
                }
                place
            }
            // What is asked instead of another question stands in that one's chat.
            None if turn.instead_of.is_some() => return Ok(TurnOutcome::NotFound),
            None => {
                let id = ChatId::new(now, self.random());
                sqlx::query!(
                    "INSERT INTO chats (id, user_id, title, created_at, updated_at, revision, titled_by, temporary, model,
                                        temperature, max_tokens, rag_enabled, document_ids, folder_id)
                     VALUES ($1, $2, $3, $4, $4, 1, 'question', $5, $6, $7, $8, $9, $10,
                             (SELECT id FROM folders WHERE id = $11 AND user_id = $2))",
                    id.as_str(),
                    turn.viewer.user_id.as_str(),
                    turn.title.as_str(),
                    to_db(now),
                    turn.temporary,
                    turn.choices.model,
                    turn.choices.temperature,
                    turn.choices.max_tokens,
                    turn.choices.rag_enabled,
                    &ids(&turn.choices.documents),
                    turn.folder.map(FolderId::as_str),
                )
                .execute(&mut *tx)
                .await?;
                let title = turn.title.as_str().to_owned();
                let chat = ChatSummary { id, title, created_at: now, updated_at: now, answering: true };
                let narrowed = turn.folder.is_some() || !turn.choices.documents.is_empty();
                Place { chat, parent: None, newest: None, narrowed, waits: false }
            }
        };
        let message = turn.message.cloned().unwrap_or_else(|| MessageId::new(now, self.random()));
        let NewTurn { viewer, text, model, images: own, instead_of, .. } = turn;
        let turn = self.ask_at(&mut tx, viewer, place, message.clone(), text.as_str(), model, now).await?;
        let copied = match instead_of {
            Some(other) => images::copy_some(&mut tx, own, other, &message).await?,
            None => 0,
        };
        if images::attach(&mut tx, viewer, own, Question::Asked(&message)).await? + copied != own.len() as u64 {
            return Ok(TurnOutcome::NoImage);
        }
        tx.commit().await?;
        Ok(TurnOutcome::Started(turn))
    }

    /// Stores a question at its place, the empty answer after it and the run.
    #[expect(clippy::too_many_arguments, reason = "each is one column's")]
    pub(super) async fn ask_at(
        &self,
        tx: &mut PgTransaction<'_>,
        viewer: &Viewer,
        place: Place,
        user_message: MessageId,
        text: &str,
        model: &str,
        now: Timestamp,
    ) -> Result<Turn> {
        // Messages are read in the order of their times, so a clock that went back must not put a question before
        // the answer it follows.
        let asked_at = place.newest.map_or(now, |newest| now.max(newest.plus_millis(1)));
        let assistant_message = MessageId::new(asked_at.plus_millis(1), self.random());
        let generation = GenerationId::new(now, self.random());
        sqlx::query!(
            "WITH question AS (
                 INSERT INTO messages (id, chat_id, role, content, parent_id, created_at)
                 VALUES ($1, $2, 'user', $3, $4, $5)
             ), answer AS (
                 INSERT INTO messages (id, chat_id, role, content, parent_id, created_at, status, model)
                 VALUES ($6, $2, 'assistant', '', $1, $7, 'streaming', $8)
             ), shown AS (
                 UPDATE chats SET leaf_id = $6 WHERE id = $2
             )
             INSERT INTO generations (id, chat_id, message_id, user_id, model, started_at)
             VALUES ($9, $2, $6, $10, $8, $11)",
            user_message.as_str(),
            place.chat.id.as_str(),
            text,
            place.parent,
            to_db(asked_at),
            assistant_message.as_str(),
            to_db(asked_at.plus_millis(1)),
            model,
            generation.as_str(),
            viewer.user_id.as_str(),
            to_db(now),
        )
        .execute(&mut **tx)
        .await?;
        let Place { chat, narrowed, .. } = place;
        Ok(Turn { chat, user_message: Some(user_message), assistant_message, generation, started_at: now, narrowed })
    }

    /// Begins another answer to the question of `answer`, which stands beside it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn answer_again(&self, viewer: &Viewer, answer: &MessageId, model: &str) -> Result<TurnOutcome> {
        match self.try_answer_again(viewer, answer, model).await {
            Err(StorageError::Constraint(name)) if name == ONE_PER_CHAT => Ok(TurnOutcome::Busy),
            other => other,
        }
    }

    async fn try_answer_again(&self, viewer: &Viewer, answer: &MessageId, model: &str) -> Result<TurnOutcome> {
        let now = self.now();
        let mut tx = self.pool.begin().await?;
        match self.take_chat(&mut tx, viewer, answer, now).await? {
            Some(chat) => self.answer_beside(tx, viewer, chat, model, now).await,
            None => Ok(TurnOutcome::NotFound),
        }
    }

    /// An answer beside those that the question has, in a chat that is held.
    async fn answer_beside(
        &self,
        mut tx: PgTransaction<'_>,
        viewer: &Viewer,
        chat: AnswerChat,
        model: &str,
        now: Timestamp,
    ) -> Result<TurnOutcome> {
        let newest = sqlx::query_scalar!("SELECT max(created_at) FROM messages WHERE chat_id = $1", chat.id)
            .fetch_one(&mut *tx)
            .await?;
        let at = newest.map_or(now, |newest| now.max(from_db(newest).plus_millis(1)));
        let (message, generation) = (MessageId::new(at, self.random()), GenerationId::new(now, self.random()));
        sqlx::query!(
            "WITH answer AS (
                 INSERT INTO messages (id, chat_id, role, content, parent_id, created_at, status, model)
                 VALUES ($1, $2, 'assistant', '', $3, $4, 'streaming', $5)
             ), shown AS (
                 UPDATE chats SET leaf_id = $1 WHERE id = $2
             )
             INSERT INTO generations (id, chat_id, message_id, user_id, model, started_at)
             VALUES ($6, $2, $1, $7, $5, $8)",
            message.as_str(),
            chat.id,
            chat.parent_id,
            to_db(at),
            model,
            generation.as_str(),
            viewer.user_id.as_str(),
            to_db(now),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        chat.begin(message, generation, now)
    }

    /// Holds the chat of an answer of the viewer's against everybody who would change it, and says that it changes. What is
    /// asked next sees what was there when it was held.
    async fn take_chat(
        &self,
        tx: &mut PgTransaction<'_>,
        viewer: &Viewer,
        answer: &MessageId,
        now: Timestamp,
    ) -> Result<Option<AnswerChat>> {
        let chat = sqlx::query_as!(
            AnswerChat,
            r#"UPDATE chats SET updated_at = $3, revision = revision + 1
               FROM messages answer
               WHERE answer.id = $1 AND answer.role = 'assistant' AND chats.id = answer.chat_id AND chats.user_id = $2
               RETURNING chats.id, chats.title, chats.created_at, answer.parent_id,
                   (chats.folder_id IS NOT NULL OR chats.document_ids <> '{}') AS "narrowed!""#,
            answer.as_str(),
            viewer.user_id.as_str(),
            to_db(now),
        )
        .fetch_optional(&mut **tx)
        .await?;
        Ok(chat)
    }

    async fn message_exists(&self, message: &MessageId) -> Result<bool> {
        let exists =
            sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM messages WHERE id = $1) AS "exists!""#, message.as_str())
                .fetch_one(&self.pool)
                .await?;
        Ok(exists)
    }

    /// The turn that a question began, when the question is the viewer's.
    async fn find_turn(&self, viewer: &Viewer, message: &MessageId) -> Result<TurnOutcome> {
        let row = sqlx::query_as!(
            TurnRow,
            r#"SELECT c.id AS chat_id, c.title, c.created_at, c.updated_at, g.status = 'streaming' AS "answering!",
                      m.id AS "user_message?", a.id AS assistant_message, g.id AS generation, g.started_at,
                      (c.folder_id IS NOT NULL OR c.document_ids <> '{}') AS "narrowed!"
               FROM messages m
               JOIN chats c ON c.id = m.chat_id
               JOIN messages a ON a.parent_id = m.id AND a.role = 'assistant'
               JOIN generations g ON g.message_id = a.id
               WHERE m.id = $1 AND m.role = 'user' AND c.user_id = $2
               ORDER BY g.started_at DESC, g.id DESC
               LIMIT 1"#,
            message.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        match row {
            Some(row) => Ok(TurnOutcome::Repeated(row.try_into()?)),
            None => Ok(TurnOutcome::NotFound),
        }
    }

    /// Begins a new run for an answer that is there: in its place when it has not a word, beside it otherwise, so that
    /// nothing that was said is lost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn restart_turn(&self, viewer: &Viewer, answer: &MessageId, model: &str) -> Result<TurnOutcome> {
        match self.try_restart_turn(viewer, answer, model).await {
            Err(StorageError::Constraint(name)) if name == ONE_PER_CHAT => Ok(TurnOutcome::Busy),
            other => other,
        }
    }

    async fn try_restart_turn(&self, viewer: &Viewer, answer: &MessageId, model: &str) -> Result<TurnOutcome> {
        let now = self.now();
        let generation = GenerationId::new(now, self.random());
        let mut tx = self.pool.begin().await?;
        let Some(chat) = self.take_chat(&mut tx, viewer, answer, now).await? else { return Ok(TurnOutcome::NotFound) };
        // By a statement of its own: another run may have ended while the chat was waited for.
        let says =
            sqlx::query_scalar!(r#"SELECT content <> '' AS "says!" FROM messages WHERE id = $1"#, answer.as_str())
                .fetch_optional(&mut *tx)
                .await?;
        let Some(says) = says else { return Ok(TurnOutcome::NotFound) };
        if says {
            return self.answer_beside(tx, viewer, chat, model, now).await;
        }
        // It may stand in a branch that is not shown.
        let id =
            ChatId::parse(chat.id.as_str()).map_err(|_| StorageError::corrupt("chats", "id", &chat.id, &chat.id))?;
        let tree = read_tree(&mut *tx, &id).await?;
        sqlx::query!(
            "WITH answer AS (
                 UPDATE messages SET status = 'streaming', error = NULL WHERE id = $3
             ), shown AS (
                 UPDATE chats SET leaf_id = $7 WHERE id = $2
             ), forgotten AS (
                 -- A summary of what follows knows nothing of what is said now.
                 DELETE FROM chat_summaries WHERE message_id IN (SELECT id FROM messages WHERE chat_id = $2)
             )
             INSERT INTO generations (id, chat_id, message_id, user_id, model, started_at)
             VALUES ($1, $2, $3, $5, $4, $6)",
            generation.as_str(),
            chat.id,
            answer.as_str(),
            model,
            viewer.user_id.as_str(),
            to_db(now),
            tree.newest_leaf(answer.as_str()),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        chat.begin(answer.clone(), generation, now)
    }
}

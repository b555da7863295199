//! Questions that wait until the answer before them has ended.

use cjhirashi_domain::{
    Viewer,
    chat::QueuedMessage,
    id::{ChatId, ImageId, MessageId, UserId},
    text::MessageText,
    user::Role,
};

use super::turns::{MESSAGE_KEY, ONE_PER_CHAT, TurnOutcome, hold_chat};
use crate::{
    Result, StorageError, Store,
    connect::to_db,
    images::{self, Question},
};

/// So many questions wait in a chat at most.
const MAX_WAITING: i64 = 20;

/// What came of putting a question into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queueing {
    /// It waits there, or did so before.
    Waits,
    /// As many wait as may.
    Full,
    /// No such chat of the viewer, or the id is that of another question.
    NotFound,
    /// One of the images is not there, or was sent before.
    NoImage,
}

impl Store {
    /// Puts a question at the end of a chat's queue. The same id twice is one question.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn queue_message(
        &self,
        viewer: &Viewer,
        chat: &ChatId,
        message: Option<&MessageId>,
        text: &MessageText,
        images: &[ImageId],
    ) -> Result<Queueing> {
        let now = self.now();
        let id = message.cloned().unwrap_or_else(|| MessageId::new(now, self.random()));
        let mut tx = self.pool.begin().await?;
        let held = sqlx::query!(
            "UPDATE chats SET updated_at = $3, revision = revision + 1, queue_changes = queue_changes + 1
             WHERE id = $1 AND user_id = $2",
            chat.as_str(),
            viewer.user_id.as_str(),
            to_db(now),
        )
        .execute(&mut *tx)
        .await?;
        if held.rows_affected() == 0 {
            return Ok(Queueing::NotFound);
        }
        let waiting = sqlx::query_scalar!(
            r#"SELECT count(*) AS "waiting!" FROM queued_messages WHERE chat_id = $1 AND id <> $2"#,
            chat.as_str(),
            id.as_str(),
        )
        .fetch_one(&mut *tx)
        .await?;
        if waiting >= MAX_WAITING {
            return Ok(Queueing::Full);
        }
        // Sent twice, it is there already; it may have been asked in between, and is in the chat. Under an id that is in
        // another chat it would be lost.
        let there = sqlx::query_scalar!(
            r#"WITH there AS (
                   SELECT chat_id FROM messages WHERE id = $1
                   UNION ALL SELECT chat_id FROM queued_messages WHERE id = $1
               ), added AS (
                   INSERT INTO queued_messages (id, chat_id, content, created_at)
                   SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM there)
               )
               SELECT (SELECT chat_id FROM there LIMIT 1) AS chat"#,
            id.as_str(),
            chat.as_str(),
            text.as_str(),
            to_db(now),
        )
        .fetch_one(&mut *tx)
        .await?;
        match there {
            Some(there) if there != chat.as_str() => return Ok(Queueing::NotFound),
            Some(_) => {}
            None => {
                if images::attach(&mut tx, viewer, images, Question::Waiting(&id)).await? != images.len() as u64 {
                    return Ok(Queueing::NoImage);
                }
            }
        }
        tx.commit().await?;
        Ok(Queueing::Waits)
    }

    /// Gives a waiting question of the viewer's other words, or takes it out of its queue when there are none. Its chat;
    /// `None` when no such question waits any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn change_queued(
        &self,
        viewer: &Viewer,
        message: &MessageId,
        text: Option<&MessageText>,
    ) -> Result<Option<ChatId>> {
        let mut tx = self.pool.begin().await?;
        // The chat before its queue, as everybody does it.
        let chat = sqlx::query_scalar!(
            "UPDATE chats SET queue_changes = queue_changes + 1
             FROM queued_messages q WHERE q.id = $1 AND chats.id = q.chat_id AND chats.user_id = $2
             RETURNING chats.id",
            message.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(chat) = chat else { return Ok(None) };
        let done = match text {
            Some(text) => {
                sqlx::query!("UPDATE queued_messages SET content = $2 WHERE id = $1", message.as_str(), text.as_str())
                    .execute(&mut *tx)
                    .await?
            }
            None => {
                sqlx::query!("DELETE FROM queued_messages WHERE id = $1", message.as_str()).execute(&mut *tx).await?
            }
        };
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        tx.commit().await?;
        ChatId::parse(chat.as_str()).map(Some).map_err(|_| StorageError::corrupt("chats", "id", &chat, &chat))
    }

    /// Begins the answer to the question that has waited longest in a chat; [`TurnOutcome::NotFound`] when none waits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start_queued_turn(&self, viewer: &Viewer, chat: &ChatId, model: &str) -> Result<TurnOutcome> {
        let mut started = self.try_start_queued_turn(viewer, chat, model, false).await;
        // Somebody sent another question under its id meanwhile: it is asked under one of ours.
        if matches!(&started, Err(StorageError::Constraint(name)) if name == MESSAGE_KEY) {
            started = self.try_start_queued_turn(viewer, chat, model, true).await;
        }
        match started {
            Err(StorageError::Constraint(name)) if name == ONE_PER_CHAT => Ok(TurnOutcome::Busy),
            other => other,
        }
    }

    async fn try_start_queued_turn(
        &self,
        viewer: &Viewer,
        chat: &ChatId,
        model: &str,
        renamed: bool,
    ) -> Result<TurnOutcome> {
        let now = self.now();
        let mut tx = self.pool.begin().await?;
        let Some(place) = hold_chat(&mut tx, viewer, chat, None, now).await? else { return Ok(TurnOutcome::NotFound) };
        let other = renamed.then(|| MessageId::new(now, self.random()));
        // Before it leaves the queue, which takes with it what belongs to it.
        sqlx::query!(
            "UPDATE images SET message_id = COALESCE($2, queued_id), queued_id = NULL
             WHERE queued_id = (SELECT id FROM queued_messages WHERE chat_id = $1 ORDER BY place LIMIT 1)",
            chat.as_str(),
            other.as_ref().map(MessageId::as_str),
        )
        .execute(&mut *tx)
        .await?;
        let next = sqlx::query!(
            "WITH next AS (
                 DELETE FROM queued_messages
                 WHERE id = (SELECT id FROM queued_messages WHERE chat_id = $1 ORDER BY place LIMIT 1)
                     -- Nothing is asked for somebody who may not come in any more.
                     AND EXISTS (SELECT FROM users WHERE id = $2 AND disabled_at IS NULL)
                 RETURNING id, content
             ), freed AS (
                 UPDATE queued_messages SET held = false WHERE chat_id = $1 AND held
                     AND id NOT IN (SELECT id FROM next)
             ), told AS (
                 UPDATE chats SET queue_changes = queue_changes + 1 WHERE id = $1
             )
             SELECT id, content FROM next",
            chat.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(next) = next else { return Ok(TurnOutcome::NotFound) };
        let message = MessageId::parse(next.id.as_str());
        let message = message.map_err(|_| StorageError::corrupt("queued_messages", "id", &next.id, &next.id))?;
        let message = other.unwrap_or(message);
        let turn = self.ask_at(&mut tx, viewer, place, message, &next.content, model, now).await?;
        tx.commit().await?;
        Ok(TurnOutcome::Started(turn))
    }

    /// Chats whose queue could go on: no answer is being written, none ended in the last `millis`, and whoever should have
    /// asked the next question did not. With their owners.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn idle_queues(&self, millis: i64) -> Result<Vec<(Viewer, ChatId)>> {
        let rows = sqlx::query!(
            "SELECT c.id, c.user_id, u.role
             FROM chats c
             JOIN users u ON u.id = c.user_id AND u.disabled_at IS NULL
             WHERE c.id IN (SELECT chat_id FROM queued_messages WHERE NOT held)
                 AND NOT EXISTS (
                     SELECT FROM generations g WHERE g.chat_id = c.id AND (g.status = 'streaming' OR g.ended_at >= $1)
                 )
             ORDER BY c.updated_at LIMIT 100",
            to_db(self.now().plus_millis(-millis)),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let corrupt = |column, value: &str| StorageError::corrupt("chats", column, &row.id, value);
                let user_id = UserId::parse(row.user_id.as_str()).map_err(|_| corrupt("user_id", &row.user_id))?;
                let role = Role::parse(&row.role).ok_or_else(|| corrupt("role", &row.role))?;
                let chat = ChatId::parse(row.id.as_str()).map_err(|_| corrupt("id", &row.id))?;
                Ok((Viewer { user_id, role }, chat))
            })
            .collect()
    }
}

/// The waiting questions of a chat as its row tells them.
pub(crate) fn queue(chat: &str, json: Option<serde_json::Value>) -> Result<Vec<QueuedMessage>> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_value(json)
        .map_err(|error| StorageError::corrupt("queued_messages", "id", chat, &error.to_string()))
}

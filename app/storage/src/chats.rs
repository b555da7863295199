//! Conversations. A chat is its owner's alone: every query carries the viewer's id.

use cjhirashi_domain::{
    Timestamp, Viewer,
    chat::{ChatSummary, Filing, Message, QueuedMessage},
    event::ChatNotice,
    id::{ChatId, MessageId, UserId},
    settings::Choices,
    text::ChatTitle,
};
use time::OffsetDateTime;

use crate::{
    Arrange, Result, StorageError, Store,
    choices::ChoicesRow,
    connect::{from_db, to_db},
    folders::folder_id,
    generations::queue,
    notices::{Channel, Listener},
};

/// Where a page of [`Store::list_chats`] ended: the last chat it showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatCursor {
    /// Its last change.
    pub updated_at: Timestamp,
    /// Its id.
    pub id: ChatId,
}

/// Hears of every change of a person's chats, whichever replica made it.
#[derive(Debug)]
pub struct ChatListener {
    user: UserId,
    listener: Listener,
}

impl ChatListener {
    /// The next change.
    ///
    /// # Errors
    /// When the connection is lost and none can be made.
    pub async fn next(&mut self) -> Result<ChatNotice> {
        loop {
            let Some(notice) = self.listener.next().await? else { return Ok(ChatNotice::default()) };
            let mut words = notice.split(' ');
            if words.next() != Some(self.user.as_str()) {
                continue;
            }
            return Ok(ChatNotice {
                chat: words.next().and_then(|id| ChatId::parse(id).ok()),
                queue: words.next().and_then(|changes| changes.parse().ok()).unwrap_or_default(),
                leaf: words.next().and_then(|id| MessageId::parse(id).ok()),
            });
        }
    }
}

/// Which chats a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// All of them.
    All,
    /// Those that are not pinned: these have a list of their own.
    Unpinned,
}

/// How much of a chat's shown branch is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// All messages of the chat, also those of other branches, in the order of their times.
    Everything,
    /// So many messages at its end.
    Last(usize),
}

/// What is shown of a chat.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatPage {
    /// The chat.
    pub summary: ChatSummary,
    /// Its revision: grows with every change of the chat, its messages, or a document they cite, but not with the text
    /// of an answer while that is being written.
    pub revision: i64,
    /// The messages of the shown branch, oldest first.
    pub messages: Vec<Message>,
    /// Where it is kept.
    pub filing: Filing,
    /// What is chosen for it.
    pub choices: Choices,
    /// Messages of the branch before these.
    pub earlier: usize,
    /// Questions that wait to be asked, in their order.
    pub queue: Vec<QueuedMessage>,
    /// Another number when the queue has changed.
    pub queue_changes: i32,
    /// Where the shown branch ends; `None` in a chat without messages.
    pub leaf: Option<MessageId>,
}

pub(crate) struct ChatRow {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) updated_at: OffsetDateTime,
    pub(crate) answering: bool,
}

impl TryFrom<ChatRow> for ChatSummary {
    type Error = StorageError;

    fn try_from(row: ChatRow) -> Result<Self> {
        Ok(Self {
            id: ChatId::parse(row.id.as_str()).map_err(|_| StorageError::corrupt("chats", "id", &row.id, &row.id))?,
            title: row.title,
            created_at: from_db(row.created_at),
            updated_at: from_db(row.updated_at),
            answering: row.answering,
        })
    }
}

impl Store {
    /// Begins to hear of changes of a person's chats.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn listen_to_chats(&self, user: &UserId) -> Result<ChatListener> {
        Ok(ChatListener { user: user.clone(), listener: self.notices.listen(Channel::Chats).await? })
    }

    /// A person's chats, the one that changed last first; at most `limit`, after `before` when it is given. Archived and
    /// temporary ones are not listed; they open by their address.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_chats(
        &self,
        user: &UserId,
        listed: Listed,
        limit: i64,
        before: Option<&ChatCursor>,
    ) -> Result<Vec<ChatSummary>> {
        let (before_at, before_id) = before.map(|cursor| (to_db(cursor.updated_at), cursor.id.as_str())).unzip();
        sqlx::query_as!(
            ChatRow,
            r#"SELECT id, title, created_at, updated_at,
                      EXISTS (SELECT FROM generations g WHERE g.chat_id = chats.id AND g.status = 'streaming') AS "answering!"
               FROM chats
               WHERE user_id = $1 AND NOT archived AND NOT temporary AND (pinned_at IS NULL OR $5)
                   AND ($2::timestamptz IS NULL OR (updated_at, id) < ($2, $3::text))
               ORDER BY updated_at DESC, id DESC
               LIMIT $4"#,
            user.as_str(),
            before_at,
            before_id,
            limit.clamp(1, 1000),
            listed == Listed::All,
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(ChatSummary::try_from)
        .collect()
    }

    /// A chat's revision: whether the viewer may read it, and the key under which a cache keeps it, in one look-up
    /// of an index.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn chat_revision(&self, viewer: &Viewer, chat: &ChatId) -> Result<Option<i64>> {
        let revision = sqlx::query_scalar!(
            "SELECT revision FROM chats WHERE id = $1 AND user_id = $2",
            chat.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(revision)
    }

    /// A chat with the messages of its shown branch, in as many queries whether it has one message or a thousand.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_chat(&self, viewer: &Viewer, chat: &ChatId, part: Part) -> Result<Option<ChatPage>> {
        // The revision is read before the messages: a change in between makes the page newer than its revision says,
        // so that a cache reads it once more, never once too little.
        let row = sqlx::query!(
            r#"SELECT id, title, created_at, updated_at, revision, leaf_id,
                      pinned_at IS NOT NULL AS "pinned!", archived, folder_id, tags, temporary, queue_changes,
                      model, temperature, max_tokens, rag_enabled, document_ids,
                      (SELECT json_agg(json_build_object('id', q.id, 'content', q.content, 'held', q.held) ORDER BY q.place)
                       FROM queued_messages q WHERE q.chat_id = chats.id) AS queue,
                      EXISTS (SELECT FROM generations g WHERE g.chat_id = chats.id AND g.status = 'streaming') AS "answering!"
               FROM chats
               WHERE id = $1 AND user_id = $2"#,
            chat.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (revision, queue, queue_changes) = (row.revision, queue(&row.id, row.queue)?, row.queue_changes);
        let summary = ChatRow {
            id: row.id,
            title: row.title,
            created_at: row.created_at,
            updated_at: row.updated_at,
            answering: row.answering,
        };
        let choices = Choices::from(ChoicesRow {
            model: row.model,
            temperature: row.temperature,
            max_tokens: row.max_tokens,
            rag_enabled: row.rag_enabled,
            document_ids: row.document_ids,
        });
        let filing = Filing {
            pinned: row.pinned,
            archived: row.archived,
            folder: row.folder_id.map(folder_id).transpose()?,
            tags: row.tags,
            temporary: row.temporary,
        };
        let tree = self.load_tree(chat).await?;
        let shown = tree.branch(row.leaf_id.as_deref());
        let leaf = shown.last().and_then(|id| MessageId::parse(*id).ok());
        let branch = match part {
            Part::Everything => tree.nodes().iter().map(|node| node.id.as_str()).collect(),
            Part::Whole | Part::Last(_) => shown,
        };
        let earlier = match part {
            Part::Whole | Part::Everything => 0,
            Part::Last(count) => branch.len().saturating_sub(count),
        };
        let messages = self.load_messages(viewer, &tree, &branch[earlier..]).await?;
        let summary = summary.try_into()?;
        Ok(Some(ChatPage { summary, revision, choices, filing, messages, earlier, queue, queue_changes, leaf }))
    }

    /// A new chat without messages.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create_chat(&self, viewer: &Viewer, title: &ChatTitle) -> Result<ChatSummary> {
        let now = self.now();
        let id = ChatId::new(now, self.random());
        sqlx::query!(
            "INSERT INTO chats (id, user_id, title, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)",
            id.as_str(),
            viewer.user_id.as_str(),
            title.as_str(),
            to_db(now),
        )
        .execute(&self.pool)
        .await?;
        Ok(ChatSummary { id, title: title.as_str().to_owned(), created_at: now, updated_at: now, answering: false })
    }

    /// Renames a chat; its place in the list stays. `false` when there is no such chat of the viewer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rename_chat(&self, viewer: &Viewer, chat: &ChatId, title: &ChatTitle) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE chats SET title = $3, titled_by = 'person', revision = revision + 1 WHERE id = $1 AND user_id = $2",
            chat.as_str(),
            viewer.user_id.as_str(),
            title.as_str(),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Gives a chat the title that a model made, unless a person has named it meanwhile.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn title_by_model(&self, chat: &ChatId, title: &str) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE chats SET title = $2, titled_by = 'model', revision = revision + 1
             WHERE id = $1 AND titled_by = 'question'",
            chat.as_str(),
            title,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The chat of an answer that waits for a title of the model's: named after its question so far, with one answer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn chat_without_title(&self, answer: &MessageId) -> Result<Option<ChatId>> {
        let id = sqlx::query_scalar!(
            "SELECT c.id FROM messages m JOIN chats c ON c.id = m.chat_id
             WHERE m.id = $1 AND c.titled_by = 'question'
                 -- Its first answer; more may have been asked by now.
                 AND NOT EXISTS (SELECT FROM messages o WHERE o.chat_id = c.id AND o.id <> m.id AND o.created_at <= m.created_at
                                     AND o.id IS DISTINCT FROM m.parent_id)",
            answer.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        id.map(|id| ChatId::parse(id.as_str()).map_err(|_| StorageError::corrupt("chats", "id", &id, &id))).transpose()
    }

    /// Deletes a chat with its messages and runs; an answer that is being written stops by itself. `false` when
    /// there is no such chat of the viewer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_chat(&self, viewer: &Viewer, chat: &ChatId) -> Result<bool> {
        Ok(self.arrange_chats(viewer, std::slice::from_ref(chat), &Arrange::Delete).await? > 0)
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::user::Role;

    use super::*;
    use crate::testing;

    fn title(text: &str) -> ChatTitle {
        ChatTitle::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_chat_is_found_renamed_and_deleted_by_its_owner_alone() {
        let (_database, store, _clock) = testing::migrated().await;
        let owner = store.ensure_local_owner().await.unwrap();
        let viewer = Viewer { user_id: owner.id, role: Role::Owner };
        let other = Viewer { user_id: UserId::parse("eva").unwrap(), role: Role::Owner };
        let chat = store.create_chat(&viewer, &title("First")).await.unwrap();

        assert_eq!(store.chat_revision(&other, &chat.id).await.unwrap(), None);
        assert_eq!(store.open_chat(&other, &chat.id, Part::Whole).await.unwrap(), None);
        assert!(!store.rename_chat(&other, &chat.id, &title("Mine")).await.unwrap());
        assert!(!store.delete_chat(&other, &chat.id).await.unwrap());

        let before = store.chat_revision(&viewer, &chat.id).await.unwrap().unwrap();
        assert!(store.rename_chat(&viewer, &chat.id, &title("Second")).await.unwrap());
        let page = store.open_chat(&viewer, &chat.id, Part::Whole).await.unwrap().unwrap();
        assert_eq!((page.summary.title.as_str(), page.revision), ("Second", before + 1));
        assert!(store.delete_chat(&viewer, &chat.id).await.unwrap());
        assert_eq!(store.open_chat(&viewer, &chat.id, Part::Whole).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_list_goes_on_where_its_page_ended() {
        let (_database, store, clock) = testing::migrated().await;
        let owner = store.ensure_local_owner().await.unwrap();
        let viewer = Viewer { user_id: owner.id.clone(), role: Role::Owner };
        for number in 0..5 {
            store.create_chat(&viewer, &title(&format!("Chat {number}"))).await.unwrap();
            // Two of them at the same moment: the id decides.
            clock.advance(number % 2);
        }
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = store.list_chats(&owner.id, Listed::All, 2, cursor.as_ref()).await.unwrap();
            let Some(last) = page.last() else { break };
            cursor = Some(ChatCursor { updated_at: last.updated_at, id: last.id.clone() });
            seen.extend(page.into_iter().map(|chat| chat.id));
        }
        let all: Vec<ChatId> = store
            .list_chats(&owner.id, Listed::All, 100, None)
            .await
            .unwrap()
            .into_iter()
            .map(|chat| chat.id)
            .collect();
        assert_eq!(seen, all);
        assert_eq!(all.len(), 5);
    }

    #[tokio::test]
    async fn a_models_title_stays_behind_a_persons() {
        let world = testing::Asker::new().await;
        let chat = world.begin("¿qué?", "eso", false).await;
        assert!(world.store.title_by_model(&chat, "Sobre eso").await.unwrap());
        assert!(world.store.rename_chat(&world.viewer, &chat, &title("Mío")).await.unwrap());
        assert!(!world.store.title_by_model(&chat, "Otra vez eso").await.unwrap());
        let page = world.store.open_chat(&world.viewer, &chat, Part::Last(0)).await.unwrap().unwrap();
        assert_eq!(page.summary.title, "Mío");
    }
}

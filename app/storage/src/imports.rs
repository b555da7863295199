//! Conversations that come from elsewhere: another program's export, or a copy that somebody shared.

use cjhirashi_domain::{
    Timestamp,
    chat::{MessageRole, MessageStatus, Rating},
    id::{ChatId, ImageId, MessageId, UserId},
    text::ChatTitle,
};

use crate::{Result, Store, StoredImage, connect::to_db, images};

/// A conversation that comes in.
#[derive(Debug, Clone)]
pub struct IncomingChat {
    /// Which program it comes from, and its id there: who brings it twice has it once. `None`: it is always another one.
    pub origin: Option<(String, String)>,
    /// Its name.
    pub title: ChatTitle,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Out of the list.
    pub archived: bool,
    /// Above the others.
    pub pinned: bool,
    /// Its labels.
    pub tags: Vec<String>,
    /// Its messages, each behind the one that it follows.
    pub messages: Vec<IncomingMessage>,
    /// The last message of the branch that is shown, as a place in `messages`.
    pub current: Option<usize>,
}

/// A message that comes in.
#[derive(Debug, Clone)]
pub struct IncomingMessage {
    /// The message that it follows, as a place, smaller than its own.
    pub parent: Option<usize>,
    /// Who speaks.
    pub role: MessageRole,
    /// Markdown.
    pub content: String,
    /// Which model wrote it.
    pub model: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How it ended; never `Streaming`.
    pub status: MessageStatus,
    /// What its reader thinks of it, and why.
    pub rating: Option<(Rating, Option<String>)>,
    /// Its images: those of the shared chat that it is copied from.
    pub images: Vec<ImageId>,
    /// Its images, which came along: width and height in pixels.
    pub pictures: Vec<(StoredImage, (u32, u32))>,
}

impl IncomingMessage {
    /// A whole message that follows none, without anything beside its words.
    #[must_use]
    pub const fn new(role: MessageRole, content: String, created_at: Timestamp) -> Self {
        Self {
            parent: None,
            role,
            content,
            model: None,
            created_at,
            status: MessageStatus::Complete,
            rating: None,
            images: Vec::new(),
            pictures: Vec::new(),
        }
    }
}

impl Store {
    /// Whether a conversation was brought in before, or is one of the user's own that is still here.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn knows_chat(&self, user: &UserId, source: &str, source_id: &str) -> Result<bool> {
        let known = sqlx::query_scalar!(
            "SELECT EXISTS (SELECT FROM chats WHERE user_id = $1 AND (id = $3 OR (source = $2 AND source_id = $3))) AS \"known!\"",
            user.as_str(),
            source,
            source_id,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(known)
    }

    /// Keeps a conversation; `None` when it is here already. Copied from a chat that is shared by the link `token`, it gets
    /// copies of the images that the link shows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn import_chat(&self, user: &UserId, chat: &IncomingChat, token: Option<&str>) -> Result<Option<ChatId>> {
        let id = ChatId::new(chat.created_at, self.random());
        let (source, source_id) = chat.origin.clone().unzip();
        let mut tx = self.pool.begin().await?;
        let made = sqlx::query!(
            "INSERT INTO chats (id, user_id, title, created_at, updated_at, revision, archived, pinned_at, tags, source, source_id)
             SELECT $1, $2, $3, $4, $5, 1, $6, CASE WHEN $7 THEN $5::timestamptz END, $8, $9, $10
             -- One of our own that is still here is no other.
             WHERE NOT EXISTS (SELECT FROM chats WHERE id = $10 AND user_id = $2)
             ON CONFLICT (user_id, source, source_id) WHERE source_id IS NOT NULL DO NOTHING",
            id.as_str(),
            user.as_str(),
            chat.title.as_str(),
            to_db(chat.created_at),
            to_db(chat.updated_at),
            chat.archived,
            chat.pinned,
            &chat.tags,
            source,
            source_id,
        )
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(None);
        }
        // Messages are read in the order of their times, so each is a moment after the one before it.
        let mut at = Timestamp(i64::MIN);
        let times: Vec<Timestamp> = chat
            .messages
            .iter()
            .map(|message| {
                at = message.created_at.max(at.plus_millis(1));
                at
            })
            .collect();
        let ids: Vec<String> = times.iter().map(|at| MessageId::new(*at, self.random()).into_string()).collect();
        let parents: Vec<Option<String>> = chat
            .messages
            .iter()
            .enumerate()
            .map(|(place, message)| message.parent.filter(|parent| *parent < place).map(|parent| ids[parent].clone()))
            .collect();
        let roles: Vec<String> = chat.messages.iter().map(|message| message.role.as_str().to_owned()).collect();
        let contents: Vec<String> = chat.messages.iter().map(|message| message.content.clone()).collect();
        let models: Vec<Option<String>> = chat.messages.iter().map(|message| message.model.clone()).collect();
        let statuses: Vec<String> = chat.messages.iter().map(|message| message.status.as_str().to_owned()).collect();
        let rated = |message: &IncomingMessage| message.rating.as_ref().map(|(rating, _)| rating.as_i16());
        let ratings: Vec<Option<i16>> = chat.messages.iter().map(rated).collect();
        let why = |message: &IncomingMessage| message.rating.as_ref().and_then(|(_, reason)| reason.clone());
        let reasons: Vec<Option<String>> = chat.messages.iter().map(why).collect();
        let moments: Vec<time::OffsetDateTime> = times.into_iter().map(to_db).collect();
        sqlx::query!(
            "INSERT INTO messages (id, chat_id, parent_id, role, content, model, created_at, status, rating, rating_reason)
             SELECT m.id, $1, m.parent_id, m.role, m.content, m.model, m.created_at, m.status, m.rating, m.rating_reason
             FROM UNNEST($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[],
                         $9::smallint[], $10::text[])
                 AS m (id, parent_id, role, content, model, created_at, status, rating, rating_reason)",
            id.as_str(),
            &ids,
            &parents as &[Option<String>],
            &roles,
            &contents,
            &models as &[Option<String>],
            &moments,
            &statuses,
            &ratings as &[Option<i16>],
            &reasons as &[Option<String>],
        )
        .execute(&mut *tx)
        .await?;
        let came: Vec<(&str, &IncomingMessage)> = ids.iter().map(String::as_str).zip(&chat.messages).collect();
        images::add_all(&mut tx, user, &came).await?;
        if let Some(token) = token {
            let mut copies = (Vec::new(), Vec::new());
            for (id, message) in ids.iter().zip(&chat.messages) {
                for image in &message.images {
                    copies.0.push(image.as_str().to_owned());
                    copies.1.push(id.clone());
                }
            }
            images::copy_shared(&mut tx, user, token, &copies.0, &copies.1).await?;
        }
        if let Some(leaf) = chat.current.and_then(|place| ids.get(place)) {
            sqlx::query!("UPDATE chats SET leaf_id = $2 WHERE id = $1", id.as_str(), leaf).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(Some(id))
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::{Viewer, user::Role};

    use super::*;
    use crate::{Part, testing};

    #[tokio::test]
    async fn a_conversation_comes_in_once_with_its_branches() {
        let (_database, store, _clock) = testing::migrated().await;
        let viewer = Viewer { user_id: store.ensure_local_owner().await.unwrap().id, role: Role::Owner };
        let now = store.now();
        let message = |parent, role, content: &str| IncomingMessage {
            parent,
            model: Some("gpt".to_owned()),
            // All at the same moment, as some programs write them.
            ..IncomingMessage::new(role, content.to_owned(), now)
        };
        let chat = IncomingChat {
            origin: Some(("ChatGPT".to_owned(), "abc".to_owned())),
            title: ChatTitle::parse("Viejo").unwrap(),
            created_at: now.plus_millis(-86_400_000),
            updated_at: now.plus_millis(-1_000),
            archived: false,
            pinned: true,
            tags: vec!["luz".to_owned()],
            messages: vec![
                message(None, MessageRole::User, "pregunta"),
                message(Some(0), MessageRole::Assistant, "una"),
                message(Some(0), MessageRole::Assistant, "otra"),
            ],
            current: Some(1),
        };
        let id = store.import_chat(&viewer.user_id, &chat, None).await.unwrap().unwrap();
        assert_eq!(store.import_chat(&viewer.user_id, &chat, None).await.unwrap(), None);
        let page = store.open_chat(&viewer, &id, Part::Whole).await.unwrap().unwrap();
        assert_eq!(page.messages.iter().map(|m| m.content.as_str()).collect::<Vec<_>>(), ["pregunta", "una"]);
        assert_eq!(page.messages[1].siblings.len(), 2);
        assert_eq!(store.list_pinned(&viewer.user_id).await.unwrap()[0].title, "Viejo");
        // Our own, which is still here, is not brought in beside itself.
        let own = IncomingChat { origin: Some(("Cjhirashi".to_owned(), id.to_string())), ..chat.clone() };
        assert_eq!(store.import_chat(&viewer.user_id, &own, None).await.unwrap(), None);
        // What has no origin is always another one.
        let copy = IncomingChat { origin: None, ..chat };
        assert!(store.import_chat(&viewer.user_id, &copy, None).await.unwrap().is_some());
        assert!(store.import_chat(&viewer.user_id, &copy, None).await.unwrap().is_some());
    }
}

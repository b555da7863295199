//! Chats that are shared by a link: a snapshot, frozen until its owner renews or revokes it.

use cjhirashi_domain::{
    Timestamp, Viewer,
    chat::{Citation, CitationSource, Message, MessageImage, MessageRole, Share, SharedMessage, Snapshot},
    id::{ChatId, ImageId},
};

use crate::{
    Part, Result, StorageError, Store,
    connect::{from_db, to_db},
};

/// Longer texts are no tokens of ours and are not even looked up.
const LONGEST_TOKEN: usize = 128;

impl Store {
    /// Shares the shown branch of a chat as it is now. A link that there is stays, and leads to this from now on. `None`
    /// when there is no such chat of the viewer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn share_chat(&self, viewer: &Viewer, chat: &ChatId) -> Result<Option<Share>> {
        let Some(page) = self.open_chat(viewer, chat, Part::Whole).await? else { return Ok(None) };
        let mut copies = (Vec::new(), Vec::new());
        let mut copied = |image: MessageImage| {
            let id = ImageId::new(self.now(), self.random());
            copies.0.push(image.id.into_string());
            copies.1.push(id.as_str().to_owned());
            MessageImage { id, ..image }
        };
        let messages = page.messages.into_iter().filter(is_said).map(|message| frozen(message, &mut copied)).collect();
        let snapshot = serde_json::to_value(Snapshot { title: page.summary.title, messages })
            .map_err(|error| StorageError::Query(sqlx::Error::Encode(error.into())))?;
        let (old, new) = copies;
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query!(
            "INSERT INTO shares (token, chat_id, user_id, snapshot, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)
             ON CONFLICT (chat_id) DO UPDATE SET snapshot = excluded.snapshot, updated_at = excluded.updated_at
             RETURNING token, updated_at",
            self.random_token(),
            chat.as_str(),
            viewer.user_id.as_str(),
            snapshot,
            to_db(self.now()),
        )
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query!("DELETE FROM images WHERE share_token = $1", row.token).execute(&mut *tx).await?;
        sqlx::query!(
            "INSERT INTO images (id, user_id, share_token, place, media_type, width, height, content, created_at)
             SELECT copy.new, i.user_id, $3, i.place, i.media_type, i.width, i.height, i.content, i.created_at
             FROM UNNEST($1::text[], $2::text[]) AS copy (old, new) JOIN images i ON i.id = copy.old",
            &old,
            &new,
            row.token,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(Share { token: row.token, updated_at: from_db(row.updated_at) }))
    }

    /// The link of a chat of the viewer's, if it is shared.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn share_of(&self, viewer: &Viewer, chat: &ChatId) -> Result<Option<Share>> {
        let row = sqlx::query!(
            "SELECT token, updated_at FROM shares WHERE chat_id = $1 AND user_id = $2",
            chat.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Share { token: row.token, updated_at: from_db(row.updated_at) }))
    }

    /// Revokes the link of a chat: from now on it leads to nothing. `false` when the chat is not the viewer's, or not shared.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unshare_chat(&self, viewer: &Viewer, chat: &ChatId) -> Result<bool> {
        let done = sqlx::query!(
            "DELETE FROM shares WHERE chat_id = $1 AND user_id = $2",
            chat.as_str(),
            viewer.user_id.as_str(),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// What a link leads to, and since when. Asks nobody's leave: whoever has the link may read it. Nothing of somebody who
    /// was kept out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_share(&self, token: &str) -> Result<Option<(Snapshot, Timestamp)>> {
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Ok(None);
        }
        let row = sqlx::query!(
            "SELECT s.snapshot, s.user_id, s.updated_at FROM shares s JOIN users u ON u.id = s.user_id
             WHERE s.token = $1 AND u.disabled_at IS NULL",
            token,
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let text = row.snapshot.to_string();
        let mut snapshot: Snapshot =
            serde_json::from_value(row.snapshot).map_err(|_| StorageError::corrupt("shares", "snapshot", "", &text))?;
        let sources = snapshot.messages.iter_mut().flat_map(|message| &mut message.sources).collect();
        self.read_sources(sources, &row.user_id).await?;
        Ok(Some((snapshot, from_db(row.updated_at))))
    }

    /// What citations stand on, as far as somebody may read it now.
    async fn read_sources(&self, citations: Vec<&mut Citation>, user: &str) -> Result<()> {
        if citations.is_empty() {
            return Ok(());
        }
        let documents: Vec<String> = citations.iter().map(|c| c.document_id.as_str().to_owned()).collect();
        let versions: Vec<i32> = citations.iter().map(|c| c.version).collect();
        let seqs: Vec<i32> = citations.iter().map(|c| c.seq).collect();
        let rows = sqlx::query!(
            r#"SELECT d.title AS "title?", k.text AS "text?"
               FROM UNNEST($1::text[], $2::int[], $3::int[]) WITH ORDINALITY AS c (document_id, version, seq, place)
               LEFT JOIN documents d ON d.id = c.document_id AND d.version = c.version AND d.deleted_at IS NULL
                   AND (d.user_id IS NULL OR d.user_id = $4)
               LEFT JOIN chunks k ON k.document_id = d.id AND k.version = c.version AND k.seq = c.seq
               ORDER BY c.place"#,
            &documents,
            &versions,
            &seqs,
            user,
        )
        .fetch_all(&self.pool)
        .await?;
        for (citation, row) in citations.into_iter().zip(rows) {
            citation.source = row.title.zip(row.text).map(|(title, text)| CitationSource { title, text });
        }
        Ok(())
    }
}

/// Instructions are nobody else's business, and an answer that is being written is none yet.
fn is_said(message: &Message) -> bool {
    message.role != MessageRole::System && !message.content.trim().is_empty() && message.generation_id.is_none()
}

fn frozen(message: Message, copied: impl FnMut(MessageImage) -> MessageImage) -> SharedMessage {
    // Read anew whenever the link is opened.
    let source = |citation: Citation| citation.source.is_some().then_some(Citation { source: None, ..citation });
    SharedMessage {
        role: message.role,
        content: message.content,
        model: message.model,
        created_at: message.created_at,
        sources: message.citations.into_iter().filter_map(source).collect(),
        images: message.images.into_iter().map(copied).collect(),
        status: message.status,
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::{id::UserId, text::ChatTitle, user::Role};

    use super::*;
    use crate::{IncomingChat, IncomingMessage, testing};

    #[tokio::test]
    async fn a_link_leads_to_what_was_shared_until_it_is_renewed_or_revoked() {
        let (_database, store, _clock) = testing::migrated().await;
        let viewer = Viewer { user_id: store.ensure_local_owner().await.unwrap().id, role: Role::Owner };
        let now = store.now();
        let message = |role, content: &str| IncomingMessage::new(role, content.to_owned(), now);
        let chat = IncomingChat {
            origin: None,
            title: ChatTitle::parse("Antes").unwrap(),
            created_at: now,
            updated_at: now,
            archived: false,
            pinned: false,
            tags: Vec::new(),
            messages: vec![
                message(MessageRole::System, "sé amable"),
                IncomingMessage { parent: Some(0), ..message(MessageRole::User, "hola") },
                IncomingMessage { parent: Some(1), ..message(MessageRole::Assistant, "qué tal") },
            ],
            current: Some(2),
        };
        let chat = store.import_chat(&viewer.user_id, &chat, None).await.unwrap().unwrap();
        let other = Viewer { user_id: UserId::parse("eva").unwrap(), role: Role::Owner };
        assert_eq!(store.share_chat(&other, &chat).await.unwrap(), None);

        let share = store.share_chat(&viewer, &chat).await.unwrap().unwrap();
        let (snapshot, _) = store.open_share(&share.token).await.unwrap().unwrap();
        assert_eq!(snapshot.messages.iter().map(|m| m.content.as_str()).collect::<Vec<_>>(), ["hola", "qué tal"]);
        // It is frozen; renewing it keeps the link.
        store.rename_chat(&viewer, &chat, &ChatTitle::parse("Después").unwrap()).await.unwrap();
        assert_eq!(store.open_share(&share.token).await.unwrap().unwrap().0.title, "Antes");
        assert_eq!(store.share_chat(&viewer, &chat).await.unwrap().unwrap().token, share.token);
        assert_eq!(store.open_share(&share.token).await.unwrap().unwrap().0.title, "Después");
        // Revoked by its owner alone, and for good: another link is another one.
        assert!(!store.unshare_chat(&other, &chat).await.unwrap());
        assert!(store.unshare_chat(&viewer, &chat).await.unwrap());
        assert_eq!(store.open_share(&share.token).await.unwrap(), None);
        assert_eq!(store.share_of(&viewer, &chat).await.unwrap(), None);
        let again = store.share_chat(&viewer, &chat).await.unwrap().unwrap();
        assert_ne!(again.token, share.token);
        // Gone with its chat.
        store.delete_chat(&viewer, &chat).await.unwrap();
        assert_eq!(store.open_share(&again.token).await.unwrap(), None);
    }
}

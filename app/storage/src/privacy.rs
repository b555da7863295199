//! Everything that is somebody's: counted, read out, and deleted.

use cjhirashi_domain::{
    Viewer,
    audit::Action,
    id::{ChatId, DocumentId, UserId},
    user::Role,
};
use sqlx::PgConnection;

use crate::{Done, JobKind, Result, StorageError, Store, accounts::SOMEBODY_LEFT, adoption, connect::to_db, jobs};

/// How much of each kind is somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Belongings {
    /// Conversations.
    pub chats: i64,
    /// Their messages.
    pub messages: i64,
    /// Images in them, those included that were never sent or that a shared chat shows.
    pub images: i64,
    /// Questions that are kept to be asked again.
    pub prompts: i64,
    /// What was made beside the text.
    pub artifacts: i64,
    /// Own documents, those that are being removed included.
    pub documents: i64,
    /// Files of theirs.
    pub files: i64,
    /// Passages of theirs, each with its vectors.
    pub passages: i64,
    /// Ways in.
    pub accounts: i64,
    /// Browsers that are signed in.
    pub sessions: i64,
    /// Keys of the API.
    pub keys: i64,
}

impl std::fmt::Display for Belongings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { chats, messages, images, prompts, artifacts, documents, files, passages, accounts, sessions, keys } =
            self;
        write!(
            f,
            "{chats} chats, {messages} messages, {images} images, {prompts} prompts, {artifacts} artifacts, {documents} documents, {files} files, {passages} \
             passages, {accounts} accounts, {sessions} sessions, {keys} keys"
        )
    }
}

async fn count(connection: &mut PgConnection, user: &UserId) -> Result<Belongings> {
    let counted = sqlx::query_as!(
        Belongings,
        r#"SELECT
            (SELECT count(*) FROM chats WHERE user_id = $1) AS "chats!",
            (SELECT count(*) FROM messages m JOIN chats c ON c.id = m.chat_id WHERE c.user_id = $1) AS "messages!",
            (SELECT count(*) FROM images WHERE user_id = $1) AS "images!",
            (SELECT count(*) FROM prompts WHERE user_id = $1) AS "prompts!",
            (SELECT count(*) FROM artifacts WHERE user_id = $1) AS "artifacts!",
            (SELECT count(*) FROM documents WHERE user_id = $1) AS "documents!",
            (SELECT count(v.blob_key) FROM document_versions v JOIN documents d ON d.id = v.document_id WHERE d.user_id = $1)
                AS "files!",
            (SELECT count(*) FROM chunks c JOIN documents d ON d.id = c.document_id WHERE d.user_id = $1) AS "passages!",
            (SELECT count(*) FROM accounts WHERE user_id = $1) AS "accounts!",
            (SELECT count(*) FROM sessions WHERE user_id = $1) AS "sessions!",
            (SELECT count(*) FROM api_keys WHERE user_id = $1) AS "keys!""#,
        user.as_str()
    )
    .fetch_one(connection)
    .await?;
    Ok(counted)
}

impl Store {
    /// How much is somebody's, also of somebody who is gone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_belongings(&self, user: &UserId) -> Result<Belongings> {
        count(&mut *self.pool.acquire().await?, user).await
    }

    /// Deletes a person with all that is theirs, and writes that down: from the commit on nothing of it is found; jobs
    /// remove vectors and files. What there was before; `None` for the only owner while others are here, who would be left without one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_person(&self, viewer: &Viewer, address: Option<&str>) -> Result<Option<Belongings>> {
        let id = viewer.user_id.as_str();
        let mut tx = self.pool.begin().await?;
        // All owners are locked, so that of the last two who leave at once one stays. Not against rows that name them: whoever
        // ends an answer or a document holds that, and writes a mail or a number of the person's then.
        let rows = sqlx::query!(
            r#"SELECT id, role, disabled_at IS NOT NULL AS "disabled!" FROM users
               WHERE id = $1 OR role = 'owner' ORDER BY id FOR NO KEY UPDATE"#,
            id
        )
        .fetch_all(&mut *tx)
        .await?;
        let owner = rows.iter().any(|row| row.id == id && row.role == Role::Owner.as_str());
        // One who is kept out is no owner who could let anybody in.
        if owner && rows.iter().all(|row| row.id == id || row.disabled) {
            let others = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM users WHERE id <> $1) AS "others!""#, id)
                .fetch_one(&mut *tx)
                .await?;
            if others {
                return Ok(None);
            }
        }
        let before = count(&mut tx, &viewer.user_id).await?;
        let documents = sqlx::query_scalar!(
            "UPDATE documents SET deleted_at = $2, updated_at = $2 WHERE user_id = $1 AND deleted_at IS NULL RETURNING id",
            id,
            to_db(self.now()),
        )
        .fetch_all(&mut *tx)
        .await?;
        for document in &documents {
            let document = DocumentId::parse(document.as_str())
                .map_err(|_| StorageError::corrupt("documents", "id", document, document))?;
            adoption::note_deletion(&mut tx, &document).await?;
        }
        jobs::enqueue_all(&mut tx, JobKind::DeleteDocument, &documents).await?;
        // By themselves, and before their person is locked for good: for the same reason as above.
        sqlx::query!("SELECT id FROM chats WHERE user_id = $1 ORDER BY id FOR UPDATE", id).fetch_all(&mut *tx).await?;
        sqlx::query!("DELETE FROM chats WHERE user_id = $1", id).execute(&mut *tx).await?;
        sqlx::query!(
            "DELETE FROM invitations i USING users u
             WHERE u.id = $1 AND (i.email = lower(u.email) OR i.invited_by = u.id)",
            id
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!("DELETE FROM users WHERE id = $1", id).execute(&mut *tx).await?;
        sqlx::query!(
            "INSERT INTO instance_settings (key, value) VALUES ($1, 'true') ON CONFLICT DO NOTHING",
            SOMEBODY_LEFT
        )
        .execute(&mut *tx)
        .await?;
        let (actor, counted) = (Some(&viewer.user_id), before.to_string());
        let done = Done { actor, action: Action::AccountDeleted, subject: None, detail: Some(&counted), address };
        self.note_with(&mut tx, &done).await?;
        tx.commit().await?;
        Ok(Some(before))
    }

    /// A person's chats, archived ones too, by their ids: at most `limit` after one of them.
    ///
    /// # Errors
    /// When the database does not answer or a row cannot be read.
    pub async fn list_chat_ids(&self, user: &UserId, after: Option<&ChatId>, limit: i64) -> Result<Vec<ChatId>> {
        let ids = sqlx::query_scalar!(
            "SELECT id FROM chats WHERE user_id = $1 AND ($2::text IS NULL OR id > $2) ORDER BY id LIMIT $3",
            user.as_str(),
            after.map(ChatId::as_str),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        let parse = |id: String| ChatId::parse(&*id).map_err(|_| StorageError::corrupt("chats", "id", &id, &id));
        ids.into_iter().map(parse).collect()
    }

    /// A person's artifacts as they are kept, the first one first: at most `limit` after one of them, by its id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_artifact_rows(
        &self,
        user: &UserId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<(String, serde_json::Value)>> {
        let rows = sqlx::query!(
            r#"SELECT id, to_jsonb(a) - '{user_id,search,share_token,content}'::text[] AS "row!" FROM artifacts a
               WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
            user.as_str(),
            after,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| (row.id, row.row)).collect())
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::user::Email;
    use sqlx::Connection as _;

    use super::*;
    use crate::testing::migrated;

    #[tokio::test]
    async fn a_person_goes_with_all_that_is_theirs_and_the_only_owner_stays_while_others_are_here() {
        let (_database, store, _) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap();
        let ana = store.ensure_user(&Email::parse("ana@example.org").unwrap(), Role::User).await.unwrap();
        for (id, user) in [("mine", &owner.id), ("hers", &ana.id)] {
            let rows = [
                "INSERT INTO chats (id, title, user_id) VALUES ($1, 't', $2)",
                "INSERT INTO documents (id, title, source, user_id) VALUES ($1, 't', 'upload', $2)",
                "INSERT INTO artifacts (id, type, title, content, user_id, updated_at) VALUES ($1, 'code', 't', 'x', $2, now())",
            ];
            for sql in rows {
                sqlx::query(sql).bind(id).bind(user.as_str()).execute(&store.pool).await.unwrap();
            }
        }
        let viewer = |user: &cjhirashi_domain::user::User| Viewer { user_id: user.id.clone(), role: user.role };
        assert_eq!(store.delete_person(&viewer(&owner), None).await.unwrap(), None);
        let before = store.delete_person(&viewer(&ana), None).await.unwrap().unwrap();
        assert_eq!((before.chats, before.documents, before.artifacts), (1, 1, 1));
        let after = store.count_belongings(&ana.id).await.unwrap();
        assert_eq!((after.chats, after.artifacts, after.documents), (0, 0, 1), "its job removes the rest");
        let jobs: Vec<(String, String)> =
            sqlx::query_as("SELECT kind, key FROM jobs").fetch_all(&store.pool).await.unwrap();
        assert_eq!(jobs, [("delete_document".to_owned(), "hers".to_owned())]);
        assert_eq!(store.count_belongings(&owner.id).await.unwrap().chats, 1);
        assert!(store.delete_person(&viewer(&owner), None).await.unwrap().is_some(), "the last one may go");
    }

    #[tokio::test]
    async fn whoever_leaves_while_their_answer_or_document_ends_waits_for_it_and_neither_is_refused() {
        for held in [
            "UPDATE chats SET updated_at = now() WHERE user_id = $1",
            "UPDATE documents SET updated_at = now() WHERE user_id = $1",
        ] {
            let (database, store, _) = migrated().await;
            store.ensure_local_owner().await.unwrap();
            let ana = store.ensure_user(&Email::parse("ana@example.org").unwrap(), Role::User).await.unwrap();
            for row in [
                "INSERT INTO chats (id, title, user_id) VALUES ('c', 't', $1)",
                "INSERT INTO documents (id, title, source, user_id) VALUES ('d', 't', 'upload', $1)",
            ] {
                sqlx::query(row).bind(ana.id.as_str()).execute(&store.pool).await.unwrap();
            }
            // On a connection of its own: what has ended is held, ...
            let mut connection = sqlx::PgConnection::connect(&database.url).await.unwrap();
            let mut ending = connection.begin().await.unwrap();
            sqlx::query(held).bind(ana.id.as_str()).execute(&mut *ending).await.unwrap();
            let viewer = Viewer { user_id: ana.id.clone(), role: ana.role };
            let leaves = tokio::spawn({
                let store = store.clone();
                async move { store.delete_person(&viewer, None).await }
            });
            waits(&store).await;
            // ... and the mail about it names the person, while they are on their way out.
            let mail = "INSERT INTO mails (id, kind, cause, user_id, subject, data) VALUES ('m', 'answer_ended', 'x', $1, 'c', '{}')";
            sqlx::query(mail).bind(ana.id.as_str()).execute(&mut *ending).await.unwrap();
            ending.commit().await.unwrap();
            assert!(leaves.await.unwrap().unwrap().is_some(), "{held}");
            let left: i64 = sqlx::query_scalar("SELECT count(*) FROM mails").fetch_one(&store.pool).await.unwrap();
            assert_eq!(left, 0, "their mail goes with them");
        }
    }

    /// Until one connection waits for what another holds.
    async fn waits(store: &Store) {
        let waiting = "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                       WHERE NOT l.granted AND a.datname = current_database())";
        while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&store.pool).await.unwrap() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

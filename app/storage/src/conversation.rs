//! What gives a conversation its shape: which branch is shown, what is deleted, copied and rated.

use cjhirashi_domain::{
    Viewer,
    audit::Action,
    branch::{Node, Tree},
    chat::{ChatSummary, MessageRole, Rating},
    id::{ChatId, MessageId},
    text::ChatTitle,
};
use sqlx::PgTransaction;

use crate::{Result, Store, artifacts, connect::to_db, images, messages::read_tree};

/// What came of deleting a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageDeletion {
    /// It is gone.
    Done,
    /// An answer of the chat is being written.
    Busy,
    /// No such message of the viewer.
    NotFound,
}

impl Store {
    /// Shows the newest branch through a message. `None` when there is no such message of the viewer, else its chat.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn show_branch(&self, viewer: &Viewer, message: &MessageId) -> Result<Option<ChatId>> {
        Ok(self.turn_to(viewer, message, false).await?.map(|(chat, _)| chat))
    }

    /// Sees to it that a message is in the branch that is shown. `None` when there is no such message of the viewer, else
    /// its chat, and how many messages of the branch there are from it on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn show_message(&self, viewer: &Viewer, message: &MessageId) -> Result<Option<(ChatId, usize)>> {
        self.turn_to(viewer, message, true).await
    }

    /// `stay`: the branch that is shown remains where it has the message.
    async fn turn_to(&self, viewer: &Viewer, message: &MessageId, stay: bool) -> Result<Option<(ChatId, usize)>> {
        let Some(chat) = self.chat_of(viewer, message).await? else { return Ok(None) };
        let mut tx = self.pool.begin().await?;
        let Some(shown) = lock(&mut tx, &chat).await? else { return Ok(None) };
        let tree = read_tree(&mut *tx, &chat).await?;
        let message = message.as_str();
        let from = |leaf: Option<&str>| {
            let branch = tree.branch(leaf);
            branch.iter().position(|id| *id == message).map(|at| branch.len() - at)
        };
        if let Some(count) = from(shown.as_deref()).filter(|_| stay) {
            return Ok(Some((chat, count)));
        }
        let Some(leaf) = tree.newest_leaf(message) else { return Ok(None) };
        sqlx::query!("UPDATE chats SET leaf_id = $2, revision = revision + 1 WHERE id = $1", chat.as_str(), leaf)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        let count = from(Some(leaf)).unwrap_or_default();
        Ok(Some((chat, count)))
    }

    /// Deletes a question with its answers, or one answer. What followed stays, after the message before; what followed
    /// an answer, after an older one that stood beside it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_message(&self, viewer: &Viewer, message: &MessageId) -> Result<MessageDeletion> {
        let Some(chat) = self.chat_of(viewer, message).await? else { return Ok(MessageDeletion::NotFound) };
        let mut tx = self.pool.begin().await?;
        let Some(leaf) = lock(&mut tx, &chat).await? else { return Ok(MessageDeletion::NotFound) };
        // Asked by a statement of its own: one that waited for the lock would see what was there before it waited.
        let answering = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM generations WHERE chat_id = $1 AND status = 'streaming') AS "answering!""#,
            chat.as_str(),
        )
        .fetch_one(&mut *tx)
        .await?;
        if answering {
            return Ok(MessageDeletion::Busy);
        }
        let tree = read_tree(&mut *tx, &chat).await?;
        let Some(cut) = Cut::plan(&tree, message.as_str(), leaf.as_deref()) else {
            return Ok(MessageDeletion::NotFound);
        };
        // What was told in a deleted message may be told in a summary.
        sqlx::query!(
            "DELETE FROM chat_summaries WHERE message_id IN (SELECT id FROM messages WHERE chat_id = $1)",
            chat.as_str()
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!("UPDATE messages SET parent_id = $2 WHERE id = ANY($1)", &cut.heirs, cut.onto)
            .execute(&mut *tx)
            .await?;
        sqlx::query!(
            "WITH shown AS (UPDATE chats SET leaf_id = $2, revision = revision + 1 WHERE id = $3), noted AS (
                 INSERT INTO audit_log (at, actor, action, subject) VALUES ($4, $5, $6, $7)
             )
             DELETE FROM messages WHERE id = ANY($1)",
            &cut.gone,
            cut.leaf,
            chat.as_str(),
            to_db(self.now()),
            viewer.user_id.as_str(),
            Action::MessageDeleted.as_str(),
            message.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(MessageDeletion::Done)
    }

    /// Copies the shown branch of a chat, or the branch up to `until`, into a new chat, beside it where it is kept, which
    /// `title` names after the first. An answer that is being written is left out, and what follows it. `None` when there is no such chat of the viewer, or no such message in it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fork_chat(
        &self,
        viewer: &Viewer,
        chat: &ChatId,
        until: Option<&MessageId>,
        title: impl FnOnce(&str) -> ChatTitle + Send,
    ) -> Result<Option<ChatSummary>> {
        let mut tx = self.pool.begin().await?;
        let found = sqlx::query!(
            "SELECT leaf_id, title FROM chats WHERE id = $1 AND user_id = $2 FOR SHARE",
            chat.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(found) = found else { return Ok(None) };
        let tree = read_tree(&mut *tx, chat).await?;
        if until.is_some_and(|until| tree.siblings(until.as_str()).is_empty()) {
            return Ok(None);
        }
        let branch = tree.branch(until.map(MessageId::as_str).or(found.leaf_id.as_deref()));
        let now = self.now();
        let id = ChatId::new(now, self.random());
        let title = title(&found.title);
        sqlx::query!(
            "INSERT INTO chats (id, user_id, title, created_at, updated_at, revision, folder_id, tags, temporary, model,
                                temperature, max_tokens, rag_enabled, document_ids)
             SELECT $1, user_id, $2, $3, $3, 1, folder_id, tags, temporary, model, temperature, max_tokens, rag_enabled,
                    document_ids FROM chats WHERE id = $4",
            id.as_str(),
            title.as_str(),
            to_db(now),
            chat.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        self.copy_messages(&mut tx, &branch, &id).await?;
        tx.commit().await?;
        let title = title.into_string();
        Ok(Some(ChatSummary { id, title, created_at: now, updated_at: now, answering: false }))
    }

    /// Copies messages that follow each other, with their sources, into another chat; those before the first that is being
    /// written.
    async fn copy_messages(&self, tx: &mut PgTransaction<'_>, branch: &[&str], into: &ChatId) -> Result<()> {
        let now = self.now();
        let mut old: Vec<String> = branch.iter().map(|id| (*id).to_owned()).collect();
        let streaming =
            sqlx::query_scalar!("SELECT id FROM messages WHERE id = ANY($1) AND status = 'streaming'", &old)
                .fetch_all(&mut **tx)
                .await?;
        let whole = old.iter().position(|id| streaming.contains(id)).unwrap_or(old.len());
        old.truncate(whole);
        let new: Vec<String> = old.iter().map(|_| MessageId::new(now, self.random()).into_string()).collect();
        let parents: Vec<Option<String>> =
            std::iter::once(None).chain(new.iter().cloned().map(Some)).take(new.len()).collect();
        sqlx::query!(
            "INSERT INTO messages (id, chat_id, parent_id, role, content, model, tokens_used, latency_ms, created_at,
                                   status, error, retrieval, prompt_tokens, completion_tokens, cost, reasoning, left_out,
                                   memory_used)
             SELECT copy.new, $4, copy.parent, m.role, m.content, m.model, m.tokens_used, m.latency_ms, m.created_at,
                    m.status, m.error, m.retrieval, m.prompt_tokens, m.completion_tokens, m.cost, m.reasoning, m.left_out,
                    m.memory_used
             FROM UNNEST($1::text[], $2::text[], $3::text[]) AS copy (old, new, parent)
             JOIN messages m ON m.id = copy.old",
            &old,
            &new,
            &parents as &[Option<String>],
            into.as_str(),
        )
        .execute(&mut **tx)
        .await?;
        images::copy(tx, &old, &new).await?;
        artifacts::copy(tx, &old, &new).await?;
        sqlx::query!(
            "INSERT INTO chat_summaries (message_id, content, model, created_at)
             SELECT copy.new, s.content, s.model, s.created_at
             FROM UNNEST($1::text[], $2::text[]) AS copy (old, new) JOIN chat_summaries s ON s.message_id = copy.old",
            &old,
            &new,
        )
        .execute(&mut **tx)
        .await?;
        sqlx::query!(
            "INSERT INTO citations (message_id, n, document_id, version, seq, start_offset, end_offset, quote_start,
                                    quote_end, page, score, verdict, uses)
             SELECT copy.new, c.n, c.document_id, c.version, c.seq, c.start_offset, c.end_offset, c.quote_start,
                    c.quote_end, c.page, c.score, c.verdict, c.uses
             FROM UNNEST($1::text[], $2::text[]) AS copy (old, new)
             JOIN citations c ON c.message_id = copy.old
             JOIN messages m ON m.id = copy.new",
            &old,
            &new,
        )
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Keeps what the viewer thinks of an answer, and why; `None` takes it back. `false` when there is no such answer of
    /// theirs.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rate_message(
        &self,
        viewer: &Viewer,
        message: &MessageId,
        rating: Option<Rating>,
        reason: Option<&str>,
    ) -> Result<bool> {
        let Some(chat) = self.chat_of(viewer, message).await? else { return Ok(false) };
        let mut tx = self.pool.begin().await?;
        // The chat before its message, as everybody does it.
        sqlx::query!("UPDATE chats SET revision = revision + 1 WHERE id = $1", chat.as_str()).execute(&mut *tx).await?;
        let done = sqlx::query!(
            "UPDATE messages SET rating = $2, rating_reason = $3 WHERE id = $1 AND role = 'assistant'",
            message.as_str(),
            rating.map(Rating::as_i16),
            reason,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }
}

/// Holds a chat against everybody who would change its shape: before its messages are looked at, as whoever begins a turn
/// does it. Where its shown branch ends, if one was chosen; `None` when it is gone.
async fn lock(tx: &mut PgTransaction<'_>, chat: &ChatId) -> Result<Option<Option<String>>> {
    let leaf = sqlx::query_scalar!("SELECT leaf_id FROM chats WHERE id = $1 FOR UPDATE", chat.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(leaf)
}

/// What deleting a message changes.
#[derive(Debug, PartialEq, Eq)]
struct Cut {
    /// These are deleted.
    gone: Vec<String>,
    /// What followed them.
    heirs: Vec<String>,
    /// The message that they follow now.
    onto: Option<String>,
    /// Where the shown branch ends now.
    leaf: Option<String>,
}

impl Cut {
    fn plan(tree: &Tree, message: &str, leaf: Option<&str>) -> Option<Self> {
        let role = tree.role(message)?;
        let children = tree.children(message);
        let (gone, heirs, onto) = if role == MessageRole::User {
            let answers: Vec<&str> =
                children.iter().copied().filter(|child| tree.role(child) == Some(MessageRole::Assistant)).collect();
            let others = children.iter().copied().filter(|child| !answers.contains(child));
            let heirs: Vec<&str> = answers.iter().flat_map(|answer| tree.children(answer)).chain(others).collect();
            let gone: Vec<&str> = std::iter::once(message).chain(answers).collect();
            (gone, heirs, tree.parent_of(message))
        } else {
            // Nothing follows what is younger than it.
            let older = tree.siblings(message).into_iter().take_while(|other| *other != message).last();
            (vec![message], children, older.or_else(|| tree.parent_of(message)))
        };
        let left = tree.nodes().iter().filter(|node| !gone.contains(&node.id.as_str())).map(|node| {
            let moved = heirs.contains(&node.id.as_str());
            Node { parent: if moved { onto.map(str::to_owned) } else { node.parent.clone() }, ..node.clone() }
        });
        let left = Tree::new(left.collect());
        let shown = tree.branch(leaf);
        let kept = shown.iter().rev().find(|id| !gone.contains(*id));
        // The branch that was shown goes on where it can; else what stands beside the deleted message is shown.
        let beside = tree.siblings(message).into_iter().rev().find(|other| !gone.contains(other));
        let cut_at_its_end = shown.last().is_some_and(|last| gone.contains(last));
        let leaf = if cut_at_its_end { beside.or(kept.copied()).and_then(|id| left.newest_leaf(id)) } else { leaf };
        let owned = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
        Some(Self {
            leaf: leaf.map(str::to_owned),
            onto: onto.map(str::to_owned),
            gone: owned(gone),
            heirs: owned(heirs),
        })
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::{id::UserId, user::Role};

    use super::*;
    use crate::{Part, Turn, TurnOutcome, testing::Asker};

    async fn again(world: &Asker, answer: &MessageId) -> Turn {
        world.answered(world.store.answer_again(&world.viewer, answer, "m").await.unwrap(), "to again").await
    }

    #[tokio::test]
    async fn an_edited_question_and_another_answer_stand_beside_the_one_that_was_there() {
        let world = Asker::new().await;
        let one = world.ask(None, None, "one").await;
        let chat = one.chat.id.clone();
        let two = world.ask(Some(&chat), None, "two").await;
        let edited = world.ask(Some(&chat), two.user_message.as_ref(), "two, better").await;
        assert_eq!(world.shown(&chat).await, ["one", "to one", "two, better", "to two, better"]);
        let again = again(&world, &one.assistant_message).await;
        assert_eq!(world.shown(&chat).await, ["one", "to again"]);
        let told = world.store.conversation_before(&again.assistant_message, 10).await.unwrap().turns;
        assert_eq!(told.iter().map(|turn| turn.content.as_str()).collect::<Vec<_>>(), ["one"]);

        // Back, and everything is where it was.
        let back = world.store.show_branch(&world.viewer, &one.assistant_message).await.unwrap();
        assert_eq!(back, Some(chat.clone()));
        let page = world.store.open_chat(&world.viewer, &chat, Part::Last(3)).await.unwrap().unwrap();
        assert_eq!(page.earlier, 1);
        assert_eq!(page.messages[0].siblings, [one.assistant_message.clone(), again.assistant_message]);
        assert_eq!(page.messages[1].siblings, [two.user_message.clone().unwrap(), edited.user_message.unwrap()]);
        // A question follows what is shown.
        let found = world.store.show_message(&world.viewer, &two.assistant_message).await.unwrap();
        assert_eq!(found, Some((chat.clone(), 1)), "it was in the other branch");
        let found = world.store.show_message(&world.viewer, one.user_message.as_ref().unwrap()).await.unwrap();
        assert_eq!(found, Some((chat.clone(), 4)), "the branch stays where it has the message");
        world.ask(Some(&chat), None, "three").await;
        assert_eq!(world.shown(&chat).await, ["one", "to one", "two", "to two", "three", "to three"]);
    }

    #[tokio::test]
    async fn an_answer_that_is_tried_again_is_shown_with_what_follows_it() {
        let world = Asker::new().await;
        let one = world.started(None, "one").await;
        let one = world.answered(TurnOutcome::Started(one), "").await;
        let chat = one.chat.id.clone();
        world.ask(Some(&chat), None, "two").await;
        again(&world, &one.assistant_message).await;
        assert_eq!(world.shown(&chat).await, ["one", "to again"]);
        let outcome = world.store.restart_turn(&world.viewer, &one.assistant_message, "m").await.unwrap();
        world.answered(outcome, "to one, better").await;
        assert_eq!(world.shown(&chat).await, ["one", "to one, better", "two", "to two"]);
    }

    #[tokio::test]
    async fn what_follows_a_deleted_turn_stays() {
        let world = Asker::new().await;
        let one = world.ask(None, None, "one").await;
        let chat = one.chat.id.clone();
        let two = world.ask(Some(&chat), None, "two").await;
        world.ask(Some(&chat), None, "three").await;
        let done = world.store.delete_message(&world.viewer, two.user_message.as_ref().unwrap()).await.unwrap();
        assert_eq!(done, MessageDeletion::Done);
        assert_eq!(world.shown(&chat).await, ["one", "to one", "three", "to three"]);
        // An answer alone: what followed it follows the question.
        world.store.delete_message(&world.viewer, &one.assistant_message).await.unwrap();
        assert_eq!(world.shown(&chat).await, ["one", "three", "to three"]);
        world.store.delete_message(&world.viewer, one.user_message.as_ref().unwrap()).await.unwrap();
        assert_eq!(world.shown(&chat).await, ["three", "to three"]);
    }

    #[tokio::test]
    async fn of_two_answers_the_other_is_shown_when_one_is_deleted() {
        let world = Asker::new().await;
        let one = world.ask(None, None, "one").await;
        let again = again(&world, &one.assistant_message).await;
        world.store.delete_message(&world.viewer, &again.assistant_message).await.unwrap();
        assert_eq!(world.shown(&one.chat.id).await, ["one", "to one"]);
        world.store.delete_message(&world.viewer, one.user_message.as_ref().unwrap()).await.unwrap();
        assert!(world.shown(&one.chat.id).await.is_empty());
        world.ask(Some(&one.chat.id), None, "anew").await;
        assert_eq!(world.shown(&one.chat.id).await, ["anew", "to anew"]);
    }

    #[tokio::test]
    async fn a_copy_of_a_branch_lives_on_its_own() {
        let world = Asker::new().await;
        let one = world.ask(None, None, "one").await;
        let two = world.ask(Some(&one.chat.id), None, "two").await;
        let title = |title: &str| ChatTitle::parse(&format!("Copy of {title}")).unwrap();
        let until = Some(&one.assistant_message);
        let part = world.store.fork_chat(&world.viewer, &one.chat.id, until, title).await.unwrap().unwrap();
        let whole = world.store.fork_chat(&world.viewer, &one.chat.id, None, title).await.unwrap().unwrap();
        assert_eq!(part.title, "Copy of one");
        world.store.delete_chat(&world.viewer, &one.chat.id).await.unwrap();
        assert_eq!(world.shown(&part.id).await, ["one", "to one"]);
        assert_eq!(world.shown(&whole.id).await, ["one", "to one", "two", "to two"]);
        world.ask(Some(&part.id), None, "on").await;
        assert_eq!(world.shown(&part.id).await, ["one", "to one", "on", "to on"]);
        // Of a message that is not in the chat there is nothing to copy.
        let gone = world.store.fork_chat(&world.viewer, &whole.id, Some(&two.assistant_message), title).await.unwrap();
        assert_eq!(gone, None);
    }

    #[tokio::test]
    async fn what_is_somebody_elses_is_not_there() {
        let world = Asker::new().await;
        let one = world.ask(None, None, "one").await;
        let other = Viewer { user_id: UserId::parse("eva").unwrap(), role: Role::Owner };
        let title = |title: &str| ChatTitle::parse(title).unwrap();
        let answer = &one.assistant_message;
        assert_eq!(world.store.show_branch(&other, answer).await.unwrap(), None);
        assert_eq!(world.store.show_message(&other, answer).await.unwrap(), None);
        assert_eq!(world.store.delete_message(&other, answer).await.unwrap(), MessageDeletion::NotFound);
        assert_eq!(world.store.fork_chat(&other, &one.chat.id, None, title).await.unwrap(), None);
        assert!(!world.store.rate_message(&other, answer, Some(Rating::Good), None).await.unwrap());
        assert_eq!(world.store.answer_again(&other, answer, "m").await.unwrap(), TurnOutcome::NotFound);
        assert!(world.store.rate_message(&world.viewer, answer, Some(Rating::Bad), Some("wrong")).await.unwrap());
        let (_, rated) = world.store.open_message(&world.viewer, answer).await.unwrap().unwrap();
        assert_eq!((rated.rating, rated.rating_reason.as_deref()), (Some(Rating::Bad), Some("wrong")));
    }
}

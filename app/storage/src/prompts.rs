//! Questions that people keep to ask them again.

use cjhirashi_domain::{
    Viewer,
    id::PromptId,
    prompt::{Prompt, PromptName},
    text::MessageText,
};

use crate::{Result, StorageError, Store, connect::to_db};

/// So many a person keeps at most, and so many are everybody's.
const MOST: i64 = 300;
/// The index that keeps names apart.
const NAME_KEY: &str = "prompts_name_idx";

/// What came of keeping a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptChange {
    /// It is kept.
    Done,
    /// Another one has that name.
    NameTaken,
    /// As many are kept as may be.
    Full,
    /// None that the viewer may change.
    NotFound,
}

struct PromptRow {
    id: String,
    name: String,
    content: String,
    shared: bool,
}

impl TryFrom<PromptRow> for Prompt {
    type Error = StorageError;

    fn try_from(row: PromptRow) -> Result<Self> {
        let corrupt = |column, value: &str| StorageError::corrupt("prompts", column, &row.id, value);
        Ok(Self {
            id: PromptId::parse(row.id.as_str()).map_err(|_| corrupt("id", &row.id))?,
            name: PromptName::parse(&row.name).map_err(|_| corrupt("name", &row.name))?,
            content: row.content,
            shared: row.shared,
        })
    }
}

impl Store {
    /// The questions that the viewer keeps, and those that are everybody's, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_prompts(&self, viewer: &Viewer) -> Result<Vec<Prompt>> {
        sqlx::query_as!(
            PromptRow,
            r#"SELECT id, name, content, user_id IS NULL AS "shared!" FROM prompts
               WHERE user_id = $1 OR user_id IS NULL ORDER BY sort_key(name), id LIMIT $2"#,
            viewer.user_id.as_str(),
            2 * MOST,
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(Prompt::try_from)
        .collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn get_prompt(&self, viewer: &Viewer, prompt: &PromptId) -> Result<Option<Prompt>> {
        let row = sqlx::query_as!(
            PromptRow,
            r#"SELECT id, name, content, user_id IS NULL AS "shared!" FROM prompts
               WHERE id = $1 AND (user_id = $2 OR user_id IS NULL)"#,
            prompt.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(Prompt::try_from).transpose()
    }

    /// Keeps a new question for the viewer, or for everybody.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_prompt(
        &self,
        viewer: &Viewer,
        name: &PromptName,
        content: &MessageText,
        shared: bool,
    ) -> Result<PromptChange> {
        if shared && !viewer.is_admin() {
            return Ok(PromptChange::NotFound);
        }
        let owner = (!shared).then_some(viewer.user_id.as_str());
        let id = PromptId::new(self.now(), self.random());
        let added = sqlx::query!(
            "INSERT INTO prompts (id, user_id, name, content, created_at, updated_at)
             SELECT $1, $2, $3, $4, $5, $5
             WHERE (SELECT count(*) FROM prompts WHERE COALESCE(user_id, '') = COALESCE($2, '')) < $6",
            id.as_str(),
            owner,
            name.as_str(),
            content.as_str(),
            to_db(self.now()),
            MOST,
        )
        .execute(&self.pool)
        .await;
        changed(added, PromptChange::Full)
    }

    /// Gives a question of the viewer's another name and other words, or one of everybody's when the viewer administers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn change_prompt(
        &self,
        viewer: &Viewer,
        prompt: &PromptId,
        name: &PromptName,
        content: &MessageText,
    ) -> Result<PromptChange> {
        let done = sqlx::query!(
            "UPDATE prompts SET name = $4, content = $5, updated_at = $6
             WHERE id = $1 AND (user_id = $2 OR user_id IS NULL AND $3)",
            prompt.as_str(),
            viewer.user_id.as_str(),
            viewer.is_admin(),
            name.as_str(),
            content.as_str(),
            to_db(self.now()),
        )
        .execute(&self.pool)
        .await;
        changed(done, PromptChange::NotFound)
    }

    /// Keeps it no longer. `false` when there is none that the viewer may change.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_prompt(&self, viewer: &Viewer, prompt: &PromptId) -> Result<bool> {
        let done = sqlx::query!(
            "DELETE FROM prompts WHERE id = $1 AND (user_id = $2 OR user_id IS NULL AND $3)",
            prompt.as_str(),
            viewer.user_id.as_str(),
            viewer.is_admin(),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}

/// What a statement did; `nothing` when it changed no row.
fn changed(done: Result<sqlx::postgres::PgQueryResult, sqlx::Error>, nothing: PromptChange) -> Result<PromptChange> {
    match done.map_err(StorageError::from) {
        Ok(done) if done.rows_affected() > 0 => Ok(PromptChange::Done),
        Ok(_) => Ok(nothing),
        Err(StorageError::Constraint(name)) if name == NAME_KEY => Ok(PromptChange::NameTaken),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::{id::UserId, user::Role};

    use super::*;
    use crate::testing;

    fn name(text: &str) -> PromptName {
        PromptName::parse(text).unwrap()
    }

    fn text(text: &str) -> MessageText {
        MessageText::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_kept_question_is_its_owners_and_everybodys_are_the_administrators() {
        let (_database, store, _clock) = testing::migrated().await;
        let owner = Viewer { user_id: store.ensure_local_owner().await.unwrap().id, role: Role::Owner };
        sqlx::query("INSERT INTO users (id, email, role, created_at, updated_at) VALUES ('ana', 'ana@x.org', 'user', now(), now())")
            .execute(store.pool())
            .await
            .unwrap();
        let ana = Viewer { user_id: UserId::parse("ana").unwrap(), role: Role::User };
        let add = async |viewer: &Viewer, called: &str, shared| {
            store.add_prompt(viewer, &name(called), &text("Resume {{qué}}"), shared).await.unwrap()
        };
        assert_eq!(add(&ana, "resumir", false).await, PromptChange::Done);
        assert_eq!(add(&ana, "Resumir", false).await, PromptChange::NameTaken);
        assert_eq!(add(&owner, "resumir", false).await, PromptChange::Done, "another person's name is free");
        assert_eq!(add(&ana, "de-todos", true).await, PromptChange::NotFound, "only who administers");
        assert_eq!(add(&owner, "de-todos", true).await, PromptChange::Done);

        let hers = store.list_prompts(&ana).await.unwrap();
        assert_eq!(
            hers.iter().map(|p| (p.name.as_str(), p.shared)).collect::<Vec<_>>(),
            [("de-todos", true), ("resumir", false)]
        );
        let (shared, own) = (&hers[0].id, &hers[1].id);
        let change = async |viewer: &Viewer, id: &PromptId, called: &str| {
            store.change_prompt(viewer, id, &name(called), &text("otra")).await.unwrap()
        };
        assert_eq!(change(&ana, shared, "mía").await, PromptChange::NotFound);
        assert_eq!(change(&owner, own, "mía").await, PromptChange::NotFound, "nor does an administrator change hers");
        assert_eq!(store.get_prompt(&owner, own).await.unwrap(), None);
        assert_eq!(change(&ana, own, "de-todos").await, PromptChange::Done, "beside everybody's");
        assert_eq!(change(&owner, shared, "resumir").await, PromptChange::Done);
        assert!(!store.delete_prompt(&ana, shared).await.unwrap());
        assert!(store.delete_prompt(&ana, own).await.unwrap());
        assert_eq!(store.get_prompt(&ana, shared).await.unwrap().unwrap().content, "otra");
    }

    #[tokio::test]
    async fn three_hundred_are_kept_at_most() {
        let (_database, store, _clock) = testing::migrated().await;
        let owner = Viewer { user_id: store.ensure_local_owner().await.unwrap().id, role: Role::Owner };
        for n in 0..MOST {
            let added = store.add_prompt(&owner, &name(&format!("n{n}")), &text("x"), false).await.unwrap();
            assert_eq!(added, PromptChange::Done);
        }
        let more = store.add_prompt(&owner, &name("more"), &text("x"), false).await.unwrap();
        assert_eq!(more, PromptChange::Full);
        assert_eq!(store.add_prompt(&owner, &name("more"), &text("x"), true).await.unwrap(), PromptChange::Done);
    }
}

//! Folders: chats that belong together, with what their model is told and which documents they search.

use cjhirashi_domain::{
    chat::Folder,
    id::{FolderId, UserId},
};

use crate::{Result, StorageError, Store, connect::to_db};

/// What came of changing a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderChange {
    /// It is as it was wanted.
    Done,
    /// Another folder has that name.
    NameTaken,
    /// No such folder of the user.
    NotFound,
}

/// The index that keeps names apart.
const NAME_KEY: &str = "folders_user_id_name_idx";

struct FolderRow {
    id: String,
    name: String,
    instructions: String,
    document_tags: Vec<String>,
    chats: i64,
}

pub(crate) fn folder_id(id: String) -> Result<FolderId> {
    FolderId::parse(id.as_str()).map_err(|_| StorageError::corrupt("folders", "id", &id, &id))
}

impl TryFrom<FolderRow> for Folder {
    type Error = StorageError;

    fn try_from(row: FolderRow) -> Result<Self> {
        let FolderRow { id, name, instructions, document_tags, chats } = row;
        Ok(Self { id: folder_id(id)?, name, instructions, document_tags, chats })
    }
}

impl Store {
    /// Somebody's folders by name, with the number of chats in each.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_folders(&self, user: &UserId) -> Result<Vec<Folder>> {
        sqlx::query_as!(
            FolderRow,
            r#"SELECT f.id, f.name, f.instructions, f.document_tags,
                      (SELECT count(*) FROM chats c WHERE c.folder_id = f.id AND NOT c.archived) AS "chats!"
               FROM folders f WHERE f.user_id = $1 ORDER BY sort_key(f.name), f.id LIMIT 500"#,
            user.as_str(),
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(Folder::try_from)
        .collect()
    }

    /// A new folder, or the one of that name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create_folder(&self, user: &UserId, name: &str) -> Result<FolderId> {
        let id = FolderId::new(self.now(), self.random());
        let id = sqlx::query_scalar!(
            "INSERT INTO folders (id, user_id, name, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id, lower(name)) DO UPDATE SET name = folders.name
             RETURNING id",
            id.as_str(),
            user.as_str(),
            name,
            to_db(self.now()),
        )
        .fetch_one(&self.pool)
        .await?;
        folder_id(id)
    }

    /// Changes a folder of the user's: name, instructions, labels.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn change_folder(&self, user: &UserId, folder: &Folder) -> Result<FolderChange> {
        let done = sqlx::query!(
            "UPDATE folders SET name = $3, instructions = $4, document_tags = $5 WHERE id = $1 AND user_id = $2",
            folder.id.as_str(),
            user.as_str(),
            folder.name,
            folder.instructions,
            &folder.document_tags,
        )
        .execute(&self.pool)
        .await
        .map_err(StorageError::from);
        match done {
            Ok(done) if done.rows_affected() > 0 => Ok(FolderChange::Done),
            Ok(_) => Ok(FolderChange::NotFound),
            Err(StorageError::Constraint(name)) if name == NAME_KEY => Ok(FolderChange::NameTaken),
            Err(error) => Err(error),
        }
    }

    /// Removes a folder; its chats stay. `false` when there is none of the user's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_folder(&self, user: &UserId, folder: &FolderId) -> Result<bool> {
        let done = sqlx::query!("DELETE FROM folders WHERE id = $1 AND user_id = $2", folder.as_str(), user.as_str())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn a_folder_has_a_name_of_its_own_and_is_its_owners_alone() {
        let (_database, store, _clock) = testing::migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let id = store.create_folder(&owner, "Casa").await.unwrap();
        assert_eq!(store.create_folder(&owner, "casa").await.unwrap(), id, "one of a kind");
        store.create_folder(&owner, "Barco").await.unwrap();
        let folder = |name: &str| Folder {
            id: id.clone(),
            name: name.to_owned(),
            instructions: "En verso.".to_owned(),
            document_tags: vec!["Legal".to_owned()],
            chats: 0,
        };
        assert_eq!(store.change_folder(&owner, &folder("BARCO")).await.unwrap(), FolderChange::NameTaken);
        assert_eq!(store.change_folder(&owner, &folder("casa")).await.unwrap(), FolderChange::Done);
        let eva = UserId::parse("eva").unwrap();
        assert_eq!(store.change_folder(&eva, &folder("mía")).await.unwrap(), FolderChange::NotFound);
        assert!(!store.delete_folder(&eva, &id).await.unwrap());
        assert_eq!(store.list_folders(&owner).await.unwrap()[1], folder("casa"));
    }
}

//! Labels of artifacts, and the link that leads to one version.

use cjhirashi_domain::{Viewer, id::ArtifactId};

use crate::{Result, Store, connect::to_db};

/// The link of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactShare {
    /// The link's secret.
    pub token: String,
    /// The version it leads to.
    pub version: i32,
}

impl Store {
    /// Gives an artifact of the viewer's these labels. `false` when there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn label_artifact(&self, viewer: &Viewer, id: &ArtifactId, tags: &[String]) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE artifacts SET tags = $3 WHERE id = $1 AND user_id = $2",
            id.as_str(),
            viewer.user_id.as_str(),
            tags,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Lets a link lead to the newest version of an artifact of the viewer's; a link that there is stays, and leads to this
    /// version from now on. `None` when there is no such artifact.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn share_artifact(&self, viewer: &Viewer, id: &ArtifactId) -> Result<Option<ArtifactShare>> {
        let share = sqlx::query_as!(
            ArtifactShare,
            r#"UPDATE artifacts SET share_token = COALESCE(share_token, $3), share_version = version, shared_at = $4
               WHERE id = $1 AND user_id = $2 RETURNING share_token AS "token!", share_version AS "version!""#,
            id.as_str(),
            viewer.user_id.as_str(),
            self.random_token(),
            to_db(self.now()),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(share)
    }

    /// The link of an artifact of the viewer's, if there is one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn artifact_share(&self, viewer: &Viewer, id: &ArtifactId) -> Result<Option<ArtifactShare>> {
        let share = sqlx::query_as!(
            ArtifactShare,
            r#"SELECT share_token AS "token!", share_version AS "version!" FROM artifacts
               WHERE id = $1 AND user_id = $2 AND share_token IS NOT NULL"#,
            id.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(share)
    }

    /// Takes the link back: from now on it leads to nothing. `false` when there is no such artifact.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unshare_artifact(&self, viewer: &Viewer, id: &ArtifactId) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE artifacts SET share_token = NULL, share_version = NULL, shared_at = NULL
             WHERE id = $1 AND user_id = $2",
            id.as_str(),
            viewer.user_id.as_str(),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}

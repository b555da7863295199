//! Who may come in, and as what: roles, invitations, and keeping somebody out.

use cjhirashi_domain::{
    Viewer,
    id::UserId,
    user::{Email, Invitation, Role},
};
use serde_json::json;
use sqlx::PgConnection;
use time::Duration;

use crate::{
    MailKind, Result, Store,
    connect::{from_db, to_db},
    mails::{NewMail, is_reachable},
    users::{parse_role, parse_user_id},
};

/// How long an invitation is good.
const INVITED: Duration = Duration::days(30);

/// What became of a change of somebody's rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Managed {
    /// It was made.
    Done {
        /// Their role before.
        before: Role,
    },
    /// There is nobody of that id.
    Nobody,
    /// It is not the viewer's to make.
    Forbidden,
}

impl Store {
    /// Gives somebody a role. Owners are made and unmade by owners alone, and nobody changes their own role, so that there
    /// is always an owner.
    ///
    /// # Errors
    /// When the database does not answer or the row cannot be read.
    pub async fn set_role(&self, viewer: &Viewer, person: &UserId, role: Role) -> Result<Managed> {
        if viewer.role != Role::Owner {
            return Ok(Managed::Forbidden);
        }
        self.manage(viewer, person, async |connection| {
            sqlx::query!("UPDATE users SET role = $2 WHERE id = $1", person.as_str(), role.as_str())
                .execute(&mut *connection)
                .await?;
            take_back_invitations(connection, person).await
        })
        .await
    }

    /// Keeps somebody out from this moment on, in every replica, or lets them in again.
    ///
    /// # Errors
    /// When the database does not answer or the row cannot be read.
    pub async fn set_disabled(&self, viewer: &Viewer, person: &UserId, disabled: bool) -> Result<Managed> {
        let at = disabled.then(|| to_db(self.now()));
        self.manage(viewer, person, async |connection| {
            sqlx::query!("UPDATE users SET disabled_at = $2 WHERE id = $1", person.as_str(), at)
                .execute(&mut *connection)
                .await?;
            if disabled {
                sqlx::query!("DELETE FROM sessions WHERE user_id = $1", person.as_str())
                    .execute(&mut *connection)
                    .await?;
                take_back_invitations(connection, person).await?;
            }
            Ok(())
        })
        .await
    }

    async fn manage(
        &self,
        viewer: &Viewer,
        person: &UserId,
        change: impl AsyncFnOnce(&mut PgConnection) -> Result<()>,
    ) -> Result<Managed> {
        let mut tx = self.pool.begin().await?;
        // Both rows, in one order: whoever lost their rights a moment ago manages nobody any more.
        let rows = sqlx::query!(
            r#"SELECT id, role, disabled_at IS NOT NULL AS "disabled!" FROM users WHERE id = ANY($1) ORDER BY id FOR UPDATE"#,
            &[viewer.user_id.as_str().to_owned(), person.as_str().to_owned()],
        )
        .fetch_all(&mut *tx)
        .await?;
        let role_of = |id: &UserId| {
            rows.iter()
                .find(|row| row.id == id.as_str() && (!row.disabled || id == person))
                .map(|row| parse_role(&row.id, &row.role))
        };
        let (Some(own), Some(before)) = (role_of(&viewer.user_id).transpose()?, role_of(person).transpose()?) else {
            return Ok(Managed::Nobody);
        };
        if !(Viewer { role: own, ..viewer.clone() }).may_manage(person, before) {
            return Ok(Managed::Forbidden);
        }
        change(&mut tx).await?;
        tx.commit().await?;
        Ok(Managed::Done { before })
    }

    /// Invites an address, or changes its invitation: whoever signs in with it, verified by a provider, comes in with that
    /// role. `by` is `None` for the command line. With `tell`, where mail is sent, the address gets one with the link.
    /// `None` when somebody above the viewer has invited it, else whether it gets a mail.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn invite(&self, by: Option<&Viewer>, email: &Email, role: Role, tell: bool) -> Result<Option<bool>> {
        let now = to_db(self.now());
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query!(
            "INSERT INTO invitations (email, role, invited_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (email) DO UPDATE SET role = excluded.role, invited_by = excluded.invited_by,
                 created_at = excluded.created_at, expires_at = excluded.expires_at
             WHERE invitations.role = 'user' OR $6",
            email.as_str(),
            role.as_str(),
            by.map(|by| by.user_id.as_str()),
            now,
            now + INVITED,
            by.is_none_or(|by| by.role == Role::Owner),
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        let tell = tell && self.sends_mail() && is_reachable(email);
        if tell {
            // Whoever is invited again is told again.
            let cause = format!("{}:{:032x}", email.as_str(), self.random());
            let (kind, subject) = (MailKind::Invitation, email.as_str());
            self.write_mail(&mut tx, NewMail { kind, cause: &cause, user: None, subject, data: json!({}) }).await?;
        }
        tx.commit().await?;
        Ok(Some(tell))
    }

    /// Invitations that are good, the newest first; at most 200.
    ///
    /// # Errors
    /// When the database does not answer or a row cannot be read.
    pub async fn list_invitations(&self) -> Result<Vec<Invitation>> {
        let rows = sqlx::query!(
            "SELECT email, role, created_at, expires_at FROM invitations WHERE expires_at > $1
             ORDER BY created_at DESC, email LIMIT 200",
            to_db(self.now())
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Invitation {
                    role: parse_role(&row.email, &row.role)?,
                    email: row.email,
                    created_at: from_db(row.created_at),
                    expires_at: from_db(row.expires_at),
                })
            })
            .collect()
    }

    /// Takes an invitation back that the viewer could make; `false` when there is none such.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revoke_invitation(&self, viewer: &Viewer, email: &str) -> Result<bool> {
        let done = sqlx::query!(
            "DELETE FROM invitations WHERE email = lower($1) AND ($2 OR role = 'user')",
            email,
            viewer.role == Role::Owner,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Makes whoever has an address an administrator, or the owner where there is none; nobody when nobody has it yet, and
    /// then it is invited as that.
    ///
    /// # Errors
    /// When the database does not answer or the row cannot be read.
    pub async fn grant_admin(&self, email: &Email) -> Result<(Option<UserId>, Role)> {
        let role = if self.has_owner().await? { Role::Admin } else { Role::Owner };
        let granted = sqlx::query_scalar!(
            "UPDATE users SET role = CASE WHEN role = 'owner' THEN role ELSE $2 END
             WHERE id = (SELECT id FROM users WHERE lower(email) = $1 ORDER BY email = $1 DESC, created_at, id LIMIT 1)
             RETURNING id",
            email.as_str(),
            role.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        if granted.is_none() {
            self.invite(None, email, role, false).await?;
        }
        Ok((granted.map(|id: String| parse_user_id("users", &id)).transpose()?, role))
    }

    /// Whether there is an owner who may come in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_owner(&self) -> Result<bool> {
        let owned = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM users WHERE role = 'owner' AND disabled_at IS NULL) AS "owned!""#
        );
        Ok(owned.fetch_one(&self.pool).await?)
    }

    /// Forgets invitations past their time; returns how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn delete_expired_invitations(&self) -> Result<u64> {
        let done = sqlx::query!("DELETE FROM invitations WHERE expires_at < $1", to_db(self.now()));
        Ok(done.execute(&self.pool).await?.rows_affected())
    }
}

/// Nobody's invitations outlive their rights.
async fn take_back_invitations(connection: &mut PgConnection, person: &UserId) -> Result<()> {
    sqlx::query!("DELETE FROM invitations WHERE invited_by = $1", person.as_str()).execute(connection).await?;
    Ok(())
}

//! Ways in: accounts at providers, and who comes in by them. Tokens are sealed.

use cjhirashi_domain::{
    Timestamp,
    id::{AccountId, UserId},
    user::{Email, LinkedAccount, Role, SignUp},
};
use sqlx::{PgConnection, PgTransaction};

use crate::{
    Result, StorageError, Store,
    connect::{from_db, to_db},
    migrate::token_purpose,
    users::{parse_role, parse_user_id},
};

/// Of two who come for the first time at once, the second waits: one of them may become the owner.
const FIRST_TIME: i64 = 0x636a_6869_7369_676e;
/// The most characters of a name and of a picture's address.
const NAME: usize = 200;
const PICTURE: usize = 2_000;

/// Somebody whom a provider vouches for.
#[derive(Debug, Clone, Copy)]
pub struct ProvenAccount<'a> {
    /// Which provider.
    pub provider: &'a str,
    /// Who, there.
    pub subject: &'a str,
    /// What the provider says of them.
    pub profile: ProvenProfile<'a>,
    /// For later calls.
    pub tokens: AccountTokens<'a>,
}

/// What a provider says of somebody.
#[derive(Debug, Clone, Copy)]
pub struct ProvenProfile<'a> {
    /// Their address.
    pub email: Option<&'a Email>,
    /// Whether the provider knows that it is theirs.
    pub email_verified: bool,
    /// A name to show.
    pub name: Option<&'a str>,
    /// The address of a picture.
    pub picture: Option<&'a str>,
}

/// What a provider gave for later calls.
#[derive(Debug, Clone, Copy)]
pub struct AccountTokens<'a> {
    /// For calls in the person's name.
    pub access: &'a str,
    /// For a new one; `None` leaves the one that is kept.
    pub refresh: Option<&'a str>,
    /// What proved who they are.
    pub id_token: Option<&'a str>,
    /// Until when the first is good.
    pub expires_at: Option<Timestamp>,
    /// `bearer`.
    pub token_type: &'a str,
    /// What was granted.
    pub scope: Option<&'a str>,
}

/// What became of somebody at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entrance {
    /// They are in, as this person.
    In {
        /// Who.
        user: UserId,
        /// Made just now, with this role.
        new: Option<Role>,
    },
    /// It is another way in for whoever asked.
    Linked,
    /// They are not in.
    Refused(Refusal),
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// An administrator keeps them out.
    Disabled,
    /// The policy admits nobody like them, and nobody has invited them.
    NotInvited,
    /// Somebody has that address, and it was not verified on both sides that it is the same person.
    AddressTaken,
    /// The account is another person's way in.
    AccountTaken,
    /// The provider tells no address that it has verified.
    NoAddress,
}

/// Tokens of an account, opened.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedTokens {
    /// Which provider.
    pub provider: String,
    /// Who, there.
    pub subject: String,
    /// For calls in the person's name.
    pub access: Option<String>,
    /// For a new one.
    pub refresh: Option<String>,
    /// Until when the first is good.
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for OpenedTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedTokens").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// An account that was used before, and whose it is.
struct Used {
    id: String,
    user: UserId,
    disabled: bool,
}

/// Somebody with an address.
struct Known {
    id: UserId,
    role: Role,
    verified: bool,
    disabled: bool,
    has_accounts: bool,
}

/// The key in `instance_settings` that stands there since somebody deleted their account.
pub(crate) const SOMEBODY_LEFT: &str = "somebody_left";

impl Store {
    /// Lets in whom a provider vouches for; with `linking`, makes the account another way in for that person. Whose it is:
    /// whose way in it was before, else whoever has the same address verified on both sides, else a new person where the
    /// policy or an invitation admits them. The first person of all becomes the owner, where the policy lets them in.
    ///
    /// # Errors
    /// When the database does not answer or a row cannot be read.
    pub async fn enter(
        &self,
        account: &ProvenAccount<'_>,
        policy: &SignUp,
        linking: Option<&UserId>,
    ) -> Result<Entrance> {
        let mut tx = self.pool.begin().await?;
        let mut used = find_used(&mut tx, account).await?;
        if used.is_none() && linking.is_none() {
            sqlx::query!("SELECT pg_advisory_xact_lock($1)::text", FIRST_TIME).fetch_one(&mut *tx).await?;
            // Somebody else may have let this very account in meanwhile.
            used = find_used(&mut tx, account).await?;
        }
        let entrance = match (used, linking) {
            (Some(used), Some(linking)) if *linking != used.user => Entrance::Refused(Refusal::AccountTaken),
            (Some(used), _) if used.disabled => Entrance::Refused(Refusal::Disabled),
            (Some(used), linking) => {
                self.save_tokens_of(&mut tx, &used.id, account).await?;
                if linking.is_some() { Entrance::Linked } else { Entrance::In { user: used.user, new: None } }
            }
            (None, Some(person)) => {
                self.add_account(&mut tx, person, account).await?;
                Entrance::Linked
            }
            (None, None) => self.enter_first_time(&mut tx, account, policy).await?,
        };
        if let Entrance::In { user, .. } = &entrance {
            self.follow_profile(&mut tx, user, &account.profile).await?;
        }
        tx.commit().await?;
        Ok(entrance)
    }

    async fn enter_first_time(
        &self,
        tx: &mut PgTransaction<'_>,
        account: &ProvenAccount<'_>,
        policy: &SignUp,
    ) -> Result<Entrance> {
        let refused = |refusal| Ok(Entrance::Refused(refusal));
        let Some(email) = account.profile.email else { return refused(Refusal::NoAddress) };
        let known = self.known_by(tx, email).await?;
        if !account.profile.email_verified {
            return refused(if known.is_some() { Refusal::AddressTaken } else { Refusal::NoAddress });
        }
        if known.as_ref().is_some_and(|known| known.disabled) {
            return refused(Refusal::Disabled);
        }
        // Whoever runs the server is no address of a provider's.
        if email.as_str() == Email::LOCAL_OWNER {
            return refused(Refusal::AddressTaken);
        }
        let invited = self.invitation(tx, email).await?;
        if let Some(known) = known {
            // Of a person whom nobody can come in as yet, an invitation says whose the address is, too; but never for a role
            // above its own.
            let vouched = !known.has_accounts && invited.is_some_and(|role| role >= known.role);
            if !known.verified && !vouched {
                return refused(Refusal::AddressTaken);
            }
            self.use_invitation_up(tx, email).await?;
            if let Some(role) = invited {
                sqlx::query!(
                    "UPDATE users SET role = $2 WHERE id = $1
                       AND array_position('{user,admin,owner}', role) < array_position('{user,admin,owner}', $2)",
                    known.id.as_str(),
                    role.as_str(),
                )
                .execute(&mut **tx)
                .await?;
            }
            self.add_account(tx, &known.id, account).await?;
            return Ok(Entrance::In { user: known.id, new: None });
        }
        // Whose instance it was, it is not the next stranger's because they left.
        let anybody = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM instance_settings WHERE key = $1) AS "anybody!""#,
            SOMEBODY_LEFT
        )
        .fetch_one(&mut **tx)
        .await?;
        let role = match invited {
            Some(role) => role,
            None if !anybody && policy.admits_first(email) => Role::Owner,
            None if policy.admits(email) => Role::User,
            None => return refused(Refusal::NotInvited),
        };
        self.use_invitation_up(tx, email).await?;
        let id = UserId::new(self.now(), self.random());
        sqlx::query!(
            "INSERT INTO users (id, email, email_verified_at, role, created_at, updated_at) VALUES ($1, $2, $3, $4, $3, $3)",
            id.as_str(),
            email.as_str(),
            to_db(self.now()),
            role.as_str(),
        )
        .execute(&mut **tx)
        .await?;
        self.add_account(tx, &id, account).await?;
        Ok(Entrance::In { user: id, new: Some(role) })
    }

    async fn known_by(&self, tx: &mut PgTransaction<'_>, email: &Email) -> Result<Option<Known>> {
        let row = sqlx::query!(
            r#"SELECT id, role, email_verified_at IS NOT NULL AS "verified!", disabled_at IS NOT NULL AS "disabled!",
                   EXISTS (SELECT FROM accounts a WHERE a.user_id = users.id) AS "has_accounts!"
               FROM users WHERE lower(email) = $1 ORDER BY email = $1 DESC, created_at, id LIMIT 1"#,
            email.as_str()
        )
        .fetch_optional(&mut **tx)
        .await?;
        row.map(|row| {
            Ok(Known {
                id: parse_user_id("users", &row.id)?,
                role: parse_role(&row.id, &row.role)?,
                verified: row.verified,
                disabled: row.disabled,
                has_accounts: row.has_accounts,
            })
        })
        .transpose()
    }

    async fn use_invitation_up(&self, tx: &mut PgTransaction<'_>, email: &Email) -> Result<()> {
        sqlx::query!("DELETE FROM invitations WHERE email = $1", email.as_str()).execute(&mut **tx).await?;
        Ok(())
    }

    /// What an address is invited as.
    async fn invitation(&self, tx: &mut PgTransaction<'_>, email: &Email) -> Result<Option<Role>> {
        let role = sqlx::query_scalar!(
            "SELECT role FROM invitations WHERE email = $1 AND expires_at > $2 FOR UPDATE",
            email.as_str(),
            to_db(self.now()),
        )
        .fetch_optional(&mut **tx)
        .await?;
        role.map(|role| parse_role(email.as_str(), &role)).transpose()
    }

    async fn add_account(
        &self,
        connection: &mut PgConnection,
        user: &UserId,
        account: &ProvenAccount<'_>,
    ) -> Result<()> {
        let id = AccountId::new(self.now(), self.random()).into_string();
        sqlx::query!(
            "INSERT INTO accounts (id, user_id, type, provider, provider_account_id, created_at)
             VALUES ($1, $2, 'oauth', $3, $4, $5)",
            id,
            user.as_str(),
            account.provider,
            account.subject,
            to_db(self.now()),
        )
        .execute(&mut *connection)
        .await?;
        self.save_tokens_of(connection, &id, account).await
    }

    async fn save_tokens_of(&self, connection: &mut PgConnection, id: &str, account: &ProvenAccount<'_>) -> Result<()> {
        sqlx::query!(
            "UPDATE accounts SET email = coalesce($2, email), used_at = $3 WHERE id = $1",
            id,
            account.profile.email.map(Email::as_str),
            to_db(self.now()),
        )
        .execute(&mut *connection)
        .await?;
        self.save_tokens(connection, id, &account.tokens).await
    }

    async fn save_tokens(&self, connection: &mut PgConnection, id: &str, tokens: &AccountTokens<'_>) -> Result<()> {
        let access = self.seal_token(id, "access_token", Some(tokens.access))?;
        let refresh = self.seal_token(id, "refresh_token", tokens.refresh)?;
        let id_token = self.seal_token(id, "id_token", tokens.id_token)?;
        sqlx::query!(
            "UPDATE accounts SET access_token = $2, refresh_token = coalesce($3, refresh_token),
                 id_token = coalesce($4, id_token), expires_at = $5, token_type = $6, scope = coalesce($7, scope)
             WHERE id = $1",
            id,
            access,
            refresh,
            id_token,
            tokens.expires_at.map(to_db),
            tokens.token_type,
            tokens.scope,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    fn seal_token(&self, account: &str, column: &str, token: Option<&str>) -> Result<Option<Vec<u8>>> {
        let Some(token) = token else { return Ok(None) };
        let sealed = self.sealer.seal(&token_purpose(account, column), token.as_bytes(), self.random_nonce())?;
        Ok(Some(sealed.0))
    }

    /// Name, picture and verified address are as the provider says. An address that somebody else has stays theirs.
    async fn follow_profile(
        &self,
        connection: &mut PgConnection,
        user: &UserId,
        profile: &ProvenProfile<'_>,
    ) -> Result<()> {
        let (name, picture) = (bounded(profile.name, NAME), bounded(profile.picture, PICTURE));
        let email = profile.email.filter(|_| profile.email_verified);
        sqlx::query!(
            "UPDATE users u SET
                 name = coalesce($2, u.name), image = coalesce($3, u.image), updated_at = $5,
                 email = CASE WHEN follows THEN $4 ELSE u.email END,
                 email_verified_at = CASE WHEN follows OR lower(u.email) = $4 THEN coalesce(u.email_verified_at, $5)
                     ELSE u.email_verified_at END
             FROM (
                 SELECT $4::text IS NOT NULL AND NOT EXISTS (SELECT FROM users o WHERE lower(o.email) = $4)
                     -- With several ways in, the address is the person's to choose.
                     AND (SELECT count(*) FROM accounts WHERE user_id = $1) = 1 AS follows
             ) f
             WHERE u.id = $1",
            user.as_str(),
            name,
            picture,
            email.map(Email::as_str),
            to_db(self.now()),
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// The accounts that a person comes in by, the first one first.
    ///
    /// # Errors
    /// When the database does not answer or a row cannot be read.
    pub async fn list_accounts(&self, user: &UserId) -> Result<Vec<LinkedAccount>> {
        let rows = sqlx::query!(
            "SELECT id, provider, email, created_at, used_at FROM accounts WHERE user_id = $1 ORDER BY created_at, id",
            user.as_str()
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(LinkedAccount {
                    id: AccountId::parse(&*row.id)
                        .map_err(|_| StorageError::corrupt("accounts", "id", &row.id, &row.id))?,
                    provider: row.provider,
                    email: row.email,
                    created_at: from_db(row.created_at),
                    used_at: row.used_at.map(from_db),
                })
            })
            .collect()
    }

    /// Takes a way in from a person; never the last one. The provider it was at, or `None` when it is not theirs or the last.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unlink_account(&self, user: &UserId, id: &AccountId) -> Result<Option<String>> {
        let mut tx = self.pool.begin().await?;
        // Locked, so that of two who take the last two one is refused.
        sqlx::query!("SELECT id FROM users WHERE id = $1 FOR UPDATE", user.as_str()).fetch_optional(&mut *tx).await?;
        let provider = sqlx::query_scalar!(
            "DELETE FROM accounts WHERE id = $1 AND user_id = $2
               AND (SELECT count(*) FROM accounts WHERE user_id = $2) > 1
             RETURNING provider",
            id.as_str(),
            user.as_str(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(provider)
    }

    /// The tokens of one of a person's accounts.
    ///
    /// # Errors
    /// When the database does not answer, or a token was sealed with another secret.
    pub async fn open_tokens(&self, user: &UserId, id: &AccountId) -> Result<Option<OpenedTokens>> {
        let row = sqlx::query!(
            "SELECT provider, provider_account_id, access_token, refresh_token, expires_at FROM accounts
             WHERE id = $1 AND user_id = $2",
            id.as_str(),
            user.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let open = |column: &str, sealed: Option<Vec<u8>>| -> Result<Option<String>> {
            let Some(sealed) = sealed else { return Ok(None) };
            let clear = self.sealer.open(&token_purpose(id.as_str(), column), &sealed)?;
            Ok(Some(String::from_utf8(clear).map_err(|_| StorageError::Unsealable)?))
        };
        Ok(Some(OpenedTokens {
            access: open("access_token", row.access_token)?,
            refresh: open("refresh_token", row.refresh_token)?,
            provider: row.provider,
            subject: row.provider_account_id,
            expires_at: row.expires_at.map(from_db),
        }))
    }

    /// Keeps what a refresh brought.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn replace_tokens(&self, id: &AccountId, tokens: &AccountTokens<'_>) -> Result<()> {
        let mut connection = self.pool.acquire().await?;
        self.save_tokens(&mut connection, id.as_str(), tokens).await
    }

    /// Takes a person's profile from what a provider says of them by now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn update_profile(&self, user: &UserId, profile: &ProvenProfile<'_>) -> Result<()> {
        let mut connection = self.pool.acquire().await?;
        self.follow_profile(&mut connection, user, profile).await
    }

    /// Seals again, with the present secret, what only the one before opens; returns how many values.
    pub(crate) async fn reseal_accounts(&self, connection: &mut PgConnection) -> Result<usize> {
        let mut resealed = 0;
        let mut after = String::new();
        loop {
            let rows = sqlx::query!(
                "SELECT id, refresh_token, access_token, id_token FROM accounts WHERE id > $1 ORDER BY id LIMIT 500",
                after
            )
            .fetch_all(&mut *connection)
            .await?;
            let Some(last) = rows.last() else { return Ok(resealed) };
            after = last.id.clone();
            for row in rows {
                let mut reseal = |column: &str, sealed: Option<Vec<u8>>| -> Result<Option<Vec<u8>>> {
                    let Some(sealed) = sealed else { return Ok(None) };
                    let again = self.sealer.reseal(&token_purpose(&row.id, column), &sealed, self.random_nonce())?;
                    resealed += usize::from(again.is_some());
                    Ok(again.map(|again| again.0))
                };
                let refresh = reseal("refresh_token", row.refresh_token)?;
                let access = reseal("access_token", row.access_token)?;
                let id_token = reseal("id_token", row.id_token)?;
                if refresh.is_some() || access.is_some() || id_token.is_some() {
                    sqlx::query!(
                        "UPDATE accounts SET refresh_token = coalesce($2, refresh_token),
                             access_token = coalesce($3, access_token), id_token = coalesce($4, id_token)
                         WHERE id = $1",
                        row.id,
                        refresh,
                        access,
                        id_token,
                    )
                    .execute(&mut *connection)
                    .await?;
                }
            }
        }
    }
}

async fn find_used(tx: &mut PgTransaction<'_>, account: &ProvenAccount<'_>) -> Result<Option<Used>> {
    let row = sqlx::query!(
        r#"SELECT a.id, u.id AS user_id, u.disabled_at IS NOT NULL AS "disabled!"
           FROM accounts a JOIN users u ON u.id = a.user_id
           WHERE a.provider = $1 AND a.provider_account_id = $2 FOR UPDATE OF a"#,
        account.provider,
        account.subject,
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| Ok(Used { user: parse_user_id("accounts", &row.user_id)?, id: row.id, disabled: row.disabled }))
        .transpose()
}

fn bounded(text: Option<&str>, most: usize) -> Option<String> {
    text.map(|text| text.chars().take(most).collect())
}

#[cfg(test)]
mod tests;

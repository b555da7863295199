//! People.

use cjhirashi_domain::{
    id::UserId,
    order::{Column as _, Order, PersonColumn},
    settings::UserSettings,
    text::QueryText,
    user::{Email, Role, SignedIn, User, UserSummary},
};
use time::OffsetDateTime;

use crate::{
    Result, StorageError, Store,
    connect::{from_db, to_db},
    settings::SettingsRow,
};

/// A visit is noted at most this often, so that reading a page does not write a row. Often enough to tell who was away
/// while an answer of minutes was written.
const SEEN_EVERY_MS: i64 = 60 * 1000;

/// Which people a list shows, and which part of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleFilter {
    /// Words in the name or the address; case and accents do not matter.
    pub query: Option<QueryText>,
    /// By which column; the oldest account first without one, and where a column says the same of two.
    pub order: Option<Order<PersonColumn>>,
    /// The page of the list, from 1.
    pub page: u32,
    /// People a page, 1 to 200.
    pub page_size: u32,
}

impl Default for PeopleFilter {
    fn default() -> Self {
        Self { query: None, order: None, page: 1, page_size: 50 }
    }
}

/// A page of the list of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleList {
    /// This page.
    pub people: Vec<UserSummary>,
    /// How many there are on all pages.
    pub total: i64,
}

struct UserRow {
    id: String,
    email: String,
    name: Option<String>,
    image: Option<String>,
    role: String,
    created_at: OffsetDateTime,
}

impl TryFrom<UserRow> for User {
    type Error = StorageError;

    fn try_from(row: UserRow) -> Result<Self> {
        Ok(Self {
            role: parse_role(&row.id, &row.role)?,
            id: parse_user_id("users", &row.id)?,
            email: row.email,
            name: row.name,
            image: row.image,
            created_at: from_db(row.created_at),
        })
    }
}

pub(crate) fn parse_role(row: &str, role: &str) -> Result<Role> {
    Role::parse(role).ok_or_else(|| StorageError::corrupt("users", "role", row, role))
}

pub(crate) fn parse_user_id(table: &'static str, id: &str) -> Result<UserId> {
    UserId::parse(id).map_err(|_| StorageError::corrupt(table, "user_id", id, id))
}

impl Store {
    /// A person by id.
    ///
    /// # Errors
    /// When the database does not answer or the row cannot be read.
    pub async fn get_user(&self, id: &UserId) -> Result<Option<User>> {
        sqlx::query_as!(
            UserRow,
            "SELECT id, email, name, image, role, created_at FROM users WHERE id = $1",
            id.as_str()
        )
        .fetch_optional(&self.pool)
        .await?
        .map(User::try_from)
        .transpose()
    }

    /// A person by address, whatever its case. Of two adopted people whose addresses differ in case alone, the one
    /// with exactly this address, else the older.
    ///
    /// # Errors
    /// When the database does not answer or the row cannot be read.
    pub async fn find_user_by_email(&self, email: &str) -> Result<Option<User>> {
        sqlx::query_as!(
            UserRow,
            "SELECT id, email, name, image, role, created_at FROM users
             WHERE lower(email) = lower($1) ORDER BY email = $1 DESC, created_at, id LIMIT 1",
            email.trim()
        )
        .fetch_optional(&self.pool)
        .await?
        .map(User::try_from)
        .transpose()
    }

    /// The person with this address; made, with the given role, when there is none: whoever runs the server says whose
    /// address it is. Safe to call at once from two
    /// processes: both get the same person.
    ///
    /// # Errors
    /// When the database does not answer or the row cannot be read.
    pub async fn ensure_user(&self, email: &Email, role: Role) -> Result<User> {
        if let Some(user) = self.find_user_by_email(email.as_str()).await? {
            return Ok(user);
        }
        sqlx::query!(
            "INSERT INTO users (id, email, email_verified_at, role, created_at, updated_at) VALUES ($1, $2, $4, $3, $4, $4)
             ON CONFLICT (email) DO NOTHING",
            UserId::new(self.now(), self.random()).into_string(),
            email.as_str(),
            role.as_str(),
            to_db(self.now()),
        )
        .execute(&self.pool)
        .await?;
        self.find_user_by_email(email.as_str()).await?.ok_or(StorageError::Query(sqlx::Error::RowNotFound))
    }

    /// The local owner, `owner@localhost`, made at the first start.
    ///
    /// # Errors
    /// When the database does not answer or the row cannot be read.
    pub async fn ensure_local_owner(&self) -> Result<User> {
        let email = Email::parse(Email::LOCAL_OWNER)
            .map_err(|_| StorageError::corrupt("users", "email", "", Email::LOCAL_OWNER))?;
        self.ensure_user(&email, Role::Owner).await
    }

    /// The person behind a session with their settings, in one query; `None` when they are gone or disabled.
    ///
    /// # Errors
    /// When the database does not answer or a row cannot be read.
    pub async fn load_signed_in(&self, id: &UserId) -> Result<Option<SignedIn>> {
        let Some(row) = sqlx::query!(
            r#"SELECT u.id, u.email, u.name, u.image, u.role, u.created_at, u.last_seen_at,
                      s.default_model AS "default_model?", s.temperature AS "temperature?", s.max_tokens AS "max_tokens?",
                      s.theme AS "theme?", s.language AS "language?", s.code_theme AS "code_theme?",
                      s.rag_enabled AS "rag_enabled?", s.rag_top_k AS "rag_top_k?", s.rag_min_score AS "rag_min_score?",
                      s.email_notifications AS "email_notifications?", s.shortcuts AS "shortcuts?"
               FROM users u LEFT JOIN user_settings s ON s.user_id = u.id
               WHERE u.id = $1 AND u.disabled_at IS NULL"#,
            id.as_str()
        )
        .fetch_optional(&self.pool)
        .await?
        else {
            return Ok(None);
        };
        if row.last_seen_at.is_none_or(|seen| from_db(seen).plus_millis(SEEN_EVERY_MS) < self.now()) {
            sqlx::query!("UPDATE users SET last_seen_at = $2 WHERE id = $1", id.as_str(), to_db(self.now()))
                .execute(&self.pool)
                .await?;
        }
        let defaults = UserSettings::default();
        let settings = SettingsRow {
            default_model: row.default_model.unwrap_or(defaults.default_model),
            temperature: row.temperature.unwrap_or(defaults.temperature),
            max_tokens: row.max_tokens.unwrap_or(defaults.max_tokens),
            theme: row.theme.unwrap_or_default(),
            language: row.language.unwrap_or_default(),
            code_theme: row.code_theme.unwrap_or_default(),
            rag_enabled: row.rag_enabled.unwrap_or(defaults.rag_enabled),
            rag_top_k: row.rag_top_k.unwrap_or(defaults.rag_top_k),
            rag_min_score: row.rag_min_score.unwrap_or(defaults.rag_min_score),
            email_notifications: row.email_notifications.unwrap_or(defaults.email_notifications),
            shortcuts: row.shortcuts.unwrap_or_default(),
        };
        let user = UserRow {
            id: row.id,
            email: row.email,
            name: row.name,
            image: row.image,
            role: row.role,
            created_at: row.created_at,
        };
        Ok(Some(SignedIn { user: user.try_into()?, settings: settings.into() }))
    }

    /// Notes that a person is still here who asks for nothing: a page of theirs is open and hears how an answer goes on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_presence(&self, id: &UserId) -> Result<()> {
        let now = self.now();
        sqlx::query!(
            "UPDATE users SET last_seen_at = $2 WHERE id = $1 AND (last_seen_at IS NULL OR last_seen_at < $3)",
            id.as_str(),
            to_db(now),
            to_db(now.plus_millis(-SEEN_EVERY_MS)),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// People with what they have, the oldest account first unless another order is asked for.
    ///
    /// # Errors
    /// When the database does not answer or a row cannot be read.
    pub async fn list_users(&self, filter: &PeopleFilter) -> Result<PeopleList> {
        let size = i64::from(filter.page_size.clamp(1, 200));
        let skip = i64::from(filter.page.max(1) - 1) * size;
        let rows = sqlx::query!(
            r#"SELECT u.id, u.email, u.name, u.image, u.role, u.created_at, u.last_seen_at,
                   u.disabled_at IS NOT NULL AS "disabled!", h.chats AS "chats!",
                   h.documents AS "documents!", count(*) OVER () AS "total!"
               FROM users u CROSS JOIN LATERAL (
                   SELECT (SELECT count(*) FROM chats c WHERE c.user_id = u.id) AS chats,
                       (SELECT count(*) FROM documents d WHERE d.user_id = u.id AND d.deleted_at IS NULL) AS documents
               ) h
               WHERE $1::text IS NULL OR position(fold_accents($1) IN fold_accents(concat_ws(' ', u.name, u.email))) > 0
               ORDER BY
                   CASE WHEN $2 = 'name' AND NOT $3 THEN sort_key(COALESCE(u.name, u.email)) END COLLATE "C",
                   CASE WHEN $2 = 'name' AND $3 THEN sort_key(COALESCE(u.name, u.email)) END COLLATE "C" DESC,
                   CASE WHEN $3 THEN -1 ELSE 1 END * CASE $2
                       WHEN 'role' THEN array_position('{user,admin,owner}', u.role)
                       WHEN 'chats' THEN h.chats
                       WHEN 'documents' THEN h.documents
                       -- Who was never here was here longest ago.
                       WHEN 'seen' THEN COALESCE((extract(epoch FROM u.last_seen_at) * 1000)::bigint, 0)
                   END,
                   u.created_at, u.id
               LIMIT $4 OFFSET $5"#,
            filter.query.as_ref().map(QueryText::as_str),
            filter.order.map(|order| order.by.as_str()),
            filter.order.is_some_and(|order| order.descending),
            size,
            skip,
        )
        .fetch_all(&self.pool)
        .await?;
        let total = match rows.first() {
            Some(row) => row.total,
            // Behind the last page no row tells it.
            None if skip > 0 => Box::pin(self.list_users(&PeopleFilter { page: 1, ..filter.clone() })).await?.total,
            None => 0,
        };
        let people = rows.into_iter().map(|row| {
            let user = UserRow {
                id: row.id,
                email: row.email,
                name: row.name,
                image: row.image,
                role: row.role,
                created_at: row.created_at,
            };
            Ok(UserSummary {
                user: user.try_into()?,
                chats: row.chats,
                documents: row.documents,
                last_seen_at: row.last_seen_at.map(from_db),
                disabled: row.disabled,
            })
        });
        Ok(PeopleList { people: people.collect::<Result<_>>()?, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::migrated;

    #[tokio::test]
    async fn two_starts_at_once_make_one_local_owner() {
        let (_database, store, _) = migrated().await;
        let (one, two) = tokio::join!(store.ensure_local_owner(), store.ensure_local_owner());
        let owner = one.unwrap();
        assert_eq!(owner, two.unwrap());
        assert_eq!((owner.email.as_str(), owner.role), ("owner@localhost", Role::Owner));
    }

    #[tokio::test]
    async fn a_person_is_found_whatever_the_case_of_the_address() {
        let (_database, store, _) = migrated().await;
        let ana = store.ensure_user(&Email::parse("Ana@Example.org").unwrap(), Role::User).await.unwrap();
        assert_eq!(store.find_user_by_email(" ANA@example.ORG ").await.unwrap(), Some(ana.clone()));
        assert_eq!(store.get_user(&ana.id).await.unwrap(), Some(ana));
        assert_eq!(store.find_user_by_email("eva@example.org").await.unwrap(), None);
    }

    #[tokio::test]
    async fn who_signs_in_without_settings_has_the_defaults_and_is_seen() {
        let (_database, store, clock) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap();
        let signed_in = store.load_signed_in(&owner.id).await.unwrap().unwrap();
        assert_eq!(signed_in.settings, UserSettings::default());
        let seen =
            || async { store.list_users(&PeopleFilter::default()).await.unwrap().people[0].last_seen_at.unwrap() };
        let first = seen().await;
        clock.advance(SEEN_EVERY_MS / 2);
        store.load_signed_in(&owner.id).await.unwrap();
        assert_eq!(seen().await, first);
        clock.advance(SEEN_EVERY_MS);
        store.load_signed_in(&owner.id).await.unwrap();
        assert!(seen().await > first);
    }

    #[tokio::test]
    async fn people_are_found_ordered_and_shown_in_pages() {
        let (_database, store, clock) = migrated().await;
        for (email, name, role) in [
            ("zoe@example.org", Some("Ángela Zorro"), Role::User),
            ("bea@example.org", None, Role::Owner),
            ("eva@example.org", Some("Eva Ángel"), Role::Admin),
        ] {
            clock.advance(1);
            let user = store.ensure_user(&Email::parse(email).unwrap(), role).await.unwrap();
            let name_it = "UPDATE users SET name = $2 WHERE id = $1";
            sqlx::query(name_it).bind(user.id.as_str()).bind(name).execute(&store.pool).await.unwrap();
        }
        let list = async |query: &str, order: &str, page, page_size| {
            let filter =
                PeopleFilter { query: QueryText::parse(query).ok(), order: Order::parse(order), page, page_size };
            let list = store.list_users(&filter).await.unwrap();
            let people: Vec<_> = list.people.iter().map(|person| person.user.email[..3].to_owned()).collect();
            (people.join(" "), list.total)
        };
        assert_eq!(list("", "", 1, 50).await, ("zoe bea eva".to_owned(), 3), "the oldest account first");
        assert_eq!(list("", "name", 1, 50).await.0, "zoe bea eva");
        assert_eq!(list("", "-name", 1, 50).await.0, "eva bea zoe");
        assert_eq!(list("", "role", 1, 50).await.0, "zoe eva bea");
        assert_eq!(list("", "-role", 1, 50).await.0, "bea eva zoe");
        assert_eq!(list("ANGEL", "", 1, 50).await, ("zoe eva".to_owned(), 2), "by name");
        assert_eq!(list("bea@", "", 1, 50).await, ("bea".to_owned(), 1), "by address");
        assert_eq!(list("", "-name", 2, 2).await, ("zoe".to_owned(), 3));
        assert_eq!(list("", "", 9, 2).await, (String::new(), 3), "behind the last page");
    }

    #[tokio::test]
    async fn who_is_disabled_is_signed_in_no_more() {
        let (_database, store, _) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap();
        sqlx::query("UPDATE users SET disabled_at = now()").execute(&store.pool).await.unwrap();
        assert_eq!(store.load_signed_in(&owner.id).await.unwrap(), None);
        assert_eq!(store.load_signed_in(&UserId::parse("nobody").unwrap()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_role_of_the_future_is_reported_with_its_row() {
        let (_database, store, _) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap();
        let break_it = "ALTER TABLE users DROP CONSTRAINT users_role_check";
        sqlx::query(break_it).execute(&store.pool).await.unwrap();
        sqlx::query("UPDATE users SET role = 'wizard'").execute(&store.pool).await.unwrap();
        let error = store.get_user(&owner.id).await.unwrap_err().to_string();
        assert_eq!(error, format!("users.role of {} cannot be read: wizard", owner.id));
    }
}

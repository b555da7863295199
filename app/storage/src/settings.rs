//! What each person chose.

use cjhirashi_domain::{
    id::UserId,
    keys::Shortcuts,
    settings::{CodeTheme, Language, Theme, UserSettings},
};
use sqlx::PgConnection;

use crate::{Result, Store, connect::to_db};

pub(crate) struct SettingsRow {
    pub(crate) default_model: String,
    pub(crate) temperature: f64,
    pub(crate) max_tokens: i32,
    pub(crate) theme: String,
    pub(crate) language: String,
    pub(crate) code_theme: String,
    pub(crate) rag_enabled: bool,
    pub(crate) rag_top_k: i32,
    pub(crate) rag_min_score: f64,
    pub(crate) email_notifications: bool,
    pub(crate) shortcuts: Vec<String>,
}

/// The ADR's application checked none of these columns, so what it wrote is brought inside the bounds, not refused:
/// nobody is locked out of their chats by an odd setting.
impl From<SettingsRow> for UserSettings {
    fn from(row: SettingsRow) -> Self {
        Self {
            default_model: row.default_model,
            temperature: row.temperature,
            max_tokens: row.max_tokens,
            theme: Theme::parse(&row.theme).unwrap_or_default(),
            language: Language::parse(&row.language).unwrap_or_default(),
            code_theme: CodeTheme::parse(&row.code_theme),
            rag_enabled: row.rag_enabled,
            rag_top_k: row.rag_top_k,
            rag_min_score: row.rag_min_score,
            email_notifications: row.email_notifications,
            shortcuts: Shortcuts::of_texts(&row.shortcuts),
        }
        .clamped()
    }
}

impl Store {
    /// A person's settings; the defaults when they saved none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn get_settings(&self, user: &UserId) -> Result<UserSettings> {
        read_settings(&mut *self.pool.acquire().await?, user).await
    }

    /// Somebody comes in for the first time: their pages speak the language of their browser until they choose one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_settings(&self, user: &UserId, language: Language) -> Result<()> {
        sqlx::query!(
            "INSERT INTO user_settings (id, user_id, language, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (user_id) DO NOTHING",
            cjhirashi_domain::id::compose(self.now(), self.random()),
            user.as_str(),
            language.as_str(),
            to_db(self.now()),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Changes a person's settings, every number inside its bounds, and returns all of them; `None`, and nothing is
    /// changed, when `change` says so. Of two changes at once, the second begins with what the first one left.
    ///
    /// # Errors
    /// When the database does not answer, or the person is gone.
    pub async fn change_settings(
        &self,
        user: &UserId,
        change: impl FnOnce(UserSettings) -> Option<UserSettings> + Send,
    ) -> Result<Option<UserSettings>> {
        let mut tx = self.pool.begin().await?;
        // There may be no settings to lock yet, but there is somebody.
        sqlx::query!("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", user.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let settings = read_settings(&mut tx, user).await?;
        let Some(settings) = change(settings).map(UserSettings::clamped) else { return Ok(None) };
        let shortcuts = settings.shortcuts.to_texts().map(str::to_owned);
        sqlx::query!(
            "INSERT INTO user_settings (id, user_id, default_model, temperature, max_tokens, theme, language, code_theme,
                                        rag_enabled, rag_top_k, rag_min_score, email_notifications, created_at, updated_at,
                                        shortcuts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14)
             ON CONFLICT (user_id) DO UPDATE SET
                 default_model = excluded.default_model, temperature = excluded.temperature,
                 max_tokens = excluded.max_tokens, theme = excluded.theme, language = excluded.language,
                 code_theme = excluded.code_theme, rag_enabled = excluded.rag_enabled, rag_top_k = excluded.rag_top_k,
                 rag_min_score = excluded.rag_min_score, email_notifications = excluded.email_notifications,
                 updated_at = excluded.updated_at, shortcuts = excluded.shortcuts",
            cjhirashi_domain::id::compose(self.now(), self.random()),
            user.as_str(),
            settings.default_model,
            settings.temperature,
            settings.max_tokens,
            settings.theme.as_str(),
            settings.language.as_str(),
            settings.code_theme.as_str(),
            settings.rag_enabled,
            settings.rag_top_k,
            settings.rag_min_score,
            settings.email_notifications,
            to_db(self.now()),
            &shortcuts[..],
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(settings))
    }
}

async fn read_settings(connection: &mut PgConnection, user: &UserId) -> Result<UserSettings> {
    let row = sqlx::query_as!(
        SettingsRow,
        "SELECT default_model, temperature, max_tokens, theme, language, code_theme, rag_enabled, rag_top_k,
                rag_min_score, email_notifications, shortcuts
         FROM user_settings WHERE user_id = $1",
        user.as_str()
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(UserSettings::from).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::migrated;

    #[tokio::test]
    async fn settings_come_back_as_they_were_saved_the_second_time_too() {
        let (_database, store, _) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let mut settings = UserSettings {
            default_model: "openai:gpt".to_owned(),
            temperature: 1.5,
            max_tokens: 99,
            theme: Theme::Dark,
            language: Language::En,
            code_theme: CodeTheme::VsLight,
            rag_enabled: false,
            rag_top_k: 9,
            rag_min_score: 0.25,
            email_notifications: false,
            shortcuts: Shortcuts::of_texts(&["Alt K".to_owned(), "Alt N".to_owned(), "F1".to_owned()]),
        };
        store.change_settings(&owner, |_| Some(settings.clone())).await.unwrap();
        assert_eq!(store.get_settings(&owner).await.unwrap(), settings);
        settings.rag_top_k = 4000;
        store.change_settings(&owner, |_| Some(settings.clone())).await.unwrap();
        let signed_in = store.load_signed_in(&owner).await.unwrap().unwrap();
        assert_eq!(signed_in.settings, settings.clamped());
        assert_eq!(signed_in.settings.rag_top_k, 20);
    }

    #[tokio::test]
    async fn changes_at_the_same_moment_are_all_kept_and_a_refused_one_changes_nothing() {
        let (_database, store, _) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        let (a, b, c) = tokio::join!(
            store.change_settings(&owner, |settings| Some(UserSettings { rag_top_k: 9, ..settings })),
            store.change_settings(&owner, |settings| Some(UserSettings { theme: Theme::Dark, ..settings })),
            store.change_settings(&owner, |settings| Some(UserSettings { language: Language::En, ..settings })),
        );
        assert!(a.unwrap().is_some() && b.unwrap().is_some() && c.unwrap().is_some());
        assert_eq!(store.change_settings(&owner, |_| None).await.unwrap(), None);
        let saved = store.get_settings(&owner).await.unwrap();
        assert_eq!((saved.rag_top_k, saved.theme, saved.language), (9, Theme::Dark, Language::En));
    }

    #[tokio::test]
    async fn an_odd_value_in_an_adopted_row_falls_back_instead_of_locking_out() {
        let (_database, store, _) = migrated().await;
        let owner = store.ensure_local_owner().await.unwrap().id;
        store.change_settings(&owner, Some).await.unwrap();
        let odd = "UPDATE user_settings SET theme = 'neon', language = 'eo', temperature = 'NaN', rag_top_k = -3";
        sqlx::query(odd).execute(&store.pool).await.unwrap();
        let expected = UserSettings { rag_top_k: 1, ..UserSettings::default() };
        assert_eq!(store.get_settings(&owner).await.unwrap(), expected);
    }
}

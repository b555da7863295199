//! A person's settings, and the connection to a model server.

use cjhirashi_domain::settings::UserSettings;
use leptos::server;
use serde::{Deserialize, Serialize};

use super::{Failure, session::ModelView};

/// What the settings' page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SettingsView {
    pub(crate) settings: UserSettings,
    /// Whether this server sends mail.
    pub(crate) mail: bool,
    /// The model that answers with these settings.
    pub(crate) model: ModelView,
    pub(crate) models: Vec<ModelOption>,
    /// For administrators: the connection that was entered.
    pub(crate) connection: Option<ConnectionView>,
    /// For administrators: model servers found on this machine.
    pub(crate) found: Vec<FoundServer>,
}

/// A model that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModelOption {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) provider: String,
    pub(crate) retired_to: Option<String>,
}

/// A connection without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConnectionView {
    pub(crate) base_url: String,
    pub(crate) model: String,
    pub(crate) has_key: bool,
}

/// A model server on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FoundServer {
    pub(crate) name: String,
    pub(crate) base_url: String,
    pub(crate) models: Vec<String>,
}

/// Everything of the settings' page.
#[server(prefix = "/fn", endpoint = "load_settings")]
pub(crate) async fn load_settings() -> Result<SettingsView, Failure> {
    use super::{
        server::{services, signed_in},
        session::model_view,
    };
    let (who, services) = (signed_in()?, services()?);
    let settings = services.store.get_settings(&who.user.id).await?;
    let admin = who.viewer().is_admin();
    let models = services.models.list().await.into_iter();
    let found = if admin { services.models.local_servers().await } else { Vec::new() };
    Ok(SettingsView {
        model: model_view(&services, &settings.default_model),
        settings,
        mail: services.store.sends_mail(),
        models: models
            .map(|model| ModelOption {
                id: model.id,
                name: model.name,
                provider: model.provider,
                retired_to: model.retired_to,
            })
            .collect(),
        connection: services.models.connection().filter(|_| admin).map(|connection| ConnectionView {
            base_url: connection.base_url,
            model: connection.model.unwrap_or_default(),
            has_key: connection.api_key.is_some(),
        }),
        found: found
            .into_iter()
            .map(|server| FoundServer { name: server.name, base_url: server.base_url, models: server.models })
            .collect(),
    })
}

/// Saves one setting by name; answers with all of them.
#[server(prefix = "/fn", endpoint = "save_setting")]
pub(crate) async fn save_setting(name: String, #[server(default)] value: String) -> Result<UserSettings, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let change = |settings| changed(settings, &name, value.trim());
    let settings = services.store.change_settings(&who.user.id, change).await?;
    let settings = settings.ok_or_else(|| fail(ErrorCode::SettingInvalid))?;
    forward(&format!("/settings?saved={name}#{name}"));
    Ok(settings)
}

/// The settings with one of them read from text; `None` when there is no such setting or the value is none of it.
#[cfg(feature = "ssr")]
fn changed(mut settings: UserSettings, name: &str, value: &str) -> Option<UserSettings> {
    use cjhirashi_domain::settings::{CodeTheme, Language, Theme};
    let number = |value: &str| value.replace(',', ".").parse::<f64>().ok().filter(|value| value.is_finite());
    match name {
        // PostgreSQL refuses NUL, and no model is called by a control character.
        "default_model" if value.len() <= 200 && !value.chars().any(char::is_control) => {
            value.clone_into(&mut settings.default_model)
        }
        "temperature" => settings.temperature = number(value).filter(|value| (0.0..=2.0).contains(value))?,
        "max_tokens" => settings.max_tokens = value.parse().ok().filter(|value| (1..=200_000).contains(value))?,
        "theme" => settings.theme = Theme::parse(value)?,
        "language" => settings.language = Language::parse(value)?,
        "code_theme" => settings.code_theme = CodeTheme::parse(value),
        "rag_enabled" => settings.rag_enabled = value == "on",
        "email_notifications" => settings.email_notifications = value == "on",
        "rag_top_k" => settings.rag_top_k = value.parse().ok().filter(|value| (1..=20).contains(value))?,
        // The page speaks of percent.
        "rag_min_score" => {
            settings.rag_min_score = number(value).filter(|value| (0.0..=100.0).contains(value))? / 100.0;
        }
        _ => return None,
    }
    Some(settings.clamped())
}

/// Connects a model server for everybody, after asking it for its models. An empty key keeps the one there is for the
/// same address.
#[server(prefix = "/fn", endpoint = "save_connection")]
pub(crate) async fn save_connection(
    base_url: String,
    #[server(default)] api_key: String,
    #[server(default)] model: String,
) -> Result<(), Failure> {
    use super::server::{admin, fail, forward, note, services};
    use crate::connection_problem::explain;
    use cjhirashi_domain::{ErrorCode, audit::Action};
    use cjhirashi_models::{Connection, Secret};
    let (who, services) = (admin()?, services()?);
    let language = who.settings.language;
    let base_url = base_url.trim().trim_end_matches('/').to_owned();
    if base_url.len() > 500 || api_key.len() > 500 || model.len() > 200 || base_url.is_empty() {
        return Err(fail(ErrorCode::SettingInvalid));
    }
    let kept = services.models.connection().filter(|kept| kept.base_url == base_url).and_then(|kept| kept.api_key);
    let api_key = if api_key.trim().is_empty() { kept } else { Some(Secret::from(api_key)) };
    let model = Some(model.trim().to_owned()).filter(|model| !model.is_empty());
    let connection = Connection { base_url: base_url.clone(), api_key, model };
    let connection = services.models.complete_connection(connection).await.map_err(|error| {
        tracing::info!(error = %error, "a model server was not connected");
        Failure { detail: Some(explain(&error, &base_url, language)), ..fail(ErrorCode::ModelNotConnected) }
    })?;
    crate::connection::keep(&services.store, Some(&connection)).await?;
    services.models.reconfigure(Some(connection))?;
    note(&services, &who, Action::Administered, None, Some(&format!("model server {base_url}"))).await?;
    forward("/settings?saved=connection#connection");
    Ok(())
}

/// Forgets the connection.
#[server(prefix = "/fn", endpoint = "remove_connection")]
pub(crate) async fn remove_connection() -> Result<(), Failure> {
    use super::server::{admin, forward, note, services};
    use cjhirashi_domain::audit::Action;
    let (who, services) = (admin()?, services()?);
    crate::connection::keep(&services.store, None).await?;
    services.models.reconfigure(None)?;
    note(&services, &who, Action::Administered, None, Some("model server removed")).await?;
    forward("/settings#connection");
    Ok(())
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn a_setting_outside_its_bounds_is_refused_and_nothing_else_changes() {
        let settings = UserSettings::default();
        assert_eq!(changed(settings.clone(), "rag_top_k", "21"), None);
        assert_eq!(changed(settings.clone(), "temperature", "NaN"), None);
        assert_eq!(changed(settings.clone(), "no_such", "1"), None);
        assert_eq!(changed(settings.clone(), "default_model", "a\0b"), None);
        let saved = changed(settings.clone(), "rag_min_score", "35,5");
        assert_eq!(saved, Some(UserSettings { rag_min_score: 0.355, ..settings }));
    }
}

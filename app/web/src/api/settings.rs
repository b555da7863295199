//! A person's settings, and the connection to a model server.

#[cfg(feature = "ssr")]
use cjhirashi_domain::settings::UserSettings;
use leptos::server;

use super::{Failure, conversation::Acted};

/// Where they are.
#[cfg(feature = "ssr")]
pub(crate) const SETTINGS: &str = "/settings";

/// `/settings`.
#[cfg(feature = "ssr")]
pub(super) async fn page(query: &super::server::Asked) -> Result<super::served::ServedPage, Failure> {
    use super::{
        server::{services, signed_in, texts},
        session::model_view,
    };
    use crate::served;
    let (who, services) = (signed_in()?, services()?);
    let settings = services.store.get_settings(&who.user.id).await?;
    let admin = if who.viewer().is_admin() {
        Some((services.models.connection(), services.models.local_servers().await))
    } else {
        None
    };
    let view = served::SettingsView {
        model: model_view(&services, &settings.default_model),
        models: services.models.list().await,
        settings,
        mail: services.store.sends_mail(),
        admin,
        saved: query.get("saved").map(str::to_owned),
    };
    let t = texts(&who);
    Ok(super::served::ServedPage { title: t.settings.to_owned(), html: served::settings(t, &view), moves: false })
}

/// Saves one setting by name.
#[server(prefix = "/fn", endpoint = "save_setting")]
pub(crate) async fn save_setting(name: String, #[server(default)] value: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in, texts};
    use super::session::model_view;
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let change = |settings| changed(settings, &name, value.trim());
    let settings = services.store.change_settings(&who.user.id, change).await?;
    let settings = settings.ok_or_else(|| fail(ErrorCode::SettingInvalid))?;
    forward(&format!("{SETTINGS}?saved={name}#{name}"));
    let mut acted = Acted { anew: name == "language" || name.starts_with("shortcut"), ..Acted::default() };
    let root = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
    match name.as_str() {
        "theme" => acted.root = root("data-theme", settings.theme.as_str()),
        "code_theme" => acted.root = root("data-code", settings.code_theme.as_str()),
        "default_model" => {
            let model = model_view(&services, &settings.default_model);
            acted.part = root("answering", &crate::served::answering(texts(&who), &model));
            acted.model = Some(model);
        }
        _ => {}
    }
    Ok(acted)
}

/// The settings with one of them read from text; `None` when there is no such setting or the value is none of it.
#[cfg(feature = "ssr")]
fn changed(mut settings: UserSettings, name: &str, value: &str) -> Option<UserSettings> {
    use cjhirashi_domain::{
        keys::Keys,
        settings::{CodeTheme, Language, Theme},
    };
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
        "shortcut_search" => settings.shortcuts.search = Keys::parse(value)?,
        "shortcut_new_chat" => settings.shortcuts.new_chat = Keys::parse(value)?,
        "shortcut_list" => settings.shortcuts.list = Keys::parse(value)?,
        _ => return None,
    }
    settings.shortcuts.are_apart().then(|| settings.clamped())
}

/// Connects a model server for everybody, after asking it for its models. An empty key keeps the one there is for the
/// same address.
#[server(prefix = "/fn", endpoint = "save_connection")]
pub(crate) async fn save_connection(
    base_url: String,
    #[server(default)] api_key: String,
    #[server(default)] model: String,
) -> Result<Acted, Failure> {
    use super::server::{admin, fail, forward, note, services, words};
    use super::session::model_view;
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
    forward(&format!("{SETTINGS}?saved=connection#connection"));
    let model = Some(model_view(&services, &who.settings.default_model));
    Ok(Acted { say: Some(words(&who).connected.to_owned()), model, ..Acted::default() })
}

/// Forgets the connection.
#[server(prefix = "/fn", endpoint = "remove_connection")]
pub(crate) async fn remove_connection() -> Result<Acted, Failure> {
    use super::server::{admin, forward, note, services};
    use super::session::model_view;
    use cjhirashi_domain::audit::Action;
    let (who, services) = (admin()?, services()?);
    crate::connection::keep(&services.store, None).await?;
    services.models.reconfigure(None)?;
    note(&services, &who, Action::Administered, None, Some("model server removed")).await?;
    forward(&format!("{SETTINGS}#connection"));
    Ok(Acted { model: Some(model_view(&services, &who.settings.default_model)), ..Acted::default() })
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

//! What is chosen for one chat.

use leptos::server;
use serde::{Deserialize, Serialize};

use super::{Failure, Served, conversation::Acted};

/// What is chosen, as it was typed: what is empty is as in one's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Chosen {
    pub(crate) model: String,
    pub(crate) temperature: String,
    pub(crate) max_tokens: String,
    /// `on` or `off`.
    pub(crate) search: String,
    /// Ids of documents.
    pub(crate) documents: Vec<String>,
    /// The title of one more.
    pub(crate) add: String,
    /// The folder that a new chat begins in.
    pub(crate) folder: String,
}

/// The form in which one chooses, for a chat or for one that has not begun.
#[server(prefix = "/fn", endpoint = "choices_menu")]
pub(crate) async fn choices_menu(#[server(default)] chat: String) -> Result<Served, Failure> {
    use super::server::{fail, services, signed_in, texts};
    use crate::served;
    use cjhirashi_domain::{ErrorCode, id::ChatId, settings::Choices};
    let (who, services) = (signed_in()?, services()?);
    let viewer = who.viewer();
    let chat = if chat.is_empty() {
        None
    } else {
        let id = ChatId::parse(chat).map_err(|_| fail(ErrorCode::ChatNotFound))?;
        services.store.chat_revision(&viewer, &id).await?.ok_or_else(|| fail(ErrorCode::ChatNotFound))?;
        Some(id)
    };
    let choices = match &chat {
        Some(chat) => services.store.choices_of(&viewer, chat).await?,
        None => Choices::default(),
    };
    let (titles, known) = futures::try_join!(
        services.store.titles_of(&viewer, &choices.documents),
        services.store.list_titles(&viewer, server_side::TITLES),
    )?;
    let models = services.models.list().await;
    let view = served::ChoicesView { chat, choices, titles, known, models, settings: who.settings.clone() };
    Ok(Served { html: served::choices(texts(&who), &view), moves: false })
}

/// Chooses for a chat.
#[server(prefix = "/fn", endpoint = "choose_for_chat")]
pub(crate) async fn choose_for_chat(chat: String, #[server(default)] chosen: Chosen) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::{ErrorCode, id::ChatId};
    let (who, services) = (signed_in()?, services()?);
    let gone = || fail(ErrorCode::ChatNotFound);
    let chat = ChatId::parse(chat).map_err(|_| gone())?;
    let choices = server_side::read(&services.store, &who.viewer(), chosen).await?;
    if !services.store.choose(&who.viewer(), &chat, &choices).await? {
        return Err(gone());
    }
    forward(&format!("/chat/{chat}"));
    Ok(Acted::default())
}

#[cfg(feature = "ssr")]
pub(super) use server_side::read;

#[cfg(feature = "ssr")]
mod server_side {
    use cjhirashi_domain::{ErrorCode, Viewer, id::DocumentId, settings::Choices};
    use cjhirashi_storage::Store;

    use super::Chosen;
    use crate::{
        api::{
            Failure,
            server::{fail, language},
        },
        served::words_of,
    };

    /// Titles that are offered.
    pub(super) const TITLES: i64 = 100;
    /// Documents that one chat can be narrowed to.
    const MOST: usize = 50;

    /// Reads what was typed.
    pub(in crate::api) async fn read(store: &Store, viewer: &Viewer, chosen: Chosen) -> Result<Choices, Failure> {
        let w = words_of(language());
        // The field that it is about is named.
        let invalid = |field: &str| {
            let failure = fail(ErrorCode::SettingInvalid);
            // Twice: a form without script keeps the code and this.
            Failure { words: format!("{field}: {}", failure.words), detail: Some(field.to_owned()), ..failure }
        };
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let model = text(&chosen.model);
        if model.as_ref().is_some_and(|model| model.len() > 200 || model.chars().any(char::is_control)) {
            return Err(invalid(w.model));
        }
        let temperature = text(&chosen.temperature).map(|text| {
            let typed = text.replace(',', ".").parse::<f64>().ok();
            typed.filter(|temperature| (0.0..=2.0).contains(temperature)).ok_or_else(|| invalid(w.temperature))
        });
        let max_tokens = text(&chosen.max_tokens).map(|text| {
            let typed = text.parse::<i32>().ok();
            typed.filter(|tokens| (1..=200_000).contains(tokens)).ok_or_else(|| invalid(w.max_tokens))
        });
        let (temperature, max_tokens) = (temperature.transpose()?, max_tokens.transpose()?);
        let rag_enabled = match chosen.search.as_str() {
            "" => None,
            "on" => Some(true),
            "off" => Some(false),
            _ => return Err(invalid(w.search_documents)),
        };
        let mut documents: Vec<DocumentId> =
            chosen.documents.into_iter().filter_map(|id| DocumentId::parse(id).ok()).collect();
        if let Some(title) = text(&chosen.add) {
            let found = store.find_by_title(viewer, &title).await?;
            let found = found.ok_or_else(|| fail(ErrorCode::DocumentNotFound))?;
            if !documents.contains(&found) {
                documents.push(found);
            }
        }
        if documents.len() > MOST {
            return Err(invalid(w.only_documents));
        }
        Ok(Choices { model, temperature, max_tokens, rag_enabled, documents })
    }
}

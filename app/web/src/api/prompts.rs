//! Questions that are kept to be asked again: their page, and what `/` offers where questions are written.

use leptos::server;

use super::{Failure, Served, conversation::Acted};

/// Where they are kept.
pub(crate) const PROMPTS: &str = "/prompts";

/// Keeps a question under a name: a new one, or `id` with other words. `shared`: everybody's, for administrators.
#[server(prefix = "/fn", endpoint = "save_prompt")]
pub(crate) async fn save_prompt(
    #[server(default)] id: String,
    name: String,
    content: String,
    #[server(default)] shared: String,
) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in, texts};
    use cjhirashi_domain::{ErrorCode, id::PromptId, prompt::PromptName, text::MessageText};
    use cjhirashi_storage::PromptChange;
    let (who, services) = (signed_in()?, services()?);
    let name = PromptName::parse(&name).map_err(|_| fail(ErrorCode::PromptInvalid))?;
    let content = MessageText::parse(&content).ok().filter(|text| text.as_str().chars().count() <= PROMPT_CHARS);
    let content = content.ok_or_else(|| fail(ErrorCode::PromptInvalid))?;
    let (viewer, store) = (who.viewer(), &services.store);
    let change = if id.is_empty() {
        store.add_prompt(&viewer, &name, &content, !shared.is_empty()).await?
    } else {
        let id = PromptId::parse(id).map_err(|_| fail(ErrorCode::PromptNotFound))?;
        store.change_prompt(&viewer, &id, &name, &content).await?
    };
    match change {
        PromptChange::Done => {}
        PromptChange::NameTaken => return Err(fail(ErrorCode::PromptNameTaken)),
        PromptChange::Full => return Err(fail(ErrorCode::PromptsFull)),
        PromptChange::NotFound => return Err(fail(ErrorCode::PromptNotFound)),
    }
    forward(&format!("{PROMPTS}?saved=1"));
    Ok(Acted { say: Some(texts(&who).saved.to_owned()), ..Acted::default() })
}

/// The most characters of a question that is kept.
#[cfg(feature = "ssr")]
pub(crate) const PROMPT_CHARS: usize = 20_000;

/// Keeps a question no longer.
#[server(prefix = "/fn", endpoint = "delete_prompt")]
pub(crate) async fn delete_prompt(id: String) -> Result<(), Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::{ErrorCode, id::PromptId};
    let (who, services) = (signed_in()?, services()?);
    let id = PromptId::parse(id).map_err(|_| fail(ErrorCode::PromptNotFound))?;
    if !services.store.delete_prompt(&who.viewer(), &id).await? {
        return Err(fail(ErrorCode::PromptNotFound));
    }
    forward(PROMPTS);
    Ok(())
}

/// Asks a kept question in a new chat, with what goes into its gaps, in their order.
#[server(prefix = "/fn", endpoint = "ask_prompt")]
pub(crate) async fn ask_prompt(id: String, #[server(default)] values: Vec<String>) -> Result<(), Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_chat::{ChatError, SendMessage};
    use cjhirashi_domain::{
        ErrorCode,
        id::PromptId,
        prompt::{fill, gaps},
        settings::Choices,
    };
    let (who, services) = (signed_in()?, services()?);
    let viewer = who.viewer();
    let id = PromptId::parse(id).map_err(|_| fail(ErrorCode::PromptNotFound))?;
    let prompt = services.store.get_prompt(&viewer, &id).await?.ok_or_else(|| fail(ErrorCode::PromptNotFound))?;
    let names = gaps(&prompt.content);
    let value = |name: &str| {
        let at = names.iter().position(|gap| *gap == name);
        at.and_then(|at| values.get(at)).map_or("", String::as_str)
    };
    let text = fill(&prompt.content, value).map_err(ChatError::from)?;
    let message = SendMessage {
        chat: None,
        instead_of: None,
        text,
        images: Vec::new(),
        temporary: false,
        folder: None,
        choices: Choices::default(),
        message_id: None,
    };
    let sent = services.chat.send(&viewer, message).await?;
    forward(&format!("/chat/{}", sent.chat.id));
    Ok(())
}

/// What `/` offers in the field where questions are written.
#[server(prefix = "/fn", endpoint = "prompt_menu")]
pub(crate) async fn prompt_menu() -> Result<Served, Failure> {
    use super::server::{services, signed_in, texts};
    let (who, services) = (signed_in()?, services()?);
    let prompts = services.store.list_prompts(&who.viewer()).await?;
    Ok(Served { html: crate::served::prompt_menu(texts(&who), &prompts), moves: false })
}

/// `/prompts`.
#[cfg(feature = "ssr")]
pub(super) async fn page(query: &super::server::Asked) -> Result<super::served::ServedPage, Failure> {
    use super::server::{services, signed_in, texts};
    use crate::served;
    let (who, services) = (signed_in()?, services()?);
    let viewer = who.viewer();
    let prompts = services.store.list_prompts(&viewer).await?;
    let t = texts(&who);
    let html = served::prompts(t, &prompts, viewer.is_admin(), query.get("saved").is_some());
    Ok(super::served::ServedPage { title: t.prompts.to_owned(), html, moves: false })
}

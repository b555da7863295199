//! The form in which one chooses for one chat.

use cjhirashi_domain::{
    id::{ChatId, DocumentId},
    settings::{Choices, UserSettings},
};
use cjhirashi_models::ModelInfo;
use leptos::{prelude::*, server_fn::ServerFn};

use super::{hidden, words::Words};
use crate::{
    api::choices::ChooseForChat,
    components::{Piece, Whole as _},
    texts::Texts,
};

/// What the form shows.
pub(crate) struct ChoicesView {
    /// `None`: a chat that has not begun.
    pub(crate) chat: Option<ChatId>,
    pub(crate) choices: Choices,
    /// Of the chosen documents; `None` for what cannot be read any more.
    pub(crate) titles: Vec<Option<String>>,
    /// The newest documents, to choose from.
    pub(crate) known: Vec<(DocumentId, String)>,
    pub(crate) models: Vec<ModelInfo>,
    /// What counts where nothing is chosen.
    pub(crate) settings: UserSettings,
}

/// The form; before a chat has begun, fields of the one that sends its first question.
pub(crate) fn choices(t: &'static Texts, view: &ChoicesView) -> String {
    let w = Words::of(t.language);
    // Fields of a chat that has not begun belong to the composer's form.
    let form = if view.chat.is_some() { None } else { Some("composer") };
    let fields = fields(t, w, view, form);
    match &view.chat {
        Some(chat) => view! {
            <form class="stack" method="post" action=ChooseForChat::url() data-act="">
                {hidden(vec![("chat", chat.to_string())])} {fields}
                <button class="button primary" type="submit">
                    {t.save}
                </button>
            </form>
        }
        .to_html(),
        None => view! { <div class="stack">{fields}</div> }.to_html(),
    }
}

fn fields(t: &'static Texts, w: &'static Words, view: &ChoicesView, form: Option<&'static str>) -> Piece {
    let Choices { model: chosen, temperature, max_tokens, rag_enabled, documents } = &view.choices;
    let known = view.models.iter().any(|model| Some(&model.id) == chosen.as_ref());
    // One that its provider does not list at the moment stays chosen.
    let unlisted = chosen.clone().filter(|_| !known);
    let option = |id: String| {
        let selected = chosen.as_ref() == Some(&id);
        let label = t.model_label(&id);
        view! {
            <option value=id selected=selected>
                {label}
            </option>
        }
    };
    let models = view.models.iter().filter(|model| model.retired_to.is_none()).map(|model| model.id.clone());
    let models = models.chain(unlisted).map(option).collect_view();
    let search = [("", w.as_in_settings), ("on", w.search_yes), ("off", w.search_no)].map(|(value, label)| {
        let selected = value == rag_enabled.map_or("", |on| if on { "on" } else { "off" });
        view! {
            <option value=value selected=selected>
                {label}
            </option>
        }
    });
    let chosen = documents.iter().zip(&view.titles).map(|(id, title)| {
        let title = title.clone().unwrap_or_else(|| w.source_gone.to_owned());
        (id.to_string(), title, true)
    });
    let others = view.known.iter().filter(|(id, _)| !documents.contains(id));
    let others = others.map(|(id, title)| (id.to_string(), title.clone(), false));
    let boxes = chosen
        .chain(others)
        .map(|(id, title, checked)| {
            view! {
                <label class="choice">
                    <input type="checkbox" name="chosen[documents][]" value=id checked=checked form=form />
                    <span>{title}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <label>
            <span>{w.model}</span>
            <select class="input" name="chosen[model]" form=form>
                <option value="">{w.as_in_settings}</option>
                {models}
            </select>
        </label>
        <div class="pair">
            <label>
                <span>{w.temperature}</span>
                <input
                    class="input"
                    name="chosen[temperature]"
                    inputmode="decimal"
                    value=temperature.map(|temperature| t.decimal(temperature))
                    placeholder=t.decimal(view.settings.temperature)
                    form=form
                />
            </label>
            <label>
                <span>{w.max_tokens}</span>
                <input
                    class="input"
                    name="chosen[max_tokens]"
                    inputmode="numeric"
                    value=max_tokens.map(|tokens| tokens.to_string())
                    placeholder=view.settings.max_tokens.to_string()
                    form=form
                />
            </label>
        </div>
        <label>
            <span>{w.search_documents}</span>
            <select class="input" name="chosen[search]" form=form>
                {search}
            </select>
        </label>
        <fieldset class="stack">
            <legend>{w.only_documents}</legend>
            <div class="choices">{boxes}</div>
            <input
                class="input"
                name="chosen[add]"
                maxlength="300"
                placeholder=w.add_document
                aria-label=w.add_document
                form=form
            />
        </fieldset>
    }
    .whole()
}

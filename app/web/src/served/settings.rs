//! `/settings`: one page with anchors, saved field by field.
//!
//! The forms work as they are; with the program in the browser those marked `data-save` are sent when their control
//! changes, and those marked `data-act` without leaving the page ([`crate::state::acts`]).

use cjhirashi_domain::settings::{CodeTheme, Language, Theme, UserSettings};
use cjhirashi_models::{Connection, LocalServer, ModelInfo};
use leptos::{prelude::*, server_fn::ServerFn};

use super::{problem, words::Words};
use crate::{
    api::{
        EXTRACTIVE,
        session::ModelView,
        settings::{RemoveConnection, SaveConnection, SaveSetting},
    },
    components::{Icon, Piece, Whole as _, icon},
    texts::Texts,
};

/// What the page shows.
pub(crate) struct SettingsView {
    pub(crate) settings: UserSettings,
    /// Whether this server sends mail.
    pub(crate) mail: bool,
    /// The model that answers with these settings.
    pub(crate) model: ModelView,
    pub(crate) models: Vec<ModelInfo>,
    /// For administrators: what was entered, and what was found on this machine.
    pub(crate) admin: Option<(Option<Connection>, Vec<LocalServer>)>,
    /// The setting that was just saved without script.
    pub(crate) saved: Option<String>,
}

/// Which model answers, in words.
pub(crate) fn answering(t: &'static Texts, model: &ModelView) -> String {
    let w = Words::of(t.language);
    let note = (model.id == EXTRACTIVE).then(|| format!(" ({})", t.extractive_note));
    let instead = model.instead_of.as_ref().map(|wanted| format!(" {}", t.instead_of(wanted)));
    view! {
        {w.instance_model}
        ": "
        <strong>{t.model_label(&model.id)}</strong>
        {note}
        {instead}
    }
    .whole()
    .to_html()
}

/// The page's HTML.
pub(crate) fn settings(t: &'static Texts, view: &SettingsView) -> String {
    let w = Words::of(t.language);
    let page = Page { t, w, saved: view.saved.as_deref() };
    let connection = match &view.admin {
        Some((connection, found)) => view! {
            <p>{w.connection_line}</p>
            {page.connection(connection.as_ref(), found)}
        }
        .whole(),
        None => view! { <p>{w.connection_only_admin}</p> }.whole(),
    };
    view! {
        <div class="column narrow">
            <header class="page-head">
                <h1>{t.settings}</h1>
                <p>{w.settings_line}</p>
            </header>
            <nav class="settings-nav" aria-label=t.settings>
                <a href="#appearance" rel="external">{w.appearance}</a>
                <a href="#answers" rel="external">{w.answers}</a>
                <a href="#documents" rel="external">{w.from_documents}</a>
                <a href="#connection" rel="external">{w.connection}</a>
                <a href="#keys" rel="external">{t.keyboard}</a>
                <a href="#account" rel="external">{t.account}</a>
            </nav>
            {section("appearance", w.appearance, page.appearance(&view.settings))}
            {section(
                "answers",
                w.answers,
                view! {
                    <p id="answering" inner_html=answering(t, &view.model)></p>
                    {page.answers(view)}
                }
                    .whole(),
            )}
            {section("documents", w.from_documents, page.retrieval(&view.settings))}
            {section("connection", w.connection, connection)}
            {section("keys", t.keyboard, page.keys(&view.settings))}
            {section("account", t.account, page.account(view))}
        </div>
    }
    .whole()
    .to_html()
}

fn section(id: &'static str, heading: &'static str, body: Piece) -> Piece {
    view! {
        <section class="settings-section" id=id>
            <h2>{heading}</h2>
            {body}
        </section>
    }
    .whole()
}

struct Page<'a> {
    t: &'static Texts,
    w: &'static Words,
    saved: Option<&'a str>,
}

impl Page<'_> {
    /// One setting: a form of its own. `group`: several controls under one name, so that the label names their group.
    fn field(&self, name: &'static str, label: &'static str, hint: &'static str, group: bool, control: Piece) -> Piece {
        let words = view! {
            {label}
            {(!hint.is_empty()).then(|| view! { <span class="hint">{hint}</span> })}
        };
        let words = if group {
            view! { <div class="label" id=format!("{name}-label")>{words}</div> }.whole()
        } else {
            view! { <label for=format!("{name}-value")>{words}</label> }.whole()
        };
        view! {
            <form class="field" id=name method="post" action=SaveSetting::url() data-save="">
                <input type="hidden" name="name" value=name />
                {words}
                <div
                    class="control"
                    role=group.then_some("radiogroup")
                    aria-labelledby=group.then(|| format!("{name}-label"))
                >
                    {control}
                    <button class="button plain-line without-script" type="submit">
                        {self.t.save}
                    </button>
                    {self.outcome(self.saved == Some(name))}
                </div>
            </form>
        }
        .whole()
    }

    /// "Saved", or why not; the browser shows one of them.
    fn outcome(&self, saved: bool) -> Piece {
        view! {
            <span role="status">
                <span class="saved" hidden=!saved>
                    {icon(Icon::Check)}
                    {self.t.saved}
                </span>
                <span class="saved bad" hidden></span>
            </span>
        }
        .whole()
    }

    fn appearance(&self, settings: &UserSettings) -> Piece {
        let w = self.w;
        let theme = segments(
            &[
                (Theme::System.as_str(), w.theme_system),
                (Theme::Light.as_str(), w.theme_light),
                (Theme::Dark.as_str(), w.theme_dark),
            ],
            settings.theme.as_str(),
        );
        let languages = [(Language::Es.as_str(), "Español"), (Language::En.as_str(), "English")];
        let language = segments(&languages, settings.language.as_str());
        let code = segments(
            &[
                (CodeTheme::Auto.as_str(), w.code_auto),
                (CodeTheme::VsDark.as_str(), w.code_dark),
                (CodeTheme::VsLight.as_str(), w.code_light),
            ],
            settings.code_theme.as_str(),
        );
        view! {
            {self.field("theme", w.theme, "", true, theme)}
            {self.field("language", w.interface_language, "", true, language)}
            {self.field("code_theme", w.code_theme, "", true, code)}
        }
        .whole()
    }

    fn answers(&self, view: &SettingsView) -> Piece {
        let Self { t, w, .. } = self;
        let current = &view.settings.default_model;
        let known = current.is_empty() || view.models.iter().any(|model| model.id == *current);
        let unlisted = (!known).then(|| {
            view! {
                <option value=current.clone() selected>
                    {t.model_label(current)}
                </option>
            }
        });
        let option = |model: &ModelInfo| {
            let name = if model.id == EXTRACTIVE {
                t.extractive.to_owned()
            } else {
                format!("{} · {}", model.name, model.provider)
            };
            let words = match &model.retired_to {
                Some(successor) => t.retired(&name, successor),
                None => name,
            };
            view! {
                <option value=model.id.clone() selected=model.id == *current>
                    {words}
                </option>
            }
        };
        let options = view.models.iter().map(option).collect_view();
        let model = view! {
            <select class="select" id="default_model-value" name="value">
                <option value="" selected=current.is_empty()>
                    {w.model_default}
                </option>
                {unlisted}
                {options}
            </select>
        };
        let tokens = view! {
            <input
                class="input"
                id="max_tokens-value"
                name="value"
                type="number"
                min="1"
                max="200000"
                inputmode="numeric"
                value=view.settings.max_tokens
            />
        };
        let temperature = self.slider("temperature", view.settings.temperature, 0.0, 2.0, 0.1, "");
        view! {
            {self.field("default_model", w.model, w.model_hint, false, model.whole())}
            {self.field("temperature", w.temperature, w.temperature_hint, false, temperature)}
            {self.field("max_tokens", w.longest_answer, w.max_tokens_hint, false, tokens.whole())}
        }
        .whole()
    }

    /// A number on a line, with its value beside it.
    fn slider(&self, name: &'static str, value: f64, min: f64, max: f64, step: f64, unit: &'static str) -> Piece {
        let number = if step < 1.0 { self.t.decimal(value) } else { format!("{value:.0}") };
        let words = format!("{number}{unit}");
        view! {
            <input
                class="range"
                id=format!("{name}-value")
                name="value"
                type="range"
                min=min
                max=max
                step=step
                value=value
                aria-valuetext=words.clone()
                data-unit=unit
            />
            <output for=format!("{name}-value")>{words}</output>
        }
        .whole()
    }

    fn retrieval(&self, settings: &UserSettings) -> Piece {
        let w = self.w;
        let enabled = switch("rag_enabled-value", settings.rag_enabled);
        let top_k = self.slider("rag_top_k", f64::from(settings.rag_top_k), 1.0, 20.0, 1.0, "");
        let percent = (settings.rag_min_score * 100.0).round();
        let min_score = self.slider("rag_min_score", percent, 0.0, 100.0, 1.0, " %");
        view! {
            {self.field("rag_enabled", w.rag_enabled, w.rag_enabled_hint, false, enabled)}
            {self.field("rag_top_k", w.rag_top_k, w.rag_top_k_hint, false, top_k)}
            {self.field("rag_min_score", w.rag_min_score, w.rag_min_score_hint, false, min_score)}
        }
        .whole()
    }

    fn account(&self, view: &SettingsView) -> Piece {
        let w = self.w;
        let hint = if view.mail { w.mail_hint } else { w.mail_off };
        let mail = switch("email_notifications-value", view.settings.email_notifications);
        view! {
            {self.field("email_notifications", w.mail, hint, false, mail)}
            <p>
                <a href="/account">{w.account_line}</a>
            </p>
        }
        .whole()
    }

    fn keys(&self, settings: &UserSettings) -> Piece {
        let field = |name: &'static str, label: &'static str, keys: &str| {
            let control = view! {
                <input
                    class="input"
                    id=format!("{name}-value")
                    name="value"
                    required
                    maxlength="40"
                    autocomplete="off"
                    value=keys.to_owned()
                />
            };
            self.field(name, label, "", false, control.whole())
        };
        let (t, keys) = (self.t, &settings.shortcuts);
        view! {
            <p>{self.w.shortcuts_line}</p>
            {field("shortcut_search", t.key_search, keys.search.as_str())}
            {field("shortcut_new_chat", t.new_chat, keys.new_chat.as_str())}
            {field("shortcut_list", self.w.shortcut_list, keys.list.as_str())}
        }
        .whole()
    }

    fn connection(&self, connection: Option<&Connection>, found: &[LocalServer]) -> Piece {
        let w = self.w;
        let connected = connection.is_some();
        let (base_url, model, has_key) = connection.map_or_else(Default::default, |now| {
            (now.base_url.clone(), now.model.clone().unwrap_or_default(), now.api_key.is_some())
        });
        let servers = found
            .iter()
            .map(|server| {
                let options =
                    server.models.iter().map(|model| view! { <option>{model.clone()}</option> }).collect_view();
                view! {
                    <form class="callout accent" method="post" action=SaveConnection::url() data-act="">
                        <input type="hidden" name="base_url" value=server.base_url.clone() />
                        <div>
                            {w.found_here} " " <strong>{server.name.clone()}</strong>
                            <small>{server.base_url.clone()} " · " {server.models.join(", ")}</small>
                        </div>
                        <select class="select" name="model" aria-label=w.model_name>
                            {options}
                        </select>
                        <button class="button primary" type="submit" data-busy=w.connecting>
                            {w.use_it}
                        </button>
                    </form>
                }
                .whole()
            })
            .collect_view();
        view! {
            <div class="stack">
                {servers}
                <form class="stack" method="post" action=SaveConnection::url() data-act="">
                    <label>
                        <span>{w.base_url}</span>
                        <input
                            class="input"
                            name="base_url"
                            type="url"
                            required
                            maxlength="500"
                            placeholder="https://api.openai.com/v1"
                            value=base_url
                        />
                    </label>
                    <label>
                        <span>{w.api_key}</span>
                        <input
                            class="input"
                            name="api_key"
                            type="password"
                            autocomplete="off"
                            maxlength="500"
                            placeholder=if has_key { w.api_key_kept } else { w.api_key_optional }
                        />
                    </label>
                    <label>
                        <span>{w.model_name}</span>
                        <input class="input" name="model" maxlength="200" placeholder="gpt-5.4-mini" value=model />
                    </label>
                    {problem()}
                    <div class="row">
                        <button class="button primary" type="submit" data-busy=w.connecting>
                            {w.connect}
                        </button>
                        {self.outcome(self.saved == Some("connection"))}
                    </div>
                </form>
                {connected
                    .then(|| {
                        view! {
                            <form method="post" action=RemoveConnection::url() data-act="">
                                <button class="button danger" type="submit">
                                    {w.disconnect}
                                </button>
                            </form>
                        }
                    })}
            </div>
        }
        .whole()
    }
}

/// On or off.
fn switch(id: &'static str, on: bool) -> Piece {
    view! { <input class="switch" id=id name="value" type="checkbox" role="switch" value="on" checked=on /> }.whole()
}

/// A choice among few, all of them seen.
fn segments(choices: &[(&'static str, &'static str)], current: &str) -> Piece {
    let radios = choices
        .iter()
        .map(|&(value, words)| {
            view! {
                <label>
                    <input type="radio" name="value" value=value checked=value == current />
                    {words}
                </label>
            }
        })
        .collect_view();
    view! { <div class="segmented">{radios}</div> }.whole()
}

//! `/settings`: one page with anchors, saved field by field.

use cjhirashi_domain::settings::{CodeTheme, Language, Theme, UserSettings};
use leptos::{ev, prelude::*, server_fn::ServerFn, task::spawn_local};
use leptos_router::hooks::use_query_map;
use wasm_bindgen::JsCast;
use web_sys::{FormData, HtmlFormElement};

use crate::components::{Children, Piece, Whole as _};
use crate::{
    api::{
        EXTRACTIVE, Loaded, load,
        settings::{
            ConnectionView, FoundServer, RemoveConnection, SaveConnection, SaveSetting, SettingsView, load_settings,
            remove_connection, save_connection, save_setting,
        },
    },
    components::{Icon, Page, Problem, Skeleton, error_callout, icon},
    state::{Notices, Session, browser, use_session, use_texts},
};

/// The settings.
#[component]
pub(crate) fn SettingsPage() -> impl IntoView {
    let t = use_texts();
    let settings = load(|| (), |()| load_settings());
    view! {
        <Page title=t.settings narrow=true>
            <header class="page-head">
                <h1>{t.settings}</h1>
                <p>{t.settings_line}</p>
            </header>
            <Transition fallback=|| view! { <Skeleton /> }>
                {move || Suspend::new(async move {
                    match settings.await {
                        Ok(view) => view! { <Sections view=view settings=settings /> }.whole(),
                        Err(failure) => view! { <Problem failure=failure /> }.whole(),
                    }
                })}
            </Transition>
        </Page>
    }
    .whole()
}

/// Asks which model answers now: another one was chosen.
fn refresh_model(session: Option<Session>) {
    spawn_local(async move {
        if let (Some(session), Ok(view)) = (session, load_settings().await) {
            session.set_model(view.model);
        }
    });
}

#[component]
fn Sections(view: SettingsView, settings: Loaded<SettingsView>) -> impl IntoView {
    let t = use_texts();
    let session = use_session();
    let admin = session.as_ref().is_some_and(Session::is_admin);
    let answering = {
        let session = session.clone();
        move || {
            let model = session.as_ref()?.answering();
            let note = (model.id == EXTRACTIVE).then(|| format!(" ({})", t.extractive_note));
            let instead = model.instead_of.map(|wanted| format!(" {}", t.instead_of(&wanted)));
            Some(view! { <strong>{t.model_label(&model.id)}</strong> {note} {instead} }.whole())
        }
    };
    let model = view.model.clone();
    Effect::new(move |_| {
        if let Some(session) = &session {
            session.set_model(model.clone());
        }
        // The part of the address that names a section came before there were sections.
        if let Some(hash) = window().location().hash().ok().and_then(|hash| hash.strip_prefix('#').map(str::to_owned)) {
            request_animation_frame(move || browser::reveal(&hash));
        }
    });
    view! {
        <nav class="settings-nav" aria-label=t.settings>
            <a href="#appearance" rel="external">{t.appearance}</a>
            <a href="#answers" rel="external">{t.answers}</a>
            <a href="#documents" rel="external">{t.from_documents}</a>
            <a href="#connection" rel="external">{t.connection}</a>
            <a href="#account" rel="external">{t.account}</a>
        </nav>
        <section class="settings-section" id="appearance">
            <h2>{t.appearance}</h2>
            <Appearance settings=view.settings.clone() />
        </section>
        <section class="settings-section" id="answers">
            <h2>{t.answers}</h2>
            <p>{t.instance_model} ": " {answering}</p>
            <Answers view=view.clone() />
        </section>
        <section class="settings-section" id="documents">
            <h2>{t.from_documents}</h2>
            <Retrieval settings=view.settings.clone() />
        </section>
        <section class="settings-section" id="connection">
            <h2>{t.connection}</h2>
            {if admin {
                view! {
                    <p>{t.connection_line}</p>
                    <Connection connection=view.connection.clone() found=view.found.clone() settings=settings />
                }
                    .whole()
            } else {
                view! { <p>{t.connection_only_admin}</p> }.whole()
            }}
        </section>
        <section class="settings-section" id="account">
            <h2>{t.account}</h2>
            <Field
                name="email_notifications"
                label=t.mail
                hint=if view.mail { t.mail_hint } else { t.mail_off }
                after=NOTHING
            >
                {switch("email_notifications-value", view.settings.email_notifications)}
            </Field>
            <p>
                <a href="/account">{t.account_line}</a>
            </p>
        </section>
    }
    .whole()
}

/// What happens in the page after a setting was saved.
type After = fn(&UserSettings);

const NOTHING: After = |_| {};

/// What is being saved of one setting: one request at a time, so that none overtakes another, and after it the value
/// that was chosen last.
#[derive(Default)]
struct Saving {
    busy: bool,
    wanted: Option<String>,
}

impl Saving {
    /// Notes a value; whether somebody has to begin sending.
    fn take(&mut self, value: String) -> bool {
        self.wanted = Some(value);
        !std::mem::replace(&mut self.busy, true)
    }

    /// What to send next; without anything, sending is over.
    fn next(&mut self) -> Option<String> {
        let next = self.wanted.take();
        self.busy = next.is_some();
        next
    }
}

/// One setting: a form of its own, sent when its control changes.
#[component]
fn Field(
    name: &'static str,
    label: &'static str,
    #[prop(optional)] hint: &'static str,
    /// Several controls under one name; the label then names their group.
    #[prop(optional)]
    group: bool,
    after: After,
    /// The setting decides which model answers.
    #[prop(optional)]
    decides_model: bool,
    children: Children,
) -> impl IntoView {
    let t = use_texts();
    let query = use_query_map();
    let saved_without_script = query.with_untracked(|query| query.get("saved").as_deref() == Some(name));
    let session = StoredValue::new(use_session());
    let outcome = RwSignal::new(saved_without_script.then_some(Ok::<(), &'static str>(())));
    // Not the page's: the last value is sent also when the page is left meanwhile.
    let saving = ArcStoredValue::new(Saving::default());
    let save = move |form: &HtmlFormElement| {
        let Ok(data) = FormData::new_with_form(form) else { return };
        let value = browser::field(&data, "value");
        outcome.set(None);
        if !saving.write_value().take(value) {
            return;
        }
        let saving = saving.clone();
        spawn_local(async move {
            loop {
                let next = saving.write_value().next();
                let Some(value) = next else { return };
                let saved = save_setting(name.to_owned(), value).await;
                if saving.read_value().wanted.is_some() {
                    continue;
                }
                outcome.try_set(Some(saved.as_ref().map(|_| ()).map_err(|failure| failure.message(t))));
                if let Ok(saved) = saved {
                    after(&saved);
                    if decides_model {
                        refresh_model(session.try_get_value().flatten());
                    }
                }
            }
        });
    };
    let save_changed = save.clone();
    let changed = move |event: ev::Event| {
        if let Some(form) = browser::closest(&event, "form").and_then(|form| form.dyn_into::<HtmlFormElement>().ok()) {
            save_changed(&form);
        }
    };
    let submitted = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if let Some(form) = event.target().and_then(|form| form.dyn_into::<HtmlFormElement>().ok()) {
            save(&form);
        }
    };
    let words = view! {
        {label}
        {(!hint.is_empty()).then(|| view! { <span class="hint">{hint}</span> })}
    };
    view! {
        <form class="field" id=name method="post" action=SaveSetting::url() on:change=changed on:submit=submitted>
            <input type="hidden" name="name" value=name />
            {if group {
                view! { <div class="label" id=format!("{name}-label")>{words}</div> }.whole()
            } else {
                view! { <label for=format!("{name}-value")>{words}</label> }.whole()
            }}
            <div
                class="control"
                role=group.then_some("radiogroup")
                aria-labelledby=group.then(|| format!("{name}-label"))
            >
                {children.show()}
                <button class="button plain-line without-script" type="submit">
                    {t.save}
                </button>
                <Outcome outcome=outcome />
            </div>
        </form>
    }
    .whole()
}

/// "Saved", or why not.
#[component]
fn Outcome(outcome: RwSignal<Option<Result<(), &'static str>>>) -> impl IntoView {
    let t = use_texts();
    view! {
        <span role="status">
            {move || {
                outcome
                    .get()
                    .map(|outcome| match outcome {
                        Ok(()) => view! { <span class="saved">{icon(Icon::Check)} {t.saved}</span> }.whole(),
                        Err(words) => view! { <span class="saved bad">{words}</span> }.whole(),
                    })
            }}
        </span>
    }
    .whole()
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

#[component]
fn Appearance(settings: UserSettings) -> impl IntoView {
    let t = use_texts();
    let theme: After = |settings| browser::set_root("data-theme", settings.theme.as_str());
    let code: After = |settings| browser::set_root("data-code", settings.code_theme.as_str());
    // Every word of the page changes: it is loaded again.
    let language: After = |_| {
        let _ = window().location().reload();
    };
    view! {
        <Field name="theme" label=t.theme group=true after=theme>
            {segments(
                &[
                    (Theme::System.as_str(), t.theme_system),
                    (Theme::Light.as_str(), t.theme_light),
                    (Theme::Dark.as_str(), t.theme_dark),
                ],
                settings.theme.as_str(),
            )}
        </Field>
        <Field name="language" label=t.interface_language group=true after=language>
            {segments(
                &[(Language::Es.as_str(), "Español"), (Language::En.as_str(), "English")],
                settings.language.as_str(),
            )}
        </Field>
        <Field name="code_theme" label=t.code_theme group=true after=code>
            {segments(
                &[
                    (CodeTheme::Auto.as_str(), t.code_auto),
                    (CodeTheme::VsDark.as_str(), t.code_dark),
                    (CodeTheme::VsLight.as_str(), t.code_light),
                ],
                settings.code_theme.as_str(),
            )}
        </Field>
    }
    .whole()
}

#[component]
fn Answers(view: SettingsView) -> impl IntoView {
    let t = use_texts();
    let current = view.settings.default_model.clone();
    let known = current.is_empty() || view.models.iter().any(|model| model.id == current);
    let unlisted = (!known).then(|| {
        view! {
            <option value=current.clone() selected>
                {t.model_label(&current)}
            </option>
        }
    });
    let options = view
        .models
        .iter()
        .map(|model| {
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
                <option value=model.id.clone() selected=model.id == current>
                    {words}
                </option>
            }
        })
        .collect_view();
    view! {
        <Field name="default_model" label=t.model hint=t.model_hint after=NOTHING decides_model=true>
            <select class="select" id="default_model-value" name="value">
                <option value="" selected=current.is_empty()>
                    {t.model_default}
                </option>
                {unlisted}
                {options}
            </select>
        </Field>
        <Field name="temperature" label=t.temperature hint=t.temperature_hint after=NOTHING>
            {slider("temperature", view.settings.temperature, 0.0, 2.0, 0.1, "")}
        </Field>
        <Field name="max_tokens" label=t.max_tokens hint=t.max_tokens_hint after=NOTHING>
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
        </Field>
    }
    .whole()
}

/// A number on a line, with its value beside it.
fn slider(name: &'static str, value: f64, min: f64, max: f64, step: f64, unit: &'static str) -> Piece {
    let t = use_texts();
    let words = move |value: f64| {
        let number = if step < 1.0 { t.decimal(value) } else { format!("{value:.0}") };
        format!("{number}{unit}")
    };
    let shown = RwSignal::new(words(value));
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
            aria-valuetext=move || shown.get()
            on:input=move |event| {
                if let Ok(value) = event_target_value(&event).parse::<f64>() {
                    shown.set(words(value));
                }
            }
        />
        <output for=format!("{name}-value")>{move || shown.get()}</output>
    }
    .whole()
}

/// On or off.
fn switch(id: &'static str, on: bool) -> Piece {
    view! { <input class="switch" id=id name="value" type="checkbox" role="switch" value="on" checked=on /> }.whole()
}

#[component]
fn Retrieval(settings: UserSettings) -> impl IntoView {
    let t = use_texts();
    let percent = (settings.rag_min_score * 100.0).round();
    view! {
        <Field name="rag_enabled" label=t.rag_enabled hint=t.rag_enabled_hint after=NOTHING>
            {switch("rag_enabled-value", settings.rag_enabled)}
        </Field>
        <Field name="rag_top_k" label=t.rag_top_k hint=t.rag_top_k_hint after=NOTHING>
            {slider("rag_top_k", f64::from(settings.rag_top_k), 1.0, 20.0, 1.0, "")}
        </Field>
        <Field name="rag_min_score" label=t.rag_min_score hint=t.rag_min_score_hint after=NOTHING>
            {slider("rag_min_score", percent, 0.0, 100.0, 1.0, " %")}
        </Field>
    }
    .whole()
}

#[component]
fn Connection(
    connection: Option<ConnectionView>,
    found: Vec<FoundServer>,
    settings: Loaded<SettingsView>,
) -> impl IntoView {
    let t = use_texts();
    let saved = use_query_map().with_untracked(|query| query.get("saved").as_deref() == Some("connection"));
    let checking = RwSignal::new(false);
    let problem = RwSignal::new(None::<crate::api::Failure>);
    let notices = use_context::<Notices>();
    let connect = move |event: ev::SubmitEvent| {
        let Some(form) = browser::take_form(&event) else { return };
        let field = |name| browser::field(&form, name);
        let (base_url, api_key, model) = (field("base_url"), field("api_key"), field("model"));
        checking.set(true);
        problem.set(None);
        spawn_local(async move {
            match save_connection(base_url, api_key, model).await {
                Ok(()) => {
                    if let Some(notices) = notices {
                        notices.say(t.connected);
                    }
                    // Another server has other models to choose from.
                    settings.refetch();
                }
                Err(failure) => problem.set(Some(failure)),
            }
            checking.set(false);
        });
    };
    let disconnect = move |event: ev::SubmitEvent| {
        event.prevent_default();
        spawn_local(async move {
            match remove_connection().await {
                Ok(()) => settings.refetch(),
                Err(failure) => problem.set(Some(failure)),
            }
        });
    };
    let connected = connection.is_some();
    let (base_url, model, has_key) =
        connection.as_ref().map_or_else(Default::default, |now| (now.base_url.clone(), now.model.clone(), now.has_key));
    let failed = move || problem.get().map(|failure| error_callout(failure, t));
    let servers = found
        .into_iter()
        .map(|server| {
            let models = server.models.join(", ");
            let options = server.models.into_iter().map(|model| view! { <option>{model}</option> }).collect_view();
            view! {
                <form class="callout accent" method="post" action=SaveConnection::url() on:submit=connect>
                    <input type="hidden" name="base_url" value=server.base_url.clone() />
                    <div>
                        {t.found_here} " " <strong>{server.name}</strong> <small>{server.base_url} " · " {models}</small>
                    </div>
                    <select class="select" name="model" aria-label=t.model_name>
                        {options}
                    </select>
                    <button class="button primary" type="submit">
                        {t.use_it}
                    </button>
                </form>
            }
            .whole()
        })
        .collect_view();
    view! {
        <div class="stack">
            {servers}
            <form class="stack" method="post" action=SaveConnection::url() on:submit=connect>
                <label>
                    <span>{t.base_url}</span>
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
                    <span>{t.api_key}</span>
                    <input
                        class="input"
                        name="api_key"
                        type="password"
                        autocomplete="off"
                        maxlength="500"
                        placeholder=if has_key { t.api_key_kept } else { t.api_key_optional }
                    />
                </label>
                <label>
                    <span>{t.model_name}</span>
                    <input class="input" name="model" maxlength="200" placeholder="gpt-5.4-mini" value=model />
                </label>
                {failed}
                <div class="row">
                    <button class="button primary" type="submit" disabled=checking>
                        {move || if checking.get() { t.connecting } else { t.connect }}
                    </button>
                    {saved.then(|| view! { <Outcome outcome=RwSignal::new(Some(Ok(()))) /> })}
                </div>
            </form>
            {connected
                .then(|| {
                    view! {
                        <form method="post" action=RemoveConnection::url() on:submit=disconnect>
                            <button class="button danger" type="submit">
                                {t.disconnect}
                            </button>
                        </form>
                    }
                })}
        </div>
    }
    .whole()
}

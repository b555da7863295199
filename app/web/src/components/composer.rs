//! Where questions are written.

use leptos::{ev, html, prelude::*, server_fn::ServerFn};
use web_sys::{FormData, HtmlTextAreaElement};

use super::{
    FileChooser, Icon, UploadList, icon,
    picker::{Picker, picker},
};
use crate::components::{Piece, Whole as _};
use crate::{
    api::{
        EXTRACTIVE,
        chats::{SendMessage, StopAnswer},
        choices::Chosen,
    },
    state::{ChatState, Images, acts, browser, draft_key, use_session, use_texts},
};

/// The field, its buttons, what went wrong with the last question, and who answers.
#[component]
pub(crate) fn Composer(state: ChatState) -> impl IntoView {
    let t = use_texts();
    // The browser owns the text: what was typed before the program ran stays, and no key waits for it.
    let field = NodeRef::<html::Textarea>::new();
    let chat = state.id.with_value(|id| id.as_ref().map(ToString::to_string)).unwrap_or_default();
    // What is typed is kept until the server has it.
    let key = StoredValue::new(draft_key(&chat));
    let prompts = Picker::new();
    let images = use_context::<Images>();
    let on_paste = move |event: ev::ClipboardEvent| {
        let Some(data) = event.clipboard_data() else { return };
        // What office programs copy is a text, and a picture of it.
        let text = data.get_data("text/plain").is_ok_and(|text| !text.is_empty());
        let (Some(files), Some(images)) = (data.files().filter(|_| !text), images) else { return };
        for file in (0..files.length()).filter_map(|at| files.item(at)).filter(Images::wants) {
            event.prevent_default();
            images.add(&file);
        }
    };

    // A question that is changed is no draft: the draft waits until it is sent.
    let changing = move || state.instead_of.with_untracked(Option::is_some);
    let keep = move |text: &str| {
        if !changing() {
            browser::remember(&key.get_value(), text);
        }
    };
    let take_up = move |field: &HtmlTextAreaElement, text: &str| {
        field.set_value(text);
        keep(text);
        let _ = field.focus();
    };
    let leave = move || {
        state.instead_of.set(None);
        if let Some(images) = images {
            images.recall();
        }
        if let Some(field) = field.get_untracked() {
            take_up(&field, &browser::recall(&key.get_value()).unwrap_or_default());
        }
    };

    let submit = move || {
        let Some(field) = field.get_untracked() else { return };
        let text = field.value();
        if state.pending.with_untracked(Option::is_some) {
            return;
        }
        if text.trim().is_empty() {
            // A picture alone asks nothing.
            if images.is_some_and(|images| images.list.with_untracked(|list| !list.is_empty())) {
                state.say(t.ask_about);
            }
            return;
        }
        let Some(sent) = images.map_or(Some(Vec::new()), Images::take) else { return };
        // What had been begun before a question was changed comes back.
        let draft = if changing() { browser::recall(&key.get_value()) } else { None };
        field.set_value(&draft.unwrap_or_default());
        if let Some(images) = images.filter(|_| changing()) {
            images.recall();
        }
        prompts.typed(&field);
        let form = field.form().and_then(|form| FormData::new_with_form(&form).ok());
        state.send(text, form.map(|form| chosen(&form)).unwrap_or_default(), sent);
    };
    Effect::new(move |_| {
        let Some(field) = field.get() else { return };
        if field.value().is_empty()
            && let Some(kept) = browser::recall(&key.get_value())
        {
            field.set_value(&kept);
        }
        if let Some(images) = images {
            images.recall();
        }
        // On a phone, focus would open the keyboard on the screen.
        if browser::matches("(min-width: 900px)") {
            let _ = field.focus();
        }
    });
    Effect::new(move |_| {
        if let Some(text) = state.draft.get()
            && let Some(field) = field.get()
        {
            // What could not be sent comes back before what was typed since.
            let typed = field.value();
            let back = state.failure.with_untracked(Option::is_some) && !typed.is_empty() && !changing();
            take_up(&field, &if back { format!("{text}\n\n{typed}") } else { text });
            state.draft.set(None);
        }
    });
    let on_key = move |event: ev::KeyboardEvent| {
        let Some(field) = field.get_untracked() else { return };
        if prompts.key(&event, &field) {
            event.prevent_default();
            event.stop_propagation();
            return;
        }
        match event.key().as_str() {
            // The keyboard on a screen has no other key for a new line, and the button is as near.
            "Enter" if !event.shift_key() && !event.is_composing() && !browser::matches("(pointer: coarse)") => {
                event.prevent_default();
                submit();
            }
            "Escape" if changing() => {
                event.prevent_default();
                event.stop_propagation();
                leave();
            }
            "ArrowUp" if field.value().is_empty() => {
                if let (Some(text), Some(id)) = (last_question(), state.last_question()) {
                    event.prevent_default();
                    state.edit(id, text);
                }
            }
            _ => {}
        }
    };
    let on_submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        submit();
    };
    let on_input = move |_| {
        if let Some(field) = field.get_untracked() {
            keep(&field.value());
            prompts.typed(&field);
        }
    };
    let answering = Memo::new(move |_| state.generation().is_some());
    let failure = move || {
        state.failure.get().map(|failure| {
            let words = failure.message(t).to_owned();
            view! {
                <div class="callout error composer-problem" role="alert">
                    {icon(Icon::Alert)}
                    <div>
                        {words} {failure.detail.map(|detail| view! { <small>{detail}</small> })}
                    </div>
                    <button
                        class="button icon-only"
                        type="button"
                        aria-label=t.close
                        on:click=move |_| state.failure.set(None)
                    >
                        {icon(Icon::Close)}
                    </button>
                </div>
            }
        })
    };
    let editing = move || {
        state.instead_of.with(Option::is_some).then(|| {
            view! {
                <p class="composer-editing" role="status">
                    {icon(Icon::Edit)}
                    <span>{t.editing}</span>
                    <button class="button icon-only" type="button" aria-label=t.close title=t.close on:click=move |_| leave()>
                        {icon(Icon::Close)}
                    </button>
                </p>
            }
        })
    };
    view! {
        <div class="composer-zone">
            <button
                class="button plain-line to-bottom"
                type="button"
                hidden=move || state.at_end.get()
                on:click=move |_| to_end(state)
            >
                {icon(Icon::Down)}
                {move || if answering.get() { t.new_text_below } else { t.to_end }}
            </button>
            {failure}
            {editing}
            <UploadList />
            {images.map(attached)}
            <div inner_html=move || state.queue.with(|(queue, _)| queue.clone())></div>
            {picker(prompts, field)}
            <form class="composer" id="composer" method="post" action=SendMessage::url() on:submit=on_submit>
                <input type="hidden" name="chat" value=chat />
                <input type="hidden" name="temporary" value=move || state.temporary.get().to_string() />
                <Attach />
                <textarea
                    id="question"
                    name="text"
                    rows="1"
                    placeholder=t.ask_about
                    aria-label=t.ask
                    autocomplete="off"
                    aria-autocomplete="list"
                    aria-controls=move || prompts.open.get().then_some("prompt-list")
                    node_ref=field
                    on:paste=on_paste
                    on:keydown=on_key
                    on:input=on_input
                ></textarea>
                <SendOrStop state=state answering=answering />
            </form>
            <Stopper state=state />
            <Answerer state=state />
        </div>
    }
    .whole()
}

/// The images that go along with the question.
fn attached(images: Images) -> Piece {
    let remove = move |event: ev::MouseEvent| {
        let button = browser::closest(&event, "button").and_then(|button| button.get_attribute("value"));
        if let Some(key) = button.and_then(|key| key.parse().ok()) {
            images.remove(key);
        }
    };
    let close = format!(
        "<svg class=\"icon\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"{}\"/></svg>",
        Icon::Close.path()
    );
    view! {
        <ul
            class="attached"
            hidden=move || images.list.with(Vec::is_empty)
            inner_html=move || images.html(&close)
            on:click=remove
        ></ul>
    }
    .whole()
}

#[component]
fn SendOrStop(state: ChatState, answering: Memo<bool>) -> impl IntoView {
    let t = use_texts();
    view! {
        <button
            class="button primary send"
            type="submit"
            aria-label=t.send
            title=t.send
            disabled=move || state.pending.with(Option::is_some)
        >
            {icon(Icon::Send)}
        </button>
        <button
            class="button plain-line send stop"
            type="submit"
            form="stop"
            aria-label=t.stop
            title=t.stop
            hidden=move || !answering.get()
            disabled=state.stopping
        >
            {icon(Icon::Stop)}
        </button>
    }
    .whole()
}

/// The form that the stop button sends: forms cannot stand inside each other.
#[component]
fn Stopper(state: ChatState) -> impl IntoView {
    let generation = move || state.generation().map(|id| id.to_string()).unwrap_or_default();
    let stop = move |event: ev::SubmitEvent| {
        event.prevent_default();
        state.stop();
    };
    view! {
        <form id="stop" method="post" action=StopAnswer::url() hidden on:submit=stop>
            <input type="hidden" name="generation" value=generation />
        </form>
    }
    .whole()
}

/// Chooses files to upload; where there is no script, the documents' page has a form for it.
#[component]
fn Attach() -> impl IntoView {
    let t = use_texts();
    view! {
        <label class="button icon-only with-script" title=t.attach>
            <FileChooser public=false label=t.attach images=true />
            {icon(Icon::Plus)}
        </label>
        <a class="button icon-only without-script" href="/documents" aria-label=t.attach title=t.attach>
            {icon(Icon::Plus)}
        </a>
    }
    .whole()
}

/// Which model answers, the way to a better one, and how much of the chat it can still remember.
#[component]
fn Answerer(state: ChatState) -> impl IntoView {
    let t = use_texts();
    let session = use_session();
    let model = move || {
        session.as_ref().map(|session| {
            let model = session.answering();
            let own = state.model.get();
            let extractive = own.is_none() && model.id == EXTRACTIVE;
            let instead = model.instead_of.as_ref().filter(|_| own.is_none());
            // With script, everything is chosen in the menu beside it; connecting a first model is not.
            let without_script = if extractive { "" } else { "without-script" };
            let (href, action) = if extractive {
                ("/settings#connection", t.connect_model)
            } else {
                ("/settings#answers", t.change_model)
            };
            view! {
                <span>
                    {t.answered_by} ": " <strong>{own.clone().unwrap_or_else(|| t.model_label(&model.id))}</strong>
                    {extractive.then(|| format!(" ({})", t.extractive_note))}
                    {instead.map(|wanted| format!(" ({})", t.instead_of(wanted)))}
                </span>
                <a class=without_script href=href>{action}</a>
            }
        })
    };
    let memory = Memo::new(move |_| {
        state.messages.with(|messages| messages.iter().rev().find_map(|m| m.memory).filter(|used| *used > 0))
    });
    let memory = move || {
        memory.get().map(|used| {
            let words = format!("{}: {used} %", t.memory);
            view! {
                <span class="memory" title=t.memory_line>
                    <progress max="100" value=used.to_string() aria-hidden="true"></progress>
                    {words}
                </span>
            }
        })
    };
    let chat = state.id.with_value(|id| id.as_ref().map(ToString::to_string)).unwrap_or_default();
    view! {
        <div class="composer-note">
            {model}
            <details
                class="menu with-script"
                data-menu=format!("choices_menu?chat={chat}")
                on:click=move |event| acts::fill_menu(&event)
            >
                <summary>{t.adjust}</summary>
                <div class="menu-items wide above stack"></div>
            </details>
            {memory}
        </div>
    }
    .whole()
}

/// What is chosen for a chat that has not begun; see `served::choices`.
fn chosen(form: &FormData) -> Chosen {
    let field = |name: &str| browser::field(form, &format!("chosen[{name}]"));
    Chosen {
        model: field("model"),
        temperature: field("temperature"),
        max_tokens: field("max_tokens"),
        search: field("search"),
        documents: form.get_all("chosen[documents][]").iter().filter_map(|id| id.as_string()).collect(),
        add: field("add"),
        folder: field("folder"),
    }
}

fn last_question() -> Option<String> {
    let said = document().query_selector_all(".question .said").ok()?;
    let last = said.item(said.length().checked_sub(1)?)?;
    Some(browser::shown_text(&wasm_bindgen::JsCast::dyn_into(last).ok()?))
}

/// The conversation is laid out from its end: 0 is the end.
pub(super) fn to_end(state: ChatState) {
    if let Some(body) = document().get_element_by_id("conversation") {
        body.set_scroll_top(0);
    }
    state.at_end.set(true);
}

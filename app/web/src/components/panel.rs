//! A passage beside the chat: what a citation stands on, word for word.

use std::time::Duration;

use cjhirashi_domain::passage::PassageAddress;
use leptos::{ev, prelude::*, task::spawn_local};
use web_sys::{Element, MouseEvent};

use super::{Icon, error_callout, icon};
use crate::components::{Piece, Whole as _};
use crate::{
    api::{
        Failure,
        documents::{PassageText, PassageView, load_passage},
    },
    state::{ChatState, PassageAt, browser, use_texts},
    texts::Texts,
};

/// Characters of a passage that a preview shows before the quoted words.
const LEAD: usize = 60;

/// A click on a citation's mark opens the panel; with a modifier it opens the document, as links do.
pub(crate) fn open_from_click(state: ChatState, event: &MouseEvent) {
    if event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key() {
        return;
    }
    let Some(mark) = browser::closest(event, "a.cite") else { return };
    let Some(mut passage) = PassageAt::from_mark(&mark) else { return };
    event.prevent_default();
    // The row below the answer knows how relevant it was.
    let row = mark.closest("article").ok().flatten().and_then(|article| {
        article.query_selector(&format!(".source-list a.cite[data-n=\"{}\"]", passage.n)).ok().flatten()
    });
    passage.score = row.and_then(|row| row.get_attribute("data-score")?.parse().ok());
    state.open(passage, mark);
}

type Loaded = Option<Result<PassageView, Failure>>;

/// Loads the passage that is looked at.
fn load(state: ChatState, at: PassageAddress, into: RwSignal<Loaded>) {
    into.set(None);
    spawn_local(async move {
        let loaded = load_passage(at.document.clone(), at.passage, at.quote).await;
        // Meanwhile another may be.
        if state.shows(&at) {
            into.try_set(Some(loaded));
        }
        // The quoted words may stand far down in a long passage.
        request_animation_frame(|| browser::reveal("quote"));
    });
}

/// A passage's text with the quoted words marked in it.
fn marked(text: PassageText, t: &'static Texts) -> Piece {
    let PassageText { before, quote, after } = text;
    view! {
        {before}
        {(!quote.is_empty()).then(|| view! { <mark class="quote" id="quote" aria-label=t.quoted_words>{quote}</mark> })}
        {after}
    }
    .whole()
}

/// The same for a few lines: these begin shortly before the quoted words.
fn previewed(text: PassageText) -> Piece {
    let PassageText { before, quote, after } = text;
    if quote.is_empty() {
        return view! { {before} {after} }.whole();
    }
    view! { {shortened(&before)} <mark>{quote}</mark> {after} }.whole()
}

/// The end of a text, cut at a space.
fn shortened(text: &str) -> String {
    match text.char_indices().rev().nth(LEAD) {
        Some((at, _)) => match text[at..].split_once(char::is_whitespace) {
            Some((_, end)) => format!("…{end}"),
            None => "…".to_owned(),
        },
        None => text.to_owned(),
    }
}

/// The panel; nothing while no passage is open.
#[component]
pub(crate) fn PassagePanel(state: ChatState) -> impl IntoView {
    let loaded = RwSignal::new(None::<Result<PassageView, Failure>>);
    Effect::new(move |_| {
        if let Some(at) = state.passage.get() {
            load(state, at.address, loaded);
            set_timeout(|| browser::focus("close-panel"), Duration::from_millis(0));
        }
    });
    move || state.passage.get().map(|at| view! { <Opened state=state at=at loaded=loaded /> }.whole())
}

#[component]
fn Opened(state: ChatState, at: PassageAt, loaded: RwSignal<Loaded>) -> impl IntoView {
    let t = use_texts();
    let href = at.address.to_string();
    let title = {
        let href = href.clone();
        move || match loaded.get() {
            Some(Ok(passage)) => view! { <a href=href.clone()>{passage.title}</a> }.whole(),
            Some(Err(_)) => t.passage.whole(),
            None => t.loading.whole(),
        }
    };
    let about = {
        let at = at.clone();
        move || {
            let page = loaded.with(|loaded| {
                loaded.as_ref().and_then(|loaded| loaded.as_ref().ok()).and_then(|passage| passage.page)
            });
            view! {
                {at.verdict
                    .map(|verdict| {
                        let (label, line) = t.verdict(verdict);
                        view! {
                            <p>
                                <span class=format!("verdict {}", verdict.as_str())>{label}</span>
                                <span class="faint">" · " {line}</span>
                            </p>
                        }
                    })}
                <p class="faint">
                    {page.map(|page| t.page(page))}
                    {(page.is_some() && at.score.is_some()).then_some(" · ")}
                    {at.score.map(|score| format!("{}: {}", t.relevance, t.percent(score)))}
                </p>
            }
        }
    };
    let text = move || match loaded.get() {
        Some(Ok(passage)) => view! {
            <p class="passage">
                <span class="around">{passage.before}</span>
                <mark>{marked(passage.text, t)}</mark>
                <span class="around">{passage.after}</span>
            </p>
        }
        .whole(),
        Some(Err(failure)) => error_callout(failure, t),
        None => ().whole(),
    };
    view! {
        <aside class="panel" aria-label=t.passage>
            <Grip />
            <header class="panel-head">
                <h2>
                    <span class="cite" aria-hidden="true">
                        {at.n}
                    </span>
                    {title}
                </h2>
                <button
                    class="button icon-only"
                    id="close-panel"
                    type="button"
                    aria-label=t.close
                    on:click=move |_| state.close_passage()
                >
                    {icon(Icon::Close)}
                </button>
            </header>
            <div class="panel-body" tabindex="0">
                {about}
                {text}
                <a class="button plain-line" href=href>
                    {icon(Icon::Document)}
                    {t.open_document}
                </a>
            </div>
        </aside>
    }
    .whole()
}

/// How the panel's width is written on the document's root.
const WIDTH: &str = "--panel-width: ";

/// The panel's edge: dragged with the pointer, or moved with the arrow keys.
#[component]
fn Grip() -> impl IntoView {
    let t = use_texts();
    // The width outlives the panel.
    let kept = browser::root("style").and_then(|style| style.strip_prefix(WIDTH)?.strip_suffix('%')?.parse().ok());
    let percent = RwSignal::new(kept.unwrap_or(40_i32));
    let set = move |value: i32| {
        let value = value.clamp(25, 60);
        percent.set(value);
        browser::set_root("style", &format!("{WIDTH}{value}%"));
    };
    let dragging = RwSignal::new(false);
    let start = move |event: ev::PointerEvent| {
        event.prevent_default();
        let grip: Element = event_target(&event);
        let _ = grip.set_pointer_capture(event.pointer_id());
        dragging.set(true);
    };
    let drag = move |event: ev::PointerEvent| {
        if !dragging.get_untracked() {
            return;
        }
        let grip: Element = event_target(&event);
        let Some(stage) = grip.closest(".stage").ok().flatten() else { return };
        let bounds = stage.get_bounding_client_rect();
        #[expect(clippy::cast_possible_truncation, reason = "a percentage")]
        set(((bounds.right() - f64::from(event.client_x())) * 100.0 / bounds.width().max(1.0)) as i32);
    };
    let key = move |event: ev::KeyboardEvent| match event.key().as_str() {
        "ArrowLeft" => set(percent.get_untracked() + 3),
        "ArrowRight" => set(percent.get_untracked() - 3),
        _ => {}
    };
    view! {
        <div
            class="panel-grip"
            role="separator"
            tabindex="0"
            aria-orientation="vertical"
            aria-label=t.widen_panel
            aria-valuemin="25"
            aria-valuemax="60"
            aria-valuenow=move || percent.get().to_string()
            on:pointerdown=start
            on:pointermove=drag
            on:pointerup=move |_| dragging.set(false)
            on:pointercancel=move |_| dragging.set(false)
            on:keydown=key
        ></div>
    }
    .whole()
}

/// The passage under a mark that the pointer rests on.
#[component]
pub(crate) fn Preview(state: ChatState) -> impl IntoView {
    let shown = RwSignal::new(None::<(f64, f64, bool, PassageView)>);
    let wanted = RwSignal::new(0_u32);
    let over = window_event_listener(ev::mouseover, move |event| {
        let mark = browser::closest(&event, "a.cite");
        let Some((mark, at)) = mark.and_then(|mark| PassageAt::from_mark(&mark).map(|at| (mark, at))) else {
            if wanted.get_untracked() != 0 {
                wanted.set(0);
                shown.set(None);
            }
            return;
        };
        // Open beside it already, or a finger, which clicks.
        if state.shows(&at.address) {
            return;
        }
        let turn = browser::turn();
        wanted.set(turn);
        set_timeout(
            move || {
                if wanted.try_get_untracked() != Some(turn) {
                    return;
                }
                spawn_local(async move {
                    let PassageAddress { document, passage, quote } = at.address;
                    let Ok(passage) = load_passage(document, passage, quote).await else { return };
                    if wanted.try_get_untracked() == Some(turn) {
                        let bounds = mark.get_bounding_client_rect();
                        let height = window().inner_height().ok().and_then(|h| h.as_f64()).unwrap_or(800.0);
                        let width = window().inner_width().ok().and_then(|w| w.as_f64()).unwrap_or(1_200.0);
                        let above = bounds.top() > height / 2.0;
                        let x = bounds.left().min(width - 396.0).max(16.0);
                        let y = if above { height - bounds.top() + 6.0 } else { bounds.bottom() + 6.0 };
                        shown.try_set(Some((x, y, above, passage)));
                    }
                });
            },
            Duration::from_millis(180),
        );
    });
    let click = window_event_listener(ev::click, move |_| {
        wanted.set(0);
        shown.set(None);
    });
    on_cleanup(move || {
        over.remove();
        click.remove();
    });
    move || {
        shown.get().map(|(x, y, above, passage)| {
            let edge = if above { "bottom" } else { "top" };
            view! {
                <div class="preview" style=format!("left:{x:.0}px;{edge}:{y:.0}px") role="tooltip">
                    <strong>{passage.title}</strong>
                    <p>{previewed(passage.text)}</p>
                </div>
            }
            .whole()
        })
    }
}

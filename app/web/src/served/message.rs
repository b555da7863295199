//! What is inside a message's article, and its menus, which are loaded when somebody opens one.

use cjhirashi_artifacts::{kind, protocol::as_markdown};
use cjhirashi_chat::{parts_of, render_answer};
use cjhirashi_domain::{
    Timestamp,
    chat::{Citation, Message, MessageImage, MessageRole, MessageStatus, Rating, RetrievalSummary, Verdict},
    id::{ChatId, MessageId},
    settings::Language,
};
use cjhirashi_markdown::{self as markdown, Place};
use cjhirashi_models::ModelInfo;
use leptos::{prelude::*, server_fn::ServerFn};

use super::{ago, hidden, words::Words};
use crate::{
    api::{
        EXTRACTIVE,
        artifacts::MakeArtifact,
        chats::RetryAnswer,
        conversation::{AnswerAgain, DeleteMessage, ForkChat, RateAnswer, ShowBranch},
        server::escape,
    },
    components::{Icon, Piece, Whole as _, icon},
    texts::Texts,
};

/// The inside of a message's article; of an answer that is being written, its text so far.
pub(crate) fn message(t: &'static Texts, message: &Message, now: Timestamp) -> String {
    match (message.role, message.status) {
        (MessageRole::Assistant, MessageStatus::Streaming) => rendered(t, message),
        (MessageRole::Assistant, _) => answer(t, message, now),
        (MessageRole::User | MessageRole::System, _) => question(t, message),
    }
}

/// What an answer says, as it is shown.
fn rendered(t: &'static Texts, message: &Message) -> String {
    let place = Place::new(message.id.as_str(), t.language);
    render_answer(&message.content, &message.citations, &message.artifacts, place)
}

/// How often a page without script loads itself again while an answer is written, in seconds.
const RELOADS: &str = "2";

/// What stands at the end of an answer that is being written, where there is no script: the page loads itself again, and so it
/// has no field, as what is typed would be lost. Where it is to hold still there is the field, and the way back.
pub(crate) fn without_script(t: &'static Texts, chat: &str, still: bool) -> String {
    let w = Words::of(t.language);
    if still {
        return view! {
            <p class="faint">
                {w.holds_still} " " <a href=format!("/chat/{chat}")>{w.see_it_written}</a>
            </p>
        }
        .to_html();
    }
    view! {
        <meta http-equiv="refresh" content=RELOADS />
        <p class="faint reloads">
            {w.reloads} " " <a href=format!("/chat/{chat}?write=1#question")>{w.write_meanwhile}</a>
        </p>
    }
    .to_html()
}

/// Whether a question is folded.
fn is_long(text: &str) -> bool {
    text.len() > 1_200 || text.lines().count() > 12
}

fn question(t: &'static Texts, message: &Message) -> String {
    let w = Words::of(t.language);
    let long = is_long(&message.content);
    view! {
        {heading(t.you_asked)}
        {images(t, &message.images, "/images")}
        <div class="said" class:long=long>
            {message.content.clone()}
        </div>
        <div class="message-tools">
            {branches(t, message)} {long.then(|| view! {
                <button class="button with-script" type="button" data-do="unfold">
                    {w.show_all}
                </button>
            })} {tool("edit", Icon::Edit, w.edit_question)}
            {menu(format!("message_menu?message={}", message.id), Icon::More, t.more, false)}
        </div>
    }
    .to_html()
}

/// Who hears a chat goes from turn to turn by its headings; those of an answer's own text are below.
pub(super) fn heading(words: &'static str) -> Piece {
    view! { <h2 class="sr-only">{words}</h2> }.whole()
}

/// The images of a question, each of which opens in its full size; below `path`.
pub(super) fn images(t: &'static Texts, images: &[MessageImage], path: &str) -> Option<Piece> {
    let links = images.iter().zip(1..).map(|(image, number)| {
        let address = format!("{path}/{}", image.id);
        let source = address.clone();
        view! {
            <a href=address target="_blank" rel="external">
                <img
                    src=source
                    width=image.width
                    height=image.height
                    loading="lazy"
                    alt=format!("{} {number}", t.image)
                />
            </a>
        }
    });
    (!images.is_empty()).then(|| view! { <div class="images">{links.collect_view()}</div> }.whole())
}

fn answer(t: &'static Texts, message: &Message, now: Timestamp) -> String {
    let w = Words::of(t.language);
    let html = rendered(t, message);
    let empty = html.trim().is_empty() && message.status == MessageStatus::Complete;
    let id = message.id.to_string();
    let good = message.rating == Some(Rating::Good);
    let rate = vec![("message", id.clone()), ("rating", if good { "" } else { "good" }.to_owned())];
    let bad = message.rating == Some(Rating::Bad);
    // An answer that came in without its question cannot be asked for again.
    let asked = message.parent_id.is_some();
    view! {
        {heading(t.the_answer)}
        {message.thought.then(|| thoughts(w, &id))}
        {empty.then(|| view! { <p class="faint">{w.empty_answer}</p> })}
        <div class="prose" inner_html=html></div>
        {unfinished(t, message)}
        {message.retrieval.as_ref().map(|retrieval| searched(t, retrieval))}
        {sources(t, &message.citations)}
        <div class="message-tools">
            {tool("copy", Icon::Copy, t.copy)}
            {asked.then(|| command(AnswerAgain::url(), vec![("message", id.clone())], Icon::Retry, w.answer_again, false))}
            {command(RateAnswer::url(), rate, Icon::ThumbUp, w.good_answer, good)}
            {menu(format!("message_menu?message={id}&kind=bad"), Icon::ThumbDown, w.bad_answer, bad)}
            {menu(format!("message_menu?message={id}"), Icon::More, t.more, false)} {branches(t, message)}
            <span class="facts">{facts(t, message)} " · " {ago(t, now, message.created_at)}</span>
        </div>
        {message.summary.as_ref().map(|summary| summarised(t, &id, summary))}
    }
    .to_html()
}

/// Who wrote it, with how many tokens, and how long it took.
fn facts(t: &'static Texts, message: &Message) -> String {
    let model = message.model.as_deref();
    let tokens = message.tokens_used.filter(|_| model != Some(EXTRACTIVE));
    // Estimated where the answer ended before the provider had counted.
    let about = if message.status == MessageStatus::Complete { "" } else { "≈ " };
    let facts = [
        model.map(|model| t.model_label(model)),
        tokens.map(|tokens| format!("{about}{}", t.tokens(i64::from(tokens)))),
        message.cost.map(|cost| Words::of(t.language).money(t, cost)),
        message.latency_ms.map(|latency| t.seconds(latency)),
        (message.left_out > 0).then(|| Words::of(t.language).left_out(message.left_out)),
    ];
    facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// What the model thought aloud: asked for when somebody opens it.
fn thoughts(w: &'static Words, id: &str) -> Piece {
    view! {
        <details class="aside with-script" data-menu=format!("message_menu?message={id}&kind=thoughts")>
            <summary>{w.thoughts_before}</summary>
            <div class="prose"><div class="menu-items"></div></div>
        </details>
    }
    .whole()
}

/// From here on models are told a summary of what stands above.
fn summarised(t: &'static Texts, id: &str, summary: &str) -> Piece {
    let w = Words::of(t.language);
    let id = format!("{id}-s");
    let place = Place::new(&id, t.language);
    let html = markdown::render(summary, &[], place);
    view! {
        <details class="aside summarised">
            <summary>{w.summarised}</summary>
            <p class="faint">{w.summarised_line}</p>
            <div class="prose" inner_html=html></div>
        </details>
    }
    .whole()
}

/// What an answer lacks that is not whole, and the way to try again.
fn unfinished(t: &'static Texts, message: &Message) -> Option<Piece> {
    if message.status == MessageStatus::Complete && message.error.is_none() {
        return None;
    }
    let (words, detail) = match &message.error {
        Some(error) => (t.error(&error.code), error.detail.as_deref().map(|words| t.server_says(words))),
        None => (t.unfinished(message.status), None),
    };
    let calm = matches!(message.status, MessageStatus::Stopped | MessageStatus::Complete);
    Some(
        view! {
            <div class="callout" class:error=!calm role=(!calm).then_some("alert")>
                {icon(if calm { Icon::Info } else { Icon::Alert })}
                <div>{words} {detail.map(|detail| view! { <small>{detail}</small> })}</div>
                <form method="post" action=RetryAnswer::url() data-act="">
                    {hidden(vec![("message", message.id.to_string())])}
                    <button class="button plain-line" type="submit">
                        {icon(Icon::Retry)}
                        {t.retry}
                    </button>
                </form>
            </div>
        }
        .whole(),
    )
}

/// What was searched; where nothing fitted, what came closest.
fn searched(t: &'static Texts, retrieval: &RetrievalSummary) -> Piece {
    let w = Words::of(t.language);
    let closest = retrieval.best.as_ref().filter(|_| retrieval.passages == 0).map(|best| {
        let numbers = format!(" ({} < {})", t.percent(best.score), t.percent(retrieval.min_score));
        view! {
            ". "
            {w.nothing_relevant}
            " "
            {w.best_was}
            " "
            <a href=format!("/documents/{}", best.document_id)>{best.title.clone()}</a>
            {numbers}
        }
    });
    view! {
        <p class="searched">
            {icon(Icon::Search)}
            <span>
                {t.searched(retrieval.searched_documents, retrieval.passages)} {closest}
                {retrieval.degraded.then(|| format!(". {}", w.searched_weaker))}
            </span>
        </p>
    }
    .whole()
}

/// The sources below an answer, with what checking their quotes showed.
fn sources(t: &'static Texts, citations: &[Citation]) -> Option<Piece> {
    let w = Words::of(t.language);
    if citations.is_empty() {
        return None;
    }
    let rows = citations.iter().map(|citation| source(t, citation)).collect_view();
    Some(
        view! {
            <section class="sources" aria-label=w.sources>
                <h3>{w.sources}</h3>
                <ul class="source-list">{rows}</ul>
            </section>
        }
        .whole(),
    )
}

fn source(t: &'static Texts, citation: &Citation) -> Piece {
    let w = Words::of(t.language);
    let Some(source) = &citation.source else {
        let document = citation.replaced.as_ref().map(|title| {
            view! { <a href=format!("/documents/{}", citation.document_id)>{title.clone()}</a> }
        });
        return view! {
            <li>
                <span class="cite">{citation.n}</span>
                <span class="gone">{document} " " {if citation.replaced.is_some() { w.source_replaced } else { w.source_gone }}</span>
            </li>
        }
        .whole();
    };
    let href = citation.address().to_string();
    let (label, line) = t.verdict(citation.verdict);
    let mark = match citation.verdict {
        Verdict::Verified => Icon::Check,
        Verdict::Weak => Icon::Half,
        Verdict::NotFound => Icon::Alert,
    };
    view! {
        <li>
            <a
                class="cite"
                href=href.clone()
                data-n=citation.n
                data-verdict=citation.verdict.as_str()
                data-score=citation.score
                aria-label=format!("{} {}", t.source, citation.n)
            >
                {citation.n}
            </a>
            <a href=href>{source.title.clone()}</a>
            {citation.page.map(|page| view! { <span class="where">{t.page_short(page)}</span> })}
            <span class=format!("verdict {}", citation.verdict.as_str()) title=line>
                {icon(mark)}
                {label}
            </span>
        </li>
    }
    .whole()
}

/// A button that the program answers; without it there is none.
fn tool(act: &'static str, mark: Icon, label: &'static str) -> Piece {
    view! {
        <button class="button icon-only with-script" type="button" data-do=act title=label aria-label=label>
            {icon(mark)}
        </button>
    }
    .whole()
}

/// A button that is a form: `state::acts` sends it, and without script the browser.
fn command(
    action: &'static str,
    fields: Vec<(&'static str, String)>,
    mark: Icon,
    label: &'static str,
    pressed: bool,
) -> Piece {
    view! {
        <form method="post" action=action data-act="">
            {hidden(fields)}
            <button
                class="button icon-only"
                class:pressed=pressed
                type="submit"
                title=label
                aria-label=label
                aria-pressed=pressed.then_some("true")
            >
                {icon(mark)}
            </button>
        </form>
    }
    .whole()
}

/// A menu whose rows are loaded when it is opened.
fn menu(question: String, mark: Icon, label: &'static str, pressed: bool) -> Piece {
    view! {
        <details class="menu with-script" data-menu=question>
            <summary class="button icon-only" class:pressed=pressed title=label aria-label=label>
                {icon(mark)}
            </summary>
            <div class="menu-items"></div>
        </details>
    }
    .whole()
}

/// Which of those in its place a message is, and the way to the ones beside it.
fn branches(t: &'static Texts, message: &Message) -> Option<Piece> {
    let w = Words::of(t.language);
    let at = message.siblings.iter().position(|id| *id == message.id)?;
    let to = |other: Option<&MessageId>, mark, label| match other {
        Some(other) => command(ShowBranch::url(), vec![("message", other.to_string())], mark, label, false),
        None => view! {
            <span class="button icon-only" aria-hidden="true">
                {icon(mark)}
            </span>
        }
        .whole(),
    };
    let before = at.checked_sub(1).and_then(|at| message.siblings.get(at));
    Some(
        view! {
            <span class="branches" role="group" aria-label=w.versions>
                {to(before, Icon::Left, w.version_before)}
                <span class="count">{format!("{} / {}", at + 1, message.siblings.len())}</span>
                {to(message.siblings.get(at + 1), Icon::Right, w.version_after)}
            </span>
        }
        .whole(),
    )
}

/// More models than that are chosen in the settings.
const MOST_MODELS: usize = 12;
/// The most of a message that are offered to become artifacts.
const MOST_PARTS: usize = 8;

/// A row of a menu that sends a command.
fn row(action: &'static str, fields: Vec<(&'static str, String)>, mark: Icon, label: String) -> Piece {
    view! {
        <form method="post" action=action data-act="">
            {hidden(fields)}
            <button type="submit">{icon(mark)} <span>{label}</span></button>
        </form>
    }
    .whole()
}

/// Puts a message's Markdown on the clipboard.
fn copy_markdown(t: &'static Texts, message: &Message) -> Piece {
    let w = Words::of(t.language);
    view! {
        <div>
            <button type="button" data-copy="">
                {icon(Icon::Copy)} <span>{w.copy_markdown}</span>
            </button>
            <code hidden>{as_markdown(&message.content)}</code>
        </div>
    }
    .whole()
}

fn copy_up_to_here(t: &'static Texts, chat: &ChatId, message: &Message) -> Piece {
    let w = Words::of(t.language);
    let fields = vec![("chat", chat.to_string()), ("until", message.id.to_string())];
    row(ForkChat::url(), fields, Icon::Branch, w.copy_up_to_here.to_owned())
}

fn delete(t: &'static Texts, message: &Message, line: &'static str) -> Piece {
    view! {
        <details class="sure">
            <summary>{icon(Icon::Trash)} <span>{t.delete}</span></summary>
            <form method="post" action=DeleteMessage::url() data-act="">
                {hidden(vec![("message", message.id.to_string())])}
                <p class="faint">{line}</p>
                <button class="button danger plain-line" type="submit">
                    {t.delete_now}
                </button>
            </form>
        </details>
    }
    .whole()
}

/// What can be done with a question.
pub(crate) fn question_menu(t: &'static Texts, chat: &ChatId, message: &Message) -> String {
    let w = Words::of(t.language);
    view! {
        {copy_markdown(t, message)}
        {copy_up_to_here(t, chat, message)}
        {make_artifacts(t, message)}
        {delete(t, message, w.delete_question_line)}
    }
    .to_html()
}

/// What can be done with an answer.
pub(crate) fn answer_menu(t: &'static Texts, chat: &ChatId, message: &Message, models: Vec<ModelInfo>) -> String {
    let w = Words::of(t.language);
    let asked = message.parent_id.is_some();
    let again: Vec<_> = models
        .into_iter()
        .filter(|model| model.retired_to.is_none() && message.model.as_deref() != Some(&*model.id))
        .take(MOST_MODELS)
        .map(|model| {
            let label = t.model_label(&model.id);
            let fields = vec![("message", message.id.to_string()), ("model", model.id)];
            row(AnswerAgain::url(), fields, Icon::Retry, label)
        })
        .collect();
    view! {
        {copy_markdown(t, message)}
        {copy_up_to_here(t, chat, message)}
        {make_artifacts(t, message)}
        {(asked && !again.is_empty()).then(|| view! { <p class="menu-heading">{w.answer_again_with}</p> {again} })}
        {delete(t, message, w.delete_answer_line)}
    }
    .to_html()
}

/// The whole of it, and each piece of code and each table in it, may become an artifact.
fn make_artifacts(t: &'static Texts, message: &Message) -> Piece {
    let w = Words::of(t.language);
    let rows = parts_of(&message.content, t.language).into_iter().zip(0..).take(MOST_PARTS).map(|(part, number)| {
        let fields = vec![("message", message.id.to_string()), ("part", number.to_string())];
        let label = match number {
            0 => w.whole_message.to_owned(),
            _ => format!("{}: {}", kind(part.kind).map_or("", |kind| kind.label(t.language)), part.title),
        };
        row(MakeArtifact::url(), fields, Icon::Artifact, label)
    });
    view! {
        <p class="menu-heading">{w.make_artifact_of}</p>
        {rows.collect_view()}
    }
    .whole()
}

/// Why an answer is of no use.
pub(crate) fn bad_answer(t: &'static Texts, message: &Message) -> String {
    let w = Words::of(t.language);
    let reasons = |language| {
        let w = Words::of(language);
        [w.reason_wrong, w.reason_sources, w.reason_question, w.reason_style]
    };
    // One of them, in the language of that day, and below it what somebody said in their own words.
    let said = message.rating_reason.as_deref().unwrap_or_default();
    let (first, rest) = said.split_once('\n').unwrap_or((said, ""));
    let chosen = [Language::Es, Language::En]
        .into_iter()
        .find_map(|language| reasons(language).iter().position(|known| *known == first));
    let own = escape(if chosen.is_some() { rest } else { said });
    let reasons = reasons(t.language).into_iter().enumerate().map(|(place, reason)| {
        let chosen = chosen == Some(place);
        view! {
            <label class="choice">
                <input type="radio" name="reason" value=reason checked=chosen />
                {reason}
            </label>
        }
    });
    let reasons = reasons.collect_view();
    view! {
        <form class="stack" method="post" action=RateAnswer::url() data-act="">
            {hidden(vec![("message", message.id.to_string()), ("rating", "bad".to_owned())])}
            <fieldset class="stack">
                <legend>{w.what_was_wrong}</legend>
                {reasons}
            </fieldset>
            <label>
                <span>{w.in_own_words}</span>
                <textarea class="input" name="own" rows="2" maxlength="800" inner_html=own></textarea>
            </label>
            <button class="button primary" type="submit">
                {w.send_rating}
            </button>
        </form>
    }
    .to_html()
}

//! `/prompts`: the questions that one keeps; and the list that `/` opens where questions are written.

use cjhirashi_domain::prompt::{Prompt, gaps};
use leptos::{prelude::*, server_fn::ServerFn};

use super::{dangerous, hidden, problem, saved, words::Words};
use crate::{
    api::{
        prompts::{AskPrompt, DeletePrompt, PROMPT_CHARS, PROMPTS, SavePrompt},
        server::escape,
    },
    components::{Icon, Piece, Whole as _, icon},
    texts::Texts,
};

/// The page's HTML. `admin`: who looks may keep questions for everybody.
pub(crate) fn prompts(t: &'static Texts, prompts: &[Prompt], admin: bool, done: bool) -> String {
    let w = Words::of(t.language);
    let rows = prompts.iter().map(|prompt| row(t, w, prompt, admin || !prompt.shared)).collect_view();
    let list = if prompts.is_empty() {
        view! {
            <div class="empty">
                {icon(Icon::Edit)} <h2>{w.no_prompts}</h2> <p>{w.no_prompts_line}</p>
            </div>
        }
        .whole()
    } else {
        view! { <ul class="prompts">{rows}</ul> }.whole()
    };
    let for_all = admin.then(|| {
        view! {
            <label class="choice">
                <input type="checkbox" name="shared" value="1" />
                {w.prompt_for_all}
            </label>
        }
    });
    view! {
        <header class="page-head">
            <h1>{t.prompts}</h1>
            <p>{w.prompts_line}</p>
        </header>
        {saved(done.then_some(t.saved))}
        <details class="sheet new-prompt" open=prompts.is_empty()>
            <summary>{icon(Icon::Plus)} {w.new_prompt}</summary>
            <form class="stack" method="post" action=SavePrompt::url() data-act="">
                {fields(t, w, None)} {for_all} {problem()}
                <div>
                    <button class="button primary" type="submit">
                        {w.keep_prompt}
                    </button>
                </div>
            </form>
        </details>
        {list}
    }
    .whole()
    .to_html()
}

fn fields(t: &'static Texts, w: &'static Words, prompt: Option<&Prompt>) -> Piece {
    let name = prompt.map(|prompt| prompt.name.as_str().to_owned());
    let content = prompt.map(|prompt| prompt.content.as_str()).unwrap_or_default();
    view! {
        <label>
            <span>{t.name}</span>
            <input
                class="input"
                name="name"
                required
                maxlength="60"
                autocapitalize="none"
                autocomplete="off"
                placeholder=w.prompt_name_example
                value=name
            />
        </label>
        <label>
            <span>{w.prompt_text}</span>
            <textarea
                class="input"
                name="content"
                required
                rows="5"
                maxlength=PROMPT_CHARS.to_string()
                placeholder=w.prompt_text_example
                inner_html=format!("\n{}", escape(content))
            ></textarea>
            <small class="faint">{w.prompt_gaps_line}</small>
        </label>
    }
    .whole()
}

/// The first line of a text.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut first: String = line.chars().take(160).collect();
    if first.len() < text.len() {
        first.push_str(" …");
    }
    first
}

fn row(t: &'static Texts, w: &'static Words, prompt: &Prompt, may_change: bool) -> Piece {
    let id = prompt.id.to_string();
    let gaps = gaps(&prompt.content)
        .into_iter()
        .map(|gap| {
            view! {
                <label>
                    <span>{gap.to_owned()}</span>
                    <textarea class="input" name="values[]" rows="1" required></textarea>
                </label>
            }
        })
        .collect_view();
    let change = may_change.then(|| {
        view! {
            <details class="prompt-change">
                <summary>{icon(Icon::Edit)} {w.change_prompt}</summary>
                <form class="stack" method="post" action=SavePrompt::url() data-act="">
                    {hidden(vec![("id", id.clone())])} {fields(t, w, Some(prompt))} {problem()}
                    <div>
                        <button class="button plain-line" type="submit">
                            {t.save}
                        </button>
                    </div>
                </form>
                {dangerous(
                    DeletePrompt::url(),
                    vec![("id", id.clone())],
                    Icon::Trash,
                    t.delete,
                    w.delete_prompt_line,
                )}
            </details>
        }
    });
    view! {
        <li>
            <details>
                <summary>
                    <strong>"/" {prompt.name.as_str().to_owned()}</strong>
                    {prompt.shared.then(|| view! { <span class="badge">{w.prompt_of_all}</span> })}
                    <span class="faint">{first_line(&prompt.content)}</span>
                </summary>
                <div class="stack">
                    <form class="stack" method="post" action=AskPrompt::url()>
                        {hidden(vec![("id", id.clone())])} <p class="prompt-words">{prompt.content.clone()}</p> {gaps}
                        <div>
                            <button class="button primary" type="submit">
                                {icon(Icon::Send)}
                                {w.ask_in_new_chat}
                            </button>
                        </div>
                    </form>
                    {change}
                </div>
            </details>
        </li>
    }
    .whole()
}

/// The options that `/` offers; the browser hides those that do not match what is typed on.
pub(crate) fn prompt_menu(t: &'static Texts, prompts: &[Prompt]) -> String {
    let w = Words::of(t.language);
    let options = prompts
        .iter()
        .enumerate()
        .map(|(at, prompt)| {
            view! {
                <li role="option" id=format!("prompt-{at}") aria-selected="false" data-text=prompt.content.clone()>
                    <strong>"/" {prompt.name.as_str().to_owned()}</strong>
                    <span class="faint">{first_line(&prompt.content)}</span>
                </li>
            }
        })
        .collect_view();
    let none = prompts.is_empty().then(|| view! { <p class="faint">{w.no_prompts_line}</p> });
    view! {
        <ul role="listbox" id="prompt-list" aria-label=t.prompts>
            {options}
        </ul>
        {none}
        <a class="prompt-more" href=PROMPTS>
            {icon(Icon::Edit)}
            {w.manage_prompts}
        </a>
    }
    .whole()
    .to_html()
}

//! Pages of their own, without a program, for whoever is nobody here: what was deleted with an account, and the way to a
//! provider.

use cjhirashi_domain::settings::Language;
use cjhirashi_storage::Belongings;
use leptos::prelude::*;

use super::words::Words;
use crate::{
    Assets,
    components::{Piece, Whole as _, brand},
    texts::Texts,
};

/// The whole document.
#[must_use]
pub fn receipt(language: Language, assets: &Assets, before: &Belongings, after: &Belongings) -> String {
    let (t, w) = (Texts::of(language), Words::of(language));
    let counts = |it: &Belongings| {
        [
            (t.chats, it.chats),
            (w.messages, it.messages),
            (w.images, it.images),
            (t.prompts, it.prompts),
            (w.artifacts, it.artifacts),
            (t.documents, it.documents),
            (w.files, it.files),
            (w.passages, it.passages),
            (w.ways_in, it.accounts),
            (w.devices, it.sessions),
            (w.keys, it.keys),
        ]
    };
    let rows = counts(before)
        .into_iter()
        .zip(counts(after))
        .map(|((name, before), (_, after))| {
            view! {
                <tr>
                    <td class="main">{name}</td>
                    <td class="right" data-label=w.before>
                        {t.number(before)}
                    </td>
                    <td class="right" data-label=w.now>
                        {t.number(after)}
                    </td>
                </tr>
            }
        })
        .collect_view();
    let rest = (*after != Belongings::default()).then(|| view! { <p>{w.rest_follows}</p> });
    let body = view! {
        <main class="plain" id="content">
            <div class="sheet stack">
                {brand("icon brand-mark sign-in-mark")} <h1>{w.account_deleted}</h1>
                <div class="table-wrap">
                    <table class="table">
                        <thead>
                            <tr>
                                <th scope="col">
                                    <span class="sr-only">{w.data}</span>
                                </th>
                                <th scope="col" class="right">
                                    {w.before}
                                </th>
                                <th scope="col" class="right">
                                    {w.now}
                                </th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
                {rest}
                <p class="faint">{w.receipt_line}</p>
                <a href="/sign-in">{t.sign_in}</a>
            </div>
        </main>
    }
    .whole();
    document(language, assets, &t.tab(w.account_deleted), None, body)
}

/// On the way to a provider. A form's answer may not lead to another site (`form-action`), so a page of ours does.
#[must_use]
pub fn onward(language: Language, assets: &Assets, provider: &str, url: &str) -> String {
    let (t, w) = (Texts::of(language), Words::of(language));
    let words = w.on_to(provider);
    let body = view! {
        <main class="plain" id="content">
            <div class="sheet stack">
                {brand("icon brand-mark sign-in-mark")}
                <h1>{t.sign_in}</h1>
                <p>
                    <a href=url.to_owned() rel="noreferrer">
                        {words.clone()}
                    </a>
                </p>
            </div>
        </main>
    }
    .whole();
    document(language, assets, &t.tab(&words), Some(url), body)
}

/// A page without a program; with `onward`, one that leads to another address at once.
pub(super) fn document(language: Language, assets: &Assets, title: &str, onward: Option<&str>, body: Piece) -> String {
    let refresh = onward.map(|url| view! { <meta http-equiv="refresh" content=format!("0;url={url}") /> });
    let document = view! {
        <html lang=language.as_str() data-theme="system">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                {refresh}
                <link rel="stylesheet" href=assets.style.clone() />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <title>{title.to_owned()}</title>
            </head>
            <body>{body}</body>
        </html>
    };
    format!("<!DOCTYPE html>{}", document.to_html())
}

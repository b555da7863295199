//! `/admin/models`: what models cost, and what was spent on them.

use cjhirashi_domain::spending::{Price, Spending};
use leptos::{prelude::*, server_fn::ServerFn};

use super::{hidden, nothing, saved, section, table, words::Words};
use crate::{
    api::models::SetPrice,
    components::{Piece, Whole as _},
    texts::Texts,
};

/// A model as an administrator sees it.
pub(crate) struct Offer {
    pub(crate) id: String,
    pub(crate) provider: String,
    /// Tokens that it takes at once.
    pub(crate) context: Option<u32>,
    /// The price that was entered, and the one that its provider tells.
    pub(crate) entered: Option<Price>,
    pub(crate) told: Option<Price>,
}

/// The page's HTML.
pub(crate) fn models(t: &'static Texts, models: Vec<Offer>, spent: &[Spending], done: bool) -> String {
    let w = Words::of(t.language);
    let rows: Vec<Piece> = models.iter().map(|model| row(t, w, model)).collect();
    let list = if rows.is_empty() { nothing(w.no_models) } else { table(rows.collect_view()) };
    view! {
        {saved(done.then_some(w.price_saved))}
        {section(t.models, Some(w.models_line), ().whole(), list)}
        {section(w.spent_by_all, None, ().whole(), spending(t, spent, true))}
    }
    .whole()
    .to_html()
}

fn row(t: &'static Texts, w: &'static Words, model: &Offer) -> Piece {
    let text = |price: Option<f64>| price.map(|price| w.typed(price));
    let field = |name: &'static str, label: &'static str, entered: Option<f64>, told: Option<f64>| {
        view! {
            <span class="faint" aria-hidden="true">
                {label}
            </span>
            <input
                class="input price"
                name=name
                inputmode="decimal"
                aria-label=format!("{label}: {}", model.id)
                value=text(entered)
                placeholder=text(told)
            />
        }
    };
    let (entered, told) = (model.entered, model.told);
    view! {
        <tr>
            <td class="main">
                {t.model_label(&model.id)} <div class="faint">{model.provider.clone()}</div>
            </td>
            <td class="right" data-label=w.context>
                {model.context.map(|context| t.tokens(i64::from(context)))}
            </td>
            <td class="actions">
                <form class="line prices" method="post" action=SetPrice::url()>
                    {hidden(vec![("model", model.id.clone())])}
                    {field("input", w.price_in, entered.map(|price| price.input), told.map(|price| price.input))}
                    {field("output", w.price_out, entered.map(|price| price.output), told.map(|price| price.output))}
                    <button class="button plain-line" type="submit">
                        {t.save}
                    </button>
                </form>
            </td>
        </tr>
    }
    .whole()
}

/// What was spent, by month and model; with whose it is where it is everybody's.
pub(super) fn spending(t: &'static Texts, spent: &[Spending], everybodys: bool) -> Piece {
    let w = Words::of(t.language);
    if spent.is_empty() {
        return nothing(w.nothing_spent);
    }
    let rows = spent.iter().map(|row| {
        let who = everybodys.then(|| format!(" · {}", row.person));
        let priced = row.answers > row.unpriced;
        view! {
            <tr>
                <td class="main">
                    {t.model_label(&row.model)} <div class="faint">{row.month.clone()} {who}</div>
                </td>
                <td class="right" data-label=w.answers_count>
                    {t.number(row.answers)}
                </td>
                <td class="right" data-label=w.tokens_in>
                    {t.number(row.prompt_tokens)}
                </td>
                <td class="right" data-label=w.tokens_out>
                    {t.number(row.completion_tokens)}
                </td>
                <td class="right" data-label=w.cost>
                    {priced.then(|| w.money(t, row.cost))}
                </td>
            </tr>
        }
    });
    let head = view! {
        <thead>
            <tr>
                <th scope="col">{w.month}</th>
                <th scope="col" class="right">{w.answers_count}</th>
                <th scope="col" class="right">{w.tokens_in}</th>
                <th scope="col" class="right">{w.tokens_out}</th>
                <th scope="col" class="right">{w.cost}</th>
            </tr>
        </thead>
    };
    view! {
        <div class="table-wrap">
            <table class="table">
                {head} <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
    .whole()
}

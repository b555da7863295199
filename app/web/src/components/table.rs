//! What lists share: a field to search them, headings that order them, the choice of an order where there are no
//! headings, and pages. All are links and forms with the state in the address, so that they work without script and can be kept and sent.

use cjhirashi_domain::order::{Column, Order};
use leptos::prelude::*;

use super::{Icon, icon};
use crate::{
    components::{Piece, Whole as _},
    state::{browser, use_texts},
};

/// A column that a list can be ordered by: its heading, and the class of its cells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heading<C> {
    pub(crate) column: C,
    pub(crate) label: &'static str,
    pub(crate) class: &'static str,
}

/// Headings as links that order the list. `link` is the address of the list in an order.
pub(crate) fn sort_heads<C: Column>(
    headings: &[Heading<C>],
    now: Option<Order<C>>,
    link: impl Fn(Order<C>) -> String,
) -> Piece {
    let head = |heading: &Heading<C>| {
        let Heading { column, label, class } = *heading;
        let here = now.filter(|now| now.by == column);
        let sort = match here {
            Some(Order { descending: true, .. }) => "descending",
            Some(_) => "ascending",
            None => "none",
        };
        let mark = if here.is_some_and(|here| !here.descending) { Icon::Up } else { Icon::Down };
        view! {
            <th scope="col" class=class aria-sort=sort>
                <a id=format!("sort-{}", column.as_str()) href=link(Order::chosen(column, now))>
                    {label}
                    {icon(mark)}
                </a>
            </th>
        }
        .whole()
    };
    headings.iter().map(head).collect_view().whole()
}

/// The same choice as a field of the list's form: on narrow screens there are no headings.
pub(crate) fn sort_choice<C: Column>(headings: &[Heading<C>], now: Option<Order<C>>, usual: &'static str) -> Piece {
    let t = use_texts();
    let options = headings.iter().flat_map(|heading| {
        let first = Order::first(heading.column);
        let turned = Order::chosen(heading.column, Some(first));
        // What is chosen can be seen, also when it was chosen at a heading.
        let turned = (now == Some(turned)).then(|| (turned, format!("{} ({})", heading.label, t.turned_round)));
        std::iter::once((first, heading.label.to_owned())).chain(turned)
    });
    let options = options
        .map(|(order, label)| view! { <option value=order.to_string() selected=now == Some(order)>{label}</option> })
        .collect_view();
    view! {
        <select class="select narrow-only" name="sort" id="list-sort" aria-label=t.sort_by on:change=browser::send_form>
            <option value="">{usual}</option>
            {options}
        </select>
    }
    .whole()
}

/// The field for the words that a list is searched for.
pub(crate) fn search_field(words: String, label: &'static str) -> Piece {
    view! {
        <div class="search-field">
            {icon(Icon::Search)}
            <input
                class="input"
                type="search"
                name="q"
                id="list-words"
                value=words
                placeholder=label
                aria-label=label
                maxlength="200"
            />
        </div>
    }
    .whole()
}

/// Sends a list's form where no script does it at every change.
pub(crate) fn filter_button() -> Piece {
    view! {
        <button class="button plain-line without-script" type="submit">
            {use_texts().filter}
        </button>
    }
    .whole()
}

/// The way to the pages before and after; nothing where there is one page.
pub(crate) fn pager(page: u32, pages: u32, label: &'static str, link: impl Fn(u32) -> String) -> Piece {
    if pages <= 1 {
        return ().whole();
    }
    let t = use_texts();
    view! {
        <nav class="pager" aria-label=label>
            {(page > 1).then(|| view! { <a class="button plain-line" href=link(page - 1)>{t.previous}</a> })}
            <span>{t.part(page, pages)}</span>
            {(page < pages).then(|| view! { <a class="button plain-line" href=link(page + 1)>{t.next}</a> })}
        </nav>
    }
    .whole()
}

/// On how many pages so many things are, at least one.
pub(crate) fn pages(total: i64, size: u32) -> u32 {
    let size = i64::from(size.max(1));
    u32::try_from((total.max(1) - 1) / size + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::pages;

    #[test]
    fn the_last_page_need_not_be_full() {
        assert_eq!([0, 1, 50, 51, 100, 101].map(|total| pages(total, 50)), [1, 1, 1, 2, 2, 3]);
    }
}

//! Rows that are looked at: sorted, filtered, some of them.

use std::{
    hash::BuildHasher,
    sync::{Arc, LazyLock, Weak},
};

use quick_cache::{Weighter, sync::Cache};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::{
    reading::Table,
    types::{Type, boolean, date, number},
};

/// The most rows of one window.
pub(crate) const MAX_COUNT: usize = 500;
/// Bytes of orders that are kept.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// The longest text that rows are filtered by, in bytes.
const MAX_FILTER: usize = 200;
/// So much of a cell is compared when rows are sorted, in bytes.
const MAX_KEY: usize = 256;

/// What is asked of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    /// A column, and whether the largest are first.
    sort: Option<(usize, bool)>,
    /// In any cell of the row.
    filter: String,
    /// In the cell of a column.
    filters: Vec<(usize, String)>,
}

impl Asked {
    /// `None` when a column is no number or is not there.
    pub(crate) fn read(query: &[(&str, &str)], width: usize) -> Option<Self> {
        let mut asked = Self::default();
        let column = |text: &str| text.parse::<usize>().ok().filter(|column| *column < width);
        for (key, value) in query {
            let value = *value;
            let cut = |value: &str| fold(&value[..value.floor_char_boundary(MAX_FILTER)], false);
            match *key {
                "sort" if value.is_empty() => {}
                "sort" => {
                    let (down, text) = value.strip_prefix('-').map_or((false, value), |text| (true, text));
                    asked.sort = Some((column(text)?, down));
                }
                "filter" => asked.filter = cut(value),
                key => {
                    let Some(number) =
                        key.strip_prefix('f').filter(|number| number.bytes().all(|b| b.is_ascii_digit()))
                    else {
                        continue;
                    };
                    let column = column(number)?;
                    if !value.is_empty() && asked.filters.len() < 20 {
                        asked.filters.push((column, cut(value)));
                    }
                }
            }
        }
        Some(asked)
    }

    fn is_everything(&self) -> bool {
        self.sort.is_none() && self.filter.is_empty() && self.filters.is_empty()
    }
}

/// Rows in an order.
pub(crate) enum Rows {
    /// As they are in the content.
    All(usize),
    Some(Arc<[u32]>),
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::All(count) => *count,
            Self::Some(rows) => rows.len(),
        }
    }

    pub(crate) fn range(&self, from: usize, count: usize) -> impl Iterator<Item = usize> + '_ {
        let end = from.saturating_add(count).min(self.len());
        (from.min(end)..end).map(move |at| match self {
            Self::All(_) => at,
            Self::Some(rows) => rows[at] as usize,
        })
    }
}

/// Two keyed hashes of the table's place in memory and what is asked; its place stays its
/// own for as long as it is known here.
type Key = (u64, u64);
type Order = (Weak<Table>, Arc<[u32]>);

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Order> for Bytes {
    fn weight(&self, _: &Key, (_, rows): &Order) -> u64 {
        4 * rows.len() as u64 + 128
    }
}

static ORDERS: LazyLock<Cache<Key, Order, Bytes>> = LazyLock::new(|| Cache::with_weighter(24, CACHE_BYTES, Bytes));
static HASHERS: LazyLock<[std::hash::RandomState; 2]> =
    LazyLock::new(|| [std::hash::RandomState::new(), std::hash::RandomState::new()]);

/// The rows that are asked for, found once for as long as one scrolls through them. `kind` tells what a column holds.
pub(crate) fn rows(table: &Arc<Table>, asked: &Asked, kind: impl FnOnce(usize) -> Type) -> Rows {
    if asked.is_everything() {
        return Rows::All(table.rows());
    }
    let sort = asked.sort.map(|(column, down)| (column, down, kind(column)));
    let place = Arc::as_ptr(table) as usize;
    let key = HASHERS.each_ref().map(|hasher| hasher.hash_one((place, sort, asked)));
    let key = (key[0], key[1]);
    if let Some((_, rows)) = ORDERS.get(&key).filter(|(of, _)| of.as_ptr() == Arc::as_ptr(table)) {
        return Rows::Some(rows);
    }
    let mut rows = filtered(table, asked);
    if let Some((column, down, kind)) = sort {
        self::sort(table, &mut rows, column, kind, down);
    }
    let rows: Arc<[u32]> = rows.into();
    ORDERS.insert(key, (Arc::downgrade(table), Arc::clone(&rows)));
    Rows::Some(rows)
}

#[expect(clippy::cast_possible_truncation, reason = "at most 200,000 rows")]
fn filtered(table: &Table, asked: &Asked) -> Vec<u32> {
    let all = 0..table.rows();
    if asked.filter.is_empty() && asked.filters.is_empty() {
        return all.map(|row| row as u32).collect();
    }
    let anywhere = memchr::memmem::Finder::new(&asked.filter);
    let columns: Vec<_> =
        asked.filters.iter().map(|(column, text)| (*column, memchr::memmem::Finder::new(text))).collect();
    let mut folded = String::new();
    all.filter(|row| {
        let mut is_in = |cell: &str, finder: &memchr::memmem::Finder<'_>| {
            folded.clear();
            fold_into(cell, false, &mut folded);
            finder.find(folded.as_bytes()).is_some()
        };
        columns.iter().all(|(column, finder)| is_in(&table.cell(*row, *column), finder))
            && (asked.filter.is_empty() || table.cells(*row).any(|cell| is_in(&cell, &anywhere)))
    })
    .map(|row| row as u32)
    .collect()
}

/// Sorts rows that are in the order of the content: equal ones stay so, and empty cells come last either way.
fn sort(table: &Table, rows: &mut Vec<u32>, column: usize, kind: Type, down: bool) {
    // What is of the column's type comes first, then other text, then nothing. Texts are compared by their first bytes as
    // one number, and only where those are the same as texts.
    let mut texts = String::new();
    let mut keyed: Vec<Sorted> = rows
        .iter()
        .map(|row| {
            let cell = table.cell_head(*row as usize, column, MAX_KEY);
            if cell.trim().is_empty() {
                return Sorted { class: 2, first: 0, start: 0, end: 0, row: *row };
            }
            let value = match kind {
                Type::Text => None,
                Type::Number(point) => number(&cell, point).map(|number| ordered(number.value)),
                Type::Boolean => boolean(&cell).map(u64::from),
                Type::Date(order) => date(&cell, order).map(|date| {
                    (u64::from(date.year) << 40)
                        | (u64::from(date.month) << 32)
                        | (u64::from(date.day) << 24)
                        | u64::from(date.seconds.unwrap_or(0))
                }),
            };
            if let Some(value) = value {
                return Sorted { class: 0, first: value, start: 0, end: 0, row: *row };
            }
            let start = texts.len();
            fold_into(&cell[..cell.floor_char_boundary(MAX_KEY)], true, &mut texts);
            let mut first = [0; 8];
            let length = (texts.len() - start).min(8);
            first[..length].copy_from_slice(&texts.as_bytes()[start..start + length]);
            let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            let class = u8::from(kind != Type::Text);
            Sorted { class, first: u64::from_be_bytes(first), start: short(start), end: short(texts.len()), row: *row }
        })
        .collect();
    let text = |key: &Sorted| texts.as_bytes().get(key.start as usize..key.end as usize).unwrap_or_default();
    keyed.sort_unstable_by(|a, b| {
        let values = a.first.cmp(&b.first).then_with(|| text(a).cmp(text(b)));
        let values = if down { values.reverse() } else { values };
        a.class.cmp(&b.class).then(values).then_with(|| a.row.cmp(&b.row))
    });
    rows.clear();
    rows.extend(keyed.iter().map(|key| key.row));
}

struct Sorted {
    class: u8,
    first: u64,
    start: u32,
    end: u32,
    row: u32,
}

/// A number whose order is that of the floating point number.
fn ordered(value: f64) -> u64 {
    // Minus zero is zero.
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

/// Small letters without accents. For an order, ñ is a letter of its own after n.
pub(crate) fn fold(text: &str, in_order: bool) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, in_order, &mut out);
    out
}

fn fold_into(text: &str, in_order: bool, out: &mut String) {
    let from = out.len();
    if text.is_ascii() {
        out.push_str(text);
        out[from..].make_ascii_lowercase();
        return;
    }
    for c in text.chars() {
        let plain = match c {
            '\0'..='\x7f' => c.to_ascii_lowercase(),
            'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'Á' | 'À' | 'Â' | 'Ä' | 'Ã' | 'Å' => 'a',
            'é' | 'è' | 'ê' | 'ë' | 'É' | 'È' | 'Ê' | 'Ë' => 'e',
            'í' | 'ì' | 'î' | 'ï' | 'Í' | 'Ì' | 'Î' | 'Ï' => 'i',
            'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'Ó' | 'Ò' | 'Ô' | 'Ö' | 'Õ' => 'o',
            'ú' | 'ù' | 'û' | 'ü' | 'Ú' | 'Ù' | 'Û' | 'Ü' => 'u',
            'ç' | 'Ç' => 'c',
            'ñ' | 'Ñ' => {
                out.push_str(if in_order { "n~" } else { "n" });
                continue;
            }
            _ => {
                let small = c.to_lowercase().nfd().filter(|c| !is_combining_mark(*c));
                out.extend(small);
                continue;
            }
        };
        out.push(plain);
    }
}

//! What the cells of a column are: numbers as they are written in Spanish and in English, dates, yes and no, or text.

use cjhirashi_domain::settings::Language;

use super::reading::Table;

/// So many cells of a column tell what it is, and so many of all columns.
const SAMPLES: usize = 2_000;
const ALL_SAMPLES: usize = 100_000;

/// Numbers, dates and words for yes and no are shorter, in bytes.
pub(crate) const LOOKED_AT: usize = 64;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    Text,
    Number(Point),
    Date(Order),
    Boolean,
}

impl Type {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number(_) => "number",
            Self::Date(_) => "date",
            Self::Boolean => "boolean",
        }
    }
}

/// What stands before the decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Point {
    Dot,
    Comma,
}

/// Of day and month, where the year is last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    DayFirst,
    MonthFirst,
}

/// A number as it stands in a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number {
    pub(crate) value: f64,
    /// `€`, `$`, `£` or `%`.
    pub(crate) unit: Option<char>,
}

/// A day and its seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    pub(crate) year: u16,
    pub(crate) month: u8,
    pub(crate) day: u8,
    /// Since midnight; `None` where no time is written.
    pub(crate) seconds: Option<u32>,
}

/// The columns' types: what is told, and the rest from the cells.
pub(crate) fn of_columns(table: &Table, told: &[Option<&str>], language: Language) -> Vec<Type> {
    (0..table.width).map(|column| of_column(table, column, told.get(column).copied().flatten(), language)).collect()
}

/// The type of one column.
pub(crate) fn of_column(table: &Table, column: usize, told: Option<&str>, language: Language) -> Type {
    let step = table.rows().div_ceil(SAMPLES.min(ALL_SAMPLES / table.width.max(1))).max(1);
    let samples = || (0..table.rows()).step_by(step).map(|row| table.cell_head(row, column, LOOKED_AT));
    let filled = || samples().filter(|cell| !cell.trim().is_empty());
    match told {
        Some("text") => Type::Text,
        Some("boolean") => Type::Boolean,
        Some("number") => Type::Number(point(filled(), language)),
        Some("date") => Type::Date(order(filled(), language)),
        _ => {
            if filled().next().is_none() {
                return Type::Text;
            }
            if filled().all(|cell| boolean(&cell).is_some()) {
                return Type::Boolean;
            }
            // "08001" is a postcode and a long row of digits a card: as numbers they would lose digits.
            if most(filled(), |cell| shape(cell).is_some())
                && !filled().any(|cell| shape(&cell).is_some() && is_code(&cell))
            {
                return Type::Number(point(filled(), language));
            }
            if most(filled(), |cell| {
                [Order::DayFirst, Order::MonthFirst].iter().any(|order| date(cell, *order).is_some())
            }) {
                return Type::Date(order(filled(), language));
            }
            Type::Text
        }
    }
}

/// Whether two of three are so: a "pending" among amounts makes no text of them.
fn most<'a>(cells: impl Iterator<Item = std::borrow::Cow<'a, str>>, is: impl Fn(&str) -> bool) -> bool {
    let (mut fitting, mut all) = (0_usize, 0_usize);
    for cell in cells {
        all += 1;
        fitting += usize::from(is(&cell));
        // What is text shows it soon.
        if all == 64 && fitting * 2 < all {
            return false;
        }
    }
    fitting * 3 >= all * 2
}

fn is_code(cell: &str) -> bool {
    let cell = cell.trim();
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    let bytes = cell.as_bytes();
    digits > 15 || (bytes.first() == Some(&b'0') && bytes.get(1).is_some_and(u8::is_ascii_digit))
}

/// Yes or no.
pub(crate) fn boolean(cell: &str) -> Option<bool> {
    let cell = cell.trim();
    let is = |words: &[&str]| cell.len() <= 10 && words.contains(&cell.to_lowercase().as_str());
    if is(&["true", "yes", "sí", "si", "verdadero", "y", "✓", "✔"]) {
        Some(true)
    } else if is(&["false", "no", "falso", "n", "✗", "✘"]) {
        Some(false)
    } else {
        None
    }
}

/// A number taken apart.
#[derive(Debug)]
struct Shape<'a> {
    negative: bool,
    unit: Option<char>,
    /// Digits, dots, commas, spaces and apostrophes between digits; at least one digit.
    digits: &'a str,
    exponent: i32,
}

fn shape(cell: &str) -> Option<Shape<'_>> {
    let mut rest = cell.trim();
    if rest.is_empty() || rest.len() > 60 {
        return None;
    }
    let (mut negative, mut signed, mut unit) = (false, false, None);
    loop {
        let first = rest.chars().next()?;
        match first {
            '-' | '−' | '+' if !signed => (signed, negative) = (true, first != '+'),
            '€' | '$' | '£' if unit.is_none() => unit = Some(first),
            _ => break,
        }
        rest = rest[first.len_utf8()..].trim_start();
    }
    if let Some(last) = rest.chars().next_back().filter(|last| matches!(last, '€' | '$' | '£' | '%')) {
        unit.is_none().then_some(())?;
        unit = Some(last);
        rest = rest[..rest.len() - last.len_utf8()].trim_end();
    }
    let mut exponent = 0;
    if let Some((digits, power)) = rest.split_once(['e', 'E']) {
        exponent = power.parse::<i32>().ok().filter(|power| (-300..=300).contains(power))?;
        rest = digits;
    }
    let plain = rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '\'' | '’') || is_space(c));
    let ends = rest.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == ',')
        && rest.ends_with(|c: char| c.is_ascii_digit());
    (plain && ends).then_some(Shape { negative, unit, digits: rest, exponent })
}

const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}')
}

/// What stands before the decimals in a column. "1.234" alone does not tell; then the reader's language does.
fn point<'a>(cells: impl Iterator<Item = std::borrow::Cow<'a, str>>, language: Language) -> Point {
    // For the dot and the comma: it surely is the point, and it could be between thousands.
    let (mut sure, mut seen, mut thousands, mut long) = ([0_usize; 2], [0_usize; 2], [true; 2], false);
    for cell in cells {
        let Some(Shape { digits, .. }) = shape(&cell) else { continue };
        let (dots, commas) = (digits.matches('.').count(), digits.matches(',').count());
        let whole = digits.split(['.', ',']).next().unwrap_or_default();
        if whole.bytes().all(|b| b.is_ascii_digit()) && whole.len() > 3 {
            long = true;
        }
        match (dots, commas) {
            (0, 0) => {}
            (1.., 1..) => {
                let last = usize::from(digits.rfind(',') > digits.rfind('.'));
                sure[last] += 1;
            }
            (dots, _) => {
                let at = usize::from(dots == 0);
                let sign = [b'.', b','][at] as char;
                seen[at] += 1;
                if dots.max(commas) > 1 {
                    // Two of them are between thousands, so that the other one is the point.
                    sure[1 - at] += 1;
                } else if !grouped(digits, sign) {
                    sure[at] += 1;
                    thousands[at] = false;
                }
            }
        }
    }
    if sure[0] != sure[1] {
        return if sure[0] > sure[1] { Point::Dot } else { Point::Comma };
    }
    // "1.234" and "56789" in one column: thousands are not set apart there.
    let at = usize::from(seen[1] > seen[0]);
    let decimals = long || !thousands[at];
    match (at, language) {
        (_, _) if seen == [0, 0] => {
            if language == Language::Es {
                Point::Comma
            } else {
                Point::Dot
            }
        }
        (0, _) if decimals => Point::Dot,
        (_, _) if decimals => Point::Comma,
        (_, Language::Es) => Point::Comma,
        (_, Language::En) => Point::Dot,
    }
}

/// Whether a sign stands only where thousands are set apart: `1.234.567`.
fn grouped(digits: &str, sign: char) -> bool {
    let mut groups = digits.split(sign);
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len()) && first != "0" && groups.all(|group| group.len() == 3)
}

/// The number of a cell.
pub(crate) fn number(cell: &str, point: Point) -> Option<Number> {
    let Shape { negative, unit, digits, exponent } = shape(cell)?;
    let (point, between) = match point {
        Point::Dot => ('.', ','),
        Point::Comma => (',', '.'),
    };
    let mut plain = String::with_capacity(digits.len() + 8);
    // Two points, or only signs of thousands where none can be: the cell is written the other way round.
    let (points, others) = (digits.matches(point).count(), digits.matches(between).count());
    let other_way = points > 1
        || (points == 0 && others == 1 && !grouped(digits, between))
        || (points == 1 && others > 0 && digits.rfind(point) < digits.rfind(between));
    (!(other_way && others > 1)).then_some(())?;
    let point = if other_way { between } else { point };
    for c in digits.chars() {
        if c == point {
            plain.push('.');
        } else if c.is_ascii_digit() {
            plain.push(c);
        }
    }
    let value = plain.parse::<f64>().ok()? * 10_f64.powi(exponent);
    let value = if negative { -value } else { value };
    value.is_finite().then_some(Number { value, unit })
}

/// Which of day and month is first in a column; where nothing tells, the reader's language does.
fn order<'a>(cells: impl Iterator<Item = std::borrow::Cow<'a, str>>, language: Language) -> Order {
    for cell in cells {
        match (date(&cell, Order::DayFirst), date(&cell, Order::MonthFirst)) {
            (Some(_), None) => return Order::DayFirst,
            (None, Some(_)) => return Order::MonthFirst,
            _ => {}
        }
    }
    if language == Language::Es { Order::DayFirst } else { Order::MonthFirst }
}

/// The date of a cell: `2026-03-31`, `31/3/2026`, `31.3.2026`, each with or without a time.
pub(crate) fn date(cell: &str, order: Order) -> Option<Date> {
    let cell = cell.trim();
    if cell.len() < 8 || cell.len() > 35 || !cell.is_ascii() {
        return None;
    }
    let (day, time) = cell.split_once(['T', ' ']).map_or((cell, None), |(day, time)| (day, Some(time.trim())));
    let sign = day.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '-' | '/' | '.'))?;
    let mut parts = day.split(sign);
    let mut part =
        || parts.next().filter(|part| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    let (first, second, third) = (part()?, part()?, part()?);
    parts.next().is_none().then_some(())?;
    let (year, month, day) = match (first.len(), third.len(), order) {
        (4, 1..=2, _) => (first, second, third),
        (1..=2, 4, Order::DayFirst) => (third, second, first),
        (1..=2, 4, Order::MonthFirst) => (third, first, second),
        _ => return None,
    };
    let (year, month, day): (u16, u8, u8) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days).contains(&day).then_some(())?;
    let seconds = match time {
        Some(time) => Some(seconds(time)?),
        None => None,
    };
    Some(Date { year, month, day, seconds })
}

/// `14:30`, `14:30:05`, `14:30:05.250Z`; the time zone is left out of account.
fn seconds(time: &str) -> Option<u32> {
    let time = time.split(['Z', '+', '.']).next()?;
    let time = time.rsplit_once('-').map_or(time, |(time, _)| time);
    let mut parts = time.split(':');
    let mut part = |most: u32, needed: bool| match parts.next() {
        Some(part) if part.len() <= 2 => part.parse::<u32>().ok().filter(|part| *part <= most),
        Some(_) => None,
        None => (!needed).then_some(0),
    };
    let (hours, minutes, seconds) = (part(23, true)?, part(59, true)?, part(60, false)?);
    parts.next().is_none().then_some(hours * 3_600 + minutes * 60 + seconds)
}

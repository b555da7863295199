//! CSV as RFC 4180 and what people write instead of it: places in the text, not a string per cell.
//!
//! The rules for quotes are those of the `csv` crate, and a test holds both against each other.

use std::{
    borrow::Cow,
    hash::BuildHasher,
    ops::Range,
    sync::{Arc, LazyLock},
};

use memchr::{memchr, memchr3};
use quick_cache::{Weighter, sync::Cache};

/// The most rows below the header.
pub(crate) const MAX_ROWS: usize = 200_000;
/// The most columns.
pub(crate) const MAX_COLUMNS: usize = 500;
/// The most cells that are kept places of.
const MAX_CELLS: usize = 5_000_000;
/// Cells of more bytes are told of: more than 32,767 characters, whatever these are, fit in no spreadsheet.
const LONG: usize = 4 * 32_767;
/// The most problems that are kept.
const MAX_UNEVEN: usize = 20;
/// Bytes of tables that are kept read.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// So much of a text is looked at to find what separates its cells.
const LOOKED_AT: usize = 64 * 1024;

/// A text, read.
#[derive(Debug)]
pub(crate) struct Table {
    text: Box<str>,
    /// Between cells.
    pub(crate) separator: u8,
    /// Lines end with `\r\n`.
    pub(crate) crlf: bool,
    /// Where each cell begins in the text.
    starts: Vec<u32>,
    /// The header and the rows.
    lines: Vec<Line>,
    /// Cells of the longest line, at most [`MAX_COLUMNS`].
    pub(crate) width: usize,
    /// Cells of the header as it is written.
    pub(crate) header_width: usize,
    /// Rows with more or fewer cells than the header, the first ones: line of the text from 1, and cells.
    pub(crate) uneven: Vec<(u32, usize)>,
    /// There are more rows, columns or cells than are read.
    pub(crate) cut: bool,
    /// The line of the text where a row begins in which quotes are opened and never closed.
    pub(crate) unclosed: Option<u32>,
    /// The line where the first row begins that has a cell of more bytes than this.
    pub(crate) long: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    /// Its first cell in `starts`.
    first: u32,
    /// Where its last cell ends in the text.
    end: u32,
}

/// What is known before anything is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Separator {
    Found,
    Told(u8),
}

impl Table {
    pub(crate) fn read(text: &str, separator: Separator) -> Self {
        let separator = match separator {
            Separator::Told(byte) => byte,
            Separator::Found => found(text),
        };
        let mut table = Self {
            text: text.into(),
            separator,
            crlf: first_end(text.as_bytes()) == Some(b'\r'),
            starts: Vec::new(),
            lines: Vec::new(),
            width: 0,
            header_width: 0,
            uneven: Vec::new(),
            cut: false,
            unclosed: None,
            long: None,
        };
        let mut scanner = Scanner::new(text, separator);
        // The line of the text that is counted up to there.
        let (mut number, mut counted) = (1_u32, 0);
        let mut cells = Vec::new();
        while let Some(count) = scanner.record(&mut cells) {
            if table.lines.len() > MAX_ROWS || table.starts.len() + cells.len() > MAX_CELLS {
                table.cut = true;
                break;
            }
            let start = cells.first().map_or(0, |cell| cell.start);
            let breaks = memchr::memchr_iter(b'\n', &text.as_bytes()[counted..start]).count();
            number = number.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
            counted = start;
            if table.lines.is_empty() {
                table.header_width = count;
            } else if count != table.header_width && table.uneven.len() < MAX_UNEVEN {
                table.uneven.push((number, count));
            }
            if count > MAX_COLUMNS {
                table.cut = true;
            }
            if scanner.unclosed {
                table.unclosed = Some(number);
            }
            if table.long.is_none() && cells.iter().any(|cell| cell.len() > LONG) {
                table.long = Some(number);
            }
            // An artifact has less than 4 GB.
            let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            table.width = table.width.max(cells.len().min(MAX_COLUMNS));
            table.lines.push(Line { first: short(table.starts.len()), end: short(scanner.end) });
            table.starts.extend(cells.iter().map(|cell| short(cell.start)));
        }
        table.starts.shrink_to_fit();
        table.lines.shrink_to_fit();
        table
    }

    /// Rows below the header.
    pub(crate) fn rows(&self) -> usize {
        self.lines.len().saturating_sub(1)
    }

    /// The name of a column; empty where the header has none.
    pub(crate) fn name(&self, column: usize) -> Cow<'_, str> {
        unquoted(self.at(0, column))
    }

    /// A cell; empty where there is none.
    pub(crate) fn cell(&self, row: usize, column: usize) -> Cow<'_, str> {
        unquoted(self.at(row + 1, column))
    }

    /// The beginning of a name, at least so many bytes of it: a cell may have megabytes.
    pub(crate) fn name_head(&self, column: usize, most: usize) -> Cow<'_, str> {
        unquoted(head(self.at(0, column), most))
    }

    /// The beginning of a cell, at least so many bytes of it.
    pub(crate) fn cell_head(&self, row: usize, column: usize, most: usize) -> Cow<'_, str> {
        unquoted(head(self.at(row + 1, column), most))
    }

    /// The cells of a row, as many as are written.
    pub(crate) fn cells(&self, row: usize) -> impl Iterator<Item = Cow<'_, str>> {
        let cells = self.places(row + 1);
        (0..cells.len()).map(move |column| self.cell(row, column))
    }

    /// A row as it is written, when it has exactly as many cells as there are columns.
    pub(crate) fn written(&self, row: usize) -> Option<&str> {
        let cells = self.places(row + 1);
        (cells.len() == self.width).then_some(())?;
        let start = *self.starts.get(cells.start)?;
        self.text.get(start as usize..self.lines.get(row + 1)?.end as usize)
    }

    fn places(&self, line: usize) -> Range<usize> {
        let Some(Line { first, .. }) = self.lines.get(line) else { return 0..0 };
        let next = self.lines.get(line + 1).map_or(self.starts.len(), |next| next.first as usize);
        *first as usize..next
    }

    /// A cell as it is written.
    fn at(&self, line: usize, column: usize) -> &str {
        let cells = self.places(line);
        let at = cells.start + column;
        if at >= cells.end {
            return "";
        }
        let start = self.starts[at] as usize;
        let end = if at + 1 < cells.end { self.starts[at + 1] as usize - 1 } else { self.lines[line].end as usize };
        self.text.get(start..end).unwrap_or_default()
    }

    fn bytes(&self) -> u64 {
        (self.text.len() + 4 * self.starts.len() + 8 * self.lines.len() + 256) as u64
    }
}

fn first_end(text: &[u8]) -> Option<u8> {
    memchr::memchr2(b'\r', b'\n', text).map(|at| text[at])
}

/// Of a cell as it is written: quotes in it are written twice.
fn head(raw: &str, most: usize) -> &str {
    &raw[..raw.floor_char_boundary(2 * most + 2)]
}

/// What a cell says, from how it is written.
pub(super) fn unquoted(raw: &str) -> Cow<'_, str> {
    let Some(inside) = raw.strip_prefix('"') else { return Cow::Borrowed(raw) };
    if let Some(plain) = inside.strip_suffix('"').filter(|plain| memchr(b'"', plain.as_bytes()).is_none()) {
        return Cow::Borrowed(plain);
    }
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = rest.find('"') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(after) = rest.strip_prefix('"') else {
            // The quotes are closed: what follows is as it stands.
            out.push_str(rest);
            return Cow::Owned(out);
        };
        out.push('"');
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Goes through a text, line by line of the table.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    separator: u8,
    /// Where the last cell of the line ends.
    end: usize,
    /// The last line has quotes that are opened and not closed.
    unclosed: bool,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, separator: u8) -> Self {
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Self { text: text.as_bytes(), at, separator, end: 0, unclosed: false }
    }

    /// The next line that is not empty: how many cells it has, and the places of the first ones, one more than are shown.
    fn record(&mut self, cells: &mut Vec<Range<usize>>) -> Option<usize> {
        cells.clear();
        let mut count = 0;
        while self.text.get(self.at).is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
            self.at += 1;
        }
        if self.at >= self.text.len() {
            return None;
        }
        loop {
            let start = self.at;
            if self.text.get(start) == Some(&b'"') {
                self.at += 1;
                let mut closed = false;
                while let Some(quote) = memchr(b'"', &self.text[self.at..]) {
                    self.at += quote + 1;
                    if self.text.get(self.at) != Some(&b'"') {
                        closed = true;
                        break;
                    }
                    self.at += 1;
                }
                if !closed {
                    self.unclosed = true;
                    self.at = self.text.len();
                }
            }
            match memchr3(self.separator, b'\r', b'\n', &self.text[self.at..]) {
                Some(length) => self.at += length,
                None => self.at = self.text.len(),
            }
            count += 1;
            self.end = self.at;
            if cells.len() <= MAX_COLUMNS {
                cells.push(start..self.at);
            }
            match self.text.get(self.at) {
                Some(byte) if *byte == self.separator => self.at += 1,
                Some(_) => {
                    self.at += 1;
                    return Some(count);
                }
                None => return Some(count),
            }
        }
    }
}

/// What separates the cells: what divides the first lines most evenly.
fn found(text: &str) -> u8 {
    let mut end = text.len().min(LOOKED_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = &text[..end];
    let mut best = (0.0_f64, 1_usize, b',');
    for separator in [b'\t', b';', b','] {
        let mut scanner = Scanner::new(head, separator);
        let (mut cells, mut widths) = (Vec::new(), Vec::new());
        while widths.len() < 30
            && let Some(count) = scanner.record(&mut cells)
        {
            widths.push(count);
        }
        let Some(first) = widths.first().copied().filter(|first| *first > 1) else { continue };
        #[expect(clippy::cast_precision_loss, reason = "at most 30")]
        let even = widths.iter().filter(|width| **width == first).count() as f64 / widths.len() as f64;
        if even > best.0 + 0.2 || (even > best.0 - 0.2 && first > best.1) {
            best = (even, first, separator);
        }
    }
    best.2
}

/// A hash of some of the text, which is compared as a whole when the table is found: what a stranger writes cannot be
/// taken for another's table, and a window costs no hash of megabytes.
type Key = (u64, usize, Separator);

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<Table>> for Bytes {
    fn weight(&self, _: &Key, table: &Arc<Table>) -> u64 {
        table.bytes()
    }
}

static READ: LazyLock<Cache<Key, Arc<Table>, Bytes>> = LazyLock::new(|| Cache::with_weighter(24, CACHE_BYTES, Bytes));
static HASHER: LazyLock<std::hash::RandomState> = LazyLock::new(std::hash::RandomState::new);

/// [`Table::read`], once for as long as the table is looked at.
pub(crate) fn read(text: &str, separator: Separator) -> Arc<Table> {
    let bytes = text.as_bytes();
    let step = (bytes.len() / 64).max(64);
    let some = bytes.chunks(step).map(|piece| &piece[..piece.len().min(64)]);
    let key = (HASHER.hash_one(some.collect::<Vec<_>>()), bytes.len(), separator);
    if let Some(table) = READ.get(&key).filter(|table| *table.text == *text) {
        return table;
    }
    let table = Arc::new(Table::read(text, separator));
    READ.insert(key, Arc::clone(&table));
    table
}

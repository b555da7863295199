//! Edits of cells, rows and columns: all of them or none.

use std::{borrow::Cow, collections::HashMap};

use cjhirashi_domain::settings::Language;
use csv::{QuoteStyle, Terminator, WriterBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::{
    reading::{MAX_COLUMNS, MAX_ROWS, Table},
    words,
};
use crate::{MAX_BYTES, Problem};

/// The most characters of a cell; what spreadsheets hold.
pub(crate) const MAX_CELL: usize = 32_767;
/// The most edits at once.
pub(crate) const MAX_EDITS: usize = 10_000;

/// One of the edits that a page sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Edit {
    Set(usize, usize, String),
    Insert(usize, Vec<String>),
    Remove(usize),
    AddColumn(usize, String),
    RemoveColumn(usize),
    RenameColumn(usize, String),
}

/// The new text.
///
/// # Errors
/// What does not fit, in words.
pub(super) fn apply(table: &Table, edits: &Value, language: Language) -> Result<String, Problem> {
    let wrong = |words: String| Problem { line: None, column: None, words };
    let edits = edits.as_array().ok_or_else(|| wrong(words::no_such_edit(language).to_owned()))?;
    if edits.len() > MAX_EDITS {
        return Err(wrong(words::too_many_edits(MAX_EDITS, language)));
    }
    if table.cut {
        return Err(wrong(words::table_too_large(MAX_ROWS, MAX_COLUMNS, language)));
    }
    let mut sheet = Sheet::of(table);
    for (number, edit) in (1..).zip(edits) {
        let edit = Edit::deserialize(edit).map_err(|_| wrong(words::bad_edit(number, language)))?;
        match sheet.apply(edit) {
            Ok(()) => {}
            Err(Refused::Place) => return Err(wrong(words::edit_out_of_place(number, language))),
            Err(Refused::Cell) => return Err(wrong(words::cell_too_long(MAX_CELL, language))),
            Err(Refused::Size) => return Err(wrong(words::table_too_large(MAX_ROWS, MAX_COLUMNS, language))),
        }
    }
    let text = sheet.written().ok_or_else(|| wrong(words::no_such_edit(language).to_owned()))?;
    if text.len() > MAX_BYTES {
        return Err(wrong(words::table_too_large(MAX_ROWS, MAX_COLUMNS, language)));
    }
    Ok(text)
}

enum Refused {
    /// There is no such row or column.
    Place,
    /// A cell would be too long.
    Cell,
    /// The table would be too large.
    Size,
}

/// A table being edited: rows and columns by numbers of their own, so that moving one moves no text.
struct Sheet<'a> {
    table: &'a Table,
    /// Those of the table have its numbers; new ones have larger ones.
    rows: Vec<u32>,
    columns: Vec<u16>,
    next_row: u32,
    next_column: u16,
    names: HashMap<u16, String>,
    /// Cells that differ from the table's, by row and column.
    cells: HashMap<(u32, u16), String>,
    /// Rows that may differ from how they are written.
    touched: std::collections::HashSet<u32>,
}

impl<'a> Sheet<'a> {
    #[expect(clippy::cast_possible_truncation, reason = "rows and columns are bounded by the reader")]
    fn of(table: &'a Table) -> Self {
        let (rows, columns) = (table.rows() as u32, table.width as u16);
        Self {
            table,
            rows: (0..rows).collect(),
            columns: (0..columns).collect(),
            next_row: rows,
            next_column: columns,
            names: HashMap::new(),
            cells: HashMap::new(),
            touched: std::collections::HashSet::new(),
        }
    }

    fn apply(&mut self, edit: Edit) -> Result<(), Refused> {
        match edit {
            Edit::Set(row, column, value) => {
                let row = *self.rows.get(row).ok_or(Refused::Place)?;
                let column = *self.columns.get(column).ok_or(Refused::Place)?;
                self.put(row, column, value)?;
            }
            Edit::Insert(at, cells) => {
                if at > self.rows.len() || cells.len() > self.columns.len() {
                    return Err(Refused::Place);
                }
                if self.rows.len() >= MAX_ROWS {
                    return Err(Refused::Size);
                }
                let row = self.next_row;
                self.next_row += 1;
                self.rows.insert(at, row);
                self.touched.insert(row);
                for (at, value) in cells.into_iter().enumerate() {
                    self.put(row, self.columns[at], value)?;
                }
            }
            Edit::Remove(row) => {
                if row >= self.rows.len() {
                    return Err(Refused::Place);
                }
                self.rows.remove(row);
            }
            Edit::AddColumn(at, name) => {
                if at > self.columns.len() {
                    return Err(Refused::Place);
                }
                if self.columns.len() >= MAX_COLUMNS {
                    return Err(Refused::Size);
                }
                let column = self.next_column;
                self.next_column += 1;
                self.columns.insert(at, column);
                self.names.insert(column, checked(name)?);
            }
            Edit::RemoveColumn(column) => {
                if column >= self.columns.len() {
                    return Err(Refused::Place);
                }
                self.columns.remove(column);
            }
            Edit::RenameColumn(column, name) => {
                let column = *self.columns.get(column).ok_or(Refused::Place)?;
                self.names.insert(column, checked(name)?);
            }
        }
        Ok(())
    }

    fn put(&mut self, row: u32, column: u16, value: String) -> Result<(), Refused> {
        self.cells.insert((row, column), checked(value)?);
        self.touched.insert(row);
        Ok(())
    }

    fn cell(&self, row: u32, column: u16) -> Cow<'_, str> {
        match self.cells.get(&(row, column)) {
            Some(value) => Cow::Borrowed(value),
            // A new row or column has nothing in the table: its number is beyond.
            None => self.table.cell(row as usize, usize::from(column)),
        }
    }

    fn written(&self) -> Option<String> {
        if self.columns.is_empty() {
            return Some(String::new());
        }
        let end = if self.table.crlf { "\r\n" } else { "\n" };
        let same_columns = self.columns.len() == self.table.width
            && self.columns.iter().zip(0_u16..).all(|(column, at)| *column == at);
        let mut out = Vec::with_capacity(self.rows.len() * 16);
        let header = self.columns.iter().map(|column| match self.names.get(column) {
            Some(name) => Cow::Borrowed(name.as_str()),
            None => self.table.name(usize::from(*column)),
        });
        write_line(header, self.table.separator, end, &mut out)?;
        for row in &self.rows {
            // What nobody touched stays as it was written, quotes and all.
            let written = (same_columns && !self.touched.contains(row)).then(|| self.table.written(*row as usize));
            if let Some(line) = written.flatten() {
                out.extend_from_slice(line.as_bytes());
                out.extend_from_slice(end.as_bytes());
            } else {
                let cells = self.columns.iter().map(|column| self.cell(*row, *column));
                write_line(cells, self.table.separator, end, &mut out)?;
            }
            if out.len() > MAX_BYTES + MAX_CELL {
                break;
            }
        }
        String::from_utf8(out).ok()
    }
}

fn checked(value: String) -> Result<String, Refused> {
    // Bytes first: characters are counted only where they could be too many.
    if value.len() > MAX_CELL && value.chars().count() > MAX_CELL { Err(Refused::Cell) } else { Ok(value) }
}

/// One line of CSV.
pub(super) fn write_line<'a>(
    cells: impl Iterator<Item = Cow<'a, str>>,
    separator: u8,
    end: &str,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut line = WriterBuilder::new()
        .delimiter(separator)
        .quote_style(QuoteStyle::Necessary)
        .terminator(if end == "\n" { Terminator::Any(b'\n') } else { Terminator::CRLF })
        .buffer_capacity(1_024)
        .from_writer(out);
    for cell in cells {
        line.write_field(cell.as_bytes()).ok()?;
    }
    line.write_record(None::<&[u8]>).ok()?;
    line.flush().ok()
}

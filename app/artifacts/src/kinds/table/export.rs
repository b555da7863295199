//! Tables as files: CSV, a workbook, Markdown.
//!
//! A spreadsheet program runs what begins like a formula, also from a CSV file. So in CSV every cell that does, and is no
//! plain number, gets an apostrophe before it; and inside of a cell what would begin one if the file were cut at another
//! separator. In a workbook every text is a text, which no program runs.

use std::borrow::Cow;

use rust_xlsxwriter::{ExcelDateTime, Format, FormatAlign, Workbook, XlsxError};

use super::{
    edits::{MAX_CELL, write_line},
    reading::Table,
    types::{Number, Type, boolean, date, number},
};

/// The most cells of a workbook: what writing one takes grows with them.
pub(crate) const MAX_WORKBOOK_CELLS: usize = 2_000_000;

/// The table as CSV that no program runs.
pub(super) fn csv(table: &Table) -> Option<Vec<u8>> {
    let end = if table.crlf { "\r\n" } else { "\n" };
    let mut out = Vec::new();
    let width = table.width;
    let names = (0..width).map(|column| harmless(table.name(column)));
    write_line(names, table.separator, end, &mut out)?;
    for row in 0..table.rows() {
        let cells = (0..width).map(|column| harmless(table.cell(row, column)));
        write_line(cells, table.separator, end, &mut out)?;
    }
    Some(out)
}

/// A cell that is no formula.
pub(super) fn harmless(cell: Cow<'_, str>) -> Cow<'_, str> {
    let begins = cell.trim_start_matches([' ', '\u{a0}', '"', '\'']).starts_with(is_sign)
        || cell.starts_with(['\t', '\r', '\n']);
    let cell =
        if begins && !is_plain(&cell) && !cell.starts_with('\'') { Cow::Owned(format!("'{cell}")) } else { cell };
    // Everything that a formula could do to somebody has one of these.
    if !cell.contains(['(', '|', '!']) {
        return cell;
    }
    let mut out = String::new();
    let mut from = 0;
    for (at, _) in cell.match_indices([',', ';', '\t', '\n', '\r']) {
        let rest = &cell[at + 1..];
        let start = at + 1 + rest.len() - rest.trim_start_matches([' ', '\u{a0}', '"']).len();
        if start >= from && cell[start..].starts_with(is_sign) && cell[start..].contains(['(', '|', '!']) {
            out.push_str(&cell[from..start]);
            out.push('\'');
            from = start;
        }
    }
    if from == 0 {
        return cell;
    }
    out.push_str(&cell[from..]);
    Cow::Owned(out)
}

/// What begins a formula; the wide ones are the same to some programs.
const fn is_sign(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
}

/// A number with its sign, as in "-1.234,56", "+34 600 123 456" and "-12 %".
fn is_plain(cell: &str) -> bool {
    let rest = cell.strip_prefix(['-', '+']).unwrap_or_default().trim_end_matches(['%', '€', ' ', '\u{a0}']);
    let (digits, power) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let power = power.strip_prefix(['-', '+']).unwrap_or(power);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == ',')
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | ' ' | '\u{a0}' | '\u{202f}'))
        && !power.is_empty()
        && power.bytes().all(|b| b.is_ascii_digit())
}

/// The table as a workbook. `None` when it has too many cells.
///
/// # Errors
/// When the library cannot write it.
pub(super) fn workbook(table: &Table, types: &[Type], title: &str) -> Result<Option<Vec<u8>>, XlsxError> {
    if (table.rows() + 1).saturating_mul(table.width) > MAX_WORKBOOK_CELLS {
        return Ok(None);
    }
    let mut book = Workbook::new();
    let sheet = book.add_worksheet_with_constant_memory()?;
    sheet.set_name(sheet_name(title))?;
    sheet.set_freeze_panes(1, 0)?;
    let head = Format::new().set_bold().set_align(FormatAlign::Left);
    let day = Format::new().set_num_format("yyyy-mm-dd");
    let moment = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
    let units = [('%', "0.##%"), ('€', "#,##0.00\\ \"€\""), ('$', "\"$\"#,##0.00"), ('£', "\"£\"#,##0.00")]
        .map(|(unit, format)| (unit, Format::new().set_num_format(format)));
    let columns = (0_u16..).zip(types.iter().copied());
    for (at, _) in columns.clone() {
        let longest = (0..table.rows().min(200)).map(|row| table.cell_head(row, at.into(), 60).chars().count()).max();
        let name = table.name_head(at.into(), 60).chars().count();
        let wide = longest.unwrap_or(0).max(name).clamp(8, 60);
        sheet.set_column_width(at, f64::from(u8::try_from(wide).unwrap_or(60)) + 2.0)?;
        sheet.write_string_with_format(0, at, cut(&table.name(at.into())), &head)?;
    }
    for (line, row) in (1_u32..).zip(0..table.rows()) {
        for (at, kind) in columns.clone() {
            let cell = table.cell(row, at.into());
            if cell.is_empty() {
                continue;
            }
            match kind {
                Type::Number(point) => match number(&cell, point).filter(|_| digits(&cell) <= 15) {
                    Some(Number { value, unit: None }) => {
                        sheet.write_number(line, at, value)?;
                    }
                    Some(Number { value, unit: Some(unit) }) => {
                        let value = if unit == '%' { value / 100.0 } else { value };
                        match units.iter().find(|(of, _)| *of == unit) {
                            Some((_, format)) => sheet.write_number_with_format(line, at, value, format)?,
                            None => sheet.write_number(line, at, value)?,
                        };
                    }
                    None => {
                        sheet.write_string(line, at, cut(&cell))?;
                    }
                },
                Type::Boolean => match boolean(&cell) {
                    Some(value) => {
                        sheet.write_boolean(line, at, value)?;
                    }
                    None => {
                        sheet.write_string(line, at, cut(&cell))?;
                    }
                },
                Type::Date(order) => {
                    // Workbooks have no days before 1900.
                    let found = date(&cell, order).filter(|date| (1900..=9999).contains(&date.year));
                    let moment_of = found.and_then(|date| {
                        let day = ExcelDateTime::from_ymd(date.year, date.month, date.day).ok()?;
                        let Some(seconds) = date.seconds else { return Some(day) };
                        let hour = u16::try_from(seconds / 3_600).ok()?;
                        let minute = u8::try_from(seconds / 60 % 60).ok()?;
                        day.and_hms(hour, minute, f64::from(seconds % 60)).ok()
                    });
                    let format = if found.is_some_and(|date| date.seconds.is_some()) { &moment } else { &day };
                    match moment_of {
                        Some(value) => sheet.write_datetime_with_format(line, at, &value, format)?,
                        None => sheet.write_string(line, at, cut(&cell))?,
                    };
                }
                Type::Text => {
                    sheet.write_string(line, at, cut(&cell))?;
                }
            }
        }
    }
    book.save_to_buffer().map(Some)
}

fn digits(cell: &str) -> usize {
    cell.bytes().filter(u8::is_ascii_digit).count()
}

/// What a cell of a workbook holds, which counts in UTF-16.
fn cut(cell: &str) -> &str {
    if cell.len() <= MAX_CELL {
        return cell;
    }
    let mut units = 0;
    let end = cell.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > MAX_CELL
    });
    end.map_or(cell, |(at, _)| &cell[..at])
}

fn sheet_name(title: &str) -> String {
    let name: String = title
        .chars()
        .map(|c| if c.is_control() || "[]:*?/\\".contains(c) { ' ' } else { c })
        .filter(|c| c.len_utf16() == 1)
        .take(31)
        .collect();
    let name = name.trim().trim_matches('\'').trim();
    // Programs keep that name for themselves.
    if name.is_empty() || name.eq_ignore_ascii_case("history") { "Tabla".to_owned() } else { name.to_owned() }
}

/// The table in Markdown.
pub(super) fn markdown(table: &Table, types: &[Type]) -> Vec<u8> {
    let mut out = String::new();
    let line = |cells: &mut dyn Iterator<Item = Cow<'_, str>>, out: &mut String| {
        out.push('|');
        for cell in cells {
            out.push(' ');
            escape(&cell, out);
            out.push_str(" |");
        }
        out.push('\n');
    };
    line(&mut (0..table.width).map(|column| table.name(column)), &mut out);
    out.push('|');
    for kind in types {
        out.push_str(if matches!(kind, Type::Number(_)) { " ---: |" } else { " --- |" });
    }
    out.push('\n');
    for row in 0..table.rows() {
        line(&mut (0..table.width).map(|column| table.cell(row, column)), &mut out);
    }
    out.into_bytes()
}

/// Text in a cell of a Markdown table: nothing in it is a mark.
fn escape(cell: &str, out: &mut String) {
    for c in cell.trim().chars() {
        match c {
            '\n' => out.push_str("<br>"),
            '\r' => {}
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '>' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
}

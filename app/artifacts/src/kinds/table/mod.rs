//! Tables: CSV with a header line.
//!
//! A table is read once and kept as places in its text (`reading`), so that a window of 100,000 rows costs as much as one
//! of 100; orders of rows are kept as well (`window`). What a column holds is told in the metadata or seen in its cells
//! (`types`). Edits (`edits`) leave every row that they do not touch as it was written.

mod edits;
mod export;
mod from_markdown;
mod reading;
#[cfg(test)]
mod tests;
mod types;
mod window;
mod words;

use std::sync::Arc;

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::escape;
use serde_json::{Value, json};

pub use from_markdown::from_markdown;
use reading::{MAX_COLUMNS, MAX_ROWS, Separator, Table};
use types::{Type, boolean, number};
use window::{Asked, MAX_COUNT};

use crate::{Content, Editor, ExportError, Exported, Format, Found, Kind, Part, Place, Problem, Source};

/// Rows that are there before a script asks for more.
const FIRST_ROWS: usize = 100;
/// The first rows take no more bytes than that, but for the one that goes beyond.
const FIRST_BYTES: usize = 512 * 1024;
/// A cell of the first rows shows so many bytes; the rest comes with the window.
const FIRST_CELL: usize = 500;
/// A name of a column is known by so many bytes, wherever it is not the content itself.
const NAME: usize = 200;
/// A window takes no more bytes than that, but for the row that goes beyond: fewer rows come then.
const WINDOW_BYTES: usize = 2 * 1024 * 1024;
const MAX_PROBLEMS: usize = 20;

/// Rows and columns.
#[derive(Debug)]
pub(crate) struct Tables;

impl Tables {
    fn read(content: &Content<'_>) -> Arc<Table> {
        let tabs = content.language.is_some_and(|language| language.eq_ignore_ascii_case("tsv"));
        reading::read(content.text, if tabs { Separator::Told(b'\t') } else { Separator::Found })
    }
}

/// What a column is called, but for what goes on too long.
fn name(table: &Table, column: usize) -> String {
    let name = table.name_head(column, NAME);
    name[..name.floor_char_boundary(NAME)].to_owned()
}

/// The types that somebody has chosen, by column: an entry of its name, at its place rather than elsewhere.
fn told<'a>(table: &Table, metadata: &'a Value) -> Vec<Option<&'a str>> {
    let entries = metadata.get("columns").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let entries = &entries[..entries.len().min(MAX_COLUMNS)];
    let named = |entry: &Value, name: &str| entry.get("name").and_then(Value::as_str) == Some(name);
    (0..table.width)
        .map(|column| {
            let name = name(table, column);
            let entry = entries.get(column).filter(|entry| named(entry, &name));
            let entry = entry.or_else(|| entries.iter().find(|entry| named(entry, &name)))?;
            // What was only seen in the cells is seen again: they may have changed.
            if entry.get("recognised").and_then(Value::as_bool) == Some(true) {
                return None;
            }
            let kind = entry.get("type").and_then(Value::as_str)?;
            ["text", "number", "date", "boolean"].contains(&kind).then_some(kind)
        })
        .collect()
}

fn types(table: &Table, metadata: &Value, language: Language) -> Vec<Type> {
    types::of_columns(table, &told(table, metadata), language)
}

impl Kind for Tables {
    fn name(&self) -> &'static str {
        "table"
    }

    fn label(&self, language: Language) -> &'static str {
        words::table(language)
    }

    fn instructions(&self) -> &'static str {
        "rows and columns, sorted, filtered and edited as cells. Content: CSV with a header line of unique names; quote cells that hold the separator, quotes or line breaks."
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["csv", "text/csv", "tsv", "spreadsheet", "sheet"]
    }

    fn source(&self) -> Source {
        Source { extension: "csv", media_type: "text/csv", fence: "csv" }
    }

    fn blank(&self) -> &'static str {
        "A,B,C\n,,\n"
    }

    fn recognise(&self, found: &Found<'_>) -> u8 {
        let named = |name: &str| ["csv", "tsv", "tab"].iter().any(|known| name.eq_ignore_ascii_case(known));
        let binary = found.head.contains(&0);
        if let Some(name) = found.file_name {
            let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
            return if named(extension) && !binary { 95 } else { 0 };
        }
        if let Some(language) = found.language.filter(|language| !language.is_empty()) {
            return if named(language) && !binary { 95 } else { 0 };
        }
        // The head may be cut inside of a character.
        let head = match std::str::from_utf8(found.head) {
            Ok(head) => head,
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&found.head[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => return 0,
        };
        if from_markdown::is_one(head) {
            return 80;
        }
        if looks_separated(head) { 25 } else { 0 }
    }

    fn metadata(&self, content: &Content<'_>, language: Language) -> Result<Value, Problem> {
        let table = Self::read(content);
        let told = told(&table, content.metadata);
        let types = types::of_columns(&table, &told, language);
        let columns: Vec<Value> = types
            .iter()
            .zip(&told)
            .enumerate()
            .map(|(at, (kind, told))| match told {
                Some(_) => json!({"name": name(&table, at), "type": kind.as_str()}),
                None => json!({"name": name(&table, at), "type": kind.as_str(), "recognised": true}),
            })
            .collect();
        Ok(json!({"columns": columns}))
    }

    fn problems(&self, content: &Content<'_>, language: Language) -> Vec<Problem> {
        let table = Self::read(content);
        let at = |line: Option<u32>, words: String| Problem { line, column: None, words };
        if table.width == 0 {
            return vec![at(None, words::table_empty(language).to_owned())];
        }
        let mut problems = Vec::new();
        if table.cut {
            problems.push(at(None, words::table_too_large(MAX_ROWS, MAX_COLUMNS, language)));
        }
        let names: Vec<_> = (0..table.header_width.min(MAX_COLUMNS)).map(|column| name(&table, column)).collect();
        let is_value =
            |name: &str| name.trim().is_empty() || number(name, types::Point::Dot).is_some() || boolean(name).is_some();
        if names.iter().all(|name| is_value(name)) {
            problems.push(at(Some(1), words::table_without_header(language).to_owned()));
        } else {
            let mut seen = std::collections::HashSet::new();
            for (number, name) in (1..).zip(&names) {
                if name.trim().is_empty() {
                    problems.push(at(Some(1), words::table_unnamed_column(number, language)));
                } else if !seen.insert(window::fold(name.trim(), true)) {
                    problems.push(at(Some(1), words::table_same_name(name.trim(), language)));
                }
            }
        }
        if let Some(line) = table.unclosed {
            problems.push(at(Some(line), words::table_unclosed(language).to_owned()));
        }
        if let Some(line) = table.long {
            problems.push(at(Some(line), words::cell_too_long(edits::MAX_CELL, language)));
        }
        for (line, cells) in &table.uneven {
            problems.push(at(Some(*line), words::table_uneven(*cells, table.header_width, language)));
        }
        problems.truncate(MAX_PROBLEMS);
        problems
    }

    fn view(&self, content: &Content<'_>, place: Place<'_>) -> String {
        let table = Self::read(content);
        let types = types(&table, content.metadata, place.language);
        let columns: Vec<Value> = types
            .iter()
            .enumerate()
            .map(|(column, kind)| json!({"name": name(&table, column), "type": kind.as_str()}))
            .collect();
        let mut out = String::from("<cj-table data-rows=\"");
        out.push_str(&table.rows().to_string());
        out.push_str("\" data-columns=\"");
        escape(&Value::from(columns).to_string(), &mut out);
        out.push_str("\" data-part=\"");
        escape(&format!("{}/part?version={}", place.base, place.version), &mut out);
        out.push_str("\"><table class=\"grid\"><thead><tr>");
        for (column, kind) in types.iter().enumerate() {
            out.push_str("<th scope=\"col\" data-type=\"");
            out.push_str(kind.as_str());
            out.push_str("\">");
            escape(&name(&table, column), &mut out);
            out.push_str("</th>");
        }
        out.push_str("</tr></thead><tbody>");
        let begin = out.len();
        let mut shown = 0;
        while shown < table.rows().min(FIRST_ROWS) && out.len() - begin < FIRST_BYTES {
            out.push_str(&format!("<tr data-row=\"{shown}\">"));
            for column in 0..table.width {
                let cell = table.cell_head(shown, column, FIRST_CELL + 1);
                let (text, cut) = head_of(&cell);
                out.push_str(if cut { "<td data-cut>" } else { "<td>" });
                escape(text, &mut out);
                out.push_str(if cut { "…</td>" } else { "</td>" });
            }
            out.push_str("</tr>");
            shown += 1;
        }
        out.push_str("</tbody></table>");
        if shown < table.rows() {
            out.push_str("<p class=\"grid-note\">");
            out.push_str(&words::table_first_rows(shown, table.rows(), place.language));
            out.push_str("</p>");
        }
        out.push_str("</cj-table>");
        out
    }

    fn part(&self, content: &Content<'_>, place: Place<'_>, query: &[(&str, &str)]) -> Option<Part> {
        let table = Self::read(content);
        let number = |name: &str, or: usize| match query.iter().find(|(key, _)| *key == name) {
            Some((_, value)) => value.parse::<usize>().ok(),
            None => Some(or),
        };
        let (from, count) = (number("from", 0)?, number("count", FIRST_ROWS)?.min(MAX_COUNT));
        let asked = Asked::read(query, table.width)?;
        let rows = window::rows(&table, &asked, |column| {
            let told = told(&table, content.metadata).get(column).copied().flatten();
            types::of_column(&table, column, told, place.language)
        });
        let mut out = Vec::with_capacity(64 * 1024);
        out.extend_from_slice(format!("{{\"total\":{},\"rows\":[", rows.len()).as_bytes());
        for (at, row) in rows.range(from, count).enumerate() {
            if out.len() > WINDOW_BYTES {
                break;
            }
            out.extend_from_slice(if at == 0 { b"[" } else { b",[" });
            out.extend_from_slice(row.to_string().as_bytes());
            for column in 0..table.width {
                out.push(b',');
                if out.len() < 4 * WINDOW_BYTES {
                    serde_json::to_writer(&mut out, table.cell(row, column).as_ref()).ok()?;
                } else {
                    // A row of many megabytes: nobody reads it in a grid.
                    out.extend_from_slice("\"…\"".as_bytes());
                }
            }
            out.push(b']');
        }
        out.extend_from_slice(b"]}");
        Some(Part::Json(String::from_utf8(out).ok()?))
    }

    fn editor(&self, _: &str) -> Editor {
        Editor::Cells
    }

    fn apply(&self, content: &Content<'_>, edits: &Value, language: Language) -> Result<String, Problem> {
        edits::apply(&Self::read(content), edits, language)
    }

    fn formats(&self, _: &str) -> &'static [Format] {
        const { &[Format::file("csv", "CSV"), Format::file("xlsx", "Excel"), Format::file("md", "Markdown")] }
    }

    fn export(
        &self,
        content: &Content<'_>,
        format: &str,
        _: &[(&str, &str)],
        language: Language,
    ) -> Result<Exported, ExportError> {
        let wrong = |words: String| ExportError::Content(Problem { line: None, column: None, words });
        let file = |bytes: Vec<u8>, media_type: &str, extension: &str| {
            Ok(Exported { bytes, media_type: media_type.to_owned(), extension: extension.to_owned() })
        };
        if !self.formats(content.text).iter().any(|known| known.id == format) {
            return Err(ExportError::NoSuchFormat);
        }
        let table = Self::read(content);
        if table.width == 0 {
            return Err(wrong(words::table_empty(language).to_owned()));
        }
        // Half a table would be taken for the whole.
        if table.cut {
            return Err(wrong(words::table_too_large(MAX_ROWS, MAX_COLUMNS, language)));
        }
        let types = || types(&table, content.metadata, language);
        match format {
            "csv" => {
                let bytes = export::csv(&table).ok_or(ExportError::BadOptions)?;
                if table.separator == b'\t' {
                    file(bytes, "text/tab-separated-values; charset=utf-8", "tsv")
                } else {
                    file(bytes, "text/csv; charset=utf-8", "csv")
                }
            }
            "xlsx" => match export::workbook(&table, &types(), content.title) {
                Ok(Some(bytes)) => {
                    file(bytes, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx")
                }
                Ok(None) => Err(wrong(words::workbook_too_large(export::MAX_WORKBOOK_CELLS, language))),
                Err(_) => Err(wrong(words::workbook_failed(language).to_owned())),
            },
            "md" => file(export::markdown(&table, &types()), "text/markdown; charset=utf-8", "md"),
            _ => Err(ExportError::NoSuchFormat),
        }
    }
}

/// The beginning of a cell, and whether it goes on.
fn head_of(cell: &str) -> (&str, bool) {
    let end = cell.floor_char_boundary(FIRST_CELL);
    (&cell[..end], end < cell.len())
}

/// Whether lines of a text are divided evenly: at least three, by at least two separators each, and no brackets of code.
fn looks_separated(head: &str) -> bool {
    // The last line may be cut.
    let whole = head.rfind('\n').map_or("", |end| &head[..end]);
    let table = Table::read(whole, Separator::Found);
    let code =
        head.contains(['{', '}']) || whole.lines().take(20).any(|line| line.trim_end().ends_with([';', ')', ',']));
    table.width > 2 && table.rows() > 1 && table.uneven.is_empty() && !code
}

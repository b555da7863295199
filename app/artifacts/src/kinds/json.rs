//! JSON: a tree that is loaded as it is opened, searched on the server, checked against a schema where there is one.

mod scan;
mod schema;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use cjhirashi_domain::settings::Language;
use serde_json::{Value, json};

use super::text;
use crate::{Content, ExportError, Exported, Format, Found, Kind, Part, Place, Problem, Source};
use scan::{Fault, What};

/// The most bytes of a schema.
const MAX_SCHEMA: usize = 64 * 1024;
/// The most bytes of JSON with a line for each value: what is nested deeply grows by its indentation.
const MAX_FORMATTED: usize = 64 * 1024 * 1024;
/// Lines around the one that is wrong.
const AROUND: usize = 200;

/// Data in JSON.
#[derive(Debug)]
pub(crate) struct Json;

fn fault_problem(source: &str, fault: Fault, language: Language) -> Problem {
    text::problem_at(source, fault.at, words::json_fault(fault.what.into(), language))
}

impl From<What> for words::JsonFault {
    fn from(what: What) -> Self {
        match what {
            What::End => Self::End,
            What::Value => Self::Value,
            What::Key => Self::Key,
            What::Colon => Self::Colon,
            What::Comma(close) => Self::Comma(close),
            What::TrailingComma => Self::TrailingComma,
            What::Escape => Self::Escape,
            What::Control => Self::Control,
            What::Number => Self::Number,
            What::Comment => Self::Comment,
            What::Quote => Self::Quote,
            What::Word => Self::Word,
            What::Deep => Self::Deep(scan::MAX_DEPTH),
            What::After => Self::After,
        }
    }
}

/// What cannot be a tree, as lines with the wrong one marked.
fn lines(source: &str, fault: Fault, language: Language) -> String {
    let problem = fault_problem(source, fault, language);
    let line = problem.line.unwrap_or(1);
    let from = usize::try_from(line).unwrap_or(1).saturating_sub(1 + AROUND);
    let (items, shown) = text::list_items(source, "json", from, 2 * AROUND + 1, Some(line), language);
    format!(
        "<p class=\"diagram-note\">{} {}</p><cj-code data-language=\"json\" data-lines=\"{shown}\"><ol class=\"code-lines\" start=\"{}\">{items}</ol></cj-code>",
        words::in_line(line, language),
        text::escaped(&problem.words),
        from + 1
    )
}

impl Kind for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn label(&self, language: Language) -> &'static str {
        words::json(language)
    }

    fn instructions(&self) -> &'static str {
        "data. Content: one JSON value, strict: double quotes, no comments, no comma before a closing bracket."
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["application/json"]
    }

    fn source(&self) -> Source {
        Source { extension: "json", media_type: "application/json", fence: "json" }
    }

    fn recognise(&self, found: &Found<'_>) -> u8 {
        if !text::is_text(found.head) {
            return 0;
        }
        let named = |name: &str| {
            ["json", "geojson", "webmanifest", "ipynb"].iter().any(|known| name.eq_ignore_ascii_case(known))
        };
        if let Some(name) = found.file_name {
            return if named(&text::extension(name)) { 95 } else { 0 };
        }
        if let Some(language) = found.language.filter(|language| !language.is_empty()) {
            return if named(language) { 95 } else { 0 };
        }
        let head = text::head(found);
        let begin = head.trim_start_matches('\u{feff}').trim();
        if !begin.starts_with(['{', '[']) {
            return 0;
        }
        match scan::check(begin, 1) {
            Ok(_) => 90,
            // Only the beginning was given.
            Err(fault) if found.head.len() >= 4_096 && fault.at + 256 > begin.len() => 80,
            Err(fault) if fault.what == What::End => 50,
            Err(_) => 0,
        }
    }

    fn metadata(&self, content: &Content<'_>, language: Language) -> Result<Value, Problem> {
        let Some(schema) = content.metadata.get("schema").filter(|schema| !schema.is_null()) else {
            return Ok(json!({}));
        };
        if !(schema.is_object() || schema.is_boolean()) {
            return Err(text::problem(words::schema_not_one(language)));
        }
        if schema.to_string().len() > MAX_SCHEMA {
            return Err(text::problem(words::schema_too_large(MAX_SCHEMA / 1024, language)));
        }
        Ok(json!({ "schema": schema }))
    }

    fn problems(&self, content: &Content<'_>, language: Language) -> Vec<Problem> {
        let source = content.text;
        if source.trim().is_empty() {
            return vec![text::problem(words::empty(language))];
        }
        let duplicates = match scan::check(source, text::MAX_PROBLEMS) {
            Ok(duplicates) => duplicates,
            Err(fault) => return vec![fault_problem(source, fault, language)],
        };
        let mut problems: Vec<Problem> = Vec::new();
        for at in duplicates {
            problems.push(text::problem_at(source, at, words::json_duplicate(language)));
        }
        if let Some(schema) = content.metadata.get("schema").filter(|schema| !schema.is_null()) {
            problems.extend(schema::problems(source, schema, language));
        }
        problems.truncate(text::MAX_PROBLEMS);
        problems
    }

    fn view(&self, content: &Content<'_>, place: Place<'_>) -> String {
        if content.text.trim().is_empty() {
            return format!("<p class=\"diagram-note\">{}</p>", words::empty(place.language));
        }
        match scan::check(content.text, 0) {
            Ok(_) => format!("<cj-json><ul class=\"tree\">{}</ul></cj-json>", tree::whole(content.text, place)),
            Err(fault) => lines(content.text, fault, place.language),
        }
    }

    fn part(&self, content: &Content<'_>, place: Place<'_>, query: &[(&str, &str)]) -> Option<Part> {
        scan::check(content.text, 0).ok()?;
        if let Some(wanted) = text::parameter(query, "q") {
            return Some(Part::Json(tree::search(content.text, wanted).to_string()));
        }
        let path = text::parameter(query, "path")?;
        let number = |name: &str| text::parameter(query, name).map(|value| value.parse().ok());
        let wanted = tree::Wanted {
            from: number("from").unwrap_or(Some(0))?,
            until: number("until").unwrap_or(Some(usize::MAX))?,
            at: number("at").flatten(),
        };
        tree::below(content.text, path, &wanted, place).map(Part::Html)
    }

    fn formats(&self, _: &str) -> &'static [Format] {
        const { &[Format::file("json", "JSON"), Format::file("compact", "JSON (min)")] }
    }

    fn export(
        &self,
        content: &Content<'_>,
        format: &str,
        _: &[(&str, &str)],
        language: Language,
    ) -> Result<Exported, ExportError> {
        if !["json", "compact"].contains(&format) {
            return Err(ExportError::NoSuchFormat);
        }
        scan::check(content.text, 0)
            .map_err(|fault| ExportError::Content(fault_problem(content.text, fault, language)))?;
        let written = if format == "json" {
            scan::formatted(content.text, MAX_FORMATTED)
                .ok_or_else(|| ExportError::Content(text::problem(words::json_too_large(language))))?
        } else {
            scan::compact(content.text)
        };
        Ok(text::file(written, "application/json", "json"))
    }
}

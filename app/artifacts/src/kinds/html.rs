//! HTML pages: whatever they hold runs in a sandboxed frame of an origin of its own, without network.

use cjhirashi_domain::settings::Language;
use serde_json::{Value, json};

use super::{text, words};
use crate::{Content, ExportError, Exported, Format, Found, Kind, Place, Problem};

/// Pages.
#[derive(Debug)]
pub(crate) struct Pages;

/// Whether the text is a whole document rather than a piece of one.
fn is_document(page: &str) -> bool {
    let mut rest = page.trim_start_matches('\u{feff}').trim_start();
    while let Some(comment) = rest.strip_prefix("<!--") {
        let Some((_, after)) = comment.split_once("-->") else { return false };
        rest = after.trim_start();
    }
    begins(rest, "<!doctype") || begins(rest, "<html")
}

fn begins(text: &str, with: &str) -> bool {
    text.as_bytes().get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with.as_bytes()))
}

/// The page as a file of its own.
fn document(content: &Content<'_>) -> String {
    if is_document(content.text) {
        return content.text.to_owned();
    }
    format!(
        "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n</head>\n<body>\n{}\n</body>\n</html>\n",
        text::escaped(content.title),
        content.text
    )
}

impl Kind for Pages {
    fn name(&self) -> &'static str {
        "html"
    }

    fn label(&self, language: Language) -> &'static str {
        words::page(language)
    }

    fn instructions(&self) -> &'static str {
        "html: a page that works by itself in a sandbox without network: all CSS and JavaScript inside of it, pictures as data: addresses or SVG, no storage, no forms that are sent. Content: the whole document."
    }

    fn recognise(&self, found: &Found<'_>) -> u8 {
        if !text::is_text(found.head) {
            return 0;
        }
        let named = |name: &str| ["html", "htm", "xhtml"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if let Some(name) = found.file_name {
            return if named(&text::extension(name)) { 95 } else { 0 };
        }
        if let Some(language) = found.language.filter(|language| !language.is_empty()) {
            return if named(language) { 95 } else { 0 };
        }
        if is_document(&text::head(found)) { 90 } else { 0 }
    }

    fn metadata(&self, _: &Content<'_>, _: Language) -> Result<Value, Problem> {
        Ok(json!({}))
    }

    fn problems(&self, content: &Content<'_>, language: Language) -> Vec<Problem> {
        if content.text.trim().is_empty() { vec![text::problem(words::empty(language))] } else { Vec::new() }
    }

    fn view(&self, content: &Content<'_>, place: Place<'_>) -> String {
        format!(
            "<iframe class=\"artifact-frame\" sandbox=\"allow-scripts\" src=\"{}/frame?version={}\" title=\"{}\" loading=\"lazy\" referrerpolicy=\"no-referrer\"></iframe>",
            text::escaped(place.base),
            place.version,
            text::escaped(content.title)
        )
    }

    fn frame(&self, content: &Content<'_>) -> Option<String> {
        Some(document(content))
    }

    fn formats(&self) -> &'static [Format] {
        &[Format { id: "html", label: "HTML", in_browser: false }]
    }

    fn export(
        &self,
        content: &Content<'_>,
        format: &str,
        _: &[(&str, &str)],
        _: Language,
    ) -> Result<Exported, ExportError> {
        if format != "html" {
            return Err(ExportError::NoSuchFormat);
        }
        Ok(text::file(document(content), "text/html", "html"))
    }
}

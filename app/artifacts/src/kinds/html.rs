//! HTML pages: whatever they hold runs in a sandboxed frame of an origin of its own, without network.

use cjhirashi_domain::settings::Language;
use serde_json::{Value, json};

use super::{text, words};
use crate::{Content, ExportError, Exported, Format, Found, Kind, Place, Problem, Source};

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
        "a page that works by itself in a sandbox without network: all CSS and JavaScript inside of it, pictures as data: addresses or SVG, no storage, no forms that are sent. Content: the whole document."
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["text/html", "webpage", "page"]
    }

    fn source(&self) -> Source {
        Source { extension: "html", media_type: "text/html", fence: "html" }
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

    fn formats(&self, _: &str) -> &'static [Format] {
        const { &[Format::file("html", "HTML")] }
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

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Value = Value::Null;

    fn content<'a>(text: &'a str, title: &'a str) -> Content<'a> {
        Content { text, language: None, metadata: &NONE, file: None, title }
    }

    #[test]
    fn a_page_runs_only_in_a_frame_that_is_a_sandbox() {
        let place = Place { id: "a", language: Language::Es, base: "/artifacts/x\" onload=\"alert(1)", version: 2 };
        let html = Pages.view(&content("<script>alert(1)</script>", "\"><script>alert(1)</script>"), place);
        assert!(!html.contains("<script") && !html.contains("\" onload"), "{html}");
        assert!(html.contains(" sandbox=\"allow-scripts\" ") && html.contains("/frame?version=2\""), "{html}");
        assert_eq!(html.matches('<').count(), 2);
    }

    #[test]
    fn a_piece_of_a_page_becomes_a_document_and_a_document_stays_as_it_is() {
        let piece = Pages.frame(&content("<h1>Hi</h1>", "A & B</title>")).unwrap();
        assert!(
            piece.starts_with("<!doctype html>") && piece.contains("<title>A &amp; B&lt;/title&gt;</title>"),
            "{piece}"
        );
        assert!(piece.contains("\n<h1>Hi</h1>\n"));
        for whole in ["<!DOCTYPE html><p>x", "\u{feff} <HTML><p>x", "<!-- a --> <!doctype html><p>x"] {
            assert_eq!(Pages.frame(&content(whole, "t")).as_deref(), Some(whole));
            assert_eq!(Pages.export(&content(whole, "t"), "html", &[], Language::Es).unwrap().bytes, whole.as_bytes());
        }
        assert!(Pages.frame(&content("<!-- never closed", "t")).unwrap().starts_with("<!doctype html>"));
    }

    #[test]
    fn pages_are_known_by_name_by_fence_and_by_how_they_begin() {
        let of = |file_name, language, head| Pages.recognise(&Found { file_name, language, head });
        assert!(of(Some("a.HTML"), None, b"x") > 80);
        assert!(of(None, Some("html"), b"<p>") > 80);
        assert!(of(None, None, b"\n<!DOCTYPE html>") > 80);
        assert_eq!(of(None, None, b"<p>hello"), 0);
        assert_eq!(of(Some("a.xml"), None, b"<html>"), 0);
    }

    #[test]
    fn an_empty_page_is_said_to_be_empty() {
        assert_eq!(Pages.problems(&content("\n ", "t"), Language::En).len(), 1);
        assert_eq!(Pages.problems(&content("<p>", "t"), Language::En), []);
    }
}

//! Texts in Markdown: shown as messages are, with an outline; given out as they are, for Word, and ready to be printed.

mod docx;
mod omml;
#[cfg(test)]
mod tests;
mod words;

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::{DIAGRAM_COLOURS, render};
use serde_json::{Value, json};

use super::text;
use crate::{Content, ExportError, Exported, Format, Found, Kind, Place, Problem, Source, Way};

/// So much of a text is shown, in bytes: a browser lays all of it out at once.
const MAX_SHOWN: usize = 1024 * 1024;
/// Longer texts are given out only as they are, in bytes.
const MAX_MADE: usize = 4 * 1024 * 1024;
/// So many headings are in the outline.
const MAX_OUTLINE: usize = 300;

/// Texts.
#[derive(Debug)]
pub(crate) struct Texts;

/// The beginning of a text, up to the end of a paragraph.
fn shown(source: &str) -> &str {
    if source.len() <= MAX_SHOWN {
        return source;
    }
    let cut = &source[..source.floor_char_boundary(MAX_SHOWN)];
    cut.rfind("\n\n").or_else(|| cut.rfind('\n')).map_or(cut, |end| &cut[..end])
}

/// A heading of a rendered text.
struct Heading {
    /// From 1, the highest of the text.
    level: u8,
    id: String,
    /// Safe HTML without elements.
    label: String,
}

/// Gives the headings of a rendered text ids, and tells them. Raw HTML is text there, so whatever looks like a heading is one.
fn headings(html: &str, id: &str) -> (String, Vec<Heading>) {
    let mut out = String::with_capacity(html.len() + 1_024);
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = memchr::memmem::find(rest.as_bytes(), b"<h") {
        let level = rest.as_bytes().get(at + 2).copied().filter(|b| (b'3'..=b'6').contains(b));
        let Some(level) = level.filter(|_| rest.as_bytes().get(at + 3) == Some(&b'>')) else {
            out.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        let level = level - b'0';
        let inside = &rest[at + 4..];
        let end = inside.find(&format!("</h{level}>")).unwrap_or(inside.len());
        let own = format!("h-{id}-{}", found.len() + 1);
        out.push_str(&rest[..at + 3]);
        out.push_str(&format!(" id=\"{own}\">"));
        if found.len() < MAX_OUTLINE {
            let label = without_elements(&inside[..end]);
            if !label.is_empty() {
                found.push(Heading { level: level - 2, id: own, label });
            }
        }
        rest = inside;
    }
    out.push_str(rest);
    (out, found)
}

/// The text of safe HTML, still safe, within 200 characters.
fn without_elements(html: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    let mut entity = false;
    let mut count = 0;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            _ if inside => {}
            _ => {
                entity = c == '&' || (entity && c != ';');
                if count >= 200 && !entity {
                    out.push('…');
                    break;
                }
                count += 1;
                out.push(c);
            }
        }
    }
    out.trim().to_owned()
}

fn outline(headings: &[Heading], language: Language, html: &mut String) {
    if headings.len() < 2 {
        return;
    }
    let highest = headings.iter().map(|heading| heading.level).min().unwrap_or(1);
    html.push_str(&format!("<nav class=\"outline\" aria-label=\"{}\"><ul>", words::outline(language)));
    for heading in headings {
        html.push_str(&format!(
            "<li class=\"level-{}\"><a href=\"#{}\">{}</a></li>",
            heading.level - highest + 1,
            heading.id,
            heading.label
        ));
    }
    html.push_str("</ul></nav>");
}

/// The document that is printed: its own style, no script, nothing from elsewhere.
fn print(content: &Content<'_>, language: Language) -> String {
    let body = render(content.text, &[], cjhirashi_markdown::Place::new("print", language));
    let colours: String = DIAGRAM_COLOURS.iter().map(|(name, colour)| format!("--d-{name}:{colour};")).collect();
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>:root{{color-scheme:light;{colours}}}{PRINT_CSS}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        language.as_str(),
        text::escaped(content.title)
    )
}

const PRINT_CSS: &str = "\
@page{size:A4;margin:20mm}\
body{margin:0;color:#1d1b16;background:#fff;font:11pt/1.5 Georgia,'Times New Roman',serif;overflow-wrap:break-word}\
main{max-width:44rem;margin:0 auto;padding:1rem}\
@media print{main{max-width:none;padding:0}}\
h3,h4,h5,h6{font-family:system-ui,sans-serif;line-height:1.25;margin:1.4em 0 .5em;break-after:avoid}\
h3{font-size:1.7em}h4{font-size:1.35em}h5{font-size:1.15em}h6{font-size:1em}\
p,ul,ol,blockquote,table,.code{margin:0 0 .8em}\
li>p{margin:0 0 .3em}\
blockquote{margin-left:0;padding-left:1em;border-left:3px solid #bbb;color:#444}\
table{border-collapse:collapse;width:100%}\
thead{display:table-header-group}\
tr,.diagram-scroll{break-inside:avoid}\
th,td{border:1px solid #999;padding:.25em .5em;text-align:left;vertical-align:top}\
.center{text-align:center}.right{text-align:right}\
pre{margin:0;padding:.7em;background:#f5f4f1;border:1px solid #ddd;white-space:pre-wrap;font-size:9pt;line-height:1.4}\
code{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.92em}\
button,.diagram details{display:none}\
svg{max-width:100%;height:auto}\
math[display=block]{margin:.8em 0}\
a{color:inherit}\
.hl-comment{color:#5c6b5f;font-style:italic}.hl-keyword{color:#7a2ea0}.hl-string,.hl-inserted{color:#2b6b3f}\
.hl-number,.hl-constant,.hl-escape{color:#96571a}.hl-function,.hl-heading{color:#2a5a9c}.hl-type,.hl-attribute{color:#1d6a78}\
.hl-tag,.hl-deleted{color:#a3333a}";

fn made(content: &Content<'_>, language: Language) -> Result<(), ExportError> {
    if content.text.len() > MAX_MADE {
        return Err(ExportError::Content(text::problem(words::text_too_long(MAX_MADE / (1024 * 1024), language))));
    }
    Ok(())
}

impl Kind for Texts {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn label(&self, language: Language) -> &'static str {
        words::markdown(language)
    }

    fn instructions(&self) -> &'static str {
        "a document to read, such as a report, a letter or an article. Content: Markdown with headings, lists, tables, code, Mermaid and formulas in $…$; no raw HTML."
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["text/markdown", "md", "document", "report", "text", "text/plain"]
    }

    fn source(&self) -> Source {
        Source { extension: "md", media_type: "text/markdown", fence: "markdown" }
    }

    fn recognise(&self, found: &Found<'_>) -> u8 {
        if !text::is_text(found.head) {
            return 0;
        }
        let named =
            |name: &str| ["md", "markdown", "mdown", "mkd"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if let Some(name) = found.file_name {
            return if named(&text::extension(name)) { 95 } else { 0 };
        }
        if let Some(language) = found.language.filter(|language| !language.is_empty()) {
            return if named(language) { 95 } else { 0 };
        }
        let head = text::head(found);
        let signs = head
            .lines()
            .filter(|line| {
                ["# ", "## ", "### ", "- ", "* ", "1. ", "> ", "```", "| "].iter().any(|sign| line.starts_with(sign))
                    || line.contains("**")
                    || line.contains("](http")
            })
            .count();
        let headings = head.lines().filter(|line| line.starts_with("# ") || line.starts_with("## ")).count();
        match (headings, signs) {
            (1.., 3..) => 50,
            (_, 3..) => 30,
            (_, 1..) => 20,
            _ => 0,
        }
    }

    fn metadata(&self, _: &Content<'_>, _: Language) -> Result<Value, Problem> {
        Ok(json!({}))
    }

    fn problems(&self, content: &Content<'_>, language: Language) -> Vec<Problem> {
        if content.text.trim().is_empty() { vec![text::problem(words::empty(language))] } else { Vec::new() }
    }

    fn view(&self, content: &Content<'_>, place: Place<'_>) -> String {
        let source = shown(content.text);
        let id = text::escaped(place.id);
        let rendered = render(source, &[], cjhirashi_markdown::Place::new(place.id, place.language));
        let (body, headings) = headings(&rendered, &id);
        let mut html = String::with_capacity(body.len() + 1_024);
        html.push_str("<div class=\"outlined\">");
        outline(&headings, place.language, &mut html);
        html.push_str("<div class=\"prose\">");
        html.push_str(&body);
        if source.len() < content.text.len() {
            html.push_str(&format!("<p class=\"cut\">{}</p>", words::not_all_shown(place.language)));
        }
        html.push_str("</div></div>");
        html
    }

    fn formats(&self, _: &str) -> &'static [Format] {
        const {
            &[
                Format::file("md", "Markdown"),
                Format::file("docx", "Word"),
                Format::new("print", Way::Page, "Para imprimir (PDF)", "To print (PDF)"),
            ]
        }
    }

    fn export(
        &self,
        content: &Content<'_>,
        format: &str,
        _: &[(&str, &str)],
        language: Language,
    ) -> Result<Exported, ExportError> {
        match format {
            "md" => Ok(text::file(content.text, "text/markdown", "md")),
            "docx" => {
                made(content, language)?;
                let bytes = docx::write(content.text, content.title, language)
                    .ok_or_else(|| ExportError::Content(text::problem(words::document_failed(language))))?;
                Ok(Exported {
                    bytes,
                    media_type: "application/vnd.openxmlformats-officedocument.wordprocessingml.document".to_owned(),
                    extension: "docx".to_owned(),
                })
            }
            "print" => {
                made(content, language)?;
                Ok(text::file(print(content, language), "text/html", "html"))
            }
            _ => Err(ExportError::NoSuchFormat),
        }
    }
}

//! Web pages: the words a reader sees, with headings, lists, tables and code, without menus and scripts.

use ego_tree::{NodeId, iter::Edge};
use encoding_rs::Encoding;
use scraper::{Html, Node, Selector, node::Element};

use crate::{Extracted, IngestError, Kind, Limits, text};

/// What is never read: it is no text, or not the page's own.
const SKIPPED: &[&str] = &[
    "script", "style", "noscript", "template", "head", "nav", "aside", "svg", "math", "iframe", "object", "button",
    "select", "input", "textarea", "canvas", "audio", "video", "dialog",
];

/// Elements that begin and end a paragraph.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "html",
    "main",
    "ol",
    "p",
    "section",
    "summary",
    "table",
    "tbody",
    "tfoot",
    "thead",
    "ul",
];

pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Extracted, IngestError> {
    let source = text::decode(bytes, declared_encoding(bytes));
    let page = Html::parse_document(&source);
    let title = first_text(&page, "title").or_else(|| first_text(&page, "h1"));
    // The page's own text, where it says which part that is; but not a fragment that holds next to nothing.
    let whole = || render(&page, None);
    let main = ["main", "[role=main]", "article"]
        .iter()
        .filter_map(|selector| {
            let selector = Selector::parse(selector).ok()?;
            let mut found = page.select(&selector);
            let first = found.next()?;
            // Several articles are a list of teasers, and none of them is the page.
            found.next().is_none().then(|| render(&page, Some(first.id())))
        })
        .find(|main| main.split_whitespace().count() >= 20);
    Extracted::finish(Kind::Html, &main.unwrap_or_else(whole), title, limits)
}

/// `<meta charset=…>` within the first kilobyte, as browsers look for it.
fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let (_, after) = head.split_once("charset=")?;
    let label: String = after
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    Encoding::for_label(label.as_bytes())
}

fn first_text(page: &Html, selector: &str) -> Option<String> {
    let selector = Selector::parse(selector).ok()?;
    let text: String = page.select(&selector).next()?.text().collect();
    (!text.trim().is_empty()).then_some(text)
}

/// Text being written, with white space as a browser would collapse it.
#[derive(Default)]
struct Writer {
    out: String,
    preformatted: usize,
}

impl Writer {
    fn text(&mut self, text: &str) {
        if self.preformatted > 0 {
            self.out.push_str(text);
            return;
        }
        for c in text.chars() {
            if c.is_whitespace() {
                if !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
                    self.out.push(' ');
                }
            } else {
                self.out.push(c);
            }
        }
    }

    fn line(&mut self) {
        let end = self.out.trim_end_matches(' ').len();
        self.out.truncate(end);
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    fn paragraph(&mut self) {
        self.line();
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }
}

fn heading_level(name: &str) -> Option<usize> {
    let level = name.strip_prefix('h')?.parse().ok()?;
    (1..=6).contains(&level).then_some(level)
}

fn is_hidden(element: &Element) -> bool {
    element.attr("hidden").is_some()
        || element.attr("aria-hidden") == Some("true")
        || element.attr("style").is_some_and(|style| style.replace(' ', "").contains("display:none"))
}

/// Walks the tree without recursion: a page may be nested as deep as it is long.
fn render(page: &Html, root: Option<NodeId>) -> String {
    let Some(root) = root.map_or_else(|| Some(page.tree.root()), |id| page.tree.get(id)) else {
        return String::new();
    };
    let mut writer = Writer::default();
    let mut skipping = None;
    for edge in root.traverse() {
        match edge {
            Edge::Open(node) => {
                if skipping.is_some() {
                    continue;
                }
                match node.value() {
                    Node::Text(text) => writer.text(text),
                    Node::Element(element) => {
                        let name = element.name();
                        if SKIPPED.contains(&name) || is_hidden(element) {
                            skipping = Some(node.id());
                            continue;
                        }
                        open(&mut writer, name);
                    }
                    _ => {}
                }
            }
            Edge::Close(node) => {
                if let Some(id) = skipping {
                    if id == node.id() {
                        skipping = None;
                    }
                    continue;
                }
                if let Node::Element(element) = node.value() {
                    close(&mut writer, element.name());
                }
            }
        }
    }
    writer.out
}

fn open(writer: &mut Writer, name: &str) {
    if let Some(level) = heading_level(name) {
        writer.paragraph();
        writer.out.push_str(&"#".repeat(level));
        writer.out.push(' ');
        return;
    }
    match name {
        "br" => writer.out.push('\n'),
        "li" => {
            writer.line();
            writer.out.push_str("- ");
        }
        "tr" => writer.line(),
        "td" | "th" if !writer.out.is_empty() && !writer.out.ends_with('\n') => {
            let end = writer.out.trim_end_matches(' ').len();
            writer.out.truncate(end);
            writer.out.push_str(" | ");
        }
        "pre" => {
            writer.paragraph();
            writer.preformatted += 1;
        }
        _ if BLOCKS.contains(&name) => writer.paragraph(),
        _ => {}
    }
}

fn close(writer: &mut Writer, name: &str) {
    match name {
        "pre" => {
            writer.preformatted = writer.preformatted.saturating_sub(1);
            writer.paragraph();
        }
        "li" | "tr" => writer.line(),
        _ if heading_level(name).is_some() || BLOCKS.contains(&name) => writer.paragraph(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(html: &str) -> Extracted {
        read(html.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_page_gives_its_main_text_with_headings_lists_and_tables() {
        let found = text_of(
            "<!doctype html><html lang=es><head><title>Guía &amp; más</title><style>p{}</style></head><body>\
             <nav><a href=/>Inicio</a></nav><main><h1>Devoluciones</h1><p>Puedes devolver   un producto\n dentro de \
             <b>treinta</b> días, si conservas el recibo y la caja original sin abrir.</p><ul><li>Con recibo</li>\
             <li>Sin usar</li></ul><table><tr><th>País</th><th>Días</th></tr><tr><td>España</td><td>30</td></tr></table>\
             <pre>a  =  1\nb</pre></main><script>alert(1)</script><footer>Pie</footer></body></html>",
        );
        assert_eq!(found.title.as_deref(), Some("Guía & más"));
        assert_eq!(
            found.text,
            "# Devoluciones\n\nPuedes devolver un producto dentro de treinta días, si conservas el recibo y la caja \
             original sin abrir.\n\n- Con recibo\n- Sin usar\n\nPaís | Días\nEspaña | 30\n\na  =  1\nb"
        );
        assert_eq!(found.language.as_deref(), Some("es"));
    }

    #[test]
    fn what_a_page_hides_is_not_read() {
        let found = text_of("<p>Seen</p><p hidden>no</p><p style='display: none'>no</p><template>no</template>");
        assert_eq!(found.text, "Seen");
    }

    #[test]
    fn the_declared_encoding_is_believed() {
        let page = b"<html><meta charset=windows-1251><p>\xcf\xf0\xe8\xe2\xe5\xf2</p>";
        assert_eq!(read(page, &Limits::default()).unwrap().text, "Привет");
    }

    #[test]
    fn a_page_nested_ten_thousand_deep_is_read() {
        let page = format!("{}deep{}", "<div>".repeat(10_000), "</div>".repeat(10_000));
        assert_eq!(text_of(&page).text, "deep");
    }

    #[test]
    fn a_page_of_scripts_alone_has_no_text() {
        let page = b"<html><script>document.write('x')</script></html>";
        assert!(matches!(read(page, &Limits::default()), Err(IngestError::NoText { .. })));
    }
}

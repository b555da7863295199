//! Web pages: the words a reader sees, with headings, lists, tables and code, without menus and scripts.

use ego_tree::{NodeId, NodeRef, iter::Edge};
use encoding_rs::Encoding;
use scraper::{Html, Node, Selector, node::Element};

use crate::{Extracted, IngestError, Kind, Limits, text};

/// What is never read: it is no text, or not the page's own.
const SKIPPED: &[&str] = &[
    "script", "style", "noscript", "template", "head", "nav", "svg", "math", "iframe", "object", "button", "select",
    "input", "textarea", "canvas", "audio", "video", "dialog",
];

/// Elements that begin and end a paragraph.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
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
    "ul",
];

pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Extracted, IngestError> {
    let source = text::decode(bytes, declared_encoding(bytes));
    let page = Html::parse_document(&source);
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
    Extracted::finish(Kind::Html, &main.unwrap_or_else(whole), limits)
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

/// Text being written, with white space as a browser would collapse it.
#[derive(Default)]
struct Writer {
    out: String,
    preformatted: usize,
    /// Open headings and cells of data: what is inside stays on their line.
    flat: usize,
    /// For each open cell, whether it is one of data.
    cells: Vec<bool>,
    /// Open items of lists: what is inside begins lines, not paragraphs.
    items: usize,
    /// How long the text was after the last item's mark, behind which its first block begins.
    mark: usize,
    /// Open elements that hold the page's own text.
    main: usize,
}

impl Writer {
    fn text(&mut self, text: &str) {
        if self.preformatted > 0 {
            self.out.push_str(text);
            return;
        }
        for c in text.chars() {
            if c.is_whitespace() {
                self.space();
            } else {
                self.out.push(c);
            }
        }
    }

    fn space(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
            self.out.push(' ');
        }
    }

    fn line(&mut self) {
        if self.flat > 0 {
            return self.space();
        }
        let end = self.out.trim_end_matches(' ').len();
        self.out.truncate(end);
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    fn paragraph(&mut self) {
        if self.items > 0 && self.out.len() == self.mark {
            return;
        }
        self.line();
        if self.flat == 0 && self.items == 0 && !self.out.is_empty() && !self.out.ends_with("\n\n") {
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

/// Whether a cell holds a value and not a part of the page: tables lay out many an old page.
fn is_data(cell: NodeRef<'_, Node>) -> bool {
    let mut blocks = 0;
    for node in cell.descendants().skip(1) {
        let Some(element) = node.value().as_element() else { continue };
        match element.name() {
            "table" | "pre" => return false,
            name if heading_level(name).is_some() => return false,
            "p" | "div" => blocks += 1,
            _ => {}
        }
    }
    let is_cell = |node: &NodeRef<'_, Node>| node.value().as_element().is_some_and(|e| matches!(e.name(), "td" | "th"));
    blocks < 2 || cell.prev_siblings().chain(cell.next_siblings()).any(|sibling| is_cell(&sibling))
}

/// Walks the tree without recursion: a page may be nested as deep as it is long.
fn render(page: &Html, root: Option<NodeId>) -> String {
    let mut writer = Writer { main: usize::from(root.is_some()), ..Writer::default() };
    let Some(root) = root.map_or_else(|| Some(page.tree.root()), |id| page.tree.get(id)) else {
        return String::new();
    };
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
                        // Beside the page's own text it is a menu, within it a note.
                        let beside = name == "aside" && writer.main == 0;
                        if SKIPPED.contains(&name) || beside || is_hidden(element) {
                            skipping = Some(node.id());
                            continue;
                        }
                        open(&mut writer, name, node);
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

fn open(writer: &mut Writer, name: &str, node: NodeRef<'_, Node>) {
    if let Some(level) = heading_level(name) {
        writer.paragraph();
        // Within a list or a cell it is a line like others.
        if writer.flat == 0 && writer.items == 0 {
            writer.out.push_str(&"#".repeat(level));
            writer.out.push(' ');
        }
        writer.flat += 1;
        return;
    }
    match name {
        "br" if writer.flat > 0 => writer.space(),
        "br" => writer.out.push('\n'),
        "li" => {
            writer.line();
            writer.out.push_str("- ");
            writer.items += 1;
            writer.mark = writer.out.len();
        }
        "tr" => writer.line(),
        "td" | "th" => {
            let data = is_data(node);
            if !data {
                writer.paragraph();
            } else if !writer.out.is_empty() && !writer.out.ends_with('\n') {
                let end = writer.out.trim_end_matches(' ').len();
                writer.out.truncate(end);
                writer.out.push_str(" | ");
            }
            writer.flat += usize::from(data);
            writer.cells.push(data);
        }
        "pre" => {
            writer.paragraph();
            writer.preformatted += 1;
        }
        _ if BLOCKS.contains(&name) => writer.paragraph(),
        _ => {}
    }
    if matches!(name, "main" | "article") {
        writer.main += 1;
    }
}

fn close(writer: &mut Writer, name: &str) {
    match name {
        "pre" => {
            writer.preformatted = writer.preformatted.saturating_sub(1);
            writer.paragraph();
        }
        "td" | "th" => {
            let data = writer.cells.pop().unwrap_or(false);
            writer.flat = writer.flat.saturating_sub(usize::from(data));
        }
        "li" => {
            writer.items = writer.items.saturating_sub(1);
            writer.line();
        }
        "tr" => writer.line(),
        _ if heading_level(name).is_some() => {
            writer.flat = writer.flat.saturating_sub(1);
            writer.paragraph();
        }
        _ if BLOCKS.contains(&name) => writer.paragraph(),
        _ => {}
    }
    if matches!(name, "main" | "article") {
        writer.main = writer.main.saturating_sub(1);
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
        assert_eq!(
            found.text,
            "# Devoluciones\n\nPuedes devolver un producto dentro de treinta días, si conservas el recibo y la caja \
             original sin abrir.\n\n- Con recibo\n- Sin usar\n\nPaís | Días\nEspaña | 30\n\na  =  1\nb"
        );
        assert_eq!(found.language.as_deref(), Some("es"));
    }

    #[test]
    fn paragraphs_within_items_cells_and_headings_stay_on_their_line() {
        assert_eq!(
            text_of("<ul><li><p>A</p></li><li><p>B</p><p>C</p><ul><li><div>D</div></li></ul></li></ul><p>E</p>").text,
            "- A\n- B\nC\n- D\n\nE"
        );
        assert_eq!(
            text_of(
                "<table><thead><tr><th><p>País</p></th><th><p>Días</p></th></tr></thead><tbody><tr><td><p>España</p>\n\
                 </td><td><p>30</p><p>hábiles</p></td></tr><tr><td>Chile<br>y Perú</td><td><ul><li>10</li></ul></td></tr>\
                 </tbody></table>"
            )
            .text,
            "País | Días\nEspaña | 30 hábiles\nChile y Perú | - 10"
        );
        assert_eq!(text_of("<h2><div>T</div></h2><p>x</p>").text, "## T\n\nx");
    }

    #[test]
    fn a_table_that_only_lays_out_a_page_keeps_its_paragraphs() {
        let page = "<table><tr><td><h1>T</h1><p>One.</p><p>Two.</p></td></tr></table>";
        assert_eq!(text_of(page).text, "# T\n\nOne.\n\nTwo.");
        assert_eq!(text_of("<table><tr><td><p>One.</p><p>Two.</p></td></tr></table>").text, "One.\n\nTwo.");
    }

    #[test]
    fn a_note_within_the_text_is_read_and_a_column_beside_it_is_not() {
        let words = "word ".repeat(20);
        let page = format!("<aside>Menu</aside><main><p>{words}</p><aside><p>Mind the step.</p></aside></main>");
        let text = text_of(&page).text;
        assert!(text.contains("Mind the step.") && !text.contains("Menu"), "{text}");
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

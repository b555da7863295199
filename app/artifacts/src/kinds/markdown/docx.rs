//! A text as a document for Word and its like: Office Open XML, as little of it as a text needs (ECMA-376, part 1).
//!
//! Links lead where links of messages may lead; pictures become links; formulas are equations, and stay as they were
//! written where they cannot be read.

use std::{
    fmt::Write as _,
    io::{Cursor, Write as _},
};

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::safe_address;
use pulldown_cmark::{Alignment, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::{super::text::escaped, omml};

/// More links stay text.
const MAX_LINKS: usize = 5_000;
/// More lists go on with the numbers of the last.
const MAX_LISTS: usize = 5_000;
/// Word has nine levels of lists.
const MAX_LEVEL: usize = 8;
/// A quotation in a quotation is no further to the right than that.
const MAX_QUOTES: usize = 8;
/// A table is not wider; Word reads at most 63 columns.
const MAX_COLUMNS: usize = 63;

const TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/><Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/><Override PartName="/word/numbering.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.numbering+xml"/><Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>"#;

const RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>"#;

const W: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const M: &str = "http://schemas.openxmlformats.org/officeDocument/2006/math";
const R: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// The document, or `None` where it could not be packed.
pub(super) fn write(source: &str, title: &str, language: Language) -> Option<Vec<u8>> {
    let writer = Writer::default().run(source);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // No clock: the same text is the same file.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    let core = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>{}</dc:title><dc:language>{}</dc:language></cp:coreProperties>",
        xml(title),
        language.as_str()
    );
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<w:document xmlns:w=\"{W}\" xmlns:r=\"{R}\" xmlns:m=\"{M}\"><w:body>{}<w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/><w:pgMar w:top=\"1134\" w:right=\"1134\" w:bottom=\"1134\" w:left=\"1134\" w:header=\"708\" w:footer=\"708\" w:gutter=\"0\"/></w:sectPr></w:body></w:document>",
        writer.out
    );
    let files = [
        ("[Content_Types].xml", TYPES.to_owned()),
        ("_rels/.rels", RELATIONS.to_owned()),
        ("docProps/core.xml", core),
        ("word/document.xml", document),
        ("word/_rels/document.xml.rels", relations(&writer.links)),
        ("word/styles.xml", styles(language)),
        ("word/numbering.xml", numbering(&writer.lists)),
    ];
    for (name, content) in files {
        zip.start_file(name, options).ok()?;
        zip.write_all(content.as_bytes()).ok()?;
    }
    Some(zip.finish().ok()?.into_inner())
}

/// Text that XML may hold.
pub(super) fn xml(text: &str) -> String {
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        escaped(&text.replace(['\u{fffe}', '\u{ffff}'], ""))
    } else {
        escaped(text)
    }
}

fn relations(links: &[String]) -> String {
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"{office}/styles\" Target=\"styles.xml\"/><Relationship Id=\"rId2\" Type=\"{office}/numbering\" Target=\"numbering.xml\"/>"
    );
    for (at, link) in links.iter().enumerate() {
        let _ = write!(
            out,
            "<Relationship Id=\"link{at}\" Type=\"{office}/hyperlink\" Target=\"{}\" TargetMode=\"External\"/>",
            xml(link)
        );
    }
    out.push_str("</Relationships>");
    out
}

fn styles(language: Language) -> String {
    let tongue = match language {
        Language::Es => "es-ES",
        Language::En => "en-US",
    };
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<w:styles xmlns:w=\"{W}\"><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii=\"Calibri\" w:hAnsi=\"Calibri\" w:cs=\"Calibri\"/><w:sz w:val=\"22\"/><w:szCs w:val=\"22\"/><w:lang w:val=\"{tongue}\"/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr><w:spacing w:after=\"120\" w:line=\"276\" w:lineRule=\"auto\"/></w:pPr></w:pPrDefault></w:docDefaults><w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/><w:qFormat/></w:style><w:style w:type=\"character\" w:default=\"1\" w:styleId=\"DefaultParagraphFont\"><w:name w:val=\"Default Paragraph Font\"/></w:style><w:style w:type=\"table\" w:default=\"1\" w:styleId=\"TableNormal\"><w:name w:val=\"Normal Table\"/><w:tblPr><w:tblInd w:w=\"0\" w:type=\"dxa\"/><w:tblCellMar><w:left w:w=\"108\" w:type=\"dxa\"/><w:right w:w=\"108\" w:type=\"dxa\"/></w:tblCellMar></w:tblPr></w:style>"
    );
    for (level, size) in [(1, 36), (2, 30), (3, 26), (4, 24), (5, 22), (6, 22)] {
        let _ = write!(
            out,
            "<w:style w:type=\"paragraph\" w:styleId=\"Heading{level}\"><w:name w:val=\"heading {level}\"/><w:basedOn w:val=\"Normal\"/><w:next w:val=\"Normal\"/><w:qFormat/><w:pPr><w:keepNext/><w:keepLines/><w:spacing w:before=\"240\" w:after=\"80\"/><w:outlineLvl w:val=\"{}\"/></w:pPr><w:rPr><w:b/><w:sz w:val=\"{size}\"/><w:szCs w:val=\"{size}\"/></w:rPr></w:style>",
            level - 1
        );
    }
    out.push_str("<w:style w:type=\"paragraph\" w:styleId=\"Quote\"><w:name w:val=\"Quote\"/><w:basedOn w:val=\"Normal\"/><w:qFormat/><w:pPr><w:pBdr><w:left w:val=\"single\" w:sz=\"18\" w:space=\"8\" w:color=\"BBBBBB\"/></w:pBdr><w:ind w:left=\"360\"/></w:pPr><w:rPr><w:color w:val=\"444444\"/></w:rPr></w:style><w:style w:type=\"paragraph\" w:styleId=\"Code\"><w:name w:val=\"Code\"/><w:basedOn w:val=\"Normal\"/><w:qFormat/><w:pPr><w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"F3F2EF\"/><w:spacing w:line=\"240\" w:lineRule=\"auto\"/></w:pPr><w:rPr><w:rFonts w:ascii=\"Consolas\" w:hAnsi=\"Consolas\" w:cs=\"Consolas\"/><w:noProof/><w:sz w:val=\"19\"/><w:szCs w:val=\"19\"/></w:rPr></w:style><w:style w:type=\"character\" w:styleId=\"CodeText\"><w:name w:val=\"Code Text\"/><w:rPr><w:rFonts w:ascii=\"Consolas\" w:hAnsi=\"Consolas\" w:cs=\"Consolas\"/><w:noProof/><w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"F3F2EF\"/></w:rPr></w:style><w:style w:type=\"character\" w:styleId=\"Hyperlink\"><w:name w:val=\"Hyperlink\"/><w:rPr><w:color w:val=\"0B57D0\"/><w:u w:val=\"single\"/></w:rPr></w:style><w:style w:type=\"table\" w:styleId=\"TableGrid\"><w:name w:val=\"Table Grid\"/><w:basedOn w:val=\"TableNormal\"/><w:tblPr><w:tblBorders><w:top w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"999999\"/><w:left w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"999999\"/><w:bottom w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"999999\"/><w:right w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"999999\"/><w:insideH w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"999999\"/><w:insideV w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"999999\"/></w:tblBorders></w:tblPr></w:style></w:styles>");
    out
}

/// Bullets are 1; every numbered list has a number of its own, so that it begins where it says.
fn numbering(lists: &[(u64, usize)]) -> String {
    let mut out =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<w:numbering xmlns:w=\"{W}\">");
    for (id, numbered) in [(0, false), (1, true)] {
        let _ = write!(out, "<w:abstractNum w:abstractNumId=\"{id}\"><w:multiLevelType w:val=\"hybridMultilevel\"/>");
        for level in 0..=MAX_LEVEL {
            let (format, text) = if numbered {
                ("decimal", format!("%{}.", level + 1))
            } else {
                ("bullet", ["•", "◦", "▪"][level % 3].to_owned())
            };
            let _ = write!(
                out,
                "<w:lvl w:ilvl=\"{level}\"><w:start w:val=\"1\"/><w:numFmt w:val=\"{format}\"/><w:lvlText w:val=\"{text}\"/><w:lvlJc w:val=\"left\"/><w:pPr><w:ind w:left=\"{}\" w:hanging=\"360\"/></w:pPr></w:lvl>",
                (level + 1) * 540
            );
        }
        out.push_str("</w:abstractNum>");
    }
    out.push_str("<w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num>");
    for (at, (first, level)) in lists.iter().enumerate() {
        let first = (*first).min(i32::MAX as u64);
        let _ = write!(
            out,
            "<w:num w:numId=\"{}\"><w:abstractNumId w:val=\"1\"/><w:lvlOverride w:ilvl=\"{level}\"><w:startOverride w:val=\"{first}\"/></w:lvlOverride></w:num>",
            at + 2
        );
    }
    out.push_str("</w:numbering>");
    out
}

/// The item of a list that is open.
struct Item {
    /// Its mark was written with its first paragraph.
    marked: bool,
}

#[derive(Default)]
struct Writer {
    out: String,
    /// The addresses of links.
    links: Vec<String>,
    /// The first numbers of numbered lists, and how deep each is.
    lists: Vec<(u64, usize)>,
    /// The number of each open list.
    open_lists: Vec<usize>,
    items: Vec<Item>,
    quotes: usize,
    heading: usize,
    paragraph: bool,
    bold: usize,
    italic: usize,
    strike: usize,
    /// How many links are open, and whether each is written as one.
    open_links: Vec<bool>,
    columns: Vec<Alignment>,
    column: usize,
    in_head: bool,
    in_table: bool,
    in_code: bool,
    /// The mark of a footnote was written, and its words are to come.
    noted: bool,
}

impl Writer {
    fn run(mut self, source: &str) -> Self {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_MATH;
        for event in Parser::new_ext(source, options) {
            match event {
                Event::Start(tag) => self.start(tag),
                Event::End(tag) => self.end(tag),
                Event::Text(text) if self.in_code => self.code_lines(&text),
                Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) if is_break(&text) && !self.in_code => {
                    self.run_of("<w:br/>", "");
                }
                Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text, ""),
                Event::Code(text) => self.text(&text, "<w:rStyle w:val=\"CodeText\"/>"),
                Event::InlineMath(text) => self.formula(&text, false),
                Event::DisplayMath(text) => self.formula(&text, true),
                Event::FootnoteReference(label) => {
                    self.text(&format!("[{label}]"), "<w:vertAlign w:val=\"superscript\"/>")
                }
                Event::SoftBreak => self.text(" ", ""),
                Event::HardBreak => self.run_of("<w:br/>", ""),
                Event::Rule => {
                    self.close_paragraph();
                    self.out.push_str("<w:p><w:pPr><w:pBdr><w:bottom w:val=\"single\" w:sz=\"6\" w:space=\"1\" w:color=\"999999\"/></w:pBdr></w:pPr></w:p>");
                }
                Event::TaskListMarker(done) => self.text(if done { "☑ " } else { "☐ " }, ""),
            }
        }
        self.close_paragraph();
        self
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            // The first paragraph of a footnote goes on after its mark.
            Tag::Paragraph if std::mem::take(&mut self.noted) => {}
            Tag::Paragraph | Tag::HtmlBlock => self.close_paragraph(),
            Tag::Heading { level, .. } => {
                self.close_paragraph();
                self.heading = match level {
                    HeadingLevel::H1 => 1,
                    HeadingLevel::H2 => 2,
                    HeadingLevel::H3 => 3,
                    HeadingLevel::H4 => 4,
                    HeadingLevel::H5 => 5,
                    HeadingLevel::H6 => 6,
                };
            }
            Tag::BlockQuote(_) => {
                self.close_paragraph();
                self.quotes += 1;
            }
            Tag::CodeBlock(_) => {
                self.close_paragraph();
                self.in_code = true;
                self.begin("Code");
            }
            Tag::List(first) => {
                self.close_paragraph();
                let number = match first {
                    None => 1,
                    Some(first) => {
                        if self.lists.len() < MAX_LISTS {
                            self.lists.push((first, self.open_lists.len().min(MAX_LEVEL)));
                        }
                        self.lists.len() + 1
                    }
                };
                self.open_lists.push(number);
            }
            Tag::Item => {
                self.close_paragraph();
                self.items.push(Item { marked: false });
            }
            Tag::FootnoteDefinition(label) => {
                self.close_paragraph();
                self.text(&format!("[{label}] "), "");
                self.noted = true;
            }
            Tag::Table(columns) => {
                self.close_paragraph();
                self.in_table = true;
                let width = columns.len().clamp(1, MAX_COLUMNS);
                self.out.push_str("<w:tbl><w:tblPr><w:tblStyle w:val=\"TableGrid\"/><w:tblW w:w=\"5000\" w:type=\"pct\"/></w:tblPr><w:tblGrid>");
                for _ in 0..width {
                    let _ = write!(self.out, "<w:gridCol w:w=\"{}\"/>", 9_638 / width);
                }
                self.out.push_str("</w:tblGrid>");
                self.columns = columns;
            }
            Tag::TableHead => {
                (self.column, self.in_head) = (0, true);
                self.out.push_str("<w:tr><w:trPr><w:tblHeader/></w:trPr>");
            }
            Tag::TableRow => {
                self.column = 0;
                self.out.push_str("<w:tr>");
            }
            Tag::TableCell => {
                if self.column < MAX_COLUMNS {
                    self.out.push_str("<w:tc><w:tcPr><w:tcW w:w=\"0\" w:type=\"auto\"/></w:tcPr>");
                    self.begin("");
                }
            }
            Tag::Emphasis => self.italic += 1,
            Tag::Strong => self.bold += 1,
            Tag::Strikethrough => self.strike += 1,
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.open_link(&dest_url),
            Tag::Superscript
            | Tag::Subscript
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.close_paragraph(),
            TagEnd::FootnoteDefinition => {
                self.noted = false;
                self.close_paragraph();
            }
            TagEnd::Heading(_) => {
                // An empty heading is none.
                self.close_paragraph();
                self.heading = 0;
            }
            TagEnd::BlockQuote(_) => {
                self.close_paragraph();
                self.quotes -= 1;
            }
            TagEnd::CodeBlock => {
                self.in_code = false;
                self.close_paragraph();
            }
            TagEnd::List(_) => {
                self.close_paragraph();
                self.open_lists.pop();
            }
            TagEnd::Item => {
                // An item without words has its mark all the same.
                if self.items.last().is_some_and(|item| !item.marked) {
                    self.begin("");
                }
                self.close_paragraph();
                self.items.pop();
            }
            TagEnd::Table => {
                self.in_table = false;
                // Two tables without a paragraph between them would be one.
                self.out.push_str("</w:tbl><w:p/>");
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                self.in_head = false;
                self.out.push_str("</w:tr>");
            }
            TagEnd::TableCell => {
                if self.column < MAX_COLUMNS {
                    self.close_paragraph();
                    self.out.push_str("</w:tc>");
                }
                self.column += 1;
            }
            TagEnd::Emphasis => self.italic -= 1,
            TagEnd::Strong => self.bold -= 1,
            TagEnd::Strikethrough => self.strike -= 1,
            TagEnd::Link | TagEnd::Image => {
                let written = self.open_links.pop() == Some(true);
                self.out.push_str(if written && self.paragraph { "</w:hyperlink>" } else { "" });
            }
            _ => {}
        }
    }

    /// Begins a paragraph where one is needed.
    fn begin(&mut self, style: &str) {
        if self.paragraph {
            return;
        }
        self.paragraph = true;
        self.out.push_str("<w:p><w:pPr>");
        let style = match (style, self.heading) {
            ("", 0) if self.quotes > 0 && !self.in_table => "Quote".to_owned(),
            ("", 0) => String::new(),
            ("", level) => format!("Heading{level}"),
            (style, _) => style.to_owned(),
        };
        if !style.is_empty() {
            let _ = write!(self.out, "<w:pStyle w:val=\"{style}\"/>");
        }
        if self.in_table {
            match self.columns.get(self.column) {
                Some(Alignment::Center) => self.out.push_str("<w:jc w:val=\"center\"/>"),
                Some(Alignment::Right) => self.out.push_str("<w:jc w:val=\"right\"/>"),
                _ => {}
            }
        } else {
            let level = self.open_lists.len().saturating_sub(1).min(MAX_LEVEL);
            match (self.open_lists.last(), self.items.last_mut()) {
                (Some(number), Some(item)) if !item.marked && self.heading == 0 => {
                    item.marked = true;
                    let _ =
                        write!(self.out, "<w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"{number}\"/></w:numPr>");
                }
                (Some(_), Some(_)) => {
                    let _ = write!(self.out, "<w:ind w:left=\"{}\"/>", (level + 1) * 540);
                }
                _ if self.quotes > 1 => {
                    let _ = write!(self.out, "<w:ind w:left=\"{}\"/>", self.quotes.min(MAX_QUOTES) * 360);
                }
                _ => {}
            }
        }
        self.out.push_str("</w:pPr>");
    }

    fn close_paragraph(&mut self) {
        if self.paragraph {
            for open in &mut self.open_links {
                if *open {
                    self.out.push_str("</w:hyperlink>");
                    *open = false;
                }
            }
            self.out.push_str("</w:p>");
            self.paragraph = false;
        }
    }

    fn open_link(&mut self, address: &str) {
        let safe = safe_address(address)
            .filter(|_| self.links.len() < MAX_LINKS && !self.open_links.contains(&true) && self.column < MAX_COLUMNS);
        let Some(address) = safe else { return self.open_links.push(false) };
        self.begin("");
        let _ = write!(self.out, "<w:hyperlink r:id=\"link{}\">", self.links.len());
        self.links.push(address);
        self.open_links.push(true);
    }

    /// What a run holds, with the properties of all that is open.
    fn run_of(&mut self, inside: &str, properties: &str) {
        if self.in_table && self.column >= MAX_COLUMNS {
            return;
        }
        self.begin("");
        // Word wants its properties in this order.
        let style = if properties.starts_with("<w:rStyle") {
            properties
        } else if self.open_links.contains(&true) {
            "<w:rStyle w:val=\"Hyperlink\"/>"
        } else {
            ""
        };
        let last = if properties.starts_with("<w:rStyle") { "" } else { properties };
        let bold = if self.bold > 0 || self.in_head { "<w:b/>" } else { "" };
        let italic = if self.italic > 0 { "<w:i/>" } else { "" };
        let strike = if self.strike > 0 { "<w:strike/>" } else { "" };
        let all = [style, bold, italic, strike, last].concat();
        self.out.push_str("<w:r>");
        if !all.is_empty() {
            let _ = write!(self.out, "<w:rPr>{all}</w:rPr>");
        }
        self.out.push_str(inside);
        self.out.push_str("</w:r>");
    }

    fn text(&mut self, text: &str, properties: &str) {
        if !text.is_empty() {
            self.run_of(&format!("<w:t xml:space=\"preserve\">{}</w:t>", xml(text)), properties);
        }
    }

    fn formula(&mut self, latex: &str, display: bool) {
        if self.in_table && self.column >= MAX_COLUMNS {
            return;
        }
        match omml::equation(latex, display) {
            Some(equation) => {
                self.begin("");
                let (before, after) = if display { ("<m:oMathPara>", "</m:oMathPara>") } else { ("", "") };
                self.out.extend([before, &equation, after]);
            }
            None => {
                let dollars = if display { "$$" } else { "$" };
                self.text(&format!("{dollars}{latex}{dollars}"), "<w:rStyle w:val=\"CodeText\"/>");
            }
        }
    }

    /// Lines of a block of code: one paragraph, so that its ground is one.
    fn code_lines(&mut self, text: &str) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let mut inside = String::with_capacity(text.len() + 64);
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                inside.push_str("<w:br/>");
            }
            if !line.is_empty() {
                let _ = write!(inside, "<w:t xml:space=\"preserve\">{}</w:t>", xml(line));
            }
        }
        self.run_of(&inside, "");
    }
}

fn is_break(html: &str) -> bool {
    ["<br>", "<br/>", "<br />"].iter().any(|tag| html.trim().eq_ignore_ascii_case(tag))
}

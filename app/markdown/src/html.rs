//! The writer: Markdown's events in, our own elements out.

use std::{collections::HashMap, ops::Range, time::Duration};

use cjhirashi_domain::chat::{Citation, CitationUse, citation_mark};
use pulldown_cmark::{
    Alignment, CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TextMergeWithOffset,
};

use super::{
    Place, Sources,
    code::{highlight, language},
    diagram::{self, Drawing},
    links::{bare_address, next_mark, safe_address},
    marks::{Mark, is_escaped, marks_in, referring},
    math::{self, FILLER},
    notes::{self, Notes, Numbers},
};
use crate::words;

/// Containers deeper than this are left out (their text stays): nobody writes them, and browsers give up at 512.
const MAX_DEPTH: usize = 50;
/// Marks beyond this stay text: a link is forty times as long as its mark.
const MAX_CITES: usize = 2_000;
/// Grammars are regular expressions over a stranger's text: all code of one text may take so long, the rest stays plain.
const COLOURING: Duration = Duration::from_millis(250);
/// All diagrams of one text may take so long, the rest stays code.
const DRAWING: Duration = Duration::from_secs(2);
/// Ends a footnote instead of an element.
const NOTE: &str = "</note>";

/// Whether the text is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is: what was cited was checked, and a citation without a source is gone.
    Saved,
    /// It is being written: nothing was checked yet.
    Live,
}

/// The dialect: CommonMark with what GitHub added, footnotes and formulas.
pub(crate) fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_MATH
}

/// Makes text safe inside elements and double-quoted attributes; drops control characters.
pub fn escape(text: &str, out: &mut String) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let safe = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            b'\n' | b'\t' | b' '.. => continue,
            _ => "",
        };
        out.push_str(&text[from..at]);
        out.push_str(safe);
        from = at + 1;
    }
    out.push_str(&text[from..]);
}

/// What became of a text.
pub(crate) struct Written {
    /// Safe HTML.
    pub(crate) html: String,
    /// It would look the same another time.
    pub(crate) lasting: bool,
    /// Where in the HTML the source's last words end, when they are running text: what follows are ends of elements.
    pub(crate) grows_at: Option<usize>,
}

/// Renders a whole text, or one block of one that is being written.
pub(crate) fn write(
    source: &str,
    citations: &[Citation],
    state: State,
    place: Place<'_>,
    numbers: &mut Numbers,
) -> Written {
    let source = math::brackets_to_dollars(source);
    let writer = Writer {
        source: &source,
        citations,
        uses: uses(&source, citations),
        state,
        place,
        out: String::with_capacity(source.len() + source.len() / 2 + 64),
        closing: Vec::new(),
        cites: 0,
        colouring: COLOURING,
        drawing: DRAWING,
        lasting: true,
        links: 0,
        notes: Notes::new(place, numbers),
        columns: Vec::new(),
        column: 0,
        in_head: false,
        grows_at: None,
    };
    writer.run()
}

/// What was checked of each mark, by its citation's number and its first byte.
fn uses<'a>(source: &str, citations: &'a [Citation]) -> HashMap<(i32, usize), &'a CitationUse> {
    let of = |citation: &'a Citation| citation.uses.iter().map(|used| (citation.n, used));
    let mut told: Vec<(i32, &CitationUse)> = citations.iter().flat_map(of).collect();
    told.sort_unstable_by_key(|(_, used)| used.at);
    let mut bytes = source.char_indices().map(|(byte, _)| byte).zip(0..).peekable();
    let mut found = HashMap::with_capacity(told.len());
    for (n, used) in told {
        while bytes.next_if(|(_, character)| *character < used.at).is_some() {}
        if let Some((byte, _)) = bytes.peek().filter(|(_, character)| *character == used.at) {
            found.insert((n, *byte), used);
        }
    }
    found
}

struct Writer<'a> {
    source: &'a str,
    citations: &'a [Citation],
    uses: HashMap<(i32, usize), &'a CitationUse>,
    state: State,
    place: Place<'a>,
    out: String,
    /// What ends each element that is open; empty for those that were left out.
    closing: Vec<&'static str>,
    /// Citations made into links.
    cites: usize,
    /// What is left of [`COLOURING`].
    colouring: Duration,
    /// What is left of [`DRAWING`].
    drawing: Duration,
    /// See [`Written::lasting`].
    lasting: bool,
    /// Links that are open: inside of one nothing else may be a link.
    links: usize,
    notes: Notes<'a>,
    columns: Vec<Alignment>,
    column: usize,
    in_head: bool,
    /// See [`Written::grows_at`].
    grows_at: Option<usize>,
}

impl<'a> Writer<'a> {
    fn run(mut self) -> Written {
        let source = self.source;
        let end = source.trim_end_matches(' ').len();
        let parsed = Parser::new_ext(source, options()).into_offset_iter().map(|(event, range)| match event {
            // A bracket that was escaped, or written as an entity, is none of a citation; once texts are merged nothing
            // else tells it from one.
            Event::Text(text) => match text.chars().next().filter(|first| "[]【】".contains(*first)) {
                Some(first) if is_escaped(source, range.start) || !source[range.start..].starts_with(first) => {
                    let rest = &text[first.len_utf8()..];
                    (Event::Text(format!("{FILLER}{first}{FILLER}{rest}").into()), range)
                }
                _ => (Event::Text(text), range),
            },
            other => (other, range),
        });
        let mut events = TextMergeWithOffset::new(parsed);
        while let Some((event, range)) = events.next() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => self.code_block(&kind, &range, &mut events),
                Event::Start(Tag::Link { link_type, dest_url, id, .. }) => {
                    match self.cited_by_reference(link_type, &id, &range) {
                        Some((citation, at)) => {
                            self.citation(citation, Some(at));
                            skip_to_end(&mut events);
                        }
                        None => self.open_link(&dest_url),
                    }
                }
                Event::Start(tag) => self.open(tag),
                Event::End(_) => self.close(),
                Event::Text(text) => {
                    self.text(&text, &mut marks_in(source, range.clone()));
                    let last = range.end == end && !self.closing.contains(&NOTE);
                    self.grows_at = Some(self.out.len()).filter(|_| last);
                }
                Event::Code(text) => {
                    self.out.push_str("<code>");
                    escape(&text, &mut self.out);
                    self.out.push_str("</code>");
                }
                Event::InlineMath(latex) => self.inline_math(&latex, &range),
                Event::DisplayMath(latex) => self.math(&latex, true),
                Event::Html(html) => escape(&html, &mut self.out),
                Event::InlineHtml(html) => self.inline_html(&html),
                Event::FootnoteReference(label) => self.footnote_reference(&label),
                Event::SoftBreak => self.out.push('\n'),
                Event::HardBreak => self.out.push_str("<br>\n"),
                Event::Rule => self.out.push_str("<hr>\n"),
                Event::TaskListMarker(done) => {
                    let (class, mark) = if done { ("task done", '☑') } else { ("task", '☐') };
                    let label = words::task(self.place.language, done);
                    self.out.push_str(&format!(
                        "<span class=\"{class}\" role=\"img\" aria-label=\"{label}\">{mark}</span> "
                    ));
                }
            }
        }
        while !self.closing.is_empty() {
            self.close();
        }
        self.notes.rest(&mut self.out);
        Written { html: self.out, lasting: self.lasting, grows_at: self.grows_at }
    }

    fn element(&mut self, open: &str, close: &'static str) {
        if self.closing.len() < MAX_DEPTH {
            self.out.push_str(open);
            self.closing.push(close);
        } else {
            self.closing.push("");
        }
    }

    fn close(&mut self) {
        let Some(close) = self.closing.pop() else { return };
        if close == NOTE {
            return self.notes.end(self.state == State::Saved, &mut self.out);
        }
        self.out.push_str(close);
        match close {
            "</a>" => self.links = self.links.saturating_sub(1),
            "</tr></thead>\n<tbody>\n" => self.in_head = false,
            _ => {}
        }
    }

    fn open(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => self.element("<p>", "</p>\n"),
            // A page has one first heading and an answer is below a second.
            Tag::Heading { level, .. } => match level {
                HeadingLevel::H1 => self.element("<h3>", "</h3>\n"),
                HeadingLevel::H2 => self.element("<h4>", "</h4>\n"),
                HeadingLevel::H3 => self.element("<h5>", "</h5>\n"),
                HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => self.element("<h6>", "</h6>\n"),
            },
            Tag::BlockQuote(_) => self.element("<blockquote>\n", "</blockquote>\n"),
            // Raw HTML is shown as the text it is.
            Tag::HtmlBlock => self.element("<p class=\"raw\">", "</p>\n"),
            Tag::List(None) => self.element("<ul>\n", "</ul>\n"),
            Tag::List(Some(1)) => self.element("<ol>\n", "</ol>\n"),
            Tag::List(Some(first)) => self.element(&format!("<ol start=\"{first}\">\n"), "</ol>\n"),
            Tag::Item => self.element("<li>", "</li>\n"),
            Tag::FootnoteDefinition(label) => {
                let opens = self.closing.len() < MAX_DEPTH && self.notes.begin(&label, &mut self.out);
                self.closing.push(if opens { NOTE } else { "" });
            }
            Tag::Table(columns) => {
                self.columns = columns;
                self.element("<div class=\"table-scroll\" tabindex=\"0\"><table>", "</tbody></table></div>\n");
            }
            Tag::TableHead => {
                self.column = 0;
                self.in_head = true;
                self.element("<thead><tr>", "</tr></thead>\n<tbody>\n");
            }
            Tag::TableRow => {
                self.column = 0;
                self.element("<tr>", "</tr>\n");
            }
            Tag::TableCell => {
                let alignment = self.columns.get(self.column).copied().unwrap_or(Alignment::None);
                self.column += 1;
                let class = match alignment {
                    Alignment::None | Alignment::Left => "",
                    Alignment::Center => " class=\"center\"",
                    Alignment::Right => " class=\"right\"",
                };
                if self.in_head {
                    self.element(&format!("<th scope=\"col\"{class}>"), "</th>");
                } else {
                    self.element(&format!("<td{class}>"), "</td>");
                }
            }
            Tag::Emphasis => self.element("<em>", "</em>"),
            Tag::Strong => self.element("<strong>", "</strong>"),
            Tag::Strikethrough => self.element("<del>", "</del>"),
            Tag::Image { dest_url, .. } => self.open_link(&dest_url),
            // Links and code are handled before; the rest is not switched on in `options`.
            Tag::Link { .. }
            | Tag::CodeBlock(_)
            | Tag::Superscript
            | Tag::Subscript
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::MetadataBlock(_) => self.closing.push(""),
        }
    }

    fn open_link(&mut self, address: &str) {
        match safe_address(address) {
            Some(address) if self.links == 0 && self.closing.len() < MAX_DEPTH => {
                self.link_start(&address);
                self.closing.push("</a>");
                self.links += 1;
            }
            _ => self.closing.push(""),
        }
    }

    fn link_start(&mut self, address: &str) {
        self.out.push_str("<a href=\"");
        escape(address, &mut self.out);
        self.out.push_str("\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">");
    }

    fn code_block(
        &mut self,
        kind: &CodeBlockKind<'_>,
        range: &Range<usize>,
        events: &mut impl Iterator<Item = (Event<'a>, Range<usize>)>,
    ) {
        let language = match kind {
            CodeBlockKind::Fenced(info) => language(info),
            CodeBlockKind::Indented => "",
        };
        let mut code = String::new();
        for (event, _) in events {
            match event {
                Event::Text(text) => code.push_str(&text),
                Event::End(_) => break,
                _ => {}
            }
        }
        let is_diagram = diagram::is_one(language) && is_closed(&self.source[range.clone()]);
        let drawn = if is_diagram { self.draw(&code) } else { None };
        self.out.push_str(if drawn.is_some() { "<div class=\"code diagram\"" } else { "<div class=\"code\"" });
        self.out.push_str(" data-lang=\"");
        escape(language, &mut self.out);
        // The button needs a script and words in the reader's language: the page gives both and shows it.
        self.out.push_str("\"><button class=\"code-copy\" type=\"button\" data-copy hidden></button>");
        if let Some(svg) = &drawn {
            let label = words::diagram_source(self.place.language);
            self.out.push_str("<div class=\"diagram-scroll\" tabindex=\"0\">");
            self.out.push_str(svg);
            self.out.push_str(&format!("</div><details><summary>{label}</summary>"));
        }
        self.out.push_str("<pre tabindex=\"0\"><code>");
        highlight(&code, language, &mut self.colouring, &mut self.out);
        self.out.push_str("</code></pre>");
        self.out.push_str(if drawn.is_some() { "</details></div>\n" } else { "</div>\n" });
        if is_diagram && drawn.is_none() {
            self.out
                .push_str(&format!("<p class=\"diagram-note\">{}</p>\n", words::diagram_undrawn(self.place.language)));
        }
    }

    fn draw(&mut self, code: &str) -> Option<String> {
        self.notes.numbers.diagrams += 1;
        match diagram::draw(code, self.notes.numbers.diagrams, self.place, &mut self.drawing) {
            Drawing::Picture(svg) => Some(svg),
            Drawing::Never => None,
            Drawing::NotNow => {
                self.lasting = false;
                None
            }
        }
    }

    fn math(&mut self, latex: &str, display: bool) {
        match math::to_mathml(latex.trim(), display) {
            // A wide formula scrolls by itself, so the keyboard must reach it.
            Some(mathml) if display => {
                self.out.push_str(&mathml.replacen("<math", "<math tabindex=\"0\"", 1));
            }
            Some(mathml) => self.out.push_str(&mathml),
            None => {
                self.out.push_str("<code class=\"math\">");
                escape(latex, &mut self.out);
                self.out.push_str("</code>");
            }
        }
    }

    fn inline_math(&mut self, latex: &str, range: &Range<usize>) {
        // "$5 a $7": money, as pandoc tells it from formulas.
        if self.source[range.end..].starts_with(|c: char| c.is_ascii_digit()) {
            self.text(&format!("${latex}$"), &mut std::iter::empty());
        } else {
            self.math(latex, false);
        }
    }

    /// Line breaks in table cells can only be written as HTML, so that one tag is obeyed.
    fn inline_html(&mut self, html: &str) {
        if ["<br>", "<br/>", "<br />"].contains(&html.to_ascii_lowercase().as_str()) {
            self.out.push_str("<br>");
        } else {
            escape(html, &mut self.out);
        }
    }

    fn footnote_reference(&mut self, label: &str) {
        if self.links > 0 || !self.notes.refer(label, &mut self.out) {
            self.plain(&format!("[^{label}]"));
        }
    }

    /// While the text is being written its notes may be still to come; tells how many bytes the mark took.
    fn note_to_come(&mut self, text: &str) -> Option<usize> {
        let (label, length) = notes::written(text).filter(|_| self.state == State::Live)?;
        self.notes.refer(label, &mut self.out).then_some(length)
    }

    /// Text with citations and bare addresses made into links. `marks` are those of the source behind it.
    fn text(&mut self, text: &str, marks: &mut impl Iterator<Item = Mark>) {
        if self.links > 0 {
            return self.plain(text);
        }
        let mut rest = text;
        while let Some(at) = next_mark(rest) {
            self.plain(&rest[..at]);
            let from = &rest[at..];
            let taken = if from.starts_with(['[', '【']) {
                self.citations_at(from, marks).or_else(|| self.note_to_come(from))
            } else {
                bare_address(from, rest[..at].chars().next_back()).and_then(|address| self.address(address))
            };
            let taken = taken.unwrap_or_else(|| {
                let first = from.chars().next().map_or(1, char::len_utf8);
                self.plain(&from[..first]);
                first
            });
            rest = &from[taken..];
        }
        self.plain(rest);
    }

    fn plain(&mut self, text: &str) {
        debug_assert!(u32::from(FILLER) < 32, "escape drops it");
        escape(text, &mut self.out);
    }

    /// A mark whose numbers are all citations; tells how many bytes it took.
    fn citations_at(&mut self, text: &str, marks: &mut impl Iterator<Item = Mark>) -> Option<usize> {
        let (numbers, length) = citation_mark(text)?;
        let at = marks.find(|mark| mark.numbers == numbers).map(|mark| mark.range.start);
        let cited: Vec<&Citation> = numbers.iter().map(|n| self.find_citation(*n)).collect::<Option<_>>()?;
        if self.cites + cited.len() > MAX_CITES {
            return None;
        }
        for citation in cited {
            self.citation(citation, at);
        }
        Some(length)
    }

    fn find_citation(&self, n: i32) -> Option<&'a Citation> {
        self.citations.iter().find(|citation| citation.n == n)
    }

    fn cited_by_reference(&self, link_type: LinkType, id: &str, range: &Range<usize>) -> Option<(&'a Citation, usize)> {
        let mark = referring(self.source, link_type, id, range).filter(|_| self.cites < MAX_CITES)?;
        Some((self.find_citation(*mark.numbers.first()?)?, mark.range.start))
    }

    /// A link to the words that this use of a citation stands on. `at` is the first byte of its mark.
    fn citation(&mut self, citation: &Citation, at: Option<usize>) {
        let n = citation.n;
        let checked = at.and_then(|at| self.uses.get(&(n, at)).copied());
        let (verdict, quote) =
            checked.map_or((citation.verdict, citation.quote), |checked| (checked.verdict, checked.quote));
        self.cites += 1;
        // A mark stays with the word it follows.
        if self.out.ends_with(' ') {
            self.out.pop();
            self.out.push_str("&nbsp;");
        }
        if self.state == State::Saved && citation.source.is_none() {
            match (&citation.replaced, self.place.sources) {
                (Some(title), Sources::Documents) => {
                    self.out.push_str(&format!("<a class=\"cite gone\" href=\"/documents/{}\"", citation.document_id));
                    self.out.push_str(&format!(" data-n=\"{n}\" title=\""));
                    escape(title, &mut self.out);
                    self.out.push_str(&format!("\">{n}</a>"));
                }
                _ => self.out.push_str(&format!("<span class=\"cite gone\" data-n=\"{n}\">{n}</span>")),
            }
            return;
        }
        self.out.push_str("<a class=\"cite\" href=\"");
        let address = match self.place.sources {
            Sources::Documents => citation.address_of(quote).to_string(),
            Sources::OnPage(of) => format!("#{}", Sources::id(of, citation, quote)),
        };
        escape(&address, &mut self.out);
        self.out.push_str(&format!("\" data-n=\"{n}\""));
        if self.state == State::Saved {
            self.out.push_str(&format!(" data-verdict=\"{}\"", verdict.as_str()));
        }
        if let Some(source) = &citation.source {
            self.out.push_str(" title=\"");
            escape(&source.title, &mut self.out);
            self.out.push('"');
        }
        self.out.push_str(&format!(">{n}</a>"));
    }

    fn address(&mut self, address: &str) -> Option<usize> {
        let target = safe_address(address)?;
        self.link_start(&target);
        escape(address, &mut self.out);
        self.out.push_str("</a>");
        Some(address.len())
    }
}

/// Whether a fenced block has its last fence: until then the rest may be still to come.
fn is_closed(block: &str) -> bool {
    let bare = |line: &str| line.trim_start_matches([' ', '\t', '>']).trim_end().to_owned();
    let Some((first, rest)) = block.split_once('\n') else { return false };
    let (first, last) = (bare(first), bare(rest.trim_end().lines().next_back().unwrap_or_default()));
    let Some(mark) = first.chars().next() else { return false };
    let opening = first.chars().take_while(|c| *c == mark).count();
    last.chars().count() >= opening && last.chars().all(|c| c == mark)
}

/// Passes over an element whose start was read.
fn skip_to_end<'a>(events: &mut impl Iterator<Item = (Event<'a>, Range<usize>)>) {
    let mut depth = 1usize;
    for (event, _) in events {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

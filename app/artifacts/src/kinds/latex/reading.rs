//! Where the formulas of a text are.

use super::super::text::escaped;

/// Environments that begin a formula in running text.
const ENVIRONMENTS: &[&str] = &[
    "align",
    "align*",
    "alignat",
    "alignat*",
    "displaymath",
    "eqnarray",
    "eqnarray*",
    "equation",
    "equation*",
    "flalign",
    "flalign*",
    "gather",
    "gather*",
    "math",
    "multline",
    "multline*",
];

/// A stretch of a LaTeX text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// What is no formula.
    Text(&'a str),
    /// A formula.
    Formula {
        /// The byte at which `latex` begins.
        start: usize,
        /// Without its delimiters; an environment with them.
        latex: &'a str,
        /// On lines of its own.
        display: bool,
        /// With its delimiters.
        source: &'a str,
    },
    /// What begins like a formula and has no end.
    Unclosed {
        /// The byte at which it begins.
        start: usize,
        /// Up to the end of its paragraph.
        source: &'a str,
    },
}

/// The pieces of a text, in order. Without any delimiter the whole is one formula, or one per paragraph.
pub(super) fn pieces(text: &str) -> Box<dyn Iterator<Item = Piece<'_>> + '_> {
    let (from, to) = body(text);
    if from == 0 && !has_delimiter(text) {
        return Box::new(paragraphs(text));
    }
    Box::new(Pieces { text, at: from, end: to, paragraph: from })
}

/// What is between `\begin{document}` and `\end{document}`.
fn body(text: &str) -> (usize, usize) {
    let Some(from) = text.find("\\begin{document}").map(|at| at + "\\begin{document}".len()) else {
        return (0, text.len());
    };
    (from, text[from..].find("\\end{document}").map_or(text.len(), |at| from + at))
}

fn has_delimiter(text: &str) -> bool {
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'\\', b'$', &text.as_bytes()[from..]).map(|at| at + from) {
        let rest = &text[at..];
        if rest.starts_with('$')
            || ["\\(", "\\[", "\\section", "\\subsection", "\\documentclass"]
                .iter()
                .any(|begin| rest.starts_with(begin))
            || environment(rest).is_some()
        {
            return true;
        }
        // What follows a backslash is its own.
        from = at + 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
    }
    false
}

fn paragraphs(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            if at >= text.len() {
                return None;
            }
            let rest = &text[at..];
            let length = blank_line(rest).unwrap_or(rest.len());
            let source = &rest[..length];
            let begin = at + source.len() - source.trim_start().len();
            at += length.max(1);
            if at < text.len() && length == 0 {
                continue;
            }
            let latex = source.trim();
            if !latex.is_empty() {
                return Some(Piece::Formula { start: begin, latex, display: true, source: latex });
            }
        }
    })
}

/// Where the next blank line is.
fn blank_line(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'\n', &text.as_bytes()[from..]).map(|at| at + from) {
        let after = text[at + 1..].trim_start_matches([' ', '\t', '\r']);
        if after.starts_with('\n') {
            return Some(at + 1);
        }
        from = at + 1;
    }
    None
}

/// The environment of a formula that begins here.
fn environment(text: &str) -> Option<&str> {
    let name = text.strip_prefix("\\begin{")?;
    let name = &name[..name.find('}').filter(|end| *end < 20)?];
    ENVIRONMENTS.contains(&name).then_some(name)
}

struct Pieces<'a> {
    text: &'a str,
    at: usize,
    end: usize,
    /// Where the paragraph ends that was looked at last: looking for its end at every formula would cost the square.
    paragraph: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let text = &self.text[..self.end];
        if self.at >= text.len() {
            return None;
        }
        let start = self.at;
        let mut at = start;
        while let Some(found) = memchr::memchr3(b'\\', b'$', b'%', &text.as_bytes()[at..]).map(|found| found + at) {
            let rest = &text[found..];
            let opens = match rest.as_bytes()[0] {
                b'%' => {
                    at = rest.find('\n').map_or(text.len(), |end| found + end);
                    continue;
                }
                b'$' => true,
                _ => rest.starts_with("\\(") || rest.starts_with("\\[") || environment(rest).is_some(),
            };
            if !opens {
                at = found + 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                continue;
            }
            if found > start {
                self.at = found;
                return Some(Piece::Text(&text[start..found]));
            }
            if found >= self.paragraph {
                self.paragraph = blank_line(rest).map_or(text.len(), |end| found + end);
            }
            let (piece, length) = formula(rest, &text[found..self.paragraph], found);
            self.at = found + length;
            return Some(piece);
        }
        self.at = text.len();
        Some(Piece::Text(&text[start..]))
    }
}

/// The formula at the beginning of a text, and how long it is with its delimiters. It ends in its paragraph, as TeX has it.
fn formula<'a>(rest: &'a str, paragraph: &'a str, start: usize) -> (Piece<'a>, usize) {
    let unclosed = || (Piece::Unclosed { start, source: paragraph.trim_end() }, paragraph.len());
    let (open, close, display) = if rest.starts_with("$$") {
        (2, "$$".to_owned(), true)
    } else if rest.starts_with('$') {
        (1, "$".to_owned(), false)
    } else if rest.starts_with("\\(") {
        (2, "\\)".to_owned(), false)
    } else if rest.starts_with("\\[") {
        (2, "\\]".to_owned(), true)
    } else {
        let Some(name) = environment(rest) else { return unclosed() };
        let end = format!("\\end{{{name}}}");
        let Some(at) = paragraph.find(&end) else { return unclosed() };
        let length = at + end.len();
        let (latex, begin) = match name {
            // These only say that a formula is meant.
            "displaymath" | "math" => (&rest["\\begin{}".len() + name.len()..at], "\\begin{}".len() + name.len()),
            _ => (&rest[..length], 0),
        };
        return (
            Piece::Formula { start: start + begin, latex, display: name != "math", source: &rest[..length] },
            length,
        );
    };
    let Some(end) = closing(&paragraph[open..], &close) else { return unclosed() };
    let latex = &rest[open..open + end];
    let length = open + end + close.len();
    (Piece::Formula { start: start + open, latex, display, source: &rest[..length] }, length)
}

/// The first delimiter that no backslash stands before.
fn closing(text: &str, close: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'\\', b'$', &text.as_bytes()[from..]).map(|at| at + from) {
        if text[at..].starts_with(close) {
            return Some(at);
        }
        let rest = &text[at + 1..];
        from = at + 1 + if text.as_bytes()[at] == b'\\' { rest.chars().next().map_or(0, char::len_utf8) } else { 0 };
    }
    None
}

/// Writes running text between formulas: headings, paragraphs, lists as lines; everything else as it was written.
#[derive(Debug, Default)]
pub(super) struct Paragraphs {
    open: bool,
}

impl Paragraphs {
    fn begin(&mut self, html: &mut String) {
        if !self.open {
            html.push_str("<p>");
            self.open = true;
        }
    }

    pub(super) fn end(&mut self, html: &mut String) {
        if self.open {
            html.push_str("</p>\n");
            self.open = false;
        }
    }

    pub(super) fn inline(&mut self, made: &str, html: &mut String) {
        self.begin(html);
        html.push_str(made);
    }

    pub(super) fn block(&mut self, made: &str, html: &mut String) {
        self.end(html);
        html.push_str("<div class=\"formula\">");
        html.push_str(made);
        html.push_str("</div>\n");
    }

    pub(super) fn text(&mut self, text: &str, html: &mut String) {
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let bare = line.trim();
            if bare.is_empty() {
                // The rest of a line that a formula stands in is no blank line.
                if number > 0 && line.ends_with('\n') {
                    self.end(html);
                } else if self.open {
                    html.push(' ');
                }
                continue;
            }
            if bare.starts_with('%') {
                continue;
            }
            if let Some((level, title)) = heading(bare) {
                self.end(html);
                html.push_str(&format!("<h{level}>{}</h{level}>\n", escaped(title)));
                continue;
            }
            if ["\\begin{itemize}", "\\end{itemize}", "\\begin{enumerate}", "\\end{enumerate}", "\\maketitle"]
                .contains(&bare)
            {
                self.end(html);
                continue;
            }
            let line = match bare.strip_prefix("\\item") {
                Some(item) => {
                    self.end(html);
                    self.begin(html);
                    html.push_str("• ");
                    item.trim_start()
                }
                None => line,
            };
            self.begin(html);
            styled(line, html);
        }
    }
}

fn heading(line: &str) -> Option<(u8, &str)> {
    [("\\section", 3), ("\\subsection", 4), ("\\subsubsection", 5), ("\\title", 3)].iter().find_map(
        |(command, level)| {
            let title = line.strip_prefix(command)?;
            let title = title.strip_prefix('*').unwrap_or(title).strip_prefix('{')?.strip_suffix('}')?;
            (!title.contains(['{', '}'])).then_some((*level, title))
        },
    )
}

/// Bold and slanted words, and signs that have a backslash before them.
fn styled(text: &str, html: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        html.push_str(&escaped(&rest[..at]));
        rest = &rest[at..];
        let style = [("\\textbf{", "strong"), ("\\textit{", "em"), ("\\emph{", "em"), ("\\texttt{", "code")]
            .iter()
            .find_map(|(command, element)| {
                let inner = rest.strip_prefix(command)?;
                let end = inner.find(['{', '}', '\\']).filter(|end| inner[*end..].starts_with('}'))?;
                Some((*element, &inner[..end], &inner[end + 1..]))
            });
        if let Some((element, inner, after)) = style {
            html.push_str(&format!("<{element}>{}</{element}>", escaped(inner)));
            rest = after;
        } else if let Some(after) = rest.strip_prefix("\\\\") {
            html.push_str("<br>");
            rest = after;
        } else if rest[1..].starts_with(['$', '%', '&', '#', '_', '{', '}']) {
            html.push_str(&escaped(&rest[1..2]));
            rest = &rest[2..];
        } else {
            html.push('\\');
            rest = &rest[1..];
        }
    }
    html.push_str(&escaped(rest));
}

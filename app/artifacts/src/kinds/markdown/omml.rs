//! A formula as Word's equations (Office Math, ECMA-376 part 1, 22.1), from the MathML that is shown of it.

use quick_xml::{
    Reader,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};

use super::docx::xml;

/// Between a function and what it is of; nobody sees it.
const APPLIED: char = '\u{2061}';

/// An element of MathML. What is written stands in the leaves.
#[derive(Default)]
struct Node {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.attribute(name) == Some(value)
    }

    /// The one sign that it is, also in rows around it.
    fn sign(&self) -> Option<&str> {
        match (self.name.as_str(), self.children.as_slice()) {
            ("mo" | "mi", _) => Some(self.text.trim()),
            ("mrow" | "mstyle" | "mpadded", [one]) => one.sign(),
            _ => None,
        }
    }

    /// What writes one of its children.
    fn nth(&self, at: usize) -> impl Fn(&mut String) {
        move |out| self.children.get(at).into_iter().for_each(|child| node(child, out))
    }

    /// Nothing that anybody sees, as between a function and what it is of.
    fn is_blank(&self) -> bool {
        self.name == "mspace"
            || self.name != "mtext"
                && self.children.is_empty()
                && self.text.trim_matches(|c: char| c.is_whitespace() || c == APPLIED).is_empty()
    }

    /// An operator by its name with what stands below it, in running text beside it.
    fn is_limit(&self) -> bool {
        let named = |sign: &str| sign.starts_with("lim") || ["max", "min", "sup", "inf"].contains(&sign);
        ["munder", "msub"].contains(&self.name.as_str())
            && self.children.first().and_then(Self::sign).is_some_and(named)
    }

    /// A bracket that grows with what it holds.
    fn fence(&self) -> Option<&str> {
        let stretchy = self.name == "mo" && (self.is("stretchy", "true") || self.is("fence", "true"));
        let text = self.text.trim();
        (stretchy && text.chars().count() <= 1).then_some(text)
    }
}

/// `<m:oMath>` for a formula in LaTeX; `None` where it cannot be read.
pub(super) fn equation(latex: &str, display: bool) -> Option<String> {
    let mathml = cjhirashi_markdown::formula(latex, display).ok()?;
    let mut out = String::with_capacity(mathml.len() * 2);
    out.push_str("<m:oMath>");
    node(&read(&mathml)?, &mut out);
    out.push_str("</m:oMath>");
    Some(out)
}

fn read(mathml: &str) -> Option<Node> {
    let mut reader = Reader::from_str(mathml);
    let mut open = vec![Node::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => open.push(begun(&tag)?),
            Event::Empty(tag) => open.last_mut()?.children.push(begun(&tag)?),
            Event::End(_) => {
                let done = open.pop()?;
                open.last_mut()?.children.push(done);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text),
            Event::GeneralRef(reference) => {
                let text = &mut open.last_mut()?.text;
                match (reference.resolve_char_ref().ok()?, &*reference) {
                    (Some(char), _) => text.push(char),
                    // The one that XML does not know and MathML has.
                    (None, "nbsp") => text.push('\u{a0}'),
                    (None, name) => text.push_str(resolve_predefined_entity(name)?),
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    (open.len() == 1).then(|| open.pop()).flatten()
}

fn begun(tag: &BytesStart<'_>) -> Option<Node> {
    let attributes: Result<Vec<_>, _> = tag
        .attributes()
        .map(|attribute| attribute.map(|of| (of.key.as_ref().to_owned(), of.value.into_owned())))
        .collect();
    Some(Node { name: tag.name().as_ref().to_owned(), attributes: attributes.ok()?, ..Node::default() })
}

fn nodes(children: &[Node], out: &mut String) {
    // Brackets around all of a row hold it; a table of cases has one alone.
    let held = match children {
        [first, inside @ .., last] => match (first.fence(), last.fence()) {
            (Some(begin), Some(end)) => Some((begin, inside, end)),
            (Some(begin), None) if inside.is_empty() && last.name == "mtable" => Some((begin, &children[1..], "")),
            _ => None,
        },
        _ => None,
    };
    if let Some((begin, inside, end)) = held {
        out.push_str("<m:d><m:dPr>");
        value("begChr", begin, out);
        value("endChr", end, out);
        out.push_str("</m:dPr>");
        part("e", |out| nodes(inside, out), out);
        out.push_str("</m:d>");
        return;
    }
    let mut children = children.iter();
    while let Some(child) = children.next() {
        if !child.is_limit() {
            node(child, out);
            continue;
        }
        out.push_str("<m:func>");
        part("fName", |out| limit("limLow", child.nth(0), child.nth(1), out), out);
        part("e", |out| children.find(|child| !child.is_blank()).into_iter().for_each(|child| node(child, out)), out);
        out.push_str("</m:func>");
    }
}

fn node(of: &Node, out: &mut String) {
    match of.name.as_str() {
        "mi" | "mn" | "mo" | "mtext" => run(of, out),
        "mspace" => text("\u{2002}", UPRIGHT, out),
        "mphantom" | "annotation" => {}
        "mfrac" => {
            out.push_str("<m:f>");
            if of.attribute("linethickness").is_some_and(|width| width.starts_with('0')) {
                out.push_str("<m:fPr><m:type m:val=\"noBar\"/></m:fPr>");
            }
            part("num", of.nth(0), out);
            part("den", of.nth(1), out);
            out.push_str("</m:f>");
        }
        "msqrt" => {
            out.push_str("<m:rad><m:radPr><m:degHide m:val=\"1\"/></m:radPr><m:deg/>");
            part("e", |out| nodes(&of.children, out), out);
            out.push_str("</m:rad>");
        }
        "mroot" => {
            out.push_str("<m:rad>");
            part("deg", of.nth(1), out);
            part("e", of.nth(0), out);
            out.push_str("</m:rad>");
        }
        "msub" => scripts("sSub", &["sub"], of, out),
        "msup" => scripts("sSup", &["sup"], of, out),
        "msubsup" => scripts("sSubSup", &["sub", "sup"], of, out),
        "munder" => limit("limLow", of.nth(0), of.nth(1), out),
        "mover" => match of.children.get(1).and_then(Node::sign).and_then(accent) {
            Some(Accent::Bar) => {
                out.push_str("<m:bar><m:barPr><m:pos m:val=\"top\"/></m:barPr>");
                part("e", of.nth(0), out);
                out.push_str("</m:bar>");
            }
            Some(Accent::Mark(mark)) => {
                out.push_str("<m:acc><m:accPr>");
                value("chr", mark, out);
                out.push_str("</m:accPr>");
                part("e", of.nth(0), out);
                out.push_str("</m:acc>");
            }
            None => limit("limUpp", of.nth(0), of.nth(1), out),
        },
        "munderover" => limit("limUpp", |out| limit("limLow", of.nth(0), of.nth(1), out), of.nth(2), out),
        "mtable" => table(of, out),
        _ => nodes(&of.children, out),
    }
}

fn part(name: &str, inside: impl FnOnce(&mut String), out: &mut String) {
    for piece in ["<m:", name, ">"] {
        out.push_str(piece);
    }
    inside(out);
    for piece in ["</m:", name, ">"] {
        out.push_str(piece);
    }
}

fn value(name: &str, of: &str, out: &mut String) {
    for piece in ["<m:", name, " m:val=\"", &xml(of), "\"/>"] {
        out.push_str(piece);
    }
}

fn scripts(name: &str, places: &[&str], of: &Node, out: &mut String) {
    part(
        name,
        |out| {
            for (place, child) in std::iter::once(&"e").chain(places).zip(&of.children) {
                part(place, |out| node(child, out), out);
            }
        },
        out,
    );
}

fn limit(name: &str, base: impl FnOnce(&mut String), at: impl FnOnce(&mut String), out: &mut String) {
    part(
        name,
        |out| {
            part("e", base, out);
            part("lim", at, out);
        },
        out,
    );
}

fn table(of: &Node, out: &mut String) {
    let columns = of.children.iter().map(|row| row.children.len()).max().unwrap_or(0);
    out.push_str("<m:m><m:mPr><m:mcs><m:mc><m:mcPr>");
    value("count", &columns.to_string(), out);
    value("mcJc", "center", out);
    out.push_str("</m:mcPr></m:mc></m:mcs></m:mPr>");
    for row in &of.children {
        out.push_str("<m:mr>");
        for at in 0..columns {
            part("e", |out| row.children.get(at).into_iter().for_each(|cell| nodes(&cell.children, out)), out);
        }
        out.push_str("</m:mr>");
    }
    out.push_str("</m:m>");
}

enum Accent {
    Bar,
    /// The mark as it combines with a letter.
    Mark(&'static str),
}

fn accent(sign: &str) -> Option<Accent> {
    Some(match sign {
        "‾" | "¯" | "―" => Accent::Bar,
        "^" | "ˆ" | "\u{302}" => Accent::Mark("\u{302}"),
        "~" | "˜" | "\u{303}" => Accent::Mark("\u{303}"),
        "˙" | "\u{307}" => Accent::Mark("\u{307}"),
        "¨" | "\u{308}" => Accent::Mark("\u{308}"),
        "ˇ" | "\u{30c}" => Accent::Mark("\u{30c}"),
        "˘" | "\u{306}" => Accent::Mark("\u{306}"),
        "´" | "\u{301}" => Accent::Mark("\u{301}"),
        "`" | "\u{300}" => Accent::Mark("\u{300}"),
        "→" | "\u{20d7}" => Accent::Mark("\u{20d7}"),
        _ => return None,
    })
}

fn run(of: &Node, out: &mut String) {
    // Names of functions stand upright; a letter alone leans by itself.
    let upright = of.name != "mi" || of.is("mathvariant", "normal") || of.text.trim().chars().nth(1).is_some();
    if of.name == "mtext" {
        text(&of.text, "<m:rPr><m:nor/></m:rPr>", out);
    } else if !of.is_blank() {
        text(of.text.trim(), if upright { UPRIGHT } else { "" }, out);
    }
}

const UPRIGHT: &str = "<m:rPr><m:sty m:val=\"p\"/></m:rPr>";

fn text(said: &str, properties: &str, out: &mut String) {
    for piece in ["<m:r>", properties, "<m:t xml:space=\"preserve\">", &xml(said), "</m:t></m:r>"] {
        out.push_str(piece);
    }
}

//! Pictures that are drawn: SVG, as models and drawing programs write it.
//!
//! It is shown as an image, where browsers run nothing and ask nobody. Whoever exports it opens it elsewhere, so it is
//! written anew: elements and attributes that draw, references into itself, pictures that it brings along, nothing else.
//! What is shown again and again is counted as often: a few references could be millions of elements.

use std::collections::HashMap;

use quick_xml::{
    Reader,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};

use super::super::text::escaped;

/// More bytes are not drawn.
const MAX_BYTES: usize = 500_000;
/// More elements are not drawn, nor are deeper ones.
const MAX_ELEMENTS: usize = 20_000;
const MAX_DEPTH: usize = 100;
/// Elements with all that is shown again.
const MAX_SHOWN: usize = 200_000;
/// References that lead to what refers on.
const MAX_STEPS: usize = 40;
/// The longest side, in pixels.
const MAX_SIDE: f64 = 12_000.0;

/// A drawing as it may be shown.
#[derive(Debug, PartialEq)]
pub(super) struct Drawing {
    pub(super) svg: String,
    /// Width and height in pixels, where it tells them.
    pub(super) sides: Option<(u32, u32)>,
}

/// Why there is none.
#[derive(Debug, PartialEq)]
pub(super) enum Wrong {
    /// It cannot be read on from this byte.
    At(usize),
    TooLarge,
}

/// Whether a text is meant to be SVG, by its beginning.
pub(super) fn is_drawing(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    for _ in 0..20 {
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<!") => ">",
            _ => break,
        };
        let Some(at) = rest.find(end) else { return false };
        rest = rest[at + end.len()..].trim_start();
    }
    rest.strip_prefix("<svg").is_some_and(|rest| rest.starts_with(|c: char| c.is_whitespace() || c == '>' || c == '/'))
}

/// An element that is open.
struct Open {
    name: &'static str,
    /// Its part, where others may show it again.
    part: Option<usize>,
    /// What stands in a style sheet.
    css: Option<String>,
}

/// What has a name: how many elements are in it, and what these refer to.
#[derive(Default)]
struct Part {
    elements: usize,
    refers: Vec<String>,
}

/// The parts of a drawing; the first is all of it.
struct Parts {
    all: Vec<Part>,
    named: HashMap<String, usize>,
    /// What style sheets refer to: nobody knows how often.
    sheets: Vec<String>,
    /// The names of what holds no shapes.
    plain: Vec<String>,
}

impl Parts {
    /// An element with these references, in the parts that are open.
    fn take(&mut self, open: &[Open], refers: &[String]) {
        for at in std::iter::once(0).chain(open.iter().filter_map(|above| above.part)) {
            if let Some(part) = self.all.get_mut(at) {
                part.elements += 1;
                part.refers.extend_from_slice(refers);
            }
        }
    }

    /// Elements of a part with all that it shows again; `None` beyond what is drawn.
    fn shown(&self, at: usize, steps: usize, known: &mut HashMap<usize, usize>) -> Option<usize> {
        if let Some(shown) = known.get(&at) {
            return Some(*shown);
        }
        if steps > MAX_STEPS {
            return None;
        }
        let part = self.all.get(at)?;
        let mut shown = part.elements;
        for target in part.refers.iter().filter_map(|name| self.named.get(name)) {
            shown = shown.saturating_add(self.shown(*target, steps + 1, known)?);
            if shown > MAX_SHOWN {
                return None;
            }
        }
        known.insert(at, shown);
        Some(shown)
    }
}

/// The drawing, written anew.
pub(super) fn cleaned(source: &str) -> Result<Drawing, Wrong> {
    if source.len() > MAX_BYTES {
        return Err(Wrong::TooLarge);
    }
    let mut reader = Reader::from_str(source);
    let mut drawing = Drawing { svg: String::with_capacity(source.len()), sides: None };
    let mut open: Vec<Open> = Vec::new();
    let mut parts = Parts { all: vec![Part::default()], named: HashMap::new(), sheets: Vec::new(), plain: Vec::new() };
    let (mut left_out, mut elements, mut ended) = (0_usize, 0_usize, false);
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(_) => return Err(Wrong::At(place(reader.error_position(), source))),
        };
        let here = place(reader.buffer_position(), source);
        match event {
            Event::Start(tag) | Event::Empty(tag) if left_out == 0 && ended && open.is_empty() => {
                let _ = tag;
                return Err(Wrong::At(here));
            }
            Event::Start(tag) => {
                elements += 1;
                let element = if left_out == 0 { element(&tag, &open) } else { None };
                match element {
                    Some(name) if open.len() < MAX_DEPTH => {
                        let begun = begin(name, &tag, open.is_empty(), &mut drawing).ok_or(Wrong::At(here))?;
                        drawing.svg.push('>');
                        parts.take(&open, &begun.refers);
                        let part = begun.named.map(|called| {
                            if ["linearGradient", "radialGradient", "filter"].contains(&name) {
                                parts.plain.push(called.clone());
                            }
                            parts.all.push(Part::default());
                            *parts.named.entry(called).or_insert(parts.all.len() - 1)
                        });
                        open.push(Open { name, part, css: (name == "style").then(String::new) });
                    }
                    Some(_) => return Err(Wrong::TooLarge),
                    None if open.is_empty() && left_out == 0 => return Err(Wrong::At(here)),
                    None => left_out += 1,
                }
            }
            Event::Empty(tag) => {
                elements += 1;
                if left_out > 0 {
                    continue;
                }
                if let Some(name) = element(&tag, &open) {
                    let begun = begin(name, &tag, open.is_empty(), &mut drawing).ok_or(Wrong::At(here))?;
                    drawing.svg.push_str("/>");
                    parts.take(&open, &begun.refers);
                    ended |= open.is_empty();
                } else if open.is_empty() {
                    return Err(Wrong::At(here));
                }
            }
            Event::End(_) if left_out > 0 => left_out -= 1,
            Event::End(_) => {
                let done = open.pop().ok_or(Wrong::At(here))?;
                if let Some(css) = done.css.filter(|css| is_harmless(css)) {
                    parts.sheets.extend(references(&css));
                    drawing.svg.push_str(&escaped(&css));
                }
                for piece in ["</", done.name, ">"] {
                    drawing.svg.push_str(piece);
                }
                ended = open.is_empty();
            }
            Event::Text(text) => said(&text, left_out, &mut open, &mut drawing.svg),
            Event::CData(text) => said(&text, left_out, &mut open, &mut drawing.svg),
            Event::GeneralRef(reference) => {
                let char = reference.resolve_char_ref().map_err(|_| Wrong::At(here))?;
                let text = char.map(String::from);
                // What a document type declares is not read.
                let text = text.or_else(|| resolve_predefined_entity(&reference).map(str::to_owned));
                said(&text.unwrap_or_default(), left_out, &mut open, &mut drawing.svg);
            }
            Event::Eof => break,
            Event::Comment(_) | Event::PI(_) | Event::DocType(_) | Event::Decl(_) => {}
        }
        if elements > MAX_ELEMENTS {
            return Err(Wrong::TooLarge);
        }
    }
    if !ended || !open.is_empty() {
        return Err(Wrong::At(source.len()));
    }
    if !parts.sheets.iter().all(|name| parts.plain.contains(name)) {
        return Err(Wrong::TooLarge);
    }
    parts.shown(0, 0, &mut HashMap::new()).map(|_| drawing).ok_or(Wrong::TooLarge)
}

fn place(at: u64, source: &str) -> usize {
    source.floor_char_boundary(usize::try_from(at).unwrap_or(usize::MAX).min(source.len()))
}

fn said(text: &str, left_out: usize, open: &mut [Open], svg: &mut String) {
    let Some(inside) = open.last_mut().filter(|_| left_out == 0) else { return };
    match &mut inside.css {
        Some(css) => css.push_str(text),
        None => svg.push_str(&written(text)),
    }
}

/// Text as XML may have it.
fn written(text: &str) -> String {
    let text: String = text
        .chars()
        .filter(|c| !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'))
        .collect();
    escaped(&text)
}

/// The element as it is written; `None` where it is left out with all that is in it.
fn element(tag: &BytesStart<'_>, open: &[Open]) -> Option<&'static str> {
    let name = tag.name();
    let name: &str = name.as_ref();
    let name = name.strip_prefix("svg:").unwrap_or(name);
    if open.is_empty() {
        return (name == "svg").then_some("svg");
    }
    // A link leads nowhere here; what is in it is drawn.
    if name == "a" || name == "switch" {
        return Some("g");
    }
    ELEMENTS.iter().find(|known| **known == name).copied()
}

/// What an element is called, and what it refers to.
#[derive(Default)]
struct Begun {
    named: Option<String>,
    refers: Vec<String>,
}

/// Writes a tag but for its end. `None` when its attributes cannot be read.
fn begin(name: &str, tag: &BytesStart<'_>, root: bool, drawing: &mut Drawing) -> Option<Begun> {
    let svg = &mut drawing.svg;
    svg.push('<');
    svg.push_str(name);
    let (mut begun, mut keys, mut width, mut height, mut box_sides) = (Begun::default(), Vec::new(), None, None, None);
    if root {
        svg.push_str(" xmlns=\"http://www.w3.org/2000/svg\"");
    }
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        let key: &str = attribute.key.as_ref();
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok()?;
        let key = if key == "xlink:href" { "href" } else { key };
        if root {
            match key {
                "width" => width = pixels(&value),
                "height" => height = pixels(&value),
                "viewBox" => box_sides = sides_of_box(&value),
                _ => {}
            }
            if matches!(key, "width" | "height") {
                continue;
            }
        }
        // An old and a new name of the same are one.
        if !is_drawn(name, key, &value) || keys.iter().any(|known| known == key) {
            continue;
        }
        keys.push(key.to_owned());
        match key {
            "id" => begun.named = Some(value.to_string()),
            "href" => begun.refers.extend(value.strip_prefix('#').map(str::to_owned)),
            _ => begun.refers.extend(references(&value)),
        }
        for piece in [" ", key, "=\"", &written(&value), "\""] {
            svg.push_str(piece);
        }
    }
    if root {
        drawing.sides = width.zip(height).or(box_sides);
        if let Some((width, height)) = drawing.sides {
            drawing.svg.push_str(&format!(" width=\"{width}\" height=\"{height}\""));
        }
    }
    Some(begun)
}

/// What each `url(` leads to: `'#name')`.
fn references(css: &str) -> Vec<String> {
    // Letters of ASCII alone change, so that places stay.
    let lower = css.to_ascii_lowercase();
    let places = lower.match_indices("url(").map(|(at, url)| &css[at + url.len()..]);
    places
        .filter_map(|rest| {
            let name = rest.trim_start_matches([' ', '"', '\'', '\n', '\t']).strip_prefix('#')?;
            Some(name.split([')', '"', '\'', ' ']).next().unwrap_or_default().to_owned())
        })
        .collect()
}

fn is_drawn(element: &str, key: &str, value: &str) -> bool {
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let begins = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let named = plain && begins;
    if !named && !["xml:space", "xml:lang"].contains(&key) {
        return false;
    }
    let lower = key.to_ascii_lowercase();
    match lower.as_str() {
        _ if lower.starts_with("on") || lower.starts_with("xmlns") => false,
        "href" => value.starts_with('#') || (element == "image" && is_picture(value)),
        "attributename" => {
            !value.to_ascii_lowercase().contains("href") && !value.to_ascii_lowercase().starts_with("on")
        }
        _ => is_harmless(value),
    }
}

/// A picture that is brought along, not fetched.
fn is_picture(address: &str) -> bool {
    let kinds =
        ["data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,", "data:image/gif;base64,"];
    let content = kinds.iter().find_map(|kind| address.strip_prefix(kind));
    content.is_some_and(|content| {
        content.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b) || b.is_ascii_whitespace())
    })
}

/// Style, or a value, that asks for nothing outside of the drawing. Escapes could hide what it says.
fn is_harmless(css: &str) -> bool {
    let lower = css.to_ascii_lowercase();
    let words = ["@import", "@font-face", "javascript:", "expression(", "\\", "image-set", "data:"];
    !words.iter().any(|word| lower.contains(word))
        && lower
            .split("url(")
            .skip(1)
            .all(|rest| rest.trim_start_matches([' ', '"', '\'', '\n', '\t']).starts_with('#'))
}

fn pixels(length: &str) -> Option<u32> {
    side(length.trim().trim_end_matches("px").parse().ok()?)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within the sides of a picture")]
fn side(length: f64) -> Option<u32> {
    (1.0..=MAX_SIDE).contains(&length).then(|| length.round() as u32)
}

/// Width and height of a `viewBox`; a small one is enlarged, as nothing says how large it is to be seen.
fn sides_of_box(view_box: &str) -> Option<(u32, u32)> {
    let numbers: Vec<f64> = view_box
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|part| !part.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [_, _, width, height] = numbers[..] else { return None };
    let enlarged = if width.max(height) < 300.0 { 300.0 / width.max(height).max(1.0) } else { 1.0 };
    side(width * enlarged).zip(side(height * enlarged))
}

/// What draws.
const ELEMENTS: &[&str] = &[
    "svg",
    "g",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "textPath",
    "defs",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
    "pattern",
    "symbol",
    "use",
    "marker",
    "title",
    "desc",
    "style",
    "image",
    "filter",
    "feBlend",
    "feColorMatrix",
    "feComponentTransfer",
    "feFuncR",
    "feFuncG",
    "feFuncB",
    "feFuncA",
    "feComposite",
    "feConvolveMatrix",
    "feDiffuseLighting",
    "feDisplacementMap",
    "feDistantLight",
    "feDropShadow",
    "feFlood",
    "feGaussianBlur",
    "feMerge",
    "feMergeNode",
    "feMorphology",
    "feOffset",
    "fePointLight",
    "feSpecularLighting",
    "feSpotLight",
    "feTile",
    "feTurbulence",
    "animate",
    "animateTransform",
    "animateMotion",
    "mpath",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn svg(source: &str) -> String {
        cleaned(source).unwrap().svg
    }

    #[test]
    fn a_drawing_is_kept_with_its_sides() {
        let source = "<?xml version=\"1.0\"?>\n<!-- x --><svg viewBox=\"0 0 20 10\"><title>Un &amp; dos</title><rect width=\"5\" height='5' fill=\"url(#g)\"/></svg>";
        assert!(is_drawing(source));
        assert_eq!(
            cleaned(source).unwrap(),
            Drawing {
                svg: "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 20 10\" width=\"300\" height=\"150\"><title>Un &amp; dos</title><rect width=\"5\" height=\"5\" fill=\"url(#g)\"/></svg>".to_owned(),
                sides: Some((300, 150)),
            }
        );
        assert_eq!(cleaned("<svg width=\"40px\" height=\"30\"/>").unwrap().sides, Some((40, 30)));
        for other in ["<svgx/>", "<html><svg/></html>", "texto", "<?xml", ""] {
            assert!(!is_drawing(other), "{other}");
        }
    }

    #[test]
    fn what_runs_or_asks_others_is_left_out() {
        for hostile in [
            "<script>alert(1)</script>",
            "<g onload=\"alert(1)\"/>",
            "<g ONCLICK='alert(1)'/>",
            "<a href=\"javascript:alert(1)\"><text>x</text></a>",
            "<foreignObject><iframe src=\"https://evil.example\"/></foreignObject>",
            "<image href=\"https://evil.example/x.png\"/>",
            "<image xlink:href=\"https://evil.example/x.png\"/>",
            "<use href=\"https://evil.example/x.svg#a\"/>",
            "<rect style=\"fill:url(https://evil.example/x)\"/>",
            "<rect fill=\"url( 'https://evil.example/x')\"/>",
            "<style>@import url(https://evil.example/x.css);</style>",
            "<style>rect{fill:u\\rl(https://evil.example)}</style>",
            "<style><![CDATA[@import 'https://evil.example';]]></style>",
            "<animate attributeName=\"href\" to=\"javascript:alert(1)\"/>",
            "<set attributeName=\"onload\" to=\"alert(1)\"/>",
            "<x:script xmlns:x=\"http://www.w3.org/2000/svg\">alert(1)</x:script>",
            "<image href=\"data:image/svg+xml;base64,PHN2Zy8+\"/>",
        ] {
            let clean = svg(&format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{hostile}<rect/></svg>"));
            for word in ["alert", "evil", "script", "foreignObject", "onload", "svg+xml", "@import"] {
                assert!(!clean.contains(word), "{hostile}: {clean}");
            }
            assert!(clean.ends_with("<rect/></svg>"), "{hostile}: {clean}");
        }
        // An entity that a document type declares is nothing.
        assert_eq!(
            svg("<!DOCTYPE svg [<!ENTITY x \"<script/>\">]><svg><text>a&x;b</text></svg>"),
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><text>ab</text></svg>"
        );
        // An old and a new name are one, and what XML cannot have is left out.
        assert_eq!(svg("<svg><use href=\"#a\" xlink:href=\"#b\"/></svg>").matches("href").count(), 1);
        assert_eq!(
            svg("<svg><text>a&#1;b</text><g 1x=\"1\"/></svg>"),
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><text>ab</text><g/></svg>"
        );
        assert!(svg("<svg><image href=\"data:image/png;base64,iVBO\"/></svg>").contains("iVBO"));
    }

    #[test]
    fn what_is_shown_again_is_counted_as_often() {
        // Letters as drawing programs write them.
        let letters =
            "<svg><defs><path id=\"l\"/></defs><g id=\"text\"><use href=\"#l\"/><use xlink:href=\"#l\"/></g></svg>";
        assert_eq!(svg(letters).matches("<use href=\"#l\"/>").count(), 2);
        // Copies of copies of copies: a thousand million.
        for by in ["<use href=\"#X\"/>", "<rect fill=\"url(#X)\"/>", "<rect style=\"fill: URL( '#X' )\"/>"] {
            let level = |n: usize| format!("<g id=\"x{n}\">{}</g>", by.replace('X', &format!("x{}", n + 1)).repeat(10));
            let bomb: String = (0..9).map(level).collect();
            assert_eq!(cleaned(&format!("<svg>{bomb}<use href=\"#x0\"/></svg>")), Err(Wrong::TooLarge), "{by}");
        }
        // In a circle browsers show nothing; here it ends.
        assert_eq!(cleaned("<svg><g id=\"a\"><use href=\"#a\"/></g></svg>"), Err(Wrong::TooLarge));
        // A sheet may colour with what holds no shapes.
        let sheet =
            |of: &str| format!("<svg><style>rect{{fill:url(#a)}}</style><{of} id=\"a\"><stop/></{of}><rect/></svg>");
        assert!(svg(&sheet("linearGradient")).contains("fill:url(#a)"));
        assert_eq!(cleaned(&sheet("pattern")), Err(Wrong::TooLarge));
    }

    #[test]
    fn what_is_broken_says_where() {
        assert_eq!(cleaned("<svg><g></svg>"), Err(Wrong::At(8)));
        assert_eq!(cleaned("<svg><g>"), Err(Wrong::At(8)));
        assert!(matches!(cleaned("<svg/><svg/>"), Err(Wrong::At(_))));
        assert!(matches!(cleaned("<html/>"), Err(Wrong::At(_))));
        assert_eq!(cleaned(&format!("<svg>{}", "<g>".repeat(200))), Err(Wrong::TooLarge));
        assert_eq!(cleaned(&format!("<svg>{}</svg>", "<g/>".repeat(30_000))), Err(Wrong::TooLarge));
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_as_a_drawing_that_is_read_again(
            inside in "(<(g|rect|script|style|use|a|text|image)( (id|href|onload|style|fill)=\"[a-z#:(/&;]{0,6}\")?>|</(g|rect|script|style|use|a|text|image)>|[a-z<&;]{0,4}){0,12}"
        ) {
            if let Ok(drawing) = cleaned(&format!("<svg>{inside}</svg>")) {
                prop_assert!(!drawing.svg.contains("script") && !drawing.svg.contains("onload"));
                prop_assert_eq!(cleaned(&drawing.svg).unwrap().svg, drawing.svg);
            }
        }
    }
}

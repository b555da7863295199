//! Pictures that are drawn: SVG, as models and drawing programs write it.
//!
//! It is shown as an image, where browsers run nothing and ask nobody. Whoever exports it opens it elsewhere, so it is
//! written anew: elements and attributes that draw, references into itself, pictures that it brings along, nothing else.

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
    /// Others may show it again.
    named: bool,
    /// What stands in a style sheet.
    css: Option<String>,
}

/// The drawing, written anew.
pub(super) fn cleaned(source: &str) -> Result<Drawing, Wrong> {
    if source.len() > MAX_BYTES {
        return Err(Wrong::TooLarge);
    }
    let mut reader = Reader::from_str(source);
    let mut drawing = Drawing { svg: String::with_capacity(source.len()), sides: None };
    let mut open: Vec<Open> = Vec::new();
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
                        let named = begin(name, &tag, open.is_empty(), &mut drawing).ok_or(Wrong::At(here))?;
                        drawing.svg.push('>');
                        open.push(Open { name, named, css: (name == "style").then(String::new) });
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
                    begin(name, &tag, open.is_empty(), &mut drawing).ok_or(Wrong::At(here))?;
                    drawing.svg.push_str("/>");
                    ended |= open.is_empty();
                } else if open.is_empty() {
                    return Err(Wrong::At(here));
                }
            }
            Event::End(_) if left_out > 0 => left_out -= 1,
            Event::End(_) => {
                let done = open.pop().ok_or(Wrong::At(here))?;
                if let Some(css) = done.css.filter(|css| is_harmless(css)) {
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
    if ended && open.is_empty() { Ok(drawing) } else { Err(Wrong::At(source.len())) }
}

fn place(at: u64, source: &str) -> usize {
    source.floor_char_boundary(usize::try_from(at).unwrap_or(usize::MAX).min(source.len()))
}

fn said(text: &str, left_out: usize, open: &mut [Open], svg: &mut String) {
    let Some(inside) = open.last_mut().filter(|_| left_out == 0) else { return };
    match &mut inside.css {
        Some(css) => css.push_str(text),
        None => svg.push_str(&escaped(text)),
    }
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
    // What is shown again may not show others again: a few of them would be millions.
    if name == "use" && open.iter().skip(1).any(|above| above.named) {
        return None;
    }
    ELEMENTS.iter().find(|known| **known == name).copied()
}

/// Writes a tag but for its end; whether it has a name. `None` when its attributes cannot be read.
fn begin(name: &str, tag: &BytesStart<'_>, root: bool, drawing: &mut Drawing) -> Option<bool> {
    let svg = &mut drawing.svg;
    svg.push('<');
    svg.push_str(name);
    let (mut named, mut width, mut height, mut box_sides) = (false, None, None, None);
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
        if !is_drawn(name, key, &value) {
            continue;
        }
        named |= key == "id";
        for piece in [" ", key, "=\"", &escaped(&value), "\""] {
            svg.push_str(piece);
        }
    }
    if root {
        drawing.sides = width.zip(height).or(box_sides);
        if let Some((width, height)) = drawing.sides {
            drawing.svg.push_str(&format!(" width=\"{width}\" height=\"{height}\""));
        }
    }
    Some(named)
}

fn is_drawn(element: &str, key: &str, value: &str) -> bool {
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !plain && !["xml:space", "xml:lang"].contains(&key) {
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
        // Copies of copies are not drawn.
        let twice =
            "<svg><g id=\"a\"><path/></g><g id=\"b\"><use href=\"#a\"/><use href=\"#a\"/></g><use href=\"#b\"/></svg>";
        assert_eq!(svg(twice).matches("<use").count(), 1);
        assert!(svg("<svg><image href=\"data:image/png;base64,iVBO\"/></svg>").contains("iVBO"));
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

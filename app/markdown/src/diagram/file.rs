//! A drawing as a file of its own, which has no style sheet beside it: colours are written out, and it is XML.

use cjhirashi_domain::settings::Language;

use super::{MAX_NAME, MAX_SVG, Sheet, clean, escaped};
use crate::words;

/// Around the drawings, in pixels.
const MARGIN: u32 = 16;
/// Of words beside the drawings, in pixels.
const LINE: u32 = 24;
/// A line of words beside the drawings is cut there, in characters.
const MAX_LINE: usize = 140;

/// The light colours of `style/diagram.css`, as every program reads them; a test holds both against each other.
pub const COLOURS: &[(&str, &str)] = &[
    ("ink", "#211f1a"),
    ("faint", "#58554f"),
    ("paper", "#fefdfc"),
    ("group", "#f7f6f3"),
    ("line", "#94928d"),
    ("grid", "#e0deda"),
    ("edge", "#58554f"),
    ("node", "#e7f1ff"),
    ("node-line", "#6d9bd5"),
    ("note", "#fdf4ce"),
    ("note-line", "#d0b56a"),
    ("blue", "#b8d7ff"),
    ("blue-line", "#3778c8"),
    ("amber", "#fcce9a"),
    ("amber-line", "#b76b1c"),
    ("teal", "#aae5e0"),
    ("teal-line", "#198585"),
    ("pink", "#f8c7e1"),
    ("pink-line", "#b94c90"),
    ("green", "#bae9bb"),
    ("green-line", "#33854a"),
    ("violet", "#dacbf9"),
    ("violet-line", "#835cbe"),
    ("red", "#ffc3bd"),
    ("red-line", "#c44840"),
    ("yellow", "#f2e7a0"),
    ("yellow-line", "#9b852b"),
];

/// The drawings below each other.
pub(super) fn write(sheet: &Sheet, language: Language) -> Option<String> {
    let mut inside = String::new();
    let (mut width, mut y) = (0, MARGIN);
    let mut name = sheet.title.as_deref().map(escaped);
    let line = |text: &str, x: u32, y: &mut u32, weight: &str, inside: &mut String| {
        let cut: String = text.chars().take(MAX_LINE).collect();
        let dots = if cut.len() < text.len() { "…" } else { "" };
        let baseline = *y + 16;
        inside.push_str(&format!("<text x=\"{x}\" y=\"{baseline}\"{weight}>{}{dots}</text>\n", escaped(&cut)));
        *y += LINE;
        // About as wide as such letters are.
        u32::try_from(cut.chars().count()).unwrap_or(0) * 8 + x
    };
    for (at, drawn) in sheet.pictures.iter().enumerate() {
        let picture = clean::clean(&drawn.svg, &format!("d-{at}"), sheet.inverse)?;
        if let Some(label) = &drawn.label {
            width = width.max(line(label, MARGIN, &mut y, " font-weight=\"600\"", &mut inside));
        }
        inside.push_str(&format!(
            "<svg x=\"{MARGIN}\" y=\"{y}\" width=\"{}\" height=\"{}\" viewBox=\"{}\" overflow=\"visible\">{}</svg>\n",
            picture.width, picture.height, picture.view_box, picture.inside
        ));
        (inside.len() <= MAX_SVG).then_some(())?;
        width = width.max(picture.width + MARGIN);
        y += picture.height + MARGIN;
        for key in &drawn.keys {
            let top = y + 5;
            inside.push_str(&format!(
                "<rect x=\"{MARGIN}\" y=\"{top}\" width=\"12\" height=\"12\" rx=\"3\" fill=\"{}\"/>",
                key.colour
            ));
            let words = format!("{}: {}", key.name, key.boxes.join(", "));
            width = width.max(line(&words, MARGIN + 20, &mut y, "", &mut inside));
        }
        name.get_or_insert_with(|| picture.name(MAX_NAME));
    }
    let name = format!("{}: {}", words::diagram(language), name.unwrap_or_default());
    let (width, height) = (width + MARGIN, y);
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"14\" fill=\"var(--d-ink)\">\n\
         <title>{name}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"var(--d-paper)\"/>\n{inside}</svg>\n"
    );
    Some(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", as_xml(&coloured(&svg)?)))
}

/// With colours instead of their names. Only attributes have them: in words a quotation mark is written otherwise.
fn coloured(svg: &str) -> Option<String> {
    const NAME: &str = "=\"var(--d-";
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some((before, name)) = rest.split_once(NAME) {
        let (name, after) = name.split_once(')')?;
        let (_, colour) = COLOURS.iter().find(|(known, _)| *known == name)?;
        out.push_str(before);
        out.push_str("=\"");
        out.push_str(colour);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// HTML knows more characters by name than XML, and more characters at all.
fn as_xml(svg: &str) -> String {
    let is_character =
        |c: char| !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(at) = rest.find('&') {
        out.extend(rest[..at].chars().filter(|c| is_character(*c)));
        let Some(end) = rest[at..].find(';').filter(|end| *end <= 10) else {
            out.push_str("&amp;");
            rest = &rest[at + 1..];
            continue;
        };
        let name = &rest[at + 1..at + end];
        let number = name.strip_prefix('#').map(|number| match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok().and_then(char::from_u32),
            None => number.parse().ok().and_then(char::from_u32),
        });
        match (name, number) {
            ("amp" | "lt" | "gt" | "quot" | "apos", _) => out.push_str(&rest[at..=at + end]),
            ("nbsp", _) => out.push('\u{a0}'),
            (_, Some(Some(c))) if is_character(c) => out.push_str(&format!("&#{};", u32::from(c))),
            (_, Some(_)) => out.push(' '),
            (name, None) => out.push_str(&format!("&amp;{name};")),
        }
        rest = &rest[at + end + 1..];
    }
    out.extend(rest.chars().filter(|c| is_character(*c)));
    out
}

//! Formulas as an SVG file of their own: the outlines of their letters, which need no font.

use std::{fmt::Write as _, thread};

use ratex_layout::{LayoutOptions, layout, to_display_list, validate_layout};
use ratex_svg::{SvgColorSyntax, SvgOptions, render_to_svg_with_color_syntax};

use super::super::text::escaped;

/// The library recurses; the thread it runs on has room for the deepest formula that is read.
const STACK: usize = 32 * 1024 * 1024;
/// A picture is not longer, in bytes.
const MAX_SVG: usize = 8 * 1024 * 1024;
/// Neither wider nor higher, in points.
const MAX_SIDE: f64 = 20_000.0;
/// Between two formulas, in points.
const GAP: f64 = 12.0;

/// One formula: what is inside of its `<svg>`, and its sides in points.
struct Drawn {
    body: String,
    width: f64,
    height: f64,
}

/// Formulas below each other. Each is the byte at which it begins, the formula, and whether it is on lines of its own.
///
/// # Errors
/// The byte of the first formula that cannot be drawn.
pub(super) fn svg(formulas: &[(usize, &str, bool)], title: &str) -> Result<String, usize> {
    let first = formulas.first().map_or(0, |(start, _, _)| *start);
    let drawn = thread::scope(|scope| {
        let draw = || formulas.iter().map(|(start, latex, _)| one(latex).ok_or(*start)).collect();
        // A panic of the library's ends the thread and nothing else.
        let worker = thread::Builder::new().name("formula".to_owned()).stack_size(STACK).spawn_scoped(scope, draw);
        worker.ok().and_then(|worker| worker.join().ok())
    });
    let drawn: Vec<Drawn> = drawn.unwrap_or(Err(first))?;
    let width = drawn.iter().map(|one| one.width).fold(0.0, f64::max);
    let height = drawn.iter().map(|one| one.height + GAP).sum::<f64>() - GAP;
    if !(width <= MAX_SIDE && height <= MAX_SIDE && width > 0.0 && height > 0.0) {
        return Err(first);
    }
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.3} {height:.3}\" width=\"{width:.3}pt\" height=\"{height:.3}pt\" role=\"img\">\n<title>{}</title>\n",
        written(title)
    );
    let mut y = 0.0;
    for one in &drawn {
        let _ = writeln!(out, "<g transform=\"translate(0 {y:.3})\">{}</g>", one.body);
        y += one.height + GAP;
    }
    out.push_str("</svg>\n");
    if out.len() <= MAX_SVG { Ok(out) } else { Err(first) }
}

fn one(latex: &str) -> Option<Drawn> {
    let parsed = ratex_parser::parse(latex).ok()?;
    // Alone in its picture a formula has all the room that one on lines of its own has.
    let boxes = layout(&parsed, &LayoutOptions::default());
    validate_layout(&boxes).ok()?;
    let list = to_display_list(&boxes);
    let options = SvgOptions { font_size: 20.0, padding: 4.0, embed_glyphs: true, ..SvgOptions::default() };
    let svg = render_to_svg_with_color_syntax(&list, &options, SvgColorSyntax::Rgb);
    let body = svg.strip_prefix("<svg")?;
    let (_, body) = body.split_once('>')?;
    let body = body.trim_end().strip_suffix("</svg>")?;
    let width = list.width * options.font_size + 2.0 * options.padding;
    let height = (list.height + list.depth) * options.font_size + 2.0 * options.padding;
    (body.len() <= MAX_SVG && is_drawing(body)).then(|| Drawn { body: body.to_owned(), width, height })
}

/// Whether there is nothing in it but lines and areas: no letters that would need a font, no pictures, no links.
fn is_drawing(svg: &str) -> bool {
    let mut rest = svg;
    while let Some(at) = rest.find('<') {
        let tag = &rest[at + 1..];
        let Some(end) = tag.find('>') else { return false };
        let inside = &tag[..end];
        let name = inside.split([' ', '/', '\n']).next().unwrap_or_default();
        if !["path", "rect", "line", "g", ""].contains(&name) || (name.is_empty() && inside != "/g") {
            return false;
        }
        // Everything after the name is attributes of ours: no addresses, no handlers, no styles.
        let mut attributes = inside[name.len()..].trim_end_matches('/').trim();
        while !attributes.is_empty() && !name.is_empty() {
            let Some((key, value)) = attributes.split_once("=\"") else { return false };
            let Some((value, after)) = value.split_once('"') else { return false };
            let known = [
                "d",
                "x",
                "y",
                "x1",
                "x2",
                "y1",
                "y2",
                "width",
                "height",
                "fill",
                "fill-rule",
                "fill-opacity",
                "stroke",
                "stroke-width",
                "stroke-opacity",
                "stroke-dasharray",
                "stroke-linecap",
                "stroke-linejoin",
                "transform",
                "opacity",
            ];
            if !known.contains(&key)
                || value.contains(['<', '&', ':'])
                || value.contains("url")
                || value.contains("NaN")
            {
                return false;
            }
            attributes = after.trim_start();
        }
        rest = &tag[end + 1..];
    }
    !rest.contains('&')
}

/// A title in XML, which has fewer signs than texts have.
fn written(title: &str) -> String {
    let kept: String = title.chars().filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).take(300).collect();
    escaped(&kept)
}

//! Diagrams written as text ("```mermaid") become pictures on the server.
//!
//! The library that draws (`mermaid-svg`) is not ours and the text is a stranger's. So only kinds of diagrams are drawn
//! whose cost was measured, from a text that is neither long nor deep, on a thread of its own that nobody waits for
//! longer than the reader would; and what comes out is SVG only after [`clean`] has written it anew from lists of
//! elements and attributes, in the colours of [`paint`]. What cannot be drawn stays code.
//!
//! To draw one more kind: its word and its variant in [`bounds`], and its worst in `markdown::tests::diagrams`.

mod bounds;
mod clean;
mod file;
mod frames;
mod paint;
mod states;
mod undrawn;

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use frames::Key;
use mermaid_svg::{Diagram, ast::FlowchartDiagram};
use parking_lot::Mutex;
use undrawn::Undrawn;

use super::{Place, html::escape, remembered};
use crate::words;

pub use file::COLOURS;
#[cfg(test)]
pub(super) use paint::TONES;
pub use undrawn::DiagramProblem;

/// Longer diagrams are shown as code, in bytes.
const MAX_BYTES: usize = 12 * 1024;
/// Diagrams with more lines are shown as code: nobody would see anything in them.
const MAX_LINES: usize = 400;
/// A picture that is longer is not shown, in bytes.
const MAX_SVG: usize = 512 * 1024;
/// The library recurses; a thread's own stack is as deep as its longest text needs.
const STACK: usize = 16 * 1024 * 1024;
/// With so many drawings that never came to an end, nothing more is drawn.
const MAX_LOST: usize = 4;
/// A diagram alone may take so long.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a picture is called, at most so long, in bytes.
const MAX_NAME: usize = 300;

/// Drawings that took too long and go on without anybody who waits for them.
static LOST: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Whether code in that language is a diagram.
pub(super) fn is_one(language: &str) -> bool {
    language.eq_ignore_ascii_case("mermaid")
}

/// What came of a diagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Drawing {
    /// A picture, as safe HTML.
    Picture(String),
    /// It is none that can be drawn.
    Never,
    /// There was no time for it; another day there may be.
    NotNow,
}

/// Draws, or says that the source has to do. `number` is the diagram's in its text; what it takes goes off `patience`.
pub(super) fn draw(source: &str, number: u32, place: Place<'_>, patience: &mut Duration) -> Drawing {
    match pictures(source, patience).and_then(|sheet| shown(&sheet, number, place).ok_or(Undrawn::Unreadable)) {
        Ok(html) => Drawing::Picture(html),
        Err(Undrawn::Late) => Drawing::NotNow,
        Err(_) => Drawing::Never,
    }
}

/// A diagram alone, as safe HTML: one SVG or more, what they are called, and what their colours stand for.
///
/// # Errors
/// What keeps it from being drawn, with the line where it can be told.
pub fn diagram(source: &str, place: Place<'_>) -> Result<String, DiagramProblem> {
    remembered(("diagram", source, place.id, place.language.as_str()), || {
        alone(source, place, |sheet| shown(sheet, 0, place))
    })
}

/// A diagram as an SVG file of its own: well-formed, in the colours of the light theme, without anything from elsewhere.
///
/// # Errors
/// As [`diagram`].
pub fn diagram_file(source: &str, place: Place<'_>) -> Result<String, DiagramProblem> {
    alone(source, place, |sheet| file::write(sheet, place.language))
}

fn alone(source: &str, place: Place<'_>, write: impl Fn(&Sheet) -> Option<String>) -> Result<String, DiagramProblem> {
    let unix = source.replace("\r\n", "\n");
    let drawn = pictures(&unix, &mut { PATIENCE });
    // The cleaner is ours, but reads what the library wrote.
    let written = drawn.and_then(|sheet| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| write(&sheet)))
            .ok()
            .flatten()
            .ok_or(Undrawn::Unreadable)
    });
    written.map_err(|undrawn| undrawn.problem(place.language))
}

/// The pictures of one diagram.
struct Sheet {
    pictures: Vec<Drawn>,
    /// White words on dark ground are in them.
    inverse: bool,
    title: Option<String>,
}

fn pictures(source: &str, patience: &mut Duration) -> Result<Sheet, Undrawn> {
    let (title, body) = without_settings(source)?;
    bounds::may_be_read(&body)?;
    let begun = Instant::now();
    let drawn = drawn_aside(body, *patience);
    *patience = patience.saturating_sub(begun.elapsed());
    let (pictures, inverse) = drawn?;
    Ok(Sheet { pictures, inverse, title })
}

/// Pictures as safe HTML.
fn shown(sheet: &Sheet, number: u32, place: Place<'_>) -> Option<String> {
    let Sheet { pictures, inverse, title } = sheet;
    let mut html = String::new();
    for (at, Drawn { svg, label, keys }) in pictures.iter().enumerate() {
        let mut prefix = String::from("dg-");
        escape(place.id, &mut prefix);
        let picture = clean::clean(svg, &format!("{prefix}-{number}-{at}"), *inverse)?;
        if let Some(label) = label {
            html.push_str(&format!("<p class=\"diagram-part\">{}</p>", escaped(label)));
        }
        let title = title.as_deref().filter(|_| at == 0);
        let name = title.map_or_else(|| picture.name(MAX_NAME), escaped);
        // A little too wide is shown a little smaller.
        let fits = if (640..=860).contains(&picture.width) { " class=\"fits\"" } else { "" };
        html.push_str(&format!(
            "<svg role=\"img\" aria-label=\"{}: {name}\" viewBox=\"{}\" width=\"{}\" height=\"{}\" fill=\"var(--d-ink)\"{fits}>{}</svg>",
            words::diagram(place.language),
            picture.view_box,
            picture.width,
            picture.height,
            picture.inside
        ));
        write_keys(keys, &mut html);
        (html.len() <= MAX_SVG).then_some(())?;
    }
    Some(html)
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    escape(text, &mut out);
    out
}

/// The diagram alone, and its title: what a text says about fonts and themes is not obeyed. Every line stays at its number.
fn without_settings(source: &str) -> Result<(Option<String>, String), Undrawn> {
    if source.len() > MAX_BYTES || source.lines().count() > MAX_LINES {
        return Err(Undrawn::TooLong);
    }
    let breaks = |text: &str| "\n".repeat(text.matches('\n').count());
    let mut title = None;
    let mut body = source.trim_start();
    if let Some(front) = body.strip_prefix("---\n") {
        let (front, rest) = front.split_once("\n---").ok_or(Undrawn::Settings)?;
        title = front.lines().find_map(|line| line.strip_prefix("title:")).map(|title| {
            title.trim().trim_matches(['"', '\'']).chars().filter(|c| !c.is_control()).take(MAX_NAME / 4).collect()
        });
        body = rest;
    }
    let mut kept = String::with_capacity(source.len());
    kept.push_str(&breaks(&source[..source.len() - body.len()]));
    while let Some((before, directive)) = body.split_once("%%{") {
        kept.push_str(before);
        let (inside, after) = directive.split_once("}%%").ok_or(Undrawn::Settings)?;
        kept.push_str(&breaks(inside));
        body = after;
    }
    kept.push_str(body);
    Ok((title.filter(|title: &String| !title.is_empty()), without_descriptions(&kept)))
}

/// Without what is written for those who hear a diagram: the library leaves those lines out before it counts.
fn without_descriptions(body: &str) -> String {
    let mut kept = String::with_capacity(body.len());
    let mut inside = false;
    for line in body.split_inclusive('\n') {
        let start = line.trim_start().get(..8).map(str::to_ascii_lowercase).unwrap_or_default();
        let rest = line.trim_start().get(8..).unwrap_or_default().trim_start();
        if inside {
            inside = !line.contains('}');
        } else if (start == "acctitle" || start == "accdescr") && rest.starts_with(':') {
        } else if start == "accdescr" && rest.starts_with('{') {
            inside = !line.contains('}');
        } else {
            kept.push_str(line);
            continue;
        }
        if line.ends_with('\n') {
            kept.push('\n');
        }
    }
    kept
}

/// Draws on a thread of its own, which may panic, or go on for ever without anybody who waits for it. A stack that
/// overflows would end the process, on whatever thread; that is what [`bounds`] are for. The flag tells that white words on
/// dark ground are in it.
fn drawn_aside(body: String, patience: Duration) -> Result<(Vec<Drawn>, bool), Undrawn> {
    {
        let mut lost = LOST.lock();
        lost.retain(|drawing| !drawing.is_finished());
        if lost.len() >= MAX_LOST || patience.is_zero() {
            return Err(Undrawn::Late);
        }
    }
    let (tell, told) = mpsc::sync_channel(1);
    let drawing = thread::Builder::new().name("diagram".to_owned()).stack_size(STACK).spawn(move || {
        let _ = tell.send(drawn(&body));
    });
    let drawing = drawing.map_err(|_| Undrawn::Late)?;
    match told.recv_timeout(patience) {
        Ok(drawn) => drawn,
        Err(RecvTimeoutError::Timeout) => {
            tracing::warn!("a diagram took too long to draw; its source is shown");
            LOST.lock().push(drawing);
            Err(Undrawn::Late)
        }
        // It panicked, and has said so itself.
        Err(RecvTimeoutError::Disconnected) => Err(Undrawn::Unreadable),
    }
}

/// A picture as the library makes it.
struct Drawn {
    svg: String,
    /// What it is the inside of.
    label: Option<String>,
    /// What its colours stand for.
    keys: Vec<Key>,
}

fn drawn(body: &str) -> Result<(Vec<Drawn>, bool), Undrawn> {
    let diagram = mermaid_svg::parse(body)?;
    bounds::may_be_drawn(&diagram).then_some(()).ok_or(Undrawn::TooMuch)?;
    let inverse = matches!(diagram, Diagram::Sequence(_));
    let pictures = match diagram {
        Diagram::State(states) => {
            let parts = states::apart(states).ok_or(Undrawn::Crossing)?.into_iter();
            parts.map(|(label, part)| picture(&Diagram::State(part), label)).collect::<Option<_>>()
        }
        Diagram::Flowchart(flow) => framed(flow).map(|drawn| vec![drawn]),
        other => picture(&other, None).map(|drawn| vec![drawn]),
    };
    Ok((pictures.ok_or(Undrawn::Unreadable)?, inverse))
}

fn picture(diagram: &Diagram, label: Option<String>) -> Option<Drawn> {
    let svg = mermaid_svg::render_diagram_with(diagram, &paint::theme()).ok()?;
    Some(Drawn { svg, label, keys: Vec::new() })
}

fn framed(mut flow: FlowchartDiagram) -> Option<Drawn> {
    frames::mark(&mut flow);
    let drawn = picture(&Diagram::Flowchart(flow.clone()), None)?;
    if frames::tell_the_truth(&flow, &drawn.svg) {
        return Some(drawn);
    }
    let keys = frames::as_colours(&mut flow)?;
    Some(Drawn { keys, ..picture(&Diagram::Flowchart(flow), None)? })
}

fn write_keys(keys: &[Key], out: &mut String) {
    if keys.is_empty() {
        return;
    }
    out.push_str("<ul class=\"diagram-keys\">");
    for Key { colour, name, boxes } in keys {
        let swatch = format!("<rect width=\"12\" height=\"12\" rx=\"3\" fill=\"{colour}\"/>");
        out.push_str(&format!(
            "<li><svg viewBox=\"0 0 12 12\" width=\"12\" height=\"12\" aria-hidden=\"true\">{swatch}</svg> <strong>{}</strong>: {}</li>",
            escaped(name),
            escaped(&boxes.join(", "))
        ));
    }
    out.push_str("</ul>");
}

//! LaTeX to MathML, which browsers show by themselves.

use std::borrow::Cow;

use pulldown_latex::{Parser, RenderConfig, Storage, config::DisplayMode, mathml::push_mathml};

/// The longest formula, in bytes; longer ones are shown as they were written.
const MAX_BYTES: usize = 4_000;
/// The deepest nesting: the parser recurses, on a thread's stack.
const MAX_DEPTH: usize = 60;

/// Stands where a delimiter of two bytes became one, so that offsets stay; never shown.
pub(crate) const FILLER: char = '\u{1}';

/// The formula as MathML, or `None` when it cannot be read or should not be: then its source is shown.
pub(crate) fn to_mathml(latex: &str, display: bool) -> Option<String> {
    refused(latex).is_none().then(|| read(latex, display).ok()).flatten()
}

/// Why a formula is not read at all.
fn refused(latex: &str) -> Option<FormulaReason> {
    if latex.len() > MAX_BYTES {
        return Some(FormulaReason::TooLong);
    }
    if depth(latex) > MAX_DEPTH {
        return Some(FormulaReason::TooDeep);
    }
    defines(latex).then_some(FormulaReason::Macro)
}

/// The formula as MathML, or what its reader complains of.
fn read(latex: &str, display: bool) -> Result<String, String> {
    let storage = Storage::new();
    // Errors are not drawn into the formula: half a formula is worse than its source.
    let events = Parser::new(latex, &storage).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    written(events, display).ok_or_else(String::new)
}

fn written(events: Vec<pulldown_latex::Event<'_>>, display: bool) -> Option<String> {
    let config = RenderConfig {
        display_mode: if display { DisplayMode::Block } else { DisplayMode::Inline },
        ..RenderConfig::default()
    };
    let mut mathml = String::new();
    push_mathml(&mut mathml, events.into_iter().map(Ok::<_, std::convert::Infallible>), config).ok()?;
    clean(&space_before_scripts(mathml))
}

/// The writer puts the space before an operator between an element with scripts and its base, which makes the space the base
/// and the whole one child too many: browsers show such an element as a row. It goes before the element.
fn space_before_scripts(mut mathml: String) -> String {
    const SPACE: &str = "<mspace ";
    for scripts in ["<munder>", "<mover>", "<munderover>", "<msub>", "<msup>", "<msubsup>"] {
        let misplaced = [scripts, SPACE].concat();
        let mut from = 0;
        while let Some(found) = mathml[from..].find(&misplaced) {
            let at = from + found;
            let begin = at + scripts.len();
            let Some(length) = mathml[begin..].find("/>") else { break };
            let end = begin + length + "/>".len();
            let turned = [&mathml[begin..end], scripts].concat();
            mathml.replace_range(at..end, &turned);
            from = end - scripts.len();
        }
    }
    mathml
}

/// The longest formula that is read, in bytes.
pub const MAX_FORMULA: usize = MAX_BYTES;

/// Why a formula is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormulaReason {
    /// More than [`MAX_FORMULA`] bytes.
    TooLong,
    /// Nested too deeply.
    TooDeep,
    /// It makes commands of its own, which could double at every step.
    Macro,
    /// A bracket, an environment or `\left` is not closed, or one is closed that was not opened.
    Unbalanced,
    /// No such command.
    Command,
    /// No such environment.
    Environment,
    /// What a command acts on is missing or is none for it.
    Argument,
    /// A dollar inside of a formula.
    Dollar,
    /// A `#` or `&` or `\\` where none may be.
    Sign,
    /// Two exponents or two indices on the same thing.
    Doubled,
    /// No such colour.
    Colour,
    /// Anything else.
    Unreadable,
}

/// What is wrong in a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormulaError {
    /// The byte of the formula at which it cannot be read on, where it can be told.
    pub at: Option<usize>,
    /// Why.
    pub reason: FormulaReason,
}

/// A formula, without its dollars, as MathML that is safe to show; the whole of it or nothing.
///
/// # Errors
/// Why it cannot be shown, and where.
pub fn formula(latex: &str, display: bool) -> Result<String, FormulaError> {
    if let Some(reason) = refused(latex) {
        return Err(FormulaError { at: None, reason });
    }
    // The parser is not ours, and the text is a stranger's.
    let guarded =
        |latex: &str| std::panic::catch_unwind(|| read(latex, display)).unwrap_or_else(|_| Err(String::new()));
    guarded(latex).map_err(|first| {
        let reason = reason(&first);
        // What the parser says of the place is a picture of twelve bytes on both sides of it. Where the formula ends before
        // that, blanks make it whole.
        let padded = format!("{latex}{}", " ".repeat(AROUND));
        let said = guarded(&padded).err().unwrap_or(first);
        let at = place_in(&said, &padded).map(|at| at.min(latex.len()));
        // Of a command that it does not know the parser tells the end; people look at its beginning.
        let at = match reason {
            FormulaReason::Command | FormulaReason::Environment => {
                at.map(|at| latex[..latex.floor_char_boundary(at)].rfind('\\').unwrap_or(at))
            }
            _ => at,
        };
        FormulaError { at, reason }
    })
}

/// How many bytes the parser shows on each side of an error.
const AROUND: usize = 12;

/// The place of an error, read out of the picture that the parser makes of it.
fn place_in(said: &str, latex: &str) -> Option<usize> {
    let (_, picture) = said.split_once("context:\n│\n│")?;
    if picture.contains("expanded from") {
        return None;
    }
    let cut = picture.starts_with('…');
    let mut lines = picture.strip_prefix(['…', ' '])?.split('\n');
    let mut shown = lines.next()?.to_owned();
    for line in lines {
        let Some(line) = line.strip_prefix("│ ") else { break };
        if !line.is_empty() && line.bytes().all(|b| b == b'^') {
            break;
        }
        shown.push('\n');
        shown.push_str(line);
    }
    if !cut {
        return Some(shown.len().saturating_sub(AROUND));
    }
    // The same signs may stand at several places: the right one is where as much has been read before.
    let read_before = |latex: &str| {
        std::panic::catch_unwind(|| {
            let storage = Storage::new();
            Parser::new(latex, &storage).take_while(Result::is_ok).count()
        })
        .unwrap_or(0)
    };
    let all = read_before(latex);
    latex
        .match_indices(&shown)
        .take(8)
        .map(|(at, _)| latex.ceil_char_boundary(at + AROUND))
        .min_by_key(|at| read_before(&latex[..*at]).abs_diff(all))
}

/// What the parser says, as far as people can use it.
fn reason(said: &str) -> FormulaReason {
    let said = said.strip_prefix("parsing error: ").unwrap_or(said);
    let begins = |any: &[&str]| any.iter().any(|words| said.starts_with(words));
    if begins(&["unbalanced"]) {
        FormulaReason::Unbalanced
    } else if begins(&["unknown primitive", "expected a control sequence", "empty control", "macro not defined"]) {
        FormulaReason::Command
    } else if begins(&["unkown mathematical", "unknown mathematical"]) {
        FormulaReason::Environment
    } else if begins(&["unexpected math"]) {
        FormulaReason::Dollar
    } else if begins(&["unexpected hash", "alignment", "new line"]) {
        FormulaReason::Sign
    } else if begins(&["trying to add"]) {
        FormulaReason::Doubled
    } else if begins(&["unkown color", "unknown color"]) {
        FormulaReason::Colour
    } else if begins(&["expected", "control sequence found", "subscript and", "array must", "cannot use"]) {
        FormulaReason::Argument
    } else {
        FormulaReason::Unreadable
    }
}

/// How deep the parser may have to go: groups, and commands that follow each other (each may be the argument of the one
/// before), summed over what encloses them. More than the truth, never less.
fn depth(latex: &str) -> usize {
    let (mut deepest, mut chain) = (0usize, 0usize);
    let mut enclosing: Vec<usize> = Vec::new();
    let mut base = 0usize;
    let mut rest = latex;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        let mut opens = c == '{';
        let mut closes = c == '}';
        match c {
            '\\' => {
                let letters = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
                let symbol = rest[1..].chars().next().map_or(0, char::len_utf8);
                length = 1 + letters.max(if letters == 0 { symbol } else { 0 });
                opens = matches!(&rest[1..length], "left" | "begin");
                closes = matches!(&rest[1..length], "right" | "end");
                chain += 1;
            }
            '^' | '_' => chain += 1,
            c if c.is_whitespace() => {}
            _ if !opens && !closes => chain = 0,
            _ => {}
        }
        if opens {
            enclosing.push(chain + 1);
            base += chain + 1;
            chain = 0;
        } else if closes {
            base -= enclosing.pop().unwrap_or(0);
            chain = 0;
        }
        deepest = deepest.max(base + chain);
        rest = &rest[length..];
    }
    deepest
}

/// Macros can double at every step; an answer needs none of its own.
fn defines(latex: &str) -> bool {
    [
        "\\def",
        "\\gdef",
        "\\edef",
        "\\xdef",
        "\\let",
        "\\futurelet",
        "\\newcommand",
        "\\renewcommand",
        "\\providecommand",
    ]
    .iter()
    .any(|command| latex.contains(command))
}

const ELEMENTS: &[&str] = &[
    "math",
    "merror",
    "mfrac",
    "mi",
    "mmultiscripts",
    "mn",
    "mo",
    "mover",
    "mpadded",
    "mphantom",
    "mprescripts",
    "mroot",
    "mrow",
    "ms",
    "mspace",
    "msqrt",
    "mstyle",
    "msub",
    "msubsup",
    "msup",
    "mtable",
    "mtd",
    "mtext",
    "mtr",
    "munder",
    "munderover",
    "none",
];

/// `style` is not among them: our pages' policy allows no style attributes, and colours must follow the theme.
const ATTRIBUTES: &[&str] = &[
    "accent",
    "accentunder",
    "class",
    "columnalign",
    "columnspan",
    "depth",
    "display",
    "displaystyle",
    "fence",
    "form",
    "height",
    "largeop",
    "linethickness",
    "lspace",
    "mathvariant",
    "maxsize",
    "minsize",
    "movablelimits",
    "rowspan",
    "rspace",
    "scriptlevel",
    "separator",
    "stretchy",
    "symmetric",
    "voffset",
    "width",
];

/// Lets through the elements and attributes of formulas and nothing else. `None` for anything that is not that.
fn clean(mathml: &str) -> Option<String> {
    let mut out = String::with_capacity(mathml.len());
    let mut rest = mathml;
    while let Some(at) = rest.find(['<', '>', '&']) {
        out.push_str(&rest[..at]);
        let from = &rest[at..];
        rest = if from.starts_with('<') && from[1..].starts_with(|c: char| c == '/' || c.is_ascii_alphabetic()) {
            clean_tag(from, &mut out)?
        } else {
            out.push_str(match from.as_bytes()[0] {
                b'<' => "&lt;",
                b'>' => "&gt;",
                _ if is_entity(from) => "&",
                _ => "&amp;",
            });
            &from[1..]
        };
    }
    out.push_str(rest);
    Some(out)
}

/// `&lt;`, `&#x27;` and the like: harmless as they stand.
fn is_entity(text: &str) -> bool {
    text[1..].find(';').is_some_and(|end| {
        (1..=8).contains(&end) && text[1..=end].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#')
    })
}

fn clean_tag<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let end = text.find('>')?;
    let (tag, rest) = (&text[1..end], &text[end + 1..]);
    if let Some(name) = tag.strip_prefix('/') {
        ELEMENTS.contains(&name).then_some(())?;
        out.push_str("</");
        out.push_str(name);
        out.push('>');
        return Some(rest);
    }
    let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
    let name_end = tag.find(char::is_whitespace).unwrap_or(tag.len());
    let (name, mut attributes) = (&tag[..name_end], tag[name_end..].trim_start());
    ELEMENTS.contains(&name).then_some(())?;
    out.push('<');
    out.push_str(name);
    while !attributes.is_empty() {
        let (key, value) = attributes.split_once("=\"")?;
        let (value, after) = value.split_once('"')?;
        attributes = after.trim_start();
        if ATTRIBUTES.contains(&key) {
            value.bytes().all(|b| b.is_ascii_alphanumeric() || b" .-_%".contains(&b)).then_some(())?;
            out.push(' ');
            out.push_str(key);
            out.push_str("=\"");
            out.push_str(value);
            out.push('"');
        } else {
            // A colour; the formula is right without it.
            (key == "style").then_some(())?;
        }
    }
    out.push_str(if closed { "/>" } else { ">" });
    Some(rest)
}

/// Models write `\(…\)` and `\[…\]` as well as dollars, but in Markdown these are escaped brackets. They become
/// dollars outside of code; every byte keeps its place ([`FILLER`]).
pub(crate) fn brackets_to_dollars(source: &str) -> Cow<'_, str> {
    if !source.contains("\\(") && !source.contains("\\[") {
        return Cow::Borrowed(source);
    }
    let mut out = source.as_bytes().to_vec();
    let mut fence: Option<(u8, usize)> = None;
    let mut paragraph = 0..0;
    let mut offset = 0;
    // A paragraph's text is what lies between blank lines and fences.
    for line in source.split_inclusive('\n') {
        let trimmed = line.trim_start();
        let marker = trimmed.bytes().next().filter(|b| *b == b'`' || *b == b'~');
        let run = marker.map_or(0, |m| trimmed.bytes().take_while(|b| *b == m).count());
        let boundary = match (fence, marker) {
            (None, Some(marker)) if run >= 3 => {
                fence = Some((marker, run));
                true
            }
            (Some((open, length)), Some(marker)) if marker == open && run >= length => {
                fence = None;
                true
            }
            (Some(_), _) => true,
            (None, _) => trimmed.is_empty(),
        };
        if boundary {
            replace_in_paragraph(source, paragraph.clone(), &mut out);
            paragraph = offset + line.len()..offset + line.len();
        } else {
            paragraph.end = offset + line.len();
        }
        offset += line.len();
    }
    replace_in_paragraph(source, paragraph, &mut out);
    String::from_utf8(out).map_or(Cow::Borrowed(source), Cow::Owned)
}

fn replace_in_paragraph(source: &str, range: std::ops::Range<usize>, out: &mut [u8]) {
    let base = range.start;
    let bytes = &source.as_bytes()[range.clone()];
    let text = &source[range];
    let mut at = 0;
    // Where a search for an end found none, a later one finds none either: asking again would cost the square.
    let (mut no_round, mut no_square) = (false, false);
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (b'`', _) => {
                // Code: to the same number of backticks, or just past these when there are none.
                let run = bytes[at..].iter().take_while(|b| **b == b'`').count();
                let ticks = &text[at..at + run];
                at = text[at + run..].find(ticks).map_or(at + run, |end| at + run + end + run);
            }
            (b'\\', open @ (b'(' | b'[')) => {
                let (close, none_left) = if open == b'(' { ("\\)", &mut no_round) } else { ("\\]", &mut no_square) };
                let body_at = at + 2;
                let found = if *none_left { None } else { text[body_at..].find(close) };
                let Some(length) = found else {
                    *none_left = true;
                    at += 2;
                    continue;
                };
                let body = &text[body_at..body_at + length];
                let is_formula = open == b'(' || body.contains(['\\', '=', '^', '_', '+', '{', '<', '>']);
                let inner = body.trim();
                if is_formula && !inner.is_empty() && !inner.contains(['$', '`']) {
                    let close_at = body_at + length;
                    if open == b'[' {
                        out[base + at..base + body_at].copy_from_slice(b"$$");
                        out[base + close_at..base + close_at + 2].copy_from_slice(b"$$");
                    } else {
                        let inner_at = body_at + body.len() - body.trim_start().len();
                        let inner_end = inner_at + inner.len();
                        out[base + at..base + inner_at].fill(1);
                        out[base + inner_at - 1] = b'$';
                        out[base + inner_end..base + close_at + 2].fill(1);
                        out[base + inner_end] = b'$';
                    }
                }
                at = body_at + length + 2;
            }
            (b'\\', _) => at += 2,
            _ => at += 1,
        }
    }
}

//! Code with colours: classes here, colours in `style/code.css`.
//!
//! Scopes of a grammar are many; a reader's eye tells about a dozen apart. So every scope is mapped to one of
//! [`CLASSES`], which keeps the HTML short and lets one style sheet serve light and dark.

use std::{
    str::FromStr,
    sync::LazyLock,
    time::{Duration, Instant},
};

use syntect::{
    highlighting::{
        Color, HighlightIterator, HighlightState, Highlighter, ScopeSelectors, StyleModifier, Theme, ThemeItem,
        ThemeSettings,
    },
    parsing::{ParseState, ScopeStack, SyntaxReference, SyntaxSet},
};

use super::html::escape;

/// Longer blocks are shown without colours, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Longer lines are shown without colours, in bytes: minified code, and what is made to be slow.
const MAX_LINE: usize = 2_000;

/// The grammars: some megabytes, so they are loaded with the first block of code whose language is known by name.
static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(two_face::syntax::extra_newlines);

/// A kind of word: its class is `hl-` and the name; the scopes it stands for. More precise scopes win.
pub(crate) const CLASSES: &[(&str, &str)] = &[
    ("comment", "comment, punctuation.definition.comment"),
    ("string", "string, punctuation.definition.string, markup.raw"),
    ("escape", "constant.character.escape, constant.other.placeholder, string.regexp"),
    ("number", "constant.numeric"),
    ("constant", "constant.language, constant.other, support.constant, variable.language"),
    ("keyword", "keyword, storage, keyword.operator.word, keyword.operator.logical.python"),
    ("operator", "keyword.operator, punctuation.accessor"),
    (
        "function",
        "entity.name.function, support.function, variable.function, support.macro, entity.name.macro, \
         variable.annotation",
    ),
    (
        "type",
        "entity.name.type, entity.name.class, entity.name.struct, entity.name.enum, entity.name.trait, \
         entity.name.namespace, support.type, support.class, entity.other.inherited-class, storage.type.numeric",
    ),
    ("tag", "entity.name.tag, punctuation.definition.tag"),
    (
        "attribute",
        "entity.other.attribute-name, support.type.property-name, meta.property-name, meta.mapping.key string, \
         variable.other.member",
    ),
    ("variable", "variable.parameter, variable.other.readwrite.shell"),
    ("heading", "markup.heading, entity.name.section, meta.diff.header"),
    ("inserted", "markup.inserted"),
    ("deleted", "markup.deleted"),
];

/// A theme whose colours are places in [`CLASSES`]: red is the place plus one, zero is plain.
static THEME: LazyLock<Theme> = LazyLock::new(|| Theme {
    settings: ThemeSettings { foreground: Some(place(0)), background: Some(place(0)), ..ThemeSettings::default() },
    scopes: CLASSES
        .iter()
        .zip(1u8..)
        .filter_map(|((_, scopes), number)| {
            Some(ThemeItem {
                scope: ScopeSelectors::from_str(scopes).ok()?,
                style: StyleModifier { foreground: Some(place(number)), background: None, font_style: None },
            })
        })
        .collect(),
    ..Theme::default()
});

const fn place(number: u8) -> Color {
    Color { r: number, g: 0, b: 0, a: 0xff }
}

/// The language that the text after a fence names: its first word.
pub(crate) fn language(info: &str) -> &str {
    let info = info.trim_start_matches(['{', '.', ' ']);
    info.split([' ', ',', '{', '}', ':', ';', '\t']).next().unwrap_or_default()
}

/// The code with spans of class `hl-…` for a known language, as text otherwise. Everything is escaped. What it takes goes
/// off `patience`; when that is used up the rest stays plain.
pub(crate) fn highlight(code: &str, language: &str, patience: &mut Duration, out: &mut String) {
    if is_plain(language) || code.len() > MAX_BYTES {
        return escape(code, out);
    }
    match find(language) {
        Some(syntax) => spans(code, syntax, patience, out),
        None => escape(code, out),
    }
}

/// Whether code in that language has colours. It does not load the grammars for words that need none.
#[must_use]
pub fn knows(language: &str) -> bool {
    !is_plain(language) && find(language).is_some()
}

/// The first of so many lines before the asked ones is where the grammar begins: comments and texts that are longer
/// than that lose their colour, and a file of any length opens at any line in the same time.
const BEFORE: usize = 200;

/// Lines of code as safe HTML with spans of class `hl-…`, each without its end: `count` lines from line `from` on, which
/// counts from 0. Within `patience`; what is left then, and lines of more than 2,000 bytes, are plain.
#[must_use]
pub fn lines(code: &str, language: &str, from: usize, count: usize, patience: Duration) -> Vec<String> {
    let begin = from.saturating_sub(BEFORE);
    let asked = from - begin;
    let wanted = code.split_inclusive('\n').skip(begin).take(asked.saturating_add(count));
    let mut painter = if is_plain(language) { None } else { find(language).map(Painter::new) };
    let started = Instant::now();
    let mut lines = Vec::new();
    for (at, line) in wanted.enumerate() {
        let mut html = String::with_capacity(line.len().min(MAX_LINE) * 2);
        let too_late = started.elapsed() >= patience;
        if too_late {
            painter = None;
        }
        let painted = line.len() <= MAX_LINE && painter.as_mut().is_some_and(|painter| painter.line(line, &mut html));
        if at < asked {
            continue;
        }
        if !painted {
            html.clear();
            escape(line, &mut html);
        }
        // The end of a line may be inside of its last span.
        html.retain(|c| c != '\n');
        lines.push(html);
    }
    lines
}

/// Whether the language is none that could have colours: then no grammars have to be loaded.
fn is_plain(language: &str) -> bool {
    language.is_empty()
        || language.len() > 40
        || ["text", "txt", "plain", "plaintext", "output", "none"].contains(&language.to_ascii_lowercase().as_str())
}

fn find(language: &str) -> Option<&'static SyntaxReference> {
    let name = match language.to_ascii_lowercase().as_str() {
        "shell" | "console" | "terminal" | "sh-session" => "sh".to_owned(),
        "jsonc" | "json5" => "json".to_owned(),
        "c#" => "cs".to_owned(),
        "plsql" | "postgres" | "postgresql" | "mysql" => "sql".to_owned(),
        other => other.to_owned(),
    };
    SYNTAXES.find_syntax_by_token(&name)
}

fn spans(code: &str, syntax: &SyntaxReference, patience: &mut Duration, out: &mut String) {
    let mut painter = Painter::new(syntax);
    let begun = Instant::now();
    let mut done = 0;
    for line in code.split_inclusive('\n') {
        if line.len() > MAX_LINE || begun.elapsed() >= *patience || !painter.line(line, out) {
            break;
        }
        done += line.len();
    }
    *patience = patience.saturating_sub(begun.elapsed());
    escape(&code[done..], out);
}

/// Colours one line after the other.
struct Painter<'a> {
    highlighter: Highlighter<'a>,
    parse: ParseState,
    state: HighlightState,
}

impl Painter<'_> {
    fn new(syntax: &SyntaxReference) -> Self {
        let highlighter = Highlighter::new(&THEME);
        let state = HighlightState::new(&highlighter, ScopeStack::new());
        Self { highlighter, parse: ParseState::new(syntax), state }
    }

    /// Appends a line, its end with it; `false`, and nothing, when the grammar fails.
    fn line(&mut self, line: &str, out: &mut String) -> bool {
        let Ok(changes) = self.parse.parse_line(line, &SYNTAXES) else { return false };
        let mut open: u8 = 0;
        for (style, text) in HighlightIterator::new(&mut self.state, &changes, line, &self.highlighter) {
            // White space has no colour of its own; leaving it in its neighbour's span saves spans.
            let kind = if text.trim().is_empty() { open } else { style.foreground.r };
            if kind != open {
                close(open, out);
                if let Some((name, _)) = usize::from(kind).checked_sub(1).and_then(|at| CLASSES.get(at)) {
                    out.push_str("<span class=\"hl-");
                    out.push_str(name);
                    out.push_str("\">");
                }
                open = kind;
            }
            escape(text, out);
        }
        close(open, out);
        true
    }
}

fn close(open: u8, out: &mut String) {
    if open != 0 {
        out.push_str("</span>");
    }
}

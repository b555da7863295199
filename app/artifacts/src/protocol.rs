//! How a model makes and changes artifacts inside its answer, without tools: blocks between `<artifact …>` and
//! `</artifact>`, each tag at the beginning of a line.
//!
//! ```text
//! <artifact identifier="sales" type="table" title="Sales by month">
//! month,total
//! january,120
//! </artifact>
//!
//! <artifact identifier="sales" type="update">
//! <old>january,120</old>
//! <new>january,125</new>
//! </artifact>
//! ```
//!
//! The same identifier again with the whole text is a new version. A change is applied to the newest version only when
//! every old text is there exactly once: all of it or nothing.

use std::{fmt::Write as _, ops::Range};

use crate::{KINDS, kind};

/// The type that changes an artifact instead of making one.
const UPDATE: &str = "update";
const OPEN: &str = "<artifact";
const CLOSE: &str = "</artifact>";
/// The most characters of an identifier and of a title.
const IDENTIFIER: usize = 60;
const TITLE: usize = 200;
/// Tags that stand deeper are code.
const INDENT: usize = 3;
/// The longest opening tag, in bytes: what is longer is text.
const TAG: usize = 2_000;
/// The most pairs of one change.
const PAIRS: usize = 50;
/// The most artifacts that one answer makes or changes; more of them stay text.
pub const MOST_PER_ANSWER: usize = 20;

/// A stretch of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Markdown, by its bytes in the answer.
    Text(Range<usize>),
    /// An artifact.
    Artifact(Written),
}

/// An artifact as a model wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What its opening tag says.
    pub tag: Tag,
    /// The bytes of the whole block in the answer.
    pub range: Range<usize>,
    /// The bytes between the tags.
    pub body: Range<usize>,
    /// Its closing tag is there.
    pub closed: bool,
}

/// An opening tag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tag {
    /// How the model calls the artifact in its chat: small letters, digits, `-` and `_`.
    pub identifier: String,
    /// A name of [`KINDS`]; `None`: it changes one that there is.
    pub kind: Option<&'static str>,
    /// What people call it; may be empty in a change.
    pub title: String,
    /// The programming language, where one is told.
    pub language: Option<String>,
}

/// Why a change was not applied. The text is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no artifact of that identifier.
    #[error("there is no artifact with this identifier")]
    Unknown,
    /// The block ended before its closing tag.
    #[error("the block was cut off before </artifact>")]
    CutOff,
    /// It is not made of pairs of old and new text, or of other things, too.
    #[error("it is not made of <old>…</old><new>…</new> pairs alone")]
    NoPairs,
    /// More pairs than one change has.
    #[error("it has more than {PAIRS} pairs")]
    TooManyPairs,
    /// The old text of this pair, from 1, is not there.
    #[error("the old text of pair {0} is not in the artifact")]
    NotFound(usize),
    /// The old text of this pair, from 1, is there more than once.
    #[error("the old text of pair {0} is in the artifact more than once")]
    Ambiguous(usize),
    /// The artifact is a file, and has no text to change.
    #[error("an artifact of this type is not changed by text")]
    NoText,
    /// The artifact would be too large.
    #[error("the artifact would be too large")]
    TooLarge,
}

impl ChangeError {
    /// A stable word for it, with the pair's number where there is one: `not_found:2`.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Unknown => "unknown".to_owned(),
            Self::CutOff => "cut_off".to_owned(),
            Self::NoPairs => "no_pairs".to_owned(),
            Self::TooManyPairs => "too_many_pairs".to_owned(),
            Self::NotFound(pair) => format!("not_found:{pair}"),
            Self::Ambiguous(pair) => format!("ambiguous:{pair}"),
            Self::NoText => "no_text".to_owned(),
            Self::TooLarge => "too_large".to_owned(),
        }
    }
}

/// Which lines are inside a fence of code: an artifact's tag there is an example.
#[derive(Debug, Clone, Default)]
pub struct Fences(Option<(u8, usize)>);

impl Fences {
    /// Takes the next whole line.
    pub fn take(&mut self, line: &str) {
        let text = line.trim_start();
        if line.len() - text.len() > 3 {
            return;
        }
        let Some(mark) = text.bytes().next().filter(|byte| matches!(byte, b'`' | b'~')) else { return };
        let length = text.bytes().take_while(|byte| *byte == mark).count();
        let rest = text[length..].trim();
        match self.0 {
            None if length >= 3 && !(mark == b'`' && rest.contains('`')) => self.0 = Some((mark, length)),
            Some((open, least)) if open == mark && length >= least && rest.is_empty() => self.0 = None,
            _ => {}
        }
    }

    /// Whether the next line is code.
    #[must_use]
    pub const fn inside(&self) -> bool {
        self.0.is_some()
    }
}

/// The opening tag that a line begins with, and what of the line follows it.
#[must_use]
pub fn opening(line: &str) -> Option<(Tag, &str)> {
    let text = line.trim_start();
    if line.len() - text.len() > INDENT {
        return None;
    }
    let attributes = text.strip_prefix(OPEN).filter(|rest| rest.starts_with([' ', '\t']))?;
    let mut tag = Tag::default();
    let mut kind_name = String::new();
    let mut rest = attributes.trim_start();
    while !rest.starts_with('>') {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, behind) = after[1..].split_once(quote)?;
        let value = unescaped(value);
        match name.trim() {
            "identifier" | "id" => tag.identifier = identifier(&value),
            "type" => kind_name = value.trim().to_ascii_lowercase(),
            "title" => tag.title = plain(&value, TITLE),
            "language" | "lang" => tag.language = Some(plain(&value, 40)).filter(|language| !language.is_empty()),
            _ => {}
        }
        rest = behind.trim_start();
        if attributes.len() - rest.len() > TAG {
            return None;
        }
    }
    if tag.identifier.is_empty() {
        tag.identifier = identifier(&tag.title);
    }
    if tag.identifier.is_empty() {
        return None;
    }
    if kind_name != UPDATE {
        let (name, language) = known_kind(&kind_name);
        tag.kind = Some(name);
        tag.language = tag.language.or(language);
        if tag.title.is_empty() {
            tag.title.clone_from(&tag.identifier);
        }
    }
    Some((tag, &rest[1..]))
}

/// Whether an unfinished line may become an opening tag: it is shown to nobody until that is known.
#[must_use]
pub fn may_open(line: &str) -> bool {
    let text = line.trim_start();
    if text.len() > TAG || line.len() - text.len() > INDENT {
        return false;
    }
    match text.strip_prefix(OPEN) {
        Some(rest) => rest.is_empty() || rest.starts_with([' ', '\t']),
        None => !text.is_empty() && OPEN.starts_with(text),
    }
}

/// The closing tag in a line, by its bytes: at its beginning, and what follows are words again, or at its end.
#[must_use]
pub fn closing(line: &str) -> Option<Range<usize>> {
    let lead = line.len() - line.trim_start().len();
    if lead <= INDENT && line[lead..].starts_with(CLOSE) {
        let end = lead + CLOSE.len();
        return Some(lead..if line[end..].trim().is_empty() { line.len() } else { end });
    }
    let text = line.trim_end();
    text.ends_with(CLOSE).then(|| text.len() - CLOSE.len()..line.len())
}

/// The stretches of an answer, in order; together they are all of it.
#[must_use]
pub fn segments(text: &str) -> Vec<Segment> {
    if !text.contains(OPEN) {
        return if text.is_empty() { Vec::new() } else { vec![Segment::Text(0..text.len())] };
    }
    let mut segments = Vec::new();
    let mut fences = Fences::default();
    let (mut from, mut at, mut found) = (0, 0, 0);
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let start = at;
        at += line.len();
        let opened = if fences.inside() || found == MOST_PER_ANSWER { None } else { opening(line) };
        let Some((tag, behind)) = opened else {
            fences.take(line.trim_end_matches(['\n', '\r']));
            continue;
        };
        found += 1;
        if from < start {
            segments.push(Segment::Text(from..start));
        }
        let mut body = at - behind.len()..text.len();
        let mut closed = false;
        let mut end = at;
        if let Some(place) = closing(behind) {
            (end, closed) = (body.start + place.end, true);
            body.end = body.start + place.start;
        }
        while !closed {
            let Some(line) = lines.next() else { break };
            if let Some(place) = closing(line) {
                (body.end, closed) = (at + place.start, true);
                end = at + place.end;
            }
            at += line.len();
        }
        let body = trimmed(text, body);
        let end = if closed { end } else { text.len() };
        segments.push(Segment::Artifact(Written { tag, range: start..end, body, closed }));
        from = end;
    }
    if from < text.len() {
        segments.push(Segment::Text(from..text.len()));
    }
    segments
}

/// Without the line breaks next to the tags.
fn trimmed(text: &str, mut range: Range<usize>) -> Range<usize> {
    let body = &text[range.clone()];
    let start = body.strip_prefix("\r\n").or_else(|| body.strip_prefix('\n')).unwrap_or(body);
    range.start += body.len() - start.len();
    let end = start.strip_suffix('\n').map_or(start, |end| end.strip_suffix('\r').unwrap_or(end));
    range.end = range.start + end.len();
    range
}

/// The text of a new artifact: without the fence that many models put around it.
#[must_use]
pub fn whole_text<'a>(body: &'a str, kind: &str) -> &'a str {
    let text = body.trim_matches(['\n', '\r']);
    let Some((first, rest)) = text.split_once('\n') else { return text };
    let fence = first.trim();
    let ticks = fence.bytes().take_while(|byte| *byte == b'`').count();
    let inside = rest.trim_end().strip_suffix(&fence[..ticks]).filter(|_| ticks >= 3);
    match inside {
        // Markdown may begin and end with code of its own.
        Some(inside) if kind != "markdown" && (inside.is_empty() || inside.ends_with('\n')) => {
            inside.strip_suffix('\n').unwrap_or(inside)
        }
        _ => text,
    }
}

/// The pairs of a change applied to a text: all of them, or an error and the text as it was.
///
/// # Errors
/// [`ChangeError`].
pub fn changed(current: &str, body: &str) -> Result<String, ChangeError> {
    let mut pairs = Vec::new();
    let mut rest = body.trim_start();
    // Whatever is no pair makes all of it doubtful: half of it is not done.
    while !rest.is_empty() || pairs.is_empty() {
        let (old, behind) = between(rest, "<old>", "</old>").ok_or(ChangeError::NoPairs)?;
        let (new, behind) = between(behind.trim_start(), "<new>", "</new>").ok_or(ChangeError::NoPairs)?;
        pairs.push((old, new));
        rest = behind.trim_start();
        if pairs.len() > PAIRS {
            return Err(ChangeError::TooManyPairs);
        }
    }
    let mut text = current.to_owned();
    for ((old, new), pair) in pairs.into_iter().zip(1..) {
        let mut places = text.match_indices(old);
        let place = places.next().filter(|_| !old.is_empty()).ok_or(ChangeError::NotFound(pair))?.0;
        if places.next().is_some() {
            return Err(ChangeError::Ambiguous(pair));
        }
        text.replace_range(place..place + old.len(), new);
        if text.len() > crate::MAX_BYTES {
            return Err(ChangeError::TooLarge);
        }
    }
    Ok(text)
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str)> {
    let inside = text.strip_prefix(open)?;
    let (inside, behind) = inside.split_once(close)?;
    let inside = inside.strip_prefix("\r\n").or_else(|| inside.strip_prefix('\n')).unwrap_or(inside);
    let inside = inside.strip_suffix('\n').map_or(inside, |inside| inside.strip_suffix('\r').unwrap_or(inside));
    Some((inside, behind))
}

/// The kind that a model means, and the language that the word tells.
fn known_kind(word: &str) -> (&'static str, Option<String>) {
    let known = kind(word).or_else(|| KINDS.iter().copied().find(|kind| kind.aliases().contains(&word)));
    match known {
        Some(kind) => (kind.name(), None),
        // What is no kind is code of that language.
        None => (crate::PLAINEST, Some(plain(word, 40)).filter(|word| !word.is_empty() && !word.contains('/'))),
    }
}

/// A word as identifiers are.
fn identifier(text: &str) -> String {
    let mut out = String::new();
    for c in text.trim().chars().flat_map(char::to_lowercase).take(IDENTIFIER) {
        match c {
            'a'..='z' | '0'..='9' | '_' => out.push(c),
            _ if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// One line without control characters, at most so many characters.
fn plain(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect::<String>().trim().to_owned()
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An answer whose artifacts are written as a reader of plain Markdown knows them: a name and a fence.
#[must_use]
pub fn as_markdown(text: &str) -> String {
    if !text.contains(OPEN) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for segment in segments(text) {
        match segment {
            Segment::Text(range) => out.push_str(&text[range]),
            Segment::Artifact(written) => {
                let body = &text[written.body.clone()];
                let body = written.tag.kind.map_or(body, |kind| whole_text(body, kind));
                let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
                let fence = "`".repeat(longest.max(2) + 1);
                let fence_word = written.tag.kind.and_then(kind).map_or("", |kind| kind.source().fence);
                let language = match fence_word {
                    "" => written.tag.language.as_deref().unwrap_or_default(),
                    word => word,
                };
                let name = if written.tag.title.is_empty() { &written.tag.identifier } else { &written.tag.title };
                let name = name.replace(['*', '\\', '`', '[', ']', '<'], " ");
                let _ = write!(out, "**{}**\n\n{fence}{language}\n{body}\n{fence}\n", name.trim());
            }
        }
    }
    out
}

/// An answer as a model is told it later: its artifacts are named, because their newest texts are told once, elsewhere.
#[must_use]
pub fn as_history(text: &str) -> String {
    if !text.contains(OPEN) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for segment in segments(text) {
        match segment {
            Segment::Text(range) => out.push_str(&text[range]),
            Segment::Artifact(Written { tag, .. }) => {
                let did = if tag.kind.is_some() { "wrote" } else { "changed" };
                let _ = writeln!(out, "(Here I {did} the artifact \"{}\".)", tag.identifier);
            }
        }
    }
    out
}

/// An artifact as a model is told it.
#[must_use]
pub fn told(identifier: &str, kind: &str, title: &str, language: Option<&str>, text: &str) -> String {
    // It cannot end its own block and go on as instructions.
    let text = text.replace(CLOSE, "(/artifact)");
    let language = language.map(|language| format!(" language=\"{}\"", escaped(language))).unwrap_or_default();
    format!(
        "<artifact identifier=\"{identifier}\" type=\"{kind}\" title=\"{}\"{language}>\n{text}\n</artifact>",
        escaped(title)
    )
}

/// What a model is told of all this.
#[must_use]
pub fn instructions() -> String {
    let mut text = String::from(
        "You can make artifacts: things a person will keep, edit, compare and export beside the chat. Make one for content \
         that stands on its own (a file of code, a page, a table, a diagram, a report, a formula sheet), never for a short \
         answer or a few lines. Write it inside your answer, each tag at the beginning of a line and outside of code fences:\n\
         <artifact identifier=\"short-name\" type=\"TYPE\" title=\"A title in the person's language\">\n\
         the whole content, not shortened, without a code fence around it\n\
         </artifact>\n\
         Types:\n",
    );
    for kind in KINDS {
        let _ = writeln!(text, "- {}: {}", kind.name(), kind.instructions());
    }
    text.push_str(
        "To change an artifact that there is, write only what changes; each old text must be copied exactly and be in the \
         artifact once:\n\
         <artifact identifier=\"short-name\" type=\"update\">\n\
         <old>exact old text</old>\n\
         <new>new text</new>\n\
         </artifact>\n\
         For larger changes write the whole artifact again with the same identifier. Say in one sentence what you made or \
         changed; do not repeat the content outside of the artifact.",
    );
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MADE: &str = "Aquí está.\n\n<artifact identifier=\"Ventas 2025\" type=\"table\" title=\"Ventas &quot;A&quot;\">\nmes,total\nenero,1\n</artifact>\nListo.";

    fn artifacts(text: &str) -> Vec<Written> {
        let artifact = |segment| match segment {
            Segment::Artifact(written) => Some(written),
            Segment::Text(_) => None,
        };
        segments(text).into_iter().filter_map(artifact).collect()
    }

    #[test]
    fn an_answer_is_words_and_artifacts_in_their_order() {
        let found = segments(MADE);
        assert_eq!(found.len(), 3, "{found:?}");
        let [written] = &artifacts(MADE)[..] else { panic!() };
        let tag = Tag {
            identifier: "ventas-2025".to_owned(),
            kind: Some("table"),
            title: "Ventas \"A\"".to_owned(),
            language: None,
        };
        assert_eq!(written.tag, tag);
        assert_eq!((&MADE[written.body.clone()], written.closed), ("mes,total\nenero,1", true));
    }

    #[test]
    fn a_tag_in_a_fence_or_in_a_sentence_is_an_example() {
        for text in [
            "```xml\n<artifact identifier=\"a\" type=\"code\">\n</artifact>\n```\n",
            "Use <artifact identifier=\"a\" type=\"code\">",
            "<artifact>\nx\n</artifact>",
            "<artifacts identifier=\"a\">",
        ] {
            assert_eq!(artifacts(text), [], "{text}");
        }
    }

    #[test]
    fn an_artifact_that_was_cut_off_is_not_closed() {
        let text = "<artifact identifier=\"a\" type=\"code\" language='rust'>\nfn main() {";
        let [written] = &artifacts(text)[..] else { panic!() };
        assert_eq!(
            (written.closed, &text[written.body.clone()], written.tag.language.as_deref()),
            (false, "fn main() {", Some("rust"))
        );
    }

    #[test]
    fn what_follows_a_closing_tag_are_words_again() {
        let text = "<artifact identifier=\"a\" type=\"code\">\nx\n</artifact> And so on.\nMore.";
        let found = segments(text);
        assert_eq!(found.last(), Some(&Segment::Text(text.find(" And").unwrap()..text.len())), "{found:?}");
    }

    #[test]
    fn a_whole_artifact_may_stand_on_one_line() {
        let text = "<artifact identifier=\"a\" type=\"application/json\">{\"a\":1}</artifact>\nDone";
        let [written] = &artifacts(text)[..] else { panic!() };
        assert_eq!(
            (written.closed, &text[written.body.clone()], written.range.end),
            (true, "{\"a\":1}", text.len() - 4)
        );
    }

    #[test]
    fn a_fence_around_the_content_is_not_part_of_it() {
        assert_eq!(whole_text("```html\n<p>\n```", "html"), "<p>");
        assert_eq!(whole_text("```rust\na\n```\n\n```\nb\n```", "markdown"), "```rust\na\n```\n\n```\nb\n```");
        assert_eq!(whole_text("a\n```", "code"), "a\n```");
    }

    #[test]
    fn a_change_is_applied_as_a_whole_or_not_at_all() {
        let pair = |old: &str, new: &str| format!("<old>{old}</old>\n<new>\n{new}\n</new>\n");
        assert_eq!(changed("a b c", &(pair("a", "x") + &pair("c", ""))), Ok("x b ".to_owned()));
        assert_eq!(changed("a b a", &(pair("b", "x") + &pair("a", "y"))), Err(ChangeError::Ambiguous(2)));
        assert_eq!(changed("a", &(pair("a", "x") + &pair("z", "y"))), Err(ChangeError::NotFound(2)));
        assert_eq!(changed("a", &pair("", "y")), Err(ChangeError::NotFound(1)));
        for half in [
            "<old>a</old>",
            "",
            &(pair("a", "b") + "<old>b</old>"),
            "<old>a</old> <old>b</old><new>c</new>",
            &(pair("a", "b") + "Done!"),
        ] {
            assert_eq!(changed("a b", half), Err(ChangeError::NoPairs), "{half}");
        }
        assert_eq!(changed("a", &pair("a", "b").repeat(51)), Err(ChangeError::TooManyPairs));
        // A later pair sees what an earlier one made.
        assert_eq!(changed("a", &(pair("a", "b") + &pair("b", "c"))), Ok("c".to_owned()));
    }

    #[test]
    fn history_names_artifacts_and_markdown_shows_them() {
        assert_eq!(as_history(MADE), "Aquí está.\n\n(Here I wrote the artifact \"ventas-2025\".)\nListo.");
        let markdown = as_markdown(MADE);
        assert!(markdown.contains("**Ventas \"A\"**\n\n```") && markdown.contains("enero,1\n```\n"), "{markdown}");
        let fenced = as_markdown("<artifact identifier=\"a\" type=\"markdown\">\n````\nx\n````\n</artifact>");
        assert!(fenced.contains("`````markdown\n````\nx\n````\n`````"), "{fenced}");
    }

    #[test]
    fn an_unfinished_line_is_held_back_only_while_it_may_be_a_tag() {
        for line in ["<", "<art", "<artifact", "<artifact identifier=\"a"] {
            assert!(may_open(line), "{line}");
        }
        for line in ["", "<b", "a <art", "<artifacts", "    <artifact identifier"] {
            assert!(!may_open(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn the_stretches_are_the_whole_text(lines in prop::collection::vec(prop_oneof![
            "[a-z`~<> ]{0,12}",
            Just("<artifact identifier=\"a\" type=\"code\">".to_owned()),
            Just("</artifact>".to_owned()),
            Just("```".to_owned()),
            Just("<artifact identifier=\"ñ\" title='".to_owned()),
        ], 0..20)) {
            let text = lines.join("\n");
            let mut at = 0;
            for segment in segments(&text) {
                let range = match segment { Segment::Text(range) => range, Segment::Artifact(written) => {
                    prop_assert!(written.range.start <= written.body.start && written.body.end <= written.range.end);
                    written.range
                } };
                prop_assert_eq!(range.start, at);
                at = range.end;
            }
            prop_assert_eq!(at, text.len());
            let _ = as_markdown(&text);
        }
    }
}

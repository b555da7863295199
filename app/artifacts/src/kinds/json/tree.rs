//! The tree: its first nodes, what is below a path, and where a text is found.

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::escape;
use serde_json::{Value, json};

use super::{
    super::text::{escaped, show_hidden_signs},
    scan::{Found, Step, at_path, children, decoded, path, root, step},
    words,
};
use crate::Place;

/// Nodes of a view, and of a piece that is loaded.
const MAX_NODES: usize = 2_000;
/// Nodes directly in one, at first: so that one long list does not hide everything beside it.
const AT_FIRST: usize = 100;
/// Nodes that are loaded at once.
const AT_ONCE: usize = 500;
/// Bytes that are gone through for one view; what is left then is loaded when it is opened.
const MAX_PASSED: usize = 64 * 1024 * 1024;
/// A text shows so many bytes.
const MAX_TEXT: usize = 500;
/// A path that is longer is not told, in bytes.
const MAX_PATH: usize = 1_500;
/// A tree of so many nodes is open at first.
const MAX_OPEN: usize = 200;
/// Places that a search tells.
const MAX_MATCHES: usize = 200;
/// A place that was found shows so many characters.
const MAX_MATCH: usize = 120;

struct Node {
    found: Found,
    index: usize,
    depth: usize,
    /// The nodes in it that are shown: places in the list of all.
    inside: Vec<usize>,
}

/// Nodes in the order of their levels, so that what is near the root is seen first.
fn grown(text: &str, mut nodes: Vec<Node>) -> Vec<Node> {
    let mut passed = 0;
    let mut at = 0;
    while at < nodes.len() && nodes.len() < MAX_NODES && passed < MAX_PASSED {
        let (value, depth, count) = (nodes[at].found.value.clone(), nodes[at].depth, nodes[at].found.count);
        let most = if depth == 0 { AT_ONCE } else { AT_FIRST };
        let room = (MAX_NODES - nodes.len()).min(most);
        // One more than fits is no reason to ask for more.
        let room = if count <= room + 1 && nodes.len() + count <= MAX_NODES { count } else { room };
        for (index, found) in children(text, &value).take(room).enumerate() {
            passed += found.value.len();
            let place = nodes.len();
            nodes[at].inside.push(place);
            nodes.push(Node { found, index, depth: depth + 1, inside: Vec::new() });
        }
        at += 1;
    }
    nodes
}

struct Writer<'a> {
    text: &'a str,
    place: Place<'a>,
    nodes: Vec<Node>,
    path: String,
    html: String,
}

/// The whole tree, as far as it fits.
pub(super) fn whole(text: &str, place: Place<'_>) -> String {
    let nodes = grown(text, vec![Node { found: root(text), index: 0, depth: 0, inside: Vec::new() }]);
    let mut writer = Writer { text, place, nodes, path: "$".to_owned(), html: String::new() };
    writer.node(0, true);
    writer.html
}

/// A part of what is directly below a path.
pub(super) struct Wanted {
    /// The first that is missing.
    pub(super) from: usize,
    /// The first that is there again.
    pub(super) until: usize,
    /// One that is looked for. Far from the first, it comes with those around it, and what is before them stays missing.
    pub(super) at: Option<usize>,
}

/// Before the one that is looked for come so many.
const BEFORE: usize = 20;

/// What is directly below a path, in part, as `<li>`s.
pub(super) fn below(text: &str, written: &str, wanted: &Wanted, place: Place<'_>) -> Option<String> {
    let steps = path(written).filter(|_| written.len() <= MAX_PATH)?;
    let above = at_path(text, &steps)?;
    let (from, until) = (wanted.from, wanted.until.min(above.count));
    let far = wanted.at.filter(|at| (from.saturating_add(AT_ONCE)..until).contains(at));
    let begin = far.map_or(from, |at| at - BEFORE);
    let first: Vec<Node> = children(text, &above.value)
        .enumerate()
        .skip(begin)
        .take(AT_ONCE.min(until.saturating_sub(begin)))
        .map(|(index, found)| Node { found, index, depth: 1, inside: Vec::new() })
        .collect();
    let shown = first.len();
    let nodes = grown(text, first);
    // As the view writes it, whoever asked.
    let path = canonical(&steps);
    let mut writer = Writer { text, place, nodes, path, html: String::new() };
    writer.more(from, begin);
    for at in 0..shown {
        writer.node(at, false);
    }
    writer.more(begin + shown, until);
    Some(writer.html)
}

fn canonical(steps: &[Step]) -> String {
    let mut path = "$".to_owned();
    for one in steps {
        match one {
            Step::Index(index) => path.push_str(&format!("[{index}]")),
            Step::Key(key) => {
                let quoted = Value::from(key.as_str()).to_string();
                let found = Found { key: Some(1..quoted.len() - 1), value: 0..0, count: 0 };
                step(&quoted, &found, 0, &mut path);
            }
        }
    }
    path
}

impl Writer<'_> {
    fn node(&mut self, at: usize, is_root: bool) {
        let length = self.path.len();
        let node = &self.nodes[at];
        let (found, index, depth) = (node.found.clone(), node.index, node.depth);
        if !is_root {
            step(self.text, &found, index, &mut self.path);
        }
        self.html.push_str("<li");
        if self.path.len() <= MAX_PATH {
            self.html.push_str(" data-path=\"");
            escape(&self.path, &mut self.html);
            self.html.push('"');
        }
        self.html.push('>');
        let source = &self.text[found.value.clone()];
        let container = source.starts_with(['{', '[']);
        if container && found.count > 0 {
            let small = self.nodes.len() <= MAX_OPEN;
            self.html.push_str(if depth == 0 || (small && depth <= 3) {
                "<details open><summary>"
            } else {
                "<details><summary>"
            });
            self.label(&found, index, is_root);
            self.count(source, found.count);
            self.html.push_str("</summary><ul>");
            let inside = std::mem::take(&mut self.nodes[at].inside);
            for child in &inside {
                self.node(*child, false);
            }
            self.more(inside.len(), found.count);
            self.html.push_str("</ul></details>");
        } else {
            self.label(&found, index, is_root);
            if container { self.count(source, 0) } else { scalar(source, self.place.language, &mut self.html) }
        }
        self.html.push_str("</li>");
        self.path.truncate(length);
    }

    fn label(&mut self, found: &Found, index: usize, is_root: bool) {
        if is_root {
            return;
        }
        self.html.push_str("<span class=\"key\">");
        match &found.key {
            Some(key) => {
                let key = &self.text[key.clone()];
                let cut = &key[..key.floor_char_boundary(MAX_TEXT)];
                self.html.push_str(&show_hidden_signs(escaped(cut)));
                if cut.len() < key.len() {
                    self.html.push('…');
                }
            }
            None => self.html.push_str(&index.to_string()),
        }
        self.html.push_str("</span> ");
    }

    fn count(&mut self, source: &str, count: usize) {
        let (open, close) = if source.starts_with('{') { ('{', '}') } else { ('[', ']') };
        let said = words::json_count(count, open == '{', self.place.language);
        self.html.push_str(&format!("<span class=\"count\">{open}{close} {said}</span>"));
    }

    /// The place where a part of a value is loaded.
    fn more(&mut self, from: usize, until: usize) {
        if from >= until {
            return;
        }
        let said = words::json_more(until - from, self.place.language);
        if self.path.len() > MAX_PATH {
            self.html.push_str(&format!("<li class=\"cut\">{said}</li>"));
            return;
        }
        self.html.push_str(&format!(
            "<li data-more=\"{}/part?version={}&amp;path={}&amp;from={from}&amp;until={until}\">{said}</li>",
            escaped(self.place.base),
            self.place.version,
            encoded(&self.path)
        ));
    }
}

fn scalar(source: &str, language: Language, html: &mut String) {
    let class = match source.as_bytes().first() {
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    };
    let cut = &source[..source.floor_char_boundary(MAX_TEXT)];
    html.push_str(&format!("<span class=\"{class}\">{}</span>", show_hidden_signs(escaped(cut))));
    if cut.len() < source.len() {
        let rest = source[cut.len()..].chars().count();
        html.push_str(&format!("<span class=\"cut\"> {}</span>", words::json_text_goes_on(rest, language)));
    }
}

/// A path as a part of an address.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len() * 2);
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~$".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Where keys and values have a text, whatever the case of its letters.
pub(super) fn search(text: &str, wanted: &str) -> Value {
    let wanted = wanted.trim();
    let mut search = Search { text, lower: wanted.to_lowercase(), matches: Vec::new(), more: false };
    if !wanted.is_empty() && wanted.len() <= 1_000 {
        search.run();
    }
    json!({ "matches": search.matches, "more": search.more })
}

struct Search<'a> {
    text: &'a str,
    lower: String,
    matches: Vec<Value>,
    more: bool,
}

impl Search<'_> {
    /// Goes through the text once, with what leads to the place where it is: each level's last key and number.
    fn run(&mut self) {
        let bytes = self.text.as_bytes();
        let mut levels: Vec<(Option<std::ops::Range<usize>>, usize, bool)> = Vec::new();
        let mut at = root(self.text).value.start;
        // In an object a string may be a key: it is one unless a colon was before it.
        let mut after_colon = false;
        while at < bytes.len() && !self.more {
            match bytes[at] {
                open @ (b'{' | b'[') => {
                    levels.push((None, 0, open == b'{'));
                    after_colon = false;
                    at += 1;
                }
                b'}' | b']' => {
                    levels.pop();
                    at += 1;
                }
                b',' => {
                    if let Some(level) = levels.last_mut() {
                        level.1 += 1;
                    }
                    after_colon = false;
                    at += 1;
                }
                b':' => {
                    after_colon = true;
                    at += 1;
                }
                b' ' | b'\t' | b'\n' | b'\r' => at += 1,
                first => {
                    let end = token_end(bytes, at, first);
                    let is_key = first == b'"' && !after_colon && levels.last().is_some_and(|level| level.2);
                    let inside = if first == b'"' { at + 1..end.saturating_sub(1).max(at + 1) } else { at..end };
                    if is_key && let Some(level) = levels.last_mut() {
                        level.0 = Some(inside.clone());
                    }
                    if self.has(&self.text[inside.clone()]) {
                        self.tell(&levels, inside);
                    }
                    at = end;
                }
            }
        }
    }

    fn has(&self, raw: &str) -> bool {
        let value = decoded(raw);
        if self.lower.is_ascii() && value.is_ascii() {
            let wanted = self.lower.as_bytes();
            let value = value.as_bytes();
            let Some(first) = wanted.first().copied() else { return false };
            return memchr::memchr2_iter(first, first.to_ascii_uppercase(), value)
                .any(|at| value.get(at..at + wanted.len()).is_some_and(|part| part.eq_ignore_ascii_case(wanted)));
        }
        value.to_lowercase().contains(&self.lower)
    }

    fn tell(&mut self, levels: &[(Option<std::ops::Range<usize>>, usize, bool)], value: std::ops::Range<usize>) {
        let mut path = "$".to_owned();
        for (key, index, _) in levels {
            let found = Found { key: key.clone(), value: 0..0, count: 0 };
            step(self.text, &found, *index, &mut path);
            if path.len() > MAX_PATH {
                return;
            }
        }
        // A key and its value are one place.
        if self.matches.last().is_some_and(|last| last["path"] == path.as_str()) {
            return;
        }
        if self.matches.len() >= MAX_MATCHES {
            self.more = true;
            return;
        }
        let shown: String =
            decoded(&self.text[value.start..self.text.floor_char_boundary(value.end.min(value.start + 2_000))])
                .chars()
                .take(MAX_MATCH)
                .collect();
        self.matches.push(json!({ "path": path, "text": shown }));
    }
}

fn token_end(bytes: &[u8], at: usize, first: u8) -> usize {
    if first != b'"' {
        let rest = &bytes[at..];
        let end = rest.iter().position(|b| matches!(b, b',' | b'}' | b']' | b':' | b' ' | b'\t' | b'\n' | b'\r'));
        return at + end.unwrap_or(rest.len()).max(1);
    }
    let mut here = at + 1;
    while let Some(next) = memchr::memchr2(b'"', b'\\', &bytes[here.min(bytes.len())..]) {
        here += next;
        if bytes[here] == b'"' {
            return here + 1;
        }
        here += 2;
    }
    bytes.len()
}

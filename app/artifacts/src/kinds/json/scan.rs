//! Reads JSON where it stands: numbers keep their digits, and a text of any size is gone through without a copy of it.

use std::{borrow::Cow, collections::HashSet, ops::Range};

/// Values inside of values, at most: as `serde_json`.
pub(super) const MAX_DEPTH: usize = 128;

/// What keeps a text from being JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The text ends before the value does.
    End,
    /// A value was expected.
    Value,
    /// A key in double quotes was expected.
    Key,
    /// `:` was expected.
    Colon,
    /// `,` or the closing sign was expected.
    Comma(char),
    /// A comma and then the end.
    TrailingComma,
    /// No such escape in a string.
    Escape,
    /// A line's end or another control character in a string.
    Control,
    /// No number.
    Number,
    /// A comment.
    Comment,
    /// Single quotes.
    Quote,
    /// A word that is none of `true`, `false`, `null`.
    Word,
    /// Deeper than [`MAX_DEPTH`].
    Deep,
    /// Something follows the value.
    After,
}

/// Where a text stops being JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: What,
}

/// The bytes of keys that were there before, at most `most`.
///
/// # Errors
/// Where and why the text is not JSON.
pub(super) fn check(text: &str, most: usize) -> Result<Vec<usize>, Fault> {
    let mut duplicates = Vec::new();
    let mut open: Vec<Option<HashSet<Cow<'_, str>>>> = Vec::new();
    let mut at = blank(text, usize::from(text.starts_with('\u{feff}')) * 3);
    loop {
        // A value begins here.
        match text.as_bytes().get(at) {
            Some(sign @ (b'{' | b'[')) => {
                if open.len() >= MAX_DEPTH {
                    return Err(Fault { at, what: What::Deep });
                }
                let object = *sign == b'{';
                let inside = blank(text, at + 1);
                if text.as_bytes().get(inside) == Some(if object { &b'}' } else { &b']' }) {
                    at = inside + 1;
                } else {
                    open.push(object.then(HashSet::new));
                    at = if object { key(text, inside, &mut open, most, &mut duplicates)? } else { inside };
                    continue;
                }
            }
            Some(b'"') => at = string(text, at)?,
            Some(b'-' | b'0'..=b'9') => at = number(text, at)?,
            _ => at = word(text, at)?,
        }
        // A value ended here.
        loop {
            at = blank(text, at);
            let Some(level) = open.last() else {
                return if at == text.len() {
                    Ok(duplicates)
                } else if comment(text, at) {
                    Err(Fault { at, what: What::Comment })
                } else {
                    Err(Fault { at, what: What::After })
                };
            };
            let object = level.is_some();
            let close = if object { '}' } else { ']' };
            match text.as_bytes().get(at) {
                Some(b',') => {
                    let next = blank(text, at + 1);
                    if text[next..].starts_with(close) {
                        return Err(Fault { at, what: What::TrailingComma });
                    }
                    at = if object { key(text, next, &mut open, most, &mut duplicates)? } else { next };
                    break;
                }
                Some(sign) if char::from(*sign) == close => {
                    open.pop();
                    at += 1;
                }
                None => return Err(Fault { at, what: What::End }),
                _ if comment(text, at) => return Err(Fault { at, what: What::Comment }),
                _ => return Err(Fault { at, what: What::Comma(close) }),
            }
        }
    }
}

fn comment(text: &str, at: usize) -> bool {
    text[at..].starts_with("//") || text[at..].starts_with("/*") || text[at..].starts_with('#')
}

/// Passes a key and its colon; tells where its value begins.
fn key<'a>(
    text: &'a str,
    at: usize,
    open: &mut [Option<HashSet<Cow<'a, str>>>],
    most: usize,
    duplicates: &mut Vec<usize>,
) -> Result<usize, Fault> {
    let what = match text.as_bytes().get(at) {
        Some(b'"') => None,
        None => Some(What::End),
        Some(b'\'') => Some(What::Quote),
        _ if comment(text, at) => Some(What::Comment),
        _ => Some(What::Key),
    };
    if let Some(what) = what {
        return Err(Fault { at, what });
    }
    let end = string(text, at)?;
    if duplicates.len() < most
        && let Some(Some(keys)) = open.last_mut()
        && !keys.insert(decoded(&text[at + 1..end - 1]))
    {
        duplicates.push(at);
    }
    let colon = blank(text, end);
    match text.as_bytes().get(colon) {
        Some(b':') => Ok(blank(text, colon + 1)),
        None => Err(Fault { at: colon, what: What::End }),
        _ => Err(Fault { at: colon, what: What::Colon }),
    }
}

fn blank(text: &str, from: usize) -> usize {
    let bytes = &text.as_bytes()[from.min(text.len())..];
    from.min(text.len()) + bytes.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r')).unwrap_or(bytes.len())
}

fn string(text: &str, at: usize) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    let mut here = at + 1;
    loop {
        match bytes.get(here) {
            None => return Err(Fault { at, what: What::End }),
            Some(b'"') => return Ok(here + 1),
            Some(b'\\') => match bytes.get(here + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => here += 2,
                Some(b'u')
                    if bytes.get(here + 2..here + 6).is_some_and(|four| four.iter().all(u8::is_ascii_hexdigit)) =>
                {
                    here += 6;
                }
                None => return Err(Fault { at, what: What::End }),
                _ => return Err(Fault { at: here, what: What::Escape }),
            },
            Some(0..=0x1f) => return Err(Fault { at: here, what: What::Control }),
            Some(_) => here += 1,
        }
    }
}

fn number(text: &str, at: usize) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    let fault = Err(Fault { at, what: What::Number });
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut here = at + usize::from(bytes[at] == b'-');
    let whole = digits(here);
    if whole == 0 || (whole > 1 && bytes[here] == b'0') {
        return fault;
    }
    here += whole;
    if bytes.get(here) == Some(&b'.') {
        let part = digits(here + 1);
        if part == 0 {
            return fault;
        }
        here += 1 + part;
    }
    if matches!(bytes.get(here), Some(b'e' | b'E')) {
        here += 1 + usize::from(matches!(bytes.get(here + 1), Some(b'+' | b'-')));
        let part = if here <= bytes.len() { digits(here) } else { 0 };
        if part == 0 {
            return fault;
        }
        here += part;
    }
    // "12abc" is no number, and saying that a comma is missing would mislead.
    if bytes.get(here).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.') { fault } else { Ok(here) }
}

fn word(text: &str, at: usize) -> Result<usize, Fault> {
    let rest = &text[at..];
    let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let what = match &rest[..length] {
        "true" | "false" | "null" => return Ok(at + length),
        "" if rest.is_empty() => What::End,
        "" if rest.starts_with('\'') => What::Quote,
        "" if comment(text, at) => What::Comment,
        "" => What::Value,
        _ => What::Word,
    };
    Err(Fault { at, what })
}

/// A string without its quotes as the text it stands for; half of a pair of surrogates becomes a sign of its own.
pub(super) fn decoded(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let sign = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        let mut length = 2;
        match sign {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                let unit = |from: usize| rest.get(from..from + 4).and_then(|four| u16::from_str_radix(four, 16).ok());
                let first = unit(at + 2).unwrap_or(0xfffd);
                length = 6;
                let second = (0xd800..0xdc00)
                    .contains(&first)
                    .then(|| rest.get(at + 6..at + 8).filter(|next| *next == "\\u").and_then(|_| unit(at + 8)))
                    .flatten()
                    .filter(|second| (0xdc00..0xe000).contains(second));
                let units = [first, second.unwrap_or(0)];
                length += if second.is_some() { 6 } else { 0 };
                let units = &units[..if second.is_some() { 2 } else { 1 }];
                out.extend(char::decode_utf16(units.iter().copied()).map(|c| c.unwrap_or('\u{fffd}')));
            }
            other => out.push(char::from(other)),
        }
        rest = rest.get(at + length..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// A value of a text that [`check`] has let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its key, without quotes, as it was written.
    pub(super) key: Option<Range<usize>>,
    /// The value.
    pub(super) value: Range<usize>,
    /// How many values are in it.
    pub(super) count: usize,
}

/// The value of the whole text.
pub(super) fn root(text: &str) -> Found {
    let at = blank(text, usize::from(text.starts_with('\u{feff}')) * 3);
    let (end, count) = passed(text, at);
    Found { key: None, value: at..end, count }
}

/// Passes a value; tells where it ends and how many values are directly in it.
fn passed(text: &str, at: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    match bytes.get(at) {
        Some(b'"') => (string_end(bytes, at), 0),
        Some(b'{' | b'[') => {
            let (mut here, mut depth, mut commas) = (at + 1, 1_usize, 0);
            let empty = matches!(bytes.get(blank(text, here)), Some(b'}' | b']'));
            while let Some(byte) = bytes.get(here) {
                match byte {
                    b'"' => {
                        here = string_end(bytes, here);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            return (here + 1, if empty { 0 } else { commas + 1 });
                        }
                    }
                    b',' if depth == 1 => commas += 1,
                    _ => {}
                }
                here += 1;
            }
            (here, commas)
        }
        _ => {
            let rest = &bytes[at.min(bytes.len())..];
            let length = rest
                .iter()
                .position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
                .unwrap_or(rest.len());
            (at + length, 0)
        }
    }
}

fn string_end(bytes: &[u8], at: usize) -> usize {
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

/// The values directly in a value.
pub(super) struct Children<'a> {
    text: &'a str,
    at: usize,
    object: bool,
}

/// The values directly in the one that begins at a byte; none in a string, a number or a word.
pub(super) fn children<'a>(text: &'a str, value: &Range<usize>) -> Children<'a> {
    let object = text[value.start..].starts_with('{');
    let at = if object || text[value.start..].starts_with('[') { value.start + 1 } else { text.len() };
    Children { text, at, object }
}

impl Iterator for Children<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let mut at = blank(self.text, self.at);
        if self.text.as_bytes().get(at) == Some(&b',') {
            at = blank(self.text, at + 1);
        }
        if matches!(self.text.as_bytes().get(at), None | Some(b'}' | b']')) {
            self.at = self.text.len();
            return None;
        }
        let mut key = None;
        if self.object {
            let end = string_end(self.text.as_bytes(), at);
            key = Some(at + 1..end.saturating_sub(1).max(at + 1));
            at = blank(self.text, blank(self.text, end) + 1);
        }
        let (end, count) = passed(self.text, at);
        self.at = end;
        Some(Found { key, value: at..end, count })
    }
}

/// A step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The value of a key.
    Key(String),
    /// The value at a place, from 0.
    Index(usize),
}

/// `$.a[0]["odd key"]` as steps.
pub(super) fn path(written: &str) -> Option<Vec<Step>> {
    let mut rest = written.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() > MAX_DEPTH {
            return None;
        }
        if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return None;
            }
            steps.push(Step::Key(name[..end].to_owned()));
            rest = &name[end..];
        } else if rest.starts_with("[\"") {
            let end = string_end(rest.as_bytes(), 1);
            let raw = rest.get(2..end.checked_sub(1)?)?;
            steps.push(Step::Key(decoded(raw).into_owned()));
            rest = rest.get(end..)?.strip_prefix(']')?;
        } else {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(Step::Index(index.parse().ok()?));
            rest = after;
        }
    }
    Some(steps)
}

/// Appends a step to a written path.
pub(super) fn step(text: &str, found: &Found, index: usize, path: &mut String) {
    let Some(key) = &found.key else {
        path.push('[');
        path.push_str(&index.to_string());
        path.push(']');
        return;
    };
    let key = decoded(&text[key.clone()]);
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$')
        && key.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if plain {
        path.push('.');
        path.push_str(&key);
    } else {
        path.push('[');
        path.push_str(&serde_json::Value::from(key.as_ref()).to_string());
        path.push(']');
    }
}

/// The value that a path leads to.
pub(super) fn at_path(text: &str, steps: &[Step]) -> Option<Found> {
    let mut found = root(text);
    for step in steps {
        let mut inside = children(text, &found.value);
        found = match step {
            Step::Index(index) if !inside.object => inside.nth(*index)?,
            Step::Key(wanted) if inside.object => {
                inside.find(|child| child.key.clone().is_some_and(|key| decoded(&text[key]) == wanted.as_str()))?
            }
            _ => return None,
        };
    }
    Some(found)
}

/// Everything outside of strings that is no blank: what a shorter writing keeps.
pub(super) fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    each_token(text, |token, _| {
        out.push_str(token);
        true
    });
    out
}

/// The text with a line for each value, or `None` where it would be longer than `most` bytes.
pub(super) fn formatted(text: &str, most: usize) -> Option<String> {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut depth = 0_usize;
    let mut before = "";
    let whole = each_token(text, |token, _| {
        let line = |depth: usize, out: &mut String| {
            out.push('\n');
            for _ in 0..depth {
                out.push_str("  ");
            }
        };
        let closes = matches!(token, "}" | "]");
        if closes {
            depth = depth.saturating_sub(1);
        }
        let empty = closes && matches!(before, "{" | "[");
        if (matches!(before, "{" | "[" | ",") || closes) && !empty {
            line(depth, &mut out);
        }
        out.push_str(token);
        if token == ":" {
            out.push(' ');
        }
        if matches!(token, "{" | "[") {
            depth += 1;
        }
        before = token;
        out.len() <= most
    });
    out.push('\n');
    whole.then_some(out)
}

/// Strings, numbers, words and signs, in order, until one is not wanted any more; whether all were.
fn each_token<'a>(text: &'a str, mut take: impl FnMut(&'a str, usize) -> bool) -> bool {
    let bytes = text.as_bytes();
    let mut at = blank(text, usize::from(text.starts_with('\u{feff}')) * 3);
    while at < bytes.len() {
        let end = match bytes[at] {
            b'"' => string_end(bytes, at),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => at + 1,
            _ => {
                let rest = &bytes[at..];
                at + rest
                    .iter()
                    .position(|b| {
                        matches!(b, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"' | b' ' | b'\t' | b'\n' | b'\r')
                    })
                    .unwrap_or(rest.len())
                    .max(1)
            }
        };
        if !take(&text[at..end], at) {
            return false;
        }
        at = blank(text, end);
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn what(text: &str) -> Option<(usize, What)> {
        check(text, 20).err().map(|fault| (fault.at, fault.what))
    }

    #[test]
    fn what_is_wrong_is_told_where_it_is() {
        for (text, expected) in [
            ("", (0, What::End)),
            ("{\"a\":1,}", (6, What::TrailingComma)),
            ("[1,]", (2, What::TrailingComma)),
            ("[1 2]", (3, What::Comma(']'))),
            ("{\"a\" 1}", (5, What::Colon)),
            ("{a:1}", (1, What::Key)),
            ("{'a':1}", (1, What::Quote)),
            ("['a']", (1, What::Quote)),
            ("[True]", (1, What::Word)),
            ("[NaN]", (1, What::Word)),
            ("\"a\nb\"", (2, What::Control)),
            ("\"\\x\"", (1, What::Escape)),
            ("\"abc", (0, What::End)),
            ("[01]", (1, What::Number)),
            ("[1.]", (1, What::Number)),
            ("1 2", (2, What::After)),
            ("// no\n1", (0, What::Comment)),
            ("[1, /* no */ 2]", (4, What::Comment)),
            ("[-", (1, What::Number)),
            ("[1e", (1, What::Number)),
        ] {
            assert_eq!(what(text), Some(expected), "{text}");
        }
        assert_eq!(what(&"[".repeat(100_000)), Some((MAX_DEPTH, What::Deep)));
        assert_eq!(what(&format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))), None);
    }

    #[test]
    fn keys_that_come_twice_are_found_however_they_are_written() {
        assert_eq!(check(r#"{"a":1,"b":{"a":2},"\u0061":3}"#, 20), Ok(vec![19]));
    }

    #[test]
    fn paths_lead_where_they_were_written_for() {
        let text = r#"{"a":[{"odd \"key\"":1},2],"__proto__":{"x":3},"ñ":[[4]]}"#;
        for (written, value) in [
            ("$.a[1]", "2"),
            ("$.a[0][\"odd \\\"key\\\"\"]", "1"),
            ("$.__proto__.x", "3"),
            ("$[\"ñ\"][0][0]", "4"),
            ("$.a[0]", r#"{"odd \"key\"":1}"#),
        ] {
            let found = path(written).and_then(|steps| at_path(text, &steps)).unwrap_or_else(|| panic!("{written}"));
            assert_eq!(&text[found.value], value);
        }
        for wrong in ["", "a", "$.", "$[", "$[x]", "$[\"a", "$.a[9]", "$.zz", "$..a"] {
            assert_eq!(path(wrong).and_then(|steps| at_path(text, &steps)), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_keep_their_digits_in_every_form() {
        let text = "{ \"a\" : 123456789012345678901234567890.10 , \"b\":[ ] ,\"c\": {}}";
        assert_eq!(compact(text), "{\"a\":123456789012345678901234567890.10,\"b\":[],\"c\":{}}");
        let long = formatted(text, 1_000).unwrap();
        assert_eq!(long, "{\n  \"a\": 123456789012345678901234567890.10,\n  \"b\": [],\n  \"c\": {}\n}\n");
        assert_eq!(formatted(text, 10), None);
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            ".{0,12}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn all_json_is_read_and_every_writing_of_it_is_the_same_json(value in any_json()) {
            let text = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(check(&text, 20), Ok(vec![]));
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&compact(&text)).unwrap(), &value);
            let long = formatted(&text, usize::MAX).unwrap();
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&long).unwrap(), &value);
            let root = root(&text);
            prop_assert_eq!(children(&text, &root.value).count(), root.count);
            for (index, child) in children(&text, &root.value).enumerate() {
                let mut written = "$".to_owned();
                step(&text, &child, index, &mut written);
                let found = at_path(&text, &path(&written).unwrap()).unwrap();
                prop_assert_eq!(found.value, child.value);
            }
        }

        #[test]
        fn what_serde_reads_we_read_and_what_it_does_not_we_do_not(text in "[\\[\\]{}:,\"a0-9.eE+ \\\\ntrufals-]{0,16}") {
            // Numbers that are too large for a float are JSON all the same.
            let theirs = match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
                Ok(_) => true,
                Err(error) => error.to_string().contains("out of range"),
            };
            prop_assert_eq!(check(&text, 20).is_ok(), theirs, "{:?}", text);
        }
    }
}

//! JSON Schema (draft 2020-12, and what drafts before it call otherwise), within a number of steps.
//!
//! Ours rather than a library's, for three reasons: a schema is a stranger's, and combinations of `anyOf` and `$ref` can
//! double at every level, so steps are counted; what is wrong has its place in the text; and it is said in the reader's
//! language. Tests hold it against the crate `jsonschema`. Nothing is fetched: a `$ref` leads into the schema itself. What is
//! not checked is said.

use std::collections::{BTreeSet, HashMap};

use cjhirashi_domain::settings::Language;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::{
    super::text,
    scan::{Found, children, decoded, root},
    words,
};
use crate::Problem;

/// Longer texts are not checked, in bytes.
const MAX_TEXT: usize = 4 * 1024 * 1024;
/// Texts with more values are not checked.
const MAX_NODES: usize = 300_000;
/// What checking may take: one step looks at one value with one schema.
const MAX_STEPS: usize = 3_000_000;
/// Schemas inside of schemas inside of values.
const MAX_DEPTH: usize = 300;
/// Different patterns of a schema.
const MAX_PATTERNS: usize = 100;
/// A pattern's machine, in bytes.
const PATTERN_SIZE: usize = 256 * 1024;

/// Keywords that say something about a value and are not checked here.
const UNCHECKED: &[&str] =
    &["unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef", "dependencies"];

/// A value and where it is.
struct Node<'a> {
    at: usize,
    value: Held<'a>,
}

enum Held<'a> {
    Null,
    Boolean(bool),
    Number(&'a str),
    Text(std::borrow::Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<(std::borrow::Cow<'a, str>, usize, Node<'a>)>),
}

impl Node<'_> {
    fn kind(&self) -> &'static str {
        match &self.value {
            Held::Null => "null",
            Held::Boolean(_) => "boolean",
            Held::Number(_) => "number",
            Held::Text(_) => "string",
            Held::List(_) => "array",
            Held::Object(_) => "object",
        }
    }
}

/// The tree of a text that was checked; `None` when it has too many values.
fn node<'a>(text: &'a str, found: &Found, left: &mut usize) -> Option<Node<'a>> {
    *left = left.checked_sub(1)?;
    let source = &text[found.value.clone()];
    let value = match source.as_bytes().first() {
        Some(b'n') => Held::Null,
        Some(b't') => Held::Boolean(true),
        Some(b'f') => Held::Boolean(false),
        Some(b'"') => Held::Text(decoded(&source[1..source.len() - 1])),
        Some(b'[') => {
            Held::List(children(text, &found.value).map(|child| node(text, &child, left)).collect::<Option<_>>()?)
        }
        Some(b'{') => Held::Object(
            children(text, &found.value)
                .map(|child| {
                    let key = child.key.clone()?;
                    Some((decoded(&text[key.clone()]), key.start.saturating_sub(1), node(text, &child, left)?))
                })
                .collect::<Option<_>>()?,
        ),
        _ => Held::Number(source),
    };
    Some(Node { at: found.value.start, value })
}

/// What is wrong in a text that is JSON.
pub(super) fn problems(source: &str, schema: &Value, language: Language) -> Vec<Problem> {
    let mut left = MAX_NODES;
    let Some(tree) = (source.len() <= MAX_TEXT).then(|| node(source, &root(source), &mut left)).flatten() else {
        return vec![text::problem(words::schema_unchecked_size(language))];
    };
    let mut check = Check {
        schema,
        language,
        steps: MAX_STEPS,
        patterns: HashMap::new(),
        unchecked: BTreeSet::new(),
        looped: false,
        found: Vec::new(),
    };
    check.node(schema, &tree, 0, true);
    let mut problems: Vec<Problem> = Vec::new();
    // The same place may fail in several ways; in the order of the text they are mended from above.
    check.found.sort_by_key(|(at, _)| *at);
    check.found.dedup();
    for (at, said) in check.found.iter().take(text::MAX_PROBLEMS) {
        problems.push(text::problem_at(source, *at, said.clone()));
    }
    if check.steps == 0 {
        problems.push(text::problem(words::schema_cut(language)));
    }
    if check.looped {
        problems.push(text::problem(words::schema_loop(language)));
    }
    if !check.unchecked.is_empty() {
        let names: Vec<&str> = check.unchecked.iter().map(String::as_str).take(5).collect();
        problems.push(text::problem(words::schema_unchecked(&names.join(", "), language)));
    }
    problems
}

struct Check<'a> {
    schema: &'a Value,
    language: Language,
    steps: usize,
    patterns: HashMap<String, Option<Regex>>,
    unchecked: BTreeSet<String>,
    looped: bool,
    found: Vec<(usize, String)>,
}

impl<'a> Check<'a> {
    /// Takes steps; `false` when none are left.
    fn step(&mut self, steps: usize) -> bool {
        self.steps = self.steps.saturating_sub(steps.max(1));
        self.steps > 0
    }

    /// Says what is wrong where it counts.
    fn wrong(&mut self, at: usize, tell: bool, said: impl FnOnce(Language) -> String) -> bool {
        if tell && self.found.len() < 4 * text::MAX_PROBLEMS {
            let said = said(self.language);
            self.found.push((at, said));
        }
        false
    }

    /// Whether a value is as a schema wants it. Without `tell` it says nothing, as in a branch that need not hold.
    fn node(&mut self, schema: &'a Value, node: &Node<'_>, depth: usize, tell: bool) -> bool {
        // Where checking ends early nothing is called wrong.
        if !self.step(1) {
            return true;
        }
        if depth > MAX_DEPTH {
            self.looped = true;
            return true;
        }
        let schema = match schema {
            Value::Bool(true) => return true,
            Value::Bool(false) => {
                return self.wrong(node.at, tell, |language| words::schema_nothing(language).to_owned());
            }
            Value::Object(schema) => schema,
            _ => return true,
        };
        for name in UNCHECKED {
            if schema.contains_key(*name) {
                self.unchecked.insert((*name).to_owned());
            }
        }
        let mut right = self.reference(schema, node, depth, tell);
        right &= self.kinds(schema, node, tell);
        right &= self.same(schema, node, tell);
        right &= match &node.value {
            Held::Number(number) => self.number(schema, number, node.at, tell),
            Held::Text(value) => self.text(schema, value, node.at, tell),
            Held::List(items) => self.list(schema, items, node.at, depth, tell),
            Held::Object(members) => self.object(schema, node, members, depth, tell),
            Held::Null | Held::Boolean(_) => true,
        };
        right & self.combined(schema, node, depth, tell)
    }

    fn reference(&mut self, schema: &'a Map<String, Value>, node: &Node<'_>, depth: usize, tell: bool) -> bool {
        let Some(Value::String(reference)) = schema.get("$ref") else { return true };
        let target = if reference == "#" {
            Some(self.schema)
        } else {
            // Percent signs of an address are rare in keys; those few are told as unchecked.
            reference
                .strip_prefix('#')
                .filter(|pointer| pointer.starts_with('/') && !pointer.contains('%'))
                .and_then(|pointer| self.schema.pointer(pointer))
        };
        match target {
            Some(target) => self.node(target, node, depth + 1, tell),
            None => {
                let shown: String = reference.chars().take(60).collect();
                self.unchecked.insert(format!("$ref {shown}"));
                true
            }
        }
    }

    fn kinds(&mut self, schema: &'a Map<String, Value>, node: &Node<'_>, tell: bool) -> bool {
        let wanted: Vec<&str> = match schema.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(some)) => some.iter().take(8).filter_map(Value::as_str).collect(),
            _ => return true,
        };
        let kind = node.kind();
        let fits = wanted.iter().any(|wanted| {
            *wanted == kind || (*wanted == "integer" && matches!(&node.value, Held::Number(number) if is_whole(number)))
        });
        fits || self.wrong(node.at, tell, |language| words::schema_type(&wanted, kind, language))
    }

    fn same(&mut self, schema: &'a Map<String, Value>, node: &Node<'_>, tell: bool) -> bool {
        if let Some(Value::Array(choices)) = schema.get("enum") {
            let mut any = false;
            for choice in choices {
                if !self.step(1) {
                    return true;
                }
                any = any || self.equal(choice, node);
            }
            if !any {
                return self.wrong(node.at, tell, |language| words::schema_enum(&listed(choices), language));
            }
        }
        if let Some(only) = schema.get("const")
            && !self.equal(only, node)
        {
            return self
                .wrong(node.at, tell, |language| words::schema_enum(&listed(std::slice::from_ref(only)), language));
        }
        true
    }

    fn equal(&mut self, value: &Value, node: &Node<'_>) -> bool {
        if !self.step(1) {
            return true;
        }
        match (value, &node.value) {
            (Value::Null, Held::Null) => true,
            (Value::Bool(left), Held::Boolean(right)) => left == right,
            (Value::Number(left), Held::Number(right)) => same_number(&left.to_string(), right),
            (Value::String(left), Held::Text(right)) => left == right.as_ref(),
            (Value::Array(left), Held::List(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| self.equal(left, right))
            }
            (Value::Object(left), Held::Object(right)) => {
                left.len() == right.len()
                    && right
                        .iter()
                        .all(|(key, _, value)| left.get(key.as_ref()).is_some_and(|left| self.equal(left, value)))
            }
            _ => false,
        }
    }

    fn number(&mut self, schema: &'a Map<String, Value>, number: &str, at: usize, tell: bool) -> bool {
        let value: f64 = number.parse().unwrap_or(f64::NAN);
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let checks: [(&str, &str, fn(f64, f64) -> bool); 4] = [
            ("minimum", "≥", |value, bound| value >= bound),
            ("maximum", "≤", |value, bound| value <= bound),
            ("exclusiveMinimum", ">", |value, bound| value > bound),
            ("exclusiveMaximum", "<", |value, bound| value < bound),
        ];
        let mut right = true;
        for (name, sign, holds) in checks {
            if let Some(bound) = bound(name)
                && !holds(value, bound)
            {
                right = self.wrong(at, tell, |language| words::schema_bound(&format!("{sign} {bound}"), language));
            }
        }
        if let Some(unit) = bound("multipleOf").filter(|unit| *unit > 0.0) {
            let times = value / unit;
            // 0.3 is a multiple of 0.1, whatever binary fractions say.
            if !times.is_finite() || (times - times.round()).abs() > times.abs() * 1e-12 {
                right = self.wrong(at, tell, |language| words::schema_multiple(unit, language));
            }
        }
        right
    }

    fn text(&mut self, schema: &'a Map<String, Value>, value: &str, at: usize, tell: bool) -> bool {
        let mut right = true;
        if schema.contains_key("minLength") || schema.contains_key("maxLength") {
            if !self.step(value.len() / 64) {
                return true;
            }
            right = self.size(
                schema,
                ("minLength", "maxLength"),
                (value.chars().count(), words::Sized::Characters),
                at,
                tell,
            );
        }
        if let Some(Value::String(pattern)) = schema.get("pattern")
            && !self.matches(pattern, value)
        {
            let shown: String = pattern.chars().take(80).collect();
            right = self.wrong(at, tell, |language| words::schema_pattern(&shown, language));
        }
        right
    }

    fn size(
        &mut self,
        schema: &Map<String, Value>,
        (least, most): (&str, &str),
        (size, of): (usize, words::Sized),
        at: usize,
        tell: bool,
    ) -> bool {
        let bound = |name: &str| schema.get(name).and_then(whole);
        if let Some(least) = bound(least).filter(|least| (size as u64) < *least) {
            return self.wrong(at, tell, |language| words::schema_size(true, least, of, language));
        }
        if let Some(most) = bound(most).filter(|most| (size as u64) > *most) {
            return self.wrong(at, tell, |language| words::schema_size(false, most, of, language));
        }
        true
    }

    /// Whether a pattern is in a text; patterns that are not understood are, and are told.
    fn matches(&mut self, pattern: &str, value: &str) -> bool {
        if !self.step(1 + value.len() / 16) {
            return true;
        }
        if !self.patterns.contains_key(pattern) {
            let regex = (self.patterns.len() < MAX_PATTERNS && pattern.len() <= 1_000)
                .then(|| RegexBuilder::new(pattern).size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE).build().ok())
                .flatten();
            if regex.is_none() {
                self.unchecked.insert("pattern".to_owned());
            }
            self.patterns.insert(pattern.to_owned(), regex);
        }
        self.patterns.get(pattern).and_then(Option::as_ref).is_none_or(|regex| regex.is_match(value))
    }

    fn list(
        &mut self,
        schema: &'a Map<String, Value>,
        items: &[Node<'_>],
        at: usize,
        depth: usize,
        tell: bool,
    ) -> bool {
        let mut right = self.size(schema, ("minItems", "maxItems"), (items.len(), words::Sized::Items), at, tell);
        // Before draft 2020-12 `items` was a list too, and the rest `additionalItems`.
        let (first, rest) = match (schema.get("prefixItems"), schema.get("items")) {
            (Some(Value::Array(first)), rest) => (first.as_slice(), rest),
            (None, Some(Value::Array(first))) => (first.as_slice(), schema.get("additionalItems")),
            (_, rest) => (&[][..], rest),
        };
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = first.get(index).or(rest) {
                right &= self.node(schema, item, depth + 1, tell);
            }
            if self.steps == 0 || (!right && !tell) {
                return right;
            }
        }
        if let Some(wanted) = schema.get("contains") {
            let count = items.iter().filter(|item| self.node(wanted, item, depth + 1, false)).count() as u64;
            let least = schema.get("minContains").and_then(whole).unwrap_or(1);
            let most = schema.get("maxContains").and_then(whole).unwrap_or(u64::MAX);
            if count < least || count > most {
                right = self.wrong(at, tell, |language| words::schema_contains(language).to_owned());
            }
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            let mut seen = std::collections::HashSet::new();
            for item in items {
                let mut key = String::new();
                if !self.canonical(item, &mut key) {
                    return right;
                }
                if !seen.insert(key) {
                    right = self.wrong(item.at, tell, |language| words::schema_unique(language).to_owned());
                }
            }
        }
        right
    }

    /// The same text for the same value; `false` when no steps are left.
    fn canonical(&mut self, node: &Node<'_>, out: &mut String) -> bool {
        if !self.step(1) {
            return false;
        }
        match &node.value {
            Held::Null => out.push('n'),
            Held::Boolean(value) => out.push(if *value { 't' } else { 'f' }),
            Held::Number(number) => {
                out.push_str(&number.parse::<i128>().map_or_else(
                    |_| {
                        number.parse::<f64>().map_or_else(
                            |_| (*number).to_owned(),
                            |value| {
                                if value.fract() == 0.0 && value.abs() < 1e15 {
                                    format!("{value:.0}")
                                } else {
                                    format!("{value:e}")
                                }
                            },
                        )
                    },
                    |value| value.to_string(),
                ));
                out.push(' ');
            }
            Held::Text(value) => {
                if !self.step(value.len() / 64) {
                    return false;
                }
                out.push_str(&Value::from(value.as_ref()).to_string());
            }
            Held::List(items) => {
                out.push('[');
                for item in items {
                    if !self.canonical(item, out) {
                        return false;
                    }
                    out.push(',');
                }
                out.push(']');
            }
            Held::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|left, right| left.0.cmp(&right.0));
                out.push('{');
                for (key, _, value) in sorted {
                    out.push_str(&Value::from(key.as_ref()).to_string());
                    if !self.canonical(value, out) {
                        return false;
                    }
                }
                out.push('}');
            }
        }
        true
    }

    fn object(
        &mut self,
        schema: &'a Map<String, Value>,
        node: &Node<'_>,
        members: &[(std::borrow::Cow<'_, str>, usize, Node<'_>)],
        depth: usize,
        tell: bool,
    ) -> bool {
        let at = node.at;
        let mut right =
            self.size(schema, ("minProperties", "maxProperties"), (members.len(), words::Sized::Keys), at, tell);
        let has_wants =
            ["required", "dependentRequired", "dependentSchemas"].iter().any(|name| schema.contains_key(*name));
        let there: std::collections::HashSet<&str> = if has_wants && self.step(members.len() / 8) {
            members.iter().map(|(key, ..)| key.as_ref()).collect()
        } else {
            Default::default()
        };
        let missing = |check: &mut Self, wanted: &'a Value| {
            let mut right = true;
            for key in wanted.as_array().into_iter().flatten().filter_map(Value::as_str) {
                if check.step(1) && !there.contains(key) {
                    let shown: String = key.chars().take(60).collect();
                    right = check.wrong(at, tell, |language| words::schema_required(&shown, language));
                }
            }
            right
        };
        if let Some(required) = schema.get("required") {
            right &= missing(self, required);
        }
        if let Some(Value::Object(dependent)) = schema.get("dependentRequired") {
            for (key, wanted) in dependent {
                if self.step(1) && there.contains(key.as_str()) {
                    right &= missing(self, wanted);
                }
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        let names = schema.get("propertyNames");
        for (key, key_at, value) in members {
            if self.steps == 0 || (!right && !tell) {
                return right;
            }
            let mut known = false;
            if let Some(own) = properties.and_then(|properties| properties.get(key.as_ref())) {
                known = true;
                right &= self.node(own, value, depth + 1, tell);
            }
            for (pattern, own) in patterns.into_iter().flatten() {
                if self.matches(pattern, key) {
                    known = true;
                    right &= self.node(own, value, depth + 1, tell);
                }
            }
            match others {
                Some(Value::Bool(false)) if !known => {
                    let shown: String = key.chars().take(60).collect();
                    right = self.wrong(*key_at, tell, |language| words::schema_additional(&shown, language));
                }
                Some(others) if !known => right &= self.node(others, value, depth + 1, tell),
                _ => {}
            }
            if let Some(names) = names {
                let name = Node { at: *key_at, value: Held::Text(std::borrow::Cow::Borrowed(key.as_ref())) };
                right &= self.node(names, &name, depth + 1, tell);
            }
        }
        if let Some(Value::Object(dependent)) = schema.get("dependentSchemas") {
            for (key, own) in dependent {
                if there.contains(key.as_str()) {
                    right &= self.node(own, node, depth + 1, tell);
                }
            }
        }
        right
    }

    fn combined(&mut self, schema: &'a Map<String, Value>, node: &Node<'_>, depth: usize, tell: bool) -> bool {
        let mut right = true;
        if let Some(Value::Array(all)) = schema.get("allOf") {
            for one in all {
                right &= self.node(one, node, depth + 1, tell);
                if self.steps == 0 || (!right && !tell) {
                    return right;
                }
            }
        }
        if let Some(Value::Array(any)) = schema.get("anyOf")
            && !any.iter().any(|one| self.node(one, node, depth + 1, false))
        {
            right = self.wrong(node.at, tell, |language| words::schema_any(language).to_owned());
        }
        if let Some(Value::Array(one)) = schema.get("oneOf") {
            let count = one.iter().filter(|one| self.node(one, node, depth + 1, false)).take(2).count();
            // Without steps left everything seems to hold.
            if count != 1 && self.steps > 0 {
                right = self.wrong(node.at, tell, |language| words::schema_one(count, language).to_owned());
            }
        }
        if let Some(not) = schema.get("not")
            && self.node(not, node, depth + 1, false)
            && self.steps > 0
            && !self.looped
        {
            right = self.wrong(node.at, tell, |language| words::schema_not(language).to_owned());
        }
        if let Some(condition) = schema.get("if") {
            let branch = if self.node(condition, node, depth + 1, false) { "then" } else { "else" };
            if let Some(branch) = schema.get(branch) {
                right &= self.node(branch, node, depth + 1, tell);
            }
        }
        right
    }
}

/// A count, which may be written as `2.0`.
fn whole(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|value| value.fract() == 0.0 && *value >= 0.0).map(|value| value as u64))
}

fn is_whole(number: &str) -> bool {
    number.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        || number.parse::<f64>().is_ok_and(|value| value.is_finite() && value.fract() == 0.0)
}

fn same_number(left: &str, right: &str) -> bool {
    match (left.parse::<i128>(), right.parse::<i128>()) {
        (Ok(left), Ok(right)) => left == right,
        _ => left.parse::<f64>().ok().zip(right.parse::<f64>().ok()).is_some_and(|(left, right)| left == right),
    }
}

/// Values as a person reads them, within bounds.
fn listed(choices: &[Value]) -> String {
    let mut shown: Vec<String> =
        choices.iter().take(8).map(|choice| choice.to_string().chars().take(40).collect()).collect();
    if choices.len() > 8 {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

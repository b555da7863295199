//! What is not drawn because it could have no end.
//!
//! Read in `mermaid-svg` 0.7.0: what recurses there goes into parts of parts (subgraphs, states, blocks of messages,
//! branches of a mind map) and follows them by name, and what counts there counts days.

use std::collections::HashMap;

use mermaid_svg::Diagram;

use super::undrawn::Undrawn;

/// More lines between boxes than that are not drawn; Mermaid's own limit.
const MAX_EDGES: usize = 500;
/// "a & b --> c & d" is four lines; with so many of these signs there are at most [`MAX_EDGES`].
const MAX_ANDS: usize = 40;

/// A Gantt chart of more days is not drawn: weekends are boxes of their own.
const MAX_DAYS: u32 = 4_000;

/// The first word of each kind that is drawn.
pub(super) const KINDS: &[&str] = &[
    "classDiagram",
    "classDiagram-v2",
    "erDiagram",
    "flowchart",
    "gantt",
    "gitGraph",
    "graph",
    "journey",
    "mindmap",
    "pie",
    "quadrantChart",
    "sequenceDiagram",
    "stateDiagram",
    "stateDiagram-v2",
    "timeline",
    "xychart",
    "xychart-beta",
];

/// Whether it is one of [`KINDS`] and says nothing that is known to have no end.
pub(super) fn may_be_read(body: &str) -> Result<(), Undrawn> {
    let lines = (1..).zip(body.lines()).map(|(number, line)| (number, line.trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with("%%"));
    let Some((_, first)) = lines.next() else { return Err(Undrawn::Empty) };
    let kind = first.split([' ', '\t', ';', ':']).next().unwrap_or_default();
    match kind {
        "gantt" => {
            let mut days = 0;
            for (number, line) in lines {
                days += days_of(line).ok_or(Undrawn::Days(Some(number)))?;
                if days > MAX_DAYS {
                    return Err(Undrawn::Days(Some(number)));
                }
            }
            Ok(())
        }
        "flowchart" | "graph" if body.matches('&').count() > MAX_ANDS => Err(Undrawn::TooMuch),
        kind if KINDS.contains(&kind) => Ok(()),
        kind => Err(Undrawn::Kind(kind.chars().take(40).collect())),
    }
}

/// Time is drawn day by day: how many days a line of a Gantt chart adds at most. `None` where it leads to the year 99999,
/// leaves no day to work, asks for milliseconds, or says anything else than what is known to be short: the library reads
/// numbers as "1e12" and "inf", too.
fn days_of(line: &str) -> Option<u32> {
    let word = line.split_whitespace().next().unwrap_or_default();
    if word.eq_ignore_ascii_case("tickInterval") {
        return None;
    }
    if word.eq_ignore_ascii_case("excludes") {
        return line[word.len()..].trim().eq_ignore_ascii_case("weekends").then_some(0);
    }
    let short = line
        .split(|c: char| !c.is_ascii_digit())
        .all(|digits| digits.len() < 4 || digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20")));
    if !short {
        return None;
    }
    // A task: its name, and after the colon its marks, id, beginning and end.
    let Some((_, fields)) = line.rsplit_once(':') else { return Some(0) };
    fields.split(',').try_fold(0, |days, field| Some(days + days_of_field(field.trim())?))
}

/// The same, of a mark, an id, a date or a duration of a task.
fn days_of_field(field: &str) -> Option<u32> {
    let lower = field.to_ascii_lowercase();
    let Some(first) = lower.chars().next() else { return Some(0) };
    if first.is_ascii_alphabetic() || first == '_' {
        let number = ["inf", "nan"].iter().any(|word| lower.starts_with(word));
        return (!number && lower.chars().all(|c| c.is_alphanumeric() || "_-. ".contains(c))).then_some(0);
    }
    // A date, or a time of a day.
    if field.len() >= 4 && field.chars().all(|c| c.is_ascii_digit() || "-/.: ".contains(c)) {
        return Some(0);
    }
    let (number, unit) = field.split_at(field.len() - field.chars().last().map_or(0, char::len_utf8));
    let number: u32 = number.trim().parse().ok()?;
    match unit {
        "m" | "h" => Some(number.div_ceil(24)),
        "d" => Some(number),
        "w" => Some(number * 7),
        "M" => Some(number * 31),
        _ => None,
    }
}

/// Whether what was read is of a kind that is drawn, is not too much, and has no part that is in itself.
pub(super) fn may_be_drawn(diagram: &Diagram) -> bool {
    match diagram {
        Diagram::Flowchart(flow) => {
            let parts = flow.subgraphs.iter().map(|part| (part.id.as_str(), part.child_subgraph_ids.iter()));
            flow.edges.len() <= MAX_EDGES && is_a_tree(parts)
        }
        Diagram::State(state) => {
            let parts = state.composites.iter().map(|part| (part.id.as_str(), part.regions.iter().flatten()));
            state.transitions.len() <= MAX_EDGES && is_a_tree(parts)
        }
        Diagram::Class(class) => class.relations.len() <= MAX_EDGES,
        Diagram::Er(_)
        | Diagram::Gantt(_)
        | Diagram::GitGraph(_)
        | Diagram::Journey(_)
        | Diagram::Mindmap(_)
        | Diagram::Pie(_)
        | Diagram::Quadrant(_)
        | Diagram::Sequence(_)
        | Diagram::Timeline(_)
        | Diagram::XyChart(_) => true,
        _ => false,
    }
}

/// Whether each part is there once, in one other at most, and not in itself by any way.
fn is_a_tree<'a, I: Iterator<Item = &'a String>>(parts: impl Iterator<Item = (&'a str, I)> + Clone) -> bool {
    let mut above: HashMap<&str, Option<&str>> = HashMap::new();
    if !parts.clone().all(|(id, _)| above.insert(id, None).is_none()) {
        return false;
    }
    for (id, children) in parts {
        for child in children {
            match above.get_mut(child.as_str()) {
                Some(place @ None) => *place = Some(id),
                Some(Some(_)) => return false,
                // A box without parts.
                None => {}
            }
        }
    }
    above.keys().all(|id| {
        let way = std::iter::successors(Some(*id), |id| above.get(id).copied().flatten());
        way.take(above.len() + 1).count() <= above.len()
    })
}

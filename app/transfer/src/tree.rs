//! Messages that name each other become a list in which each follows an earlier one.

use std::collections::HashMap;

use cjhirashi_domain::{Timestamp, chat::MessageRole};
use serde_json::value::RawValue;

use crate::{
    ImportedMessage,
    lenient::{Members, Text},
};

/// A node as its file tells it.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) parent: Option<String>,
    /// Ids of those that follow it, not read yet.
    pub(crate) children: Vec<&'a RawValue>,
    pub(crate) at: Timestamp,
    /// What people saw, if anything.
    pub(crate) message: Option<ImportedMessage>,
}

/// A node at its place in a list: it follows an earlier one, or none.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) parent: Option<usize>,
    pub(crate) message: Option<ImportedMessage>,
}

/// Messages, and the last one of the branch that was shown.
pub(crate) type Thread = (Vec<ImportedMessage>, Option<usize>);

/// Puts nodes, by id, in an order in which each follows its parent, the older of two siblings first, and leaves out those
/// without a message. What a node says of its parent counts; where it names none that is there, a node that names it as its
/// child. A circle is cut open at one of its nodes.
pub(crate) fn grow<'a>(
    Members(nodes): &Members<'a>,
    current: &str,
    read: impl Fn(&str, &'a RawValue) -> Node<'a>,
) -> Thread {
    let places: HashMap<&str, usize> = nodes.keys().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
    let mut parents = vec![None; nodes.len()];
    let mut listed = vec![None; nodes.len()];
    let mut times = Vec::with_capacity(nodes.len());
    let mut messages = Vec::with_capacity(nodes.len());
    for (at, (id, raw)) in nodes.iter().enumerate() {
        let node = read(id, raw);
        parents[at] = node.parent.and_then(|parent| places.get(parent.as_str()).copied());
        for child in node.children {
            if let Ok(Text(child)) = serde_json::from_str(child.get())
                && let Some(child) = places.get(child.as_str())
            {
                listed[*child].get_or_insert(at);
            }
        }
        times.push(node.at);
        messages.push(node.message);
    }
    let mut children = vec![Vec::new(); nodes.len()];
    let mut roots = Vec::new();
    for at in 0..nodes.len() {
        match parents[at].or(listed[at]) {
            Some(parent) => children[parent].push(at),
            None => roots.push(at),
        }
    }
    let newest_first = |places: &mut Vec<usize>| places.sort_by_key(|at| std::cmp::Reverse((times[*at], *at)));
    newest_first(&mut roots);
    children.iter_mut().for_each(newest_first);

    let mut placed = Vec::with_capacity(nodes.len());
    let mut place: Vec<Option<usize>> = vec![None; nodes.len()];
    // Below the roots lies everybody, for whoever no root leads to: what is in a circle, or behind one.
    let mut waiting: Vec<_> = (0..nodes.len()).rev().chain(roots).map(|at| (at, None)).collect();
    while let Some((at, parent)) = waiting.pop() {
        if place[at].is_none() {
            place[at] = Some(placed.len());
            waiting.extend(children[at].iter().map(|child| (*child, place[at])));
            placed.push(Placed { parent, message: messages[at].take() });
        }
    }
    let current = places.get(current).and_then(|at| place[*at]);
    hang(placed, current)
}

/// Leaves out what has no message; what follows it hangs on the nearest message before it.
pub(crate) fn hang(placed: Vec<Placed>, current: Option<usize>) -> Thread {
    let mut messages = Vec::new();
    let mut kept: Vec<Option<usize>> = Vec::with_capacity(placed.len());
    for Placed { parent, message } in placed {
        let parent = parent.and_then(|parent| kept.get(parent).copied().flatten());
        kept.push(message.map_or(parent, |message| {
            messages.push(ImportedMessage { parent, ..message });
            Some(messages.len() - 1)
        }));
    }
    (messages, current.and_then(|current| kept.get(current).copied().flatten()))
}

/// Makes one message of answers that follow each other alone: what a model said before and after it used a tool.
pub(crate) fn join_answers((messages, current): Thread) -> Thread {
    let mut followers = vec![0_usize; messages.len()];
    for parent in messages.iter().filter_map(|message| message.parent) {
        followers[parent] += 1;
    }
    let mut joined: Vec<ImportedMessage> = Vec::with_capacity(messages.len());
    let mut place: Vec<usize> = Vec::with_capacity(messages.len());
    for mut message in messages {
        let answers =
            |before: &usize| message.role == MessageRole::Assistant && joined[*before].role == MessageRole::Assistant;
        let alone = message.parent.filter(|parent| followers[*parent] == 1);
        match alone.map(|parent| place[parent]).filter(answers) {
            Some(before) => {
                let answer = &mut joined[before];
                answer.content.push_str("\n\n");
                answer.content.push_str(&message.content);
                answer.model = answer.model.take().or(message.model);
                place.push(before);
            }
            None => {
                message.parent = message.parent.map(|parent| place[parent]);
                place.push(joined.len());
                joined.push(message);
            }
        }
    }
    (joined, current.and_then(|current| place.get(current).copied()))
}

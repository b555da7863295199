//! Conversations as trees: a question that was edited and an answer that was asked for again stand beside the one that was
//! there. What is shown is one branch, from the first message to a leaf.

use std::collections::HashMap;

use crate::chat::MessageRole;

/// A message as far as its place goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: String,
    /// The message it follows.
    pub parent: Option<String>,
    /// Who speaks.
    pub role: MessageRole,
}

/// All messages of a chat, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    places: HashMap<String, usize>,
    /// By parent; `None` for those that follow nothing.
    children: HashMap<Option<usize>, Vec<usize>>,
}

impl Tree {
    /// Reads the messages of a chat, oldest first. One whose parent is not older, or not there, follows nothing.
    #[must_use]
    pub fn new(nodes: Vec<Node>) -> Self {
        let places: HashMap<String, usize> = nodes.iter().enumerate().map(|(at, node)| (node.id.clone(), at)).collect();
        let mut children: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
        for (at, node) in nodes.iter().enumerate() {
            let parent =
                node.parent.as_ref().and_then(|parent| places.get(parent).copied()).filter(|other| *other < at);
            children.entry(parent).or_default().push(at);
        }
        Self { nodes, places, children }
    }

    /// All messages, oldest first.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Who speaks in a message.
    #[must_use]
    pub fn role(&self, id: &str) -> Option<MessageRole> {
        self.places.get(id).map(|at| self.nodes[*at].role)
    }

    fn parent(&self, at: usize) -> Option<usize> {
        let parent = self.nodes[at].parent.as_ref()?;
        self.places.get(parent).copied().filter(|other| *other < at)
    }

    /// The branch that ends at `leaf`, or at the newest message: its ids, oldest first.
    #[must_use]
    pub fn branch(&self, leaf: Option<&str>) -> Vec<&str> {
        let newest = self.nodes.len().checked_sub(1);
        let mut next = leaf.and_then(|leaf| self.places.get(leaf).copied()).or(newest);
        let mut branch = Vec::new();
        while let Some(at) = next {
            branch.push(self.nodes[at].id.as_str());
            next = self.parent(at);
        }
        branch.reverse();
        branch
    }

    /// The messages in whose place a message stands, itself among them, oldest first.
    #[must_use]
    pub fn siblings(&self, id: &str) -> Vec<&str> {
        let Some(at) = self.places.get(id).copied() else { return Vec::new() };
        let beside = self.children.get(&self.parent(at)).map_or(&[][..], Vec::as_slice);
        let of_its_kind = beside.iter().filter(|other| self.nodes[**other].role == self.nodes[at].role);
        of_its_kind.map(|other| self.nodes[*other].id.as_str()).collect()
    }

    /// The end of the newest branch through a message.
    #[must_use]
    pub fn newest_leaf(&self, id: &str) -> Option<&str> {
        let mut at = self.places.get(id).copied()?;
        while let Some(last) = self.children.get(&Some(at)).and_then(|children| children.last()) {
            at = *last;
        }
        Some(&self.nodes[at].id)
    }

    /// The messages that follow one directly, oldest first.
    #[must_use]
    pub fn children(&self, id: &str) -> Vec<&str> {
        let at = self.places.get(id).copied();
        let children = at.and_then(|at| self.children.get(&Some(at)));
        children.into_iter().flatten().map(|child| self.nodes[*child].id.as_str()).collect()
    }

    /// The message that one follows.
    #[must_use]
    pub fn parent_of(&self, id: &str) -> Option<&str> {
        let parent = self.parent(*self.places.get(id)?)?;
        Some(&self.nodes[parent].id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `q` asks, `a` answers; "a2<q1" follows q1.
    fn tree(text: &str) -> Tree {
        let node = |word: &str| {
            let (id, parent) = word.split_once('<').map_or((word, None), |(id, parent)| (id, Some(parent.to_owned())));
            let role = if id.starts_with('q') { MessageRole::User } else { MessageRole::Assistant };
            Node { id: id.to_owned(), parent, role }
        };
        Tree::new(text.split_whitespace().map(node).collect())
    }

    #[test]
    fn a_branch_goes_from_the_first_message_to_its_leaf_or_to_the_newest() {
        let tree = tree("q1 a1<q1 q2<a1 a2<q2 a3<q1 q4<a3");
        assert_eq!(tree.branch(Some("a2")), ["q1", "a1", "q2", "a2"]);
        assert_eq!(tree.branch(None), ["q1", "a3", "q4"]);
        assert_eq!(tree.branch(Some("gone")), ["q1", "a3", "q4"]);
        assert!(Tree::default().branch(None).is_empty());
    }

    #[test]
    fn what_stands_in_the_same_place_is_found_and_its_newest_end() {
        let tree = tree("q1 a1<q1 q2<a1 a2<q2 a3<q1 q4<a3 q5");
        assert_eq!(tree.siblings("a1"), ["a1", "a3"]);
        assert_eq!(tree.siblings("q1"), ["q1", "q5"]);
        assert_eq!(tree.newest_leaf("a1"), Some("a2"));
        assert_eq!(tree.newest_leaf("a3"), Some("q4"));
        assert_eq!((tree.children("q1"), tree.parent_of("a3")), (vec!["a1", "a3"], Some("q1")));
    }

    proptest! {
        #[test]
        fn no_tangle_of_parents_is_followed_for_ever(parents in proptest::collection::vec(0..20usize, 0..20)) {
            let nodes: Vec<Node> = parents
                .iter()
                .enumerate()
                .map(|(at, parent)| Node { id: at.to_string(), parent: Some(parent.to_string()), role: MessageRole::User })
                .collect();
            let count = nodes.len();
            let tree = Tree::new(nodes);
            for at in 0..count {
                let id = at.to_string();
                let branch = tree.branch(Some(&id));
                prop_assert_eq!(branch.last(), Some(&id.as_str()));
                prop_assert!(tree.siblings(&id).contains(&id.as_str()));
                let leaf = tree.newest_leaf(&id).unwrap();
                prop_assert!(tree.branch(Some(leaf)).contains(&id.as_str()));
            }
        }
    }
}

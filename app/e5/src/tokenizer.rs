//! Text into pieces: the unigram model of SentencePiece as XLM-RoBERTa uses it.
//!
//! Characters are normalised one by one, runs of spaces become one, a space is put in front, spaces are written as
//! `▁`, and of all ways to cut the result into known pieces the most probable is taken (Viterbi).

use std::path::Path;

use crate::format::{E5Error, ModelFile, Vocabulary, damaged};

/// How SentencePiece writes a space.
const SPACE: char = '▁';
/// An unknown character costs this much more than the rarest piece.
const UNKNOWN_PENALTY: f32 = 10.0;
/// Printable.
const ASCII: std::ops::RangeInclusive<char> = ' '..='~';
/// Marks an empty place of the trie and a node at which no piece ends.
const NONE: u32 = u32::MAX;

/// Cuts text into pieces and counts them. Cheap to hold (about 20 MB) and safe to share.
pub struct Tokenizer {
    trie: Trie,
    scores: Vec<f32>,
    normaliser: Normaliser,
    pub(crate) bos: u32,
    pub(crate) eos: u32,
    unknown: u32,
    unknown_score: f32,
}

impl Tokenizer {
    /// Reads only the tokenizer's part of a model file.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn open(path: &Path) -> Result<Self, E5Error> {
        let (_, vocabulary) = ModelFile::open(path)?;
        Self::new(vocabulary)
    }

    pub(crate) fn new(vocabulary: Vocabulary) -> Result<Self, E5Error> {
        let Vocabulary { bos, eos, unknown, offsets, scores, bytes, rules } = vocabulary;
        let mut trie = Trie::with_capacity(bytes.len());
        for (id, span) in offsets.windows(2).enumerate() {
            let piece = &bytes[span[0] as usize..span[1] as usize];
            if !piece.is_empty() && id as u32 != unknown {
                trie.insert(piece, id as u32)?;
            }
        }
        trie.shrink();
        let lowest = scores.iter().copied().fold(f32::INFINITY, f32::min);
        Ok(Self {
            trie,
            scores,
            normaliser: Normaliser::new(rules),
            bos,
            eos,
            unknown,
            unknown_score: lowest - UNKNOWN_PENALTY,
        })
    }

    /// The pieces of a text, without the marks of its beginning and end.
    #[must_use]
    pub fn tokenize(&self, text: &str) -> Vec<u32> {
        let text = self.normaliser.apply(text);
        let bytes = text.as_bytes();
        // For each byte position that begins a character: the best score of a way to cut what lies before it, and the
        // piece that ends there with its length in bytes.
        let mut best = vec![(f32::NEG_INFINITY, self.unknown, 0_u32); bytes.len() + 1];
        best[0].0 = 0.0;
        for (start, character) in text.char_indices() {
            let before = best[start].0;
            let mut reach = |end: usize, score: f32, piece: u32| {
                if score > best[end].0 {
                    best[end] = (score, piece, (end - start) as u32);
                }
            };
            let mut node = Trie::ROOT;
            for (ahead, &byte) in bytes[start..].iter().enumerate() {
                match self.trie.child(node, byte) {
                    Some(next) => node = next,
                    None => break,
                }
                if let Some(piece) = self.trie.piece(node) {
                    reach(start + ahead + 1, before + self.scores[piece as usize], piece);
                }
            }
            reach(start + character.len_utf8(), before + self.unknown_score, self.unknown);
        }
        let mut pieces = Vec::new();
        let mut end = bytes.len();
        while end > 0 {
            let (_, piece, length) = best[end];
            pieces.push(piece);
            end -= length.max(1) as usize;
        }
        pieces.reverse();
        pieces
    }

    /// How many pieces a text has, without the marks of its beginning and end.
    #[must_use]
    pub fn count_tokens(&self, text: &str) -> usize {
        self.tokenize(text).len()
    }
}

/// What characters become before they are looked up.
struct Normaliser {
    /// Sorted by character; the span lies in `to`.
    rules: Vec<(char, u32, u32)>,
    to: Vec<char>,
    /// Whether printable ASCII, which is most of most texts, stays as it is.
    keeps_ascii: bool,
}

impl Normaliser {
    fn new(mut rules: Vec<(char, Vec<char>)>) -> Self {
        // Stable: of two rules for one character the first in the file counts.
        rules.sort_by_key(|(from, _)| *from);
        rules.dedup_by_key(|(from, _)| *from);
        let mut to = Vec::new();
        let rules: Vec<_> = rules
            .into_iter()
            .map(|(from, becomes)| {
                let start = to.len() as u32;
                to.extend(becomes);
                (from, start, to.len() as u32)
            })
            .collect();
        let keeps_ascii = !rules.iter().any(|(from, _, _)| ASCII.contains(from));
        Self { rules, to, keeps_ascii }
    }

    fn apply(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + text.len() / 4 + SPACE.len_utf8());
        let mut after_space = false;
        let mut push = |out: &mut String, character: char| {
            if character == ' ' {
                if !after_space {
                    out.push(SPACE);
                }
                after_space = true;
            } else {
                // The prefix of a text that does not begin with a space itself.
                if out.is_empty() {
                    out.push(SPACE);
                }
                out.push(character);
                after_space = false;
            }
        };
        for character in text.chars() {
            if self.keeps_ascii && ASCII.contains(&character) {
                push(&mut out, character);
                continue;
            }
            match self.rules.binary_search_by_key(&character, |rule| rule.0) {
                Ok(found) => {
                    let (_, start, end) = self.rules[found];
                    for &character in &self.to[start as usize..end as usize] {
                        push(&mut out, character);
                    }
                }
                Err(_) => push(&mut out, character),
            }
        }
        if out.is_empty() {
            out.push(SPACE);
        }
        out
    }
}

/// All pieces as a tree of bytes. The edges live in one open-addressed table, so that a step is one look at memory and
/// the whole takes a few megabytes.
struct Trie {
    /// Parent node and byte, packed, with the child; `NONE` in the child marks an empty place.
    edges: Vec<(u32, u32)>,
    /// The piece that ends at each node.
    pieces: Vec<u32>,
    used: usize,
}

impl Trie {
    const ROOT: u32 = 0;
    /// Node numbers share a word with a byte.
    const MAX_NODES: usize = 1 << 24;

    fn with_capacity(bytes: usize) -> Self {
        let places = bytes.clamp(16, 1 << 21).next_power_of_two();
        Self { edges: vec![(0, NONE); places], pieces: vec![NONE], used: 0 }
    }

    fn place(&self, key: u32) -> usize {
        // Fibonacci hashing: the high bits of a product with the golden ratio are well spread.
        let spread = u64::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut place = (spread >> 32) as usize & (self.edges.len() - 1);
        while self.edges[place].1 != NONE && self.edges[place].0 != key {
            place = (place + 1) & (self.edges.len() - 1);
        }
        place
    }

    fn child(&self, node: u32, byte: u8) -> Option<u32> {
        let child = self.edges[self.place(node << 8 | u32::from(byte))].1;
        (child != NONE).then_some(child)
    }

    fn piece(&self, node: u32) -> Option<u32> {
        let piece = self.pieces[node as usize];
        (piece != NONE).then_some(piece)
    }

    fn insert(&mut self, bytes: &[u8], piece: u32) -> Result<(), E5Error> {
        let mut node = Self::ROOT;
        for &byte in bytes {
            if (self.used + 1) * 4 > self.edges.len() * 3 {
                self.resize(self.edges.len() * 2);
            }
            let key = node << 8 | u32::from(byte);
            let place = self.place(key);
            if self.edges[place].1 == NONE {
                let new = self.pieces.len();
                if new >= Self::MAX_NODES {
                    return Err(damaged("its vocabulary is too large"));
                }
                self.pieces.push(NONE);
                self.edges[place] = (key, new as u32);
                self.used += 1;
            }
            node = self.edges[place].1;
        }
        // Of two equal pieces the first counts.
        let end = &mut self.pieces[node as usize];
        if *end == NONE {
            *end = piece;
        }
        Ok(())
    }

    fn resize(&mut self, places: usize) {
        let old = std::mem::replace(&mut self.edges, vec![(0, NONE); places]);
        for (key, child) in old {
            if child != NONE {
                let place = self.place(key);
                self.edges[place] = (key, child);
            }
        }
    }

    fn shrink(&mut self) {
        self.pieces.shrink_to_fit();
        let enough = (self.used * 4 / 3 + 1).next_power_of_two();
        if enough < self.edges.len() {
            self.resize(enough);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer(pieces: &[(&str, f32)], rules: &[(char, &str)]) -> Tokenizer {
        let mut vocabulary = Vocabulary {
            bos: 0,
            eos: 1,
            unknown: 2,
            offsets: vec![0],
            scores: Vec::new(),
            bytes: Vec::new(),
            rules: rules.iter().map(|(from, to)| (*from, to.chars().collect())).collect(),
        };
        for (piece, score) in [("<s>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)].iter().chain(pieces) {
            vocabulary.bytes.extend_from_slice(piece.as_bytes());
            vocabulary.offsets.push(vocabulary.bytes.len() as u32);
            vocabulary.scores.push(*score);
        }
        Tokenizer::new(vocabulary).expect("a small vocabulary")
    }

    #[test]
    fn the_most_probable_cut_wins_over_the_longest_piece() {
        let tokenizer = tokenizer(&[("▁ab", -9.0), ("▁a", -2.0), ("b", -3.0)], &[]);
        assert_eq!(tokenizer.tokenize("ab"), [4, 5]);
    }

    #[test]
    fn a_space_is_put_in_front_and_runs_of_spaces_become_one() {
        let tokenizer = tokenizer(&[("▁a", -1.0), ("▁", -1.0)], &[('\n', " ")]);
        assert_eq!(tokenizer.tokenize("a \n  a"), [3, 3]);
        assert_eq!(tokenizer.tokenize(" a"), [3]);
        assert_eq!(tokenizer.tokenize("a "), [3, 4]);
        assert_eq!(tokenizer.tokenize(""), [4]);
    }

    #[test]
    fn an_unknown_character_is_one_token_and_hides_nothing() {
        let tokenizer = tokenizer(&[("▁a", -1.0), ("▁", -1.0), ("a", -1.0)], &[]);
        assert_eq!(tokenizer.tokenize("a京a"), [3, 2, 5]);
        assert_eq!(tokenizer.tokenize("\0"), [4, 2]);
    }

    #[test]
    fn a_rule_may_turn_one_character_into_many_or_none() {
        let tokenizer = tokenizer(&[("▁a", -1.0), ("a", -1.0)], &[('Å', "aaa"), ('\u{200b}', "")]);
        assert_eq!(tokenizer.tokenize("Å\u{200b}a"), [3, 4, 4, 4]);
    }

    #[test]
    fn a_trie_that_grew_finds_all_its_pieces() {
        let pieces: Vec<String> = (0..5000).map(|n| format!("{n:x}")).collect();
        let mut trie = Trie::with_capacity(0);
        for (id, piece) in pieces.iter().enumerate() {
            trie.insert(piece.as_bytes(), id as u32).expect("room");
        }
        trie.shrink();
        for (id, piece) in pieces.iter().enumerate() {
            let node = piece.bytes().try_fold(Trie::ROOT, |node, byte| trie.child(node, byte));
            assert_eq!(node.and_then(|node| trie.piece(node)), Some(id as u32));
        }
        assert_eq!(trie.child(Trie::ROOT, b'z'), None);
    }
}

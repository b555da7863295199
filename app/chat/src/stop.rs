//! Ends a text before one of some sequences, the one that is whole first, wherever pieces of a stream break them.
//!
//! Providers are told the sequences too, which ends their work and keeps their count of tokens. Not all of them take every
//! sequence, and some take none.

/// What may still be the beginning of a sequence is held back until it is known not to be.
#[derive(Debug, Default)]
pub(crate) struct StopAt {
    sequences: Vec<String>,
    held: String,
}

impl StopAt {
    pub(crate) fn new(sequences: Vec<String>) -> Self {
        Self { sequences: sequences.into_iter().filter(|sequence| !sequence.is_empty()).collect(), held: String::new() }
    }

    /// What can be said now that this piece has come, and whether it ends there.
    pub(crate) fn push(&mut self, piece: &str) -> (String, bool) {
        self.held.push_str(piece);
        if let Some(at) = first(&self.sequences, &self.held) {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let kept = self.held.split_off(self.held.len() - self.beginning());
        (std::mem::replace(&mut self.held, kept), false)
    }

    /// What was held back when no more comes.
    pub(crate) fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Bytes at the end that may be the beginning of a sequence.
    fn beginning(&self) -> usize {
        let begins = |sequence: &String| {
            let lengths = sequence.char_indices().map(|(at, _)| at).skip(1);
            lengths.filter(|length| self.held.ends_with(&sequence[..*length])).max()
        };
        self.sequences.iter().filter_map(begins).max().unwrap_or(0)
    }
}

/// Where the sequence begins that is whole first; of several that end together the longest counts.
fn first(sequences: &[String], text: &str) -> Option<usize> {
    let found = sequences.iter().filter_map(|sequence| Some((text.find(sequence.as_str())?, sequence.len())));
    found.min_by_key(|(at, length)| (at + length, *at)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out piece by piece, and whether a sequence ended it.
    fn said(sequences: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut stop = StopAt::new(sequences.iter().map(|sequence| (*sequence).to_owned()).collect());
        let mut out = String::new();
        for piece in pieces {
            let (text, ended) = stop.push(piece);
            out.push_str(&text);
            if ended {
                return (out, true);
            }
        }
        (out + &stop.rest(), false)
    }

    #[test]
    fn a_text_ends_before_a_sequence_however_the_pieces_break_it() {
        assert_eq!(said(&["FIN"], &["uno F", "I", "N dos"]), ("uno ".to_owned(), true));
        assert_eq!(said(&["dos", "uno"], &["cero uno dos"]), ("cero ".to_owned(), true));
        assert_eq!(said(&["abc", "b"], &["ab", "c"]), ("a".to_owned(), true));
        assert_eq!(said(&["aab"], &["aaa", "ab"]), ("aa".to_owned(), true));
        assert_eq!(said(&["ñu"], &["mañ", "ana"]), ("mañana".to_owned(), false));
    }

    #[test]
    fn what_only_looked_like_a_sequence_is_said_in_the_end() {
        let mut stop = StopAt::new(vec!["FIN".to_owned()]);
        assert_eq!(stop.push("al FI"), ("al ".to_owned(), false));
        assert_eq!(stop.rest(), "FI");
        assert_eq!(said(&[], &["todo ", "pasa"]), ("todo pasa".to_owned(), false));
        assert_eq!(said(&[""], &["nada"]), ("nada".to_owned(), false));
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            pieces in prop::collection::vec("[abñ]{0,4}", 0..8),
            sequences in prop::collection::vec("[abñ]{1,3}", 0..4),
        ) {
            let whole = pieces.concat();
            let at = first(&sequences, &whole);
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let sequences: Vec<&str> = sequences.iter().map(String::as_str).collect();
            let (text, ended) = said(&sequences, &pieces);
            prop_assert_eq!(ended, at.is_some());
            prop_assert_eq!(text.as_str(), &whole[..at.unwrap_or(whole.len())]);
        }
    }
}

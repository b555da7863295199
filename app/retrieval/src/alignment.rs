//! Where words of an answer stand among the words of a passage. Everything here counts in words.

use std::{collections::HashSet, ops::Range};

use crate::words::Word;

/// Where all parts of a quotation stand in the passage, one after the other: from the first word to the last.
pub(crate) fn stands_in(parts: &[Vec<String>], passage: &[String]) -> Option<Range<usize>> {
    let mut from = 0;
    let mut begin = None;
    for part in parts {
        let found = passage[from..].windows(part.len()).position(|window| window == part.as_slice())?;
        begin.get_or_insert(from + found);
        from += found + part.len();
    }
    Some(begin?..from)
}

/// The most words of a quotation that stand in the passage in the same order, within a stretch not much longer than the
/// quotation (words scattered over a page are no quotation), and the stretch from the first of them to the last.
pub(crate) fn common_in_order(quote: &[String], passage: &[String]) -> (usize, Range<usize>) {
    let stretch = quote.len() + quote.len() / 2 + 4;
    let mut best = (0, 0..0);
    for start in (0..passage.len()).step_by((stretch / 2).max(1)) {
        let window = &passage[start..passage.len().min(start + stretch)];
        let (common, place) = longest_common(quote, window);
        if common > best.0 {
            best = (common, start + place.start..start + place.end);
        }
    }
    best
}

/// The length of the longest common subsequence and where it lies in the window, as narrow as one row at a time tells.
fn longest_common(quote: &[String], window: &[String]) -> (usize, Range<usize>) {
    // Of each cell: how many words are common up to it, and where in the window the first of them stands.
    let mut row = vec![(0usize, 0usize); window.len() + 1];
    for word in quote {
        let mut diagonal = (0, 0);
        for (column, other) in window.iter().enumerate() {
            let above = row[column + 1];
            row[column + 1] = if word == other {
                (diagonal.0 + 1, if diagonal.0 == 0 { column } else { diagonal.1 })
            } else {
                above.max(row[column])
            };
            diagonal = above;
        }
    }
    let (common, first) = row.iter().copied().max().unwrap_or_default();
    let end = row.iter().position(|cell| *cell == (common, first)).unwrap_or_default();
    (common, first..end)
}

/// The sentences of a text, told in its words. Prose ends them with a full stop or an empty line, lists and tables with a
/// line that begins with a sign.
pub(crate) fn sentences(text: &str, words: &[Word]) -> Vec<Range<usize>> {
    let mut sentences = Vec::new();
    let mut begin = 0;
    let mut chars = text.chars();
    let mut read = 0;
    for (at, word) in words.iter().enumerate() {
        let gap: String = chars.by_ref().take(word.place.start - read).collect();
        chars.by_ref().take(word.place.len()).for_each(drop);
        read = word.place.end;
        if at > begin && ends_sentence(&gap) {
            sentences.push(begin..at);
            begin = at;
        }
    }
    if begin < words.len() {
        sentences.push(begin..words.len());
    }
    sentences
}

/// Whether a sentence ends in what stands between two words.
fn ends_sentence(gap: &str) -> bool {
    let stops = gap.char_indices().any(|(at, c)| {
        let after = gap[at + c.len_utf8()..].trim_start_matches(['»', '”', '"', ')', ']']);
        ".!?…".contains(c) && after.starts_with(char::is_whitespace)
    });
    stops || gap.split_once('\n').is_some_and(|(_, line)| line.contains(|c: char| c == '\n' || !c.is_whitespace()))
}

/// The sentence of a passage that shares the most of these words, the shortest of several. `None` when no sentence has
/// two of them, or the only one.
pub(crate) fn sentence_sharing_most(
    wanted: &[&String],
    passage: &[String],
    sentences: &[Range<usize>],
) -> Option<Range<usize>> {
    let wanted: HashSet<&String> = wanted.iter().copied().collect();
    let shared = |sentence: &Range<usize>| {
        let words: HashSet<&String> = passage.get(sentence.clone()).unwrap_or_default().iter().collect();
        words.intersection(&wanted).count()
    };
    sentences
        .iter()
        .map(|sentence| (shared(sentence), sentence))
        .max_by_key(|(shared, sentence)| (*shared, std::cmp::Reverse(sentence.len())))
        .filter(|(shared, _)| *shared >= wanted.len().min(2))
        .map(|(_, sentence)| sentence.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    fn list(text: &str) -> Vec<String> {
        words(text, usize::MAX).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn the_parts_of_a_quotation_stand_one_after_the_other() {
        let passage = list("a b c d e f a b");
        assert_eq!(stands_in(&[list("b c"), list("e")], &passage), Some(1..5));
        assert_eq!(stands_in(&[list("e"), list("b c")], &passage), None);
        assert_eq!(stands_in(&[list("e"), list("a b")], &passage), Some(4..8));
    }

    #[test]
    fn words_in_common_are_placed_from_the_first_to_the_last() {
        let passage = list("de uno y de dos se pagan veinte dos meses de cada año y de otro");
        let (common, place) = common_in_order(&list("se pagan treinta dos meses de año"), &passage);
        assert_eq!((common, place), (6, 5..13));
        assert_eq!(common_in_order(&list("nada"), &passage), (0, 0..0));
    }

    #[test]
    fn sentences_end_with_stops_empty_lines_and_the_lines_of_lists() {
        let text = "Uno es 1.5 veces\ndos. («Tres.») Cuatro\n\nCinco\n- seis\n- siete";
        let cut = words(text, usize::MAX);
        let told: Vec<String> = sentences(text, &cut)
            .into_iter()
            .map(|range| cut[range].iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(told, ["uno es 1 5 veces dos", "tres", "cuatro", "cinco", "seis", "siete"]);
    }

    #[test]
    fn the_shortest_sentence_with_the_most_shared_words_is_taken() {
        let text =
            "Los plazos cambian. La garantía dura dos años. Y además la garantía del motor dura muchos años más.";
        let cut = words(text, usize::MAX);
        let passage: Vec<String> = cut.iter().map(|word| word.text.clone()).collect();
        let of = |claim: &str| {
            let claim = list(claim);
            sentence_sharing_most(&claim.iter().collect::<Vec<_>>(), &passage, &sentences(text, &cut))
        };
        assert_eq!(of("garantía años"), Some(3..8));
        assert_eq!(of("garantía motor"), Some(8..18));
        assert_eq!(of("plazos motor"), None, "one word each");
        assert_eq!(of("plazos"), Some(0..3));
    }
}

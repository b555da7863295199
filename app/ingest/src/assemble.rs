//! Chunks that somebody else cut become a text again: for documents of which nothing else is left.

use sha2::{Digest as _, Sha256};

use crate::{ChunkDraft, Extracted, language, text};

/// What two chunks share by chance is shorter, in bytes; what a cutter repeats is longer.
const LEAST_REPEATED: usize = 16;
/// At most one part in so many of a chunk is taken for a repetition of it. More is a text that repeats itself.
const MOST_REPEATED: usize = 3;

/// Cleans a text of unknown origin as the readers of files do: line ends of one kind, no NUL, no control characters,
/// composed accents, no white space at its ends.
#[must_use]
pub fn clean_text(raw: &str) -> String {
    text::clean(raw).trim().to_owned()
}

/// Puts chunks together, in their order, which somebody cut with or without an overlap: what a chunk repeats of the one
/// before stands in the text once. Where nothing is repeated, a line ends. Each chunk keeps its text and gets its place.
///
/// `said` is the language that whoever cut them named, and counts where none is detected. The chunks should be
/// [clean](clean_text) and not empty.
#[must_use]
pub fn assemble(chunks: &[String], said: Option<&str>) -> (Extracted, Vec<ChunkDraft>) {
    let mut whole = String::with_capacity(chunks.iter().map(|chunk| chunk.len() + 1).sum());
    let mut drafts = Vec::with_capacity(chunks.len());
    // Characters so far.
    let mut length = 0;
    let (mut before, mut overlapping) = ("", false);
    for (at, chunk) in chunks.iter().enumerate() {
        let mut repeated = repeated(before, chunk);
        overlapping |= repeated > 0;
        // A cutter that repeats may end with what is nothing but a repetition, however short.
        if overlapping && at + 1 == chunks.len() && before.ends_with(chunk.as_str()) {
            repeated = chunk.len();
        }
        if repeated == 0 && !whole.is_empty() {
            whole.push('\n');
            length += 1;
        }
        let (old, new) = chunk.split_at(repeated);
        let start = length - old.chars().count();
        whole.push_str(new);
        length += new.chars().count();
        before = chunk;
        let (Ok(seq), Ok(start), Ok(end)) = (i32::try_from(drafts.len()), i32::try_from(start), i32::try_from(length))
        else {
            break;
        };
        let hash = Sha256::digest(chunk.as_bytes()).into();
        drafts.push(ChunkDraft { seq, text: chunk.clone(), start, end, page: None, language: None, hash });
    }
    let said = said.filter(|said| said.len() == 2 && said.bytes().all(|byte| byte.is_ascii_lowercase()));
    let found = language::detect(&whole).or(said).map(str::to_owned);
    for draft in &mut drafts {
        draft.language = language::reliable(&draft.text).map(str::to_owned).or_else(|| found.clone());
    }
    (Extracted { text: whole, pages: Vec::new(), language: found }, drafts)
}

/// How many bytes at the end of one chunk are also the beginning of the next; by the method of Knuth, Morris and Pratt,
/// since a hostile text would make comparing every beginning slow.
fn repeated(before: &str, after: &str) -> usize {
    let tail = &before.as_bytes()[before.len() - before.len() / MOST_REPEATED..];
    let head = &after.as_bytes()[..after.len().min(tail.len())];
    if head.is_empty() {
        return 0;
    }
    // For each beginning of the head: how much of its end is a beginning again.
    let mut borders = vec![0; head.len()];
    let mut matched = 0;
    for at in 1..head.len() {
        while matched > 0 && head[at] != head[matched] {
            matched = borders[matched - 1];
        }
        matched += usize::from(head[at] == head[matched]);
        borders[at] = matched;
    }
    matched = 0;
    for &byte in tail {
        if matched == head.len() {
            matched = borders[matched - 1];
        }
        while matched > 0 && byte != head[matched] {
            matched = borders[matched - 1];
        }
        matched += usize::from(byte == head[matched]);
    }
    // It begins where a character of the head does and ends where one of the tail does, so none is cut.
    if matched >= LEAST_REPEATED { matched } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slice(text: &str, draft: &ChunkDraft) -> String {
        text.chars().skip(draft.start as usize).take((draft.end - draft.start) as usize).collect()
    }

    /// As the ADR's application cut: so many characters, with an overlap, and no white space at the ends.
    fn cut(text: &str, size: usize, overlap: usize) -> Vec<String> {
        let characters: Vec<char> = text.chars().collect();
        (0..characters.len())
            .step_by(size - overlap)
            .map(|from| characters[from..characters.len().min(from + size)].iter().collect::<String>())
            .map(|piece| piece.trim().to_owned())
            .filter(|piece| !piece.is_empty())
            .collect()
    }

    fn prose() -> String {
        (0..120).map(|n| format!("La cláusula {n} dice que el año número {} no cuenta. ", n * 7 % 31)).collect()
    }

    #[test]
    fn what_was_cut_with_an_overlap_is_one_text_again() {
        let text = prose();
        let (extracted, drafts) = assemble(&cut(&text, 512, 50), Some("en"));
        assert_eq!(extracted.text, text.trim());
        assert_eq!(extracted.language.as_deref(), Some("es"), "what is read counts, not what was said");
        assert!(drafts.len() > 5 && drafts.iter().all(|draft| slice(&extracted.text, draft) == draft.text));
    }

    #[test]
    fn what_was_cut_without_one_stands_on_lines_of_its_own() {
        let chunks = ["Primera parte.", "Segunda parte.", "7"].map(str::to_owned);
        let (extracted, drafts) = assemble(&chunks, Some("es"));
        assert_eq!(extracted.text, "Primera parte.\nSegunda parte.\n7");
        assert_eq!(
            drafts.iter().map(|draft| (draft.start, draft.end)).collect::<Vec<_>>(),
            [(0, 14), (15, 29), (30, 31)]
        );
        assert_eq!(drafts[2].language, extracted.language);
        let (numbers, _) = assemble(&["1 2 3".to_owned()], Some("Español"));
        assert_eq!(numbers.language, None, "what is said must be a language's code");
    }

    #[test]
    fn the_same_chunk_twice_stands_twice_in_the_text() {
        let chunk = "Una línea que se repite tal cual, sin que nadie la haya cortado con solape.".to_owned();
        let (extracted, drafts) = assemble(&[chunk.clone(), chunk.clone()], None);
        assert_eq!(extracted.text, format!("{chunk}\n{chunk}"));
        assert_ne!(drafts[0].start, drafts[1].start);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_chunk_is_what_lies_at_its_place(
            chunks in prop::collection::vec("[aé€𝄞 ]{0,30}[ab]{1,40}", 0..12)
        ) {
            let chunks: Vec<String> =
                chunks.iter().map(|chunk| clean_text(chunk)).filter(|chunk| !chunk.is_empty()).collect();
            let (extracted, drafts) = assemble(&chunks, None);
            prop_assert_eq!(drafts.len(), chunks.len());
            for (draft, chunk) in drafts.iter().zip(&chunks) {
                prop_assert_eq!(&slice(&extracted.text, draft), chunk);
            }
        }

        #[test]
        fn a_text_is_whole_again_however_it_was_cut(size in 200_usize..900, overlap in 30_usize..60) {
            let text = prose();
            prop_assert_eq!(assemble(&cut(&text, size, overlap), None).0.text, text.trim());
        }
    }
}

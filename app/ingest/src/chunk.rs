//! Text becomes chunks: pieces small enough to embed, cut where a reader would pause.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Extracted, language};

/// How large chunks are, in tokens of the embedding model, and in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkOptions {
    /// The most tokens of one chunk: 512.
    pub max_tokens: usize,
    /// The most tokens that a chunk repeats from the end of the one before: 50.
    pub overlap: usize,
    /// The most bytes of one chunk: 4,096, twice what 512 tokens of prose have. Tokenizers count no white space, and padded
    /// columns and rules of dashes as next to nothing, but a chunk is stored, shown and told to models whole.
    pub max_bytes: usize,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self { max_tokens: 512, overlap: 50, max_bytes: 4_096 }
    }
}

/// A chunk before it has an id. Offsets count characters, and `text` is exactly what lies between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkDraft {
    /// Its place, from 0.
    pub seq: i32,
    /// Its text, without white space around it.
    pub text: String,
    /// First character in the document's text.
    pub start: i32,
    /// One after its last character.
    pub end: i32,
    /// The page it begins on, for paged documents.
    pub page: Option<i32>,
    /// ISO 639-1: its own language where that is sure, else the document's.
    pub language: Option<String>,
    /// SHA-256 of `text`: unchanged chunks keep their embedding.
    pub hash: [u8; 32],
}

/// How strongly a text pauses before a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pause {
    Word,
    Sentence,
    Line,
    Paragraph,
    Heading,
}

/// A sentence, or a piece of one that is too long; white space after it belongs to it. Offsets count bytes.
#[derive(Debug, Clone, Copy)]
struct Segment {
    start: usize,
    end: usize,
    tokens: usize,
    before: Pause,
}

impl Segment {
    /// With the weight of what lies between it and the segment before, which would be in one chunk with both.
    fn after(mut self, before: Option<&Self>, max: usize, weigh: &dyn Fn(usize) -> usize) -> Self {
        self.tokens = self.tokens.max(weigh(self.end - before.map_or(self.start, |before| before.end)).min(max));
        self
    }
}

/// Cuts a text into chunks of at most `max_tokens`, as `count` counts them, and `max_bytes`.
///
/// Every character that is no white space lies in a chunk. A heading begins a new chunk unless the chunk before it would be
/// short; otherwise a chunk ends at the strongest pause in its last part. What follows repeats up to `overlap` tokens,
/// whole sentences where they fit, but never across a heading. Each character is counted about twice: time grows with
/// the text's length.
#[must_use]
pub fn chunk(extracted: &Extracted, options: &ChunkOptions, count: &dyn Fn(&str) -> usize) -> Vec<ChunkDraft> {
    let text = extracted.text.as_str();
    let max = options.max_tokens.max(1);
    // Bytes weigh as tokens do, so that one bound serves both.
    let weigh = |bytes: usize| (bytes * max).div_ceil(options.max_bytes.max(16));
    let tokens = count;
    let count: &dyn Fn(&str) -> usize = &|text: &str| {
        let weight = weigh(text.len());
        // What is too large is not read through: it may be mostly white space.
        if weight > max { weight } else { weight.max(tokens(text)) }
    };
    let overlap = options.overlap.min(max / 2);
    let segments = segments(text, max, count, &weigh);
    let mut drafts = Drafts::new(extracted);
    let (mut first, mut from) = (0, 0);
    while first < segments.len() {
        let repeated = if from < segments[first].start { count(text[from..segments[first].start].trim()) } else { 0 };
        let mut last = fill(&segments, first, max, repeated);
        if last == first {
            // What is repeated leaves no room for the next sentence.
            from = segments[first].start;
            last = fill(&segments, first, max, 0).max(first + 1);
        }
        // Tokens of sentences do not add up exactly: what counts is the whole.
        while count(text[from..segments[last - 1].end].trim()) > max {
            if last > first + 1 {
                last -= 1;
            } else if from < segments[first].start {
                from = segments[first].start;
            } else {
                break;
            }
        }
        drafts.push(from, segments[last - 1].end);
        from = match segments.get(last) {
            Some(next) if next.before < Pause::Heading => {
                repeat_from(text, &segments[first..last], overlap, count).unwrap_or(next.start)
            }
            Some(next) => next.start,
            None => break,
        };
        first = last;
    }
    drafts.done
}

/// One after the last segment of a chunk that begins with `first` and has `used` tokens already; `first` if none fits.
fn fill(segments: &[Segment], first: usize, max: usize, used: usize) -> usize {
    let (mut last, mut tokens) = (first, used);
    while let Some(segment) = segments.get(last) {
        let section_ends = segment.before == Pause::Heading && last > first && tokens - used >= max / 4;
        if section_ends {
            return last;
        }
        if tokens + segment.tokens > max {
            break;
        }
        tokens += segment.tokens;
        last += 1;
    }
    if last == segments.len() || last == first {
        return last;
    }
    // The strongest pause in the last two fifths; of equal ones, the latest.
    let (mut best, mut best_pause) = (last, segments[last].before);
    let mut kept = tokens;
    for candidate in (first + 1..last).rev() {
        kept -= segments[candidate].tokens;
        if kept * 5 < max * 3 {
            break;
        }
        if segments[candidate].before > best_pause {
            (best, best_pause) = (candidate, segments[candidate].before);
        }
    }
    // A heading alone at the end belongs to what follows.
    while best > first + 1 && segments[best - 1].before == Pause::Heading {
        best -= 1;
    }
    best
}

/// Where the next chunk begins to repeat: whole sentences of at most `overlap` tokens, else the last words of one.
fn repeat_from(text: &str, chunk: &[Segment], overlap: usize, count: &dyn Fn(&str) -> usize) -> Option<usize> {
    let end = chunk.last()?.end;
    let (mut tokens, mut from) = (0, None);
    // Never the whole chunk again.
    for segment in chunk.iter().skip(1).rev() {
        tokens += segment.tokens;
        if tokens > overlap {
            break;
        }
        from = Some(segment.start);
        if segment.before == Pause::Heading {
            break;
        }
    }
    if let Some(from) = from.filter(|from| count(text[*from..end].trim()) <= overlap) {
        return Some(from);
    }
    let last = chunk.last()?;
    let sentence = &text[last.start..last.end];
    let begin = last.end - sentence.trim_start().len();
    let mut length = sentence.len() * overlap / last.tokens.max(1);
    while length > 0 {
        let mut at = last.end - length.min(sentence.len());
        while !text.is_char_boundary(at) {
            at += 1;
        }
        // Begin with a whole word.
        at += text[at..last.end].find(char::is_whitespace)?;
        at += text[at..last.end].find(|c: char| !c.is_whitespace())?;
        // Never the whole sentence, which may be the whole chunk.
        if at <= begin {
            return None;
        }
        if count(text[at..last.end].trim()) <= overlap {
            return Some(at);
        }
        length = length * 3 / 4;
    }
    None
}

/// Turns byte ranges into drafts, counting characters as it goes.
struct Drafts<'a> {
    extracted: &'a Extracted,
    /// A byte offset and the characters before it.
    mark: (usize, usize),
    done: Vec<ChunkDraft>,
}

impl<'a> Drafts<'a> {
    fn new(extracted: &'a Extracted) -> Self {
        Self { extracted, mark: (0, 0), done: Vec::new() }
    }

    /// Ranges come in the order of their beginnings.
    fn push(&mut self, from: usize, to: usize) {
        let whole = &self.extracted.text;
        let text = whole[from..to].trim();
        if text.is_empty() {
            return;
        }
        let from = from + (whole[from..to].len() - whole[from..to].trim_start().len());
        let (byte, characters) = self.mark;
        let start = characters + whole[byte..from].chars().count();
        self.mark = (from, start);
        let end = start + text.chars().count();
        let (Ok(seq), Ok(start), Ok(end)) = (i32::try_from(self.done.len()), i32::try_from(start), i32::try_from(end))
        else {
            return;
        };
        let after = self.extracted.pages.partition_point(|page| page.start <= start);
        let page = after.checked_sub(1).and_then(|index| self.extracted.pages.get(index)).map(|page| page.page);
        let language = language::reliable(text).map(str::to_owned).or_else(|| self.extracted.language.clone());
        let hash = Sha256::digest(text.as_bytes()).into();
        self.done.push(ChunkDraft { seq, text: text.to_owned(), start, end, page, language, hash });
    }
}

/// Cuts a text into sentences, lines and headings, none longer than `max` tokens; together they are the whole text.
fn segments(text: &str, max: usize, count: &dyn Fn(&str) -> usize, weigh: &dyn Fn(usize) -> usize) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut add = |start: usize, end: usize, before: Pause| {
        // The white space behind it lies in the same chunk as what follows.
        let tokens = count(text[start..end].trim()).max(weigh(end - start));
        if tokens <= max {
            segments.push(Segment { start, end, tokens, before }.after(segments.last(), max, weigh));
        } else {
            split_long(text, Segment { start, end, tokens, before }, max, count, weigh, &mut segments);
        }
    };
    let (mut at, mut empty_before, mut fenced) = (0, false, false);
    for line in text.split_inclusive('\n') {
        let (start, words) = (at, line.trim());
        at += line.len();
        if words.is_empty() {
            empty_before = true;
            continue;
        }
        if words.starts_with("```") || words.starts_with("~~~") {
            fenced = !fenced;
        }
        let mut before = if !fenced && is_heading(words) {
            Pause::Heading
        } else if empty_before {
            Pause::Paragraph
        } else {
            Pause::Line
        };
        empty_before = false;
        let mut from = start;
        if !fenced {
            for end in sentence_ends(line) {
                add(from, start + end, before);
                from = start + end;
                before = Pause::Sentence;
            }
        }
        if !text[from..at].trim().is_empty() {
            add(from, at, before);
        }
    }
    segments
}

/// `# ` to `###### `.
fn is_heading(line: &str) -> bool {
    let rest = line.trim_start_matches('#');
    (1..=6).contains(&(line.len() - rest.len())) && rest.starts_with(' ')
}

/// Byte offsets in a line after which a new sentence begins; the line's own end is not among them.
fn sentence_ends(line: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut characters = line.char_indices().peekable();
    let mut word_length = 0;
    while let Some((at, c)) = characters.next() {
        let wide = matches!(c, '。' | '！' | '？');
        if !wide && !matches!(c, '.' | '!' | '?' | '…') {
            word_length = if c.is_alphanumeric() { word_length + 1 } else { 0 };
            continue;
        }
        // `D. Juan`, `p. ej.`, `3.` and the like: a letter and a dot end no sentence.
        let initial = c == '.' && word_length <= 1;
        word_length = 0;
        let mut end = at + c.len_utf8();
        while let Some(&(next, closing)) = characters.peek() {
            if !matches!(closing, '"' | '\'' | '”' | '’' | '»' | ')' | ']' | '.' | '!' | '?' | '…') {
                break;
            }
            end = next + closing.len_utf8();
            characters.next();
        }
        let spaces = line[end..].len() - line[end..].trim_start().len();
        let next = line[end + spaces..].chars().next();
        let Some(next) = next else { break };
        if (wide || spaces > 0) && !initial && !next.is_lowercase() {
            ends.push(end + spaces);
        }
    }
    ends
}

/// Cuts a sentence that is too long (a table, minified code, a text without stops) at words, or within one if it must.
fn split_long(
    text: &str,
    whole: Segment,
    max: usize,
    count: &dyn Fn(&str) -> usize,
    weigh: &dyn Fn(usize) -> usize,
    segments: &mut Vec<Segment>,
) {
    // Quarters leave room to choose where a chunk ends, and to repeat.
    let target = (max / 4).max(1);
    let length = ((whole.end - whole.start) * target / whole.tokens.max(1)).max(1);
    let mut pieces = Vec::new();
    let mut from = whole.start;
    while from < whole.end {
        let to = cut_near(text, from, (from + length).min(whole.end), whole.end);
        pieces.push((from, to));
        from = to;
    }
    pieces.reverse();
    let mut before = whole.before;
    while let Some((start, end)) = pieces.pop() {
        let tokens = count(text[start..end].trim()).max(weigh(end - start));
        let middle = cut_near(text, start, start + (end - start) / 2, end);
        if tokens > max && middle < end {
            pieces.push((middle, end));
            pieces.push((start, middle));
            continue;
        }
        if text[start..end].trim().is_empty() {
            continue;
        }
        segments.push(Segment { start, end, tokens, before }.after(segments.last(), max, weigh));
        before = Pause::Word;
    }
}

/// A good place to cut after `start` and at most about `wanted`: after the last space, else between two characters.
/// `end` only where nothing shorter is possible.
fn cut_near(text: &str, start: usize, wanted: usize, end: usize) -> usize {
    let mut wanted = text.floor_char_boundary(wanted.min(end));
    if wanted <= start {
        wanted = text.ceil_char_boundary(start + 1).min(end);
    }
    if wanted >= end {
        return end;
    }
    let piece = &text[start..wanted];
    match piece.rfind(char::is_whitespace) {
        Some(at) if at * 2 > piece.len() => start + at + piece[at..].chars().next().map_or(1, char::len_utf8),
        _ => wanted,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::PageStart;

    fn words(text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn of(text: &str) -> Extracted {
        Extracted { text: text.to_owned(), ..Extracted::default() }
    }

    fn slice(text: &str, draft: &ChunkDraft) -> String {
        text.chars().skip(draft.start as usize).take((draft.end - draft.start) as usize).collect()
    }

    #[test]
    fn a_short_text_is_one_chunk() {
        let chunks = chunk(&of("  Hola. Qué tal.\n"), &ChunkOptions::default(), &words);
        assert_eq!(chunks.len(), 1);
        assert_eq!((chunks[0].text.as_str(), chunks[0].start, chunks[0].end), ("Hola. Qué tal.", 2, 16));
    }

    #[test]
    fn a_heading_begins_a_chunk_and_nothing_is_repeated_across_it() {
        let text = format!("# Uno\n\n{}\n\n# Dos\n\n{}", "palabra ".repeat(40), "otra ".repeat(40));
        let chunks = chunk(&of(&text), &ChunkOptions { max_tokens: 64, overlap: 8, ..ChunkOptions::default() }, &words);
        assert_eq!(chunks.len(), 2, "{chunks:#?}");
        assert!(chunks[0].text.starts_with("# Uno") && chunks[1].text.starts_with("# Dos"));
    }

    #[test]
    fn a_comment_in_code_is_no_heading() {
        let text = "```sh\n# not a heading\nls\n```\n";
        assert!(segments(text, 100, &words, &|_| 0).iter().all(|segment| segment.before != Pause::Heading));
    }

    #[test]
    fn chunks_end_with_sentences_and_repeat_the_last_one() {
        let text = (0..40).map(|i| format!("Esta es la frase número {i} del texto. ")).collect::<String>();
        let chunks =
            chunk(&of(&text), &ChunkOptions { max_tokens: 50, overlap: 10, ..ChunkOptions::default() }, &words);
        assert!(chunks.len() > 5);
        for pair in chunks.windows(2) {
            assert!(pair[0].text.ends_with('.') && pair[1].text.starts_with("Esta"));
            assert!(pair[1].start < pair[0].end, "the last sentence is repeated");
        }
    }

    #[test]
    fn abbreviations_and_numbers_end_no_sentence() {
        assert_eq!(sentence_ends("Lo dijo D. Juan el 3. Enero fue frío. Y luego").len(), 1);
        assert_eq!(sentence_ends("¿Qué? ¡Eso! \"Bien.\" Fin.").len(), 3);
        assert_eq!(sentence_ends("version 1.2.3 of a.b.c"), Vec::<usize>::new());
    }

    #[test]
    fn a_chunk_knows_the_page_it_begins_on() {
        let mut document = of("aa bb cc.\n\nDd ee ff.\n\nGg hh ii.");
        document.pages =
            vec![PageStart { page: 1, start: 0 }, PageStart { page: 2, start: 11 }, PageStart { page: 3, start: 22 }];
        let chunks = chunk(&document, &ChunkOptions { max_tokens: 3, overlap: 0, ..ChunkOptions::default() }, &words);
        assert_eq!(chunks.iter().map(|chunk| chunk.page).collect::<Vec<_>>(), [Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn an_indented_line_is_not_repeated_whole() {
        let text = "😀000\n\n  A00  \n\nA```. 000\n\n  \n  😀  #   😀A\nñaaééaññaañaññaéé```";
        let letters = |text: &str| text.chars().count().div_ceil(3);
        let chunks = chunk(&of(text), &ChunkOptions { max_tokens: 6, overlap: 3, max_bytes: 64 }, &letters);
        assert!(chunks.windows(2).all(|pair| pair[0].start < pair[1].start), "{chunks:#?}");
    }

    #[test]
    fn padded_columns_and_endless_white_space_make_no_endless_chunk() {
        let report = format!("{:<60}{:<60}{}\n", "Nombre", "Apellido", "12").repeat(2_000);
        let gap = format!("a{}b", " ".repeat(4_000_000));
        let gaps = format!("Uno.{}", " ".repeat(2_000)).repeat(500);
        let wide_gaps = format!("Uno.{}", " ".repeat(9_000)).repeat(1_000);
        for text in [report, gap, gaps, wide_gaps] {
            let begun = std::time::Instant::now();
            let chunks = chunk(&of(&text), &ChunkOptions::default(), &words);
            assert!(chunks.iter().all(|chunk| chunk.text.len() <= 4_096), "{:?}", &text[..20]);
            let kept: usize = chunks.iter().map(|chunk| words(&chunk.text)).sum();
            assert!(kept >= words(&text), "{:?}", &text[..20]);
            // Unoptimised and on a busy machine; the square of these sizes would take hours.
            assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
        }
    }

    #[test]
    fn a_megabyte_without_a_space_is_cut_and_takes_no_long() {
        let text = "x".repeat(1_000_000);
        let chunks = chunk(&of(&text), &ChunkOptions::default(), &|text: &str| text.len() / 4);
        assert!(chunks.len() > 480 && chunks.len() < 1200, "{}", chunks.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn chunks_cover_the_text_exactly_and_stay_within_their_bounds(
            text in "([a-zñé]{1,9}|[A-Z]{1,3}|\\. |\\n|\\n\\n|# |```|  |\u{1F600}|[0-9]{1,4}|\\? ){0,120}",
            max in 1_usize..60,
            overlap in 0_usize..30,
            max_bytes in prop::sample::select(vec![64_usize, 4_096]),
            by_word in any::<bool>(),
        ) {
            let letters = |text: &str| text.chars().count().div_ceil(3);
            let count: &dyn Fn(&str) -> usize = if by_word { &words } else { &letters };
            let document = of(&text);
            let chunks = chunk(&document, &ChunkOptions { max_tokens: max, overlap, max_bytes }, count);
            let characters: Vec<char> = text.chars().collect();
            let mut covered = vec![false; characters.len()];
            for (index, draft) in chunks.iter().enumerate() {
                prop_assert_eq!(draft.seq as usize, index);
                prop_assert_eq!(&slice(&text, draft), &draft.text);
                prop_assert_eq!(draft.text.trim(), draft.text.as_str());
                prop_assert!(count(&draft.text) <= max, "{} > {}", count(&draft.text), max);
                prop_assert!(draft.text.len() <= max_bytes, "{} > {}", draft.text.len(), max_bytes);
                covered[draft.start as usize..draft.end as usize].fill(true);
            }
            for (at, seen) in covered.iter().enumerate() {
                prop_assert!(*seen || characters[at].is_whitespace(), "character {} is lost", at);
            }
            for pair in chunks.windows(2) {
                prop_assert!(pair[0].start < pair[1].start && pair[0].end < pair[1].end);
                if pair[1].start < pair[0].end {
                    let repeated: String = characters[pair[1].start as usize..pair[0].end as usize].iter().collect();
                    prop_assert!(count(&repeated) <= overlap);
                }
            }
        }
    }
}

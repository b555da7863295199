//! Which sources an answer really cites, whether the words beside each mark stand in them, and where.

use std::{collections::HashMap, ops::Range};

use cjhirashi_artifacts::protocol::{self, Segment};
use cjhirashi_domain::{
    chat::{Citation, CitationUse, Verdict},
    passage::TextRange,
};
use cjhirashi_retrieval::{Checked, CitedPassage};
use cjhirashi_storage::Store;

use cjhirashi_markdown::marks;

/// Uses of one source that are looked at: a model that says `[1]` without end must not cost hours.
const MAX_USES: usize = 50;
/// A claim is looked for in so many bytes before its mark.
const MAX_CLAIM: usize = 2_000;

/// The citations that a text names, each with its uses, the verdict of the weakest and the place of the best, computed
/// away from the threads that serve requests. `passages` are the sources' texts, in their order.
pub(crate) async fn check(
    store: &Store,
    text: String,
    sources: Vec<Citation>,
    passages: Vec<Option<String>>,
    made_of: MadeOf,
) -> Vec<Citation> {
    if sources.is_empty() {
        return Vec::new();
    }
    let judged = tokio::task::spawn_blocking(move || judge(&text, &sources, &passages, made_of)).await;
    let mut citations = judged.unwrap_or_else(|error| {
        tracing::error!(%error, "the citations of an answer could not be checked");
        Vec::new()
    });
    // The page where a passage begins is nearly right, and no reason to lose an answer.
    if let Err(error) = store.name_pages_of_quotes(&mut citations).await {
        tracing::warn!(%error, "citations name the pages of their passages, not of their quotes");
    }
    citations
}

/// What an answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MadeOf {
    /// Words alone.
    Words,
    /// Words, and artifacts between them, which have brackets of their own.
    WordsAndArtifacts,
}

impl MadeOf {
    fn words(self, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Words => std::iter::once(0..text.len()).collect(),
            Self::WordsAndArtifacts => protocol::segments(text)
                .into_iter()
                .filter_map(|segment| if let Segment::Text(words) = segment { Some(words) } else { None })
                .collect(),
        }
    }
}

fn judge(text: &str, sources: &[Citation], passages: &[Option<String>], made_of: MadeOf) -> Vec<Citation> {
    // The first character of each mark of a source, and what it stands behind.
    let mut uses: HashMap<i32, Vec<(i32, String)>> = HashMap::new();
    for words in made_of.words(text) {
        for mark in marks(&text[words.clone()]) {
            let begin = words.start + mark.range.start;
            let mut claimed = None;
            for n in mark.numbers {
                if sources.iter().all(|source| source.n != n) {
                    continue;
                }
                let uses = uses.entry(n).or_default();
                if uses.len() < MAX_USES {
                    let (at, claim) = claimed.get_or_insert_with(|| {
                        let at = i32::try_from(text[..begin].chars().count()).unwrap_or(i32::MAX);
                        (at, claim(&text[words.start..begin]))
                    });
                    // "[1, 1]" is one.
                    if uses.last().is_none_or(|(last, _)| last != at) {
                        uses.push((*at, claim.clone()));
                    }
                }
            }
        }
    }
    sources
        .iter()
        .zip(passages)
        .filter_map(|(source, passage)| {
            let claims = uses.remove(&source.n)?;
            let passage = passage.as_deref().map(CitedPassage::new);
            let mut checked: HashMap<String, (Verdict, Option<TextRange>)> = HashMap::new();
            let uses: Vec<CitationUse> = claims
                .into_iter()
                .map(|(at, claim)| {
                    let (verdict, quote) = *checked.entry(claim).or_insert_with_key(|claim| match &passage {
                        Some(passage) => {
                            let Checked { verdict, place } = passage.check(claim);
                            (verdict, place.and_then(|place| in_document(source, &place)))
                        }
                        None => (Verdict::NotFound, None),
                    });
                    CitationUse { at, verdict, quote }
                })
                .collect();
            let verdict = uses.iter().map(|used| used.verdict).max_by_key(|verdict| weakness(*verdict))?;
            // The first of several as good.
            let quote = uses.iter().min_by_key(|used| weakness(used.verdict))?.quote;
            Some(Citation { verdict, quote, uses, ..source.clone() })
        })
        .collect()
}

const fn weakness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Verified => 0,
        Verdict::Weak => 1,
        Verdict::NotFound => 2,
    }
}

/// A place in a source's passage as a place in its document.
fn in_document(source: &Citation, place: &Range<usize>) -> Option<TextRange> {
    let at = |offset: usize| i32::try_from(offset).ok()?.checked_add(source.start);
    TextRange::new(at(place.start)?, at(place.end)?)?.within(TextRange { start: source.start, end: source.end })
}

/// What a mark stands behind: the last words in quotation marks of its sentence, else the sentence.
fn claim(before: &str) -> String {
    let before = &before[before.ceil_char_boundary(before.len().saturating_sub(MAX_CLAIM))..];
    let mut text = before.trim_end();
    // Other marks and the full stop may stand between the sentence and this mark.
    loop {
        let shorter = text.trim_end_matches(['.', '!', '?', ',', ';', ':', ' ', '\n']);
        let shorter = match shorter.strip_suffix([']', '】']).and_then(|inner| inner.rfind(['[', '【'])) {
            Some(at) if shorter.len() - at < 32 && shorter[at..].bytes().any(|b| b.is_ascii_digit()) => {
                shorter[..at].trim_end()
            }
            _ => shorter,
        };
        if shorter.len() == text.len() {
            break;
        }
        text = shorter;
    }
    let begin = text
        .char_indices()
        .rev()
        .find(|(at, c)| *c == '\n' || (".!?".contains(*c) && text[at + 1..].starts_with(' ')))
        .map_or(0, |(at, _)| at + 1);
    let sentence = text[begin..].trim();
    // A quotation may hold several sentences, so it is looked for from its closing mark.
    for (open, close) in [('«', '»'), ('“', '”'), ('"', '"')] {
        let Some(end) = text.rfind(close).filter(|end| *end >= begin) else { continue };
        if let Some(start) = text[..end].rfind(open) {
            let quote = text[start + open.len_utf8()..end].trim();
            if quote.chars().count() >= 8 {
                return format!("«{}»", plain(quote));
            }
        }
    }
    plain(sentence.trim_start_matches(['-', '*', '>', '#', '+', ' ', '|']))
}

/// Markdown's escapes and marks of emphasis taken out.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek().is_some_and(char::is_ascii_punctuation) => out.extend(chars.next()),
            '*' | '`' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::id::DocumentId;

    use super::*;

    fn claim_of(text: &str) -> String {
        let mark = marks(text).pop().expect("a mark");
        claim(&text[..mark.range.start])
    }

    fn source(n: i32) -> Citation {
        Citation {
            n,
            document_id: DocumentId::parse("d").unwrap(),
            version: 1,
            seq: 0,
            start: 0,
            end: 100,
            quote: None,
            page: None,
            score: 0.9,
            verdict: Verdict::Weak,
            uses: Vec::new(),
            replaced: None,
            source: None,
        }
    }

    #[test]
    fn the_claim_is_the_sentence_before_the_mark() {
        assert_eq!(claim_of("First one. The warranty lasts two years [1]."), "The warranty lasts two years");
        assert_eq!(claim_of("First one. The warranty lasts two years. [1][2]"), "The warranty lasts two years");
        assert_eq!(claim_of("- **Two** years\n- Three years [2]"), "Three years");
    }

    #[test]
    fn quoted_words_are_the_claim_when_there_are_some() {
        assert_eq!(claim_of("El manual dice «dura dos años. Nada más» [1]"), "«dura dos años. Nada más»");
        assert_eq!(claim_of("It says \"exactly 2\\*2 of them\" [1]"), "«exactly 2*2 of them»");
    }

    #[test]
    fn an_index_in_code_is_no_use_of_a_source() {
        let passages = [Some("The warranty lasts two years.".to_owned()), Some("Nothing.".to_owned())];
        let text = "The warranty lasts two years [1]. Write `a[1]` or `b[2]`.";
        let judged = judge(text, &[source(1), source(2)], &passages, MadeOf::WordsAndArtifacts);
        assert_eq!(judged.iter().map(|c| (c.n, c.verdict)).collect::<Vec<_>>(), [(1, Verdict::Verified)]);
    }

    #[test]
    fn a_source_has_the_place_of_its_best_use_and_the_verdict_of_its_weakest() {
        let passages = [Some("Nothing. The warranty lasts two years, and no more.".to_owned())];
        let of = |text: &str| {
            let found = judge(text, &[Citation { start: 40, ..source(1) }], &passages, MadeOf::WordsAndArtifacts);
            found.first().map(|c| (c.verdict, c.quote.map(|quote| (quote.start, quote.end))))
        };
        let text = "The warranty never ends in 2030 [1]. It “lasts two years” [1].";
        assert_eq!(of(text), Some((Verdict::NotFound, Some((62, 77)))));
        assert_eq!(of("The warranty never ends in 2030 [1]."), Some((Verdict::NotFound, None)));
    }

    #[test]
    fn each_mark_has_the_place_of_the_words_before_it() {
        let passages = [Some("The warranty lasts two years. It covers faults of the maker.".to_owned())];
        let table = "<artifact identifier=\"t\" type=\"table\" title=\"T\">\na\n\nb[1]\n\n</artifact>\n";
        let text =
            format!("Dos años: «lasts two years» [1].\n\n{table}\nY «covers faults of the maker» [1], siempre [1].");
        let judged = judge(&text, &[source(1)], &passages, MadeOf::WordsAndArtifacts);
        let used: Vec<_> = judged[0].uses.iter().map(|used| (used.at, used.verdict, used.quote)).collect();
        let mark = |nth: usize| {
            let byte = text.match_indices("[1]").nth(nth).expect("a mark").0;
            i32::try_from(text[..byte].chars().count()).expect("a short text")
        };
        let (first, second) = (TextRange::new(13, 28), TextRange::new(33, 59));
        // The second mark of the text is in a table, which is no part of the answer.
        assert_eq!(used[..2], [(mark(0), Verdict::Verified, first), (mark(2), Verdict::Verified, second)]);
        assert_eq!(used.len(), 3);
        let words = judge(&text, &[source(1)], &passages, MadeOf::Words);
        assert_eq!(words[0].uses.iter().map(|used| used.at).collect::<Vec<_>>(), (0..4).map(mark).collect::<Vec<_>>());
        let twice = judge("It lasts two years [1, 1].", &[source(1)], &passages, MadeOf::Words);
        assert_eq!(twice[0].uses.len(), 1);
        assert_eq!(judged[0].quote, first);
    }

    #[test]
    fn a_megabyte_of_marks_is_judged_at_once() {
        let passages = [Some("uno dos tres cuatro ".repeat(500))];
        for unit in ["[1]", "x[1]", "[1] ", "«uno dos tres [1]", "palabra [1]"] {
            let text = unit.repeat((1 << 20) / unit.len());
            let begun = std::time::Instant::now();
            assert_eq!(judge(&text, &[source(1)], &passages, MadeOf::WordsAndArtifacts).len(), 1, "{unit}");
            // Unoptimised and on a busy machine; looking back from every mark would take hours.
            assert!(begun.elapsed().as_secs() < 30, "{unit}: {:?}", begun.elapsed());
        }
    }
}

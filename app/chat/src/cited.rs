//! Which sources an answer really cites, and whether the words beside each mark stand in them.

use cjhirashi_domain::chat::{Citation, Verdict};
use cjhirashi_retrieval::check_quote;

/// The citations that the text names, each with the verdict of its weakest use. `passage` gives a source's text.
pub(crate) fn check<'a>(
    text: &str,
    sources: &[Citation],
    passage: impl Fn(&Citation) -> Option<&'a str>,
) -> Vec<Citation> {
    let marks = marks(text);
    sources
        .iter()
        .filter_map(|source| {
            let uses = marks.iter().filter(|mark| mark.n == source.n);
            let verdicts = uses.map(|mark| match passage(source) {
                Some(passage) => check_quote(&claim(&text[..mark.at]), passage),
                None => Verdict::NotFound,
            });
            let verdict = verdicts.max_by_key(|verdict| match verdict {
                Verdict::Verified => 0,
                Verdict::Weak => 1,
                Verdict::NotFound => 2,
            })?;
            Some(Citation { verdict, ..source.clone() })
        })
        .collect()
}

struct Mark {
    n: i32,
    /// Where it begins in the text, in bytes.
    at: usize,
}

/// Every `[n]`, `[n, m]` and `【n】`, outside of fenced code.
fn marks(text: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut offset = 0;
    let mut fenced = false;
    for line in text.split_inclusive('\n') {
        let begin = line.trim_start();
        if begin.starts_with("```") || begin.starts_with("~~~") {
            fenced = !fenced;
        } else if !fenced {
            for (at, open) in line.match_indices(['[', '【']) {
                let close = if open == "[" { ']' } else { '】' };
                let inner = &line[at + open.len()..];
                let Some(end) = inner.char_indices().take(32).find(|(_, c)| *c == close).map(|(end, _)| end) else {
                    continue;
                };
                let numbers: Option<Vec<i32>> =
                    inner[..end].split(',').map(|part| part.trim().trim_start_matches('^').parse().ok()).collect();
                marks.extend(numbers.unwrap_or_default().into_iter().map(|n| Mark { n, at: offset + at }));
            }
        }
        offset += line.len();
    }
    marks
}

/// What a mark stands behind: the last words in quotation marks of its sentence, else the sentence.
fn claim(before: &str) -> String {
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
    use super::*;

    fn claim_of(text: &str) -> String {
        let mark = marks(text).pop().expect("a mark");
        claim(&text[..mark.at])
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
    fn marks_in_code_are_indices_not_citations() {
        assert!(marks("```\na[1]\n```\n").is_empty());
        let found: Vec<i32> = marks("uno [1, 3] y 【2】 [x] [12345678901]").iter().map(|m| m.n).collect();
        assert_eq!(found, [1, 3, 2]);
    }
}

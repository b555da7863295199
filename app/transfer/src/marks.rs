//! ChatGPT's own marks in its answers: private characters around what its page shows as a pill, a link or a name.

use serde_json::from_str;

use crate::lenient::{Maybe, Text};

const BEGIN: char = '\u{e200}';
const END: char = '\u{e201}';
const SEPARATOR: char = '\u{e202}';

fn is_mark(c: char) -> bool {
    ('\u{e200}'..='\u{e2ff}').contains(&c)
}

/// Takes the marks out of a text. Of a name (`entity`) and a link (`url`) the words stay, which belong to the sentence; of
/// citations and lists of links nothing does.
pub(crate) fn without_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_mark) {
        out.push_str(&rest[..at]);
        let begins = rest[at..].starts_with(BEGIN);
        // All marks have the same length.
        rest = &rest[at + BEGIN.len_utf8()..];
        if !begins {
            continue;
        }
        let end = match rest.find([BEGIN, END]) {
            Some(end) if rest[end..].starts_with(END) => end,
            // One that its text broke off in goes on as far as its word.
            _ => rest.find(|c: char| c.is_whitespace() || c == BEGIN).unwrap_or(rest.len()),
        };
        let words = shown(&rest[..end]);
        rest = &rest[end..];
        match words {
            Some(words) => out.push_str(&words),
            // "as said [1]." had its space for the citation's sake.
            None if out.ends_with(' ') && !rest.trim_start_matches(is_mark).starts_with(char::is_alphanumeric) => {
                out.pop();
            }
            None => {}
        }
    }
    out.push_str(rest);
    out
}

/// The words that the page shows in place of a mark.
fn shown(mark: &str) -> Option<String> {
    let mut fields = mark.split(SEPARATOR);
    let (kind, what) = (fields.next()?, fields.next()?);
    let words = match kind {
        // `["people", "Marie Curie", …]`
        "entity" => from_str::<Vec<Maybe<Text>>>(what).ok()?.into_iter().nth(1)?.text()?,
        "url" => what.to_owned(),
        _ => return None,
    };
    Some(words.replace(is_mark, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_go_with_the_space_before_them() {
        let text = "Fell \u{e200}cite\u{e202}turn0search1\u{e202}turn0search2\u{e201}. \u{e203}Then\u{e204} rose \
                    \u{e200}cite\u{e202}turn1view0\u{e201}\nEnd";
        assert_eq!(without_marks(text), "Fell. Then rose\nEnd");
        assert_eq!(without_marks("plain ñ text"), "plain ñ text");
    }

    #[test]
    fn names_and_links_keep_their_words() {
        let text = "In \u{e200}entity\u{e202}[\"place\",\"Antiguo \\\"Egipto\\\"\",0]\u{e201} y \
                    \u{e200}url\u{e202}la guía\u{e202}turn0search3\u{e201}\u{e200}navlist\u{e202}News\u{e202}turn0news1\u{e201}.";
        assert_eq!(without_marks(text), "In Antiguo \"Egipto\" y la guía.");
    }

    #[test]
    fn a_mark_that_breaks_off_goes_as_far_as_its_word() {
        assert_eq!(without_marks("so \u{e200}cite\u{e202}turn0 it goes"), "so it goes");
        assert_eq!(without_marks("\u{e201}a\u{e202}b\u{e200}"), "ab");
        assert_eq!(without_marks(&"\u{e200}".repeat(200_000)), "");
    }
}

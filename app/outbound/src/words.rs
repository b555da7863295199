//! What others say, made fit for a log line or a page.

/// The most characters of a service's own words that are kept.
const WORDS: usize = 300;

/// A service's words on one line, cut to 300 characters.
#[must_use]
pub fn shorten(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > WORDS * 4 {
            break;
        }
    }
    match line.char_indices().nth(WORDS) {
        Some((cut, _)) => {
            line.truncate(cut);
            line.push('…');
            line
        }
        None => line,
    }
}

/// Why a call could not be made. The innermost cause says most, and the outer ones hold the address.
#[must_use]
pub fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    if error.is_connect() {
        return "no connection to it".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_of_a_service_are_cut_on_a_character() {
        let cut = shorten(&"ñandú ".repeat(200));
        assert_eq!(cut.chars().count(), 301);
        assert!(cut.ends_with('…'));
        assert_eq!(shorten("  two\n lines "), "two lines");
    }
}

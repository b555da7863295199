//! The items of a JSON list, or the members of an object, without reading them.
//!
//! A parser gives all of a file or nothing. This finds where each item ends, so that a damaged one leaves those beside it
//! readable, a file that breaks off gives what it has, and memory holds one conversation at a time. Only a bracket or a quote
//! too few or too many costs what follows it, too.

use std::ops::Range;

/// Where the next item begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Items {
    at: usize,
}

impl Items {
    /// Items from `at`, a byte of the text behind the opening bracket. From 0, the whole text is one.
    pub(crate) const fn from(at: usize) -> Self {
        Self { at }
    }

    /// The next item's bytes in the text, without white space around it. What is empty is no item.
    pub(crate) fn next(&mut self, text: &str) -> Option<Range<usize>> {
        while self.at < text.len() {
            let start = self.at;
            let (end, closed) = end_of_item(text.as_bytes(), start);
            self.at = if closed { text.len() } else { end + 1 };
            let item = &text[start..end];
            let trimmed = item.trim();
            if !trimmed.is_empty() {
                let start = start + (item.len() - item.trim_start().len());
                return Some(start..start + trimmed.len());
            }
        }
        None
    }
}

/// The comma or bracket that ends an item, else the text's end, and whether the list ends there, too.
fn end_of_item(bytes: &[u8], start: usize) -> (usize, bool) {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 0 => return (at, true),
            b']' | b'}' => depth -= 1,
            b',' if depth == 0 => return (at, false),
            _ => {}
        }
    }
    (bytes.len(), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<&str> {
        let mut items = Items::from(1);
        std::iter::from_fn(|| items.next(text)).map(|range| &text[range]).collect()
    }

    #[test]
    fn a_list_is_cut_at_its_own_commas_only() {
        assert_eq!(
            items(r#"[ {"a": [1, 2]} ,"b,]\"\\", 3.5,NaN ] rest, of it"#),
            [r#"{"a": [1, 2]}"#, r#""b,]\"\\""#, "3.5", "NaN"]
        );
        assert_eq!(items("[]"), [""; 0]);
        assert_eq!(items("[ , ñ,"), ["ñ"]);
    }

    #[test]
    fn a_list_that_breaks_off_gives_what_it_has() {
        assert_eq!(items(r#"[{"a":1},{"b":"x, y"#), [r#"{"a":1}"#, r#"{"b":"x, y"#]);
        assert_eq!(items("["), [""; 0]);
    }
}

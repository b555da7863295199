//! Where links may lead, and which words of running text are one.

/// What of a bare address is made into a link, in bytes: longer ones are cut by browsers and servers too.
const MAX_ADDRESS: usize = 2_048;

/// Where a link may lead; `None` when it may not. A name like `javascript` can hide behind control characters, so
/// the address is read as a browser reads it: without them.
#[must_use]
pub fn safe_address(address: &str) -> Option<String> {
    let address: String = address.chars().filter(|c| !c.is_control()).collect();
    let address = address.trim();
    let (scheme, rest) = address.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    let safe = match scheme.as_str() {
        "http" | "https" => rest.starts_with("//") && rest.len() > 2,
        "mailto" => !rest.is_empty(),
        _ => false,
    };
    safe.then(|| format!("{scheme}:{rest}"))
}

/// The `https://…` that a text begins with; `before` is the character that it follows.
pub(crate) fn bare_address(text: &str, before: Option<char>) -> Option<&str> {
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let limit = text.floor_char_boundary(MAX_ADDRESS);
    let end =
        text[..limit].find(|c: char| c.is_whitespace() || c.is_control() || "<>\"'`«»".contains(c)).unwrap_or(limit);
    let mut address = &text[..end];
    let mut unopened = address.matches(')').count().saturating_sub(address.matches('(').count());
    // What ends a sentence or closes a bracket is not the address's.
    while let Some(last) = address.chars().next_back() {
        if last == ')' && unopened > 0 {
            unopened -= 1;
        } else if !".,;:!?]*_".contains(last) {
            break;
        }
        address = &address[..address.len() - last.len_utf8()];
    }
    Some(address)
}

/// Where the next thing begins that may become a link.
pub(crate) fn next_mark(text: &str) -> Option<usize> {
    text.char_indices()
        .find(|(at, c)| match c {
            '[' | '【' => true,
            'h' => text[*at..].starts_with("http://") || text[*at..].starts_with("https://"),
            _ => false,
        })
        .map(|(at, _)| at)
}

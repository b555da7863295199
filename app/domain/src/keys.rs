//! Keys that do something on every page, which a person can change.

use serde::{Deserialize, Serialize};

/// Keys that are pressed together, as they are shown: "Ctrl Shift O", "?". On a Mac, Command counts as Ctrl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keys(String);

/// What browsers and people need for something else.
const TAKEN: &[&str] = &["A", "C", "F", "L", "N", "P", "R", "S", "T", "V", "W", "X", "Y", "Z"];

impl Keys {
    /// Reads keys as they are typed: "ctrl+k", "Ctrl Shift O", "F9". `None` for what no page can take: letters alone, which
    /// are typed, and what browsers do themselves.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (mut ctrl, mut alt, mut shift, mut key) = (false, false, false, None);
        for word in text.split([' ', '+']).filter(|word| !word.is_empty()) {
            match word.to_lowercase().as_str() {
                "ctrl" | "control" | "cmd" | "command" | "⌘" => ctrl = true,
                "alt" | "option" | "⌥" => alt = true,
                "shift" | "mayús" | "mayus" | "⇧" => shift = true,
                _ if key.is_some() => return None,
                _ => key = Some(word),
            }
        }
        let key = key?;
        let one = key.chars().count() == 1;
        let function = key.strip_prefix(['F', 'f']).and_then(|number| number.parse::<u8>().ok());
        let typed = one && key.chars().all(char::is_alphanumeric);
        let taken = ctrl && !alt && !shift && TAKEN.contains(&key.to_uppercase().as_str());
        let can_be = match function {
            Some(number) => (1..=12).contains(&number),
            None => one && (ctrl || alt || !typed) && key != "/" && !taken,
        };
        can_be.then(|| Self(Self::pressed(ctrl, alt, shift, key)))
    }

    /// Keys as [`Self::parse`] names them. Shift is named with letters alone: other signs are what they are with it.
    #[must_use]
    pub fn pressed(ctrl: bool, alt: bool, shift: bool, key: &str) -> String {
        let mut text = String::new();
        let named = shift && key.chars().all(char::is_alphanumeric);
        for (held, name) in [(ctrl, "Ctrl "), (alt, "Alt "), (named, "Shift ")] {
            if held {
                text.push_str(name);
            }
        }
        text.push_str(&key.to_uppercase());
        text
    }

    /// As they are shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The keys that a person can change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortcuts {
    /// Opens the search over chats and commands.
    pub search: Keys,
    /// Begins a new chat.
    pub new_chat: Keys,
    /// Shows the list of keys.
    pub list: Keys,
}

impl Default for Shortcuts {
    fn default() -> Self {
        let keys = |text: &str| Keys(text.to_owned());
        Self { search: keys("Ctrl K"), new_chat: keys("Ctrl Shift O"), list: keys("?") }
    }
}

impl Shortcuts {
    /// Reads them in the order of [`Self::to_texts`]; the usual ones where there are none, or one cannot be read.
    #[must_use]
    pub fn of_texts(texts: &[String]) -> Self {
        let usual = Self::default();
        let read = |at: usize, usual: Keys| texts.get(at).and_then(|text| Keys::parse(text)).unwrap_or(usual);
        let read = Self { search: read(0, usual.search), new_chat: read(1, usual.new_chat), list: read(2, usual.list) };
        if read.are_apart() { read } else { Self::default() }
    }

    /// Search, new chat, list.
    #[must_use]
    pub fn to_texts(&self) -> [&str; 3] {
        [self.search.as_str(), self.new_chat.as_str(), self.list.as_str()]
    }

    /// Whether each does one thing.
    #[must_use]
    pub fn are_apart(&self) -> bool {
        self.search != self.new_chat && self.search != self.list && self.new_chat != self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_typed_and_named_as_they_are_pressed() {
        for (typed, shown) in [
            ("ctrl+k", "Ctrl K"),
            ("Shift Ctrl o", "Ctrl Shift O"),
            ("?", "?"),
            ("⌘ ⇧ j", "Ctrl Shift J"),
            ("f9", "F9"),
            ("alt+ñ", "Alt Ñ"),
        ] {
            assert_eq!(Keys::parse(typed).map(|keys| keys.0).as_deref(), Some(shown), "{typed}");
        }
        for wrong in ["k", "shift k", "", "ctrl", "ctrl+c", "ctrl a b", "/", "F13", "Enter", "7"] {
            assert_eq!(Keys::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Keys::pressed(true, false, true, "o"), "Ctrl Shift O");
        assert_eq!(Keys::pressed(false, false, true, "?"), "?");
    }

    #[test]
    fn what_cannot_be_read_are_the_usual_ones() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(Shortcuts::of_texts(&[]), Shortcuts::default());
        let own = Shortcuts::of_texts(&texts(&["Alt K", "nonsense", "?"]));
        assert_eq!(own.to_texts(), ["Alt K", "Ctrl Shift O", "?"]);
        assert_eq!(Shortcuts::of_texts(&texts(&["?", "Alt N", "?"])), Shortcuts::default());
    }
}

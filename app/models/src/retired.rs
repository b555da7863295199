//! Models that their provider has shut down, and which model answers in their place.
//!
//! A chat or a setting may name a model for years after it is gone. Only models that no longer answer stand here; those
//! with a date in the future do not.

/// Name, successor.
const RETIRED: &[(&str, &str)] = &[
    // Shut down on 2026-06-01 (ai.google.dev/gemini-api/docs/deprecations, read in November 2026).
    ("gemini-2.0-flash", "gemini-3.5-flash-lite"),
    ("gemini-2.0-flash-001", "gemini-3.5-flash-lite"),
    ("gemini-2.0-flash-exp", "gemini-3.5-flash-lite"),
    ("gemini-2.0-flash-lite", "gemini-3.5-flash-lite"),
    ("gemini-2.0-flash-lite-001", "gemini-3.5-flash-lite"),
    // Shut down in September 2025.
    ("gemini-1.5-flash", "gemini-3.5-flash-lite"),
    ("gemini-1.5-flash-8b", "gemini-3.5-flash-lite"),
    ("gemini-1.5-pro", "gemini-3.8-flash"),
];

/// The successor of a model that is gone.
pub(crate) fn successor(name: &str) -> Option<&'static str> {
    RETIRED.iter().find(|(retired, _)| *retired == name).map(|(_, successor)| *successor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_of_the_decision_record_has_a_successor_and_no_successor_is_retired() {
        assert_eq!(successor("gemini-2.0-flash"), Some("gemini-3.5-flash-lite"));
        assert_eq!(successor("gemini-3.5-flash-lite"), None);
        for (_, next) in RETIRED {
            assert_eq!(successor(next), None);
        }
    }
}

//! What of a message can become an artifact.

use cjhirashi_artifacts::{Editor, Found, PLAINEST, kind, protocol::as_markdown, recognise, table_from_markdown};
use cjhirashi_domain::{artifact::ArtifactTitle, settings::Language};
use cjhirashi_markdown::{Extract, extracts};

/// A part of a message, as an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePart {
    /// The name of its kind.
    pub kind: &'static str,
    /// What it may be called.
    pub title: String,
    /// Its text.
    pub text: String,
    /// Its programming language.
    pub language: Option<String>,
}

/// The parts of a message: first the whole, then its code and its tables.
#[must_use]
pub fn parts_of(text: &str, language: Language) -> Vec<MessagePart> {
    let whole = as_markdown(text);
    let mut parts = Vec::new();
    for extract in extracts(&whole) {
        parts.extend(match extract {
            Extract::Code { language: word, text } => {
                let found = Found { file_name: None, language: Some(&word), head: text.as_bytes() };
                let kind =
                    recognise(&found).filter(|kind| kind.editor(&text) != Editor::File).or_else(|| kind(PLAINEST));
                kind.map(|kind| MessagePart {
                    kind: kind.name(),
                    title: match kind.source().fence {
                        "" => format!("{} {word}", kind.label(language)).trim().to_owned(),
                        _ => kind.label(language).to_owned(),
                    },
                    language: Some(word).filter(|word| kind.source().fence.is_empty() && !word.is_empty()),
                    text: text.strip_suffix('\n').unwrap_or(&text).to_owned(),
                })
            }
            Extract::Table(text) => table_from_markdown(&text).zip(kind("table")).map(|(text, kind)| MessagePart {
                kind: kind.name(),
                title: first_line(&text),
                text,
                language: None,
            }),
        });
    }
    parts.insert(0, MessagePart { kind: "markdown", title: first_line(&whole), text: whole, language: None });
    parts
}

/// The first words of a text, as a title.
fn first_line(text: &str) -> String {
    let line = text.lines().map(|line| line.trim_matches(|c: char| !c.is_alphanumeric())).find(|line| !line.is_empty());
    line.unwrap_or("…").chars().take(ArtifactTitle::MAX.min(80)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_text_and_what_stands_in_it() {
        let text = "# Ventas\n\n| mes | total |\n|---|---|\n| enero | 3 |\n\n```python\nprint(1)\n```\n";
        let parts = parts_of(text, Language::Es);
        let told: Vec<_> = parts.iter().map(|part| (part.kind, part.title.as_str())).collect();
        assert_eq!(told[0], ("markdown", "Ventas"));
        assert_eq!(told[1], ("table", "mes,total"));
        assert_eq!(
            (parts[2].kind, parts[2].language.as_deref(), parts[2].text.as_str()),
            ("code", Some("python"), "print(1)")
        );
    }
}

//! Code: shown line by line, and given out as the file it is.

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::knows_language;
use serde_json::{Value, json};

use super::{languages, text, words};
use crate::{Content, ExportError, Exported, Format, Found, Kind, Part, Place, Problem};

/// Lines that come at once.
const LINES: usize = 1_000;

/// Code and every other text that is nothing else.
#[derive(Debug)]
pub(crate) struct Code;

/// The language that the content's is known by: what it says, or what its title looks like.
fn language(content: &Content<'_>) -> Option<&'static languages::Known> {
    let said = content.language.filter(|language| !language.is_empty());
    match said {
        Some(said) => languages::language(said),
        None => languages::of_file(content.title),
    }
}

/// What the grammars call it.
fn coloured<'a>(content: &Content<'a>) -> &'a str {
    let said = content.language.unwrap_or_default();
    if said.is_empty() { language(content).map_or("", |known| known.extension) } else { said }
}

/// A word that grammars know, where ours is not one of theirs.
fn grammar<'a>(word: &'a str) -> &'a str {
    if word.is_empty() || word.len() > 40 || knows_language(word) {
        return word;
    }
    languages::language(word).map_or("", |known| if knows_language(known.name) { known.name } else { known.extension })
}

impl Kind for Code {
    fn name(&self) -> &'static str {
        "code"
    }

    fn label(&self, language: Language) -> &'static str {
        words::code(language)
    }

    fn instructions(&self) -> &'static str {
        "code: a program, a script or a configuration file in any language; name it in language. Content: the file's text alone, without a fence."
    }

    fn recognise(&self, found: &Found<'_>) -> u8 {
        if !text::is_text(found.head) {
            return 0;
        }
        let known =
            found.file_name.and_then(languages::of_file).or_else(|| found.language.and_then(languages::language));
        match known {
            Some(known) if ["csv", "html", "json", "latex", "markdown", "mermaid"].contains(&known.name) => 20,
            Some(_) => 80,
            // A text that is nothing else is shown best as it is.
            None if found.file_name.is_some() || found.language.is_some_and(|language| !language.is_empty()) => 15,
            None => 10,
        }
    }

    fn metadata(&self, _: &Content<'_>, _: Language) -> Result<Value, Problem> {
        Ok(json!({}))
    }

    fn problems(&self, content: &Content<'_>, language: Language) -> Vec<Problem> {
        if content.text.trim().is_empty() {
            return vec![text::problem(words::empty(language))];
        }
        text::hidden_signs(content.text, text::MAX_PROBLEMS, language)
    }

    fn view(&self, content: &Content<'_>, place: Place<'_>) -> String {
        let total = text::line_count(content.text);
        let (items, shown) = text::list_items(content.text, grammar(coloured(content)), 0, LINES, None, place.language);
        let mut html = format!(
            "<cj-code data-language=\"{}\" data-lines=\"{total}\"",
            text::escaped(language(content).map_or("", |known| known.name))
        );
        if shown < total {
            html.push_str(&format!(
                " data-more=\"{}/part?version={}&amp;from={shown}\"",
                text::escaped(place.base),
                place.version
            ));
        }
        html.push_str("><ol class=\"code-lines\" start=\"1\">");
        html.push_str(&items);
        html.push_str("</ol></cj-code>");
        html
    }

    fn part(&self, content: &Content<'_>, place: Place<'_>, query: &[(&str, &str)]) -> Option<Part> {
        let from = text::parameter(query, "from")?.parse::<usize>().ok()?;
        let (items, _) = text::list_items(content.text, grammar(coloured(content)), from, LINES, None, place.language);
        Some(Part::Html(items))
    }

    fn formats(&self) -> &'static [Format] {
        &[Format { id: "file", label: "File", in_browser: false }]
    }

    fn export(
        &self,
        content: &Content<'_>,
        format: &str,
        _: &[(&str, &str)],
        _: Language,
    ) -> Result<Exported, ExportError> {
        if format != "file" {
            return Err(ExportError::NoSuchFormat);
        }
        let extension = language(content).map_or("txt", |known| known.extension);
        // Never a type that a browser would run.
        Ok(text::file(content.text, "text/plain", extension))
    }
}

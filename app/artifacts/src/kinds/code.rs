//! Code: shown line by line, and given out as the file it is.

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::knows_language;
use serde_json::{Value, json};

use super::{languages, text, words};
use crate::{Content, ExportError, Exported, Format, Found, Kind, Part, Place, Problem, Source, Way};

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
fn grammar(word: &str) -> &str {
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
        "a program, a script or a configuration file in any language; name it in language. Content: the file's text alone, without a fence."
    }

    fn source(&self) -> Source {
        Source { extension: "txt", media_type: "text/plain", fence: "" }
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

    fn formats(&self, _: &str) -> &'static [Format] {
        const { &[Format::new("file", Way::File, "Archivo", "File")] }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_BYTES;

    const NONE: Value = Value::Null;

    fn content<'a>(text: &'a str, language: Option<&'a str>) -> Content<'a> {
        Content { text, language, metadata: &NONE, file: None, title: "main" }
    }

    const PLACE: Place<'static> = Place { id: "a", language: Language::En, base: "/artifacts/x", version: 3 };

    #[test]
    fn code_is_shown_line_by_line_with_its_colours() {
        let html = Code.view(&content("fn main() {\n    // hi\n}\n", Some("rust")), PLACE);
        assert!(html.starts_with("<cj-code data-language=\"rust\" data-lines=\"3\"><ol class=\"code-lines\" start=\"1\"><li><span class=\"hl-"), "{html}");
        assert_eq!(html.matches("<li>").count(), 3);
        assert!(html.contains("hl-comment") && html.ends_with("</li></ol></cj-code>"), "{html}");
    }

    #[test]
    fn names_that_grammars_do_not_know_are_translated() {
        for name in
            ["golang", "c#", "py3", "yml", "rs", "csharp", "cpp", "typescript", "tsx", "kotlin", "dockerfile", "toml"]
        {
            assert!(knows_language(grammar(name)), "{name} is {}", grammar(name));
        }
    }

    #[test]
    fn a_comment_that_begins_far_above_is_a_comment_where_lines_are_loaded() {
        let text = format!("{}/*\n{}*/\nlet x = 1;\n", "let a = 0;\n".repeat(950), "word\n".repeat(100));
        let Some(Part::Html(html)) = Code.part(&content(&text, Some("rust")), PLACE, &[("from", "1000")]) else {
            panic!()
        };
        assert!(html.starts_with("<li><span class=\"hl-comment\">word</span></li>"), "{html}");
    }

    #[test]
    fn ten_thousand_lines_come_a_thousand_at_a_time() {
        let text: String = (0..10_000).map(|n| format!("let x{n} = {n};\n")).collect();
        let html = Code.view(&content(&text, Some("rust")), PLACE);
        assert_eq!(html.matches("<li>").count(), 1_000);
        assert!(
            html.contains("data-lines=\"10000\" data-more=\"/artifacts/x/part?version=3&amp;from=1000\""),
            "{html:.200}"
        );
        let mut from = 1_000;
        while from < 10_000 {
            let Some(Part::Html(html)) =
                Code.part(&content(&text, Some("rust")), PLACE, &[("from", &from.to_string())])
            else {
                panic!()
            };
            assert!(html.contains(&format!("x{from}")));
            from += html.matches("<li>").count();
        }
        assert_eq!(from, 10_000);
        assert_eq!(Code.part(&content(&text, None), PLACE, &[("from", "99999")]), Some(Part::Html(String::new())));
        assert_eq!(Code.part(&content(&text, None), PLACE, &[("from", "-1")]), None);
    }

    #[test]
    fn what_is_in_code_stays_text() {
        let text = "</li></ol><script>alert(1)</script>\n<img src=x onerror=alert(1)>\n]]>\n\u{202e}evil\u{2069}\n";
        for language in [None, Some("html"), Some("rust"), Some("\"><script>")] {
            let html = Code.view(&content(text, language), PLACE);
            assert!(!html.contains("<script") && !html.contains("<img") && !html.contains('\u{202e}'), "{html}");
            assert!(html.contains("U+202E") && html.contains("U+2069"), "{html}");
            assert_eq!(html.matches("<li>").count(), 4);
        }
        let problems = Code.problems(&content(text, None), Language::Es);
        assert_eq!((problems.len(), problems[0].line, problems[0].column), (2, Some(4), Some(1)));
        assert_eq!((problems[1].line, problems[1].column), (Some(4), Some(6)));
    }

    #[test]
    fn sixteen_megabytes_in_one_line_and_in_many_are_shown_within_bounds() {
        let one = "x".repeat(MAX_BYTES);
        let html = Code.view(&content(&one, Some("js")), PLACE);
        assert!(html.len() < 64 * 1024 && html.contains("more characters"), "{}", html.len());
        let many = "a b c\n".repeat(MAX_BYTES / 6);
        let html = Code.view(&content(&many, Some("python")), PLACE);
        assert_eq!(html.matches("<li>").count(), LINES);
        let wide = format!("{}\n", "<".repeat(9_000)).repeat(1_000);
        let html = Code.view(&content(&wide, Some("html")), PLACE);
        assert!(html.len() < 5 * 1024 * 1024, "{}", html.len());
        assert!(html.contains("data-more="));
    }

    #[test]
    fn one_long_line_is_cut_and_the_others_keep_their_colours() {
        let text = format!("let a = 1;\nlet b = \"{}\";\nlet c = 3;\n", "ñ".repeat(20_000));
        let html = Code.view(&content(&text, Some("rust")), PLACE);
        assert_eq!((html.matches("<li>").count(), html.matches("class=\"cut\"").count()), (3, 1));
        assert!(html.contains("the line goes on: 15007 more characters"), "{}", &html[html.len() - 300..]);
        assert!(html.contains("<li><span class=\"hl-keyword\">let</span> c"), "{}", &html[html.len() - 300..]);
    }

    #[test]
    fn a_file_has_the_extension_of_its_language_and_no_type_that_runs() {
        for (language, extension) in [
            (Some("rust"), "rs"),
            (Some("C#"), "cs"),
            (Some("html"), "html"),
            (Some("nonsense"), "txt"),
            (None, "txt"),
            (Some(""), "txt"),
        ] {
            let file = Code.export(&content("x", language), "file", &[], Language::Es).unwrap();
            assert_eq!(file.extension, extension);
            assert_eq!(file.media_type, "text/plain; charset=utf-8");
            assert_eq!(file.bytes, b"x");
        }
        assert_eq!(Code.export(&content("x", None), "exe", &[], Language::Es), Err(ExportError::NoSuchFormat));
    }

    #[test]
    fn code_is_what_text_is_when_it_is_nothing_else() {
        let of = |file_name, language, head| Code.recognise(&Found { file_name, language, head });
        assert!(of(Some("a.rs"), None, b"fn main() {}") > 50);
        assert!(of(None, Some("python"), b"print(1)") > 50);
        assert!(of(None, None, b"whatever") > 0);
        assert!(of(Some("data.json"), None, b"{}") < 50);
        assert_eq!(of(Some("a.bin"), None, &[0, 159, 146, 150]), 0);
        assert_eq!(of(None, None, &[0xff, 0xfe, 0xfd]), 0);
    }

    #[test]
    fn nothing_is_said_to_be_empty() {
        assert_eq!(Code.problems(&content(" \n", None), Language::Es).len(), 1);
        assert!(Code.view(&content("", None), PLACE).contains("data-lines=\"0\""));
    }
}

//! LaTeX: one formula, or a text with formulas in it. A formula is shown whole or as it was written, never in part.

mod drawing;
mod reading;
#[cfg(test)]
mod tests;
mod words;

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::{FormulaError, formula};
use serde_json::{Value, json};

use super::text;
use crate::{Content, ExportError, Exported, Format, Found, Kind, Place, Problem, Source};
use reading::{Piece, pieces};

/// So much of a text is shown, in bytes.
const MAX_SHOWN: usize = 512 * 1024;
/// So many formulas are shown; the rest stays as it was written.
const MAX_FORMULAS: usize = 500;
/// So many formulas are checked.
const MAX_CHECKED: usize = 5_000;
/// So many formulas go into one picture.
const MAX_DRAWN: usize = 100;
/// So many bytes of formulas go into one picture.
const MAX_DRAWN_BYTES: usize = 32 * 1024;

/// Formulas.
#[derive(Debug)]
pub(crate) struct Formulas;

/// What is wrong in a formula that begins at a byte of the text.
fn formula_problem(source: &str, start: usize, error: FormulaError, language: Language) -> Problem {
    text::problem_at(source, start + error.at.unwrap_or(0), words::formula_reason(error.reason, language))
}

fn shown(source: &str) -> &str {
    if source.len() <= MAX_SHOWN {
        return source;
    }
    let cut = &source[..source.floor_char_boundary(MAX_SHOWN)];
    cut.rfind("\n\n").or_else(|| cut.rfind('\n')).map_or(cut, |end| &cut[..end])
}

impl Kind for Formulas {
    fn name(&self) -> &'static str {
        "latex"
    }

    fn label(&self, language: Language) -> &'static str {
        words::latex(language)
    }

    fn instructions(&self) -> &'static str {
        "formulas. Content: one formula without dollars, or a text with formulas in $…$, $$…$$, \\[…\\] or environments such as align; no macros of its own, no packages."
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["tex", "math", "formula", "application/x-tex"]
    }

    fn source(&self) -> Source {
        Source { extension: "tex", media_type: "text/plain", fence: "latex" }
    }

    fn recognise(&self, found: &Found<'_>) -> u8 {
        if !text::is_text(found.head) {
            return 0;
        }
        let named = |name: &str| ["tex", "latex", "ltx", "math"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if let Some(name) = found.file_name {
            return if named(&text::extension(name)) { 95 } else { 0 };
        }
        if let Some(language) = found.language.filter(|language| !language.is_empty()) {
            return if named(language) { 95 } else { 0 };
        }
        let head = text::head(found);
        let begin = head.trim_start();
        if begin.starts_with("\\documentclass") || begin.starts_with("\\begin{") || begin.starts_with("\\[") {
            90
        } else if begin.starts_with('\\') && begin.contains(['{', '^', '_', '=']) {
            60
        } else {
            0
        }
    }

    fn metadata(&self, _: &Content<'_>, _: Language) -> Result<Value, Problem> {
        Ok(json!({}))
    }

    fn problems(&self, content: &Content<'_>, language: Language) -> Vec<Problem> {
        if content.text.trim().is_empty() {
            return vec![text::problem(words::empty(language))];
        }
        let found = pieces(content.text).take(MAX_CHECKED).filter_map(|piece| match piece {
            Piece::Formula { start, latex, display, .. } => {
                formula(latex, display).err().map(|error| formula_problem(content.text, start, error, language))
            }
            Piece::Unclosed { start, .. } => {
                Some(text::problem_at(content.text, start, words::formula_unclosed(language)))
            }
            Piece::Text(_) => None,
        });
        found.take(text::MAX_PROBLEMS).collect()
    }

    fn view(&self, content: &Content<'_>, place: Place<'_>) -> String {
        let source = shown(content.text);
        let mut html = String::from("<div class=\"formulas\">");
        let mut formulas = 0;
        let mut paragraph = reading::Paragraphs::default();
        for piece in pieces(source) {
            match piece {
                Piece::Text(words) => paragraph.text(words, &mut html),
                Piece::Unclosed { source, .. } => paragraph.inline(&as_written(source), &mut html),
                Piece::Formula { latex, display, source, .. } => {
                    formulas += 1;
                    let made = if formulas <= MAX_FORMULAS { formula(latex, display).ok() } else { None };
                    match made {
                        // A wide formula scrolls by itself, so the keyboard must reach it.
                        Some(mathml) if display => {
                            paragraph.block(&mathml.replacen("<math", "<math tabindex=\"0\"", 1), &mut html);
                        }
                        Some(mathml) => paragraph.inline(&mathml, &mut html),
                        None if display => paragraph.block(&as_written(source), &mut html),
                        None => paragraph.inline(&as_written(source), &mut html),
                    }
                }
            }
        }
        paragraph.end(&mut html);
        if source.len() < content.text.len() || formulas > MAX_FORMULAS {
            html.push_str(&format!("<p class=\"cut\">{}</p>", words::not_all_shown(place.language)));
        }
        html.push_str("</div>");
        html
    }

    fn formats(&self, _: &str) -> &'static [Format] {
        const { &[Format::file("tex", "LaTeX"), Format::file("svg", "SVG")] }
    }

    fn export(
        &self,
        content: &Content<'_>,
        format: &str,
        query: &[(&str, &str)],
        language: Language,
    ) -> Result<Exported, ExportError> {
        match format {
            "tex" => Ok(text::file(content.text, "text/plain", "tex")),
            "svg" => {
                let mut formulas = Vec::new();
                for piece in pieces(content.text).take(MAX_CHECKED) {
                    match piece {
                        Piece::Formula { start, latex, display, .. } => formulas.push((start, latex, display)),
                        Piece::Unclosed { start, .. } => {
                            let problem = text::problem_at(content.text, start, words::formula_unclosed(language));
                            return Err(ExportError::Content(problem));
                        }
                        Piece::Text(_) => {}
                    }
                }
                if let Some(number) = text::parameter(query, "formula") {
                    // Counted from 1, as people do.
                    let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                    let one = at.and_then(|at| formulas.get(at).copied()).ok_or(ExportError::BadOptions)?;
                    formulas = vec![one];
                }
                let size: usize = formulas.iter().map(|(_, latex, _)| latex.len()).sum();
                if formulas.is_empty() || formulas.len() > MAX_DRAWN || size > MAX_DRAWN_BYTES {
                    let words = if formulas.is_empty() {
                        words::no_formula(language).to_owned()
                    } else {
                        words::too_many_formulas(MAX_DRAWN, language)
                    };
                    return Err(ExportError::Content(text::problem(words)));
                }
                for (start, latex, display) in &formulas {
                    formula(latex, *display).map_err(|error| {
                        ExportError::Content(formula_problem(content.text, *start, error, language))
                    })?;
                }
                let svg = drawing::svg(&formulas, content.title).map_err(|start| {
                    ExportError::Content(text::problem_at(content.text, start, words::formula_undrawn(language)))
                })?;
                Ok(text::file(svg, "image/svg+xml", "svg"))
            }
            _ => Err(ExportError::NoSuchFormat),
        }
    }
}

fn as_written(source: &str) -> String {
    format!("<code class=\"math wrong\">{}</code>", text::escaped(source))
}

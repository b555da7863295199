use super::*;
use crate::MAX_BYTES;

const NONE: Value = Value::Null;

fn content(text: &str) -> Content<'_> {
    Content { text, language: None, metadata: &NONE, file: None, title: "Suma & <b>" }
}

const PLACE: Place<'static> = Place { id: "a", language: Language::Es, base: "/artifacts/x", version: 1 };

fn formulas(text: &str) -> Vec<(usize, &str, bool)> {
    pieces(text)
        .filter_map(|piece| match piece {
            Piece::Formula { start, latex, display, .. } => Some((start, latex, display)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_text_without_delimiters_is_a_formula_for_each_paragraph() {
    assert_eq!(formulas("  e^{i\\pi}+1=0\n"), [(2, "e^{i\\pi}+1=0", true)]);
    assert_eq!(formulas("a=b\n\n \t\n c=d"), [(0, "a=b", true), (9, "c=d", true)]);
    assert_eq!(formulas("\n\n"), []);
}

#[test]
fn formulas_of_a_text_are_found_with_every_delimiter() {
    let text =
        "Uno $a$ y \\(b\\), \\$5.\n$$c$$ \\[d\\]\n\\begin{align}e&=f\\end{align}\n% $no$\n\\begin{math}g\\end{math}";
    let found = formulas(text);
    let all: Vec<(&str, bool)> = found.iter().map(|(_, latex, display)| (*latex, *display)).collect();
    assert_eq!(
        all,
        [("a", false), ("b", false), ("c", true), ("d", true), ("\\begin{align}e&=f\\end{align}", true), ("g", false)]
    );
    for (start, latex, _) in found {
        assert!(text[start..].starts_with(latex));
    }
}

#[test]
fn only_the_body_of_a_document_is_shown() {
    let text = "\\documentclass{article}\\newcommand{\\x}{y}\n\\begin{document}\n\\section{Título}\nHola $x$ \\textbf{fuerte}.\n\\end{document}\n$no$";
    let html = Formulas.view(&content(text), PLACE);
    assert!(html.contains("<h3>Título</h3>") && html.contains("<strong>fuerte</strong>"), "{html}");
    assert!(!html.contains("documentclass") && !html.contains(">no<"), "{html}");
}

#[test]
fn running_text_keeps_its_paragraphs() {
    let html = Formulas
        .view(&content("uno $x$\ndos\n\ntres $y$.\n\n\\begin{itemize}\n\\item a\n\\item $b$\n\\end{itemize}\n"), PLACE);
    assert_eq!(html.matches("<p>").count(), 4, "{html}");
    assert_eq!(html.matches("</p>").count(), 4, "{html}");
    assert!(html.contains("<p>tres <math") && html.contains("<p>• a"), "{html}");
}

#[test]
fn a_formula_that_cannot_be_read_is_shown_as_it_was_written_and_never_in_part() {
    for wrong in ["\\frac{a}{", "x^2 + \\nosuch{y}", "\\begin{align}a", "a & b", "x^a^b"] {
        let html = Formulas.view(&content(wrong), PLACE);
        assert!(!html.contains("<math") && html.contains("math wrong"), "{wrong}: {html}");
        assert!(!Formulas.problems(&content(wrong), Language::Es).is_empty(), "{wrong}");
        assert!(matches!(Formulas.export(&content(wrong), "svg", &[], Language::Es), Err(ExportError::Content(_))));
    }
}

#[test]
fn problems_tell_line_and_column() {
    let at = |text| {
        let problem = Formulas.problems(&content(text), Language::En).into_iter().next().unwrap();
        (problem.line, problem.column)
    };
    let text = "Hola $a$\n\ny $b + \\nosuch + c$ fin";
    let (line, column) = at(text);
    assert_eq!(line, Some(3));
    // Somewhere at the command; the parser may tell its beginning or its end.
    assert!(column.is_some_and(|column| (8..=15).contains(&column)), "{column:?}");
    let (line, column) = at("x + y + z + u + v + w + \\nosuch");
    assert_eq!(line, Some(1));
    assert!(column.is_some_and(|column| (25..=32).contains(&column)), "{column:?}");
    assert_eq!(at("Uno\ndos $a\n\ntres $b$").0, Some(2));
    let same = format!("{}\\nosuch + {}", "a + b + c + d + ".repeat(10), "a + b + c + d + ".repeat(10));
    let (_, column) = at(&same);
    assert!(column.is_some_and(|column| (161..=168).contains(&column)), "{column:?}");
}

#[test]
fn what_is_in_a_text_stays_text() {
    for attack in [
        "<script>alert(1)</script> $a$",
        "$\\href{javascript:alert(1)}{x}$",
        "$\\text{</math><img src=x onerror=alert(1)>}$",
        "$\\htmlData{onclick=alert(1)}{x}$",
        "\\section{<b onmouseover=alert(1)>} $x$",
        "\\textbf{<script>} $x$",
        "]]> $x$ \u{202e}",
        "$\\unicode{x3c}$",
    ] {
        let html = Formulas.view(&content(attack), PLACE);
        assert!(
            !html.contains("<script") && !html.contains("<img") && !html.contains("<b on") && !html.contains("href="),
            "{html}"
        );
        if let Ok(file) = Formulas.export(&content(attack), "svg", &[], Language::Es) {
            let svg = String::from_utf8(file.bytes).unwrap();
            assert!(!svg.contains("script:") && !svg.contains("href") && !svg.contains("onclick"), "{svg}");
        }
    }
}

#[test]
fn a_picture_is_well_formed_and_needs_no_font() {
    let text = "Sea $\\frac{a}{b}$ y\n$$\\sum_{n=1}^\\infty \\begin{pmatrix}1&2\\\\3&4\\end{pmatrix} \\sqrt[3]{x}$$";
    let file = Formulas.export(&content(text), "svg", &[], Language::Es).unwrap();
    assert_eq!((file.extension.as_str(), file.media_type.as_str()), ("svg", "image/svg+xml; charset=utf-8"));
    let svg = String::from_utf8(file.bytes).unwrap();
    let mut reader = quick_xml::Reader::from_str(&svg);
    let (mut paths, mut depth) = (0, 0_i32);
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(tag) => {
                depth += 1;
                assert_ne!(tag.name().as_ref(), "text");
            }
            quick_xml::events::Event::End(_) => depth -= 1,
            quick_xml::events::Event::Empty(tag) if tag.name().as_ref() == "path" => paths += 1,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    assert!(paths > 10, "{paths}");
    assert!(svg.contains("<title>Suma &amp; &lt;b&gt;</title>"), "{svg:.300}");
    let one = Formulas.export(&content(text), "svg", &[("formula", "1")], Language::Es).unwrap();
    assert!(one.bytes.len() < svg.len());
    assert_eq!(Formulas.export(&content(text), "svg", &[("formula", "9")], Language::Es), Err(ExportError::BadOptions));
}

#[test]
fn long_and_deep_texts_stay_within_bounds() {
    let formulas = "$x$ ".repeat(MAX_BYTES / 4);
    let html = Formulas.view(&content(&formulas), PLACE);
    assert!(html.matches("<math").count() <= MAX_FORMULAS && html.contains("class=\"cut\""));
    assert!(html.len() < 12 * 1024 * 1024, "{}", html.len());
    let open = "$".repeat(MAX_BYTES);
    assert!(Formulas.problems(&content(&open), Language::Es).len() <= text::MAX_PROBLEMS);
    let deep = format!("{}x{}", "{".repeat(100_000), "}".repeat(100_000));
    assert_eq!(Formulas.problems(&content(&deep), Language::Es).len(), 1);
    let deep = format!("{}x{}", "\\frac{".repeat(50), "}{y}".repeat(50));
    let _ = Formulas.export(&content(&deep), "svg", &[], Language::Es);
    let long = "a\n\n".repeat(MAX_BYTES / 3);
    assert!(Formulas.view(&content(&long), PLACE).matches("<math").count() <= MAX_FORMULAS);
    assert!(matches!(Formulas.export(&content(&long), "svg", &[], Language::Es), Err(ExportError::Content(_))));
    let unclosed = "\\begin{align} ".repeat(100_000);
    assert!(!Formulas.problems(&content(&unclosed), Language::Es).is_empty());
}

#[test]
fn latex_is_known_by_name_and_by_how_it_begins() {
    let of = |file_name, language, head| Formulas.recognise(&Found { file_name, language, head });
    assert!(of(Some("a.tex"), None, b"x") > 80);
    assert!(of(None, Some("latex"), b"x") > 80);
    assert!(of(None, None, b"\\frac{a}{b}") > 50);
    assert!(of(None, None, b"\\documentclass{article}") > 80);
    assert_eq!(of(None, None, b"hola"), 0);
}

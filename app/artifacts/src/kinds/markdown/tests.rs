use std::io::{Cursor, Read as _};

use super::*;
use crate::MAX_BYTES;

const NONE: Value = Value::Null;

fn content(text: &str) -> Content<'_> {
    Content { text, language: None, metadata: &NONE, file: None, title: "Informe & <b>" }
}

const PLACE: Place<'static> = Place { id: "a1", language: Language::Es, base: "/artifacts/x", version: 1 };

const TEXT: &str = "# Uno\n\nHola **fuerte** *suave* ~~nada~~ `codigo` [enlace](https://example.org/?a=1&b=2) ![foto](https://example.org/f.png)\n\n## Dos & *tres*\n\n1. a\n2. b\n   - c\n   - [x] d\n\n> cita\n> > honda\n\n| A | B |\n|:-:|--:|\n| 1 | **2** |\n\n```rust\nfn main() {\n    let x = 1;\n}\n```\n\n---\n\n$$x^2$$ y $y$ con nota[^1].\n\n[^1]: La nota.\n";

#[test]
fn headings_make_the_outline_and_its_links_lead_to_them() {
    let html = Texts.view(&content(TEXT), PLACE);
    assert!(html.starts_with("<div class=\"outlined\"><nav class=\"outline\" aria-label=\"Índice\"><ul><li class=\"level-1\"><a href=\"#h-a1-1\">Uno</a></li><li class=\"level-2\"><a href=\"#h-a1-2\">Dos &amp; tres</a></li></ul></nav><div class=\"prose\">"), "{html}");
    assert!(
        html.contains("<h3 id=\"h-a1-1\">Uno</h3>") && html.contains("<h4 id=\"h-a1-2\">Dos &amp; <em>tres</em></h4>"),
        "{html}"
    );
    assert!(html.ends_with("</div></div>"));
}

#[test]
fn what_looks_like_a_heading_in_code_or_html_is_none() {
    let html = Texts.view(&content("# a\n\n`<h3>x</h3>`\n\n<h3 id=x>y</h3>\n\n# b\n"), PLACE);
    assert_eq!(html.matches("<h3").count(), 2);
    assert_eq!(html.matches("<li class=\"level-1\">").count(), 2);
}

#[test]
fn attacks_stay_text_in_every_form() {
    let attack = "# <script>alert(1)</script>\n\n# [x](javascript:alert(1))\n\n<img src=x onerror=alert(1)>\n\n[a](javascript:alert(1)) [b](data:text/html,x) ]]> \u{202e} \u{1}\u{ffff}\n\n</script></style></body>\n";
    let view = Texts.view(&content(attack), PLACE);
    let print = String::from_utf8(Texts.export(&content(attack), "print", &[], Language::En).unwrap().bytes).unwrap();
    for html in [&view, &print] {
        assert!(
            !html.contains("<script")
                && !html.contains("<img")
                && !html.contains("href=\"javascript")
                && !html.contains("href=\"data"),
            "{html}"
        );
    }
    assert_eq!(print.matches("</style>").count(), 1);
    let (document, relations) = docx(attack);
    assert!(!relations.contains("javascript") && !relations.contains("data:"));
    assert!(!document.contains("<script"));
}

#[test]
fn formulas_are_equations_of_the_word_processor() {
    let cases = [
        ("\\frac{120+90}{2}", "<m:f><m:num>"),
        ("x_1^2", "<m:sSubSup><m:e>"),
        ("\\sqrt[3]{x}", "<m:rad><m:deg>"),
        ("\\sqrt{x}", "<m:degHide"),
        ("\\left(\\frac12\\right)", "<m:d><m:dPr><m:begChr m:val=\"(\"/>"),
        ("\\bar{x}", "<m:bar>"),
        ("\\hat{x}", "<m:acc>"),
        ("\\vec{x}", "<m:chr m:val=\"\u{20d7}\"/>"),
        ("\\begin{pmatrix}a & b\\\\c & d\\end{pmatrix}", "<m:mr><m:e>"),
        ("\\sin x < 1", "&lt;"),
        ("\\text{si } x", "<m:nor/></m:rPr><m:t xml:space=\"preserve\">si\u{a0}"),
        ("\\begin{cases}a & b\\\\c & d\\end{cases}", "<m:endChr m:val=\"\"/>"),
    ];
    for (formula, expected) in cases {
        let (document, _) = docx(&format!("Es ${formula}$."));
        assert!(document.contains(expected), "{formula}: {document}");
        assert_eq!(document.matches("<m:oMath>").count(), 1, "{formula}");
        assert!(!document.contains('$'), "{formula}: {document}");
    }
    let (document, _) = docx("$$\\sum_{i=1}^n i$$");
    assert!(
        document.contains("<m:oMathPara><m:oMath>") && document.contains("<m:limUpp><m:e><m:limLow>"),
        "{document}"
    );
    let (document, _) = docx("$$a \\lim_{x\\to 0} x$$");
    let named =
        "<m:func><m:fName><m:limLow><m:e><m:r><m:rPr><m:sty m:val=\"p\"/></m:rPr><m:t xml:space=\"preserve\">lim<";
    assert!(document.contains(named), "{document}");
    let (document, _) = docx("$\\nothing{x}$");
    assert!(document.contains("$\\nothing{x}$"), "what cannot be read stays as it was written: {document}");
}

/// The document's and its links' XML, checked to be XML.
fn docx(text: &str) -> (String, String) {
    let file = Texts.export(&content(text), "docx", &[], Language::Es).unwrap();
    assert_eq!(file.extension, "docx");
    let mut zip = zip::ZipArchive::new(Cursor::new(file.bytes)).unwrap();
    let mut read = |name: &str| {
        let mut out = String::new();
        zip.by_name(name).unwrap().read_to_string(&mut out).unwrap();
        let mut reader = quick_xml::Reader::from_str(&out);
        let mut open = Vec::new();
        loop {
            match reader.read_event().unwrap_or_else(|error| panic!("{name}: {error}\n{out}")) {
                quick_xml::events::Event::Eof => break,
                quick_xml::events::Event::Start(tag) => {
                    open.push(tag.name().as_ref().to_owned());
                    let paragraphs = open.iter().filter(|name| name.as_str() == "w:p").count();
                    assert!(paragraphs <= 1, "a paragraph in a paragraph: {out}");
                    assert!(open.iter().filter(|name| name.as_str() == "w:tbl").count() <= 1);
                }
                quick_xml::events::Event::End(_) => drop(open.pop()),
                _ => {}
            }
        }
        assert_eq!(open.len(), 0);
        assert!(out.chars().all(|c| c >= ' ' || c == '\n' || c == '\t'), "no control characters in XML");
        out
    };
    for name in ["[Content_Types].xml", "_rels/.rels", "word/styles.xml", "word/numbering.xml", "docProps/core.xml"] {
        read(name);
    }
    (read("word/document.xml"), read("word/_rels/document.xml.rels"))
}

#[test]
fn a_word_document_has_everything_that_the_text_has() {
    let (document, relations) = docx(TEXT);
    for expected in [
        "<w:pStyle w:val=\"Heading1\"/>",
        "<w:pStyle w:val=\"Heading2\"/>",
        "<w:b/></w:rPr><w:t xml:space=\"preserve\">fuerte",
        "<w:i/></w:rPr><w:t xml:space=\"preserve\">suave",
        "<w:strike/></w:rPr><w:t xml:space=\"preserve\">nada",
        "<w:rStyle w:val=\"CodeText\"/></w:rPr><w:t xml:space=\"preserve\">codigo",
        "<w:hyperlink r:id=\"link0\">",
        "<w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"2\"/></w:numPr>",
        "<w:numPr><w:ilvl w:val=\"1\"/><w:numId w:val=\"1\"/></w:numPr>",
        "☑ ",
        "<w:pStyle w:val=\"Quote\"/>",
        "<w:tblHeader/>",
        "<w:jc w:val=\"center\"/>",
        "<w:pStyle w:val=\"Code\"/>",
        "<w:br/><w:t xml:space=\"preserve\">    let x = 1;",
        "<m:oMathPara><m:oMath><m:sSup>",
        "[1] ",
    ] {
        assert!(document.contains(expected), "{expected} is not in {document}");
    }
    assert!(relations.contains("Target=\"https://example.org/?a=1&amp;b=2\" TargetMode=\"External\""), "{relations}");
    assert!(relations.contains("https://example.org/f.png"));
}

#[test]
fn odd_texts_are_documents_all_the_same() {
    for text in [
        "",
        "- \n- \n",
        "| a |\n|---|\n",
        "| a | b |\n|---|---|\n| [x](https://a.b) | `c` | d |\n",
        "1. > a\n   > b\n\n   ```\n   c\n   ```\n",
        "- # heading in a list\n",
        "[**a\n\nb**](https://a.b)",
        "<br> a<br>b",
        "[a ![b](https://c.d) e](https://f.g)",
        "#\n\n##\n",
        "4294967296. x\n",
        "999999999. x\n",
    ] {
        docx(text);
    }
    docx(&">".repeat(5_000));
    docx(&format!("|{}\n|{}\n|{}\n", "a|".repeat(200), "-|".repeat(200), "b|".repeat(200)));
    docx(&"- a\n".repeat(20_000));
    docx(&"* ".repeat(2_000));
}

#[test]
fn what_is_printed_is_one_file_without_scripts() {
    let file = Texts.export(&content(TEXT), "print", &[], Language::Es).unwrap();
    let html = String::from_utf8(file.bytes).unwrap();
    assert!(
        html.starts_with("<!doctype html>\n<html lang=\"es\">")
            && html.contains("<title>Informe &amp; &lt;b&gt;</title>")
    );
    assert!(html.contains("default-src 'none'; style-src 'unsafe-inline'"));
    assert!(!html.contains("<script") && !html.contains("<link") && !html.contains("<img"));
    assert_eq!(file.media_type, "text/html; charset=utf-8");
}

#[test]
fn long_texts_show_their_beginning_and_say_so() {
    let long = "# Título\n\nUn párrafo <con> *algo*.\n\n".repeat(MAX_BYTES / 40);
    let html = Texts.view(&content(&long), PLACE);
    assert!(html.contains("class=\"cut\"") && html.len() < 4 * 1024 * 1024, "{}", html.len());
    assert!(html.matches("<li class=\"level-").count() <= MAX_OUTLINE);
    assert!(matches!(Texts.export(&content(&long), "docx", &[], Language::Es), Err(ExportError::Content(_))));
    assert!(matches!(Texts.export(&content(&long), "print", &[], Language::Es), Err(ExportError::Content(_))));
    assert_eq!(Texts.export(&content(&long), "md", &[], Language::Es).unwrap().bytes.len(), long.len());
}

#[test]
fn markdown_is_known_by_name_by_fence_and_by_its_signs() {
    let of = |file_name, language, head| Texts.recognise(&Found { file_name, language, head });
    assert!(of(Some("README.md"), None, b"x") > 80);
    assert!(of(None, Some("markdown"), b"x") > 80);
    assert!(of(None, None, "# Uno\n\n- a\n- b\n".as_bytes()) > 20);
    assert_eq!(of(None, None, b"hola"), 0);
    assert_eq!(of(Some("a.py"), None, b"# a\n# b\n# c\n"), 0);
}

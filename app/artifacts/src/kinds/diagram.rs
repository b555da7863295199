//! Diagrams: Mermaid, drawn on the server. What cannot be drawn is shown as its lines, the wrong one marked.

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::{DiagramProblem, diagram, diagram_file, escape};
use serde_json::{Value, json};

use super::words;
use crate::{Content, ExportError, Exported, Format, Found, Kind, Place, Problem, Source, Way};

/// Lines of a source that is shown instead of its drawing.
const MAX_LINES: usize = 1_000;
/// A line of it shows so many bytes.
const MAX_LINE: usize = 2_000;

/// First words of Mermaid, also of kinds that are not drawn: those are told to be none of ours rather than code.
const WORDS: &[&str] = &[
    "architecture-beta",
    "block-beta",
    "C4Context",
    "classDiagram",
    "classDiagram-v2",
    "erDiagram",
    "flowchart",
    "gantt",
    "gitGraph",
    "graph",
    "journey",
    "kanban",
    "mindmap",
    "packet-beta",
    "pie",
    "quadrantChart",
    "radar-beta",
    "requirementDiagram",
    "sankey-beta",
    "sequenceDiagram",
    "stateDiagram",
    "stateDiagram-v2",
    "timeline",
    "treemap-beta",
    "xychart",
    "xychart-beta",
];

/// Drawings from text.
#[derive(Debug)]
pub(crate) struct Diagrams;

fn problem(problem: DiagramProblem) -> Problem {
    Problem { line: problem.line, column: None, words: problem.words }
}

const fn place<'a>(id: &'a str, language: Language) -> cjhirashi_markdown::Place<'a> {
    cjhirashi_markdown::Place::new(id, language)
}

impl Kind for Diagrams {
    fn name(&self) -> &'static str {
        "diagram"
    }

    fn label(&self, language: Language) -> &'static str {
        words::diagram(language)
    }

    fn instructions(&self) -> &'static str {
        "a drawing in Mermaid (flowchart, sequenceDiagram, stateDiagram-v2, classDiagram, erDiagram, gantt, pie, mindmap, timeline, journey, gitGraph, quadrantChart, xychart-beta). Content: the Mermaid source alone, at most 400 lines, without a fence."
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["mermaid", "application/vnd.mermaid", "chart", "graph"]
    }

    fn source(&self) -> Source {
        Source { extension: "mmd", media_type: "text/plain", fence: "mermaid" }
    }

    fn recognise(&self, found: &Found<'_>) -> u8 {
        let named = |name: &str| ["mmd", "mermaid"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if found.head.contains(&0) {
            return 0;
        }
        if let Some(name) = found.file_name {
            let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
            return if named(extension) { 95 } else { 0 };
        }
        if let Some(language) = found.language.filter(|language| !language.is_empty()) {
            return if named(language) { 95 } else { 0 };
        }
        let end = found.head.len().min(4_096);
        let head = String::from_utf8_lossy(&found.head[..end]);
        let mut body = head.trim_start();
        if let Some((_, rest)) = body.strip_prefix("---\n").and_then(|front| front.split_once("\n---")) {
            body = rest;
        }
        let mut lines = body.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("%%"));
        let first = lines.next().unwrap_or_default();
        let word = first.split([' ', '\t', ';', ':']).next().unwrap_or_default();
        if !WORDS.contains(&word) || lines.next().is_none() {
            return 0;
        }
        // "graph", "pie" and the like are words of people, too: a sentence follows them there.
        if word.chars().any(char::is_uppercase) || word.contains('-') {
            85
        } else if first.len() < 40 {
            60
        } else {
            0
        }
    }

    fn metadata(&self, _: &Content<'_>, _: Language) -> Result<Value, Problem> {
        Ok(json!({}))
    }

    fn problems(&self, content: &Content<'_>, language: Language) -> Vec<Problem> {
        diagram(content.text, place("check", language)).err().map(problem).into_iter().collect()
    }

    fn view(&self, content: &Content<'_>, at: Place<'_>) -> String {
        let undrawn = match diagram(content.text, place(at.id, at.language)) {
            Ok(svg) => return format!("<cj-zoom><div class=\"diagram-canvas\">{svg}</div></cj-zoom>"),
            Err(problem) => problem,
        };
        let mut out = String::from("<p class=\"diagram-note\">");
        if let Some(line) = undrawn.line {
            out.push_str(&words::in_line(line, at.language));
            out.push(' ');
        }
        escape(&undrawn.words, &mut out);
        out.push_str("</p><ol class=\"code-lines\" start=\"1\">");
        for (number, line) in (1_u32..).zip(content.text.lines().take(MAX_LINES)) {
            out.push_str(if undrawn.line == Some(number) { "<li class=\"wrong\">" } else { "<li>" });
            escape(&line[..line.floor_char_boundary(MAX_LINE)], &mut out);
            out.push_str("</li>");
        }
        out.push_str("</ol>");
        out
    }

    fn formats(&self, _: &str) -> &'static [Format] {
        const {
            &[
                Format::file("svg", "SVG"),
                Format::new("png", Way::InBrowser, "PNG", "PNG"),
                Format::file("mmd", "Mermaid"),
            ]
        }
    }

    fn export(
        &self,
        content: &Content<'_>,
        format: &str,
        _: &[(&str, &str)],
        language: Language,
    ) -> Result<Exported, ExportError> {
        let file = |text: String, media_type: &str, extension: &str| Exported {
            bytes: text.into_bytes(),
            media_type: media_type.to_owned(),
            extension: extension.to_owned(),
        };
        match format {
            "mmd" => Ok(file(content.text.to_owned(), "text/plain; charset=utf-8", "mmd")),
            "svg" => {
                let svg = diagram_file(content.text, place("file", language));
                let svg = svg.map_err(|undrawn| ExportError::Content(problem(undrawn)))?;
                Ok(file(svg, "image/svg+xml; charset=utf-8", "svg"))
            }
            _ => Err(ExportError::NoSuchFormat),
        }
    }
}

#[cfg(test)]
mod tests {
    use quick_xml::{Reader, events::Event};

    use super::*;

    const NONE: &Value = &Value::Null;
    const PLACE: Place<'_> = Place { id: "a1", language: Language::Es, base: "/artifacts/x", version: 2 };

    fn content(text: &str) -> Content<'_> {
        Content { text, language: None, metadata: NONE, file: None, title: "Plan" }
    }

    fn found(text: &str) -> (Option<u32>, String) {
        let problem = Diagrams.problems(&content(text), Language::Es).remove(0);
        (problem.line, problem.words)
    }

    const KINDS: &[&str] = &[
        "flowchart TD\nA[Inicio & fin] --> B{¿Hay?}\nB -->|Sí| C[(Datos)]\nsubgraph Dentro\nC ==> D((Fin))\nend",
        "sequenceDiagram\nautonumber\nactor U as Usuario\nU->>+S: hola\nloop cada día\nS-->>-U: adiós\nend\nNote over U,S: nota",
        "stateDiagram-v2\n[*] --> In\nstate In {\n[*] --> a\n--\nb --> c\n}\nIn --> Out",
        "classDiagram\nclass Chat {\n+String title\n+rename() Result\n}\nChat \"1\" --> \"*\" Message : tiene",
        "erDiagram\nUSER ||--o{ CHAT : owns\nUSER {\nuuid id PK\n}",
        "pie showData title Uso\n\"Entrada\" : 62.5\n\"Salida\" : 37.5",
        "gantt\ntitle Plan\ndateFormat YYYY-MM-DD\nexcludes weekends\nsection Obra\nServidor :done, a1, 2026-01-05, 10d\nPruebas : after a1, 8d",
        "mindmap\n  root((Idea))\n    Una\n    Otra",
        "timeline\ntitle Historia\n2025 : Prototipo\n2026 : Rust",
        "journey\ntitle Día\nsection Mañana\nCafé: 5: Yo",
        "gitGraph\ncommit\nbranch rama\ncommit\ncheckout main\nmerge rama",
        "quadrantChart\ntitle Ideas\nx-axis Poco --> Mucho\nUna: [0.3, 0.6]",
        "xychart-beta\ntitle Ventas\nx-axis [ene, feb]\ny-axis 0 --> 10\nbar [3, 7]",
        "flowchart TB\nsubgraph K [Cliente]\nW\nM\nend\nsubgraph S [Servidor]\nA[La <API>] --> B[Servicio]\nB --> C\nC --> T\nend\nsubgraph D\nP\nV\nend\nW --> A\nM --> A\nB --> P\nT --> V\nT --> P\nB --> X[Proveedor externo]\nX --> T",
    ];

    /// A file that any program may open: XML, without anything that runs, leads elsewhere or needs a style sheet.
    fn assert_file(source: &str, svg: &str) {
        let mut reader = Reader::from_str(svg);
        reader.config_mut().check_end_names = true;
        let mut depth = 0;
        let mut first = true;
        loop {
            let event = reader.read_event().unwrap_or_else(|error| panic!("{error} in {svg} of {source}"));
            let tag = match &event {
                Event::Eof => break,
                Event::Start(tag) | Event::Empty(tag) => tag,
                Event::End(_) => {
                    depth -= 1;
                    continue;
                }
                Event::GeneralRef(reference) => {
                    let name = AsRef::<str>::as_ref(reference).to_owned();
                    assert!(
                        name.starts_with('#') || ["amp", "lt", "gt", "quot", "apos"].contains(&name.as_str()),
                        "&{name};"
                    );
                    continue;
                }
                Event::Text(_) | Event::Decl(_) => continue,
                other => panic!("{other:?}"),
            };
            depth += usize::from(matches!(event, Event::Start(_)));
            let name = tag.name().as_ref().to_owned();
            assert!(
                !["script", "foreignObject", "style", "a", "image", "use", "iframe", "animate", "set"]
                    .contains(&name.as_str()),
                "{name}"
            );
            for attribute in tag.attributes() {
                let attribute = attribute.unwrap();
                let key = attribute.key.as_ref().to_owned();
                let value = attribute.value.into_owned();
                assert!(
                    !key.starts_with("on") && !key.contains("href") && key != "style" && key != "class",
                    "{key}={value}"
                );
                assert!(
                    !value.contains("var(") && (!value.contains("url(") || value.starts_with("url(#d-")),
                    "{key}={value}"
                );
                assert!(key == "xmlns" || !value.contains("://") || key == "aria-label", "{key}={value}");
            }
            if first {
                assert_eq!(name, "svg");
                let keys: Vec<_> = tag.attributes().map(|a| a.unwrap().key.as_ref().to_owned()).collect();
                for key in ["xmlns", "width", "height", "viewBox"] {
                    assert!(keys.iter().any(|known| known == key), "{key} of {keys:?}");
                }
                first = false;
            }
        }
        assert_eq!(depth, 0);
    }

    #[test]
    fn every_kind_is_drawn_and_leaves_as_a_file_of_its_own() {
        for source in KINDS {
            assert_eq!(Diagrams.problems(&content(source), Language::Es), [], "{source}");
            let html = Diagrams.view(&content(source), PLACE);
            assert!(html.starts_with("<cj-zoom><div class=\"diagram-canvas\"><svg role=\"img\""), "{html}");
            let file = Diagrams.export(&content(source), "svg", &[], Language::Es).unwrap();
            assert_eq!(file.media_type, "image/svg+xml; charset=utf-8");
            assert_file(source, std::str::from_utf8(&file.bytes).unwrap());
            assert_eq!(Diagrams.export(&content(source), "mmd", &[], Language::Es).unwrap().bytes, source.as_bytes());
        }
        let states = Diagrams.export(&content(KINDS[2]), "svg", &[], Language::Es).unwrap();
        assert!(
            String::from_utf8(states.bytes).unwrap().matches("<svg").count() == 3,
            "the inside of a state is below"
        );
        let keyed =
            String::from_utf8(Diagrams.export(&content(KINDS[13]), "svg", &[], Language::Es).unwrap().bytes).unwrap();
        assert!(keyed.contains(">Servidor: La &lt;API&gt;, Servicio, C, T</text>"), "{keyed}");
    }

    #[test]
    fn what_is_wrong_is_told_with_the_line_of_the_source() {
        let (line, words) = found("flowchart TD\nA --> B\nB -->|Sí C\n");
        assert_eq!(line, Some(3), "{words}");
        let (line, _) = found(
            "---\ntitle: Un plan\n---\n%%{init: {\n'theme': 'dark'}\n}%%\nsequenceDiagram\naccTitle: x\naccDescr {\nmás\n}\nA->>B: hola\nesto no es nada\n",
        );
        assert_eq!(line, Some(13));
        let (line, _) = found("\n\npie\n\"a\" : 1\n\"b\" : mucho\n");
        assert_eq!(line, Some(5));
        let (line, _) = found("pie\r\n\"a\" : 1\r\n\"b\" : mucho\r\n");
        assert_eq!(line, Some(3));
        let (line, words) = found("gantt\ntitle x\nA: a1, 2026-01-01, 999999d\n");
        assert!(line == Some(3) && words.contains("calendario"), "{words}");
        let (line, words) = found("sankey-beta\na,b,1\n");
        assert!(line.is_none() && words.contains("«sankey-beta»") && words.contains("flowchart, gantt"), "{words}");
        assert!(found("").1.contains("No hay nada"));
        assert!(found("%% nada\n").1.contains("No hay nada"));
        assert!(found("---\ntitle: x\ngraph TD\nA").1.contains("ajustes"));
        assert!(found(&format!("graph TD\n{}", "a-->b\n".repeat(401))).1.contains("400"));
        assert!(found("stateDiagram-v2\nstate In {\na --> b\n}\nb --> Out").1.contains("flecha sale"));
        for problem in ["<script>alert(1)</script>\nA", "graph TD\nA[<script>alert(1)</script>"] {
            let html = Diagrams.view(&content(problem), PLACE);
            assert!(!html.contains("<script"), "{html}");
        }
        let html = Diagrams.view(&content("pie\n\"a\" : 1\n<b>\n"), PLACE);
        assert!(
            html.contains("<p class=\"diagram-note\">Línea 3: ") && html.contains("<li class=\"wrong\">&lt;b&gt;</li>"),
            "{html}"
        );
        let many = Diagrams.view(&content(&"x\n".repeat(100_000)), PLACE);
        assert_eq!(many.matches("<li>").count(), 1_000);
        assert!(matches!(Diagrams.export(&content("graph"), "svg", &[], Language::Es), Err(ExportError::Content(_))));
        assert_eq!(Diagrams.export(&content("graph"), "png", &[], Language::Es), Err(ExportError::NoSuchFormat));
    }

    #[test]
    fn nothing_hostile_gets_into_a_file() {
        for hostile in [
            "</text><script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "\" onload=\"alert(1)",
            "<foreignObject><b>x",
            "</svg><script>alert(1)</script>",
            "&lt;script&gt;",
            "#60;script#62;",
            "&#60;script&#62;",
            "&nbsp;&eacute;&bogus;",
            "&#0;&#xFFFE;&#x1F600;&#99999999;",
            "url(https://evil.example/x)",
            "javascript:alert(1)",
            "]]><script>",
            "<!--",
            "<?xml?>",
            "<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>&y;",
            "\u{0}<\u{0}script>",
            "\u{fffe}\u{1}",
            "=\"var(--d-ink)",
            "var(--d-nothing)",
            "<a xlink:href='javascript:alert(1)'>x</a>",
        ] {
            for source in [
                format!("graph TD\nA[{hostile}] -->|{hostile}| B"),
                format!("graph TD\nA[\"{hostile}\"] --> B(\"`{hostile}`\")\nsubgraph {hostile}\nA\nend"),
                format!("graph TD\nA-->B\nstyle A fill:{hostile},stroke:{hostile}\nclick A \"{hostile}\" _blank"),
                format!("sequenceDiagram\nparticipant A as {hostile}\nA->>B: {hostile}\nNote over A: {hostile}"),
                format!("stateDiagram-v2\nA --> B : {hostile}\nstate \"{hostile}\" as C\nstate C {{\nd --> e\n}}"),
                format!("classDiagram\nclass A[\"{hostile}\"] {{\n+{hostile} x\n}}\nnote for A \"{hostile}\""),
                format!("pie title {hostile}\n\"{hostile}\" : 3"),
                format!("mindmap\n  root(({hostile}))\n    {hostile}"),
                format!("---\ntitle: {hostile}\n---\ngraph TD\nA"),
                format!("{}\nB --> Y[{hostile}]", KINDS[13]),
            ] {
                if let Ok(file) = Diagrams.export(&content(&source), "svg", &[], Language::En) {
                    assert_file(&source, std::str::from_utf8(&file.bytes).unwrap());
                }
                let html = Diagrams.view(&content(&source), PLACE);
                assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<foreign"), "{html}");
            }
        }
    }

    #[test]
    fn diagrams_are_known_by_name_language_and_first_word() {
        let found =
            |file_name, language, head: &str| Diagrams.recognise(&Found { file_name, language, head: head.as_bytes() });
        assert_eq!(found(Some("plan.mmd"), None, "graph TD"), 95);
        assert_eq!(found(None, Some("Mermaid"), ""), 95);
        assert_eq!(found(None, Some("text"), "graph TD\nA-->B"), 0);
        assert_eq!(found(Some("x.mmd"), None, "\0"), 0);
        assert!(found(None, None, "---\ntitle: x\n---\n%% nota\nsequenceDiagram\nA->>B: x") > 50);
        assert!(found(None, None, "graph TD\nA-->B") > 50);
        assert_eq!(found(None, None, "graph theory is the study of graphs, which are structures\nthat model"), 0);
        assert_eq!(found(None, None, "pie"), 0);
    }
}

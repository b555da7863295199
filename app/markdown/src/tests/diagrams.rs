//! Diagrams: what is drawn, what stays code, and what nobody can write into a picture.

use super::*;

fn fence(diagram: &str) -> String {
    format!("```mermaid\n{diagram}\n```\n")
}

/// One of each kind, with the words that must be in its picture.
const KINDS: &[(&str, &[&str])] = &[
    (
        "flowchart TD\nA[Inicio] --> B{¿Hay?}\nB -->|Sí| C[(Datos)]\nsubgraph Dentro\nC ==> D((Fin))\nend",
        &["Inicio", "¿Hay?", "Sí", "Dentro"],
    ),
    ("graph LR; A-->B-->C", &["A", "C"]),
    (
        "sequenceDiagram\nautonumber\nactor U as Usuario\nU->>+S: hola\nloop cada día\nS-->>-U: adiós\nend\nNote over U,S: nota",
        &["Usuario", "hola", "nota"],
    ),
    ("stateDiagram-v2\n[*] --> Listo\nListo --> Hecho : ok\nHecho --> [*]", &["Listo", "Hecho", "ok"]),
    (
        "classDiagram\nclass Chat {\n+String title\n+rename() Result\n}\nChat \"1\" --> \"*\" Message : tiene",
        &["Chat", "+String title", "tiene"],
    ),
    ("erDiagram\nUSER ||--o{ CHAT : owns\nUSER {\nuuid id PK\n}", &["USER", "CHAT", "owns"]),
    ("pie showData title Uso\n\"Entrada\" : 62.5\n\"Salida\" : 37.5", &["Uso", "Entrada"]),
    (
        "gantt\ntitle Plan\ndateFormat YYYY-MM-DD\nexcludes weekends\nsection Obra\nServidor :done, a1, 2026-01-05, 10d\nPruebas : after a1, 8d",
        &["Plan", "Servidor"],
    ),
    ("mindmap\n  root((Idea))\n    Una\n    Otra", &["Idea", "Otra"]),
    ("timeline\ntitle Historia\n2025 : Prototipo\n2026 : Rust", &["Historia", "Rust"]),
    ("journey\ntitle Día\nsection Mañana\nCafé: 5: Yo", &["Café"]),
    ("gitGraph\ncommit\nbranch rama\ncommit\ncheckout main\nmerge rama", &["rama"]),
    ("quadrantChart\ntitle Ideas\nx-axis Poco --> Mucho\nUna: [0.3, 0.6]", &["Ideas", "Una"]),
    ("xychart-beta\ntitle Ventas\nx-axis [ene, feb]\ny-axis 0 --> 10\nbar [3, 7]", &["Ventas", "ene"]),
];

#[test]
fn every_kind_is_drawn_with_its_words_a_name_and_its_source() {
    for (diagram, words) in KINDS {
        let html = plain(&fence(diagram));
        let (svg, source) = html.split_once("</svg>").unwrap_or_else(|| panic!("not drawn: {diagram}"));
        assert_safe(diagram, &html);
        for word in *words {
            assert!(svg.contains(word), "{word} is not in {svg}");
        }
        assert!(svg.contains("<svg role=\"img\" aria-label=\"Diagrama: ") && svg.contains("tabindex=\"0\""), "{svg}");
        assert!(
            svg.contains("data-copy hidden") && source.contains("<summary>Código del diagrama</summary>"),
            "{html}"
        );
        let first = diagram.lines().next().unwrap().split([' ', ';']).next().unwrap();
        assert!(source.contains(first), "{source}");
        // All colours are the style sheet's, so that both themes can be read.
        for (element, attributes) in tags(svg) {
            for (key, value) in
                attributes.iter().filter(|(key, _)| ["fill", "stroke", "stop-color"].contains(&key.as_str()))
            {
                let ours = value == "none" || value.starts_with("var(--d-") || value.starts_with("url(#dg-m1-");
                assert!(ours, "{key}={value} of {element}");
            }
        }
    }
}

#[test]
fn what_cannot_be_drawn_is_shown_as_code() {
    let long = format!("graph TD\n{}", "a-->b\n".repeat(401));
    let wide = format!("graph TD\na[{}]", "x".repeat(13_000));
    let many = format!("graph TD\na{0} --> a{0}", " & a".repeat(30));
    for diagram in [
        "",
        "graph",
        "nonsense",
        "graph TD\nA[",
        "packet-beta\n0-4294967295: \"x\"",
        "sankey-beta\na,b,1\nb,a,1",
        "block-beta\ncolumns 9",
        "%%{init: {}}%%\npacket-beta\n0-4294967295: \"x\"",
        "---\ntitle: x\n---\nradar-beta\nticks 999999999",
        "pie\n\"a\": -1",
        "gantt\nexcludes monday,tuesday,wednesday,thursday,friday,saturday,sunday\nt: a0, 2020-01-01, 9d",
        "gantt\ndateFormat YYYY-MM-DD\nt: a0, 0001-01-01, 9d",
        "gantt\nt: a0, 2020-01-01, 99999999999999d",
        "gantt\nt: 2020-01-01, 1e12d",
        "gantt\nexcludes weekends\nt: 2020-01-01, 1e9d",
        "gantt\nt: 2020-01-01, infd",
        "gantt\nt: 2020-01-01, 999y",
        "gantt\nexcludes weekends\na: a0, 2020-01-01, 999w\nb: after a0, 999w",
        "gantt\ntickInterval 1millisecond\nt: a0, 2020-01-01, 9d",
        "stateDiagram-v2\nstate a {\nstate b {\nstate a {\nx --> y\n}\n}\n}",
        "stateDiagram-v2\nstate a {\na\n--\nb\n}",
        "graph TD\nsubgraph a\nsubgraph b\nsubgraph a\nx-->y\nend\nend\nend",
        &many,
        &long,
        &wide,
    ] {
        let html = plain(&fence(diagram));
        assert_safe(diagram, &html);
        assert!(
            !html.contains("<svg") && html.contains("<div class=\"code\" data-lang=\"mermaid\">"),
            "{diagram}: {html}"
        );
    }
    assert!(!plain("```text\ngraph TD\na-->b\n```").contains("<svg"));
    assert!(!plain("    graph TD\n    a-->b").contains("<svg"));
}

#[test]
fn the_inside_of_a_state_is_a_picture_of_its_own() {
    let html = plain(&fence("stateDiagram-v2\n[*] --> In\nstate In {\n[*] --> a\n--\nb --> c\n}\nIn --> Out"));
    let (whole, inside) = html.split_once("<p class=\"diagram-part\">In</p>").unwrap_or_else(|| panic!("{html}"));
    assert!(whole.contains(">Out<") && !whole.contains(">b<"), "{whole}");
    assert!(inside.contains(">b<") && !inside.contains(">Out<"), "{inside}");
    // What leads from an inside to elsewhere cannot be drawn apart.
    assert!(!plain(&fence("stateDiagram-v2\nstate In {\na --> b\n}\nb --> Out")).contains("<svg"));
}

#[test]
fn a_frame_holds_its_own_boxes_or_is_a_colour() {
    let framed =
        "flowchart TB\nsubgraph S [Servidor]\nA[API] --> B\nsubgraph D [Dentro]\nC\nend\nend\nB --> C\nC --> X[Fuera]";
    let html = plain(&fence(framed));
    assert!(html.contains(">Servidor<") && html.contains(">Fuera<"), "{html}");
    assert!(!html.contains("diagram-keys"));
    // Here the library puts a stranger between those that belong together: they are told by colour and by name.
    let mixed = "flowchart TB\nsubgraph K [Cliente]\nW\nM\nend\nsubgraph S [Servidor]\nA[La <API>] --> B[Servicio]\nB --> C\nC --> T\nend\nsubgraph D\nP\nV\nend\nW --> A\nM --> A\nB --> P\nT --> V\nT --> P\nB --> X[Proveedor externo]\nX --> T";
    let html = plain(&fence(mixed));
    assert_safe(mixed, &html);
    assert!(!html.contains(">Servidor</text>") && html.contains("Proveedor"), "{html}");
    assert!(html.contains("</svg> <strong>Servidor</strong>: La &lt;API&gt;, Servicio, C, T</li>"), "{html}");
}

#[test]
fn an_open_fence_is_code_and_becomes_a_picture_when_it_closes() {
    let source = "Look:\n\n```mermaid\ngraph LR\nA-->B\n```\n\nDone.";
    let mut renderer = BlockRenderer::new(PLACE);
    let mut versions = Vec::new();
    for piece in source.split_inclusive(['\n', ' ']) {
        renderer.push(piece);
        versions.extend(renderer.changes().into_iter().filter(|(index, _)| *index == 1).map(|(_, html)| html));
    }
    let drawn: Vec<bool> = versions.iter().map(|html| html.contains("<svg")).collect();
    assert!(!drawn[0] && drawn.last() == Some(&true) && drawn.is_sorted(), "{drawn:?}");
    assert!(!plain("```mermaid\ngraph LR\nA-->B\n").contains("<svg"), "an answer that was stopped in it");
    for closed in [
        "> ```mermaid\n> graph LR\n> A-->B\n> ```",
        "- x\n\n  ~~~~mermaid\n  graph LR\n  A-->B\n  ~~~~",
        "```Mermaid\ngraph LR\nA-->B\n````  ",
    ] {
        assert!(plain(closed).contains("<svg"), "{closed}");
    }
}

#[test]
fn a_diagram_has_its_titles_words_as_its_name_or_else_all_its_words() {
    let html = plain(&fence("---\ntitle: \"Un <plan>\"\nconfig:\n  fontSize: 1e300\n---\ngraph LR\nA[Uno] --> B[Dos]"));
    assert!(html.contains("aria-label=\"Diagrama: Un &lt;plan&gt;\""), "{html}");
    assert!(plain(&fence("graph LR\nA[Uno] --> B[Dos]")).contains("aria-label=\"Diagrama: Uno, Dos\""));
    assert!(
        plain(&fence(&format!("graph LR\nA[{}]-->B[{}]", "x".repeat(280), "y".repeat(280)))).contains("…\" viewBox")
    );
}

#[test]
fn nothing_but_a_drawing_gets_out_of_a_diagram() {
    for hostile in [
        "</text><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "\" onload=\"alert(1)",
        "<foreignObject><b>x",
        "</svg><script>alert(1)</script>",
        "<style>*{display:none}</style>",
        "&lt;script&gt;",
        "#60;script#62;",
        "&#60;script&#62;",
        "url(https://evil.example/x)",
        "javascript:alert(1)",
        "<title><script>",
        "]]><script>",
        "<!--",
        "<a xlink:href='javascript:alert(1)'>x</a>",
        "`<b>`",
        "\\u003cscript>",
        "\u{0}<\u{0}script>",
    ] {
        for diagram in [
            format!("graph TD\nA[{hostile}] -->|{hostile}| B"),
            format!("graph TD\nA[\"{hostile}\"] --> B(\"`{hostile}`\")\nsubgraph {hostile}\nA\nend"),
            format!(
                "graph TD\nA-->B\nstyle A fill:{hostile},stroke:{hostile},color:{hostile}\nlinkStyle 0 stroke:{hostile}\nclassDef c fill:{hostile},{hostile}:x\nclass B c"
            ),
            format!(
                "graph TD\nA-->B\nclick A \"{hostile}\" \"{hostile}\" _blank\nclick B call {hostile}()\nclick B href \"javascript:alert(1)\""
            ),
            format!(
                "sequenceDiagram\nparticipant A as {hostile}\nA->>B: {hostile}\nNote over A: {hostile}\nlink A: x @ {hostile}\nrect {hostile}\nA->>B: x\nend\nbox {hostile} x\nend"
            ),
            format!(
                "stateDiagram-v2\nA --> B : {hostile}\nstate \"{hostile}\" as C\nnote right of A : {hostile}\nclassDef c fill:{hostile}\nclass A c"
            ),
            format!(
                "classDiagram\nclass A[\"{hostile}\"] {{\n+{hostile} x\n}}\nA --> B : {hostile}\nclick A href \"{hostile}\"\nnote for A \"{hostile}\""
            ),
            format!("erDiagram\nA ||--o{{ B : \"{hostile}\"\nA {{\nstring x PK \"{hostile}\"\n}}"),
            format!("pie title {hostile}\n\"{hostile}\" : 3"),
            format!(
                "gantt\ntitle {hostile}\nsection {hostile}\n{hostile} : a1, 2026-01-01, 3d\nclick a1 href \"{hostile}\""
            ),
            format!("mindmap\n  root(({hostile}))\n    {hostile}\n    ::icon({hostile})"),
            format!("timeline\ntitle {hostile}\n{hostile} : {hostile}"),
            format!("journey\nsection {hostile}\n{hostile}: 5: {hostile}"),
            format!("gitGraph\ncommit id: \"{hostile}\" tag: \"{hostile}\"\nbranch {hostile}"),
            format!("quadrantChart\ntitle {hostile}\n{hostile}: [0.3, 0.6] color: {hostile}"),
            format!("xychart-beta\ntitle \"{hostile}\"\nx-axis [\"{hostile}\"]\nbar [1]"),
            format!("---\ntitle: {hostile}\nconfig:\n  theme: {hostile}\n---\ngraph TD\nA"),
            format!(
                "%%{{init: {{\"themeVariables\": {{\"primaryColor\": \"{hostile}\"}}, \"fontFamily\": \"{hostile}\"}}}}%%\ngraph TD\nA\naccTitle: {hostile}\naccDescr: {hostile}"
            ),
        ] {
            let source = fence(&diagram);
            assert_safe(&source, &plain(&source));
        }
    }
}

#[test]
fn a_diagram_without_end_is_cut_and_costs_little() {
    let chain: String = (0..390).map(|n| format!("a{n}-->a{}\n", n + 1)).collect();
    let star: String = (0..390).map(|n| format!("a0-->a{n}\n")).collect();
    let all = (0..20).map(|n| format!("n{n}")).collect::<Vec<_>>().join(" & ");
    let indents: String = (0..150).map(|n| format!("{}n\n", " ".repeat(n))).collect();
    for diagram in [
        format!("graph TD\n{chain}"),
        format!("graph TD\n{star}"),
        format!("graph TD\n{star}{}", chain.lines().take(9).collect::<String>()),
        format!("graph TD\n{all} --> {all}"),
        format!("graph TD\na {}> b", "-".repeat(11_000)),
        format!("graph TD\n{}a\n", "subgraph s\n".repeat(390)),
        format!("graph TD\n{}a\n{}", "subgraph s\n".repeat(190), "end\n".repeat(190)),
        format!("graph TD\na{}x{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("graph TD\na[\"`{}`\"]", "**_".repeat(3_900)),
        format!("graph TD\na[\"{}\"]", "<b><i>".repeat(1_900)),
        format!("graph TD\na[\"{}\"]", "x<br>".repeat(2_300)),
        format!("graph TD; {}", "a-->b;".repeat(2_000)),
        format!("stateDiagram-v2\n{}", "state s {\n".repeat(390)),
        format!("stateDiagram-v2\n{}x-->y\n{}", "state s {\n".repeat(190), "}\n".repeat(190)),
        format!("sequenceDiagram\n{}A->>B: x\n{}", "loop x\n".repeat(190), "end\n".repeat(190)),
        format!("sequenceDiagram\n{}", "alt x\n".repeat(390)),
        format!("sequenceDiagram\n{}", (0..390).map(|n| format!("A{n}->>B{n}: x\n")).collect::<String>()),
        format!("classDiagram\n{}class A\n", "namespace n {\n".repeat(390)),
        format!("erDiagram\n{}", (0..390).map(|n| format!("A{n} ||--o{{ A{} : x\n", n + 1)).collect::<String>()),
        format!("mindmap\n{indents}"),
        format!("gitGraph\n{}", (0..190).map(|n| format!("branch b{n}\ncommit\n")).collect::<String>()),
        format!("timeline\n{}", "2020 : a : b\n".repeat(390)),
        format!("pie\n{}", "\"a\" : 1e308\n".repeat(390)),
        "gantt\ndateFormat YYYY-MM-DD\nexcludes weekends\na: 1900-01-01, 999y\nb: 2099-01-01, 999w".to_owned(),
        "xychart-beta\nx-axis 0 --> 1e300\ny-axis 0 --> 1e-300\nline [1e308,-1e308,nan]".to_owned(),
        "quadrantChart\na: [1e300, nan]".to_owned(),
    ] {
        let begun = std::time::Instant::now();
        let html = plain(&fence(&diagram));
        let taken = begun.elapsed();
        println!("{taken:?}, {} bytes from {:?}", html.len(), &diagram[..20.min(diagram.len())]);
        assert_safe("a diagram", &html);
        assert!(html.len() < 1_200_000, "{} bytes", html.len());
        assert!(taken.as_secs() < 20, "{taken:?} for {:?}", &diagram[..20.min(diagram.len())]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_diagram_says_it_stays_a_drawing(
        kind in prop::sample::select(vec!["graph TD\n", "sequenceDiagram\n", "stateDiagram-v2\n", "classDiagram\n", "erDiagram\n", "pie\n", "gantt\n", "mindmap\n", "timeline\n", "gitGraph\n"]),
        pieces in prop::collection::vec(prop::sample::select(vec![
            "A", "B", "-->", "---", "-.->", "==>", "|", "[", "]", "(", ")", "{", "}", "\"", "'", "`", "\n", "  ", ": ", "; ", "<script>", "</svg>", "</text>", "<br>", "<b>",
            "&lt;", "&", "#35;", "style A fill:", "classDef c ", "class A c", "click A ", "javascript:alert(1)", "url(x)", "onload=", "subgraph ", "end", "loop x", "state ", "note ", "->>", "Note over A: ",
            "section ", "title ", "2026-01-01, 3d", "participant ", "||--o{", "<|--", "%%", "%%{init: ", "---\n", "ñ", "日本", "\u{0}", "1e308", "-1", "::icon(", "@{ shape: ", "~", "commit", "branch b", "accTitle: ",
        ]), 0..30),
    ) {
        let source = fence(&format!("{kind}{}", pieces.concat().replace("```", "")));
        let html = plain(&source);
        assert_safe(&source, &html);
    }
}

/// `style/diagram.css` has every colour that a picture names, and words can be read on each.
mod colours {
    use super::super::style_sheet::{light_and_dark, light_hex};
    use crate::diagram::{COLOURS, TONES};

    const SHEET: &str = include_str!("../../../../style/diagram.css");

    fn of(name: &str) -> [f64; 2] {
        let (_, value) = SHEET.split_once(&format!("--d-{name}:")).unwrap_or_else(|| panic!("{name}"));
        light_and_dark(value)
    }

    #[test]
    fn words_can_be_read_on_every_ground() {
        let tokens = include_str!("../../../../style/tokens.css");
        let inks = light_and_dark(tokens.split_once("--ink:").unwrap().1);
        let grounds = TONES.iter().map(|(name, ..)| *name).chain(["node", "note"]);
        for ground in grounds {
            for (ink, paper) in inks.into_iter().zip(of(ground)) {
                let contrast = (ink.max(paper) + 0.05) / (ink.min(paper) + 0.05);
                assert!(contrast >= 7.0, "{ground}: {contrast:.2}");
            }
        }
        for (name, ..) in TONES {
            let _ = of(&format!("{name}-line"));
        }
    }

    #[test]
    fn a_file_has_the_light_colours_of_the_style_sheet() {
        let tokens = include_str!("../../../../style/tokens.css");
        let names = SHEET.lines().filter_map(|line| line.trim().strip_prefix("--d-")?.split_once(':'));
        let mut count = 0;
        for (name, value) in names {
            let expected = match value.trim().strip_prefix("var(--").and_then(|token| token.split_once(')')) {
                Some((token, _)) => light_hex(tokens.split_once(&format!("--{token}:")).unwrap().1),
                None => light_hex(value),
            };
            let (_, ours) = COLOURS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(*ours, expected, "{name}");
            count += 1;
        }
        assert_eq!(count, COLOURS.len());
    }
}

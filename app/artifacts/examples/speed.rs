//! How long each kind takes on the server: `cargo run --release -p cjhirashi-artifacts --example speed`.

#![expect(clippy::print_stdout, reason = "a program")]

use std::time::{Duration, Instant};

use cjhirashi_artifacts::{Content, KINDS, Kind, Place};
use cjhirashi_domain::settings::Language;
use serde_json::{Value, json};

/// A content of a kind of about so many bytes.
fn sample(kind: &str, bytes: usize) -> Option<String> {
    let piece = |at: usize| match kind {
        "code" => format!("fn number_{at}(x: u64) -> u64 {{\n    // {at}\n    x.wrapping_mul({at}) + 1\n}}\n"),
        "json" => format!("  {{\"id\": {at}, \"name\": \"n{at}\", \"tags\": [\"a\", \"b\"], \"price\": {at}.5}},\n"),
        "html" => format!("<p id=\"p{at}\">Párrafo {at} con <b>énfasis</b>.</p>\n"),
        "markdown" => format!(
            "## Parte {at}\n\nUn párrafo con *énfasis*, `código` y una [dirección](https://example.org/{at}).\n\n"
        ),
        "latex" => format!("Sea $x_{{{at}}} = \\frac{{1}}{{{at}}}$.\n\n\\[ \\sum_{{i=0}}^{{{at}}} i^2 \\]\n\n"),
        "table" => format!("{at},nombre {at},2026-01-{:02},{at}.25\n", at % 28 + 1),
        "diagram" => format!("  a{at} --> b{}\n", at + 1),
        _ => String::new(),
    };
    let (head, tail) = match kind {
        "json" => ("[\n", "  null\n]\n"),
        "table" => ("id,nombre,fecha,precio\n", ""),
        "diagram" => ("flowchart TD\n", ""),
        "image" => return None,
        _ => ("", ""),
    };
    let mut text = head.to_owned();
    for at in 1.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&piece(at));
    }
    Some(text + tail)
}

fn took(work: impl Fn()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        work();
        best = best.min(begun.elapsed());
    }
    best
}

fn main() {
    println!("| artifact | 10 kB | 100 kB | 1 MB |");
    println!("|---|---|---|---|");
    for kind in KINDS {
        let Some(_) = sample(kind.name(), 1) else { continue };
        let times = [10_000, 100_000, 1_000_000].map(|bytes| {
            let text = sample(kind.name(), bytes).unwrap_or_default();
            let time = took(|| drop(shown(*kind, &text)));
            format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
        });
        println!("| {} rendered | {} |", kind.name(), times.join(" | "));
    }
}

fn shown(kind: &dyn Kind, text: &str) -> String {
    let content = Content { text, language: Some("rust"), metadata: &Value::Null, file: None, title: "x" };
    let metadata = kind.metadata(&content, Language::Es).unwrap_or(json!({}));
    let content = Content { metadata: &metadata, ..content };
    let place = Place { id: "a", language: Language::Es, base: "/artifacts/a", version: 1 };
    let problems = kind.problems(&content, Language::Es);
    kind.view(&content, place) + &problems.len().to_string()
}

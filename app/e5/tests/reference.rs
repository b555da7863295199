//! Agreement with the engine the model file comes with, and behaviour on odd texts, with the real file.

#![expect(clippy::expect_used, clippy::print_stderr, reason = "helpers of tests fail and tell like tests")]

use std::path::PathBuf;

use cjhirashi_e5::{E5, Kind, MAX_TOKENS, Scratch, Tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    query: Vec<Pair>,
    passage: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    text: String,
    embedding: Vec<f32>,
}

/// The file where `make models` puts it. Without it the tests that need it say so and pass, except on CI.
fn model_path() -> Option<PathBuf> {
    let folder = std::env::var_os("MODEL_DIR").map(PathBuf::from).or_else(|| {
        std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .map(|cache| cache.join("cjhirashi/models"))
    })?;
    let path = folder.join("e5-small-q4.bin");
    if path.is_file() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing: run `make models`", path.display());
    eprintln!("skipped: {} is missing, run `make models`", path.display());
    None
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn vectors_agree_with_the_original_engine() {
    let Some(path) = model_path() else { return };
    let reference: Reference = serde_json::from_str(include_str!("reference.json")).expect("reference.json");
    for model in [E5::open(&path), E5::open_in_floats(&path)] {
        agrees_with(&model.expect("the model"), &reference);
    }
}

fn agrees_with(model: &E5, reference: &Reference) {
    assert_eq!(model.dimension(), 384);
    let mut scratch = Scratch::default();
    for (kind, pairs) in [(Kind::Query, &reference.query), (Kind::Passage, &reference.passage)] {
        for pair in pairs {
            let vector = model.embed(&pair.text, kind, &mut scratch).expect("a vector");
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            assert!((length - 1.0).abs() < 1e-5, "length {length}");
            let cosine = cosine(&vector, &pair.embedding);
            eprintln!("{cosine:.6} for {:.40}", pair.text);
            assert!(cosine >= 0.9995, "{cosine} for {:.60}", pair.text);
        }
    }
}

#[test]
fn a_question_is_nearer_to_its_answer_than_to_another_text_across_languages() {
    let Some(path) = model_path() else { return };
    let model = E5::open(&path).expect("the model");
    let mut scratch = Scratch::default();
    let mut embed = |text, kind| model.embed(text, kind, &mut scratch).expect("a vector");
    let question = embed("¿Cuántos días de vacaciones tengo?", Kind::Query);
    let answer = embed("Every employee is entitled to 23 days of paid annual leave.", Kind::Passage);
    let other = embed("The printer on the second floor needs a new toner cartridge.", Kind::Passage);
    assert!(cosine(&question, &answer) > cosine(&question, &other));
}

#[test]
fn odd_texts_give_a_vector_and_the_same_one_each_time() {
    let Some(path) = model_path() else { return };
    let model = E5::open(&path).expect("the model");
    let mut scratch = Scratch::default();
    for text in ["", " ", "\0", "a\0b", "\u{200b}\u{feff}", "👩‍👩‍👧‍👦🏳️‍🌈", "ﬁ ½ Ⅷ ㌔"]
    {
        let vector = model.embed(text, Kind::Passage, &mut scratch).expect("a vector");
        assert!(vector.iter().all(|value| value.is_finite()));
        let again = model.embed(text, Kind::Passage, &mut Scratch::default()).expect("a vector");
        assert_eq!(vector, again, "{text:?}");
    }
}

#[test]
fn a_text_without_end_costs_no_more_than_the_cap() {
    let Some(path) = model_path() else { return };
    let model = E5::open(&path).expect("the model");
    let mut scratch = Scratch::default();
    let mut embed = |text: &str| model.embed(text, Kind::Passage, &mut scratch).expect("a vector");
    // What stands behind the cap does not count.
    assert_eq!(embed(&"palabra ".repeat(MAX_TOKENS + 9)), embed(&"palabra ".repeat(1_000_000)));
    // U+FDFA becomes eighteen characters; ten of them crash the original engine.
    assert!(embed(&"\u{fdfa}".repeat(100_000)).iter().all(|value| value.is_finite()));
}

#[test]
fn the_tokenizer_alone_counts_like_the_model() {
    let Some(path) = model_path() else { return };
    let tokenizer = Tokenizer::open(&path).expect("the tokenizer");
    // Known from the model's published tokenizer: ▁Hello , ▁world !
    assert_eq!(tokenizer.tokenize("Hello, world!"), [35378, 4, 8999, 38]);
    assert_eq!(tokenizer.count_tokens("x ".repeat(700).trim()), 700);
    let text = "La copia de seguridad se configura en Ajustes › Copias. ".repeat(1000);
    let started = std::time::Instant::now();
    let tokens = tokenizer.count_tokens(&text);
    eprintln!("{} characters, {tokens} tokens, {:?}", text.chars().count(), started.elapsed());
    assert!(tokens > 10_000);
}

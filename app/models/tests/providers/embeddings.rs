//! Embeddings in each provider's wire format, over real HTTP, and the local model when its file is there.

use std::{path::PathBuf, sync::Arc};

use crate::support::{Answer, Provider};
use cjhirashi_domain::ErrorCode;
use cjhirashi_models::{Embedder, InputKind, ModelError, ModelRegistry, ModelsConfig, Secret};
use serde_json::{Value, json};

fn embedder(embeddings: &str, server: &Provider) -> Arc<dyn Embedder> {
    let key = Some(Secret::from("the-key"));
    let config = ModelsConfig {
        embeddings: embeddings.parse().expect("a choice"),
        cohere_api_key: key.clone(),
        gemini_api_key: key.clone(),
        openai_api_key: key,
        cohere_base_url: Some(server.url.clone()),
        gemini_base_url: Some(format!("{}/v1beta", server.url)),
        openai_base_url: Some(format!("{}/v1", server.url)),
        ..ModelsConfig::default()
    };
    ModelRegistry::new(config).expect("a configuration").embedder()
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("text {n}")).collect()
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

#[tokio::test]
async fn cohere_gets_96_texts_at_most_with_their_purpose_and_its_tokens_are_counted() {
    let server = Provider::start_with(|asked| {
        let count = asked.body["texts"].as_array().map_or(0, Vec::len);
        Answer::json(
            200,
            &json!({"id": "x", "embeddings": {"float": vec![vec![0.6, 0.8]; count]},
                "meta": {"billed_units": {"input_tokens": count}}}),
        )
    })
    .await;
    let cohere = embedder("cohere:embed-v4.0@2", &server);
    assert_eq!((cohere.id(), cohere.dimension()), ("cohere:embed-v4.0@2", 2));
    let embedded = cohere.embed(&texts(200), InputKind::Passage).await.expect("vectors");
    assert_eq!((embedded.vectors.len(), embedded.tokens), (200, Some(200)));
    let mut sizes: Vec<usize> =
        server.asked().iter().map(|asked| asked.body["texts"].as_array().map_or(0, Vec::len)).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [8, 96, 96]);

    cohere.embed(&["¿?".to_owned()], InputKind::Query).await.expect("a vector");
    let asked = server.asked().pop().expect("a request");
    assert_eq!(asked.path, "/v2/embed");
    assert_eq!(asked.header("authorization"), Some("Bearer the-key"));
    assert_eq!(
        asked.body,
        json!({"model": "embed-v4.0", "input_type": "search_query", "texts": ["¿?"], "embedding_types": ["float"],
            "truncate": "END", "output_dimension": 2})
    );
    let v3 = embedder("cohere:embed-multilingual-v3.0", &server);
    assert_eq!(v3.dimension(), 1024);
    let error = v3.embed(&texts(1), InputKind::Passage).await.expect_err("two numbers are not 1024");
    assert!(error.to_string().contains("write cohere:embed-multilingual-v3.0@2"), "{error}");
    assert_eq!(server.asked().pop().expect("a request").body.get("output_dimension"), None);
}

#[tokio::test]
async fn gemini_gets_one_request_per_text_and_its_short_vectors_are_normalised() {
    let server = Provider::start_with(|asked| {
        let count = asked.body["requests"].as_array().map_or(0, Vec::len);
        Answer::json(200, &json!({"embeddings": vec![json!({"values": [0.222, 0.296, 0.0]}); count]}))
    })
    .await;
    let gemini = embedder("gemini:gemini-embedding-001@3", &server);
    let embedded = gemini.embed(&["uno".to_owned(), String::new()], InputKind::Passage).await.expect("vectors");
    assert_eq!((embedded.vectors.len(), embedded.tokens), (2, None));
    assert!((length(&embedded.vectors[0]) - 1.0).abs() < 1e-6);
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/v1beta/models/gemini-embedding-001:batchEmbedContents");
    assert_eq!(asked.header("x-goog-api-key"), Some("the-key"));
    let request = |text: &str| {
        json!({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]},
            "taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 3})
    };
    assert_eq!(asked.body, json!({"requests": [request("uno"), request(" ")]}));

    gemini.embed(&texts(101), InputKind::Query).await.expect("vectors");
    assert_eq!(server.asked().len(), 3, "100 texts a request");
    assert_eq!(server.asked()[1].body["requests"][0]["taskType"], "RETRIEVAL_QUERY");

    let next = embedder("gemini:gemini-embedding-2@3", &server);
    next.embed(&["uno".to_owned()], InputKind::Query).await.expect("a vector");
    let asked = server.asked().pop().expect("a request");
    assert_eq!(asked.body["requests"][0]["content"]["parts"][0]["text"], "task: search result | query: uno");
    assert_eq!(asked.body["requests"][0].get("taskType"), None);
}

#[tokio::test]
async fn openai_answers_in_any_order_in_base64_or_digits() {
    let server = Provider::start_with(|asked| {
        let base64 = asked.body["model"] == "text-embedding-3-small";
        let vector = |first: f32| -> Value {
            // 1.0 is 0000803f, 0.0 is 00000000.
            if base64 {
                json!(if first > 0.5 { "AACAPwAAAAA=" } else { "AAAAAAAAgD8=" })
            } else {
                json!([first, 1.0 - first])
            }
        };
        Answer::json(
            200,
            &json!({"data": [{"index": 1, "embedding": vector(0.0)}, {"index": 0, "embedding": vector(1.0)}],
                "usage": {"prompt_tokens": 7, "total_tokens": 7}}),
        )
    })
    .await;
    for (choice, dimensions) in [("openai:text-embedding-3-small@2", Some(2)), ("openai:own-model@2", None)] {
        let openai = embedder(choice, &server);
        let embedded = openai.embed(&["a".to_owned(), "b".to_owned()], InputKind::Passage).await.expect("vectors");
        assert_eq!(embedded.vectors, [[1.0, 0.0], [0.0, 1.0]], "{choice}");
        assert_eq!(embedded.tokens, Some(7));
        let asked = server.asked().pop().expect("a request");
        assert_eq!(asked.path, "/v1/embeddings");
        assert_eq!(asked.header("authorization"), Some("Bearer the-key"));
        assert_eq!(asked.body.get("dimensions").and_then(Value::as_u64), dimensions);
        assert_eq!(asked.body["input"], json!(["a", "b"]));
    }
}

#[tokio::test]
async fn openai_requests_stay_below_the_limits_of_texts_and_tokens() {
    let server = Provider::start_with(|asked| {
        let input = asked.body["input"].as_array().cloned().unwrap_or_default();
        let bytes: usize = input.iter().map(|text| text.as_str().map_or(0, str::len)).sum();
        assert!(input.len() <= 2048 && bytes <= 300_000);
        assert!(input.iter().all(|text| !text.as_str().unwrap_or("").is_empty()));
        let data: Vec<Value> = (0..input.len()).map(|index| json!({"index": index, "embedding": [1.0, 0.0]})).collect();
        Answer::json(200, &json!({"data": data}))
    })
    .await;
    let openai = embedder("openai:m@2", &server);
    let texts: Vec<String> = (0..600).map(|n| "x".repeat(n * 20)).collect();
    let embedded = openai.embed(&texts, InputKind::Passage).await.expect("vectors");
    assert_eq!((embedded.vectors.len(), embedded.tokens), (600, None));
    assert!(server.asked().len() > 10);
}

#[tokio::test]
async fn a_model_on_a_server_of_ones_own_is_told_what_a_text_is_for() {
    let vector = json!({"data": [{"index": 0, "embedding": [1.0, 0.0]}]});
    let server = Provider::start(vec![Answer::json(200, &vector)]).await;
    let e5 = embedder("openai:intfloat/multilingual-e5-small@2", &server);
    e5.embed(&["¿?".to_owned()], InputKind::Query).await.expect("a vector");
    e5.embed(&["uno".to_owned()], InputKind::Passage).await.expect("a vector");
    let plain = embedder("openai:text-embedding-3-small@2", &server);
    plain.embed(&["uno".to_owned()], InputKind::Passage).await.expect("a vector");
    let inputs: Vec<_> = server.asked().into_iter().map(|asked| asked.body["input"][0].clone()).collect();
    assert_eq!(inputs, ["query: ¿?", "passage: uno", "uno"]);
    // The name that another provider gives it changes nothing.
    assert_eq!(embedder("openai:openai/text-embedding-3-small@2", &server).calibrate(0.34), plain.calibrate(0.34));
}

#[tokio::test]
async fn rate_limits_and_failures_are_tried_again_and_refusals_are_not() {
    let good = Answer::json(200, &json!({"data": [{"embedding": [1.0, 0.0]}]}));
    let server = Provider::start(vec![
        Answer::json(429, &json!({"error": {"message": "slow down"}})).with_header("retry-after", "1"),
        Answer::json(500, &json!({})),
        Answer::json(200, &json!({"data": [{"embedding": [1.0, 0.0]}]})).broken(),
        good,
    ])
    .await;
    let openai = embedder("openai:m@2", &server);
    openai.embed(&texts(1), InputKind::Passage).await.expect("a vector in the end");
    assert_eq!(server.asked().len(), 4);

    for (status, code) in
        [(401, ErrorCode::ProviderUnauthorized), (404, ErrorCode::ModelNotFound), (400, ErrorCode::ProviderRefused)]
    {
        let server = Provider::start(vec![Answer::json(status, &json!({"message": "no"}))]).await;
        let error =
            embedder("cohere:embed-v4.0@2", &server).embed(&texts(1), InputKind::Passage).await.expect_err("no");
        assert_eq!((error.code(), server.asked().len()), (code, 1));
    }
    let server =
        Provider::start(vec![Answer::json(429, &json!({"message": "trial key"})).with_header("retry-after", "3600")])
            .await;
    let error = embedder("cohere:embed-v4.0@2", &server).embed(&texts(1), InputKind::Passage).await.expect_err("no");
    assert_eq!(error.retry_after().map(|wait| wait.as_secs()), Some(3600), "the job queue waits, not the call");
}

#[tokio::test]
async fn answers_that_are_no_vectors_are_errors() {
    for body in [
        json!({"data": []}),
        json!({"data": [{"embedding": [0.0, 0.0]}]}),
        json!({"data": [{"embedding": "%%%"}]}),
        json!({"nothing": 1}),
    ] {
        let server = Provider::start(vec![Answer::json(200, &body)]).await;
        let error = embedder("openai:m@2", &server).embed(&texts(1), InputKind::Query).await.expect_err("no vector");
        assert!(matches!(error, ModelError::UnexpectedAnswer { .. }), "{error}");
    }
}

#[test]
fn the_choice_of_embeddings_is_read_or_refused_with_examples() {
    let read = |text: &str| text.parse::<cjhirashi_models::EmbeddingChoice>();
    for good in ["", "local", "cohere:embed-v4.0@1536", "openai:text-embedding-3-large", "openai:org/model:x@768"] {
        assert!(read(good).is_ok(), "{good}");
    }
    for wrong in ["embed-v4.0", "cohere:", "openai:unknown", "openai:m@", "openai:m@0", "openai:m@x", "other:m@3"] {
        let error = read(wrong).expect_err(wrong);
        assert!(error.to_string().contains("cohere:embed-v4.0@1536"), "{error}");
    }
    let without_key =
        ModelsConfig { embeddings: read("cohere:embed-v4.0").expect("a choice"), ..ModelsConfig::default() };
    assert!(matches!(
        ModelRegistry::new(without_key).map(|_| ()),
        Err(ModelError::NotConfigured { variable: "COHERE_API_KEY", .. })
    ));
}

/// The folder with the local model, where `make models` puts it; without it, a test says so and passes, except on CI.
fn model_dir() -> Option<PathBuf> {
    let folder = std::env::var_os("MODEL_DIR").map(PathBuf::from).or_else(|| {
        std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .map(|cache| cache.join("cjhirashi/models"))
    })?;
    if cjhirashi_models::local::is_present(&folder) {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "the model is missing in {}: run `make models`", folder.display());
    eprintln!("skipped: the model is missing in {}, run `make models`", folder.display());
    None
}

#[tokio::test]
async fn the_local_model_answers_questions_while_it_reads_passages_and_stops_when_nobody_waits() {
    let Some(model_dir) = model_dir() else { return };
    let config = ModelsConfig { model_dir, ..ModelsConfig::default() };
    let local = ModelRegistry::new(config).expect("a configuration").embedder();
    assert_eq!((local.id(), local.dimension()), ("local:multilingual-e5-small@384", 384));

    // A passage of the most tokens is one window together with its prefix.
    let measure = tokio::task::spawn_blocking({
        let local = Arc::clone(&local);
        move || local.measure()
    });
    let measure = measure.await.expect("a measure");
    assert!((500..=508).contains(&measure.max_tokens), "{}", measure.max_tokens);
    assert_eq!((measure.count)("passage: sí") - (measure.count)("sí"), 510 - measure.max_tokens);

    let question = ["¿Cómo restauro una copia de seguridad?".to_owned()];
    let first = local.embed(&question, InputKind::Query).await.expect("a vector");
    let passage = "The backup is written every night and kept for thirty days. ".repeat(30);
    let passages = vec![passage; 64];
    let (reader, text) = (Arc::clone(&local), passages.clone());
    let reading = tokio::spawn(async move { reader.embed(&text, InputKind::Passage).await });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let during = local.embed(&question, InputKind::Query).await.expect("a vector");
    assert!(!reading.is_finished(), "the question did not wait for the passages");
    assert_eq!(first.vectors, during.vectors);
    let sentences = ["Una copia se restaura en Ajustes.", "El tren sale a las nueve.", "Nada."].map(str::to_owned);
    let during = local.embed(&sentences, InputKind::Sentence).await.expect("vectors");
    assert!(!reading.is_finished(), "nor did the sentences of an answer");
    reading.abort();
    // The work stops after the texts in hand, so the next batch gets its turn soon.
    let started = std::time::Instant::now();
    let texts = ["Para restaurar una copia, abre Ajustes y pulsa «Restaurar».", "El tren a Sevilla sale a las nueve."];
    let next = local.embed(&texts.map(str::to_owned), InputKind::Passage).await.expect("vectors");
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    let alone = local.embed(&sentences, InputKind::Passage).await.expect("vectors");
    assert_eq!(during.vectors, alone.vectors);
    let score =
        |passage: &[f32]| local.calibrate(first.vectors[0].iter().zip(passage).map(|(a, b)| a * b).sum::<f32>());
    assert!(score(&next.vectors[0]) > 0.5, "{}", score(&next.vectors[0]));
    assert!(score(&next.vectors[1]) < 0.5, "{}", score(&next.vectors[1]));
}

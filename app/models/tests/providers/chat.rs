//! Chat in each provider's wire format, over real HTTP: what is sent, what is read, and what goes wrong.

use std::time::{Duration, Instant};

use crate::support::{Answer, Provider};
use cjhirashi_domain::{ErrorCode, chat::MessageRole};
use cjhirashi_models::{
    ChatDelta, ChatRequest, ChatTurn, Connection, EXTRACTIVE, FinishReason, ModelError, ModelRegistry, ModelsConfig,
    RESPONSE_FORMAT, Secret,
};
use futures::StreamExt;
use serde_json::json;

fn registry(change: impl FnOnce(&mut ModelsConfig)) -> ModelRegistry {
    let mut config = ModelsConfig::default();
    change(&mut config);
    ModelRegistry::new(config).expect("a configuration")
}

fn openai(server: &Provider) -> ModelRegistry {
    registry(|config| {
        config.openai_base_url = Some(format!("{}/v1/", server.url));
        config.openai_api_key = Some(Secret::from("sk-test"));
    })
}

fn gemini(server: &Provider) -> ModelRegistry {
    registry(|config| {
        config.gemini_base_url = Some(format!("{}/v1beta", server.url));
        config.gemini_api_key = Some(Secret::from("AIza-test"));
    })
}

fn anthropic(server: &Provider) -> ModelRegistry {
    registry(|config| {
        config.anthropic_base_url = Some(format!("{}/v1", server.url));
        config.anthropic_api_key = Some(Secret::from("sk-ant-test"));
    })
}

fn question() -> ChatRequest {
    let turn = |role, content: &str| ChatTurn::of(role, content.to_owned());
    ChatRequest {
        system: Some("Be brief.".to_owned()),
        messages: vec![
            turn(MessageRole::User, "Hola"),
            turn(MessageRole::Assistant, "¿Sí?"),
            turn(MessageRole::User, "¿Qué hora es?"),
        ],
        temperature: Some(0.5),
        max_tokens: Some(100),
        stop: vec!["FIN".to_owned(), "\n".to_owned()],
        fields: serde_json::Map::from_iter([("seed".to_owned(), json!(7))]),
    }
}

/// Text, what ended it, and the tokens.
async fn ask(registry: &ModelRegistry, model: &str) -> Result<(String, Vec<ChatDelta>), (String, ModelError)> {
    let model = registry.chat(model).map_err(|error| (String::new(), error))?;
    let mut stream = model.stream(question()).await.map_err(|error| (String::new(), error))?;
    let (mut text, mut others) = (String::new(), Vec::new());
    while let Some(item) = stream.next().await {
        match item {
            Ok(ChatDelta::Text(delta)) => text.push_str(&delta),
            Ok(other) => others.push(other),
            Err(error) => return Err((text, error)),
        }
    }
    Ok((text, others))
}

const FINISH: ChatDelta = ChatDelta::Finish(FinishReason::Stop);

#[tokio::test]
async fn an_openai_compatible_stream_is_asked_for_and_read() {
    let server = Provider::start(vec![Answer::events(&[
        // llama.cpp begins with a null.
        r#"{"choices":[{"delta":{"role":"assistant","content":null},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
        r#"{"choices":[{"delta":{"content":"Las "}}]}"#,
        r#"{"choices":[{"delta":{"content":"tres."}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}"#,
        "[DONE]",
    ])])
    .await;
    let (text, others) = ask(&openai(&server), "openai:test-model").await.expect("an answer");
    assert_eq!(text, "Las tres.");
    assert_eq!(others, [ChatDelta::Reasoning("hm".to_owned()), ChatDelta::Usage { prompt: 12, completion: 3 }, FINISH]);
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.header("authorization"), Some("Bearer sk-test"));
    assert_eq!(
        asked.body,
        json!({
            "model": "test-model",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hola"},
                {"role": "assistant", "content": "¿Sí?"},
                {"role": "user", "content": "¿Qué hora es?"},
            ],
            "stream": true,
            "stream_options": {"include_usage": true},
            "temperature": 0.5,
            "max_tokens": 100,
            "stop": ["FIN", "\n"],
            "seed": 7,
        })
    );
}

#[tokio::test]
async fn a_stream_cut_inside_characters_and_lines_is_read_whole() {
    let bytes = "data: {\"choices\":[{\"delta\":{\"content\":\"ñandú 🦤\"}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\r\n\r\ndata: [DONE]\r\n\r\n";
    let pieces = bytes.as_bytes().chunks(3).map(<[u8]>::to_vec).collect();
    let server = Provider::start(vec![Answer::pieces(pieces)]).await;
    let (text, others) = ask(&openai(&server), "openai:m").await.expect("an answer");
    assert_eq!((text.as_str(), others), ("ñandú 🦤", vec![ChatDelta::Finish(FinishReason::Length)]));
}

#[tokio::test]
async fn a_stream_that_ends_before_the_answer_does_is_an_error_and_keeps_the_text_so_far() {
    let begun = r#"{"choices":[{"delta":{"content":"Las "}}]}"#;
    for answer in [Answer::events(&[begun]), Answer::events(&[begun]).broken()] {
        let server = Provider::start(vec![answer]).await;
        let (text, error) = ask(&openai(&server), "openai:m").await.expect_err("a cut stream");
        assert_eq!(text, "Las ");
        assert!(matches!(error, ModelError::Interrupted { .. }), "{error}");
        assert_eq!(error.code(), ErrorCode::ProviderBrokeOff);
    }
}

#[tokio::test]
async fn a_server_without_done_or_that_never_closes_is_whole_once_it_gave_its_reason() {
    let events =
        [r#"{"choices":[{"delta":{"content":"Sí"}}]}"#, r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#];
    let server = Provider::start(vec![Answer::events(&events)]).await;
    assert_eq!(ask(&openai(&server), "openai:m").await.expect("an answer"), ("Sí".to_owned(), vec![FINISH]));

    let server = Provider::start(vec![Answer::events(&events).silent()]).await;
    let started = Instant::now();
    assert_eq!(ask(&openai(&server), "openai:m").await.expect("an answer"), ("Sí".to_owned(), vec![FINISH]));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_server_that_does_not_stream_or_tells_an_error_with_status_200_is_understood() {
    let whole = json!({"choices": [{"message": {"role": "assistant", "content": "Todo"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2}});
    let server = Provider::start(vec![Answer::json(200, &whole)]).await;
    let (text, others) = ask(&openai(&server), "openai:m").await.expect("an answer");
    assert_eq!((text.as_str(), others), ("Todo", vec![ChatDelta::Usage { prompt: 1, completion: 2 }, FINISH]));

    let server = Provider::start(vec![Answer::json(200, &json!({"error": "no such model loaded"}))]).await;
    let (_, error) = ask(&openai(&server), "openai:m").await.expect_err("an error");
    assert_eq!(error.detail().as_deref(), Some("no such model loaded"));

    let server = Provider::start(vec![Answer::events(&[
        r#"{"choices":[{"delta":{"content":"a"}}]}"#,
        r#"{"error":{"message":"Upstream is overloaded","code":503}}"#,
    ])])
    .await;
    let (text, error) = ask(&openai(&server), "openai:m").await.expect_err("an error");
    assert_eq!(text, "a");
    assert!(matches!(error, ModelError::Unavailable { .. }), "{error}");

    let server = Provider::start(vec![Answer::events(&["<html>"])]).await;
    let (_, error) = ask(&openai(&server), "openai:m").await.expect_err("no JSON");
    assert!(matches!(error, ModelError::UnexpectedAnswer { .. }), "{error}");
}

#[tokio::test]
async fn fields_that_a_server_refuses_are_left_out_and_that_is_remembered() {
    let server = Provider::start_with(|asked| {
        let refuse = |message: &str| Answer::json(400, &json!({"error": {"message": message}}));
        if asked.body.get("max_tokens").is_some() {
            refuse("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        } else if asked.body.get("temperature").is_some() {
            refuse("Unsupported value: 'temperature' does not support 0.5 with this model.")
        } else if asked.body.get("stop").is_some() {
            refuse("Unsupported parameter: 'stop' is not supported with this model.")
        } else {
            Answer::events(&[r#"{"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}"#, "[DONE]"])
        }
    })
    .await;
    let registry = openai(&server);
    assert_eq!(ask(&registry, "openai:o9").await.expect("an answer").0, "ok");
    assert_eq!(server.asked().len(), 4);
    assert_eq!(server.asked()[3].body["max_completion_tokens"], 100);
    assert_eq!(ask(&registry, "openai:o9").await.expect("an answer").0, "ok");
    assert_eq!(server.asked().len(), 5, "the second question is asked once");
}

#[tokio::test]
async fn errors_of_each_kind_get_their_code_and_only_passing_ones_are_tried_again() {
    let cases = [
        (401, json!({"error": {"message": "Incorrect API key"}}), ErrorCode::ProviderUnauthorized, 1),
        (404, json!({"error": {"message": "The model does not exist"}}), ErrorCode::ModelNotFound, 1),
        (400, json!({"error": {"code": "context_length_exceeded"}}), ErrorCode::ContextTooLong, 1),
        (400, json!({"error": {"message": "bad"}}), ErrorCode::ProviderRefused, 1),
        (503, json!({"error": {"message": "overloaded"}}), ErrorCode::ProviderUnavailable, 3),
    ];
    for (status, body, code, calls) in cases {
        let server = Provider::start(vec![Answer::json(status, &body)]).await;
        let (_, error) = ask(&openai(&server), "openai:m").await.expect_err("an error");
        assert_eq!((error.code(), server.asked().len()), (code, calls), "{status}");
    }
    let registry = registry(|config| config.openai_base_url = Some("http://127.0.0.1:9/v1".to_owned()));
    let (_, error) = ask(&registry, "openai:m").await.expect_err("nobody listens");
    assert_eq!(error.code(), ErrorCode::ProviderUnavailable);
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_when_short_and_told_when_long() {
    let limit = |wait| Answer::json(429, &json!({"error": {"message": "slow down"}})).with_header("retry-after", wait);
    let server = Provider::start(vec![
        limit("1"),
        Answer::events(&[r#"{"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}"#, "[DONE]"]),
    ])
    .await;
    let started = Instant::now();
    assert_eq!(ask(&openai(&server), "openai:m").await.expect("an answer").0, "ok");
    assert!(started.elapsed() >= Duration::from_secs(1));

    let server = Provider::start(vec![limit("60")]).await;
    let (_, error) = ask(&openai(&server), "openai:m").await.expect_err("a long wait");
    assert_eq!((error.retry_after(), server.asked().len()), (Some(Duration::from_secs(60)), 1));
    assert_eq!(error.code(), ErrorCode::ProviderRateLimited);
}

#[tokio::test]
async fn dropping_the_stream_reaches_the_provider() {
    for hosted in [false, true] {
        let data = if hosted {
            r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#
        } else {
            r#"{"choices":[{"delta":{"content":"a"}}]}"#
        };
        let server = Provider::start(vec![Answer::events(&[data]).silent()]).await;
        let (registry, id) = if hosted { (gemini(&server), "gemini:m") } else { (openai(&server), "openai:m") };
        let mut stream = registry.chat(id).expect("a model").stream(question()).await.expect("a stream");
        assert_eq!(stream.next().await, Some(Ok(ChatDelta::Text("a".to_owned()))));
        drop(stream);
        assert!(server.client_gone().await, "hosted: {hosted}");
    }
}

#[tokio::test]
async fn gemini_is_asked_and_read_in_its_own_format() {
    let server = Provider::start(vec![Answer::events(&[
        r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}],"role":"model"}}],"usageMetadata":{"promptTokenCount":9},"modelVersion":"m"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"Las "}],"role":"model"}}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1}}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"tres."}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3,"thoughtsTokenCount":20,"totalTokenCount":32}}"#,
    ])])
    .await;
    let (text, others) = ask(&gemini(&server), "gemini:gemini-3.5-flash-lite").await.expect("an answer");
    assert_eq!(text, "Las tres.");
    assert_eq!(others, [ChatDelta::Reasoning("hm".to_owned()), ChatDelta::Usage { prompt: 9, completion: 23 }, FINISH]);
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/v1beta/models/gemini-3.5-flash-lite:streamGenerateContent?alt=sse");
    assert_eq!(asked.header("x-goog-api-key"), Some("AIza-test"));
    assert_eq!(asked.body["systemInstruction"]["parts"][0]["text"], "Be brief.");
    assert_eq!(asked.body["contents"][1], json!({"role": "model", "parts": [{"text": "¿Sí?"}]}));
    assert_eq!(asked.body["generationConfig"]["maxOutputTokens"], 100);
    assert_eq!(asked.body["generationConfig"]["temperature"], 0.5);
    assert_eq!(asked.body["generationConfig"]["stopSequences"], json!(["FIN"]));
}

#[tokio::test]
async fn errors_of_gemini_are_read_from_status_and_body_whatever_the_content_type() {
    // Recorded: a 404 comes as JSON in text/event-stream.
    let body = json!({"error": {"code": 404, "message": "models/x is not found", "status": "NOT_FOUND"}});
    let answer = Answer::pieces(vec![body.to_string().into_bytes()]).with_status(404);
    let server = Provider::start(vec![answer]).await;
    let (_, error) = ask(&gemini(&server), "gemini:x").await.expect_err("an error");
    assert_eq!(
        error,
        ModelError::UnknownModel { model: "x".to_owned(), detail: Some("models/x is not found".to_owned()) }
    );

    let body = json!({"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}});
    let server = Provider::start(vec![Answer::json(400, &body)]).await;
    let (_, error) = ask(&gemini(&server), "gemini:m").await.expect_err("an error");
    assert_eq!(error.code(), ErrorCode::ProviderUnauthorized);

    let body = json!({"error": {"code": 429, "message": "quota", "details": [{"retryDelay": "41s"}]}});
    let server = Provider::start(vec![Answer::json(429, &body)]).await;
    let (_, error) = ask(&gemini(&server), "gemini:m").await.expect_err("an error");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(41)));
}

#[tokio::test]
async fn a_cut_stream_of_gemini_or_anthropic_is_an_error() {
    let begun = r#"{"candidates":[{"content":{"parts":[{"text":"Las "}]}}]}"#;
    for answer in [Answer::events(&[begun]), Answer::events(&[begun]).broken()] {
        let server = Provider::start(vec![answer]).await;
        let (text, error) = ask(&gemini(&server), "gemini:m").await.expect_err("a cut stream");
        assert_eq!(text, "Las ");
        assert!(matches!(error, ModelError::Interrupted { .. }), "{error}");
    }
    let begun = "event: content_block_start\ndata: {\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"delta\":{\"type\":\"text_delta\",\"text\":\"Las \"}}\n\n";
    let server = Provider::start(vec![Answer::pieces(vec![begun.into()])]).await;
    let (text, error) = ask(&anthropic(&server), "anthropic:m").await.expect_err("a cut stream");
    assert_eq!(text, "Las ");
    assert!(matches!(error, ModelError::Interrupted { .. }), "{error}");
}

#[tokio::test]
async fn anthropic_is_asked_and_read_in_its_own_format() {
    let events = [
        ("message_start", r#"{"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}"#),
        (
            "content_block_start",
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        ),
        ("ping", r#"{"type":"ping"}"#),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Las "}}"#,
        ),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"tres."}}"#,
        ),
        ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#),
        ("message_delta", r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}"#),
        ("message_stop", r#"{"type":"message_stop"}"#),
    ];
    let pieces = events.iter().map(|(event, data)| format!("event: {event}\ndata: {data}\n\n").into_bytes()).collect();
    let server = Provider::start(vec![Answer::pieces(pieces)]).await;
    let (text, others) = ask(&anthropic(&server), "claude-haiku-4-5").await.expect("an answer");
    assert_eq!(text, "Las tres.");
    assert_eq!(others, [ChatDelta::Usage { prompt: 9, completion: 3 }, FINISH]);
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/v1/messages");
    assert_eq!(asked.header("x-api-key"), Some("sk-ant-test"));
    assert!(asked.header("anthropic-version").is_some());
    assert_eq!(asked.body["model"], "claude-haiku-4-5");
    assert_eq!(asked.body["max_tokens"], 100);
    assert_eq!(asked.body["stop_sequences"], json!(["FIN"]), "it refuses white space alone");
    assert_eq!(asked.body["stream"], true);

    let body = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let server = Provider::start(vec![Answer::json(529, &body)]).await;
    let (_, error) = ask(&anthropic(&server), "anthropic:m").await.expect_err("an error");
    assert_eq!((error.code(), server.asked().len()), (ErrorCode::ProviderUnavailable, 3));
}

#[tokio::test]
async fn a_model_that_cannot_be_told_a_format_refuses_it_before_anybody_is_asked() {
    let server = Provider::start(vec![]).await;
    let fields = serde_json::Map::from_iter([(RESPONSE_FORMAT.to_owned(), json!({"type": "json_object"}))]);
    for (registry, model) in [(gemini(&server), "gemini:m"), (anthropic(&server), "anthropic:m")] {
        let request = ChatRequest { fields: fields.clone(), ..question() };
        let error = registry.chat(model).expect("a model").stream(request).await.err().expect("an error");
        assert!(matches!(error, ModelError::Refused { status: 400, .. }), "{error}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn models_are_listed_found_and_chosen() {
    let server = Provider::start_with(|asked| match asked.path.as_str() {
        "/v1beta/models?pageSize=1000" => Answer::json(
            200,
            &json!({"models": [
                {"name": "models/gemini-2.0-flash", "supportedGenerationMethods": ["generateContent"]},
                {"name": "models/gemini-3.8-flash", "supportedGenerationMethods": ["generateContent", "countTokens"]},
                {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]},
            ]}),
        ),
        "/v1/models" => Answer::json(200, &json!({"data": [{"id": "qwen3"}, {"id": "nomic-embed-text"}]})),
        path => Answer::json(404, &json!({"error": path})),
    })
    .await;
    let registry = gemini(&server);
    let ids = |models: &[cjhirashi_models::ModelInfo]| models.iter().map(|model| model.id.clone()).collect::<Vec<_>>();
    let models = registry.list().await;
    assert_eq!(
        ids(&models),
        [EXTRACTIVE, "gemini:gemini-2.0-flash", "gemini:gemini-3.8-flash", "gemini:gemini-3.5-flash-lite"]
    );
    assert_eq!(models[1].retired_to.as_deref(), Some("gemini-3.5-flash-lite"));
    registry.list().await;
    assert_eq!(server.asked().len(), 1, "the list is kept");

    // A setting of the decision record, and names of nobody we know.
    let resolved = registry.resolve("gemini-2.0-flash");
    assert_eq!(
        (resolved.id.as_str(), resolved.instead_of.as_deref()),
        ("gemini:gemini-3.5-flash-lite", Some("gemini-2.0-flash"))
    );
    let resolved = registry.resolve("claude-haiku-4-5");
    assert_eq!(
        (resolved.id.as_str(), resolved.instead_of.as_deref()),
        ("gemini:gemini-3.5-flash-lite", Some("claude-haiku-4-5"))
    );
    assert_eq!(registry.resolve("").instead_of, None);
    assert!(matches!(
        registry.chat("anthropic:x").map(|_| ()),
        Err(ModelError::NotConfigured { variable: "ANTHROPIC_API_KEY", .. })
    ));
    assert!(matches!(registry.chat("qwen3").map(|_| ()), Err(ModelError::UnknownModel { .. })));

    // An admin connects a server, and takes it away again.
    let connection = Connection { base_url: format!("{}/v1", server.url), api_key: None, model: None };
    assert_eq!(registry.try_connection(&connection).await, Ok(vec!["qwen3".to_owned()]));
    registry.reconfigure(Some(connection)).expect("an address");
    assert!(ids(&registry.list().await).contains(&"connected:qwen3".to_owned()));
    assert_eq!(registry.default_model(), "connected:qwen3");
    assert_eq!(registry.resolve("qwen3").id, "connected:qwen3");
    registry.reconfigure(None).expect("nothing");
    assert_eq!(registry.default_model(), "gemini:gemini-3.5-flash-lite");
    let wrong = Connection { base_url: "nonsense".to_owned(), api_key: None, model: None };
    assert!(registry.reconfigure(Some(wrong)).is_err());
}

#[tokio::test]
async fn a_server_entered_without_a_model_answers_after_a_restart_and_nobody_else_while_it_is_away() {
    let models = |names: &[&str]| {
        let data: Vec<_> = names.iter().map(|name| json!({"id": name})).collect();
        Answer::json(200, &json!({ "data": data }))
    };
    // Nothing but the variable: the first question finds the model, whatever embeds beside it.
    let server =
        Provider::start(vec![models(&["all-minilm:latest", "bge-m3", "multilingual-e5-small", "qwen3"])]).await;
    let plain = registry(|config| config.openai_base_url = Some(format!("{}/v1", server.url)));
    assert_eq!(plain.resolve_to_ask("").await.id, "openai:qwen3");
    assert!(plain.chat("openai:qwen3").is_ok());

    // A connection is kept with a model of its own, or asked about.
    let connection = Connection { base_url: format!("{}/v1", server.url), api_key: None, model: None };
    let kept = plain.complete_connection(connection.clone()).await.expect("one model");
    assert_eq!(kept.model.as_deref(), Some("qwen3"));
    let two = Provider::start(vec![models(&["llama3.2", "qwen3"])]).await;
    let error = plain.complete_connection(Connection { base_url: two.url.clone(), ..connection.clone() }).await;
    assert!(error.expect_err("a choice").to_string().contains("it lists llama3.2, qwen3"));

    // Away: no other provider is asked in its place.
    let away = Connection { base_url: "http://127.0.0.1:9/v1".to_owned(), ..connection };
    let registry = gemini(&server);
    registry.reconfigure(Some(away)).expect("an address");
    let resolved = registry.resolve_to_ask("").await;
    assert!(resolved.id.starts_with("connected:"), "{resolved:?}");
    let error = registry.chat(&resolved.id).map(|_| ()).expect_err("away");
    assert_eq!(error.code(), ErrorCode::ProviderUnavailable);
    let listed = registry.list().await;
    assert!(listed.iter().all(|model| !model.id.starts_with("connected:")), "{listed:?}");
    // A server of embeddings alone is no reason to refuse to answer.
    let embeds = Provider::start(vec![Answer::json(404, &json!({"error": "no such path"}))]).await;
    let registry = self::registry(|config| config.openai_base_url = Some(format!("{}/v1", embeds.url)));
    assert_eq!(registry.resolve_to_ask("").await.id, EXTRACTIVE);
}

#[tokio::test]
async fn without_any_provider_the_extractive_answerer_is_the_default_and_a_wrong_setting_is_told() {
    let registry = registry(|_| {});
    assert_eq!(registry.default_model(), EXTRACTIVE);
    assert_eq!(registry.list().await.len(), 1);
    assert_eq!(registry.resolve("gemini-2.0-flash").id, EXTRACTIVE);
    let started = |model: &str| {
        ModelRegistry::new(ModelsConfig { chat_model: Some(model.to_owned()), ..ModelsConfig::default() }).map(|_| ())
    };
    assert_eq!(started(EXTRACTIVE), Ok(()));
    assert_eq!(started("ollama:llama3.2:3b"), Ok(()));
    assert!(matches!(started("gemini:x"), Err(ModelError::NotConfigured { variable: "GEMINI_API_KEY", .. })));
    assert!(matches!(started("llama3.2"), Err(ModelError::InvalidSetting { variable: "CHAT_MODEL", .. })));
}

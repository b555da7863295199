//! The whole path over each provider's own wire format.

use cjhirashi_testkit::{ScriptedModels, TestDatabase};

use crate::client::Product;

async fn whole_path(
    models: ScriptedModels,
    env: Vec<(String, String)>,
    chat_path: &str,
    embed_path: &str,
    model: &str,
) {
    let chat_key = (!model.starts_with("ollama:")).then_some("scripted-key");
    let product = Product::with(models, env, TestDatabase::Fresh).await;
    let cookie = product.sign_in().await;
    let id = product.add_text("Faro", "El faro de la isla se encendió en 1903. Lo cuida una familia.").await;
    let (_, message) = product.answer(&cookie, None, "¿En qué año se encendió el faro de la isla?").await;
    assert_eq!(message["status"], "complete", "{message}\n{}", product.app.log());
    assert!(message["content"].as_str().is_some_and(|text| text.contains("1903")), "{message}");
    assert_eq!(message["model"], model, "{message}");
    assert!(message["tokens_used"].as_i64() > Some(0), "{message}");
    assert_eq!(message["citations"][0]["document_id"], id.as_str(), "{message}");
    let requests = product.models.requests();
    for (path, key) in [(chat_path, chat_key), (embed_path, Some("scripted-key"))] {
        let request = requests
            .iter()
            .find(|request| request.path == path)
            .unwrap_or_else(|| panic!("no {path}: {:?}", requests.iter().map(|r| &r.path).collect::<Vec<_>>()));
        assert_eq!(request.key.as_deref(), key, "{path}");
    }
}

#[tokio::test]
async fn openai_chat_and_embeddings() {
    let models = ScriptedModels::start().await.expect("the scripted models");
    let env = models.openai_env();
    whole_path(models, env, "/v1/chat/completions", "/v1/embeddings", "openai:scripted-chat").await;
}

#[tokio::test]
async fn gemini_chat_and_embeddings() {
    let models = ScriptedModels::start().await.expect("the scripted models");
    let env = models.gemini_env();
    whole_path(
        models,
        env,
        "/v1beta/models/gemini-scripted:streamGenerateContent",
        "/v1beta/models/gemini-embedding-001:batchEmbedContents",
        "gemini:gemini-scripted",
    )
    .await;
}

#[tokio::test]
async fn anthropic_chat_and_cohere_embeddings() {
    let models = ScriptedModels::start().await.expect("the scripted models");
    let env = models.anthropic_and_cohere_env();
    whole_path(models, env, "/v1/messages", "/v2/embed", "anthropic:claude-scripted").await;
}

#[tokio::test]
async fn ollama_chat_without_a_key() {
    let models = ScriptedModels::start().await.expect("the scripted models");
    let env = models.ollama_and_cohere_env();
    whole_path(models, env, "/ollama/v1/chat/completions", "/v2/embed", "ollama:llama-scripted:3b").await;
}

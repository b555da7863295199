//! How long models take, as metrics: `cjhirashi_model_duration_seconds` of every call by provider, operation (`chat`,
//! `first_token`, `embed_query`, `embed_passage`, `embed_sentence`) and outcome (`ok`, `dropped`, or the error's code). And what
//! embedding is billed for, where the provider tells: `cjhirashi_embedding_tokens_total` by provider and operation.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use futures::StreamExt;

use crate::{ChatDelta, ChatModel, ChatRequest, ChatStream, Embedded, Embedder, InputKind, Measure, ModelError};

struct MeasuredChat {
    model: Arc<dyn ChatModel>,
    provider: &'static str,
}

pub(crate) fn chat(model: Arc<dyn ChatModel>, provider: &'static str) -> Arc<dyn ChatModel> {
    Arc::new(MeasuredChat { model, provider })
}

fn outcome<T>(result: &Result<T, ModelError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.code().as_str(),
    }
}

fn record(provider: &str, operation: &'static str, outcome: &'static str, started: Instant) {
    metrics::histogram!(
        "cjhirashi_model_duration_seconds",
        "provider" => provider.to_owned(), "operation" => operation, "outcome" => outcome
    )
    .record(started.elapsed());
}

#[async_trait]
impl ChatModel for MeasuredChat {
    fn id(&self) -> &str {
        self.model.id()
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        let started = Instant::now();
        let provider = self.provider;
        let stream = self.model.stream(request).await;
        if stream.is_err() {
            record(provider, "chat", outcome(&stream), started);
        }
        let stream = stream?;
        let mut watched = Watched { provider, started, spoke: false, ended: false };
        Ok(stream.inspect(move |item| watched.see(item)).boxed())
    }
}

/// One answer while it comes. Dropped before its end, when somebody stopped it or went away, it counts as `dropped`.
struct Watched {
    provider: &'static str,
    started: Instant,
    spoke: bool,
    ended: bool,
}

impl Watched {
    fn see(&mut self, item: &Result<ChatDelta, ModelError>) {
        match item {
            Ok(ChatDelta::Text(_) | ChatDelta::Reasoning(_)) if !self.spoke => {
                self.spoke = true;
                record(self.provider, "first_token", "ok", self.started);
            }
            Ok(ChatDelta::Finish(_)) | Err(_) => {
                self.ended = true;
                record(self.provider, "chat", outcome(item), self.started);
            }
            Ok(_) => {}
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.ended {
            record(self.provider, "chat", "dropped", self.started);
        }
    }
}

struct MeasuredEmbedder {
    embedder: Arc<dyn Embedder>,
    provider: String,
}

pub(crate) fn embedder(embedder: Arc<dyn Embedder>) -> Arc<dyn Embedder> {
    let provider = embedder.id().split(':').next().unwrap_or_default().to_owned();
    Arc::new(MeasuredEmbedder { embedder, provider })
}

#[async_trait]
impl Embedder for MeasuredEmbedder {
    fn id(&self) -> &str {
        self.embedder.id()
    }

    fn dimension(&self) -> usize {
        self.embedder.dimension()
    }

    fn batch_size(&self) -> usize {
        self.embedder.batch_size()
    }

    fn measure(&self) -> Measure {
        self.embedder.measure()
    }

    async fn embed(&self, texts: &[String], kind: InputKind) -> Result<Embedded, ModelError> {
        let started = Instant::now();
        let result = self.embedder.embed(texts, kind).await;
        let operation = match kind {
            InputKind::Query => "embed_query",
            InputKind::Passage => "embed_passage",
            InputKind::Sentence => "embed_sentence",
        };
        record(&self.provider, operation, outcome(&result), started);
        if let Ok(Embedded { tokens: Some(tokens), .. }) = &result {
            metrics::counter!(
                "cjhirashi_embedding_tokens_total", "provider" => self.provider.clone(), "operation" => operation
            )
            .increment(*tokens);
        }
        result
    }

    fn calibrate(&self, cosine: f32) -> f64 {
        self.embedder.calibrate(cosine)
    }

    fn lost_across_languages(&self) -> f32 {
        self.embedder.lost_across_languages()
    }
}

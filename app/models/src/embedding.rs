//! What an embedding model is to the rest of the product.

use async_trait::async_trait;

use crate::{ModelError, tokens::estimate_tokens};

/// What a text is for. Retrieval models embed questions and passages differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// A question.
    Query,
    /// A passage of a document.
    Passage,
    /// A few sentences of passages that somebody waits for: embedded as [`InputKind::Passage`], not behind those.
    Sentence,
}

/// Vectors of some texts, in their order, each of length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// One per text.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens that the provider bills, where it tells.
    pub tokens: Option<u64>,
}

/// How long texts may be for a model, and how long a text is for it.
pub struct Measure {
    /// The most tokens of a passage.
    pub max_tokens: usize,
    /// Counts tokens.
    pub count: Box<dyn Fn(&str) -> usize + Send + Sync>,
}

impl std::fmt::Debug for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Measure").field("max_tokens", &self.max_tokens).finish_non_exhaustive()
    }
}

impl Default for Measure {
    /// 512 tokens, estimated: good passages for every model, and nobody's tokenizer is needed.
    fn default() -> Self {
        Self { max_tokens: 512, count: Box::new(estimate_tokens) }
    }
}

/// A model that turns texts into vectors.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// `provider:model@dimension`: vectors of different ids cannot be compared.
    fn id(&self) -> &str;

    /// Numbers per vector.
    fn dimension(&self) -> usize;

    /// The most texts that go to the provider in one call: the natural size of one committed batch of work.
    /// [`embed`](Self::embed) takes any number and cuts it itself.
    fn batch_size(&self) -> usize;

    /// How passages are measured: by the model's own tokenizer where it is at hand, else by an estimate. May load the
    /// model, so it blocks: for a thread that may wait.
    fn measure(&self) -> Measure {
        Measure::default()
    }

    /// Embeds texts of any number; an empty text counts as a blank one. Dropping the future stops the work.
    ///
    /// # Errors
    /// See [`ModelError`]. Rate limits and transient failures are tried again inside, for at most about a minute.
    async fn embed(&self, texts: &[String], kind: InputKind) -> Result<Embedded, ModelError>;

    /// What a cosine of this model means: relevance from 0 to 1, so that one threshold fits all models.
    fn calibrate(&self, cosine: f32) -> f64;

    /// What a cosine loses, on average, because question and passage are in different languages: added before
    /// [`calibrate`](Self::calibrate). 0 where nothing was measured.
    fn lost_across_languages(&self) -> f32 {
        0.0
    }
}

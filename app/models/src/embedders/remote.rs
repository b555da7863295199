//! What embedding over HTTP has in common: cutting texts into requests, sending a few at once, trying again, checking
//! what comes back, and making each vector's length 1.

use std::ops::Range;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};

use crate::{
    Embedded, Embedder, InputKind, ModelError, Secret,
    calibration::Calibration,
    http::{Caller, Clients, Patience},
};

/// Requests that run at once, so that one batch of texts does not wait for its parts one after the other.
const AT_ONCE: usize = 4;
/// The largest answer: 2,048 vectors of 3,072 numbers as text come to about 75 MB.
const ANSWER_BYTES: usize = 96 * 1024 * 1024;

/// What one request may hold.
pub(super) struct Limits {
    pub(super) texts: usize,
    /// Of all texts together. A byte is never less than a token's share, so a limit of tokens is kept as one of bytes.
    pub(super) bytes: usize,
    /// Of one text; what is longer is cut.
    pub(super) text_bytes: usize,
}

/// The wire format of one family of embedding APIs.
pub(super) trait Wire: Send + Sync + 'static {
    /// The part of the embedder's id before the colon.
    const PREFIX: &'static str;
    /// For people.
    const TITLE: &'static str;
    const LIMITS: Limits;

    /// Path below the base URL, and body, of a request for some texts.
    fn request(&self, call: &Call<'_>) -> (String, serde_json::Value);

    /// Puts the key where the API wants it.
    fn sign(&self, call: reqwest::RequestBuilder, key: &str) -> reqwest::RequestBuilder;

    /// The vectors, in the order of the texts, and the tokens billed; else what is wrong with the answer.
    fn answer(&self, body: &[u8]) -> Result<(Vec<Vec<f32>>, Option<u64>), String>;
}

/// What is asked for.
pub(super) struct Call<'a> {
    pub(super) model: &'a str,
    pub(super) dimension: usize,
    pub(super) texts: &'a [&'a str],
    pub(super) kind: InputKind,
}

pub(super) struct Remote<W> {
    wire: W,
    id: String,
    model: String,
    dimension: usize,
    base_url: String,
    caller: Caller,
    clients: Clients,
    calibration: Calibration,
    pub(super) patience: Patience,
}

impl<W: Wire> Remote<W> {
    pub(super) fn new(
        wire: W,
        model: &str,
        dimension: usize,
        base_url: String,
        key: Option<Secret>,
        clients: &Clients,
    ) -> Self {
        let calibration = Calibration::of(model);
        if calibration == Calibration::None {
            tracing::info!(
                embedding.model = model,
                "what a cosine of this embedding model means is not known: set the minimum relevance by trying"
            );
        }
        Self {
            wire,
            id: format!("{}:{model}@{dimension}", W::PREFIX),
            model: model.to_owned(),
            dimension,
            base_url,
            caller: Caller { provider: W::TITLE.to_owned(), model: model.to_owned(), key },
            clients: clients.clone(),
            calibration,
            patience: Patience::BACKGROUND,
        }
    }

    async fn request(&self, texts: &[&str], kind: InputKind) -> Result<(Vec<Vec<f32>>, Option<u64>), ModelError> {
        let call = Call { model: &self.model, dimension: self.dimension, texts, kind };
        let (path, body) = self.wire.request(&call);
        let url = format!("{}{path}", self.base_url);
        let mut call = self.clients.for_url(&url).post(&url).json(&body);
        if let Some(key) = &self.caller.key {
            call = self.wire.sign(call, key.reveal());
        }
        let answer = self.caller.accept(call.send().await).await?;
        let body = self.caller.body(answer, ANSWER_BYTES).await?;
        let (mut vectors, tokens) = self.wire.answer(&body).map_err(|what| self.caller.unexpected(what))?;
        if vectors.len() != texts.len() {
            return Err(self.caller.unexpected(format!("{} vectors for {} texts", vectors.len(), texts.len())));
        }
        for vector in &mut vectors {
            if vector.len() != self.dimension {
                return Err(ModelError::InvalidSetting {
                    variable: "EMBEDDINGS",
                    reason: format!(
                        "{} gives vectors of {} numbers, not {}; write {}:{}@{}",
                        self.model,
                        vector.len(),
                        self.dimension,
                        W::PREFIX,
                        self.model,
                        vector.len()
                    ),
                });
            }
            let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            if !length.is_finite() || length <= 0.0 {
                return Err(self.caller.unexpected("a vector without direction"));
            }
            // Gemini's shortened vectors have a length of 0.37, and others differ in the sixth digit.
            vector.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
        }
        Ok((vectors, tokens))
    }
}

#[async_trait]
impl<W: Wire> Embedder for Remote<W> {
    fn id(&self) -> &str {
        &self.id
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn batch_size(&self) -> usize {
        W::LIMITS.texts.min(96)
    }

    async fn embed(&self, texts: &[String], kind: InputKind) -> Result<Embedded, ModelError> {
        let texts: Vec<&str> = texts.iter().map(|text| sendable(text, W::LIMITS.text_bytes)).collect();
        let patience = match kind {
            // A person waits for the search or the answer; words answer alone when this takes too long.
            InputKind::Query | InputKind::Sentence => {
                Patience { first_wait: self.patience.first_wait, ..Patience::FOREGROUND }
            }
            InputKind::Passage => self.patience,
        };
        let requests = cut(&texts, &W::LIMITS);
        let answers: Vec<_> = futures::stream::iter(requests)
            .map(|range| {
                let texts = &texts[range];
                async move { patience.run(|| self.request(texts, kind)).await }
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let tokens = answers.iter().map(|(_, tokens)| *tokens).sum();
        Ok(Embedded { vectors: answers.into_iter().flat_map(|(vectors, _)| vectors).collect(), tokens })
    }

    fn calibrate(&self, cosine: f32) -> f64 {
        self.calibration.apply(cosine)
    }
}

/// A text as an API takes it: not empty (OpenAI refuses it, Gemini answers 429) and not longer than the limit.
fn sendable(text: &str, bytes: usize) -> &str {
    if text.trim().is_empty() { " " } else { &text[..text.floor_char_boundary(bytes)] }
}

/// Runs of texts that fit into one request each.
fn cut(texts: &[&str], limits: &Limits) -> Vec<Range<usize>> {
    let mut requests = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (n, text) in texts.iter().enumerate() {
        if n > start && (n - start == limits.texts || bytes + text.len() > limits.bytes) {
            requests.push(start..n);
            (start, bytes) = (n, 0);
        }
        bytes += text.len();
    }
    if start < texts.len() {
        requests.push(start..texts.len());
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_into_requests_by_count_and_by_bytes_and_none_is_lost() {
        let limits = Limits { texts: 3, bytes: 10, text_bytes: 100 };
        let sizes = |texts: &[&str]| cut(texts, &limits).iter().map(Range::len).collect::<Vec<_>>();
        assert_eq!(sizes(&["a", "b", "c", "d"]), [3, 1]);
        assert_eq!(sizes(&["aaaaaa", "bbbbbb", "c"]), [1, 2]);
        assert_eq!(sizes(&["a text longer than a whole request", "b"]), [1, 1]);
        assert_eq!(sizes(&[]), [0_usize; 0]);
    }

    #[test]
    fn empty_and_endless_texts_become_sendable() {
        assert_eq!(sendable("", 8), " ");
        assert_eq!(sendable(" \n", 8), " ");
        assert_eq!(sendable("ñññ", 5), "ññ");
    }
}

//! A closer look, where no passage is relevant enough as a whole: one of five hundred tokens speaks of many things, and its
//! embedding of none of them clearly. A lease of nine clauses, say, is one passage, and "how much is the deposit?" is
//! answered by one of its sentences.
//!
//! The sentences of the best candidates are compared with the question one by one, and a passage is as near as the nearest
//! of them. docs/decisions/0005 has the numbers.

use std::{ops::Range, time::Duration};

use cjhirashi_models::{Embedder, InputKind, ModelError, Outage};

use crate::{alignment::sentences, candidates::cosine, words::words};

/// Candidates that are looked at.
pub(crate) const PASSAGES: usize = 3;
/// Relevance below which nothing in a candidate can be what was asked for.
pub(crate) const FLOOR: f64 = 0.02;
/// The most sentences of one passage, and of all: a third of a second of the local model on two processors.
const OF_ONE: usize = 24;
const OF_ALL: usize = 48;
/// Fewer words say nothing of their own.
const FEWEST_WORDS: usize = 3;
/// Words of a passage that are looked at.
const MAX_WORDS: usize = 2_000;
/// How long somebody waits for it.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// The cosine between a question and the nearest sentence of each passage; `None` for one of a single sentence, whose own
/// says it already.
///
/// # Errors
/// When the model does not answer in time.
pub(crate) async fn nearest_sentences(
    embedder: &dyn Embedder,
    question: &[f32],
    passages: &[&str],
) -> Result<Vec<Option<f32>>, ModelError> {
    let mut texts: Vec<String> = Vec::new();
    let mut places: Vec<Range<usize>> = Vec::with_capacity(passages.len());
    for passage in passages {
        let begin = texts.len();
        let mut cut = sentences_of(passage);
        cut.truncate(OF_ONE.min(OF_ALL.saturating_sub(begin)));
        if cut.len() > 1 {
            texts.append(&mut cut);
        }
        places.push(begin..texts.len());
    }
    if texts.is_empty() {
        return Ok(vec![None; passages.len()]);
    }
    let late = |_| ModelError::Unavailable {
        provider: embedder.id().to_owned(),
        cause: Outage::Other,
        detail: "the embedding of sentences took too long".to_owned(),
    };
    let embedded =
        tokio::time::timeout(PATIENCE, embedder.embed(&texts, InputKind::Sentence)).await.map_err(late)??;
    let cosines: Vec<Option<f32>> = embedded.vectors.iter().map(|vector| cosine(question, vector)).collect();
    let nearest =
        |place: Range<usize>| cosines.get(place).unwrap_or_default().iter().copied().flatten().reduce(f32::max);
    Ok(places.into_iter().map(nearest).collect())
}

/// The sentences of a passage, as they stand in it.
fn sentences_of(passage: &str) -> Vec<String> {
    let cut = words(passage, MAX_WORDS);
    let characters: Vec<char> = passage.chars().collect();
    sentences(passage, &cut)
        .into_iter()
        .filter(|sentence| sentence.len() >= FEWEST_WORDS)
        .filter_map(|sentence| {
            let words = cut.get(sentence)?;
            let place = words.first()?.place.start..words.last()?.place.end;
            Some(characters.get(place)?.iter().collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_is_cut_into_what_it_says() {
        let text = "# Contrato\n\nCUARTA. Fianza. El arrendatario entrega 890 euros.\n- Se permite un perro o un gato.\n\nFin.";
        assert_eq!(sentences_of(text), ["El arrendatario entrega 890 euros", "Se permite un perro o un gato"]);
    }
}

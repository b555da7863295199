//! Documents of the ADR's application are taken over from its Pinecone index, the only place where their texts are.
//!
//! That application kept a chunk's text beside its vector, `documentId-chunk-n`, and no text in PostgreSQL. Here both come
//! into PostgreSQL, one transaction a document, together with the job that brings the vectors under our names into the
//! index that answers. A run may end anywhere and be repeated: what was taken over is not looked at again. Everything
//! that comes out of that index is bounded and checked: a document whose chunks are not all there is left as it is, and the
//! report says what is missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use cjhirashi_domain::id::DocumentId;
use cjhirashi_ingest::{ChunkDraft, ChunkOptions, Extracted, Limits, assemble, chunk, clean_text};
use cjhirashi_models::{Embedder, InputKind, ModelError};
use cjhirashi_storage::{AdoptedDocument, FoundText, NewChunk, StorageError};
use cjhirashi_vectors::pinecone::{FetchedVector, PineconeData, PineconeError, PineconeIndex, PineconeOptions};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use tokio::time::Instant;

use crate::{WorkerContext, records::new_chunk};

/// Documents read from PostgreSQL at once.
const DOCUMENTS: i64 = 100;
/// Documents read from the index at the same time.
const PARALLEL: usize = 4;
/// The most chunks of one document.
const MOST_CHUNKS: u32 = 10_000;
/// Vectors fetched by one call: of the largest models some megabytes.
const FETCHED: usize = 100;
/// The most bytes of a chunk's text: Pinecone takes no more beside a vector.
const MOST_TEXT: usize = 40 << 10;
/// Chunks that are embedded again to see whether the vectors are the configured model's.
const SAMPLE: usize = 3;
/// Only chunks of at most so many bytes are: no model shortens them.
const SAMPLE_TEXT: usize = 4 << 10;
/// The least cosine, on average, of a stored vector and one of the same text by the same model. It is 1 but for rounding,
/// and lower where the model was told another purpose; vectors of two models have nothing to do with each other, so theirs
/// is about 0.
const LIKE: f32 = 0.5;
/// How often jobs are looked at.
const LOOK: Duration = Duration::from_millis(300);
/// The most runs of numbers that a problem lists.
const RUNS: usize = 20;

/// How to take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AdoptOptions {
    /// Only look, change nothing.
    pub dry_run: bool,
    /// Take the texts alone: they are cut and embedded anew, as those of files are.
    pub embed_anew: bool,
}

/// The index that the ADR's application wrote to.
#[derive(Debug, Clone)]
pub struct OldIndex {
    data: PineconeData,
    dimension: Option<usize>,
}

impl OldIndex {
    /// Finds it. Of the options, model and dimension do not count.
    ///
    /// # Errors
    /// [`AdoptError::Index`].
    pub async fn open(options: PineconeOptions) -> Result<Self, AdoptError> {
        let (data, dimension) = PineconeIndex::new(options)?.data_of_any_model().await?;
        Ok(Self { data, dimension })
    }

    /// The numbers of all chunks of a document that are there; `None` when there are too many.
    async fn numbers(&self, document: &DocumentId) -> Result<Option<Vec<u32>>, PineconeError> {
        let prefix = prefix(document);
        let (mut numbers, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = self.data.list(&prefix, token.as_deref()).await?;
            numbers.extend(page.ids.iter().filter_map(|id| number(id, &prefix)));
            if numbers.len() > MOST_CHUNKS as usize {
                return Ok(None);
            }
            token = page.next;
            if token.is_none() {
                numbers.sort_unstable();
                return Ok(Some(numbers));
            }
        }
    }
}

fn prefix(document: &DocumentId) -> String {
    format!("{document}-chunk-")
}

/// The number at the end of a vector's name. Another document's id may begin as this one's names do, so what is no plain
/// number is not this document's.
fn number(id: &str, prefix: &str) -> Option<u32> {
    let digits = id.strip_prefix(prefix)?;
    let number = digits.parse().ok()?;
    (digits == format!("{number}")).then_some(number)
}

/// Taking over could not go on.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The old index.
    #[error("the index of the old application cannot be read: {0}")]
    Index(#[from] PineconeError),
    /// The embedding model did not answer.
    #[error("whether the old vectors are of the configured model cannot be told without it: {0}")]
    Model(#[from] ModelError),
    /// The old vectors have another length.
    #[error(
        "the old index holds vectors of {actual} numbers, and {model} makes vectors of {expected}; set EMBEDDINGS to the \
         model that made them, or take over the texts alone with --embed-anew, and {model} embeds them"
    )]
    Dimension {
        /// Numbers of an old vector.
        actual: usize,
        /// The model of the index that answers.
        model: String,
        /// Numbers of its vectors.
        expected: usize,
    },
    /// The old vectors are another model's.
    #[error(
        "the old vectors are not of {model}: for the same texts their cosine is {likeness:.2} where it should be nearly 1; \
         set EMBEDDINGS to the model that made them, or take over the texts alone with --embed-anew, and {model} embeds them"
    )]
    OtherModel {
        /// The model of the index that answers.
        model: String,
        /// The average cosine.
        likeness: f32,
    },
    /// A thread of ours ended badly.
    #[error("a document could not be put together: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// What is wrong with a document in the old index. Chunks are numbered from 0, as in the names of their vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Chunks that are not there, of so many.
    Missing {
        /// Which.
        chunks: Vec<u32>,
        /// How many the document has.
        of: u32,
    },
    /// Chunks without a text.
    WithoutText(Vec<u32>),
    /// Chunks whose text is larger than Pinecone takes.
    TextTooLarge(Vec<u32>),
    /// Chunks whose vector has another length than the others, or no direction.
    WithoutVector(Vec<u32>),
    /// Chunks that say themselves that they are of another document or have another number.
    OfAnother(Vec<u32>),
    /// More chunks than a document may have.
    TooManyChunks,
    /// More text than a document may have.
    TooMuchText,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { chunks, of } => write!(f, "missing of {of} chunks: {}", runs(chunks)),
            Self::WithoutText(chunks) => write!(f, "chunks without a text: {}", runs(chunks)),
            Self::TextTooLarge(chunks) => {
                write!(f, "chunks with a text of more than {} KB: {}", MOST_TEXT >> 10, runs(chunks))
            }
            Self::WithoutVector(chunks) => write!(f, "chunks without a vector of the right length: {}", runs(chunks)),
            Self::OfAnother(chunks) => {
                write!(f, "chunks whose metadata name another document or number: {}", runs(chunks))
            }
            Self::TooManyChunks => write!(f, "it has more than {MOST_CHUNKS} chunks"),
            Self::TooMuchText => write!(f, "it has more than {} MB of text", Limits::default().max_text_bytes >> 20),
        }
    }
}

/// Ascending numbers in words: `3, 5-9`.
fn runs(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if number == *last + 1 => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let more = runs.len().saturating_sub(RUNS);
    let words = |(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let listed = runs.iter().take(RUNS).map(words).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{listed}, and {more} more gaps") } else { listed }
}

/// A document, in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Which.
    pub id: DocumentId,
    /// Its title.
    pub title: String,
}

/// What taking over came to.
#[derive(Debug, Default)]
pub struct AdoptionReport {
    /// Documents taken over, or that would be, and how many chunks each has.
    pub taken_over: Vec<(Named, usize)>,
    /// Vectors that an earlier, longer version of these documents left behind; nothing is taken from them.
    pub left_over: u64,
    /// Documents that were taken over before.
    pub already: i64,
    /// Documents that stay as they are, and why.
    pub incomplete: Vec<(Named, Vec<Problem>)>,
    /// Documents of which the old index holds nothing.
    pub absent: Vec<Named>,
    /// Why it ended before the last document.
    pub error: Option<AdoptError>,
}

impl AdoptionReport {
    /// Every document is here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.error.is_none() && self.incomplete.is_empty() && self.absent.is_empty()
    }
}

/// What removing old vectors came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removal {
    /// Vectors removed.
    pub vectors: u64,
    /// Of so many documents.
    pub documents: u64,
    /// So many of which were deleted here before.
    pub deleted: u64,
    /// Documents whose old vectors stay, because the index that answers has not acknowledged all of theirs.
    pub kept: u64,
}

/// One chunk as the old index has it, checked.
struct Piece {
    text: String,
    /// Of unit length.
    values: Vec<f32>,
    /// When its document was indexed, by the clock of the old application.
    indexed_at: Option<f64>,
    language: Option<String>,
}

/// A document as the old index has it.
enum Found {
    Absent,
    Incomplete(Vec<Problem>),
    Whole { pieces: Vec<Piece>, left_over: u64 },
}

/// Takes over every document of the ADR's application that can be, and says what became of each.
pub async fn adopt(context: &WorkerContext, old: &OldIndex, options: AdoptOptions) -> AdoptionReport {
    let mut report = AdoptionReport::default();
    if let Err(error) = adopt_all(context, old, options, &mut report).await {
        report.error = Some(error);
    }
    tracing::info!(
        dry_run = options.dry_run,
        taken_over = report.taken_over.len(),
        incomplete = report.incomplete.len(),
        absent = report.absent.len(),
        "documents of the old application were looked for"
    );
    report
}

async fn adopt_all(
    context: &WorkerContext,
    old: &OldIndex,
    options: AdoptOptions,
    report: &mut AdoptionReport,
) -> Result<(), AdoptError> {
    let store = &context.store;
    report.already = store.count_taken_over().await?;
    // Until the end, whatever answers meanwhile: this is the model that the vectors are compared with.
    let embedder = context.engine.current().embedder.clone();
    // Another model's vectors may have any length: nothing of them is used.
    let dimension = (!options.embed_anew).then(|| embedder.dimension());
    let mut compared = options.embed_anew;
    let mut after: Option<DocumentId> = None;
    loop {
        let page = store.list_adopted_documents(after.as_ref(), DOCUMENTS).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id.clone());
        if let (Some(expected), Some(actual)) = (dimension, old.dimension.filter(|actual| Some(*actual) != dimension)) {
            return Err(AdoptError::Dimension { actual, model: embedder.id().to_owned(), expected });
        }
        let mut found = stream::iter(page)
            .map(|document| async move {
                let found = look(old, &document, dimension).await?;
                Ok::<_, AdoptError>((document, found))
            })
            .buffered(PARALLEL);
        while let Some((document, found)) = found.try_next().await? {
            let name = Named { id: document.id, title: document.title };
            match found {
                Found::Absent => report.absent.push(name),
                Found::Incomplete(problems) => report.incomplete.push((name, problems)),
                Found::Whole { pieces, left_over } => {
                    if !compared {
                        compare_models(embedder.as_ref(), &pieces).await?;
                        compared = true;
                    }
                    let chunks = match options {
                        AdoptOptions { dry_run: true, .. } => Some(pieces.len()),
                        AdoptOptions { embed_anew: false, .. } => keep(context, &name, pieces, embedder.id()).await?,
                        AdoptOptions { embed_anew: true, .. } => keep_text(context, &name, pieces).await?,
                    };
                    // `None`: uploaded again or deleted meanwhile.
                    if let Some(chunks) = chunks {
                        report.taken_over.push((name, chunks));
                        report.left_over += left_over;
                    }
                }
            }
        }
    }
}

/// Reads a document from the old index.
async fn look(old: &OldIndex, document: &AdoptedDocument, dimension: Option<usize>) -> Result<Found, AdoptError> {
    let counted = u32::try_from(document.chunk_count).unwrap_or(0);
    let Some(numbers) = old.numbers(&document.id).await? else {
        return Ok(Found::Incomplete(vec![Problem::TooManyChunks]));
    };
    if numbers.is_empty() {
        return Ok(Found::Absent);
    }
    let highest = numbers.last().copied().unwrap_or(0);
    if counted > MOST_CHUNKS || highest >= MOST_CHUNKS {
        return Ok(Found::Incomplete(vec![Problem::TooManyChunks]));
    }
    let prefix = prefix(&document.id);
    let limit = usize::try_from(Limits::default().max_text_bytes).unwrap_or(usize::MAX);
    let (mut pieces, mut bad, mut bytes) = (BTreeMap::new(), Bad::default(), 0);
    for numbers in numbers.chunks(FETCHED) {
        let names: Vec<String> = numbers.iter().map(|number| format!("{prefix}{number}")).collect();
        let mut fetched = old.data.fetch(&names).await?;
        for (number, name) in numbers.iter().zip(&names) {
            // Listed and not there: it is on its way out.
            let Some(vector) = fetched.remove(name) else { continue };
            let piece = bad.check(&document.id, *number, vector, dimension);
            bytes += piece.text.len();
            pieces.insert(*number, piece);
        }
        if bytes > limit {
            return Ok(Found::Incomplete(vec![Problem::TooMuchText]));
        }
    }
    let (of, left_over) = last_indexing(&pieces, counted);
    for number in &left_over {
        pieces.remove(number);
    }
    let missing: Vec<u32> = (0..of).filter(|number| !pieces.contains_key(number)).collect();
    let problems = bad.problems(missing, of, &left_over);
    if problems.is_empty() {
        Ok(Found::Whole { pieces: pieces.into_values().collect(), left_over: left_over.len() as u64 })
    } else {
        Ok(Found::Incomplete(problems))
    }
}

/// How many chunks the document had when it was last indexed, and which of those there are left over from before.
///
/// The old application wrote over the chunks that were there and removed none: of a document that became shorter the last
/// ones stayed. It noted the time with each chunk, in their order; so what is older than the first is left over. Where no
/// times tell, PostgreSQL's count decides; where they tell that it is out of date, since the application ended before it
/// noted it, the chunks themselves do.
fn last_indexing(pieces: &BTreeMap<u32, Piece>, counted: u32) -> (u32, BTreeSet<u32>) {
    let time = |number: &u32| pieces.get(number).and_then(|piece| piece.indexed_at);
    let first = time(&0);
    let is_older = |number: &u32| time(number).zip(first).is_some_and(|(time, first)| time < first);
    let is_as_new = |number: &u32| time(number).zip(first).is_some_and(|(time, first)| time >= first);
    let mut left_over: BTreeSet<u32> = pieces.keys().copied().filter(is_older).collect();
    let end = |left_over: &BTreeSet<u32>| {
        pieces.keys().rev().find(|number| !left_over.contains(number)).map_or(0, |last| last + 1)
    };
    let out_of_date = left_over.iter().any(|number| *number < counted)
        || pieces.keys().any(|number| *number >= counted && is_as_new(number));
    if counted == 0 || out_of_date {
        return (end(&left_over), left_over);
    }
    left_over.extend(pieces.keys().copied().filter(|number| *number >= counted));
    (counted, left_over)
}

/// Numbers of chunks that cannot be used, by what is wrong with them.
#[derive(Default)]
struct Bad {
    text: Vec<u32>,
    large: Vec<u32>,
    vector: Vec<u32>,
    another: Vec<u32>,
}

impl Bad {
    /// Takes a vector apart, and notes what is wrong with it.
    fn check(&mut self, document: &DocumentId, number: u32, vector: FetchedVector, dimension: Option<usize>) -> Piece {
        let FetchedVector { values, mut metadata } = vector;
        let said = metadata.get("documentId").and_then(Value::as_str);
        let index = metadata.get("chunkIndex").and_then(Value::as_f64);
        if said.is_some_and(|said| said != document.as_str()) || index.is_some_and(|index| index != f64::from(number)) {
            self.another.push(number);
        }
        let mut text = match metadata.remove("text") {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        if text.len() > MOST_TEXT {
            self.large.push(number);
            text.clear();
        } else {
            text = clean_text(&text);
            if text.is_empty() {
                self.text.push(number);
            }
        }
        let values = match dimension {
            None => Vec::new(),
            Some(dimension) => direction(values, dimension).unwrap_or_else(|| {
                self.vector.push(number);
                Vec::new()
            }),
        };
        let indexed_at = metadata.get("createdAt").and_then(Value::as_f64);
        let language = metadata.get("language").and_then(Value::as_str).map(str::to_owned);
        Piece { text, values, indexed_at, language }
    }

    fn problems(self, missing: Vec<u32>, of: u32, left_over: &BTreeSet<u32>) -> Vec<Problem> {
        let wanted = |chunks: Vec<u32>| -> Vec<u32> {
            chunks.into_iter().filter(|number| !left_over.contains(number)).collect()
        };
        [
            (missing, None),
            (wanted(self.text), Some(Problem::WithoutText as fn(Vec<u32>) -> Problem)),
            (wanted(self.large), Some(Problem::TextTooLarge)),
            (wanted(self.vector), Some(Problem::WithoutVector)),
            (wanted(self.another), Some(Problem::OfAnother)),
        ]
        .into_iter()
        .filter(|(chunks, _)| !chunks.is_empty())
        .map(|(chunks, problem)| match problem {
            Some(problem) => problem(chunks),
            None => Problem::Missing { chunks, of },
        })
        .collect()
    }
}

/// A vector of unit length; `None` for one of another length or without a direction.
fn direction(mut values: Vec<f32>, dimension: usize) -> Option<Vec<f32>> {
    let length = values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>().sqrt();
    if values.len() != dimension || !length.is_finite() || length < 1e-8 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 1")]
    values.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    Some(values)
}

/// Refuses vectors of another model: an index does not tell whose it holds, and nobody would notice until nothing is found.
async fn compare_models(embedder: &dyn Embedder, pieces: &[Piece]) -> Result<(), AdoptError> {
    let mut sample: Vec<&Piece> = pieces.iter().filter(|piece| piece.text.len() <= SAMPLE_TEXT).collect();
    if sample.is_empty() {
        sample.extend(pieces.first());
    }
    sample.truncate(SAMPLE.min(embedder.batch_size().max(1)));
    let texts: Vec<String> = sample.iter().map(|piece| piece.text.clone()).collect();
    let embedded = embedder.embed(&texts, InputKind::Passage).await?;
    let cosines: Vec<f32> = sample
        .iter()
        .zip(embedded.vectors)
        .filter_map(|(piece, values)| {
            let values = direction(values, piece.values.len())?;
            Some(piece.values.iter().zip(values).map(|(one, two)| one * two).sum())
        })
        .collect();
    let count = f32::from(u16::try_from(cosines.len()).unwrap_or(u16::MAX));
    let likeness = if cosines.is_empty() { 0.0 } else { cosines.iter().sum::<f32>() / count };
    if likeness < LIKE {
        return Err(AdoptError::OtherModel { model: embedder.id().to_owned(), likeness });
    }
    Ok(())
}

/// Keeps a document with its chunks as they were cut and their vectors; how many, or `None` when it is no longer wanted.
async fn keep(
    context: &WorkerContext,
    name: &Named,
    pieces: Vec<Piece>,
    model: &str,
) -> Result<Option<usize>, AdoptError> {
    let (vectors, extracted, drafts) = tokio::task::spawn_blocking(move || {
        let language = common_language(&pieces);
        let (texts, vectors): (Vec<String>, Vec<Vec<f32>>) =
            pieces.into_iter().map(|piece| (piece.text, piece.values)).unzip();
        let (extracted, drafts) = assemble(&texts, language.as_deref());
        (vectors, extracted, drafts)
    })
    .await?;
    store(context, name, &extracted, drafts, Some((model, &vectors))).await
}

/// Keeps a document's text, cut anew; the job embeds it.
async fn keep_text(context: &WorkerContext, name: &Named, pieces: Vec<Piece>) -> Result<Option<usize>, AdoptError> {
    let embedder = context.engine.current().embedder.clone();
    let (extracted, drafts) = tokio::task::spawn_blocking(move || {
        let language = common_language(&pieces);
        let texts: Vec<String> = pieces.into_iter().map(|piece| piece.text).collect();
        let (extracted, _) = assemble(&texts, language.as_deref());
        let measure = embedder.measure();
        let options = ChunkOptions { max_tokens: measure.max_tokens, ..ChunkOptions::default() };
        let drafts = chunk(&extracted, &options, &measure.count);
        (extracted, drafts)
    })
    .await?;
    store(context, name, &extracted, drafts, None).await
}

/// The language that all chunks name.
fn common_language(pieces: &[Piece]) -> Option<String> {
    let language = pieces.first()?.language.clone()?;
    pieces.iter().all(|piece| piece.language.as_ref() == Some(&language)).then_some(language)
}

async fn store(
    context: &WorkerContext,
    name: &Named,
    extracted: &Extracted,
    drafts: Vec<ChunkDraft>,
    embeddings: Option<(&str, &[Vec<f32>])>,
) -> Result<Option<usize>, AdoptError> {
    let chunks: Vec<NewChunk> = drafts.into_iter().map(new_chunk).collect();
    let found =
        FoundText { text: &extracted.text, language: extracted.language.as_deref(), chunks: &chunks, embeddings };
    let taken = context.store.take_over_document(&name.id, &found).await?;
    Ok(taken.then_some(chunks.len()))
}

/// Waits until no job is at work on these documents, as long as some job ends now and then; returns those that are not
/// indexed.
///
/// # Errors
/// [`AdoptError::Storage`].
pub async fn wait_until_indexed(
    context: &WorkerContext,
    documents: &[DocumentId],
    patience: Duration,
) -> Result<usize, AdoptError> {
    let (mut left, mut moved) = (usize::MAX, Instant::now());
    loop {
        let working = context.store.documents_in_work(documents).await?.len();
        if working < left {
            (left, moved) = (working, Instant::now());
        }
        if working == 0 || moved.elapsed() > patience {
            return Ok(context.store.unindexed_documents(documents).await?.len());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Removes the old application's vectors of documents that came from it and that the index which answers has by now, and
/// of those that were deleted here.
///
/// # Errors
/// [`AdoptError`]; what was removed until then stays removed, and a repetition removes the rest.
pub async fn remove_old_vectors(context: &WorkerContext, old: &OldIndex) -> Result<Removal, AdoptError> {
    let mut removal = Removal::default();
    let mut after: Option<DocumentId> = None;
    loop {
        let page = context.store.list_superseded_documents(after.as_ref(), DOCUMENTS).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for document in page {
            remove_document(old, &document.id, document.acknowledged, &mut removal).await?;
        }
    }
    after = None;
    loop {
        let page = context.store.list_deleted_adopted_documents(after.as_ref(), DOCUMENTS).await?;
        let Some(last) = page.last() else { return Ok(removal) };
        after = Some(last.clone());
        for document in page {
            // Where nothing was found another namespace may hold it: it is looked for again the next time.
            if remove_document(old, &document, true, &mut removal).await? {
                context.store.forget_deleted_adopted_document(&document).await?;
                removal.deleted += 1;
            }
        }
    }
}

/// Removes a document's vectors that the old index lists, if nobody needs them any more; whether there were some.
async fn remove_document(
    old: &OldIndex,
    document: &DocumentId,
    superseded: bool,
    removal: &mut Removal,
) -> Result<bool, AdoptError> {
    let prefix = prefix(document);
    let Some(numbers) = old.numbers(document).await? else {
        removal.kept += 1;
        return Ok(false);
    };
    if numbers.is_empty() {
        return Ok(false);
    }
    if !superseded {
        removal.kept += 1;
        return Ok(false);
    }
    let names: Vec<String> = numbers.iter().map(|number| format!("{prefix}{number}")).collect();
    old.data.delete(&names).await?;
    removal.vectors += names.len() as u64;
    removal.documents += 1;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(times: &[(u32, Option<f64>)]) -> BTreeMap<u32, Piece> {
        let piece = |indexed_at| Piece { text: "x".to_owned(), values: Vec::new(), indexed_at, language: None };
        times.iter().map(|(number, time)| (*number, piece(*time))).collect()
    }

    fn last(times: &[(u32, Option<f64>)], counted: u32) -> (u32, Vec<u32>) {
        let (of, left_over) = last_indexing(&pieces(times), counted);
        (of, left_over.into_iter().collect())
    }

    #[test]
    fn what_an_earlier_indexing_left_is_told_by_its_time_or_by_the_count() {
        let (old, new) = (Some(1.0), Some(9.0));
        assert_eq!(last(&[(0, new), (1, new)], 2), (2, vec![]));
        // Shorter than before.
        assert_eq!(last(&[(0, new), (1, new), (2, old), (3, old)], 2), (2, vec![2, 3]));
        assert_eq!(last(&[(0, None), (1, None), (2, None)], 2), (2, vec![2]));
        // The count was not noted any more: it became shorter, or longer.
        assert_eq!(last(&[(0, new), (1, new), (2, old)], 3), (2, vec![2]));
        assert_eq!(last(&[(0, new), (1, new), (2, new)], 2), (3, vec![]));
        assert_eq!(last(&[(0, None), (1, None)], 0), (2, vec![]));
        // What is missing stays missing.
        assert_eq!(last(&[(0, new), (2, new)], 3), (3, vec![]));
        assert_eq!(last(&[(1, new), (2, new)], 4), (4, vec![]));
    }

    #[test]
    fn names_of_other_documents_are_not_taken_for_this_ones() {
        assert_eq!(number("a-chunk-12", "a-chunk-"), Some(12));
        for other in
            ["a-chunk-1-chunk-0", "a-chunk-", "a-chunk-01", "a-chunk-+1", "a-chunk--1", "a-chunk-4294967296", "b"]
        {
            assert_eq!(number(other, "a-chunk-"), None, "{other}");
        }
    }

    #[test]
    fn numbers_are_told_in_runs() {
        assert_eq!(runs(&[1, 3, 4, 5, 9]), "1, 3-5, 9");
        let many: Vec<u32> = (0..100).map(|n| n * 2).collect();
        assert!(runs(&many).ends_with("38, and 80 more gaps"));
    }

    #[test]
    fn a_vector_is_kept_at_unit_length_or_not_at_all() {
        assert_eq!(direction(vec![3.0, 4.0], 2), Some(vec![0.6, 0.8]));
        for wrong in [vec![1.0], vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0]] {
            assert_eq!(direction(wrong, 2), None);
        }
    }
}

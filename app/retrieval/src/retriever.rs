//! The search itself.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use cjhirashi_domain::{
    Viewer,
    chat::BestMatch,
    id::DocumentId,
    search::{Passage, SearchMode, SearchTimings},
};
use cjhirashi_models::{Embedder, InputKind, ModelError, Outage};
use cjhirashi_storage::{ChunkPlace, SearchScope, Shown, StorageError, Store, StoredPassage, TextTerm};
use cjhirashi_vectors::{Consistency, IndexError, IndexFilter, IndexQuery, Match};

use crate::{
    Engine, EngineCell, Fate, RetrievalError, RetrievalTrace, SearchOutcome, SearchQuery, TraceCandidate, TraceTerm,
    candidates::{Ranks, cosine, coverage, merge, merge_exact, scored},
    closer,
    engine::Saw,
    fusion::{fused, same_language},
    question::{self, Frequencies},
    relevance::relevance,
};

/// Candidates asked of each way of finding, at least.
const CANDIDATES: usize = 50;
/// Candidates whose text is read.
const READ: usize = 48;
/// Candidates kept in a trace.
const TRACED: usize = 50;
/// The longest wait for a question's embedding; then words answer alone.
const EMBED_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait for an index in another process; then passages are scored one by one.
const INDEX_TIMEOUT: Duration = Duration::from_secs(2);
/// Chunks that a delayed index does not show yet and that are scored one by one.
const UNSEEN: i64 = 1_000;
/// Chunks that are scored one by one while the index is away: 6 MB of 1,536 dimensions.
const EXACT: i64 = 2_000;
/// How long counted stems are used before they are read again; shorter while there are none.
const FRESH: Duration = Duration::from_secs(300);
const FRESH_WHEN_EMPTY: Duration = Duration::from_secs(10);

/// Searches documents. Cheap to clone.
#[derive(Clone)]
pub struct Retriever {
    store: Store,
    engine: EngineCell,
    frequencies: Arc<RwLock<Option<(Instant, Arc<Frequencies>)>>>,
}

impl std::fmt::Debug for Retriever {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retriever").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// What went wrong on the way to the nearest vectors.
enum DenseProblem {
    Model(ModelError),
    Index(IndexError),
}

/// What the vector index answered.
#[derive(Default)]
struct Dense {
    /// The question's embedding, where there is one.
    vector: Option<Vec<f32>>,
    matches: Vec<Match>,
    problem: Option<DenseProblem>,
    /// Why some passages could not be compared, although the index answered.
    partial: Option<Partial>,
    embed_ms: f64,
    vector_ms: f64,
}

/// Why an index's answer may lack passages.
#[derive(Clone, Copy)]
enum Partial {
    /// It takes in what it needs.
    Loading,
    /// More is waiting to be shown by it than is scored one by one.
    Backlog,
}

/// What full text answered.
struct Text {
    terms: Vec<TextTerm>,
    /// Whether the terms say anything about relevance.
    counted: bool,
    language: Option<&'static str>,
    hits: Vec<ChunkPlace>,
    ms: f64,
}

/// The places of documents that were found and of which nothing could be read.
fn unread(places: &[ChunkPlace], stored: &[StoredPassage]) -> Vec<ChunkPlace> {
    let read: HashSet<&DocumentId> = stored.iter().map(|passage| &passage.place.document_id).collect();
    places.iter().filter(|place| !read.contains(&place.document_id)).cloned().collect()
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

impl Retriever {
    /// A retriever over a database and what answers.
    #[must_use]
    pub fn new(store: Store, engine: EngineCell) -> Self {
        Self { store, engine, frequencies: Arc::default() }
    }

    /// The model that questions are embedded with now.
    #[must_use]
    pub fn embedder(&self) -> Arc<dyn Embedder> {
        Arc::clone(&self.engine.current().embedder)
    }

    /// Finds passages for a question among what somebody may read.
    ///
    /// Four queries to PostgreSQL, one more for an index with delayed writes; none is open while the embedding model
    /// works. Where a document changes to a new version between the queries, so that it is found as it is no more, all of
    /// them are made once more. When the index cannot be used, the newest passages are scored one by one beside full text;
    /// when the model cannot, full text answers alone. In both cases the outcome says `degraded`.
    ///
    /// # Errors
    /// [`RetrievalError`].
    pub async fn search(&self, viewer: &Viewer, query: SearchQuery) -> Result<SearchOutcome, RetrievalError> {
        let began = Instant::now();
        let (mut outcome, missing) = self.look(viewer, &query).await?;
        if !missing.is_empty() && self.store.have_moved_on(viewer, &missing).await? {
            outcome = self.look(viewer, &query).await?.0;
        }
        outcome.timings.total = ms(began);
        outcome.trace.timings = outcome.timings;
        let timings = outcome.timings;
        for (stage, value) in [
            ("embed", timings.embed),
            ("vector", timings.vector),
            ("text", timings.text),
            ("join", timings.join),
            ("total", timings.total),
        ] {
            metrics::histogram!("cjhirashi_search_duration_seconds", "stage" => stage, "index" => outcome.trace.index.clone())
                .record(value / 1000.0);
        }
        if outcome.degraded {
            metrics::counter!("cjhirashi_searches_degraded_total").increment(1);
        }
        tracing::debug!(
            passages = outcome.passages.len(),
            candidates = outcome.trace.candidates.len(),
            degraded = outcome.degraded,
            duration_ms = timings.total,
            "Searched."
        );
        Ok(outcome)
    }

    /// One look: what was found, and the places of documents of which nothing could be read.
    async fn look(
        &self,
        viewer: &Viewer,
        query: &SearchQuery,
    ) -> Result<(SearchOutcome, Vec<ChunkPlace>), RetrievalError> {
        let engine = self.engine.current();
        let text = question::cleaned(&query.text);
        if text.is_empty() {
            return Err(RetrievalError::EmptyQuery);
        }
        let top_k = query.top_k.clamp(1, 50);
        let candidates = CANDIDATES.max(top_k * 2);
        let tags = query.tags.as_slice();

        // The scope is needed by the vector query only when labels select documents.
        let scope = async {
            let scope = self.store.search_scope(viewer, tags).await?;
            Ok::<_, StorageError>(scope)
        };
        let (scope, dense, words) = if tags.is_empty() {
            let (scope, dense, words) = tokio::join!(
                scope,
                self.find_dense(&engine, viewer, &text, query, None, candidates),
                self.find_text(viewer, &text, query, candidates),
            );
            (scope?, dense, words?)
        } else {
            let (dense, words) = tokio::join!(
                async {
                    let scope = scope.await?;
                    let dense = self.find_dense(&engine, viewer, &text, query, Some(&scope), candidates).await;
                    Ok::<_, StorageError>((scope, dense))
                },
                self.find_text(viewer, &text, query, candidates),
            );
            let (scope, dense) = dense?;
            (scope, dense, words?)
        };
        let (mut outcome, missing) = self.conclude(&engine, viewer, query, &text, top_k, dense, words).await?;
        outcome.searched_documents = scope.documents;
        Ok((outcome, missing))
    }

    async fn find_dense(
        &self,
        engine: &Engine,
        viewer: &Viewer,
        text: &str,
        query: &SearchQuery,
        scope: Option<&SearchScope>,
        candidates: usize,
    ) -> Dense {
        let mut dense = Dense::default();
        if query.mode == SearchMode::Text {
            return dense;
        }
        let began = Instant::now();
        let embedded = embed(engine, text).await;
        dense.embed_ms = ms(began);
        let vector = match embedded {
            Ok(vector) => vector,
            Err(error) => {
                dense.problem = Some(DenseProblem::Model(error));
                return dense;
            }
        };
        let began = Instant::now();
        let documents = scope.and_then(|scope| scope.selected.clone());
        match self.nearest(engine, viewer, &vector, documents, &query.tags, candidates).await {
            Ok((matches, partial)) => {
                dense.matches = matches;
                dense.partial = partial;
            }
            Err(error) => {
                dense.problem = Some(DenseProblem::Index(error));
                match self.store.list_newest_vectors(viewer, engine.embedder.id(), &query.tags, EXACT).await {
                    Ok(newest) => dense.matches = scored(&vector, newest, candidates),
                    Err(error) => tracing::warn!(error = %error, "Passages could not be scored without the index."),
                }
            }
        }
        dense.vector_ms = ms(began);
        dense.vector = Some(vector);
        dense
    }

    /// The nearest chunks, with those that the index cannot show yet.
    async fn nearest(
        &self,
        engine: &Engine,
        viewer: &Viewer,
        vector: &[f32],
        documents: Option<Vec<cjhirashi_domain::id::DocumentId>>,
        tags: &[String],
        top_k: usize,
    ) -> Result<(Vec<Match>, Option<Partial>), IndexError> {
        let (index, model) = (&engine.index, engine.embedder.id());
        if index.model() != model {
            let detail = format!("it holds vectors of {}, not of {model}", index.model());
            return Err(IndexError::Refused { index: index.name(), detail });
        }
        let filter = IndexFilter { reader: viewer.user_id.clone(), documents };
        let asked = index.query(IndexQuery { vector: vector.to_vec(), top_k, filter });
        // Another process may keep people waiting.
        let asked = tokio::time::timeout(INDEX_TIMEOUT, asked);
        // What was committed a moment ago the index may lack. What earlier queries saw this one sees, too: at worst more is
        // scored one by one than needed.
        let seen = engine.seen();
        let shown = match (index.consistency(), seen) {
            (Consistency::Immediate, _) => Shown::All,
            (Consistency::Eventual, Some(position)) => Shown::UpTo(position),
            (Consistency::Eventual, None) => Shown::Unknown,
        };
        let (answer, mut unseen) =
            tokio::join!(asked, self.store.list_unseen_vectors(viewer, model, tags, shown, UNSEEN));
        let answer = answer.map_err(|_| IndexError::Unavailable {
            index: index.name(),
            detail: format!("no answer within {} s", INDEX_TIMEOUT.as_secs()),
            retry_after: None,
        })??;
        if let Some(position) = answer.position
            && let Saw::Less(position) = engine.saw(position, seen)
        {
            unseen = self.store.list_unseen_vectors(viewer, model, tags, Shown::UpTo(position), UNSEEN).await;
        }
        let mut matches = answer.matches;
        let mut partial = None;
        match unseen {
            Ok(unseen) => {
                partial = i64::try_from(unseen.len()).is_ok_and(|count| count >= UNSEEN).then_some(Partial::Backlog);
                matches = merge_exact(matches, scored(vector, unseen, top_k), top_k);
            }
            // What the index shows is right; only the newest is missing.
            Err(error) => tracing::warn!(error = %error, "Chunks not yet in the vector index could not be read."),
        }
        if engine.name.kind.is_local() && index.stats().await?.loading {
            partial = Some(Partial::Loading);
        }
        Ok((matches, partial))
    }

    async fn find_text(
        &self,
        viewer: &Viewer,
        text: &str,
        query: &SearchQuery,
        candidates: usize,
    ) -> Result<Text, StorageError> {
        let began = Instant::now();
        let (words, frequencies) = tokio::join!(self.store.parse_question(text), self.frequencies());
        let words = words?;
        let terms = question::terms(&words, &frequencies);
        let hits = if query.mode == SearchMode::Dense {
            Vec::new()
        } else {
            let limit = i64::try_from(candidates).unwrap_or(i64::MAX);
            self.store.find_text(viewer, &terms, &query.tags, limit).await?
        };
        let counted = query.mode != SearchMode::Dense;
        Ok(Text { language: question::language(text, &words), terms, counted, hits, ms: ms(began) })
    }

    /// How common stems are; read again in the background when old, so that no search waits for it but the first.
    async fn frequencies(&self) -> Arc<Frequencies> {
        let known = self.frequencies.read().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            None => self.read_frequencies().await,
            Some((read_at, frequencies)) => {
                let fresh = if frequencies.is_empty() { FRESH_WHEN_EMPTY } else { FRESH };
                if read_at.elapsed() > fresh {
                    // Stamped first, so that only one search starts the reading.
                    *self.frequencies.write().unwrap_or_else(PoisonError::into_inner) =
                        Some((Instant::now(), Arc::clone(&frequencies)));
                    let retriever = self.clone();
                    tokio::spawn(async move { retriever.read_frequencies().await });
                }
                frequencies
            }
        }
    }

    async fn read_frequencies(&self) -> Arc<Frequencies> {
        let frequencies = match self.store.stem_statistics().await {
            Ok(statistics) => Arc::new(Frequencies::from(statistics)),
            Err(error) => {
                tracing::warn!(error = %error, "How common words are could not be read; all count the same.");
                Arc::default()
            }
        };
        *self.frequencies.write().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), Arc::clone(&frequencies)));
        frequencies
    }

    /// Reads the candidates' texts, scores them, and says what became of each.
    #[expect(clippy::too_many_arguments, reason = "the last step of one search")]
    async fn conclude(
        &self,
        engine: &Engine,
        viewer: &Viewer,
        query: &SearchQuery,
        text: &str,
        top_k: usize,
        dense: Dense,
        words: Text,
    ) -> Result<(SearchOutcome, Vec<ChunkPlace>), RetrievalError> {
        let mut problems = Vec::new();
        match &dense.problem {
            Some(DenseProblem::Model(error)) => problems.push(error.to_string()),
            Some(DenseProblem::Index(error)) => problems.push(error.to_string()),
            None => {}
        }
        match dense.partial {
            Some(Partial::Loading) => problems.push("the vector index is still being loaded".to_owned()),
            Some(Partial::Backlog) => problems.push(format!(
                "the vector index is far behind: of what it does not show yet only the newest {UNSEEN} passages were compared"
            )),
            None => {}
        }
        let degraded = !problems.is_empty();
        if let (SearchMode::Dense, Some(DenseProblem::Model(error))) = (query.mode, dense.problem) {
            return Err(error.into());
        }
        if degraded {
            tracing::warn!(problems = %problems.join("; "), "The meaning of a question could not be compared with all passages.");
        }

        let (places, ranks) = merge(&dense.matches, &words.hits, READ.max(top_k));
        let began = Instant::now();
        let wants_vector: Vec<bool> =
            places.iter().map(|place| dense.vector.is_some() && ranks[place].cosine.is_none()).collect();
        let stored = if places.is_empty() {
            Vec::new()
        } else {
            self.store
                .load_passages(viewer, &places, &wants_vector, engine.embedder.id(), &words.terms, &query.tags)
                .await?
        };
        let stale = places.len() - stored.len();
        let missing = if stale == 0 { Vec::new() } else { unread(&places, &stored) };
        let mut scored: Vec<(TraceCandidate, StoredPassage)> = stored
            .into_iter()
            .map(|passage| score(engine.embedder.as_ref(), &dense.vector, &ranks, &words, passage))
            .collect();
        best_first(&mut scored);
        let join = ms(began);
        if let Some(vector) = &dense.vector {
            look_closer(engine.embedder.as_ref(), vector, query.min_score, &words, &mut scored).await;
        }

        let best = scored.first().map(|(candidate, passage)| BestMatch {
            document_id: candidate.document_id.clone(),
            title: passage.title.clone(),
            score: candidate.score,
        });
        let mut passages: Vec<Passage> = Vec::with_capacity(top_k);
        let mut texts: HashSet<String> = HashSet::new();
        let mut traced = Vec::with_capacity(scored.len().min(TRACED));
        for (mut candidate, passage) in scored {
            candidate.fate = if candidate.score < query.min_score {
                Fate::BelowThreshold
            } else if passages.len() >= top_k {
                Fate::BeyondTopK
            } else if !texts.insert(passage.text.split_whitespace().collect::<Vec<_>>().join(" ")) {
                Fate::Duplicate
            } else {
                passages.push(Passage {
                    document_id: passage.place.document_id,
                    chunk_id: passage.chunk_id,
                    version: passage.place.version,
                    seq: passage.place.seq,
                    title: passage.title,
                    text: passage.text,
                    score: candidate.score,
                    start: passage.start,
                    end: passage.end,
                    page: passage.page,
                });
                Fate::Used
            };
            if traced.len() < TRACED {
                traced.push(candidate);
            }
        }
        let timings =
            SearchTimings { embed: dense.embed_ms, vector: dense.vector_ms, text: words.ms, join, total: 0.0 };
        let trace = RetrievalTrace {
            query: text.to_owned(),
            language: words.language.map(str::to_owned),
            mode: query.mode,
            model: engine.embedder.id().to_owned(),
            index: engine.index.name().to_owned(),
            terms: words
                .terms
                .iter()
                .map(|term| TraceTerm { word: term.stems.join("/"), weight: term.weight })
                .collect(),
            min_score: query.min_score,
            top_k,
            candidates: traced,
            stale,
            problems,
            timings,
        };
        Ok((SearchOutcome { passages, best, searched_documents: 0, timings, degraded, trace }, missing))
    }
}

fn best_first(scored: &mut [(TraceCandidate, StoredPassage)]) {
    scored.sort_by(|(a, _), (b, _)| {
        b.score.total_cmp(&a.score).then_with(|| b.fused.total_cmp(&a.fused)).then_with(|| a.seq.cmp(&b.seq))
    });
}

/// Where no candidate is relevant enough as a whole, the best are judged by their best sentence. When that fails, nothing
/// was found, as before.
async fn look_closer(
    embedder: &dyn Embedder,
    vector: &[f32],
    min_score: f64,
    words: &Text,
    scored: &mut [(TraceCandidate, StoredPassage)],
) {
    let all = scored.iter().take_while(|(candidate, _)| candidate.score >= closer::FLOOR);
    let looked = all.take(closer::PASSAGES).count();
    if looked == 0 || scored.first().is_none_or(|(best, _)| best.score >= min_score) {
        return;
    }
    let texts: Vec<&str> = scored.iter().take(looked).map(|(_, passage)| passage.text.as_str()).collect();
    let nearest = match closer::nearest_sentences(embedder, vector, &texts).await {
        Ok(nearest) => nearest,
        Err(error) => {
            tracing::warn!(%error, "The sentences of the best candidates could not be compared with a question.");
            return;
        }
    };
    for ((candidate, passage), nearest) in scored.iter_mut().zip(nearest) {
        candidate.sentence = nearest;
        if let Some(nearest) = nearest {
            let coverage = if words.counted { coverage(&words.terms, &passage.has) } else { None };
            let same = same_language(words.language, passage.language.as_deref());
            // Nothing is given back across languages: the nearest of many sentences is nearer by chance alone.
            candidate.score = candidate.score.max(relevance(Some(embedder.calibrate(nearest)), coverage, same));
        }
    }
    best_first(scored);
}

fn score(
    embedder: &dyn Embedder,
    vector: &Option<Vec<f32>>,
    ranks: &HashMap<ChunkPlace, Ranks>,
    words: &Text,
    passage: StoredPassage,
) -> (TraceCandidate, StoredPassage) {
    let ranks = ranks.get(&passage.place).copied().unwrap_or_default();
    let cosine = ranks.cosine.or_else(|| cosine(vector.as_deref()?, passage.values.as_deref()?));
    let same = same_language(words.language, passage.language.as_deref());
    // Asked for embeddings alone, the words have no say in the order either.
    let coverage = if words.counted { coverage(&words.terms, &passage.has) } else { None };
    let lost = if same { 0.0 } else { embedder.lost_across_languages() };
    let calibrated = cosine.map(|cosine| embedder.calibrate(cosine + lost));
    let candidate = TraceCandidate {
        document_id: passage.place.document_id.clone(),
        version: passage.place.version,
        seq: passage.place.seq,
        language: passage.language.clone(),
        dense_rank: ranks.dense,
        cosine,
        sentence: None,
        text_rank: ranks.text,
        coverage: coverage.unwrap_or(0.0),
        fused: fused(ranks.dense, ranks.text),
        score: relevance(calibrated, coverage, same),
        fate: Fate::BelowThreshold,
    };
    (candidate, passage)
}

async fn embed(engine: &Engine, text: &str) -> Result<Vec<f32>, ModelError> {
    let texts = [text.to_owned()];
    let embedder = &engine.embedder;
    let unavailable = |detail: &str| ModelError::Unavailable {
        provider: embedder.id().to_owned(),
        cause: Outage::Other,
        detail: detail.to_owned(),
    };
    let embedded = tokio::time::timeout(EMBED_TIMEOUT, embedder.embed(&texts, InputKind::Query))
        .await
        .map_err(|_| unavailable("the embedding of the question took too long"))??;
    embedded.vectors.into_iter().next().ok_or_else(|| unavailable("no embedding came back"))
}

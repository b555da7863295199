//! The search itself.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use cjhirashi_domain::{
    Viewer,
    chat::BestMatch,
    search::{Passage, SearchMode, SearchTimings},
};
use cjhirashi_models::{Embedder, InputKind, ModelError, Outage};
use cjhirashi_storage::{ChunkPlace, SearchScope, StorageError, Store, StoredPassage, StoredVector, TextTerm};
use cjhirashi_vectors::{ChunkKey, IndexError, IndexFilter, IndexQuery, Match};

use crate::{
    Engine, EngineCell, Fate, RetrievalError, RetrievalTrace, SearchOutcome, SearchQuery, TraceCandidate, TraceTerm,
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
    loading: bool,
    embed_ms: f64,
    vector_ms: f64,
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

/// Ranks of one candidate.
#[derive(Default, Clone, Copy)]
struct Ranks {
    dense: Option<usize>,
    cosine: Option<f32>,
    text: Option<usize>,
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
    /// works. When the index cannot be used, the newest passages are scored one by one beside full text; when the model
    /// cannot, full text answers alone. In both cases the outcome says `degraded`.
    ///
    /// # Errors
    /// [`RetrievalError`].
    pub async fn search(&self, viewer: &Viewer, query: SearchQuery) -> Result<SearchOutcome, RetrievalError> {
        let began = Instant::now();
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
                self.find_dense(&engine, viewer, &text, &query, None, candidates),
                self.find_text(viewer, &text, &query, candidates),
            );
            (scope?, dense, words?)
        } else {
            let (dense, words) = tokio::join!(
                async {
                    let scope = scope.await?;
                    let dense = self.find_dense(&engine, viewer, &text, &query, Some(&scope), candidates).await;
                    Ok::<_, StorageError>((scope, dense))
                },
                self.find_text(viewer, &text, &query, candidates),
            );
            let (scope, dense) = dense?;
            (scope, dense, words?)
        };
        let mut outcome = self.conclude(&engine, viewer, &query, &text, top_k, dense, words).await?;
        outcome.searched_documents = scope.documents;
        outcome.timings.total = ms(began);
        outcome.trace.timings = outcome.timings;
        let index = engine.index.name();
        let timings = outcome.timings;
        for (stage, value) in [
            ("embed", timings.embed),
            ("vector", timings.vector),
            ("text", timings.text),
            ("join", timings.join),
            ("total", timings.total),
        ] {
            metrics::histogram!("cjhirashi_search_duration_seconds", "stage" => stage, "index" => index)
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
            Ok((matches, loading)) => {
                dense.matches = matches;
                dense.loading = loading;
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
    ) -> Result<(Vec<Match>, bool), IndexError> {
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
        let (answer, mut unseen) =
            tokio::join!(asked, self.store.list_unseen_vectors(viewer, model, tags, seen, UNSEEN));
        let answer = answer.map_err(|_| IndexError::Unavailable {
            index: index.name(),
            detail: format!("no answer within {} s", INDEX_TIMEOUT.as_secs()),
            retry_after: None,
        })??;
        if let Some(position) = answer.position
            && engine.saw(position, seen) == Saw::Less
        {
            unseen = self.store.list_unseen_vectors(viewer, model, tags, engine.seen(), UNSEEN).await;
        }
        let mut matches = answer.matches;
        match unseen {
            Ok(unseen) => matches = merge_exact(matches, scored(vector, unseen, top_k), top_k),
            // What the index shows is right; only the newest is missing.
            Err(error) => tracing::warn!(error = %error, "Chunks not yet in the vector index could not be read."),
        }
        Ok((matches, engine.name.kind.is_local() && index.stats().await?.loading))
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
    ) -> Result<SearchOutcome, RetrievalError> {
        let mut problems = Vec::new();
        match &dense.problem {
            Some(DenseProblem::Model(error)) => problems.push(error.to_string()),
            Some(DenseProblem::Index(error)) => problems.push(error.to_string()),
            None => {}
        }
        if dense.loading {
            problems.push("the vector index is still being loaded".to_owned());
        }
        let degraded = !problems.is_empty();
        if let (SearchMode::Dense, Some(DenseProblem::Model(error))) = (query.mode, dense.problem) {
            return Err(error.into());
        }
        if degraded {
            tracing::warn!(problems = %problems.join("; "), "A search was answered by words alone, or nearly so.");
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
        let mut scored: Vec<(TraceCandidate, StoredPassage)> = stored
            .into_iter()
            .map(|passage| score(engine.embedder.as_ref(), &dense.vector, &ranks, &words, passage))
            .collect();
        scored.sort_by(|(a, _), (b, _)| {
            b.score.total_cmp(&a.score).then_with(|| b.fused.total_cmp(&a.fused)).then_with(|| a.seq.cmp(&b.seq))
        });
        let join = ms(began);

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
        Ok(SearchOutcome { passages, best, searched_documents: 0, timings, degraded, trace })
    }
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

/// Vectors from PostgreSQL, scored one by one, best first.
fn scored(question: &[f32], vectors: Vec<StoredVector>, top_k: usize) -> Vec<Match> {
    let matches = vectors
        .into_iter()
        .filter_map(|vector| Some(Match { key: key_of(&vector.place), score: cosine(question, &vector.values)? }));
    merge_exact(Vec::new(), matches.collect(), top_k)
}

/// What the index found and what was scored one by one, each passage once, best first. An exact score counts.
fn merge_exact(matches: Vec<Match>, exact: Vec<Match>, top_k: usize) -> Vec<Match> {
    let known: HashSet<ChunkKey> = exact.iter().map(|found| found.key.clone()).collect();
    let mut all = exact;
    all.extend(matches.into_iter().filter(|found| !known.contains(&found.key)));
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.key.cmp(&b.key)));
    all.truncate(top_k);
    all
}

fn key_of(place: &ChunkPlace) -> ChunkKey {
    ChunkKey { document_id: place.document_id.clone(), version: place.version, seq: place.seq }
}

/// The candidates of both ways, the most promising first, cut to what is read; and their ranks.
fn merge(matches: &[Match], hits: &[ChunkPlace], limit: usize) -> (Vec<ChunkPlace>, HashMap<ChunkPlace, Ranks>) {
    let mut ranks: HashMap<ChunkPlace, Ranks> = HashMap::with_capacity(matches.len() + hits.len());
    for (rank, found) in (1..).zip(matches) {
        let key = found.key.clone();
        let place = ChunkPlace { document_id: key.document_id, version: key.version, seq: key.seq };
        ranks.insert(place, Ranks { dense: Some(rank), cosine: Some(found.score), text: None });
    }
    for (rank, place) in (1..).zip(hits) {
        ranks.entry(place.clone()).or_default().text = Some(rank);
    }
    let mut places: Vec<(f64, ChunkPlace)> =
        ranks.iter().map(|(place, ranks)| (fused(ranks.dense, ranks.text), place.clone())).collect();
    places.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    places.truncate(limit);
    (places.into_iter().map(|(_, place)| place).collect(), ranks)
}

/// The share of the question's words, weighed by rarity, that a passage has.
fn coverage(terms: &[TextTerm], has: &[bool]) -> Option<f64> {
    let all: f64 = terms.iter().map(|term| term.weight).sum();
    let found: f64 = terms.iter().zip(has).filter(|(_, has)| **has).map(|(term, _)| term.weight).sum();
    (all > 0.0).then(|| found / all)
}

/// Cosine of two vectors of the same length; `None` otherwise, or where one has no direction.
fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
    if a.len() != b.len() {
        return None;
    }
    let (mut dot, mut aa, mut bb) = (0.0f64, 0.0f64, 0.0f64);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        dot += a * b;
        aa += a * a;
        bb += b * b;
    }
    let cosine = dot / (aa * bb).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "a cosine needs no more precision")]
    cosine.is_finite().then_some(cosine.clamp(-1.0, 1.0) as f32)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cjhirashi_domain::id::DocumentId;
    use proptest::prelude::*;

    use super::*;

    fn place(seq: i32) -> ChunkPlace {
        ChunkPlace { document_id: DocumentId::parse("d").unwrap(), version: 1, seq }
    }

    #[test]
    fn a_candidate_of_both_ways_comes_before_one_of_either() {
        let matches: Vec<Match> = (0..3).map(|seq| Match { key: key_of(&place(seq)), score: 0.9 }).collect();
        let hits = [place(2), place(7)];
        let (places, ranks) = merge(&matches, &hits, 10);
        assert_eq!(places[0], place(2));
        assert_eq!(places.len(), 4);
        assert_eq!((ranks[&place(2)].dense, ranks[&place(2)].text), (Some(3), Some(1)));
        assert_eq!(ranks[&place(7)].cosine, None);
    }

    #[test]
    fn coverage_weighs_words_by_their_rarity() {
        let term = |weight| TextTerm { stems: vec!["x".to_owned()], weight, chunks: 1.0 };
        assert_eq!(coverage(&[term(3.0), term(1.0)], &[true, false]), Some(0.75));
        assert_eq!(coverage(&[], &[]), None);
    }

    fn any_place() -> impl Strategy<Value = ChunkPlace> {
        ("[ab]", 1..3, 0..6).prop_map(|(document, version, seq)| {
            let document_id = DocumentId::parse(document).unwrap();
            ChunkPlace { document_id, version, seq }
        })
    }

    /// Passages with their scores, each once; few scores, so that many are equal.
    fn any_matches() -> impl Strategy<Value = BTreeMap<ChunkKey, f32>> {
        let score = prop_oneof![(-4i8..=4).prop_map(|score| f32::from(score) / 4.0), -1.0f32..=1.0];
        prop::collection::btree_map(any_place().prop_map(|place| key_of(&place)), score, 0..24)
    }

    /// Best first, by looking at all of them.
    fn best(all: &BTreeMap<ChunkKey, f32>, top_k: usize) -> Vec<Match> {
        let mut found: Vec<Match> = all.iter().map(|(key, &score)| Match { key: key.clone(), score }).collect();
        // A stable sort of what comes in the order of its keys.
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(top_k);
        found
    }

    proptest! {
        #[test]
        fn each_passage_comes_once_with_its_exact_score_where_there_is_one_and_no_better_one_is_left_out(
            index in any_matches(), exact in any_matches(), top_k in 0usize..30,
        ) {
            let mut all = index.clone();
            all.extend(exact.clone());
            let merged = merge_exact(best(&index, 100), best(&exact, 100), top_k);
            prop_assert_eq!(merged, best(&all, top_k));
        }

        #[test]
        fn the_order_in_which_they_come_does_not_count(
            (index, mixed) in any_matches().prop_map(|all| best(&all, 100)).prop_flat_map(|all| {
                (Just(all.clone()), Just(all).prop_shuffle())
            }),
            exact in any_matches(),
            top_k in 0usize..30,
        ) {
            let mut backwards = best(&exact, 100);
            backwards.reverse();
            prop_assert_eq!(merge_exact(index, best(&exact, 100), top_k), merge_exact(mixed, backwards, top_k));
        }

        #[test]
        fn the_best_are_the_same_whatever_the_index_does_not_show_yet(
            all in any_matches(),
            unseen in prop::collection::btree_set(any_place().prop_map(|place| key_of(&place)), 0..12),
            old in any_matches(),
            top_k in 1usize..30,
        ) {
            let apart = |seen: bool| {
                let some = all.iter().filter(|(key, _)| unseen.contains(*key) != seen);
                some.map(|(key, score)| (key.clone(), *score)).collect::<BTreeMap<_, _>>()
            };
            // Of what was written anew it may still show what was there before.
            let mut shown = apart(true);
            shown.extend(old.into_iter().filter(|(key, _)| unseen.contains(key) && all.contains_key(key)));
            // It ranks what it shows; those of before may take the places of others, hence it is asked for more.
            let asked = top_k + unseen.len();
            let merged = merge_exact(best(&shown, asked), best(&apart(false), asked), top_k);
            prop_assert_eq!(merged, best(&all, top_k));
        }

        #[test]
        fn vectors_are_scored_by_their_cosine_and_those_without_direction_left_out(
            question in prop::collection::vec(-1.0f32..1.0, 4),
            vectors in prop::collection::btree_map(any_place(), prop::collection::vec(-1.0f32..1.0, 3..6), 0..16),
            nothing in any_place(),
            top_k in 0usize..20,
        ) {
            let mut vectors = vectors;
            vectors.insert(nothing, vec![0.0; 4]);
            let all = vectors
                .iter()
                .filter_map(|(place, values)| Some((key_of(place), cosine(&question, values)?)))
                .collect();
            let stored = vectors
                .into_iter()
                .map(|(place, values)| StoredVector { place, ordinal: 0, owner: None, values })
                .collect();
            let found = scored(&question, stored, top_k);
            prop_assert!(found.iter().all(|found| (-1.0..=1.0).contains(&found.score)));
            prop_assert_eq!(found, best(&all, top_k));
        }

        #[test]
        fn candidates_of_both_ways_are_read_once_and_the_most_promising_of_them(
            matches in any_matches(),
            hits in prop::collection::btree_set(any_place(), 0..24).prop_map(Vec::from_iter).prop_shuffle(),
            limit in 0usize..40,
        ) {
            let matches = best(&matches, 100);
            let (places, ranks) = merge(&matches, &hits, limit);
            let once: HashSet<&ChunkPlace> = places.iter().collect();
            prop_assert_eq!((once.len(), places.len()), (places.len(), limit.min(ranks.len())));
            for (rank, found) in (1..).zip(&matches) {
                let ranks = ranks.iter().find(|(place, _)| key_of(place) == found.key).unwrap().1;
                prop_assert_eq!((ranks.dense, ranks.cosine), (Some(rank), Some(found.score)));
            }
            for (rank, place) in (1..).zip(&hits) {
                prop_assert_eq!(ranks[place].text, Some(rank));
            }
            let promise = |place: &ChunkPlace| fused(ranks[place].dense, ranks[place].text);
            prop_assert!(places.is_sorted_by(|a, b| promise(a) >= promise(b)));
            let least = places.last().map_or(1.0, promise);
            prop_assert!(limit == 0 || ranks.keys().all(|place| once.contains(place) || promise(place) <= least));
        }
    }

    #[test]
    fn the_cosine_of_vectors_without_direction_is_none() {
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), None);
        assert_eq!(cosine(&[1.0], &[1.0, 0.0]), None);
        assert_eq!(cosine(&[2.0, 0.0], &[3.0, 0.0]), Some(1.0));
    }
}

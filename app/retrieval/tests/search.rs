//! Searching a real database.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use cjhirashi_domain::{
    Viewer,
    id::{DocumentId, UserId},
    search::SearchMode,
    sync::IndexKind,
    user::Role,
};
use cjhirashi_models::{Embedded, Embedder, InputKind, ModelError, Outage};
use cjhirashi_retrieval::{Engine, EngineCell, Fate, Feeder, RetrievalError, Retriever, SearchOutcome, SearchQuery};
use cjhirashi_storage::{AppSecret, Store, StoreOptions, encode_embedding};
use cjhirashi_testkit::TestDb;
use cjhirashi_vectors::{
    Answer, ChunkKey, Consistency, EmbeddedIndex, EmbeddedOptions, IndexError, IndexQuery, IndexStats, VectorIndex,
    VectorRecord, Written,
};

const MODEL: &str = "test:topics@8";

/// Embeds by topic: one axis per word it knows, so that meaning can be told from words.
struct Topics {
    broken: AtomicBool,
}

fn topic(text: &str) -> Vec<f32> {
    const WORDS: [(&str, usize); 8] = [
        ("vacaciones", 0),
        ("holiday", 0),
        ("descanso", 0),
        ("cocina", 1),
        ("kitchen", 1),
        ("horno", 1),
        ("seguridad", 2),
        ("contraseña", 2),
    ];
    let mut values = vec![0.05; 8];
    for (word, axis) in WORDS {
        if text.to_lowercase().contains(word) {
            values[axis] += 1.0;
        }
    }
    values
}

#[async_trait]
impl Embedder for Topics {
    fn id(&self) -> &str {
        MODEL
    }

    fn dimension(&self) -> usize {
        8
    }

    fn batch_size(&self) -> usize {
        8
    }

    async fn embed(&self, texts: &[String], _: InputKind) -> Result<Embedded, ModelError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(ModelError::Unavailable {
                provider: "test".to_owned(),
                cause: Outage::Other,
                detail: "broken on command".to_owned(),
            });
        }
        Ok(Embedded { vectors: texts.iter().map(|text| topic(text)).collect(), tokens: None })
    }

    fn calibrate(&self, cosine: f32) -> f64 {
        f64::from(cosine).clamp(0.0, 1.0) * 0.8
    }
}

struct World {
    _database: TestDb,
    _folder: tempfile::TempDir,
    store: Store,
    index: Arc<EmbeddedIndex>,
    embedder: Arc<Topics>,
    retriever: Retriever,
}

fn viewer(name: &str) -> Viewer {
    Viewer { user_id: UserId::parse(name).unwrap(), role: Role::User }
}

fn id(name: &str) -> DocumentId {
    DocumentId::parse(name).unwrap()
}

impl World {
    async fn new() -> Self {
        let database = TestDb::new().await.unwrap();
        let store = Store::connect(StoreOptions::new(&database.url, AppSecret::new([7; 32]))).await.unwrap();
        store.migrate().await.unwrap();
        for user in ["ana", "eva"] {
            sqlx::query("INSERT INTO users (id, email) VALUES ($1, $1 || '@localhost')")
                .bind(user)
                .execute(store.pool())
                .await
                .unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions { folder: folder.path().to_owned(), model: MODEL.to_owned(), dimension: 8 };
        let (index, _) = EmbeddedIndex::open(options).await.unwrap();
        let index = Arc::new(index);
        let embedder = Arc::new(Topics { broken: AtomicBool::new(false) });
        let retriever = Retriever::new(
            store.clone(),
            EngineCell::new(Engine::new(IndexKind::Embedded, index.clone(), embedder.clone())),
        );
        Self { _database: database, _folder: folder, store, index, embedder, retriever }
    }

    async fn add(&self, id: &str, owner: Option<&str>, language: &str, tags: &[&str], texts: &[&str]) {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        sqlx::query(
            "INSERT INTO documents (id, user_id, title, source, status, version, chunk_count, tags)
             VALUES ($1, $2, 'Título de ' || $1, 'api', 'indexed', 0, $3, $4)",
        )
        .bind(id)
        .bind(owner)
        .bind(i32::try_from(texts.len()).unwrap())
        .bind(&tags)
        .execute(self.store.pool())
        .await
        .unwrap();
        for (seq, text) in (0i32..).zip(texts) {
            sqlx::query(
                "WITH chunk AS (
                    INSERT INTO chunks (id, document_id, version, seq, text, start_offset, end_offset, language, hash,
                                        indexed_at)
                    VALUES ($1 || '-' || $2, $1, 1, $2, $3, 0, length($3), $4, '', now()) RETURNING ordinal
                 )
                 INSERT INTO embeddings (ordinal, embedding, model) SELECT ordinal, $5, $6 FROM chunk",
            )
            .bind(id)
            .bind(seq)
            .bind(text)
            .bind(language)
            .bind(encode_embedding(&topic(text)))
            .bind(MODEL)
            .execute(self.store.pool())
            .await
            .unwrap();
        }
        sqlx::query("UPDATE documents SET version = 1 WHERE id = $1")
            .bind(id)
            .execute(self.store.pool())
            .await
            .unwrap();
    }

    async fn feed(&self) {
        Feeder::new(self.store.clone(), Arc::clone(&self.index)).compare().await.unwrap();
    }

    async fn search(&self, who: &str, text: &str, change: impl FnOnce(&mut SearchQuery)) -> SearchOutcome {
        let mut query = SearchQuery { min_score: 0.0, ..SearchQuery::new(text) };
        change(&mut query);
        self.retriever.search(&viewer(who), query).await.unwrap()
    }
}

fn found(outcome: &SearchOutcome) -> Vec<&str> {
    outcome.passages.iter().map(|passage| passage.document_id.as_str()).collect()
}

async fn filled() -> World {
    let world = World::new().await;
    world
        .add(
            "public-es",
            None,
            "es",
            &["empresa"],
            &["Las vacaciones anuales son de 23 días laborables para cada persona."],
        )
        .await;
    world.add("public-en", None, "en", &["company"], &["Every employee has 23 days of holiday a year."]).await;
    world.add("ana-cocina", Some("ana"), "es", &["casa"], &["Limpiar el horno de la cocina con vinagre."]).await;
    world
        .add(
            "eva-secreto",
            Some("eva"),
            "es",
            &["casa"],
            &["La contraseña de la cocina y de las vacaciones es ZX-9931."],
        )
        .await;
    world.feed().await;
    world
}

#[tokio::test]
async fn own_and_public_passages_are_found_and_foreign_ones_in_no_way() {
    let world = filled().await;
    for mode in [SearchMode::Hybrid, SearchMode::Dense, SearchMode::Text] {
        for text in ["contraseña ZX-9931", "vacaciones", "¿Cuál es la contraseña de la cocina?"] {
            let outcome = world.search("ana", text, |query| query.mode = mode).await;
            assert!(!found(&outcome).contains(&"eva-secreto"), "{mode:?} {text}");
            assert!(outcome.trace.candidates.iter().all(|c| c.document_id.as_str() != "eva-secreto"));
            assert_eq!(outcome.searched_documents, 3);
        }
    }
    let outcome = world.search("eva", "ZX-9931", |_| {}).await;
    assert_eq!(found(&outcome)[0], "eva-secreto");
}

#[tokio::test]
async fn a_question_in_spanish_finds_the_spanish_passage_first_and_the_english_one_by_meaning() {
    let world = filled().await;
    let outcome = world.search("ana", "¿Cuántos días de vacaciones hay al año?", |_| {}).await;
    assert_eq!(&found(&outcome)[..2], ["public-es", "public-en"]);
    assert_eq!(outcome.trace.language.as_deref(), Some("es"));
    assert!(!outcome.degraded);
    let passage = &outcome.passages[0];
    assert_eq!((passage.title.as_str(), passage.seq, passage.version), ("Título de public-es", 0, 1));
    assert!(passage.score > outcome.passages[1].score);
    assert_eq!(outcome.best.as_ref().unwrap().score, passage.score);
}

#[tokio::test]
async fn a_passage_that_speaks_of_many_things_is_found_by_one_of_its_sentences() {
    let world = World::new().await;
    let many = "La cocina cierra a las diez. La contraseña se cambia cada mes. Las vacaciones se piden en mayo.";
    world.add("reglas", None, "es", &[], &[many, "El horno está en la cocina de abajo."]).await;
    world.feed().await;
    let outcome = world.search("ana", "¿Cuándo es el descanso?", |query| query.min_score = 0.5).await;
    assert_eq!(found(&outcome), ["reglas"]);
    assert_eq!(outcome.passages[0].text, many);
    let candidate = &outcome.trace.candidates[0];
    assert!(candidate.sentence > candidate.cosine && candidate.fate == Fate::Used, "{candidate:?}");
    assert_eq!(outcome.best.as_ref().unwrap().score, outcome.passages[0].score);

    let outcome = world.search("ana", "¿Qué tiempo hace?", |query| query.min_score = 0.5).await;
    assert!(found(&outcome).is_empty(), "no sentence speaks of that");
    // Where something is relevant enough as a whole, nothing is looked at once more.
    let outcome = world.search("ana", "¿Dónde está el horno?", |query| query.min_score = 0.5).await;
    assert!(!found(&outcome).is_empty() && outcome.trace.candidates.iter().all(|c| c.sentence.is_none()));
}

#[tokio::test]
async fn accents_and_word_forms_do_not_decide() {
    let world = filled().await;
    for text in ["vacación anual", "VACACIONES ANUALES", "vacaciones annuales laborable", "dias laborables"] {
        let outcome = world.search("ana", text, |query| query.mode = SearchMode::Text).await;
        assert_eq!(found(&outcome).first(), Some(&"public-es"), "{text}");
    }
}

#[tokio::test]
async fn a_deleted_or_unshared_document_is_gone_at_once_whatever_the_index_holds() {
    let world = filled().await;
    let pool = world.store.pool();
    sqlx::query("UPDATE documents SET deleted_at = now() WHERE id = 'public-es'").execute(pool).await.unwrap();
    sqlx::query("UPDATE documents SET user_id = 'eva' WHERE id = 'public-en'").execute(pool).await.unwrap();
    let outcome = world.search("ana", "vacaciones holiday", |_| {}).await;
    assert_eq!(found(&outcome), ["ana-cocina"]);
    assert_eq!(outcome.trace.stale, 2, "the index still knows both");
    world.feed().await;
    let outcome = world.search("ana", "vacaciones holiday", |_| {}).await;
    assert_eq!(outcome.trace.stale, 0);
    assert_eq!(world.index.stats().await.unwrap().vectors, 3);
}

#[tokio::test]
async fn a_replaced_version_answers_instead_of_the_old_one() {
    let world = filled().await;
    sqlx::query(
        "WITH chunk AS (
            INSERT INTO chunks (id, document_id, version, seq, text, start_offset, end_offset, language, hash, indexed_at)
            VALUES ('n', 'public-es', 2, 0, 'Las vacaciones son ahora de 30 días.', 0, 10, 'es', '', now())
            RETURNING ordinal
         )
         INSERT INTO embeddings (ordinal, embedding, model) SELECT ordinal, $1, $2 FROM chunk",
    )
    .bind(encode_embedding(&topic("vacaciones")))
    .bind(MODEL)
    .execute(world.store.pool())
    .await
    .unwrap();
    let before = world.search("ana", "vacaciones", |_| {}).await;
    assert!(before.passages[0].text.contains("23"));
    sqlx::query("UPDATE documents SET version = 2 WHERE id = 'public-es'").execute(world.store.pool()).await.unwrap();
    world.feed().await;
    let after = world.search("ana", "vacaciones", |_| {}).await;
    assert!(after.passages[0].text.contains("30"));
    assert_eq!(world.index.holdings_of(&id("public-es")).len(), 1);
}

/// An index during whose first answer a document changes to its second version.
#[derive(Debug)]
struct Overtaken {
    inner: Arc<EmbeddedIndex>,
    store: Store,
    first: AtomicBool,
}

#[async_trait]
impl VectorIndex for Overtaken {
    fn name(&self) -> &'static str {
        "overtaken"
    }

    fn model(&self) -> &str {
        MODEL
    }

    fn dimension(&self) -> usize {
        8
    }

    fn consistency(&self) -> Consistency {
        self.inner.consistency()
    }

    async fn query(&self, query: IndexQuery) -> Result<Answer, IndexError> {
        let answer = self.inner.query(query).await?;
        if self.first.swap(false, Ordering::Relaxed) {
            // The feeder has heard of it when somebody asks again.
            for sql in [
                "INSERT INTO chunks (id, document_id, version, seq, text, start_offset, end_offset, language, hash, indexed_at)
                 SELECT id || 'b', document_id, 2, seq, text || ' Desde hoy.', 0, 9, language, '', now() FROM chunks
                 WHERE document_id = 'public-es'",
                "INSERT INTO embeddings (ordinal, embedding, model)
                 SELECT n.ordinal, e.embedding, e.model FROM chunks n JOIN chunks o USING (document_id, seq)
                 JOIN embeddings e ON e.ordinal = o.ordinal WHERE n.version = 2 AND o.version = 1",
                "UPDATE documents SET version = 2 WHERE id = 'public-es'",
            ] {
                sqlx::query(sql).execute(self.store.pool()).await.unwrap();
            }
            Feeder::new(self.store.clone(), Arc::clone(&self.inner)).compare().await.unwrap();
        }
        Ok(answer)
    }

    async fn upsert(&self, _: Vec<VectorRecord>) -> Result<Written, IndexError> {
        unreachable!("nothing is written through it")
    }

    async fn delete(&self, _: &[ChunkKey]) -> Result<Written, IndexError> {
        unreachable!("nothing is written through it")
    }

    async fn delete_document(&self, _: &DocumentId, _: Option<i32>) -> Result<Written, IndexError> {
        unreachable!("nothing is written through it")
    }

    async fn list(&self, _: Option<&DocumentId>, _: Option<&ChunkKey>, _: usize) -> Result<Vec<ChunkKey>, IndexError> {
        unreachable!("nothing is listed through it")
    }

    async fn stats(&self) -> Result<IndexStats, IndexError> {
        self.inner.stats().await
    }

    async fn clear(&self) -> Result<(), IndexError> {
        unreachable!("nothing is written through it")
    }
}

#[tokio::test]
async fn a_document_that_changes_while_it_is_searched_is_found_as_it_is_then() {
    let world = filled().await;
    let first = AtomicBool::new(true);
    let index = Arc::new(Overtaken { inner: world.index.clone(), store: world.store.clone(), first });
    let engine = Engine::new(IndexKind::Embedded, index, world.embedder.clone());
    let retriever = Retriever::new(world.store.clone(), EngineCell::new(engine));
    let query = SearchQuery { min_score: 0.0, mode: SearchMode::Dense, ..SearchQuery::new("vacaciones") };
    let outcome = retriever.search(&viewer("ana"), query).await.unwrap();
    let passage = outcome.passages.iter().find(|passage| passage.document_id.as_str() == "public-es").unwrap();
    assert!(passage.version == 2 && passage.text.ends_with("Desde hoy."), "{passage:?}");
}

#[tokio::test]
async fn labels_select_documents() {
    let world = filled().await;
    for mode in [SearchMode::Hybrid, SearchMode::Dense, SearchMode::Text] {
        let outcome = world
            .search("ana", "vacaciones cocina holiday", |query| {
                query.tags = vec!["casa".to_owned()];
                query.mode = mode;
            })
            .await;
        assert_eq!(found(&outcome), ["ana-cocina"], "{mode:?}");
        assert_eq!(outcome.searched_documents, 1);
    }
}

#[tokio::test]
async fn by_embeddings_alone_the_words_have_no_say() {
    let world = filled().await;
    let outcome = world.search("ana", "vacaciones anuales", |query| query.mode = SearchMode::Dense).await;
    assert!(!outcome.trace.candidates.is_empty());
    for candidate in &outcome.trace.candidates {
        assert_eq!((candidate.coverage, candidate.text_rank), (0.0, None));
        let cosine = candidate.cosine.unwrap() + world.embedder.lost_across_languages();
        assert!((candidate.score - world.embedder.calibrate(cosine)).abs() < 1e-6, "{candidate:?}");
    }
}

#[tokio::test]
async fn without_the_embedding_model_words_answer_and_say_so() {
    let world = filled().await;
    world.embedder.broken.store(true, Ordering::Relaxed);
    let outcome = world.search("ana", "vacaciones anuales", |_| {}).await;
    assert!(outcome.degraded);
    assert_eq!(found(&outcome), ["public-es"]);
    assert!(outcome.trace.problems[0].contains("broken on command"));
    assert!(outcome.passages[0].score > 0.5, "all words are there");
    let query = SearchQuery { mode: SearchMode::Dense, ..SearchQuery::new("vacaciones") };
    assert!(matches!(world.retriever.search(&viewer("ana"), query).await, Err(RetrievalError::Model(_))));
}

#[tokio::test]
async fn nothing_relevant_gives_no_passage_but_the_best_match() {
    let world = filled().await;
    let outcome = world.search("ana", "fusión nuclear", |query| query.min_score = 0.9).await;
    assert!(outcome.passages.is_empty());
    assert!(outcome.best.is_some_and(|best| best.score < 0.9));
    assert!(outcome.trace.candidates.iter().all(|candidate| candidate.fate == Fate::BelowThreshold));
}

#[tokio::test]
async fn a_search_for_nothing_and_searches_full_of_signs_do_no_harm() {
    let world = filled().await;
    for text in ["", "  \n\t "] {
        let result = world.retriever.search(&viewer("ana"), SearchQuery::new(text)).await;
        assert!(matches!(result, Err(RetrievalError::EmptyQuery)));
    }
    let long = "vacaciones ".repeat(50_000);
    for text in ["'", "\\", "a' | b:*", "!!!", "¿?", "de la", "'; DROP TABLE chunks; --", "\u{0}\u{1}x", "🦀", &long]
    {
        world.search("ana", text, |_| {}).await;
    }
}

#[tokio::test]
async fn the_same_text_in_two_documents_is_given_once() {
    let world = filled().await;
    world.add("copy", None, "es", &[], &["Las vacaciones anuales son de 23 días laborables para cada persona."]).await;
    world.feed().await;
    let outcome = world.search("ana", "vacaciones anuales", |_| {}).await;
    let copies = outcome.passages.iter().filter(|passage| passage.text.starts_with("Las vacaciones anuales")).count();
    assert_eq!(copies, 1);
    assert!(outcome.trace.candidates.iter().any(|candidate| candidate.fate == Fate::Duplicate));
}

#[tokio::test]
async fn an_empty_index_is_filled_from_the_database_and_survives_a_damaged_checkpoint() {
    let world = filled().await;
    world.index.checkpoint().await.unwrap();
    let folder = world._folder.path().to_owned();
    let bytes = std::fs::read(folder.join("index.bin")).unwrap();
    std::fs::write(folder.join("index.bin"), &bytes[..bytes.len() / 2]).unwrap();
    let options = EmbeddedOptions { folder, model: MODEL.to_owned(), dimension: 8 };
    let (index, report) = EmbeddedIndex::open(options).await.unwrap();
    assert!(report.rebuilding.is_some());
    let index = Arc::new(index);
    Feeder::new(world.store.clone(), Arc::clone(&index)).compare().await.unwrap();
    assert_eq!(index.stats().await.unwrap().vectors, 4);
}

#[tokio::test]
async fn a_running_feeder_learns_of_changes_made_elsewhere() {
    let world = World::new().await;
    let feeder = Feeder::new(world.store.clone(), Arc::clone(&world.index)).start();
    let waited = async |expected: u64| {
        for _ in 0..100 {
            let stats = world.index.stats().await.unwrap();
            if stats.vectors == expected && !stats.loading {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the index holds {:?}", world.index.stats().await);
    };
    waited(0).await;
    world.add("elsewhere", None, "es", &[], &["Las vacaciones.", "El horno."]).await;
    waited(2).await;
    sqlx::query("UPDATE documents SET deleted_at = now()").execute(world.store.pool()).await.unwrap();
    waited(0).await;
    feeder.shutdown().await;
}

#[tokio::test]
async fn chunks_of_a_version_that_does_not_answer_yet_stay_in_the_index_until_it_is_given_up() {
    let world = World::new().await;
    world.add("doc", None, "es", &[], &["Las vacaciones."]).await;
    let processing = "UPDATE documents SET version = 0, status = 'processing'";
    sqlx::query(processing).execute(world.store.pool()).await.unwrap();
    let vectors = world.store.list_answering_vectors(None, MODEL, 0, 10).await.unwrap();
    assert!(vectors.is_empty());
    // As the job does it: the index first, then the version.
    world
        .index
        .feed(vec![cjhirashi_vectors::FedVector {
            key: "doc#1#0".parse().unwrap(),
            ordinal: 1,
            visibility: cjhirashi_domain::access::Visibility::Public,
            values: topic("vacaciones"),
        }])
        .await
        .unwrap();
    world.feed().await;
    assert_eq!(world.index.stats().await.unwrap().vectors, 1);
    assert!(world.search("ana", "vacaciones", |_| {}).await.passages.is_empty());
    sqlx::query("UPDATE documents SET status = 'failed'").execute(world.store.pool()).await.unwrap();
    world.feed().await;
    assert_eq!(world.index.stats().await.unwrap().vectors, 0, "it would take the place of what answers");
}

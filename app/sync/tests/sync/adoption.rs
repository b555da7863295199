//! Documents of the ADR's application come over from its Pinecone index, which a server on loopback plays.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use cjhirashi_domain::{
    document::{Document, DocumentStatus},
    id::DocumentId,
    order::DocumentState,
    search::SearchMode,
    sync::{DocumentEventKind, IndexKind},
};
use cjhirashi_models::Secret;
use cjhirashi_retrieval::{Engine, EngineCell, Retriever, SearchQuery};
use cjhirashi_sync::{
    AdoptError, AdoptOptions, AdoptionReport, DocumentFilter, OldIndex, Problem, Removal, adopt, remove_old_vectors,
    wait_until_indexed,
};
use cjhirashi_testkit::{
    FaultyPinecone,
    pinecone::{Fault, FaultKind, Plan, Stored},
};
use cjhirashi_vectors::pinecone::{Deployment, Host, IndexName, IndexSpec, Namespace, PineconeIndex, PineconeOptions};
use serde_json::{Value, json};

use crate::support::{Base, DIMENSION, base, prose, vector};

const INDEX: &str = "cjhirashi-knowledge";
/// The old application named no namespace.
const OLD: &str = Namespace::DEFAULT;
const OWN: &str = "fake:one@16";

/// A database and an index as the old application left them, and ours in the same index.
struct World {
    base: Base,
    pinecone: FaultyPinecone,
    old: OldIndex,
}

fn settings(pinecone: &FaultyPinecone, index: &str, namespace: &str) -> PineconeOptions {
    PineconeOptions {
        key: Secret::from("faulty-key"),
        index: IndexName::parse(index).unwrap(),
        namespace: Namespace::parse(namespace).unwrap(),
        control: Host::parse(&pinecone.base_url()).unwrap(),
        host: None,
        model: OWN.to_owned(),
        dimension: DIMENSION,
    }
}

async fn make_index(index: &PineconeIndex, name: &str, dimension: usize) {
    let (name, deployment) = (IndexName::parse(name).unwrap(), Deployment::default());
    index.control().create(&IndexSpec { name, dimension, deployment }).await.unwrap();
}

async fn world() -> World {
    let mut base = base().await;
    let pinecone = FaultyPinecone::start().await.unwrap();
    let own = PineconeIndex::new(settings(&pinecone, INDEX, OWN)).unwrap();
    make_index(&own, INDEX, DIMENSION).await;
    base.context.engine = EngineCell::new(Engine::new(IndexKind::Pinecone, Arc::new(own), base.embedder.clone()));
    let old = OldIndex::open(settings(&pinecone, INDEX, OLD)).await.unwrap();
    World { base, pinecone, old }
}

/// As the old application cut: 512 characters, of which the next chunk repeats 50, and no white space around them.
fn cut(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let piece = |from: usize| characters.iter().skip(from).take(512).collect::<String>().trim().to_owned();
    (0..characters.len()).step_by(462).map(piece).collect()
}

/// Text on one line, as a question comes.
fn line(seed: usize, bytes: usize) -> String {
    prose(seed, bytes).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A vector as the old application wrote it.
fn stored(document: &str, number: usize, text: &str, at: f64) -> (String, Stored) {
    let metadata = json!({
        "documentId": document, "chunkIndex": number, "text": text, "title": "Viejo", "source": "upload",
        "createdAt": at, "tags": ["legal"], "language": "es",
    });
    let Value::Object(metadata) = metadata else { unreachable!() };
    // Providers give vectors of any length.
    let values = vector(text).into_iter().map(|value| value * 2.0).collect();
    (format!("{document}-chunk-{number}"), Stored { values, metadata })
}

impl World {
    /// A row as migrating the old database leaves it.
    async fn row(&self, id: &str, chunk_count: usize) -> DocumentId {
        let names: Vec<String> = (0..chunk_count).map(|number| format!("{id}-chunk-{number}")).collect();
        sqlx::query(
            r#"INSERT INTO documents (id, user_id, title, source, mime_type, status, adopted, error, chunk_count,
                    adopted_vector_ids)
               VALUES ($1, $2, 'Viejo ' || $1, 'upload', 'application/pdf', 'failed', true,
                    '{"code": "documents:adopted", "detail": null}', $3, $4)"#,
        )
        .bind(id)
        .bind(self.base.owner.user_id.as_str())
        .bind(i32::try_from(chunk_count).unwrap())
        .bind(names)
        .execute(self.base.store.pool())
        .await
        .unwrap();
        DocumentId::parse(id).unwrap()
    }

    /// A document with all its vectors, and its text.
    async fn document(&self, id: &str, seed: usize) -> (DocumentId, String) {
        let text = line(seed, 2_500);
        let chunks = cut(&text);
        let vectors = chunks.iter().enumerate().map(|(n, chunk)| stored(id, n, chunk, 1_000.0 + n as f64)).collect();
        self.pinecone.put(INDEX, OLD, vectors);
        (self.row(id, chunks.len()).await, text)
    }

    async fn adopt(&self, options: AdoptOptions) -> AdoptionReport {
        adopt(&self.base.context, &self.old, options).await
    }

    async fn get(&self, id: &DocumentId) -> Document {
        self.base.get(id).await.unwrap()
    }

    /// The document whose passage is nearest to a text.
    async fn nearest(&self, text: &str) -> Option<DocumentId> {
        let retriever = Retriever::new(self.base.store.clone(), self.base.context.engine.clone());
        let query =
            SearchQuery { text: text.to_owned(), top_k: 5, min_score: 0.9, tags: Vec::new(), mode: SearchMode::Dense };
        let outcome = retriever.search(&self.base.owner, query).await.unwrap();
        assert!(!outcome.degraded, "the index answers");
        outcome.passages.into_iter().next().map(|passage| passage.document_id)
    }

    fn names(&self, namespace: &str) -> BTreeSet<String> {
        self.pinecone.vectors(INDEX, namespace).into_keys().collect()
    }

    /// All that taking over could change.
    async fn snapshot(&self) -> (i64, i64, i64, i64, usize) {
        (
            self.base.count("SELECT count(*) FROM documents WHERE adopted AND status = 'failed'").await,
            self.base.count("SELECT count(*) FROM document_versions").await,
            self.base.count("SELECT count(*) FROM chunks").await,
            self.base.count("SELECT count(*) FROM jobs").await,
            self.names(OWN).len() + self.names(OLD).len(),
        )
    }
}

const EMBED_ANEW: AdoptOptions = AdoptOptions { dry_run: false, embed_anew: true };

#[tokio::test]
async fn texts_and_vectors_come_over_and_are_found_under_our_names() {
    let world = world().await;
    let (first, text) = world.document("clh3docu0001", 2).await;
    let (second, _) = world.document("clh3docu0002", 5).await;
    let report = world.adopt(AdoptOptions::default()).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.taken_over.len(), 2);
    let sampled = world.base.embedder.embedded();
    assert!(sampled <= 3, "only to see whether the vectors are the model's");

    world.base.work().await;
    assert_eq!(world.base.embedder.embedded(), sampled, "nothing was embedded again");
    let document = world.get(&first).await;
    assert_eq!((document.status, document.version, document.adopted), (DocumentStatus::Indexed, 1, false));
    assert_eq!((document.language.as_deref(), document.size_bytes, &document.error), (Some("es"), None, &None));
    let chunks = cut(&text);
    assert_eq!(document.chunk_count as usize, chunks.len());
    let documents = &world.base.documents;
    let part = documents.part(&world.base.owner, &first, 0, 10_000).await.unwrap().unwrap();
    assert_eq!(part.text, text, "what the chunks repeated of each other stands in it once");
    for chunk in documents.chunks(&world.base.owner, &first, 0, 100).await.unwrap().unwrap() {
        let (start, end) = (chunk.start as usize, chunk.end as usize);
        assert_eq!(part.text.chars().skip(start).take(end - start).collect::<String>(), chunk.text);
    }
    let events = documents.events(&world.base.owner, &first, 20).await.unwrap();
    assert_eq!(events.last().map(|event| event.event), Some(DocumentEventKind::Adopted));
    assert_eq!(world.nearest(&chunks[2]).await, Some(first.clone()));
    let ours = world.names(OWN);
    assert!(ours.contains("clh3docu0001#1#0") && ours.contains("clh3docu0002#1#0"), "{ours:?}");
    assert_eq!(world.names(OLD).len(), ours.len(), "the old ones are left alone");
    assert!(documents.original(&world.base.owner, &second).await.unwrap().is_none(), "there never was a file");

    // Once more: nothing is left to do.
    let before = world.snapshot().await;
    let report = world.adopt(AdoptOptions::default()).await;
    assert!(report.is_complete() && report.taken_over.is_empty() && report.already == 2, "{report:?}");
    assert_eq!(world.snapshot().await, before);
    assert_eq!(world.pinecone.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_document_without_a_file_is_replaced_and_deleted_like_any_other() {
    let world = world().await;
    let (replaced, _) = world.document("clh3docu0001", 2).await;
    let (deleted, _) = world.document("clh3docu0002", 3).await;
    world.adopt(AdoptOptions::default()).await;
    world.base.work().await;
    let documents = &world.base.documents;
    let mut writer = documents.upload().await.unwrap();
    writer.write(prose(9, 2_000).as_bytes()).await.unwrap();
    let blob = writer.finish().await.unwrap();
    let version = documents.add_version(&world.base.owner, &replaced, Some("v.txt"), None, &blob).await.unwrap();
    assert_eq!(version, 2);
    documents.delete(&world.base.owner, &deleted).await.unwrap();
    world.base.work().await;
    let document = world.get(&replaced).await;
    assert_eq!((document.status, document.version), (DocumentStatus::Indexed, 2));
    assert!(documents.original(&world.base.owner, &replaced).await.unwrap().is_some());
    assert_eq!(world.base.count("SELECT count(*) FROM documents").await, 1);
    assert!(world.names(OWN).iter().all(|name| name.starts_with("clh3docu0001#2#")));
}

#[tokio::test]
async fn a_look_changes_nothing() {
    let world = world().await;
    let (id, _) = world.document("clh3docu0001", 2).await;
    world.row("clh3docu0002", 3).await;
    let before = world.snapshot().await;
    let report = world.adopt(AdoptOptions { dry_run: true, ..AdoptOptions::default() }).await;
    assert_eq!((report.taken_over.len(), report.absent.len(), report.already), (1, 1, 0), "{report:?}");
    assert_eq!(world.snapshot().await, before);
    assert!(world.get(&id).await.adopted);
}

#[tokio::test]
async fn what_is_not_all_there_is_named_and_left_as_it_is() {
    let world = world().await;
    let ids = ["gap", "short", "textless", "foreign", "vectorless", "large"];
    for (seed, id) in ids.into_iter().enumerate() {
        world.document(id, seed).await;
    }
    world.row("absent", 4).await;
    let (whole, _) = world.document("whole", 8).await;
    world.pinecone.remove(INDEX, OLD, &["gap-chunk-1", "gap-chunk-3", "gap-chunk-4", "short-chunk-5"]);
    let spoil = |id: &str, number: usize, change: fn(&mut Stored)| {
        let name = format!("{id}-chunk-{number}");
        let mut stored = world.pinecone.vectors(INDEX, OLD)[&name].clone();
        change(&mut stored);
        world.pinecone.put(INDEX, OLD, vec![(name, stored)]);
    };
    spoil("textless", 0, |stored| drop(stored.metadata.remove("text")));
    spoil("textless", 2, |stored| drop(stored.metadata.insert("text".to_owned(), json!(" \u{200b}\0 "))));
    spoil("foreign", 1, |stored| drop(stored.metadata.insert("documentId".to_owned(), json!("whole"))));
    spoil("foreign", 3, |stored| drop(stored.metadata.insert("chunkIndex".to_owned(), json!(7))));
    spoil("vectorless", 4, |stored| stored.values = vec![1.0; 3]);
    spoil("large", 0, |stored| drop(stored.metadata.insert("text".to_owned(), json!("a".repeat(50_000)))));
    // Another document whose id begins as the names of this one's vectors.
    world.pinecone.put(INDEX, OLD, vec![stored("whole-chunk-7", 0, "De otro documento.", 1.0)]);

    let report = world.adopt(AdoptOptions::default()).await;
    let problems = |id: &str| {
        let found = report.incomplete.iter().find(|(name, _)| name.id.as_str() == id);
        found.map(|(_, problems)| problems.clone()).unwrap_or_else(|| panic!("{id} is not named: {report:?}"))
    };
    assert_eq!(problems("gap"), [Problem::Missing { chunks: vec![1, 3, 4], of: 6 }]);
    assert_eq!(problems("short"), [Problem::Missing { chunks: vec![5], of: 6 }]);
    assert_eq!(problems("textless"), [Problem::WithoutText(vec![0, 2])]);
    assert_eq!(problems("foreign"), [Problem::OfAnother(vec![1, 3])]);
    assert_eq!(problems("vectorless"), [Problem::WithoutVector(vec![4])]);
    assert_eq!(problems("large"), [Problem::TextTooLarge(vec![0])]);
    assert_eq!(problems("gap")[0].to_string(), "missing of 6 chunks: 1, 3-4");
    assert_eq!(report.absent.iter().map(|name| name.id.as_str()).collect::<Vec<_>>(), ["absent"]);
    assert_eq!(report.taken_over.iter().map(|(name, _)| &name.id).collect::<Vec<_>>(), [&whole]);
    assert!(!report.is_complete());

    // They wait: they are not among what failed, and there is nothing to try again.
    world.base.work().await;
    let documents = &world.base.documents;
    let listed = async |state| {
        let filter = DocumentFilter { state: Some(state), ..DocumentFilter::default() };
        documents.list(&world.base.owner, &filter).await.unwrap().total
    };
    assert_eq!((listed(DocumentState::Failed).await, listed(DocumentState::Working).await), (0, 7));
    assert_eq!(documents.retry_all(&world.base.owner).await.unwrap(), 0);
    assert!(world.get(&DocumentId::parse("gap").unwrap()).await.adopted);

    // Once the vectors are there, so is the document.
    let text = line(0, 2_500);
    world.pinecone.put(INDEX, OLD, cut(&text).iter().enumerate().map(|(n, it)| stored("gap", n, it, 5.0)).collect());
    let report = world.adopt(AdoptOptions::default()).await;
    assert_eq!((report.taken_over.len(), report.already, report.incomplete.len()), (1, 1, 5));
}

#[tokio::test]
async fn what_a_longer_version_left_behind_is_no_part_of_the_text() {
    let world = world().await;
    let id = world.row("clh3docu0001", 2).await;
    let text = line(2, 900);
    let mut vectors: Vec<_> =
        cut(&text).iter().enumerate().map(|(n, chunk)| stored(id.as_str(), n, chunk, 2_000.0 + n as f64)).collect();
    assert_eq!(vectors.len(), 2);
    vectors.push(stored(id.as_str(), 2, "De la versión anterior, que era más larga.", 1_002.0));
    world.pinecone.put(INDEX, OLD, vectors);
    let report = world.adopt(AdoptOptions::default()).await;
    assert!(report.is_complete() && report.left_over == 1, "{report:?}");
    let part = world.base.documents.part(&world.base.owner, &id, 0, 10_000).await.unwrap().unwrap();
    assert_eq!(part.text, text);
}

#[tokio::test]
async fn vectors_of_another_length_are_refused_and_their_texts_can_be_embedded_anew() {
    let mut world = world().await;
    let before = PineconeIndex::new(settings(&world.pinecone, "before", OLD)).unwrap();
    make_index(&before, "before", 4).await;
    let text = line(4, 1_500);
    let vectors = cut(&text).into_iter().enumerate().map(|(n, chunk)| {
        let (name, stored) = stored("clh3docu0001", n, &chunk, 1.0);
        (name, Stored { values: vec![1.0, 0.0, 0.0, 0.5], ..stored })
    });
    world.pinecone.put("before", OLD, vectors.collect());
    let id = world.row("clh3docu0001", cut(&text).len()).await;
    world.old = OldIndex::open(settings(&world.pinecone, "before", OLD)).await.unwrap();

    let unchanged = world.snapshot().await;
    let report = world.adopt(AdoptOptions::default()).await;
    assert!(matches!(report.error, Some(AdoptError::Dimension { actual: 4, expected: DIMENSION, .. })), "{report:?}");
    let words = report.error.unwrap().to_string();
    assert!(words.contains(OWN) && words.contains("--embed-anew") && words.contains("EMBEDDINGS"), "{words}");
    assert_eq!(world.snapshot().await, unchanged);

    let report = world.adopt(EMBED_ANEW).await;
    assert!(report.is_complete() && report.taken_over.len() == 1, "{report:?}");
    assert_eq!(world.base.embedder.embedded(), 0, "the job does it");
    world.base.work().await;
    let document = world.get(&id).await;
    assert_eq!(document.status, DocumentStatus::Indexed);
    assert_eq!(world.base.embedder.embedded(), document.chunk_count as usize);
    let chunks = world.base.documents.chunks(&world.base.owner, &id, 0, 10).await.unwrap().unwrap();
    assert_eq!(world.nearest(&chunks[0].text).await, Some(id));
}

#[tokio::test]
async fn vectors_of_another_model_are_refused_although_they_are_as_long() {
    let world = world().await;
    let (id, text) = world.document("clh3docu0001", 2).await;
    let vectors = cut(&text).into_iter().enumerate().map(|(n, chunk)| {
        let (name, stored) = stored(id.as_str(), n, &chunk, 1.0);
        (name, Stored { values: vector(&format!("{chunk}, for another model")), ..stored })
    });
    world.pinecone.put(INDEX, OLD, vectors.collect());
    let unchanged = world.snapshot().await;
    let report = world.adopt(AdoptOptions::default()).await;
    assert!(matches!(report.error, Some(AdoptError::OtherModel { likeness, .. }) if likeness < 0.5), "{report:?}");
    assert_eq!(world.snapshot().await, unchanged);
    assert!(world.adopt(EMBED_ANEW).await.is_complete());
}

#[tokio::test]
async fn a_run_that_breaks_off_keeps_what_it_has_and_the_next_one_takes_the_rest() {
    let world = world().await;
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(world.document(&format!("clh3docu000{number}"), number).await.0);
    }
    let gone = Fault { kind: FaultKind::Reset, operation: Some("fetchVectors".to_owned()), after: 3, times: None };
    world.pinecone.set(Plan { faults: vec![gone], ..Plan::default() });
    let first = world.adopt(AdoptOptions::default()).await;
    assert!(matches!(first.error, Some(AdoptError::Index(_))), "{first:?}");
    assert!(first.taken_over.len() < ids.len());

    // Now and then something fails, and the answer to a write is lost.
    let lost = Fault::next("upsertVectors", 1, FaultKind::LostAcknowledgement);
    let away = Fault::next("listVectors", 1, FaultKind::Status(503));
    world.pinecone.set(Plan { faults: vec![lost, away], ..Plan::default() });
    let second = world.adopt(AdoptOptions::default()).await;
    assert!(second.is_complete(), "{second:?}");
    assert_eq!(second.already as usize, first.taken_over.len());
    assert_eq!(first.taken_over.len() + second.taken_over.len(), ids.len());
    world.base.work().await;
    world.base.hurry().await;
    world.base.work().await;
    assert_eq!(wait_until_indexed(&world.base.context, &ids, Duration::ZERO).await.unwrap(), 0);
    assert_eq!(world.names(OWN).len(), world.names(OLD).len());
    assert_eq!(
        world.base.count("SELECT count(*) FROM chunks").await,
        world.base.count("SELECT count(*) FROM embeddings").await
    );
}

#[tokio::test]
async fn old_vectors_go_once_ours_are_acknowledged_and_not_before() {
    let world = world().await;
    let (_, text) = world.document("clh3docu0001", 2).await;
    world.document("clh3docu0002", 3).await;
    world.row("waits", 1).await;
    let waits = stored("waits", 5, "Todavía no.", 1.0);
    let others = stored("not-in-this-database", 0, "De otra aplicación.", 1.0);
    world.pinecone.put(INDEX, OLD, vec![waits, others]);
    let all = world.names(OLD);
    assert!(!world.adopt(AdoptOptions::default()).await.is_complete());
    let removal = remove_old_vectors(&world.base.context, &world.old).await.unwrap();
    assert_eq!(removal, Removal { kept: 2, ..Removal::default() });
    assert_eq!(world.names(OLD), all);

    world.base.work().await;
    // The answer to the first removal is lost: it is asked for again.
    let lost = Fault::next("deleteVectors", 1, FaultKind::LostAcknowledgement);
    world.pinecone.set(Plan { faults: vec![lost], ..Plan::default() });
    let removal = remove_old_vectors(&world.base.context, &world.old).await.unwrap();
    assert_eq!((removal.documents, removal.kept), (2, 0));
    assert_eq!(removal.vectors as usize, all.len() - 2);
    let left: Vec<String> = world.names(OLD).into_iter().collect();
    assert_eq!(left, ["not-in-this-database-chunk-0", "waits-chunk-5"]);
    assert_eq!(world.nearest(&cut(&text)[1]).await, Some(DocumentId::parse("clh3docu0001").unwrap()));
    let removal = remove_old_vectors(&world.base.context, &world.old).await.unwrap();
    assert_eq!(removal, Removal::default());
    assert_eq!(world.pinecone.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_deleted_document_left_in_the_old_index_goes_with_the_other_old_vectors() {
    let world = world().await;
    let (taken_over, _) = world.document("clh3docu0001", 2).await;
    world.adopt(AdoptOptions::default()).await;
    world.base.work().await;
    let (never_taken_over, _) = world.document("clh3docu0002", 3).await;
    let old = world.names(OLD);
    for id in [&taken_over, &never_taken_over] {
        sqlx::query("UPDATE documents SET user_id = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(world.base.owner.user_id.as_str())
            .execute(world.base.store.pool())
            .await
            .unwrap();
        world.base.documents.delete(&world.base.owner, id).await.unwrap();
    }
    let ours = world.base.add("Nuestro", &prose(4, 1_000)).await.id;
    world.base.documents.delete(&world.base.owner, &ours).await.unwrap();
    world.base.work().await;
    assert_eq!(world.base.count("SELECT count(*) FROM documents").await, 0);
    assert_eq!(world.names(OLD), old, "the job knows nothing of the old index");

    // Where they are not, they are not taken for removed.
    let elsewhere = OldIndex::open(settings(&world.pinecone, INDEX, "elsewhere")).await.unwrap();
    assert_eq!(remove_old_vectors(&world.base.context, &elsewhere).await.unwrap(), Removal::default());

    // One removal fails, and what is left is removed by the next run.
    let away = Fault { kind: FaultKind::Reset, operation: Some("deleteVectors".to_owned()), after: 1, times: None };
    world.pinecone.set(Plan { faults: vec![away], ..Plan::default() });
    remove_old_vectors(&world.base.context, &world.old).await.unwrap_err();
    world.pinecone.set(Plan::default());
    let removal = remove_old_vectors(&world.base.context, &world.old).await.unwrap();
    assert_eq!((removal.documents, removal.deleted, removal.kept), (1, 1, 0));
    assert!(world.names(OLD).is_empty());
    assert_eq!(world.base.count("SELECT count(*) FROM deleted_adopted_documents").await, 0);
    assert_eq!(remove_old_vectors(&world.base.context, &world.old).await.unwrap(), Removal::default());
}

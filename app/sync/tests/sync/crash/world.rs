//! A knowledge base over Pinecone, what is expected of it, and whether that is so.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use cjhirashi_domain::{
    Viewer,
    access::Visibility,
    document::DocumentStatus,
    id::DocumentId,
    search::SearchMode,
    sync::{IndexKind, IndexName},
    user::Role,
};
use cjhirashi_ingest::{ChunkOptions, Kind, Limits, chunk, extract};
use cjhirashi_models::Embedder as _;
use cjhirashi_retrieval::{Engine, EngineCell, Retriever, SearchOutcome, SearchQuery};
use cjhirashi_storage::JobKind;
use cjhirashi_sync::{Worker, WorkerOptions, reconcile};
use cjhirashi_testkit::{FaultyPinecone, pinecone::Plan};
use cjhirashi_vectors::VectorIndex as _;
use cjhirashi_vectors::pinecone::{
    Deployment, Host, IndexName as PineconeName, IndexSpec, Namespace, PineconeIndex, PineconeOptions,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{gate::Peer, process};
use crate::support::{Base, DIMENSION, FakeEmbedder, base_with, options, prose, text};

pub(crate) const MODEL: &str = "fake:one@16";
const INDEX: &str = "knowledge";
/// Chunks beyond which a search does not show all there are.
const SHOWN: usize = 45;
/// Calls to the model that one document makes at the same time.
const PARALLEL_CALLS: usize = 2;

/// A document as it should be.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// Who added it and changes it.
    pub(crate) by: Viewer,
    pub(crate) visibility: Visibility,
    pub(crate) title: String,
    pub(crate) tags: Vec<String>,
    /// The texts of all versions, the first one first.
    pub(crate) contents: Vec<String>,
    /// Their chunks.
    pub(crate) chunks: Vec<Vec<String>>,
    /// The newest that was not taken back.
    pub(crate) newest: usize,
    pub(crate) deleted: bool,
}

impl Expected {
    fn newest_content(&self) -> &String {
        &self.contents[self.newest - 1]
    }

    fn newest_chunks(&self) -> &Vec<String> {
        &self.chunks[self.newest - 1]
    }

    fn newest_version(&self) -> i32 {
        i32::try_from(self.newest).unwrap()
    }

    fn is_for(&self, viewer: &Viewer) -> bool {
        !self.deleted
            && match &self.visibility {
                Visibility::Public => true,
                Visibility::Private(owner) => *owner == viewer.user_id,
            }
    }

    /// What Pinecone should hold beside a vector, but for what nobody changes.
    fn metadata(&self, seq: usize, text: &str) -> Value {
        let (user, visibility) = match &self.visibility {
            Visibility::Public => (Value::Null, json!("public")),
            Visibility::Private(owner) => (json!(owner.as_str()), Value::Null),
        };
        json!({"title": self.title, "tags": self.tags, "userId": user, "visibility": visibility, "chunkIndex": seq as f64,
               "text": text})
    }
}

pub(crate) struct World {
    pub(crate) base: Base,
    pub(crate) ana: Viewer,
    pub(crate) pinecone: FaultyPinecone,
    pub(crate) documents: BTreeMap<DocumentId, Expected>,
    pub(crate) index: Arc<PineconeIndex>,
    /// Texts that may have to be embedded once more, since an embedding of theirs was lost with a process or a version.
    pub(crate) lost: Vec<String>,
    /// Processes that died while others lived: whose runs were lost is not known.
    pub(crate) deaths: usize,
    /// Differences that a comparison found when all was quiet.
    pub(crate) drifted: usize,
    data: String,
    model: SocketAddr,
    serving: JoinHandle<()>,
    texts: usize,
}

impl Drop for World {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn pinecone_options(url: &str) -> PineconeOptions {
    PineconeOptions {
        key: "a key".into(),
        index: PineconeName::parse(INDEX).unwrap(),
        namespace: Namespace::parse(MODEL).unwrap(),
        control: Host::parse(url).unwrap(),
        host: Some(Host::parse(url).unwrap()),
        model: MODEL.to_owned(),
        dimension: DIMENSION,
    }
}

fn host_and_port(url: &str) -> &str {
    let rest = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
    let rest = rest.split_once("://").map_or(rest, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap()
}

impl World {
    /// An empty one, for a model that takes `batch` texts a call, each of at most `max_tokens`.
    pub(crate) async fn new(batch: usize, max_tokens: usize) -> Self {
        let mut base = base_with(FakeEmbedder { max_tokens, ..FakeEmbedder::new(MODEL, batch) }).await;
        let pinecone = FaultyPinecone::start().await.unwrap();
        let control = PineconeOptions { host: None, ..pinecone_options(&pinecone.base_url()) };
        let made = PineconeIndex::new(control).unwrap();
        let name = PineconeName::parse(INDEX).unwrap();
        let spec = IndexSpec { name: name.clone(), dimension: DIMENSION, deployment: Deployment::default() };
        made.control().create(&spec).await.unwrap();
        made.control().wait_ready(&name, Duration::from_secs(10)).await.unwrap();
        let data = made.control().describe(&name).await.unwrap().unwrap().host;
        let index = Arc::new(PineconeIndex::new(pinecone_options(&data)).unwrap());
        base.context = process::context(&base.store, base.folder.path(), index.clone(), base.embedder.clone()).await;
        let listener = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let model = listener.local_addr().unwrap();
        let serving = tokio::spawn(process::serve_model(listener, base.embedder.clone()));
        let ana = base.person("ana", Role::User).await;
        let (documents, lost) = (BTreeMap::new(), Vec::new());
        Self { base, ana, pinecone, documents, index, lost, deaths: 0, drifted: 0, data, model, serving, texts: 0 }
    }

    /// Somebody whom a process talks to.
    pub(crate) fn address(&self, peer: Peer) -> SocketAddr {
        let parse = |address: &str| std::net::ToSocketAddrs::to_socket_addrs(address).unwrap().next().unwrap();
        match peer {
            Peer::Database => parse(host_and_port(&self.base.database.url)),
            Peer::Index => parse(host_and_port(&self.data)),
            Peer::Model => self.model,
        }
    }

    /// The database's address through a gate.
    pub(crate) fn database_url(&self, gate: SocketAddr) -> String {
        let url = &self.base.database.url;
        url.replacen(host_and_port(url), &gate.to_string(), 1)
    }

    /// The index's address through a gate.
    pub(crate) fn index_url(&self, gate: SocketAddr) -> String {
        self.data.replacen(host_and_port(&self.data), &gate.to_string(), 1)
    }

    /// A text that no other document has.
    pub(crate) fn text(&mut self, bytes: usize) -> String {
        self.texts += 1;
        prose(self.texts, bytes)
    }

    fn chunks(&self, content: &str) -> Vec<String> {
        let extracted = extract(Kind::Text, content.as_bytes(), &Limits::default()).unwrap();
        let measure = self.base.embedder.measure();
        let options = ChunkOptions { max_tokens: measure.max_tokens, ..ChunkOptions::default() };
        chunk(&extracted, &options, &measure.count).into_iter().map(|draft| draft.text).collect()
    }

    /// Adds a document of about so many bytes.
    pub(crate) async fn add(&mut self, by: &Viewer, visibility: Visibility, bytes: usize) -> DocumentId {
        let content = self.text(bytes);
        let title = format!("Documento {}", self.texts);
        let mut new = text(&title, &content, by);
        new.visibility = visibility.clone();
        let id = self.base.documents.add_text(by, new).await.unwrap().id;
        let chunks = vec![self.chunks(&content)];
        let by = by.clone();
        let (tags, contents, newest, deleted) = (Vec::new(), vec![content], 1, false);
        self.documents.insert(id.clone(), Expected { by, visibility, title, tags, contents, chunks, newest, deleted });
        id
    }

    /// Adds a version that begins as the one before, and ends otherwise.
    pub(crate) async fn add_version(&mut self, id: &DocumentId, bytes: usize) {
        let end = self.text(bytes);
        let expected = &self.documents[id];
        let before = expected.newest_content();
        let kept: String = before.chars().take(before.chars().count() / 2).collect();
        let content = format!("{kept}\n\n{end}");
        let chunks = self.chunks(&content);
        let mut writer = self.base.documents.upload().await.unwrap();
        writer.write(content.as_bytes()).await.unwrap();
        let blob = writer.finish().await.unwrap();
        let version = self.base.documents.add_version(&expected.by, id, Some("a.txt"), None, &blob).await.unwrap();
        let expected = self.documents.get_mut(id).unwrap();
        // What the version in between did not have went with the one before.
        let gone = |text: &&String| {
            !expected.newest_chunks().contains(*text) && expected.chunks.iter().flatten().any(|it| it == *text)
        };
        self.lost.extend(chunks.iter().filter(gone).cloned());
        expected.contents.push(content);
        expected.chunks.push(chunks);
        expected.newest = expected.chunks.len();
        assert_eq!(version, expected.newest_version());
    }

    /// Another title and other labels.
    pub(crate) async fn relabel(&mut self, id: &DocumentId) {
        self.texts += 1;
        let expected = self.documents.get_mut(id).unwrap();
        expected.title = format!("Título {}", self.texts);
        expected.tags = vec![format!("tag{}", self.texts)];
        self.base.documents.set_title(&expected.by, id, &expected.title).await.unwrap();
        self.base.documents.set_tags(&expected.by, id, &expected.tags).await.unwrap();
    }

    /// Shares a document of the owner with everybody, or takes it back.
    pub(crate) async fn share(&mut self, id: &DocumentId, visibility: Visibility) {
        let expected = self.documents.get_mut(id).unwrap();
        self.base.documents.set_visibility(&expected.by, id, &visibility).await.unwrap();
        expected.visibility = visibility;
    }

    /// Another index answers, of which Pinecone's takes over as soon as it is built: from nothing.
    pub(crate) async fn build_anew(&self) {
        sqlx::query("DELETE FROM vector_indexes").execute(self.base.store.pool()).await.unwrap();
        let name = |kind| IndexName { kind, model: MODEL.to_owned() };
        self.base.store.active_index_or(&name(IndexKind::Embedded)).await.unwrap();
        self.index.clear().await.unwrap();
        self.pinecone.show_writes();
        assert!(self.base.store.build_index(&name(IndexKind::Pinecone)).await.unwrap());
    }

    pub(crate) async fn delete(&mut self, id: &DocumentId) {
        let expected = self.documents.get_mut(id).unwrap();
        self.base.documents.delete(&expected.by, id).await.unwrap();
        expected.deleted = true;
    }

    /// Ends the indexing of a document, if there is any: what does not answer yet is taken back.
    pub(crate) async fn stop(&mut self, id: &DocumentId) {
        let expected = self.documents.get_mut(id).unwrap();
        if self.base.documents.cancel(&expected.by, id).await.is_ok() {
            let answers = self.base.documents.get(&expected.by, id).await.unwrap().unwrap().version;
            let answers = usize::try_from(answers).unwrap();
            // The run in hand may not keep what it pays for, and what was paid for goes with its version.
            self.lost.extend(expected.chunks[answers..].iter().flatten().cloned());
            expected.newest = if answers > 0 { answers } else { expected.newest };
        }
    }

    /// Everybody tries again what was stopped.
    pub(crate) async fn retry_all(&self) {
        for viewer in [&self.base.owner, &self.ana] {
            self.base.documents.retry_all(viewer).await.unwrap();
        }
    }

    pub(crate) fn private(&self) -> Visibility {
        Visibility::Private(self.base.owner.user_id.clone())
    }

    /// Which version of each document answers.
    async fn versions(&self) -> BTreeMap<String, i32> {
        sqlx::query_as("SELECT id, version FROM documents WHERE deleted_at IS NULL")
            .fetch_all(self.base.store.pool())
            .await
            .unwrap()
            .into_iter()
            .collect()
    }

    /// What everybody finds is theirs, as it should be, of the version that answers, and whole; it is all there is where
    /// vectors are searched, whatever the index shows by now.
    pub(crate) async fn check_answers(&self, when: &str) {
        // One that has searched before and knows how far the index was, and one that has just started.
        let known = Retriever::new(self.base.store.clone(), self.base.context.engine.clone());
        let fresh = Engine::new(IndexKind::Pinecone, self.index.clone(), self.base.embedder.clone());
        let fresh = Retriever::new(self.base.store.clone(), EngineCell::new(fresh));
        for viewer in [&self.base.owner, &self.ana] {
            for (retriever, mode) in
                [(&fresh, SearchMode::Dense), (&known, SearchMode::Hybrid), (&known, SearchMode::Text)]
            {
                let before = self.versions().await;
                let query = SearchQuery {
                    text: "contrato cliente invoice shipping".to_owned(),
                    top_k: 50,
                    min_score: -1.0,
                    tags: Vec::new(),
                    mode,
                };
                let outcome = retriever.search(viewer, query).await.unwrap();
                let after = self.versions().await;
                let found = self.check_passages(viewer, &outcome, [&before, &after], when);
                if mode == SearchMode::Text || before != after {
                    continue;
                }
                let wanted = self.wanted(|expected| expected.is_for(viewer), &before);
                if wanted.len() <= SHOWN {
                    let missing: Vec<&String> = wanted.keys().filter(|name| !found.contains_key(*name)).collect();
                    let problems = &outcome.trace.problems;
                    assert_eq!(missing, [""; 0], "{when}: {mode:?} of {:?} misses some; {problems:?}", viewer.user_id);
                }
            }
        }
    }

    /// The names of the chunks that should be found or held, with their texts.
    fn wanted(&self, counts: impl Fn(&Expected) -> bool, versions: &BTreeMap<String, i32>) -> BTreeMap<String, String> {
        let mut wanted = BTreeMap::new();
        for (id, expected) in self.documents.iter().filter(|(_, expected)| counts(expected)) {
            let version = versions.get(id.as_str()).copied().unwrap_or(0);
            let Some(chunks) = usize::try_from(version).unwrap().checked_sub(1).map(|at| &expected.chunks[at]) else {
                continue;
            };
            for (seq, text) in chunks.iter().enumerate() {
                wanted.insert(format!("{id}#{version}#{seq}"), text.clone());
            }
        }
        wanted
    }

    fn check_passages(
        &self,
        viewer: &Viewer,
        outcome: &SearchOutcome,
        versions: [&BTreeMap<String, i32>; 2],
        when: &str,
    ) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for passage in &outcome.passages {
            let expected = &self.documents[&passage.document_id];
            assert!(!expected.deleted, "{when}: a passage of a deleted document: {passage:?}");
            assert!(expected.is_for(viewer), "{when}: {:?} reads somebody else's: {passage:?}", viewer.user_id);
            let [from, to] = versions.map(|versions| versions[passage.document_id.as_str()]);
            assert!((from..=to).contains(&passage.version), "{when}: {from} to {to} answers: {passage:?}");
            let (version, seq) = (usize::try_from(passage.version).unwrap(), usize::try_from(passage.seq).unwrap());
            let chunk = expected.chunks[version - 1].get(seq);
            assert_eq!(chunk, Some(&passage.text), "{when}: not a passage of the document: {passage:?}");
            assert_eq!(passage.title, expected.title, "{when}");
            found.insert(format!("{}#{version}#{seq}", passage.document_id), passage.text.clone());
        }
        found
    }

    /// Notes what the death of the only process cost: texts that were embedded and whose embedding was not kept. Those are
    /// at most what a run had in hand.
    pub(crate) async fn note_lost(&mut self) {
        let kept: HashSet<String> =
            sqlx::query_scalar("SELECT c.text FROM chunks c JOIN embeddings e ON e.ordinal = c.ordinal")
                .fetch_all(self.base.store.pool())
                .await
                .unwrap()
                .into_iter()
                .collect();
        let living: HashSet<&String> =
            self.documents.values().filter(|expected| !expected.deleted).flat_map(Expected::newest_chunks).collect();
        let embedded: BTreeSet<String> = self.base.embedder.texts.lock().iter().cloned().collect();
        let lost: Vec<String> =
            embedded.into_iter().filter(|text| living.contains(text) && !kept.contains(text)).collect();
        let most = self.in_hand();
        assert!(lost.len() <= most, "{} embeddings were lost, of {most} in hand at most", lost.len());
        self.lost.extend(lost);
    }

    /// Texts that a run may have in hand.
    fn in_hand(&self) -> usize {
        PARALLEL_CALLS * self.base.embedder.batch
    }

    /// Lets the jobs of dead processes be taken, and works until nothing is left to do.
    pub(crate) async fn work_until_quiet(&self) {
        let options = WorkerOptions { lease: Duration::from_secs(60), ..options() };
        for _ in 0..100 {
            sqlx::query(
                "UPDATE jobs SET run_at = now(),
                    lease_until = CASE WHEN claim IS NOT NULL THEN now() - interval '1 second' END
                 WHERE kind <> 'reconcile' OR claim IS NOT NULL",
            )
            .execute(self.base.store.pool())
            .await
            .unwrap();
            Worker::run_due(&self.base.context, &options).await.unwrap();
            let mut jobs = self.base.store.count_jobs_by_kind().await.unwrap();
            // It waits for the night.
            jobs.retain(|jobs| jobs.kind != JobKind::Reconcile || jobs.dead > 0);
            if jobs.iter().all(|jobs| (jobs.waiting, jobs.running) == (0, 0)) {
                assert_eq!(jobs, [], "{:?}", self.base.store.list_dead_jobs(None, 9).await.unwrap());
                return;
            }
        }
        panic!("jobs are left");
    }

    /// After quiet and one comparison both sides are equal, and everything is as it should be.
    pub(crate) async fn check_convergence(&mut self, when: &str) {
        self.pinecone.set(Plan::default());
        self.pinecone.show_writes();
        let when = &format!("{when}; {}", self.log().await);
        let look = reconcile(&self.base.context, true).await.unwrap();
        assert_eq!(look.error, None, "{when}");
        let mut report = look;
        if report.unrepaired > 0 {
            self.drifted += 1;
            let worker = Worker::start(self.base.context.clone(), options());
            report = reconcile(&self.base.context, false).await.unwrap();
            worker.shutdown().await;
        }
        assert!(report.is_clean() && report.in_work == 0, "{when}: {report:?}");
        assert_eq!(report.database, report.index, "{when}");
        self.check_both_sides(when).await;
        for (id, expected) in self.documents.iter().filter(|(_, expected)| !expected.deleted) {
            let document = self.base.documents.get(&expected.by, id).await.unwrap().unwrap();
            let state = (document.status, document.version, document.error.as_ref());
            let version = expected.newest_version();
            assert_eq!(state, (DocumentStatus::Indexed, version, None), "{when}");
            let (_, file) = self.base.documents.original(&expected.by, id).await.unwrap().unwrap();
            assert_eq!(std::fs::read_to_string(file).unwrap(), *expected.newest_content(), "{when}");
        }
        self.check_embeddings(when);
        assert_eq!(self.pinecone.violations(), Vec::<String>::new(), "{when}");
    }

    /// What happened to the documents, for the report of a failure.
    async fn log(&self) -> String {
        let log: Vec<String> = sqlx::query_scalar(
            "SELECT 'now ' || id || ' ' || version || ' ' || status FROM documents
             UNION ALL
             (SELECT at::time || ' ' || document_id || ' ' || version || ' ' || event || ' ' || attempt
              FROM document_events ORDER BY id)",
        )
        .fetch_all(self.base.store.pool())
        .await
        .unwrap();
        format!("{log:#?}")
    }

    /// No vector without a row, no row without a vector, and the same is said of both.
    async fn check_both_sides(&self, when: &str) {
        let names = async |sql: &'static str| -> BTreeSet<String> {
            let names: Vec<String> = sqlx::query_scalar(sql).fetch_all(self.base.store.pool()).await.unwrap();
            names.into_iter().collect()
        };
        let newest = self.documents.iter().map(|(id, expected)| (id.to_string(), expected.newest_version())).collect();
        let wanted = self.wanted(|expected| !expected.deleted, &newest);
        let wanted_names: BTreeSet<String> = wanted.keys().cloned().collect();
        let rows = names("SELECT document_id || '#' || version || '#' || seq FROM chunks").await;
        assert_eq!(rows, wanted_names, "{when}: chunks");
        let embedded = names(
            "SELECT document_id || '#' || version || '#' || seq FROM chunks JOIN embeddings USING (ordinal)
             WHERE indexed_at IS NOT NULL",
        )
        .await;
        assert_eq!(embedded, wanted_names, "{when}: embeddings");
        let living: BTreeSet<String> =
            self.documents.iter().filter(|(_, it)| !it.deleted).map(|(id, _)| id.to_string()).collect();
        assert_eq!(names("SELECT id FROM documents").await, living, "{when}: documents");
        let held = self.pinecone.vectors(INDEX, MODEL);
        assert_eq!(held.keys().cloned().collect::<BTreeSet<_>>(), wanted_names, "{when}: vectors");
        for (name, stored) in held {
            let mut parts = name.split('#');
            let expected = &self.documents[&DocumentId::parse(parts.next().unwrap()).unwrap()];
            let seq = parts.nth(1).unwrap().parse().unwrap();
            let wanted = expected.metadata(seq, &wanted[&name]);
            for (key, value) in wanted.as_object().unwrap() {
                let kept = stored.metadata.get(key).unwrap_or(&Value::Null);
                let same = kept == value || kept.as_f64().is_some() && kept.as_f64() == value.as_f64();
                assert!(same, "{when}: {name} says {key} {kept}, not {value}");
            }
        }
    }

    /// Nothing was embedded twice for nothing.
    fn check_embeddings(&self, when: &str) {
        let mut spare: BTreeMap<&str, usize> = BTreeMap::new();
        for text in &self.lost {
            *spare.entry(text).or_default() += 1;
        }
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for text in self.base.embedder.texts.lock().iter() {
            *times.entry(text.clone()).or_default() += 1;
        }
        let surplus: usize = times.values().map(|times| times - 1).sum();
        let most = self.lost.len() + self.deaths * super::chance::RUNS * self.in_hand();
        assert!(surplus <= most, "{when}: {surplus} texts were embedded again, of {most} that may have been lost");
        for (text, times) in times {
            let most = 1 + self.deaths + spare.get(text.as_str()).copied().unwrap_or(0);
            if times > most {
                let order: Vec<String> =
                    self.base.embedder.texts.lock().iter().map(|text| self.places(text).join(" ")).collect();
                let places = self.places(&text);
                panic!(
                    "{when}: {places:?} embedded {times} times, of {most} that were needed, in this order: {order:#?}"
                );
            }
        }
    }

    /// Where a text stands, for the report of a failure.
    fn places(&self, text: &str) -> Vec<String> {
        let mut places = Vec::new();
        for (id, expected) in &self.documents {
            for (version, chunks) in (1..).zip(&expected.chunks) {
                places.extend(
                    (0..)
                        .zip(chunks)
                        .filter(|(_, it)| *it == text)
                        .map(|(seq, _): (i32, _)| format!("{id}#{version}#{seq}")),
                );
            }
        }
        places
    }

    /// Forgets what was deleted, once everything has gone.
    pub(crate) fn forget_deleted(&mut self) {
        self.documents.retain(|_, expected| !expected.deleted);
        self.base.embedder.texts.lock().clear();
        self.lost.clear();
        self.deaths = 0;
    }
}

use cjhirashi_domain::{artifact::ArtifactsWanted, chat::MessageStatus, user::Role};
use serde_json::json;

use super::*;
use crate::{Ending, FinishedGeneration, NewTurn, Part, Turn, TurnOutcome, testing::Asker};

struct World {
    asker: Asker,
    blobs: Blobs,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).await.unwrap();
        Self { asker: Asker::new().await, blobs, _folder: folder }
    }

    async fn add(&self, text: &str) -> ArtifactId {
        self.add_with(text, None).await.unwrap()
    }

    async fn add_with(
        &self,
        text: &str,
        blob: Option<&StoredBlob>,
    ) -> std::result::Result<ArtifactId, KeepArtifactError> {
        let title = ArtifactTitle::parse("Informe de señales").unwrap();
        let body = ArtifactBody { title: &title, language: None, metadata: &json!({"a": 1}), text, blob };
        let new = NewArtifact { kind: "markdown", body, message: None, tags: &["obra".to_owned()] };
        self.asker.store.add_artifact(&self.asker.viewer, &self.blobs, &new).await
    }

    async fn save(&self, id: &ArtifactId, base: i32, text: &str) -> std::result::Result<i32, KeepArtifactError> {
        let title = ArtifactTitle::parse("Informe").unwrap();
        let body = ArtifactBody { title: &title, language: None, metadata: &json!({}), text, blob: None };
        self.asker.store.save_artifact(&self.asker.viewer, &self.blobs, id, base, &body).await
    }

    async fn open(&self, id: &ArtifactId, version: Option<i32>) -> Option<OpenedArtifact> {
        self.asker.store.open_artifact(&self.asker.viewer, id, version).await.unwrap()
    }

    async fn find(&self, words: &str) -> Vec<ListedArtifact> {
        let wanted = ArtifactsWanted { words: words.to_owned(), ..ArtifactsWanted::default() };
        self.asker.store.list_artifacts(&self.asker.viewer, &wanted, 0, 10).await.unwrap().0
    }

    /// Begins a turn whose answer [`Self::end`] makes.
    async fn begin(&self, chat: Option<&ChatId>, temporary: bool) -> Turn {
        let turn = NewTurn {
            viewer: &self.asker.viewer,
            chat,
            instead_of: None,
            title: &cjhirashi_domain::text::ChatTitle::parse("q").unwrap(),
            text: &cjhirashi_domain::text::MessageText::parse("q").unwrap(),
            images: &[],
            message: None,
            model: "m",
            temporary,
            folder: None,
            choices: &cjhirashi_domain::settings::Choices::default(),
        };
        match self.asker.store.start_turn(turn).await.unwrap() {
            TurnOutcome::Started(turn) => turn,
            other => panic!("{other:?}"),
        }
    }

    async fn end(&self, turn: &Turn, made: &[MadeArtifact]) -> Ending {
        let end = FinishedGeneration {
            status: MessageStatus::Complete,
            content: "made",
            artifacts: made,
            seq: 1,
            ..FinishedGeneration::of(&turn.generation)
        };
        self.asker.store.finish_generation(end).await.unwrap()
    }
}

fn content(text: &str) -> MadeContent {
    MadeContent { title: "T".to_owned(), language: None, metadata: json!({}), text: text.to_owned() }
}

fn new(id: &ArtifactId, text: &str) -> MadeArtifact {
    let made =
        Made::New { id: id.clone(), identifier: "t".to_owned(), kind: "table".to_owned(), content: content(text) };
    MadeArtifact { made, problem: None }
}

fn version(id: &ArtifactId, base: i32, text: &str) -> MadeArtifact {
    MadeArtifact {
        made: Made::Version { id: id.clone(), base, kind: "table".to_owned(), content: content(text) },
        problem: None,
    }
}

#[tokio::test]
async fn every_save_is_a_version_and_one_on_an_old_version_is_told_the_newest() {
    let world = World::new().await;
    let id = world.add("uno").await;
    assert_eq!(world.save(&id, 1, "dos").await.unwrap(), 2);
    assert!(matches!(world.save(&id, 1, "tres").await, Err(KeepArtifactError::Moved(2))));
    assert_eq!(world.asker.store.restore_artifact(&world.asker.viewer, &id, 1).await.unwrap(), 3);
    let versions = world.asker.store.list_artifact_versions(&world.asker.viewer, &id, 10).await.unwrap();
    let told: Vec<_> = versions.iter().map(|v| (v.version, v.title.as_str(), v.restored_from)).collect();
    assert_eq!(told, [(3, "Informe de señales", Some(1)), (2, "Informe", None), (1, "Informe de señales", None)]);
    assert_eq!(world.open(&id, None).await.unwrap().text, "uno");
    assert_eq!(world.open(&id, Some(2)).await.unwrap().text, "dos");
    assert_eq!(world.open(&id, Some(4)).await, None);
}

#[tokio::test]
async fn two_saves_in_the_same_moment_are_one_version_and_one_refusal() {
    let world = World::new().await;
    let id = world.add("uno").await;
    let (a, b) = tokio::join!(world.save(&id, 1, "a"), world.save(&id, 1, "b"));
    assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1, "{a:?} {b:?}");
}

#[tokio::test]
async fn nobody_else_reads_saves_restores_labels_shares_or_deletes_an_artifact() {
    let world = World::new().await;
    let id = world.add("secreto").await;
    let store = &world.asker.store;
    let other = Viewer { user_id: cjhirashi_domain::id::UserId::parse("somebody").unwrap(), role: Role::Owner };
    assert_eq!(store.open_artifact(&other, &id, None).await.unwrap(), None);
    assert_eq!(store.list_artifacts(&other, &ArtifactsWanted::default(), 0, 10).await.unwrap(), (Vec::new(), 0));
    assert_eq!(store.list_artifact_versions(&other, &id, 10).await.unwrap(), []);
    assert!(matches!(store.restore_artifact(&other, &id, 1).await, Err(KeepArtifactError::NotFound)));
    assert!(!store.label_artifact(&other, &id, &[]).await.unwrap());
    assert_eq!(store.share_artifact(&other, &id).await.unwrap(), None);
    assert_eq!(store.delete_artifact(&other, &id).await.unwrap(), None);
    let title = ArtifactTitle::parse("x").unwrap();
    let body = ArtifactBody { title: &title, language: None, metadata: &Value::Null, text: "", blob: None };
    assert!(matches!(store.save_artifact(&other, &world.blobs, &id, 1, &body).await, Err(KeepArtifactError::NotFound)));
}

#[tokio::test]
async fn artifacts_are_found_by_words_without_accents_kind_and_label() {
    let world = World::new().await;
    let id = world.add("La garantía cubre los vehículos").await;
    assert_eq!(world.find("garantia vehiculo").await[0].artifact.id, id);
    assert_eq!(world.find("SEÑALES").await.len(), 1);
    assert_eq!(world.find("seguro").await, []);
    let snippet = world.find("vehículos").await.remove(0).snippet.unwrap();
    assert!(snippet.contains(crate::MARK_START), "{snippet}");
    let wanted = ArtifactsWanted { kind: Some("code".to_owned()), ..ArtifactsWanted::default() };
    assert_eq!(world.asker.store.list_artifacts(&world.asker.viewer, &wanted, 0, 10).await.unwrap().1, 0);
    let wanted = ArtifactsWanted { tag: Some("obra".to_owned()), ..ArtifactsWanted::default() };
    assert_eq!(world.asker.store.list_artifacts(&world.asker.viewer, &wanted, 0, 10).await.unwrap().1, 1);
    assert_eq!(world.asker.store.list_artifact_tags(&world.asker.viewer).await.unwrap(), ["obra"]);
}

#[tokio::test]
async fn a_long_text_lies_in_a_file_that_stays_while_a_version_has_it() {
    let world = World::new().await;
    let text = format!("principio {}", "x".repeat(IN_A_FILE));
    let blob = world.blobs.put(text.as_bytes()).await.unwrap();
    let id = world.add_with(&text, Some(&blob)).await.unwrap();
    let opened = world.open(&id, None).await.unwrap();
    assert_eq!(opened.artifact.size_bytes, i64::try_from(text.len()).unwrap());
    let key = opened.blob.unwrap();
    assert_eq!(world.blobs.read(&key).await.unwrap(), text.as_bytes());
    assert_eq!(world.find("principio").await.len(), 1);
    world.save(&id, 1, "corto").await.unwrap();
    assert!(!world.asker.store.release_blob(&world.blobs, &key).await.unwrap(), "version 1 has it");
    let files = world.asker.store.delete_artifact(&world.asker.viewer, &id).await.unwrap().unwrap();
    assert_eq!(files, std::slice::from_ref(&key));
    assert!(world.asker.store.release_blob(&world.blobs, &key).await.unwrap());
}

#[tokio::test]
async fn a_link_leads_to_the_version_that_was_shared_until_it_is_taken_back() {
    let world = World::new().await;
    let id = world.add("uno").await;
    let (store, viewer) = (&world.asker.store, &world.asker.viewer);
    let share = store.share_artifact(viewer, &id).await.unwrap().unwrap();
    world.save(&id, 1, "dos").await.unwrap();
    assert_eq!(store.open_shared_artifact(&share.token).await.unwrap().unwrap().text, "uno");
    let again = store.share_artifact(viewer, &id).await.unwrap().unwrap();
    assert_eq!((again.token.as_str(), again.version), (share.token.as_str(), 2));
    assert_eq!(store.open_shared_artifact(&share.token).await.unwrap().unwrap().text, "dos");
    assert!(store.unshare_artifact(viewer, &id).await.unwrap());
    assert_eq!(store.open_shared_artifact(&share.token).await.unwrap(), None);
    assert_eq!(store.open_shared_artifact("").await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_makes_artifacts_and_versions_with_its_end() {
    let world = World::new().await;
    let store = &world.asker.store;
    let id = ArtifactId::new(store.now(), store.random());
    let turn = world.begin(None, false).await;
    assert!(matches!(world.end(&turn, &[new(&id, "a,b\n1,2")]).await, Ending::Stored { .. }));
    let chat = turn.chat.id.clone();
    let known = store.artifacts_in_chat(&chat, Texts::UpTo(1_000)).await.unwrap();
    assert_eq!((known[0].identifier.as_str(), known[0].text.as_deref()), ("t", Some("a,b\n1,2")));

    let turn = world.begin(Some(&chat), false).await;
    let unknown = MadeArtifact { made: Made::Nothing(None), problem: Some("unknown".to_owned()) };
    assert!(matches!(world.end(&turn, &[version(&id, 1, "a,b\n3,4"), unknown]).await, Ending::Stored { .. }));
    let page = store.open_chat(&world.asker.viewer, &chat, Part::Whole).await.unwrap().unwrap();
    let told: Vec<_> =
        page.messages.last().unwrap().artifacts.iter().map(|a| (a.n, a.version, a.problem.as_deref())).collect();
    assert_eq!(told, [(0, Some(2), None), (1, None, Some("unknown"))]);
    let opened = world.open(&id, None).await.unwrap();
    assert_eq!((opened.text.as_str(), opened.author), ("a,b\n3,4", Author::Model));

    // A copy of the chat shows the same artifacts and may go on with them.
    let fork =
        store.fork_chat(&world.asker.viewer, &chat, None, |_| cjhirashi_domain::text::ChatTitle::parse("f").unwrap());
    let fork = fork.await.unwrap().unwrap();
    assert_eq!(store.artifacts_in_chat(&fork.id, Texts::UpTo(1_000)).await.unwrap().len(), 1);
    // Once deleted, the message knows that there was one.
    store.delete_artifact(&world.asker.viewer, &id).await.unwrap().unwrap();
    let page = store.open_chat(&world.asker.viewer, &chat, Part::Whole).await.unwrap().unwrap();
    assert_eq!(page.messages.last().unwrap().artifacts[0].id, None);
}

#[tokio::test]
async fn an_answer_whose_artifact_was_saved_meanwhile_is_told_so_and_nothing_is_stored() {
    let world = World::new().await;
    let id = world.add("uno").await;
    let turn = world.begin(None, false).await;
    world.save(&id, 1, "mío").await.unwrap();
    assert_eq!(world.end(&turn, &[version(&id, 1, "suyo")]).await, Ending::ArtifactsMoved);
    assert!(matches!(world.end(&turn, &[version(&id, 2, "suyo")]).await, Ending::Stored { .. }));
    assert_eq!(world.open(&id, Some(2)).await.unwrap().text, "mío");
    assert_eq!(world.open(&id, None).await.unwrap().text, "suyo");
}

#[tokio::test]
async fn artifacts_outlive_their_message_and_chat_but_not_a_chat_that_is_not_kept() {
    let world = World::new().await;
    let store = &world.asker.store;
    for (temporary, left) in [(false, 1), (true, 0)] {
        let id = ArtifactId::new(store.now(), store.random());
        let turn = world.begin(None, temporary).await;
        world.end(&turn, &[new(&id, "a")]).await;
        let listed = world.find("").await;
        assert_eq!(listed.iter().filter(|listed| listed.artifact.id == id).count(), left, "{temporary}");
        store.delete_chat(&world.asker.viewer, &turn.chat.id).await.unwrap();
        assert_eq!(world.open(&id, None).await.is_some(), left == 1, "{temporary}");
    }
}

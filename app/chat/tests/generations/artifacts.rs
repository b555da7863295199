//! Artifacts in answers: made, changed on top of what a person saved, tried again, and told to the model.

use cjhirashi_chat::{ArtifactService, Change, Saved};
use cjhirashi_storage::Blobs;

use super::*;

const TABLE: &str = "Aquí está.\n\n<artifact identifier=\"ventas\" type=\"table\" title=\"Ventas\">\nmes,total\nenero,120\n</artifact>\n";

fn update(old: &str, new: &str) -> String {
    format!("<artifact identifier=\"ventas\" type=\"update\">\n<old>{old}</old>\n<new>{new}</new>\n</artifact>\n")
}

async fn service_of(world: &World) -> ArtifactService {
    ArtifactService::new(world.store.clone(), Blobs::open(world.folder.path().join("blobs")).await.unwrap())
}

async fn text_of(world: &World, message: &Message, at: usize) -> String {
    let made = &message.artifacts[at];
    let (id, version) = (made.id.clone().unwrap(), made.version);
    service_of(world).await.open(&world.viewer, &id, version).await.unwrap().text
}

fn says(world: &World, text: &str) {
    world.models.set(Script::saying(text));
}

#[tokio::test]
async fn an_answer_makes_an_artifact_and_a_later_one_changes_what_the_person_saved() {
    let world = World::new().await;
    says(&world, TABLE);
    let sent = world.ask(None, "Hazme una tabla").await.unwrap();
    let page = read(world.follow(&sent.generation, 0).await).await;
    assert!(page.blocks.concat().contains("artifact-card done"), "{page:?}");
    let answer = world.answer(&sent).await;
    assert_eq!(text_of(&world, &answer, 0).await, "mes,total\nenero,120");
    let id = answer.artifacts[0].id.clone().unwrap();

    // The person edits it by hand; the model is told the edited text and changes that.
    let service = service_of(&world).await;
    let change = Change { text: Some("mes,total\nenero,125\nfebrero,90".to_owned()), ..Change::default() };
    let saved = service.save(&world.viewer, &id, 1, change, Language::Es).await.unwrap();
    assert_eq!(saved, Saved::Done(2));
    says(&world, &update("febrero,90", "febrero,99"));
    let sent = world.ask(Some(&sent.chat.id), "Febrero fueron 99").await.unwrap();
    let answer = world.ended(&sent).await;
    assert_eq!((answer.artifacts.len(), answer.artifacts[0].version), (1, Some(3)));
    assert_eq!(text_of(&world, &answer, 0).await, "mes,total\nenero,125\nfebrero,99");
    let asked = world.models.requests().last().unwrap().body.to_string();
    assert!(asked.contains("enero,125") && asked.contains("artifact identifier=\\\"ventas\\\""), "{asked}");
    // What stood in the first answer is not told twice.
    assert!(!asked.contains("enero,120"), "{asked}");
}

#[tokio::test]
async fn a_change_that_does_not_apply_is_told_to_the_model_and_tried_once_more() {
    let world = World::new().await;
    says(&world, TABLE);
    let sent = world.ask(None, "Hazme una tabla").await.unwrap();
    world.ended(&sent).await;
    let cases = vec![
        ("was not applied".to_owned(), format!("Perdón.\n{}", update("enero,120", "enero,121"))),
        ("Enero".to_owned(), format!("Cambio:\n{}", update("enero 120", "enero 121"))),
    ];
    world.models.set(Script { answer: Answer::When(cases), ..Script::default() });
    let sent = world.ask(Some(&sent.chat.id), "Enero fueron 121").await.unwrap();
    let answer = world.ended(&sent).await;
    let told: Vec<_> = answer.artifacts.iter().map(|made| (made.version, made.problem.as_deref())).collect();
    assert_eq!(told, [(None, Some("not_found:1")), (Some(2), None)]);
    assert_eq!(text_of(&world, &answer, 1).await, "mes,total\nenero,121");
    assert!(!answer.content.contains("Perdón"), "{}", answer.content);
}

#[tokio::test]
async fn a_change_that_fails_twice_leaves_the_artifact_as_it_was_and_says_so() {
    let world = World::new().await;
    says(&world, TABLE);
    let sent = world.ask(None, "Hazme una tabla").await.unwrap();
    world.ended(&sent).await;
    says(&world, &update("nada", "algo"));
    let asked_before = world.models.requests().len();
    let sent = world.ask(Some(&sent.chat.id), "Cámbiala").await.unwrap();
    let answer = world.ended(&sent).await;
    assert_eq!(answer.status, MessageStatus::Complete);
    assert!(answer.artifacts.iter().all(|made| made.problem.as_deref() == Some("not_found:1")), "{answer:?}");
    let asked = world.models.requests()[asked_before..].iter().filter(|request| request.path.contains("chat")).count();
    assert_eq!(asked, 2, "once, and once more");
}

#[tokio::test]
async fn a_stopped_answer_keeps_the_text_of_its_artifact_as_far_as_it_came() {
    let world = World::new().await;
    world.models.set(Script { hold_after: Some(8), ..Script::saying(TABLE) });
    let sent = world.ask(None, "Hazme una tabla").await.unwrap();
    until("the artifact begins", async || {
        let events = world.store.events_after(&sent.generation, 0, 500).await.unwrap();
        events.iter().any(|(_, event)| matches!(event, GenerationEvent::Text { delta } if delta.contains("mes,total")))
    })
    .await;
    world.service.stop(&world.viewer, &sent.generation).await.unwrap();
    let answer = world.ended(&sent).await;
    assert_eq!(answer.status, MessageStatus::Stopped);
    assert!(text_of(&world, &answer, 0).await.starts_with("mes,total"), "{answer:?}");
}

#[tokio::test]
async fn saving_on_an_old_version_gives_both_texts_and_loses_neither() {
    let world = World::new().await;
    says(&world, TABLE);
    let sent = world.ask(None, "Hazme una tabla").await.unwrap();
    let id = world.ended(&sent).await.artifacts[0].id.clone().unwrap();
    let service = service_of(&world).await;
    let save = |base: i32, text: &str| {
        let change = Change { text: Some(text.to_owned()), ..Change::default() };
        let (service, viewer, id) = (service.clone(), world.viewer.clone(), id.clone());
        async move { service.save(&viewer, &id, base, change, Language::Es).await.unwrap() }
    };
    assert_eq!(save(1, "a,b\n1,2").await, Saved::Done(2));
    let moved = save(1, "a,b\n3,4").await;
    assert_eq!(moved, Saved::Moved { version: 2, theirs: "a,b\n1,2".to_owned(), mine: "a,b\n3,4".to_owned() });
    assert_eq!(save(2, "a,b\n3,4").await, Saved::Done(3));
}

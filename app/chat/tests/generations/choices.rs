//! What is chosen for one chat.

use cjhirashi_domain::{id::DocumentId, text::ChatTitle};

use super::*;

impl World {
    async fn begin(&self, text: &str, choices: Choices) -> Sent {
        let text = MessageText::parse(text).unwrap();
        let message = SendMessage {
            chat: None,
            instead_of: None,
            text,
            images: Vec::new(),
            message_id: None,
            temporary: false,
            folder: None,
            choices,
        };
        self.service.send(&self.viewer, message).await.unwrap()
    }

    fn last_asked(&self) -> serde_json::Value {
        let requests = self.models.requests();
        requests.iter().rev().find(|request| request.path.ends_with("/chat/completions")).unwrap().body.clone()
    }
}

#[tokio::test]
async fn what_is_chosen_for_a_chat_counts_in_it_alone() {
    let world = World::new().await;
    world.models.set(Script::saying("vale"));
    let choices = Choices {
        model: Some("openai:scripted-other".to_owned()),
        temperature: Some(0.1),
        max_tokens: Some(77),
        ..Choices::default()
    };
    let sent = world.begin("hola", choices.clone()).await;
    assert_eq!(world.ended(&sent).await.model.as_deref(), Some("openai:scripted-other"));
    let body = world.last_asked();
    assert_eq!((&body["model"], &body["temperature"]), (&"scripted-other".into(), &0.1.into()));
    assert!(body["max_tokens"] == 77 || body["max_completion_tokens"] == 77, "{body}");
    // Also for the next question, for another answer, and in a copy.
    let next = world.ask(Some(&sent.chat.id), "¿y?").await.unwrap();
    world.ended(&next).await;
    let again = world.service.answer_again(&world.viewer, &next.assistant_message, None).await.unwrap();
    assert_eq!(world.ended(&again).await.model.as_deref(), Some("openai:scripted-other"));
    let title = |title: &str| ChatTitle::parse(title).unwrap();
    let copy = world.store.fork_chat(&world.viewer, &sent.chat.id, None, title).await.unwrap().unwrap();
    assert_eq!(world.store.choices_of(&world.viewer, &copy.id).await.unwrap(), choices);
    // Not elsewhere, and not for others to choose.
    let other = world.ask(None, "hola").await.unwrap();
    assert_eq!(world.ended(&other).await.model.as_deref(), Some("openai:scripted-chat"));
    let stranger = Viewer { user_id: UserId::parse("eva").unwrap(), role: Role::Owner };
    assert!(!world.store.choose(&stranger, &sent.chat.id, &Choices::default()).await.unwrap());
    assert!(world.store.choose(&world.viewer, &sent.chat.id, &Choices::default()).await.unwrap());
    let last = world.ask(Some(&sent.chat.id), "¿y ahora?").await.unwrap();
    assert_eq!(world.ended(&last).await.model.as_deref(), Some("openai:scripted-chat"));
}

#[tokio::test]
async fn a_chat_searches_the_documents_that_were_chosen_for_it_and_no_other() {
    let world = World::new().await;
    world.add_document("Manual", MANUAL).await;
    let question = "¿Cuánto dura la garantía del aparato?";
    let of = |id: &str| Choices { documents: vec![DocumentId::parse(id).unwrap()], ..Choices::default() };
    let sent = world.begin(question, of("doc")).await;
    assert_eq!(world.ended(&sent).await.citations.len(), 1);
    // One that is gone does not open the others.
    let sent = world.begin(question, of("gone")).await;
    let answer = world.ended(&sent).await;
    assert_eq!((answer.citations.len(), answer.retrieval.unwrap().searched_documents), (0, 0));
    let off = Choices { rag_enabled: Some(false), ..Choices::default() };
    let sent = world.begin(question, off).await;
    assert_eq!(world.ended(&sent).await.retrieval, None);
    let ids = ["gone", "doc"].map(|id| DocumentId::parse(id).unwrap());
    let titles = world.store.titles_of(&world.viewer, &ids);
    assert_eq!(titles.await.unwrap(), [None, Some("Manual".to_owned())]);
    let found = world.store.find_by_title(&world.viewer, "manual").await.unwrap();
    assert_eq!(found.as_ref().map(DocumentId::as_str), Some("doc"));
}

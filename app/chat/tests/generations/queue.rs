//! Questions that are sent while an answer is being written.

use cjhirashi_domain::text::MessageText;

use super::*;

impl World {
    /// What is said in a chat, and what waits in it.
    async fn said(&self, chat: &ChatId) -> (Vec<String>, Vec<String>) {
        let page = self.store.open_chat(&self.viewer, chat, Part::Whole).await.unwrap().unwrap();
        let texts = page.messages.into_iter().map(|message| message.content).collect();
        (texts, page.queue.into_iter().map(|queued| queued.content).collect())
    }

    /// A chat whose first answer is being written, and waits after its first word.
    async fn writing(&self, script: Script) -> Sent {
        self.models.set(Script { hold_after: Some(1), ..script });
        let sent = self.ask(None, "primera").await.unwrap();
        until("the answer", async || self.models.open_streams() == 1).await;
        sent
    }

    /// The same, which has failed after its first word while a question waited.
    async fn failed(&self) -> Sent {
        let sent = self.writing(Script { break_after: Some(1), ..Script::saying("uno dos") }).await;
        self.send_meanwhile(&sent.chat.id, "segunda", None).await.unwrap();
        self.models.release();
        until("the failure", async || self.answer(&sent).await.status == MessageStatus::Failed).await;
        sent
    }

    async fn all_said(&self, chat: &ChatId, expected: &[&str]) {
        until("the whole conversation", async || {
            let page = self.store.open_chat(&self.viewer, chat, Part::Whole).await.unwrap().unwrap();
            !page.summary.answering && page.messages.len() == expected.len()
        })
        .await;
        assert_eq!(self.said(chat).await, (expected.iter().map(|text| (*text).to_owned()).collect(), Vec::new()));
    }
}

#[tokio::test]
async fn questions_sent_meanwhile_are_asked_one_after_the_other_in_their_order() {
    let world = World::new().await;
    let sent = world.writing(Script::saying("uno dos")).await;
    let chat = &sent.chat.id;
    let id = MessageId::parse("the-second").unwrap();
    for _ in 0..2 {
        let waits = world.send_meanwhile(chat, "segunda", Some(&id)).await.unwrap();
        assert_eq!(waits, Accepted::Waits(chat.clone()), "sent twice, asked once");
    }
    world.send_meanwhile(chat, "tercera", None).await.unwrap();
    assert_eq!(world.said(chat).await.1, ["segunda", "tercera"]);
    // Who does not want to wait is told.
    assert!(matches!(world.ask(Some(chat), "ahora").await, Err(ChatError::Busy)));
    world.models.set(Script::saying("bien"));
    world.models.release();
    world.all_said(chat, &["primera", "uno dos", "segunda", "bien", "tercera", "bien"]).await;
    // Sent once more, long after: it is the same question.
    let Accepted::Asked(again) = world.send_meanwhile(chat, "segunda", Some(&id)).await.unwrap() else {
        panic!("it waits")
    };
    assert_eq!(again.user_message, Some(id));
    world.all_said(chat, &["primera", "uno dos", "segunda", "bien", "tercera", "bien"]).await;
}

#[tokio::test]
async fn a_question_that_waits_can_be_changed_and_taken_out() {
    let world = World::new().await;
    let sent = world.writing(Script::saying("uno dos")).await;
    let chat = &sent.chat.id;
    for text in ["segunda", "tercera"] {
        world.send_meanwhile(chat, text, None).await.unwrap();
    }
    let queue = world.store.open_chat(&world.viewer, chat, Part::Whole).await.unwrap().unwrap().queue;
    let better = MessageText::parse("segunda, mejor").unwrap();
    let stranger = Viewer { user_id: UserId::parse("eva").unwrap(), role: Role::Owner };
    assert_eq!(world.store.change_queued(&stranger, &queue[0].id, Some(&better)).await.unwrap(), None);
    assert_eq!(
        world.store.change_queued(&world.viewer, &queue[0].id, Some(&better)).await.unwrap().as_ref(),
        Some(chat)
    );
    assert_eq!(world.store.change_queued(&world.viewer, &queue[1].id, None).await.unwrap().as_ref(), Some(chat));
    world.models.set(Script::saying("bien"));
    world.models.release();
    world.all_said(chat, &["primera", "uno dos", "segunda, mejor", "bien"]).await;
    assert_eq!(world.store.change_queued(&world.viewer, &queue[0].id, Some(&better)).await.unwrap(), None, "asked");
}

#[tokio::test]
async fn after_a_failure_they_are_held_until_something_is_asked() {
    let world = World::new().await;
    let sent = world.failed().await;
    let chat = &sent.chat.id;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.said(chat).await.1, ["segunda"], "held");
    sqlx::query("UPDATE generations SET ended_at = now() - interval '1 minute'")
        .execute(world.store.pool())
        .await
        .unwrap();
    assert_eq!(world.service.resume_queues().await.unwrap(), 0, "also later");
    // What is sent now waits its turn, and the queue goes on.
    world.models.set(Script::saying("bien"));
    world.send_meanwhile(chat, "tercera", None).await.unwrap();
    world.all_said(chat, &["primera", "uno", "segunda", "bien", "tercera", "bien"]).await;
}

#[tokio::test]
async fn they_are_held_also_when_the_failed_answer_is_deleted() {
    let world = World::new().await;
    let sent = world.failed().await;
    let chat = &sent.chat.id;
    world.store.delete_message(&world.viewer, sent.user_message.as_ref().unwrap()).await.unwrap();
    assert_eq!(world.service.resume_queues().await.unwrap(), 0);
    let queue = world.store.open_chat(&world.viewer, chat, Part::Whole).await.unwrap().unwrap().queue;
    assert!(queue.iter().all(|waiting| waiting.held) && queue.len() == 1, "{queue:?}");
    world.models.set(Script::saying("bien"));
    world.service.ask_next(world.viewer.clone(), chat.clone()).await.unwrap();
    world.all_said(chat, &["segunda", "bien"]).await;
}

#[tokio::test]
async fn nothing_is_asked_for_somebody_who_may_not_come_in_any_more() {
    let world = World::new().await;
    let sent = world.writing(Script::saying("uno dos")).await;
    let chat = &sent.chat.id;
    world.send_meanwhile(chat, "segunda", None).await.unwrap();
    sqlx::query("UPDATE users SET disabled_at = now()").execute(world.store.pool()).await.unwrap();
    world.models.release();
    until("the answer", async || world.answer(&sent).await.status == MessageStatus::Complete).await;
    world.service.ask_next(world.viewer.clone(), chat.clone()).await.unwrap();
    assert_eq!(world.said(chat).await.1, ["segunda"]);
}

#[tokio::test]
async fn under_the_id_of_another_chats_question_nothing_waits_and_nothing_is_lost() {
    let world = World::new().await;
    world.models.set(Script::saying("vale"));
    let other = world.ask(None, "de otro chat").await.unwrap();
    world.ended(&other).await;
    let sent = world.writing(Script::saying("uno dos")).await;
    let taken = world.send_meanwhile(&sent.chat.id, "segunda", other.user_message.as_ref()).await;
    // As with a question that is asked at once, the answer of the first one under that id is told.
    assert!(matches!(&taken, Ok(Accepted::Asked(asked)) if asked.chat.id == other.chat.id), "{taken:?}");
    let viewer = &world.viewer;
    let text = MessageText::parse("segunda").unwrap();
    let queueing =
        world.store.queue_message(viewer, &sent.chat.id, other.user_message.as_ref(), &text, &[]).await.unwrap();
    assert_eq!(queueing, cjhirashi_storage::Queueing::NotFound);
    world.models.release();
    world.all_said(&sent.chat.id, &["primera", "uno dos"]).await;
}

#[tokio::test]
async fn after_a_stop_the_next_one_waits_until_it_is_asked() {
    let world = World::new().await;
    let sent = world.writing(Script::saying("uno dos")).await;
    let chat = &sent.chat.id;
    world.send_meanwhile(chat, "segunda", None).await.unwrap();
    world.models.set(Script::saying("bien"));
    world.service.stop(&world.viewer, &sent.generation).await.unwrap();
    until("the stop", async || world.answer(&sent).await.status == MessageStatus::Stopped).await;
    assert_eq!(world.said(chat).await.1, ["segunda"], "held: who stops an answer is not surprised by the next one");
    world.service.ask_next(world.viewer.clone(), chat.clone()).await.unwrap();
    until("the second answer", async || world.said(chat).await.0.last().is_some_and(|text| text == "bien")).await;
}

#[tokio::test]
async fn what_a_dead_process_left_waiting_is_asked_by_another() {
    let world = World::new().await;
    let sent = world.writing(Script::saying("uno dos")).await;
    let chat = &sent.chat.id;
    world.send_meanwhile(chat, "segunda", None).await.unwrap();
    // It dies between the end of the answer and the next question.
    world.service.drain(Duration::ZERO).await;
    for dead in [
        "UPDATE generations SET status = 'complete', ended_at = now() - interval '1 minute'",
        "UPDATE queued_messages SET held = false",
    ] {
        sqlx::query(dead).execute(world.store.pool()).await.unwrap();
    }
    world.models.set(Script::saying("bien"));
    let other = world.replica().await;
    until("the second answer", async || world.said(chat).await.0.last().is_some_and(|text| text == "bien")).await;
    other.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn twenty_wait_at_most() {
    let world = World::new().await;
    let sent = world.writing(Script::saying("uno dos")).await;
    for n in 0..20 {
        world.send_meanwhile(&sent.chat.id, &n.to_string(), None).await.unwrap();
    }
    let one_more = world.send_meanwhile(&sent.chat.id, "21", None).await;
    assert!(matches!(one_more, Err(ChatError::QueueFull)), "{one_more:?}");
    world.store.delete_chat(&world.viewer, &sent.chat.id).await.unwrap();
    world.models.release();
}

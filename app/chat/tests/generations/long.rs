//! Answers of models that think aloud, and chats that are longer than a model remembers.

use cjhirashi_domain::spending::Tokens;

use super::*;

#[tokio::test]
async fn what_a_model_thinks_aloud_is_told_and_kept_beside_the_answer() {
    let world = World::new().await;
    let thinks = Some("Primero **sumo** los dos. Luego <b>miro</b>.".to_owned());
    world.models.set(Script { thinks: thinks.clone(), ..Script::saying("Son cuatro.") });
    let sent = world.ask(None, "¿Cuánto es dos y dos?").await.unwrap();
    let page = read(world.follow(&sent.generation, 0).await).await;
    assert!(page.stages.contains(&AnswerStage::Thinking), "{page:?}");
    let thought = page.thoughts.concat();
    assert!(thought.contains("<strong>sumo</strong>") && !thought.contains("<b>"), "{thought}");
    assert_eq!(page.blocks, ["<p>Son cuatro.</p>\n"]);
    let answer = world.answer(&sent).await;
    assert_eq!((answer.content.as_str(), answer.thought), ("Son cuatro.", true));
    let kept = world.store.reasoning_of(&world.viewer, &sent.assistant_message).await.unwrap();
    assert_eq!(kept, thinks);
    let stranger = Viewer { user_id: UserId::parse("eva").unwrap(), role: Role::Owner };
    assert_eq!(world.store.reasoning_of(&stranger, &sent.assistant_message).await.unwrap(), None);
    // The next question does not tell it.
    world.models.set(Script::saying("Seis."));
    let next = world.ask(Some(&sent.chat.id), "¿Y tres y tres?").await.unwrap();
    world.ended(&next).await;
    let told = world.models.requests().last().unwrap().body.to_string();
    assert!(told.contains("Son cuatro.") && !told.contains("sumo"), "{told}");
}

#[tokio::test]
async fn before_a_chat_is_too_long_it_is_summarised_and_goes_on_from_there() {
    let world = World::new().await;
    let word = "palabra ".repeat(90);
    world.models.set(Script { context: Some(3_000), ..Script::saying(&word) });
    world.service.start();
    world.knows_its_models().await;
    let first = world.ask(None, &format!("La clave es abeto. {word}")).await.unwrap();
    let chat = &first.chat.id;
    let answer = world.ended(&first).await;
    assert!(answer.memory_used.is_some_and(|used| (30..70).contains(&used)), "{:?}", answer.memory_used);
    assert!(answer.tokens.is_some_and(|Tokens { prompt, completion }| prompt > 0 && completion > 0));
    let second = world.ask(Some(chat), &word).await.unwrap();
    assert!(world.ended(&second).await.memory_used.is_some_and(|used| used >= 70));
    world.models.set(Script { context: Some(3_000), ..Script::saying("Hablaron de la clave.") });
    until("the summary", async || world.answer(&first).await.summary.is_some()).await;
    let third = world.ask(Some(chat), "¿Cuál era la clave?").await.unwrap();
    let answer = world.ended(&third).await;
    assert_eq!(answer.left_out, 0);
    let mut told = world.models.requests().into_iter().map(|request| request.body.to_string());
    let told = told.find(|told| told.contains("¿Cuál era la clave?")).unwrap();
    assert!(told.contains("Resumen de lo que se dijo antes") && !told.contains("abeto"), "{told}");
    world.service.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_a_model_can_no_longer_be_told_is_counted() {
    let world = World::new().await;
    world.models.set(Script { context: Some(2_000), ..Script::saying("Vale.") });
    world.service.start();
    world.knows_its_models().await;
    let first = world.ask(None, "Primera.").await.unwrap();
    world.ended(&first).await;
    let second = world.ask(Some(&first.chat.id), &"larga ".repeat(1_000)).await.unwrap();
    let answer = world.ended(&second).await;
    assert_eq!((answer.left_out, answer.memory_used), (2, Some(100)));
    world.service.drain(Duration::from_secs(5)).await;
}

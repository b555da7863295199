//! Runs from question to saved answer, over a real database and a scripted provider that speaks OpenAI's wire format.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod artifacts;
mod choices;
mod images;
mod long;
mod queue;

use std::{sync::Arc, time::Duration};

use cjhirashi_chat::{
    Accepted, ChatError, ChatService, CompletionEvent, CompletionRequest, EXTRACTIVE, EventStream, RetrievalOptions,
    SendMessage, Sent, Titles,
};
use cjhirashi_domain::{
    Viewer,
    chat::{Message, MessageRole, MessageStatus, Verdict},
    event::{AnswerStage, GenerationEvent, StreamEvent},
    id::{ChatId, GenerationId, MessageId, UserId},
    settings::{Choices, Language, UserSettings},
    sync::IndexKind,
    text::MessageText,
    user::Role,
};
use cjhirashi_models::{ChatTurn, EmbeddingChoice, FinishReason, ModelRegistry, ModelsConfig};
use cjhirashi_retrieval::{Engine, EngineCell, Retriever};
use cjhirashi_storage::{AppSecret, Listed, NewTurn, Part, Store, StoreOptions, TurnOutcome};
use cjhirashi_testkit::{Answer, Break, Script, ScriptedModels, TestDb};
use cjhirashi_vectors::{EmbeddedIndex, EmbeddedOptions};
use futures::StreamExt as _;

struct World {
    database: TestDb,
    folder: tempfile::TempDir,
    models: ScriptedModels,
    store: Store,
    registry: ModelRegistry,
    service: ChatService,
    viewer: Viewer,
}

async fn service(
    store: &Store,
    models: &ScriptedModels,
    folder: &std::path::Path,
    chat: Option<&str>,
) -> (ModelRegistry, ChatService) {
    let config = ModelsConfig {
        chat_model: chat.map(str::to_owned),
        openai_api_key: Some("scripted-key".into()),
        openai_base_url: Some(format!("{}/v1", models.base_url())),
        embeddings: EmbeddingChoice::OpenAi { model: "scripted-embedding".to_owned(), dimension: 256 },
        ..ModelsConfig::default()
    };
    let registry = ModelRegistry::new(config).unwrap();
    let embedder = registry.embedder();
    let options = EmbeddedOptions {
        folder: folder.join(format!("{:x}", store.random())),
        model: embedder.id().to_owned(),
        dimension: 256,
    };
    let (index, _) = EmbeddedIndex::open(options).await.unwrap();
    let retriever =
        Retriever::new(store.clone(), EngineCell::new(Engine::new(IndexKind::Embedded, Arc::new(index), embedder)));
    (registry.clone(), ChatService::new(store.clone(), registry, Arc::new(retriever), Titles::Question))
}

impl World {
    async fn new() -> Self {
        Self::answering_with(Some("openai:scripted-chat")).await
    }

    async fn answering_with(chat: Option<&str>) -> Self {
        let database = TestDb::new().await.unwrap();
        let store = Store::connect(StoreOptions::new(&database.url, AppSecret::new([7; 32]))).await.unwrap();
        store.migrate().await.unwrap();
        let owner = store.ensure_local_owner().await.unwrap();
        let models = ScriptedModels::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (registry, service) = service(&store, &models, folder.path(), chat).await;
        if chat.is_none() {
            let settings = UserSettings { default_model: EXTRACTIVE.to_owned(), ..UserSettings::default() };
            store.change_settings(&owner.id, |_| Some(settings)).await.unwrap();
        }
        let viewer = Viewer { user_id: owner.id, role: Role::Owner };
        Self { database, folder, models, store, registry, service, viewer }
    }

    /// A second process on the same database.
    async fn replica(&self) -> ChatService {
        let store = Store::connect(StoreOptions::new(&self.database.url, AppSecret::new([7; 32]))).await.unwrap();
        let (_, service) = service(&store, &self.models, self.folder.path(), Some("openai:scripted-chat")).await;
        service.start();
        service
    }

    /// Waits until the provider's list has told how much the model takes.
    async fn knows_its_models(&self) {
        until("the list of models", async || self.registry.known_of("openai:scripted-chat").0.is_some()).await;
    }

    async fn add_document(&self, title: &str, text: &str) {
        for sql in [
            "INSERT INTO documents (id, user_id, title, source, status, version, chunk_count)
             SELECT 'doc', $1, $2, 'api', 'indexed', 1, 1 WHERE $3 <> ''",
            "INSERT INTO chunks (id, document_id, version, seq, text, start_offset, end_offset, language, hash)
             SELECT 'chunk', 'doc', 1, 0, $3, 0, length($3), 'es', '' WHERE $1 || $2 <> ''",
        ] {
            sqlx::query(sql)
                .bind(self.viewer.user_id.as_str())
                .bind(title)
                .bind(text)
                .execute(self.store.pool())
                .await
                .unwrap();
        }
    }

    async fn ask(&self, chat: Option<&ChatId>, text: &str) -> Result<Sent, ChatError> {
        let text = MessageText::parse(text).unwrap();
        self.service
            .send(
                &self.viewer,
                SendMessage {
                    chat: chat.cloned(),
                    instead_of: None,
                    text,
                    images: Vec::new(),
                    message_id: None,
                    temporary: false,
                    folder: None,
                    choices: Choices::default(),
                },
            )
            .await
    }

    async fn send_meanwhile(&self, chat: &ChatId, text: &str, id: Option<&MessageId>) -> Result<Accepted, ChatError> {
        let text = MessageText::parse(text).unwrap();
        let (chat, message_id) = (Some(chat.clone()), id.cloned());
        let message = SendMessage {
            chat,
            instead_of: None,
            text,
            images: Vec::new(),
            message_id,
            temporary: false,
            folder: None,
            choices: Choices::default(),
        };
        self.service.send_or_queue(&self.viewer, message).await
    }

    async fn follow(&self, generation: &GenerationId, after: i64) -> EventStream {
        self.service.events(&self.viewer, generation, after, Language::Es).await.unwrap()
    }

    async fn answer(&self, sent: &Sent) -> Message {
        let messages = self.store.open_chat(&self.viewer, &sent.chat.id, Part::Whole).await.unwrap().unwrap().messages;
        messages.into_iter().find(|message| message.id == sent.assistant_message).unwrap()
    }

    async fn ended(&self, sent: &Sent) -> Message {
        read(self.follow(&sent.generation, 0).await).await;
        self.answer(sent).await
    }
}

/// What a page shows once a stream has ended.
#[derive(Debug, Default, PartialEq)]
struct Page {
    stages: Vec<AnswerStage>,
    blocks: Vec<String>,
    thoughts: Vec<String>,
    status: Option<MessageStatus>,
    last: i64,
}

impl Page {
    fn take(&mut self, (seq, event): (i64, StreamEvent)) {
        assert!(seq >= self.last, "numbers grow");
        self.last = seq;
        match event {
            StreamEvent::Stage(stage) => self.stages.push(stage),
            StreamEvent::Block { index, html } => put(&mut self.blocks, index, html),
            StreamEvent::Thought { index, html } => put(&mut self.thoughts, index, html),
            StreamEvent::End { status } => self.status = Some(status),
        }
    }
}

fn put(blocks: &mut Vec<String>, index: u32, html: String) {
    let index = index as usize;
    if blocks.len() <= index {
        blocks.resize(index + 1, String::new());
    }
    blocks[index] = html;
}

async fn read(mut stream: EventStream) -> Page {
    let mut page = Page::default();
    let all = async {
        while let Some(event) = stream.next().await {
            page.take(event);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("the stream ends");
    page
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..400 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not happen");
}

const MANUAL: &str = "La garantía del aparato dura dos años desde la compra. Se limpia con agua tibia.";

#[tokio::test]
async fn a_question_is_searched_answered_streamed_cited_and_kept() {
    let world = World::new().await;
    world.add_document("Manual", MANUAL).await;
    let sent = world.ask(None, "¿Cuánto dura la garantía del aparato?").await.unwrap();
    assert_eq!(sent.chat.title, "¿Cuánto dura la garantía del aparato?");
    let page = read(world.follow(&sent.generation, 0).await).await;
    assert_eq!(
        page.stages,
        [
            AnswerStage::Searching { documents: 1 },
            AnswerStage::Asking { model: "openai:scripted-chat".to_owned() },
            AnswerStage::Writing
        ]
    );
    assert_eq!(page.status, Some(MessageStatus::Complete));
    assert!(page.blocks.concat().contains("href=\"/documents/doc?start=0&amp;end="), "{page:?}");

    let answer = world.answer(&sent).await;
    assert_eq!((answer.status, answer.model.as_deref()), (MessageStatus::Complete, Some("openai:scripted-chat")));
    assert!(
        answer.content.contains("«La garantía del aparato dura dos años desde la compra» [1]"),
        "{}",
        answer.content
    );
    assert!(answer.tokens_used.is_some_and(|tokens| tokens > 0) && answer.latency_ms.is_some());
    let [citation] = answer.citations.as_slice() else { panic!("{:?}", answer.citations) };
    assert_eq!(citation.verdict, Verdict::Verified);
    assert_eq!(citation.source.as_ref().map(|source| source.title.as_str()), Some("Manual"));
    let summary = answer.retrieval.unwrap();
    assert_eq!((summary.searched_documents, summary.passages), (1, 1));

    // The next question is told what was said before, and a reader of what ended is told so.
    world.models.set(Script { answer: Answer::Echo, ..Script::default() });
    let next = world.ask(Some(&sent.chat.id), "¿Y en Portugal?").await.unwrap();
    assert_eq!(world.ended(&next).await.content, "¿Y en Portugal?");
    let request = world.models.requests().into_iter().rfind(|request| request.path.ends_with("completions")).unwrap();
    assert!(request.body.to_string().contains("¿Cuánto dura la garantía"), "{}", request.body);
    let again = read(world.follow(&sent.generation, page.last).await).await;
    assert_eq!((again.status, again.blocks.len()), (Some(MessageStatus::Complete), 0));
}

#[tokio::test]
async fn stopping_keeps_the_text_and_leaves_the_provider_at_once() {
    let world = World::new().await;
    world.models.set(Script { hold_after: Some(3), ..Script::saying("uno dos tres cuatro cinco") });
    let sent = world.ask(None, "cuenta").await.unwrap();
    until("the third word", async || world.answer(&sent).await.content.trim_end() == "uno dos tres").await;
    assert!(matches!(world.ask(Some(&sent.chat.id), "otra").await, Err(ChatError::Busy)));
    let stranger = Viewer { user_id: UserId::parse("eva").unwrap(), role: Role::Owner };
    let foreign = world.service.stop(&stranger, &sent.generation).await;
    assert!(matches!(foreign, Err(ChatError::GenerationNotFound)));
    assert!(world.service.events(&stranger, &sent.generation, 0, Language::Es).await.is_err());

    world.service.stop(&world.viewer, &sent.generation).await.unwrap();
    let answer = world.ended(&sent).await;
    assert_eq!((answer.status, answer.content.as_str()), (MessageStatus::Stopped, "uno dos tres"));
    assert!(answer.tokens_used > Some(3), "what was said is billed, so it is estimated: {:?}", answer.tokens_used);
    until("the provider sees it", async || world.models.abandoned_streams() == 1).await;
    world.service.stop(&world.viewer, &sent.generation).await.unwrap();

    world.models.set(Script::saying("entero"));
    let again = world.service.retry(&world.viewer, &sent.assistant_message).await.unwrap();
    let whole = world.ended(&again).await;
    assert_eq!((whole.status, whole.content.as_str()), (MessageStatus::Complete, "entero"));
    assert_eq!(whole.siblings, [sent.assistant_message, again.assistant_message], "what was said stays");
}

#[tokio::test]
async fn a_reader_that_reloads_goes_on_where_it_was_and_another_replica_shows_the_same() {
    let world = World::new().await;
    let replica = world.replica().await;
    world.models.set(Script { hold_after: Some(2), ..Script::saying("# Uno\n\nDos.\n\nTres.\n\nCuatro.") });
    let sent = world.ask(None, "cuenta").await.unwrap();
    let mut first = world.follow(&sent.generation, 0).await;
    let mut page = Page::default();
    while page.blocks.is_empty() {
        page.take(first.next().await.unwrap());
    }
    drop(first);
    let far = replica.events(&world.viewer, &sent.generation, 0, Language::Es).await.unwrap();
    let near = world.follow(&sent.generation, page.last).await;
    world.models.release();
    let (far, near) = tokio::join!(read(far), read(near));
    for event in near.blocks.iter().zip(0u32..).filter(|(html, _)| !html.is_empty()) {
        page.take((near.last, StreamEvent::Block { index: event.1, html: event.0.clone() }));
    }
    assert_eq!(far.blocks, page.blocks);
    assert_eq!(page.blocks.len(), 4, "{page:?}");
    assert_eq!((far.status, near.status), (Some(MessageStatus::Complete), Some(MessageStatus::Complete)));
}

#[tokio::test]
async fn another_replica_can_stop_it() {
    let world = World::new().await;
    world.service.start();
    let replica = world.replica().await;
    world.models.set(Script { hold_after: Some(1), ..Script::saying("uno dos") });
    let sent = world.ask(None, "cuenta").await.unwrap();
    until("the first word", async || !world.answer(&sent).await.content.is_empty()).await;
    // The listener of the first process may still be connecting; then its next heartbeat hears of it.
    replica.stop(&world.viewer, &sent.generation).await.unwrap();
    assert_eq!(world.ended(&sent).await.status, MessageStatus::Stopped);
}

#[tokio::test]
async fn what_the_provider_refuses_is_said_with_its_words_and_can_be_tried_again() {
    let world = World::new().await;
    world.models.set(Script { chat_status: Some(401), ..Script::default() });
    let sent = world.ask(None, "hola").await.unwrap();
    let answer = world.ended(&sent).await;
    assert_eq!(answer.status, MessageStatus::Failed);
    assert_eq!(answer.error.unwrap().code, "models:unauthorized");

    world.models.set(Script {
        break_after: Some(2),
        break_how: Break::Cut,
        pace_ms: 30,
        ..Script::saying("uno dos tres cuatro")
    });
    let sent = world.ask(None, "hola").await.unwrap();
    let answer = world.ended(&sent).await;
    // The last piece may be lost with the connection that carried it.
    assert!(answer.status == MessageStatus::Failed && answer.content.starts_with("uno"), "{answer:?}");
    assert_eq!(answer.error.unwrap().code, "models:broke_off");
}

#[tokio::test]
async fn an_answer_that_the_limit_of_tokens_ended_says_so() {
    let world = World::new().await;
    world.models.set(Script { cut: true, ..Script::saying("uno dos") });
    let answer = world.ended(&world.ask(None, "cuenta").await.unwrap()).await;
    assert_eq!((answer.status, answer.content.as_str()), (MessageStatus::Complete, "uno dos"));
    assert_eq!(answer.error.unwrap().code, "generations:cut");
    world.models.set(Script { cut: true, ..Script::saying("") });
    let answer = world.ended(&world.ask(None, "piensa").await.unwrap()).await;
    assert_eq!(answer.status, MessageStatus::Failed);
    assert_eq!(answer.error.unwrap().code, "models:tokens_used_up");
}

#[tokio::test]
async fn who_asks_and_goes_away_is_answered_all_the_same() {
    let world = World::new().await;
    world.models.set(Script::saying("sí"));
    for wait in 0..15 {
        drop(tokio::time::timeout(Duration::from_millis(wait), world.ask(None, "hola")).await);
    }
    // Nothing watches for dead runs here: what was committed has its own.
    until("every answer", async || {
        let open = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM messages WHERE status = 'streaming'");
        open.fetch_one(world.store.pool()).await.unwrap() == 0
    })
    .await;
}

#[tokio::test]
async fn a_run_whose_process_died_is_interrupted_with_its_text_and_its_sources() {
    let world = World::new().await;
    world.add_document("Manual", MANUAL).await;
    // What a process leaves behind that was killed in the middle of an answer.
    let sent = world.ask(None, "¿Cuánto dura la garantía del aparato?").await.unwrap();
    world.ended(&sent).await;
    let events = world.store.events_after(&sent.generation, 0, 100).await.unwrap();
    let sources = events.into_iter().find(|(_, event)| matches!(event, GenerationEvent::Sources { .. })).unwrap().1;
    let text = MessageText::parse("¿Cuánto dura?").unwrap();
    let title = cjhirashi_domain::text::ChatTitle::from_question(&text);
    let viewer = &world.viewer;
    let turn = NewTurn {
        viewer,
        chat: None,
        instead_of: None,
        title: &title,
        text: &text,
        message: None,
        model: "m",
        temporary: false,
        folder: None,
        images: &[],
        choices: &Choices::default(),
    };
    let TurnOutcome::Started(turn) = world.store.start_turn(turn).await.unwrap() else { panic!() };
    let written = GenerationEvent::Text { delta: "Dice: «dura dos años desde la compra» [1] y tamb".to_owned() };
    world.store.append_events(&turn.generation, 1, &[sources, written]).await.unwrap();

    assert_eq!(world.service.recover().await.unwrap(), 0, "its heart may still beat");
    sqlx::query("UPDATE generations SET heartbeat_at = now() - interval '1 minute' WHERE id = $1")
        .bind(turn.generation.as_str())
        .execute(world.store.pool())
        .await
        .unwrap();
    assert_eq!(world.service.recover().await.unwrap(), 1);
    let messages = world.store.open_chat(&world.viewer, &turn.chat.id, Part::Whole).await.unwrap().unwrap().messages;
    let answer = &messages[1];
    assert_eq!(answer.status, MessageStatus::Interrupted);
    assert!(answer.content.ends_with("y tamb"), "{}", answer.content);
    assert_eq!(answer.error.as_ref().unwrap().code, "generations:interrupted");
    assert_eq!(answer.citations.len(), 1);
    assert_eq!(answer.citations[0].verdict, Verdict::Verified);
    let page = read(world.follow(&turn.generation, 0).await).await;
    assert_eq!(page.status, Some(MessageStatus::Interrupted));
}

#[tokio::test]
async fn stopping_the_server_keeps_what_was_written_and_ends_the_streams() {
    let world = World::new().await;
    world.service.start();
    world.models.set(Script { hold_after: Some(2), ..Script::saying("uno dos tres") });
    let sent = world.ask(None, "cuenta").await.unwrap();
    until("the second word", async || world.answer(&sent).await.content.trim_end() == "uno dos").await;
    let reader = tokio::spawn(read(world.follow(&sent.generation, 0).await));
    world.service.drain(Duration::from_millis(200)).await;
    let page = reader.await.unwrap();
    assert_eq!(page.status, Some(MessageStatus::Interrupted));
    let answer = world.answer(&sent).await;
    assert_eq!((answer.status, answer.content.as_str()), (MessageStatus::Interrupted, "uno dos"));
    assert!(matches!(world.ask(None, "otra").await, Err(ChatError::Closing)));
}

#[tokio::test]
async fn deleting_a_chat_ends_its_run() {
    let world = World::new().await;
    world.models.set(Script { pace_ms: 20, ..Script::saying(&"palabra ".repeat(500)) });
    let sent = world.ask(None, "cuenta").await.unwrap();
    let reader = tokio::spawn(read(world.follow(&sent.generation, 0).await));
    until("the first word", async || !world.answer(&sent).await.content.is_empty()).await;
    world.store.delete_chat(&world.viewer, &sent.chat.id).await.unwrap();
    assert_eq!(reader.await.unwrap().status, Some(MessageStatus::Interrupted));
    until("the provider is left", async || world.models.abandoned_streams() == 1).await;
}

#[tokio::test]
async fn without_a_model_the_best_sentences_are_quoted_and_what_is_not_there_is_said() {
    let world = World::answering_with(None).await;
    let sent = world.ask(None, "¿Cuánto dura la garantía del aparato?").await.unwrap();
    let answer = world.ended(&sent).await;
    assert!(answer.content.contains("Aún no hay documentos"), "{}", answer.content);
    world.add_document("Manual", MANUAL).await;
    let sent = world.ask(Some(&sent.chat.id), "¿Cuánto dura la garantía del aparato?").await.unwrap();
    let answer = world.ended(&sent).await;
    assert_eq!(answer.model.as_deref(), Some(EXTRACTIVE));
    assert!(
        answer.content.contains("«La garantía del aparato dura dos años desde la compra.» [1]"),
        "{}",
        answer.content
    );
    assert_eq!(answer.citations.first().map(|citation| citation.verdict), Some(Verdict::Verified));
    assert!(world.models.requests().iter().all(|request| !request.path.ends_with("completions")));
    let sent = world.ask(None, "¿Quién pintó la bóveda de la catedral de Burgos?").await.unwrap();
    let answer = world.ended(&sent).await;
    assert!(answer.content.contains("No he encontrado la respuesta"), "{}", answer.content);
    assert!(answer.citations.is_empty());
}

#[tokio::test]
async fn a_completion_is_streamed_cited_and_not_kept() {
    let world = World::new().await;
    world.add_document("Manual", MANUAL).await;
    let turn = |role, content: &str| ChatTurn::of(role, content.to_owned());
    let request = CompletionRequest {
        messages: vec![turn(MessageRole::User, "¿Cuánto dura la garantía del aparato?")],
        retrieval: Some(RetrievalOptions { enabled: true, ..RetrievalOptions::default() }),
        ..CompletionRequest::default()
    };
    let completion = world.service.complete(&world.viewer, request.clone()).await.unwrap();
    assert_eq!(completion.citations.len(), 1);
    let events: Vec<_> = completion.stream.map(Result::unwrap).collect().await;
    let Some(CompletionEvent::End { citations, prompt_tokens, .. }) = events.last() else { panic!("{events:?}") };
    assert_eq!(citations[0].verdict, Verdict::Verified);
    assert!(citations[0].source.is_some() && prompt_tokens.is_some());
    assert!(world.store.list_chats(&world.viewer.user_id, Listed::All, 10, None).await.unwrap().is_empty());

    // The client's own conversation goes to the provider whole, its instructions first.
    let long = "x".repeat(70_000);
    let messages = vec![
        turn(MessageRole::System, "Answer in verse."),
        turn(MessageRole::User, &long),
        turn(MessageRole::Assistant, "a[1] [2]"),
        turn(MessageRole::User, "¿y?"),
    ];
    let whole = CompletionRequest { messages, retrieval: None, ..request.clone() };
    world.service.complete(&world.viewer, whole).await.unwrap();
    let asked = world.models.requests().into_iter().rfind(|request| request.path.ends_with("completions")).unwrap();
    let asked = asked.body["messages"].as_array().unwrap().clone();
    assert_eq!(
        asked.iter().map(|turn| turn["role"].as_str().unwrap()).collect::<Vec<_>>(),
        ["system", "user", "assistant", "user"]
    );
    assert!(asked[0]["content"].as_str().unwrap().ends_with("Answer in verse."));
    assert_eq!((asked[1]["content"].as_str().unwrap().len(), &asked[2]["content"]), (70_000, &"a[1] [2]".into()));

    // Instructions may follow the question, and the answer ends where it was told to.
    world.models.set(Script::saying("uno dos FIN tres"));
    let messages = vec![turn(MessageRole::User, "cuenta"), turn(MessageRole::System, "Be brief.")];
    let stop = vec!["dos FIN".to_owned()];
    let ended = CompletionRequest { messages, stop, retrieval: None, ..request.clone() };
    let completion = world.service.complete(&world.viewer, ended).await.unwrap();
    let events: Vec<_> = completion.stream.map(Result::unwrap).collect().await;
    assert_eq!(events[0], CompletionEvent::Text("uno ".to_owned()));
    assert!(matches!(events[1..], [CompletionEvent::End { finish: FinishReason::Stop, .. }]), "{events:?}");

    for messages in [vec![], vec![turn(MessageRole::Assistant, "x")]] {
        let refused = world.service.complete(&world.viewer, CompletionRequest { messages, ..request.clone() }).await;
        assert!(matches!(refused, Err(ChatError::Conversation { .. })));
    }
    let messages = vec![turn(MessageRole::User, "  ")];
    let refused = world.service.complete(&world.viewer, CompletionRequest { messages, ..request.clone() }).await;
    assert!(matches!(refused, Err(ChatError::Text(_))));
    let model = Some("openai:none\u{0}such".to_owned());
    world.models.set(Script { chat_status: Some(404), ..Script::default() });
    assert!(world.service.complete(&world.viewer, CompletionRequest { model, ..request }).await.is_err());
}

#[tokio::test]
async fn the_first_words_are_there_soon_after_the_question() {
    let world = World::new().await;
    world.models.set(Script { pace_ms: 5, ..Script::saying("uno dos tres cuatro") });
    world.ended(&world.ask(None, "calienta").await.unwrap()).await;
    let mut best = Duration::MAX;
    for _ in 0..8 {
        let begun = std::time::Instant::now();
        let id = MessageId::new(world.store.now(), world.store.random());
        let text = MessageText::parse("hola").unwrap();
        let message = SendMessage {
            chat: None,
            instead_of: None,
            text,
            images: Vec::new(),
            message_id: Some(id),
            temporary: false,
            folder: None,
            choices: Choices::default(),
        };
        let sent = world.service.send(&world.viewer, message).await.unwrap();
        let mut stream = world.follow(&sent.generation, 0).await;
        while !matches!(stream.next().await, Some((_, StreamEvent::Block { .. }))) {}
        best = best.min(begun.elapsed());
    }
    println!("question to first block: {best:?}");
    // The product's target is 40 ms in a release build with a page around it; this is a debug build on any machine.
    assert!(best < Duration::from_millis(250), "{best:?}");
}

//! Turns and runs on a real database.

use cjhirashi_domain::{
    chat::{BestMatch, CitationUse, Message, MessageRole, Verdict},
    id::DocumentId,
    passage::TextRange,
    settings::Choices,
    text::{ChatTitle, MessageText},
    user::Role,
};

use super::*;
use crate::{Listed, Part, testing};

struct World {
    _database: cjhirashi_testkit::TestDb,
    store: Store,
    viewer: Viewer,
    stranger: Viewer,
}

async fn world() -> World {
    let (database, store, _clock) = testing::migrated().await;
    let owner = store.ensure_local_owner().await.unwrap();
    let viewer = Viewer { user_id: owner.id, role: Role::Owner };
    let stranger = Viewer { user_id: UserId::parse("eva").unwrap(), role: Role::Owner };
    World { _database: database, store, viewer, stranger }
}

impl World {
    async fn send(&self, chat: Option<&ChatId>, message: Option<&MessageId>) -> TurnOutcome {
        self.send_as(&self.viewer, chat, message).await
    }

    async fn send_as(&self, viewer: &Viewer, chat: Option<&ChatId>, message: Option<&MessageId>) -> TurnOutcome {
        let text = MessageText::parse("How long?").unwrap();
        let title = ChatTitle::from_question(&text);
        let (instead_of, model) = (None, "extractive");
        let turn = NewTurn {
            viewer,
            chat,
            instead_of,
            title: &title,
            text: &text,
            message,
            model,
            temporary: false,
            folder: None,
            images: &[],
            choices: &Choices::default(),
        };
        self.store.start_turn(turn).await.unwrap()
    }

    async fn started(&self, chat: Option<&ChatId>) -> Turn {
        match self.send(chat, None).await {
            TurnOutcome::Started(turn) => turn,
            other => panic!("{other:?}"),
        }
    }

    async fn finish(&self, turn: &Turn, content: &str, status: MessageStatus, citations: &[Citation]) -> bool {
        self.store.finish_generation(finished(turn, content, status, citations)).await.unwrap() != Ending::Gone
    }

    /// A document that [`citation`] cites.
    async fn add_document(&self) {
        for sql in [
            "INSERT INTO documents (id, user_id, title, source, version, status) VALUES ('doc', $1, 'Manual', 'upload', 2, 'indexed')",
            "INSERT INTO chunks (id, document_id, version, seq, text, start_offset, end_offset, hash) SELECT 'chunk', 'doc', 2, 0, 'Two years.', 0, 10, '\\x00' WHERE $1 <> ''",
        ] {
            sqlx::query(sql).bind(self.viewer.user_id.as_str()).execute(self.store.pool()).await.unwrap();
        }
    }

    async fn message(&self, turn: &Turn) -> Message {
        let messages = self.store.open_chat(&self.viewer, &turn.chat.id, Part::Whole).await.unwrap().unwrap().messages;
        messages.into_iter().find(|message| message.id == turn.assistant_message).unwrap()
    }
}

fn finished<'a>(
    turn: &'a Turn,
    content: &'a str,
    status: MessageStatus,
    citations: &'a [Citation],
) -> FinishedGeneration<'a> {
    FinishedGeneration {
        status,
        content,
        tokens: Some(Tokens { prompt: 4, completion: 3 }),
        latency_ms: Some(12),
        citations,
        ..FinishedGeneration::of(&turn.generation)
    }
}

fn citation() -> Citation {
    Citation {
        n: 1,
        document_id: DocumentId::parse("doc").unwrap(),
        version: 2,
        seq: 0,
        start: 0,
        end: 10,
        quote: None,
        page: Some(4),
        score: 0.8,
        verdict: Verdict::Verified,
        uses: Vec::new(),
        replaced: None,
        source: None,
    }
}

fn text(delta: &str) -> GenerationEvent {
    GenerationEvent::Text { delta: delta.to_owned() }
}

#[tokio::test]
async fn a_turn_is_a_question_an_open_answer_and_a_run() {
    let world = world().await;
    let turn = world.started(None).await;
    assert_eq!(turn.chat.title, "How long?");
    world.store.append_events(&turn.generation, 1, &[text("Two "), text("years")]).await.unwrap();
    let page = world.store.open_chat(&world.viewer, &turn.chat.id, Part::Whole).await.unwrap().unwrap();
    assert!(page.summary.answering);
    let [question, answer] = page.messages.as_slice() else { panic!("{:?}", page.messages) };
    assert_eq!((question.role, question.status), (MessageRole::User, MessageStatus::Complete));
    assert_eq!(answer.parent_id.as_ref(), Some(&question.id));
    assert_eq!(answer.content, "Two years", "the text so far is read from the events");
    assert_eq!(answer.generation_id.as_ref(), Some(&turn.generation));

    assert!(world.finish(&turn, "Two years.", MessageStatus::Complete, &[]).await);
    let answer = world.message(&turn).await;
    assert_eq!(
        (answer.status, answer.content.as_str(), answer.tokens_used, answer.generation_id),
        (MessageStatus::Complete, "Two years.", Some(7), None)
    );
    let events = world.store.events_after(&turn.generation, 0, 100).await.unwrap();
    assert_eq!(events.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(matches!(events[2].1, GenerationEvent::End { status: MessageStatus::Complete, .. }));
    assert!(!world.finish(&turn, "again", MessageStatus::Failed, &[]).await, "a run ends once");
    let next = world.started(Some(&turn.chat.id)).await;
    let history = world.store.conversation_before(&next.assistant_message, 10).await.unwrap().turns;
    let said: Vec<&str> = history.iter().map(|turn| turn.content.as_str()).collect();
    assert_eq!(said, ["How long?", "Two years.", "How long?"]);
}

#[tokio::test]
async fn the_same_question_sent_twice_is_one_question() {
    let world = world().await;
    let id = MessageId::parse("chosen-by-the-browser").unwrap();
    let (a, b) = tokio::join!(world.send(None, Some(&id)), world.send(None, Some(&id)));
    let turns: Vec<Turn> = [a, b]
        .into_iter()
        .map(|outcome| match outcome {
            TurnOutcome::Started(turn) | TurnOutcome::Repeated(turn) => turn,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(turns[0].generation, turns[1].generation);
    assert_eq!(world.store.list_chats(&world.viewer.user_id, Listed::All, 10, None).await.unwrap().len(), 1);
    sqlx::query(
        "INSERT INTO users (id, email, role, created_at, updated_at) VALUES ('eva', 'e@x.org', 'user', now(), now())",
    )
    .execute(&world.store.pool)
    .await
    .unwrap();
    assert_eq!(world.send_as(&world.stranger, None, Some(&id)).await, TurnOutcome::NotFound);
    let chats = world.store.list_chats(&world.stranger.user_id, Listed::All, 10, None).await.unwrap();
    assert!(chats.is_empty(), "nothing was begun for it");

    // In its chat too, while its answer is being written, and while other questions wait after it.
    let chat = Some(&turns[0].chat.id);
    let generation = |outcome| match outcome {
        TurnOutcome::Repeated(turn) => turn.generation,
        other => panic!("{other:?}"),
    };
    assert_eq!(generation(world.send(chat, Some(&id)).await), turns[0].generation);
    let text = MessageText::parse("And then?").unwrap();
    let waits = world.store.queue_message(&world.viewer, &turns[0].chat.id, None, &text, &[]).await.unwrap();
    assert_eq!(waits, Queueing::Waits);
    assert_eq!(generation(world.send(chat, Some(&id)).await), turns[0].generation);
    world.finish(&turns[0], "Two years.", MessageStatus::Complete, &[]).await;
    assert_eq!(generation(world.send(chat, Some(&id)).await), turns[0].generation);
    let messages =
        world.store.open_chat(&world.viewer, &turns[0].chat.id, Part::Whole).await.unwrap().unwrap().messages;
    assert_eq!(messages.len(), 2);
}

#[tokio::test]
async fn one_answer_at_a_time_and_none_in_the_chat_of_another() {
    let world = world().await;
    let turn = world.started(None).await;
    assert_eq!(world.send(Some(&turn.chat.id), None).await, TurnOutcome::Busy);
    let messages = world.store.open_chat(&world.viewer, &turn.chat.id, Part::Whole).await.unwrap().unwrap().messages;
    assert_eq!(messages.len(), 2, "a refused question leaves nothing behind");
    assert_eq!(world.send_as(&world.stranger, Some(&turn.chat.id), None).await, TurnOutcome::NotFound);
    let store = &world.store;
    let again = store.restart_turn(&world.stranger, &turn.assistant_message, "m").await.unwrap();
    assert_eq!(again, TurnOutcome::NotFound);
    assert_eq!(store.get_generation(&world.stranger, &turn.generation).await.unwrap(), None);
    assert!(!store.request_stop(&world.stranger, &turn.generation).await.unwrap());
}

impl World {
    async fn again(&self, turn: &Turn) -> Turn {
        match self.store.restart_turn(&self.viewer, &turn.assistant_message, "other").await.unwrap() {
            TurnOutcome::Started(turn) => turn,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_retry_takes_the_place_of_an_answer_without_a_word_and_stands_beside_one_that_speaks() {
    let world = world().await;
    let turn = world.started(None).await;
    world.finish(&turn, "", MessageStatus::Failed, &[]).await;
    let again = world.again(&turn).await;
    assert_eq!((&again.assistant_message, &again.user_message), (&turn.assistant_message, &turn.user_message));
    let running = world.message(&again).await;
    assert_eq!((running.model.as_deref(), running.tokens_used), (Some("other"), None));
    world.finish(&again, "half an ans [1]", MessageStatus::Stopped, &[citation()]).await;
    let before = world.message(&again).await;
    for (text, status) in
        [("", MessageStatus::Failed), ("half", MessageStatus::Stopped), ("all", MessageStatus::Complete)]
    {
        let beside = world.again(&again).await;
        assert_ne!(beside.assistant_message, again.assistant_message);
        assert_eq!(beside.user_message, turn.user_message);
        world.finish(&beside, text, status, &[]).await;
        assert_eq!(world.message(&beside).await.content, text);
    }
    world.store.show_branch(&world.viewer, &again.assistant_message).await.unwrap();
    let after = world.message(&again).await;
    assert_eq!(after.siblings.len(), 4);
    assert_eq!(Message { siblings: Vec::new(), ..after }, before, "what was said is as it was");
}

#[tokio::test]
async fn nothing_is_written_behind_the_end_of_a_run() {
    let world = world().await;
    let turn = world.started(None).await;
    world.finish(&turn, "", MessageStatus::Interrupted, &[]).await;
    assert_eq!(world.store.append_events(&turn.generation, 1, &[text("late")]).await.unwrap(), RunState::Gone);
    let events = world.store.events_after(&turn.generation, 0, 10).await.unwrap();
    assert!(matches!(events.as_slice(), [(1, GenerationEvent::End { .. })]), "{events:?}");
}

#[tokio::test]
async fn the_title_of_a_best_match_is_gone_with_its_document() {
    let world = world().await;
    let turn = world.started(None).await;
    world.add_document().await;
    let retrieval = RetrievalSummary {
        searched_documents: 1,
        passages: 0,
        best: Some(BestMatch { document_id: DocumentId::parse("doc").unwrap(), title: "Manual".into(), score: 0.2 }),
        min_score: 0.5,
        degraded: false,
    };
    let end =
        FinishedGeneration { retrieval: Some(&retrieval), ..finished(&turn, "No.", MessageStatus::Complete, &[]) };
    world.store.finish_generation(end).await.unwrap();
    assert_eq!(world.message(&turn).await.retrieval, Some(retrieval.clone()));
    let pool = world.store.pool();
    let stored: String = sqlx::query_scalar("SELECT retrieval::text FROM messages WHERE retrieval IS NOT NULL")
        .fetch_one(pool)
        .await
        .unwrap();
    assert!(!stored.contains("Manual"), "{stored}");
    sqlx::query("UPDATE documents SET deleted_at = now()").execute(pool).await.unwrap();
    assert_eq!(world.message(&turn).await.retrieval, Some(RetrievalSummary { best: None, ..retrieval }));
}

#[tokio::test]
async fn appending_twice_changes_nothing_and_tells_how_the_run_stands() {
    let world = world().await;
    let turn = world.started(None).await;
    let id = &turn.generation;
    for _ in 0..2 {
        assert_eq!(world.store.append_events(id, 1, &[text("a"), text("b")]).await.unwrap(), RunState::Running);
    }
    assert_eq!(world.store.events_after(id, 0, 10).await.unwrap(), [(1, text("a")), (2, text("b"))]);
    assert_eq!(world.store.events_after(id, 1, 10).await.unwrap(), [(2, text("b"))]);
    assert!(world.store.request_stop(&world.viewer, id).await.unwrap());
    assert_eq!(world.store.append_events(id, 3, &[text("c")]).await.unwrap(), RunState::StopRequested);
    assert_eq!(world.store.heartbeat(std::slice::from_ref(id)).await.unwrap(), [(id.clone(), RunState::StopRequested)]);
    world.store.delete_chat(&world.viewer, &turn.chat.id).await.unwrap();
    assert_eq!(world.store.append_events(id, 4, &[text("d")]).await.unwrap(), RunState::Gone);
    assert_eq!(world.store.heartbeat(std::slice::from_ref(id)).await.unwrap(), [(id.clone(), RunState::Gone)]);
}

#[tokio::test]
async fn events_of_several_runs_are_stored_at_once_and_one_that_somebody_holds_keeps_nobody_waiting() {
    let world = world().await;
    let mut listener = world.store.listen_generations().await.unwrap();
    let (one, two, gone) = (world.started(None).await, world.started(None).await, world.started(None).await);
    world.finish(&gone, "", MessageStatus::Interrupted, &[]).await;
    assert!(matches!(listener.next().await.unwrap(), GenerationSignal::Events(_, 1)));
    let runs = [&one.generation, &two.generation, &gone.generation];
    let append = async |first_seq, events: &[GenerationEvent]| {
        let appends = runs.map(|generation| Append { generation, first_seq, events });
        world.store.append_many(&appends).await.unwrap()
    };
    let running = Some(RunState::Running);
    for _ in 0..2 {
        // Again, as when the answer was lost, changes nothing.
        assert_eq!(append(1, &[text("a"), text("b")]).await, [running, running, Some(RunState::Gone)]);
        for run in [&one, &two] {
            assert_eq!(listener.next().await.unwrap(), GenerationSignal::Events(run.generation.clone(), 2));
            let stored = world.store.events_after(&run.generation, 0, 10).await.unwrap();
            assert_eq!(stored, [(1, text("a")), (2, text("b"))]);
        }
    }
    // On another connection, which deletes both, say.
    let mut other = world.store.pool().begin().await.unwrap();
    let hold = "SELECT id FROM generations WHERE id = $1 FOR UPDATE";
    sqlx::query(hold).bind(two.generation.as_str()).fetch_one(&mut *other).await.unwrap();
    assert_eq!(append(3, &[text("c")]).await, [running, None, Some(RunState::Gone)]);
    other.rollback().await.unwrap();
    assert!(world.store.request_stop(&world.viewer, &one.generation).await.unwrap());
    assert_eq!(append(4, &[text("d")]).await[..2], [Some(RunState::StopRequested), running]);
}

#[tokio::test]
async fn replicas_hear_of_events_and_of_stops() {
    let world = world().await;
    let mut listener = world.store.listen_generations().await.unwrap();
    let turn = world.started(None).await;
    world.store.append_events(&turn.generation, 1, &[text("a"), text("b")]).await.unwrap();
    assert_eq!(listener.next().await.unwrap(), GenerationSignal::Events(turn.generation.clone(), 2));
    world.store.request_stop(&world.viewer, &turn.generation).await.unwrap();
    assert_eq!(listener.next().await.unwrap(), GenerationSignal::Stop(turn.generation.clone()));
    world.finish(&turn, "ab", MessageStatus::Stopped, &[]).await;
    assert!(matches!(listener.next().await.unwrap(), GenerationSignal::Events(_, _)));
}

#[tokio::test]
async fn a_run_whose_heart_stopped_is_found() {
    let world = world().await;
    let turn = world.started(None).await;
    assert!(world.store.stale_generations(20.0).await.unwrap().is_empty());
    sqlx::query("UPDATE generations SET heartbeat_at = now() - interval '21 seconds'")
        .execute(world.store.pool())
        .await
        .unwrap();
    let stale = world.store.stale_generations(20.0).await.unwrap();
    assert_eq!(stale, [(turn.generation.clone(), world.viewer.user_id.clone())]);
    world.store.heartbeat(std::slice::from_ref(&turn.generation)).await.unwrap();
    assert!(world.store.stale_generations(20.0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_citation_keeps_the_places_of_its_quotes_and_names_the_page_of_the_best() {
    let world = world().await;
    let turn = world.started(None).await;
    world.add_document().await;
    let paged = "INSERT INTO document_versions (document_id, version, blob_key, size_bytes, mime_type, page_starts)
                 VALUES ('doc', 2, '', 1, 'application/pdf', '{0, 3, 6}')";
    sqlx::query(paged).execute(world.store.pool()).await.unwrap();
    let uses = [(15, Verdict::Verified, TextRange::new(4, 9)), (40, Verdict::NotFound, None)];
    let uses = uses.map(|(at, verdict, quote)| CitationUse { at, verdict, quote }).to_vec();
    let quoted = Citation { quote: TextRange::new(4, 9), uses, ..citation() };
    let unpaged = Citation { n: 2, page: None, ..quoted.clone() };
    let unknown = Citation { n: 3, version: 9, ..quoted.clone() };
    let mut citations = [quoted, unpaged, unknown, Citation { n: 4, ..citation() }];
    world.store.name_pages_of_quotes(&mut citations).await.unwrap();
    assert_eq!(citations.each_ref().map(|citation| citation.page), [Some(2), None, Some(4), Some(4)]);
    world.finish(&turn, "Two years [1].", MessageStatus::Complete, &citations).await;
    let shown = world.message(&turn).await.citations;
    let told: Vec<_> = shown.into_iter().map(|citation| (citation.quote, citation.page, citation.uses)).collect();
    assert_eq!(told, citations.map(|citation| (citation.quote, citation.page, citation.uses)));
    let title = |title: &str| ChatTitle::parse(title).unwrap();
    let copy = world.store.fork_chat(&world.viewer, &turn.chat.id, None, title).await.unwrap().unwrap();
    let copied = "SELECT array_agg(c.uses ORDER BY c.n) FROM citations c JOIN messages m ON m.id = c.message_id
                  WHERE m.chat_id = $1";
    let uses = async |chat: &ChatId| -> Vec<serde_json::Value> {
        sqlx::query_scalar(copied).bind(chat.as_str()).fetch_one(world.store.pool()).await.unwrap()
    };
    assert_eq!(uses(&copy.id).await, uses(&turn.chat.id).await);
}

#[tokio::test]
async fn a_deleted_document_is_gone_from_shared_chats_too() {
    let world = world().await;
    let turn = world.started(None).await;
    let pool = world.store.pool();
    world.add_document().await;
    let used = CitationUse { at: 10, verdict: Verdict::Verified, quote: TextRange::new(0, 9) };
    let cited = Citation { uses: vec![used], ..citation() };
    world.finish(&turn, "Two years [1].", MessageStatus::Complete, std::slice::from_ref(&cited)).await;
    let share = world.store.share_chat(&world.viewer, &turn.chat.id).await.unwrap().unwrap();
    let sources = async || {
        let (snapshot, _) = world.store.open_share(&share.token).await.unwrap().unwrap();
        snapshot.messages.into_iter().flat_map(|message| message.sources).collect::<Vec<_>>()
    };
    let shown = sources().await.pop().unwrap();
    let source = shown.source.clone().unwrap();
    assert_eq!((source.title.as_str(), source.text.as_str()), ("Manual", "Two years."));
    assert_eq!(Citation { source: None, ..shown }, cited);

    // As earlier versions froze it, before and after the schema is brought up to date.
    let frozen = r#"UPDATE shares SET snapshot = jsonb_set(snapshot, '{messages,1,sources}',
                    '[{"n": 1, "title": "Manual", "passage": "Two years.", "page": 4}]')"#;
    sqlx::query(frozen).execute(pool).await.unwrap();
    assert_eq!(sources().await, []);
    sqlx::query(include_str!("../../../../migrations/0022_shared_sources.sql")).execute(pool).await.unwrap();
    assert_eq!(sources().await, [Citation { source: Some(source), ..cited.clone() }]);

    sqlx::query("UPDATE documents SET deleted_at = now()").execute(pool).await.unwrap();
    assert_eq!(sources().await, [cited]);
    let kept: String = sqlx::query_scalar("SELECT snapshot::text FROM shares").fetch_one(pool).await.unwrap();
    assert!(!kept.contains("Manual") && !kept.contains("Two years.\""), "{kept}");
}

#[tokio::test]
async fn a_source_is_shown_while_it_may_be_read_and_the_revision_tells_when_that_changes() {
    let world = world().await;
    let turn = world.started(None).await;
    let pool = world.store.pool();
    world.add_document().await;
    let citation = citation();
    world.finish(&turn, "Two years [1].", MessageStatus::Complete, std::slice::from_ref(&citation)).await;
    let shown = world.message(&turn).await.citations;
    assert_eq!(shown.len(), 1);
    let source = shown[0].source.clone().unwrap();
    assert_eq!((source.title.as_str(), source.text.as_str()), ("Manual", "Two years."));
    let texts = world.store.load_cited_texts(&world.viewer.user_id, std::slice::from_ref(&citation)).await.unwrap();
    assert_eq!(texts, [Some("Two years.".to_owned())]);
    let texts = world.store.load_cited_texts(&world.stranger.user_id, std::slice::from_ref(&citation)).await.unwrap();
    assert_eq!(texts, [None]);

    let mut revision = world.store.chat_revision(&world.viewer, &turn.chat.id).await.unwrap().unwrap();
    for (change, readable, replaced) in [
        ("UPDATE documents SET title = 'Guide'", true, None),
        ("UPDATE documents SET version = 3", false, Some("Guide")),
        ("UPDATE documents SET deleted_at = now()", false, None),
        ("DELETE FROM documents", false, None),
    ] {
        sqlx::query(change).execute(pool).await.unwrap();
        let now = world.store.chat_revision(&world.viewer, &turn.chat.id).await.unwrap().unwrap();
        assert!(now > revision, "{change}");
        revision = now;
        let shown = world.message(&turn).await.citations.remove(0);
        assert_eq!((shown.source.is_some(), shown.replaced.as_deref()), (readable, replaced), "{change}");
    }
}

#[test]
fn a_signal_that_is_not_ours_is_passed_over() {
    let (events, stop) = (GenerationSignal::Events, GenerationSignal::Stop);
    let run = |id: &str| GenerationId::parse(id).unwrap();
    assert_eq!(parse_signals("events:abc:7"), [events(run("abc"), 7)]);
    assert_eq!(parse_signals("events:abc:7,x,de:8"), [events(run("abc"), 7), events(run("de"), 8)]);
    assert_eq!(parse_signals("stop:abc"), [stop(run("abc"))]);
    for other in ["", "events", "events:abc", "events:abc:x", "events:a b:1", "stop:", "other:abc"] {
        assert_eq!(parse_signals(other), [], "{other:?}");
    }
}

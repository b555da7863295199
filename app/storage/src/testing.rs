//! For this crate's tests: a store over a fresh database, with a clock that the test moves.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use cjhirashi_domain::{
    Timestamp, Viewer,
    chat::MessageStatus,
    id::{ChatId, ImageId, MessageId},
    settings::Choices,
    text::{ChatTitle, MessageText},
    user::Role,
};
use cjhirashi_testkit::TestDb;

use crate::{
    AppSecret, Ending, Environment, FinishedGeneration, NewTurn, Part, Store, StoreOptions, SystemEnvironment, Turn,
    TurnOutcome,
};

/// Stands still until it is moved.
#[derive(Debug)]
pub(crate) struct Clock(AtomicI64);

impl Clock {
    /// Moves the clock on.
    pub(crate) fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Environment for Clock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    fn random(&self) -> u128 {
        SystemEnvironment.random()
    }
}

/// A store over a database as it is.
pub(crate) async fn connect(database: &TestDb) -> (Store, Arc<Clock>) {
    let clock = Arc::new(Clock(AtomicI64::new(SystemEnvironment.now().0)));
    let options = StoreOptions {
        max_connections: 3,
        environment: clock.clone(),
        ..StoreOptions::new(&database.url, AppSecret::new(*b"a secret that only tests may know"))
    };
    (Store::connect(options).await.unwrap(), clock)
}

/// A store over a fresh database with the whole schema. The database goes when it is dropped.
pub(crate) async fn migrated() -> (TestDb, Store, Arc<Clock>) {
    let database = TestDb::new().await.unwrap();
    let (store, clock) = connect(&database).await;
    store.migrate().await.unwrap();
    (database, store, clock)
}

/// A store over a fresh database with its owner, whose questions are answered at once.
pub(crate) struct Asker {
    _database: TestDb,
    pub(crate) store: Store,
    pub(crate) clock: Arc<Clock>,
    pub(crate) viewer: Viewer,
}

impl Asker {
    pub(crate) async fn new() -> Self {
        let (database, store, clock) = migrated().await;
        let viewer = Viewer { user_id: store.ensure_local_owner().await.unwrap().id, role: Role::Owner };
        Self { _database: database, store, clock, viewer }
    }

    /// Asks in a chat, or in a new one; the answer is "to" the question.
    pub(crate) async fn ask(&self, chat: Option<&ChatId>, instead_of: Option<&MessageId>, question: &str) -> Turn {
        self.ask_and_say(chat, instead_of, question, &format!("to {question}"), false).await
    }

    /// Asks in a new chat, which may be temporary, and is answered this.
    pub(crate) async fn begin(&self, question: &str, answer: &str, temporary: bool) -> ChatId {
        self.ask_and_say(None, None, question, answer, temporary).await.chat.id
    }

    async fn ask_and_say(
        &self,
        chat: Option<&ChatId>,
        instead_of: Option<&MessageId>,
        question: &str,
        answer: &str,
        temporary: bool,
    ) -> Turn {
        let turn = self.start(chat, instead_of, question, temporary).await;
        self.answered(TurnOutcome::Started(turn), answer).await
    }

    /// Asks; the answer is being written.
    pub(crate) async fn started(&self, chat: Option<&ChatId>, question: &str) -> Turn {
        self.start(chat, None, question, false).await
    }

    /// The same, instead of another question.
    pub(crate) async fn started_instead(&self, chat: &ChatId, other: Option<&MessageId>, question: &str) -> Turn {
        self.start(Some(chat), other, question, false).await
    }

    async fn start(
        &self,
        chat: Option<&ChatId>,
        instead_of: Option<&MessageId>,
        question: &str,
        temporary: bool,
    ) -> Turn {
        let outcome = self.try_start(chat, instead_of, question, temporary, &[]).await;
        let TurnOutcome::Started(turn) = outcome else { panic!("{outcome:?}") };
        turn
    }

    /// Asks about images.
    pub(crate) async fn ask_about(&self, chat: Option<&ChatId>, question: &str, images: &[ImageId]) -> TurnOutcome {
        self.try_start(chat, None, question, false, images).await
    }

    pub(crate) async fn try_start(
        &self,
        chat: Option<&ChatId>,
        instead_of: Option<&MessageId>,
        question: &str,
        temporary: bool,
        images: &[ImageId],
    ) -> TurnOutcome {
        self.clock.advance(1_000);
        let text = MessageText::parse(question).unwrap();
        let title = ChatTitle::from_question(&text);
        let (viewer, title, text) = (&self.viewer, &title, &text);
        let turn = NewTurn {
            viewer,
            chat,
            instead_of,
            title,
            text,
            message: None,
            model: "m",
            temporary,
            folder: None,
            images,
            choices: &Choices::default(),
        };
        self.store.start_turn(turn).await.unwrap()
    }

    /// Ends what has begun with this answer.
    pub(crate) async fn answered(&self, outcome: TurnOutcome, content: &str) -> Turn {
        let TurnOutcome::Started(turn) = outcome else { panic!("{outcome:?}") };
        let end =
            FinishedGeneration { status: MessageStatus::Complete, content, ..FinishedGeneration::of(&turn.generation) };
        assert_ne!(self.store.finish_generation(end).await.unwrap(), Ending::Gone);
        turn
    }

    /// What is said in the shown branch.
    pub(crate) async fn shown(&self, chat: &ChatId) -> Vec<String> {
        let page = self.store.open_chat(&self.viewer, chat, Part::Whole).await.unwrap().unwrap();
        page.messages.into_iter().map(|message| message.content).collect()
    }
}

//! The commands: send, retry, stop.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use cjhirashi_domain::{
    Viewer,
    chat::{ChatSummary, MessageImage},
    id::{ChatId, FolderId, GenerationId, ImageId, MessageId},
    settings::{Choices, UserSettings},
    text::{ChatTitle, MessageText},
};
use cjhirashi_models::{ModelRegistry, ResolvedModel};
use cjhirashi_retrieval::Retriever;
use cjhirashi_storage::{GenerationSignal, NewTurn, Queueing, Store, Turn, TurnOutcome};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ChatError,
    image::{self, Prepared},
    journal::{Appends, Cancel, Run},
    prompt,
    retrieved::Ahead,
    run::{self, Job},
    title::Titles,
};

/// The most answers that one process writes at once.
const MAX_RUNS: usize = 500;
/// Signals of other replicas kept for a reader that is slow; one that missed some looks into the database.
const SIGNALS: usize = 1024;

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct SendMessage {
    /// In which chat; a new one, named after the question, when absent.
    pub chat: Option<ChatId>,
    /// The question of that chat that it is asked instead of: it stands beside it. Absent: it follows the shown branch.
    pub instead_of: Option<MessageId>,
    /// The question.
    pub text: MessageText,
    /// The images that it is about, as [`ChatService::add_image`] named them, or of the question that it is asked instead of;
    /// at most [`MessageImage::MOST`].
    pub images: Vec<ImageId>,
    /// A new chat is kept in no list, and for a day only.
    pub temporary: bool,
    /// The folder that a new chat begins in.
    pub folder: Option<FolderId>,
    /// What is chosen for a new chat; one that has begun has its own choices.
    pub choices: Choices,
    /// An id that the sender chose, so that sending twice (a double click, a repeated request) is one question.
    pub message_id: Option<MessageId>,
}

/// What a question became: committed, and being answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// Its chat.
    pub chat: ChatSummary,
    /// The question; absent for the retry of an adopted answer that follows none.
    pub user_message: Option<MessageId>,
    /// The answer, empty at first.
    pub assistant_message: MessageId,
    /// The run that writes it.
    pub generation: GenerationId,
}

/// What became of a question that may wait.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// It is being answered.
    Asked(Sent),
    /// It is asked when the answers before it have ended.
    Waits(ChatId),
}

impl From<Turn> for Sent {
    fn from(turn: Turn) -> Self {
        Self {
            chat: turn.chat,
            user_message: turn.user_message,
            assistant_message: turn.assistant_message,
            generation: turn.generation,
        }
    }
}

/// Asks models on behalf of people, and keeps what they answer. Cheap to clone.
#[derive(Clone)]
pub struct ChatService {
    pub(crate) shared: Arc<Shared>,
}

impl std::fmt::Debug for ChatService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatService").finish_non_exhaustive()
    }
}

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) models: ModelRegistry,
    pub(crate) retriever: Arc<Retriever>,
    pub(crate) titles: Titles,
    /// Where they store their events.
    pub(crate) appends: Arc<Appends>,
    /// The runs of this process.
    pub(crate) running: Mutex<HashMap<GenerationId, Arc<Run>>>,
    /// What other replicas did, for readers of their runs.
    pub(crate) signals: broadcast::Sender<GenerationSignal>,
    /// Whether signals come at all; without them readers look more often.
    pub(crate) listening: AtomicBool,
    /// What a drain waits for: runs, and questions on their way to one.
    pub(crate) runs: TaskTracker,
    /// Set when nothing new may begin.
    pub(crate) draining: AtomicBool,
    /// Cancelled when readers and background tasks are to end.
    pub(crate) closed: CancellationToken,
}

impl ChatService {
    /// Wires it; does nothing yet. Call [`ChatService::start`] once the schema is there.
    #[must_use]
    pub fn new(store: Store, models: ModelRegistry, retriever: Arc<Retriever>, titles: Titles) -> Self {
        Self {
            shared: Arc::new(Shared {
                appends: Arc::new(Appends::new(store.clone())),
                store,
                models,
                retriever,
                titles,
                running: Mutex::default(),
                signals: broadcast::Sender::new(SIGNALS),
                listening: AtomicBool::new(false),
                runs: TaskTracker::new(),
                draining: AtomicBool::new(false),
                closed: CancellationToken::new(),
            }),
        }
    }

    /// Stores a question and begins its answer. Returns as soon as both are committed; the answer is written
    /// whether anybody follows it or not.
    ///
    /// # Errors
    /// [`ChatError::ChatNotFound`], [`ChatError::Busy`] while another answer of the chat is written,
    /// [`ChatError::Closing`], [`ChatError::TooMany`], or the database's.
    pub async fn send(&self, viewer: &Viewer, message: SendMessage) -> Result<Sent, ChatError> {
        match self.accept(viewer, message, false).await? {
            Accepted::Asked(sent) => Ok(sent),
            Accepted::Waits(_) => Err(ChatError::Busy),
        }
    }

    /// The same; while another answer of the chat is being written, the question waits in the chat's queue. One that is
    /// asked instead of another cannot wait: by then its place may be gone.
    ///
    /// # Errors
    /// As [`ChatService::send`], and [`ChatError::QueueFull`].
    pub async fn send_or_queue(&self, viewer: &Viewer, message: SendMessage) -> Result<Accepted, ChatError> {
        let may_wait = message.instead_of.is_none();
        self.accept(viewer, message, may_wait).await
    }

    async fn accept(&self, viewer: &Viewer, message: SendMessage, may_wait: bool) -> Result<Accepted, ChatError> {
        self.check_open()?;
        if message.images.len() > MessageImage::MOST {
            return Err(ChatError::TooManyImages);
        }
        let store = &self.shared.store;
        let chosen = async {
            match &message.chat {
                Some(chat) => store.choices_of(viewer, chat).await,
                None => Ok(message.choices.clone()),
            }
        };
        let (settings, chosen) = tokio::try_join!(store.get_settings(&viewer.user_id), chosen)?;
        let settings = chosen.over(settings);
        let question = message.text.as_str();
        let whole = message.folder.is_none() && (message.chat.is_none() || !prompt::leans_on_what_was_said(question));
        let ahead = (settings.rag_enabled && whole && message.choices.documents.is_empty())
            .then(|| Ahead::begin(&self.shared, viewer, &settings, question));
        let model = self.shared.models.resolve_to_ask(&settings.default_model).await;
        let title = ChatTitle::from_question(&message.text);
        let (service, viewer) = (self.clone(), viewer.clone());
        committed(self.shared.runs.spawn(async move {
            // Much may have begun while the model was looked up, and a drain as well.
            service.check_open()?;
            let turn = NewTurn {
                viewer: &viewer,
                chat: message.chat.as_ref(),
                instead_of: message.instead_of.as_ref(),
                title: &title,
                text: &message.text,
                images: &message.images,
                message: message.message_id.as_ref(),
                model: &model.id,
                temporary: message.temporary,
                folder: message.folder.as_ref(),
                choices: &message.choices,
            };
            let store = &service.shared.store;
            let outcome = store.start_turn(turn).await?;
            let (TurnOutcome::Busy, Some(chat), true) = (&outcome, message.chat, may_wait) else {
                return service.begin(&viewer, outcome, settings, model, ahead).map(Accepted::Asked);
            };
            let (id, text) = (message.message_id.as_ref(), &message.text);
            match store.queue_message(&viewer, &chat, id, text, &message.images).await? {
                Queueing::Waits => {}
                Queueing::NoImage => return Err(ChatError::ImageNotFound),
                Queueing::Full => return Err(ChatError::QueueFull),
                Queueing::NotFound => return Err(ChatError::ChatNotFound),
            }
            // The answer it was to wait for may have ended in between.
            if let Err(error) = service.ask_next(viewer, chat.clone()).await {
                // It waits all the same, and is asked later: told as a failure, it would be sent once more.
                tracing::info!(%error, chat.id = %chat, "a question waits on");
            }
            Ok(Accepted::Waits(chat))
        }))
        .await
    }

    /// Keeps an image that the viewer is about to ask about: made smaller where it is large, and without anything that is
    /// not the picture, such as where it was taken.
    ///
    /// # Errors
    /// [`ChatError::Image`], or the database's.
    pub async fn add_image(&self, viewer: &Viewer, file: Vec<u8>) -> Result<MessageImage, ChatError> {
        let Prepared { image, size } = image::prepare(file).await?;
        Ok(self.shared.store.add_image(viewer, &image, size).await?)
    }

    /// Begins the answer to the question that has waited longest in a chat, unless another one is being written.
    ///
    /// # Errors
    /// As [`ChatService::send`].
    pub fn ask_next(&self, viewer: Viewer, chat: ChatId) -> BoxFuture<'static, Result<(), ChatError>> {
        let service = self.clone();
        // A run ends with it, and it begins a run: what waits for itself needs a box.
        Box::pin(async move {
            service.check_open()?;
            let store = &service.shared.store;
            let (settings, chosen) =
                tokio::try_join!(store.get_settings(&viewer.user_id), store.choices_of(&viewer, &chat))?;
            let settings = chosen.over(settings);
            let model = service.shared.models.resolve_to_ask(&settings.default_model).await;
            let task = service.shared.runs.clone().spawn(async move {
                service.check_open()?;
                let outcome = service.shared.store.start_queued_turn(&viewer, &chat, &model.id).await?;
                match service.begin(&viewer, outcome, settings, model, None) {
                    // Nothing waits any more, or an answer is being written, after which it is asked again.
                    Ok(_) | Err(ChatError::Busy | ChatError::ChatNotFound) => Ok(()),
                    Err(error) => Err(error),
                }
            });
            committed(task).await
        })
    }

    /// Answers once more after a failure, a stop or an interruption: in the place of an answer that has not a word, beside
    /// one that has, so that what was said stays.
    ///
    /// # Errors
    /// As [`ChatService::send`].
    pub async fn retry(&self, viewer: &Viewer, message: &MessageId) -> Result<Sent, ChatError> {
        self.check_open()?;
        let settings = self.settings_around(viewer, message).await?;
        let model = self.shared.models.resolve_to_ask(&settings.default_model).await;
        let (service, viewer, message) = (self.clone(), viewer.clone(), message.clone());
        committed(self.shared.runs.spawn(async move {
            service.check_open()?;
            let outcome = service.shared.store.restart_turn(&viewer, &message, &model.id).await?;
            service.begin(&viewer, outcome, settings, model, None)
        }))
        .await
    }

    /// Asks for another answer to the same question, of `model` or of the viewer's own; it stands beside `answer`.
    ///
    /// # Errors
    /// As [`ChatService::send`].
    pub async fn answer_again(
        &self,
        viewer: &Viewer,
        answer: &MessageId,
        model: Option<&str>,
    ) -> Result<Sent, ChatError> {
        self.check_open()?;
        let settings = self.settings_around(viewer, answer).await?;
        let model = self.shared.models.resolve_to_ask(model.unwrap_or(&settings.default_model)).await;
        let (service, viewer, answer) = (self.clone(), viewer.clone(), answer.clone());
        committed(self.shared.runs.spawn(async move {
            service.check_open()?;
            let outcome = service.shared.store.answer_again(&viewer, &answer, &model.id).await?;
            service.begin(&viewer, outcome, settings, model, None)
        }))
        .await
    }

    /// Ends an answer; the text so far is kept. The provider is left at once. Stopping what has ended does nothing.
    ///
    /// # Errors
    /// [`ChatError::GenerationNotFound`], or the database's.
    pub async fn stop(&self, viewer: &Viewer, generation: &GenerationId) -> Result<(), ChatError> {
        let run = self.shared.running.lock().get(generation).cloned();
        if let Some(run) = run {
            if run.user != viewer.user_id {
                return Err(ChatError::GenerationNotFound);
            }
            run.cancel(Cancel::Stop);
            return Ok(());
        }
        let found = self.shared.store.request_stop(viewer, generation).await?;
        if found { Ok(()) } else { Err(ChatError::GenerationNotFound) }
    }

    /// The settings that count in the chat of a message.
    async fn settings_around(&self, viewer: &Viewer, message: &MessageId) -> Result<UserSettings, ChatError> {
        let store = &self.shared.store;
        let (settings, chosen) =
            tokio::try_join!(store.get_settings(&viewer.user_id), store.choices_around(viewer, message))?;
        Ok(chosen.over(settings))
    }

    fn check_open(&self) -> Result<(), ChatError> {
        if self.shared.draining.load(Ordering::Acquire) {
            return Err(ChatError::Closing);
        }
        if self.shared.running.lock().len() >= MAX_RUNS {
            return Err(ChatError::TooMany);
        }
        Ok(())
    }

    fn begin(
        &self,
        viewer: &Viewer,
        outcome: TurnOutcome,
        settings: UserSettings,
        model: ResolvedModel,
        ahead: Option<Ahead>,
    ) -> Result<Sent, ChatError> {
        let turn = match outcome {
            TurnOutcome::Started(turn) => turn,
            TurnOutcome::Repeated(turn) => return Ok(turn.into()),
            TurnOutcome::Busy => return Err(ChatError::Busy),
            TurnOutcome::NotFound => return Err(ChatError::ChatNotFound),
            TurnOutcome::NoImage => return Err(ChatError::ImageNotFound),
        };
        let run = Run::new(turn.generation.clone(), viewer.user_id.clone(), turn.assistant_message.clone());
        self.shared.running.lock().insert(run.id.clone(), Arc::clone(&run));
        let narrowed = turn.narrowed;
        let (viewer, chat) = (viewer.clone(), turn.chat.id.clone());
        let job = Job { viewer, chat, settings, model, started_at: turn.started_at, narrowed, ahead };
        self.shared.runs.spawn(run::generate(self.clone(), run, job));
        Ok(turn.into())
    }
}

/// Waits for a question to be stored and its run begun, in a task of its own: who asked may go away in between, and what
/// was committed would be left without a run. The task is one of [`Shared::runs`], so that a drain waits for it.
async fn committed<T>(task: tokio::task::JoinHandle<Result<T, ChatError>>) -> Result<T, ChatError> {
    match task.await {
        Ok(sent) => sent,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down.
            Err(_) => Err(ChatError::Closing),
        },
    }
}

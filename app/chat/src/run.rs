//! One run: search, ask, write down, end.

use std::{sync::Arc, time::Duration};

use base64::Engine as _;

use cjhirashi_domain::{
    ErrorCode, Timestamp, Viewer,
    chat::{MessageError, MessageRole, MessageStatus},
    event::{AnswerStage, GenerationEvent},
    id::ChatId,
    settings::{Language, UserSettings},
    spending::Tokens,
};
use cjhirashi_models::{
    ChatDelta, ChatImage, ChatRequest, ChatStream, ChatTurn, FinishReason, ModelError, RESPONSE_FORMAT, ResolvedModel,
};
use cjhirashi_retrieval::RetrievalError;

use cjhirashi_storage::{
    Conversation, Ending, FinishedGeneration, MadeArtifact, StorageError, StoredImage, Surroundings, Texts,
};
use futures::StreamExt as _;

use crate::{
    ChatService, EXTRACTIVE,
    cited::MadeOf,
    extractive,
    journal::{Cancel, Journal, Run},
    made,
    prompt::{self, Images},
    retrieved::{Ahead, Retrieved, Wanted, retrieve},
    service::Shared,
    side::{self, Side},
    summary, title,
};

/// The most bytes of one answer; a model that says more has lost its way.
pub(crate) const MAX_ANSWER: usize = 1024 * 1024;
/// The most bytes of what a model thinks aloud that are kept.
const MAX_REASONING: usize = 256 * 1024;
/// How often changes of artifacts are made anew on top of what was saved meanwhile.
const MOVED_TRIES: u32 = 5;
/// How often storing an end is tried before the reaper is left to do it.
const FINISH_TRIES: u32 = 30;

/// What a run needs besides its place.
pub(crate) struct Job {
    pub(crate) viewer: Viewer,
    pub(crate) chat: ChatId,
    pub(crate) settings: UserSettings,
    pub(crate) model: ResolvedModel,
    pub(crate) started_at: Timestamp,
    pub(crate) narrowed: bool,
    /// The search that began with the question.
    pub(crate) ahead: Option<Ahead>,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cancelled: {0:?}")]
    Cancelled(Cancel),
    /// The answer was not whole when its tokens were used up; thinking counts among them.
    #[error("the answer's limit of tokens was used up")]
    UsedUp,
    #[error("the model takes no images")]
    Blind,
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Retrieval(#[from] RetrievalError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Failure {
    /// What a message becomes that says `text` so far.
    fn ending(&self, text: &str) -> (MessageStatus, Option<MessageError>) {
        let failed = |code: ErrorCode, detail| {
            (MessageStatus::Failed, Some(MessageError { code: code.as_str().to_owned(), detail }))
        };
        match self {
            Self::Cancelled(Cancel::Stop) => (MessageStatus::Stopped, None),
            Self::Cancelled(Cancel::Shutdown | Cancel::Gone) => (
                MessageStatus::Interrupted,
                Some(MessageError { code: ErrorCode::Interrupted.as_str().to_owned(), detail: None }),
            ),
            Self::UsedUp if text.trim().is_empty() => failed(ErrorCode::TokensUsedUp, None),
            // It is an answer, with a notice.
            Self::UsedUp => (
                MessageStatus::Complete,
                Some(MessageError { code: ErrorCode::AnswerCut.as_str().to_owned(), detail: None }),
            ),
            Self::Blind => failed(ErrorCode::ModelBlind, None),
            Self::Model(error) => failed(error.code(), error.said().map(str::to_owned)),
            Self::Retrieval(error) => failed(error.code(), None),
            Self::Storage(error) => failed(error.code(), None),
        }
    }
}

/// Of prose in our languages, about.
const CHARS_PER_TOKEN: usize = 4;

/// What a run has gathered, however it ends.
#[derive(Default)]
struct Answer {
    text: String,
    /// Thought aloud.
    reasoning: String,
    /// Characters of the conversation that the model was told, and the most that it is told.
    told: usize,
    budget: usize,
    left_out: usize,
    turns: usize,
    retrieved: Option<Retrieved>,
    tokens: Option<Tokens>,
    last_token_at: Option<Timestamp>,
}

impl Answer {
    /// The conversation with this answer, in percent of what the model is told at most.
    fn memory_used(&self) -> Option<i16> {
        let said = self.told + self.text.chars().count();
        let percent = (said * 100).checked_div(self.budget)?;
        Some(i16::try_from(percent.min(100)).unwrap_or(100))
    }

    /// What the provider counts is told with the end; of an answer that ended before, it is estimated, since it is billed all
    /// the same.
    fn spent(&self) -> Option<Tokens> {
        let said = self.text.chars().count() + self.reasoning.chars().count();
        let estimated = |chars: usize| i32::try_from(chars.div_ceil(CHARS_PER_TOKEN)).unwrap_or(i32::MAX);
        let unknown = || Tokens { prompt: estimated(self.told), completion: estimated(said) };
        self.tokens.or_else(|| (self.told > 0 && said > 0).then(unknown))
    }
}

/// Runs a generation to its end, whatever happens, and stores it.
pub(crate) async fn generate(service: ChatService, run: Arc<Run>, mut job: Job) {
    let ahead = job.ahead.take();
    let shared = &service.shared;
    let journal = Journal::open(Arc::clone(&shared.appends), Arc::clone(&run));
    let mut answer = Answer::default();
    // A panic (a library's, on a stranger's text) must not leave the answer open until the reaper finds it.
    let work = std::panic::AssertUnwindSafe(write(shared, &run, &job, ahead, &journal, &mut answer));
    let result = tokio::select! {
        biased;
        cause = run.cancelled() => Err(Failure::Cancelled(cause)),
        result = futures::FutureExt::catch_unwind(work) => result.unwrap_or_else(|_| {
            tracing::error!(generation.id = %run.id, "a run panicked");
            Err(Failure::Cancelled(Cancel::Gone))
        }),
    };
    let (status, error) = match &result {
        Ok(()) => (MessageStatus::Complete, None),
        Err(failure) => failure.ending(&answer.text),
    };
    if let Err(failure) = &result
        && error.is_some()
    {
        tracing::warn!(error = %failure, generation.id = %run.id, model = %job.model.id, "an answer was not completed");
    }
    let last = journal.close().await;
    let now = shared.store.now();
    let latency = answer.last_token_at.unwrap_or(now).0 - job.started_at.0;
    metrics::counter!("cjhirashi_generations_total", "status" => status.as_str()).increment(1);
    metrics::histogram!("cjhirashi_generation_duration_seconds")
        .record((now.0 - job.started_at.0).max(0) as f64 / 1000.0);
    let citations = match &answer.retrieved {
        Some(found) => found.cited_in(&shared.store, &answer.text, MadeOf::WordsAndArtifacts).await,
        None => Vec::new(),
    };
    let memory_used = answer.memory_used();
    let whole = status == MessageStatus::Complete;
    let mut made = made_by(shared, &job, &answer.text, whole && error.is_none()).await;
    let end = FinishedGeneration {
        generation: &run.id,
        status,
        error: error.as_ref(),
        content: answer.text.trim_end(),
        tokens: if whole { answer.tokens } else { answer.spent() },
        price: shared.models.known_of(&job.model.id).1,
        reasoning: Some(answer.reasoning.trim()).filter(|text| !text.is_empty()),
        left_out: i32::try_from(answer.left_out).unwrap_or(i32::MAX),
        memory_used,
        latency_ms: Some(i32::try_from(latency.max(0)).unwrap_or(i32::MAX)),
        retrieval: answer.retrieved.as_ref().map(|found| &found.summary),
        citations: &citations,
        artifacts: &[],
        trace: answer.retrieved.as_ref().map(|found| &found.trace),
        seq: last + 1,
    };
    let mut ending = finish(shared, FinishedGeneration { artifacts: &made, ..end }).await;
    for _ in 0..MOVED_TRIES {
        if ending != Ending::ArtifactsMoved {
            break;
        }
        // Somebody saved one of them in this very moment.
        made = made_by(shared, &job, &answer.text, whole).await;
        ending = finish(shared, FinishedGeneration { artifacts: &made, ..end }).await;
    }
    if ending == Ending::ArtifactsMoved {
        let none: Vec<MadeArtifact> = made.iter().map(|_| made::nothing_of_it()).collect();
        ending = finish(shared, FinishedGeneration { artifacts: &none, ..end }).await;
    }
    let status = if ending == Ending::Gone { MessageStatus::Interrupted } else { status };
    run.publish(last + 1, vec![GenerationEvent::End { status, error }]);
    shared.running.lock().remove(&run.id);
    if ending == (Ending::Stored { waits: true })
        && let Err(error) = service.ask_next(job.viewer.clone(), job.chat.clone()).await
    {
        tracing::info!(%error, generation.id = %run.id, "the next question waits on");
    }
    if status == MessageStatus::Complete {
        let (model, language) = (job.model.id, job.settings.language);
        title::give(shared, &run.user, &run.message, &model, language).await;
        if memory_used >= Some(summary::FULL) || answer.turns >= summary::MANY_TURNS {
            // Nobody waits for it, nor does a server that stops.
            let (service, run, budget) = (service.clone(), Arc::clone(&run), answer.budget);
            drop(tokio::spawn(async move {
                let side = Side { shared: &service.shared, user: &run.user, model: &model };
                summary::keep(side, &run.message, language, budget).await;
            }));
        }
    }
}

/// Stores the end; [`Ending::Gone`] also when the database stayed away.
async fn finish(shared: &Shared, end: FinishedGeneration<'_>) -> Ending {
    for attempt in 0..FINISH_TRIES {
        match shared.store.finish_generation(end).await {
            Ok(ending) => return ending,
            Err(error) => {
                tracing::warn!(%error, generation.id = %end.generation, "the end of a run could not be stored; trying again");
                // Stopping the server must not wait for a database that is gone: the reaper marks the run later.
                if shared.closed.is_cancelled() {
                    return Ending::Gone;
                }
                tokio::time::sleep(Duration::from_millis(200 * u64::from(attempt.min(9) + 1))).await;
            }
        }
    }
    Ending::Gone
}

async fn write(
    shared: &Shared,
    run: &Run,
    job: &Job,
    ahead: Option<Ahead>,
    journal: &Journal,
    answer: &mut Answer,
) -> Result<(), Failure> {
    let around = if job.narrowed { shared.store.surroundings(&run.message).await? } else { Surroundings::default() };
    // Somebody waits for the first word: what does not need each other is asked together.
    let scope = async {
        if !job.settings.rag_enabled {
            return Ok(None);
        }
        shared.store.search_scope(&job.viewer, &around.only).await.map(|scope| Some(scope.documents))
    };
    let history = shared.store.conversation_before(&run.message, prompt::MAX_TURNS);
    let writes = job.model.id != EXTRACTIVE;
    let artifacts = async {
        if writes {
            shared.store.artifacts_in_chat(&job.chat, Texts::UpTo(made::TOLD_OF_ONE)).await
        } else {
            Ok(Vec::new())
        }
    };
    let (history, documents, artifacts) = tokio::try_join!(history, scope, artifacts)?;
    if let Some(documents) = documents {
        let text = prompt::search_text(history.turns.iter().map(|turn| (turn.role, turn.content.as_str())));
        let wanted = Wanted::of(&job.settings, text, around.only.clone());
        if documents > 0 {
            journal.push(GenerationEvent::Stage(AnswerStage::Searching { documents }));
        }
        let found = match ahead {
            Some(ahead) => ahead.found(&wanted).await,
            None => None,
        };
        answer.retrieved = match found {
            Some(found) => found?,
            None => retrieve(shared, &job.viewer, wanted, documents).await?,
        };
        if let Some(found) = &answer.retrieved {
            journal.push(GenerationEvent::Sources {
                citations: found.citations.clone(),
                retrieval: found.summary.clone(),
            });
        }
    }
    journal.push(GenerationEvent::Stage(AnswerStage::Asking { model: job.model.id.clone() }));
    let budget = prompt::budget(shared.models.known_of(&job.model.id).0, u32::try_from(job.settings.max_tokens).ok());
    let artifacts = made::told(&artifacts, budget).unwrap_or_default();
    let ask = Ask {
        artifacts: writes.then_some(artifacts.as_str()),
        model: &job.model.id,
        language: answer.retrieved.as_ref().and_then(|found| found.language).unwrap_or(job.settings.language),
        temperature: Some(job.settings.temperature),
        max_tokens: u32::try_from(job.settings.max_tokens).ok(),
        instructions: &around.instructions,
        stop: &[],
        fields: None,
    };
    let budget = budget - artifacts.chars().count().min(budget);
    let images = shown(shared, &job.model.id, &history).await?;
    let told = prompt::turns(&history, &images, budget, job.settings.language);
    // Who only quotes remembers nothing.
    if writes {
        (answer.told, answer.budget, answer.left_out) = (told.chars, budget, told.left_out);
        answer.turns = told.turns.len() + told.left_out;
    }
    let mut stream = ask_model(shared, told.turns, ask, answer.retrieved.as_ref()).await?;
    let mut finished = None;
    while let Some(delta) = stream.next().await {
        match delta? {
            ChatDelta::Text(delta) if delta.is_empty() => {}
            ChatDelta::Text(delta) => {
                let now = shared.store.now();
                if answer.last_token_at.replace(now).is_none() {
                    journal.push(GenerationEvent::Stage(AnswerStage::Writing));
                    let waited = (now.0 - job.started_at.0).max(0);
                    metrics::histogram!("cjhirashi_first_token_seconds").record(waited as f64 / 1000.0);
                }
                let delta = delta.replace('\0', "");
                answer.text.push_str(&delta);
                journal.push(GenerationEvent::Text { delta });
                if answer.text.len() > MAX_ANSWER {
                    tracing::warn!(generation.id = %run.id, "an answer was cut at its largest size");
                    return Err(Failure::UsedUp);
                }
            }
            // Thinking aloud is not part of an answer.
            ChatDelta::Reasoning(delta) => {
                if answer.reasoning.is_empty() {
                    journal.push(GenerationEvent::Stage(AnswerStage::Thinking));
                }
                if answer.reasoning.len() + delta.len() <= MAX_REASONING {
                    let delta = delta.replace('\0', "");
                    answer.reasoning.push_str(&delta);
                    journal.push(GenerationEvent::Reasoning { delta });
                }
            }
            ChatDelta::Usage { prompt, completion } => answer.tokens = Some(side::tokens(prompt, completion)),
            ChatDelta::Finish(FinishReason::Filtered) => {
                return Err(ModelError::Refused {
                    provider: job.model.id.clone(),
                    status: 0,
                    detail: "the provider's content filter ended the answer".to_owned(),
                }
                .into());
            }
            ChatDelta::Finish(reason) => finished = Some(reason),
        }
    }
    if finished == Some(FinishReason::Length) {
        return Err(Failure::UsedUp);
    }
    if finished.is_some() && answer.text.trim().is_empty() {
        return Err(ModelError::UnexpectedAnswer {
            provider: job.model.id.clone(),
            detail: "the answer is empty".to_owned(),
        }
        .into());
    }
    if answer.text.contains("<artifact") {
        let again = prompt::turns(&history, &images, budget, job.settings.language).turns;
        if let Err(failure) = mend(shared, job, journal, answer, again, ask).await {
            // The answer is whole; what did not apply says so in its place.
            tracing::warn!(error = %failure, generation.id = %run.id, "a change of an artifact was not tried again");
        }
    }
    Ok(())
}

/// Where changes of artifacts did not apply, the model hears why and writes them once more; the answer goes on with that.
async fn mend(
    shared: &Shared,
    job: &Job,
    journal: &Journal,
    answer: &mut Answer,
    mut turns: Vec<ChatTurn>,
    ask: Ask<'_>,
) -> Result<(), Failure> {
    let known = shared.store.artifacts_in_chat(&job.chat, Texts::Named(&made::names(&answer.text))).await?;
    let made = made::plan(&answer.text, &known, true, made::ids(&shared.store));
    let Some(complaint) = made::complaint(&answer.text, &made, &known) else { return Ok(()) };
    // Where something is open still, or nothing more may come, a second try would be read as part of that.
    let Some(end) = made::end_before_more(&answer.text) else { return Ok(()) };
    journal.push(GenerationEvent::Stage(AnswerStage::Asking { model: job.model.id.clone() }));
    turns.push(ChatTurn::of(MessageRole::Assistant, answer.text.clone()));
    turns.push(ChatTurn::of(MessageRole::User, complaint));
    let mut stream = ask_model(shared, turns, ask, None).await?;
    let mut text = String::new();
    while let Some(delta) = stream.next().await {
        match delta? {
            ChatDelta::Text(words) => text.push_str(&words.replace('\0', "")),
            ChatDelta::Usage { prompt, completion } => {
                let more = side::tokens(prompt, completion);
                let before = answer.tokens.unwrap_or_default();
                answer.tokens = Some(Tokens {
                    prompt: before.prompt.saturating_add(more.prompt),
                    completion: before.completion.saturating_add(more.completion),
                });
            }
            ChatDelta::Reasoning(_) | ChatDelta::Finish(_) => {}
        }
        if answer.text.len() + text.len() > MAX_ANSWER {
            break;
        }
    }
    let blocks = made::blocks_of(&text);
    if !blocks.is_empty() {
        answer.last_token_at = Some(shared.store.now());
        let delta = format!("{end}{blocks}");
        answer.text.push_str(&delta);
        journal.push(GenerationEvent::Text { delta });
    }
    Ok(())
}

/// What an answer made of artifacts, as they are now. A database that stays away leaves them unknown: it keeps the end of the
/// run from being stored, too.
async fn made_by(shared: &Shared, job: &Job, text: &str, whole: bool) -> Vec<MadeArtifact> {
    if !text.contains("<artifact") {
        return Vec::new();
    }
    for attempt in 0..FINISH_TRIES {
        match shared.store.artifacts_in_chat(&job.chat, Texts::Named(&made::names(text))).await {
            Ok(known) => return made::plan(text, &known, whole, made::ids(&shared.store)),
            Err(error) => {
                tracing::warn!(%error, chat.id = %job.chat, "the artifacts of a chat could not be read; trying again");
                if shared.closed.is_cancelled() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(200 * u64::from(attempt.min(9) + 1))).await;
            }
        }
    }
    Vec::new()
}

/// The images that a model is shown. One that takes none cannot answer what is asked about one; of older ones it hears that
/// they were there.
async fn shown(shared: &Shared, model: &str, history: &Conversation) -> Result<Images, Failure> {
    let wanted = prompt::newest_images(&history.turns);
    if wanted.is_empty() {
        return Ok(Images::default());
    }
    if shared.models.sees(model) == Some(false) {
        let asked_about = history.turns.last().is_some_and(|turn| !turn.images.is_empty());
        return if asked_about { Err(Failure::Blind) } else { Ok(Images::default()) };
    }
    let images = shared.store.load_images(&wanted).await?;
    let told = |image: StoredImage| ChatImage {
        base64: base64::engine::general_purpose::STANDARD.encode(&image.content).into(),
        media_type: image.media_type,
    };
    Ok(images.into_iter().map(|(id, image)| (id, told(image))).collect())
}

/// How a model is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) model: &'a str,
    pub(crate) language: Language,
    pub(crate) temperature: Option<f64>,
    pub(crate) max_tokens: Option<u32>,
    /// What the folder of the chat wants said.
    pub(crate) instructions: &'a str,
    /// The artifacts of the chat as the model is told them, where it may make some.
    pub(crate) artifacts: Option<&'a str>,
    /// Texts that end the answer.
    pub(crate) stop: &'a [String],
    /// See [`ChatRequest::fields`].
    pub(crate) fields: Option<&'a serde_json::Map<String, serde_json::Value>>,
}

/// The pieces of the answer, from whoever answers.
pub(crate) async fn ask_model(
    shared: &Shared,
    turns: Vec<ChatTurn>,
    ask: Ask<'_>,
    retrieved: Option<&Retrieved>,
) -> Result<ChatStream, ModelError> {
    let found = retrieved.map(Retrieved::found);
    if ask.model == EXTRACTIVE {
        if ask.fields.is_some_and(|fields| fields.contains_key(RESPONSE_FORMAT)) {
            return Err(ModelError::no_format(EXTRACTIVE));
        }
        let question = prompt::question(&turns);
        let embedder = shared.retriever.embedder();
        return Ok(extractive::answer(question, ask.language, found, embedder.as_ref()).await);
    }
    let request = ChatRequest {
        system: Some(prompt::system(ask.language, ask.instructions, ask.artifacts, found)),
        messages: turns,
        temperature: ask.temperature,
        max_tokens: ask.max_tokens,
        stop: ask.stop.to_vec(),
        fields: ask.fields.cloned().unwrap_or_default(),
    };
    shared.models.chat(ask.model)?.stream(request).await
}

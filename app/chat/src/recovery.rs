//! What happens beside the runs: hearing other replicas, heartbeats, ending the runs of the dead, stopping.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use cjhirashi_domain::{
    ErrorCode,
    chat::{Citation, MessageError, RetrievalSummary},
    event::GenerationEvent,
    id::{GenerationId, UserId},
};
use cjhirashi_storage::{Ending, FinishedGeneration, GenerationSignal, RunState};

use crate::{
    ChatError, ChatService,
    cited::{self, MadeOf},
    journal::{Cancel, Run},
    service::Shared,
};

/// How often a process says that its runs are alive.
const HEARTBEAT: Duration = Duration::from_secs(4);
/// A run without a heartbeat for so long is dead: five were missed.
const STALE_SECONDS: f64 = 20.0;
/// After a good end, the next question is asked at once; one that still waits after this was forgotten, in ms.
const QUEUE_PATIENCE_MS: i64 = 5_000;
/// How long runs may take to store their end after they were told to.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl ChatService {
    /// Begins to hear other replicas, to tell that this process's runs are alive, and to end those of processes that
    /// died. Ends with [`ChatService::drain`].
    pub fn start(&self) {
        let models = self.shared.models.clone();
        let tasks: [tokio::task::JoinHandle<()>; 3] = [
            tokio::spawn(listen(Arc::clone(&self.shared))),
            tokio::spawn(watch(self.clone())),
            // The first page and the first question need not wait for the providers' lists.
            tokio::spawn(async move { drop(models.list().await) }),
        ];
        // They end by themselves when the service closes.
        drop(tasks);
    }

    /// Ends runs whose process died: their text so far becomes the message, marked interrupted. Tells how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn recover(&self) -> Result<u64, ChatError> {
        let stale = self.shared.store.stale_generations(STALE_SECONDS).await?;
        let mut ended = 0;
        for (id, user) in stale {
            // One of ours is slow, not dead.
            if self.shared.running.lock().contains_key(&id) {
                continue;
            }
            if self.interrupt(&id, &user).await? {
                tracing::warn!(generation.id = %id, "a run was found without its process and marked interrupted");
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Asks the questions that wait after an answer whose process ended before it could. Tells how many chats.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn resume_queues(&self) -> Result<usize, ChatError> {
        let idle = self.shared.store.idle_queues(QUEUE_PATIENCE_MS).await?;
        let chats = idle.len();
        for (viewer, chat) in idle {
            // One that cannot go on keeps no other from it.
            if let Err(error) = self.ask_next(viewer, chat.clone()).await {
                tracing::warn!(%error, chat.id = %chat, "the questions of a chat wait on");
            }
        }
        Ok(chats)
    }

    async fn interrupt(&self, id: &GenerationId, user: &UserId) -> Result<bool, ChatError> {
        let (mut text, mut reasoning) = (String::new(), String::new());
        let mut sources: Vec<Citation> = Vec::new();
        let mut retrieval: Option<RetrievalSummary> = None;
        let mut last = 0;
        loop {
            let events = self.shared.store.events_after(id, last, 1000).await?;
            let Some((seq, _)) = events.last() else { break };
            last = *seq;
            for (_, event) in events {
                match event {
                    GenerationEvent::Text { delta } => text.push_str(&delta),
                    GenerationEvent::Reasoning { delta } => reasoning.push_str(&delta),
                    GenerationEvent::Sources { citations, retrieval: summary } => {
                        sources = citations;
                        retrieval = Some(summary);
                    }
                    GenerationEvent::Stage(_) | GenerationEvent::End { .. } => {}
                }
            }
        }
        let passages = self.shared.store.load_cited_texts(user, &sources).await?;
        let citations =
            cited::check(&self.shared.store, text.clone(), sources, passages, MadeOf::WordsAndArtifacts).await;
        let error = MessageError { code: ErrorCode::Interrupted.as_str().to_owned(), detail: None };
        let ended = self
            .shared
            .store
            .finish_generation(FinishedGeneration {
                error: Some(&error),
                content: text.trim_end(),
                reasoning: Some(reasoning.trim_end()).filter(|text| !text.is_empty()),
                retrieval: retrieval.as_ref(),
                citations: &citations,
                seq: last + 1,
                ..FinishedGeneration::of(id)
            })
            .await?;
        Ok(ended != Ending::Gone)
    }

    /// Stops in good order: nothing new begins, answers may end within `timeout`, what is left is interrupted with
    /// its text kept, and readers' streams end.
    pub async fn drain(&self, timeout: Duration) {
        self.shared.draining.store(true, Ordering::Release);
        self.shared.runs.close();
        if tokio::time::timeout(timeout, self.shared.runs.wait()).await.is_err() {
            for run in self.runs() {
                run.cancel(Cancel::Shutdown);
            }
            if tokio::time::timeout(LAST_WORDS, self.shared.runs.wait()).await.is_err() {
                tracing::warn!("some answers could not be stored before stopping; they will be marked interrupted");
            }
        }
        self.shared.closed.cancel();
    }

    fn runs(&self) -> Vec<Arc<Run>> {
        self.shared.running.lock().values().cloned().collect()
    }

    async fn beat(&self) -> Result<(), ChatError> {
        let runs = self.runs();
        if runs.is_empty() {
            return Ok(());
        }
        let ids: Vec<GenerationId> = runs.iter().map(|run| run.id.clone()).collect();
        for ((_, state), run) in self.shared.store.heartbeat(&ids).await?.into_iter().zip(runs) {
            match state {
                RunState::Running => {}
                RunState::StopRequested => run.cancel(Cancel::Stop),
                RunState::Gone => run.cancel(Cancel::Gone),
            }
        }
        Ok(())
    }
}

/// Heartbeats and the reaper.
async fn watch(service: ChatService) {
    let mut ticks = tokio::time::interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = service.shared.closed.cancelled() => return,
        }
        if let Err(error) = service.beat().await {
            tracing::warn!(%error, "heartbeats of runs could not be stored");
        }
        if let Err(error) = service.recover().await {
            tracing::warn!(%error, "interrupted runs could not be looked for");
        }
        if let Err(error) = service.resume_queues().await {
            tracing::warn!(%error, "questions that wait could not be asked");
        }
    }
}

/// Passes on what replicas tell each other through PostgreSQL.
async fn listen(shared: Arc<Shared>) {
    let mut pause = Duration::from_millis(500);
    loop {
        match shared.store.listen_generations().await {
            Ok(mut listener) => {
                shared.listening.store(true, Ordering::Relaxed);
                pause = Duration::from_millis(500);
                loop {
                    let signal = tokio::select! {
                        signal = listener.next() => signal,
                        () = shared.closed.cancelled() => return,
                    };
                    match signal {
                        Ok(GenerationSignal::Stop(id)) => {
                            let run = shared.running.lock().get(&id).cloned();
                            if let Some(run) = run {
                                run.cancel(Cancel::Stop);
                            }
                        }
                        // It fails when nobody reads.
                        Ok(signal) => drop(shared.signals.send(signal)),
                        Err(error) => {
                            tracing::warn!(%error, "signals of other replicas are not heard; looking for events instead");
                            break;
                        }
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "signals of other replicas cannot be heard; looking for events instead")
            }
        }
        shared.listening.store(false, Ordering::Relaxed);
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(30)),
            () = shared.closed.cancelled() => return,
        }
    }
}

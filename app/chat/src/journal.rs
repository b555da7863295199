//! The events of one run: stored in order, then shown to readers in this process.
//!
//! Whoever runs a generation only pushes; a task stores what gathered, at most every [`PACE`], and publishes it after
//! the commit, so that no reader ever sees what a crash could take back. A run never waits for the database.
//!
//! Many answers at once would be many small commits: what all runs of the process have meanwhile gathers for the next
//! ([`Appends`]), so that words come soon and the database has no more to do for many than for a few.

use std::{sync::Arc, time::Duration};

use cjhirashi_domain::{
    event::GenerationEvent,
    id::{GenerationId, MessageId, UserId},
};
use cjhirashi_storage::{Append, RunState, StorageError, Store};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// The least time from one write to the next: what all runs of the process gather meanwhile is one commit, and their readers
/// wake up together.
const PACE: Duration = Duration::from_millis(4);
/// So long a stage waits for what comes next. Where the first words come sooner, one write has them all, and they need not wait
/// until those before are done; nobody sees a stage that is shorter.
const HOLD: Duration = Duration::from_millis(20);
/// The most runs whose events are stored at once.
const AT_ONCE: usize = 100;
/// How long a run bears a database that does not answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a run is to end before its model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// Its owner asked.
    Stop,
    /// The server is stopping.
    Shutdown,
    /// Its chat was deleted, or another process took it for dead: there is nothing left to store.
    Gone,
}

/// A run of this process, as its readers and its owner's commands see it.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: GenerationId,
    pub(crate) user: UserId,
    pub(crate) message: MessageId,
    cancelled: CancellationToken,
    cause: Mutex<Option<Cancel>>,
    log: Mutex<Vec<(i64, GenerationEvent)>>,
    last: watch::Sender<i64>,
}

impl Run {
    pub(crate) fn new(id: GenerationId, user: UserId, message: MessageId) -> Arc<Self> {
        Arc::new(Self {
            id,
            user,
            message,
            cancelled: CancellationToken::new(),
            cause: Mutex::new(None),
            log: Mutex::new(Vec::new()),
            last: watch::Sender::new(0),
        })
    }

    /// Ends the run; the first cause counts.
    pub(crate) fn cancel(&self, cause: Cancel) {
        self.cause.lock().get_or_insert(cause);
        self.cancelled.cancel();
    }

    /// Waits for [`Self::cancel`].
    pub(crate) async fn cancelled(&self) -> Cancel {
        self.cancelled.cancelled().await;
        self.cause.lock().unwrap_or(Cancel::Gone)
    }

    /// Events with numbers above `after`.
    pub(crate) fn events_after(&self, after: i64) -> Vec<(i64, GenerationEvent)> {
        let log = self.log.lock();
        let from = log.partition_point(|(seq, _)| *seq <= after);
        log[from..].to_vec()
    }

    /// Hears of new events. Subscribe first, then read.
    pub(crate) fn subscribe(&self) -> watch::Receiver<i64> {
        self.last.subscribe()
    }

    /// Shows events that are stored.
    pub(crate) fn publish(&self, first_seq: i64, events: Vec<GenerationEvent>) {
        let last = {
            let mut log = self.log.lock();
            log.extend((first_seq..).zip(events));
            log.last().map_or(0, |(seq, _)| *seq)
        };
        self.last.send_replace(last);
    }
}

/// Events that wait to be stored, and who is told how their run stands.
struct Waiting {
    run: Arc<Run>,
    first_seq: i64,
    events: Vec<GenerationEvent>,
    tell: oneshot::Sender<Result<Option<RunState>, Arc<StorageError>>>,
}

/// Where the runs of a process store their events. Whoever finds nobody storing stores for all who wait.
pub(crate) struct Appends {
    store: Store,
    waiting: Mutex<Vec<Waiting>>,
    /// Held by whoever stores; when the next write may begin.
    storing: tokio::sync::Mutex<Instant>,
}

impl Appends {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, waiting: Mutex::default(), storing: tokio::sync::Mutex::new(Instant::now()) }
    }

    async fn append(
        &self,
        run: &Arc<Run>,
        first_seq: i64,
        events: &[GenerationEvent],
    ) -> Result<RunState, Arc<StorageError>> {
        let (tell, mut told) = oneshot::channel();
        self.waiting.lock().push(Waiting { run: Arc::clone(run), first_seq, events: events.to_vec(), tell });
        let state = loop {
            tokio::select! {
                biased;
                // It fails when whoever stored was dropped in between: then nobody else will.
                state = &mut told => break state.unwrap_or(Ok(None))?,
                mut next = self.storing.lock() => {
                    // A timer that is due waits for its next tick all the same.
                    if *next > Instant::now() {
                        tokio::time::sleep_until(*next).await;
                    }
                    *next = Instant::now() + PACE;
                    self.store_waiting().await;
                }
            }
        };
        match state {
            Some(state) => Ok(state),
            None => self.store.append_events(&run.id, first_seq, events).await.map_err(Arc::new),
        }
    }

    async fn store_waiting(&self) {
        let waiting: Vec<Waiting> = {
            let mut waiting = self.waiting.lock();
            let some = waiting.len().min(AT_ONCE);
            waiting.drain(..some).collect()
        };
        if waiting.is_empty() {
            return;
        }
        let appends: Vec<Append<'_>> = waiting
            .iter()
            .map(|it| Append { generation: &it.run.id, first_seq: it.first_seq, events: &it.events })
            .collect();
        let stored = self.store.append_many(&appends).await.map_err(Arc::new);
        for (place, waiting) in waiting.into_iter().enumerate() {
            // It fails when the run is gone.
            let _ = waiting.tell.send(match &stored {
                Ok(states) => Ok(states.get(place).copied().flatten()),
                Err(error) => Err(Arc::clone(error)),
            });
        }
    }
}

/// The writing end of a run's events.
pub(crate) struct Journal {
    events: mpsc::UnboundedSender<GenerationEvent>,
    closing: CancellationToken,
    writer: JoinHandle<i64>,
}

impl Journal {
    pub(crate) fn open(appends: Arc<Appends>, run: Arc<Run>) -> Self {
        let (events, incoming) = mpsc::unbounded_channel();
        let closing = CancellationToken::new();
        let writer = tokio::spawn(write(appends, run, incoming, closing.clone()));
        Self { events, closing, writer }
    }

    /// Adds an event. Text may hold anything; what PostgreSQL cannot keep is dropped here.
    pub(crate) fn push(&self, mut event: GenerationEvent) {
        if let GenerationEvent::Text { delta } | GenerationEvent::Reasoning { delta } = &mut event {
            delta.retain(|c| c != '\0');
        }
        // It fails when the writer gave up, and then the run was cancelled.
        let _ = self.events.send(event);
    }

    /// Stores what is left; gives the number of the last event.
    pub(crate) async fn close(self) -> i64 {
        self.closing.cancel();
        drop(self.events);
        self.writer.await.unwrap_or(0)
    }
}

async fn write(
    appends: Arc<Appends>,
    run: Arc<Run>,
    mut incoming: mpsc::UnboundedReceiver<GenerationEvent>,
    closing: CancellationToken,
) -> i64 {
    let mut last = 0;
    while let Some(first) = incoming.recv().await {
        let mut events = vec![first];
        let held = tokio::time::sleep(HOLD);
        tokio::pin!(held);
        while !events.iter().any(is_said) {
            tokio::select! {
                next = incoming.recv() => match next {
                    Some(next) => join(&mut events, next),
                    None => break,
                },
                () = &mut held => break,
                () = closing.cancelled() => break,
            }
        }
        while let Ok(next) = incoming.try_recv() {
            join(&mut events, next);
        }
        match append(&appends, &run, last + 1, &events).await {
            Some(RunState::Running) => {}
            Some(RunState::StopRequested) => run.cancel(Cancel::Stop),
            Some(RunState::Gone) | None => {
                run.cancel(Cancel::Gone);
                return last;
            }
        }
        let count = i64::try_from(events.len()).unwrap_or(0);
        run.publish(last + 1, events);
        last += count;
    }
    last
}

const fn is_said(event: &GenerationEvent) -> bool {
    matches!(event, GenerationEvent::Text { .. } | GenerationEvent::Reasoning { .. })
}

/// Text after text is one event.
fn join(events: &mut Vec<GenerationEvent>, next: GenerationEvent) {
    match (events.last_mut(), next) {
        (Some(GenerationEvent::Text { delta }), GenerationEvent::Text { delta: more })
        | (Some(GenerationEvent::Reasoning { delta }), GenerationEvent::Reasoning { delta: more }) => {
            delta.push_str(&more)
        }
        (_, next) => events.push(next),
    }
}

/// Stores events, patiently: a database that restarts costs no answer. `None` when it stayed away.
async fn append(appends: &Appends, run: &Arc<Run>, first_seq: i64, events: &[GenerationEvent]) -> Option<RunState> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        match appends.append(run, first_seq, events).await {
            Ok(state) => return Some(state),
            Err(error) if begun.elapsed() < PATIENCE => {
                tracing::warn!(%error, generation.id = %run.id, "events of a run could not be stored; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            Err(error) => {
                tracing::error!(%error, generation.id = %run.id, "events of a run could not be stored; the run is given up");
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_follows_text_is_one_event() {
        let text = |delta: &str| GenerationEvent::Text { delta: delta.to_owned() };
        let mut events = vec![text("a")];
        join(&mut events, text("b"));
        join(&mut events, GenerationEvent::Stage(cjhirashi_domain::event::AnswerStage::Writing));
        join(&mut events, text("c"));
        assert_eq!(events.len(), 3);
        assert_eq!(events[0], text("ab"));
    }
}

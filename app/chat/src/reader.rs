//! One reader of one run: everything that was, then what comes, as safe HTML block by block.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use cjhirashi_domain::{
    Viewer,
    chat::MessageStatus,
    event::{GenerationEvent, StreamEvent},
    id::GenerationId,
    settings::Language,
};
use cjhirashi_storage::{GenerationSignal, StorageError};
use futures::{FutureExt as _, StreamExt as _, stream::BoxStream};
use parking_lot::Mutex;
use tokio::{
    sync::{broadcast, watch},
    time::Instant,
};

use cjhirashi_markdown::{BlockRenderer, Place};

use crate::{ChatError, ChatService, answer::LiveAnswer, journal::Run, service::Shared};

/// An event and the number after which a reader that lost its connection goes on (`id:` of the event stream).
/// Blocks that changed together carry the number before them, all but the last, so that none is skipped.
pub type SequencedEvent = (i64, StreamEvent);

/// A reader's events. It ends after [`StreamEvent::End`], or when the server stops.
pub type EventStream = BoxStream<'static, SequencedEvent>;

/// The least time between two versions of an open block.
const FRAME: Duration = Duration::from_millis(10);
/// An open block is sent again and again, at most so many bytes of it per second.
const BYTES_PER_SECOND: usize = 400_000;
/// Rendering takes at most this share of a processor per reader: one part in so many.
const SHARE: u32 = 10;
/// Longer open blocks are rendered away from the threads that serve requests.
const BLOCKING_BYTES: usize = 8 * 1024;
/// Events read at once.
const PAGE: i64 = 500;

impl ChatService {
    /// Follows a run: first what it has told so far, then live. `after` is the number of the last event that the
    /// reader has seen, 0 for none; what it has is not told again. Words that are ours are in the reader's language.
    ///
    /// # Errors
    /// [`ChatError::GenerationNotFound`], or the database's.
    pub async fn events(
        &self,
        viewer: &Viewer,
        generation: &GenerationId,
        after: i64,
        language: Language,
    ) -> Result<EventStream, ChatError> {
        let run = self.shared.running.lock().get(generation).cloned();
        let source = match run {
            Some(run) if run.user == viewer.user_id => Source::here(run),
            Some(_) => return Err(ChatError::GenerationNotFound),
            None => {
                // Subscribed before the first look, so that nothing falls between.
                let signals = self.shared.signals.subscribe();
                let Some(_) = self.shared.store.get_generation(viewer, generation).await? else {
                    return Err(ChatError::GenerationNotFound);
                };
                Source::There { id: generation.clone(), viewer: viewer.clone(), signals }
            }
        };
        let view = View::new(Place::new(generation.as_str(), language), after);
        Ok(follow(Arc::clone(&self.shared), source, view).boxed())
    }

    /// What a run tells until its first words, but no longer than `wait`: who asked need not open a stream to see the
    /// beginning of a quick answer. Follow the rest with the last number, 0 when there is nothing yet.
    ///
    /// # Errors
    /// As [`ChatService::events`].
    pub async fn first_events(
        &self,
        viewer: &Viewer,
        generation: &GenerationId,
        wait: Duration,
        language: Language,
    ) -> Result<Vec<SequencedEvent>, ChatError> {
        let until = Instant::now() + wait;
        let mut events = self.events(viewer, generation, 0, language).await?;
        let mut told = Vec::new();
        let mut speaks = false;
        // Once it speaks, what is there already comes along: blocks that changed together stay together.
        while let Some(event) = match speaks {
            true => events.next().now_or_never().flatten(),
            false => tokio::time::timeout_at(until, events.next()).await.ok().flatten(),
        } {
            speaks |= matches!(event.1, StreamEvent::Block { .. });
            told.push(event);
        }
        Ok(told)
    }
}

/// Where a run's events come from.
enum Source {
    /// This process runs it.
    Here { run: Arc<Run>, last: watch::Receiver<i64> },
    /// Another replica does, or it has ended.
    There { id: GenerationId, viewer: Viewer, signals: broadcast::Receiver<GenerationSignal> },
}

impl Source {
    fn here(run: Arc<Run>) -> Self {
        let last = run.subscribe();
        Self::Here { run, last }
    }

    async fn after(&mut self, shared: &Shared, seq: i64) -> Result<Vec<(i64, GenerationEvent)>, StorageError> {
        match self {
            Self::Here { run, last } => {
                last.borrow_and_update();
                Ok(run.events_after(seq))
            }
            Self::There { id, viewer, .. } => {
                let events = shared.store.events_after(id, seq, PAGE).await?;
                if !events.is_empty() {
                    return Ok(events);
                }
                // Old events are swept away; a run that ended is still told to have ended.
                let ended = match shared.store.get_generation(viewer, id).await? {
                    Some(run) if run.status == MessageStatus::Streaming => None,
                    Some(run) => Some(run.status),
                    None => Some(MessageStatus::Interrupted),
                };
                match ended {
                    // The end may have been stored between the two looks.
                    Some(status) => {
                        let mut events = shared.store.events_after(id, seq, PAGE).await?;
                        if events.is_empty() {
                            events.push((seq, GenerationEvent::End { status, error: None }));
                        }
                        Ok(events)
                    }
                    None => Ok(Vec::new()),
                }
            }
        }
    }

    /// Waits until there may be more.
    async fn changed(&mut self, shared: &Shared) {
        match self {
            Self::Here { last, .. } => {
                // It fails when the run is gone without an end; the next look finds what there is.
                if last.changed().await.is_err() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Self::There { id, signals, .. } => {
                let heard = async {
                    loop {
                        match signals.recv().await {
                            Ok(GenerationSignal::Events(other, _)) if other == *id => return,
                            Ok(_) => {}
                            Err(broadcast::error::RecvError::Lagged(_)) => return,
                            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                        }
                    }
                };
                // Signals can be lost (a pooler between us and PostgreSQL, a new connection), so it also looks.
                let listening = shared.listening.load(Ordering::Relaxed);
                let look = Duration::from_millis(if listening { 2_000 } else { 250 });
                let _ = tokio::time::timeout(look, heard).await;
            }
        }
    }
}

fn follow(
    shared: Arc<Shared>,
    mut source: Source,
    mut view: View,
) -> impl futures::Stream<Item = SequencedEvent> + Send {
    async_stream::stream! {
        let mut failures = 0u32;
        loop {
            let events = match source.after(&shared, view.seq).await {
                Ok(events) => { failures = 0; events }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, "events could not be read for a reader");
                    if failures > 20 {
                        // The reader connects again and goes on where it was.
                        return;
                    }
                    Vec::new()
                }
            };
            let more_waits = i64::try_from(events.len()).unwrap_or(0) >= PAGE;
            for (seq, event) in events {
                for event in view.take(seq, event).await {
                    yield event;
                }
                if view.ended {
                    return;
                }
            }
            if more_waits {
                continue;
            }
            if view.is_due() {
                for event in view.render().await {
                    yield event;
                }
            }
            let due = view.due();
            tokio::select! {
                () = source.changed(&shared) => {}
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                () = shared.closed.cancelled() => {
                    // What a run said last, it says before the server is gone.
                    for (seq, event) in source.after(&shared, view.seq).await.unwrap_or_default() {
                        for event in view.take(seq, event).await {
                            yield event;
                        }
                    }
                    return;
                }
            }
        }
    }
}

/// What one reader has been told.
struct View {
    renderer: LiveAnswer,
    /// What the model thinks aloud.
    thoughts: BlockRenderer,
    /// The last event taken in.
    seq: i64,
    /// The last number given out.
    told: i64,
    /// What the reader had before.
    after: i64,
    /// Text was taken in that was not rendered.
    dirty: bool,
    next: Instant,
    ended: bool,
}

impl View {
    fn new(place: Place<'_>, after: i64) -> Self {
        Self {
            renderer: LiveAnswer::new(place),
            thoughts: BlockRenderer::new(Place { id: &format!("{}-t", place.id), ..place }),
            seq: 0,
            told: after,
            after,
            dirty: false,
            next: Instant::now(),
            ended: false,
        }
    }

    fn due(&self) -> Option<Instant> {
        self.dirty.then_some(self.next)
    }

    fn is_due(&self) -> bool {
        self.dirty && self.next <= Instant::now()
    }

    async fn take(&mut self, seq: i64, event: GenerationEvent) -> Vec<SequencedEvent> {
        let seen = seq <= self.after;
        let mut told = Vec::new();
        if !seen && self.seq <= self.after {
            // Up to here the reader has it; what it has is rendered so that only what differs is sent.
            let _ = self.changes().await;
        }
        self.seq = self.seq.max(seq);
        match event {
            GenerationEvent::Text { delta } => {
                self.renderer.push(&delta);
                self.dirty = true;
            }
            GenerationEvent::Reasoning { delta } => {
                self.thoughts.push(&delta);
                self.dirty = true;
            }
            GenerationEvent::Sources { citations, .. } => self.renderer.set_citations(citations),
            GenerationEvent::Stage(stage) if !seen => {
                told.extend(self.render().await);
                self.told = seq;
                told.push((seq, StreamEvent::Stage(stage)));
            }
            GenerationEvent::Stage(_) => {}
            GenerationEvent::End { status, .. } => {
                // Who saw the end and comes again has all the text; it is only told that this is the end.
                if !seen {
                    told.extend(self.render().await);
                }
                told.push((seq, StreamEvent::End { status }));
                self.ended = true;
            }
        }
        told
    }

    async fn render(&mut self) -> Vec<SequencedEvent> {
        if !self.dirty {
            return Vec::new();
        }
        let begun = Instant::now();
        let changes = self.changes().await;
        let cost = begun.elapsed();
        let bytes = changes.last().map_or(0, |event| match event {
            StreamEvent::Block { html, .. } | StreamEvent::Thought { html, .. } => html.len(),
            StreamEvent::Stage(_) | StreamEvent::End { .. } => 0,
        });
        let by_size = Duration::from_millis((bytes * 1000 / BYTES_PER_SECOND) as u64);
        self.next = begun + FRAME.max(by_size).max(cost * SHARE);
        self.dirty = false;
        let before = self.told;
        self.told = self.seq;
        let last = changes.len().saturating_sub(1);
        changes.into_iter().enumerate().map(|(at, event)| (if at == last { self.seq } else { before }, event)).collect()
    }

    async fn changes(&mut self) -> Vec<StreamEvent> {
        let thoughts =
            changes_of(&mut self.thoughts, |text| (text.open_bytes(), text.may_draw()), BlockRenderer::changes).await;
        let thoughts = thoughts.into_iter().map(|(index, html)| StreamEvent::Thought { index, html });
        let blocks =
            changes_of(&mut self.renderer, |text| (text.open_bytes(), text.may_draw()), LiveAnswer::changes).await;
        let blocks = blocks.into_iter().map(|(index, html)| StreamEvent::Block { index, html });
        thoughts.chain(blocks).collect()
    }
}

/// The changes of a text, away from the threads that serve requests where they take longer: `cost` tells the bytes that are
/// rendered again, and whether something may be drawn.
async fn changes_of<T: Default + Send + 'static>(
    text: &mut T,
    cost: impl FnOnce(&T) -> (usize, bool),
    changes: impl FnOnce(&mut T) -> Vec<(u32, String)> + Send + 'static,
) -> Vec<(u32, String)> {
    let (bytes, draws) = cost(text);
    if bytes < BLOCKING_BYTES && !draws {
        return changes(text);
    }
    let renderer = Arc::new(Mutex::new(std::mem::take(text)));
    let work = Arc::clone(&renderer);
    let rendered = tokio::task::spawn_blocking(move || changes(&mut work.lock())).await;
    *text = std::mem::take(&mut *renderer.lock());
    rendered.unwrap_or_else(|error| {
        // Or the runtime is going down.
        tracing::error!(%error, "a part of an answer could not be rendered while it is written");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::event::AnswerStage;

    use super::*;

    const PLACE: Place<'_> = Place::new("g", Language::En);

    fn text(delta: &str) -> GenerationEvent {
        GenerationEvent::Text { delta: delta.to_owned() }
    }

    /// What a page looks like after events, as the browser builds it.
    fn apply(page: &mut Vec<String>, events: &[SequencedEvent]) -> i64 {
        let mut last = 0;
        for (seq, event) in events {
            last = *seq;
            if let StreamEvent::Block { index, html } = event {
                let index = *index as usize;
                if page.len() <= index {
                    page.resize(index + 1, String::new());
                }
                page[index].clone_from(html);
            }
        }
        last
    }

    #[tokio::test]
    async fn a_reader_that_comes_back_is_told_only_what_it_has_not_seen() {
        let mut first = View::new(PLACE, 0);
        let mut page = Vec::new();
        first.take(1, GenerationEvent::Stage(AnswerStage::Writing)).await;
        first.take(2, text("One.\n\nTwo.\n\nThr")).await;
        let seen = apply(&mut page, &first.render().await);
        assert_eq!((seen, page.len()), (2, 3));

        let mut again = View::new(PLACE, seen);
        for (seq, event) in [(1, GenerationEvent::Stage(AnswerStage::Writing)), (2, text("One.\n\nTwo.\n\nThr"))] {
            assert!(again.take(seq, event).await.is_empty());
        }
        again.take(3, text("ee.")).await;
        let events = again.render().await;
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(apply(&mut page, &events), 3);
        assert_eq!(page, ["<p>One.</p>\n", "<p>Two.</p>\n", "<p>Three.</p>\n"]);
    }

    #[tokio::test]
    async fn blocks_that_change_together_share_no_resume_point_but_the_last() {
        let mut view = View::new(PLACE, 0);
        view.take(5, text("One.\n\nTwo.")).await;
        let events = view.render().await;
        let seqs: Vec<i64> = events.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(seqs, [0, 5]);
    }

    #[tokio::test]
    async fn the_end_is_told_again_to_whoever_saw_it() {
        let mut view = View::new(PLACE, 9);
        let end = GenerationEvent::End { status: MessageStatus::Complete, error: None };
        let events = view.take(9, end).await;
        assert_eq!(events, [(9, StreamEvent::End { status: MessageStatus::Complete })]);
    }
}

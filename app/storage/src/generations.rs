//! Runs of a model: their events, their end, and what is known of those that are under way. A run begins with a turn
//! ([`turns`]).
//!
//! A run is alive while its heartbeat is younger than the reaper's patience; clocks are compared in PostgreSQL, so
//! that replicas whose clocks differ agree.

mod queue;
mod turns;

use std::collections::VecDeque;

use cjhirashi_domain::{
    Viewer,
    chat::{Citation, MessageError, MessageStatus, RetrievalSummary},
    event::GenerationEvent,
    id::{ChatId, GenerationId, MessageId, UserId},
    spending::{Price, Tokens},
};
use sqlx::PgTransaction;

pub use queue::Queueing;
pub(crate) use queue::queue;
pub use turns::{NewTurn, Turn, TurnOutcome};

use crate::{
    MadeArtifact, Result, StorageError, Store,
    artifacts::store_made,
    connect::to_db,
    mails::SLOW_ANSWER,
    notices::{Channel, Listener},
    spending::add_spending,
};

/// A run as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its id.
    pub id: GenerationId,
    /// Its chat.
    pub chat: ChatId,
    /// The answer it writes.
    pub message: MessageId,
    /// Which model.
    pub model: String,
    /// Where it stands.
    pub status: MessageStatus,
}

/// Where a run stands in the database, seen by the process that runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Go on.
    Running,
    /// Its owner asked to stop.
    StopRequested,
    /// Its chat was deleted, or the reaper took it for dead: nothing more can be stored.
    Gone,
}

/// What came of storing the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is stored.
    Stored {
        /// Whether a question waits that is to be asked now.
        waits: bool,
    },
    /// There was nothing to end any more.
    Gone,
    /// An artifact that it changes was changed meanwhile: nothing is stored, its changes have to be made anew.
    ArtifactsMoved,
}

/// The end of a run, stored in one transaction.
#[derive(Debug, Clone, Copy)]
pub struct FinishedGeneration<'a> {
    /// The run.
    pub generation: &'a GenerationId,
    /// How it ended; never [`MessageStatus::Streaming`].
    pub status: MessageStatus,
    /// Why, when it failed.
    pub error: Option<&'a MessageError>,
    /// The whole answer.
    pub content: &'a str,
    /// What the model was told and said.
    pub tokens: Option<Tokens>,
    /// Its price as the provider tells it; one that an administrator entered comes before it.
    pub price: Option<Price>,
    /// What the model thought aloud.
    pub reasoning: Option<&'a str>,
    /// Older messages that it was not told.
    pub left_out: i32,
    /// The conversation with this answer, in percent of what the model is told at most.
    pub memory_used: Option<i16>,
    /// Milliseconds from the question to the last token.
    pub latency_ms: Option<i32>,
    /// What was searched.
    pub retrieval: Option<&'a RetrievalSummary>,
    /// The sources that the answer cites.
    pub citations: &'a [Citation],
    /// What it made and changed of artifacts, in the order of its text.
    pub artifacts: &'a [MadeArtifact],
    /// Every candidate and time of the search, for "Why this answer".
    pub trace: Option<&'a serde_json::Value>,
    /// The sequence number of the end event.
    pub seq: i64,
}

impl<'a> FinishedGeneration<'a> {
    /// The end of a run that was interrupted before it said anything.
    #[must_use]
    pub const fn of(generation: &'a GenerationId) -> Self {
        Self {
            generation,
            status: MessageStatus::Interrupted,
            error: None,
            content: "",
            tokens: None,
            price: None,
            reasoning: None,
            left_out: 0,
            memory_used: None,
            latency_ms: None,
            retrieval: None,
            citations: &[],
            artifacts: &[],
            trace: None,
            seq: 1,
        }
    }
}

/// What another replica (or this one) did to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GenerationSignal {
    /// Events up to this number are stored.
    Events(GenerationId, i64),
    /// Its owner asked to stop.
    Stop(GenerationId),
}

/// Events of one run to be stored beside those of others.
#[derive(Debug, Clone, Copy)]
pub struct Append<'a> {
    /// The run.
    pub generation: &'a GenerationId,
    /// The first one's number.
    pub first_seq: i64,
    /// In their order.
    pub events: &'a [GenerationEvent],
}

/// Hears what all replicas do to runs.
#[derive(Debug)]
pub struct GenerationListener {
    notices: Listener,
    /// Signals of one notice that were not told yet.
    heard: VecDeque<GenerationSignal>,
}

impl GenerationListener {
    /// The next signal. After a lost connection it connects again by itself; what was missed meanwhile is not told,
    /// so whoever waits also looks from time to time.
    ///
    /// # Errors
    /// When the connection is lost and none can be made.
    pub async fn next(&mut self) -> Result<GenerationSignal> {
        loop {
            if let Some(signal) = self.heard.pop_front() {
                return Ok(signal);
            }
            let notice = self.notices.next().await?;
            self.heard.extend(notice.as_deref().into_iter().flat_map(parse_signals));
        }
    }
}

/// `stop:<run>`, or `events:<run>:<number>` with more of these behind commas.
fn parse_signals(payload: &str) -> Vec<GenerationSignal> {
    let events = |told: &str| {
        let (id, seq) = told.split_once(':')?;
        Some(GenerationSignal::Events(GenerationId::parse(id).ok()?, seq.parse().ok()?))
    };
    match payload.split_once(':') {
        Some(("events", rest)) => rest.split(',').filter_map(events).collect(),
        Some(("stop", rest)) => GenerationId::parse(rest).ok().map(GenerationSignal::Stop).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

impl Store {
    /// A run of the viewer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn get_generation(&self, viewer: &Viewer, generation: &GenerationId) -> Result<Option<Generation>> {
        let row = sqlx::query!(
            "SELECT id, chat_id, message_id, model, status FROM generations WHERE id = $1 AND user_id = $2",
            generation.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            let corrupt = |column, value: &str| StorageError::corrupt("generations", column, &row.id, value);
            Ok(Generation {
                id: generation.clone(),
                chat: ChatId::parse(row.chat_id.as_str()).map_err(|_| corrupt("chat_id", &row.chat_id))?,
                message: MessageId::parse(row.message_id.as_str())
                    .map_err(|_| corrupt("message_id", &row.message_id))?,
                status: MessageStatus::parse(&row.status).ok_or_else(|| corrupt("status", &row.status))?,
                model: row.model,
            })
        })
        .transpose()
    }

    /// Appends events, the first with the number `first_seq`, wakes the readers of every replica, and tells how the
    /// run stands. Storing the same events again changes nothing, so an append whose answer was lost can be repeated.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn append_events(
        &self,
        generation: &GenerationId,
        first_seq: i64,
        events: &[GenerationEvent],
    ) -> Result<RunState> {
        let json = events
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| StorageError::Query(sqlx::Error::Encode(error.into())))?;
        let seqs: Vec<i64> = (first_seq..).take(events.len()).collect();
        let last = seqs.last().copied().unwrap_or(first_seq);
        let stored = sqlx::query!(
            // Held against its end: nothing is written behind the last event.
            r#"WITH running AS (
                   SELECT stop_requested FROM generations WHERE id = $1 AND status = 'streaming' FOR SHARE
               ), added AS (
                   INSERT INTO generation_events (generation_id, seq, event)
                   SELECT $1, e.seq, e.event FROM UNNEST($2::bigint[], $3::jsonb[]) AS e (seq, event), running
                   ON CONFLICT DO NOTHING
               )
               SELECT stop_requested, pg_notify($4, 'events:' || $1 || ':' || $5::bigint) IS NULL AS "notified!"
               FROM running"#,
            generation.as_str(),
            &seqs,
            &json,
            Channel::Generations.name(),
            last,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(match stored {
            Some(row) if row.stop_requested => RunState::StopRequested,
            Some(_) => RunState::Running,
            None => RunState::Gone,
        })
    }

    /// Appends events of several runs, each as [`Store::append_events`] does, in one transaction: as many commits as there
    /// are answers would be what limits their number. At most 100 runs at once, each once. How each stands; `None` when
    /// somebody else holds it at this moment: nothing of it is stored, and it is to be appended by itself, which waits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn append_many(&self, appends: &[Append<'_>]) -> Result<Vec<Option<RunState>>> {
        let encode = |error: serde_json::Error| StorageError::Query(sqlx::Error::Encode(error.into()));
        let (mut runs, mut lasts) = (Vec::with_capacity(appends.len()), Vec::with_capacity(appends.len()));
        let (mut ids, mut seqs, mut json) = (Vec::new(), Vec::new(), Vec::new());
        for Append { generation, first_seq, events } in appends {
            for (seq, event) in (*first_seq..).zip(*events) {
                ids.push(generation.as_str().to_owned());
                seqs.push(seq);
                json.push(serde_json::to_value(event).map_err(encode)?);
            }
            runs.push(generation.as_str().to_owned());
            lasts.push(first_seq + i64::try_from(events.len()).unwrap_or(i64::MAX) - 1);
        }
        let rows = sqlx::query!(
            // Waiting for one would hold up all, and could be waited for in turn by whoever deletes several chats.
            r#"WITH running AS (
                   SELECT g.id, g.stop_requested, a.last
                   FROM UNNEST($1::text[], $2::bigint[]) AS a (id, last) JOIN generations g ON g.id = a.id
                   WHERE g.status = 'streaming' FOR SHARE OF g SKIP LOCKED
               ), added AS (
                   INSERT INTO generation_events (generation_id, seq, event)
                   SELECT e.id, e.seq, e.event FROM UNNEST($3::text[], $4::bigint[], $5::jsonb[]) AS e (id, seq, event)
                   JOIN running ON running.id = e.id
                   ON CONFLICT DO NOTHING
               ), told AS (
                   SELECT pg_notify($6, 'events:' || string_agg(id || ':' || last, ',')) FROM running HAVING count(*) > 0
               )
               SELECT a.id AS "id!", running.stop_requested AS "stop_requested?",
                      EXISTS (SELECT FROM generations g WHERE g.id = a.id AND g.status = 'streaming') AS "streaming!"
               FROM UNNEST($1::text[]) AS a (id) LEFT JOIN running ON running.id = a.id
               CROSS JOIN (SELECT count(*) FROM told) AS announced"#,
            &runs,
            &lasts,
            &ids,
            &seqs,
            &json,
            Channel::Generations.name(),
        )
        .fetch_all(&self.pool)
        .await?;
        let state = |run: &String| {
            let row = rows.iter().find(|row| row.id == *run)?;
            match row.stop_requested {
                Some(true) => Some(RunState::StopRequested),
                Some(false) => Some(RunState::Running),
                None if row.streaming => None,
                None => Some(RunState::Gone),
            }
        };
        Ok(runs.iter().map(state).collect())
    }

    /// Events of a run with numbers above `after`, in order, at most `limit`. Asks nobody's leave: look the run up
    /// with [`Store::get_generation`] first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events_after(
        &self,
        generation: &GenerationId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, GenerationEvent)>> {
        let rows = sqlx::query!(
            "SELECT seq, event FROM generation_events WHERE generation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            generation.as_str(),
            after,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let text = row.event.to_string();
                let event = serde_json::from_value(row.event)
                    .map_err(|_| StorageError::corrupt("generation_events", "event", generation.as_str(), &text))?;
                Ok((row.seq, event))
            })
            .collect()
    }

    /// Stores the end of a run: the message, its sources, the run and its last event, in one transaction.
    /// [`Ending::Gone`] when the run had ended before or its chat is gone; then nothing is changed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn finish_generation(&self, end: FinishedGeneration<'_>) -> Result<Ending> {
        let error = end.error.map(serde_json::to_value).transpose().map_err(encode)?;
        let retrieval = end.retrieval.map(without_title).map(serde_json::to_value).transpose().map_err(encode)?;
        let event = GenerationEvent::End { status: end.status, error: end.error.cloned() };
        let event = serde_json::to_value(event).map_err(encode)?;
        let now = to_db(self.now());
        let mut tx = self.pool.begin().await?;
        // The chat is locked before the run, as whoever deletes a chat does it.
        let chat = sqlx::query!(
            "UPDATE chats SET updated_at = $2, revision = revision + 1 FROM generations g
             WHERE g.id = $1 AND g.status = 'streaming' AND chats.id = g.chat_id
             RETURNING chats.id",
            end.generation.as_str(),
            now,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if chat.is_none() {
            return Ok(Ending::Gone);
        }
        // After a failure whoever asked the questions behind it sees first what failed; who stops an answer stops.
        let held = end.status != MessageStatus::Complete;
        let run = sqlx::query!(
            // By a statement of its own: it sees what was queued while the chat was waited for.
            r#"WITH behind AS (
                   UPDATE queued_messages q SET held = $4 FROM generations g
                   WHERE g.id = $1 AND g.status = 'streaming' AND q.chat_id = g.chat_id
                   RETURNING q.id
               )
               UPDATE generations SET status = $2, ended_at = $3 WHERE id = $1 AND status = 'streaming'
               RETURNING message_id, model, user_id, started_at, EXISTS (SELECT FROM behind) AS "waits!""#,
            end.generation.as_str(),
            end.status.as_str(),
            now,
            held,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(run) = run else { return Ok(Ending::Gone) };
        let cost = match end.tokens {
            Some(tokens) => add_spending(&mut tx, &run.user_id, &run.model, 1, tokens, end.price, now).await?,
            None => None,
        };
        sqlx::query!(
            "WITH last_event AS (
                 INSERT INTO generation_events (generation_id, seq, event)
                 SELECT $13, GREATEST($14::bigint, COALESCE(max(seq), 0) + 1), $15
                 FROM generation_events WHERE generation_id = $13
             ), sources AS (
                 DELETE FROM citations WHERE message_id = $1
             )
             UPDATE messages
             SET content = $2, model = $3, tokens_used = $4, latency_ms = $5, retrieval = $6, prompt_tokens = $7,
                 completion_tokens = $8, cost = $9, reasoning = $10, left_out = $11, memory_used = $12, status = $16,
                 error = $17
             WHERE id = $1",
            run.message_id,
            end.content,
            run.model,
            end.tokens.map(Tokens::total),
            end.latency_ms,
            retrieval,
            end.tokens.map(|tokens| tokens.prompt),
            end.tokens.map(|tokens| tokens.completion),
            cost,
            end.reasoning,
            end.left_out,
            end.memory_used,
            end.generation.as_str(),
            end.seq,
            event,
            end.status.as_str(),
            error,
        )
        .execute(&mut *tx)
        .await?;
        if !end.citations.is_empty() {
            store_citations(&mut tx, &run.message_id, end.citations).await?;
        }
        if !store_made(&mut tx, &run.message_id, &run.model, now, end.artifacts).await? {
            return Ok(Ending::ArtifactsMoved);
        }
        if let Some(trace) = end.trace {
            sqlx::query!(
                "INSERT INTO retrieval_traces (message_id, trace, created_at) VALUES ($1, $2, $3)
                 ON CONFLICT (message_id) DO UPDATE SET trace = excluded.trace, created_at = excluded.created_at",
                run.message_id,
                trace,
                now,
            )
            .execute(&mut *tx)
            .await?;
        }
        if self.sends_mail() && end.status != MessageStatus::Stopped && now - run.started_at > SLOW_ANSWER {
            self.write_answer_mail(&mut tx, end.generation.as_str(), end.status).await?;
        }
        sqlx::query!(
            r#"SELECT pg_notify($1, 'events:' || $2::text || ':' || $3::bigint) IS NULL AS "notified!""#,
            Channel::Generations.name(),
            end.generation.as_str(),
            end.seq,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Ending::Stored { waits: run.waits && !held })
    }

    /// Asks a run of the viewer to stop, wherever it runs. `false` when there is no such run; stopping one that has
    /// ended does nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn request_stop(&self, viewer: &Viewer, generation: &GenerationId) -> Result<bool> {
        let found = sqlx::query!(
            r#"UPDATE generations SET stop_requested = true WHERE id = $1 AND user_id = $2
               RETURNING pg_notify($3, 'stop:' || id) IS NULL AS "notified!""#,
            generation.as_str(),
            viewer.user_id.as_str(),
            Channel::Generations.name(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.is_some())
    }

    /// Says that runs are alive, and tells of each how it stands.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn heartbeat(&self, generations: &[GenerationId]) -> Result<Vec<(GenerationId, RunState)>> {
        let ids: Vec<String> = generations.iter().map(|id| id.as_str().to_owned()).collect();
        let rows = sqlx::query!(
            "UPDATE generations SET heartbeat_at = now() WHERE id = ANY($1) AND status = 'streaming'
             RETURNING id, stop_requested",
            &ids,
        )
        .fetch_all(&self.pool)
        .await?;
        let alive: std::collections::HashMap<String, bool> =
            rows.into_iter().map(|row| (row.id, row.stop_requested)).collect();
        let state = |id: &GenerationId| match alive.get(id.as_str()) {
            Some(false) => RunState::Running,
            Some(true) => RunState::StopRequested,
            None => RunState::Gone,
        };
        Ok(generations.iter().map(|id| (id.clone(), state(id))).collect())
    }

    /// Runs whose process has not been heard of for so many seconds, with their owners.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stale_generations(&self, seconds: f64) -> Result<Vec<(GenerationId, UserId)>> {
        let rows = sqlx::query!(
            "SELECT id, user_id FROM generations
             WHERE status = 'streaming' AND heartbeat_at < now() - make_interval(secs => $1)
             ORDER BY heartbeat_at LIMIT 500",
            seconds,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let corrupt = |column, value: &str| StorageError::corrupt("generations", column, &row.id, value);
                Ok((
                    GenerationId::parse(row.id.as_str()).map_err(|_| corrupt("id", &row.id))?,
                    UserId::parse(row.user_id.as_str()).map_err(|_| corrupt("user_id", &row.user_id))?,
                ))
            })
            .collect()
    }

    /// Forgets events of runs that ended, a day after they were written: the answer itself is in its message. Returns
    /// how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn delete_old_events(&self) -> Result<u64> {
        let done = sqlx::query!(
            "DELETE FROM generation_events e USING generations g
             WHERE e.created_at < $1 AND g.id = e.generation_id AND g.status <> 'streaming'",
            to_db(self.now().plus_millis(-DAY_MS)),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// Begins to hear what replicas do to runs.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn listen_generations(&self) -> Result<GenerationListener> {
        Ok(GenerationListener { notices: self.notices.listen(Channel::Generations).await?, heard: VecDeque::new() })
    }
}

/// A title is the document's to tell: it is read from there whenever the summary is shown.
fn without_title(retrieval: &RetrievalSummary) -> RetrievalSummary {
    let mut retrieval = retrieval.clone();
    if let Some(best) = &mut retrieval.best {
        best.title.clear();
    }
    retrieval
}

fn encode(error: serde_json::Error) -> StorageError {
    StorageError::Query(sqlx::Error::Encode(error.into()))
}

async fn store_citations(tx: &mut PgTransaction<'_>, message: &str, citations: &[Citation]) -> Result<()> {
    let numbers = |field: fn(&Citation) -> i32| citations.iter().map(field).collect::<Vec<i32>>();
    let documents: Vec<String> = citations.iter().map(|c| c.document_id.as_str().to_owned()).collect();
    let optional = |field: fn(&Citation) -> Option<i32>| citations.iter().map(field).collect::<Vec<_>>();
    let scores: Vec<f64> = citations.iter().map(|c| c.score).collect();
    let uses: Vec<serde_json::Value> =
        citations.iter().map(|c| serde_json::to_value(&c.uses)).collect::<Result<_, _>>().map_err(encode)?;
    let verdicts: Vec<String> = citations.iter().map(|c| c.verdict.as_str().to_owned()).collect();
    sqlx::query!(
        "INSERT INTO citations (message_id, n, document_id, version, seq, start_offset, end_offset, page, score, verdict,
                                quote_start, quote_end, uses)
         SELECT $1, c.* FROM UNNEST($2::int[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[], $8::int[],
                                    $9::float8[], $10::text[], $11::int[], $12::int[], $13::jsonb[]) AS c
         ON CONFLICT (message_id, n) DO NOTHING",
        message,
        &numbers(|c| c.n),
        &documents,
        &numbers(|c| c.version),
        &numbers(|c| c.seq),
        &numbers(|c| c.start),
        &numbers(|c| c.end),
        &optional(|c| c.page) as &[Option<i32>],
        &scores,
        &verdicts,
        &optional(|c| c.quote.map(|quote| quote.start)) as &[Option<i32>],
        &optional(|c| c.quote.map(|quote| quote.end)) as &[Option<i32>],
        &uses,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;

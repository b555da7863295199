//! Runs of a model: the start of a turn, its events, its end.
//!
//! A run is alive while its heartbeat is younger than the reaper's patience; clocks are compared in PostgreSQL, so
//! that replicas whose clocks differ agree.

use cjhirashi_domain::{
    Timestamp, Viewer,
    chat::{ChatSummary, Citation, MessageError, MessageStatus, RetrievalSummary},
    event::GenerationEvent,
    id::{ChatId, GenerationId, MessageId, UserId},
    text::{ChatTitle, MessageText},
};
use sqlx::PgTransaction;

use crate::{
    Result, StorageError, Store,
    chats::ChatRow,
    connect::{from_db, to_db},
    notices::{Channel, Listener},
};

/// A question to be stored with the place for its answer.
#[derive(Debug, Clone, Copy)]
pub struct NewTurn<'a> {
    /// Who asks.
    pub viewer: &'a Viewer,
    /// In which chat; a new one when absent.
    pub chat: Option<&'a ChatId>,
    /// The name of a new chat.
    pub title: &'a ChatTitle,
    /// The question.
    pub text: &'a MessageText,
    /// The question's id as the sender chose it, so that sending twice is harmless.
    pub message: Option<&'a MessageId>,
    /// Which model will answer.
    pub model: &'a str,
}

/// A question, the place of its answer, and the run that fills it.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The chat.
    pub chat: ChatSummary,
    /// The question, where the chat has one before the answer.
    pub user_message: Option<MessageId>,
    /// The answer.
    pub assistant_message: MessageId,
    /// The run.
    pub generation: GenerationId,
    /// When the question was committed.
    pub started_at: Timestamp,
}

/// What came of starting a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnOutcome {
    /// Stored; now somebody must run it.
    Started(Turn),
    /// This question was stored before; its run is under way or over.
    Repeated(Turn),
    /// Another answer of the chat is being written.
    Busy,
    /// No such chat or message of the viewer.
    NotFound,
}

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

/// The end of a run, stored in one transaction.
#[derive(Debug, Clone, Copy)]
pub struct FinishedGeneration<'a> {
    /// The run.
    pub generation: &'a GenerationId,
    /// How it ended; never [`MessageStatus::Streaming`].
    pub status: MessageStatus,
    /// Why, when it failed.
    pub error: Option<&'a MessageError>,
    /// The whole answer. Of a retry that broke off before it had as much text as the answer has, the message keeps
    /// what it had, with its sources and the name of its model; only how the run ended is noted.
    pub content: &'a str,
    /// Tokens of prompt and answer together.
    pub tokens_used: Option<i32>,
    /// Milliseconds from the question to the last token.
    pub latency_ms: Option<i32>,
    /// What was searched.
    pub retrieval: Option<&'a RetrievalSummary>,
    /// The sources that the answer cites.
    pub citations: &'a [Citation],
    /// Every candidate and time of the search, for "Why this answer".
    pub trace: Option<&'a serde_json::Value>,
    /// The sequence number of the end event.
    pub seq: i64,
}

/// What another replica (or this one) did to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GenerationSignal {
    /// Events up to this number are stored.
    Events(GenerationId, i64),
    /// Its owner asked to stop.
    Stop(GenerationId),
}

/// Hears what all replicas do to runs.
#[derive(Debug)]
pub struct GenerationListener(Listener);

impl GenerationListener {
    /// The next signal. After a lost connection it connects again by itself; what was missed meanwhile is not told,
    /// so whoever waits also looks from time to time.
    ///
    /// # Errors
    /// When the connection is lost and none can be made.
    pub async fn next(&mut self) -> Result<GenerationSignal> {
        loop {
            let notice = self.0.next().await?;
            if let Some(signal) = notice.as_deref().and_then(parse_signal) {
                return Ok(signal);
            }
        }
    }
}

fn parse_signal(payload: &str) -> Option<GenerationSignal> {
    let (kind, rest) = payload.split_once(':')?;
    match kind {
        "events" => {
            let (id, seq) = rest.split_once(':')?;
            Some(GenerationSignal::Events(GenerationId::parse(id).ok()?, seq.parse().ok()?))
        }
        "stop" => Some(GenerationSignal::Stop(GenerationId::parse(rest).ok()?)),
        _ => None,
    }
}

struct TurnRow {
    chat_id: String,
    title: String,
    created_at: time::OffsetDateTime,
    updated_at: time::OffsetDateTime,
    answering: bool,
    user_message: Option<String>,
    assistant_message: String,
    generation: String,
    started_at: time::OffsetDateTime,
}

impl TryFrom<TurnRow> for Turn {
    type Error = StorageError;

    fn try_from(row: TurnRow) -> Result<Self> {
        let corrupt = |column, value: &str| StorageError::corrupt("generations", column, value, value);
        Ok(Self {
            user_message: row
                .user_message
                .map(|id| MessageId::parse(id.as_str()).map_err(|_| corrupt("parent_id", &id)))
                .transpose()?,
            assistant_message: MessageId::parse(row.assistant_message.as_str())
                .map_err(|_| corrupt("message_id", &row.assistant_message))?,
            generation: GenerationId::parse(row.generation.as_str()).map_err(|_| corrupt("id", &row.generation))?,
            started_at: from_db(row.started_at),
            chat: ChatRow {
                id: row.chat_id,
                title: row.title,
                created_at: row.created_at,
                updated_at: row.updated_at,
                answering: row.answering,
            }
            .try_into()?,
        })
    }
}

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Constraints that a second question at the same moment runs into.
const ONE_PER_CHAT: &str = "generations_one_per_chat";
const MESSAGE_KEY: &str = "messages_pkey";

impl Store {
    /// Stores a question, the empty answer after it and the run, in one transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start_turn(&self, turn: NewTurn<'_>) -> Result<TurnOutcome> {
        match self.try_start_turn(turn).await {
            Err(StorageError::Constraint(name)) if name == ONE_PER_CHAT => Ok(TurnOutcome::Busy),
            // The same question was committed by another request in between: it is found now, or is another's.
            Err(StorageError::Constraint(name)) if name == MESSAGE_KEY => match turn.message {
                Some(message) => self.find_turn(turn.viewer, message).await,
                None => Ok(TurnOutcome::NotFound),
            },
            other => other,
        }
    }

    async fn try_start_turn(&self, turn: NewTurn<'_>) -> Result<TurnOutcome> {
        if let Some(message) = turn.message
            && self.message_exists(message).await?
        {
            return self.find_turn(turn.viewer, message).await;
        }
        let now = self.now();
        let mut tx = self.pool.begin().await?;
        let (chat, last) = match turn.chat {
            Some(chat) => {
                let row = sqlx::query!(
                    "UPDATE chats SET updated_at = $3, revision = revision + 1 WHERE id = $1 AND user_id = $2
                     RETURNING title, created_at",
                    chat.as_str(),
                    turn.viewer.user_id.as_str(),
                    to_db(now),
                )
                .fetch_optional(&mut *tx)
                .await?;
                let Some(row) = row else { return Ok(TurnOutcome::NotFound) };
                let last = sqlx::query!(
                    "SELECT id, created_at FROM messages WHERE chat_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1",
                    chat.as_str(),
                )
                .fetch_optional(&mut *tx)
                .await?;
                let summary = ChatSummary {
                    id: chat.clone(),
                    title: row.title,
                    created_at: from_db(row.created_at),
                    updated_at: now,
                    answering: true,
                };
                (summary, last.map(|last| (last.id, from_db(last.created_at))))
            }
            None => {
                let id = ChatId::new(now, self.random());
                sqlx::query!(
                    "INSERT INTO chats (id, user_id, title, created_at, updated_at, revision) VALUES ($1, $2, $3, $4, $4, 1)",
                    id.as_str(),
                    turn.viewer.user_id.as_str(),
                    turn.title.as_str(),
                    to_db(now),
                )
                .execute(&mut *tx)
                .await?;
                let title = turn.title.as_str().to_owned();
                (ChatSummary { id, title, created_at: now, updated_at: now, answering: true }, None)
            }
        };
        // Messages are read in the order of their times, so a clock that went back must not put a question before
        // the answer it follows.
        let asked_at = last.as_ref().map_or(now, |(_, at)| now.max(at.plus_millis(1)));
        let user_message = turn.message.cloned().unwrap_or_else(|| MessageId::new(now, self.random()));
        let assistant_message = MessageId::new(asked_at.plus_millis(1), self.random());
        let generation = GenerationId::new(now, self.random());
        sqlx::query!(
            "WITH question AS (
                 INSERT INTO messages (id, chat_id, role, content, parent_id, created_at)
                 VALUES ($1, $2, 'user', $3, $4, $5)
             ), answer AS (
                 INSERT INTO messages (id, chat_id, role, content, parent_id, created_at, status, model)
                 VALUES ($6, $2, 'assistant', '', $1, $7, 'streaming', $8)
             )
             INSERT INTO generations (id, chat_id, message_id, user_id, model, started_at)
             VALUES ($9, $2, $6, $10, $8, $11)",
            user_message.as_str(),
            chat.id.as_str(),
            turn.text.as_str(),
            last.map(|(id, _)| id),
            to_db(asked_at),
            assistant_message.as_str(),
            to_db(asked_at.plus_millis(1)),
            turn.model,
            generation.as_str(),
            turn.viewer.user_id.as_str(),
            to_db(now),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(TurnOutcome::Started(Turn {
            chat,
            user_message: Some(user_message),
            assistant_message,
            generation,
            started_at: now,
        }))
    }

    async fn message_exists(&self, message: &MessageId) -> Result<bool> {
        let exists =
            sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM messages WHERE id = $1) AS "exists!""#, message.as_str())
                .fetch_one(&self.pool)
                .await?;
        Ok(exists)
    }

    /// The turn that a question began, when the question is the viewer's.
    async fn find_turn(&self, viewer: &Viewer, message: &MessageId) -> Result<TurnOutcome> {
        let row = sqlx::query_as!(
            TurnRow,
            r#"SELECT c.id AS chat_id, c.title, c.created_at, c.updated_at, g.status = 'streaming' AS "answering!",
                      m.id AS "user_message?", a.id AS assistant_message, g.id AS generation, g.started_at
               FROM messages m
               JOIN chats c ON c.id = m.chat_id
               JOIN messages a ON a.parent_id = m.id AND a.role = 'assistant'
               JOIN generations g ON g.message_id = a.id
               WHERE m.id = $1 AND m.role = 'user' AND c.user_id = $2
               ORDER BY g.started_at DESC, g.id DESC
               LIMIT 1"#,
            message.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        match row {
            Some(row) => Ok(TurnOutcome::Repeated(row.try_into()?)),
            None => Ok(TurnOutcome::NotFound),
        }
    }

    /// Begins a new run for an answer that is there, in its place. What it has is kept until the new run has ended and
    /// has more to show.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn restart_turn(&self, viewer: &Viewer, answer: &MessageId, model: &str) -> Result<TurnOutcome> {
        match self.try_restart_turn(viewer, answer, model).await {
            Err(StorageError::Constraint(name)) if name == ONE_PER_CHAT => Ok(TurnOutcome::Busy),
            other => other,
        }
    }

    async fn try_restart_turn(&self, viewer: &Viewer, answer: &MessageId, model: &str) -> Result<TurnOutcome> {
        let now = self.now();
        let generation = GenerationId::new(now, self.random());
        let mut tx = self.pool.begin().await?;
        let chat = sqlx::query!(
            "UPDATE chats SET updated_at = $3, revision = revision + 1
             FROM messages WHERE messages.id = $1 AND messages.role = 'assistant' AND chats.id = messages.chat_id
                 AND chats.user_id = $2
             RETURNING chats.id, chats.title, chats.created_at, messages.parent_id",
            answer.as_str(),
            viewer.user_id.as_str(),
            to_db(now),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(chat) = chat else { return Ok(TurnOutcome::NotFound) };
        sqlx::query!(
            "WITH answer AS (
                 UPDATE messages SET status = 'streaming', error = NULL WHERE id = $3
             )
             INSERT INTO generations (id, chat_id, message_id, user_id, model, started_at)
             VALUES ($1, $2, $3, $5, $4, $6)",
            generation.as_str(),
            chat.id,
            answer.as_str(),
            model,
            viewer.user_id.as_str(),
            to_db(now),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let row = TurnRow {
            chat_id: chat.id,
            title: chat.title,
            created_at: chat.created_at,
            updated_at: to_db(now),
            answering: true,
            user_message: chat.parent_id,
            assistant_message: answer.as_str().to_owned(),
            generation: generation.into_string(),
            started_at: to_db(now),
        };
        Ok(TurnOutcome::Started(row.try_into()?))
    }

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
    /// `false` when the run had ended before or its chat is gone; then nothing is changed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn finish_generation(&self, end: FinishedGeneration<'_>) -> Result<bool> {
        let encode = |error: serde_json::Error| StorageError::Query(sqlx::Error::Encode(error.into()));
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
            return Ok(false);
        }
        let run = sqlx::query!(
            "UPDATE generations SET status = $2, ended_at = $3 WHERE id = $1 AND status = 'streaming'
             RETURNING message_id, model",
            end.generation.as_str(),
            end.status.as_str(),
            now,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(run) = run else { return Ok(false) };
        let kept = sqlx::query_scalar!(
            r#"WITH last_event AS (
                 INSERT INTO generation_events (generation_id, seq, event)
                 SELECT $4, GREATEST($5::bigint, COALESCE(max(seq), 0) + 1), $6
                 FROM generation_events WHERE generation_id = $4
             )
             UPDATE messages SET status = $2, error = $3 WHERE id = $1
             RETURNING $2 <> 'complete' AND content <> ''
                 AND ($7 = 0 OR $2 <> 'stopped' AND $7 < char_length(content)) AS "kept!""#,
            run.message_id,
            end.status.as_str(),
            error,
            end.generation.as_str(),
            end.seq,
            event,
            i32::try_from(end.content.chars().count()).unwrap_or(i32::MAX),
        )
        .fetch_one(&mut *tx)
        .await?;
        if !kept {
            sqlx::query!(
                "WITH sources AS (
                     DELETE FROM citations WHERE message_id = $1
                 )
                 UPDATE messages SET content = $2, model = $3, tokens_used = $4, latency_ms = $5, retrieval = $6
                 WHERE id = $1",
                run.message_id,
                end.content,
                run.model,
                end.tokens_used,
                end.latency_ms,
                retrieval,
            )
            .execute(&mut *tx)
            .await?;
            if !end.citations.is_empty() {
                store_citations(&mut tx, &run.message_id, end.citations).await?;
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
        Ok(true)
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
        Ok(GenerationListener(self.notices.listen(Channel::Generations).await?))
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

async fn store_citations(tx: &mut PgTransaction<'_>, message: &str, citations: &[Citation]) -> Result<()> {
    let numbers = |field: fn(&Citation) -> i32| citations.iter().map(field).collect::<Vec<i32>>();
    let documents: Vec<String> = citations.iter().map(|c| c.document_id.as_str().to_owned()).collect();
    let optional = |field: fn(&Citation) -> Option<i32>| citations.iter().map(field).collect::<Vec<_>>();
    let scores: Vec<f64> = citations.iter().map(|c| c.score).collect();
    let verdicts: Vec<String> = citations.iter().map(|c| c.verdict.as_str().to_owned()).collect();
    sqlx::query!(
        "INSERT INTO citations (message_id, n, document_id, version, seq, start_offset, end_offset, page, score, verdict,
                                quote_start, quote_end)
         SELECT $1, c.* FROM UNNEST($2::int[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[], $8::int[],
                                    $9::float8[], $10::text[], $11::int[], $12::int[]) AS c
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
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::{
        chat::{BestMatch, Message, MessageRole, Verdict},
        id::DocumentId,
        passage::TextRange,
        user::Role,
    };

    use super::*;
    use crate::testing;

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
            let turn = NewTurn { viewer, chat, title: &title, text: &text, message, model: "extractive" };
            self.store.start_turn(turn).await.unwrap()
        }

        async fn started(&self, chat: Option<&ChatId>) -> Turn {
            match self.send(chat, None).await {
                TurnOutcome::Started(turn) => turn,
                other => panic!("{other:?}"),
            }
        }

        async fn finish(&self, turn: &Turn, content: &str, status: MessageStatus, citations: &[Citation]) -> bool {
            self.store.finish_generation(finished(turn, content, status, citations)).await.unwrap()
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
            let messages = self.store.list_messages(&self.viewer, &turn.chat.id).await.unwrap().unwrap();
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
            generation: &turn.generation,
            status,
            error: None,
            content,
            tokens_used: Some(7),
            latency_ms: Some(12),
            retrieval: None,
            citations,
            trace: None,
            seq: 1,
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
        let page = world.store.open_chat(&world.viewer, &turn.chat.id).await.unwrap().unwrap();
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
        let history = world.store.conversation_before(&next.assistant_message, 10).await.unwrap();
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
        assert_eq!(world.store.list_chats(&world.viewer.user_id, 10, None).await.unwrap().len(), 1);
        assert_eq!(world.send_as(&world.stranger, None, Some(&id)).await, TurnOutcome::NotFound);
    }

    #[tokio::test]
    async fn one_answer_at_a_time_and_none_in_the_chat_of_another() {
        let world = world().await;
        let turn = world.started(None).await;
        assert_eq!(world.send(Some(&turn.chat.id), None).await, TurnOutcome::Busy);
        let messages = world.store.list_messages(&world.viewer, &turn.chat.id).await.unwrap().unwrap();
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
    async fn a_retry_that_breaks_off_keeps_the_answer_before_it_whole() {
        let world = world().await;
        let turn = world.started(None).await;
        world.finish(&turn, "half an ans [1]", MessageStatus::Stopped, &[citation()]).await;
        let before = world.message(&turn).await;
        for (text, status) in
            [("", MessageStatus::Failed), ("", MessageStatus::Stopped), ("half", MessageStatus::Interrupted)]
        {
            let again = world.again(&turn).await;
            assert_eq!(again.assistant_message, turn.assistant_message);
            assert_eq!(again.user_message, turn.user_message);
            let running = world.message(&turn).await;
            assert_eq!((running.content.as_str(), running.citations.len()), ("", 0), "a new run shows its own text");
            assert_eq!((running.model.as_deref(), running.tokens_used), (Some("other"), None));
            world.finish(&again, text, status, &[]).await;
            let kept = Message { status, ..before.clone() };
            assert_eq!(world.message(&turn).await, kept);
        }
        let again = world.again(&turn).await;
        world.finish(&again, "all", MessageStatus::Complete, &[]).await;
        let answer = world.message(&turn).await;
        assert_eq!((answer.content.as_str(), answer.model.as_deref()), ("all", Some("other")));
        assert!(answer.citations.is_empty());
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
            best: Some(BestMatch {
                document_id: DocumentId::parse("doc").unwrap(),
                title: "Manual".into(),
                score: 0.2,
            }),
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
        assert_eq!(
            world.store.heartbeat(std::slice::from_ref(id)).await.unwrap(),
            [(id.clone(), RunState::StopRequested)]
        );
        world.store.delete_chat(&world.viewer, &turn.chat.id).await.unwrap();
        assert_eq!(world.store.append_events(id, 4, &[text("d")]).await.unwrap(), RunState::Gone);
        assert_eq!(world.store.heartbeat(std::slice::from_ref(id)).await.unwrap(), [(id.clone(), RunState::Gone)]);
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
    async fn a_citation_keeps_the_place_of_its_quote_and_names_that_page() {
        let world = world().await;
        let turn = world.started(None).await;
        world.add_document().await;
        let paged = "INSERT INTO document_versions (document_id, version, blob_key, size_bytes, mime_type, page_starts)
                     VALUES ('doc', 2, '', 1, 'application/pdf', '{0, 3, 6}')";
        sqlx::query(paged).execute(world.store.pool()).await.unwrap();
        let quoted = Citation { quote: TextRange::new(4, 9), ..citation() };
        let unpaged = Citation { n: 2, page: None, ..quoted.clone() };
        let unknown = Citation { n: 3, version: 9, ..quoted.clone() };
        let mut citations = [quoted, unpaged, unknown, Citation { n: 4, ..citation() }];
        world.store.name_pages_of_quotes(&mut citations).await.unwrap();
        assert_eq!(citations.each_ref().map(|citation| citation.page), [Some(2), None, Some(4), Some(4)]);
        world.finish(&turn, "Two years [1].", MessageStatus::Complete, &citations).await;
        let shown = world.message(&turn).await.citations;
        let told: Vec<_> = shown.iter().map(|citation| (citation.quote, citation.page)).collect();
        assert_eq!(told, citations.map(|citation| (citation.quote, citation.page)));
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
        let texts =
            world.store.load_cited_texts(&world.stranger.user_id, std::slice::from_ref(&citation)).await.unwrap();
        assert_eq!(texts, [None]);

        let mut revision = world.store.chat_revision(&world.viewer, &turn.chat.id).await.unwrap().unwrap();
        for change in [
            "UPDATE documents SET title = 'Guide'",
            "UPDATE documents SET version = 3",
            "UPDATE documents SET deleted_at = now()",
            "DELETE FROM documents",
        ] {
            sqlx::query(change).execute(pool).await.unwrap();
            let now = world.store.chat_revision(&world.viewer, &turn.chat.id).await.unwrap().unwrap();
            assert!(now > revision, "{change}");
            revision = now;
        }
        assert_eq!(world.message(&turn).await.citations[0].source, None);
    }

    #[test]
    fn a_signal_that_is_not_ours_is_passed_over() {
        assert_eq!(
            parse_signal("events:abc:7"),
            Some(GenerationSignal::Events(GenerationId::parse("abc").unwrap(), 7))
        );
        assert_eq!(parse_signal("stop:abc"), Some(GenerationSignal::Stop(GenerationId::parse("abc").unwrap())));
        for other in ["", "events", "events:abc", "events:abc:x", "events:a b:1", "stop:", "other:abc"] {
            assert_eq!(parse_signal(other), None, "{other:?}");
        }
    }
}

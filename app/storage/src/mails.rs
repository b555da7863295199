//! Mail to people: an outbox. A mail is a row, committed with its cause; a worker takes it, sends it and notes the end.
//!
//! A row names its cause, and there is one row for each, so that whatever happens twice is told once. It holds no title
//! and no address: both are read when it is sent. Like a job it is held by a *claim* and a lease, measured by the
//! database's clock; unlike a job its lease is never extended, as sending one takes less time than a lease lasts. Why it
//! is no job: `docs/decisions/0012-mail.md`.
//!
//! To add a mail: a variant of [`MailKind`] and of [`Letter`], the check constraint in a migration, its row where its cause
//! is committed, its words in the crate `mail`.

use std::{collections::HashMap, time::Duration};

use cjhirashi_domain::{
    Timestamp,
    chat::MessageStatus,
    id::{ChatId, DocumentId, MailId, UserId},
    settings::Language,
    user::{Email, Role},
};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{Result, StorageError, Store, connect::from_db, users::parse_role};

/// A document that took longer than this is one whose owner has gone elsewhere meanwhile, in seconds.
pub(crate) const SLOW_DOCUMENT: f64 = 180.0;
/// An answer that took longer than this, too.
pub(crate) const SLOW_ANSWER: time::Duration = time::Duration::minutes(2);
/// Whoever asked is still there for the first moments of an answer: the page that shows it is loaded then.
pub(crate) const STILL_THERE: time::Duration = time::Duration::seconds(30);
/// The most characters of why a mail was not sent.
const ERROR: usize = 500;
/// Milliseconds in a lease and a pause.
fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailKind {
    /// A document that took its time can be found.
    DocumentReady,
    /// A document was given up.
    DocumentFailed,
    /// An answer that took its time has ended.
    AnswerEnded,
    /// There is a new key of the API.
    ApiKeyCreated,
    /// Somebody signed in on a device that is not known.
    NewDevice,
    /// An address was invited.
    Invitation,
}

impl MailKind {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::DocumentReady,
        Self::DocumentFailed,
        Self::AnswerEnded,
        Self::ApiKeyCreated,
        Self::NewDevice,
        Self::Invitation,
    ];

    /// The stored word, also in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DocumentReady => "document_ready",
            Self::DocumentFailed => "document_failed",
            Self::AnswerEnded => "answer_ended",
            Self::ApiKeyCreated => "api_key_created",
            Self::NewDevice => "new_device",
            Self::Invitation => "invitation",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether several to one person are one message.
    #[must_use]
    pub const fn is_of_a_document(self) -> bool {
        matches!(self, Self::DocumentReady | Self::DocumentFailed)
    }
}

/// A mail that is to be sent, taken by this process.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// What it is about.
    pub kind: MailKind,
    /// To whom; `None`: to the invited address.
    pub user: Option<UserId>,
    /// Runs begun, this one included.
    pub attempts: i32,
    /// How long ago it was written.
    pub age: Duration,
    claim: String,
}

/// What a mail says, as things are now.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// Where it goes.
    pub to: String,
    /// In which language.
    pub language: Language,
    /// When it was written.
    pub written_at: Timestamp,
    /// What it is about.
    pub letter: Letter,
}

/// What a mail is about, with what its words need.
#[derive(Debug, Clone, PartialEq)]
pub enum Letter {
    /// A document of theirs can be found, or was given up.
    Document {
        /// Which.
        id: DocumentId,
        /// Its title.
        title: String,
        /// It can be found.
        ready: bool,
    },
    /// An answer has ended.
    AnswerEnded {
        /// In which chat.
        chat: ChatId,
        /// Its title.
        title: String,
        /// It was written to its end.
        complete: bool,
    },
    /// There is a new key.
    ApiKeyCreated {
        /// What it is called.
        name: String,
        /// Its first characters.
        prefix: String,
        /// When.
        at: Timestamp,
    },
    /// Somebody signed in.
    NewDevice {
        /// What the browser says it is.
        agent: Option<String>,
        /// From which address.
        address: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// They are invited.
    Invitation {
        /// By whom.
        by: Option<String>,
        /// As what.
        role: Role,
        /// Until when it is good.
        until: Timestamp,
    },
}

/// Where the mail of an invitation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is still to be sent.
    Waiting,
    /// The mail server took it.
    Sent,
    /// It could not be sent.
    GivenUp,
}

/// How many mails there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MailCount {
    /// Still to be sent.
    pub waiting: i64,
    /// Given up within the last month.
    pub dead: i64,
}

/// A mail as its cause writes it.
pub(crate) struct NewMail<'a> {
    pub(crate) kind: MailKind,
    /// What tells this cause from all others of its kind.
    pub(crate) cause: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) subject: &'a str,
    pub(crate) data: Value,
}

impl Store {
    /// Whether this instance sends mail at all.
    #[must_use]
    pub const fn sends_mail(&self) -> bool {
        self.mail
    }

    /// Writes a mail within the transaction of its cause; nothing when no mail is sent here, the person wants none, or the
    /// cause was told before.
    pub(crate) async fn write_mail(&self, connection: &mut PgConnection, new: NewMail<'_>) -> Result<()> {
        if !self.mail {
            return Ok(());
        }
        sqlx::query!(
            "INSERT INTO mails (id, kind, cause, user_id, invited, subject, data)
             SELECT $1, $2, $2 || ':' || $3, $4, CASE WHEN $4::text IS NULL THEN $5 END, $5, $6
             WHERE $4::text IS NULL OR takes_mail($4)
             ON CONFLICT ON CONSTRAINT mails_cause_key DO NOTHING",
            MailId::new(self.now(), self.random()).into_string(),
            new.kind.as_str(),
            new.cause,
            new.user,
            new.subject,
            new.data,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Writes the mail of an answer that has ended: of one that took its time, in a chat that is kept, while whoever asked
    /// used none of their sessions.
    pub(crate) async fn write_answer_mail(
        &self,
        connection: &mut PgConnection,
        generation: &str,
        status: MessageStatus,
    ) -> Result<()> {
        sqlx::query!(
            "INSERT INTO mails (id, kind, cause, user_id, subject, data)
             SELECT $1, $2, $2 || ':' || g.id, g.user_id, g.chat_id, $4
             FROM generations g JOIN chats c ON c.id = g.chat_id JOIN users u ON u.id = g.user_id
             WHERE g.id = $3 AND NOT c.temporary AND takes_mail(g.user_id)
               AND (u.last_seen_at IS NULL OR u.last_seen_at <= g.started_at + $5::float8 * interval '1 second')
             ON CONFLICT ON CONSTRAINT mails_cause_key DO NOTHING",
            MailId::new(self.now(), self.random()).into_string(),
            MailKind::AnswerEnded.as_str(),
            generation,
            json!({"complete": status == MessageStatus::Complete}),
            STILL_THERE.as_seconds_f64(),
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Takes at most `limit` mails that are due, the longest waiting first, for `lease`. Those of a person's documents wait
    /// until none of these is in work, an hour at most, so that they are one message.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn claim_mails(&self, limit: i64, lease: Duration) -> Result<Vec<Mail>> {
        let claim = format!("{:032x}", self.random());
        let rows = sqlx::query!(
            r#"WITH due AS (
                SELECT id FROM mails m
                WHERE sent_at IS NULL AND dead_at IS NULL AND run_at <= now() AND (lease_until IS NULL OR lease_until < now())
                  AND kind = ANY($4) -- a newer version's are for newer workers
                  AND (kind NOT IN ('document_ready', 'document_failed') OR created_at < now() - interval '1 hour' OR NOT EXISTS (
                      SELECT FROM documents d
                      WHERE d.user_id = m.user_id AND d.deleted_at IS NULL AND d.status IN ('queued', 'processing')
                  ))
                ORDER BY run_at, id
                LIMIT $1
                FOR UPDATE SKIP LOCKED
            )
            UPDATE mails SET claim = $2, lease_until = now() + $3 * interval '1 millisecond', attempts = mails.attempts + 1
            FROM due WHERE mails.id = due.id
            RETURNING mails.id, mails.kind, mails.user_id, mails.attempts,
                greatest(extract(epoch FROM now() - mails.created_at), 0)::float8 AS "age!""#,
            limit,
            claim,
            millis(lease),
            &MailKind::ALL.map(|kind| kind.as_str().to_owned()),
        )
        .fetch_all(&self.pool)
        .await?;
        let mut mails = Vec::with_capacity(rows.len());
        for row in rows {
            let corrupt = |column, value: &str| StorageError::corrupt("mails", column, &row.id, value);
            let user = row.user_id.as_deref().map(UserId::parse).transpose();
            mails.push(Mail {
                id: MailId::parse(row.id.as_str()).map_err(|_| corrupt("id", &row.id))?,
                kind: MailKind::parse(&row.kind).ok_or_else(|| corrupt("kind", &row.kind))?,
                user: user.map_err(|_| corrupt("user_id", row.user_id.as_deref().unwrap_or_default()))?,
                attempts: row.attempts,
                age: Duration::try_from_secs_f64(row.age).unwrap_or_default(),
                claim: claim.clone(),
            });
        }
        mails.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(mails)
    }

    /// What mails say, as things are now. A mail that is to be sent no more has none: its person takes no mail by now, or
    /// what it is about is gone.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn read_mails(&self, mails: &[Mail]) -> Result<HashMap<MailId, Content>> {
        let ids: Vec<String> = mails.iter().map(|mail| mail.id.as_str().to_owned()).collect();
        let rows = sqlx::query!(
            r#"SELECT m.id, m.kind, m.subject, m.data, m.created_at, u.email AS "email?", s.language AS "language?",
                   d.title AS "document?", c.title AS "chat?", i.role AS "role?", i.expires_at AS "until?",
                   coalesce(b.name, b.email) AS by
               FROM mails m
               LEFT JOIN documents d ON m.kind IN ('document_ready', 'document_failed') AND d.id = m.subject
                   AND d.deleted_at IS NULL AND coalesce(d.user_id, d.uploaded_by) = m.user_id
                   -- What is in work again, or came to another end, is told at that end.
                   AND d.status = CASE m.kind WHEN 'document_ready' THEN 'indexed' ELSE 'failed' END
               LEFT JOIN chats c ON m.kind = 'answer_ended' AND c.id = m.subject AND c.user_id = m.user_id
               LEFT JOIN invitations i ON m.kind = 'invitation' AND i.email = m.subject AND i.expires_at > now()
               LEFT JOIN users b ON b.id = i.invited_by
               LEFT JOIN users u ON u.id = m.user_id
               LEFT JOIN user_settings s ON s.user_id = coalesce(m.user_id, i.invited_by)
               WHERE m.id = ANY($1) AND (m.user_id IS NULL OR takes_mail(m.user_id))"#,
            &ids,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut contents = HashMap::new();
        for row in rows {
            let corrupt = |column, value: &str| StorageError::corrupt("mails", column, &row.id, value);
            let kind = MailKind::parse(&row.kind).ok_or_else(|| corrupt("kind", &row.kind))?;
            let text = |key: &str| row.data.get(key).and_then(Value::as_str).map(str::to_owned);
            let letter = match kind {
                MailKind::DocumentReady | MailKind::DocumentFailed => row.document.map(|title| {
                    let id = DocumentId::parse(row.subject.as_str()).map_err(|_| corrupt("subject", &row.subject))?;
                    Ok::<_, StorageError>(Letter::Document { id, title, ready: kind == MailKind::DocumentReady })
                }),
                MailKind::AnswerEnded => row.chat.map(|title| {
                    let chat = ChatId::parse(row.subject.as_str()).map_err(|_| corrupt("subject", &row.subject))?;
                    let complete = row.data.get("complete").and_then(Value::as_bool).unwrap_or_default();
                    Ok(Letter::AnswerEnded { chat, title, complete })
                }),
                MailKind::ApiKeyCreated => Some(Ok(Letter::ApiKeyCreated {
                    name: text("name").unwrap_or_default(),
                    prefix: text("prefix").unwrap_or_default(),
                    at: from_db(row.created_at),
                })),
                MailKind::NewDevice => Some(Ok(Letter::NewDevice {
                    agent: text("agent"),
                    address: text("address"),
                    at: from_db(row.created_at),
                })),
                MailKind::Invitation => row.role.zip(row.until).map(|(role, until)| {
                    Ok(Letter::Invitation { by: row.by, role: parse_role(&row.subject, &role)?, until: from_db(until) })
                }),
            };
            let to = if kind == MailKind::Invitation { Some(row.subject) } else { row.email };
            let (Some(letter), Some(to)) = (letter.transpose()?, to) else { continue };
            let id = MailId::parse(row.id.as_str()).map_err(|_| corrupt("id", &row.id))?;
            let language = row.language.as_deref().and_then(Language::parse).unwrap_or_default();
            contents.insert(id, Content { to, language, written_at: from_db(row.created_at), letter });
        }
        Ok(contents)
    }

    /// Notes that mails were sent. Returns of how many the claim still counted.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn note_sent(&self, mails: &[Mail]) -> Result<u64> {
        let (ids, claims) = held(mails);
        let done = sqlx::query!(
            "UPDATE mails SET sent_at = now(), claim = NULL, lease_until = NULL, error = NULL, data = '{}'
             FROM UNNEST($1::text[], $2::text[]) AS held (id, claim) WHERE mails.id = held.id AND mails.claim = held.claim",
            &ids,
            &claims,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// Forgets mails that are to be sent no more.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn drop_mails(&self, mails: &[Mail]) -> Result<()> {
        let (ids, claims) = held(mails);
        sqlx::query!(
            "DELETE FROM mails USING UNNEST($1::text[], $2::text[]) AS held (id, claim)
             WHERE mails.id = held.id AND mails.claim = held.claim",
            &ids,
            &claims,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Puts mails back: to be tried again after a while and, where there is an error, with that as the reason; without one
    /// the run does not count.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn retry_mails(&self, mails: &[Mail], after: Duration, error: Option<&str>) -> Result<()> {
        let (ids, claims) = held(mails);
        sqlx::query!(
            "UPDATE mails SET claim = NULL, lease_until = NULL, run_at = now() + $3 * interval '1 millisecond',
                 error = coalesce($4, error), attempts = attempts - CASE WHEN $4::text IS NULL THEN 1 ELSE 0 END
             FROM UNNEST($1::text[], $2::text[]) AS held (id, claim) WHERE mails.id = held.id AND mails.claim = held.claim",
            &ids,
            &claims,
            millis(after),
            error.map(bounded),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Gives mails up: dead letters, kept for a month to be looked at.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn bury_mails(&self, mails: &[Mail], error: &str) -> Result<()> {
        let (ids, claims) = held(mails);
        sqlx::query!(
            "UPDATE mails SET dead_at = now(), claim = NULL, lease_until = NULL, error = $3, data = '{}'
             FROM UNNEST($1::text[], $2::text[]) AS held (id, claim) WHERE mails.id = held.id AND mails.claim = held.claim",
            &ids,
            &claims,
            bounded(error),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// How many mails wait and were given up.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn count_mails(&self) -> Result<MailCount> {
        let count = sqlx::query_as!(
            MailCount,
            r#"SELECT count(*) FILTER (WHERE sent_at IS NULL AND dead_at IS NULL) AS "waiting!",
                   count(*) FILTER (WHERE dead_at IS NOT NULL) AS "dead!"
               FROM mails"#
        );
        Ok(count.fetch_one(&self.pool).await?)
    }

    /// Where the mails of invitations stand, the last of each address.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn invitation_mails(&self) -> Result<HashMap<String, Delivery>> {
        let rows = sqlx::query!(
            r#"SELECT DISTINCT ON (m.subject) m.subject, m.sent_at IS NOT NULL AS "sent!", m.dead_at IS NOT NULL AS "dead!"
               FROM mails m WHERE m.invited IS NOT NULL ORDER BY m.subject, m.created_at DESC"#
        )
        .fetch_all(&self.pool)
        .await?;
        let delivery = |sent, dead| match (sent, dead) {
            (true, _) => Delivery::Sent,
            (false, true) => Delivery::GivenUp,
            (false, false) => Delivery::Waiting,
        };
        Ok(rows.into_iter().map(|row| (row.subject, delivery(row.sent, row.dead))).collect())
    }

    /// Forgets what became of mails that were written more than a month ago; returns how many. Until then they keep their
    /// causes from being told again.
    ///
    /// # Errors
    /// [`StorageError`].
    pub(crate) async fn delete_old_mails(&self) -> Result<u64> {
        let done = sqlx::query!(
            "DELETE FROM mails WHERE created_at < now() - interval '30 days'
               AND (sent_at IS NOT NULL OR dead_at IS NOT NULL OR run_at < now() - interval '7 days')"
        );
        Ok(done.execute(&self.pool).await?.rows_affected())
    }
}

/// Ids and claims, for a statement over all of them.
fn held(mails: &[Mail]) -> (Vec<String>, Vec<String>) {
    mails.iter().map(|mail| (mail.id.as_str().to_owned(), mail.claim.clone())).unzip()
}

fn bounded(error: &str) -> String {
    // PostgreSQL takes no NUL, and the words may be a stranger's.
    error.chars().filter(|c| !c.is_control()).take(ERROR).collect()
}

/// Whether mail can be sent to an address that is not somebody's yet.
pub(crate) fn is_reachable(email: &Email) -> bool {
    let host = email.as_str().rsplit_once('@').map_or("", |(_, host)| host);
    !matches!(host.rsplit('.').next(), Some("localhost" | "invalid"))
}

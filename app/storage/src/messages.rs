//! Messages and their sources.

use std::collections::HashMap;

use cjhirashi_domain::{
    Viewer,
    branch::{Node, Tree},
    chat::{
        BestMatch, Citation, CitationSource, Message, MessageError, MessageRole, MessageStatus, Rating,
        RetrievalSummary, Verdict,
    },
    id::{ChatId, DocumentId, GenerationId, ImageId, MessageId, UserId},
    passage::TextRange,
    spending::Tokens,
};
use time::OffsetDateTime;

use crate::{
    Result, StorageError, Store,
    artifacts::artifacts_of,
    connect::{from_db, to_db},
    images::{image_id, images},
};

struct MessageRow {
    id: String,
    parent_id: Option<String>,
    role: String,
    content: String,
    status: String,
    error: Option<serde_json::Value>,
    model: Option<String>,
    tokens_used: Option<i32>,
    prompt_tokens: Option<i32>,
    completion_tokens: Option<i32>,
    cost: Option<f64>,
    thought: bool,
    left_out: i32,
    memory_used: Option<i16>,
    summary: Option<String>,
    latency_ms: Option<i32>,
    retrieval: Option<serde_json::Value>,
    best_title: Option<String>,
    created_at: OffsetDateTime,
    rating: Option<i16>,
    rating_reason: Option<String>,
    images: Option<serde_json::Value>,
    artifacts: Option<serde_json::Value>,
    generation_id: Option<String>,
    text_so_far: Option<String>,
}

/// What was searched, with the title of the best match as its document tells it now: none for whom may not read it.
fn retrieval(json: serde_json::Value, title: Option<String>) -> Option<RetrievalSummary> {
    let mut summary: RetrievalSummary = serde_json::from_value(json).ok()?;
    summary.best = summary.best.zip(title).map(|(best, title)| BestMatch { title, ..best });
    Some(summary)
}

impl TryFrom<MessageRow> for Message {
    type Error = StorageError;

    fn try_from(row: MessageRow) -> Result<Self> {
        let corrupt = |column, value: &str| StorageError::corrupt("messages", column, &row.id, value);
        let status = MessageStatus::parse(&row.status).ok_or_else(|| corrupt("status", &row.status))?;
        let images = images(&row.id, row.images.clone())?;
        let artifacts = artifacts_of(&row.id, row.artifacts.clone())?;
        // While a run writes, its events are the truth; the column gets the text when the run ends.
        let content = match (status, row.text_so_far) {
            (MessageStatus::Streaming, Some(text)) => text,
            (MessageStatus::Streaming, None) => String::new(),
            _ => row.content,
        };
        Ok(Self {
            role: MessageRole::parse(&row.role).ok_or_else(|| corrupt("role", &row.role))?,
            parent_id: row
                .parent_id
                .map(|id| MessageId::parse(id.as_str()).map_err(|_| corrupt("parent_id", &id)))
                .transpose()?,
            generation_id: row
                .generation_id
                .map(|id| GenerationId::parse(id.as_str()).map_err(|_| corrupt("generation_id", &id)))
                .transpose()?,
            // Words about an answer are no reason to lose the answer: what cannot be read is left out.
            error: row.error.and_then(|json| serde_json::from_value::<MessageError>(json).ok()),
            retrieval: row.retrieval.and_then(|json| retrieval(json, row.best_title)),
            id: MessageId::parse(row.id.as_str()).map_err(|_| corrupt("id", &row.id))?,
            content,
            status,
            model: row.model,
            tokens_used: row.tokens_used,
            tokens: row
                .prompt_tokens
                .zip(row.completion_tokens)
                .map(|(prompt, completion)| Tokens { prompt, completion }),
            cost: row.cost,
            thought: row.thought,
            left_out: row.left_out,
            memory_used: row.memory_used,
            summary: row.summary,
            latency_ms: row.latency_ms,
            citations: Vec::new(),
            siblings: Vec::new(),
            rating: row.rating.and_then(Rating::parse),
            rating_reason: row.rating_reason,
            images,
            artifacts,
            created_at: from_db(row.created_at),
        })
    }
}

struct CitationRow {
    message_id: String,
    n: i32,
    document_id: String,
    version: i32,
    seq: i32,
    start_offset: i32,
    end_offset: i32,
    quote_start: Option<i32>,
    quote_end: Option<i32>,
    page: Option<i32>,
    score: f64,
    verdict: String,
    uses: serde_json::Value,
    title: Option<String>,
    text: Option<String>,
}

impl CitationRow {
    fn into_citation(self) -> Result<(String, Citation)> {
        let corrupt = |column, value: &str| StorageError::corrupt("citations", column, &self.message_id, value);
        let citation = Citation {
            n: self.n,
            document_id: DocumentId::parse(self.document_id.as_str())
                .map_err(|_| corrupt("document_id", &self.document_id))?,
            version: self.version,
            seq: self.seq,
            start: self.start_offset,
            end: self.end_offset,
            quote: self.quote_start.zip(self.quote_end).and_then(|(start, end)| TextRange::new(start, end)),
            page: self.page,
            score: self.score,
            verdict: Verdict::parse(&self.verdict).ok_or_else(|| corrupt("verdict", &self.verdict))?,
            // Where they cannot be read, each mark leads where the citation does.
            uses: serde_json::from_value(self.uses).unwrap_or_default(),
            source: self.title.clone().zip(self.text).map(|(title, text)| CitationSource { title, text }),
            replaced: None,
        };
        let replaced = self.title.filter(|_| citation.source.is_none());
        let citation = Citation { replaced, ..citation };
        Ok((self.message_id, citation))
    }
}

/// What a model is told of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversation {
    /// What stands for everything before the turns.
    pub summary: Option<Summary>,
    /// The turns, oldest first.
    pub turns: Vec<PastTurn>,
}

/// What a model is told instead of everything up to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The last message that it stands for.
    pub until: MessageId,
    /// The words.
    pub content: String,
}

/// One turn before a question, as a model is told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastTurn {
    /// Its message, in a chat that is kept.
    pub id: Option<MessageId>,
    /// Who spoke.
    pub role: MessageRole,
    /// What was said, Markdown.
    pub content: String,
    /// The numbers of the sources that it cites.
    pub cited: Vec<i32>,
    /// The images that it is about.
    pub images: Vec<ImageId>,
}

impl Store {
    /// A message of the viewer's, wherever in its chat it stands, and that chat.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_message(&self, viewer: &Viewer, message: &MessageId) -> Result<Option<(ChatId, Message)>> {
        let Some(chat) = self.chat_of(viewer, message).await? else { return Ok(None) };
        let tree = self.load_tree(&chat).await?;
        let found = self.load_messages(viewer, &tree, &[message.as_str()]).await?.pop();
        Ok(found.map(|message| (chat, message)))
    }

    /// The chat that a message of the viewer's is in.
    pub(crate) async fn chat_of(&self, viewer: &Viewer, message: &MessageId) -> Result<Option<ChatId>> {
        let chat = sqlx::query_scalar!(
            "SELECT c.id FROM messages m JOIN chats c ON c.id = m.chat_id WHERE m.id = $1 AND c.user_id = $2",
            message.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        chat.map(|id| ChatId::parse(id.as_str()).map_err(|_| StorageError::corrupt("chats", "id", &id, &id)))
            .transpose()
    }

    /// Where the messages of a chat stand. Asks nobody's leave.
    pub(crate) async fn load_tree(&self, chat: &ChatId) -> Result<Tree> {
        read_tree(&self.pool, chat).await
    }

    /// Messages of a chat that the viewer was found to own, in the order of `ids`: two queries, whatever their number.
    pub(crate) async fn load_messages(&self, viewer: &Viewer, tree: &Tree, ids: &[&str]) -> Result<Vec<Message>> {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let rows = sqlx::query_as!(
            MessageRow,
            // What an answer had before its retry is nobody's while that runs.
            r#"SELECT m.id, m.parent_id, m.role, m.content, m.status, m.error, COALESCE(g.model, m.model) AS model,
                      CASE WHEN g.id IS NULL THEN m.tokens_used END AS tokens_used,
                      CASE WHEN g.id IS NULL THEN m.prompt_tokens END AS prompt_tokens,
                      CASE WHEN g.id IS NULL THEN m.completion_tokens END AS completion_tokens,
                      CASE WHEN g.id IS NULL THEN m.cost END AS cost,
                      (g.id IS NULL AND m.reasoning IS NOT NULL) AS "thought!",
                      CASE WHEN g.id IS NULL THEN m.left_out ELSE 0 END AS "left_out!",
                      CASE WHEN g.id IS NULL THEN m.memory_used END AS memory_used, summaries.content AS "summary?",
                      CASE WHEN g.id IS NULL THEN m.latency_ms END AS latency_ms,
                      CASE WHEN g.id IS NULL THEN m.retrieval END AS retrieval, best.title AS "best_title?",
                      (SELECT json_agg(json_build_object('id', i.id, 'width', i.width, 'height', i.height) ORDER BY i.place, i.id)
                       FROM images i WHERE i.message_id = m.id) AS images,
                      CASE WHEN g.id IS NULL THEN (
                          SELECT json_agg(json_build_object('n', x.n, 'id', x.artifact_id, 'version', x.version,
                                                            'title', a.title, 'type', a.type, 'problem', x.problem) ORDER BY x.n)
                          FROM message_artifacts x LEFT JOIN artifacts a ON a.id = x.artifact_id
                          WHERE x.message_id = m.id) END AS artifacts,
                      m.created_at, m.rating, m.rating_reason, g.id AS "generation_id?", events.text AS "text_so_far?"
               FROM UNNEST($1::text[]) WITH ORDINALITY AS wanted (id, place)
               JOIN messages m ON m.id = wanted.id
               LEFT JOIN generations g ON g.message_id = m.id AND g.status = 'streaming'
               LEFT JOIN chat_summaries summaries ON summaries.message_id = m.id
               LEFT JOIN documents best ON best.id = m.retrieval -> 'best' ->> 'document_id' AND best.deleted_at IS NULL
                   AND (best.user_id IS NULL OR best.user_id = $2)
               LEFT JOIN LATERAL (
                   SELECT string_agg(e.event ->> 'delta', '' ORDER BY e.seq) AS text
                   FROM generation_events e WHERE e.generation_id = g.id AND e.event ->> 'kind' = 'text'
               ) events ON g.id IS NOT NULL
               ORDER BY wanted.place"#,
            &ids,
            viewer.user_id.as_str(),
        )
        .fetch_all(&self.pool)
        .await?;
        let mut messages = rows.into_iter().map(Message::try_from).collect::<Result<Vec<_>>>()?;
        for message in &mut messages {
            let siblings = tree.siblings(message.id.as_str());
            if siblings.len() > 1 {
                message.siblings = siblings.iter().filter_map(|id| MessageId::parse(*id).ok()).collect();
            }
        }
        if !messages.iter().any(|message| message.role == MessageRole::Assistant) {
            return Ok(messages);
        }
        let rows = sqlx::query_as!(
            CitationRow,
            r#"SELECT c.message_id, c.n, c.document_id, c.version, c.seq, c.start_offset, c.end_offset, c.quote_start,
                      c.quote_end, c.page, c.score, c.verdict, c.uses,
                      d.title AS "title?", k.text AS "text?"
               FROM citations c
               JOIN messages m ON m.id = c.message_id AND m.status <> 'streaming'
               LEFT JOIN documents d ON d.id = c.document_id AND d.deleted_at IS NULL
                   AND (d.user_id IS NULL OR d.user_id = $2)
               LEFT JOIN chunks k ON k.document_id = d.id AND k.version = c.version AND k.version = d.version
                   AND k.seq = c.seq
               WHERE c.message_id = ANY($1)
               ORDER BY c.message_id, c.n"#,
            &ids,
            viewer.user_id.as_str(),
        )
        .fetch_all(&self.pool)
        .await?;
        let mut by_message: HashMap<String, Vec<Citation>> = HashMap::new();
        for row in rows {
            let (message, citation) = row.into_citation()?;
            by_message.entry(message).or_default().push(citation);
        }
        for message in &mut messages {
            if let Some(citations) = by_message.remove(message.id.as_str()) {
                message.citations = citations;
            }
        }
        Ok(messages)
    }

    /// What a model is told: the turns that lead to the answer `until`, back to the newest summary among them, at most the
    /// last `limit`. Answers without a word are left out. Asks nobody's leave: for the run that writes `until`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn conversation_before(&self, until: &MessageId, limit: i64) -> Result<Conversation> {
        let rows = sqlx::query!(
            r#"WITH RECURSIVE branch AS (
                   SELECT m.id, m.parent_id, 1 AS depth, s.content AS summary
                   FROM messages answer JOIN messages m ON m.id = answer.parent_id
                   LEFT JOIN chat_summaries s ON s.message_id = m.id
                   WHERE answer.id = $1
                   UNION ALL
                   SELECT m.id, m.parent_id, b.depth + 1, s.content
                   FROM branch b JOIN messages m ON m.id = b.parent_id
                   LEFT JOIN chat_summaries s ON s.message_id = m.id
                   WHERE b.depth < $2 AND b.summary IS NULL
               )
               SELECT m.role, m.content, m.id, b.summary, ARRAY(SELECT c.n FROM citations c WHERE c.message_id = m.id) AS "cited!",
                      ARRAY(SELECT i.id FROM images i WHERE i.message_id = m.id ORDER BY i.place, i.id) AS "images!"
               FROM branch b JOIN messages m ON m.id = b.id
               WHERE m.content <> ''
               ORDER BY b.depth DESC"#,
            until.as_str(),
            i32::try_from(limit).unwrap_or(i32::MAX),
        )
        .fetch_all(&self.pool)
        .await?;
        let mut told = Conversation::default();
        for row in rows {
            let corrupt = |column, value: &str| StorageError::corrupt("messages", column, &row.id, value);
            let id = MessageId::parse(row.id.as_str()).map_err(|_| corrupt("id", &row.id))?;
            // It stands for its message, too.
            if let Some(content) = row.summary {
                told.summary = Some(Summary { until: id, content });
                continue;
            }
            let role = MessageRole::parse(&row.role).ok_or_else(|| corrupt("role", &row.role))?;
            told.turns.push(PastTurn {
                id: Some(id),
                role,
                content: row.content,
                cited: row.cited,
                images: row.images.into_iter().map(image_id).collect::<Result<_>>()?,
            });
        }
        Ok(told)
    }

    /// Keeps what a model is told from now on instead of everything up to a message: instead of the messages `of`, and of an
    /// older summary. `false`, and nothing is kept, when any of it was deleted meanwhile. Asks nobody's leave.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn save_summary(
        &self,
        until: &MessageId,
        of: &[MessageId],
        before: Option<&Summary>,
        content: &str,
        model: &str,
    ) -> Result<bool> {
        let of: Vec<String> = of.iter().map(|id| id.as_str().to_owned()).collect();
        let mut tx = self.pool.begin().await?;
        // Held, so that the next statement sees what was deleted before.
        sqlx::query!(
            "SELECT c.id FROM chats c JOIN messages m ON m.chat_id = c.id WHERE m.id = $1 FOR UPDATE OF c",
            until.as_str(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let kept = sqlx::query!(
            "INSERT INTO chat_summaries (message_id, content, model, created_at)
             SELECT $1, $2, $3, $4
             WHERE (SELECT count(*) FROM messages WHERE id = ANY($5)) = cardinality($5)
                 AND NOT EXISTS (SELECT FROM generations WHERE message_id = ANY($5) AND status = 'streaming')
                 AND ($6::text IS NULL OR EXISTS (SELECT FROM chat_summaries WHERE message_id = $6 AND content = $7))
             ON CONFLICT (message_id) DO UPDATE
             SET content = excluded.content, model = excluded.model, created_at = excluded.created_at",
            until.as_str(),
            content,
            model,
            to_db(self.now()),
            &of,
            before.map(|summary| summary.until.as_str()),
            before.map(|summary| summary.content.as_str()),
        )
        .execute(&mut *tx)
        .await?;
        // Whoever looks at the chat is shown where it stands.
        sqlx::query!(
            "UPDATE chats SET revision = revision + 1, queue_changes = queue_changes + 1
             WHERE id = (SELECT chat_id FROM messages WHERE id = $1)",
            until.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(kept.rows_affected() > 0)
    }

    /// What the models of a chat of the viewer's thought aloud, by answer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_reasoning(&self, viewer: &Viewer, chat: &ChatId) -> Result<Vec<(String, String)>> {
        let rows = sqlx::query!(
            r#"SELECT m.id, m.reasoning AS "reasoning!" FROM messages m JOIN chats c ON c.id = m.chat_id
               WHERE c.id = $1 AND c.user_id = $2 AND m.reasoning IS NOT NULL ORDER BY m.created_at, m.id"#,
            chat.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| (row.id, row.reasoning)).collect())
    }

    /// What the model of an answer of the viewer's thought aloud.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reasoning_of(&self, viewer: &Viewer, answer: &MessageId) -> Result<Option<String>> {
        let reasoning = sqlx::query_scalar!(
            "SELECT m.reasoning FROM messages m JOIN chats c ON c.id = m.chat_id WHERE m.id = $1 AND c.user_id = $2",
            answer.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(reasoning.flatten())
    }

    /// An answer as a turn. Asks nobody's leave.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn answer_as_turn(&self, answer: &MessageId) -> Result<Option<PastTurn>> {
        let content = sqlx::query_scalar!("SELECT content FROM messages WHERE id = $1", answer.as_str())
            .fetch_optional(&self.pool)
            .await?;
        Ok(content.map(|content| PastTurn {
            id: Some(answer.clone()),
            role: MessageRole::Assistant,
            content,
            cited: Vec::new(),
            images: Vec::new(),
        }))
    }

    /// Gives citations of paged documents the page that their quoted words begin on, which need not be the passage's
    /// first. Asks nobody's leave: for the citations of an answer that was given these passages.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn name_pages_of_quotes(&self, citations: &mut [Citation]) -> Result<()> {
        let mut paged: Vec<(&mut Option<i32>, &DocumentId, i32, i32)> = citations
            .iter_mut()
            .filter_map(|Citation { page, document_id, version, quote, .. }| {
                quote.filter(|_| page.is_some()).map(|quote| (page, &*document_id, *version, quote.start))
            })
            .collect();
        if paged.is_empty() {
            return Ok(());
        }
        let documents: Vec<String> = paged.iter().map(|(_, document, ..)| document.as_str().to_owned()).collect();
        let versions: Vec<i32> = paged.iter().map(|(_, _, version, _)| *version).collect();
        let starts: Vec<i32> = paged.iter().map(|(.., start)| *start).collect();
        let pages = sqlx::query_scalar!(
            r#"SELECT (SELECT count(*)::int FROM UNNEST(v.page_starts) AS begins WHERE begins <= q.start) AS "page!"
               FROM UNNEST($1::text[], $2::int[], $3::int[]) WITH ORDINALITY AS q (document_id, version, start, place)
               LEFT JOIN document_versions v ON v.document_id = q.document_id AND v.version = q.version
               ORDER BY q.place"#,
            &documents,
            &versions,
            &starts,
        )
        .fetch_all(&self.pool)
        .await?;
        for ((page, ..), named) in paged.iter_mut().zip(pages) {
            if named > 0 {
                **page = Some(named);
            }
        }
        Ok(())
    }

    /// The passages behind citations as `user` may read them now, in the order of the citations.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load_cited_texts(&self, user: &UserId, citations: &[Citation]) -> Result<Vec<Option<String>>> {
        if citations.is_empty() {
            return Ok(Vec::new());
        }
        let documents: Vec<String> = citations.iter().map(|c| c.document_id.as_str().to_owned()).collect();
        let versions: Vec<i32> = citations.iter().map(|c| c.version).collect();
        let seqs: Vec<i32> = citations.iter().map(|c| c.seq).collect();
        let texts = sqlx::query_scalar!(
            r#"SELECT k.text AS "text?"
               FROM UNNEST($1::text[], $2::int[], $3::int[]) WITH ORDINALITY AS c (document_id, version, seq, place)
               LEFT JOIN documents d ON d.id = c.document_id AND d.version = c.version AND d.deleted_at IS NULL
                   AND (d.user_id IS NULL OR d.user_id = $4)
               LEFT JOIN chunks k ON k.document_id = d.id AND k.version = c.version AND k.seq = c.seq
               ORDER BY c.place"#,
            &documents,
            &versions,
            &seqs,
            user.as_str(),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(texts)
    }
}

/// Where the messages of a chat stand, oldest first.
pub(crate) async fn read_tree(executor: impl sqlx::PgExecutor<'_>, chat: &ChatId) -> Result<Tree> {
    let rows = sqlx::query!(
        "SELECT id, parent_id, role FROM messages WHERE chat_id = $1 ORDER BY created_at, id",
        chat.as_str()
    )
    .fetch_all(executor)
    .await?;
    let nodes = rows.into_iter().map(|row| {
        let role = MessageRole::parse(&row.role);
        let role = role.ok_or_else(|| StorageError::corrupt("messages", "role", &row.id, &row.role))?;
        Ok(Node { id: row.id, parent: row.parent_id, role })
    });
    Ok(Tree::new(nodes.collect::<Result<_>>()?))
}

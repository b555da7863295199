//! What search reads: the documents in reach, full text, passages, and what the vector index is fed from.
//!
//! The access rule, the tombstone and the current version stand in every query here, so that a passage which may not
//! be shown is not found rather than found and hidden.

use cjhirashi_domain::{
    Viewer,
    id::{ChunkId, DocumentId, UserId},
};

use crate::{
    Result, StorageError, Store,
    chunks::decode_embedding,
    notices::{Channel, Listener},
};

/// What somebody can search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchScope {
    /// Documents with an answering version.
    pub documents: i64,
    /// Which, at most 10,000, when labels were given: no label means no list.
    pub selected: Option<Vec<DocumentId>>,
}

/// A word of a question as PostgreSQL's parser and stemmers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryWord {
    /// The Spanish stem; `None` when Spanish takes it for a stop word.
    pub spanish: Option<String>,
    /// The English stem; `None` when English takes it for a stop word.
    pub english: Option<String>,
    /// Whether it is a stop word of Spanish once its accents count: «más», «también».
    pub spanish_stop: bool,
}

/// How common the most common stems are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StemStatistics {
    /// Share of chunks with the stem, 0 to 1, in no order.
    pub common: Vec<(String, f64)>,
    /// Stems that are not listed are at most as common as this. `None`: PostgreSQL has not counted yet.
    pub rarest_listed: Option<f64>,
    /// Chunks there are, roughly.
    pub chunks: f64,
}

/// Something to look for: a word by its stems.
#[derive(Debug, Clone, PartialEq)]
pub struct TextTerm {
    /// Stems, any of which counts.
    pub stems: Vec<String>,
    /// What finding it is worth.
    pub weight: f64,
    /// Chunks that have it, as far as known.
    pub chunks: f64,
}

/// The place of a chunk: what vectors are named by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkPlace {
    /// The document.
    pub document_id: DocumentId,
    /// The version.
    pub version: i32,
    /// The place in it.
    pub seq: i32,
}

/// A passage with all that is shown of it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPassage {
    /// Where it stands.
    pub place: ChunkPlace,
    /// Its chunk.
    pub chunk_id: ChunkId,
    /// The document's title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// Its language.
    pub language: Option<String>,
    /// First character in the document's text.
    pub start: i32,
    /// One after the last.
    pub end: i32,
    /// Page, for paged documents.
    pub page: Option<i32>,
    /// Which of the terms it has, in their order.
    pub has: Vec<bool>,
    /// Its embedding, where it was asked for and is of the asked model.
    pub values: Option<Vec<f32>>,
}

/// A chunk and its embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredVector {
    /// Where it stands.
    pub place: ChunkPlace,
    /// Its number.
    pub ordinal: i64,
    /// Whose document it is; `None` is everybody's.
    pub owner: Option<UserId>,
    /// The embedding.
    pub values: Vec<f32>,
}

struct VectorRow {
    document_id: String,
    version: i32,
    seq: i32,
    ordinal: i64,
    user_id: Option<String>,
    embedding: Vec<u8>,
}

impl TryFrom<VectorRow> for StoredVector {
    type Error = StorageError;

    fn try_from(row: VectorRow) -> Result<Self> {
        let document_id = document_id(row.document_id, "chunks", "document_id")?;
        Ok(Self {
            place: ChunkPlace { document_id, version: row.version, seq: row.seq },
            ordinal: row.ordinal,
            owner: owner(row.user_id)?,
            values: decode_embedding(&row.embedding),
        })
    }
}

/// A document that is there, as the vector index should have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveDocument {
    /// The document.
    pub id: DocumentId,
    /// The version that answers; 0 while none does.
    pub version: i32,
    /// Whose it is; `None` is everybody's.
    pub owner: Option<UserId>,
    /// Chunks of that version.
    pub chunks: usize,
    /// No job is at another version of it: vectors of others are of no use.
    pub settled: bool,
}

/// Tells which documents changed, on any replica: a new version answers, or it was deleted, shared or un-shared.
#[derive(Debug)]
pub struct DocumentListener(Listener);

impl DocumentListener {
    /// Waits for the next change. `None`: the connection was lost and made anew, so changes may have been missed.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn next(&mut self) -> Result<Option<DocumentId>> {
        loop {
            match self.0.next().await? {
                None => return Ok(None),
                Some(id) => {
                    if let Ok(id) = DocumentId::parse(&*id) {
                        return Ok(Some(id));
                    }
                }
            }
        }
    }
}

fn document_id(text: String, table: &'static str, column: &'static str) -> Result<DocumentId> {
    DocumentId::parse(text.clone()).map_err(|_| StorageError::corrupt(table, column, &text, &text))
}

fn owner(text: Option<String>) -> Result<Option<UserId>> {
    text.map(|text| {
        UserId::parse(text.clone()).map_err(|_| StorageError::corrupt("documents", "user_id", &text, &text))
    })
    .transpose()
}

/// A stem as an operand of a `tsquery`.
fn quoted(stem: &str) -> String {
    let mut text = String::with_capacity(stem.len() + 2);
    text.push('\'');
    for c in stem.chars() {
        if c == '\'' || c == '\\' {
            text.push(c);
        }
        text.push(c);
    }
    text.push('\'');
    text
}

fn any_of(stems: &[String]) -> String {
    let stems: Vec<String> = stems.iter().map(|stem| quoted(stem)).collect();
    format!("({})", stems.join(" | "))
}

/// A word in more chunks than this says too little to look for it alone or with another: reading its list of chunks
/// would take longer than a whole search may.
const TOO_COMMON: f64 = 10_000.0;
/// Without a rarer word, two of at most this many chunks are looked for together, or one alone.
const FAR_TOO_COMMON: f64 = 40_000.0;
/// The worth of a word that stands in every fifth chunk, ln(1 + 1/0.2): of two rarer words, a third that is more common
/// than this tells next to nothing, in a small corpus too.
const TELLING: f64 = 1.79;
/// Words in at most this many chunks are looked for alone.
const RARE: f64 = 2_000.0;

/// The `tsquery`s to look for, most telling first: all words, then any three, any two, then rare ones alone. Each
/// level is cut to a bounded number of rows, so that common words cannot make a search slow.
fn levels(terms: &[TextTerm]) -> Vec<String> {
    let mut by_rarity: Vec<&TextTerm> = terms.iter().filter(|term| !term.stems.is_empty()).collect();
    by_rarity.sort_by(|a, b| a.chunks.total_cmp(&b.chunks));
    by_rarity.truncate(8);
    if by_rarity.first().is_none_or(|rarest| rarest.chunks > FAR_TOO_COMMON) {
        return Vec::new();
    }
    let mut telling: Vec<&TextTerm> =
        by_rarity.iter().copied().filter(|term| term.chunks <= TOO_COMMON && term.weight >= TELLING).take(5).collect();
    if telling.len() < 2 {
        telling = by_rarity.iter().copied().filter(|term| term.chunks <= FAR_TOO_COMMON).take(2).collect();
    }
    let telling: Vec<String> = telling.into_iter().map(|term| any_of(&term.stems)).collect();
    let mut levels = Vec::new();
    if by_rarity.len() > 3 {
        levels.push(by_rarity.iter().map(|term| any_of(&term.stems)).collect::<Vec<_>>().join(" & "));
    }
    let mut threes = Vec::new();
    let mut twos = Vec::new();
    for (i, a) in telling.iter().enumerate() {
        for (j, b) in telling.iter().enumerate().skip(i + 1) {
            twos.push(format!("({a} & {b})"));
            threes.extend(telling.iter().skip(j + 1).map(|c| format!("({a} & {b} & {c})")));
        }
    }
    levels.push(threes.join(" | "));
    levels.push(twos.join(" | "));
    let mut alone: Vec<String> = by_rarity
        .iter()
        .filter(|term| term.chunks <= RARE && term.weight >= TELLING)
        .take(4)
        .map(|term| any_of(&term.stems))
        .collect();
    if alone.is_empty() {
        alone.extend(telling.first().cloned());
    }
    // Each rare word has its own bound, lest one of them take all the room.
    levels.extend(alone);
    levels.retain(|level| !level.is_empty());
    levels
}

/// An index with delayed writes that tells no positions is taken to show a write after so many seconds.
const SEEN_AFTER_SECONDS: f64 = 15.0;

/// What queries of an index show of what it has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All of it, at once.
    All,
    /// What stands in its log up to a position.
    UpTo(i64),
    /// Nobody knows: what it acknowledged within the last 15 seconds may be missing.
    Unknown,
}

/// Rows taken of each level, and of all: reading the words of a row takes tens of microseconds.
const ROWS_PER_LEVEL: i64 = 60;
const ROWS: i64 = 120;

impl Store {
    /// What somebody can search, in one round trip: `only` documents with one of these labels or ids, everything they may
    /// read when there are none.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn search_scope(&self, viewer: &Viewer, only: &[String]) -> Result<SearchScope> {
        if only.is_empty() {
            let documents = sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!" FROM documents
                   WHERE deleted_at IS NULL AND version > 0 AND (user_id IS NULL OR user_id = $1)"#,
                viewer.user_id.as_str(),
            )
            .fetch_one(&self.pool)
            .await?;
            return Ok(SearchScope { documents, selected: None });
        }
        let ids = sqlx::query_scalar!(
            "SELECT id FROM documents
             WHERE deleted_at IS NULL AND version > 0 AND (user_id IS NULL OR user_id = $1) AND (tags && $2 OR id = ANY($2))
             ORDER BY updated_at DESC LIMIT 10000",
            viewer.user_id.as_str(),
            only,
        )
        .fetch_all(&self.pool)
        .await?;
        let selected =
            ids.into_iter().map(|id| document_id(id, "documents", "id")).collect::<Result<Vec<DocumentId>>>()?;
        Ok(SearchScope { documents: i64::try_from(selected.len()).unwrap_or(i64::MAX), selected: Some(selected) })
    }

    /// A question's words, in order, by the same parser and stemmers that made `chunks.search`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn parse_question(&self, question: &str) -> Result<Vec<QueryWord>> {
        let rows = sqlx::query!(
            r#"WITH words AS (
                SELECT 'es' AS source, t.lexeme, p.position
                FROM unnest(to_tsvector('spanish', fold_accents($1))) t, unnest(t.positions) p (position)
                UNION ALL
                SELECT 'en', t.lexeme, p.position
                FROM unnest(to_tsvector('english', fold_accents($1))) t, unnest(t.positions) p (position)
                UNION ALL
                SELECT 'accented', t.lexeme, p.position
                FROM unnest(to_tsvector('spanish', lower($1))) t, unnest(t.positions) p (position)
            )
            SELECT
                min(lexeme) FILTER (WHERE source = 'es') AS spanish,
                min(lexeme) FILTER (WHERE source = 'en') AS english,
                count(*) FILTER (WHERE source = 'accented') = 0 AS "spanish_stop!"
            FROM words GROUP BY position ORDER BY position LIMIT 400"#,
            question,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| QueryWord { spanish: row.spanish, english: row.english, spanish_stop: row.spanish_stop })
            .collect())
    }

    /// How common the most common stems are, as PostgreSQL last counted them. Changes slowly: keep it for minutes.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn stem_statistics(&self) -> Result<StemStatistics> {
        let row = sqlx::query!(
            r#"SELECT s.most_common_elems::text::text[] AS stems, s.most_common_elem_freqs AS "shares: Vec<f32>",
                      greatest(c.reltuples, 0)::float8 AS "chunks!"
               FROM pg_class c
               LEFT JOIN pg_stats s ON s.schemaname = current_schema() AND s.tablename = 'chunks' AND s.attname = 'search'
               WHERE c.oid = 'chunks'::regclass"#,
        )
        .fetch_one(&self.pool)
        .await?;
        let (Some(stems), Some(shares)) = (row.stems, row.shares) else {
            return Ok(StemStatistics { chunks: row.chunks, ..StemStatistics::default() });
        };
        // The shares of the stems, then the smallest and the largest of them.
        let rarest_listed = shares.get(stems.len()).map(|share| f64::from(*share));
        let common = stems.into_iter().zip(shares.into_iter().map(f64::from)).collect();
        Ok(StemStatistics { common, rarest_listed, chunks: row.chunks })
    }

    /// Chunks with the words, best first: the more of them, and the rarer, the better.
    ///
    /// `OFFSET 0` keeps the planner from another order of the joins: without knowing the labels it takes two documents
    /// to be readable, begins with them, and searches the words once per document (50 ms instead of one, measured).
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_text(
        &self,
        viewer: &Viewer,
        terms: &[TextTerm],
        only: &[String],
        limit: i64,
    ) -> Result<Vec<ChunkPlace>> {
        let levels = levels(terms);
        if levels.is_empty() {
            return Ok(Vec::new());
        }
        let any = terms.iter().map(|term| any_of(&term.stems)).collect::<Vec<_>>().join(" | ");
        let rows = sqlx::query!(
            r#"WITH found AS MATERIALIZED (
                SELECT hit.ordinal, level.n
                -- Level by level in this order: the outer limit ends it before the less telling ones are looked for.
                FROM unnest($2::text[]) WITH ORDINALITY level (query, n)
                CROSS JOIN LATERAL (
                    SELECT c.ordinal
                    FROM (SELECT ordinal, document_id, version FROM chunks WHERE search @@ level.query::tsquery OFFSET 0) c
                    CROSS JOIN LATERAL (
                        SELECT FROM documents d
                        WHERE d.id = c.document_id AND d.version = c.version AND d.deleted_at IS NULL
                          AND (d.user_id IS NULL OR d.user_id = $1) AND (cardinality($3::text[]) = 0 OR d.tags && $3 OR d.id = ANY($3))
                        OFFSET 0
                    ) readable
                    LIMIT $4
                ) hit
                LIMIT $5
            ), best AS (
                SELECT ordinal, min(n) AS level FROM found GROUP BY ordinal
            )
            SELECT c.document_id, c.version, c.seq
            FROM best JOIN chunks c USING (ordinal)
            ORDER BY best.level, ts_rank(c.search, $6::text::tsquery) DESC, c.ordinal LIMIT $7"#,
            viewer.user_id.as_str(),
            &levels,
            only,
            ROWS_PER_LEVEL,
            ROWS,
            any,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let document_id = document_id(row.document_id, "chunks", "document_id")?;
                Ok(ChunkPlace { document_id, version: row.version, seq: row.seq })
            })
            .collect()
    }

    /// The passages at these places, as far as this person may read them now, in no order: with the terms they have,
    /// and those of `with_vectors` also with their embedding of this model.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn load_passages(
        &self,
        viewer: &Viewer,
        places: &[ChunkPlace],
        with_vectors: &[bool],
        model: &str,
        terms: &[TextTerm],
        only: &[String],
    ) -> Result<Vec<StoredPassage>> {
        let documents: Vec<String> = places.iter().map(|place| place.document_id.as_str().to_owned()).collect();
        let versions: Vec<i32> = places.iter().map(|place| place.version).collect();
        let seqs: Vec<i32> = places.iter().map(|place| place.seq).collect();
        let queries: Vec<String> = terms.iter().map(|term| any_of(&term.stems)).collect();
        let rows = sqlx::query!(
            r#"SELECT c.id, c.document_id, c.version, c.seq, d.title, c.text, c.language,
                      c.start_offset, c.end_offset, c.page,
                      CASE WHEN place.with_vector THEN (
                          SELECT e.embedding FROM embeddings e WHERE e.ordinal = c.ordinal AND e.model = $7
                      ) END AS embedding,
                      (SELECT array_agg(unpacked.search @@ t.query::tsquery ORDER BY t.n)
                       FROM unnest($6::text[]) WITH ORDINALITY t (query, n)) AS "has: Vec<bool>"
               FROM unnest($2::text[], $3::int[], $4::int[], $8::boolean[]) place (document_id, version, seq, with_vector)
               -- In this order, place by place; see find_text on OFFSET 0.
               CROSS JOIN LATERAL (
                   SELECT d.title FROM documents d
                   WHERE d.id = place.document_id AND d.version = place.version AND d.deleted_at IS NULL
                     AND (d.user_id IS NULL OR d.user_id = $1) AND (cardinality($5::text[]) = 0 OR d.tags && $5 OR d.id = ANY($5))
                   OFFSET 0
               ) d
               JOIN chunks c USING (document_id, version, seq)
               -- Unpacked once for all its uses: a stored tsvector is unpacked anew for every operator otherwise.
               CROSS JOIN LATERAL (SELECT c.search || ''::tsvector AS search OFFSET 0) unpacked"#,
            viewer.user_id.as_str(),
            &documents,
            &versions,
            &seqs,
            only,
            &queries,
            model,
            with_vectors,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let chunk_id = ChunkId::parse(row.id.clone())
                    .map_err(|_| StorageError::corrupt("chunks", "id", &row.id, &row.id))?;
                let document_id = document_id(row.document_id, "chunks", "document_id")?;
                Ok(StoredPassage {
                    place: ChunkPlace { document_id, version: row.version, seq: row.seq },
                    chunk_id,
                    title: row.title,
                    text: row.text,
                    language: row.language,
                    start: row.start_offset,
                    end: row.end_offset,
                    page: row.page,
                    has: row.has.unwrap_or_default(),
                    values: row.embedding.as_deref().map(decode_embedding),
                })
            })
            .collect()
    }

    /// Answering chunks that an index with delayed writes may not show, newest first: they are scored one by one, so
    /// that what somebody just added is found at once. They are those it has not acknowledged, and of those it has, the
    /// ones that `shown` does not cover. And they are those of documents of which it has not heard the latest change, whose `acknowledged_at`
    /// is infinite: it may hide them from somebody with whom they are shared by now.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_unseen_vectors(
        &self,
        viewer: &Viewer,
        model: &str,
        only: &[String],
        shown: Shown,
        limit: i64,
    ) -> Result<Vec<StoredVector>> {
        let position = if let Shown::UpTo(position) = shown { Some(position) } else { None };
        let rows = sqlx::query_as!(
            VectorRow,
            r#"WITH unseen AS (
                -- Each is cut for itself, to what this person may read: nobody's backlog hides another's.
                (SELECT c.ordinal FROM chunks c JOIN documents d ON d.id = c.document_id AND d.version = c.version
                 WHERE c.indexed_at IS NULL AND (d.user_id IS NULL OR d.user_id = $1)
                 ORDER BY c.ordinal DESC LIMIT $5)
                UNION
                (SELECT c.ordinal FROM documents d JOIN chunks c ON c.document_id = d.id AND c.version = d.version
                 WHERE d.acknowledged_position > $4 AND (d.user_id IS NULL OR d.user_id = $1)
                 ORDER BY c.ordinal DESC LIMIT $5)
                UNION
                (SELECT c.ordinal FROM documents d JOIN chunks c ON c.document_id = d.id AND c.version = d.version
                 WHERE d.acknowledged_at > now() - $6 * interval '1 second'
                   AND (NOT $7 OR d.acknowledged_at = 'infinity')
                   AND (d.acknowledged_position IS NULL OR $4::bigint IS NULL)
                   AND (d.user_id IS NULL OR d.user_id = $1)
                 ORDER BY c.ordinal DESC LIMIT $5)
            )
            SELECT c.document_id, c.version, c.seq, c.ordinal, d.user_id, e.embedding
            FROM unseen
            JOIN chunks c USING (ordinal)
            JOIN documents d ON d.id = c.document_id
            JOIN embeddings e ON e.ordinal = c.ordinal AND e.model = $2
            WHERE d.deleted_at IS NULL AND d.version = c.version AND (d.user_id IS NULL OR d.user_id = $1)
              AND (cardinality($3::text[]) = 0 OR d.tags && $3 OR d.id = ANY($3))
            ORDER BY c.ordinal DESC LIMIT $5"#,
            viewer.user_id.as_str(),
            model,
            only,
            position,
            limit,
            SEEN_AFTER_SECONDS,
            shown == Shown::All,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(StoredVector::try_from).collect()
    }

    /// Whether one of these documents answers by now with a later version than the one that it is named with.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn have_moved_on(&self, viewer: &Viewer, places: &[ChunkPlace]) -> Result<bool> {
        let (ids, versions): (Vec<String>, Vec<i32>) =
            places.iter().map(|place| (place.document_id.as_str().to_owned(), place.version)).unzip();
        let moved = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                SELECT FROM documents d JOIN unnest($2::text[], $3::int[]) AS named (id, version) ON d.id = named.id
                WHERE d.version > named.version AND d.deleted_at IS NULL AND (d.user_id IS NULL OR d.user_id = $1)
            ) AS "moved!""#,
            viewer.user_id.as_str(),
            &ids,
            &versions,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(moved)
    }

    /// The newest answering chunks that somebody may read, to be scored one by one while the index is away.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_newest_vectors(
        &self,
        viewer: &Viewer,
        model: &str,
        only: &[String],
        limit: i64,
    ) -> Result<Vec<StoredVector>> {
        let rows = sqlx::query_as!(
            VectorRow,
            r#"SELECT c.document_id, c.version, c.seq, c.ordinal, d.user_id, e.embedding
               FROM chunks c JOIN documents d ON d.id = c.document_id
               JOIN embeddings e ON e.ordinal = c.ordinal AND e.model = $2
               WHERE d.deleted_at IS NULL AND d.version = c.version AND (d.user_id IS NULL OR d.user_id = $1)
                 AND (cardinality($3::text[]) = 0 OR d.tags && $3 OR d.id = ANY($3))
               ORDER BY c.ordinal DESC LIMIT $4"#,
            viewer.user_id.as_str(),
            model,
            only,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(StoredVector::try_from).collect()
    }

    /// Every document that is not deleted, whoever's it is: what the vector index should hold. For feeding it only.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_live_documents(&self) -> Result<Vec<LiveDocument>> {
        let rows = sqlx::query!(
            r#"SELECT id, version, user_id, chunk_count, status IN ('indexed', 'failed') AS "settled!"
               FROM documents WHERE deleted_at IS NULL"#,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(LiveDocument {
                    id: document_id(row.id, "documents", "id")?,
                    version: row.version,
                    owner: owner(row.user_id)?,
                    chunks: usize::try_from(row.chunk_count).unwrap_or(0),
                    settled: row.settled,
                })
            })
            .collect()
    }

    /// One document as the vector index should have it; `None` when it was deleted.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn get_live_document(&self, id: &DocumentId) -> Result<Option<LiveDocument>> {
        let row = sqlx::query!(
            r#"SELECT id, version, user_id, chunk_count, status IN ('indexed', 'failed') AS "settled!"
               FROM documents WHERE id = $1 AND deleted_at IS NULL"#,
            id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(LiveDocument {
                id: document_id(row.id, "documents", "id")?,
                version: row.version,
                owner: owner(row.user_id)?,
                chunks: usize::try_from(row.chunk_count).unwrap_or(0),
                settled: row.settled,
            })
        })
        .transpose()
    }

    /// Embeddings of answering chunks in the order of their ordinals, after one: of some documents, or of all
    /// (`None`). Whoever's they are: for feeding the vector index only.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_answering_vectors(
        &self,
        documents: Option<&[DocumentId]>,
        model: &str,
        after_ordinal: i64,
        limit: i64,
    ) -> Result<Vec<StoredVector>> {
        let documents: Option<Vec<String>> =
            documents.map(|documents| documents.iter().map(|id| id.as_str().to_owned()).collect());
        let rows = sqlx::query_as!(
            VectorRow,
            "SELECT c.document_id, c.version, c.seq, c.ordinal, d.user_id, e.embedding
             FROM chunks c JOIN documents d ON d.id = c.document_id
             JOIN embeddings e ON e.ordinal = c.ordinal AND e.model = $1
             WHERE c.ordinal > $2 AND d.deleted_at IS NULL AND d.version = c.version
               AND ($3::text[] IS NULL OR c.document_id = ANY($3))
             ORDER BY c.ordinal LIMIT $4",
            model,
            after_ordinal,
            documents.as_deref(),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(StoredVector::try_from).collect()
    }

    /// Listens for changes of what answers.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn listen_to_documents(&self) -> Result<DocumentListener> {
        Ok(DocumentListener(self.notices.listen(Channel::Documents).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(stem: &str, chunks: f64) -> TextTerm {
        TextTerm { stems: vec![stem.to_owned()], weight: 3.0, chunks }
    }

    #[test]
    fn beside_two_rarer_words_one_of_every_second_chunk_is_looked_for_in_all_words_alone() {
        let common = TextTerm { weight: 1.1, ..term("dia", 900.0) };
        let rare = [term("vacacion", 40.0), term("renov", 70.0), term("turn", 90.0)];
        let found = levels(&[rare[0].clone(), rare[1].clone(), common.clone()]);
        assert_eq!(found[0], "(('vacacion') & ('renov'))");
        let found = levels(&[&rare[..], &[common]].concat());
        assert_eq!(found[0], "('vacacion') & ('renov') & ('turn') & ('dia')");
        assert!(found[1..].iter().all(|level| !level.contains("dia")), "{found:?}");
    }

    #[test]
    fn a_stem_with_quotes_stays_one_operand() {
        assert_eq!(quoted(r"o'neil\"), r"'o''neil\\'");
    }

    #[test]
    fn rare_words_are_looked_for_alone_and_common_ones_only_together() {
        let found = levels(&[term("empres", 20_000.0), term("vacacion", 300.0), term("renov", 5_000.0)]);
        assert_eq!(found, ["(('vacacion') & ('renov'))", "('vacacion')"]);
    }

    #[test]
    fn a_question_of_common_words_alone_is_still_looked_for_unless_nearly_every_chunk_has_them() {
        assert_eq!(levels(&[term("dia", 30_000.0)]), ["('dia')"]);
        assert_eq!(levels(&[term("dia", 30_000.0), term("año", 12_000.0)]).len(), 2);
        assert!(levels(&[term("dia", 90_000.0)]).is_empty());
        assert!(levels(&[]).is_empty());
    }

    #[test]
    fn a_long_question_stays_bounded() {
        let terms: Vec<TextTerm> = (0..60).map(|i| term(&format!("palabr{i}"), 10.0)).collect();
        let found = levels(&terms);
        assert!(found.len() <= 7 && found.iter().all(|level| level.len() < 2_000), "{found:?}");
    }
}

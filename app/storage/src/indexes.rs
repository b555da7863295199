//! Which vector indexes there are: the one that answers, the one that is built beside it, and those before.

use std::time::Duration;

use cjhirashi_domain::{
    Timestamp,
    sync::{BuildPhase, IndexKind, IndexName, IndexRow, IndexState},
};

use crate::{
    Claim, JobKind, Result, StorageError, Store, UnembeddedChunk,
    connect::{from_db, to_db},
    jobs,
    notices::{Channel, Listener},
};

/// Where the next round looks for embeddings that nobody needs: an ordinal, in `instance_settings`.
const LOOKED_TO: &str = "embeddings_looked_to";

/// Tells when another index answers, or one is built.
#[derive(Debug)]
pub struct IndexListener(Listener);

impl IndexListener {
    /// Waits for the next change, or until one may have been missed.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn next(&mut self) -> Result<()> {
        self.0.next().await?;
        Ok(())
    }
}

fn name(kind: &str, model: String) -> Result<IndexName> {
    let kind = IndexKind::parse(kind).ok_or_else(|| StorageError::corrupt("vector_indexes", "kind", &model, kind))?;
    Ok(IndexName { kind, model })
}

impl Store {
    /// Listens for changes of what indexes there are.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn listen_to_indexes(&self) -> Result<IndexListener> {
        Ok(IndexListener(self.notices.listen(Channel::Indexes).await?))
    }

    /// All indexes that are known, the one that answers first.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_indexes(&self) -> Result<Vec<IndexRow>> {
        let rows = sqlx::query!(
            r#"SELECT kind, model, state, phase, copied, begun_with, total, started_at, activated_at,
                clearing_until IS NOT NULL AS "cleared!"
             FROM vector_indexes ORDER BY state, activated_at DESC NULLS LAST"#,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let state = IndexState::parse(&row.state)
                    .ok_or_else(|| StorageError::corrupt("vector_indexes", "state", &row.model, &row.state))?;
                Ok(IndexRow {
                    name: name(&row.kind, row.model)?,
                    state,
                    phase: BuildPhase::parse(&row.phase)
                        .ok_or_else(|| StorageError::corrupt("vector_indexes", "phase", &row.phase, &row.phase))?,
                    copied: row.copied,
                    begun_with: row.begun_with,
                    total: row.total,
                    started_at: from_db(row.started_at),
                    activated_at: row.activated_at.map(from_db),
                    cleared: row.cleared,
                })
            })
            .collect()
    }

    /// The index that answers; on a database that has none yet, this one becomes it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn active_index_or(&self, first: &IndexName) -> Result<IndexName> {
        let row = sqlx::query!(
            r#"WITH begun AS (
                INSERT INTO vector_indexes (kind, model, state, activated_at)
                SELECT $1, $2, 'active', now() WHERE NOT EXISTS (SELECT FROM vector_indexes WHERE state = 'active')
                ON CONFLICT DO NOTHING
                RETURNING kind, model
            )
            SELECT kind AS "kind!", model AS "model!" FROM begun
            UNION ALL SELECT kind, model FROM vector_indexes WHERE state = 'active'
            LIMIT 1"#,
            first.kind.as_str(),
            first.model,
        )
        .fetch_optional(&self.pool)
        .await?;
        match row {
            Some(row) => name(&row.kind, row.model),
            // Another process was a moment faster; its row is seen by a new statement.
            None => {
                let row = sqlx::query!("SELECT kind, model FROM vector_indexes WHERE state = 'active'")
                    .fetch_one(&self.pool)
                    .await?;
                name(&row.kind, row.model)
            }
        }
    }

    /// Asks for an index to be built beside the one that answers. `false` when another one is being built; asking for
    /// the same again, or for the one that answers, changes nothing.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn build_index(&self, wanted: &IndexName) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        // One at a time looks and inserts.
        sqlx::query!("LOCK TABLE vector_indexes IN SHARE ROW EXCLUSIVE MODE").execute(&mut *tx).await?;
        let rows = sqlx::query!(
            "SELECT kind, model, state FROM vector_indexes WHERE state = 'building' OR (kind = $1 AND model = $2)",
            wanted.kind.as_str(),
            wanted.model,
        )
        .fetch_all(&mut *tx)
        .await?;
        let known = rows.iter().find(|row| row.kind == wanted.kind.as_str() && row.model == wanted.model);
        let building = rows.iter().any(|row| row.state == "building");
        match known.map(|row| row.state.as_str()) {
            Some("active") => return Ok(!building),
            Some("building") => {}
            _ if building => return Ok(false),
            // What it holds is still there; only what came since is copied, and comparing finds the rest. One that never
            // was complete begins anew: nobody knows of which changes it was told. So does one that somebody began to
            // empty.
            Some(_) => {
                sqlx::query!(
                    "UPDATE vector_indexes SET
                        state = 'building', phase = 'embedding', copied = 0, begun_with = 0, started_at = now(), asked_at = now(),
                        copied_to = CASE WHEN activated_at IS NULL OR clearing_until IS NOT NULL THEN 0 ELSE copied_to END,
                        activated_at = CASE WHEN clearing_until IS NULL THEN activated_at END
                     WHERE kind = $1 AND model = $2",
                    wanted.kind.as_str(),
                    wanted.model,
                )
                .execute(&mut *tx)
                .await?;
            }
            None => {
                sqlx::query!(
                    "INSERT INTO vector_indexes (kind, model, state) VALUES ($1, $2, 'building')",
                    wanted.kind.as_str(),
                    wanted.model,
                )
                .execute(&mut *tx)
                .await?;
            }
        }
        jobs::enqueue(&mut tx, JobKind::Reindex, JobKind::Reindex.as_str()).await?;
        // What is copied while it is being emptied would be gone again.
        sqlx::query!(
            "UPDATE jobs SET run_at = v.clearing_until FROM vector_indexes v
             WHERE jobs.key = $1 AND v.state = 'building' AND v.clearing_until > now()",
            JobKind::Reindex.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Ends the building of an index; what was built of it stays to be removed, and one that holds nothing yet is forgotten.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn stop_building(&self) -> Result<bool> {
        let done = sqlx::query!(
            r#"WITH building AS (
                SELECT kind, model, activated_at IS NULL AND copied_to = 0 AND clearing_until IS NULL
                  -- What was embedded for it alone was paid for.
                  AND (EXISTS (SELECT FROM vector_indexes o WHERE o.model = b.model AND o.state <> 'building')
                       OR NOT EXISTS (SELECT FROM embeddings e WHERE e.model = b.model)) AS empty
                FROM vector_indexes b WHERE state = 'building' FOR UPDATE
             ), forgotten AS (
                DELETE FROM vector_indexes i USING building b WHERE b.empty AND (i.kind, i.model) = (b.kind, b.model)
             ), kept AS (
                UPDATE vector_indexes i SET state = 'previous' FROM building b
                WHERE NOT b.empty AND (i.kind, i.model) = (b.kind, b.model)
             ), dropped AS (DELETE FROM jobs WHERE kind = 'reindex' AND EXISTS (SELECT FROM building))
             SELECT kind FROM building"#,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(done.is_some())
    }

    /// The index that is being built, and the last ordinal that was copied into it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn building_index(&self) -> Result<Option<(IndexName, i64)>> {
        let row = sqlx::query!("SELECT kind, model, copied_to FROM vector_indexes WHERE state = 'building'")
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok((name(&row.kind, row.model)?, row.copied_to))).transpose()
    }

    /// Notes that a run begins a phase of the building, with so many chunks: of embedding those that are left to do, of
    /// copying all. What earlier runs did counts as done, and their time does not. `false` when the claim no longer counts
    /// or it is no longer built.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn begin_phase(&self, claim: &Claim, index: &IndexName, phase: BuildPhase, total: i64) -> Result<bool> {
        let (done, total) = match phase {
            BuildPhase::Embedding => {
                let all = self.count_answering_chunks().await?.max(total);
                (all - total, all)
            }
            BuildPhase::Copying => {
                let done = self.count_copied(index).await?;
                (done, total.max(done))
            }
            BuildPhase::Comparing => (0, total),
        };
        let noted = sqlx::query!(
            "UPDATE vector_indexes v SET
                phase = $3, total = $4, copied = $7, begun_with = $7, started_at = now(), clearing_until = NULL
             FROM jobs j
             WHERE j.id = $1 AND j.claim = $2 AND v.state = 'building' AND v.kind = $5 AND v.model = $6",
            claim.job,
            claim.token,
            phase.as_str(),
            total,
            index.kind.as_str(),
            index.model,
            done,
        )
        .execute(&self.pool)
        .await?;
        Ok(noted.rows_affected() > 0)
    }

    /// How many answering chunks were copied into an index so far.
    async fn count_copied(&self, index: &IndexName) -> Result<i64> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM chunks c JOIN documents d ON d.id = c.document_id
               WHERE d.deleted_at IS NULL AND d.version = c.version
                 AND c.ordinal <= (SELECT copied_to FROM vector_indexes WHERE kind = $1 AND model = $2)"#,
            index.kind.as_str(),
            index.model,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(count)
    }

    /// Notes how far the phase is: `done` more chunks, the last of them with this ordinal. `false` when the claim no longer counts or it is no longer built.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn note_building(
        &self,
        claim: &Claim,
        index: &IndexName,
        copied_to: Option<i64>,
        done: i64,
    ) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE vector_indexes v SET copied_to = coalesce($3, v.copied_to), copied = v.copied + $4
             FROM jobs j
             WHERE j.id = $1 AND j.claim = $2 AND v.state = 'building' AND v.kind = $5 AND v.model = $6",
            claim.job,
            claim.token,
            copied_to,
            done,
            index.kind.as_str(),
            index.model,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Lets the index that was built answer, in every process. What the one before acknowledged from `since` on, the new
    /// one may not have: it counts as not acknowledged, is scored exactly, and is brought there by jobs. So are documents
    /// of which the title, the labels or the owner changed since the new one was told everything. `false` when the claim
    /// no longer counts or it is no longer built.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn switch_index(&self, claim: &Claim, index: &IndexName, since: Timestamp) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        // Of changes of title, labels and owner the old one was told, and from here on maybe the old one alone.
        let alone = sqlx::query_scalar!(
            r#"SELECT least(v.asked_at, v.activated_at) AS "since!" FROM jobs j, vector_indexes v
               WHERE j.id = $1 AND j.claim = $2 AND v.state = 'building' AND v.kind = $3 AND v.model = $4
               FOR UPDATE OF v"#,
            claim.job,
            claim.token,
            index.kind.as_str(),
            index.model,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(alone) = alone else { return Ok(false) };
        sqlx::query!("UPDATE vector_indexes SET state = 'previous' WHERE state = 'active'").execute(&mut *tx).await?;
        sqlx::query!(
            "UPDATE vector_indexes SET state = 'active', activated_at = now() WHERE kind = $1 AND model = $2",
            index.kind.as_str(),
            index.model,
        )
        .execute(&mut *tx)
        .await?;
        // Positions belong to the log of the index that gave them.
        sqlx::query!("UPDATE documents SET acknowledged_position = NULL WHERE acknowledged_position IS NOT NULL")
            .execute(&mut *tx)
            .await?;
        let documents = sqlx::query_scalar!(
            r#"WITH unsure AS (
                -- A document that a job is at work on was left to it, so the new index may hold none of it.
                UPDATE chunks SET indexed_at = NULL
                WHERE indexed_at >= $1 OR (indexed_at IS NOT NULL AND document_id IN (SELECT key FROM jobs))
                RETURNING document_id
            ), unembedded AS (
                UPDATE chunks c SET indexed_at = NULL FROM documents d
                WHERE d.id = c.document_id AND d.version = c.version AND d.deleted_at IS NULL
                  AND (c.indexed_at IS NULL OR c.indexed_at < $1)
                  AND NOT EXISTS (SELECT FROM jobs j WHERE j.key = c.document_id)
                  AND NOT EXISTS (SELECT FROM embeddings e WHERE e.ordinal = c.ordinal AND e.model = $3)
                RETURNING c.document_id
            ), stale AS (
                UPDATE documents d SET acknowledged_at = 'infinity'
                WHERE d.acknowledged_at >= $2 AND d.version > 0 AND d.deleted_at IS NULL
                  AND EXISTS (SELECT FROM document_events e WHERE e.document_id = d.id AND e.event IN ('renamed', 'changed', 'shared', 'unshared'))
                RETURNING d.id
            )
            SELECT document_id AS "id!" FROM unsure UNION SELECT document_id FROM unembedded UNION SELECT id FROM stale"#,
            to_db(since),
            alone,
            index.model,
        )
        .fetch_all(&mut *tx)
        .await?;
        jobs::enqueue_all(&mut tx, JobKind::RepairDocument, &documents).await?;
        // What was deleted at the old one while the new one was compared for the last time.
        if !index.kind.is_local() {
            jobs::enqueue(&mut tx, JobKind::Reconcile, JobKind::Reconcile.as_str()).await?;
        }
        // Runs in hand write into the old index: they count for nothing, and come again.
        sqlx::query!("UPDATE jobs SET revision = revision + 1 WHERE claim IS NOT NULL AND id <> $1", claim.job)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Takes an index that neither answers nor is built, to be emptied within `lease` and then
    /// [forgotten](Store::forget_index). From here on it counts as empty: asked for again it begins anew, once it is
    /// empty or the lease has run out. `false` when it is not known, in use, or taken by somebody else.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn take_to_forget(&self, index: &IndexName, lease: Duration) -> Result<bool> {
        let done = sqlx::query!(
            "UPDATE vector_indexes SET clearing_until = now() + $3 * interval '1 millisecond'
             WHERE kind = $1 AND model = $2 AND state = 'previous'
               AND (clearing_until IS NULL OR clearing_until <= now())",
            index.kind.as_str(),
            index.model,
            lease.as_secs_f64() * 1000.0,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Gives an index back that was [taken](Store::take_to_forget) and could not be emptied. It still counts as empty.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn give_up_forgetting(&self, index: &IndexName) -> Result<()> {
        sqlx::query!(
            "UPDATE vector_indexes SET clearing_until = now() WHERE kind = $1 AND model = $2 AND clearing_until > now()",
            index.kind.as_str(),
            index.model,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets an index that was [taken](Store::take_to_forget) and is empty by now. If it was asked to be built meanwhile,
    /// that begins now. Embeddings that no other one needs go bit by bit, by [`Store::housekeep`].
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn forget_index(&self, index: &IndexName) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        // Nobody asks for it to be built between the two statements: both hold the table's lock.
        sqlx::query!(
            "DELETE FROM vector_indexes
             WHERE kind = $1 AND model = $2 AND state = 'previous' AND clearing_until IS NOT NULL",
            index.kind.as_str(),
            index.model,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "WITH emptied AS (
                UPDATE vector_indexes SET clearing_until = NULL
                WHERE kind = $1 AND model = $2 AND state = 'building' AND clearing_until IS NOT NULL
                RETURNING kind
            ), due AS (
                UPDATE jobs SET run_at = now() WHERE key = $3 AND claim IS NULL AND EXISTS (SELECT FROM emptied)
                RETURNING id
            )
            SELECT pg_notify($4, '')::text FROM due",
            index.kind.as_str(),
            index.model,
            JobKind::Reindex.as_str(),
            Channel::Jobs.name(),
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Looks at so many embeddings, `pages` times `at_once`, from where the last round ended, and removes those of models
    /// that no index has; returns how many. A round that a kill cuts off is begun again by the next one.
    ///
    /// # Errors
    /// [`StorageError`].
    pub(crate) async fn remove_unneeded_embeddings(&self, pages: usize, at_once: i64) -> Result<u64> {
        let from = self.get_instance_setting(LOOKED_TO).await?.and_then(|value| value.as_i64()).unwrap_or(0);
        let (mut ordinal, mut model, mut removed) = (from, String::new(), 0);
        for _ in 0..pages {
            let mut tx = self.pool.begin().await?;
            // Nobody asks for an index to be built meanwhile: it would count on embeddings that are about to go.
            sqlx::query!("LOCK TABLE vector_indexes IN SHARE MODE").execute(&mut *tx).await?;
            let last = sqlx::query!(
                r#"WITH page AS (
                    SELECT ordinal, model FROM embeddings WHERE (ordinal, model) > ($1, $2)
                    ORDER BY ordinal, model LIMIT $3
                ), removed AS (
                    DELETE FROM embeddings e USING page p
                    WHERE e.ordinal = p.ordinal AND e.model = p.model
                      AND NOT EXISTS (SELECT FROM vector_indexes v WHERE v.model = p.model)
                      -- Before any index was chosen nobody knows what is needed.
                      AND EXISTS (SELECT FROM vector_indexes WHERE state = 'active')
                    RETURNING e.ordinal
                )
                SELECT ordinal, model, (SELECT count(*) FROM removed) AS "removed!" FROM page
                ORDER BY ordinal DESC, model DESC LIMIT 1"#,
                ordinal,
                model,
                at_once,
            )
            .fetch_optional(&mut *tx)
            .await?;
            tx.commit().await?;
            let Some(last) = last else {
                // From the beginning again, the next time.
                ordinal = 0;
                break;
            };
            removed += last.removed.unsigned_abs();
            (ordinal, model) = (last.ordinal, last.model);
        }
        if ordinal != from {
            self.set_instance_setting(LOOKED_TO, Some(&ordinal.into())).await?;
        }
        Ok(removed)
    }

    /// The moment now, by the database's clock, which every process shares.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn database_now(&self) -> Result<Timestamp> {
        let now = sqlx::query_scalar!(r#"SELECT now() AS "now!""#).fetch_one(&self.pool).await?;
        Ok(from_db(now))
    }

    /// How many answering chunks `model` has not embedded.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn count_answering_unembedded(&self, model: &str) -> Result<i64> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM chunks c JOIN documents d ON d.id = c.document_id
               WHERE d.deleted_at IS NULL AND d.version = c.version
                 AND NOT EXISTS (SELECT FROM embeddings e WHERE e.ordinal = c.ordinal AND e.model = $1)"#,
            model,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(count)
    }

    /// How many chunks answer.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn count_answering_chunks(&self) -> Result<i64> {
        let count = sqlx::query_scalar!(
            r#"SELECT coalesce(sum(chunk_count), 0) AS "count!" FROM documents WHERE deleted_at IS NULL AND version > 0"#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(count)
    }

    /// Answering chunks that `model` has not embedded, in the order of their ordinals, after one.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_answering_unembedded(
        &self,
        model: &str,
        after_ordinal: i64,
        limit: i64,
    ) -> Result<Vec<UnembeddedChunk>> {
        let rows = sqlx::query_as!(
            UnembeddedChunk,
            "SELECT c.ordinal, c.seq, c.text, c.language FROM chunks c JOIN documents d ON d.id = c.document_id
             WHERE c.ordinal > $2 AND d.deleted_at IS NULL AND d.version = c.version
               AND NOT EXISTS (SELECT FROM embeddings e WHERE e.ordinal = c.ordinal AND e.model = $1)
             ORDER BY c.ordinal LIMIT $3",
            model,
            after_ordinal,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// Whether the database has the extension `vector`, or could make it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn has_pgvector(&self) -> Result<bool> {
        let query = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS "there!""#
        );
        Ok(query.fetch_one(&self.pool).await?)
    }

    /// Keeps embeddings, by ordinal, beside those of other models. Chunks that are gone meanwhile are left out.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn add_embeddings(&self, model: &str, embeddings: &[(i64, Vec<f32>)]) -> Result<()> {
        let ordinals: Vec<i64> = embeddings.iter().map(|(ordinal, _)| *ordinal).collect();
        let vectors: Vec<Vec<u8>> =
            embeddings.iter().map(|(_, values)| crate::chunks::encode_embedding(values)).collect();
        sqlx::query!(
            "INSERT INTO embeddings (ordinal, model, embedding)
             SELECT c.ordinal, $1, ($3::bytea[])[array_position($2::bigint[], c.ordinal)] FROM chunks c
             WHERE c.ordinal = ANY($2::bigint[]) FOR KEY SHARE
             ON CONFLICT (ordinal, model) DO UPDATE SET embedding = excluded.embedding",
            model,
            &ordinals,
            &vectors,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! PostgreSQL and the index are compared, both ways, and differences are repaired.
//!
//! Both sides are read in the order of their names and merged as they come, so memory does not grow with the corpus. What
//! differs in that pass is only suspected: the two sides were not read at the same moment. Each suspected document gets a
//! repair, which is a job of its own and looks again; documents that a job is at work on are left to it. After the
//! repairs the comparison is made once more, and that is what the report says.

use std::{collections::HashSet, time::Duration};

use cjhirashi_domain::{
    id::DocumentId,
    sync::{ReconciliationReport, Side},
};
use cjhirashi_storage::{AnsweringDocument, JobKind, StorageError, Store};
use cjhirashi_vectors::{ChunkKey, IndexError, VectorIndex};
use sha2::{Digest as _, Sha256};

use crate::{
    WorkerContext,
    error::{Failure, Remedy, SideError},
};

/// Documents read at once.
const DOCUMENTS: i64 = 500;
/// Names listed at once.
const NAMES: usize = 10_000;
/// Documents that one comparison repairs; the next one repairs more.
const REPAIRS: usize = 50_000;
/// How long repairs may take, before the report says that they are not done.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// A remote index may list a write some time later: how often a difference is looked at again, and how long apart.
const LOOKS: u32 = 6;
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Vectors count as lost from this share on, and this number: what is being written is counted late.
const LOST_SHARE: u64 = 100;
const LOST_AT_LEAST: u64 = 1_000;

/// What one pass found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparison {
    pub(crate) database: Side,
    pub(crate) index: Side,
    pub(crate) missing: u64,
    pub(crate) orphans: u64,
    /// Documents that differ and that no job is at work on.
    pub(crate) differing: Vec<DocumentId>,
    /// Documents that differ and that a job is at work on.
    pub(crate) in_work: u64,
    /// Documents that do not differ and that no job is at work on, though the index that answers has not acknowledged
    /// all of them.
    pub(crate) stale: Vec<DocumentId>,
}

impl Comparison {
    /// How many documents the index does not hold as it should.
    fn unequal(&self) -> u64 {
        (self.differing.len() + self.stale.len()) as u64
    }
}

/// A hash of names that does not depend on their order: the sum of their hashes.
#[derive(Default)]
struct NameHash {
    sum: u128,
    names: u64,
}

impl NameHash {
    fn add(&mut self, name: &str) {
        let digest = Sha256::digest(name.as_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        self.sum = self.sum.wrapping_add(u128::from_be_bytes(half));
        self.names += 1;
    }

    fn side(&self) -> Side {
        Side { vectors: self.names, hash: format!("{:032x}", self.sum) }
    }
}

/// The names that an index lists, one document after the other.
struct Listing<'a> {
    index: &'a dyn VectorIndex,
    page: std::collections::VecDeque<ChunkKey>,
    after: Option<ChunkKey>,
    ended: bool,
}

impl<'a> Listing<'a> {
    fn new(index: &'a dyn VectorIndex) -> Self {
        Self { index, page: std::collections::VecDeque::new(), after: None, ended: false }
    }

    async fn peek(&mut self) -> Result<Option<&ChunkKey>, IndexError> {
        while self.page.is_empty() && !self.ended {
            let names = self.index.list(None, self.after.as_ref(), NAMES).await?;
            self.ended = names.len() < NAMES;
            self.after = names.last().cloned();
            self.page = names.into();
        }
        Ok(self.page.front())
    }

    /// All names of the next document.
    async fn next_document(&mut self) -> Result<Option<(DocumentId, Vec<ChunkKey>)>, IndexError> {
        let Some(document) = self.peek().await?.map(|name| name.document_id.clone()) else { return Ok(None) };
        let mut names = Vec::new();
        while self.peek().await?.is_some_and(|name| name.document_id == document) {
            names.extend(self.page.pop_front());
        }
        Ok(Some((document, names)))
    }
}

/// Compares what PostgreSQL says should be in an index with what is there.
pub(crate) async fn compare(store: &Store, index: &dyn VectorIndex) -> Result<Comparison, SideError> {
    let mut found = Comparison::default();
    let (mut database, mut held) = (NameHash::default(), NameHash::default());
    let mut listing = Listing::new(index);
    let mut listed = listing.next_document().await?;
    let mut after: Option<DocumentId> = None;
    let mut orphaned: Vec<(DocumentId, u64)> = Vec::new();
    loop {
        let page = store.list_answering_documents(after.as_ref(), DOCUMENTS).await?;
        let last = i64::try_from(page.len()).unwrap_or(i64::MAX) < DOCUMENTS;
        after = page.last().map(|document| document.id.clone());
        for document in page {
            // Documents that only the index has come before this one.
            while listed.as_ref().is_some_and(|(id, _)| id.as_str() < document.id.as_str()) {
                if let Some((id, names)) = listed.take() {
                    names.iter().for_each(|name| held.add(&name.to_string()));
                    orphaned.push((id, names.len() as u64));
                }
                listed = listing.next_document().await?;
            }
            let mut names = HashSet::new();
            if listed.as_ref().is_some_and(|(id, _)| *id == document.id) {
                names = listed.take().map(|(_, names)| names.into_iter().collect()).unwrap_or_default();
                listed = listing.next_document().await?;
            }
            names.iter().for_each(|name: &ChunkKey| held.add(&name.to_string()));
            differences(&document, names, &mut database, &mut found);
        }
        if last {
            break;
        }
    }
    while let Some((id, names)) = listed {
        names.iter().for_each(|name| held.add(&name.to_string()));
        orphaned.push((id, names.len() as u64));
        listed = listing.next_document().await?;
    }
    let ids: Vec<DocumentId> = orphaned.iter().map(|(id, _)| id.clone()).collect();
    let working: HashSet<String> = store.documents_in_work(&ids).await?.into_iter().collect();
    for (id, orphans) in orphaned {
        if working.contains(id.as_str()) {
            found.in_work += 1;
        } else {
            found.orphans += orphans;
            found.differing.push(id);
        }
    }
    (found.database, found.index) = (database.side(), held.side());
    Ok(found)
}

fn differences(
    document: &AnsweringDocument,
    mut names: HashSet<ChunkKey>,
    database: &mut NameHash,
    found: &mut Comparison,
) {
    let mut missing = 0;
    for &seq in &document.seqs {
        let name = ChunkKey { document_id: document.id.clone(), version: document.version, seq };
        database.add(&name.to_string());
        if !names.remove(&name) {
            missing += 1;
        }
    }
    if missing == 0 && names.is_empty() {
        if document.stale && !document.in_work {
            found.stale.push(document.id.clone());
        }
        return;
    }
    if document.in_work {
        found.in_work += 1;
    } else {
        found.missing += missing;
        found.orphans += names.len() as u64;
        found.differing.push(document.id.clone());
    }
}

/// Compares the index that answers with PostgreSQL, repairs what differs unless only looking, and keeps a report.
///
/// # Errors
/// Those of the database while the report is kept; everything else is in the report.
pub async fn reconcile(context: &WorkerContext, dry_run: bool) -> Result<ReconciliationReport, StorageError> {
    let engine = context.engine.current();
    let id = context.store.begin_reconciliation(&engine.name, dry_run).await?;
    let report = match compare_and_repair(context, engine.index.as_ref(), dry_run).await {
        Ok(report) => report,
        Err(error) => {
            let Failure { error, .. } = Failure::from(error);
            ReconciliationReport { error: Some(error), ..ReconciliationReport::default() }
        }
    };
    context.store.finish_reconciliation(id, &report).await?;
    let outcome = if report.is_clean() { "clean" } else { "different" };
    metrics::counter!("cjhirashi_reconciliations_total", "outcome" => outcome).increment(1);
    tracing::info!(
        index = %engine.name, dry_run, missing = report.missing, orphans = report.orphans, stale = report.stale,
        repaired = report.repaired, unrepaired = report.unrepaired, "PostgreSQL and the vector index were compared"
    );
    Ok(report)
}

async fn compare_and_repair(
    context: &WorkerContext,
    index: &dyn VectorIndex,
    dry_run: bool,
) -> Result<ReconciliationReport, SideError> {
    let first = compare(&context.store, index).await?;
    let unequal = first.unequal();
    let mut report = ReconciliationReport {
        missing: first.missing,
        orphans: first.orphans,
        in_work: first.in_work,
        database: first.database,
        index: first.index,
        stale: first.stale.len() as u64,
        unrepaired: unequal,
        ..ReconciliationReport::default()
    };
    if dry_run || unequal == 0 {
        return Ok(report);
    }
    let suspects: Vec<DocumentId> = first.differing.iter().chain(&first.stale).take(REPAIRS).cloned().collect();
    let asked = context.store.ask_for_repairs(&suspects).await?;
    let begun = tokio::time::Instant::now();
    while context.store.count_repairs(&asked).await?.waiting > 0 && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for look in 0..LOOKS {
        let again = compare(&context.store, index).await?;
        report.unrepaired = again.unequal();
        report.database = again.database;
        report.index = again.index;
        report.in_work = again.in_work;
        if report.unrepaired == 0 {
            break;
        }
        if look + 1 < LOOKS {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
    report.repaired = unequal.saturating_sub(report.unrepaired);
    if report.unrepaired > 0 {
        tracing::error!(
            documents = report.unrepaired,
            "the vector index still differs from the database after a repair"
        );
    }
    Ok(report)
}

/// Asks for a comparison when an index holds far fewer vectors than it should: somebody emptied it or made it anew, and
/// questions would find little until the night.
pub(crate) async fn notice_losses(context: &WorkerContext) -> Result<(), StorageError> {
    let engine = context.engine.current();
    if engine.name.kind.is_local() {
        return Ok(());
    }
    let held = match engine.index.stats().await {
        Ok(stats) => stats.vectors,
        Err(error) => {
            tracing::debug!(%error, "the vectors of the index cannot be counted");
            return Ok(());
        }
    };
    let wanted = context.store.count_answering_chunks().await?.unsigned_abs();
    if held + (wanted / LOST_SHARE).max(LOST_AT_LEAST) < wanted || (held == 0 && wanted > 0) {
        tracing::error!(index = %engine.name, held, wanted, "the vector index has lost vectors; it is compared and repaired");
        context.store.ask_for(JobKind::Reconcile).await?;
    }
    Ok(())
}

/// The job of the night, and on demand.
pub(crate) async fn reconcile_job(context: &WorkerContext) -> Result<(), Failure> {
    if context.engine.current().name.kind.is_local() {
        // Each process fills its own from the database, and looks after it by itself.
        return Ok(());
    }
    match reconcile(context, false).await?.error {
        Some(error) => Err(Failure { error, remedy: Remedy::TryAgain { after: None } }),
        None => Ok(()),
    }
}

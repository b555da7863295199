//! `cjhirashi adopt-index`: the texts and vectors of the ADR's application come into the database. Safe to repeat.

use std::time::Duration;

use anyhow::bail;
use cjhirashi_domain::id::DocumentId;
use cjhirashi_storage::{JobFilter, JobKind};
use cjhirashi_sync::{AdoptOptions, AdoptionReport, OldIndex, adopt, remove_old_vectors, wait_until_indexed};

use super::{
    AdoptIndex, print,
    work::{with_look, with_worker},
};
use crate::config::Config;

/// How long nothing may move before the command no longer waits for the jobs; they go on without it.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn run(config: Config, args: AdoptIndex) -> anyhow::Result<()> {
    let AdoptIndex { dry_run, namespace, index, embed_anew, remove_old } = args;
    let settings = config.pinecone.of_another(index, namespace)?;
    let place = format!("the namespace {:?} of the Pinecone index \"{}\"", settings.namespace.as_str(), settings.index);
    if dry_run {
        return with_look(config, async |work| {
            let report =
                adopt(&work.context, &OldIndex::open(settings).await?, AdoptOptions { dry_run, embed_anew }).await;
            print(&described(&place, &report, dry_run));
            all_there(report)
        })
        .await;
    }
    // What is taken over has no file; documents that somebody uploaded are left to the server, which has theirs.
    let kinds = [JobKind::IndexDocument, JobKind::UpdateMetadata, JobKind::RepairDocument];
    let jobs = JobFilter { without_file: true, ..JobFilter::of(kinds) };
    with_worker(config, jobs, async |work| {
        let old = OldIndex::open(settings).await?;
        let report = adopt(&work.context, &old, AdoptOptions { dry_run, embed_anew }).await;
        print(&described(&place, &report, dry_run));
        let taken: Vec<DocumentId> = report.taken_over.iter().map(|(name, _)| name.id.clone()).collect();
        let mut unindexed = 0;
        if !taken.is_empty() {
            unindexed = wait_until_indexed(&work.context, &taken, PATIENCE).await?;
            print(&format!("  indexed     {} of these documents", taken.len() - unindexed));
        }
        let mut kept = 0;
        if remove_old {
            let removal = remove_old_vectors(&work.context, &old).await?;
            print(&format!(
                "  removed     {} old vectors of {} documents, {} of which were deleted here",
                removal.vectors, removal.documents, removal.deleted
            ));
            kept = removal.kept;
        }
        all_there(report)?;
        if unindexed > 0 {
            bail!("{unindexed} documents were taken over and are not in the vector index yet; the server's jobs go on");
        }
        if kept > 0 {
            bail!("the old vectors of {kept} documents stay until all of theirs are in the vector index; run it again then");
        }
        Ok(())
    })
    .await
}

/// Fails where a document was not taken over, or would not be.
fn all_there(report: AdoptionReport) -> anyhow::Result<()> {
    let complete = report.is_complete();
    if let Some(error) = report.error {
        return Err(error.into());
    }
    if !complete {
        bail!("not every document can be taken over; see the report above");
    }
    Ok(())
}

fn described(place: &str, report: &AdoptionReport, dry_run: bool) -> String {
    let chunks: usize = report.taken_over.iter().map(|(_, chunks)| chunks).sum();
    let verb = if dry_run { "would be taken over" } else { "taken over" };
    let mut lines = vec![
        format!("From {place}:"),
        format!("  adopted     {} documents of {chunks} chunks {verb}", report.taken_over.len()),
        format!("  already     {} documents taken over before", report.already),
        format!("  incomplete  {} documents", report.incomplete.len()),
    ];
    for (name, problems) in &report.incomplete {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.push(format!("    {} {:?}: {}", name.id, name.title, problems.join("; ")));
    }
    lines.push(format!("  absent      {} documents", report.absent.len()));
    for name in &report.absent {
        lines.push(format!("    {} {:?}", name.id, name.title));
    }
    if report.left_over > 0 {
        lines.push(format!("  left out    {} vectors of earlier, longer versions", report.left_over));
    }
    lines.join("\n")
}

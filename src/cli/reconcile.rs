//! `cjhirashi reconcile`.

use anyhow::bail;
use cjhirashi_domain::sync::{ReconciliationReport, Side};
use cjhirashi_storage::{JobFilter, JobKind};

use super::{
    Reconcile, print,
    work::{Work, with_look, with_worker},
};
use crate::config::Config;

pub(super) async fn run(config: Config, args: Reconcile) -> anyhow::Result<()> {
    if args.dry_run {
        return with_look(config, async |work| compare(work, true).await).await;
    }
    let repairs = JobFilter::of([JobKind::RepairDocument]);
    with_worker(config, repairs, async |work| compare(work, false).await).await
}

async fn compare(work: &Work, dry_run: bool) -> anyhow::Result<()> {
    let name = work.context.engine.current().name.clone();
    if name.kind.is_local() {
        print(&format!("{name}: every process keeps its own equal to the database; there is nothing to compare."));
        return Ok(());
    }
    let report = cjhirashi_sync::reconcile(&work.context, dry_run).await?;
    if let Some(error) = &report.error {
        bail!("{name} could not be compared: {}", error.detail.as_deref().unwrap_or(&error.code));
    }
    print(&described(&name.to_string(), &report));
    if !report.is_clean() {
        bail!("the database and the vector index differ; see the report above");
    }
    Ok(())
}

pub(super) fn described(name: &str, report: &ReconciliationReport) -> String {
    let side = |side: &Side| format!("{} vectors, hash {}", side.vectors, side.hash);
    let lines = [
        name.to_owned(),
        format!("  database    {}", side(&report.database)),
        format!("  index       {}", side(&report.index)),
        format!("  missing     {} vectors", report.missing),
        format!("  orphans     {} vectors", report.orphans),
        format!("  stale       {} documents", report.stale),
        format!("  repaired    {} documents", report.repaired),
        format!("  unrepaired  {} documents", report.unrepaired),
        format!("  in work     {} documents", report.in_work),
    ];
    lines.join("\n")
}

//! `cjhirashi reindex`.

use std::time::{Duration, Instant};

use anyhow::bail;
use cjhirashi_domain::sync::{IndexName, IndexState, Pace};
use cjhirashi_storage::{JobFilter, JobKind};
use cjhirashi_sync::IndexFactory as _;

use super::{Reindex, print, work::with_worker};
use crate::config::Config;

/// How often the progress is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is printed.
const PRINT: Duration = Duration::from_secs(5);

pub(super) async fn run(config: Config, args: Reindex) -> anyhow::Result<()> {
    with_worker(config, JobFilter::of([JobKind::Reindex, JobKind::RepairDocument]), async |work| {
        let mut name = work.factory.wanted(&work.store).await?;
        if let Some(kind) = args.to {
            name = IndexName { kind, ..name };
        }
        let active = work.store.active_index_or(&name).await?;
        if active == name && name.kind.is_local() {
            print(&format!("{name} answers already; each server fills it from the database by itself."));
            return Ok(());
        }
        if active == name {
            // There is nothing to switch to: what it lacks is written into it.
            print(&format!("{name} answers already; it is compared with the database and repaired."));
            let report = cjhirashi_sync::reconcile(&work.context, false).await?;
            if let Some(error) = &report.error {
                bail!("{name} could not be compared: {}", error.detail.as_deref().unwrap_or(&error.code));
            }
            print(&super::reconcile::described(&name.to_string(), &report));
            if !report.is_clean() {
                bail!("the database and the vector index differ; see the report above");
            }
            return Ok(());
        }
        cjhirashi_sync::build_index(&work.store, work.factory.as_ref(), &name).await?;
        if args.to.is_some() {
            cjhirashi_sync::choose_index(&work.store, &name, &work.factory.model()).await?;
        }
        let (began, mut printed) = (Instant::now(), Instant::now());
        let mut waits_for = String::new();
        loop {
            let rows = work.store.list_indexes().await?;
            let Some(row) = rows.into_iter().find(|row| row.name == name) else {
                bail!("{name} was removed meanwhile")
            };
            match row.state {
                IndexState::Active => {
                    print(&format!("{name} answers, after {} s.", began.elapsed().as_secs()));
                    return Ok(());
                }
                IndexState::Previous => bail!("the building of {name} was stopped"),
                IndexState::Building => {}
            }
            let dead = work.store.list_dead_jobs(None, 100).await?;
            if let Some(job) = dead.iter().find(|job| job.kind == JobKind::Reindex) {
                let error = job.error.clone();
                let words = error.map_or_else(String::new, |error| error.detail.unwrap_or(error.code));
                bail!("{name} could not be built: {words}");
            }
            if printed.elapsed() > PRINT {
                printed = Instant::now();
                if let Some(error) = work.store.waits_for(JobKind::Reindex).await? {
                    let words = format!("waiting: {}", error.detail.unwrap_or(error.code));
                    if words != waits_for {
                        print(&words);
                        waits_for = words;
                    }
                    continue;
                }
                let pace = row.pace(work.store.now()).map_or_else(String::new, |Pace { per_second, seconds_left }| {
                    format!(", {per_second:.0} a second, {seconds_left:.0} s left")
                });
                print(&format!("{}: {} of {} chunks{pace}", row.phase.as_str(), row.copied, row.total));
            }
            tokio::time::sleep(LOOK).await;
        }
    })
    .await
}

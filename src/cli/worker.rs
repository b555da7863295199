//! `cjhirashi worker`.

use cjhirashi_storage::JobFilter;

use super::work::with_worker;
use crate::{config::Config, lifecycle::StopSignals};

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let mut signals = StopSignals::catch()?;
    with_worker(config, JobFilter::all(), async |_| {
        tracing::info!("jobs are run until told to stop");
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping");
        Ok(())
    })
    .await
}

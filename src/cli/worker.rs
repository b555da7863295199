//! `cjhirashi worker`.

use anyhow::Context as _;
use cjhirashi_storage::JobFilter;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::work::with_worker;
use crate::{config::Config, http, lifecycle::StopSignals, model_file, state, telemetry};

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let mut signals = StopSignals::catch()?;
    let metrics = telemetry::start_metrics()?;
    let listener = match config.metrics_listen {
        None => None,
        Some(address) => {
            let taken = || format!("METRICS_LISTEN: nothing can listen on {address}; choose another address");
            Some(TcpListener::bind(address).await.with_context(taken)?)
        }
    };
    let settings = config.clone();
    with_worker(config, JobFilter::all(), async |work| {
        let mail = state::start_mail(&settings, &work.store)?;
        let _serving = listener.map(|listener| {
            let router = http::metrics_alone(work.store.clone(), metrics);
            AbortOnDropHandle::new(tokio::spawn(axum::serve(listener, router).into_future()))
        });
        let fetching = CancellationToken::new();
        model_file::fetch_when_missing(&settings, fetching.clone());
        let _fetching = fetching.drop_guard();
        tracing::info!("jobs are run until told to stop");
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping");
        if let Some(mail) = mail {
            mail.shutdown().await;
        }
        Ok(())
    })
    .await
}

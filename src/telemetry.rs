//! Logs and metrics.
//!
//! Logs go to standard error; standard output belongs to what a command prints. Sentences with dotted fields.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::{Event, Subscriber, field::Visit};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::filter_fn,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use crate::config::{Config, ConfigError, DEFAULT_LOG, LogFormat};

/// Starts logging. Once per process; `quiet` leaves out what is only informative, for commands that print a result.
///
/// # Errors
/// `RUST_LOG`, when it cannot be read.
pub fn start_logging(config: &Config, quiet: bool) -> Result<(), ConfigError> {
    let wanted = if quiet && config.log == DEFAULT_LOG { "warn" } else { &config.log };
    let filter = EnvFilter::try_new(wanted).map_err(|error| ConfigError {
        variable: "RUST_LOG".to_owned(),
        reason: format!("{error}; write for example info or warn,cjhirashi_chat=debug"),
    })?;
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry()
        .with(Statements.with_filter(filter_fn(|metadata| metadata.target() == STATEMENT_TARGET)));
    // A second start in one process, as in tests, keeps the first.
    let _ = match config.log_format {
        LogFormat::Text => {
            let colours =
                std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
            registry.with(layer.with_ansi(colours).with_filter(filter)).try_init()
        }
        LogFormat::Json => registry.with(layer.json().flatten_event(true).with_filter(filter)).try_init(),
    };
    Ok(())
}

/// Where sqlx reports each statement it ran.
const STATEMENT_TARGET: &str = "sqlx::query";

/// Measures every SQL statement by what sqlx reports of it, so that no query has to remember to.
struct Statements;

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Elapsed);
    }
}

/// Picks the duration out of the report.
struct Elapsed;

impl Visit for Elapsed {
    fn record_f64(&mut self, field: &tracing::field::Field, seconds: f64) {
        if field.name() == "elapsed_secs" {
            metrics::histogram!("cjhirashi_sql_duration_seconds").record(seconds);
        }
    }

    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
}

/// Durations in seconds, from half a millisecond to two minutes.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// Collects metrics from now on; the handle renders them. Needs a runtime for the tidying up.
///
/// # Errors
/// When metrics are already collected by somebody else.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .install_recorder()?;
    let tidy = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            tidy.run_upkeep();
        }
    });
    Ok(handle)
}

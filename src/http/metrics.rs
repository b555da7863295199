//! `GET /metrics`: durations and counts, in Prometheus' text format.

use axum::{Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use cjhirashi_storage::Store;
use cjhirashi_sync::{JobKind, JobsOfKind};
use metrics_exporter_prometheus::PrometheusHandle;

use super::health;
use crate::AppState;

/// Everything measured so far.
pub(super) async fn show(State(state): State<AppState>) -> impl IntoResponse {
    answer(&state.store, &state.metrics).await
}

/// What a process without pages answers.
pub(crate) fn alone(store: Store, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route(
            "/metrics",
            get(async |State((store, metrics)): State<(Store, PrometheusHandle)>| answer(&store, &metrics).await),
        )
        .route("/healthz", get(health::live))
        .with_state((store, metrics))
}

/// Gauges that nobody sets by itself are read now.
async fn answer(store: &Store, metrics: &PrometheusHandle) -> impl IntoResponse + use<> {
    let (open, idle) = store.pool_state();
    metrics::gauge!("cjhirashi_db_connections", "state" => "open").set(open);
    metrics::gauge!("cjhirashi_db_connections", "state" => "idle").set(u32::try_from(idle).unwrap_or(u32::MAX));
    if let Ok(kinds) = store.count_jobs_by_kind().await {
        // A kind without any has no row; it counts as none, not as what it was last.
        for kind in JobKind::ALL {
            let jobs = kinds.iter().find(|jobs| jobs.kind == kind);
            let count = |read: fn(&JobsOfKind) -> i64| jobs.map_or(0, read) as f64;
            let gauge = |state| metrics::gauge!("cjhirashi_jobs", "kind" => kind.as_str(), "state" => state);
            gauge("waiting").set(count(|jobs| jobs.waiting));
            gauge("running").set(count(|jobs| jobs.running));
            gauge("dead").set(count(|jobs| jobs.dead));
        }
        let oldest = kinds.iter().filter_map(|jobs| jobs.oldest).max().unwrap_or_default();
        metrics::gauge!("cjhirashi_oldest_waiting_job_seconds").set(oldest.as_secs_f64());
    }
    if let Ok((documents, to_adopt)) = store.count_documents_by_status().await {
        for (status, count) in documents {
            metrics::gauge!("cjhirashi_documents", "status" => status.as_str()).set(count as f64);
        }
        metrics::gauge!("cjhirashi_documents", "status" => "to_adopt").set(to_adopt as f64);
    }
    if let Ok(mails) = store.count_mails().await {
        metrics::gauge!("cjhirashi_mails", "state" => "waiting").set(mails.waiting as f64);
        metrics::gauge!("cjhirashi_mails", "state" => "dead").set(mails.dead as f64);
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}

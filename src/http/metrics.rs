//! `GET /metrics`: durations and counts, in Prometheus' text format.

use axum::{extract::State, http::header::CONTENT_TYPE, response::IntoResponse};

use crate::AppState;

/// Everything measured so far. Gauges that nobody sets by itself are read now.
pub(super) async fn show(State(state): State<AppState>) -> impl IntoResponse {
    let (open, idle) = state.store.pool_state();
    metrics::gauge!("cjhirashi_db_connections", "state" => "open").set(open);
    metrics::gauge!("cjhirashi_db_connections", "state" => "idle").set(u32::try_from(idle).unwrap_or(u32::MAX));
    if let Ok(jobs) = state.store.count_jobs().await {
        for (name, count) in [("waiting", jobs.waiting), ("running", jobs.running), ("dead", jobs.dead)] {
            metrics::gauge!("cjhirashi_jobs", "state" => name).set(count as f64);
        }
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.render())
}

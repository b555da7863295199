//! Is the process alive, and can it do its work?

use std::time::Instant;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::AppState;

/// `GET /healthz`: the process answers. Nothing else is asked, so that a database's trouble restarts nobody.
pub(crate) async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

#[derive(Debug, Serialize)]
struct Readiness {
    status: &'static str,
    checks: Checks,
}

#[derive(Debug, Serialize)]
struct Checks {
    database: Check,
    files: Check,
    /// Without it, or while it loads, text search answers alone: reported, but no reason to send people away.
    vector_index: Check,
}

/// One dependency: whether it answers, and how fast.
#[derive(Debug, Serialize)]
struct Check {
    ok: bool,
    latency_ms: f64,
}

impl Check {
    async fn run(work: impl Future<Output = bool>) -> Self {
        let start = Instant::now();
        let ok = tokio::time::timeout(std::time::Duration::from_secs(3), work).await.unwrap_or(false);
        Self { ok, latency_ms: (start.elapsed().as_secs_f64() * 1e6).round() / 1e3 }
    }
}

/// `GET /readyz`: what the server needs, each with its latency; 503 when something is missing or the server is stopping.
pub(crate) async fn ready(State(state): State<AppState>) -> Response {
    let files = state.config.blob_dir();
    let (database, files, vector_index) = tokio::join!(
        Check::run(async { state.store.ping().await.is_ok() }),
        Check::run(async move { tokio::fs::metadata(files).await.is_ok() }),
        Check::run(async { state.engine.current().index.stats().await.is_ok_and(|stats| !stats.loading) }),
    );
    let stopping = state.shutdown.is_cancelled();
    let ok = database.ok && files.ok && !stopping;
    let status = match (ok, stopping) {
        (true, _) => "ok",
        (false, true) => "stopping",
        (false, false) => "unavailable",
    };
    let code = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, [(CACHE_CONTROL, "no-store")], Json(Readiness { status, checks: Checks { database, files, vector_index } }))
        .into_response()
}

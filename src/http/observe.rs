//! One span and one measurement for every request.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names the request, measures it, and logs how it ended: failures of ours loudly, everything else quietly.
///
/// The duration counts until the answer begins; a stream's length is no measure of us.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = method_name(request.method());
    // A proxy's id is kept so that both logs can be joined.
    let id = request.headers().get(&REQUEST_ID).filter(|id| is_plain(id)).cloned().unwrap_or_else(new_id);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let route_name = route.as_ref().map_or("other", MatchedPath::as_str);
    let span = tracing::info_span!(
        "http.request",
        http.method = method,
        http.route = route_name,
        http.request_id = id.to_str().unwrap_or_default(),
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    let (elapsed, status) = (start.elapsed(), response.status());
    metrics::histogram!(
        "cjhirashi_http_request_duration_seconds",
        "method" => method,
        "route" => route_name.to_owned(),
        "status" => status.as_str().to_owned(),
    )
    .record(elapsed.as_secs_f64());
    let duration_ms = elapsed.as_secs_f64() * 1000.0;
    span.in_scope(|| {
        if status.is_server_error() {
            tracing::warn!(http.status = status.as_u16(), duration_ms, "Request failed");
        } else {
            tracing::debug!(http.status = status.as_u16(), duration_ms, "Request answered");
        }
    });
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn is_plain(id: &HeaderValue) -> bool {
    (1..=64).contains(&id.len()) && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
}

fn new_id() -> HeaderValue {
    HeaderValue::from_str(&format!("{:016x}", rand::random::<u64>()))
        .unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// A sender may invent methods; a metric's label may not grow with them.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

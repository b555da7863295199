//! A request that changes something and carries a session's cookie must come from our own pages.
//!
//! `SameSite=Lax` already keeps the cookie from most foreign requests; this check does not depend on it. The browser
//! says in `Sec-Fetch-Site` where a request comes from; older ones, and pages over plain HTTP, at least in `Origin`. A
//! request with neither comes from no browser.

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, Method,
        header::{HOST, ORIGIN},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use cjhirashi_domain::ErrorCode;

use super::error::ApiError;
use crate::AppState;

/// Refuses what comes from another site.
pub(crate) async fn check(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if harmless || comes_from_us(request.headers(), &state.config.app_url) {
        next.run(request).await
    } else {
        tracing::warn!(origin = ?request.headers().get(ORIGIN), "A request from another site was refused");
        ApiError::new(ErrorCode::BadOrigin).into_response()
    }
}

fn comes_from_us(headers: &HeaderMap, app_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        // `none`: the person typed the address or opened a bookmark.
        (Some("same-origin" | "none"), _) => true,
        (Some(_), Some(origin)) => same_origin(origin, app_url),
        (Some(_), None) => false,
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            same_origin(origin, app_url) || (host.is_some() && host == text(HOST.as_str()))
        }
        (None, None) => true,
    }
}

/// Both are a scheme and a host; `APP_URL` has no path.
fn same_origin(origin: &str, app_url: &str) -> bool {
    origin.eq_ignore_ascii_case(app_url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        comes_from_us(&headers, "https://chat.example.org")
    }

    #[test]
    fn our_own_pages_and_programs_without_a_browser_may_change_things() {
        assert!(allowed(&[]));
        assert!(allowed(&[("sec-fetch-site", "same-origin"), ("origin", "https://proxy.example.org")]));
        assert!(allowed(&[("origin", "https://chat.example.org")]));
        assert!(allowed(&[("origin", "http://127.0.0.1:3000"), ("host", "127.0.0.1:3000")]));
    }

    #[test]
    fn other_sites_may_not() {
        assert!(!allowed(&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]));
        assert!(!allowed(&[("sec-fetch-site", "same-site")]));
        assert!(!allowed(&[("origin", "https://evil.example"), ("host", "chat.example.org")]));
        assert!(!allowed(&[("origin", "http://chat.example.org.evil.example")]));
        assert!(!allowed(&[("origin", "null"), ("host", "null")]));
    }
}

//! How often somebody may ask: signing in by address, what is expensive by person and address. Beyond it the answer is 429
//! with `Retry-After`, and nothing was done.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{Method, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use cjhirashi_domain::{ErrorCode, user::SignedIn};
use governor::{DefaultKeyedRateLimiter, Quota, clock::Clock as _};
use sha2::{Digest as _, Sha256};

use super::{address, error::ApiError};
use crate::AppState;

/// Who is counted: 128 bits of a hash of whatever tells them apart, so that no key and no address is kept.
type Who = [u8; 16];

/// A kind of request that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Beginning and ending a sign-in.
    SignIn,
    /// Asking a model.
    Answer,
    /// Searching.
    Search,
    /// Bringing files and texts in.
    Transfer,
    /// Taking everything out.
    Export,
}

impl Kind {
    /// What a request is, if it is counted.
    fn of(method: &Method, path: &str) -> Option<Self> {
        let changes = *method == Method::POST;
        match path {
            "/fn/send_message"
            | "/fn/ask_prompt"
            | "/fn/retry_answer"
            | "/fn/answer_again"
            | "/api/v1/chat/completions"
                if changes =>
            {
                Some(Self::Answer)
            }
            "/api/v1/search" | "/fn/search_chats" if changes => Some(Self::Search),
            "/uploads" | "/images" | "/artifacts" | "/chats/import" | "/api/v1/documents" if changes => {
                Some(Self::Transfer)
            }
            "/account/export" | "/chats/export" => Some(Self::Export),
            _ if changes && path.starts_with("/artifacts/") => Some(Self::Transfer),
            _ if path.starts_with("/api/v1/artifacts") && (changes || *method == Method::PATCH) => Some(Self::Transfer),
            // Whoever has a link is nobody that is known.
            _ if path.starts_with("/share/artifact/") => Some(Self::Search),
            // The library searches what was said.
            "/chats" | "/fn/serve_page" => Some(Self::Search),
            "/account" | "/account/delete" | "/fn/refresh_profile" if changes => Some(Self::SignIn),
            _ if path.starts_with("/sign-in/") => Some(Self::SignIn),
            _ if changes && path.ends_with("/versions") => Some(Self::Transfer),
            _ => None,
        }
    }

    /// So many at once, and so many a minute after that.
    const fn quota(self) -> (u32, u32) {
        match self {
            Self::SignIn => (30, 30),
            Self::Answer => (60, 60),
            Self::Search => (300, 1_200),
            // A program may bring a whole library in.
            Self::Transfer => (600, 6_000),
            Self::Export => (3, 2),
        }
    }
}

struct Limiter {
    people: DefaultKeyedRateLimiter<Who>,
}

impl Limiter {
    fn new(kind: Kind) -> Self {
        let (burst, per_minute) = kind.quota();
        let positive = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(positive(per_minute)).allow_burst(positive(burst));
        Self { people: DefaultKeyedRateLimiter::keyed(quota) }
    }

    /// How long to wait, if at all.
    fn check(&self, who: &Who) -> Result<(), Duration> {
        // What is as good as never seen is forgotten, so that nobody fills our memory with addresses.
        if self.people.len() > 20_000 {
            self.people.retain_recent();
        }
        self.people.check_key(who).map_err(|not_until| not_until.wait_time_from(self.people.clock().now()))
    }
}

/// What is counted, in this process.
#[derive(Clone)]
pub(crate) struct Limits(Arc<[(Kind, Limiter)]>);

impl Limits {
    pub(crate) fn new() -> Self {
        let kinds = [Kind::SignIn, Kind::Answer, Kind::Search, Kind::Transfer, Kind::Export];
        Self(kinds.into_iter().map(|kind| (kind, Limiter::new(kind))).collect())
    }

    fn check(&self, kind: Kind, who: &Who) -> Result<(), Duration> {
        self.0.iter().find(|(other, _)| *other == kind).map_or(Ok(()), |(_, limiter)| limiter.check(who))
    }
}

fn hashed(parts: &[&[u8]]) -> Who {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut who = [0; 16];
    who.copy_from_slice(&hash.finalize()[..16]);
    who
}

/// A person, a key, or else an address. Whoever signs in is nobody yet. Of an IPv6 network one customer has 64 bits.
fn who(kind: Kind, request: &Request, address: Option<IpAddr>) -> Who {
    if kind != Kind::SignIn {
        if let Some(SignedIn { user, .. }) = request.extensions().get::<SignedIn>() {
            return hashed(&[b"person", user.id.as_str().as_bytes()]);
        }
        // However the header is written around it.
        let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
        if let Some(key) = header.and_then(|header| header.split_whitespace().last()) {
            return hashed(&[b"key", key.as_bytes()]);
        }
    }
    match address {
        Some(IpAddr::V4(address)) => hashed(&[b"v4", &address.octets()]),
        Some(IpAddr::V6(address)) => hashed(&[b"v6", &address.octets()[..8]]),
        None => hashed(&[b"nobody"]),
    }
}

/// Lets a request pass, or tells when to come again.
pub(crate) async fn check(State((state, limits)): State<(AppState, Limits)>, request: Request, next: Next) -> Response {
    let Some(kind) = Kind::of(request.method(), request.uri().path()) else { return next.run(request).await };
    let address = address::of(request.extensions(), request.headers(), &state.config.trusted_proxies);
    match limits.check(kind, &who(kind, &request, address)) {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            tracing::warn!(kind = ?kind, "somebody asks too often");
            let seconds = wait.as_secs() + 1;
            let mut response = ApiError::new(ErrorCode::TooMany).into_response();
            response.headers_mut().insert("retry-after", seconds.into());
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let mut builder = Request::builder().uri("/");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Body::empty()).unwrap()
    }

    #[test]
    fn only_what_is_expensive_is_counted() {
        let of = |method: Method, path: &str| Kind::of(&method, path);
        assert_eq!(of(Method::POST, "/sign-in/google"), Some(Kind::SignIn));
        assert_eq!(of(Method::GET, "/sign-in/google/callback"), Some(Kind::SignIn));
        assert_eq!(of(Method::GET, "/sign-in"), None);
        assert_eq!(of(Method::POST, "/fn/send_message"), Some(Kind::Answer));
        assert_eq!(of(Method::POST, "/documents/a/versions"), Some(Kind::Transfer));
        assert_eq!(of(Method::GET, "/api/v1/documents"), None);
    }

    #[test]
    fn each_is_counted_alone_and_told_how_long_to_wait() {
        let limits = Limits::new();
        let (one, two) = (hashed(&[b"1"]), hashed(&[b"2"]));
        for _ in 0..30 {
            assert_eq!(limits.check(Kind::SignIn, &one), Ok(()));
        }
        let wait = limits.check(Kind::SignIn, &one).unwrap_err();
        assert!(wait <= Duration::from_secs(2) && wait > Duration::ZERO, "{wait:?}");
        assert_eq!(limits.check(Kind::SignIn, &two), Ok(()));
        assert_eq!(limits.check(Kind::Answer, &one), Ok(()));
    }

    #[test]
    fn a_key_is_counted_wherever_it_comes_from_and_a_network_as_one_address() {
        let address = |text: &str| Some(text.parse().unwrap());
        let keyed = request(&[("authorization", "Bearer a")]);
        let other = request(&[("authorization", "bearer   a")]);
        assert_eq!(who(Kind::Answer, &keyed, None), who(Kind::Answer, &other, None), "one key, written twice");
        assert_eq!(who(Kind::Answer, &keyed, address("10.0.0.1")), who(Kind::Answer, &keyed, address("10.0.0.2")));
        assert_ne!(who(Kind::SignIn, &keyed, address("10.0.0.1")), who(Kind::SignIn, &keyed, address("10.0.0.2")));
        let plain = request(&[]);
        assert_eq!(
            who(Kind::Answer, &plain, address("2001:db8::1")),
            who(Kind::Answer, &plain, address("2001:db8::2"))
        );
        assert_ne!(
            who(Kind::Answer, &plain, address("2001:db8::1")),
            who(Kind::Answer, &plain, address("2001:db9::1"))
        );
    }
}

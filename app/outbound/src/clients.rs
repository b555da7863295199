//! Connections, bodies, and the wait that a server asks for.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use futures::StreamExt as _;
use reqwest::{
    Client, ClientBuilder, Response, Url,
    header::{HeaderMap, RETRY_AFTER},
    redirect,
};

/// A client for the outside, and one for servers on this machine, which a proxy must not see.
#[derive(Debug, Clone)]
pub struct Clients {
    outside: Client,
    inside: Client,
}

impl Clients {
    /// Clients that take a server which says nothing for this long for gone.
    ///
    /// # Errors
    /// When the system's TLS or name resolution cannot be set up.
    pub fn new(silence: Duration) -> Result<Self, reqwest::Error> {
        let build = |builder: ClientBuilder| {
            builder
                .user_agent(concat!("cjhirashi/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(Duration::from_secs(10))
                .read_timeout(silence)
                // A redirect could carry a key to another host.
                .redirect(redirect::Policy::none())
                .pool_max_idle_per_host(8)
                .tcp_nodelay(true)
                .build()
        };
        Ok(Self { outside: build(Client::builder())?, inside: build(Client::builder().no_proxy())? })
    }

    /// The client to use for an address.
    #[must_use]
    pub fn for_url(&self, url: &str) -> &Client {
        if is_loopback(url) { &self.inside } else { &self.outside }
    }
}

/// Whether an address is this machine's own.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// Why a body was not read.
#[derive(Debug)]
pub enum BodyError {
    /// The connection broke or fell silent.
    Broken(reqwest::Error),
    /// It is longer than what was asked for can be.
    TooLong,
}

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// [`BodyError`].
pub async fn read_body(answer: Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    let mut stream = answer.bytes_stream();
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(BodyError::Broken)?;
        if body.len() + bytes.len() > limit {
            return Err(BodyError::TooLong);
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}

/// `Retry-After` in seconds or as a date, or OpenAI's `retry-after-ms`.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(milliseconds) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(milliseconds / 1e3).ok();
    }
    let text = text(RETRY_AFTER.as_str())?;
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => {
            let at = httpdate::parse_http_date(text).ok()?;
            Some(at.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_in_every_form() {
        let wait = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            retry_after(&headers)
        };
        assert_eq!(wait("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(wait("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("retry-after", "soon"), None);
        assert_eq!(wait("retry-after", "-3"), None);
    }

    #[test]
    fn only_this_machine_counts_as_loopback() {
        for url in ["http://127.0.0.1:11434", "http://localhost:1/v1", "http://[::1]:8080/v1"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["http://10.0.0.1", "https://localhost.example.com", "nonsense"] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}

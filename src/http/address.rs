//! Where a request comes from. `X-Forwarded-For` is believed only of proxies that the settings name.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, request::Parts},
};
use ipnet::IpNet;

use crate::AppState;

/// The client's address, where the connection is known.
#[derive(Debug, Clone)]
pub(crate) struct ClientAddress(pub(crate) Option<String>);

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        let address = of(&parts.extensions, &parts.headers, &state.config.trusted_proxies);
        Ok(Self(address.map(|address| address.to_string())))
    }
}

/// The same as an address.
pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(behind(peer.ip().to_canonical(), headers, trusted))
}

/// Read from the end: each trusted proxy tells who spoke to it; the first that is not trusted is the client, whatever it
/// claims to pass on.
fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer;
    let told = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
    let told: Vec<&str> = told.flat_map(|value| value.split(',')).map(str::trim).collect();
    for address in told.into_iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        let Ok(address) = address.parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_say_who_stands_behind_them() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let behind = |peer: &str, told: &[&str]| {
            let mut headers = HeaderMap::new();
            for told in told {
                headers.append("x-forwarded-for", told.parse().unwrap());
            }
            behind(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(behind("192.0.2.1", &["203.0.113.9"]), "192.0.2.1", "nobody vouches for it");
        assert_eq!(behind("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(behind("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(
            behind("10.0.0.1", &["6.6.6.6, 203.0.113.9", "10.0.0.2"]),
            "203.0.113.9",
            "what it claims is no proof"
        );
        assert_eq!(behind("10.0.0.1", &["203.0.113.9, nonsense"]), "10.0.0.1");
        assert_eq!(behind("::1", &["::ffff:203.0.113.9"]), "203.0.113.9");
    }
}

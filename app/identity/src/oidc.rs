//! OpenID Connect: discovery, keys, and the id token.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{Jwk, JwkSet},
};
use oauth2::AuthType;
use serde::{Deserialize, Deserializer};

use crate::{Endpoints, IdentityError, Profile, http::Http};

/// What an issuer says of itself is asked for again after this long.
const FRESH: Duration = Duration::from_secs(3_600);
/// An unknown key makes us ask for its keys again, but not more often than this.
const KEYS_AGAIN: Duration = Duration::from_secs(10);
/// How far the issuer's clock may be from ours.
const LEEWAY_SECONDS: u64 = 60;
/// Signatures by a key that is published. One by our own secret, or none at all, proves nothing to us.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// `/.well-known/openid-configuration`.
#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What an id token, or the issuer's userinfo, says.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Claims {
    sub: String,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    email_verified: bool,
    /// Entra ID's word for it, where its application is set up to say it.
    #[serde(default, deserialize_with = "truth")]
    xms_edov: bool,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    preferred_username: Option<String>,
    #[serde(default)]
    picture: Option<String>,
}

/// Some issuers write `"true"`.
fn truth<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(value)?;
    Ok(value.is_some_and(|value| value == serde_json::Value::Bool(true) || value == "true"))
}

impl From<Claims> for Profile {
    fn from(claims: Claims) -> Self {
        Self {
            subject: claims.sub,
            email: claims.email,
            email_verified: claims.email_verified || claims.xms_edov,
            name: claims.name.or(claims.preferred_username).filter(|name| !name.trim().is_empty()),
            picture: claims.picture,
        }
    }
}

pub(crate) struct Issuer {
    name: String,
    metadata: Mutex<Option<(Instant, Metadata)>>,
    /// Held while they are asked for: however many come with an unknown key, one asks.
    keys: tokio::sync::Mutex<Option<(Instant, JwkSet)>>,
}

impl Issuer {
    pub(crate) fn new(issuer: &str) -> Self {
        Self { name: issuer.to_owned(), metadata: Mutex::default(), keys: tokio::sync::Mutex::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    async fn metadata(&self, http: &Http) -> Result<Metadata, IdentityError> {
        // Not held while the issuer is asked: where it does not answer, nobody waits for the silences of others.
        let known = || self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, metadata)) = &*known()
            && at.elapsed() < FRESH
        {
            return Ok(metadata.clone());
        }
        let url = format!("{}/.well-known/openid-configuration", self.name.trim_end_matches('/'));
        let metadata: Metadata = http.json(&url).await?;
        if metadata.issuer != self.name {
            let words = format!("{url} is of the issuer {}, and {} is configured", metadata.issuer, self.name);
            return Err(IdentityError::Untrusted(words));
        }
        *known() = Some((Instant::now(), metadata.clone()));
        Ok(metadata)
    }

    pub(crate) async fn endpoints(&self, http: &Http) -> Result<Endpoints, IdentityError> {
        let metadata = self.metadata(http).await?;
        // Without a word, the header is what counts.
        let by_header = metadata
            .token_endpoint_auth_methods_supported
            .is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"));
        Ok(Endpoints {
            authorize: metadata.authorization_endpoint,
            token: metadata.token_endpoint,
            auth_type: if by_header { AuthType::BasicAuth } else { AuthType::RequestBody },
        })
    }

    /// The key that a token names; asked for again when it is not among those known: keys are changed now and then.
    async fn key(&self, http: &Http, kid: Option<&str>, algorithm: Algorithm) -> Result<Jwk, IdentityError> {
        let url = self.metadata(http).await?.jwks_uri;
        let mut known = self.keys.lock().await;
        if let Some((at, keys)) = &*known
            && at.elapsed() < FRESH
            && let Some(found) = find(keys, kid, algorithm)
        {
            return Ok(found);
        }
        if known.as_ref().is_none_or(|(at, _)| at.elapsed() >= KEYS_AGAIN) {
            *known = Some((Instant::now(), http.json(&url).await?));
        }
        known.as_ref().and_then(|(_, keys)| find(keys, kid, algorithm)).ok_or_else(|| {
            IdentityError::Untrusted("the id token is signed by a key that the issuer does not publish".to_owned())
        })
    }

    /// What an id token says, once it is proven: signed by the issuer, for us, not too old, and for this very sign-in.
    pub(crate) async fn verify(
        &self,
        http: &Http,
        token: &str,
        client_id: &str,
        nonce: &str,
    ) -> Result<Claims, IdentityError> {
        let untrusted = |words: String| IdentityError::Untrusted(format!("id token: {words}"));
        let header = decode_header(token).map_err(|error| untrusted(error.to_string()))?;
        let algorithm = ALGORITHMS
            .into_iter()
            .find(|algorithm| header.alg == *algorithm)
            .ok_or_else(|| untrusted("it is signed in a way that proves nothing".to_owned()))?;
        let key = self.key(http, header.kid.as_deref(), algorithm).await?;
        let key = DecodingKey::from_jwk(&key).map_err(|error| untrusted(error.to_string()))?;
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_audience(&[client_id]);
        validation.set_issuer(&[&self.name]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Claims>(token, &key, &validation).map_err(|error| untrusted(error.to_string()))?.claims;
        if claims.nonce.as_deref() != Some(nonce) {
            return Err(untrusted("it is of another sign-in".to_owned()));
        }
        if claims.azp.as_ref().is_some_and(|azp| azp != client_id) {
            return Err(untrusted("it is for another application".to_owned()));
        }
        if claims.sub.is_empty() || claims.sub.len() > 255 {
            return Err(untrusted("it names nobody".to_owned()));
        }
        Ok(claims)
    }

    /// The same with what only userinfo says.
    pub(crate) async fn complete(&self, http: &Http, claims: Claims, access: &str) -> Result<Profile, IdentityError> {
        if claims.email.is_some() {
            return Ok(claims.into());
        }
        let Some(url) = self.metadata(http).await?.userinfo_endpoint else { return Ok(claims.into()) };
        let said: Claims = http.json_as(&url, access).await?;
        if said.sub != claims.sub {
            return Err(IdentityError::Untrusted("userinfo is of somebody else".to_owned()));
        }
        Ok(Claims { name: said.name.or(claims.name), picture: said.picture.or(claims.picture), ..said }.into())
    }

    pub(crate) async fn profile(&self, http: &Http, access: &str) -> Result<Profile, IdentityError> {
        let url = self.metadata(http).await?.userinfo_endpoint;
        let url = url.ok_or_else(|| IdentityError::Unavailable("the issuer has no userinfo".to_owned()))?;
        Ok(http.json_as::<Claims>(&url, access).await?.into())
    }
}

/// By name; without one, the only one that fits.
fn find(keys: &JwkSet, kid: Option<&str>, algorithm: Algorithm) -> Option<Jwk> {
    let fits = |key: &&Jwk| DecodingKey::from_jwk(key).is_ok_and(|key| key.family() == algorithm.family());
    match kid {
        Some(kid) => keys.keys.iter().filter(fits).find(|key| key.common.key_id.as_deref() == Some(kid)).cloned(),
        None => {
            let mut fitting = keys.keys.iter().filter(fits);
            let first = fitting.next();
            if fitting.next().is_some() { None } else { first.cloned() }
        }
    }
}

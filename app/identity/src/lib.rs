//! Sign-in at somebody else's: the authorization code flow with PKCE (S256), for every OpenID Connect issuer and for GitHub,
//! which is none.
//!
//! [`Providers::begin`] makes the address that a browser is sent to, and what has to be kept in its session meanwhile;
//! [`Providers::finish`] makes a proven [`Identity`] of what comes back. Who that is here, and whether they may come in, is
//! not decided here. State, nonce and the verifier of PKCE are 256 random bits each.

mod error;
mod github;
mod http;
mod oidc;
mod service;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cjhirashi_outbound::{Clients, Secret};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenResponse as _, TokenUrl,
    basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType},
};
use serde::{Deserialize, Serialize};

pub use self::{
    error::IdentityError,
    service::{SignInError, SignInService},
};
use self::{github::GitHub, http::Http, oidc::Issuer};

/// A sign-in that was begun is good for so long.
pub const BEGUN_LASTS: Duration = Duration::from_secs(600);
/// GitHub itself, as [`Kind::GitHub`] names it.
pub const GITHUB: &str = "https://github.com";
/// The longest silence of a provider.
const SILENCE: Duration = Duration::from_secs(10);

/// How a provider is spoken to.
#[derive(Debug, Clone)]
pub enum Kind {
    /// OpenID Connect, by the issuer's address.
    Oidc {
        /// Exactly as the issuer calls itself.
        issuer: String,
    },
    /// GitHub, or a GitHub Enterprise server, by the address of its pages.
    GitHub {
        /// Without a slash at its end.
        base: String,
    },
}

/// A provider as the settings name it.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// Its name in addresses and in `accounts.provider`.
    pub id: &'static str,
    /// What people call it.
    pub name: String,
    /// How it is spoken to.
    pub kind: Kind,
    /// What it knows us by.
    pub client_id: String,
    /// And what proves it.
    pub client_secret: Secret,
}

/// A sign-in that was begun: kept in the browser's session until the provider sends the browser back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// At which provider.
    pub provider: String,
    /// What the provider sends back with the browser.
    pub state: String,
    nonce: String,
    verifier: String,
    /// Seconds of the epoch.
    at: u64,
}

impl Begun {
    /// Whether it is too old to be ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        now() > self.at + BEGUN_LASTS.as_secs()
    }
}

/// What a provider gives for later calls.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// For calls in the person's name.
    pub access: Secret,
    /// For a new one of these.
    pub refresh: Option<Secret>,
    /// What proved the identity.
    pub id_token: Option<Secret>,
    /// How long the first is good for.
    pub expires_in: Option<Duration>,
    /// `bearer`.
    pub token_type: String,
    /// What was granted, separated by spaces.
    pub scope: Option<String>,
}

/// What a provider says of somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Who it is at the provider; never changes.
    pub subject: String,
    /// An address.
    pub email: Option<String>,
    /// Whether the provider knows that the address is theirs.
    pub email_verified: bool,
    /// A name to show.
    pub name: Option<String>,
    /// The address of a picture.
    pub picture: Option<String>,
}

/// Somebody whom a provider vouches for.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Which provider.
    pub provider: &'static str,
    /// Who.
    pub profile: Profile,
    /// For later.
    pub tokens: Tokens,
}

/// What comes back from a provider in the address.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Returned {
    /// The code, when all went well.
    #[serde(default)]
    pub code: Option<String>,
    /// The state, always.
    #[serde(default)]
    pub state: Option<String>,
    /// Which issuer it is (RFC 9207).
    #[serde(default)]
    pub iss: Option<String>,
    /// What went wrong.
    #[serde(default)]
    pub error: Option<String>,
    /// In words.
    #[serde(default)]
    pub error_description: Option<String>,
}

/// The id token beside the access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct WithIdToken {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

impl ExtraTokenFields for WithIdToken {}

type TokenResponse = StandardTokenResponse<WithIdToken, BasicTokenType>;
type OAuthClient = Client<
    BasicErrorResponse,
    TokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// Where a provider is asked, and how it wants to know us.
struct Endpoints {
    authorize: String,
    token: String,
    auth_type: AuthType,
}

enum Service {
    Oidc(Box<Issuer>),
    GitHub(GitHub),
}

/// A provider that is on.
struct Provider {
    config: ProviderConfig,
    service: Service,
}

/// The providers that are on.
pub struct Providers {
    list: Vec<Provider>,
    http: Http,
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.list.iter().map(|provider| provider.config.id)).finish()
    }
}

impl Providers {
    /// Asks nobody yet.
    ///
    /// # Errors
    /// When the system's TLS or name resolution cannot be set up.
    pub fn new(configs: Vec<ProviderConfig>) -> Result<Self, IdentityError> {
        let clients = Clients::new(SILENCE).map_err(|error| IdentityError::Unavailable(error.to_string()))?;
        let provider = |config: ProviderConfig| {
            let service = match &config.kind {
                Kind::Oidc { issuer } => Service::Oidc(Box::new(Issuer::new(issuer))),
                Kind::GitHub { base } => Service::GitHub(GitHub::new(base)),
            };
            Provider { config, service }
        };
        Ok(Self { list: configs.into_iter().map(provider).collect(), http: Http::new(clients) })
    }

    /// Those that are on, in the order in which they are shown: the name in addresses, and the one that people use.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.list.iter().map(|provider| (provider.config.id, provider.config.name.as_str()))
    }

    fn provider(&self, id: &str) -> Result<&Provider, IdentityError> {
        self.list.iter().find(|provider| provider.config.id == id).ok_or(IdentityError::Unknown)
    }

    /// The address to send a browser to, and what its session has to keep. `redirect_uri` is where it comes back to.
    ///
    /// # Errors
    /// [`IdentityError::Unknown`], [`IdentityError::Unavailable`].
    pub async fn begin(&self, id: &str, redirect_uri: &str) -> Result<(String, Begun), IdentityError> {
        let provider = self.provider(id)?;
        let client = self.client(provider, redirect_uri).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = CsrfToken::new_random_len(32).into_secret();
        let mut request = client.authorize_url(|| CsrfToken::new_random_len(32)).set_pkce_challenge(challenge);
        for scope in provider.scopes() {
            request = request.add_scope(Scope::new((*scope).to_owned()));
        }
        if let Service::Oidc(_) = provider.service {
            request = request.add_extra_param("nonce", nonce.clone());
        }
        let (url, state) = request.url();
        let begun = Begun {
            provider: id.to_owned(),
            state: state.into_secret(),
            nonce,
            verifier: verifier.into_secret(),
            at: now(),
        };
        Ok((url.into(), begun))
    }

    /// Ends what was begun in this browser: exchanges the code, and checks who it is. The caller has found `begun` by the
    /// state that came back, and keeps it no longer.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn finish(
        &self,
        begun: &Begun,
        redirect_uri: &str,
        returned: Returned,
    ) -> Result<Identity, IdentityError> {
        let provider = self.provider(&begun.provider)?;
        if begun.is_over() || returned.state.as_deref() != Some(&begun.state) {
            return Err(IdentityError::Expired);
        }
        if let Some(error) = returned.error {
            return Err(error::told(&error, returned.error_description.as_deref()));
        }
        if let (Service::Oidc(issuer), Some(iss)) = (&provider.service, &returned.iss)
            && iss != issuer.name()
        {
            return Err(IdentityError::Untrusted("the answer comes from another issuer".to_owned()));
        }
        let code = returned.code.filter(|code| !code.is_empty()).ok_or(IdentityError::Expired)?;
        let client = self.client(provider, redirect_uri).await?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(begun.verifier.clone()))
            .request_async(&self.http)
            .await
            .map_err(error::of_exchange)?;
        let tokens = tokens(&answer);
        let profile = match &provider.service {
            Service::Oidc(issuer) => {
                let id_token = tokens.id_token.as_ref().ok_or_else(|| {
                    IdentityError::Untrusted("the provider gave no id token; is the scope openid allowed?".to_owned())
                })?;
                let claims =
                    issuer.verify(&self.http, id_token.reveal(), &provider.config.client_id, &begun.nonce).await?;
                issuer.complete(&self.http, claims, tokens.access.reveal()).await?
            }
            Service::GitHub(github) => github.profile(&self.http, tokens.access.reveal()).await?,
        };
        let profile = Profile { subject: provider.subject(profile.subject), ..profile };
        Ok(Identity { provider: provider.config.id, profile, tokens })
    }

    /// Whether a provider answers: its description is read. What has none is not asked.
    ///
    /// # Errors
    /// [`IdentityError::Unknown`], [`IdentityError::Unavailable`].
    pub async fn probe(&self, id: &str) -> Result<(), IdentityError> {
        match &self.provider(id)?.service {
            Service::Oidc(issuer) => issuer.endpoints(&self.http).await.map(drop),
            Service::GitHub(_) => Ok(()),
        }
    }

    /// A new access token for an old refresh token.
    ///
    /// # Errors
    /// [`IdentityError`]; `Refused` when the person has to sign in again.
    pub async fn refresh(&self, id: &str, refresh_token: &str) -> Result<Tokens, IdentityError> {
        let provider = self.provider(id)?;
        let client = self.client(provider, "").await?;
        let token = RefreshToken::new(refresh_token.to_owned());
        let answer = client.exchange_refresh_token(&token).request_async(&self.http).await;
        Ok(tokens(&answer.map_err(error::of_exchange)?))
    }

    /// What the provider says of the owner of an access token by now.
    ///
    /// # Errors
    /// [`IdentityError`]; `Refused` when the token is no longer good.
    pub async fn profile(&self, id: &str, access: &str) -> Result<Profile, IdentityError> {
        let provider = self.provider(id)?;
        let profile = match &provider.service {
            Service::Oidc(issuer) => issuer.profile(&self.http, access).await?,
            Service::GitHub(github) => github.profile(&self.http, access).await?,
        };
        Ok(Profile { subject: provider.subject(profile.subject), ..profile })
    }

    async fn client(&self, provider: &Provider, redirect_uri: &str) -> Result<OAuthClient, IdentityError> {
        let endpoints = match &provider.service {
            Service::Oidc(issuer) => issuer.endpoints(&self.http).await?,
            Service::GitHub(github) => github.endpoints(),
        };
        let wrong = |error: url::ParseError| IdentityError::Unavailable(format!("an address of it is none: {error}"));
        let config = &provider.config;
        let client = OAuthClientStart::new(ClientId::new(config.client_id.clone()))
            .set_client_secret(ClientSecret::new(config.client_secret.reveal().to_owned()))
            .set_auth_type(endpoints.auth_type)
            .set_auth_uri(AuthUrl::new(endpoints.authorize).map_err(wrong)?)
            .set_token_uri(TokenUrl::new(endpoints.token).map_err(wrong)?);
        Ok(match redirect_uri {
            "" => client,
            uri => client.set_redirect_uri(RedirectUrl::new(uri.to_owned()).map_err(wrong)?),
        })
    }
}

type OAuthClientStart = Client<
    BasicErrorResponse,
    TokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

impl Provider {
    /// Who somebody is, also when another server takes this one's place: those of Google and GitHub are known by their
    /// own numbers, as the ADR's application kept them; others by their server's address, too.
    fn subject(&self, subject: String) -> String {
        match &self.config.kind {
            Kind::Oidc { issuer } if self.config.id == "oidc" => format!("{issuer} {subject}"),
            Kind::GitHub { base } if base != GITHUB => format!("{base} {subject}"),
            Kind::Oidc { .. } | Kind::GitHub { .. } => subject,
        }
    }

    fn scopes(&self) -> &'static [&'static str] {
        match self.service {
            Service::Oidc(_) => &["openid", "email", "profile"],
            Service::GitHub(_) => &["read:user", "user:email"],
        }
    }
}

fn tokens(answer: &TokenResponse) -> Tokens {
    let scopes = answer.scopes().map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "));
    Tokens {
        access: Secret::from(answer.access_token().secret().as_str()),
        refresh: answer.refresh_token().map(|token| Secret::from(token.secret().as_str())),
        id_token: answer.extra_fields().id_token.as_deref().map(Secret::from),
        expires_in: answer.expires_in(),
        token_type: answer.token_type().as_ref().to_owned(),
        scope: scopes,
    }
}

/// Seconds of the epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

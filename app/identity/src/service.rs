//! Who comes in: what providers prove, and what the store knows of it.

use std::sync::Arc;

use cjhirashi_domain::{
    Timestamp,
    id::{AccountId, UserId},
    user::{Email, SignUp},
};
use cjhirashi_outbound::Secret;
use cjhirashi_storage::{AccountTokens, Entrance, ProvenAccount, ProvenProfile, StorageError, Store};

use crate::{Begun, IdentityError, Profile, Providers, Returned, Tokens};

/// An access token that is good for less than this is renewed before it is used.
const NEARLY_OVER_MS: i64 = 60_000;

/// Somebody did not come in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The provider, or what came back from it.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Signs people in at providers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SignInService {
    store: Store,
    providers: Arc<Providers>,
    policy: Arc<SignUp>,
    app_url: Arc<str>,
}

impl SignInService {
    /// For people who come by `app_url`, which has no slash at its end.
    #[must_use]
    pub fn new(store: Store, providers: Providers, policy: SignUp, app_url: &str) -> Self {
        Self { store, providers: Arc::new(providers), policy: Arc::new(policy), app_url: app_url.into() }
    }

    /// Providers that are on: the name in addresses, and the one that people use.
    pub fn providers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.providers.names()
    }

    fn redirect_uri(&self, provider: &str) -> String {
        format!("{}/sign-in/{provider}/callback", self.app_url)
    }

    /// The address to send a browser to, and what its session has to keep.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn begin(&self, provider: &str) -> Result<(String, Begun), IdentityError> {
        self.providers.begin(provider, &self.redirect_uri(provider)).await
    }

    /// Ends what was begun in this browser: lets in whoever came back, or makes their account another way in for `linking`.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn finish(
        &self,
        begun: &Begun,
        returned: Returned,
        linking: Option<&UserId>,
    ) -> Result<Entrance, SignInError> {
        let identity = self.providers.finish(begun, &self.redirect_uri(&begun.provider), returned).await?;
        let email = address(&identity.profile);
        let account = ProvenAccount {
            provider: identity.provider,
            subject: &identity.profile.subject,
            profile: proven(&identity.profile, email.as_ref()),
            tokens: kept(&identity.tokens, self.store.now()),
        };
        Ok(self.store.enter(&account, &self.policy, linking).await?)
    }

    /// Takes a person's profile from one of their accounts as it is there by now, with a new access token where the one
    /// that is kept is over. `false` when the account is not theirs, or nothing is kept that could ask.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn refresh_profile(&self, user: &UserId, id: &AccountId) -> Result<bool, SignInError> {
        let Some(opened) = self.store.open_tokens(user, id).await? else { return Ok(false) };
        let now = self.store.now();
        let is_over = opened.expires_at.is_some_and(|at| at <= now.plus_millis(NEARLY_OVER_MS));
        let access = match (opened.access.filter(|_| !is_over), opened.refresh) {
            (Some(access), _) => Secret::from(access),
            (None, Some(refresh)) => {
                let tokens = self.providers.refresh(&opened.provider, &refresh).await?;
                self.store.replace_tokens(id, &kept(&tokens, now)).await?;
                tokens.access
            }
            (None, None) => return Ok(false),
        };
        let profile = self.providers.profile(&opened.provider, access.reveal()).await?;
        if profile.subject != opened.subject {
            return Err(IdentityError::Untrusted("the profile is of somebody else".to_owned()).into());
        }
        let email = address(&profile);
        self.store.update_profile(user, &proven(&profile, email.as_ref())).await?;
        Ok(true)
    }
}

fn address(profile: &Profile) -> Option<Email> {
    profile.email.as_deref().and_then(|email| Email::parse(email).ok())
}

fn kept(tokens: &Tokens, now: Timestamp) -> AccountTokens<'_> {
    let lasts = tokens.expires_in.and_then(|lasts| i64::try_from(lasts.as_millis()).ok());
    AccountTokens {
        access: tokens.access.reveal(),
        refresh: tokens.refresh.as_ref().map(|token| token.reveal()),
        id_token: tokens.id_token.as_ref().map(|token| token.reveal()),
        expires_at: lasts.map(|lasts| now.plus_millis(lasts)),
        token_type: &tokens.token_type,
        scope: tokens.scope.as_deref(),
    }
}

fn proven<'a>(profile: &'a Profile, email: Option<&'a Email>) -> ProvenProfile<'a> {
    ProvenProfile {
        email,
        email_verified: profile.email_verified && email.is_some(),
        name: profile.name.as_deref(),
        picture: profile.picture.as_deref(),
    }
}

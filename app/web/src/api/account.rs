//! Who somebody is here: their ways in, devices and keys.

use leptos::server;

use super::Failure;

/// The page.
#[cfg(feature = "ssr")]
pub(crate) const ACCOUNT: &str = "/account";

/// What was just commanded, as the page says once.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountDone {
    Linked,
    Unlinked,
    Refreshed,
    SignedOut,
    Revoked,
}

#[cfg(feature = "ssr")]
impl AccountDone {
    const ALL: [Self; 5] = [Self::Linked, Self::Unlinked, Self::Refreshed, Self::SignedOut, Self::Revoked];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Unlinked => "unlinked",
            Self::Refreshed => "refreshed",
            Self::SignedOut => "signed_out",
            Self::Revoked => "revoked",
        }
    }
}

/// A key that was just made; the handler of the form puts it into the request that shows the page.
#[cfg(feature = "ssr")]
#[derive(Clone)]
pub struct MadeKey {
    /// What it is called.
    pub name: String,
    /// The key itself, which is seen this once.
    pub secret: String,
}

#[cfg(feature = "ssr")]
impl std::fmt::Debug for MadeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Lines of one's own log that are shown.
#[cfg(feature = "ssr")]
const LINES: i64 = 20;

#[cfg(feature = "ssr")]
pub(crate) async fn page(query: &super::server::Asked) -> Result<super::served::ServedPage, Failure> {
    use super::server::{services, session_token, signed_in};
    use axum::http::request::Parts;
    let (who, services) = (signed_in()?, services()?);
    let id = &who.user.id;
    let token = session_token();
    let (accounts, devices, keys, spent, log) = futures::try_join!(
        services.store.list_accounts(id),
        services.store.list_devices(id, token.as_ref()),
        services.store.list_api_keys(id),
        services.store.list_spending(Some(id), LINES),
        services.store.list_audit(Some(id), 0, LINES),
    )?;
    let made = leptos::prelude::use_context::<Parts>().and_then(|parts| parts.extensions.get::<MadeKey>().cloned());
    let done = query.get("done").and_then(|done| AccountDone::ALL.into_iter().find(|it| it.as_str() == done));
    let title = crate::served::words_of(who.settings.language).account.to_owned();
    let html = crate::served::account(crate::served::Account {
        accounts,
        devices,
        keys,
        spent,
        log,
        providers: services.sign_in.providers().map(|(id, name)| (id, name.to_owned())).collect(),
        made,
        done,
        now: services.store.now(),
        who,
    });
    Ok(super::served::ServedPage { title, html, moves: false })
}

#[cfg(feature = "ssr")]
fn back(done: AccountDone, section: &str) {
    super::server::forward(&format!("{ACCOUNT}?done={}#{section}", done.as_str()));
}

#[cfg(feature = "ssr")]
fn account_id(id: String) -> Result<cjhirashi_domain::id::AccountId, Failure> {
    use cjhirashi_domain::ErrorCode;
    cjhirashi_domain::id::AccountId::parse(id).map_err(|_| super::server::fail(ErrorCode::InvalidRequest))
}

/// Takes a way in away; never the last one.
#[server(prefix = "/fn", endpoint = "unlink_account")]
pub(crate) async fn unlink_account(id: String) -> Result<(), Failure> {
    use super::server::{fail, note, services, signed_in};
    use cjhirashi_domain::{ErrorCode, audit::Action};
    let (who, services) = (signed_in()?, services()?);
    let id = account_id(id)?;
    let unlinked = services.store.unlink_account(&who.user.id, &id).await?;
    let provider = unlinked.ok_or_else(|| fail(ErrorCode::LastAccount))?;
    note(&services, &who, Action::AccountUnlinked, None, Some(&provider)).await?;
    back(AccountDone::Unlinked, "accounts");
    Ok(())
}

/// Takes name, picture and address from the provider as they are there now.
#[server(prefix = "/fn", endpoint = "refresh_profile")]
pub(crate) async fn refresh_profile(id: String) -> Result<(), Failure> {
    use super::server::{fail, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = account_id(id)?;
    let refreshed = services.sign_in.refresh_profile(&who.user.id, &id).await.map_err(|error| {
        tracing::warn!(%error, "a profile could not be read anew");
        fail(ErrorCode::SignInFailed)
    })?;
    if !refreshed {
        return Err(fail(ErrorCode::SignInExpired));
    }
    back(AccountDone::Refreshed, "accounts");
    Ok(())
}

/// Signs one of the person's browsers out.
#[server(prefix = "/fn", endpoint = "end_session")]
pub(crate) async fn end_session(id: String) -> Result<(), Failure> {
    use super::server::{fail, note, services, signed_in};
    use cjhirashi_domain::{ErrorCode, audit::Action, id::SessionId};
    let (who, services) = (signed_in()?, services()?);
    let id = SessionId::parse(id).map_err(|_| fail(ErrorCode::InvalidRequest))?;
    if services.store.end_session(&who.user.id, &id).await? {
        note(&services, &who, Action::SignedOut, Some(id.as_str()), None).await?;
    }
    back(AccountDone::SignedOut, "devices");
    Ok(())
}

/// Signs all of the person's browsers out but this one.
#[server(prefix = "/fn", endpoint = "end_other_sessions")]
pub(crate) async fn end_other_sessions() -> Result<(), Failure> {
    use super::server::{fail, note, services, session_token, signed_in};
    use cjhirashi_domain::{ErrorCode, audit::Action};
    let (who, services) = (signed_in()?, services()?);
    let current = session_token().ok_or_else(|| fail(ErrorCode::Unauthorized))?;
    let ended = services.store.end_other_sessions(&who.user.id, &current).await?;
    note(&services, &who, Action::SignedOut, None, Some(&ended.to_string())).await?;
    back(AccountDone::SignedOut, "devices");
    Ok(())
}

/// Revokes a key.
#[server(prefix = "/fn", endpoint = "revoke_key")]
pub(crate) async fn revoke_key(id: String) -> Result<(), Failure> {
    use super::server::{fail, note, services, signed_in};
    use cjhirashi_domain::{ErrorCode, audit::Action, id::ApiKeyId};
    let (who, services) = (signed_in()?, services()?);
    let id = ApiKeyId::parse(id).map_err(|_| fail(ErrorCode::KeyNotFound))?;
    if !services.store.delete_api_key(&who.viewer(), &id).await? {
        return Err(fail(ErrorCode::KeyNotFound));
    }
    note(&services, &who, Action::KeyRevoked, Some(id.as_str()), None).await?;
    back(AccountDone::Revoked, "keys");
    Ok(())
}

//! `/admin/sync`: how the two databases stand, and what administrators command.

use leptos::server;

use super::Failure;

/// How everything stands.
#[cfg(feature = "ssr")]
pub(crate) async fn page(query: &super::server::Asked) -> Result<super::served::ServedPage, Failure> {
    use super::server::{admin, services};
    let (who, services) = (admin()?, services()?);
    let overview = services.sync.overview(&who.viewer()).await?;
    let moves = overview.moves();
    let texts = crate::texts::Texts::of(who.settings.language);
    let done = query.get("done").and_then(|done| SyncCommand::ALL.into_iter().find(|it| it.as_str() == done));
    let body = crate::served::sync(texts, overview, done, services.store.now());
    Ok(crate::served::admin_page(texts, SYNC, body, moves))
}

/// Compares both databases and repairs what differs.
#[server(prefix = "/fn", endpoint = "compare_now")]
pub(crate) async fn compare_now() -> Result<(), Failure> {
    use super::server::{admin, services};
    let (who, services) = (admin()?, services()?);
    services.sync.compare(&who.viewer()).await?;
    done(&services, &who, SyncCommand::Compare, "comparison").await
}

/// Starts a job again that was given up.
#[server(prefix = "/fn", endpoint = "replay_job")]
pub(crate) async fn replay_job(id: i64) -> Result<(), Failure> {
    use super::server::{admin, services};
    let (who, services) = (admin()?, services()?);
    services.sync.replay(&who.viewer(), id).await?;
    done(&services, &who, SyncCommand::Replay, "a job tried again").await
}

/// Starts every job again that was given up.
#[server(prefix = "/fn", endpoint = "replay_all")]
pub(crate) async fn replay_all() -> Result<(), Failure> {
    use super::server::{admin, services};
    let (who, services) = (admin()?, services()?);
    services.sync.replay_all(&who.viewer()).await?;
    done(&services, &who, SyncCommand::Replay, "jobs tried again").await
}

/// Tries everybody's failed documents again.
#[server(prefix = "/fn", endpoint = "retry_failed")]
pub(crate) async fn retry_failed() -> Result<(), Failure> {
    use super::server::{admin, services};
    let (who, services) = (admin()?, services()?);
    services.sync.retry_failed(&who.viewer()).await?;
    done(&services, &who, SyncCommand::Replay, "failed documents tried again").await
}

/// Builds an index beside the one that answers.
#[server(prefix = "/fn", endpoint = "build_index")]
pub(crate) async fn build_index(kind: String, model: String) -> Result<(), Failure> {
    use super::server::{admin, services};
    let (who, services) = (admin()?, services()?);
    services.sync.build(&who.viewer(), &index_name(&kind, model)?).await?;
    done(&services, &who, SyncCommand::Build, &format!("build {kind}")).await
}

/// Ends the building of an index.
#[server(prefix = "/fn", endpoint = "stop_building")]
pub(crate) async fn stop_building() -> Result<(), Failure> {
    use super::server::{admin, services};
    let (who, services) = (admin()?, services()?);
    services.sync.stop_building(&who.viewer()).await?;
    done(&services, &who, SyncCommand::Stop, "stop building").await
}

/// Removes an index that answered before; without emptying it, too, where it cannot be reached and `anyway` is said.
#[server(prefix = "/fn", endpoint = "forget_index")]
pub(crate) async fn forget_index(kind: String, model: String, #[server(default)] anyway: bool) -> Result<(), Failure> {
    use super::server::{admin, services};
    let (who, services) = (admin()?, services()?);
    services.sync.forget(&who.viewer(), &index_name(&kind, model)?, anyway).await?;
    done(&services, &who, SyncCommand::Remove, &format!("forget {kind}")).await
}

/// The page.
pub(crate) const SYNC: &str = "/admin/sync";

/// What administrators command, as the page says once that it was done.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncCommand {
    Compare,
    Replay,
    Build,
    Stop,
    Remove,
}

#[cfg(feature = "ssr")]
impl SyncCommand {
    const ALL: [Self; 5] = [Self::Compare, Self::Replay, Self::Build, Self::Stop, Self::Remove];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Replay => "replay",
            Self::Build => "build",
            Self::Stop => "stop",
            Self::Remove => "remove",
        }
    }
}

/// Writes down what was done, and goes back to the page, which says it.
#[cfg(feature = "ssr")]
async fn done(
    services: &crate::Services,
    who: &cjhirashi_domain::user::SignedIn,
    command: SyncCommand,
    what: &str,
) -> Result<(), Failure> {
    use super::server::{forward, note};
    use cjhirashi_domain::audit::Action;
    note(services, who, Action::Administered, None, Some(what)).await?;
    forward(&format!("{SYNC}?done={}", command.as_str()));
    Ok(())
}

#[cfg(feature = "ssr")]
fn index_name(kind: &str, model: String) -> Result<cjhirashi_domain::sync::IndexName, Failure> {
    use cjhirashi_domain::{
        ErrorCode,
        sync::{IndexKind, IndexName},
    };
    let kind = IndexKind::parse(kind).ok_or_else(|| super::server::fail(ErrorCode::InvalidRequest))?;
    Ok(IndexName { kind, model })
}

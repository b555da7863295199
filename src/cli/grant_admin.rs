//! `cjhirashi grant-admin`.

use anyhow::Context as _;
use cjhirashi_domain::{audit::Action, user::Email};
use cjhirashi_storage::Done;

use super::{GrantAdmin, with_store};
use crate::config::Config;

pub(super) async fn run(config: Config, args: GrantAdmin) -> anyhow::Result<()> {
    let email = Email::parse(&args.email).context("the address")?;
    let granted = with_store(&config, async |store| {
        let granted = store.grant_admin(&email).await?;
        let (action, subject) = match &granted {
            Some(person) => (Action::RoleChanged, person.as_str()),
            None => (Action::Invited, email.as_str()),
        };
        let done = Done { actor: None, action, subject: Some(subject), detail: Some("admin"), address: None };
        store.note(&done).await?;
        Ok(granted)
    })
    .await?;
    super::print(&match granted {
        Some(_) => format!("{} is an administrator", email.as_str()),
        None => format!("nobody has the address {} yet; whoever signs in with it is an administrator", email.as_str()),
    });
    Ok(())
}

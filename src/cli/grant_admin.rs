//! `cjhirashi grant-admin`.

use anyhow::Context as _;
use cjhirashi_domain::{
    audit::Action,
    user::{Email, Role},
};
use cjhirashi_storage::Done;

use super::{GrantAdmin, with_instance};
use crate::config::Config;

pub(super) async fn run(config: Config, args: GrantAdmin) -> anyhow::Result<()> {
    let email = Email::parse(&args.email).context("the address")?;
    let granted = with_instance(&config, async |store| {
        let (granted, role) = store.grant_admin(&email).await?;
        let action = if granted.is_some() { Action::RoleChanged } else { Action::Invited };
        let subject = granted.as_ref().map(|person| person.as_str());
        let done = Done { actor: None, action, subject, detail: Some(role.as_str()), address: None };
        store.note(&done).await?;
        Ok((granted, role))
    })
    .await?;
    let (granted, role) = granted;
    let role = if role == Role::Owner { "the owner" } else { "an administrator" };
    super::print(&match granted {
        Some(_) => format!("{} is {role}", email.as_str()),
        None => format!("nobody has the address {} yet; whoever signs in with it is {role}", email.as_str()),
    });
    Ok(())
}

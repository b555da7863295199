//! `cjhirashi api-key create`.

use anyhow::Context as _;
use cjhirashi_domain::{
    text::KeyName,
    user::{Email, Role},
};

use super::{CreateApiKey, with_instance};
use crate::config::Config;

pub(super) async fn create(config: Config, args: CreateApiKey) -> anyhow::Result<()> {
    let name = KeyName::parse(&args.name).context("--name")?;
    let email = Email::parse(&args.email).context("--email")?;
    let key = with_instance(&config, async |store| {
        let role = if email.as_str() == Email::LOCAL_OWNER { Role::Owner } else { Role::User };
        let user = store.ensure_user(&email, role).await?;
        let until = args.days.map(|days| store.now().plus_millis(i64::from(days) * 86_400_000));
        Ok(store.create_api_key(&user.id, &name, args.scope, until).await?.1)
    })
    .await?;
    super::print(&key);
    Ok(())
}

//! `cjhirashi api-key create`.

use anyhow::Context as _;
use cjhirashi_domain::{
    text::KeyName,
    user::{Email, Role},
};
use cjhirashi_storage::Store;

use super::CreateApiKey;
use crate::{
    config::Config,
    embedded::{self, Use},
    state,
};

pub(super) async fn create(config: Config, args: CreateApiKey) -> anyhow::Result<()> {
    let name = KeyName::parse(&args.name).context("--name")?;
    let email = Email::parse(&args.email).context("--email")?;
    let key = with_store(&config, async |store| {
        let role = if email.as_str() == Email::LOCAL_OWNER { Role::Owner } else { Role::User };
        let user = store.ensure_user(&email, role).await?;
        Ok(store.create_api_key(&user.id, &name).await?.1)
    })
    .await?;
    super::print(&key);
    Ok(())
}

/// Opens the store beside a server that may be running, or without one.
pub(super) async fn with_store<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    config.make_data_dir()?;
    let database = embedded::open(config, Use::Shared).await.context("the database cannot be started")?;
    let result = match state::open_store(config, &database.url).await {
        Ok(store) => {
            let result = work(&store).await;
            store.pool().close().await;
            result
        }
        Err(error) => Err(error.into()),
    };
    database.close().await;
    result
}

//! `cjhirashi migrate`.

use anyhow::Context as _;

use crate::{
    config::Config,
    embedded::{self, Use},
    state,
};

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    config.make_data_dir()?;
    let database = embedded::open(&config, Use::Shared).await.context("the database cannot be started")?;
    let result = state::open_store(&config, &database.url).await;
    if let Ok(store) = &result {
        store.pool().close().await;
    }
    database.close().await;
    result?;
    super::print("The database is up to date.");
    Ok(())
}

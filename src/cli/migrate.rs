//! `cjhirashi migrate`.

use super::with_store;
use crate::config::Config;

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    // Opening the store brings the schema up to date.
    with_store(&config, async |_| Ok(())).await?;
    super::print("The database is up to date.");
    Ok(())
}

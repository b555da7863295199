//! `cjhirashi init-index`: the ADR's `init-pinecone` script. Safe to repeat.

use std::time::Duration;

use cjhirashi_vectors::pinecone::{Creation, PineconeIndex};

use crate::config::Config;

/// A new index takes some seconds, and on a bad day a minute.
const READY_WITHIN: Duration = Duration::from_secs(180);

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let settings = &config.pinecone;
    let models = config.registry()?;
    let embedder = models.embedder();
    let (model, dimension) = (embedder.id(), embedder.dimension());
    let index = PineconeIndex::new(settings.options(model, dimension)?)?;
    let name = &settings.index;
    match &settings.host {
        Some(host) => super::print(&format!("PINECONE_HOST names the index at {host}, so none is made.")),
        None => {
            let made = match index.control().create(&settings.spec(dimension)).await? {
                Creation::Created => format!("is made, in {}", settings.deployment),
                Creation::Existed => "was there already".to_owned(),
            };
            super::print(&format!("The index \"{name}\" {made}."));
            let described = index.control().wait_ready(name, READY_WITHIN).await?;
            super::print(&format!("It is ready at {}.", described.host));
        }
    }
    // Finding the data compares dimension and metric with the model's.
    let counts = index.data().await?.counts().await?;
    super::print(&format!("It holds vectors of {dimension} numbers, as {model} makes them: {} so far.", counts.total));
    for (namespace, vectors) in &counts.namespaces {
        super::print(&format!("  {vectors} in the namespace {namespace:?}"));
    }
    Ok(())
}

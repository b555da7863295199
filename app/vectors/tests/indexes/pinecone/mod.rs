//! Pinecone, played by a faulty server that holds every request to the API's description.

mod chance;
mod faults;
mod indexes;
mod vectors;

use std::{ops::Deref, time::Duration};

use cjhirashi_testkit::{FaultyPinecone, pinecone::Plan};
use cjhirashi_vectors::pinecone::{
    Deployment, Host, IndexName, IndexSpec, Namespace, PineconeControl, PineconeIndex, PineconeOptions,
};

use crate::suite::conforms;

pub(crate) const DIMENSION: usize = 8;
const MODEL: &str = "test:axes@8";
const KEY: &str = "pcsk_very_secret";
const NAME: &str = "knowledge";
const NAMESPACE: &str = "test:axes@8";

/// A server with an index that is ready, and a client of it. Whatever a test does, requests keep to the description.
struct Knowledge {
    server: FaultyPinecone,
    index: PineconeIndex,
    other_program: reqwest::Client,
}

impl Deref for Knowledge {
    type Target = PineconeIndex;

    fn deref(&self) -> &PineconeIndex {
        &self.index
    }
}

impl Drop for Knowledge {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.server.violations(), Vec::<String>::new());
        }
    }
}

impl Knowledge {
    async fn start() -> Self {
        Self::of_dimension(DIMENSION).await
    }

    async fn of_dimension(dimension: usize) -> Self {
        let server = FaultyPinecone::start().await.unwrap();
        let index = PineconeIndex::new(PineconeOptions { dimension, ..options(&server) }).unwrap();
        make(&index, dimension).await;
        let other_program = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { server, index, other_program }
    }

    fn set(&self, plan: Plan) {
        self.server.set(plan);
    }

    /// Names of the vectors that readers see.
    fn names(&self) -> Vec<String> {
        self.server.vectors(NAME, NAMESPACE).into_keys().collect()
    }
}

fn options(server: &FaultyPinecone) -> PineconeOptions {
    PineconeOptions {
        key: KEY.into(),
        index: name(),
        namespace: Namespace::parse(NAMESPACE).unwrap(),
        control: Host::parse(&server.base_url()).unwrap(),
        host: None,
        model: MODEL.to_owned(),
        dimension: DIMENSION,
    }
}

fn name() -> IndexName {
    IndexName::parse(NAME).unwrap()
}

fn spec(dimension: usize) -> IndexSpec {
    IndexSpec { name: name(), dimension, deployment: Deployment::default() }
}

async fn make(index: &PineconeIndex, dimension: usize) {
    let control: &PineconeControl = index.control();
    control.create(&spec(dimension)).await.unwrap();
    control.wait_ready(&name(), Duration::from_secs(10)).await.unwrap();
}

#[tokio::test]
async fn pinecone_conforms_while_writes_are_seen_late() {
    for visible_after_ms in [0, 250] {
        let knowledge = Knowledge::start().await;
        knowledge.set(Plan { visible_after_ms, ..Plan::default() });
        conforms(&knowledge.index).await;
    }
}

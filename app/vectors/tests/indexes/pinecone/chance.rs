//! Faults by chance: whatever goes wrong on the way, an index that was told everything holds exactly that.

use std::{collections::BTreeSet, time::Duration};

use cjhirashi_domain::access::Visibility;
use cjhirashi_testkit::pinecone::{Chance, Plan};
use cjhirashi_vectors::{ChunkKey, IndexError, VectorIndex as _};
use futures::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::{DIMENSION, Knowledge};
use crate::suite::{axis, document, key, record};

/// As the job queue does: again until it works.
async fn until_done<T>(mut work: impl AsyncFnMut() -> Result<T, IndexError>) -> T {
    for _ in 0..50 {
        match work().await {
            Ok(done) => return done,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
    }
    panic!("50 times without success");
}

#[tokio::test]
async fn an_index_holds_what_it_was_told_whatever_goes_wrong() {
    join_all((0..6).map(history)).await;
}

/// Forty writes and deletions, one request in four of which meets a fault.
async fn history(seed: u64) {
    let knowledge = Knowledge::start().await;
    knowledge.set(Plan { chance: Some(Chance { seed, one_in: 4 }), visible_after_ms: 5, ..Plan::default() });
    let mut random = SmallRng::seed_from_u64(seed);
    let mut expected: BTreeSet<String> = BTreeSet::new();
    for _ in 0..40 {
        let (name, version) = (format!("d{}", random.random_range(0..5)), random.random_range(1..4));
        let keys: Vec<ChunkKey> = (0..random.random_range(1..4)).map(|seq| key(&name, version, seq)).collect();
        match random.random_range(0..4) {
            0 => {
                until_done(async || knowledge.delete(&keys).await).await;
                for key in &keys {
                    expected.remove(&key.to_string());
                }
            }
            1 => {
                // What is listed lags: as the job queue does, not right after the write.
                tokio::time::sleep(Duration::from_millis(10)).await;
                until_done(async || knowledge.delete_document(&document(&name), Some(version)).await).await;
                let (all, keep) = (format!("{name}#"), format!("{name}#{version}#"));
                expected.retain(|id| !id.starts_with(&all) || id.starts_with(&keep));
            }
            _ => {
                let records: Vec<_> = keys
                    .iter()
                    .map(|key| record(key.clone(), axis(DIMENSION, random.random_range(0..8)), Visibility::Public))
                    .collect();
                until_done(async || knowledge.upsert(records.clone()).await).await;
                expected.extend(keys.iter().map(ToString::to_string));
            }
        }
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    let listed = until_done(async || knowledge.list(None, None, 1000).await).await;
    let expected: Vec<String> = expected.into_iter().collect();
    assert_eq!(listed.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "seed {seed}");
    assert_eq!(knowledge.names(), expected, "seed {seed}");
}

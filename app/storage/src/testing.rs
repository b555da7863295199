//! For this crate's tests: a store over a fresh database, with a clock that the test moves.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use cjhirashi_domain::Timestamp;
use cjhirashi_testkit::TestDb;

use crate::{AppSecret, Environment, Store, StoreOptions, SystemEnvironment};

/// Stands still until it is moved.
#[derive(Debug)]
pub(crate) struct Clock(AtomicI64);

impl Clock {
    /// Moves the clock on.
    pub(crate) fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Environment for Clock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    fn random(&self) -> u128 {
        SystemEnvironment.random()
    }
}

/// A store over a database as it is.
pub(crate) async fn connect(database: &TestDb) -> (Store, Arc<Clock>) {
    let clock = Arc::new(Clock(AtomicI64::new(SystemEnvironment.now().0)));
    let options = StoreOptions {
        max_connections: 3,
        environment: clock.clone(),
        ..StoreOptions::new(&database.url, AppSecret::new(*b"a secret that only tests may know"))
    };
    (Store::connect(options).await.unwrap(), clock)
}

/// A store over a fresh database with the whole schema. The database goes when it is dropped.
pub(crate) async fn migrated() -> (TestDb, Store, Arc<Clock>) {
    let database = TestDb::new().await.unwrap();
    let (store, clock) = connect(&database).await;
    store.migrate().await.unwrap();
    (database, store, clock)
}

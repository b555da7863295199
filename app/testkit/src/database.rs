//! A fresh database per test in one real PostgreSQL.

use anyhow::Context as _;
use sqlx::{Connection as _, Executor as _};

/// An empty database of its own, dropped when the test ends.
#[derive(Debug)]
pub struct TestDb {
    /// `postgres://…` of the empty database; run the migrations yourself.
    pub url: String,
    admin_url: String,
    name: String,
}

impl TestDb {
    /// Makes an empty database in the server that `TEST_DATABASE_URL` names.
    pub async fn new() -> anyhow::Result<Self> {
        let admin_url = std::env::var("TEST_DATABASE_URL").context("TEST_DATABASE_URL")?;
        let name = format!("test_{:032x}", rand::random::<u128>());
        let mut admin = sqlx::PgConnection::connect(&admin_url).await?;
        admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
        let (base, _) = admin_url.rsplit_once('/').context("TEST_DATABASE_URL names a database")?;
        Ok(Self { url: format!("{base}/{name}"), admin_url, name })
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let (url, name) = (self.admin_url.clone(), self.name.clone());
        // A destructor cannot wait, and the test's runtime may be gone: a thread with its own does it.
        let _ = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                if let Ok(mut admin) = sqlx::PgConnection::connect(&url).await {
                    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    let _ = admin.execute(sqlx::AssertSqlSafe(sql)).await;
                }
            });
        })
        .join();
    }
}

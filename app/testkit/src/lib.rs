//! For tests only: real PostgreSQL, the real binary, and servers that speak the providers' protocols on loopback.

mod app;
mod database;
pub mod files;
pub mod load;
pub mod models;
mod qdrant;

pub use app::{TestApp, TestAppOptions, TestDatabase};
pub use database::{PgVector, TestDb};
pub use models::{Answer, Break, Script, ScriptedModels};
pub use qdrant::{FakeQdrant, Fault};

/// A test that cannot run here says so; on CI it must not pass for one that did.
#[expect(clippy::print_stderr, reason = "for the one who runs the tests")]
pub fn left_out(what: &str, way_out: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what}: {way_out}");
    eprintln!("\nLEFT OUT: {what}: {way_out}\n");
}

//! For tests only: real PostgreSQL, the real binary, and servers that speak the providers' protocols on loopback.

mod app;
mod database;
pub mod files;
pub mod load;
pub mod models;

pub use app::{TestApp, TestAppOptions, TestDatabase};
pub use database::{PgVector, TestDb};
pub use models::{Answer, Break, Script, ScriptedModels};

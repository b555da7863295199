//! For tests only: real PostgreSQL, the real binary, and servers that speak the providers' protocols on loopback.

mod database;

pub use database::TestDb;

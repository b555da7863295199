//! The words of the product: ids, entities, settings, access rules and the events on the wire.
//!
//! Pure and small: this crate is compiled for the server *and* for the browser, so it does no I/O, reads no clock
//! and draws no randomness. Everything that comes from outside is parsed here once, by a newtype's `parse`, and is
//! trusted afterwards.
//!
//! To add an entity: a module with its struct, its newtypes and their tests; a row and its conversion in
//! `storage`; a rule in [`access`] when it belongs to somebody.

pub mod access;
pub mod api_key;
pub mod artifact;
pub mod audit;
pub mod branch;
pub mod chat;
pub mod document;
pub mod error;
pub mod event;
pub mod id;
pub mod keys;
pub mod order;
pub mod passage;
pub mod prompt;
pub mod search;
pub mod settings;
pub mod spending;
pub mod sync;
pub mod text;
pub mod time;
pub mod user;

pub use access::Viewer;
pub use error::ErrorCode;
pub use time::Timestamp;

//! Conversations to and from other programs' files: the exports of ChatGPT and Open WebUI, and our own.
//!
//! What comes in is untrusted. Files are recognised by what they hold, not by their name; whatever is in them, reading
//! ends, without recursion, within bounds of memory; a field that cannot be read is left out, and a conversation that
//! cannot be read costs only itself. This crate does no I/O and reads no clock: it gets bytes, and a writer.
//!
//! To read another program's export: a variant of [`Source`] and its mark in `recognise.rs`; a module with
//! `fn read(text, language) -> Result<Conversation, Unread>` that makes a draft, called by [`read`], which brings every
//! draft within the bounds; what its files look like as tests in `tests/`.

mod archive;
mod chatgpt;
mod conversation;
mod error;
mod items;
mod lenient;
mod markdown;
mod marks;
mod openwebui;
mod own;
mod read;
mod recognise;
mod tree;

pub use conversation::{CitedSource, Conversation, ImportedMessage, Kept, KeptImage, Source};
pub use error::{DamagedConversation, ImportError};
pub use markdown::{file_name, markdown};
pub use own::Export;
pub use read::{Conversations, read};

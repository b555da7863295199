//! One generation, from the question to the saved answer.
//!
//! A **generation** belongs to the server, not to the request that started it. [`ChatService::send`] commits the
//! question and an empty answer, then a run of its own searches, asks the model, and appends events with sequence
//! numbers; any number of readers follow it ([`ChatService::events`]), now or after a reload, here or on another
//! replica. No connection to the database is held while a model speaks.
//!
//! This crate may not know HTTP or the pages. What a model writes is hostile until `cjhirashi-markdown` has rendered it.
//!
//! To add another way of answering: a module that gives pieces as `run` takes them (see `extractive`), and its
//! branch in `run`.

mod answer;
mod artifacts;
mod cited;
mod complete;
mod error;
mod extractive;
mod image;
mod journal;
mod made;
mod parts;
mod prompt;
mod reader;
mod recovery;
mod retrieved;
mod run;
mod service;
mod side;
mod stop;
mod summary;
mod title;
mod words;

pub use answer::render_answer;
pub use artifacts::{ArtifactError, ArtifactService, Change, Draft, Opened, Saved};
pub use complete::{Completion, CompletionEvent, CompletionRequest, CompletionStream, RetrievalOptions};
pub use error::ChatError;
pub use image::{MAX_BYTES as MAX_IMAGE_BYTES, image_turn, read_image};
pub use parts::{MessagePart, parts_of};
pub use reader::{EventStream, SequencedEvent};
pub use service::{Accepted, ChatService, SendMessage, Sent};
pub use title::Titles;

/// The id of the answerer that quotes passages instead of writing: the default when no model is configured.
pub const EXTRACTIVE: &str = cjhirashi_models::EXTRACTIVE;

//! What can go wrong with a question before its answer begins. What goes wrong later is part of the answer
//! ([`cjhirashi_domain::chat::MessageError`]).

use cjhirashi_domain::{ErrorCode, text::InvalidText};
use cjhirashi_models::ModelError;
use cjhirashi_retrieval::RetrievalError;
use cjhirashi_storage::StorageError;

/// A chat command was not done.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// No such chat or message, or not the viewer's.
    #[error("no such chat")]
    ChatNotFound,
    /// No such generation, or not the viewer's.
    #[error("no such generation")]
    GenerationNotFound,
    /// Another answer of this chat is being written.
    #[error("another answer of this chat is being written")]
    Busy,
    /// As many questions wait in this chat as may.
    #[error("too many questions wait in this chat")]
    QueueFull,
    /// One of the images is not there, or was sent before.
    #[error("one of the images is not there")]
    ImageNotFound,
    /// The file is no image that can be read.
    #[error("the image cannot be read: {0}")]
    Image(#[from] crate::image::ImageError),
    /// The model takes no images, and is asked about one.
    #[error("the model takes no images")]
    Blind,
    /// More images than a question has.
    #[error("too many images")]
    TooManyImages,
    /// The text of a message does not fit.
    #[error("the message does not fit: {0}")]
    Text(#[from] InvalidText),
    /// A completion without a person's turn at its end, or with too many turns.
    #[error("the conversation must end with a message of the user and have at most {max} messages")]
    Conversation {
        /// The most messages.
        max: usize,
    },
    /// The server is stopping and starts no new answer.
    #[error("the server is stopping")]
    Closing,
    /// This process writes as many answers as it can.
    #[error("too many answers are being written at once")]
    TooMany,
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The search failed.
    #[error(transparent)]
    Retrieval(#[from] RetrievalError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ChatError {
    /// The public code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::ChatNotFound => ErrorCode::ChatNotFound,
            Self::GenerationNotFound => ErrorCode::GenerationNotFound,
            Self::Busy => ErrorCode::ChatBusy,
            Self::QueueFull => ErrorCode::QueueFull,
            Self::ImageNotFound => ErrorCode::ImageNotFound,
            Self::Image(_) => ErrorCode::ImageInvalid,
            Self::Blind => ErrorCode::ModelBlind,
            Self::TooManyImages => ErrorCode::ImagesTooMany,
            Self::Text(InvalidText::Empty) => ErrorCode::MessageEmpty,
            Self::Text(InvalidText::TooLong { .. }) => ErrorCode::MessageTooLong,
            Self::Conversation { .. } => ErrorCode::InvalidRequest,
            Self::Closing => ErrorCode::Interrupted,
            Self::TooMany => ErrorCode::TooMany,
            Self::Model(error) => error.code(),
            Self::Retrieval(error) => error.code(),
            Self::Storage(error) => error.code(),
        }
    }

    /// What helps a person beyond the code's own words, without secrets.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Model(error) => error.detail(),
            _ => None,
        }
    }
}

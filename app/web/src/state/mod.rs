//! What lives longer than one component: who is here, the list of chats, uploads, notices; and the browser's doors.
//!
//! Everything here also compiles for the server, where effects never run and so no browser function is ever called.

pub(crate) mod acts;
pub(crate) mod browser;
mod chat;
mod images;
mod notices;
mod session;
mod stream;
mod uploads;

pub(crate) use chat::{ChatState, Chats, Go, PassageAt, draft_key};
pub(crate) use images::Images;
pub(crate) use notices::Notices;
pub(crate) use session::{PageLanguage, Session, use_session, use_texts};
pub(crate) use stream::{Told, follow_chats, follow_generation};
pub(crate) use uploads::{Upload, UploadState, Uploads};

//! One module per page.

mod admin;
mod chat;
mod document;
mod documents;
mod not_found;
mod served;
mod sign_in;

pub(crate) use admin::AdminPage;
pub(crate) use chat::{ChatPage, NewChatPage};
pub(crate) use document::DocumentPage;
pub(crate) use documents::DocumentsPage;
pub(crate) use not_found::NotFoundPage;
pub(crate) use served::ServedPage;
pub(crate) use sign_in::SignInPage;

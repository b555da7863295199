//! The pieces that pages are made of.

mod admin;
mod answer;
mod chat;
mod composer;
mod dates;
mod delete;
mod documents;
mod frame;
mod icon;
mod message;
mod palette;
mod panel;
mod picker;
mod problem;
mod table;
mod uploads;
mod welcome;
mod whole;

pub(crate) use admin::admin_sections;
pub(crate) use chat::Conversation;
pub(crate) use dates::Ago;
#[cfg(feature = "ssr")]
pub(crate) use dates::iso;
pub(crate) use delete::DeleteMenu;
pub(crate) use documents::{DocumentList, Shelf, StateOf};
pub(crate) use frame::{Frame, Page};
pub(crate) use icon::{Icon, brand, icon};
pub(crate) use problem::{FormProblem, Problem, Skeleton, error_callout, use_failure_of_address};
pub(crate) use table::{Heading, filter_button, pager, pages, search_field, sort_choice, sort_heads};
pub(crate) use uploads::{DropAnywhere, DropZone, FileChooser, UploadList};
pub(crate) use whole::{Children, Piece, Whole};

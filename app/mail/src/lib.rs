//! Mail to people: the words of each, and the worker that takes mails from the outbox and hands them to an SMTP server.
//!
//! It decides neither who gets a mail nor why: `storage` writes a mail where its cause is committed, by the rule in the
//! schema, and tells what it says when it is sent. Nothing of a chat or a document is in a mail but its title.
//!
//! To add a mail: see `storage`'s module `mails`; then its words in [`words`].

mod config;
mod mailer;
mod words;
mod worker;

pub use config::{InvalidMailSetting, MailConfig};
pub use mailer::{MailError, Mailer};
pub use words::Draft;
pub use worker::{MailWorker, MailWorkerHandle, MailWorkerOptions};

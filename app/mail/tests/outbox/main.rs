//! The outbox with a real PostgreSQL and a mail server that speaks the real protocol.

mod causes;
mod failures;
mod support;

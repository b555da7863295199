//! What every client of somebody else's HTTP service shares: connections, bounded bodies, waits that a server asks for,
//! its words cut to a line, and keys that do not print. It knows no service; what an answer means is for its client.

mod clients;
mod secret;
mod words;

pub use clients::{BodyError, Clients, is_loopback, read_body, retry_after};
pub use secret::Secret;
pub use words::{innermost, shorten};

//! Time and randomness come from outside, so that tests can hold them still.

use cjhirashi_domain::Timestamp;

/// Where the store gets the time and its random bits.
pub trait Environment: Send + Sync + 'static {
    /// The moment now.
    fn now(&self) -> Timestamp;
    /// Random bits, fit for secrets.
    fn random(&self) -> u128;
}

/// The machine's clock and the operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn random(&self) -> u128 {
        rand::random()
    }
}

//! How often a call is tried, and for how long in all.

use std::time::Duration;

use rand::{Rng, RngExt as _};

/// The shortest pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause that nobody asked for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How patient a call is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Tries in all.
    pub(crate) tries: u32,
    /// The time of all tries and the pauses between them.
    pub(crate) limit: Duration,
    /// The time of one try.
    pub(crate) one: Duration,
}

impl Patience {
    /// Somebody waits for an answer, which words alone can give too.
    pub(crate) const ASKED: Self = Self { tries: 3, limit: Duration::from_secs(3), one: Duration::from_secs(2) };
    /// A job writes or compares; it can come back later.
    pub(crate) const JOB: Self = Self { tries: 4, limit: Duration::from_secs(60), one: Duration::from_secs(30) };
}

/// Pauses with decorrelated jitter: each between the shortest and three times the last, so that those who failed
/// together do not come back together. <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
#[derive(Debug)]
pub(crate) struct Pauses {
    last: Duration,
}

impl Pauses {
    pub(crate) const fn new() -> Self {
        Self { last: FIRST_PAUSE }
    }

    /// The next pause: at least what the server asked for, then up to half of it more.
    pub(crate) fn next(&mut self, asked: Option<Duration>, random: &mut impl Rng) -> Duration {
        if let Some(asked) = asked {
            return asked.mul_f64(random.random_range(1.0..=1.5));
        }
        let longest = (self.last * 3).min(LONGEST_PAUSE);
        self.last = random.random_range(FIRST_PAUSE..=longest.max(FIRST_PAUSE));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::SmallRng};

    use super::*;

    #[test]
    fn pauses_grow_by_chance_within_their_bounds() {
        let mut random = SmallRng::seed_from_u64(3);
        let mut longest = Duration::ZERO;
        for _ in 0..50 {
            let mut pauses = Pauses::new();
            let mut last = FIRST_PAUSE;
            for _ in 0..20 {
                let pause = pauses.next(None, &mut random);
                assert!((FIRST_PAUSE..=(last * 3).min(LONGEST_PAUSE)).contains(&pause), "{last:?} then {pause:?}");
                last = pause;
                longest = longest.max(pause);
            }
        }
        assert!(longest > Duration::from_secs(8), "{longest:?}");
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept_and_spread() {
        let mut random = SmallRng::seed_from_u64(4);
        let asked = Duration::from_secs(2);
        let pauses: Vec<Duration> = (0..50).map(|_| Pauses::new().next(Some(asked), &mut random)).collect();
        assert!(pauses.iter().all(|pause| (asked..=asked * 3 / 2).contains(pause)));
        assert!(pauses.iter().max() > pauses.iter().min());
    }
}

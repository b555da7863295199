//! What goes wrong, and how things are.

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use serde::{Deserialize, Serialize};

/// What the server does with the requests to come. Every field may be left out in JSON.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Faults, the first that applies.
    pub faults: Vec<Fault>,
    /// Faults by chance, where none of the others applies.
    pub chance: Option<Chance>,
    /// Milliseconds until a write is seen.
    pub visible_after_ms: u64,
    /// Writes are not seen before they are told to be.
    pub hold_writes: bool,
    /// Milliseconds before every answer.
    pub latency_ms: u64,
    /// Milliseconds until a new index is ready.
    pub ready_after_ms: u64,
    /// How answers tell places in the log.
    pub positions: Positions,
    /// The only key it takes; `None` takes any.
    pub key: Option<String>,
}

/// How answers tell places in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Positions {
    /// In the headers of today.
    #[default]
    Current,
    /// In the headers that clients know as a fallback.
    Former,
    /// Not at all.
    Untold,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// With which operation, by its name in the description (`upsertVectors`); `None` with any.
    #[serde(default)]
    pub operation: Option<String>,
    /// How many such requests pass first.
    #[serde(default)]
    pub after: u32,
    /// How many times; `None` always.
    #[serde(default)]
    pub times: Option<u32>,
}

impl Fault {
    /// With every request.
    #[must_use]
    pub const fn always(kind: FaultKind) -> Self {
        Self { kind, operation: None, after: 0, times: None }
    }

    /// With the next requests of one operation.
    #[must_use]
    pub fn next(operation: &str, times: u32, kind: FaultKind) -> Self {
        Self { kind, operation: Some(operation.to_owned()), after: 0, times: Some(times) }
    }

    /// After so many requests that pass.
    #[must_use]
    pub fn after(self, after: u32) -> Self {
        Self { after, ..self }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 for the moment.
    RateLimited {
        /// Seconds in `Retry-After`.
        retry_after: Option<u64>,
    },
    /// 429 for the rest of the month.
    MonthUsedUp,
    /// This status, in the JSON of the operation.
    Status(u16),
    /// This status, as a page of a proxy.
    Page(u16),
    /// 401 as plain text, whatever the key.
    Unauthorized,
    /// 200 with a body that is no JSON.
    Garbage,
    /// The connection is reset before anything is done.
    Reset,
    /// All is done, then the connection is reset.
    LostAcknowledgement,
    /// The answer takes this many milliseconds more.
    Slow(u64),
}

/// Faults by chance: one request in so many has one, and which is chosen by a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chance {
    /// The same seed and the same order of requests give the same faults.
    pub seed: u64,
    /// One request in this many.
    pub one_in: u32,
}

/// A plan under way.
#[derive(Debug)]
pub(super) struct Running {
    plan: Plan,
    random: SmallRng,
}

impl Running {
    pub(super) fn new(plan: Plan) -> Self {
        let random = SmallRng::seed_from_u64(plan.chance.map_or(0, |chance| chance.seed));
        Self { plan, random }
    }

    pub(super) const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What goes wrong with a request of this operation.
    pub(super) fn draw(&mut self, operation: &str) -> Option<FaultKind> {
        for fault in &mut self.plan.faults {
            if fault.operation.as_deref().is_some_and(|wanted| wanted != operation) || fault.times == Some(0) {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times -= 1;
            }
            return Some(fault.kind);
        }
        let chance = self.plan.chance?;
        // Both are drawn each time, so that the faults stay the same when their frequency changes.
        let (hit, kind) = (self.random.random_range(0..chance.one_in.max(1)) == 0, self.random.random_range(0..6));
        hit.then_some(match kind {
            0 => FaultKind::RateLimited { retry_after: Some(0) },
            1 => FaultKind::Status(503),
            2 => FaultKind::Page(502),
            3 => FaultKind::Reset,
            4 => FaultKind::LostAcknowledgement,
            _ => FaultKind::Slow(50),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_comes_to_its_operation_after_some_and_so_many_times() {
        let fault = Fault::next("queryVectors", 2, FaultKind::Reset).after(1);
        let mut running = Running::new(Plan { faults: vec![fault], ..Plan::default() });
        let drawn: Vec<bool> = ["queryVectors", "listVectors", "queryVectors", "queryVectors", "queryVectors"]
            .map(|operation| running.draw(operation).is_some())
            .into();
        assert_eq!(drawn, [false, false, true, true, false]);
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed() {
        let drawn = |seed| {
            let mut running = Running::new(Plan { chance: Some(Chance { seed, one_in: 3 }), ..Plan::default() });
            (0..200).map(|_| running.draw("x")).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let faults = drawn(7).into_iter().flatten().count();
        assert!((40..95).contains(&faults), "{faults}");
    }

    #[test]
    fn a_plan_is_read_from_json() {
        let plan: Plan = serde_json::from_str(
            r#"{"faults": [{"kind": {"rate_limited": {"retry_after": 2}}, "operation": "upsertVectors", "times": 1},
                {"kind": "lost_acknowledgement"}, {"kind": {"status": 503}}], "hold_writes": true}"#,
        )
        .unwrap();
        assert_eq!(plan.faults[0].kind, FaultKind::RateLimited { retry_after: Some(2) });
        assert!(plan.hold_writes && serde_json::from_str::<Plan>(r#"{"fault": []}"#).is_err());
    }
}

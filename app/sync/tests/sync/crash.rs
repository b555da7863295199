//! A worker is killed at every step it takes, and both databases come together again.
//!
//! A worker runs in a process of its own, with the real client of Pinecone; everything it sends passes a gate that counts
//! and kills. After each death answers are looked at before anybody repairs anything; then another worker goes on, and
//! both databases, the documents and what was embedded are compared with what they should be.
//!
//! `make crash` takes every step and hundreds of interleavings; without it some are drawn. The seed is printed:
//! `CRASH_SEED` draws the same again, `CRASH_POINTS` (or `all`) and `CRASH_INTERLEAVINGS` say how many.

mod chance;
mod gate;
mod process;
mod world;

use std::time::{Duration, Instant};

use cjhirashi_domain::{access::Visibility, id::DocumentId};
use cjhirashi_sync::WorkerOptions;
use cjhirashi_testkit::pinecone::Plan;
use cjhirashi_vectors::{ChunkKey, VectorIndex as _};
use futures::future::join_all;
use parking_lot::Mutex;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};

use self::{
    gate::{Kill, Side},
    process::{Process, Task},
    world::World,
};

/// Not a test of its own: what the processes run until they are killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the other tests kill"]
async fn child() {
    process::run().await;
}

/// A number from the environment; `all` is very many.
fn setting(name: &str, otherwise: usize) -> usize {
    match std::env::var(name).ok().filter(|value| !value.is_empty()) {
        None => otherwise,
        Some(all) if all == "all" => usize::MAX,
        Some(number) => number.parse().unwrap(),
    }
}

fn seed() -> u64 {
    std::env::var("CRASH_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap())
}

/// What a worker is doing when it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    Index,
    NewVersion,
    Relabel,
    Share,
    TakeBack,
    Delete,
    Repair,
    /// Another index is built from the database and takes over.
    Switch,
    /// More chunks than are stored, or brought to the index, at once.
    Large,
}

const SCENARIOS: [Scenario; 8] = [
    Scenario::Index,
    Scenario::NewVersion,
    Scenario::Relabel,
    Scenario::Share,
    Scenario::TakeBack,
    Scenario::Delete,
    Scenario::Repair,
    Scenario::Switch,
];

/// Texts of one call, and tokens of one passage: several calls, and several passages, of little text.
const BATCH: usize = 2;
const TOKENS: usize = 32;
const BYTES: usize = 600;
const MANY_BYTES: usize = 45_000;

/// A world in which others have documents too.
async fn inhabited() -> World {
    let mut world = World::new(BATCH, TOKENS).await;
    let (owner, ana) = (world.base.owner.clone(), world.ana.clone());
    world.add(&owner, world.private(), 250).await;
    world.add(&owner, Visibility::Public, 250).await;
    world.add(&ana, Visibility::Private(ana.user_id.clone()), 250).await;
    world.work_until_quiet().await;
    world.check_convergence("at the beginning").await;
    world
}

impl Scenario {
    /// Leaves a job to do.
    async fn prepare(self, world: &mut World) -> DocumentId {
        let owner = world.base.owner.clone();
        let visibility = if self == Self::TakeBack { Visibility::Public } else { world.private() };
        let bytes = if self == Self::Large { MANY_BYTES } else { BYTES };
        let id = world.add(&owner, visibility, bytes).await;
        if matches!(self, Self::Index | Self::Large) {
            return id;
        }
        world.work_until_quiet().await;
        world.pinecone.show_writes();
        match self {
            Self::Index | Self::Large => {}
            Self::NewVersion => world.add_version(&id, 200).await,
            Self::Relabel => world.relabel(&id).await,
            Self::Share => world.share(&id, Visibility::Public).await,
            Self::TakeBack => world.share(&id, world.private()).await,
            Self::Delete => world.delete(&id).await,
            Self::Switch => world.build_anew().await,
            Self::Repair => {
                let lost = ChunkKey { document_id: id.clone(), version: 1, seq: 1 };
                world.index.delete(&[lost]).await.unwrap();
                world.pinecone.show_writes();
                world.base.store.ask_for_repairs(std::slice::from_ref(&id)).await.unwrap();
            }
        }
        id
    }

    /// Kills a worker there, looks at everything, and cleans up. The worker's steps, and whether it was killed.
    async fn run(self, world: &mut World, kill: Option<Kill>, late: bool) -> (usize, bool) {
        // After a switch a comparison waits for the repairs that it asks for.
        let concurrency = if self == Self::Switch { 2 } else { 1 };
        // And it compares only what is shown.
        let late = late && self != Self::Switch;
        let options = WorkerOptions { concurrency, lease: Duration::from_secs(60), ..WorkerOptions::default() };
        let mut process = Process::start(world, Task::Once, &options, kill).await;
        let id = self.prepare(world).await;
        // Writes are seen at once, or not before all is done.
        world.pinecone.set(Plan { hold_writes: late, ..Plan::default() });
        process.begin().await;
        let killed = process.wait().await;
        let steps = process.gates.steps();
        let last = steps.last().cloned().unwrap_or_default();
        let when = format!("{self:?}, {kill:?}, late {late}, {last:?}");
        world.note_lost().await;
        // What the index lost is found again when it is repaired, not before; and another one would answer meanwhile.
        if !matches!(self, Self::Repair | Self::Switch) {
            world.check_answers(&format!("{when}, dead")).await;
        }
        world.work_until_quiet().await;
        world.check_answers(&format!("{when}, quiet")).await;
        world.check_convergence(&when).await;
        if !world.documents[&id].deleted {
            world.delete(&id).await;
            world.work_until_quiet().await;
        }
        world.forget_deleted();
        (steps.len(), killed)
    }
}

/// Runs tasks in some worlds side by side, as most of the time is spent waiting, and gives what became of each, and how
/// often a comparison found a difference.
async fn side_by_side<T, O, F>(tasks: Vec<T>, worlds: usize, world: impl AsyncFn() -> World, run: F) -> (Vec<O>, usize)
where
    T: Send + 'static,
    O: Send + 'static,
    F: AsyncFn(&mut World, T) -> O,
{
    let tasks = Mutex::new(tasks.into_iter());
    let (tasks, world, run) = (&tasks, &world, &run);
    let all = (0..worlds).map(|_| async move {
        let (mut world, mut outcomes) = (world().await, Vec::new());
        loop {
            let task = tasks.lock().next();
            let Some(task) = task else { return (outcomes, world) };
            outcomes.push(run(&mut world, task).await);
        }
    });
    // None goes before all are done: to drop a database blocks the thread, on which the others may just be connecting.
    let (outcomes, worlds): (Vec<_>, Vec<_>) = join_all(all).await.into_iter().unzip();
    (outcomes.into_iter().flatten().collect(), worlds.iter().map(|world| world.drifted).sum())
}

/// Kills a worker at some of all steps of these scenarios, drawn by a seed.
async fn kill_at_steps(name: &str, scenarios: &[Scenario], most: usize, world: impl AsyncFn() -> World) {
    let (seed, began) = (seed(), Instant::now());
    eprintln!("{name}: CRASH_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let (mut points, mut steps) = (Vec::new(), Vec::new());
    let mut first = world().await;
    for &scenario in scenarios {
        let (all, killed) = scenario.run(&mut first, None, random.random()).await;
        assert!(!killed);
        steps.push(format!("{scenario:?} {all}"));
        for step in 1..=all {
            points.extend([Side::Before, Side::After].map(|side| (scenario, Kill { step, side }, random.random())));
        }
    }
    drop(first);
    let all = points.len();
    points.shuffle(&mut random);
    points.truncate(most);
    let kill = async |world: &mut World, (scenario, kill, late): (Scenario, Kill, bool)| {
        scenario.run(world, Some(kill), late).await.1
    };
    let (killed, drifted) = side_by_side(points, 2, world, kill).await;
    let killed = killed.into_iter().filter(|killed| *killed).count();
    let seconds = began.elapsed().as_secs_f64();
    let steps = steps.join(", ");
    eprintln!("| {name}: {steps} | killed at {killed} of {all} in {seconds:.0} s, {drifted} of them drifted |");
    assert!(killed > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_at_any_step_leaves_right_answers_and_databases_that_come_together() {
    kill_at_steps("steps", &SCENARIOS, setting("CRASH_POINTS", 40), inhabited).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_within_a_document_of_many_batches_leaves_databases_that_come_together() {
    let most = setting("CRASH_POINTS", 40).div_ceil(10);
    kill_at_steps("steps of many batches", &[Scenario::Large], most, async || World::new(100, TOKENS).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_that_die_among_faults_and_changes_leave_databases_that_come_together() {
    let (seed, count, began) = (seed(), setting("CRASH_INTERLEAVINGS", 6), Instant::now());
    let seeds: Vec<u64> = (0..count as u64).map(|n| seed.wrapping_add(n)).collect();
    let run = async |world: &mut World, seed: u64| {
        eprintln!("interleaving: CRASH_SEED={seed} CRASH_INTERLEAVINGS=1");
        chance::run(world, seed).await
    };
    let (outcomes, drifted) = side_by_side(seeds, count.clamp(1, 4), inhabited, run).await;
    let kills: usize = outcomes.iter().map(|outcome| outcome.kills).sum();
    let operations: usize = outcomes.iter().map(|outcome| outcome.operations).sum();
    let seconds = began.elapsed().as_secs_f64();
    eprintln!(
        "| interleavings: {count} | {kills} kills among {operations} changes in {seconds:.0} s, {drifted} of them drifted |"
    );
}

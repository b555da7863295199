//! Two workers, some documents and the people who change them, faults of the index, and deaths: all drawn by a seed.

use std::time::{Duration, Instant};

use cjhirashi_domain::{access::Visibility, id::DocumentId};
use cjhirashi_sync::WorkerOptions;
use cjhirashi_testkit::pinecone::{Chance, Plan};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::{
    gate::{Kill, Side},
    process::{Process, Task},
    world::World,
};

/// Documents at once, so that a search can show all there are.
const DOCUMENTS: usize = 4;
/// One request to the index in so many meets a fault.
const FAULTS: u32 = 8;

/// Runs of one process at the same time.
pub(crate) const RUNS: usize = 2;

/// What became of one interleaving.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    pub(crate) kills: usize,
    pub(crate) operations: usize,
}

fn options() -> WorkerOptions {
    // Long enough that nobody loses one who lives, however busy the machine.
    WorkerOptions { concurrency: RUNS, lease: Duration::from_secs(2), ..WorkerOptions::default() }
}

async fn start(world: &World, random: &mut SmallRng) -> Process {
    let side = if random.random() { Side::Before } else { Side::After };
    let kill = random.random_ratio(4, 5).then(|| Kill { step: random.random_range(5..160), side });
    Process::start(world, Task::On, &options(), kill).await
}

/// One interleaving, from beginning to end; the world is as before afterwards.
pub(crate) async fn run(world: &mut World, seed: u64) -> Outcome {
    let mut random = SmallRng::seed_from_u64(seed);
    let before: Vec<DocumentId> = world.documents.keys().cloned().collect();
    let faulty = Plan {
        chance: Some(Chance { seed, one_in: FAULTS }),
        visible_after_ms: [0, 30, 400][random.random_range(0..3)],
        ..Plan::default()
    };
    let mut processes = [start(world, &mut random).await, start(world, &mut random).await];
    for process in &mut processes {
        process.begin().await;
    }
    world.pinecone.set(faulty.clone());
    let mut outcome = Outcome { operations: random.random_range(8..20), ..Outcome::default() };
    for operation in 0..outcome.operations {
        operate(world, &mut random, &before).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..80))).await;
        if random.random_ratio(1, 5) {
            world.check_answers(&format!("seed {seed}, operation {operation}")).await;
        }
        for process in &mut processes {
            if process.ended().is_some() {
                process.wait().await;
                outcome.kills += 1;
                world.deaths += 1;
                world.check_answers(&format!("seed {seed}, death {} at operation {operation}", outcome.kills)).await;
                *process = start(world, &mut random).await;
                process.begin().await;
            }
        }
    }
    // Sometimes what the dead held is taken by those who live.
    let until = Instant::now() + Duration::from_millis(if random.random_ratio(1, 3) { 2_500 } else { 100 });
    while Instant::now() < until && processes.iter().any(|process| process.ended().is_none()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for process in processes {
        process.kill().await;
        outcome.kills += 1;
        world.deaths += 1;
    }
    world.check_answers(&format!("seed {seed}, all dead")).await;
    world.retry_all().await;
    world.work_until_quiet().await;
    world.check_answers(&format!("seed {seed}, quiet")).await;
    world.check_convergence(&format!("seed {seed}")).await;
    for id in living(world, &before) {
        world.delete(&id).await;
    }
    world.work_until_quiet().await;
    world.pinecone.show_writes();
    world.forget_deleted();
    outcome
}

/// Documents of this interleaving.
fn living(world: &World, before: &[DocumentId]) -> Vec<DocumentId> {
    let ours = world.documents.iter().filter(|(id, expected)| !expected.deleted && !before.contains(id));
    ours.map(|(id, _)| id.clone()).collect()
}

/// Somebody does something.
async fn operate(world: &mut World, random: &mut SmallRng, before: &[DocumentId]) {
    let (owner, ana) = (world.base.owner.clone(), world.ana.clone());
    let living = living(world, before);
    let kind = random.random_range(0..12);
    if living.is_empty() || kind < 3 && living.len() < DOCUMENTS {
        let (by, visibility) = match random.random_range(0..4) {
            0 => (&ana, Visibility::Private(ana.user_id.clone())),
            1 => (&owner, Visibility::Public),
            _ => (&owner, world.private()),
        };
        world.add(by, visibility, random.random_range(100..500)).await;
        return;
    }
    let id = living[random.random_range(0..living.len())].clone();
    match kind {
        0..=4 => world.add_version(&id, random.random_range(80..250)).await,
        5..=6 => world.relabel(&id).await,
        7..=8 if world.documents[&id].by.user_id == owner.user_id => {
            let shared = world.documents[&id].visibility == Visibility::Public;
            world.share(&id, if shared { world.private() } else { Visibility::Public }).await;
        }
        9 => world.stop(&id).await,
        _ => world.delete(&id).await,
    }
}

//! How fast this machine embeds: `cargo run --release -p cjhirashi-e5 --example speed -- FILE [THREADS] [SECONDS]` prints
//! the rows of `make bench`'s table, and on standard error what is of use for working on the kernels.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::{path::PathBuf, time::Instant};

use cjhirashi_e5::{E5, Kind, Scratch};
use rayon::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("which model file?")?);
    let threads = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let seconds: f64 = arguments.next().map_or(Ok(10.0), |text| text.parse())?;

    let started = Instant::now();
    let model = E5::open(&path)?;
    eprintln!("loaded in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);

    let mut text = String::new();
    while model.tokenizer().count_tokens(&text) < 438 {
        text.push_str("La copia de seguridad se guarda cada noche; restoring takes a few minutes. ");
    }
    eprintln!("a passage of {} tokens, {threads} threads", model.tokenizer().count_tokens(&text));

    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let started = Instant::now();
    let mut passages = 0;
    while started.elapsed().as_secs_f64() < seconds {
        let batch = 8 * threads;
        pool.install(|| {
            (0..batch)
                .into_par_iter()
                .map_init(Scratch::default, |scratch, _| model.embed(&text, Kind::Passage, scratch).map(|_| ()))
                .collect::<Result<(), _>>()
        })?;
        passages += batch;
    }
    println!(
        "| local embedding of passages of 440 tokens, {threads} threads | {:.1} a second | >= 8 a second |",
        passages as f64 / started.elapsed().as_secs_f64()
    );

    // What the machine's other work cannot disturb much: the processor time of the quickest of some passages.
    let mut scratch = Scratch::default();
    let mut best = f64::INFINITY;
    for _ in 0..16 {
        let before = processor_time();
        model.embed(&text, Kind::Passage, &mut scratch)?;
        if let (Some(before), Some(after)) = (before, processor_time()) {
            best = best.min(after - before);
        }
    }
    eprintln!("a passage: {:.0} ms of one processor at best", best * 1e3);

    let mut times: Vec<f64> = (0..50)
        .map(|_| {
            let started = Instant::now();
            model.embed("¿Cómo configuro la copia de seguridad?", Kind::Query, &mut scratch).map(|_| started.elapsed())
        })
        .map(|time| time.map(|time| time.as_secs_f64() * 1e3))
        .collect::<Result<_, _>>()?;
    times.sort_by(f64::total_cmp);
    println!(
        "| local embedding of a question, 1 thread | p50 {:.1} ms, p95 {:.1} ms | a figure |",
        times[25], times[47]
    );
    Ok(())
}

/// Seconds that this thread has run, where the system tells (Linux).
fn processor_time() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
}

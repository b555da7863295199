//! Many answers at once, and conversations that are long or many.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use cjhirashi_testkit::{Answer, Script, ScriptedModels, TestApp};
use futures::StreamExt as _;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{processor_seconds, row};

/// Words of an answer, and how many a model says in a second.
const WORDS: usize = 300;
const WORDS_PER_SECOND: u64 = 50;
/// Questions of one person: more at once are refused, so that nobody takes what others need.
const PER_PERSON: usize = 25;

/// Questions before those that are measured, one person's at once.
const WARM_UP: usize = 4 * PER_PERSON;

/// What one reader saw.
struct Seen {
    /// From sending to the first word.
    first: Duration,
    /// How long after the model had said them the words were there, in ms.
    late: Vec<f64>,
    whole: bool,
}

/// The words that stand in a piece of HTML: when each was said, in microseconds of the model server's clock.
fn said(html: &str) -> impl Iterator<Item = f64> {
    let word = |word: &str| word.trim_end_matches(|c: char| !c.is_ascii_digit()).split('t').next_back()?.parse().ok();
    html.split([' ', '<']).filter(|word| word.contains('t')).filter_map(word)
}

/// So many people ask in the same instant, each in a chat of their own, and follow their answers.
pub(crate) async fn at_once(app: &TestApp, models: &ScriptedModels, people: usize) -> anyhow::Result<()> {
    // The model server is in this process, so that both read one clock.
    let clock = Instant::now().checked_sub(models.elapsed()).context("a clock that has run for a while")?;
    let mut cookies = Vec::new();
    for number in 0..(people + WARM_UP).div_ceil(PER_PERSON) {
        let email = format!("reader{number}-of-{people}@example.org");
        app.command(&["api-key", "create", "--email", &email, "--name", "bench"]).await?;
        cookies.push(app.sign_in_as(&email).await?);
    }
    // A server that answers people has answered before: its connections know its statements.
    models.set(Script::saying("t0 "));
    for cookie in &cookies[people / PER_PERSON..] {
        let asked = (0..PER_PERSON).map(|number| follow(&app.client, &app.base_url, cookie, number, clock));
        futures::future::try_join_all(asked).await?;
    }
    models.set(Script { pace_ms: 1_000 / WORDS_PER_SECOND, answer: Answer::Clock(WORDS), ..Script::default() });
    let processor = processor_seconds(app).context("the server's processor time")?;
    let mut asked = JoinSet::new();
    for person in 0..people {
        let (client, base) = (app.client.clone(), app.base_url.clone());
        let cookie = cookies[person / PER_PERSON].clone();
        asked.spawn(async move { follow(&client, &base, &cookie, person, clock).await });
    }
    let (mut first, mut late, mut refused, mut lost) = (Vec::new(), Vec::new(), 0, 0);
    while let Some(seen) = asked.join_next().await {
        match seen? {
            Ok(seen) => {
                first.push(seen.first);
                late.extend(seen.late);
                lost += usize::from(!seen.whole);
            }
            Err(error) => {
                eprintln!("{error:#}");
                refused += 1;
            }
        }
    }
    let spent = processor_seconds(app).context("the server's processor time")? - processor;
    first.sort_unstable();
    late.sort_unstable_by(f64::total_cmp);
    let at = |percent: usize| {
        let first = first.get(first.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
        (first, late.get(late.len() * percent / 100).copied().unwrap_or_default())
    };
    let ((first50, late50), (first95, late95)) = (at(50), at(95));
    let targets = if people <= 50 { ["p95 < 150 ms", "p95 < 10 ms", "< 1.5 s"] } else { ["a figure"; 3] };
    let work = format!("{people} answers of {WORDS} words at {WORDS_PER_SECOND} a second, all at once");
    let told = |p50: f64, p95: f64| format!("p50 {p50:.1} ms, p95 {p95:.1} ms");
    row(&format!("{work}: sent to first word"), &told(first50, first95), targets[0]);
    row("delay added to a word", &told(late50, late95), targets[1]);
    row("processor time of the server for all of them", &format!("{spent:.1} s"), targets[2]);
    row("refused, lost", &format!("{refused}, {lost}"), "0, 0");
    models.set(Script::default());
    Ok(())
}

async fn follow(
    client: &reqwest::Client,
    base: &str,
    cookie: &str,
    person: usize,
    clock: Instant,
) -> anyhow::Result<Seen> {
    let began = Instant::now();
    let answer = client
        .post(format!("{base}/fn/send_message"))
        .header("cookie", cookie)
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("text=question+{person}&chat="))
        .send()
        .await?
        .error_for_status()?;
    let sent: Value = answer.json().await?;
    let replied = Instant::now();
    let told = &sent["answer"]["told"];
    let at_once = told["events"].as_array().is_some_and(|events| events.iter().any(|event| event["type"] == "block"));
    let mut first = at_once.then(|| began.elapsed());
    let generation = sent["answer"]["generation_id"].as_str().context("a generation")?;
    let last = told["last"].as_i64().unwrap_or_default();
    let stream = client
        .get(format!("{base}/events/generations/{generation}?after={last}"))
        .header("cookie", cookie)
        .send()
        .await?
        .error_for_status()?;
    let mut pieces = stream.bytes_stream();
    let (mut text, mut late, mut seen, mut whole) = (String::new(), Vec::new(), 0, false);
    let mut read = |html: &str, at: Instant| {
        let at = at.duration_since(clock).as_secs_f64() * 1_000.0;
        late.extend(said(html).skip(seen).map(|said| at - said / 1_000.0));
        seen = seen.max(said(html).count());
    };
    for html in told["events"].as_array().into_iter().flatten().filter_map(|event| event["html"].as_str()) {
        read(html, replied);
    }
    while let Some(piece) = pieces.next().await {
        let now = Instant::now();
        text.push_str(&String::from_utf8_lossy(&piece?));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let Some(data) = event.lines().find_map(|line| line.strip_prefix("data:")) else { continue };
            let event: Value = serde_json::from_str(data.trim()).unwrap_or_default();
            whole |= event["type"] == "end";
            let Some(html) = event["html"].as_str() else { continue };
            first.get_or_insert_with(|| began.elapsed());
            read(html, now);
        }
        if whole {
            break;
        }
    }
    ensure!(seen > 0, "no word came");
    Ok(Seen { first: first.unwrap_or_default(), late, whole: whole && seen == WORDS })
}

//! `/admin/sync`: the index, the queue, jobs that were given up, and comparisons.

use cjhirashi_domain::{
    ErrorCode, Timestamp,
    document::{DocumentError, DocumentStatus},
    sync::{IndexKind, IndexName, IndexRow, IndexState, Reconciliation, Side},
};
use cjhirashi_sync::{DeadJob, JobsOfKind, SyncOverview};
use leptos::{prelude::*, server_fn::ServerFn};

use super::{ago, command, dangerous, nothing, reason, saved, section, words::Words};
use crate::{
    api::sync::{BuildIndex, CompareNow, ForgetIndex, ReplayAll, ReplayJob, RetryFailed, StopBuilding, SyncCommand},
    components::{Icon, Piece, Whole as _, icon},
    texts::Texts,
};

/// The page's HTML; `done` is what was just commanded.
pub(crate) fn sync(texts: &'static Texts, overview: SyncOverview, done: Option<SyncCommand>, now: Timestamp) -> String {
    let w = Words::of(texts.language);
    let local = overview.indexes.iter().any(|row| row.state == IndexState::Active && row.name.kind.is_local());
    let indexes = indexes(texts, w, &overview, now);
    let queue = queue(texts, w, &overview);
    let dead = dead(texts, w, overview.dead, now);
    let comparisons = comparisons(texts, w, overview.comparisons, local, now);
    let done = saved(done.map(|done| w.done(done)));
    view! { {done} {indexes} {queue} {dead} {comparisons} }.to_html()
}

fn name_fields(name: &IndexName) -> Vec<(&'static str, String)> {
    vec![("kind", name.kind.as_str().to_owned()), ("model", name.model.clone())]
}

fn indexes(texts: &'static Texts, w: &'static Words, overview: &SyncOverview, now: Timestamp) -> Piece {
    let building = overview.indexes.iter().any(|row| row.state == IndexState::Building);
    let rows = overview.indexes.iter().map(|row| index_row(texts, w, overview, row, building, now)).collect_view();
    let answers = |kind: IndexKind| {
        let name = IndexName { kind, model: overview.model.clone() };
        overview.indexes.iter().any(|row| row.state == IndexState::Active && row.name == name)
    };
    let others: Vec<IndexKind> = overview.kinds.iter().copied().filter(|kind| !answers(*kind)).collect();
    let switch = (!building && !others.is_empty()).then(|| {
        let options =
            others.iter().map(|kind| view! { <option value=kind.as_str()>{w.kind(*kind)}</option> }).collect_view();
        view! {
            <form method="post" action=BuildIndex::url() class="line">
                <input type="hidden" name="model" value=overview.model.clone() />
                <label for="switch-to">{w.switch_to}</label>
                <select class="select" name="kind" id="switch-to">
                    {options}
                </select>
                <button class="button plain-line" type="submit">
                    {w.build_index}
                </button>
            </form>
        }
    });
    let table = view! {
        <div class="table-wrap">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">{w.index}</th>
                        <th scope="col">{w.state}</th>
                        <th scope="col">{w.since}</th>
                        <th scope="col">
                            <span class="sr-only">{w.actions}</span>
                        </th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    };
    section(w.index, Some(w.index_line), switch.whole(), table.whole())
}

fn unavailable(why: &str) -> DocumentError {
    DocumentError { code: ErrorCode::IndexUnavailable.as_str().to_owned(), detail: Some(why.to_owned()), words: None }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people needs no more than a few digits")]
fn index_row(
    texts: &'static Texts,
    w: &'static Words,
    overview: &SyncOverview,
    row: &IndexRow,
    building: bool,
    now: Timestamp,
) -> Piece {
    let active = row.state == IndexState::Active;
    let (held, down) = match &overview.held {
        Ok(held) if active => (Some(held), None),
        Err(why) if active => (None, Some(unavailable(why))),
        _ => (None, None),
    };
    let (class, mark, words) = match row.state {
        IndexState::Active if down.is_some() => ("state failed", Some(Icon::Alert), w.does_not_answer),
        IndexState::Active => ("state indexed", Some(Icon::Check), w.index_state(row.state)),
        IndexState::Building => ("state working", None, w.index_state(row.state)),
        IndexState::Previous => ("state", None, w.index_state(row.state)),
    };
    let down = down.map(|error| reason(texts, &error));
    let held = held.map(|held| view! { <div class="faint">{w.held(texts, held)}</div> });
    let progress = match row.state {
        IndexState::Building => {
            let share = (row.copied as f64 / row.total.max(1) as f64).clamp(0.0, 1.0);
            let left = row.pace(now).map(|pace| w.rate(pace.per_second, pace.seconds_left));
            view! {
                <div>
                    {w.phase(row.phase)} ": " {texts.number(row.copied)} " / " {texts.number(row.total)} " ("
                    {texts.percent(share)} ")"
                </div>
                <span class="bar" aria-hidden="true">
                    <i style=format!("inline-size:{:.0}%", share * 100.0)></i>
                </span>
                {left.map(|left| view! { <div class="faint">{left}</div> })}
                {overview.building_waits_for.as_ref().map(|error| reason(texts, error))}
            }
            .whole()
        }
        IndexState::Active | IndexState::Previous => {
            view! { {row.activated_at.map(|at| ago(texts, now, at))} {held} }.whole()
        }
    };
    let actions = match row.state {
        IndexState::Active => ().whole(),
        IndexState::Building => command(StopBuilding::url(), Vec::new(), Icon::Stop, w.stop),
        IndexState::Previous => view! {
            {(!building).then(|| command(BuildIndex::url(), name_fields(&row.name), Icon::Retry, w.back_to_this))}
            {dangerous(ForgetIndex::url(), name_fields(&row.name), Icon::Trash, w.remove, w.remove_line)}
            {row.cleared.then(|| {
                let mut fields = name_fields(&row.name);
                fields.push(("anyway", "true".to_owned()));
                dangerous(ForgetIndex::url(), fields, Icon::Trash, w.remove_anyway, w.remove_anyway_line)
            })}
        }
        .whole(),
    };
    view! {
        <tr>
            <td class="main">
                {w.kind(row.name.kind)} <div class="faint">{row.name.model.clone()}</div>
            </td>
            <td>
                <span class=class>{mark.map(icon)} {words}</span>
                {down}
            </td>
            <td data-label=(row.state != IndexState::Building).then_some(w.since)>{progress}</td>
            <td class="actions">
                <div>{actions}</div>
            </td>
        </tr>
    }
    .whole()
}

fn queue(texts: &'static Texts, w: &'static Words, overview: &SyncOverview) -> Piece {
    let failed = overview.documents.iter().any(|(status, count)| *status == DocumentStatus::Failed && *count > 0);
    let retry = if failed { command(RetryFailed::url(), Vec::new(), Icon::Retry, w.retry_failed) } else { ().whole() };
    let mut counts: Vec<String> = overview
        .documents
        .iter()
        .map(|(status, count)| format!("{} {}", texts.number(*count), w.status(*status, *count)))
        .collect();
    if overview.to_adopt > 0 {
        counts.push(format!("{} {}", texts.number(overview.to_adopt), w.to_adopt()));
    }
    let documents = format!("{}: {}", texts.documents, counts.join(" · "));
    let jobs = if overview.jobs.is_empty() { nothing(w.nothing_waits) } else { jobs(texts, w, &overview.jobs) };
    let body = view! {
        <p>{documents}</p>
        {jobs}
    };
    section(w.queue, None, retry, body.whole())
}

fn jobs(texts: &'static Texts, w: &'static Words, jobs: &[JobsOfKind]) -> Piece {
    let rows = jobs
        .iter()
        .map(|jobs| {
            let oldest = jobs.oldest.map(|oldest| texts.seconds(i32::try_from(oldest.as_millis()).unwrap_or(i32::MAX)));
            view! {
                <tr>
                    <td class="main">{w.job(jobs.kind)}</td>
                    <td class="right" data-label=w.waiting>
                        {texts.number(jobs.waiting)}
                    </td>
                    <td class="right" data-label=w.running>
                        {texts.number(jobs.running)}
                    </td>
                    <td class="right" data-label=w.given_up>
                        {texts.number(jobs.dead)}
                    </td>
                    <td class="right" data-label=w.oldest>
                        {oldest}
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-wrap">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">{w.work}</th>
                        <th scope="col" class="right">
                            {w.waiting}
                        </th>
                        <th scope="col" class="right">
                            {w.running}
                        </th>
                        <th scope="col" class="right">
                            {w.given_up}
                        </th>
                        <th scope="col" class="right">
                            {w.oldest}
                        </th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .whole()
}

fn dead(texts: &'static Texts, w: &'static Words, dead: Vec<DeadJob>, now: Timestamp) -> Piece {
    if dead.is_empty() {
        return section(w.dead, None, ().whole(), nothing(w.no_dead));
    }
    let all = command(ReplayAll::url(), Vec::new(), Icon::Retry, w.replay_all);
    let rows = dead
        .into_iter()
        .map(|job| {
            let about = match (job.title, job.kind.is_of_a_document()) {
                (Some(title), true) => {
                    view! { <a href=format!("/documents/{}?view=history", job.key)>{title}</a> }.whole()
                }
                _ => ().whole(),
            };
            view! {
                <tr>
                    <td class="main">{w.job(job.kind)} <div>{about}</div></td>
                    <td data-label=w.why>{job.error.map(|error| reason(texts, &error))}</td>
                    <td class="right" data-label=w.since>
                        {ago(texts, now, job.at)} <div class="faint">{w.attempts(job.attempts)}</div>
                    </td>
                    <td class="actions">
                        <div>{command(ReplayJob::url(), vec![("id", job.id.to_string())], Icon::Retry, w.replay)}</div>
                    </td>
                </tr>
            }
        })
        .collect_view();
    let table = view! {
        <div class="table-wrap">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">{w.work}</th>
                        <th scope="col">{w.why}</th>
                        <th scope="col" class="right">
                            {w.since}
                        </th>
                        <th scope="col">
                            <span class="sr-only">{w.actions}</span>
                        </th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    };
    section(w.dead, Some(w.dead_line), all, table.whole())
}

fn comparisons(
    texts: &'static Texts,
    w: &'static Words,
    comparisons: Vec<Reconciliation>,
    local: bool,
    now: Timestamp,
) -> Piece {
    if local && comparisons.is_empty() {
        return section(w.comparisons, None, ().whole(), nothing(w.local_index));
    }
    let compare = command(CompareNow::url(), Vec::new(), Icon::Retry, w.compare);
    let body = if comparisons.is_empty() {
        nothing(w.no_comparison)
    } else {
        let rows = comparisons.into_iter().map(|comparison| comparison_row(texts, w, comparison, now)).collect_view();
        view! {
            <div class="table-wrap">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">{w.when}</th>
                            <th scope="col">{w.result}</th>
                            <th scope="col" class="right">
                                {w.database}
                            </th>
                            <th scope="col" class="right">
                                {w.in_index}
                            </th>
                            <th scope="col" class="right">
                                {w.missing}
                            </th>
                            <th scope="col" class="right">
                                {w.orphans}
                            </th>
                            <th scope="col" class="right">
                                {w.repaired}
                            </th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        }
        .whole()
    };
    let (actions, line) = if local { (().whole(), w.local_index) } else { (compare, w.comparisons_line) };
    section(w.comparisons, Some(line), actions, body)
}

/// Vectors, and the beginning of the hash of their names; all of it on hovering.
fn side(texts: &'static Texts, side: &Side) -> Piece {
    let short: String = side.hash.chars().take(8).collect();
    view! {
        {texts.number(i64::try_from(side.vectors).unwrap_or(i64::MAX))}
        <div class="faint mono" title=side.hash.clone()>
            {short}
        </div>
    }
    .whole()
}

fn comparison_row(texts: &'static Texts, w: &'static Words, comparison: Reconciliation, now: Timestamp) -> Piece {
    let when = view! {
        <td class="main">
            {ago(texts, now, comparison.started_at)}
            <div class="faint">
                {w.kind(comparison.index.kind)} {comparison.dry_run.then(|| format!(", {}", w.only_looked))}
            </div>
        </td>
    };
    let Some(report) = comparison.report else {
        // One that runs longer than this was ended with its process.
        let stale = comparison.ended_at.is_some() || now.0 - comparison.started_at.0 > 3_600_000;
        let words = if stale { w.ended_early } else { w.under_way };
        return view! {
            <tr>
                {when} <td colspan="6">
                    <span class="state">{words}</span>
                </td>
            </tr>
        }
        .whole();
    };
    if let Some(error) = &report.error {
        return view! {
            <tr>
                {when} <td colspan="6">
                    <span class="state failed">{icon(Icon::Alert)} {w.not_compared}</span>
                    {reason(texts, error)}
                </td>
            </tr>
        }
        .whole();
    }
    let (class, mark, words) = match (report.is_clean(), report.database == report.index) {
        (true, true) => ("state indexed", Icon::Check, w.equal),
        (true, false) => ("state working", Icon::Info, w.under_way),
        (false, _) => ("state failed", Icon::Alert, w.differ),
    };
    let number = |value: u64| texts.number(i64::try_from(value).unwrap_or(i64::MAX));
    view! {
        <tr>
            {when} <td>
                <span class=class>{icon(mark)} {words}</span>
            </td> <td class="right" data-label=w.database>
                {side(texts, &report.database)}
            </td> <td class="right" data-label=w.in_index>
                {side(texts, &report.index)}
            </td> <td class="right" data-label=w.missing>
                {number(report.missing)}
            </td> <td class="right" data-label=w.orphans>
                {number(report.orphans)}
            </td> <td class="right" data-label=w.repaired>
                {number(report.repaired)}
            </td>
        </tr>
    }
    .whole()
}

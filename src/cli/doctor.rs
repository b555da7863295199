//! `cjhirashi doctor`: looks at everything a start needs, changes nothing, and says what to do.

use std::{net::TcpListener, path::Path, process::ExitCode, sync::Arc, time::Duration};

use cjhirashi_domain::sync::IndexState;
use cjhirashi_identity::Providers;
use cjhirashi_mail::Mailer;
use cjhirashi_models::{InputKind, ModelError, ModelRegistry};
use cjhirashi_postgres::{Postgres, StartError};
use cjhirashi_storage::{AppSecret, ConnectError, JobsOfKind, MailCount, Store, StoreOptions};
use cjhirashi_sync::IndexFactory as _;
use nix::unistd::{AccessFlags, access};

use crate::{
    config::{Config, url_of},
    embedded,
    indexes::ConfiguredIndexes,
    telemetry,
};

/// Before the first start there are no tables.
const NOT_YET: &str = "the first start brings the schema up to date";
/// A provider that does not answer within this time is as good as none.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was found, line by line.
#[derive(Default)]
struct Report {
    failed: bool,
}

impl Report {
    fn line(&mut self, what: &str, finding: Result<String, String>) {
        let (mark, text) = match finding {
            Ok(text) => ("ok  ", text),
            Err(text) => {
                self.failed = true;
                ("FAIL", text)
            }
        };
        super::print(&format!("{mark}  {what:<12}{text}"));
    }
}

pub(super) async fn run() -> ExitCode {
    let mut report = Report::default();
    let config = match Config::load().and_then(|config| telemetry::start_logging(&config, true).map(|()| config)) {
        Ok(config) => config,
        Err(error) => {
            report.line("settings", Err(error.to_string()));
            return ExitCode::from(2);
        }
    };
    report.line("settings", Ok(format!("DATA_DIR {}", config.data_dir.display())));
    report.line("data folder", data_folder(&config.data_dir));
    report.line("database", database(&config).await);
    report.line("address", address(&config).await);
    let models = match config.registry() {
        Ok(models) => {
            report.line("embeddings", embeddings(&models).await);
            report.line("answers", answers(&models).await);
            Some(models)
        }
        Err(error) => {
            report.line("models", Err(error.to_string()));
            None
        }
    };
    report.line("sign-in", sign_in(&config).await);
    report.line("mail", mail(&config).await);
    let url = running_database(&config);
    let store = match &url {
        Some(url) => connect(url).await.ok(),
        None => None,
    };
    if let Some(models) = models {
        report.line("index", index(&config, models, store.as_ref(), url.as_deref().unwrap_or_default()).await);
    }
    if let Some(store) = store {
        report.line("jobs", jobs(&store).await);
        if config.mail.is_some() {
            report.line("mails", mails(&store).await);
        }
        store.close().await;
    }
    report.line("measured", measured(&config).await);
    report.line("pages", pages(&config));
    if report.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The folder itself, or the one that a start would make it in.
fn data_folder(folder: &Path) -> Result<String, String> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    if !there.is_dir() {
        return Err(format!("{} is no folder; choose another DATA_DIR", there.display()));
    }
    access(there, AccessFlags::W_OK | AccessFlags::X_OK)
        .map_err(|error| format!("{} cannot be written: {error}; choose another DATA_DIR", there.display()))?;
    Ok(if there == folder { "can be written".to_owned() } else { "will be made by the first start".to_owned() })
}

/// Whether the providers that people sign in at answer.
async fn sign_in(config: &Config) -> Result<String, String> {
    let providers = Providers::new(config.providers.clone()).map_err(|error| error.to_string())?;
    let mut answers = Vec::new();
    for (id, name) in providers.names() {
        match tokio::time::timeout(PATIENCE, providers.probe(id)).await {
            Ok(Ok(())) => answers.push(name.to_owned()),
            Ok(Err(error)) => return Err(format!("{name}: {error}")),
            Err(_) => return Err(format!("{name} does not answer within {} s", PATIENCE.as_secs())),
        }
    }
    Ok(match answers.as_slice() {
        [] => "no provider is set up: by the printed link".to_owned(),
        names => format!("by {}", names.join(", ")),
    })
}

/// Whether the mail server answers, and takes the login.
async fn mail(config: &Config) -> Result<String, String> {
    let Some(mail) = &config.mail else { return Ok("none is sent: SMTP_URL is not set".to_owned()) };
    let told = |error| format!("{} does not let us send: {error}; check SMTP_URL", mail.server());
    let mailer = Mailer::new(mail.clone(), &config.app_url).map_err(told)?;
    mailer.check().await.map_err(told)?;
    Ok(format!("{} lets us send", mailer.server()))
}

/// How the sending of mail stands.
async fn mails(store: &Store) -> Result<String, String> {
    let Ok(MailCount { waiting, dead }) = store.count_mails().await else { return Ok(NOT_YET.to_owned()) };
    // Old ones are not sent any more, so there is nothing to be done about them: no failure.
    Ok(format!("{waiting} waiting, {dead} given up within a month"))
}

async fn database(config: &Config) -> Result<String, String> {
    if let Some(url) = &config.database_url {
        let version = ask(url).await.map_err(|error| format!("{error}; check DATABASE_URL"))?;
        return Ok(format!("DATABASE_URL answers, PostgreSQL {version}"));
    }
    let options = embedded::options(config);
    match Postgres::running(&options) {
        Ok(Some(postgres)) => {
            let answer = ask(&postgres.url(postgres.database())).await;
            answer.map(|version| format!("its own PostgreSQL {version} is running, process {}", postgres.pid()))
        }
        Ok(None) => {
            match cjhirashi_postgres::installed(&options).await {
                Ok(found) => Ok(format!("PostgreSQL {} in {} will be used", found.version, found.bin.display())),
                // That is no failure.
                Err(StartError::NotFound { made_by, .. }) if cjhirashi_postgres::is_fetched(made_by) => {
                    Ok("no PostgreSQL is installed; the first start fetches one".to_owned())
                }
                Err(error) => Err(error.to_string()),
            }
        }
        Err(error) => Err(error.to_string()),
    }
}

async fn connect(url: &str) -> Result<Store, ConnectError> {
    // Nothing is sealed or opened here.
    Store::connect(StoreOptions { max_connections: 2, ..StoreOptions::new(url, AppSecret::new([0; 32])) }).await
}

/// Where the database is, if it runs: nothing is started here.
fn running_database(config: &Config) -> Option<String> {
    if let Some(url) = &config.database_url {
        return Some(url.clone());
    }
    let postgres = Postgres::running(&embedded::options(config)).ok().flatten()?;
    Some(postgres.url(postgres.database()))
}

/// Which vector index answers, and whether it does; before the first start, or without the database, the configured one.
async fn index(config: &Config, models: ModelRegistry, store: Option<&Store>, url: &str) -> Result<String, String> {
    let rows = match store {
        Some(store) => store.list_indexes().await.unwrap_or_default(),
        None => Vec::new(),
    };
    let active = rows.iter().find(|row| row.state == IndexState::Active);
    let building = rows.iter().find(|row| row.state == IndexState::Building).map_or_else(String::new, |row| {
        format!("; {} is being built: {} of {} chunks", row.name, row.copied, row.total)
    });
    let factory = ConfiguredIndexes::new(Arc::new(config.clone()), models, url);
    let (name, answers) = match active {
        Some(active) => (active.name.clone(), "answers"),
        None => (factory.configured(), "is configured"),
    };
    if name.kind.is_local() {
        return Ok(format!("{name} {answers}, in the server's memory{building}"));
    }
    let counted = async { factory.open_index(&name).await?.index().stats().await };
    match tokio::time::timeout(PATIENCE, counted).await {
        Ok(Ok(stats)) => Ok(format!("{name} {answers} and holds {} vectors{building}", stats.vectors)),
        Ok(Err(error)) => Err(format!("{name}: {error}")),
        Err(_) => Err(format!("{name} does not answer within {} s", PATIENCE.as_secs())),
    }
}

/// How the work on documents stands.
async fn jobs(store: &Store) -> Result<String, String> {
    let (Ok(jobs), Ok((documents, to_adopt)), Ok(lag)) =
        tokio::join!(store.count_jobs_by_kind(), store.count_documents_by_status(), store.sync_lag())
    else {
        return Ok(NOT_YET.to_owned());
    };
    let sum = |count: fn(&JobsOfKind) -> i64| jobs.iter().map(count).sum::<i64>();
    let oldest = jobs.iter().filter_map(|jobs| jobs.oldest).max().unwrap_or_default();
    let mut text = format!(
        "{} waiting (the oldest for {:.1} s), {} running; documents:",
        sum(|jobs| jobs.waiting),
        oldest.as_secs_f64(),
        sum(|jobs| jobs.running),
    );
    for (status, count) in documents {
        text.push_str(&format!(" {count} {},", status.as_str()));
    }
    text.push_str(&format!(" {to_adopt} to adopt"));
    if let Some((median, p95)) = lag {
        let (median, p95) = (median.as_secs_f64(), p95.as_secs_f64());
        text.push_str(&format!("; from upload to the index {median:.1} s, p95 {p95:.1} s, within the last day"));
    }
    match sum(|jobs| jobs.dead) {
        0 => Ok(text),
        dead => Err(format!("{dead} given up: look at /admin/sync, mend the reason and try them again; {text}")),
    }
}

/// What the processes that run tell at /metrics: the server, and a worker with METRICS_LISTEN.
async fn measured(config: &Config) -> Result<String, String> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build();
    let client = client.map_err(|error| error.to_string())?;
    let mut told = String::new();
    for address in std::iter::once(config.listen).chain(config.metrics_listen) {
        let asked = async { client.get(format!("{}/metrics", url_of(address))).send().await?.text().await };
        told.push_str(&asked.await.unwrap_or_default());
    }
    if !told.contains("cjhirashi_") {
        return Ok("no server runs here that could tell".to_owned());
    }
    let freshness = match sum(&told, "cjhirashi_freshness_lag_seconds_count", |_| true) {
        0.0 => "nothing to tell".to_owned(),
        count => {
            let seconds = sum(&told, "cjhirashi_freshness_lag_seconds_sum", |_| true) / count;
            format!("{seconds:.1} s on average")
        }
    };
    let failures = sum(&told, "cjhirashi_job_duration_seconds_count", |labels| {
        ["retried", "dead", "refused"].iter().any(|outcome| labels.contains(&format!("outcome=\"{outcome}\"")))
    });
    let units = sum(&told, "cjhirashi_pinecone_read_units_total", |_| true);
    Ok(format!(
        "since its start: {failures} failed runs of jobs; from the index's acknowledgement to a question that saw it: \
         {freshness}; {units} read units of Pinecone"
    ))
}

/// The sum of a metric over those of its labels that count.
fn sum(text: &str, name: &str, counts: impl Fn(&str) -> bool) -> f64 {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        let whole = labels.is_empty() || labels.starts_with('{');
        (whole && counts(labels)).then(|| value.parse::<f64>().ok()).flatten()
    });
    // A sum of nothing is -0.0.
    values.fold(0.0, |sum, value| sum + value)
}

/// The version of the server at an address.
async fn ask(url: &str) -> Result<String, String> {
    let store = connect(url).await.map_err(|error| error.to_string())?;
    let version = store.server_version().await.map_err(|error| error.to_string());
    store.close().await;
    version
}

async fn address(config: &Config) -> Result<String, String> {
    match TcpListener::bind(config.listen) {
        Ok(_) => Ok(format!("{} is free", config.listen)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && is_ours(config).await => {
            Ok(format!("{} is in use, by a running Cjhirashi", config.listen))
        }
        Err(error) => Err(format!("{}: {error}; set LISTEN to another address", config.listen)),
    }
}

/// Whether what listens there answers as this program does.
async fn is_ours(config: &Config) -> bool {
    let ask = async {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().ok()?;
        let answer = client.get(format!("{}/healthz", url_of(config.listen))).send().await.ok()?;
        answer.json::<serde_json::Value>().await.ok()
    };
    ask.await.is_some_and(|answer| answer["status"] == "ok" && answer["version"].is_string())
}

async fn embeddings(models: &ModelRegistry) -> Result<String, String> {
    let embedder = models.embedder();
    let texts = ["¿Funciona?".to_owned()];
    match tokio::time::timeout(PATIENCE, embedder.embed(&texts, InputKind::Query)).await {
        Ok(Ok(_)) => Ok(format!("{} works", embedder.id())),
        // A start fetches it; that is no failure either.
        Ok(Err(ModelError::LocalModelMissing { path })) => {
            Ok(format!("{} is not at {} yet; the first start fetches it (91 MB)", embedder.id(), path.display()))
        }
        Ok(Err(error)) => Err(format!("{}: {error}", embedder.id())),
        Err(_) => Err(format!("{} does not answer within {} s", embedder.id(), PATIENCE.as_secs())),
    }
}

async fn answers(models: &ModelRegistry) -> Result<String, String> {
    let listed = tokio::time::timeout(PATIENCE, models.list()).await.unwrap_or_default();
    let default = models.default_model();
    let found = tokio::time::timeout(PATIENCE, models.local_servers()).await.unwrap_or_default();
    let mut text = format!("{default} answers by default, {} can be chosen", listed.len().max(1));
    for server in found {
        text.push_str(&format!("; {} at {} can be connected in the settings", server.name, server.base_url));
    }
    if default == cjhirashi_models::EXTRACTIVE {
        text.push_str("; for a language model set a provider's key, such as GEMINI_API_KEY");
    }
    Ok(text)
}

fn pages(config: &Config) -> Result<String, String> {
    if crate::http::has_site(config) {
        Ok(format!("people come by {}", config.app_url))
    } else {
        Err(format!(
            "{} holds no script and style, so pages work but are bare; scripts/build-site makes them",
            config.site_dir.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, routing::get};

    use super::*;

    #[test]
    fn a_data_folder_that_is_not_there_is_looked_at_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("a/b");
        assert!(data_folder(&missing).unwrap().contains("will be made"));
        assert!(!folder.path().join("a").exists());
        assert_eq!(data_folder(folder.path()).unwrap(), "can be written");
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(data_folder(&folder.path().join("file/x")).unwrap_err().contains("is no folder"));
    }

    #[test]
    fn a_metric_is_summed_over_the_labels_that_count() {
        let text =
            "# TYPE a_count counter\na_count{outcome=\"done\"} 5\na_count{outcome=\"dead\"} 2\na_count_more 9\nb 1.5\n";
        assert_eq!(sum(text, "a_count", |labels| labels.contains("dead")), 2.0);
        assert_eq!(
            (sum(text, "a_count", |_| true), sum(text, "b", |_| true), sum(text, "c", |_| true)),
            (7.0, 1.5, 0.0)
        );
    }

    #[tokio::test]
    async fn a_port_of_a_running_cjhirashi_is_fine_and_one_of_another_program_is_not() {
        for (body, fine) in
            [(serde_json::json!({"status": "ok", "version": "1"}), true), (serde_json::json!({}), false)]
        {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let listen = listener.local_addr().unwrap().to_string();
            let router = Router::new().route("/healthz", get(async move || Json(body)));
            tokio::spawn(axum::serve(listener, router).into_future());
            let config = Config::from_lookup(&|name| Ok((name == "LISTEN").then(|| listen.clone()))).unwrap();
            assert_eq!(address(&config).await.is_ok(), fine);
        }
    }
}

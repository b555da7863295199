//! `cjhirashi doctor`: looks at everything a start needs, changes nothing, and says what to do.

use std::{net::TcpListener, process::ExitCode, time::Duration};

use cjhirashi_models::{InputKind, ModelRegistry};
use cjhirashi_postgres::Postgres;
use cjhirashi_storage::{AppSecret, Store, StoreOptions};

use crate::{config::Config, embedded, telemetry};

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
    report.line("data folder", config.make_data_dir().map(|()| "can be written".to_owned()).map_err(|e| e.to_string()));
    let (database, server_runs) = database(&config).await;
    report.line("database", database);
    report.line("address", address(&config, server_runs));
    match ModelRegistry::new(config.models.clone()) {
        Ok(models) => {
            report.line("embeddings", embeddings(&models).await);
            report.line("answers", answers(&models).await);
        }
        Err(error) => report.line("models", Err(error.to_string())),
    }
    report.line("pages", pages(&config));
    if report.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Also says whether a server of this data folder seems to run.
async fn database(config: &Config) -> (Result<String, String>, bool) {
    if let Some(url) = &config.database_url {
        return (ask(url).await.map(|version| format!("DATABASE_URL answers, PostgreSQL {version}")), false);
    }
    let options = embedded::options(config);
    match Postgres::running(&options) {
        Ok(Some(postgres)) => {
            let answer = ask(&postgres.url(postgres.database())).await;
            (answer.map(|version| format!("its own PostgreSQL {version} is running, process {}", postgres.pid())), true)
        }
        Ok(None) => {
            let found = cjhirashi_postgres::installed(&options).await;
            let found =
                found.map(|found| format!("PostgreSQL {} in {} will be used", found.version, found.bin.display()));
            // A start fetches one; that is no failure.
            (Ok(found.unwrap_or_else(|_| "no PostgreSQL is installed; the first start fetches one".to_owned())), false)
        }
        Err(error) => (Err(error.to_string()), false),
    }
}

/// The version of the server at an address.
async fn ask(url: &str) -> Result<String, String> {
    // Nothing is sealed or opened here.
    let options = StoreOptions { max_connections: 2, ..StoreOptions::new(url, AppSecret::new([0; 32])) };
    let store = Store::connect(options).await.map_err(|error| error.to_string())?;
    let version = store.server_version().await.map_err(|error| error.to_string());
    store.close().await;
    version
}

fn address(config: &Config, server_runs: bool) -> Result<String, String> {
    match TcpListener::bind(config.listen) {
        Ok(_) => Ok(format!("{} is free", config.listen)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && server_runs => {
            Ok(format!("{} is in use, by the running server it seems", config.listen))
        }
        Err(error) => Err(format!("{}: {error}; set LISTEN to another address", config.listen)),
    }
}

async fn embeddings(models: &ModelRegistry) -> Result<String, String> {
    let embedder = models.embedder();
    let texts = ["¿Funciona?".to_owned()];
    match tokio::time::timeout(PATIENCE, embedder.embed(&texts, InputKind::Query)).await {
        Ok(Ok(_)) => Ok(format!("{} works", embedder.id())),
        Ok(Err(error)) => Err(format!("{}: {error}", embedder.id())),
        Err(_) => Err(format!("{} does not answer within {} s", embedder.id(), PATIENCE.as_secs())),
    }
}

async fn answers(models: &ModelRegistry) -> Result<String, String> {
    let default = models.default_model();
    let listed = tokio::time::timeout(PATIENCE, models.list()).await.unwrap_or_default();
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

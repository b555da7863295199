//! `cjhirashi serve`.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::{
    config::Config,
    embedded::{self, Use},
    lifecycle::{self, StopSignals},
    model_file,
    state::Running,
};

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    let mut signals = StopSignals::catch()?;
    let listener = lifecycle::bind(config.listen).await?;
    config.make_data_dir()?;
    let models = config.registry()?;
    let (config, bound) = lifecycle::with_bound_address(config, &listener)?;
    if !bound.ip().is_loopback() && config.providers.is_empty() {
        tracing::warn!(
            listen = %bound,
            "ALLOW_REMOTE is set: other machines can reach this server, and no sign-in provider is configured"
        );
    }
    if config.lacks_app_url() {
        tracing::warn!(
            app_url = %config.app_url,
            "APP_URL is not set, so links lead to where this machine finds itself; set it to the address people use"
        );
    }
    let database = tokio::select! {
        opened = embedded::open(&config, Use::Alone) => opened.context("the database cannot be started")?,
        name = signals.next() => {
            tracing::info!(signal = name, "stopped while starting");
            return Ok(());
        }
    };
    // From here on every way out stops the database.
    let running = tokio::select! {
        running = Running::start(config, models, &database.url) => running.map(Some),
        name = signals.next() => {
            tracing::info!(signal = name, "stopped while starting");
            Ok(None)
        }
    };
    let result = match running {
        Ok(Some(running)) => {
            tracing::info!(listen = %bound, duration_ms = started.elapsed().as_millis() as u64, "ready");
            serve(listener, bound, running, &mut signals).await
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error.into()),
    };
    tokio::select! {
        () = database.close() => {}
        // Asked to stop, it does so without us.
        name = signals.next() => tracing::warn!(signal = name, "not waiting for PostgreSQL to stop"),
    }
    result
}

async fn serve(
    listener: TcpListener,
    bound: SocketAddr,
    running: Running,
    signals: &mut StopSignals,
) -> anyhow::Result<()> {
    // With a provider the first person who signs in is the owner; a link is to be had by its command.
    let config = &running.state.config;
    let link = if config.providers.is_empty() {
        Some(lifecycle::owner_link(&running.state.store, config).await)
    } else {
        None
    };
    // A server that was entered without a model is asked for its list; one that is away must not hold up the start.
    let models = &running.state.models;
    let chat_model = match tokio::time::timeout(Duration::from_millis(500), models.resolve_to_ask("")).await {
        Ok(resolved) => resolved.id,
        Err(_) => models.default_model(),
    };
    let embedder = running.state.models.embedder();
    let mut lines = vec![format!("Cjhirashi {} listens on http://{bound}", env!("CARGO_PKG_VERSION"))];
    let index = running.state.engine.current().name.kind;
    lines.push(format!("Answers: {chat_model}    Embeddings: {}    Vector index: {index}", embedder.id()));
    match &link {
        Some(Ok(link)) => lines.push(format!("Sign in (once, within the hour): {link}")),
        // The server is of use to those who are signed in already.
        Some(Err(error)) => tracing::error!(error = %error, "no sign-in link could be made"),
        None => {
            let names: Vec<&str> = running.state.sign_in.providers().map(|(_, name)| name).collect();
            lines.push(format!("Sign in: {}/sign-in    With: {}", running.state.config.app_url, names.join(", ")));
        }
    }
    super::print(&lines.join("\n"));
    model_file::fetch_when_missing(&running.state.config, running.state.shutdown.clone());
    lifecycle::serve(listener, running, signals).await?;
    Ok(())
}

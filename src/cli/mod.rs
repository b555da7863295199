//! The subcommands: one file each, what they print, and how they fail.

mod adopt_index;
mod api_key;
mod doctor;
mod grant_admin;
mod init_index;
mod migrate;
mod reconcile;
mod reindex;
mod serve;
mod sign_in_link;
mod work;
mod worker;

use std::{future::Future, io::Write as _, process::ExitCode};

use anyhow::Context as _;
use cjhirashi_domain::{api_key::Scope, sync::IndexKind};
use cjhirashi_storage::Store;
use cjhirashi_vectors::pinecone::{IndexName as PineconeIndexName, Namespace};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{
    config::{self, Config},
    embedded::{self, Use},
    state, telemetry,
};

/// A self-hosted AI chat whose answers can be checked.
///
/// Starts with nothing configured: "cjhirashi serve" brings its own database, embeds documents on this machine, and
/// prints a link to sign in with.
#[derive(Debug, Parser)]
#[command(name = "cjhirashi", version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until it is told to stop.
    Serve,
    /// Bring the database's schema up to date and end. "serve" does this too.
    Migrate,
    /// Check settings, database, models and port, and say what to do.
    Doctor,
    /// Run jobs apart from the server: read, embed and index documents, until told to stop. Any number may run.
    Worker,
    /// Compare the database with the vector index, repair what differs, and print a report. Runs repairs and no other
    /// job. Fails when something could not be repaired.
    Reconcile(Reconcile),
    /// Build the vector index anew beside the one that answers, and switch to it; works while the server runs. Runs that
    /// one job; what changed meanwhile is brought there by the server's or a worker's.
    Reindex(Reindex),
    /// Make the Pinecone index that the settings name, wait for it, and say what it holds; safe to repeat.
    InitIndex,
    /// Take over the documents of the ADR's application from its Pinecone index, the only place that has their texts.
    /// Runs the jobs of documents without a file, which these are, and no others. Safe to repeat; fails when a document
    /// is not all there, after the others were taken over.
    AdoptIndex(AdoptIndex),
    /// Manage keys of the public API.
    #[command(subcommand)]
    ApiKey(ApiKey),
    /// Print a one-time link that signs a person in; works while the server runs.
    SignInLink(SignInLink),
    /// Make a person an administrator; works while the server runs. An address that nobody has yet is invited as one.
    GrantAdmin(GrantAdmin),
    /// Read one file from standard input; for the server's own use.
    #[command(hide = true)]
    Extract {
        /// The kind of file.
        #[arg(long)]
        kind: String,
    },
}

/// How to compare.
#[derive(Debug, Args)]
pub struct Reconcile {
    /// Only look, repair nothing: runs no job and no migration, and keeps the report.
    #[arg(long)]
    pub dry_run: bool,
}

/// What to build.
#[derive(Debug, Args)]
pub struct Reindex {
    /// The kind of index: pinecone, embedded, pgvector or qdrant. Without it, the one that the configuration asks for.
    #[arg(long, value_parser = parse_kind)]
    pub to: Option<IndexKind>,
}

/// From where, and what with it.
#[derive(Debug, Args)]
pub struct AdoptIndex {
    /// Only look, change nothing: runs no job and no migration. To see whose the vectors are, three texts are embedded.
    #[arg(long)]
    pub dry_run: bool,
    /// The namespace that the ADR's application wrote to; "" is another name of the default one.
    #[arg(long, value_name = "NAME", default_value = Namespace::DEFAULT, value_parser = parse_namespace)]
    pub namespace: Namespace,
    /// The Pinecone index that it wrote to. Without it, the one in PINECONE_INDEX.
    #[arg(long, value_name = "NAME", value_parser = parse_pinecone_index)]
    pub index: Option<PineconeIndexName>,
    /// Take the texts alone, where the vectors are of another embedding model than the configured one, which then embeds
    /// them.
    #[arg(long)]
    pub embed_anew: bool,
    /// Remove the old vectors of documents that are in our own index by now, or that were deleted here.
    #[arg(long, conflicts_with = "dry_run")]
    pub remove_old: bool,
}

fn parse_namespace(text: &str) -> Result<Namespace, String> {
    Namespace::parse(if text.is_empty() { Namespace::DEFAULT } else { text }).map_err(|error| error.to_string())
}

fn parse_pinecone_index(text: &str) -> Result<PineconeIndexName, String> {
    PineconeIndexName::parse(text).map_err(|error| error.to_string())
}

fn parse_kind(text: &str) -> Result<IndexKind, String> {
    IndexKind::parse(text).ok_or_else(|| "write pinecone, embedded, pgvector or qdrant".to_owned())
}

/// Keys of the public API.
#[derive(Debug, Subcommand)]
pub enum ApiKey {
    /// Make a key and print it, alone, on standard output; works while the server runs.
    Create(CreateApiKey),
}

/// Whose key.
#[derive(Debug, Args)]
pub struct CreateApiKey {
    /// The person's e-mail address; the owner's is owner@localhost. Made when nobody has it.
    #[arg(long)]
    pub email: String,
    /// A name to recognise the key by.
    #[arg(long)]
    pub name: String,
    /// What it is good for: read (search and ask), write (also add, change and delete), or admin (also what the person may
    /// do as an administrator).
    #[arg(long, default_value = "admin", value_parser = parse_scope)]
    pub scope: Scope,
    /// Days until it expires. Without it, it is good until it is revoked.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub days: Option<u16>,
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| "write read, write or admin".to_owned())
}

/// Who.
#[derive(Debug, Args)]
pub struct GrantAdmin {
    /// The person's e-mail address.
    pub email: String,
}

/// Whose link.
#[derive(Debug, Args)]
pub struct SignInLink {
    /// The person's e-mail address.
    #[arg(long, default_value = cjhirashi_domain::user::Email::LOCAL_OWNER)]
    pub email: String,
}

/// Reads the command line, does it, and says what went wrong in one line.
#[must_use]
pub fn run() -> ExitCode {
    let matches = Cli::command()
        .after_help(config::help())
        .mut_subcommands(|command| command.after_help(config::help()))
        .get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match cli.command {
        // Before anything else: it reads files of strangers and must hold nothing.
        Command::Extract { kind } => cjhirashi_ingest::run_extract_child(&kind),
        Command::Doctor => with_runtime(doctor::run),
        Command::Serve => with_config(false, serve::run),
        Command::InitIndex => with_config(true, init_index::run),
        Command::Migrate => with_config(false, migrate::run),
        Command::Worker => with_config(false, worker::run),
        Command::Reconcile(args) => with_config(true, |config| reconcile::run(config, args)),
        Command::Reindex(args) => with_config(true, |config| reindex::run(config, args)),
        Command::AdoptIndex(args) => with_config(true, |config| adopt_index::run(config, args)),
        Command::ApiKey(ApiKey::Create(args)) => with_config(true, |config| api_key::create(config, args)),
        Command::GrantAdmin(args) => with_config(true, |config| grant_admin::run(config, args)),
        Command::SignInLink(args) => with_config(true, |config| sign_in_link::run(config, args)),
    }
}

fn with_config<F: Future<Output = anyhow::Result<()>>>(quiet: bool, work: impl FnOnce(Config) -> F) -> ExitCode {
    let config = match Config::load().and_then(|config| telemetry::start_logging(&config, quiet).map(|()| config)) {
        Ok(config) => config,
        Err(error) => return fail(&anyhow::Error::from(error), 2),
    };
    with_runtime(|| async {
        match work(config).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let code = if error.chain().any(<dyn std::error::Error>::is::<config::ConfigError>) { 2 } else { 1 };
                fail(&error, code)
            }
        }
    })
}

fn with_runtime<F: Future<Output = ExitCode>>(work: impl FnOnce() -> F) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(work());
            // A model may still be at work on a thread of its own; nobody waits for it.
            runtime.shutdown_background();
            code
        }
        Err(error) => fail(&anyhow::Error::from(error), 1),
    }
}

/// 1: it did not work; 2: a setting is wrong.
fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "cjhirashi: {}", described(error));
    ExitCode::from(code)
}

/// The error and its causes in one line, without saying anything twice.
fn described(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// [`with_store`] for commands that speak to an instance that there is: elsewhere than in its folder they would make another
/// one, whose links and keys open nothing.
async fn with_instance<T>(config: &Config, work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let made = config.database_url.is_some() || config.data_dir_is_set || config.postgres_dir().join("data").exists();
    anyhow::ensure!(
        made,
        "there is no instance in {}; run this where the server runs, or set DATA_DIR (or DATABASE_URL) as it has it",
        config.data_dir.display()
    );
    with_store(config, work).await
}

/// Opens the store beside a server that may be running, or without one.
async fn with_store<T>(config: &Config, work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>) -> anyhow::Result<T> {
    config.make_data_dir()?;
    let database = embedded::open(config, Use::Shared).await.context("the database cannot be started")?;
    let result = match state::open_store(config, &database.url).await {
        Ok(store) => {
            let result = work(&store).await;
            store.close().await;
            result
        }
        Err(error) => Err(error.into()),
    };
    database.close().await;
    result
}

/// Writes a command's result. A reader that is gone is not our failure.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_hidden_command_is_not_in_the_help() {
        let help = Cli::command().after_help(config::help()).render_long_help().to_string();
        assert!(!help.contains("extract "), "{help}");
    }

    #[test]
    fn the_readme_explains_every_variable_as_the_help_does_and_no_other() {
        let readme = include_str!("../../README.md");
        for variable in config::VARIABLES {
            let row = format!("| `{}` | {} | {} |", variable.name, variable.default, variable.help);
            assert!(readme.contains(&row), "the README has no row {row}");
        }
        let rows = readme.lines().skip_while(|line| !line.starts_with("| variable |")).skip(2);
        assert_eq!(rows.take_while(|line| line.starts_with('|')).count(), config::VARIABLES.len());
    }

    #[test]
    fn causes_are_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: {0}")]
        struct Outer(#[source] std::io::Error);
        let error = anyhow::Error::from(Outer(std::io::Error::other("inner"))).context("all");
        assert_eq!(described(&error), "all: outer: inner");
    }
}

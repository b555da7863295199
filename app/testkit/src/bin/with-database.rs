//! Runs a command with `DATABASE_URL` naming a fresh database in which every migration was applied, then drops it.
//!
//! `with-database MIGRATIONS_FOLDER COMMAND [ARGUMENT…]`; ends with the command's status.

use anyhow::Context as _;
use cjhirashi_testkit::TestDb;
use sqlx::{Connection as _, Executor as _};

#[tokio::main]
async fn main() -> anyhow::Result<std::process::ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("name the folder of the migrations")?;
    let command = arguments.next().context("name the command to run")?;
    let database = TestDb::new().await?;
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .with_context(|| folder.clone())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    let mut connection = sqlx::PgConnection::connect(&database.url).await?;
    for file in files {
        let sql = std::fs::read_to_string(&file)?;
        connection.execute(sqlx::AssertSqlSafe(sql)).await.with_context(|| file.display().to_string())?;
    }
    connection.close().await?;
    let status =
        tokio::process::Command::new(command).args(arguments).env("DATABASE_URL", &database.url).status().await?;
    Ok(if status.success() { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE })
}

//! The scripted model server as a program, for tests that are not written in Rust.
//!
//! `scripted-model [ADDRESS]` (default `127.0.0.1:0`) prints its base URL on the first line, and stops with its
//! standard input, so that it never outlives the test that started it. `PUT /control/script`, `POST /control/release`
//! and `GET /control/state` command it.

use std::io::Write as _;

use anyhow::Context as _;
use cjhirashi_testkit::ScriptedModels;
use tokio::io::AsyncReadExt as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let server = ScriptedModels::start_on(address.parse().context("an address such as 127.0.0.1:4010")?).await?;
    writeln!(std::io::stdout(), "{}", server.base_url())?;
    let mut nothing = Vec::new();
    let _ = tokio::io::stdin().read_to_end(&mut nothing).await;
    Ok(())
}

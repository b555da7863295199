//! The faulty Pinecone server as a program, for tests that are not written in Rust, and for people who want to see the
//! product with a remote index.
//!
//! `faulty-pinecone [ADDRESS]` (default `127.0.0.1:0`) prints its base URL on the first line, which is what
//! `PINECONE_CONTROL_URL` takes, with any `PINECONE_API_KEY`. It stops with its standard input, so that it never outlives
//! the test that started it. `PUT /control/plan`, `POST /control/show`, `DELETE /control/indexes/NAME` and
//! `GET /control/state` command it.

use std::io::Write as _;

use anyhow::Context as _;
use cjhirashi_testkit::FaultyPinecone;
use tokio::io::AsyncReadExt as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let server = FaultyPinecone::start_on(address.parse().context("an address such as 127.0.0.1:4020")?).await?;
    writeln!(std::io::stdout(), "{}", server.base_url())?;
    let mut nothing = Vec::new();
    let _ = tokio::io::stdin().read_to_end(&mut nothing).await;
    Ok(())
}

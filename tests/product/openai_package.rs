//! OpenAI's own Python package, unchanged, against the API that speaks OpenAI's protocol. Each promise is a test in
//! `tests/openai`; their names are shown as they pass or fail.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use cjhirashi_testkit::{Script, ScriptedModels, TestDatabase, left_out};
use serde_json::json;

use crate::client::Product;

/// Each may ask 60 times at once.
const KEYS: usize = 4;

#[tokio::test]
async fn the_official_openai_package_works_unchanged() {
    // Beside the folder for temporary files that cargo tells: the target folder, wherever that is.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("openai-client");
    if !folder.join("complete").exists() {
        let what = format!("{} is missing", folder.display());
        return left_out(&what, "run `scripts/fetch-openai-client`");
    }
    let models = ScriptedModels::start().await.expect("the scripted models");
    // One with a slash, as routers of many makers' models have it.
    models.set(Script {
        models: ["scripted-chat", "maker/scripted-chat"].map(str::to_owned).into(),
        ..Script::default()
    });
    let env = models.openai_env();
    let product = Product::with(models, env, TestDatabase::Fresh).await;
    product.add_text("Museo", "El museo cierra los lunes y los festivos.").await;
    let mut keys = Vec::new();
    for _ in 0..KEYS {
        keys.push(product.another_person("owner@localhost").await);
    }
    let eager = product.another_person("owner@localhost").await;

    let mut tests = Command::new(folder.join("bin/python"));
    tests
        .args(["-m", "unittest", "discover", "--verbose", "--start-directory"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openai"))
        .env("OPENAI_BASE_URL", format!("{}/api/v1", product.app.base_url))
        .env("OPENAI_API_KEY", &product.app.api_key)
        .env("API_KEYS", json!(keys).to_string())
        .env("EAGER_KEY", eager)
        .env("PROVIDER_URL", product.models.base_url())
        // The server is on loopback, whatever proxy this machine has.
        .env("NO_PROXY", "*")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || tests.output()).await.expect("a run").expect("Python");
    // Past the harness, which shows only what failed, and in one piece, as other tests run beside it.
    let mut told = b"\nOpenAI's own Python package:\n".to_vec();
    told.extend(&output.stderr);
    std::io::stderr().write_all(&told).expect("the names of the tests");
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stdout), product.app.log());
}

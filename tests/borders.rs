//! The tree is the architecture: who may depend on whom, and what may reach the browser.

use std::{collections::BTreeSet, process::Command};

/// Which of our crates each may use; the arrows of docs/architecture.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("e5", &[]),
    ("postgres", &[]),
    ("testkit", &["postgres"]),
    ("storage", &["domain"]),
    ("outbound", &[]),
    ("identity", &["domain", "outbound", "storage"]),
    ("mail", &["domain", "outbound", "storage"]),
    ("vectors", &["domain", "outbound"]),
    ("models", &["domain", "e5", "outbound"]),
    ("ingest", &["domain"]),
    ("retrieval", &["domain", "storage", "vectors", "models"]),
    ("sync", &["domain", "storage", "vectors", "models", "ingest", "retrieval"]),
    ("markdown", &["domain"]),
    ("artifacts", &["domain", "markdown"]),
    ("chat", &["domain", "storage", "models", "retrieval", "markdown", "artifacts"]),
    ("transfer", &["domain"]),
    ("web", &["domain", "storage", "models", "retrieval", "sync", "chat", "identity", "markdown", "artifacts"]),
    ("browser", &["web"]),
];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap_or_else(|error| panic!("cargo {arguments:?}: {error}"));
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn manifest(name: &str) -> String {
    let path = format!("{}/app/{name}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Our crates named in a manifest's `[dependencies]`; what its tests use does not count.
fn uses(manifest: &str) -> BTreeSet<&str> {
    manifest
        .split("\n[")
        .filter(|section| section.starts_with("dependencies]"))
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("cjhirashi-"))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .collect()
}

#[test]
fn the_arrows_between_our_crates_point_one_way() {
    for (name, allowed) in ARROWS {
        let manifest = manifest(name);
        for used in uses(&manifest) {
            assert!(allowed.contains(&used), "{name} may not depend on {used}");
        }
    }
}

#[test]
fn every_crate_of_the_tree_has_its_arrows_listed() {
    let folder = format!("{}/app", env!("CARGO_MANIFEST_DIR"));
    let found: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let listed: BTreeSet<String> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, listed);
}

#[test]
fn nothing_of_the_server_reaches_the_browser() {
    let tree = cargo(&[
        "tree",
        "--offline",
        "--package",
        "cjhirashi-browser",
        "--edges",
        "normal",
        "--target",
        "wasm32-unknown-unknown",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(packages.contains("leptos"), "the tree is not what was asked for: {tree}");
    for forbidden in [
        "sqlx",
        "sqlx-core",
        "reqwest",
        "tokio",
        "axum",
        "pulldown-cmark",
        "syntect",
        "oauth2",
        "hyper",
        "cjhirashi-storage",
        "cjhirashi-models",
        "cjhirashi-chat",
        "cjhirashi-sync",
        "cjhirashi-retrieval",
    ] {
        assert!(!packages.contains(forbidden), "{forbidden} would be sent to every browser");
    }
}

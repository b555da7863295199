//! Where PostgreSQL may be installed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{account::Account, fetch, process};

/// The oldest version that is used, by its first number.
pub(crate) const MINIMUM_VERSION: u32 = 14;

/// Folders of programs, beside those of `PATH` and what `pg_config` says. A `*` stands for a version.
const PLACES: &[&str] = &[
    // Debian, Ubuntu
    "/usr/lib/postgresql/*/bin",
    // Red Hat, Fedora, Oracle (the PostgreSQL project's packages)
    "/usr/pgsql-*/bin",
    // Alpine
    "/usr/libexec/postgresql*",
    // openSUSE
    "/usr/lib/postgresql*/bin",
    // Built from source; FreeBSD
    "/usr/local/pgsql/bin",
    "/usr/local/bin",
    // Homebrew
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    // MacPorts
    "/opt/local/lib/postgresql*/bin",
    // Postgres.app
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// An installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The folder with `postgres` and `initdb`.
    pub bin: PathBuf,
    /// Its version.
    pub version: Version,
}

/// A version of PostgreSQL, `major.minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The newest installation that can be used; one of exactly `major` when data of it exists.
pub(crate) async fn installed(major: Option<u32>, cache: &Path, account: Option<&Account>) -> Option<Installation> {
    let mut best: Option<Installation> = None;
    for folder in candidates(cache).await {
        let Some(found) = examine(folder, account).await else { continue };
        let fits = major.map_or(found.version.0 >= MINIMUM_VERSION, |major| found.version.0 == major);
        if fits && best.as_ref().is_none_or(|best| found.version > best.version) {
            best = Some(found);
        }
    }
    best
}

async fn candidates(cache: &Path) -> BTreeSet<PathBuf> {
    let path: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let mut folders: BTreeSet<PathBuf> = PLACES.iter().flat_map(|pattern| expand(pattern)).collect();
    for folder in &path {
        folders.insert(folder.clone());
        let config = folder.join("pg_config");
        if config.is_file()
            && let Some(bin) = process::output(&config, &["--bindir"], None, Duration::from_secs(5)).await
        {
            folders.insert(PathBuf::from(bin.trim()));
        }
    }
    folders.insert(fetch::bin(cache));
    // Two names of one folder (/bin and /usr/bin) are asked once.
    folders.iter().filter(|folder| is_installation(folder)).filter_map(|folder| folder.canonicalize().ok()).collect()
}

fn is_installation(folder: &Path) -> bool {
    folder.is_absolute() && folder.join("postgres").is_file() && folder.join("initdb").is_file()
}

/// Asks the programs in a folder for their version, as the user who will run them.
pub(crate) async fn examine(bin: PathBuf, account: Option<&Account>) -> Option<Installation> {
    let text = process::output(&bin.join("postgres"), &["--version"], account, Duration::from_secs(10)).await?;
    let version = parse_version(&text)?;
    Some(Installation { bin, version })
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` and `… 18beta1`.
fn parse_version(text: &str) -> Option<Version> {
    let number = text.split_once("(PostgreSQL)")?.1.split_whitespace().next()?;
    let mut parts = number.split(|c: char| !c.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    Some(Version(major, parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

/// Expands the one `*` a pattern may have.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let (folder, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = std::fs::read_dir(if folder.is_empty() { "/" } else { folder }) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| {
            let path = entry.path();
            let after = after.trim_start_matches('/');
            if after.is_empty() { path } else { path.join(after) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_distributions_and_of_betas_are_read() {
        let read = |text| parse_version(text).map(|version| version.to_string());
        assert_eq!(read("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(), Some("15.18"));
        assert_eq!(read("postgres (PostgreSQL) 18beta1").as_deref(), Some("18.0"));
        assert_eq!(read("postgres (PostgreSQL) 17devel").as_deref(), Some("17.0"));
        assert_eq!(read("something else 3.1"), None);
    }

    #[test]
    fn a_pattern_finds_each_version_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pg-14/bin", "pg-17/bin", "other/bin"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let mut found = expand(&format!("{}/pg-*/bin", folder.path().display()));
        found.sort();
        assert_eq!(found, [folder.path().join("pg-14/bin"), folder.path().join("pg-17/bin")]);
    }
}

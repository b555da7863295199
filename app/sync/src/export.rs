//! All embeddings in a file, once a week: a way out to other tools. The way back is PostgreSQL's own backup, which holds them.
//!
//! Lines of JSON, compressed with gzip: `{"id": "document#version#seq", "model": …, "embedding": …}`, the embedding in half
//! precision, little endian, Base64. A file is written beside and renamed, so a half one is never taken for whole.

use std::{
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cjhirashi_domain::{ErrorCode, document::DocumentError};
use cjhirashi_storage::{StoredVector, encode_embedding};
use cjhirashi_vectors::ChunkKey;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Iso8601};

use crate::{
    WorkerContext,
    error::{Failure, Remedy},
};

/// Vectors read at once.
const PAGE: i64 = 1_000;
/// Exports that are kept.
const KEPT: usize = 4;
const PREFIX: &str = "vectors-";
const SUFFIX: &str = ".jsonl.gz";

type Export = GzEncoder<BufWriter<std::fs::File>>;

fn failure(folder: &Path, error: &io::Error) -> Failure {
    Failure {
        error: DocumentError {
            code: ErrorCode::Internal.as_str().to_owned(),
            detail: Some(format!("{} cannot be written: {error}", folder.display())),
            words: None,
        },
        remedy: Remedy::TryAgain { after: None },
    }
}

/// Writes the embeddings of all that answers, in the active index's model.
pub(crate) async fn export_vectors(context: &WorkerContext) -> Result<(), Failure> {
    let folder = context.exports.clone();
    let model = context.engine.current().name.model.clone();
    let day = OffsetDateTime::from_unix_timestamp(context.store.now().0 / 1000)
        .ok()
        .and_then(|now| now.date().format(&Iso8601::DATE).ok())
        .unwrap_or_else(|| "undated".to_owned());
    let path = folder.join(format!("{PREFIX}{day}{SUFFIX}"));
    let failed = |error: io::Error| failure(&folder, &error);
    let mut export = begin(folder.clone(), path.clone()).await.map_err(failed)?;
    let (mut after, mut count) = (0, 0);
    loop {
        let page = context.store.list_answering_vectors(None, &model, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.ordinal;
        count += page.len();
        let model = model.clone();
        export = blocking(move || write(export, &model, page)).await.map_err(failed)?;
    }
    let kept = folder.clone();
    let whole = path.clone();
    blocking(move || finish(export, &kept, &whole)).await.map_err(failed)?;
    tracing::info!(vectors = count, path = %path.display(), "all embeddings were exported");
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn part(path: &Path) -> PathBuf {
    path.with_extension("part")
}

async fn begin(folder: PathBuf, path: PathBuf) -> io::Result<Export> {
    blocking(move || {
        std::fs::create_dir_all(&folder)?;
        Ok(GzEncoder::new(BufWriter::new(std::fs::File::create(part(&path))?), Compression::fast()))
    })
    .await
}

fn write(mut export: Export, model: &str, page: Vec<StoredVector>) -> io::Result<Export> {
    for vector in page {
        let place = vector.place;
        let id = ChunkKey { document_id: place.document_id, version: place.version, seq: place.seq }.to_string();
        let embedding = STANDARD.encode(encode_embedding(&vector.values));
        serde_json::to_writer(&mut export, &json!({"id": id, "model": model, "embedding": embedding}))?;
        export.write_all(b"\n")?;
    }
    Ok(export)
}

/// Gives the file its name, and removes the oldest ones.
fn finish(export: Export, folder: &Path, path: &Path) -> io::Result<()> {
    let file = export.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    std::fs::rename(part(path), path)?;
    let files: Vec<PathBuf> = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    // Of a process that was killed.
    for half in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "part")) {
        std::fs::remove_file(half)?;
    }
    let mut exports: Vec<PathBuf> = files
        .into_iter()
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
        })
        .collect();
    exports.sort();
    for old in exports.iter().rev().skip(KEPT) {
        std::fs::remove_file(old)?;
    }
    Ok(())
}

//! `GET /account/export`: all that is somebody's, as one zip that is written while it is sent.
//!
//! Memory holds one chat, or one page of a list, at a time; files are read piece by piece. No database connection is held
//! while the browser takes its time.

use std::{
    collections::HashMap,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use cjhirashi_chat::{ArtifactError, Opened};
use cjhirashi_domain::{ErrorCode, audit::Action, id::ArtifactId, user::SignedIn};
use cjhirashi_storage::{Done, Part, StorageError};
use cjhirashi_sync::{DocumentFilter, DocumentScope};
use serde::Serialize;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
};
use tokio_util::bytes::BytesMut;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{
    address::ClientAddress,
    error::{ApiError, ApiResult},
    sign_in::Person,
};
use crate::AppState;

/// Bytes that are sent at once.
const PIECE: usize = 64 << 10;
/// Pieces, and entries, that wait for whoever reads.
const WAITING: usize = 4;
/// Rows read at once.
const PAGE: i64 = 200;
/// Exports of this process at the same time.
static EXPORTS: Semaphore = Semaphore::const_new(8);
/// Whoever reads nothing for so long has gone.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of the log.
const LOG: i64 = 10_000;

/// What goes into the zip.
enum Entry {
    /// Something as it is: JSON, an image.
    Bytes(String, Vec<u8>),
    /// A file as it came.
    File(String, PathBuf),
    /// That was all.
    End,
}

impl Entry {
    fn json(name: impl Into<String>, value: &impl Serialize) -> serde_json::Result<Self> {
        Ok(Self::Bytes(name.into(), serde_json::to_vec_pretty(value)?))
    }
}

/// `GET /account/export`.
pub(crate) async fn export(
    State(state): State<AppState>,
    Person(who): Person,
    ClientAddress(address): ClientAddress,
) -> ApiResult<Response> {
    // Each holds a thread until it is read to its end.
    let permit = EXPORTS.try_acquire().map_err(|_| ApiError::new(ErrorCode::TooMany))?;
    let (actor, address) = (Some(&who.user.id), address.as_deref());
    let done = Done { actor, action: Action::DataExported, subject: None, detail: None, address };
    state.store.note(&done).await?;
    let (entries, taken) = mpsc::channel(WAITING);
    let (pieces, mut body) = mpsc::channel::<io::Result<Bytes>>(WAITING);
    tokio::spawn(async move {
        // A reader that went away ends it.
        match gather(&state, &who, &entries).await {
            Ok(()) => {
                let _ = entries.send(Entry::End).await;
            }
            Err(error) => tracing::warn!(user.id = %who.user.id, %error, "an export ended early"),
        }
    });
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        if let Err(error) = write(taken, pieces.clone()) {
            // A zip without its end is seen to be none.
            let _ = pieces.blocking_send(Err(error));
        }
    });
    let stream = futures::stream::poll_fn(move |context| body.poll_recv(context));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"cjhirashi.zip\"")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// Why nothing more is gathered.
#[derive(Debug, thiserror::Error)]
enum GatherError {
    #[error("nobody reads it any more")]
    Gone,
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Document(#[from] cjhirashi_sync::DocumentError),
    #[error("it cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What the file of an artifact ends with.
fn ending(opened: &Opened) -> &'static str {
    let media_type = opened.stored.metadata.get("media_type").and_then(|it| it.as_str());
    match (&opened.file, media_type) {
        (None, _) => opened.kind.source().extension,
        (Some(_), Some("image/png")) => "png",
        (Some(_), Some("image/jpeg")) => "jpg",
        (Some(_), _) => "bin",
    }
}

async fn gather(state: &AppState, who: &SignedIn, entries: &mpsc::Sender<Entry>) -> Result<(), GatherError> {
    let (id, viewer, store) = (&who.user.id, who.viewer(), &state.store);
    let send = async |entry| entries.send(entry).await.map_err(|_| GatherError::Gone);
    send(Entry::json("profile.json", &who.user)?).await?;
    send(Entry::json("settings.json", &who.settings)?).await?;
    let accounts: Vec<_> = store
        .list_accounts(id)
        .await?
        .into_iter()
        .map(|it| serde_json::json!({"provider": it.provider, "email": it.email, "linked_at": it.created_at, "used_at": it.used_at}))
        .collect();
    send(Entry::json("accounts.json", &accounts)?).await?;
    let devices: Vec<_> = store
        .list_devices(id, None)
        .await?
        .into_iter()
        .map(|it| serde_json::json!({"browser": it.agent, "signed_in_at": it.signed_in_at, "used_at": it.used_at}))
        .collect();
    send(Entry::json("devices.json", &devices)?).await?;
    send(Entry::json("api_keys.json", &store.list_api_keys(id).await?)?).await?;
    let log: Vec<_> = store
        .list_audit(Some(id), 0, LOG)
        .await?
        .into_iter()
        .map(|it| serde_json::json!({"at": it.at, "action": it.action, "subject": it.subject, "detail": it.detail, "address": it.address}))
        .collect();
    send(Entry::json("log.json", &log)?).await?;
    let usage: Vec<_> = store
        .list_spending(Some(id), LOG)
        .await?
        .into_iter()
        .map(|it| {
            serde_json::json!({"month": it.month, "model": it.model, "answers": it.answers,
                "prompt_tokens": it.prompt_tokens, "completion_tokens": it.completion_tokens, "cost": it.cost})
        })
        .collect();
    send(Entry::json("usage.json", &usage)?).await?;
    send(Entry::json("folders.json", &store.list_folders(id).await?)?).await?;
    let mut prompts = store.list_prompts(&viewer).await?;
    prompts.retain(|prompt| !prompt.shared);
    send(Entry::json("prompts.json", &prompts)?).await?;
    let mut after = None;
    loop {
        let chats = store.list_chat_ids(id, after.as_ref(), PAGE).await?;
        let Some(last) = chats.last().cloned() else { break };
        for chat in &chats {
            let Some(page) = store.open_chat(&viewer, chat, Part::Everything).await? else { continue };
            let thought = page.messages.iter().any(|message| message.thought);
            let reasoning = if thought { store.list_reasoning(&viewer, chat).await? } else { Vec::new() };
            let reasoning: HashMap<String, String> = reasoning.into_iter().collect();
            let chat = serde_json::json!({
                "chat": page.summary, "kept": page.filing, "chosen": page.choices, "waiting": page.queue,
                "messages": page.messages, "reasoning": reasoning,
            });
            send(Entry::json(format!("chats/{}.json", page.summary.id), &chat)?).await?;
            for image in page.messages.iter().flat_map(|message| &message.images) {
                // One at a time: each may be as large as all words of the chat.
                if let Some(file) = store.open_image(&viewer, &image.id).await? {
                    let ending = if file.media_type == "image/png" { "png" } else { "jpg" };
                    send(Entry::Bytes(format!("chats/{}/{}.{ending}", page.summary.id, image.id), file.content))
                        .await?;
                }
            }
        }
        after = Some(last);
    }
    let mut after = String::new();
    loop {
        let artifacts = store.list_artifact_rows(id, &after, PAGE).await?;
        let Some((last, _)) = artifacts.last() else { break };
        after.clone_from(last);
        for (artifact, row) in &artifacts {
            let Ok(id) = ArtifactId::parse(artifact.as_str()) else { continue };
            let versions = store.list_artifact_versions(&viewer, &id, i64::MAX).await?;
            let known = serde_json::json!({"artifact": row, "versions": versions});
            send(Entry::json(format!("artifacts/{artifact}.json"), &known)?).await?;
            for version in versions {
                // One at a time: each may have 16 MB.
                match state.artifacts.open(&viewer, &id, Some(version.version)).await {
                    Ok(opened) => {
                        let name = format!("artifacts/{artifact}/{}.{}", version.version, ending(&opened));
                        let bytes = opened.file.unwrap_or_else(|| opened.text.into_bytes());
                        send(Entry::Bytes(name, bytes)).await?;
                    }
                    Err(ArtifactError::Storage(error)) => return Err(error.into()),
                    Err(error) => tracing::warn!(%error, artifact.id = %id, "a version is missing in an export"),
                }
            }
        }
    }
    let mut filter = DocumentFilter { scope: DocumentScope::Own, page_size: 200, ..DocumentFilter::default() };
    loop {
        let list = state.documents.list(&viewer, &filter).await?;
        if list.documents.is_empty() {
            return Ok(());
        }
        for document in &list.documents {
            let metadata = state.documents.metadata(&viewer, &document.id).await?;
            let known = serde_json::json!({"document": document, "metadata": metadata});
            send(Entry::json(format!("documents/{}.json", document.id), &known)?).await?;
            if let Some((file, path)) = state.documents.original(&viewer, &document.id).await? {
                // The name is somebody's: no path may be in it.
                let name: String =
                    file.file_name.chars().filter(|c| !matches!(c, '/' | '\\') && !c.is_control()).collect();
                let name = name.trim_start_matches('.');
                send(Entry::File(format!("documents/{}/{name}", document.id), path)).await?;
            }
        }
        filter.page += 1;
    }
}

/// Writes the zip until there are no more entries.
fn write(mut entries: mpsc::Receiver<Entry>, pieces: mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let mut zip = ZipWriter::new_stream(Pieces { sender: pieces, waiting: BytesMut::with_capacity(PIECE) });
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    while let Some(entry) = entries.blocking_recv() {
        match entry {
            Entry::End => {
                let mut pieces = zip.finish().map_err(io::Error::other)?.into_inner();
                return pieces.flush();
            }
            Entry::Bytes(name, bytes) => {
                zip.start_file(name, options).map_err(io::Error::other)?;
                zip.write_all(&bytes)?;
            }
            Entry::File(name, path) => match std::fs::File::open(&path) {
                Ok(mut file) => {
                    zip.start_file(name, options.large_file(true)).map_err(io::Error::other)?;
                    io::copy(&mut file, &mut zip)?;
                }
                // Deleted a moment ago, or in another server's folder: said in its place.
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a file is missing from an export");
                    zip.start_file(format!("{name}.missing.txt"), options).map_err(io::Error::other)?;
                    zip.write_all(b"This file is not in this server's folder.\n")?;
                }
            },
        }
    }
    Err(io::Error::other("not everything could be read"))
}

/// Sends what is written, piece by piece; waits while nobody reads.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    waiting: BytesMut,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let piece = self.waiting.split().freeze();
        let sending = tokio::time::timeout(PATIENCE, self.sender.send(Ok(piece)));
        match Handle::current().block_on(sending) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[tokio::test]
    async fn what_is_gathered_is_a_zip_that_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, vec![7; 300_000]).unwrap();
        let (entries, taken) = mpsc::channel(WAITING);
        let (pieces, mut body) = mpsc::channel(WAITING);
        let writing = tokio::task::spawn_blocking(move || write(taken, pieces));
        tokio::spawn(async move {
            entries.send(Entry::Bytes("profile.json".to_owned(), b"{}".to_vec())).await.ok();
            entries.send(Entry::File("documents/a/año.bin".to_owned(), file)).await.ok();
            entries.send(Entry::File("documents/b/gone.bin".to_owned(), PathBuf::from("/nowhere"))).await.ok();
            entries.send(Entry::End).await.ok();
        });
        let mut bytes = Vec::new();
        while let Some(piece) = body.recv().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        writing.await.unwrap().unwrap();
        let mut zip = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
        let mut names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        names.sort();
        assert_eq!(names, ["documents/a/año.bin", "documents/b/gone.bin.missing.txt", "profile.json"]);
        let mut whole = Vec::new();
        zip.by_name("documents/a/año.bin").unwrap().read_to_end(&mut whole).unwrap();
        assert_eq!(whole, vec![7; 300_000]);
    }

    #[tokio::test]
    async fn what_was_not_gathered_to_its_end_is_no_zip() {
        let (entries, taken) = mpsc::channel(WAITING);
        let (pieces, mut body) = mpsc::channel(WAITING);
        entries.send(Entry::Bytes("profile.json".to_owned(), b"{}".to_vec())).await.ok();
        drop(entries);
        let writing = tokio::task::spawn_blocking(move || write(taken, pieces));
        while body.recv().await.is_some() {}
        assert!(writing.await.unwrap().is_err());
    }
}

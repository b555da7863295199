//! Conversations to and from files: exports of other programs come in, one's own go out.

use std::{collections::HashMap, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{FromRequest as _, Multipart, Request, State},
    http::{
        HeaderMap, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Redirect, Response},
};
use base64::Engine as _;
use cjhirashi_domain::{
    ErrorCode, Viewer,
    chat::{MessageRole, MessageStatus},
    id::{ChatId, UserId},
    settings::Language,
    text::ChatTitle,
};
use cjhirashi_storage::{ChatPage, IncomingChat, IncomingMessage, Part, StorageError, Store, StoredImage};
use cjhirashi_transfer::{
    CitedSource, Conversation, Export, ImportedMessage, Kept, KeptImage, Source, file_name, markdown, read,
};
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};

use super::{
    body::{ApiId, ApiQuery, PATIENCE, Room},
    error::{ApiError, ApiResult, accepts_html},
    sign_in::Person,
};
use crate::AppState;

/// The most bytes of a file that is brought in; it is read in memory.
const MAX_BYTES: usize = 200 << 20;
/// So many files are read at once.
static IMPORTS: Semaphore = Semaphore::const_new(1);
/// So many may be on their way, each of them in memory.
static ON_THEIR_WAY: Semaphore = Semaphore::const_new(3);
/// How long one may be.
const ON_ITS_WAY: Duration = Duration::from_secs(15 * 60);
/// Conversations read ahead of the database.
const AHEAD: usize = 4;
/// Chats whose ids are read at once.
const PAGE: i64 = 200;

/// What became of a file's conversations.
#[derive(Debug, Default, Serialize)]
struct Imported {
    /// Here now.
    imported: u64,
    /// Here before.
    known: u64,
    /// Could not be read.
    damaged: u64,
    /// Had not a word.
    empty: u64,
}

/// `POST /chats/import`: a form with one `file`, an export of ChatGPT, Open WebUI, or our own.
pub(crate) async fn import(State(state): State<AppState>, person: Person, request: Request) -> ApiResult<Response> {
    let html = accepts_html(request.headers());
    let done = read_and_keep(&state, &person, request).await;
    match done {
        Ok(done) if html => {
            let Imported { imported, known, damaged, empty } = done;
            let place = format!("/chats?imported={imported}&known={known}&damaged={damaged}&empty={empty}");
            Ok(Redirect::to(&place).into_response())
        }
        Ok(done) => Ok(Json(done).into_response()),
        Err(error) if html => Ok(Redirect::to(&format!("/chats?error={}", error.code.as_str())).into_response()),
        Err(error) => Err(error),
    }
}

async fn read_and_keep(state: &AppState, person: &Person, request: Request) -> ApiResult<Imported> {
    let too_many = |_| ApiError::new(ErrorCode::TooMany);
    let _on_its_way = ON_THEIR_WAY.try_acquire().map_err(too_many)?;
    let received = tokio::time::timeout(ON_ITS_WAY, file_of(request, MAX_BYTES)).await;
    let (_, bytes) = received.map_err(|_| ApiError::invalid("the upload took too long"))??;
    // Only once the file is here: whoever sends slowly keeps no reader waiting.
    let _one = IMPORTS.try_acquire().map_err(too_many)?;
    let (user, language) = (person.0.user.id.clone(), person.0.settings.language);
    let (conversations, mut read_ahead) = mpsc::channel(AHEAD);
    let now = state.store.now();
    // Reading is work for a processor; keeping waits for the database.
    let reader = tokio::task::spawn_blocking(move || {
        for conversation in read(&bytes, language, now)? {
            if conversations.blocking_send(conversation).is_err() {
                break;
            }
        }
        Ok::<(), cjhirashi_transfer::ImportError>(())
    });
    let mut done = Imported::default();
    while let Some(conversation) = read_ahead.recv().await {
        match conversation {
            Ok(conversation) if conversation.messages.is_empty() => done.empty += 1,
            Ok(conversation) => match keep(&state.store, &user, conversation).await? {
                Some(_) => done.imported += 1,
                None => done.known += 1,
            },
            Err(damaged) => {
                tracing::info!(%damaged, "a conversation could not be read");
                done.damaged += 1;
            }
        }
    }
    match reader.await {
        Ok(Ok(())) => Ok(done),
        Ok(Err(error)) => {
            tracing::info!(%error, "a file of conversations was refused");
            Err(ApiError::new(ErrorCode::ImportInvalid))
        }
        Err(_) => Err(ApiError::new(ErrorCode::Internal)),
    }
}

/// The name and the bytes of the form's file, when the whole form has no more than `most`.
pub(super) async fn file_of(request: Request, most: usize) -> ApiResult<(Option<String>, Bytes)> {
    let no_form = |_| ApiError::invalid("send multipart/form-data with one file in the field \"file\"");
    let mut form = Multipart::from_request(request, &()).await.map_err(no_form)?;
    let broken = || ApiError::invalid("the upload broke off");
    let (mut bytes, mut read, mut room) = (Vec::new(), 0, Room::default());
    while let Some(field) =
        tokio::time::timeout(PATIENCE, form.next_field()).await.map_err(|_| broken())?.map_err(|_| broken())?
    {
        let wanted = field.name() == Some("file");
        let name = field.file_name().map(|name| name.chars().take(200).collect());
        let mut pieces = field.into_stream();
        while let Some(piece) =
            tokio::time::timeout(PATIENCE, pieces.try_next()).await.map_err(|_| broken())?.map_err(|_| broken())?
        {
            read += piece.len();
            if read > most {
                return Err(ApiError::new(ErrorCode::BodyTooLarge));
            }
            if wanted {
                room.hold(read).await?;
                bytes.extend_from_slice(&piece);
            }
        }
        if wanted {
            return Ok((name, bytes.into()));
        }
    }
    Err(ApiError::invalid("there is no field \"file\""))
}

async fn keep(store: &Store, user: &UserId, chat: Conversation) -> Result<Option<ChatId>, StorageError> {
    // Instructions are never shown, so nobody is to be steered by those that a file brings along.
    let mut places: Vec<Option<usize>> = Vec::with_capacity(chat.messages.len());
    let mut kept = 0;
    for message in &chat.messages {
        let parent = message.parent.and_then(|parent| places.get(parent).copied().flatten());
        if message.role == MessageRole::System {
            places.push(parent);
        } else {
            places.push(Some(kept));
            kept += 1;
        }
    }
    let place = |old: Option<usize>| old.and_then(|old| places.get(old).copied().flatten());
    let message = |message: ImportedMessage| IncomingMessage {
        parent: place(message.parent),
        model: message.model,
        // Why it failed there is told nowhere here.
        status: message.kept.status.map_or(MessageStatus::Complete, |status| match status {
            MessageStatus::Failed => MessageStatus::Interrupted,
            other => other,
        }),
        rating: message.kept.rating.map(|rating| (rating, message.kept.rating_reason)),
        ..IncomingMessage::new(message.role, message.content, message.created_at)
    };
    // What has no id there is told by when it was begun and what it is called.
    let id = match chat.source_id.as_str() {
        "" => format!("{} {}", chat.created_at.0, chat.title),
        id => id.to_owned(),
    };
    let origin = (chat.source.as_str().to_owned(), id);
    // Before its images are read.
    if store.knows_chat(user, &origin.0, &origin.1).await? {
        return Ok(None);
    }
    let mut messages = Vec::with_capacity(kept);
    let mut room = PICTURES;
    for mut told in chat.messages.into_iter().filter(|it| it.role != MessageRole::System) {
        let mut images = std::mem::take(&mut told.kept.images);
        images.truncate(room);
        room -= images.len();
        let pictures = pictures(images).await;
        messages.push(IncomingMessage { pictures, ..message(told) });
    }
    let incoming = IncomingChat {
        origin: Some(origin),
        title: ChatTitle::shortened(&chat.title),
        created_at: chat.created_at,
        updated_at: chat.updated_at,
        archived: chat.archived,
        pinned: chat.pinned,
        tags: chat.tags.iter().map(|tag| tag.to_lowercase()).collect(),
        current: place(chat.current),
        messages,
    };
    store.import_chat(user, &incoming, None).await
}

/// Images of one chat that are brought in.
const PICTURES: usize = 200;

/// The images that a file has of a question, read as if somebody had chosen them now. What cannot be read is left out: the
/// words count more.
async fn pictures(images: Vec<KeptImage>) -> Vec<(StoredImage, (u32, u32))> {
    let mut read = Vec::with_capacity(images.len());
    for image in images {
        let data = image.data.as_deref().and_then(|data| data.strip_prefix("data:image/")?.split_once(";base64,"));
        let Some((_, content)) = data else { continue };
        let Ok(file) = base64::engine::general_purpose::STANDARD.decode(content) else { continue };
        match cjhirashi_chat::read_image(file).await {
            Ok(picture) => read.push(picture),
            Err(error) => tracing::info!(%error, "an image of a conversation could not be read"),
        }
    }
    read
}

/// Bytes of images in one chat of a file: a chat that is brought in again has at most 64 MB with all it says.
const IMAGES: usize = 32 << 20;

/// The images of a chat's questions, in the order of its messages and of each one's images; those that a file has no room
/// for are told without their content.
async fn images(store: &Store, viewer: &Viewer, page: &ChatPage) -> Result<Vec<Vec<KeptImage>>, StorageError> {
    let mut room = IMAGES;
    let mut all = Vec::with_capacity(page.messages.len());
    for message in &page.messages {
        let mut kept = Vec::with_capacity(message.images.len());
        for image in &message.images {
            let file = if room > 0 { store.open_image(viewer, &image.id).await? } else { None };
            room = room.saturating_sub(file.as_ref().map_or(0, |file| file.content.len()));
            let data = file.filter(|_| room > 0).map(|file| {
                let content = base64::engine::general_purpose::STANDARD.encode(file.content);
                format!("data:{};base64,{content}", file.media_type)
            });
            kept.push(KeptImage { width: image.width, height: image.height, data });
        }
        all.push(kept);
    }
    Ok(all)
}

/// A chat as a file says it.
fn conversation(page: ChatPage, images: Vec<Vec<KeptImage>>) -> Conversation {
    let places: HashMap<&str, usize> =
        page.messages.iter().enumerate().map(|(place, message)| (message.id.as_str(), place)).collect();
    let place = |id: &str| places.get(id).copied();
    let messages = page
        .messages
        .iter()
        .zip(images)
        .map(|(message, images)| ImportedMessage {
            kept: Kept {
                status: Some(message.status).filter(|status| *status != MessageStatus::Complete),
                rating: message.rating,
                rating_reason: message.rating_reason.clone(),
                images,
            },
            source_id: message.id.to_string(),
            parent: message.parent_id.as_ref().and_then(|parent| place(parent.as_str())),
            role: message.role,
            content: message.content.clone(),
            model: message.model.clone(),
            created_at: message.created_at,
            citations: message
                .citations
                .iter()
                .filter_map(|citation| {
                    let source = citation.source.as_ref()?;
                    let (title, quote) = (source.title.clone(), Some(source.text.clone()));
                    Some(CitedSource { n: citation.n, title, quote, url: None })
                })
                .collect(),
        })
        .collect();
    Conversation {
        source: Source::Cjhirashi,
        source_id: page.summary.id.to_string(),
        title: page.summary.title,
        created_at: page.summary.created_at,
        updated_at: page.summary.updated_at,
        archived: page.filing.archived,
        pinned: page.filing.pinned,
        tags: page.filing.tags,
        current: page.leaf.as_ref().and_then(|leaf| place(leaf.as_str())),
        messages,
    }
}

/// How a chat is written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// The shown branch, to be read.
    #[default]
    Md,
    /// All branches, to be brought in again; the sources of its answers are for reading.
    Json,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    format: Format,
}

/// `GET /chat/{id}/export?format=md|json`.
pub(crate) async fn export_one(
    State(state): State<AppState>,
    person: Person,
    ApiId(id): ApiId<ChatId>,
    ApiQuery(wanted): ApiQuery<Wanted>,
) -> ApiResult<Response> {
    let not_found = ApiError::new(ErrorCode::ChatNotFound);
    let page = state.store.open_chat(&person.viewer(), &id, Part::Everything).await?.ok_or(not_found)?;
    let images = images(&state.store, &person.viewer(), &page).await?;
    let mut chat = conversation(page, images);
    let name = file_name(&chat.title);
    let language: Language = person.0.settings.language;
    let unwritable = |_| ApiError::new(ErrorCode::Internal);
    let (body, kind, ending) = match wanted.format {
        Format::Md => {
            for message in &mut chat.messages {
                message.content = cjhirashi_artifacts::protocol::as_markdown(&message.content);
            }
            (markdown(&chat, language).into_bytes(), "text/markdown; charset=utf-8", "md")
        }
        Format::Json => {
            let mut export = Export::begin(Vec::new(), state.store.now()).map_err(unwritable)?;
            export.chat(&chat).map_err(unwritable)?;
            (export.end().map_err(unwritable)?, "application/json", "json")
        }
    };
    Ok((download(&format!("{name}.{ending}"), kind), body).into_response())
}

/// `GET /chats/export`: every chat, written while it is sent.
pub(crate) async fn export_all(State(state): State<AppState>, person: Person) -> ApiResult<Response> {
    let (store, viewer) = (state.store.clone(), person.viewer());
    let pieces = async_stream::try_stream! {
        let mut export = Export::begin(Vec::new(), store.now())?;
        let mut after = None;
        loop {
            let chats = store.list_chat_ids(&viewer.user_id, after.as_ref(), PAGE).await.map_err(std::io::Error::other)?;
            let Some(last) = chats.last().cloned() else { break };
            for chat in &chats {
                let page = store.open_chat(&viewer, chat, Part::Everything).await.map_err(std::io::Error::other)?;
                // What was not to be kept is not kept in a file either.
                if let Some(page) = page.filter(|page| !page.filing.temporary) {
                    let images = images(&store, &viewer, &page).await.map_err(std::io::Error::other)?;
                    export.chat(&conversation(page, images))?;
                    yield Bytes::from(std::mem::take(export.get_mut()));
                }
            }
            after = Some(last);
        }
        yield Bytes::from(export.end()?);
    };
    let pieces: std::pin::Pin<Box<dyn futures::Stream<Item = std::io::Result<Bytes>> + Send>> = Box::pin(pieces);
    Ok((download("cjhirashi-chats.json", "application/json"), Body::from_stream(pieces)).into_response())
}

fn download(name: &str, kind: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    headers
}

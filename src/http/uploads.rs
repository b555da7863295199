//! Files that come in: read as a stream, kept on the disk as they arrive, never whole in memory.
//!
//! Fields may come in any order, so files wait (on the disk, and gone with the request) until the form's end says to
//! whom they belong.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest as _, Multipart, Request, State, multipart::Field},
    http::{HeaderMap, StatusCode, header::REFERER},
    response::{IntoResponse as _, Redirect, Response},
};
use cjhirashi_domain::{
    ErrorCode, Viewer,
    access::Visibility,
    document::{Document, DocumentStatus, Source},
    id::DocumentId,
    settings::Language,
};
use cjhirashi_storage::StoredBlob;
use cjhirashi_sync::{DocumentError, DocumentService, NewDocument, Twin, parse_tags};
use futures::{StreamExt as _, stream};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    body::{ApiId, PATIENCE},
    error::{ApiError, ApiResult, accepts_html, language_of},
    sign_in::{Person, local_path},
};
use crate::AppState;

/// The most files of one request.
pub(crate) const MAX_FILES: usize = 2_000;
/// The most bytes of one request, all its files together, each with its head.
const MAX_TOTAL_BYTES: u64 = 4 << 30;
/// What the head of a file counts at least: empty files are not for nothing.
const HEAD_BYTES: u64 = 100;
/// The most bytes of one field that is no file.
const MAX_FIELD_BYTES: usize = 64 * 1024;
/// The most fields that are no files.
const MAX_FIELDS: usize = 100;
/// Labels that are read at all; far fewer are allowed.
const MAX_NAMED_TAGS: usize = 1_000;
/// Files committed at the same time.
const ADD_AT_ONCE: usize = 4;

/// A form with files.
#[derive(Debug, Default)]
pub(crate) struct Form {
    pub(crate) files: Vec<ReceivedFile>,
    pub(crate) title: Option<String>,
    pub(crate) source_url: Option<String>,
    pub(crate) tags: Vec<String>,
    metadata: Option<serde_json::Value>,
    public: bool,
}

/// One file of a form.
#[derive(Debug)]
pub(crate) struct ReceivedFile {
    name: String,
    mime_type: Option<String>,
    content: Result<StoredBlob, ApiError>,
}

/// What became of a form's files.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Outcome {
    /// Accepted: kept, and to be indexed.
    pub(crate) documents: Vec<AcceptedDocument>,
    /// Refused, each with its reason.
    pub(crate) errors: Vec<RefusedFile>,
}

/// A document that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedDocument {
    #[schema(value_type = String)]
    pub(crate) id: DocumentId,
    pub(crate) title: String,
    #[schema(value_type = String, example = "queued")]
    pub(crate) status: DocumentStatus,
    /// A document that was there before with the very same file. Nothing is refused for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) same_as: Option<SameFile>,
}

/// A document with the same file as another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SameFile {
    #[schema(value_type = String)]
    pub(crate) id: DocumentId,
    pub(crate) title: String,
}

impl From<Twin> for SameFile {
    fn from(twin: Twin) -> Self {
        Self { id: twin.id, title: twin.title }
    }
}

/// A file that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedFile {
    /// Its name.
    pub(crate) file: String,
    /// A stable code.
    #[schema(example = "documents:too_large")]
    pub(crate) code: &'static str,
    /// What happened and what to do.
    pub(crate) message: String,
    #[serde(skip)]
    pub(crate) error: ApiError,
}

impl From<Document> for AcceptedDocument {
    fn from(document: Document) -> Self {
        Self { id: document.id, title: document.title, status: document.status, same_as: None }
    }
}

impl Outcome {
    /// Accepted when anything was; otherwise the first failure's status.
    pub(crate) fn status(&self) -> StatusCode {
        match (self.documents.is_empty(), self.errors.first()) {
            (true, Some(refused)) => refused.error.status(),
            _ => StatusCode::ACCEPTED,
        }
    }
}

/// Whose a document will be, by the API's word.
pub(crate) fn visibility(viewer: &Viewer, public: bool) -> Visibility {
    if public { Visibility::Public } else { Visibility::Private(viewer.user_id.clone()) }
}

/// Reads `private` (also when nothing is said) or `public`.
pub(crate) fn parse_public(text: &str) -> ApiResult<bool> {
    match text.trim() {
        "" | "private" => Ok(false),
        "public" => Ok(true),
        _ => Err(ApiError::invalid("visibility is private or public")),
    }
}

/// `POST /uploads`, from our pages: JSON for the script, a redirect for a form without it.
pub(crate) async fn upload(
    State(state): State<AppState>,
    Person(person): Person,
    headers: HeaderMap,
    request: Request,
) -> ApiResult<Response> {
    let language = language_of(&headers).unwrap_or(person.settings.language);
    let form = read_form(&state.documents, request).await?;
    let outcome = add_files(&state.documents, &person.viewer(), form, Source::Upload, language).await?;
    if accepts_html(&headers) {
        let mut to = back_to(&headers);
        if let Some(refused) = outcome.errors.first() {
            // One reason can be told; the files are those that it is true of.
            let names: Vec<&str> = outcome
                .errors
                .iter()
                .filter(|other| other.code == refused.code)
                .take(10)
                .map(|refused| refused.file.as_str())
                .collect();
            let about: String = names.join(", ").chars().take(300).collect();
            to = format!("{to}?error={}&about={}", refused.code, percent(&about));
        }
        return Ok(Redirect::to(&to).into_response());
    }
    Ok((outcome.status(), Json(outcome)).into_response())
}

/// `POST /documents/{id}/versions`, from a document's page: its next version.
pub(crate) async fn upload_version(
    State(state): State<AppState>,
    Person(person): Person,
    ApiId(id): ApiId<DocumentId>,
    request: Request,
) -> ApiResult<Redirect> {
    let page = format!("/documents/{id}?view=history");
    let added = match read_form(&state.documents, request).await {
        Ok(form) => add_version(&state.documents, &person.viewer(), &id, form).await,
        Err(error) => Err(error),
    };
    // A form without script: what went wrong is told on the page.
    Ok(Redirect::to(&match added {
        Ok(_) => page,
        Err(error) => format!("{page}&error={}", error.code.as_str()),
    }))
}

/// Adds a form's one file as a document's next version; its number.
pub(crate) async fn add_version(
    documents: &DocumentService,
    viewer: &Viewer,
    id: &DocumentId,
    mut form: Form,
) -> ApiResult<i32> {
    let (Some(file), None) = (form.files.pop(), form.files.pop()) else {
        return Err(ApiError::invalid("a version is one file"));
    };
    let ReceivedFile { name, mime_type, content } = file;
    Ok(documents.add_version(viewer, id, Some(&name), mime_type.as_deref(), &content?).await?)
}

/// Text as a value in an address.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The page with the form: the documents, or the knowledge base.
fn back_to(headers: &HeaderMap) -> String {
    let referer = headers.get(REFERER).and_then(|referer| referer.to_str().ok()).unwrap_or_default();
    let path = referer.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or_default();
    let path = local_path(path.split(['?', '#']).next().unwrap_or_default());
    if path == "/admin" || path.starts_with("/admin/") { path.to_owned() } else { "/documents".to_owned() }
}

/// Reads a whole form. A file that is refused does not refuse the others: its bytes are read on and thrown away, so
/// that the sender gets to hear why.
pub(crate) async fn read_form(documents: &DocumentService, request: Request) -> ApiResult<Form> {
    let multipart = Multipart::from_request(request, &()).await;
    let mut multipart = multipart.map_err(|error| ApiError::invalid(error.body_text()))?;
    let mut form = Form::default();
    let (mut total, mut fields, mut left_out) = (0, 0, 0);
    while let Some(field) =
        tokio::time::timeout(PATIENCE, multipart.next_field()).await.map_err(|_| gone())?.map_err(broken)?
    {
        match field.file_name().map(str::to_owned) {
            Some(name) => {
                total += HEAD_BYTES + name.len() as u64;
                if form.files.len() > MAX_FILES {
                    // Counted, not kept: there may be millions.
                    read_past(field, &mut total).await?;
                    left_out += 1;
                    continue;
                }
                let file = read_file(documents, field, name, form.files.len(), &mut total).await?;
                // A browser sends a nameless, empty file for a file field that was left empty.
                let left_empty = file.name.is_empty() && file.content.as_ref().is_ok_and(|blob| blob.size() == 0);
                if !left_empty {
                    form.files.push(file);
                }
            }
            None => {
                fields += 1;
                if fields > MAX_FIELDS {
                    return Err(ApiError::invalid("too many fields"));
                }
                read_text(field, &mut form).await?;
            }
        }
    }
    if let Some(ReceivedFile { content: Err(error), .. }) = form.files.get_mut(MAX_FILES) {
        error.detail = Some(format!("at most {MAX_FILES} files a request; this one and {left_out} more were left out"));
    }
    if form.files.is_empty() {
        return Err(ApiError::invalid("the form has no field `file` with a file"));
    }
    Ok(form)
}

async fn read_file(
    documents: &DocumentService,
    mut field: Field<'_>,
    name: String,
    before: usize,
    total: &mut u64,
) -> ApiResult<ReceivedFile> {
    let mime_type = field.content_type().map(str::to_owned);
    let mut content = if before < MAX_FILES {
        documents.upload().await.map_err(ApiError::from)
    } else {
        Err(ApiError::new(ErrorCode::BodyTooLarge))
    };
    while let Some(piece) = next_piece(&mut field, total).await? {
        if let Ok(writer) = &mut content
            && let Err(error) = writer.write(&piece).await
        {
            // Dropping the writer removes what was written.
            content = Err(DocumentError::from(error).into());
        }
    }
    let content = match content {
        Ok(writer) => writer.finish().await.map_err(|error| DocumentError::from(error).into()),
        Err(error) => Err(error),
    };
    Ok(ReceivedFile { name, mime_type, content })
}

async fn read_past(mut field: Field<'_>, total: &mut u64) -> ApiResult<()> {
    while next_piece(&mut field, total).await?.is_some() {}
    Ok(())
}

async fn piece_of(field: &mut Field<'_>) -> ApiResult<Option<Bytes>> {
    tokio::time::timeout(PATIENCE, field.chunk()).await.map_err(|_| gone())?.map_err(broken)
}

async fn next_piece(field: &mut Field<'_>, total: &mut u64) -> ApiResult<Option<Bytes>> {
    let piece = piece_of(field).await?;
    *total += piece.as_ref().map_or(0, |piece| piece.len() as u64);
    if *total > MAX_TOTAL_BYTES {
        return Err(ApiError::new(ErrorCode::BodyTooLarge));
    }
    Ok(piece)
}

async fn read_text(mut field: Field<'_>, form: &mut Form) -> ApiResult<()> {
    let name = field.name().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(piece) = piece_of(&mut field).await? {
        if bytes.len() + piece.len() > MAX_FIELD_BYTES {
            return Err(ApiError::invalid(format!("a field is longer than {MAX_FIELD_BYTES} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    let text = String::from_utf8(bytes).map_err(|_| ApiError::invalid("a field is not UTF-8"))?;
    match name.as_str() {
        "title" => form.title = Some(text),
        "source_url" => form.source_url = Some(text),
        "metadata" => {
            let parsed = serde_json::from_str(&text);
            form.metadata = Some(parsed.map_err(|error| ApiError::invalid(format!("metadata is not JSON: {error}")))?);
        }
        "visibility" => form.public = parse_public(&text)?,
        // Repeated, or separated by commas.
        "tags" | "tags[]" | "tag" => {
            form.tags.extend(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned));
            if form.tags.len() > MAX_NAMED_TAGS {
                return Err(ApiError::invalid("too many tags"));
            }
        }
        // Forms of later versions may say more.
        _ => {}
    }
    Ok(())
}

fn gone() -> ApiError {
    ApiError::invalid("the upload broke off")
}

fn broken(error: axum::extract::multipart::MultipartError) -> ApiError {
    ApiError::invalid(error.body_text())
}

/// Adds a form's files; each is accepted or refused by itself.
///
/// # Errors
/// Only what concerns all of them: no permission, or the database.
pub(crate) async fn add_files(
    documents: &DocumentService,
    viewer: &Viewer,
    form: Form,
    source: Source,
    language: Language,
) -> ApiResult<Outcome> {
    let visibility = visibility(viewer, form.public);
    if !viewer.may_change(&visibility) {
        return Err(ApiError::new(ErrorCode::Forbidden));
    }
    // A title for several files would make them indistinguishable.
    let title = form.title.filter(|_| form.files.len() == 1);
    // Once for all files, which have them in common.
    let tags = parse_tags(&form.tags)?;
    let (metadata, source_url) = (form.metadata, form.source_url);
    let added = stream::iter(form.files.into_iter().map(|file| {
        let (visibility, title, tags, metadata, source_url) =
            (visibility.clone(), title.clone(), tags.clone(), metadata.clone(), source_url.clone());
        async move {
            let ReceivedFile { name, mime_type, content } = file;
            let blob = match content {
                Ok(blob) => blob,
                Err(error) => return (name, Err(error)),
            };
            let file_name = Some(name.clone());
            let new = NewDocument { title, file_name, mime_type, blob, source, source_url, tags, metadata, visibility };
            (name, add_file(documents, viewer, new).await)
        }
    }))
    .buffered(ADD_AT_ONCE)
    .collect::<Vec<_>>()
    .await;
    let mut outcome = Outcome { documents: Vec::new(), errors: Vec::new() };
    for (file, result) in added {
        match result {
            Ok(document) => outcome.documents.push(document),
            Err(error) => outcome.errors.push(RefusedFile {
                file,
                code: error.code.as_str(),
                message: error.message(language),
                error,
            }),
        }
    }
    Ok(outcome)
}

async fn add_file(documents: &DocumentService, viewer: &Viewer, new: NewDocument) -> ApiResult<AcceptedDocument> {
    let document = documents.add(viewer, new).await?;
    // Only a hint: the file is kept whatever becomes of it.
    let twin = documents.twin(viewer, &document.id).await.unwrap_or_else(|error| {
        tracing::warn!(%error, document.id = %document.id, "whether a file was there before is not known");
        None
    });
    Ok(AcceptedDocument { same_as: twin.map(SameFile::from), ..AcceptedDocument::from(document) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_without_script_comes_back_to_its_page_and_to_no_other_site() {
        let back = |referer: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REFERER, referer.parse().unwrap());
            back_to(&headers)
        };
        assert_eq!(back("http://127.0.0.1:3000/admin?page=2"), "/admin");
        assert_eq!(back("https://x/documents?error=y"), "/documents");
        assert_eq!(back("https://evil.example//evil"), "/documents");
        assert_eq!(back_to(&HeaderMap::new()), "/documents");
    }

    #[test]
    fn the_name_of_a_refused_file_cannot_leave_its_place_in_the_address() {
        assert_eq!(percent("año 1&error=x#.zip"), "a%C3%B1o%201%26error%3Dx%23.zip");
    }

    #[test]
    fn what_is_neither_private_nor_public_is_refused() {
        assert_eq!(parse_public(""), Ok(false));
        assert_eq!(parse_public(" public "), Ok(true));
        assert_eq!(parse_public("PUBLIC?").unwrap_err().code, ErrorCode::InvalidRequest);
    }
}

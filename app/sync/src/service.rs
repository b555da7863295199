//! Documents as pages and the API handle them.

use std::collections::HashSet;

use cjhirashi_domain::{
    ErrorCode, Viewer,
    access::Visibility,
    document::{self, Chunk, Document, Source},
    id::DocumentId,
    sync::DocumentEvent,
    text::{DocumentTitle, InvalidText, Tag},
};
use cjhirashi_ingest::{IngestError, Kind, recognise, wants_whole};
use cjhirashi_storage::{
    BlobKey, BlobWriter, Blobs, DocumentChange, DocumentFilter, DocumentList, DocumentPart, NewDocumentRow,
    OriginalFile, Store, StoredBlob, Twin,
};
use cjhirashi_vectors::CustomMetadata;

use crate::DocumentError;

/// The most bytes of one file.
pub const MAX_FILE_BYTES: u64 = 50_000_000;
/// The most labels of one document.
pub const MAX_TAGS: usize = 20;
/// The most bytes of an address.
const MAX_URL_BYTES: usize = 2_000;
/// What is read of a file to recognise it by.
const HEAD_BYTES: u64 = 64 * 1024;

/// A file to be added.
#[derive(Debug)]
pub struct NewDocument {
    /// Its title; `None` or empty: the file's name.
    pub title: Option<String>,
    /// The file's name, as the sender gave it.
    pub file_name: Option<String>,
    /// The media type that the sender claims; only counts where the bytes and the name do not tell.
    pub mime_type: Option<String>,
    /// The file, from [`DocumentService::upload`].
    pub blob: StoredBlob,
    /// How it came.
    pub source: Source,
    /// From where, for pages: an `http` or `https` address.
    pub source_url: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Its own keys, a JSON object as [`CustomMetadata::parse`] takes it.
    pub metadata: Option<serde_json::Value>,
    /// Whose it will be.
    pub visibility: Visibility,
}

/// A text to be added.
#[derive(Debug, Clone)]
pub struct NewText {
    /// Its title.
    pub title: String,
    /// All of it.
    pub content: String,
    /// Its media type; `None`: plain text.
    pub mime_type: Option<String>,
    /// How it came.
    pub source: Source,
    /// From where, for pages: an `http` or `https` address.
    pub source_url: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Its own keys, a JSON object as [`CustomMetadata::parse`] takes it.
    pub metadata: Option<serde_json::Value>,
    /// Whose it will be.
    pub visibility: Visibility,
}

/// Adds, lists, reads and deletes documents. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DocumentService {
    store: Store,
    blobs: Blobs,
}

impl DocumentService {
    /// Over a store and a folder of files.
    #[must_use]
    pub fn new(store: Store, blobs: Blobs) -> Self {
        Self { store, blobs }
    }

    /// Begins to take a file of at most [`MAX_FILE_BYTES`], piece by piece.
    ///
    /// # Errors
    /// [`DocumentError::Blob`] when the disk refuses.
    pub async fn upload(&self) -> Result<BlobWriter, DocumentError> {
        Ok(self.blobs.writer(MAX_FILE_BYTES).await?)
    }

    /// Adds a file: when this returns, it is kept and will be indexed, whatever happens to this process. The same file
    /// may be added any number of times.
    ///
    /// # Errors
    /// [`DocumentError`]: not allowed, a field that is not right, or a file that is empty or of no kind we read.
    pub async fn add(&self, viewer: &Viewer, new: NewDocument) -> Result<Document, DocumentError> {
        if !viewer.may_change(&new.visibility) {
            return Err(DocumentError::Forbidden);
        }
        let file_name = new.file_name.as_deref().and_then(clean_file_name);
        let title = match new.title.as_deref().map(str::trim).filter(|title| !title.is_empty()) {
            Some(title) => parse_title(title)?,
            None => {
                let name = without_extension(file_name.as_deref().unwrap_or_default());
                let name: String = name.chars().take(DocumentTitle::MAX).collect();
                parse_title(&name)?
            }
        };
        let tags = parse_tags(&new.tags)?;
        let source_url = parse_url(new.source_url.as_deref())?;
        check_metadata(new.metadata.as_ref())?;
        let kind = recognise_blob(file_name.as_deref(), new.mime_type.as_deref(), &new.blob).await?;
        let row = NewDocumentRow {
            title: title.as_str(),
            visibility: new.visibility,
            source: new.source,
            source_url,
            file_name: file_name.as_deref(),
            mime_type: kind.mime_type(),
            tags: &tags,
            metadata: new.metadata.as_ref(),
            blob: &new.blob,
        };
        let document = self.store.add_document(viewer, &self.blobs, &row).await?;
        tracing::info!(document.id = %document.id, size_bytes = new.blob.size(), kind = kind.as_str(), "document added");
        Ok(document)
    }

    /// Adds a text, as [`DocumentService::add`] does a file.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn add_text(&self, viewer: &Viewer, new: NewText) -> Result<Document, DocumentError> {
        if !viewer.may_change(&new.visibility) {
            return Err(DocumentError::Forbidden);
        }
        let kind = match new.mime_type.as_deref() {
            None => Kind::Text,
            Some(mime_type) => match Kind::from_mime_type(mime_type) {
                Some(kind @ (Kind::Text | Kind::Markdown | Kind::Html)) => kind,
                _ => return Err(IngestError::Unsupported { found: mime_type.chars().take(100).collect() }.into()),
            },
        };
        if new.content.trim().is_empty() {
            return Err(IngestError::Empty.into());
        }
        let title = parse_title(&new.title)?;
        let tags = parse_tags(&new.tags)?;
        let source_url = parse_url(new.source_url.as_deref())?;
        check_metadata(new.metadata.as_ref())?;
        let mut writer = self.upload().await?;
        writer.write(new.content.as_bytes()).await?;
        let blob = writer.finish().await?;
        let row = NewDocumentRow {
            title: title.as_str(),
            visibility: new.visibility,
            source: new.source,
            source_url,
            file_name: None,
            mime_type: kind.mime_type(),
            tags: &tags,
            metadata: new.metadata.as_ref(),
            blob: &blob,
        };
        let document = self.store.add_document(viewer, &self.blobs, &row).await?;
        tracing::info!(document.id = %document.id, size_bytes = blob.size(), kind = kind.as_str(), "document added");
        Ok(document)
    }

    /// The oldest document that the viewer may read and that came before this one with the very same file.
    ///
    /// # Errors
    /// [`DocumentError::Storage`].
    pub async fn twin(&self, viewer: &Viewer, id: &DocumentId) -> Result<Option<Twin>, DocumentError> {
        Ok(self.store.find_twin(viewer, id).await?)
    }

    /// Documents that the viewer may read.
    ///
    /// # Errors
    /// [`DocumentError::Storage`].
    pub async fn list(&self, viewer: &Viewer, filter: &DocumentFilter) -> Result<DocumentList, DocumentError> {
        Ok(self.store.list_documents(viewer, filter).await?)
    }

    /// One document.
    ///
    /// # Errors
    /// [`DocumentError::Storage`].
    pub async fn get(&self, viewer: &Viewer, id: &DocumentId) -> Result<Option<Document>, DocumentError> {
        Ok(self.store.get_document(viewer, id).await?)
    }

    /// Deletes a document: when this returns, no list, search or answer shows it; the rest follows by itself.
    ///
    /// # Errors
    /// [`DocumentError::NotFound`] when there is none that the viewer may change, [`DocumentError::Storage`].
    pub async fn delete(&self, viewer: &Viewer, id: &DocumentId) -> Result<(), DocumentError> {
        if !self.store.delete_document(viewer, id).await? {
            return Err(DocumentError::NotFound);
        }
        tracing::info!(document.id = %id, "document deleted");
        Ok(())
    }

    /// Tries a failed document again.
    ///
    /// # Errors
    /// [`DocumentError::NotFound`] when there is no failed one that the viewer may change, [`DocumentError::Storage`].
    pub async fn retry(&self, viewer: &Viewer, id: &DocumentId) -> Result<(), DocumentError> {
        if self.store.retry_document(viewer, id).await? { Ok(()) } else { Err(DocumentError::NotFound) }
    }

    /// Replaces the labels of a document.
    ///
    /// # Errors
    /// [`DocumentError::NotFound`], [`DocumentError::Invalid`], [`DocumentError::Storage`].
    pub async fn set_tags(&self, viewer: &Viewer, id: &DocumentId, tags: &[String]) -> Result<(), DocumentError> {
        self.change(viewer, id, None, Some(tags), None, None).await
    }

    /// Gives a document another title.
    ///
    /// # Errors
    /// [`DocumentError::NotFound`], [`DocumentError::Invalid`], [`DocumentError::Storage`].
    pub async fn set_title(&self, viewer: &Viewer, id: &DocumentId, title: &str) -> Result<(), DocumentError> {
        self.change(viewer, id, Some(title), None, None, None).await
    }

    /// Shares a document with everybody, or makes it the viewer's own again: from the commit on, searches and answers
    /// follow. Only admins may share, and take back what is shared.
    ///
    /// # Errors
    /// [`DocumentError::Forbidden`], [`DocumentError::NotFound`], [`DocumentError::Storage`].
    pub async fn set_visibility(
        &self,
        viewer: &Viewer,
        id: &DocumentId,
        visibility: &Visibility,
    ) -> Result<(), DocumentError> {
        self.change(viewer, id, None, None, None, Some(visibility)).await
    }

    /// A document's own keys, if the viewer may read it.
    ///
    /// # Errors
    /// [`DocumentError::Storage`].
    pub async fn metadata(&self, viewer: &Viewer, id: &DocumentId) -> Result<Option<serde_json::Value>, DocumentError> {
        Ok(self.store.document_metadata(viewer, id).await?)
    }

    /// Changes a document's title, labels, own keys and visibility in one step; what is `None` stays.
    ///
    /// # Errors
    /// [`DocumentError::Forbidden`] when sharing is not the viewer's to do, [`DocumentError::NotFound`],
    /// [`DocumentError::Invalid`], [`DocumentError::Storage`].
    pub async fn change(
        &self,
        viewer: &Viewer,
        id: &DocumentId,
        title: Option<&str>,
        tags: Option<&[String]>,
        metadata: Option<&serde_json::Value>,
        visibility: Option<&Visibility>,
    ) -> Result<(), DocumentError> {
        if visibility.is_some_and(|visibility| !viewer.may_change(visibility)) {
            return Err(DocumentError::Forbidden);
        }
        let title = title.map(parse_title).transpose()?;
        let tags = tags.map(parse_tags).transpose()?;
        check_metadata(metadata)?;
        if title.is_none() && tags.is_none() && metadata.is_none() && visibility.is_none() {
            // Nothing to tell anybody.
            let readable = self.store.get_document(viewer, id).await?;
            let found = readable.is_some_and(|document| viewer.may_change(&document.visibility));
            return if found { Ok(()) } else { Err(DocumentError::NotFound) };
        }
        let title = title.as_ref().map(DocumentTitle::as_str);
        let change = DocumentChange { title, tags: tags.as_deref(), metadata, visibility };
        if !self.store.change_document(viewer, id, &change).await? {
            return Err(DocumentError::NotFound);
        }
        if let Some(visibility) = visibility {
            let public = matches!(visibility, Visibility::Public);
            tracing::info!(document.id = %id, public, "document shared or un-shared");
        }
        Ok(())
    }

    /// Adds a file as a document's next version: the one that answers goes on answering until the new one is complete.
    /// Its number.
    ///
    /// # Errors
    /// [`DocumentError`], as [`DocumentService::add`].
    pub async fn add_version(
        &self,
        viewer: &Viewer,
        id: &DocumentId,
        file_name: Option<&str>,
        mime_type: Option<&str>,
        blob: &StoredBlob,
    ) -> Result<i32, DocumentError> {
        let file_name = file_name.and_then(clean_file_name);
        let kind = recognise_blob(file_name.as_deref(), mime_type, blob).await?;
        let version = self
            .store
            .add_document_version(viewer, &self.blobs, id, file_name.as_deref(), kind.mime_type(), blob)
            .await?
            .ok_or(DocumentError::NotFound)?;
        tracing::info!(document.id = %id, version, size_bytes = blob.size(), "a new version of a document was added");
        Ok(version)
    }

    /// Takes back what does not answer yet. Of a document that answers its new version goes, in work or given up, and it
    /// is again what it was before; for one of which nothing answers the attempts end, and it can be tried again.
    ///
    /// # Errors
    /// [`DocumentError::NotFound`] when there is nothing such that the viewer may change, [`DocumentError::Storage`].
    pub async fn cancel(&self, viewer: &Viewer, id: &DocumentId) -> Result<(), DocumentError> {
        if let Some(files) = self.store.discard_new_versions(viewer, id).await? {
            tracing::info!(document.id = %id, "a new version of a document was taken back");
            for file in files {
                if let Err(error) = self.store.release_blob(&self.blobs, &file).await {
                    tracing::warn!(%error, "the file of a version that was taken back stays until it is looked for");
                }
            }
            return Ok(());
        }
        let error = document::DocumentError {
            code: ErrorCode::DocumentCancelled.as_str().to_owned(),
            detail: None,
            words: None,
        };
        if self.store.cancel_document(viewer, id, &error).await? { Ok(()) } else { Err(DocumentError::NotFound) }
    }

    /// Tries every failed document again that the viewer may change; how many.
    ///
    /// # Errors
    /// [`DocumentError::Storage`].
    pub async fn retry_all(&self, viewer: &Viewer) -> Result<u64, DocumentError> {
        Ok(self.store.retry_all_documents(viewer, false).await?)
    }

    /// What happened to a document, newest first.
    ///
    /// # Errors
    /// [`DocumentError::Storage`].
    pub async fn events(
        &self,
        viewer: &Viewer,
        id: &DocumentId,
        limit: i64,
    ) -> Result<Vec<DocumentEvent>, DocumentError> {
        Ok(self.store.list_document_events(viewer, id, limit).await?)
    }

    /// Those of some documents that the viewer may read, in no order.
    ///
    /// # Errors
    /// [`DocumentError::Storage`].
    pub async fn states(&self, viewer: &Viewer, ids: &[DocumentId]) -> Result<Vec<Document>, DocumentError> {
        Ok(self.store.get_documents(viewer, ids).await?)
    }

    /// Some of what was read from the file, once it was read: at most `count` characters from `from` on.
    ///
    /// # Errors
    /// [`DocumentError::Storage`].
    pub async fn part(
        &self,
        viewer: &Viewer,
        id: &DocumentId,
        from: i32,
        count: i32,
    ) -> Result<Option<DocumentPart>, DocumentError> {
        Ok(self.store.get_document_part(viewer, id, from, count).await?)
    }

    /// Chunks of the version that answers, from a place (0: the first) on; at most `limit` and never more than 10,000.
    ///
    /// # Errors
    /// [`DocumentError::Storage`].
    pub async fn chunks(
        &self,
        viewer: &Viewer,
        id: &DocumentId,
        from: i32,
        limit: i64,
    ) -> Result<Option<Vec<Chunk>>, DocumentError> {
        Ok(self.store.list_chunks(viewer, id, from, limit).await?)
    }

    /// The file as it came: what is known of it, and where it lies for reading.
    ///
    /// # Errors
    /// [`DocumentError::Storage`].
    pub async fn original(
        &self,
        viewer: &Viewer,
        id: &DocumentId,
    ) -> Result<Option<(OriginalFile, std::path::PathBuf)>, DocumentError> {
        let original = self.store.get_original(viewer, id).await?;
        Ok(original.map(|file| {
            let path = self.path(&file.blob);
            (file, path)
        }))
    }

    fn path(&self, blob: &BlobKey) -> std::path::PathBuf {
        self.blobs.path(blob)
    }
}

/// What a file is: its bytes and its name tell, and where they leave it open the sender.
async fn recognise_blob(
    file_name: Option<&str>,
    claimed: Option<&str>,
    blob: &StoredBlob,
) -> Result<Kind, DocumentError> {
    if blob.size() == 0 {
        return Err(IngestError::Empty.into());
    }
    let mut head = blob.head(HEAD_BYTES).await?;
    if wants_whole(&head) {
        head = blob.head(MAX_FILE_BYTES).await?;
    }
    let found = recognise(file_name.unwrap_or_default(), &head)?;
    Ok(match (found, claimed.and_then(Kind::from_mime_type)) {
        // All of these are text; only the sender knows what is meant by it.
        (Kind::Text, Some(claimed @ (Kind::Markdown | Kind::Html))) => claimed,
        (found, _) => found,
    })
}

fn parse_title(title: &str) -> Result<DocumentTitle, DocumentError> {
    DocumentTitle::parse(title).map_err(|error| match error {
        InvalidText::Empty => DocumentError::Invalid("the title is empty".to_owned()),
        InvalidText::TooLong { .. } => DocumentError::Invalid(format!("title: {error}")),
    })
}

/// A file's name as a title: people read names, not formats. The version keeps the whole file name.
fn without_extension(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, "txt" | "text" | "md" | "markdown" | "html" | "htm" | "pdf" | "docx")) if !stem.is_empty() => stem,
        _ => name,
    }
}

/// Labels, cleaned, each once, in their order: of a document, or to search by.
///
/// # Errors
/// [`DocumentError::Invalid`] when one is too long, or there are more than [`MAX_TAGS`].
pub fn parse_tags(tags: &[String]) -> Result<Vec<String>, DocumentError> {
    let mut seen = HashSet::new();
    let mut parsed = Vec::new();
    for tag in tags.iter().filter(|tag| !tag.trim().is_empty()) {
        let tag = Tag::parse(tag).map_err(|error| DocumentError::Invalid(format!("tag: {error}")))?.into_string();
        if seen.insert(tag.to_lowercase()) {
            parsed.push(tag);
        }
    }
    if parsed.len() > MAX_TAGS {
        return Err(DocumentError::Invalid(format!("{} tags, {MAX_TAGS} are allowed", parsed.len())));
    }
    Ok(parsed)
}

fn check_metadata(metadata: Option<&serde_json::Value>) -> Result<(), DocumentError> {
    let Some(metadata) = metadata else { return Ok(()) };
    CustomMetadata::parse(metadata).map(drop).map_err(|error| DocumentError::Invalid(format!("metadata: {error}")))
}

/// An address that may be shown as a link.
fn parse_url(url: Option<&str>) -> Result<Option<&str>, DocumentError> {
    let Some(url) = url.map(str::trim).filter(|url| !url.is_empty()) else { return Ok(None) };
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let web = lower.starts_with("http://") || lower.starts_with("https://");
    let plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
    if web && plain && url.len() <= MAX_URL_BYTES {
        Ok(Some(url))
    } else {
        Err(DocumentError::Invalid("source_url must be an http or https address".to_owned()))
    }
}

/// The last part of a name, without control characters, at most 255 characters.
fn clean_file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(255).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_made_from_a_file_name_leaves_its_format_out_and_nothing_else() {
        assert_eq!(without_extension("Informe 2.1 final.pdf"), "Informe 2.1 final");
        assert_eq!(without_extension("Versión 2.1"), "Versión 2.1");
        assert_eq!(without_extension(".md"), ".md");
    }

    #[test]
    fn a_file_name_keeps_no_path() {
        assert_eq!(clean_file_name("C:\\docs\\año.pdf").as_deref(), Some("año.pdf"));
        assert_eq!(clean_file_name("../../etc/pass\0wd").as_deref(), Some("passwd"));
        assert_eq!(clean_file_name("/"), None);
    }

    #[test]
    fn only_addresses_of_the_web_become_links() {
        assert!(matches!(parse_url(Some("HTTPS://example.org/ñ")), Ok(Some(_))));
        assert!(matches!(parse_url(Some(" ")), Ok(None)));
        for bad in ["javascript:alert(1)", "ftp://a", "http://a b", "data:text/html,x", "ñ"] {
            assert!(parse_url(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_same_label_counts_once_and_too_many_are_refused() {
        let tags = |tags: &[&str]| tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>();
        assert_eq!(parse_tags(&tags(&["Legal", " legal ", "", "2026"])).unwrap(), ["Legal", "2026"]);
        let many: Vec<String> = (0..=MAX_TAGS).map(|n| n.to_string()).collect();
        assert!(matches!(parse_tags(&many), Err(DocumentError::Invalid(_))));
        assert!(parse_tags(&["x".repeat(51)]).is_err());
    }
}

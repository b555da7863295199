//! Artifacts as people work with them: opened, made, saved on top of the version they saw, compared, given out.

use cjhirashi_artifacts::{Content, Editor, Exported, Found, Kind, MAX_BYTES, PLAINEST, Problem, kind, recognise};
use cjhirashi_domain::{
    ErrorCode, Viewer,
    artifact::ArtifactTitle,
    id::{ArtifactId, MessageId},
    settings::Language,
};
use cjhirashi_markdown::aside;
use cjhirashi_storage::{
    ArtifactBody, BlobError, Blobs, IN_A_FILE, KeepArtifactError, NewArtifact, OpenedArtifact, StorageError, Store,
    StoredBlob,
};
use serde_json::Value;

/// An artifact could not be opened, kept or given out.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// No such artifact or version, or not the viewer's.
    #[error("no such artifact")]
    NotFound,
    /// As many are kept as may be.
    #[error("as many artifacts are kept as may be")]
    Full,
    /// Larger than an artifact may be.
    #[error("the content is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// No kind of this name, or nothing that an artifact can hold.
    #[error("this is no artifact of any kind")]
    NoKind,
    /// The title is empty or too long.
    #[error("the title must have 1 to {} characters", ArtifactTitle::MAX)]
    Title,
    /// What was given is wrong, in words for a person.
    #[error("{}", .0.words)]
    Invalid(Problem),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The disk.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl ArtifactError {
    /// The public code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::ArtifactNotFound,
            Self::Full => ErrorCode::ArtifactsFull,
            Self::TooLarge => ErrorCode::ArtifactTooLarge,
            Self::NoKind => ErrorCode::ArtifactUnsupported,
            Self::Title | Self::Invalid(_) => ErrorCode::ArtifactInvalid,
            Self::Storage(error) => error.code(),
            Self::Blob(_) => ErrorCode::Internal,
        }
    }
}

/// What became of a save.
#[derive(Debug, Clone, PartialEq)]
pub enum Saved {
    /// It is this version.
    Done(i32),
    /// Somebody made this version meanwhile. Nothing is lost: `theirs` and `mine` are the two texts.
    Moved {
        /// The newest version.
        version: i32,
        /// What it says.
        theirs: String,
        /// What was to be saved.
        mine: String,
    },
}

/// What is changed; what is absent stays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// The whole text.
    pub text: Option<String>,
    /// Edits that are no text, as the kind knows them.
    pub edits: Option<Value>,
    /// The version that the edits are of, where it is not the one that the save stands on: whoever saves on top of somebody
    /// else's version wrote them before.
    pub edits_base: Option<i32>,
    /// What it is called.
    pub title: Option<String>,
    /// The programming language.
    pub language: Option<String>,
    /// What else is known of it; checked by its kind.
    pub metadata: Option<Value>,
    /// A picture in the place of the one before.
    pub file: Option<Vec<u8>>,
}

/// What an artifact is made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// The name of its kind; recognised when absent.
    pub kind: Option<String>,
    /// What it is called; the file's name when empty.
    pub title: String,
    /// The text, or the picture.
    pub content: Vec<u8>,
    /// The programming language.
    pub language: Option<String>,
    /// What else is known of it.
    pub metadata: Value,
    /// The message that it is made from.
    pub message: Option<MessageId>,
    /// Labels.
    pub tags: Vec<String>,
    /// The name of the file that it comes from.
    pub file_name: Option<String>,
}

/// A version with its kind and the whole of what it holds.
#[derive(Debug, Clone)]
pub struct Opened {
    /// As it is stored.
    pub stored: OpenedArtifact,
    /// Its kind; what no kind knows is shown as code.
    pub kind: &'static dyn Kind,
    /// The whole text.
    pub text: String,
    /// The picture.
    pub file: Option<Vec<u8>>,
}

impl Opened {
    /// As its kind reads it.
    #[must_use]
    pub fn content(&self) -> Content<'_> {
        Content {
            text: &self.text,
            language: self.stored.language.as_deref(),
            metadata: &self.stored.metadata,
            file: self.file.as_deref(),
            title: &self.stored.title,
        }
    }
}

/// What people do with artifacts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ArtifactService {
    store: Store,
    blobs: Blobs,
}

impl ArtifactService {
    /// Over the database and the folder of files.
    #[must_use]
    pub const fn new(store: Store, blobs: Blobs) -> Self {
        Self { store, blobs }
    }

    /// An artifact of the viewer's at a version, the newest when absent.
    ///
    /// # Errors
    /// [`ArtifactError`].
    pub async fn open(&self, viewer: &Viewer, id: &ArtifactId, version: Option<i32>) -> Result<Opened, ArtifactError> {
        let stored = self.store.open_artifact(viewer, id, version).await?.ok_or(ArtifactError::NotFound)?;
        self.whole(stored).await
    }

    /// What a link leads to. Asks nobody's leave.
    ///
    /// # Errors
    /// [`ArtifactError`].
    pub async fn open_shared(&self, token: &str) -> Result<Opened, ArtifactError> {
        let stored = self.store.open_shared_artifact(token).await?.ok_or(ArtifactError::NotFound)?;
        self.whole(stored).await
    }

    /// With its file, where it has one.
    async fn whole(&self, stored: OpenedArtifact) -> Result<Opened, ArtifactError> {
        let kind = kind_of(&stored)?;
        let bytes = match &stored.blob {
            Some(key) => Some(self.blobs.read(key).await?),
            None => None,
        };
        let (text, file) = match bytes {
            Some(bytes) if kind.editor(&stored.text) == Editor::File => (stored.text.clone(), Some(bytes)),
            Some(bytes) => (String::from_utf8_lossy(&bytes).into_owned(), None),
            None => (stored.text.clone(), None),
        };
        Ok(Opened { stored, kind, text, file })
    }

    /// Keeps a new artifact.
    ///
    /// # Errors
    /// [`ArtifactError`]; nothing is kept then.
    pub async fn create(&self, viewer: &Viewer, draft: Draft, language: Language) -> Result<ArtifactId, ArtifactError> {
        if draft.content.len() > MAX_BYTES {
            return Err(ArtifactError::TooLarge);
        }
        let found = Found {
            file_name: draft.file_name.as_deref(),
            language: draft.language.as_deref(),
            head: &draft.content[..draft.content.len().min(64 * 1024)],
        };
        let kind = match &draft.kind {
            Some(name) => kind(name),
            None => recognise(&found),
        };
        let kind = kind.ok_or(ArtifactError::NoKind)?;
        let title = [draft.title.as_str(), draft.file_name.as_deref().unwrap_or_default(), kind.label(language)];
        let title = title.into_iter().find(|title| !title.trim().is_empty()).unwrap_or("?");
        let title = ArtifactTitle::parse(title).map_err(|_| ArtifactError::Title)?;
        let given = Given {
            kind,
            title: title.as_str().to_owned(),
            language: draft.language.or_else(|| language_of(kind, draft.file_name.as_deref())),
            metadata: draft.metadata,
        };
        let drawn = std::str::from_utf8(&draft.content).unwrap_or_default();
        let (text, file) = if kind.editor(drawn) == Editor::File {
            (String::new(), Some(written_anew(draft.content, language).await?))
        } else {
            (text_of(draft.content)?, None)
        };
        let body = self.body(given, text, file, language).await?;
        let new = NewArtifact {
            kind: kind.name(),
            body: body.as_row(&title),
            message: draft.message.as_ref(),
            tags: &draft.tags,
        };
        self.store.add_artifact(viewer, &self.blobs, &new).await.map_err(kept)
    }

    /// Makes a new version on top of `base`.
    ///
    /// # Errors
    /// [`ArtifactError`]; nothing is changed then.
    pub async fn save(
        &self,
        viewer: &Viewer,
        id: &ArtifactId,
        base: i32,
        change: Change,
        language: Language,
    ) -> Result<Saved, ArtifactError> {
        // Edits of cells count the rows of the version that was seen; a whole text stands alone, and what was there is not read.
        let seen = Some(change.edits_base.unwrap_or(base));
        let stored = self.store.open_artifact(viewer, id, seen).await?.ok_or(ArtifactError::NotFound)?;
        let was_text = kind_of(&stored)?.editor(&stored.text) != Editor::File;
        let opened = match kind_of(&stored)? {
            kind if change.text.is_some() && kind.editor(&stored.text) != Editor::File => {
                Opened { kind, text: String::new(), file: None, stored }
            }
            _ => self.whole(stored).await?,
        };
        let title = change.title.as_deref().unwrap_or(&opened.stored.title);
        let title = ArtifactTitle::parse(title).map_err(|_| ArtifactError::Title)?;
        let text = match (change.text, change.edits) {
            (Some(text), _) => text,
            (None, Some(edits)) => {
                let opened = opened.clone();
                let applied = aside(move || opened.kind.apply(&opened.content(), &edits, language)).await;
                applied.map_err(ArtifactError::Invalid)?
            }
            (None, None) => opened.text.clone(),
        };
        if text.len() > MAX_BYTES {
            return Err(ArtifactError::TooLarge);
        }
        // What is a text stays one: of a drawing nothing would be left but words.
        if text.contains('\0') || (was_text && opened.kind.editor(&text) == Editor::File) {
            return Err(ArtifactError::NoKind);
        }
        let given = Given {
            kind: opened.kind,
            title: title.as_str().to_owned(),
            language: change.language.or(opened.stored.language),
            metadata: change.metadata.unwrap_or(opened.stored.metadata),
        };
        let file = match change.file {
            Some(_) if opened.kind.editor(&opened.text) != Editor::File => return Err(ArtifactError::NoKind),
            Some(file) => Some(written_anew(file, language).await?),
            None => opened.file,
        };
        let mine = text.clone();
        let body = self.body(given, text, file, language).await?;
        match self.store.save_artifact(viewer, &self.blobs, id, base, &body.as_row(&title)).await {
            Ok(version) => Ok(Saved::Done(version)),
            Err(KeepArtifactError::Moved(version)) => {
                let theirs = self.open(viewer, id, Some(version)).await?.text;
                Ok(Saved::Moved { version, theirs, mine })
            }
            Err(error) => Err(kept(error)),
        }
    }

    /// Brings an older version back as the newest one.
    ///
    /// # Errors
    /// [`ArtifactError`].
    pub async fn restore(&self, viewer: &Viewer, id: &ArtifactId, version: i32) -> Result<i32, ArtifactError> {
        self.store.restore_artifact(viewer, id, version).await.map_err(kept)
    }

    /// Deletes an artifact with all its versions and files.
    ///
    /// # Errors
    /// [`ArtifactError`].
    pub async fn delete(&self, viewer: &Viewer, id: &ArtifactId) -> Result<(), ArtifactError> {
        let files = self.store.delete_artifact(viewer, id).await?.ok_or(ArtifactError::NotFound)?;
        for file in files {
            // Nobody reaches it any more; what cannot be removed now goes with the nightly sweep.
            if let Err(error) = self.store.release_blob(&self.blobs, &file).await {
                tracing::warn!(%error, blob.key = file.as_str(), "a file of a deleted artifact stays until the next sweep");
            }
        }
        Ok(())
    }

    /// The file of a form, and its name.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`] for a form that the kind does not have, [`ArtifactError::Invalid`] when the content has to be
    /// mended first.
    pub async fn export(
        opened: Opened,
        format: String,
        query: Vec<(String, String)>,
        language: Language,
    ) -> Result<Exported, ArtifactError> {
        use cjhirashi_artifacts::ExportError;
        let made = aside(move || {
            let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            opened.kind.export(&opened.content(), &format, &query, language)
        });
        made.await.map_err(|error| match error {
            ExportError::Content(problem) => ArtifactError::Invalid(problem),
            ExportError::NoSuchFormat | ExportError::BadOptions => ArtifactError::NotFound,
        })
    }

    /// What is stored of a content: checked by its kind, and in a file where it is long or a picture.
    async fn body(
        &self,
        given: Given,
        text: String,
        file: Option<Vec<u8>>,
        language: Language,
    ) -> Result<Body, ArtifactError> {
        let checked = aside(move || {
            let content = Content {
                text: &text,
                language: given.language.as_deref(),
                metadata: &given.metadata,
                file: file.as_deref(),
                title: &given.title,
            };
            let metadata = given.kind.metadata(&content, language)?;
            Ok((given.language, metadata, text, file))
        });
        let (code_language, metadata, text, file) = checked.await.map_err(ArtifactError::Invalid)?;
        let blob = match &file {
            Some(bytes) => Some(self.blobs.put(bytes).await?),
            None if text.len() > IN_A_FILE => Some(self.blobs.put(text.as_bytes()).await?),
            None => None,
        };
        Ok(Body { language: code_language, metadata, text, blob })
    }
}

/// What is said of a content that is to be checked.
struct Given {
    kind: &'static dyn Kind,
    title: String,
    language: Option<String>,
    metadata: Value,
}

/// What is stored.
struct Body {
    language: Option<String>,
    metadata: Value,
    text: String,
    blob: Option<StoredBlob>,
}

impl Body {
    fn as_row<'a>(&'a self, title: &'a ArtifactTitle) -> ArtifactBody<'a> {
        ArtifactBody {
            title,
            language: self.language.as_deref(),
            metadata: &self.metadata,
            text: &self.text,
            blob: self.blob.as_ref(),
        }
    }
}

fn kept(error: KeepArtifactError) -> ArtifactError {
    match error {
        KeepArtifactError::Full => ArtifactError::Full,
        KeepArtifactError::NotFound | KeepArtifactError::Moved(_) => ArtifactError::NotFound,
        KeepArtifactError::Storage(error) => ArtifactError::Storage(error),
        KeepArtifactError::Blob(error) => ArtifactError::Blob(error),
    }
}

/// Its kind; what no kind knows is shown as the plainest.
fn kind_of(stored: &OpenedArtifact) -> Result<&'static dyn Kind, ArtifactError> {
    kind(&stored.kind).or_else(|| kind(PLAINEST)).ok_or(ArtifactError::NoKind)
}

/// A picture as it is kept: nothing but the picture.
async fn written_anew(file: Vec<u8>, language: Language) -> Result<Vec<u8>, ArtifactError> {
    if file.len() > MAX_BYTES {
        return Err(ArtifactError::TooLarge);
    }
    let accepted = aside(move || cjhirashi_artifacts::accept_image(&file, language)).await;
    Ok(accepted.map_err(ArtifactError::Invalid)?.bytes)
}

/// The text of a file; nothing where it is none.
fn text_of(bytes: Vec<u8>) -> Result<String, ArtifactError> {
    let text = String::from_utf8(bytes).map_err(|_| ArtifactError::NoKind)?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    if text.contains('\0') { Err(ArtifactError::NoKind) } else { Ok(text) }
}

/// The language of code, from its file's name.
fn language_of(kind: &dyn Kind, file_name: Option<&str>) -> Option<String> {
    let ending = file_name?.rsplit_once('.')?.1;
    (kind.source().fence.is_empty() && !ending.is_empty() && ending.len() <= 10).then(|| ending.to_ascii_lowercase())
}

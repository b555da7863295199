//! PostgreSQL: everything that is kept, and all the SQL there is.
//!
//! One module per aggregate, each an `impl Store` with `verb_noun` methods. A look-up returns `Result<Option<T>>`;
//! private row structs become domain types through `TryFrom`, and data that cannot be read names its table, column
//! and row. Queries are checked at compile time (`query!`, `query_as!`) against the committed `.sqlx` data.
//!
//! This crate decides nothing about *who may*: it takes a [`cjhirashi_domain::Viewer`] and puts the access rule into
//! the query, so that a foreign row is not found rather than found and hidden.
//!
//! To add an aggregate: a migration, a module here, `make sqlx`, and its test against a real database.

mod accounts;
mod adoption;
mod api_keys;
mod artifacts;
mod audit;
mod blobs;
mod chats;
mod choices;
mod chunks;
mod connect;
mod conversation;
mod documents;
mod environment;
mod error;
mod folders;
mod generations;
mod images;
mod imports;
mod indexes;
mod instance;
mod jobs;
mod library;
mod mails;
mod messages;
mod migrate;
mod notices;
mod overview;
mod people;
mod privacy;
mod prompts;
mod reconcile;
mod search;
mod secrets;
mod sessions;
mod settings;
mod shares;
mod sign_in_links;
mod spending;
#[cfg(test)]
mod testing;
mod users;

pub use accounts::{AccountTokens, Entrance, OpenedTokens, ProvenAccount, ProvenProfile, Refusal};
pub use adoption::{AdoptedDocument, FoundText, SupersededDocument};
pub use api_keys::KeyHolder;
pub use artifacts::{
    ArtifactBody, ArtifactShare, ChatArtifact, IN_A_FILE, KeepArtifactError, ListedArtifact, Made, MadeArtifact,
    MadeContent, NewArtifact, OpenedArtifact, Texts,
};
pub use audit::Done;
pub use blobs::{BlobError, BlobKey, BlobWriter, Blobs, StoredBlob};
pub use chats::{ChatCursor, ChatListener, ChatPage, Listed, Part};
pub use choices::Surroundings;
pub use chunks::{Held, IndexTask, NewChunk, UnembeddedChunk, UnindexedChunk, decode_embedding, encode_embedding};
pub use connect::{ConnectError, Store, StoreOptions};
pub use conversation::MessageDeletion;
pub use documents::{
    AddDocumentError, DocumentChange, DocumentFilter, DocumentList, DocumentPart, DocumentScope, NewDocumentRow,
    OriginalFile, Twin,
};
pub use environment::{Environment, SystemEnvironment};
pub use error::StorageError;
pub use folders::FolderChange;
pub use generations::{
    Append, Ending, FinishedGeneration, Generation, GenerationListener, GenerationSignal, NewTurn, Queueing, RunState,
    Turn, TurnOutcome,
};
pub use images::StoredImage;
pub use imports::{IncomingChat, IncomingMessage};
pub use indexes::IndexListener;
pub use jobs::{Claim, DeadJob, Housekeeping, Job, JobFilter, JobKind, JobListener, ReleaseError, Retry};
pub use library::{Arrange, Found, LibraryPage, ListedChat, MARK_END, MARK_START};
pub use mails::{Content, Delivery, Letter, Mail, MailCount, MailKind};
pub use messages::{Conversation, PastTurn, Summary};
pub use migrate::{MigrateError, MigrationReport};
pub use overview::JobsOfKind;
pub use people::Managed;
pub use privacy::Belongings;
pub use prompts::PromptChange;
pub use reconcile::{Acknowledged, AnsweringDocument, AnsweringVersion, Repairs, StoredRecord};
pub use search::{
    ChunkPlace, DocumentListener, LiveDocument, QueryWord, SearchScope, Shown, StemStatistics, StoredPassage,
    StoredVector, TextTerm,
};
pub use secrets::{AppSecret, Sealed};
pub use sessions::{Device, PgSessionStore, SESSION_LASTS, SessionToken};
pub use users::{PeopleFilter, PeopleList};

/// What a query returns.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

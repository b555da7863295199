//! What the server hands to the pages.

use std::sync::Arc;

use cjhirashi_chat::{ArtifactService, ChatService};
use cjhirashi_identity::SignInService;
use cjhirashi_models::ModelRegistry;
use cjhirashi_storage::Store;
use cjhirashi_sync::{DocumentService, SyncService};

/// Everything a page or a server function may ask. The binary provides it in the context of every request.
#[derive(Clone)]
pub struct Services {
    /// People, settings, keys.
    pub store: Store,
    /// Chats and answers.
    pub chat: ChatService,
    /// Documents.
    pub documents: DocumentService,
    /// What was made beside chats.
    pub artifacts: ArtifactService,
    /// The two databases, for administrators.
    pub sync: SyncService,
    /// Sign-in at providers.
    pub sign_in: SignInService,
    /// The models that answer.
    pub models: ModelRegistry,
    /// What the pages say about this instance.
    pub instance: Arc<Instance>,
}

/// What is known about this instance when it starts.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The version of the program.
    pub version: &'static str,
    /// Where people reach it, without a slash at the end.
    pub app_url: String,
    /// Addresses of the script, the program and the style; with a hash in the name or `?v=` they may be kept for ever.
    pub assets: Assets,
}

/// Addresses of what a page loads, from the site's root.
#[derive(Debug, Clone)]
pub struct Assets {
    /// The JavaScript that wasm-bindgen writes.
    pub script: String,
    /// The WebAssembly program.
    pub program: String,
    /// The style sheet.
    pub style: String,
}

impl Default for Assets {
    /// The names that `scripts/build-site` writes.
    fn default() -> Self {
        Self {
            script: "/pkg/cjhirashi.js".to_owned(),
            program: "/pkg/cjhirashi.wasm".to_owned(),
            style: "/pkg/cjhirashi.css".to_owned(),
        }
    }
}

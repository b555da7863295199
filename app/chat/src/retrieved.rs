//! The search of an answer: what is wanted, what was found, and a search that begins before its run.

use std::sync::Arc;

use cjhirashi_domain::{
    Viewer,
    chat::{Citation, MessageRole, RetrievalSummary, Verdict},
    search::{Passage, SearchMode},
    settings::{Language, UserSettings},
};
use cjhirashi_retrieval::{RetrievalError, SearchOutcome, SearchQuery};
use cjhirashi_storage::Store;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    cited::{self, MadeOf},
    prompt::{self, Found},
    service::Shared,
};

/// What a search gave an answer.
#[derive(Debug, Clone)]
pub(crate) struct Retrieved {
    pub(crate) passages: Vec<Passage>,
    pub(crate) citations: Vec<Citation>,
    pub(crate) summary: RetrievalSummary,
    pub(crate) trace: serde_json::Value,
    pub(crate) language: Option<Language>,
}

impl Retrieved {
    pub(crate) fn found(&self) -> Found<'_> {
        Found { passages: &self.passages, summary: &self.summary }
    }

    /// The sources that a text cites, judged.
    pub(crate) async fn cited_in(&self, store: &Store, text: &str, made_of: MadeOf) -> Vec<Citation> {
        let passages = self.passages.iter().map(|passage| Some(passage.text.clone())).collect();
        cited::check(store, text.to_owned(), self.citations.clone(), passages, made_of).await
    }
}

/// How a search for an answer is done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) text: String,
    pub(crate) top_k: i32,
    pub(crate) min_score: f64,
    pub(crate) tags: Vec<String>,
}

impl Wanted {
    pub(crate) fn of(settings: &UserSettings, text: String, tags: Vec<String>) -> Self {
        Self { text, top_k: settings.rag_top_k, min_score: settings.rag_min_score, tags }
    }
}

/// A search that began while its question was being stored: most questions say all that is searched for. Dropped, it ends.
pub(crate) struct Ahead {
    wanted: Wanted,
    found: AbortOnDropHandle<Result<Option<Retrieved>, RetrievalError>>,
}

impl Ahead {
    /// Begins to search for a question, as its run will where nothing narrows the search.
    pub(crate) fn begin(shared: &Arc<Shared>, viewer: &Viewer, settings: &UserSettings, question: &str) -> Self {
        let wanted = Wanted::of(settings, prompt::search_text([(MessageRole::User, question)].into_iter()), Vec::new());
        let (shared, viewer, query) = (Arc::clone(shared), viewer.clone(), wanted.clone());
        let found = tokio::spawn(async move {
            // Whoever has no documents pays for no embedding.
            let documents = shared.store.search_scope(&viewer, &[]).await?.documents;
            retrieve(&shared, &viewer, query, documents).await
        });
        Self { wanted, found: AbortOnDropHandle::new(found) }
    }

    /// What it found, where that is what is wanted; `None` also when it panicked. Then the search is done anew.
    pub(crate) async fn found(self, wanted: &Wanted) -> Option<Result<Option<Retrieved>, RetrievalError>> {
        if self.wanted == *wanted { self.found.await.ok() } else { None }
    }
}

/// Searches for an answer. `None` when there is nothing to search for.
pub(crate) async fn retrieve(
    shared: &Shared,
    viewer: &Viewer,
    wanted: Wanted,
    documents: i64,
) -> Result<Option<Retrieved>, RetrievalError> {
    if documents == 0 {
        let summary = RetrievalSummary {
            searched_documents: 0,
            passages: 0,
            best: None,
            min_score: wanted.min_score,
            degraded: false,
        };
        let trace = serde_json::Value::Null;
        return Ok(Some(Retrieved { passages: Vec::new(), citations: Vec::new(), summary, trace, language: None }));
    }
    let query = SearchQuery {
        text: wanted.text,
        top_k: usize::try_from(wanted.top_k).unwrap_or(5),
        min_score: wanted.min_score,
        tags: wanted.tags,
        mode: SearchMode::Hybrid,
    };
    let min_score = query.min_score;
    match shared.retriever.search(viewer, query).await {
        Ok(outcome) => Ok(Some(retrieved(outcome, min_score))),
        Err(RetrievalError::EmptyQuery) => Ok(None),
        Err(error) => Err(error),
    }
}

fn retrieved(outcome: SearchOutcome, min_score: f64) -> Retrieved {
    let citations: Vec<Citation> = outcome
        .passages
        .iter()
        .zip(1..)
        .map(|(passage, n)| Citation {
            n,
            document_id: passage.document_id.clone(),
            version: passage.version,
            seq: passage.seq,
            start: passage.start,
            end: passage.end,
            quote: None,
            page: passage.page,
            score: passage.score,
            verdict: Verdict::Weak,
            uses: Vec::new(),
            replaced: None,
            // Events are stored, and a stored passage would outlive its document.
            source: None,
        })
        .collect();
    Retrieved {
        summary: RetrievalSummary {
            searched_documents: outcome.searched_documents,
            passages: i32::try_from(outcome.passages.len()).unwrap_or(i32::MAX),
            best: outcome.best,
            min_score,
            degraded: outcome.degraded,
        },
        language: outcome.trace.language.as_deref().and_then(Language::parse),
        trace: serde_json::to_value(&outcome.trace).unwrap_or_default(),
        passages: outcome.passages,
        citations,
    }
}

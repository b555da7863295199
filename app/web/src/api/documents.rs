//! Documents: list, read, tag, retry, delete, and single passages.

use cjhirashi_domain::{
    Timestamp,
    document::Document,
    id::DocumentId,
    order::{DocumentColumn, DocumentState, Order},
    passage::TextRange,
};
use leptos::server;
use leptos_router::params::ParamsMap;
use serde::{Deserialize, Serialize};

use super::{Failure, WithoutHtml, conversation::Acted, list_address};

/// Documents on one page of a list.
pub(crate) const PAGE_SIZE: u32 = 50;
/// Characters of a document's text on one page.
#[cfg(feature = "ssr")]
const PART: i32 = 60_000;
/// Lines of a document's history that are shown, the newest.
#[cfg(feature = "ssr")]
const EVENTS: i64 = 200;
/// Chunks on one page.
#[cfg(feature = "ssr")]
const CHUNKS: u32 = 50;
/// Characters of a text that are looked at for what it is about, and the most of them that name it.
#[cfg(feature = "ssr")]
const BEGINNING: i32 = 600;
#[cfg(feature = "ssr")]
const SUBJECT: usize = 60;
/// Characters shown before and after a passage in the panel, and the most of the passage itself.
#[cfg(feature = "ssr")]
const AROUND: i32 = 700;
#[cfg(feature = "ssr")]
const PASSAGE: i32 = 20_000;

/// What of a list is shown, as its address says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListAsked {
    /// Words to search for.
    pub(crate) words: String,
    pub(crate) tag: String,
    pub(crate) state: Option<DocumentState>,
    pub(crate) order: Option<Order<DocumentColumn>>,
    /// From 1.
    pub(crate) page: u32,
}

impl ListAsked {
    /// Reads an address.
    pub(crate) fn read(query: &ParamsMap) -> Self {
        let text = |name: &str| query.get(name).unwrap_or_default();
        Self {
            words: text("q"),
            tag: text("tag"),
            state: DocumentState::parse(&text("state")),
            order: Order::parse(&text("sort")),
            page: text("page").parse().unwrap_or(1).max(1),
        }
    }

    /// Whether some documents are left out.
    pub(crate) const fn is_filtered(&self) -> bool {
        !self.words.is_empty() || !self.tag.is_empty() || self.state.is_some()
    }

    /// The address: what [`ListAsked::read`] reads, behind `path`.
    pub(crate) fn address(&self, path: &str, scope: &str) -> String {
        let state = self.state.map_or("", DocumentState::as_str);
        let filters = [("scope", scope), ("q", &self.words), ("tag", &self.tag), ("state", state)];
        list_address(path, &filters, self.order, self.page)
    }
}

/// Part of a list of documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DocumentsView {
    pub(crate) documents: Vec<Document>,
    /// On all pages.
    pub(crate) total: i64,
    pub(crate) now: Timestamp,
}

/// A document's page: about it, and one of its tabs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DocumentView {
    pub(crate) document: Document,
    /// May be tagged, retried and deleted by who looks.
    pub(crate) may_change: bool,
    /// Safe HTML of the tab: the text with page marks and the highlighted passage, for example. `None` before the file
    /// was read.
    pub(crate) html: Option<String>,
    /// Which part this is, from 1, and of how many.
    pub(crate) part: u32,
    pub(crate) parts: u32,
    pub(crate) now: Timestamp,
}

/// A passage with what stands around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PassageView {
    pub(crate) title: String,
    pub(crate) before: String,
    pub(crate) text: PassageText,
    pub(crate) after: String,
    /// Where the quoted words begin, else the passage.
    pub(crate) page: Option<i32>,
}

/// A passage, cut around the words that are quoted; without any all of it stands before them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PassageText {
    pub(crate) before: String,
    pub(crate) quote: String,
    pub(crate) after: String,
}

/// A tab of a document's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DocumentTab {
    /// What was read from the file.
    Text,
    /// How it was cut.
    Chunks,
    /// What happened to it, and what can be done with it.
    History,
}

impl DocumentTab {
    /// All, in the order of the page.
    pub(crate) const ALL: [Self; 3] = [Self::Text, Self::Chunks, Self::History];

    /// Its word in the address, after `view=`; nothing for the first.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Chunks => "chunks",
            Self::History => "history",
        }
    }
}

/// What of a document's page is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartAsked {
    /// Which tab.
    pub(crate) tab: DocumentTab,
    /// From 1; `None`: where the passage is, else the first.
    pub(crate) part: Option<u32>,
    /// What is marked, and in it what is marked strongly.
    pub(crate) passage: Option<TextRange>,
    pub(crate) quote: Option<TextRange>,
}

impl WithoutHtml for DocumentView {
    fn without_html(&self) -> Self {
        Self { document: self.document.clone(), html: self.html.as_ref().map(|_| String::new()), ..*self }
    }
}

#[cfg(feature = "ssr")]
mod server_side;

/// A list of documents. `scope` is `own`, `public` or `all`.
#[server(prefix = "/fn", endpoint = "list_documents", input = leptos::server_fn::codec::Json)]
pub(crate) async fn list_documents(scope: String, asked: ListAsked) -> Result<DocumentsView, Failure> {
    use super::server::{services, signed_in, texts};
    use cjhirashi_domain::text::{QueryText, Tag};
    use cjhirashi_sync::{DocumentFilter, DocumentScope};
    let (who, services) = (signed_in()?, services()?);
    let filter = DocumentFilter {
        scope: match scope.as_str() {
            "own" => DocumentScope::Own,
            "public" => DocumentScope::Public,
            _ => DocumentScope::All,
        },
        // Nothing but control characters is no search, as nothing at all is.
        query: QueryText::parse(&asked.words.chars().take(200).collect::<String>()).ok(),
        tag: Tag::parse(&asked.tag).ok(),
        state: asked.state,
        order: asked.order,
        page: asked.page,
        page_size: PAGE_SIZE,
    };
    let list = services.documents.list(&who.viewer(), &filter).await?;
    let documents = list.documents.into_iter().map(|document| server_side::told(document, texts(&who))).collect();
    Ok(DocumentsView { documents, total: list.total, now: services.store.now() })
}

/// What the newest documents can be asked about; at most two.
#[server(prefix = "/fn", endpoint = "newest_subjects")]
pub(crate) async fn newest_subjects() -> Result<Vec<String>, Failure> {
    use super::server::{services, signed_in};
    let (who, services) = (signed_in()?, services()?);
    let filter = cjhirashi_sync::DocumentFilter {
        state: Some(DocumentState::Ready),
        page_size: 2,
        ..cjhirashi_sync::DocumentFilter::default()
    };
    let viewer = who.viewer();
    let list = services.documents.list(&viewer, &filter).await?;
    let mut subjects = Vec::new();
    for document in list.documents {
        let beginning = services.documents.part(&viewer, &document.id, 0, BEGINNING).await?;
        let beginning = beginning.map_or_else(String::new, |part| part.text);
        subjects.push(server_side::subject(&document.title, &beginning));
    }
    Ok(subjects)
}

/// Where some documents stand, while they are being processed; at most 100.
#[server(prefix = "/fn", endpoint = "document_states", input = leptos::server_fn::codec::Json)]
pub(crate) async fn document_states(ids: Vec<DocumentId>) -> Result<Vec<Document>, Failure> {
    use super::server::{services, signed_in, texts};
    let (who, services) = (signed_in()?, services()?);
    let documents = services.documents.states(&who.viewer(), ids.get(..100).unwrap_or(&ids)).await?;
    Ok(documents.into_iter().map(|document| server_side::told(document, texts(&who))).collect())
}

/// A document's page.
#[server(prefix = "/fn", endpoint = "load_document", input = leptos::server_fn::codec::Json)]
pub(crate) async fn load_document(id: String, asked: PartAsked) -> Result<DocumentView, Failure> {
    use self::server_side::{parts_of, render_part};
    use super::server::{fail, services, signed_in, texts};
    use crate::{components::pages, served};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let viewer = who.viewer();
    let id = DocumentId::parse(id).map_err(|_| fail(ErrorCode::DocumentNotFound))?;
    let document = services.documents.get(&viewer, &id).await?.ok_or_else(|| fail(ErrorCode::DocumentNotFound))?;
    let mut shown = DocumentView {
        may_change: viewer.may_change(&document.visibility),
        document: server_side::told(document, texts(&who)),
        html: None,
        part: asked.part.unwrap_or(1).max(1),
        parts: 1,
        now: services.store.now(),
    };
    let texts = texts(&who);
    match asked.tab {
        DocumentTab::Chunks => {
            let from = i32::try_from((shown.part - 1).saturating_mul(CHUNKS)).unwrap_or(i32::MAX);
            let chunks = services.documents.chunks(&viewer, &id, from, i64::from(CHUNKS)).await?.unwrap_or_default();
            shown.html = Some(served::chunks(texts, &id, chunks));
            shown.parts = pages(i64::from(shown.document.chunk_count), CHUNKS);
        }
        DocumentTab::History => {
            let events = services.documents.events(&viewer, &id, EVENTS).await?;
            let metadata = services.documents.metadata(&viewer, &id).await?;
            let document = &shown.document;
            shown.html = Some(served::history(texts, &viewer, document, metadata.as_ref(), events, shown.now));
            shown.part = 1;
        }
        DocumentTab::Text => {
            let PartAsked { part, passage, quote, .. } = asked;
            let asked = match part.and_then(|part| i32::try_from(part).ok()?.checked_sub(1)) {
                Some(asked) if asked >= 0 => asked,
                _ => quote.or(passage).map_or(0, |place| place.start / PART),
            };
            let read = async |part: i32| services.documents.part(&viewer, &id, part.saturating_mul(PART), PART).await;
            let mut text = read(asked).await?;
            // There is nothing behind the last part, so that is shown instead.
            if let Some(last) = text.as_ref().map(|text| parts_of(text.length) - 1).filter(|last| *last < asked) {
                text = read(last).await?;
            }
            if let Some(text) = text {
                shown.html = Some(render_part(&text, passage, quote, texts));
                shown.part = u32::try_from(text.from / PART + 1).unwrap_or(1);
                shown.parts = u32::try_from(parts_of(text.length)).unwrap_or(1);
            }
        }
    }
    Ok(shown)
}

/// A passage with what stands around it.
#[server(prefix = "/fn", endpoint = "load_passage", input = leptos::server_fn::codec::Json)]
pub(crate) async fn load_passage(
    document: String,
    passage: TextRange,
    quote: Option<TextRange>,
) -> Result<PassageView, Failure> {
    use super::server::{fail, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = DocumentId::parse(document).map_err(|_| fail(ErrorCode::DocumentNotFound))?;
    let start = passage.start.max(0);
    let length = passage.end.saturating_sub(start).clamp(0, PASSAGE);
    let passage = TextRange { start, end: start.saturating_add(length) };
    let from = start.saturating_sub(AROUND).max(0);
    let text = services.documents.part(&who.viewer(), &id, from, start - from + length + AROUND).await?;
    let text = text.ok_or_else(|| fail(ErrorCode::DocumentNotFound))?;
    Ok(server_side::passage(&text, passage, quote))
}

/// Removes a document from every answer at once.
#[server(prefix = "/fn", endpoint = "delete_document")]
pub(crate) async fn delete_document(id: String) -> Result<Acted, Failure> {
    use super::server::{forward_within, services, signed_in};
    let (who, services) = (signed_in()?, services()?);
    let id = server_side::document_id(id)?;
    services.documents.delete(&who.viewer(), &id).await?;
    forward_within("/admin", "/documents");
    Ok(Acted::default())
}

/// Tries a document again that failed.
#[server(prefix = "/fn", endpoint = "retry_document")]
pub(crate) async fn retry_document(id: String) -> Result<Acted, Failure> {
    use super::server::{services, signed_in};
    let (who, services) = (signed_in()?, services()?);
    let id = server_side::document_id(id)?;
    services.documents.retry(&who.viewer(), &id).await?;
    Ok(Acted::default())
}

/// Gives a document other tags, separated by commas.
#[server(prefix = "/fn", endpoint = "save_tags")]
pub(crate) async fn save_tags(id: String, #[server(default)] tags: String) -> Result<Acted, Failure> {
    use super::server::{services, signed_in};
    let (who, services) = (signed_in()?, services()?);
    let id = server_side::document_id(id)?;
    let tags: Vec<String> = tags.split(',').map(|tag| tag.trim().to_owned()).collect();
    services.documents.set_tags(&who.viewer(), &id, &tags).await?;
    Ok(Acted::default())
}

/// Gives a document another title.
#[server(prefix = "/fn", endpoint = "rename_document")]
pub(crate) async fn rename_document(id: String, title: String) -> Result<(), Failure> {
    use super::server::{services, signed_in};
    let (who, services) = (signed_in()?, services()?);
    let id = server_side::document_id(id)?;
    services.documents.set_title(&who.viewer(), &id, &title).await?;
    server_side::back_to_history(&id);
    Ok(())
}

/// Replaces a document's own keys, a JSON object; nothing is none.
#[server(prefix = "/fn", endpoint = "save_metadata")]
pub(crate) async fn save_metadata(id: String, #[server(default)] metadata: String) -> Result<(), Failure> {
    use super::server::{services, signed_in};
    use cjhirashi_sync::DocumentError;
    let (who, services) = (signed_in()?, services()?);
    let id = server_side::document_id(id)?;
    let metadata = if metadata.trim().is_empty() { "{}" } else { metadata.as_str() };
    let metadata: serde_json::Value =
        serde_json::from_str(metadata).map_err(|error| DocumentError::Invalid(format!("metadata: {error}")))?;
    services.documents.change(&who.viewer(), &id, None, None, Some(&metadata), None).await?;
    server_side::back_to_history(&id);
    Ok(())
}

/// Shares a document with everybody (`public`), or makes it one's own again (`private`). For administrators.
#[server(prefix = "/fn", endpoint = "share_document")]
pub(crate) async fn share_document(id: String, visibility: String) -> Result<(), Failure> {
    use super::server::{fail, services, signed_in};
    use cjhirashi_domain::{ErrorCode, access::Visibility};
    let (who, services) = (signed_in()?, services()?);
    let viewer = who.viewer();
    let id = server_side::document_id(id)?;
    let visibility = match visibility.as_str() {
        "public" => Visibility::Public,
        "private" => Visibility::Private(viewer.user_id.clone()),
        _ => return Err(fail(ErrorCode::InvalidRequest)),
    };
    services.documents.set_visibility(&viewer, &id, &visibility).await?;
    server_side::back_to_history(&id);
    Ok(())
}

/// Takes back what of a document does not answer yet.
#[server(prefix = "/fn", endpoint = "cancel_document")]
pub(crate) async fn cancel_document(id: String) -> Result<(), Failure> {
    use super::server::{services, signed_in};
    let (who, services) = (signed_in()?, services()?);
    let id = server_side::document_id(id)?;
    services.documents.cancel(&who.viewer(), &id).await?;
    server_side::back_to_history(&id);
    Ok(())
}

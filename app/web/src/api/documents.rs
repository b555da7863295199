//! Documents: list, read, tag, retry, delete, and single passages.

use cjhirashi_domain::{
    Timestamp,
    document::{Chunk, Document},
    id::DocumentId,
};
use leptos::server;
use serde::{Deserialize, Serialize};

use super::{Failure, WithoutHtml};

/// Documents on one page of a list.
pub(crate) const PAGE_SIZE: u32 = 50;
/// Characters of a document's text on one page.
#[cfg(feature = "ssr")]
const PART: usize = 60_000;
/// Chunks on one page.
#[cfg(feature = "ssr")]
const CHUNKS: i64 = 50;
/// Characters shown before and after a passage in the panel.
#[cfg(feature = "ssr")]
const AROUND: usize = 700;

/// Part of a list of documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DocumentsView {
    pub(crate) documents: Vec<Document>,
    /// On all pages.
    pub(crate) total: i64,
    pub(crate) now: Timestamp,
}

/// A document's page: about it, and a part of its text or of its chunks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DocumentView {
    pub(crate) document: Document,
    /// May be tagged, retried and deleted by who looks.
    pub(crate) may_change: bool,
    /// Safe HTML: the text with page marks and the highlighted passage. `None` before it was read.
    pub(crate) html: Option<String>,
    /// The chunks, when they are asked for.
    pub(crate) chunks: Vec<Chunk>,
    /// Which part this is, from 1, and of how many.
    pub(crate) part: i64,
    pub(crate) parts: i64,
    pub(crate) now: Timestamp,
}

/// A passage with what stands around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PassageView {
    pub(crate) title: String,
    pub(crate) before: String,
    pub(crate) text: String,
    pub(crate) after: String,
    pub(crate) page: Option<i32>,
}

impl WithoutHtml for DocumentView {
    fn without_html(&self) -> Self {
        Self {
            document: self.document.clone(),
            html: self.html.as_ref().map(|_| String::new()),
            chunks: self.chunks.clone(),
            ..*self
        }
    }
}

#[cfg(feature = "ssr")]
mod server_side {
    use cjhirashi_sync::DocumentText;

    use super::{AROUND, PART, PassageView};
    use crate::{api::server::escape, texts::Texts};

    /// The page that a character stands on, from 1.
    pub(super) fn page_of(pages: &[i32], at: usize) -> Option<i32> {
        let at = i32::try_from(at).ok()?;
        let page = pages.partition_point(|start| *start <= at);
        i32::try_from(page).ok().filter(|page| *page > 0)
    }

    /// A part of a text as HTML: page marks where pages begin, and the passage marked.
    pub(super) fn render_part(
        text: &DocumentText,
        part: usize,
        passage: Option<(usize, usize)>,
        texts: &Texts,
    ) -> String {
        let from = part * PART;
        let chars: Vec<char> = text.text.chars().skip(from).take(PART).collect();
        let to = from + chars.len();
        let mut cuts: Vec<(usize, u8, i32)> = Vec::new();
        for (index, start) in text.pages.iter().enumerate() {
            let at = usize::try_from(*start).unwrap_or(0);
            if (from..to).contains(&at) {
                cuts.push((at, 1, i32::try_from(index + 1).unwrap_or(i32::MAX)));
            }
        }
        let (start, end) = passage.map_or((to, to), |(start, end)| (start.clamp(from, to), end.clamp(from, to)));
        if start < end {
            cuts.push((start, 2, 0));
            cuts.push((end, 0, 0));
        }
        cuts.sort_unstable();
        let mut html = String::with_capacity(chars.len() * 11 / 10);
        let mut at = from;
        let mut open = false;
        for (cut, kind, page) in cuts {
            html.push_str(&escape(&chars[at - from..cut - from].iter().collect::<String>()));
            at = cut;
            match kind {
                0 => {
                    html.push_str("</mark>");
                    open = false;
                }
                // A page that begins inside the passage: the mark is closed around the line and opened again.
                1 => {
                    let line = format!("<span class=\"page-mark\">{}</span>", texts.page(page));
                    if open {
                        html.push_str(&format!("</mark>{line}<mark>"));
                    } else {
                        html.push_str(&line);
                    }
                }
                _ => {
                    html.push_str(&format!(
                        "<mark id=\"passage\" tabindex=\"-1\" aria-label=\"{}\">",
                        texts.cited_passage
                    ));
                    open = true;
                }
            }
        }
        html.push_str(&escape(&chars[at - from..].iter().collect::<String>()));
        if open {
            html.push_str("</mark>");
        }
        html
    }

    /// Which part a character stands in, from 0, and how many parts there are.
    pub(super) fn part_of(text: &str, at: usize) -> (usize, usize) {
        let parts = text.chars().count().div_ceil(PART).max(1);
        ((at / PART).min(parts - 1), parts)
    }

    /// A passage with what stands around it, cut at spaces.
    pub(super) fn passage(text: &DocumentText, start: usize, end: usize) -> PassageView {
        let take =
            |from: usize, to: usize| -> String { text.text.chars().skip(from).take(to.saturating_sub(from)).collect() };
        let (end, start) = (end.max(start), start);
        let mut before = take(start.saturating_sub(AROUND), start);
        if start > AROUND {
            before = before.split_once(char::is_whitespace).map_or(before.clone(), |(_, rest)| format!("…{rest}"));
        }
        let mut after = take(end, end + AROUND);
        if after.chars().count() == AROUND {
            after = after.rsplit_once(char::is_whitespace).map_or(after.clone(), |(rest, _)| format!("{rest}…"));
        }
        PassageView {
            title: text.title.clone(),
            before,
            text: take(start, end),
            after,
            page: page_of(&text.pages, start),
        }
    }

    #[cfg(test)]
    mod tests {
        use cjhirashi_domain::settings::Language;

        use super::*;

        fn text(text: &str, pages: &[i32]) -> DocumentText {
            DocumentText { title: "T".into(), version: 1, text: text.into(), pages: pages.to_vec() }
        }

        #[test]
        fn the_passage_is_marked_in_characters_and_everything_is_escaped() {
            let html = render_part(&text("ñandú <b> fin", &[]), 0, Some((6, 9)), Texts::of(Language::Es));
            assert_eq!(
                html,
                "ñandú <mark id=\"passage\" tabindex=\"-1\" aria-label=\"Pasaje citado\">&lt;b&gt;</mark> fin"
            );
        }

        #[test]
        fn a_page_that_begins_inside_the_passage_leaves_the_html_well_formed() {
            let html = render_part(&text("uno dos tres", &[0, 6]), 0, Some((4, 9)), Texts::of(Language::Es));
            assert_eq!(html.matches("<mark").count(), html.matches("</mark>").count());
            assert!(html.contains("do</mark><span class=\"page-mark\">Página 2</span><mark>s t"), "{html}");
        }

        #[test]
        fn offsets_outside_the_text_mark_nothing_and_do_not_fail() {
            let html = render_part(&text("corto", &[0]), 0, Some((90, 400)), Texts::of(Language::Es));
            assert!(!html.contains("<mark"));
            assert_eq!(passage(&text("corto", &[0]), 90, 400).text, "");
        }

        #[test]
        fn a_passage_knows_its_page() {
            assert_eq!(page_of(&[0, 10, 20], 9), Some(1));
            assert_eq!(page_of(&[0, 10, 20], 10), Some(2));
            assert_eq!(page_of(&[], 10), None);
        }
    }
}

/// A list of documents. `scope` is `own`, `public` or `all`; `page` counts from 1.
#[server(prefix = "/fn", endpoint = "list_documents")]
pub(crate) async fn list_documents(scope: String, query: String, page: u32) -> Result<DocumentsView, Failure> {
    use super::server::{services, signed_in};
    use cjhirashi_sync::{DocumentFilter, DocumentScope};
    let (who, services) = (signed_in()?, services()?);
    let filter = DocumentFilter {
        scope: match scope.as_str() {
            "own" => DocumentScope::Own,
            "public" => DocumentScope::Public,
            _ => DocumentScope::All,
        },
        query: Some(query.chars().take(200).collect()),
        page,
        page_size: PAGE_SIZE,
        ..DocumentFilter::default()
    };
    let list = services.documents.list(&who.viewer(), &filter).await?;
    Ok(DocumentsView { documents: list.documents, total: list.total, now: services.store.now() })
}

/// Where some documents stand, while they are being processed; at most 100.
#[server(prefix = "/fn", endpoint = "document_states", input = leptos::server_fn::codec::Json)]
pub(crate) async fn document_states(ids: Vec<DocumentId>) -> Result<Vec<Document>, Failure> {
    use super::server::{services, signed_in};
    let (who, services) = (signed_in()?, services()?);
    let mut documents = Vec::new();
    for id in ids.iter().take(100) {
        documents.extend(services.documents.get(&who.viewer(), id).await?);
    }
    Ok(documents)
}

/// A document's page. `view` is `text` or `chunks`; `start` and `end` are the passage to highlight, or -1.
#[server(prefix = "/fn", endpoint = "load_document")]
pub(crate) async fn load_document(
    id: String,
    view: String,
    part: i64,
    start: i64,
    end: i64,
) -> Result<DocumentView, Failure> {
    use self::server_side::{part_of, render_part};
    use super::server::{fail, services, signed_in};
    use crate::texts::Texts;
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let viewer = who.viewer();
    let id = DocumentId::parse(id).map_err(|_| fail(ErrorCode::DocumentNotFound))?;
    let document = services.documents.get(&viewer, &id).await?.ok_or_else(|| fail(ErrorCode::DocumentNotFound))?;
    let mut shown = DocumentView {
        may_change: viewer.may_change(&document.visibility),
        document,
        html: None,
        chunks: Vec::new(),
        part: part.max(1),
        parts: 1,
        now: services.store.now(),
    };
    if view == "chunks" {
        let from = i32::try_from((shown.part - 1).saturating_mul(CHUNKS)).unwrap_or(i32::MAX);
        shown.chunks = services.documents.chunks(&viewer, &id, from, CHUNKS).await?.unwrap_or_default();
        shown.parts = (i64::from(shown.document.chunk_count) + CHUNKS - 1).div_euclid(CHUNKS).max(1);
    } else if let Some(text) = services.documents.text(&viewer, &id).await? {
        let passage = usize::try_from(start).ok().zip(usize::try_from(end).ok()).filter(|(start, end)| start < end);
        let asked = usize::try_from(part - 1).ok().filter(|_| part > 0);
        let at = asked.map_or_else(|| passage.map_or(0, |(start, _)| start), |part| part.saturating_mul(PART));
        let (part, parts) = part_of(&text.text, at);
        shown.html = Some(render_part(&text, part, passage, Texts::of(who.settings.language)));
        shown.part = i64::try_from(part + 1).unwrap_or(1);
        shown.parts = i64::try_from(parts).unwrap_or(1);
    }
    Ok(shown)
}

/// A passage with what stands around it.
#[server(prefix = "/fn", endpoint = "load_passage")]
pub(crate) async fn load_passage(document: String, start: u32, end: u32) -> Result<PassageView, Failure> {
    use super::server::{fail, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = DocumentId::parse(document).map_err(|_| fail(ErrorCode::DocumentNotFound))?;
    let text = services.documents.text(&who.viewer(), &id).await?;
    let text = text.ok_or_else(|| fail(ErrorCode::DocumentNotFound))?;
    let end = end.min(start.saturating_add(20_000));
    Ok(server_side::passage(&text, start as usize, end as usize))
}

/// Removes a document from every answer at once.
#[server(prefix = "/fn", endpoint = "delete_document")]
pub(crate) async fn delete_document(id: String) -> Result<(), Failure> {
    use super::server::{fail, forward_within, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = DocumentId::parse(id).map_err(|_| fail(ErrorCode::DocumentNotFound))?;
    services.documents.delete(&who.viewer(), &id).await?;
    forward_within("/admin", "/documents");
    Ok(())
}

/// Tries a document again that failed.
#[server(prefix = "/fn", endpoint = "retry_document")]
pub(crate) async fn retry_document(id: String) -> Result<(), Failure> {
    use super::server::{fail, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = DocumentId::parse(id).map_err(|_| fail(ErrorCode::DocumentNotFound))?;
    Ok(services.documents.retry(&who.viewer(), &id).await?)
}

/// Gives a document other tags, separated by commas.
#[server(prefix = "/fn", endpoint = "save_tags")]
pub(crate) async fn save_tags(id: String, #[server(default)] tags: String) -> Result<(), Failure> {
    use super::server::{fail, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = DocumentId::parse(id).map_err(|_| fail(ErrorCode::DocumentNotFound))?;
    let tags: Vec<String> = tags.split(',').map(|tag| tag.trim().to_owned()).collect();
    Ok(services.documents.set_tags(&who.viewer(), &id, &tags).await?)
}

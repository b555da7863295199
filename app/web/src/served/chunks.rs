//! How a document was cut.

use cjhirashi_domain::{
    document::Chunk,
    id::DocumentId,
    passage::{PassageAddress, TextRange},
};
use leptos::prelude::*;

use super::words::Words;
use crate::texts::Texts;

/// The HTML of the page's part.
pub(crate) fn chunks(texts: &'static Texts, document: &DocumentId, chunks: Vec<Chunk>) -> String {
    if chunks.is_empty() {
        return view! { <p class="empty">{Words::of(texts.language).no_chunks}</p> }.to_html();
    }
    let rows = chunks
        .into_iter()
        .map(|chunk| {
            let passage = TextRange { start: chunk.start, end: chunk.end };
            let href = PassageAddress { document: document.to_string(), passage, quote: None }.to_string();
            view! {
                <li>
                    <header>
                        <a href=href>{format!("#{}", chunk.seq + 1)}</a>
                        <span>{texts.number(i64::from(chunk.start))} "–" {texts.number(i64::from(chunk.end))}</span>
                        {chunk.page.map(|page| view! { <span>{texts.page(page)}</span> })}
                    </header>
                    <p>{chunk.text}</p>
                </li>
            }
        })
        .collect_view();
    view! { <ol class="chunks">{rows}</ol> }.to_html()
}

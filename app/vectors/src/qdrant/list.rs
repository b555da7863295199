//! Listing in the order of the keys, which Qdrant does not have: it scrolls by its own ids or by a number.
//!
//! Of one document all points are scrolled through. Of all documents they are scrolled by the number that the first
//! eight characters of each key make ([`point::order`]): pages come in that order, and only keys that begin alike share
//! a number. New ids begin with the time of their making, so a group is what was made within the same quarter of a second.
//! A group that the end of a page may have cut is read again by itself. Memory is bounded by the page and the limit.

use std::collections::BTreeSet;

use cjhirashi_domain::id::DocumentId;
use reqwest::Method;
use uuid::Uuid;

use super::{
    QdrantIndex, point,
    wire::{Condition, Filter, OrderBy, Page, Record, Scroll},
};
use crate::{ChunkKey, IndexError};

const PAGE: usize = 1_000;

/// The smallest names after one.
struct Smallest {
    after: String,
    limit: usize,
    names: BTreeSet<String>,
}

impl Smallest {
    fn take(&mut self, record: &Record) {
        let Some(name) = record.payload.as_ref().map(|payload| &payload.key) else { return };
        // What is no key was put there by somebody else.
        if *name <= self.after || name.parse::<ChunkKey>().is_err() {
            return;
        }
        self.names.insert(name.clone());
        if self.names.len() > self.limit {
            self.names.pop_last();
        }
    }

    fn is_full(&self) -> bool {
        self.names.len() >= self.limit
    }
}

impl QdrantIndex {
    pub(super) async fn list_in_order(
        &self,
        document: Option<&DocumentId>,
        after: Option<&ChunkKey>,
        limit: usize,
    ) -> Result<Vec<ChunkKey>, IndexError> {
        let after = after.map(ToString::to_string).unwrap_or_default();
        let mut from = point::order(&after);
        let mut smallest = Smallest { after, limit, names: BTreeSet::new() };
        match document {
            Some(document) => {
                self.take_all(|| Condition::is(point::DOCUMENT, document.as_str()), &mut smallest).await?;
            }
            None => {
                while !smallest.is_full() {
                    let page = self.page(from).await?;
                    if page.points.len() < PAGE {
                        page.points.iter().for_each(|record| smallest.take(record));
                        break;
                    }
                    // Without it the listing would end too early, and what it left out would count as missing.
                    let last = page.points.last().and_then(|record| record.order_value);
                    let last = last
                        .ok_or_else(|| self.remote.refused("it does not say by what it ordered; update it to 1.12"))?;
                    let whole =
                        page.points.iter().filter(|record| record.order_value.is_some_and(|order| order < last));
                    whole.for_each(|record| smallest.take(record));
                    if !smallest.is_full() {
                        self.take_all(|| Condition::is(point::ORDER, last), &mut smallest).await?;
                    }
                    from = last + 1;
                }
            }
        }
        Ok(smallest.names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// Points from a number on.
    async fn page(&self, from: i64) -> Result<Page, IndexError> {
        let order_by = OrderBy { key: point::ORDER, direction: "asc", start_from: from };
        self.scroll(&Scroll { filter: None, offset: None, order_by: Some(order_by), ..SCROLL }).await
    }

    /// All points that fit a condition.
    async fn take_all<'a>(
        &self,
        condition: impl Fn() -> Condition<'a>,
        smallest: &mut Smallest,
    ) -> Result<(), IndexError> {
        let mut offset: Option<Uuid> = None;
        loop {
            let filter = Some(Filter { must: vec![condition()], ..Filter::default() });
            let page = self.scroll(&Scroll { filter, offset, ..SCROLL }).await?;
            page.points.iter().for_each(|record| smallest.take(record));
            offset = page.next_page_offset;
            if offset.is_none() {
                return Ok(());
            }
        }
    }

    async fn scroll(&self, scroll: &Scroll<'_>) -> Result<Page, IndexError> {
        self.read(Method::POST, "/points/scroll", Some(scroll)).await
    }
}

const SCROLL: Scroll<'static> =
    Scroll { filter: None, offset: None, order_by: None, limit: PAGE, with_payload: [point::KEY], with_vector: false };

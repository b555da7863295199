//! Names in order after a name: Pinecone goes on from a token, not from a name.
//!
//! Somebody who lists all names in pages would begin anew with each page. So where each of the last listings of all ended
//! is kept, with its token, and its next page goes on there. Anybody else begins at the first name and passes over those
//! before theirs. Of a document nothing is kept: its names come in a page or two, and a listing of all that is under way
//! would lose its place to the many documents that are repaired meanwhile.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::{PineconeData, PineconeError};
use crate::ChunkKey;

/// Listings of all names that are remembered: comparisons that run at the same time.
const REMEMBERED: usize = 4;

/// Where a listing goes on.
#[derive(Debug, Clone, Default)]
struct Cursor {
    prefix: String,
    /// The last name that was handed out.
    after: Option<String>,
    /// Names that came after it on its page.
    rest: VecDeque<String>,
    next: Next,
}

/// Which page comes.
#[derive(Debug, Clone, Default)]
enum Next {
    #[default]
    First,
    Page(String),
    None,
}

/// Lists names, and remembers where the last listings of all of them ended.
#[derive(Debug, Default)]
pub(super) struct Listing {
    last: Mutex<VecDeque<Cursor>>,
}

impl Listing {
    /// Our names that begin with a prefix and come after a name; others are passed over.
    pub(super) async fn list(
        &self,
        data: &PineconeData,
        prefix: &str,
        after: Option<&ChunkKey>,
        limit: usize,
    ) -> Result<Vec<ChunkKey>, PineconeError> {
        let after = after.map(ToString::to_string);
        let known = {
            let mut last = self.last.lock();
            let place = last.iter().position(|cursor| prefix.is_empty() && after.is_some() && cursor.after == after);
            place.and_then(|place| last.remove(place))
        };
        let anew = || Cursor { prefix: prefix.to_owned(), after: after.clone(), ..Cursor::default() };
        let (keys, cursor) = match known {
            Some(cursor) => match advance(data, cursor, limit).await {
                // Tokens may grow old.
                Err(PineconeError::Refused { .. } | PineconeError::NotFound { .. }) => {
                    advance(data, anew(), limit).await?
                }
                advanced => advanced?,
            },
            None => advance(data, anew(), limit).await?,
        };
        if prefix.is_empty() && cursor.after.is_some() {
            let mut last = self.last.lock();
            // What an earlier listing knew of the same place is old.
            last.retain(|other| other.after != cursor.after);
            last.push_back(cursor);
            while last.len() > REMEMBERED {
                last.pop_front();
            }
        }
        Ok(keys)
    }
}

/// The next names of a listing, and where it then goes on.
async fn advance(
    data: &PineconeData,
    mut cursor: Cursor,
    limit: usize,
) -> Result<(Vec<ChunkKey>, Cursor), PineconeError> {
    let mut keys = Vec::new();
    while keys.len() < limit {
        if let Some(name) = cursor.rest.pop_front() {
            if cursor.after.as_ref().is_some_and(|after| name <= *after) {
                continue;
            }
            match name.parse::<ChunkKey>() {
                Ok(key) => {
                    keys.push(key);
                    cursor.after = Some(name);
                }
                Err(error) => tracing::debug!(vector.id = %name, %error, "A vector in the index is not ours."),
            }
            continue;
        }
        let token = match &cursor.next {
            Next::None => break,
            Next::First => None,
            Next::Page(token) => Some(token.as_str()),
        };
        let page = data.list(&cursor.prefix, token).await?;
        cursor.rest = page.ids.into();
        cursor.next = page.next.map_or(Next::None, Next::Page);
    }
    Ok((keys, cursor))
}

//! Chats as they were last sent: the same bytes again as long as the chat's revision is the same.
//!
//! Who may read is asked of the database every time, in the very query that reads the revision; only what the answer
//! looks like is remembered. Every change of a chat, of its messages, or of a document they cite raises the revision.

use std::{
    io::Write as _,
    sync::{Arc, OnceLock},
};

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderMap, HeaderValue, Response, StatusCode,
        header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
    },
};
use cjhirashi_domain::id::ChatId;
use flate2::{Compression, write::GzEncoder};
use quick_cache::{Weighter, sync::Cache};

use super::site::{accepts, is_known};

/// Bytes kept, all chats together.
const CAPACITY: u64 = 32 << 20;
/// Shorter answers are not worth compressing.
const WORTH_COMPRESSING: usize = 860;

/// A chat's answer.
pub(crate) struct CachedChat {
    revision: i64,
    json: Bytes,
    gzip: OnceLock<Bytes>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<ChatId, Arc<CachedChat>> for ByBytes {
    fn weight(&self, _: &ChatId, chat: &Arc<CachedChat>) -> u64 {
        // Compressed Markdown takes about a third more; the rest is the entry itself.
        (chat.json.len() + chat.json.len() / 3 + 256) as u64
    }
}

/// Answers by chat. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ChatCache(Arc<Cache<ChatId, Arc<CachedChat>, ByBytes>>);

impl ChatCache {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Cache::with_weighter(1_000, CAPACITY, ByBytes)))
    }

    /// The answer for this revision, if it is known.
    pub(crate) fn get(&self, chat: &ChatId, revision: i64) -> Option<Arc<CachedChat>> {
        self.0.get(chat).filter(|cached| cached.revision == revision)
    }

    /// Remembers an answer in the place of the chat's older ones.
    pub(crate) fn put(&self, chat: &ChatId, revision: i64, json: Vec<u8>) -> Arc<CachedChat> {
        let cached = Arc::new(CachedChat { revision, json: json.into(), gzip: OnceLock::new() });
        self.0.insert(chat.clone(), cached.clone());
        cached
    }
}

impl CachedChat {
    /// The answer to one request: compressed when it is asked for, empty when the reader has it.
    pub(crate) fn respond(&self, headers: &HeaderMap) -> Response<Body> {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        let compress = self.json.len() >= WORTH_COMPRESSING && accepts(text(ACCEPT_ENCODING), "gzip");
        let etag = format!("\"{}{}\"", self.revision, if compress { "-gzip" } else { "" });
        let mut response = Response::new(Body::empty());
        let out = response.headers_mut();
        out.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        out.insert(VARY, HeaderValue::from_static("accept-encoding, authorization"));
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            out.insert(ETAG, etag);
        }
        if is_known(text(IF_NONE_MATCH), &etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        out.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = if compress {
            out.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            self.gzip.get_or_init(|| gzip(&self.json))
        } else {
            &self.json
        };
        *response.body_mut() = Body::from(body.clone());
        response
    }
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::new(5));
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(text: &str) -> ChatId {
        ChatId::parse(text).unwrap()
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn an_answer_counts_for_its_revision_alone() {
        let cache = ChatCache::new();
        cache.put(&chat("a"), 3, b"{}".to_vec());
        assert!(cache.get(&chat("a"), 3).is_some());
        assert!(cache.get(&chat("a"), 4).is_none());
        assert!(cache.get(&chat("b"), 3).is_none());
    }

    #[test]
    fn all_answers_together_stay_within_the_capacity() {
        let cache = ChatCache::new();
        for n in 0..200 {
            cache.put(&chat(&n.to_string()), 1, vec![b'x'; 1 << 20]);
        }
        assert!(cache.0.weight() <= CAPACITY);
    }

    #[test]
    fn a_reader_that_has_the_answer_gets_no_second_copy() {
        let cached = ChatCache::new().put(&chat("a"), 3, vec![b' '; 2_000]);
        let first = cached.respond(&headers("accept-encoding", "gzip, br"));
        assert_eq!(first.headers()[CONTENT_ENCODING], "gzip");
        let mut again = headers("if-none-match", first.headers()[ETAG].to_str().unwrap());
        again.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(cached.respond(&again).status(), StatusCode::NOT_MODIFIED);
        assert!(!cached.respond(&HeaderMap::new()).headers().contains_key(CONTENT_ENCODING));
    }
}

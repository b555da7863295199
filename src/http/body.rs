//! Reading requests: bounded, and with errors in our shape.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{
        HeaderMap,
        header::{CONTENT_LENGTH, EXPECT},
        request::Parts,
    },
};
use cjhirashi_domain::{
    ErrorCode,
    id::{ArtifactId, ChatId, DocumentId, GenerationId, ImageId, MessageId},
};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::{ApiError, ApiResult};

/// The most bytes of an ordinary JSON body.
pub(crate) const JSON_BYTES: usize = 1 << 20;
/// The same of a conversation, which may hold images.
pub(crate) const CONVERSATION_BYTES: usize = 16 << 20;
/// Whoever sends nothing for so long, in the middle of a body, has gone.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes read and thrown away of a request that is refused for its size.
const DRAIN_BYTES: u64 = 1 << 30;
/// The longest that takes.
const DRAIN_TIME: Duration = Duration::from_secs(30);

/// So many bodies that are larger than ordinary ones are read into memory at once.
static LARGE: Semaphore = Semaphore::const_new(16);

/// A place among the large bodies, taken once a body is one of them.
#[derive(Debug, Default)]
pub(crate) struct Room(Option<SemaphorePermit<'static>>);

impl Room {
    /// Waits until so many bytes may be held.
    pub(crate) async fn hold(&mut self, bytes: usize) -> ApiResult<()> {
        if self.0.is_none() && bytes > JSON_BYTES {
            let place = tokio::time::timeout(PATIENCE, LARGE.acquire()).await;
            self.0 = Some(place.ok().and_then(Result::ok).ok_or(ApiError::new(ErrorCode::TooMany))?);
        }
        Ok(())
    }
}

/// What the sender says the body measures.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body of at most `limit` bytes.
///
/// A larger one is read to its end and thrown away, within bounds: a sender that is cut off while it sends sees a broken
/// connection and never reads why. One that asks first (`Expect: 100-continue`) is told at once.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> ApiResult<Bytes> {
    let announced = content_length(headers);
    let mut stream = body.into_data_stream();
    if announced.is_some_and(|length| length > limit as u64) {
        if !headers.contains_key(EXPECT) {
            drain(&mut stream).await;
        }
        return Err(ApiError::new(ErrorCode::BodyTooLarge));
    }
    let mut bytes =
        Vec::with_capacity(announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(0).min(limit));
    let broken = || ApiError::invalid("the body broke off");
    let mut room = Room::default();
    while let Some(piece) = tokio::time::timeout(PATIENCE, stream.next()).await.map_err(|_| broken())? {
        let piece = piece.map_err(|_| broken())?;
        if bytes.len() + piece.len() > limit {
            drain(&mut stream).await;
            return Err(ApiError::new(ErrorCode::BodyTooLarge));
        }
        room.hold(bytes.len() + piece.len()).await?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.into())
}

/// Reads what is left of a body and throws it away, within bounds.
async fn drain(stream: &mut axum::body::BodyDataStream) {
    let all = async {
        let mut read = 0;
        while let Some(Ok(piece)) = stream.next().await {
            read += piece.len() as u64;
            if read > DRAIN_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIME, all).await;
}

/// Reads JSON, whatever the sender calls it; an empty body is an empty object.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    // The reader takes the values of a list for the fields in their order, which nobody means.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(ApiError::invalid("the body is a list; an object was expected"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let invalid = ApiError::invalid(error.into_inner().to_string());
        // A dot stands for the whole.
        if path == "." { invalid } else { invalid.about(path) }
    })?;
    reader.end().map_err(|error| ApiError::invalid(error.to_string()))?;
    Ok(read)
}

/// A JSON body of at most so many bytes.
#[derive(Debug)]
pub(crate) struct ApiJson<T, const BYTES: usize = JSON_BYTES>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync, const BYTES: usize> FromRequest<S> for ApiJson<T, BYTES> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        let (parts, body) = request.into_parts();
        parse_json(&read(&parts.headers, body, BYTES).await?).map(Self)
    }
}

/// The part of an address after `?`.
#[derive(Debug)]
pub(crate) struct ApiQuery<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|error| ApiError::invalid(error.body_text()))
    }
}

/// An id in an address. What is no id at all is not found either.
#[derive(Debug)]
pub(crate) struct ApiId<T>(pub(crate) T);

/// Ids that stand in addresses.
pub(crate) trait PublicId: Sized {
    /// What is answered when there is none.
    const NOT_FOUND: ErrorCode;
    fn read(text: String) -> Option<Self>;
}

macro_rules! public_ids {
    ($($id:ty => $code:ident),+ $(,)?) => {$(
        impl PublicId for $id {
            const NOT_FOUND: ErrorCode = ErrorCode::$code;
            fn read(text: String) -> Option<Self> {
                Self::parse(text).ok()
            }
        }
    )+};
}

public_ids! {
    ChatId => ChatNotFound,
    DocumentId => DocumentNotFound,
    GenerationId => GenerationNotFound,
    ImageId => ImageNotFound,
    MessageId => ChatNotFound,
    ArtifactId => ArtifactNotFound,
}

impl<T: PublicId, S: Send + Sync> FromRequestParts<S> for ApiId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.ok().and_then(|Path(text)| T::read(text)).map(Self).ok_or(ApiError::new(T::NOT_FOUND))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Title {
        title: Option<String>,
    }

    #[test]
    fn an_empty_body_is_an_empty_object_and_broken_json_says_where() {
        assert_eq!(parse_json::<Title>(b" \n").unwrap(), Title { title: None });
        for bad in [&b"{\"title\": 3}"[..], b"{", b"[]", b"\xff\xfe"] {
            let error = parse_json::<Title>(bad).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest);
            assert!(error.detail.is_some());
        }
        assert_eq!(parse_json::<Title>(b"{\"title\": 3}").unwrap_err().param.as_deref(), Some("title"));
        assert!(parse_json::<Title>(b"{} {}").is_err());
    }

    #[tokio::test]
    async fn large_bodies_wait_until_others_are_read() {
        let all = LARGE.acquire_many(16).await.unwrap();
        let none = HeaderMap::new();
        assert!(
            read(&none, Body::from(vec![0; JSON_BYTES]), usize::MAX).await.is_ok(),
            "an ordinary one does not wait"
        );
        let large = read(&none, Body::from(vec![0; JSON_BYTES + 1]), usize::MAX);
        let mut large = std::pin::pin!(large);
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut large).await.is_err());
        drop(all);
        assert!(large.await.is_ok());
    }

    #[tokio::test]
    async fn a_body_at_the_limit_is_read_and_one_byte_more_is_refused() {
        let none = HeaderMap::new();
        assert_eq!(read(&none, Body::from(vec![0; 10]), 10).await.unwrap().len(), 10);
        let error = read(&none, Body::from(vec![0; 11]), 10).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BodyTooLarge);
        let mut announced = HeaderMap::new();
        announced.insert(CONTENT_LENGTH, 11.into());
        let error = read(&announced, Body::from(vec![0; 11]), 10).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BodyTooLarge);
    }
}

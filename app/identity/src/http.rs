//! Calls to providers: bounded answers, no redirects.

use std::pin::Pin;

use cjhirashi_outbound::{BodyError, Clients, innermost, read_body, shorten};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::IdentityError;

/// The most bytes of an answer.
const ANSWER_BYTES: usize = 1 << 20;

/// A call that brought no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HttpError(String);

pub(crate) struct Http(Clients);

impl Http {
    pub(crate) fn new(clients: Clients) -> Self {
        Self(clients)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let failed = |error: reqwest::Error| HttpError(innermost(&error));
        let (parts, body) = request.into_parts();
        let client = self.0.for_url(&parts.uri.to_string());
        let sent = client.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body).send();
        let answer = sent.await.map_err(failed)?;
        let mut response = HttpResponse::new(Vec::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        *response.body_mut() = body_of(answer).await?;
        Ok(response)
    }

    /// JSON from an address.
    pub(crate) async fn json<T: DeserializeOwned>(&self, url: &str) -> Result<T, IdentityError> {
        answer_of(url, self.0.for_url(url).get(url)).await
    }

    /// JSON from an address, asked for in the name of an access token's owner.
    pub(crate) async fn json_as<T: DeserializeOwned>(&self, url: &str, access: &str) -> Result<T, IdentityError> {
        answer_of(url, self.0.for_url(url).get(url).bearer_auth(access)).await
    }
}

/// A call as `oauth2` makes it.
impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

async fn answer_of<T: DeserializeOwned>(url: &str, request: RequestBuilder) -> Result<T, IdentityError> {
    let unavailable = |words: String| IdentityError::Unavailable(format!("{url}: {words}"));
    let sent = request.header("accept", "application/json").send().await;
    let answer = sent.map_err(|error| unavailable(innermost(&error)))?;
    match answer.status() {
        status if status.is_success() => {}
        // The token is not good, or not for this.
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            return Err(IdentityError::Refused(format!("{url}: {status}")));
        }
        status => return Err(unavailable(status.to_string())),
    }
    let body = body_of(answer).await.map_err(|error| unavailable(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| unavailable(shorten(&format!("no answer of this kind: {error}"))))
}

async fn body_of(answer: Response) -> Result<Vec<u8>, HttpError> {
    read_body(answer, ANSWER_BYTES).await.map_err(|error| match error {
        BodyError::Broken(error) => HttpError(innermost(&error)),
        BodyError::TooLong => HttpError("its answer is too long".to_owned()),
    })
}

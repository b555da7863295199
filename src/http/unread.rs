//! What a refused request has not been read of.
//!
//! A request that is refused early (no such address, no key, too many) leaves its body unread, and a connection with an
//! unread body is closed after the answer. A client that keeps its connections learns that too late: its next request
//! on it fails. So a small rest is read before the answer goes out.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{Method, header::EXPECT},
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;

/// A larger rest is not worth its reading: then the connection is closed.
const MOST: u64 = 256 * 1024;
/// Nor is one that does not come.
const PATIENCE: Duration = Duration::from_millis(500);

/// Reads what the handlers left of a request's body.
pub(crate) async fn read(request: Request, next: Next) -> Response {
    // Who asked first whether to send it at all need not.
    let asks = request.headers().contains_key(EXPECT);
    if asks || matches!(*request.method(), Method::GET | Method::HEAD) || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (back, mut left) = oneshot::channel();
    let response = next.run(request.map(|body| Body::new(Lent { body: Some(body), back: Some(back) }))).await;
    // Whoever reads it while answering has it still.
    if let Ok(body) = left.try_recv()
        && body.size_hint().lower() <= MOST
    {
        let _ = tokio::time::timeout(PATIENCE, drain(body)).await;
    }
    response
}

async fn drain(mut body: Body) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, |data| data.len() as u64);
        if read > MOST {
            return;
        }
    }
}

/// A body that comes back when whoever had it is done before its end.
struct Lent {
    body: Option<Body>,
    back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            let _ = back.send(body);
        }
    }
}

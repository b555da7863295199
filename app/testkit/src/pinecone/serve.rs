//! HTTP by hand as far as needed to reset a connection in the middle.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, Response},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::{net::TcpListener, task::JoinSet};

/// What becomes of a request.
pub(super) enum Outcome {
    /// An answer.
    Answer(Response<Body>),
    /// None: the connection is reset.
    Reset,
}

/// Ends the service of a connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset")]
struct Reset;

/// Serves until dropped; connections end with it.
pub(super) async fn serve<H, F>(listener: TcpListener, handle: H) -> Infallible
where
    H: Fn(Request<Body>) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let handle = Arc::new(handle);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let handle = Arc::clone(&handle);
        connections.spawn(async move {
            // A second handle of the socket, for what HTTP cannot ask of it.
            let Ok(socket) = SockRef::from(&stream).try_clone() else { return };
            let socket = Arc::new(socket);
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let (handle, socket) = (Arc::clone(&handle), Arc::clone(&socket));
                async move {
                    match handle(request.map(Body::new)).await {
                        Outcome::Answer(response) => Ok(response),
                        Outcome::Reset => {
                            // Closed without lingering, a connection is reset instead of ended.
                            let _ = socket.set_linger(Some(Duration::ZERO));
                            Err(Reset)
                        }
                    }
                }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

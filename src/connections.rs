//! Connections: accepted while there is room for them, closed when nobody speaks.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// How long a connection may be without a request, or take to send the head of one: longer than browsers and proxies keep
/// theirs, so that none of them meets one that is just being closed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(75);
/// Files that are open for other things than connections: the database, the index, uploads, programs that read documents.
const OTHER_FILES: u64 = 256;
/// The most connections, however many files may be open.
const MOST: u64 = 20_000;
/// What a system without a limit is asked for.
const FILES: u64 = 65_536;
/// A pause after the system refused to open one more.
const PAUSE: Duration = Duration::from_secs(1);

/// Raises the limit of open files as far as the system lets us; how many connections fit below it.
pub(crate) fn room() -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let files = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < hard.min(FILES) => {
            let wanted = hard.min(FILES);
            if setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() { wanted } else { soft }
        }
        Ok((soft, _)) => soft,
        Err(_) => 1_024,
    };
    let connections = files.saturating_sub(OTHER_FILES).clamp(64, MOST);
    usize::try_from(connections).unwrap_or(64)
}

/// Serves until `stop`; ends when every request of then has been answered. More connections than there is room for wait
/// until others end.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    room: usize,
    patience: Duration,
    stop: CancellationToken,
) -> io::Result<()> {
    let connections = TaskTracker::new();
    let room = Arc::new(Semaphore::new(room));
    while let Some(place) = stop.run_until_cancelled(Arc::clone(&room).acquire_owned()).await {
        let place = place.map_err(io::Error::other)?;
        let (stream, from) = match stop.run_until_cancelled(listener.accept()).await {
            None => break,
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => {
                // Of one connection alone, or of files: others will end.
                if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                    tracing::error!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
                continue;
            }
        };
        let (app, stop) = (app.clone(), stop.clone());
        connections.spawn(async move {
            converse(stream, from, app, patience, stop).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// The requests of one connection, one after the other.
async fn converse(stream: TcpStream, from: SocketAddr, app: Router, patience: Duration, stop: CancellationToken) {
    // An event stream is a row of small writes: none may wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let app = app.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(from));
            Ok::<_, Infallible>(app.oneshot(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        time::timeout,
    };

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    struct Server {
        address: SocketAddr,
        stop: CancellationToken,
        serving: tokio::task::JoinHandle<io::Result<()>>,
    }

    async fn server(room: usize, patience: Duration) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "slow"
        };
        let whence = |ConnectInfo(from): ConnectInfo<SocketAddr>| async move { from.ip().to_string() };
        let app = Router::new().route("/", get(whence)).route("/slow", get(slow));
        let serving = tokio::spawn(serve(listener, app, room, patience, stop.clone()));
        Server { address, stop, serving }
    }

    async fn said(stream: &mut TcpStream, sent: &str) -> String {
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut heard = [0; 1_000];
        let length = timeout(SOON, stream.read(&mut heard)).await.unwrap().unwrap_or(0);
        String::from_utf8_lossy(&heard[..length]).into_owned()
    }

    #[tokio::test]
    async fn who_sends_half_a_request_or_none_is_left() {
        let server = server(10, Duration::from_millis(200)).await;
        for half in ["", "GET / HTTP/1.1\r\nhost: a"] {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            assert!(!said(&mut stream, half).await.contains("200 OK"), "{half}");
        }
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let answer = said(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("127.0.0.1"), "{answer}");
        assert_eq!(said(&mut stream, "").await, "", "idle, it is closed");
    }

    #[tokio::test]
    async fn more_connections_than_there_is_room_for_wait_their_turn() {
        let server = server(1, SOON).await;
        let mut one = TcpStream::connect(server.address).await.unwrap();
        assert!(said(&mut one, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.contains("200 OK"));
        let mut two = TcpStream::connect(server.address).await.unwrap();
        two.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut heard = [0; 1_000];
        assert!(timeout(Duration::from_millis(200), two.read(&mut heard)).await.is_err(), "there is no room yet");
        drop(one);
        assert!(timeout(SOON, two.read(&mut heard)).await.unwrap().unwrap() > 0);
    }

    #[tokio::test]
    async fn a_request_of_before_the_stop_is_answered_and_no_connection_is_taken_after_it() {
        let server = server(10, SOON).await;
        let mut idle = TcpStream::connect(server.address).await.unwrap();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.stop.cancel();
        assert!(said(&mut stream, "").await.ends_with("slow"));
        assert_eq!(said(&mut idle, "").await, "");
        timeout(SOON, server.serving).await.unwrap().unwrap().unwrap();
        assert!(TcpStream::connect(server.address).await.is_err());
    }

    #[test]
    fn there_is_room_for_many_connections() {
        assert!(room() >= 64);
    }
}

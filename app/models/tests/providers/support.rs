//! A provider on loopback that answers what a test tells it to, and keeps what it was asked.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, Response, StatusCode},
};
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use serde_json::Value;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    pieces: Vec<Vec<u8>>,
    ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ending {
    Orderly,
    /// The connection breaks.
    Broken,
    /// Nothing more comes, and the connection stays.
    Silent,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            pieces: vec![body.to_string().into_bytes()],
            ending: Ending::Orderly,
        }
    }

    /// An event stream with these events' data.
    pub(crate) fn events(data: &[&str]) -> Self {
        Self::pieces(data.iter().map(|data| format!("data: {data}\n\n").into_bytes()).collect())
    }

    /// An event stream of these bytes, each in a packet of its own.
    pub(crate) fn pieces(pieces: Vec<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "text/event-stream".to_owned())],
            pieces,
            ending: Ending::Orderly,
        }
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn broken(mut self) -> Self {
        self.ending = Ending::Broken;
        self
    }

    pub(crate) fn silent(mut self) -> Self {
        self.ending = Ending::Silent;
        self
    }
}

/// Knows when the body of an answer was dropped, which is when the client went away.
struct Dropped(Arc<Mutex<bool>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        *self.0.lock() = true;
    }
}

pub(crate) struct Provider {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    gone: Arc<Mutex<bool>>,
}

impl Provider {
    /// Answers in this order; the last answer is repeated.
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        Self::start_with(move |_| {
            let mut answers = answers.lock();
            let first = answers.pop_front().expect("an answer");
            if answers.is_empty() {
                answers.push_back(first.clone());
            }
            first
        })
        .await
    }

    /// Answers by what is asked.
    pub(crate) async fn start_with(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let (asked, gone) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(false)));
        let (keep, signal, answer) = (Arc::clone(&asked), Arc::clone(&gone), Arc::new(answer));
        let app = Router::new().fallback(move |request: Request| {
            let (keep, signal, answer) = (Arc::clone(&keep), Arc::clone(&signal), Arc::clone(&answer));
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, 1 << 26).await.expect("a body");
                let this = Asked {
                    path: head.uri.to_string(),
                    headers: head.headers,
                    body: serde_json::from_slice(&body).unwrap_or(Value::Null),
                };
                keep.lock().push(this.clone());
                respond(answer(&this), signal)
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url: format!("http://{address}"), asked, gone }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// Waits until the client has gone away from an answer.
    pub(crate) async fn client_gone(&self) -> bool {
        for _ in 0..200 {
            if *self.gone.lock() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

fn respond(answer: Answer, gone: Arc<Mutex<bool>>) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status).expect("a status"));
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let guard = Dropped(gone);
    let pieces = stream::iter(answer.pieces).then(|piece| async move {
        // Long enough that each piece travels alone.
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok::<_, std::io::Error>(Bytes::from(piece))
    });
    let ending = stream::once(async move {
        match answer.ending {
            Ending::Orderly => Ok(Bytes::new()),
            Ending::Broken => {
                // What was sent before must have left, or it is lost with the connection.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("broken on purpose"))
            }
            Ending::Silent => {
                tokio::time::sleep(Duration::from_secs(600)).await;
                Ok(Bytes::new())
            }
        }
    });
    let body = pieces.chain(ending).inspect(move |_| {
        let _ = &guard;
    });
    response.body(Body::from_stream(body)).expect("a response")
}

//! Requests that no browser and no honest program sends: heads, cookies, keys and bodies made to break things, thousands of
//! them, over a raw connection. Whatever they hold, they get an answer below 500, and nothing panics.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use cjhirashi_testkit::Script;
use proptest::{
    collection::vec,
    prelude::*,
    strategy::Union,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;

use crate::{
    client::{MULTIPART, PATIENCE, Product, form},
    walk::{Sent, table},
};

/// Requests in one run.
const CASES: u32 = 2_000;

/// Bytes that a header may hold, and words that mean something in one.
fn header_value() -> impl Strategy<Value = Vec<u8>> {
    let any = vec(prop_oneof![Just(9u8), 32..=126u8, 128..=255u8], 0..200);
    // What no header may hold.
    let broken = vec(prop_oneof![1..=9u8, 11..=12u8, 14..=255u8], 0..200);
    let words = prop_oneof![
        "Bearer [ -~]{0,80}",
        "bearer\t[ -~]{0,20}",
        "Basic [A-Za-z0-9+/=]{0,60}",
        "[0-9]{1,40}",
        "-[0-9]{1,20}",
        "multipart/form-data; boundary=[ -~]{0,90}",
        "bytes=[0-9]{0,25}-[0-9]{0,25}(,[0-9]{0,9}-)?",
        "https?://[ -~]{0,60}",
        "[a-z]{2}(-[A-Z]{2})?(;q=[0-9.]{0,9})?(,.{0,9}){0,5}",
        ".{0,60}",
    ];
    let words = words.prop_map(|text| text.replace(|it: char| it.is_control() && it != '\t', " ").into_bytes());
    prop_oneof![10 => any, 20 => words, 1 => broken]
}

fn header_name() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "authorization",
        "cookie",
        "origin",
        "sec-fetch-site",
        "content-type",
        "content-encoding",
        "accept",
        "accept-language",
        "accept-encoding",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "forwarded",
        "if-none-match",
        "if-modified-since",
        "if-match",
        "range",
        "last-event-id",
        "referer",
        "user-agent",
        "te",
        "expect",
        "x-request-id",
    ];
    prop_oneof![4 => proptest::sample::select(KNOWN).prop_map(str::to_owned), 1 => "[a-z][a-z0-9-]{0,20}"]
}

/// A cookie header around the owner's own: cut, lengthened, doubled, changed in a byte, or something else altogether.
fn cookies(own: &str) -> BoxedStrategy<Vec<u8>> {
    let name = own.split('=').next().unwrap_or_default().to_owned();
    let own = own.as_bytes().to_vec();
    let mutated = {
        let own = own.clone();
        (0..own.len(), any::<u8>(), 0..4u8).prop_map(move |(at, byte, how)| {
            let byte = if byte.is_ascii_control() { b'x' } else { byte };
            let mut cookie = own.clone();
            match how {
                0 => cookie.truncate(at),
                1 => cookie[at] = byte,
                2 => cookie.insert(at, byte),
                _ => cookie.extend_from_slice(&[b"; ", own.as_slice()].concat()),
            }
            cookie
        })
    };
    let other = header_value().prop_map(move |value| [name.as_bytes(), b"=", &value].concat());
    prop_oneof![2 => Just(own), 2 => mutated, 2 => other, 1 => header_value()].boxed()
}

/// Any JSON, down to a depth that no parser follows.
fn any_json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![".{0,40}", "[\u{0}-\u{20}\u{7f}-\u{a0}\u{200e}\u{202e}\u{feff}\u{10ffff}]{0,9}", "a{5000}"]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_$]{0,9}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
    .boxed()
}

/// JSON so deep that whoever follows it falls.
fn deep() -> impl Strategy<Value = Vec<u8>> {
    (1..60_000usize, proptest::sample::select(&["[", "{\"a\":", "[[{\"messages\":"][..]))
        .prop_map(|(depth, piece)| piece.repeat(depth).into_bytes())
}

/// A form of several parts with everything that may be wrong with one.
fn multipart_body() -> impl Strategy<Value = Vec<u8>> {
    let boundary = MULTIPART.split("boundary=").nth(1).unwrap_or_default().to_owned();
    let part = (
        prop_oneof![
            "Content-Disposition: form-data; name=\"(file|files|title|tags|metadata|visibility)\"",
            "Content-Disposition: form-data; name=\"file\"; filename=\"[ -~]{0,80}\"",
            "Content-Disposition: form-data; name=\"file\"; filename=\"(\\.\\./){0,9}[a-z]{0,9}\\.(txt|pdf|docx|html)\"",
            "[ -~]{0,200}",
            "Content-Disposition: form-data; name=\"[^\"]{0,50}\"",
        ],
        prop_oneof![Just(String::new()), "\r\nContent-Type: [ -~]{0,60}"],
        prop_oneof![vec(any::<u8>(), 0..400), Just(b"%PDF-1.7 <<".to_vec()), Just(b"PK\x03\x04".to_vec())],
    );
    (vec(part, 0..5), 0..3u8).prop_map(move |(parts, end)| {
        let mut body = Vec::new();
        for (head, kind, content) in parts {
            body.extend_from_slice(format!("--{boundary}\r\n{head}{kind}\r\n\r\n").as_bytes());
            body.extend_from_slice(&content);
            body.extend_from_slice(b"\r\n");
        }
        match end {
            0 => body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes()),
            1 => body.extend_from_slice(format!("--{boundary}").as_bytes()),
            _ => {}
        }
        body
    })
}

/// One value of a known body in place of which there is something else.
fn spoilt(value: &Value) -> BoxedStrategy<Value> {
    let Value::Object(fields) = value else { return any_json() };
    if fields.is_empty() {
        return any_json();
    }
    let (names, known) = (fields.keys().cloned().collect::<Vec<_>>(), fields.clone());
    (proptest::sample::select(names), any_json(), any::<bool>())
        .prop_map(move |(name, other, gone)| {
            let mut fields = known.clone();
            if gone {
                fields.remove(&name);
            } else {
                fields.insert(name, other);
            }
            Value::Object(fields)
        })
        .boxed()
}

fn spoilt_form(fields: &[(&'static str, &'static str)]) -> BoxedStrategy<Vec<u8>> {
    let known: Vec<(&str, &str)> = fields.to_vec();
    (0..known.len().max(1), prop_oneof![".{0,80}", "[\u{0}-\u{1f}]{0,9}", "a{9000}", "-?[0-9]{0,30}"], "[ -~]{0,40}")
        .prop_map(move |(at, value, rest)| {
            let mut fields = known.clone();
            if let Some(field) = fields.get_mut(at) {
                field.1 = &value;
            }
            format!("{}&{rest}", form(&fields)).into_bytes()
        })
        .boxed()
}

/// A body for what is sent along in honesty: its content type and its bytes.
fn body(sent: &Sent) -> BoxedStrategy<(&'static str, Vec<u8>)> {
    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    let nonsense = prop_oneof![vec(any::<u8>(), 0..300), deep(), any_json().prop_map(|value| value.to_string().into())];
    let nonsense = (proptest::sample::select(&[JSON, FORM, MULTIPART, "text/plain"][..]), nonsense);
    match sent {
        Sent::Nothing => prop_oneof![Just(("", Vec::new())), nonsense].boxed(),
        Sent::File => prop_oneof![3 => multipart_body().prop_map(|body| (MULTIPART, body)), 1 => nonsense].boxed(),
        Sent::Form(fields) => {
            prop_oneof![3 => spoilt_form(fields).prop_map(|body| (FORM, body)), 1 => nonsense].boxed()
        }
        Sent::Json(value) => {
            prop_oneof![3 => spoilt(value).prop_map(|value| (JSON, value.to_string().into())), 1 => nonsense].boxed()
        }
    }
}

/// An address with its parameters spoilt: other ids, dots, escapes, questions.
fn path(known: &'static str) -> impl Strategy<Value = String> {
    let id = prop_oneof![
        "[a-z0-9]{25}",
        "[!$&-.0-;=@-Z_a-z~]{0,60}",
        "(%[0-9a-f]{2}){1,9}",
        "(\\.\\./){1,4}",
        "%00",
        "[0-9]{1,25}"
    ];
    let query = prop_oneof![
        Just(String::new()),
        "[ -~]{0,120}",
        "(page|chat|tab|part|q|lang|token|return|limit|offset|cursor)=[ -~]{0,50}"
    ];
    (id, query).prop_map(move |(id, query)| {
        let mut path = String::new();
        for part in known.split('/').skip(1) {
            path.push('/');
            path.push_str(if part.starts_with('{') { &id } else { part });
        }
        let path = if query.is_empty() { path } else { format!("{path}?{query}") };
        // A space would end the address, and what follows it be no request.
        path.replace([' ', '#'], "+")
    })
}

/// A whole request, as bytes.
#[derive(Clone)]
struct Request(Vec<u8>);

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.0.get(..self.0.len().min(3_000)).unwrap_or_default();
        f.write_str(&String::from_utf8_lossy(shown))
    }
}

/// Sends a request and reads as much of the answer as tells how it ended.
fn status(address: &str, request: &Request) -> Result<u16, String> {
    let mut stream = TcpStream::connect(address).map_err(|error| format!("no connection: {error}"))?;
    let limit = Some(PATIENCE);
    stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit)).map_err(|error| error.to_string())?;
    // A server may answer, and close, before it has read all.
    let _ = stream.write_all(&request.0);
    let (mut head, mut byte) = (Vec::new(), [0; 1]);
    while !head.ends_with(b"\r\n") && head.len() < 200 {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) => break,
            Err(error) => return Err(format!("no answer: {error}")),
        }
    }
    let line = String::from_utf8_lossy(&head).into_owned();
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(format!("not an answer: {line:?}"))
}

/// Requests at `known` by whoever has these cookies and keys, honest or not.
fn requests(host: &str, cookie: &str, key: &str, known: &'static str, sent: &Sent) -> BoxedStrategy<Request> {
    let (method, known) = known.split_once(' ').unwrap_or(("GET", known));
    let host = host.to_owned();
    let who = Union::new([
        cookies(cookie).prop_map(|cookie| [b"cookie: ".as_slice(), &cookie, b"\r\n"].concat()).boxed(),
        Just(format!("authorization: Bearer {key}\r\n").into_bytes()).boxed(),
    ]);
    (path(known), who, vec((header_name(), header_value()), 0..4), body(sent))
        .prop_map(move |(path, who, headers, (kind, body))| {
            let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n").into_bytes();
            bytes.extend_from_slice(&who);
            for (name, value) in headers {
                bytes.extend_from_slice(format!("{name}: ").as_bytes());
                bytes.extend_from_slice(&value);
                bytes.extend_from_slice(b"\r\n");
            }
            if !kind.is_empty() {
                bytes.extend_from_slice(format!("content-type: {kind}\r\n").as_bytes());
            }
            bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
            bytes.extend_from_slice(&body);
            Request(bytes)
        })
        .boxed()
}

#[tokio::test]
async fn a_refused_request_does_not_break_its_connection_for_the_next() {
    let product = Product::start().await;
    let address = product.app.base_url.trim_start_matches("http://").to_owned();
    let ask = move || -> std::io::Result<Vec<String>> {
        let mut stream = TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut told = Vec::new();
        for path in ["/api/v1/nothing", "/api/v1/chat/completions", "/nothing", "/fn/send_message"] {
            write!(stream, "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 5000\r\n\r\n")?;
            // The body comes when the server could have refused already.
            std::thread::sleep(Duration::from_millis(100));
            stream.write_all(&[b'x'; 5_000])?;
            let (mut answer, mut part) = (Vec::new(), [0; 8_192]);
            let body = loop {
                let read = stream.read(&mut part)?;
                answer.extend_from_slice(&part[..read]);
                let text = String::from_utf8_lossy(&answer).into_owned();
                let length = text
                    .to_lowercase()
                    .split_once("content-length: ")
                    .and_then(|(_, rest)| rest.split_once("\r\n").and_then(|(length, _)| length.parse::<usize>().ok()));
                let head = text.find("\r\n\r\n");
                if let (Some(length), Some(head)) = (length, head)
                    && answer.len() >= head + 4 + length
                {
                    break text;
                }
                if text.to_lowercase().contains("transfer-encoding: chunked") && text.ends_with("0\r\n\r\n") {
                    break text;
                }
                if read == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            };
            told.push(body.lines().next().unwrap_or_default().to_owned());
        }
        Ok(told)
    };
    let told = tokio::task::spawn_blocking(ask).await.expect("no panic").expect("one connection for all");
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.iter().all(|line| line.starts_with("HTTP/1.1 4")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_request_holds_it_gets_an_answer_and_nothing_panics() {
    let product = Product::start().await;
    product.models.set(Script::saying("uno dos tres"));
    let cookie = product.sign_in().await;
    let (address, key) = (product.app.base_url.trim_start_matches("http://").to_owned(), product.app.api_key.clone());
    // Whoever signs out, or is another index, would change what the rest is asked of.
    let spoils = ["POST /sign-out", "POST /fn/build_index", "POST /fn/forget_index", "GET /sign-in/none/callback"];
    let all: Vec<_> = table().into_iter().filter(|(known, _)| !spoils.contains(known)).collect();
    let strategies = all.iter().map(|(known, (_, sent))| requests(&address, &cookie, &key, known, sent));
    let strategy = Union::new(strategies);
    let (result, counts) = tokio::task::block_in_place(|| {
        let counts = std::cell::RefCell::new(BTreeMap::<u16, usize>::new());
        let config = Config { cases: CASES, failure_persistence: None, max_shrink_time: 30_000, ..Config::default() };
        let result = TestRunner::new(config).run(&strategy, |request| {
            let status = status(&address, &request).map_err(TestCaseError::fail)?;
            *counts.borrow_mut().entry(status).or_default() += 1;
            prop_assert!(status < 500, "answered {status}");
            Ok(())
        });
        (result, counts.into_inner())
    });
    let log = product.app.log();
    assert!(result.is_ok(), "{}\n{log}", result.unwrap_err());
    assert!(!log.contains("panicked"), "{log}");
    // They got as far as they were made to: some were understood, and no was said in many ways. Rarer answers than these are
    // not told in every run.
    for wanted in [200, 400, 401, 404] {
        assert!(counts.contains_key(&wanted), "nobody was told {wanted}: {counts:?}");
    }
    let alive = product.app.get("/healthz").send().await.expect("an answer");
    assert_eq!(alive.status(), 200);
}

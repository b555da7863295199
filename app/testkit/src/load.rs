//! A small load generator: keep-alive connections that ask for one address again and again, for a bounded time.
//!
//! It reads answers with as little work as possible, since it shares the machine with the server it measures.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What a run measured.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Answers a second, over all connections.
    pub per_second: f64,
    /// Milliseconds that half of the requests stayed below.
    pub p50_ms: f64,
    /// Milliseconds that 95 of 100 requests stayed below.
    pub p95_ms: f64,
    /// Bytes of one answer's body.
    pub body_bytes: usize,
}

/// Asks `GET path` on `connections` connections for `duration`; any answer but 200 ends it.
///
/// # Errors
/// When a connection fails or an answer is not 200.
pub async fn get(
    address: std::net::SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    connections: usize,
    duration: Duration,
) -> anyhow::Result<Load> {
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let began = Instant::now();
    let tasks: Vec<_> =
        (0..connections).map(|_| tokio::spawn(ask(address, request.clone(), began + duration))).collect();
    let mut times = Vec::new();
    let mut body_bytes = 0;
    for task in tasks {
        let (mine, bytes) = task.await??;
        times.extend(mine);
        body_bytes = bytes;
    }
    let elapsed = began.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: f64| {
        let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(index).map_or(0.0, |time: &Duration| time.as_secs_f64() * 1000.0)
    };
    Ok(Load { per_second: times.len() as f64 / elapsed, p50_ms: at(0.5), p95_ms: at(0.95), body_bytes })
}

async fn ask(address: std::net::SocketAddr, request: String, until: Instant) -> anyhow::Result<(Vec<Duration>, usize)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut times, mut bytes) = (Vec::new(), 0);
    let mut buffer = vec![0u8; 512 * 1024];
    while Instant::now() < until {
        let asked = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        bytes = answer(&mut stream, &mut buffer).await?;
        times.push(asked.elapsed());
    }
    Ok((times, bytes))
}

/// Reads one answer; the length of its body.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<usize> {
    let mut filled = 0;
    let head = loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        filled += read;
        if let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = std::str::from_utf8(&buffer[..head]).context("the head is no text")?.to_ascii_lowercase();
    if !text.starts_with("http/1.1 200") {
        bail!("answered {}", text.lines().next().unwrap_or_default());
    }
    if let Some(length) = text.lines().find_map(|line| line.strip_prefix("content-length:")) {
        let length: usize = length.trim().parse()?;
        let mut left = length.saturating_sub(filled - head);
        while left > 0 {
            let room = left.min(buffer.len());
            let read = stream.read(&mut buffer[..room]).await?;
            if read == 0 {
                bail!("the server closed the connection");
            }
            left -= read;
        }
        return Ok(length);
    }
    // Chunked: the last chunk ends with "0\r\n\r\n", and nothing follows before the next request.
    let mut total = filled - head;
    let mut tail: Vec<u8> = buffer[filled.saturating_sub(5).max(head)..filled].to_vec();
    while !tail.ends_with(b"0\r\n\r\n") {
        let read = stream.read(buffer).await?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        total += read;
        tail.extend_from_slice(&buffer[read.saturating_sub(5)..read]);
        if tail.len() > 5 {
            tail.drain(..tail.len() - 5);
        }
    }
    Ok(total)
}

//! A mail server on loopback: it speaks SMTP (EHLO, AUTH PLAIN and LOGIN, MAIL, RCPT, DATA, RSET, NOOP, QUIT) without TLS,
//! keeps what it is given, and refuses or hangs when a test wants it to.

use std::{io, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// What the server does with a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// Takes it.
    #[default]
    Accept,
    /// Says after the whole mail that it cannot take it now.
    RefuseForNow,
    /// Says to the recipient that there is nobody of that name.
    RefuseForGood,
    /// Lets nobody sign in.
    RefuseLogin,
    /// Takes the connection and says nothing.
    Hang,
}

/// A mail as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// User and password that were given.
    pub login: Option<(String, String)>,
    /// Header and body, lines ended by `\n`.
    pub source: String,
}

impl ReceivedMail {
    /// Every header as name and value, folded lines joined and encoded words read.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        headers(self.source.split_once("\n\n").map_or("", |(head, _)| head))
    }

    /// The values of all headers of a name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<String> {
        let named = self.headers().into_iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value).collect()
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> String {
        self.header("Subject").concat()
    }

    /// The part as plain text.
    #[must_use]
    pub fn text(&self) -> String {
        self.part("text/plain")
    }

    /// The part as HTML.
    #[must_use]
    pub fn html(&self) -> String {
        self.part("text/html")
    }

    fn part(&self, kind: &str) -> String {
        let content_type = self.header("Content-Type").concat();
        let Some(boundary) = content_type.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()) else {
            return String::new();
        };
        let body = self.source.split_once("\n\n").map_or("", |(_, body)| body);
        for part in body.split(&format!("--{boundary}")) {
            let Some((head, body)) = part.trim_start_matches('\n').split_once("\n\n") else { continue };
            let headers = headers(head);
            let value = |name: &str| {
                let found = headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
                found.map_or(String::new(), |(_, value)| value.to_ascii_lowercase())
            };
            if value("Content-Type").starts_with(kind) {
                let bytes = match value("Content-Transfer-Encoding").as_str() {
                    "base64" => STANDARD.decode(body.replace(['\n', ' '], "")).unwrap_or_default(),
                    "quoted-printable" => quoted_printable(&body.replace("=\n", "")),
                    _ => body.as_bytes().to_vec(),
                };
                return String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            }
        }
        String::new()
    }
}

fn headers(head: &str) -> Vec<(String, String)> {
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    let lines = unfolded.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.to_owned(), encoded_words(value.trim()))).collect()
}

/// Reads RFC 2047's encoded words; the space between two of them is none.
fn encoded_words(value: &str) -> String {
    let mut read = String::new();
    let mut rest = value;
    while let Some((before, word)) = rest.split_once("=?") {
        let Some((word, after)) = word.split_once("?=") else { break };
        let mut fields = word.splitn(3, '?').skip(1);
        let bytes = match (fields.next(), fields.next()) {
            (Some("b" | "B"), Some(text)) => STANDARD.decode(text).unwrap_or_default(),
            (Some("q" | "Q"), Some(text)) => quoted_printable(&text.replace('_', " ")),
            _ => Vec::new(),
        };
        if read.is_empty() || !before.trim().is_empty() {
            read.push_str(before);
        }
        read.push_str(&String::from_utf8_lossy(&bytes));
        rest = after;
    }
    read.push_str(rest);
    read
}

fn quoted_printable(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, code)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = code.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.extend(digits);
        rest = if digits.is_some() { &code[2..] } else { code };
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    received: Mutex<Vec<ReceivedMail>>,
    connections: watch::Sender<usize>,
}

/// A running server; it stops, with its connections, when dropped.
pub struct FakeSmtp {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for FakeSmtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeSmtp").field("address", &self.address).finish_non_exhaustive()
    }
}

impl FakeSmtp {
    /// The password that lets somebody in; any user is let in with it.
    pub const PASSWORD: &str = "pa55:w@rd";

    /// Starts on a free port of loopback.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listening for mail")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            behaviour: Mutex::default(),
            received: Mutex::default(),
            connections: watch::Sender::new(0),
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.send_modify(|count| *count += 1);
                let shared = Arc::clone(&serving);
                // Whoever breaks off is no trouble of the server's.
                connections.spawn(async move {
                    let _ = converse(&shared, stream).await;
                });
            }
        });
        Ok(Self { address, shared, task })
    }

    /// `SMTP_URL` with a login.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://mailer:pa55%3Aw%40rd@{}", self.address)
    }

    /// The variables that make the product send mail here.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        vec![
            ("SMTP_URL".to_owned(), self.url()),
            ("MAIL_FROM".to_owned(), "Cjhirashi <no-reply@example.org>".to_owned()),
        ]
    }

    /// From now on the server does this.
    pub fn set(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock() = behaviour;
    }

    /// The mails that were taken, the first one first.
    #[must_use]
    pub fn received(&self) -> Vec<ReceivedMail> {
        self.shared.received.lock().clone()
    }

    /// Connections that were made so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    /// Waits until so many connections were made.
    pub async fn wait_for_connections(&self, count: usize) {
        let mut connections = self.shared.connections.subscribe();
        let _ = connections.wait_for(|made| *made >= count).await;
    }
}

impl Drop for FakeSmtp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    let behaviour = *shared.behaviour.lock();
    if behaviour == Behaviour::Hang {
        return std::future::pending().await;
    }
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let (mut login, mut from, mut to) = (None, None, Vec::new());
    writer.write_all(b"220 fake.example.org ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let upper = line.to_ascii_uppercase();
        let answer = match upper.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-fake.example.org\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
            "HELO" => "250 fake.example.org",
            "AUTH" => {
                let given = match line.split(' ').nth(2) {
                    Some(plain) if upper.starts_with("AUTH PLAIN") => {
                        let text = decoded(plain);
                        let mut fields = text.split('\0').skip(1).map(str::to_owned);
                        fields.next().zip(fields.next())
                    }
                    _ => {
                        let mut given = Vec::new();
                        for asked in ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"] {
                            writer.write_all(asked.as_bytes()).await?;
                            given.push(decoded(&lines.next_line().await?.unwrap_or_default()));
                        }
                        given.pop().zip(given.pop()).map(|(password, user)| (user, password))
                    }
                };
                let right = given.as_ref().is_some_and(|(_, password)| password == FakeSmtp::PASSWORD);
                if right && behaviour != Behaviour::RefuseLogin {
                    login = given;
                    "235 2.7.0 welcome"
                } else {
                    "535 5.7.8 wrong user or password"
                }
            }
            "MAIL" if login.is_none() => "530 5.7.0 sign in first",
            "MAIL" => {
                from = Some(address(&line));
                to.clear();
                "250 2.1.0 ok"
            }
            "RCPT" if from.is_none() => "503 5.5.1 MAIL first",
            "RCPT" if behaviour == Behaviour::RefuseForGood => "550 5.1.1 nobody of that name here",
            "RCPT" => {
                to.push(address(&line));
                "250 2.1.5 ok"
            }
            "DATA" if to.is_empty() => "503 5.5.1 RCPT first",
            "DATA" => {
                writer.write_all(b"354 end with a dot\r\n").await?;
                let mut source = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    // A dot at a line's beginning is doubled on the way.
                    source.push_str(line.strip_prefix('.').unwrap_or(&line));
                    source.push('\n');
                }
                if behaviour == Behaviour::RefuseForNow {
                    "451 4.3.0 try again later"
                } else {
                    let (from, to) = (from.take().unwrap_or_default(), std::mem::take(&mut to));
                    shared.received.lock().push(ReceivedMail { from, to, login: login.clone(), source });
                    "250 2.0.0 taken"
                }
            }
            "RSET" => {
                from = None;
                to.clear();
                "250 2.0.0 ok"
            }
            "NOOP" => "250 2.0.0 ok",
            "QUIT" => {
                return writer.write_all(b"221 2.0.0 bye\r\n").await;
            }
            _ => "502 5.5.2 no such command",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn decoded(text: &str) -> String {
    String::from_utf8(STANDARD.decode(text.trim()).unwrap_or_default()).unwrap_or_default()
}

fn address(line: &str) -> String {
    line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(address, _)| address).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_they_were_meant() {
        assert_eq!(encoded_words("=?utf-8?b?wqs=?= =?utf-8?b?w7E=?= x"), "«ñ x");
        assert_eq!(encoded_words("plain =?utf-8?q?a_=C3=B1?="), "plain a ñ");
        assert_eq!(quoted_printable("a=C3=B1=3D"), "añ=".as_bytes());
    }
}

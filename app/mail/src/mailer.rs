//! Hands a mail to the server.

use std::{
    error::Error as _,
    time::{Duration, SystemTime},
};

use cjhirashi_domain::Timestamp;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
        extension::ClientId,
    },
};

use crate::{Draft, MailConfig, config::Encryption};

/// How long a server may take to let us connect.
const CONNECTING: Duration = Duration::from_secs(10);

/// A mail could not be sent, in the words of the server or of the way there, without the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct MailError {
    words: String,
    /// The server will not take this mail, whenever it is asked.
    pub permanent: bool,
}

impl MailError {
    fn permanent(words: impl ToString) -> Self {
        Self { words: words.to_string(), permanent: true }
    }
}

/// Says that a program wrote it, so that no other program answers (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Sends mail by one server, with links to one instance. Each mail has a connection of its own.
#[derive(Debug)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    config: MailConfig,
    app_url: String,
    patience: Duration,
}

impl Mailer {
    /// `app_url` is the address people use, without a slash at its end.
    ///
    /// # Errors
    /// When this machine's certificates cannot be read.
    pub fn new(config: MailConfig, app_url: &str) -> Result<Self, MailError> {
        let tls = || TlsParameters::new(config.host.clone()).map_err(MailError::permanent);
        let tls = match config.encryption {
            Encryption::None => Tls::None,
            Encryption::StartTls => Tls::Required(tls()?),
            Encryption::Tls => Tls::Wrapper(tls()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.host.clone())
            .port(config.port)
            .tls(tls)
            .timeout(Some(CONNECTING));
        if let Some(url::Host::Domain(name)) = url::Url::parse(app_url).ok().as_ref().and_then(url::Url::host) {
            builder = builder.hello_name(ClientId::Domain(name.to_owned()));
        }
        if let Some((user, password)) = &config.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        let transport = builder.build();
        Ok(Self { transport, config, app_url: app_url.to_owned(), patience: Duration::from_secs(30) })
    }

    /// The same, with another time that a server may take for one mail. A lease has to last longer.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long a server may take for one mail.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        self.patience
    }

    /// The address people use, without a slash at its end.
    #[must_use]
    pub fn app_url(&self) -> &str {
        &self.app_url
    }

    /// Host and port of the server.
    #[must_use]
    pub fn server(&self) -> String {
        self.config.server()
    }

    /// Connects, signs in where there is a login, and leaves.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn check(&self) -> Result<(), MailError> {
        match self.in_time(self.transport.test_connection()).await? {
            true => Ok(()),
            false => Err(MailError { words: "the server ended the connection".to_owned(), permanent: false }),
        }
    }

    /// Sends a mail. `id` makes its Message-ID: the same mail sent twice is one to programs that compare.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn send(&self, id: &str, to: &str, written_at: Timestamp, draft: &Draft) -> Result<(), MailError> {
        let message = self.message(id, to, written_at, draft)?;
        self.in_time(self.transport.send(message)).await.map(|_| ())
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    ) -> Result<T, MailError> {
        match tokio::time::timeout(self.patience, work).await {
            Ok(done) => done.map_err(|error| self.explain(&error)),
            Err(_) => {
                let words = format!("the server took longer than {} s", self.patience.as_secs_f64());
                Err(MailError { words, permanent: false })
            }
        }
    }

    fn explain(&self, error: &lettre::transport::smtp::Error) -> MailError {
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            let more = deeper.to_string();
            if !words.contains(&more) {
                words = format!("{words}: {more}");
            }
            cause = deeper.source();
        }
        if let Some((_, password)) = &self.config.login {
            words = password.removed_from(&words);
        }
        // A login that is refused says nothing of the mail: somebody mends it, and the mail is sent.
        let of_the_login = error.status().is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538));
        MailError { words, permanent: error.is_permanent() && !of_the_login }
    }

    fn message(&self, id: &str, to: &str, written_at: Timestamp, draft: &Draft) -> Result<Message, MailError> {
        let to: Address = to.parse().map_err(MailError::permanent)?;
        let host = self.config.from.email.domain();
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(written_at.0.unsigned_abs());
        Message::builder()
            .from(self.config.from.clone())
            .to(Mailbox::new(None, to))
            .subject(draft.subject())
            .date(at)
            .message_id(Some(format!("<{id}@{host}>")))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(draft.text(), draft.html()))
            .map_err(MailError::permanent)
    }
}

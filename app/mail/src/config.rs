//! Which server takes mail, and who it is from.

use std::{fmt, net::IpAddr};

use cjhirashi_outbound::Secret;
use lettre::message::Mailbox;
use url::Url;

/// A setting that cannot be used: which, and why with what to write instead. The value is not repeated: it may hold a
/// password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct InvalidMailSetting {
    /// The variable.
    pub variable: &'static str,
    /// Why, and what to write instead.
    pub reason: String,
}

/// How the way to the server is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// Not at all: the server is on this machine, or whoever set it up says so.
    None,
    /// By STARTTLS, and nothing is said without.
    StartTls,
    /// From the first byte on.
    Tls,
}

/// The mail server and the sender. Prints without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct MailConfig {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) login: Option<(String, Secret)>,
    pub(crate) from: Mailbox,
}

impl fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailConfig")
            .field("server", &self.server())
            .field("encryption", &self.encryption)
            .field("login", &self.login.is_some())
            .finish_non_exhaustive()
    }
}

const FORM: &str = "smtps://user:password@mail.example.org or smtp://user:password@mail.example.org";

fn wrong_url(reason: impl fmt::Display) -> InvalidMailSetting {
    InvalidMailSetting { variable: "SMTP_URL", reason: reason.to_string() }
}

impl MailConfig {
    /// Reads `SMTP_URL` and `MAIL_FROM`.
    ///
    /// `smtps://` speaks TLS from the first byte on, at port 465 unless another is named. `smtp://` demands STARTTLS, at port
    /// 587, unless the host is this machine or `?tls=none` is written. User and password are percent-encoded where they hold
    /// one of `:/?#[]@%`.
    ///
    /// # Errors
    /// [`InvalidMailSetting`].
    pub fn parse(url: &str, from: &str) -> Result<Self, InvalidMailSetting> {
        let url = Url::parse(url.trim()).map_err(|error| {
            wrong_url(format!("is not an address ({error}); write {FORM}, with %40 for an @ in user or password"))
        })?;
        let tls = match url.query() {
            None => None,
            Some(query) => Some(
                query.strip_prefix("tls=").filter(|word| matches!(*word, "none" | "required")).ok_or_else(|| {
                    wrong_url(
                        "has something after ? that is neither tls=none nor tls=required; leave it out for encryption",
                    )
                })?,
            ),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(wrong_url(format!("has a path, and mail servers have none; write {FORM}")));
        }
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || host.contains('%') {
            return Err(wrong_url(format!("names no host; write {FORM}")));
        }
        let local = host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let encryption = match (url.scheme(), tls) {
            ("smtps", None | Some("required")) => Encryption::Tls,
            ("smtps", Some(_)) => {
                return Err(wrong_url("is smtps:// and says tls=none; write smtp:// to send in clear"));
            }
            ("smtp", Some("none")) => Encryption::None,
            ("smtp", None) if local => Encryption::None,
            ("smtp", _) => Encryption::StartTls,
            _ => return Err(wrong_url(format!("begins with neither smtp:// nor smtps://; write {FORM}"))),
        };
        let port = url.port().unwrap_or(if encryption == Encryption::Tls { 465 } else { 587 });
        let decoded = |part: &str| {
            percent_decoded(part)
                .ok_or_else(|| wrong_url("has a % in user or password that stands for nothing; write %25"))
        };
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            ("", Some(_)) => return Err(wrong_url(format!("has a password and no user; write {FORM}"))),
            (_, None) => return Err(wrong_url(format!("has a user and no password; write {FORM}"))),
            (user, Some(password)) => Some((decoded(user)?, Secret::from(decoded(password)?))),
        };
        let from = from.trim().parse().map_err(|_| InvalidMailSetting {
            variable: "MAIL_FROM",
            reason: "is not an address; write such as no-reply@example.org or Cjhirashi <no-reply@example.org>"
                .to_owned(),
        })?;
        Ok(Self { host, port, encryption, login, from })
    }

    /// Host and port, without user and password.
    #[must_use]
    pub fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Percent-decoding, of UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(if byte == b'%' { digit()? * 16 + digit()? } else { byte });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "Cjhirashi <no-reply@example.org>";

    fn read(url: &str) -> Result<(String, Encryption), String> {
        MailConfig::parse(url, FROM)
            .map(|config| (config.server(), config.encryption))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_way_to_the_server_is_encrypted_unless_it_is_this_machine_or_somebody_says_otherwise() {
        let told = |server: &str, encryption| Ok((server.to_owned(), encryption));
        assert_eq!(read("smtps://a:b@mail.example.org"), told("mail.example.org:465", Encryption::Tls));
        assert_eq!(read("smtp://a:b@mail.example.org"), told("mail.example.org:587", Encryption::StartTls));
        assert_eq!(read("smtp://mail.example.org:25/?tls=none"), told("mail.example.org:25", Encryption::None));
        for here in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(read(&format!("smtp://{here}:1025")).map(|told| told.1), Ok(Encryption::None), "{here}");
            assert_eq!(
                read(&format!("smtp://{here}?tls=required")).map(|told| told.1),
                Ok(Encryption::StartTls),
                "{here}"
            );
        }
        // A name that only begins like this machine's is another's.
        assert_eq!(read("smtp://localhost.example.org").map(|told| told.1), Ok(Encryption::StartTls));
    }

    #[test]
    fn what_is_no_mail_server_is_refused_without_repeating_the_password() {
        for (bad, why) in [
            ("mail.example.org", "is not an address"),
            ("https://u:hunter2@mail.example.org", "neither smtp://"),
            ("smtp://u:hunter2@", "address"),
            ("smtp://u:hunter2@mail.example.org/inbox", "has a path"),
            ("smtp://u:hunter2@mail.example.org?tls=maybe", "tls=none"),
            ("smtps://u:hunter2@mail.example.org?tls=none", "smtps://"),
            ("smtp://:hunter2@mail.example.org", "no user"),
            ("smtp://u@mail.example.org", "no password"),
            ("smtp://u:hunter2%zz@mail.example.org", "%25"),
        ] {
            let error = read(bad).unwrap_err();
            assert!(
                error.starts_with("SMTP_URL: ") && error.contains(why) && !error.contains("hunter2"),
                "{bad}: {error}"
            );
        }
        for bad in ["", "nobody", "a@b@c", "a@example.org\r\nBcc: all@example.org"] {
            let error = MailConfig::parse("smtp://localhost", bad).unwrap_err().to_string();
            assert!(error.starts_with("MAIL_FROM: "), "{error}");
        }
    }

    #[test]
    fn the_password_is_decoded_and_never_printed() {
        let config = MailConfig::parse("smtps://me%40example.org:p%40ss%25:word@mail.example.org", FROM).unwrap();
        let (user, password) = config.login.clone().unwrap();
        assert_eq!((user.as_str(), password.reveal()), ("me@example.org", "p@ss%:word"));
        let printed = format!("{config:?}");
        assert!(
            printed.contains("mail.example.org:465") && !printed.contains("p@ss") && !printed.contains("p%40"),
            "{printed}"
        );
    }
}

//! People.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp, Viewer,
    id::{AccountId, UserId},
    settings::UserSettings,
};

/// What a person may do beyond their own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Their own chats and documents, and the public ones.
    User,
    /// Also the knowledge base and the list of people.
    Admin,
    /// Also the roles of others; the first person of an instance.
    Owner,
}

impl Role {
    /// The word stored in the database and shown in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Admin, Self::Owner].into_iter().find(|role| role.as_str() == text)
    }
}

/// Who may make an account by signing in at a provider. Whoever was invited may in any case, and the first person of an
/// instance becomes its owner where [`SignUp::admits_first`] them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SignUp {
    /// Everybody.
    Open,
    /// Whose verified address is at one of these hosts, in lower case.
    Domains(Vec<String>),
    /// Nobody else.
    #[default]
    Invited,
    /// Nobody, not even the first one; the command line invites.
    Closed,
}

impl SignUp {
    /// Whether somebody with this verified address may be the first person, who becomes the owner.
    #[must_use]
    pub fn admits_first(&self, email: &Email) -> bool {
        match self {
            Self::Open | Self::Invited => true,
            Self::Domains(_) => self.admits(email),
            Self::Closed => false,
        }
    }

    /// Whether somebody with this verified address may, without an invitation.
    #[must_use]
    pub fn admits(&self, email: &Email) -> bool {
        match self {
            Self::Open => true,
            Self::Domains(domains) => {
                email.as_str().rsplit_once('@').is_some_and(|(_, host)| domains.iter().any(|domain| domain == host))
            }
            Self::Invited | Self::Closed => false,
        }
    }
}

impl std::str::FromStr for SignUp {
    type Err = String;

    /// `open`, `invited`, `closed`, or hosts such as `example.org, example.com`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_lowercase().as_str() {
            "open" => return Ok(Self::Open),
            "invited" => return Ok(Self::Invited),
            "closed" => return Ok(Self::Closed),
            _ => {}
        }
        let domain = |text: &str| {
            let domain = text.trim().trim_start_matches('@').to_lowercase();
            let fits = domain.contains('.') && Email::parse(&format!("x@{domain}")).is_ok();
            fits.then_some(domain).ok_or_else(|| {
                format!(
                    "\"{}\" is not open, invited, closed, or a list of hosts such as example.org, example.com",
                    text.trim()
                )
            })
        };
        Ok(Self::Domains(text.split(',').map(domain).collect::<Result<_, _>>()?))
    }
}

/// A person, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Address; unique whatever its case.
    pub email: String,
    /// Name to show.
    pub name: Option<String>,
    /// Address of a picture.
    pub image: Option<String>,
    /// What they may do.
    pub role: Role,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// A person as the admin's list shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSummary {
    /// The person.
    pub user: User,
    /// How many chats they have.
    pub chats: i64,
    /// How many documents they have.
    pub documents: i64,
    /// Last sign-in or request seen, if any.
    pub last_seen_at: Option<Timestamp>,
    /// They may not come in any more.
    pub disabled: bool,
}

/// An account at a provider that somebody comes in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedAccount {
    /// Its id here.
    pub id: AccountId,
    /// Which provider.
    pub provider: String,
    /// Its address there, when it was last used.
    pub email: Option<String>,
    /// When it became a way in.
    pub created_at: Timestamp,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
}

/// An address that may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Which.
    pub email: String,
    /// What they will be.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// The person behind a request, with what every page needs to know of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The person.
    pub user: User,
    /// Their settings; the defaults until they save some.
    pub settings: UserSettings,
}

impl SignedIn {
    /// The person as access rules see them.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        Viewer { user_id: self.user.id.clone(), role: self.user.role }
    }
}

/// An address is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address looks like name@example.org and has at most 254 characters")]
pub struct InvalidEmail;

/// An e-mail address, in lower case: the same person whatever the case they type.
///
/// Only its shape is checked; whether mail arrives there is for the one who sends it to find out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// The local owner's address, made at the first start.
    pub const LOCAL_OWNER: &str = "owner@localhost";

    /// Trims, folds the case, and checks the shape `name@host`.
    ///
    /// # Errors
    /// [`InvalidEmail`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim().to_lowercase();
        let (name, host) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let plain = |part: &str| {
            !part.is_empty()
                && !part
                    .chars()
                    .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '@' | '<' | '>' | '"' | ','))
        };
        if plain(name) && plain(host) && text.len() <= 254 { Ok(Self(text)) } else { Err(InvalidEmail) }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_whatever_its_case() {
        assert_eq!(Email::parse(" Ana@Example.ORG "), Email::parse("ana@example.org"));
        assert_eq!(Email::parse(Email::LOCAL_OWNER).map(|e| e.as_str().to_owned()), Ok("owner@localhost".to_owned()));
    }

    #[test]
    fn who_may_sign_up_is_read_from_a_word_or_a_list_of_hosts() {
        let email = |text: &str| Email::parse(text).unwrap();
        let domains: SignUp = "@Example.org, example.com".parse().unwrap();
        assert_eq!(domains, SignUp::Domains(vec!["example.org".to_owned(), "example.com".to_owned()]));
        assert!(domains.admits(&email("ana@example.ORG")));
        for other in ["ana@sub.example.org", "ana@example.org.evil.example", "example.org@evil.example"] {
            assert!(!domains.admits(&email(other)), "{other}");
        }
        assert_eq!(("open".parse(), "Closed".parse()), (Ok(SignUp::Open), Ok(SignUp::Closed)));
        assert!(SignUp::Open.admits(&email("a@b.c")) && !SignUp::Invited.admits(&email("a@b.c")));
        for bad in ["", "everybody", "example.org,", "a b.c", "@"] {
            assert!(bad.parse::<SignUp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn text_that_is_no_address_is_refused() {
        for bad in
            ["", "ana", "@host", "ana@", "a b@host", "a@b@c", "<script>@host", &format!("{}@host", "a".repeat(300))]
        {
            assert_eq!(Email::parse(bad), Err(InvalidEmail), "{bad}");
        }
    }
}

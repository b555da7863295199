//! People.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, id::UserId};

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
}

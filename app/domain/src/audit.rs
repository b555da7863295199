//! What is written down of what people do.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, id::UserId};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Action {
            $($(#[$doc])* #[serde(rename = $word)] $name,)+
        }

        impl Action {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The stored word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

actions! {
    /// Somebody signed in; the detail says how.
    SignedIn = "signed_in",
    /// Somebody was not let in; the detail says why.
    SignInRefused = "sign_in_refused",
    /// Somebody signed out, here or on another device.
    SignedOut = "signed_out",
    /// An account of a provider became another way in for somebody.
    AccountLinked = "account_linked",
    /// It is no longer one.
    AccountUnlinked = "account_unlinked",
    /// Somebody's role changed.
    RoleChanged = "role_changed",
    /// Somebody may no longer come in.
    PersonDisabled = "person_disabled",
    /// Somebody may come in again.
    PersonEnabled = "person_enabled",
    /// An address was invited.
    Invited = "invited",
    /// An invitation was taken back.
    InvitationRevoked = "invitation_revoked",
    /// A key was made.
    KeyCreated = "key_created",
    /// A key was revoked.
    KeyRevoked = "key_revoked",
    /// A key was used, the first time of a day.
    KeyUsed = "key_used",
    /// A document was deleted.
    DocumentDeleted = "document_deleted",
    /// A chat was deleted.
    ChatDeleted = "chat_deleted",
    /// A message was deleted.
    MessageDeleted = "message_deleted",
    /// Somebody took all their data with them.
    DataExported = "data_exported",
    /// Somebody deleted their account; the detail counts what was there.
    AccountDeleted = "account_deleted",
    /// The server's model or the vector index was changed.
    Administered = "administered",
}

impl Action {
    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == text)
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who; `None`: nobody who is known, or the command line.
    pub actor: Option<UserId>,
    /// Their address, while they are here.
    pub actor_email: Option<String>,
    /// What.
    pub action: Action,
    /// To whom or what, by its id.
    pub subject: Option<String>,
    /// The address of the person it was done to, while they are here.
    pub subject_email: Option<String>,
    /// More.
    pub detail: Option<String>,
    /// The client's address, as far as it is known.
    pub address: Option<String>,
}

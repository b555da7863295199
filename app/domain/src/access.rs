//! Who may change what. What somebody may read is decided where it is read, in the queries of `storage`.

use serde::{Deserialize, Serialize};

use crate::{id::UserId, user::Role};

/// Somebody whose session or key was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// Who.
    pub user_id: UserId,
    /// With which role.
    pub role: Role,
}

/// To whom a document belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visibility {
    /// One person alone.
    Private(UserId),
    /// Everybody who is signed in: the knowledge base.
    Public,
}

impl Viewer {
    /// Admins and owners manage the knowledge base and see the people.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.role >= Role::Admin
    }

    /// Own documents, and for admins the public ones, can be changed and deleted.
    #[must_use]
    pub fn may_change(&self, visibility: &Visibility) -> bool {
        match visibility {
            Visibility::Private(owner) => self.user_id == *owner,
            Visibility::Public => self.is_admin(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> UserId {
        UserId::parse(text).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn the_table_of_document_access_holds_for_every_role() {
        let own = Visibility::Private(id("ana"));
        let foreign = Visibility::Private(id("eva"));
        for role in [Role::User, Role::Admin, Role::Owner] {
            let viewer = Viewer { user_id: id("ana"), role };
            assert!(viewer.may_change(&own) && !viewer.may_change(&foreign));
            assert_eq!(viewer.may_change(&Visibility::Public), role != Role::User);
        }
    }
}

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

    /// Whether this person may sign another one out, keep them out, and let them in again: whose role is less, and for
    /// owners everybody else's.
    #[must_use]
    pub fn may_manage(&self, person: &UserId, role: Role) -> bool {
        self.user_id != *person && self.is_admin() && (self.role == Role::Owner || role < self.role)
    }

    /// Whether this person may give another one a role, or invite somebody with it: owners any, admins those of users.
    #[must_use]
    pub fn may_give(&self, role: Role) -> bool {
        self.role == Role::Owner || (self.is_admin() && role == Role::User)
    }

    /// The same person with fewer rights: what a key is good for.
    #[must_use]
    pub fn without_administration(self) -> Self {
        Self { role: Role::User, ..self }
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
    fn the_table_of_who_manages_whom_holds_for_every_pair_of_roles() {
        let roles = [Role::User, Role::Admin, Role::Owner];
        let manages = |role, other: &str, of| Viewer { user_id: id("ana"), role }.may_manage(&id(other), of);
        for role in roles {
            assert!(roles.iter().all(|of| !manages(role, "ana", *of)), "nobody themselves");
        }
        assert!(roles.iter().all(|of| manages(Role::Owner, "eva", *of)));
        assert_eq!(roles.map(|of| manages(Role::Admin, "eva", of)), [true, false, false]);
        assert_eq!(roles.map(|of| manages(Role::User, "eva", of)), [false; 3]);
        let gives = |role| roles.map(|of| Viewer { user_id: id("ana"), role }.may_give(of));
        assert_eq!(
            (gives(Role::Owner), gives(Role::Admin), gives(Role::User)),
            ([true; 3], [true, false, false], [false; 3])
        );
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

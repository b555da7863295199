//! What administrators see beyond their own things, and what they decide about people.

use leptos::server;

use super::Failure;

/// The list of people.
pub(crate) const PEOPLE: &str = "/admin/people";
/// What was done.
pub(crate) const AUDIT: &str = "/admin/audit";

#[cfg(feature = "ssr")]
pub(crate) use server_side::{PAGE_SIZE, PeopleAsked, PeopleDone, audit_page, people_page};

#[cfg(feature = "ssr")]
mod server_side {
    use cjhirashi_domain::{
        ErrorCode,
        id::UserId,
        order::{Order, PersonColumn},
        text::QueryText,
        user::Role,
    };
    use cjhirashi_storage::{Managed, PeopleFilter};

    use crate::{
        api::{
            Failure,
            served::ServedPage,
            server::{Asked, admin, fail, forward, services},
        },
        served,
        texts::Texts,
    };

    /// People on one page of the list.
    pub(crate) const PAGE_SIZE: u32 = 50;
    /// Lines on one page of the log.
    const LINES: i64 = 50;

    /// What of the list is shown, as its address says.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct PeopleAsked {
        /// Words to search for.
        pub(crate) words: String,
        pub(crate) order: Option<Order<PersonColumn>>,
        /// From 1.
        pub(crate) page: u32,
    }

    impl PeopleAsked {
        fn read(query: &Asked) -> Self {
            let text = |name: &str| query.get(name).unwrap_or_default();
            Self { words: text("q").to_owned(), order: Order::parse(text("sort")), page: query.page() }
        }

        /// The address: what [`PeopleAsked::read`] reads.
        pub(crate) fn address(&self) -> String {
            crate::api::list_address(super::PEOPLE, &[("q", &self.words)], self.order, self.page)
        }
    }

    /// What was just commanded, as the page says once.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum PeopleDone {
        Role,
        Disabled,
        Enabled,
        Invited,
        /// And told so by mail.
        Mailed,
        Revoked,
    }

    impl PeopleDone {
        const ALL: [Self; 6] = [Self::Role, Self::Disabled, Self::Enabled, Self::Invited, Self::Mailed, Self::Revoked];

        const fn as_str(self) -> &'static str {
            match self {
                Self::Role => "role",
                Self::Disabled => "disabled",
                Self::Enabled => "enabled",
                Self::Invited => "invited",
                Self::Mailed => "mailed",
                Self::Revoked => "revoked",
            }
        }
    }

    pub(crate) async fn people_page(query: &Asked) -> Result<ServedPage, Failure> {
        let (who, services) = (admin()?, services()?);
        let asked = PeopleAsked::read(query);
        let filter = PeopleFilter {
            query: QueryText::parse(&asked.words.chars().take(200).collect::<String>()).ok(),
            order: asked.order,
            page: asked.page,
            page_size: PAGE_SIZE,
        };
        let (list, invitations, delivered) = futures::try_join!(
            services.store.list_users(&filter),
            services.store.list_invitations(),
            services.store.invitation_mails(),
        )?;
        let done = query.get("done").and_then(|done| PeopleDone::ALL.into_iter().find(|it| it.as_str() == done));
        let texts = Texts::of(who.settings.language);
        let providers = services.sign_in.providers().next().is_some();
        let invitations =
            served::Invitations { waiting: invitations, delivered, providers, mail: services.store.sends_mail() };
        let body = served::people(texts, &who.viewer(), &asked, list, invitations, done, services.store.now());
        Ok(served::admin_page(texts, super::PEOPLE, body, false))
    }

    pub(crate) async fn audit_page(query: &Asked) -> Result<ServedPage, Failure> {
        let (who, services) = (admin()?, services()?);
        let page = query.page();
        let mut lines = services.store.list_audit(None, i64::from(page - 1) * LINES, LINES + 1).await?;
        let most = usize::try_from(LINES).unwrap_or(usize::MAX);
        let more = lines.len() > most;
        lines.truncate(most);
        let texts = Texts::of(who.settings.language);
        let body = served::audit(texts, lines, page, more, services.store.now());
        Ok(served::admin_page(texts, super::AUDIT, body, false))
    }

    pub(super) fn person(id: String) -> Result<UserId, Failure> {
        UserId::parse(id).map_err(|_| fail(ErrorCode::UserNotFound))
    }

    pub(super) fn role(text: &str) -> Result<Role, Failure> {
        Role::parse(text).ok_or_else(|| fail(ErrorCode::InvalidRequest))
    }

    /// The role before, when it was done.
    pub(super) fn managed(managed: Managed) -> Result<Role, Failure> {
        match managed {
            Managed::Done { before } => Ok(before),
            Managed::Nobody => Err(fail(ErrorCode::UserNotFound)),
            Managed::Forbidden => Err(fail(ErrorCode::Forbidden)),
        }
    }

    pub(super) fn back(done: PeopleDone) {
        forward(&format!("{}?done={}", super::PEOPLE, done.as_str()));
    }
}

/// Gives somebody a role. For owners.
#[server(prefix = "/fn", endpoint = "set_role")]
pub(crate) async fn set_role(id: String, role: String) -> Result<(), Failure> {
    use super::server::{admin, note, services};
    use cjhirashi_domain::audit::Action;
    let (who, services) = (admin()?, services()?);
    let (person, role) = (server_side::person(id)?, server_side::role(&role)?);
    let before = server_side::managed(services.store.set_role(&who.viewer(), &person, role).await?)?;
    let detail = format!("{} → {}", before.as_str(), role.as_str());
    note(&services, &who, Action::RoleChanged, Some(person.as_str()), Some(&detail)).await?;
    server_side::back(PeopleDone::Role);
    Ok(())
}

/// Keeps somebody out, from this moment on, or lets them in again.
#[server(prefix = "/fn", endpoint = "set_disabled")]
pub(crate) async fn set_disabled(id: String, disabled: bool) -> Result<(), Failure> {
    use super::server::{admin, note, services};
    use cjhirashi_domain::audit::Action;
    let (who, services) = (admin()?, services()?);
    let person = server_side::person(id)?;
    server_side::managed(services.store.set_disabled(&who.viewer(), &person, disabled).await?)?;
    let (action, done) = if disabled {
        (Action::PersonDisabled, PeopleDone::Disabled)
    } else {
        (Action::PersonEnabled, PeopleDone::Enabled)
    };
    note(&services, &who, action, Some(person.as_str()), None).await?;
    server_side::back(done);
    Ok(())
}

/// Invites an address.
#[server(prefix = "/fn", endpoint = "invite")]
pub(crate) async fn invite(email: String, role: String) -> Result<(), Failure> {
    use super::server::{admin, fail, note, services};
    use cjhirashi_domain::{ErrorCode, audit::Action, user::Email};
    let (who, services) = (admin()?, services()?);
    let email = Email::parse(&email).map_err(|_| fail(ErrorCode::AddressInvalid))?;
    let role = server_side::role(&role)?;
    if !who.viewer().may_give(role) {
        return Err(fail(ErrorCode::Forbidden));
    }
    if services.store.find_user_by_email(email.as_str()).await?.is_some() {
        return Err(fail(ErrorCode::AlreadyHere));
    }
    // Where nobody can sign in at a provider, a link would lead nowhere.
    let tell = services.sign_in.providers().next().is_some();
    let Some(told) = services.store.invite(Some(&who.viewer()), &email, role, tell).await? else {
        return Err(fail(ErrorCode::Forbidden));
    };
    // No address: the log outlives whoever is invited.
    note(&services, &who, Action::Invited, None, Some(role.as_str())).await?;
    server_side::back(if told { PeopleDone::Mailed } else { PeopleDone::Invited });
    Ok(())
}

/// Takes an invitation back.
#[server(prefix = "/fn", endpoint = "revoke_invitation")]
pub(crate) async fn revoke_invitation(email: String) -> Result<(), Failure> {
    use super::server::{admin, fail, note, services};
    use cjhirashi_domain::{ErrorCode, audit::Action};
    let (who, services) = (admin()?, services()?);
    if !services.store.revoke_invitation(&who.viewer(), &email).await? {
        return Err(fail(ErrorCode::UserNotFound));
    }
    note(&services, &who, Action::InvitationRevoked, None, None).await?;
    server_side::back(PeopleDone::Revoked);
    Ok(())
}

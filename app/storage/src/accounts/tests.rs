//! Against a real database.

use cjhirashi_domain::Viewer;
use serde_json::Value;

use super::*;
use crate::{AppSecret, Managed, StoreOptions, testing::migrated};

const TOKENS: AccountTokens<'static> = AccountTokens {
    access: "access-clear",
    refresh: Some("refresh-clear"),
    id_token: Some("id-clear"),
    expires_at: None,
    token_type: "bearer",
    scope: Some("openid email"),
};

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn account<'a>(subject: &'a str, email: Option<&'a Email>, email_verified: bool) -> ProvenAccount<'a> {
    ProvenAccount {
        provider: "oidc",
        subject,
        profile: ProvenProfile { email, email_verified, name: Some("Ana"), picture: Some("https://example.org/a.png") },
        tokens: TOKENS,
    }
}

/// Somebody who has that address, verified.
async fn person(store: &Store, address: &str, role: Role) -> Viewer {
    Viewer { user_id: store.ensure_user(&email(address), role).await.unwrap().id, role }
}

fn user(entrance: Entrance) -> UserId {
    match entrance {
        Entrance::In { user, .. } => user,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_first_person_is_the_owner_and_then_the_policy_says_who_comes_in() {
    let (_database, store, clock) = migrated().await;
    let (ana, eva, leo) = (email("ana@example.org"), email("eva@example.org"), email("leo@example.com"));
    let enter = async |subject: &str, email: &Email, policy: SignUp| {
        store.enter(&account(subject, Some(email), true), &policy, None).await.unwrap()
    };
    assert_eq!(enter("1", &ana, SignUp::Closed).await, Entrance::Refused(Refusal::NotInvited));
    let Entrance::In { user: owner, new: Some(Role::Owner) } = enter("1", &ana, SignUp::Invited).await else {
        panic!()
    };
    assert_eq!(enter("1", &ana, SignUp::Closed).await, Entrance::In { user: owner.clone(), new: None });
    assert_eq!(enter("2", &eva, SignUp::Invited).await, Entrance::Refused(Refusal::NotInvited));
    let hosts = SignUp::Domains(vec!["example.org".to_owned()]);
    assert!(matches!(enter("2", &eva, hosts.clone()).await, Entrance::In { new: Some(Role::User), .. }));
    assert_eq!(enter("3", &leo, hosts).await, Entrance::Refused(Refusal::NotInvited));
    // An invitation counts whatever the policy, until its time and once.
    let by = Viewer { user_id: owner.clone(), role: Role::Owner };
    assert!(store.invite(Some(&by), &leo, Role::Admin, false).await.unwrap().is_some());
    clock.advance(31 * 86_400_000);
    assert_eq!(enter("3", &leo, SignUp::Closed).await, Entrance::Refused(Refusal::NotInvited));
    assert!(store.invite(Some(&by), &leo, Role::Admin, false).await.unwrap().is_some());
    assert_eq!(store.list_invitations().await.unwrap().len(), 1);
    assert!(matches!(enter("3", &leo, SignUp::Closed).await, Entrance::In { new: Some(Role::Admin), .. }));
    assert_eq!(store.list_invitations().await.unwrap(), []);
    let signed_in = store.load_signed_in(&owner).await.unwrap().unwrap().user;
    assert_eq!(
        (signed_in.name.as_deref(), signed_in.image.as_deref()),
        (Some("Ana"), Some("https://example.org/a.png"))
    );
}

#[tokio::test]
async fn an_instance_that_everybody_left_is_not_the_next_strangers() {
    let (_database, store, _) = migrated().await;
    let (ana, eva) = (email("ana@example.org"), email("eva@example.org"));
    let enter = async |subject: &str, email: &Email, policy: SignUp| {
        store.enter(&account(subject, Some(email), true), &policy, None).await.unwrap()
    };
    let first = user(enter("1", &ana, SignUp::Invited).await);
    store.delete_person(&Viewer { user_id: first, role: Role::Owner }, None).await.unwrap().unwrap();
    assert_eq!(enter("2", &eva, SignUp::Invited).await, Entrance::Refused(Refusal::NotInvited));
    assert!(matches!(enter("2", &eva, SignUp::Open).await, Entrance::In { new: Some(Role::User), .. }));
}

#[tokio::test]
async fn of_two_who_come_first_at_once_one_is_the_owner_and_one_account_makes_one_person() {
    let (_database, store, _) = migrated().await;
    let (ana, eva) = (email("ana@example.org"), email("eva@example.org"));
    let (one, two, again) =
        (account("1", Some(&ana), true), account("2", Some(&eva), true), account("1", Some(&ana), true));
    let policy = SignUp::Open;
    let (one, two, again) = tokio::join!(
        store.enter(&one, &policy, None),
        store.enter(&two, &policy, None),
        store.enter(&again, &policy, None)
    );
    assert_eq!(user(one.unwrap()), user(again.unwrap()));
    two.unwrap();
    let owners: i64 =
        sqlx::query_scalar("SELECT count(*) FROM users WHERE role = 'owner'").fetch_one(&store.pool).await.unwrap();
    let people: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&store.pool).await.unwrap();
    assert_eq!((owners, people), (1, 2));
}

#[tokio::test]
async fn an_address_links_only_where_it_is_verified_on_both_sides() {
    let (_database, store, _) = migrated().await;
    let ana = email("ana@example.org");
    let verified = store.ensure_user(&ana, Role::Admin).await.unwrap().id;
    let refused = |refusal| Entrance::Refused(refusal);
    let enter = async |verified| store.enter(&account("1", Some(&ana), verified), &SignUp::Open, None).await.unwrap();
    assert_eq!(enter(false).await, refused(Refusal::AddressTaken));
    sqlx::query("UPDATE users SET email_verified_at = NULL").execute(&store.pool).await.unwrap();
    assert_eq!(enter(true).await, refused(Refusal::AddressTaken), "nobody verified it here");
    sqlx::query("UPDATE users SET email_verified_at = now()").execute(&store.pool).await.unwrap();
    assert_eq!(user(enter(true).await), verified);
    let nobody = store.enter(&account("9", None, false), &SignUp::Open, None).await.unwrap();
    assert_eq!(nobody, refused(Refusal::NoAddress));
    let eva = email("eva@example.org");
    let unverified = store.enter(&account("9", Some(&eva), false), &SignUp::Open, None).await.unwrap();
    assert_eq!(unverified, refused(Refusal::NoAddress));
}

#[tokio::test]
async fn a_person_links_ways_in_and_keeps_the_last_one() {
    let (_database, store, _) = migrated().await;
    let (ana, eva) = (email("ana@example.org"), email("eva@example.org"));
    let policy = SignUp::Open;
    let one = user(store.enter(&account("1", Some(&ana), true), &policy, None).await.unwrap());
    let two = user(store.enter(&account("2", Some(&eva), true), &policy, None).await.unwrap());
    let link = async |subject: &str, person| {
        store.enter(&account(subject, Some(&ana), true), &policy, Some(person)).await.unwrap()
    };
    assert_eq!(link("2", &one).await, Entrance::Refused(Refusal::AccountTaken));
    assert_eq!(link("3", &one).await, Entrance::Linked);
    assert_eq!(link("3", &one).await, Entrance::Linked, "again is the same");
    let ways = store.list_accounts(&one).await.unwrap();
    assert_eq!(ways.len(), 2);
    assert_eq!(store.unlink_account(&two, &ways[0].id).await.unwrap(), None, "not theirs");
    let (first, second) =
        tokio::join!(store.unlink_account(&one, &ways[0].id), store.unlink_account(&one, &ways[1].id));
    assert_eq!([first.unwrap(), second.unwrap()].into_iter().flatten().count(), 1, "the last one stays");
    let left = store.list_accounts(&one).await.unwrap();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn tokens_lie_in_the_database_encrypted_and_are_sealed_anew_when_the_secret_changes() {
    let (database, store, _) = migrated().await;
    let ana = email("ana@example.org");
    let person = user(store.enter(&account("1", Some(&ana), true), &SignUp::Open, None).await.unwrap());
    let id = store.list_accounts(&person).await.unwrap()[0].id.clone();
    let row: Value =
        sqlx::query_scalar("SELECT to_jsonb(accounts) FROM accounts").fetch_one(&store.pool).await.unwrap();
    assert!(!row.to_string().contains("-clear") && row["access_token"].is_string(), "{row}");
    let bytes: Vec<u8> = sqlx::query_scalar("SELECT access_token FROM accounts").fetch_one(&store.pool).await.unwrap();
    assert!(!bytes.windows(6).any(|part| part == b"access"));
    let opened = store.open_tokens(&person, &id).await.unwrap().unwrap();
    assert_eq!((opened.access.as_deref(), opened.refresh.as_deref()), (Some("access-clear"), Some("refresh-clear")));
    store.set_secret_setting("provider", Some("sk-secret")).await.unwrap();

    let old = AppSecret::new(*b"a secret that only tests may know");
    let new = || AppSecret::new(*b"another secret, thirty-two bytes!");
    let connect = async |before: Option<AppSecret>| {
        let options =
            StoreOptions { max_connections: 3, secret_before: before, ..StoreOptions::new(&database.url, new()) };
        Store::connect(options).await.unwrap()
    };
    assert!(connect(None).await.migrate().await.is_err(), "it is not the secret of this database");
    let both = connect(Some(old)).await;
    both.migrate().await.unwrap();
    let alone = connect(None).await;
    alone.migrate().await.unwrap();
    assert_eq!(alone.open_tokens(&person, &id).await.unwrap().unwrap(), opened);
    assert_eq!(alone.get_secret_setting("provider").await.unwrap().as_deref(), Some("sk-secret"));
    assert!(store.open_tokens(&person, &id).await.is_err(), "the old secret opens nothing any more");
}

#[tokio::test]
async fn name_picture_and_verified_address_follow_the_provider_and_never_take_somebody_elses() {
    let (_database, store, _) = migrated().await;
    let (ana, eva, new) = (email("ana@example.org"), email("eva@example.org"), email("ana@new.example"));
    let policy = SignUp::Open;
    let person = user(store.enter(&account("1", Some(&ana), true), &policy, None).await.unwrap());
    store.enter(&account("2", Some(&eva), true), &policy, None).await.unwrap();
    let now = async || store.get_user(&person).await.unwrap().unwrap().email;
    store.enter(&account("1", Some(&eva), true), &policy, None).await.unwrap();
    assert_eq!(now().await, "ana@example.org", "somebody else has that one");
    store.enter(&account("1", Some(&new), false), &policy, None).await.unwrap();
    assert_eq!(now().await, "ana@example.org", "not verified");
    store.enter(&account("1", Some(&new), true), &policy, None).await.unwrap();
    assert_eq!(now().await, "ana@new.example");
    let renamed = ProvenProfile { name: Some("Ana Zorro"), ..account("1", Some(&new), true).profile };
    store.update_profile(&person, &renamed).await.unwrap();
    assert_eq!(store.get_user(&person).await.unwrap().unwrap().name.as_deref(), Some("Ana Zorro"));
}

#[tokio::test]
async fn whoever_is_kept_out_is_out_at_once_and_nobody_manages_above_their_role() {
    let (_database, store, _) = migrated().await;
    let owner = person(&store, "owner@example.org", Role::Owner).await;
    let admin = person(&store, "admin@example.org", Role::Admin).await;
    let ana = person(&store, "ana@example.org", Role::User).await;
    assert_eq!(store.set_role(&admin, &ana.user_id, Role::Admin).await.unwrap(), Managed::Forbidden);
    assert_eq!(store.set_role(&owner, &owner.user_id, Role::User).await.unwrap(), Managed::Forbidden, "an owner stays");
    assert_eq!(store.set_disabled(&admin, &owner.user_id, true).await.unwrap(), Managed::Forbidden);
    assert_eq!(store.set_disabled(&ana, &admin.user_id, true).await.unwrap(), Managed::Forbidden);
    let nobody = UserId::parse("nobody").unwrap();
    assert_eq!(store.set_disabled(&owner, &nobody, true).await.unwrap(), Managed::Nobody);

    sqlx::query("INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ('s', '\\x00', $1, now() + interval '1 day')")
        .bind(ana.user_id.as_str())
        .execute(&store.pool)
        .await
        .unwrap();
    let done = Managed::Done { before: Role::User };
    assert_eq!(store.set_disabled(&admin, &ana.user_id, true).await.unwrap(), done);
    assert_eq!(store.load_signed_in(&ana.user_id).await.unwrap(), None);
    assert_eq!(store.list_devices(&ana.user_id, None).await.unwrap(), []);
    let known = email("ana@example.org");
    let refused = store.enter(&account("1", Some(&known), true), &SignUp::Open, None).await.unwrap();
    assert_eq!(refused, Entrance::Refused(Refusal::Disabled));
    assert_eq!(store.set_disabled(&admin, &ana.user_id, false).await.unwrap(), done);
    assert!(store.load_signed_in(&ana.user_id).await.unwrap().is_some());

    // Whoever lost their rights a moment ago manages nobody any more, whatever their request still says.
    assert_eq!(
        store.set_role(&owner, &admin.user_id, Role::User).await.unwrap(),
        Managed::Done { before: Role::Admin }
    );
    assert_eq!(store.set_disabled(&admin, &ana.user_id, true).await.unwrap(), Managed::Forbidden);
    assert_eq!(store.grant_admin(&known).await.unwrap(), (Some(ana.user_id.clone()), Role::Admin));
    assert_eq!(store.get_user(&ana.user_id).await.unwrap().unwrap().role, Role::Admin);
    assert_eq!(store.grant_admin(&email("new@example.org")).await.unwrap(), (None, Role::Admin));
    assert_eq!(store.list_invitations().await.unwrap()[0].role, Role::Admin);
    assert!(!store.revoke_invitation(&ana, "new@example.org").await.unwrap(), "an owner's to take back");
    assert!(store.revoke_invitation(&owner, "New@example.org").await.unwrap());
}

#[tokio::test]
async fn an_instance_without_an_owner_is_not_the_next_strangers() {
    let (_database, store, _) = migrated().await;
    let (ana, eva) = (email("ana@example.org"), email("eva@example.org"));
    // Whoever runs the server names the owner first.
    assert_eq!(store.grant_admin(&ana).await.unwrap(), (None, Role::Owner));
    let hosts = SignUp::Domains(vec!["example.com".to_owned()]);
    let stranger = store.enter(&account("2", Some(&eva), true), &hosts, None).await.unwrap();
    assert_eq!(stranger, Entrance::Refused(Refusal::NotInvited), "the first one too is of those hosts");
    let first = store.enter(&account("1", Some(&ana), true), &SignUp::Closed, None).await.unwrap();
    assert!(matches!(first, Entrance::In { new: Some(Role::Owner), .. }));
    sqlx::query("UPDATE users SET role = 'user'").execute(&store.pool).await.unwrap();
    let stranger = store.enter(&account("2", Some(&eva), true), &SignUp::Invited, None).await.unwrap();
    assert_eq!(stranger, Entrance::Refused(Refusal::NotInvited), "somebody was here before");
    let local = email(Email::LOCAL_OWNER);
    let claimed = store.enter(&account("3", Some(&local), true), &SignUp::Open, None).await.unwrap();
    assert_eq!(claimed, Entrance::Refused(Refusal::AddressTaken));
}

#[tokio::test]
async fn an_invitation_makes_nobody_somebody_else_and_ends_with_its_inviters_rights() {
    let (_database, store, _) = migrated().await;
    let owner = person(&store, "owner@example.org", Role::Owner).await;
    let admin = person(&store, "admin@example.org", Role::Admin).await;
    let ana = email("ana@example.org");
    // An administrator whose address nobody has verified here, and whom a provider knows by it.
    person(&store, "ana@example.org", Role::Admin).await;
    sqlx::query("UPDATE users SET email_verified_at = NULL WHERE email = 'ana@example.org'")
        .execute(&store.pool)
        .await
        .unwrap();
    assert!(store.invite(Some(&admin), &ana, Role::User, false).await.unwrap().is_some());
    let refused = Entrance::Refused(Refusal::AddressTaken);
    let enter =
        async |subject: &str| store.enter(&account(subject, Some(&ana), true), &SignUp::Open, None).await.unwrap();
    assert_eq!(enter("1").await, refused, "an administrator is above the invitation");
    assert!(store.invite(Some(&owner), &ana, Role::Admin, false).await.unwrap().is_some());
    assert!(store.invite(Some(&admin), &ana, Role::User, false).await.unwrap().is_none(), "an owner has invited it");
    assert!(matches!(enter("1").await, Entrance::In { new: None, .. }));

    let eva = email("eva@example.org");
    assert!(store.invite(Some(&admin), &eva, Role::User, false).await.unwrap().is_some());
    store.set_disabled(&owner, &admin.user_id, true).await.unwrap();
    assert_eq!(store.list_invitations().await.unwrap(), []);
    assert_eq!(
        store.enter(&account("2", Some(&eva), true), &SignUp::Invited, None).await.unwrap(),
        Entrance::Refused(Refusal::NotInvited)
    );
}

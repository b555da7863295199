//! Who is told what, in which words, and who is not.

use std::time::Duration;

use cjhirashi_domain::{
    ErrorCode, Viewer,
    api_key::Scope,
    chat::MessageStatus,
    document::DocumentError,
    id::DocumentId,
    settings::{Choices, Language, UserSettings},
    text::{ChatTitle, KeyName, MessageText},
    user::{Email, Role},
};
use cjhirashi_storage::{FinishedGeneration, NewTurn, Turn, TurnOutcome};

use crate::support::World;

pub(crate) async fn document(world: &World, id: &str, title: &str, owner: &Viewer) -> DocumentId {
    for sql in [
        "INSERT INTO documents (id, title, source, user_id, uploaded_by, status) VALUES ($1, $2, 'upload', $3, $3, 'processing')",
        "INSERT INTO document_versions (document_id, version, blob_key, size_bytes, mime_type) SELECT $1, 1, 'key', 1, 'text/plain' WHERE $2 <> '' AND $3 <> ''",
        "INSERT INTO jobs (kind, key) SELECT 'index_document', $1 WHERE $2 <> '' AND $3 <> ''",
    ] {
        let query = sqlx::query(sql).bind(id).bind(title).bind(owner.user_id.as_str());
        query.execute(world.store.pool()).await.unwrap();
    }
    DocumentId::parse(id).unwrap()
}

/// Ends the work on a document, for which there is one job.
pub(crate) async fn end(world: &World, id: &DocumentId, ready: bool) {
    let jobs = world.store.claim_jobs(10, Duration::from_secs(60)).await.unwrap();
    let claim = &jobs.iter().find(|job| job.key == id.as_str()).expect("its job").claim;
    if ready {
        world.store.complete_indexing(claim, id, 1).await.unwrap().expect("the claim counts");
    } else {
        let error = DocumentError { code: ErrorCode::Internal.as_str().to_owned(), detail: None, words: None };
        world.store.fail_indexing(claim, id, &error, true).await.unwrap().expect("the claim counts");
    }
    world.sql("DELETE FROM jobs").await;
}

#[tokio::test]
async fn a_document_that_took_minutes_is_told_when_it_is_ready_and_a_quick_one_is_not() {
    let world = World::new().await;
    let ana = world.person("ana@example.org", Language::Es).await;
    let quick = document(&world, "quick", "Rápido", &ana).await;
    end(&world, &quick, true).await;
    assert!(world.step().await.is_empty());
    let slow = document(&world, "slow", "Actas de «Peñas» 2026", &ana).await;
    world.sql("UPDATE jobs SET created_at = now() - interval '200 seconds'").await;
    end(&world, &slow, true).await;
    let mails = world.step().await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(
        (mail.to.as_slice(), mail.from.as_str()),
        (["ana@example.org".to_owned()].as_slice(), "no-reply@example.org")
    );
    assert_eq!(mail.subject(), "Documento listo: Actas de «Peñas» 2026");
    assert_eq!(mail.header("Auto-Submitted"), ["auto-generated"]);
    assert_eq!(mail.header("From"), ["Cjhirashi <no-reply@example.org>"]);
    assert_eq!(mail.header("To"), ["ana@example.org"]);
    assert!(
        mail.header("Message-ID")[0].ends_with("@example.org>") && mail.header("Date").len() == 1,
        "{}",
        mail.source
    );
    for body in [mail.text(), mail.html()] {
        assert!(body.contains("«Actas de «Peñas» 2026» ya está listo"), "{body}");
        assert!(body.contains("https://chat.example.org/documents/slow"), "{body}");
        assert!(body.contains("https://chat.example.org/settings"), "{body}");
    }
    assert!(mail.login.as_ref().is_some_and(|(user, _)| user == "mailer"));
    assert_eq!(world.step().await.len(), 1, "once");

    let adopted = document(&world, "adopted", "Old", &ana).await;
    world.sql("UPDATE documents SET uploaded_by = NULL WHERE id = 'adopted'").await;
    world.sql("UPDATE jobs SET created_at = now() - interval '200 seconds'").await;
    end(&world, &adopted, true).await;
    assert_eq!(world.step().await.len(), 1, "whom it was taken over for did not wait for it");
}

#[tokio::test]
async fn documents_that_end_together_are_one_mail_and_each_failure_is_told_once() {
    let world = World::new().await;
    let ana = world.person("ana@example.org", Language::En).await;
    let one = document(&world, "one", "One", &ana).await;
    let two = document(&world, "two", "Two", &ana).await;
    end(&world, &one, false).await;
    world.sql("INSERT INTO jobs (kind, key) VALUES ('index_document', 'two'), ('delete_document', 'other')").await;
    assert!(world.step().await.is_empty(), "the other one is still in work");
    world.sql("UPDATE jobs SET created_at = now() - interval '200 seconds'").await;
    end(&world, &two, true).await;
    let mails = world.step().await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(mail.subject(), "Your documents: 1 ready, 1 failed");
    assert!(mail.text().contains("- One (failed)\n  https://chat.example.org/documents/one"), "{}", mail.text());

    // A start of the server tries it again by itself, and it fails again: nobody is told twice.
    world.sql("INSERT INTO jobs (kind, key) VALUES ('index_document', 'one')").await;
    end(&world, &one, false).await;
    assert_eq!(world.step().await.len(), 1);
    // Whoever has it tried again is.
    assert!(world.store.retry_document(&ana, &one).await.unwrap());
    end(&world, &one, false).await;
    let mails = world.step().await;
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[1].subject(), "Document failed: One");
    assert!(mails[1].text().contains("“One” could not be processed"), "{}", mails[1].text());
}

#[tokio::test]
async fn what_is_deleted_before_its_mail_is_sent_is_told_to_nobody() {
    let world = World::new().await;
    let ana = world.person("ana@example.org", Language::En).await;
    let id = document(&world, "d", "Secret plan", &ana).await;
    end(&world, &id, false).await;
    assert_eq!(
        world.count("SELECT count(*) FROM mails WHERE mails::text LIKE '%Secret%'").await,
        0,
        "no title in the outbox"
    );
    assert!(world.store.delete_document(&ana, &id).await.unwrap());
    assert!(world.step().await.is_empty());
    assert_eq!(world.count("SELECT count(*) FROM mails").await, 0);
}

async fn asked(world: &World, viewer: &Viewer, question: &str, temporary: bool) -> Turn {
    // The request that asks is the last one that is seen.
    world.store.load_signed_in(&viewer.user_id).await.unwrap();
    let text = MessageText::parse(question).unwrap();
    let title = ChatTitle::from_question(&text);
    let turn = NewTurn {
        viewer,
        chat: None,
        instead_of: None,
        title: &title,
        text: &text,
        message: None,
        model: "m",
        temporary,
        folder: None,
        images: &[],
        choices: &Choices::default(),
    };
    let TurnOutcome::Started(turn) = world.store.start_turn(turn).await.unwrap() else { panic!("not started") };
    turn
}

async fn answered(world: &World, turn: &Turn, status: MessageStatus) {
    let end = FinishedGeneration { status, content: "The secret answer", ..FinishedGeneration::of(&turn.generation) };
    world.store.finish_generation(end).await.unwrap();
}

#[tokio::test]
async fn a_long_answer_is_told_to_who_went_away_and_to_nobody_else() {
    let world = World::new().await;
    let ana = world.person("ana@example.org", Language::En).await;

    let short = asked(&world, &ana, "Short?", false).await;
    world.clock.advance(110);
    answered(&world, &short, MessageStatus::Complete).await;

    let temporary = asked(&world, &ana, "Temporary?", true).await;
    world.clock.advance(600);
    answered(&world, &temporary, MessageStatus::Complete).await;

    let stopped = asked(&world, &ana, "Stopped?", false).await;
    world.clock.advance(600);
    answered(&world, &stopped, MessageStatus::Stopped).await;

    let watched = asked(&world, &ana, "Watched?", false).await;
    world.clock.advance(100);
    world.store.note_presence(&ana.user_id).await.unwrap();
    world.clock.advance(300);
    answered(&world, &watched, MessageStatus::Complete).await;

    let elsewhere = asked(&world, &ana, "Elsewhere?", false).await;
    world.clock.advance(95);
    world.store.load_signed_in(&ana.user_id).await.unwrap();
    world.clock.advance(300);
    answered(&world, &elsewhere, MessageStatus::Complete).await;
    assert!(world.step().await.is_empty(), "short, temporary, stopped, watched, or used elsewhere");

    let long = asked(&world, &ana, "Long?", false).await;
    world.clock.advance(10);
    // The page that shows the answer is loaded in its first moments.
    world.store.load_signed_in(&ana.user_id).await.unwrap();
    world.clock.advance(120);
    answered(&world, &long, MessageStatus::Complete).await;
    answered(&world, &long, MessageStatus::Complete).await;
    let failed = asked(&world, &ana, "Failed?", false).await;
    world.clock.advance(200);
    answered(&world, &failed, MessageStatus::Failed).await;
    let mails = world.step().await;
    let mut subjects: Vec<_> = mails.iter().map(|mail| mail.subject()).collect();
    subjects.sort();
    assert_eq!(subjects, ["Answer not finished: Failed?", "Answer ready: Long?"]);
    for mail in &mails {
        assert!(!mail.source.contains("secret answer") && !mail.text().contains("secret"), "{}", mail.source);
    }
    let ready = mails.iter().find(|mail| mail.subject().contains("Long")).unwrap();
    assert!(ready.text().contains(&format!("https://chat.example.org/chat/{}", long.chat.id)), "{}", ready.text());
}

#[tokio::test]
async fn a_new_key_is_told_even_when_it_is_revoked_at_once_and_the_key_is_not_in_the_mail() {
    let world = World::new().await;
    let ana = world.person("ana@example.org", Language::Es).await;
    let name = KeyName::parse("portátil").unwrap();
    let (key, secret) = world.store.create_api_key(&ana.user_id, &name, Scope::Read, None).await.unwrap();
    assert!(world.store.delete_api_key(&ana, &key.id).await.unwrap());
    let mails = world.step().await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(mail.subject(), "Nueva clave de API: portátil");
    assert!(
        mail.text().contains(&key.prefix) && mail.text().contains("https://chat.example.org/account"),
        "{}",
        mail.text()
    );
    assert!(!mail.text().contains(&secret) && !mail.html().contains(&secret));
}

#[tokio::test]
async fn a_sign_in_on_a_new_device_is_told_and_one_on_a_known_device_is_not() {
    let world = World::new().await;
    let ana = world.person("ana@example.org", Language::En).await;
    let sign_in = async |address: &str, agent: &str| {
        world.store.note_sign_in(&ana.user_id, "google", Some(address), Some(agent)).await.unwrap();
        world.step().await
    };
    assert!(sign_in("203.0.113.7", "Firefox/131").await.is_empty(), "the first of all");
    assert!(sign_in("203.0.113.99", "Firefox/132").await.is_empty(), "the same browser, updated");
    let mails = sign_in("198.51.100.4", "Evil/1.0\r\nBcc: all@example.org").await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(mail.subject(), "Sign-in on a new device");
    let text = mail.text();
    assert!(
        text.contains("Network address: 198.51.100.4") && text.contains("Browser: Evil/1.0Bcc: all@example.org"),
        "{text}"
    );
    assert!(text.contains("https://chat.example.org/account"), "{text}");
    assert_eq!(sign_in("198.51.100.5", "Evil/1.0\r\nBcc: all@example.org").await.len(), 1, "known by now");
}

#[tokio::test]
async fn an_invited_address_gets_the_link_and_a_revoked_invitation_is_told_to_nobody() {
    let world = World::new().await;
    let owner = world.person("owner@example.org", Language::En).await;
    world.change(&owner.user_id, |settings| UserSettings { email_notifications: false, ..settings }).await;
    let owner = Viewer { role: Role::Owner, ..owner };
    let leo = Email::parse("leo@example.org").unwrap();
    let invite = async |email: &Email, tell| world.store.invite(Some(&owner), email, Role::User, tell).await.unwrap();
    assert_eq!(invite(&leo, true).await, Some(true));
    let mails = world.step().await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(mail.to, ["leo@example.org"]);
    assert_eq!(mail.subject(), "Invitation to Cjhirashi at chat.example.org");
    let text = mail.text();
    assert!(
        text.contains("owner@example.org invites you") && text.contains("https://chat.example.org/sign-in"),
        "{text}"
    );
    assert!(!text.contains("/settings"), "who has no account has no settings: {text}");
    let delivery = world.store.invitation_mails().await.unwrap();
    assert_eq!(delivery.get("leo@example.org"), Some(&cjhirashi_storage::Delivery::Sent));

    assert_eq!(invite(&leo, true).await, Some(true), "whoever is invited again is told again");
    assert!(world.store.revoke_invitation(&owner, leo.as_str()).await.unwrap());
    assert_eq!(invite(&Email::parse("eva@example.org").unwrap(), false).await, Some(false));
    assert_eq!(invite(&Email::parse("eva@localhost").unwrap(), true).await, Some(false));
    assert_eq!(world.step().await.len(), 1);
    assert_eq!(world.count("SELECT count(*) FROM mails").await, 0, "the mail goes with its invitation");
}

#[tokio::test]
async fn off_means_off_and_so_do_being_kept_out_and_an_address_that_is_nobodys() {
    let world = World::new().await;
    let name = KeyName::parse("k").unwrap();
    let key = async |viewer: &Viewer| {
        world.store.create_api_key(&viewer.user_id, &name, Scope::Read, None).await.unwrap();
        world.step().await.len()
    };
    let off = world.person("off@example.org", Language::En).await;
    world.change(&off.user_id, |settings| UserSettings { email_notifications: false, ..settings }).await;
    assert_eq!(key(&off).await, 0, "turned off");
    for made_up in ["owner@localhost", "owner@box.localhost", "someone@example.invalid"] {
        let person = world.person(made_up, Language::En).await;
        assert_eq!(key(&person).await, 0, "{made_up}");
    }
    let unproven = world.person("unproven@example.org", Language::En).await;
    world.sql("UPDATE users SET email_verified_at = NULL WHERE email = 'unproven@example.org'").await;
    assert_eq!(key(&unproven).await, 0, "an address that nobody verified");
    let out = world.person("out@example.org", Language::En).await;
    world.sql("UPDATE users SET disabled_at = now() WHERE email = 'out@example.org'").await;
    assert_eq!(key(&out).await, 0, "kept out");
    assert_eq!(world.count("SELECT count(*) FROM mails").await, 0, "none is even written");

    // Who turns it off, or is kept out, between cause and mail gets none either.
    let ana = world.person("ana@example.org", Language::En).await;
    world.store.create_api_key(&ana.user_id, &name, Scope::Read, None).await.unwrap();
    world.change(&ana.user_id, |settings| UserSettings { email_notifications: false, ..settings }).await;
    assert_eq!(world.step().await.len(), 0);
    world.change(&ana.user_id, |settings| UserSettings { email_notifications: true, ..settings }).await;
    assert_eq!(world.step().await.len(), 0, "nor later");
    assert_eq!(key(&ana).await, 1, "only what comes after");
}

#[tokio::test]
async fn a_person_who_leaves_takes_their_unsent_mail_along() {
    let world = World::new().await;
    let ana = world.person("ana@example.org", Language::En).await;
    world.store.create_api_key(&ana.user_id, &KeyName::parse("k").unwrap(), Scope::Read, None).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM mails").await, 1);
    assert!(world.store.delete_person(&ana, None).await.unwrap().is_some());
    assert_eq!(world.count("SELECT count(*) FROM mails").await, 0);
    assert!(world.step().await.is_empty());
}

#[tokio::test]
async fn nothing_is_written_where_no_mail_is_sent() {
    let world = World::new().await;
    let ana = world.person("ana@example.org", Language::En).await;
    let (without, _) = crate::support::store(&world.database, false).await;
    without.create_api_key(&ana.user_id, &KeyName::parse("k").unwrap(), Scope::Read, None).await.unwrap();
    let owner = Viewer { user_id: ana.user_id, role: Role::Owner };
    let leo = Email::parse("leo@example.org").unwrap();
    assert_eq!(without.invite(Some(&owner), &leo, Role::User, true).await.unwrap(), Some(false));
    assert_eq!(world.count("SELECT count(*) FROM mails").await, 0);
}

#[tokio::test]
async fn no_title_adds_a_header_or_a_line() {
    let world = World::new().await;
    let ana = world.person("ana@example.org", Language::En).await;
    let evil = [
        "a\r\nBcc: victim@example.org",
        "b\nContent-Type: text/html\n\n<script>alert(1)</script>",
        "c\r\n.\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA",
        "d =?utf-8?q?=0D=0ABcc:_victim@example.org?=",
        "e\u{2028}\u{202e}\u{0085}X-Evil: 1",
    ];
    for (n, title) in evil.iter().enumerate() {
        let id = document(&world, &format!("d{n}"), title, &ana).await;
        end(&world, &id, false).await;
        let mails = world.step().await;
        assert_eq!(mails.len(), n + 1, "{title:?}");
        let mail = &mails[n];
        assert_eq!(mail.to, ["ana@example.org"], "{title:?}");
        let mut names: Vec<_> = mail.headers().into_iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        let expected =
            ["auto-submitted", "content-type", "date", "from", "message-id", "mime-version", "subject", "to"];
        assert_eq!(names, expected, "{title:?}:\n{}", mail.source);
        assert!(!mail.html().contains("<script"), "{}", mail.html());
        assert!(!mail.text().lines().any(|line| line.starts_with("Bcc") || line == "."), "{}", mail.text());
    }
}

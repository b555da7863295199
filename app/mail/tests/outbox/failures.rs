//! A server that refuses or hangs, and workers that die.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cjhirashi_domain::{Viewer, api_key::Scope, settings::Language, text::KeyName};
use cjhirashi_mail::{MailConfig, MailWorker, MailWorkerOptions, Mailer};
use cjhirashi_storage::MailCount;
use cjhirashi_testkit::smtp::Behaviour;

use crate::{
    causes::{document, end},
    support::{World, mailer, store},
};

async fn with_mails(count: usize) -> (World, Viewer) {
    let world = World::new().await;
    let ana = world.person("ana@example.org", Language::En).await;
    for n in 0..count {
        let name = KeyName::parse(&format!("k{n}")).unwrap();
        world.store.create_api_key(&ana.user_id, &name, Scope::Read, None).await.unwrap();
    }
    (world, ana)
}

async fn due(world: &World) -> (i32, f64, Option<String>) {
    sqlx::query_as("SELECT attempts, extract(epoch FROM run_at - now())::float8, error FROM mails")
        .fetch_one(world.store.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_mail_that_is_refused_for_now_is_tried_again_with_longer_pauses_and_given_up_after_a_day() {
    let (world, _) = with_mails(1).await;
    world.server.set(Behaviour::RefuseForNow);
    for (attempt, pause) in [(1, 30.0), (2, 60.0), (3, 120.0)] {
        assert!(world.step().await.is_empty());
        let (attempts, wait, error) = due(&world).await;
        assert_eq!(attempts, attempt);
        assert!((pause * 0.9..pause * 1.3).contains(&wait), "{wait} s after {attempt} attempts");
        assert!(error.is_some_and(|error| error.contains("try again later")));
        assert_eq!(world.step().await.len(), 0, "not before its time");
        assert_eq!(due(&world).await.0, attempt);
        world.sql("UPDATE mails SET run_at = now()").await;
    }
    world.sql("UPDATE mails SET attempts = 30").await;
    world.step().await;
    let (_, wait, _) = due(&world).await;
    assert!(wait < 3600.0 * 1.3, "at most an hour and a quarter: {wait} s");
    world.sql("UPDATE mails SET run_at = now(), created_at = now() - interval '23 hours 59 minutes'").await;
    world.step().await;
    let dead = MailCount { waiting: 0, dead: 1 };
    assert_eq!(world.store.count_mails().await.unwrap(), dead, "there is no next time within its day");
    world.server.set(Behaviour::Accept);
    assert!(world.step().await.is_empty(), "a dead letter stays dead");
}

#[tokio::test]
async fn of_documents_that_were_one_message_each_has_its_own_day() {
    let (world, ana) = with_mails(0).await;
    for id in ["old", "young"] {
        let document = document(&world, id, id, &ana).await;
        end(&world, &document, false).await;
    }
    world
        .sql("UPDATE mails SET created_at = now() - interval '23 hours 59 minutes 50 seconds' WHERE subject = 'old'")
        .await;
    world.server.set(Behaviour::RefuseForNow);
    assert!(world.step().await.is_empty());
    assert_eq!(world.store.count_mails().await.unwrap(), MailCount { waiting: 1, dead: 1 });
    world.server.set(Behaviour::Accept);
    world.sql("UPDATE mails SET run_at = now()").await;
    let mails = world.step().await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert!(mail.text().contains("young") && !mail.text().contains("old"), "{}", mail.text());
}

#[tokio::test]
async fn a_mail_that_waited_for_more_than_a_day_is_given_up_unsent() {
    let (world, _) = with_mails(2).await;
    world.sql("UPDATE mails SET created_at = now() - interval '25 hours' WHERE data->>'name' = 'k0'").await;
    let mails = world.step().await;
    assert_eq!(mails.iter().map(|mail| mail.subject()).collect::<Vec<_>>(), ["New API key: k1"]);
    assert_eq!(world.store.count_mails().await.unwrap(), MailCount { waiting: 0, dead: 1 });
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_given_up_at_once_and_a_refused_login_is_not() {
    let (world, ana) = with_mails(1).await;
    world.server.set(Behaviour::RefuseForGood);
    world.step().await;
    assert_eq!(world.store.count_mails().await.unwrap(), MailCount { waiting: 0, dead: 1 });
    assert!(due(&world).await.2.is_some_and(|error| error.contains("nobody of that name")));

    world.store.create_api_key(&ana.user_id, &KeyName::parse("k").unwrap(), Scope::Read, None).await.unwrap();
    world.server.set(Behaviour::RefuseLogin);
    world.step().await;
    assert_eq!(world.store.count_mails().await.unwrap(), MailCount { waiting: 1, dead: 1 });
    world.server.set(Behaviour::Accept);
    world.sql("UPDATE mails SET run_at = now()").await;
    assert_eq!(world.step().await.len(), 1);
}

#[tokio::test]
async fn two_replicas_send_each_mail_once() {
    let (world, _) = with_mails(12).await;
    let (other, _) = store(&world.database, true).await;
    let options = MailWorkerOptions { batch: 2, ..world.options.clone() };
    let workers =
        [&world.store, &other].map(|store| MailWorker::start(store.clone(), mailer(&world.server), options.clone()));
    let deadline = Instant::now() + Duration::from_secs(20);
    while world.store.count_mails().await.unwrap().waiting > 0 {
        assert!(Instant::now() < deadline, "{:?}", world.store.count_mails().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for worker in workers {
        worker.shutdown().await;
    }
    let mut subjects: Vec<_> = world.server.received().iter().map(|mail| mail.subject()).collect();
    subjects.sort();
    subjects.dedup();
    assert_eq!((subjects.len(), world.server.received().len()), (12, 12));
}

#[tokio::test]
async fn the_mail_of_a_process_that_died_is_sent_by_another_and_what_it_says_afterwards_counts_no_more() {
    let (world, _) = with_mails(1).await;
    // Takes the mail, and is never heard of again.
    let lost = world.store.claim_mails(10, Duration::from_millis(300)).await.unwrap();
    assert_eq!(lost.len(), 1);
    assert!(world.step().await.is_empty(), "while the lease lasts it is the other's");
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(world.step().await.len(), 1);
    assert_eq!(world.store.note_sent(&lost).await.unwrap(), 0, "its claim is another's by now");
    world.store.retry_mails(&lost, Duration::ZERO, Some("late")).await.unwrap();
    assert_eq!(world.step().await.len(), 1, "once");
}

#[tokio::test]
async fn a_server_that_hangs_holds_up_nothing_but_mail_and_a_shutdown_does_not_wait_for_it() {
    let (world, ana) = with_mails(3).await;
    world.server.set(Behaviour::Hang);
    let config = MailConfig::parse(&world.server.url(), "a@example.org").unwrap();
    let patient = Arc::new(Mailer::new(config, "https://chat.example.org").unwrap());
    let options = MailWorkerOptions {
        lease: Duration::from_secs(60),
        grace: Duration::from_millis(100),
        ..world.options.clone()
    };
    let worker = MailWorker::start(world.store.clone(), patient, options);
    world.server.wait_for_connections(3).await;
    // A connection is given back by a task of its own, a moment after it was used.
    let given_back = Instant::now() + Duration::from_secs(2);
    while world.store.pool_state().0 as usize != world.store.pool_state().1 {
        assert!(Instant::now() < given_back, "a connection is held: {:?}", world.store.pool_state());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let asked = Instant::now();
    for _ in 0..20 {
        world.store.load_signed_in(&ana.user_id).await.unwrap();
    }
    assert!(asked.elapsed() < Duration::from_secs(2));
    let stopping = Instant::now();
    worker.shutdown().await;
    assert!(stopping.elapsed() < Duration::from_secs(5), "{:?}", stopping.elapsed());
    let attempts: Vec<i32> =
        sqlx::query_scalar("SELECT attempts FROM mails").fetch_all(world.store.pool()).await.unwrap();
    assert_eq!(attempts, [0, 0, 0], "what a shutdown cut off is no failure");
    world.server.set(Behaviour::Accept);
    assert_eq!(world.step().await.len(), 3, "due at once");
}

#[tokio::test]
async fn a_server_that_takes_too_long_counts_as_one_that_is_away() {
    let (world, _) = with_mails(1).await;
    world.server.set(Behaviour::Hang);
    assert!(world.step().await.is_empty());
    let (attempts, _, error) = due(&world).await;
    assert_eq!(attempts, 1);
    assert!(error.is_some_and(|error| error.contains("took longer than 0.5 s")));
}

#[tokio::test]
async fn where_encryption_is_demanded_nothing_is_said_to_a_server_without() {
    let (world, _) = with_mails(1).await;
    let url = format!("{}?tls=required", world.server.url());
    let config = MailConfig::parse(&url, "a@example.org").unwrap();
    let strict = Arc::new(Mailer::new(config, "https://chat.example.org").unwrap());
    let error = strict.check().await.unwrap_err().to_string();
    assert!(!error.contains("pa55"), "{error}");
    MailWorker::run_due(&world.store, &strict, &MailWorkerOptions::default()).await.unwrap();
    assert!(world.server.received().is_empty());
    assert_eq!(world.store.count_mails().await.unwrap().waiting, 1);
}

#[tokio::test]
async fn the_check_tells_whether_the_server_is_there_and_takes_the_login() {
    let world = World::new().await;
    assert_eq!(world.mailer.check().await, Ok(()));
    world.server.set(Behaviour::RefuseLogin);
    let error = world.mailer.check().await.unwrap_err();
    assert!(error.to_string().contains("wrong user or password") && !error.permanent, "{error}");
    let gone = MailConfig::parse("smtp://127.0.0.1:9", "a@example.org").unwrap();
    assert!(Mailer::new(gone, "https://chat.example.org").unwrap().check().await.is_err());
}

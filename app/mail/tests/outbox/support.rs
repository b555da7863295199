//! A store with people, a mail server, and steps of the worker.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use cjhirashi_domain::{
    Timestamp, Viewer,
    settings::{Language, UserSettings},
    user::{Email, Role},
};
use cjhirashi_mail::{MailConfig, MailWorker, MailWorkerOptions, Mailer};
use cjhirashi_storage::{AppSecret, Environment, Store, StoreOptions, SystemEnvironment};
use cjhirashi_testkit::{FakeSmtp, TestDb, smtp::ReceivedMail};

/// A clock that a test moves.
#[derive(Debug)]
pub(crate) struct Clock(AtomicI64);

impl Clock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Environment for Clock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    fn random(&self) -> u128 {
        SystemEnvironment.random()
    }
}

pub(crate) struct World {
    pub(crate) database: TestDb,
    pub(crate) store: Store,
    pub(crate) clock: Arc<Clock>,
    pub(crate) server: FakeSmtp,
    pub(crate) mailer: Arc<Mailer>,
    pub(crate) options: MailWorkerOptions,
}

pub(crate) async fn store(database: &TestDb, mail: bool) -> (Store, Arc<Clock>) {
    let clock = Arc::new(Clock(AtomicI64::new(SystemEnvironment.now().0)));
    let options = StoreOptions {
        max_connections: 4,
        mail,
        environment: clock.clone(),
        ..StoreOptions::new(&database.url, AppSecret::new(*b"a secret that only tests may know"))
    };
    (Store::connect(options).await.unwrap(), clock)
}

pub(crate) fn mailer(server: &FakeSmtp) -> Arc<Mailer> {
    let config = MailConfig::parse(&server.url(), "Cjhirashi <no-reply@example.org>").unwrap();
    Arc::new(Mailer::new(config, "https://chat.example.org").unwrap().with_patience(Duration::from_millis(500)))
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDb::new().await.unwrap();
        let (store, clock) = store(&database, true).await;
        store.migrate().await.unwrap();
        let server = FakeSmtp::start().await.unwrap();
        let mailer = mailer(&server);
        let options = MailWorkerOptions {
            lease: Duration::from_secs(2),
            poll: Duration::from_millis(20),
            ..MailWorkerOptions::default()
        };
        Self { database, store, clock, server, mailer, options }
    }

    /// Somebody whose address is known to be theirs, and their language.
    pub(crate) async fn person(&self, email: &str, language: Language) -> Viewer {
        let user = self.store.ensure_user(&Email::parse(email).unwrap(), Role::User).await.unwrap();
        self.change(&user.id, |settings| UserSettings { language, ..settings }).await;
        Viewer { user_id: user.id, role: Role::User }
    }

    pub(crate) async fn change(
        &self,
        user: &cjhirashi_domain::id::UserId,
        change: impl FnOnce(UserSettings) -> UserSettings + Send,
    ) {
        self.store.change_settings(user, |settings| Some(change(settings))).await.unwrap();
    }

    /// Runs what is due now; what the server has by then.
    pub(crate) async fn step(&self) -> Vec<ReceivedMail> {
        MailWorker::run_due(&self.store, &self.mailer, &self.options).await.unwrap();
        self.server.received()
    }

    pub(crate) async fn sql(&self, sql: &'static str) {
        sqlx::query(sql).execute(self.store.pool()).await.unwrap();
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.store.pool()).await.unwrap()
    }
}

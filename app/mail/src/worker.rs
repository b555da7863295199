//! Takes mails from the outbox, sends them, and decides how one that failed goes on.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use cjhirashi_domain::id::UserId;
use cjhirashi_storage::{Content, Mail, StorageError, Store};
use futures::{StreamExt as _, stream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Draft, MailError, Mailer};

/// The end of a mail that was sent is noted so often, as it would otherwise be sent again.
const NOTING: u32 = 5;

/// How mails are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailWorkerOptions {
    /// Mails that are taken at once; those of one person's documents are one message.
    pub batch: i64,
    /// Messages that are sent at the same time.
    pub concurrency: usize,
    /// How long a dead process keeps others from its mails; longer than a server may take for one.
    pub lease: Duration,
    /// How often to look for mails.
    pub poll: Duration,
    /// The pause after the first failure; each further one doubles it.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// A mail older than this is given up.
    pub most_age: Duration,
    /// How long a shutdown waits for what is being sent.
    pub grace: Duration,
}

impl Default for MailWorkerOptions {
    fn default() -> Self {
        Self {
            batch: 50,
            concurrency: 4,
            lease: Duration::from_secs(120),
            poll: Duration::from_secs(2),
            first_pause: Duration::from_secs(30),
            longest_pause: Duration::from_secs(60 * 60),
            most_age: Duration::from_secs(24 * 60 * 60),
            grace: Duration::from_secs(3),
        }
    }
}

/// Sends mail until it is shut down. Any number of them, in any number of processes, share the work. It holds no
/// connection to the database while it speaks with the server, and no slot of the job queue at any time: a server that
/// hangs holds up mail alone.
#[derive(Debug)]
pub struct MailWorker;

/// A running worker. Dropped without a shutdown, its mails are sent by others when their leases run out.
#[derive(Debug)]
pub struct MailWorkerHandle {
    stop: CancellationToken,
    main: JoinHandle<()>,
}

impl MailWorkerHandle {
    /// Takes no more mails, waits a moment for those that are being sent, puts back the rest, and returns.
    pub async fn shutdown(self) {
        self.stop.cancel();
        if let Err(error) = self.main.await {
            tracing::error!(%error, "the sending of mail did not end well");
        }
    }
}

impl MailWorker {
    /// Starts to send mail in the background.
    #[must_use]
    pub fn start(store: Store, mailer: Arc<Mailer>, options: MailWorkerOptions) -> MailWorkerHandle {
        let stop = CancellationToken::new();
        let main = tokio::spawn(Sender { store, mailer, options, stop: stop.clone() }.run());
        MailWorkerHandle { stop, main }
    }

    /// Sends the mails that are due now, and returns how many were taken: for tests, which want to step.
    ///
    /// # Errors
    /// [`StorageError`] when none can be taken.
    pub async fn run_due(
        store: &Store,
        mailer: &Arc<Mailer>,
        options: &MailWorkerOptions,
    ) -> Result<usize, StorageError> {
        let sender = Sender {
            store: store.clone(),
            mailer: Arc::clone(mailer),
            options: options.clone(),
            stop: CancellationToken::new(),
        };
        sender.send_due().await
    }
}

/// What is sent at once: one mail, or all of one person's documents.
struct Bundle {
    mails: Vec<Mail>,
    contents: Vec<Content>,
}

struct Sender {
    store: Store,
    mailer: Arc<Mailer>,
    options: MailWorkerOptions,
    stop: CancellationToken,
}

impl Sender {
    async fn run(self) {
        let mut failures = 0_u32;
        while !self.stop.is_cancelled() {
            let pause = match self.send_due().await {
                Ok(0) => self.options.poll,
                Ok(_) => {
                    failures = 0;
                    continue;
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures == 1 {
                        tracing::warn!(%error, "no mails can be taken; trying on");
                    }
                    self.options.poll * failures.min(10)
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn send_due(&self) -> Result<usize, StorageError> {
        let began = Instant::now();
        let mails = self.store.claim_mails(self.options.batch, self.options.lease).await?;
        let taken = mails.len();
        if taken == 0 {
            return Ok(0);
        }
        let (old, mails): (Vec<_>, Vec<_>) = mails.into_iter().partition(|mail| mail.age > self.options.most_age);
        if !old.is_empty() {
            self.give_up(&old, "it waited too long").await?;
        }
        let mut contents = self.store.read_mails(&mails).await?;
        let (wanted, gone): (Vec<_>, Vec<_>) = mails.into_iter().partition(|mail| contents.contains_key(&mail.id));
        if !gone.is_empty() {
            tracing::debug!(mails = gone.len(), "mails are no longer to be sent");
            self.store.drop_mails(&gone).await?;
        }
        let mut bundles = Vec::new();
        let mut of_documents: BTreeMap<UserId, Bundle> = BTreeMap::new();
        for mail in wanted {
            let Some(content) = contents.remove(&mail.id) else { continue };
            match &mail.user {
                Some(user) if mail.kind.is_of_a_document() => {
                    let bundle = of_documents
                        .entry(user.clone())
                        .or_insert_with(|| Bundle { mails: Vec::new(), contents: Vec::new() });
                    bundle.mails.push(mail);
                    bundle.contents.push(content);
                }
                _ => bundles.push(Bundle { mails: vec![mail], contents: vec![content] }),
            }
        }
        bundles.extend(of_documents.into_values());
        stream::iter(bundles)
            .for_each_concurrent(self.options.concurrency.max(1), async |bundle| {
                if let Err(error) = self.deliver(&bundle, began).await {
                    // Its lease runs out, and it is sent once more: seldom twice rather than never.
                    tracing::warn!(%error, "the end of a mail could not be noted");
                }
            })
            .await;
        Ok(taken)
    }

    async fn deliver(&self, bundle: &Bundle, began: Instant) -> Result<(), StorageError> {
        let Bundle { mails, contents } = bundle;
        let (Some(mail), Some(content)) = (mails.first(), contents.first()) else { return Ok(()) };
        // What cannot be sent within the lease is not begun: somebody else may take it by then.
        let late = began.elapsed() + self.mailer.patience() >= self.options.lease;
        if late || self.stop.is_cancelled() {
            return self.store.retry_mails(mails, Duration::ZERO, None).await;
        }
        let sent = match Draft::write(contents, self.mailer.app_url()) {
            Some(draft) => tokio::select! {
                sent = self.mailer.send(mail.id.as_str(), &content.to, content.written_at, &draft) => sent,
                () = self.cut_off() => return self.store.retry_mails(mails, Duration::ZERO, None).await,
            },
            None => return self.store.drop_mails(mails).await,
        };
        match sent {
            Ok(()) => {
                count(mails, "sent");
                tracing::info!(mail.id = %mail.id, mail.kind = mail.kind.as_str(), mails = mails.len(), "a mail was sent");
                self.note_sent(mails).await
            }
            Err(error) => self.fail(mails, &error).await,
        }
    }

    async fn fail(&self, mails: &[Mail], error: &MailError) -> Result<(), StorageError> {
        let pause = self.pause(mails.iter().map(|mail| mail.attempts).max().unwrap_or(1));
        // Of what was one message each has its own day.
        let last = |mail: &Mail| error.permanent || mail.age + pause > self.options.most_age;
        let (last, again): (Vec<Mail>, Vec<Mail>) = mails.iter().cloned().partition(last);
        let error = error.to_string();
        if !last.is_empty() {
            self.give_up(&last, &error).await?;
        }
        let Some(mail) = again.first() else { return Ok(()) };
        count(&again, "retried");
        tracing::warn!(
            mail.id = %mail.id, mail.kind = mail.kind.as_str(), error, after_ms = pause.as_millis(),
            "a mail was not sent and will be tried again"
        );
        self.store.retry_mails(&again, pause, Some(&error)).await
    }

    async fn give_up(&self, mails: &[Mail], error: &str) -> Result<(), StorageError> {
        count(mails, "dead");
        for mail in mails {
            tracing::error!(mail.id = %mail.id, mail.kind = mail.kind.as_str(), error, "a mail was given up");
        }
        self.store.bury_mails(mails, error).await
    }

    async fn note_sent(&self, mails: &[Mail]) -> Result<(), StorageError> {
        let mut tried = 1;
        loop {
            match self.store.note_sent(mails).await {
                Ok(_) => return Ok(()),
                Err(error) if tried >= NOTING => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(200) * tried).await,
            }
            tried += 1;
        }
    }

    /// Ends a while after the worker is told to stop.
    async fn cut_off(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(self.options.grace).await;
    }

    /// The pause after a number of attempts, up to a quarter more, so that what failed together does not come back together.
    fn pause(&self, attempts: i32) -> Duration {
        let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
        let pause = self.options.first_pause.saturating_mul(1 << doublings).min(self.options.longest_pause);
        pause.mul_f64(1.0 + rand::random::<f64>() / 4.0)
    }
}

fn count(mails: &[Mail], outcome: &'static str) {
    for mail in mails {
        metrics::counter!("cjhirashi_mails_total", "kind" => mail.kind.as_str(), "outcome" => outcome).increment(1);
    }
}

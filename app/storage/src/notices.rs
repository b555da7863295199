//! Hears what processes announce to each other with `NOTIFY`: one connection for all that listen here, apart from the
//! pool, so that listening takes nothing from the queries.
//!
//! Behind a pooler that shares sessions nothing is heard; whoever listens therefore also looks from time to time.

use std::{sync::Arc, time::Duration};

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::{
    sync::{Mutex, broadcast},
    task::JoinSet,
};

use crate::{Result, StorageError};

/// Notices of its channel kept for a listener that is busy; one that misses some is told so.
const KEPT: usize = 1024;

/// The longest wait for the connection.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// A job was asked for.
    Jobs,
    /// A run has new events or should stop.
    Generations,
    /// Another version of a document answers, or it was deleted, shared or un-shared. The trigger in the schema
    /// names it too.
    Documents,
    /// Another vector index answers, or one is built. The trigger in the schema names it too.
    Indexes,
    /// A chat was made, changed or deleted. The trigger in the schema names it too.
    Chats,
}

impl Channel {
    const ALL: [Self; 5] = [Self::Jobs, Self::Generations, Self::Documents, Self::Indexes, Self::Chats];

    /// PostgreSQL's name for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Jobs => "cjhirashi_jobs",
            Self::Generations => "cjhirashi_generations",
            Self::Documents => "documents_changed",
            Self::Indexes => "vector_indexes_changed",
            Self::Chats => "chats_changed",
        }
    }
}

#[derive(Debug, Clone)]
enum Notice {
    /// Somebody announced this on the listener's channel.
    Heard(Arc<str>),
    /// The connection was lost and made anew: something may have been missed.
    Missed,
    /// The connection is lost and none can be made.
    Silent,
}

/// One for each channel: running answers announce up to thousands of times a second, and whoever waits for something
/// rare must not miss it among these.
#[derive(Debug, Clone)]
struct Senders {
    jobs: broadcast::Sender<Notice>,
    generations: broadcast::Sender<Notice>,
    documents: broadcast::Sender<Notice>,
    indexes: broadcast::Sender<Notice>,
    chats: broadcast::Sender<Notice>,
}

impl Senders {
    fn new() -> Self {
        let [jobs, generations, documents, indexes, chats] = Channel::ALL.map(|_| broadcast::Sender::new(KEPT));
        Self { jobs, generations, documents, indexes, chats }
    }

    const fn of(&self, channel: Channel) -> &broadcast::Sender<Notice> {
        match channel {
            Channel::Jobs => &self.jobs,
            Channel::Generations => &self.generations,
            Channel::Documents => &self.documents,
            Channel::Indexes => &self.indexes,
            Channel::Chats => &self.chats,
        }
    }

    /// To those who listen to one channel.
    fn send(&self, channel: Channel, notice: Notice) {
        // It fails when nobody listens right now.
        let _ = self.of(channel).send(notice);
    }

    /// About the connection, which is everybody's.
    fn send_to_all(&self, notice: &Notice) {
        for channel in Channel::ALL {
            self.send(channel, notice.clone());
        }
    }
}

/// The one connection, made when the first one listens.
#[derive(Debug)]
pub(crate) struct Notices {
    pool: PgPool,
    senders: Senders,
    /// At most one task, which ends with us.
    task: Mutex<JoinSet<()>>,
}

/// One who listens.
#[derive(Debug)]
pub(crate) struct Listener(broadcast::Receiver<Notice>);

impl Notices {
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_lazy_with(options);
        Self { pool, senders: Senders::new(), task: Mutex::default() }
    }

    /// Listens; what is announced after this returns is heard.
    pub(crate) async fn listen(&self, channel: Channel) -> Result<Listener> {
        let mut task = self.task.lock().await;
        while task.try_join_next().is_some() {}
        let notices = self.senders.of(channel).subscribe();
        if task.is_empty() {
            let mut listener = PgListener::connect_with(&self.pool).await?;
            listener.listen_all(Channel::ALL.map(Channel::name)).await?;
            task.spawn(pass_on(listener, self.senders.clone()));
        }
        Ok(Listener(notices))
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn pass_on(mut listener: PgListener, senders: Senders) {
    loop {
        match listener.try_recv().await {
            Ok(Some(heard)) => {
                if let Some(channel) = Channel::ALL.into_iter().find(|channel| channel.name() == heard.channel()) {
                    senders.send(channel, Notice::Heard(heard.payload().into()));
                }
            }
            Ok(None) => senders.send_to_all(&Notice::Missed),
            Err(error) => {
                tracing::debug!(%error, "notices cannot be heard");
                senders.send_to_all(&Notice::Silent);
                return;
            }
        }
    }
}

impl Listener {
    /// What was announced next. `None`: some may have been missed.
    pub(crate) async fn next(&mut self) -> Result<Option<Arc<str>>> {
        match self.0.recv().await {
            Ok(Notice::Heard(payload)) => Ok(Some(payload)),
            Ok(Notice::Missed) | Err(broadcast::error::RecvError::Lagged(_)) => Ok(None),
            Ok(Notice::Silent) | Err(broadcast::error::RecvError::Closed) => {
                Err(StorageError::Unavailable(sqlx::Error::PoolClosed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_testkit::TestDb;

    use super::*;
    use crate::{AppSecret, Store, StoreOptions, testing::migrated};

    async fn heard(listener: &mut Listener) -> Option<String> {
        listener.next().await.unwrap().map(|payload| payload.to_string())
    }

    async fn announce(store: &Store, channel: Channel, payload: &str) {
        sqlx::query("SELECT pg_notify($1, $2)").bind(channel.name()).bind(payload).execute(store.pool()).await.unwrap();
    }

    #[tokio::test]
    async fn each_hears_its_own_channel_and_is_told_when_the_connection_was_lost() {
        let (_database, store, _) = migrated().await;
        let mut jobs = store.notices.listen(Channel::Jobs).await.unwrap();
        let mut documents = store.notices.listen(Channel::Documents).await.unwrap();
        announce(&store, Channel::Documents, "a").await;
        announce(&store, Channel::Jobs, "b").await;
        assert_eq!(heard(&mut documents).await.as_deref(), Some("a"));
        assert_eq!(heard(&mut jobs).await.as_deref(), Some("b"));
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        assert_eq!(sqlx::query(cut).fetch_all(store.pool()).await.unwrap().len(), 1, "one connection for all");
        assert_eq!(heard(&mut jobs).await, None);
        assert_eq!(heard(&mut documents).await, None);
        announce(&store, Channel::Jobs, "c").await;
        assert_eq!(heard(&mut jobs).await.as_deref(), Some("c"));
    }

    #[tokio::test]
    async fn a_flood_on_one_channel_makes_no_listener_of_another_miss_anything() {
        let (_database, store, _) = migrated().await;
        let mut generations = store.notices.listen(Channel::Generations).await.unwrap();
        let mut documents = store.notices.listen(Channel::Documents).await.unwrap();
        let mut jobs = store.notices.listen(Channel::Jobs).await.unwrap();
        announce(&store, Channel::Documents, "a").await;
        sqlx::query("SELECT pg_notify($1, n::text) FROM generate_series(1, $2) n")
            .bind(Channel::Generations.name())
            .bind(i32::try_from(KEPT * 2).unwrap())
            .execute(store.pool())
            .await
            .unwrap();
        announce(&store, Channel::Jobs, "the last").await;
        assert_eq!(heard(&mut jobs).await.as_deref(), Some("the last"), "all of the flood was passed on");
        assert_eq!(heard(&mut generations).await, None, "who is flooded is told that some were missed");
        assert_eq!(heard(&mut documents).await.as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn the_fewest_connections_allowed_serve_queries_while_everybody_listens() {
        let database = TestDb::new().await.unwrap();
        let secret = AppSecret::new(*b"a secret that only tests may know");
        let options = StoreOptions { max_connections: 2, ..StoreOptions::new(&database.url, secret) };
        let store = Store::connect(options).await.unwrap();
        store.migrate().await.unwrap();
        let (_jobs, _generations, _documents) =
            tokio::try_join!(store.listen_for_jobs(), store.listen_generations(), store.listen_to_documents()).unwrap();
        store.ensure_local_owner().await.unwrap();
        let ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
        let connections: i64 = sqlx::query_scalar(ours).fetch_one(store.pool()).await.unwrap();
        assert_eq!(connections, 2);
    }
}

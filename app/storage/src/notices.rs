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

/// Notices kept for a listener that is busy; one that misses some is told so.
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
}

impl Channel {
    const ALL: [Self; 3] = [Self::Jobs, Self::Generations, Self::Documents];

    /// PostgreSQL's name for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Jobs => "cjhirashi_jobs",
            Self::Generations => "cjhirashi_generations",
            Self::Documents => "documents_changed",
        }
    }
}

#[derive(Debug, Clone)]
enum Notice {
    /// Somebody announced this.
    Heard(Channel, Arc<str>),
    /// The connection was lost and made anew: something may have been missed.
    Missed,
    /// The connection is lost and none can be made.
    Silent,
}

/// The one connection, made when the first one listens.
#[derive(Debug)]
pub(crate) struct Notices {
    pool: PgPool,
    sender: broadcast::Sender<Notice>,
    /// At most one task, which ends with us.
    task: Mutex<JoinSet<()>>,
}

/// One who listens.
#[derive(Debug)]
pub(crate) struct Listener {
    channel: Channel,
    notices: broadcast::Receiver<Notice>,
}

impl Notices {
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_lazy_with(options);
        Self { pool, sender: broadcast::channel(KEPT).0, task: Mutex::default() }
    }

    /// Listens; what is announced after this returns is heard.
    pub(crate) async fn listen(&self, channel: Channel) -> Result<Listener> {
        let mut task = self.task.lock().await;
        while task.try_join_next().is_some() {}
        let notices = self.sender.subscribe();
        if task.is_empty() {
            let mut listener = PgListener::connect_with(&self.pool).await?;
            listener.listen_all(Channel::ALL.map(Channel::name)).await?;
            task.spawn(pass_on(listener, self.sender.clone()));
        }
        Ok(Listener { channel, notices })
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn pass_on(mut listener: PgListener, sender: broadcast::Sender<Notice>) {
    loop {
        let notice = match listener.try_recv().await {
            Ok(Some(heard)) => {
                let Some(channel) = Channel::ALL.into_iter().find(|channel| channel.name() == heard.channel()) else {
                    continue;
                };
                Notice::Heard(channel, heard.payload().into())
            }
            Ok(None) => Notice::Missed,
            Err(error) => {
                tracing::debug!(%error, "notices cannot be heard");
                Notice::Silent
            }
        };
        let ended = matches!(notice, Notice::Silent);
        // It fails when nobody listens right now.
        let _ = sender.send(notice);
        if ended {
            return;
        }
    }
}

impl Listener {
    /// What was announced next. `None`: some may have been missed.
    pub(crate) async fn next(&mut self) -> Result<Option<Arc<str>>> {
        loop {
            match self.notices.recv().await {
                Ok(Notice::Heard(channel, payload)) if channel == self.channel => return Ok(Some(payload)),
                Ok(Notice::Heard(..)) => {}
                Ok(Notice::Missed) | Err(broadcast::error::RecvError::Lagged(_)) => return Ok(None),
                Ok(Notice::Silent) | Err(broadcast::error::RecvError::Closed) => {
                    return Err(StorageError::Unavailable(sqlx::Error::PoolClosed));
                }
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
        announce(&store, Channel::Jobs, "c").await;
        assert_eq!(heard(&mut jobs).await.as_deref(), Some("c"));
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

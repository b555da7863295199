//! Serve until told to stop, then stop in order.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use cjhirashi_domain::id::UserId;
use cjhirashi_storage::{StorageError, Store};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{config::Config, connections, state::Running};

/// How long answers that are being written may go on after the signal.
const DRAIN: Duration = Duration::from_secs(10);
/// How long requests may go on after that.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// How long jobs may take to be given back, and the index to be saved. A database that went away answers nobody.
const LAST_WORK: Duration = Duration::from_secs(10);
/// How long a sign-in link is good for, in ms: one hour.
const SIGN_IN_LINK_MS: i64 = 60 * 60 * 1000;

/// The server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program listens there.
    #[error(
        "{address} is taken by another program; stop that one, or set LISTEN to another port (LISTEN=127.0.0.1:3001)"
    )]
    PortTaken {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The system does not let us listen there.
    #[error("cannot listen on {address}: {source}; set LISTEN to another address")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Signals cannot be received, or connections no longer accepted.
    #[error("the server broke: {0}")]
    Io(#[from] io::Error),
}

/// Takes the address. Done before anything slow, so that a taken port is told at once.
///
/// # Errors
/// [`ServeError::PortTaken`] and [`ServeError::Listen`].
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortTaken { address },
        _ => ServeError::Listen { address, source },
    })
}

/// The signals that ask a server to stop.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Option<Signal>,
}

impl StopSignals {
    /// Catches them from now on, also while starting.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            // `nohup` ignores it for us: caught, it would end what was meant to outlive its terminal.
            hang_up: if hang_up_is_ignored() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            () = received(&mut self.hang_up) => "SIGHUP",
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Where the system tells: Linux does, in a mask whose first bit is signal 1, which SIGHUP is.
fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Serves until a signal comes, then: accepts no more, lets answers and requests end, stops jobs, saves the index.
///
/// A second signal cuts answers and requests off, a third also the rest. None of them loses anything: what was
/// acknowledged is in the database, and a start after a crash does what was left.
///
/// # Errors
/// [`ServeError::Io`].
pub async fn serve(listener: TcpListener, running: Running, signals: &mut StopSignals) -> Result<(), ServeError> {
    let stop = CancellationToken::new();
    let app = crate::http::router(running.state.clone());
    let mut server =
        tokio::spawn(connections::serve(listener, app, connections::room(), connections::PATIENCE, stop.clone()));
    let ended = tokio::select! {
        ended = &mut server => Some(ended),
        name = signals.next() => {
            tracing::info!(signal = name, "stopping; once more cuts off what is still running");
            None
        }
    };
    let result = match ended {
        Some(ended) => ended.map_err(io::Error::other).and_then(|served| served),
        None => {
            stop.cancel();
            tokio::select! {
                () = wind_down(&running, &mut server) => {}
                name = signals.next() => tracing::warn!(signal = name, "what is still running is cut off"),
            }
            Ok(())
        }
    };
    server.abort();
    tokio::select! {
        stopped = tokio::time::timeout(LAST_WORK, running.stop()) => match stopped {
            Ok(()) => tracing::info!("stopped"),
            Err(_) => tracing::warn!("jobs or the database did not end in time; the next start sees to the rest"),
        },
        name = signals.next() => tracing::warn!(signal = name, "stopping at once"),
    }
    Ok(result?)
}

async fn wind_down(running: &Running, server: &mut tokio::task::JoinHandle<io::Result<()>>) {
    running.drain(DRAIN).await;
    if tokio::time::timeout(LAST_REQUESTS, server).await.is_err() {
        tracing::warn!("requests that did not end are cut off");
    }
}

/// The owner's one-time sign-in link.
///
/// # Errors
/// When the database does not answer.
pub async fn owner_link(store: &Store, config: &Config) -> Result<String, StorageError> {
    let owner = store.ensure_local_owner().await?;
    sign_in_link(store, config, &owner.id).await
}

/// A one-time sign-in link for somebody.
///
/// # Errors
/// When the database does not answer.
pub async fn sign_in_link(store: &Store, config: &Config, user: &UserId) -> Result<String, StorageError> {
    let token = store.create_sign_in_link(user, SIGN_IN_LINK_MS).await?;
    Ok(format!("{}/sign-in/link?token={token}", config.app_url))
}

/// Settings with the address really listened on.
///
/// # Errors
/// When the system does not tell it.
pub fn with_bound_address(mut config: Config, listener: &TcpListener) -> io::Result<(Arc<Config>, SocketAddr)> {
    let bound = listener.local_addr()?;
    config.set_bound(bound);
    Ok((Arc::new(config), bound))
}

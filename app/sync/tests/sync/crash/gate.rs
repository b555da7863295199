//! What stands between a worker's process and everything it talks to. Each piece of bytes that the process sends is a
//! step; at the step that a test names the process is killed, before the piece is passed on or after it was answered.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::task::TaskTracker;

/// How long an answer is waited for that may not come: half a request has none.
const ANSWER: Duration = Duration::from_millis(250);

/// When the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// What it sent is lost.
    Before,
    /// What it sent was done, and the answer is lost.
    After,
}

/// Where the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kill {
    /// At which step, from 1.
    pub(crate) step: usize,
    pub(crate) side: Side,
}

/// Whom the process talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Database,
    Index,
    Model,
}

impl Peer {
    pub(crate) const ALL: [Self; 3] = [Self::Database, Self::Index, Self::Model];

    /// Whether an answer is there as a whole.
    fn has_answered(self, bytes: &[u8]) -> bool {
        // PostgreSQL has committed when it says that it is ready for the next query.
        self != Self::Database || matches!(bytes, [.., b'Z', 0, 0, 0, 5, _])
    }
}

/// What becomes of a piece.
enum Verdict {
    Pass,
    Kill(Side),
    /// The process is dead; nothing that it still sent gets through.
    Drop,
}

struct State {
    /// Steps count.
    counting: bool,
    steps: Vec<String>,
    dead: bool,
}

struct Shared {
    kill: Option<Kill>,
    state: Mutex<State>,
    kill_process: Box<dyn Fn() + Send + Sync>,
}

impl Shared {
    fn step(&self, peer: Peer, bytes: &[u8]) -> Verdict {
        let mut state = self.state.lock();
        if state.dead {
            return Verdict::Drop;
        }
        if !state.counting {
            return Verdict::Pass;
        }
        state.steps.push(format!("{peer:?}: {}", readable(bytes)));
        match self.kill {
            Some(kill) if kill.step == state.steps.len() => {
                state.dead = true;
                Verdict::Kill(kill.side)
            }
            _ => Verdict::Pass,
        }
    }
}

/// What a person can read of a piece, for the report of a failure.
fn readable(bytes: &[u8]) -> String {
    let text: String =
        bytes.iter().map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { ' ' }).take(400).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect()
}

/// The gates of one process.
pub(crate) struct Gates {
    shared: Arc<Shared>,
    addresses: Vec<(Peer, SocketAddr)>,
    connections: TaskTracker,
    _listeners: JoinSet<()>,
}

impl Gates {
    /// Opens a gate before each of the others; `kill_process` is called at the step that `kill` names.
    pub(crate) async fn open(
        others: impl Fn(Peer) -> SocketAddr,
        kill: Option<Kill>,
        kill_process: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let state = State { counting: false, steps: Vec::new(), dead: false };
        let shared = Arc::new(Shared { kill, state: Mutex::new(state), kill_process: Box::new(kill_process) });
        let connections = TaskTracker::new();
        let mut listeners = JoinSet::new();
        let mut addresses = Vec::new();
        for peer in Peer::ALL {
            let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            addresses.push((peer, listener.local_addr().unwrap()));
            let (shared, connections, to) = (Arc::clone(&shared), connections.clone(), others(peer));
            listeners.spawn(async move {
                while let Ok((process, _)) = listener.accept().await {
                    connections.spawn(pass(Arc::clone(&shared), peer, process, to));
                }
            });
        }
        Self { shared, addresses, connections, _listeners: listeners }
    }

    /// Where the process finds somebody.
    pub(crate) fn address(&self, peer: Peer) -> SocketAddr {
        self.addresses.iter().find(|(at, _)| *at == peer).unwrap().1
    }

    /// From here on steps count.
    pub(crate) fn count(&self) {
        self.shared.state.lock().counting = true;
    }

    /// The steps so far, in words.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.shared.state.lock().steps.clone()
    }

    /// Lets nothing through any more, as the process is dead, and waits until nobody is at work on what it had sent.
    pub(crate) async fn settle(&self) {
        self.shared.state.lock().dead = true;
        self.connections.close();
        self.connections.wait().await;
    }
}

/// One connection.
async fn pass(shared: Arc<Shared>, peer: Peer, mut process: TcpStream, to: SocketAddr) {
    let Ok(mut other) = TcpStream::connect(to).await else { return };
    let (_, _) = (process.set_nodelay(true), other.set_nodelay(true));
    let (mut sent, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = process.read(&mut sent) => {
                let Ok(length @ 1..) = read else { break };
                let verdict = shared.step(peer, &sent[..length]);
                if matches!(verdict, Verdict::Pass | Verdict::Kill(Side::After))
                    && other.write_all(&sent[..length]).await.is_err()
                    && matches!(verdict, Verdict::Pass)
                {
                    break;
                }
                match verdict {
                    Verdict::Pass => {}
                    Verdict::Drop => {
                        // It may live for a moment more, and is not to notice.
                        while let Ok(1..) = process.read(&mut sent).await {}
                        break;
                    }
                    Verdict::Kill(side) => {
                        if side == Side::After {
                            let answered = async {
                                while let Ok(length @ 1..) = other.read(&mut answer).await {
                                    if peer.has_answered(&answer[..length]) {
                                        return;
                                    }
                                }
                            };
                            let _ = tokio::time::timeout(ANSWER, answered).await;
                        }
                        (shared.kill_process)();
                        break;
                    }
                }
            }
            read = other.read(&mut answer) => {
                let Ok(length @ 1..) = read else { break };
                if process.write_all(&answer[..length]).await.is_err() {
                    break;
                }
            }
        }
    }
    drop(process);
    // Who hears that nobody is there any more ends its work and closes too.
    let _ = other.shutdown().await;
    let closed = async { while let Ok(1..) = other.read(&mut answer).await {} };
    let _ = tokio::time::timeout(Duration::from_secs(5), closed).await;
}

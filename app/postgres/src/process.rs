//! Running PostgreSQL's programs, and watching the server.

use std::{io::ErrorKind, os::unix::fs::MetadataExt as _, path::Path, process::Stdio, sync::Arc, time::Duration};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid},
};
use tokio::{
    process::{Child, Command},
    sync::watch,
};

use crate::{Installation, PostgresOptions, account::Account, cluster::Cluster};

/// A command as the account, with a clean environment and apart from our terminal, so that Ctrl-C reaches only us.
pub(crate) fn command(program: &Path, account: Option<&Account>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("LC_ALL", "C").env("TZ", "UTC");
    command.current_dir("/").stdin(Stdio::null()).process_group(0);
    if let Some(account) = account {
        // As root, setting the user also drops every other group.
        command.gid(account.gid).uid(account.uid);
    }
    command
}

/// What a short command prints; `None` when it fails, cannot be run, or takes too long.
pub(crate) async fn output(
    program: &Path,
    args: &[&str],
    account: Option<&Account>,
    limit: Duration,
) -> Option<String> {
    let child = command(program, account).args(args).kill_on_drop(true).output();
    let output = tokio::time::timeout(limit, child).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a number belongs to a process, ours or not, or to one that ended and was not yet reaped.
pub(crate) fn is_taken(pid: i32) -> bool {
    pid > 0 && matches!(kill(Pid::from_raw(pid), None), Ok(()) | Err(Errno::EPERM))
}

/// Whether a process exists and has not ended. In a container whose first process reaps nobody, ended ones stay.
pub(crate) fn is_alive(pid: i32) -> bool {
    is_taken(pid)
        && std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .ok()
            // The name before it is in parentheses and may hold anything.
            .and_then(|stat| stat.rsplit_once(") ")?.1.chars().next())
            .is_none_or(|state| !matches!(state, 'Z' | 'X'))
}

/// Whether a live process is, as far as one can see, a PostgreSQL on this data, and not another that got the number of
/// one that died.
pub(crate) fn works_in(pid: i32, data: &Path) -> bool {
    if !is_alive(pid) {
        return false;
    }
    // Every process of a PostgreSQL works in its data folder.
    match std::fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(folder) => folder == data,
        // Root is refused where it has no CAP_SYS_PTRACE, as in a container of Docker's. An ordinary user may look at
        // what is its own, so this is not.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Uid::effective().is_root() && may_be_on(pid, data),
        // Elsewhere than on Linux there is nothing to look at.
        Err(_) => !Path::new("/proc/self/cwd").exists() && may_be_on(pid, data),
    }
}

/// By what is open to everybody: a PostgreSQL of the data's owner that was not started on other data.
fn may_be_on(pid: i32, data: &Path) -> bool {
    // PostgreSQL insists on owning its data.
    let owner = |path: &Path| path.metadata().ok().map(|meta| meta.uid());
    let process = owner(Path::new(&format!("/proc/{pid}")));
    if !is_postgres(pid) || process.is_some_and(|process| owner(data) != Some(process)) {
        return false;
    }
    let line = command_line(pid).unwrap_or_default();
    !line.contains(" -D ") || line.contains(&format!(" -D {}", data.display()))
}

fn is_postgres(pid: i32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok().or_else(|| ps(pid, "comm="));
    // macOS shows the whole path.
    name.is_some_and(|name| matches!(name.trim().rsplit('/').next(), Some("postgres" | "postmaster")))
}

fn command_line(pid: i32) -> Option<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok();
    line.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).or_else(|| ps(pid, "args="))
}

fn ps(pid: i32, column: &str) -> Option<String> {
    let output = std::process::Command::new("ps").args(["-ww", "-o", column, "-p", &pid.to_string()]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether any process holds the shared memory whose key and number a pid file gives, as every process of that server
/// does until it ends. Linux only; elsewhere none is seen.
pub(crate) fn is_held(memory: &str) -> bool {
    // The file has them without a sign, the system with one.
    fn numbers(text: &str) -> impl Iterator<Item = Option<i32>> {
        text.split_whitespace().map(|word| word.parse::<i128>().ok().map(|number| number as i32))
    }
    let Ok(table) = std::fs::read_to_string("/proc/sysvipc/shm") else { return false };
    // Key, number, rights, size, maker, last user, holders.
    table.lines().skip(1).any(|line| {
        numbers(line).take(2).eq(numbers(memory)) && numbers(line).nth(6).flatten().is_some_and(|holders| holders > 0)
    })
}

/// PostgreSQL's fast stop: connections are closed, everything is written.
pub(crate) fn ask_to_stop(pid: i32) {
    signal(pid, Signal::SIGINT);
}

fn signal(pid: i32, signal: Signal) {
    if pid > 1
        && let Err(error) = kill(Pid::from_raw(pid), signal)
        && error != Errno::ESRCH
    {
        tracing::warn!(postgres.pid = pid, error = %error, "PostgreSQL could not be signalled");
    }
}

pub(crate) struct Supervised {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) installation: Installation,
    pub(crate) options: PostgresOptions,
    pub(crate) port: u16,
    pub(crate) pid: i32,
    /// `None` for a server that was taken over: it is not our child.
    pub(crate) child: Option<Child>,
    pub(crate) stopped: watch::Receiver<bool>,
    /// The process at work now; `None` while there is none.
    pub(crate) announce: watch::Sender<Option<i32>>,
}

/// Keeps the server running at the same address until it is to stop, then stops it.
pub(crate) async fn supervise(mut it: Supervised) {
    const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
    const LONGEST_PAUSE: Duration = Duration::from_secs(30);
    let mut pause = SHORTEST_PAUSE;
    loop {
        let running_since = tokio::time::Instant::now();
        tokio::select! {
            () = to_stop(&mut it.stopped) => return stop(it.pid, it.child.as_mut()).await,
            () = ended(it.pid, it.child.as_mut()) => {}
        }
        let _ = it.announce.send(None);
        tracing::error!(postgres.pid = it.pid, log = %it.cluster.log().display(), "PostgreSQL ended by itself; starting it again");
        if running_since.elapsed() > LONGEST_PAUSE {
            pause = SHORTEST_PAUSE;
        }
        loop {
            tokio::select! {
                () = to_stop(&mut it.stopped) => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            match it.cluster.start(&it.installation, &it.options, Some(it.port)).await {
                Ok((running, child)) => {
                    tracing::info!(postgres.pid = running.pid, "PostgreSQL is running again");
                    (it.pid, it.child) = (running.pid, child);
                    let _ = it.announce.send(Some(running.pid));
                    break;
                }
                Err(error) => tracing::error!(error = %error, "PostgreSQL cannot be started again"),
            }
        }
    }
}

async fn to_stop(stopped: &mut watch::Receiver<bool>) {
    // The sender gone means the owner was dropped, which signals by itself.
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn ended(pid: i32, child: Option<&mut Child>) {
    match child {
        Some(child) => drop(child.wait().await),
        None => {
            while is_alive(pid) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn stop(pid: i32, mut child: Option<&mut Child>) {
    // Fast first; immediate, which means recovery at the next start, only when it hangs.
    for (signalled, limit) in [(Signal::SIGINT, 30), (Signal::SIGQUIT, 5), (Signal::SIGKILL, 5)] {
        signal(pid, signalled);
        if tokio::time::timeout(Duration::from_secs(limit), ended(pid, child.as_deref_mut())).await.is_ok() {
            tracing::info!(postgres.pid = pid, "PostgreSQL has stopped");
            return;
        }
        tracing::warn!(postgres.pid = pid, "PostgreSQL does not stop");
    }
}

//! A parser on a leash: PDF, DOCX and HTML are read in a child process with limits of its own.
//!
//! The child is our own program, called as `cjhirashi extract --kind pdf`: the file on standard input, JSON on
//! standard output. It has no environment (so no secrets), limits its own memory and processor time before it looks
//! at the first byte, and is killed when it takes too long on the wall or the server is gone.

use std::{
    fs::File,
    io::{BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::sys::resource::{Resource, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    sync::Semaphore,
};

use crate::{Extracted, IngestError, Kind, Limits, error::cut, extract};

/// The one variable a child is given: [`Limits`] as JSON.
const LIMITS_VARIABLE: &str = "CJHIRASHI_EXTRACT_LIMITS";

/// Reads files of others without endangering the server.
#[derive(Debug, Clone)]
pub struct Sandbox {
    program: Arc<PathBuf>,
    limits: Arc<Limits>,
    /// As many children at once as there are cores: more would only take each other's time.
    children: Arc<Semaphore>,
}

impl Sandbox {
    /// `program` is our own executable: it must call [`run_extract_child`] for `extract --kind KIND`.
    #[must_use]
    pub fn new(program: PathBuf, limits: Limits) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { program: Arc::new(program), limits: Arc::new(limits), children: Arc::new(Semaphore::new(cores)) }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads a file's bytes. Text and Markdown are read in this process, on a thread for blocking work.
    ///
    /// # Errors
    /// [`IngestError`]: what is wrong with the file, or [`IngestError::Unavailable`] when no reader could be run.
    pub async fn extract(&self, kind: Kind, bytes: Vec<u8>) -> Result<Extracted, IngestError> {
        if bytes.is_empty() {
            return Err(IngestError::Empty);
        }
        if bytes.len() as u64 > self.limits.max_file_bytes {
            return Err(IngestError::TooLarge { max_bytes: self.limits.max_file_bytes });
        }
        match kind {
            Kind::Text | Kind::Markdown => self.here(move |limits| extract(kind, &bytes, limits)).await,
            Kind::Html | Kind::Pdf | Kind::Docx => self.child(kind, Input::Bytes(bytes)).await,
        }
    }

    /// Reads a file by its path; the server never holds the bytes of a PDF, a DOCX or a page.
    ///
    /// # Errors
    /// As [`Sandbox::extract`].
    pub async fn extract_file(&self, kind: Kind, path: &Path) -> Result<Extracted, IngestError> {
        let path = path.to_owned();
        let limits = Arc::clone(&self.limits);
        let file =
            tokio::task::spawn_blocking(move || open(&path, &limits)).await.map_err(IngestError::unavailable)??;
        match kind {
            Kind::Text | Kind::Markdown => {
                self.here(move |limits| {
                    let mut bytes = Vec::new();
                    file.take(limits.max_file_bytes + 1).read_to_end(&mut bytes).map_err(IngestError::unavailable)?;
                    extract(kind, &bytes, limits)
                })
                .await
            }
            Kind::Html | Kind::Pdf | Kind::Docx => self.child(kind, Input::File(file)).await,
        }
    }

    async fn here(
        &self,
        work: impl FnOnce(&Limits) -> Result<Extracted, IngestError> + Send + 'static,
    ) -> Result<Extracted, IngestError> {
        let limits = Arc::clone(&self.limits);
        match tokio::task::spawn_blocking(move || work(&limits)).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => Err(IngestError::broken("the reader gave up")),
            Err(error) => Err(IngestError::unavailable(error)),
        }
    }

    async fn child(&self, kind: Kind, input: Input) -> Result<Extracted, IngestError> {
        let _permit = self.children.acquire().await.map_err(IngestError::unavailable)?;
        let limits = serde_json::to_string(&*self.limits).map_err(IngestError::unavailable)?;
        let (stdin, bytes) = match input {
            Input::File(file) => (Stdio::from(file), None),
            Input::Bytes(bytes) => (Stdio::piped(), Some(bytes)),
        };
        let mut child = Command::new(self.program.as_path())
            .args(["extract", "--kind", kind.as_str()])
            .env_clear()
            .env(LIMITS_VARIABLE, limits)
            .current_dir("/")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(IngestError::unavailable)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let (Some(mut stdin), Some(bytes)) = (stdin, bytes) {
                // A child that has seen enough closes its end; that is no failure.
                let _ = stdin.write_all(&bytes).await;
            }
        };
        // JSON writes a character as at most six bytes, and text is mostly letters.
        let most = self.limits.max_text_bytes.saturating_mul(2).saturating_add(1 << 20);
        let finish = async {
            let ((), answer, complaint) = tokio::join!(feed, drain(stdout, most), drain(stderr, 64 * 1024));
            (child.wait().await, answer, complaint)
        };
        let Ok((status, answer, complaint)) = tokio::time::timeout(self.limits.wall_clock, finish).await else {
            // Dropping the child kills it.
            return Err(IngestError::TooComplex {
                detail: format!("more than {} seconds", self.limits.wall_clock.as_secs()),
            });
        };
        let status = status.map_err(IngestError::unavailable)?;
        if answer.len() as u64 > most {
            return Err(IngestError::Bomb { max_bytes: self.limits.max_text_bytes });
        }
        verdict(status, &answer, &complaint)
    }
}

enum Input {
    Bytes(Vec<u8>),
    File(File),
}

fn open(path: &Path, limits: &Limits) -> Result<File, IngestError> {
    let file = File::open(path).map_err(IngestError::unavailable)?;
    match file.metadata().map_err(IngestError::unavailable)?.len() {
        0 => Err(IngestError::Empty),
        length if length > limits.max_file_bytes => Err(IngestError::TooLarge { max_bytes: limits.max_file_bytes }),
        _ => Ok(file),
    }
}

/// Reads at most one byte more than `most`, and goes on reading into nothing so that the child can end.
async fn drain(pipe: Option<impl AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = (&mut pipe).take(most + 1).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
    kept
}

/// What a child's end means.
fn verdict(status: ExitStatus, answer: &[u8], complaint: &[u8]) -> Result<Extracted, IngestError> {
    use std::os::unix::process::ExitStatusExt as _;

    let complaint = cut(&String::from_utf8_lossy(complaint));
    match (status.code(), status.signal()) {
        (Some(0), _) => serde_json::from_slice::<Answer>(answer).map_err(IngestError::unavailable)?.into(),
        (Some(code), _) => Err(IngestError::unavailable(format!("the reader ended with {code}: {complaint}"))),
        // Somebody is stopping the server: the file is not to blame.
        (None, Some(libc_signal::HANGUP | libc_signal::INTERRUPT | libc_signal::TERMINATE)) => {
            Err(IngestError::unavailable("the reader was stopped"))
        }
        (None, signal) => {
            tracing::info!(signal, complaint, "a file was too much for its reader");
            Err(IngestError::TooComplex { detail: format!("the reader was ended by signal {}", signal.unwrap_or(0)) })
        }
    }
}

/// Numbers that POSIX fixes.
mod libc_signal {
    pub(super) const HANGUP: i32 = 1;
    pub(super) const INTERRUPT: i32 = 2;
    pub(super) const TERMINATE: i32 = 15;
}

/// What a child writes.
#[derive(serde::Serialize, serde::Deserialize)]
enum Answer {
    #[serde(rename = "extracted")]
    Extracted(Extracted),
    #[serde(rename = "failed")]
    Failed(IngestError),
}

impl From<Answer> for Result<Extracted, IngestError> {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Extracted(extracted) => Ok(extracted),
            Answer::Failed(error) => Err(error),
        }
    }
}

/// The child's whole life, for the hidden command `extract --kind KIND`: limit, read, answer. Call it before anything
/// else is started; it uses standard input and output and needs no runtime.
#[must_use]
pub fn run_extract_child(kind: &str) -> ExitCode {
    let Some(kind) = Kind::parse(kind) else { return complain("unknown kind of file") };
    let limits = match std::env::var(LIMITS_VARIABLE).map(|json| serde_json::from_str(&json)) {
        Ok(Ok(limits)) => limits,
        Ok(Err(_)) => return complain("the limits cannot be read"),
        Err(_) => Limits::default(),
    };
    if let Err(error) = confine(&limits) {
        return complain(&format!("the limits cannot be set: {error}"));
    }
    // Panics of parsers are caught and told as errors; their messages on standard error would be noise.
    std::panic::set_hook(Box::new(|_| {}));
    let Ok(stdout) = claim_stdout() else { return complain("no standard output") };
    let mut bytes = Vec::new();
    if let Err(error) = std::io::stdin().take(limits.max_file_bytes + 1).read_to_end(&mut bytes) {
        return complain(&format!("the file cannot be read: {error}"));
    }
    let result = std::panic::catch_unwind(|| extract(kind, &bytes, &limits))
        .unwrap_or_else(|_| Err(IngestError::broken("the reader gave up")));
    let answer = match result {
        Ok(extracted) => Answer::Extracted(extracted),
        Err(error) => Answer::Failed(error),
    };
    let mut out = BufWriter::new(stdout);
    let written = serde_json::to_writer(&mut out, &answer).map_err(std::io::Error::from).and_then(|()| out.flush());
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn complain(words: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{words}");
    ExitCode::FAILURE
}

/// Keeps the answer's way out for ourselves: a parser that prints must not write into it.
fn claim_stdout() -> nix::Result<File> {
    let answer = nix::unistd::dup(std::io::stdout())?;
    nix::unistd::dup2_stdout(std::io::stderr())?;
    Ok(File::from(answer))
}

fn confine(limits: &Limits) -> nix::Result<()> {
    let seconds = limits.cpu.as_secs().max(1);
    setrlimit(Resource::RLIMIT_CPU, seconds, seconds + 1)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    // Nothing is written: a parser tricked into it fails at the first byte.
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
    #[cfg(target_os = "linux")]
    setrlimit(Resource::RLIMIT_AS, limits.max_memory_bytes, limits.max_memory_bytes)?;
    watch_parent(limits.wall_clock);
    Ok(())
}

/// Ends the process when its parent is gone (killed, perhaps) or time is up, whoever else watches.
fn watch_parent(wall_clock: Duration) {
    let (parent, started) = (nix::unistd::getppid(), Instant::now());
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            if nix::unistd::getppid() != parent || started.elapsed() > wall_clock + Duration::from_secs(5) {
                std::process::exit(3);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox(script: &str, wall_clock: Duration) -> (tempfile::TempDir, Sandbox) {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("reader");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        (folder, Sandbox::new(program, Limits { wall_clock, ..Limits::default() }))
    }

    #[tokio::test]
    async fn a_reader_that_hangs_is_killed_in_time() {
        let (_folder, sandbox) = sandbox("exec /bin/sleep 60", Duration::from_millis(300));
        let started = Instant::now();
        let result = sandbox.extract(Kind::Pdf, b"%PDF-1.4".to_vec()).await;
        assert!(matches!(result, Err(IngestError::TooComplex { .. })), "{result:?}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_reader_that_is_killed_blames_the_file_and_one_that_is_stopped_does_not() {
        let (_folder, killed) = sandbox("kill -9 $$", Duration::from_secs(10));
        assert!(matches!(killed.extract(Kind::Pdf, vec![1]).await, Err(IngestError::TooComplex { .. })));
        let (_folder, stopped) = self::sandbox("kill -15 $$", Duration::from_secs(10));
        assert!(matches!(stopped.extract(Kind::Pdf, vec![1]).await, Err(IngestError::Unavailable { .. })));
    }

    #[tokio::test]
    async fn a_reader_that_is_missing_is_worth_another_try() {
        let sandbox = Sandbox::new(PathBuf::from("/nonexistent/reader"), Limits::default());
        let error = sandbox.extract(Kind::Docx, vec![1]).await.unwrap_err();
        assert!(!error.is_permanent());
    }

    #[tokio::test]
    async fn secrets_of_the_server_do_not_reach_a_reader() {
        let (_folder, sandbox) = sandbox(
            "/usr/bin/env > /dev/stderr; [ -z \"$HOME\" ] && printf '{\"extracted\":{\"text\":\"ok\",\"pages\":[],\"language\":null}}'",
            Duration::from_secs(10),
        );
        assert_eq!(sandbox.extract(Kind::Pdf, vec![1]).await.unwrap().text, "ok");
    }

    #[tokio::test]
    async fn text_is_read_in_process_and_too_large_a_file_is_refused() {
        let sandbox = Sandbox::new(PathBuf::from("/nonexistent"), Limits { max_file_bytes: 10, ..Limits::default() });
        assert_eq!(sandbox.extract(Kind::Text, b"hello".to_vec()).await.unwrap().text, "hello");
        assert_eq!(sandbox.extract(Kind::Text, vec![b'a'; 11]).await, Err(IngestError::TooLarge { max_bytes: 10 }));
    }
}

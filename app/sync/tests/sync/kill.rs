//! A worker's process is killed as `kill -9` does it, and another goes on.

use std::{
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::support::{FakeEmbedder, base_with, context, prose, secret};
use cjhirashi_domain::document::DocumentStatus;
use cjhirashi_storage::{Store, StoreOptions};
use cjhirashi_sync::{Worker, WorkerOptions};

/// Not a test of its own: what the child process runs until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child process of the other test"]
async fn child() {
    let (Ok(url), Ok(folder)) = (std::env::var("KILL_TEST_URL"), std::env::var("KILL_TEST_FOLDER")) else { return };
    let store = Store::connect(StoreOptions::new(url, secret())).await.unwrap();
    // Slow, so that it is killed in the middle.
    let embedder = FakeEmbedder { delay: Duration::from_millis(300), ..FakeEmbedder::new("fake:one@16", 2) };
    let (context, _) = context(&store, folder.as_ref(), Arc::new(embedder)).await;
    let _worker = Worker::start(context, WorkerOptions::default());
    // Ends by itself should the parent have died.
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_job_of_a_killed_process_goes_on_elsewhere_within_seconds_from_the_last_batch() {
    let base = base_with(FakeEmbedder::new("fake:one@16", 2)).await;
    let id = base.add("Largo", &prose(24, 40_000)).await.id;
    let folder = tempfile::tempdir().unwrap();
    // The child shares the files, and has an index of its own.
    std::os::unix::fs::symlink(base.folder.path().join("blobs"), folder.path().join("blobs")).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--ignored"])
        .env("KILL_TEST_URL", &base.database.url)
        .env("KILL_TEST_FOLDER", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    base.until("some batches", async || base.count("SELECT count(*) FROM embeddings").await >= 4).await;
    child.kill().unwrap();
    child.wait().unwrap();
    // PostgreSQL may still be at the statement that the child had sent.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let kept = base.count("SELECT count(*) FROM embeddings").await;
    assert_eq!(base.get(&id).await.unwrap().status, DocumentStatus::Processing);

    let started = Instant::now();
    let worker = Worker::start(base.context.clone(), WorkerOptions::default());
    let document = base.wait_for(&id, DocumentStatus::Indexed).await;
    let elapsed = started.elapsed();
    worker.shutdown().await;
    eprintln!("killed with {kept} of {} chunks embedded; indexed {elapsed:?} later", document.chunk_count);
    assert!(elapsed < Duration::from_secs(12), "{elapsed:?}");
    assert_eq!(i64::try_from(base.embedder.embedded()).unwrap(), i64::from(document.chunk_count) - kept);
    // The index is given all of it at the end, also what the child had embedded.
    assert_eq!(base.vectors(), usize::try_from(document.chunk_count).unwrap());
    assert_eq!(base.count("SELECT count(*) FROM chunks WHERE indexed_at IS NULL").await, 0);
}

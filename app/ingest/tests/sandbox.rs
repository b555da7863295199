//! The sandbox with a real child: this test program is its own reader, as the server is.

#![expect(clippy::print_stdout, reason = "a test without the usual harness tells its results itself")]

#[path = "../../testkit/src/files.rs"]
#[expect(unreachable_pub, reason = "shared with other tests")]
mod files;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use cjhirashi_domain::ErrorCode;
use cjhirashi_ingest::{Kind, Limits, Sandbox, run_extract_child};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, command, _, kind] = arguments.as_slice()
        && command == "extract"
    {
        return run_extract_child(kind);
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(every_kind_comes_back_whole());
    runtime.block_on(bad_files_come_back_as_their_error());
    runtime.block_on(a_file_that_eats_memory_ends_its_reader_and_nothing_else());
    runtime.block_on(many_files_at_once_are_read());
    println!("test result: ok");
    ExitCode::SUCCESS
}

fn sandbox(limits: Limits) -> Sandbox {
    Sandbox::new(std::env::current_exe().expect("this program"), limits)
}

async fn every_kind_comes_back_whole() {
    let sandbox = sandbox(Limits::default());
    let pdf = files::pdf("Título", &["Una página.", "Otra página."]);
    let found = sandbox.extract(Kind::Pdf, pdf.clone()).await.expect("a PDF");
    assert_eq!(found.pages.len(), 2);
    let docx = files::docx("T", "# Uno\nHola \"tú\" \\ y <yo>.");
    assert_eq!(sandbox.extract(Kind::Docx, docx).await.expect("a DOCX").text, "# Uno\n\nHola \"tú\" \\ y <yo>.");
    let page = b"<html><title>t</title><p>Hola</p></html>".to_vec();
    assert_eq!(sandbox.extract(Kind::Html, page).await.expect("a page").text, "Hola");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    std::fs::write(&path, pdf).expect("a file");
    assert_eq!(sandbox.extract_file(Kind::Pdf, &path).await.expect("a PDF by path"), found);
}

async fn bad_files_come_back_as_their_error() {
    let sandbox = sandbox(Limits::default());
    for (kind, bytes, expected) in [
        (Kind::Pdf, files::broken_pdf(), ErrorCode::DocumentBroken),
        (Kind::Pdf, files::encrypted_pdf(), ErrorCode::DocumentEncrypted),
        (Kind::Pdf, files::scanned_pdf(), ErrorCode::DocumentNoText),
        (Kind::Docx, files::docx_bomb(300), ErrorCode::DocumentBomb),
        (Kind::Docx, files::noise(3000), ErrorCode::DocumentBroken),
    ] {
        let error = sandbox.extract(kind, bytes).await.expect_err("a bad file");
        assert_eq!(error.code(), expected, "{error}");
    }
}

async fn a_file_that_eats_memory_ends_its_reader_and_nothing_else() {
    let limits = Limits { max_memory_bytes: 200 << 20, max_unpacked_bytes: 4 << 30, ..Limits::default() };
    let started = Instant::now();
    let error = sandbox(limits).extract(Kind::Docx, files::docx_bomb(600)).await.expect_err("too much memory");
    assert_eq!(error.code(), ErrorCode::DocumentTooSlow, "{error}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

async fn many_files_at_once_are_read() {
    let sandbox = sandbox(Limits::default());
    let started = Instant::now();
    let runs: Vec<_> = (0..20)
        .map(|number| {
            let sandbox = sandbox.clone();
            tokio::spawn(async move {
                let words = format!("Page of file {number}.");
                let found = sandbox.extract(Kind::Pdf, files::pdf("T", &[&words])).await.expect("a PDF");
                assert_eq!(found.text, words);
            })
        })
        .collect();
    for run in runs {
        run.await.expect("a reader");
    }
    println!("20 small PDFs in {:?}", started.elapsed());
}

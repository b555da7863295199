//! What files of other programs look like, and what becomes of them. One program, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "a test")]

mod chatgpt;
mod hostile;
mod markdown;
mod openwebui;
mod own;

use std::io::{Cursor, Write as _};

use cjhirashi_domain::{Timestamp, settings::Language};
use cjhirashi_transfer::{Conversation, DamagedConversation, read};
use zip::{ZipWriter, write::SimpleFileOptions};

/// 2026-01-01.
const NOW: Timestamp = Timestamp(1_767_225_600_000);

fn all(bytes: &[u8]) -> Vec<Result<Conversation, DamagedConversation>> {
    read(bytes, Language::En, NOW).unwrap().collect()
}

fn only(bytes: &[u8]) -> Conversation {
    let mut all = all(bytes);
    assert_eq!(all.len(), 1);
    all.remove(0).unwrap()
}

/// Each message as `parent role: content`, the shown one with a star.
fn outline(conversation: &Conversation) -> Vec<String> {
    let line = |(at, message): (usize, &cjhirashi_transfer::ImportedMessage)| {
        let parent = message.parent.map_or("-".to_owned(), |parent| parent.to_string());
        let shown = if conversation.current == Some(at) { "*" } else { "" };
        format!("{parent} {}{shown}: {}", message.role.as_str(), message.content)
    };
    conversation.messages.iter().enumerate().map(line).collect()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

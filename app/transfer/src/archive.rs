//! The zip that ChatGPT's export comes in.

use std::{
    io::{Cursor, Read as _},
    vec,
};

use zip::{ZipArchive, result::ZipError};

use crate::{conversation::line, error::ImportError};

/// Files in the archive; most are pictures.
const MAX_FILES: usize = 100_000;

/// The files of conversations in an archive, each unpacked when it is asked for.
pub(crate) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    waiting: vec::IntoIter<(String, usize)>,
    max_bytes: u64,
    budget: u64,
}

impl<'a> Archive<'a> {
    /// Whether these bytes begin as an archive does.
    pub(crate) fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
    }

    /// Reads the directory only. `max_bytes` is what all files of conversations together may unpack to.
    pub(crate) fn open(bytes: &'a [u8], max_bytes: u64) -> Result<Self, ImportError> {
        // A directory of millions is an attack on memory, so its entries are counted before it is read.
        if bytes.windows(4).filter(|window| window == b"PK\x01\x02").nth(MAX_FILES).is_some() {
            return Err(bomb(max_bytes));
        }
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
        let named = |at| Some((zip.name_for_index(at)?.ok()?.into_owned(), at));
        let mut files: Vec<_> =
            (0..zip.len()).filter_map(named).filter(|(name, _)| holds_conversations(name)).collect();
        if files.is_empty() {
            return Err(ImportError::NotAnExport);
        }
        files.sort();
        Ok(Self { zip, waiting: files.into_iter(), max_bytes, budget: max_bytes })
    }

    /// Unpacks the next file, counting what really comes out: sizes in the directory are the attacker's words. After a file
    /// that is too large there is none.
    pub(crate) fn next(&mut self) -> Option<Result<String, ImportError>> {
        let (_, at) = self.waiting.next()?;
        let unpacked = self.unpack(at);
        if matches!(unpacked, Err(ImportError::Bomb { .. })) {
            self.waiting = Vec::new().into_iter();
        }
        Some(unpacked)
    }

    fn unpack(&mut self, at: usize) -> Result<String, ImportError> {
        let file = self.zip.by_index(at).map_err(|error| broken(&error))?;
        let mut unpacked = Vec::new();
        file.take(self.budget + 1).read_to_end(&mut unpacked).map_err(|error| broken(&error.into()))?;
        self.budget = self.budget.checked_sub(unpacked.len() as u64).ok_or_else(|| bomb(self.max_bytes))?;
        // What is no UTF-8 costs a letter and not the file.
        Ok(String::from_utf8(unpacked).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}

const fn bomb(max_bytes: u64) -> ImportError {
    ImportError::Bomb { max_bytes, max_files: MAX_FILES }
}

fn broken(error: &ZipError) -> ImportError {
    ImportError::Broken { detail: line(&error.to_string(), 200) }
}

/// `conversations.json`, or `conversations-000.json` and so on, in whatever folder.
fn holds_conversations(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let number = name.strip_prefix("conversations").and_then(|rest| rest.strip_suffix(".json"));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'_'))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    #[test]
    fn what_unpacks_to_more_than_allowed_is_stopped_in_sum() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for at in 0..4 {
            zip.start_file(format!("conversations-{at}.json"), SimpleFileOptions::default()).unwrap();
            zip.write_all(&[b' '; 400_000]).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        assert!(bytes.len() < 10_000);
        let mut archive = Archive::open(&bytes, 1_000_000).unwrap();
        let files: Vec<_> = std::iter::from_fn(|| archive.next()).map(|file| file.map(|text| text.len())).collect();
        assert_eq!(files, [Ok(400_000), Ok(400_000), Err(bomb(1_000_000))]);
    }

    #[test]
    fn only_files_of_conversations_are_unpacked() {
        for name in ["conversations.json", "conversations-000.json", "Export 2025/conversations-12.json"] {
            assert!(holds_conversations(name), "{name}");
        }
        for name in ["shared_conversations.json", "__MACOSX/._conversations.json", "conversations/a.json", "chat.html"]
        {
            assert!(!holds_conversations(name), "{name}");
        }
    }
}

//! Original files, by the SHA-256 of their content.
//!
//! A file is first written under `incoming/`, flushed to the disk, and only published under its hash while the
//! transaction that refers to it holds the blob's lock (see [`crate::Store::add_document`]); a file is removed under
//! the same lock. So no row ever refers to a file that is not there, and what a crash leaves behind is swept.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

/// The SHA-256 of a file, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlobKey(String);

impl BlobKey {
    /// Takes 64 hexadecimal digits, and nothing that could leave the folder.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        fits.then(|| Self(text.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A file could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// More bytes came than the limit allows; nothing was kept.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// The disk refused.
    #[error("a file could not be stored or read: {0}")]
    Io(#[from] io::Error),
}

/// A folder of files named by their content. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: Arc<Path>,
}

/// A whole file on the disk, not yet published; dropped unpublished, it is removed.
#[derive(Debug)]
pub struct StoredBlob {
    key: BlobKey,
    size: u64,
    incoming: Incoming,
}

/// Takes a file piece by piece, measuring and hashing it.
#[derive(Debug)]
pub struct BlobWriter {
    incoming: Incoming,
    file: tokio::io::BufWriter<tokio::fs::File>,
    hasher: Sha256,
    size: u64,
    limit: u64,
}

/// A file in `incoming/` that goes with its owner.
#[derive(Debug)]
struct Incoming(PathBuf);

impl Drop for Incoming {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl StoredBlob {
    /// Its name.
    #[must_use]
    pub fn key(&self) -> &BlobKey {
        &self.key
    }

    /// Bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads its first bytes, at most `length`, to recognise it by.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn head(&self, length: u64) -> Result<Vec<u8>, BlobError> {
        use tokio::io::AsyncReadExt as _;
        let mut bytes = Vec::new();
        tokio::fs::File::open(&self.incoming.0).await?.take(length).read_to_end(&mut bytes).await?;
        Ok(bytes)
    }
}

impl BlobWriter {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] as soon as the limit is passed; [`BlobError::Io`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.size += bytes.len() as u64;
        if self.size > self.limit {
            return Err(BlobError::TooLarge { limit: self.limit });
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes).await?;
        Ok(())
    }

    /// Flushes the file to the disk and names it.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn finish(mut self) -> Result<StoredBlob, BlobError> {
        self.file.flush().await?;
        self.file.into_inner().sync_all().await?;
        let key = BlobKey(hex::encode(self.hasher.finalize()));
        Ok(StoredBlob { key, size: self.size, incoming: self.incoming })
    }
}

impl Blobs {
    /// Opens the folder, making it when it is missing.
    ///
    /// # Errors
    /// [`BlobError::Io`] when it cannot be made.
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, BlobError> {
        let folder: Arc<Path> = folder.as_ref().into();
        tokio::fs::create_dir_all(folder.join("incoming")).await?;
        Ok(Self { folder })
    }

    /// Begins a file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn writer(&self, limit: u64) -> Result<BlobWriter, BlobError> {
        let path = self.folder.join("incoming").join(format!("{:032x}", rand::random::<u128>()));
        let file = tokio::fs::OpenOptions::new().write(true).create_new(true).open(&path).await?;
        Ok(BlobWriter {
            incoming: Incoming(path),
            file: tokio::io::BufWriter::with_capacity(256 * 1024, file),
            hasher: Sha256::new(),
            size: 0,
            limit,
        })
    }

    /// Takes a whole file from memory.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn put(&self, bytes: &[u8]) -> Result<StoredBlob, BlobError> {
        let mut writer = self.writer(u64::MAX).await?;
        writer.write(bytes).await?;
        writer.finish().await
    }

    /// Where the published file lies; it may not be there.
    #[must_use]
    pub fn path(&self, key: &BlobKey) -> PathBuf {
        let (shard, rest) = key.0.split_at(2);
        self.folder.join(shard).join(rest)
    }

    /// Reads a whole published file.
    ///
    /// # Errors
    /// [`BlobError::Io`], also when it is not there.
    pub async fn read(&self, key: &BlobKey) -> Result<Vec<u8>, BlobError> {
        Ok(tokio::fs::read(self.path(key)).await?)
    }

    /// Puts the file under its name, for good. The caller holds the blob's lock in the database.
    pub(crate) async fn publish(&self, blob: &StoredBlob) -> Result<(), BlobError> {
        let (from, to) = (blob.incoming.0.clone(), self.path(&blob.key));
        tokio::task::spawn_blocking(move || {
            let shard = to.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(shard)?;
            match std::fs::hard_link(&from, &to) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
                // Not every file system knows hard links.
                Err(_) => std::fs::rename(&from, &to)?,
            }
            std::fs::File::open(shard)?.sync_all()?;
            if let Some(folder) = shard.parent() {
                std::fs::File::open(folder)?.sync_all()?;
            }
            Ok(())
        })
        .await
        .map_err(io::Error::other)?
        .map_err(BlobError::Io)
    }

    /// Removes the file if it is there. The caller holds the blob's lock in the database.
    pub(crate) async fn remove(&self, key: &BlobKey) -> Result<(), BlobError> {
        match tokio::fs::remove_file(self.path(key)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Removes uploads that a crash left unfinished longer than `age` ago, and names the published files as old.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn sweep(&self, age: Duration) -> Result<Vec<BlobKey>, BlobError> {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || {
            let old = |entry: &std::fs::DirEntry| {
                let modified = entry.metadata().and_then(|data| data.modified());
                modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|since| since >= age))
            };
            for entry in std::fs::read_dir(folder.join("incoming"))? {
                let entry = entry?;
                if old(&entry) {
                    let _ = std::fs::remove_file(entry.path());
                }
            }
            let mut keys = Vec::new();
            for shard in std::fs::read_dir(&folder)? {
                let shard = shard?;
                let prefix = shard.file_name().to_string_lossy().into_owned();
                if prefix.len() != 2 {
                    continue;
                }
                for entry in std::fs::read_dir(shard.path())? {
                    let entry = entry?;
                    let key = BlobKey::parse(&format!("{prefix}{}", entry.file_name().to_string_lossy()));
                    keys.extend(key.filter(|_| old(&entry)));
                }
            }
            Ok(keys)
        })
        .await
        .map_err(io::Error::other)?
        .map_err(BlobError::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_named_by_its_content_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).await.unwrap();
        let first = blobs.put(b"hola").await.unwrap();
        assert_eq!(first.key().as_str(), "b221d9dbb083a7f33428d7c2a3c3198ae925614d70210e28716ccaa7cd4ddb79");
        assert_eq!((first.size(), first.head(2).await.unwrap()), (4, b"ho".to_vec()));
        blobs.publish(&first).await.unwrap();
        let again = blobs.put(b"hola").await.unwrap();
        blobs.publish(&again).await.unwrap();
        let key = again.key().clone();
        drop((first, again));
        assert_eq!(blobs.read(&key).await.unwrap(), b"hola");
        assert_eq!(std::fs::read_dir(folder.path().join("incoming")).unwrap().count(), 0);
        assert_eq!(blobs.sweep(Duration::ZERO).await.unwrap(), std::slice::from_ref(&key));
        blobs.remove(&key).await.unwrap();
        blobs.remove(&key).await.unwrap();
        assert!(blobs.read(&key).await.is_err());
    }

    #[tokio::test]
    async fn a_file_over_the_limit_is_refused_at_the_byte_that_passes_it_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).await.unwrap();
        let mut writer = blobs.writer(5).await.unwrap();
        writer.write(b"12345").await.unwrap();
        assert!(matches!(writer.write(b"6").await, Err(BlobError::TooLarge { limit: 5 })));
        drop(writer);
        assert_eq!(std::fs::read_dir(folder.path().join("incoming")).unwrap().count(), 0);
    }

    #[test]
    fn only_a_hash_is_a_key() {
        assert!(BlobKey::parse(&"a".repeat(64)).is_some());
        for bad in ["", "../../etc/passwd", &"A".repeat(64), &"a".repeat(63)] {
            assert_eq!(BlobKey::parse(bad), None);
        }
    }
}

//! Checkpoints: what the table and the graph were at some moment, so that a start needs no rebuilding.
//!
//! `index.bin`: magic, length of the header, header (JSON: model, dimension, names, counts, checksum of the
//! graph's file), entries, vectors, and SHA-256 of all that. `graph.bin`: the graph as `usearch` writes it. Both are
//! written beside and renamed, the graph first; a graph that is not the one the header names is ignored. Nothing in
//! these files is needed: whatever is wrong with them, PostgreSQL has it all.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use cjhirashi_domain::id::{DocumentId, UserId};
use half::f16;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    graph::Graph,
    table::{BLOCK, Entry, Snapshot, Table},
};

const MAGIC: &[u8; 8] = b"CJHINDX1";
const ENTRY_BYTES: usize = 25;
/// No checkpoint takes longer to write.
const LEFT_AFTER: Duration = Duration::from_secs(3600);
/// A header beyond this is damage, not data.
const MAX_HEADER: u64 = 512 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    model: String,
    dimension: usize,
    entries: usize,
    documents: Vec<DocumentId>,
    /// `null` is the public's.
    owners: Vec<Option<UserId>>,
    graph: Option<GraphHeader>,
}

#[derive(Debug, Serialize, Deserialize)]
struct GraphHeader {
    sha256: [u8; 32],
    covered: usize,
}

/// Why a checkpoint was not used, in words for the log.
pub(super) enum NotLoaded {
    /// There is none: a first start.
    Missing,
    /// There is one that cannot be used.
    Unusable(String),
}

fn unusable(why: impl std::fmt::Display) -> NotLoaded {
    NotLoaded::Unusable(why.to_string())
}

/// Passes bytes through and sums them up.
struct Hashing<T> {
    inner: T,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn table_path(folder: &Path) -> PathBuf {
    folder.join("index.bin")
}

fn graph_path(folder: &Path) -> PathBuf {
    folder.join("graph.bin")
}

fn hash_file(path: &Path) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&buffer[..count]);
    }
}

/// A file on its way to its name, removed when it does not get there. Its own name is nobody else's, also where two
/// processes were given the same folder.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(path: &Path) -> Self {
        Self(path.with_extension(format!("{:016x}.tmp", rand::random::<u64>())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Removes what processes that were killed while they wrote left behind.
pub(super) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let left = entry.path().extension().is_some_and(|extension| extension == "tmp")
            && entry
                .metadata()
                .and_then(|data| data.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|since| since > LEFT_AFTER));
        if left {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Flushes a written file, gives it its name, and flushes the folder, so that a power cut leaves the old or the new.
fn publish(temporary: &Path, path: &Path) -> io::Result<()> {
    File::open(temporary)?.sync_all()?;
    fs::rename(temporary, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Writes the graph's file; its checksum and what it covers go into the table's header.
pub(super) fn save_graph(folder: &Path, graph: &Graph) -> io::Result<([u8; 32], usize)> {
    let temporary = Temporary::beside(&graph_path(folder));
    graph.save(&temporary.0).map_err(io::Error::other)?;
    let sha256 = hash_file(&temporary.0)?;
    publish(&temporary.0, &graph_path(folder))?;
    Ok((sha256, graph.covered()))
}

/// Writes the table's file.
pub(super) fn save_table(
    folder: &Path,
    model: &str,
    dimension: usize,
    snapshot: &Snapshot,
    graph: Option<([u8; 32], usize)>,
) -> io::Result<()> {
    let header = Header {
        model: model.to_owned(),
        dimension,
        entries: snapshot.entries.len(),
        documents: snapshot.documents.clone(),
        owners: snapshot.owners.clone(),
        graph: graph.map(|(sha256, covered)| GraphHeader { sha256, covered }),
    };
    let header = serde_json::to_vec(&header).map_err(io::Error::other)?;
    let temporary = Temporary::beside(&table_path(folder));
    let file = File::create(&temporary.0)?;
    let mut out = Hashing { inner: BufWriter::with_capacity(1 << 18, file), hash: Sha256::new() };
    out.write_all(MAGIC)?;
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    for entry in &snapshot.entries {
        out.write_all(&encode(entry))?;
    }
    let mut bytes = Vec::with_capacity(BLOCK * dimension * 2);
    for block in &snapshot.blocks {
        bytes.clear();
        bytes.extend(block.iter().flat_map(|value| value.to_le_bytes()));
        out.write_all(&bytes)?;
    }
    let checksum: [u8; 32] = out.hash.finalize().into();
    out.inner.write_all(&checksum)?;
    out.inner.flush()?;
    drop(out.inner);
    publish(&temporary.0, &table_path(folder))
}

fn encode(entry: &Entry) -> [u8; ENTRY_BYTES] {
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..8].copy_from_slice(&entry.ordinal.to_le_bytes());
    bytes[8..12].copy_from_slice(&entry.document.to_le_bytes());
    bytes[12..16].copy_from_slice(&entry.version.to_le_bytes());
    bytes[16..20].copy_from_slice(&entry.seq.to_le_bytes());
    bytes[20..24].copy_from_slice(&entry.owner.to_le_bytes());
    bytes[24] = u8::from(entry.alive);
    bytes
}

fn decode(bytes: [u8; ENTRY_BYTES]) -> Entry {
    let four = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    let mut ordinal = [0; 8];
    ordinal.copy_from_slice(&bytes[..8]);
    Entry {
        ordinal: i64::from_le_bytes(ordinal),
        document: u32::from_le_bytes(four(8)),
        version: i32::from_le_bytes(four(12)),
        seq: i32::from_le_bytes(four(16)),
        owner: u32::from_le_bytes(four(20)),
        alive: bytes[24] == 1,
    }
}

/// Reads a checkpoint of this model. A graph that cannot be used is left out without a word: it is built anew.
pub(super) fn load(folder: &Path, model: &str, dimension: usize) -> Result<(Table, Option<Graph>), NotLoaded> {
    let file = match File::open(table_path(folder)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(NotLoaded::Missing),
        Err(error) => return Err(unusable(error)),
    };
    let size = file.metadata().map_err(unusable)?.len();
    let mut input = Hashing { inner: BufReader::with_capacity(1 << 18, file), hash: Sha256::new() };

    let mut magic = [0; 8];
    input.read_exact(&mut magic).map_err(unusable)?;
    if &magic != MAGIC {
        return Err(unusable("it is not a checkpoint of this version"));
    }
    let mut length = [0; 8];
    input.read_exact(&mut length).map_err(unusable)?;
    let length = u64::from_le_bytes(length);
    if length > size.min(MAX_HEADER) {
        return Err(unusable("its header is damaged"));
    }
    let mut header = vec![0; usize::try_from(length).map_err(unusable)?];
    input.read_exact(&mut header).map_err(unusable)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| unusable("its header is damaged"))?;
    if header.model != model || header.dimension != dimension {
        return Err(unusable(format!("it holds vectors of {}, not of {model}", header.model)));
    }
    // Nothing is allocated for numbers that the file's own size does not bear out.
    let row_bytes = dimension as u64 * 2;
    let expected = (header.entries as u64)
        .checked_mul(row_bytes + ENTRY_BYTES as u64)
        .and_then(|bytes| bytes.checked_add(16 + length + 32));
    if expected != Some(size) {
        return Err(unusable("it is cut or too long"));
    }

    let mut entries = Vec::with_capacity(header.entries);
    for _ in 0..header.entries {
        let mut bytes = [0; ENTRY_BYTES];
        input.read_exact(&mut bytes).map_err(unusable)?;
        entries.push(decode(bytes));
    }
    let mut blocks = Vec::with_capacity(header.entries / BLOCK + 1);
    let mut left = header.entries;
    while left > 0 {
        let rows = left.min(BLOCK);
        let mut bytes = vec![0; rows * dimension * 2];
        input.read_exact(&mut bytes).map_err(unusable)?;
        let (pairs, _) = bytes.as_chunks::<2>();
        let mut values = vec![f16::ZERO; rows * dimension];
        for (value, pair) in values.iter_mut().zip(pairs) {
            *value = f16::from_le_bytes(*pair);
        }
        blocks.push(values.into());
        left -= rows;
    }
    let checksum: [u8; 32] = input.hash.finalize().into();
    let mut stored = [0; 32];
    input.inner.read_exact(&mut stored).map_err(unusable)?;
    if checksum != stored {
        return Err(unusable("its checksum does not match"));
    }

    let snapshot = Snapshot { entries, blocks, documents: header.documents, owners: header.owners };
    let table = Table::restore(dimension, snapshot).ok_or_else(|| unusable("its numbers do not fit together"))?;
    let graph = header.graph.and_then(|graph| {
        let path = graph_path(folder);
        let intact = hash_file(&path).is_ok_and(|sha256| sha256 == graph.sha256) && graph.covered <= table.len();
        if intact { Graph::load(&path, dimension, graph.covered).ok() } else { None }
    });
    Ok((table, graph))
}

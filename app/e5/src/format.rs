//! The file `E5S1`, little endian: header, tokenizer, directory, tensors.
//!
//! ```text
//! "E5S1" u32 version=1
//! i32 hidden, layers, heads, feed_forward, vocabulary, positions, types; f32 epsilon; i32 block=32
//! i32 pieces, bos, eos, pad, unknown; u64 bytes; u32 offsets[pieces + 1]; f32 scores[pieces]; bytes of the pieces
//! i32 rules, u32 bytes; rules { u32 from, u8 count, u32 to[count] }
//! i32 tensors; tensors { u16 length, name, u8 type, u32 values, u64 offset, u64 bytes }
//! ```
//! Matrices are rows of blocks of 32 weights: a 16-bit float, the scale, then 16 bytes whose low halves are weights
//! 0 to 15 and whose high halves are weights 16 to 31, each less 8. Everything else is 32-bit floats.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    path::Path,
};

use half::f16;

/// Weights in a block of 4-bit weights.
pub(crate) const BLOCK: usize = 32;
/// Bytes of a block.
pub(crate) const BLOCK_BYTES: usize = 18;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum E5Error {
    /// The file cannot be read.
    #[error("the model file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The file is not what it should be.
    #[error("the model file is damaged or of another kind: {0}")]
    Format(String),
}

pub(crate) fn damaged(what: impl Into<String>) -> E5Error {
    E5Error::Format(what.into())
}

/// The model's shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) feed_forward: usize,
    pub(crate) vocabulary: usize,
    pub(crate) positions: usize,
    pub(crate) epsilon: f32,
}

/// What the tokenizer is made from.
pub(crate) struct Vocabulary {
    pub(crate) bos: u32,
    pub(crate) eos: u32,
    pub(crate) unknown: u32,
    /// Where each piece begins in `bytes`, and the end of the last.
    pub(crate) offsets: Vec<u32>,
    /// The logarithm of each piece's probability.
    pub(crate) scores: Vec<f32>,
    pub(crate) bytes: Vec<u8>,
    /// What a character becomes before it is looked up.
    pub(crate) rules: Vec<(char, Vec<char>)>,
}

struct Tensor {
    offset: u64,
    bytes: u64,
}

/// An open model file whose header has been read.
pub(crate) struct ModelFile {
    file: File,
    length: u64,
    pub(crate) shape: Shape,
    tensors: HashMap<String, Tensor>,
}

/// Reads the part before the tensors in order, never past the file's end.
struct Header<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Header<R> {
    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, E5Error> {
        // Checked before the memory is taken: a wrong count must not become an allocation of gigabytes.
        let size = count as u64;
        if size > self.left {
            return Err(damaged("it ends too early"));
        }
        self.left -= size;
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], E5Error> {
        if N as u64 > self.left {
            return Err(damaged("it ends too early"));
        }
        self.left -= N as u64;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn u8(&mut self) -> Result<u8, E5Error> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16, E5Error> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, E5Error> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, E5Error> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn f32(&mut self) -> Result<f32, E5Error> {
        Ok(f32::from_le_bytes(self.array()?))
    }

    /// A count or size inside bounds.
    fn size(&mut self, what: &str, bounds: std::ops::RangeInclusive<u32>) -> Result<usize, E5Error> {
        let value = self.u32()?;
        if bounds.contains(&value) { Ok(value as usize) } else { Err(damaged(format!("{what} is {value}"))) }
    }
}

pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Unpacks whole blocks into weights; `out` holds 32 weights per block.
pub(crate) fn unpack(blocks: &[u8], out: &mut [f32]) {
    for (block, out) in blocks.chunks_exact(BLOCK_BYTES).zip(out.chunks_exact_mut(BLOCK)) {
        let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
        let (low, high) = out.split_at_mut(BLOCK / 2);
        for ((byte, low), high) in block[2..].iter().zip(low).zip(high) {
            *low = (f32::from(byte & 15) - 8.0) * scale;
            *high = (f32::from(byte >> 4) - 8.0) * scale;
        }
    }
}

impl ModelFile {
    /// Opens the file and reads everything before the tensors.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vocabulary), E5Error> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut header = Header { reader: BufReader::with_capacity(1 << 16, &file), left: length };
        if header.array::<4>()? != *b"E5S1" {
            return Err(damaged("it does not begin with E5S1"));
        }
        header.size("version", 1..=1)?;
        let shape = Shape {
            hidden: header.size("hidden", BLOCK as u32..=4096)?,
            layers: header.size("layers", 1..=64)?,
            heads: header.size("heads", 1..=64)?,
            feed_forward: header.size("feed_forward", BLOCK as u32..=16_384)?,
            vocabulary: header.size("vocabulary", 1..=2_000_000)?,
            positions: header.size("positions", 3..=8192)?,
            epsilon: {
                header.size("types", 1..=16)?;
                header.f32()?
            },
        };
        header.size("block", BLOCK as u32..=BLOCK as u32)?;
        if !shape.hidden.is_multiple_of(BLOCK)
            || !shape.feed_forward.is_multiple_of(BLOCK)
            || !shape.hidden.is_multiple_of(shape.heads)
            || !(0.0..1.0).contains(&shape.epsilon)
        {
            return Err(damaged("its sizes do not fit together"));
        }
        let vocabulary = read_vocabulary(&mut header, &shape)?;
        let tensors = read_directory(&mut header, length)?;
        Ok((Self { file, length, shape, tensors }, vocabulary))
    }

    /// Where a tensor of exactly this many bytes lies.
    pub(crate) fn locate(&self, name: &str, bytes: usize) -> Result<u64, E5Error> {
        let tensor = self.tensors.get(name).ok_or_else(|| damaged(format!("{name} is missing")))?;
        if tensor.bytes != bytes as u64 {
            return Err(damaged(format!("{name} has {} bytes instead of {bytes}", tensor.bytes)));
        }
        Ok(tensor.offset)
    }

    /// Bytes at a place in the file.
    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<(), E5Error> {
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.length) {
            return Err(damaged("a tensor lies beyond its end"));
        }
        self.file.read_exact_at(bytes, offset)?;
        Ok(())
    }

    /// A tensor of 32-bit floats.
    pub(crate) fn vector(&self, name: &str, count: usize) -> Result<Vec<f32>, E5Error> {
        let mut bytes = vec![0; count * 4];
        self.read_at(self.locate(name, count * 4)?, &mut bytes)?;
        Ok(floats(&bytes))
    }

    /// The first `count` floats of a tensor that holds at least as many.
    pub(crate) fn first_row(&self, name: &str, count: usize) -> Result<Vec<f32>, E5Error> {
        let tensor = self.tensors.get(name).ok_or_else(|| damaged(format!("{name} is missing")))?;
        if tensor.bytes < count as u64 * 4 {
            return Err(damaged(format!("{name} is too short")));
        }
        let mut bytes = vec![0; count * 4];
        self.read_at(tensor.offset, &mut bytes)?;
        Ok(floats(&bytes))
    }

    /// A matrix of 4-bit weights as it is in the file.
    pub(crate) fn blocks(&self, name: &str, rows: usize, columns: usize) -> Result<Vec<u8>, E5Error> {
        let mut bytes = vec![0; rows * (columns / BLOCK) * BLOCK_BYTES];
        self.read_at(self.locate(name, bytes.len())?, &mut bytes)?;
        Ok(bytes)
    }
}

fn read_vocabulary<R: Read>(header: &mut Header<R>, shape: &Shape) -> Result<Vocabulary, E5Error> {
    let pieces = header.size("pieces", 4..=2_000_000)?;
    if pieces > shape.vocabulary {
        return Err(damaged("it has more pieces than embeddings"));
    }
    let last = (pieces - 1) as u32;
    let bos = header.size("bos", 0..=last)? as u32;
    let eos = header.size("eos", 0..=last)? as u32;
    header.size("pad", 0..=last)?;
    let unknown = header.size("unknown", 0..=last)? as u32;
    let size = usize::try_from(header.u64()?).map_err(|_| damaged("its vocabulary is too large"))?;
    let offsets: Vec<u32> =
        header.bytes((pieces + 1) * 4)?.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if offsets.windows(2).any(|pair| pair[0] > pair[1]) || offsets.last().is_none_or(|&end| end as usize > size) {
        return Err(damaged("its pieces overlap"));
    }
    let scores = floats(&header.bytes(pieces * 4)?);
    if scores.iter().any(|score| !score.is_finite()) {
        return Err(damaged("a score is not a number"));
    }
    let bytes = header.bytes(size)?;

    let count = header.size("rules", 0..=1_000_000)?;
    let size = u64::from(header.u32()?);
    if size > header.left {
        return Err(damaged("it ends too early"));
    }
    let after = header.left - size;
    let character = |code: u32| char::from_u32(code).ok_or_else(|| damaged("a rule names no character"));
    let mut rules = Vec::with_capacity(count.min(1 << 16));
    for _ in 0..count {
        let from = character(header.u32()?)?;
        let to = (0..header.u8()?).map(|_| character(header.u32()?)).collect::<Result<Vec<_>, _>>()?;
        rules.push((from, to));
    }
    if header.left != after {
        return Err(damaged("its rules have another length than it says"));
    }
    Ok(Vocabulary { bos, eos, unknown, offsets, scores, bytes, rules })
}

fn read_directory<R: Read>(header: &mut Header<R>, length: u64) -> Result<HashMap<String, Tensor>, E5Error> {
    let count = header.size("tensors", 1..=4096)?;
    let mut tensors = HashMap::with_capacity(count);
    for _ in 0..count {
        let size = header.u16()?;
        let name = String::from_utf8(header.bytes(size.into())?).map_err(|_| damaged("a name is not text"))?;
        let (_type, _values) = (header.u8()?, header.u32()?);
        let (offset, bytes) = (header.u64()?, header.u64()?);
        if offset.checked_add(bytes).is_none_or(|end| end > length) {
            return Err(damaged(format!("{name} lies beyond its end")));
        }
        tensors.insert(name, Tensor { offset, bytes });
    }
    Ok(tensors)
}

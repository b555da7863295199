//! The encoder: pieces in, one vector out.

use std::path::Path;

use crate::{
    format::{BLOCK, BLOCK_BYTES, E5Error, ModelFile, Shape, damaged, unpack},
    kernels::{Layout, add_and_normalise, exponentials, gelu, multiply},
    packed::{self, PackedMatrix, Rounded},
    tokenizer::Tokenizer,
};

/// The most pieces of one text that are looked at; what follows does not count. Four windows of the model's own
/// length, so that no text costs more than about a second of one processor.
pub const MAX_TOKENS: usize = 2040;

/// The most characters of one text that are cut into pieces: no piece is longer than 16 characters.
const MAX_CHARACTERS: usize = MAX_TOKENS * 16;

/// Rows of attention that are scored together: at full length they take 128 kB.
const SCORED_ROWS: usize = 64;

/// What a text is for. The model was trained with these words in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A question.
    Query,
    /// A passage that may answer one.
    Passage,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Query => "query: ",
            Self::Passage => "passage: ",
        }
    }
}

/// A matrix of weights, one row per output, with a bias.
struct Linear {
    weights: Weights,
    bias: Vec<f32>,
    inputs: usize,
}

enum Weights {
    /// In 4 bits, for processors that multiply them as they are.
    Packed(PackedMatrix),
    /// Unpacked, for all others.
    Floats(Vec<f32>),
}

/// Weight and bias of a layer norm.
struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

struct Layer {
    /// Query, key and value in one, 3 x hidden rows.
    attention: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    feed_forward_in: Linear,
    feed_forward_out: Linear,
    feed_forward_norm: Norm,
}

/// The model, ready to compute. Takes about 40 MB, or 110 MB on processors without AVX2; loading takes a fraction of a
/// second.
///
/// The embeddings of the 250,000 pieces, three quarters of
/// the file, stay in it: a text reads the rows it needs, which costs microseconds and saves 54 MB.
pub struct E5 {
    shape: Shape,
    file: ModelFile,
    words_at: u64,
    /// Per position, with the embedding of the only text type added.
    positions: Vec<f32>,
    embedding_norm: Norm,
    layers: Vec<Layer>,
    tokenizer: Tokenizer,
}

/// Memory that is used again from text to text of one batch; about 9 MB for texts of full length.
#[derive(Default)]
pub struct Scratch {
    floats: Vec<f32>,
    blocks: Vec<u8>,
    rounded: Rounded,
}

impl E5 {
    /// Loads a model file.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn open(path: &Path) -> Result<Self, E5Error> {
        Self::load(path, packed::is_supported())
    }

    /// Loads a model file to compute in floats, as on a processor without AVX2: slower and larger, but without the
    /// rounding of the fast way. For comparing the two.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn open_in_floats(path: &Path) -> Result<Self, E5Error> {
        Self::load(path, false)
    }

    fn load(path: &Path, packed: bool) -> Result<Self, E5Error> {
        let (file, vocabulary) = ModelFile::open(path)?;
        let tokenizer = Tokenizer::new(vocabulary)?;
        let shape = file.shape;
        let Shape { hidden, feed_forward, .. } = shape;
        let words_at = file.locate("emb.word", shape.vocabulary * (hidden / BLOCK) * BLOCK_BYTES)?;
        let mut positions = file.vector("emb.pos", shape.positions * hidden)?;
        // A file may hold several text types; this model was trained with the first for all texts.
        let types = file.first_row("emb.type", hidden)?;
        for row in positions.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&types).for_each(|(position, kind)| *position += kind);
        }
        let norm = |name: String| -> Result<Norm, E5Error> {
            Ok(Norm {
                weight: file.vector(&format!("{name}.w"), hidden)?,
                bias: file.vector(&format!("{name}.b"), hidden)?,
            })
        };
        let linear = |layer: usize, parts: &[&str], inputs: usize, outputs: usize| -> Result<Linear, E5Error> {
            let mut blocks = Vec::with_capacity(parts.len() * outputs * (inputs / BLOCK) * BLOCK_BYTES);
            let mut bias = Vec::with_capacity(parts.len() * outputs);
            for part in parts {
                blocks.extend(file.blocks(&format!("l{layer}.{part}.w"), outputs, inputs)?);
                bias.extend(file.vector(&format!("l{layer}.{part}.b"), outputs)?);
            }
            let weights = if packed {
                Weights::Packed(PackedMatrix::new(&blocks, bias.len(), inputs))
            } else {
                let mut floats = vec![0.0; bias.len() * inputs];
                unpack(&blocks, &mut floats);
                Weights::Floats(floats)
            };
            Ok(Linear { weights, bias, inputs })
        };
        let layers = (0..shape.layers)
            .map(|n| {
                Ok(Layer {
                    attention: linear(n, &["q", "k", "v"], hidden, hidden)?,
                    attention_out: linear(n, &["ao"], hidden, hidden)?,
                    attention_norm: norm(format!("l{n}.aln"))?,
                    feed_forward_in: linear(n, &["fi"], hidden, feed_forward)?,
                    feed_forward_out: linear(n, &["fo"], feed_forward, hidden)?,
                    feed_forward_norm: norm(format!("l{n}.oln"))?,
                })
            })
            .collect::<Result<_, E5Error>>()?;
        let embedding_norm = norm("emb.ln".to_owned())?;
        Ok(Self { shape, file, words_at, positions, embedding_norm, layers, tokenizer })
    }

    /// Numbers per vector.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.shape.hidden
    }

    /// The most pieces of a passage that are read in one window, beside the words in front of it and the marks of its
    /// beginning and end. A longer one costs a second window.
    #[must_use]
    pub fn passage_tokens(&self) -> usize {
        // The space at the prefix's end belongs to the passage's first piece.
        (self.shape.positions - 2).saturating_sub(self.tokenizer.count_tokens(Kind::Passage.prefix().trim_end()))
    }

    /// The model's own tokenizer.
    #[must_use]
    pub const fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// One text as a vector of length 1. Takes one thread; deterministic on one processor.
    ///
    /// A text longer than the model's window (510 pieces) is read window by window; the vectors are averaged by their
    /// pieces. What lies behind [`MAX_TOKENS`] does not count.
    ///
    /// # Errors
    /// The model file can no longer be read, or holds weights that are no numbers.
    pub fn embed(&self, text: &str, kind: Kind, scratch: &mut Scratch) -> Result<Vec<f32>, E5Error> {
        let cut = text.char_indices().nth(MAX_CHARACTERS).map_or(text.len(), |(at, _)| at);
        let mut pieces = self.tokenizer.tokenize(&format!("{}{}", kind.prefix(), &text[..cut]));
        pieces.truncate(MAX_TOKENS);
        let mut vector = vec![0.0; self.shape.hidden];
        for window in pieces.chunks(self.shape.positions - 2) {
            self.add_window(window, scratch, &mut vector)?;
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if !length.is_finite() || length <= 0.0 {
            return Err(damaged("its weights give a vector without direction"));
        }
        vector.iter_mut().for_each(|value| *value /= length);
        Ok(vector)
    }

    /// Runs one window through the encoder and adds the mean of its positions, times its pieces, to `vector`.
    fn add_window(&self, window: &[u32], scratch: &mut Scratch, vector: &mut [f32]) -> Result<(), E5Error> {
        let Shape { hidden, heads, feed_forward, epsilon, .. } = self.shape;
        let length = window.len() + 2;
        let head = hidden / heads;

        let sizes = [
            length * hidden,       // states
            length * 3 * hidden,   // query, key and value
            length * hidden,       // context
            length * hidden,       // out of a sublayer
            length * feed_forward, // inside of the feed-forward sublayer
            SCORED_ROWS * length,  // scores of some rows of one head
            SCORED_ROWS,           // one over the sum of each of these rows
        ];
        let Scratch { floats, blocks, rounded } = scratch;
        floats.resize(sizes.iter().sum(), 0.0);
        let (states, rest) = floats.split_at_mut(sizes[0]);
        let (qkv, rest) = rest.split_at_mut(sizes[1]);
        let (context, rest) = rest.split_at_mut(sizes[2]);
        let (out, rest) = rest.split_at_mut(sizes[3]);
        let (inside, rest) = rest.split_at_mut(sizes[4]);
        let (scores, inverses) = rest.split_at_mut(sizes[5]);

        let pieces = std::iter::once(self.tokenizer.bos)
            .chain(window.iter().copied())
            .chain(std::iter::once(self.tokenizer.eos));
        blocks.resize(hidden / BLOCK * BLOCK_BYTES, 0);
        for (piece, row) in pieces.zip(states.chunks_exact_mut(hidden)) {
            self.file.read_at(self.words_at + u64::from(piece) * blocks.len() as u64, blocks)?;
            unpack(blocks, row);
        }
        add_and_normalise(
            states,
            &self.positions[..length * hidden],
            &self.embedding_norm.weight,
            &self.embedding_norm.bias,
            epsilon,
        );

        let by_head = Layout::rows(length, head, 3 * hidden);
        let scale = 1.0 / (head as f32).sqrt();
        for layer in &self.layers {
            layer.attention.apply(states, qkv, length, rounded);
            for n in 0..heads {
                let (key, value) = (&qkv[hidden + n * head..], &qkv[2 * hidden + n * head..]);
                // Some rows at a time, so that their scores stay in the cache between the three steps.
                for first in (0..length).step_by(SCORED_ROWS) {
                    let count = SCORED_ROWS.min(length - first);
                    let query = &qkv[first * 3 * hidden + n * head..];
                    let context = &mut context[first * hidden + n * head..];
                    let (some, scored) = (Layout::rows(count, head, 3 * hidden), Layout::rows(count, length, length));
                    multiply((query, some), (key, by_head.transposed()), (&mut *scores, scored), scale, false);
                    exponentials(&mut scores[..count * length], length, inverses);
                    let into = Layout::rows(count, head, hidden);
                    multiply((&*scores, scored), (value, by_head), (&mut *context, into), 1.0, false);
                    // Dividing the few values here is cheaper than dividing every weight.
                    for (row, inverse) in context.chunks_mut(hidden).zip(&inverses[..count]) {
                        row[..head].iter_mut().for_each(|value| *value *= inverse);
                    }
                }
            }
            layer.attention_out.apply(context, out, length, rounded);
            layer.attention_norm.apply(states, out, epsilon);
            layer.feed_forward_in.apply(states, inside, length, rounded);
            gelu(inside);
            layer.feed_forward_out.apply(inside, out, length, rounded);
            layer.feed_forward_norm.apply(states, out, epsilon);
        }

        let weight = window.len().max(1) as f32 / length as f32;
        for row in states.chunks_exact(hidden) {
            vector.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * weight);
        }
        Ok(())
    }
}

impl Linear {
    /// `outputs = bias + weights * inputs`, for each of `length` rows.
    fn apply(&self, inputs: &[f32], outputs: &mut [f32], length: usize, rounded: &mut Rounded) {
        let width = self.bias.len();
        match &self.weights {
            Weights::Packed(weights) => {
                rounded.round(inputs);
                weights.apply(rounded, &self.bias, outputs);
            }
            Weights::Floats(weights) => {
                for row in outputs.chunks_exact_mut(width) {
                    row.copy_from_slice(&self.bias);
                }
                multiply(
                    (inputs, Layout::rows(length, self.inputs, self.inputs)),
                    (weights, Layout::rows(width, self.inputs, self.inputs).transposed()),
                    (outputs, Layout::rows(length, width, width)),
                    1.0,
                    true,
                );
            }
        }
    }
}

impl Norm {
    fn apply(&self, states: &mut [f32], added: &[f32], epsilon: f32) {
        add_and_normalise(states, added, &self.weight, &self.bias, epsilon);
    }
}
